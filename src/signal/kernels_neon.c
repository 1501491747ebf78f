/* signal/kernels_neon.c - eight samples at a time (AArch64). */
#include <arm_neon.h>

#include "signal/kernels.h"

typedef int16x8_t vec;
#define LANES 8
#define NEAR 8
#define KERNELS signal_kernels_neon
#define v_load(p) vld1q_s16(p)
#define v_store(p, v) vst1q_s16(p, v)
#define v_all(x) vdupq_n_s16(x)
#define v_add vaddq_s16
#define v_sub vsubq_s16
#define v_adds vqaddq_s16
#define v_subs vqsubq_s16
#define v_min vminq_s16
#define v_max vmaxq_s16
#define v_shr vshrq_n_s16
#define v_shl vshlq_n_s16
#define v_widen(p) vreinterpretq_s16_u16(vmovl_u8(vld1_u8(p)))
#define v_narrow(p, v) vst1_u8(p, vqmovun_s16(v))
#define v_and vandq_s16
#define v_or vorrq_s16
#define v_any(v) (vmaxvq_u16(vreinterpretq_u16_s16(v)) != 0)
#define v_mulhr vqrdmulhq_s16
static inline vec v_mulh(vec a, vec b)
{
    int32x4_t low = vmull_s16(vget_low_s16(a), vget_low_s16(b)), high = vmull_high_s16(a, b);
    return vuzp2q_s16(vreinterpretq_s16_s32(low), vreinterpretq_s16_s32(high));
}
static inline __attribute__((always_inline)) void v_neighbours(vec near[][2], vec before, vec now, vec after)
{
    near[1][0] = vextq_s16(before, now, 6), near[1][1] = vextq_s16(now, after, 2);
    near[2][0] = vextq_s16(before, now, 4), near[2][1] = vextq_s16(now, after, 4);
    near[3][0] = vextq_s16(before, now, 2), near[3][1] = vextq_s16(now, after, 6);
    near[4][0] = before, near[4][1] = after;
}
#include "signal/kernels_vector.h"
