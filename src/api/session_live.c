/* api/session_live.c - what a viewer of a session holds open: its events, and its stream's offer and answer; and its log. */
#include "api/session_call.h"
#include "app/guard.h"
#include "app/shares.h"

/* ---- events ---- */
static enum vcr_err events_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    enum vcr_err err = call_session_find_running(c, tx, APP_SEE, why);
    return err == VCR_OK ? guard_watch(c->app, call_session(c)->row.id, &c->who, why) : err;
}

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

/* Not at once: what holds at the beginning is in the session. */
static void tell_remote(struct api_call *c, const struct session_info *info)
{
    struct call_session *o = call_session(c);
    bool told = o->told_remote && o->told_remote != info->remote.revision + 1;
    o->told_remote = info->remote.revision + 1;
    if (!told)
        return;
    struct buf b;
    struct jsonw j;
    buf_init(&b, 1024);
    jsonw_init(&j, &b);
    call_remote_json(&j, NULL, &info->remote);
    http_sse_send(c->req, "remote", b.data);
    buf_free(&b);
}

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
        tell_remote(c, info);
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
    o->watch = session_watch(c->app->config.sessions, o->row.id, app_person_id(&c->who), c->loop, on_event, c);
    http_req_on_gone(c->req, watcher_gone);
    http_sse_begin(c->req);
}

/* ---- log ---- */
static enum vcr_err log_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why) { return call_session_find_running(c, tx, APP_INSPECT, why); }

static void logged(void *arg, struct session_reply *r)
{
    struct api_call *c = arg;
    if (r->err != VCR_OK) {
        call_session_fail(c, r);
        return;
    }
    buf_adds(&c->out, r->log);
    free(r->log);
    c->content_type = "text/plain; charset=utf-8";
    api_finish(c);
}

static void log_then(struct api_call *c) { session_log(c->app->config.sessions, call_session(c)->row.id, c->loop, logged, c); }

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

static enum vcr_err offer_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    enum vcr_err err = stream_run(c, tx, why);
    if (err == VCR_OK)
        err = guard_watch(c->app, call_session(c)->row.id, &c->who, why);
    return err == VCR_OK ? app_session_person(tx, &c->who, &call_session(c)->person, why) : err;
}

static void offer_then(struct api_call *c)
{
    struct call_session *o = call_session(c);
    session_offer(c->app->config.sessions, o->row.id, &o->person, c->loop, offered, c);
}

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
    vcr_strcpy(o->command.pointer, sizeof(o->command.pointer), "/sdp");
    session_answer(c->app->config.sessions, o->row.id, api_str(c, "peer_id"), api_str(c, "sdp"), c->loop, answered, c);
}

static const struct api_field answer_fields[] = {
    { "peer_id", API_STRING, .required = true, .min = 1, .max = 64 }, { "type", API_STRING, .required = true, .one_of = "answer" },
    { "sdp", API_STRING, .required = true, .min = 1, .max = 65535 }, { 0 }
};

const struct api_route api_live_routes[] = {
    { HTTP_GET, "/api/v1/sessions/:id/events", API_VIEWERS, APP_RATE_READ, API_DB_READ, .run = events_run, .then = events_then },
    { HTTP_GET, "/api/v1/sessions/:id/log", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = log_run, .then = log_then },
    { HTTP_GET, "/api/v1/streams/:id/offer", API_VIEWERS, APP_RATE_COMMAND, API_DB_READ, .run = offer_run, .then = offer_then, .no_head = true },
    { HTTP_POST, "/api/v1/streams/:id/answer", API_VIEWERS, APP_RATE_COMMAND, API_DB_READ, 131072, answer_fields, stream_run, .then = answer_then },
    { 0 }
};
