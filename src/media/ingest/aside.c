/* media/ingest/aside.c - an encoder's own thread. x264 with two threads of its own takes an eighth more of the processor than with one, for pictures that are no better; the
 * two encoders, the decoder and the filters beside one another use as many cores. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "media/ingest/internal.h"

enum { WAITING_MAX = 4 }; /* pictures: they may be large */

struct aside {
    /* set by open, then read-only */
    aside_work *work;
    void *arg;
    pthread_t thread;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    AVFrame *waiting[WAITING_MAX];
    int count;
    bool ends, stops;          /* no more will come; nor is what waits wanted */
    enum vcr_err err;
    struct vcr_why why;
};

/* The next picture; NULL: there is none any more. */
static AVFrame *next(struct aside *a)
{
    AVFrame *f = NULL;
    pthread_mutex_lock(&a->lock);
    while (a->count == 0 && !a->ends && !a->stops)
        pthread_cond_wait(&a->changed, &a->lock);
    if (a->count > 0 && !a->stops) {
        f = a->waiting[0];
        a->count--;
        memmove(a->waiting, a->waiting + 1, (size_t)a->count * sizeof(*a->waiting));
        pthread_cond_broadcast(&a->changed);
    }
    pthread_mutex_unlock(&a->lock);
    return f;
}

static void failed(struct aside *a, enum vcr_err err, const struct vcr_why *why)
{
    pthread_mutex_lock(&a->lock);
    a->err = err;
    a->why = *why;
    a->stops = true;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

static void *run(void *arg)
{
    struct aside *a = arg;
    struct vcr_why why = { 0 };
    enum vcr_err err = VCR_OK;
    AVFrame *f;
    while (err == VCR_OK && (f = next(a))) {
        err = a->work(a->arg, f, &why);
        av_frame_free(&f);
    }
    pthread_mutex_lock(&a->lock);
    bool whole = err == VCR_OK && !a->stops;
    pthread_mutex_unlock(&a->lock);
    if (whole)
        err = a->work(a->arg, NULL, &why);
    if (err != VCR_OK)
        failed(a, err, &why);
    return NULL;
}

enum vcr_err aside_open(struct aside **ret, aside_work *work, void *arg, struct vcr_why *why)
{
    struct aside *a = vcr_alloc(sizeof(*a));
    a->work = work;
    a->arg = arg;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    if (pthread_create(&a->thread, NULL, run, a) == 0) {
        *ret = a;
        return VCR_OK;
    }
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a);
    return vcr_fail(why, VCR_E_NOMEM, "There was no thread for an encoder.");
}

enum vcr_err aside_give(struct aside *a, AVFrame *f, struct vcr_why *why)
{
    AVFrame *own = av_frame_alloc();
    if (!own)
        return vcr_fail(why, VCR_E_NOMEM, "There was not enough memory for the picture.");
    av_frame_move_ref(own, f);
    pthread_mutex_lock(&a->lock);
    while (a->count == WAITING_MAX && !a->stops)
        pthread_cond_wait(&a->changed, &a->lock);
    enum vcr_err err = a->err;
    if (err != VCR_OK && why)
        *why = a->why;
    if (!a->stops) {
        a->waiting[a->count++] = own;
        own = NULL;
        pthread_cond_broadcast(&a->changed);
    }
    pthread_mutex_unlock(&a->lock);
    av_frame_free(&own);
    return err;
}

static void end(struct aside *a, bool stops)
{
    pthread_mutex_lock(&a->lock);
    a->ends = true;
    a->stops = a->stops || stops;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    for (int i = 0; i < a->count; i++)
        av_frame_free(&a->waiting[i]);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
}

enum vcr_err aside_finish(struct aside **a, struct vcr_why *why)
{
    end(*a, false);
    enum vcr_err err = (*a)->err;
    if (err != VCR_OK && why)
        *why = (*a)->why;
    free(*a);
    *a = NULL;
    return err;
}

void aside_close(struct aside **a)
{
    if (!*a)
        return;
    end(*a, true);
    free(*a);
    *a = NULL;
}
