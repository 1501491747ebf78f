/* deliver/live/reel_file.c - see reel_file.h. */
#include "deliver/live/reel_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "deliver/live/recorder.h"

enum { INIT_MAX = 4096, INDEX_HEAD = 512, RESERVE_STEP = 64 << 10, INDEX_MAX = 512 << 20, FRAGMENT_BYTES = 56, PART_BYTES = 8 };

static enum vcr_err sys_fail(struct vcr_why *why, const char *what, const char *doing)
{
    enum vcr_err code = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? VCR_E_FULL : VCR_E_IO;
    return vcr_fail(why, code, "%s: %s: %s", what, doing, strerror(errno));
}

enum vcr_err reel_file_pwrite(int fd, const void *bytes, size_t len, uint64_t offset, const char *what, struct vcr_why *why)
{
    const uint8_t *p = bytes;
    while (len > 0) {
        ssize_t n = pwrite(fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sys_fail(why, what, "write");
        p += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return VCR_OK;
}

enum vcr_err reel_file_sync(int fd, const char *what, struct vcr_why *why) { return fdatasync(fd) == 0 ? VCR_OK : sys_fail(why, what, "sync"); }

enum vcr_err reel_file_set_aside(int fd, uint64_t from, uint64_t len, const char *what, struct vcr_why *why)
{
    int r;
    do
        r = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)len);
    while (r != 0 && errno == EINTR);
    if (r == 0 || errno == EOPNOTSUPP || errno == ENOSYS || errno == EFBIG)
        return VCR_OK;
    return sys_fail(why, what, "space");
}

void reel_file_init(struct reel_file *f, int fd, int index_fd) { *f = (struct reel_file){ .fd = fd, .index_fd = index_fd, .x = { .version = 2 } }; }

void reel_file_free(struct reel_file *f)
{
    reelidx_free(&f->x);
    vcr_close(&f->fd);
    vcr_close(&f->index_fd);
}

enum vcr_err reel_file_begin(struct reel_file *f, const struct reelidx *format, const void *init, size_t len, struct vcr_why *why)
{
    f->x = *format;
    f->x.version = 2;
    f->x.init_size = (uint32_t)len;
    f->codec = (enum fmp4_codec)format->codec;
    enum vcr_err err = reel_file_pwrite(f->fd, init, len, 0, "recording", why);
    if (err == VCR_OK)
        err = reel_file_sync(f->fd, "recording", why);
    f->end = len;
    return err;
}

enum vcr_err reel_file_open(struct reel_file *f, struct vcr_why *why)
{
    uint8_t head[INIT_MAX];
    struct fmp4_track t;
    uint32_t size = 0;
    ssize_t n = pread(f->fd, head, sizeof(head), 0);
    if (n < 0)
        return sys_fail(why, "recording", "read");
    if (reelwalk_init_bytes(head, (size_t)n, &size) != VCR_OK || fmp4_parse_init(&t, head, size, why) != VCR_OK || t.config_len > sizeof(f->x.config))
        return vcr_fail(why, VCR_E_MALFORMED, "a recording without a beginning");
    f->codec = t.codec;
    f->x = (struct reelidx){
        .version = 2, .codec = (uint8_t)t.codec, .timescale = t.timescale, .width = t.width, .height = t.height, .sar_num = t.sar_num, .sar_den = t.sar_den,
        .channels = t.channels, .sample_rate = t.sample_rate, .config_len = (uint16_t)t.config_len, .init_size = size,
    };
    memcpy(f->x.config, t.config, t.config_len);
    f->end = size;
    return VCR_OK;
}

static bool grow(void **array, uint32_t *cap, uint64_t need, size_t item)
{
    if (need <= *cap)
        return true;
    uint64_t cap2 = VCR_MAX(need, *cap ? *cap * UINT64_C(2) : 256);
    void *p = cap2 <= UINT32_C(1) << 26 ? realloc(*array, cap2 * item) : NULL;
    if (!p)
        return false;
    *array = p;
    *cap = (uint32_t)cap2;
    return true;
}

static uint64_t index_bytes(const struct reelidx *x)
{
    uint64_t samples = x->codec == FMP4_H264 ? x->sample_count : 0;
    return INDEX_HEAD + (uint64_t)x->fragment_count * FRAGMENT_BYTES + (uint64_t)x->part_count * PART_BYTES + samples * REELIDX_SAMPLE_BYTES;
}

enum vcr_err reel_file_reserve(struct reel_file *f, const struct reelwalk_fragment *w, struct vcr_why *why)
{
    struct reelidx *x = &f->x;
    bool video = f->codec == FMP4_H264;
    if (!grow((void **)&x->fragments, &f->fragments_cap, (uint64_t)x->fragment_count + 1, sizeof(*x->fragments)) ||
        !grow((void **)&x->parts, &f->parts_cap, (uint64_t)x->part_count + w->record.part_count, sizeof(*x->parts)) ||
        (video && !grow((void **)&x->samples, &f->samples_cap, (uint64_t)x->sample_count + w->record.sample_count, sizeof(*x->samples))))
        return vcr_fail(why, VCR_E_NOMEM, "the recording is too long to be indexed");
    uint64_t need = index_bytes(x) + RESERVE_STEP / 2;
    if (f->index_fd < 0 || need <= f->reserved)
        return VCR_OK;
    enum vcr_err err = reel_file_set_aside(f->index_fd, f->reserved, need - f->reserved + RESERVE_STEP, "recording index", why);
    if (err == VCR_OK)
        f->reserved = need + RESERVE_STEP;
    return err;
}

enum vcr_err reel_file_write(struct reel_file *f, const void *bytes, size_t len, struct vcr_why *why)
{
    return reel_file_pwrite(f->fd, bytes, len, f->end, "recording", why);
}

void reel_file_take(struct reel_file *f, const struct reelwalk_fragment *w, bool gap, int64_t wall_ms)
{
    struct reelidx *x = &f->x;
    struct reelidx_fragment r = w->record;
    r.offset = f->end;
    r.first_sample = x->sample_count;
    r.first_part = x->part_count;
    r.discontinuity = gap;
    r.wall_ms = VCR_MAX(wall_ms, 0);
    memcpy(x->parts + x->part_count, w->parts, r.part_count * sizeof(*w->parts));
    if (x->samples)
        memcpy(x->samples + x->sample_count, w->samples, r.sample_count * sizeof(*w->samples));
    x->fragments[x->fragment_count++] = r;
    x->part_count += r.part_count;
    x->sample_count += r.sample_count;
    x->duration_us = r.start_us + r.duration_us;
    f->end += r.size;
    f->end_ticks = w->end_ticks;
}

enum vcr_err reel_file_seal(struct reel_file *f, struct vcr_why *why)
{
    struct buf bytes;
    enum vcr_err err = VCR_OK;
    if (ftruncate(f->fd, (off_t)f->end) != 0)
        return sys_fail(why, "recording", "cut");
    reelidx_name_codec(&f->x);
    reelidx_find_rates(&f->x);
    f->x.pass_through = f->codec == FMP4_H264 && f->x.bandwidth_bps <= 8000000;
    buf_init(&bytes, INDEX_MAX);
    reelidx_write(&bytes, &f->x);
    if (!buf_ok(&bytes))
        err = vcr_fail(why, VCR_E_NOMEM, "no memory for the index");
    if (err == VCR_OK)
        err = reel_file_pwrite(f->index_fd, bytes.data, bytes.len, 0, "recording index", why);
    if (err == VCR_OK && ftruncate(f->index_fd, (off_t)bytes.len) != 0)
        err = sys_fail(why, "recording index", "cut");
    buf_free(&bytes);
    if (err == VCR_OK)
        err = reel_file_sync(f->fd, "recording", why);
    if (err == VCR_OK)
        err = reel_file_sync(f->index_fd, "recording index", why);
    return err;
}

void reel_file_describe(const struct reel_file *f, struct recorder_track_result *ret)
{
    const struct reelidx *x = &f->x;
    *ret = (struct recorder_track_result){
        .there = true, .size_bytes = f->end, .samples = x->sample_count, .duration_us = x->duration_us, .fragments = x->fragment_count, .width = x->width, .height = x->height,
        .sar_num = x->sar_num, .sar_den = x->sar_den, .channels = x->channels,
    };
    memcpy(ret->codecs, x->codecs, sizeof(ret->codecs));
}
