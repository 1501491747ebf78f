/* fuzz/fuzz_stun.c - STUN messages as a stranger may send them. */
#include "wire/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stun_msg m;
    if (stun_parse(data, size, &m))
        stun_check(data, &m, "VOkJxbRl1RmTxUk/WvJxBt");
    return 0;
}
