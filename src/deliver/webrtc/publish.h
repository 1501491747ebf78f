/* deliver/webrtc/publish.h - receives one encoded programme (H.264, and Opus when there is sound) from a WebRTC publisher: a browser, OBS, a device.
 *
 * It shares the UDP port and the first sender thread of rtc.h, and the same rules: ICE-lite, DTLS passive, SRTP in both profiles, silence for strangers. The publisher offers (RFC 9725: by
 * HTTP, which is the caller's matter), the answer takes one H.264 and at most one Opus stream, receive-only.
 * What comes out is whole and in order: packets are put in order, missing ones asked for again (NACK, RTX), an access unit with a hole is left out together with all up to the next key
 * frame, and a key frame is asked for then. It is asked for once a second in any case, because players and recordings start at one. Key frames carry their parameter sets.
 * Time     pts_us of both tracks is on the common monotonic clock; sender reports keep sound and picture together.
 * Threads  as in rtc.h: functions from any thread but the sender threads; call-backs come on the first one and may only copy and post.
 * Bounds   publishers_max of rtc_config; a window of packets, bytes an access unit, SSRCs: see wire/rtp_order.h, rtp_h264.h, srtp.h. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/packet.h"
#include "base/util.h"
#include "base/why.h"
#include "deliver/webrtc/rtc.h"

struct rtc_publisher;

/* On the first sender thread. */
struct rtc_publish_events {
    /* A whole access unit (Annex B; SPS and PPS before each key frame) or one Opus packet. pts_us rises within a track, and goes on evenly over what is
     * missing; PACKET_DISCONT: it jumped. */
    void (*packet)(void *arg, const struct packet *p);
    /* Once, and nothing after it; not from rtc_publish_close. The publisher must still be closed. reason has static storage. */
    void (*gone)(void *arg, const char *reason);
    void *arg;
};
/* Takes an SDP offer; ret_answer is the SDP answer (free it). MALFORMED: no SDP. INVALID: an offer that cannot work, says why. BUSY: over the caps.
 * It is gone by itself when no connection comes about within offer_ms. */
enum vcr_err rtc_publish(struct rtc *r, struct rtc_publisher **ret, const char *offer, size_t len, const struct rtc_publish_events *events, char **ret_answer,
                         struct vcr_why *why);
/* Returns when no call-back can come any more. NULL is fine. */
void rtc_publish_close(struct rtc_publisher **p);
/* Asks the publisher for a key frame; asked often, it goes out at most four times a second. Returns at once. */
void rtc_publish_key(struct rtc_publisher *p);
/* Names this one connection: its ETag. Lives as long as the publisher. */
const char *rtc_publish_id(const struct rtc_publisher *p);
/* A fragment of trickled candidates (RFC 8840). We are ICE-lite and need none of them, so it is only held against the offer. MALFORMED: no fragment. INVALID: other credentials than
 * the offer's, which would be an ICE restart. */
enum vcr_err rtc_publish_trickle(const struct rtc_publisher *p, const char *fragment, size_t len, struct vcr_why *why);

struct rtc_publish_stats {
    bool connected;
    int64_t bitrate_bps;        /* received, over the last second */
    double loss;                /* 0..1, of the last report, before resends */
    double jitter_ms;           /* of the picture's packets */
    uint64_t packets, lost, recovered, nacked; /* recovered: came by a resend; lost: never came */
    uint64_t pictures, key_frames, dropped;    /* access units given, of those key frames, left out */
    uint64_t sounds, key_requests;
};
void rtc_publish_stats(struct rtc_publisher *p, struct rtc_publish_stats *ret);
