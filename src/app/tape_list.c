/* app/tape_list.c - searching and paging through tapes by keyset: a cursor is the sort key and id of the last row seen. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/shares.h"
#include "app/tapes.h"

enum { VALS_MAX = 32, WORDS_MAX = 8, CURSOR_MAX = 1200 };

static const struct sort { const char *name, *key; bool text; } sorts[] = {
    { "title", "LOWER(title)", true },
    { "recorded_at", "COALESCE(recorded_from, -62167219200001)", false },
    { "created_at", "created_at", false },
};

static const struct sort *sort_named(const char *sort)
{
    for (size_t i = 0; i < ARRAY_LEN(sorts); i++)
        if (strcmp(sort + (*sort == '-'), sorts[i].name) == 0)
            return &sorts[i];
    return NULL;
}

bool app_tape_sort_ok(const char *sort)
{
    return sort_named(sort) != NULL;
}

/* A statement being put together: text with $n and the values; texts made on the way are freed at the end. */
struct query {
    struct buf sql;
    struct sql_val vals[VALS_MAX];
    size_t count;
    char *owned[VALS_MAX];
    size_t owned_count;
};

static size_t add_val(struct query *q, struct sql_val v)
{
    if (q->count < VALS_MAX)
        q->vals[q->count++] = v;
    return q->count;
}

/* "%needle%" in lower case with LIKE's signs escaped. */
static size_t add_contains(struct query *q, const char *needle, size_t len)
{
    char *p = vcr_alloc(len * 2 + 3), *o = p;
    *o++ = '%';
    for (size_t i = 0; i < len; i++) {
        char c = needle[i];
        if (c == '%' || c == '_' || c == '\\')
            *o++ = '\\';
        *o++ = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    *o = '%';
    if (q->owned_count < VALS_MAX)
        q->owned[q->owned_count++] = p;
    return add_val(q, SQL_T(p));
}

static void add_words(struct query *q, const char *text)
{
    int words = 0;
    for (const char *p = text + strspn(text, " \t"); *p && words < WORDS_MAX; p += strspn(p, " \t"), words++) {
        size_t n = strcspn(p, " \t"), at = add_contains(q, p, n);
        buf_addf(&q->sql, " AND (LOWER(title) LIKE $%zu ESCAPE '\\' OR LOWER(description) LIKE $%zu ESCAPE '\\')", at, at);
        p += n;
    }
}

static void add_filters(struct query *q, const struct app_principal *who, bool has_shared, const struct app_tape_filter *f)
{
    buf_addf(&q->sql, " WHERE trashed_at IS %sNULL", f->trashed ? "NOT " : "");
    if (!(f->all && app_sees_all(who, APP_A_TAPE))) {
        size_t me = add_val(q, SQL_I(who->user_id));
        buf_addf(&q->sql, " AND (user_id = $%zu%s", me, app_sees_all(who, APP_A_TAPE) ? " OR user_id IS NULL" : "");
        if (has_shared)
            buf_addf(&q->sql, " OR id IN (SELECT tape_id FROM shares WHERE user_id = $%zu)", me);
        buf_adds(&q->sql, ")");
    }
    if (f->q)
        add_words(q, f->q);
    if (f->title)
        buf_addf(&q->sql, " AND LOWER(title) LIKE $%zu ESCAPE '\\'", add_contains(q, f->title, strlen(f->title)));
    if (f->format)
        buf_addf(&q->sql, " AND format = $%zu", add_val(q, SQL_T(f->format)));
    if (f->status)
        buf_addf(&q->sql, " AND status = $%zu", add_val(q, SQL_T(f->status)));
    if (f->recorded_from != INT64_MIN)
        buf_addf(&q->sql, " AND recorded_to >= $%zu", add_val(q, SQL_I(f->recorded_from)));
    if (f->recorded_to != INT64_MAX)
        buf_addf(&q->sql, " AND recorded_from <= $%zu", add_val(q, SQL_I(f->recorded_to)));
}

/* A cursor is base64url of "sort/id/key". */
static char *make_cursor(const char *sort, int64_t id, const char *key)
{
    char *plain = vcr_asprintf("%s/%" PRId64 "/%s", sort, id, key);
    size_t len = strlen(plain);
    char *out = vcr_alloc(VCR_B64URL_BYTES(len));
    vcr_b64url_encode(out, plain, len);
    free(plain);
    return out;
}

static bool read_cursor(const char *cursor, const char *sort, int64_t *ret_id, char *key, size_t key_size)
{
    char plain[CURSOR_MAX + 1];
    uint64_t id;
    long n = vcr_b64url_decode(plain, CURSOR_MAX, cursor, strlen(cursor));
    if (n < 0 || memchr(plain, '\0', (size_t)n) || !vcr_utf8_ok(plain, (size_t)n))
        return false;
    plain[n] = '\0';
    size_t len = strlen(sort);
    if (strncmp(plain, sort, len) != 0 || plain[len] != '/')
        return false;
    char *id_text = plain + len + 1, *slash = strchr(id_text, '/');
    if (!slash)
        return false;
    *slash = '\0';
    if (!vcr_parse_u64(id_text, INT64_MAX, &id))
        return false;
    *ret_id = (int64_t)id;
    return vcr_strcpy(key, key_size, slash + 1);
}

static bool whole_number(const char *s, int64_t *ret)
{
    uint64_t v;
    if (!vcr_parse_u64(s + (*s == '-'), INT64_MAX, &v))
        return false;
    *ret = *s == '-' ? -(int64_t)v : (int64_t)v;
    return true;
}

/* key: storage of a text key, borrowed by the query. */
static bool add_cursor(struct query *q, const struct app_tape_filter *f, const struct sort *s, char *key, size_t key_size)
{
    int64_t id, number = 0;
    const char *op = *f->sort == '-' ? "<" : ">";
    if (!read_cursor(f->cursor, f->sort, &id, key, key_size) || (!s->text && !whole_number(key, &number)))
        return false;
    size_t k = add_val(q, s->text ? SQL_T(key) : SQL_I(number)), i = add_val(q, SQL_I(id));
    buf_addf(&q->sql, " AND (%s %s $%zu OR (%s = $%zu AND id %s $%zu))", s->key, op, k, s->key, k, op, i);
    return true;
}

static enum vcr_err each_row(struct sql_rows *rows, const struct app_principal *who, const struct app_tape_filter *f, const struct sort *s, void (*each)(void *, const struct app_tape *), void *arg,
                             char **ret_cursor, struct vcr_why *why)
{
    struct app_tape t = { 0 };
    char *key = NULL;
    int64_t id = 0;
    int n = 0;
    enum vcr_err err;
    while ((err = sql_next(rows, why)) == VCR_OK) {
        if (n++ == f->limit) {
            *ret_cursor = make_cursor(f->sort, id, key);
            break;
        }
        app_tape_read(rows, &t);
        if (!app_tape_inspects(who, &t))
            app_tape_hide(&t);
        each(arg, &t);
        id = t.c[APP_T_ID].i;
        free(key);
        key = s->text ? vcr_strdup(sql_text(rows, APP_T_COLS)) : vcr_asprintf("%" PRId64, sql_int(rows, APP_T_COLS));
    }
    free(key);
    app_tape_free(&t);
    return err == VCR_E_END ? VCR_OK : err;
}

enum vcr_err app_tape_list(struct sql_tx *tx, const struct app_principal *who, const struct app_tape_filter *f, void (*each)(void *arg, const struct app_tape *t),
                           void *arg, char **ret_cursor, struct vcr_why *why)
{
    struct query q = { 0 };
    struct sql_rows *rows = NULL;
    char key[CURSOR_MAX];
    bool has_shared = false; /* who has nothing shared, which is nearly everybody, pays one look for it */
    const struct sort *s = sort_named(f->sort);
    enum vcr_err err = app_shared_any(tx, who, &has_shared, why);
    if (err != VCR_OK)
        return err;
    *ret_cursor = NULL;
    buf_init(&q.sql, 8192);
    buf_addf(&q.sql, "SELECT %s, %s FROM tapes", app_tape_columns(), s->key);
    add_filters(&q, who, has_shared && !f->trashed, f);
    if (f->cursor && !add_cursor(&q, f, s, key, sizeof(key)))
        err = vcr_fail(why, VCR_E_MALFORMED, "cursor: this is no cursor of this list");
    const char *down = *f->sort == '-' ? " DESC" : "";
    buf_addf(&q.sql, " ORDER BY %s%s, id%s LIMIT $%zu", s->key, down, down, add_val(&q, SQL_I(f->limit + 1)));
    if (err == VCR_OK)
        err = sql_query(tx, &rows, q.sql.data, q.vals, q.count, why);
    if (err == VCR_OK)
        err = each_row(rows, who, f, s, each, arg, ret_cursor, why);
    sql_rows_close(&rows);
    for (size_t i = 0; i < q.owned_count; i++)
        free(q.owned[i]);
    buf_free(&q.sql);
    return err;
}
