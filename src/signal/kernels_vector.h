/* signal/kernels_vector.h - the kernels for vector units, written once: kernels_<unit>.c says what a vector is and how it adds, and includes this.
 *
 * The unit gives: type vec of LANES int16, KERNELS (the table's name), and
 *   v_load v_store (anywhere)  v_all(x)  v_add v_sub (they wrap)  v_adds v_subs (they saturate)  v_min v_max  v_and v_or v_any (a bit is set)  v_mulh (high half of the product)  v_mulhr (Q15, rounded)
 *   v_neighbours(near, before, now, after): near[j / 2] gets what stands j to the left and to the right, for even j to NEAR, and in any case for 4 and 8
 *   v_shr(v, n) v_shl(v, n)  v_widen(p): LANES bytes  v_narrow(p, v): saturated to bytes
 * Int16 lines are done in whole vectors, past n; bytes exactly: their last vector overlaps the one before, or is left to plain C where n is less than one. */
#include "signal/kernels.h"

_Static_assert(LINE_ROUND % LANES == 0, "lines have room for whole vectors");

static void line_widen(const uint8_t *restrict from, int16_t *restrict to, int n, int zero)
{
    const vec z = v_all((int16_t)zero);
    if (n < LANES) {
        signal_kernels_scalar.widen(from, to, n, zero);
        return;
    }
    for (int i = 0; i <= n - LANES; i += LANES)
        v_store(to + i, v_shl(v_sub(v_widen(from + i), z), LINE_SHIFT));
    v_store(to + n - LANES, v_shl(v_sub(v_widen(from + n - LANES), z), LINE_SHIFT));
}

static inline __attribute__((always_inline)) vec to_code(vec v, vec zero)
{
    return v_add(v_shr(v_add(v, v_all(1 << (LINE_SHIFT - 1))), LINE_SHIFT), zero);
}

static void line_narrow(const int16_t *restrict from, uint8_t *restrict to, int n, int zero)
{
    const vec z = v_all((int16_t)zero);
    if (n < LANES) {
        signal_kernels_scalar.narrow(from, to, n, zero);
        return;
    }
    for (int i = 0; i <= n - LANES; i += LANES)
        v_narrow(to + i, to_code(v_load(from + i), z));
    v_narrow(to + n - LANES, to_code(v_load(from + n - LANES), z));
}

static inline __attribute__((always_inline)) vec limited(vec v)
{
    return v_min(v_max(v, v_all(-16000)), v_all(16000));
}

static inline __attribute__((always_inline)) vec combed(vec own, vec above, int share)
{
    vec step = v_sub(above, own);
    return v_add(own, share == COMB_QUARTER ? v_shr(v_add(step, v_all(2)), 2) : v_shr(v_add(step, v_all(1)), 1));
}

/* Neighbours at even distances (to NEAR) come from the vectors before and after, in registers; the others are loaded: units do both at the same time, and loads that
 * straddle cache lines are dear. Two sums, so that one addition need not wait for the other. Without above there is no comb, without noise no noise. */
static inline __attribute__((always_inline)) void fir(const int16_t *from, int16_t *to, int n, const int16_t *taps, int half, int16_t *above, int share, const int16_t *noise, int16_t gain)
{
    const vec bias = v_all((int16_t)(half / 2)), g = v_all(gain);
    vec k[CHROMA_HALF + 1], near[CHROMA_HALF / 2 + 1][2], before = v_load(from - LANES), now = v_load(from);
#pragma GCC unroll 13
    for (int j = 0; j <= half; j++)
        k[j] = v_all(taps[j]);
    for (int i = 0; i < n; i += LANES) {
        const int16_t *at = from + i;
        vec after = v_load(at + LANES);
        v_neighbours(near, before, now, after);
        vec even = v_add(bias, v_mulh(v_add(now, now), k[0])), odd = v_mulh(v_add(v_load(at - 1), v_load(at + 1)), k[1]);
#pragma GCC unroll 8
        for (int j = 2; j <= half; j += 2) {
            even = v_add(even, v_mulh(j <= NEAR ? v_add(near[j / 2][0], near[j / 2][1]) : v_add(v_load(at - j), v_load(at + j)), k[j]));
            if (j + 1 <= half)
                odd = v_add(odd, v_mulh(v_add(v_load(at - j - 1), v_load(at + j + 1)), k[j + 1]));
        }
        vec sum = v_add(even, odd);
        if (above) {
            vec own = sum;
            sum = combed(own, v_load(above + i), share);
            v_store(above + i, own);
        }
        if (noise)
            sum = limited(v_add(sum, v_mulh(v_load(noise + i), g)));
        v_store(to + i, sum);
        before = now, now = after;
    }
}

static void line_fir(const int16_t *restrict from, int16_t *restrict to, int n, const int16_t *restrict k, int half)
{
    if (half == LUMA_HALF)
        fir(from, to, n, k, LUMA_HALF, NULL, 0, NULL, 0);
    else
        fir(from, to, n, k, CHROMA_HALF, NULL, 0, NULL, 0);
}

static __attribute__((nonnull)) void line_fir_noise(const int16_t *restrict from, int16_t *restrict to, int n, const int16_t *restrict k, const int16_t *restrict noise, int16_t gain)
{
    fir(from, to, n, k, LUMA_HALF, NULL, 0, noise, gain);
}

static __attribute__((nonnull)) void line_fir_comb_noise(const int16_t *restrict from, int16_t *restrict to, int16_t *restrict above, int n, int share, const int16_t *restrict k,
    const int16_t *restrict noise, int16_t gain)
{
    if (share == COMB_QUARTER)
        fir(from, to, n, k, CHROMA_HALF, above, COMB_QUARTER, noise, gain);
    else
        fir(from, to, n, k, CHROMA_HALF, above, COMB_HALF, noise, gain);
}

static void line_noise(int16_t *restrict line, const int16_t *restrict noise, int n, int16_t gain)
{
    const vec g = v_all(gain);
    for (int i = 0; i < n; i += LANES)
        v_store(line + i, limited(v_add(v_load(line + i), v_mulh(v_load(noise + i), g))));
}

static void line_peak(const int16_t *restrict from, int16_t *restrict to, int n, int16_t gain_q15, int times)
{
    const vec g = v_all(gain_q15);
    for (int i = 0; i < n; i += LANES) {
        vec x = v_load(from + i), twice = v_adds(v_subs(x, v_load(from + i - 2)), v_subs(x, v_load(from + i + 2))), part = v_mulh(twice, g), sum = part;
        for (int k = 1; k < times; k++)
            sum = v_adds(sum, part);
        v_store(to + i, limited(v_adds(x, sum)));
    }
}

static inline __attribute__((always_inline)) vec shifted_at(const int16_t *from, const vec k[4])
{
    vec a = v_add(v_mulhr(v_load(from - 1), k[0]), v_mulhr(v_load(from), k[1])), b = v_add(v_mulhr(v_load(from + 1), k[2]), v_mulhr(v_load(from + 2), k[3]));
    return v_add(a, b);
}

static void line_shift(const int16_t *restrict from, int16_t *restrict to, int n, const int16_t k[4])
{
    const vec w[4] = { v_all(k[0]), v_all(k[1]), v_all(k[2]), v_all(k[3]) };
    for (int i = 0; i < n; i += LANES)
        v_store(to + i, shifted_at(from + i, w));
}

static void line_shift_narrow(const int16_t *restrict from, uint8_t *restrict to, int n, const int16_t k[4], int zero)
{
    const vec w[4] = { v_all(k[0]), v_all(k[1]), v_all(k[2]), v_all(k[3]) }, z = v_all((int16_t)zero);
    if (n < LANES) {
        signal_kernels_scalar.shift_narrow(from, to, n, k, zero);
        return;
    }
    for (int i = 0; i <= n - LANES; i += LANES)
        v_narrow(to + i, to_code(shifted_at(from + i, w), z));
    v_narrow(to + n - LANES, to_code(shifted_at(from + n - LANES, w), z));
}

static void line_comb(int16_t *restrict line, int16_t *restrict above, int n, int share)
{
    for (int i = 0; i < n; i += LANES) {
        vec own = v_load(line + i);
        v_store(line + i, combed(own, v_load(above + i), share));
        v_store(above + i, own);
    }
}

static inline __attribute__((always_inline)) vec eightfold(vec v)
{
    vec twice = v_adds(v, v), four = v_adds(twice, twice);
    return v_adds(four, four);
}

static void line_turn(int16_t *restrict u, int16_t *restrict v, int n, const struct signal_turn *t)
{
    const vec turn_all = v_all(t->turn_q15), grow_all = v_all(t->grow_q15), turn_gain = v_all(t->turn_gain_q13), grow_gain = v_all(t->grow_gain_q13);
    for (int i = 0; i < n; i += LANES) {
        vec turn = v_adds(turn_all, eightfold(v_mulh(v_load(t->turn_noise + i), turn_gain)));
        vec grow = v_adds(grow_all, eightfold(v_mulh(v_load(t->grow_noise + i), grow_gain)));
        vec a = v_load(u + i), b = v_load(v + i), a2 = v_shl(a, 1), b2 = v_shl(b, 1);
        v_store(u + i, v_sub(v_add(a, v_mulh(a2, grow)), v_mulh(b2, turn)));
        v_store(v + i, v_add(v_add(b, v_mulh(b2, grow)), v_mulh(a2, turn)));
    }
}

static void line_scale(int16_t *restrict line, int n, int16_t gain_q8)
{
    const vec g = v_all((int16_t)(gain_q8 << 7));
    for (int i = 0; i < n; i += LANES)
        v_store(line + i, v_mulh(v_shl(v_load(line + i), 1), g));
}

static void line_snow(int16_t *restrict line, const uint8_t *restrict snow, const int16_t *restrict torn, int n, int16_t amount_q8)
{
    const vec taper = v_all((int16_t)(VCR_MIN(amount_q8, 256 - amount_q8) * 255)), whole = v_all(amount_q8), none = v_all(0), all = v_all(255);
    for (int i = 0; i < n; i += LANES) {
        vec m = v_min(v_max(v_add(whole, v_mulh(v_load(torn + i), taper)), none), all), own = v_load(line + i);
        vec more = v_subs(v_shl(v_sub(v_widen(snow + i), v_all(16)), LINE_SHIFT), own);
        v_store(line + i, v_add(own, v_mulh(v_adds(more, more), v_shl(m, 7))));
    }
}

/* Two steps of a decaying mean, the first of samples 1 apart, the second 4, of which the earlier ones are in registers still. */
struct steps {
    vec near[4], far[4]; /* weights */
    vec last, before;    /* of the first step: the vectors before */
};
static inline __attribute__((always_inline)) void steps_begin(struct steps *s, const int16_t near[4], const int16_t far[4])
{
    for (int i = 0; i < 4; i++) {
        s->near[i] = v_all(near[i]);
        s->far[i] = v_all(far[i]);
    }
    s->last = s->before = v_all(0);
}

static inline __attribute__((always_inline)) vec step_near(const struct steps *s, vec a, vec b, vec c, vec d)
{
    return v_add(v_add(v_mulhr(a, s->near[0]), v_mulhr(b, s->near[1])), v_add(v_mulhr(c, s->near[2]), v_mulhr(d, s->near[3])));
}

static inline __attribute__((always_inline)) vec step_far(struct steps *s, vec now)
{
    vec beside[CHROMA_HALF / 2 + 1][2], earlier[CHROMA_HALF / 2 + 1][2], at12;
    v_neighbours(beside, s->last, now, now);
    if (LANES == 8) {
        v_neighbours(earlier, s->before, s->last, s->last);
        at12 = earlier[2][0];
    } else
        at12 = beside[6][0];
    vec a = v_add(v_mulhr(now, s->far[0]), v_mulhr(beside[2][0], s->far[1])), b = v_add(v_mulhr(beside[4][0], s->far[2]), v_mulhr(at12, s->far[3]));
    s->before = s->last;
    s->last = now;
    return v_add(a, b);
}

static inline __attribute__((always_inline)) vec quarter(const int16_t *p) { return v_shr(v_load(p), 2); }

/* What clips; false where nothing does. */
static inline bool cut_off(const int16_t *line, int16_t *cut, int n, const struct signal_emphasis *e)
{
    const vec white = v_all(e->white), dark = v_all(e->dark);
    vec any = v_all(0);
    struct steps s;
    steps_begin(&s, e->fast[0], e->fast[1]);
    for (int i = LANES == 8 ? -2 * LANES : -LANES; i < n; i += LANES) {
        const int16_t *at = line + i - 1;
        vec mean = step_far(&s, step_near(&s, quarter(at), quarter(at - 1), quarter(at - 2), quarter(at - 3)));
        if (i < 0)
            continue;
        vec v = v_sub(v_and(v_load(line + i), v_all(~3)), v_add(mean, v_add(mean, mean))), off = v_sub(v_min(v_max(v, dark), white), v);
        v_store(cut + i, off);
        any = v_or(any, off);
    }
    return v_any(any);
}

enum { STREAK = 1 + 3 * (1 + 4 + 16) + CLIP_REACH }; /* samples that one that clips is seen in, behind it */
static void line_clip(int16_t *restrict line, int16_t *const scratch[CLIP_SCRATCH], int n, const struct signal_emphasis *e)
{
    const vec w[4] = { v_all(e->slow[2][0]), v_all(e->slow[2][1]), v_all(e->slow[2][2]), v_all(e->slow[2][3]) }, w0 = v_all(e->slow[3][0]), w1 = v_all(e->slow[3][1]), none = v_all(0);
    int16_t *cut = scratch[0], *a = scratch[1], *b = scratch[2];
    struct steps s;
    if (!cut_off(line, cut, n, e))
        return;
    /* from the first vector of it to where the last one's streak has come to nothing */
    int first = 0, end = (n - 1) / LANES * LANES;
    while (!v_any(v_load(cut + first)))
        first += LANES;
    while (!v_any(v_load(cut + end)))
        end -= LANES;
    end = VCR_MIN(end + LANES + STREAK, n);
    for (int i = -CLIP_REACH; i < 0; i += LANES) {
        if (first < CLIP_REACH)
            v_store(cut + i, none);
        v_store(a + first + i, none);
        v_store(b + first + i, none);
    }
    steps_begin(&s, e->slow[0], e->slow[1]);
    for (int i = first; i < end; i += LANES) {
        const int16_t *at = cut + i - 1;
        v_store(b + i, step_far(&s, step_near(&s, v_load(at), v_load(at - 1), v_load(at - 2), v_load(at - 3))));
    }
    for (int i = first; i < end; i += LANES) {
        vec wide = v_add(v_add(v_mulhr(v_load(b + i), w[0]), v_mulhr(v_load(b + i - 16), w[1])), v_add(v_mulhr(v_load(b + i - 32), w[2]), v_mulhr(v_load(b + i - 48), w[3])));
        v_store(a + i, wide);
        vec mean = v_add(v_mulhr(wide, w0), v_mulhr(v_load(a + i - CLIP_REACH), w1));
        v_store(line + i, v_adds(v_adds(v_load(line + i), v_load(cut + i)), v_adds(mean, v_adds(mean, mean))));
    }
}

static void line_edges(int16_t *line, int n)
{
    const vec left = v_all(line[0]), right = v_all(line[n - 1]), blank = v_all(0);
    for (int i = 0; i < EDGE; i += LANES) {
        v_store(line - EDGE + i, left);
        v_store(line + n + i, right);
        v_store(line + n + EDGE + i, blank);
    }
}

const struct signal_kernels KERNELS = {
    .widen = line_widen, .narrow = line_narrow, .fir = line_fir, .noise = line_noise, .peak = line_peak, .shift = line_shift,
    .comb = line_comb, .turn = line_turn, .scale = line_scale, .snow = line_snow, .edges = LANES <= EDGE ? line_edges : NULL, .clip = line_clip,
    .fir_noise = line_fir_noise, .fir_comb_noise = line_fir_comb_noise, .shift_narrow = line_shift_narrow,
};
