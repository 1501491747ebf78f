/* store/database/queue.c - the queue port kept in the jobs table itself; see queue.h. One SQL text for both engines.
 *
 * Times are the caller's now_ms. A job is claimable while it is queued, or running with a lease that lapsed. */
#include "store/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

enum vcr_err queue_put(struct sql_tx *tx, int64_t tape_id, const char *kind, const char *payload_json, int64_t now_ms, int64_t *ret_id,
                       struct vcr_why *why)
{
    struct sql_rows *rows;
    if (strlen(kind) >= sizeof(((struct queue_job *)0)->kind))
        return vcr_fail(why, VCR_E_INTERNAL, "job kind %s is too long", kind);
    enum vcr_err err = sql_query(tx, &rows,
                                 "INSERT INTO jobs(tape_id, user_id, kind, payload, created_at, updated_at)"
                                 " VALUES($1, (SELECT user_id FROM tapes WHERE id = $1), $2, $3, $4, $4) RETURNING id",
                                 SQL_ARGS(SQL_I(tape_id), SQL_T(kind), SQL_T(payload_json), SQL_I(now_ms)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK) {
        *ret_id = sql_int(rows, 0);
        err = sql_next(rows, why); /* to its end: only then the statement has finished */
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

/* Jobs whose last attempt lapsed become failed. */
static enum vcr_err fail_exhausted(struct sql_tx *tx, int64_t now_ms, struct vcr_why *why)
{
    return sql_exec(tx,
                    "UPDATE jobs SET status = 'failed', worker = NULL, lease_until = NULL, updated_at = $1, finished_at = $1,"
                    " error = 'gave up after ' || attempts || ' attempts: the worker stopped each time'"
                    " WHERE status = 'running' AND lease_until <= $1 AND attempts >= $2",
                    SQL_ARGS(SQL_I(now_ms), SQL_I(QUEUE_ATTEMPTS_MAX)), NULL, why);
}

enum vcr_err queue_claim(struct sql_tx *tx, const char *worker, int64_t now_ms, struct queue_job *ret, struct vcr_why *why)
{
    struct sql_rows *rows;
    struct queue_job job = { 0 };
    enum vcr_err err = fail_exhausted(tx, now_ms, why);
    if (err != VCR_OK)
        return err;
    /* The outer condition is the inner one again: of two claimers that chose the same row, the second finds it taken. */
    static const char claim[] =
        "UPDATE jobs SET status = 'running', worker = $1, attempts = attempts + 1, lease_until = $2, updated_at = $3"
        " WHERE id = (SELECT id FROM jobs WHERE status IN ('queued', 'running') AND (status = 'queued' OR lease_until <= $3) ORDER BY id LIMIT 1)"
        " AND (status = 'queued' OR (status = 'running' AND lease_until <= $3)) RETURNING id, tape_id, kind, attempts, payload";
    err = sql_query(tx, &rows, claim, SQL_ARGS(SQL_T(worker), SQL_I(now_ms + QUEUE_LEASE_MS), SQL_I(now_ms)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK) {
        job.id = sql_int(rows, 0);
        job.tape_id = sql_int(rows, 1);
        vcr_strcpy(job.kind, sizeof(job.kind), sql_text(rows, 2));
        job.attempts = (int)sql_int(rows, 3);
        job.payload = vcr_strdup(sql_text(rows, 4));
        err = sql_next(rows, why);
        err = err == VCR_E_END ? VCR_OK : err;
    } else if (err == VCR_E_END) {
        vcr_fail(why, VCR_E_END, "no job waits");
    }
    sql_rows_close(&rows);
    if (err == VCR_OK)
        *ret = job;
    else
        free(job.payload);
    return err;
}

static enum vcr_err one_changed(int64_t changed, struct vcr_why *why)
{
    return changed == 1 ? VCR_OK : vcr_fail(why, VCR_E_CONFLICT, "the job is no longer this worker's");
}

enum vcr_err queue_renew(struct sql_tx *tx, int64_t id, const char *worker, double progress, const char *stage, int64_t now_ms, struct vcr_why *why)
{
    int64_t changed = 0;
    double p = progress > 0 ? VCR_MIN(progress, 1.0) : 0; /* also makes 0 of a NaN */
    enum vcr_err err = sql_exec(tx,
                                "UPDATE jobs SET lease_until = $1, updated_at = $2, progress = CASE WHEN progress < $3 THEN $3 ELSE progress END,"
                                " stage = COALESCE($4, stage) WHERE id = $5 AND worker = $6 AND status = 'running'",
                                SQL_ARGS(SQL_I(now_ms + QUEUE_LEASE_MS), SQL_I(now_ms), SQL_R(p), SQL_T(stage), SQL_I(id), SQL_T(worker)), &changed, why);
    return err == VCR_OK ? one_changed(changed, why) : err;
}

enum vcr_err queue_finish(struct sql_tx *tx, int64_t id, const char *worker, const char *error, int64_t now_ms, struct vcr_why *why)
{
    int64_t changed = 0;
    enum vcr_err err = sql_exec(tx,
                                "UPDATE jobs SET status = $1, error = $2, progress = CASE WHEN $3 THEN progress ELSE 1 END, worker = NULL, lease_until = NULL,"
                                " updated_at = $4, finished_at = $4 WHERE id = $5 AND worker = $6 AND status = 'running'",
                                SQL_ARGS(SQL_T(error ? "failed" : "done"), SQL_T(error), SQL_B(error != NULL), SQL_I(now_ms), SQL_I(id), SQL_T(worker)),
                                &changed, why);
    return err == VCR_OK ? one_changed(changed, why) : err;
}
