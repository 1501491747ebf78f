/* tests/unit/wire/test_raw.c - raw pictures (y4m) and raw sound (WAV): what is taken, what is refused, and where everything lies in the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "wire/wav.h"
#include "wire/y4m.h"

/* ---- y4m ---- */
static enum vcr_err open_y4m(struct y4m *y, struct io **io, struct buf *b, struct vcr_why *why)
{
    assert_int_equal(io_mem_open(io, b, why), VCR_OK);
    return y4m_open(y, *io, why);
}

static const struct header {
    const char *line;
    enum vcr_err err;
    int width, height;
    enum y4m_order order;
    bool is_422;
} headers[] = {
    { "YUV4MPEG2 W720 H480 F30000:1001 It A8:9 C420mpeg2 XYSCSS=420MPEG2", VCR_OK, 720, 480, Y4M_TFF, false },
    { "YUV4MPEG2 W720 H576 F25:1 Ib", VCR_OK, 720, 576, Y4M_BFF, false },
    { "YUV4MPEG2 H1080 W1920 C422 F60:1 I?", VCR_OK, 1920, 1080, Y4M_PROGRESSIVE, true },
    { "YUV4MPEG2  W17  H19 F1:1 Zsomething ", VCR_OK, 17, 19, Y4M_PROGRESSIVE, false },
    { "YUV4MPEG2 W15 H16 F25:1", VCR_E_INVALID, 0, 0, 0, false },
    { "YUV4MPEG2 W1921 H16 F25:1", VCR_E_INVALID, 0, 0, 0, false },
    { "YUV4MPEG2 W4294967312 H16 F25:1", VCR_E_MALFORMED, 0, 0, 0, false },
    { "YUV4MPEG2 W-16 H16 F25:1", VCR_E_MALFORMED, 0, 0, 0, false },
    { "YUV4MPEG2 W16 H16", VCR_E_INVALID, 0, 0, 0, false },
    { "YUV4MPEG2 W16 H16 F25", VCR_E_MALFORMED, 0, 0, 0, false },
    { "YUV4MPEG2 W16 H16 F25:0", VCR_E_INVALID, 0, 0, 0, false },
    { "YUV4MPEG2 W16 H16 F25:1 Im", VCR_E_UNSUPPORTED, 0, 0, 0, false },
    { "YUV4MPEG2 W16 H16 F25:1 C420p10", VCR_E_UNSUPPORTED, 0, 0, 0, false },
    { "YUV4MPEG2 W16 H16 F25:1 C444", VCR_E_UNSUPPORTED, 0, 0, 0, false },
    { "YUV4MPEG W16 H16 F25:1", VCR_E_MALFORMED, 0, 0, 0, false },
    { "YUV4MPEG2W16 H16 F25:1", VCR_E_MALFORMED, 0, 0, 0, false },
};

static void headers_say_what_the_pictures_are(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        struct buf b;
        struct io *io = NULL;
        struct y4m y;
        struct vcr_why why;
        buf_init(&b, 4096);
        buf_addf(&b, "%s\n", headers[i].line);
        assert_int_equal(open_y4m(&y, &io, &b, &why), headers[i].err);
        if (headers[i].err == VCR_OK) {
            assert_string_equal(y.line, headers[i].line);
            assert_int_equal(y.format.width, headers[i].width);
            assert_int_equal(y.format.height, headers[i].height);
            assert_int_equal(y.format.order, headers[i].order);
            assert_int_equal(y.format.is_422, headers[i].is_422);
            assert_int_equal(y.frames, 0);
            y4m_close(&y);
        }
        io_close(&io);
        buf_free(&b);
    }
}

/* Frames of 17x19 4:2:0, whose lines have parameters of so many bytes; cut: bytes that are missing at the end. */
static void frames_are_found(const size_t *extra, int n, size_t cut, int want)
{
    struct buf b;
    struct io *io = NULL;
    struct y4m y;
    struct vcr_why why;
    uint64_t at[16];
    static uint8_t planes[17 * 19 + 2 * 9 * 10];
    buf_init(&b, 1 << 16);
    buf_adds(&b, "YUV4MPEG2 W17 H19 F25:1\n");
    for (int i = 0; i < n; i++) {
        buf_adds(&b, "FRAME");
        for (size_t k = 0; k < extra[i]; k++)
            buf_addc(&b, k ? 'X' : ' ');
        buf_addc(&b, '\n');
        at[i] = b.len;
        buf_add(&b, planes, sizeof(planes));
    }
    b.len -= cut;
    assert_int_equal(open_y4m(&y, &io, &b, &why), VCR_OK);
    assert_int_equal(y4m_frame_bytes(&y.format), sizeof(planes));
    assert_int_equal(y.frames, want);
    assert_int_equal(y.cut, cut > 0);
    for (int i = 0; i < want; i++)
        assert_int_equal(y4m_frame_at(&y, i), at[i]);
    y4m_close(&y);
    io_close(&io);
    buf_free(&b);
}

static void every_frame_is_where_it_is(void **state)
{
    static const size_t plain[6] = { 0 }, some[6] = { 0, 0, 7, 0, 1000, 3 }, first[6] = { 5, 0, 0, 0, 0, 0 }, all[6] = { 4, 4, 4, 4, 4, 4 };
    const size_t *const kinds[] = { plain, some, first, all };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        frames_are_found(kinds[i], 6, 0, 6);
        frames_are_found(kinds[i], 6, 1, 5);
        frames_are_found(kinds[i], 6, 17 * 19 + 2 * 9 * 10, 5);         /* the line alone is left */
        frames_are_found(kinds[i], 6, 17 * 19 + 2 * 9 * 10 + 3, 5);     /* a part of it */
    }
}

/* ---- WAV ---- */
static void sound(struct buf *b, int tag, int channels, int rate, int bits, const void *data, uint32_t len, uint32_t promised)
{
    uint8_t h[44] = "RIFF\0\0\0\0WAVEfmt \x10";
    h[20] = (uint8_t)tag, h[21] = (uint8_t)(tag >> 8), h[22] = (uint8_t)channels, h[34] = (uint8_t)bits;
    for (int i = 0; i < 4; i++)
        h[24 + i] = (uint8_t)(rate >> (8 * i)), h[40 + i] = (uint8_t)(promised >> (8 * i));
    memcpy(h + 36, "data", 4);
    buf_init(b, 4096);
    buf_add(b, h, sizeof(h));
    buf_add(b, data, len);
}

static void samples_of_every_kind(void **state)
{
    static const struct {
        int tag, bits;
        uint8_t bytes[16];
        int16_t want[4];
    } kinds[] = {
        { 1, 8, { 0, 128, 255, 129 }, { -32768, 0, 32512, 256 } },
        { 1, 16, { 0, 0x80, 0xff, 0x7f, 1, 0, 0xff, 0xff }, { -32768, 32767, 1, -1 } },
        { 1, 24, { 0, 0, 0x80, 0xff, 0xff, 0x7f, 0x80, 0, 0, 0x7f, 0, 0 }, { -32768, 32767, 1, 0 } },
        { 1, 32, { 0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0x7f, 0, 0x80, 0, 0, 0xff, 0x7f, 0, 0 }, { -32768, 32767, 1, 0 } },
        { 3, 32, { 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 0, 0, 0, 0x3f, 0, 0, 0xc0, 0x7f }, { 32767, -32768, 16384, 0 } }, /* 1, -2, 0.5, NaN */
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct buf b;
        struct io *io = NULL;
        struct wav w;
        struct vcr_why why;
        int16_t out[4];
        uint32_t len = (uint32_t)kinds[i].bits / 2;
        sound(&b, kinds[i].tag, 2, 48000, kinds[i].bits, kinds[i].bytes, len, len);
        assert_int_equal(io_mem_open(&io, &b, &why), VCR_OK);
        assert_int_equal(wav_open(&w, io, &why), VCR_OK);
        assert_int_equal(w.frames, 2);
        assert_false(w.cut);
        wav_to_int16(&w, kinds[i].bytes, 2, out);
        assert_memory_equal(out, kinds[i].want, sizeof(out));
        io_close(&io);
        buf_free(&b);
    }
}

static const struct {
    int tag, channels, rate, bits;
    uint32_t len, promised;
    enum vcr_err err;
    int frames;
    bool cut;
} wavs[] = {
    { 1, 1, 48000, 16, 8, 8, VCR_OK, 4, false },          { 1, 2, 48000, 16, 8, 400, VCR_OK, 2, true },   { 1, 2, 48000, 16, 8, 4, VCR_OK, 1, false },
    { 1, 2, 48000, 16, 8, UINT32_MAX, VCR_OK, 2, false }, { 1, 2, 48000, 16, 8, 0, VCR_OK, 2, false },    { 1, 2, 48000, 16, 7, 7, VCR_OK, 1, true },
    { 1, 0, 48000, 16, 8, 8, VCR_E_UNSUPPORTED, 0, false }, { 1, 3, 48000, 16, 8, 8, VCR_E_UNSUPPORTED, 0, false }, { 1, 2, 0, 16, 8, 8, VCR_E_UNSUPPORTED, 0, false },
    { 1, 2, -1, 16, 8, 8, VCR_E_UNSUPPORTED, 0, false },  { 1, 2, 48000, 12, 8, 8, VCR_E_UNSUPPORTED, 0, false }, { 3, 2, 48000, 16, 8, 8, VCR_E_UNSUPPORTED, 0, false },
    { 7, 1, 8000, 8, 8, 8, VCR_E_UNSUPPORTED, 0, false },
};

static void sound_counts_as_far_as_the_file_goes(void **state)
{
    static const uint8_t zeros[16];
    for (size_t i = 0; i < ARRAY_LEN(wavs); i++) {
        struct buf b;
        struct io *io = NULL;
        struct wav w;
        struct vcr_why why;
        sound(&b, wavs[i].tag, wavs[i].channels, wavs[i].rate, wavs[i].bits, zeros, wavs[i].len, wavs[i].promised);
        assert_int_equal(io_mem_open(&io, &b, &why), VCR_OK);
        assert_int_equal(wav_open(&w, io, &why), wavs[i].err);
        if (wavs[i].err == VCR_OK) {
            assert_int_equal(w.at, 44);
            assert_int_equal(w.frames, wavs[i].frames);
            assert_int_equal(w.cut, wavs[i].cut);
        }
        io_close(&io);
        buf_free(&b);
    }
}

static void a_head_that_is_written_is_read(void **state)
{
    struct buf b;
    struct io *io = NULL;
    struct wav w;
    struct vcr_why why;
    uint8_t head[WAV_HEAD_BYTES];
    assert_true(wav_write_head(head, 44100, 1, 3));
    buf_init(&b, 4096);
    buf_add(&b, head, sizeof(head));
    buf_add(&b, "abcdef", 6);
    assert_int_equal(io_mem_open(&io, &b, &why), VCR_OK);
    assert_int_equal(wav_open(&w, io, &why), VCR_OK);
    assert_int_equal(w.rate, 44100);
    assert_int_equal(w.channels, 1);
    assert_int_equal(w.frames, 3);
    assert_false(w.cut);
    assert_false(wav_write_head(head, 48000, 2, INT64_C(1) << 30)); /* 4 GiB */
    io_close(&io);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_say_what_the_pictures_are), cmocka_unit_test(every_frame_is_where_it_is), cmocka_unit_test(samples_of_every_kind),
        cmocka_unit_test(sound_counts_as_far_as_the_file_goes), cmocka_unit_test(a_head_that_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
