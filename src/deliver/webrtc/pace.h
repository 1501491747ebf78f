/* deliver/webrtc/pace.h - how many bytes of picture may go out to a viewer now, so that they follow one another no faster than a rate.
 *
 * Saves up PACE_SAVED_US of time, so a small frame leaves at once and a large one in pieces.     Threads  none. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PACE_SAVED_US = 10000, PACE_OWED_US = 20000 };
struct pace {
    int64_t credit_bits, at_us; /* below 0: the last packet, or resends, took more than there was */
};
/* Zeroed is a beginning: with all that can be saved. Whether a packet may go out now. */
bool pace_may(struct pace *p, int64_t bps, int64_t now_us);
/* A packet went out, whether it was asked for or not; owes at most PACE_OWED_US of time. */
void pace_sent(struct pace *p, int64_t bps, size_t bytes);
