/* app/deck_recordings.h - recordings onto tapes that are in decks: a take's row and files when a deck begins one, and the tape's timeline changed when they are sealed.
 *
 * Way of one: the session asks (app_deck_take) -> its row (transaction) -> its files (file pool) -> session_take_files -> a recorder's thread seals them, and in
 * one transaction its reels are the tape's and it shows at its place -> every deck with that tape plays by the new timeline. A killed server finds the row at its
 * next start, and what is whole of the files.
 * Threads  app_deck_take, app_deck_mark: any, they only submit. The rest blocks. */
#pragma once
#include "app/app.h"
#include "session/session.h"

/* For struct sessions_config. */
void app_deck_take(const struct app *a, const struct session_take *t);
void app_deck_mark(const struct app *a, const char *session_id, int64_t tape_id, uint64_t take_number, int64_t position_us);
/* At start, before anybody asks and before app_record_recover: takes that a kill or a power cut broke off show with what was on the disk. */
enum vcr_err app_deck_record_recover(const struct app *a, struct vcr_why *why);
