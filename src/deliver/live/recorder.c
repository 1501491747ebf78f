/* deliver/live/recorder.c - see recorder.h: writer threads, each with a queue of what its recorders have to do. */
#include "deliver/live/recorder.h"

#include <string.h>

#include "base/log.h"
#include "deliver/live/internal.h"
#include "deliver/live/reel_file.h"

enum { THREADS_MAX = 16, JOURNAL_STEP = 64 << 10 };

enum op_kind { OP_BEGIN, OP_FRAGMENT, OP_STOP };
struct op {
    struct op *next;
    struct recorder *recorder;
    enum op_kind kind;
    int track;
    bool gap;
    int64_t msn, wall_ms, start_us;
    const char *reason;
    struct recorder_track tracks[RECORDER_TRACKS];
    size_t len;
    uint8_t data[];
};

struct recorder_thread {
    pthread_t id;
    bool started;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct op *head, **tail;
    bool ending;
};
struct recorders {
    /* set by open, then read-only */
    int count;
    struct recorder_thread threads[THREADS_MAX];
    /* atomics */
    atomic_uint next;
    atomic_int running;
    _Atomic uint64_t bytes;
};

struct recorder {
    /* set by open, then read-only */
    struct recorders *set;
    struct recorder_thread *thread;
    struct recorder_files files;
    struct recorder_events events;
    struct op *stop;             /* kept for the end, which must not fail for want of memory */
    /* atomics */
    atomic_bool over;
    _Atomic uint64_t waiting_bytes;
    _Atomic int64_t written_us;
    /* the writer thread's own */
    struct reel_file track[RECORDER_TRACKS];
    uint64_t journal_end, journal_reserved;
    uint32_t records;
    int64_t start_us;
    uint32_t sequence[RECORDER_TRACKS];
    bool begun, gaps;
    int clock;                   /* the track that tells how long it is */
    struct recorder_result result;
};

struct live_bytes *live_bytes_make(const void *data, size_t len)
{
    struct live_bytes *b = malloc(sizeof(*b) + len);
    if (!b)
        return NULL;
    atomic_init(&b->refs, 1);
    b->len = len;
    if (data)
        memcpy(b->data, data, len);
    return b;
}

void live_bytes_unref(struct live_bytes **b)
{
    if (*b && atomic_fetch_sub(&(*b)->refs, 1) == 1)
        free(*b);
    *b = NULL;
}

/* ---- the writer thread: one fragment ---- */

/* Its times become those of this file. */
static void move_parts(struct recorder *r, struct op *op)
{
    uint32_t timescale = r->track[op->track].x.timescale;
    int64_t shift = reelcut_ticks(timescale, r->start_us);
    for (size_t at = 0; at < op->len;) {
        uint64_t n = 0;
        bool key;
        if (reelwalk_part_bytes(op->data + at, op->len - at, &n, &key) != VCR_OK || n > op->len - at)
            return;
        int64_t tfdt = (int64_t)rd64be(op->data + at + REELCUT_TFDT_AT) - shift;
        wr64be(op->data + at + REELCUT_TFDT_AT, (uint64_t)VCR_MAX(tfdt, 0));
        wr32be(op->data + at + REELCUT_SEQUENCE_AT, ++r->sequence[op->track]);
        at += (size_t)n;
    }
}

static enum vcr_err announce(struct recorder *r, const struct op *op, const struct reelidx_fragment *f, struct vcr_why *why)
{
    uint8_t bytes[REELWALK_RECORD_BYTES];
    struct reelwalk_record record = {
        .track = (uint8_t)op->track, .discontinuity = op->gap, .number = r->records, .offset = r->track[op->track].end, .size = f->size, .crc32 = f->crc32,
        .start_us = f->start_us, .duration_us = f->duration_us, .wall_ms = op->wall_ms,
    };
    if (r->journal_end + JOURNAL_STEP / 2 > r->journal_reserved) {
        enum vcr_err err = reel_file_set_aside(r->files.journal_fd, r->journal_reserved, JOURNAL_STEP, "journal", why);
        if (err != VCR_OK)
            return err;
        r->journal_reserved += JOURNAL_STEP;
    }
    reelwalk_write_record(bytes, &record);
    return reel_file_pwrite(r->files.journal_fd, bytes, sizeof(bytes), r->journal_end, "journal", why);
}

struct walk_room { /* for what one fragment is found to hold; not a thread's own, which every thread of the process would have */
    struct reelidx_part parts[REELWALK_SAMPLES_MAX];
    struct reelidx_sample samples[REELWALK_SAMPLES_MAX];
};

static enum vcr_err write_in_room(struct recorder *r, struct op *op, struct walk_room *room, struct vcr_why *why)
{
    struct reelwalk_fragment w = { .parts = room->parts, .samples = room->samples };
    struct reel_file *f = &r->track[op->track];
    move_parts(r, op);
    enum vcr_err err = reelwalk_fragment(&w, f->codec, f->x.timescale, op->data, op->len, why);
    if (err == VCR_OK)
        err = reel_file_reserve(f, &w, why);
    if (err == VCR_OK)
        err = announce(r, op, &w.record, why);
    if (err != VCR_OK)
        return err;
    r->journal_end += REELWALK_RECORD_BYTES;
    r->records++;
    err = reel_file_write(f, op->data, op->len, why);
    if (err == VCR_OK)
        err = reel_file_sync(f->fd, "recording", why);
    if (err == VCR_OK && op->track == r->clock)
        err = reel_file_sync(r->files.journal_fd, "journal", why);
    if (err != VCR_OK)
        return err;
    uint64_t offset = f->end;
    r->gaps |= op->gap && f->x.fragment_count > 0;
    reel_file_take(f, &w, op->gap, op->wall_ms);
    if (op->track == r->clock)
        atomic_store(&r->written_us, f->x.duration_us);
    atomic_fetch_add(&r->set->bytes, op->len);
    r->events.written(r->events.arg, op->track, op->msn, offset, (uint32_t)op->len);
    return VCR_OK;
}

static enum vcr_err write_fragment(struct recorder *r, struct op *op, struct vcr_why *why)
{
    struct walk_room *room = vcr_alloc(sizeof(*room));
    enum vcr_err err = write_in_room(r, op, room, why);
    free(room);
    return err;
}

static enum vcr_err begin(struct recorder *r, struct op *op, struct vcr_why *why)
{
    uint8_t head[REELWALK_HEAD_BYTES];
    enum vcr_err err = reel_file_set_aside(r->files.journal_fd, 0, JOURNAL_STEP, "journal", why);
    r->journal_reserved = JOURNAL_STEP;
    r->start_us = op->start_us;
    r->result.wall_ms = op->wall_ms;
    reelwalk_write_head(head, op->wall_ms);
    if (err == VCR_OK)
        err = reel_file_pwrite(r->files.journal_fd, head, sizeof(head), 0, "journal", why);
    if (err == VCR_OK)
        err = reel_file_sync(r->files.journal_fd, "journal", why);
    r->journal_end = sizeof(head);
    for (int i = RECORDER_TRACKS - 1; i >= 0 && err == VCR_OK; i--) {
        if (r->track[i].fd < 0 || !op->tracks[i].init)
            continue;
        err = reel_file_begin(&r->track[i], &op->tracks[i].format, op->tracks[i].init->data, op->tracks[i].init->len, why);
        r->clock = i;
    }
    r->begun = err == VCR_OK;
    return err;
}

/* ---- the end of a recording ---- */
static enum vcr_err seal_tracks(struct reel_file track[RECORDER_TRACKS], struct recorder_result *result, struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    for (int i = RECORDER_TRACKS - 1; i >= 0; i--) {
        struct reel_file *f = &track[i];
        if (f->fd < 0 || f->x.fragment_count == 0)
            continue;
        struct vcr_why ignored;
        enum vcr_err e = reel_file_seal(f, err == VCR_OK ? why : &ignored);
        err = err == VCR_OK ? e : err;
        reel_file_describe(f, &result->track[i]);
        result->duration_us = f->x.duration_us;
    }
    return err;
}

static void seal(struct recorder *r, const char *reason, enum vcr_err cause, const struct vcr_why *why)
{
    struct recorder_result *result = &r->result;
    result->stop_reason = reason;
    if (cause != VCR_OK)
        result->why = *why;
    result->gaps = r->gaps;
    enum vcr_err err = seal_tracks(r->track, result, &result->why);
    bool any = result->duration_us > 0;
    if (err == VCR_OK && any)
        err = r->files.seal ? r->files.seal(r->files.arg, result, &result->why) : VCR_OK;
    result->sealed = err == VCR_OK && any;
    if (err != VCR_OK)
        log_error("recorder", "a recording could not be finished, the next start tries again: %s", result->why.text);
    atomic_store(&r->over, true);
    atomic_fetch_sub(&r->set->running, 1);
    r->events.over(r->events.arg);
    if (r->files.done)
        r->files.done(r->files.arg, result);
}

static void run_op(struct op *op)
{
    static const char *const failed[] = { "disk_full", "fault" };
    struct recorder *r = op->recorder;
    struct vcr_why why = { 0 };
    enum vcr_err err = VCR_OK;
    bool over = atomic_load(&r->over);
    if (op->kind == OP_BEGIN && !over)
        err = begin(r, op, &why);
    else if (op->kind == OP_FRAGMENT && !over && r->begun)
        err = write_fragment(r, op, &why);
    else if (op->kind == OP_STOP && !over)
        seal(r, op->reason, VCR_OK, NULL);
    if (err != VCR_OK) {
        log_warn("recorder", "a recording ends: %s", why.text);
        seal(r, failed[err != VCR_E_FULL], err, &why);
    }
    atomic_fetch_sub(&r->waiting_bytes, op->len);
    for (int i = 0; i < RECORDER_TRACKS; i++)
        live_bytes_unref(&op->tracks[i].init);
    if (op->kind == OP_STOP) {
        for (int i = 0; i < RECORDER_TRACKS; i++)
            reel_file_free(&r->track[i]);
        vcr_close(&r->files.journal_fd);
        free(r);
    }
    free(op);
}

static void *thread_main(void *arg)
{
    struct recorder_thread *t = arg;
    for (;;) {
        pthread_mutex_lock(&t->lock);
        while (!t->head && !t->ending)
            pthread_cond_wait(&t->more, &t->lock);
        struct op *op = t->head;
        if (op) {
            t->head = op->next;
            if (!t->head)
                t->tail = &t->head;
        }
        pthread_mutex_unlock(&t->lock);
        if (!op)
            return NULL;
        run_op(op);
    }
}

static void push(struct op *op)
{
    struct recorder_thread *t = op->recorder->thread;
    op->next = NULL;
    pthread_mutex_lock(&t->lock);
    *t->tail = op;
    t->tail = &op->next;
    pthread_cond_signal(&t->more);
    pthread_mutex_unlock(&t->lock);
}

/* ---- for the programme ---- */
static struct op *make_op(struct recorder *r, enum op_kind kind, size_t len)
{
    struct op *op = malloc(sizeof(*op) + len);
    if (!op)
        return NULL;
    memset(op, 0, sizeof(*op));
    op->recorder = r;
    op->kind = kind;
    op->len = len;
    return op;
}

struct recorder *recorder_open(struct recorders *s, const struct recorder_files *files, const struct recorder_events *events)
{
    struct recorder *r = vcr_alloc(sizeof(*r));
    r->stop = vcr_alloc(sizeof(*r->stop));
    *r->stop = (struct op){ .recorder = r, .kind = OP_STOP };
    r->set = s;
    r->thread = &s->threads[atomic_fetch_add(&s->next, 1) % (unsigned)s->count];
    r->files = *files;
    r->events = *events;
    for (int i = 0; i < RECORDER_TRACKS; i++)
        reel_file_init(&r->track[i], files->track[i].fd, files->track[i].index_fd);
    atomic_fetch_add(&s->running, 1);
    return r;
}

void recorder_begin(struct recorder *r, const struct recorder_track track[RECORDER_TRACKS], int64_t start_us, int64_t wall_ms)
{
    struct op *op = make_op(r, OP_BEGIN, 0);
    if (!op)
        return; /* then no fragment is taken, and the recording is empty */
    op->start_us = start_us;
    op->wall_ms = wall_ms;
    for (int i = 0; i < RECORDER_TRACKS; i++)
        op->tracks[i] = (struct recorder_track){ track[i].format, live_bytes_ref(track[i].init) };
    push(op);
}

enum vcr_err recorder_fragment(struct recorder *r, int track, const void *bytes, size_t len, int64_t msn, int64_t wall_ms, bool gap)
{
    if (atomic_load(&r->waiting_bytes) + len > RECORDER_QUEUE_BYTES)
        return VCR_E_BUSY;
    struct op *op = make_op(r, OP_FRAGMENT, len);
    if (!op)
        return VCR_E_BUSY;
    memcpy(op->data, bytes, len);
    op->track = track;
    op->msn = msn;
    op->wall_ms = wall_ms;
    op->gap = gap;
    atomic_fetch_add(&r->waiting_bytes, len);
    push(op);
    return VCR_OK;
}

void recorder_stop(struct recorder **rp, const char *reason)
{
    struct recorder *r = *rp;
    *rp = NULL;
    if (!r)
        return;
    r->stop->reason = reason;
    push(r->stop);
}

bool recorder_is_over(const struct recorder *r) { return atomic_load(&r->over); }
int64_t recorder_written_us(const struct recorder *r) { return atomic_load(&r->written_us); }

/* ---- the threads ---- */
enum vcr_err recorders_open(struct recorders **ret, int threads, struct vcr_why *why)
{
    struct recorders *s = vcr_alloc(sizeof(*s));
    s->count = VCR_CLAMP(threads, 1, THREADS_MAX);
    for (int i = 0; i < s->count; i++) {
        struct recorder_thread *t = &s->threads[i];
        t->tail = &t->head;
        pthread_mutex_init(&t->lock, NULL);
        pthread_cond_init(&t->more, NULL);
        t->started = pthread_create(&t->id, NULL, thread_main, t) == 0;
        if (!t->started) {
            s->count = i + 1;
            recorders_close(&s);
            return vcr_fail(why, VCR_E_IO, "no thread for recordings");
        }
        pthread_setname_np(t->id, "recorder");
    }
    *ret = s;
    return VCR_OK;
}

void recorders_close(struct recorders **sp)
{
    struct recorders *s = *sp;
    if (!s)
        return;
    for (int i = 0; i < s->count; i++) {
        struct recorder_thread *t = &s->threads[i];
        pthread_mutex_lock(&t->lock);
        t->ending = true;
        pthread_cond_signal(&t->more);
        pthread_mutex_unlock(&t->lock);
        if (t->started)
            pthread_join(t->id, NULL);
        pthread_mutex_destroy(&t->lock);
        pthread_cond_destroy(&t->more);
    }
    free(s);
    *sp = NULL;
}

int recorders_running(struct recorders *s, uint64_t *ret_bytes)
{
    if (ret_bytes)
        *ret_bytes = atomic_load(&s->bytes);
    return atomic_load(&s->running);
}
