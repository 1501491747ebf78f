/* tests/unit/webrtc/rtc_client.h - a WebRTC viewer in C for tests and benches: ICE checks, DTLS client, SRTP, in-order assembly, NACK, PLI, loss on purpose.
 *
 * It shares wire/ with the sender (which is held to the RFCs' vectors and to libsrtp2 elsewhere) but nothing of deliver/. One thread drives any number of clients:
 * poll their descriptors and call rtc_client_step often. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "wire/rtcp_receive.h"
#include "wire/rtp.h"
#include "wire/srtp.h"

enum { CLIENT_WINDOW = 4096 };
struct rtc_client_options {
    int loss_per_mille;  /* of what arrives after the first video packet, STUN excepted */
    int lost_dtls_datagram; /* the number, from 1, of the one handshake datagram that does not arrive; 0: none */
    bool no_resend;      /* sends no flight of the handshake twice: the server has to */
    bool nack;           /* ask for what is missing */
    bool cm_only;        /* offer AES-CM with SHA-1 alone */
    bool counts_only;    /* after the first key frame count packets without decrypting them */
    int feedback_ms;     /* takes transport-wide numbers, and tells what came so often; 0: does not take them */
    uint16_t via_port;   /* sends to this port in place of the offer's: something between (line.h); 0: the offer's */
    bool wrong_print;    /* answer with another certificate's fingerprint */
    /* A whole access unit in Annex B; may be NULL. */
    void (*frame)(void *arg, const uint8_t *au, size_t len, uint32_t ts);
    void (*sound)(void *arg, const uint8_t *packet, size_t len, uint32_t ts);
    /* Each packet of the server's RTP, unsealed; may be NULL. */
    void (*rtp)(void *arg, const uint8_t *packet, const struct rtp_view *v);
    /* Each packet of the server's RTCP; a client with it sends no reports of its own. May be NULL. */
    void (*rtcp)(void *arg, const struct rtcp_packet *p);
    void *arg;
};
struct rtc_client {
    struct rtc_client_options options;
    int fd;
    struct sockaddr_in server;
    char ufrag[9], pwd[25], their_ufrag[64], their_pwd[64];
    uint32_t video_ssrc, rtx_ssrc, audio_ssrc;
    SSL_CTX *ctx;
    SSL *ssl;
    struct srtp *in, *out;
    char fingerprint[32 * 3];
    int64_t check_due_us, dtls_due_us, report_due_us, nack_due_us, pli_due_us;
    uint8_t fraction_lost; /* what it reports, of 256 */
    bool muted; /* sends no more: a viewer whose network is gone */
    /* assembly */
    struct client_slot { bool present, marker; uint16_t len; uint32_t ts; uint64_t index; uint8_t *data; } *slots;
    uint64_t next, highest; /* extended sequence numbers: to be taken next, highest seen */
    bool started;
    int dtls_datagrams;
    uint8_t *au;
    size_t au_len;
    bool au_broken, au_key;
    struct rtcp_arrivals arrivals;
    int64_t feedback_due_us;
    uint32_t last_lsr;
    int64_t lsr_at_us;
    /* what a test looks at */
    bool checked, connected, bye, closed, role_conflict;
    uint64_t packets, bytes, bad, dropped, rtx, frames, key_frames, sounds, reports, feedbacks, delay_seen_ms;
    uint64_t sr_ntp[2];
    uint32_t sr_ts[2]; /* of the last reports: picture, sound */
    int64_t answered_us, first_key_us;
    uint16_t profile;
};
struct rtc_client *rtc_client_open(const char *offer, const struct rtc_client_options *options);
/* The same in two steps, for one who offers: it has a fingerprint at once, and connects when it has the server's description. */
struct rtc_client *rtc_client_make(const struct rtc_client_options *options);
void rtc_client_connect(struct rtc_client *c, const char *sdp);
void rtc_client_close(struct rtc_client **c);
/* The answer to the offer, with `a=setup:active`; free it. */
char *rtc_client_answer(struct rtc_client *c);
/* Takes what has come and does what is due; never blocks. */
void rtc_client_step(struct rtc_client *c);
/* A datagram; RTCP to be sealed in place (room for SRTCP_TRAILER_MAX more). */
void rtc_client_send(struct rtc_client *c, const void *p, size_t len);
void rtc_client_rtcp(struct rtc_client *c, uint8_t *p, size_t len);
void rtc_client_pli(struct rtc_client *c);
void rtc_client_report(struct rtc_client *c);
/* Goes on from another port, as behind a router that has forgotten it. */
void rtc_client_move(struct rtc_client *c);
/* Steps all of them until done(arg) or the time is over; whether it came true. */
bool rtc_clients_run(struct rtc_client **c, int count, bool (*done)(void *arg), void *arg, int timeout_ms);
