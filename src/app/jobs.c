/* app/jobs.c - jobs: reading, cancelling, retrying. */
#include "app/jobs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/tapes.h"
#include "app/trash.h"

#define JOB_COLUMNS "j.id, j.tape_id, j.kind, j.status, j.progress, j.stage, j.error, j.attempts, j.created_at, j.updated_at, j.finished_at, j.speed, j.ends_at"

static void job_json(struct sql_rows *r, int64_t now_ms, struct jsonw *j)
{
    jsonw_open(j, NULL);
    jsonw_int(j, "id", sql_int(r, 0));
    jsonw_int(j, "tape_id", sql_int(r, 1));
    jsonw_str(j, "kind", sql_text(r, 2));
    jsonw_str(j, "status", sql_text(r, 3));
    jsonw_num(j, "progress", sql_real(r, 4));
    jsonw_str(j, "stage", sql_text(r, 5));
    jsonw_str(j, "error", sql_is_null(r, 6) ? NULL : sql_text(r, 6));
    if (sql_is_null(r, 11))
        jsonw_null(j, "speed");
    else
        jsonw_num(j, "speed", sql_real(r, 11));
    if (sql_is_null(r, 12))
        jsonw_null(j, "eta");
    else
        jsonw_num(j, "eta", (double)(VCR_MAX(sql_int(r, 12) - now_ms, 0) / 100) / 10);
    jsonw_int(j, "attempts", sql_int(r, 7));
    jsonw_time(j, "created_at", sql_int(r, 8));
    jsonw_time(j, "updated_at", sql_int(r, sql_is_null(r, 9) ? 8 : 9));
    if (sql_is_null(r, 10))
        jsonw_null(j, "finished_at");
    else
        jsonw_time(j, "finished_at", sql_int(r, 10));
    jsonw_close(j);
}

struct job { int64_t tape_id; char status[17]; };

static enum vcr_err find_job(struct sql_tx *tx, const struct app_principal *who, int64_t id, enum app_access access, struct job *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    struct app_tape tape = { 0 };
    enum vcr_err err = sql_query(tx, &rows, "SELECT tape_id, status FROM jobs WHERE id = $1", SQL_ARGS(SQL_I(id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK) {
        ret->tape_id = sql_int(rows, 0);
        vcr_strcpy(ret->status, sizeof(ret->status), sql_text(rows, 1));
    }
    sql_rows_close(&rows);
    if (err == VCR_OK)
        err = app_tape_find(tx, who, ret->tape_id, access, APP_ANYWHERE, &tape, why);
    app_tape_free(&tape);
    return err == VCR_E_END || err == VCR_E_NOT_FOUND ? vcr_fail(why, VCR_E_NOT_FOUND, "there is no such job") : err;
}

enum vcr_err app_job_get(struct sql_tx *tx, const struct app_principal *who, int64_t id, int64_t now_ms, struct jsonw *j, struct vcr_why *why)
{
    struct job job;
    struct sql_rows *rows = NULL;
    enum vcr_err err = find_job(tx, who, id, APP_INSPECT, &job, why);
    if (err != VCR_OK)
        return err;
    err = sql_query(tx, &rows, "SELECT " JOB_COLUMNS " FROM jobs j WHERE j.id = $1", SQL_ARGS(SQL_I(id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        job_json(rows, now_ms, j);
    sql_rows_close(&rows);
    return err;
}

enum vcr_err app_job_list(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, int64_t before, int limit, int64_t now_ms, struct jsonw *j,
                          int64_t *ret_last, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    int n = 0;
    int64_t last = 0;
    *ret_last = 0;
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT " JOB_COLUMNS " FROM jobs j JOIN tapes t ON t.id = j.tape_id WHERE (t.user_id = $1 OR $2 = 1) AND ($3 = 0 OR j.tape_id = $3) "
                                 "AND ($4 = 0 OR j.id < $4) ORDER BY j.id DESC LIMIT $5",
                                 SQL_ARGS(SQL_I(who->user_id), SQL_I(app_sees_all(who, APP_A_TAPE)), SQL_I(tape_id), SQL_I(before), SQL_I(limit + 1)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        if (n++ == limit) {
            *ret_last = last;
            break;
        }
        last = sql_int(rows, 0);
        job_json(rows, now_ms, j);
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

/* What the tape is while a job of it waits or runs, and after one that was not done: one that can be watched stays so. */
static enum vcr_err set_tape_status(struct sql_tx *tx, int64_t tape_id, const char *without_film, int64_t now_ms, struct vcr_why *why)
{
    return sql_exec(tx,
                    "UPDATE tapes SET revision = revision + 1, updated_at = $2, status = CASE WHEN EXISTS (SELECT 1 FROM reels WHERE tape_id = $1 AND kind = 'clean_video')"
                    " THEN 'ready' ELSE $3 END WHERE id = $1 AND status IN ('processing', 'failed')",
                    SQL_ARGS(SQL_I(tape_id), SQL_I(now_ms), SQL_T(without_film)), NULL, why);
}

enum vcr_err app_job_under_way(struct sql_tx *tx, int64_t tape_id, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT id FROM jobs WHERE tape_id = $1 AND status IN ('queued', 'running') LIMIT 1", SQL_ARGS(SQL_I(tape_id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    sql_rows_close(&rows);
    if (err == VCR_OK)
        return vcr_refuse(why, VCR_E_CONFLICT, "/job-under-way", "this tape is being processed already");
    return err == VCR_E_END ? VCR_OK : err;
}

static void blobs_of(char out[APP_JOB_PREFIX_BYTES], const struct job *job, int64_t id)
{
    snprintf(out, APP_JOB_PREFIX_BYTES, "tapes/%" PRId64 "/r%" PRId64 "/", job->tape_id, id);
}

enum vcr_err app_job_cancel(struct sql_tx *tx, const struct app_principal *who, int64_t id, int64_t now_ms, char ret_prefix[APP_JOB_PREFIX_BYTES], struct vcr_why *why)
{
    struct job job;
    enum vcr_err err = find_job(tx, who, id, APP_EDIT, &job, why);
    if (err != VCR_OK)
        return err;
    if (strcmp(job.status, "queued") != 0 && strcmp(job.status, "running") != 0)
        return vcr_refuse(why, VCR_E_CONFLICT, "/job-over", "this job is %s already", job.status);
    err = sql_exec(tx,
                   "UPDATE jobs SET status = 'cancelled', error = 'cancelled', worker = NULL, lease_until = NULL, speed = NULL, ends_at = NULL, updated_at = $2,"
                   " finished_at = $2 WHERE id = $1",
                   SQL_ARGS(SQL_I(id), SQL_I(now_ms)), NULL, why);
    blobs_of(ret_prefix, &job, id);
    if (err == VCR_OK)
        err = app_trash_add(tx, ret_prefix, why); /* should we be killed before they are deleted; a retry takes it back */
    if (strcmp(job.status, "running") == 0)
        ret_prefix[0] = '\0';
    return err == VCR_OK ? set_tape_status(tx, job.tape_id, "failed", now_ms, why) : err;
}

enum vcr_err app_job_retry(struct sql_tx *tx, const struct app_principal *who, int64_t id, int64_t now_ms, struct vcr_why *why)
{
    struct job job;
    enum vcr_err err = find_job(tx, who, id, APP_EDIT, &job, why);
    if (err != VCR_OK)
        return err;
    if (strcmp(job.status, "failed") != 0 && strcmp(job.status, "cancelled") != 0)
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-failed", "this job is %s; only a failed or cancelled one can be tried again", job.status);
    char prefix[APP_JOB_PREFIX_BYTES];
    blobs_of(prefix, &job, id);
    err = app_job_under_way(tx, job.tape_id, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "DELETE FROM blob_trash WHERE prefix = $1", SQL_ARGS(SQL_T(prefix)), NULL, why);
    if (err == VCR_OK)
        err = sql_exec(tx,
                       "UPDATE jobs SET status = 'queued', error = NULL, attempts = 0, not_before = 0, worker = NULL, lease_until = NULL, updated_at = $2,"
                       " finished_at = NULL WHERE id = $1",
                       SQL_ARGS(SQL_I(id), SQL_I(now_ms)), NULL, why);
    return err == VCR_OK ? set_tape_status(tx, job.tape_id, "processing", now_ms, why) : err;
}
