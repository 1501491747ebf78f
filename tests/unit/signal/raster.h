/* tests/unit/signal/raster.h - a signal on a full raster of each standard, one picture in and one out, for tests that measure pixels. Include it once a program. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "signal/signal.h"

enum { W = 720, H_MOST = 576, BYTES = W * H_MOST * 3 / 2 };
static uint8_t in_memory[BYTES], out_memory[BYTES];
static const struct signal_profile off = { .name = "none" };

/* The standard that a test is run for. */
static const struct raster {
    enum signal_standard standard;
    int h, line;    /* rows; samples of a whole line */
    int switch_row; /* the pair of rows in which the heads switch: 3.5 lines, 4.0 lines above the end */
    int64_t field_us;
} rasters[2] = { { SIGNAL_NTSC, 480, 858, 472, 16683 }, { SIGNAL_PAL, 576, 864, 568, 20000 } };
#define EACH(f) cmocka_unit_test_prestate(f, (void *)&rasters[0]), cmocka_unit_test_prestate(f, (void *)&rasters[1])

static inline struct picture over(const struct raster *t, uint8_t *m)
{
    return (struct picture) { W, t->h, { m, m + W * t->h, m + W * t->h * 5 / 4 }, { W, W / 2, W / 2 } };
}

static inline struct signal *open_signal(const struct raster *t, const struct signal_profile *p)
{
    struct signal *s = NULL;
    assert_int_equal(signal_open(&s, t->standard, W, t->h, 42, NULL), VCR_OK);
    signal_set_profile(s, p);
    return s;
}

/* in_memory, in all bands, into out_memory; gives that. */
static inline const uint8_t *render(struct signal *s, const struct raster *t, const struct signal_field *f)
{
    struct picture in = over(t, in_memory), out = over(t, out_memory);
    const struct picture *from[SIGNAL_BANDS_MAX];
    for (int i = 0; i < SIGNAL_BANDS_MAX; i++)
        from[i] = &in;
    signal_render(s, f, from, SIGNAL_BANDS_MAX, &out);
    return out_memory;
}
