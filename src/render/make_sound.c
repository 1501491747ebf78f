/* render/make_sound.c - the sound of a segment: the Opus reel through the tape's sound head, as a deck in settled PLAY plays it, to AAC, or to Opus for sessions.
 *
 * Frame m of the grid is heard from m * 1024 / 48000 s on (Opus: m * 20 ms). Encoding begins PREROLL frames before the segment and goes on past its end, and only the segment's own packets
 * are kept: they are those that an encoder running through the whole tape would make, but for what its rate control remembers, so the halves of the transform's windows
 * that meet at a border fit each other. */
#include <string.h>

#include "base/util.h"
#include "deck/snapshot.h"
#include "media/canon.h"
#include "media/encode.h"
#include "render/make_internal.h"
#include "render/splice.h"
#include "render/tune.h"
#include "signal/settings.h"

/* 256 ms (Opus: 240) for the encoder, to choose its windows as it would have. And a second for the tape's sound: after that the expander of the Hi-Fi track, which takes the longest,
 * has forgotten where it began, to the last bit. */
enum { PREROLL = 12, HEARD_BEFORE = 38 };

struct heard {
    struct make *make;
    struct tune *tune;           /* NULL: the job has parts */
    struct signal_audio *signal; /* NULL until the first sound, whose tape it is opened for */
    uint8_t tape_speed;          /* of signal */
    enum signal_sound sound;
    int frame;                   /* sample pairs in one of the grid */
    int64_t next;                /* sample pair that comes out of tune next */
    int16_t store[(MAKE_SOUND_FRAME + AUDIO_FRAME) * 2];
    int have;
};

/* The first microsecond that lies in sample pair n. */
static int64_t place_us(int64_t n) { return (n * 1000 + 47) / 48; }

static void read_tape(struct heard *h)
{
    bool jumped;
    for (; h->have < h->frame; h->have += AUDIO_FRAME, h->next += AUDIO_FRAME) {
        int16_t *to = h->store + 2 * h->have;
        if (h->tune)
            tune_read(h->tune, place_us(h->next), to, &jumped);
        else
            splice_read(h->make->recordings, place_us(h->next), to, &jumped);
    }
}

static enum vcr_err ready_signal(struct heard *h, uint64_t seed, uint8_t tape_speed, struct vcr_why *why)
{
    const struct make_job *j = h->make->job;
    const enum signal_standard standard = j->pal ? SIGNAL_PAL : SIGNAL_NTSC;
    const bool is_new = !h->signal;
    enum vcr_err err = is_new ? signal_audio_open(&h->signal, standard, seed, why) : VCR_OK;
    if (err != VCR_OK)
        return err;
    if (is_new || h->tape_speed != tape_speed) { /* a look's figures are those of its speed */
        struct signal_profile profile;
        signal_profile_shown(&profile, j->look, standard, tape_speed);
        signal_audio_set_profile(h->signal, &profile);
        h->tape_speed = tape_speed;
    }
    signal_audio_set_tape(h->signal, seed); /* where one recording begins over another, one hears it */
    signal_audio_set_tape_speed(h->signal, tape_speed);
    return VCR_OK;
}

/* The recording at a place goes through its own damage; unrecorded tape is silent, but for the frame in which a recording begins. */
static enum vcr_err ready_part(struct heard *h, int64_t tape_us, enum signal_sound *ret, struct vcr_why *why)
{
    struct recording at;
    const struct make_job *j = h->make->job;
    *ret = h->sound;
    if (!h->make->recordings)
        return ready_signal(h, j->seed, j->tape_speed, why);
    recordings_at(h->make->recordings, tape_us, &at);
    if (at.state == RECORDING_NONE)
        recordings_coming(h->make->recordings, tape_us, h->frame * INT64_C(1000) / 48, &at);
    if (at.state != RECORDING_THERE)
        *ret = SIGNAL_SOUND_MUTED;
    if (at.state != RECORDING_NONE)
        return ready_signal(h, at.seed, at.tape_speed, why);
    return h->signal ? VCR_OK : ready_signal(h, j->seed, j->tape_speed, why);
}

/* One frame of the grid; before the tape's start there is silence. */
static enum vcr_err hear(struct heard *h, int64_t frame, int16_t *pcm, struct vcr_why *why)
{
    int64_t from_us = place_us(frame * h->frame);
    size_t bytes = (size_t)h->frame * 2 * sizeof(*pcm);
    enum signal_sound sound;
    memset(pcm, 0, bytes);
    if (frame < 0)
        return VCR_OK;
    enum vcr_err err = ready_part(h, from_us, &sound, why);
    if (err != VCR_OK)
        return err;
    read_tape(h);
    if (make_is_clean(h->make))
        memcpy(pcm, h->store, bytes);
    else
        signal_audio_render(h->signal, sound, from_us, h->store, pcm, h->frame);
    h->have -= h->frame;
    memmove(h->store, h->store + 2 * h->frame, (size_t)h->have * 2 * sizeof(*h->store));
    return VCR_OK;
}

static enum vcr_err open_heard(struct make *m, struct heard *h, struct vcr_why *why)
{
    static const enum signal_sound sounds[] = { [DECK_SOUND_MUTED] = SIGNAL_SOUND_MUTED, [DECK_SOUND_LINEAR] = SIGNAL_SOUND_LINEAR, [DECK_SOUND_HIFI] = SIGNAL_SOUND_HIFI };
    const struct make_job *j = m->job;
    enum vcr_err err = VCR_OK;
    h->make = m;
    if (!m->recordings && (m->reel_fd < 0 || m->index_fd < 0))
        return vcr_fail(why, VCR_E_INVALID, "a segment without its reel");
    if (!m->recordings) {
        err = tune_open(&h->tune, m->reel_fd, m->index_fd, why);
        m->reel_fd = m->index_fd = -1;
    }
    if (err != VCR_OK)
        return err;
    h->sound = sounds[j->sound];
    return VCR_OK;
}

/* Either of the two. */
struct coder {
    struct aac_encoder *aac;
    struct audio_encoder *opus;
    int delay;                   /* frames */
};

static enum vcr_err open_coder(struct coder *c, const struct make_job *j, struct vcr_why *why)
{
    c->delay = j->kind == MAKE_TAPE_OPUS ? 0 : AAC_DELAY;
    return j->kind == MAKE_TAPE_OPUS ? audio_encoder_open(&c->opus, j->max_bps, why) : aac_encoder_open(&c->aac, j->max_bps, why);
}

static void close_coder(struct coder *c)
{
    aac_encoder_close(&c->aac);
    audio_encoder_close(&c->opus);
}

/* What a track of it says of itself. */
static enum vcr_err describe(struct make *m, const struct coder *c, struct vcr_why *why)
{
    if (c->aac)
        return aac_encoder_config(c->aac, m->config, sizeof(m->config), &m->track.config_len, why);
    uint16_t skip = (uint16_t)(audio_encoder_delay_us(c->opus) * 48 / 1000);
    const uint8_t dops[] = { 0, 2, (uint8_t)(skip >> 8), (uint8_t)skip, 0, 0, 0xbb, 0x80, 0, 0, 0 };
    memcpy(m->config, dops, sizeof(dops));
    m->track.config_len = sizeof(dops);
    return VCR_OK;
}

static enum vcr_err encode(struct make *m, struct heard *h, struct coder *c, struct vcr_why *why)
{
    int16_t pcm[MAKE_SOUND_FRAME * 2];
    int64_t first = m->job->first, end = first + m->job->count, from = first - PREROLL;
    enum vcr_err err = VCR_OK;
    h->next = VCR_MAX(from - HEARD_BEFORE, 0) * h->frame;
    for (int64_t n = from - HEARD_BEFORE; err == VCR_OK && n < from; n++)
        err = hear(h, n, pcm, why);
    for (int64_t n = from; err == VCR_OK && n < end + c->delay; n++) {
        struct packet p;
        if (!make_go_on(m))
            return vcr_fail(why, VCR_E_STALE, "nobody wants this segment any more");
        err = hear(h, n, pcm, why);
        if (err == VCR_OK)
            err = c->aac ? aac_encode(c->aac, pcm, &p, why) : audio_encode(c->opus, pcm, 0, &p, why);
        if (err == VCR_OK && n - c->delay >= first)
            err = segment_add(&m->segment, &p, (uint32_t)h->frame, why);
    }
    return err;
}

enum vcr_err make_tape_sound(struct make *m, struct vcr_why *why)
{
    struct heard *h = vcr_alloc(sizeof(*h));
    struct coder c = { 0 };
    enum vcr_err err = open_coder(&c, m->job, why);
    h->frame = m->job->kind == MAKE_TAPE_OPUS ? MAKE_OPUS_FRAME : MAKE_SOUND_FRAME;
    m->track = (struct fmp4_track){ .codec = c.opus ? FMP4_OPUS : FMP4_AAC, .timescale = AAC_RATE, .channels = 2, .sample_rate = AAC_RATE, .config = m->config };
    m->tfdt = (uint64_t)m->job->first * (uint64_t)h->frame;
    if (err == VCR_OK && m->job->init) {
        err = describe(m, &c, why);
    } else if (err == VCR_OK) {
        err = open_heard(m, h, why);
        if (err == VCR_OK)
            err = encode(m, h, &c, why);
    }
    m->unread = h->tune && tune_unread(h->tune);
    close_coder(&c);
    signal_audio_close(&h->signal);
    tune_close(&h->tune);
    free(h);
    return err;
}
