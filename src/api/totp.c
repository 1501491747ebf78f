/* api/totp.c - /users/me/totp: the second factor is begun with the password, on once a code was shown, and off with both. */
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "app/accounts.h"
#include "app/audit.h"
#include "app/totp.h"

struct own { struct app_user user; bool matches; };

static void own_free(void *p)
{
    struct own *o = p;
    app_user_free(&o->user);
    explicit_bzero(o, sizeof(*o));
    free(o);
}

static struct own *own(struct api_call *c)
{
    if (!c->own) {
        c->own = vcr_alloc(sizeof(struct own));
        c->free_own = own_free;
    }
    return c->own;
}

static enum vcr_err get_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    bool on = false;
    int left = 0;
    enum vcr_err err = app_totp_state(tx, c->who.user_id, &on, &left, why);
    jsonw_open(&c->json, NULL);
    jsonw_bool(&c->json, "enabled", on);
    jsonw_int(&c->json, "recovery_codes_left", left);
    jsonw_close(&c->json);
    return err;
}

/* ---- the password, then ---- */
static enum vcr_err guarded(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    enum vcr_err err = app_user_by_id(tx, c->who.user_id, &own(c)->user, why);
    return err == VCR_OK ? api_rate(c, APP_RATE_ACCOUNT, own(c)->user.email, why) : err;
}

static enum vcr_err password_check(struct api_call *c, struct vcr_why *why)
{
    const char *given = api_str(c, "current_password");
    own(c)->matches = !given || app_password_matches(c->app, own(c)->user.password_hash, given);
    return VCR_OK;
}

static enum vcr_err password_wrong(struct vcr_why *why) { return vcr_fail(why, VCR_E_DENIED, "the current password is wrong"); }

/* ---- on ---- */
/* Key URI of authenticators: what is not a letter or a digit is percent-encoded. */
static void write_uri(struct api_call *c, const char *secret)
{
    struct buf b;
    buf_init(&b, 2048);
    buf_adds(&b, "otpauth://totp/vcr-online:");
    for (const unsigned char *p = (const unsigned char *)own(c)->user.email; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '.' || *p == '-' || *p == '_';
        if (plain)
            buf_addc(&b, (char)*p);
        else
            buf_addf(&b, "%%%02X", *p);
    }
    buf_addf(&b, "?secret=%s&issuer=vcr-online&algorithm=SHA1&digits=%d&period=%d", secret, TOTP_DIGITS, TOTP_STEP_S);
    jsonw_str(&c->json, "uri", b.data);
    buf_free(&b);
}

static enum vcr_err begin(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    char secret[TOTP_BASE32_BYTES];
    enum vcr_err err = app_totp_begin(c->app, tx, c->who.user_id, c->now_ms, secret, why);
    if (err != VCR_OK)
        return err;
    jsonw_open(&c->json, NULL);
    jsonw_str(&c->json, "secret", secret);
    write_uri(c, secret);
    jsonw_close(&c->json);
    c->status = 201;
    return VCR_OK;
}

static enum vcr_err confirm(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    char codes[APP_RECOVERY_CODES][APP_RECOVERY_BYTES];
    enum vcr_err err = app_totp_confirm(c->app, tx, &c->who, api_str(c, "code"), c->now_ms, codes, why);
    if (err != VCR_OK)
        return err;
    jsonw_open(&c->json, NULL);
    jsonw_bool(&c->json, "enabled", true);
    jsonw_open_array(&c->json, "recovery_codes");
    for (int i = 0; i < APP_RECOVERY_CODES; i++)
        jsonw_str(&c->json, NULL, codes[i]);
    jsonw_close_array(&c->json);
    jsonw_close(&c->json);
    return VCR_OK;
}

static enum vcr_err on_save(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    if (!own(c)->matches)
        return password_wrong(why);
    return api_has(c, "code") ? confirm(c, tx, why) : begin(c, tx, why);
}

static void on_write(struct api_call *c) { api_sql(c, SQL_WRITE, on_save); }

static enum vcr_err on_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    if (api_has(c, "code") == api_has(c, "current_password"))
        return api_invalid(c, why, "/code", "either current_password, to begin, or code, to confirm");
    return guarded(c, tx, why);
}

static void on_check(struct api_call *c)
{
    c->then = on_write;
    api_pool(c, c->app->passwords, password_check);
}

/* ---- off ---- */
static enum vcr_err off_save(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    bool on;
    int left;
    if (!own(c)->matches)
        return password_wrong(why);
    enum vcr_err err = app_totp_state(tx, c->who.user_id, &on, &left, why);
    if (err == VCR_OK && !on)
        return vcr_fail(why, VCR_E_NOT_FOUND, "the second factor is not on");
    if (err == VCR_OK)
        err = app_totp_check(c->app, tx, &c->who, c->who.user_id, api_str(c, "code"), c->now_ms, why);
    if (err == VCR_E_AUTH)
        return vcr_refuse(why, VCR_E_DENIED, "/wrong-code", "the code is wrong, or it was used before");
    if (err == VCR_OK)
        err = app_totp_remove(tx, c->who.user_id, why);
    c->status = 204;
    return err == VCR_OK ? api_audit(c, tx, why, "totp_off", NULL, NULL) : err;
}

static void off_write(struct api_call *c) { api_sql(c, SQL_WRITE, off_save); }

static void off_check(struct api_call *c)
{
    c->then = off_write;
    api_pool(c, c->app->passwords, password_check);
}

static const struct api_field on_fields[] = { { "current_password", API_STRING, .min = 1, .max = 1024 }, { "code", API_STRING, .min = 6, .max = 6 }, { 0 } };
static const struct api_field off_fields[] = {
    { "current_password", API_STRING, .required = true, .min = 1, .max = 1024 }, { "code", API_STRING, .required = true, .min = 6, .max = 40 }, { 0 }
};

const struct api_route api_totp_routes[] = {
    { HTTP_GET, "/api/v1/users/me/totp", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = get_run },
    { HTTP_POST, "/api/v1/users/me/totp", API_ACCOUNT, APP_RATE_WRITE, API_DB_READ, 65536, on_fields, on_run, .then = on_check },
    { HTTP_DELETE, "/api/v1/users/me/totp", API_ACCOUNT, APP_RATE_WRITE, API_DB_READ, 65536, off_fields, guarded, .then = off_check },
    { 0 }
};
