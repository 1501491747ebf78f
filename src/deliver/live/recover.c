/* deliver/live/recover.c - see recorder.h: what is whole in the files of a recording that a kill or a power cut left behind. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"
#include "deliver/live/recorder.h"
#include "deliver/live/reel_file.h"
#include "wire/reelcut.h"

enum { FRAGMENT_MAX = 16 << 20, JOURNAL_READ = 1024, VIDEO_MIN_US = 500000, AUDIO_US = 980000, HEAD_BYTES = 96 << 10, PART_HEAD_BYTES = 4096,
       CHECKED = 2 /* records a track whose bytes are checked: what stands before was synced before the last one was announced */ };

struct recovery {
    const struct recorder_files *files;
    struct reel_file track[RECORDER_TRACKS];
    bool open[RECORDER_TRACKS];
    bool gaps;
    uint64_t size[RECORDER_TRACKS];
    int64_t wall_ms;
    uint8_t *bytes;              /* FRAGMENT_MAX */
    struct reelidx_part *parts;
    struct reelidx_sample *samples;
};

static bool read_all(int fd, void *out, size_t len, uint64_t offset)
{
    uint8_t *p = out;
    while (len > 0) {
        ssize_t n = pread(fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return true;
}

/* Only what says where the parts and samples are; the rest of bytes is whatever was there. */
static bool read_heads(int fd, uint8_t *bytes, uint64_t len, uint64_t offset)
{
    for (uint64_t at = 0, n = 0; at < len; at += n) {
        size_t have = (size_t)VCR_MIN(len - at, (uint64_t)PART_HEAD_BYTES);
        bool key;
        enum vcr_err err = read_all(fd, bytes + at, have, offset + at) ? reelwalk_part_bytes(bytes + at, have, &n, &key) : VCR_E_IO;
        if (err == VCR_E_AGAIN) {
            have = (size_t)VCR_MIN(len - at, rd32be(bytes + at) + UINT64_C(8));
            err = read_all(fd, bytes + at, have, offset + at) ? reelwalk_part_bytes(bytes + at, have, &n, &key) : VCR_E_IO;
        }
        if (err != VCR_OK || n > len - at)
            return false;
    }
    return true;
}

/* The fragment of len bytes at the end of what is good; record: what the journal says of it, or NULL. check: whether its bytes are those of the record. */
static bool take_fragment(struct recovery *v, int i, uint64_t len, const struct reelwalk_record *record, bool check)
{
    struct reel_file *f = &v->track[i];
    struct reelwalk_fragment w = { .heads_only = record && !check, .parts = v->parts, .samples = v->samples };
    struct vcr_why why;
    if (len == 0 || len > FRAGMENT_MAX || len > v->size[i] - f->end)
        return false;
    if (w.heads_only ? !read_heads(f->fd, v->bytes, len, f->end) : !read_all(f->fd, v->bytes, len, f->end))
        return false;
    if (record && check && reelidx_crc32(0, v->bytes, len) != record->crc32)
        return false;
    if (reelwalk_fragment(&w, f->codec, f->x.timescale, v->bytes, len, &why) != VCR_OK || (f->x.fragment_count > 0 && w.tfdt != f->end_ticks))
        return false;
    if (w.heads_only)
        w.record.crc32 = record->crc32;
    if (reel_file_reserve(f, &w, &why) != VCR_OK)
        return false;
    int64_t wall_ms = record ? record->wall_ms : 0;
    if (!record && f->x.fragment_count > 0 && f->x.fragments[f->x.fragment_count - 1].wall_ms > 0) {
        const struct reelidx_fragment *last = &f->x.fragments[f->x.fragment_count - 1];
        wall_ms = last->wall_ms + last->duration_us / 1000;
    }
    bool gap = record && record->discontinuity;
    v->gaps |= gap && f->x.fragment_count > 0;
    reel_file_take(f, &w, gap, wall_ms);
    return true;
}

static bool next_record(int fd, uint32_t n, uint8_t bytes[REELWALK_RECORD_BYTES], struct reelwalk_record *ret)
{
    return read_all(fd, bytes, REELWALK_RECORD_BYTES, REELWALK_HEAD_BYTES + (uint64_t)n * REELWALK_RECORD_BYTES) && reelwalk_read_record(bytes, ret) && ret->number == n &&
           ret->track < RECORDER_TRACKS;
}

/* The journal's records in order, as far as they are some; a track's records are done with at the first one whose bytes are not there. */
static void follow_journal(struct recovery *v)
{
    uint8_t head[REELWALK_HEAD_BYTES], bytes[REELWALK_RECORD_BYTES];
    struct reelwalk_record r;
    bool done[RECORDER_TRACKS] = { 0 };
    uint32_t left[RECORDER_TRACKS] = { 0 };
    int fd = v->files->journal_fd;
    if (fd < 0 || !read_all(fd, head, sizeof(head), 0) || !reelwalk_read_head(head, &v->wall_ms))
        return;
    for (uint32_t n = 0; next_record(fd, n, bytes, &r); n++)
        left[r.track] += r.offset + r.size <= v->size[r.track];
    for (uint32_t n = 0; next_record(fd, n, bytes, &r); n++) {
        int i = r.track;
        bool check = left[i] <= CHECKED;
        left[i] -= left[i] > 0;
        if (v->open[i] && !done[i])
            done[i] = r.offset != v->track[i].end || !take_fragment(v, i, r.size, &r, check);
    }
}

/* How many bytes the fragment has that begins at this place: parts up to the next that begins one. 0: the last one, or none. */
static uint64_t find_fragment(struct recovery *v, int i)
{
    const struct reel_file *f = &v->track[i];
    uint64_t at = f->end, first_tfdt = 0, n;
    bool key;
    for (int parts = 0;; parts++) {
        size_t len = (size_t)VCR_MIN(v->size[i] - at, (uint64_t)HEAD_BYTES);
        if (len < REELCUT_HEAD_BYTES || !read_all(f->fd, v->bytes, len, at) || reelwalk_part_bytes(v->bytes, len, &n, &key) != VCR_OK || n > v->size[i] - at)
            return 0;
        uint64_t tfdt = rd64be(v->bytes + REELCUT_TFDT_AT);
        int64_t so_far_us = parts ? (int64_t)((tfdt - first_tfdt) * 1000000 / f->x.timescale) : 0;
        bool begins = f->codec == FMP4_H264 ? key && so_far_us >= VIDEO_MIN_US : so_far_us >= AUDIO_US;
        if (parts && begins)
            return at - f->end;
        if (parts == 0)
            first_tfdt = tfdt;
        at += n;
    }
}

static void walk_on(struct recovery *v, int i)
{
    for (uint64_t len; (len = find_fragment(v, i)) > 0;)
        if (!take_fragment(v, i, len, NULL, true))
            return;
}

static enum vcr_err seal_all(struct recovery *v, struct recorder_result *result)
{
    enum vcr_err err = VCR_OK;
    for (int i = RECORDER_TRACKS - 1; i >= 0 && err == VCR_OK; i--) {
        struct reel_file *f = &v->track[i];
        if (!v->open[i] || f->x.fragment_count == 0)
            continue;
        err = reel_file_seal(f, &result->why);
        reel_file_describe(f, &result->track[i]);
        result->duration_us = f->x.duration_us;
    }
    if (err == VCR_OK && result->duration_us > 0 && v->files->seal)
        err = v->files->seal(v->files->arg, result, &result->why);
    return err;
}

static void open_tracks(struct recovery *v)
{
    struct stat st;
    struct vcr_why why;
    for (int i = 0; i < RECORDER_TRACKS; i++) {
        struct reel_file *f = &v->track[i];
        reel_file_init(f, v->files->track[i].fd, v->files->track[i].index_fd);
        v->open[i] = f->fd >= 0 && f->index_fd >= 0 && fstat(f->fd, &st) == 0 && reel_file_open(f, &why) == VCR_OK;
        v->size[i] = v->open[i] ? (uint64_t)st.st_size : 0;
    }
}

void recorder_recover(const struct recorder_files *files, struct recorder_result *ret)
{
    struct recovery v = { .files = files };
    int journal = files->journal_fd;
    *ret = (struct recorder_result){ .stop_reason = "fault" };
    v.bytes = malloc(FRAGMENT_MAX);
    v.parts = vcr_calloc(REELWALK_SAMPLES_MAX, sizeof(*v.parts));
    v.samples = vcr_calloc(REELWALK_SAMPLES_MAX, sizeof(*v.samples));
    open_tracks(&v);
    enum vcr_err err = v.bytes ? VCR_OK : vcr_fail(&ret->why, VCR_E_NOMEM, "no memory to recover a recording");
    if (err == VCR_OK) {
        follow_journal(&v);
        for (int i = 0; i < RECORDER_TRACKS; i++)
            if (v.open[i])
                walk_on(&v, i);
        err = seal_all(&v, ret);
    }
    ret->sealed = err == VCR_OK && ret->duration_us > 0;
    ret->gaps = v.gaps;
    ret->wall_ms = v.wall_ms;
    if (err != VCR_OK)
        log_error("recorder", "a recording could not be recovered: %s", ret->why.text);
    for (int i = 0; i < RECORDER_TRACKS; i++)
        reel_file_free(&v.track[i]);
    vcr_close(&journal);
    free(v.bytes);
    free(v.parts);
    free(v.samples);
}
