/* deliver/webrtc/trend.h - does a queue grow on a viewer's line? From when its packets were sent and when they came, on two clocks of which nothing is known.
 *
 * GCC's delay-based detector (draft-ietf-rmcat-gcc-02 sections 5.1 to 5.4; Carlucci et al., Congestion Control for Web Real-Time Communication, 2017) with libwebrtc's trend line in place of
 * the draft's Kalman filter: the slope of the smoothed one-way delay, by least squares over the last TREND_POINTS groups, against a threshold that adapts, so that a line with
 * jitter, or one that others fill, is not taken for one that we fill.
 * Packets sent within 5 ms are one group; it is measured by its first packet, not by its last as in the draft: a frame leaves at once here, and its last packet would tell how
 * large the frame is, its first how much was still under way when it was sent.
 * Units    milliseconds inside; slope: milliseconds that the delay grows in one.     Threads  none.
 * Bounds   two groups whose distance changes by more than half a second begin anew: a clock was set, or the line was away. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { TREND_POINTS = 20 };
enum trend_use { TREND_NORMAL, TREND_OVER, TREND_UNDER }; /* the queue stays, grows, drains */
struct trend {
    enum trend_use use;
    double slope;             /* of the last group */
    /* its own */
    bool started;
    int64_t sent_us, came_us; /* of the present group's first packet */
    double delay_ms, smoothed_ms, base_ms, threshold, over_ms, at_ms;
    int groups, over_groups;
    struct { double at_ms, delay_ms; } points[TREND_POINTS];
};
/* Zeroed is a beginning. Packets that came, in the order they were sent. Whether it ended a group, so that `use` is new. */
bool trend_packet(struct trend *t, int64_t sent_us, int64_t came_us);
/* Forgets the delays, as after a silence; what it learnt of the line's jitter stays. */
void trend_restart(struct trend *t);
