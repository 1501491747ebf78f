/* api/system.c - the server about itself: /server, probes, metrics, the contract. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "app/accounts.h"
#include "session/maker.h"

extern const unsigned char api_openapi_json[];
extern const size_t api_openapi_json_len;

static enum vcr_err server_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    static const char *const registration[] = { "open", "invite", "closed" };
    const struct app_config *config = &c->app->config;
    bool none = false;
    enum vcr_err err = app_users_none(tx, &none, why);
    if (err != VCR_OK)
        return err;
    jsonw_open(&c->json, NULL);
    jsonw_str(&c->json, "version", VCR_VERSION);
    jsonw_bool(&c->json, "first_run", none);
    jsonw_str(&c->json, "registration", registration[config->registration]);
    jsonw_bool(&c->json, "oidc", false);
    jsonw_open(&c->json, "limits");
    jsonw_int(&c->json, "max_upload_bytes", (int64_t)config->max_upload_bytes);
    if (config->quota_bytes)
        jsonw_int(&c->json, "quota_bytes", (int64_t)config->quota_bytes);
    else
        jsonw_null(&c->json, "quota_bytes");
    jsonw_close(&c->json);
    jsonw_close(&c->json);
    return VCR_OK;
}

static void live_then(struct api_call *c)
{
    buf_adds(&c->out, "{\"status\":\"ok\"}");
    api_finish(c);
}

static void metric(struct buf *b, const char *name, const char *kind, const char *help)
{
    buf_addf(b, "# HELP vcr_%s %s\n# TYPE vcr_%s %s\n", name, help, name, kind);
}

static void request_metrics(struct api_call *c)
{
    struct api *a = c->api;
    metric(&c->out, "http_requests_total", "counter", "Requests answered, by route and status.");
    for (size_t i = 0; i <= a->route_count; i++)
        for (int status = 0; status < API_STATUS_MAX; status++) {
            uint64_t n = atomic_load_explicit(&a->counts[i * API_STATUS_MAX + (size_t)status], memory_order_relaxed);
            if (n)
                buf_addf(&c->out, "vcr_http_requests_total{route=\"%s\",method=\"%s\",status=\"%d\"} %" PRIu64 "\n",
                         i < a->route_count ? a->routes[i].path : "none", i < a->route_count ? http_method_name(a->routes[i].method) : "", status, n);
        }
}

static void made_metrics(struct api_call *c)
{
    struct maker_counts m;
    struct segments_counts s;
    struct buf *b = &c->out;
    if (!c->app->config.maker)
        return;
    maker_counts(c->app->config.maker, &m);
    segments_counts(c->app->config.segments, &s);
    const struct { const char *name, *kind, *help; uint64_t value; } rows[] = {
        { "maker_processes", "gauge", "Processes that make segments.", (uint64_t)m.processes },
        { "maker_waiting", "gauge", "Segments that players wait for.", (uint64_t)m.waiting },
        { "maker_ahead", "gauge", "Segments to be made ahead of players.", (uint64_t)m.ahead },
        { "maker_made_total", "counter", "Segments made.", m.made },
        { "maker_failed_total", "counter", "Segments that could not be made.", m.failed },
        { "maker_left_total", "counter", "Segments that nobody wanted any more.", m.left },
        { "maker_restarts_total", "counter", "Processes that ended at work.", m.restarts },
        { "maker_cpu_microseconds_total", "counter", "CPU time of making segments.", m.cpu_us },
        { "render_cache_bytes", "gauge", "Bytes of kept segments.", s.bytes },
        { "render_cache_files", "gauge", "Kept segments.", s.files },
        { "render_cache_evicted_total", "counter", "Segments that had to go for newer ones.", s.evicted },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        metric(b, rows[i].name, rows[i].kind, rows[i].help);
        buf_addf(b, "vcr_%s %" PRIu64 "\n", rows[i].name, rows[i].value);
    }
}

static enum vcr_err metrics_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct sessions_counts n = { 0 };
    struct http_counts http = { 0 };
    struct sql_rows *rows = NULL;
    struct buf *b = &c->out;
    if (c->app->config.sessions)
        sessions_counts(c->app->config.sessions, &n);
    if (c->api->server && *c->api->server)
        http_counts(*c->api->server, &http);
    c->content_type = "text/plain; version=0.0.4; charset=utf-8";
    request_metrics(c);
    const struct { const char *name, *help; int64_t value; } gauges[] = {
        { "http_connections", "Open connections.", http.connections }, { "sessions", "Running VCRs.", n.sessions }, { "viewers", "WebRTC viewers.", n.viewers },
        { "render_processes", "Live render processes.", n.render_processes }, { "render_frames_per_second", "Frames sent in the last second.", n.frames_per_s },
        { "render_late_frames_per_second", "Frames that were late in the last second.", n.late_per_s },
        { "render_passed_frames_per_second", "Frames in the last second that were not encoded: of a clean reel or a made segment.", n.passed_per_s },
    };
    for (size_t i = 0; i < ARRAY_LEN(gauges); i++) {
        metric(b, gauges[i].name, "gauge", gauges[i].help);
        buf_addf(b, "vcr_%s %" PRId64 "\n", gauges[i].name, gauges[i].value);
    }
    metric(b, "render_restarts_total", "counter", "Render processes that had to be replaced.");
    buf_addf(b, "vcr_render_restarts_total %d\n", n.render_restarts);
    metric(b, "render_pieces_total", "counter", "Made segments that decks asked for, by whether they were there.");
    buf_addf(b, "vcr_render_pieces_total{found=\"yes\"} %" PRIu64 "\nvcr_render_pieces_total{found=\"no\"} %" PRIu64 "\n", n.pieces_found, n.pieces_asked - n.pieces_found);
    made_metrics(c);
    metric(b, "jobs", "gauge", "Jobs by status.");
    enum vcr_err err = sql_query(tx, &rows, "SELECT status, COUNT(*) FROM jobs GROUP BY status ORDER BY status", SQL_NONE, why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        buf_addf(b, "vcr_jobs{status=\"%s\"} %" PRId64 "\n", sql_text(rows, 0), sql_int(rows, 1));
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

static void contract_then(struct api_call *c)
{
    buf_add(&c->out, api_openapi_json, api_openapi_json_len);
    api_finish(c);
}

const struct api_route api_system_routes[] = {
    { HTTP_GET, "/api/v1/server", API_ANYONE, APP_RATE_NONE, API_DB_READ, .run = server_run },
    { HTTP_GET, "/api/v1/openapi.json", API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = contract_then },
    { HTTP_GET, "/healthz", API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = live_then, .probe = true },
    { HTTP_GET, "/readyz", API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = ready_then, .then_on_error = true, .probe = true },
    { HTTP_GET, "/metrics", API_ANYONE, APP_RATE_NONE, API_DB_READ, .run = metrics_run, .probe = true },
    { 0 }
};
