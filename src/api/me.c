/* api/me.c - what an account does about itself beyond its profile (api/auth.c): where it is logged in, its API tokens, how much it has here and all of it as a document, leaving. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "app/api_tokens.h"
#include "app/export.h"
#include "app/users.h"
#include "base/clock.h"

struct own {
    struct app_user user;
    struct app_user_devices devices;
    bool matches;
};

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

/* ---- leaving ---- */
static void left(struct api_call *c)
{
    person_gone(c->app, c->who.user_id, true, &own(c)->devices);
    api_finish(c);
}

static enum vcr_err leave_save(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    if (!own(c)->matches)
        return vcr_fail(why, VCR_E_DENIED, "the current password is wrong");
    cookies_clear(c);
    c->status = 204;
    c->then = left;
    return app_user_remove(tx, &c->who, c->who.user_id, true, c->now_ms, &own(c)->devices, why);
}

static void leave_write(struct api_call *c) { api_sql(c, SQL_WRITE, leave_save); }

static enum vcr_err password_check(struct api_call *c, struct vcr_why *why)
{
    own(c)->matches = app_password_matches(c->app, own(c)->user.password_hash, api_str(c, "current_password"));
    return VCR_OK;
}

static void leave_check(struct api_call *c)
{
    c->then = leave_write;
    api_pool(c, c->app->passwords, password_check);
}

/* Also for others who need the password: the account into own(c)->user; a stolen access token is no way to guess the password faster. */
static enum vcr_err guarded(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    enum vcr_err err = app_user_by_id(tx, c->who.user_id, &own(c)->user, why);
    return err == VCR_OK ? api_rate(c, APP_RATE_ACCOUNT, own(c)->user.email, why) : err;
}

/* ---- where it is logged in ---- */
static enum vcr_err logins_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    char last[VCR_UUID_BYTES];
    int limit;
    const char *cursor = api_query(c, "cursor");
    enum vcr_err err = api_query_limit(c, &limit, why);
    if (err == VCR_OK && cursor && !vcr_is_uuid(cursor))
        err = vcr_fail(why, VCR_E_MALFORMED, "cursor: this is no cursor of this list");
    if (err != VCR_OK)
        return err;
    list_begin(c);
    err = app_login_list(tx, &c->who, cursor, limit, c->now_ms, &c->json, last, why);
    list_end(c, last[0] ? last : NULL);
    return err;
}

static enum vcr_err login_delete(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    const char *id = api_param(c, "id");
    if (strcmp(id, c->who.family) == 0)
        cookies_clear(c);
    c->status = 204;
    return app_login_revoke(tx, &c->who, id, c->now_ms, why);
}

static enum vcr_err logins_delete(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    c->status = 204;
    enum vcr_err err = app_login_end_others(tx, c->who.user_id, c->who.family, c->now_ms, why);
    return err == VCR_OK ? api_audit(c, tx, why, "login_revoked", "{\"login\":\"all others\"}", NULL) : err;
}

/* ---- API tokens ---- */
static enum vcr_err tokens_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int limit;
    int64_t after = 0, last;
    enum vcr_err err = api_query_limit(c, &limit, why);
    if (err == VCR_OK)
        err = cursor_id(c, &after, why);
    if (err != VCR_OK)
        return err;
    list_begin(c);
    err = app_api_token_list(tx, &c->who, after, limit, &c->json, &last, why);
    list_end_id(c, last);
    return err;
}

static enum vcr_err read_scopes(struct api_call *c, unsigned *ret, struct vcr_why *why)
{
    const json_t *list = json_object_get(c->body, "scopes"), *item;
    size_t i;
    *ret = 0;
    json_array_foreach(list, i, item) {
        char pointer[40];
        unsigned scope = app_scope_by_name(json_string_value(item));
        snprintf(pointer, sizeof(pointer), "/scopes/%zu", i);
        if (!scope || (*ret & scope))
            return api_invalid(c, why, pointer, "must be one of read, write, play and admin, each once");
        *ret |= scope;
    }
    if (!*ret)
        return api_invalid(c, why, "/scopes", "must name at least one");
    if ((*ret & APP_SCOPE_ADMIN) && c->who.role != APP_ADMIN)
        return vcr_fail(why, VCR_E_DENIED, "only an admin's token may have the scope admin");
    return VCR_OK;
}

static enum vcr_err token_create(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    char token[APP_API_TOKEN_TEXT], place[80];
    int64_t id, expires_ms = 0;
    unsigned scopes;
    const char *expires = api_str(c, "expires_at");
    if (expires && (!clock_parse_rfc3339(expires, &expires_ms) || expires_ms <= c->now_ms))
        return api_invalid(c, why, "/expires_at", "must be a RFC 3339 time to come");
    enum vcr_err err = read_scopes(c, &scopes, why);
    if (err == VCR_OK)
        err = app_api_token_create(tx, &c->who, api_str(c, "name"), scopes, expires_ms, c->now_ms, token, &id, why);
    if (err != VCR_OK)
        return err;
    jsonw_open(&c->json, NULL);
    err = app_api_token_json(tx, &c->who, id, &c->json, why);
    jsonw_str(&c->json, "token", token);
    jsonw_close(&c->json);
    snprintf(place, sizeof(place), "/api/v1/users/me/tokens/%" PRId64, id);
    api_header(c, "Location", place);
    c->status = 201;
    return err;
}

static enum vcr_err token_get(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t id;
    jsonw_open(&c->json, NULL);
    enum vcr_err err = api_param_id(c, "id", &id, why);
    if (err == VCR_OK)
        err = app_api_token_json(tx, &c->who, id, &c->json, why);
    jsonw_close(&c->json);
    return err;
}

static enum vcr_err token_delete(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t id;
    enum vcr_err err = api_param_id(c, "id", &id, why);
    c->status = 204;
    return err == VCR_OK ? app_api_token_remove(tx, &c->who, id, c->now_ms, why) : err;
}

/* ---- how much, and all of it ---- */
static enum vcr_err usage_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why) { return app_usage_json(c->app, tx, c->who.user_id, &c->json, why); }

/* Written page by page into a file without a name, which then is sent. */
struct export { struct app_export state; struct buf text; int fd; uint64_t size_bytes; };

static void export_free(void *p)
{
    struct export *x = p;
    vcr_close(&x->fd);
    buf_free(&x->text);
    free(x);
}

static enum vcr_err export_page(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct export *x = c->own;
    enum vcr_err err = app_export_some(tx, &x->state, c->now_ms, &x->text, why);
    if (err == VCR_OK && (!buf_ok(&x->text) || !vcr_write_all(x->fd, x->text.data, x->text.len)))
        err = vcr_fail(why, VCR_E_FULL, "there is no room for the document");
    x->size_bytes += x->text.len;
    buf_reset(&x->text);
    return err;
}

static enum vcr_err export_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct export *x = vcr_alloc(sizeof(*x));
    c->own = x;
    c->free_own = export_free;
    x->state.user_id = c->who.user_id;
    buf_init(&x->text, APP_EXPORT_TEXT_MAX);
    x->fd = open(c->app->config.data_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (x->fd < 0)
        return vcr_fail(why, VCR_E_IO, "no temporary file for the document");
    enum vcr_err err = api_audit(c, tx, why, "exported", NULL, NULL);
    return err == VCR_OK ? export_page(c, tx, why) : err;
}

static void export_then(struct api_call *c)
{
    struct export *x = c->own;
    if (!x->state.over && !http_req_gone(c->req)) {
        c->then = export_then;
        api_sql(c, SQL_READ, export_page);
        return;
    }
    struct http_file f = { .fd = x->fd, .len = x->size_bytes, .content_type = "application/json", .download_name = "vcr-online.json" };
    x->fd = -1;
    security_headers(c->req);
    http_send_file(c->req, &f);
}

static const struct api_field new_token[] = {
    { "name", API_STRING, .required = true, .min = 1, .max = APP_API_TOKEN_NAME_MAX }, { "scopes", API_STRINGS, .required = true, .max = 4 },
    { "expires_at", API_STRING, .nullable = true, .max = 40 }, { 0 }
};
static const struct api_field leave_fields[] = { { "current_password", API_STRING, .required = true, .min = 1, .max = 1024 }, { 0 } };

const struct api_route api_me_routes[] = {
    { HTTP_DELETE, "/api/v1/users/me", API_ACCOUNT, APP_RATE_WRITE, API_DB_READ, 65536, leave_fields, .run = guarded, .then = leave_check },
    { HTTP_GET, "/api/v1/users/me/usage", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = usage_run },
    { HTTP_GET, "/api/v1/users/me/export", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, .run = export_run, .then = export_then, .no_head = true },
    { HTTP_GET, "/api/v1/users/me/logins", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = logins_run },
    { HTTP_DELETE, "/api/v1/users/me/logins", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, .run = logins_delete },
    { HTTP_DELETE, "/api/v1/users/me/logins/:id", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, .run = login_delete },
    { HTTP_GET, "/api/v1/users/me/tokens", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = tokens_run },
    { HTTP_POST, "/api/v1/users/me/tokens", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, 65536, new_token, .run = token_create },
    { HTTP_GET, "/api/v1/users/me/tokens/:id", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = token_get },
    { HTTP_DELETE, "/api/v1/users/me/tokens/:id", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, .run = token_delete },
    { 0 }
};
