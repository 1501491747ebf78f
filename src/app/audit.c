/* app/audit.c - see audit.h. */
#include "app/audit.h"

#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { AT_ONCE = 1000, TRIMS_MAX = 200, VALS_MAX = 8 };

/* ---- the chain ---- */
static enum vcr_err hash_of(const char *previous, const struct app_audit_row *r, char ret[APP_AUDIT_HASH_BYTES], struct vcr_why *why)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    struct buf b;
    struct jsonw j;
    buf_init(&b, 65536);
    buf_adds(&b, previous);
    buf_addc(&b, '\n');
    jsonw_init(&j, &b);
    jsonw_open_array(&j, NULL);
    jsonw_str(&j, NULL, "vcr-audit-1");
    jsonw_int(&j, NULL, r->id);
    jsonw_int(&j, NULL, r->created_at);
    if (r->user_id)
        jsonw_int(&j, NULL, r->user_id);
    else
        jsonw_null(&j, NULL);
    jsonw_str(&j, NULL, r->action);
    jsonw_str(&j, NULL, r->object);
    jsonw_str(&j, NULL, r->request_id);
    jsonw_str(&j, NULL, r->ip);
    jsonw_str(&j, NULL, r->details);
    jsonw_close_array(&j);
    enum vcr_err err = buf_ok(&b) ? VCR_OK : vcr_fail(why, VCR_E_TOO_LARGE, "audit: row %" PRId64 " is too long", r->id);
    if (err == VCR_OK) {
        crypto_hash_sha256(digest, (const unsigned char *)b.data, b.len);
        vcr_hex(ret, digest, sizeof(digest));
    }
    buf_free(&b);
    return err;
}

struct chain { int64_t first_id, last_id; char first_hash[APP_AUDIT_HASH_BYTES], last_hash[APP_AUDIT_HASH_BYTES]; };

static enum vcr_err read_chain(struct sql_tx *tx, const char *sql, struct chain *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, sql, SQL_NONE, why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK) {
        ret->first_id = sql_int(rows, 0);
        vcr_strcpy(ret->first_hash, sizeof(ret->first_hash), sql_text(rows, 1));
        ret->last_id = sql_int(rows, 2);
        vcr_strcpy(ret->last_hash, sizeof(ret->last_hash), sql_text(rows, 3));
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? vcr_fail(why, VCR_E_INTERNAL, "audit: the chain's beginning and end are not there") : err;
}
#define CHAIN_COLUMNS "first_id, first_hash, last_id, last_hash"
#define CHAIN_READ "SELECT " CHAIN_COLUMNS " FROM audit_chain WHERE id = 1"

enum vcr_err app_audit(struct sql_tx *tx, const struct app_principal *who, const char *action, const char *object, const char *details_json, int64_t now_ms, struct vcr_why *why)
{
    static const struct app_principal server;
    struct chain c;
    char hash[APP_AUDIT_HASH_BYTES];
    who = who ? who : &server;
    if (details_json && strlen(details_json) > APP_AUDIT_DETAILS_MAX)
        details_json = "{\"too_long\":true}";
    /* Taking the number also holds the row until the end of the transaction, where several may write at a time. */
    enum vcr_err err = read_chain(tx, "UPDATE audit_chain SET last_id = last_id + 1 WHERE id = 1 RETURNING " CHAIN_COLUMNS, &c, why);
    struct app_audit_row r = { .id = c.last_id, .created_at = now_ms, .user_id = who->user_id, .action = action, .object = object, .details = details_json ? details_json : "{}",
                               .request_id = who->request_id[0] ? who->request_id : NULL, .ip = who->ip[0] ? who->ip : NULL };
    if (err == VCR_OK)
        err = hash_of(c.last_hash, &r, hash, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "INSERT INTO audit (id, created_at, user_id, action, object, request_id, ip_address, details, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                       SQL_ARGS(SQL_I(r.id), SQL_I(now_ms), r.user_id ? SQL_I(r.user_id) : SQL_NUL, SQL_T(action), SQL_T(object), SQL_T(r.request_id), SQL_T(r.ip), SQL_T(r.details),
                                SQL_T(hash)),
                       NULL, why);
    return err == VCR_OK ? sql_exec(tx, "UPDATE audit_chain SET last_hash = $1 WHERE id = 1", SQL_ARGS(SQL_T(hash)), NULL, why) : err;
}

/* ---- lists ---- */
#define ROW_COLUMNS "id, created_at, user_id, action, object, request_id, ip_address, details, hash"

static const char *text_or_null(struct sql_rows *rows, int col) { return sql_is_null(rows, col) ? NULL : sql_text(rows, col); }

static void read_row(struct sql_rows *rows, struct app_audit_row *r)
{
    *r = (struct app_audit_row){ .id = sql_int(rows, 0), .created_at = sql_int(rows, 1), .user_id = sql_int(rows, 2), .action = sql_text(rows, 3),
                                 .object = text_or_null(rows, 4), .request_id = text_or_null(rows, 5), .ip = text_or_null(rows, 6), .details = text_or_null(rows, 7),
                                 .hash = text_or_null(rows, 8) };
}

void app_audit_json(const struct app_audit_row *r, struct jsonw *j)
{
    jsonw_open(j, NULL);
    jsonw_int(j, "id", r->id);
    jsonw_time(j, "created_at", r->created_at);
    if (r->user_id)
        jsonw_int(j, "user_id", r->user_id);
    else
        jsonw_null(j, "user_id");
    jsonw_str(j, "action", r->action);
    jsonw_str(j, "object", r->object);
    jsonw_str(j, "request_id", r->request_id);
    jsonw_str(j, "ip_address", r->ip);
    json_t *details = r->details ? json_loads(r->details, 0, NULL) : NULL; /* what was meddled with does not break the list */
    jsonw_raw(j, "details", details ? r->details : "{}");
    json_decref(details);
    jsonw_str(j, "hash", r->hash);
    jsonw_close(j);
}

struct filter_sql { struct buf text; struct sql_val vals[VALS_MAX]; size_t count; };

static void add_filter(struct filter_sql *q, bool wanted, const char *test, struct sql_val v)
{
    if (!wanted)
        return;
    q->vals[q->count++] = v;
    buf_addf(&q->text, " AND %s $%zu", test, q->count);
}

enum vcr_err app_audit_list(struct sql_tx *tx, const struct app_audit_filter *f, void (*each)(void *arg, const struct app_audit_row *row), void *arg, int64_t *ret_last,
                            struct vcr_why *why)
{
    struct filter_sql q = { 0 };
    struct sql_rows *rows = NULL;
    struct app_audit_row r;
    int64_t last = 0;
    int n = 0;
    *ret_last = 0;
    buf_init(&q.text, 4096);
    buf_adds(&q.text, "SELECT " ROW_COLUMNS " FROM audit WHERE 1 = 1");
    add_filter(&q, f->action, "action =", SQL_T(f->action));
    add_filter(&q, f->object, "object =", SQL_T(f->object));
    add_filter(&q, f->request_id, "request_id =", SQL_T(f->request_id));
    add_filter(&q, f->user_id != 0, "user_id =", SQL_I(f->user_id));
    add_filter(&q, f->from_ms != INT64_MIN, "created_at >=", SQL_I(f->from_ms));
    add_filter(&q, f->to_ms != INT64_MAX, "created_at <=", SQL_I(f->to_ms));
    add_filter(&q, f->before_id != 0, "id <", SQL_I(f->before_id));
    q.vals[q.count++] = SQL_I(f->limit + 1);
    buf_addf(&q.text, " ORDER BY id DESC LIMIT $%zu", q.count);
    enum vcr_err err = sql_query(tx, &rows, q.text.data, q.vals, q.count, why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        if (n++ == f->limit) {
            *ret_last = last;
            err = VCR_E_END;
            break;
        }
        read_row(rows, &r);
        last = r.id;
        each(arg, &r);
    }
    sql_rows_close(&rows);
    buf_free(&q.text);
    return err == VCR_E_END ? VCR_OK : err;
}

/* ---- does it hold? ---- */
struct walk {
    struct app_audit_check *check;
    int64_t at;                        /* the last row that holds */
    char hash[APP_AUDIT_HASH_BYTES];
    bool over;
};

static bool broken(struct walk *w, int64_t id, const char *text)
{
    w->over = true;
    w->check->broken_id = id;
    vcr_strcpy(w->check->text, sizeof(w->check->text), text);
    return false;
}

static bool holds(struct walk *w, const struct app_audit_row *r)
{
    char hash[APP_AUDIT_HASH_BYTES];
    if (r->id != w->at + 1)
        return broken(w, w->at + 1, "this row is missing");
    if (!r->hash || hash_of(w->hash, r, hash, NULL) != VCR_OK || strcmp(hash, r->hash) != 0)
        return broken(w, r->id, "this row, or the one before it, is not what was written");
    w->at = r->id;
    memcpy(w->hash, hash, sizeof(hash));
    w->check->rows++;
    return true;
}

static enum vcr_err walk_some(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct walk *w = arg;
    struct chain c;
    struct sql_rows *rows = NULL;
    struct app_audit_row r;
    int n = 0;
    enum vcr_err err = read_chain(tx, CHAIN_READ, &c, why);
    if (err != VCR_OK)
        return err;
    if (w->at < c.first_id) { /* the beginning; or it was trimmed meanwhile */
        w->at = c.first_id;
        memcpy(w->hash, c.first_hash, sizeof(w->hash));
    }
    err = sql_query(tx, &rows, "SELECT " ROW_COLUMNS " FROM audit WHERE id > $1 ORDER BY id LIMIT $2", SQL_ARGS(SQL_I(w->at), SQL_I(AT_ONCE)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        n++;
        read_row(rows, &r);
        if (!holds(w, &r))
            break;
    }
    sql_rows_close(&rows);
    if ((err != VCR_OK && err != VCR_E_END) || w->over || n == AT_ONCE)
        return err == VCR_E_END ? VCR_OK : err;
    w->over = true;
    if (w->at != c.last_id || strcmp(w->hash, c.last_hash) != 0) {
        broken(w, w->at + 1, "the newest rows are missing");
        return VCR_OK;
    }
    w->check->is_whole = true;
    w->check->last_id = w->at;
    memcpy(w->check->last_hash, w->hash, sizeof(w->hash));
    return VCR_OK;
}

static enum vcr_err count_before(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT COUNT(*) FROM audit WHERE id <= (SELECT first_id FROM audit_chain WHERE id = 1)", SQL_NONE, why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        *(int64_t *)arg = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err;
}

enum vcr_err app_audit_verify(struct sql_db *db, struct app_audit_check *ret, struct vcr_why *why)
{
    struct walk w = { .check = ret, .at = -1 };
    *ret = (struct app_audit_check){ 0 };
    enum vcr_err err = sql_run(db, SQL_READ, count_before, &ret->before, why);
    while (err == VCR_OK && !w.over)
        err = sql_run(db, SQL_READ, walk_some, &w, why);
    return err;
}

static enum vcr_err head_work(struct sql_tx *tx, void *arg, struct vcr_why *why) { return read_chain(tx, CHAIN_READ, arg, why); }

enum vcr_err app_audit_head(struct sql_db *db, int64_t *ret_id, char ret_hash[APP_AUDIT_HASH_BYTES], struct vcr_why *why)
{
    struct chain c;
    enum vcr_err err = sql_run(db, SQL_READ, head_work, &c, why);
    if (err != VCR_OK)
        return err;
    *ret_id = c.last_id;
    memcpy(ret_hash, c.last_hash, APP_AUDIT_HASH_BYTES);
    return VCR_OK;
}

/* ---- what is old ---- */
struct trim { int64_t before_ms, now_ms, rows, last_id; char last_hash[APP_AUDIT_HASH_BYTES]; };

/* Only from the beginning, up to the first row that is young enough: else there would be a hole. */
static enum vcr_err find_old(struct sql_tx *tx, struct trim *t, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT id, created_at, hash FROM audit ORDER BY id LIMIT $1", SQL_ARGS(SQL_I(AT_ONCE)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK && sql_int(rows, 1) < t->before_ms) {
        t->rows++;
        t->last_id = sql_int(rows, 0);
        vcr_strcpy(t->last_hash, sizeof(t->last_hash), sql_is_null(rows, 2) ? "" : sql_text(rows, 2));
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

static enum vcr_err trim_some(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct trim *t = arg;
    char details[80];
    t->rows = t->last_id = 0;
    enum vcr_err err = find_old(tx, t, why);
    if (err != VCR_OK || t->rows == 0)
        return err;
    err = sql_exec(tx, "UPDATE audit_chain SET first_id = $1, first_hash = $2 WHERE id = 1 AND first_id < $1", SQL_ARGS(SQL_I(t->last_id), SQL_T(t->last_hash)), NULL, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "DELETE FROM audit WHERE id <= $1", SQL_ARGS(SQL_I(t->last_id)), NULL, why);
    snprintf(details, sizeof(details), "{\"rows\":%" PRId64 ",\"through\":%" PRId64 "}", t->rows, t->last_id);
    return err == VCR_OK ? app_audit(tx, NULL, "audit_trimmed", NULL, details, t->now_ms, why) : err;
}

enum vcr_err app_audit_trim(struct sql_db *db, int days, int64_t now_ms, int64_t *ret_rows, struct vcr_why *why)
{
    struct trim t = { .before_ms = now_ms - days * INT64_C(86400000), .now_ms = now_ms };
    int64_t all = 0;
    enum vcr_err err = VCR_OK;
    for (int i = 0; i < TRIMS_MAX && err == VCR_OK; i++) {
        err = sql_run(db, SQL_WRITE, trim_some, &t, why);
        if (err != VCR_OK || t.rows == 0)
            break;
        all += t.rows;
    }
    if (ret_rows)
        *ret_rows = all;
    return err;
}
