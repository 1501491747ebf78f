/* app/whip.c - see whip.h. */
#include "app/whip.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/log.h"

struct publisher {
    struct whip *whip;
    int64_t device_id;
    struct live_publisher *live;    /* set before its connection can send; the sender's call-backs use it */
    /* guarded by lock */
    pthread_mutex_t lock;
    struct rtc_publisher *rtc;      /* NULL: it is ending */
    /* the thread's own */
    struct publisher *next;
    char id[VCR_UUID_BYTES];
    bool ended;
    int holders;                    /* the list, and each of the two below that is on its way */
    /* on their way to the thread, each at most once */
    struct loop_msg gone_msg, drop_msg;
    atomic_bool gone_posted, drop_posted;
    const char *gone_reason;
};

/* Publishers that hung up, as some do just before they say that they end: that shall still be well. The last one of each device. */
enum { HUNG_UP_KEPT = 64 };
struct hung_up { int64_t device_id; char id[VCR_UUID_BYTES]; };

struct whip {
    /* set by open, then read-only */
    struct rtc *rtc;
    struct whip_sink sink;
    struct loop *loop;
    /* the thread's own */
    struct publisher *all;
    struct hung_up hung_up[HUNG_UP_KEPT]; /* device_id 0: none */
    unsigned hung_up_next;                /* the place for the next device */
};

/* ---- a publisher's end ---- */

static void release(struct publisher *p)
{
    if (--p->holders)
        return;
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* Both ends of it are closed: what they posted before is still to come, nothing new is. */
static void let_go(struct publisher *p)
{
    p->ended = true;
    p->holders += atomic_load(&p->gone_posted) + atomic_load(&p->drop_posted);
    release(p);
}

static void end(struct publisher *p, const char *reason)
{
    pthread_mutex_lock(&p->lock);
    struct rtc_publisher *rtc = p->rtc;
    p->rtc = NULL;
    pthread_mutex_unlock(&p->lock);
    rtc_publish_close(&rtc); /* no packet comes after it */
    p->whip->sink.close(&p->live); /* nor an event after this */
    log_info("whip", "device %" PRId64 " sends no more: %s", p->device_id, reason);
    struct publisher **at = &p->whip->all;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    let_go(p);
}

static struct hung_up *last_of(struct whip *w, int64_t device_id)
{
    for (int i = 0; i < HUNG_UP_KEPT; i++)
        if (w->hung_up[i].device_id == device_id)
            return &w->hung_up[i];
    return NULL;
}

static void remember(struct whip *w, const struct publisher *p)
{
    struct hung_up *h = last_of(w, p->device_id);
    if (!h)
        h = &w->hung_up[w->hung_up_next++ % HUNG_UP_KEPT];
    h->device_id = p->device_id;
    memcpy(h->id, p->id, sizeof(h->id));
}

static void on_gone_msg(struct loop_msg *m)
{
    struct publisher *p = container_of(m, struct publisher, gone_msg);
    if (p->ended) {
        release(p);
        return;
    }
    atomic_store(&p->gone_posted, false);
    remember(p->whip, p);
    end(p, p->gone_reason);
}

static void on_drop_msg(struct loop_msg *m)
{
    struct publisher *p = container_of(m, struct publisher, drop_msg);
    if (p->ended) {
        release(p);
        return;
    }
    atomic_store(&p->drop_posted, false);
    end(p, "its device may not send any more");
}

/* ---- call-backs: the sender's thread, then the media loop's ---- */

static void on_packet(void *arg, const struct packet *packet)
{
    struct publisher *p = arg;
    p->whip->sink.packet(p->live, packet);
}

static void on_gone(void *arg, const char *reason)
{
    struct publisher *p = arg;
    p->gone_reason = reason;
    if (!atomic_exchange(&p->gone_posted, true))
        loop_post(p->whip->loop, &p->gone_msg);
}

static void on_want_key(void *arg)
{
    struct publisher *p = arg;
    pthread_mutex_lock(&p->lock);
    if (p->rtc)
        rtc_publish_key(p->rtc);
    pthread_mutex_unlock(&p->lock);
}

static void on_drop(void *arg, const char *reason)
{
    struct publisher *p = arg;
    if (!atomic_exchange(&p->drop_posted, true))
        loop_post(p->whip->loop, &p->drop_msg);
}

/* ---- requests, on the thread ---- */

struct request {
    struct loop_msg msg, reply_msg;
    struct whip *whip;
    void (*fn)(struct request *r);
    int64_t device_id;
    char id[VCR_UUID_BYTES];
    struct loop *loop;
    whip_done done;
    void *arg;
    struct whip_reply reply;
    char *answer;
    bool has_text;
    size_t len;
    char text[];
};

static void deliver(struct loop_msg *m)
{
    struct request *r = container_of(m, struct request, reply_msg);
    r->reply.answer = r->answer;
    r->done(r->arg, &r->reply);
    free(r->answer);
    free(r);
}

static void run(struct loop_msg *m)
{
    struct request *r = container_of(m, struct request, msg);
    r->fn(r);
    r->reply_msg.fn = deliver;
    loop_post(r->loop, &r->reply_msg);
}

static void submit(struct whip *w, void (*fn)(struct request *r), int64_t device_id, const char *id, const char *text, size_t len, struct loop *loop, whip_done done, void *arg)
{
    struct request *r = vcr_alloc(sizeof(*r) + len);
    r->msg.fn = run;
    r->whip = w;
    r->fn = fn;
    r->device_id = device_id;
    vcr_strcpy(r->id, sizeof(r->id), id);
    r->loop = loop;
    r->done = done;
    r->arg = arg;
    r->has_text = text;
    r->len = len;
    if (len)
        memcpy(r->text, text, len);
    loop_post(w->loop, &r->msg);
}

static struct publisher *find(struct request *r)
{
    struct publisher *p = r->whip->all;
    while (p && (p->device_id != r->device_id || strcmp(p->id, r->id) != 0))
        p = p->next;
    if (!p)
        r->reply.err = vcr_fail(&r->reply.why, VCR_E_NOT_FOUND, "there is no such publisher, or it has ended");
    return p;
}

/* The offer first: what is wrong with it is so whoever sends already. Nothing comes of the connection before its client has the answer, so everything is in place by then. */
static void do_publish(struct request *r)
{
    struct whip *w = r->whip;
    struct publisher *p = vcr_alloc(sizeof(*p));
    p->whip = w;
    p->device_id = r->device_id;
    p->holders = 1;
    p->gone_msg.fn = on_gone_msg;
    p->drop_msg.fn = on_drop_msg;
    pthread_mutex_init(&p->lock, NULL);
    r->reply.err = rtc_publish(w->rtc, &p->rtc, r->text, r->len, &(struct rtc_publish_events) { .packet = on_packet, .gone = on_gone, .arg = p }, &r->answer, &r->reply.why);
    if (r->reply.err == VCR_OK)
        r->reply.err = w->sink.open(w->sink.arg, &p->live, p->device_id, &(struct live_events) { .want_key = on_want_key, .drop = on_drop, .arg = p }, &r->reply.why);
    if (r->reply.err != VCR_OK) {
        rtc_publish_close(&p->rtc);
        let_go(p);
        return;
    }
    vcr_strcpy(p->id, sizeof(p->id), rtc_publish_id(p->rtc));
    memcpy(r->reply.id, p->id, sizeof(p->id));
    p->next = w->all;
    w->all = p;
    log_info("whip", "device %" PRId64 " begins to send", p->device_id);
}

static void do_trickle(struct request *r)
{
    struct publisher *p = find(r);
    if (p && r->has_text)
        r->reply.err = rtc_publish_trickle(p->rtc, r->text, r->len, &r->reply.why);
}

static void do_end(struct request *r)
{
    struct hung_up *h = last_of(r->whip, r->device_id);
    if (h && strcmp(h->id, r->id) == 0) {
        h->device_id = 0;
        return;
    }
    struct publisher *p = find(r);
    if (p)
        end(p, "ended by its client");
}

void whip_publish(struct whip *w, int64_t device_id, const char *text, size_t len, struct loop *loop, whip_done done, void *arg)
{
    submit(w, do_publish, device_id, "", text, len, loop, done, arg);
}

void whip_trickle(struct whip *w, int64_t device_id, const char *id, const char *text, size_t len, struct loop *loop, whip_done done, void *arg)
{
    submit(w, do_trickle, device_id, id, text, len, loop, done, arg);
}

void whip_end(struct whip *w, int64_t device_id, const char *id, struct loop *loop, whip_done done, void *arg)
{
    submit(w, do_end, device_id, id, NULL, 0, loop, done, arg);
}

/* ---- open and close ---- */

enum vcr_err whip_open(struct app *a, struct rtc *rtc, const struct whip_sink *sink, struct vcr_why *why)
{
    struct whip *w = vcr_alloc(sizeof(*w));
    w->rtc = rtc;
    w->sink = *sink;
    enum vcr_err err = loop_open(&w->loop, "whip", why);
    if (err == VCR_OK)
        err = loop_start(w->loop, why);
    if (err != VCR_OK) {
        loop_close(&w->loop);
        free(w);
        return err;
    }
    a->whip = w;
    return VCR_OK;
}

static void stop(void *arg)
{
    struct whip *w = arg;
    while (w->all)
        end(w->all, "the server stops");
    loop_stop(w->loop);
}

void whip_close(struct whip **wp)
{
    struct whip *w = *wp;
    if (!w)
        return;
    loop_call(w->loop, stop, w);
    loop_join(w->loop);
    loop_close(&w->loop);
    free(w);
    *wp = NULL;
}
