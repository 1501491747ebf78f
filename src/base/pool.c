/* base/pool.c - see pool.h. */
#include "base/pool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"

struct worker {
    struct pool *pool;
    pthread_t thread;
    void *own; /* from worker_open */
    int index;
};

struct pool {
    /* set by open, then read-only */
    struct pool_config config;
    char name[13];
    struct worker *workers;
    int started;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct pool_job *first, **last;
    int waiting, running;
    bool stop;
};

static void deliver(struct loop_msg *m)
{
    struct pool_job *job = container_of(m, struct pool_job, msg);
    job->done(job);
}

static void run(struct worker *w, struct pool_job *job)
{
    if (job->deadline_us && clock_mono_us() > job->deadline_us)
        job->err = vcr_fail(&job->why, VCR_E_TIMEOUT, "the server is too busy; try again");
    else
        job->err = job->work(job, w->own, &job->why);
    if (job->loop) {
        job->msg.fn = deliver;
        loop_post(job->loop, &job->msg);
    } else {
        job->done(job);
    }
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct pool *p = w->pool;
    char name[32];
    snprintf(name, sizeof(name), "%s-%d", p->name, w->index);
    name[15] = '\0';
    pthread_setname_np(pthread_self(), name);
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->first && !p->stop)
            pthread_cond_wait(&p->more, &p->lock);
        struct pool_job *job = p->first;
        if (!job)
            break;
        p->first = job->next;
        if (!p->first)
            p->last = &p->first;
        p->waiting--;
        p->running++;
        pthread_mutex_unlock(&p->lock);
        run(w, job);
        pthread_mutex_lock(&p->lock);
        p->running--;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

enum vcr_err pool_open(struct pool **ret, const struct pool_config *config, struct vcr_why *why)
{
    struct pool *p = vcr_alloc(sizeof(*p));
    p->config = *config;
    vcr_strcpy(p->name, sizeof(p->name), config->name);
    p->config.name = p->name;
    p->workers = vcr_calloc((size_t)config->threads, sizeof(*p->workers));
    p->last = &p->first;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->more, NULL);
    enum vcr_err err = VCR_OK;
    for (int i = 0; i < config->threads && err == VCR_OK; i++) {
        struct worker *w = &p->workers[i];
        w->pool = p;
        w->index = i;
        if (config->worker_open)
            err = config->worker_open(&w->own, config->ctx, why);
        if (err != VCR_OK)
            break;
        int rc = pthread_create(&w->thread, NULL, worker_main, w);
        if (rc != 0) {
            if (config->worker_close)
                config->worker_close(w->own);
            err = vcr_fail(why, VCR_E_IO, "pool %s: no thread: %s", p->name, strerror(rc));
            break;
        }
        p->started++;
    }
    if (err != VCR_OK) {
        pool_close(&p);
        return err;
    }
    *ret = p;
    return VCR_OK;
}

enum vcr_err pool_submit(struct pool *p, struct pool_job *job, struct loop *loop, struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    job->next = NULL;
    job->loop = loop;
    job->err = VCR_OK;
    pthread_mutex_lock(&p->lock);
    if (p->stop || p->waiting >= p->config.queue_max) {
        err = vcr_fail(why, VCR_E_BUSY, "the server is too busy; try again");
    } else {
        *p->last = job;
        p->last = &job->next;
        p->waiting++;
        pthread_cond_signal(&p->more);
    }
    pthread_mutex_unlock(&p->lock);
    return err;
}

int pool_load(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    int n = p->waiting + p->running;
    pthread_mutex_unlock(&p->lock);
    return n;
}

void pool_close(struct pool **pp)
{
    struct pool *p = *pp;
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->started; i++) {
        pthread_join(p->workers[i].thread, NULL);
        if (p->config.worker_close)
            p->config.worker_close(p->workers[i].own);
    }
    pthread_cond_destroy(&p->more);
    pthread_mutex_destroy(&p->lock);
    free(p->workers);
    free(p);
    *pp = NULL;
}
