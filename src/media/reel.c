/* media/reel.c - see reel.h: reading samples through the index. A fragment is read whole, its checksum and its boxes are checked before use.
 *
 * Of the index only the fragments stay in memory. The samples' records are read where they are needed, a fragment's at a time: two hours have 432000 of them, and
 * filling fresh memory with them kept the one thread of vcr-render from its pictures for longer than a picture lasts. */
#include "media/reel.h"

#include <string.h>

#include "base/buf.h"
#include "base/util.h"
#include "wire/fmp4.h"
#include "wire/reelidx.h"

enum { INDEX_BYTES_MAX = 512 << 20, CHUNK_BYTES = 32 << 10, NONE = -1, NAL_SPS = 7, PARTS_MAX = 256 };

struct reel {
    /* set by open, then read-only */
    struct io *file, *index;
    struct reelidx idx;   /* fragments NULL: it rests */
    struct reelidx_shape shape;
    struct reel_format format;
    int64_t start_us;
    struct buf sets;      /* SPS and PPS with start codes */
    /* the reader's own: a fragment's sample records */
    int64_t held_of;      /* its number, NONE */
    struct buf held;
    /* the reader's own: the fragment last read */
    int64_t loaded;       /* its number, NONE */
    struct buf bytes;
    struct part {
        struct fmp4_fragment boxes;
        uint32_t first;   /* its first sample, of the fragment's */
    } parts[PARTS_MAX];   /* one, unless it was recorded live */
    uint32_t part_count;
    uint32_t at, at_part; /* sample in the fragment, and its part, that at_offset belongs to */
    size_t at_offset;
    struct buf sample;    /* the sample given out */
    bool unread;          /* the disk refused bytes that are there */
};

static const uint8_t START_CODE[4] = { 0, 0, 0, 1 };

static void fill_format(struct reel_format *f, const struct reelidx *x)
{
    *f = (struct reel_format){
        .codec = (enum reel_codec)x->codec, .timescale = x->timescale, .width = x->width, .height = x->height, .sar_num = x->sar_num,
        .sar_den = x->sar_den, .channels = x->channels, .sample_rate = (int)x->sample_rate, .bandwidth_bps = (int)VCR_MIN(x->bandwidth_bps, INT32_MAX),
        .average_bps = (int)VCR_MIN(x->average_bps, INT32_MAX), .pass_through = x->pass_through, .config_len = x->config_len,
    };
    memcpy(f->config, x->config, x->config_len);
    memcpy(f->codecs, x->codecs, sizeof(f->codecs));
    if (x->fragment_count > 0 && x->fragments[0].start_us < 0)
        f->priming = (int)((-x->fragments[0].start_us * x->timescale + 500000) / 1000000);
}

static enum vcr_err bad_index(struct vcr_why *why, const char *what) { return vcr_fail(why, VCR_E_IO, "the reel's index: %s", what); }

/* Goes on with the checksum from `at` to the end and compares it. */
static enum vcr_err check_index(const struct reel *r, uint32_t crc, uint64_t at, uint64_t size, struct vcr_why *why)
{
    uint8_t chunk[CHUNK_BYTES], stored[REELIDX_CRC_BYTES];
    uint64_t end = size - sizeof(stored);
    for (size_t n; at < end; at += n) {
        n = (size_t)VCR_MIN(end - at, sizeof(chunk));
        enum vcr_err err = io_pread_all(r->index, chunk, n, at, why);
        if (err != VCR_OK)
            return err;
        crc = reelidx_crc32(crc, chunk, n);
    }
    enum vcr_err err = io_pread_all(r->index, stored, sizeof(stored), end, why);
    return err == VCR_OK && crc != rd32be(stored) ? bad_index(why, "checksum") : err;
}

static enum vcr_err read_index(struct reel *r, struct vcr_why *why)
{
    uint8_t head[REELIDX_HEAD_MAX];
    uint64_t size = io_size(r->index);
    size_t head_len = (size_t)VCR_MIN(size, sizeof(head));
    if (size == 0 || size > INDEX_BYTES_MAX)
        return vcr_fail(why, VCR_E_IO, "the reel's index has %llu bytes", (unsigned long long)size);
    enum vcr_err err = io_pread_all(r->index, head, head_len, 0, why);
    if (err != VCR_OK)
        return err;
    if (reelidx_measure(&r->shape, head, head_len, size, why) != VCR_OK)
        return why ? (why->code = VCR_E_IO) : VCR_E_IO;
    size_t len = (size_t)r->shape.samples_at;
    uint8_t *bytes = malloc(len);
    if (!bytes)
        return vcr_fail(why, VCR_E_NOMEM, "no memory for the reel's index of %llu bytes", (unsigned long long)size);
    err = io_pread_all(r->index, bytes, len, 0, why);
    if (err == VCR_OK)
        err = check_index(r, reelidx_crc32(0, bytes, len), len, size, why);
    if (err == VCR_OK && reelidx_parse_fragments(&r->idx, bytes, len, why) != VCR_OK)
        err = why ? (why->code = VCR_E_IO) : VCR_E_IO;
    free(bytes);
    return err;
}

/* The fragments of a reel that has rested, from an index that was checked when it was opened. Where that cannot be read any more there is one fragment, of nothing. */
static void wake(struct reel *r)
{
    size_t len = (size_t)r->shape.samples_at;
    struct reelidx again = { 0 };
    if (r->idx.fragments)
        return;
    uint8_t *bytes = malloc(len);
    if (bytes && io_pread_all(r->index, bytes, len, 0, NULL) == VCR_OK && reelidx_parse_fragments(&again, bytes, len, NULL) == VCR_OK &&
        again.fragment_count == r->idx.fragment_count && again.sample_count == r->idx.sample_count) {
        r->idx.fragments = again.fragments;
        again.fragments = NULL;
    } else {
        r->unread = true;
        r->idx.fragment_count = 1;
        r->idx.fragments = vcr_calloc(1, sizeof(*r->idx.fragments));
        r->idx.fragments[0].sample_count = 1;
    }
    reelidx_free(&again);
    free(bytes);
}

void reel_rest(struct reel *r)
{
    buf_free(&r->held);
    buf_free(&r->bytes);
    buf_free(&r->sample);
    r->loaded = r->held_of = NONE;
    free(r->idx.fragments);
    free(r->idx.parts);
    r->idx.fragments = NULL;
    r->idx.parts = NULL;
}

/* Sample n, of fragment `number`. An index that cannot be read any more tells one picture a fragment; reading the fragment itself will say why. */
static struct reelidx_sample sample_of(struct reel *r, uint32_t number, uint32_t n)
{
    const struct reelidx_fragment *f = &r->idx.fragments[number];
    size_t len = (size_t)f->sample_count * REELIDX_SAMPLE_BYTES;
    if (n - f->first_sample >= f->sample_count)
        return (struct reelidx_sample){ 0, false };
    if (r->held_of != number) {
        buf_reset(&r->held);
        r->held_of = NONE;
        void *room = buf_reserve(&r->held, len);
        if (!room || io_pread_all(r->index, room, len, r->shape.samples_at + (uint64_t)f->first_sample * REELIDX_SAMPLE_BYTES, NULL) != VCR_OK) {
            r->unread = true;
            return (struct reelidx_sample){ 0, n == f->first_sample };
        }
        buf_commit(&r->held, len);
        r->held_of = number;
    }
    return reelidx_sample((const uint8_t *)r->held.data + (size_t)(n - f->first_sample) * REELIDX_SAMPLE_BYTES);
}

enum vcr_err reel_open(struct reel **ret, struct io *file, struct io *index, struct vcr_why *why)
{
    struct reel *r = vcr_alloc(sizeof(*r));
    r->file = file;
    r->index = index;
    r->loaded = r->held_of = NONE;
    buf_init(&r->held, INDEX_BYTES_MAX);
    buf_init(&r->sets, 1024);
    buf_init(&r->bytes, REEL_FRAGMENT_MAX_BYTES + (1 << 20));
    buf_init(&r->sample, REEL_FRAGMENT_MAX_BYTES + (1 << 20));
    enum vcr_err err = read_index(r, why);
    if (err != VCR_OK)
        goto fail;
    fill_format(&r->format, &r->idx);
    r->start_us = r->idx.fragment_count > 0 ? r->idx.fragments[0].start_us : 0;
    if (r->idx.sample_count == 0 || (r->format.codec == REEL_H264) != r->shape.has_samples ||
        (r->format.codec == REEL_H264 && !fmp4_read_sets(&r->sets, r->idx.config, r->idx.config_len))) {
        err = vcr_fail(why, VCR_E_IO, "the reel's index does not fit its codec");
        goto fail;
    }
    *ret = r;
    return VCR_OK;
fail:
    reel_close(&r);
    return err;
}

bool reel_unread(const struct reel *r) { return r->unread; }

void reel_close(struct reel **r)
{
    if (!*r)
        return;
    reelidx_free(&(*r)->idx);
    buf_free(&(*r)->held);
    buf_free(&(*r)->sets);
    buf_free(&(*r)->bytes);
    buf_free(&(*r)->sample);
    free(*r);
    *r = NULL;
}

const struct reel_format *reel_format(const struct reel *r) { return &r->format; }
int64_t reel_duration_us(const struct reel *r) { return r->idx.duration_us; }
int64_t reel_start_us(const struct reel *r) { return r->start_us; }
uint32_t reel_sample_count(const struct reel *r) { return r->idx.sample_count; }

/* The fragment that holds sample n; n is below sample_count. */
static uint32_t fragment_of(const struct reel *r, uint32_t n)
{
    uint32_t lo = 0, hi = r->idx.fragment_count;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (r->idx.fragments[mid].first_sample <= n)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static int64_t pts_in(struct reel *r, const struct reelidx_fragment *f, uint32_t n)
{
    if (r->shape.has_samples)
        return f->start_us + sample_of(r, (uint32_t)(f - r->idx.fragments), n).pts_delta_us;
    return f->start_us + (int64_t)(n - f->first_sample) * f->duration_us / f->sample_count;
}

int64_t reel_sample_pts_us(struct reel *r, uint32_t n)
{
    wake(r);
    n = VCR_MIN(n, r->idx.sample_count - 1);
    return pts_in(r, &r->idx.fragments[fragment_of(r, n)], n);
}

uint32_t reel_sample_at(struct reel *r, int64_t at_us)
{
    wake(r);
    uint32_t lo = 0, hi = r->idx.fragment_count;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (r->idx.fragments[mid].start_us <= at_us)
            lo = mid;
        else
            hi = mid;
    }
    const struct reelidx_fragment *f = &r->idx.fragments[lo];
    uint32_t best = f->first_sample;
    for (uint32_t i = 1; i < f->sample_count; i++) {
        int64_t pts = pts_in(r, f, f->first_sample + i);
        if (pts <= at_us && pts >= pts_in(r, f, best))
            best = f->first_sample + i;
    }
    return best;
}

uint32_t reel_key_at(struct reel *r, uint32_t n)
{
    n = VCR_MIN(n, r->idx.sample_count - 1);
    if (!r->shape.has_samples)
        return n;
    wake(r);
    uint32_t number = fragment_of(r, n), first = r->idx.fragments[number].first_sample;
    while (n > first && !sample_of(r, number, n).key)
        n--;
    return n;
}

static void rewind_loaded(struct reel *r)
{
    r->at = r->at_part = 0;
    r->at_offset = 0;
}

/* The loaded bytes are parts that hold so many samples together. */
static bool find_parts(struct reel *r, uint32_t samples)
{
    const uint8_t *bytes = (const uint8_t *)r->bytes.data;
    uint32_t found = 0;
    size_t used;
    r->part_count = 0;
    for (size_t at = 0; at < r->bytes.len; at += used) {
        struct part *p = &r->parts[r->part_count];
        if (r->part_count == PARTS_MAX || fmp4_parse_part(&p->boxes, bytes + at, r->bytes.len - at, &used, NULL) != VCR_OK || p->boxes.count > samples - found)
            return false;
        p->first = found;
        found += p->boxes.count;
        r->part_count++;
    }
    return found == samples;
}

/* Goes on to sample k of the loaded fragment. */
static void go_to(struct reel *r, uint32_t k, struct fmp4_sample *ret)
{
    if (k < r->at)
        rewind_loaded(r);
    for (;; r->at++) {
        const struct part *p = &r->parts[r->at_part];
        if (r->at == p->first + p->boxes.count) {
            p = &r->parts[++r->at_part];
            r->at_offset = 0;
        }
        fmp4_fragment_sample(&p->boxes, r->at - p->first, ret);
        if (r->at == k)
            return;
        r->at_offset += ret->size;
    }
}

static enum vcr_err load(struct reel *r, uint32_t number, struct vcr_why *why)
{
    const struct reelidx_fragment *f = &r->idx.fragments[number];
    if (r->loaded == number)
        return VCR_OK;
    r->loaded = NONE;
    buf_reset(&r->bytes);
    void *room = buf_reserve(&r->bytes, f->size);
    if (!room)
        return vcr_fail(why, VCR_E_IO, "fragment %u: %u bytes are too many", number, f->size);
    enum vcr_err err = io_pread_all(r->file, room, f->size, f->offset, why);
    if (err != VCR_OK) {
        r->unread |= io_size(r->file) >= f->offset + f->size;
        return err;
    }
    buf_commit(&r->bytes, f->size);
    const uint8_t *bytes = (const uint8_t *)r->bytes.data;
    if (reelidx_crc32(0, bytes, f->size) != f->crc32)
        return vcr_fail(why, VCR_E_IO, "fragment %u is damaged: its checksum differs", number);
    if (!find_parts(r, f->sample_count))
        return vcr_fail(why, VCR_E_IO, "fragment %u is damaged: its boxes do not fit", number);
    r->loaded = number;
    rewind_loaded(r);
    return VCR_OK;
}

/* Length-prefixed NAL units to Annex B. */
static bool to_annexb(struct buf *out, const uint8_t *p, size_t len)
{
    while (len > 0) {
        if (len < 4 || rd32be(p) > len - 4)
            return false;
        size_t n = rd32be(p);
        buf_add(out, START_CODE, sizeof(START_CODE));
        buf_add(out, p + 4, n);
        p += 4 + n;
        len -= 4 + n;
    }
    return buf_ok(out);
}

/* Reels have them before each key since they may follow another reel in one list; older ones have them in their configuration alone. */
static bool begins_with_sets(const uint8_t *p, size_t len) { return len > 4 && (p[4] & 31) == NAL_SPS; }

enum vcr_err reel_read(struct reel *r, uint32_t n, struct packet *ret, struct vcr_why *why)
{
    if (n >= r->idx.sample_count)
        return vcr_fail(why, VCR_E_INVALID, "sample %u of %u", n, r->idx.sample_count);
    wake(r);
    uint32_t number = fragment_of(r, n);
    const struct reelidx_fragment *f = &r->idx.fragments[number];
    enum vcr_err err = load(r, number, why);
    if (err != VCR_OK)
        return err;
    uint32_t k = n - f->first_sample;
    struct fmp4_sample s;
    go_to(r, k, &s);
    const uint8_t *data = r->parts[r->at_part].boxes.data + r->at_offset;
    int64_t pts_us = pts_in(r, f, n);
    *ret = (struct packet){ .track = PACKET_AUDIO, .flags = PACKET_KEY, .pts_us = pts_us, .tape_us = pts_us, .len = s.size, .data = data };
    if (r->format.codec != REEL_H264)
        return VCR_OK;
    buf_reset(&r->sample);
    if (s.key && !begins_with_sets(data, s.size))
        buf_add(&r->sample, r->sets.data, r->sets.len);
    if (!to_annexb(&r->sample, data, s.size))
        return vcr_fail(why, VCR_E_IO, "fragment %u is damaged: sample %u", number, k);
    ret->track = PACKET_VIDEO;
    ret->flags = s.key ? PACKET_KEY : 0;
    ret->data = (const uint8_t *)r->sample.data;
    ret->len = r->sample.len;
    return VCR_OK;
}
