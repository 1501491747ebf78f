/* wire/sdp_publish.h - the SDP offer of someone who wants to send us picture and sound (RFC 9725, RFC 8829), and our receive-only answer.
 *
 * Of the offered media one H.264 stream (packetization mode 1 before mode 0, constrained baseline before the rest) and one Opus stream are taken; every other section is answered with
 * port 0. What is taken shares one transport.
 * Errors   MALFORMED: no SDP. INVALID: SDP that offers nothing we can take, or in a way that cannot work; each says in one sentence what is wrong.
 * Threads  none.     Bounds  SDP_MAX_BYTES, SDP_MEDIA_MAX sections. */
#pragma once
#include "wire/sdp.h"

enum { SDP_MEDIA_MAX = 8, SDP_WORD_BYTES = 33 };

struct sdp_feedback { /* what the publisher understands for one codec */
    bool nack, pli, fir, remb, transport_cc;
};
struct sdp_published {
    struct sdp_remote client;
    char pwd[SDP_ICE_MAX + 1];
    struct sdp_media {
        char kind[SDP_WORD_BYTES], proto[SDP_WORD_BYTES], format[SDP_WORD_BYTES], mid[SDP_WORD_BYTES]; /* as offered; mid may be "" */
    } media[SDP_MEDIA_MAX];
    int media_n;
    int video, audio;                     /* which of media; audio -1: none */
    bool bundled, rsize;
    uint8_t video_pt, rtx_pt, audio_pt;   /* rtx_pt 0: none */
    uint32_t profile_level_id;            /* as answered: 24 bits */
    int packetization_mode;
    struct sdp_feedback video_feedback, audio_feedback;
    uint8_t video_cc, audio_cc, send_time; /* header extensions' ids (1..14): transport-wide numbers in each section, abs-send-time; 0: none */
};
enum vcr_err sdp_parse_publish(const char *text, size_t len, struct sdp_published *ret, struct vcr_why *why);

struct sdp_accept {
    uint64_t session_id;
    const char *ufrag, *pwd;
    const uint8_t *fingerprint; /* SHA-256 of our certificate */
    const struct sdp_candidate *candidates;
    int candidates_n;
};
void sdp_write_publish_answer(struct buf *out, const struct sdp_published *offer, const struct sdp_accept *accept);

/* The ICE credentials that a fragment (application/trickle-ice-sdpfrag, RFC 8840) names. MALFORMED: none, or no fragment. */
struct sdp_fragment {
    char ufrag[SDP_ICE_MAX + 1], pwd[SDP_ICE_MAX + 1];
    int candidates;
};
enum vcr_err sdp_parse_fragment(const char *text, size_t len, struct sdp_fragment *ret, struct vcr_why *why);
