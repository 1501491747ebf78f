/* fuzz_y4m.c - the header of raw pictures and where each of them is: every frame lies within the file, one after the other. */
#include "wire/y4m.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf bytes = { .data = (char *)data, .len = size, .cap = size, .max = size };
    struct io *io = NULL;
    struct y4m y;
    struct vcr_why why;
    if (io_mem_open(&io, &bytes, NULL) != VCR_OK)
        return 0;
    if (y4m_open(&y, io, &why) == VCR_OK) {
        uint64_t end = 0, each = y4m_frame_bytes(&y.format);
        for (int64_t i = 0; i < y.frames; i++) {
            uint64_t at = y4m_frame_at(&y, i);
            if (at < end || at + each > size)
                __builtin_trap();
            end = at + each;
        }
        if (y.cut ? end == size && size > 0 && y.frames > 0 : y.frames > 0 && end != size)
            __builtin_trap();
        char line[Y4M_LINE_MAX];
        if (!y4m_write_line(&y.format, line, sizeof(line)))
            __builtin_trap();
        y4m_close(&y);
    }
    io_close(&io);
    return 0;
}
