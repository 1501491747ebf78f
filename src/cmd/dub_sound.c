/* cmd/dub_sound.c - sound: of a WAV, and through the tape's passes one after the other. */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "cmd/dub.h"
#include "wire/wav.h"

/* ---- WAV ---- */
enum { CHUNK = 2048 };
struct wav_sound {
    struct dub_sound sound;      /* mono may be told as stereo */
    struct wav wav;
    struct io *io;
    int64_t at;
    uint8_t bytes[CHUNK * 8];
};

static enum vcr_err wav_read(struct dub_sound *s, int16_t *pcm, int n, int *ret_n, struct vcr_why *why)
{
    struct wav_sound *w = container_of(s, struct wav_sound, sound);
    size_t each = (size_t)w->wav.channels * (size_t)w->wav.bits / 8;
    n = (int)VCR_MIN(VCR_MIN(n, CHUNK), w->wav.frames - w->at);
    *ret_n = n;
    if (n == 0)
        return VCR_OK;
    enum vcr_err err = io_pread_all(w->io, w->bytes, (size_t)n * each, w->wav.at + (uint64_t)w->at * each, why);
    if (err == VCR_OK)
        wav_to_int16(&w->wav, w->bytes, n, pcm);
    for (int i = n - 1; s->channels > w->wav.channels && i >= 0; i--)
        pcm[2 * i + 1] = pcm[2 * i] = pcm[i];
    w->at += n;
    return err;
}

static void wav_close(struct dub_sound *s) { free(container_of(s, struct wav_sound, sound)); }

enum vcr_err dub_wav_open(struct dub_input *in, bool as_it_is, struct vcr_why *why)
{
    static const struct dub_sound_ops ops = { wav_read, wav_close };
    struct wav_sound *w = vcr_alloc(sizeof(*w));
    enum vcr_err err = wav_open(&w->wav, in->io, why);
    if (err != VCR_OK) {
        free(w);
        return err;
    }
    w->io = in->io;
    w->sound = (struct dub_sound){ &ops, w->wav.rate, as_it_is ? w->wav.channels : 2, w->wav.frames };
    if (w->wav.cut)
        snprintf(in->warning, sizeof(in->warning), "IN ends before its sound does: %lld samples are whole and dubbed", (long long)w->wav.frames);
    in->sound = &w->sound;
    return VCR_OK;
}

/* ---- through the tape ---- */
struct dub_track {
    /* set by open, then read-only */
    int64_t tape_us;
    bool untouched, silent;
    /* its own */
    struct dub_sound *from;
    struct signal_audio *audio;
    int64_t at;
};

enum vcr_err dub_track_open(struct dub_track **ret, const struct dub_options *o, const struct signal_profile *p, enum signal_standard standard, struct dub_sound *from, int64_t tape_us,
                            bool untouched, struct vcr_why *why)
{
    struct dub_track *t = vcr_alloc(sizeof(*t));
    *t = (struct dub_track){ .tape_us = tape_us, .untouched = untouched, .silent = o->mode != DUB_PLAY, .from = from };
    enum vcr_err err = signal_audio_open(&t->audio, standard, o->seed, why);
    if (err != VCR_OK) {
        dub_track_close(&t);
        return err;
    }
    signal_audio_set_profile(t->audio, p);
    signal_audio_set_tape_speed(t->audio, o->tape_speed);
    signal_audio_set_heads(t->audio, dub_tracking_q8(o), o->wear_16);
    signal_audio_set_pass(t->audio, o->pass);
    signal_audio_set_generation(t->audio, o->generation);
    *ret = t;
    return VCR_OK;
}

void dub_track_close(struct dub_track **t)
{
    if (!*t)
        return;
    signal_audio_close(&(*t)->audio);
    free(*t);
    *t = NULL;
}

enum vcr_err dub_track_read(struct dub_track *t, int16_t *pcm, int n, int *ret_n, struct vcr_why *why)
{
    if (t->silent) { /* a deck mutes whatever is not PLAY */
        memset(pcm, 0, (size_t)n * 2 * sizeof(*pcm));
        *ret_n = n;
        return VCR_OK;
    }
    enum vcr_err err = t->from->ops->read(t->from, pcm, n, ret_n, why);
    if (err != VCR_OK || t->untouched || *ret_n == 0)
        return err;
    signal_audio_render(t->audio, SIGNAL_SOUND_HIFI, t->tape_us + (t->at * 1000000 + DUB_HZ / 2) / DUB_HZ, pcm, pcm, *ret_n);
    t->at += *ret_n;
    return VCR_OK;
}
