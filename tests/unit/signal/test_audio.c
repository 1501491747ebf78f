/* tests/unit/signal/test_audio.c - the tape's sound measured stage by stage, each alone on top of nothing; with every measure one that must fail when the stage is off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hearing.h"
#include "signal/internal.h"
#include "looks.h"
#include "signal/signal.h"

enum { RATE = HEARING_RATE, SECONDS = 24, SEED = 7 };
static int16_t in[RATE * SECONDS * 2], out[RATE * SECONDS * 2], again[RATE * SECONDS * 2];
static const struct signal_profile off = { .name = "none" };

struct listening {
    const struct signal_profile *p;
    enum signal_standard standard;
    uint8_t tape_speed;
    enum signal_sound sound;
    int32_t tracking, wear;
    int generation, chunk;
    int64_t from; /* sample */
};

static void hear(const struct listening *l, int16_t *to, int frames)
{
    struct signal_audio *a = NULL;
    assert_int_equal(signal_audio_open(&a, l->standard, SEED, NULL), VCR_OK);
    signal_audio_set_profile(a, l->p);
    signal_audio_set_tape_speed(a, l->tape_speed);
    signal_audio_set_heads(a, l->tracking, l->wear);
    signal_audio_set_generation(a, l->generation);
    int chunk = l->chunk ? l->chunk : 960;
    for (int i = 0; i < frames; i += chunk)
        signal_audio_render(a, l->sound ? l->sound : SIGNAL_SOUND_HIFI, (l->from + i) * 125 / 6, in + 2 * i, to + 2 * i, VCR_MIN(chunk, frames - i));
    signal_audio_close(&a);
}

static void tone(double hz, double size, int frames)
{
    for (int i = 0; i < frames; i++)
        in[2 * i] = in[2 * i + 1] = (int16_t)lrint(size * sin(2 * M_PI * hz / RATE * i));
}

static void silence(void) { memset(in, 0, sizeof(in)); }

static void programme(int frames) /* two different sides, loud and soft */
{
    uint32_t r = 1;
    for (int i = 0; i < 2 * frames; i++) {
        r = r * 1664525 + 1013904223;
        in[i] = (int16_t)(12000 * sin(i * 0.031) * sin(i * 0.00011) + (double)(int32_t)(r >> 20) - 2048);
    }
}

/* What comes out that did not go in, of one side. */
static void leave_the_rest(int frames)
{
    for (int i = 0; i < 2 * frames; i++)
        out[i] = (int16_t)VCR_CLAMP(out[i] - in[i], -32768, 32767);
}

static void with_nothing_on_it_is_the_sound_itself(void **state)
{
    programme(RATE);
    in[0] = 32767, in[1] = -32768;
    for (int sound = SIGNAL_SOUND_LINEAR; sound <= SIGNAL_SOUND_HIFI; sound++) {
        hear(&(struct listening){ .p = &off, .sound = (enum signal_sound)sound, .tracking = 200, .wear = 16, .generation = 5 }, out, RATE);
        assert_memory_equal(in, out, RATE * 4);
    }
    struct signal_profile p = off;
    p.audio_track = SIGNAL_TRACK_HIFI; /* the programme passes the compander unharmed */
    hear(&(struct listening){ .p = &p }, out, RATE);
    assert_memory_equal(in, out, RATE * 4);
}

static struct signal_profile everything(enum signal_audio_track track)
{
    struct signal_profile p = *look_named("rental");
    p.audio_track = (uint8_t)track;
    p.dropout_per_minute = 3000;
    return p;
}

static void chunks_do_not_show(void **state)
{
    enum { FRAMES = RATE * 2 };
    static const int chunk[] = { 1, 7, 31, 32, 1024, 1601, FRAMES };
    programme(FRAMES);
    for (int track = SIGNAL_TRACK_OFF; track <= SIGNAL_TRACK_AUTO; track++) {
        struct signal_profile p = everything((enum signal_audio_track)track);
        struct listening l = { .p = &p, .standard = track & 1 ? SIGNAL_PAL : SIGNAL_NTSC, .wear = 8, .generation = 1, .from = 1234567 };
        hear(&l, out, FRAMES);
        for (size_t i = 0; i < ARRAY_LEN(chunk); i++) {
            l.chunk = chunk[i];
            hear(&l, again, FRAMES);
            assert_memory_equal(out, again, FRAMES * 4);
        }
    }
}

/* Who begins later hears the same after a second: so long the expander remembers. */
static void a_second_later_it_does_not_matter_where_it_began(void **state)
{
    enum { FRAMES = RATE * 3, LATER = 31007 };
    programme(FRAMES);
    for (int i = 0; i < 2 * RATE / 3; i++)
        in[i] = (int16_t)VCR_CLAMP(in[i] * 3, -32768, 32767);
    for (int track = SIGNAL_TRACK_OFF; track <= SIGNAL_TRACK_AUTO; track++) {
        struct signal_profile p = everything((enum signal_audio_track)track);
        struct listening l = { .p = &p, .wear = 4 };
        hear(&l, out, FRAMES);
        memmove(in, in + 2 * LATER, (FRAMES - LATER) * 4);
        l.from = LATER;
        hear(&l, again, FRAMES - LATER);
        assert_memory_equal(out + 2 * (LATER + RATE), again + 2 * RATE, (FRAMES - LATER - RATE) * 4);
        assert_memory_not_equal(out + 2 * LATER, again, RATE * 4);
        programme(FRAMES);
    }
}

static double response_db(const struct listening *l, double hz)
{
    tone(hz, 16000, RATE);
    hear(l, out, RATE);
    return 10 * log10(hearing_power(out + RATE, RATE / 2, hz) / (16000.0 * 16000 / 2));
}

static void the_band_ends_where_it_says(void **state)
{
    for (int hz = 4000; hz <= 15000; hz += 3600)
        for (int speed = 0; speed < 3; speed++) {
            struct signal_profile p = off;
            p.linear_high_hz = hz;
            p.tape_speed = (uint8_t)speed; /* what the profile says holds there */
            struct listening l = { .p = &p, .tape_speed = (uint8_t)speed };
            assert_true(response_db(&l, hz * 0.99) > -3.01 && response_db(&l, hz * 1.01) < -3.01);
            assert_true(fabs(response_db(&l, hz / 8)) < 0.02 && response_db(&l, VCR_MIN(hz * 2, 22000)) < (hz > 11000 ? -8 : -22));
            assert_true(fabs(response_db(&l, 30)) < 0.02);
            p.audio_track = SIGNAL_TRACK_LINEAR; /* the track itself begins at 70 Hz */
            assert_true(fabs(response_db(&l, 70) + 3.01) < 0.05 && response_db(&l, 30) < -14);
            p.flutter_mpercent = 1; /* the moving delay takes nothing away */
            assert_true(response_db(&l, hz * 0.99) > -3.05 && response_db(&l, hz * 1.01) < -3);
        }
    struct signal_profile p = off;
    p.linear_high_hz = 10000;
    for (uint8_t speed = 0; speed < 3; speed++) /* one of the SP numbers on a slower tape */
        assert_true(fabs(response_db(&(struct listening){ .p = &p, .tape_speed = speed }, (double[]){ 10000, 7000, 5000 }[speed]) + 3.01) < 0.05);
    assert_true(fabs(response_db(&(struct listening){ .p = &off }, 15000)) < 0.01);
}

static double hiss_db(const struct listening *l)
{
    silence();
    hear(l, out, 4 * RATE);
    return hearing_below(hearing_a_rms(out, 4 * RATE, RATE / 4));
}

static void hiss_is_as_far_down_as_it_says(void **state)
{
    static const int hz[] = { 0, 5000, 10000 };
    for (int db = 30; db <= 60; db += 15)
        for (size_t i = 0; i < ARRAY_LEN(hz); i++) {
            struct signal_profile p = off;
            p.hiss_db10 = db * 10;
            p.linear_high_hz = hz[i];
            double is = hiss_db(&(struct listening){ .p = &p });
            if (fabs(is - db) > 0.25)
                fail_msg("hiss of %d dB(A), band %d Hz: %.2f", db, hz[i], is);
        }
    struct signal_profile p = off;
    p.hiss_db10 = 440;
    static const double by_speed[3] = { 44, 41.5, 39.5 };
    for (uint8_t speed = 0; speed < 3; speed++)
        assert_true(fabs(hiss_db(&(struct listening){ .p = &p, .tape_speed = speed }) - by_speed[speed]) < 0.25);
    for (int generation = 0; generation <= 5; generation++) /* independent noises add by power */
        assert_true(fabs(hiss_db(&(struct listening){ .p = &p, .generation = generation }) - 44 + 10 * log10(generation + 1)) < 0.3);
    assert_true(hearing_rms(out, RATE) > 0);
    p.hiss_db10 = 0;
    hear(&(struct listening){ .p = &p }, out, RATE);
    assert_true(hearing_rms(out, RATE) <= 0);
}

static void buzz_is_the_field_rates(void **state)
{
    for (int standard = SIGNAL_NTSC; standard <= SIGNAL_PAL; standard++) {
        double field = standard == SIGNAL_PAL ? 50 : 60000 / 1001.0, other = standard == SIGNAL_PAL ? 60000 / 1001.0 : 50, all = 0, wrong = 0;
        struct signal_profile p = off;
        p.buzz_db10 = 420;
        silence();
        hear(&(struct listening){ .p = &p, .standard = (enum signal_standard)standard }, out, 8 * RATE);
        for (int h = 1; h <= 30; h++) {
            all += hearing_power(out, 8 * RATE, h * field);
            wrong += h % 5 ? hearing_power(out, 8 * RATE, h * other) : 0;
        }
        assert_true(fabs(hearing_below(sqrt(all)) - 42) < 0.1 && fabs(hearing_below(hearing_rms(out, 8 * RATE)) - 42) < 0.1);
        assert_true(wrong < all / 1e4);
        assert_true(hearing_power(out, 8 * RATE, field) > 3 * hearing_power(out, 8 * RATE, 2 * field));
        p.buzz_db10 = 0;
        hear(&(struct listening){ .p = &p, .standard = (enum signal_standard)standard }, out, RATE);
        assert_true(hearing_rms(out, RATE) <= 0);
    }
}

static double flutter_percent(const struct listening *l, double *ret_error)
{
    static double error[FLUTTER_STEPS_MAX];
    tone(3150, 16000, SECONDS * RATE);
    hear(l, out, SECONDS * RATE);
    int n = hearing_speed(out + 2 * RATE, (SECONDS - 2) * RATE, error);
    if (ret_error)
        memcpy(ret_error, error, (size_t)n * sizeof(*error));
    return hearing_wrms(error, n);
}

static void flutter_is_what_a_meter_reads(void **state)
{
    static const int mpercent[] = { 50, 180, 300, 1000 };
    for (size_t i = 0; i < ARRAY_LEN(mpercent); i++) {
        struct signal_profile p = off;
        p.flutter_mpercent = mpercent[i];
        double is = flutter_percent(&(struct listening){ .p = &p, .standard = i & 1 ? SIGNAL_PAL : SIGNAL_NTSC }, NULL);
        if (fabs(is * 1000 / mpercent[i] - 1) > 0.03)
            fail_msg("flutter of 0.%03d %%: %.4f", mpercent[i], is);
    }
    struct signal_profile p = off;
    p.capstan_error_ppm = 6200;
    p.flutter_mpercent = -1;
    assert_true(flutter_percent(&(struct listening){ .p = &p }, NULL) < 0.001);
    p.flutter_mpercent = 0;
    p.audio_track = SIGNAL_TRACK_HIFI; /* the drum's own, 0.005 %, is not modelled */
    assert_true(flutter_percent(&(struct listening){ .p = &p }, NULL) < 0.001);
}

/* What comes out is the tone as it was a known while ago: the delay is the integral of the error, and its interpolation adds nothing. */
static void the_moving_delay_is_clean(void **state)
{
    struct signal_profile p = off;
    p.flutter_mpercent = 300;
    double size = 0, worst = 0, swing = 0;
    for (int i = 0; i < CAPSTAN_PARTS; i++)
        size += pow(capstan_part[i].share * hearing_flutter_weighting(capstan_part[i].hz), 2) / 2;
    size = 0.003 / sqrt(size) * RATE / (2 * M_PI);
    for (int i = 0; i < CAPSTAN_PARTS; i++)
        swing += size * capstan_part[i].share / capstan_part[i].hz;
    tone(6000, 16000, 2 * RATE);
    hear(&(struct listening){ .p = &p }, out, 2 * RATE);
    for (int n = 1000; n < 2 * RATE; n++) {
        double d = floor(swing) + 9;
        for (int i = 0; i < CAPSTAN_PARTS; i++)
            d += size * capstan_part[i].share / capstan_part[i].hz * cos(2 * M_PI * capstan_phase(SEED, i, n * INT64_C(125) / 6) / 4294967296.0);
        worst = VCR_MAX(worst, fabs(out[2 * n] - 16000 * sin(2 * M_PI * 6000 / RATE * (n - d))));
    }
    if (worst > 16)
        fail_msg("%.1f codes beside the tone", worst);
}

/* The pitch of a tone follows the error of the capstan that moves the picture: reckoned here from the schedule's parts, as schedule.c does. */
static void pitch_follows_the_pictures_capstan(void **state)
{
    static double error[FLUTTER_STEPS_MAX];
    struct signal_profile p = off;
    p.capstan_error_ppm = 6200;
    flutter_percent(&(struct listening){ .p = &p }, error);
    for (int other = 0; other < 2; other++) {
        double xy = 0, xx = 0, yy = 0;
        for (int k = 0; k < 3000; k++) {
            double e = 0;
            int64_t us = ((int64_t)(k + 1) * FLUTTER_STEP + RATE) * 125 / 6;
            for (int i = 0; i < CAPSTAN_PARTS; i++)
                e += capstan_part[i].share * sin(2 * M_PI * capstan_phase(SEED + other, i, us) / 4294967296.0);
            xy += e * error[k], xx += e * e, yy += error[k] * error[k];
        }
        double correlation = xy / sqrt(xx * yy);
        assert_true(other ? fabs(correlation) < 0.8 : correlation > 0.99);
    }
}

static void clicks_come_once_a_field(void **state)
{
    for (int standard = SIGNAL_NTSC; standard <= SIGNAL_PAL; standard++) {
        struct signal_profile p = off;
        p.audio_track = SIGNAL_TRACK_HIFI;
        p.hifi_click_db10 = 500;
        double field = standard == SIGNAL_PAL ? 50 : 60000 / 1001.0, wrong = 0, right = 0;
        struct listening l = { .p = &p, .standard = (enum signal_standard)standard };
        tone(1000, 8000, 4 * RATE);
        hear(&l, out, 4 * RATE);
        leave_the_rest(4 * RATE);
        int peak = 0, clicks = 0;
        for (int i = 0; i < 4 * RATE; i++) {
            peak = VCR_MAX(peak, abs(out[2 * i]));
            clicks += out[2 * i] < -90;
            assert_int_equal(out[2 * i], out[2 * i + 1]);
        }
        assert_true(abs(peak - 104) <= 1); /* 50 dB below 32767 */
        assert_int_equal(clicks, (int)(4 * field));
        for (int h = 1; h <= 40; h++) {
            right += hearing_power(out, 4 * RATE, h * field);
            wrong += hearing_power(out, 4 * RATE, (h - 0.5) * field);
        }
        assert_true(right > 100 * wrong);
        l.sound = SIGNAL_SOUND_LINEAR; /* it is not on the other track */
        silence();
        hear(&l, out, RATE);
        assert_true(hearing_rms(out, RATE) <= 0);
    }
}

/* The noise falls by 1 dB where the programme falls by 2. */
static double breath_db(const struct signal_profile *p, double hz, double size)
{
    tone(hz, size, 2 * RATE);
    hear(&(struct listening){ .p = p }, out, 2 * RATE);
    leave_the_rest(2 * RATE);
    return hearing_below(hearing_a_rms(out, 2 * RATE, RATE / 2));
}

static void hifi_noise_breathes(void **state)
{
    struct signal_profile p = off;
    p.audio_track = SIGNAL_TRACK_HIFI;
    p.hifi_noise_db10 = 480;
    for (int down = 6; down <= 46; down += 10) {
        double is = breath_db(&p, 1000, 32767 * pow(10, -down / 20.0));
        if (fabs(is - 48 - down / 2.0) > 0.3)
            fail_msg("noise beside a tone %d dB down: %.2f dB(A)", down, is);
    }
    assert_true(breath_db(&p, 8000, 3276) < breath_db(&p, 300, 3276) - 3); /* the detector hears highs better */
    silence();
    hear(&(struct listening){ .p = &p }, out, RATE);
    leave_the_rest(RATE);
    assert_true(hearing_below(hearing_rms(out, RATE) + 1e-9) > 90); /* and in silence nothing is left */
    /* after a loud tone it dies away: 80 ms for the level to fall by e, the noise by its root */
    double power[2] = { 0 };
    tone(1000, 30000, RATE);
    memset(in + RATE, 0, sizeof(in) - RATE * sizeof(*in));
    hear(&(struct listening){ .p = &p }, out, RATE);
    for (int part = 0; part < 2; part++)
        for (int i = 0; i < 3840; i++) /* 80 ms, from 12 ms after the tone on */
            power[part] += pow(out[2 * (RATE / 2 + 576 + part * 3840 + i)], 2);
    assert_true(fabs(10 * log10(power[0] / power[1]) - 4.34) < 0.6);
    p.hifi_noise_db10 = 0;
    assert_true(breath_db(&p, 1000, 32767) > 110);
}

static void pops_are_the_pictures_dropouts(void **state)
{
    enum { FRAMES = 20 * RATE };
    struct signal_profile p = off;
    p.audio_track = SIGNAL_TRACK_HIFI;
    p.dropout_per_minute = 60;
    tone(1000, 20000, FRAMES);
    hear(&(struct listening){ .p = &p, .standard = SIGNAL_PAL }, out, FRAMES);
    leave_the_rest(FRAMES);
    struct dropout_list of = { SIGNAL_PAL, SEED, 60, 288, 720 };
    static uint8_t near[FRAMES];
    struct dropout d[64];
    int expected = 0, found = 0, elsewhere = 0;
    for (int field = 0; field < 20 * 50; field++)
        for (int i = 0, n = schedule_dropouts(&of, field, 0, 0, d, 64); i < n; i++) {
            int at = field * 960 + (int)((d[i].line + d[i].x / 858.0) * 3.072), most = 0;
            for (int k = 0; k < 20 && at + k < FRAMES; k++) {
                near[at + k] = 1;
                most = VCR_MAX(most, VCR_MAX(abs(out[2 * (at + k)]), abs(out[2 * (at + k) + 1])));
            }
            expected++;
            found += most > 2;
        }
    for (int i = 0; i < FRAMES; i++)
        elsewhere += !near[i] && (out[2 * i] || out[2 * i + 1]);
    assert_true(expected > 8 && expected < 45 && found > expected * 7 / 10);
    assert_int_equal(elsewhere, 0);
    p.audio_track = SIGNAL_TRACK_OFF; /* a matter of the Hi-Fi track alone */
    hear(&(struct listening){ .p = &p }, out, FRAMES);
    assert_memory_equal(in, out, FRAMES * 4);
}

/* Linear sound shows by being mono. */
static int mono_percent(const struct listening *l, int from, int frames)
{
    int same = 0;
    for (int i = 0; i < RATE; i++) {
        in[2 * i] = (int16_t)lrint(9000 * sin(2 * M_PI * 500 / RATE * i));
        in[2 * i + 1] = (int16_t)lrint(9000 * sin(2 * M_PI * 800 / RATE * i + 1));
    }
    hear(l, out, RATE);
    for (int i = from; i < from + frames; i++)
        same += out[2 * i] == out[2 * i + 1];
    return same * 100 / frames;
}

static void hifi_falls_back_where_its_heads_find_nothing(void **state)
{
    struct signal_profile p = off;
    p.audio_track = SIGNAL_TRACK_AUTO;
    for (int32_t error = -160; error <= 160; error += 32) {
        int is = mono_percent(&(struct listening){ .p = &p, .tracking = error }, 0, RATE);
        assert_true(abs(error) > 128 ? is > 95 : is < 5);
    }
    /* half a track off a head that is no wider than it finds half of what it can; one that is wider, in EP, half of it when half its own width is off */
    p.head_width_um10 = 260;
    for (uint8_t speed = 0; speed < 3; speed += 2) {
        int is = mono_percent(&(struct listening){ .p = &p, .tracking = 150, .tape_speed = speed }, 0, RATE);
        assert_true(speed ? is < 5 : is > 95);
    }
    p.head_width_um10 = 0;
    p.audio_track = SIGNAL_TRACK_HIFI; /* who will have Hi-Fi gets it, and the demodulator's noise with it */
    assert_true(mono_percent(&(struct listening){ .p = &p, .tracking = 160 }, 0, RATE) < 5);
    leave_the_rest(RATE);
    double noise = hearing_rms(out, RATE);
    assert_true(noise > 100 && noise < 8000 && hearing_power(out, RATE, 1001) < noise * noise);
    assert_true(mono_percent(&(struct listening){ .p = &p, .sound = SIGNAL_SOUND_LINEAR }, 0, RATE) > 99); /* the deck's own choice */
    p.audio_track = SIGNAL_TRACK_LINEAR;
    assert_true(mono_percent(&(struct listening){ .p = &p }, 0, RATE) > 99);
    for (int side = 0; side < 2; side++) /* of both sides */
        assert_true(hearing_power(out, RATE, side ? 800 : 500) > 9000.0 * 9000 / 9);
    /* a worn tape: now this, now that */
    p.audio_track = SIGNAL_TRACK_AUTO;
    p.dropout_per_minute = 220;
    assert_true(mono_percent(&(struct listening){ .p = &p }, 0, RATE) < 5);
    int some = 0;
    for (int second = 0; second < 12; second++)
        some += mono_percent(&(struct listening){ .p = &p, .wear = 12, .from = second * RATE }, 0, RATE);
    assert_true(some > 120 && some < 1190);
}

/* Turning the tracking knob: a field of noise, then the linear track; back after half a second of a good envelope. No step louder than the sounds themselves. */
static void fallback_comes_and_goes(void **state)
{
    struct signal_audio *a = NULL;
    struct signal_profile p = off;
    p.audio_track = SIGNAL_TRACK_AUTO;
    assert_int_equal(signal_audio_open(&a, SIGNAL_PAL, SEED, NULL), VCR_OK);
    signal_audio_set_profile(a, &p);
    int fell = -1, rose = -1;
    tone(400, 9000, 3 * RATE);
    for (int i = 0; i < 150; i++) {
        signal_audio_set_heads(a, i >= 20 && i < 60 ? 170 : 0, 0);
        signal_audio_render(a, SIGNAL_SOUND_HIFI, i * 20000, in + 1920 * i, out + 1920 * i, 960);
        bool linear = signal_audio_fell_back(a);
        fell = linear && fell < 0 ? i : fell;
        rose = !linear && fell > 0 && rose < 0 ? i : rose;
    }
    assert_int_equal(fell, 21);
    assert_true(rose > 60 + 25 && rose < 60 + 45);
    for (int i = 22 * 960; i < 100 * 960; i++)
        assert_true(abs(out[2 * i] - out[2 * i - 2]) < 600);
    signal_audio_close(&a);
}

static void muting_is_silent_and_comes_back_softly(void **state)
{
    struct signal_audio *a = NULL;
    assert_int_equal(signal_audio_open(&a, SIGNAL_NTSC, SEED, NULL), VCR_OK);
    signal_audio_set_profile(a, &off);
    for (int i = 0; i < 2 * 4800; i++)
        in[i] = 20000;
    for (int i = 0; i < 5; i++)
        signal_audio_render(a, i < 2 ? SIGNAL_SOUND_MUTED : SIGNAL_SOUND_HIFI, i * 20000, in + 1920 * i, out + 1920 * i, 960);
    signal_audio_close(&a);
    for (int i = 0; i < 2 * 1920; i++)
        assert_int_equal(out[i], 0);
    assert_true(out[2 * 1920] < 100);
    for (int i = 1; i < 960; i++)
        assert_true(out[2 * (1920 + i)] - out[2 * (1919 + i)] >= 0 && out[2 * (1920 + i)] - out[2 * (1919 + i)] <= 84);
    assert_int_equal(out[2 * (1920 + 240)], 20000);
}

/* Recorded over: from there on another tape's hiss, and a thump or a pop that is gone after a while; in a stopped deck, and where it is the same recording, nothing. */
static void a_recording_is_heard_to_begin(void **state)
{
    enum { CALLS = 20 };
    for (int track = SIGNAL_TRACK_OFF; track <= SIGNAL_TRACK_AUTO; track++)
        for (int how = 0; how < 3; how++) {
            struct signal_audio *a = NULL;
            struct signal_profile p = off;
            p.audio_track = (uint8_t)track;
            int peak = 0, late = 0;
            silence();
            assert_int_equal(signal_audio_open(&a, SIGNAL_PAL, SEED, NULL), VCR_OK);
            signal_audio_set_profile(a, &p);
            for (int i = 0; i < CALLS; i++) {
                if (i == 8 && how)
                    signal_audio_render(a, SIGNAL_SOUND_MUTED, i * 20000, in, again, 960);
                if (i == 8)
                    signal_audio_set_tape(a, how == 2 ? SEED : SEED + 1);
                signal_audio_render(a, SIGNAL_SOUND_HIFI, i * 20000, in + 1920 * i, out + 1920 * i, 960);
            }
            for (int i = 0; i < CALLS * 1920; i++) {
                peak = VCR_MAX(peak, abs(out[i]));
                late = i >= 11 * 1920 ? VCR_MAX(late, abs(out[i])) : late;
            }
            assert_true(how || track == SIGNAL_TRACK_OFF ? peak == 0 : peak > 400 && peak < 4000 && late == 0);
            signal_audio_close(&a);
        }
    struct signal_profile p = off;
    struct signal_audio *a = NULL;
    p.hiss_db10 = 300;
    assert_int_equal(signal_audio_open(&a, SIGNAL_PAL, SEED, NULL), VCR_OK);
    signal_audio_set_profile(a, &p);
    signal_audio_render(a, SIGNAL_SOUND_HIFI, 0, in, out, RATE);
    signal_audio_set_tape(a, SEED + 1);
    signal_audio_render(a, SIGNAL_SOUND_HIFI, 0, in, again, RATE);
    assert_memory_not_equal(out + RATE, again + RATE, RATE * 2);
    signal_audio_set_tape(a, SEED);
    signal_audio_render(a, SIGNAL_SOUND_HIFI, 0, in, again, RATE);
    assert_memory_equal(out + RATE, again + RATE, RATE * 2);
    signal_audio_close(&a);
}

/* Amounts at and beyond the ends of their ranges, places before the tape and far behind it: some sound comes out, and (the sanitizers look) nothing else happens. */
static void the_ends_of_every_range_are_bearable(void **state)
{
    static const int64_t place[] = { -5000000, -1, 0, 15999999, INT64_C(1) << 40 };
    static const int32_t most[] = { 1, 10, 1000, 100000, -1 };
    programme(2 * 1600);
    for (size_t m = 0; m < ARRAY_LEN(most); m++)
        for (int track = SIGNAL_TRACK_OFF; track <= SIGNAL_TRACK_AUTO; track++)
            for (size_t i = 0; i < ARRAY_LEN(place); i++) {
                struct signal_audio *a = NULL;
                struct signal_profile p = off;
                p.audio_track = (uint8_t)track;
                p.linear_high_hz = p.hiss_db10 = p.buzz_db10 = p.capstan_error_ppm = p.hifi_click_db10 = p.hifi_noise_db10 = most[m];
                p.flutter_mpercent = VCR_MIN(most[m], 3000);
                p.dropout_per_minute = VCR_CLAMP(most[m], 0, 5000);
                int64_t sum = 0;
                assert_int_equal(signal_audio_open(&a, i & 1 ? SIGNAL_PAL : SIGNAL_NTSC, ~0u + place[i], NULL), VCR_OK);
                signal_audio_set_profile(a, &p);
                signal_audio_set_tape_speed(a, (uint8_t)(m * 100));
                signal_audio_set_heads(a, (int32_t)m * 70000 - 140000, (int32_t)i * 9 - 9);
                signal_audio_set_generation(a, (int)m * 3 - 1);
                for (int call = 0; call < 12; call++) {
                    signal_audio_render(a, SIGNAL_SOUND_HIFI, place[i] + call * 100000 / 3, in, out, 0);
                    signal_audio_render(a, SIGNAL_SOUND_HIFI, place[i] + call * 100000 / 3, in, out, 1600);
                    for (int k = 0; k < 3200; k++)
                        sum += abs(out[k]);
                }
                if (sum <= 0)
                    fail_msg("amount %d, track %d, place %lld: silent", most[m], track, (long long)place[i]);
                signal_audio_close(&a);
            }
}

static void generations_lose_the_highs(void **state)
{
    struct signal_profile p = off;
    p.audio_track = SIGNAL_TRACK_LINEAR;
    p.linear_high_hz = 8000;
    for (int generation = 0; generation <= 5; generation++)
        assert_true(fabs(response_db(&(struct listening){ .p = &p, .generation = generation }, 8000) + 3.01 * (generation + 1)) < 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(with_nothing_on_it_is_the_sound_itself), cmocka_unit_test(chunks_do_not_show),
        cmocka_unit_test(a_second_later_it_does_not_matter_where_it_began), cmocka_unit_test(the_band_ends_where_it_says), cmocka_unit_test(hiss_is_as_far_down_as_it_says),
        cmocka_unit_test(buzz_is_the_field_rates), cmocka_unit_test(flutter_is_what_a_meter_reads), cmocka_unit_test(the_moving_delay_is_clean), cmocka_unit_test(pitch_follows_the_pictures_capstan),
        cmocka_unit_test(clicks_come_once_a_field), cmocka_unit_test(hifi_noise_breathes), cmocka_unit_test(pops_are_the_pictures_dropouts),
        cmocka_unit_test(hifi_falls_back_where_its_heads_find_nothing), cmocka_unit_test(fallback_comes_and_goes), cmocka_unit_test(muting_is_silent_and_comes_back_softly),
        cmocka_unit_test(generations_lose_the_highs), cmocka_unit_test(a_recording_is_heard_to_begin),
        cmocka_unit_test(the_ends_of_every_range_are_bearable) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
