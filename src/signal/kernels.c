/* signal/kernels.c - which set of kernels this processor gets. */
#include <string.h>

#include "signal/kernels.h"

static const char *const names[SIGNAL_ISAS] = { "scalar", "sse2", "ssse3", "avx2", "avx512", "neon" };

const struct signal_kernels *signal_kernels_of(enum signal_isa isa)
{
    switch (isa) {
    case SIGNAL_SCALAR: return &signal_kernels_scalar;
#if defined(__x86_64__)
    case SIGNAL_SSE2: return &signal_kernels_sse2;
    case SIGNAL_SSSE3: return &signal_kernels_ssse3;
    case SIGNAL_AVX2: return &signal_kernels_avx2;
    case SIGNAL_AVX512: return &signal_kernels_avx512;
#elif defined(__aarch64__)
    case SIGNAL_NEON: return &signal_kernels_neon;
#endif
    default: return NULL;
    }
}

const char *signal_isa_name(enum signal_isa isa)
{
    return names[isa];
}

bool signal_isa_by_name(const char *name, enum signal_isa *ret)
{
    for (int i = 0; i < SIGNAL_ISAS; i++)
        if (!strcmp(name, names[i])) {
            *ret = (enum signal_isa)i;
            return true;
        }
    return false;
}

static bool processor_has(enum signal_isa isa)
{
    switch (isa) {
    case SIGNAL_SCALAR: return true;
#if defined(__x86_64__)
    case SIGNAL_SSE2: return true;
    case SIGNAL_SSSE3: return __builtin_cpu_supports("ssse3");
    case SIGNAL_AVX2: return __builtin_cpu_supports("avx2");
    case SIGNAL_AVX512: return __builtin_cpu_supports("avx512bw");
#elif defined(__aarch64__)
    case SIGNAL_NEON: return true;
#endif
    default: return false;
    }
}

bool signal_isa_here(enum signal_isa isa)
{
    return signal_kernels_of(isa) && processor_has(isa);
}

enum signal_isa signal_isa_best(void)
{
    int best = SIGNAL_ISAS - 1;
    while (!signal_isa_here((enum signal_isa)best))
        best--;
    return (enum signal_isa)best;
}

/* A table is nothing but pointers to functions. */
typedef void (*kernel)(void);
enum { KERNELS_IN_SET = sizeof(struct signal_kernels) / sizeof(kernel) };
_Static_assert(sizeof(struct signal_kernels) % sizeof(kernel) == 0, "only functions in the table");

void signal_kernels_choose(struct signal_kernels *ret, enum signal_isa most)
{
    for (int isa = SIGNAL_SCALAR; isa <= (int)most; isa++) {
        const struct signal_kernels *set = signal_kernels_of((enum signal_isa)isa);
        if (!signal_isa_here((enum signal_isa)isa))
            continue;
        for (size_t i = 0; i < KERNELS_IN_SET; i++) {
            kernel one;
            memcpy(&one, (const char *)set + i * sizeof(one), sizeof(one));
            if (one)
                memcpy((char *)ret + i * sizeof(one), &one, sizeof(one));
        }
    }
}
