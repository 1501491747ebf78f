/* wire/rtcp.h - RTCP packets (RFC 3550, 4585, 5104, 5506, REMB): a cursor over a compound packet in, small writers out.
 *
 * Threads  none.     Owns  nothing: a struct rtcp_packet points into the caller's bytes. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rtcp_type { RTCP_SR = 200, RTCP_RR = 201, RTCP_SDES = 202, RTCP_BYE = 203, RTCP_RTPFB = 205, RTCP_PSFB = 206 };
enum rtcp_fmt { RTCP_FB_NACK = 1, RTCP_FB_PLI = 1, RTCP_FB_FIR = 4, RTCP_FB_AFB = 15 };

struct rtcp_packet {
    uint8_t type;  /* enum rtcp_type, or another */
    uint8_t count; /* report count, or feedback format */
    uint32_t ssrc; /* of the sender, 0 in an empty BYE */
    const uint8_t *body; /* after the sender's SSRC */
    size_t body_len;
};
/* Takes the packet at *at and moves on; false at the end or at the first broken one. Compound and reduced-size alike. */
bool rtcp_next(const uint8_t *p, size_t len, size_t *at, struct rtcp_packet *ret);

struct rtcp_report {
    uint32_t ssrc;
    uint8_t fraction_lost; /* of 256 */
    int32_t lost;
    uint32_t highest_seq, jitter, lsr, dlsr;
};
/* Report block i of an SR or RR; false beyond the last. */
bool rtcp_report(const struct rtcp_packet *p, int i, struct rtcp_report *ret);
/* The media SSRC of a feedback packet, 0 when there is none. */
uint32_t rtcp_media_ssrc(const struct rtcp_packet *p);
/* Entry i of a generic NACK: a first sequence number and a mask of the 16 after it. */
bool rtcp_nack(const struct rtcp_packet *p, int i, uint16_t *ret_seq, uint16_t *ret_mask);
/* Whether a FIR names this SSRC. */
bool rtcp_fir(const struct rtcp_packet *p, uint32_t ssrc);
/* The receiver's estimate in bits a second; false when it is no REMB. */
bool rtcp_remb(const struct rtcp_packet *p, uint64_t *ret_bps);

/* Writers return the length; out needs RTCP_*_BYTES. */
enum { RTCP_SR_BYTES = 28, RTCP_CNAME_MAX = 32, RTCP_SDES_BYTES = 8 + 4 + RTCP_CNAME_MAX + 4, RTCP_BYE_MAX = 4 + 4 * 4 };
struct rtcp_sender {
    uint32_t ssrc;
    uint64_t ntp; /* 32.32 fixed-point seconds since 1900 */
    uint32_t ts, packets, octets;
};
size_t rtcp_write_sr(uint8_t *out, const struct rtcp_sender *s);
size_t rtcp_write_cname(uint8_t *out, uint32_t ssrc, const char *cname);
size_t rtcp_write_bye(uint8_t *out, const uint32_t *ssrcs, int count); /* at most 4 */
