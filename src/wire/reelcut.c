/* wire/reelcut.c - see reelcut.h. One sample waits until the next one tells how long it lasts; it is cut off from those before it when it would make their part too long. */
#include "wire/reelcut.h"

#include <string.h>

#include "base/util.h"

enum { NAL_SPS = 7, NAL_AUD = 9, HEADS_MAX = 1 << 20 };

struct reelcut {
    /* set by open, then read-only */
    struct reelcut_config config;
    /* the part that is being filled: samples from part_first on, and their bytes */
    struct buf data;
    uint32_t part_first;
    /* the fragment that is being filled */
    struct buf whole;            /* its finished parts */
    struct fmp4_sample samples[REELCUT_SAMPLES_MAX];
    int64_t pts_us[REELCUT_SAMPLES_MAX];
    struct reelidx_sample index_samples[REELCUT_SAMPLES_MAX];
    struct reelidx_part parts[REELCUT_SAMPLES_MAX];
    uint32_t count, part_count, key_size;
    uint64_t fragment_tfdt;
    bool gap;
    /* the last sample given: it is in the part, its duration is not known yet */
    int64_t last_dts, last_duration_us;
    bool pending;
    /* all so far */
    int64_t origin;              /* dts of tick 0 */
    uint64_t tfdt;               /* where the part that is being filled begins */
    uint64_t offset;
    uint32_t sequence, total_samples, total_parts;
    bool begun, finished;
};

int64_t reelcut_ticks(uint32_t timescale, int64_t us)
{
    int64_t scaled = us * (int64_t)timescale;
    return (scaled + (scaled < 0 ? -500000 : 500000)) / 1000000;
}
int64_t reelcut_us(uint32_t timescale, int64_t ticks)
{
    int64_t scaled = ticks * 1000000, half = timescale / 2;
    return (scaled + (scaled < 0 ? -half : half)) / (int64_t)timescale;
}
static int64_t to_ticks(const struct reelcut *c, int64_t us) { return reelcut_ticks(c->config.timescale, us); }
static int64_t to_us(const struct reelcut *c, uint64_t ticks) { return reelcut_us(c->config.timescale, (int64_t)ticks); }
static bool is_video(const struct reelcut *c) { return c->config.codec == FMP4_H264; }

enum vcr_err reelcut_open(struct reelcut **ret, const struct reelcut_config *config, struct vcr_why *why)
{
    if (config->timescale == 0)
        return vcr_fail(why, VCR_E_INVALID, "a reel needs a timescale");
    struct reelcut *c = vcr_alloc(sizeof(*c));
    c->config = *config;
    c->offset = config->offset;
    buf_init(&c->data, config->fragment_max_bytes);
    buf_init(&c->whole, config->fragment_max_bytes + HEADS_MAX);
    *ret = c;
    return VCR_OK;
}

void reelcut_close(struct reelcut **c)
{
    if (!*c)
        return;
    buf_free(&(*c)->data);
    buf_free(&(*c)->whole);
    free(*c);
    *c = NULL;
}

/* The samples from part_first up to, without, end become a part. */
static enum vcr_err end_part(struct reelcut *c, uint32_t end, struct vcr_why *why)
{
    uint32_t n = end - c->part_first;
    size_t bytes = 0, at = c->whole.len;
    uint64_t ticks = 0;
    const struct fmp4_sample *first = &c->samples[c->part_first];
    for (uint32_t i = 0; i < n; i++) {
        bytes += first[i].size;
        ticks += first[i].duration;
    }
    fmp4_write_fragment_head(&c->whole, ++c->sequence, c->tfdt, first, n, is_video(c));
    if (c->part_count == 0)
        c->key_size = (uint32_t)(c->whole.len + first->size);
    buf_add(&c->whole, c->data.data, bytes);
    if (!buf_ok(&c->whole))
        return vcr_fail(why, VCR_E_NOMEM, "no memory for a fragment");
    buf_consume(&c->data, bytes);
    int64_t start_us = to_us(c, c->tfdt);
    struct reelcut_part part = {
        .bytes = (const uint8_t *)c->whole.data + at, .len = c->whole.len - at, .start_us = start_us, .duration_us = (uint32_t)(to_us(c, c->tfdt + ticks) - start_us),
        .first = c->part_count == 0, .key = first->key || !is_video(c), .gap = c->part_count == 0 && c->gap,
    };
    c->parts[c->part_count++] = (struct reelidx_part){ (uint32_t)part.len, part.duration_us };
    c->tfdt += ticks;
    c->part_first = end;
    return c->config.part ? c->config.part(c->config.arg, &part, why) : VCR_OK;
}

static enum vcr_err end_fragment(struct reelcut *c, struct vcr_why *why)
{
    enum vcr_err err = c->part_first < c->count ? end_part(c, c->count, why) : VCR_OK;
    if (err != VCR_OK)
        return err;
    int64_t start_us = c->pts_us[0], begin_us = to_us(c, c->fragment_tfdt), end_us = to_us(c, c->tfdt);
    for (uint32_t i = 1; i < c->count; i++)
        start_us = VCR_MIN(start_us, c->pts_us[i]);
    for (uint32_t i = 0; i < c->count; i++)
        c->index_samples[i] = (struct reelidx_sample){ (uint32_t)(c->pts_us[i] - start_us), c->samples[i].key };
    struct reelcut_fragment f = {
        .bytes = (const uint8_t *)c->whole.data, .parts = c->parts, .samples = c->index_samples, .tfdt = c->fragment_tfdt, .end_us = end_us,
        .record = {
            .offset = c->offset, .size = (uint32_t)c->whole.len, .crc32 = reelidx_crc32(0, (const uint8_t *)c->whole.data, c->whole.len), .start_us = start_us,
            .duration_us = (uint32_t)(end_us - begin_us), .first_sample = c->total_samples, .sample_count = c->count, .key_size = c->key_size,
            .first_part = c->total_parts, .part_count = c->part_count, .discontinuity = c->gap,
        },
    };
    err = c->config.fragment(c->config.arg, &f, why);
    c->offset += f.record.size;
    c->total_samples += c->count;
    c->total_parts += c->part_count;
    c->count = c->part_count = c->part_first = 0;
    c->fragment_tfdt = c->tfdt;
    c->gap = false;
    buf_reset(&c->whole);
    return err;
}

static bool begins_with_sps(const uint8_t *data, size_t len)
{
    const uint8_t *nal;
    size_t pos = 0, n;
    while (fmp4_next_nal(data, len, &pos, &nal, &n))
        if ((nal[0] & 31) != NAL_AUD)
            return (nal[0] & 31) == NAL_SPS;
    return false;
}

/* Length-prefixed NAL units. */
static void add_h264(struct buf *out, const uint8_t *data, size_t len)
{
    const uint8_t *nal;
    size_t pos = 0, n;
    while (fmp4_next_nal(data, len, &pos, &nal, &n)) {
        int type = nal[0] & 31;
        if (type == NAL_AUD)
            continue;
        uint8_t size[4];
        wr32be(size, (uint32_t)n);
        buf_add(out, size, sizeof(size));
        buf_add(out, nal, n);
    }
}

static bool fragment_is_full(const struct reelcut *c, int64_t tick, unsigned flags)
{
    if (is_video(c) && !(flags & REELCUT_KEY))
        return false;
    return flags & (REELCUT_NEW | REELCUT_GAP) || to_us(c, (uint64_t)tick - c->fragment_tfdt) >= c->config.fragment_us;
}

/* tick is where the waiting sample ends. The part may have got too long by that, or would with one more sample of that length. */
static enum vcr_err end_full_parts(struct reelcut *c, int64_t tick, struct vcr_why *why)
{
    int64_t part_ticks = to_ticks(c, c->config.part_us), last = c->samples[c->count - 1].duration;
    enum vcr_err err = VCR_OK;
    if (c->config.part_us <= 0)
        return VCR_OK;
    if (c->count - c->part_first > 1 && tick - (int64_t)c->tfdt > part_ticks)
        err = end_part(c, c->count - 1, why);
    if (err == VCR_OK && tick - (int64_t)c->tfdt + last > part_ticks)
        err = end_part(c, c->count, why);
    return err;
}

/* The waiting sample's duration is known now: what is full goes out. */
static enum vcr_err settle(struct reelcut *c, int64_t dts, unsigned flags, struct vcr_why *why)
{
    int64_t tick = dts - c->origin;
    c->samples[c->count - 1].duration = (uint32_t)(dts - c->last_dts);
    c->pending = false;
    if (fragment_is_full(c, tick, flags))
        return end_fragment(c, why);
    return end_full_parts(c, tick, why);
}

/* Before anything changes: what can be refused is refused here. A NAL unit of one byte grows from four to five. */
static enum vcr_err check(const struct reelcut *c, int64_t dts, size_t len, unsigned flags, struct vcr_why *why)
{
    bool full = c->pending && fragment_is_full(c, dts - c->origin, flags);
    size_t kept = full ? 0 : c->whole.len + c->data.len;
    if (len > c->config.fragment_max_bytes || kept + len + len / 4 + c->config.sets_len > c->config.fragment_max_bytes)
        return vcr_fail(why, VCR_E_TOO_LARGE, "a fragment is over its limit");
    if (!c->pending && !(flags & REELCUT_KEY))
        return vcr_fail(why, VCR_E_INVALID, "a reel starts with a key frame");
    if (c->begun && dts <= c->last_dts)
        return vcr_fail(why, VCR_E_INVALID, "decode times do not rise");
    if (c->pending && dts - c->last_dts > UINT32_MAX)
        return vcr_fail(why, VCR_E_INVALID, "a picture cannot last that long");
    if (c->count == REELCUT_SAMPLES_MAX && !full)
        return vcr_fail(why, VCR_E_TOO_LARGE, "too many frames without a key frame");
    return VCR_OK;
}

void reelcut_go_on(struct reelcut *c, uint64_t tfdt, uint32_t fragments, uint32_t samples, uint32_t parts)
{
    c->begun = c->finished = true;
    c->tfdt = tfdt;
    c->last_dts = INT64_MIN / 4;
    c->sequence = fragments;
    c->total_samples = samples;
    c->total_parts = parts;
}

static void begin(struct reelcut *c, int64_t dts)
{
    if (!c->begun)
        c->origin = c->config.from_zero ? 0 : dts;
    c->begun = true;
    /* After reelcut_finish the last sample had its nominal length; decode times go on from there, whatever this one says. */
    if (c->finished)
        c->origin = dts - (int64_t)c->tfdt;
    else
        c->tfdt = (uint64_t)VCR_MAX(dts - c->origin, 0);
    c->fragment_tfdt = c->tfdt;
}

enum vcr_err reelcut_sample(struct reelcut *c, const uint8_t *data, size_t len, int64_t pts_us, int64_t dts_us, int64_t duration_us, unsigned flags, struct vcr_why *why)
{
    int64_t dts = to_ticks(c, dts_us);
    enum vcr_err err = check(c, dts, len, flags, why);
    if (err == VCR_OK && c->pending)
        err = settle(c, dts, flags, why);
    else if (err == VCR_OK)
        begin(c, dts);
    if (err != VCR_OK)
        return err;
    size_t before = c->data.len;
    if (is_video(c) && flags & REELCUT_KEY && c->config.sets_len > 0 && !begins_with_sps(data, len))
        add_h264(&c->data, c->config.sets, c->config.sets_len);
    if (is_video(c))
        add_h264(&c->data, data, len);
    else
        buf_add(&c->data, data, len);
    if (!buf_ok(&c->data))
        return vcr_fail(why, VCR_E_NOMEM, "no memory for a fragment");
    if (c->count == 0)
        c->gap = flags & REELCUT_GAP;
    c->samples[c->count] = (struct fmp4_sample){ (uint32_t)(c->data.len - before), 0, (int32_t)(to_ticks(c, pts_us) - dts), flags & REELCUT_KEY };
    c->pts_us[c->count++] = pts_us;
    c->last_dts = dts;
    c->last_duration_us = duration_us;
    c->pending = true;
    return VCR_OK;
}

enum vcr_err reelcut_finish(struct reelcut *c, struct vcr_why *why)
{
    if (!c->pending)
        return VCR_OK;
    c->samples[c->count - 1].duration = (uint32_t)VCR_MAX(to_ticks(c, c->last_duration_us), 1);
    c->pending = false;
    c->finished = true;
    return end_fragment(c, why);
}

int64_t reelcut_end_us(const struct reelcut *c)
{
    if (!c->begun)
        return 0;
    return c->pending ? to_us(c, (uint64_t)(c->last_dts - c->origin)) + c->last_duration_us : to_us(c, c->tfdt);
}
