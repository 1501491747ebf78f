/* app/wear.h - how tapes wear: each APP_WEAR_PASSES times that a whole tape passes the heads (play, slow, cue and review, recording) add a sixteenth, so that one is worn
 * out after 256 passes. Sixteenths go from 0 to 16; what has passed since the last one is kept in tapes.worn_us. */
#pragma once
#include "app/app.h"

enum { APP_WEAR_MAX_16 = 16, APP_WEAR_PASSES = 16 };
struct app_wear { int32_t wear_16; int64_t worn_us; };
/* After passed_us more of a tape of that length. A tape without a length does not wear. PURE. */
struct app_wear app_wear_after(struct app_wear w, int64_t length_us, int64_t passed_us);
/* Inside a WRITE transaction; of a tape that is no more: nothing. */
enum vcr_err app_tape_wear(struct sql_tx *tx, int64_t tape_id, int64_t passed_us, struct vcr_why *why);
/* For struct sessions_config: submits a write and returns. Any thread. */
void app_tape_worn(struct sql_db *db, int64_t tape_id, int64_t passed_us);
