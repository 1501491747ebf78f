/* api/whip.c - /whip/:deviceId: a device's live picture by WebRTC (RFC 9725). Who asks is the device, by its token, never by a cookie. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/door.h"
#include "app/devices.h"
#include "app/whip.h"
#include "wire/sdp.h"

/* The device that the path names, by its own token. */
static enum vcr_err device_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t named, own;
    if (!c->authorization || strncasecmp(c->authorization, "Bearer ", 7) != 0)
        return vcr_fail(why, VCR_E_AUTH, "the device's token is needed");
    enum vcr_err err = app_device_by_token(tx, c->authorization + 7, &own, why);
    if (err == VCR_OK)
        err = api_param_id(c, "deviceId", &named, why);
    if (err == VCR_OK && named != own)
        err = vcr_fail(why, VCR_E_NOT_FOUND, "this token is another device's");
    if (err == VCR_OK && !c->app->whip)
        err = vcr_fail(why, VCR_E_BUSY, "this server takes no live pictures");
    return err;
}

static int64_t device_of(const struct api_call *c)
{
    struct vcr_why why;
    int64_t id = 0;
    api_param_id(c, "deviceId", &id, &why);
    return id;
}

/* ---- POST ---- */
static void published(void *arg, const struct whip_reply *r)
{
    struct api_call *c = arg;
    char location[120];
    if (r->err != VCR_OK) {
        api_fail(c, &r->why);
        return;
    }
    snprintf(location, sizeof(location), "/api/v1/whip/%" PRId64 "/%s", device_of(c), r->id);
    door_created(c, location, r->id, r->answer);
}

static void on_offer(struct http_req *r, const char *body, size_t len)
{
    struct api_call *c = http_req_own(r);
    whip_publish(c->app->whip, device_of(c), body, len, c->loop, published, c);
}

static void post_then(struct api_call *c)
{
    if (door_admits(c) && door_takes_type(c, DOOR_SDP))
        http_body_read(c->req, SDP_MAX_BYTES, on_offer);
}

/* ---- PATCH: candidates, of which an ICE-lite server needs none; GET: there is nothing to see but that it is there ---- */
static void nothing_more(void *arg, const struct whip_reply *r)
{
    struct api_call *c = arg;
    if (r->err != VCR_OK) {
        api_fail(c, &r->why);
        return;
    }
    c->status = 204;
    api_finish(c);
}

static void trickle(struct api_call *c, const char *fragment, size_t len)
{
    whip_trickle(c->app->whip, device_of(c), api_param(c, "publisher"), fragment, len, c->loop, nothing_more, c);
}

static void on_fragment(struct http_req *r, const char *body, size_t len) { trickle(http_req_own(r), body, len); }

static void patch_then(struct api_call *c)
{
    if (door_admits(c) && door_takes_type(c, DOOR_FRAGMENT) && door_etag_holds(c, api_param(c, "publisher"), "the publisher's"))
        http_body_read(c->req, SDP_MAX_BYTES, on_fragment);
}

static void get_then(struct api_call *c)
{
    if (!door_admits(c))
        return;
    if (*api_param(c, "publisher")) {
        trickle(c, NULL, 0);
        return;
    }
    c->status = 204;
    api_finish(c);
}

/* ---- DELETE ---- */
static void ended(void *arg, const struct whip_reply *r)
{
    struct api_call *c = arg;
    if (r->err != VCR_OK) {
        api_fail(c, &r->why);
        return;
    }
    c->content_type = NULL;
    api_finish(c);
}

static void delete_then(struct api_call *c)
{
    if (door_admits(c))
        whip_end(c->app->whip, device_of(c), api_param(c, "publisher"), c->loop, ended, c);
}

/* ---- OPTIONS ---- */
static void options_then(struct api_call *c)
{
    bool is_publisher = *api_param(c, "publisher");
    door_options(c, is_publisher, is_publisher ? "GET, HEAD, PATCH, DELETE, OPTIONS" : "GET, HEAD, POST, OPTIONS");
}

const struct api_route api_whip_routes[] = {
    { HTTP_POST, "/api/v1/whip/:deviceId", API_ANYONE, APP_RATE_COMMAND, API_DB_READ, .run = device_run, .then = post_then, .own_body = true, .then_on_error = true },
    { HTTP_GET, "/api/v1/whip/:deviceId", API_ANYONE, APP_RATE_READ, API_DB_READ, .run = device_run, .then = get_then, .then_on_error = true },
    { HTTP_OPTIONS, "/api/v1/whip/:deviceId", API_ANYONE, APP_RATE_READ, API_DB_NONE, .then = options_then },
    { HTTP_PATCH, "/api/v1/whip/:deviceId/:publisher", API_ANYONE, APP_RATE_COMMAND, API_DB_READ, .run = device_run, .then = patch_then, .own_body = true, .then_on_error = true },
    { HTTP_GET, "/api/v1/whip/:deviceId/:publisher", API_ANYONE, APP_RATE_READ, API_DB_READ, .run = device_run, .then = get_then, .then_on_error = true },
    { HTTP_DELETE, "/api/v1/whip/:deviceId/:publisher", API_ANYONE, APP_RATE_COMMAND, API_DB_READ, .run = device_run, .then = delete_then, .then_on_error = true },
    { HTTP_OPTIONS, "/api/v1/whip/:deviceId/:publisher", API_ANYONE, APP_RATE_READ, API_DB_NONE, .then = options_then },
    { 0 }
};
