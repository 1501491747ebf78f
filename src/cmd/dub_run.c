/* cmd/dub_run.c - the sealed part of `vcr dub`: input, deck and outputs put together, picture by picture with the sound that goes with it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "cmd/dub.h"
#include "wire/json.h"

enum { SOUND_CHUNK = 1024, OUTS_MAX = 2, BAR_CELLS = 30, TELL_US = 200000 };

struct job {
    const struct dub_options *options;
    bool terminal;
    struct dub_input input;
    enum signal_standard standard;
    struct signal_profile profile;
    struct dub_deck *deck;
    struct dub_track *track;
    struct dub_out *out[OUTS_MAX];
    int outs;
    bool untouched, as_it_is;    /* the sound: nothing is done to it; it keeps its rate and channels, too */
    int rate_num, rate_den;      /* of the pictures, or of what they would be */
    int64_t pictures, samples;   /* done */
    int64_t told_us, begun_us;
};

static enum vcr_err open_input(struct job *j, struct vcr_why *why)
{
    const struct dub_options *o = j->options;
    bool sound_only = o->kind == DUB_WAV, needs_sound = sound_only || o->audio_out;
    struct signal_profile any;
    /* whether the sound is touched does not depend on the standard */
    enum vcr_err err = dub_profile(&any, o, o->standard < 0 ? SIGNAL_NTSC : (enum signal_standard)o->standard, why);
    if (err != VCR_OK)
        return err;
    j->untouched = dub_sound_untouched(o, &any);
    j->as_it_is = j->untouched && (o->kind == DUB_WAV || o->kind == DUB_Y4M);
    err = dub_input_open(&j->input, !sound_only, needs_sound || o->kind == DUB_MP4 || o->kind == DUB_MKV, j->as_it_is, why);
    if (err != VCR_OK)
        return err;
    if (!sound_only && !j->input.film)
        return vcr_fail(why, VCR_E_INVALID, "IN holds no picture: OUT can only be a .wav");
    if (needs_sound && !j->input.sound)
        return vcr_fail(why, VCR_E_INVALID, "IN holds no sound: there is nothing for %s", o->audio_out ? "--audio-out" : "a .wav");
    return VCR_OK;
}

/* 25 or 50 pictures a second, or 576 lines: PAL. */
static enum signal_standard standard_of(const struct job *j)
{
    const struct dub_film *f = j->input.film;
    if (j->options->standard >= 0)
        return (enum signal_standard)j->options->standard;
    if (!f || f->format.height == 480 || f->format.height == 240)
        return SIGNAL_NTSC;
    bool by_25 = f->format.rate_num % ((int64_t)25 * f->format.rate_den) == 0;
    return f->format.height == 576 || f->format.height == 288 || by_25 ? SIGNAL_PAL : SIGNAL_NTSC;
}

static enum vcr_err open_out(struct job *j, enum dub_kind kind, int fd, struct vcr_why *why)
{
    struct dub_out **to = &j->out[j->outs];
    const struct dub_sound *s = j->input.sound;
    j->outs++;
    if (kind == DUB_Y4M)
        return dub_y4m_out(to, fd, &j->input.film->format, j->input.line, why);
    if (kind == DUB_WAV)
        return dub_wav_out(to, fd, j->as_it_is ? s->rate : DUB_HZ, j->as_it_is ? s->channels : 2, why);
    return dub_film_out(to, fd, kind, &j->input.film->format, s != NULL, why);
}

static enum vcr_err open_all(struct job *j, struct vcr_why *why)
{
    const struct dub_options *o = j->options;
    enum vcr_err err = open_input(j, why);
    if (err != VCR_OK)
        return err;
    j->standard = standard_of(j);
    j->rate_num = j->input.film ? j->input.film->format.rate_num : j->standard == SIGNAL_PAL ? 25 : 30000;
    j->rate_den = j->input.film ? j->input.film->format.rate_den : j->standard == SIGNAL_PAL ? 1 : 1001;
    err = dub_profile(&j->profile, o, j->standard, why);
    if (err == VCR_OK && j->input.film)
        err = dub_deck_open(&j->deck, o, &j->profile, j->standard, j->input.film, why);
    if (err == VCR_OK && j->input.sound)
        err = dub_track_open(&j->track, o, &j->profile, j->standard, j->input.sound, o->tape_at_us, j->untouched, why);
    if (err == VCR_OK)
        err = open_out(j, o->kind, DUB_FD_OUT, why);
    if (err == VCR_OK && o->audio_out)
        err = open_out(j, DUB_WAV, DUB_FD_SOUND_OUT, why);
    return err;
}

/* ---- telling ---- */
static void tell(struct job *j, int64_t done, int64_t of)
{
    int64_t now = clock_mono_us();
    if ((!j->terminal && !j->options->json) || (done < of && now - j->told_us < TELL_US))
        return;
    j->told_us = now;
    double part = of > 0 ? (double)done / (double)of : 0;
    if (j->options->json) {
        fprintf(stderr, "{\"progress\":%.4f,\"frames\":%lld}\n", part, (long long)j->pictures);
        return;
    }
    char bar[BAR_CELLS + 1];
    for (int i = 0; i < BAR_CELLS; i++)
        bar[i] = i < (int)(part * BAR_CELLS) ? '#' : '-';
    bar[BAR_CELLS] = '\0';
    fprintf(stderr, "\r[%s] %3d %%  %.1f frames/s ", bar, (int)(part * 100), (double)j->pictures * 1e6 / (double)VCR_MAX(now - j->begun_us, 1));
    if (done >= of)
        fputc('\n', stderr);
}

static void report(const struct job *j)
{
    char text[160];
    struct buf b;
    struct jsonw w;
    int64_t made = 0;
    double seconds = j->deck ? dub_deck_signal_s(j->deck, &made) : 0, fps = seconds > 0 ? (double)made / seconds : 0;
    const char *isa = j->deck ? dub_deck_isa(j->deck) : "none";
    buf_init(&b, 16384);
    jsonw_init(&w, &b);
    jsonw_open(&w, NULL);
    jsonw_int(&w, "frames", j->pictures);
    jsonw_int(&w, "samples", j->samples);
    jsonw_str(&w, "profile", j->options->profile);
    jsonw_str(&w, "standard", j->standard == SIGNAL_PAL ? "pal" : "ntsc");
    jsonw_str(&w, "mode", dub_mode_names[j->options->mode]);
    if (j->input.film) {
        jsonw_int(&w, "width", j->input.film->format.width);
        jsonw_int(&w, "height", j->input.film->format.height);
    }
    if (j->options->stats) {
        jsonw_num(&w, "signal_fps", fps);
        jsonw_str(&w, "isa", isa);
    }
    jsonw_str(&w, "warning", j->input.warning[0] ? j->input.warning : NULL);
    jsonw_close(&w);
    if (j->options->json) {
        vcr_write_all(DUB_FD_REPORT, b.data, b.len);
        vcr_write_all(DUB_FD_REPORT, "\n", 1);
    } else if (j->options->stats) {
        int n = snprintf(text, sizeof(text), "signal: %.1f frames/s (%s), %lld frames\n", fps, isa, (long long)j->pictures);
        vcr_write_all(DUB_FD_REPORT, text, (size_t)n);
    }
    buf_free(&b);
}

/* ---- the work ---- */
/* The sound up to there, as long as there is any. */
static enum vcr_err sound_until(struct job *j, int64_t until, bool *ret_more, struct vcr_why *why)
{
    int16_t pcm[SOUND_CHUNK * 2];
    enum vcr_err err = VCR_OK;
    *ret_more = j->track != NULL;
    while (err == VCR_OK && j->track && j->samples < until) {
        int n = 0;
        err = dub_track_read(j->track, pcm, (int)VCR_MIN(SOUND_CHUNK, until - j->samples), &n, why);
        *ret_more = n > 0;
        if (n == 0)
            break;
        for (int i = 0; err == VCR_OK && i < j->outs; i++)
            if (j->out[i]->ops->sound)
                err = j->out[i]->ops->sound(j->out[i], pcm, n, why);
        j->samples += n;
    }
    return err;
}

static int64_t samples_of(const struct job *j, int64_t pictures)
{
    int64_t rate = j->as_it_is && j->input.sound ? j->input.sound->rate : DUB_HZ;
    return (int64_t)((dub_wide)pictures * rate * j->rate_den / j->rate_num);
}

static enum vcr_err play(struct job *j, struct vcr_why *why)
{
    int64_t total = dub_deck_frames(j->deck);
    bool more;
    enum vcr_err err = VCR_OK;
    for (int64_t n = 0; err == VCR_OK && n < total; n++) {
        const struct picture *p = NULL;
        err = dub_deck_picture(j->deck, n, &p, why);
        for (int i = 0; err == VCR_OK && i < j->outs; i++)
            if (j->out[i]->ops->picture)
                err = j->out[i]->ops->picture(j->out[i], p, why);
        j->pictures++;
        if (err == VCR_OK)
            err = sound_until(j, samples_of(j, j->pictures), &more, why);
        tell(j, n + 1, total);
    }
    return err;
}

/* Sound alone: as long as it is, at the speed of the mode; silent in all but PLAY. */
static enum vcr_err listen(struct job *j, struct vcr_why *why)
{
    const struct dub_options *o = j->options;
    int64_t total = j->input.sound->frames, limit = o->frames ? samples_of(j, o->frames) : INT64_MAX, speed = VCR_MAX(o->speed, -o->speed);
    if (total >= 0 && speed > 0)
        total = total * DUB_SPEED_ONE / speed;
    int64_t end = total >= 0 && speed > 0 ? VCR_MIN(total, limit) : limit;
    if (end == INT64_MAX && o->mode != DUB_PLAY)
        return vcr_fail(why, VCR_E_INVALID, "--mode %s: how long the sound of IN is, nobody told: say --frames N", dub_mode_names[o->mode]);
    bool more = true;
    enum vcr_err err = VCR_OK;
    while (err == VCR_OK && more && j->samples < end) {
        err = sound_until(j, VCR_MIN(j->samples + DUB_HZ, end), &more, why);
        tell(j, j->samples, end == INT64_MAX ? 0 : end);
    }
    return err;
}

static void look_for_damage(struct job *j)
{
    const struct dub_film *f = j->input.film;
    int n = f && f->ops->damaged ? f->ops->damaged(f) : 0;
    if (n > 0 && !j->input.warning[0])
        snprintf(j->input.warning, sizeof(j->input.warning), "IN is damaged or ends early: pictures were missing in %d places, and those beside them stand for them", n);
}

enum vcr_err dub_run(const struct dub_options *o, bool terminal, struct vcr_why *why)
{
    struct job *j = vcr_alloc(sizeof(*j));
    j->options = o;
    j->terminal = terminal;
    j->begun_us = clock_mono_us();
    enum vcr_err err = open_all(j, why);
    if (err == VCR_OK)
        err = j->deck ? play(j, why) : listen(j, why);
    for (int i = 0; err == VCR_OK && i < j->outs; i++)
        err = j->out[i]->ops->finish(j->out[i], why);
    if (err == VCR_OK)
        look_for_damage(j);
    if (err == VCR_OK && j->input.warning[0] && !o->json)
        fprintf(stderr, "vcr dub: warning: %s\n", j->input.warning);
    if (err == VCR_OK)
        report(j);
    for (int i = 0; i < OUTS_MAX; i++)
        if (j->out[i])
            j->out[i]->ops->close(j->out[i]);
    dub_track_close(&j->track);
    dub_deck_close(&j->deck);
    dub_input_close(&j->input);
    free(j);
    return err;
}
