/* app/process.h - the worker that turns uploads into tapes that play: claims `process` jobs (and `demo` jobs, whose film is drawn first) and runs
 * vcr-ingest for each.
 *
 * It has a thread of its own, since blobs and children block; one job at a time. The child gets descriptors only; what it reports is bounded and checked. One that
 * says nothing for a minute or whose job was cancelled is killed; one that dies is tried again up to QUEUE_ATTEMPTS_MAX times, then the tape fails with a sentence.
 * Threads  process_open and process_close from one thread; process_wake from any. */
#pragma once
#include "base/why.h"
#include "store/blob.h"
#include "store/sql.h"

struct process_worker;
struct process_config {
    struct sql_db *db;             /* all three stay the caller's and outlive the worker */
    struct blob_store *blobs;
    const char *program;           /* path of vcr-ingest */
    int silence_ms;                /* 0: 60 000 without progress */
};
/* With SQLite, jobs that a killed server left running go back to the queue first. */
enum vcr_err process_open(struct process_worker **ret, const struct process_config *config, struct vcr_why *why);
/* There may be a new job: otherwise it looks twice a second. */
void process_wake(struct process_worker *w);
/* Kills a running child; its job goes back to the queue and the attempt does not count. NULL is fine. */
void process_close(struct process_worker **w);
