/* tests/unit/signal/test_sound.c - the tape's sound measured: wow and flutter as a meter reads it, what the tape's speed changes, and levels at the very top. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hearing.h"
#include "looks.h"
#include "signal/signal.h"

enum { RATE = 48000, SECONDS = 24, CHUNK = 960 };
static int16_t in[RATE * SECONDS * 2], out[RATE * SECONDS * 2], half[RATE * 2];
static const struct signal_profile off = { .name = "none" };

static uint8_t tape_speed;

static void hear(const struct signal_profile *p, enum signal_standard standard, enum signal_sound sound, int frames)
{
    struct signal_audio *a = NULL;
    assert_int_equal(signal_audio_open(&a, standard, 7, NULL), VCR_OK);
    signal_audio_set_profile(a, p);
    signal_audio_set_tape_speed(a, tape_speed);
    for (int i = 0; i < frames; i += CHUNK)
        signal_audio_render(a, sound, (int64_t)i * 125 / 6, in + 2 * i, out + 2 * i, CHUNK);
    signal_audio_close(&a);
}

/* Weighted rms of the speed error of a tone of 3150 Hz, percent. */
static double flutter_percent(const struct signal_profile *p, enum signal_standard standard, enum signal_sound sound)
{
    static double error[FLUTTER_STEPS_MAX];
    for (int i = 0; i < RATE * SECONDS; i++)
        in[2 * i] = in[2 * i + 1] = (int16_t)lrint(16000 * sin(2 * M_PI * 3150 / RATE * i));
    hear(p, standard, sound, RATE * SECONDS);
    int n = hearing_speed(out + 2 * RATE, (SECONDS - 2) * RATE, error);
    return hearing_wrms(error, n);
}

static void wow_and_flutter_are_the_looks(void **state)
{
    static const struct { const char *look; double percent; } look[] = { { "family", 0.18 }, { "good", 0.15 }, { "rental", 0.25 } };
    for (size_t i = 0; i < ARRAY_LEN(look); i++) {
        struct signal_profile p = off;
        p.capstan_error_ppm = look_named(look[i].look)->capstan_error_ppm;
        double percent = flutter_percent(&p, i ? SIGNAL_NTSC : SIGNAL_PAL, SIGNAL_SOUND_LINEAR);
        if (fabs(percent / look[i].percent - 1) > 0.1)
            fail_msg("%s: %.3f %%", look[i].look, percent);
    }
    assert_true(flutter_percent(&off, SIGNAL_PAL, SIGNAL_SOUND_LINEAR) < 0.002);
    assert_true(flutter_percent(look_named("good"), SIGNAL_PAL, SIGNAL_SOUND_HIFI) < 0.01);
}

/* Square waves at full scale overshoot behind a filter: the top is cut, and nothing comes out at the other end. */
static void full_scale_is_cut_not_wrapped(void **state)
{
    struct signal_profile p = *look_named("rental");
    p.hiss_db10 = p.buzz_db10 = 0;
    int cut = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < RATE; i++)
            in[2 * i] = in[2 * i + 1] = (int16_t)((i / 120 & 1 ? -8191 : 8191) * (pass ? 4 : 1));
        hear(&p, SIGNAL_PAL, SIGNAL_SOUND_LINEAR, RATE);
        if (!pass)
            memcpy(half, out, sizeof(half));
    }
    for (int i = 0; i < 2 * RATE; i++) {
        int expect = VCR_CLAMP(4 * half[i], -32768, 32767);
        assert_true(abs(out[i] - expect) <= 4);
        cut += abs(out[i]) >= 32767;
    }
    assert_true(cut > 1000);
    for (int sound = SIGNAL_SOUND_LINEAR; sound <= SIGNAL_SOUND_HIFI; sound++)
        for (int side = -1; side <= 1; side += 2) { /* the hiss, the buzz and the tick on top of it */
            for (int i = 0; i < 2 * RATE; i++)
                in[i] = (int16_t)(side > 0 ? 32767 : -32768);
            hear(look_named(sound == SIGNAL_SOUND_HIFI ? "good" : "rental"), SIGNAL_NTSC, (enum signal_sound)sound, RATE);
            int most = 0, least = 0;
            for (int i = 0; i < 2 * RATE; i++) {
                most = VCR_MAX(most, out[i] * side);
                least = VCR_MIN(least, out[i] * side);
            }
            assert_true(most > 30000 && least > -12000);
        }
}

static double level_db(const struct signal_profile *p, double hz)
{
    double sum = 0;
    for (int i = 0; i < RATE; i++)
        in[2 * i] = in[2 * i + 1] = (int16_t)lrint(hz > 0 ? 20000 * sin(2 * M_PI * hz / RATE * i) : 0);
    hear(p, SIGNAL_NTSC, SIGNAL_SOUND_LINEAR, RATE);
    for (int i = RATE / 2; i < RATE; i++)
        sum += (double)out[2 * i] * out[2 * i];
    return 10 * log10(sum / (RATE / 2) / (20000.0 * 20000 / 2));
}

static void slower_tape_is_duller_noisier_and_less_steady(void **state)
{
    static const double band[3] = { 10000, 7000, 5000 }, percent[3] = { 0.18, 0.28, 0.41 };
    double hiss[3];
    for (tape_speed = 0; tape_speed < 3; tape_speed++) {
        struct signal_profile p = off;
        p.linear_high_hz = 10000;
        double mid = level_db(&p, 1000), high = level_db(&p, band[tape_speed]);
        assert_true(fabs(mid) < 0.3 && fabs(high + 3) < 0.5);
        p.hiss_db10 = 440;
        hiss[tape_speed] = level_db(&p, 0);
        p.hiss_db10 = 0;
        p.capstan_error_ppm = look_named("family")->capstan_error_ppm;
        assert_true(fabs(flutter_percent(&p, SIGNAL_NTSC, SIGNAL_SOUND_LINEAR) / percent[tape_speed] - 1) < 0.1);
    }
    tape_speed = 0;
    assert_true(hiss[1] > hiss[0] + 1 && hiss[2] > hiss[1] + 1 && hiss[2] < hiss[0] + 5);
}

/* Of a search: a tone recorded at `hz` as it is heard, in pieces of 20 ms. */
static double search_tone(const struct signal_profile *p, double hz, double rate, int frames)
{
    static int16_t stretch[CHUNK * 17 * 2];
    struct signal_audio *a = NULL;
    int count = (int)ceil(fabs(rate)) * CHUNK, crossings = 0;
    assert_int_equal(signal_audio_open(&a, SIGNAL_PAL, 7, NULL), VCR_OK);
    signal_audio_set_profile(a, p);
    for (int at = 0; at < frames; at += CHUNK) {
        int64_t place = llround(20 * RATE + at * rate), first = rate > 0 ? place : place - count;
        for (int i = 0; i < count; i++)
            stretch[2 * i] = stretch[2 * i + 1] = (int16_t)lrint(12000 * sin(2 * M_PI * fmod(hz * (double)(first + i) / RATE, 1)));
        signal_audio_search(a, (int32_t)lround(rate * 65536), place * 125 / 6, stretch, count, out + 2 * at, CHUNK);
    }
    signal_audio_close(&a);
    for (int i = frames / 4; i < frames; i++)
        crossings += out[2 * i - 2] < 0 && out[2 * i] >= 0;
    return crossings / (frames * 0.75 / RATE);
}

static double rms_of(int from, int frames)
{
    double power = 0;
    for (int i = from; i < from + frames; i++)
        power += (double)out[2 * i] * out[2 * i];
    return sqrt(power / frames);
}

/* The chatter of a search: higher by the speed, backwards as well, one stream without clicks between the pieces, nothing above the amplifier's band. */
static void a_search_is_heard_higher_and_slow_lower(void **state)
{
    static const struct { double hz, rate, heard; } rows[] = { { 300, 7, 2100 }, { 300, -7, 2100 }, { 250, 9, 2250 }, { 440, 2, 880 }, { 1000, 0.2, 200 }, { 1000, -0.5, 500 } };
    struct signal_profile p = off;
    p.audio_track = SIGNAL_TRACK_LINEAR;
    p.linear_high_hz = 10000;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double heard = search_tone(&p, rows[i].hz, rows[i].rate, RATE);
        if (fabs(heard - rows[i].heard) > 4)
            fail_msg("%g Hz at %g: %g Hz", rows[i].hz, rows[i].rate, heard);
        double level = 20 * log10(rms_of(RATE / 4, RATE / 2) / (12000 * M_SQRT1_2));
        if (level < -3 || level > 0.5)
            fail_msg("%g Hz at %g: %g dB", rows[i].hz, rows[i].rate, level);
        int step = 0;
        for (int k = RATE / 4; k < RATE; k++)
            step = VCR_MAX(step, abs(out[2 * k] - out[2 * k - 2]));
        assert_true(step < 12000 * 2 * M_PI * rows[i].heard / RATE * 1.2 + 40);
        assert_memory_equal(&out[2 * 100], &out[2 * 100 + 1], sizeof(out[0])); /* mono */
        assert_in_range(abs(out[0]) + 1, 1, 60); /* it fades in */
    }
    search_tone(&p, 5000, 7, RATE);
    assert_true(rms_of(RATE / 4, RATE / 2) < 12000 * 0.12); /* 35 kHz; the mean over what passes leaves a little of it, folded back */
    p.hiss_db10 = 440;
    search_tone(&p, 0, 5, RATE);
    assert_in_range(rms_of(RATE / 4, RATE / 2), 40, 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_search_is_heard_higher_and_slow_lower), cmocka_unit_test(wow_and_flutter_are_the_looks), cmocka_unit_test(slower_tape_is_duller_noisier_and_less_steady),
        cmocka_unit_test(full_scale_is_cut_not_wrapped) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
