/* media/ingest/demo_paint.h - colours and areas for the demo films: whole pictures painted once, shapes blended into them. Only demo_*.c include this. */
#pragma once
#include "base/util.h"
#include "media/ingest/demo_draw.h"

struct rgb { float r, g, b; };
struct ink { uint8_t c[3]; };  /* Y, Cb, Cr */

/* A picture in memory of its own, and whatever a film needs beside it. */
struct demo_art {
    uint8_t *back[3];          /* tight planes of the canvas's size */
    uint8_t *other;            /* a second luma plane (leader), or the strip's pixels (train) */
    uint8_t *shown;            /* two luma planes with this second's number on (leader) */
    uint16_t *angle;           /* of each pixel round the middle, a turn being 65536 */
    int second;
};

static inline struct rgb grey(float v) { return (struct rgb){ v, v, v }; }
static inline struct rgb mix(struct rgb a, struct rgb b, float k)
{
    k = VCR_CLAMP(k, 0.f, 1.f);
    return (struct rgb){ a.r + (b.r - a.r) * k, a.g + (b.g - a.g) * k, a.b + (b.b - a.b) * k };
}
/* 1 inside (d < 0), 0 outside, soft over a pixel or so. */
static inline float inside(float d) { return VCR_CLAMP(0.5f - d * 120, 0.f, 1.f); }
struct ink ink_of(struct rgb c); /* BT.601 of studio range */

static inline float place_x(const struct demo_canvas *c, int col) { return ((float)col + 0.5f) * c->across; }
static inline float place_y(const struct demo_canvas *c, int row) { return c->top + (float)row * c->down; }
/* The first column or row at or after a place, within the picture. */
int column_at(const struct demo_canvas *c, float x);
int row_at(const struct demo_canvas *c, float y);

/* Of 256 parts k of `to`. */
static inline uint8_t blend(uint8_t from, uint8_t to, int k) { return (uint8_t)(from + (((to - from) * k + 128) >> 8)); }
static inline void blend_ink(struct demo_canvas *c, int col, int row, struct ink to, int k)
{
    uint8_t *y = c->plane[0] + row * c->stride[0] + col;
    *y = blend(*y, to.c[0], k);
    if ((col | row) & 1)
        return;
    for (int i = 1; i < 3; i++) {
        uint8_t *p = c->plane[i] + row / 2 * c->stride[i] + col / 2;
        *p = blend(*p, to.c[i], k);
    }
}

/* Every point of the background by its place. */
void paint_back(struct demo_canvas *c, struct rgb (*shade)(float x, float y));
void show_back(struct demo_canvas *c);
/* Blends a colour in where cover(x - at_x, y - at_y) says, within `reach` of that place. */
void draw_shape(struct demo_canvas *c, float at_x, float at_y, float reach_x, float reach_y, float (*cover)(float x, float y), struct rgb colour);

/* demo_scene.c */
void scene_paint(struct demo_canvas *c);
void scene_draw(struct demo_canvas *c, double t);
void train_paint(struct demo_canvas *c);
void train_draw(struct demo_canvas *c, double t);
