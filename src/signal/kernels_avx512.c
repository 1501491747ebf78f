/* signal/kernels_avx512.c - thirty-two samples at a time (AVX-512BW). */
#include <immintrin.h>

#include "signal/kernels.h"

typedef __m512i vec;
#define LANES 32
#define NEAR 12
#define KERNELS signal_kernels_avx512
#define v_load(p) _mm512_loadu_si512(p)
#define v_store(p, v) _mm512_storeu_si512(p, v)
#define v_all(x) _mm512_set1_epi16(x)
#define v_add _mm512_add_epi16
#define v_sub _mm512_sub_epi16
#define v_adds _mm512_adds_epi16
#define v_subs _mm512_subs_epi16
#define v_min _mm512_min_epi16
#define v_max _mm512_max_epi16
#define v_and _mm512_and_si512
#define v_or _mm512_or_si512
#define v_any(v) (_mm512_test_epi16_mask(v, v) != 0)
#define v_mulhr _mm512_mulhrs_epi16
#define v_mulh _mm512_mulhi_epi16
#define v_shr _mm512_srai_epi16
#define v_shl _mm512_slli_epi16
#define v_widen(p) _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(p)))
static inline void v_narrow(uint8_t *p, vec v)
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtusepi16_epi8(_mm512_max_epi16(v, _mm512_setzero_si512())));
}
static inline __attribute__((always_inline)) void v_neighbours(vec near[][2], vec before, vec now, vec after)
{
    near[1][0] = _mm512_alignr_epi32(now, before, 15), near[1][1] = _mm512_alignr_epi32(after, now, 1);
    near[2][0] = _mm512_alignr_epi32(now, before, 14), near[2][1] = _mm512_alignr_epi32(after, now, 2);
    near[3][0] = _mm512_alignr_epi32(now, before, 13), near[3][1] = _mm512_alignr_epi32(after, now, 3);
    near[4][0] = _mm512_alignr_epi32(now, before, 12), near[4][1] = _mm512_alignr_epi32(after, now, 4);
    near[5][0] = _mm512_alignr_epi32(now, before, 11), near[5][1] = _mm512_alignr_epi32(after, now, 5);
    near[6][0] = _mm512_alignr_epi32(now, before, 10), near[6][1] = _mm512_alignr_epi32(after, now, 6);
}
#include "signal/kernels_vector.h"
