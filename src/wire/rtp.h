/* wire/rtp.h - RTP headers (RFC 3550, one-byte extensions of RFC 8285) and the cutting of H.264 into payloads (RFC 6184).
 *
 * Threads  none.     Owns  nothing.     Bounds  header extensions of at most RTP_EXT_BYTES; payloads as the caller says. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RTP_FIXED_BYTES = 12, RTP_EXT_BYTES = 12, RTP_HEADER_MAX = RTP_FIXED_BYTES + 4 + RTP_EXT_BYTES };

struct rtp_header {
    uint8_t pt;
    bool marker;
    uint16_t seq;
    uint32_t ts, ssrc;
};
/* Writes the fixed header, and, when ext_len is not 0, a one-byte-header extension block of ext_len bytes (padded with zeros). Returns its length. */
size_t rtp_write(uint8_t out[RTP_HEADER_MAX], const struct rtp_header *h, const uint8_t *ext, size_t ext_len);

struct rtp_view {
    struct rtp_header head;
    size_t header_len; /* with CSRCs and extension */
    size_t payload_len; /* without padding */
};
/* The clear header of an RTP or SRTP packet (is_srtp: the end is a tag, so the padding cannot be read). False when it is none. */
bool rtp_parse(const uint8_t *p, size_t len, bool is_srtp, struct rtp_view *ret);
/* The one-byte extension `id` (1..14): its data, or NULL. */
const uint8_t *rtp_extension(const uint8_t *p, const struct rtp_view *v, int id, size_t *ret_len);

/* Cuts an Annex B access unit into payloads of at most max_bytes (64..1400), in order: small NAL units as STAP-A, others alone, long ones as FU-A in equal pieces
 * (the last one shorter), so that kernel segmentation can send them in one call. Access unit delimiters are left out. The bytes belong to the call only.
 * Returns how many payloads were made; 0 when there is no NAL unit in it. */
typedef void (*rtp_payload_fn)(void *arg, const uint8_t *payload, size_t len);
int rtp_h264_cut(const uint8_t *au, size_t len, size_t max_bytes, rtp_payload_fn fn, void *arg);
