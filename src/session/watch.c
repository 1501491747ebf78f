/* session/watch.c - tells those who watch a session's state. One message at most is under way to each of them: while it is, a newer state replaces the one in
 * it, so a slow reader costs one struct and never a queue. */
#include <string.h>

#include "session/internal.h"

struct session_watch {
    struct loop_msg msg;
    struct loop *loop;
    session_event event;
    void *arg;
    atomic_int refs;              /* the watcher's, the session's, the message's */
    pthread_mutex_t lock;         /* guards what follows */
    bool dropped;                 /* unwatched: its loop may be gone, nothing is posted any more */
    bool posted, ended;
    struct session_info info;
    /* what the media loop shall do first */
    struct loop_msg join;
    struct sessions *owner;
    int64_t user_id;
    char id[VCR_UUID_BYTES];
};

struct watch_entry {
    struct watch_entry *next;
    struct session_watch *watch;
};

static void unref(struct session_watch *w)
{
    if (atomic_fetch_sub(&w->refs, 1) > 1)
        return;
    pthread_mutex_destroy(&w->lock);
    free(w);
}

/* On the watcher's loop. */
static void deliver(struct loop_msg *m)
{
    struct session_watch *w = container_of(m, struct session_watch, msg);
    pthread_mutex_lock(&w->lock);
    struct session_info info = w->info;
    bool ended = w->ended, dropped = w->dropped;
    w->posted = false;
    pthread_mutex_unlock(&w->lock);
    if (!dropped) /* session_unwatch is called on this very loop, so it stays so */
        w->event(w->arg, &info, ended);
    unref(w);
}

static void tell(struct session_watch *w, const struct session_info *info, bool ended)
{
    pthread_mutex_lock(&w->lock);
    w->info = *info;
    w->ended = ended;
    if (!w->posted && !w->dropped) {
        w->posted = true;
        atomic_fetch_add(&w->refs, 1);
        w->msg.fn = deliver;
        loop_post(w->loop, &w->msg);
    }
    pthread_mutex_unlock(&w->lock);
}

static void join(struct loop_msg *m)
{
    struct session_watch *w = container_of(m, struct session_watch, join);
    struct session *x = sessions_find(w->owner, w->id);
    struct session_info info = { .status = "ended" };
    if (!x) {
        memcpy(info.id, w->id, sizeof(info.id));
        tell(w, &info, true);
        unref(w);
        return;
    }
    struct watch_entry *entry = vcr_alloc(sizeof(*entry));
    entry->watch = w;
    entry->next = x->watches;
    x->watches = entry;
    actor_info(x, &info);
    tell(w, &info, false);
}

struct session_watch *session_watch(struct sessions *s, const char *id, int64_t user_id, struct loop *loop, session_event event, void *arg)
{
    struct session_watch *w = vcr_alloc(sizeof(*w));
    pthread_mutex_init(&w->lock, NULL);
    atomic_init(&w->refs, 2); /* the watcher's and the joining's, which becomes the session's */
    w->loop = loop;
    w->event = event;
    w->arg = arg;
    w->owner = s;
    w->user_id = user_id;
    vcr_strcpy(w->id, sizeof(w->id), id);
    w->join.fn = join;
    loop_post(s->loop, &w->join);
    return w;
}

void session_unwatch(struct session_watch *w)
{
    pthread_mutex_lock(&w->lock);
    w->dropped = true; /* the session lets go of it within a second */
    pthread_mutex_unlock(&w->lock);
    unref(w);
}

static bool is_dropped(struct session_watch *w)
{
    pthread_mutex_lock(&w->lock);
    bool dropped = w->dropped;
    pthread_mutex_unlock(&w->lock);
    return dropped;
}

void watch_prune(struct session *x)
{
    for (struct watch_entry **at = &x->watches; *at;) {
        struct watch_entry *entry = *at;
        if (!is_dropped(entry->watch)) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        unref(entry->watch);
        free(entry);
    }
}

void watch_person_gone(struct session *x, int64_t user_id)
{
    const struct session_info nothing = { .status = "ended" };
    for (struct watch_entry **at = &x->watches; *at;) {
        struct watch_entry *entry = *at;
        if (entry->watch->user_id != user_id) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        tell(entry->watch, &nothing, true);
        unref(entry->watch);
        free(entry);
    }
}

void watch_publish(struct session *x)
{
    struct session_info info;
    watch_prune(x);
    if (x->watches)
        actor_info(x, &info);
    for (struct watch_entry *entry = x->watches; entry; entry = entry->next)
        tell(entry->watch, &info, false);
}

void watch_publish_end(struct session *x)
{
    struct session_info info;
    if (x->watches)
        actor_info(x, &info);
    while (x->watches) {
        struct watch_entry *entry = x->watches;
        x->watches = entry->next;
        tell(entry->watch, &info, true);
        unref(entry->watch);
        free(entry);
    }
}
