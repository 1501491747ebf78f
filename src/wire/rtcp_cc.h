/* wire/rtcp_cc.h - reading transport-wide feedback (RTCP 205/15, draft-holmer-rmcat-transport-wide-cc-extensions-01): which of our packets came, and when by the receiver's clock.
 * rtcp_receive.h writes it.
 *
 * Strict: every status chunk and every delta must be there, nothing may reach beyond the count, the reserved symbol is refused, and after the deltas is at most what fills up a word.
 * Threads  none.     Owns  nothing: points into the caller's bytes.     Bounds  RTCP_CC_PACKETS_MAX packets in one report; one that tells of more is refused. */
#pragma once
#include "wire/rtcp.h"

enum { RTCP_FB_TRANSPORT_CC = 15, RTCP_CC_PACKETS_MAX = 2048, RTCP_CC_REFERENCE_BITS = 24, RTCP_CC_REFERENCE_US = 64000, RTCP_CC_TICK_US = 250 };
struct rtcp_cc {
    uint16_t first;     /* the first packet's transport-wide number */
    int count;          /* of packets told of, 1..RTCP_CC_PACKETS_MAX */
    uint32_t reference; /* in 64 ms of the receiver's clock, of any epoch; goes round at 24 bits */
    uint8_t number;     /* of this report, goes round */
    /* the cursor's own */
    const uint8_t *chunk, *delta;
    int done, in_chunk;
    int64_t at_us;
};
/* False when it is no such packet, or a broken one; otherwise the cursor is at its beginning. */
bool rtcp_cc_read(const struct rtcp_packet *p, struct rtcp_cc *ret);
/* The next packet, in the order of numbers; false at the end. *ret_at_us: after `reference`, may be negative; not written when it did not come. */
bool rtcp_cc_next(struct rtcp_cc *c, uint16_t *ret_seq, bool *ret_came, int64_t *ret_at_us);
