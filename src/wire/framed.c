/* wire/framed.c - see framed.h. */
#include "wire/framed.h"

#include "base/util.h"

enum framed framed_next(const uint8_t *p, size_t len, size_t max_bytes, size_t *ret_len)
{
    if (len < FRAMED_HEAD_BYTES)
        return FRAMED_MORE;
    size_t n = rd16be(p);
    if (n > max_bytes)
        return FRAMED_TOO_LONG;
    if (len - FRAMED_HEAD_BYTES < n)
        return FRAMED_MORE;
    *ret_len = n;
    return FRAMED_WHOLE;
}
