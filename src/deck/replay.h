/* deck/replay.h - a session's event log, one line a command or a tap on the deck, and running it again. PURE.
 *
 * A line is "<time_us> <what> <name>=<number> …", what being "start", a command of api.md with its arguments, or a tap: input, fault, recover, rule, tick, and run,
 * mark, keep_runs, keep_marks, map, which tell the tape's recordings (all runs and marks of a new map in order, then map; keep_ names those of the map before it).
 * Numbers are whole, times in microseconds, rates in 16.16, texts only a-z 0-9 _ -. The same log gives the same trace, however often the deck is ticked between its lines: deck_trace is the digest to compare.
 * Bounds   a line DECK_LINE_MAX bytes with its end; between two lines DECK_GAP_MAX_US; runs and marks what the caller has room for.
 * Threads  none.     Errors   VCR_E_MALFORMED: no line of a log; VCR_E_TOO_LARGE: more runs or marks than there is room for. The deck is as before. */
#pragma once
#include <stddef.h>

#include "deck/deck.h"

enum { DECK_LINE_MAX = 1400, DECK_REASON_BYTES = 24 };
#define DECK_GAP_MAX_US (INT64_C(7) * 86400 * 1000000)
#define DECK_TIME_MAX_US (INT64_C(1) << 60)

struct deck_tap {
    int64_t at_us;
    enum deck_tap_kind {
        DECK_TAP_COMMAND, DECK_TAP_START, DECK_TAP_INPUT, DECK_TAP_FAULT, DECK_TAP_RECOVER, DECK_TAP_RULE, DECK_TAP_TICK, DECK_TAP_RUN, DECK_TAP_MARK, DECK_TAP_MAP,
        DECK_TAP_KEEP_RUNS, DECK_TAP_KEEP_MARKS,
        DECK_TAPS
    } kind;
    enum deck_cmd cmd;            /* command */
    struct deck_args args;        /* command; args.tape.map only says whether there is one */
    char profile[DECK_REASON_BYTES]; /* start */
    struct deck_settings settings; /* start */
    char reason[DECK_REASON_BYTES]; /* fault, rule */
    bool on;                      /* input; map: false: what is recorded is not known */
    struct deck_run run;          /* run */
    int64_t mark_us;              /* mark */
    int32_t first, count;         /* keep_runs, keep_marks: which of the deck's present map are in the new one, too */
};
/* Writes the line without its end; what the kind does not need is left out. Returns its length, < room. */
size_t deck_tap_write(const struct deck_tap *tap, char *line, size_t room);
enum vcr_err deck_tap_read(struct deck_tap *ret, const char *line, size_t bytes, struct vcr_why *why);

struct deck_replay {
    struct deck deck;
    bool started;
    int64_t now_us;
    uint64_t trace;
    /* the maps told so far: one that the deck has, one that is being told */
    struct deck_map map[2];
    struct deck_run *runs[2];
    int64_t *marks_us[2];
    size_t runs_max, marks_max, run_count, mark_count;
    int told;                     /* index of the one being told */
    char reason[2][DECK_REASON_BYTES];
};
/* runs and marks: room for two maps of runs_max and marks_max each; they stay the caller's, used until it has done with the replay. */
void deck_replay_init(struct deck_replay *r, struct deck_run *runs, size_t runs_max, int64_t *marks_us, size_t marks_max);
/* Runs one line; a command that the deck refuses is part of the trace, not an error. */
enum vcr_err deck_replay_line(struct deck_replay *r, const char *line, size_t bytes, struct vcr_why *why);
enum vcr_err deck_replay_tap(struct deck_replay *r, const struct deck_tap *tap, struct vcr_why *why);
/* Mixes what the deck is and does at now_us into a digest (at first 0). */
uint64_t deck_trace(uint64_t digest, const struct deck *d, int64_t now_us);
