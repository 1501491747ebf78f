/* signal/kernels_scalar.c - the kernels as plain C: what every other set must equal, byte for byte.
 *
 * (a * b) >> 16 of two int16 is the high multiply of SSE2, AVX2 and NEON alike. Floors add up over a filter's taps; the bias is taken out by a constant. */
#include "signal/kernels.h"

static inline int16_t mulh(int16_t a, int16_t b)
{
    return (int16_t)(((int32_t)a * b) >> 16);
}

/* Q15, rounded. Not for both INT16_MIN, where units differ. */
static inline int16_t mulhr(int16_t a, int16_t b)
{
    return (int16_t)(((int32_t)a * b + (1 << 14)) >> 15);
}

static inline int16_t saturated(int32_t v)
{
    v = v < INT16_MIN ? INT16_MIN : v;
    return (int16_t)(v > INT16_MAX ? INT16_MAX : v);
}

static void line_widen(const uint8_t *restrict from, int16_t *restrict to, int n, int zero)
{
    for (int i = 0; i < n; i++)
        to[i] = (int16_t)((from[i] - zero) * (1 << LINE_SHIFT));
}

static void line_narrow(const int16_t *restrict from, uint8_t *restrict to, int n, int zero)
{
    const int16_t z = (int16_t)zero;
    for (int i = 0; i < n; i++) {
        int16_t v = (int16_t)((int16_t)((int16_t)(from[i] + 32) >> LINE_SHIFT) + z);
        v = v < 0 ? 0 : v;
        v = v > 255 ? 255 : v;
        to[i] = (uint8_t)v;
    }
}

/* Symmetric; k[0] is half of the centre tap because the centre is added to itself. half is a constant at every call, so the inner loop unrolls. */
static inline __attribute__((always_inline)) void fir(const int16_t *restrict from, int16_t *restrict to, int n, const int16_t *restrict k, int half)
{
    const int16_t bias = (int16_t)(half / 2);
    for (int i = 0; i < n; i++) {
        int16_t sum = bias;
#pragma GCC unroll 16
        for (int j = 0; j <= half; j++)
            sum = (int16_t)(sum + mulh((int16_t)(from[i - j] + from[i + j]), k[j]));
        to[i] = sum;
    }
}

static void line_fir(const int16_t *restrict from, int16_t *restrict to, int n, const int16_t *restrict k, int half)
{
    if (half == LUMA_HALF)
        fir(from, to, n, k, LUMA_HALF);
    else
        fir(from, to, n, k, CHROMA_HALF);
}

static void line_noise(int16_t *restrict line, const int16_t *restrict noise, int n, int16_t gain)
{
    for (int i = 0; i < n; i++) {
        int16_t v = (int16_t)(line[i] + mulh(noise[i], gain));
        v = v < -16000 ? -16000 : v;
        line[i] = v > 16000 ? 16000 : v;
    }
}

static void line_peak(const int16_t *restrict from, int16_t *restrict to, int n, int16_t gain_q15, int times)
{
    for (int i = 0; i < n; i++) {
        int16_t twice = saturated(saturated(from[i] - from[i - 2]) + saturated(from[i] - from[i + 2]));
        int16_t part = mulh(twice, gain_q15), v = saturated(from[i] + saturated(part * times));
        v = v < -16000 ? -16000 : v;
        to[i] = v > 16000 ? 16000 : v;
    }
}

static void line_shift(const int16_t *restrict from, int16_t *restrict to, int n, const int16_t k[4])
{
    const int16_t k0 = k[0], k1 = k[1], k2 = k[2], k3 = k[3];
    for (int i = 0; i < n; i++) {
        int16_t a = (int16_t)(mulhr(from[i - 1], k0) + mulhr(from[i], k1)), b = (int16_t)(mulhr(from[i + 1], k2) + mulhr(from[i + 2], k3));
        to[i] = (int16_t)(a + b);
    }
}

static void line_comb(int16_t *restrict line, int16_t *restrict above, int n, int share)
{
    const int16_t round = (int16_t)(1 << share >> 1);
    for (int i = 0; i < n; i++) {
        int16_t own = line[i];
        line[i] = (int16_t)(own + ((int16_t)(above[i] - own + round) >> share));
        above[i] = own;
    }
}

/* Turns and stretches the colour vector, both by little. */
static void line_turn(int16_t *restrict u, int16_t *restrict v, int n, const struct signal_turn *t)
{
    const int16_t turn_q15 = t->turn_q15, grow_q15 = t->grow_q15, turn_gain = t->turn_gain_q13, grow_gain = t->grow_gain_q13;
    const int16_t *restrict turn_noise = t->turn_noise, *restrict grow_noise = t->grow_noise;
    for (int i = 0; i < n; i++) {
        int16_t a = (int16_t)(2 * u[i]), b = (int16_t)(2 * v[i]);
        int16_t turn = saturated(turn_q15 + saturated(8 * mulh(turn_noise[i], turn_gain))), grow = saturated(grow_q15 + saturated(8 * mulh(grow_noise[i], grow_gain)));
        u[i] = (int16_t)(u[i] + mulh(a, grow) - mulh(b, turn));
        v[i] = (int16_t)(v[i] + mulh(b, grow) + mulh(a, turn));
    }
}

static void line_scale(int16_t *restrict line, int n, int16_t gain_q8)
{
    for (int i = 0; i < n; i++)
        line[i] = mulh((int16_t)(2 * line[i]), (int16_t)(gain_q8 << 7));
}

/* amount_q8, 0 to 256, of the line is snow, in pieces: none at 0, all at 256, torn between. */
static void line_snow(int16_t *restrict line, const uint8_t *restrict snow, const int16_t *restrict torn, int n, int16_t amount_q8)
{
    const int16_t taper = (int16_t)(VCR_MIN(amount_q8, 256 - amount_q8) * 255), whole = amount_q8;
    for (int i = 0; i < n; i++) {
        int16_t m = (int16_t)(whole + mulh(torn[i], taper));
        m = m < 0 ? 0 : m;
        m = m > 255 ? 255 : m;
        int16_t more = saturated((snow[i] - 16) * (1 << LINE_SHIFT) - line[i]), twice = saturated(2 * more);
        line[i] = (int16_t)(line[i] + mulh(twice, (int16_t)(m << 7)));
    }
}

/* One step of a decaying mean: four samples, d apart. */
static inline __attribute__((always_inline)) void spread(const int16_t *from, int16_t *to, int first, int n, int d, const int16_t w[4])
{
    for (int i = first; i < n; i++) {
        int16_t a = (int16_t)(mulhr(from[i], w[0]) + mulhr(from[i - d], w[1])), b = (int16_t)(mulhr(from[i - 2 * d], w[2]) + mulhr(from[i - 3 * d], w[3]));
        to[i] = (int16_t)(a + b);
    }
}

/* Emphasised, x becomes 4 x less three times its mean so far; what the limits cut off that comes back through the de-emphasis: itself and three times its mean. */
static void line_clip(int16_t *restrict line, int16_t *const scratch[CLIP_SCRATCH], int n, const struct signal_emphasis *e)
{
    int16_t *cut = scratch[0], *a = scratch[1], *b = scratch[2], any = 0;
    for (int i = 1 - EDGE; i < n; i++)
        cut[i] = line[i - 1] >> 2;
    spread(cut, a, 4 - EDGE, n, 1, e->fast[0]);
    spread(a, b, 0, n, 4, e->fast[1]);
    for (int i = 0; i < n; i++) {
        int16_t v = (int16_t)(4 * (line[i] >> 2) - 3 * b[i]), limited = v < e->dark ? e->dark : v;
        limited = limited > e->white ? e->white : limited;
        cut[i] = (int16_t)(limited - v);
        any = (int16_t)(any | cut[i]);
    }
    if (!any)
        return;
    for (int i = 1; i <= CLIP_REACH; i++)
        cut[-i] = a[-i] = b[-i] = 0;
    spread(cut - 1, a, 0, n, 1, e->slow[0]);
    spread(a, b, 0, n, 4, e->slow[1]);
    spread(b, a, 0, n, 16, e->slow[2]);
    for (int i = 0; i < n; i++) {
        int16_t mean = (int16_t)(mulhr(a[i], e->slow[3][0]) + mulhr(a[i - CLIP_REACH], e->slow[3][1]));
        line[i] = saturated(saturated(line[i] + cut[i]) + saturated(mean + saturated(2 * mean)));
    }
}

static void line_edges(int16_t *line, int n)
{
    for (int i = 1; i <= EDGE; i++) {
        line[-i] = line[0];
        line[n - 1 + i] = line[n - 1];
        line[n - 1 + EDGE + i] = 0;
    }
}

static void line_fir_noise(const int16_t *restrict from, int16_t *restrict to, int n, const int16_t *restrict k, const int16_t *restrict noise, int16_t gain)
{
    line_fir(from, to, n, k, LUMA_HALF);
    line_noise(to, noise, n, gain);
}

static void line_fir_comb_noise(const int16_t *restrict from, int16_t *restrict to, int16_t *restrict above, int n, int share, const int16_t *restrict k,
    const int16_t *restrict noise, int16_t gain)
{
    line_fir(from, to, n, k, CHROMA_HALF);
    line_comb(to, above, n, share);
    line_noise(to, noise, n, gain);
}

static void line_shift_narrow(const int16_t *restrict from, uint8_t *restrict to, int n, const int16_t k[4], int zero)
{
    enum { PART = 256 };
    int16_t part[PART];
    for (int i = 0; i < n; i += PART) {
        int m = VCR_MIN(PART, n - i);
        line_shift(from + i, part, m, k);
        line_narrow(part, to + i, m, zero);
    }
}

const struct signal_kernels signal_kernels_scalar = {
    .widen = line_widen, .narrow = line_narrow, .fir = line_fir, .noise = line_noise, .peak = line_peak, .shift = line_shift,
    .comb = line_comb, .turn = line_turn, .scale = line_scale, .snow = line_snow, .edges = line_edges, .clip = line_clip,
    .fir_noise = line_fir_noise, .fir_comb_noise = line_fir_comb_noise, .shift_narrow = line_shift_narrow,
};
