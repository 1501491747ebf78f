/* api/sessions.c - /sessions: running VCRs begun, listed and ended. Rights are checked in the transaction, then the session's actor is asked from the loop. */
#include <stdio.h>
#include <string.h>

#include "api/session_call.h"
#include "app/devices.h"

/* ---- POST /sessions ---- */
static enum vcr_err find_device(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct app_device d = { 0 };
    int64_t id = json_integer_value(json_object_get(c->body, "device_id"));
    if (!api_has(c, "device_id"))
        return api_invalid(c, why, "/device_id", "is required");
    enum vcr_err err = app_device_find(tx, &c->who, id, APP_EDIT, &d, why);
    call_session(c)->device_id = d.id;
    app_device_free(&d);
    return err;
}

static enum vcr_err create_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct call_session *o = call_session(c);
    int64_t tape_id = json_integer_value(json_object_get(c->body, "tape_id"));
    char *look = NULL;
    vcr_strcpy(o->settings.look, sizeof(o->settings.look), "vhs");
    enum vcr_err err = call_session_need(c, why);
    bool streaming = strcmp(api_str(c, "type"), "streaming") == 0;
    if (err == VCR_OK && streaming)
        err = find_device(c, tx, why);
    else if (err == VCR_OK && api_has(c, "device_id"))
        err = api_invalid(c, why, "/device_id", "is for a streaming session");
    if (err == VCR_OK && streaming && tape_id)
        err = api_invalid(c, why, "/tape_id", "is for an emulation");
    if (err == VCR_OK && json_object_get(c->body, "look"))
        err = look_read(c, json_object_get(c->body, "look"), "/look", &look, &o->settings.clean, o->settings.look, why);
    o->settings.linear = look_is_linear(o->settings.clean, o->settings.look);
    if (err == VCR_OK)
        err = session_settings_read(c, json_object_get(c->body, "settings"), &o->settings, why);
    if (err == VCR_OK && tape_id) {
        err = app_tape_open(c->app, tx, &c->who, tape_id, &o->tape, why);
        o->has_tape = err == VCR_OK;
    }
    if (err == VCR_OK) {
        char *settings = session_settings_json(&o->settings);
        char id[VCR_UUID_BYTES];
        vcr_uuid7(id);
        err = app_session_create(c->app, tx, &c->who, id, tape_id, o->device_id, look ? look : "\"vhs\"", settings, c->now_ms, why);
        free(settings);
        if (err == VCR_OK)
            err = app_session_find(tx, &c->who, id, APP_SEE, &o->row, why);
    }
    free(look);
    return err;
}

static enum vcr_err save_status(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct call_session *o = call_session(c);
    return app_session_set_status(tx, o->row.id, c->refuse ? "failed" : o->device_id ? "starting" : "active", c->now_ms, why);
}

static void created(void *arg, struct session_reply *r)
{
    struct api_call *c = arg;
    struct call_session *o = call_session(c);
    char place[80];
    if (r->err != VCR_OK) {
        r->why.code = r->err;
        api_refuse_after_commit(c, &r->why);
    } else {
        call_session_json(&c->json, &o->row, &r->info, true);
        snprintf(place, sizeof(place), "/api/v1/sessions/%s", o->row.id);
        api_header(c, "Location", place);
        c->status = 201;
    }
    api_sql(c, SQL_WRITE, save_status);
}

static void create_then(struct api_call *c)
{
    struct call_session *o = call_session(c);
    bool tape = o->has_tape;
    o->settings.owner_id = c->who.user_id;
    if (o->device_id) {
        session_start_live(c->app->config.sessions, o->row.id, &o->settings, o->device_id, c->loop, created, c);
        return;
    }
    o->has_tape = false; /* the actor owns its descriptors from here on */
    session_start(c->app->config.sessions, o->row.id, &o->settings, tape ? &o->tape : NULL, c->loop, created, c);
}

/* ---- GET ---- */
static enum vcr_err get_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why) { return call_session_find(c, tx, APP_SEE, why); }

static void got(void *arg, struct session_reply *r)
{
    struct api_call *c = arg;
    struct call_session *o = call_session(c);
    call_session_json(&c->json, &o->row, r->err == VCR_OK ? &r->info : NULL, o->privy);
    api_finish(c);
}

static void get_then(struct api_call *c) { session_get(c->app->config.sessions, call_session(c)->row.id, c->loop, got, c); }

static void list_item(void *arg, const struct app_session *s)
{
    struct api_call *c = arg;
    struct call_session *o = call_session(c);
    struct app_session *copy = &o->list[o->count].row;
    *copy = *s;
    copy->look = vcr_strdup(s->look);
    copy->settings = vcr_strdup(s->settings);
    o->list[o->count++].privy = app_session_privy(&c->who, s);
}

static enum vcr_err list_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct call_session *o = call_session(c);
    int limit;
    uint64_t tape_id = 0;
    const char *tape = api_query(c, "tape_id"), *cursor = api_query(c, "cursor");
    enum vcr_err err = call_session_need(c, why);
    if (err == VCR_OK)
        err = api_query_limit(c, &limit, why);
    if (tape && (!vcr_parse_u64(tape, INT64_MAX, &tape_id) || tape_id == 0))
        err = api_invalid(c, why, "tape_id", "must be a tape's id");
    if (err == VCR_OK && cursor && !vcr_is_uuid(cursor))
        err = vcr_fail(why, VCR_E_MALFORMED, "cursor: this is no cursor of this list");
    if (err != VCR_OK)
        return err;
    o->list = vcr_calloc((size_t)limit, sizeof(*o->list));
    return app_session_list(tx, &c->who, (int64_t)tape_id, cursor ? cursor : "", limit, list_item, c, &o->more, why);
}

static void list_next(struct api_call *c);

static void list_got(void *arg, struct session_reply *r)
{
    struct api_call *c = arg;
    struct call_session *o = call_session(c);
    call_session_json(&c->json, &o->list[o->at].row, r->err == VCR_OK ? &r->info : NULL, o->list[o->at].privy);
    o->at++;
    list_next(c);
}

static void list_next(struct api_call *c)
{
    struct call_session *o = call_session(c);
    for (; o->at < o->count && o->list[o->at].row.ended_at; o->at++)
        call_session_json(&c->json, &o->list[o->at].row, NULL, o->list[o->at].privy);
    if (o->at < o->count) {
        session_get(c->app->config.sessions, o->list[o->at].row.id, c->loop, list_got, c);
        return;
    }
    list_end(c, o->more ? o->list[o->count - 1].row.id : NULL);
    api_finish(c);
}

static void list_then(struct api_call *c)
{
    list_begin(c);
    list_next(c);
}

/* ---- end ---- */
static enum vcr_err end_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    enum vcr_err err = call_session_find(c, tx, APP_EDIT, why);
    c->status = 204;
    return err == VCR_OK ? app_session_set_status(tx, call_session(c)->row.id, "ended", c->now_ms, why) : err;
}

static void ended(void *arg, struct session_reply *r) { api_finish(arg); }

static void end_then(struct api_call *c) { session_end(c->app->config.sessions, call_session(c)->row.id, c->loop, ended, c); }

#define ID_MAX 9007199254740991.0
#define BODY 65536
static const struct api_field new_session[] = {
    { "type", API_STRING, .required = true, .one_of = "emulation|streaming" }, { "tape_id", API_INTEGER, .nullable = true, .min = 1, .max = ID_MAX },
    { "device_id", API_INTEGER, .min = 1, .max = ID_MAX }, { "look", .type = API_ANY }, { "settings", .type = API_OBJECT }, { 0 }
};

const struct api_route api_session_routes[] = {
    { HTTP_POST, "/api/v1/sessions", API_CREATOR, APP_RATE_WRITE, API_DB_WRITE, BODY, new_session, create_run, .then = create_then, .idempotent = true },
    { HTTP_GET, "/api/v1/sessions", API_VIEWERS, APP_RATE_READ, API_DB_READ, .run = list_run, .then = list_then },
    { HTTP_GET, "/api/v1/sessions/:id", API_VIEWERS, APP_RATE_READ, API_DB_READ, .run = get_run, .then = get_then },
    { HTTP_DELETE, "/api/v1/sessions/:id", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, .run = end_run, .then = end_then },
    { 0 }
};
