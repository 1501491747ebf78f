/* deliver/webrtc/rtc.h - sends one encoded programme (H.264 + Opus) to many WebRTC viewers.
 *
 * ICE-lite on one UDP port (dual stack), and on the TCP port of the same number when that is free (passive, RFC 6544); DTLS 1.2 passive, SRTP (AES-GCM first, then
 * AES-CM/SHA-1) on OpenSSL EVP, RTX from one ring shared by all viewers of a stream, RTCP SR/NACK/PLI/REMB, consent 30 s, offers unanswered for 10 s dropped. It knows nothing of tapes or users.
 * Threads  several sender threads on one socket, another one makes their handshakes. A viewer belongs to one of them, the one that has least to do when it comes, and a stream is on all that
 *          have viewers of it: its packets are cut once, by the thread that gives them, and what is kept of them is there once (share.c). The first sender thread receives for all. Every
 *          function here may be called from any thread except those; of one stream rtc_stream_send and rtc_stream_close are called by one thread at a time. Call-backs (struct rtc_events)
 *          may only wake somebody up (post a message).
 * Bounds   viewers_max, joins a second, a ring of 2 s or 4 MiB a stream, NACK bytes by token bucket: in rtc_config and rtc.c; what waits for a thread: share.c; of TCP: tcp.c. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/packet.h"
#include "base/util.h"
#include "base/why.h"

struct rtc;
struct rtc_stream;
enum { RTC_THREADS_MAX = 16 };

struct rtc_config {
    const char *listen;         /* "127.0.0.1:8189"; port 0 takes a free one */
    const char *public_address; /* comma-separated addresses for the candidates, NULL: the listen address (or every interface's for a wildcard) */
    int threads;                /* that send, 1..RTC_THREADS_MAX; 0: as many as there are cores, at most that */
    int viewers_max;            /* 0: 2000, of all threads */
    int publishers_max;         /* 0: 64; see publish.h */
    int joins_per_s;            /* 0: 50; -1: no cap */
    int offer_ms;               /* 0: 10 000; an offer lives so long without an answer, and an answer without a connection */
    int consent_ms;             /* 0: 30 000; without a valid check from the viewer it is gone (RFC 7675) */
};
enum vcr_err rtc_open(struct rtc **ret, const struct rtc_config *config, struct vcr_why *why);
/* All its streams must be closed. NULL is fine. */
void rtc_close(struct rtc **r);
int rtc_port(const struct rtc *r);

/* Post a message, nothing else. Those about a viewer come on its thread, want_key on any, also on two at once; rate on one, always the same. */
struct rtc_events {
    /* A viewer sent PLI, or joined where no key frame younger than half a second could be replayed to it: coalesced to 4 a second. */
    void (*want_key)(void *arg);
    void (*viewer_up)(void *arg, const char *peer_id);
    /* For every offered viewer, connected or not, once; not from rtc_stream_close. */
    void (*viewer_gone)(void *arg, const char *peer_id, const char *reason);
    /* How many bits a second the programme may have, by what its viewers' lines carry (rate.h says how); 0: nothing limits it, as at first. May be NULL. */
    void (*rate)(void *arg, int64_t bps);
    void *arg;
};
enum vcr_err rtc_stream_open(struct rtc *r, struct rtc_stream **ret, const struct rtc_events *events, struct vcr_why *why);
/* Sends BYE to all its viewers and forgets them. Returns when no call-back of this stream can come any more. */
void rtc_stream_close(struct rtc_stream **s);
/* One packet, copied; sent at once, waits for nobody. pts_us on the common monotonic clock. Video is Annex B. A thread that lags behind has its viewers go on at the newest key frame. */
void rtc_stream_send(struct rtc_stream *s, const struct packet *p);

/* A new viewer: its id and the SDP offer (free it). VCR_E_BUSY over the caps. */
enum vcr_err rtc_offer(struct rtc_stream *s, char ret_peer_id[VCR_UUID_BYTES], char **ret_sdp, struct vcr_why *why);
/* VCR_E_NOT_FOUND: unknown or expired peer; VCR_E_CONFLICT: answered before; VCR_E_INVALID: an SDP that cannot work (says why). */
enum vcr_err rtc_answer(struct rtc_stream *s, const char *peer_id, const char *sdp, struct vcr_why *why);
void rtc_viewer_close(struct rtc_stream *s, const char *peer_id);

/* A viewer who makes the offer (a WHEP player): its id and the SDP answer (free it). MALFORMED, INVALID, UNACCEPTABLE: as wire/sdp_offered.h says; BUSY over the caps. */
enum vcr_err rtc_view(struct rtc_stream *s, const char *offer, size_t len, char ret_peer_id[VCR_UUID_BYTES], char **ret_answer, struct vcr_why *why);
/* A fragment of its candidates (RFC 8840), of which we need none: it is only held against the offer. NULL: whether it is still there. MALFORMED: no fragment. INVALID
 * "/no-ice-restart": other credentials than the offer's. NOT_FOUND: no such viewer who made an offer; so the next. */
enum vcr_err rtc_view_trickle(struct rtc_stream *s, const char *peer_id, const char *fragment, size_t len, struct vcr_why *why);
enum vcr_err rtc_view_end(struct rtc_stream *s, const char *peer_id, struct vcr_why *why);

struct rtc_viewer_stats {
    char peer_id[VCR_UUID_BYTES];
    bool connected;
    double rtt_ms;              /* -1: not known */
    double loss;                /* 0..1, of the last report */
    int64_t bitrate_bps;        /* sent, over the last second */
    int64_t estimate_bps;       /* what its line carries, by `estimate_by`; 0: nothing is known */
    enum rtc_estimate { RTC_ESTIMATE_NONE, RTC_ESTIMATE_REMB, RTC_ESTIMATE_TRANSPORT_CC } estimate_by; /* nobody; what the viewer said in the last ten seconds; ours (cc.h) */
    double delay_ms_per_s;      /* by transport-cc: how fast the queue on its line grows (or, below 0, drains) */
    double first_key_frame_ms;  /* answer to the last packet of the first key frame sent, -1: none yet */
    uint64_t packets_sent, nacked, resent;
    int thread;                 /* the sender thread that it is on, from 0 */
};
/* Of all threads; at most max, returns how many. */
int rtc_viewers(struct rtc_stream *s, struct rtc_viewer_stats *out, int max);
