/* media/reel_writer.c - see reel.h: samples in, fragments and index out. One sample waits until the next one tells how long it lasts. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/util.h"
#include "media/reel.h"
#include "wire/fmp4.h"
#include "wire/reelidx.h"

enum { VIDEO_FRAGMENT_MIN_US = 200000, AUDIO_FRAGMENT_US = 980000, FRAGMENT_SAMPLES_MAX = 4096, INIT_MAX = 4096, INDEX_MAX = 512 << 20 };
enum { NAL_SPS = 7, NAL_PPS = 8, NAL_AUD = 9 };

struct reel_writer {
    /* set by open, then read-only */
    struct reel_format format;
    struct io *file, *index;
    uint32_t init_size;
    /* the fragment that is being filled */
    struct buf data, head;
    struct fmp4_sample samples[FRAGMENT_SAMPLES_MAX];
    int64_t pts_us[FRAGMENT_SAMPLES_MAX];
    uint32_t count;
    uint64_t tfdt;
    /* the last sample given: it is in the fragment, its duration is not known yet */
    int64_t last_dts;
    int64_t last_duration_us;
    bool pending;
    /* the whole reel */
    uint64_t offset;
    int64_t first_dts, end_us;
    uint32_t total_samples, fragments_cap, samples_cap, fragment_count;
    struct reelidx_fragment *fragments;
    struct reelidx_sample *index_samples;
};

static int64_t to_ticks(const struct reel_writer *w, int64_t us)
{
    int64_t scaled = us * (int64_t)w->format.timescale;
    return (scaled + (scaled < 0 ? -500000 : 500000)) / 1000000;
}
static int64_t to_us(const struct reel_writer *w, int64_t ticks)
{
    int64_t scaled = ticks * 1000000, half = w->format.timescale / 2;
    return (scaled + (scaled < 0 ? -half : half)) / (int64_t)w->format.timescale;
}

static void name_codec(struct reel_format *f)
{
    if (f->codec == REEL_H264)
        snprintf(f->codecs, sizeof(f->codecs), "avc1.%02x%02x%02x", f->config[1], f->config[2], f->config[3]);
    else
        vcr_strcpy(f->codecs, sizeof(f->codecs), f->codec == REEL_AAC ? "mp4a.40.2" : "opus");
}

enum vcr_err reel_writer_open(struct reel_writer **ret, const struct reel_format *format, struct io *file, struct io *index, struct vcr_why *why)
{
    enum vcr_err err;
    struct buf init;
    struct reel_writer *w = vcr_alloc(sizeof(*w));
    buf_init(&init, INIT_MAX);
    buf_init(&w->data, REEL_FRAGMENT_MAX_BYTES);
    buf_init(&w->head, 1 << 20);
    w->format = *format;
    w->file = file;
    w->index = index;
    if (format->timescale == 0 || format->config_len < (format->codec == REEL_AAC ? 2 : 7) || format->config_len > sizeof(format->config)) {
        err = vcr_fail(why, VCR_E_INVALID, "a reel needs a timescale and its codec's configuration");
        goto fail;
    }
    if (format->width < 0 || format->width > 8192 || format->height < 0 || format->height > 8192) {
        err = vcr_fail(why, VCR_E_INVALID, "a picture of %dx%d is too large", format->width, format->height);
        goto fail;
    }
    name_codec(&w->format);
    struct fmp4_track track = {
        .codec = (enum fmp4_codec)format->codec, .timescale = format->timescale, .width = (uint16_t)format->width, .height = (uint16_t)format->height,
        .sar_num = (uint16_t)format->sar_num, .sar_den = (uint16_t)format->sar_den, .channels = (uint16_t)format->channels,
        .sample_rate = (uint32_t)format->sample_rate, .priming = (uint32_t)format->priming, .config = format->config, .config_len = format->config_len,
    };
    fmp4_write_init(&init, &track);
    err = buf_ok(&init) ? io_append(file, init.data, init.len, why) : vcr_fail(why, VCR_E_NOMEM, "no memory for a reel");
    if (err != VCR_OK)
        goto fail;
    w->init_size = (uint32_t)init.len;
    w->offset = init.len;
    buf_free(&init);
    *ret = w;
    return VCR_OK;
fail:
    buf_free(&init);
    reel_writer_close(&w);
    return err;
}

void reel_writer_close(struct reel_writer **w)
{
    if (!*w)
        return;
    buf_free(&(*w)->data);
    buf_free(&(*w)->head);
    free((*w)->fragments);
    free((*w)->index_samples);
    free(*w);
    *w = NULL;
}

static enum vcr_err grow(void **array, uint32_t *cap, uint32_t need, size_t item, struct vcr_why *why)
{
    if (need <= *cap)
        return VCR_OK;
    uint32_t cap2 = VCR_MAX(need, *cap ? *cap * 2 : 256);
    void *p = cap2 <= UINT32_C(1) << 26 ? realloc(*array, cap2 * item) : NULL;
    if (!p)
        return vcr_fail(why, VCR_E_NOMEM, "the recording is too long to be indexed");
    *array = p;
    *cap = cap2;
    return VCR_OK;
}

static enum vcr_err index_fragment(struct reel_writer *w, uint32_t crc, struct vcr_why *why)
{
    enum vcr_err err = grow((void **)&w->fragments, &w->fragments_cap, w->fragment_count + 1, sizeof(*w->fragments), why);
    bool video = w->format.codec == REEL_H264;
    if (err == VCR_OK && video)
        err = grow((void **)&w->index_samples, &w->samples_cap, w->total_samples + w->count, sizeof(*w->index_samples), why);
    if (err != VCR_OK)
        return err;
    uint64_t ticks = 0;
    int64_t start_us = w->pts_us[0];
    for (uint32_t i = 0; i < w->count; i++) {
        ticks += w->samples[i].duration;
        start_us = VCR_MIN(start_us, w->pts_us[i]);
    }
    for (uint32_t i = 0; video && i < w->count; i++)
        w->index_samples[w->total_samples + i] = (struct reelidx_sample){ (uint32_t)(w->pts_us[i] - start_us), w->samples[i].key };
    int64_t begin_us = to_us(w, (int64_t)w->tfdt), end_us = to_us(w, (int64_t)(w->tfdt + ticks));
    w->fragments[w->fragment_count++] = (struct reelidx_fragment){
        .offset = w->offset, .size = (uint32_t)(w->head.len + w->data.len), .crc32 = crc, .start_us = start_us, .duration_us = (uint32_t)(end_us - begin_us),
        .first_sample = w->total_samples, .sample_count = w->count, .key_size = (uint32_t)w->head.len + w->samples[0].size,
    };
    w->end_us = start_us + (end_us - begin_us);
    w->total_samples += w->count;
    return VCR_OK;
}

/* The fragment goes out as one append, so that a torn file ends at a fragment's edge. */
static enum vcr_err flush_fragment(struct reel_writer *w, struct vcr_why *why)
{
    if (w->count == 0)
        return VCR_OK;
    buf_reset(&w->head);
    fmp4_write_fragment_head(&w->head, w->fragment_count + 1, w->tfdt, w->samples, w->count, w->format.codec == REEL_H264);
    uint32_t crc = reelidx_crc32(0, (uint8_t *)w->head.data, w->head.len);
    crc = reelidx_crc32(crc, (uint8_t *)w->data.data, w->data.len);
    struct buf whole;
    buf_init(&whole, REEL_FRAGMENT_MAX_BYTES + (1 << 20));
    buf_add(&whole, w->head.data, w->head.len);
    buf_add(&whole, w->data.data, w->data.len);
    enum vcr_err err = buf_ok(&whole) ? io_append(w->file, whole.data, whole.len, why) : vcr_fail(why, VCR_E_NOMEM, "no memory for a fragment");
    if (err == VCR_OK)
        err = index_fragment(w, crc, why);
    w->offset += whole.len;
    buf_free(&whole);
    for (uint32_t i = 0; i < w->count; i++)
        w->tfdt += w->samples[i].duration;
    w->count = 0;
    buf_reset(&w->data);
    return err;
}

/* Length-prefixed NAL units; parameter sets stand in the avcC. */
static void add_h264(struct buf *out, const uint8_t *data, size_t len)
{
    const uint8_t *nal;
    size_t pos = 0, n;
    while (fmp4_next_nal(data, len, &pos, &nal, &n)) {
        int type = nal[0] & 31;
        if (type == NAL_SPS || type == NAL_PPS || type == NAL_AUD)
            continue;
        uint8_t size[4];
        wr32be(size, (uint32_t)n);
        buf_add(out, size, sizeof(size));
        buf_add(out, nal, n);
    }
}

static bool fragment_is_full(const struct reel_writer *w, int64_t dts, bool key)
{
    int64_t len_us = to_us(w, dts - (int64_t)w->tfdt - w->first_dts);
    if (w->format.codec == REEL_H264)
        return key && len_us >= VIDEO_FRAGMENT_MIN_US;
    return len_us >= AUDIO_FRAGMENT_US;
}

enum vcr_err reel_write(struct reel_writer *w, const uint8_t *data, size_t len, int64_t pts_us, int64_t dts_us, int64_t duration_us, bool key,
                        struct vcr_why *why)
{
    int64_t dts = to_ticks(w, dts_us);
    if (!w->pending) {
        if (!key)
            return vcr_fail(why, VCR_E_INVALID, "a reel starts with a key frame");
        w->first_dts = dts;
    } else {
        if (dts <= w->last_dts)
            return vcr_fail(why, VCR_E_INVALID, "decode times do not rise");
        w->samples[w->count - 1].duration = (uint32_t)(dts - w->last_dts);
        if (fragment_is_full(w, dts, key)) {
            enum vcr_err err = flush_fragment(w, why);
            if (err != VCR_OK)
                return err;
        }
    }
    if (w->count == FRAGMENT_SAMPLES_MAX)
        return vcr_fail(why, VCR_E_TOO_LARGE, "too many frames without a key frame");
    size_t before = w->data.len;
    if (w->format.codec == REEL_H264)
        add_h264(&w->data, data, len);
    else
        buf_add(&w->data, data, len);
    if (!buf_ok(&w->data))
        return vcr_fail(why, VCR_E_TOO_LARGE, "a fragment is over its limit");
    /* Composition offsets are relative to this reel's clock, which starts at the first dts. */
    int64_t cts = to_ticks(w, pts_us) - dts;
    w->samples[w->count] = (struct fmp4_sample){ (uint32_t)(w->data.len - before), 0, (int32_t)cts, key };
    w->pts_us[w->count] = pts_us;
    w->count++;
    w->last_dts = dts;
    w->last_duration_us = duration_us;
    w->pending = true;
    return VCR_OK;
}

/* Bit rates as HLS means them: the peak over any second or so, here over a fragment with those that follow until a second is full. */
static void measure_rates(const struct reel_writer *w, struct reelidx *x)
{
    uint64_t total = 0, peak = 0;
    for (uint32_t i = 0; i < w->fragment_count; i++) {
        uint64_t bytes = 0, us = 0;
        for (uint32_t k = i; k < w->fragment_count && us < 1000000; k++) {
            bytes += w->fragments[k].size;
            us += w->fragments[k].duration_us;
        }
        total += w->fragments[i].size;
        if (us >= 900000 || i == 0)
            peak = VCR_MAX(peak, us ? bytes * 8000000 / us : 0);
    }
    x->average_bps = (uint32_t)(x->duration_us > 0 ? total * 8000000 / (uint64_t)x->duration_us : 0);
    x->bandwidth_bps = (uint32_t)VCR_MAX(VCR_MIN(peak, UINT32_MAX), x->average_bps);
}

enum vcr_err reel_writer_finish(struct reel_writer *w, int64_t *ret_duration_us, struct vcr_why *why)
{
    if (!w->pending)
        return vcr_fail(why, VCR_E_INVALID, "a reel without samples");
    w->samples[w->count - 1].duration = (uint32_t)VCR_MAX(to_ticks(w, w->last_duration_us), 1);
    enum vcr_err err = flush_fragment(w, why);
    if (err != VCR_OK)
        return err;
    const struct reel_format *f = &w->format;
    struct reelidx x = {
        .codec = (uint8_t)f->codec, .timescale = f->timescale, .width = (uint16_t)f->width, .height = (uint16_t)f->height,
        .sar_num = (uint16_t)f->sar_num, .sar_den = (uint16_t)f->sar_den, .channels = (uint16_t)f->channels, .sample_rate = (uint32_t)f->sample_rate,
        .config_len = (uint16_t)f->config_len, .init_size = w->init_size, .duration_us = VCR_MAX(w->end_us, 0), .fragment_count = w->fragment_count,
        .sample_count = w->total_samples, .fragments = w->fragments, .samples = w->index_samples,
    };
    memcpy(x.config, f->config, f->config_len);
    memcpy(x.codecs, f->codecs, sizeof(x.codecs));
    measure_rates(w, &x);
    x.pass_through = f->pass_through && x.bandwidth_bps <= 8000000;
    struct buf bytes;
    buf_init(&bytes, INDEX_MAX);
    reelidx_write(&bytes, &x);
    err = buf_ok(&bytes) ? io_append(w->index, bytes.data, bytes.len, why) : vcr_fail(why, VCR_E_NOMEM, "no memory for the index");
    buf_free(&bytes);
    if (err == VCR_OK)
        err = io_sync(w->file, why);
    if (err == VCR_OK)
        err = io_sync(w->index, why);
    if (err == VCR_OK)
        *ret_duration_us = x.duration_us;
    return err;
}
