/* app/process.c - see process.h. Way of a job: claim -> (demo: the film is drawn) -> blobs and child -> report lines -> blobs committed -> one transaction
 * (reels, tape, history, job) -> the reels that were replaced are deleted. Here: the workers and what becomes of a job; the job under way is process_job.c, what
 * changes in the database process_tx.c. */
#include "app/process.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/process_internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"

enum { IDLE_MS = 500 };

bool process_stopping(struct process_worker *w)
{
    pthread_mutex_lock(&w->lock);
    bool stop = w->stop;
    pthread_mutex_unlock(&w->lock);
    return stop;
}

/* After the transaction: the reels that were replaced, or our own when they were not taken in (the job was cancelled, the tape purged), and then also the picture of a
 * tape that has no others. */
static void delete_reels(struct work *x, bool kept)
{
    char mine[KEY_BYTES];
    snprintf(mine, sizeof(mine), "tapes/%" PRId64 "/r%" PRId64 "/", x->job.tape_id, x->job.id);
    if (!kept)
        blob_delete_prefix(x->w->config.blobs, mine, NULL);
    if (!kept && sql_run(x->w->config.db, SQL_READ, work_find_reels, x, NULL) == VCR_E_END) {
        work_key(x, OUTPUT_THUMB, mine);
        blob_delete(x->w->config.blobs, mine, NULL);
    }
    for (int i = 0; kept && i < x->stale_count; i++)
        blob_delete_prefix(x->w->config.blobs, x->stale[i], NULL);
}

/* Another attempt, now or later. One whose job was cancelled or purged meanwhile changes nothing, and takes what it wrote with it. */
static void give_back(struct work *x)
{
    sql_run(x->w->config.db, SQL_WRITE, work_again, x, NULL);
    if (sql_run(x->w->config.db, SQL_READ, work_find_job, x, NULL) == VCR_E_END)
        delete_reels(x, false);
}

static void conclude(struct work *x, enum vcr_err err, struct vcr_why *why)
{
    struct sql_db *db = x->w->config.db;
    const struct log_field fields[] = { { "vcr.job.id", NULL, x->job.id }, { "vcr.tape.id", NULL, x->job.tape_id }, { 0 } };
    if (x->lost) { /* cancelled, or the server stops */
        give_back(x);
        return;
    }
    if (err == VCR_OK && x->result && !work_result_holds(x)) {
        json_decref(x->result);
        x->result = NULL;
        err = vcr_fail(why, VCR_E_MALFORMED, "its report cannot be true");
    }
    if (err == VCR_OK && x->result && !x->error)
        err = work_commit(x, why);
    if (err == VCR_OK && x->result && !x->error) {
        err = sql_run(db, SQL_WRITE, work_done, x, why);
        if (err != VCR_OK)
            log_fields(LOG_WARN, "process", fields, "the result was not kept: %s", why->text);
        else
            log_fields(LOG_INFO, "process", fields, "the tape is ready");
        delete_reels(x, err == VCR_OK);
        return;
    }
    if (!x->error && (x->job.attempts < QUEUE_ATTEMPTS_MAX || work_advanced(x) || err == VCR_E_BUSY)) {
        log_fields(LOG_WARN, "process", fields, "attempt %d broke off%s%s", x->job.attempts, err != VCR_OK ? ": " : "", err != VCR_OK ? why->text : "");
        give_back(x);
        return;
    }
    if (!x->error)
        work_error(x, err == VCR_E_FULL ? "There was no space left to process this film." : "This film could not be processed: reading it broke off each time.");
    log_fields(LOG_INFO, "process", fields, "failed: %s", x->error);
    if (sql_run(db, SQL_WRITE, work_failed, x, why) != VCR_OK)
        log_fields(LOG_WARN, "process", fields, "the failure was not kept: %s", why->text);
    delete_reels(x, false);
}

static bool find_job(struct process_thread *t, struct work *x)
{
    *x = (struct work){ .w = t->w, .worker = t->name, .report = -1 };
    memset(x->files, -1, sizeof(x->files));
    if (sql_run(t->w->config.db, SQL_WRITE, work_claim, x, NULL) == VCR_OK && x->job.id != 0)
        return true;
    free(x->job.payload); /* claimed, but not committed */
    return false;
}

static void do_job(struct work *x)
{
    struct vcr_why why = { 0 };
    if (work_is_bridge(x)) {
        work_bridge(x);
        free(x->job.payload);
        return;
    }
    enum vcr_err err = work_draw(x, &why);
    if (err == VCR_OK && !x->lost)
        err = work_start(x, &why);
    if (err == VCR_OK && !x->lost) {
        work_watch(x);
        work_reap(x);
    }
    conclude(x, err, &why);
    work_close(x);
    vcr_close(&x->report);
    json_decref(x->result);
    free(x->error);
    free(x->job.payload);
}

static void wait_locked(struct process_worker *w)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += IDLE_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    if (!w->stop && !w->woken)
        pthread_cond_timedwait(&w->wake, &w->lock, &until);
    w->woken = false;
}

/* One thread looks for all: it waits between looks, and lets the next one look when it has found a job. */
static void *run(void *arg)
{
    struct process_thread *t = arg;
    struct process_worker *w = t->w;
    struct work *x = vcr_alloc(sizeof(*x));
    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        if (w->looking) {
            pthread_cond_wait(&w->wake, &w->lock);
            continue;
        }
        w->looking = true;
        pthread_mutex_unlock(&w->lock);
        bool found = find_job(t, x);
        pthread_mutex_lock(&w->lock);
        if (!found)
            wait_locked(w);
        w->looking = false;
        if (!found)
            continue;
        pthread_cond_broadcast(&w->wake);
        pthread_mutex_unlock(&w->lock);
        do_job(x);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    free(x);
    return NULL;
}

static int worker_count(const struct process_config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return VCR_CLAMP(config->workers ? config->workers : (int)VCR_MIN(cores, PROCESS_WORKERS_MAX) - 1, 1, PROCESS_WORKERS_MAX);
}

enum vcr_err process_open(struct process_worker **ret, const struct process_config *config, struct vcr_why *why)
{
    if (access(config->program, X_OK) != 0)
        return vcr_fail(why, VCR_E_IO, "%s: %s", config->program, strerror(errno));
    enum vcr_err err = sql_run(config->db, SQL_WRITE, work_take_back, NULL, why);
    if (err != VCR_OK)
        return err;
    struct process_worker *w = vcr_alloc(sizeof(*w));
    uint32_t random;
    vcr_random(&random, sizeof(random));
    w->config = *config;
    w->program = vcr_strdup(config->program);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    for (int count = worker_count(config); w->thread_count < count; w->thread_count++) {
        struct process_thread *t = &w->threads[w->thread_count];
        t->w = w;
        snprintf(t->name, sizeof(t->name), "worker-%d-%08x-%d", (int)getpid(), random, w->thread_count);
        if (pthread_create(&t->thread, NULL, run, t) != 0) {
            process_close(&w);
            return vcr_fail(why, VCR_E_NOMEM, "no thread for processing");
        }
    }
    *ret = w;
    return VCR_OK;
}

static void signal_workers(struct process_worker *w, bool stop)
{
    pthread_mutex_lock(&w->lock);
    w->stop = w->stop || stop;
    w->woken = true;
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void process_wake(struct process_worker *w) { signal_workers(w, false); }

void process_close(struct process_worker **wp)
{
    struct process_worker *w = *wp;
    if (!w)
        return;
    signal_workers(w, true);
    for (int i = 0; i < w->thread_count; i++)
        pthread_join(w->threads[i].thread, NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w->program);
    free(w);
    *wp = NULL;
}
