/* wire/line21.c - see line21.h. */
#include "wire/line21.h"

#include <math.h>
#include <string.h>

#include "base/util.h"
#include "wire/cea608.h"

/* A bit lasts 1/32 of a line; a picture of 720 at 13.5 MHz has 858 pixels a line. */
#define BIT_OF_WIDTH (858.0f / 32 / 720)
#define LAST_BEGIN 0.12f       /* of the width: no run-in begins later */
#define SINE_LEAST 0.7f        /* of what there is in a run-in */
#define AMPLITUDE_LEAST 8.0f
#define BIT_LEAST 0.3f         /* of the amplitude: a bit nearer to the middle is none */
#define HYSTERESIS 0.3f
enum { RUN_IN_CYCLES = 6, EDGES_LEAST = 4, EDGES_MAX = 10, BITS = 16, TRUSTED_FROM = 20, DROPPED_BELOW = 4 };

void line21_open(struct line21 *l, void (*pair)(void *arg, int row, const struct line21_pair *pair), void *arg)
{
    memset(l, 0, sizeof(*l));
    l->pair = pair;
    l->arg = arg;
}

static void fill_tables(struct line21 *l, int width)
{
    float step = 2 * (float)M_PI / (BIT_OF_WIDTH * (float)width);
    for (int i = 0; i < LINE21_TABLE; i++) {
        l->cosine[i] = cosf(step * (float)i);
        l->sine[i] = sinf(step * (float)i);
    }
    l->width = width;
}

/* A line with its noise made smaller, and what was found in it. */
struct wave {
    float at[LINE21_WIDTH_MAX];
    int width;
    float bit, middle, amplitude;
    int begin;                 /* within the run-in */
    float start;               /* where the start bit rises */
};

static void smooth(struct wave *w, const uint8_t *luma, int width)
{
    int reach = width / 240, sum = 0;
    for (int i = 0; i < reach; i++)
        sum += luma[i];
    for (int i = 0; i < width; i++) {
        sum += i + reach < width ? luma[i + reach] : 0;
        sum -= i > reach ? luma[i - reach - 1] : 0;
        w->at[i] = (float)sum / (float)(VCR_MIN(i + reach, width - 1) - VCR_MAX(i - reach, 0) + 1);
    }
    w->width = width;
    w->bit = BIT_OF_WIDTH * (float)width;
}

/* Where the line is most like a run-in, by sliding sums. */
static bool find_run_in(const struct line21 *l, struct wave *w)
{
    w->begin = 0;
    w->middle = w->amplitude = 0;
    int n = (int)lrintf(RUN_IN_CYCLES * w->bit), last = (int)(LAST_BEGIN * (float)w->width);
    float sum = 0, squares = 0, c = 0, s = 0, best = 0;
    for (int i = 0; i < n + last && i < LINE21_TABLE; i++) {
        float v = w->at[i];
        sum += v, squares += v * v, c += v * l->cosine[i], s += v * l->sine[i];
        if (i >= n) {
            v = w->at[i - n];
            sum -= v, squares -= v * v, c -= v * l->cosine[i - n], s -= v * l->sine[i - n];
        }
        float all = squares - sum * sum / (float)n, like = (c * c + s * s) * 2 / (float)n;
        if (i < n - 1 || like <= best * all || all <= 0)
            continue;
        best = like / all;
        w->begin = i - n + 1;
        w->middle = sum / (float)n;
        w->amplitude = 2 * sqrtf(c * c + s * s) / (float)n;
    }
    return best >= SINE_LEAST && w->amplitude >= AMPLITUDE_LEAST;
}

/* The next place from i on where it rises through the middle, having been well below it; negative: none before end. */
static float rising(const struct wave *w, int *i, int end)
{
    bool low = false;
    for (; *i < end; ++*i) {
        float v = w->at[*i];
        low = low || v < w->middle - HYSTERESIS * w->amplitude;
        if (low && v >= w->middle && *i > 0) {
            float before = w->at[*i - 1];
            return (float)*i - (v - w->middle) / VCR_MAX(v - before, 1.0f);
        }
    }
    return -1;
}

/* The run-in's edges come a bit's length apart; the first one that comes later, after two bits of nothing, is the start bit's. They also tell how long a bit is here. */
static bool find_start(struct wave *w)
{
    float first = -1, last = -1;
    int end = VCR_MIN(w->begin + (int)(EDGES_MAX * w->bit), w->width), i = w->begin, edges = 0;
    for (float at; (at = rising(w, &i, end)) >= 0;) {
        float apart = (at - last) / w->bit;
        if (edges > 0 && apart > 1.6f) {
            float bit = (last - first) / (float)VCR_MAX(edges - 1, 1);
            w->start = at;
            if (edges < EDGES_LEAST || apart > 3.2f || fabsf(bit / w->bit - 1) > 0.06f)
                return false;
            w->bit = bit;
            return true;
        }
        if (edges > 0 && (apart < 0.7f || apart > 1.3f))
            return false;
        first = edges == 0 ? at : first;
        last = at;
        edges++;
    }
    return false;
}

static bool read_bits(const struct wave *w, uint8_t ret[2])
{
    unsigned bits = 0;
    for (int k = -1; k < BITS; k++) { /* -1: the start bit */
        int x = (int)lrintf(w->start + ((float)k + 1.5f) * w->bit);
        if (x + 1 >= w->width)
            return false;
        float v = (w->at[x - 1] + w->at[x] + w->at[x + 1]) / 3 - w->middle;
        if (fabsf(v) < BIT_LEAST * w->amplitude || (k < 0 && v < 0))
            return false;
        if (k >= 0 && v > 0)
            bits |= 1u << k;
    }
    ret[0] = (uint8_t)bits;
    ret[1] = (uint8_t)(bits >> 8);
    return true;
}

bool line21_slice(struct line21 *l, const uint8_t *luma, int width, uint8_t ret[2])
{
    struct wave w;
    if (width < LINE21_WIDTH_MIN || width > LINE21_WIDTH_MAX)
        return false;
    if (width != l->width)
        fill_tables(l, width);
    smooth(&w, luma, width);
    return find_run_in(l, &w) && find_start(&w) && read_bits(&w, ret);
}

void line21_look(struct line21 *l, int row, int64_t at_us, const uint8_t *luma, int width)
{
    if (row < 0 || row >= LINE21_ROWS)
        return;
    struct line21_row *r = &l->rows[row];
    struct line21_pair pair = { .at_us = at_us };
    bool found = line21_slice(l, luma, width, pair.bytes);
    bool right = found && cea608_parity_ok(pair.bytes[0]) && cea608_parity_ok(pair.bytes[1]);
    r->right = (r->right << 1 | right) & ((1u << LINE21_KEPT) - 1);
    int count = __builtin_popcount(r->right);
    if (r->trusted && count < DROPPED_BELOW) {
        r->trusted = false;
        r->kept = 0;
    }
    if (r->trusted && found)
        l->pair(l->arg, row, &pair);
    if (r->trusted || !right)
        return;
    if (r->kept == LINE21_KEPT)
        memmove(r->pairs, r->pairs + 1, sizeof(r->pairs[0]) * (size_t)--r->kept);
    r->pairs[r->kept++] = pair;
    if (count < TRUSTED_FROM)
        return;
    r->trusted = true;
    for (int i = VCR_MAX(r->kept - count, 0); i < r->kept; i++)
        l->pair(l->arg, row, &r->pairs[i]);
    r->kept = 0;
}
