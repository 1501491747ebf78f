/* app/shares.c - see shares.h. */
#include "app/shares.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "app/audit.h"
#include "app/tapes.h"
#include "base/clock.h"

enum { TOKEN_RAW = 32, HASH = crypto_hash_sha256_BYTES, REMEMBER_MS = 600000 };
#define KEPT_MS (INT64_C(30) * 86400 * 1000) /* an expired link is listed so long */
_Static_assert(VCR_B64URL_BYTES(TOKEN_RAW) == APP_SHARE_TOKEN_BYTES, "a token fits");

#define SHARE_COLUMNS "id, tape_id, user_id, created_at, expires_at, views, email, password_hash"

static void read_share(struct sql_rows *r, struct app_share *s)
{
    *s = (struct app_share){ .id = sql_int(r, 0), .tape_id = sql_int(r, 1), .user_id = sql_int(r, 2), .created_at = sql_int(r, 3), .expires_at = sql_int(r, 4),
                             .views = sql_int(r, 5), .is_link = sql_is_null(r, 6) };
    vcr_strcpy(s->email, sizeof(s->email), s->is_link ? "" : sql_text(r, 6));
    vcr_strcpy(s->password_hash, sizeof(s->password_hash), sql_is_null(r, 7) ? "" : sql_text(r, 7));
}

static void id_json(struct jsonw *j, const char *key, int64_t id)
{
    if (id)
        jsonw_int(j, key, id);
    else
        jsonw_null(j, key);
}

void app_share_json(const struct app_share *s, const char *token, const char *key, struct jsonw *j)
{
    char url[APP_SHARE_TOKEN_BYTES + 48];
    jsonw_open(j, key);
    jsonw_int(j, "id", s->id);
    jsonw_int(j, "tape_id", s->tape_id);
    jsonw_str(j, "role", "viewer");
    jsonw_str(j, "email", s->is_link ? NULL : s->email);
    id_json(j, "user_id", s->views > 0 ? s->user_id : 0); /* sooner it would tell who has an account */
    jsonw_bool(j, "link", s->is_link);
    jsonw_bool(j, "protected", s->password_hash[0] != '\0');
    if (token) {
        snprintf(url, sizeof(url), "/?tape=%" PRId64 "&share=%s", s->tape_id, token);
        jsonw_str(j, "token", token);
        jsonw_str(j, "url", url);
    }
    if (s->expires_at)
        jsonw_time(j, "expires_at", s->expires_at);
    else
        jsonw_null(j, "expires_at");
    jsonw_int(j, "views", s->views);
    jsonw_time(j, "created_at", s->created_at);
    jsonw_close(j);
}

/* What the history and the audit say of it. */
static char *told(const struct app_share *s, bool is_new)
{
    struct buf b;
    struct jsonw j;
    buf_init(&b, 4096);
    jsonw_init(&j, &b);
    jsonw_open(&j, NULL);
    for (int side = 0; side < 2; side++) {
        const char *key = side == 0 ? "before" : "after";
        if (is_new == (side == 0)) {
            jsonw_null(&j, key);
            continue;
        }
        jsonw_open(&j, key);
        jsonw_int(&j, "share_id", s->id);
        jsonw_str(&j, "email", s->is_link ? NULL : s->email);
        jsonw_bool(&j, "link", s->is_link);
        if (s->expires_at)
            jsonw_time(&j, "expires_at", s->expires_at);
        jsonw_close(&j);
    }
    jsonw_close(&j);
    char *text = vcr_strdup(buf_ok(&b) ? b.data : "{}");
    buf_free(&b);
    return text;
}

static enum vcr_err tell(struct sql_tx *tx, const struct app_principal *who, const struct app_share *s, bool is_new, int64_t now_ms, struct vcr_why *why)
{
    char *details = told(s, is_new), *object = vcr_asprintf("tapes/%" PRId64 "/shares/%" PRId64, s->tape_id, s->id);
    enum vcr_err err = app_history_add(tx, s->tape_id, "shared", who->user_id, details, now_ms, why);
    if (err == VCR_OK)
        err = app_audit(tx, who, is_new ? "shared" : "unshared", object, details, now_ms, why);
    free(details);
    free(object);
    return err;
}

static void hash_of(const char *token, uint8_t out[HASH]) { crypto_hash_sha256(out, (const unsigned char *)token, strlen(token)); }

static enum vcr_err number(struct sql_tx *tx, const char *text, const struct sql_val *vals, size_t n, int64_t *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, text, vals, n, why);
    *ret = 0;
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        *ret = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

static enum vcr_err check_new(struct sql_tx *tx, int64_t tape_id, const char *email, int64_t now_ms, int64_t *ret_user, struct vcr_why *why)
{
    int64_t owner = 0, same = 0, count = 0;
    enum vcr_err err = sql_exec(tx, "DELETE FROM shares WHERE tape_id = $1 AND expires_at < $2", SQL_ARGS(SQL_I(tape_id), SQL_I(now_ms - KEPT_MS)), NULL, why);
    if (err == VCR_OK)
        err = number(tx, "SELECT COUNT(*) FROM shares WHERE tape_id = $1", SQL_ARGS(SQL_I(tape_id)), &count, why);
    if (err == VCR_OK && count >= APP_SHARES_MAX)
        return vcr_refuse(why, VCR_E_CONFLICT, "/too-many-shares", "this tape is shared %d times; take one back first", APP_SHARES_MAX);
    if (err != VCR_OK || !email)
        return err;
    err = number(tx, "SELECT id FROM users WHERE email = $1", SQL_ARGS(SQL_T(email)), ret_user, why);
    if (err == VCR_OK)
        err = number(tx, "SELECT user_id FROM tapes WHERE id = $1", SQL_ARGS(SQL_I(tape_id)), &owner, why);
    if (err == VCR_OK)
        err = number(tx, "SELECT id FROM shares WHERE tape_id = $1 AND email = $2", SQL_ARGS(SQL_I(tape_id), SQL_T(email)), &same, why);
    if (err == VCR_OK && same)
        return vcr_refuse(why, VCR_E_CONFLICT, "/already-shared", "this tape is shared with that address already");
    return err == VCR_OK && owner && owner == *ret_user ? vcr_fail(why, VCR_E_INVALID, "is the owner's own") : err;
}

enum vcr_err app_share_create(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, const struct app_share_new *given, int64_t now_ms, struct app_share *ret,
                              char ret_token[APP_SHARE_TOKEN_BYTES], struct vcr_why *why)
{
    uint8_t raw[TOKEN_RAW], hash[HASH];
    struct sql_rows *rows = NULL;
    int64_t user_id = 0;
    ret_token[0] = '\0';
    enum vcr_err err = check_new(tx, tape_id, given->email, now_ms, &user_id, why);
    if (err != VCR_OK)
        return err;
    if (!given->email) {
        vcr_random(raw, sizeof(raw));
        vcr_b64url_encode(ret_token, raw, sizeof(raw));
        hash_of(ret_token, hash);
    }
    err = sql_query(tx, &rows,
                    "INSERT INTO shares(tape_id, created_by, created_at, user_id, email, token_hash, password_hash, expires_at) VALUES($1, $2, $3, $4, $5, $6, $7, $8)"
                    " RETURNING " SHARE_COLUMNS,
                    SQL_ARGS(SQL_I(tape_id), SQL_I(who->user_id), SQL_I(now_ms), user_id ? SQL_I(user_id) : SQL_NUL, SQL_T(given->email),
                             given->email ? SQL_NUL : SQL_BLOB(hash, sizeof(hash)), SQL_T(given->password_hash), given->expires_at ? SQL_I(given->expires_at) : SQL_NUL),
                    why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        read_share(rows, ret);
    sql_rows_close(&rows);
    return err == VCR_OK ? tell(tx, who, ret, true, now_ms, why) : err;
}

enum vcr_err app_share_list(struct sql_tx *tx, int64_t tape_id, int64_t after, int limit, struct jsonw *j, int64_t *ret_last, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    struct app_share s = { 0 };
    int n = 0;
    *ret_last = 0;
    enum vcr_err err = sql_query(tx, &rows, "SELECT " SHARE_COLUMNS " FROM shares WHERE tape_id = $1 AND id > $2 ORDER BY id LIMIT $3",
                                 SQL_ARGS(SQL_I(tape_id), SQL_I(after), SQL_I(limit + 1)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        if (n++ == limit) {
            *ret_last = s.id;
            break;
        }
        read_share(rows, &s);
        app_share_json(&s, NULL, NULL, j);
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

static enum vcr_err find(struct sql_tx *tx, const char *where, const struct sql_val *vals, size_t n, struct app_share *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    char sql[400];
    snprintf(sql, sizeof(sql), "SELECT " SHARE_COLUMNS " FROM shares WHERE %s", where);
    enum vcr_err err = sql_query(tx, &rows, sql, vals, n, why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        read_share(rows, ret);
    sql_rows_close(&rows);
    return err;
}

enum vcr_err app_share_delete(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, int64_t id, int64_t now_ms, struct vcr_why *why)
{
    struct app_share s;
    enum vcr_err err = find(tx, "id = $1 AND tape_id = $2", SQL_ARGS(SQL_I(id), SQL_I(tape_id)), &s, why);
    if (err == VCR_E_END)
        return vcr_fail(why, VCR_E_NOT_FOUND, "this tape has no such share");
    if (err == VCR_OK)
        err = sql_exec(tx, "DELETE FROM shares WHERE id = $1", SQL_ARGS(SQL_I(id)), NULL, why);
    return err == VCR_OK ? tell(tx, who, &s, false, now_ms, why) : err;
}

enum vcr_err app_shares_end(struct sql_tx *tx, int64_t tape_id, struct vcr_why *why)
{
    return sql_exec(tx, "DELETE FROM shares WHERE tape_id = $1", SQL_ARGS(SQL_I(tape_id)), NULL, why);
}

enum vcr_err app_shares_claim(struct sql_tx *tx, int64_t user_id, const char *email, struct vcr_why *why)
{
    return sql_exec(tx, "UPDATE shares SET user_id = $1 WHERE email = $2 AND user_id IS NULL", SQL_ARGS(SQL_I(user_id), SQL_T(email)), NULL, why);
}

/* ---- who it lets in ---- */
static enum vcr_err check_live(enum vcr_err err, const struct app_share *s, int64_t now_ms, struct vcr_why *why)
{
    if (err != VCR_OK && err != VCR_E_END)
        return err;
    bool live = err == VCR_OK && s->is_link && (!s->expires_at || s->expires_at > now_ms);
    return live ? VCR_OK : vcr_refuse(why, VCR_E_NOT_FOUND, "/link-ended", "this link opens nothing, or no more");
}

enum vcr_err app_share_by_token(struct sql_tx *tx, const char *token, int64_t now_ms, struct app_share *ret, struct vcr_why *why)
{
    uint8_t hash[HASH];
    bool whole = strlen(token) == APP_SHARE_TOKEN_BYTES - 1;
    hash_of(whole ? token : "", hash);
    enum vcr_err err = whole ? find(tx, "token_hash = $1", SQL_ARGS(SQL_BLOB(hash, sizeof(hash))), ret, why) : VCR_E_END;
    return check_live(err, ret, now_ms, why);
}

void app_share_become(const struct app_share *s, struct app_principal *ret)
{
    struct app_principal holder = { .role = APP_LINK, .share_id = s->id, .share_tape_id = s->tape_id, .share_expires_ms = s->expires_at };
    memcpy(holder.request_id, ret->request_id, sizeof(holder.request_id));
    memcpy(holder.ip, ret->ip, sizeof(holder.ip));
    *ret = holder; /* and nothing of an account that asked */
}

enum vcr_err app_shared_with(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, bool *ret, struct vcr_why *why)
{
    int64_t id = 0;
    *ret = who->share_id && who->share_tape_id == tape_id;
    if (*ret || !who->user_id)
        return VCR_OK;
    enum vcr_err err = number(tx, "SELECT id FROM shares WHERE user_id = $1 AND tape_id = $2 LIMIT 1", SQL_ARGS(SQL_I(who->user_id), SQL_I(tape_id)), &id, why);
    *ret = id != 0;
    return err;
}

enum vcr_err app_shared_any(struct sql_tx *tx, const struct app_principal *who, bool *ret, struct vcr_why *why)
{
    int64_t id = 0;
    enum vcr_err err = number(tx, "SELECT id FROM shares WHERE user_id = $1 LIMIT 1", SQL_ARGS(SQL_I(who->user_id)), &id, why);
    *ret = id != 0;
    return err;
}

enum vcr_err app_share_viewed(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, struct vcr_why *why)
{
    if (who->share_id)
        return sql_exec(tx, "UPDATE shares SET views = views + 1 WHERE id = $1", SQL_ARGS(SQL_I(who->share_id)), NULL, why);
    return sql_exec(tx, "UPDATE shares SET views = views + 1 WHERE user_id = $1 AND tape_id = $2", SQL_ARGS(SQL_I(who->user_id), SQL_I(tape_id)), NULL, why);
}

int64_t app_person_id(const struct app_principal *who) { return who->share_id ? -who->share_id : who->user_id; }

enum vcr_err app_person(struct sql_tx *tx, int64_t person_id, int64_t now_ms, struct app_principal *ret, struct vcr_why *why)
{
    struct app_user u = { 0 };
    struct app_share s = { 0 };
    memset(ret, 0, sizeof(*ret));
    if (person_id < 0) {
        enum vcr_err err = check_live(find(tx, "id = $1", SQL_ARGS(SQL_I(-person_id)), &s, why), &s, now_ms, why);
        app_share_become(&s, ret);
        return err == VCR_E_NOT_FOUND ? vcr_fail(why, VCR_E_DENIED, "the link that this came by has ended") : err;
    }
    enum vcr_err err = app_user_by_id(tx, person_id, &u, why);
    ret->user_id = person_id;
    ret->role = u.role;
    bool live = err == VCR_OK && !u.disabled;
    app_user_free(&u);
    if (err != VCR_OK && err != VCR_E_NOT_FOUND)
        return err;
    return live ? VCR_OK : vcr_fail(why, VCR_E_DENIED, "the account that made this token has ended");
}

/* ---- passwords that were right ---- */
static void known_key(const struct app *a, int64_t share_id, const char *password, char out[96])
{
    uint8_t key[32], mac[16];
    char hex[33];
    app_key(a, "share password", key);
    crypto_generichash(mac, sizeof(mac), (const unsigned char *)password, strlen(password), key, sizeof(key));
    sodium_memzero(key, sizeof(key));
    vcr_hex(hex, mac, sizeof(mac));
    snprintf(out, 96, "share/%" PRId64 "/%s", share_id, hex);
}

bool app_share_password_known(const struct app *a, int64_t share_id, const char *password)
{
    char key[96], yes;
    size_t len;
    known_key(a, share_id, password, key);
    return cache_get(a->config.cache, key, &yes, sizeof(yes), &len);
}

void app_share_password_remember(const struct app *a, int64_t share_id, const char *password)
{
    char key[96];
    known_key(a, share_id, password, key);
    cache_set(a->config.cache, key, "y", 1, REMEMBER_MS);
}
