/* app/invitations.c - see invitations.h. */
#include "app/invitations.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "app/audit.h"

enum { RAW = 32, HASH = crypto_hash_sha256_BYTES };

static void hash_of(const char *token, uint8_t out[HASH]) { crypto_hash_sha256(out, (const unsigned char *)token, strlen(token)); }

static enum vcr_err refused(struct vcr_why *why)
{
    return vcr_refuse(why, VCR_E_DENIED, "/no-invitation", "this invitation is none, has run out, was used, or is for another e-mail address");
}

static enum vcr_err audit(struct sql_tx *tx, const struct app_principal *who, const char *action, int64_t id, enum app_role role, int64_t now_ms, struct vcr_why *why)
{
    char object[APP_AUDIT_OBJECT_BYTES], details[60];
    snprintf(object, sizeof(object), "invitations/%" PRId64, id);
    snprintf(details, sizeof(details), "{\"role\":\"%s\"}", app_role_name(role));
    return app_audit(tx, who, action, object, role != APP_ANONYMOUS ? details : NULL, now_ms, why);
}

enum vcr_err app_invitation_create(struct sql_tx *tx, const struct app_principal *who, const char *email, enum app_role role, int64_t expires_ms, int64_t now_ms, int64_t *ret_id,
                                   char ret_token[APP_INVITE_TEXT], struct vcr_why *why)
{
    uint8_t raw[RAW], hash[HASH];
    struct sql_rows *rows = NULL;
    vcr_random(raw, sizeof(raw));
    vcr_b64url_encode(ret_token, raw, sizeof(raw));
    hash_of(ret_token, hash);
    enum vcr_err err = sql_query(tx, &rows, "INSERT INTO invitations (hash, created_by, email, role, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
                                 SQL_ARGS(SQL_BLOB(hash, sizeof(hash)), SQL_I(who->user_id), SQL_T(email), SQL_T(app_role_name(role)), SQL_I(now_ms), SQL_I(expires_ms)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        *ret_id = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err == VCR_OK ? audit(tx, who, "invitation_created", *ret_id, role, now_ms, why) : err;
}

enum vcr_err app_invitation_find(struct sql_tx *tx, const char *token, const char *email, int64_t now_ms, struct app_invitation *ret, struct vcr_why *why)
{
    uint8_t hash[HASH];
    struct sql_rows *rows = NULL;
    bool fits = false;
    hash_of(token, hash);
    enum vcr_err err = sql_query(tx, &rows, "SELECT id, role, email FROM invitations WHERE hash = $1 AND used_at IS NULL AND expires_at > $2",
                                 SQL_ARGS(SQL_BLOB(hash, sizeof(hash)), SQL_I(now_ms)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK) {
        ret->id = sql_int(rows, 0);
        ret->role = app_role_by_name(sql_text(rows, 1));
        fits = sql_is_null(rows, 2) || strcmp(sql_text(rows, 2), email) == 0;
    }
    sql_rows_close(&rows);
    if (err != VCR_OK && err != VCR_E_END)
        return err;
    return fits ? VCR_OK : refused(why);
}

enum vcr_err app_invitation_use(struct sql_tx *tx, int64_t id, int64_t user_id, int64_t now_ms, struct vcr_why *why)
{
    int64_t changed = 0;
    enum vcr_err err = sql_exec(tx, "UPDATE invitations SET used_at = $2, used_by = $3 WHERE id = $1 AND used_at IS NULL AND expires_at > $2",
                                SQL_ARGS(SQL_I(id), SQL_I(now_ms), SQL_I(user_id)), &changed, why);
    return err == VCR_OK && changed == 0 ? refused(why) : err;
}

/* ---- lists ---- */
#define COLUMNS "id, email, role, created_by, created_at, expires_at, used_at, used_by"

static void int_or_null(struct jsonw *j, const char *key, struct sql_rows *rows, int col)
{
    if (sql_is_null(rows, col))
        jsonw_null(j, key);
    else
        jsonw_int(j, key, sql_int(rows, col));
}

static void members(struct sql_rows *rows, struct jsonw *j)
{
    jsonw_int(j, "id", sql_int(rows, 0));
    jsonw_str(j, "email", sql_is_null(rows, 1) ? NULL : sql_text(rows, 1));
    jsonw_str(j, "role", sql_text(rows, 2));
    int_or_null(j, "created_by", rows, 3);
    jsonw_time(j, "created_at", sql_int(rows, 4));
    jsonw_time(j, "expires_at", sql_int(rows, 5));
    if (sql_is_null(rows, 6))
        jsonw_null(j, "used_at");
    else
        jsonw_time(j, "used_at", sql_int(rows, 6));
    int_or_null(j, "used_by", rows, 7);
}

enum vcr_err app_invitation_json(struct sql_tx *tx, int64_t id, struct jsonw *j, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT " COLUMNS " FROM invitations WHERE id = $1", SQL_ARGS(SQL_I(id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        members(rows, j);
    sql_rows_close(&rows);
    return err == VCR_E_END ? vcr_fail(why, VCR_E_NOT_FOUND, "there is no such invitation") : err;
}

enum vcr_err app_invitation_list(struct sql_tx *tx, int64_t before, int limit, struct jsonw *j, int64_t *ret_last, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    int64_t last = 0;
    int n = 0;
    *ret_last = 0;
    enum vcr_err err = sql_query(tx, &rows, "SELECT " COLUMNS " FROM invitations WHERE id < $1 ORDER BY id DESC LIMIT $2",
                                 SQL_ARGS(SQL_I(before ? before : INT64_MAX), SQL_I(limit + 1)), why);
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

enum vcr_err app_invitation_remove(struct sql_tx *tx, const struct app_principal *who, int64_t id, int64_t now_ms, struct vcr_why *why)
{
    int64_t changed = 0;
    enum vcr_err err = sql_exec(tx, "DELETE FROM invitations WHERE id = $1", SQL_ARGS(SQL_I(id)), &changed, why);
    if (err == VCR_OK && changed == 0)
        return vcr_fail(why, VCR_E_NOT_FOUND, "there is no such invitation");
    return err == VCR_OK ? audit(tx, who, "invitation_removed", id, APP_ANONYMOUS, now_ms, why) : err;
}
