/* test_render_sync.c - flashes and beeps go through vcr-ingest and vcr-render, and leave at one time: what a viewer gets, measured on the packets' own clock. Time is virtual. */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../media/kit.h"
#include "base/util.h"
#include "rig.h"

/* Every 26 fields of NTSC both last six; the first ones, at 0, are not counted. */
#define PERIOD "0.4337666667"
enum { PERIOD_US = 433767, FILM_US = 3200000, TIMES_MAX = 32, TIMES_MIN = 6, NEAR_US = 20000, WHITE = 128 };

struct times { int64_t us[TIMES_MAX]; int n; bool on; int64_t last_on_us; };

/* Something is seen or heard at `us`: it begins when there was nothing of it for some time. */
static void seen(struct times *t, bool on, int64_t us)
{
    if (on && us - t->last_on_us > PERIOD_US / 2 && t->n < TIMES_MAX)
        t->us[t->n++] = us;
    if (on)
        t->last_on_us = us;
}

static int open_reel(const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void make_tape(struct rig_tape *t)
{
    char last[256];
    assert_int_equal(shell("cd %s && ffmpeg -v error -f lavfi -i \"color=black:s=720x480:r=60000/1001:d=3.4,drawbox=c=white:t=fill:enable='lt(mod(t+.001," PERIOD "),.1)'\" "
                           "-f lavfi -i \"aevalsrc=.6*sin(6283*t)*lt(mod(t\\," PERIOD ")\\,.1):s=48000:d=3.4\" -c:v libx264 -preset ultrafast -c:a pcm_s16le film.mov", dir), 0);
    assert_int_equal(ingest("--run", "film.mov", last, sizeof(last)), 0);
    *t = (struct rig_tape){ open_reel("tape.mp4"), open_reel("tape.idx"), open_reel("opus.mp4"), open_reel("opus.idx") };
}

/* Flashes and beeps as they leave, from PLAY at the start of the tape on. */
static void watch(const struct rig_tape *t, const char *look, bool field_rate, struct times *flashes, struct times *beeps)
{
    struct rig r;
    rig_stage(&r);
    rig_open(&r, 1, field_rate);
    rig_insert(&r, 1, t, true, field_rate);
    struct deck_snapshot s = rig_snap(DECK_PLAY, 1, 0, 1, look);
    rig_deck(&r, 1, &s);
    int64_t begun_us = rig_now_us();
    *flashes = *beeps = (struct times){ .last_on_us = begun_us };
    while (rig_now_us() - begun_us < FILM_US) {
        struct rig_shot *shot = rig_any(&r);
        if (shot->head.track == PACKET_VIDEO)
            seen(flashes, shot->luma > WHITE, shot->head.pts_us);
        else if (shot->onset >= 0)
            seen(beeps, true, shot->head.pts_us + shot->onset * INT64_C(1000000) / 48000);
    }
    rig_stop(&r);
}

/* A picture is seen at the first tick at or after its time: half a tick late on average, a whole one at most. */
static void flashes_and_beeps_leave_together(void **state)
{
    static const struct { const char *look; bool field_rate; int tick_us; } cases[] = { { "vhs", true, 16683 }, { "vhs", false, 33367 }, { "clean", true, 16683 } };
    struct rig_tape tape;
    make_tape(&tape);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct times flashes, beeps;
        watch(&tape, cases[i].look, cases[i].field_rate, &flashes, &beeps);
        assert_int_equal(flashes.n, beeps.n);
        assert_in_range(flashes.n, TIMES_MIN, TIMES_MAX);
        int64_t sum = 0;
        for (int k = 0; k < flashes.n; k++) {
            int64_t late = flashes.us[k] - beeps.us[k];
            sum += late;
            if (late < -NEAR_US || late > cases[i].tick_us + NEAR_US)
                fail_msg("%s at %d us: flash %d is %lld us after its beep", cases[i].look, cases[i].tick_us, k, (long long)late);
        }
        print_message("%s, a picture each %d us: the flash %lld us after the beep\n", cases[i].look, cases[i].tick_us, (long long)sum / flashes.n);
        assert_in_range(sum / flashes.n + NEAR_US, 0, 2 * NEAR_US);
    }
    rig_tape_free(&tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(flashes_and_beeps_leave_together, kit_open, kit_close) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
