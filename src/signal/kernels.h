/* signal/kernels.h - what is done to every sample of a line, as a table of functions: one set for each vector unit, all of them equal to the byte.
 *
 * A line is int16 with LINE_SHIFT fractional bits around black or grey, LINE_PAD samples on each side of it. Lines of bytes (pictures) are neither read nor
 * written past n; kernels may write an int16 line up to the next multiple of LINE_ROUND (what they leave there is undefined until `edges`), and read that far.
 * To add a kernel: a member here, its code in kernels_scalar.c. Sets that lack it take the scalar one; the kernel test compares those that have it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"
#include "signal/signal.h"

enum {
    LINE_SHIFT = 6,
    LINE_PAD = 256,   /* samples on each side of a line: the most that a line can be displaced, and some */
    LINE_ROUND = 32,
    EDGE = 16,        /* of the padding: copies of the line's ends, so that filters do not see the blanking */
    LUMA_HALF = 8,    /* taps on each side */
    CHROMA_HALF = 12,
    /* How much of a line of colour the comb takes from the one above, as a shift. Scanning lines that follow each other in the field: half, a 1 H comb. Lines of 4:2:0 are two
     * of them apart, so that it is half as far from one to the next. */
    COMB_HALF = 1,
    COMB_QUARTER = 2,
};

/* Record emphasis, the modulator's clip and de-emphasis, as what the clip takes away: levels in quarters of a line's units; each row of weights is one step of
 * a decaying mean, of samples 1 and 4 (fast) and 1, 4, 16 and 64 (slow) apart; they add up to 32768. */
struct signal_emphasis {
    int16_t white, dark;
    int16_t fast[2][4], slow[4][4];
};
enum { CLIP_SCRATCH = 3, CLIP_REACH = 64 };

/* Of a line's colour vectors: small angles, and lengths, Q15. */
struct signal_turn {
    int16_t turn_q15, grow_q15;                 /* of the whole line */
    const int16_t *turn_noise, *grow_noise;
    int16_t turn_gain_q13, grow_gain_q13;       /* of the noises, for Q15 */
};

struct signal_kernels {
    void (*widen)(const uint8_t *restrict from, int16_t *restrict to, int n, int zero);
    void (*narrow)(const int16_t *restrict from, uint8_t *restrict to, int n, int zero);
    /* half: LUMA_HALF or CHROMA_HALF. k[0] is half the centre tap; Q16. Reads half samples beyond both ends. */
    void (*fir)(const int16_t *restrict from, int16_t *restrict to, int n, const int16_t *restrict k, int half);
    void (*noise)(int16_t *restrict line, const int16_t *restrict noise, int n, int16_t gain_q16);
    void (*peak)(const int16_t *restrict from, int16_t *restrict to, int n, int16_t gain_q15, int times); /* gain_q15 * times is the gain; reads two samples beyond the ends */
    void (*shift)(const int16_t *restrict from, int16_t *restrict to, int n, const int16_t k[4]);
    void (*comb)(int16_t *restrict line, int16_t *restrict above, int n, int share); /* above becomes the line as it was; share: COMB_HALF or COMB_QUARTER */
    void (*turn)(int16_t *restrict u, int16_t *restrict v, int n, const struct signal_turn *t);
    void (*scale)(int16_t *restrict line, int n, int16_t gain_q8);
    void (*snow)(int16_t *restrict line, const uint8_t *restrict snow, const int16_t *restrict torn, int n, int16_t amount_q8);
    void (*edges)(int16_t *line, int n);
    /* The line needs its edges. Untouched where nothing clips. */
    void (*clip)(int16_t *restrict line, int16_t *const scratch[CLIP_SCRATCH], int n, const struct signal_emphasis *e);
    /* What mostly comes one after the other, in one pass. */
    void (*fir_noise)(const int16_t *restrict from, int16_t *restrict to, int n, const int16_t *restrict k, const int16_t *restrict noise, int16_t gain_q16); /* LUMA_HALF */
    void (*fir_comb_noise)(const int16_t *restrict from, int16_t *restrict to, int16_t *restrict above, int n, int share, const int16_t *restrict k,
        const int16_t *restrict noise, int16_t gain_q16); /* CHROMA_HALF */
    void (*shift_narrow)(const int16_t *restrict from, uint8_t *restrict to, int n, const int16_t k[4], int zero);
};

extern const struct signal_kernels signal_kernels_scalar, signal_kernels_sse2, signal_kernels_ssse3, signal_kernels_avx2, signal_kernels_avx512, signal_kernels_neon;

/* The best set for each kernel among those up to and with `most`. */
void signal_kernels_choose(struct signal_kernels *ret, enum signal_isa most);
/* The set itself, gaps included; NULL: not in this build. */
const struct signal_kernels *signal_kernels_of(enum signal_isa isa);
