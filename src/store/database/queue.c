/* store/database/queue.c - the queue port kept in the jobs table itself; see queue.h. One SQL text for both engines.
 *
 * Times are the caller's now_ms. A job is claimable while it is queued and its time has come, or running with a lease that lapsed. */
#include "store/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

enum vcr_err queue_put(struct sql_tx *tx, int64_t tape_id, const char *kind, enum queue_priority priority, const char *payload_json, int64_t now_ms, int64_t *ret_id,
                       struct vcr_why *why)
{
    struct sql_rows *rows;
    if (strlen(kind) >= sizeof(((struct queue_job *)0)->kind))
        return vcr_fail(why, VCR_E_INTERNAL, "job kind %s is too long", kind);
    enum vcr_err err = sql_query(tx, &rows,
                                 "INSERT INTO jobs(tape_id, user_id, kind, payload, priority, created_at, updated_at)"
                                 " VALUES($1, (SELECT user_id FROM tapes WHERE id = $1), $2, $3, $4, $5, $5) RETURNING id",
                                 SQL_ARGS(SQL_I(tape_id), SQL_T(kind), SQL_T(payload_json), SQL_I(priority), SQL_I(now_ms)), why);
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
                    "UPDATE jobs SET status = 'failed', worker = NULL, lease_until = NULL, speed = NULL, ends_at = NULL, updated_at = $1, finished_at = $1,"
                    " error = 'Given up after ' || attempts || ' attempts: the worker stopped each time. It can be tried again.'"
                    " WHERE status = 'running' AND lease_until <= $1 AND attempts >= $2",
                    SQL_ARGS(SQL_I(now_ms), SQL_I(QUEUE_ATTEMPTS_MAX)), NULL, why);
}

#define CLAIMABLE(j) "((" j "status = 'queued' AND " j "not_before <= $3) OR (" j "status = 'running' AND " j "lease_until <= $3))"

/* One candidate for each priority and owner, so that what is asked of an owner is asked once, not for each of its jobs. The outer condition is the inner one again: of two
 * claimers that chose the same row, the second finds it taken. */
static const char claim[] =
    "UPDATE jobs SET status = 'running', worker = $1, attempts = attempts + 1, lease_until = $2, updated_at = $3, claimed_at = $3, speed = NULL, ends_at = NULL"
    " WHERE id = (SELECT c.id FROM (SELECT MIN(q.id) AS id, q.priority AS priority, COALESCE(q.user_id, 0) AS owner FROM jobs q"
    " WHERE q.status IN ('queued', 'running') AND " CLAIMABLE("q.") " AND NOT EXISTS (SELECT 1 FROM jobs o WHERE o.tape_id = q.tape_id AND o.id <> q.id"
    " AND o.status = 'running' AND o.lease_until > $3) GROUP BY q.priority, COALESCE(q.user_id, 0)) c ORDER BY c.priority,"
    " (SELECT COUNT(*) FROM jobs r WHERE r.status = 'running' AND r.lease_until > $3 AND COALESCE(r.user_id, 0) = c.owner),"
    " (SELECT COALESCE(MAX(s.claimed_at), 0) FROM jobs s WHERE COALESCE(s.user_id, 0) = c.owner), c.id LIMIT 1)"
    " AND " CLAIMABLE("") " RETURNING id, tape_id, kind, attempts, payload";

enum vcr_err queue_claim(struct sql_tx *tx, const char *worker, int64_t now_ms, struct queue_job *ret, struct vcr_why *why)
{
    struct sql_rows *rows;
    struct queue_job job = { 0 };
    enum vcr_err err = fail_exhausted(tx, now_ms, why);
    if (err != VCR_OK)
        return err;
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

enum vcr_err queue_renew(struct sql_tx *tx, int64_t id, const char *worker, const struct queue_report *report, int64_t now_ms, struct vcr_why *why)
{
    int64_t changed = 0;
    double p = report->progress > 0 ? VCR_MIN(report->progress, 1.0) : 0; /* also makes 0 of a NaN */
    enum vcr_err err = sql_exec(tx,
                                "UPDATE jobs SET lease_until = $1, updated_at = $2, progress = CASE WHEN progress < $3 THEN $3 ELSE progress END,"
                                " stage = COALESCE($4, stage), speed = $5, ends_at = $6 WHERE id = $7 AND worker = $8 AND status = 'running'",
                                SQL_ARGS(SQL_I(now_ms + QUEUE_LEASE_MS), SQL_I(now_ms), SQL_R(p), SQL_T(report->stage), report->speed > 0 ? SQL_R(report->speed) : SQL_NUL,
                                         report->left_ms >= 0 ? SQL_I(now_ms + report->left_ms) : SQL_NUL, SQL_I(id), SQL_T(worker)),
                                &changed, why);
    return err == VCR_OK ? one_changed(changed, why) : err;
}

enum vcr_err queue_holds(struct sql_tx *tx, int64_t id, const char *worker, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT id FROM jobs WHERE id = $1 AND worker = $2 AND status = 'running'", SQL_ARGS(SQL_I(id), SQL_T(worker)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    sql_rows_close(&rows);
    return err == VCR_E_END ? one_changed(0, why) : err;
}

enum vcr_err queue_again(struct sql_tx *tx, int64_t id, const char *worker, int64_t not_before_ms, bool counted, int64_t now_ms, struct vcr_why *why)
{
    int64_t changed = 0;
    enum vcr_err err = sql_exec(tx,
                                "UPDATE jobs SET status = 'queued', worker = NULL, lease_until = NULL, speed = NULL, ends_at = NULL, updated_at = $3, not_before = $4,"
                                " attempts = attempts - $5 WHERE id = $1 AND worker = $2 AND status = 'running'",
                                SQL_ARGS(SQL_I(id), SQL_T(worker), SQL_I(now_ms), SQL_I(not_before_ms), SQL_I(counted ? 0 : 1)), &changed, why);
    return err == VCR_OK ? one_changed(changed, why) : err;
}

int64_t queue_backoff_ms(int attempts, int64_t first_ms)
{
    int64_t ms = first_ms;
    for (int i = 1; i < VCR_MIN(attempts, 10); i++)
        ms *= 4;
    return ms / 2 + (int64_t)(vcr_random_u64() % (uint64_t)VCR_MAX(ms, 1));
}

enum vcr_err queue_finish(struct sql_tx *tx, int64_t id, const char *worker, const char *error, int64_t now_ms, struct vcr_why *why)
{
    int64_t changed = 0;
    enum vcr_err err = sql_exec(tx,
                                "UPDATE jobs SET status = $1, error = $2, progress = CASE WHEN $3 THEN progress ELSE 1 END, worker = NULL, lease_until = NULL,"
                                " speed = NULL, ends_at = NULL, updated_at = $4, finished_at = $4 WHERE id = $5 AND worker = $6 AND status = 'running'",
                                SQL_ARGS(SQL_T(error ? "failed" : "done"), SQL_T(error), SQL_B(error != NULL), SQL_I(now_ms), SQL_I(id), SQL_T(worker)),
                                &changed, why);
    return err == VCR_OK ? one_changed(changed, why) : err;
}
