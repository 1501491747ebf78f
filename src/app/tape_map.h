/* app/tape_map.h - what decks must know of a tape: where it is recorded and its index marks, and being told when that changes. */
#pragma once
#include "app/app.h"
#include "session/map.h"

/* As the tables are in this transaction. Marks that nobody confirmed are no index signals. */
enum vcr_err app_tape_map(struct sql_tx *tx, int64_t tape_id, struct session_map **ret, struct vcr_why *why);
/* After the commit of anything that changed what plays where on a tape, or its marks: it is read anew, and the decks that have it in go by that. Any thread; does not wait. */
void app_tape_changed(const struct app *a, int64_t tape_id);
