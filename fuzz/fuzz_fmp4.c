/* fuzz_fmp4.c - init segments, fragments and Annex B streams. */
#include "wire/fmp4.h"

static volatile unsigned sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fmp4_fragment f;
    struct fmp4_track t;
    const uint8_t *nal;
    size_t pos = 0, n;
    if (fmp4_parse_fragment(&f, data, size, NULL) == VCR_OK) {
        size_t offset = 0;
        for (uint32_t i = 0; i < f.count; i++) {
            struct fmp4_sample s;
            fmp4_fragment_sample(&f, i, &s);
            offset += s.size;
            if (offset > f.data_len || f.data + offset > data + size)
                __builtin_trap();
        }
    }
    if (fmp4_parse_init(&t, data, size, NULL) == VCR_OK)
        for (size_t i = 0; i < t.config_len; i++)
            sink += t.config[i];
    while (fmp4_next_nal(data, size, &pos, &nal, &n))
        sink += nal[n - 1];
    return 0;
}
