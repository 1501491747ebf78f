/* api/session_remote.c - /sessions/:id/remote: the remote control asked for, handed over and given back. */
#include <string.h>

#include "api/session_call.h"

static const char *const actions[] = { [SESSION_REMOTE_REQUEST] = "request", [SESSION_REMOTE_GRANT] = "grant", [SESSION_REMOTE_RELEASE] = "release" };

static enum vcr_err remote_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct call_session *o = call_session(c);
    enum vcr_err err = call_session_find_running(c, tx, APP_USE, why);
    for (int i = 0; i < (int)ARRAY_LEN(actions); i++)
        if (strcmp(api_str(c, "action"), actions[i]) == 0)
            o->remote = (enum session_remote_action)i;
    if (err == VCR_OK && o->remote != SESSION_REMOTE_RELEASE && !api_has(c, "peer_id"))
        err = api_invalid(c, why, "/peer_id", "is required");
    return err;
}

static void done(void *arg, struct session_reply *r)
{
    struct api_call *c = arg;
    struct call_session *o = call_session(c);
    if (r->err != VCR_OK) {
        call_session_fail(c, r);
        return;
    }
    c->status = o->remote == SESSION_REMOTE_REQUEST ? 202 : 200;
    call_session_json(&c->json, &o->row, &r->info, o->privy);
    api_finish(c);
}

static void remote_then(struct api_call *c)
{
    struct call_session *o = call_session(c);
    session_remote(c->app->config.sessions, o->row.id, c->who.user_id, o->privy, o->remote, api_str(c, "peer_id"), c->loop, done, c);
}

static const struct api_field remote_fields[] = {
    { "action", API_STRING, .required = true, .one_of = "request|grant|release" }, { "peer_id", API_STRING, .min = 1, .max = 64 }, { 0 }
};

const struct api_route api_remote_routes[] = {
    { HTTP_POST, "/api/v1/sessions/:id/remote", API_ACCOUNT, APP_RATE_COMMAND, API_DB_READ, 65536, remote_fields, remote_run, .then = remote_then },
    { 0 }
};
