/* app/guard.c - see guard.h. */
#include "app/guard.h"

#include <pthread.h>
#include <string.h>

#include "app/sessions.h"
#include "app/shares.h"
#include "base/clock.h"

enum { WATCHERS_MAX = 16384, ROUND_MAX = 64, STRANGERS_MAX = 1024, LOOK_US = 1000000, REFUSED_ROUNDS = 5 /* so long is hung up on who was being let in when it was looked */ };
enum verdict { STAYS, IS_OVER, IS_REFUSED };
struct watcher { char session_id[VCR_UUID_BYTES]; int64_t person_id; int refused; };
struct guard {
    /* set by open, then read-only */
    struct app *app;
    pthread_t thread;
    /* the thread's own */
    uint64_t changes;
    bool has_looked;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct watcher *list;
    int count, room;
    bool has_links, stop;
    bool again;                   /* somebody came, or is to be hung up on once more */
};

static struct watcher *find_locked(struct guard *g, const char *session_id, int64_t person_id)
{
    for (int i = 0; i < g->count; i++)
        if (g->list[i].person_id == person_id && strcmp(g->list[i].session_id, session_id) == 0)
            return &g->list[i];
    return NULL;
}

static bool add_locked(struct guard *g, const char *session_id, int64_t person_id)
{
    struct watcher *w = find_locked(g, session_id, person_id);
    if (!w && g->count == WATCHERS_MAX)
        return false;
    if (!w && g->count == g->room) {
        int room = g->room ? 2 * g->room : 64;
        struct watcher *grown = vcr_calloc((size_t)room, sizeof(*grown));
        if (g->count)
            memcpy(grown, g->list, (size_t)g->count * sizeof(*grown));
        free(g->list);
        g->list = grown;
        g->room = room;
    }
    if (!w)
        w = &g->list[g->count++];
    *w = (struct watcher){ .person_id = person_id };
    vcr_strcpy(w->session_id, sizeof(w->session_id), session_id);
    g->has_links = g->has_links || person_id < 0;
    g->again = true;
    return true;
}

enum vcr_err guard_watch(const struct app *a, const char *session_id, const struct app_principal *who, struct vcr_why *why)
{
    struct guard *g = a->guard;
    if (!g)
        return VCR_OK;
    pthread_mutex_lock(&g->lock);
    bool ok = add_locked(g, session_id, app_person_id(who));
    pthread_mutex_unlock(&g->lock);
    return ok ? VCR_OK : vcr_fail(why, VCR_E_BUSY, "too many people watch; try again later");
}

/* ---- who watches ---- */
struct round {
    struct guard *guard;
    struct watcher of[ROUND_MAX];
    enum verdict verdicts[ROUND_MAX];
    int count;
};

static enum vcr_err judge(struct sql_tx *tx, const struct watcher *w, int64_t now_ms, enum verdict *ret, struct vcr_why *why)
{
    struct app_principal who;
    struct app_session s = { 0 };
    enum vcr_err err = app_person(tx, w->person_id, now_ms, &who, why);
    if (err == VCR_OK)
        err = app_session_find(tx, &who, w->session_id, APP_SEE, &s, why);
    *ret = err != VCR_OK ? IS_REFUSED : s.ended_at ? IS_OVER : STAYS;
    app_session_free(&s);
    return err == VCR_E_DENIED || err == VCR_E_NOT_FOUND ? VCR_OK : err;
}

static enum vcr_err judge_all(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct round *r = arg;
    int64_t now_ms = clock_wall_ms();
    enum vcr_err err = VCR_OK;
    for (int i = 0; i < r->count && err == VCR_OK; i++)
        err = judge(tx, &r->of[i], now_ms, &r->verdicts[i], why);
    return err;
}

static void apply(struct round *r)
{
    struct guard *g = r->guard;
    pthread_mutex_lock(&g->lock);
    for (int i = 0; i < r->count; i++) {
        struct watcher *w = find_locked(g, r->of[i].session_id, r->of[i].person_id);
        if (r->verdicts[i] == STAYS)
            w->refused = 0;
        else if (r->verdicts[i] == IS_OVER || ++w->refused > REFUSED_ROUNDS)
            *w = g->list[--g->count];
        g->again = g->again || r->verdicts[i] == IS_REFUSED;
    }
    pthread_mutex_unlock(&g->lock);
    for (int i = 0; i < r->count; i++)
        if (r->verdicts[i] == IS_REFUSED)
            session_hang_up(g->app->config.sessions, r->of[i].session_id, r->of[i].person_id);
}

/* False: it could not be looked, and is tried again. Only this thread takes watchers off, from the end, so that walking back from there misses none. */
static bool look_at_watchers(struct guard *g)
{
    struct round r = { .guard = g };
    bool ok = true;
    pthread_mutex_lock(&g->lock);
    int end = g->count;
    pthread_mutex_unlock(&g->lock);
    while (end > 0 && ok) {
        int begin = VCR_MAX(end - ROUND_MAX, 0);
        pthread_mutex_lock(&g->lock);
        r.count = end - begin;
        memcpy(r.of, g->list + begin, (size_t)r.count * sizeof(r.of[0]));
        pthread_mutex_unlock(&g->lock);
        ok = sql_run(g->app->config.db, SQL_READ, judge_all, &r, NULL) == VCR_OK;
        if (ok)
            apply(&r);
        end = begin;
    }
    return ok;
}

/* ---- tapes in decks of others ---- */
struct stranger { char session_id[VCR_UUID_BYTES]; int64_t user_id, tape_id; bool refused; };
struct strangers { struct stranger of[STRANGERS_MAX]; int count; };

/* A tape that went to the bin is put out of all decks by who threw it there, who says so. */
static enum vcr_err find_strangers(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct strangers *s = arg;
    struct sql_rows *rows = NULL;
    int64_t now_ms = clock_wall_ms();
    s->count = 0;
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT s.id, s.user_id, s.tape_id FROM sessions s JOIN tapes t ON t.id = s.tape_id WHERE s.ended_at IS NULL AND s.type = 'emulation'"
                                 " AND s.user_id IS NOT NULL AND t.trashed_at IS NULL AND (t.user_id IS NULL OR t.user_id <> s.user_id) ORDER BY s.id DESC LIMIT $1",
                                 SQL_ARGS(SQL_I(STRANGERS_MAX)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        struct stranger *x = &s->of[s->count++];
        *x = (struct stranger){ .user_id = sql_int(rows, 1), .tape_id = sql_int(rows, 2) };
        vcr_strcpy(x->session_id, sizeof(x->session_id), sql_text(rows, 0));
    }
    sql_rows_close(&rows);
    err = err == VCR_E_END ? VCR_OK : err;
    for (int i = 0; i < s->count && err == VCR_OK; i++) {
        struct app_principal who;
        struct app_tape t = { 0 };
        err = app_person(tx, s->of[i].user_id, now_ms, &who, why);
        if (err == VCR_OK)
            err = app_tape_find(tx, &who, s->of[i].tape_id, APP_SEE, APP_NOT_BINNED, &t, why);
        app_tape_free(&t);
        s->of[i].refused = err == VCR_E_DENIED || err == VCR_E_NOT_FOUND;
        err = s->of[i].refused ? VCR_OK : err;
    }
    return err;
}

static bool look_at_tapes(struct guard *g)
{
    struct strangers *s = vcr_alloc(sizeof(*s));
    bool ok = sql_run(g->app->config.db, SQL_READ, find_strangers, s, NULL) == VCR_OK;
    for (int i = 0; ok && i < s->count; i++)
        if (s->of[i].refused)
            session_tape_withdraw(g->app->config.sessions, s->of[i].session_id, s->of[i].tape_id, "tape_unshared");
    free(s);
    return ok;
}

/* ---- the thread ---- */
static void look(struct guard *g, bool must)
{
    uint64_t changes = sql_changes(g->app->config.db);
    if (g->has_looked && changes == g->changes && !must)
        return;
    bool watchers = look_at_watchers(g), tapes = look_at_tapes(g);
    g->has_looked = watchers && tapes;
    g->changes = changes;
}

static void *guard_main(void *arg)
{
    struct guard *g = arg;
    pthread_setname_np(pthread_self(), "guard");
    pthread_mutex_lock(&g->lock);
    while (!g->stop) {
        int64_t until_us = clock_mono_us() + LOOK_US;
        struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };
        bool has_links = false;
        for (int i = 0; i < g->count && !has_links && g->has_links; i++)
            has_links = g->list[i].person_id < 0;
        g->has_links = has_links;
        bool must = has_links || g->again;
        g->again = false;
        pthread_mutex_unlock(&g->lock);
        look(g, must);
        pthread_mutex_lock(&g->lock);
        while (!g->stop && pthread_cond_clockwait(&g->wake, &g->lock, CLOCK_MONOTONIC, &until) == 0)
            continue;
    }
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

enum vcr_err guard_open(struct app *a, struct vcr_why *why)
{
    if (!a->config.sessions)
        return VCR_OK;
    struct guard *g = vcr_alloc(sizeof(*g));
    g->app = a;
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->wake, NULL);
    if (pthread_create(&g->thread, NULL, guard_main, g) != 0) {
        free(g);
        return vcr_fail(why, VCR_E_NOMEM, "no thread to look after who watches");
    }
    a->guard = g;
    return VCR_OK;
}

void guard_close(struct guard **gp)
{
    struct guard *g = *gp;
    if (!g)
        return;
    pthread_mutex_lock(&g->lock);
    g->stop = true;
    pthread_cond_signal(&g->wake);
    pthread_mutex_unlock(&g->lock);
    pthread_join(g->thread, NULL);
    pthread_mutex_destroy(&g->lock);
    pthread_cond_destroy(&g->wake);
    free(g->list);
    free(g);
    *gp = NULL;
}
