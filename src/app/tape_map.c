/* app/tape_map.c - see tape_map.h. */
#include "app/tape_map.h"

#include "app/marks.h"
#include "app/timeline.h"
#include "base/clock.h"
#include "base/log.h"

struct marks {
    size_t count;
    int64_t us[APP_MARKS_MAX];
};

static enum vcr_err read_marks(struct sql_tx *tx, int64_t tape_id, struct marks *m, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT position_us FROM marks WHERE tape_id = $1 AND confirmed = $2 ORDER BY position_us LIMIT $3",
                                 SQL_ARGS(SQL_I(tape_id), SQL_B(true), SQL_I(APP_MARKS_MAX)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        m->us[m->count++] = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

/* Each change of a tape's recordings and marks is an item of its history, and those only become more. */
static enum vcr_err read_revision(struct sql_tx *tx, int64_t tape_id, int64_t *ret, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT COALESCE(MAX(id), 0) FROM tape_history WHERE tape_id = $1", SQL_ARGS(SQL_I(tape_id)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        *ret = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err;
}

enum vcr_err app_tape_map(struct sql_tx *tx, int64_t tape_id, struct session_map **ret, struct vcr_why *why)
{
    struct timeline t = { 0 };
    struct marks *m = vcr_alloc(sizeof(*m));
    int64_t revision = 0;
    enum vcr_err err = app_timeline_read(tx, tape_id, &t, why);
    if (err == VCR_OK)
        err = read_marks(tx, tape_id, m, why);
    if (err == VCR_OK)
        err = read_revision(tx, tape_id, &revision, why);
    if (err == VCR_OK)
        err = session_map_new(ret, &t, m->us, m->count, revision, why);
    timeline_free(&t);
    free(m);
    return err;
}

/* ---- told ---- */
struct reading {
    struct sql_job job;
    struct sessions *sessions;
    int64_t tape_id;
    struct session_map *map;
};

static enum vcr_err read_work(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why)
{
    struct reading *r = container_of(job, struct reading, job);
    return app_tape_map(tx, r->tape_id, &r->map, why);
}

static void read_done(struct sql_job *job)
{
    struct reading *r = container_of(job, struct reading, job);
    if (job->err == VCR_OK)
        sessions_map_changed(r->sessions, r->tape_id, r->map);
    else
        log_warn("session", "decks with tape %lld do not know what changed on it: %s", (long long)r->tape_id, job->why.text);
    session_map_unref(&r->map);
    free(r);
}

void app_tape_changed(const struct app *a, int64_t tape_id)
{
    struct vcr_why why;
    if (!a->config.sessions)
        return;
    struct reading *r = vcr_alloc(sizeof(*r));
    *r = (struct reading){ .job = { .mode = SQL_READ, .work = read_work, .done = read_done, .deadline_us = clock_mono_us() + 10000000 }, .sessions = a->config.sessions,
                           .tape_id = tape_id };
    if (sql_submit(a->config.db, &r->job, &why) != VCR_OK) {
        log_warn("session", "decks with tape %lld do not know what changed on it: %s", (long long)tape_id, why.text);
        free(r);
    }
}
