/* app/process_tx.c - what a job changes in the database, a transaction each: claimed, renewed, back to the queue, failed, done. See process_internal.h. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "app/audit.h"
#include "app/marks.h"
#include "app/process_internal.h"
#include "app/trash.h"
#include "base/clock.h"
#include "base/util.h"

/* A tape that can be watched stays so while it is processed anew, and when that fails. */
#define HAS_FILM                                                                                                                                          \
    "EXISTS (SELECT 1 FROM reels WHERE reels.tape_id = tapes.id AND reels.kind = 'clean_video' AND (reels.take_id IS NULL OR reels.take_id IN (SELECT take_id FROM spans)))"
#define WITHOUT_JOB "CASE WHEN " HAS_FILM " THEN 'ready' ELSE 'failed' END"
enum { RETRY_MS = 2000 };
#define KNOWN_PART 0.01 /* of a job made before the rest is guessed from it */

static enum vcr_err add_history(struct sql_tx *tx, const struct work *x, const char *action, const char *details, struct vcr_why *why)
{
    return sql_exec(tx, "INSERT INTO tape_history(tape_id, action, performed_by, performed_at, details) VALUES($1, $2, NULL, $3, $4)",
                    SQL_ARGS(SQL_I(x->job.tape_id), SQL_T(action), SQL_I(clock_wall_ms()), SQL_T(details)), NULL, why);
}

/* What the job reads: the film that was brought, or the clean reel of a recording. */
static enum vcr_err find_original(struct sql_tx *tx, struct work *x, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT progress FROM jobs WHERE id = $1", SQL_ARGS(SQL_I(x->job.id)), why);
    if (err == VCR_OK && sql_next(rows, why) == VCR_OK)
        x->known_progress = sql_real(rows, 0);
    sql_rows_close(&rows);
    rows = NULL;
    x->finish = strcmp(x->job.kind, "finish") == 0;
    work_original_key(x, x->original);
    if (!x->finish)
        return VCR_OK;
    json_t *payload = json_loads(x->job.payload ? x->job.payload : "", 0, NULL);
    x->take_id = json_integer_value(json_object_get(payload, "take_id"));
    json_decref(payload);
    err = sql_query(tx, &rows, "SELECT blob_key FROM reels WHERE tape_id = $1 AND COALESCE(take_id, 0) = $2 AND kind = 'clean_video' AND track = 0",
                                 SQL_ARGS(SQL_I(x->job.tape_id), SQL_I(x->take_id)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        vcr_strcpy(x->original, sizeof(x->original), sql_text(rows, 0));
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err; /* none: opening it fails */
}

/* Also the tapes of jobs that the queue gave up by itself: nobody else would tell them. */
enum vcr_err work_claim(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct work *x = arg;
    int64_t now = clock_wall_ms();
    enum vcr_err err = queue_claim(tx, x->worker, now, &x->job, why);
    if (err == VCR_OK && !work_is_bridge(x))
        err = find_original(tx, x, why);
    if (err == VCR_OK && x->job.attempts == 1 && !x->finish && !work_is_bridge(x))
        err = add_history(tx, x, "processing_started", "{}", why);
    if (err == VCR_OK && !x->finish && !work_is_bridge(x))
        err = sql_exec(tx, "UPDATE tapes SET status = 'processing', updated_at = $2 WHERE id = $1 AND status <> 'processing' AND NOT " HAS_FILM,
                       SQL_ARGS(SQL_I(x->job.tape_id), SQL_I(now)), NULL, why);
    if (err != VCR_OK && err != VCR_E_END)
        return err;
    return sql_exec(tx,
                    "UPDATE tapes SET status = " WITHOUT_JOB ", updated_at = $1, revision = revision + 1 WHERE status = 'processing' AND NOT EXISTS"
                    " (SELECT 1 FROM jobs WHERE jobs.tape_id = tapes.id AND jobs.status IN ('queued', 'running'))",
                    SQL_ARGS(SQL_I(now)), NULL, why);
}

/* Nobody else works on a SQLite database: what runs there was this server's before it was killed. */
enum vcr_err work_take_back(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    if (sql_engine(tx) != SQL_SQLITE)
        return VCR_OK;
    return sql_exec(tx, "UPDATE jobs SET status = 'queued', worker = NULL, lease_until = NULL, attempts = attempts - 1 WHERE status = 'running'", SQL_NONE,
                    NULL, why);
}

enum vcr_err work_renew(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct work *x = arg;
    double made = x->progress - x->begun_progress;
    int64_t took_us = x->begun_us ? clock_mono_us() - x->begun_us : 0;
    bool known = made >= KNOWN_PART && took_us > 0;
    struct queue_report report = { x->progress, x->stage[0] ? x->stage : NULL, x->speed, known ? (int64_t)((double)(took_us / 1000) * (1.0 - x->progress) / made) : -1 };
    return queue_renew(tx, x->job.id, x->worker, &report, clock_wall_ms(), why);
}

enum vcr_err work_holds(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    const struct work *x = arg;
    return queue_holds(tx, x->job.id, x->worker, why);
}

/* An attempt that the server itself broke off does not count. */
enum vcr_err work_again(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    const struct work *x = arg;
    int64_t now = clock_wall_ms(), first = x->w->config.retry_ms ? x->w->config.retry_ms : RETRY_MS;
    bool counts = !x->lost && !work_advanced(x);
    return queue_again(tx, x->job.id, x->worker, counts ? now + queue_backoff_ms(x->job.attempts, first) : now, counts, now, why);
}

/* Somebody should look: the store does not keep what was put into it, or was meddled with. */
static enum vcr_err audit_change(struct sql_tx *tx, const struct work *x, struct vcr_why *why)
{
    json_t *details = json_pack("{s:I, s:s, s:s}", "job_id", (json_int_t)x->job.id, "expected", x->changed_from, "found", x->sha256);
    char *text = details ? json_dumps(details, JSON_COMPACT) : NULL;
    char object[APP_AUDIT_OBJECT_BYTES];
    snprintf(object, sizeof(object), "tapes/%lld", (long long)x->job.tape_id);
    enum vcr_err err = app_audit(tx, NULL, "original_changed", object, text, clock_wall_ms(), why);
    free(text);
    json_decref(details);
    return err;
}

enum vcr_err work_failed(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct work *x = arg;
    json_t *details = json_pack("{s:s}", "error", x->error);
    char *text = details ? json_dumps(details, JSON_COMPACT) : NULL;
    int64_t now = clock_wall_ms();
    enum vcr_err err = queue_finish(tx, x->job.id, x->worker, x->error, now, why);
    /* A recording whose finish fails plays as it is. */
    if (err == VCR_OK && !x->finish)
        err = sql_exec(tx, "UPDATE tapes SET status = " WITHOUT_JOB ", updated_at = $2, revision = revision + 1 WHERE id = $1 AND status <> 'recording'",
                       SQL_ARGS(SQL_I(x->job.tape_id), SQL_I(now)), NULL, why);
    if (err == VCR_OK)
        err = add_history(tx, x, "failed", text ? text : "{}", why);
    if (err == VCR_OK && x->changed_from[0])
        err = audit_change(tx, x, why);
    free(text);
    json_decref(details);
    return err;
}

/* Remembers where the reels stand that are about to be replaced. */
static enum vcr_err find_stale(struct sql_tx *tx, struct work *x, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    char mine[KEY_BYTES];
    snprintf(mine, sizeof(mine), "tapes/%" PRId64 "/r%" PRId64 "/", x->job.tape_id, x->job.id);
    x->stale_count = 0;
    enum vcr_err err = sql_query(tx, &rows, "SELECT blob_key FROM reels WHERE tape_id = $1 AND COALESCE(take_id, 0) = $2 AND ($3 = 0 OR kind = 'tape_video')",
                                 SQL_ARGS(SQL_I(x->job.tape_id), SQL_I(x->take_id), SQL_I(x->finish)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        const char *key = sql_text(rows, 0), *slash = strrchr(key, '/');
        size_t len = slash ? (size_t)(slash - key) + 1 : 0;
        bool known = len == 0 || len >= KEY_BYTES || strncmp(key, mine, len) == 0 || x->stale_count == STALE_MAX;
        for (int i = 0; i < x->stale_count; i++)
            known = known || (strlen(x->stale[i]) == len && strncmp(key, x->stale[i], len) == 0);
        if (known)
            continue;
        memcpy(x->stale[x->stale_count], key, len);
        x->stale[x->stale_count++][len] = '\0';
    }
    sql_rows_close(&rows);
    err = err == VCR_E_END ? VCR_OK : err;
    for (int i = 0; i < x->stale_count && err == VCR_OK; i++) /* should we be killed before they are deleted */
        err = app_trash_add(tx, x->stale[i], why);
    return err;
}

static enum vcr_err add_reels(struct sql_tx *tx, struct work *x, int64_t duration_us, struct vcr_why *why)
{
    /* A recording's folder also holds its clean reel, which stays. */
    enum vcr_err err = x->finish ? VCR_OK : find_stale(tx, x, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "DELETE FROM reels WHERE tape_id = $1 AND COALESCE(take_id, 0) = $2 AND ($3 = 0 OR kind = 'tape_video')",
                       SQL_ARGS(SQL_I(x->job.tape_id), SQL_I(x->take_id), SQL_I(x->finish)), NULL, why);
    for (int i = 0; err == VCR_OK && i < OUTPUTS; i++) {
        const json_t *reel = work_reel_of(x, i);
        if (!reel)
            continue;
        char key[KEY_BYTES], index[KEY_BYTES];
        char *info = json_dumps(json_object_get(reel, "info"), JSON_COMPACT);
        work_key(x, i, key);
        work_key(x, i + 1, index); /* a reel's index follows it */
        err = sql_exec(tx, "INSERT INTO reels(tape_id, kind, blob_key, index_key, size_bytes, duration_us, info, track, language, title, take_id)"
                           " VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, CASE WHEN $11 = 0 THEN NULL ELSE $11 END)",
                       SQL_ARGS(SQL_I(x->job.tape_id), SQL_T(work_outputs[i].reel), SQL_T(key), SQL_T(index), SQL_I((int64_t)x->sizes[i]), SQL_I(duration_us),
                                SQL_T(info ? info : "{}"), SQL_I(work_outputs[i].track), SQL_T(json_string_value(json_object_get(reel, "language"))),
                                SQL_T(json_string_value(json_object_get(reel, "title"))), SQL_I(x->take_id)),
                       NULL, why);
        free(info);
    }
    return err;
}

static enum vcr_err add_storyboard(struct sql_tx *tx, const struct work *x, struct vcr_why *why)
{
    char key[KEY_BYTES];
    const json_t *told = json_object_get(x->result, "storyboard");
    char *info = told ? json_dumps(told, JSON_COMPACT) : NULL;
    work_key(x, OUTPUT_STORY, key);
    enum vcr_err err = sql_exec(tx, "DELETE FROM storyboards WHERE tape_id = $1 AND COALESCE(take_id, 0) = $2", SQL_ARGS(SQL_I(x->job.tape_id), SQL_I(x->take_id)), NULL, why);
    if (err == VCR_OK && info)
        err = sql_exec(tx, "INSERT INTO storyboards(tape_id, take_id, blob_key, info) VALUES($1, CASE WHEN $2 = 0 THEN NULL ELSE $2 END, $3, $4)",
                       SQL_ARGS(SQL_I(x->job.tape_id), SQL_I(x->take_id), SQL_T(key), SQL_T(info)), NULL, why);
    free(info);
    return err;
}

/* Whether the reel's times are the tape's: of a film, and of a recording that is the whole tape. */
static enum vcr_err is_whole_tape(struct sql_tx *tx, const struct work *x, bool *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT COUNT(*), COALESCE(MAX(take_id), 0), COALESCE(MAX(tape_start_us - reel_start_us), 0) FROM spans WHERE tape_id = $1",
                                 SQL_ARGS(SQL_I(x->job.tape_id)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        *ret = sql_int(rows, 0) == 0 ? x->take_id == 0 : sql_int(rows, 0) == 1 && sql_int(rows, 1) == x->take_id && sql_int(rows, 2) == 0;
    sql_rows_close(&rows);
    return err;
}

/* Facts of the file and why its reels are what they are. */
static enum vcr_err add_story_of(struct sql_tx *tx, const struct work *x, struct vcr_why *why)
{
    static const char *const also[] = { "remuxed", "because", "witnesses", "resumed" };
    json_t *details = json_copy(json_object_get(x->result, "media"));
    for (size_t i = 0; i < ARRAY_LEN(also); i++)
        if (json_object_get(x->result, also[i]))
            json_object_set(details, also[i], json_object_get(x->result, also[i]));
    char *text = json_dumps(details, JSON_COMPACT);
    enum vcr_err err = add_history(tx, x, "transcoded", text ? text : "{}", why);
    free(text);
    json_decref(details);
    return err;
}

/* Of a recording there is a tape already, which has played since it was sealed. */
static enum vcr_err finish_done(struct sql_tx *tx, struct work *x, struct vcr_why *why)
{
    int64_t now = clock_wall_ms(), duration_us = json_integer_value(json_object_get(x->result, "duration_us"));
    bool whole = false;
    enum vcr_err err = queue_finish(tx, x->job.id, x->worker, NULL, now, why);
    if (err == VCR_OK)
        err = add_reels(tx, x, duration_us, why);
    if (err == VCR_OK)
        err = add_storyboard(tx, x, why);
    if (err == VCR_OK)
        err = is_whole_tape(tx, x, &whole, why);
    if (err == VCR_OK && whole)
        err = work_captions(tx, x, why);
    if (err == VCR_OK && whole)
        err = app_marks_propose(tx, x->job.tape_id, duration_us, json_object_get(x->result, "marks"), why);
    if (err == VCR_OK)
        err = sql_exec(tx, "UPDATE tapes SET updated_at = $2, revision = revision + 1 WHERE id = $1", SQL_ARGS(SQL_I(x->job.tape_id), SQL_I(now)), NULL, why);
    return err;
}

enum vcr_err work_done(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct work *x = arg;
    if (x->finish)
        return finish_done(tx, x, why);
    int64_t now = clock_wall_ms(), duration_us = json_integer_value(json_object_get(x->result, "duration_us"));
    const char *standard = json_string_value(json_object_get(x->result, "standard"));
    /* Our own word, not the child's. */
    json_object_set_new(json_object_get(x->result, "media"), "sha256", json_string(x->sha256));
    char *media = json_dumps(json_object_get(x->result, "media"), JSON_COMPACT);
    char key[KEY_BYTES], address[KEY_BYTES + 64];
    work_original_key(x, key);
    blob_address(x->w->config.blobs, key, address, sizeof(address));
    enum vcr_err err = queue_finish(tx, x->job.id, x->worker, NULL, now, why);
    if (err == VCR_OK)
        err = add_reels(tx, x, duration_us, why);
    if (err == VCR_OK)
        err = add_storyboard(tx, x, why);
    if (err == VCR_OK)
        err = sql_exec(tx,
                       "UPDATE tapes SET status = CASE WHEN status = 'recording' THEN status ELSE 'ready' END,"
                       " duration_us = COALESCE((SELECT MAX(tape_end_us) FROM spans WHERE tape_id = $1), $2), standard = $3, media = $4, updated_at = $5,"
                       " revision = revision + 1, storage_uri = COALESCE($6, storage_uri),"
                       " source_note = CASE WHEN storage_uri NOT IN ('', $6) THEN storage_uri ELSE source_note END, original_sha256 = $7 WHERE id = $1",
                       SQL_ARGS(SQL_I(x->job.tape_id), SQL_I(duration_us), SQL_T(standard), SQL_T(media), SQL_I(now), x->library ? SQL_NUL : SQL_T(address), SQL_T(x->sha256)), NULL, why);
    if (err == VCR_OK)
        err = work_captions(tx, x, why);
    if (err == VCR_OK)
        err = app_marks_propose(tx, x->job.tape_id, duration_us, json_object_get(x->result, "marks"), why);
    if (err == VCR_OK)
        err = add_story_of(tx, x, why);
    free(media);
    return err;
}

/* VCR_E_END: there is no such row. */
static enum vcr_err find_row(struct sql_tx *tx, const char *query, int64_t id, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, query, SQL_ARGS(SQL_I(id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    sql_rows_close(&rows);
    return err;
}

enum vcr_err work_find_job(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    return find_row(tx, "SELECT id FROM jobs WHERE id = $1 AND status IN ('queued', 'running')", ((const struct work *)arg)->job.id, why);
}

enum vcr_err work_find_reels(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    return find_row(tx, "SELECT id FROM reels WHERE tape_id = $1", ((const struct work *)arg)->job.tape_id, why);
}
