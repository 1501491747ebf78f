/* test_reel.c - what is written into a reel comes out again, and damage is noticed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "media/reel.h"
#include "wire/fmp4.h"
#include "wire/reelidx.h"

enum { FRAMES = 300, GOP = 15 };
static const uint8_t sps[] = { 0x67, 0x42, 0xc0, 0x1e, 0x95, 0xa0 }, pps[] = { 0x68, 0xce, 0x3c, 0x80 };

struct fixture {
    struct buf file, index;
    struct io *file_io, *index_io;
};

static int64_t frame_us(int n) { return ((int64_t)n * 1001 * 1000000 + 30000) / 60000; }

/* A frame whose payload names it; escaped so that no start code occurs in it. */
static size_t make_frame(uint8_t *out, int n, bool key)
{
    static const uint8_t start[4] = { 0, 0, 0, 1 };
    memcpy(out, start, 4);
    out[4] = key ? 0x65 : 0x41;
    size_t len = 5 + (size_t)(n * 37 % 900) + 3;
    memset(out + 5, 0x80 + n % 100, len - 5);
    out[len - 2] = (uint8_t)(1 + n / 200), out[len - 1] = (uint8_t)(1 + n % 200);
    return len;
}

static void write_video(struct fixture *f)
{
    struct reel_format format = { .codec = REEL_H264, .timescale = REEL_VIDEO_TIMESCALE, .width = 720, .height = 480, .sar_num = 8, .sar_den = 9, .pass_through = true };
    struct reel_writer *w = NULL;
    int64_t duration_us = 0;
    assert_true(fmp4_make_avcc(format.config, sizeof(format.config), &format.config_len, sps, sizeof(sps), pps, sizeof(pps)));
    assert_int_equal(reel_writer_open(&w, &format, f->file_io, f->index_io, NULL), VCR_OK);
    for (int n = 0; n < FRAMES; n++) {
        uint8_t frame[1024];
        size_t len = make_frame(frame, n, n % GOP == 0);
        assert_int_equal(reel_write(w, frame, len, frame_us(n), frame_us(n), 16683, n % GOP == 0, NULL), VCR_OK);
    }
    assert_int_equal(reel_writer_finish(w, &duration_us, NULL), VCR_OK);
    assert_in_range(duration_us, 5004999, 5005001);
    reel_writer_close(&w);
}

static int setup(void **state)
{
    struct fixture *f = vcr_alloc(sizeof(*f));
    buf_init(&f->file, 16 << 20);
    buf_init(&f->index, 1 << 20);
    assert_int_equal(io_mem_open(&f->file_io, &f->file, NULL), VCR_OK);
    assert_int_equal(io_mem_open(&f->index_io, &f->index, NULL), VCR_OK);
    *state = f;
    return 0;
}
static int teardown(void **state)
{
    struct fixture *f = *state;
    io_close(&f->file_io);
    io_close(&f->index_io);
    buf_free(&f->file);
    buf_free(&f->index);
    free(f);
    return 0;
}

static void samples_come_back_in_any_order(void **state)
{
    struct fixture *f = *state;
    struct reel *r = NULL;
    write_video(f);
    assert_int_equal(reel_open(&r, f->file_io, f->index_io, NULL), VCR_OK);
    assert_int_equal(reel_sample_count(r), FRAMES);
    assert_string_equal(reel_format(r)->codecs, "avc1.42c01e");
    assert_true(reel_format(r)->pass_through);
    for (int i = 0; i < FRAMES; i++) {
        int n = i * 83 % FRAMES;
        uint8_t frame[1024];
        struct packet p;
        size_t len = make_frame(frame, n, n % GOP == 0), sets = n % GOP == 0 ? 8 + sizeof(sps) + sizeof(pps) : 0;
        assert_int_equal(reel_read(r, (uint32_t)n, &p, NULL), VCR_OK);
        assert_int_equal(p.len, len + sets);
        assert_memory_equal(p.data + sets, frame, len);
        assert_int_equal(p.flags, n % GOP == 0 ? PACKET_KEY : 0);
        assert_in_range(p.pts_us, frame_us(n) - (n > 0), frame_us(n) + 1);
        assert_int_equal(reel_sample_at(r, p.pts_us), n);
        assert_int_equal(reel_sample_at(r, p.pts_us + 16000), n);
        assert_int_equal(reel_key_at(r, (uint32_t)n), n - n % GOP);
    }
    assert_int_equal(reel_sample_at(r, -5), 0);
    assert_int_equal(reel_sample_at(r, INT64_C(1) << 40), FRAMES - 1);
    reel_close(&r);
}

/* What has rested reads its index again; where that is gone there is only damage. */
static void a_reel_that_rested_is_the_same(void **state)
{
    struct fixture *f = *state;
    struct reel *r = NULL;
    struct packet p;
    uint8_t before[4096];
    write_video(f);
    assert_int_equal(reel_open(&r, f->file_io, f->index_io, NULL), VCR_OK);
    uint32_t n = reel_sample_count(r) / 2, at = reel_sample_at(r, frame_us((int)n)), key = reel_key_at(r, n);
    assert_int_equal(reel_read(r, n, &p, NULL), VCR_OK);
    size_t len = p.len;
    assert_true(len <= sizeof(before));
    memcpy(before, p.data, len);
    for (int i = 0; i < 3; i++) {
        reel_rest(r);
        assert_int_equal(reel_sample_count(r), FRAMES);
        if (i == 1)
            assert_int_equal(reel_sample_at(r, frame_us((int)n)), at);
        if (i == 2)
            assert_int_equal(reel_key_at(r, n), key);
        assert_int_equal(reel_read(r, n, &p, NULL), VCR_OK);
        assert_int_equal(p.len, len);
        assert_memory_equal(p.data, before, len);
    }
    reel_rest(r);
    size_t index_len = f->index.len;
    f->index.len = 100;
    assert_int_equal(reel_read(r, n, &p, NULL), VCR_E_IO);
    assert_true(reel_unread(r));
    reel_key_at(r, n);
    reel_sample_at(r, frame_us((int)n));
    reel_sample_pts_us(r, n);
    assert_int_equal(reel_read(r, 0, &p, NULL), VCR_E_IO);
    f->index.len = index_len;
    reel_close(&r);
}

static void decode_times_go_on_over_fragments(void **state)
{
    struct fixture *f = *state;
    struct reelidx x;
    uint64_t tfdt = 0;
    write_video(f);
    assert_int_equal(reelidx_parse(&x, (uint8_t *)f->index.data, f->index.len, NULL), VCR_OK);
    for (uint32_t i = 0; i < x.fragment_count; i++) {
        struct fmp4_fragment part;
        struct fmp4_sample s;
        assert_int_equal(fmp4_parse_fragment(&part, (uint8_t *)f->file.data + x.fragments[i].offset, x.fragments[i].size, NULL), VCR_OK);
        assert_int_equal(part.tfdt, tfdt);
        assert_true(x.fragments[i].duration_us <= 1000000);
        for (uint32_t k = 0; k < part.count; k++) {
            fmp4_fragment_sample(&part, k, &s);
            assert_true(k > 0 || s.key);
            if (tfdt + s.duration < (uint64_t)FRAMES * 2002)
                assert_int_equal(s.duration, 2002);
            tfdt += s.duration;
        }
    }
    assert_in_range(tfdt, FRAMES * 2002 - 1, FRAMES * 2002 + 1);
    struct fmp4_track t;
    assert_int_equal(fmp4_parse_init(&t, (uint8_t *)f->file.data, x.init_size, NULL), VCR_OK);
    assert_int_equal(t.sar_num, 8);
    assert_int_equal(t.width, 720);
    reelidx_free(&x);
}

/* Browsers refuse a box of another size than ISO 14496-12 says; ffmpeg does not mind. */
static void boxes_have_the_sizes_of_the_standard(void **state)
{
    static const struct { const char *type; uint32_t size; } boxes[] = {
        { "mvhd", 108 }, { "tkhd", 92 }, { "mdhd", 32 }, { "vmhd", 20 }, { "stts", 16 }, { "stsc", 16 }, { "stsz", 20 }, { "stco", 16 }, { "pasp", 16 }, { "trex", 32 },
    };
    struct fixture *f = *state;
    write_video(f);
    for (size_t i = 0; i < ARRAY_LEN(boxes); i++) {
        uint8_t *at = memmem(f->file.data, 2000, boxes[i].type, 4);
        assert_non_null(at);
        assert_int_equal(rd32be(at - 4), boxes[i].size);
    }
}

static void a_flipped_bit_is_noticed_with_its_fragment(void **state)
{
    struct fixture *f = *state;
    struct reel *r = NULL;
    struct packet p;
    struct vcr_why why = { 0 };
    write_video(f);
    assert_int_equal(reel_open(&r, f->file_io, f->index_io, NULL), VCR_OK);
    f->file.data[f->file.len - 10] ^= 1;
    assert_int_equal(reel_read(r, 0, &p, NULL), VCR_OK);
    assert_int_equal(reel_read(r, FRAMES - 1, &p, &why), VCR_E_IO);
    assert_non_null(strstr(why.text, "fragment 19"));
    reel_close(&r);
    for (size_t i = 0; i < f->index.len; i += 7) {
        f->index.data[i] ^= 0x10;
        assert_int_equal(reel_open(&r, f->file_io, f->index_io, &why), VCR_E_IO);
        f->index.data[i] ^= 0x10;
    }
}

static void audio_keeps_its_priming(void **state)
{
    struct fixture *f = *state;
    struct reel_format format = { .codec = REEL_OPUS, .timescale = 48000, .channels = 2, .sample_rate = 48000, .priming = 312, .config_len = 11,
                                  .config = { 0, 2, 1, 0x38, 0, 0, 0xbb, 0x80, 0, 0, 0 } };
    struct reel_writer *w = NULL;
    struct reel *r = NULL;
    struct fmp4_track t;
    int64_t duration_us = 0;
    assert_int_equal(reel_writer_open(&w, &format, f->file_io, f->index_io, NULL), VCR_OK);
    for (int n = 0; n < 150; n++) {
        uint8_t frame[80];
        memset(frame, n, sizeof(frame));
        assert_int_equal(reel_write(w, frame, 40 + (size_t)n % 40, n * 20000 - 6500, n * 20000 - 6500, 20000, true, NULL), VCR_OK);
    }
    assert_int_equal(reel_writer_finish(w, &duration_us, NULL), VCR_OK);
    reel_writer_close(&w);
    assert_int_equal(duration_us, 3000000 - 6500);
    assert_int_equal(reel_open(&r, f->file_io, f->index_io, NULL), VCR_OK);
    assert_int_equal(reel_format(r)->priming, 312);
    assert_int_equal(reel_sample_pts_us(r, 0), -6500);
    assert_int_equal(reel_sample_pts_us(r, 149), 149 * 20000 - 6500);
    assert_int_equal(reel_sample_at(r, 0), 0);
    assert_int_equal(reel_sample_at(r, 13500), 1);
    reel_close(&r);
    assert_int_equal(fmp4_parse_init(&t, (uint8_t *)f->file.data, 8 + rd32be((uint8_t *)f->file.data + rd32be((uint8_t *)f->file.data)) + rd32be((uint8_t *)f->file.data) - 8, NULL), VCR_OK);
    assert_int_equal(t.priming, 312);
    assert_int_equal(t.config_len, 11);
}

static void nonsense_is_refused(void **state)
{
    struct fixture *f = *state;
    struct reel_format format = { .codec = REEL_H264, .timescale = REEL_VIDEO_TIMESCALE, .width = 720, .height = 480 };
    struct reel_writer *w = NULL;
    assert_int_equal(reel_writer_open(&w, &format, f->file_io, f->index_io, NULL), VCR_E_INVALID);
    assert_true(fmp4_make_avcc(format.config, sizeof(format.config), &format.config_len, sps, sizeof(sps), pps, sizeof(pps)));
    assert_int_equal(reel_writer_open(&w, &format, f->file_io, f->index_io, NULL), VCR_OK);
    uint8_t frame[1024];
    size_t len = make_frame(frame, 1, false);
    int64_t us;
    assert_int_equal(reel_writer_finish(w, &us, NULL), VCR_E_INVALID);
    assert_int_equal(reel_write(w, frame, len, 0, 0, 16683, false, NULL), VCR_E_INVALID);
    assert_int_equal(reel_write(w, frame, len, 0, 0, 16683, true, NULL), VCR_OK);
    assert_int_equal(reel_write(w, frame, len, 0, 0, 16683, false, NULL), VCR_E_INVALID);
    reel_writer_close(&w);
}

static void the_checksum_is_the_common_one(void **state)
{
    static const uint8_t check[] = "123456789"; /* the check value that every table of CRCs gives */
    assert_int_equal(reelidx_crc32(0, check, 9), 0xcbf43926);
    for (size_t cut = 0; cut <= 9; cut++)
        assert_int_equal(reelidx_crc32(reelidx_crc32(0, check, cut), check + cut, 9 - cut), 0xcbf43926);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(samples_come_back_in_any_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reel_that_rested_is_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(decode_times_go_on_over_fragments, setup, teardown),
        cmocka_unit_test_setup_teardown(boxes_have_the_sizes_of_the_standard, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flipped_bit_is_noticed_with_its_fragment, setup, teardown),
        cmocka_unit_test_setup_teardown(audio_keeps_its_priming, setup, teardown),
        cmocka_unit_test_setup_teardown(nonsense_is_refused, setup, teardown),
        cmocka_unit_test(the_checksum_is_the_common_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
