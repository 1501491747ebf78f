/* api/frame.c - carries a request from its loop through the pools and back: who asks, may it, what does it say, the answer. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "api/link.h"
#include "app/accounts.h"
#include "app/api_tokens.h"
#include "app/audit.h"
#include "base/clock.h"
#include "base/log.h"

/* ---- a call's beginning and end ---- */
static void call_free(void *own)
{
    struct api_call *c = own;
    if (c->free_own)
        c->free_own(c->own);
    for (int i = 0; i < c->header_count; i++)
        free(c->headers[i].name), free(c->headers[i].value);
    for (int i = 0; i < c->query_count; i++)
        free(c->query[i].name), free(c->query[i].value);
    if (c->raw)
        explicit_bzero(c->raw, c->raw_len); /* it may hold a password */
    if (c->share_password)
        explicit_bzero(c->share_password, strlen(c->share_password));
    char *texts[] = { c->share_password, c->problem_extra_name, c->problem_extra_json, c->raw, c->authorization, c->cookie_access, c->cookie_refresh, c->csrf, c->if_match,
                      c->if_none_match, c->file_name, c->user_agent, c->idempotency_key };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        free(texts[i]);
    json_decref(c->body);
    buf_free(&c->out);
    atomic_fetch_sub(&c->api->calls, 1);
    free(c);
}

static void copy_params(struct api_call *c)
{
    int n = 0;
    for (const char *p = strchr(c->route->path, ':'); p && n < HTTP_PARAMS_MAX; p = strchr(p + 1, ':')) {
        char name[32];
        size_t len = strcspn(p + 1, "/");
        snprintf(name, sizeof(name), "%.*s", (int)len, p + 1);
        c->param_names[n] = p + 1;
        vcr_strcpy(c->params[n++], HTTP_PARAM_BYTES, http_req_param(c->req, name));
    }
}

static void copy_facts(struct api_call *c)
{
    struct http_req *r = c->req;
    char cookie[1200];
    const char *name, *value;
    vcr_strcpy(c->ip, sizeof(c->ip), http_req_ip(r));
    vcr_strcpy(c->request_id, sizeof(c->request_id), http_req_id(r));
    vcr_strcpy(c->who.request_id, sizeof(c->who.request_id), c->request_id);
    vcr_strcpy(c->who.ip, sizeof(c->who.ip), c->ip);
    c->authorization = vcr_strdup(http_req_header(r, "Authorization"));
    c->csrf = vcr_strdup(http_req_header(r, "X-CSRF-Token"));
    c->if_match = vcr_strdup(http_req_header(r, "If-Match"));
    c->if_none_match = vcr_strdup(http_req_header(r, "If-None-Match"));
    c->file_name = vcr_strdup(http_req_header(r, "X-Filename"));
    c->user_agent = c->route->right == API_ANYONE && c->route->body_max ? vcr_strdup(http_req_header(r, "User-Agent")) : NULL;
    c->share_password = vcr_strdup(http_req_header(r, "X-Share-Password"));
    c->idempotency_key = c->route->idempotent ? vcr_strdup(http_req_header(r, "Idempotency-Key")) : NULL;
    c->cookie_access = vcr_strdup(http_req_cookie(r, "vcr_access", cookie, sizeof(cookie)));
    c->cookie_refresh = vcr_strdup(http_req_cookie(r, "vcr_refresh", cookie, sizeof(cookie)));
    for (size_t i = 0; i < ARRAY_LEN(c->query) && http_req_query_at(r, i, &name, &value); i++)
        c->query[c->query_count++] = (struct api_pair){ vcr_strdup(name), vcr_strdup(value) };
    copy_params(c);
}

/* ---- a refusal is told to the audit, then to the client ---- */
static enum vcr_err refusal_save(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    json_t *details = json_pack("{s:s, s:s, s:s?, s:s}", "method", http_method_name(c->route->method), "route", c->route->path, "type", c->refused.slug, "detail", c->refused.text);
    char *text = details ? json_dumps(details, JSON_COMPACT) : NULL;
    enum vcr_err err = app_audit(tx, &c->who, "refused", NULL, text, c->now_ms, why);
    free(text);
    json_decref(details);
    return err;
}

static void refusal_told(struct api_call *c)
{
    if (c->job.err != VCR_OK)
        log_warn("api", "a refusal is not in the audit: %s", c->job.why.text);
    api_fail(c, &c->refused);
}

/* What an account may not do, but not without an end: who is refused all the time has the first ones told and then one a minute. */
static bool refusal_is_told(struct api_call *c, enum vcr_err err)
{
    struct app_rate_result r;
    char key[32];
    if (err != VCR_E_DENIED || !c->who.user_id || c->telling)
        return false;
    snprintf(key, sizeof(key), "%" PRId64, c->who.user_id);
    app_rate_check(c->app, APP_RATE_REFUSAL, key, &r);
    return r.allowed;
}

static void tell_refusal(struct api_call *c, const struct vcr_why *why)
{
    c->refused = *why;
    c->telling = true;
    c->reserved = false; /* what had been reserved was taken back with the rest */
    c->then = refusal_told;
    api_sql(c, SQL_WRITE, refusal_save);
}

/* ---- steps on the pools ---- */
static void next_step(struct api_call *c, enum vcr_err err, const struct vcr_why *why)
{
    api_then then = c->then;
    c->then = NULL;
    if (c->telling)
        refusal_told(c);
    else if (err != VCR_OK && !(c->route->then_on_error && then) && refusal_is_told(c, err))
        tell_refusal(c, why);
    else if (err != VCR_OK && !(c->route->then_on_error && then))
        api_fail(c, why);
    else if (c->refuse)
        api_fail(c, &c->refused);
    else if (then)
        then(c);
    else
        api_finish(c);
}

static enum vcr_err identify_token(struct api_call *c, struct sql_tx *tx, const char *token, struct vcr_why *why)
{
    bool is_stale = false;
    enum vcr_err err = app_api_token_authenticate(tx, token, c->now_ms, &c->who, &is_stale, why);
    if (err == VCR_OK && is_stale)
        app_api_token_used(c->app, &c->who, c->now_ms);
    return err == VCR_OK ? scopes_allow(c, why) : err;
}

static enum vcr_err identify_account(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    const char *token = c->cookie_access;
    if (c->authorization) {
        if (strncasecmp(c->authorization, "Bearer ", 7) != 0)
            return vcr_fail(why, VCR_E_AUTH, "log in first");
        token = c->authorization + 7;
    }
    c->by_cookie = !c->authorization;
    if (!token)
        return vcr_fail(why, VCR_E_AUTH, "log in first");
    if (app_is_api_token(token) && !c->by_cookie)
        return identify_token(c, tx, token, why);
    enum vcr_err err = app_authenticate(c->app, tx, token, c->now_ms, &c->who, why);
    if (err != VCR_OK)
        return err;
    if (c->by_cookie && c->route->method != HTTP_GET && !app_csrf_matches(c->app, c->who.family, c->csrf))
        return vcr_refuse(why, VCR_E_DENIED, "/csrf", "the X-CSRF-Token header is missing or wrong");
    return VCR_OK;
}

enum vcr_err frame_identify(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    enum vcr_err err = identify_account(c, tx, why);
    return api_query(c, "share") && (err == VCR_OK || err == VCR_E_AUTH) ? link_identify(c, tx, err, why) : err;
}

void frame_rate_key(const struct api_call *c, char out[64])
{
    if (c->who.user_id)
        snprintf(out, 64, "%" PRId64, c->who.user_id);
    else
        vcr_strcpy(out, 64, c->ip);
}

enum vcr_err api_rate(struct api_call *c, enum app_rate rate, const char *key, struct vcr_why *why)
{
    struct app_rate_result r;
    char text[32];
    app_rate_check(c->app, rate, key, &r);
    if (!r.counted)
        return VCR_OK;
    snprintf(text, sizeof(text), "%d", r.limit);
    api_header(c, "RateLimit-Limit", text);
    snprintf(text, sizeof(text), "%d", r.left);
    api_header(c, "RateLimit-Remaining", text);
    snprintf(text, sizeof(text), "%" PRId64, r.allowed ? (int64_t)r.period_s : (r.retry_ms + 999) / 1000);
    api_header(c, "RateLimit-Reset", text);
    c->retry_ms = r.retry_ms;
    return r.allowed ? VCR_OK : vcr_fail(why, VCR_E_RATE, "too many requests; try again in %" PRId64 " s", (r.retry_ms + 999) / 1000);
}

/* Of the rights that an account is needed for. */
static const enum app_here rights[] = { [API_VIEWERS] = APP_HERE_WATCH, [API_ACCOUNT] = APP_HERE_LIST, [API_CREATOR] = APP_HERE_CREATE, [API_ADMIN] = APP_HERE_ADMIN };

static enum vcr_err admit(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    struct vcr_why rate;
    char key[64];
    if (c->route->right != API_ANYONE) {
        err = frame_identify(c, tx, why);
        frame_rate_key(c, key);
        if (err == VCR_OK)
            err = api_rate(c, c->route->rate, key, why);
        else if ((err == VCR_E_AUTH || err == VCR_E_NOT_FOUND) && !c->link_hash[0] && api_rate(c, APP_RATE_READ, c->ip, &rate) != VCR_OK)
            err = VCR_E_RATE, *why = rate; /* who guesses tokens is held back, too */
        if (err == VCR_OK && c->who.role == APP_LINK)
            err = link_admit(c, tx, why);
        if (err == VCR_OK)
            err = app_may_here(&c->who, rights[c->route->right], why);
    }
    if (err == VCR_OK && c->route->body_max && !c->body)
        err = body_parse(c, why);
    return err;
}

static enum vcr_err sql_work(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why)
{
    struct api_call *c = container_of(job, struct api_call, job);
    enum vcr_err err = VCR_OK;
    if (!c->authenticated) {
        err = admit(c, tx, why);
        if (err == VCR_OK && c->idempotency_key)
            err = replay_begin(c, tx, why);
    }
    c->authenticated = true;
    if (err != VCR_OK || c->replayed || !c->run)
        return err;
    err = c->run(c, tx, why);
    bool last = !c->then || c->refuse;
    return err == VCR_OK && c->reserved && last ? replay_end(c, tx, why) : err;
}

static void sql_done(struct sql_job *job)
{
    struct api_call *c = container_of(job, struct api_call, job);
    struct vcr_why why = job->why;
    why.code = job->err;
    if (c->who.user_id)
        c->asker_id = c->who.user_id;
    if (c->link_hash[0]) {
        link_check_password(c);
        return;
    }
    next_step(c, job->err, &why);
}

void api_sql(struct api_call *c, enum sql_mode mode, api_run run)
{
    struct vcr_why why;
    c->run = run;
    c->job = (struct sql_job){ .loop = c->loop, .mode = mode, .work = sql_work, .done = sql_done, .deadline_us = clock_mono_us() + 5000000 };
    enum vcr_err err = sql_submit(c->app->config.db, &c->job, &why);
    if (err == VCR_OK)
        return;
    c->job.err = err;
    c->job.why = why;
    next_step(c, err, &why);
}

static enum vcr_err pool_work(struct pool_job *job, void *worker, struct vcr_why *why)
{
    struct api_call *c = container_of(job, struct api_call, pool_job);
    return c->pool_work(c, why);
}

static void pool_done(struct pool_job *job)
{
    struct api_call *c = container_of(job, struct api_call, pool_job);
    struct vcr_why why = job->why;
    why.code = job->err;
    next_step(c, job->err, &why);
}

void api_pool(struct api_call *c, struct pool *pool, enum vcr_err (*work)(struct api_call *c, struct vcr_why *why))
{
    struct vcr_why why;
    c->pool_work = work;
    c->pool_job = (struct pool_job){ .work = pool_work, .done = pool_done };
    if (!pool) {
        vcr_fail(&why, VCR_E_BUSY, "the server is stopping");
        api_fail(c, &why);
    } else if (pool_submit(pool, &c->pool_job, c->loop, &why) != VCR_OK) {
        api_fail(c, &why);
    }
}

/* ---- in ---- */
static void start(struct api_call *c)
{
    const struct api_route *route = c->route;
    c->then = route->then;
    if (route->right == API_ANYONE && route->db == API_DB_NONE && !route->run) {
        next_step(c, VCR_OK, NULL);
        return;
    }
    api_sql(c, route->db == API_DB_WRITE ? SQL_WRITE : SQL_READ, route->run);
}

static void on_body(struct http_req *r, const char *body, size_t len)
{
    struct api_call *c = http_req_own(r);
    c->raw = vcr_alloc(len + 1);
    memcpy(c->raw, body, len);
    c->raw_len = len;
    start(c);
}

static bool is_json_type(const char *type)
{
    static const char want[] = "application/json";
    size_t n = sizeof(want) - 1;
    return !type || (strncasecmp(type, want, n) == 0 && (type[n] == '\0' || type[n] == ';' || type[n] == ' '));
}

static bool is_plain(const char *encoding) { return !encoding || strcasecmp(encoding, "identity") == 0; }

void frame_begin(struct http_req *r, const struct http_route *http_route)
{
    struct vcr_why why;
    struct api_call *c = vcr_alloc(sizeof(*c));
    c->api = http_user(r);
    atomic_fetch_add(&c->api->calls, 1);
    c->app = c->api->app;
    c->route = http_route->ctx;
    c->req = r;
    c->loop = http_req_loop(r);
    c->status = 200;
    c->content_type = "application/json";
    c->now_ms = clock_wall_ms();
    buf_init(&c->out, API_OUT_MAX);
    jsonw_init(&c->json, &c->out);
    c->body_length = http_req_length(r);
    c->is_head = http_req_method(r) == HTTP_HEAD;
    copy_facts(c);
    http_req_set_own(r, c, call_free);
    if (c->route->right == API_ANYONE && api_rate(c, c->route->rate, c->ip, &why) != VCR_OK) {
        api_fail(c, &why);
    } else if (!c->route->body_max) {
        start(c);
    } else if (http_req_length(r) != 0 && !is_json_type(http_req_header(r, "Content-Type"))) {
        vcr_fail(&why, VCR_E_UNSUPPORTED, "the body must be application/json");
        api_fail(c, &why);
    } else if (http_req_length(r) != 0 && !is_plain(http_req_header(r, "Content-Encoding"))) {
        api_header(c, "Accept-Encoding", "identity");
        vcr_fail(&why, VCR_E_UNSUPPORTED, "a compressed body is not taken");
        api_fail(c, &why);
    } else {
        http_body_read(r, c->route->body_max, on_body);
    }
}

/* ---- out ---- */
static void send_headers(struct api_call *c)
{
    bool cached = false;
    for (int i = 0; i < c->header_count; i++) {
        http_set_header(c->req, c->headers[i].name, c->headers[i].value);
        cached = cached || strcasecmp(c->headers[i].name, "Cache-Control") == 0;
    }
    if (!cached)
        http_set_header(c->req, "Cache-Control", "no-store");
    security_headers(c->req);
}

void api_finish(struct api_call *c)
{
    struct vcr_why why;
    bool no_body = c->status == 204 || c->status == 304;
    if (!buf_ok(&c->out)) {
        vcr_fail(&why, VCR_E_NOMEM, "the answer is too large");
        api_fail(c, &why);
        return;
    }
    send_headers(c);
    http_send(c->req, c->status, no_body ? NULL : c->content_type, c->out.data, no_body ? 0 : c->out.len);
}

void api_fail(struct api_call *c, const struct vcr_why *why)
{
    struct buf body;
    char seconds[24];
    int status = problem_status(why->code);
    buf_init(&body, 256 * 1024);
    problem_write(&body, c, why, c->request_id);
    if (status >= 500) {
        const struct log_field fields[] = { { "http.request.id", c->request_id, 0 }, { "url.path", c->route->path, 0 }, { 0 } };
        log_fields(LOG_WARN, "api", fields, "%s: %s", vcr_err_name(why->code), why->text);
    }
    snprintf(seconds, sizeof(seconds), "%" PRId64, VCR_MAX((c->retry_ms + 999) / 1000, (int64_t)1));
    if (status == 401)
        api_header(c, "WWW-Authenticate", "Bearer realm=\"vcr-online\"");
    if (status == 429 || status == 503)
        api_header(c, "Retry-After", seconds);
    send_headers(c);
    http_send(c->req, status, "application/problem+json", body.data, body.len);
    buf_free(&body);
}
