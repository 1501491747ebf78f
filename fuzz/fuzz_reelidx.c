/* fuzz_reelidx.c - index files: what is accepted must be written back to the same bytes, apart from what the format leaves open. */
#include "wire/reelidx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reelidx x, again;
    if (reelidx_parse(&x, data, size, NULL) != VCR_OK)
        return 0;
    struct buf out;
    buf_init(&out, size + 64);
    reelidx_write(&out, &x);
    if (!buf_ok(&out) || out.len != size || reelidx_parse(&again, (const uint8_t *)out.data, out.len, NULL) != VCR_OK)
        __builtin_trap();
    reelidx_free(&again);
    reelidx_free(&x);
    buf_free(&out);
    return 0;
}
