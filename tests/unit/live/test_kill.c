/* test_kill.c - a recorder that is killed at any moment: at most one fragment is lost, and what is left can be decoded. VCR_LONG=1: 100 rounds, else 10; VCR_SEED repeats a run. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "record_kit.h"

enum { LIFE_US = 400000 };

struct shared {
    atomic_int whole;            /* fragments */
    sem_t begun;                 /* the first one is whole */
};

/* Plays and records until it is killed, no faster than the disk: each fragment is counted when it is whole, before it is on its way to the disk. */
static void child(const char *dir, struct shared *shared)
{
    struct kit k;
    struct recording r;
    kit_open(&k, "one");
    kit_film(&k);
    recording_init(&r, dir);
    struct recorder_files files = recording_files(&r, true);
    if (programme_record_start(k.p, &files, NULL) != VCR_OK)
        _exit(1);
    for (int64_t at_us = 0; at_us < INT64_C(3600000000); at_us += KIT_FRAME_US) {
        kit_picture(&k, at_us);
        if (k.frame % KIT_GOP != 1 || k.frame == 1)
            continue;
        int n = atomic_fetch_add(&shared->whole, 1) + 1;
        if (n == 1)
            sem_post(&shared->begun);
        if (!recording_reaches(&r, k.p, n * INT64_C(1000000))) /* in real time it has a second for that */
            _exit(2);
    }
}

static int decode(const char *dir, const char *track)
{
    char command[300];
    snprintf(command, sizeof(command), "ffmpeg -nostdin -v error -xerror -i %s/%s.mp4 -f null - >%s/log 2>&1 && test ! -s %s/log", dir, track, dir, dir);
    return system(command);
}

static void killed_at_any_moment(void **state)
{
    int rounds = getenv("VCR_LONG") && atoi(getenv("VCR_LONG")) ? 100 : 10;
    uint64_t seed = getenv("VCR_SEED") ? strtoull(getenv("VCR_SEED"), NULL, 10) : vcr_random_u64() % 1000000;
    static const char *const tracks[RECORDER_TRACKS] = { "clean", "audio", "opus" };
    struct shared *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char dir[64] = "/tmp/vcr-kill-XXXXXX", command[100];
    struct kit k = { 0 };
    assert_int_equal(sem_init(&shared->begun, 1, 0), 0);
    print_message("seed %llu\n", (unsigned long long)seed);
    assert_non_null(mkdtemp(dir));
    kit_film(&k); /* the children inherit it */
    srandom((unsigned)seed);
    int most = 0;
    for (int n = 0; n < rounds; n++) {
        atomic_store(&shared->whole, 0);
        pid_t pid = fork();
        if (pid == 0)
            child(dir, shared);
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 60;
        assert_int_equal(sem_timedwait(&shared->begun, &until), 0);
        usleep((useconds_t)(random() % LIFE_US));
        kill(pid, SIGKILL);
        int status, made;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        made = atomic_load(&shared->whole);
        struct recording r;
        struct recorder_result result;
        struct contents c;
        recording_init(&r, dir);
        struct recorder_files files = recording_files(&r, false);
        recorder_recover(&files, &result);
        most = VCR_MAX(most, made);
        assert_in_range(result.track[0].fragments, made - 1, made + 1);
        for (int i = 0; i < RECORDER_TRACKS; i++) {
            if (!result.track[i].there)
                continue;
            recording_check(dir, tracks[i], &c);
            if (i == 0 || i == 1 + n % 2)
                assert_int_equal(decode(dir, tracks[i]), 0);
            assert_true(c.duration_us >= result.duration_us - 2100000);
        }
    }
    print_message("%d rounds, up to %d fragments\n", rounds, most);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(killed_at_any_moment) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
