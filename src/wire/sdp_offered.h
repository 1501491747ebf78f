/* wire/sdp_offered.h - the SDP offer of another (RFC 8829), what we take of it, and our answer. Two make offers: a publisher, who wants to send us picture and sound (WHIP, RFC 9725),
 * and a player, who wants to watch ours (WHEP, draft-ietf-wish-whep).
 *
 * Of the offered media one H.264 stream and one Opus stream are taken; every other section is answered with port 0. What is taken shares one transport. Payload types and the ids of
 * header extensions are the offerer's; payload types that cannot be told from RTCP (RFC 5761) are not taken.
 * A publisher must send a picture (packetization mode 1 before mode 0, constrained baseline before the rest). A player that asks for the picture must take H.264 in packetization
 * mode 1; one that asks for sound alone, Opus. A player that takes the picture but no Opus has the picture alone.
 * Errors   MALFORMED: no SDP. INVALID: SDP that offers nothing we can take, or in a way that cannot work. UNACCEPTABLE: a player takes none of our formats. Each says in one
 *          sentence what is wrong.
 * Threads  none.     Bounds  SDP_MAX_BYTES, SDP_MEDIA_MAX sections. */
#pragma once
#include "wire/sdp.h"

enum { SDP_MEDIA_MAX = 8, SDP_WORD_BYTES = 33 };

struct sdp_feedback { /* what the offerer understands for one codec */
    bool nack, pli, fir, remb, transport_cc;
};
struct sdp_choice {
    struct sdp_remote client;
    char pwd[SDP_ICE_MAX + 1];
    struct sdp_media {
        char kind[SDP_WORD_BYTES], proto[SDP_WORD_BYTES], format[SDP_WORD_BYTES], mid[SDP_WORD_BYTES]; /* as offered; mid may be "" */
    } media[SDP_MEDIA_MAX];
    int media_n;
    int video, audio;                     /* which of media; -1: none (the picture: of a player's alone) */
    bool bundled, rsize;
    uint8_t video_pt, rtx_pt, audio_pt;   /* 0: none */
    uint32_t profile_level_id;            /* as answered: 24 bits */
    int packetization_mode;
    struct sdp_feedback video_feedback, audio_feedback;
    /* header extensions' ids (1..14), 0: none */
    uint8_t video_cc, audio_cc;           /* transport-wide numbers in each section; a player's sound has them only besides its picture's */
    uint8_t video_send_time, audio_send_time, playout_delay; /* the last of the picture's section */
};
enum vcr_err sdp_parse_publish(const char *text, size_t len, struct sdp_choice *ret, struct vcr_why *why);
enum vcr_err sdp_parse_play(const char *text, size_t len, struct sdp_choice *ret, struct vcr_why *why);

struct sdp_accept {
    uint64_t session_id;
    const char *ufrag, *pwd;
    const uint8_t *fingerprint; /* SHA-256 of our certificate */
    const struct sdp_candidate *candidates;
    int candidates_n;
    /* for a player */
    const char *cname;
    uint32_t video_ssrc, rtx_ssrc, audio_ssrc;
};
void sdp_write_publish_answer(struct buf *out, const struct sdp_choice *offer, const struct sdp_accept *accept); /* receive-only */
void sdp_write_play_answer(struct buf *out, const struct sdp_choice *offer, const struct sdp_accept *accept);    /* send-only */

/* The ICE credentials that a fragment (application/trickle-ice-sdpfrag, RFC 8840) names. MALFORMED: none, or no fragment. */
struct sdp_fragment {
    char ufrag[SDP_ICE_MAX + 1], pwd[SDP_ICE_MAX + 1];
    int candidates;
};
enum vcr_err sdp_parse_fragment(const char *text, size_t len, struct sdp_fragment *ret, struct vcr_why *why);
