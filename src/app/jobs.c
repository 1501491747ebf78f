/* app/jobs.c - jobs: reading, cancelling, retrying. */
#include "app/jobs.h"

#include <string.h>

#include "app/tapes.h"

#define JOB_COLUMNS "j.id, j.tape_id, j.kind, j.status, j.progress, j.stage, j.error, j.attempts, j.created_at, j.updated_at, j.finished_at"

static void job_json(struct sql_rows *r, struct jsonw *j)
{
    jsonw_open(j, NULL);
    jsonw_int(j, "id", sql_int(r, 0));
    jsonw_int(j, "tape_id", sql_int(r, 1));
    jsonw_str(j, "kind", sql_text(r, 2));
    jsonw_str(j, "status", sql_text(r, 3));
    jsonw_num(j, "progress", sql_real(r, 4));
    jsonw_str(j, "stage", sql_text(r, 5));
    jsonw_str(j, "error", sql_is_null(r, 6) ? NULL : sql_text(r, 6));
    jsonw_int(j, "attempts", sql_int(r, 7));
    jsonw_time(j, "created_at", sql_int(r, 8));
    jsonw_time(j, "updated_at", sql_int(r, sql_is_null(r, 9) ? 8 : 9));
    if (sql_is_null(r, 10))
        jsonw_null(j, "finished_at");
    else
        jsonw_time(j, "finished_at", sql_int(r, 10));
    jsonw_close(j);
}

struct job { int64_t tape_id; char kind[33], status[17]; };

static enum vcr_err find_job(struct sql_tx *tx, const struct app_principal *who, int64_t id, enum app_access access, struct job *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    struct app_tape tape = { 0 };
    enum vcr_err err = sql_query(tx, &rows, "SELECT tape_id, kind, status FROM jobs WHERE id = $1", SQL_ARGS(SQL_I(id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK) {
        ret->tape_id = sql_int(rows, 0);
        vcr_strcpy(ret->kind, sizeof(ret->kind), sql_text(rows, 1));
        vcr_strcpy(ret->status, sizeof(ret->status), sql_text(rows, 2));
    }
    sql_rows_close(&rows);
    if (err == VCR_OK)
        err = app_tape_find(tx, who, ret->tape_id, access, APP_ANYWHERE, &tape, why);
    app_tape_free(&tape);
    return err == VCR_E_END || err == VCR_E_NOT_FOUND ? vcr_fail(why, VCR_E_NOT_FOUND, "there is no such job") : err;
}

enum vcr_err app_job_get(struct sql_tx *tx, const struct app_principal *who, int64_t id, struct jsonw *j, struct vcr_why *why)
{
    struct job job;
    struct sql_rows *rows = NULL;
    enum vcr_err err = find_job(tx, who, id, APP_SEE, &job, why);
    if (err != VCR_OK)
        return err;
    err = sql_query(tx, &rows, "SELECT " JOB_COLUMNS " FROM jobs j WHERE j.id = $1", SQL_ARGS(SQL_I(id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        job_json(rows, j);
    sql_rows_close(&rows);
    return err;
}

enum vcr_err app_job_list(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, int64_t before, int limit, struct jsonw *j, int64_t *ret_last,
                          struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    int n = 0;
    int64_t last = 0;
    *ret_last = 0;
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT " JOB_COLUMNS " FROM jobs j JOIN tapes t ON t.id = j.tape_id WHERE (t.user_id = $1 OR $2 = 1) AND ($3 = 0 OR j.tape_id = $3) "
                                 "AND ($4 = 0 OR j.id < $4) ORDER BY j.id DESC LIMIT $5",
                                 SQL_ARGS(SQL_I(who->user_id), SQL_I(who->role >= APP_ARCHIVIST), SQL_I(tape_id), SQL_I(before), SQL_I(limit + 1)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        if (n++ == limit) {
            *ret_last = last;
            break;
        }
        last = sql_int(rows, 0);
        job_json(rows, j);
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

/* Kinds whose end decides what the tape is. */
static bool makes_tape(const struct job *j) { return strcmp(j->kind, "process") == 0 || strcmp(j->kind, "demo") == 0; }

static enum vcr_err set_tape_status(struct sql_tx *tx, int64_t tape_id, const char *status, int64_t now_ms, struct vcr_why *why)
{
    struct app_change c = { APP_T_STATUS, SQL_T(status) };
    return app_tape_update(tx, tape_id, &c, 1, now_ms, why);
}

enum vcr_err app_job_cancel(struct sql_tx *tx, const struct app_principal *who, int64_t id, int64_t now_ms, struct vcr_why *why)
{
    struct job job;
    enum vcr_err err = find_job(tx, who, id, APP_EDIT, &job, why);
    if (err != VCR_OK)
        return err;
    if (strcmp(job.status, "queued") != 0 && strcmp(job.status, "running") != 0)
        return vcr_refuse(why, VCR_E_CONFLICT, "/job-over", "this job is %s already", job.status);
    err = sql_exec(tx, "UPDATE jobs SET status = 'cancelled', error = 'cancelled', worker = NULL, lease_until = NULL, updated_at = $2, finished_at = $2 WHERE id = $1",
                   SQL_ARGS(SQL_I(id), SQL_I(now_ms)), NULL, why);
    return err == VCR_OK && makes_tape(&job) ? set_tape_status(tx, job.tape_id, "failed", now_ms, why) : err;
}

enum vcr_err app_job_retry(struct sql_tx *tx, const struct app_principal *who, int64_t id, int64_t now_ms, struct vcr_why *why)
{
    struct job job;
    enum vcr_err err = find_job(tx, who, id, APP_EDIT, &job, why);
    if (err != VCR_OK)
        return err;
    if (strcmp(job.status, "failed") != 0 && strcmp(job.status, "cancelled") != 0)
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-failed", "this job is %s; only a failed or cancelled one can be tried again", job.status);
    err = sql_exec(tx,
                   "UPDATE jobs SET status = 'queued', error = NULL, attempts = 0, worker = NULL, lease_until = NULL, updated_at = $2, finished_at = NULL WHERE id = $1",
                   SQL_ARGS(SQL_I(id), SQL_I(now_ms)), NULL, why);
    return err == VCR_OK && makes_tape(&job) ? set_tape_status(tx, job.tape_id, "processing", now_ms, why) : err;
}
