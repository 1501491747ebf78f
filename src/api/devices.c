/* api/devices.c - /devices: decks and encoders that send a live picture. Their secrets are told once, when they are made. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "app/audit.h"
#include "app/devices.h"
#include "session/live.h"

struct own {
    struct app_device device;
    bool removed;
};

static void own_free(void *p)
{
    struct own *o = p;
    app_device_free(&o->device);
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

static enum vcr_err find(struct api_call *c, struct sql_tx *tx, enum app_access access, struct vcr_why *why)
{
    int64_t id;
    enum vcr_err err = api_param_id(c, "id", &id, why);
    return err == VCR_OK ? app_device_find(tx, &c->who, id, access, &own(c)->device, why) : err;
}

static enum vcr_err read_given(struct api_call *c, struct app_device_new *ret, unsigned *ret_what, struct vcr_why *why)
{
    *ret = (struct app_device_new){ api_str(c, "name"), api_str(c, "ip_address"), api_str(c, "driver") };
    *ret_what = (api_has(c, "name") ? APP_DEVICE_NAME : 0u) | (api_has(c, "ip_address") ? APP_DEVICE_IP : 0u) | (api_has(c, "driver") ? APP_DEVICE_DRIVER : 0u);
    if (ret->ip_address && !app_is_ip_literal(ret->ip_address))
        return api_invalid(c, why, "/ip_address", "must be an IP address such as 192.0.2.1 or 2001:db8::1");
    return VCR_OK;
}

static void answer(struct api_call *c)
{
    jsonw_open(&c->json, NULL);
    app_device_json(c->app, &own(c)->device, &c->json);
    jsonw_close(&c->json);
}

/* Where a publisher calls. Without a listener there is no address. */
static void srt_json(struct api_call *c, const struct app_device_secrets *s)
{
    jsonw_open(&c->json, "srt");
    jsonw_str(&c->json, "url", c->app->config.srt_url && *c->app->config.srt_url ? c->app->config.srt_url : NULL);
    jsonw_str(&c->json, "stream_id", s->stream_id);
    jsonw_str(&c->json, "passphrase", s->passphrase);
    jsonw_close(&c->json);
}

/* After the commit: the SRT listener knows it from now on. */
static void listed(struct api_call *c)
{
    struct own *o = own(c);
    if (o->removed) {
        device_list_remove(c->app, o->device.id);
        if (c->app->config.sessions)
            live_drop(c->app->config.sessions, o->device.id, "the device was removed", true);
    }
    if (!o->removed && o->device.id)
        device_list_put(c->app, &o->device);
    api_finish(c);
}

static enum vcr_err create_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct app_device_new given;
    struct app_device_secrets secrets;
    struct own *o = own(c);
    unsigned what;
    char place[64];
    enum vcr_err err = read_given(c, &given, &what, why);
    if (err == VCR_OK)
        err = app_device_create(c->app, tx, &c->who, &given, c->now_ms, &o->device, &secrets, why);
    if (err != VCR_OK)
        return err;
    jsonw_open(&c->json, NULL);
    app_device_json(c->app, &o->device, &c->json);
    jsonw_str(&c->json, "device_token", secrets.token);
    srt_json(c, &secrets);
    jsonw_close(&c->json);
    err = api_audit(c, tx, why, "device_created", NULL, "devices/%" PRId64, o->device.id);
    if (err != VCR_OK)
        return err;
    /* Before the commit: who has no answer yet has no passphrase, and a row that is not there is noticed when it sends (app_device_may_send). */
    device_list_put(c->app, &o->device);
    snprintf(place, sizeof(place), "/api/v1/devices/%" PRId64, o->device.id);
    api_header(c, "Location", place);
    c->status = 201;
    return VCR_OK;
}

static enum vcr_err list_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int limit;
    int64_t after = 0, last;
    enum vcr_err err = api_query_limit(c, &limit, why);
    if (err == VCR_OK)
        err = cursor_id(c, &after, why);
    if (err != VCR_OK)
        return err;
    list_begin(c);
    err = app_device_list(c->app, tx, &c->who, after, limit, &c->json, &last, why);
    list_end_id(c, last);
    return err;
}

static enum vcr_err get_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    enum vcr_err err = find(c, tx, APP_SEE, why);
    if (err == VCR_OK)
        answer(c);
    return err;
}

static enum vcr_err patch_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct app_device_new given;
    unsigned what;
    enum vcr_err err = find(c, tx, APP_EDIT, why);
    if (err == VCR_OK)
        err = read_given(c, &given, &what, why);
    if (err == VCR_OK)
        err = app_device_edit(tx, own(c)->device.id, what, &given, c->now_ms, why);
    if (err == VCR_OK)
        err = api_audit(c, tx, why, "device_changed", NULL, "devices/%" PRId64, own(c)->device.id);
    return err == VCR_OK ? get_run(c, tx, why) : err;
}

static enum vcr_err delete_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    enum vcr_err err = find(c, tx, APP_EDIT, why);
    c->status = 204;
    own(c)->removed = true;
    if (err == VCR_OK)
        err = app_device_delete(tx, own(c)->device.id, why);
    return err == VCR_OK ? api_audit(c, tx, why, "device_removed", NULL, "devices/%" PRId64, own(c)->device.id) : err;
}

static enum vcr_err token_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct app_device_secrets secrets;
    bool srt = json_is_true(json_object_get(c->body, "srt"));
    enum vcr_err err = find(c, tx, APP_OWN, why);
    if (err == VCR_OK)
        err = app_device_rotate(c->app, tx, &own(c)->device, srt, c->now_ms, &secrets, why);
    if (err == VCR_OK)
        err = api_audit(c, tx, why, "device_token_rotated", srt ? "{\"srt\":true}" : NULL, "devices/%" PRId64, own(c)->device.id);
    if (err != VCR_OK)
        return err;
    jsonw_open(&c->json, NULL);
    jsonw_str(&c->json, "device_token", secrets.token);
    if (srt)
        srt_json(c, &secrets);
    jsonw_close(&c->json);
    c->status = 201;
    return VCR_OK;
}

#define BODY 65536
#define DEVICE_FIELDS(name_required)                                                                                                                    \
    { "name", API_STRING, .required = name_required, .min = 1, .max = APP_DEVICE_NAME_MAX }, { "ip_address", API_STRING, .nullable = true, .min = 2, .max = 45 }, \
    { "driver", API_STRING, .nullable = true, .max = 100 }
static const struct api_field new_device[] = { DEVICE_FIELDS(true), { 0 } };
static const struct api_field edit_device[] = { DEVICE_FIELDS(false), { 0 } };
static const struct api_field new_token[] = { { "srt", .type = API_BOOLEAN }, { 0 } };

const struct api_route api_device_routes[] = {
    { HTTP_GET, "/api/v1/devices", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = list_run },
    { HTTP_POST, "/api/v1/devices", API_CREATOR, APP_RATE_WRITE, API_DB_WRITE, BODY, new_device, .run = create_run, .idempotent = true },
    { HTTP_GET, "/api/v1/devices/:id", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = get_run },
    { HTTP_PATCH, "/api/v1/devices/:id", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, BODY, edit_device, .run = patch_run },
    { HTTP_DELETE, "/api/v1/devices/:id", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, .run = delete_run, .then = listed },
    { HTTP_POST, "/api/v1/devices/:id/token", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, BODY, new_token, .run = token_run, .then = listed, .body_optional = true },
    { 0 }
};
