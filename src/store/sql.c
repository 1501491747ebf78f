/* store/sql.c - the SQL port: chooses the adapter by the URL's scheme and hands each call to it. */
#include "store/sql.h"

#include <pthread.h>
#include <string.h>

#include "base/util.h"
#include "store/internal.h"

static const struct sql_ops *const adapters[] = { &sql_sqlite_ops };

static enum vcr_err open_any(struct sql_db **ret, const char *url, const char *data_dir, bool beside, struct vcr_why *why)
{
    const char *colon = strchr(url, ':');
    size_t len = colon ? (size_t)(colon - url) : 0;
    const struct sql_ops *ops = NULL;
    for (size_t i = 0; i < ARRAY_LEN(adapters); i++)
        if (len == strlen(adapters[i]->scheme) && memcmp(url, adapters[i]->scheme, len) == 0)
            ops = adapters[i];
    if (!ops || !colon[1]) /* the URL may hold a password: it is not repeated */
        return vcr_fail(why, VCR_E_INVALID, "the database URL is not one of: sqlite:FILE");
    struct sql_db *db = NULL;
    enum vcr_err err = ops->open(&db, colon + 1, data_dir, beside, why);
    if (err != VCR_OK)
        return err;
    err = beside ? sql_run(db, SQL_READ, sql_migrated, NULL, why) : sql_run(db, SQL_WRITE, sql_migrate, NULL, why);
    if (err != VCR_OK) {
        sql_close(&db);
        return err;
    }
    *ret = db;
    return VCR_OK;
}

enum vcr_err sql_open(struct sql_db **ret, const char *url, const char *data_dir, struct vcr_why *why) { return open_any(ret, url, data_dir, false, why); }

enum vcr_err sql_open_beside(struct sql_db **ret, const char *url, const char *data_dir, struct vcr_why *why) { return open_any(ret, url, data_dir, true, why); }

void sql_close(struct sql_db **db)
{
    if (*db)
        (*db)->ops->close(*db);
    *db = NULL;
}

uint64_t sql_changes(const struct sql_db *db) { return db->changes; }

enum vcr_err sql_submit(struct sql_db *db, struct sql_job *job, struct vcr_why *why)
{
    job->err = VCR_OK;
    memset(&job->why, 0, sizeof(job->why));
    return db->ops->submit(db, job, why);
}

/* ---- running one job and waiting for it ---- */

struct run {
    struct sql_job job;
    enum vcr_err (*work)(struct sql_tx *tx, void *arg, struct vcr_why *why);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool end; /* guarded by lock */
};

static enum vcr_err run_work(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why)
{
    struct run *r = container_of(job, struct run, job);
    return r->work(tx, r->arg, why);
}

static void run_done(struct sql_job *job)
{
    struct run *r = container_of(job, struct run, job);
    pthread_mutex_lock(&r->lock);
    r->end = true;
    pthread_cond_signal(&r->ended);
    pthread_mutex_unlock(&r->lock);
}

enum vcr_err sql_run(struct sql_db *db, enum sql_mode mode, enum vcr_err (*work)(struct sql_tx *tx, void *arg, struct vcr_why *why), void *arg,
                     struct vcr_why *why)
{
    struct run r = { .work = work, .arg = arg };
    r.job = (struct sql_job){ .mode = mode, .deadline_us = INT64_MAX, .work = run_work, .done = run_done };
    pthread_mutex_init(&r.lock, NULL);
    pthread_cond_init(&r.ended, NULL);
    enum vcr_err err = sql_submit(db, &r.job, why);
    if (err == VCR_OK) {
        pthread_mutex_lock(&r.lock);
        while (!r.end)
            pthread_cond_wait(&r.ended, &r.lock);
        pthread_mutex_unlock(&r.lock);
        err = r.job.err;
        if (err != VCR_OK && why)
            *why = r.job.why;
    }
    pthread_cond_destroy(&r.ended);
    pthread_mutex_destroy(&r.lock);
    return err;
}

static enum vcr_err alive_work(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    return sql_exec(tx, "SELECT 1", SQL_NONE, NULL, why);
}

bool sql_alive(struct sql_db *db) { return sql_run(db, SQL_READ, alive_work, NULL, NULL) == VCR_OK; }

/* ---- statements ---- */

struct sql_val sql_text_val(const char *s)
{
    if (!s)
        return SQL_NUL;
    return (struct sql_val){ .type = SQL_TEXT_T, .p = s, .len = strlen(s) };
}

/* A work function gets the reason whether it passes a why on or not. */
static enum vcr_err note(struct sql_tx *tx, enum vcr_err err, const struct vcr_why *found, struct vcr_why *why)
{
    if (err == VCR_OK || err == VCR_E_END)
        return err;
    if (tx->broken == VCR_OK) {
        tx->broken = err;
        tx->broken_why = *found;
    }
    if (why)
        *why = *found;
    return err;
}

enum vcr_err sql_exec(struct sql_tx *tx, const char *text, const struct sql_val *vals, size_t n, int64_t *ret_changed, struct vcr_why *why)
{
    struct vcr_why found = { 0 };
    if (tx->broken != VCR_OK)
        return note(tx, tx->broken, &tx->broken_why, why);
    int64_t changed = 0;
    enum vcr_err err = tx->ops->exec(tx, text, vals, n, &changed, &found);
    if (err == VCR_OK && ret_changed)
        *ret_changed = changed;
    return note(tx, err, &found, why);
}

enum vcr_err sql_query(struct sql_tx *tx, struct sql_rows **ret, const char *text, const struct sql_val *vals, size_t n, struct vcr_why *why)
{
    struct vcr_why found = { 0 };
    *ret = NULL; /* sql_rows_close is always right afterwards */
    if (tx->broken != VCR_OK)
        return note(tx, tx->broken, &tx->broken_why, why);
    return note(tx, tx->ops->query(tx, ret, text, vals, n, &found), &found, why);
}

enum vcr_err sql_next(struct sql_rows *rows, struct vcr_why *why)
{
    struct vcr_why found = { 0 };
    return note(rows->tx, rows->ops->next(rows, &found), &found, why);
}

void sql_rows_close(struct sql_rows **rows)
{
    if (*rows)
        (*rows)->ops->rows_close(*rows);
    *rows = NULL;
}

bool sql_is_null(struct sql_rows *rows, int col) { return rows->ops->is_null(rows, col); }
int64_t sql_int(struct sql_rows *rows, int col) { return rows->ops->get_int(rows, col); }
double sql_real(struct sql_rows *rows, int col) { return rows->ops->get_real(rows, col); }
bool sql_bool(struct sql_rows *rows, int col) { return rows->ops->get_bool(rows, col); }
const char *sql_text(struct sql_rows *rows, int col) { return rows->ops->get_text(rows, col); }
const void *sql_blob(struct sql_rows *rows, int col, size_t *ret_len) { return rows->ops->get_blob(rows, col, ret_len); }
enum sql_engine sql_engine(const struct sql_tx *tx) { return tx->ops->engine; }
