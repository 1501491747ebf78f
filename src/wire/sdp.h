/* wire/sdp.h - our SDP offer (H.264 + RTX and Opus, send-only, bundled, ICE-lite) and the strict reading of its answer.
 *
 * The offer is one template: mid 0 is the picture, mid 1 the sound. The answer must fit to it (RFC 8829); every refusal says in one sentence what is wrong.
 * Threads  none.     Bounds  an answer of at most SDP_MAX_BYTES. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/why.h"

enum { SDP_MAX_BYTES = 64 * 1024, SDP_CANDIDATES_MAX = 8, SDP_FINGERPRINTS_MAX = 4, SDP_DIGEST_BYTES = 32, SDP_ICE_MAX = 256 };
enum sdp_pt { SDP_PT_VIDEO = 102, SDP_PT_RTX = 103, SDP_PT_AUDIO = 111 };
enum sdp_ext { SDP_EXT_SEND_TIME = 1, SDP_EXT_PLAYOUT_DELAY = 2, SDP_EXT_TRANSPORT_CC = 3 }; /* abs-send-time: without it Chromium makes no REMB; with transport-cc it makes none either */

struct sdp_candidate {
    char address[46]; /* an IP literal */
    uint16_t port;
    bool has_tcp; /* the same over TCP, where we wait (RFC 6544) */
};
struct sdp_offer {
    uint64_t session_id;
    const char *ufrag, *pwd, *cname;
    const uint8_t *fingerprint; /* SHA-256 of our certificate */
    uint32_t video_ssrc, rtx_ssrc, audio_ssrc;
    const struct sdp_candidate *candidates;
    int candidates_n;
};
void sdp_write_offer(struct buf *out, const struct sdp_offer *offer);

struct sdp_remote { /* what identifies the other side */
    char ufrag[SDP_ICE_MAX + 1];
    uint8_t fingerprints[SDP_FINGERPRINTS_MAX][SDP_DIGEST_BYTES]; /* any of them may be its certificate's */
    int fingerprints_n;
};
struct sdp_answer {
    struct sdp_remote client;
    bool rtx, audio;      /* taken by the client */
    bool send_time, playout_delay;
    bool video_cc, audio_cc; /* transport-wide numbers, and feedback about them: the sound's only besides the picture's */
};
/* VCR_E_INVALID with a reason, and nothing written. text need not be terminated. */
enum vcr_err sdp_parse_answer(const char *text, size_t len, struct sdp_answer *ret, struct vcr_why *why);
