/* signal/kernels_avx2.c - sixteen samples at a time. */
#include <immintrin.h>

#include "signal/kernels.h"

typedef __m256i vec;
#define LANES 16
#define NEAR 12
#define KERNELS signal_kernels_avx2
#define v_load(p) _mm256_loadu_si256((const __m256i *)(p))
#define v_store(p, v) _mm256_storeu_si256((__m256i *)(p), v)
#define v_all(x) _mm256_set1_epi16(x)
#define v_add _mm256_add_epi16
#define v_sub _mm256_sub_epi16
#define v_adds _mm256_adds_epi16
#define v_subs _mm256_subs_epi16
#define v_min _mm256_min_epi16
#define v_max _mm256_max_epi16
#define v_and _mm256_and_si256
#define v_or _mm256_or_si256
#define v_any(v) !_mm256_testz_si256(v, v)
#define v_mulhr _mm256_mulhrs_epi16
#define v_mulh _mm256_mulhi_epi16
#define v_shr _mm256_srai_epi16
#define v_shl _mm256_slli_epi16
#define v_widen(p) _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(p)))
static inline void v_narrow(uint8_t *p, vec v)
{
    _mm_storeu_si128((__m128i *)p, _mm_packus_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
}
static inline __attribute__((always_inline)) void v_neighbours(vec near[][2], vec before, vec now, vec after)
{
    vec left = _mm256_permute2x128_si256(before, now, 0x21), right = _mm256_permute2x128_si256(now, after, 0x21);
    near[1][0] = _mm256_alignr_epi8(now, left, 12), near[1][1] = _mm256_alignr_epi8(right, now, 4);
    near[2][0] = _mm256_alignr_epi8(now, left, 8), near[2][1] = _mm256_alignr_epi8(right, now, 8);
    near[3][0] = _mm256_alignr_epi8(now, left, 4), near[3][1] = _mm256_alignr_epi8(right, now, 12);
    near[4][0] = left, near[4][1] = right;
    near[5][0] = _mm256_alignr_epi8(left, before, 12), near[5][1] = _mm256_alignr_epi8(after, right, 4);
    near[6][0] = _mm256_alignr_epi8(left, before, 8), near[6][1] = _mm256_alignr_epi8(after, right, 8);
}
#include "signal/kernels_vector.h"
