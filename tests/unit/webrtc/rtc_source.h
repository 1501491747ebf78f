/* tests/unit/webrtc/rtc_source.h - a WebRTC publisher in C for tests: offers, sends H.264 and sound, resends what it is asked for, and loses, repeats and reorders on purpose. */
#pragma once
#include "rtc_client.h"

enum { SOURCE_VIDEO_PT = 96, SOURCE_RTX_PT = 97, SOURCE_AUDIO_PT = 111, SOURCE_CC_ID = 3, SOURCE_CC_FIRST = 65400, SOURCE_KEPT = 2048 };
struct rtc_source_options {
    bool cm_only;              /* AES-CM with SHA-1 alone */
    bool no_nack, no_rtx;      /* without RTX resends are plain repeats */
    bool no_cc;                /* no transport-wide numbers: REMB instead */
    bool no_pli;               /* FIR alone */
    bool no_sound, wrong_print;
    int loss_per_mille, reorder_per_mille, repeat_per_mille; /* of what is sent, resends included */
};
struct source_stream {
    uint32_t ssrc;
    uint64_t index;
    uint32_t packets;
};
struct rtc_source {
    struct rtc_source_options options;
    struct rtc_client *c;
    struct source_stream video, rtx, audio;
    uint16_t cc_number;
    struct source_kept { uint16_t len; uint32_t ts; bool marker; uint8_t payload[1400]; } *kept; /* by the low bits of index */
    uint8_t *held; /* a datagram that goes out after the next one */
    size_t held_len;
    /* what a test looks at */
    uint64_t lost, repeated, reordered, plis, firs, nacks, feedbacks, acked, reports;
    uint64_t remb_bps;
    uint8_t fraction_lost;
    bool bye;
};
/* The offer; free it. */
struct rtc_source *rtc_source_open(const struct rtc_source_options *options, char **ret_offer);
void rtc_source_close(struct rtc_source **s);
void rtc_source_frame(struct rtc_source *s, const uint8_t *au, size_t len, uint32_t ts);
/* One packet with a payload as it is. */
void rtc_source_payload(struct rtc_source *s, const uint8_t *payload, size_t len, uint32_t ts, bool marker);
void rtc_source_sound(struct rtc_source *s, const uint8_t *opus, size_t len, uint32_t ts);
/* A sender report of the stream: time stamp ts was at this time. */
void rtc_source_report(struct rtc_source *s, const struct source_stream *stream, uint32_t ts, uint64_t ntp);
void rtc_source_bye(struct rtc_source *s);
