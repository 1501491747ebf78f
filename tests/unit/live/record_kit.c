/* record_kit.c - see record_kit.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "record_kit.h"
#include "wire/reelwalk.h"

static const char *const tracks[RECORDER_TRACKS] = { "clean", "audio", "opus" };

void recording_init(struct recording *r, const char *dir)
{
    memset(r, 0, sizeof(*r));
    vcr_strcpy(r->dir, sizeof(r->dir), dir);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->over, NULL);
}

static enum vcr_err on_seal(void *arg, const struct recorder_result *result, struct vcr_why *why)
{
    struct recording *r = arg;
    pthread_mutex_lock(&r->lock);
    r->sealed = true;
    pthread_mutex_unlock(&r->lock);
    return VCR_OK;
}

static void on_done(void *arg, const struct recorder_result *result)
{
    struct recording *r = arg;
    pthread_mutex_lock(&r->lock);
    assert_false(r->done);
    r->done = true;
    r->result = *result;
    pthread_cond_signal(&r->over);
    pthread_mutex_unlock(&r->lock);
}

static int file(const char *dir, const char *name, const char *end, bool made)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s.%s", dir, name, end);
    return open(path, O_RDWR | O_CLOEXEC | (made ? O_CREAT | O_TRUNC : 0), 0600);
}

struct recorder_files recording_files(struct recording *r, bool made)
{
    struct recorder_files f = { .journal_fd = file(r->dir, "recording", "journal", made), .seal = on_seal, .done = on_done, .arg = r };
    for (int i = 0; i < RECORDER_TRACKS; i++) {
        f.track[i].fd = file(r->dir, tracks[i], "mp4", made);
        f.track[i].index_fd = file(r->dir, tracks[i], "idx", made);
    }
    return f;
}

void recording_wait(struct recording *r)
{
    pthread_mutex_lock(&r->lock);
    while (!r->done)
        pthread_cond_wait(&r->over, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

bool recording_reaches(struct recording *r, struct programme *p, int64_t us)
{
    int64_t until_us = clock_mono_us() + INT64_C(60000000);
    bool done = false;
    while (!done && programme_recorded_us(p) < us) {
        struct timespec soon;
        if (clock_mono_us() > until_us)
            return false;
        clock_gettime(CLOCK_REALTIME, &soon);
        soon.tv_nsec += 100000; /* a fragment that is written is not announced */
        soon.tv_sec += soon.tv_nsec / 1000000000;
        soon.tv_nsec %= 1000000000;
        pthread_mutex_lock(&r->lock);
        if (!r->done)
            pthread_cond_timedwait(&r->over, &r->lock, &soon);
        done = r->done;
        pthread_mutex_unlock(&r->lock);
    }
    return true;
}

static uint8_t *read_file(const char *dir, const char *track, const char *end, size_t *ret_len)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s.%s", dir, track, end);
    int fd = open(path, O_RDONLY);
    struct stat st;
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    uint8_t *bytes = malloc((size_t)st.st_size + 1);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    close(fd);
    *ret_len = (size_t)st.st_size;
    return bytes;
}

void recording_check(const char *dir, const char *track, struct contents *ret)
{
    static struct reelidx_part parts[REELWALK_SAMPLES_MAX];
    static struct reelidx_sample samples[REELWALK_SAMPLES_MAX];
    struct reelwalk_fragment w = { .parts = parts, .samples = samples };
    struct reelidx x;
    size_t len, index_len;
    uint64_t next = 0;
    uint8_t *bytes = read_file(dir, track, "mp4", &len), *index = read_file(dir, track, "idx", &index_len);
    assert_int_equal(reelidx_parse(&x, index, index_len, NULL), VCR_OK);
    *ret = (struct contents){ .fragments = x.fragment_count, .samples = x.sample_count, .duration_us = x.duration_us };
    assert_int_equal(x.version, 2);
    for (uint32_t i = 0; i < x.fragment_count; i++) {
        const struct reelidx_fragment *f = &x.fragments[i];
        assert_true(f->offset + f->size <= len);
        assert_int_equal(reelwalk_fragment(&w, (enum fmp4_codec)x.codec, x.timescale, bytes + f->offset, f->size, NULL), VCR_OK);
        assert_int_equal(w.record.crc32, f->crc32);
        assert_int_equal(w.record.part_count, f->part_count);
        assert_int_equal(w.record.start_us, f->start_us);
        assert_memory_equal(parts, x.parts + f->first_part, f->part_count * sizeof(*parts));
        if (i > 0)
            assert_int_equal(w.tfdt, next);
        else
            assert_true(w.tfdt <= x.timescale / 20); /* it begins at its beginning */
        next = w.end_ticks;
        ret->gaps += f->discontinuity;
        if (i == 0)
            ret->first_wall_ms = f->wall_ms;
        if (i + 1 == x.fragment_count)
            assert_int_equal(f->offset + f->size, len);
    }
    reelidx_free(&x);
    free(bytes);
    free(index);
}

void copy_file(const char *from, const char *to, int64_t len)
{
    char block[4096];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(in >= 0 && out >= 0);
    for (ssize_t n; len != 0 && (n = read(in, block, len < 0 ? sizeof(block) : (size_t)VCR_MIN(len, (int64_t)sizeof(block)))) > 0; len -= len < 0 ? 0 : n)
        assert_int_equal(write(out, block, (size_t)n), n);
    close(in);
    close(out);
}

int64_t file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : -1;
}
