/* store/queue.h - the queue port: jobs are handed to workers at least once.
 *
 * A job is written in the same SQL transaction as its cause (queue_put), so neither exists without the other. A worker claims one (queue_claim) and holds it by
 * a lease that it renews; a worker that dies loses the lease and the job is claimed again (attempts + 1); after QUEUE_ATTEMPTS_MAX it is dead-lettered: failed,
 * with its reason, and kept until somebody retries it. The embedded form ("database:") keeps the queue in the jobs table itself.
 * Order    by priority; among equals the owner with the fewest jobs running, then the one who was served longest ago, then the oldest job. So a hundred films of one
 *          do not stand before the one film of another, however many workers there are. Of one tape one job runs at a time.
 * Threads  inside the SQL transaction given. */
#pragma once
#include <stdint.h>

#include "base/why.h"
#include "store/sql.h"

enum { QUEUE_LEASE_MS = 30000, QUEUE_ATTEMPTS_MAX = 3 };
/* Set by the program, never by a client: what a person waits for goes first. */
enum queue_priority { QUEUE_PERSON = 0, QUEUE_DEMO = 10, QUEUE_SCAN = 20 };
struct queue_job {
    int64_t id, tape_id;
    char kind[32];     /* "process" */
    int attempts;      /* this one counted */
    char *payload;     /* JSON, the job's own; free it */
};
/* What a worker says of its job. */
struct queue_report {
    double progress;      /* 0..1; a lower one than before is not taken */
    const char *stage;    /* NULL: as before */
    double speed;         /* times real time; 0: not known */
    int64_t left_ms;      /* until the end, as it seems now; < 0: not known */
};
/* *ret_id: the job's row; its user_id is the tape's. An unknown tape is VCR_E_CONFLICT "/reference". */
enum vcr_err queue_put(struct sql_tx *tx, int64_t tape_id, const char *kind, enum queue_priority priority, const char *payload_json, int64_t now_ms, int64_t *ret_id,
                       struct vcr_why *why);
/* The next that waits (its time has come) or whose lease lapsed; VCR_E_END when none. Jobs beyond QUEUE_ATTEMPTS_MAX are failed on the way with a reason. */
enum vcr_err queue_claim(struct sql_tx *tx, const char *worker, int64_t now_ms, struct queue_job *ret, struct vcr_why *why);
/* Renews the lease and records the report; VCR_E_CONFLICT when the job is no longer this worker's (cancelled, claimed by another). */
enum vcr_err queue_renew(struct sql_tx *tx, int64_t id, const char *worker, const struct queue_report *report, int64_t now_ms, struct vcr_why *why);
/* The same question without a change, for a reading transaction. */
enum vcr_err queue_holds(struct sql_tx *tx, int64_t id, const char *worker, struct vcr_why *why);
/* Back to the queue, not to be claimed before not_before_ms. counted false: this attempt was not the job's fault and does not count. */
enum vcr_err queue_again(struct sql_tx *tx, int64_t id, const char *worker, int64_t not_before_ms, bool counted, int64_t now_ms, struct vcr_why *why);
/* How long after its attempt number `attempts` a job waits: four times as long each time, half to one and a half of it by chance, so that what failed together does not
 * come back together. */
int64_t queue_backoff_ms(int attempts, int64_t first_ms);
/* error NULL: done. */
enum vcr_err queue_finish(struct sql_tx *tx, int64_t id, const char *worker, const char *error, int64_t now_ms, struct vcr_why *why);
