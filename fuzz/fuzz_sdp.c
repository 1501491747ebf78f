/* fuzz/fuzz_sdp.c - SDP answers. */
#include "wire/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sdp_answer a;
    struct vcr_why why;
    sdp_parse_answer((const char *)data, size, &a, &why);
    return 0;
}
