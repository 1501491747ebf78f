/* fuzz_wav.c - the chunks of a WAV file: the samples lie within it, and each kind can be read. */
#include <string.h>

#include "base/util.h"
#include "wire/wav.h"

static volatile int sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf bytes = { .data = (char *)data, .len = size, .cap = size, .max = size };
    struct io *io = NULL;
    struct wav w;
    struct vcr_why why;
    if (io_mem_open(&io, &bytes, NULL) != VCR_OK)
        return 0;
    if (wav_open(&w, io, &why) == VCR_OK) {
        uint64_t each = (uint64_t)w.channels * (uint64_t)w.bits / 8;
        int16_t out[2 * 64];
        if (w.at + (uint64_t)w.frames * each > size)
            __builtin_trap();
        int n = (int)VCR_MIN(w.frames, 64);
        wav_to_int16(&w, data + w.at, n, out);
        for (int i = 0; i < n * w.channels; i++)
            sink += out[i];
    }
    io_close(&io);
    return 0;
}
