/* tests/unit/webrtc/sim_line.h - a programme, its sender, a line and a viewer in virtual time: what deliver/webrtc/cc.h and pace.h make of it, a minute in milliseconds.
 *
 * Pictures at 29.97 a second with a key frame each second and sound each 20 ms go through the pacer into a line with a capacity, a drop-tail queue, a delay, and what else goes wrong; the viewer writes
 * feedback as a receiver does (wire/rtcp_receive.h), which goes back over the line. The encoder makes what the limit says, as the session tells it.
 * Threads  none.     Random numbers are the same each time. */
#pragma once
#include "deliver/webrtc/cc.h"
#include "deliver/webrtc/pace.h"
#include "wire/rtcp_receive.h"

enum { SIM_FLYING = 8192, SIM_WAITING = 2048, SIM_BACK = 512, SIM_PAYLOAD = 1150, SIM_HEAD = 46 };
struct sim {
    /* what the line is like; may be changed between runs */
    int64_t capacity_bps, queue_us, delay_us; /* delay: each way */
    int64_t jitter_us;                        /* up to so much more, by chance; order is kept */
    int loss_per_mille, late_per_mille;       /* late: 15 ms more, others overtake */
    int feedback_lost_per_mille, feedback_every_us;
    int64_t clock_us;                         /* the viewer's clock, less ours */
    int burst_bytes;                          /* a shaper's bucket: so much goes through as fast as it comes */
    bool is_still, is_blank, is_silent;       /* the picture does not move; there is next to none; the viewer says nothing */
    bool is_unpaced;
    /* what came of it, since sim_begin_count */
    int64_t queue_most_us, sent_bytes, came_bytes, limit_least_bps, limit_most_bps, counted_us;
    double queue_sum_us;
    long packets, lost, queued, sender_dropped;
    int64_t burst_most_bytes;                 /* most that went out within 5 ms */
    /* its own */
    struct cc cc;
    struct pace pace;
    struct rtcp_arrivals arrivals;
    int64_t now_us, frame_us, sound_us, feedback_us, pace_us, busy_us, last_came_us, told_us, told_bps, bucket, bucket_us, window_us, window_bytes;
    int frame, waiting, flying_n, back_n;
    int waiting_bytes[SIM_WAITING];
    struct { int64_t at_us; uint16_t number; int bytes; } flying[SIM_FLYING];
    struct { int64_t at_us; size_t len; uint8_t bytes[RTCP_ARRIVALS_BYTES]; } back[SIM_BACK];
    uint64_t random;
};
/* 20 ms each way, a queue of 300 ms, feedback each 50 ms. */
void sim_init(struct sim *s, int64_t capacity_bps);
void sim_run(struct sim *s, double seconds);
void sim_begin_count(struct sim *s);
double sim_queue_ms(const struct sim *s); /* on average */
