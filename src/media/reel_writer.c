/* media/reel_writer.c - see reel.h: samples in, fragments and index out. wire/reelcut.h cuts; here they are written and indexed. */
#include <string.h>

#include "base/buf.h"
#include "base/util.h"
#include "media/reel.h"
#include "wire/fmp4.h"
#include "wire/reelcut.h"
#include "wire/reelidx.h"

enum { VIDEO_FRAGMENT_MIN_US = 200000, AUDIO_FRAGMENT_US = 980000, INIT_MAX = 4096, SETS_MAX = 1024, INDEX_MAX = 512 << 20 };

struct reel_writer {
    /* set by open, then read-only */
    struct reel_format format;
    struct io *file, *index;
    uint32_t init_size;
    struct buf sets;           /* H.264: SPS and PPS as Annex B */
    struct reelcut *cut;
    /* the whole reel */
    int64_t end_us;
    uint32_t total_samples, fragments_cap, samples_cap, fragment_count;
    struct reelidx_fragment *fragments;
    struct reelidx_sample *index_samples;
};

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

/* Each fragment is one append, so that a torn file ends at a fragment's edge. */
static enum vcr_err write_fragment(void *arg, const struct reelcut_fragment *f, struct vcr_why *why)
{
    struct reel_writer *w = arg;
    bool video = w->format.codec == REEL_H264;
    enum vcr_err err = io_append(w->file, f->bytes, f->record.size, why);
    if (err == VCR_OK)
        err = grow((void **)&w->fragments, &w->fragments_cap, w->fragment_count + 1, sizeof(*w->fragments), why);
    if (err == VCR_OK && video)
        err = grow((void **)&w->index_samples, &w->samples_cap, w->total_samples + f->record.sample_count, sizeof(*w->index_samples), why);
    if (err != VCR_OK)
        return err;
    if (video)
        memcpy(w->index_samples + w->total_samples, f->samples, f->record.sample_count * sizeof(*f->samples));
    w->fragments[w->fragment_count++] = f->record;
    w->total_samples += f->record.sample_count;
    w->end_us = f->record.start_us + f->record.duration_us;
    return VCR_OK;
}

static enum vcr_err make_init(struct buf *init, const struct reel_format *format, struct vcr_why *why)
{
    if (format->timescale == 0 || format->config_len < (format->codec == REEL_AAC ? 2 : 7) || format->config_len > sizeof(format->config))
        return vcr_fail(why, VCR_E_INVALID, "a reel needs a timescale and its codec's configuration");
    if (format->width < 0 || format->width > 8192 || format->height < 0 || format->height > 8192)
        return vcr_fail(why, VCR_E_INVALID, "a picture of %dx%d is too large", format->width, format->height);
    struct fmp4_track track = {
        .codec = (enum fmp4_codec)format->codec, .timescale = format->timescale, .width = (uint16_t)format->width, .height = (uint16_t)format->height,
        .sar_num = (uint16_t)format->sar_num, .sar_den = (uint16_t)format->sar_den, .channels = (uint16_t)format->channels,
        .sample_rate = (uint32_t)format->sample_rate, .priming = (uint32_t)format->priming, .config = format->config, .config_len = format->config_len,
    };
    fmp4_write_init(init, &track);
    return buf_ok(init) ? VCR_OK : vcr_fail(why, VCR_E_NOMEM, "no memory for a reel");
}

/* Behind offset bytes, of which the first are the init. */
static enum vcr_err begin(struct reel_writer **ret, const struct reel_format *format, struct io *file, struct io *index, uint32_t init_size, uint64_t offset, struct vcr_why *why)
{
    struct reel_writer *w = vcr_alloc(sizeof(*w));
    w->format = *format;
    w->file = file;
    w->index = index;
    w->init_size = init_size;
    buf_init(&w->sets, SETS_MAX);
    enum vcr_err err = format->codec == REEL_H264 && !fmp4_read_sets(&w->sets, format->config, format->config_len)
                           ? vcr_fail(why, VCR_E_INVALID, "a reel's parameter sets cannot be read") : VCR_OK;
    struct reelcut_config cut = {
        .codec = (enum fmp4_codec)format->codec, .timescale = format->timescale, .fragment_us = format->codec == REEL_H264 ? VIDEO_FRAGMENT_MIN_US : AUDIO_FRAGMENT_US,
        .fragment_max_bytes = REEL_FRAGMENT_MAX_BYTES, .offset = offset, .fragment = write_fragment, .arg = w,
        .sets = (const uint8_t *)w->sets.data, .sets_len = w->sets.len,
    };
    if (err == VCR_OK)
        err = reelcut_open(&w->cut, &cut, why);
    if (err != VCR_OK)
        reel_writer_close(&w);
    else
        *ret = w;
    return err;
}

enum vcr_err reel_writer_open(struct reel_writer **ret, const struct reel_format *format, struct io *file, struct io *index, struct vcr_why *why)
{
    struct buf init;
    buf_init(&init, INIT_MAX);
    enum vcr_err err = make_init(&init, format, why);
    if (err == VCR_OK)
        err = io_append(file, init.data, init.len, why);
    if (err == VCR_OK)
        err = begin(ret, format, file, index, (uint32_t)init.len, init.len, why);
    buf_free(&init);
    return err;
}

enum vcr_err reel_writer_go_on(struct reel_writer **ret, const struct reel_format *format, struct reel_kept *kept, struct io *file, struct io *index, struct vcr_why *why)
{
    struct buf init;
    buf_init(&init, INIT_MAX);
    enum vcr_err err = make_init(&init, format, why);
    if (err == VCR_OK && (init.len != kept->init_size || memcmp(init.data, kept->init, init.len) != 0))
        err = vcr_fail(why, VCR_E_STALE, "what was kept is another reel");
    buf_free(&init);
    if (err == VCR_OK)
        err = begin(ret, format, file, index, kept->init_size, kept->bytes, why);
    if (err != VCR_OK)
        return err;
    struct reel_writer *w = *ret;
    reelcut_go_on(w->cut, kept->end_ticks, kept->fragments, kept->samples, kept->parts);
    w->fragments = kept->records;
    w->index_samples = kept->video_samples;
    w->fragment_count = w->fragments_cap = kept->fragments;
    w->total_samples = kept->samples;
    w->samples_cap = w->index_samples ? kept->samples : 0;
    w->end_us = w->fragments[w->fragment_count - 1].start_us + w->fragments[w->fragment_count - 1].duration_us;
    kept->records = NULL;
    kept->video_samples = NULL;
    return VCR_OK;
}

void reel_writer_close(struct reel_writer **w)
{
    if (!*w)
        return;
    reelcut_close(&(*w)->cut);
    buf_free(&(*w)->sets);
    free((*w)->fragments);
    free((*w)->index_samples);
    free(*w);
    *w = NULL;
}

enum vcr_err reel_write(struct reel_writer *w, const uint8_t *data, size_t len, int64_t pts_us, int64_t dts_us, int64_t duration_us, bool key,
                        struct vcr_why *why)
{
    return reelcut_sample(w->cut, data, len, pts_us, dts_us, duration_us, key ? REELCUT_KEY : 0, why);
}

enum vcr_err reel_writer_finish(struct reel_writer *w, int64_t *ret_duration_us, struct vcr_why *why)
{
    enum vcr_err err = reelcut_finish(w->cut, why);
    if (err == VCR_OK && w->fragment_count == 0)
        err = vcr_fail(why, VCR_E_INVALID, "a reel without samples");
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
    reelidx_name_codec(&x);
    reelidx_find_rates(&x);
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
