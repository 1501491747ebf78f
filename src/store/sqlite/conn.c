/* store/sqlite/conn.c - see conn.h: preparing, binding, stepping, and what SQLite's errors mean. */
#include "store/sqlite/conn.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/util.h"

enum { CACHE_SLOTS = 256, TEXT_MAX = 65536, BUSY_MS = 5000 };

/* A prepared statement, kept by its text. One slot for each hash: a rare clash only costs preparing again. */
struct stmt {
    sqlite3_stmt *raw;
    char *text;  /* as the caller wrote it; NULL: not in the cache */
    bool in_use; /* between query and rows_close */
};
struct conn {
    sqlite3 *db;
    struct stmt *cache[CACHE_SLOTS];
};
struct rows {
    struct sql_rows rows; /* first */
    struct stmt *stmt;
    struct conn *conn;
};

/* ---- errors ---- */

static enum vcr_err explain(struct conn *c, int rc, struct vcr_why *why)
{
    static const struct {
        int rc;
        enum vcr_err err;
        const char *slug, *text;
    } known[] = {
        { SQLITE_CONSTRAINT_UNIQUE, VCR_E_CONFLICT, NULL, "it exists already" },
        { SQLITE_CONSTRAINT_PRIMARYKEY, VCR_E_CONFLICT, NULL, "it exists already" },
        { SQLITE_CONSTRAINT_ROWID, VCR_E_CONFLICT, NULL, "it exists already" },
        { SQLITE_CONSTRAINT_FOREIGNKEY, VCR_E_CONFLICT, "/reference", "it refers to something that is not there" },
        { SQLITE_BUSY, VCR_E_BUSY, NULL, "the database is busy; try again" },
        { SQLITE_LOCKED, VCR_E_BUSY, NULL, "the database is busy; try again" },
        { SQLITE_FULL, VCR_E_FULL, NULL, "the storage is full" },
        { SQLITE_NOMEM, VCR_E_NOMEM, NULL, "database: no memory" },
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i].rc == rc || (known[i].rc == (rc & 0xff) && known[i].rc != SQLITE_CONSTRAINT))
            return vcr_refuse(why, known[i].err, known[i].slug, "%s", known[i].text);
    int sys = c->db ? sqlite3_system_errno(c->db) : 0;
    if ((rc & 0xff) == SQLITE_IOERR && (sys == ENOSPC || sys == EDQUOT))
        return vcr_fail(why, VCR_E_FULL, "the storage is full");
    return vcr_fail(why, VCR_E_IO, "database: %s (%d)", c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc), rc);
}

/* ---- statements ---- */

/* Copies a quoted part or a comment whole; returns how much, 0 when there is none at s. */
static size_t opaque_part(const char *s)
{
    const char *end = NULL;
    if (*s == '\'' || *s == '"') {
        end = strchr(s + 1, *s); /* a doubled quote is two parts side by side */
        return end ? (size_t)(end - s) + 1 : strlen(s);
    }
    if (s[0] == '-' && s[1] == '-')
        return strcspn(s, "\n");
    if (s[0] == '/' && s[1] == '*') {
        end = strstr(s + 2, "*/");
        return end ? (size_t)(end - s) + 2 : strlen(s);
    }
    return 0;
}

/* $1 is a name for SQLite, numbered by its first appearance; ?1 is a number. */
static void rewrite(struct buf *b, const char *text)
{
    while (*text) {
        size_t n = opaque_part(text);
        if (n > 0) {
            buf_add(b, text, n);
            text += n;
        } else if (text[0] == '$' && isdigit((unsigned char)text[1])) {
            buf_addc(b, '?');
            text++;
        } else {
            buf_addc(b, *text++);
        }
    }
}

static enum vcr_err prepare(struct conn *c, sqlite3_stmt **ret, const char *text, struct vcr_why *why)
{
    struct buf b;
    buf_init(&b, TEXT_MAX);
    rewrite(&b, text);
    const char *tail = NULL;
    sqlite3_stmt *raw = NULL;
    enum vcr_err err = VCR_OK;
    if (!buf_ok(&b) || b.len == 0) {
        err = vcr_fail(why, VCR_E_INTERNAL, "an SQL statement of a bad length");
    } else {
        int rc = sqlite3_prepare_v3(c->db, b.data, (int)b.len + 1, SQLITE_PREPARE_PERSISTENT, &raw, &tail);
        if (rc != SQLITE_OK)
            err = explain(c, rc, why);
        else if (!raw || tail[strspn(tail, " \t\n;")] != '\0')
            err = vcr_fail(why, VCR_E_INTERNAL, "not exactly one SQL statement");
    }
    buf_free(&b);
    if (err != VCR_OK) {
        sqlite3_finalize(raw);
        return err;
    }
    *ret = raw;
    return VCR_OK;
}

static void stmt_free(struct stmt *s)
{
    if (!s)
        return;
    sqlite3_finalize(s->raw);
    free(s->text);
    free(s);
}

static size_t slot_of(const char *text)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return (size_t)(h ^ h >> 32) % CACHE_SLOTS;
}

static enum vcr_err stmt_take(struct conn *c, struct stmt **ret, const char *text, struct vcr_why *why)
{
    struct stmt **slot = &c->cache[slot_of(text)];
    struct stmt *s = *slot;
    if (s && !s->in_use && strcmp(s->text, text) == 0) {
        s->in_use = true;
        *ret = s;
        return VCR_OK;
    }
    sqlite3_stmt *raw;
    enum vcr_err err = prepare(c, &raw, text, why);
    if (err != VCR_OK)
        return err;
    bool keep = !s || !s->in_use;
    s = vcr_alloc(sizeof(*s));
    s->raw = raw;
    s->in_use = true;
    if (keep) {
        s->text = vcr_strdup(text);
        stmt_free(*slot);
        *slot = s;
    }
    *ret = s;
    return VCR_OK;
}

static void stmt_give(struct stmt *s)
{
    if (!s->text) {
        stmt_free(s);
        return;
    }
    sqlite3_reset(s->raw); /* its result repeats the step's, which was reported */
    sqlite3_clear_bindings(s->raw);
    s->in_use = false;
}

/* life: SQLITE_STATIC when the values outlive the statement's run, else SQLITE_TRANSIENT. */
static enum vcr_err bind_all(struct conn *c, sqlite3_stmt *raw, const struct sql_val *vals, size_t n, sqlite3_destructor_type life, struct vcr_why *why)
{
    if ((size_t)sqlite3_bind_parameter_count(raw) != n)
        return vcr_fail(why, VCR_E_INTERNAL, "an SQL statement with %d parameters got %zu", sqlite3_bind_parameter_count(raw), n);
    for (size_t i = 0; i < n; i++) {
        int at = (int)i + 1, rc = SQLITE_MISUSE;
        const struct sql_val *v = &vals[i];
        switch (v->type) {
        case SQL_NULL_T:
            rc = sqlite3_bind_null(raw, at);
            break;
        case SQL_INT_T:
            rc = sqlite3_bind_int64(raw, at, v->i);
            break;
        case SQL_BOOL_T:
            rc = sqlite3_bind_int(raw, at, v->i != 0);
            break;
        case SQL_REAL_T:
            rc = sqlite3_bind_double(raw, at, v->r);
            break;
        case SQL_TEXT_T:
            rc = sqlite3_bind_text64(raw, at, v->p, v->len, life, SQLITE_UTF8);
            break;
        case SQL_BLOB_T: /* a NULL pointer would bind NULL: an empty blob is not that */
            rc = v->len > 0 ? sqlite3_bind_blob64(raw, at, v->p, v->len, life) : sqlite3_bind_zeroblob(raw, at, 0);
            break;
        }
        if (rc != SQLITE_OK)
            return explain(c, rc, why);
    }
    return VCR_OK;
}

static struct conn *conn_of(struct sql_tx *tx) { return ((struct conn_tx *)tx)->conn; }

enum vcr_err conn_exec(struct sql_tx *tx, const char *text, const struct sql_val *vals, size_t n, int64_t *ret_changed, struct vcr_why *why)
{
    struct conn *c = conn_of(tx);
    struct stmt *s;
    enum vcr_err err = stmt_take(c, &s, text, why);
    if (err != VCR_OK)
        return err;
    err = bind_all(c, s->raw, vals, n, SQLITE_STATIC, why);
    if (err == VCR_OK) {
        int rc;
        while ((rc = sqlite3_step(s->raw)) == SQLITE_ROW)
            ;
        if (rc != SQLITE_DONE)
            err = explain(c, rc, why);
        else
            *ret_changed = sqlite3_stmt_readonly(s->raw) ? 0 : sqlite3_changes64(c->db);
    }
    stmt_give(s);
    return err;
}

enum vcr_err conn_query(struct sql_tx *tx, struct sql_rows **ret, const char *text, const struct sql_val *vals, size_t n, struct vcr_why *why)
{
    struct conn *c = conn_of(tx);
    struct stmt *s;
    enum vcr_err err = stmt_take(c, &s, text, why);
    if (err != VCR_OK)
        return err;
    err = bind_all(c, s->raw, vals, n, SQLITE_TRANSIENT, why);
    if (err != VCR_OK) {
        stmt_give(s);
        return err;
    }
    struct rows *r = vcr_alloc(sizeof(*r));
    r->rows = (struct sql_rows){ .ops = tx->ops, .tx = tx };
    r->stmt = s;
    r->conn = c;
    ((struct conn_tx *)tx)->open_rows++;
    *ret = &r->rows;
    return VCR_OK;
}

enum vcr_err conn_next(struct sql_rows *rows, struct vcr_why *why)
{
    struct rows *r = (struct rows *)rows;
    int rc = sqlite3_step(r->stmt->raw);
    return rc == SQLITE_ROW ? VCR_OK : rc == SQLITE_DONE ? VCR_E_END : explain(r->conn, rc, why);
}

void conn_rows_close(struct sql_rows *rows)
{
    ((struct conn_tx *)rows->tx)->open_rows--;
    stmt_give(((struct rows *)rows)->stmt);
    free(rows);
}

static sqlite3_stmt *raw_of(struct sql_rows *rows) { return ((struct rows *)rows)->stmt->raw; }
bool conn_is_null(struct sql_rows *rows, int col) { return sqlite3_column_type(raw_of(rows), col) == SQLITE_NULL; }
int64_t conn_int(struct sql_rows *rows, int col) { return sqlite3_column_int64(raw_of(rows), col); }
double conn_real(struct sql_rows *rows, int col) { return sqlite3_column_double(raw_of(rows), col); }
bool conn_bool(struct sql_rows *rows, int col) { return sqlite3_column_int64(raw_of(rows), col) != 0; }
const char *conn_text(struct sql_rows *rows, int col) { return (const char *)sqlite3_column_text(raw_of(rows), col); }

const void *conn_blob(struct sql_rows *rows, int col, size_t *ret_len)
{
    const void *p = sqlite3_column_blob(raw_of(rows), col);
    *ret_len = (size_t)sqlite3_column_bytes(raw_of(rows), col);
    return p || conn_is_null(rows, col) ? p : "";
}

/* ---- the connection ---- */

void conn_tx_init(struct conn_tx *tx, struct conn *c)
{
    memset(tx, 0, sizeof(*tx));
    tx->tx.ops = &sql_sqlite_ops;
    tx->conn = c;
}

enum vcr_err conn_do(struct conn *c, const char *text, struct vcr_why *why)
{
    struct conn_tx tx;
    int64_t changed;
    conn_tx_init(&tx, c);
    return conn_exec(&tx.tx, text, SQL_NONE, &changed, why);
}

bool conn_in_transaction(struct conn *c) { return !sqlite3_get_autocommit(c->db); }

enum vcr_err sqlite_conn_open(struct conn **ret, const char *path, bool write, struct vcr_why *why)
{
    static const struct {
        const char *text;
        bool reader, writer;
    } settings[] = {
        { "PRAGMA trusted_schema = OFF", true, true },
        { "PRAGMA foreign_keys = ON", true, true },
        { "PRAGMA temp_store = MEMORY", true, true },
        { "PRAGMA journal_mode = WAL", false, true },
        { "PRAGMA synchronous = FULL", false, true }, /* a commit that was reported survives a power cut */
        { "PRAGMA journal_size_limit = 67108864", false, true },
        { "PRAGMA query_only = ON", true, false },
    };
    enum vcr_err err;
    struct conn *c = vcr_alloc(sizeof(*c));
    int rc = sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc != SQLITE_OK) {
        err = explain(c, rc, why);
        goto fail;
    }
    sqlite3_busy_timeout(c->db, BUSY_MS);
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        if (!(write ? settings[i].writer : settings[i].reader))
            continue;
        err = conn_do(c, settings[i].text, why);
        if (err != VCR_OK)
            goto fail;
    }
    *ret = c;
    return VCR_OK;
fail:
    sqlite_conn_close(&c);
    return err;
}

void sqlite_conn_close(struct conn **cp)
{
    struct conn *c = *cp;
    if (!c)
        return;
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        stmt_free(c->cache[i]);
    sqlite3_close(c->db);
    free(c);
    *cp = NULL;
}
