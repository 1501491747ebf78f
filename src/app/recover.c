/* app/recover.c - see recover.h. */
#include "app/recover.h"

#include <stdlib.h>

#include "base/clock.h"

static const int64_t first_wait_us = 2000000, last_wait_us = 300000000;

struct rest {
    struct rest *next;
    const struct app *app;
    bool (*one)(const struct app *a, int64_t id);
    int64_t id, due_us, wait_us;
};
struct recovery {
    pthread_t thread;
    bool running;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct rest *list;
    int count;                   /* with the one under way */
    bool stop;
};

static struct rest *take_due_locked(struct recovery *v, int64_t now_us, int64_t *ret_next_us)
{
    *ret_next_us = INT64_MAX;
    for (struct rest **at = &v->list, *r; (r = *at) != NULL; at = &r->next) {
        if (r->due_us <= now_us) {
            *at = r->next;
            return r;
        }
        *ret_next_us = VCR_MIN(*ret_next_us, r->due_us);
    }
    return NULL;
}

/* NULL: the end. */
static struct rest *wait_for_one_locked(struct recovery *v)
{
    for (struct rest *r; !v->stop;) {
        int64_t next_us;
        if ((r = take_due_locked(v, clock_mono_us(), &next_us)) != NULL)
            return r;
        if (next_us == INT64_MAX) {
            pthread_cond_wait(&v->more, &v->lock);
            continue;
        }
        struct timespec until = { .tv_sec = next_us / 1000000, .tv_nsec = next_us % 1000000 * 1000 };
        pthread_cond_timedwait(&v->more, &v->lock, &until);
    }
    return NULL;
}

static void *work(void *arg)
{
    struct recovery *v = arg;
    struct rest *r;
    pthread_setname_np(pthread_self(), "recovery");
    pthread_mutex_lock(&v->lock);
    while ((r = wait_for_one_locked(v)) != NULL) {
        pthread_mutex_unlock(&v->lock);
        bool through = r->one(r->app, r->id);
        pthread_mutex_lock(&v->lock);
        if (through) {
            v->count--;
            free(r);
            continue;
        }
        r->wait_us = VCR_CLAMP(r->wait_us * 2, first_wait_us, last_wait_us);
        r->due_us = clock_mono_us() + r->wait_us;
        r->next = v->list;
        v->list = r;
    }
    pthread_mutex_unlock(&v->lock);
    return NULL;
}

enum vcr_err recovery_open(struct recovery **ret, struct vcr_why *why)
{
    struct recovery *v = vcr_alloc(sizeof(*v));
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&v->lock, NULL);
    pthread_cond_init(&v->more, &monotonic);
    pthread_condattr_destroy(&monotonic);
    v->running = pthread_create(&v->thread, NULL, work, v) == 0;
    if (!v->running) {
        recovery_close(&v);
        return vcr_fail(why, VCR_E_NOMEM, "recovery: no thread");
    }
    *ret = v;
    return VCR_OK;
}

void recovery_close(struct recovery **vp)
{
    struct recovery *v = *vp;
    if (!v)
        return;
    pthread_mutex_lock(&v->lock);
    v->stop = true;
    pthread_cond_signal(&v->more);
    pthread_mutex_unlock(&v->lock);
    if (v->running)
        pthread_join(v->thread, NULL);
    for (struct rest *r = v->list, *next; r; r = next) {
        next = r->next;
        free(r);
    }
    pthread_cond_destroy(&v->more);
    pthread_mutex_destroy(&v->lock);
    free(v);
    *vp = NULL;
}

void app_recover_later(const struct app *a, bool (*one)(const struct app *a, int64_t id), int64_t id, int delay_ms)
{
    struct recovery *v = a->recovery;
    struct rest *r = vcr_alloc(sizeof(*r));
    *r = (struct rest){ .app = a, .one = one, .id = id, .due_us = clock_mono_us() + delay_ms * INT64_C(1000) };
    pthread_mutex_lock(&v->lock);
    r->next = v->list;
    v->list = r;
    v->count++;
    pthread_cond_signal(&v->more);
    pthread_mutex_unlock(&v->lock);
}

int app_recovering(const struct app *a)
{
    pthread_mutex_lock(&a->recovery->lock);
    int n = a->recovery->count;
    pthread_mutex_unlock(&a->recovery->lock);
    return n;
}
