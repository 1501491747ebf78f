/* tests/unit/signal/test_tracks.c - what the geometry of head and tracks does to the picture, from its pixels, in NTSC and in PAL. */
#include <math.h>
#include <stdlib.h>

#include "base/util.h"
#include "raster.h"

/* The same in every row, and like itself at no displacement; no colour. */
static void draw_code(const struct raster *t)
{
    for (int x = 0; x < W; x++)
        in_memory[x] = (uint8_t)lrint(126 + 60 * sin(x / 9.0 + x * x / 9000.0) + 30 * sin(x / 41.0));
    for (int r = 1; r < t->h; r++)
        memcpy(in_memory + r * W, in_memory, W);
    memset(in_memory + W * t->h, 128, (size_t)(W * t->h / 2));
}

static double mean_difference(const uint8_t *row, int by, int line)
{
    int sum = 0;
    for (int x = 0, from = (by % line + line) % line; x < W && sum <= 9 * W; x++) { /* most are soon seen to be unlike */
        sum += abs(row[x] - (from < W ? in_memory[from] : 16));
        from = from + 1 == line ? 0 : from + 1;
    }
    return sum / (double)W;
}

/* By how many samples a row is displaced, of a line's with its blanking; false: it is none that can be recognised. */
static bool displacement(const struct raster *t, const uint8_t *row, int *ret)
{
    double best = 1e9;
    for (int by = -t->line / 2; by <= t->line / 2; by++) {
        double d = mean_difference(row, by, t->line);
        if (d < best) {
            best = d;
            *ret = by;
        }
    }
    return best < 8;
}

static struct signal_field search_at(int n, uint8_t tape_speed, int64_t field)
{
    return (struct signal_field) { .tape_us = 60000000, .rate = n * 65536, .lock_q16 = 65536, .tape_speed = tape_speed, .field_index = field };
}

/* Microseconds, signed, of the row that is displaced most. */
static double most_displaced_us(const struct raster *t, const uint8_t *o)
{
    int most = 0, rows = 0;
    for (int r = 0; r < t->h; r += 4) {
        int by = 0;
        if (!displacement(t, o + r * W, &by))
            continue;
        rows++;
        most = abs(by) > abs(most) ? by : most;
    }
    assert_true(rows > t->h / 12);
    return most / 13.5;
}

/* Behind a noise bar the head is on another track, whose lines begin elsewhere: by half a line in LP, where the picture tears, by next to nothing in SP and EP, where the
 * recorded lines lie side by side. As half a line late is half a line early, the two heads' fields tear to different sides, but for a few that drifted over. */
static void search_tears_in_lp_only(void **state)
{
    enum { FIELDS = 12 };
    const struct raster *t = *state;
    struct signal *s = open_signal(t, &off);
    int late[2] = { 0 }, back_late[2] = { 0 };
    draw_code(t);
    for (int64_t field = 0; field < FIELDS; field++) {
        struct signal_field sp = search_at(5, 0, field), lp = search_at(5, 1, field), ep = search_at(5, 2, field), back = search_at(-5, 1, field);
        double sp_us = most_displaced_us(t, render(s, t, &sp)), ep_us = most_displaced_us(t, render(s, t, &ep));
        double lp_us = most_displaced_us(t, render(s, t, &lp)), back_us = most_displaced_us(t, render(s, t, &back));
        assert_true(fabs(sp_us) < 4.2 && fabs(ep_us) < 3.2);
        assert_true(fabs(lp_us) > 3 && fabs(lp_us) < 33);
        assert_true(fabs(back_us) > 3 && fabs(back_us) < 33);
        late[field & 1] += lp_us > 0;
        back_late[field & 1] += back_us > 0;
    }
    print_message("# late of each head: %d %d, backwards %d %d\n", late[0], late[1], back_late[0], back_late[1]);
    assert_true(late[0] > late[1] + 1 && back_late[1] > back_late[0] + 1);
    signal_close(&s);
}

/* The two heads' gaps are inclined the one way and the other: what one finds earlier the other finds later. */
static void the_two_heads_are_displaced_against_each_other(void **state)
{
    const struct raster *t = *state;
    struct signal *s = open_signal(t, &off);
    draw_code(t);
    double sum_us[2] = { 0 }, least_us = 9, most_us = -9;
    for (int64_t field = 0; field < 8; field++) {
        struct signal_field f = search_at(5, 0, field);
        double us = most_displaced_us(t, render(s, t, &f));
        sum_us[field & 1] += us;
        if (field & 1) {
            least_us = VCR_MIN(least_us, us);
            most_us = VCR_MAX(most_us, us);
        }
    }
    assert_true(sum_us[0] < -4 * 0.5 && sum_us[1] > 4 * 0.5);
    assert_true(most_us - least_us > 0.14); /* no two alike: the oscillator drifts while there is no sync */
    signal_close(&s);
}

/* A line that is displaced by more than its blanking shows its neighbour's beginning beyond, not black up to the picture's edge. In raster sizes that lines are odd in, too. */
static void beyond_the_blanking_the_next_line_begins(void **state)
{
    const struct raster *t = *state;
    struct signal *s = open_signal(t, &off);
    int torn = 0;
    draw_code(t);
    struct signal_field lp = search_at(15, 1, 0);
    const uint8_t *o = render(s, t, &lp);
    for (int r = 0; r < t->h; r += 2) {
        int by = 0;
        if (!displacement(t, o + r * W, &by) || by < t->line - W + 10)
            continue;
        torn++;
        assert_true(mean_difference(o + r * W, by, t->line) < 8); /* blanking in its width, and picture on both sides of it */
        assert_true(o[r * W + W - 4] != 16 && o[r * W + 4] != 16);
    }
    assert_true(torn > 2);
    signal_close(&s);
}

/* A television that is off by more than its comparator sees comes back by as much in each line, not by a share of what is left: below a bar of LP the picture hangs aslant. */
static void a_torn_picture_hangs_aslant(void **state)
{
    const struct raster *t = *state;
    struct signal *s = open_signal(t, &off);
    int pairs = 0;
    draw_code(t);
    for (int64_t field = 0; field < 8; field++) {
        struct signal_field lp = search_at(9, 1, field);
        const uint8_t *o = render(s, t, &lp);
        for (int r = field & 1; r + 16 < t->h; r += 2) {
            int a = 0, b = 0, c = 0;
            if (!displacement(t, o + r * W, &a) || !displacement(t, o + (r + 8) * W, &b) || !displacement(t, o + (r + 16) * W, &c) || abs(c) < 12 * 13.5 || abs(a) <= abs(c))
                continue;
            pairs++;
            assert_true(abs(abs(a - b) - abs(b - c)) <= 3); /* e^(-n/12) would fall by a quarter in four lines */
        }
    }
    print_message("# %d slants\n", pairs);
    assert_true(pairs > 20);
    signal_close(&s);
}

/* Rows of grey that are mostly noise. */
static int noisy_rows(const struct raster *t, const uint8_t *o)
{
    int noisy = 0;
    for (int r = 0; r < t->h; r++) {
        int torn = 0;
        for (int x = 40; x < W - 40; x++)
            torn += o[r * W + x] != 126;
        noisy += torn > (W - 80) / 2;
    }
    return noisy;
}

static int noisy_of(const struct raster *t, int width_um10, const struct signal_field *f)
{
    struct signal_profile p = off;
    p.head_width_um10 = width_um10;
    struct signal *s = open_signal(t, &p);
    memset(in_memory, 126, (size_t)(W * t->h));
    memset(in_memory + W * t->h, 128, (size_t)(W * t->h / 2));
    int n = noisy_rows(t, render(s, t, f));
    signal_close(&s);
    return n;
}

/* A head finds its track from (w + p) / 2 off on: the narrower it is, the thicker the bars of a search; and on tracks of a third of the pitch they are thin. */
static void bars_are_as_thick_as_the_heads_are_narrow(void **state)
{
    const struct raster *t = *state;
    struct signal_field sp = search_at(5, 0, 0), lp = search_at(5, 1, 0), ep = search_at(5, 2, 0), play = { .tape_us = 60000000, .rate = 65536, .lock_q16 = 65536 };
    const double pitch = t->standard == SIGNAL_PAL ? 48.6 : 57.8, bars = 2, rows_a_pitch = t->h / 4.0;
    int narrow = noisy_of(t, 280, &sp), wide = noisy_of(t, 480, &sp), narrowest = noisy_of(t, 150, &sp);
    /* two bars, each with nothing from (w + p) / 2 to the middle and back, and less than 15 % a little before */
    assert_true(narrow > 2 * bars * rows_a_pitch * (0.5 - 28 / pitch / 2) && narrow < 2 * bars * rows_a_pitch * (0.5 - 28 / pitch / 2 + 0.16));
    assert_true(wide > 2 * bars * rows_a_pitch * (0.5 - 48 / pitch / 2) && wide < 2 * bars * rows_a_pitch * (0.5 - 48 / pitch / 2 + 0.25));
    assert_true(narrowest > narrow + 20 && narrow > wide + 20);
    assert_true(noisy_of(t, 280, &ep) < noisy_of(t, 280, &lp) && noisy_of(t, 280, &lp) < narrow - 20);
    assert_true(noisy_of(t, 280, &ep) > 2); /* two of its own tracks at once */
    assert_int_equal(noisy_of(t, 0, &sp), noisy_of(t, (int)(pitch * 10 + 0.5), &sp)); /* off: as wide as a track */
    for (int width = 100; width <= 1000; width += 300)
        assert_int_equal(noisy_of(t, width, &play), 0);
}

/* Noisy rows of the upper, the middle and the lower third of the picture. */
static void noisy_thirds(const struct raster *t, struct signal *s, int tracking, uint8_t tape_speed, int ret[3])
{
    const struct signal_field f = { .tape_us = 60000000, .rate = 65536, .lock_q16 = 65536, .tape_speed = tape_speed, .tracking_error_q8 = signal_tracking_q8(tracking) };
    const struct raster third = { t->standard, t->h / 3, t->line };
    const uint8_t *o = render(s, t, &f);
    for (int i = 0; i < 3; i++)
        ret[i] = noisy_rows(&third, o + i * (t->h / 3) * W);
}

/* Turning the tracking: first nothing is seen, then noise comes in from one edge, the lower one or the upper one by its direction, and fills the picture at the scale's end. */
static void mistracking_comes_in_from_an_edge(void **state)
{
    const struct raster *t = *state;
    struct signal_profile p = off;
    p.head_width_um10 = t->standard == SIGNAL_PAL ? 420 : 460;
    p.track_bend_um10 = 80;
    struct signal *s = open_signal(t, &p);
    memset(in_memory, 126, (size_t)(W * t->h));
    memset(in_memory + W * t->h, 128, (size_t)(W * t->h / 2));
    for (int way = -1; way <= 1; way += 2) {
        int before[3] = { 0 }, at_an_edge_only = 0;
        for (int tracking = 0; tracking <= 10; tracking++) {
            int now[3], first = way > 0 ? 2 : 0, last = 2 - first;
            noisy_thirds(t, s, way * tracking, 0, now);
            for (int i = 0; i < 3; i++)
                assert_true(now[i] >= before[i] - 4); /* by chance */
            assert_true(now[first] + 4 >= now[1] && now[1] + 4 >= now[last]);
            assert_true(tracking > 4 || now[first] == 0);
            at_an_edge_only += now[first] > t->h / 40 + 3 * now[last];
            memcpy(before, now, sizeof(before));
        }
        assert_true(at_an_edge_only >= 2);
        assert_true(before[0] + before[1] + before[2] > t->h * 9 / 10);
    }
    p.track_bend_um10 = 0; /* a straight one is lost everywhere at once, and by chance */
    signal_set_profile(s, &p);
    for (int tracking = 0; tracking <= 10; tracking++) {
        int now[3];
        noisy_thirds(t, s, tracking, 0, now);
        assert_true(abs(now[0] - now[2]) < t->h / 12);
    }
    signal_close(&s);
}

/* Where guides bend the track, EP, whose tracks are a third as wide, is off it by three times as much: a scale's step fewer is enough. */
static void a_bend_is_more_of_a_narrow_track(void **state)
{
    const struct raster *t = *state;
    struct signal_profile p = off;
    p.head_width_um10 = 150;
    p.track_bend_um10 = 80;
    struct signal *s = open_signal(t, &p);
    memset(in_memory, 126, (size_t)(W * t->h));
    int first[3] = { 0 };
    for (uint8_t speed = 0; speed < 3; speed++)
        for (int tracking = 0, noisy = 0; noisy == 0 && tracking <= 10; tracking++) {
            int now[3];
            noisy_thirds(t, s, tracking, speed, now);
            noisy = now[2] > 3;
            first[speed] = tracking;
        }
    assert_true(first[0] > first[1] && first[1] > first[2]);
    signal_close(&s);
}

/* Rows of grey where a quarter is near black or white: more than the noise of a carrier makes. */
static int snowy_rows(const struct raster *t, const uint8_t *o)
{
    int snowy = 0;
    for (int r = 0; r < t->h; r++) {
        int far = 0;
        for (int x = 40; x < W - 40; x++)
            far += abs(o[r * W + x] - 126) > 50;
        snowy += far > (W - 80) / 4;
    }
    return snowy;
}

/* How much the rows from `row` on, of one field, bend away from a straight line over 24 lines; false: not to be seen. */
static bool bend_at(const struct raster *t, const uint8_t *o, int row, int *ret)
{
    int by[3] = { 0 };
    for (int i = 0; i < 3; i++)
        if (row + 24 * i >= t->h - 16 || !displacement(t, o + (row + 24 * i) * W, &by[i]))
            return false;
    *ret = abs(by[0] - 2 * by[1] + by[2]);
    return true;
}

/* The row below the rows of black of a picture that rolls; 0: they are not to be seen. */
static int below_the_blanking(const struct raster *t, const uint8_t *o)
{
    for (int r = 0, black = 0; r < t->h; r++) {
        int n = 0;
        for (int x = 0; x < W; x++)
            n += o[r * W + x] <= 17;
        if (n > W * 9 / 10)
            black++;
        else if (black >= 16)
            return r & ~1;
        else
            black = 0;
    }
    return 0;
}

/* While the servo looks for its lock the picture's first lines, wherever it has rolled to, hang over, the one way or the other, and come back within some dozens of lines; no others do. */
static void a_picture_that_rolls_flags_at_its_top(void **state)
{
    const struct raster *t = *state;
    struct signal *s = open_signal(t, &off);
    int top = 0, tops = 0, middle = 0, middles = 0;
    draw_code(t);
    for (int64_t field = 0; field < 60; field++) {
        struct signal_field f = { .tape_us = 60000000, .rate = 65536, .lock_q16 = 42000, .field_index = field };
        const uint8_t *o = render(s, t, &f);
        int first = below_the_blanking(t, o), bend;
        if (first && bend_at(t, o, first, &bend))
            top += bend, tops++;
        if (first && bend_at(t, o, 60, &bend))
            middle += bend, middles++;
    }
    assert_true(tops > 10 && middles > 4);
    assert_true(top > 3 * tops * ((double)middle / middles));
    signal_close(&s);
}

/* rms of the luma of grey in codes, and the colour difference that is left of 60. */
static double noise_and_colour(const struct raster *t, struct signal *s, int place, int wear, double *ret_colour)
{
    struct signal_field f = { .tape_us = 60000000 + place * INT64_C(5000000), .rate = 65536, .lock_q16 = 65536, .wear_16 = wear };
    double power = 0, sum = 0;
    memset(in_memory, 126, (size_t)(W * t->h));
    memset(in_memory + W * t->h, 188, (size_t)(W * t->h / 2));
    const uint8_t *o = render(s, t, &f);
    for (int i = 0; i < W * t->h; i++)
        power += (o[i] - 126) * (o[i] - 126);
    for (int i = 0; i < W * t->h / 2; i++)
        sum += o[W * t->h + i] - 128;
    *ret_colour = sum / (W * t->h / 2);
    return sqrt(power / (W * t->h));
}

/* rms of the luma of grey in each eighth of the lines, of one field. */
static void noise_of_eighths(const struct raster *t, const uint8_t *o, double ret[8])
{
    for (int e = 0; e < 8; e++) {
        double power = 0;
        for (int r = e * t->h / 8; r < (e + 1) * t->h / 8; r++)
            for (int x = 0; x < W; x++)
                power += (o[r * W + x] - 126) * (o[r * W + x] - 126);
        ret[e] = sqrt(power * 8 / (W * t->h));
    }
}

/* Wear lies in stripes along the tape: at some height of the picture it is worse, the same for the fields of a moment, and elsewhere some seconds later. A tape as new has none. */
static void wear_lies_in_stripes(void **state)
{
    const struct raster *t = *state;
    struct signal_profile p = off;
    p.noise_luma_db10 = 380;
    struct signal *s = open_signal(t, &p);
    memset(in_memory, 126, (size_t)(W * t->h));
    double of[4][8];
    static const struct {
        int64_t us;
        int wear;
    } at[4] = { { 60000000, 16 }, { 60033367, 16 }, { 75000000, 16 }, { 60000000, 0 } };
    double spread[4], likeness[4] = { 0 };
    for (int i = 0; i < 4; i++) {
        struct signal_field f = { .tape_us = at[i].us, .rate = 65536, .lock_q16 = 65536, .wear_16 = at[i].wear };
        noise_of_eighths(t, render(s, t, &f), of[i]);
        double least = 1e9, most = 0;
        for (int e = 0; e < 8; e++) {
            least = fmin(least, of[i][e]);
            most = fmax(most, of[i][e]);
            likeness[i] += fabs(of[i][e] - of[0][e]);
        }
        spread[i] = most / least;
    }
    assert_true(spread[0] > 1.12 && spread[2] > 1.12 && spread[3] < 1.05);
    assert_true(likeness[1] < likeness[2] / 3);
    signal_close(&s);
}

/* A worn tape gives less carrier, and so is noisier, paler, has thicker bars in a search, and is lost by a smaller error of the tracking. */
static void wear_takes_level_and_colour(void **state)
{
    const struct raster *t = *state;
    struct signal_profile p = off;
    p.noise_luma_db10 = 380;
    struct signal *s = open_signal(t, &p), *clean = open_signal(t, &off);
    double before = 0, colour_before = 61, colour, first = 0;
    for (int wear = 0; wear <= 16; wear += 4) {
        double noise = 0, all = 0;
        for (int place = 0; place < 6; place++) { /* of which one is more worn than another */
            noise += noise_and_colour(t, s, place, wear, &colour) / 6;
            all += colour / 6;
        }
        assert_true(noise > before && all < colour_before);
        before = noise;
        colour_before = all;
        first = wear ? first : noise;
    }
    print_message("# most worn: %.1f dB more noise, colour %.1f of 60\n", 20 * log10(before / first), colour_before);
    assert_true(fabs(20 * log10(before / first) - 3.9) < 0.5);
    assert_true(fabs(colour_before - 60 * 0.8125) < 1);
    for (int wear = 0; wear <= 16; wear += 16)
        assert_true(noise_and_colour(t, clean, 0, wear, &colour) == 0 && colour == 60); /* a look without noise is the identity, whatever the tape */
    struct signal_field search = search_at(5, 0, 0), play = { .tape_us = 60000000, .rate = 65536, .lock_q16 = 65536, .tracking_error_q8 = signal_tracking_q8(8) };
    memset(in_memory + W * t->h, 128, (size_t)(W * t->h / 2));
    int bars = snowy_rows(t, render(s, t, &search)), lost = snowy_rows(t, render(s, t, &play));
    search.wear_16 = play.wear_16 = 16;
    assert_true(snowy_rows(t, render(s, t, &search)) > bars + 8);
    assert_true(snowy_rows(t, render(s, t, &play)) > lost + t->h / 10);
    signal_close(&s);
    signal_close(&clean);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(search_tears_in_lp_only),
        EACH(the_two_heads_are_displaced_against_each_other),
        EACH(beyond_the_blanking_the_next_line_begins),
        EACH(a_torn_picture_hangs_aslant),
        EACH(bars_are_as_thick_as_the_heads_are_narrow),
        EACH(mistracking_comes_in_from_an_edge),
        EACH(a_bend_is_more_of_a_narrow_track),
        EACH(wear_takes_level_and_colour),
        EACH(wear_lies_in_stripes),
        EACH(a_picture_that_rolls_flags_at_its_top),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
