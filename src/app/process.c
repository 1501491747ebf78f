/* app/process.c - see process.h. Way of a job: claim -> (demo: the film is drawn) -> blobs and child -> report lines -> blobs committed -> one transaction
 * (reels, tape, history, job) -> the reels that were replaced are deleted. */
#include "app/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/process_result.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "store/queue.h"

enum { FD_FIRST = 3, FD_HIGH = 64, LINE_BYTES = 16 << 10, RENEW_MS = 1000, IDLE_MS = 500, SILENCE_MS = 60000, KEY_BYTES = 96 };
enum { OUTPUTS = 9, CHILD_FDS = 2 + OUTPUTS, DEMO_FDS = 2, STALE_MAX = 4 };

/* In the order of media/ingest/ingest.h. */
static const struct {
    const char *name, *reel, *index; /* reel: the kind that this file is of; index: the file beside it */
} outputs[OUTPUTS] = {
    { "clean.mp4", "clean_video", "clean.idx" }, { "clean.idx", NULL, NULL }, { "audio.mp4", "clean_audio", "audio.idx" },
    { "audio.idx", NULL, NULL },                 { "opus.mp4", "opus", "opus.idx" }, { "opus.idx", NULL, NULL },
    { "tape.mp4", "tape_video", "tape.idx" },    { "tape.idx", NULL, NULL },  { "thumb.jpg", NULL, NULL },
};

struct process_worker {
    /* set by open, then read-only */
    struct process_config config;
    char *program;
    char name[48];
    pthread_t thread;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop, woken;
};

/* One job under way: the worker thread's own. */
struct work {
    struct process_worker *w;
    struct queue_job job;
    struct blob_writer *writers[OUTPUTS];
    uint64_t sizes[OUTPUTS];
    pid_t child;
    int report;              /* our end of the pipe */
    char line[LINE_BYTES];
    size_t line_len;
    double progress;
    char stage[32];
    json_t *result;          /* object, or NULL */
    char *error;             /* a sentence, or NULL */
    bool lost;               /* the job is no longer ours, or the server stops */
    char stale[STALE_MAX][KEY_BYTES]; /* folders of the reels that were replaced */
    int stale_count;
};

static bool stopping(struct process_worker *w)
{
    pthread_mutex_lock(&w->lock);
    bool stop = w->stop;
    pthread_mutex_unlock(&w->lock);
    return stop;
}

static void key_of(const struct work *x, int output, char *out)
{
    if (output == OUTPUTS - 1)
        snprintf(out, KEY_BYTES, "tapes/%" PRId64 "/thumb.jpg", x->job.tape_id);
    else
        snprintf(out, KEY_BYTES, "tapes/%" PRId64 "/r%" PRId64 "/%s", x->job.tape_id, x->job.id, outputs[output].name);
}

static void original_key(const struct work *x, char *out) { snprintf(out, KEY_BYTES, "tapes/%" PRId64 "/original", x->job.tape_id); }

static enum vcr_err add_history(struct sql_tx *tx, const struct work *x, const char *action, const char *details, struct vcr_why *why)
{
    return sql_exec(tx, "INSERT INTO tape_history(tape_id, action, performed_by, performed_at, details) VALUES($1, $2, NULL, $3, $4)",
                    SQL_ARGS(SQL_I(x->job.tape_id), SQL_T(action), SQL_I(clock_wall_ms()), SQL_T(details)), NULL, why);
}

/* ---- transactions ---- */

/* Also the tapes of jobs that the queue gave up by itself: nobody else would tell them. */
static enum vcr_err claim(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct work *x = arg;
    int64_t now = clock_wall_ms();
    enum vcr_err err = queue_claim(tx, x->w->name, now, &x->job, why);
    if (err == VCR_OK && x->job.attempts == 1)
        err = add_history(tx, x, "processing_started", "{}", why);
    if (err == VCR_OK)
        err = sql_exec(tx, "UPDATE tapes SET status = 'processing', updated_at = $2 WHERE id = $1 AND status <> 'processing'",
                       SQL_ARGS(SQL_I(x->job.tape_id), SQL_I(now)), NULL, why);
    if (err != VCR_OK && err != VCR_E_END)
        return err;
    return sql_exec(tx,
                    "UPDATE tapes SET status = 'failed', updated_at = $1, revision = revision + 1 WHERE status = 'processing' AND NOT EXISTS"
                    " (SELECT 1 FROM jobs WHERE jobs.tape_id = tapes.id AND jobs.status IN ('queued', 'running'))",
                    SQL_ARGS(SQL_I(now)), NULL, why);
}

/* Nobody else works on a SQLite database: what runs there was this server's before it was killed. */
static enum vcr_err take_back(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    if (sql_engine(tx) != SQL_SQLITE)
        return VCR_OK;
    return sql_exec(tx, "UPDATE jobs SET status = 'queued', worker = NULL, lease_until = NULL, attempts = attempts - 1 WHERE status = 'running'", SQL_NONE,
                    NULL, why);
}

static enum vcr_err renew(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct work *x = arg;
    return queue_renew(tx, x->job.id, x->w->name, x->progress, x->stage, clock_wall_ms(), why);
}

/* Back to the queue; an attempt that the server itself broke off does not count. */
static enum vcr_err again(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct work *x = arg;
    return sql_exec(tx,
                    "UPDATE jobs SET status = 'queued', worker = NULL, lease_until = NULL, updated_at = $3, attempts = attempts - $4"
                    " WHERE id = $1 AND worker = $2 AND status = 'running'",
                    SQL_ARGS(SQL_I(x->job.id), SQL_T(x->w->name), SQL_I(clock_wall_ms()), SQL_I(x->lost ? 1 : 0)), NULL, why);
}

static enum vcr_err failed(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct work *x = arg;
    json_t *details = json_pack("{s:s}", "error", x->error);
    char *text = details ? json_dumps(details, JSON_COMPACT) : NULL;
    int64_t now = clock_wall_ms();
    enum vcr_err err = queue_finish(tx, x->job.id, x->w->name, x->error, now, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "UPDATE tapes SET status = 'failed', updated_at = $2, revision = revision + 1 WHERE id = $1", SQL_ARGS(SQL_I(x->job.tape_id), SQL_I(now)), NULL, why);
    if (err == VCR_OK)
        err = add_history(tx, x, "failed", text ? text : "{}", why);
    free(text);
    json_decref(details);
    return err;
}

static const json_t *reel_named(const struct work *x, const char *kind)
{
    size_t i;
    json_t *reel;
    json_array_foreach(json_object_get(x->result, "reels"), i, reel)
    {
        const char *name = json_string_value(json_object_get(reel, "kind"));
        if (name && strcmp(name, kind) == 0)
            return reel;
    }
    return NULL;
}

/* Remembers where the reels stand that are about to be replaced. */
static enum vcr_err find_stale(struct sql_tx *tx, struct work *x, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    char mine[KEY_BYTES];
    snprintf(mine, sizeof(mine), "tapes/%" PRId64 "/r%" PRId64 "/", x->job.tape_id, x->job.id);
    x->stale_count = 0;
    enum vcr_err err = sql_query(tx, &rows, "SELECT blob_key FROM reels WHERE tape_id = $1", SQL_ARGS(SQL_I(x->job.tape_id)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        const char *key = sql_text(rows, 0), *slash = strrchr(key, '/');
        size_t len = slash ? (size_t)(slash - key) + 1 : 0;
        if (len == 0 || len >= KEY_BYTES || strncmp(key, mine, len) == 0 || x->stale_count == STALE_MAX)
            continue;
        memcpy(x->stale[x->stale_count], key, len);
        x->stale[x->stale_count++][len] = '\0';
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

static enum vcr_err add_reels(struct sql_tx *tx, struct work *x, int64_t duration_us, struct vcr_why *why)
{
    enum vcr_err err = find_stale(tx, x, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "DELETE FROM reels WHERE tape_id = $1", SQL_ARGS(SQL_I(x->job.tape_id)), NULL, why);
    for (int i = 0; err == VCR_OK && i < OUTPUTS; i++) {
        const json_t *reel = outputs[i].reel ? reel_named(x, outputs[i].reel) : NULL;
        if (!reel)
            continue;
        char key[KEY_BYTES], index[KEY_BYTES];
        char *info = json_dumps(json_object_get(reel, "info"), JSON_COMPACT);
        key_of(x, i, key);
        key_of(x, i + 1, index); /* a reel's index follows it */
        err = sql_exec(tx, "INSERT INTO reels(tape_id, kind, blob_key, index_key, size_bytes, duration_us, info) VALUES($1, $2, $3, $4, $5, $6, $7)",
                       SQL_ARGS(SQL_I(x->job.tape_id), SQL_T(outputs[i].reel), SQL_T(key), SQL_T(index), SQL_I((int64_t)x->sizes[i]), SQL_I(duration_us),
                                SQL_T(info ? info : "{}")),
                       NULL, why);
        free(info);
    }
    return err;
}

static enum vcr_err done(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct work *x = arg;
    int64_t now = clock_wall_ms(), duration_us = json_integer_value(json_object_get(x->result, "duration_us"));
    const char *standard = json_string_value(json_object_get(x->result, "standard"));
    char *media = json_dumps(json_object_get(x->result, "media"), JSON_COMPACT);
    char key[KEY_BYTES], address[KEY_BYTES + 64];
    original_key(x, key);
    blob_address(x->w->config.blobs, key, address, sizeof(address));
    enum vcr_err err = queue_finish(tx, x->job.id, x->w->name, NULL, now, why);
    if (err == VCR_OK)
        err = add_reels(tx, x, duration_us, why);
    if (err == VCR_OK)
        err = sql_exec(tx,
                       "UPDATE tapes SET status = 'ready', duration_us = $2, standard = $3, media = $4, updated_at = $5, revision = revision + 1, storage_uri = $6,"
                       " source_note = CASE WHEN storage_uri NOT IN ('', $6) THEN storage_uri ELSE source_note END WHERE id = $1",
                       SQL_ARGS(SQL_I(x->job.tape_id), SQL_I(duration_us), SQL_T(standard), SQL_T(media), SQL_I(now), SQL_T(address)), NULL, why);
    if (err == VCR_OK)
        err = add_history(tx, x, "transcoded", media ? media : "{}", why);
    free(media);
    return err;
}

/* ---- the child ---- */
static void drop(struct work *x, const char *sentence)
{
    free(x->error);
    x->error = vcr_strdup(sentence);
}

/* demo: the name of the film to draw, or NULL to process one. */
static enum vcr_err spawn(struct work *x, const int *fds, int count, char *demo, struct vcr_why *why)
{
    char *environment[] = { (char[]){ "LC_ALL=C.UTF-8" }, NULL };
    char *arguments[] = { x->w->program, demo ? (char[]){ "--demo" } : (char[]){ "--run" }, demo, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int i = 0; i < count; i++)
        posix_spawn_file_actions_adddup2(&actions, fds[i], FD_FIRST + i);
    posix_spawn_file_actions_addclosefrom_np(&actions, FD_FIRST + count);
    int rc = posix_spawn(&x->child, x->w->program, &actions, NULL, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    return rc == 0 ? VCR_OK : vcr_fail(why, VCR_E_IO, "vcr-ingest does not start: %s", strerror(rc));
}

/* Opens all and starts the child. Descriptors are first moved up, so that giving them their numbers overwrites none. */
static enum vcr_err start(struct work *x, struct vcr_why *why)
{
    int fds[CHILD_FDS], pipe_fds[2] = { -1, -1 }, original = -1;
    char key[KEY_BYTES];
    uint64_t size = 0;
    memset(fds, -1, sizeof(fds));
    original_key(x, key);
    enum vcr_err err = blob_open_fd(x->w->config.blobs, key, &original, &size, why);
    if (err == VCR_OK && pipe2(pipe_fds, O_CLOEXEC) != 0)
        err = vcr_fail(why, VCR_E_IO, "pipe: %s", strerror(errno));
    if (err == VCR_OK) {
        fds[0] = fcntl(original, F_DUPFD_CLOEXEC, FD_HIGH);
        fds[1] = fcntl(pipe_fds[1], F_DUPFD_CLOEXEC, FD_HIGH);
    }
    for (int i = 0; err == VCR_OK && i < OUTPUTS; i++) {
        key_of(x, i, key);
        err = blob_begin(x->w->config.blobs, key, &x->writers[i], why);
        if (err == VCR_OK)
            fds[2 + i] = fcntl(blob_writer_fd(x->writers[i]), F_DUPFD_CLOEXEC, FD_HIGH);
    }
    if (err == VCR_OK)
        err = spawn(x, fds, CHILD_FDS, NULL, why);
    for (int i = 0; i < CHILD_FDS; i++)
        vcr_close(&fds[i]);
    vcr_close(&original);
    vcr_close(&pipe_fds[1]);
    x->report = pipe_fds[0];
    return err;
}

static void take_line(struct work *x)
{
    json_t *line = json_loadb(x->line, x->line_len, JSON_REJECT_DUPLICATES, NULL), *value;
    x->line_len = 0;
    if (json_is_object(value = json_object_get(line, "result"))) {
        json_decref(x->result);
        x->result = json_incref(value);
    } else if (json_is_string(value = json_object_get(line, "error"))) {
        drop(x, json_string_value(value));
    } else if (json_is_number(value = json_object_get(line, "progress"))) {
        x->progress = VCR_CLAMP(json_number_value(value), 0.0, 0.99);
        vcr_strcpy(x->stage, sizeof(x->stage), json_is_string(json_object_get(line, "stage")) ? json_string_value(json_object_get(line, "stage")) : "");
    }
    json_decref(line);
}

/* *ret_progress: something whole was said. False: the child has closed its end, or talks nonsense. */
static bool take_bytes(struct work *x, bool *ret_progress)
{
    char bytes[4096];
    ssize_t n = read(x->report, bytes, sizeof(bytes));
    if (n <= 0)
        return n < 0 && errno == EINTR;
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] == '\n') {
            take_line(x);
            *ret_progress = true;
        } else if (x->line_len == sizeof(x->line)) {
            return false;
        } else {
            x->line[x->line_len++] = bytes[i];
        }
    }
    return true;
}

static void watch(struct work *x)
{
    int silence_ms = x->w->config.silence_ms ? x->w->config.silence_ms : SILENCE_MS;
    int64_t heard_us = clock_mono_us(), renewed_us = heard_us;
    for (bool open = true; open;) {
        struct pollfd p = { .fd = x->report, .events = POLLIN };
        bool progress = false;
        if (poll(&p, 1, IDLE_MS) > 0)
            open = take_bytes(x, &progress);
        int64_t now_us = clock_mono_us();
        if (progress)
            heard_us = now_us;
        if (now_us - renewed_us > RENEW_MS * 1000) {
            renewed_us = now_us;
            x->lost = sql_run(x->w->config.db, SQL_WRITE, renew, x, NULL) == VCR_E_CONFLICT;
        }
        if (stopping(x->w))
            x->lost = true;
        if (now_us - heard_us > silence_ms * INT64_C(1000)) {
            drop(x, "Processing made no progress for a minute and was ended.");
            open = false;
        }
        open = open && !x->lost;
    }
}

static int reap(struct work *x)
{
    int status = 0;
    kill(x->child, SIGKILL); /* it has closed its report, or is to end */
    while (waitpid(x->child, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static bool demo_name(const struct work *x, char *out, size_t size)
{
    json_t *payload = json_loads(x->job.payload ? x->job.payload : "", 0, NULL);
    const char *name = json_string_value(json_object_get(payload, "name"));
    bool ok = name && vcr_strcpy(out, size, name);
    json_decref(payload);
    return ok;
}

/* A demo tape's film is drawn by the child into the original's blob, and from then on is a film like any other. */
static enum vcr_err draw(struct work *x, struct vcr_why *why)
{
    char key[KEY_BYTES], name[32], sha[65];
    uint64_t size;
    struct blob_writer *film = NULL;
    int fds[DEMO_FDS] = { -1, -1 }, pipe_fds[2] = { -1, -1 };
    original_key(x, key);
    if (strcmp(x->job.kind, "demo") != 0 || blob_stat(x->w->config.blobs, key, &size, NULL) == VCR_OK)
        return VCR_OK;
    if (!demo_name(x, name, sizeof(name)))
        return vcr_fail(why, VCR_E_INVALID, "a demo job without a name");
    enum vcr_err err = blob_begin(x->w->config.blobs, key, &film, why);
    if (err == VCR_OK && pipe2(pipe_fds, O_CLOEXEC) != 0)
        err = vcr_fail(why, VCR_E_IO, "pipe: %s", strerror(errno));
    if (err == VCR_OK) {
        fds[0] = fcntl(blob_writer_fd(film), F_DUPFD_CLOEXEC, FD_HIGH);
        fds[1] = fcntl(pipe_fds[1], F_DUPFD_CLOEXEC, FD_HIGH);
        err = spawn(x, fds, DEMO_FDS, name, why);
    }
    for (int i = 0; i < DEMO_FDS; i++)
        vcr_close(&fds[i]);
    vcr_close(&pipe_fds[1]);
    x->report = pipe_fds[0];
    if (err == VCR_OK) {
        watch(x);
        if (reap(x) != 0)
            err = vcr_fail(why, VCR_E_INTERNAL, "the demo film %s was not drawn", name);
    }
    vcr_close(&x->report);
    if (err == VCR_OK)
        err = blob_commit(&film, sha, &size, why);
    blob_abort(&film);
    return err;
}

/* Whether the result can be true and the reels that it names, with their indexes, were written. */
static bool result_holds(const struct work *x)
{
    if (!process_result_ok(x->result))
        return false;
    for (int i = 0; i < OUTPUTS; i++) {
        if (!outputs[i].reel || !reel_named(x, outputs[i].reel))
            continue;
        if (lseek(blob_writer_fd(x->writers[i]), 0, SEEK_END) <= 0 || lseek(blob_writer_fd(x->writers[i + 1]), 0, SEEK_END) <= 0)
            return false;
    }
    return true;
}

/* What the child wrote becomes visible; empty outputs (a film without sound) leave no blob. */
static enum vcr_err commit(struct work *x, struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    for (int i = 0; err == VCR_OK && i < OUTPUTS; i++) {
        char sha[65];
        if (lseek(blob_writer_fd(x->writers[i]), 0, SEEK_END) == 0)
            blob_abort(&x->writers[i]);
        else
            err = blob_commit(&x->writers[i], sha, &x->sizes[i], why);
    }
    return err;
}

static enum vcr_err find_reels(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    const struct work *x = arg;
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT id FROM reels WHERE tape_id = $1", SQL_ARGS(SQL_I(x->job.tape_id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    sql_rows_close(&rows);
    return err;
}

/* After the transaction: the reels that were replaced, or our own when they were not taken in (the job was cancelled, the tape purged), and then also the picture of a
 * tape that has no others. */
static void delete_reels(struct work *x, bool kept)
{
    char mine[KEY_BYTES];
    snprintf(mine, sizeof(mine), "tapes/%" PRId64 "/r%" PRId64 "/", x->job.tape_id, x->job.id);
    if (!kept)
        blob_delete_prefix(x->w->config.blobs, mine, NULL);
    if (!kept && sql_run(x->w->config.db, SQL_READ, find_reels, x, NULL) == VCR_E_END) {
        key_of(x, OUTPUTS - 1, mine);
        blob_delete(x->w->config.blobs, mine, NULL);
    }
    for (int i = 0; kept && i < x->stale_count; i++)
        blob_delete_prefix(x->w->config.blobs, x->stale[i], NULL);
}

static void conclude(struct work *x, enum vcr_err err, struct vcr_why *why)
{
    struct sql_db *db = x->w->config.db;
    const struct log_field fields[] = { { "vcr.job.id", NULL, x->job.id }, { "vcr.tape.id", NULL, x->job.tape_id }, { 0 } };
    if (x->lost) { /* cancelled (then this changes nothing), or the server stops */
        sql_run(db, SQL_WRITE, again, x, NULL);
        return;
    }
    if (err == VCR_OK && x->result && !result_holds(x)) {
        json_decref(x->result);
        x->result = NULL;
        err = vcr_fail(why, VCR_E_MALFORMED, "its report cannot be true");
    }
    if (err == VCR_OK && x->result && !x->error)
        err = commit(x, why);
    if (err == VCR_OK && x->result && !x->error) {
        err = sql_run(db, SQL_WRITE, done, x, why);
        if (err != VCR_OK)
            log_fields(LOG_WARN, "process", fields, "the result was not kept: %s", why->text);
        else
            log_fields(LOG_INFO, "process", fields, "the tape is ready");
        delete_reels(x, err == VCR_OK);
        return;
    }
    if (!x->error && x->job.attempts < QUEUE_ATTEMPTS_MAX) {
        log_fields(LOG_WARN, "process", fields, "attempt %d broke off%s%s", x->job.attempts, err != VCR_OK ? ": " : "", err != VCR_OK ? why->text : "");
        sql_run(db, SQL_WRITE, again, x, NULL);
        return;
    }
    if (!x->error)
        drop(x, err == VCR_E_FULL ? "There was no space left to process this film." : "This film could not be processed: reading it broke off each time.");
    log_fields(LOG_INFO, "process", fields, "failed: %s", x->error);
    if (sql_run(db, SQL_WRITE, failed, x, why) != VCR_OK)
        log_fields(LOG_WARN, "process", fields, "the failure was not kept: %s", why->text);
}

/* True when there was a job. */
static bool one_job(struct process_worker *w)
{
    struct work x = { .w = w, .report = -1 };
    struct vcr_why why = { 0 };
    if (sql_run(w->config.db, SQL_WRITE, claim, &x, &why) != VCR_OK || x.job.id == 0)
        return false;
    enum vcr_err err = draw(&x, &why);
    if (err == VCR_OK && !x.lost)
        err = start(&x, &why);
    if (err == VCR_OK && !x.lost) {
        watch(&x);
        reap(&x);
    }
    conclude(&x, err, &why);
    for (int i = 0; i < OUTPUTS; i++)
        if (x.writers[i])
            blob_abort(&x.writers[i]);
    vcr_close(&x.report);
    json_decref(x.result);
    free(x.error);
    free(x.job.payload);
    return !x.lost;
}

static void *run(void *arg)
{
    struct process_worker *w = arg;
    while (!stopping(w)) {
        if (one_job(w))
            continue;
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += IDLE_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_mutex_lock(&w->lock);
        if (!w->stop && !w->woken)
            pthread_cond_timedwait(&w->wake, &w->lock, &until);
        w->woken = false;
        pthread_mutex_unlock(&w->lock);
    }
    return NULL;
}

enum vcr_err process_open(struct process_worker **ret, const struct process_config *config, struct vcr_why *why)
{
    if (access(config->program, X_OK) != 0)
        return vcr_fail(why, VCR_E_IO, "%s: %s", config->program, strerror(errno));
    enum vcr_err err = sql_run(config->db, SQL_WRITE, take_back, NULL, why);
    if (err != VCR_OK)
        return err;
    struct process_worker *w = vcr_alloc(sizeof(*w));
    uint32_t random;
    vcr_random(&random, sizeof(random));
    w->config = *config;
    w->program = vcr_strdup(config->program);
    snprintf(w->name, sizeof(w->name), "worker-%d-%08x", (int)getpid(), random);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    if (pthread_create(&w->thread, NULL, run, w) != 0) {
        free(w->program);
        free(w);
        return vcr_fail(why, VCR_E_NOMEM, "no thread for processing");
    }
    *ret = w;
    return VCR_OK;
}

static void signal_worker(struct process_worker *w, bool stop)
{
    pthread_mutex_lock(&w->lock);
    w->stop = w->stop || stop;
    w->woken = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void process_wake(struct process_worker *w) { signal_worker(w, false); }

void process_close(struct process_worker **wp)
{
    struct process_worker *w = *wp;
    if (!w)
        return;
    signal_worker(w, true);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w->program);
    free(w);
    *wp = NULL;
}
