/* wire/rtcp_receive.h - what a receiver of RTP tells its sender (RFC 3550, 4585, 5104, REMB, transport-wide congestion control): the counts behind it and the packets.
 *
 * Threads  none.     Owns  nothing.     Writers return the length; out needs the room that each names. */
#pragma once
#include "wire/rtcp.h"

/* ---- reception of one SSRC ---- */
struct rtcp_account {
    uint32_t ssrc, rate_hz;
    bool started;
    uint64_t base, highest;      /* extended sequence numbers */
    uint64_t received;
    uint64_t expected_before, received_before; /* at the last report */
    uint32_t last_ts;
    int64_t last_us;
    double jitter;               /* in ticks (RFC 3550 A.8) */
    uint32_t lsr;                /* middle of the last sender report's NTP time, and when that came */
    int64_t lsr_us;
};
void rtcp_account_init(struct rtcp_account *a, uint32_t ssrc, uint32_t rate_hz);
void rtcp_account_packet(struct rtcp_account *a, uint16_t seq, uint32_t ts, int64_t now_us);
/* The report block; begins the next interval. */
struct rtcp_report rtcp_account_report(struct rtcp_account *a, int64_t now_us);

/* An SR's sender part; false when it is none. */
bool rtcp_sender(const struct rtcp_packet *p, struct rtcp_sender *ret);
/* Whether a BYE names this SSRC. */
bool rtcp_bye(const struct rtcp_packet *p, uint32_t ssrc);

enum { RTCP_RR_BLOCKS_MAX = 4, RTCP_RR_BYTES = 8 + 24 * RTCP_RR_BLOCKS_MAX, RTCP_NACKS_MAX = 64, RTCP_NACK_BYTES = 12 + 4 * RTCP_NACKS_MAX, RTCP_PLI_BYTES = 12,
       RTCP_FIR_BYTES = 20, RTCP_REMB_BYTES = 24 };
size_t rtcp_write_rr(uint8_t *out, uint32_t from, const struct rtcp_report *blocks, int count);
/* Ascending numbers, at most RTCP_NACKS_MAX; those within 16 of one another share an entry. */
size_t rtcp_write_nack(uint8_t *out, uint32_t from, uint32_t media, const uint16_t *seqs, int count);
size_t rtcp_write_pli(uint8_t *out, uint32_t from, uint32_t media);
/* number: another one for each request, the same for a repeat. */
size_t rtcp_write_fir(uint8_t *out, uint32_t from, uint32_t media, uint8_t number);
size_t rtcp_write_remb(uint8_t *out, uint32_t from, uint32_t media, uint64_t bps);

/* ---- arrivals by transport-wide number ---- */
enum { RTCP_ARRIVALS = 1024, RTCP_ARRIVALS_REPORTED = 256, RTCP_ARRIVALS_BYTES = 20 + 2 * RTCP_ARRIVALS_REPORTED + 2 * RTCP_ARRIVALS_REPORTED + 8 };
struct rtcp_arrivals {
    bool started;
    uint8_t reports;
    uint64_t next, end;          /* extended: to be reported next, after the highest that came */
    int64_t at_us[RTCP_ARRIVALS]; /* 0: did not come */
};
void rtcp_arrivals_take(struct rtcp_arrivals *a, uint16_t number, int64_t now_us);
/* The next feedback packet; 0: nothing is left to be told. */
size_t rtcp_write_arrivals(uint8_t *out, uint32_t from, uint32_t media, struct rtcp_arrivals *a);
