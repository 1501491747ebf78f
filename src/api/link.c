/* api/link.c - see link.h. */
#include "api/link.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/sessions.h"
#include "app/shares.h"

enum about { ABOUT_NOTHING, ABOUT_TAPE, ABOUT_SESSION };
/* The first that a path begins with. */
static const struct { const char *path; enum about about; } routes[] = {
    { "/api/v1/tapes/:id", ABOUT_TAPE },       { "/api/v1/hls/live/:id/", ABOUT_SESSION }, { "/api/v1/hls/:id/", ABOUT_TAPE },  { "/api/v1/sessions/:id", ABOUT_SESSION },
    { "/api/v1/streams/:id/", ABOUT_SESSION }, { "/api/v1/whep/:id", ABOUT_SESSION },
};

static enum about about_of(const struct api_call *c)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        if (strncmp(c->route->path, routes[i].path, strlen(routes[i].path)) == 0)
            return routes[i].about;
    return strcmp(c->route->path, "/api/v1/sessions") == 0 && api_query(c, "tape_id") ? ABOUT_TAPE : ABOUT_NOTHING;
}

static enum vcr_err tape_id(const struct api_call *c, int64_t *ret, struct vcr_why *why)
{
    uint64_t id;
    if (*api_param(c, "id"))
        return api_param_id(c, "id", ret, why);
    if (!vcr_parse_u64(api_query(c, "tape_id"), INT64_MAX, &id))
        return vcr_fail(why, VCR_E_NOT_FOUND, "there is no such tape");
    *ret = (int64_t)id;
    return VCR_OK;
}

/* As who (an account, or the link's holder): does it see what the route is about? OK or NOT_FOUND, or what failed. */
static enum vcr_err sees(const struct api_call *c, struct sql_tx *tx, const struct app_principal *who, struct vcr_why *why)
{
    struct app_tape t = { 0 };
    struct app_session s = { 0 };
    int64_t id;
    enum about about = about_of(c);
    enum vcr_err err = about == ABOUT_TAPE ? tape_id(c, &id, why) : VCR_OK;
    if (err == VCR_OK && about == ABOUT_TAPE)
        err = app_tape_find(tx, who, id, APP_SEE, APP_NOT_BINNED, &t, why);
    else if (err == VCR_OK && about == ABOUT_SESSION)
        err = app_session_find(tx, who, api_param(c, "id"), APP_SEE, &s, why);
    app_tape_free(&t);
    app_session_free(&s);
    return err;
}

static enum vcr_err check_password(struct api_call *c, const struct app_share *s, struct vcr_why *why)
{
    if (!s->password_hash[0] || c->link_password_ok)
        return VCR_OK;
    if (!c->share_password)
        return vcr_refuse(why, VCR_E_AUTH, "/share-password", "this link has a password: send it as X-Share-Password");
    if (app_share_password_known(c->app, s->id, c->share_password))
        return VCR_OK;
    vcr_strcpy(c->link_hash, sizeof(c->link_hash), s->password_hash);
    c->link_id = s->id;
    return vcr_refuse(why, VCR_E_AUTH, "/share-password", "the password of this link is wrong");
}

enum vcr_err link_identify(struct api_call *c, struct sql_tx *tx, enum vcr_err account, struct vcr_why *why)
{
    struct app_share s = { 0 };
    struct app_principal holder = c->who;
    struct vcr_why reason;
    if (account == VCR_OK) {
        enum vcr_err err = sees(c, tx, &c->who, &reason);
        if (err != VCR_E_NOT_FOUND)
            return VCR_OK; /* of what failed the route tells by itself */
    }
    enum vcr_err err = app_share_by_token(tx, api_query(c, "share"), c->now_ms, &s, &reason);
    app_share_become(&s, &holder);
    if (err == VCR_OK && account == VCR_OK)
        err = about_of(c) == ABOUT_NOTHING ? VCR_E_NOT_FOUND : sees(c, tx, &holder, &reason);
    if (err == VCR_E_NOT_FOUND && account == VCR_OK)
        return VCR_OK;
    if (err == VCR_OK)
        err = check_password(c, &s, &reason);
    if (err == VCR_OK)
        c->who = holder;
    else
        *why = reason;
    return err;
}

enum vcr_err link_admit(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    if (c->route->right == API_VIEWERS)
        return VCR_OK;
    enum vcr_err err = sees(c, tx, &c->who, why); /* what it does not see is not there, also on the ways that it may not go */
    return err == VCR_OK ? vcr_fail(why, VCR_E_DENIED, "a link only lets its holder watch") : err;
}

/* ---- the password ---- */
static enum vcr_err check_work(struct pool_job *job, void *worker, struct vcr_why *why)
{
    struct api_call *c = container_of(job, struct api_call, pool_job);
    if (!app_password_matches(c->app, c->link_hash, c->share_password))
        return vcr_refuse(why, VCR_E_AUTH, "/share-password", "the password of this link is wrong");
    app_share_password_remember(c->app, c->link_id, c->share_password);
    return VCR_OK;
}

static void check_done(struct pool_job *job)
{
    struct api_call *c = container_of(job, struct api_call, pool_job);
    struct vcr_why why = job->why;
    why.code = job->err;
    c->link_hash[0] = '\0';
    if (job->err != VCR_OK) {
        api_fail(c, &why);
        return;
    }
    c->link_password_ok = true;
    c->authenticated = false;
    api_sql(c, c->job.mode, c->run);
}

/* So many guesses from an address, and so many in all. */
static enum vcr_err may_guess(struct api_call *c, struct vcr_why *why)
{
    char key[80];
    snprintf(key, sizeof(key), "share/%" PRId64, c->link_id);
    enum vcr_err err = api_rate(c, APP_RATE_LOGIN, key, why);
    snprintf(key, sizeof(key), "share/%" PRId64 "/%.48s", c->link_id, c->ip);
    return err == VCR_OK ? api_rate(c, APP_RATE_ACCOUNT, key, why) : err;
}

void link_check_password(struct api_call *c)
{
    struct vcr_why why;
    enum vcr_err err = may_guess(c, &why);
    c->pool_job = (struct pool_job){ .work = check_work, .done = check_done };
    if (err == VCR_OK && !c->app->passwords)
        err = vcr_fail(&why, VCR_E_BUSY, "the server is stopping");
    if (err == VCR_OK)
        err = pool_submit(c->app->passwords, &c->pool_job, c->loop, &why);
    if (err == VCR_OK)
        return;
    why.code = err;
    api_fail(c, &why);
}
