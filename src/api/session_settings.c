/* api/session_settings.c - the member `settings` of a new session: checked member by member, and given back with everything that was not said filled in. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/session_call.h"

enum kind { FLAG, CHOICE, DECK, SEED, SECONDS };
static const struct setting {
    const char *name;
    enum kind kind;
    size_t place;          /* FLAG, CHOICE: of the bool in struct session_settings */
    const char *words[2];  /* CHOICE: what false and true are called */
    const char *must;
} table[] = {
    { "winding", CHOICE, offsetof(struct session_settings, deck.winding_real), { "fast", "real" }, "must be real or fast" },
    { "auto_rewind", FLAG, offsetof(struct session_settings, deck.auto_rewind), { 0 }, "must be true or false" },
    { "auto_eject", FLAG, offsetof(struct session_settings, deck.auto_eject), { 0 }, "must be true or false" },
    { "autoplay", FLAG, offsetof(struct session_settings, deck.autoplay), { 0 }, "must be true or false" },
    { "blank_picture", CHOICE, offsetof(struct session_settings, deck.snow), { "blue", "snow" }, "must be blue or snow" },
    { "deck", DECK, 0, { 0 }, "must be classic, full_load, consumer or broadcast" },
    { "seed", SEED, 0, { 0 }, "must be a whole number" },
    { "grace_s", SECONDS, 0, { 0 }, "must be 0 to 3600" },
};

static bool *flag_of(struct session_settings *s, const struct setting *t) { return (bool *)(void *)((char *)s + t->place); }

static bool read_one(struct session_settings *s, const struct setting *t, const json_t *v)
{
    const char *text = json_string_value(v);
    double seconds = json_number_value(v);
    switch (t->kind) {
    case FLAG:
        *flag_of(s, t) = json_is_true(v);
        return json_is_boolean(v);
    case CHOICE:
        *flag_of(s, t) = text && strcmp(text, t->words[1]) == 0;
        return *flag_of(s, t) || (text && strcmp(text, t->words[0]) == 0);
    case DECK:
        s->profile = text ? deck_profile_by_name(text) : NULL;
        return s->profile != NULL;
    case SEED:
        s->has_seed = json_is_integer(v);
        s->seed = (uint64_t)json_integer_value(v);
        return s->has_seed;
    case SECONDS:
        s->grace_us = VCR_MAX(llround(seconds * 1e6), 1); /* 0 would be the house's own */
        return json_is_number(v) && seconds >= 0 && seconds <= 3600;
    }
    return false;
}

enum vcr_err session_settings_read(struct api_call *c, const json_t *set, struct session_settings *s, struct vcr_why *why)
{
    const char *name;
    json_t *v;
    enum vcr_err err = VCR_OK;
    s->deck = (struct deck_settings){ .auto_rewind = true };
    s->profile = &deck_profile_consumer;
    s->grace_us = 30 * INT64_C(1000000);
    json_object_foreach((json_t *)set, name, v) {
        const struct setting *t = NULL;
        char pointer[64];
        body_pointer(pointer, sizeof(pointer), "/settings", name);
        for (size_t i = 0; i < ARRAY_LEN(table); i++)
            t = strcmp(table[i].name, name) == 0 ? &table[i] : t;
        if (!t || !read_one(s, t, v))
            err = api_invalid(c, why, pointer, "%s", t ? t->must : "is no setting");
    }
    return err;
}

char *session_settings_json(const struct session_settings *s)
{
    struct buf b;
    struct jsonw j;
    buf_init(&b, 4096);
    jsonw_init(&j, &b);
    jsonw_open(&j, NULL);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct setting *t = &table[i];
        bool on = (t->kind == FLAG || t->kind == CHOICE) && *flag_of((struct session_settings *)(uintptr_t)s, t);
        if (t->kind == FLAG)
            jsonw_bool(&j, t->name, on);
        else if (t->kind == CHOICE)
            jsonw_str(&j, t->name, t->words[on]);
        else if (t->kind == DECK)
            jsonw_str(&j, t->name, s->profile->name);
        else if (t->kind == SECONDS)
            jsonw_num(&j, t->name, s->grace_us == 1 ? 0 : (double)s->grace_us / 1e6);
        else if (s->has_seed)
            jsonw_int(&j, t->name, (int64_t)s->seed);
        else
            jsonw_null(&j, t->name);
    }
    jsonw_close(&j);
    char *text = vcr_strdup(b.data);
    buf_free(&b);
    return text;
}
