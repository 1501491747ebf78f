/* tests/unit/signal/test_marks.c - what shows which deck it was: where its heads switch, what it shows in still and in a search of LP, and what it leaves when it records over a
 * tape; from the pixels, in NTSC and in PAL. */
#include <math.h>
#include <stdlib.h>

#include "base/util.h"
#include "raster.h"

static void draw_texture(const struct raster *t)
{
    for (int i = 0; i < W * t->h; i++)
        in_memory[i] = (uint8_t)(30 + (unsigned)i * 7919 % 180);
    memset(in_memory + W * t->h, 128, (size_t)(W * t->h / 2));
}

static struct signal_field play_at(const struct raster *t, int64_t field)
{
    return (struct signal_field) { .tape_us = field * 1001000 / 60 * (t->standard == SIGNAL_PAL ? 1200 : 1001) / 1001, .rate = 65536, .lock_q16 = 65536, .field_index = field };
}

/* In lines of the field from its top: where its picture begins to be displaced, the beginning of a line's picture being 114 samples into it. */
static double switch_place(const struct raster *t, const uint8_t *o)
{
    for (int r = 0; r < t->h; r++)
        for (int x = 0; x < W; x++)
            if (o[r * W + x] != in_memory[r * W + x])
                return r / 2 + (x ? (x + 114.0) / t->line : 0);
    return t->h / 2;
}

static void the_head_switch_wanders(void **state)
{
    enum { FIELDS = 240 };
    const struct raster *t = *state;
    struct signal_profile p = off;
    p.headswitch = 1, p.headswitch_step_ns = 4000, p.headswitch_wander_mlines = 1200;
    struct signal *s = open_signal(t, &p);
    const double nominal = t->h / 2 - (t->standard == SIGNAL_PAL ? 4.0 : 3.5);
    double sum[2] = { 0 }, steps = 0, least = 1e9, most = 0, before = 0;
    draw_texture(t);
    for (int i = 0; i < FIELDS; i++) {
        struct signal_field f = play_at(t, 1000 + i);
        double at = switch_place(t, render(s, t, &f));
        sum[i & 1] += at;
        steps += i > 1 ? fabs(at - before) : 0;
        before = at;
        least = VCR_MIN(least, at), most = VCR_MAX(most, at);
    }
    print_message("# the switch is at %.2f to %.2f, nominally at %.2f; heads at %.2f and %.2f; %.2f lines a field\n", least, most, nominal, sum[0] * 2 / FIELDS, sum[1] * 2 / FIELDS,
        steps / FIELDS);
    assert_true(least > nominal - 1.35 && most < nominal + 1.35); /* what lies in the blanking shows at its end */
    assert_true(most - least > 0.8);
    assert_true(steps / FIELDS > 0.1);
    assert_true(fabs(sum[0] - sum[1]) * 2 / FIELDS > 0.03); /* each head has its own */
    struct signal_field f = play_at(t, 1007); /* of the place, not of the playing */
    double again = switch_place(t, render(s, t, &f));
    f.field_index = 5;
    assert_true(switch_place(t, render(s, t, &f)) == again);
    signal_close(&s);
}

/* Mean absolute departure from grey of field lines first to last. */
static double noise_of(const uint8_t *o, int first, int last)
{
    double sum = 0;
    for (int r = 2 * first; r < 2 * last; r++)
        for (int x = 8; x < W - 8; x++)
            sum += abs(o[r * W + x] - 126);
    return sum / ((last - first) * 2.0 * (W - 16));
}

static struct signal_profile noisy_look(void)
{
    struct signal_profile p = off;
    p.luma_mtf_khz = 3000, p.noise_luma_db10 = 450, p.head_width_um10 = 420;
    return p;
}

static void four_heads_stand_still_without_a_bar(void **state)
{
    const struct raster *t = *state;
    const int lines = t->h / 2;
    struct signal_profile p = noisy_look();
    memset(in_memory, 126, (size_t)(W * t->h));
    memset(in_memory + W * t->h, 128, (size_t)(W * t->h / 2));
    for (int32_t rate = 0; rate <= 13107; rate += 13107) {
        double lowest[2], middle[2];
        for (int pair = 0; pair < 2; pair++) {
            p.still_pair = pair;
            struct signal *s = open_signal(t, &p);
            struct signal_field f = play_at(t, 77);
            f.rate = rate;
            const uint8_t *o = render(s, t, &f);
            lowest[pair] = noise_of(o, lines - 8, lines);
            middle[pair] = noise_of(o, lines / 4, lines / 2);
            signal_close(&s);
        }
        print_message("# at %.1f: lowest lines %.1f and %.1f codes, middle %.1f and %.1f\n", rate / 65536.0, lowest[0], lowest[1], middle[0], middle[1]);
        assert_true(lowest[0] > 20);                                     /* two heads: a bar */
        assert_true(lowest[1] < 8 && lowest[1] > 1.2 * middle[1]);       /* four: no more than noise */
    }
    /* a search shows its bars all the same */
    p.still_pair = 1;
    struct signal *s = open_signal(t, &p);
    struct signal_field f = play_at(t, 77);
    f.rate = 5 * 65536;
    assert_true(noise_of(render(s, t, &f), 0, lines) > 4);
    signal_close(&s);
}

static bool is_blanked(const struct raster *t, const uint8_t *o)
{
    for (int i = 0; i < W * t->h; i++)
        if (o[i] != 16)
            return false;
    return true;
}

static void a_deck_may_blank_a_search_of_lp(void **state)
{
    const struct raster *t = *state;
    struct signal_profile p = noisy_look();
    p.search_lp_blank = 1;
    struct signal *s = open_signal(t, &p);
    draw_texture(t);
    for (uint8_t speed = 0; speed < 3; speed++)
        for (int n = -5; n <= 5; n++) {
            struct signal_field f = play_at(t, 900);
            f.rate = n * 65536;
            f.tape_speed = speed;
            assert_int_equal(is_blanked(t, render(s, t, &f)), speed == 1 && (n < 0 || n > 1));
        }
    signal_close(&s);
}

/* The first and the last field line that has colour; false: none has. */
static bool coloured(const struct raster *t, const uint8_t *o, int *first, int *last)
{
    const uint8_t *u = o + W * t->h, *v = o + W * t->h * 5 / 4;
    *first = *last = -1;
    for (int r = 0; r < t->h / 2; r++)
        for (int x = 0; x < W / 2; x++)
            if (abs(u[r * W / 2 + x] - 128) > 12 || abs(v[r * W / 2 + x] - 128) > 12) {
                *first = *first < 0 ? r : *first;
                *last = r;
            }
    return *first >= 0;
}

/* The end of the erased tape is 65 mm behind the heads when a recording begins, and passes a track of 97 mm: so many seconds on. */
static void what_was_recorded_over_shows_through_and_goes_away_downwards(void **state)
{
    const struct raster *t = *state;
    static const double mm_s[2][3] = { { 33.35, 16.67, 11.12 }, { 23.39, 11.7, 7.8 } };
    struct signal_profile p = off;
    p.erase_fixed = 1;
    struct signal *s = open_signal(t, &p);
    memset(in_memory, 126, (size_t)(W * t->h));
    memset(in_memory + W * t->h, 128, (size_t)(W * t->h / 2));
    for (uint8_t speed = 0; speed < 3; speed++) {
        const double v = mm_s[t->standard == SIGNAL_PAL][speed];
        const struct { double mm, top; } set[] = { { 1, 0 }, { 60, 0 }, { 65 + 24, 0.25 }, { 65 + 72, 0.75 }, { 65 + 100, 1 } };
        for (size_t i = 0; i < ARRAY_LEN(set); i++) {
            struct signal_field f = play_at(t, 3000);
            int first, last;
            f.tape_speed = speed;
            f.over_us = llrint(set[i].mm / v * 1e6);
            const uint8_t *o = render(s, t, &f);
            bool any = coloured(t, o, &first, &last);
            assert_memory_equal(o, in_memory, W * t->h); /* of luma nothing is left */
            assert_int_equal(any, set[i].top < 1);
            if (!any)
                continue;
            assert_int_equal(last, t->h / 2 - 1);
            assert_true(fabs(first - set[i].top * (t->h / 2)) < 7);
        }
    }
    struct signal_field f = play_at(t, 3000);
    int first, last;
    assert_false(coloured(t, render(s, t, &f), &first, &last)); /* over nothing */
    f.over_us = 500000;
    /* all hues are there, and they move */
    const uint8_t *o = render(s, t, &f), *u = o + W * t->h, *v = o + W * t->h * 5 / 4;
    static uint8_t then[W * H_MOST / 4];
    int hues[8] = { 0 };
    for (int i = 0; i < W * t->h / 4; i++)
        hues[(int)((atan2(v[i] - 128, u[i] - 128) / M_PI + 1) * 3.999)]++;
    for (int i = 0; i < 8; i++)
        assert_true(hues[i] > W * t->h / 4 / 20);
    /* it was a picture: more colourful in one place than in another */
    enum { CELL = 60 };
    double least = 1e9, most = 0;
    for (int r0 = 0; r0 + CELL <= t->h / 2; r0 += CELL)
        for (int x0 = 0; x0 < W / 2; x0 += CELL) {
            double sum = 0;
            for (int r = r0; r < r0 + CELL; r++)
                for (int x = x0; x < x0 + CELL; x++)
                    sum += hypot(u[r * W / 2 + x] - 128, v[r * W / 2 + x] - 128) / (CELL * CELL);
            least = fmin(least, sum);
            most = fmax(most, sum);
        }
    print_message("# colour of what was recorded over: %.1f to %.1f codes\n", least, most);
    assert_true(least > 10 && most > 1.4 * least);
    memcpy(then, u, (size_t)(W * t->h / 4));
    p.erase_fixed = 0; /* a flying erase head leaves nothing */
    signal_set_profile(s, &p);
    assert_false(coloured(t, render(s, t, &f), &first, &last));
    p.erase_fixed = 1;
    signal_set_profile(s, &p);
    struct signal_field next = play_at(t, 3001);
    next.over_us = 500000;
    assert_memory_not_equal(render(s, t, &next) + W * t->h, then, W * t->h / 4);
    signal_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(the_head_switch_wanders), EACH(four_heads_stand_still_without_a_bar), EACH(a_deck_may_blank_a_search_of_lp),
        EACH(what_was_recorded_over_shows_through_and_goes_away_downwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
