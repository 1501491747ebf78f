/* test_resume.c - kill -9 in the middle of processing, again and again: the same job goes on from what is whole, and what comes out is as if nothing had happened.
 * Ten rounds, a hundred with VCR_LONG. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "kit.h"
#include "media/ingest/ingest.h"

static int rounds(void) { return long_run() ? 100 : 10; }

static int64_t size_of(const char *name)
{
    char path[128];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return stat(path, &st) == 0 ? st.st_size : 0;
}

static pid_t start(void)
{
    char command[1536];
    int n = snprintf(command, sizeof(command), "cd %s && exec %s --run 3<>film 4>report", dir, VCR_INGEST);
    static const char *const names[] = { "clean.mp4", "clean.idx", "audio.mp4", "audio.idx", "opus.mp4", "opus.idx", "tape.mp4", "tape.idx", "thumb.jpg", "story.jpg",
                                         "captions.vtt", "audio2.mp4", "audio2.idx", "audio3.mp4", "audio3.idx", "audio4.mp4", "audio4.idx" };
    for (int i = 0; i < INGEST_OUTPUTS; i++)
        n += snprintf(command + n, sizeof(command) - (size_t)n, " %d<>%s", INGEST_FD_OUTPUTS + i, names[i]);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/bash", "bash", "-c", command, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* Until the tape has grown by at least that much, or the program has ended by itself. */
static bool kill_when_grown(pid_t pid, int64_t by)
{
    int64_t from = size_of("tape.mp4"), until_us = clock_mono_us() + 100000000;
    int status;
    while (size_of("tape.mp4") < from + by && clock_mono_us() < until_us) {
        if (waitpid(pid, &status, WNOHANG) == pid)
            return false;
        nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return true;
}

static void keep_counts(char out[4][32])
{
    static const char *const reels[] = { "clean.mp4", "tape.mp4" };
    for (int i = 0; i < 2; i++) {
        int pictures = 0;
        snprintf(out[2 * i + 1], 32, "%.3f", flash_of(reels[i], 180, &pictures));
        snprintf(out[2 * i], 32, "%d", pictures);
        if (size_of("errors") > 0)
            fail_msg("%s: %s", reels[i], ask("head -n 1", "errors"));
    }
}

static void what_was_killed_goes_on(void **state)
{
    char last[256], whole[4][32], counts[4][32], marks[256], command[200];
    int seconds = long_run() ? 60 : 9, killed = 0;
    assert_int_equal(shell("cd %s && ffmpeg -v error -f lavfi -i \"testsrc2=s=352x288:r=50:d=%d,drawbox=c=white:t=fill:enable='between(t,%d.999,%d.1)'\" "
                           "-f lavfi -i \"aevalsrc=.6*sin(6283*t)*between(t\\,%d\\,%d.1):s=48000:d=%d\" -f lavfi -i sine=d=%d -map 0 -map 1 -map 2 "
                           "-vf tinterlace=interleave_top,setfield=tff -c:v mpeg2video -flags +ildct+ilme -top 1 -b:v 3M -c:a mp2 -f mpegts film",
                           dir, seconds, seconds - 3, seconds - 2, seconds - 2, seconds - 2, seconds, seconds), 0);
    assert_int_equal(ingest("--run field_order=tff", "film", last, sizeof(last)), 0);
    keep_counts(whole);
    snprintf(command, sizeof(command), "grep -o '\"marks\":.*\"tiles\":[0-9]*'");
    vcr_strcpy(marks, sizeof(marks), ask(command, "report"));
    assert_int_equal(shell("cd %s && rm -f *.mp4 *.idx *.jpg", dir), 0);
    assert_int_equal(shell("cd %s && ffmpeg -v error -y -i film -map 0 -c copy -f mpegts again && mv again film", dir), 0);
    for (int i = 0; i < rounds(); i++) {
        int64_t before = size_of("tape.mp4");
        if (!kill_when_grown(start(), 1 + rand() % 60000))
            break; /* done sooner than it could be killed */
        killed++;
        assert_true(size_of("tape.mp4") >= before);
    }
    assert_true(killed >= rounds() / 2);
    int status = 0;
    waitpid(start(), &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(shell("cd %s && tail -n 1 report | grep -q '\"resumed\":true'", dir), 0);
    keep_counts(counts);
    for (int i = 0; i < 4; i++)
        assert_string_equal(counts[i], whole[i]);
    assert_string_equal(ask(command, "report"), marks);
    static const char *const sounds[] = { "audio.mp4", "opus.mp4", "audio2.mp4" };
    for (int i = 0; i < 3; i++) {
        double beep = beep_of(sounds[i], NULL);
        if (size_of("errors") > 0 || (i < 2 && fabs(beep - (seconds - 2)) > 0.02))
            fail_msg("%s: beep at %.3f s: %s", sounds[i], beep, ask("head -n 1", "errors"));
    }
    struct reelidx x;
    static const char *const indexes[] = { "clean.idx", "tape.idx", "audio.idx", "opus.idx", "audio2.idx" };
    for (int i = 0; i < 5; i++) {
        read_index(indexes[i], &x);
        assert_in_range(x.duration_us, seconds * 1000000 - 45000, seconds * 1000000 + 45000);
        reelidx_free(&x);
    }
}

/* What stands behind the last whole fragment, and reels that are another film's, are no hindrance. */
static void what_is_torn_or_not_its_own_is_made_anew(void **state)
{
    char last[256];
    assert_int_equal(shell("cd %s && ffmpeg -v error -f lavfi -i testsrc2=s=320x240:r=25:d=3 -f lavfi -i sine=d=3 -c:v libx264 -pix_fmt yuv420p -bf 0 -g 25 -c:a aac -f mp4 film", dir), 0);
    assert_int_equal(ingest("--run", "film", last, sizeof(last)), 0);
    assert_non_null(strstr(last, "\"remuxed\":true"));
    assert_int_equal(shell("cd %s && for f in clean tape audio opus; do truncate -s -100 $f.mp4; head -c 50 /dev/urandom >> $f.mp4; done; rm *.idx", dir), 0);
    assert_int_equal(ingest("--run", "film", last, sizeof(last)), 0);
    assert_non_null(strstr(last, "\"resumed\":true"));
    assert_string_equal(ask(FRAMES, "clean.mp4"), "75");
    assert_string_equal(ask(FRAMES, "tape.mp4"), "81");
    /* all is there: nothing more to encode */
    assert_int_equal(ingest("--run", "film", last, sizeof(last)), 0);
    assert_string_equal(ask(FRAMES, "clean.mp4"), "75");
    assert_string_equal(ask(FRAMES, "tape.mp4"), "81");
    assert_string_equal(ask("ffmpeg -v error -i clean.mp4 -i tape.mp4 -i audio.mp4 -i opus.mp4 -map 0 -map 1 -map 2 -map 3 -f null - 2>&1", ""), "");
    /* reels of another film: one that is longer than they are, then one that is shorter */
    assert_int_equal(shell("cd %s && ffmpeg -v error -y -f lavfi -i testsrc2=s=640x480:r=25:d=5 -c:v libx264 -preset ultrafast -f mp4 film", dir), 0);
    assert_int_equal(ingest("--run", "film", last, sizeof(last)), 0);
    assert_null(strstr(last, "\"resumed\""));
    assert_string_equal(ask(FRAMES, "clean.mp4"), "125");
    assert_int_equal(shell("cd %s && ffmpeg -v error -y -f lavfi -i testsrc2=s=640x480:r=25:d=2 -c:v libx264 -preset ultrafast -f mp4 film", dir), 0);
    assert_int_equal(ingest("--run", "film", last, sizeof(last)), 0);
    assert_null(strstr(last, "\"resumed\""));
    assert_string_equal(ask(FRAMES, "clean.mp4"), "50");
    assert_string_equal(ask("ffmpeg -v error -i clean.mp4 -f null - 2>&1", ""), "");
}

int main(void)
{
    kit_goes_on = true;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_killed_goes_on, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(what_is_torn_or_not_its_own_is_made_anew, kit_open, kit_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
