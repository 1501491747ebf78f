/* app/tapes.c - a tape's row, its JSON, who may do what with it, and its history. */
#include "app/tapes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/shares.h"

enum kind { K_INT, K_BOOL, K_TEXT, K_JSON, K_SECONDS, K_TIME };
/* json NULL: not shown to clients. */
static const struct { const char *column; enum kind kind; const char *json; } columns[APP_T_COLS] = {
    [APP_T_ID] = { "id", K_INT, "id" },
    [APP_T_USER_ID] = { "user_id", K_INT, "user_id" },
    [APP_T_TITLE] = { "title", K_TEXT, "title" },
    [APP_T_DESCRIPTION] = { "description", K_TEXT, "description" },
    [APP_T_TAGS] = { "tags", K_JSON, "tags" },
    [APP_T_RECORDED_AT] = { "recorded_at", K_TEXT, "recorded_at" },
    [APP_T_STORAGE_URI] = { "storage_uri", K_TEXT, "storage_uri" },
    [APP_T_SOURCE_NOTE] = { "source_note", K_TEXT, "source_note" },
    [APP_T_FORMAT] = { "format", K_TEXT, "format" },
    [APP_T_STATUS] = { "status", K_TEXT, "status" },
    [APP_T_DURATION] = { "duration_us", K_SECONDS, "duration" },
    [APP_T_STANDARD] = { "standard", K_TEXT, "standard" },
    [APP_T_TAPE_SPEED] = { "tape_speed", K_TEXT, "tape_speed" },
    [APP_T_LENGTH_MINUTES] = { "length_minutes", K_INT, "length_minutes" },
    [APP_T_WRITE_PROTECTED] = { "write_protected", K_BOOL, "write_protected" },
    [APP_T_LOOK] = { "look", K_JSON, "look" },
    [APP_T_MEDIA] = { "media", K_JSON, "media" },
    [APP_T_CAPTURE_REPORT] = { "capture_report", K_JSON, "capture_report" },
    [APP_T_POSITION] = { "position_us", K_SECONDS, "position" },
    [APP_T_IDENTIFIER] = { "identifier", K_TEXT, "identifier" },
    [APP_T_LOCATION] = { "location", K_TEXT, "location" },
    [APP_T_NOTES] = { "notes", K_TEXT, "notes" },
    [APP_T_RIGHTS] = { "rights", K_TEXT, "rights" },
    [APP_T_LANGUAGE] = { "language", K_TEXT, "language" },
    [APP_T_CREATED_AT] = { "created_at", K_TIME, "created_at" },
    [APP_T_UPDATED_AT] = { "updated_at", K_TIME, "updated_at" },
    [APP_T_PROCESSING] = { "processing", K_JSON, "processing" },
    [APP_T_ORIGINAL_STATE] = { "original_state", K_TEXT, "original_state" },
    [APP_T_RECORDED_FROM] = { "recorded_from", K_INT, NULL },
    [APP_T_RECORDED_TO] = { "recorded_to", K_INT, NULL },
    [APP_T_WEAR] = { "wear_16", K_INT, NULL },
    [APP_T_SEED] = { "seed", K_INT, NULL },
    [APP_T_FILE_NAME] = { "file_name", K_TEXT, NULL },
    [APP_T_REVISION] = { "revision", K_INT, NULL },
    [APP_T_TRASHED_AT] = { "trashed_at", K_TIME, NULL },
};

const char *app_tape_column(enum app_col c)
{
    return columns[c].column;
}

const char *app_tape_columns(void)
{
    return "id, user_id, title, description, tags, recorded_at, storage_uri, source_note, format, status, duration_us, standard, tape_speed, length_minutes, "
           "write_protected, look, media, capture_report, position_us, identifier, location, notes, rights, language, created_at, updated_at, "
           "processing, original_state, recorded_from, recorded_to, wear_16, seed, file_name, revision, trashed_at";
}

void app_tape_read(struct sql_rows *rows, struct app_tape *t)
{
    app_tape_free(t);
    for (int i = 0; i < APP_T_COLS; i++) {
        struct app_cell *c = &t->c[i];
        c->null = sql_is_null(rows, i);
        if (c->null)
            continue;
        if (columns[i].kind == K_TEXT || columns[i].kind == K_JSON)
            c->s = vcr_strdup(sql_text(rows, i));
        else
            c->i = columns[i].kind == K_BOOL ? sql_bool(rows, i) : sql_int(rows, i);
    }
}

void app_tape_free(struct app_tape *t)
{
    for (int i = 0; i < APP_T_COLS; i++)
        free(t->c[i].s);
    memset(t, 0, sizeof(*t));
}

static void cell_json(const struct app_cell *c, enum kind kind, const char *key, struct jsonw *j)
{
    if (c->null) {
        jsonw_null(j, key);
        return;
    }
    switch (kind) {
    case K_INT: jsonw_int(j, key, c->i); break;
    case K_BOOL: jsonw_bool(j, key, c->i != 0); break;
    case K_TEXT: jsonw_str(j, key, c->s); break;
    case K_JSON: jsonw_raw(j, key, c->s); break;
    case K_SECONDS: jsonw_seconds(j, key, c->i); break;
    case K_TIME: jsonw_time(j, key, c->i); break;
    }
}

static void members_json(const struct app_tape *t, struct jsonw *j)
{
    for (int i = 0; i < APP_T_COLS; i++)
        if (columns[i].json)
            cell_json(&t->c[i], columns[i].kind, columns[i].json, j);
}

void app_tape_json(const struct app_tape *t, const char *key, struct jsonw *j)
{
    jsonw_open(j, key);
    members_json(t, j);
    jsonw_close(j);
}

void app_tape_json_whole(const struct app_tape *t, const struct app_duplicates *d, struct jsonw *j)
{
    jsonw_open(j, NULL);
    members_json(t, j);
    jsonw_open_array(j, "duplicates");
    for (int i = 0; i < d->count; i++)
        jsonw_int(j, NULL, d->ids[i]);
    jsonw_close_array(j);
    jsonw_close(j);
}

enum vcr_err app_tape_duplicates(struct sql_tx *tx, int64_t id, struct app_duplicates *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    ret->count = 0;
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT o.id FROM tapes t JOIN tapes o ON o.original_sha256 = t.original_sha256 AND COALESCE(o.user_id, 0) = COALESCE(t.user_id, 0)"
                                 " WHERE t.id = $1 AND o.id <> $1 AND o.trashed_at IS NULL ORDER BY o.id LIMIT $2",
                                 SQL_ARGS(SQL_I(id), SQL_I(APP_DUPLICATES_MAX)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        ret->ids[ret->count++] = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

void app_tape_etag(const struct app_tape *t, const struct app_duplicates *d, char *out, size_t size)
{
    int64_t others = 0;
    for (int i = 0; d && i < d->count; i++)
        others = (int64_t)((uint64_t)others * 31 + (uint64_t)d->ids[i]);
    snprintf(out, size, "\"%" PRId64 "-%" PRId64 ".%" PRId64 ".%" PRId64 "%s%" PRIx64 "\"", t->c[APP_T_ID].i, t->c[APP_T_REVISION].i, t->c[APP_T_POSITION].i,
             t->c[APP_T_UPDATED_AT].i, t->c[APP_T_STATUS].s, (uint64_t)others);
}

static bool is_mine(const struct app_principal *who, const struct app_tape *t)
{
    const struct app_cell *owner = &t->c[APP_T_USER_ID];
    return !owner->null && owner->i == who->user_id;
}

/* For who sees all it makes no difference whether this one is shared with it, too. */
static enum vcr_err relation_to(struct sql_tx *tx, const struct app_principal *who, const struct app_tape *t, enum app_relation *ret, struct vcr_why *why)
{
    bool shared = false;
    enum vcr_err err = VCR_OK;
    if (!is_mine(who, t) && !app_sees_all(who, APP_A_TAPE))
        err = app_shared_with(tx, who, t->c[APP_T_ID].i, &shared, why);
    *ret = is_mine(who, t) ? APP_MINE : shared ? APP_SHARED : t->c[APP_T_USER_ID].null ? APP_NOBODYS : APP_OTHERS;
    return err;
}

bool app_tape_inspects(const struct app_principal *who, const struct app_tape *t)
{
    return app_may(who, APP_A_TAPE, APP_INSPECT, is_mine(who, t) ? APP_MINE : t->c[APP_T_USER_ID].null ? APP_NOBODYS : APP_OTHERS, NULL) == VCR_OK;
}

void app_tape_hide(struct app_tape *t)
{
    static const enum app_col nulls[] = { APP_T_LOCATION, APP_T_NOTES, APP_T_CAPTURE_REPORT, APP_T_PROCESSING }, empty[] = { APP_T_STORAGE_URI, APP_T_SOURCE_NOTE };
    for (size_t i = 0; i < ARRAY_LEN(nulls); i++) {
        free(t->c[nulls[i]].s);
        t->c[nulls[i]] = (struct app_cell){ .null = true };
    }
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        free(t->c[empty[i]].s);
        t->c[empty[i]].s = vcr_strdup("");
    }
}

enum vcr_err app_tape_find(struct sql_tx *tx, const struct app_principal *who, int64_t id, enum app_access access, enum app_bin bin, struct app_tape *ret,
                           struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    char *sql = vcr_asprintf("SELECT %s FROM tapes WHERE id = $1", app_tape_columns());
    enum vcr_err err = sql_query(tx, &rows, sql, SQL_ARGS(SQL_I(id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        app_tape_read(rows, ret);
    sql_rows_close(&rows);
    free(sql);
    if (err != VCR_OK && err != VCR_E_END)
        return err;
    bool binned = err == VCR_OK && !ret->c[APP_T_TRASHED_AT].null;
    if (err == VCR_E_END || (bin == APP_NOT_BINNED && binned) || (bin == APP_BINNED && !binned))
        return vcr_fail(why, VCR_E_NOT_FOUND, "there is no such tape");
    enum app_relation relation;
    err = relation_to(tx, who, ret, &relation, why);
    return err == VCR_OK ? app_may(who, APP_A_TAPE, access, relation, why) : err;
}

enum vcr_err app_history_add(struct sql_tx *tx, int64_t tape_id, const char *action, int64_t user_id, const char *details_json, int64_t now_ms, struct vcr_why *why)
{
    return app_history_add_item(tx, tape_id, action, user_id, details_json, now_ms, NULL, why);
}

enum vcr_err app_history_add_item(struct sql_tx *tx, int64_t tape_id, const char *action, int64_t user_id, const char *details_json, int64_t now_ms, int64_t *ret_id,
                                  struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "INSERT INTO tape_history (tape_id, action, performed_by, performed_at, details) VALUES ($1, $2, $3, $4, $5) RETURNING id",
                                 SQL_ARGS(SQL_I(tape_id), SQL_T(action), user_id ? SQL_I(user_id) : SQL_NUL, SQL_I(now_ms), SQL_T(details_json ? details_json : "{}")), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK && ret_id)
        *ret_id = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err;
}

enum vcr_err app_history_list(struct sql_tx *tx, int64_t tape_id, int64_t before, int limit, struct jsonw *j, int64_t *ret_last, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    int n = 0;
    int64_t last = 0;
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT id, action, performed_by, performed_at, details FROM tape_history WHERE tape_id = $1 AND ($2 = 0 OR id < $2) "
                                 "ORDER BY id DESC LIMIT $3",
                                 SQL_ARGS(SQL_I(tape_id), SQL_I(before), SQL_I(limit + 1)), why);
    *ret_last = 0;
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        if (n++ == limit) {
            *ret_last = last;
            break;
        }
        last = sql_int(rows, 0);
        jsonw_open(j, NULL);
        jsonw_int(j, "id", last);
        jsonw_int(j, "tape_id", tape_id);
        jsonw_str(j, "action", sql_text(rows, 1));
        if (sql_is_null(rows, 2))
            jsonw_null(j, "performed_by");
        else
            jsonw_int(j, "performed_by", sql_int(rows, 2));
        jsonw_time(j, "performed_at", sql_int(rows, 3));
        jsonw_raw(j, "details", sql_is_null(rows, 4) ? NULL : sql_text(rows, 4));
        jsonw_close(j);
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}
