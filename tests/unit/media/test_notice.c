/* test_notice.c - what is made beside the reels: proposed index marks at gaps and cuts, the storyboard, and what a recording still lacks (--finish). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "kit.h"

static void make(const char *how)
{
    assert_int_equal(shell("cd %s && rm -f film* && ffmpeg -v error %s -y film.mp4 && mv film.mp4 film", dir, how), 0);
}
static void run(const char *mode)
{
    char last[256];
    if (ingest(mode, "film", last, sizeof(last)) != 0)
        fail_msg("%s: %s", mode, last);
}
/* "gap 5.1 After black" for each mark, one a line in the file "marks". */
static void list_marks(void)
{
    assert_int_equal(shell("cd %s && tail -n 1 report | grep -o '\"at_us\":[0-9]*,\"source\":\"[a-z]*\",\"title\":\"[A-Za-z ]*\"' | "
                           "sed 's/\"at_us\":\\([0-9]*\\),\"source\":\"\\([a-z]*\\)\",\"title\":\"\\(.*\\)\"/\\2 \\1 \\3/' > marks; true", dir), 0);
}
static void mark_is(int line, const char *source, double at, const char *title)
{
    char command[64], kind[16], rest[64];
    long long us;
    snprintf(command, sizeof(command), "sed -n %dp", line);
    const char *text = ask(command, "marks");
    if (sscanf(text, "%15s %lld %63[^\n]", kind, &us, rest) != 3 || strcmp(kind, source) != 0 || (double)us / 1e6 < at - 0.001 || (double)us / 1e6 > at + 0.35 || strcmp(rest, title) != 0)
        fail_msg("mark %d is \"%s\", not %s at %.1f s: %s", line, text, source, at, title);
}
static void no_more_marks(const char *count) { assert_string_equal(ask("wc -l <", "marks"), count); }

#define SMALL "s=320x240:r=25"
#define OUT " -c:v libx264 -preset ultrafast -crf 20 -g 25 -bf 0 -pix_fmt yuv420p"
#define SNOW(d) "-f lavfi -i \"nullsrc=" SMALL ":d=" d ",geq=random(1)*220+16:128:128\" "

static void gaps_are_marked_where_they_end(void **state)
{
    make("-f lavfi -i testsrc2=" SMALL ":d=2 -f lavfi -i color=black:" SMALL ":d=1.6 -f lavfi -i smptebars=" SMALL ":d=2 " SNOW("1.2") "-f lavfi -i testsrc2=" SMALL ":d=2 "
         "-f lavfi -i color=0x2030D0:" SMALL ":d=1.6 -f lavfi -i smptebars=" SMALL ":d=2 -f lavfi -i color=black:" SMALL ":d=0.6 -f lavfi -i testsrc2=" SMALL ":d=1 "
         "-filter_complex \"[0][1][2][3][4][5][6][7][8]concat=n=9\"" OUT);
    run("--run");
    list_marks();
    mark_is(1, "gap", 3.6, "After black");
    mark_is(2, "gap", 6.8, "After snow");
    mark_is(3, "gap", 10.4, "After blank tape");
    mark_is(4, "scene", 13, "Scene"); /* black for half a second is a film's own */
    no_more_marks("4");
}

static void cuts_are_marked_and_flashes_are_not(void **state)
{
    make("-f lavfi -i \"smptebars=" SMALL ":d=3\" -f lavfi -i \"rgbtestsrc=" SMALL ":d=3\" -f lavfi -i \"smptebars=" SMALL ":d=8\" -f lavfi -i \"testsrc=" SMALL ":d=4\" "
         "-filter_complex \"[1]drawbox=c=white:t=fill:enable='between(t,1.4,1.7)'[f];[0][f][2][3]concat=n=4\"" OUT);
    run("--run");
    list_marks();
    mark_is(1, "scene", 3, "Scene");
    mark_is(2, "scene", 14, "Scene"); /* the one at six seconds is too near */
    no_more_marks("2");
    /* what only moves has no cuts, and noisy pictures are no snow */
    make("-f lavfi -i testsrc2=" SMALL ":d=4 -vf noise=alls=20:allf=t" OUT);
    run("--run");
    list_marks();
    no_more_marks("0");
}

static int pixel(const char *image, int x, int y)
{
    char command[200];
    int r, g, b;
    snprintf(command, sizeof(command), "ffmpeg -v error -i %s -vf crop=40:40:%d:%d,scale=1:1:flags=area,format=rgb24 -f rawvideo - | od -An -tu1", image, x, y);
    assert_int_equal(sscanf(ask(command, ""), "%d %d %d", &r, &g, &b), 3);
    return r / 86 * 100 + g / 86 * 10 + b / 86;
}

static void the_storyboard_shows_each_second(void **state)
{
    make("-f lavfi -i color=red:" SMALL ":d=2 -f lavfi -i color=lime:" SMALL ":d=2 -f lavfi -i color=blue:" SMALL ":d=24 -filter_complex \"[0][1][2]concat=n=3\"" OUT);
    run("--run");
    assert_int_equal(shell("grep -q '\"storyboard\":{\"interval_us\":1000000,\"tile_width\":160,\"tile_height\":120,\"columns\":5,\"rows\":5,\"tiles\":28,\"sheets\":.[0-9]*,[0-9]*.}' %s/report", dir), 0);
    /* sheets lie one behind the other, as long as the result says */
    assert_int_equal(shell("cd %s && set -- $(grep -o '\"sheets\":.[0-9,]*' report | tr -c '0-9\\n' ' ') && test $(stat -c %%s story.jpg) = $(($1 + $2)) && head -c $1 story.jpg > a.jpg && "
                           "tail -c $2 story.jpg > b.jpg", dir), 0);
    assert_string_equal(ask("ffprobe -v error -show_entries stream=width,height -of csv=p=0", "a.jpg"), "800,600");
    assert_int_equal(pixel("a.jpg", 60, 40), 200);
    assert_int_equal(pixel("a.jpg", 220, 40), 200);
    assert_int_equal(pixel("a.jpg", 380, 40), 20);
    assert_int_equal(pixel("a.jpg", 540, 40), 20);
    assert_int_equal(pixel("a.jpg", 700, 40), 2);
    assert_int_equal(pixel("b.jpg", 380, 40), 2);
    assert_int_equal(pixel("b.jpg", 540, 40), 0); /* the film has ended */
}

/* A recording has its clean reel and its sound: the rest is made of that. */
static void a_recording_gets_what_it_lacks(void **state)
{
    make("-f lavfi -i testsrc2=" SMALL ":d=3 -f lavfi -i sine=d=3" OUT);
    run("--run");
    assert_int_equal(shell("cd %s && cp clean.mp4 film && rm *.mp4 *.idx *.jpg", dir), 0);
    run("--finish");
    assert_int_equal(shell("cd %s && test -s tape.mp4 && test -s tape.idx && test -s thumb.jpg && test -s story.jpg && test ! -s clean.mp4 && test ! -s audio.mp4 && test ! -s opus.mp4", dir), 0);
    assert_int_equal(shell("cd %s && ! grep -q clean_video report && grep -q '\"reels\":.{\"kind\":\"tape_video\"' report && grep -q '\"duration_us\":3000000' report", dir), 0);
    assert_string_equal(ask(FRAMES, "tape.mp4"), "81"); /* 75, and those of odd fields that are keys or the last */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gaps_are_marked_where_they_end, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(cuts_are_marked_and_flashes_are_not, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(the_storyboard_shows_each_second, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(a_recording_gets_what_it_lacks, kit_open, kit_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
