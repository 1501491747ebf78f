/* signal/kernels.c - what is done to every sample of a line, as loops without branches that compilers turn into vector code.
 *
 * (a * b) >> 16 of two int16 is the high multiply of SSE2, AVX2 and NEON alike. Floors add up over a filter's taps; the bias is taken out by a constant. */
#include "signal/internal.h"

static inline int16_t mulh(int16_t a, int16_t b)
{
    return (int16_t)(((int32_t)a * b) >> 16);
}

void line_widen(const uint8_t *restrict from, int16_t *restrict to, int n, int zero)
{
    for (int i = 0; i < n; i++)
        to[i] = (int16_t)((from[i] - zero) * (1 << LINE_SHIFT));
}

void line_narrow(const int16_t *restrict from, uint8_t *restrict to, int n, int zero)
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

void line_fir(const int16_t *restrict from, int16_t *restrict to, int n, const int16_t *restrict k, int half)
{
    if (half == LUMA_HALF)
        fir(from, to, n, k, LUMA_HALF);
    else
        fir(from, to, n, k, CHROMA_HALF);
}

void line_noise(int16_t *restrict line, const int16_t *restrict noise, int n, int16_t gain)
{
    for (int i = 0; i < n; i++) {
        int16_t v = (int16_t)(line[i] + mulh(noise[i], gain));
        v = v < -16000 ? -16000 : v;
        line[i] = v > 16000 ? 16000 : v;
    }
}

void line_peak(const int16_t *restrict from, int16_t *restrict to, int n, int16_t gain_q15)
{
    for (int i = 0; i < n; i++) {
        int16_t twice = (int16_t)(2 * from[i] - ((from[i - 2] + from[i + 2])));
        int16_t v = (int16_t)(from[i] + mulh(twice, gain_q15));
        v = v < -16000 ? -16000 : v;
        to[i] = v > 16000 ? 16000 : v;
    }
}

void line_shift(const int16_t *restrict from, int16_t *restrict to, int n, const int16_t k[4])
{
    const int16_t k0 = k[0], k1 = k[1], k2 = k[2], k3 = k[3];
    for (int i = 0; i < n; i++) {
        int16_t a = (int16_t)(mulh((int16_t)(2 * from[i - 1]), k0) + mulh((int16_t)(2 * from[i]), k1));
        int16_t b = (int16_t)(mulh((int16_t)(2 * from[i + 1]), k2) + mulh((int16_t)(2 * from[i + 2]), k3));
        to[i] = (int16_t)(a + b + 2);
    }
}

/* A quarter of the line above: of one field, 4:2:0 lines are two scanning lines apart, so the deck's 1 H comb averages half as far. */
void line_comb(int16_t *restrict line, int16_t *restrict above, int n)
{
    for (int i = 0; i < n; i++) {
        int16_t own = line[i];
        line[i] = (int16_t)((3 * own + above[i] + 2) >> 2);
        above[i] = own;
    }
}

/* Turns and stretches the colour vector, both by little. */
void line_turn(int16_t *restrict u, int16_t *restrict v, int n, int16_t turn_q15, int16_t grow_q15)
{
    for (int i = 0; i < n; i++) {
        int16_t a = (int16_t)(2 * u[i]), b = (int16_t)(2 * v[i]);
        u[i] = (int16_t)(u[i] + mulh(a, grow_q15) - mulh(b, turn_q15));
        v[i] = (int16_t)(v[i] + mulh(b, grow_q15) + mulh(a, turn_q15));
    }
}

void line_scale(int16_t *restrict line, int n, int16_t gain_q8)
{
    for (int i = 0; i < n; i++)
        line[i] = (int16_t)((line[i] * gain_q8) >> 8);
}

/* amount_q8 of the line is snow, in pieces: none at 0, all at 256, torn between. */
void line_snow(int16_t *restrict line, const uint8_t *restrict snow, const int16_t *restrict torn, int n, int16_t amount_q8)
{
    const int16_t taper = (int16_t)(VCR_MIN(amount_q8, 256 - amount_q8) * 255), whole = amount_q8;
    for (int i = 0; i < n; i++) {
        int16_t m = (int16_t)(whole + mulh(torn[i], taper));
        m = m < 0 ? 0 : m;
        m = m > 255 ? 255 : m;
        int16_t twice = (int16_t)(2 * (((snow[i] - 16) << LINE_SHIFT) - line[i]));
        line[i] = (int16_t)(line[i] + mulh(twice, (int16_t)(m << 7)));
    }
}

void line_edges(int16_t *line, int n)
{
    for (int i = 1; i <= EDGE; i++) {
        line[-i] = line[0];
        line[n - 1 + i] = line[n - 1];
    }
}
