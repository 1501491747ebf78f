/* app/totp.c - see totp.h. */
#include "app/totp.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "app/audit.h"

#define PURPOSE "totp"
enum { HASH = crypto_hash_sha256_BYTES, RECOVERY_RAW = 10 };

struct row { char *sealed; int64_t created_at, last_step; bool there, on; };

static enum vcr_err find(struct sql_tx *tx, int64_t user_id, struct row *r, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    *r = (struct row){ 0 };
    enum vcr_err err = sql_query(tx, &rows, "SELECT secret, created_at, confirmed_at, last_step FROM totp WHERE user_id = $1", SQL_ARGS(SQL_I(user_id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK) {
        *r = (struct row){ .sealed = vcr_strdup(sql_text(rows, 0)), .created_at = sql_int(rows, 1), .last_step = sql_int(rows, 3), .there = true, .on = !sql_is_null(rows, 2) };
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

static enum vcr_err on_already(struct vcr_why *why) { return vcr_refuse(why, VCR_E_CONFLICT, "/totp-on", "the second factor is on already"); }

/* Sealed is the secret in hex, and whose it is: a row copied to another account opens nothing. */
static char *seal(const struct app *a, int64_t user_id, const uint8_t secret[TOTP_SECRET_BYTES])
{
    char hex[2 * TOTP_SECRET_BYTES + 1], text[80];
    vcr_hex(hex, secret, TOTP_SECRET_BYTES);
    snprintf(text, sizeof(text), "%" PRId64 ":%s", user_id, hex);
    char *sealed = app_seal(a, PURPOSE, text);
    sodium_memzero(hex, sizeof(hex));
    sodium_memzero(text, sizeof(text));
    return sealed;
}

static enum vcr_err unseal(const struct app *a, int64_t user_id, const struct row *r, uint8_t ret[TOTP_SECRET_BYTES], struct vcr_why *why)
{
    char *text = app_unseal(a, PURPOSE, r->sealed), whose[32];
    size_t n = (size_t)snprintf(whose, sizeof(whose), "%" PRId64 ":", user_id), len = 0;
    bool good = text && strncmp(text, whose, n) == 0 && sodium_hex2bin(ret, TOTP_SECRET_BYTES, text + n, strlen(text + n), NULL, &len, NULL) == 0 && len == TOTP_SECRET_BYTES;
    if (text)
        sodium_memzero(text, strlen(text));
    free(text);
    return good ? VCR_OK : vcr_fail(why, VCR_E_INTERNAL, "the second factor of account %" PRId64 " cannot be read: is the secret file another one?", user_id);
}

enum vcr_err app_totp_begin(const struct app *a, struct sql_tx *tx, int64_t user_id, int64_t now_ms, char ret_secret[TOTP_BASE32_BYTES], struct vcr_why *why)
{
    struct row r;
    uint8_t secret[TOTP_SECRET_BYTES];
    enum vcr_err err = find(tx, user_id, &r, why);
    free(r.sealed);
    if (err != VCR_OK || r.on)
        return err != VCR_OK ? err : on_already(why);
    vcr_random(secret, sizeof(secret));
    totp_base32(ret_secret, secret, sizeof(secret));
    char *sealed = seal(a, user_id, secret);
    sodium_memzero(secret, sizeof(secret));
    err = sql_exec(tx, "INSERT INTO totp (user_id, secret, created_at) VALUES ($1, $2, $3) ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at",
                   SQL_ARGS(SQL_I(user_id), SQL_T(sealed), SQL_I(now_ms)), NULL, why);
    free(sealed);
    return err;
}

/* ---- recovery codes ---- */
/* As typed, without signs between: upper case letters and digits. Its length, 0 when it is no such code. */
static size_t normal(const char *code, char out[APP_RECOVERY_BYTES])
{
    size_t n = 0;
    for (; *code; code++) {
        char c = (char)(*code >= 'a' && *code <= 'z' ? *code - 32 : *code);
        if (c == '-' || c == ' ')
            continue;
        if (n == APP_RECOVERY_BYTES - 1)
            return 0;
        out[n++] = c;
    }
    out[n] = '\0';
    return n == 16 ? n : 0;
}

static enum vcr_err make_codes(struct sql_tx *tx, int64_t user_id, char ret[APP_RECOVERY_CODES][APP_RECOVERY_BYTES], struct vcr_why *why)
{
    enum vcr_err err = sql_exec(tx, "DELETE FROM recovery_codes WHERE user_id = $1", SQL_ARGS(SQL_I(user_id)), NULL, why);
    for (int i = 0; i < APP_RECOVERY_CODES && err == VCR_OK; i++) {
        uint8_t raw[RECOVERY_RAW], hash[HASH];
        char text[17];
        vcr_random(raw, sizeof(raw));
        totp_base32(text, raw, sizeof(raw));
        crypto_hash_sha256(hash, (const unsigned char *)text, 16);
        snprintf(ret[i], APP_RECOVERY_BYTES, "%.4s-%.4s-%.4s-%.4s", text, text + 4, text + 8, text + 12);
        err = sql_exec(tx, "INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)", SQL_ARGS(SQL_I(user_id), SQL_BLOB(hash, sizeof(hash))), NULL, why);
    }
    return err;
}

static enum vcr_err use_recovery(struct sql_tx *tx, const struct app_principal *who, int64_t user_id, const char *code, int64_t now_ms, struct vcr_why *why)
{
    char text[APP_RECOVERY_BYTES];
    uint8_t hash[HASH];
    int64_t changed = 0;
    struct app_principal whose = *who;
    if (!normal(code, text))
        return vcr_refuse(why, VCR_E_AUTH, "/wrong-code", "the code is wrong, or it was used before");
    crypto_hash_sha256(hash, (const unsigned char *)text, 16);
    enum vcr_err err = sql_exec(tx, "DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2", SQL_ARGS(SQL_I(user_id), SQL_BLOB(hash, sizeof(hash))), &changed, why);
    if (err == VCR_OK && changed == 0)
        return vcr_refuse(why, VCR_E_AUTH, "/wrong-code", "the code is wrong, or it was used before");
    whose.user_id = user_id;
    return err == VCR_OK ? app_audit(tx, &whose, "recovery_code_used", NULL, NULL, now_ms, why) : err;
}

/* ---- codes by time ---- */
/* Uses the code up; *ret_fits false: it is wrong, or was used. */
static enum vcr_err use_code(const struct app *a, struct sql_tx *tx, int64_t user_id, const struct row *r, const char *code, int64_t now_ms, bool *ret_fits, struct vcr_why *why)
{
    uint8_t secret[TOTP_SECRET_BYTES];
    int64_t changed = 0;
    *ret_fits = false;
    enum vcr_err err = unseal(a, user_id, r, secret, why);
    if (err != VCR_OK)
        return err;
    int64_t step = totp_find(secret, sizeof(secret), code, now_ms / 1000, r->last_step);
    sodium_memzero(secret, sizeof(secret));
    if (step >= 0)
        err = sql_exec(tx, "UPDATE totp SET last_step = $2 WHERE user_id = $1 AND last_step < $2", SQL_ARGS(SQL_I(user_id), SQL_I(step)), &changed, why);
    *ret_fits = changed > 0;
    return err;
}

enum vcr_err app_totp_confirm(const struct app *a, struct sql_tx *tx, const struct app_principal *who, const char *code, int64_t now_ms,
                              char ret_codes[APP_RECOVERY_CODES][APP_RECOVERY_BYTES], struct vcr_why *why)
{
    struct row r;
    bool fits = false;
    enum vcr_err err = find(tx, who->user_id, &r, why);
    if (err == VCR_OK && r.on)
        err = on_already(why);
    else if (err == VCR_OK && (!r.there || now_ms - r.created_at > APP_TOTP_BEGUN_MS))
        err = vcr_refuse(why, VCR_E_CONFLICT, "/totp-not-begun", "there is no secret yet, or it is too old: begin anew");
    if (err == VCR_OK)
        err = use_code(a, tx, who->user_id, &r, code, now_ms, &fits, why);
    free(r.sealed);
    if (err == VCR_OK && !fits)
        err = vcr_refuse(why, VCR_E_DENIED, "/wrong-code", "the code is wrong: are both clocks right?");
    if (err == VCR_OK)
        err = sql_exec(tx, "UPDATE totp SET confirmed_at = $2 WHERE user_id = $1", SQL_ARGS(SQL_I(who->user_id), SQL_I(now_ms)), NULL, why);
    if (err == VCR_OK)
        err = make_codes(tx, who->user_id, ret_codes, why);
    return err == VCR_OK ? app_audit(tx, who, "totp_on", NULL, NULL, now_ms, why) : err;
}

enum vcr_err app_totp_check(const struct app *a, struct sql_tx *tx, const struct app_principal *who, int64_t user_id, const char *code, int64_t now_ms, struct vcr_why *why)
{
    struct row r;
    bool fits = false;
    enum vcr_err err = find(tx, user_id, &r, why);
    if (err == VCR_OK && r.on && !code)
        err = vcr_refuse(why, VCR_E_AUTH, "/totp-required", "this account also asks for a code");
    else if (err == VCR_OK && r.on)
        err = use_code(a, tx, user_id, &r, code, now_ms, &fits, why);
    free(r.sealed);
    return err == VCR_OK && r.on && !fits ? use_recovery(tx, who, user_id, code, now_ms, why) : err;
}

enum vcr_err app_totp_state(struct sql_tx *tx, int64_t user_id, bool *ret_on, int *ret_codes_left, struct vcr_why *why)
{
    struct row r;
    struct sql_rows *rows = NULL;
    enum vcr_err err = find(tx, user_id, &r, why);
    free(r.sealed);
    *ret_on = r.on;
    if (err == VCR_OK)
        err = sql_query(tx, &rows, "SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1", SQL_ARGS(SQL_I(user_id)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        *ret_codes_left = (int)sql_int(rows, 0);
    sql_rows_close(&rows);
    return err;
}

enum vcr_err app_totp_remove(struct sql_tx *tx, int64_t user_id, struct vcr_why *why)
{
    enum vcr_err err = sql_exec(tx, "DELETE FROM recovery_codes WHERE user_id = $1", SQL_ARGS(SQL_I(user_id)), NULL, why);
    return err == VCR_OK ? sql_exec(tx, "DELETE FROM totp WHERE user_id = $1", SQL_ARGS(SQL_I(user_id)), NULL, why) : err;
}
