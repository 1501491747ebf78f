/* wire/sdp_offered_internal.h - an offer as it is read (sdp_offered.c), before anything of it is taken (sdp_offered_choice.c). */
#pragma once
#include "wire/sdp_offered.h"

enum { OFFER_FORMATS_MAX = 64 };
enum offer_codec { CODEC_NONE, CODEC_H264, CODEC_RTX, CODEC_OPUS };

struct offer_format { /* one payload type */
    bool listed;
    enum offer_codec codec;
    int packetization_mode, apt;
    uint32_t profile_level_id;
    bool asymmetric;
    struct sdp_feedback feedback;
};
/* What the session part or one media section says of the transport and of itself. */
struct offer_section {
    struct sdp_media media;
    char ufrag[SDP_ICE_MAX + 1], pwd[SDP_ICE_MAX + 1], setup[12], direction[12];
    uint8_t fingerprints[SDP_FINGERPRINTS_MAX][SDP_DIGEST_BYTES];
    int fingerprints_n;
    bool disabled, bundle_only, rtcp_mux, rsize;
    uint8_t transport_cc, send_time, playout_delay; /* header extensions' ids, 0: none */
    struct sdp_feedback any; /* a=rtcp-fb:* */
    struct offer_format formats[128];
    uint8_t order[OFFER_FORMATS_MAX]; /* payload types as they are listed */
    int formats_n;
};
struct offer {
    struct offer_section session, media[SDP_MEDIA_MAX];
    int media_n;
    char bundle[SDP_MEDIA_MAX][SDP_WORD_BYTES];
    int bundle_n;
};
/* offer must be zeroed. MALFORMED: no SDP. */
enum vcr_err offer_read(struct offer *offer, const char *text, size_t len, struct vcr_why *why);
