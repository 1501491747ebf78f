/* app/users.c - see users.h. */
#include "app/users.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/audit.h"
#include "app/tapes.h"

enum { VALS_MAX = 8, CURSOR_MAX = 400 };

/* ---- lists ---- */
bool app_user_sort_ok(const char *sort)
{
    sort += *sort == '-';
    return strcmp(sort, "email") == 0 || strcmp(sort, "created_at") == 0;
}

static bool by_email(const char *sort) { return strcmp(sort + (*sort == '-'), "email") == 0; }

void app_user_admin_json(const struct app_user *u, const char *key, struct jsonw *j)
{
    jsonw_open(j, key);
    jsonw_int(j, "id", u->id);
    jsonw_str(j, "email", u->email);
    jsonw_str(j, "role", app_role_name(u->role));
    jsonw_str(j, "display_name", u->display_name);
    jsonw_bool(j, "disabled", u->disabled);
    jsonw_time(j, "created_at", u->created_at);
    jsonw_close(j);
}

/* A cursor is base64url of "sort/key": the id or, by e-mail address, that of the last one seen. Accounts are numbered as they are made, so their order by id is that by time. */
static char *make_cursor(const char *sort, const struct app_user *u)
{
    char *plain = by_email(sort) ? vcr_asprintf("%s/%s", sort, u->email) : vcr_asprintf("%s/%" PRId64, sort, u->id);
    size_t len = strlen(plain);
    char *out = vcr_alloc(VCR_B64URL_BYTES(len));
    vcr_b64url_encode(out, plain, len);
    free(plain);
    return out;
}

static bool read_cursor(const struct app_user_filter *f, char key[CURSOR_MAX], int64_t *ret_id)
{
    char plain[CURSOR_MAX];
    uint64_t id = 0;
    long n = vcr_b64url_decode(plain, sizeof(plain) - 1, f->cursor, strlen(f->cursor));
    if (n < 0 || memchr(plain, '\0', (size_t)n) || !vcr_utf8_ok(plain, (size_t)n))
        return false;
    plain[n] = '\0';
    size_t len = strlen(f->sort);
    if (strncmp(plain, f->sort, len) != 0 || plain[len] != '/' || (!by_email(f->sort) && !vcr_parse_u64(plain + len + 1, INT64_MAX, &id)))
        return false;
    *ret_id = (int64_t)id;
    return vcr_strcpy(key, CURSOR_MAX, plain + len + 1);
}

/* "%needle%", lower-cased (ASCII), LIKE's signs escaped. */
static char *contains(const char *needle)
{
    char *p = vcr_alloc(strlen(needle) * 2 + 3), *o = p;
    *o++ = '%';
    for (const char *c = needle; *c; c++) {
        if (*c == '%' || *c == '_' || *c == '\\')
            *o++ = '\\';
        *o++ = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    }
    *o = '%';
    return p;
}

struct query { struct buf sql; struct sql_val vals[VALS_MAX]; size_t count; };

static size_t add(struct query *q, struct sql_val v)
{
    q->vals[q->count++] = v;
    return q->count;
}

static enum vcr_err each_user(struct sql_rows *rows, const struct app_user_filter *f, void (*each)(void *arg, const struct app_user *u), void *arg, char **ret_cursor, struct vcr_why *why)
{
    struct app_user u = { 0 };
    int n = 0;
    enum vcr_err err;
    while ((err = sql_next(rows, why)) == VCR_OK) {
        if (n++ == f->limit) {
            *ret_cursor = make_cursor(f->sort, &u);
            break;
        }
        app_user_read(rows, &u);
        each(arg, &u);
    }
    app_user_free(&u);
    return err == VCR_E_END ? VCR_OK : err;
}

enum vcr_err app_user_list(struct sql_tx *tx, const struct app_user_filter *f, void (*each)(void *arg, const struct app_user *u), void *arg, char **ret_cursor, struct vcr_why *why)
{
    struct query q = { 0 };
    struct sql_rows *rows = NULL;
    char key[CURSOR_MAX], *needle = f->q ? contains(f->q) : NULL;
    int64_t id = 0;
    enum vcr_err err = VCR_OK;
    const char *column = by_email(f->sort) ? "email" : "id", *down = *f->sort == '-' ? " DESC" : "";
    *ret_cursor = NULL;
    buf_init(&q.sql, 4096);
    buf_adds(&q.sql, "SELECT " APP_USER_COLUMNS " FROM users WHERE 1 = 1");
    if (needle) {
        size_t at = add(&q, SQL_T(needle));
        buf_addf(&q.sql, " AND (LOWER(email) LIKE $%zu ESCAPE '\\' OR LOWER(display_name) LIKE $%zu ESCAPE '\\')", at, at);
    }
    if (f->role != APP_ANONYMOUS)
        buf_addf(&q.sql, " AND role = $%zu", add(&q, SQL_T(app_role_name(f->role))));
    if (f->disabled >= 0)
        buf_addf(&q.sql, " AND disabled = $%zu", add(&q, SQL_B(f->disabled)));
    if (f->cursor && !read_cursor(f, key, &id))
        err = vcr_fail(why, VCR_E_MALFORMED, "cursor: this is no cursor of this list");
    else if (f->cursor)
        buf_addf(&q.sql, " AND %s %s $%zu", column, *f->sort == '-' ? "<" : ">", add(&q, by_email(f->sort) ? SQL_T(key) : SQL_I(id)));
    buf_addf(&q.sql, " ORDER BY %s%s LIMIT $%zu", column, down, add(&q, SQL_I(f->limit + 1)));
    if (err == VCR_OK)
        err = sql_query(tx, &rows, q.sql.data, q.vals, q.count, why);
    if (err == VCR_OK)
        err = each_user(rows, f, each, arg, ret_cursor, why);
    sql_rows_close(&rows);
    free(needle);
    buf_free(&q.sql);
    return err;
}

/* ---- changes ---- */
/* Is there another admin who is not disabled? The row is taken first, so that two who go at once do not each count on the other. */
static enum vcr_err spare_admin(struct sql_tx *tx, int64_t id, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_exec(tx, "UPDATE users SET revision = revision + 1 WHERE role = 'admin' AND disabled = FALSE", SQL_NONE, NULL, why);
    if (err == VCR_OK)
        err = sql_query(tx, &rows, "SELECT 1 FROM users WHERE role = 'admin' AND disabled = FALSE AND id <> $1 LIMIT 1", SQL_ARGS(SQL_I(id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    sql_rows_close(&rows);
    return err == VCR_E_END ? vcr_refuse(why, VCR_E_CONFLICT, "/last-admin", "this is the last admin: make somebody else admin first") : err;
}

static bool counts_as_admin(const struct app_user *u) { return u->role == APP_ADMIN && !u->disabled; }

static enum vcr_err audit_change(struct sql_tx *tx, const struct app_principal *who, const struct app_user *old, const struct app_user_admin_change *c, int64_t now_ms,
                                 struct vcr_why *why)
{
    char object[APP_AUDIT_OBJECT_BYTES], details[120];
    enum vcr_err err = VCR_OK;
    snprintf(object, sizeof(object), "users/%" PRId64, old->id);
    snprintf(details, sizeof(details), "{\"before\":\"%s\",\"after\":\"%s\"}", app_role_name(old->role), app_role_name(c->role));
    if (c->role != APP_ANONYMOUS && c->role != old->role)
        err = app_audit(tx, who, "role_changed", object, details, now_ms, why);
    if (err == VCR_OK && c->disabled >= 0 && c->disabled != old->disabled)
        err = app_audit(tx, who, c->disabled ? "account_disabled" : "account_enabled", object, NULL, now_ms, why);
    return err;
}

enum vcr_err app_user_admin_edit(struct sql_tx *tx, const struct app_principal *who, int64_t id, const struct app_user_admin_change *c, int64_t now_ms, struct vcr_why *why)
{
    struct app_user u = { 0 };
    enum vcr_err err = app_user_by_id(tx, id, &u, why);
    enum app_role role = c->role != APP_ANONYMOUS ? c->role : u.role;
    bool disabled = c->disabled >= 0 ? c->disabled : u.disabled;
    if (err == VCR_OK && counts_as_admin(&u) && (role != APP_ADMIN || disabled))
        err = spare_admin(tx, id, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "UPDATE users SET role = $2, disabled = $3, revision = revision + 1 WHERE id = $1", SQL_ARGS(SQL_I(id), SQL_T(app_role_name(role)), SQL_B(disabled)), NULL,
                       why);
    if (err == VCR_OK && disabled && !u.disabled)
        err = app_login_end_others(tx, id, "", now_ms, why);
    if (err == VCR_OK)
        err = audit_change(tx, who, &u, c, now_ms, why);
    app_user_free(&u);
    return err;
}

static enum vcr_err find_devices(struct sql_tx *tx, int64_t id, struct app_user_devices *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    ret->count = 0;
    enum vcr_err err = sql_query(tx, &rows, "SELECT id FROM devices WHERE user_id = $1 ORDER BY id LIMIT $2", SQL_ARGS(SQL_I(id), SQL_I(APP_DEVICES_TOLD)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        ret->ids[ret->count++] = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

enum vcr_err app_user_remove(struct sql_tx *tx, const struct app_principal *who, int64_t id, bool to_bin, int64_t now_ms, struct app_user_devices *ret, struct vcr_why *why)
{
    struct app_user u = { 0 };
    char object[APP_AUDIT_OBJECT_BYTES];
    int64_t tapes = 0;
    enum vcr_err err = app_user_by_id(tx, id, &u, why);
    if (err == VCR_OK && counts_as_admin(&u))
        err = spare_admin(tx, id, why);
    if (err == VCR_OK)
        err = find_devices(tx, id, ret, why);
    if (err == VCR_OK && to_bin)
        err = sql_exec(tx, "UPDATE tapes SET trashed_at = $2, updated_at = $2, revision = revision + 1 WHERE user_id = $1 AND trashed_at IS NULL", SQL_ARGS(SQL_I(id), SQL_I(now_ms)),
                       &tapes, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "DELETE FROM users WHERE id = $1", SQL_ARGS(SQL_I(id)), NULL, why);
    char *details = vcr_asprintf("{\"by_itself\":%s,\"tapes_to_bin\":%" PRId64 "}", to_bin ? "true" : "false", tapes);
    snprintf(object, sizeof(object), "users/%" PRId64, id);
    if (err == VCR_OK)
        err = app_audit(tx, who, "account_removed", object, details, now_ms, why);
    free(details);
    app_user_free(&u);
    return err;
}
