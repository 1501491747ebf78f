/* app/process_bridge.c - a job that makes the bridges of a tape's timeline (app/timeline.h). The tape plays all the while, so its status is left alone. */
#include <inttypes.h>
#include <string.h>

#include "app/process_internal.h"
#include "app/timeline.h"
#include "base/clock.h"
#include "base/log.h"

enum { RENEW_US = 1000000 };

bool work_is_bridge(const struct work *x) { return strcmp(x->job.kind, "bridge") == 0; }

struct keeper {
    struct work *work;
    int64_t renewed_us; /* the lease of the job */
};

static bool keep_on(void *arg, double progress)
{
    struct keeper *k = arg;
    struct work *x = k->work;
    int64_t now_us = clock_mono_us();
    if (now_us - k->renewed_us > RENEW_US) {
        k->renewed_us = now_us;
        x->progress = progress;
        x->lost = sql_run(x->w->config.db, SQL_WRITE, work_renew, x, NULL) == VCR_E_CONFLICT;
    }
    x->lost = x->lost || process_stopping(x->w);
    return !x->lost;
}

static enum vcr_err finish(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    const struct work *x = arg;
    return queue_finish(tx, x->job.id, x->worker, x->error, clock_wall_ms(), why);
}

void work_bridge(struct work *x)
{
    const struct process_config *c = &x->w->config;
    struct keeper k = { x, clock_mono_us() };
    const struct app_bridges b = { .db = c->db, .blobs = c->blobs, .program = x->w->program, .keep_on = keep_on, .arg = &k };
    struct vcr_why why = { 0 };
    enum vcr_err err = app_bridge_tape(&b, x->job.tape_id, x->job.payload, &why);
    bool again = x->lost || (err != VCR_OK && x->job.attempts < QUEUE_ATTEMPTS_MAX);
    if (err != VCR_OK && !x->lost)
        log_warn("timeline", "tape %" PRId64 ": its bridges are not made: %s", x->job.tape_id, why.text);
    if (err != VCR_OK && !again)
        x->error = (char[]){ "The places where this tape was recorded over could not be joined." };
    if (again || sql_run(c->db, SQL_WRITE, finish, x, &why) != VCR_OK)
        sql_run(c->db, SQL_WRITE, work_again, x, NULL);
    x->error = NULL;
}
