/* wire/gzip.c - see gzip.h. */
#include "wire/gzip.h"

#include <limits.h>
#include <stdint.h>
#include <zlib.h>

enum { LEVEL = 7, GZIP_WINDOW = 15 + 16, MEMORY = 9 };

void gzip_add(struct buf *out, const void *bytes, size_t len)
{
    z_stream z = { 0 };
    if (len > UINT_MAX || deflateInit2(&z, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK) {
        out->failed = true;
        return;
    }
    uLong bound = deflateBound(&z, (uLong)len);
    unsigned char *to = bound <= UINT_MAX ? buf_reserve(out, bound) : NULL;
    z.next_in = (unsigned char *)(uintptr_t)bytes;
    z.avail_in = (unsigned)len;
    z.next_out = to;
    z.avail_out = (unsigned)bound;
    if (to && deflate(&z, Z_FINISH) == Z_STREAM_END)
        buf_commit(out, z.total_out);
    else
        out->failed = true;
    deflateEnd(&z);
}
