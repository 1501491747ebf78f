/* app/process_internal.h - what the files of the processing worker share; for app/process*.c only.
 *
 *   process.c      the workers: claim jobs, decide what becomes of each
 *   process_job.c  one job under way: its blobs, its child, the lines that it reports
 *   process_original.c  what a job reads, and whether it is still what came in
 *   process_tx.c   the transactions
 *   process_captions.c  captions found in the film
 *   process_bridge.c  a job that makes the bridges of a tape's timeline: many small children instead of one
 * Threads  a struct work belongs to its worker's thread; the rest of struct process_worker as its groups say. */
#pragma once
#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "app/process.h"
#include "store/queue.h"

enum { OUTPUTS = 17, OUTPUT_THUMB = 8, OUTPUT_STORY = 9, OUTPUT_CAPTIONS = 10, STALE_MAX = 4, KEY_BYTES = 96, LINE_BYTES = 128 << 10, ARGUMENTS_MAX = 8 };

struct process_thread {
    struct process_worker *w;
    char name[64];           /* of this worker in the queue */
    pthread_t thread;
};
struct process_worker {
    /* set by open, then read-only */
    struct process_config config;
    char *program;
    int thread_count;
    struct process_thread threads[PROCESS_WORKERS_MAX];
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop, woken, looking; /* looking: a thread looks for a job, or waits to look again; the others wait for their turn */
};

/* One job under way. */
struct work {
    struct process_worker *w;
    const char *worker;      /* as which the job is held */
    struct queue_job job;
    bool finish;             /* the job is of a recording: makes what the recorder did not */
    int64_t take_id;         /* of that recording, 0: the film */
    char original[2 * KEY_BYTES]; /* the blob that is read */
    /* The outputs: growing blobs, which outlive an attempt, so that the next one goes on; the poster is made anew each time. */
    int files[OUTPUTS];      /* -1: closed */
    struct blob_writer *thumb;
    double known_progress;   /* of the attempts before */
    uint64_t sizes[OUTPUTS];
    pid_t child;
    int report;              /* our end of the pipe */
    char line[LINE_BYTES];
    size_t line_len;
    double progress, speed;  /* speed: times real time, 0: not said */
    double said;             /* the progress that the child said last */
    bool rose;               /* since it was last looked at */
    char stage[32];
    double begun_progress;   /* the first that this attempt said, and when: what the rest takes is reckoned from there */
    int64_t begun_us;        /* 0: nothing said yet */
    json_t *result;          /* object, or NULL */
    char *error;             /* a sentence, or NULL */
    bool library;            /* the film stands in a library, not in the store */
    char sha256[65];         /* of the film that was brought, as the store has it; "" of none */
    char changed_from[65];   /* what it was when it came in, when that is another */
    bool lost;               /* the job is no longer ours, or the server stops */
    char stale[STALE_MAX][KEY_BYTES]; /* folders of the reels that were replaced */
    int stale_count;
};

/* ---- process.c ---- */
bool process_stopping(struct process_worker *w);

/* ---- process_job.c ---- */
/* The files that a child writes; reel: the kind that this file is of, or NULL, and the number of its track; its index is the next output. */
struct work_output {
    const char *name, *reel;
    int track;
};
extern const struct work_output work_outputs[OUTPUTS];
void work_key(const struct work *x, int output, char *out);   /* out: KEY_BYTES */
void work_original_key(const struct work *x, char *out);
const json_t *work_reel_of(const struct work *x, int output); /* what the result says of it, or NULL */
void work_error(struct work *x, const char *sentence);        /* the job is to fail with it */
enum vcr_err work_draw(struct work *x, struct vcr_why *why);  /* a demo's film; nothing for others */
enum vcr_err work_start(struct work *x, struct vcr_why *why); /* opens all and starts the child */
void work_watch(struct work *x);                              /* until the child has said all, or is to end */
/* It got further than those before it: then it was killed from outside, and does not count. */
bool work_advanced(const struct work *x);
void work_close(struct work *x);                              /* the outputs */
int work_reap(struct work *x);                                /* kills it if need be; its wait status */
bool work_result_holds(const struct work *x);
enum vcr_err work_commit(struct work *x, struct vcr_why *why);

/* ---- process_original.c ---- */
/* Opens what the job reads and compares its SHA-256 with the one under which it came in. One that is another fails the job (work_error); x->lost as in work_watch. */
enum vcr_err work_open_original(struct work *x, int *ret_fd, struct vcr_why *why);

/* ---- process_bridge.c: a whole job of kind "bridge" ---- */
bool work_is_bridge(const struct work *x);
void work_bridge(struct work *x);

/* ---- process_captions.c ---- */
/* Those that the result tells of take the place of those found before. */
enum vcr_err work_captions(struct sql_tx *tx, const struct work *x, struct vcr_why *why);

/* ---- process_tx.c: sql_fn, arg is the struct work ---- */
enum vcr_err work_claim(struct sql_tx *tx, void *arg, struct vcr_why *why);
enum vcr_err work_take_back(struct sql_tx *tx, void *arg, struct vcr_why *why); /* at start; no argument */
enum vcr_err work_renew(struct sql_tx *tx, void *arg, struct vcr_why *why);
enum vcr_err work_holds(struct sql_tx *tx, void *arg, struct vcr_why *why); /* reads only: VCR_E_CONFLICT when the job is no longer ours */
enum vcr_err work_again(struct sql_tx *tx, void *arg, struct vcr_why *why); /* after a while when the attempt counts, else at once */
enum vcr_err work_failed(struct sql_tx *tx, void *arg, struct vcr_why *why);
enum vcr_err work_done(struct sql_tx *tx, void *arg, struct vcr_why *why);
enum vcr_err work_find_job(struct sql_tx *tx, void *arg, struct vcr_why *why);   /* VCR_E_END: it waits and runs no more */
enum vcr_err work_find_reels(struct sql_tx *tx, void *arg, struct vcr_why *why); /* VCR_E_END: the tape has none */
