/* app/tapes.h - the catalogue: tapes, who may do what with them, their history and their media.
 *
 * A tape in memory is its row: one cell a column, by enum app_col; the table of columns (tapes.c) says each one's type and its name in JSON.
 * Threads: inside the transaction given. */
#pragma once
#include "app/app.h"
#include "app/rights.h"
#include "wire/json.h"

enum app_col {
    APP_T_ID, APP_T_USER_ID, APP_T_TITLE, APP_T_DESCRIPTION, APP_T_TAGS, APP_T_RECORDED_AT, APP_T_STORAGE_URI, APP_T_SOURCE_NOTE, APP_T_FORMAT,
    APP_T_STATUS, APP_T_DURATION, APP_T_STANDARD, APP_T_TAPE_SPEED, APP_T_LENGTH_MINUTES, APP_T_WRITE_PROTECTED, APP_T_LOOK, APP_T_MEDIA,
    APP_T_CAPTURE_REPORT, APP_T_POSITION, APP_T_IDENTIFIER, APP_T_LOCATION, APP_T_NOTES, APP_T_RIGHTS, APP_T_LANGUAGE, APP_T_CREATED_AT,
    APP_T_UPDATED_AT, APP_T_PROCESSING, APP_T_ORIGINAL_STATE, APP_T_RECORDED_FROM, APP_T_RECORDED_TO, APP_T_WEAR, APP_T_SEED, APP_T_FILE_NAME, APP_T_REVISION, APP_T_TRASHED_AT, APP_T_COLS
};
struct app_tape {
    struct app_cell { bool null; int64_t i; char *s; } c[APP_T_COLS]; /* i: numbers, booleans; s: text, owned */
};
void app_tape_free(struct app_tape *t);
void app_tape_json(const struct app_tape *t, const char *key, struct jsonw *j);
/* The owner's other tapes (not those in the bin) whose original is the very same file. */
enum { APP_DUPLICATES_MAX = 20 };
struct app_duplicates { int64_t ids[APP_DUPLICATES_MAX]; int count; };
enum vcr_err app_tape_duplicates(struct sql_tx *tx, int64_t id, struct app_duplicates *ret, struct vcr_why *why);
/* The tape's JSON with the member duplicates. */
void app_tape_json_whole(const struct app_tape *t, const struct app_duplicates *d, struct jsonw *j);
/* Two parts: the revision (what If-Match compares) and what changes without an edit. With quotes. d may be NULL. */
void app_tape_etag(const struct app_tape *t, const struct app_duplicates *d, char *out, size_t size);

enum app_bin { APP_NOT_BINNED, APP_BINNED, APP_ANYWHERE };
enum vcr_err app_tape_find(struct sql_tx *tx, const struct app_principal *who, int64_t id, enum app_access access, enum app_bin bin, struct app_tape *ret,
                           struct vcr_why *why);

/* Sees all of the row, not only what viewers do: the others have the rest of it hidden. Of a tape that who was found to see. */
bool app_tape_inspects(const struct app_principal *who, const struct app_tape *t);
void app_tape_hide(struct app_tape *t);

/* New values for some columns. */
struct app_change { enum app_col col; struct sql_val val; };
enum { APP_CHANGES_MAX = 24 };
enum vcr_err app_tape_create(struct sql_tx *tx, const struct app_principal *who, const struct app_change *changes, size_t n, int64_t now_ms, int64_t *ret_id,
                             struct vcr_why *why);
/* With the entry in the history: what changed, before and after. */
enum vcr_err app_tape_edit(struct sql_tx *tx, const struct app_principal *who, const struct app_tape *before, const struct app_change *changes, size_t n,
                           int64_t now_ms, struct vcr_why *why);
/* Without history: states of the machinery. */
enum vcr_err app_tape_update(struct sql_tx *tx, int64_t id, const struct app_change *changes, size_t n, int64_t now_ms, struct vcr_why *why);
enum vcr_err app_tape_trash(struct sql_tx *tx, const struct app_principal *who, int64_t id, int64_t now_ms, struct vcr_why *why);
enum vcr_err app_tape_restore(struct sql_tx *tx, const struct app_principal *who, int64_t id, int64_t now_ms, struct vcr_why *why);
/* Deletes the row and all that hangs on it; the caller deletes the blobs after the commit (app_tape_delete_blobs), and what it does not come to goes by the trash. */
enum vcr_err app_tape_purge(struct sql_tx *tx, int64_t id, struct vcr_why *why);
enum vcr_err app_tape_delete_blobs(const struct app *a, int64_t id, struct vcr_why *why); /* file pool */
/* Purges what has been in the bin for bin_days, and empties the trash of blobs (app/trash.h). Blocks; not on a loop or pool thread. */
enum vcr_err app_bin_sweep(const struct app *a, int64_t now_ms, struct vcr_why *why);
/* At start: tapes that were being uploaded when the server died are blank again, sessions that ran have ended, blobs that nothing refers to are deleted. */
enum vcr_err app_recover(const struct app *a, int64_t now_ms, struct vcr_why *why);

/* The demo tapes, each with a job of kind "demo" that makes its film: payload {"name": "bars"}. */
enum vcr_err app_demo_tapes(struct sql_tx *tx, int64_t user_id, int64_t now_ms, struct vcr_why *why);

struct app_tape_filter {
    const char *q, *title, *format, *status;  /* NULL: any */
    int64_t recorded_from, recorded_to;       /* INT64_MIN, INT64_MAX: any */
    bool trashed;
    bool all;                                 /* archivists and admins: everybody's tapes */
    const char *sort;                         /* "title", "recorded_at", "created_at", each with "-" for downwards */
    const char *cursor;                       /* of the page before, or NULL */
    int limit;
};
bool app_tape_sort_ok(const char *sort);
/* each() is called a row. *ret_cursor (free it): of the next page, NULL at the end. A bad cursor is MALFORMED. */
enum vcr_err app_tape_list(struct sql_tx *tx, const struct app_principal *who, const struct app_tape_filter *f, void (*each)(void *arg, const struct app_tape *t),
                           void *arg, char **ret_cursor, struct vcr_why *why);

enum vcr_err app_history_add(struct sql_tx *tx, int64_t tape_id, const char *action, int64_t user_id, const char *details_json, int64_t now_ms, struct vcr_why *why);
/* ret_id (may be NULL): the item. */
enum vcr_err app_history_add_item(struct sql_tx *tx, int64_t tape_id, const char *action, int64_t user_id, const char *details_json, int64_t now_ms, int64_t *ret_id,
                                  struct vcr_why *why);
/* Writes items newest first, before the id `before` (0: from the newest); *ret_last: the last id when there are more, else 0. */
enum vcr_err app_history_list(struct sql_tx *tx, int64_t tape_id, int64_t before, int limit, struct jsonw *j, int64_t *ret_last, struct vcr_why *why);

/* "1992", "1992-12", "1992-12-24" or RFC 3339 as the interval that it names, in ms; false when it is none. */
bool app_date_bounds(const char *text, int64_t *ret_from, int64_t *ret_to);

/* For sql_query results whose columns are app_tape_columns(). */
const char *app_tape_columns(void);
void app_tape_read(struct sql_rows *rows, struct app_tape *t);
const char *app_tape_column(enum app_col c);
