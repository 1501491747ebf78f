/* fuzz/fuzz_rtp.c - RTP headers and extensions, and the cutting of access units, whose payloads must keep to their bound. */
#include "wire/rtp.h"

#include <stdlib.h>

static void take(void *arg, const uint8_t *payload, size_t len)
{
    volatile uint8_t *sum = arg;
    if (len == 0 || len > 200)
        abort();
    for (size_t i = 0; i < len; i++)
        *sum = (uint8_t)(*sum + payload[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rtp_view v;
    size_t len;
    volatile uint8_t sum = 0;
    for (int is_srtp = 0; is_srtp < 2; is_srtp++)
        if (rtp_parse(data, size, is_srtp, &v) && v.header_len + v.payload_len > size)
            abort();
    if (rtp_parse(data, size, false, &v))
        for (int id = 1; id < 15; id++)
            if (rtp_extension(data, &v, id, &len))
                sum = (uint8_t)(sum + len);
    rtp_h264_cut(data, size, 200, take, (void *)(uintptr_t)&sum);
    return 0;
}
