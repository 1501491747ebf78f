/* bench/bench_make.c - what segments on demand cost: CPU a second of film, the reels of a two-hour tape opened for each segment, as vcr-render --make does it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/util.h"
#include "media/decode.h"
#include "render/make.h"
#include "row.h"
#include "tape.h"

enum { SEGMENTS = 4 };
static const struct kind {
    const char *name;
    struct make_job job;
    double seconds;            /* of a segment */
    bool sound;
} kinds[] = {
    { "vhs, 59.94", { .kind = MAKE_TAPE_VIDEO, .field_rate = 1, .count = 120, .width = 720, .height = 480, .max_bps = 4000000, .look = "vhs" }, 2.002, false },
    { "vhs, 29.97", { .kind = MAKE_TAPE_VIDEO, .count = 60, .width = 720, .height = 480, .max_bps = 4000000, .look = "vhs" }, 2.002, false },
    { "vhs sound", { .kind = MAKE_TAPE_SOUND, .count = 94, .sound = 2, .max_bps = 128000, .look = "vhs" }, 94 * 1024 / 48000.0, true },
    { "240p of 720x480, 59.94", { .kind = MAKE_CLEAN_VIDEO, .count = 300, .width = 320, .height = 240, .max_bps = 500000 }, 5.005, false },
};

/* CPU seconds a second of film; *ret_mbit: what it has. */
static double cost(const struct tape *t, const struct kind *k, double *ret_mbit)
{
    uint64_t bytes = 0, all = 0;
    double before = tape_cpu_s();
    for (uint32_t n = 0; n < SEGMENTS; n++) {
        struct make_job j = k->job;
        struct vcr_why why;
        int fds[MAKE_FDS] = { memfd_create("segment", MFD_CLOEXEC), dup(t->fds[k->sound ? 2 : 0]), dup(t->fds[k->sound ? 3 : 1]) };
        j.number = n;
        j.first = n * j.count;
        j.seed = 7;
        tape_check(make_segment(&j, fds, NULL, &bytes, &why), &why);
        vcr_close(&fds[0]);
        all += bytes;
    }
    *ret_mbit = (double)all * 8 / 1e6 / (SEGMENTS * k->seconds);
    return (tape_cpu_s() - before) / (SEGMENTS * k->seconds);
}

int main(void)
{
    struct tape t;
    video_decoder_silence();
    tape_make(&t, true);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        double rounds[BENCH_ROUNDS], mbit = 0;
        char name[80], note[40];
        for (int r = 0; r < BENCH_ROUNDS; r++)
            rounds[r] = cost(&t, &kinds[i], &mbit);
        snprintf(name, sizeof(name), "segments on demand: %s, CPU a second of film", kinds[i].name);
        snprintf(note, sizeof(note), "%.2f Mbit/s", mbit);
        bench_row(&(struct bench_row){ .name = name, .unit = "s", .value = bench_median(rounds), .note = note });
    }
    return 0;
}
