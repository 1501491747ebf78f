/* api/whip.c - /whip/:deviceId: a device's live picture by WebRTC (RFC 9725). Who asks is the device, by its token.
 *
 * Pages of any origin may publish, so every answer allows them; the token in the header is what counts, never a cookie. Those of VCR_CORS_ORIGINS are allowed already (cors.c), and a
 * browser takes no header twice. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "app/devices.h"
#include "app/whip.h"
#include "wire/sdp.h"

#define TYPE_SDP "application/sdp"
#define TYPE_FRAGMENT "application/trickle-ice-sdpfrag"

/* On the loop. */
static void allow_origins(struct api_call *c)
{
    if (cors_allows(c->api, c->req))
        return;
    api_header(c, "Access-Control-Allow-Origin", "*");
    api_header(c, "Access-Control-Expose-Headers", "Location, ETag, Link, Accept-Patch");
}

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

/* Whether the device may; answers when not. */
static bool is_admitted(struct api_call *c)
{
    struct vcr_why why = c->job.why;
    allow_origins(c);
    if (c->job.err == VCR_OK)
        return true;
    why.code = c->job.err;
    api_fail(c, &why);
    return false;
}

/* Whether the body is of that type; answers when not. */
static bool takes_type(struct api_call *c, const char *want)
{
    const char *type = http_req_header(c->req, "Content-Type");
    size_t n = strlen(want);
    struct vcr_why why;
    if (type && strncasecmp(type, want, n) == 0 && (type[n] == '\0' || type[n] == ';' || type[n] == ' '))
        return true;
    vcr_fail(&why, VCR_E_UNSUPPORTED, "the body must be %s", want);
    api_fail(c, &why);
    return false;
}

/* ---- POST ---- */
static void published(void *arg, const struct whip_reply *r)
{
    struct api_call *c = arg;
    char text[120];
    if (r->err != VCR_OK) {
        api_fail(c, &r->why);
        return;
    }
    c->status = 201;
    c->content_type = TYPE_SDP;
    snprintf(text, sizeof(text), "/api/v1/whip/%" PRId64 "/%s", device_of(c), r->id);
    api_header(c, "Location", text);
    snprintf(text, sizeof(text), "\"%s\"", r->id);
    api_header(c, "ETag", text);
    api_header(c, "Accept-Patch", TYPE_FRAGMENT);
    buf_adds(&c->out, r->answer);
    api_finish(c);
}

static void on_offer(struct http_req *r, const char *body, size_t len)
{
    struct api_call *c = http_req_own(r);
    whip_publish(c->app->whip, device_of(c), body, len, c->loop, published, c);
}

static void post_then(struct api_call *c)
{
    if (is_admitted(c) && takes_type(c, TYPE_SDP))
        http_body_read(c->req, SDP_MAX_BYTES, on_offer);
}

/* ---- PATCH: candidates, of which an ICE-lite server needs none ---- */
static void trickled(void *arg, const struct whip_reply *r)
{
    struct api_call *c = arg;
    if (r->err != VCR_OK) {
        api_fail(c, &r->why);
        return;
    }
    c->status = 204;
    api_finish(c);
}

static void on_fragment(struct http_req *r, const char *body, size_t len)
{
    struct api_call *c = http_req_own(r);
    whip_trickle(c->app->whip, device_of(c), api_param(c, "publisher"), body, len, c->loop, trickled, c);
}

static void patch_then(struct api_call *c)
{
    char etag[VCR_UUID_BYTES + 2];
    struct vcr_why why;
    if (!is_admitted(c) || !takes_type(c, TYPE_FRAGMENT))
        return;
    snprintf(etag, sizeof(etag), "\"%.36s\"", api_param(c, "publisher"));
    if (c->if_match && api_if_match(c, etag, &why) != VCR_OK) {
        vcr_fail(&why, VCR_E_STALE, "this is not the publisher's ETag");
        api_fail(c, &why);
        return;
    }
    http_body_read(c->req, SDP_MAX_BYTES, on_fragment);
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
    if (is_admitted(c))
        whip_end(c->app->whip, device_of(c), api_param(c, "publisher"), c->loop, ended, c);
}

/* ---- OPTIONS ---- */
static void options_then(struct api_call *c)
{
    bool is_publisher = *api_param(c, "publisher");
    const char *methods = is_publisher ? "PATCH, DELETE, OPTIONS" : "POST, OPTIONS";
    allow_origins(c);
    api_header(c, "Allow", methods);
    if (!cors_allows(c->api, c->req)) {
        api_header(c, "Access-Control-Allow-Methods", methods);
        api_header(c, "Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match");
        api_header(c, "Access-Control-Max-Age", "86400");
    }
    api_header(c, is_publisher ? "Accept-Patch" : "Accept-Post", is_publisher ? TYPE_FRAGMENT : TYPE_SDP);
    c->status = 204;
    api_finish(c);
}

const struct api_route api_whip_routes[] = {
    { HTTP_POST, "/api/v1/whip/:deviceId", API_ANYONE, APP_RATE_COMMAND, API_DB_READ, .run = device_run, .then = post_then, .own_body = true, .then_on_error = true },
    { HTTP_OPTIONS, "/api/v1/whip/:deviceId", API_ANYONE, APP_RATE_READ, API_DB_NONE, .then = options_then },
    { HTTP_PATCH, "/api/v1/whip/:deviceId/:publisher", API_ANYONE, APP_RATE_COMMAND, API_DB_READ, .run = device_run, .then = patch_then, .own_body = true, .then_on_error = true },
    { HTTP_DELETE, "/api/v1/whip/:deviceId/:publisher", API_ANYONE, APP_RATE_COMMAND, API_DB_READ, .run = device_run, .then = delete_then, .then_on_error = true },
    { HTTP_OPTIONS, "/api/v1/whip/:deviceId/:publisher", API_ANYONE, APP_RATE_READ, API_DB_NONE, .then = options_then },
    { 0 }
};
