/* session/map.h - a tape's recordings and index marks as decks need them (deck/map.h): made once from what is kept, read-only from then on, shared by all decks with that tape.
 *
 * Threads  any; the references are counted.     Owns  its runs and marks. */
#pragma once
#include <stdatomic.h>

#include "deck/map.h"
#include "deck/timeline.h"

struct sessions;
struct session_map {
    atomic_int refs;
    int64_t revision;       /* of what is kept: a greater one is newer */
    struct deck_map map;    /* prepared; a blank tape's has no runs */
    struct timeline timeline; /* the same with what vcr-render needs: which stretch of which take shows */
    struct deck_run *runs;
    int64_t *marks_us;
};
/* With one reference. marks_us in order. VCR_E_INVALID: spans that overlap. */
enum vcr_err session_map_new(struct session_map **ret, const struct timeline *t, const int64_t *marks_us, size_t mark_count, int64_t revision, struct vcr_why *why);
struct session_map *session_map_ref(struct session_map *m);
void session_map_unref(struct session_map **m); /* sets it NULL; NULL is fine */
/* What lies on the tape, or its marks, are others now: every deck that has it in goes by m from now on, unless it knows a newer one. Takes a reference of its own. Any thread. */
void sessions_map_changed(struct sessions *s, int64_t tape_id, struct session_map *m);
