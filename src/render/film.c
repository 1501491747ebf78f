/* render/film.c - see film.h. */
#include "render/film.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/util.h"

enum { KEPT_FORWARD = 3, KEPT_BACKWARD = 32 };

struct film {
    /* set by open, then read-only */
    struct io *reel_io, *index_io;
    struct reel *reel;
    /* the reader's own */
    struct video_decoder *decoder; /* NULL: it rests */
    uint32_t next;               /* the sample that the decoder can take; meaningless unless warm */
    bool warm;
    uint32_t bad_from, bad_to;   /* samples that cannot be decoded: [from, to) */
    struct kept {
        uint32_t n;
        struct frame *frame;     /* NULL: free */
    } kept[KEPT_BACKWARD];       /* the newest at kept[head - 1] */
    unsigned head;
};

/* Both descriptors are taken, whatever happens. */
static enum vcr_err open_files(struct film *f, int reel_fd, int index_fd, struct vcr_why *why)
{
    enum vcr_err err = io_fd_open(&f->reel_io, reel_fd, "video reel", why);
    if (err != VCR_OK)
        vcr_close(&reel_fd);
    enum vcr_err err2 = io_fd_open(&f->index_io, index_fd, "video index", err == VCR_OK ? why : NULL);
    if (err2 != VCR_OK)
        vcr_close(&index_fd);
    return err != VCR_OK ? err : err2;
}

enum vcr_err film_open(struct film **ret, int reel_fd, int index_fd, struct vcr_why *why)
{
    struct film *f = vcr_alloc(sizeof(*f));
    enum vcr_err err = open_files(f, reel_fd, index_fd, why);
    if (err != VCR_OK)
        goto fail;
    err = reel_open(&f->reel, f->reel_io, f->index_io, why);
    if (err != VCR_OK)
        goto fail;
    if (reel_format(f->reel)->codec != REEL_H264 || reel_sample_count(f->reel) == 0) {
        err = vcr_fail(why, VCR_E_IO, "the video reel holds no H.264 pictures");
        goto fail;
    }
    err = video_decoder_open(&f->decoder, why);
    if (err != VCR_OK)
        goto fail;
    *ret = f;
    return VCR_OK;
fail:
    film_close(&f);
    return err;
}

void film_close(struct film **f)
{
    if (!*f)
        return;
    for (size_t i = 0; i < KEPT_BACKWARD; i++)
        frame_unref(&(*f)->kept[i].frame);
    video_decoder_close(&(*f)->decoder);
    reel_close(&(*f)->reel);
    io_close(&(*f)->reel_io);
    io_close(&(*f)->index_io);
    free(*f);
    *f = NULL;
}

void film_rest(struct film *f)
{
    for (size_t i = 0; i < KEPT_BACKWARD; i++)
        frame_unref(&f->kept[i].frame);
    video_decoder_close(&f->decoder);
    f->warm = false;
    reel_rest(f->reel);
}

struct reel *film_reel(struct film *f) { return f->reel; }

static struct frame *find(struct film *f, uint32_t n)
{
    for (size_t i = 0; i < KEPT_BACKWARD; i++)
        if (f->kept[i].frame && f->kept[i].n == n)
            return f->kept[i].frame;
    return NULL;
}

/* Keeps the newest `limit` pictures. */
static void keep(struct film *f, uint32_t n, struct frame *frame, unsigned limit)
{
    struct kept *slot = &f->kept[f->head++ % KEPT_BACKWARD];
    frame_unref(&slot->frame);
    *slot = (struct kept){ n, frame };
    for (unsigned age = limit; age < KEPT_BACKWARD; age++)
        frame_unref(&f->kept[(f->head + KEPT_BACKWARD - 1 - age) % KEPT_BACKWARD].frame);
}

static enum vcr_err decode_one(struct film *f, uint32_t n, unsigned limit, struct vcr_why *why)
{
    struct packet packet;
    struct frame *frame = NULL;
    enum vcr_err err = f->decoder ? VCR_OK : video_decoder_open(&f->decoder, why);
    if (err == VCR_OK)
        err = reel_read(f->reel, n, &packet, why);
    if (err == VCR_OK)
        err = video_decode(f->decoder, packet.data, packet.len, &frame, why);
    if (err != VCR_OK)
        return err;
    keep(f, n, frame, limit);
    f->next = n + 1;
    f->warm = true;
    return VCR_OK;
}

/* The first sample after n that starts anew. */
static uint32_t next_key(struct film *f, uint32_t n)
{
    uint32_t count = reel_sample_count(f->reel);
    for (uint32_t i = n + 1; i < count; i++)
        if (reel_key_at(f->reel, i) == i)
            return i;
    return count;
}

/* Makes the decoder ready to go on to n; from which sample. */
static uint32_t head_for(struct film *f, uint32_t n)
{
    uint32_t from = reel_key_at(f->reel, n);
    if (f->warm && f->next >= from && f->next <= n)
        return f->next;
    if (!f->warm || f->next != from) {
        if (f->decoder)
            video_decoder_flush(f->decoder);
        f->warm = false;
    }
    return from;
}

static enum vcr_err decode_up_to(struct film *f, uint32_t from, uint32_t n, unsigned limit, struct vcr_why *why)
{
    for (uint32_t i = from; i <= n; i++) {
        enum vcr_err err = decode_one(f, i, limit, why);
        if (err != VCR_OK) {
            f->warm = false;
            f->bad_from = i;
            f->bad_to = next_key(f, i);
            return err;
        }
    }
    return VCR_OK;
}

bool film_approach(struct film *f, uint32_t n, uint32_t pictures)
{
    if (find(f, n) || (n >= f->bad_from && n < f->bad_to))
        return true;
    uint32_t from = head_for(f, n), last = n - from < pictures ? n : from + pictures - 1;
    return decode_up_to(f, from, last, KEPT_FORWARD, NULL) != VCR_OK || last == n;
}

enum vcr_err film_picture(struct film *f, uint32_t n, enum film_direction direction, struct frame **ret, struct vcr_why *why)
{
    unsigned limit = direction == FILM_BACKWARD ? KEPT_BACKWARD : KEPT_FORWARD;
    *ret = find(f, n);
    if (*ret)
        return VCR_OK;
    if (n >= f->bad_from && n < f->bad_to)
        return vcr_fail(why, VCR_E_IO, "the video reel is damaged at picture %u", n);
    enum vcr_err err = decode_up_to(f, head_for(f, n), n, limit, why);
    if (err != VCR_OK)
        return err;
    *ret = find(f, n);
    return VCR_OK;
}
