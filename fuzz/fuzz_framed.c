/* fuzz/fuzz_framed.c - datagrams on a stream, read in pieces as a socket gives them: the same ones come out however it was cut. */
#include "wire/framed.h"

#include <stdlib.h>
#include <string.h>

enum { MAX = 300, ROOM = 512 };

/* The sum over all datagrams until the stream ends or is no more to be read; reads at most `step` bytes at a time. */
static uint64_t read_all(const uint8_t *data, size_t size, size_t step)
{
    uint8_t in[ROOM];
    size_t have = 0, n;
    uint64_t sum = 0;
    for (size_t at = 0; at < size;) {
        size_t got = step < size - at ? step : size - at;
        got = got < ROOM - have ? got : ROOM - have;
        if (got == 0)
            abort(); /* a frame always fits */
        memcpy(in + have, data + at, got);
        have += got;
        at += got;
        size_t used = 0;
        for (enum framed f; (f = framed_next(in + used, have - used, MAX, &n)) != FRAMED_MORE; used += FRAMED_HEAD_BYTES + n) {
            if (f == FRAMED_TOO_LONG)
                return sum;
            if (n > MAX || used + FRAMED_HEAD_BYTES + n > have)
                abort();
            sum = sum * 31 + n + 1;
            for (size_t i = 0; i < n; i++)
                sum = sum * 31 + in[used + FRAMED_HEAD_BYTES + i];
        }
        have -= used;
        memmove(in, in + used, have);
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t whole = read_all(data, size, ROOM);
    if (whole != read_all(data, size, 1) || whole != read_all(data, size, 7))
        abort();
    return 0;
}
