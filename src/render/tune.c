/* render/tune.c - see tune.h. */
#include "render/tune.h"

#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/util.h"
#include "media/decode.h"
#include "media/encode.h"
#include "media/reel.h"

enum {
    PREROLL_US = 80000,      /* what an Opus decoder needs to forget where it came from (RFC 7845, 4.6) */
    FOLLOWS_PAIRS = 1440,    /* 30 ms: nearer than this, a place follows the last one */
    STORE_PAIRS = AUDIO_FRAMES_MAX + AUDIO_FRAME,
};

struct tune {
    /* set by open, then read-only */
    struct io *reel_io, *index_io;
    struct reel *reel;
    bool frames_of_20_ms;
    /* the reader's own */
    struct audio_decoder *decoder;
    uint32_t next;           /* sample to decode */
    int64_t at;              /* place of store[0], in 1/48000 s; -1: nowhere */
    int have;                /* pairs in store */
    int16_t store[STORE_PAIRS * 2];
    int64_t packet_next;     /* sample that tune_packet gives next, -1: none yet */
};

static int64_t pairs(int64_t us) { return us * 48 / 1000; }

/* Both descriptors are taken, whatever happens. */
static enum vcr_err open_files(struct tune *t, int reel_fd, int index_fd, struct vcr_why *why)
{
    enum vcr_err err = io_fd_open(&t->reel_io, reel_fd, "sound reel", why);
    if (err != VCR_OK)
        vcr_close(&reel_fd);
    enum vcr_err err2 = io_fd_open(&t->index_io, index_fd, "sound index", err == VCR_OK ? why : NULL);
    if (err2 != VCR_OK)
        vcr_close(&index_fd);
    return err != VCR_OK ? err : err2;
}

enum vcr_err tune_open(struct tune **ret, int reel_fd, int index_fd, struct vcr_why *why)
{
    struct tune *t = vcr_alloc(sizeof(*t));
    t->at = -1;
    t->packet_next = -1;
    enum vcr_err err = open_files(t, reel_fd, index_fd, why);
    if (err != VCR_OK)
        goto fail;
    err = reel_open(&t->reel, t->reel_io, t->index_io, why);
    if (err != VCR_OK)
        goto fail;
    if (reel_format(t->reel)->codec != REEL_OPUS || reel_sample_count(t->reel) == 0) {
        err = vcr_fail(why, VCR_E_IO, "the sound reel holds no Opus");
        goto fail;
    }
    err = audio_decoder_open(&t->decoder, why);
    if (err != VCR_OK)
        goto fail;
    int64_t second = reel_sample_count(t->reel) > 2 ? reel_sample_pts_us(t->reel, 2) - reel_sample_pts_us(t->reel, 1) : 0;
    t->frames_of_20_ms = second > AUDIO_FRAME_US - 100 && second < AUDIO_FRAME_US + 100;
    *ret = t;
    return VCR_OK;
fail:
    tune_close(&t);
    return err;
}

void tune_close(struct tune **t)
{
    if (!*t)
        return;
    audio_decoder_close(&(*t)->decoder);
    reel_close(&(*t)->reel);
    io_close(&(*t)->reel_io);
    io_close(&(*t)->index_io);
    free(*t);
    *t = NULL;
}

void tune_rest(struct tune *t) { reel_rest(t->reel); }

bool tune_unread(const struct tune *t) { return reel_unread(t->reel); }

static void drop(struct tune *t, int n)
{
    n = VCR_MIN(n, t->have);
    memmove(t->store, t->store + 2 * n, (size_t)(t->have - n) * 2 * sizeof(int16_t));
    t->have -= n;
    t->at += n;
}

/* Decodes the next packet behind what is stored; a damaged one becomes silence of its length. False at the end. */
static bool fill(struct tune *t)
{
    if (t->next >= reel_sample_count(t->reel))
        return false;
    struct packet packet;
    int16_t *to = t->store + 2 * t->have;
    int n = 0;
    if (reel_read(t->reel, t->next++, &packet, NULL) != VCR_OK || audio_decode(t->decoder, packet.data, packet.len, to, &n, NULL) != VCR_OK || n == 0) {
        n = AUDIO_FRAME;
        memset(to, 0, (size_t)n * 2 * sizeof(int16_t));
    }
    t->have += n;
    return true;
}

static void jump(struct tune *t, int64_t place_us)
{
    audio_decoder_reset(t->decoder);
    t->next = reel_sample_at(t->reel, VCR_MAX(place_us - PREROLL_US, 0));
    t->at = pairs(reel_sample_pts_us(t->reel, t->next));
    t->have = 0;
    int64_t want = pairs(place_us);
    while (t->at < want) {
        if (t->have == 0 && !fill(t))
            break;
        drop(t, (int)VCR_MIN(want - t->at, STORE_PAIRS));
    }
    t->at = want; /* also before the start and beyond the end, where there is nothing but silence */
}

void tune_read(struct tune *t, int64_t place_us, int16_t *pcm, bool *ret_jumped)
{
    int64_t off = pairs(place_us) - t->at;
    *ret_jumped = t->at < 0 || off > FOLLOWS_PAIRS || off < -FOLLOWS_PAIRS;
    if (*ret_jumped)
        jump(t, place_us);
    while (t->have < AUDIO_FRAME && fill(t))
        ;
    int n = VCR_MIN(t->have, AUDIO_FRAME);
    memcpy(pcm, t->store, (size_t)n * 2 * sizeof(int16_t));
    memset(pcm + 2 * n, 0, (size_t)(AUDIO_FRAME - n) * 2 * sizeof(int16_t));
    drop(t, n);
    t->at += AUDIO_FRAME - n;
}

bool tune_packet(struct tune *t, int64_t place_us, struct packet *ret)
{
    if (!t->frames_of_20_ms || place_us < 0 || place_us >= reel_duration_us(t->reel))
        return false;
    int64_t n = reel_sample_at(t->reel, place_us + AUDIO_FRAME_US / 2);
    int64_t off = n - t->packet_next;
    if (t->packet_next >= 0 && off >= -1 && off <= 1)
        n = t->packet_next;
    if (n >= (int64_t)reel_sample_count(t->reel) || reel_read(t->reel, (uint32_t)n, ret, NULL) != VCR_OK)
        return false;
    t->packet_next = n + 1;
    return true;
}
