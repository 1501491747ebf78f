/* api/look.c - the look member: "clean", "vhs" or {profile, settings}. A deck keeps it as the text of signal_look_read: the profile's name and, in the order of the table of
 * settings, those that are set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "signal/settings.h"

enum { VALUE_BYTES = 32 };

/* A number goes out as one; words and "off" as text. */
static void value_json(struct jsonw *j, const char *name, const char *value)
{
    char *end;
    (void)strtod(value, &end);
    if (*end == '\0')
        jsonw_raw(j, name, value);
    else
        jsonw_str(j, name, value);
}

void look_json(struct jsonw *j, const char *key, bool clean, const char *look)
{
    if (clean || !*look || strcmp(look, "vhs") == 0) {
        jsonw_str(j, key, clean ? "clean" : "vhs");
        return;
    }
    char text[DECK_LOOK_BYTES], *rest = text, *part;
    vcr_strcpy(text, sizeof(text), look);
    jsonw_open(j, key);
    jsonw_str(j, "profile", strsep(&rest, ";"));
    if (rest)
        jsonw_open(j, "settings");
    bool some = rest != NULL;
    while ((part = strsep(&rest, ";"))) {
        char *value = strchr(part, '=');
        if (value) {
            *value++ = '\0';
            value_json(j, part, value);
        }
    }
    if (some)
        jsonw_close(j);
    jsonw_close(j);
}

char *look_text(bool clean, const char *look)
{
    struct buf b;
    struct jsonw j;
    buf_init(&b, 4096);
    jsonw_init(&j, &b);
    look_json(&j, NULL, clean, look);
    return b.data;
}

/* As `vcr dub --set` has it: 40, "40", "off", "sp", true. False: neither. */
static bool value_text(const json_t *v, char out[VALUE_BYTES])
{
    if (json_is_string(v))
        return strlen(json_string_value(v)) < VALUE_BYTES && snprintf(out, VALUE_BYTES, "%s", json_string_value(v)) > 0;
    if (json_is_boolean(v))
        return snprintf(out, VALUE_BYTES, "%s", json_is_true(v) ? "on" : "off") > 0;
    return json_is_number(v) && snprintf(out, VALUE_BYTES, "%.6g", json_number_value(v)) > 0;
}

/* Adds what is set, in the table's order, so that equal looks are equal texts. */
static enum vcr_err add_settings(struct api_call *c, const json_t *settings, const char *pointer, char look[DECK_LOOK_BYTES], struct vcr_why *why)
{
    char value[VALUE_BYTES], at[96];
    struct vcr_why told;
    struct signal_profile p = { .name = "" };
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)settings, name, v) {
        snprintf(at, sizeof(at), "%s/settings%s%s", pointer, signal_setting_find(name) < 0 ? "" : "/", signal_setting_find(name) < 0 ? "" : name);
        if (!value_text(v, value))
            return api_invalid(c, why, at, "must be a number, a word or true or false");
        if (signal_profile_set(&p, name, value, &told) != VCR_OK)
            return api_invalid(c, why, at, "%s", told.text);
    }
    for (int i = 0; i < signal_setting_count(); i++) {
        const struct signal_setting *s = signal_setting_at(i);
        size_t n = strlen(look);
        if (!(v = json_object_get(settings, s->name)))
            continue;
        value_text(v, value);
        if ((size_t)snprintf(look + n, DECK_LOOK_BYTES - n, ";%s=%s", s->name, value) >= DECK_LOOK_BYTES - n)
            return api_invalid(c, why, pointer, "sets too much at once");
    }
    return VCR_OK;
}

enum vcr_err look_read(struct api_call *c, const json_t *value, const char *pointer, char **ret_json, bool *ret_clean, char ret_look[DECK_LOOK_BYTES], struct vcr_why *why)
{
    const char *name = json_is_object(value) ? json_string_value(json_object_get(value, "profile")) : json_string_value(value);
    const json_t *settings = json_object_get(value, "settings");
    size_t known = (size_t)(json_object_get(value, "profile") != NULL) + (settings != NULL);
    bool plain = json_is_string(value), clean = plain && strcmp(name, "clean") == 0;
    if (!name || (plain && !clean && strcmp(name, "vhs") != 0) || (settings && !json_is_object(settings)) || json_object_size(value) > known)
        return api_invalid(c, why, pointer, "must be \"clean\", \"vhs\" or {\"profile\", \"settings\"}");
    char at[64];
    snprintf(at, sizeof(at), "%s/profile", pointer);
    if (!clean && signal_profile_load(&(struct signal_profile) { .name = "" }, name, SIGNAL_NTSC, 0, NULL))
        return api_invalid(c, why, at, "is no look that there is");
    vcr_strcpy(ret_look, DECK_LOOK_BYTES, clean ? "" : name);
    enum vcr_err err = add_settings(c, settings, pointer, ret_look, why);
    if (err != VCR_OK)
        return err;
    *ret_clean = clean;
    if (ret_json)
        *ret_json = look_text(clean, ret_look);
    return VCR_OK;
}

bool look_is_linear(bool clean, const char *look)
{
    struct signal_profile p;
    return !clean && signal_look_read(&p, look, SIGNAL_NTSC, 0, NULL) == VCR_OK && p.audio_track == SIGNAL_TRACK_LINEAR;
}
