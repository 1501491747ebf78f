/* signal/kernels_ssse3.c - eight samples at a time. */
#include <tmmintrin.h>

#include "signal/kernels.h"

typedef __m128i vec;
#define LANES 8
#define NEAR 8
#define KERNELS signal_kernels_ssse3
#define v_load(p) _mm_loadu_si128((const __m128i *)(p))
#define v_store(p, v) _mm_storeu_si128((__m128i *)(p), v)
#define v_all(x) _mm_set1_epi16(x)
#define v_add _mm_add_epi16
#define v_sub _mm_sub_epi16
#define v_adds _mm_adds_epi16
#define v_subs _mm_subs_epi16
#define v_min _mm_min_epi16
#define v_max _mm_max_epi16
#define v_and _mm_and_si128
#define v_or _mm_or_si128
#define v_any(v) (_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_setzero_si128())) != 0xffff)
#define v_mulhr _mm_mulhrs_epi16
#define v_mulh _mm_mulhi_epi16
#define v_shr _mm_srai_epi16
#define v_shl _mm_slli_epi16
#define v_widen(p) _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)(p)), _mm_setzero_si128())
#define v_narrow(p, v) _mm_storel_epi64((__m128i *)(p), _mm_packus_epi16(v, v))
static inline __attribute__((always_inline)) void v_neighbours(vec near[][2], vec before, vec now, vec after)
{
    near[1][0] = _mm_alignr_epi8(now, before, 12), near[1][1] = _mm_alignr_epi8(after, now, 4);
    near[2][0] = _mm_alignr_epi8(now, before, 8), near[2][1] = _mm_alignr_epi8(after, now, 8);
    near[3][0] = _mm_alignr_epi8(now, before, 4), near[3][1] = _mm_alignr_epi8(after, now, 12);
    near[4][0] = before, near[4][1] = after;
}
#include "signal/kernels_vector.h"
