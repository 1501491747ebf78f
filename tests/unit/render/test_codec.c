/* tests/unit/render/test_codec.c - what goes into the encoders comes out of the decoders: the right picture at once, key frames where asked and nowhere else. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "barcode.h"
#include "base/util.h"
#include "media/decode.h"
#include "media/encode.h"

static const struct video_encoder_config ntsc = { .width = 720, .height = 480, .sar_num = 8, .sar_den = 9, .rate_num = 30000, .rate_den = 1001,
                                                  .bitrate_bps = 2400000, .effort = VIDEO_EFFORT_SUPERFAST };

static void picture_make(struct picture *p, int width, int height)
{
    uint8_t *m = malloc((size_t)width * (size_t)height * 3 / 2);
    assert_non_null(m);
    *p = (struct picture){ width, height, { m, m + width * height, m + width * height * 5 / 4 }, { width, width / 2, width / 2 } };
}

static void each_picture_comes_back_at_once(void **state)
{
    struct video_encoder *e = NULL;
    struct video_decoder *d = NULL;
    struct picture p;
    picture_make(&p, 720, 480);
    assert_int_equal(video_encoder_open(&e, &ntsc, NULL), VCR_OK);
    assert_int_equal(video_decoder_open(&d, NULL), VCR_OK);
    struct frame *held = NULL;
    int keys = 0;
    for (int i = 0; i < 70; i++) {
        struct packet packet;
        struct frame *f = NULL;
        barcode_draw(&p, 100u + (unsigned)i);
        assert_int_equal(video_encode(e, &p, i * 33367, i == 10, &packet, NULL), VCR_OK);
        assert_int_equal(packet.pts_us, i * 33367);
        keys += (packet.flags & PACKET_KEY) != 0;
        if (i == 0 || i == 10)
            assert_true(packet.flags & PACKET_KEY);
        assert_int_equal(video_decode(d, packet.data, packet.len, &f, NULL), VCR_OK);
        assert_int_equal(barcode_read(&f->picture, 0, 479), 100 + i);
        if (i == 5)
            held = frame_ref(f);
        frame_unref(&f);
    }
    assert_int_equal(keys, 3); /* the first, the one asked for, and two seconds after it */
    assert_int_equal(barcode_read(&held->picture, 0, 479), 105); /* a held picture stays what it was */
    frame_unref(&held);
    video_encoder_close(&e);
    video_decoder_close(&d);
    free(p.plane[0]);
}

/* Fields of the SPS, enough to read the profile, constraint flags and level. */
static void a_stream_says_what_it_is(void **state)
{
    static const struct { int width, height, num, den, level; } rows[] = {
        { 720, 480, 30000, 1001, 30 }, { 720, 480, 60000, 1001, 31 }, { 720, 576, 25, 1, 30 }, { 720, 576, 50, 1, 31 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct video_encoder_config c = ntsc;
        c.width = rows[i].width, c.height = rows[i].height, c.rate_num = rows[i].num, c.rate_den = rows[i].den;
        struct video_encoder *e = NULL;
        struct packet packet;
        struct picture p;
        picture_make(&p, c.width, c.height);
        barcode_draw(&p, 1);
        assert_int_equal(video_encoder_open(&e, &c, NULL), VCR_OK);
        assert_int_equal(video_encode(e, &p, 0, false, &packet, NULL), VCR_OK);
        static const uint8_t start[] = { 0, 0, 0, 1, 0x67 };
        assert_memory_equal(packet.data, start, sizeof(start)); /* parameter sets come first */
        assert_int_equal(packet.data[5], 66);
        assert_true(packet.data[6] & 0x40); /* constrained */
        assert_int_equal(packet.data[7], rows[i].level);
        video_encoder_close(&e);
        free(p.plane[0]);
    }
}

static void the_bit_rate_is_held_and_can_be_lowered(void **state)
{
    struct video_encoder *e = NULL;
    struct picture p;
    picture_make(&p, 720, 480);
    barcode_draw(&p, 0);
    assert_int_equal(video_encoder_open(&e, &ntsc, NULL), VCR_OK);
    size_t bytes[2] = { 0, 0 };
    uint32_t seed = 1;
    for (int i = 0; i < 240; i++) {
        for (int k = 0; k < 720 * 480; k++) /* noise that no encoder likes */
            p.plane[0][k] = (uint8_t)(100 + ((seed = seed * 1664525 + 1013904223) >> 26));
        struct packet packet;
        if (i == 120)
            assert_int_equal(video_encoder_set_bitrate(e, 800000, NULL), VCR_OK);
        assert_int_equal(video_encode(e, &p, i, false, &packet, NULL), VCR_OK);
        if (i % 120 >= 30)
            bytes[i / 120] += packet.len;
    }
    assert_true(bytes[0] < 3 * 2400000 / 8 * 5 / 4); /* 90 pictures: three seconds */
    assert_true(bytes[0] > bytes[1] * 2);
    video_encoder_close(&e);
    free(p.plane[0]);
}

static void what_cannot_be_is_refused(void **state)
{
    struct video_encoder *e = NULL;
    struct vcr_why why;
    struct video_encoder_config c = ntsc;
    c.width = 719;
    assert_int_equal(video_encoder_open(&e, &c, &why), VCR_E_INVALID);
    c = ntsc;
    c.bitrate_bps = 0;
    assert_int_equal(video_encoder_open(&e, &c, &why), VCR_E_INVALID);
    struct video_decoder *d = NULL;
    struct frame *f = NULL;
    uint8_t junk[300];
    assert_int_equal(video_decoder_open(&d, NULL), VCR_OK);
    for (int i = 0; i < 50; i++) {
        vcr_random(junk, sizeof(junk));
        memcpy(junk, "\0\0\0\1\x65", 5);
        assert_int_equal(video_decode(d, junk, sizeof(junk), &f, &why), VCR_E_IO);
    }
    assert_int_equal(video_decode(d, junk, 0, &f, &why), VCR_E_IO);
    video_decoder_close(&d);
}

static double power_at(const int16_t *pcm, int n, double hz)
{
    double re = 0, im = 0;
    for (int i = 0; i < n; i++) {
        re += pcm[2 * i] * cos(2 * M_PI * hz * i / 48000);
        im += pcm[2 * i] * sin(2 * M_PI * hz * i / 48000);
    }
    return (re * re + im * im) / n / n;
}

static void a_tone_goes_through_opus(void **state)
{
    struct audio_encoder *e = NULL;
    struct audio_decoder *d = NULL;
    static int16_t pcm[AUDIO_FRAMES_MAX * 2];
    assert_int_equal(audio_encoder_open(&e, 128000, NULL), VCR_OK);
    assert_int_equal(audio_decoder_open(&d, NULL), VCR_OK);
    assert_true(audio_encoder_delay_us(e) > 0 && audio_encoder_delay_us(e) < 10000);
    int frames = 0;
    for (int k = 0; k < 20; k++) {
        struct packet packet;
        for (int i = 0; i < AUDIO_FRAME; i++)
            pcm[2 * i] = pcm[2 * i + 1] = (int16_t)(8000 * sin(2 * M_PI * 1000 * (k * AUDIO_FRAME + i) / 48000));
        assert_int_equal(audio_encode(e, pcm, k * AUDIO_FRAME_US, &packet, NULL), VCR_OK);
        assert_int_equal(audio_decode(d, packet.data, packet.len, pcm, &frames, NULL), VCR_OK);
        assert_int_equal(frames, AUDIO_FRAME);
    }
    assert_true(power_at(pcm, frames, 1000) > 100 * power_at(pcm, frames, 1700));
    assert_true(power_at(pcm, frames, 1000) > 3000.0 * 3000.0);
    static const uint8_t junk[] = { 0xff, 0xff, 0xff };
    assert_int_equal(audio_decode(d, junk, sizeof(junk), pcm, &frames, NULL), VCR_E_IO);
    audio_encoder_close(&e);
    audio_decoder_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_picture_comes_back_at_once), cmocka_unit_test(a_stream_says_what_it_is),
        cmocka_unit_test(the_bit_rate_is_held_and_can_be_lowered), cmocka_unit_test(what_cannot_be_is_refused), cmocka_unit_test(a_tone_goes_through_opus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
