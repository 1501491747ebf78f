/* render/grid.c - see grid.h. */
#include "render/grid.h"

#include "wire/make_msg.h"

enum { INTO_PICTURE_US = 500, ROUNDING_US = 1000, STEP_MAX_US = 500000 };

struct grid grid_of(bool pal, bool field_rate)
{
    struct grid g;
    make_rate(pal, field_rate, &g.num, &g.den);
    return g;
}

static int64_t begin_us(const struct grid *g, int64_t n) { return n * 1000000 * g->den / g->num; }

int64_t grid_place_us(const struct grid *g, int64_t n) { return begin_us(g, n) + INTO_PICTURE_US; }

int64_t grid_field(bool field_rate, int64_t n) { return field_rate ? n : 2 * n; }

int64_t grid_flash_us(bool pal, int64_t field) { return field * (pal ? 20000 : 16683); }

int64_t grid_step(struct grid_walk *w, const struct grid *g, int64_t tape_us)
{
    int64_t unit = INT64_C(1000000) * g->den, gone_us = tape_us - w->tape_us, n = tape_us * g->num / unit;
    if (w->n >= 0 && gone_us > 0 && gone_us < STEP_MAX_US) {
        int64_t next = w->n + (gone_us * g->num + unit / 2) / unit;
        if (tape_us >= begin_us(g, next) - ROUNDING_US && tape_us < begin_us(g, next + 1) + ROUNDING_US)
            n = next;
    }
    *w = (struct grid_walk){ n, tape_us };
    return n;
}

bool grid_begins_segment(const struct grid *g, int64_t before, int64_t n)
{
    int64_t each = make_segment_units((uint32_t)g->num, (uint32_t)g->den);
    return n % each == 0 || (before >= 0 && before / each != n / each);
}
