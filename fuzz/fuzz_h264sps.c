/* fuzz_h264sps.c - parameter sets: what is accepted has a size and a shape. */
#include "wire/h264sps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct h264_sps s;
    if (h264_sps_read(&s, data, size, NULL) == VCR_OK && (s.width < 1 || s.width > 8192 || s.height < 1 || s.height > 8192 || s.sar_num < 1 || s.sar_den < 1))
        __builtin_trap();
    if (h264_sps_find(&s, data, size, NULL) == VCR_OK && (s.width < 1 || s.height < 1))
        __builtin_trap();
    struct h264_sets sets;
    if (h264_sets_find(&sets, data, size) && (sets.sps_len < 1 || sets.pps_len < 1 || sets.sps + sets.sps_len > data + size || sets.pps + sets.pps_len > data + size))
        __builtin_trap();
    return 0;
}
