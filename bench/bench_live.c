/* bench_live.c - what a live programme costs: its packets made into parts, its lists, its memory; and a recording of it: durable fragments, and what a kill would lose.
 *
 * Usage: bench_live [FOLDER]   (the folder's disk is what is measured; default: the present one). 3 Mbit/s of picture at 30, a key frame a second, AAC and Opus. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "deliver/live/programme.h"
#include "row.h"

enum { RATE = 30, SECONDS = 120, PICTURE = 3000000 / 8 / RATE, LISTS = 2000, RECORDED = 60 };

static struct programmes *set;
static struct programme *programme;
static int64_t now_us, sound_us, opus_us;
static uint8_t picture[PICTURE + 64];

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void give(enum programme_track track, const uint8_t *data, size_t len, int64_t pts_us, bool key)
{
    struct packet p = { .track = track == PROGRAMME_VIDEO ? PACKET_VIDEO : PACKET_AUDIO, .flags = key ? PACKET_KEY : 0, .pts_us = pts_us, .len = len, .data = data };
    if (programme_packet(programme, track, &p, NULL) != VCR_OK)
        exit(1);
}

static void play(int seconds)
{
    static const uint8_t sets[] = { 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0x95, 0xa0, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 0, 1, 0x65 };
    static uint8_t sound[400];
    for (int n = 0; n < seconds * RATE; n++, now_us += 1000000 / RATE) {
        bool key = n % RATE == 0;
        for (; sound_us <= now_us; sound_us += 21333)
            give(PROGRAMME_AAC, sound, 340, sound_us, true);
        for (; opus_us <= now_us; opus_us += 20000)
            give(PROGRAMME_OPUS, sound, 240, opus_us, true);
        memset(picture, 0x55, sizeof(picture));
        memcpy(picture, key ? sets : (const uint8_t[]){ 0, 0, 0, 1, 0x41 }, key ? sizeof(sets) : 5);
        give(PROGRAMME_VIDEO, picture, PICTURE, now_us, key);
    }
}

static size_t got;
static void on_answer(struct programme_request *r, const struct programme_answer *a) { got += a->len; }

static void ask(enum programme_want want, bool skip)
{
    struct programme_request r = { .want = want, .msn = -1, .part = -1, .skip = skip, .done = on_answer };
    programme_get(programme, &r);
}

static void bench_window(void)
{
    char note[80];
    struct programmes_counts c;
    double begun = cpu_s();
    play(SECONDS);
    double used = cpu_s() - begun;
    programmes_counts(set, &c);
    bench_row(&(struct bench_row){ .name = "a live programme of 3 Mbit/s made into parts", .unit = "core", .value = used / SECONDS, .must = BENCH_BELOW, .limit = 0.02 });
    bench_row(&(struct bench_row){ .name = "its window in memory", .unit = "MiB", .value = (double)c.memory_bytes / 1048576, .must = BENCH_BELOW, .limit = 32, .note = "38 s" });
    got = 0;
    begun = cpu_s();
    for (int i = 0; i < LISTS; i++)
        ask(PROGRAMME_GET_VIDEO_LIST, false);
    snprintf(note, sizeof(note), "%zu bytes, rendered once a part", got / LISTS);
    bench_row(&(struct bench_row){ .name = "its playlist", .unit = "us", .value = (cpu_s() - begun) / LISTS * 1e6, .note = note });
}

static const char *dir = ".";
static int file(const char *name)
{
    char path[300];
    snprintf(path, sizeof(path), "%.200s/bench-live-%s", dir, name);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    unlink(path);
    return fd;
}

static atomic_int over;
static void on_done(void *arg, const struct recorder_result *r) { atomic_store(&over, r->sealed ? 1 : -1); }

/* From a fragment's last picture until it is safe on the disk, three tracks and the journal. */
static void bench_record(void)
{
    struct recorder_files f = { .journal_fd = file("journal"), .done = on_done };
    static double took[RECORDED];
    for (int i = 0; i < RECORDER_TRACKS; i++) {
        f.track[i].fd = file("reel");
        f.track[i].index_fd = file("index");
    }
    if (programme_record_start(programme, &f, NULL) != VCR_OK)
        exit(1);
    play(1);
    for (int i = 0; i < RECORDED; i++) {
        int64_t begun = 0, before = programme_recorded_us(programme);
        play(1);
        begun = clock_mono_us();
        while (programme_recorded_us(programme) <= before && programme_recorded_us(programme) < (i + 1) * INT64_C(1000000))
            usleep(20);
        took[i] = (double)(clock_mono_us() - begun) / 1000;
    }
    programme_record_stop(programme);
    while (!atomic_load(&over))
        usleep(1000);
    qsort(took, RECORDED, sizeof(*took), bench_by_value);
    char note[60];
    snprintf(note, sizeof(note), "p50 %.2f, of %d fragments", took[RECORDED / 2], RECORDED);
    bench_row(&(struct bench_row){ .name = "a recorded fragment safe on the disk after its last picture, worst", .unit = "ms", .value = took[RECORDED - 1], .note = note });
    if (atomic_load(&over) < 0)
        exit(1);
}

int main(int argc, char **argv)
{
    struct programmes_config s = { 0 };
    struct programme_config c = { .id = "bench", .track = { true, true, true }, .width = 720, .height = 480, .channels = 2 };
    if (argc > 1)
        dir = argv[1];
    if (programmes_open(&set, &s, NULL) != VCR_OK || programme_open(set, &programme, &c, NULL) != VCR_OK)
        return 1;
    bench_window();
    bench_record();
    programme_close(&programme);
    programmes_close(&set);
    return 0;
}
