/* api/session_command.c - /sessions/:id/command: one key press, its arguments checked, then asked of the session's actor. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/session_call.h"

static const struct { enum deck_cmd cmd; const char *args; } allowed[] = {
    { DECK_CMD_POWER, "on" }, { DECK_CMD_MEMORY, "on" }, { DECK_CMD_REPEAT, "on" }, { DECK_CMD_INSERT, "tape_id" }, { DECK_CMD_SLOW, "speed" },
    { DECK_CMD_SEEK, "position" }, { DECK_CMD_TRACKING, "value" }, { DECK_CMD_TAPE_SPEED, "value" }, { DECK_CMD_SLEEP, "minutes" },
    { DECK_CMD_CUE, "hold" }, { DECK_CMD_REVIEW, "hold" }, { DECK_CMD_INDEX_NEXT, "count" }, { DECK_CMD_INDEX_PREVIOUS, "count" },
    { DECK_CMD_RECORD, "input title stop_rules" }, { DECK_CMD_LOOK, "look" },
};
static const enum deck_cmd need_argument[] = { DECK_CMD_INSERT, DECK_CMD_SLOW, DECK_CMD_SEEK, DECK_CMD_TRACKING, DECK_CMD_TAPE_SPEED, DECK_CMD_SLEEP, DECK_CMD_LOOK };

/* Is name one of the words of args? */
static bool takes(const char *args, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = args; (p = strstr(p, name)); p += len)
        if ((p == args || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\0'))
            return true;
    return false;
}

static enum vcr_err check_members(struct api_call *c, enum deck_cmd cmd, struct vcr_why *why)
{
    const char *args = "", *name;
    json_t *v;
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        args = allowed[i].cmd == cmd ? allowed[i].args : args;
    json_object_foreach(c->body, name, v) {
        char pointer[64];
        snprintf(pointer, sizeof(pointer), "/%s", name);
        if (strcmp(name, "command") != 0 && !takes(args, name))
            return api_invalid(c, why, pointer, "is no argument of this command");
    }
    snprintf(call_session(c)->pointer, sizeof(call_session(c)->pointer), "%s%.*s", *args ? "/" : "", (int)strcspn(args, " "), args);
    for (size_t i = 0; i < ARRAY_LEN(need_argument); i++)
        if (need_argument[i] == cmd && !json_object_get(c->body, args))
            return api_invalid(c, why, call_session(c)->pointer, "is required");
    return VCR_OK;
}

static enum vcr_err read_value(struct api_call *c, struct call_session *o, const json_t *v, struct vcr_why *why)
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

static enum vcr_err read_args(struct api_call *c, struct call_session *o, struct vcr_why *why)
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
    struct call_session *o = call_session(c);
    enum vcr_err err = call_session_find_running(c, tx, APP_OWN, why);
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
    return app_session_set_tape(tx, call_session(c)->row.id, call_session(c)->insert_id, why);
}

static void commanded(void *arg, struct session_reply *r)
{
    struct api_call *c = arg;
    if (r->err != VCR_OK) {
        call_session_fail(c, r);
        return;
    }
    jsonw_open(&c->json, NULL);
    deck_json(&c->json, "deck", &r->info);
    jsonw_close(&c->json);
    if (call_session(c)->cmd == DECK_CMD_INSERT)
        api_sql(c, SQL_WRITE, save_tape);
    else
        api_finish(c);
}

static void command_then(struct api_call *c)
{
    struct call_session *o = call_session(c);
    bool tape = o->has_tape;
    o->has_tape = false;
    session_command(c->app->config.sessions, o->row.id, o->cmd, &o->args, tape ? &o->tape : NULL, c->loop, commanded, c);
}

#define ID_MAX 9007199254740991.0
static const struct api_field command_fields[] = {
    { "command", API_STRING, .required = true, .min = 1, .max = 40 }, { "on", .type = API_BOOLEAN }, { "tape_id", API_INTEGER, .min = 1, .max = ID_MAX },
    { "speed", API_NUMBER, .min = -1, .max = 1 }, { "position", API_NUMBER, .min = -1e7, .max = 1e7 }, { "value", .type = API_ANY },
    { "minutes", API_INTEGER, .min = 0, .max = 1440 }, { "hold", .type = API_BOOLEAN }, { "count", API_INTEGER, .min = 1, .max = 1000 }, { "input", .type = API_OBJECT },
    { "title", API_STRING, .min = 1, .max = 255 }, { "stop_rules", .type = API_OBJECT }, { "look", .type = API_ANY }, { 0 }
};

const struct api_route api_command_routes[] = {
    { HTTP_POST, "/api/v1/sessions/:id/command", API_ACCOUNT, APP_RATE_COMMAND, API_DB_READ, 65536, command_fields, command_run, .then = command_then },
    { 0 }
};
