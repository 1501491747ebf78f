/* media/ingest/demo_draw.c - see demo_draw.h: colour bars with a tone, a countdown, a landscape, a train that passes. */
#include "media/ingest/demo_draw.h"

#include <math.h>

#include "base/util.h"

enum { LEADER_FROM = 20 };
#define TURN 6.2831853f

static struct rgb grey(float v) { return (struct rgb){ v, v, v }; }
static struct rgb mix(struct rgb a, struct rgb b, float k)
{
    k = VCR_CLAMP(k, 0.f, 1.f);
    return (struct rgb){ a.r + (b.r - a.r) * k, a.g + (b.g - a.g) * k, a.b + (b.b - a.b) * k };
}
/* 1 inside (d < 0), 0 outside, soft over a pixel or so. */
static float inside(float d) { return VCR_CLAMP(0.5f - d * 120, 0.f, 1.f); }

struct rgb demo_bars(float x, float y, double t)
{
    static const struct rgb top[7] = { { .75f, .75f, .75f }, { .75f, .75f, 0 }, { 0, .75f, .75f }, { 0, .75f, 0 }, { .75f, 0, .75f }, { .75f, 0, 0 }, { 0, 0, .75f } };
    static const int below[7] = { 6, -1, 4, -1, 2, -1, 0 };
    int bar = VCR_CLAMP((int)(x / 4 * 7), 0, 6);
    if (y < 2)
        return top[bar];
    if (y < 2.25f)
        return below[bar] < 0 ? grey(0.02f) : top[below[bar]];
    /* A slow white mark in the last row shows that the picture runs. */
    if (y > 2.9f)
        return grey(inside(fabsf(x - (float)fmod(t / 4, 1) * 4) - 0.06f));
    if (x < 0.71f)
        return (struct rgb){ 0, 0.13f, 0.3f };
    if (x < 1.43f)
        return grey(1);
    if (x < 2.14f)
        return (struct rgb){ 0.2f, 0, 0.42f };
    return grey(x > 2.9f && x < 3.1f ? 0.05f : 0.02f);
}

/* Seven strokes as on a pocket calculator, round at their ends. */
static float digit(int n, float x, float y)
{
    static const unsigned char strokes[10] = { 0x77, 0x24, 0x5d, 0x6d, 0x2e, 0x6b, 0x7b, 0x25, 0x7f, 0x6f };
    static const float lines[7][4] = { { -1, -2, 1, -2 }, { -1, -2, -1, 0 }, { 1, -2, 1, 0 }, { -1, 0, 1, 0 }, { -1, 0, -1, 2 }, { 1, 0, 1, 2 }, { -1, 2, 1, 2 } };
    float best = 9;
    for (int i = 0; i < 7; i++) {
        if (!(strokes[n] >> i & 1))
            continue;
        const float *l = lines[i];
        float dx = l[2] - l[0], dy = l[3] - l[1], k = VCR_CLAMP(((x - l[0]) * dx + (y - l[1]) * dy) / (dx * dx + dy * dy), 0.f, 1.f);
        best = VCR_MIN(best, hypotf(x - l[0] - k * dx, y - l[1] - k * dy));
    }
    return inside((best - 0.3f) * 0.25f);
}

struct rgb demo_leader(float x, float y, double t)
{
    int left = LEADER_FROM - (int)t;
    float px = x - 2, py = y - 1.5f, radius = hypotf(px, py), swept = (float)fmod(t, 1) * TURN, angle = atan2f(px, -py);
    if (left <= 0)
        return grey(0.03f);
    if (angle < 0)
        angle += TURN;
    struct rgb c = mix(grey(0.62f), grey(0.42f), angle < swept ? 1 : 0);
    float ink = VCR_MAX(inside(fabsf(radius - 1.3f) - 0.02f), inside(fabsf(radius - 1.15f) - 0.02f));
    ink = VCR_MAX(ink, VCR_MAX(inside(fabsf(px) - 0.008f), inside(fabsf(py) - 0.008f)));
    float number = left > 9 ? VCR_MAX(digit(left / 10, (px + 0.45f) * 4, py * 4), digit(left % 10, (px - 0.45f) * 4, py * 4)) : digit(left, px * 3.2f, py * 3.2f);
    return mix(mix(c, grey(0.95f), ink), grey(0.05f), number);
}

static float hills(float x, float base, float high, float shift)
{
    return base - high * (0.6f * sinf(x * 1.1f + shift) + 0.3f * sinf(x * 2.7f + shift * 2) + 0.1f * sinf(x * 6.1f));
}

static struct rgb sky(float x, float y, double t)
{
    struct rgb c = mix((struct rgb){ 0.13f, 0.2f, 0.46f }, (struct rgb){ 0.98f, 0.6f, 0.35f }, y / 2);
    float from_sun = hypotf(x - 2.7f, y - 1.15f - 0.01f * (float)t);
    c = mix(c, (struct rgb){ 1, 0.85f, 0.5f }, 0.35f / (0.35f + from_sun * from_sun * 4));
    c = mix(c, (struct rgb){ 1, 0.93f, 0.7f }, inside(from_sun - 0.28f));
    float drift = x + (float)t * 0.12f, cloud = sinf(drift * 2.1f) + sinf(drift * 3.7f + 1) * 0.6f + sinf(drift * 7.9f) * 0.25f;
    return mix(c, (struct rgb){ 1, 0.8f, 0.72f }, (cloud - 0.5f - fabsf(y - 0.55f) * 5) * 0.7f);
}

struct rgb demo_scene(float x, float y, double t)
{
    float pan = x + (float)t * 0.1f;
    struct rgb c = sky(x, y, t);
    c = mix(c, (struct rgb){ 0.42f, 0.32f, 0.5f }, inside(hills(pan * 0.8f, 1.75f, 0.28f, 1) - y));
    c = mix(c, (struct rgb){ 0.2f, 0.34f, 0.3f }, inside(hills(pan * 1.6f, 2.15f, 0.2f, 4) - y));
    /* The lake: the sky upside down, broken by waves. */
    if (y > 2.35f)
        c = mix(sky(x + 0.03f * sinf(y * 60 + (float)t * 3), 4.2f - y * 1.1f, t), (struct rgb){ 0.08f, 0.16f, 0.3f }, 0.35f + 0.1f * sinf(y * 90 - (float)t * 4));
    /* A sailing boat. */
    float bx = x - (float)fmod(0.5 + t * 0.16, 5) + 0.5f, by = y - 2.52f - 0.012f * sinf((float)t * 2);
    c = mix(c, (struct rgb){ 0.36f, 0.16f, 0.1f }, VCR_MIN(inside(fabsf(by - 0.03f) - 0.04f), inside(fabsf(bx) - 0.2f + by)));
    return mix(c, grey(0.96f), VCR_MIN(inside(by), VCR_MIN(inside(-0.5f - by), inside(fabsf(bx - 0.02f) - 0.3f * (0.5f + by) - 0.0f))));
}

struct rgb demo_train(float x, float y, double t)
{
    struct rgb c = demo_scene(x + (float)t * 0.05f, y * 0.9f, t);
    if (y < 2)
        return c;
    /* Fast enough that each field shows it elsewhere. */
    float along = x + (float)t * 2.2f, car = fmodf(along, 1.6f), low = y - 2.0f;
    c = mix(c, (struct rgb){ 0.24f, 0.2f, 0.16f }, inside(0.72f - low));
    c = mix(c, fmodf(along, 0.25f) < 0.12f ? grey(0.16f) : grey(0.3f), VCR_MIN(inside(0.75f - low), inside(low - 0.82f)));
    float body = VCR_MIN(inside(low - 0.62f), inside(0.1f - low)) * inside(fabsf(car - 0.8f) - 0.76f);
    c = mix(c, fmodf(along, 4.8f) < 1.6f ? (struct rgb){ 0.72f, 0.14f, 0.12f } : (struct rgb){ 0.12f, 0.3f, 0.5f }, body);
    float window = VCR_MIN(inside(fabsf(low - 0.27f) - 0.1f), inside(fabsf(fmodf(car, 0.4f) - 0.2f) - 0.13f));
    c = mix(c, (struct rgb){ 1, 0.93f, 0.66f }, VCR_MIN(window, body));
    float wheel = hypotf(fmodf(car, 0.5f) - 0.25f, low - 0.65f);
    return mix(c, grey(0.1f), inside(wheel - 0.09f));
}

float demo_tone(double t) { return 0.18f * (float)sin(t * 1000 * (double)TURN); }

float demo_pips(double t)
{
    double at = fmod(t, 1);
    return t < LEADER_FROM && at < 0.08 ? 0.3f * (float)(sin(t * 1000 * (double)TURN) * sin(at / 0.08 * (double)TURN / 2)) : 0;
}

float demo_chords(double t)
{
    static const float chords[4][3] = { { 220.00f, 277.18f, 329.63f }, { 146.83f, 220.00f, 369.99f }, { 164.81f, 246.94f, 415.30f }, { 220.00f, 329.63f, 554.37f } };
    const float *c = chords[(int)(t / 2) % 4];
    double at = fmod(t, 2), sum = 0;
    for (int i = 0; i < 3; i++) {
        double from = at - i * 0.12;
        if (from > 0)
            sum += (sin(from * c[i] * (double)TURN) + 0.3 * sin(from * c[i] * 2 * (double)TURN)) * VCR_MIN(from * 60, 1.0) * exp(-from * 1.6);
    }
    return (float)(0.13 * sum * VCR_MIN((2 - at) * 20, 1.0));
}
