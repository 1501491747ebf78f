/* api/marks.c - /tapes/:id/marks: index marks. */
#include "app/marks.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "api/internal.h"

static int64_t position_us(const struct api_call *c) { return llround(json_number_value(json_object_get(c->body, "position")) * 1e6); }

static enum vcr_err refused(struct api_call *c, enum vcr_err err, struct vcr_why *why)
{
    return err == VCR_E_INVALID ? api_invalid(c, why, "/position", "must lie on the tape") : err;
}

static enum vcr_err ids(const struct api_call *c, int64_t *ret_tape, int64_t *ret_mark, struct vcr_why *why)
{
    enum vcr_err err = api_param_id(c, "id", ret_tape, why);
    return err == VCR_OK && ret_mark ? api_param_id(c, "markId", ret_mark, why) : err;
}

static enum vcr_err list_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t tape;
    enum vcr_err err = ids(c, &tape, NULL, why);
    jsonw_open(&c->json, NULL);
    jsonw_open_array(&c->json, "items");
    if (err == VCR_OK)
        err = app_mark_list(tx, &c->who, tape, &c->json, why);
    jsonw_close_array(&c->json);
    jsonw_close(&c->json);
    return err;
}

static enum vcr_err add_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct app_mark m;
    int64_t tape;
    char place[96];
    const char *title = api_str(c, "title");
    enum vcr_err err = ids(c, &tape, NULL, why);
    if (err == VCR_OK)
        err = refused(c, app_mark_add(tx, &c->who, tape, position_us(c), title ? title : "", c->now_ms, &m, why), why);
    if (err != VCR_OK)
        return err;
    snprintf(place, sizeof(place), "/api/v1/tapes/%" PRId64 "/marks/%" PRId64, tape, m.id);
    api_header(c, "Location", place);
    app_mark_json(&m, NULL, &c->json);
    c->then = tape_changed_then;
    c->status = 201;
    return VCR_OK;
}

static enum vcr_err edit_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct app_mark m;
    int64_t tape, id, at = position_us(c);
    bool confirmed = json_is_true(json_object_get(c->body, "confirmed"));
    struct app_mark_change change = { api_has(c, "position") ? &at : NULL, api_str(c, "title"), api_has(c, "confirmed") ? &confirmed : NULL };
    enum vcr_err err = ids(c, &tape, &id, why);
    if (err == VCR_OK)
        err = refused(c, app_mark_edit(tx, &c->who, tape, id, &change, c->now_ms, &m, why), why);
    if (err == VCR_OK)
        app_mark_json(&m, NULL, &c->json);
    c->then = tape_changed_then;
    return err;
}

static enum vcr_err remove_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t tape, id;
    enum vcr_err err = ids(c, &tape, &id, why);
    c->then = tape_changed_then;
    c->status = 204;
    return err == VCR_OK ? app_mark_remove(tx, &c->who, tape, id, c->now_ms, why) : err;
}

/* A thousand hours, the longest that a tape can be. */
#define MARK_FIELDS(needed) { "position", API_NUMBER, .required = needed, .min = 0, .max = 3600000 }, { "title", API_STRING, .max = 255 }
static const struct api_field new_mark[] = { MARK_FIELDS(true), { 0 } };
static const struct api_field edit_mark[] = { MARK_FIELDS(false), { "confirmed", .type = API_BOOLEAN }, { 0 } };

#define BODY 4096
const struct api_route api_mark_routes[] = {
    { HTTP_GET, "/api/v1/tapes/:id/marks", API_VIEWERS, APP_RATE_READ, API_DB_READ, .run = list_run },
    { HTTP_POST, "/api/v1/tapes/:id/marks", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, BODY, new_mark, .run = add_run },
    { HTTP_PATCH, "/api/v1/tapes/:id/marks/:markId", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, BODY, edit_mark, .run = edit_run },
    { HTTP_DELETE, "/api/v1/tapes/:id/marks/:markId", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, .run = remove_run },
    { 0 }
};
