/* tests/unit/signal/test_limiter.c - flashes are held to the bounds of WCAG 2.3.1, and what does not flash is left alone. Flashes are counted here by the whole picture's
 * mean, in floating point. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "signal/limiter.h"

enum { W = 360, H = 240, PICTURES_MAX = 600, PICTURE_US = 16683 };
static uint8_t memory[W * H * 2];

struct colour {
    uint8_t yuv[3];
};
static const struct colour black = { { 16, 128, 128 } }, white = { { 235, 128, 128 } }, red = { { 81, 90, 240 } }, grey = { { 81, 128, 128 } };

static struct picture picture(void)
{
    return (struct picture) { W, H, { memory, memory + W * H, memory + W * H * 5 / 4 }, { W, W / 2, W / 2 } };
}

/* The rectangle from (x, y) on in one colour, the rest in another. */
static void paint(struct picture *p, struct colour rest, struct colour in, int x, int y, int w, int h)
{
    for (int i = 0; i < 3; i++) {
        const int by = i ? 2 : 1;
        for (int r = 0; r < H / by; r++)
            for (int c = 0; c < W / by; c++)
                p->plane[i][r * p->stride[i] + c] = r * by >= y && r * by < y + h && c * by >= x && c * by < x + w ? in.yuv[i] : rest.yuv[i];
    }
}

static void field(struct picture *p, struct colour all, int parity)
{
    for (int i = 0; i < 3; i++)
        for (int r = parity; r < (i ? H / 2 : H); r += 2)
            memset(p->plane[i] + r * p->stride[i], all.yuv[i], (size_t)(i ? W / 2 : W));
}

static double curve(double code) { return pow(fmin(fmax(code / 255, 0), 1), 2.2); }

/* Relative luminance, or how red, of one sample; below 0 the red that is not saturated. */
static double level_at(const struct picture *p, int x, int y, bool is_red)
{
    const double luma = 1.164 * (p->plane[0][y * p->stride[0] + x] - 16);
    const double u = p->plane[1][y / 2 * p->stride[1] + x / 2] - 128, v = p->plane[2][y / 2 * p->stride[2] + x / 2] - 128;
    const double r = curve(luma + 1.596 * v), g = curve(luma - 0.392 * u - 0.813 * v), b = curve(luma + 2.017 * u);
    return !is_red ? curve(luma) : fmax(r - g - b, 0) * (r >= 0.8 * (r + g + b) ? 1 : -1);
}

/* The most pairs of opposing changes in any second; the higher side has to be saturated. */
static int flashes(const double *level, int n, double least, double bright)
{
    int at[PICTURES_MAX], turns = 0, way = 0, most = 0;
    double extreme = level[0];
    for (int i = 1; i < n; i++) {
        const double is = fabs(level[i]), was = fabs(extreme);
        const int now = fmin(is, was) >= bright ? 0 : way <= 0 && is >= was + least && level[i] > 0 ? 1 : way >= 0 && is <= was - least && extreme > 0 ? -1 : 0;
        if (now)
            at[turns++] = i, way = now;
        if (now || (way > 0 && is > was) || (way < 0 && is < was))
            extreme = level[i];
    }
    for (int i = 0; i < turns; i++) {
        int k = i;
        while (k < turns && (at[k] - at[i]) * (int64_t)PICTURE_US < 1000000)
            k++;
        most = VCR_MAX(most, (k - i) / 2);
    }
    return most;
}

struct film {
    struct colour a, b, rest;
    double hz;
    int x, y, w, h, pictures;
    bool is_red, fields;
    int cut; /* the limiter begins anew here; 0: nowhere */
};
struct result {
    int flashes, changed;
};

static struct result show(const struct film *f, bool limited)
{
    static double level[PICTURES_MAX];
    struct signal_limiter *l = NULL;
    struct picture p = picture();
    struct result r = { 0 };
    assert_int_equal(signal_limiter_open(&l, W, H, false, NULL), VCR_OK);
    for (int i = 0; i < f->pictures; i++) {
        const struct colour now = fmod(i * PICTURE_US * 1e-6 * f->hz, 1) < 0.5 ? f->a : f->b;
        const int parity = f->fields ? i & 1 : -1;
        if (f->cut && i == f->cut) {
            signal_limiter_close(&l);
            assert_int_equal(signal_limiter_open(&l, W, H, false, NULL), VCR_OK);
        }
        if (f->fields)
            field(&p, now, parity);
        else
            paint(&p, f->rest, now, f->x, f->y, f->w, f->h);
        if (limited)
            r.changed += signal_limiter_apply(l, &p, parity, (int64_t)i * PICTURE_US);
        level[i] = level_at(&p, (f->x + f->w / 2) & ~1, f->fields ? H / 2 + parity : (f->y + f->h / 2) & ~1, f->is_red);
    }
    signal_limiter_close(&l);
    assert_null(l);
    r.flashes = flashes(level, f->pictures, f->is_red ? 20 / 320.0 : 0.1, f->is_red ? 2 : 0.8);
    return r;
}

static void flashing_is_held_back(void **state)
{
    const struct film films[] = {
        { black, white, black, 8, 0, 0, W, H, 300 },
        { black, white, black, 30, 0, 0, W, H, 300 },
        { black, white, black, 3.7, 0, 0, W, H, 300 },
        { grey, red, grey, 8, 0, 0, W, H, 300, .is_red = true },
        { black, white, black, 8, W / 3, H / 3, W / 3, H / 3, 300 },           /* a ninth of the picture, the middle one */
        { black, white, black, 25, 0, 0, W, H, 300, .fields = true },
        { black, white, black, 30, 0, 0, W, H, 300, .cut = 150 },
        { white, black, black, 11, 0, 0, W, H, 300, .cut = 7 },
    };
    for (size_t i = 0; i < ARRAY_LEN(films); i++) {
        const struct result with = show(&films[i], true), without = show(&films[i], false);
        if (with.flashes > 3 || without.flashes <= 3 || !with.changed)
            fail_msg("film %zu: %d flashes with the limiter (%d pictures changed), %d without", i, with.flashes, with.changed, without.flashes);
    }
}

static void what_does_not_flash_is_left_alone(void **state)
{
    static const struct colour bright = { { 225, 128, 128 } }, dark = { { 60, 128, 128 } }, darker = { { 40, 128, 128 } };
    const struct film films[] = {
        { black, white, black, 0.9, 0, 0, W, H, 600 },                        /* slowly */
        { bright, white, black, 8, 0, 0, W, H, 300 },                         /* the darker above 80 % */
        { dark, darker, black, 8, 0, 0, W, H, 300 },                          /* by less than 10 % */
        { black, white, black, 8, W / 2, H / 2, W / 8, H / 8, 300 },          /* a small lamp */
        { red, red, black, 8, 0, 0, W, H, 300, .is_red = true },
    };
    for (size_t i = 0; i < ARRAY_LEN(films); i++)
        if (show(&films[i], true).changed)
            fail_msg("film %zu was changed", i);
}

/* A flashing corner does not touch the picture on the other side. */
static void only_what_flashes_is_held_back(void **state)
{
    struct signal_limiter *l = NULL;
    struct picture p = picture();
    int changed = 0;
    assert_int_equal(signal_limiter_open(&l, W, H, false, NULL), VCR_OK);
    for (int i = 0; i < 200; i++) {
        paint(&p, (struct colour) { { (uint8_t)(16 + i), 100, 150 } }, i % 8 < 4 ? black : white, 0, 0, W / 2, H);
        changed += signal_limiter_apply(l, &p, -1, (int64_t)i * PICTURE_US);
        for (int y = 0; y < H; y++)
            for (int x = W * 2 / 3; x < W; x++)
                assert_int_equal(p.plane[0][y * W + x], 16 + i);
    }
    assert_true(changed > 30);
    signal_limiter_close(&l);
}

static void any_size_and_both_formats(void **state)
{
    static const int sizes[][2] = { { 16, 16 }, { 17, 19 }, { 33, 143 }, { 719, 241 }, { 1920, 1152 } };
    for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
        const int w = sizes[i / 2][0], h = sizes[i / 2][1], half = (w + 1) / 2;
        const bool is_422 = i % 2;
        const size_t luma = (size_t)(w * h), colour = (size_t)(half * (is_422 ? h : (h + 1) / 2));
        uint8_t *all = malloc(luma + 2 * colour); /* of just its size: a sanitizer sees what reaches over */
        struct picture p = { w, h, { all, all + luma, all + luma + colour }, { w, half, half }, is_422 };
        struct signal_limiter *l = NULL;
        int changed = 0;
        for (int parity = -1; parity < 1; parity++) {
            assert_int_equal(signal_limiter_open(&l, w, h, is_422, NULL), VCR_OK);
            for (int k = 0; k < 20; k++) {
                memset(all, k % 4 < 2 ? 16 : 235, luma + 2 * colour);
                changed += signal_limiter_apply(l, &p, parity < 0 ? -1 : k & 1, (int64_t)k * PICTURE_US);
            }
            signal_limiter_close(&l);
        }
        assert_true(changed > 10);
        free(all);
    }
    struct signal_limiter *l = NULL;
    assert_int_equal(signal_limiter_open(&l, 8, 8, false, NULL), VCR_E_INVALID);
    assert_int_equal(signal_limiter_open(&l, 4096, 100, false, NULL), VCR_E_INVALID);
}

/* What is drawn of a flash, between what was there and what comes: the same bytes on every machine and from every compiler, as segments are kept that were made of it. */
static void what_is_held_back_stays_the_same_to_the_byte(void **state)
{
    enum { CHANGED_LEAST = 10 };
    uint8_t *all = malloc(W * H * 3 / 2);
    struct picture p = { W, H, { all, all + W * H, all + W * H * 5 / 4 }, { W, W / 2, W / 2 } };
    struct signal_limiter *l = NULL;
    uint64_t hash = 0xCBF29CE484222325;
    uint32_t seed = 9;
    int changed = 0;
    assert_int_equal(signal_limiter_open(&l, W, H, false, NULL), VCR_OK);
    for (int k = 0; k < 30; k++) {
        for (int i = 0; i < W * H * 3 / 2; i++) {
            seed = seed * 1664525 + 1013904223;
            all[i] = (uint8_t)((i < W * H && i % W > W / 3 ? (k & 1 ? 200 : 30) : 120) + (int)(seed >> 27));
        }
        changed += signal_limiter_apply(l, &p, -1, (int64_t)k * PICTURE_US);
        for (int i = 0; i < W * H * 3 / 2; i++)
            hash = (hash ^ all[i]) * 0x100000001B3;
    }
    assert_true(changed > CHANGED_LEAST);
    assert_int_equal(hash, 0x51AE05F4D9BCDD0);
    signal_limiter_close(&l);
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flashing_is_held_back),
        cmocka_unit_test(what_does_not_flash_is_left_alone),
        cmocka_unit_test(only_what_flashes_is_held_back),
        cmocka_unit_test(any_size_and_both_formats),
        cmocka_unit_test(what_is_held_back_stays_the_same_to_the_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
