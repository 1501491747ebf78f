/* signal/limiter.c - see limiter.h. */
#include "signal/limiter.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "signal/internal.h"

enum {
    COLUMNS_MAX = 24, ROWS_MAX = 18, BLOCKS_MAX = COLUMNS_MAX * ROWS_MAX, /* thirds of both are whole */
    BLOCK_WIDTH_LEAST = 8, BLOCK_ROWS_LEAST = 4,
    STEP_X = 8, STEP_Y = 6,      /* of the samples that a block is judged by */
    ONE = 32768,                 /* white's relative luminance */
    LIGHT_CHANGE = 3000,         /* 10 % less what the table and the samples err */
    LIGHT_BRIGHT = ONE * 8 / 10, /* no flash where the darker is above */
    RED_CHANGE = 2000,           /* 20 / 320, likewise */
    CHANGES = 4, CHANGES_AT_OPEN = 2, /* of any second: see limiter.h */
    SECOND_US = SIGNAL_LIMITER_SECOND_US,
    WHOLE = 256, WEIGHT_LEAST = 4,
    TRIES = 32,
};
enum kind { LIGHT, RED, KINDS };

struct level {
    int32_t amount;    /* of light, or of red */
    bool is_saturated; /* a flash of red has one side that is; light always counts */
};
/* What one block has done: `at` are its last changes, the newest first. */
struct watch {
    struct level extreme; /* since the last change */
    int8_t way;      /* of that change: 1 up, -1 down, 0 none yet */
    int64_t at[CHANGES + 1];
};
struct signal_limiter {
    /* set by open, then read-only */
    int width, height, colour_rows;
    int columns, rows;
    int32_t light[256]; /* relative luminance of a code; 16 is black, 235 white */
    /* its own */
    bool is_begun;
    int64_t last_us;
    struct watch watch[KINDS][BLOCKS_MAX];
    struct level level[KINDS][BLOCKS_MAX];
    int16_t weight[BLOCKS_MAX];                            /* of the new picture beside the last one */
    int16_t corner[ROWS_MAX + 1][COLUMNS_MAX + 1];         /* the least of the blocks that meet there */
    struct picture held;                                   /* what was shown last; a field takes the upper half of it */
};

/* The lines of a call. */
struct lines {
    struct picture *p;
    int first, step, count, colour_count, colour_each; /* colour_each: lines of luma for one of colour */
};

static struct lines lines_of(const struct signal_limiter *l, struct picture *p, int parity)
{
    struct lines w = { p, parity < 0 ? 0 : parity & 1, parity < 0 ? 1 : 2, 0, 0, p->is_422 ? 1 : 2 };
    w.count = (l->height - w.first + w.step - 1) / w.step;
    w.colour_count = (l->colour_rows - w.first + w.step - 1) / w.step;
    return w;
}

static uint8_t *line_of(const struct lines *w, int plane, int i)
{
    return w->p->plane[plane] + (w->first + i * w->step) * w->p->stride[plane];
}

static uint8_t *held_line(const struct signal_limiter *l, int plane, int i)
{
    return l->held.plane[plane] + i * l->held.stride[plane];
}

enum vcr_err signal_limiter_open(struct signal_limiter **ret, int width, int height, bool is_422, struct vcr_why *why)
{
    if (width < 16 || height < 16 || width > SIGNAL_WIDTH_MAX || height > SIGNAL_HEIGHT_MAX)
        return vcr_fail(why, VCR_E_INVALID, "limiter: picture size %dx%d: 16x16 to %dx%d", width, height, SIGNAL_WIDTH_MAX, SIGNAL_HEIGHT_MAX);
    const size_t half = (size_t)(width + 1) / 2, colour_rows = is_422 ? (size_t)height : (size_t)(height + 1) / 2, luma = (size_t)width * (size_t)height;
    uint8_t *memory = calloc(luma + 2 * half * colour_rows, 1);
    struct signal_limiter *l = calloc(1, sizeof(*l));
    if (!memory || !l) {
        free(memory);
        free(l);
        return vcr_fail(why, VCR_E_NOMEM, "limiter: no memory for a picture of %dx%d", width, height);
    }
    l->width = width;
    l->height = height;
    l->colour_rows = (int)colour_rows;
    l->held = (struct picture) { width, height, { memory, memory + luma, memory + luma + half * colour_rows }, { width, (ptrdiff_t)half, (ptrdiff_t)half }, is_422 };
    l->columns = VCR_MIN(width / BLOCK_WIDTH_LEAST, COLUMNS_MAX);
    l->rows = VCR_MIN(height / 2 / BLOCK_ROWS_LEAST, ROWS_MAX);
    for (int i = 0; i < 256; i++) { /* 0.8 x^2 + 0.2 x^3 is x^2.2 to within 0.01 */
        const int64_t x = VCR_CLAMP(i - 16, 0, 219);
        l->light[i] = (int32_t)((x * x * 4 * 219 + x * x * x) * ONE / (5 * 219 * 219 * 219));
    }
    *ret = l;
    return VCR_OK;
}

void signal_limiter_close(struct signal_limiter **l)
{
    if (!*l)
        return;
    free((*l)->held.plane[0]);
    free(*l);
    *l = NULL;
}

/* First sample or line of a block, of `all` cut into n. */
static int begin(int block, int n, int all) { return block * all / n; }

/* The weights along one line of a block: from its left end's to its right end's, times its height. Nowhere above the block's own. */
struct slope {
    int left, right; /* 0 to WHOLE * height */
    int width;       /* samples of the line */
    float part;      /* one of all samples of the block */
};

/* y of height. */
static struct slope slope_at(const struct signal_limiter *l, int row, int column, int width, int y, int height)
{
    const int16_t *up = &l->corner[row][column], *down = &l->corner[row + 1][column];
    return (struct slope) { up[0] * (height - y) + down[0] * y, up[1] * (height - y) + down[1] * y, width, 1.0f / (float)(width * height) };
}

/* Whether a block is drawn as it comes: no weight below WHOLE in it. */
static bool is_whole(const struct signal_limiter *l, int row, int column)
{
    const int16_t *up = &l->corner[row][column], *down = &l->corner[row + 1][column];
    return up[0] == WHOLE && up[1] == WHOLE && down[0] == WHOLE && down[1] == WHOLE;
}

/* (left * (width - x) + right * x) / all, rounded down. By floats, as vector units divide no integers; exact: half a part of `all` more is 2^-14 or more from any whole number, as blocks have fewer
 * than 2^13 samples, and what two roundings err at 256 is 2^-15. */
static inline int weight_at(const struct slope *s, int x)
{
    return (int)(((float)(s->left * s->width + (s->right - s->left) * x) + 0.5f) * s->part);
}

static inline int mix(int held, int now, int weight) { return held + (((now - held) * weight + WHOLE / 2) >> 8); }

/* The mean colour of a block: R - G - B, and whether R / (R + G + B) is 0.8 or little less. */
static struct level redness(const struct signal_limiter *l, int y, int u, int v)
{
    const int luma = 298 * (y - 16);
    const int rgb[3] = { luma + 409 * (v - 128), luma - 100 * (u - 128) - 208 * (v - 128), luma + 516 * (u - 128) };
    int32_t light[3];
    for (int i = 0; i < 3; i++)
        light[i] = l->light[16 + VCR_CLAMP(rgb[i] / 256, 0, 255) * 219 / 255];
    return (struct level) { VCR_MAX(light[0] - light[1] - light[2], 0), light[0] * 100 >= (light[0] + light[1] + light[2]) * 75 };
}

/* Sums over the samples of a block. */
struct sums {
    int light, yuv[3], n;
};

static void add(const struct signal_limiter *l, struct sums *s, const uint8_t *const now[3], int x0, int x1)
{
    for (int x = x0; x < x1; x += STEP_X, s->n++) {
        s->light += l->light[now[0][x]];
        s->yuv[0] += now[0][x];
        s->yuv[1] += now[1][x / 2];
        s->yuv[2] += now[2][x / 2];
    }
}

/* Levels of one block as it would be shown. */
static void judge_block(struct signal_limiter *l, const struct lines *w, int row, int column, bool mixed)
{
    const int x0 = begin(column, l->columns, l->width), x1 = begin(column + 1, l->columns, l->width), y0 = begin(row, l->rows, w->count), y1 = begin(row + 1, l->rows, w->count);
    struct sums s = { 0 };
    for (int y = y0; y < y1; y += STEP_Y) {
        const int c = VCR_MIN(y / w->colour_each, w->colour_count - 1);
        const uint8_t *now[3] = { line_of(w, 0, y), line_of(w, 1, c), line_of(w, 2, c) };
        const uint8_t *held[3] = { held_line(l, 0, y), held_line(l, 1, c), held_line(l, 2, c) };
        const int begins = x0 + (int)((unsigned)y * 3 % STEP_X);
        const struct slope slope = slope_at(l, row, column, x1 - x0, y - y0, y1 - y0);
        if (!mixed)
            add(l, &s, now, begins, x1);
        for (int x = begins; mixed && x < x1; x += STEP_X, s.n++) {
            const int weight = weight_at(&slope, x - x0);
            const int code = mix(held[0][x], now[0][x], weight);
            s.light += l->light[code];
            s.yuv[0] += code;
            for (int i = 1; i < 3; i++)
                s.yuv[i] += mix(held[i][x / 2], now[i][x / 2], weight);
        }
    }
    l->level[LIGHT][row * l->columns + column] = (struct level) { s.light / s.n, true };
    l->level[RED][row * l->columns + column] = redness(l, s.yuv[0] / s.n, s.yuv[1] / s.n, s.yuv[2] / s.n);
}

/* Mixed: those that are drawn as they come have been judged so. */
static void judge(struct signal_limiter *l, const struct lines *w, bool mixed)
{
    for (int row = 0; row < l->rows; row++)
        for (int column = 0; column < l->columns; column++)
            if (!mixed || !is_whole(l, row, column))
                judge_block(l, w, row, column, mixed);
}

/* Whether this level is a change, against the last one's extreme: its way, 0 for none. */
static int change(const struct watch *h, enum kind kind, const struct level *level)
{
    const int32_t least = kind == LIGHT ? LIGHT_CHANGE : RED_CHANGE;
    const bool is_up = level->amount > h->extreme.amount;
    const struct level *high = is_up ? level : &h->extreme, *low = is_up ? &h->extreme : level;
    if (high->amount - low->amount <= least || !high->is_saturated || (kind == LIGHT && low->amount >= LIGHT_BRIGHT))
        return 0;
    return is_up ? h->way <= 0 : h->way >= 0 ? -1 : 0;
}

static void note(struct watch *h, enum kind kind, const struct level *level, int64_t at_us)
{
    const int way = change(h, kind, level);
    if (way) {
        memmove(h->at + 1, h->at, CHANGES * sizeof(h->at[0]));
        h->at[0] = at_us;
        h->way = (int8_t)way;
    }
    if (way || (h->way > 0 && level->amount > h->extreme.amount) || (h->way < 0 && level->amount < h->extreme.amount))
        h->extreme = *level;
}

/* Whether any third by third has more than a quarter of its blocks marked. */
static bool is_too_large(const struct signal_limiter *l, const bool *marked)
{
    const int wide = (l->columns + 2) / 3, high = (l->rows + 2) / 3;
    for (int row = 0; row + high <= l->rows; row++)
        for (int column = 0; column + wide <= l->columns; column++) {
            int n = 0;
            for (int i = 0; i < high; i++)
                for (int j = 0; j < wide; j++)
                    n += marked[(row + i) * l->columns + column + j];
            if (4 * n > wide * high)
                return true;
        }
    return false;
}

/* Marks the blocks that would have one change too many; whether they are too many themselves, with those that already had. */
static bool is_flash(const struct signal_limiter *l, enum kind kind, int64_t at_us, bool *ret_more)
{
    const int64_t since = at_us - SECOND_US;
    bool marked[BLOCKS_MAX], any = false;
    for (int i = 0; i < l->columns * l->rows; i++) {
        const struct watch *h = &l->watch[kind][i];
        ret_more[i] = h->at[CHANGES - 1] > since && change(h, kind, &l->level[kind][i]);
        marked[i] = ret_more[i] || h->at[CHANGES] > since;
        any = any || ret_more[i];
    }
    return any && is_too_large(l, marked);
}

static void spread(struct signal_limiter *l)
{
    for (int row = 0; row <= l->rows; row++)
        for (int column = 0; column <= l->columns; column++) {
            int16_t least = WHOLE;
            for (int i = VCR_MAX(row - 1, 0); i <= VCR_MIN(row, l->rows - 1); i++)
                for (int j = VCR_MAX(column - 1, 0); j <= VCR_MIN(column, l->columns - 1); j++)
                    least = VCR_MIN(least, l->weight[i * l->columns + j]);
            l->corner[row][column] = least;
        }
}

/* Finds the weights with which nothing flashes; false: all of the new picture will do. */
static bool weigh(struct signal_limiter *l, const struct lines *w, int64_t at_us)
{
    bool more[KINDS][BLOCKS_MAX];
    for (int i = 0; i < BLOCKS_MAX; i++)
        l->weight[i] = WHOLE;
    for (int try = 0; ; try++) {
        bool flash[KINDS];
        judge(l, w, try > 0);
        for (int kind = 0; kind < KINDS; kind++)
            flash[kind] = is_flash(l, (enum kind)kind, at_us, more[kind]);
        if ((!flash[LIGHT] && !flash[RED]) || try > TRIES)
            return try > 0;
        for (int i = 0; i < l->columns * l->rows; i++)
            if (try == TRIES)
                l->weight[i] = 0; /* as it was: that is no change */
            else if ((flash[LIGHT] && more[LIGHT][i]) || (flash[RED] && more[RED][i]))
                l->weight[i] = (int16_t)(l->weight[i] > WEIGHT_LEAST ? l->weight[i] / 2 : 0);
        spread(l);
    }
}

static void mix_samples(const uint8_t *restrict held, uint8_t *restrict now, const struct slope *slope)
{
    const struct slope s = *slope;
    for (int x = 0; x < s.width; x++)
        now[x] = (uint8_t)mix(held[x], now[x], weight_at(&s, x));
}

/* One line of a plane of n samples, that far down. */
static void mix_line(const struct signal_limiter *l, const uint8_t *held, uint8_t *now, int n, int row, int y, int height)
{
    for (int column = 0; column < l->columns; column++) {
        const int x0 = begin(column, l->columns, n), width = begin(column + 1, l->columns, n) - x0;
        const struct slope slope = slope_at(l, row, column, width, y, height);
        if (!is_whole(l, row, column))
            mix_samples(held + x0, now + x0, &slope);
    }
}

static void mix_plane(const struct signal_limiter *l, const struct lines *w, int plane)
{
    const int n = plane ? (l->width + 1) / 2 : l->width, all = plane ? w->colour_count : w->count;
    for (int row = 0; row < l->rows; row++) {
        const int y0 = begin(row, l->rows, all), y1 = begin(row + 1, l->rows, all);
        for (int y = y0; y < y1; y++)
            mix_line(l, held_line(l, plane, y), line_of(w, plane, y), n, row, y - y0, y1 - y0);
    }
}

/* Only what has all its changes behind it can have one too many next. */
static bool is_near(const struct signal_limiter *l, int64_t at_us)
{
    for (int kind = 0; kind < KINDS; kind++)
        for (int i = 0; i < l->columns * l->rows; i++)
            if (l->watch[kind][i].at[CHANGES - 1] > at_us - SECOND_US)
                return true;
    return false;
}

static void hold(struct signal_limiter *l, const struct lines *w)
{
    for (int plane = 0; plane < 3; plane++)
        for (int i = 0; i < (plane ? w->colour_count : w->count); i++)
            memcpy(held_line(l, plane, i), line_of(w, plane, i), (size_t)(plane ? (l->width + 1) / 2 : l->width));
}

static void start(struct signal_limiter *l, int64_t at_us)
{
    for (int kind = 0; kind < KINDS; kind++)
        for (int i = 0; i < l->columns * l->rows; i++) {
            struct watch *h = &l->watch[kind][i];
            h->extreme = l->level[kind][i];
            h->way = 0;
            for (int k = 0; k <= CHANGES; k++)
                h->at[k] = k < CHANGES_AT_OPEN ? at_us : at_us - 2 * SECOND_US;
        }
}

static bool begins(const struct signal_limiter *l, int64_t at_us) { return !l->is_begun || at_us < l->last_us; }

static void begin_anew(struct signal_limiter *l, const struct lines *w, int64_t at_us)
{
    judge(l, w, false);
    start(l, at_us);
    l->is_begun = true;
}

/* It is shown with the levels that were judged last. */
static void keep(struct signal_limiter *l, const struct lines *w, int64_t at_us)
{
    for (int kind = 0; kind < KINDS; kind++)
        for (int i = 0; i < l->columns * l->rows; i++)
            note(&l->watch[kind][i], (enum kind)kind, &l->level[kind][i], at_us);
    l->last_us = at_us;
    if (is_near(l, at_us))
        hold(l, w);
}

bool signal_limiter_apply(struct signal_limiter *l, struct picture *p, int parity, int64_t at_us)
{
    const struct lines w = lines_of(l, p, parity);
    bool is_changed = false;
    if (begins(l, at_us)) {
        begin_anew(l, &w, at_us);
    } else {
        is_changed = weigh(l, &w, at_us);
        for (int plane = 0; is_changed && plane < 3; plane++)
            mix_plane(l, &w, plane);
    }
    keep(l, &w, at_us);
    return is_changed;
}

void signal_limiter_saw(struct signal_limiter *l, const struct picture *p, int parity, int64_t at_us)
{
    struct picture shown = *p;
    const struct lines w = lines_of(l, &shown, parity);
    if (begins(l, at_us))
        begin_anew(l, &w, at_us);
    else
        judge(l, &w, false);
    keep(l, &w, at_us);
}

void signal_limiter_forget(struct signal_limiter *l) { l->is_begun = false; }
