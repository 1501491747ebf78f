/* deliver/webrtc/internal.h - what the files of this folder share. All of it belongs to a sender thread, unless a group of fields says otherwise.
 *
 *   rtc.c     the public functions, the sender threads, their clock tick    viewer.c  viewers: joining and leaving; player.c those who offer
 *   udp.c     the socket: batches in, batches out (sendmmsg, UDP_SEGMENT)    share.c   packets in, cut once for all threads; what is kept of them
 *                                                                            stream.c  pacing, RTP out, resends; what a stream asks of its owner
 *   peer.c    one connection: the tables that find it, STUN, what goes where report.c  a viewer's RTCP in and out
 *                                                                            rate.c, cc.c, trend.c  what its line carries; pace.c
 *   tcp.c     the same datagrams over TCP; backlog.c  what waits for one's socket
 *   dtls.c    certificate, handshakes on a worker of their own, keys         publisher.c  publishers: coming and going; intake.c  their RTP and RTCP */
#pragma once
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#include <openssl/ssl.h>

#include "base/pool.h"
#include "deliver/webrtc/cc.h"
#include "deliver/webrtc/pace.h"
#include "deliver/webrtc/rtc.h"
#include "deliver/webrtc/publish.h"
#include "deliver/webrtc/rate.h"
#include "wire/rtcp_receive.h"
#include "wire/rtp_clock.h"
#include "wire/rtp_h264.h"
#include "wire/rtp_order.h"
#include "wire/sdp_offered.h"
#include "wire/srtp.h"

#define RTC_CNAME "vcr" /* of every stream of ours */
enum {
    UFRAG_CHARS = 8,
    PWD_CHARS = 24,
    DTLS_MTU = 1200,
    PAYLOAD_MAX = 1150,     /* + header 12 + extensions 16 + RTX 2 + tag 16 = 1196 */
    RING_PAYLOADS = 4096,   /* of a stream kept for resending and joining */
    RING_UNITS = 1024,      /* pictures that they are of */
    RING_BYTES = 4 << 20,
    RING_US = 2000000,      /* older ones go, unless they belong to the newest group of pictures */
    PACKET_MAX = 2 << 20,
    QUEUE_UNITS = 256,      /* packets of a stream that a sender thread has not taken yet: more than two seconds of them; a power of two */
    QUEUE_BYTES = 4 << 20,
    SPREAD_SLACK = 4,       /* so many connections more than another thread may one have before a stream goes onto that one, too */
    TABLE_SLOTS = 4096,
    PASSED_MAX = 1024,      /* datagrams on their way from the thread that receives to another one; more are dropped */
    TICK_MS = 20,
    PACE_MS = 5,
    PACE_BPS = 60000000,    /* to a viewer of whose line nothing is known */
    LAG_PAYLOADS = 256,     /* a viewer this far behind is taken to the newest key frame when it comes */
    JOIN_PAYLOADS = 768,    /* a group of pictures longer than this (two to three seconds) is not replayed to who joins */
    NACK_BYTES_PER_S = 250000,
    NACK_BURST_BYTES = 125000,
    RESENDS = 64,           /* sequence numbers of a viewer of which it is known when they went out again */
    KEY_EVERY_US = 250000,  /* asks for key frames: at most four a second */
    KEY_FRESH_US = 500000,  /* who joins at a younger one need not ask for another */
    REPORT_EVERY_US = 1000000,
};

/* ---- udp.c ---- */
struct udp;
struct tcp;
enum vcr_err udp_open(struct udp **ret, const char *listen, struct vcr_why *why);
/* Another thread's way to send through the same socket, with a batch of its own; to be closed before the first one. */
struct udp *udp_beside(const struct udp *u);
void udp_close(struct udp **u);
int udp_fd(const struct udp *u);
int udp_port(const struct udp *u);
/* Our host candidates: from public_address, or else the address listened on, or else every interface's. */
enum vcr_err udp_candidates(const struct udp *u, const char *public_address, struct sdp_candidate out[SDP_CANDIDATES_MAX], int *ret_n,
                            struct vcr_why *why);
/* Room for one datagram of at most 1500 bytes, to be filled and committed. may_join: it can ride one segmented message with those before it to the same peer. */
uint8_t *udp_reserve(struct udp *u);
void udp_commit(struct udp *u, const struct sockaddr_in6 *to, size_t len, bool may_join);
void udp_flush(struct udp *u);
/* At once, past the batch. What is lost is lost. */
void udp_send(struct udp *u, const struct sockaddr_in6 *to, const void *p, size_t len);
typedef void (*udp_fn)(void *arg, uint8_t *p, size_t len, const struct sockaddr_in6 *from);
void udp_receive(struct udp *u, udp_fn fn, void *arg);

/* From here on what goes to an address with a number in sin6_flowinfo goes over TCP. */
void udp_set_tcp(struct udp *u, struct tcp *t);
/* Where it is bound; lives as long as it. */
const struct sockaddr *udp_bound(const struct udp *u, socklen_t *ret_len);
/* An IPv4 address as the tables have it. */
void udp_map_v4(struct sockaddr_in6 *out, const struct in_addr *a, uint16_t port_be);

/* ---- tcp.c ---- */
/* On the UDP socket's address and port. */
enum vcr_err tcp_open(struct tcp **ret, const struct udp *u, struct vcr_why *why);
/* On the first thread's loop, before any runs: what libuv says of it, 0 is well. */
int tcp_start(struct tcp *t, struct rtc *r);
/* After the loop has ended, and before it is closed; then tcp_close. NULL is fine for both. */
void tcp_stop(struct tcp *t);
void tcp_close(struct tcp **t);
/* Any sender thread; never waits. What does not fit is lost. */
void tcp_send(struct tcp *t, const struct sockaddr_in6 *to, const void *p, size_t len);
/* Sends what waits, ends who has no business here; whether anybody is there. NULL is fine. */
bool tcp_tick(struct tcp *t);

/* ---- peers: what every connection has, whatever it is for ---- */
struct peer;
struct peer_kind {
    void (*ready)(struct peer *p);                                /* checked, secured, and with keys */
    void (*rtp)(struct peer *p, uint8_t *bytes, size_t len);      /* still sealed; NULL: takes none */
    void (*rtcp)(struct peer *p, uint8_t *bytes, size_t len);     /* still sealed */
};
struct peer {
    /* set by open, then read-only */
    struct rtc *rtc; /* its thread */
    const struct peer_kind *kind;
    char ufrag[UFRAG_CHARS + 1], pwd[PWD_CHARS + 1];
    /* guarded by the tables' lock */
    struct peer *next_ufrag, *next_tuple;
    /* changed with that lock held */
    _Atomic(bool) bound; /* in the table of tuples; any thread ends it, when another connection comes from the same address */
    struct sockaddr_in6 address; /* only by its own thread */
    /* connecting: its description and the handshake may come in either order */
    bool known, checked, secured, ready;
    struct sdp_remote remote; /* when known */
    int64_t checked_us;       /* last valid check: consent (RFC 7675) */
    struct dtls *dtls;   /* NULL: no datagram of it has come */
    int64_t dtls_due_us; /* when OpenSSL wants to repeat something, 0: never */
    const char *gone;    /* why it is to be removed */
    /* ready */
    struct srtp *out, *in;
};

/* ---- streams, and what sender threads share of them (share.c) ---- */
struct payload {
    uint32_t at; /* in the unit's data */
    uint16_t len;
};
struct unit { /* an access unit cut into payloads, or a packet of sound, which is one */
    _Atomic(int) refs;
    /* before it is published; then read-only */
    bool is_sound, is_key;
    int count;                      /* of its payloads; the last one has the marker */
    uint64_t first, kept_from;      /* numbers of a picture's payloads: its first one, the first one that was kept when it came */
    int64_t at_us;
    uint32_t ts;
    size_t bytes;
    const struct payload *payloads; /* behind the data */
    uint8_t data[];
};
struct kept { /* references to pictures, oldest first */
    uint64_t begin, end;
    struct unit *units[RING_UNITS];
};
/* A stream on one sender thread that has, or had, viewers of it. */
struct branch {
    /* set by open, then read-only */
    struct rtc_stream *stream;
    struct rtc *rtc;
    /* the producer puts in, the thread takes out */
    struct loop_msg msg;
    _Atomic(bool) posted, overrun;
    _Atomic(size_t) queued_bytes;
    _Atomic(uint32_t) put, taken;
    struct unit *queue[QUEUE_UNITS];
    /* guarded by the stream's lock */
    bool is_fed;
    /* the thread's own */
    struct branch *next;
    struct viewer *viewers;
    bool is_wanted; /* by a viewer who is ready */
    bool is_silent; /* the stream's owner wants to hear no more */
    struct kept kept;
    uint64_t next_number;    /* of the next payload; those here are a run up to it */
    uint64_t key_number;     /* where the newest key frame starts */
    int64_t key_at_us;
    bool has_key;
};
struct lines { /* what the lines of one thread's viewers carry: see rate.h */
    _Atomic(int64_t) fastest_bps, bps;
};
struct rtc_stream {
    /* set by open, then read-only */
    struct rtc *rtc; /* the thread that tells the owner what all viewers' lines carry, and again of key frames */
    struct rtc_events events;
    uint32_t video_ts0, audio_ts0;
    /* the producer's: who calls rtc_stream_send */
    bool needs_key; /* something was left out: no picture before a key frame */
    size_t kept_bytes;
    uint64_t key_number; /* where the newest key frame that is kept starts */
    bool has_key;
    /* guarded by lock; what is kept only the producer changes */
    pthread_mutex_t lock;
    struct branch *branches[RTC_THREADS_MAX]; /* each changed by its own thread, so that this one reads without */
    struct kept kept;
    uint64_t next_number;
    /* guarded by the lock of `rtc_all` */
    int on[RTC_THREADS_MAX]; /* viewers on each thread */
    /* any thread */
    struct lines lines[RTC_THREADS_MAX]; /* each written by its own */
    _Atomic(int) viewers;
    _Atomic(bool) wants_key, posted;
    _Atomic(int64_t) asked_us; /* when want_key was last called, 0: never */
    struct loop_msg msg; /* to `rtc`: somebody watches */
    /* the own of `rtc` */
    struct rtc_stream *next;
    int64_t rate_bps, rate_told_us; /* last told */
};

/* ---- viewers ---- */
struct sender { /* one outgoing RTP stream of one viewer */
    uint32_t ssrc, packets, octets;
    uint64_t index; /* of its next packet: SRTP's 48 bits */
};
struct viewer_format { /* what it takes, by its own numbers */
    uint8_t video_pt, rtx_pt, audio_pt;                      /* payload types, 0: not taken */
    uint8_t video_send_time, audio_send_time, playout_delay, video_cc, audio_cc; /* ids of header extensions (1..14), 0: not taken */
};
struct resent {
    int64_t at_us; /* when it last went out again, 0: never */
    uint16_t seq;
};
struct viewer {
    struct peer peer;
    /* set by the offer, then read-only */
    struct rtc_stream *stream;
    struct branch *branch;
    char peer_id[VCR_UUID_BYTES];
    int64_t offered_us;
    /* joining */
    struct viewer *next;
    struct viewer_format format;
    char remote_pwd[SDP_ICE_MAX + 1]; /* of one who offered, else "" */
    int64_t answered_us;
    /* playing */
    struct sender video, rtx, audio;
    bool waits_key;
    uint64_t base, base_index; /* payload number `base` went or goes out as index `base_index` */
    uint64_t sent_to;          /* the next payload number */
    int delay_ms;              /* least playout delay asked for: grows when loss shows */
    int64_t delay_until_us;
    int bad_reports;
    int64_t keys_only_until_us;
    int64_t nack_bytes, nack_at_us;
    struct resent resends[RESENDS];
    int64_t report_due_us;
    struct rate_line line;
    struct cc *cc;             /* NULL: it takes no transport-wide numbers */
    struct pace pace;
    /* for statistics */
    double rtt_ms, loss, first_key_frame_ms;
    int64_t bitrate_bps, window_us;
    uint64_t window_bytes, packets_sent, nacked, resent, remb_bps;
    int64_t remb_us; /* when it said so */
};

/* ---- publishers ---- */
struct track { /* one incoming stream */
    /* set by the offer, then read-only */
    uint8_t pt, cc_id;  /* payload type; the extension that holds transport-wide numbers, 0: none */
    bool nack;
    /* its own */
    bool started, bye;
    uint32_t ssrc;
    int64_t heard_us;
    struct rtp_order order;
    struct rtp_clock clock;
    struct rtcp_account account;
};
struct rtc_publisher {
    struct peer peer;
    /* set by the offer, then read-only */
    struct rtc_publish_events events;
    char id[VCR_UUID_BYTES];
    struct sdp_choice offer;
    uint32_t ssrc; /* ours, for RTCP */
    int64_t opened_us;
    /* any thread */
    struct loop_msg key_msg;
    _Atomic(bool) key_posted;
    /* the sender thread's own */
    struct rtc_publisher *next;
    bool told; /* that it is gone: nothing is left but the memory */
    struct track video, audio;
    struct h264_join join;
    struct rtp_base base;
    struct rtcp_arrivals arrivals;
    int64_t heard_us, bye_us;         /* last authentic packet of any kind; when all streams had said goodbye */
    int64_t key_us, key_asked_us;     /* when the last key frame came, when one was asked for */
    bool wants_key;
    uint8_t fir_number;
    int64_t arrivals_due_us, report_due_us;
    uint64_t remb_bps;
    /* for statistics */
    int64_t bitrate_bps, window_us;
    uint64_t window_bytes;
    struct rtc_publish_stats stats;
};

enum inside { INSIDE_VIEWERS, INSIDE_PUBLISHERS, INSIDE_KINDS };
/* What all sender threads share. The lock is a leaf. */
struct rtc_all {
    /* set by open, then read-only */
    int threads_n;
    struct rtc *threads[RTC_THREADS_MAX]; /* the first one, which is the public handle, receives for all, and has the publishers */
    uint8_t hash_key[16];
    int inside_max[INSIDE_KINDS], joins_per_s;
    uv_poll_t poll;
    /* guarded by lock */
    pthread_mutex_t lock;
    struct peer *by_ufrag[TABLE_SLOTS], *by_tuple[TABLE_SLOTS];
    int inside[INSIDE_KINDS];
    int64_t join_credit_us, joined_us;
};
/* One sender thread. */
struct rtc {
    /* set by open, then read-only */
    struct rtc_all *all;
    int index;
    struct loop *loop;
    struct udp *udp;
    struct tcp *tcp; /* the first one's; NULL: its port is taken */
    SSL_CTX *tls;
    struct pool *handshakes;
    uint8_t fingerprint[SDP_DIGEST_BYTES];
    struct sdp_candidate candidates[SDP_CANDIDATES_MAX];
    int candidates_n;
    int64_t offer_us, consent_us;
    int64_t wall_offset_us; /* wall clock minus monotonic, taken once: a stepped clock must not bend the reports */
    /* any thread */
    _Atomic(int) passed; /* datagrams that the receiving thread has for this one */
    /* guarded by the lock of `all` */
    int load; /* its viewers and publishers; the first one has one more for receiving */
    /* the sender thread's own */
    uv_timer_t timer;
    int64_t now_us;
    struct rtc_stream *streams; /* those it speaks for */
    struct branch *branches;
    struct rtc_publisher *publishers; /* those gone, too, until they are closed */
    int viewers, publishing;          /* connections of each kind */
    bool lagging; /* some viewer has payloads left to be paced out */
};

/* ---- peer.c ---- */
void peer_open(struct peer *p, struct rtc *r, const struct peer_kind *kind);
void peer_close(struct peer *p);
/* The other side's description has come. */
void peer_know(struct peer *p, const struct sdp_remote *remote);
/* Makes it ready when the description is there and the handshake done. */
void peer_try_ready(struct peer *p);
/* Any thread: whether some connection has this address. */
bool peer_is_bound(struct rtc_all *all, const struct sockaddr_in6 *a);
/* On the thread that receives: takes it, or passes it on to the thread whose it is. */
void peer_datagram(void *rtc, uint8_t *p, size_t len, const struct sockaddr_in6 *from);

/* ---- viewer.c ---- */
/* On the thread that rtc_enter_viewer found for it. */
struct viewer *viewer_open(struct rtc_stream *s, struct rtc *r);
struct viewer *viewer_find(const struct branch *b, const char *peer_id); /* b may be NULL. NULL: it is not there, or is going */
/* Says goodbye where it can be heard, tells the owner, frees. */
void viewer_leave(struct viewer *v, const char *reason);
/* Frees what is marked as gone. */
void viewers_sweep(struct rtc *r);
/* What was to be said about it is said: its connection may come about. */
void viewer_answer(struct viewer *v, const struct sdp_remote *remote, const struct viewer_format *format);
void viewer_tick(struct viewer *v);

/* ---- publisher.c ---- */
void publishers_sweep(struct rtc *r);
void publisher_tick(struct rtc_publisher *p);

/* ---- intake.c ---- */
void intake_open(struct rtc_publisher *p);
void intake_close(struct rtc_publisher *p);
void intake_rtp(struct rtc_publisher *p, uint8_t *bytes, size_t len);
void intake_rtcp(struct rtc_publisher *p, uint8_t *bytes, size_t len);
/* What came, opened: apart, so that it can be fuzzed. */
void intake_clear_rtp(struct rtc_publisher *p, const uint8_t *bytes, size_t len);
void intake_clear_rtcp(struct rtc_publisher *p, const uint8_t *bytes, size_t len);
/* Gives what is waited for no longer, and sends the feedback that is due. */
void intake_tick(struct rtc_publisher *p);
void intake_bye(struct rtc_publisher *p);

/* ---- dtls.c ---- */
enum vcr_err dtls_setup(struct rtc *r, struct vcr_why *why);
/* A copy goes to the worker; more than a few that wait are dropped, as by a network. The peer must have a valid check. */
void dtls_input(struct peer *p, const uint8_t *bytes, size_t len);
void dtls_tick(struct peer *p);
/* Whether the client's certificate is the one its description named. */
bool dtls_peer_matches(const struct peer *p);
/* Gives the peer its SRTP keys, once; false when no profile was agreed on. */
bool dtls_keys(struct peer *p);
/* Says goodbye; a handshake under way ends by itself. */
void dtls_close(struct peer *p);

/* ---- share.c ---- */
static inline uint64_t unit_end(const struct unit *u) { return u->first + (uint64_t)u->count; }
struct rtc_stream *stream_make(void); /* NULL: no memory */
/* Its branches must be closed. */
void stream_free(struct rtc_stream *s);
/* This thread's; NULL: it has none. */
struct branch *branch_here(struct rtc_stream *s, const struct rtc *r);
struct branch *branch_open(struct rtc_stream *s, struct rtc *r);
/* A viewer is ready: what is kept is there from now on, and all that comes. */
void branch_feed(struct branch *b);
/* Nobody is there any more. */
void branch_rest(struct branch *b);
/* Nobody publishes any more; frees it. */
void branch_close(struct branch *b);
/* The picture with that payload; NULL: it is not kept. */
const struct unit *kept_find(const struct kept *k, uint64_t number);

/* ---- stream.c ---- */
/* A picture or sound has come: to all viewers of this thread. */
void stream_picture(struct branch *b, const struct unit *u);
void stream_sound(struct branch *b, const struct unit *u);
/* The thread was away for so long that something did not come. */
void stream_catch_up(struct branch *b);
void stream_join(struct viewer *v);
void stream_ask_key(struct viewer *v);
/* On the thread that speaks for it; whether there is anything to be done soon. */
bool stream_tick(struct rtc_stream *s);
/* The same for one thread's viewers. */
void branch_tick(struct branch *b);
/* Sends what pacing let wait; true when more is left. */
bool stream_pace(struct branch *b);
void stream_resend(struct viewer *v, uint16_t seq);

/* ---- rtc.c ---- */
/* What was sent goes out, who is gone is removed. */
void rtc_sweep(struct rtc *r);
/* Makes sure the tick comes soon, or at all. */
void rtc_arm(struct rtc *r);
/* Runs fn(arg) on that sender thread and waits for it. */
void rtc_run(struct rtc *r, void (*fn)(void *arg), void *arg);
/* Whether one more may come in now, on that thread; counts it until rtc_leave. */
bool rtc_enter(struct rtc *r, enum inside kind);
/* Any thread: the sender thread for one more viewer, who is counted there until rtc_leave_viewer. BUSY over the caps. */
enum vcr_err rtc_enter_viewer(struct rtc_stream *s, struct rtc **ret, struct vcr_why *why);
void rtc_leave(struct rtc *r, enum inside kind);
void rtc_leave_viewer(struct rtc_stream *s, struct rtc *r);
/* The sender thread of a viewer of ours. */
struct rtc *rtc_of_viewer(const struct rtc_stream *s, const char *peer_id);
/* 32.32 fixed-point seconds since 1900. */
uint64_t rtc_ntp(const struct rtc *r, int64_t mono_us);

/* ---- report.c ---- */
void report_send(struct viewer *v, bool bye);
void report_input(struct viewer *v, uint8_t *bytes, size_t len);
