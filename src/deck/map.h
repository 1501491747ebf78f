/* deck/map.h - what the deck needs to know of a tape's recordings: where there is a control track, at which speed, and where the index marks are. PURE.
 *
 * The caller owns runs and marks and keeps them still while a deck has them; every change is told by deck_map_changed. Tape that no run covers is blank.
 * Units    *_us: PLAY time from the start of the tape.     Threads  none.     Bounds  none: every look-up is a binary search.
 * Errors   VCR_E_INVALID: runs that overlap, are empty, or are out of order. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"

struct deck_run {
    /* the caller's */
    int64_t start_us, end_us;
    int64_t take;              /* both opaque here */
    uint64_t seed;
    uint8_t speed;             /* 0 SP, 1 LP, 2 EP */
    bool recorded;             /* false: as if the run were not there */
    bool missing;              /* recorded, but its film cannot be read: snow and a flag */
    /* deck_map_prepare's */
    int64_t counted_us;        /* recorded tape before start_us: what the counter has counted from the start of the tape to here */
    int64_t from_us, to_us;    /* the stretch of neighbours that play alike, this run included */
};
struct deck_map {
    const struct deck_run *runs; /* in order, prepared */
    size_t run_count;
    const int64_t *marks_us;     /* in order */
    size_t mark_count;
};

/* Fills the prepared members, in one pass: once after the runs were set or changed. */
enum vcr_err deck_map_prepare(struct deck_run *runs, size_t count, struct vcr_why *why);
/* Recorded tape between the start and this place. */
int64_t deck_map_counted_us(const struct deck_map *map, int64_t at_us);

/* A stretch of tape that plays alike: from_us <= place < to_us. */
struct deck_place {
    int64_t from_us, to_us;
    int64_t counted_us;        /* recorded tape before from_us */
    uint8_t speed;             /* of a recorded one */
    bool recorded, missing;
};
/* What is at the heads there. backward: the tape moves towards its start, so that an edge belongs to what lies before it (from_us < place <= to_us). */
struct deck_place deck_map_place(const struct deck_map *map, int64_t length_us, int64_t at_us, bool backward);
/* The first mark behind (backward: before) this place, not at it. False: there is none. */
bool deck_map_mark(const struct deck_map *map, int64_t at_us, bool backward, int64_t *ret_us);
