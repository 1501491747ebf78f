/* api/ready.c - /readyz: may this process be sent requests, and what is not as it should be.
 *
 * Unavailable (503): the database takes no changes, the disk is full, or the server stops. Degraded (200): it serves, but somebody should look; `reasons` say at what.
 * What blocks or writes is asked at most every FRESH_MS, however often somebody asks: the address is open to all. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "api/internal.h"
#include "app/recover.h"
#include "base/clock.h"

enum { FRESH_MS = 2000, MIB = 1 << 20, REASONS_MAX = 6 };

struct reasons {
    char text[REASONS_MAX][100];
    int count;
};

__attribute__((format(printf, 2, 3))) static void add(struct reasons *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (r->count < REASONS_MAX)
        vsnprintf(r->text[r->count++], sizeof(r->text[0]), fmt, ap);
    va_end(ap);
}

/* ---- on a pool thread ---- */
static enum vcr_err ready_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct api_ready *found = c->own;
    struct statvfs v;
    uint64_t data = UINT64_MAX, blobs = UINT64_MAX;
    if (statvfs(c->app->config.data_dir, &v) == 0)
        data = (uint64_t)v.f_bavail * v.f_frsize;
    found->blob = blob_free_bytes(c->app->config.blobs, &blobs);
    found->free_bytes = VCR_MIN(data, blobs);
    return sql_exec(tx, "UPDATE readiness SET checked_at = $1 WHERE id = 1", SQL_ARGS(SQL_I(c->now_ms)), NULL, why);
}

/* ---- on the loop ---- */
static void answer(struct api_call *c, const struct api_ready *r)
{
    struct api *a = c->api;
    struct sessions_counts n = { 0 };
    struct reasons why = { .count = 0 };
    bool draining = atomic_load(&a->draining), disk = !r->full && r->free_bytes >= a->disk_low_bytes;
    bool ok = r->database && disk && !draining;
    if (c->app->config.sessions)
        sessions_counts(c->app->config.sessions, &n);
    if (draining)
        add(&why, "the server is stopping");
    if (!r->database)
        add(&why, "the database takes no changes");
    if (!r->blob)
        add(&why, "the storage of films does not answer");
    if (r->full)
        add(&why, "the disk takes nothing more"); /* perhaps by a quota */
    else if (r->free_bytes < a->disk_short_bytes)
        add(&why, "the disk is %s: %" PRIu64 " MiB are left", disk ? "nearly full" : "full", r->free_bytes / MIB);
    int recovering = app_recovering(c->app);
    if (recovering)
        add(&why, "%d recording%s that broke off %s being made whole", recovering, recovering == 1 ? "" : "s", recovering == 1 ? "is" : "are");
    if (n.render_processes < n.render_wanted)
        add(&why, "%d of %d render processes run", n.render_processes, n.render_wanted);
    const struct { const char *name; bool ok; } dependencies[] = {
        { "database", r->database || r->full }, { "cache", true }, { "queue", r->database || r->full }, { "blob", r->blob }, { "disk", disk },
    };
    jsonw_open(&c->json, NULL);
    jsonw_str(&c->json, "status", !ok ? "unavailable" : why.count ? "degraded" : "ok");
    jsonw_open(&c->json, "dependencies");
    for (size_t i = 0; i < ARRAY_LEN(dependencies); i++)
        jsonw_str(&c->json, dependencies[i].name, dependencies[i].ok ? "ok" : "down");
    jsonw_close(&c->json);
    jsonw_open_array(&c->json, "reasons");
    for (int i = 0; i < why.count; i++)
        jsonw_str(&c->json, NULL, why.text[i]);
    jsonw_close_array(&c->json);
    jsonw_close(&c->json);
    c->status = ok ? 200 : 503;
    if (!ok)
        api_header(c, "Retry-After", "5");
    api_finish(c);
}

static void checked(struct api_call *c)
{
    struct api_ready *found = c->own;
    found->database = c->job.err == VCR_OK;
    found->full = c->job.err == VCR_E_FULL;
    found->at_us = clock_mono_us();
    pthread_mutex_lock(&c->api->ready_lock);
    c->api->ready = *found;
    pthread_mutex_unlock(&c->api->ready_lock);
    buf_reset(&c->out);
    jsonw_init(&c->json, &c->out);
    answer(c, found);
}

void ready_then(struct api_call *c)
{
    pthread_mutex_lock(&c->api->ready_lock);
    struct api_ready known = c->api->ready;
    pthread_mutex_unlock(&c->api->ready_lock);
    if (known.at_us && clock_mono_us() - known.at_us < FRESH_MS * INT64_C(1000)) {
        answer(c, &known);
        return;
    }
    struct api_ready *found = vcr_alloc(sizeof(*found));
    *found = (struct api_ready){ .blob = true, .free_bytes = UINT64_MAX };
    c->own = found;
    c->free_own = free;
    c->then = checked;
    api_sql(c, SQL_WRITE, ready_run);
}
