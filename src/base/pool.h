/* base/pool.h - a bounded pool of threads for work that may block (SQL, files, password hashing).
 *
 * A job is submitted from anywhere, runs on a pool thread, and its done function runs on the loop named at submission (or on the
 * pool thread when loop is NULL).
 * Bounds   at most queue_max jobs wait: one more is refused at once with VCR_E_BUSY. A job whose deadline passed while waiting is not
 *          run; its done gets VCR_E_TIMEOUT.
 * Rule     no pool job may wait for another pool. */
#pragma once
#include <stdint.h>

#include "base/loop.h"
#include "base/why.h"

struct pool;
/* Embed in the caller's job. Owned by the pool from pool_submit (when it returns VCR_OK) until done was called. */
struct pool_job {
    struct loop_msg msg;      /* the pool's own */
    struct pool_job *next;    /* the pool's own */
    struct loop *loop;        /* the pool's own */
    /* set by the caller */
    int64_t deadline_us;      /* clock_mono_us, 0: none */
    enum vcr_err (*work)(struct pool_job *job, void *worker, struct vcr_why *why); /* on a pool thread */
    void (*done)(struct pool_job *job); /* on the loop; see err and why. May free the job. */
    /* the result, set before done */
    enum vcr_err err;
    struct vcr_why why;
};

/* worker_open/worker_close (may be NULL) make what each thread keeps, such as a database connection; a failing open fails pool_open. */
struct pool_config {
    const char *name;  /* at most 12 characters */
    int threads;       /* 1..64 */
    int queue_max;     /* 1.. */
    enum vcr_err (*worker_open)(void **ret, void *ctx, struct vcr_why *why);
    void (*worker_close)(void *worker);
    void *ctx;
};
enum vcr_err pool_open(struct pool **ret, const struct pool_config *config, struct vcr_why *why);
enum vcr_err pool_submit(struct pool *p, struct pool_job *job, struct loop *loop, struct vcr_why *why);
/* Jobs waiting or running: for metrics. Any thread. */
int pool_load(struct pool *p);
/* Runs what is queued, then ends the threads. NULL is fine. */
void pool_close(struct pool **p);
