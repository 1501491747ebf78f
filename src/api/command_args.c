/* api/command_args.c - a key and its arguments, out of the JSON body of a command. What it lets through the deck may still refuse, by its mode or as out of range. */
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

static enum vcr_err check_members(struct api_call *c, struct command *o, struct vcr_why *why)
{
    const char *args = "", *name;
    json_t *v;
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        args = allowed[i].cmd == o->cmd ? allowed[i].args : args;
    json_object_foreach(c->body, name, v) {
        char pointer[64];
        snprintf(pointer, sizeof(pointer), "/%s", name);
        if (strcmp(name, "command") != 0 && !takes(args, name))
            return api_invalid(c, why, pointer, "is no argument of this command");
    }
    snprintf(o->pointer, sizeof(o->pointer), "%s%.*s", *args ? "/" : "", (int)strcspn(args, " "), args);
    for (size_t i = 0; i < ARRAY_LEN(need_argument); i++)
        if (need_argument[i] == o->cmd && !json_object_get(c->body, args))
            return api_invalid(c, why, o->pointer, "is required");
    return VCR_OK;
}

static enum vcr_err read_value(struct api_call *c, struct command *o, const json_t *v, struct vcr_why *why)
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

static enum vcr_err read_args(struct api_call *c, struct command *o, struct vcr_why *why)
{
    const json_t *v;
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
        err = look_read(c, v, "/look", NULL, &o->args.clean, o->args.look, why);
    o->args.linear = look_is_linear(o->args.clean, o->args.look);
    return err;
}

enum vcr_err command_read(struct api_call *c, struct command *o, struct vcr_why *why)
{
    enum vcr_err err = deck_cmd_by_name(api_str(c, "command"), &o->cmd) ? VCR_OK : api_invalid(c, why, "/command", "is no command");
    if (err == VCR_OK)
        err = check_members(c, o, why);
    return err == VCR_OK ? read_args(c, o, why) : err;
}

#define ID_MAX 9007199254740991.0
const struct api_field command_fields[] = {
    { "command", API_STRING, .required = true, .min = 1, .max = 40 }, { "on", .type = API_BOOLEAN }, { "tape_id", API_INTEGER, .min = 1, .max = ID_MAX },
    { "speed", API_NUMBER, .min = -1, .max = 1 }, { "position", API_NUMBER, .min = -1e7, .max = 1e7 }, { "value", .type = API_ANY },
    { "minutes", API_INTEGER, .min = 0, .max = 1440 }, { "hold", .type = API_BOOLEAN }, { "count", API_INTEGER, .min = 1, .max = 1000 }, { "input", .type = API_OBJECT },
    { "title", API_STRING, .min = 1, .max = 255 }, { "stop_rules", .type = API_OBJECT }, { "look", .type = API_ANY }, { 0 }
};
