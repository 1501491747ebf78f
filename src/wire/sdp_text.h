/* wire/sdp_text.h - what the SDP readers and writers of this folder share. */
#pragma once
#include "wire/sdp.h"

#define SDP_URI_SEND_TIME "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
#define SDP_URI_PLAYOUT_DELAY "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
#define SDP_URI_TRANSPORT_CC "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

enum { SDP_LINE_BYTES = 2048, SDP_PWD_MIN = 22, SDP_UFRAG_MIN = 4 };

/* 32 hexadecimal pairs with colons. */
bool sdp_parse_digest(const char *s, uint8_t out[SDP_DIGEST_BYTES]);
/* min to SDP_ICE_MAX characters that ICE allows. */
bool sdp_is_ice_text(const char *s, size_t min);
/* The next line without its end, terminated; false at the end of text. *ret_ok is false when it is no line of the form x=...: too long, with a NUL, or something else. */
bool sdp_next_line(const char *text, size_t len, size_t *at, char line[SDP_LINE_BYTES], bool *ret_ok);
void sdp_write_digest(struct buf *b, const uint8_t digest[SDP_DIGEST_BYTES]);
void sdp_write_candidates(struct buf *b, const struct sdp_candidate *candidates, int n);
