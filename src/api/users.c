/* api/users.c - /users for admins. What an account had open ends after the commit: its sessions, what it watches, its devices. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "app/devices.h"
#include "app/users.h"
#include "session/live.h"

struct own {
    struct app_user user;
    struct app_user_devices devices;
    int64_t id;
    bool ends_own;
};

static void own_free(void *p)
{
    struct own *o = p;
    app_user_free(&o->user);
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

void person_gone(const struct app *a, int64_t user_id, bool ends_own, const struct app_user_devices *devices)
{
    if (a->config.sessions)
        session_person_gone(a->config.sessions, user_id, ends_own);
    for (int i = 0; i < devices->count; i++) {
        device_list_remove(a, devices->ids[i]);
        if (a->config.sessions)
            live_drop(a->config.sessions, devices->ids[i], "the device was removed", true);
    }
    if (ends_own)
        device_list_seen(a); /* who is not removed but disabled sends no more, too */
}

static void gone_then(struct api_call *c)
{
    const struct own *o = own(c);
    person_gone(c->app, o->id, o->ends_own, &o->devices);
    api_finish(c);
}

/* ---- list ---- */
static void list_item(void *arg, const struct app_user *u) { app_user_admin_json(u, NULL, &((struct api_call *)arg)->json); }

static enum vcr_err list_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    const char *role = api_query(c, "role"), *disabled = api_query(c, "disabled"), *sort = api_query(c, "sort");
    struct app_user_filter f = { .q = api_query(c, "q"), .cursor = api_query(c, "cursor"), .sort = sort ? sort : "created_at", .disabled = -1 };
    char *next = NULL;
    enum vcr_err err = api_query_limit(c, &f.limit, why);
    f.role = role ? app_role_by_name(role) : APP_ANONYMOUS;
    if (role && f.role == APP_ANONYMOUS)
        err = api_invalid(c, why, "role", "must be viewer, user, archivist or admin");
    if (disabled && strcmp(disabled, "true") != 0 && strcmp(disabled, "false") != 0)
        err = api_invalid(c, why, "disabled", "must be true or false");
    if (disabled)
        f.disabled = strcmp(disabled, "true") == 0;
    if (!app_user_sort_ok(f.sort))
        err = api_invalid(c, why, "sort", "must be email or created_at, with a - before it for the other way round");
    if (err != VCR_OK)
        return err;
    list_begin(c);
    err = app_user_list(tx, &f, list_item, c, &next, why);
    list_end(c, next);
    free(next);
    return err;
}

/* ---- one ---- */
static enum vcr_err patch_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct own *o = own(c);
    const char *role = api_str(c, "role");
    struct app_user_admin_change change = { role ? app_role_by_name(role) : APP_ANONYMOUS, api_has(c, "disabled") ? json_is_true(json_object_get(c->body, "disabled")) : -1 };
    enum vcr_err err = api_param_id(c, "id", &o->id, why);
    if (err == VCR_OK)
        err = app_user_admin_edit(tx, &c->who, o->id, &change, c->now_ms, why);
    if (err == VCR_OK)
        err = app_user_by_id(tx, o->id, &o->user, why);
    o->ends_own = o->user.disabled;
    if (err == VCR_OK)
        app_user_admin_json(&o->user, NULL, &c->json);
    return err;
}

static enum vcr_err delete_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct own *o = own(c);
    enum vcr_err err = api_param_id(c, "id", &o->id, why);
    o->ends_own = true;
    c->status = 204;
    return err == VCR_OK ? app_user_remove(tx, &c->who, o->id, false, c->now_ms, &o->devices, why) : err;
}

static const struct api_field edit_user[] = { { "role", API_STRING, .one_of = "viewer|user|archivist|admin" }, { "disabled", .type = API_BOOLEAN }, { 0 } };

const struct api_route api_user_routes[] = {
    { HTTP_GET, "/api/v1/users", API_ADMIN, APP_RATE_READ, API_DB_READ, .run = list_run },
    { HTTP_PATCH, "/api/v1/users/:id", API_ADMIN, APP_RATE_WRITE, API_DB_WRITE, 65536, edit_user, .run = patch_run, .then = gone_then },
    { HTTP_DELETE, "/api/v1/users/:id", API_ADMIN, APP_RATE_WRITE, API_DB_WRITE, .run = delete_run, .then = gone_then },
    { 0 }
};
