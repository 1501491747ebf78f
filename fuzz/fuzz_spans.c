/* fuzz_spans.c - any table of spans: it is refused, or every place of the tape is in at most one of them, wherever and in whatever order it is asked for. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/util.h"
#include "render/recordings.h"

#define MUST(x) do { if (!(x)) __builtin_trap(); } while (0)

static int64_t next_place(const uint8_t *data, size_t size, size_t i)
{
    uint64_t v = 0;
    memcpy(&v, data + i % size, VCR_MIN(sizeof(v), size - i % size));
    return (int64_t)(v & ((INT64_C(1) << 42) - 1));
}

/* How many spans are said to be there, then the table. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int none[6] = { -1, -1, -1, -1, -1, -1 };
    if (size < 2)
        return 0;
    struct recordings *r = recordings_open();
    uint32_t count = (uint32_t)data[0] | (uint32_t)data[1] << 8;
    int fd = memfd_create("spans", MFD_CLOEXEC);
    MUST(fd >= 0 && write(fd, data + 2, size - 2) == (ssize_t)(size - 2));
    enum vcr_err err = recordings_spans(r, fd, count, 1, NULL);
    MUST(err == VCR_OK || err == VCR_E_MALFORMED);
    for (size_t i = 0; i < 64; i++) {
        struct recording at, coming;
        int64_t place = next_place(data, size, i * 7), take;
        recordings_at(r, place, &at);
        MUST(err == VCR_OK || at.is_film_alone);
        if (at.state != RECORDING_NONE && !at.is_film_alone)
            MUST(at.start_us <= place && place < at.end_us && place + at.reel_ahead_us >= 0 && at.tape_speed <= 2);
        recordings_foresee(r, place, (int32_t)data[i % size] * 65536 - 128 * 65536);
        MUST(!recordings_coming(r, place, INT64_C(1) << 40, &coming)); /* no reel is open */
        while (recordings_want(r, &take))
            recordings_take(r, take, none);
    }
    recordings_close(&r);
    return 0;
}
