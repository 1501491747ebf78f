/* app/marks.c - see marks.h. */
#include "app/marks.h"

#include <string.h>

#include "app/tapes.h"

enum { PROPOSED_MAX = 500, NEAR_US = 500000 };

void app_mark_json(const struct app_mark *m, const char *key, struct jsonw *j)
{
    jsonw_open(j, key);
    jsonw_int(j, "id", m->id);
    jsonw_seconds(j, "position", m->position_us);
    jsonw_str(j, "title", m->title);
    jsonw_str(j, "source", m->source);
    jsonw_bool(j, "confirmed", m->confirmed);
    jsonw_close(j);
}

static void read_mark(struct sql_rows *rows, struct app_mark *m)
{
    m->id = sql_int(rows, 0);
    m->position_us = sql_int(rows, 1);
    vcr_strcpy(m->title, sizeof(m->title), sql_text(rows, 2));
    vcr_strcpy(m->source, sizeof(m->source), sql_text(rows, 3));
    m->confirmed = sql_bool(rows, 4);
}

#define COLUMNS "id, position_us, title, source, confirmed"

enum vcr_err app_mark_list(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, struct jsonw *j, struct vcr_why *why)
{
    struct app_tape t = { 0 };
    struct sql_rows *rows = NULL;
    enum vcr_err err = app_tape_find(tx, who, tape_id, APP_SEE, APP_NOT_BINNED, &t, why);
    app_tape_free(&t);
    if (err == VCR_OK)
        err = sql_query(tx, &rows, "SELECT " COLUMNS " FROM marks WHERE tape_id = $1 ORDER BY position_us, id", SQL_ARGS(SQL_I(tape_id)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        struct app_mark m;
        read_mark(rows, &m);
        app_mark_json(&m, NULL, j);
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

/* The tape, when the asker may set marks on it and this one lies on it. */
static enum vcr_err find_tape(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, int64_t position_us, struct vcr_why *why)
{
    struct app_tape t = { 0 };
    enum vcr_err err = app_tape_find(tx, who, tape_id, APP_OWN, APP_NOT_BINNED, &t, why);
    int64_t length_us = VCR_MAX(t.c[APP_T_DURATION].i, t.c[APP_T_LENGTH_MINUTES].i * 60000000);
    app_tape_free(&t);
    if (err == VCR_OK && length_us > 0 && position_us > length_us)
        err = vcr_refuse(why, VCR_E_INVALID, "/position", "the tape ends before that");
    return err;
}

static enum vcr_err find_mark(struct sql_tx *tx, int64_t tape_id, int64_t id, struct app_mark *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT " COLUMNS " FROM marks WHERE id = $1 AND tape_id = $2", SQL_ARGS(SQL_I(id), SQL_I(tape_id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        read_mark(rows, ret);
    sql_rows_close(&rows);
    return err == VCR_E_END ? vcr_fail(why, VCR_E_NOT_FOUND, "there is no such mark") : err;
}

/* before, after: NULL for what was not, or is no longer. */
static enum vcr_err marked(struct sql_tx *tx, int64_t user_id, int64_t tape_id, const struct app_mark *before, const struct app_mark *after,
                           int64_t now_ms, struct vcr_why *why)
{
    struct buf details;
    struct jsonw j;
    buf_init(&details, 16384);
    jsonw_init(&j, &details);
    jsonw_open(&j, NULL);
    if (before)
        app_mark_json(before, "before", &j);
    else
        jsonw_null(&j, "before");
    if (after)
        app_mark_json(after, "after", &j);
    else
        jsonw_null(&j, "after");
    jsonw_close(&j);
    enum vcr_err err = app_history_add(tx, tape_id, "marked", user_id, buf_ok(&details) ? details.data : NULL, now_ms, why);
    buf_free(&details);
    return err;
}

static enum vcr_err count_marks(struct sql_tx *tx, int64_t tape_id, int64_t *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT COUNT(*) FROM marks WHERE tape_id = $1", SQL_ARGS(SQL_I(tape_id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        *ret = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err;
}

static enum vcr_err insert(struct sql_tx *tx, int64_t tape_id, int64_t take_id, struct app_mark *m, int64_t user_id, int64_t now_ms, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "INSERT INTO marks(tape_id, position_us, title, source, confirmed, take_id) VALUES($1, $2, $3, $4, $5, $6) RETURNING id",
                                 SQL_ARGS(SQL_I(tape_id), SQL_I(m->position_us), SQL_T(m->title), SQL_T(m->source), SQL_B(m->confirmed), take_id ? SQL_I(take_id) : SQL_NUL), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        m->id = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err == VCR_OK ? marked(tx, user_id, tape_id, NULL, m, now_ms, why) : err;
}

enum vcr_err app_mark_add(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, int64_t position_us, const char *title, int64_t now_ms,
                          struct app_mark *ret, struct vcr_why *why)
{
    struct app_mark m = { .position_us = position_us, .source = "user", .confirmed = true };
    int64_t count = 0;
    vcr_strcpy(m.title, sizeof(m.title), title);
    enum vcr_err err = find_tape(tx, who, tape_id, position_us, why);
    if (err == VCR_OK)
        err = count_marks(tx, tape_id, &count, why);
    if (err == VCR_OK && count >= APP_MARKS_MAX)
        err = vcr_refuse(why, VCR_E_CONFLICT, "/too-many-marks", "a tape holds at most %d marks", APP_MARKS_MAX);
    if (err == VCR_OK)
        err = insert(tx, tape_id, 0, &m, who->user_id, now_ms, why);
    if (err == VCR_OK)
        *ret = m;
    return err;
}

static enum vcr_err is_near(struct sql_tx *tx, int64_t tape_id, int64_t position_us, bool *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT 1 FROM marks WHERE tape_id = $1 AND position_us BETWEEN $2 AND $3 LIMIT 1",
                                 SQL_ARGS(SQL_I(tape_id), SQL_I(position_us - NEAR_US), SQL_I(position_us + NEAR_US)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    *ret = err == VCR_OK;
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

enum vcr_err app_mark_write(struct sql_tx *tx, int64_t tape_id, int64_t take_id, int64_t position_us, int64_t user_id, int64_t now_ms, int64_t *ret_id, struct vcr_why *why)
{
    struct app_mark m = { .position_us = VCR_MAX(position_us, 0), .source = "user", .confirmed = true };
    int64_t count = 0;
    bool near = false;
    enum vcr_err err = count_marks(tx, tape_id, &count, why);
    if (err == VCR_OK)
        err = is_near(tx, tape_id, m.position_us, &near, why);
    if (err == VCR_OK && !near && count < APP_MARKS_MAX)
        err = insert(tx, tape_id, take_id, &m, user_id, now_ms, why);
    if (ret_id)
        *ret_id = m.id;
    return err;
}

/* One by one: each stands in the history. */
enum vcr_err app_marks_of_take_remove(struct sql_tx *tx, int64_t tape_id, int64_t take_id, int64_t user_id, int64_t now_ms, int64_t *ret_count, struct vcr_why *why)
{
    struct app_mark m;
    enum vcr_err err;
    for (*ret_count = 0;; ++*ret_count) {
        struct sql_rows *rows = NULL;
        memset(&m, 0, sizeof(m));
        err = sql_query(tx, &rows, "SELECT " COLUMNS " FROM marks WHERE take_id = $1 AND tape_id = $2 ORDER BY position_us LIMIT 1", SQL_ARGS(SQL_I(take_id), SQL_I(tape_id)), why);
        if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
            read_mark(rows, &m);
        sql_rows_close(&rows);
        if (err == VCR_OK)
            err = sql_exec(tx, "DELETE FROM marks WHERE id = $1", SQL_ARGS(SQL_I(m.id)), NULL, why);
        if (err == VCR_OK)
            err = marked(tx, user_id, tape_id, &m, NULL, now_ms, why);
        if (err != VCR_OK)
            return err == VCR_E_END ? VCR_OK : err;
    }
}

enum vcr_err app_mark_edit(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, int64_t id, const struct app_mark_change *change, int64_t now_ms,
                           struct app_mark *ret, struct vcr_why *why)
{
    struct app_mark before = { 0 };
    enum vcr_err err = find_tape(tx, who, tape_id, change->position_us ? *change->position_us : 0, why);
    if (err == VCR_OK)
        err = find_mark(tx, tape_id, id, &before, why);
    *ret = before;
    if (change->position_us)
        ret->position_us = *change->position_us;
    if (change->title)
        vcr_strcpy(ret->title, sizeof(ret->title), change->title);
    if (change->confirmed)
        ret->confirmed = *change->confirmed;
    if (err != VCR_OK || memcmp(&before, ret, sizeof(before)) == 0)
        return err;
    err = sql_exec(tx, "UPDATE marks SET position_us = $2, title = $3, confirmed = $4, take_id = NULL WHERE id = $1",
                   SQL_ARGS(SQL_I(id), SQL_I(ret->position_us), SQL_T(ret->title), SQL_B(ret->confirmed)), NULL, why);
    return err == VCR_OK ? marked(tx, who->user_id, tape_id, &before, ret, now_ms, why) : err;
}

enum vcr_err app_mark_remove(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, int64_t id, int64_t now_ms, struct vcr_why *why)
{
    struct app_mark before = { 0 };
    enum vcr_err err = find_tape(tx, who, tape_id, 0, why);
    if (err == VCR_OK)
        err = find_mark(tx, tape_id, id, &before, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "DELETE FROM marks WHERE id = $1", SQL_ARGS(SQL_I(id)), NULL, why);
    return err == VCR_OK ? marked(tx, who->user_id, tape_id, &before, NULL, now_ms, why) : err;
}

static bool proposed_ok(const json_t *mark, int64_t duration_us)
{
    static const char *const sources[] = { "scene", "gap", "date" };
    const json_t *at = json_object_get(mark, "at_us");
    const char *source = json_string_value(json_object_get(mark, "source"));
    bool known = false;
    for (size_t i = 0; source && i < ARRAY_LEN(sources); i++)
        known = known || strcmp(source, sources[i]) == 0;
    return known && json_is_integer(at) && json_integer_value(at) >= 0 && json_integer_value(at) <= duration_us;
}

enum vcr_err app_marks_propose(struct sql_tx *tx, int64_t tape_id, int64_t duration_us, const json_t *marks, struct vcr_why *why)
{
    size_t i;
    json_t *mark;
    int64_t room = 0;
    if (!json_is_array(marks))
        return VCR_OK;
    enum vcr_err err = sql_exec(tx, "DELETE FROM marks WHERE tape_id = $1 AND source <> 'user' AND confirmed = $2", SQL_ARGS(SQL_I(tape_id), SQL_B(false)), NULL, why);
    if (err == VCR_OK)
        err = count_marks(tx, tape_id, &room, why);
    room = VCR_MIN(APP_MARKS_MAX - room, (int64_t)PROPOSED_MAX);
    json_array_foreach(marks, i, mark)
    {
        const char *title = json_string_value(json_object_get(mark, "title"));
        int64_t at_us = json_integer_value(json_object_get(mark, "at_us")), added = 0;
        if (err != VCR_OK || room <= 0)
            break;
        if (!proposed_ok(mark, duration_us))
            continue;
        err = sql_exec(tx,
                       "INSERT INTO marks(tape_id, position_us, title, source, confirmed) SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS"
                       " (SELECT 1 FROM marks WHERE tape_id = $1 AND position_us BETWEEN $6 AND $7)",
                       SQL_ARGS(SQL_I(tape_id), SQL_I(at_us), SQL_T(title && strlen(title) <= 255 ? title : ""),
                                SQL_T(json_string_value(json_object_get(mark, "source"))), SQL_B(false), SQL_I(at_us - NEAR_US), SQL_I(at_us + NEAR_US)),
                       &added, why);
        room -= added;
    }
    return err;
}
