/* api/sessions.c - /sessions and /streams: running VCRs. Rights are checked in the transaction, then the session's actor is asked from the loop. */
#include "app/sessions.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"

enum { LIST_MAX = 200 };
struct own {
    struct app_session row;
    struct session_settings settings;
    struct session_tape tape;
    bool has_tape, privy;           /* privy: sees viewers and settings */
    enum deck_cmd cmd;
    struct deck_args args;
    int64_t insert_id;
    char pointer[24];               /* of the argument that the deck may find out of range */
    struct session_watch *watch;
    bool told_end;
    struct { struct app_session row; bool privy; } *list;
    int count, at;
    bool more;
};

static void own_free(void *p)
{
    struct own *o = p;
    app_session_free(&o->row);
    if (o->has_tape)
        session_tape_close(&o->tape);
    for (int i = 0; i < o->count; i++)
        app_session_free(&o->list[i].row);
    free(o->list);
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

static struct sessions *sessions(struct api_call *c) { return c->app->config.sessions; }

static enum vcr_err need_sessions(struct api_call *c, struct vcr_why *why)
{
    return sessions(c) ? VCR_OK : vcr_fail(why, VCR_E_BUSY, "this server plays no tapes");
}

/* ---- JSON ---- */
static void viewers_json(struct jsonw *j, const struct session_info *info)
{
    jsonw_open_array(j, "viewers");
    for (int i = 0; info && i < info->viewer_count && i < (int)ARRAY_LEN(info->viewers); i++) {
        const struct rtc_viewer_stats *v = &info->viewers[i];
        jsonw_open(j, NULL);
        jsonw_str(j, "peer_id", v->peer_id);
        jsonw_bool(j, "connected", v->connected);
        jsonw_num(j, "rtt_ms", v->rtt_ms < 0 ? NAN : v->rtt_ms);
        jsonw_num(j, "loss", v->loss);
        jsonw_int(j, "bitrate_bps", v->bitrate_bps);
        jsonw_num(j, "first_key_frame_ms", v->first_key_frame_ms < 0 ? NAN : v->first_key_frame_ms);
        jsonw_close(j);
    }
    jsonw_close_array(j);
}

static void id_or_null(struct jsonw *j, const char *key, int64_t id)
{
    if (id)
        jsonw_int(j, key, id);
    else
        jsonw_null(j, key);
}

static void aspect_json(struct jsonw *j, const struct session_info *info)
{
    char text[24] = "4:3";
    if (info)
        snprintf(text, sizeof(text), "%d:%d", info->display_aspect_w, info->display_aspect_h);
    jsonw_str(j, "display_aspect", text);
}

/* info NULL: it does not run. */
static void session_json(struct jsonw *j, const struct app_session *s, const struct session_info *info, bool privy)
{
    bool over = s->ended_at != 0;
    jsonw_open(j, NULL);
    jsonw_str(j, "id", s->id);
    id_or_null(j, "user_id", s->user_id);
    id_or_null(j, "tape_id", info ? info->tape_id : s->tape_id);
    jsonw_null(j, "device_id");
    jsonw_str(j, "type", s->type);
    jsonw_str(j, "status", over ? s->status : info ? info->status : "ended");
    if (info)
        deck_json(j, "deck", info);
    else
        jsonw_null(j, "deck");
    jsonw_raw(j, "look", s->look ? s->look : "\"vhs\"");
    aspect_json(j, info);
    if (privy) {
        viewers_json(j, info);
        jsonw_raw(j, "settings", s->settings ? s->settings : "{}");
    }
    jsonw_time(j, "started_at", s->started_at);
    if (over)
        jsonw_time(j, "ended_at", s->ended_at);
    else
        jsonw_null(j, "ended_at");
    jsonw_close(j);
}

/* A refusal of the actor as a problem, with the deck when there is one. */
static void fail_reply(struct api_call *c, const struct session_reply *r)
{
    struct own *o = own(c);
    struct vcr_why why = r->why;
    why.code = r->err;
    if (r->info.id[0] && why.code == VCR_E_CONFLICT) {
        struct buf b;
        struct jsonw j;
        buf_init(&b, 65536);
        jsonw_init(&j, &b);
        deck_json(&j, NULL, &r->info);
        api_problem_extra(c, "deck", b.data);
        buf_free(&b);
    }
    if (why.code == VCR_E_INVALID && o->pointer[0])
        api_invalid(c, NULL, o->pointer, "%s", r->why.text);
    api_fail(c, &why);
}

static enum vcr_err find(struct api_call *c, struct sql_tx *tx, enum app_access access, struct vcr_why *why)
{
    struct own *o = own(c);
    enum vcr_err err = need_sessions(c, why);
    if (err == VCR_OK)
        err = app_session_find(tx, &c->who, api_param(c, "id"), access, &o->row, why);
    o->privy = o->row.user_id == c->who.user_id || c->who.role == APP_ADMIN;
    return err;
}

/* As find, and it must run. */
static enum vcr_err find_running(struct api_call *c, struct sql_tx *tx, enum app_access access, struct vcr_why *why)
{
    enum vcr_err err = find(c, tx, access, why);
    if (err == VCR_OK && own(c)->row.ended_at)
        err = vcr_refuse(why, VCR_E_CONFLICT, "/session-ended", "this session has ended");
    return err;
}

/* ---- POST /sessions ---- */
static enum vcr_err read_settings(struct api_call *c, struct session_settings *s, struct vcr_why *why)
{
    const json_t *set = json_object_get(c->body, "settings"), *v;
    const char *name;
    s->deck = (struct deck_settings){ .auto_rewind = true };
    s->grace_us = 30 * INT64_C(1000000);
    json_object_foreach((json_t *)set, name, v) {
        char pointer[64];
        body_pointer(pointer, sizeof(pointer), "/settings", name);
        bool *flag = strcmp(name, "auto_rewind") == 0 ? &s->deck.auto_rewind : strcmp(name, "autoplay") == 0 ? &s->deck.autoplay : NULL;
        if (flag && json_is_boolean(v)) {
            *flag = json_is_true(v);
        } else if (strcmp(name, "winding") == 0 && json_is_string(v) && (!strcmp(json_string_value(v), "real") || !strcmp(json_string_value(v), "fast"))) {
            s->deck.winding_real = !strcmp(json_string_value(v), "real");
        } else if (strcmp(name, "grace_s") == 0 && json_is_number(v) && json_number_value(v) >= 0 && json_number_value(v) <= 3600) {
            s->grace_us = (int64_t)(json_number_value(v) * 1e6);
        } else if (!(strcmp(name, "seed") == 0 && json_is_integer(v))) {
            return api_invalid(c, why, pointer, "is not known here or has no such value");
        }
    }
    return VCR_OK;
}

static enum vcr_err create_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct own *o = own(c);
    int64_t tape_id = json_integer_value(json_object_get(c->body, "tape_id"));
    char *look = NULL;
    vcr_strcpy(o->settings.look, sizeof(o->settings.look), "vhs");
    enum vcr_err err = need_sessions(c, why);
    if (err == VCR_OK && strcmp(api_str(c, "type"), "streaming") == 0)
        err = api_has(c, "device_id") ? vcr_fail(why, VCR_E_NOT_FOUND, "there is no such device") : api_invalid(c, why, "/device_id", "is required");
    if (err == VCR_OK && json_object_get(c->body, "look"))
        err = look_read(c, json_object_get(c->body, "look"), "/look", &look, &o->settings.clean, o->settings.look, why);
    if (err == VCR_OK)
        err = read_settings(c, &o->settings, why);
    if (err == VCR_OK && tape_id) {
        err = app_tape_open(c->app, tx, &c->who, tape_id, &o->tape, why);
        o->has_tape = err == VCR_OK;
    }
    if (err == VCR_OK) {
        char *settings = api_has(c, "settings") ? json_dumps(json_object_get(c->body, "settings"), JSON_COMPACT) : vcr_strdup("{}");
        char id[VCR_UUID_BYTES];
        vcr_uuid7(id);
        err = app_session_create(c->app, tx, &c->who, id, tape_id, look ? look : "\"vhs\"", settings, c->now_ms, why);
        free(settings);
        if (err == VCR_OK)
            err = app_session_find(tx, &c->who, id, APP_SEE, &o->row, why);
    }
    free(look);
    return err;
}

static enum vcr_err save_status(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    return app_session_set_status(tx, own(c)->row.id, c->refuse ? "failed" : "active", c->now_ms, why);
}

static void created(void *arg, struct session_reply *r)
{
    struct api_call *c = arg;
    struct own *o = own(c);
    char place[80];
    if (r->err != VCR_OK) {
        r->why.code = r->err;
        api_refuse_after_commit(c, &r->why);
    } else {
        session_json(&c->json, &o->row, &r->info, true);
        snprintf(place, sizeof(place), "/api/v1/sessions/%s", o->row.id);
        api_header(c, "Location", place);
        c->status = 201;
    }
    api_sql(c, SQL_WRITE, save_status);
}

static void create_then(struct api_call *c)
{
    struct own *o = own(c);
    bool tape = o->has_tape;
    o->has_tape = false; /* the actor owns its descriptors from here on */
    session_start(sessions(c), o->row.id, &o->settings, tape ? &o->tape : NULL, c->loop, created, c);
}

/* ---- GET ---- */
static enum vcr_err get_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why) { return find(c, tx, APP_SEE, why); }

static void got(void *arg, struct session_reply *r)
{
    struct api_call *c = arg;
    struct own *o = own(c);
    session_json(&c->json, &o->row, r->err == VCR_OK ? &r->info : NULL, o->privy);
    api_finish(c);
}

static void get_then(struct api_call *c) { session_get(sessions(c), own(c)->row.id, c->loop, got, c); }

static void list_item(void *arg, const struct app_session *s)
{
    struct api_call *c = arg;
    struct own *o = own(c);
    struct app_session *copy = &o->list[o->count].row;
    *copy = *s;
    copy->look = vcr_strdup(s->look);
    copy->settings = vcr_strdup(s->settings);
    o->list[o->count++].privy = s->user_id == c->who.user_id || c->who.role == APP_ADMIN;
}

static enum vcr_err list_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct own *o = own(c);
    int limit;
    uint64_t tape_id = 0;
    const char *tape = api_query(c, "tape_id"), *cursor = api_query(c, "cursor");
    enum vcr_err err = need_sessions(c, why);
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
    struct own *o = own(c);
    session_json(&c->json, &o->list[o->at].row, r->err == VCR_OK ? &r->info : NULL, o->list[o->at].privy);
    o->at++;
    list_next(c);
}

static void list_next(struct api_call *c)
{
    struct own *o = own(c);
    for (; o->at < o->count && o->list[o->at].row.ended_at; o->at++)
        session_json(&c->json, &o->list[o->at].row, NULL, o->list[o->at].privy);
    if (o->at < o->count) {
        session_get(sessions(c), o->list[o->at].row.id, c->loop, list_got, c);
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

/* ---- command ---- */
static const struct { enum deck_cmd cmd; const char *args; } allowed[] = {
    { DECK_CMD_POWER, "on" }, { DECK_CMD_MEMORY, "on" }, { DECK_CMD_REPEAT, "on" }, { DECK_CMD_INSERT, "tape_id" }, { DECK_CMD_SLOW, "speed" },
    { DECK_CMD_SEEK, "position" }, { DECK_CMD_TRACKING, "value" }, { DECK_CMD_TAPE_SPEED, "value" }, { DECK_CMD_SLEEP, "minutes" },
    { DECK_CMD_CUE, "hold" }, { DECK_CMD_REVIEW, "hold" }, { DECK_CMD_INDEX_NEXT, "count" }, { DECK_CMD_INDEX_PREVIOUS, "count" },
    { DECK_CMD_RECORD, "input title stop_rules" }, { DECK_CMD_LOOK, "look" },
};
static const enum deck_cmd need_argument[] = { DECK_CMD_INSERT, DECK_CMD_SLOW, DECK_CMD_SEEK, DECK_CMD_TRACKING, DECK_CMD_TAPE_SPEED, DECK_CMD_SLEEP, DECK_CMD_LOOK };

static enum vcr_err check_members(struct api_call *c, enum deck_cmd cmd, struct vcr_why *why)
{
    const char *args = "", *name;
    json_t *v;
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        args = allowed[i].cmd == cmd ? allowed[i].args : args;
    json_object_foreach(c->body, name, v) {
        char pointer[64];
        snprintf(pointer, sizeof(pointer), "/%s", name);
        if (strcmp(name, "command") != 0 && !strstr(args, name))
            return api_invalid(c, why, pointer, "is no argument of this command");
    }
    snprintf(own(c)->pointer, sizeof(own(c)->pointer), "%s%.*s", *args ? "/" : "", (int)strcspn(args, " "), args);
    for (size_t i = 0; i < ARRAY_LEN(need_argument); i++)
        if (need_argument[i] == cmd && !json_object_get(c->body, args))
            return api_invalid(c, why, own(c)->pointer, "is required");
    return VCR_OK;
}

static enum vcr_err read_value(struct api_call *c, struct own *o, const json_t *v, struct vcr_why *why)
{
    const char *text = json_string_value(v);
    if (o->cmd == DECK_CMD_TAPE_SPEED) {
        static const char *const names[] = { "sp", "lp", "ep" };
        for (uint8_t i = 0; text && i < ARRAY_LEN(names); i++)
            if (strcmp(text, names[i]) == 0) {
                o->args.tape_speed = i;
                return VCR_OK;
            }
        return api_invalid(c, why, "/value", "must be sp, lp or ep");
    }
    if (text && strcmp(text, "auto") == 0)
        o->args.tracking = INT16_MIN;
    else if (json_is_integer(v) && json_integer_value(v) >= -10 && json_integer_value(v) <= 10)
        o->args.tracking = (int16_t)json_integer_value(v);
    else
        return api_invalid(c, why, "/value", "must be auto or -10 to 10");
    return VCR_OK;
}

static enum vcr_err read_args(struct api_call *c, struct own *o, struct vcr_why *why)
{
    const json_t *v;
    char *text = NULL;
    enum vcr_err err = VCR_OK;
    o->args.on = (int8_t)((v = json_object_get(c->body, "on")) ? json_is_true(v) : -1);
    o->args.hold = json_is_true(json_object_get(c->body, "hold"));
    o->args.speed = (int32_t)lround(json_number_value(json_object_get(c->body, "speed")) * 65536);
    o->args.position_us = (int64_t)llround(json_number_value(json_object_get(c->body, "position")) * 1e6);
    o->args.minutes = (int32_t)json_integer_value(json_object_get(c->body, "minutes"));
    o->args.count = (v = json_object_get(c->body, "count")) ? (int32_t)json_integer_value(v) : 1;
    o->insert_id = json_integer_value(json_object_get(c->body, "tape_id"));
    if ((v = json_object_get(c->body, "value")))
        err = read_value(c, o, v, why);
    if (err == VCR_OK && (v = json_object_get(c->body, "look")))
        err = look_read(c, v, "/look", &text, &o->args.clean, o->args.look, why);
    free(text);
    return err;
}

static enum vcr_err command_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct own *o = own(c);
    enum vcr_err err = find_running(c, tx, APP_OWN, why);
    if (err == VCR_OK && !deck_cmd_by_name(api_str(c, "command"), &o->cmd))
        err = api_invalid(c, why, "/command", "is no command");
    if (err == VCR_OK)
        err = check_members(c, o->cmd, why);
    if (err == VCR_OK)
        err = read_args(c, o, why);
    if (err == VCR_OK && o->cmd == DECK_CMD_INSERT) {
        err = app_tape_open(c->app, tx, &c->who, o->insert_id, &o->tape, why);
        o->has_tape = err == VCR_OK;
        if (err == VCR_OK)
            o->args.tape = o->tape.deck;
    }
    return err;
}

static enum vcr_err save_tape(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    return app_session_set_tape(tx, own(c)->row.id, own(c)->insert_id, why);
}

static void commanded(void *arg, struct session_reply *r)
{
    struct api_call *c = arg;
    if (r->err != VCR_OK) {
        fail_reply(c, r);
        return;
    }
    jsonw_open(&c->json, NULL);
    deck_json(&c->json, "deck", &r->info);
    jsonw_close(&c->json);
    if (own(c)->cmd == DECK_CMD_INSERT)
        api_sql(c, SQL_WRITE, save_tape);
    else
        api_finish(c);
}

static void command_then(struct api_call *c)
{
    struct own *o = own(c);
    bool tape = o->has_tape;
    o->has_tape = false;
    session_command(sessions(c), o->row.id, o->cmd, &o->args, tape ? &o->tape : NULL, c->loop, commanded, c);
}

/* ---- end ---- */
static enum vcr_err end_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    enum vcr_err err = find(c, tx, APP_EDIT, why);
    c->status = 204;
    return err == VCR_OK ? app_session_set_status(tx, own(c)->row.id, "ended", c->now_ms, why) : err;
}

static void ended(void *arg, struct session_reply *r) { api_finish(arg); }

static void end_then(struct api_call *c) { session_end(sessions(c), own(c)->row.id, c->loop, ended, c); }

/* ---- events ---- */
static enum vcr_err events_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why) { return find_running(c, tx, APP_SEE, why); }

static void stop_watching(struct api_call *c)
{
    struct own *o = own(c);
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
    struct own *o = own(c);
    security_headers(c->req);
    if (http_req_method(c->req) == HTTP_HEAD || http_req_gone(c->req)) {
        http_sse_begin(c->req);
        http_sse_end(c->req);
        return;
    }
    o->watch = session_watch(sessions(c), o->row.id, c->loop, on_event, c);
    http_req_on_gone(c->req, watcher_gone);
    http_sse_begin(c->req);
}

/* ---- streams ---- */
static enum vcr_err stream_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why) { return find_running(c, tx, APP_SEE, why); }

static void offered(void *arg, struct session_reply *r)
{
    struct api_call *c = arg;
    if (r->err != VCR_OK) {
        fail_reply(c, r);
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

static void offer_then(struct api_call *c) { session_offer(sessions(c), own(c)->row.id, c->loop, offered, c); }

static void answered(void *arg, struct session_reply *r)
{
    struct api_call *c = arg;
    if (r->err != VCR_OK) {
        fail_reply(c, r);
        return;
    }
    c->status = 204;
    api_finish(c);
}

static void answer_then(struct api_call *c)
{
    struct own *o = own(c);
    vcr_strcpy(o->pointer, sizeof(o->pointer), "/sdp");
    session_answer(sessions(c), o->row.id, api_str(c, "peer_id"), api_str(c, "sdp"), c->loop, answered, c);
}

#define ID_MAX 9007199254740991.0
static const struct api_field new_session[] = {
    { "type", API_STRING, .required = true, .one_of = "emulation|streaming" }, { "tape_id", API_INTEGER, .nullable = true, .min = 1, .max = ID_MAX },
    { "device_id", API_INTEGER, .min = 1, .max = ID_MAX }, { "look", .type = API_ANY }, { "settings", .type = API_OBJECT }, { 0 }
};
static const struct api_field command_fields[] = {
    { "command", API_STRING, .required = true, .min = 1, .max = 40 }, { "on", .type = API_BOOLEAN }, { "tape_id", API_INTEGER, .min = 1, .max = ID_MAX },
    { "speed", API_NUMBER, .min = -1, .max = 1 }, { "position", API_NUMBER, .min = -1e7, .max = 1e7 }, { "value", .type = API_ANY },
    { "minutes", API_INTEGER, .min = 0, .max = 1440 }, { "hold", .type = API_BOOLEAN }, { "count", API_INTEGER, .min = 1, .max = 1000 }, { "input", .type = API_OBJECT },
    { "title", API_STRING, .min = 1, .max = 255 }, { "stop_rules", .type = API_OBJECT }, { "look", .type = API_ANY }, { 0 }
};
static const struct api_field answer_fields[] = {
    { "peer_id", API_STRING, .required = true, .min = 1, .max = 64 }, { "type", API_STRING, .required = true, .one_of = "answer" },
    { "sdp", API_STRING, .required = true, .min = 1, .max = 65535 }, { 0 }
};

#define BODY 65536
const struct api_route api_session_routes[] = {
    { HTTP_POST, "/api/v1/sessions", API_CREATOR, APP_RATE_WRITE, API_DB_WRITE, BODY, new_session, create_run, .then = create_then, .idempotent = true },
    { HTTP_GET, "/api/v1/sessions", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = list_run, .then = list_then },
    { HTTP_GET, "/api/v1/sessions/:id", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = get_run, .then = get_then },
    { HTTP_DELETE, "/api/v1/sessions/:id", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, .run = end_run, .then = end_then },
    { HTTP_POST, "/api/v1/sessions/:id/command", API_ACCOUNT, APP_RATE_COMMAND, API_DB_READ, BODY, command_fields, command_run, .then = command_then },
    { HTTP_GET, "/api/v1/sessions/:id/events", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = events_run, .then = events_then },
    { HTTP_GET, "/api/v1/streams/:id/offer", API_ACCOUNT, APP_RATE_COMMAND, API_DB_READ, .run = stream_run, .then = offer_then, .no_head = true },
    { HTTP_POST, "/api/v1/streams/:id/answer", API_ACCOUNT, APP_RATE_COMMAND, API_DB_READ, 131072, answer_fields, stream_run, .then = answer_then },
    { 0 }
};
