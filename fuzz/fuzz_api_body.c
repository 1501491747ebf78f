/* fuzz/fuzz_api_body.c - JSON bodies of the API: parsing and the check against a route's fields, then the problem body that tells what was wrong.
 * The first byte picks the route. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"

static const struct api_route *const groups[] = { api_auth_routes, api_tape_routes, api_media_routes, api_job_routes, api_session_routes, api_command_routes, api_live_routes, api_hls_routes, api_system_routes };

static const struct api_route *pick(unsigned n)
{
    const struct api_route *with_body[32];
    unsigned count = 0;
    for (size_t g = 0; g < ARRAY_LEN(groups); g++)
        for (const struct api_route *r = groups[g]; r->path; r++)
            if (r->body_max && count < ARRAY_LEN(with_body))
                with_body[count++] = r;
    return with_body[n % count];
}

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* What a client gets is JSON, whatever was sent, and says in words what is wrong. */
static void check_problem(const struct api_call *c, const struct vcr_why *why)
{
    struct buf b;
    json_error_t e;
    buf_init(&b, 1 << 20);
    problem_write(&b, c, why, "id");
    must(buf_ok(&b));
    json_t *j = json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, &e);
    must(j != NULL);
    const char *detail = json_string_value(json_object_get(j, "detail"));
    must(detail && *detail);
    must(json_integer_value(json_object_get(j, "status")) == (why->code == VCR_E_MALFORMED ? 400 : 422));
    for (int i = 0; i < c->error_count; i++)
        must(vcr_utf8_ok(c->errors[i].pointer, strlen(c->errors[i].pointer)) && (c->errors[i].pointer[0] == '/' || !c->errors[i].pointer[0]));
    must(why->code != VCR_E_INVALID || json_array_size(json_object_get(j, "errors")) > 0);
    json_decref(j);
    buf_free(&b);
}

/* What came through keeps the table's promises, which the handlers rely on. */
static void check_accepted(struct api_call *c)
{
    const char *name;
    json_t *v;
    must(json_is_object(c->body));
    json_object_foreach(c->body, name, v) {
        const struct api_field *f = c->route->fields;
        while (f && f->name && strcmp(f->name, name) != 0)
            f++;
        must(f && f->name);
        must(!json_is_string(v) || strlen(json_string_value(v)) == json_string_length(v));
        must(!json_is_null(v) || f->nullable || f->type == API_ANY);
        must(f->type != API_STRING || json_is_string(v) || json_is_null(v));
        must(f->type != API_INTEGER || json_is_integer(v) || json_is_null(v));
    }
    for (const struct api_field *f = c->route->fields; f && f->name; f++)
        must(!f->required || json_object_get(c->body, f->name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct vcr_why why = { 0 };
    struct api_call *c = vcr_alloc(sizeof(*c));
    char *look = NULL, name[DECK_LOOK_BYTES];
    bool clean;
    c->route = pick(data[0]);
    c->raw_len = size - 1;
    c->raw = vcr_alloc(size);
    memcpy(c->raw, data + 1, size - 1);
    enum vcr_err err = body_parse(c, &why);
    must(err == VCR_OK || err == VCR_E_MALFORMED || err == VCR_E_INVALID);
    if (err == VCR_OK) {
        check_accepted(c);
        const json_t *v = json_object_get(c->body, "look");
        if (v)
            err = look_read(c, v, "/look", &look, &clean, name, &why);
    }
    if (err != VCR_OK)
        check_problem(c, &why);
    free(look);
    json_decref(c->body);
    free(c->raw);
    free(c);
    return 0;
}
