/* bench/bench_signal.c - frames a second of one thread: by look and mode, by vector unit, and against a chain of three ffmpeg filters on the same clip; sound;
 * then each kernel. CPU time, the best of several rounds that alternate. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_signal.h"
#include "row.h"
#include "signal/settings.h"
#include "signal/signal.h"

enum { W = 720, H = 480, CLIP = 24, FRAMES = 96, BYTES = W * H * 3 / 2, ROUNDS = 7 };
static uint8_t clip[CLIP][BYTES], out_bytes[BYTES];

static struct picture over(uint8_t *m)
{
    return (struct picture) { W, H, { m, m + W * H, m + W * H * 5 / 4 }, { W, W / 2, W / 2 } };
}

/* Bars that move over a ramp and some texture. */
static void draw_clip(void)
{
    uint32_t noise = 1;
    for (int k = 0; k < CLIP; k++)
        for (int i = 0; i < BYTES; i++) {
            noise = noise * 1664525 + 1013904223;
            int x = i % W, bar = ((x + 8 * k) / 60 & 1) * 90;
            clip[k][i] = (uint8_t)(i < W * H ? 30 + x * 90 / W + bar + (int)(noise >> 29) : 90 + (x + 4 * k) / 40 % 8 * 10);
        }
}

struct look {
    const char *what, *profile; /* NULL: nothing on */
    int32_t rate;
    enum signal_kind kind;
    enum signal_isa isa;
    enum bench_must must;
    double limit;
};

static double seconds_of(struct signal *s, const struct look *l)
{
    struct signal_profile profile = { .name = "none" };
    if (l->profile && signal_profile_load(&profile, l->profile, SIGNAL_NTSC, 0, NULL))
        exit(1);
    signal_set_profile(s, &profile);
    struct picture out = over(out_bytes), in[CLIP];
    for (int i = 0; i < CLIP; i++)
        in[i] = over(clip[i]);
    double t = bench_cpu_seconds();
    for (int i = 0; i < FRAMES; i++) {
        const struct picture *from[SIGNAL_BANDS_MAX];
        int64_t place[SIGNAL_BANDS_MAX];
        struct signal_field f = { .kind = l->kind, .tape_us = (int64_t)i * 33367 * l->rate / 65536, .rate = l->rate, .lock_q16 = 65536, .field_index = i };
        int n = l->kind == SIGNAL_TAPE ? signal_bands(s, &f, place) : 1;
        for (int b = 0; b < n; b++)
            from[b] = &in[(i + b) % CLIP];
        signal_render(s, &f, from, n, &out);
    }
    return (bench_cpu_seconds() - t) / FRAMES;
}

static void pictures(struct signal *s, double *ret_family_fps)
{
    const enum signal_isa best = signal_isa_best();
    const struct look looks[] = {
        { "family play", "family", 65536, SIGNAL_TAPE, best, BENCH_AT_LEAST, 2000 }, { "good play", "good", 65536, SIGNAL_TAPE, best, BENCH_SHOWN, 0 },
        { "rental play", "rental", 65536, SIGNAL_TAPE, best, BENCH_SHOWN, 0 }, { "family cue", "family", 5 * 65536, SIGNAL_TAPE, best, BENCH_SHOWN, 0 },
        { "family still", "family", 0, SIGNAL_TAPE, best, BENCH_SHOWN, 0 }, { "nothing on", NULL, 65536, SIGNAL_TAPE, best, BENCH_SHOWN, 0 },
        { "blue", "family", 0, SIGNAL_BLUE, best, BENCH_SHOWN, 0 }, { "snow", "family", 0, SIGNAL_SNOW, best, BENCH_SHOWN, 0 },
        { "family play, scalar", "family", 65536, SIGNAL_TAPE, SIGNAL_SCALAR, BENCH_SHOWN, 0 },
        { "family play, sse2", "family", 65536, SIGNAL_TAPE, SIGNAL_SSE2, BENCH_AT_LEAST, 250 },
        { "family play, ssse3", "family", 65536, SIGNAL_TAPE, SIGNAL_SSSE3, BENCH_AT_LEAST, 500 },
        { "family play, avx2", "family", 65536, SIGNAL_TAPE, SIGNAL_AVX2, BENCH_AT_LEAST, 2000 },
        { "family play, avx512", "family", 65536, SIGNAL_TAPE, SIGNAL_AVX512, BENCH_SHOWN, 0 },
        { "family play, neon", "family", 65536, SIGNAL_TAPE, SIGNAL_NEON, BENCH_SHOWN, 0 },
    };
    double least[ARRAY_LEN(looks)] = { 0 };
    for (int round = 0; round < ROUNDS; round++)
        for (size_t k = 0; k < ARRAY_LEN(looks); k++) {
            if (signal_set_isa(s, looks[k].isa, NULL))
                continue;
            double t = seconds_of(s, &looks[k]);
            least[k] = least[k] > 0 && least[k] < t ? least[k] : t;
        }
    for (size_t k = 0; k < ARRAY_LEN(looks); k++) {
        char name[64];
        snprintf(name, sizeof(name), "emulation, %s, one core", looks[k].what);
        if (least[k] > 0)
            bench_row(&(struct bench_row) { name, "frames/s", 1 / least[k], k ? NULL : signal_isa_name(best), NULL, 0, looks[k].must, looks[k].limit });
    }
    *ret_family_fps = 1 / least[0];
}

/* CPU seconds that ffmpeg says it took; below zero: it did not run. */
static double ffmpeg_seconds(const char *file, const char *filters)
{
    char command[512], line[512];
    double seconds = -1;
    snprintf(command, sizeof(command),
        "ffmpeg -hide_banner -nostdin -benchmark -threads 1 -filter_threads 1 -f rawvideo -video_size %dx%d -pixel_format yuv420p -stream_loop 7 -i %s -vf %s -f null - 2>&1", W, H, file,
        filters);
    FILE *p = popen(command, "r");
    while (p && fgets(line, sizeof(line), p)) {
        double user, system;
        if (sscanf(line, "bench: utime=%lfs stime=%lfs", &user, &system) == 2)
            seconds = user + system;
    }
    return p && pclose(p) == 0 ? seconds : -1;
}

/* A chain that looks a little like a tape, of filters that exist; what reading the clip costs is taken off. */
static void against_ffmpeg(double family_fps)
{
    static const char kernel[] = "1 2 3 2 1";
    char chain[256], file[] = "/tmp/bench_signal_XXXXXX";
    snprintf(chain, sizeof(chain), "\"noise=alls=8:allf=t,chromashift=cbh=2:crh=2,convolution='%s':'%s':'%s':'%s':1/9:1/9:1/9:1/9:0:0:0:0:row:row:row:row'\"", kernel, kernel,
        kernel, kernel);
    int fd = mkstemp(file);
    if (fd < 0)
        return;
    double least[2] = { 1e9, 1e9 };
    if (write(fd, clip, sizeof(clip)) == (ssize_t)sizeof(clip))
        for (int round = 0; round < 3; round++)
            for (int k = 0; k < 2; k++) {
                double t = ffmpeg_seconds(file, k ? chain : "null");
                least[k] = t < least[k] ? t : least[k];
            }
    close(fd);
    unlink(file);
    if (least[0] < 0 || least[1] <= least[0]) {
        puts("no ffmpeg here: no ratio to its filters");
        return;
    }
    bench_row(&(struct bench_row) { "emulation, family play, and ffmpeg", "frames/s", family_fps, NULL, "ffmpeg noise+chromashift+convolution", 8 * CLIP / (least[1] - least[0]),
        BENCH_SHOWN, 0 });
}

/* Percent of one core that the sound of one tape takes, every stage on. */
static double sound_percent(const struct signal_profile *p, int generation)
{
    enum { CHUNK = 960, SECONDS = 10 };
    static int16_t in[CHUNK * 2], out[CHUNK * 2];
    struct signal_audio *a;
    if (signal_audio_open(&a, SIGNAL_NTSC, 42, NULL))
        exit(1);
    signal_audio_set_profile(a, p);
    signal_audio_set_generation(a, generation);
    for (int i = 0; i < CHUNK * 2; i++)
        in[i] = (int16_t)(i / 2 % 48 * 800 - 19200);
    double t = bench_cpu_seconds();
    for (int64_t i = 0; i < SECONDS * 50; i++)
        signal_audio_render(a, SIGNAL_SOUND_HIFI, i * 20000, in, out, CHUNK);
    t = bench_cpu_seconds() - t;
    signal_audio_close(&a);
    return 100 * t / SECONDS;
}

static void sound_rows(void)
{
    static const struct { const char *what; enum signal_audio_track track; int generation; enum bench_must must; } set[] = {
        { "sound, both tracks with every stage", SIGNAL_TRACK_AUTO, 0, BENCH_BELOW }, { "sound, linear track", SIGNAL_TRACK_LINEAR, 0, BENCH_SHOWN },
        { "sound, Hi-Fi track", SIGNAL_TRACK_HIFI, 0, BENCH_SHOWN }, { "sound, both tracks, generation 5", SIGNAL_TRACK_AUTO, 5, BENCH_SHOWN } };
    for (size_t k = 0; k < ARRAY_LEN(set); k++) {
        struct signal_profile p;
        double percent[BENCH_ROUNDS];
        if (signal_profile_load(&p, "rental", SIGNAL_NTSC, 0, NULL))
            exit(1);
        p.audio_track = (uint8_t)set[k].track;
        for (int round = 0; round < BENCH_ROUNDS; round++)
            percent[round] = sound_percent(&p, set[k].generation);
        bench_row(&(struct bench_row) { set[k].what, "% of a core", bench_median(percent), NULL, NULL, 0, set[k].must, 0.5 });
    }
}

int main(void)
{
    struct signal *s;
    double family_fps;
    draw_clip();
    if (signal_open(&s, SIGNAL_NTSC, W, H, 42, NULL))
        return 1;
    pictures(s, &family_fps);
    signal_close(&s);
    sound_rows();
    against_ffmpeg(family_fps);
    bench_kernels();
    return 0;
}
