/* app/process_store.c - the worker's files and rows: opening, keeping, finishing; see process_internal.h. */
#include <stdio.h>
#include <string.h>

#include "app/process_internal.h"
#include "app/tapes.h"
#include "base/clock.h"

static const char *const output_names[OUT_COUNT] = {
    "clean.mp4", "clean.idx", "audio.mp4", "audio.idx", "opus.mp4", "opus.idx", "tape.mp4", "tape.idx", NULL,
};
/* A reel's kind and its two outputs. */
static const struct {
    const char *kind;
    enum process_output file, index;
} reel_kinds[] = {
    { "clean_video", OUT_CLEAN, OUT_CLEAN_INDEX },
    { "clean_audio", OUT_AUDIO, OUT_AUDIO_INDEX },
    { "opus", OUT_OPUS, OUT_OPUS_INDEX },
    { "tape_video", OUT_TAPE, OUT_TAPE_INDEX },
};

static struct slot *slot_of_sql(struct sql_job *j) { return container_of(j, struct slot, sql); }
static struct slot *slot_of_files(struct pool_job *j) { return container_of(j, struct slot, files); }

static void output_key(const struct slot *s, int output, char key[200])
{
    if (output == OUT_THUMB)
        snprintf(key, 200, "tapes/%lld/thumb.jpg", (long long)s->job.tape_id);
    else
        snprintf(key, 200, "tapes/%lld/r%lld/%s", (long long)s->job.tape_id, (long long)s->job.id, output_names[output]);
}

static void original_key(const struct slot *s, char key[200]) { snprintf(key, 200, "tapes/%lld/original", (long long)s->job.tape_id); }

/* ---- claim ---- */

/* Tapes whose last job was given up by the queue itself. */
static enum vcr_err mark_given_up(struct sql_tx *tx, int64_t now_ms, struct vcr_why *why)
{
    return sql_exec(tx,
                    "UPDATE tapes SET status = 'failed', updated_at = $1 WHERE status = 'processing' AND NOT EXISTS"
                    " (SELECT 1 FROM jobs WHERE jobs.tape_id = tapes.id AND jobs.status IN ('queued', 'running'))",
                    SQL_ARGS(SQL_I(now_ms)), NULL, why);
}

enum vcr_err slot_claim(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why)
{
    struct slot *s = slot_of_sql(job);
    int64_t now_ms = clock_wall_ms();
    enum vcr_err err = queue_claim(tx, s->worker, now_ms, &s->job, why);
    bool none = err == VCR_E_END;
    if (none || err == VCR_OK)
        err = mark_given_up(tx, now_ms, why);
    if (none || err != VCR_OK)
        return err; /* VCR_OK without a job: what was given up is committed */
    err = sql_exec(tx, "UPDATE tapes SET status = 'processing', updated_at = $2 WHERE id = $1", SQL_ARGS(SQL_I(s->job.tape_id), SQL_I(now_ms)), NULL, why);
    if (err == VCR_OK && s->job.attempts == 1)
        err = app_history_add(tx, s->job.tape_id, "processing_started", 0, "{}", now_ms, why);
    return err;
}

/* ---- files ---- */

void slot_drop_files(struct slot *s)
{
    for (int i = 0; i < OUT_COUNT; i++)
        blob_abort(&s->out[i]);
    blob_abort(&s->original);
    vcr_close(&s->original_fd);
}

static enum vcr_err read_demo_name(struct slot *s, struct vcr_why *why)
{
    json_t *payload = json_loads(s->job.payload ? s->job.payload : "", 0, NULL);
    const char *name = json_string_value(json_object_get(payload, "name"));
    enum vcr_err err = VCR_OK;
    if (!name || !vcr_strcpy(s->demo, sizeof(s->demo), name))
        err = vcr_fail(why, VCR_E_INVALID, "The job does not say which demo tape.");
    json_decref(payload);
    return err;
}

enum vcr_err slot_open_files(struct pool_job *job, void *worker, struct vcr_why *why)
{
    struct slot *s = slot_of_files(job);
    struct blob_store *blobs = s->process->app->config.blobs;
    char key[200];
    uint64_t size;
    original_key(s, key);
    enum vcr_err err = blob_open_fd(blobs, key, &s->original_fd, &size, why);
    if (err == VCR_E_NOT_FOUND && strcmp(s->job.kind, "demo") == 0) { /* drawn now; a second attempt finds it */
        err = read_demo_name(s, why);
        return err == VCR_OK ? blob_begin(blobs, key, &s->original, why) : err;
    }
    if (err == VCR_E_NOT_FOUND)
        return vcr_fail(why, VCR_E_NOT_FOUND, "The original file is missing.");
    for (int i = 0; i < OUT_COUNT && err == VCR_OK; i++) {
        output_key(s, i, key);
        err = blob_begin(blobs, key, &s->out[i], why);
    }
    return err;
}

enum vcr_err slot_keep_original(struct pool_job *job, void *worker, struct vcr_why *why)
{
    struct slot *s = slot_of_files(job);
    char sha256[65];
    uint64_t size;
    s->demo[0] = '\0';
    return blob_commit(&s->original, sha256, &size, why);
}

static bool has_reel(const struct slot *s, const char *kind, json_t **ret)
{
    size_t i;
    json_t *reel;
    json_array_foreach(json_object_get(s->result, "reels"), i, reel)
    {
        const char *name = json_string_value(json_object_get(reel, "kind"));
        if (name && strcmp(name, kind) == 0) {
            *ret = reel;
            return true;
        }
    }
    return false;
}

enum vcr_err slot_keep_files(struct pool_job *job, void *worker, struct vcr_why *why)
{
    struct slot *s = slot_of_files(job);
    enum vcr_err err = VCR_OK;
    char sha256[65];
    uint64_t size;
    for (size_t i = 0; i < ARRAY_LEN(reel_kinds) && err == VCR_OK; i++) {
        json_t *reel;
        if (!has_reel(s, reel_kinds[i].kind, &reel))
            continue;
        err = blob_commit(&s->out[reel_kinds[i].file], sha256, &size, why);
        if (err == VCR_OK)
            err = blob_commit(&s->out[reel_kinds[i].index], sha256, &size, why);
    }
    if (err == VCR_OK)
        err = blob_commit(&s->out[OUT_THUMB], sha256, &size, why);
    slot_drop_files(s);
    return err;
}

/* ---- the end, in one transaction ---- */

/* Remembers where the reels that are about to be replaced stand. */
static enum vcr_err find_stale(struct slot *s, struct sql_tx *tx, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    s->stale_count = 0;
    enum vcr_err err = sql_query(tx, &rows, "SELECT blob_key FROM reels WHERE tape_id = $1", SQL_ARGS(SQL_I(s->job.tape_id)), why);
    char mine[200];
    snprintf(mine, sizeof(mine), "tapes/%lld/r%lld/", (long long)s->job.tape_id, (long long)s->job.id);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        const char *key = sql_text(rows, 0), *slash = strrchr(key, '/');
        size_t len = slash ? (size_t)(slash - key) + 1 : 0;
        if (len == 0 || len >= sizeof(mine) || strncmp(key, mine, len) == 0 || s->stale_count == (int)ARRAY_LEN(s->stale_prefixes))
            continue;
        memcpy(s->stale_prefixes[s->stale_count], key, len);
        s->stale_prefixes[s->stale_count++][len] = '\0';
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

static enum vcr_err write_reels(struct slot *s, struct sql_tx *tx, struct vcr_why *why)
{
    enum vcr_err err = find_stale(s, tx, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "DELETE FROM reels WHERE tape_id = $1", SQL_ARGS(SQL_I(s->job.tape_id)), NULL, why);
    for (size_t i = 0; i < ARRAY_LEN(reel_kinds) && err == VCR_OK; i++) {
        json_t *reel;
        char file[200], index[200];
        if (!has_reel(s, reel_kinds[i].kind, &reel))
            continue;
        output_key(s, (int)reel_kinds[i].file, file);
        output_key(s, (int)reel_kinds[i].index, index);
        char *info = json_dumps(json_object_get(reel, "info"), JSON_COMPACT);
        err = sql_exec(tx, "INSERT INTO reels(tape_id, kind, blob_key, index_key, size_bytes, duration_us, info) VALUES($1, $2, $3, $4, $5, $6, $7)",
                       SQL_ARGS(SQL_I(s->job.tape_id), SQL_T(reel_kinds[i].kind), SQL_T(file), SQL_T(index),
                                SQL_I(json_integer_value(json_object_get(reel, "size_bytes"))),
                                SQL_I(json_integer_value(json_object_get(s->result, "duration_us"))), SQL_T(info)),
                       NULL, why);
        free(info);
    }
    return err;
}

static enum vcr_err write_done(struct slot *s, struct sql_tx *tx, int64_t now_ms, struct vcr_why *why)
{
    char address[240], key[200];
    original_key(s, key);
    blob_address(s->process->app->config.blobs, key, address, sizeof(address));
    char *media = json_dumps(json_object_get(s->result, "media"), JSON_COMPACT);
    enum vcr_err err = write_reels(s, tx, why);
    if (err == VCR_OK)
        err = sql_exec(tx,
                       "UPDATE tapes SET status = 'ready', duration_us = $2, standard = $3, media = $4, updated_at = $5, revision = revision + 1,"
                       " source_note = CASE WHEN storage_uri <> '' AND storage_uri <> $6 THEN storage_uri ELSE source_note END, storage_uri = $6 WHERE id = $1",
                       SQL_ARGS(SQL_I(s->job.tape_id), SQL_I(json_integer_value(json_object_get(s->result, "duration_us"))),
                                SQL_T(json_string_value(json_object_get(s->result, "standard"))), SQL_T(media), SQL_I(now_ms), SQL_T(address)),
                       NULL, why);
    free(media);
    if (err == VCR_OK)
        err = app_history_add(tx, s->job.tape_id, "transcoded", 0, "{}", now_ms, why);
    return err == VCR_OK ? queue_finish(tx, s->job.id, s->worker, NULL, now_ms, why) : err;
}

static enum vcr_err write_failed(struct slot *s, struct sql_tx *tx, int64_t now_ms, struct vcr_why *why)
{
    json_t *details = json_pack("{s:s}", "error", s->error);
    char *text = details ? json_dumps(details, JSON_COMPACT) : NULL;
    enum vcr_err err = queue_finish(tx, s->job.id, s->worker, s->error, now_ms, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "UPDATE tapes SET status = 'failed', updated_at = $2, revision = revision + 1 WHERE id = $1",
                       SQL_ARGS(SQL_I(s->job.tape_id), SQL_I(now_ms)), NULL, why);
    if (err == VCR_OK)
        err = app_history_add(tx, s->job.tape_id, "failed", 0, text ? text : "{}", now_ms, why);
    free(text);
    json_decref(details);
    return err;
}

/* Back to the queue; an attempt that the server itself broke off does not count. */
static enum vcr_err write_again(struct slot *s, struct sql_tx *tx, int64_t now_ms, struct vcr_why *why)
{
    return sql_exec(tx,
                    "UPDATE jobs SET status = 'queued', worker = NULL, lease_until = NULL, updated_at = $1, attempts = attempts - $2"
                    " WHERE id = $3 AND worker = $4 AND status = 'running'",
                    SQL_ARGS(SQL_I(now_ms), SQL_I(s->end == END_RELEASED ? 1 : 0), SQL_I(s->job.id), SQL_T(s->worker)), NULL, why);
}

enum vcr_err slot_finish(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why)
{
    struct slot *s = slot_of_sql(job);
    int64_t now_ms = clock_wall_ms();
    switch (s->end) {
    case END_DONE:
        return write_done(s, tx, now_ms, why);
    case END_FAILED:
        return write_failed(s, tx, now_ms, why);
    case END_AGAIN:
    case END_RELEASED:
        return write_again(s, tx, now_ms, why);
    case END_LOST:
        break;
    }
    return VCR_OK;
}

enum vcr_err slot_renew(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why)
{
    struct slot *s = container_of(job, struct slot, renew);
    return queue_renew(tx, s->job.id, s->worker, s->renewed_progress, s->stage, clock_wall_ms(), why);
}

/* After the end: reels that were replaced, or our own when they were not taken in. */
enum vcr_err slot_clean_up(struct pool_job *job, void *worker, struct vcr_why *why)
{
    struct slot *s = slot_of_files(job);
    struct blob_store *blobs = s->process->app->config.blobs;
    enum vcr_err err = VCR_OK;
    slot_drop_files(s);
    if (s->end != END_DONE) {
        char mine[200];
        snprintf(mine, sizeof(mine), "tapes/%lld/r%lld/", (long long)s->job.tape_id, (long long)s->job.id);
        return blob_delete_prefix(blobs, mine, why);
    }
    for (int i = 0; i < s->stale_count && err == VCR_OK; i++)
        err = blob_delete_prefix(blobs, s->stale_prefixes[i], why);
    return err;
}
