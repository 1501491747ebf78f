/* bench/bench_signal_kernels.c - nanoseconds that each kernel takes for a line of 720 samples: the best vector unit against plain C, the others in the note. */
#include <stdio.h>

#include "bench_signal.h"
#include "row.h"
#include "signal/kernels.h"

enum { N = 720, ROUNDS = 7, TIMES = 2000, SPAN = 1024 + 2 * LINE_PAD };
static int16_t line[3][SPAN] __attribute__((aligned(64)));
static uint8_t bytes[2][SPAN];
static int16_t noise[1024];
static const int16_t taps[CHROMA_HALF + 1] = { 3000, 5000, 4000, 3000, 2000, 1000, 500, -200, -300, -200, -100, -50, 20 };

/* CALL: the arguments of one kernel over a, b, c (lines) and from, to (bytes). */
#define CALL(name, member, ...)                                \
    static void run_##name(const struct signal_kernels *k)     \
    {                                                          \
        int16_t *a = line[0] + LINE_PAD, *b = line[1] + LINE_PAD, *c = line[2] + LINE_PAD; \
        const uint8_t *from = bytes[0];                        \
        uint8_t *to = bytes[1];                                \
        (void)a, (void)b, (void)c, (void)from, (void)to;       \
        k->member(__VA_ARGS__);                                \
    }
CALL(widen, widen, from, a, N, 16)
CALL(narrow, narrow, a, to, N, 16)
CALL(fir17, fir, a, b, N, taps, LUMA_HALF)
CALL(fir25, fir, a, b, N, taps, CHROMA_HALF)
CALL(noise, noise, a, c, N, 3000)
CALL(peak, peak, a, b, N, 9000, 1)
CALL(shift, shift, a, b, N, taps)
CALL(comb, comb, a, b, N, COMB_QUARTER)
CALL(turn, turn, a, b, N, (&(struct signal_turn) { 500, 300, c, c, 700, 600 }))
CALL(scale, scale, a, N, 200)
CALL(snow, snow, a, from, c, N, 100)
CALL(edges, edges, a, N)
static int16_t room[3][SPAN] __attribute__((aligned(64)));
static int16_t *const scratch[CLIP_SCRATCH] = { room[0] + LINE_PAD, room[1] + LINE_PAD, room[2] + LINE_PAD };
static const struct signal_emphasis emphasis = { 1000, -1000, { { 14000, 9000, 6000, 3768 }, { 20000, 8000, 3000, 1768 } },
    { { 9000, 8500, 8000, 7268 }, { 10000, 9000, 8000, 5768 }, { 20000, 8000, 3000, 1768 }, { 30000, 2768, 0, 0 } } };
CALL(clip, clip, a, scratch, N, &emphasis)
CALL(fir_noise, fir_noise, a, b, N, taps, c, 3000)
CALL(fir_comb_noise, fir_comb_noise, a, b, line[2] + LINE_PAD, N, COMB_QUARTER, taps, noise, 3000)
CALL(shift_narrow, shift_narrow, a, to, N, taps, 16)

static const struct { const char *name; void (*run)(const struct signal_kernels *); } rows[] = {
    { "widen", run_widen }, { "narrow", run_narrow }, { "17-tap filter", run_fir17 }, { "25-tap filter", run_fir25 }, { "noise", run_noise }, { "peaking", run_peak },
    { "shift", run_shift }, { "comb", run_comb }, { "turn", run_turn }, { "scale", run_scale }, { "snow", run_snow }, { "edges", run_edges },
    { "emphasis and clip", run_clip }, { "17 taps and noise", run_fir_noise }, { "25 taps, comb and noise", run_fir_comb_noise }, { "shift and narrow", run_shift_narrow },
};

static double ns_of(void (*run)(const struct signal_kernels *), enum signal_isa isa)
{
    struct signal_kernels k = { 0 };
    double least = 1e9;
    signal_kernels_choose(&k, isa);
    for (int round = 0; round < ROUNDS; round++) {
        double t = bench_cpu_seconds();
        for (int i = 0; i < TIMES; i++)
            run(&k);
        t = (bench_cpu_seconds() - t) * 1e9 / TIMES;
        least = t < least ? t : least;
    }
    return least;
}

void bench_kernels(void)
{
    const enum signal_isa best = signal_isa_best();
    for (int i = 0; i < SPAN; i++)
        for (int b = 0; b < 3; b++)
            line[b][i] = (int16_t)(i * 7919 % 13000);
    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        char name[64], note[128] = "";
        int used = snprintf(note, sizeof(note), "%s", signal_isa_name(best));
        double value = ns_of(rows[r].run, best);
        for (int isa = SIGNAL_SCALAR + 1; isa < (int)best; isa++)
            if (signal_isa_here((enum signal_isa)isa))
                used += snprintf(note + used, sizeof(note) - (size_t)used, "; %s %.0f", signal_isa_name((enum signal_isa)isa), ns_of(rows[r].run, (enum signal_isa)isa));
        snprintf(name, sizeof(name), "kernel, %s, line of 720", rows[r].name);
        bench_row(&(struct bench_row) { name, "ns", value, note, "plain C", ns_of(rows[r].run, SIGNAL_SCALAR), BENCH_SHOWN, 0 });
    }
}
