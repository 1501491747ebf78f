/* bench/bench_signal.c - frames a second of one thread, by stage set. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "row.h"
#include "signal/signal.h"

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(void)
{
    enum { W = 720, H = 480, FRAMES = 200, BYTES = W * H * 3 / 2 };
    static uint8_t m[2][BYTES];
    static const struct { const char *what, *profile; int32_t rate; enum signal_kind kind; enum bench_must must; double limit; } set[] = {
        { "family play", "family", 65536, SIGNAL_TAPE, BENCH_AT_LEAST, 2000 }, { "good play", "good", 65536, SIGNAL_TAPE, BENCH_SHOWN, 0 }, { "rental play", "rental", 65536, SIGNAL_TAPE, BENCH_SHOWN, 0 },
        { "family cue", "family", 5 * 65536, SIGNAL_TAPE, BENCH_SHOWN, 0 }, { "identity", NULL, 65536, SIGNAL_TAPE, BENCH_SHOWN, 0 }, { "blue", "family", 0, SIGNAL_BLUE, BENCH_SHOWN, 0 },
        { "snow", "family", 0, SIGNAL_SNOW, BENCH_SHOWN, 0 } };
    struct picture p[2];
    char name[64];
    for (int i = 0; i < 2; i++)
        p[i] = (struct picture) { W, H, { m[i], m[i] + W * H, m[i] + W * H * 5 / 4 }, { W, W / 2, W / 2 } };
    for (int i = 0; i < BYTES; i++)
        m[0][i] = (uint8_t)(16 + i * 7 % 200);
    struct signal *s;
    if (signal_open(&s, SIGNAL_NTSC, W, H, 42, NULL))
        return 1;
    for (size_t k = 0; k < sizeof(set) / sizeof(set[0]); k++) {
        const struct signal_profile none = { .name = "none" };
        const struct picture *from[1] = { &p[0] };
        signal_set_profile(s, set[k].profile ? signal_profile_by_name(set[k].profile) : &none);
        double fps[BENCH_ROUNDS];
        for (int round = 0; round < BENCH_ROUNDS; round++) {
            double t = cpu_seconds();
            for (int i = 0; i < FRAMES; i++) {
                struct signal_field f = { .kind = set[k].kind, .tape_us = i * 33367, .rate = set[k].rate, .lock_q16 = 65536, .field_index = i };
                signal_render(s, &f, from, 1, &p[1]);
            }
            fps[round] = FRAMES / (cpu_seconds() - t);
        }
        snprintf(name, sizeof(name), "emulation, %s, one core", set[k].what);
        bench_row(&(struct bench_row) { name, "frames/s", bench_median(fps), NULL, NULL, 0, set[k].must, set[k].limit });
    }
    signal_close(&s);
    return 0;
}
