/* deck/timeline.h - what plays where on a tape: spans over its takes, PURE.
 *
 * A take is one recording that was made on the tape (0: the film that it came with). A span shows a stretch of a take at a place of the tape; spans are in order and
 * never overlap, and what lies between them is unrecorded tape. Recording over a tape changes only what shows: cut spans still name their takes, so undoing it is
 * putting the former spans back.
 * Units    *_us: PLAY time, of the tape or of the take.     Threads  none.
 * Owns     its spans, in memory that grows: begin with a zeroed struct, end with timeline_free.     Bounds   TIMELINE_SPANS_MAX spans.
 * Cost     finding a place is a binary search; recording and undoing move what lies behind in one piece.
 * Errors   VCR_E_INVALID: an empty span or one outside the tape; VCR_E_TOO_LARGE: too many cuts; VCR_E_NOMEM. Nothing changed. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"

enum { TIMELINE_SPANS_MAX = 16384 };
/* No tape is longer: a T-240 in EP plays twelve hours. */
#define TIMELINE_MAX_US (INT64_C(1000) * 3600 * 1000000)

struct timeline_span {
    int64_t start_us, end_us;  /* on the tape */
    int64_t take;              /* 0: the film */
    int64_t take_start_us;     /* of the take, what shows at start_us */
    int64_t recorded_ms;       /* when start_us was recorded: since 1970, 0: not known */
    uint64_t seed;             /* of the damage */
    int32_t generation;        /* 0: from the source, 1: a copy of a tape, … */
    uint8_t speed;             /* 0 SP, 1 LP, 2 EP */
    bool is_over;              /* its recording began where another one lay, */
    int64_t over_us;           /* at this place of the tape */
    int64_t row;               /* the keeper's own number, kept by a span that is not touched; 0: new or changed */
};
struct timeline {
    size_t count, room;
    struct timeline_span *spans;
};
void timeline_free(struct timeline *t);
/* ret: a zeroed or freed one. */
enum vcr_err timeline_copy(struct timeline *ret, const struct timeline *t, struct vcr_why *why);

/* Adds one at the end, as when it is read from where it is kept. VCR_E_INVALID: it begins before the last one ends. */
enum vcr_err timeline_append(struct timeline *t, const struct timeline_span *s, struct vcr_why *why);

/* What one recording did: the spans that it touched, as they were, and its stretch. */
struct timeline_cut {
    int64_t start_us, end_us;
    struct timeline former;
};
/* Records s over whatever is there: spans below it go, those it touches are cut (their row becomes 0), one that it lies within becomes two.
 * cut (a zeroed one, may be NULL): takes what is needed to undo it; its former spans are the caller's to free. */
enum vcr_err timeline_record(struct timeline *t, const struct timeline_span *s, struct timeline_cut *cut, struct vcr_why *why);
/* Puts the former spans back. VCR_E_CONFLICT: something that was recorded since lies there, undo that first. */
enum vcr_err timeline_undo(struct timeline *t, const struct timeline_cut *cut, struct vcr_why *why);
/* The stretch of tape whose spans a recording changed: its own, and as far as those that it cut reached. */
void timeline_cut_stretch(const struct timeline_cut *cut, int64_t *ret_start_us, int64_t *ret_end_us);

/* The first span that ends behind this place: the one that plays there, or the next; t->count: none. */
size_t timeline_index(const struct timeline *t, int64_t at_us);
/* The span that plays at this place, NULL: unrecorded. */
const struct timeline_span *timeline_at(const struct timeline *t, int64_t at_us);
/* Where the last recording ends; 0: blank. */
static inline int64_t timeline_end_us(const struct timeline *t) { return t->count > 0 ? t->spans[t->count - 1].end_us : 0; }
