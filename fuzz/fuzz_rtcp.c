/* fuzz/fuzz_rtcp.c - compound RTCP after decryption. */
#include "wire/rtcp_cc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rtcp_packet p;
    struct rtcp_report r;
    uint16_t seq, mask;
    uint64_t bps;
    struct rtcp_cc cc;
    bool came;
    int64_t at_us;
    for (size_t at = 0; rtcp_next(data, size, &at, &p);) {
        for (int i = 0; rtcp_report(&p, i, &r); i++)
            ;
        for (int i = 0; rtcp_nack(&p, i, &seq, &mask); i++)
            ;
        rtcp_media_ssrc(&p);
        rtcp_fir(&p, 1);
        rtcp_remb(&p, &bps);
        if (rtcp_cc_read(&p, &cc))
            while (rtcp_cc_next(&cc, &seq, &came, &at_us))
                ;
    }
    return 0;
}
