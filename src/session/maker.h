/* session/maker.h - segments made on demand: a bounded pool of `vcr-render --make` processes in front of the files that they make (store/segments.h).
 *
 * Who asks for a segment that is not there waits while it is made; all who ask for the same one share the work. What somebody waits for comes before what is made ahead of a
 * player, and a job that nobody wants any more is left. Processes start when there is something to do and end when there was nothing for a minute; one that dies or hangs is
 * replaced and its segment made by the next one. Live pictures come first: while some are late no segment is begun, but one at a time for who has waited long.
 * Threads  any thread may ask; call-backs come on the loop given. The rest happens on the maker's own loop.
 * Bounds   MAKER_WAITED_MAX segments under way and asked for (VCR_E_BUSY beyond), MAKER_AHEAD_MAX ahead (the oldest is dropped); an asker waits wait_us at most (VCR_E_BUSY). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/why.h"
#include "store/segments.h"
#include "wire/make_msg.h"

enum { MAKER_WAITED_MAX = 64, MAKER_AHEAD_MAX = 16 };
struct maker;
struct maker_config {
    struct segments *segments;      /* stays the caller's, open longer than the maker */
    const char *render_program;     /* path of vcr-render */
    int processes;                  /* 0: one a core but one, at least one */
    bool (*live_is_late)(void *arg); /* NULL: never. On the maker's loop; must not block */
    void *arg;
    /* Zero: the house's rules. For tests. */
    int64_t wait_us;                /* 9 s: players give up at ten */
    int64_t silence_us;             /* 10 s: a process that says nothing for so long is replaced */
    int64_t patience_us;            /* 4 s: who waited so long gets a segment even while live pictures are late */
    int64_t idle_us;                /* 60 s */
};
enum vcr_err maker_open(struct maker **ret, const struct maker_config *config, struct vcr_why *why);
/* Who still waits is told VCR_E_BUSY. NULL is fine. */
void maker_close(struct maker **m);

/* One segment. The descriptors are owned by the callee from the call on; -1: none. */
struct maker_want {
    char key[SEGMENT_KEY_BYTES];
    struct make_job job;            /* but for its head */
    int reel_fd, index_fd;          /* of a job without parts */
    int part_fds[2 * MAKE_REELS_MAX]; /* of one with parts: job.reel_count reels, each with its index */
};
void maker_want_close(struct maker_want *w);
/* On VCR_OK fd is the receiver's. VCR_E_BUSY: not in time; VCR_E_INTERNAL: it cannot be made. */
typedef void (*maker_done)(void *arg, enum vcr_err err, const struct vcr_why *why, int fd, uint64_t size);
struct maker_ticket;
/* done is called once on loop, unless maker_leave was called before. */
struct maker_ticket *maker_ask(struct maker *m, struct maker_want *want, struct loop *loop, maker_done done, void *arg);
/* On the ticket's loop, and only before done was called: the asker doesn't want it any more. */
void maker_leave(struct maker_ticket *t);
/* To be made when nobody waits for anything. */
void maker_ahead(struct maker *m, struct maker_want *want);

struct maker_counts {
    int processes, waiting, ahead;
    uint64_t made, failed, left, restarts, cpu_us; /* left: begun, and not wanted any more */
};
void maker_counts(struct maker *m, struct maker_counts *ret); /* any thread */
