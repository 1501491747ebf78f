/* cmd/vcrd_keep.c - see vcrd_keep.h. */
#include "cmd/vcrd_keep.h"

#include "app/accounts.h"
#include "app/audit.h"
#include "app/devices.h"
#include "app/tapes.h"
#include "base/clock.h"
#include "base/log.h"

enum { SWEEP_FIRST_MS = 60000, SWEEP_MS = 3600 * 1000, TIDY_MS = 5000 };

/* What is old goes; and what the chain's end is now is said where the log keeps it. */
static void keep_audit(const struct app *a)
{
    struct vcr_why why;
    char hash[APP_AUDIT_HASH_BYTES];
    int64_t id;
    if (app_audit_trim(a->config.db, a->config.audit_days, clock_wall_ms(), NULL, &why) != VCR_OK || app_audit_head(a->config.db, &id, hash, &why) != VCR_OK)
        log_warn("vcrd", "the audit was not looked after: %s", why.text);
    else
        log_info("vcrd", "audit: row %lld has the hash %s", (long long)id, hash);
}

/* The bin: what lies in it long enough is purged. It blocks, so it runs on libuv's own pool. */
static void sweep_work(uv_work_t *w)
{
    struct vcrd_keep *k = w->data;
    struct vcr_why why;
    if (app_bin_sweep(k->app, clock_wall_ms(), &why) != VCR_OK)
        log_warn("vcrd", "the bin was not emptied: %s", why.text);
    keep_audit(k->app);
    if (app_login_sweep(k->app->config.db, clock_wall_ms(), &why) != VCR_OK)
        log_warn("vcrd", "log-ins that have run out were not taken away: %s", why.text);
}

static void sweep_done(uv_work_t *w, int status)
{
    struct vcrd_keep *k = w->data;
    k->sweeping_now = false;
}

static void on_tidy(uv_timer_t *t)
{
    struct vcrd_keep *k = t->data;
    if (k->ended)
        return;
    blob_tidy(k->blobs, clock_mono_us());
    device_list_seen(k->app);
}

static void on_sweep(uv_timer_t *t)
{
    struct vcrd_keep *k = t->data;
    if (!k->sweeping_now && !k->ended)
        k->sweeping_now = uv_queue_work(loop_uv(k->loop), &k->sweeping, sweep_work, sweep_done) == 0;
}

void vcrd_keep_begin(struct vcrd_keep *k, struct loop *loop)
{
    k->loop = loop;
    uv_timer_init(loop_uv(loop), &k->sweep);
    uv_timer_init(loop_uv(loop), &k->tidy);
    k->sweep.data = k->tidy.data = k->sweeping.data = k;
    uv_timer_start(&k->sweep, on_sweep, SWEEP_FIRST_MS, SWEEP_MS);
    uv_timer_start(&k->tidy, on_tidy, TIDY_MS, TIDY_MS);
}

void vcrd_keep_end(struct vcrd_keep *k)
{
    uv_close((uv_handle_t *)&k->sweep, NULL);
    uv_close((uv_handle_t *)&k->tidy, NULL);
}
