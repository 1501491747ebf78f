/* tests/unit/wire/test_h264sps.c - parameter sets as x264 writes them: their sizes and shapes, whole, cut short and spoilt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "wire/h264sps.h"

struct sample {
    uint8_t bytes[40];
    size_t len;
    int width, height, sar_num, sar_den;
};
static const struct sample samples[] = {
    { { 0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03, 0x00, 0x3c, 0x0f, 0x16, 0x2e, 0x48 }, 25, 640, 360, 1, 1 },
    { { 0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xb4, 0x3d, 0xbf, 0xf0, 0x00, 0x80, 0x00, 0x91, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03, 0x00, 0x3c, 0x0f, 0x16, 0x2e, 0x48 },
      28, 720, 480, 8, 9 },
    { { 0x67, 0x4d, 0x40, 0x1f, 0xec, 0xa0, 0x5a, 0x09, 0x37, 0xfe, 0x00, 0x20, 0x00, 0x1e, 0x20, 0x00, 0x00, 0x03, 0x00, 0x20, 0x00, 0x00, 0x07, 0x81, 0xe3, 0x06, 0x32, 0xc0 },
      28, 720, 576, 16, 15 },
    { { 0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc6, 0x58 },
      27, 1920, 1080, 1, 1 },
    { { 0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0xd8, 0x3d, 0xe6, 0xf0, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03, 0x00, 0x3c, 0x0f, 0x18, 0x31, 0x96 },
      26, 854, 480, 1, 1 },
};

static void sizes_and_shapes(void **state)
{
    struct h264_sps s;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        assert_int_equal(h264_sps_read(&s, samples[i].bytes, samples[i].len, NULL), VCR_OK);
        assert_int_equal(s.width, samples[i].width);
        assert_int_equal(s.height, samples[i].height);
        assert_int_equal(s.sar_num, samples[i].sar_num);
        assert_int_equal(s.sar_den, samples[i].sar_den);
    }
}

/* Every part of one: refused, or the size is there. */
static void cut_short(void **state)
{
    struct h264_sps s;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++)
        for (size_t n = 0; n < samples[i].len; n++)
            if (h264_sps_read(&s, samples[i].bytes, n, NULL) == VCR_OK)
                assert_true(s.width == samples[i].width && s.height == samples[i].height);
    assert_int_equal(h264_sps_read(&s, samples[0].bytes, 6, NULL), VCR_E_MALFORMED);
}

static void other_things(void **state)
{
    uint8_t spoilt[sizeof(samples[0].bytes)];
    struct h264_sps s;
    memcpy(spoilt, samples[0].bytes, sizeof(spoilt));
    spoilt[0] = 0x68;
    assert_int_equal(h264_sps_read(&s, spoilt, samples[0].len, NULL), VCR_E_MALFORMED);
    spoilt[0] = 0x67;
    memset(spoilt + 4, 0, 20); /* a number without end */
    assert_int_equal(h264_sps_read(&s, spoilt, samples[0].len, NULL), VCR_E_MALFORMED);
    memcpy(spoilt, samples[3].bytes, sizeof(spoilt));
    spoilt[4] = 0x9c; /* chroma_format_idc 2 */
    assert_int_equal(h264_sps_read(&s, spoilt, samples[3].len, NULL), VCR_E_UNSUPPORTED);
}

static void in_an_access_unit(void **state)
{
    uint8_t unit[64] = { 0, 0, 0, 1, 9, 0xf0, 0, 0, 1 };
    struct h264_sps s;
    memcpy(unit + 9, samples[1].bytes, samples[1].len);
    memcpy(unit + 9 + samples[1].len, "\0\0\1\x65\x88", 5);
    assert_int_equal(h264_sps_find(&s, unit, 14 + samples[1].len, NULL), VCR_OK);
    assert_true(s.width == 720 && s.height == 480 && s.sar_num == 8);
    assert_int_equal(h264_sps_find(&s, unit, 6, NULL), VCR_E_NOT_FOUND);
}

static void both_sets_of_a_key_frame(void **state)
{
    static const uint8_t unit[] = { 0, 0, 0, 1, 0x67, 66, 0, 31, 0, 0, 1, 0x68, 0xce, 0, 0, 1, 0x68, 0xcf, 1, 0, 0, 1, 0x65, 0x88 };
    static const uint8_t behind[] = { 0, 0, 1, 0x67, 66, 0, 31, 0, 0, 1, 0x65, 0x88, 0, 0, 1, 0x68, 0xce }; /* of the next picture */
    struct h264_sets s;
    assert_true(h264_sets_find(&s, unit, sizeof(unit)));
    assert_ptr_equal(s.sps, unit + 4);
    assert_int_equal(s.sps_len, 4);
    assert_ptr_equal(s.pps, unit + 11);
    assert_int_equal(s.pps_len, 2);
    assert_false(h264_sets_find(&s, unit, 8));
    assert_false(h264_sets_find(&s, unit + 8, sizeof(unit) - 8));
    assert_false(h264_sets_find(&s, behind, sizeof(behind)));
    assert_false(h264_sets_find(&s, unit, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(sizes_and_shapes), cmocka_unit_test(cut_short), cmocka_unit_test(other_things), cmocka_unit_test(in_an_access_unit), cmocka_unit_test(both_sets_of_a_key_frame) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
