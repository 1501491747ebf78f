/* wire/srtp.h - SRTP and SRTCP (RFC 3711, RFC 7714) with the keys of one direction of one association.
 *
 * The sender chooses the 48-bit packet index and must never use one twice for an SSRC (start it below 2^15: the first roll-over is then unmistakable).
 * The receiver keeps roll-over counters and replay windows per SSRC.
 * Threads  one at a time.     Bounds  SRTP_STREAMS SSRCs a receiver; more are refused.     Costs  ciphers are keyed once, a packet only sets an IV. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"

enum srtp_profile { SRTP_CM_SHA1_80 = 1, SRTP_GCM_128 = 7 }; /* the numbers of use_srtp (RFC 5764, RFC 7714) */
enum { SRTP_KEY_BYTES = 16, SRTP_SALT_MAX = 14, SRTP_TAG_MAX = 16, SRTCP_TRAILER_MAX = 20, SRTP_STREAMS = 8 };

struct srtp;
size_t srtp_salt_bytes(enum srtp_profile profile);
enum vcr_err srtp_open(struct srtp **ret, enum srtp_profile profile, bool is_sender, const uint8_t *key, const uint8_t *salt, struct vcr_why *why);
void srtp_close(struct srtp **s);

/* Writes head and the encrypted payload to out (room: head_len + len + SRTP_TAG_MAX); the header's sequence number must be index's low half.
 * Returns the packet's length, 0 when the cipher failed. */
size_t srtp_seal_rtp(struct srtp *s, uint8_t *out, const uint8_t *head, size_t head_len, const uint8_t *payload, size_t len, uint64_t index);
/* In place; room for SRTCP_TRAILER_MAX more. 0 when the cipher failed or 2^31 packets were sent. */
size_t srtp_seal_rtcp(struct srtp *s, uint8_t *packet, size_t len);
/* In place. The length without tag, or 0: forged, replayed, too old or no packet. */
size_t srtp_unseal_rtp(struct srtp *s, uint8_t *packet, size_t len);
size_t srtp_unseal_rtcp(struct srtp *s, uint8_t *packet, size_t len);
