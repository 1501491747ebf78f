/* session/maker_internal.h - the maker's parts: maker_ask.c (who wants what), maker.c (what is made next), maker_job.c (what becomes of it), maker_life.c (one life of a process).
 * All of it on the maker's loop, unless it says otherwise. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "session/maker.h"

enum { MAKER_LIVES_MAX = 16, MAKER_TRIES_MAX = 2, MAKER_ROOM_BYTES = 64 << 20 /* made when the storage is full */ };
enum maker_state { MAKER_QUEUED, MAKER_RUNNING, MAKER_KEEPING /* it is made, and being written down */ };

struct maker_ticket {
    /* set by ask, then read-only */
    struct maker *maker;
    struct loop *loop;
    maker_done done;
    void *arg;
    struct loop_msg there, back, leaving;
    atomic_int refs;                /* the answer's, and one of maker_leave */
    bool left;                      /* the asker's loop's own */
    /* the maker's loop's own */
    struct maker_want want;         /* until the maker took it */
    struct maker_ticket *next;
    struct maker_job *job;          /* NULL: answered */
    int64_t asked_us;
    /* the answer */
    enum vcr_err err;
    struct vcr_why why;
    int fd;
    uint64_t size;
};

struct maker_job {
    struct maker_job *next;
    uint32_t number;
    struct maker_want want;
    enum maker_state state;
    struct maker_ticket *tickets;   /* who waits for it; NULL: made ahead */
    bool is_ahead;                  /* wanted without anybody waiting */
    bool cancelled;                 /* its maker was told */
    int64_t asked_us;
    int tries;
    struct segment_writer *writer;
    struct maker_life *life;        /* RUNNING */
    uv_work_t keeping;
    atomic_bool given, kept;        /* hand the writer and the four below over and back: libuv's own lock is one that ThreadSanitizer does not see */
    enum vcr_err kept_err;
    struct vcr_why kept_why;
    int kept_fd;
    uint64_t kept_size;
};

struct maker {
    struct maker_config config;
    char *program;
    struct loop *loop;
    uv_timer_t tick;
    struct maker_job *jobs, **last; /* in the order in which they were asked for */
    struct maker_life *lives[MAKER_LIVES_MAX];
    int lives_max;
    uint32_t next_number;
    int64_t start_again_us;         /* not before: the last process lived too short */
    struct { char key[SEGMENT_KEY_BYTES]; int64_t until_us; } hopeless[16]; /* what failed just now */
    unsigned hopeless_next;
    int open_handles, keeping;
    bool closing;
    pthread_mutex_t counts_lock;    /* guards counts */
    struct maker_counts counts;
};

/* maker_ask.c: the ticket is off its job's list; it is told on its own loop. fd, size (or err, why) are filled in. */
void maker_answer(struct maker_ticket *t);
void maker_refuse(struct maker_ticket *t, enum vcr_err err, const char *text);

/* maker.c */
void maker_work(struct maker *m); /* begins what can be begun */

/* maker_job.c */
void maker_count(struct maker *m, uint64_t *which, uint64_t n); /* one of m->counts */
struct maker_want maker_want_take(struct maker_want *w); /* with its descriptors */
struct maker_job *maker_job_find(struct maker *m, const char *key);
struct maker_job *maker_job_new(struct maker *m, struct maker_want *want); /* takes the descriptors */
void maker_job_free(struct maker *m, struct maker_job *j);  /* nobody waits for it and no process has it */
void maker_job_leave(struct maker *m, struct maker_job *j); /* back into the queue, or gone when nobody wants it */
void maker_job_fail(struct maker *m, struct maker_job *j, enum vcr_err err, const char *text); /* who waits is told; it is freed */
void maker_job_give_up(struct maker *m, struct maker_job *j, const char *text); /* the same, and it is not tried again for a while */
void maker_job_done(struct maker *m, struct maker_job *j, const struct make_done *done); /* what its life tells */
bool maker_hopeless(struct maker *m, const char *key, int64_t now_us); /* it failed a moment ago */

/* maker.c: what a life tells. job: the one it had, or NULL. */
void maker_life_ready(struct maker *m);
void maker_life_over(struct maker *m, struct maker_life *l, struct maker_job *job, int64_t lived_us);
void maker_handle_closed(struct maker *m);

/* maker_life.c */
struct maker_life *maker_life_start(struct maker *m, struct vcr_why *why);
bool maker_life_is_idle(const struct maker_life *l);
/* False: it takes nothing; it is being ended. */
bool maker_life_give(struct maker_life *l, struct maker_job *job);
void maker_life_cancel(struct maker_life *l);
/* Once in a while: ends it when it has been silent, or idle, for too long. */
void maker_life_check(struct maker_life *l, int64_t now_us);
void maker_life_kill(struct maker_life *l, const char *reason);
