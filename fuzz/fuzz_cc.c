/* fuzz/fuzz_cc.c - a viewer's transport-wide feedback, and what the estimator makes of it: a byte how many packets go out first, two how long after that (in ms) it comes, one how long it is. */
#include "base/util.h"
#include "deliver/webrtc/cc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cc c;
    int64_t now_us = 1000000;
    cc_init(&c, now_us);
    for (size_t at = 0; size - at >= 4;) {
        for (int i = 0; i < data[at]; i++)
            cc_sent(&c, (size_t)(60 + i * 5), now_us += i % 8 ? 0 : 5000);
        now_us += 1000 * (int64_t)rd16be(data + at + 1);
        size_t len = VCR_MIN((size_t)4 * data[at + 3], size - at - 4);
        struct rtcp_packet p = { .type = RTCP_RTPFB, .count = RTCP_FB_TRANSPORT_CC, .body = data + at + 4, .body_len = len };
        struct rtcp_cc f;
        if (rtcp_cc_read(&p, &f))
            cc_feedback(&c, f, now_us);
        cc_tick(&c, now_us);
        if (c.estimate_bps < CC_LEAST_BPS || c.estimate_bps > CC_MOST_BPS || cc_pace_bps(&c) <= 0)
            __builtin_trap();
        at += 4 + len;
    }
    return 0;
}
