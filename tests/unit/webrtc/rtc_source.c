/* tests/unit/webrtc/rtc_source.c - see rtc_source.h. */
#include "rtc_source.h"

#include <string.h>

#include "base/util.h"
#include "wire/rtp.h"

enum { PAYLOAD = 1100 };

static bool by_chance(int per_mille) { return (int)(vcr_random_u64() % 1000) < per_mille; }

static char *offer_of(const struct rtc_source *s)
{
    const struct rtc_source_options *o = &s->options;
    char print[32 * 3];
    vcr_strcpy(print, sizeof(print), s->c->fingerprint);
    if (o->wrong_print)
        print[0] = print[0] == '0' ? '1' : '0';
    char *transport = vcr_asprintf("c=IN IP4 0.0.0.0\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\na=setup:actpass\r\na=sendonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
                                   "%s", s->c->ufrag, s->c->pwd, print, o->no_cc ? "" : "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n");
    char *rtx = o->no_rtx ? vcr_strdup("") : vcr_strdup("a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n");
    char *sound = o->no_sound ? vcr_strdup("") : vcr_asprintf("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n%sa=mid:1\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n", transport);
    char *offer = vcr_asprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n%sa=mid:0\r\n"
                               "a=rtpmap:96 H264/90000\r\na=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n%s%s%s%s%s",
                               transport, o->no_nack ? "" : "a=rtcp-fb:96 nack\r\n", o->no_pli ? "a=rtcp-fb:96 ccm fir\r\n" : "a=rtcp-fb:96 nack pli\r\n",
                               o->no_cc ? "a=rtcp-fb:96 goog-remb\r\n" : "a=rtcp-fb:96 transport-cc\r\n", rtx, sound);
    free(transport);
    free(rtx);
    free(sound);
    return offer;
}

/* ---- out ---- */

static void put(struct rtc_source *s, const uint8_t *p, size_t len)
{
    if (by_chance(s->options.loss_per_mille)) {
        s->lost++;
        return;
    }
    if (!s->held && by_chance(s->options.reorder_per_mille)) {
        s->held = vcr_alloc(len);
        memcpy(s->held, p, len);
        s->held_len = len;
        s->reordered++;
        return;
    }
    rtc_client_send(s->c, p, len);
    if (by_chance(s->options.repeat_per_mille)) {
        rtc_client_send(s->c, p, len);
        s->repeated++;
    }
    if (s->held)
        rtc_client_send(s->c, s->held, s->held_len);
    free(s->held);
    s->held = NULL;
}

static void send_rtp(struct rtc_source *s, struct source_stream *stream, uint64_t index, struct rtp_header h, const uint8_t *payload, size_t len)
{
    uint8_t head[RTP_HEADER_MAX], out[1500], ext[3] = { SOURCE_CC_ID << 4 | 1 };
    h.seq = (uint16_t)index;
    h.ssrc = stream->ssrc;
    wr16be(ext + 1, s->cc_number++);
    size_t n = rtp_write(head, &h, ext, s->options.no_cc ? 0 : sizeof(ext));
    put(s, out, srtp_seal_rtp(s->c->out, out, head, n, payload, len, index));
}

void rtc_source_payload(struct rtc_source *s, const uint8_t *payload, size_t len, uint32_t ts, bool marker)
{
    struct source_kept *k = &s->kept[s->video.index % SOURCE_KEPT];
    *k = (struct source_kept) { .len = (uint16_t)len, .ts = ts, .marker = marker };
    if (len)
        memcpy(k->payload, payload, len);
    s->video.packets++;
    send_rtp(s, &s->video, s->video.index++, (struct rtp_header) { .pt = SOURCE_VIDEO_PT, .ts = ts, .marker = marker }, payload, len);
}

struct cutting { /* one payload behind, so that the last one is known */
    struct rtc_source *s;
    uint32_t ts;
    uint8_t last[1400];
    size_t len;
};

static void cut(void *arg, const uint8_t *payload, size_t len)
{
    struct cutting *c = arg;
    if (c->len)
        rtc_source_payload(c->s, c->last, c->len, c->ts, false);
    memcpy(c->last, payload, len);
    c->len = len;
}

void rtc_source_frame(struct rtc_source *s, const uint8_t *au, size_t len, uint32_t ts)
{
    struct cutting c = { .s = s, .ts = ts };
    rtp_h264_cut(au, len, PAYLOAD, cut, &c);
    rtc_source_payload(s, c.last, c.len, ts, true);
}

void rtc_source_sound(struct rtc_source *s, const uint8_t *opus, size_t len, uint32_t ts)
{
    s->audio.packets++;
    send_rtp(s, &s->audio, s->audio.index++, (struct rtp_header) { .pt = SOURCE_AUDIO_PT, .ts = ts }, opus, len);
}

void rtc_source_report(struct rtc_source *s, const struct source_stream *stream, uint32_t ts, uint64_t ntp)
{
    uint8_t b[RTCP_SR_BYTES + SRTCP_TRAILER_MAX];
    rtc_client_rtcp(s->c, b, rtcp_write_sr(b, &(struct rtcp_sender) { .ssrc = stream->ssrc, .ntp = ntp, .ts = ts, .packets = stream->packets }));
}

void rtc_source_bye(struct rtc_source *s)
{
    uint8_t b[RTCP_BYE_MAX + SRTCP_TRAILER_MAX];
    rtc_client_rtcp(s->c, b, rtcp_write_bye(b, (uint32_t[]) { s->video.ssrc, s->audio.ssrc }, 2));
}

/* ---- in ---- */

static void resend(struct rtc_source *s, uint16_t seq)
{
    uint8_t payload[1500];
    uint64_t last = s->video.index - 1, index = last - (uint16_t)((uint16_t)last - seq);
    const struct source_kept *k = &s->kept[index % SOURCE_KEPT];
    struct rtp_header h = { .pt = s->options.no_rtx ? SOURCE_VIDEO_PT : SOURCE_RTX_PT, .ts = k->ts, .marker = k->marker };
    s->nacks++;
    if (s->options.no_rtx) {
        /* A repeat is the same packet to the bit, transport-wide number and all, or the nonce of GCM would serve twice. Here it has no extension, as the tests with it are without. */
        send_rtp(s, &s->video, index, h, k->payload, k->len);
        return;
    }
    wr16be(payload, seq);
    memcpy(payload + 2, k->payload, k->len);
    send_rtp(s, &s->rtx, s->rtx.index++, h, payload, k->len + (size_t)2);
}

/* How many packets a transport-wide feedback says have come, read with a reader of our own. */
static uint64_t count_acks(const struct rtcp_packet *p)
{
    size_t count = rd16be(p->body + 6), at = 12, seen = 0;
    uint64_t came = 0;
    for (; seen < count && at + 2 <= p->body_len; at += 2) {
        unsigned chunk = rd16be(p->body + at);
        if (!(chunk & 0x8000)) {
            came += chunk >> 13 ? chunk & 0x1fff : 0;
            seen += chunk & 0x1fff;
            continue;
        }
        for (int k = 12; k >= 0 && seen < count; k -= 2, seen++)
            came += (chunk >> k & 3) != 0;
    }
    return came;
}

static void on_rtcp(void *arg, const struct rtcp_packet *p)
{
    struct rtc_source *s = arg;
    struct rtcp_report r;
    uint16_t seq, mask;
    s->plis += p->type == RTCP_PSFB && p->count == RTCP_FB_PLI && rtcp_media_ssrc(p) == s->video.ssrc;
    s->firs += rtcp_fir(p, s->video.ssrc);
    rtcp_remb(p, &s->remb_bps);
    for (int i = 0; rtcp_report(p, i, &r); i++) {
        s->reports++;
        if (r.ssrc == s->video.ssrc)
            s->fraction_lost = r.fraction_lost;
    }
    if (p->type == RTCP_RTPFB && p->count == 15 && p->body_len >= 12) {
        s->feedbacks++;
        s->acked += count_acks(p);
    }
    s->bye |= p->type == RTCP_BYE;
    for (int i = 0; rtcp_nack(p, i, &seq, &mask); i++) {
        resend(s, seq);
        for (int k = 0; k < 16; k++)
            if (mask >> k & 1)
                resend(s, (uint16_t)(seq + 1 + k));
    }
}

/* ---- life ---- */

struct rtc_source *rtc_source_open(const struct rtc_source_options *options, char **ret_offer)
{
    struct rtc_source *s = vcr_alloc(sizeof(*s));
    s->options = *options;
    s->kept = vcr_calloc(SOURCE_KEPT, sizeof(*s->kept));
    s->c = rtc_client_make(&(struct rtc_client_options) { .cm_only = options->cm_only, .rtcp = on_rtcp, .arg = s });
    s->video = (struct source_stream) { .ssrc = 0x11, .index = 65500 }; /* the first roll-over comes at once; below 2^16 it can be told */
    s->rtx = (struct source_stream) { .ssrc = 0x22, .index = 7 };
    s->audio = (struct source_stream) { .ssrc = 0x33, .index = 300 };
    s->cc_number = SOURCE_CC_FIRST;
    *ret_offer = offer_of(s);
    return s;
}

void rtc_source_close(struct rtc_source **sp)
{
    struct rtc_source *s = *sp;
    if (!s)
        return;
    rtc_client_close(&s->c);
    free(s->held);
    free(s->kept);
    free(s);
    *sp = NULL;
}
