/* api/session_command.c - /sessions/:id/command: one key press, its arguments checked, then asked of the session's actor. */
#include <string.h>

#include "api/session_call.h"
#include "app/devices.h"

/* The rights are those to control a session, and to a device. */
static enum vcr_err read_input(struct api_call *c, struct sql_tx *tx, struct call_session *o, struct vcr_why *why)
{
    const json_t *input = json_object_get(c->body, "input"), *session = json_object_get(input, "session_id"), *device = json_object_get(input, "device_id");
    struct app_session from = { 0 };
    struct app_device d = { 0 };
    if (!input)
        return VCR_OK;
    if (json_object_size(input) != 1 || (!session && !device))
        return api_invalid(c, why, "/input", "must be {\"session_id\"} or {\"device_id\"}");
    if (session && !vcr_is_uuid(json_is_string(session) ? json_string_value(session) : ""))
        return api_invalid(c, why, "/input/session_id", "must be a session's id");
    if (device && (!json_is_integer(device) || json_integer_value(device) < 1))
        return api_invalid(c, why, "/input/device_id", "must be a device's id");
    if (session && strcmp(json_string_value(session), o->row.id) == 0)
        return api_invalid(c, why, "/input/session_id", "is this session itself");
    enum vcr_err err = session ? app_session_find(tx, &c->who, json_string_value(session), APP_EDIT, &from, why)
                               : app_device_find(tx, &c->who, json_integer_value(device), APP_SEE, &d, why);
    if (err == VCR_OK && session)
        vcr_strcpy(o->source.session_id, sizeof(o->source.session_id), from.id);
    else if (err == VCR_OK)
        o->source.device_id = d.id;
    app_session_free(&from);
    app_device_free(&d);
    return err;
}

/* Onto the tape that is in: it must be the asker's. */
static enum vcr_err check_record(struct api_call *c, struct sql_tx *tx, struct call_session *o, struct vcr_why *why)
{
    struct app_tape tape = { 0 };
    if (o->row.device_id)
        return api_has(c, "input") ? api_invalid(c, why, "/input", "is the device, in a streaming session")
               : api_has(c, "stop_rules") ? api_invalid(c, why, "/stop_rules", "need an agent beside the deck") : VCR_OK;
    static const char *const others[] = { "title", "stop_rules" };
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        char pointer[24];
        snprintf(pointer, sizeof(pointer), "/%s", others[i]);
        if (api_has(c, others[i]))
            return api_invalid(c, why, pointer, "is for streaming sessions: this one records onto the tape that is in");
    }
    enum vcr_err err = read_input(c, tx, o, why);
    if (err == VCR_OK && o->row.tape_id)
        err = app_tape_find(tx, &c->who, o->row.tape_id, APP_OWN, APP_NOT_BINNED, &tape, why);
    o->source.tab_out = err == VCR_OK && o->row.tape_id && tape.c[APP_T_WRITE_PROTECTED].i != 0;
    app_tape_free(&tape);
    return err;
}

static enum vcr_err command_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct call_session *o = call_session(c);
    enum vcr_err err = call_session_find_running(c, tx, APP_USE, why);
    if (err == VCR_OK)
        err = command_read(c, &o->command, why);
    if (err == VCR_OK && o->command.cmd == DECK_CMD_RECORD)
        err = check_record(c, tx, o, why);
    if (err == VCR_OK && o->command.cmd == DECK_CMD_INSERT && o->row.device_id)
        return VCR_OK; /* the actor refuses */
    if (err == VCR_OK && o->command.cmd == DECK_CMD_INSERT) {
        err = app_tape_open(c->app, tx, &c->who, o->command.insert_id, &o->tape, why);
        o->has_tape = err == VCR_OK;
        if (err == VCR_OK)
            o->command.args.tape = o->tape.deck;
    }
    return err;
}

static enum vcr_err save_tape(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    return app_session_set_tape(tx, call_session(c)->row.id, call_session(c)->command.insert_id, why);
}

static enum vcr_err save_look(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    const struct call_session *o = call_session(c);
    char *text = look_text(o->command.args.clean, o->command.args.look);
    enum vcr_err err = app_session_set_look(tx, o->row.id, text, why);
    free(text);
    return err;
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
    if (call_session(c)->command.cmd == DECK_CMD_INSERT)
        api_sql(c, SQL_WRITE, save_tape);
    else if (call_session(c)->command.cmd == DECK_CMD_LOOK)
        api_sql(c, SQL_WRITE, save_look);
    else
        api_finish(c);
}

static void command_then(struct api_call *c)
{
    struct call_session *o = call_session(c);
    bool tape = o->has_tape;
    o->has_tape = false;
    if (o->command.cmd == DECK_CMD_RECORD && o->row.device_id) {
        session_record_then(c);
        return;
    }
    if (o->command.cmd == DECK_CMD_RECORD) {
        session_record_from(c->app->config.sessions, o->row.id, c->who.user_id, &o->source, c->loop, commanded, c);
        return;
    }
    session_command(c->app->config.sessions, o->row.id, c->who.user_id, o->command.cmd, &o->command.args, tape ? &o->tape : NULL, c->loop, commanded, c);
}

const struct api_route api_command_routes[] = {
    { HTTP_POST, "/api/v1/sessions/:id/command", API_ACCOUNT, APP_RATE_COMMAND, API_DB_READ, 65536, command_fields, command_run, .then = command_then },
    { 0 }
};
