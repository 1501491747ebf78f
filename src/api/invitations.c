/* api/invitations.c - /invitations for admins. An invitation's token is told once, when it is made. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "app/accounts.h"
#include "app/invitations.h"

static enum vcr_err list_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int limit;
    int64_t before = 0, last;
    enum vcr_err err = api_query_limit(c, &limit, why);
    if (err == VCR_OK)
        err = cursor_id(c, &before, why);
    if (err != VCR_OK)
        return err;
    list_begin(c);
    err = app_invitation_list(tx, before, limit, &c->json, &last, why);
    list_end_id(c, last);
    return err;
}

static enum vcr_err create_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    char email[APP_EMAIL_BYTES], token[APP_INVITE_TEXT], place[64];
    const char *given = api_str(c, "email"), *role = api_str(c, "role");
    const json_t *seconds = json_object_get(c->body, "expires_in");
    int64_t id, lasts_s = json_is_integer(seconds) ? json_integer_value(seconds) : APP_INVITE_S;
    if (given && !app_email_normal(given, email))
        return api_invalid(c, why, "/email", "is no e-mail address");
    enum vcr_err err = app_invitation_create(tx, &c->who, given ? email : NULL, role ? app_role_by_name(role) : APP_USER, c->now_ms + lasts_s * 1000, c->now_ms, &id, token, why);
    if (err != VCR_OK)
        return err;
    jsonw_open(&c->json, NULL);
    err = app_invitation_json(tx, id, &c->json, why);
    jsonw_str(&c->json, "token", token);
    jsonw_close(&c->json);
    snprintf(place, sizeof(place), "/api/v1/invitations/%" PRId64, id);
    api_header(c, "Location", place);
    c->status = 201;
    return err;
}

static enum vcr_err get_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t id;
    jsonw_open(&c->json, NULL);
    enum vcr_err err = api_param_id(c, "id", &id, why);
    if (err == VCR_OK)
        err = app_invitation_json(tx, id, &c->json, why);
    jsonw_close(&c->json);
    return err;
}

static enum vcr_err delete_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t id;
    enum vcr_err err = api_param_id(c, "id", &id, why);
    c->status = 204;
    return err == VCR_OK ? app_invitation_remove(tx, &c->who, id, c->now_ms, why) : err;
}

static const struct api_field new_invitation[] = {
    { "email", API_STRING, .nullable = true, .min = 1, .max = 254 }, { "role", API_STRING, .one_of = "viewer|user|archivist|admin" },
    { "expires_in", API_INTEGER, .min = 60, .max = APP_INVITE_MAX_S }, { 0 }
};

const struct api_route api_invitation_routes[] = {
    { HTTP_GET, "/api/v1/invitations", API_ADMIN, APP_RATE_READ, API_DB_READ, .run = list_run },
    { HTTP_POST, "/api/v1/invitations", API_ADMIN, APP_RATE_WRITE, API_DB_WRITE, 65536, new_invitation, .run = create_run, .body_optional = true },
    { HTTP_GET, "/api/v1/invitations/:id", API_ADMIN, APP_RATE_READ, API_DB_READ, .run = get_run },
    { HTTP_DELETE, "/api/v1/invitations/:id", API_ADMIN, APP_RATE_WRITE, API_DB_WRITE, .run = delete_run },
    { 0 }
};
