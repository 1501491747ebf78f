/* api/whep.c - /whep/:id: a session's picture and sound to a standard player by WebRTC (WHEP, draft-ietf-wish-whep). Who may watch the session may so. */
#include <stdio.h>
#include <string.h>

#include "api/door.h"
#include "api/session_call.h"
#include "app/guard.h"
#include "app/shares.h"
#include "wire/sdp.h"

static enum vcr_err offer_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    enum vcr_err err = call_session_find_running(c, tx, APP_SEE, why);
    if (err == VCR_OK && c->route->method == HTTP_POST)
        err = guard_watch(c->app, call_session(c)->row.id, &c->who, why);
    return err == VCR_OK ? app_session_person(tx, &c->who, &call_session(c)->person, why) : err;
}

/* What is left of a viewer goes with its session, so an ended one is asked for, too. */
static enum vcr_err viewer_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why) { return call_session_find(c, tx, APP_SEE, why); }

static bool failed(struct api_call *c, const struct session_reply *r)
{
    if (r->err != VCR_OK)
        call_session_fail(c, r);
    return r->err != VCR_OK;
}

/* ---- POST ---- */
static void viewed(void *arg, struct session_reply *r)
{
    struct api_call *c = arg;
    char location[160];
    if (failed(c, r))
        return;
    snprintf(location, sizeof(location), "/api/v1/whep/%s/%s", call_session(c)->row.id, r->peer_id);
    door_created(c, location, r->peer_id, r->sdp);
    free(r->sdp);
}

static void on_offer(struct http_req *r, const char *body, size_t len)
{
    struct api_call *c = http_req_own(r);
    const struct call_session *o = call_session(c);
    session_view(c->app->config.sessions, o->row.id, &o->person, body, len, c->loop, viewed, c);
}

static void post_then(struct api_call *c)
{
    if (door_admits(c) && door_takes_type(c, DOOR_SDP))
        http_body_read(c->req, SDP_MAX_BYTES, on_offer);
}

/* ---- PATCH: candidates, of which an ICE-lite server needs none; GET: there is nothing to see but that it is there ---- */
static void nothing_more(void *arg, struct session_reply *r)
{
    struct api_call *c = arg;
    if (failed(c, r))
        return;
    c->status = 204;
    api_finish(c);
}

static void trickle(struct api_call *c, const char *fragment, size_t len)
{
    session_view_trickle(c->app->config.sessions, call_session(c)->row.id, app_person_id(&c->who), api_param(c, "viewer"), fragment, len, c->loop, nothing_more, c);
}

static void on_fragment(struct http_req *r, const char *body, size_t len) { trickle(http_req_own(r), body, len); }

static void patch_then(struct api_call *c)
{
    if (door_admits(c) && door_takes_type(c, DOOR_FRAGMENT) && door_etag_holds(c, api_param(c, "viewer"), "the viewer's"))
        http_body_read(c->req, SDP_MAX_BYTES, on_fragment);
}

static void get_then(struct api_call *c)
{
    if (!door_admits(c))
        return;
    if (*api_param(c, "viewer")) {
        trickle(c, NULL, 0);
        return;
    }
    c->status = 204;
    api_finish(c);
}

/* ---- DELETE ---- */
static void ended(void *arg, struct session_reply *r)
{
    struct api_call *c = arg;
    if (failed(c, r))
        return;
    c->content_type = NULL;
    api_finish(c);
}

static void delete_then(struct api_call *c)
{
    if (door_admits(c))
        session_view_end(c->app->config.sessions, call_session(c)->row.id, app_person_id(&c->who), api_param(c, "viewer"), c->loop, ended, c);
}

/* ---- OPTIONS ---- */
static void options_then(struct api_call *c)
{
    bool is_viewer = *api_param(c, "viewer");
    door_options(c, is_viewer, is_viewer ? "GET, HEAD, PATCH, DELETE, OPTIONS" : "GET, HEAD, POST, OPTIONS");
}

const struct api_route api_whep_routes[] = {
    { HTTP_POST, "/api/v1/whep/:id", API_VIEWERS, APP_RATE_COMMAND, API_DB_READ, .run = offer_run, .then = post_then, .own_body = true, .then_on_error = true },
    { HTTP_GET, "/api/v1/whep/:id", API_VIEWERS, APP_RATE_READ, API_DB_READ, .run = offer_run, .then = get_then, .then_on_error = true },
    { HTTP_OPTIONS, "/api/v1/whep/:id", API_ANYONE, APP_RATE_READ, API_DB_NONE, .then = options_then },
    { HTTP_PATCH, "/api/v1/whep/:id/:viewer", API_VIEWERS, APP_RATE_COMMAND, API_DB_READ, .run = viewer_run, .then = patch_then, .own_body = true, .then_on_error = true },
    { HTTP_GET, "/api/v1/whep/:id/:viewer", API_VIEWERS, APP_RATE_READ, API_DB_READ, .run = viewer_run, .then = get_then, .then_on_error = true },
    { HTTP_DELETE, "/api/v1/whep/:id/:viewer", API_VIEWERS, APP_RATE_COMMAND, API_DB_READ, .run = viewer_run, .then = delete_then, .then_on_error = true },
    { HTTP_OPTIONS, "/api/v1/whep/:id/:viewer", API_ANYONE, APP_RATE_READ, API_DB_NONE, .then = options_then },
    { 0 }
};
