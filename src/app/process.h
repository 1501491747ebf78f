/* app/process.h - the worker: takes `process` and `demo` jobs from the queue and has vcr-ingest do them.
 *
 * A job's life: claimed (SQL) -> files opened (file pool) -> vcr-ingest runs in its sandbox with every file as a descriptor -> blobs committed (file pool) -> reels, tape and
 * job written in one transaction (SQL). A crash of vcr-ingest is tried again (QUEUE_ATTEMPTS_MAX); a file that cannot be processed ends its job with the sentence that vcr-ingest gave.
 * Threads  everything runs on the loop given (process_open and process_close too, the latter while the loop does not run); SQL and files on their pools.
 * Bounds   `slots` jobs at once; 64 KiB a report line; killed after 60 s without progress; a lease renewed each second. */
#pragma once
#include "app/app.h"
#include "base/loop.h"

struct process;
struct process_config {
    struct app *app;
    struct loop *loop;
    const char *ingest_program; /* path of vcr-ingest */
    int slots;                  /* jobs at once; 0: one for every two cores, at least one */
};
/* Jobs that a killed server left running go back to the queue. */
enum vcr_err process_open(struct process **ret, const struct process_config *config, struct vcr_why *why);
/* Kills what runs; its jobs go back to the queue without counting as an attempt. NULL is fine. */
void process_close(struct process **p);
