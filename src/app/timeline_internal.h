/* app/timeline_internal.h - the rows of spans, for the parts of app/timeline.h: timeline.c reads and writes them, record.c changes what shows. Inside the transaction given. */
#pragma once
#include "app/timeline.h"

#define SPAN_COLUMNS "tape_start_us, tape_end_us, take_id, reel_start_us, speed, generation, seed, recorded_at"
enum { PAYLOAD_MAX = 1 << 20 };

/* All of a film as it is before anything was recorded onto it; end_us 0: there is none. */
enum vcr_err span_film(struct sql_tx *tx, int64_t tape_id, struct timeline_span *ret, struct vcr_why *why);
/* Where the recording began that a row of `spans` (or what is called so) shows, if another one lay there; -1: over nothing, or not known. */
#define SPAN_OVER(spans)                                                                                                                                  \
    "COALESCE((SELECT MIN(o.start_us) FROM recordings o JOIN former_spans f ON f.history_id = o.history_id WHERE o.take_id = " spans ".take_id"             \
    " AND o.start_us <= " spans ".tape_start_us AND o.end_us > " spans ".tape_start_us AND f.tape_start_us <= o.start_us AND f.tape_end_us > o.start_us), -1)"
#define SPAN_OVER_NOT_ASKED "CAST(-1 AS BIGINT)"
/* A query for "<number>, " SPAN_COLUMNS ", " SPAN_OVER in the order of the tape. */
enum vcr_err span_rows(struct sql_tx *tx, const char *text, const struct sql_val *vals, size_t n, struct timeline *ret, struct vcr_why *why);
enum vcr_err span_add(struct sql_tx *tx, int64_t tape_id, const struct timeline_span *s, struct vcr_why *why);
/* Those that share tape with [start_us, end_us). */
enum vcr_err spans_touched(struct sql_tx *tx, int64_t tape_id, int64_t start_us, int64_t end_us, struct timeline *ret, struct vcr_why *why);
enum vcr_err spans_delete(struct sql_tx *tx, int64_t tape_id, int64_t start_us, int64_t end_us, struct vcr_why *why);
/* Copies of those that share tape with it are kept beside the item; and put back from there, which then holds none. */
enum vcr_err spans_put_by(struct sql_tx *tx, int64_t tape_id, int64_t item, int64_t start_us, int64_t end_us, struct vcr_why *why);
enum vcr_err spans_take_back(struct sql_tx *tx, int64_t tape_id, int64_t item, struct vcr_why *why);
enum vcr_err spans_count(struct sql_tx *tx, int64_t tape_id, int64_t *ret, struct vcr_why *why);
/* Where the last ends; 0: there is none. A look at one row, counting is one at each. */
enum vcr_err spans_end(struct sql_tx *tx, int64_t tape_id, int64_t *ret_us, struct vcr_why *why);
/* What the tape is now: as long as what shows on it, and ready; blank, when nothing was brought and nothing shows. */
enum vcr_err tape_shows(struct sql_tx *tx, int64_t tape_id, int64_t now_ms, struct vcr_why *why);
/* gone: rows that are no more. */
enum vcr_err spans_ask_bridges(struct sql_tx *tx, int64_t tape_id, const struct timeline *gone, int64_t now_ms, struct vcr_why *why);

/* Makes the AAC of this tape's takes that have Opus alone. VCR_E_BUSY: told not to keep on. */
enum vcr_err app_take_sounds(const struct app_bridges *b, int64_t tape_id, struct vcr_why *why);

void span_reel_json(struct jsonw *j, int64_t take);
/* The first APP_SPANS_TOLD of them as an array. */
void spans_told_json(struct jsonw *j, const char *key, const struct timeline *t);
