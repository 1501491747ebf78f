/* api/routes.c - all routes in one table for the server core, and what the core asks of us: error bodies, counting. */
#include "api/internal.h"

static const struct api_route *const groups[] = {
    api_system_routes, api_auth_routes, api_tape_routes, api_media_routes, api_job_routes, api_mark_routes, api_session_routes, api_command_routes, api_remote_routes, api_live_routes, api_hls_routes,
    api_hls_live_routes, api_device_routes, api_audit_routes, api_user_routes, api_me_routes, api_invitation_routes, api_totp_routes,
    api_whip_routes, api_whep_routes, api_caption_routes, api_storyboard_routes, api_share_routes,
};

static void error_body(struct http_req *r, int status, const char *detail, struct buf *body, const char **content_type)
{
    problem_plain(body, status, detail, http_req_id(r));
    *content_type = "application/problem+json";
}

static void on_done(struct http_req *r, int status, uint64_t bytes_sent, int64_t took_us)
{
    struct api *a = http_user(r);
    const struct http_route *route = http_req_route(r);
    size_t row = route && route >= a->routes && route < a->routes + a->route_count ? (size_t)(route - a->routes) : a->route_count;
    if (status >= 0 && status < API_STATUS_MAX)
        atomic_fetch_add_explicit(&a->counts[row * API_STATUS_MAX + (size_t)status], 1, memory_order_relaxed);
    access_log(r, status, bytes_sent, took_us);
}

static size_t count_routes(void)
{
    size_t n = 0;
    for (size_t g = 0; g < ARRAY_LEN(groups); g++)
        for (const struct api_route *r = groups[g]; r->path; r++)
            n++;
    return n;
}

enum vcr_err api_open(struct api **ret, const struct api_config *config, struct vcr_why *why)
{
    struct api *a = vcr_alloc(sizeof(*a));
    a->app = config->app;
    a->server = config->server;
    a->disk_low_bytes = config->disk_low_bytes ? config->disk_low_bytes : UINT64_C(32) << 20;
    a->disk_short_bytes = config->disk_short_bytes ? config->disk_short_bytes : UINT64_C(1) << 30;
    pthread_mutex_init(&a->ready_lock, NULL);
    enum vcr_err err = cors_read(a, config->cors_origins, why);
    if (err == VCR_OK)
        err = page_load(a, config->web_dir, why);
    if (err != VCR_OK) {
        api_close(&a);
        return err;
    }
    a->routes = vcr_calloc(count_routes() + a->asset_count, sizeof(*a->routes));
    for (size_t g = 0; g < ARRAY_LEN(groups); g++)
        for (const struct api_route *r = groups[g]; r->path; r++)
            a->routes[a->route_count++] = (struct http_route){ r->method, r->path, frame_begin, r, r->no_head };
    for (size_t i = 0; i < a->asset_count; i++)
        a->routes[a->route_count++] = (struct http_route){ HTTP_GET, page_path(a->assets, i), page_begin, page_asset(a, i), false };
    a->counts = vcr_calloc((a->route_count + 1) * API_STATUS_MAX, sizeof(*a->counts));
    *ret = a;
    return VCR_OK;
}

void api_close(struct api **ap)
{
    struct api *a = *ap;
    if (!a)
        return;
    page_free(a);
    cors_free(a);
    free(a->routes);
    free((void *)a->counts);
    pthread_mutex_destroy(&a->ready_lock);
    free(a);
    *ap = NULL;
}

void api_http_config(struct api *a, struct http_config *config)
{
    config->routes = a->routes;
    config->route_count = a->route_count;
    config->user = a;
    config->error_body = error_body;
    config->on_done = on_done;
    config->on_head = cors_head;
    if (!a->app->config.rate_limits)
        config->connections_per_ip = -1;
}

void api_set_draining(struct api *a) { atomic_store(&a->draining, true); }

int api_calls(struct api *a) { return atomic_load(&a->calls); }
