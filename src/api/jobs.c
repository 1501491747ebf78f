/* api/jobs.c - /jobs: what the workers do. */
#include "app/jobs.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/internal.h"

static enum vcr_err list_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int limit;
    uint64_t tape_id = 0;
    int64_t before = 0, last;
    const char *tape = api_query(c, "tape_id");
    enum vcr_err err = api_query_limit(c, &limit, why);
    if (tape && (!vcr_parse_u64(tape, INT64_MAX, &tape_id) || tape_id == 0))
        err = api_invalid(c, why, "tape_id", "must be a tape's id");
    if (err == VCR_OK)
        err = cursor_id(c, &before, why);
    if (err != VCR_OK)
        return err;
    list_begin(c);
    err = app_job_list(tx, &c->who, (int64_t)tape_id, before, limit, c->now_ms, &c->json, &last, why);
    list_end_id(c, last);
    return err;
}

static enum vcr_err get_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t id;
    enum vcr_err err = api_param_id(c, "id", &id, why);
    return err == VCR_OK ? app_job_get(tx, &c->who, id, c->now_ms, &c->json, why) : err;
}

static enum vcr_err delete_made(struct api_call *c, struct vcr_why *why)
{
    const char *prefix = c->own;
    return *prefix ? blob_delete_prefix(c->app->config.blobs, prefix, why) : VCR_OK;
}

static void cancel_then(struct api_call *c)
{
    c->then = NULL;
    api_pool(c, c->app->files, delete_made);
}

static enum vcr_err cancel_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t id;
    enum vcr_err err = api_param_id(c, "id", &id, why);
    c->own = vcr_alloc(APP_JOB_PREFIX_BYTES);
    c->free_own = free;
    if (err == VCR_OK)
        err = app_job_cancel(tx, &c->who, id, c->now_ms, c->own, why);
    c->then = err == VCR_OK ? cancel_then : NULL;
    return err == VCR_OK ? app_job_get(tx, &c->who, id, c->now_ms, &c->json, why) : err;
}

static enum vcr_err retry_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t id;
    enum vcr_err err = api_param_id(c, "id", &id, why);
    if (err == VCR_OK)
        err = app_job_retry(tx, &c->who, id, c->now_ms, why);
    return err == VCR_OK ? app_job_get(tx, &c->who, id, c->now_ms, &c->json, why) : err;
}

static enum vcr_err reprocess_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t tape, job;
    char place[64];
    enum vcr_err err = api_param_id(c, "id", &tape, why);
    if (err == VCR_OK)
        err = app_reprocess(c->app, tx, &c->who, tape, c->body, c->now_ms, &job, why);
    if (err != VCR_OK)
        return err;
    snprintf(place, sizeof(place), "/api/v1/jobs/%" PRId64, job);
    api_header(c, "Location", place);
    c->status = 202;
    return app_job_get(tx, &c->who, job, c->now_ms, &c->json, why);
}

static const struct api_field reprocess_fields[] = {
    { "field_order", API_STRING, .nullable = true, .one_of = "auto|progressive|tff|bff" },
    { "standard", API_STRING, .nullable = true, .one_of = "auto|ntsc|pal" },
    { "aspect", API_STRING, .nullable = true, .one_of = "auto|4:3|16:9" },
    { 0 }
};

const struct api_route api_job_routes[] = {
    { HTTP_POST, "/api/v1/tapes/:id/reprocess", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, 4096, reprocess_fields, .run = reprocess_run, .body_optional = true },
    { HTTP_GET, "/api/v1/jobs", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = list_run },
    { HTTP_GET, "/api/v1/jobs/:id", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = get_run },
    { HTTP_POST, "/api/v1/jobs/:id/cancel", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, .run = cancel_run },
    { HTTP_POST, "/api/v1/jobs/:id/retry", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, .run = retry_run },
    { 0 }
};
