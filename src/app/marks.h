/* app/marks.h - index marks: places on a tape that somebody set, and those that processing proposes until somebody confirms them.
 *
 * Who sees the tape sees its marks; its owner sets them. Each change stands in the tape's history (`marked`). Threads: inside the transaction given. */
#pragma once
#include <jansson.h>

#include "app/app.h"
#include "wire/json.h"

enum { APP_MARKS_MAX = 1000, APP_MARK_TITLE_BYTES = 255 * 4 + 1 };
struct app_mark {
    int64_t id, position_us;
    char title[APP_MARK_TITLE_BYTES], source[9]; /* user, scene, gap, date */
    bool confirmed;
};
void app_mark_json(const struct app_mark *m, const char *key, struct jsonw *j);
/* Writes items in the order of the tape. */
enum vcr_err app_mark_list(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, struct jsonw *j, struct vcr_why *why);
/* A mark of the owner's. VCR_E_INVALID "/position": beyond the end of the tape; CONFLICT "/too-many-marks". */
enum vcr_err app_mark_add(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, int64_t position_us, const char *title, int64_t now_ms,
                          struct app_mark *ret, struct vcr_why *why);
/* What is to change: NULL stays. */
struct app_mark_change { const int64_t *position_us; const char *title; const bool *confirmed; };
enum vcr_err app_mark_edit(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, int64_t id, const struct app_mark_change *change, int64_t now_ms,
                           struct app_mark *ret, struct vcr_why *why);
enum vcr_err app_mark_remove(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, int64_t id, int64_t now_ms, struct vcr_why *why);
/* An index mark that a recording writes: at its beginning, or where the key was pressed. History: `marked`. take_id 0: written while playing. Half a second from one that is there, or
 * beyond APP_MARKS_MAX, nothing is written: VCR_OK, *ret_id 0 (may be NULL). Undoing the recording takes it off again, unless somebody edited it since. */
enum vcr_err app_mark_write(struct sql_tx *tx, int64_t tape_id, int64_t take_id, int64_t position_us, int64_t user_id, int64_t now_ms, int64_t *ret_id, struct vcr_why *why);
enum vcr_err app_marks_of_take_remove(struct sql_tx *tx, int64_t tape_id, int64_t take_id, int64_t user_id, int64_t now_ms, int64_t *ret_count, struct vcr_why *why);
/* What a vcr-ingest proposes: [{"at_us", "source": "scene"|"gap"|"date", "title"}]. Replaces those proposed before that nobody confirmed; what cannot be true, is too much or
 * stands within half a second of a mark that stays is left out. Not an array: nothing is changed. */
enum vcr_err app_marks_propose(struct sql_tx *tx, int64_t tape_id, int64_t duration_us, const json_t *marks, struct vcr_why *why);
