/* tests/unit/signal/test_signal.c - the tape measured from outside: identity, place, bandwidths, noise, bars, switch, dropouts, letters and sound. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "looks.h"
#include "signal/signal.h"

enum { W = 720, H = 480, GUARD = 64, BYTES = W * H * 3 / 2 };
static uint8_t in_memory[BYTES], out_memory[BYTES + 2 * GUARD], again[BYTES];
static const struct signal_profile off = { .name = "none" };

static struct picture over(uint8_t *m)
{
    return (struct picture) { W, H, { m, m + W * H, m + W * H * 5 / 4 }, { W, W / 2, W / 2 } };
}

static struct signal *open_signal(const struct signal_profile *p)
{
    struct signal *s = NULL;
    assert_int_equal(signal_open(&s, SIGNAL_NTSC, W, H, 42, NULL), VCR_OK);
    signal_set_profile(s, p);
    return s;
}

static struct signal_field play_at(int64_t us)
{
    return (struct signal_field) { .tape_us = us, .rate = 65536, .lock_q16 = 65536 };
}

/* Renders the input picture (for every band) and checks that nothing around the output is touched. */
static uint8_t *render(struct signal *s, const struct signal_field *f)
{
    struct picture in = over(in_memory), out = over(out_memory + GUARD);
    const struct picture *from[SIGNAL_BANDS_MAX];
    for (int i = 0; i < SIGNAL_BANDS_MAX; i++)
        from[i] = &in;
    memset(out_memory, 0xA5, GUARD);
    memset(out_memory + GUARD + BYTES, 0xA5, GUARD);
    signal_render(s, f, from, SIGNAL_BANDS_MAX, &out);
    for (int i = 0; i < GUARD; i++) {
        assert_int_equal(out_memory[i], 0xA5);
        assert_int_equal(out_memory[GUARD + BYTES + i], 0xA5);
    }
    return out_memory + GUARD;
}

static void any_picture(void)
{
    uint32_t x = 1;
    for (int i = 0; i < BYTES; i++) {
        x = x * 1664525 + 1013904223;
        in_memory[i] = (uint8_t)(x >> 24);
    }
}

static void flat(int y)
{
    memset(in_memory, y, W * H);
    memset(in_memory + W * H, 128, W * H / 2);
}

static void all_off_is_the_identity(void **state)
{
    struct signal *s = open_signal(&off);
    any_picture();
    struct signal_field f = play_at(5000000);
    assert_memory_equal(render(s, &f), in_memory, BYTES);
    signal_close(&s);
    assert_null(s);
}

static void sizes_are_checked(void **state)
{
    struct signal *s = NULL;
    static const int bad[][2] = { { 15, 480 }, { 720, 15 }, { 0, 0 }, { -720, 480 }, { 4096, 2160 } };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(signal_open(&s, SIGNAL_NTSC, bad[i][0], bad[i][1], 1, NULL), VCR_E_INVALID);
    assert_null(s);
}

static uint32_t mix_of(size_t i) { return (uint32_t)(i * 2654435761u) ^ (uint32_t)(i * 40503u << 13); }

/* A picture of any size in memory of exactly its bytes, so that the sanitizer sees what is beyond. */
static struct picture any_size(int w, int h, bool is_422)
{
    size_t cw = (size_t)(w + 1) / 2, ch = is_422 ? (size_t)h : (size_t)(h + 1) / 2;
    struct picture p = { .width = w, .height = h, .stride = { w, (ptrdiff_t)cw, (ptrdiff_t)cw }, .is_422 = is_422 };
    for (int i = 0; i < 3; i++) {
        size_t n = i ? cw * ch : (size_t)w * (size_t)h;
        p.plane[i] = malloc(n);
        for (size_t k = 0; k < n; k++)
            p.plane[i][k] = (uint8_t)(mix_of(k * 3 + (size_t)i) >> 24);
    }
    return p;
}

static bool same(const struct picture *a, const struct picture *b, int first, int step)
{
    for (int i = 0; i < 3; i++)
        for (int r = first; r < (i && !a->is_422 ? (a->height + 1) / 2 : a->height); r += step)
            if (memcmp(a->plane[i] + r * a->stride[i], b->plane[i] + r * b->stride[i], (size_t)a->stride[i]))
                return false;
    return true;
}

/* The lower line of colour of each pair of 4:2:2 is the upper one. */
static bool same_pairs(const struct picture *p)
{
    for (int i = 1; i < 3; i++)
        for (int r = 1; r < p->height; r += 2)
            if (memcmp(p->plane[i] + r * p->stride[i], p->plane[i] + (r - 1) * p->stride[i], (size_t)p->stride[i]))
                return false;
    return true;
}

static void drop(struct picture *p)
{
    for (int i = 0; i < 3; i++)
        free(p->plane[i]);
}

/* Odd sizes and both colour formats, in every mode: off is the identity, a field leaves the other one alone, and luma and 4:2:2 colour of two fields are the raster's. */
static void any_size_and_format(void **state)
{
    static const int size[][2] = { { 16, 16 }, { 17, 19 }, { 31, 480 }, { 353, 289 }, { 719, 481 }, { 720, 576 }, { 1919, 1079 } };
    static const int32_t rate[] = { 65536, 7 * 65536, -3 * 65536, 0 };
    for (size_t i = 0; i < 2 * ARRAY_LEN(size); i++) {
        int w = size[i / 2][0], h = size[i / 2][1];
        bool is_422 = i % 2;
        struct picture in = any_size(w, h, is_422), out = any_size(w, h, is_422), fields = any_size(w, h, is_422), other = any_size(w, h, is_422);
        const struct picture *from[SIGNAL_BANDS_MAX];
        struct signal *s = NULL;
        for (int b = 0; b < SIGNAL_BANDS_MAX; b++)
            from[b] = &in;
        assert_int_equal(signal_open(&s, h > 500 ? SIGNAL_PAL : SIGNAL_NTSC, w, h, 42, NULL), VCR_OK);
        signal_set_profile(s, &off);
        struct signal_field f = play_at(5000000);
        signal_render(s, &f, from, SIGNAL_BANDS_MAX, &out);
        assert_true(same(&in, &out, 0, 1));
        f.rate = 0; /* each field of a still that is drawn by itself comes from its own lines, brightness and colour */
        f.kind = SIGNAL_BLUE;
        signal_render(s, &f, NULL, 0, &out);
        f.kind = SIGNAL_TAPE;
        for (int parity = 0; parity < 2; parity++)
            signal_render_field(s, &f, from, SIGNAL_BANDS_MAX, &out, parity);
        assert_true(same(&in, &out, 0, 1));
        signal_set_profile(s, look_named("rental"));
        for (size_t k = 0; k < 2 * ARRAY_LEN(rate); k++) {
            f.rate = rate[k / 2];
            f.lock_q16 = k % 2 ? 30000 : 65536;
            signal_render(s, &f, from, SIGNAL_BANDS_MAX, &out);
            signal_render_field(s, &f, from, SIGNAL_BANDS_MAX, &fields, 0);
            assert_true(k > 0 || same(&fields, &other, 1, 2)); /* the lower lines as they were */
            signal_render_field(s, &f, from, SIGNAL_BANDS_MAX, &fields, 1);
            if (f.rate != 0) /* of a still, both lines of a whole raster's pair come from the upper one */
                assert_memory_equal(out.plane[0], fields.plane[0], (size_t)w * (size_t)h);
            if (is_422)
                assert_true(f.rate == 0 ? same_pairs(&out) : same(&out, &fields, 0, 1));
        }
        for (int kind = SIGNAL_BLUE; kind <= SIGNAL_SNOW; kind++) {
            f.kind = (enum signal_kind)kind;
            signal_render(s, &f, NULL, 0, &out);
            signal_render_field(s, &f, NULL, 0, &fields, 0);
            signal_render_field(s, &f, NULL, 0, &fields, 1);
            assert_true(same(&out, &fields, 0, 1));
        }
        signal_osd(&out, 0, 0, "\x01 PLAY");
        signal_osd(&out, 11, 0, "0:00:00 ABCDEFGHIJKLMNOP");
        signal_close(&s);
        drop(&in), drop(&out), drop(&fields), drop(&other);
    }
}

/* A burst of 2 MHz of 20 codes each way in the middle of the range comes out larger by what was asked for, on rasters of any width. */
static void peaking_is_its_decibels_at_every_width(void **state)
{
    static const int width[] = { 352, 720, 1280, 1920 };
    for (size_t i = 0; i < ARRAY_LEN(width) * 3; i++) {
        const int w = width[i / 3], db = 4 * (int)(1 + i % 3);
        const double turn = 2 * M_PI * 2e6 / 13.5e6 * 720 / w;
        struct picture in = any_size(w, 32, false), out = any_size(w, 32, false);
        const struct picture *from = &in;
        struct signal *s = NULL;
        struct signal_profile p = off;
        double got[2] = { 0 };
        p.peaking_db10 = db * 10;
        for (int r = 0; r < 32; r++)
            for (int x = 0; x < w; x++)
                in.plane[0][r * w + x] = (uint8_t)lrint(126 + 20 * cos(turn * x));
        assert_int_equal(signal_open(&s, SIGNAL_NTSC, w, 32, 42, NULL), VCR_OK);
        signal_set_profile(s, &p);
        struct signal_field f = play_at(5000000);
        signal_render(s, &f, &from, 1, &out);
        for (int x = w / 4; x < w * 3 / 4; x++)
            got[0] += (out.plane[0][16 * w + x] - 126) * cos(turn * x), got[1] += (in.plane[0][16 * w + x] - 126) * cos(turn * x);
        if (fabs(20 * log10(got[0] / got[1]) - db) > 0.2)
            fail_msg("%d wide, %d dB: %.2f", w, db, 20 * log10(got[0] / got[1]));
        signal_close(&s);
        drop(&in), drop(&out);
    }
}

/* Colour that changes between two lines of the field: the comb makes one line of half each of it in 4:2:2; in 4:2:0, whose lines are two apart, of a quarter. */
static void the_comb_averages_two_lines_of_the_field(void **state)
{
    for (int is_422 = 0; is_422 < 2; is_422++) {
        struct picture in = any_size(64, 64, is_422), out = any_size(64, 64, is_422);
        const struct picture *from = &in;
        struct signal *s = NULL;
        struct signal_profile p = off;
        p.chroma_comb = 1;
        const int rows = is_422 ? 64 : 32, edge = rows / 2;
        for (int i = 1; i < 3; i++)
            for (int r = 0; r < rows; r++)
                memset(in.plane[i] + r * in.stride[i], r < edge ? 100 : 180, 32);
        assert_int_equal(signal_open(&s, SIGNAL_NTSC, 64, 64, 42, NULL), VCR_OK);
        signal_set_profile(s, &p);
        struct signal_field f = play_at(5000000);
        signal_render(s, &f, &from, 1, &out);
        for (int r = 0; r < rows; r++) {
            const int mixed = is_422 ? 140 : 160, lines = is_422 ? 2 : 1; /* of two fields, or of the pair */
            assert_int_equal(out.plane[1][r * out.stride[1] + 16], r < edge ? 100 : r < edge + lines ? mixed : 180);
        }
        signal_close(&s);
        drop(&in), drop(&out);
    }
}

static void the_same_place_gives_the_same_bytes(void **state)
{
    struct signal *s = open_signal(look_named("rental"));
    any_picture();
    static const int32_t rate[] = { 65536, 5 * 65536, -7 * 65536, 0, 13107 };
    for (size_t i = 0; i < ARRAY_LEN(rate); i++) {
        struct signal_field f = play_at(9000000), other = play_at(1234567);
        f.rate = rate[i];
        memcpy(again, render(s, &f), BYTES);
        assert_memory_not_equal(render(s, &other), again, BYTES);
        assert_memory_equal(render(s, &f), again, BYTES);
        f.lock_q16 = 20000;
        assert_memory_not_equal(render(s, &f), again, BYTES);
    }
    signal_close(&s);
}

/* Amplitude of a sine of f megahertz in the rows of one plane, over what went in. */
static double response(struct signal *s, double f, int plane)
{
    int w = plane ? W / 2 : W, rows = plane ? H / 2 : H, skip = 40;
    double rate = plane ? 6.75 : 13.5, c = 0, q = 0;
    flat(126);
    uint8_t *p = in_memory + (plane ? W * H : 0);
    for (int r = 0; r < rows; r++)
        for (int x = 0; x < w; x++)
            p[r * w + x] = (uint8_t)lrint((plane ? 128 : 126) + 80 * sin(2 * M_PI * f / rate * x));
    struct signal_field play = play_at(1000000);
    const uint8_t *o = render(s, &play) + (plane ? W * H : 0) + rows / 2 * w;
    double sw = 0;
    for (int x = skip; x < w - skip; x++) {
        double win = 0.5 - 0.5 * cos(2 * M_PI * (x - skip) / (w - 2 * skip));
        c += win * (o[x] - 127) * cos(2 * M_PI * f / rate * x);
        q += win * (o[x] - 127) * sin(2 * M_PI * f / rate * x);
        sw += win;
    }
    return 2 * sqrt(c * c + q * q) / sw / 80;
}

static void bandwidths_are_the_profiles(void **state)
{
    static const int luma_khz[] = { 2500, 3000, 4000 }, chroma_khz[] = { 320, 400, 500 };
    for (size_t i = 0; i < ARRAY_LEN(luma_khz); i++) {
        struct signal_profile p = off;
        p.luma_mtf_khz = luma_khz[i];
        p.chroma_bandwidth_khz = chroma_khz[i];
        struct signal *s = open_signal(&p);
        assert_true(response(s, luma_khz[i] * 0.98e-3, 0) > M_SQRT1_2);
        assert_true(response(s, luma_khz[i] * 1.02e-3, 0) < M_SQRT1_2);
        assert_true(response(s, chroma_khz[i] * 0.97e-3, 1) > M_SQRT1_2);
        assert_true(response(s, chroma_khz[i] * 1.03e-3, 1) < M_SQRT1_2);
        assert_true(response(s, 6.0, 0) < 0.02);
        signal_close(&s);
    }
}

static void flat_areas_keep_their_level(void **state)
{
    struct signal_profile p = *look_named("family");
    p.noise_luma_db10 = p.noise_chroma_db10 = p.headswitch_step_ns = p.dropout_per_minute = 0;
    struct signal *s = open_signal(&p);
    for (int y = 16; y <= 235; y += 73) {
        flat(y);
        struct signal_field f = play_at(3000000);
        assert_memory_equal(render(s, &f), in_memory, BYTES);
    }
    signal_close(&s);
}

static void chroma_noise_is_at_its_level(void **state)
{
    struct signal_profile p = off;
    p.noise_chroma_db10 = 360;
    struct signal *s = open_signal(&p);
    double sum = 0;
    flat(126);
    for (int i = 0; i < 4; i++) {
        struct signal_field f = play_at(i * 500000);
        const uint8_t *o = render(s, &f);
        assert_memory_equal(o, in_memory, W * H);
        for (int k = W * H; k < BYTES; k++)
            sum += (o[k] - 128) * (o[k] - 128);
    }
    assert_true(fabs(20 * log10(219 / sqrt(sum / 4 / (W * H / 2))) - 36) < 0.3);
    signal_close(&s);
}

static void more_decibels_are_less_noise(void **state)
{
    double db[2];
    for (int k = 0; k < 2; k++) {
        struct signal_profile p = off;
        p.luma_mtf_khz = 3000;
        p.noise_luma_db10 = k ? 460 : 400;
        struct signal *s = open_signal(&p);
        double sum = 0;
        flat(126);
        struct signal_field f = play_at(0);
        const uint8_t *o = render(s, &f);
        for (int i = 0; i < W * H; i++)
            sum += (o[i] - 126) * (o[i] - 126);
        db[k] = 20 * log10(219 / sqrt(sum / (W * H)));
        signal_close(&s);
    }
    print_message("# luma noise %.2f and %.2f dB unweighted\n", db[0], db[1]);
    assert_true(fabs(db[1] - db[0] - 6) < 0.4);
    assert_true(db[0] > 28 && db[0] < 38); /* the weighting takes less than 10 dB from this noise */
}

static void the_head_switches_where_it_should(void **state)
{
    struct signal_profile p = off;
    p.headswitch = 1, p.headswitch_step_ns = 4000;
    struct signal *s = open_signal(&p);
    any_picture();
    struct signal_field f = play_at(700000);
    const uint8_t *o = render(s, &f);
    /* 3.5 lines of a field: in the middle of the pair that holds raster line 473, 31.8 us less the 9 before the picture */
    const int x = W * 7 / 16;
    assert_memory_equal(o, in_memory, W * 472);
    for (int r = 472; r < H; r++) {
        assert_memory_not_equal(o + r * W, in_memory + r * W, r < 474 ? x + 8 : 8);
        assert_memory_not_equal(o + r * W + x, in_memory + r * W + x, 8);
        if (r < 474)
            assert_memory_equal(o + r * W, in_memory + r * W, x);
    }
    /* of colour, which takes half as many: line 236 */
    const uint8_t *u = o + W * H, *was = in_memory + W * H;
    assert_memory_equal(u, was, W / 2 * 236 + (x + 1) / 2);
    assert_memory_not_equal(u + W / 2 * 236 + (x + 1) / 2, was + W / 2 * 236 + (x + 1) / 2, 8);
    signal_close(&s);
}

static int count_bars(struct signal *s, int n, int64_t field)
{
    struct signal_field f = play_at(60000000);
    int64_t place[SIGNAL_BANDS_MAX];
    f.rate = n * 65536;
    f.field_index = field;
    int bands = signal_bands(s, &f, place);
    for (int i = 1; i < bands; i++)
        assert_int_equal(place[i] - place[i - 1], (n > 1 ? 2 : -2) * 16683);
    return bands - 1;
}

static void search_has_half_as_many_bars_as_tracks_crossed(void **state)
{
    struct signal *s = open_signal(look_named("family"));
    for (int n = -9; n <= 9; n++) {
        if (n == 0 || n == 1)
            continue;
        int crossed = n > 1 ? n - 1 : 1 - n, even = count_bars(s, n, 0), odd = count_bars(s, n, 1);
        assert_int_equal(even + odd, crossed); /* standing, or one more and one less by turns */
        if (crossed % 2 == 0)
            assert_int_equal(even, odd);
    }
    signal_close(&s);
}

static void the_compensator_repeats_the_line_above(void **state)
{
    struct signal_profile p = off;
    p.dropout_per_minute = 60000;
    p.dropout_compensator = true;
    struct signal *s = open_signal(&p);
    int damaged = 0;
    for (int r = 0; r < H; r++)
        memset(in_memory + r * W, 16 + r % 200, W);
    struct signal_field f = play_at(2000000);
    const uint8_t *o = render(s, &f);
    for (int r = 2; r < H; r++)
        for (int x = 0; x < W; x++)
            if (o[r * W + x] != in_memory[r * W + x]) {
                assert_int_equal(o[r * W + x], o[(r - 2) * W + x]);
                damaged++;
            }
    assert_true(damaged > 1000);
    signal_close(&s);
}

static void blue_and_snow(void **state)
{
    struct signal *s = open_signal(look_named("family"));
    struct signal_field f = { .kind = SIGNAL_BLUE };
    const uint8_t *o = render(s, &f);
    for (int i = 0; i < BYTES; i++)
        assert_int_equal(o[i], i < W * H ? 35 : i < W * H * 5 / 4 ? 212 : 114);
    f.kind = SIGNAL_SNOW;
    memcpy(again, render(s, &f), BYTES);
    f.field_index = 1;
    o = render(s, &f);
    assert_memory_not_equal(o, again, W * H);
    for (int i = 0; i < BYTES; i++)
        assert_true(i < W * H ? o[i] >= 16 && o[i] <= 235 : o[i] == 128);
    signal_close(&s);
}

static double missing(const uint8_t *line, int x, int from, int to)
{
    return (double)(to - line[x]) / (to - from);
}

/* A step of the whole height through 1.3 us emphasis, a clip at 160 or -40 %, and the de-emphasis: it begins at 0.4, or 0.35, and what is missing dies away with 1.3 us. */
static void what_the_modulator_clips_leaves_a_streak(void **state)
{
    enum { AT = 300, LATER = 12, US13 = 18 };
    const struct signal_profile p = { .name = "emphasis", .emphasis = 1 };
    struct signal *s = open_signal(&p);
    struct signal_field f = play_at(5000000);
    static uint8_t first[BYTES];
    for (int rising = 0; rising < 2; rising++) {
        int from = rising ? 16 : 235, to = 251 - from;
        flat(from);
        for (int i = 0; i < W * H; i++)
            in_memory[i] = (uint8_t)(i % W >= AT ? to : from);
        for (int isa = SIGNAL_SCALAR; isa < SIGNAL_ISAS; isa++) {
            if (signal_set_isa(s, (enum signal_isa)isa, NULL))
                continue;
            const uint8_t *out = render(s, &f), *line = out + 100 * W;
            if (isa == SIGNAL_SCALAR)
                memcpy(first, out, BYTES);
            assert_memory_equal(out, first, BYTES);
            assert_memory_equal(line, in_memory + 100 * W, AT);
            assert_in_range((1 - missing(line, AT, from, to)) * 1000, rising ? 390 : 340, rising ? 410 : 360);
            double now = missing(line, AT + LATER, from, to), then = missing(line, AT + LATER + US13, from, to);
            assert_in_range(US13 / 13.5 / log(now / then) * 1000, 1300 - 65, 1300 + 65);
        }
    }
    for (int i = 0; i < W * H; i++) /* an edge of 40 samples is not clipped */
        in_memory[i] = (uint8_t)(16 + 219 * VCR_CLAMP(i % W - AT, 0, 80) / 80);
    assert_memory_equal(render(s, &f), in_memory, BYTES);
    signal_close(&s);
}

static void a_still_is_one_field(void **state)
{
    struct signal *s = open_signal(look_named("family"));
    any_picture();
    struct signal_field f = play_at(5000000);
    int same = 0;
    const uint8_t *moving = render(s, &f);
    for (int r = 0; r < H; r += 2)
        same += !memcmp(moving + r * W, moving + (r + 1) * W, W);
    assert_in_range(same, 0, H / 20);
    f.rate = 0;
    const uint8_t *still = render(s, &f);
    for (int r = 0; r < H; r += 2)
        assert_memory_equal(still + r * W, still + (r + 1) * W, W);
    signal_close(&s);
}

/* What a text at this place touches. */
struct touched {
    int left, right, top, bottom, whites; /* of brightness; right and bottom: behind it */
};
static struct touched touched_by(struct picture *p, int row, int column, const char *text)
{
    struct touched t = { p->width, 0, p->height, 0, 0 };
    memset(out_memory, 90, sizeof(out_memory));
    signal_osd(p, row, column, text);
    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++) {
            int v = p->plane[0][y * p->stride[0] + x];
            if (v == 90)
                continue;
            t.left = VCR_MIN(t.left, x), t.right = VCR_MAX(t.right, x + 1);
            t.top = VCR_MIN(t.top, y), t.bottom = VCR_MAX(t.bottom, y + 1);
            t.whites += v == 219;
        }
    return t;
}

static void letters_stay_in_their_cells(void **state)
{
    struct picture p = over(out_memory + GUARD);
    enum { DOT = 2, X = 72 + 5 * 24, Y = 24 + 3 * 36, REACH = 2 * DOT /* edge, and how slowly it rises */ };
    char text[2] = { 0 };
    for (int c = 1; c < 256; c++) {
        text[0] = (char)c;
        struct touched t = touched_by(&p, 3, 5, text);
        if (t.right == 0)
            continue;
        assert_true(t.whites > 0);
        assert_in_range(t.left, X - REACH, X + 24);
        assert_in_range(t.right, X, X + 24 + REACH);
        assert_in_range(t.top, Y, Y + 36);
        assert_in_range(t.bottom, Y, Y + 36);
    }
    memset(out_memory, 90, sizeof(out_memory));
    signal_osd(&p, 11, 20, "0123456789 runs off the edge");
    signal_osd(&p, -1, 0, "X");
    signal_osd(&p, 12, 0, "X");
    signal_osd(&p, 0, 24, "X");
    for (int i = 0; i < GUARD; i++)
        assert_true(out_memory[i] == 90 && out_memory[GUARD + BYTES + i] == 90);
}

static void every_character_has_its_own_dots(void **state)
{
    static uint8_t seen[256][36 * 24];
    static const char latin[] = "\xC4\xD6\xDC\xE4\xF6\xFC\xDF\xE5\xE9\xE8\xE7\xF1\xF8\xE6\xB0\xBD";
    struct picture p = over(out_memory + GUARD);
    for (int c = 1; c < 256; c++) {
        memset(out_memory, 90, sizeof(out_memory));
        signal_osd(&p, 3, 5, (char[]) { (char)c, '\0' });
        for (int y = 0; y < 36; y++)
            memcpy(seen[c] + y * 24, p.plane[0] + (132 + y) * W + 192, 24);
        bool must = c <= SIGNAL_OSD_STEP || (c > ' ' && c <= '~') || strchr(latin, c), empty = true;
        for (int i = 0; i < 36 * 24; i++)
            empty = empty && seen[c][i] == 90;
        if (must && empty)
            fail_msg("%d has no dots", c);
        for (int other = 1; other < c && !empty; other++)
            if (!memcmp(seen[other], seen[c], sizeof(seen[c])))
                fail_msg("%d looks as %d does", c, other);
    }
}

static void the_display_keeps_to_the_safe_area(void **state)
{
    static const struct { int w, h, cell; } raster[] = { { 720, 480, 24 }, { 352, 240, 12 }, { 352, 288, 12 }, { 640, 360, 21 }, { 641, 361, 21 }, { 64, 64, 0 }, { 16, 16, 0 } };
    for (size_t i = 0; i < ARRAY_LEN(raster); i++) {
        int w = raster[i].w, h = raster[i].h, cw = (w + 1) / 2;
        uint8_t *m = out_memory + GUARD;
        struct picture p = { w, h, { m, m + w * h, m + w * h + cw * ((h + 1) / 2) }, { w, cw, cw } };
        struct touched first = touched_by(&p, 0, 0, "E"), last = touched_by(&p, 11, 23, "E");
        if (!raster[i].cell) {
            assert_true(first.right == 0 && last.right == 0);
            continue;
        }
        assert_in_range(first.left, w * 8 / 100, w * 12 / 100);
        assert_in_range(first.top, h * 4 / 100, h * 10 / 100);
        assert_in_range(last.right, w * 86 / 100, w * 92 / 100);
        assert_in_range(last.bottom, h * 89 / 100, h * 96 / 100);
        assert_in_range(first.right - first.left, raster[i].cell * 7 / 10, raster[i].cell * 12 / 10);
    }
}

/* Keyed into the picture by an amplifier: brightness rises over neighbouring samples, and the colour below is gone in the middle of a letter only. */
static void the_display_has_the_decks_bandwidth(void **state)
{
    struct picture p = over(out_memory + GUARD);
    int between = 0;
    memset(out_memory, 90, sizeof(out_memory));
    signal_osd(&p, 0, 0, "\x0F");
    const uint8_t *luma = p.plane[0] + 42 * W + 72, *colour = p.plane[1] + 21 * (W / 2) + 36;
    for (int x = -6; x < 30; x++)
        between += luma[x] > 20 && luma[x] != 90 && luma[x] < 217;
    assert_in_range(between, 4, 8);
    assert_int_equal(luma[12], 219);
    assert_in_range(colour[6], 127, 128);
    assert_in_range(colour[0], 91, 127);
    assert_int_equal(colour[-3], 90);
}

enum { SOUND = 48000 };
static int16_t heard[SOUND * 2], tone[SOUND * 2];

static double level(const struct signal_profile *p, double hz, enum signal_sound sound)
{
    struct signal_audio *a = NULL;
    assert_int_equal(signal_audio_open(&a, SIGNAL_NTSC, 7, NULL), VCR_OK);
    signal_audio_set_profile(a, p);
    for (int i = 0; i < SOUND; i++)
        tone[2 * i] = tone[2 * i + 1] = (int16_t)lrint(hz > 0 ? 20000 * sin(2 * M_PI * hz * i / SOUND) : 0);
    for (int i = 0; i < SOUND; i += 960)
        signal_audio_render(a, sound, (int64_t)i * 125 / 6, tone + 2 * i, heard + 2 * i, 960);
    signal_audio_close(&a);
    double sum = 0;
    for (int i = SOUND / 2; i < SOUND; i++)
        sum += (double)heard[2 * i] * heard[2 * i];
    return sqrt(sum / (SOUND / 2.0));
}

static void sound_of_the_linear_track(void **state)
{
    struct signal_profile p = off;
    p.linear_high_hz = 8000;
    double full = 20000 * M_SQRT1_2;
    assert_true(fabs(20 * log10(level(&p, 1000, SIGNAL_SOUND_LINEAR) / full)) < 0.2);
    assert_true(fabs(20 * log10(level(&p, 8000, SIGNAL_SOUND_LINEAR) / full) + 3) < 0.5);
    assert_true(level(&p, 1000, SIGNAL_SOUND_MUTED) < 0.001);
    assert_true(level(&p, 0, SIGNAL_SOUND_LINEAR) < 0.001);
    assert_true(level(&p, 1000, SIGNAL_SOUND_HIFI) > full * 0.999);
    p.hiss_db10 = 440;
    double db = -20 * log10(level(&p, 0, SIGNAL_SOUND_LINEAR) / (32767 * M_SQRT1_2));
    assert_true(db > 40 && db < 46); /* unweighted; A-weighting differs by a few dB */
}

static void wow_moves_the_tone(void **state)
{
    struct signal_profile p = off;
    p.capstan_error_ppm = 4000;
    level(&p, 3000, SIGNAL_SOUND_LINEAR);
    double most = 0, least = 1e9; /* frequency from the zero crossings of 100 ms */
    for (int part = 1; part < 9; part++) {
        double first = -1, last = 0;
        int crossings = 0;
        for (int i = part * 4800; i < part * 4800 + 4800; i++) {
            int a = heard[2 * i], b = heard[2 * i + 2];
            if (a < 0 && b >= 0) {
                last = i + (double)a / (a - b);
                if (first < 0)
                    first = last;
                crossings++;
            }
        }
        double hz = (crossings - 1) / (last - first) * SOUND;
        most = hz > most ? hz : most;
        least = hz < least ? hz : least;
    }
    assert_true(most - least > 3 && most - least < 24 && fabs((most + least) / 2 - 3000) < 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_off_is_the_identity),
        cmocka_unit_test(sizes_are_checked), cmocka_unit_test(any_size_and_format),
        cmocka_unit_test(peaking_is_its_decibels_at_every_width), cmocka_unit_test(the_comb_averages_two_lines_of_the_field),
        cmocka_unit_test(the_same_place_gives_the_same_bytes),
        cmocka_unit_test(bandwidths_are_the_profiles),
        cmocka_unit_test(flat_areas_keep_their_level),
        cmocka_unit_test(chroma_noise_is_at_its_level),
        cmocka_unit_test(more_decibels_are_less_noise),
        cmocka_unit_test(the_head_switches_where_it_should),
        cmocka_unit_test(search_has_half_as_many_bars_as_tracks_crossed),
        cmocka_unit_test(the_compensator_repeats_the_line_above),
        cmocka_unit_test(blue_and_snow),
        cmocka_unit_test(what_the_modulator_clips_leaves_a_streak),
        cmocka_unit_test(a_still_is_one_field),
        cmocka_unit_test(letters_stay_in_their_cells), cmocka_unit_test(every_character_has_its_own_dots),
        cmocka_unit_test(the_display_keeps_to_the_safe_area), cmocka_unit_test(the_display_has_the_decks_bandwidth),
        cmocka_unit_test(sound_of_the_linear_track),
        cmocka_unit_test(wow_moves_the_tone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
