/* app/hls_seen.c - what was found for a tape and a user: held while it is true, looked up again off the path of requests.
 *
 * An entry is true while nothing was committed since it was read, and for TRUE_US after it was read in any case: what ended is noticed within two seconds. The thread
 * looks again, every LOOK_US, for those that were asked for within USED_US; so a player that goes on playing never waits for the database. */
#include "app/hls_state.h"

#include <pthread.h>
#include <string.h>

#include "app/cdn.h"
#include "base/clock.h"
#include "store/sql.h"

enum { BUCKETS = 1024, ENTRIES_MAX = 4096, TRUE_US = 1600000, LOOK_US = 1000000, USED_US = 20000000, FORGET_US = 120000000, ROUND_MAX = 64 };
struct entry {
    struct entry *chain;
    int64_t tape_id, user_id;
    int64_t found_us, used_us;
    uint64_t changes;
    struct app_hls hls;
};
struct hls_seen {
    /* set by open, then read-only */
    struct app *app;
    pthread_t thread;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct entry *buckets[BUCKETS];
    int count;
    bool stop;
};

static struct entry **place_locked(struct hls_seen *s, int64_t tape_id, int64_t user_id)
{
    uint64_t h = ((uint64_t)tape_id * UINT64_C(0x9e3779b97f4a7c15)) ^ ((uint64_t)user_id * UINT64_C(0xc2b2ae3d27d4eb4f));
    struct entry **at = &s->buckets[(h >> 32) % BUCKETS];
    while (*at && ((*at)->tape_id != tape_id || (*at)->user_id != user_id))
        at = &(*at)->chain;
    return at;
}

static void remove_locked(struct hls_seen *s, struct entry **at)
{
    struct entry *e = *at;
    *at = e->chain;
    s->count--;
    free(e);
}

void hls_seen_put(struct hls_state *st, int64_t tape_id, int64_t user_id, const struct app_hls *h, uint64_t changes)
{
    struct hls_seen *s = st->seen;
    int64_t now_us = clock_mono_us();
    pthread_mutex_lock(&s->lock);
    struct entry **at = place_locked(s, tape_id, user_id);
    if (!*at && s->count < ENTRIES_MAX) {
        *at = vcr_alloc(sizeof(**at));
        (*at)->tape_id = tape_id;
        (*at)->user_id = user_id;
        (*at)->used_us = now_us;
        if (s->count++ == 0)
            pthread_cond_signal(&s->wake);
    }
    if (*at && ((*at)->changes <= changes || (*at)->found_us == 0)) { /* who read before does not win over who read after */
        (*at)->hls = *h;
        (*at)->changes = changes;
        (*at)->found_us = now_us;
    }
    pthread_mutex_unlock(&s->lock);
}

bool app_hls_remembered(const struct app *a, int64_t tape_id, int64_t user_id, struct app_hls *ret)
{
    struct hls_seen *s = a->hls->seen;
    int64_t now_us = clock_mono_us();
    uint64_t changes = sql_changes(a->config.db);
    pthread_mutex_lock(&s->lock);
    struct entry *e = *place_locked(s, tape_id, user_id);
    bool is_true = e && (e->changes == changes || now_us - e->found_us < TRUE_US);
    if (e)
        e->used_us = now_us;
    if (is_true)
        *ret = e->hls;
    pthread_mutex_unlock(&s->lock);
    return is_true;
}

/* ---- the thread ---- */
struct round {
    struct app *app;
    struct { int64_t tape_id, user_id; } of[ROUND_MAX];
    int count;
};

static enum vcr_err look(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    const struct round *r = arg;
    struct app_hls h;
    enum vcr_err err = VCR_OK;
    for (int i = 0; i < r->count && err == VCR_OK; i++) {
        struct hls_seen *s = r->app->hls->seen;
        err = app_hls_find_for(r->app, tx, r->of[i].tape_id, r->of[i].user_id, &h, why);
        if (err != VCR_E_DENIED && err != VCR_E_NOT_FOUND && err != VCR_E_CONFLICT)
            continue;
        err = VCR_OK; /* it has ended: whoever asks next is told why */
        pthread_mutex_lock(&s->lock);
        struct entry **at = place_locked(s, r->of[i].tape_id, r->of[i].user_id);
        if (*at)
            remove_locked(s, at);
        pthread_mutex_unlock(&s->lock);
    }
    return err;
}

/* From bucket *at on: forgets what is not asked for any more, takes what is to be looked up again. False: that was all. */
static bool take_locked(struct hls_seen *s, struct round *r, int *at, int64_t begun_us)
{
    uint64_t changes = sql_changes(s->app->config.db);
    r->count = 0;
    for (; *at < BUCKETS && r->count < ROUND_MAX; (*at)++) {
        struct entry **e = &s->buckets[*at];
        while (*e) {
            if (begun_us - (*e)->used_us > FORGET_US) {
                remove_locked(s, e);
                continue;
            }
            bool wanted = (*e)->changes != changes && begun_us - (*e)->used_us < USED_US;
            if (wanted && r->count < ROUND_MAX)
                r->of[r->count].tape_id = (*e)->tape_id, r->of[r->count++].user_id = (*e)->user_id;
            e = &(*e)->chain;
        }
    }
    return r->count > 0;
}

static void *seen_main(void *arg)
{
    struct hls_seen *s = arg;
    struct round r = { .app = s->app };
    pthread_setname_np(pthread_self(), "hls-seen");
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        int64_t begun_us = clock_mono_us();
        int at = 0;
        while (!s->stop && take_locked(s, &r, &at, begun_us)) {
            pthread_mutex_unlock(&s->lock);
            sql_run(s->app->config.db, SQL_READ, look, &r, NULL); /* when it fails, entries run out and requests ask by themselves */
            pthread_mutex_lock(&s->lock);
        }
        int64_t until_us = begun_us + LOOK_US;
        struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };
        while (!s->stop && s->count == 0)
            pthread_cond_wait(&s->wake, &s->lock);
        while (!s->stop && pthread_cond_clockwait(&s->wake, &s->lock, CLOCK_MONOTONIC, &until) == 0)
            continue;
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

struct hls_seen *hls_seen_open(struct app *a)
{
    struct hls_seen *s = vcr_alloc(sizeof(*s));
    s->app = a;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    if (pthread_create(&s->thread, NULL, seen_main, s) != 0) {
        free(s);
        return NULL;
    }
    return s;
}

void hls_seen_close(struct hls_seen **sp)
{
    struct hls_seen *s = *sp;
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    for (int i = 0; i < BUCKETS; i++)
        while (s->buckets[i])
            remove_locked(s, &s->buckets[i]);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->wake);
    free(s);
    *sp = NULL;
}

/* ---- all of it ---- */
enum vcr_err hls_state_open(struct app *a, struct vcr_why *why)
{
    struct hls_state *st = vcr_alloc(sizeof(*st));
    a->hls = st;
    app_key(a, "hls", st->key);
    st->docs = docs_open();
    st->seen = hls_seen_open(a);
    enum vcr_err err = cdn_open(&st->cdn, a->config.cdn_url, a->config.cdn_key_file, why);
    if (err != VCR_OK)
        return err;
    return st->seen ? VCR_OK : vcr_fail(why, VCR_E_NOMEM, "no thread for players' tokens");
}

struct docs *hls_docs(const struct app *a) { return a->hls->docs; }

void hls_state_close(struct app *a)
{
    if (!a->hls)
        return;
    hls_seen_close(&a->hls->seen);
    docs_close(&a->hls->docs);
    cdn_close(&a->hls->cdn);
    free(a->hls);
    a->hls = NULL;
}
