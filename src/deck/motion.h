/* deck/motion.h - how the mechanism moves: inside src/deck only. Each function acts at time t, which deck_tick has already reached, and bumps nothing:
 * whoever calls counts the change (deck_changed). */
#pragma once
#include "deck/deck.h"

/* deck.event: what the mechanism does next by itself. */
enum deck_event {
    DECK_EV_NONE, DECK_EV_LOADED, DECK_EV_EJECTED, DECK_EV_THREADED, DECK_EV_WIND, DECK_EV_BRAKED, DECK_EV_STEPPED, DECK_EV_END, DECK_EV_START,
    DECK_EV_RECORDS /* backed up and run in */
};
enum { DECK_PLAY_RATE = 65536 };

static inline bool deck_is_winding(const struct deck *d)
{
    return d->snap.mode == DECK_FAST_FORWARD || d->snap.mode == DECK_REWIND || d->snap.mode == DECK_INDEX_SEARCH;
}
static inline bool deck_is_braking(const struct deck *d) { return d->event == DECK_EV_BRAKED; }
static inline bool deck_is_threading(const struct deck *d) { return d->event == DECK_EV_THREADED; }
static inline bool deck_is_pending(const struct deck *d, enum deck_cmd cmd) { return d->pending == cmd + 1; }
static inline int64_t deck_div_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* motion.c: the tape at the heads */
void deck_arm(struct deck *d, enum deck_event event, int64_t at_us);
/* From t on the tape moves like this. */
void deck_move(struct deck *d, int64_t t, int32_t rate_from, int32_t rate, int64_t ramp_us);
void deck_set_mode(struct deck *d, enum deck_mode mode);
/* Rests the mechanism in a mode without a picture from the tape (off, ejected, stop, loading, ejecting, fault). */
void deck_rest(struct deck *d, enum deck_mode mode, int64_t t);
/* The tape leaves the heads: no lock, no edge, no picture from there. */
void deck_leave_heads(struct deck *d);
/* Brings the tape to the heads, if it is not there, and moves it as the mode says (play, pause, slow, cue, review, record, record pause). relock_us: how long
 * the servo needs when the tape is already at the heads. */
void deck_engage(struct deck *d, enum deck_mode mode, int64_t relock_us, int64_t t);
/* The rate of a mode with the tape at the heads, and what it runs into; stand still time-outs begin anew with deck_run. */
void deck_run(struct deck *d, int64_t t);
void deck_run_on(struct deck *d, int64_t t);
/* Moves by frames at play speed in pause, however many steps are already under way. */
void deck_step(struct deck *d, int frames, int64_t t);

/* tape.c: what lies where, and the counter */
struct deck_place deck_place_at(const struct deck *d, int64_t at_us, bool backward);
int64_t deck_counted_us(const struct deck *d, int64_t at_us);
/* Where a wind in this direction meets the counter's zero. False: it does not. */
bool deck_zero_ahead(const struct deck *d, int64_t from_us, int direction, int64_t *ret_us);
/* Gives the snapshot the stretch in which its counter runs. */
void deck_count_from(struct deck *d, const struct deck_place *place);
void deck_count_here(struct deck *d, int64_t t);
/* The count-th mark in this direction, none of those within 1.5 s. */
bool deck_mark_ahead(const struct deck *d, int64_t from_us, int32_t count, int64_t *ret_us);

/* wind.c */
void deck_wind(struct deck *d, enum deck_mode mode, int direction, int64_t t);
void deck_wind_step(struct deck *d, int64_t t);
/* While the display shows the counter of a wind over blank tape, it is brought up to date now and then. */
void deck_count_due(struct deck *d, int64_t t);
void deck_brake(struct deck *d, int64_t t);
/* Looks anew where a wind is to end: after the counter, the memory switch or the number of marks to go changed. */
void deck_wind_plan(struct deck *d, int64_t t);

/* event.c: what follows what */
/* Does what d->pending asks for (a DECK_CMD_*) as soon as the reels stand still; brakes first when they turn. */
void deck_do_when_still(struct deck *d, enum deck_cmd cmd, int64_t t);
void deck_perform(struct deck *d, enum deck_cmd cmd, int64_t t);
void deck_wind_arrived(struct deck *d, int64_t t);
/* Stop key and stopping rules. reason: NULL for a key. */
void deck_stop(struct deck *d, const char *reason, int64_t t);
/* The event d->event happened at t. */
void deck_event_happened(struct deck *d, int64_t t);

/* record.c */
void deck_record_begin(struct deck *d, int64_t t);
/* reason: static storage. Does nothing when nothing is recorded. */
void deck_record_end(struct deck *d, const char *reason, int64_t t);
void deck_write_mark(struct deck *d, int64_t t);

/* state.c: puts the rows of the character generator into the snapshot. */
void deck_write_osd(struct deck *d);
/* deck.c: the change is complete: next sequence number. */
void deck_changed(struct deck *d);
