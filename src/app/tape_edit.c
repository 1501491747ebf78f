/* app/tape_edit.c - making, changing, binning and purging tapes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/audit.h"
#include "app/shares.h"
#include "app/tapes.h"
#include "app/trash.h"
#include "store/segments.h"

static enum vcr_err run_built(struct sql_tx *tx, struct buf *sql, const struct sql_val *vals, size_t n, struct vcr_why *why)
{
    enum vcr_err err = buf_ok(sql) ? sql_exec(tx, sql->data, vals, n, NULL, why) : vcr_fail(why, VCR_E_INTERNAL, "statement too long");
    buf_free(sql);
    return err;
}

enum vcr_err app_tape_create(struct sql_tx *tx, const struct app_principal *who, const struct app_change *changes, size_t n, int64_t now_ms, int64_t *ret_id,
                             struct vcr_why *why)
{
    struct buf sql;
    struct sql_val vals[APP_CHANGES_MAX + 4];
    size_t count = 0;
    struct sql_rows *rows = NULL;
    buf_init(&sql, 4096);
    buf_adds(&sql, "INSERT INTO tapes (user_id, created_at, updated_at, seed");
    vals[count++] = SQL_I(who->user_id);
    vals[count++] = SQL_I(now_ms);
    vals[count++] = SQL_I(now_ms);
    vals[count++] = SQL_I((int64_t)(vcr_random_u64() >> 1));
    for (size_t i = 0; i < n && i < APP_CHANGES_MAX; i++) {
        buf_addf(&sql, ", %s", app_tape_column(changes[i].col));
        vals[count++] = changes[i].val;
    }
    buf_adds(&sql, ") VALUES ($1");
    for (size_t i = 2; i <= count; i++)
        buf_addf(&sql, ", $%zu", i);
    buf_adds(&sql, ") RETURNING id");
    enum vcr_err err = sql_query(tx, &rows, sql.data, vals, count, why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        *ret_id = sql_int(rows, 0);
    sql_rows_close(&rows);
    buf_free(&sql);
    return err == VCR_OK ? app_history_add(tx, *ret_id, "created", who->user_id, NULL, now_ms, why) : err;
}

enum vcr_err app_tape_update(struct sql_tx *tx, int64_t id, const struct app_change *changes, size_t n, int64_t now_ms, struct vcr_why *why)
{
    struct buf sql;
    struct sql_val vals[APP_CHANGES_MAX + 2];
    size_t count = 0;
    buf_init(&sql, 4096);
    buf_adds(&sql, "UPDATE tapes SET revision = revision + 1, updated_at = $1");
    vals[count++] = SQL_I(now_ms);
    vals[count++] = SQL_I(id);
    for (size_t i = 0; i < n && i < APP_CHANGES_MAX; i++) {
        vals[count++] = changes[i].val;
        buf_addf(&sql, ", %s = $%zu", app_tape_column(changes[i].col), count);
    }
    buf_adds(&sql, " WHERE id = $2");
    return run_built(tx, &sql, vals, count, why);
}

/* Only what a person edits appears in the history; the bounds of a date follow from it. */
static void value_json(struct jsonw *j, const char *key, const struct sql_val *v, bool is_json)
{
    if (v->type == SQL_NULL_T)
        jsonw_null(j, key);
    else if (v->type == SQL_BOOL_T)
        jsonw_bool(j, key, v->i != 0);
    else if (v->type == SQL_INT_T)
        jsonw_int(j, key, v->i);
    else if (is_json)
        jsonw_raw(j, key, v->p);
    else
        jsonw_str(j, key, v->p);
}

static struct sql_val cell_value(const struct app_cell *c, const struct sql_val *like)
{
    if (c->null)
        return SQL_NUL;
    return c->s ? SQL_T(c->s) : like->type == SQL_BOOL_T ? SQL_B(c->i) : SQL_I(c->i);
}

static void side_json(struct jsonw *j, const char *key, const struct app_tape *before, const struct app_change *changes, size_t n)
{
    jsonw_open(j, key);
    for (size_t i = 0; i < n; i++) {
        enum app_col col = changes[i].col;
        if (col == APP_T_RECORDED_FROM || col == APP_T_RECORDED_TO)
            continue;
        struct sql_val v = before ? cell_value(&before->c[col], &changes[i].val) : changes[i].val;
        value_json(j, app_tape_column(col), &v, col == APP_T_TAGS || col == APP_T_LOOK || col == APP_T_PROCESSING);
    }
    jsonw_close(j);
}

enum vcr_err app_tape_edit(struct sql_tx *tx, const struct app_principal *who, const struct app_tape *before, const struct app_change *changes, size_t n,
                           int64_t now_ms, struct vcr_why *why)
{
    int64_t id = before->c[APP_T_ID].i;
    struct buf details;
    struct jsonw j;
    if (n == 0)
        return VCR_OK;
    buf_init(&details, 1 << 20);
    jsonw_init(&j, &details);
    jsonw_open(&j, NULL);
    side_json(&j, "before", before, changes, n);
    side_json(&j, "after", NULL, changes, n);
    jsonw_close(&j);
    enum vcr_err err = app_tape_update(tx, id, changes, n, now_ms, why);
    if (err == VCR_OK)
        err = app_history_add(tx, id, "edited", who->user_id, buf_ok(&details) ? details.data : NULL, now_ms, why);
    buf_free(&details);
    return err;
}

enum vcr_err app_tape_trash(struct sql_tx *tx, const struct app_principal *who, int64_t id, int64_t now_ms, struct vcr_why *why)
{
    struct app_change c = { APP_T_TRASHED_AT, SQL_I(now_ms) };
    enum vcr_err err = app_tape_update(tx, id, &c, 1, now_ms, why);
    if (err == VCR_OK)
        err = app_shares_end(tx, id, why);
    return err == VCR_OK ? app_history_add(tx, id, "trashed", who->user_id, NULL, now_ms, why) : err;
}

enum vcr_err app_tape_restore(struct sql_tx *tx, const struct app_principal *who, int64_t id, int64_t now_ms, struct vcr_why *why)
{
    struct app_change c = { APP_T_TRASHED_AT, SQL_NUL };
    enum vcr_err err = app_tape_update(tx, id, &c, 1, now_ms, why);
    return err == VCR_OK ? app_history_add(tx, id, "restored", who->user_id, NULL, now_ms, why) : err;
}

static void blobs_prefix(char out[64], int64_t id) { snprintf(out, 64, "tapes/%" PRId64 "/", id); }

enum vcr_err app_tape_purge(struct sql_tx *tx, int64_t id, struct vcr_why *why)
{
    char prefix[64];
    blobs_prefix(prefix, id);
    enum vcr_err err = app_trash_add(tx, prefix, why);
    return err == VCR_OK ? sql_exec(tx, "DELETE FROM tapes WHERE id = $1", SQL_ARGS(SQL_I(id)), NULL, why) : err;
}

enum vcr_err app_tape_delete_blobs(const struct app *a, int64_t id, struct vcr_why *why)
{
    char prefix[64];
    blobs_prefix(prefix, id);
    if (a->config.segments)
        segments_drop_tape(a->config.segments, id);
    return blob_delete_prefix(a->config.blobs, prefix, why);
}

struct sweep { int64_t now_ms, before_ms, ids[256]; int count; };

static enum vcr_err sweep_work(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct sweep *s = arg;
    struct sql_rows *rows = NULL;
    s->count = 0;
    enum vcr_err err = sql_query(tx, &rows, "SELECT id FROM tapes WHERE trashed_at < $1 ORDER BY id LIMIT 256", SQL_ARGS(SQL_I(s->before_ms)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        s->ids[s->count++] = sql_int(rows, 0);
    sql_rows_close(&rows);
    err = err == VCR_E_END ? VCR_OK : err;
    for (int i = 0; i < s->count && err == VCR_OK; i++) {
        char object[APP_AUDIT_OBJECT_BYTES];
        snprintf(object, sizeof(object), "tapes/%" PRId64, s->ids[i]);
        err = app_tape_purge(tx, s->ids[i], why);
        if (err == VCR_OK)
            err = app_audit(tx, NULL, "tape_purged", object, "{\"bin\":true}", s->now_ms, why);
    }
    return err;
}

enum vcr_err app_bin_sweep(const struct app *a, int64_t now_ms, struct vcr_why *why)
{
    struct sweep s = { .now_ms = now_ms, .before_ms = now_ms - (int64_t)a->config.bin_days * 86400000 };
    enum vcr_err err = sql_run(a->config.db, SQL_WRITE, sweep_work, &s, why);
    for (int i = 0; i < s.count && err == VCR_OK; i++)
        err = app_tape_delete_blobs(a, s.ids[i], why);
    return err == VCR_OK ? app_trash_empty(a->config.db, a->config.blobs, why) : err;
}

static enum vcr_err recover_work(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    int64_t now_ms = *(int64_t *)arg;
    enum vcr_err err = sql_exec(tx, "UPDATE tapes SET status = 'blank', revision = revision + 1, updated_at = $1 WHERE status = 'uploading'", SQL_ARGS(SQL_I(now_ms)), NULL, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "UPDATE sessions SET status = 'ended', ended_at = $1 WHERE ended_at IS NULL", SQL_ARGS(SQL_I(now_ms)), NULL, why);
    return err;
}

enum vcr_err app_recover(const struct app *a, int64_t now_ms, struct vcr_why *why)
{
    enum vcr_err err = sql_run(a->config.db, SQL_WRITE, recover_work, &now_ms, why);
    return err == VCR_OK && a->config.blobs ? app_trash_empty(a->config.db, a->config.blobs, why) : err;
}
