/* app/export.c - see export.h. */
#include "app/export.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { AT_ONCE = 100, COLUMNS_MAX = 24 };

/* ---- how much ---- */
enum vcr_err app_usage_json(const struct app *a, struct sql_tx *tx, int64_t user_id, struct jsonw *j, struct vcr_why *why)
{
    static const char *const names[] = { "bytes", "tapes", "tapes_in_bin", "devices", "sessions" };
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT (SELECT COALESCE(SUM(r.size_bytes), 0) FROM reels r JOIN tapes t ON t.id = r.tape_id WHERE t.user_id = $1), "
                                 "(SELECT COUNT(*) FROM tapes WHERE user_id = $1 AND trashed_at IS NULL), (SELECT COUNT(*) FROM tapes WHERE user_id = $1 AND trashed_at IS NOT NULL), "
                                 "(SELECT COUNT(*) FROM devices WHERE user_id = $1), (SELECT COUNT(*) FROM sessions WHERE user_id = $1 AND ended_at IS NULL)",
                                 SQL_ARGS(SQL_I(user_id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    jsonw_open(j, NULL);
    for (int i = 0; err == VCR_OK && i < (int)ARRAY_LEN(names); i++)
        jsonw_int(j, names[i], sql_int(rows, i));
    if (a->config.quota_bytes)
        jsonw_int(j, "quota_bytes", (int64_t)a->config.quota_bytes);
    else
        jsonw_null(j, "quota_bytes");
    jsonw_close(j);
    sql_rows_close(&rows);
    return err;
}

/* ---- all of it ----
 * A section is a list: its rows by their key, the first column, which is what the next page goes on behind. A letter a column says what it is: i number, t text, j JSON, m time,
 * u microseconds, b yes or no. */
static const struct section { const char *name, *kinds, *select, *key; bool text_key; const char *columns[COLUMNS_MAX]; } sections[] = {
    { "tapes", "itttitttmuttttbttttttm", "SELECT id, title, description, tags, length_minutes, recorded_at, format, status, created_at, duration_us, standard, tape_speed, source_note, "
      "file_name, write_protected, look, identifier, location, notes, rights, language, trashed_at FROM tapes WHERE user_id = $1", "id", false,
      { "id", "title", "description", "tags", "length_minutes", "recorded_at", "format", "status", "created_at", "duration", "standard", "tape_speed", "source_note", "file_name",
        "write_protected", "look", "identifier", "location", "notes", "rights", "language", "trashed_at" } },
    { "marks", "iiutt", "SELECT m.id, m.tape_id, m.position_us, m.title, m.source FROM marks m JOIN tapes t ON t.id = m.tape_id WHERE t.user_id = $1", "m.id", false,
      { "id", "tape_id", "position", "title", "source" } },
    { "history", "iitmj", "SELECT h.id, h.tape_id, h.action, h.performed_at, h.details FROM tape_history h JOIN tapes t ON t.id = h.tape_id WHERE t.user_id = $1", "h.id", false,
      { "id", "tape_id", "action", "performed_at", "details" } },
    { "shares", "iitmmi", "SELECT id, tape_id, email, created_at, expires_at, views FROM shares WHERE created_by = $1", "id", false,
      { "id", "tape_id", "email", "created_at", "expires_at", "views" } },
    { "devices", "ittmm", "SELECT id, name, ip_address, created_at, last_seen FROM devices WHERE user_id = $1", "id", false, { "id", "name", "ip_address", "created_at", "last_seen" } },
    { "sessions", "ttiimmt", "SELECT id, type, tape_id, device_id, started_at, ended_at, status FROM sessions WHERE user_id = $1", "id", true,
      { "id", "type", "tape_id", "device_id", "started_at", "ended_at", "status" } },
    { "logins", "tmmmtt", "SELECT family, created_at, last_seen_at, revoked_at, user_agent, ip_address FROM logins WHERE user_id = $1", "family", true,
      { "id", "created_at", "last_seen_at", "revoked_at", "user_agent", "ip_address" } },
    { "tokens", "itttmm", "SELECT id, name, scopes, hint, created_at, last_used_at FROM api_tokens WHERE user_id = $1", "id", false,
      { "id", "name", "scopes", "hint", "created_at", "last_used_at" } },
    { "audit", "imtttj", "SELECT id, created_at, action, object, ip_address, details FROM audit WHERE user_id = $1", "id", false,
      { "id", "created_at", "action", "object", "ip_address", "details" } },
};

static void column(struct jsonw *j, struct sql_rows *rows, int col, char kind, const char *name)
{
    if (sql_is_null(rows, col))
        jsonw_null(j, name);
    else if (kind == 'i')
        jsonw_int(j, name, sql_int(rows, col));
    else if (kind == 'm')
        jsonw_time(j, name, sql_int(rows, col));
    else if (kind == 'u')
        jsonw_seconds(j, name, sql_int(rows, col));
    else if (kind == 'b')
        jsonw_bool(j, name, sql_bool(rows, col));
    else if (kind == 'j')
        jsonw_raw(j, name, sql_text(rows, col));
    else
        jsonw_str(j, name, sql_text(rows, col));
}

static void row_json(const struct section *s, struct sql_rows *rows, struct buf *out)
{
    struct jsonw j;
    jsonw_init(&j, out);
    jsonw_open(&j, NULL);
    for (int i = 0; s->kinds[i]; i++)
        column(&j, rows, i, s->kinds[i], s->columns[i]);
    jsonw_close(&j);
}

static enum vcr_err page(struct sql_tx *tx, struct app_export *e, struct buf *out, bool *ret_more, struct vcr_why *why)
{
    const struct section *s = &sections[e->section];
    struct sql_rows *rows = NULL;
    int n = 0;
    uint64_t after = 0;
    char *sql = vcr_asprintf("%s AND %s > $2 ORDER BY %s LIMIT %d", s->select, s->key, s->key, AT_ONCE);
    vcr_parse_u64(e->after, INT64_MAX, &after);
    enum vcr_err err = sql_query(tx, &rows, sql, SQL_ARGS(SQL_I(e->user_id), s->text_key ? SQL_T(e->after) : SQL_I((int64_t)after)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        buf_adds(out, e->begun ? ",\n" : "\n");
        e->begun = true;
        row_json(s, rows, out);
        if (s->text_key)
            vcr_strcpy(e->after, sizeof(e->after), sql_text(rows, 0));
        else
            snprintf(e->after, sizeof(e->after), "%" PRId64, sql_int(rows, 0));
        n++;
    }
    sql_rows_close(&rows);
    free(sql);
    *ret_more = n == AT_ONCE;
    return err == VCR_E_END ? VCR_OK : err;
}

static enum vcr_err profile(struct sql_tx *tx, int64_t user_id, int64_t now_ms, struct buf *out, struct vcr_why *why)
{
    static const struct section user = { .kinds = "itttmj", .columns = { "id", "email", "role", "display_name", "created_at", "settings" } };
    struct sql_rows *rows = NULL;
    struct jsonw j;
    enum vcr_err err = sql_query(tx, &rows, "SELECT id, email, role, display_name, created_at, settings FROM users WHERE id = $1", SQL_ARGS(SQL_I(user_id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK) {
        buf_adds(out, "{\"exported_at\":");
        jsonw_init(&j, out);
        jsonw_time(&j, NULL, now_ms);
        buf_adds(out, ",\n\"media\":\"/api/v1/tapes/{id}/media\",\n\"user\":");
        row_json(&user, rows, out);
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? vcr_fail(why, VCR_E_NOT_FOUND, "there is no such account") : err;
}

enum vcr_err app_export_some(struct sql_tx *tx, struct app_export *e, int64_t now_ms, struct buf *out, struct vcr_why *why)
{
    bool more = false;
    enum vcr_err err = VCR_OK;
    if (e->section == 0 && !e->begun && !e->after[0])
        err = profile(tx, e->user_id, now_ms, out, why);
    if (!e->begun && !e->after[0])
        buf_addf(out, ",\n\"%s\":[", sections[e->section].name);
    if (err == VCR_OK)
        err = page(tx, e, out, &more, why);
    if (err != VCR_OK || more)
        return err;
    buf_addc(out, ']');
    e->section++;
    e->begun = false;
    e->after[0] = '\0';
    e->over = e->section == ARRAY_LEN(sections);
    if (e->over)
        buf_adds(out, "}\n");
    return VCR_OK;
}
