/* store/queue.h - the queue port: jobs are handed to workers at least once.
 *
 * A job is written in the same SQL transaction as its cause (queue_put), so neither exists without the other. A worker claims one (queue_claim) and holds it by
 * a lease that it renews; a worker that dies loses the lease and the job is claimed again (attempts + 1); after attempts_max it is dead-lettered as failed
 * with its reason. The embedded form ("database:") keeps the queue in the jobs table itself.
 * Threads: inside the SQL transaction given. */
#pragma once
#include <stdint.h>

#include "base/why.h"
#include "store/sql.h"

enum { QUEUE_LEASE_MS = 30000, QUEUE_ATTEMPTS_MAX = 3 };
struct queue_job {
    int64_t id, tape_id;
    char kind[32];     /* "process" */
    int attempts;      /* this one counted */
    char *payload;     /* JSON, the job's own; free it */
};
/* *ret_id: the job's row; its user_id is the tape's. An unknown tape is VCR_E_CONFLICT "/reference". */
enum vcr_err queue_put(struct sql_tx *tx, int64_t tape_id, const char *kind, const char *payload_json, int64_t now_ms, int64_t *ret_id,
                       struct vcr_why *why);
/* The oldest that waits or whose lease lapsed; VCR_E_END when none. Jobs beyond QUEUE_ATTEMPTS_MAX are failed on the way with a reason. */
enum vcr_err queue_claim(struct sql_tx *tx, const char *worker, int64_t now_ms, struct queue_job *ret, struct vcr_why *why);
/* Renews the lease and records progress (never lowers it); VCR_E_CONFLICT when the job is no longer this worker's (cancelled, claimed by another). */
enum vcr_err queue_renew(struct sql_tx *tx, int64_t id, const char *worker, double progress, const char *stage, int64_t now_ms, struct vcr_why *why);
/* error NULL: done. */
enum vcr_err queue_finish(struct sql_tx *tx, int64_t id, const char *worker, const char *error, int64_t now_ms, struct vcr_why *why);
