/* api/session_live.c - what a viewer of a session holds open: its events, and its stream's offer and answer. */
#include "api/session_call.h"

/* ---- events ---- */
static enum vcr_err events_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why) { return call_session_find_running(c, tx, APP_SEE, why); }

static void stop_watching(struct api_call *c)
{
    struct call_session *o = call_session(c);
    if (o->told_end)
        return;
    o->told_end = true;
    session_unwatch(o->watch);
    http_sse_end(c->req);
}

static void watcher_gone(struct http_req *r) { stop_watching(http_req_own(r)); }

static void on_event(void *arg, const struct session_info *info, bool is_end)
{
    struct api_call *c = arg;
    struct buf b;
    struct jsonw j;
    buf_init(&b, 65536);
    jsonw_init(&j, &b);
    if (info->id[0]) {
        deck_json(&j, NULL, info);
        http_sse_send(c->req, "deck", b.data);
    }
    buf_free(&b);
    if (is_end)
        stop_watching(c);
}

static void events_then(struct api_call *c)
{
    struct call_session *o = call_session(c);
    security_headers(c->req);
    if (http_req_method(c->req) == HTTP_HEAD || http_req_gone(c->req)) {
        http_sse_begin(c->req);
        http_sse_end(c->req);
        return;
    }
    o->watch = session_watch(c->app->config.sessions, o->row.id, c->loop, on_event, c);
    http_req_on_gone(c->req, watcher_gone);
    http_sse_begin(c->req);
}

/* ---- streams ---- */
static enum vcr_err stream_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why) { return call_session_find_running(c, tx, APP_SEE, why); }

static void offered(void *arg, struct session_reply *r)
{
    struct api_call *c = arg;
    if (r->err != VCR_OK) {
        call_session_fail(c, r);
        return;
    }
    jsonw_open(&c->json, NULL);
    jsonw_str(&c->json, "type", "offer");
    jsonw_str(&c->json, "sdp", r->sdp);
    jsonw_str(&c->json, "peer_id", r->peer_id);
    jsonw_open_array(&c->json, "ice_servers");
    jsonw_close_array(&c->json);
    jsonw_close(&c->json);
    free(r->sdp);
    api_finish(c);
}

static void offer_then(struct api_call *c) { session_offer(c->app->config.sessions, call_session(c)->row.id, c->loop, offered, c); }

static void answered(void *arg, struct session_reply *r)
{
    struct api_call *c = arg;
    if (r->err != VCR_OK) {
        call_session_fail(c, r);
        return;
    }
    c->status = 204;
    api_finish(c);
}

static void answer_then(struct api_call *c)
{
    struct call_session *o = call_session(c);
    vcr_strcpy(o->pointer, sizeof(o->pointer), "/sdp");
    session_answer(c->app->config.sessions, o->row.id, api_str(c, "peer_id"), api_str(c, "sdp"), c->loop, answered, c);
}

static const struct api_field answer_fields[] = {
    { "peer_id", API_STRING, .required = true, .min = 1, .max = 64 }, { "type", API_STRING, .required = true, .one_of = "answer" },
    { "sdp", API_STRING, .required = true, .min = 1, .max = 65535 }, { 0 }
};

const struct api_route api_live_routes[] = {
    { HTTP_GET, "/api/v1/sessions/:id/events", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = events_run, .then = events_then },
    { HTTP_GET, "/api/v1/streams/:id/offer", API_ACCOUNT, APP_RATE_COMMAND, API_DB_READ, .run = stream_run, .then = offer_then, .no_head = true },
    { HTTP_POST, "/api/v1/streams/:id/answer", API_ACCOUNT, APP_RATE_COMMAND, API_DB_READ, 131072, answer_fields, stream_run, .then = answer_then },
    { 0 }
};
