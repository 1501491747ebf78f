/* fuzz_reelwalk.c - journals and fragments as a torn disk may give them: what is taken has counts that fit its bytes. */
#include "base/util.h"
#include "wire/reelwalk.h"

#define MUST(x) do { if (!(x)) __builtin_trap(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct reelidx_part parts[REELWALK_SAMPLES_MAX];
    static struct reelidx_sample samples[REELWALK_SAMPLES_MAX];
    struct reelwalk_fragment f = { .parts = parts, .samples = samples };
    struct reelwalk_record r;
    uint8_t again[REELWALK_RECORD_BYTES];
    uint32_t init;
    if (size >= REELWALK_RECORD_BYTES && reelwalk_read_record(data, &r)) {
        struct reelwalk_record back;
        reelwalk_write_record(again, &r);
        MUST(reelwalk_read_record(again, &back) && back.offset == r.offset && back.wall_ms == r.wall_ms && back.start_us == r.start_us);
    }
    if (reelwalk_init_bytes(data, size, &init) == VCR_OK)
        MUST(init <= size);
    if (size < 1)
        return 0;
    enum fmp4_codec codec = (enum fmp4_codec)(data[0] % 3);
    if (reelwalk_fragment(&f, codec, codec == FMP4_H264 ? 120000 : 48000, data + 1, size - 1, NULL) == VCR_OK) {
        uint64_t bytes = 0;
        for (uint32_t i = 0; i < f.record.part_count; i++)
            bytes += parts[i].size;
        MUST(bytes == size - 1 && f.record.sample_count > 0 && f.record.key_size <= f.record.size && samples[0].key);
    }
    return 0;
}
