/* api/shares.c - /tapes/:id/shares: whom a tape is shown to. A link's password is hashed on the password pool, between two transactions. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "app/shares.h"
#include "base/clock.h"

struct own { char email[APP_EMAIL_BYTES], hash[APP_HASH_TEXT]; struct app_share_new given; };

static void own_free(void *p)
{
    explicit_bzero(p, sizeof(struct own));
    free(p);
}

static enum vcr_err read_link(struct api_call *c, struct own *o, struct vcr_why *why)
{
    const char *expires = api_str(c, "expires_at");
    if (api_has(c, "email"))
        return api_invalid(c, why, "/email", "and a link are two shares");
    if (!expires)
        return api_invalid(c, why, "/expires_at", "is required for a link");
    if (!clock_parse_rfc3339(expires, &o->given.expires_at))
        return api_invalid(c, why, "/expires_at", "must be a RFC 3339 time");
    if (o->given.expires_at <= c->now_ms)
        return api_invalid(c, why, "/expires_at", "must be in the future");
    return VCR_OK;
}

static enum vcr_err read_person(struct api_call *c, struct own *o, struct vcr_why *why)
{
    static const char *const links[] = { "expires_at", "password" };
    if (!api_has(c, "email"))
        return api_invalid(c, why, "/email", "is required, or link: true");
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        char pointer[24];
        snprintf(pointer, sizeof(pointer), "/%s", links[i]);
        if (api_has(c, links[i]))
            return api_invalid(c, why, pointer, "is for links");
    }
    if (!app_email_normal(api_str(c, "email"), o->email))
        return api_invalid(c, why, "/email", "is no e-mail address");
    o->given.email = o->email;
    return VCR_OK;
}

static enum vcr_err save(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct own *o = c->own;
    struct app_share s;
    char token[APP_SHARE_TOKEN_BYTES], place[96];
    int64_t tape;
    enum vcr_err err = tape_of(c, tx, APP_OWN, &tape, why);
    if (err == VCR_OK)
        err = app_share_create(tx, &c->who, tape, &o->given, c->now_ms, &s, token, why);
    if (err == VCR_E_INVALID) {
        char reason[sizeof(why->text)];
        vcr_strcpy(reason, sizeof(reason), why->text);
        return api_invalid(c, why, "/email", "%s", reason);
    }
    if (err != VCR_OK)
        return err;
    app_share_json(&s, s.is_link ? token : NULL, NULL, &c->json);
    snprintf(place, sizeof(place), "/api/v1/tapes/%" PRId64 "/shares/%" PRId64, tape, s.id);
    api_header(c, "Location", place);
    c->status = 201;
    return VCR_OK;
}

static enum vcr_err hash(struct api_call *c, struct vcr_why *why)
{
    struct own *o = c->own;
    o->given.password_hash = o->hash;
    return app_password_hash(c->app, api_str(c, "password"), o->hash, why);
}

static void write_then(struct api_call *c) { api_sql(c, SQL_WRITE, save); }

static void create_then(struct api_call *c)
{
    if (!api_has(c, "password")) {
        write_then(c);
        return;
    }
    c->then = write_then;
    api_pool(c, c->app->passwords, hash);
}

static enum vcr_err create_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct own *o = vcr_alloc(sizeof(*o));
    int64_t tape;
    c->own = o;
    c->free_own = own_free;
    enum vcr_err err = tape_of(c, tx, APP_OWN, &tape, why);
    if (err == VCR_OK)
        err = json_is_true(json_object_get(c->body, "link")) ? read_link(c, o, why) : read_person(c, o, why);
    return err;
}

static enum vcr_err list_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int limit;
    int64_t tape, after = 0, last;
    enum vcr_err err = api_query_limit(c, &limit, why);
    if (err == VCR_OK)
        err = cursor_id(c, &after, why);
    if (err == VCR_OK)
        err = tape_of(c, tx, APP_OWN, &tape, why);
    if (err != VCR_OK)
        return err;
    list_begin(c);
    err = app_share_list(tx, tape, after, limit, &c->json, &last, why);
    list_end_id(c, last);
    return err;
}

static enum vcr_err delete_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t tape, id;
    enum vcr_err err = tape_of(c, tx, APP_OWN, &tape, why);
    if (err == VCR_OK)
        err = api_param_id(c, "shareId", &id, why);
    c->status = 204;
    return err == VCR_OK ? app_share_delete(tx, &c->who, tape, id, c->now_ms, why) : err;
}

static const struct api_field new_share[] = {
    { "email", API_STRING, .min = 1, .max = 254 }, { "role", API_STRING, .one_of = "viewer" }, { "link", .type = API_BOOLEAN },
    { "expires_at", API_STRING, .min = 1, .max = 40 }, { "password", API_STRING, .min = 1, .max = APP_SHARE_PASSWORD_MAX }, { 0 }
};

#define BODY 4096
const struct api_route api_share_routes[] = {
    { HTTP_POST, "/api/v1/tapes/:id/shares", API_ACCOUNT, APP_RATE_WRITE, API_DB_READ, BODY, new_share, .run = create_run, .then = create_then },
    { HTTP_GET, "/api/v1/tapes/:id/shares", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = list_run },
    { HTTP_DELETE, "/api/v1/tapes/:id/shares/:shareId", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, .run = delete_run },
    { 0 }
};
