/* deliver/webrtc/intake.c - what a publisher sends: its RTP put in order, joined to access units and set on our clock; and what it is told by RTCP.
 *
 *   RTP --open--> number noted --by payload type--> order (waits, asks again) --> join (picture) --> packet
 *                                   RTX ------------^
 * Streams are told apart by payload type, which BUNDLE keeps apart; the first SSRC of a type is its stream until that one falls silent or says goodbye. */
#include "deliver/webrtc/internal.h"

#include <string.h>

#include "base/clock.h"
#include "wire/rtp.h"

enum {
    WAIT_RESEND_US = 400000,   /* for a missing packet that can come again */
    WAIT_ORDER_US = 60000,     /* for one that can only be out of order */
    STALE_US = 1000000,        /* another SSRC may take over from a stream silent so long */
    KEY_PERIOD_US = 800000,    /* asked so long after the last key frame, the next one comes within the second */
    KEY_AGAIN_US = 250000,
    ARRIVALS_EVERY_US = 50000, /* as often as browsers do */
    BYE_LATE_US = 100000,      /* packets of before a BYE may come so long after it */
    PICTURE_HZ = 90000, SOUND_HZ = 48000,
    REMB_FIRST = 2500000, REMB_LEAST = 300000, REMB_MOST = 8000000,
};

static void track_open(struct track *t, uint8_t pt, uint8_t cc_id, bool nack, uint32_t rate_hz)
{
    t->pt = pt;
    t->cc_id = cc_id;
    t->nack = nack;
    order_init(&t->order, nack ? WAIT_RESEND_US : WAIT_ORDER_US);
    rtp_clock_init(&t->clock, rate_hz, rate_hz == SOUND_HZ);
}

void intake_open(struct rtc_publisher *p)
{
    const struct sdp_choice *o = &p->offer;
    track_open(&p->video, o->video_pt, o->video_cc, o->video_feedback.nack, PICTURE_HZ);
    track_open(&p->audio, o->audio_pt, o->audio_cc, o->audio_feedback.nack, SOUND_HZ);
    h264_join_init(&p->join);
    p->remb_bps = REMB_FIRST;
}

void intake_close(struct rtc_publisher *p)
{
    order_free(&p->video.order);
    order_free(&p->audio.order);
    h264_join_free(&p->join);
}

/* ---- out of order, into packets ---- */

static void give(struct rtc_publisher *p, struct track *t, uint32_t ts, uint8_t flags, const uint8_t *data, size_t len)
{
    struct packet out = { .track = t == &p->audio ? PACKET_AUDIO : PACKET_VIDEO, .tape_us = -1, .data = data, .len = len };
    out.pts_us = rtp_clock_pts_us(&t->clock, &p->base, ts, p->peer.rtc->now_us);
    out.flags = (uint8_t)(flags | (t->clock.jumped ? PACKET_DISCONT : 0));
    t->clock.jumped = false;
    p->events.packet(p->events.arg, &out);
}

static void give_picture(struct rtc_publisher *p, const struct h264_unit *u)
{
    if (u->key)
        p->key_us = p->peer.rtc->now_us;
    p->stats.pictures++;
    p->stats.key_frames += u->key;
    give(p, &p->video, u->ts, u->key ? PACKET_KEY : 0, u->data, u->len);
}

static void drain_video(struct rtc_publisher *p)
{
    struct order_packet in;
    struct h264_unit unit;
    bool again;
    for (enum order_next n; (n = order_take(&p->video.order, p->peer.rtc->now_us, &in)) != ORDER_NOTHING;) {
        if (n == ORDER_HOLE) {
            h264_join_hole(&p->join);
            continue;
        }
        do
            if (h264_join_put(&p->join, in.data, in.len, in.ts, in.marker, &unit, &again))
                give_picture(p, &unit);
        while (again);
    }
    p->stats.dropped = p->join.dropped;
}

static void drain_audio(struct rtc_publisher *p)
{
    struct order_packet in;
    for (enum order_next n; (n = order_take(&p->audio.order, p->peer.rtc->now_us, &in)) != ORDER_NOTHING;) {
        if (n == ORDER_HOLE || !in.len) /* what is missing shows in the time of the next one */
            continue;
        p->stats.sounds++;
        give(p, &p->audio, in.ts, PACKET_KEY, in.data, in.len);
    }
}

static void drain(struct rtc_publisher *p, struct track *t)
{
    if (t == &p->audio)
        drain_audio(p);
    else
        drain_video(p);
}

/* ---- RTP in ---- */

/* Whether the packet belongs to the track's stream; a new stream begins with it when the old one is over. */
static bool adopt(struct rtc_publisher *p, struct track *t, uint32_t ssrc)
{
    int64_t now_us = p->peer.rtc->now_us;
    if (t->started && t->ssrc == ssrc)
        return true;
    if (t->started && !t->bye && now_us - t->heard_us < STALE_US)
        return false;
    uint32_t rate_hz = t->clock.rate_hz;
    int64_t last_pts_us = t->clock.last_pts_us;
    bool is_new = t->started;
    order_free(&t->order);
    track_open(t, t->pt, t->cc_id, t->nack, rate_hz);
    t->clock.last_pts_us = last_pts_us; /* times never go back, whoever sends */
    t->clock.jumped = is_new;
    rtcp_account_init(&t->account, ssrc, rate_hz);
    if (t == &p->video)
        h264_join_hole(&p->join);
    t->started = true;
    t->ssrc = ssrc;
    return true;
}

static void note_number(struct rtc_publisher *p, const struct track *t, const uint8_t *bytes, const struct rtp_view *v)
{
    size_t n;
    const uint8_t *number = t->cc_id ? rtp_extension(bytes, v, t->cc_id, &n) : NULL;
    if (number && n == 2)
        rtcp_arrivals_take(&p->arrivals, rd16be(number), p->peer.rtc->now_us);
}

static void take_media(struct rtc_publisher *p, struct track *t, const struct rtp_view *v, const uint8_t *payload)
{
    int64_t now_us = p->peer.rtc->now_us;
    const struct rtp_header *h = &v->head;
    if (!adopt(p, t, h->ssrc))
        return;
    if (t->bye && now_us - t->heard_us > BYE_LATE_US) { /* it goes on after all */
        t->bye = false;
        p->bye_us = 0;
    }
    t->heard_us = now_us;
    rtcp_account_packet(&t->account, h->seq, h->ts, now_us);
    rtp_clock_arrived(&t->clock, &p->base, h->ts, now_us);
    if (order_put(&t->order, h->seq, h->ts, h->marker, payload, v->payload_len, now_us))
        drain(p, t);
}

/* RFC 4588: the original number before the payload. Probes of the line come without it, or as what we have. */
static void take_resend(struct rtc_publisher *p, const struct rtp_view *v, const uint8_t *payload)
{
    struct track *t = &p->video;
    if (t->started && v->payload_len > 2 &&
        order_put(&t->order, rd16be(payload), v->head.ts, v->head.marker, payload + 2, v->payload_len - 2, p->peer.rtc->now_us))
        drain(p, t);
}

void intake_clear_rtp(struct rtc_publisher *p, const uint8_t *bytes, size_t len)
{
    struct rtp_view v;
    if (!rtp_parse(bytes, len, false, &v))
        return;
    bool is_audio = p->offer.audio >= 0 && v.head.pt == p->audio.pt, is_resend = p->offer.rtx_pt && v.head.pt == p->offer.rtx_pt;
    note_number(p, is_audio ? &p->audio : &p->video, bytes, &v);
    if (is_resend)
        take_resend(p, &v, bytes + v.header_len);
    else if (is_audio || v.head.pt == p->video.pt)
        take_media(p, is_audio ? &p->audio : &p->video, &v, bytes + v.header_len);
}

void intake_rtp(struct rtc_publisher *p, uint8_t *bytes, size_t len)
{
    size_t clear = srtp_unseal_rtp(p->peer.in, bytes, len);
    if (!clear)
        return;
    p->heard_us = p->peer.rtc->now_us;
    p->stats.packets++;
    p->window_bytes += len;
    intake_clear_rtp(p, bytes, clear);
}

/* ---- RTCP in ---- */

static void take_rtcp(struct rtc_publisher *p, const struct rtcp_packet *q)
{
    struct track *const tracks[] = { &p->video, &p->audio };
    struct rtcp_sender s;
    int64_t now_us = p->peer.rtc->now_us;
    bool is_report = rtcp_sender(q, &s), any = false, all_bye = true;
    for (size_t i = 0; i < ARRAY_LEN(tracks); i++) {
        struct track *t = tracks[i];
        if (!t->started)
            continue;
        if (is_report && s.ssrc == t->ssrc) {
            rtp_clock_report(&t->clock, &p->base, s.ts, s.ntp);
            t->account.lsr = (uint32_t)(s.ntp >> 16);
            t->account.lsr_us = now_us;
        }
        if (rtcp_bye(q, t->ssrc)) {
            t->bye = true;
            t->heard_us = now_us;
        }
        any = true;
        all_bye &= t->bye;
    }
    if (any && all_bye && !p->bye_us)
        p->bye_us = now_us;
}

void intake_clear_rtcp(struct rtc_publisher *p, const uint8_t *bytes, size_t len)
{
    struct rtcp_packet q;
    for (size_t at = 0; rtcp_next(bytes, len, &at, &q);)
        take_rtcp(p, &q);
}

void intake_rtcp(struct rtc_publisher *p, uint8_t *bytes, size_t len)
{
    size_t clear = srtp_unseal_rtcp(p->peer.in, bytes, len);
    if (!clear)
        return;
    p->heard_us = p->peer.rtc->now_us;
    intake_clear_rtcp(p, bytes, clear);
}

/* ---- RTCP out ---- */

/* Feedback may go alone only where that was agreed on (RFC 5506). */
static size_t begin(const struct rtc_publisher *p, uint8_t *b)
{
    if (p->offer.rsize)
        return 0;
    size_t n = rtcp_write_rr(b, p->ssrc, NULL, 0);
    return n + rtcp_write_cname(b + n, p->ssrc, RTC_CNAME);
}

static void end(struct rtc_publisher *p, uint8_t *b, size_t n)
{
    struct udp *u = p->peer.rtc->udp;
    n = srtp_seal_rtcp(p->peer.out, b, n);
    if (n)
        udp_commit(u, &p->peer.address, n, false);
}

static void ask_again(struct rtc_publisher *p, struct track *t)
{
    uint16_t seqs[RTCP_NACKS_MAX];
    int count = t->nack && t->started ? order_asks(&t->order, p->peer.rtc->now_us, seqs, RTCP_NACKS_MAX) : 0;
    if (!count)
        return;
    uint8_t *b = udp_reserve(p->peer.rtc->udp);
    size_t n = begin(p, b);
    n += rtcp_write_nack(b + n, p->ssrc, t->ssrc, seqs, count);
    end(p, b, n);
    p->stats.nacked += (uint64_t)count;
}

/* After a loss, when somebody wants one, and so that one comes each second. */
static void ask_key(struct rtc_publisher *p)
{
    const struct sdp_feedback *f = &p->offer.video_feedback;
    int64_t now_us = p->peer.rtc->now_us;
    bool is_due = p->wants_key || p->join.needs_key || now_us - p->key_us >= KEY_PERIOD_US;
    if (!is_due || !p->video.started || p->video.bye || now_us - p->key_asked_us < KEY_AGAIN_US || !(f->pli || f->fir))
        return;
    uint8_t *b = udp_reserve(p->peer.rtc->udp);
    size_t n = begin(p, b);
    if (f->pli)
        n += rtcp_write_pli(b + n, p->ssrc, p->video.ssrc);
    else
        n += rtcp_write_fir(b + n, p->ssrc, p->video.ssrc, p->fir_number++);
    end(p, b, n);
    p->wants_key = false;
    p->key_asked_us = now_us;
    p->stats.key_requests++;
}

static void tell_arrivals(struct rtc_publisher *p)
{
    int64_t now_us = p->peer.rtc->now_us;
    if (now_us < p->arrivals_due_us || !p->arrivals.started)
        return;
    p->arrivals_due_us = now_us + ARRIVALS_EVERY_US;
    for (;;) {
        uint8_t *b = udp_reserve(p->peer.rtc->udp);
        size_t n = begin(p, b), more = rtcp_write_arrivals(b + n, p->ssrc, p->video.ssrc, &p->arrivals);
        if (!more)
            return;
        end(p, b, n + more);
    }
}

/* Only for publishers without transport-wide feedback: down with loss, else up. */
static void weigh_loss(struct rtc_publisher *p, uint8_t fraction)
{
    p->stats.loss = fraction / 256.0;
    if (fraction > 25) /* 10 % */
        p->remb_bps -= p->remb_bps * fraction / 512;
    else if (fraction < 6)
        p->remb_bps += p->remb_bps / 8;
    p->remb_bps = VCR_CLAMP(p->remb_bps, (uint64_t)REMB_LEAST, (uint64_t)REMB_MOST);
}

static void report(struct rtc_publisher *p)
{
    int64_t now_us = p->peer.rtc->now_us;
    struct rtcp_report blocks[2];
    int count = 0;
    if (now_us < p->report_due_us)
        return;
    p->report_due_us = now_us + REPORT_EVERY_US;
    if (p->video.started) {
        blocks[count++] = rtcp_account_report(&p->video.account, now_us);
        weigh_loss(p, blocks[0].fraction_lost);
    }
    if (p->audio.started)
        blocks[count++] = rtcp_account_report(&p->audio.account, now_us);
    uint8_t *b = udp_reserve(p->peer.rtc->udp);
    size_t n = rtcp_write_rr(b, p->ssrc, blocks, count);
    n += rtcp_write_cname(b + n, p->ssrc, RTC_CNAME);
    if (!p->offer.video_cc && p->offer.video_feedback.remb && p->video.started)
        n += rtcp_write_remb(b + n, p->ssrc, p->video.ssrc, p->remb_bps);
    end(p, b, n);
}

void intake_tick(struct rtc_publisher *p)
{
    drain_video(p);
    drain_audio(p);
    p->stats.lost = p->video.order.lost + p->audio.order.lost;
    p->stats.recovered = p->video.order.recovered + p->audio.order.recovered;
    if (!p->peer.bound)
        return;
    ask_again(p, &p->video);
    ask_again(p, &p->audio);
    ask_key(p);
    tell_arrivals(p);
    report(p);
}

void intake_bye(struct rtc_publisher *p)
{
    uint8_t *b = udp_reserve(p->peer.rtc->udp);
    size_t n = rtcp_write_rr(b, p->ssrc, NULL, 0);
    n += rtcp_write_cname(b + n, p->ssrc, RTC_CNAME);
    n += rtcp_write_bye(b + n, &p->ssrc, 1);
    end(p, b, n);
}
