/* bench/bench_signal.h - what the two halves of bench_signal share. */
#pragma once
#include <time.h>

#include "base/util.h"

static inline double bench_cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* bench_signal_kernels.c: a row for each kernel. */
void bench_kernels(void);
