/* deliver/live/programmes.c - the live programmes of this server by name, and what has to be done for them now and then. */
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "deliver/live/internal.h"

enum { TICK_MS = 500, TICK_MAX = 64 };

struct programmes {
    /* set by open, then read-only */
    struct recorders *recorders;
    struct loop *loop;
    /* the loop's own; freed when it was closed */
    uv_timer_t *timer;
    /* guarded by lock */
    pthread_mutex_t lock;
    struct programme *first;
};

struct recorders *programmes_recorders(struct programmes *s) { return s->recorders; }

static void on_tick(uv_timer_t *t) { programmes_tick(t->data, clock_mono_us()); }

static void on_closed(uv_handle_t *h) { free(h); }

enum vcr_err programmes_open(struct programmes **ret, const struct programmes_config *config, struct vcr_why *why)
{
    struct programmes *s = vcr_alloc(sizeof(*s));
    pthread_mutex_init(&s->lock, NULL);
    enum vcr_err err = recorders_open(&s->recorders, config->recorder_threads > 0 ? config->recorder_threads : 2, why);
    if (err != VCR_OK) {
        programmes_close(&s);
        return err;
    }
    s->loop = config->loop;
    if (s->loop) {
        s->timer = vcr_alloc(sizeof(*s->timer));
        uv_timer_init(loop_uv(s->loop), s->timer);
        s->timer->data = s;
        uv_timer_start(s->timer, on_tick, TICK_MS, TICK_MS);
    }
    *ret = s;
    return VCR_OK;
}

void programmes_close(struct programmes **sp)
{
    struct programmes *s = *sp;
    *sp = NULL;
    if (!s)
        return;
    if (s->timer)
        uv_close((uv_handle_t *)s->timer, on_closed);
    while (s->first) {
        struct programme *p = s->first;
        s->first = p->next;
        programme_end(p);
        programme_unref(p);
    }
    recorders_close(&s->recorders);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* The newest of that name. */
static struct programme *find_locked(struct programmes *s, const char *id)
{
    for (struct programme *p = s->first; p; p = p->next)
        if (strcmp(p->id, id) == 0)
            return p;
    return NULL;
}

enum vcr_err programmes_add(struct programmes *s, struct programme *p, struct vcr_why *why)
{
    pthread_mutex_lock(&s->lock);
    struct programme *before = find_locked(s, p->id);
    bool taken = false;
    if (before) {
        pthread_mutex_lock(&before->lock);
        taken = !before->over;
        int64_t msn = 0; /* numbers never repeat, not even after an end */
        for (int t = 0; t < PROGRAMME_TRACKS; t++)
            msn = VCR_MAX(msn, before->window[t].next_msn);
        pthread_mutex_unlock(&before->lock);
        for (int t = 0; t < PROGRAMME_TRACKS; t++)
            p->window[t].next_msn = p->track[t].msn = msn;
    }
    if (!taken) {
        programme_ref(p);
        p->next = s->first;
        s->first = p;
    }
    pthread_mutex_unlock(&s->lock);
    return taken ? vcr_fail(why, VCR_E_CONFLICT, "there is a live programme of that name") : VCR_OK;
}

struct programme *programmes_find(struct programmes *s, const char *id)
{
    pthread_mutex_lock(&s->lock);
    struct programme *p = find_locked(s, id);
    if (p)
        programme_ref(p);
    pthread_mutex_unlock(&s->lock);
    return p;
}

static bool is_old(struct programme *p, int64_t now_us)
{
    pthread_mutex_lock(&p->lock);
    bool old = p->over && now_us - p->over_at_us > PROGRAMME_ENDED_US;
    struct programme_request *woken = live_wake(p, now_us);
    pthread_mutex_unlock(&p->lock);
    live_post(woken);
    return old;
}

static void forget(struct programmes *s, struct programme *p)
{
    pthread_mutex_lock(&s->lock);
    for (struct programme **at = &s->first; *at; at = &(*at)->next) {
        if (*at == p) {
            *at = p->next;
            break;
        }
    }
    pthread_mutex_unlock(&s->lock);
    programme_unref(p);
}

void programmes_tick(struct programmes *s, int64_t now_us)
{
    struct programme *all[TICK_MAX];
    int n = 0;
    pthread_mutex_lock(&s->lock);
    for (struct programme *p = s->first; p && n < TICK_MAX; p = p->next) {
        programme_ref(p);
        all[n++] = p;
    }
    pthread_mutex_unlock(&s->lock);
    for (int i = 0; i < n; i++) {
        if (is_old(all[i], now_us))
            forget(s, all[i]);
        programme_unref(all[i]);
    }
}

void programmes_counts(struct programmes *s, struct programmes_counts *ret)
{
    *ret = (struct programmes_counts){ 0 };
    ret->recordings = recorders_running(s->recorders, &ret->recorded_bytes);
    pthread_mutex_lock(&s->lock);
    for (struct programme *p = s->first; p; p = p->next) {
        pthread_mutex_lock(&p->lock);
        ret->programmes += !p->over;
        ret->waiters += p->waiting;
        for (int t = 0; t < PROGRAMME_TRACKS; t++)
            ret->memory_bytes += p->window[t].bytes;
        pthread_mutex_unlock(&p->lock);
    }
    pthread_mutex_unlock(&s->lock);
}
