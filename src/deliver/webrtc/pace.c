/* deliver/webrtc/pace.c - see pace.h. */
#include "deliver/webrtc/pace.h"

#include "base/util.h"

static int64_t bits_in(int64_t bps, int64_t us) { return bps * us / 1000000; }

bool pace_may(struct pace *p, int64_t bps, int64_t now_us)
{
    int64_t since_us = p->at_us ? VCR_CLAMP(now_us - p->at_us, INT64_C(0), (int64_t)PACE_SAVED_US + PACE_OWED_US) : PACE_SAVED_US;
    p->credit_bits = VCR_MIN(p->credit_bits + bits_in(bps, since_us), bits_in(bps, PACE_SAVED_US));
    p->at_us = now_us;
    return p->credit_bits > 0;
}

void pace_sent(struct pace *p, int64_t bps, size_t bytes)
{
    p->credit_bits = VCR_MAX(p->credit_bits - (int64_t)bytes * 8, -bits_in(bps, PACE_OWED_US) - 12000);
}
