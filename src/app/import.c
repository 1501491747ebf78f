/* app/import.c - see import.h: the thread that looks, and the file events that wake it. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "app/import_internal.h"
#include "base/clock.h"
#include "base/log.h"

enum { SETTLE_MS = 3000, RESCAN_MS = 60000, LEAST_MS = 200, RETRY_MS = 30000, FAILS_MAX = 7, SEEN_MAX = 1 << 18 };

bool import_stopping(struct importer *m)
{
    pthread_mutex_lock(&m->lock);
    bool stop = m->stop;
    pthread_mutex_unlock(&m->lock);
    return stop;
}

/* ---- what was seen ---- */
static uint64_t key_of(const char *root, const char *path)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    for (const char *p = root; *p; p++)
        h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001B3);
    h = (h ^ 0xFF) * UINT64_C(0x100000001B3);
    for (const char *p = path; *p; p++)
        h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001B3);
    return h ? h : 1;
}

static struct seen *place_of(struct seen_table *t, uint64_t key)
{
    size_t i = key & (t->size - 1);
    while (t->places[i].key && t->places[i].key != key)
        i = (i + 1) & (t->size - 1);
    return &t->places[i];
}

static struct seen *find_seen(struct seen_table *t, uint64_t key)
{
    struct seen *s = t->size ? place_of(t, key) : NULL;
    return s && s->key ? s : NULL;
}

/* NULL: there are too many; they wait for a later look. */
static struct seen *put_seen(struct seen_table *t, uint64_t key)
{
    if (t->used * 2 >= t->size) {
        struct seen_table more = { .size = t->size ? t->size * 2 : 256, .used = t->used };
        if (more.size > SEEN_MAX)
            return NULL;
        more.places = vcr_calloc(more.size, sizeof(*more.places));
        for (size_t i = 0; i < t->size; i++)
            if (t->places[i].key)
                *place_of(&more, t->places[i].key) = t->places[i];
        free(t->places);
        *t = more;
    }
    struct seen *s = place_of(t, key);
    t->used += s->key == 0;
    s->key = key;
    return s;
}

bool import_settled(struct importer *m, const char *root, const char *path, const struct outside_facts *facts, uint64_t *ret_key)
{
    int64_t now_us = clock_mono_us();
    uint64_t key = *ret_key = key_of(root, path);
    const struct seen *old = find_seen(&m->before, key);
    struct seen *s = put_seen(&m->now, key);
    if (!s) {
        m->pending = true;
        return false;
    }
    bool same = old && outside_same(&old->facts, facts);
    *s = same ? *old : (struct seen){ .key = key, .since_us = now_us };
    s->facts = *facts;
    bool stands = now_us - s->since_us >= m->config.settle_ms * INT64_C(1000);
    if (!stands)
        m->pending = true;
    return stands && now_us >= s->retry_us;
}

void import_later(struct importer *m, uint64_t key, enum vcr_err err)
{
    struct seen *s = find_seen(&m->now, key);
    if (err == VCR_E_END)
        m->pending = true; /* it waits for the first administrator */
    if (!s || err == VCR_E_END)
        return;
    s->retry_us = err == VCR_OK ? INT64_MAX : clock_mono_us() + (RETRY_MS * INT64_C(1000) << s->fails);
    s->fails = VCR_MIN(s->fails + 1, FAILS_MAX);
}

bool import_ready_add(struct importer *m, const char *path, const struct outside_facts *facts, uint64_t key)
{
    if (m->ready_count == READY_MAX)
        return false;
    m->ready[m->ready_count++] = (struct ready){ vcr_strdup(path), *facts, key };
    return true;
}

void import_ready_clear(struct importer *m)
{
    for (size_t i = 0; i < m->ready_count; i++)
        free(m->ready[i].path);
    m->ready_count = 0;
}

/* ---- a look at the import folder ---- */
static bool on_file(void *arg, const char *path, const struct outside_facts *facts)
{
    struct importer *m = arg;
    uint64_t key;
    if (import_name_wanted(path, false) && facts->size > 0 && import_settled(m, m->config.watch->roots[0], path, facts, &key) && !import_ready_add(m, path, facts, key))
        m->pending = true;
    return !import_stopping(m);
}

void import_folder(struct importer *m, const char *root, const char *path)
{
    if (m->folder_count < FOLDERS_MAX)
        m->folders[m->folder_count++] = vcr_asprintf("%s%s%s", root, *path ? "/" : "", path);
}

static void on_folder(void *arg, const char *path)
{
    struct importer *m = arg;
    import_folder(m, m->config.watch->roots[0], path);
}

static void take_ready(struct importer *m, const struct ready *file)
{
    struct vcr_why why = { 0 };
    const char *root = m->config.watch->roots[0];
    enum vcr_err err = import_take(m, root, file, &why);
    import_later(m, file->key, err);
    if (err == VCR_OK || err == VCR_E_END || err == VCR_E_NOT_FOUND || import_stopping(m)) /* END: there is no administrator yet; NOT_FOUND: it has gone */
        return;
    bool told = err == VCR_E_IO || err == VCR_E_NOMEM || err == VCR_E_INTERNAL || err == VCR_E_TIMEOUT; /* not for those who only see the folder */
    char *text = vcr_asprintf("This file was not taken in: %s", told ? "something went wrong; the server's log says what. It is tried again." : why.text);
    if (outside_note(root, file->path, IMPORT_NOTE, text, NULL) != VCR_OK)
        log_warn("import", "no note can be left in the import folder");
    free(text);
    char name[256];
    import_file_name(name, file->path);
    log_warn("import", "\"%s\" in the import folder is not taken: %s", name, why.text);
}

static void look_watch(struct importer *m)
{
    struct vcr_why why = { 0 };
    bool cut = false;
    const struct outside_walk w = { .entries_max = ENTRIES_MAX, .each = on_file, .folder = on_folder, .arg = m };
    import_ready_clear(m);
    if (outside_walk(m->config.watch->roots[0], &w, &cut, &why) != VCR_OK)
        log_warn("import", "the import folder was not looked at: %s", why.text);
    if (cut && !m->cut)
        log_warn("import", "the import folder holds more or deeper folders than one look takes");
    m->cut = cut;
    for (size_t i = 0; i < m->ready_count && !import_stopping(m); i++)
        take_ready(m, &m->ready[i]);
    import_ready_clear(m);
}

/* ---- file events: on the loop ---- */
struct import_events {
    struct importer *m;
    struct loop *loop;
    struct listener {
        uv_fs_event_t handle;
        char *folder;
        struct import_events *events;
        bool kept;
    } *listeners[FOLDERS_MAX];
    atomic_int users;  /* the importer, handles that are not closed yet, messages under way: the last frees this */
    bool closing;      /* the loop's own, as the listeners */
};

static void events_unref(struct import_events *e)
{
    if (atomic_fetch_sub(&e->users, 1) == 1)
        free(e);
}

static void on_closed(uv_handle_t *h)
{
    struct listener *l = h->data;
    struct import_events *e = l->events;
    free(l->folder);
    free(l);
    events_unref(e);
}

static void on_event(uv_fs_event_t *h, const char *name, int events, int status)
{
    struct listener *l = h->data;
    if (!l->events->closing)
        import_wake(l->events->m);
}

static void listen_to(struct import_events *e, const char *folder)
{
    for (size_t i = 0; i < FOLDERS_MAX; i++)
        if (e->listeners[i] && strcmp(e->listeners[i]->folder, folder) == 0) {
            e->listeners[i]->kept = true;
            return;
        }
    for (size_t i = 0; i < FOLDERS_MAX; i++) {
        if (e->listeners[i])
            continue;
        struct listener *l = vcr_alloc(sizeof(*l));
        l->folder = vcr_strdup(folder);
        l->events = e;
        l->kept = true;
        l->handle.data = l;
        uv_fs_event_init(loop_uv(e->loop), &l->handle);
        atomic_fetch_add(&e->users, 1);
        e->listeners[i] = l;
        if (uv_fs_event_start(&l->handle, on_event, folder, 0) != 0) /* without events there is still the look each minute */
            log_debug("import", "no events of a folder");
        return;
    }
}

static void drop_listener(struct import_events *e, size_t i)
{
    uv_close((uv_handle_t *)&e->listeners[i]->handle, on_closed);
    e->listeners[i] = NULL;
}

struct folders { struct import_events *events; char *list[FOLDERS_MAX]; size_t count; };

static void on_folders(void *arg)
{
    struct folders *f = arg;
    struct import_events *e = f->events;
    for (size_t i = 0; i < FOLDERS_MAX; i++)
        if (e->listeners[i])
            e->listeners[i]->kept = false;
    for (size_t i = 0; i < f->count; i++) {
        if (!e->closing)
            listen_to(e, f->list[i]);
        free(f->list[i]);
    }
    for (size_t i = 0; i < FOLDERS_MAX; i++)
        if (e->listeners[i] && !e->listeners[i]->kept)
            drop_listener(e, i);
    free(f);
    events_unref(e);
}

/* Tells the loop which folders there are, when they are others than at the last look. */
static void tell_folders(struct importer *m, struct folders *last)
{
    bool same = last->count == m->folder_count;
    for (size_t i = 0; same && i < m->folder_count; i++)
        same = strcmp(last->list[i], m->folders[i]) == 0;
    if (!same && m->events) {
        struct folders *f = vcr_alloc(sizeof(*f));
        f->events = m->events;
        for (size_t i = 0; i < m->folder_count; i++)
            f->list[f->count++] = vcr_strdup(m->folders[i]);
        atomic_fetch_add(&m->events->users, 1);
        loop_call(m->config.loop, on_folders, f);
    }
    for (size_t i = 0; i < last->count; i++)
        free(last->list[i]);
    memcpy(last->list, m->folders, sizeof(last->list));
    last->count = m->folder_count;
    m->folder_count = 0;
}

/* ---- the thread ---- */
static void wait_ms(struct importer *m, int64_t ms, bool pause)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&m->lock);
    while (!m->stop && (pause || !m->woken))
        if (pthread_cond_timedwait(&m->wake, &m->lock, &until) != 0)
            break;
    m->woken = pause && m->woken; /* who wakes us during a pause is heard after it */
    pthread_mutex_unlock(&m->lock);
}

static void *run(void *arg)
{
    struct importer *m = arg;
    struct folders last = { 0 };
    while (!import_stopping(m)) {
        int64_t begun_us = clock_mono_us();
        m->pending = false;
        if (m->config.watch && m->config.watch->count)
            look_watch(m);
        for (int i = 0; m->config.libraries && i < m->config.libraries->count && !import_stopping(m); i++)
            import_look_library(m, m->config.libraries->roots[i]);
        free(m->before.places);
        m->before = m->now;
        m->now = (struct seen_table){ 0 };
        tell_folders(m, &last);
        int64_t took_ms = (clock_mono_us() - begun_us) / 1000;
        wait_ms(m, m->pending ? VCR_MIN(VCR_MAX(m->config.settle_ms / 2, 10), m->config.rescan_ms) : m->config.rescan_ms, false);
        if (m->config.settle_ms >= LEAST_MS && !import_stopping(m))
            wait_ms(m, LEAST_MS + VCR_MIN(10 * took_ms, 10000), true); /* a file being written wakes us without end */
    }
    for (size_t i = 0; i < last.count; i++)
        free(last.list[i]);
    return NULL;
}

enum vcr_err import_open(struct importer **ret, const struct import_config *config, struct vcr_why *why)
{
    struct importer *m = vcr_alloc(sizeof(*m));
    m->config = *config;
    m->config.settle_ms = config->settle_ms ? config->settle_ms : SETTLE_MS;
    m->config.rescan_ms = config->rescan_ms ? config->rescan_ms : RESCAN_MS;
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->wake, NULL);
    if (config->loop) {
        m->events = vcr_alloc(sizeof(*m->events));
        m->events->m = m;
        m->events->loop = config->loop;
        atomic_init(&m->events->users, 1);
    }
    enum vcr_err err = import_recover(m, why);
    if (err == VCR_OK && pthread_create(&m->thread, NULL, run, m) != 0)
        err = vcr_fail(why, VCR_E_NOMEM, "no thread for imports");
    m->started = err == VCR_OK;
    if (err == VCR_OK)
        *ret = m;
    else
        import_close(&m);
    return err;
}

static void signal_it(struct importer *m, bool stop)
{
    pthread_mutex_lock(&m->lock);
    m->stop = m->stop || stop;
    m->woken = true;
    pthread_cond_signal(&m->wake);
    pthread_mutex_unlock(&m->lock);
}

void import_wake(struct importer *m) { signal_it(m, false); }

void import_close(struct importer **mp)
{
    struct importer *m = *mp;
    if (!m)
        return;
    signal_it(m, true);
    if (m->started)
        pthread_join(m->thread, NULL);
    if (m->events) {
        m->events->closing = true;
        for (size_t i = 0; i < FOLDERS_MAX; i++)
            if (m->events->listeners[i])
                drop_listener(m->events, i);
        events_unref(m->events);
    }
    free(m->before.places);
    free(m->now.places);
    import_ready_clear(m);
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->wake);
    free(m);
    *mp = NULL;
}
