/* session/live.c - publishers: who sends for which device, and the pipe that their bytes go into, from whatever thread they come. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "session/live_internal.h"

enum { BACKLOG_MAX = 4 << 20 };

struct live_note {
    struct loop_msg msg;
    struct live_publisher *publisher;
};

/* ---- the registry: any thread ---- */
static struct live_publisher *find_locked(struct sessions *s, int64_t device_id)
{
    struct live_publisher *p = s->publishers;
    while (p && p->device_id != device_id)
        p = p->next;
    return p;
}

bool live_is_online(struct sessions *s, int64_t device_id)
{
    pthread_mutex_lock(&s->publishers_lock);
    bool online = find_locked(s, device_id) != NULL;
    pthread_mutex_unlock(&s->publishers_lock);
    return online;
}

bool live_sends(struct sessions *s, int64_t device_id, enum live_kind kind)
{
    pthread_mutex_lock(&s->publishers_lock);
    const struct live_publisher *p = find_locked(s, device_id);
    bool sends = p && p->kind == kind;
    pthread_mutex_unlock(&s->publishers_lock);
    return sends;
}

struct live_publisher *live_publisher_find(struct sessions *s, int64_t device_id)
{
    pthread_mutex_lock(&s->publishers_lock);
    struct live_publisher *p = find_locked(s, device_id);
    if (p)
        atomic_fetch_add(&p->refs, 1);
    pthread_mutex_unlock(&s->publishers_lock);
    return p;
}

void live_publisher_unref(struct live_publisher *p)
{
    if (!p || atomic_fetch_sub(&p->refs, 1) > 1)
        return;
    vcr_close(&p->fd);
    buf_free(&p->backlog);
    pthread_mutex_destroy(&p->lock);
    pthread_mutex_destroy(&p->events_lock);
    free(p);
}

static void post(struct live_publisher *p, void (*fn)(struct loop_msg *m))
{
    struct live_note *n = vcr_alloc(sizeof(*n));
    n->publisher = p;
    n->msg.fn = fn;
    atomic_fetch_add(&p->refs, 1);
    loop_post(p->owner->loop, &n->msg);
}

static void on_arrived(struct loop_msg *m)
{
    struct live_note *n = container_of(m, struct live_note, msg);
    struct live_publisher *p = n->publisher;
    struct live_source *src = live_source_find(p->owner, p->device_id);
    free(n);
    if (src)
        live_source_publisher(src, p);
    else
        live_publisher_unref(p); /* who comes to watch will find it */
}

static void on_left(struct loop_msg *m)
{
    struct live_note *n = container_of(m, struct live_note, msg);
    struct live_publisher *p = n->publisher;
    struct live_source *src = live_source_find(p->owner, p->device_id);
    free(n);
    if (src && src->publisher == p)
        live_source_publisher(src, NULL);
    live_publisher_unref(p);
}

enum vcr_err live_publish(struct sessions *s, struct live_publisher **ret, int64_t device_id, enum live_kind kind, const struct live_events *events, struct vcr_why *why)
{
    struct live_publisher *p = vcr_alloc(sizeof(*p));
    p->owner = s;
    p->device_id = device_id;
    p->kind = kind;
    p->fd = -1;
    p->events = *events;
    atomic_init(&p->refs, 1);
    pthread_mutex_init(&p->lock, NULL);
    pthread_mutex_init(&p->events_lock, NULL);
    buf_init(&p->backlog, BACKLOG_MAX);
    pthread_mutex_lock(&s->publishers_lock);
    bool busy = find_locked(s, device_id) != NULL;
    if (!busy) {
        p->next = s->publishers;
        s->publishers = p;
    }
    pthread_mutex_unlock(&s->publishers_lock);
    if (busy) {
        live_publisher_unref(p);
        return vcr_refuse(why, VCR_E_CONFLICT, "/device-busy", "somebody else sends for this device already");
    }
    if (s->config.device_online)
        s->config.device_online(s->config.arg, device_id, true);
    post(p, on_arrived);
    *ret = p;
    return VCR_OK;
}

void live_unpublish(struct live_publisher **pp)
{
    struct live_publisher *p = *pp;
    if (!p)
        return;
    *pp = NULL;
    pthread_mutex_lock(&p->events_lock);
    p->events = (struct live_events){ 0 };
    pthread_mutex_unlock(&p->events_lock);
    live_publisher_connect(p, -1); /* what it sent last is read to its end */
    pthread_mutex_lock(&p->owner->publishers_lock);
    for (struct live_publisher **at = &p->owner->publishers; *at; at = &(*at)->next) {
        if (*at != p)
            continue;
        *at = p->next;
        break;
    }
    pthread_mutex_unlock(&p->owner->publishers_lock);
    if (p->owner->config.device_online)
        p->owner->config.device_online(p->owner->config.arg, p->device_id, false);
    post(p, on_left);
    live_publisher_unref(p);
}

/* ---- events: on the media loop ---- */
void live_publisher_want_key(struct live_publisher *p)
{
    pthread_mutex_lock(&p->events_lock);
    if (p->events.want_key)
        p->events.want_key(p->events.arg);
    pthread_mutex_unlock(&p->events_lock);
}

void live_publisher_drop(struct live_publisher *p, const char *reason)
{
    pthread_mutex_lock(&p->events_lock);
    if (p->events.drop)
        p->events.drop(p->events.arg, reason);
    pthread_mutex_unlock(&p->events_lock);
}

struct drop {
    struct loop_msg msg;
    struct sessions *owner;
    int64_t device_id;
    bool end_sessions;
    char reason[80];
};

static void on_drop(struct loop_msg *m)
{
    struct drop *d = container_of(m, struct drop, msg);
    struct live_publisher *p = live_publisher_find(d->owner, d->device_id);
    struct live_source *src = live_source_find(d->owner, d->device_id);
    if (p)
        live_publisher_drop(p, d->reason);
    live_publisher_unref(p);
    while (d->end_sessions && src && src->watchers) {
        bool last = !src->watchers->live_next;
        if (src->watchers->live.is)
            actor_end(src->watchers, "ended", "device_gone");
        else
            input_device_ends(src->watchers);
        if (last)
            break; /* the source went with it */
    }
    free(d);
}

void live_drop(struct sessions *s, int64_t device_id, const char *reason, bool end_sessions)
{
    struct drop *d = vcr_alloc(sizeof(*d));
    d->msg.fn = on_drop;
    d->owner = s;
    d->device_id = device_id;
    d->end_sessions = end_sessions;
    vcr_strcpy(d->reason, sizeof(d->reason), reason);
    loop_post(s->loop, &d->msg);
}

/* ---- bytes ---- */
void live_publisher_connect(struct live_publisher *p, int fd)
{
    pthread_mutex_lock(&p->lock);
    if (fd < 0 && p->fd >= 0 && p->backlog.len > 0) {
        ssize_t n = write(p->fd, p->backlog.data, p->backlog.len); /* as much of the rest as goes */
        (void)n;
    }
    vcr_close(&p->fd);
    p->fd = fd;
    buf_reset(&p->backlog);
    p->lossy = true; /* nothing but a key frame makes a beginning */
    pthread_mutex_unlock(&p->lock);
}

uint64_t live_publisher_bytes(struct live_publisher *p)
{
    pthread_mutex_lock(&p->lock);
    uint64_t bytes = p->bytes;
    pthread_mutex_unlock(&p->lock);
    return bytes;
}

/* False: nobody reads, and nothing is kept. */
static bool flush_locked(struct live_publisher *p)
{
    while (p->fd >= 0 && p->backlog.len > 0) {
        ssize_t n = write(p->fd, p->backlog.data, p->backlog.len);
        if (n > 0)
            buf_consume(&p->backlog, (size_t)n);
        else if (errno == EAGAIN)
            return true;
        else if (errno != EINTR) { /* it has died: the media loop starts another */
            vcr_close(&p->fd);
            buf_reset(&p->backlog);
        }
    }
    return p->fd >= 0;
}

/* All of it, now or later, or nothing. */
static bool put_locked(struct live_publisher *p, const void *bytes, size_t len)
{
    size_t done = 0;
    if (!flush_locked(p) || p->backlog.len + len > BACKLOG_MAX)
        return false;
    if (p->backlog.len == 0) {
        ssize_t n = write(p->fd, bytes, len);
        done = n > 0 ? (size_t)n : 0;
    }
    if (done < len)
        buf_add(&p->backlog, (const char *)bytes + done, len - done);
    return buf_ok(&p->backlog);
}

void live_ts(struct live_publisher *p, const uint8_t *bytes, size_t len)
{
    pthread_mutex_lock(&p->lock);
    p->bytes += len;
    put_locked(p, bytes, len); /* what is left out makes a hole, as a lost packet does */
    pthread_mutex_unlock(&p->lock);
}

void live_packet(struct live_publisher *p, const struct packet *packet)
{
    struct live_head h = { packet->track, (uint8_t)(packet->flags & (PACKET_KEY | PACKET_DISCONT)), (uint32_t)packet->len, packet->pts_us };
    uint8_t head[LIVE_HEAD_BYTES];
    if (packet->len == 0 || packet->len > LIVE_BODY_MAX || packet->pts_us < 0)
        return;
    pthread_mutex_lock(&p->lock);
    p->bytes += packet->len;
    bool video = packet->track == PACKET_VIDEO, starts = video && packet->flags & PACKET_KEY;
    if (video && p->lossy && !starts) {
        pthread_mutex_unlock(&p->lock);
        return;
    }
    if (video && p->lossy)
        h.flags |= PACKET_DISCONT;
    live_head_write(head, &h);
    bool ok = flush_locked(p) && p->backlog.len + sizeof(head) + packet->len <= BACKLOG_MAX && put_locked(p, head, sizeof(head)) && put_locked(p, packet->data, packet->len);
    if (video)
        p->lossy = !ok;
    pthread_mutex_unlock(&p->lock);
}
