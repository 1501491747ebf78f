/* app/tokens.c - access, refresh and CSRF tokens of a log-in, and who they speak for. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "app/accounts.h"
#include "app/audit.h"
#include "wire/jwt.h"

#define ISSUER "vcr-online"
#define AUDIENCE "vcr-api"
enum { REFRESH_RAW = 32, HASH = crypto_hash_sha256_BYTES };

static void access_key(const struct app *a, struct jwt_key *ret)
{
    uint8_t id[32];
    app_key(a, "access", ret->key);
    app_key(a, "access key id", id);
    vcr_hex(ret->kid, id, (JWT_KID_BYTES - 1) / 2);
}

static void make_access(const struct app *a, int64_t user_id, const char *family, int64_t now_ms, char *out, size_t size)
{
    struct jwt_key key;
    struct buf text;
    struct jwt_claims c = { .iss = ISSUER, .aud = AUDIENCE, .sub = user_id, .iat = now_ms / 1000, .nbf = now_ms / 1000, .exp = now_ms / 1000 + APP_ACCESS_S };
    vcr_strcpy(c.fam, sizeof(c.fam), family);
    access_key(a, &key);
    buf_init(&text, JWT_MAX_BYTES);
    jwt_sign(&text, &key, &c);
    vcr_strcpy(out, size, text.data);
    buf_free(&text);
    sodium_memzero(&key, sizeof(key));
}

static void hash_of(const char *token, uint8_t out[HASH])
{
    crypto_hash_sha256(out, (const unsigned char *)token, strlen(token));
}

static enum vcr_err issue(const struct app *a, struct sql_tx *tx, int64_t user_id, const char *family, int64_t now_ms, struct app_login *ret, struct vcr_why *why)
{
    uint8_t raw[REFRESH_RAW], hash[HASH];
    vcr_random(raw, sizeof(raw));
    vcr_b64url_encode(ret->refresh, raw, sizeof(raw));
    hash_of(ret->refresh, hash);
    vcr_strcpy(ret->family, sizeof(ret->family), family);
    make_access(a, user_id, family, now_ms, ret->access, sizeof(ret->access));
    app_csrf_token(a, family, ret->csrf);
    return sql_exec(tx, "INSERT INTO refresh_tokens (hash, family, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
                    SQL_ARGS(SQL_BLOB(hash, sizeof(hash)), SQL_T(family), SQL_I(user_id), SQL_I(now_ms), SQL_I(now_ms + APP_REFRESH_MS)), NULL, why);
}

enum vcr_err app_login_begin(const struct app *a, struct sql_tx *tx, int64_t user_id, const struct app_principal *asker, const char *user_agent, int64_t now_ms, struct app_login *ret,
                             struct vcr_why *why)
{
    char family[VCR_UUID_BYTES];
    vcr_uuid7(family);
    enum vcr_err err = app_login_note(tx, family, user_id, asker, user_agent, now_ms, why);
    return err == VCR_OK ? issue(a, tx, user_id, family, now_ms, ret, why) : err;
}

struct stored { char family[VCR_UUID_BYTES]; int64_t user_id, expires_at; bool used, revoked; };

static enum vcr_err find_refresh(struct sql_tx *tx, const uint8_t hash[HASH], struct stored *s, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT family, user_id, expires_at, used_at, revoked_at FROM refresh_tokens WHERE hash = $1",
                                 SQL_ARGS(SQL_BLOB(hash, HASH)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK) {
        vcr_strcpy(s->family, sizeof(s->family), sql_text(rows, 0));
        s->user_id = sql_int(rows, 1);
        s->expires_at = sql_int(rows, 2);
        s->used = !sql_is_null(rows, 3);
        s->revoked = !sql_is_null(rows, 4);
    }
    sql_rows_close(&rows);
    return err;
}

enum vcr_err app_login_refresh(const struct app *a, struct sql_tx *tx, const char *refresh, const struct app_principal *asker, const char *user_agent, int64_t now_ms,
                               struct app_login *ret, struct app_user *ret_user, bool *ret_revoked, struct vcr_why *why)
{
    uint8_t hash[HASH];
    struct stored s;
    *ret_revoked = false;
    hash_of(refresh, hash);
    enum vcr_err err = find_refresh(tx, hash, &s, why);
    if (err != VCR_OK && err != VCR_E_END)
        return err;
    if (err == VCR_E_END || s.revoked || s.expires_at <= now_ms)
        return vcr_fail(why, VCR_E_AUTH, "this log-in has ended; log in again");
    if (s.used) {
        err = app_login_end(tx, s.family, now_ms, why);
        struct app_principal whose = *asker;
        whose.user_id = s.user_id;
        if (err == VCR_OK)
            err = app_audit(tx, &whose, "refresh_token_reused", NULL, NULL, now_ms, why);
        *ret_revoked = err == VCR_OK;
        return err != VCR_OK ? err : vcr_fail(why, VCR_E_AUTH, "this refresh token was used before; all its successors are revoked");
    }
    err = app_user_by_id(tx, s.user_id, ret_user, why);
    if (err != VCR_OK)
        return err;
    if (ret_user->disabled)
        return vcr_fail(why, VCR_E_AUTH, "this log-in has ended; log in again");
    err = sql_exec(tx, "UPDATE refresh_tokens SET used_at = $1 WHERE hash = $2", SQL_ARGS(SQL_I(now_ms), SQL_BLOB(hash, HASH)), NULL, why);
    if (err == VCR_OK)
        err = app_login_note(tx, s.family, s.user_id, asker, user_agent, now_ms, why);
    return err == VCR_OK ? issue(a, tx, s.user_id, s.family, now_ms, ret, why) : err;
}

enum vcr_err app_login_end(struct sql_tx *tx, const char *family, int64_t now_ms, struct vcr_why *why)
{
    enum vcr_err err = sql_exec(tx, "UPDATE logins SET revoked_at = $1 WHERE family = $2 AND revoked_at IS NULL", SQL_ARGS(SQL_I(now_ms), SQL_T(family)), NULL, why);
    return err == VCR_OK ? sql_exec(tx, "UPDATE refresh_tokens SET revoked_at = $1 WHERE family = $2 AND revoked_at IS NULL", SQL_ARGS(SQL_I(now_ms), SQL_T(family)), NULL, why) : err;
}

enum vcr_err app_login_end_others(struct sql_tx *tx, int64_t user_id, const char *keep_family, int64_t now_ms, struct vcr_why *why)
{
    enum vcr_err err = sql_exec(tx, "UPDATE logins SET revoked_at = $1 WHERE user_id = $2 AND family <> $3 AND revoked_at IS NULL",
                                SQL_ARGS(SQL_I(now_ms), SQL_I(user_id), SQL_T(keep_family)), NULL, why);
    if (err != VCR_OK)
        return err;
    return sql_exec(tx, "UPDATE refresh_tokens SET revoked_at = $1 WHERE user_id = $2 AND family <> $3 AND revoked_at IS NULL",
                    SQL_ARGS(SQL_I(now_ms), SQL_I(user_id), SQL_T(keep_family)), NULL, why);
}

enum vcr_err app_authenticate(const struct app *a, struct sql_tx *tx, const char *token, int64_t now_ms, struct app_principal *ret, struct vcr_why *why)
{
    struct jwt_key key;
    struct jwt_claims c;
    access_key(a, &key);
    enum vcr_err err = jwt_verify(&c, token, strlen(token), &key, 1, ISSUER, AUDIENCE, now_ms / 1000, why);
    sodium_memzero(&key, sizeof(key));
    if (err != VCR_OK)
        return err;
    struct sql_rows *rows = NULL;
    bool live = false;
    err = sql_query(tx, &rows,
                    "SELECT u.role, u.disabled FROM logins l JOIN users u ON u.id = l.user_id WHERE l.family = $2 AND l.user_id = $1 AND l.revoked_at IS NULL",
                    SQL_ARGS(SQL_I(c.sub), SQL_T(c.fam)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK) {
        live = !sql_bool(rows, 1);
        ret->role = app_role_by_name(sql_text(rows, 0));
    }
    sql_rows_close(&rows);
    if (err != VCR_OK && err != VCR_E_END)
        return err;
    if (!live || ret->role == APP_ANONYMOUS)
        return vcr_fail(why, VCR_E_AUTH, "this log-in has ended; log in again");
    ret->user_id = c.sub;
    vcr_strcpy(ret->family, sizeof(ret->family), c.fam);
    return VCR_OK;
}

void app_csrf_token(const struct app *a, const char *family, char ret[APP_TOKEN_TEXT])
{
    uint8_t key[32], mac[32];
    app_key(a, "csrf", key);
    crypto_generichash(mac, sizeof(mac), (const unsigned char *)family, strlen(family), key, sizeof(key));
    vcr_b64url_encode(ret, mac, sizeof(mac));
}

bool app_csrf_matches(const struct app *a, const char *family, const char *token)
{
    char want[APP_TOKEN_TEXT];
    app_csrf_token(a, family, want);
    return token && strlen(token) == strlen(want) && sodium_memcmp(token, want, strlen(want)) == 0;
}
