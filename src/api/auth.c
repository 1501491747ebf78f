/* api/auth.c - /auth and /users/me. A log-in goes: look the account up, check the password on the password pool, write the log-in. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "app/accounts.h"
#include "app/audit.h"
#include "app/invitations.h"
#include "app/totp.h"

struct login_own {
    struct app_user user;
    struct app_login login;
    char email[APP_EMAIL_BYTES], hash[APP_HASH_TEXT];
    bool matches;
    struct app_invitation invitation; /* id 0: none */
};

static void own_free(void *p)
{
    struct login_own *o = p;
    app_user_free(&o->user);
    explicit_bzero(o, sizeof(*o));
    free(o);
}

static struct login_own *own(struct api_call *c)
{
    if (!c->own) {
        c->own = vcr_alloc(sizeof(struct login_own));
        c->free_own = own_free;
    }
    return c->own;
}

static void user_json(struct jsonw *j, const char *key, const struct app_user *u)
{
    jsonw_open(j, key);
    jsonw_int(j, "id", u->id);
    jsonw_str(j, "email", u->email);
    jsonw_str(j, "role", app_role_name(u->role));
    jsonw_str(j, "display_name", u->display_name);
    jsonw_raw(j, "settings", u->settings);
    jsonw_time(j, "created_at", u->created_at);
    jsonw_close(j);
}

static void set_cookie(struct api_call *c, const char *name, const char *value, const char *path, int64_t age_s)
{
    char text[1400];
    snprintf(text, sizeof(text), "%s=%s; Path=%s; Max-Age=%" PRId64 "; HttpOnly; SameSite=Strict%s", name, value, path, age_s, c->app->config.secure_cookies ? "; Secure" : "");
    api_header(c, "Set-Cookie", text);
}

void cookies_clear(struct api_call *c)
{
    set_cookie(c, "vcr_access", "", "/", 0);
    set_cookie(c, "vcr_refresh", "", "/api/v1/auth", 0);
}

static void answer_login(struct api_call *c, int status)
{
    struct login_own *o = own(c);
    c->status = status;
    c->who.user_id = o->user.id;
    jsonw_open(&c->json, NULL);
    user_json(&c->json, "user", &o->user);
    jsonw_str(&c->json, "access_token", o->login.access);
    jsonw_str(&c->json, "token_type", "Bearer");
    jsonw_int(&c->json, "expires_in", APP_ACCESS_S);
    jsonw_str(&c->json, "refresh_token", o->login.refresh);
    jsonw_str(&c->json, "csrf_token", o->login.csrf);
    jsonw_close(&c->json);
    set_cookie(c, "vcr_access", o->login.access, "/", APP_ACCESS_S);
    set_cookie(c, "vcr_refresh", o->login.refresh, "/api/v1/auth", APP_REFRESH_MS / 1000);
}

/* A row about the account of this log-in, which is who asks, though it may have failed to prove that. */
static enum vcr_err audit_own(struct api_call *c, struct sql_tx *tx, const char *action, struct vcr_why *why)
{
    struct login_own *o = own(c);
    struct app_principal who = c->who;
    char object[APP_AUDIT_OBJECT_BYTES];
    json_t *details = o->user.id ? NULL : json_pack("{s:s}", "email", o->email);
    char *text = details ? json_dumps(details, JSON_COMPACT) : NULL;
    who.user_id = o->user.id;
    snprintf(object, sizeof(object), "users/%" PRId64, o->user.id);
    enum vcr_err err = app_audit(tx, &who, action, o->user.id ? object : NULL, text, c->now_ms, why);
    free(text);
    json_decref(details);
    return err;
}

/* ---- register ---- */
static enum vcr_err register_save(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct login_own *o = own(c);
    enum vcr_err err = app_register(c->app, tx, o->email, o->hash, o->invitation.id ? &o->invitation : NULL, c->now_ms, &o->user, why);
    if (err == VCR_OK)
        err = app_login_begin(c->app, tx, o->user.id, &c->who, c->user_agent, c->now_ms, &o->login, why);
    if (err == VCR_OK)
        err = audit_own(c, tx, "registered", why);
    if (err == VCR_OK)
        answer_login(c, 201);
    return err;
}

static void register_write(struct api_call *c) { api_sql(c, SQL_WRITE, register_save); }

static enum vcr_err hash_new(struct api_call *c, struct vcr_why *why)
{
    return app_password_hash(c->app, api_str(c, "password"), own(c)->hash, why);
}

static void register_hash(struct api_call *c)
{
    c->then = register_write;
    api_pool(c, c->app->passwords, hash_new);
}

static enum vcr_err check_new_password(struct api_call *c, struct vcr_why *why)
{
    struct vcr_why reason;
    if (app_password_check(api_str(c, "password"), &reason) != VCR_OK)
        return api_invalid(c, why, "/password", "%s", reason.text);
    return VCR_OK;
}

static enum vcr_err register_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct login_own *o = own(c);
    enum vcr_err err = VCR_OK;
    if (!app_email_normal(api_str(c, "email"), o->email))
        err = api_invalid(c, why, "/email", "is no e-mail address");
    enum vcr_err password = check_new_password(c, why);
    if (err != VCR_OK || password != VCR_OK)
        return VCR_E_INVALID;
    err = api_str(c, "invite") ? app_invitation_find(tx, api_str(c, "invite"), o->email, c->now_ms, &o->invitation, why) : app_register_allowed(c->app, tx, why);
    if (err != VCR_OK)
        return err;
    struct app_user taken = { 0 };
    err = app_user_by_email(tx, o->email, &taken, why);
    app_user_free(&taken);
    return err == VCR_OK ? vcr_refuse(why, VCR_E_CONFLICT, "/email-taken", "there is an account with this e-mail address already")
                         : err == VCR_E_NOT_FOUND ? VCR_OK : err;
}

/* ---- login ---- */
/* After the right password. A code that is wrong is told to the audit; that one is asked for is not. */
static enum vcr_err second_factor(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct login_own *o = own(c);
    char key[32];
    const char *code = api_str(c, "code");
    enum vcr_err err = VCR_OK;
    snprintf(key, sizeof(key), "%" PRId64, o->user.id);
    if (code)
        err = api_rate(c, APP_RATE_CODE, key, why);
    if (err == VCR_OK)
        err = app_totp_check(c->app, tx, &c->who, o->user.id, code, c->now_ms, why);
    if (err != VCR_E_AUTH || !code)
        return err;
    struct vcr_why reason = *why;
    err = audit_own(c, tx, "login_refused", why);
    return err == VCR_OK ? api_refuse_after_commit(c, &reason) : err;
}

static enum vcr_err login_save(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct login_own *o = own(c);
    if (!o->matches) {
        enum vcr_err err = audit_own(c, tx, "login_refused", why);
        vcr_fail(why, VCR_E_AUTH, "the e-mail address or the password is wrong");
        return err == VCR_OK ? api_refuse_after_commit(c, why) : err;
    }
    enum vcr_err err = second_factor(c, tx, why);
    if (err != VCR_OK || c->refuse)
        return err;
    err = app_login_begin(c->app, tx, o->user.id, &c->who, c->user_agent, c->now_ms, &o->login, why);
    if (err == VCR_OK)
        err = audit_own(c, tx, "login", why);
    if (err == VCR_OK)
        answer_login(c, 200);
    return err;
}

static void login_write(struct api_call *c) { api_sql(c, SQL_WRITE, login_save); }

static enum vcr_err login_match(struct api_call *c, struct vcr_why *why)
{
    struct login_own *o = own(c);
    o->matches = app_password_matches(c->app, o->user.password_hash, api_str(c, "password")) && !o->user.disabled;
    return VCR_OK;
}

static void login_check(struct api_call *c)
{
    c->then = login_write;
    api_pool(c, c->app->passwords, login_match);
}

static enum vcr_err login_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct login_own *o = own(c);
    if (!app_email_normal(api_str(c, "email"), o->email))
        o->email[0] = '\0';
    enum vcr_err err = o->email[0] ? api_rate(c, APP_RATE_ACCOUNT, o->email, why) : VCR_OK;
    if (err != VCR_OK)
        return err;
    err = app_user_by_email(tx, o->email, &o->user, why);
    return err == VCR_E_NOT_FOUND ? VCR_OK : err;
}

/* ---- refresh, logout ---- */
static enum vcr_err refresh_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct login_own *o = own(c);
    const char *token = api_str(c, "refresh_token");
    bool by_cookie = !token, revoked;
    token = token ? token : c->cookie_refresh;
    if (!token)
        return vcr_fail(why, VCR_E_AUTH, "log in first");
    enum vcr_err err = app_login_refresh(c->app, tx, token, &c->who, c->user_agent, c->now_ms, &o->login, &o->user, &revoked, why);
    if (revoked)
        return api_refuse_after_commit(c, why);
    if (err == VCR_OK && by_cookie && !app_csrf_matches(c->app, o->login.family, c->csrf))
        err = vcr_refuse(why, VCR_E_DENIED, "/csrf", "the X-CSRF-Token header is missing or wrong");
    if (err == VCR_OK)
        answer_login(c, 200);
    return err;
}

static enum vcr_err logout_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    cookies_clear(c);
    c->status = 204;
    enum vcr_err err = app_login_end(tx, c->who.family, c->now_ms, why);
    return err == VCR_OK ? api_audit(c, tx, why, "logout", NULL, NULL) : err;
}

/* ---- users/me ---- */
static enum vcr_err me_answer(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct login_own *o = own(c);
    char etag[64];
    enum vcr_err err = app_user_by_id(tx, c->who.user_id, &o->user, why);
    if (err != VCR_OK)
        return err;
    snprintf(etag, sizeof(etag), "\"u%" PRId64 "-%" PRId64 "\"", o->user.id, o->user.revision);
    api_header(c, "ETag", etag);
    if (c->route->method != HTTP_GET || !api_not_modified(c, etag))
        user_json(&c->json, NULL, &o->user);
    return VCR_OK;
}

static enum vcr_err me_save(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct login_own *o = own(c);
    if (!o->matches)
        return vcr_fail(why, VCR_E_DENIED, "the current password is wrong");
    char *settings = api_has(c, "settings") ? json_dumps(json_object_get(c->body, "settings"), JSON_COMPACT) : NULL;
    struct app_user_change change = { api_str(c, "display_name"), settings, o->email[0] ? o->email : NULL, o->hash[0] ? o->hash : NULL };
    enum vcr_err err = app_user_edit(tx, c->who.user_id, &change, why);
    free(settings);
    if (err == VCR_OK && (o->hash[0] || o->email[0]))
        err = app_login_end_others(tx, c->who.user_id, c->who.family, c->now_ms, why);
    if (err == VCR_OK && o->hash[0])
        err = api_audit(c, tx, why, "password_changed", NULL, "users/%" PRId64, c->who.user_id);
    if (err == VCR_OK && o->email[0])
        err = api_audit(c, tx, why, "email_changed", NULL, "users/%" PRId64, c->who.user_id);
    return err == VCR_OK ? me_answer(c, tx, why) : err;
}

static void me_write(struct api_call *c) { api_sql(c, SQL_WRITE, me_save); }

static enum vcr_err me_passwords(struct api_call *c, struct vcr_why *why)
{
    struct login_own *o = own(c);
    o->matches = app_password_matches(c->app, o->user.password_hash, api_str(c, "current_password"));
    return o->matches && api_has(c, "password") ? hash_new(c, why) : VCR_OK;
}

static void me_check(struct api_call *c)
{
    if (!api_has(c, "password") && !api_has(c, "email")) {
        own(c)->matches = true;
        me_write(c);
        return;
    }
    c->then = me_write;
    api_pool(c, c->app->passwords, me_passwords);
}

static enum vcr_err me_patch(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct login_own *o = own(c);
    char etag[64];
    bool guarded = api_has(c, "password") || api_has(c, "email");
    if (guarded && !api_str(c, "current_password"))
        return api_invalid(c, why, "/current_password", "is required for this change");
    if (api_has(c, "email") && !app_email_normal(api_str(c, "email"), o->email))
        return api_invalid(c, why, "/email", "is no e-mail address");
    if (api_has(c, "password") && check_new_password(c, why) != VCR_OK)
        return VCR_E_INVALID;
    enum vcr_err err = app_user_by_id(tx, c->who.user_id, &o->user, why);
    if (err != VCR_OK)
        return err;
    snprintf(etag, sizeof(etag), "\"u%" PRId64 "-%" PRId64 "\"", o->user.id, o->user.revision);
    err = api_if_match(c, etag, why);
    /* A stolen access token is no way to guess the password faster. */
    return err == VCR_OK && guarded ? api_rate(c, APP_RATE_ACCOUNT, o->user.email, why) : err;
}

static const struct api_field credentials[] = {
    { "email", API_STRING, .required = true, .min = 1, .max = 254 }, { "password", API_STRING, .required = true, .min = 1, .max = 1024 },
    { "code", API_STRING, .min = 6, .max = 40 }, { 0 }
};
static const struct api_field new_account[] = {
    { "email", API_STRING, .required = true, .min = 1, .max = 254 }, { "password", API_STRING, .required = true, .min = 1, .max = 1024 },
    { "invite", API_STRING, .max = 128 }, { 0 }
};
static const struct api_field refresh_fields[] = { { "refresh_token", API_STRING, .min = 1, .max = 128 }, { 0 } };
static const struct api_field me_fields[] = {
    { "display_name", API_STRING, .max = 100 }, { "settings", .type = API_OBJECT }, { "email", API_STRING, .min = 1, .max = 254 },
    { "password", API_STRING, .min = 1, .max = 1024 }, { "current_password", API_STRING, .max = 1024 }, { 0 }
};

#define BODY 65536
const struct api_route api_auth_routes[] = {
    { HTTP_POST, "/api/v1/auth/register", API_ANYONE, APP_RATE_REGISTER, API_DB_READ, BODY, new_account, register_run, .then = register_hash },
    { HTTP_POST, "/api/v1/auth/login", API_ANYONE, APP_RATE_LOGIN, API_DB_READ, BODY, credentials, login_run, .then = login_check },
    { HTTP_POST, "/api/v1/auth/refresh", API_ANYONE, APP_RATE_WRITE, API_DB_WRITE, BODY, refresh_fields, refresh_run, .body_optional = true },
    { HTTP_POST, "/api/v1/auth/logout", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, .run = logout_run },
    { HTTP_GET, "/api/v1/users/me", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = me_answer },
    { HTTP_PATCH, "/api/v1/users/me", API_ACCOUNT, APP_RATE_WRITE, API_DB_READ, BODY, me_fields, me_patch, .then = me_check },
    { 0 }
};
