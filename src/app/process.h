/* app/process.h - the workers that turn uploads into tapes that play: they claim `process` jobs (and `demo` jobs, whose film is drawn first) and run
 * vcr-ingest for each.
 *
 * Each has a thread of its own, since blobs and children block; one job at a time each. The child gets descriptors only; what it reports is bounded and checked. One that
 * says nothing for a minute or whose job was cancelled is killed; one that dies is tried again after a while, up to QUEUE_ATTEMPTS_MAX times, then the tape fails with a
 * sentence. A tape that has reels keeps them, and stays watchable, until a job has made others.
 * Threads  process_open and process_close from one thread; process_wake from any. */
#pragma once
#include "base/why.h"
#include "store/blob.h"
#include "store/outside.h"
#include "store/sql.h"

enum { PROCESS_WORKERS_MAX = 64 };
struct process_worker;
struct process_config {
    struct sql_db *db;             /* all three stay the caller's and outlive the workers */
    struct blob_store *blobs;
    const struct outside_roots *libraries; /* NULL: none; the caller's, too */
    const char *program;           /* path of vcr-ingest */
    int silence_ms;                /* 0: 60 000 without progress */
    int workers;                   /* 0: one a core but one, at least 1 */
    int retry_ms;                  /* about how long a job waits after its first attempt that broke off; 0: 2000 */
};
/* With SQLite, jobs that a killed server left running go back to the queue first. */
enum vcr_err process_open(struct process_worker **ret, const struct process_config *config, struct vcr_why *why);
/* There may be a new job: otherwise they look twice a second. */
void process_wake(struct process_worker *w);
/* Kills the running children; their jobs go back to the queue and the attempts do not count. NULL is fine. */
void process_close(struct process_worker **w);
