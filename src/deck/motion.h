/* deck/motion.h - how the mechanism moves: inside src/deck only. Each function acts at time t, which deck_tick has already reached, and bumps nothing:
 * whoever calls counts the change (deck_changed). */
#pragma once
#include "deck/deck.h"

/* deck.event: what the mechanism does next by itself. */
enum deck_event { DECK_EV_NONE, DECK_EV_LOADED, DECK_EV_EJECTED, DECK_EV_THREADED, DECK_EV_WIND, DECK_EV_BRAKED, DECK_EV_STEPPED, DECK_EV_END, DECK_EV_START };

static inline bool deck_is_winding(const struct deck *d) { return d->snap.mode == DECK_FAST_FORWARD || d->snap.mode == DECK_REWIND; }
static inline bool deck_is_braking(const struct deck *d) { return d->event == DECK_EV_BRAKED; }
static inline bool deck_is_threading(const struct deck *d) { return d->event == DECK_EV_THREADED; }

/* Rests the mechanism in a mode without a picture from the tape (off, ejected, stop, loading, ejecting). */
void deck_rest(struct deck *d, enum deck_mode mode, int64_t t);
/* Brings the tape to the heads, if it is not there, and moves it as the mode says (play, pause, slow, cue, review). relock_us: how long the servo needs
 * when the tape is already at the heads. */
void deck_engage(struct deck *d, enum deck_mode mode, int64_t relock_us, int64_t t);
/* Moves by frames at play speed in pause, however many steps are already under way. */
void deck_step(struct deck *d, int frames, int64_t t);
/* Does what d->pending asks for (a DECK_CMD_*) as soon as the reels stand still; brakes first when they turn. */
void deck_do_when_still(struct deck *d, enum deck_cmd cmd, int64_t t);
/* Stop key and stopping rules. reason: NULL for a key. */
void deck_stop(struct deck *d, const char *reason, int64_t t);
/* Looks anew where a wind is to end: after the counter or the memory switch changed. */
void deck_rewind_plan(struct deck *d, int64_t t);
/* The event d->event happened at t. */
void deck_event_happened(struct deck *d, int64_t t);

/* state.c: puts the rows of the character generator into the snapshot. */
void deck_write_osd(struct deck *d);
/* deck.c: the change is complete: next sequence number. */
void deck_changed(struct deck *d);
