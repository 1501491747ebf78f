/* media/ingest/demo_scene.c - the landscape at a lake, and the train that passes before it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "media/ingest/demo_paint.h"

enum { CARS_PX = 864, FIELD_PX = 6 }; /* the train's pattern is three cars of 1.6; in each field it stands this much further on */
#define CARS_TOP 2.05f
#define LAKE_TOP 2.35f
#define SUN_X 2.7f
#define RIPPLE 0.03f

/* ---- what stands still ---- */
static struct rgb sky(float x, float y)
{
    struct rgb c = mix((struct rgb){ 0.13f, 0.2f, 0.46f }, (struct rgb){ 0.98f, 0.6f, 0.35f }, y / 2);
    float from_sun = hypotf(x - SUN_X, y - 1.27f);
    return mix(c, (struct rgb){ 1, 0.85f, 0.5f }, 0.35f / (0.35f + from_sun * from_sun * 4));
}

void scene_paint(struct demo_canvas *c) { paint_back(c, sky); }

/* ---- what moves ---- */
static float sun(float x, float y) { return inside(hypotf(x, y) - 0.28f); }

/* The cover of a cloud is that of its column less that of its row, so that one number for each of them does. */
static void clouds(struct demo_canvas *c, double t)
{
    struct ink ink = ink_of((struct rgb){ 1, 0.8f, 0.72f });
    int columns[720];
    for (int col = 0; col < c->width; col++) {
        float x = place_x(c, col) + (float)t * 0.12f;
        columns[col] = (int)((sinf(x * 2.1f) + sinf(x * 3.7f + 1) * 0.6f + sinf(x * 7.9f) * 0.25f - 0.5f) * 0.7f * 256);
    }
    int bottom = row_at(c, 0.9f);
    for (int row = row_at(c, 0.2f); row < bottom; row++) {
        int thin = (int)(fabsf(place_y(c, row) - 0.55f) * 5 * 0.7f * 256);
        for (int col = 0; col < c->width; col++)
            if (columns[col] > thin)
                blend_ink(c, col, row, ink, VCR_MIN(columns[col] - thin, 256));
    }
}

struct range { float base, high, phase, scale; struct rgb colour; };

/* Down to the lake, from where each column's top is. */
static void hills(struct demo_canvas *c, const struct range *h, float shift)
{
    struct ink ink = ink_of(h->colour);
    int tops[720], bottom = row_at(c, LAKE_TOP);
    for (int col = 0; col < c->width; col++) {
        float x = (place_x(c, col) + shift) * h->scale;
        tops[col] = (int)((h->base - h->high * (0.6f * sinf(x * 1.1f + h->phase) + 0.3f * sinf(x * 2.7f + h->phase * 2) + 0.1f * sinf(x * 6.1f))) * 120 * 256);
    }
    for (int row = row_at(c, h->base - h->high - 0.01f); row < bottom; row++) {
        int here = (int)((place_y(c, row) * 120 + 0.5f) * 256);
        for (int col = 0; col < c->width; col++)
            if (here > tops[col])
                blend_ink(c, col, row, ink, VCR_MIN(here - tops[col], 256));
    }
}

/* One line of a plane, moved by 1/256 pixels, its ends drawn out, and tinted. */
static void mirror_line(uint8_t *out, const uint8_t *in, int width, int shift, uint8_t tint, int k)
{
    int whole = shift >> 8, part = shift & 255;
    for (int col = 0; col < width; col++) {
        int a = VCR_CLAMP(col + whole, 0, width - 1), b = VCR_MIN(a + 1, width - 1);
        out[col] = blend(blend(in[a], in[b], part), tint, k);
    }
}

/* The lake: the sky upside down, broken by waves. Drawn while the picture is still nothing but sky. */
static void lake(struct demo_canvas *c, double t)
{
    struct ink blue = ink_of((struct rgb){ 0.08f, 0.16f, 0.3f });
    for (int row = row_at(c, LAKE_TOP); row < c->height; row++) {
        float y = place_y(c, row);
        int shift = (int)(RIPPLE * sinf(y * 60 + (float)t * 3) / c->across * 256), from = row_at(c, 4.2f - y * 1.1f), k = (int)(256 * (0.35f + 0.1f * sinf(y * 90 - (float)t * 4)));
        mirror_line(c->plane[0] + row * c->stride[0], c->plane[0] + from * c->stride[0], c->width, shift, blue.c[0], k);
        for (int i = 1; i < 3 && row % 2 == 0; i++)
            mirror_line(c->plane[i] + row / 2 * c->stride[i], c->plane[i] + from / 2 * c->stride[i], c->width / 2, shift / 2, blue.c[i], k);
    }
}

static void land(struct demo_canvas *c, double t, float pan)
{
    static const struct range far = { 1.75f, 0.28f, 1, 0.8f, { 0.42f, 0.32f, 0.5f } }, near = { 2.15f, 0.2f, 4, 1.6f, { 0.2f, 0.34f, 0.3f } };
    show_back(c);
    draw_shape(c, SUN_X, 1.15f + 0.01f * (float)t, 0.3f, 0.3f, sun, (struct rgb){ 1, 0.93f, 0.7f });
    lake(c, t);
    clouds(c, t);
    hills(c, &far, pan);
    hills(c, &near, pan);
}

static float hull(float x, float y) { return VCR_MIN(inside(fabsf(y - 0.03f) - 0.04f), inside(fabsf(x) - 0.2f + y)); }
static float sail(float x, float y) { return VCR_MIN(inside(y), VCR_MIN(inside(-0.5f - y), inside(fabsf(x - 0.02f) - 0.3f * (0.5f + y)))); }

void scene_draw(struct demo_canvas *c, double t)
{
    float x = (float)fmod(0.5 + t * 0.16, 5) - 0.5f, y = 2.52f + 0.012f * sinf((float)t * 2);
    land(c, t, (float)t * 0.1f);
    draw_shape(c, x, y, 0.3f, 0.55f, hull, (struct rgb){ 0.36f, 0.16f, 0.1f });
    draw_shape(c, x, y, 0.3f, 0.55f, sail, grey(0.96f));
}

/* ---- the train ---- */
struct point { struct rgb colour; float cover; };
static void lay(struct point *p, struct rgb colour, float k)
{
    p->colour = p->cover > 0 ? mix(p->colour, colour, k) : colour;
    p->cover = VCR_MAX(p->cover, k);
}

/* What stands at this place of the pattern, `low` below the roofs' line. */
static struct point cars(float along, float low)
{
    struct point p = { grey(0), 0 };
    float car = fmodf(along, 1.6f);
    lay(&p, (struct rgb){ 0.24f, 0.2f, 0.16f }, inside(0.72f - low));
    lay(&p, fmodf(along, 0.24f) < 0.12f ? grey(0.16f) : grey(0.3f), VCR_MIN(inside(0.75f - low), inside(low - 0.82f)));
    float body = VCR_MIN(inside(low - 0.62f), inside(0.1f - low)) * inside(fabsf(car - 0.8f) - 0.76f);
    lay(&p, along < 1.6f ? (struct rgb){ 0.72f, 0.14f, 0.12f } : (struct rgb){ 0.12f, 0.3f, 0.5f }, body);
    float window = VCR_MIN(inside(fabsf(low - 0.27f) - 0.1f), inside(fabsf(fmodf(car, 0.4f) - 0.2f) - 0.13f));
    lay(&p, (struct rgb){ 1, 0.93f, 0.66f }, VCR_MIN(window, body));
    lay(&p, grey(0.1f), inside(hypotf(fmodf(car, 0.5f) - 0.25f, low - 0.65f) - 0.09f) * inside(car - 1.5f));
    return p;
}

/* The strip holds Y, Cb, Cr and cover of each pixel of the pattern, of the canvas's own lines. */
void train_paint(struct demo_canvas *c)
{
    int top = row_at(c, CARS_TOP);
    paint_back(c, sky);
    uint8_t *out = c->art->other = vcr_alloc((size_t)(c->height - top) * CARS_PX * 4);
    for (int row = top; row < c->height; row++) {
        for (int col = 0; col < CARS_PX; col++, out += 4) {
            struct point p = cars(((float)col + 0.5f) * c->across, place_y(c, row) - 2);
            memcpy(out, ink_of(p.colour).c, 3);
            out[3] = (uint8_t)(p.cover * 255);
        }
    }
}

void train_draw(struct demo_canvas *c, double t)
{
    land(c, t, (float)t * 0.3f);
    /* Fast enough that each field shows it elsewhere. */
    int moved = (int)(llround(t * 60000 / 1001) * FIELD_PX % CARS_PX), top = row_at(c, CARS_TOP);
    for (int row = top; row < c->height; row++) {
        const uint8_t *strip = c->art->other + (size_t)(row - top) * CARS_PX * 4;
        for (int col = 0, at = moved; col < c->width; col++) {
            const uint8_t *p = strip + at * 4;
            if (p[3] > 0)
                blend_ink(c, col, row, (struct ink){ { p[0], p[1], p[2] } }, p[3] + (p[3] >> 7));
            at = at + 1 == CARS_PX ? 0 : at + 1;
        }
    }
}
