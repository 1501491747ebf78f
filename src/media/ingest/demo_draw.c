/* media/ingest/demo_draw.c - see demo_draw.h: the list of films, their canvases and sounds; colour bars and the countdown. */
#include "media/ingest/demo_draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "media/ingest/demo_paint.h"

enum { LEADER_FROM = 20 };
#define TURN 6.2831853f

/* ---- canvases ---- */
void demo_canvas_open(struct demo_canvas *c, const struct demo_film *film, int parity)
{
    bool field = parity >= 0;
    *c = (struct demo_canvas){ .width = film->width, .height = field ? DEMO_HEIGHT / 2 : DEMO_HEIGHT, .art = vcr_alloc(sizeof(*c->art)) };
    c->across = 4.f / (float)film->width;
    c->down = (field ? 2 : 1) * 3.f / DEMO_HEIGHT;
    c->top = ((float)(field ? parity : 0) + 0.5f) * 3 / DEMO_HEIGHT;
    for (int i = 0; i < 3; i++)
        c->art->back[i] = vcr_alloc((size_t)c->width * (size_t)c->height / (i ? 4 : 1));
    film->paint(c);
}

void demo_canvas_close(struct demo_canvas *c)
{
    if (!c->art)
        return;
    for (int i = 0; i < 3; i++)
        free(c->art->back[i]);
    free(c->art->other);
    free(c->art->shown);
    free(c->art->angle);
    free(c->art);
    c->art = NULL;
}

static uint8_t byte(float v) { return (uint8_t)VCR_CLAMP(v + 0.5f, 0.f, 255.f); }
struct ink ink_of(struct rgb c)
{
    return (struct ink){ { byte(16 + 65.5f * c.r + 128.6f * c.g + 25.0f * c.b), byte(128 - 37.8f * c.r - 74.2f * c.g + 112.0f * c.b),
                           byte(128 + 112.0f * c.r - 93.8f * c.g - 18.2f * c.b) } };
}

int column_at(const struct demo_canvas *c, float x) { return VCR_CLAMP((int)ceilf(x / c->across - 0.5f), 0, c->width); }
int row_at(const struct demo_canvas *c, float y) { return VCR_CLAMP((int)ceilf((y - c->top) / c->down), 0, c->height); }

/* Colour is that of the upper left of four pixels. */
void paint_back(struct demo_canvas *c, struct rgb (*shade)(float x, float y))
{
    for (int row = 0; row < c->height; row++) {
        for (int col = 0; col < c->width; col++) {
            struct ink ink = ink_of(shade(place_x(c, col), place_y(c, row)));
            c->art->back[0][row * c->width + col] = ink.c[0];
            for (int i = 1; i < 3 && ((col | row) & 1) == 0; i++)
                c->art->back[i][row / 2 * (c->width / 2) + col / 2] = ink.c[i];
        }
    }
}

static void copy_plane(struct demo_canvas *c, int plane, const uint8_t *from)
{
    int width = plane ? c->width / 2 : c->width, height = plane ? c->height / 2 : c->height;
    for (int row = 0; row < height; row++)
        memcpy(c->plane[plane] + row * c->stride[plane], from + row * width, (size_t)width);
}

void show_back(struct demo_canvas *c)
{
    for (int i = 0; i < 3; i++)
        copy_plane(c, i, c->art->back[i]);
}

void draw_shape(struct demo_canvas *c, float at_x, float at_y, float reach_x, float reach_y, float (*cover)(float x, float y), struct rgb colour)
{
    struct ink ink = ink_of(colour);
    int left = column_at(c, at_x - reach_x), right = column_at(c, at_x + reach_x), bottom = row_at(c, at_y + reach_y);
    for (int row = row_at(c, at_y - reach_y); row < bottom; row++) {
        for (int col = left; col < right; col++) {
            int k = (int)(256 * cover(place_x(c, col) - at_x, place_y(c, row) - at_y));
            if (k > 0)
                blend_ink(c, col, row, ink, k);
        }
    }
}

/* ---- colour bars ---- */
static struct rgb bars(float x, float y)
{
    static const struct rgb top[7] = { { .75f, .75f, .75f }, { .75f, .75f, 0 }, { 0, .75f, .75f }, { 0, .75f, 0 }, { .75f, 0, .75f }, { .75f, 0, 0 }, { 0, 0, .75f } };
    static const int below[7] = { 6, -1, 4, -1, 2, -1, 0 };
    int bar = VCR_CLAMP((int)(x / 4 * 7), 0, 6);
    if (y < 2)
        return top[bar];
    if (y < 2.25f)
        return below[bar] < 0 ? grey(0.02f) : top[below[bar]];
    if (y > 2.9f)
        return grey(0);
    if (x < 0.71f)
        return (struct rgb){ 0, 0.13f, 0.3f };
    if (x < 1.43f)
        return grey(1);
    if (x < 2.14f)
        return (struct rgb){ 0.2f, 0, 0.42f };
    return grey(x > 2.9f && x < 3.1f ? 0.05f : 0.02f);
}

static void bars_paint(struct demo_canvas *c) { paint_back(c, bars); }
static float mark(float x, float y) { return y < -0.05f ? 0 : inside(fabsf(x) - 0.06f); }

/* A slow white mark in the last rows shows that the picture runs. */
static void bars_draw(struct demo_canvas *c, double t)
{
    show_back(c);
    draw_shape(c, (float)fmod(t / 4, 1) * 4, 2.95f, 0.08f, 0.05f, mark, grey(1));
}

/* ---- the countdown ---- */
/* Seven strokes as on a pocket calculator, round at their ends. */
static float digit(int n, float x, float y)
{
    static const unsigned char strokes[10] = { 0x77, 0x24, 0x5d, 0x6d, 0x2e, 0x6b, 0x7b, 0x25, 0x7f, 0x6f };
    static const float lines[7][4] = { { -1, -2, 1, -2 }, { -1, -2, -1, 0 }, { 1, -2, 1, 0 }, { -1, 0, 1, 0 }, { -1, 0, -1, 2 }, { 1, 0, 1, 2 }, { -1, 2, 1, 2 } };
    float best = 81;
    for (int i = 0; i < 7; i++) {
        if (!(strokes[n] >> i & 1))
            continue;
        const float *l = lines[i];
        float dx = l[2] - l[0], dy = l[3] - l[1], k = VCR_CLAMP(((x - l[0]) * dx + (y - l[1]) * dy) / (dx * dx + dy * dy), 0.f, 1.f);
        float ax = x - l[0] - k * dx, ay = y - l[1] - k * dy;
        best = VCR_MIN(best, ax * ax + ay * ay);
    }
    return inside((sqrtf(best) - 0.3f) * 0.25f);
}

/* Where the hand has not been yet (0), or has (1). */
static struct rgb clock_face(float x, float y, int swept)
{
    float px = x - 2, py = y - 1.5f, radius = hypotf(px, py);
    float ink = VCR_MAX(inside(fabsf(radius - 1.3f) - 0.02f), inside(fabsf(radius - 1.15f) - 0.02f));
    ink = VCR_MAX(ink, VCR_MAX(inside(fabsf(px) - 0.008f), inside(fabsf(py) - 0.008f)));
    return mix(grey(swept ? 0.42f : 0.62f), grey(0.95f), ink);
}
static struct rgb clock_before(float x, float y) { return clock_face(x, y, 0); }

static void leader_paint(struct demo_canvas *c)
{
    struct demo_art *a = c->art;
    size_t size = (size_t)c->width * (size_t)c->height;
    paint_back(c, clock_before);
    a->other = vcr_alloc(size);
    a->shown = vcr_alloc(2 * size);
    a->angle = vcr_alloc(size * sizeof(*a->angle));
    a->second = -1;
    for (int row = 0; row < c->height; row++) {
        for (int col = 0; col < c->width; col++) {
            float x = place_x(c, col), y = place_y(c, row), turns = atan2f(x - 2, 1.5f - y) / TURN;
            a->other[row * c->width + col] = ink_of(clock_face(x, y, 1)).c[0];
            a->angle[row * c->width + col] = (uint16_t)(VCR_CLAMP(turns < 0 ? turns + 1 : turns, 0.f, 0.99999f) * 65536);
        }
    }
}

static float number_at(int n, float x, float y)
{
    return n > 9 ? VCR_MAX(digit(n / 10, (x + 0.45f) * 4, y * 4), digit(n % 10, (x - 0.45f) * 4, y * 4)) : digit(n, x * 3.2f, y * 3.2f);
}

/* Both faces with this second's number on. */
static void leader_second(struct demo_canvas *c, int second)
{
    struct demo_art *a = c->art;
    size_t size = (size_t)c->width * (size_t)c->height;
    uint8_t ink = ink_of(grey(0.05f)).c[0], *faces[2] = { a->shown, a->shown + size };
    memcpy(faces[0], a->back[0], size);
    memcpy(faces[1], a->other, size);
    a->second = second;
    int left = column_at(c, 1.1f), right = column_at(c, 2.9f), bottom = row_at(c, 2.3f);
    for (int row = row_at(c, 0.7f); row < bottom; row++) {
        for (int col = left; col < right; col++) {
            int k = (int)(256 * number_at(LEADER_FROM - second, place_x(c, col) - 2, place_y(c, row) - 1.5f));
            for (int i = 0; i < 2; i++)
                faces[i][row * c->width + col] = blend(faces[i][row * c->width + col], ink, k);
        }
    }
}

static void leader_draw(struct demo_canvas *c, double t)
{
    struct demo_art *a = c->art;
    int second = (int)t, swept = (int)(fmod(t, 1) * 65536);
    for (int i = 1; i < 3; i++)
        copy_plane(c, i, a->back[i]);
    if (second < LEADER_FROM && second != a->second)
        leader_second(c, second);
    for (int row = 0; row < c->height; row++) {
        uint8_t *out = c->plane[0] + row * c->stride[0];
        const uint8_t *before = a->shown + row * c->width, *after = before + c->width * c->height;
        const uint16_t *angle = a->angle + row * c->width;
        if (second >= LEADER_FROM)
            memset(out, 20, (size_t)c->width);
        for (int col = 0; second < LEADER_FROM && col < c->width; col++)
            out[col] = angle[col] < swept ? after[col] : before[col];
    }
}

/* ---- sounds ---- */
static float tone(double t) { return 0.18f * (float)sin(t * 1000 * (double)TURN); }

static float pips(double t)
{
    double at = fmod(t, 1);
    return t < LEADER_FROM && at < 0.08 ? 0.3f * (float)(sin(t * 1000 * (double)TURN) * sin(at / 0.08 * (double)TURN / 2)) : 0;
}

static float chords(double t)
{
    static const float notes[4][3] = { { 220.00f, 277.18f, 329.63f }, { 146.83f, 220.00f, 369.99f }, { 164.81f, 246.94f, 415.30f }, { 220.00f, 329.63f, 554.37f } };
    const float *n = notes[(int)(t / 2) % 4];
    float at = (float)fmod(t, 2), sum = 0;
    for (int i = 0; i < 3; i++) {
        float from = at - (float)i * 0.12f;
        if (from > 0)
            sum += (sinf(from * n[i] * TURN) + 0.3f * sinf(from * n[i] * 2 * TURN)) * VCR_MIN(from * 60, 1.0f) * expf(-from * 1.6f);
    }
    return 0.13f * sum * VCR_MIN((2 - at) * 20, 1.0f);
}

static const struct demo_film films[] = {
    { "bars", 640, false, bars_paint, bars_draw, tone },
    { "leader", 640, false, leader_paint, leader_draw, pips },
    { "scene", 640, false, scene_paint, scene_draw, chords },
    { "interlaced", 720, true, train_paint, train_draw, chords },
};

const struct demo_film *demo_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(films); i++)
        if (strcmp(films[i].name, name) == 0)
            return &films[i];
    return NULL;
}
