/* app/devices.c - the rows of devices and their secrets. */
#include "app/devices.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "app/device_list.h"

#define DEVICE_COLUMNS "d.id, d.user_id, d.name, d.ip_address, d.driver, d.capabilities, d.last_seen, d.created_at, d.updated_at, d.srt_salt"
enum { TOKEN_RAW = 32 };

void app_device_free(struct app_device *d)
{
    free(d->ip_address);
    free(d->driver);
    free(d->capabilities);
    memset(d, 0, sizeof(*d));
}

bool app_is_ip_literal(const char *text)
{
    struct in6_addr v6;
    struct in_addr v4;
    return inet_pton(AF_INET, text, &v4) == 1 || inet_pton(AF_INET6, text, &v6) == 1;
}

static void read_device(struct sql_rows *r, struct app_device *d)
{
    size_t len = 0;
    app_device_free(d);
    d->id = sql_int(r, 0);
    d->user_id = sql_int(r, 1);
    vcr_strcpy(d->name, sizeof(d->name), sql_text(r, 2));
    d->ip_address = sql_is_null(r, 3) ? NULL : vcr_strdup(sql_text(r, 3));
    d->driver = sql_is_null(r, 4) ? NULL : vcr_strdup(sql_text(r, 4));
    d->capabilities = vcr_strdup(sql_text(r, 5));
    d->last_seen = sql_int(r, 6);
    d->created_at = sql_int(r, 7);
    d->updated_at = sql_int(r, sql_is_null(r, 8) ? 7 : 8);
    const void *salt = sql_blob(r, 9, &len);
    if (salt && len == sizeof(d->salt))
        memcpy(d->salt, salt, len);
}

void app_device_json(const struct app *a, const struct app_device *d, struct jsonw *j)
{
    bool online = device_list_online(a, d->id);
    jsonw_int(j, "id", d->id);
    jsonw_int(j, "user_id", d->user_id);
    jsonw_str(j, "name", d->name);
    jsonw_str(j, "ip_address", d->ip_address);
    jsonw_str(j, "driver", d->driver);
    jsonw_str(j, "status", online ? "online" : "offline");
    if (d->last_seen)
        jsonw_time(j, "last_seen", d->last_seen);
    else
        jsonw_null(j, "last_seen");
    jsonw_raw(j, "capabilities", d->capabilities);
    jsonw_time(j, "created_at", d->created_at);
    jsonw_time(j, "updated_at", d->updated_at);
}

/* ---- secrets ---- */
static void make_token(char ret[APP_DEVICE_TOKEN_BYTES], uint8_t ret_hash[crypto_hash_sha256_BYTES])
{
    uint8_t raw[TOKEN_RAW];
    vcr_random(raw, sizeof(raw));
    vcr_b64url_encode(ret, raw, sizeof(raw));
    crypto_hash_sha256(ret_hash, (const uint8_t *)ret, strlen(ret));
    sodium_memzero(raw, sizeof(raw));
}

static void tell_srt(const struct app *a, const struct app_device *d, struct app_device_secrets *ret)
{
    device_name(d->id, ret->stream_id, sizeof(ret->stream_id), true);
    device_passphrase(a, d->id, d->salt, ret->passphrase);
}

static enum vcr_err find_row(struct sql_tx *tx, int64_t id, struct app_device *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT " DEVICE_COLUMNS " FROM devices d WHERE d.id = $1", SQL_ARGS(SQL_I(id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        read_device(rows, ret);
    sql_rows_close(&rows);
    return err == VCR_E_END ? vcr_fail(why, VCR_E_NOT_FOUND, "there is no such device") : err;
}

enum vcr_err app_device_create(const struct app *a, struct sql_tx *tx, const struct app_principal *who, const struct app_device_new *given, int64_t now_ms,
                               struct app_device *ret, struct app_device_secrets *ret_secrets, struct vcr_why *why)
{
    uint8_t hash[crypto_hash_sha256_BYTES], salt[APP_DEVICE_SALT_BYTES];
    struct sql_rows *rows = NULL;
    int64_t id = 0;
    make_token(ret_secrets->token, hash);
    vcr_random(salt, sizeof(salt));
    enum vcr_err err = sql_query(tx, &rows,
                                 "INSERT INTO devices(user_id, name, ip_address, driver, token_hash, srt_salt, created_at, updated_at)"
                                 " VALUES($1, $2, $3, $4, $5, $6, $7, $7) RETURNING id",
                                 SQL_ARGS(SQL_I(who->user_id), SQL_T(given->name), SQL_T(given->ip_address), SQL_T(given->driver), SQL_BLOB(hash, sizeof(hash)),
                                          SQL_BLOB(salt, sizeof(salt)), SQL_I(now_ms)),
                                 why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        id = sql_int(rows, 0);
    sql_rows_close(&rows);
    if (err == VCR_OK)
        err = find_row(tx, id, ret, why);
    if (err == VCR_OK)
        tell_srt(a, ret, ret_secrets);
    return err;
}

enum vcr_err app_device_find(struct sql_tx *tx, const struct app_principal *who, int64_t id, enum app_access access, struct app_device *ret, struct vcr_why *why)
{
    enum vcr_err err = find_row(tx, id, ret, why);
    return err == VCR_OK ? app_may(who, APP_A_DEVICE, access, ret->user_id == who->user_id ? APP_MINE : APP_OTHERS, why) : err;
}

enum vcr_err app_device_list(const struct app *a, struct sql_tx *tx, const struct app_principal *who, int64_t after, int limit, struct jsonw *j, int64_t *ret_last,
                             struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    struct app_device d = { 0 };
    int64_t last = 0;
    int n = 0;
    *ret_last = 0;
    enum vcr_err err = sql_query(tx, &rows, "SELECT " DEVICE_COLUMNS " FROM devices d WHERE d.user_id = $1 AND d.id > $2 ORDER BY d.id LIMIT $3",
                                 SQL_ARGS(SQL_I(who->user_id), SQL_I(after), SQL_I(limit + 1)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        if (n++ == limit) {
            *ret_last = last;
            break;
        }
        read_device(rows, &d);
        last = d.id;
        jsonw_open(j, NULL);
        app_device_json(a, &d, j);
        jsonw_close(j);
    }
    sql_rows_close(&rows);
    app_device_free(&d);
    return err == VCR_E_END ? VCR_OK : err;
}

enum vcr_err app_device_edit(struct sql_tx *tx, int64_t id, unsigned what, const struct app_device_new *given, int64_t now_ms, struct vcr_why *why)
{
    return sql_exec(tx,
                    "UPDATE devices SET name = CASE WHEN $2 = 1 THEN $3 ELSE name END, ip_address = CASE WHEN $4 = 1 THEN $5 ELSE ip_address END,"
                    " driver = CASE WHEN $6 = 1 THEN $7 ELSE driver END, updated_at = $8 WHERE id = $1",
                    SQL_ARGS(SQL_I(id), SQL_I(what & APP_DEVICE_NAME ? 1 : 0), SQL_T(given->name), SQL_I(what & APP_DEVICE_IP ? 1 : 0), SQL_T(given->ip_address),
                             SQL_I(what & APP_DEVICE_DRIVER ? 1 : 0), SQL_T(given->driver), SQL_I(now_ms)),
                    NULL, why);
}

enum vcr_err app_device_delete(struct sql_tx *tx, int64_t id, struct vcr_why *why)
{
    return sql_exec(tx, "DELETE FROM devices WHERE id = $1", SQL_ARGS(SQL_I(id)), NULL, why);
}

enum vcr_err app_device_rotate(const struct app *a, struct sql_tx *tx, struct app_device *d, bool srt, int64_t now_ms, struct app_device_secrets *ret, struct vcr_why *why)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    make_token(ret->token, hash);
    if (srt)
        vcr_random(d->salt, sizeof(d->salt));
    tell_srt(a, d, ret);
    return sql_exec(tx, "UPDATE devices SET token_hash = $2, srt_salt = $3, updated_at = $4 WHERE id = $1",
                    SQL_ARGS(SQL_I(d->id), SQL_BLOB(hash, sizeof(hash)), SQL_BLOB(d->salt, sizeof(d->salt)), SQL_I(now_ms)), NULL, why);
}

enum vcr_err app_device_by_token(struct sql_tx *tx, const char *token, int64_t *ret_id, struct vcr_why *why)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    struct sql_rows *rows = NULL;
    crypto_hash_sha256(hash, (const uint8_t *)token, strlen(token));
    enum vcr_err err = sql_query(tx, &rows, "SELECT d.id FROM devices d JOIN users u ON u.id = d.user_id WHERE d.token_hash = $1 AND NOT u.disabled",
                                 SQL_ARGS(SQL_BLOB(hash, sizeof(hash))), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    if (err == VCR_OK)
        *ret_id = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err == VCR_E_END ? vcr_fail(why, VCR_E_AUTH, "this is no device's token") : err;
}

enum vcr_err app_device_may_send(struct sql_tx *tx, int64_t id, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT 1 FROM devices d JOIN users u ON u.id = d.user_id WHERE d.id = $1 AND NOT u.disabled", SQL_ARGS(SQL_I(id)), why);
    if (err == VCR_OK)
        err = sql_next(rows, why);
    sql_rows_close(&rows);
    return err == VCR_E_END ? vcr_fail(why, VCR_E_DENIED, "this device may not send") : err;
}
