/* tests/unit/signal/test_settings.c - looks as data: every setting by name, its range, off; every built-in look in both standards and at each speed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "signal/settings.h"

static void every_setting_by_name(void **state)
{
    for (int n = 0; n < signal_setting_count(); n++) {
        const struct signal_setting *s = signal_setting_at(n);
        struct signal_profile p = { .name = "" };
        char text[40];
        double v = -1;
        assert_int_equal(signal_setting_find(s->name), n);
        assert_false(signal_profile_get(&p, n, &v)); /* all zero is all off */
        if (s->kind == SIGNAL_NUMBER) {
            snprintf(text, sizeof(text), "%g", s->max);
            assert_int_equal(signal_profile_set(&p, s->name, text, NULL), VCR_OK);
            assert_true(signal_profile_get(&p, n, &v) && fabs(v - s->max) < 1e-9);
            snprintf(text, sizeof(text), "%g", s->max * 1.01);
        } else {
            snprintf(text, sizeof(text), "%s", s->choices ? s->choices[1] : "on");
            assert_int_equal(signal_profile_set(&p, s->name, text, NULL), VCR_OK);
            assert_true(signal_profile_get(&p, n, &v) && v == 1);
            snprintf(text, sizeof(text), "1.5");
        }
        struct vcr_why why;
        assert_int_equal(signal_profile_set(&p, s->name, text, &why), VCR_E_INVALID);
        assert_non_null(strstr(why.text, s->name));
        assert_true(signal_profile_get(&p, n, &v)); /* nothing has changed */
        assert_int_equal(signal_profile_set(&p, s->name, "off", NULL), VCR_OK);
        assert_false(signal_profile_get(&p, n, &v));
        assert_true(s->default_value >= s->min && s->default_value <= s->max && *s->source);
    }
    assert_null(signal_setting_at(signal_setting_count()));
    assert_int_equal(signal_setting_find("luma"), -1);
}

static void what_is_refused(void **state)
{
    static const char *const bad[][2] = { { "luma.mtf", "nan" }, { "luma.mtf", "0x3" }, { "luma.mtf", "" }, { "luma.mtf", "3 MHz" }, { "luma.mtf", "hifi" }, { "limiter", "1" },
                                          { "audio.track", "2" }, { "audio.track", "stereo" }, { "noise.luma_db", "19.9" }, { "noise.luma_db", "1e99" }, { "Luma.mtf", "3" }, { "", "" } };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct signal_profile p = { .name = "" }, before = p;
        assert_int_equal(signal_profile_set(&p, bad[i][0], bad[i][1], NULL), VCR_E_INVALID);
        assert_memory_equal(&p, &before, sizeof(p));
    }
    struct vcr_why why;
    signal_profile_set(&(struct signal_profile) { .name = "" }, "luma.mtf", "7", &why);
    assert_string_equal(why.text, "luma.mtf: '7' is not within 0.5..6 MHz, sp, lp, ep or off");
}

static void the_switch_and_its_step(void **state)
{
    struct signal_profile p = { .name = "" };
    assert_int_equal(signal_profile_set(&p, "headswitch.step_us", "3", NULL), VCR_OK);
    assert_int_equal(p.headswitch, 1);
    assert_int_equal(signal_profile_set(&p, "headswitch", "off", NULL), VCR_OK);
    assert_int_equal(p.headswitch_step_ns, 0);
}

/* Not given it is what the capstan's error comes to; 0 is none, as off is. */
static void flutter_and_the_capstan(void **state)
{
    struct signal_profile p = { .name = "" };
    int n = signal_setting_find("audio.flutter_percent");
    double v = 0;
    assert_int_equal(signal_profile_set(&p, "capstan.error_percent", "1", NULL), VCR_OK);
    assert_true(signal_profile_get(&p, n, &v) && fabs(v - 0.287) < 0.002);
    p.tape_speed = 2; /* 1 % is 1 % whatever the speed it was said for */
    assert_true(signal_profile_get(&p, n, &v) && fabs(v - 0.287) < 0.002);
    assert_int_equal(signal_profile_set(&p, "audio.flutter_percent", "0.4", NULL), VCR_OK);
    assert_true(signal_profile_get(&p, n, &v) && fabs(v - 0.4) < 1e-9);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(signal_profile_set(&p, "audio.flutter_percent", i ? "0" : "off", NULL), VCR_OK);
        assert_false(signal_profile_get(&p, n, &v));
        assert_true(p.flutter_mpercent < 0);
    }
}

static void every_look_loads(void **state)
{
    int looks = 0;
    for (; signal_profile_name_at(looks); looks++)
        for (int pal = 0; pal < 2; pal++)
            for (uint8_t speed = 0; speed < 3; speed++) {
                struct signal_profile p;
                struct vcr_why why = { .text = "" };
                if (signal_profile_load(&p, signal_profile_name_at(looks), pal ? SIGNAL_PAL : SIGNAL_NTSC, speed, &why))
                    fail_msg("%s: %s", signal_profile_name_at(looks), why.text);
                assert_string_equal(p.name, signal_profile_name_at(looks));
                assert_int_equal(p.tape_speed, speed);
            }
    assert_int_equal(looks, 10);
    assert_null(signal_profile_name_at(11));
    assert_null(signal_profile_name_at(-1));
    assert_int_equal(signal_profile_load(&(struct signal_profile) { .name = "" }, "nobody", SIGNAL_PAL, 0, NULL), VCR_E_INVALID);
}

static void defaults_are_the_family_look(void **state)
{
    struct signal_profile p;
    assert_int_equal(signal_profile_load(&p, "vhs", SIGNAL_NTSC, 0, NULL), VCR_OK);
    assert_string_equal(p.name, "family");
    for (int n = 0; n < signal_setting_count(); n++) {
        double v = 0;
        signal_profile_get(&p, n, &v);
        if (fabs(v - signal_setting_at(n)->default_value) > 1e-9)
            fail_msg("%s: %g in family.ini", signal_setting_at(n)->name, v);
    }
}

static void sections_apply_in_the_files_order(void **state)
{
    static const char ini[] = "; a look\n[common]\nnoise.luma_db = 40\n[pal]\nnoise.luma_db = 41 ; own\n[ep]\nnoise.luma_db = 38\n[pal.ep]\nnoise.luma_db = off\n";
    static const int32_t want[2][3] = { { 400, 400, 380 }, { 410, 410, 0 } };
    for (int pal = 0; pal < 2; pal++)
        for (uint8_t speed = 0; speed < 3; speed++) {
            struct signal_profile p;
            assert_int_equal(signal_profile_read(&p, ini, strlen(ini), pal ? SIGNAL_PAL : SIGNAL_NTSC, speed, NULL), VCR_OK);
            assert_int_equal(p.noise_luma_db10, want[pal][speed]);
        }
}

static void bad_files(void **state)
{
    static const char *const bad[] = { "[common]\nluma.mtf = 9\n", "[pal]\nluma.mtf = 9\n", "[secam]\nluma.mtf = 3\n", "luma.mtf = 3\n", "[common]\nnothing\n", "[common]\nhello = 1\n" };
    struct signal_profile p = { .name = "mine" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct vcr_why why = { .text = "" };
        assert_int_not_equal(signal_profile_read(&p, bad[i], strlen(bad[i]), SIGNAL_NTSC, 0, &why), VCR_OK);
        assert_true(*why.text);
        assert_string_equal(p.name, "mine");
    }
    assert_int_equal(signal_profile_read(&p, "[pal]\n\0x", 8, SIGNAL_NTSC, 0, NULL), VCR_E_MALFORMED);
}

static void a_look_with_amounts(void **state)
{
    static const char *const bad[] = { "nobody;noise.luma_db=40", "family;", "family;noise.luma_db", "family;noise.luma_db=400", "family;nose=1", "family;;headswitch=on", ";noise.luma_db=40",
        "family;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=1" };
    struct signal_profile p, rental, untouched = { .name = "untouched" };
    assert_int_equal(signal_profile_load(&rental, "rental", SIGNAL_PAL, 2, NULL), VCR_OK);
    assert_int_equal(signal_look_read(&p, "rental", SIGNAL_PAL, 2, NULL), VCR_OK);
    assert_memory_equal(&p, &rental, sizeof(p));
    assert_int_equal(signal_look_read(&p, "rental;noise.luma_db=40.5;headswitch=off;luma.mtf=lp", SIGNAL_PAL, 2, NULL), VCR_OK);
    assert_int_equal(p.noise_luma_db10, 405);
    assert_int_equal(p.headswitch, 0);
    assert_int_equal(p.luma_mtf_khz, 2760);
    assert_int_equal(p.dropout_per_minute, rental.dropout_per_minute);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct signal_profile before = untouched;
        if (signal_look_read(&before, bad[i], SIGNAL_NTSC, 0, NULL) == VCR_OK || memcmp(&before, &untouched, sizeof(before)))
            fail_msg("'%s' is taken", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_setting_by_name), cmocka_unit_test(what_is_refused), cmocka_unit_test(the_switch_and_its_step), cmocka_unit_test(flutter_and_the_capstan),
        cmocka_unit_test(every_look_loads), cmocka_unit_test(defaults_are_the_family_look), cmocka_unit_test(sections_apply_in_the_files_order), cmocka_unit_test(bad_files), cmocka_unit_test(a_look_with_amounts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
