/* deliver/webrtc/viewer.c - viewers: an offer and an answer (either may be theirs), playing, gone. The connection itself is peer.c's. */
#include "deliver/webrtc/internal.h"

#include <string.h>

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

enum vcr_err viewer_open(struct rtc_stream *s, struct viewer **ret, struct vcr_why *why)
{
    struct rtc *r = s->rtc;
    if (!rtc_enter(r, INSIDE_VIEWERS))
        return vcr_fail(why, VCR_E_BUSY, "too many viewers, or too many at once: try again in a second");
    struct viewer *v = vcr_alloc(sizeof(*v));
    v->stream = s;
    vcr_uuid7(v->peer_id);
    peer_open(&v->peer, r, &viewer_kind);
    start_sender(&v->video);
    start_sender(&v->rtx);
    start_sender(&v->audio);
    v->offered_us = v->window_us = r->now_us;
    v->rtt_ms = v->first_key_frame_ms = -1;
    v->nack_bytes = NACK_BURST_BYTES;
    v->nack_at_us = r->now_us;
    v->next = s->viewers;
    s->viewers = v;
    r->viewers++;
    rtc_arm(r);
    *ret = v;
    return VCR_OK;
}

struct viewer *viewer_find(const struct rtc_stream *s, const char *peer_id)
{
    struct viewer *v = s->viewers;
    while (v && (v->peer.gone || strcmp(v->peer_id, peer_id) != 0))
        v = v->next;
    return v;
}

static void viewer_free(struct viewer *v)
{
    struct viewer **p = &v->stream->viewers;
    while (*p != v)
        p = &(*p)->next;
    *p = v->next;
    v->stream->rtc->viewers--;
    rtc_leave(v->stream->rtc, INSIDE_VIEWERS);
    peer_close(&v->peer);
    free(v);
}

void viewer_leave(struct viewer *v, const char *reason)
{
    const struct rtc_events *e = &v->stream->events;
    if (v->peer.ready && v->peer.bound) {
        report_send(v, true);
        udp_flush(v->stream->rtc->udp); /* BYE before DTLS says goodbye */
    }
    if (e->viewer_gone)
        e->viewer_gone(e->arg, v->peer_id, reason);
    viewer_free(v);
}

void viewers_sweep(struct rtc *r)
{
    for (struct rtc_stream *s = r->streams; s; s = s->next) {
        for (struct viewer *v = s->viewers, *next; v; v = next) {
            next = v->next;
            if (v->peer.gone)
                viewer_leave(v, v->peer.gone);
        }
    }
}

void viewer_answer(struct viewer *v, const struct sdp_remote *remote, const struct viewer_format *format)
{
    v->format = *format;
    v->answered_us = v->stream->rtc->now_us;
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
    const struct rtc *r = v->stream->rtc;
    dtls_tick(&v->peer);
    update_bitrate(v, r->now_us);
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

