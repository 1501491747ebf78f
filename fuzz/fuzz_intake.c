/* fuzz/fuzz_intake.c - everything behind SRTP of a publisher's connection: RTP and RTCP in any order and at any time, and what it is told.
 *
 * Input: records of a kind (0 RTP, 1 RTCP, else so many times 4 ms pass), a length of two bytes for the first two kinds, and the bytes. */
#include <stdlib.h>
#include <string.h>

#include "deliver/webrtc/internal.h"

static const char offer[] =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijkl\r\na=setup:actpass\r\n"
    "a=fingerprint:sha-256 AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n"
    "a=rtcp-fb:96 transport-cc\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack\r\n";

struct seen {
    int64_t pts_us[2];
    bool any[2];
};

static void on_packet(void *arg, const struct packet *p)
{
    struct seen *s = arg;
    if (p->track > PACKET_AUDIO || !p->len || p->len > H264_UNIT_MAX || (s->any[p->track] && p->pts_us <= s->pts_us[p->track]))
        abort();
    if (p->track == PACKET_VIDEO && memcmp(p->data, "\0\0\0\1", 4) != 0)
        abort();
    if (p->track == PACKET_VIDEO && !s->any[PACKET_VIDEO] && !(p->flags & PACKET_KEY)) /* it begins with a key frame */
        abort();
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < p->len; i++)
        sum = (uint8_t)(sum + p->data[i]);
    s->any[p->track] = true;
    s->pts_us[p->track] = p->pts_us;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rtc rtc;
    static struct srtp *seal;
    static const uint8_t keys[30];
    struct seen seen = { 0 };
    if (!rtc.udp && (udp_open(&rtc.udp, "127.0.0.1:0", NULL) || srtp_open(&seal, SRTP_GCM_128, true, keys, keys, NULL)))
        abort();
    rtc.now_us = 1000000;
    struct rtc_publisher *p = calloc(1, sizeof(*p));
    if (!p || sdp_parse_publish(offer, sizeof(offer) - 1, &p->offer, NULL))
        abort();
    p->peer.rtc = &rtc;
    p->peer.out = seal;
    p->peer.bound = true;
    p->peer.address = (struct sockaddr_in6) { .sin6_family = AF_INET6, .sin6_port = htons(9) };
    p->peer.address.sin6_addr.s6_addr[10] = p->peer.address.sin6_addr.s6_addr[11] = 0xff;
    p->peer.address.sin6_addr.s6_addr[12] = 127, p->peer.address.sin6_addr.s6_addr[15] = 1;
    p->events = (struct rtc_publish_events) { .packet = on_packet, .arg = &seen };
    intake_open(p);
    for (size_t at = 0; at < size;) {
        uint8_t kind = data[at++];
        if (kind > 1) {
            rtc.now_us += 4000 * kind;
            intake_tick(p);
            continue;
        }
        if (size - at < 2)
            break;
        size_t len = VCR_MIN((size_t)rd16be(data + at), size - at - 2);
        uint8_t *copy = malloc(len ? len : 1); /* its end is guarded */
        memcpy(copy, data + at + 2, len);
        if (kind == 0)
            intake_clear_rtp(p, copy, len);
        else
            intake_clear_rtcp(p, copy, len);
        free(copy);
        at += 2 + len;
    }
    intake_close(p);
    free(p);
    return 0;
}
