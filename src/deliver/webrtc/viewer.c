/* deliver/webrtc/viewer.c - viewers: an offer and an answer (either may be theirs), playing, gone. The connection itself is peer.c's. */
#include "deliver/webrtc/internal.h"

#include <string.h>

/* The last digit of a viewer's id is the number of its thread, so that who names it is understood without a table. */
static const char thread_digits[] = "0123456789abcdef";
_Static_assert(sizeof(thread_digits) - 1 == RTC_THREADS_MAX, "a digit for each");

static void start_sender(struct sender *s)
{
    uint64_t random = vcr_random_u64();
    s->ssrc = (uint32_t)random | 1;      /* never 0 */
    s->index = random >> 32 & 0x7fff;    /* low half: the first roll-over cannot be mistaken (RFC 3711 3.3.1) */
}

static void on_ready(struct peer *p)
{
    struct viewer *v = container_of(p, struct viewer, peer);
    const struct rtc_events *e = &v->stream->events;
    v->report_due_us = p->rtc->now_us;
    if (e->viewer_up)
        e->viewer_up(e->arg, v->peer_id);
    stream_join(v);
}

static void on_rtcp(struct peer *p, uint8_t *bytes, size_t len) { report_input(container_of(p, struct viewer, peer), bytes, len); }

static const struct peer_kind viewer_kind = { .ready = on_ready, .rtcp = on_rtcp };

/* The stream's thread ticks for it while somebody watches, on whatever thread. */
static void on_watched(struct loop_msg *m)
{
    struct rtc_stream *s = container_of(m, struct rtc_stream, msg);
    atomic_store(&s->posted, false);
    rtc_arm(s->rtc);
}

static void count_in(struct rtc_stream *s, const struct rtc *r)
{
    atomic_fetch_add(&s->viewers, 1);
    if (s->rtc == r || atomic_exchange(&s->posted, true))
        return;
    s->msg.fn = on_watched;
    loop_post(s->rtc->loop, &s->msg);
}

struct viewer *viewer_open(struct rtc_stream *s, struct rtc *r)
{
    struct viewer *v = vcr_alloc(sizeof(*v));
    v->stream = s;
    v->branch = branch_open(s, r);
    vcr_uuid7(v->peer_id);
    v->peer_id[VCR_UUID_BYTES - 2] = thread_digits[r->index];
    peer_open(&v->peer, r, &viewer_kind);
    start_sender(&v->video);
    start_sender(&v->rtx);
    start_sender(&v->audio);
    v->offered_us = v->window_us = r->now_us;
    v->rtt_ms = v->first_key_frame_ms = -1;
    v->nack_bytes = NACK_BURST_BYTES;
    v->nack_at_us = r->now_us;
    v->next = v->branch->viewers;
    v->branch->viewers = v;
    r->viewers++;
    count_in(s, r);
    rtc_arm(r);
    return v;
}

struct rtc *rtc_of_viewer(const struct rtc_stream *s, const char *peer_id)
{
    const struct rtc_all *all = s->rtc->all;
    size_t len = strnlen(peer_id, VCR_UUID_BYTES);
    const char *digit = len == VCR_UUID_BYTES - 1 ? strchr(thread_digits, peer_id[len - 1]) : NULL;
    int i = digit ? (int)(digit - thread_digits) : 0;
    return all->threads[i < all->threads_n ? i : 0]; /* a name that is none of ours is not found there, either */
}

struct viewer *viewer_find(const struct branch *b, const char *peer_id)
{
    struct viewer *v = b ? b->viewers : NULL;
    while (v && (v->peer.gone || strcmp(v->peer_id, peer_id) != 0))
        v = v->next;
    return v;
}

static void viewer_free(struct viewer *v)
{
    struct branch *b = v->branch;
    struct rtc *r = v->peer.rtc;
    struct viewer **p = &b->viewers;
    while (*p != v)
        p = &(*p)->next;
    *p = v->next;
    if (!b->viewers)
        branch_rest(b);
    r->viewers--;
    atomic_fetch_sub(&v->stream->viewers, 1);
    rtc_leave_viewer(v->stream, r);
    peer_close(&v->peer);
    free(v->cc);
    free(v);
}

void viewer_leave(struct viewer *v, const char *reason)
{
    const struct rtc_events *e = &v->stream->events;
    if (v->peer.ready && v->peer.bound) {
        report_send(v, true);
        udp_flush(v->peer.rtc->udp); /* BYE before DTLS says goodbye */
    }
    if (e->viewer_gone && !v->branch->is_silent)
        e->viewer_gone(e->arg, v->peer_id, reason);
    viewer_free(v);
}

void viewers_sweep(struct rtc *r)
{
    for (struct branch *b = r->branches; b; b = b->next) {
        for (struct viewer *v = b->viewers, *next; v; v = next) {
            next = v->next;
            if (v->peer.gone)
                viewer_leave(v, v->peer.gone);
        }
    }
}

void viewer_answer(struct viewer *v, const struct sdp_remote *remote, const struct viewer_format *format)
{
    v->format = *format;
    v->answered_us = v->peer.rtc->now_us;
    if (format->video_pt && format->video_cc) {
        v->cc = vcr_alloc(sizeof(*v->cc));
        cc_init(v->cc, v->answered_us);
    }
    peer_know(&v->peer, remote);
}

static void update_bitrate(struct viewer *v, int64_t now_us)
{
    int64_t span = now_us - v->window_us;
    if (span < 1000000)
        return;
    v->bitrate_bps = (int64_t)v->window_bytes * 8 * 1000000 / span;
    v->window_bytes = 0;
    v->window_us = now_us;
}

void viewer_tick(struct viewer *v)
{
    const struct rtc *r = v->peer.rtc;
    dtls_tick(&v->peer);
    update_bitrate(v, r->now_us);
    if (v->cc)
        cc_tick(v->cc, r->now_us);
    if (v->peer.ready && v->peer.bound && r->now_us >= v->report_due_us) {
        report_send(v, false);
        v->report_due_us = r->now_us + REPORT_EVERY_US;
    }
    if (v->peer.gone)
        return;
    if (!v->peer.known && r->now_us - v->offered_us > r->offer_us)
        v->peer.gone = "the offer was not answered";
    else if (v->peer.known && !v->peer.ready && r->now_us - v->answered_us > r->offer_us)
        v->peer.gone = "no connection came about";
    else if (v->peer.ready && r->now_us - v->peer.checked_us > r->consent_us)
        v->peer.gone = "the viewer went silent";
}

