/* app/process_internal.h - shared by process.c (slots, children) and process_store.c (their files and rows). */
#pragma once
#include <jansson.h>

#include "app/process.h"
#include "base/buf.h"

enum process_output {
    OUT_CLEAN, OUT_CLEAN_INDEX, OUT_AUDIO, OUT_AUDIO_INDEX, OUT_OPUS, OUT_OPUS_INDEX, OUT_TAPE, OUT_TAPE_INDEX, OUT_THUMB, OUT_COUNT
};
enum process_phase {
    PHASE_IDLE,     /* nothing, or asking the queue */
    PHASE_OPENING,  /* files */
    PHASE_RUNNING,  /* vcr-ingest */
    PHASE_KEEPING,  /* blobs, then rows */
};
/* How an attempt ended. */
enum process_end { END_DONE, END_FAILED /* with a sentence */, END_AGAIN /* crashed: try again */, END_RELEASED /* the server stops */, END_LOST /* cancelled, or another's */ };

struct slot {
    /* set by open, then read-only */
    struct process *process;
    char worker[64];             /* its name in the queue */
    /* the loop's own, lent to a pool thread while busy */
    enum process_phase phase;
    bool busy;                   /* a pool has sql or files */
    bool job_waits;              /* what looking into the queue found */
    bool renewing;
    struct sql_job sql, renew;
    struct pool_job files;
    struct queue_job job;
    char demo[32];               /* the demo film still to be drawn, "" for none */
    int original_fd;
    struct blob_writer *original;/* of a demo film */
    struct blob_writer *out[OUT_COUNT];
    char stale_prefixes[8][200]; /* blobs that the new reels replaced */
    int stale_count;
    /* the child */
    uv_process_t child;
    uv_pipe_t report;
    int open_handles;            /* of child and report; 0: it is over */
    bool child_runs, stalled;
    int exit_status, term_signal;
    struct buf line;
    json_t *result;
    char error[240];
    double progress, renewed_progress;
    char stage[32];
    int64_t heard_us, renewed_us;
    enum process_end end;
};

struct process {
    struct app *app;
    struct loop *loop;
    char *ingest_program;
    uv_timer_t timer;
    bool timer_open, closing;
    int slot_count;
    struct slot *slots;
    int wait_ticks; /* until the queue is asked again */
};

/* ---- process_store.c: what runs on pools; each returns as a pool's work does ---- */
enum vcr_err slot_claim(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why);
enum vcr_err slot_open_files(struct pool_job *job, void *worker, struct vcr_why *why);
enum vcr_err slot_keep_original(struct pool_job *job, void *worker, struct vcr_why *why);
enum vcr_err slot_keep_files(struct pool_job *job, void *worker, struct vcr_why *why);
enum vcr_err slot_finish(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why);
enum vcr_err slot_renew(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why);
enum vcr_err slot_clean_up(struct pool_job *job, void *worker, struct vcr_why *why);
/* Closes writers and descriptors that are still open (blobs not committed leave no bytes). Any thread that has the slot. */
void slot_drop_files(struct slot *s);
