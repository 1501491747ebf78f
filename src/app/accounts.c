/* app/accounts.c - accounts: registration, look-up, change, passwords. */
#include "app/accounts.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "app/invitations.h"
#include "app/shares.h"
#include "app/tapes.h"

void app_user_free(struct app_user *u)
{
    free(u->display_name);
    free(u->settings);
    u->display_name = u->settings = NULL;
}

bool app_email_normal(const char *text, char out[APP_EMAIL_BYTES])
{
    size_t len = strlen(text);
    const char *at = strrchr(text, '@');
    if (len > 254 || !at || at == text || !at[1] || strchr(text, '@') != at || at[1] == '.' || text[len - 1] == '.')
        return false;
    for (size_t i = 0; i <= len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c && (c <= ' ' || c == 0x7F || c == '"' || c == '<' || c == '>' || c == ','))
            return false;
        out[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    return true;
}

enum vcr_err app_password_check(const char *password, struct vcr_why *why)
{
    size_t len = strlen(password);
    if (len < APP_PASSWORD_MIN)
        return vcr_fail(why, VCR_E_INVALID, "a password has at least %d characters", APP_PASSWORD_MIN);
    if (len > APP_PASSWORD_MAX)
        return vcr_fail(why, VCR_E_INVALID, "a password has at most %d bytes", APP_PASSWORD_MAX);
    return VCR_OK;
}

enum vcr_err app_password_hash(const struct app *a, const char *password, char ret[APP_HASH_TEXT], struct vcr_why *why)
{
    if (crypto_pwhash_str(ret, password, strlen(password), a->config.password_ops, a->config.password_mem_bytes) != 0)
        return vcr_fail(why, VCR_E_BUSY, "the server is too busy; try again");
    return VCR_OK;
}

bool app_password_matches(const struct app *a, const char *hash, const char *password)
{
    bool known = hash && *hash;
    int rc = crypto_pwhash_str_verify(known ? hash : a->dummy_hash, password, strlen(password));
    return known && rc == 0;
}

enum vcr_err app_users_none(struct sql_tx *tx, bool *ret_none, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT 1 FROM users LIMIT 1", SQL_NONE, why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    sql_rows_close(&rows);
    if (err != VCR_OK && err != VCR_E_END)
        return err;
    *ret_none = err == VCR_E_END;
    return VCR_OK;
}

enum vcr_err app_register_allowed(const struct app *a, struct sql_tx *tx, struct vcr_why *why)
{
    bool none = false;
    enum vcr_err err = app_users_none(tx, &none, why);
    if (err != VCR_OK || none || a->config.registration == APP_REGISTRATION_OPEN)
        return err;
    return vcr_fail(why, VCR_E_DENIED, "this server takes no new accounts by itself; ask its owner");
}

enum vcr_err app_register(const struct app *a, struct sql_tx *tx, const char *email, const char *hash, const struct app_invitation *invitation, int64_t now_ms, struct app_user *ret, struct vcr_why *why)
{
    bool none = false;
    int64_t id = 0;
    struct sql_rows *rows = NULL;
    enum vcr_err err = invitation ? VCR_OK : app_register_allowed(a, tx, why);
    enum app_role role = invitation ? invitation->role : APP_USER;
    if (err == VCR_OK)
        err = app_users_none(tx, &none, why);
    if (err != VCR_OK)
        return err;
    err = sql_query(tx, &rows, "INSERT INTO users (email, password_hash, role, created_at) VALUES ($1, $2, $3, $4) RETURNING id",
                    SQL_ARGS(SQL_T(email), SQL_T(hash), SQL_T(app_role_name(none ? APP_ADMIN : role)), SQL_I(now_ms)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        id = sql_int(rows, 0);
    sql_rows_close(&rows);
    if (err == VCR_E_CONFLICT)
        return vcr_refuse(why, VCR_E_CONFLICT, "/email-taken", "there is an account with this e-mail address already");
    if (err == VCR_OK && invitation)
        err = app_invitation_use(tx, invitation->id, id, now_ms, why);
    if (err == VCR_OK)
        err = app_shares_claim(tx, id, email, why);
    if (err == VCR_OK && none && a->config.demo)
        err = app_demo_tapes(tx, id, now_ms, why);
    return err == VCR_OK ? app_user_by_id(tx, id, ret, why) : err;
}

void app_user_read(struct sql_rows *rows, struct app_user *u)
{
    app_user_free(u);
    u->id = sql_int(rows, 0);
    vcr_strcpy(u->email, sizeof(u->email), sql_text(rows, 1));
    vcr_strcpy(u->password_hash, sizeof(u->password_hash), sql_text(rows, 2));
    u->role = app_role_by_name(sql_text(rows, 3));
    u->created_at = sql_int(rows, 4);
    u->display_name = vcr_strdup(sql_text(rows, 5));
    u->settings = vcr_strdup(sql_text(rows, 6));
    u->disabled = sql_bool(rows, 7);
    u->revision = sql_int(rows, 8);
}

static enum vcr_err find_user(struct sql_tx *tx, const char *sql, struct sql_val key, struct app_user *u, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, sql, &key, 1, why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        app_user_read(rows, u);
    sql_rows_close(&rows);
    return err == VCR_E_END ? vcr_fail(why, VCR_E_NOT_FOUND, "there is no such account") : err;
}

enum vcr_err app_user_by_email(struct sql_tx *tx, const char *email, struct app_user *ret, struct vcr_why *why)
{
    return find_user(tx, "SELECT " APP_USER_COLUMNS " FROM users WHERE email = $1", SQL_T(email), ret, why);
}

enum vcr_err app_user_by_id(struct sql_tx *tx, int64_t id, struct app_user *ret, struct vcr_why *why)
{
    return find_user(tx, "SELECT " APP_USER_COLUMNS " FROM users WHERE id = $1", SQL_I(id), ret, why);
}

enum vcr_err app_user_edit(struct sql_tx *tx, int64_t id, const struct app_user_change *c, struct vcr_why *why)
{
    enum vcr_err err = sql_exec(tx,
                                "UPDATE users SET display_name = COALESCE($2, display_name), settings = COALESCE($3, settings), email = COALESCE($4, email), "
                                "password_hash = COALESCE($5, password_hash), revision = revision + 1 WHERE id = $1",
                                SQL_ARGS(SQL_I(id), SQL_T(c->display_name), SQL_T(c->settings), SQL_T(c->email), SQL_T(c->hash)), NULL, why);
    if (err == VCR_E_CONFLICT)
        return vcr_refuse(why, VCR_E_CONFLICT, "/email-taken", "there is an account with this e-mail address already");
    return err == VCR_OK && c->email ? app_shares_claim(tx, id, c->email, why) : err;
}
