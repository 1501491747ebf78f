/* deck/keys.h - what pressing a key can mean: the entries of the table in keys.c. Each acts at time t, to which the deck has been run, and either does its work
 * or refuses with nothing changed. */
#pragma once
#include "deck/motion.h"

typedef enum vcr_err deck_key_fn(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why);

/* command.c: keys that move the tape */
deck_key_fn key_power, key_insert, key_eject, key_play, key_play_later, key_play_in_rewind, key_still, key_stop, key_forget_pending, key_unthread;
deck_key_fn key_cue, key_review, key_search_on, key_search_back, key_peek_on, key_peek_back, key_release, key_rewind, key_fast_forward, key_seek;
deck_key_fn key_slow, key_frame_advance, key_frame_back, key_index_next, key_index_previous;
/* switch.c: keys that do not, and those of the recording */
deck_key_fn key_counter_reset, key_memory, key_repeat, key_tracking, key_tape_speed, key_look, key_sleep;
deck_key_fn key_record, key_record_longer, key_record_on, key_record_pause, key_mark;
