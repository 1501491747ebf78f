/* api/body.c - JSON bodies: strict parsing, then each member against the route's table of fields. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"

/* jansson recurses, so the depth is bounded before it starts. */
static bool too_deep(const char *s, size_t len)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < len; i++) {
        if (quoted) {
            if (s[i] == '\\')
                i++;
            else if (s[i] == '"')
                quoted = false;
        } else if (s[i] == '"') {
            quoted = true;
        } else if (s[i] == '{' || s[i] == '[') {
            if (++depth > API_JSON_DEPTH)
                return true;
        } else if (s[i] == '}' || s[i] == ']') {
            depth--;
        }
    }
    return false;
}

static enum vcr_err parse(struct api_call *c, struct vcr_why *why)
{
    json_error_t e;
    if (!vcr_utf8_ok(c->raw, c->raw_len))
        return vcr_fail(why, VCR_E_MALFORMED, "the body is not UTF-8");
    if (too_deep(c->raw, c->raw_len))
        return vcr_fail(why, VCR_E_MALFORMED, "the body is nested deeper than %d levels", API_JSON_DEPTH);
    c->body = json_loadb(c->raw, c->raw_len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (c->body)
        return json_is_object(c->body) ? VCR_OK : api_invalid(c, why, "", "the body must be a JSON object");
    switch (json_error_code(&e)) {
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return api_invalid(c, why, "", "text may not contain U+0000");
    case json_error_duplicate_key:
        return vcr_fail(why, VCR_E_MALFORMED, "the body has a member twice");
    case json_error_numeric_overflow:
        return api_invalid(c, why, "", "a number is too large");
    default:
        return vcr_fail(why, VCR_E_MALFORMED, "the body is not JSON: line %d, column %d", e.line, e.column);
    }
}

static const struct api_field *field_named(const struct api_field *fields, const char *name)
{
    for (; fields && fields->name; fields++)
        if (strcmp(fields->name, name) == 0)
            return fields;
    return NULL;
}

static size_t characters(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static bool is_one_of(const char *list, const char *value)
{
    size_t len = strlen(value);
    for (const char *p = list; p; p = strchr(p, '|'), p = p ? p + 1 : NULL)
        if (strncmp(p, value, len) == 0 && (p[len] == '|' || p[len] == '\0'))
            return true;
    return false;
}

static enum vcr_err check_text(struct api_call *c, const struct api_field *f, const char *value, const char *pointer, struct vcr_why *why)
{
    size_t n = characters(value);
    double max = f->max > 0 ? f->max : 65535;
    if (f->one_of && !is_one_of(f->one_of, value))
        return api_invalid(c, why, pointer, "must be one of %s", f->one_of);
    if ((double)n < f->min)
        return api_invalid(c, why, pointer, "must have at least %d characters", (int)f->min);
    if ((double)n > max)
        return api_invalid(c, why, pointer, "may have at most %d characters", (int)max);
    return VCR_OK;
}

static enum vcr_err check_number(struct api_call *c, const struct api_field *f, double value, const char *pointer, struct vcr_why *why)
{
    bool bounded = f->min != 0 || f->max != 0;
    if (!isfinite(value) || (bounded && (value < f->min || value > f->max)))
        return api_invalid(c, why, pointer, "must be %.15g to %.15g", f->min, f->max);
    return VCR_OK;
}

void body_pointer(char *out, size_t size, const char *prefix, const char *name)
{
    size_t n = (size_t)snprintf(out, size, "%s/", prefix);
    for (; *name; name++) {
        bool escaped = *name == '~' || *name == '/';
        if (n + 3 > size)
            break;
        out[n++] = escaped ? '~' : *name;
        if (escaped)
            out[n++] = *name == '~' ? '0' : '1';
    }
    while (*name && n > 0 && ((unsigned char)out[n - 1] & 0xC0) == 0x80)
        n--; /* a cut name ends with a whole character */
    if (*name && n > 0 && ((unsigned char)out[n - 1] & 0xC0) == 0xC0)
        n--;
    out[n] = '\0';
}

static enum vcr_err check_strings(struct api_call *c, const struct api_field *f, const json_t *v, const char *pointer, struct vcr_why *why)
{
    size_t i;
    const json_t *item;
    if (!json_is_array(v))
        return api_invalid(c, why, pointer, "must be an array of strings");
    if ((double)json_array_size(v) > (f->max > 0 ? f->max : 100))
        return api_invalid(c, why, pointer, "may have at most %d items", (int)(f->max > 0 ? f->max : 100));
    json_array_foreach(v, i, item) {
        char where[128];
        snprintf(where, sizeof(where), "%.80s/%zu", pointer, i);
        if (!json_is_string(item))
            return api_invalid(c, why, where, "must be a string");
        if (characters(json_string_value(item)) > 100 || json_string_length(item) == 0)
            return api_invalid(c, why, where, "must have 1 to 100 characters");
    }
    return VCR_OK;
}

static enum vcr_err check_member(struct api_call *c, const struct api_field *f, const json_t *v, const char *pointer, struct vcr_why *why)
{
    if (json_is_null(v))
        return f->nullable || f->type == API_ANY ? VCR_OK : api_invalid(c, why, pointer, "may not be null");
    switch (f->type) {
    case API_STRING:
        return json_is_string(v) ? check_text(c, f, json_string_value(v), pointer, why) : api_invalid(c, why, pointer, "must be a string");
    case API_INTEGER:
        return json_is_integer(v) ? check_number(c, f, (double)json_integer_value(v), pointer, why) : api_invalid(c, why, pointer, "must be a whole number");
    case API_NUMBER:
        return json_is_number(v) ? check_number(c, f, json_number_value(v), pointer, why) : api_invalid(c, why, pointer, "must be a number");
    case API_BOOLEAN:
        return json_is_boolean(v) ? VCR_OK : api_invalid(c, why, pointer, "must be true or false");
    case API_OBJECT:
        return json_is_object(v) ? VCR_OK : api_invalid(c, why, pointer, "must be an object");
    case API_STRINGS:
        return check_strings(c, f, v, pointer, why);
    case API_ANY:
        break;
    }
    return VCR_OK;
}

enum vcr_err body_parse(struct api_call *c, struct vcr_why *why)
{
    const char *name;
    json_t *value;
    enum vcr_err err = VCR_OK;
    if (c->raw_len == 0 && c->route->body_optional) {
        c->body = json_object();
    } else {
        err = parse(c, why);
        if (err != VCR_OK)
            return err;
    }
    json_object_foreach(c->body, name, value) {
        char pointer[80];
        const struct api_field *f = field_named(c->route->fields, name);
        body_pointer(pointer, sizeof(pointer), "", name);
        enum vcr_err one = f ? check_member(c, f, value, pointer, why) : api_invalid(c, why, pointer, "is not known here");
        err = one != VCR_OK ? one : err;
    }
    for (const struct api_field *f = c->route->fields; f && f->name; f++)
        if (f->required && !json_object_get(c->body, f->name)) {
            char pointer[80];
            snprintf(pointer, sizeof(pointer), "/%s", f->name);
            err = api_invalid(c, why, pointer, "is required");
        }
    return err;
}
