/* app/process.c - see process.h: the slots, their children and the clock that drives them.
 *
 *   IDLE --claimed--> OPENING --files open--> RUNNING --child and report over--> KEEPING --rows written--> IDLE
 *                        ^--demo film drawn, its blob kept--'                                                       */
#include "app/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/process_internal.h"
#include "base/clock.h"
#include "base/log.h"

enum { TICK_MS = 250, ASK_TICKS = 2, LINE_MAX_BYTES = 64 << 10, STALL_US = 60000000, RENEW_US = 1000000, FIRST_OUTPUT_FD = 5, CHILD_FDS = FIRST_OUTPUT_FD + OUT_COUNT };


/* ---- steps on pools ---- */

static bool on_sql(struct slot *s, enum vcr_err (*work)(struct sql_job *, struct sql_tx *, struct vcr_why *), void (*done)(struct sql_job *))
{
    s->sql = (struct sql_job){ .loop = s->process->loop, .mode = SQL_WRITE, .work = work, .done = done };
    s->busy = sql_submit(s->process->app->config.db, &s->sql, NULL) == VCR_OK;
    return s->busy;
}

static void on_files(struct slot *s, enum vcr_err (*work)(struct pool_job *, void *, struct vcr_why *), void (*done)(struct pool_job *))
{
    s->files = (struct pool_job){ .work = work, .done = done };
    s->busy = true;
    if (pool_submit(s->process->app->files, &s->files, s->process->loop, &s->files.why) != VCR_OK) {
        s->files.err = VCR_E_BUSY;
        done(&s->files);
    }
}

/* ---- the end of an attempt ---- */

static void cleaned_up(struct pool_job *job)
{
    struct slot *s = container_of(job, struct slot, files);
    if (job->err != VCR_OK)
        log_warn("process", "job %lld: leftovers: %s", (long long)s->job.id, job->why.text);
    s->busy = false;
    s->phase = PHASE_IDLE;
    json_decref(s->result);
    s->result = NULL;
    free(s->job.payload);
    s->job = (struct queue_job){ 0 };
    s->process->wait_ticks = 0;
}

static void finished(struct sql_job *job)
{
    struct slot *s = container_of(job, struct slot, sql);
    if (job->err != VCR_OK) {
        if (job->err != VCR_E_CONFLICT) /* cancelled meanwhile, or its tape is gone */
            log_error("process", "job %lld: its end could not be written: %s", (long long)s->job.id, job->why.text);
        s->end = END_LOST;
    } else {
        static const char *const words[] = { "done", "failed", "to be tried again", "back in the queue", "no longer ours" };
        log_info("process", "job %lld (tape %lld): %s%s%s", (long long)s->job.id, (long long)s->job.tape_id, words[s->end],
                 s->end == END_FAILED ? ": " : "", s->end == END_FAILED ? s->error : "");
    }
    on_files(s, slot_clean_up, cleaned_up);
}

static void write_end(struct slot *s)
{
    if (!on_sql(s, slot_finish, finished)) { /* the database is too busy: the lease lapses and the job is claimed again */
        s->end = END_LOST;
        on_files(s, slot_clean_up, cleaned_up);
    }
}

static void end_attempt(struct slot *s, enum process_end end)
{
    s->phase = PHASE_KEEPING;
    s->end = end;
    write_end(s);
}

/* A failure of our own side (not of the film): tried again while attempts are left. */
static void end_trouble(struct slot *s, enum vcr_err err, const char *text)
{
    log_warn("process", "job %lld, attempt %d: %s", (long long)s->job.id, s->job.attempts, text);
    if (s->process->closing) {
        end_attempt(s, END_RELEASED);
        return;
    }
    bool sentence = err == VCR_E_FULL || err == VCR_E_NOT_FOUND || err == VCR_E_INVALID;
    if (!sentence && s->job.attempts < QUEUE_ATTEMPTS_MAX) {
        end_attempt(s, END_AGAIN);
        return;
    }
    vcr_strcpy(s->error, sizeof(s->error), sentence ? text : "Processing stopped unexpectedly each time it was tried.");
    end_attempt(s, END_FAILED);
}

static void files_kept(struct pool_job *job)
{
    struct slot *s = container_of(job, struct slot, files);
    s->busy = false;
    if (job->err == VCR_OK)
        end_attempt(s, END_DONE);
    else
        end_trouble(s, job->err, job->err == VCR_E_FULL ? "The storage is full." : job->why.text);
}

static void open_files(struct slot *s);

static void original_kept(struct pool_job *job)
{
    struct slot *s = container_of(job, struct slot, files);
    s->busy = false;
    if (job->err == VCR_OK)
        open_files(s);
    else
        end_trouble(s, job->err, job->err == VCR_E_FULL ? "The storage is full." : job->why.text);
}

/* ---- the child ---- */

static void child_over(struct slot *s)
{
    buf_free(&s->line);
    bool ended_well = s->exit_status == 0 && s->term_signal == 0;
    if (s->end == END_LOST)
        end_attempt(s, END_LOST);
    else if (s->process->closing)
        end_attempt(s, END_RELEASED);
    else if (ended_well && s->demo[0])
        on_files(s, slot_keep_original, original_kept);
    else if (ended_well && s->result)
        on_files(s, slot_keep_files, files_kept);
    else if (s->error[0] && s->term_signal == 0)
        end_attempt(s, END_FAILED);
    else if (s->stalled)
        end_trouble(s, VCR_E_TIMEOUT, "vcr-ingest made no progress for 60 s");
    else
        end_trouble(s, VCR_E_INTERNAL, s->term_signal ? "vcr-ingest was killed" : "vcr-ingest ended without a result");
}

static void handle_closed(uv_handle_t *h)
{
    struct slot *s = h->data;
    if (--s->open_handles == 0)
        child_over(s);
}

static void on_exit_of_child(uv_process_t *child, int64_t status, int signal_number)
{
    struct slot *s = child->data;
    s->child_runs = false;
    s->exit_status = (int)status;
    s->term_signal = signal_number;
    uv_close((uv_handle_t *)child, handle_closed);
}

static void take_line(struct slot *s, const char *line, size_t len)
{
    json_t *j = json_loadb(line, len, 0, NULL);
    json_t *result = json_object_get(j, "result");
    const char *error = json_string_value(json_object_get(j, "error"));
    const char *stage = json_string_value(json_object_get(j, "stage"));
    double progress = json_number_value(json_object_get(j, "progress"));
    if (json_is_object(result)) {
        json_decref(s->result);
        s->result = json_incref(result);
    }
    if (error)
        vcr_strcpy(s->error, sizeof(s->error), error);
    if (stage)
        vcr_strcpy(s->stage, sizeof(s->stage), stage);
    if (progress > s->progress && progress <= 1) {
        s->progress = progress;
        s->heard_us = clock_mono_us(); /* words without progress do not count */
    }
    json_decref(j);
}

static void give_room(uv_handle_t *h, size_t suggested, uv_buf_t *ret)
{
    struct slot *s = h->data;
    void *room = buf_reserve(&s->line, 4096);
    *ret = uv_buf_init(room, room ? 4096 : 0); /* no room: libuv reports UV_ENOBUFS */
}

static void on_report(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct slot *s = stream->data;
    if (n < 0) {
        if (n != UV_EOF && s->child_runs) {
            log_warn("process", "job %lld: vcr-ingest reports nonsense", (long long)s->job.id);
            uv_process_kill(&s->child, SIGKILL);
        }
        uv_close((uv_handle_t *)stream, handle_closed);
        return;
    }
    buf_commit(&s->line, (size_t)n);
    for (char *end; s->line.len > 0 && (end = memchr(s->line.data, '\n', s->line.len)) != NULL;) {
        take_line(s, s->line.data, (size_t)(end - s->line.data));
        buf_consume(&s->line, (size_t)(end - s->line.data) + 1);
    }
}

static enum vcr_err start_child(struct slot *s, struct vcr_why *why)
{
    struct process *p = s->process;
    uv_stdio_container_t stdio[CHILD_FDS];
    char *run_args[] = { p->ingest_program, "--run", NULL }, *demo_args[] = { p->ingest_program, "--demo", s->demo, NULL };
    char *env[] = { "PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", NULL };
    int count = s->demo[0] ? FIRST_OUTPUT_FD : CHILD_FDS;
    stdio[0].flags = stdio[1].flags = UV_IGNORE;
    stdio[2] = (uv_stdio_container_t){ .flags = UV_INHERIT_FD, .data.fd = 2 };
    stdio[3] = (uv_stdio_container_t){ .flags = UV_INHERIT_FD, .data.fd = s->demo[0] ? blob_writer_fd(s->original) : s->original_fd };
    stdio[4] = (uv_stdio_container_t){ .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&s->report };
    for (int i = FIRST_OUTPUT_FD; i < count; i++)
        stdio[i] = (uv_stdio_container_t){ .flags = UV_INHERIT_FD, .data.fd = blob_writer_fd(s->out[i - FIRST_OUTPUT_FD]) };
    uv_process_options_t options = {
        .exit_cb = on_exit_of_child, .file = p->ingest_program, .args = s->demo[0] ? demo_args : run_args, .env = env, .stdio_count = count, .stdio = stdio,
    };
    s->child.data = s->report.data = s;
    s->exit_status = s->term_signal = 0;
    s->stalled = false;
    s->progress = s->renewed_progress = 0;
    s->error[0] = '\0';
    vcr_strcpy(s->stage, sizeof(s->stage), "queued");
    s->heard_us = s->renewed_us = clock_mono_us();
    buf_init(&s->line, LINE_MAX_BYTES);
    uv_pipe_init(loop_uv(p->loop), &s->report, 0);
    s->open_handles = 2;
    int rc = uv_spawn(loop_uv(p->loop), &s->child, &options);
    if (rc != 0) { /* both handles are initialised all the same; closing them ends the attempt */
        s->exit_status = 127;
        uv_close((uv_handle_t *)&s->child, handle_closed);
        uv_close((uv_handle_t *)&s->report, handle_closed);
        return vcr_fail(why, VCR_E_IO, "vcr-ingest cannot be started: %s", uv_strerror(rc));
    }
    s->child_runs = true;
    uv_read_start((uv_stream_t *)&s->report, give_room, on_report);
    return VCR_OK;
}

/* ---- beginning ---- */

static void files_open(struct pool_job *job)
{
    struct slot *s = container_of(job, struct slot, files);
    struct vcr_why why;
    s->busy = false;
    if (job->err != VCR_OK) {
        end_trouble(s, job->err, job->err == VCR_E_FULL ? "The storage is full." : job->why.text);
        return;
    }
    if (s->process->closing) {
        end_attempt(s, END_RELEASED);
        return;
    }
    s->phase = PHASE_RUNNING;
    s->end = END_AGAIN;
    if (start_child(s, &why) != VCR_OK)
        log_error("process", "%s", why.text);
}

static void open_files(struct slot *s)
{
    s->phase = PHASE_OPENING;
    on_files(s, slot_open_files, files_open);
}

static void claimed(struct sql_job *job)
{
    struct slot *s = container_of(job, struct slot, sql);
    s->busy = false;
    if (job->err != VCR_OK) {
        if (s->job.id) {
            free(s->job.payload);
            s->job = (struct queue_job){ 0 };
        }
        return; /* asked again later */
    }
    if (s->job.id == 0)
        return;
    s->demo[0] = '\0';
    log_info("process", "job %lld (tape %lld): %s, attempt %d", (long long)s->job.id, (long long)s->job.tape_id, s->job.kind, s->job.attempts);
    open_files(s);
}

/* Is there anything to claim? A read, so that an idle server writes nothing. */
static enum vcr_err look(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why)
{
    struct slot *s = container_of(job, struct slot, sql);
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT 1 FROM jobs WHERE status IN ('queued', 'running') AND (status = 'queued' OR lease_until <= $1) LIMIT 1",
                                 SQL_ARGS(SQL_I(clock_wall_ms())), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    sql_rows_close(&rows);
    s->job_waits = err == VCR_OK;
    return err == VCR_E_END ? VCR_OK : err;
}

static void looked(struct sql_job *job)
{
    struct slot *s = container_of(job, struct slot, sql);
    s->busy = false;
    if (job->err == VCR_OK && s->job_waits && !s->process->closing)
        on_sql(s, slot_claim, claimed);
}

static void ask_queue(struct slot *s)
{
    s->sql = (struct sql_job){ .loop = s->process->loop, .mode = SQL_READ, .work = look, .done = looked };
    s->busy = sql_submit(s->process->app->config.db, &s->sql, NULL) == VCR_OK;
}

/* ---- the clock ---- */

static void renewed(struct sql_job *job)
{
    struct slot *s = container_of(job, struct slot, renew);
    s->renewing = false;
    if (job->err == VCR_E_CONFLICT && s->phase == PHASE_RUNNING && s->child_runs) { /* cancelled, or its tape was purged */
        s->end = END_LOST;
        uv_process_kill(&s->child, SIGKILL);
    }
}

static void watch_child(struct slot *s, int64_t now_us)
{
    if (s->child_runs && now_us - s->heard_us > STALL_US && !s->stalled) {
        s->stalled = true;
        uv_process_kill(&s->child, SIGKILL);
    }
    if (s->renewing || now_us - s->renewed_us < RENEW_US)
        return;
    s->renewed_us = now_us;
    s->renewed_progress = s->demo[0] ? 0 : s->progress;
    s->renew = (struct sql_job){ .loop = s->process->loop, .mode = SQL_WRITE, .work = slot_renew, .done = renewed };
    s->renewing = sql_submit(s->process->app->config.db, &s->renew, NULL) == VCR_OK;
}

static void on_tick(uv_timer_t *t)
{
    struct process *p = t->data;
    int64_t now_us = clock_mono_us();
    bool ask = p->wait_ticks-- <= 0;
    if (ask)
        p->wait_ticks = ASK_TICKS;
    for (int i = 0; i < p->slot_count; i++) {
        struct slot *s = &p->slots[i];
        if (s->phase == PHASE_RUNNING) {
            watch_child(s, now_us);
        } else if (s->phase == PHASE_IDLE && !s->busy && ask) {
            ask_queue(s);
            ask = false; /* one asks at a time: two would be told of the same job */
        }
    }
}

/* ---- opening and closing ---- */

/* With SQLite nobody else works on this database: what runs was ours before we were killed. */
static enum vcr_err take_back(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    if (sql_engine(tx) != SQL_SQLITE)
        return VCR_OK;
    return sql_exec(tx, "UPDATE jobs SET status = 'queued', worker = NULL, lease_until = NULL, attempts = attempts - 1 WHERE status = 'running'", SQL_NONE, NULL,
                    why);
}

enum vcr_err process_open(struct process **ret, const struct process_config *config, struct vcr_why *why)
{
    if (access(config->ingest_program, X_OK) != 0)
        return vcr_fail(why, VCR_E_IO, "%s: %s", config->ingest_program, strerror(errno));
    enum vcr_err err = sql_run(config->app->config.db, SQL_WRITE, take_back, NULL, why);
    if (err != VCR_OK)
        return err;
    struct process *p = vcr_alloc(sizeof(*p));
    p->app = config->app;
    p->loop = config->loop;
    p->ingest_program = vcr_strdup(config->ingest_program);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    p->slot_count = config->slots ? config->slots : (int)VCR_CLAMP(cores / 2, 1, 16);
    p->slots = vcr_calloc((size_t)p->slot_count, sizeof(*p->slots));
    for (int i = 0; i < p->slot_count; i++) {
        p->slots[i].process = p;
        p->slots[i].original_fd = -1;
        snprintf(p->slots[i].worker, sizeof(p->slots[i].worker), "%016llx-%d", (unsigned long long)vcr_random_u64(), i);
    }
    uv_timer_init(loop_uv(p->loop), &p->timer);
    p->timer.data = p;
    p->timer_open = true;
    uv_timer_start(&p->timer, on_tick, TICK_MS, TICK_MS);
    *ret = p;
    return VCR_OK;
}

static bool is_busy(const struct process *p)
{
    for (int i = 0; i < p->slot_count; i++)
        if (p->slots[i].busy || p->slots[i].renewing || p->slots[i].phase != PHASE_IDLE)
            return true;
    return false;
}

void process_close(struct process **pp)
{
    struct process *p = *pp;
    if (!p)
        return;
    p->closing = true;
    uv_close((uv_handle_t *)&p->timer, NULL);
    for (int i = 0; i < p->slot_count; i++)
        if (p->slots[i].child_runs)
            uv_process_kill(&p->slots[i].child, SIGKILL);
    while (is_busy(p))
        uv_run(loop_uv(p->loop), UV_RUN_ONCE); /* steps on pools and children come back through the loop */
    free(p->slots);
    free(p->ingest_program);
    free(p);
    *pp = NULL;
}
