/* api/jobs.c - /jobs: what the workers do. */
#include "app/jobs.h"

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
    err = app_job_list(tx, &c->who, (int64_t)tape_id, before, limit, &c->json, &last, why);
    list_end_id(c, last);
    return err;
}

static enum vcr_err get_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t id;
    enum vcr_err err = api_param_id(c, "id", &id, why);
    return err == VCR_OK ? app_job_get(tx, &c->who, id, &c->json, why) : err;
}

static enum vcr_err cancel_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t id;
    enum vcr_err err = api_param_id(c, "id", &id, why);
    if (err == VCR_OK)
        err = app_job_cancel(tx, &c->who, id, c->now_ms, why);
    return err == VCR_OK ? app_job_get(tx, &c->who, id, &c->json, why) : err;
}

static enum vcr_err retry_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t id;
    enum vcr_err err = api_param_id(c, "id", &id, why);
    if (err == VCR_OK)
        err = app_job_retry(tx, &c->who, id, c->now_ms, why);
    return err == VCR_OK ? app_job_get(tx, &c->who, id, &c->json, why) : err;
}

const struct api_route api_job_routes[] = {
    { HTTP_GET, "/api/v1/jobs", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = list_run },
    { HTTP_GET, "/api/v1/jobs/:id", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = get_run },
    { HTTP_POST, "/api/v1/jobs/:id/cancel", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, .run = cancel_run },
    { HTTP_POST, "/api/v1/jobs/:id/retry", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, .run = retry_run },
    { 0 }
};
