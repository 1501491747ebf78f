/* deliver/webrtc/cc.h - how much one viewer's line carries, from its transport-wide feedback: the sender's side of congestion control.
 *
 * GCC (draft-ietf-rmcat-gcc-02; Carlucci et al., Congestion Control for Web Real-Time Communication, 2017): the lower of a delay-based estimate (trend.h says whether a queue grows; then
 * 0.85 of what arrives, else 8 % a second upwards, and near the last known capacity half a packet a response time) and a loss-based one (section 6: over a tenth of the packets lost lowers it,
 * under a fiftieth raises it). Different from there, for a programme that cannot be filled up at will and is mostly far below what its line carries:
 * - A run of packets sent faster than the line carries them (each frame is one; a key frame a long one) arrives at the line's speed. The first one tells at once how wide the line is; later
 *   ones say how far an estimate may rise, or need not fall, while less is sent than it allows (section 5.5: application-limited).
 * - A limit is tried again after a hold: the next run is sent faster, and if it arrives so, the estimate leaps. Where that brought a queue again, the hold doubles. No padding is sent.
 * - A viewer that had answered and falls silent while packets go out to it is taken to have less and less.
 * - Loss counts only where chance does not explain it, so that few packets and a line that loses 5 % do not wear the estimate down.
 * Start    CC_START_BPS, and nothing limits; least CC_LEAST_BPS, most CC_MOST_BPS.     Units  bit/s of datagrams' payloads: sound, picture, resends, RTP, SRTP.
 * Threads  none: a viewer's own.     Bounds  CC_PACKETS packets remembered (8 KiB); feedback for others is ignored. */
#pragma once
#include "deliver/webrtc/trend.h"
#include "wire/rtcp_cc.h"

enum { CC_PACKETS = 1024, CC_METER_SLOTS = 20, CC_LEAST_BPS = 100000, CC_START_BPS = 2800000, CC_MOST_BPS = 10000000 };

struct cc_meter { /* bytes by time, over the last CC_METER_SLOTS slots */
    int64_t newest, since; /* slots */
    uint32_t bytes[CC_METER_SLOTS];
};
enum cc_state { CC_UNKNOWN, CC_SENT, CC_LOST, CC_CAME };
struct cc_packet {
    uint32_t sent_us; /* its low half */
    uint16_t bytes;
    uint8_t state;
    bool is_probe;
};
struct cc_run { /* packets sent closely one after the other, those of them that came */
    int packets;
    int64_t bytes; /* without the first one's */
    int64_t first_sent_us, last_sent_us, first_came_us, last_came_us;
    bool is_probe;
};
struct cc {
    /* what it says */
    int64_t estimate_bps;
    bool heard;          /* feedback has come */
    bool is_limited;     /* something showed that the line carries less than the programme wants */
    uint64_t reports, refused; /* feedback packets taken; those about nothing we sent */
    struct trend trend;
    /* its own */
    uint64_t next, trended; /* extended numbers: of the next packet; after the last one that the trend took */
    struct cc_packet packets[CC_PACKETS];
    int64_t reference;      /* unwrapped, in its units */
    uint32_t last_reference;
    int64_t heard_us, rtt_us, in_flight_us; /* of the last feedback; when the first packet after it went out, 0: none has */
    struct cc_meter sent, came;
    struct cc_run run;
    int64_t run_bps[2], run_us;   /* of the last two whole runs, and when the last one was seen */
    bool starting;                /* no run has told how wide the line is */
    int64_t delay_bps, loss_bps, need_bps;
    int64_t updated_us, decreased_us, silent_us;
    double capacity_bps, capacity_var; /* where it was found full; 0: not known, relative variance */
    int packets_lost, packets_told; /* of this interval of the loss-based estimate */
    int64_t loss_us;
    bool is_probing;
    int64_t probe_us, hold_us, leapt_us; /* when to try next or since when it tries; how long it waits; last leap, 0: none to be judged */
};
void cc_init(struct cc *c, int64_t now_us);
/* A packet goes out now: its transport-wide number. */
uint16_t cc_sent(struct cc *c, size_t bytes, int64_t now_us);
void cc_feedback(struct cc *c, struct rtcp_cc feedback, int64_t now_us);
/* Called often. */
void cc_tick(struct cc *c, int64_t now_us);
/* What the programme may have; 0: nothing limits it. */
int64_t cc_limit_bps(const struct cc *c);
/* How fast packets should follow one another. */
int64_t cc_pace_bps(const struct cc *c);
