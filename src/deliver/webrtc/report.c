/* deliver/webrtc/report.c - RTCP: sender reports each second and BYE out; reception, NACK, PLI, FIR, REMB and transport-wide feedback in.
 *
 * Both streams of a viewer carry one CNAME and reports on one clock, which is what keeps sound and picture together. */
#include "deliver/webrtc/internal.h"

#include "wire/rtcp.h"

enum {
    NACKS_MAX = 256,            /* numbers taken from one datagram */
    LOSS_SEEN = 2,              /* of 256: from here on a viewer is given time for resends */
    DELAY_MS = 120,
    DELAY_HOLD_US = 15000000,
    LOSS_HEAVY = 90,            /* of 256: 35 % */
    HEAVY_REPORTS = 3,          /* in a row: the viewer's line does not carry the stream */
    KEYS_ONLY_US = 5000000,
};
static size_t write_one(const struct viewer *v, const struct sender *s, uint32_t ts, uint8_t *out)
{
    const struct rtc *r = v->peer.rtc;
    return rtcp_write_sr(out, &(struct rtcp_sender) { .ssrc = s->ssrc, .ntp = rtc_ntp(r, r->now_us), .ts = ts, .packets = s->packets, .octets = s->octets });
}

/* A report for each stream that it takes, its name for both, and at the end a goodbye from all. */
void report_send(struct viewer *v, bool bye)
{
    struct rtc *r = v->peer.rtc;
    uint8_t *p = udp_reserve(r->udp);
    uint32_t ssrcs[3];
    int count = 0;
    size_t n = 0;
    if (v->format.video_pt) {
        n += write_one(v, &v->video, v->stream->video_ts0 + (uint32_t)(r->now_us * 9 / 100), p);
        ssrcs[count++] = v->video.ssrc;
    }
    if (v->format.audio_pt) {
        n += write_one(v, &v->audio, v->stream->audio_ts0 + (uint32_t)(r->now_us * 6 / 125), p + n);
        ssrcs[count++] = v->audio.ssrc;
    }
    for (int i = 0; i < count; i++)
        n += rtcp_write_cname(p + n, ssrcs[i], RTC_CNAME);
    if (v->format.rtx_pt)
        ssrcs[count++] = v->rtx.ssrc;
    if (bye)
        n += rtcp_write_bye(p + n, ssrcs, count);
    n = srtp_seal_rtcp(v->peer.out, p, n);
    if (n)
        udp_commit(r->udp, &v->peer.address, n, false);
}

/* A little loss: ask the player to keep some frames back, so that a resend comes in time. Heavy loss: key frames only for a while, for this viewer alone. */
static void weigh_loss(struct viewer *v, uint8_t fraction)
{
    int64_t now_us = v->peer.rtc->now_us;
    v->loss = fraction / 256.0;
    if (fraction >= LOSS_SEEN) {
        v->delay_ms = DELAY_MS;
        v->delay_until_us = now_us + DELAY_HOLD_US;
    } else if (now_us > v->delay_until_us) {
        v->delay_ms = 0;
    }
    v->bad_reports = fraction >= LOSS_HEAVY ? v->bad_reports + 1 : 0;
    if (v->bad_reports >= HEAVY_REPORTS) {
        v->bad_reports = 0;
        v->keys_only_until_us = now_us + KEYS_ONLY_US;
    }
}

static void take_report(struct viewer *v, const struct rtcp_report *b)
{
    const struct rtc *r = v->peer.rtc;
    if (b->ssrc != v->video.ssrc)
        return;
    weigh_loss(v, b->fraction_lost);
    uint32_t rtt = (uint32_t)(rtc_ntp(r, r->now_us) >> 16) - b->lsr - b->dlsr; /* 1/65536 s */
    if (b->lsr && rtt < 60u << 16)
        v->rtt_ms = rtt * 1000.0 / 65536;
}

static void take_nacks(struct viewer *v, const struct rtcp_packet *p)
{
    uint16_t seq, mask;
    int taken = 0;
    for (int i = 0; taken < NACKS_MAX && rtcp_nack(p, i, &seq, &mask); i++) {
        stream_resend(v, seq);
        taken++;
        for (int k = 0; k < 16; k++) {
            if (mask >> k & 1) {
                stream_resend(v, (uint16_t)(seq + 1 + k));
                taken++;
            }
        }
    }
}

static void take_remb(struct viewer *v)
{
    int64_t now_us = v->peer.rtc->now_us;
    v->remb_us = now_us;
    if (!v->cc || !v->cc->heard)
        rate_line_heard(&v->line, (int64_t)VCR_MIN(v->remb_bps, (uint64_t)INT64_MAX), v->bitrate_bps, now_us);
}

static void take_packet(struct viewer *v, const struct rtcp_packet *p)
{
    struct rtcp_report block;
    struct rtcp_cc feedback;
    for (int i = 0; rtcp_report(p, i, &block); i++)
        take_report(v, &block);
    bool is_ours = v->format.video_pt && rtcp_media_ssrc(p) == v->video.ssrc;
    if (p->type == RTCP_RTPFB && p->count == RTCP_FB_NACK && is_ours)
        take_nacks(v, p);
    else if ((p->type == RTCP_PSFB && p->count == RTCP_FB_PLI && is_ours) || (v->format.video_pt && rtcp_fir(p, v->video.ssrc)))
        stream_ask_key(v);
    else if (v->cc && rtcp_cc_read(p, &feedback))
        cc_feedback(v->cc, feedback, v->peer.rtc->now_us);
    else if (rtcp_remb(p, &v->remb_bps))
        take_remb(v);
}

void report_input(struct viewer *v, uint8_t *bytes, size_t len)
{
    struct rtcp_packet p;
    len = srtp_unseal_rtcp(v->peer.in, bytes, len);
    for (size_t at = 0; len && rtcp_next(bytes, len, &at, &p);)
        take_packet(v, &p);
}
