/* deliver/live/programme.c - see programme.h: a programme begins, records, ends. Its fragments go to the window and to the recorder. */
#include "deliver/live/programme.h"

#include <fcntl.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "deliver/live/internal.h"

enum { FRAGMENT_MAX = 8 << 20, FRAGMENT_MIN_US = 500000, OPUS_FRAME_US = 20000, AAC_FRAME_US = 21333 };

void programme_ref(struct programme *p) { atomic_fetch_add(&p->refs, 1); }

void programme_unref(struct programme *p)
{
    if (!p || atomic_fetch_sub(&p->refs, 1) != 1)
        return;
    for (int t = 0; t < PROGRAMME_TRACKS; t++) {
        reelcut_close(&p->track[t].cut);
        free(p->track[t].queue);
        live_window_free(&p->window[t]);
        live_file_unref(&p->files[t]);
        for (int i = 0; i < LIVE_INITS_MAX; i++)
            live_bytes_unref(&p->inits[t][i]);
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* ---- out: parts and fragments ---- */
static enum vcr_err on_part(void *arg, const struct reelcut_part *part, struct vcr_why *why)
{
    struct live_track *t = arg;
    struct programme *p = t->programme;
    pthread_mutex_lock(&p->lock);
    live_add_part(p, t->index, part);
    struct programme_request *woken = live_wake(p, INT64_MIN);
    pthread_mutex_unlock(&p->lock);
    live_post(woken);
    return VCR_OK;
}

static void stop_recording(struct programme *p, const char *reason)
{
    recorder_stop(&p->recorder, reason);
    p->record_begun = false;
}

static void begin_recording(struct programme *p, const struct reelcut_fragment *f)
{
    struct recorder_track track[RECORDER_TRACKS];
    int64_t start_us = reelcut_us(p->track[p->leader].format.timescale, (int64_t)f->tfdt);
    pthread_mutex_lock(&p->lock);
    p->record_init = live_find(&p->window[p->leader], p->track[p->leader].msn)->init;
    int64_t wall_ms = live_find(&p->window[p->leader], p->track[p->leader].msn)->wall_ms;
    for (int i = 0; i < PROGRAMME_TRACKS; i++) {
        track[i] = (struct recorder_track){ p->track[i].format, live_bytes_ref(p->inits[i][p->record_init]) };
        live_file_unref(&p->files[i]);
        if (p->record_fds.track[i].fd >= 0) {
            p->files[i] = vcr_alloc(sizeof(*p->files[i]));
            *p->files[i] = (struct live_file){ .fd = p->record_fds.track[i].fd, .start_us = start_us };
            atomic_init(&p->files[i]->refs, 1);
            p->record_fds.track[i].fd = -1;
        }
    }
    pthread_mutex_unlock(&p->lock);
    recorder_begin(p->recorder, track, start_us, wall_ms);
    for (int i = 0; i < PROGRAMME_TRACKS; i++)
        live_bytes_unref(&track[i].init);
    p->record_begun = true;
}

static void record(struct programme *p, struct live_track *t, const struct reelcut_fragment *f, int64_t wall_ms, bool gap)
{
    if (recorder_is_over(p->recorder)) {
        stop_recording(p, "stop");
        return;
    }
    if (!p->record_begun && t->index == p->leader)
        begin_recording(p, f);
    if (p->record_begun && recorder_fragment(p->recorder, t->index, f->bytes, f->record.size, t->msn, wall_ms, gap) != VCR_OK)
        stop_recording(p, "too_slow");
}

static enum vcr_err on_fragment(void *arg, const struct reelcut_fragment *f, struct vcr_why *why)
{
    struct live_track *t = arg;
    struct programme *p = t->programme;
    pthread_mutex_lock(&p->lock);
    const struct live_segment *s = live_last(&p->window[t->index]);
    int64_t wall_ms = s->wall_ms;
    bool gap = s->gap;
    pthread_mutex_unlock(&p->lock);
    if (p->recorder && t->msn >= p->record_from)
        record(p, t, f, wall_ms, gap);
    pthread_mutex_lock(&p->lock);
    live_end_segment(p, t->index);
    struct programme_request *woken = live_wake(p, INT64_MIN);
    pthread_mutex_unlock(&p->lock);
    live_post(woken);
    t->msn++;
    return VCR_OK;
}

/* ---- recording ---- */
static void forget_files(struct programme *p)
{
    for (int i = 0; i < RECORDER_TRACKS; i++)
        vcr_close(&p->record_fds.track[i].fd);
}

static void on_written(void *arg, int track, int64_t msn, uint64_t offset, uint32_t size)
{
    struct programme *p = arg;
    pthread_mutex_lock(&p->lock);
    live_written(p, track, msn, offset, size);
    pthread_mutex_unlock(&p->lock);
}

static void on_over(void *arg) { programme_unref(arg); }

enum vcr_err programme_record_start(struct programme *p, const struct recorder_files *files, struct vcr_why *why)
{
    if (p->recorder && recorder_is_over(p->recorder))
        stop_recording(p, "stop");
    if (p->ended || p->recorder) {
        struct recorder_files f = *files;
        for (int i = 0; i < RECORDER_TRACKS; i++) {
            vcr_close(&f.track[i].fd);
            vcr_close(&f.track[i].index_fd);
        }
        vcr_close(&f.journal_fd);
        return vcr_fail(why, VCR_E_CONFLICT, p->ended ? "the programme has ended" : "it is being recorded already");
    }
    struct recorder_events events = { on_written, on_over, p };
    forget_files(p);
    for (int i = 0; i < RECORDER_TRACKS; i++) /* to be read while they grow; without one, segments stay in memory only */
        p->record_fds.track[i].fd = files->track[i].fd >= 0 ? fcntl(files->track[i].fd, F_DUPFD_CLOEXEC, 0) : -1;
    p->recorder = recorder_open(programmes_recorders(p->set), files, &events);
    programme_ref(p);
    p->record_begun = false;
    p->record_from = p->track[p->leader].msn + (p->started ? 1 : 0);
    return VCR_OK;
}

/* The parts of a fragment under way are a shorter fragment. */
static void record_rest(struct programme *p, struct live_track *t)
{
    struct buf rest;
    int64_t wall_ms = 0;
    bool gap = false;
    buf_init(&rest, FRAGMENT_MAX);
    pthread_mutex_lock(&p->lock);
    const struct live_segment *s = live_last(&p->window[t->index]);
    bool use = s && !s->whole && s->msn >= p->record_from && s->init == p->record_init;
    for (int i = 0; use && i < s->count; i++) {
        if (s->parts[i].bytes)
            buf_add(&rest, s->parts[i].bytes->data, s->parts[i].bytes->len);
        wall_ms = s->wall_ms;
        gap = s->gap;
    }
    pthread_mutex_unlock(&p->lock);
    if (rest.len > 0 && buf_ok(&rest))
        recorder_fragment(p->recorder, t->index, rest.data, rest.len, -1, wall_ms, gap);
    buf_free(&rest);
}

void programme_record_stop_for(struct programme *p, const char *reason)
{
    if (!p->recorder)
        return;
    for (int i = 0; p->record_begun && i < PROGRAMME_TRACKS; i++)
        if (p->track[i].cut)
            record_rest(p, &p->track[i]);
    stop_recording(p, reason);
    forget_files(p);
}

void programme_record_stop(struct programme *p) { programme_record_stop_for(p, "stop"); }

int64_t programme_recorded_us(struct programme *p) { return p->recorder ? recorder_written_us(p->recorder) : 0; }

int64_t programme_duration_us(struct programme *p, int64_t *ret_wall_ms)
{
    pthread_mutex_lock(&p->lock);
    int64_t us = p->end_us;
    if (ret_wall_ms)
        *ret_wall_ms = p->first_wall_ms;
    pthread_mutex_unlock(&p->lock);
    return us;
}

/* ---- begin and end ---- */
static enum vcr_err open_track(struct programme *p, int i, struct vcr_why *why)
{
    struct live_track *t = &p->track[i];
    const struct programme_config *c = &p->config;
    bool video = i == PROGRAMME_VIDEO;
    struct reelcut_config cut = {
        .codec = (enum fmp4_codec)i, .timescale = video ? LIVE_VIDEO_TIMESCALE : LIVE_SOUND_HZ, .part_us = PROGRAMME_PART_US, .fragment_us = video ? FRAGMENT_MIN_US : INT64_MAX,
        .fragment_max_bytes = FRAGMENT_MAX, .from_zero = true, .part = on_part, .fragment = on_fragment, .arg = t,
    };
    t->programme = p;
    t->index = i;
    t->frame_us = video ? (c->frames_per_1000_s ? 1000000000 / (int64_t)c->frames_per_1000_s : 40000) : i == PROGRAMME_AAC ? AAC_FRAME_US : OPUS_FRAME_US;
    enum vcr_err err = reelcut_open(&t->cut, &cut, why);
    if (err != VCR_OK || video)
        return err;
    t->queue = vcr_calloc(LIVE_QUEUE, sizeof(*t->queue));
    return live_set_sound(p, i, why);
}

enum vcr_err programme_open(struct programmes *s, struct programme **ret, const struct programme_config *config, struct vcr_why *why)
{
    enum vcr_err err = live_check_config(config, why);
    if (err != VCR_OK)
        return err;
    struct programme *p = vcr_alloc(sizeof(*p));
    atomic_init(&p->refs, 1);
    pthread_mutex_init(&p->lock, NULL);
    p->set = s;
    p->config = *config;
    vcr_strcpy(p->id, sizeof(p->id), config->id);
    p->config.id = p->id;
    p->leader = config->track[PROGRAMME_VIDEO] ? PROGRAMME_VIDEO : PROGRAMME_AAC;
    for (int i = 0; i < RECORDER_TRACKS; i++)
        p->record_fds.track[i].fd = -1;
    for (int i = 0; i < PROGRAMME_TRACKS && err == VCR_OK; i++)
        if (config->track[i])
            err = open_track(p, i, why);
    if (err == VCR_OK)
        err = programmes_add(s, p, why);
    if (err == VCR_OK)
        *ret = p;
    else
        programme_unref(p);
    return err;
}

void programme_end_for(struct programme *p, const char *reason)
{
    struct vcr_why why;
    if (p->ended)
        return;
    p->ended = true;
    for (int i = 0; i < PROGRAMME_TRACKS; i++)
        if (p->track[i].cut && reelcut_finish(p->track[i].cut, &why) != VCR_OK)
            log_warn("live", "the end of a programme is missing: %s", why.text);
    if (p->recorder)
        stop_recording(p, reason);
    forget_files(p);
    pthread_mutex_lock(&p->lock);
    p->over = true;
    p->over_at_us = clock_mono_us();
    for (int i = 0; i < PROGRAMME_TRACKS; i++) {
        live_bytes_unref(&p->window[i].text[0]);
        live_bytes_unref(&p->window[i].text[1]);
    }
    struct programme_request *woken = live_wake(p, INT64_MIN);
    pthread_mutex_unlock(&p->lock);
    live_post(woken);
}

void programme_end(struct programme *p) { programme_end_for(p, "stop"); }

void programme_close(struct programme **pp)
{
    struct programme *p = *pp;
    *pp = NULL;
    if (!p)
        return;
    programme_end(p);
    programme_unref(p);
}
