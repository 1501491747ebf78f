/* app/wear.c - see wear.h. */
#include "app/wear.h"

#include "app/tapes.h"
#include "app/timeline.h"
#include "base/clock.h"
#include "base/log.h"

struct app_wear app_wear_after(struct app_wear w, int64_t length_us, int64_t passed_us)
{
    if (length_us <= 0 || passed_us <= 0)
        return w;
    int64_t sixteenth_us = length_us * APP_WEAR_PASSES, worn_us = w.worn_us + VCR_MIN(passed_us, sixteenth_us * APP_WEAR_MAX_16);
    w.wear_16 = (int32_t)VCR_MIN(w.wear_16 + worn_us / sixteenth_us, (int64_t)APP_WEAR_MAX_16);
    w.worn_us = worn_us % sixteenth_us;
    return w;
}

static enum vcr_err read_worn(struct sql_tx *tx, int64_t tape_id, int64_t *ret_us, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT worn_us FROM tapes WHERE id = $1", SQL_ARGS(SQL_I(tape_id)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        *ret_us = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err;
}

enum vcr_err app_tape_wear(struct sql_tx *tx, int64_t tape_id, int64_t passed_us, struct vcr_why *why)
{
    const struct app_principal house = { .role = APP_ADMIN };
    struct app_tape t = { 0 };
    struct app_wear w = { 0 };
    int64_t length_us = 0;
    enum vcr_err err = app_tape_find(tx, &house, tape_id, APP_SEE, APP_ANYWHERE, &t, why);
    if (err == VCR_OK)
        err = app_tape_length(tx, &t, &length_us, why);
    if (err == VCR_OK)
        err = read_worn(tx, tape_id, &w.worn_us, why);
    w.wear_16 = (int32_t)t.c[APP_T_WEAR].i;
    app_tape_free(&t);
    if (err != VCR_OK)
        return err == VCR_E_NOT_FOUND || err == VCR_E_END ? VCR_OK : err;
    w = app_wear_after(w, length_us, passed_us);
    return sql_exec(tx, "UPDATE tapes SET wear_16 = $2, worn_us = $3 WHERE id = $1", SQL_ARGS(SQL_I(tape_id), SQL_I(w.wear_16), SQL_I(w.worn_us)), NULL, why);
}

struct note {
    struct sql_job job;
    int64_t tape_id, passed_us;
};

static enum vcr_err note_work(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why)
{
    struct note *n = container_of(job, struct note, job);
    return app_tape_wear(tx, n->tape_id, n->passed_us, why);
}

static void note_done(struct sql_job *job)
{
    struct note *n = container_of(job, struct note, job);
    if (job->err != VCR_OK)
        log_warn("session", "a tape's wear was not kept: %s", job->why.text);
    free(n);
}

void app_tape_worn(struct sql_db *db, int64_t tape_id, int64_t passed_us)
{
    struct vcr_why why;
    struct note *n = vcr_alloc(sizeof(*n));
    *n = (struct note){ .job = { .mode = SQL_WRITE, .work = note_work, .done = note_done, .deadline_us = clock_mono_us() + 10000000 }, .tape_id = tape_id, .passed_us = passed_us };
    if (sql_submit(db, &n->job, &why) != VCR_OK) {
        log_warn("session", "a tape's wear was not kept: %s", why.text);
        free(n);
    }
}
