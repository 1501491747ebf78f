/* deliver/webrtc/share.c - a stream's packets, cut once and shared by all sender threads that have viewers of it.
 *
 *   rtc_stream_send --> unit, cut and numbered --+--> kept: the newest two seconds, for resends and for who comes late
 *   (its caller's thread)                        +--> the queue of each branch that is fed --wake-up--> that thread: its viewers, and a list of its own of what is kept
 *
 * A unit is read-only once it is published, and freed by whoever gives up the last reference to it; so what is kept is there once, however many threads send it, and each of them
 * looks payloads up in its own list of pointers without a lock. A branch is fed while it has viewers. Feeding begins with a copy of the list, made with the stream's lock held: nothing
 * is left out, and nothing comes twice.
 * A thread that does not come round while QUEUE_UNITS or QUEUE_BYTES wait for it is fed no more, and nobody waits for it; when it has taken what is there it copies the list
 * again, and its viewers go on where they were, or at the newest key frame when that is too long ago.
 * Locks    the stream's, a leaf: the producer holds it while it hands out pointers, a thread while its feeding begins or ends.
 * Bounds   of pictures RING_US or the newest group, RING_BYTES, RING_PAYLOADS, RING_UNITS; a thread that hangs keeps its list and its queue from being freed, so at worst there are
 *          so many bytes a thread. */
#include "deliver/webrtc/internal.h"

#include <string.h>

#include "base/clock.h"
#include "wire/rtp.h"

static void unref(struct unit *u)
{
    if (atomic_fetch_sub(&u->refs, 1) == 1)
        free(u);
}

static struct unit *ref(struct unit *u)
{
    atomic_fetch_add(&u->refs, 1);
    return u;
}

/* ---- what is kept ---- */

static int kept_count(const struct kept *k) { return (int)(k->end - k->begin); }
static struct unit *kept_oldest(const struct kept *k) { return k->begin == k->end ? NULL : k->units[k->begin % RING_UNITS]; }
static void kept_add(struct kept *k, struct unit *u) { k->units[k->end++ % RING_UNITS] = u; }
static void kept_drop(struct kept *k) { unref(k->units[k->begin++ % RING_UNITS]); }

static void kept_clear(struct kept *k)
{
    while (kept_count(k) > 0)
        kept_drop(k);
}

static bool has_payload(const struct unit *u, uint64_t number) { return number >= u->first && number < unit_end(u); }

const struct unit *kept_find(const struct kept *k, uint64_t number)
{
    uint64_t from = k->begin, to = k->end;
    if (from == to)
        return NULL;
    const struct unit *newest = k->units[(to - 1) % RING_UNITS];
    if (has_payload(newest, number)) /* what most ask for */
        return newest;
    while (to - from > 1) {
        uint64_t middle = from + (to - from) / 2;
        if (k->units[middle % RING_UNITS]->first <= number)
            from = middle;
        else
            to = middle;
    }
    const struct unit *u = k->units[from % RING_UNITS];
    return has_payload(u, number) ? u : NULL;
}

/* ---- a packet into a unit ---- */

struct filling {
    struct unit *u;
    size_t room;
    struct payload payloads[RING_PAYLOADS / 2];
};

static void add_payload(void *arg, const uint8_t *payload, size_t len)
{
    struct filling *in = arg;
    struct unit *u = in->u;
    if (u->bytes + len > in->room || u->count == (int)ARRAY_LEN(in->payloads))
        return; /* a frame of more than two megabytes: is_refused */
    memcpy(u->data + u->bytes, payload, len);
    in->payloads[u->count++] = (struct payload) { .at = (uint32_t)u->bytes, .len = (uint16_t)len };
    u->bytes += len;
}

static struct unit *unit_make(size_t room)
{
    struct unit *u = malloc(sizeof(*u) + room);
    if (u)
        *u = (struct unit) { .refs = 1, .at_us = clock_mono_us() };
    return u;
}

/* With its table behind its bytes. */
static struct unit *unit_close(struct unit *u, const struct payload *payloads)
{
    size_t table_at = (u->bytes + _Alignof(struct payload) - 1) / _Alignof(struct payload) * _Alignof(struct payload), table = (size_t)u->count * sizeof(*payloads);
    struct unit *closed = u->count ? realloc(u, sizeof(*u) + table_at + table) : NULL;
    if (!closed) {
        free(u);
        return NULL;
    }
    memcpy(closed->data + table_at, payloads, table);
    closed->payloads = (const void *)(closed->data + table_at);
    return closed;
}

/* NULL: there is no picture in it, or no memory for it. */
static struct unit *cut_picture(struct rtc_stream *s, const struct packet *p)
{
    struct filling in;
    in.room = p->len + 2 * (p->len / 500 + 64); /* FU-A and STAP-A headers */
    in.u = unit_make(in.room + (p->len / PAYLOAD_MAX + 8) * sizeof(struct payload));
    s->needs_key = !in.u;
    if (!in.u)
        return NULL;
    in.u->is_key = p->flags & PACKET_KEY;
    in.u->first = s->next_number;
    in.u->ts = s->video_ts0 + (uint32_t)(p->pts_us * 9 / 100);
    rtp_h264_cut(p->data, p->len, PAYLOAD_MAX, add_payload, &in);
    return unit_close(in.u, in.payloads);
}

static struct unit *wrap_sound(const struct rtc_stream *s, const struct packet *p)
{
    struct unit *u = p->len <= PAYLOAD_MAX ? unit_make(p->len + 2 * sizeof(struct payload)) : NULL;
    if (!u)
        return NULL;
    u->is_sound = true;
    u->ts = s->audio_ts0 + (uint32_t)(p->pts_us * 6 / 125); /* 48 kHz */
    u->count = 1;
    u->bytes = p->len;
    memcpy(u->data, p->data, p->len);
    return unit_close(u, &(struct payload) { .len = (uint16_t)p->len });
}

/* ---- publishing ---- */

/* Keeps two seconds, and always the newest group of pictures so that a viewer can join in it, as far as the bounds reach. */
static void make_room_locked(struct rtc_stream *s, const struct unit *u)
{
    const struct unit *oldest;
    while ((oldest = kept_oldest(&s->kept))) {
        bool is_full = s->kept_bytes + u->bytes > RING_BYTES || unit_end(u) - oldest->first > RING_PAYLOADS || kept_count(&s->kept) == RING_UNITS;
        bool is_old = u->at_us - oldest->at_us > RING_US && !(s->has_key && oldest->first >= s->key_number);
        if (!is_full && !is_old)
            break;
        s->has_key = s->has_key && s->key_number != oldest->first;
        s->kept_bytes -= oldest->bytes;
        kept_drop(&s->kept);
    }
}

static void keep_locked(struct rtc_stream *s, struct unit *u)
{
    make_room_locked(s, u);
    s->next_number = unit_end(u);
    s->kept_bytes += u->bytes;
    if (u->is_key) {
        s->has_key = true;
        s->key_number = u->first;
    }
    kept_add(&s->kept, ref(u));
    u->kept_from = kept_oldest(&s->kept)->first;
}

/* With the stream's lock held, so that one at a time puts in; the thread takes out meanwhile. False: it is full. */
static bool put_locked(struct branch *b, struct unit *u)
{
    uint32_t put = atomic_load_explicit(&b->put, memory_order_relaxed);
    size_t bytes = atomic_load(&b->queued_bytes);
    if (put - atomic_load_explicit(&b->taken, memory_order_acquire) == QUEUE_UNITS || (bytes && bytes + u->bytes > QUEUE_BYTES))
        return false;
    atomic_fetch_add(&b->queued_bytes, u->bytes);
    b->queue[put % QUEUE_UNITS] = ref(u);
    atomic_store_explicit(&b->put, put + 1, memory_order_release);
    return true;
}

static struct unit *take(struct branch *b)
{
    uint32_t taken = atomic_load_explicit(&b->taken, memory_order_relaxed);
    if (taken == atomic_load_explicit(&b->put, memory_order_acquire))
        return NULL;
    struct unit *u = b->queue[taken % QUEUE_UNITS];
    atomic_store_explicit(&b->taken, taken + 1, memory_order_release);
    atomic_fetch_sub(&b->queued_bytes, u->bytes);
    return u;
}

static void wake(struct branch *b)
{
    if (!atomic_exchange(&b->posted, true))
        loop_post(b->rtc->loop, &b->msg);
}

static void publish(struct rtc_stream *s, struct unit *u)
{
    struct branch *fed[RTC_THREADS_MAX];
    int fed_n = 0;
    pthread_mutex_lock(&s->lock);
    if (!u->is_sound)
        keep_locked(s, u);
    for (int i = 0; i < RTC_THREADS_MAX; i++) {
        struct branch *b = s->branches[i];
        if (!b || !b->is_fed)
            continue;
        b->is_fed = put_locked(b, u);
        if (!b->is_fed)
            atomic_store(&b->overrun, true); /* a wake-up after it: the thread may just have looked */
        fed[fed_n++] = b;
    }
    pthread_mutex_unlock(&s->lock);
    for (int i = 0; i < fed_n; i++)
        wake(fed[i]); /* a branch is there until the stream is closed */
    unref(u);
}

/* Where a picture is too large, or there is no memory for one, all up to the next key frame are left out. */
static bool is_refused(struct rtc_stream *s, const struct packet *p)
{
    bool is_video = p->track == PACKET_VIDEO;
    if (p->len == 0 || p->len > PACKET_MAX) {
        s->needs_key |= is_video;
        return true;
    }
    return is_video && s->needs_key && !(p->flags & PACKET_KEY);
}

void rtc_stream_send(struct rtc_stream *s, const struct packet *p)
{
    if (is_refused(s, p))
        return;
    struct unit *u = p->track == PACKET_VIDEO ? cut_picture(s, p) : wrap_sound(s, p);
    if (u)
        publish(s, u);
}

/* ---- on a sender thread ---- */

static void keep_here(struct branch *b, struct unit *u)
{
    for (const struct unit *oldest; (oldest = kept_oldest(&b->kept)) && oldest->first < u->kept_from;) {
        b->has_key = b->has_key && b->key_number != oldest->first;
        kept_drop(&b->kept);
    }
    if (u->is_key) {
        b->has_key = true;
        b->key_number = u->first;
        b->key_at_us = u->at_us;
    }
    kept_add(&b->kept, u);
    b->next_number = unit_end(u);
}

/* What is kept of the stream becomes what is kept here, and what comes is put into the queue. */
static void begin_feeding(struct branch *b)
{
    struct rtc_stream *s = b->stream;
    kept_clear(&b->kept);
    b->has_key = false;
    pthread_mutex_lock(&s->lock);
    for (uint64_t i = s->kept.begin; i < s->kept.end; i++)
        kept_add(&b->kept, ref(s->kept.units[i % RING_UNITS]));
    b->next_number = s->next_number;
    b->is_fed = true;
    pthread_mutex_unlock(&s->lock);
    for (uint64_t i = b->kept.end; i > b->kept.begin && !b->has_key; i--) {
        const struct unit *u = b->kept.units[(i - 1) % RING_UNITS];
        if (!u->is_key)
            continue;
        b->has_key = true;
        b->key_number = u->first;
        b->key_at_us = u->at_us;
    }
}

static void send_queued(struct branch *b)
{
    for (struct unit *u; (u = take(b));) {
        if (u->is_sound) {
            stream_sound(b, u);
            unref(u);
        } else {
            keep_here(b, u);
            stream_picture(b, u);
        }
    }
}

static void on_wake(struct loop_msg *m)
{
    struct branch *b = container_of(m, struct branch, msg);
    atomic_store(&b->posted, false);
    b->rtc->now_us = clock_mono_us();
    send_queued(b);
    if (atomic_exchange(&b->overrun, false) && b->is_wanted) {
        send_queued(b); /* it is fed no more, so this is the last of it */
        begin_feeding(b);
        stream_catch_up(b);
    }
    udp_flush(b->rtc->udp);
}

struct branch *branch_here(struct rtc_stream *s, const struct rtc *r) { return s->branches[r->index]; }

struct branch *branch_open(struct rtc_stream *s, struct rtc *r)
{
    struct branch *b = branch_here(s, r);
    if (b)
        return b;
    b = vcr_alloc(sizeof(*b));
    b->stream = s;
    b->rtc = r;
    b->msg.fn = on_wake;
    b->next = r->branches;
    r->branches = b;
    pthread_mutex_lock(&s->lock);
    s->branches[r->index] = b;
    pthread_mutex_unlock(&s->lock);
    return b;
}

void branch_feed(struct branch *b)
{
    if (!b->is_wanted)
        begin_feeding(b);
    b->is_wanted = true;
}

void branch_rest(struct branch *b)
{
    pthread_mutex_lock(&b->stream->lock);
    b->is_fed = false;
    pthread_mutex_unlock(&b->stream->lock);
    atomic_store(&b->overrun, false);
    atomic_store(&b->stream->lines[b->rtc->index].fastest_bps, 0);
    atomic_store(&b->stream->lines[b->rtc->index].bps, 0);
    for (struct unit *u; (u = take(b));)
        unref(u);
    kept_clear(&b->kept);
    b->has_key = b->is_wanted = false;
}

void branch_close(struct branch *b)
{
    struct branch **at = &b->rtc->branches;
    struct rtc_stream *s = b->stream;
    branch_rest(b);
    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    pthread_mutex_lock(&s->lock);
    s->branches[b->rtc->index] = NULL;
    pthread_mutex_unlock(&s->lock);
    free(b);
}

struct rtc_stream *stream_make(void)
{
    struct rtc_stream *s = calloc(1, sizeof(*s));
    if (s)
        pthread_mutex_init(&s->lock, NULL);
    return s;
}

void stream_free(struct rtc_stream *s)
{
    kept_clear(&s->kept);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
