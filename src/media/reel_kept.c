/* media/reel_kept.c - see reel.h: reads a reel that was broken off anywhere, without its index, up to its last whole fragment. */
#include <string.h>

#include "base/util.h"
#include "media/reel.h"
#include "wire/fmp4.h"
#include "wire/reelcut.h"
#include "wire/reelidx.h"
#include "wire/reelwalk.h"

enum { HEAD_BYTES = 64 << 10 };

struct reader {
    struct reel_kept *k;
    struct io *file;
    struct fmp4_track track;
    struct buf bytes;
    uint32_t records_cap, samples_cap;
    struct reelidx_part parts[REELWALK_SAMPLES_MAX];
    struct reelidx_sample samples[REELWALK_SAMPLES_MAX];
};

static bool room(void **array, uint32_t *cap, uint32_t need, size_t item)
{
    if (need <= *cap)
        return true;
    uint32_t cap2 = VCR_MAX(need, *cap ? *cap * 2 : 256);
    void *p = realloc(*array, cap2 * item);
    if (p) {
        *array = p;
        *cap = cap2;
    }
    return p != NULL;
}

static bool read_init(struct reader *r)
{
    struct reel_kept *k = r->k;
    size_t n = 0;
    return io_pread(r->file, k->init, sizeof(k->init), 0, &n, NULL) == VCR_OK && reelwalk_init_bytes(k->init, n, &k->init_size) == VCR_OK &&
           fmp4_parse_init(&r->track, k->init, k->init_size, NULL) == VCR_OK && r->track.timescale > 0;
}

/* The bytes of the part that begins at the end of what is good so far. */
static bool read_part(struct reader *r, uint64_t *ret_bytes)
{
    size_t n = 0;
    bool key;
    buf_reset(&r->bytes);
    void *head = buf_reserve(&r->bytes, HEAD_BYTES);
    if (!head || io_pread(r->file, head, HEAD_BYTES, r->k->bytes, &n, NULL) != VCR_OK || reelwalk_part_bytes(head, n, ret_bytes, &key) != VCR_OK ||
        *ret_bytes > REEL_FRAGMENT_MAX_BYTES || *ret_bytes > io_size(r->file) - r->k->bytes)
        return false;
    buf_reset(&r->bytes);
    void *whole = buf_reserve(&r->bytes, *ret_bytes);
    return whole && io_pread_all(r->file, whole, *ret_bytes, r->k->bytes, NULL) == VCR_OK;
}

static bool read_fragment(struct reader *r)
{
    struct reel_kept *k = r->k;
    struct reelwalk_fragment f = { .parts = r->parts, .samples = r->samples };
    uint64_t n;
    bool video = r->track.codec == FMP4_H264;
    if (!read_part(r, &n) || reelwalk_fragment(&f, r->track.codec, r->track.timescale, (const uint8_t *)r->bytes.data, n, NULL) != VCR_OK || f.tfdt != k->end_ticks)
        return false;
    if (!room((void **)&k->records, &r->records_cap, k->fragments + 1, sizeof(*k->records)) ||
        (video && !room((void **)&k->video_samples, &r->samples_cap, k->samples + f.record.sample_count, sizeof(*k->video_samples))))
        return false;
    /* Times in a sound reel's file count from what primes, in its index from the first sample that is heard. */
    if (!video)
        f.record.start_us = reelcut_us(r->track.timescale, (int64_t)f.tfdt - r->track.priming);
    f.record.offset = k->bytes;
    f.record.first_sample = k->samples;
    f.record.first_part = k->parts;
    if (video)
        memcpy(k->video_samples + k->samples, f.samples, f.record.sample_count * sizeof(*f.samples));
    k->records[k->fragments++] = f.record;
    k->samples += f.record.sample_count;
    k->parts += f.record.part_count;
    k->end_ticks = f.end_ticks;
    k->bytes += n;
    return true;
}

enum vcr_err reel_kept_read(struct reel_kept *ret, struct io *file, void (*go_on)(void *arg, double part), void *arg, struct vcr_why *why)
{
    memset(ret, 0, sizeof(*ret));
    struct reader *r = vcr_alloc(sizeof(*r));
    r->k = ret;
    r->file = file;
    buf_init(&r->bytes, REEL_FRAGMENT_MAX_BYTES + HEAD_BYTES);
    if (read_init(r)) {
        ret->bytes = ret->init_size;
        while (read_fragment(r))
            if (go_on)
                go_on(arg, (double)ret->bytes / (double)io_size(file));
    }
    buf_free(&r->bytes);
    free(r);
    return ret->fragments > 0 ? VCR_OK : vcr_fail(why, VCR_E_END, "nothing to go on with");
}

void reel_kept_free(struct reel_kept *k)
{
    free(k->records);
    free(k->video_samples);
    k->records = NULL;
    k->video_samples = NULL;
}
