/* base/loop.c - see loop.h. The mailbox is a mutex-guarded list taken in one swap, woken by one uv_async. */
#include "base/loop.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

struct loop {
    /* set by open, then read-only */
    uv_loop_t uv;
    uv_async_t wake;
    char name[16]; /* also the thread's name, so at most 15 characters */
    /* guarded by lock */
    pthread_mutex_t lock;
    struct loop_msg *first, **last;
    bool stop;
    /* set by loop_start */
    pthread_t thread;
    bool started;
    _Atomic(bool) running;
    pthread_t runner; /* valid while running */
};

static void on_wake(uv_async_t *a)
{
    struct loop *l = a->data;
    bool stop;
    do {
        pthread_mutex_lock(&l->lock);
        struct loop_msg *m = l->first;
        l->first = NULL;
        l->last = &l->first;
        stop = l->stop;
        pthread_mutex_unlock(&l->lock);
        if (!m)
            break;
        while (m) {
            struct loop_msg *next = m->next;
            m->fn(m);
            m = next;
        }
    } while (stop); /* when stopping, run what the last messages posted, too */
    if (stop)
        uv_stop(&l->uv);
}

enum vcr_err loop_open(struct loop **ret, const char *name, struct vcr_why *why)
{
    struct loop *l = vcr_alloc(sizeof(*l));
    vcr_strcpy(l->name, sizeof(l->name), name);
    l->last = &l->first;
    pthread_mutex_init(&l->lock, NULL);
    int rc = uv_loop_init(&l->uv);
    if (rc == 0) {
        rc = uv_async_init(&l->uv, &l->wake, on_wake);
        if (rc != 0)
            uv_loop_close(&l->uv);
    }
    if (rc != 0) {
        pthread_mutex_destroy(&l->lock);
        free(l);
        return vcr_fail(why, VCR_E_IO, "event loop %s: %s", name, uv_strerror(rc));
    }
    l->wake.data = l;
    l->uv.data = l;
    *ret = l;
    return VCR_OK;
}

void loop_run(struct loop *l)
{
    l->runner = pthread_self();
    atomic_store(&l->running, true);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    atomic_store(&l->running, false);
}

static void *thread_main(void *arg)
{
    struct loop *l = arg;
    pthread_setname_np(pthread_self(), l->name);
    loop_run(l);
    return NULL;
}

enum vcr_err loop_start(struct loop *l, struct vcr_why *why)
{
    int rc = pthread_create(&l->thread, NULL, thread_main, l);
    if (rc != 0)
        return vcr_fail(why, VCR_E_IO, "event loop %s: no thread: %s", l->name, strerror(rc));
    l->started = true;
    return VCR_OK;
}

void loop_join(struct loop *l)
{
    if (l->started) {
        pthread_join(l->thread, NULL);
        l->started = false;
    }
}

void loop_stop(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    uv_async_send(&l->wake);
    pthread_mutex_unlock(&l->lock);
}

void loop_close(struct loop **lp)
{
    struct loop *l = *lp;
    if (!l)
        return;
    loop_join(l);
    l->stop = false;
    on_wake(&l->wake); /* nothing posted is lost without its fn having run */
    uv_close((uv_handle_t *)&l->wake, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT); /* lets closing handles finish */
    int rc = uv_loop_close(&l->uv);
    assert(rc == 0); /* a handle left open is our own mistake */
    (void)rc;
    pthread_mutex_destroy(&l->lock);
    free(l);
    *lp = NULL;
}

void loop_post(struct loop *l, struct loop_msg *msg)
{
    msg->next = NULL;
    pthread_mutex_lock(&l->lock);
    bool was_empty = l->first == NULL;
    *l->last = msg;
    l->last = &msg->next;
    if (was_empty)
        uv_async_send(&l->wake); /* under the lock: loop_close may follow as soon as the message ran */
    pthread_mutex_unlock(&l->lock);
}

struct call {
    struct loop_msg msg;
    void (*fn)(void *arg);
    void *arg;
};

static void run_call(struct loop_msg *m)
{
    struct call *c = (struct call *)m;
    c->fn(c->arg);
    free(c);
}

void loop_call(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct call *c = vcr_alloc(sizeof(*c));
    c->msg.fn = run_call;
    c->fn = fn;
    c->arg = arg;
    loop_post(l, &c->msg);
}

uv_loop_t *loop_uv(struct loop *l) { return &l->uv; }
const char *loop_name(const struct loop *l) { return l->name; }

bool loop_is_mine(const struct loop *l)
{
    return atomic_load(&((struct loop *)(uintptr_t)l)->running) && pthread_equal(l->runner, pthread_self());
}
