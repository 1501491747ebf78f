/* app/api_tokens.c - see api_tokens.h. */
#include "app/api_tokens.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "app/audit.h"
#include "base/clock.h"
#include "base/log.h"

enum { RAW = 32, HASH = crypto_hash_sha256_BYTES, HINT_CHARS = 9, USED_EVERY_MS = 60000 };

static const struct { const char *name; unsigned scope; } scopes[] = {
    { "read", APP_SCOPE_READ }, { "write", APP_SCOPE_WRITE }, { "play", APP_SCOPE_PLAY }, { "admin", APP_SCOPE_ADMIN },
};

unsigned app_scope_by_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
        if (strcmp(scopes[i].name, name) == 0)
            return scopes[i].scope;
    return 0;
}

/* As kept: their names with spaces between. */
static unsigned scopes_of(const char *text)
{
    unsigned all = 0;
    char name[16];
    for (const char *p = text; *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        snprintf(name, sizeof(name), "%.*s", (int)n, p);
        all |= app_scope_by_name(name);
        p += n;
    }
    return all;
}

static void scopes_text(unsigned mask, char out[40])
{
    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
        if (mask & scopes[i].scope) {
            if (*out)
                strcat(out, " ");
            strcat(out, scopes[i].name);
        }
}

bool app_is_api_token(const char *token) { return strncmp(token, APP_API_TOKEN_PREFIX, sizeof(APP_API_TOKEN_PREFIX) - 1) == 0; }

static void hash_of(const char *token, uint8_t out[HASH]) { crypto_hash_sha256(out, (const unsigned char *)token, strlen(token)); }

enum vcr_err app_api_token_authenticate(struct sql_tx *tx, const char *token, int64_t now_ms, struct app_principal *ret, bool *ret_stale, struct vcr_why *why)
{
    uint8_t hash[HASH];
    struct sql_rows *rows = NULL;
    bool live = false;
    if (strlen(token) >= APP_API_TOKEN_TEXT)
        return vcr_fail(why, VCR_E_AUTH, "this token is none, or it has ended");
    hash_of(token, hash);
    enum vcr_err err = sql_query(tx, &rows, "SELECT t.id, t.user_id, t.scopes, t.expires_at, t.last_used_at, u.role, u.disabled FROM api_tokens t JOIN users u ON u.id = t.user_id "
                                            "WHERE t.hash = $1", SQL_ARGS(SQL_BLOB(hash, sizeof(hash))), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK) {
        live = !sql_bool(rows, 6) && (sql_is_null(rows, 3) || sql_int(rows, 3) > now_ms);
        ret->role = app_role_by_name(sql_text(rows, 5));
        ret->scopes = scopes_of(sql_text(rows, 2));
        *ret_stale = sql_is_null(rows, 4) || now_ms - sql_int(rows, 4) > USED_EVERY_MS;
    }
    if (err == VCR_OK && live && ret->role != APP_ANONYMOUS) {
        ret->api_token_id = sql_int(rows, 0);
        ret->user_id = sql_int(rows, 1);
        if (ret->role == APP_ADMIN && !(ret->scopes & APP_SCOPE_ADMIN))
            ret->role = APP_ARCHIVIST;
    }
    sql_rows_close(&rows);
    if (err != VCR_OK && err != VCR_E_END)
        return err;
    return ret->user_id ? VCR_OK : vcr_fail(why, VCR_E_AUTH, "this token is none, or it has ended");
}

/* ---- its last use ---- */
struct used { struct sql_job job; int64_t id, now_ms; char ip[48]; };

static enum vcr_err used_work(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why)
{
    const struct used *u = container_of(job, struct used, job);
    return sql_exec(tx, "UPDATE api_tokens SET last_used_at = $2, last_used_ip = $3 WHERE id = $1", SQL_ARGS(SQL_I(u->id), SQL_I(u->now_ms), SQL_T(u->ip)), NULL, why);
}

static void used_done(struct sql_job *job)
{
    if (job->err != VCR_OK)
        log_warn("accounts", "when a token was used was not kept: %s", job->why.text);
    free(container_of(job, struct used, job));
}

void app_api_token_used(const struct app *a, const struct app_principal *who, int64_t now_ms)
{
    struct vcr_why why;
    struct used *u = vcr_alloc(sizeof(*u));
    *u = (struct used){ .job = { .mode = SQL_WRITE, .work = used_work, .done = used_done, .deadline_us = clock_mono_us() + 10000000 }, .id = who->api_token_id, .now_ms = now_ms };
    vcr_strcpy(u->ip, sizeof(u->ip), who->ip);
    if (sql_submit(a->config.db, &u->job, &why) == VCR_OK)
        return;
    log_warn("accounts", "when a token was used was not kept: %s", why.text);
    free(u);
}

/* ---- lists and changes ---- */
#define COLUMNS "id, name, scopes, hint, created_at, expires_at, last_used_at, last_used_ip"

static void time_or_null(struct jsonw *j, const char *key, struct sql_rows *rows, int col)
{
    if (sql_is_null(rows, col))
        jsonw_null(j, key);
    else
        jsonw_time(j, key, sql_int(rows, col));
}

static void members(struct sql_rows *rows, struct jsonw *j)
{
    unsigned mask = scopes_of(sql_text(rows, 2));
    jsonw_int(j, "id", sql_int(rows, 0));
    jsonw_str(j, "name", sql_text(rows, 1));
    jsonw_open_array(j, "scopes");
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
        if (mask & scopes[i].scope)
            jsonw_str(j, NULL, scopes[i].name);
    jsonw_close_array(j);
    jsonw_str(j, "hint", sql_text(rows, 3));
    jsonw_time(j, "created_at", sql_int(rows, 4));
    time_or_null(j, "expires_at", rows, 5);
    time_or_null(j, "last_used_at", rows, 6);
    jsonw_str(j, "last_used_ip", sql_is_null(rows, 7) ? NULL : sql_text(rows, 7));
}

enum vcr_err app_api_token_json(struct sql_tx *tx, const struct app_principal *who, int64_t id, struct jsonw *j, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT " COLUMNS " FROM api_tokens WHERE id = $1 AND user_id = $2", SQL_ARGS(SQL_I(id), SQL_I(who->user_id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        members(rows, j);
    sql_rows_close(&rows);
    return err == VCR_E_END ? vcr_fail(why, VCR_E_NOT_FOUND, "there is no such token") : err;
}

enum vcr_err app_api_token_list(struct sql_tx *tx, const struct app_principal *who, int64_t after, int limit, struct jsonw *j, int64_t *ret_last, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    int64_t last = 0;
    int n = 0;
    *ret_last = 0;
    enum vcr_err err = sql_query(tx, &rows, "SELECT " COLUMNS " FROM api_tokens WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3",
                                 SQL_ARGS(SQL_I(who->user_id), SQL_I(after), SQL_I(limit + 1)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        if (n++ == limit) {
            *ret_last = last;
            err = VCR_E_END;
            break;
        }
        last = sql_int(rows, 0);
        jsonw_open(j, NULL);
        members(rows, j);
        jsonw_close(j);
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

static enum vcr_err audit(struct sql_tx *tx, const struct app_principal *who, const char *action, int64_t id, const char *scopes_or_null, int64_t now_ms, struct vcr_why *why)
{
    char object[APP_AUDIT_OBJECT_BYTES], details[80];
    snprintf(object, sizeof(object), "users/me/tokens/%" PRId64, id);
    snprintf(details, sizeof(details), "{\"scopes\":\"%s\"}", scopes_or_null ? scopes_or_null : "");
    return app_audit(tx, who, action, object, scopes_or_null ? details : NULL, now_ms, why);
}

enum vcr_err app_api_token_create(struct sql_tx *tx, const struct app_principal *who, const char *name, unsigned mask, int64_t expires_ms, int64_t now_ms,
                                  char ret_token[APP_API_TOKEN_TEXT], int64_t *ret_id, struct vcr_why *why)
{
    uint8_t raw[RAW], hash[HASH];
    char text[40], hint[16];
    struct sql_rows *rows = NULL;
    vcr_random(raw, sizeof(raw));
    strcpy(ret_token, APP_API_TOKEN_PREFIX);
    vcr_b64url_encode(ret_token + sizeof(APP_API_TOKEN_PREFIX) - 1, raw, sizeof(raw));
    hash_of(ret_token, hash);
    scopes_text(mask, text);
    snprintf(hint, sizeof(hint), "%.*s", HINT_CHARS, ret_token);
    enum vcr_err err = sql_query(tx, &rows,
                                 "INSERT INTO api_tokens (user_id, name, scopes, hash, hint, created_at, expires_at) SELECT $1, $2, $3, $4, $5, $6, $7 "
                                 "WHERE (SELECT COUNT(*) FROM api_tokens WHERE user_id = $1) < $8 RETURNING id",
                                 SQL_ARGS(SQL_I(who->user_id), SQL_T(name), SQL_T(text), SQL_BLOB(hash, sizeof(hash)), SQL_T(hint), SQL_I(now_ms),
                                          expires_ms ? SQL_I(expires_ms) : SQL_NUL, SQL_I(APP_API_TOKENS_MAX)),
                                 why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        *ret_id = sql_int(rows, 0);
    sql_rows_close(&rows);
    if (err == VCR_E_END)
        return vcr_refuse(why, VCR_E_CONFLICT, "/too-many-tokens", "there are %d tokens already: take one away first", APP_API_TOKENS_MAX);
    return err == VCR_OK ? audit(tx, who, "token_created", *ret_id, text, now_ms, why) : err;
}

enum vcr_err app_api_token_remove(struct sql_tx *tx, const struct app_principal *who, int64_t id, int64_t now_ms, struct vcr_why *why)
{
    int64_t changed = 0;
    enum vcr_err err = sql_exec(tx, "DELETE FROM api_tokens WHERE id = $1 AND user_id = $2", SQL_ARGS(SQL_I(id), SQL_I(who->user_id)), &changed, why);
    if (err == VCR_OK && changed == 0)
        return vcr_fail(why, VCR_E_NOT_FOUND, "there is no such token");
    return err == VCR_OK ? audit(tx, who, "token_removed", id, NULL, now_ms, why) : err;
}
