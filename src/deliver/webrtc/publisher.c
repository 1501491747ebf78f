/* deliver/webrtc/publisher.c - see publish.h: publishers coming and going. What they send is intake.c's.
 *
 * A publisher that is gone keeps its memory until its owner closes it, so that the owner's pointer is never stale; nothing else of it is left. */
#include "deliver/webrtc/internal.h"

#include <string.h>

#include "base/clock.h"

enum { ANSWER_BYTES = 16384, SILENCE_US = 10000000, GOODBYE_US = 2000000 };

static void on_ready(struct peer *p)
{
    struct rtc_publisher *pub = container_of(p, struct rtc_publisher, peer);
    pub->heard_us = p->rtc->now_us;
    pub->report_due_us = p->rtc->now_us + REPORT_EVERY_US;
    pub->stats.connected = true;
}

static void on_rtp(struct peer *p, uint8_t *bytes, size_t len) { intake_rtp(container_of(p, struct rtc_publisher, peer), bytes, len); }
static void on_rtcp(struct peer *p, uint8_t *bytes, size_t len) { intake_rtcp(container_of(p, struct rtc_publisher, peer), bytes, len); }

static const struct peer_kind publisher_kind = { .ready = on_ready, .rtp = on_rtp, .rtcp = on_rtcp };

/* Out of the tables; says goodbye where it can be heard. */
static void leave(struct rtc_publisher *p)
{
    if (p->told)
        return;
    p->told = true;
    p->stats.connected = false;
    if (p->peer.ready && p->peer.bound) {
        intake_bye(p);
        udp_flush(p->peer.rtc->udp); /* BYE before DTLS says goodbye */
    }
    peer_close(&p->peer);
    intake_close(p);
    p->peer.rtc->publishing--;
    rtc_leave(p->peer.rtc, INSIDE_PUBLISHERS);
}

void publishers_sweep(struct rtc *r)
{
    for (struct rtc_publisher *p = r->publishers, *next; p; p = next) {
        next = p->next;
        if (p->told || !p->peer.gone)
            continue;
        leave(p);
        if (p->events.gone)
            p->events.gone(p->events.arg, p->peer.gone);
    }
}

static const char *why_gone(const struct rtc_publisher *p)
{
    const struct rtc *r = p->peer.rtc;
    if (!p->peer.ready)
        return r->now_us - p->opened_us > r->offer_us ? "no connection came about" : NULL;
    if (r->now_us - p->peer.checked_us > r->consent_us || r->now_us - VCR_MAX(p->heard_us, p->peer.checked_us) > VCR_MIN(r->consent_us, (int64_t)SILENCE_US))
        return "the publisher went silent";
    return p->bye_us && r->now_us - p->bye_us > GOODBYE_US ? "the publisher said goodbye" : NULL;
}

void publisher_tick(struct rtc_publisher *p)
{
    const struct rtc *r = p->peer.rtc;
    if (p->told)
        return;
    dtls_tick(&p->peer);
    if (!p->peer.gone)
        p->peer.gone = why_gone(p);
    if (p->peer.gone || !p->peer.ready)
        return;
    if (r->now_us - p->window_us >= 1000000) {
        p->bitrate_bps = (int64_t)p->window_bytes * 8 * 1000000 / (r->now_us - p->window_us);
        p->window_bytes = 0;
        p->window_us = r->now_us;
    }
    intake_tick(p);
}

/* ---- for any other thread ---- */

struct publishing {
    struct rtc *rtc;
    struct rtc_publisher *p;
    struct buf answer;
    struct rtc_publish_stats *stats;
    enum vcr_err err;
    struct vcr_why *why;
};

static void do_publish(void *arg)
{
    struct publishing *c = arg;
    struct rtc *r = c->rtc;
    struct rtc_publisher *p = c->p;
    if (!rtc_enter(r, INSIDE_PUBLISHERS)) {
        c->err = vcr_fail(c->why, VCR_E_BUSY, "too many publishers, or too many at once: try again in a second");
        return;
    }
    p->opened_us = p->window_us = r->now_us;
    peer_open(&p->peer, r, &publisher_kind);
    peer_know(&p->peer, &p->offer.client);
    intake_open(p);
    p->next = r->publishers;
    r->publishers = p;
    r->publishing++;
    sdp_write_publish_answer(&c->answer, &p->offer, &(struct sdp_accept) {
                                 .session_id = vcr_random_u64(), .ufrag = p->peer.ufrag, .pwd = p->peer.pwd, .fingerprint = r->fingerprint,
                                 .candidates = r->candidates, .candidates_n = r->candidates_n });
    rtc_arm(r);
}

enum vcr_err rtc_publish(struct rtc *r, struct rtc_publisher **ret, const char *offer, size_t len, const struct rtc_publish_events *events, char **ret_answer,
                         struct vcr_why *why)
{
    struct rtc_publisher *p = calloc(1, sizeof(*p));
    struct publishing c = { .rtc = r, .p = p, .why = why };
    if (!p)
        return vcr_fail(why, VCR_E_NOMEM, "no memory for a publisher");
    buf_init(&c.answer, ANSWER_BYTES);
    c.err = sdp_parse_publish(offer, len, &p->offer, why);
    if (c.err)
        goto fail;
    p->events = *events;
    p->ssrc = (uint32_t)vcr_random_u64() | 1;
    vcr_uuid7(p->id);
    rtc_run(r, do_publish, &c);
    if (c.err)
        goto fail;
    if (!buf_ok(&c.answer)) {
        rtc_publish_close(&p);
        c.err = vcr_fail(why, VCR_E_INTERNAL, "the answer is over %d bytes", ANSWER_BYTES);
        goto fail;
    }
    *ret_answer = vcr_strndup(c.answer.data, c.answer.len);
    *ret = p;
    buf_free(&c.answer);
    return VCR_OK;
fail:
    buf_free(&c.answer);
    free(p);
    return c.err;
}

static void do_close(void *arg)
{
    struct publishing *c = arg;
    struct rtc_publisher **at = &c->rtc->publishers;
    leave(c->p);
    while (*at != c->p)
        at = &(*at)->next;
    *at = c->p->next;
}

void rtc_publish_close(struct rtc_publisher **p)
{
    if (!*p)
        return;
    struct publishing c = { .rtc = (*p)->peer.rtc, .p = *p };
    rtc_run(c.rtc, do_close, &c);
    free(*p);
    *p = NULL;
}

static void take_key(struct loop_msg *m)
{
    struct rtc_publisher *p = container_of(m, struct rtc_publisher, key_msg);
    p->key_posted = false;
    p->wants_key = true; /* the next tick asks */
}

void rtc_publish_key(struct rtc_publisher *p)
{
    if (atomic_exchange(&p->key_posted, true))
        return;
    p->key_msg.fn = take_key;
    loop_post(p->peer.rtc->loop, &p->key_msg);
}

const char *rtc_publish_id(const struct rtc_publisher *p) { return p->id; }

enum vcr_err rtc_publish_trickle(const struct rtc_publisher *p, const char *fragment, size_t len, struct vcr_why *why)
{
    struct sdp_fragment f;
    enum vcr_err err = sdp_parse_fragment(fragment, len, &f, why);
    if (!err && (strcmp(f.ufrag, p->offer.client.ufrag) != 0 || strcmp(f.pwd, p->offer.pwd) != 0))
        err = vcr_refuse(why, VCR_E_INVALID, "/no-ice-restart", "these are not the offer's ICE credentials: a restart is a new POST");
    return err;
}

static void do_stats(void *arg)
{
    struct publishing *c = arg;
    *c->stats = c->p->stats;
    c->stats->bitrate_bps = c->p->bitrate_bps;
    c->stats->jitter_ms = c->p->video.account.jitter / 90;
}

void rtc_publish_stats(struct rtc_publisher *p, struct rtc_publish_stats *ret)
{
    struct publishing c = { .p = p, .stats = ret };
    rtc_run(p->peer.rtc, do_stats, &c);
}
