/* test_raster.c - shape and rate of what vcr-ingest makes, as the session will show it: noted with the tape reel, written into both reels. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/util.h"
#include "kit.h"

#define SHAPE "ffprobe -v error -select_streams v -show_entries stream=width,height,sample_aspect_ratio -of csv=p=0"

static void note(const char *key, const char *value)
{
    if (shell("grep -o '\"kind\":\"tape_video\".*' %s/report | sed 's/}}.*//' | grep -q '\"%s\":%s[,}]*'", dir, key, value) != 0)
        fail_msg("the tape reel does not say %s %s: %s", key, value, ask("tail -n 1", "report"));
}

static void make(const char *how)
{
    char last[256];
    assert_int_equal(shell("cd %s && rm -f film* && ffmpeg -v error -f lavfi -i %s", dir, how), 0);
    assert_int_equal(shell("cd %s && mv film* film", dir), 0);
    assert_int_equal(ingest("--run", "film", last, sizeof(last)), 0);
}

/* This film of 30 pictures says 30.12, as its track's duration is without the first one's: too fast, by that, for WebRTC to take it as it is. */
static void the_rate_is_counted(void **state)
{
    char last[256];
    assert_int_equal(shell("cp /usr/share/forensics-samples/original-files/movie2/movie-hello.mp4 %s/film", dir), 0); /* of a package that ./dev test installs */
    assert_int_equal(ingest("--run", "film", last, sizeof(last)), 0);
    assert_string_equal(ask("grep -o '\"frame_rate\":[^,]*'", "report"), "\"frame_rate\":30");
    struct reelidx x;
    read_index("clean.idx", &x);
    assert_true(x.pass_through);
    reelidx_free(&x);
}

static void pictures_up_to_thirty_a_second_need_no_field_rate(void **state)
{
    static const struct { const char *how, *field_rate; } films[] = {
        { "testsrc2=s=320x240:r=25:d=0.5 -preset ultrafast film.mp4", "false" },
        { "testsrc2=s=320x240:r=30000/1001:d=0.5 -c:v libx264 -bf 0 -g 15 -preset ultrafast film.mp4", "false" },
        { "testsrc2=s=320x240:r=30:d=0.5 -preset ultrafast film.mkv", "false" },
        { "testsrc2=s=320x240:r=24000/1001:d=0.5 -preset ultrafast film.mp4", "false" },
        { "testsrc2=s=320x240:r=15:d=0.5 -preset ultrafast film.mp4", "false" },
        { "testsrc2=s=320x240:r=50:d=0.5 -preset ultrafast film.mp4", "true" },
        { "testsrc2=s=320x240:r=60000/1001:d=0.5 -preset ultrafast film.mp4", "true" },
        { "testsrc2=s=720x576:r=50:d=0.5 -vf tinterlace=interleave_top,setfield=tff -c:v mpeg2video -flags +ildct+ilme -top 1 -b:v 6M film.mpg", "true" },
        /* a second of sixty, and then slow enough for less than thirty on average */
        { "testsrc2=s=320x240:r=60:d=4 -vf \"select='lt(t,1)+not(mod(n,6))'\" -fps_mode vfr -c:v libx264 -bf 0 film.mkv", "true" },
    };
    for (size_t i = 0; i < ARRAY_LEN(films); i++) {
        make(films[i].how);
        note("field_rate", films[i].field_rate);
    }
}

/* What moves by whole lines looks like fields to whoever compares lines. */
static void short_pictures_that_roll_are_no_fields(void **state)
{
    static const char *const films[] = { "testsrc2=s=640x480:r=25:d=1 -preset ultrafast film.mp4", "testsrc2=s=720x576:r=25:d=1 -c:v mpeg2video film.mpg",
                                        "testsrc2=s=320x240:r=25:d=3 -c:v mjpeg film.avi" };
    for (size_t i = 0; i < ARRAY_LEN(films); i++) {
        make(films[i]);
        assert_int_equal(shell("grep -q '\"field_order\":\"progressive\"' %s/report", dir), 0);
    }
    /* ... and fields are found that no flag tells of */
    make("testsrc2=s=720x576:r=50:d=2.4 -vf tinterlace=interleave_top -c:v mpeg4 -q:v 3 film.avi");
    assert_int_equal(shell("grep -q '\"field_order\":\"tff\"' %s/report", dir), 0);
}

static void wide_pictures_stay_wide(void **state)
{
    static const struct { const char *how, *aspect, *media, *clean, *tape; } films[] = {
        { "testsrc2=s=1280x720:r=25:d=0.4 -preset ultrafast film.mp4", "\"16:9\"", "16:9", "1280,720,1:1", "720,576,64:45" },
        { "testsrc2=s=1280x720:r=30000/1001:d=0.4 -preset ultrafast film.mp4", "\"16:9\"", "16:9", "1280,720,1:1", "720,480,32:27" },
        { "testsrc2=s=720x576:r=25:d=0.4 -aspect 16:9 -c:v mpeg2video -b:v 4M film.mpg", "\"16:9\"", "16:9", "720,576,64:45", "720,576,64:45" },
        { "testsrc2=s=720x480:r=30000/1001:d=0.4 -target ntsc-dv -an -aspect 16:9 film.dv", "\"16:9\"", "16:9", "720,480,32:27", "720,480,32:27" },
        { "testsrc2=s=720x480:r=30000/1001:d=0.4 -target ntsc-dv -an -aspect 4:3 film.dv", "\"4:3\"", "4:3", "720,480,8:9", "720,480,8:9" },
        { "testsrc2=s=640x480:r=25:d=0.4 -preset ultrafast film.mp4", "\"4:3\"", "4:3", "640,480,1:1", "720,576,16:15" },
        { "testsrc2=s=704x576:r=25:d=0.4 -vf setsar=12/11 -preset ultrafast film.mp4", "\"4:3\"", "4:3", "704,576,12:11", "720,576,16:15" },
    };
    for (size_t i = 0; i < ARRAY_LEN(films); i++) {
        make(films[i].how);
        note("display_aspect", films[i].aspect);
        assert_int_equal(shell("grep -o '\"media\":.*\"audio\"' %s/report | grep -q '\"display_aspect\":\"%s\"'", dir, films[i].media), 0);
        assert_string_equal(ask(SHAPE, "clean.mp4"), films[i].clean);
        assert_string_equal(ask(SHAPE, "tape.mp4"), films[i].tape);
    }
}

/* Red, green and blue of a part of the first picture, as one number of three digits, each 0 to 2. */
static int colour_of(const char *reel, const char *crop)
{
    char command[300];
    unsigned r, g, b;
    snprintf(command, sizeof(command), "ffmpeg -v error -i %s -frames:v 1 -vf crop=%s,scale=1:1 -f rawvideo -pix_fmt rgb24 - | od -An -tu1", reel, crop);
    assert_int_equal(sscanf(ask(command, ""), "%u %u %u", &r, &g, &b), 3);
    return (int)(r / 86 * 100 + g / 86 * 10 + b / 86);
}

/* A telephone films upright pictures lying, and notes how it was held. ffmpeg's own player is the judge of what is upright. */
static void a_turned_picture_is_set_upright(void **state)
{
    static const struct { int degrees; const char *shape, *ends[2]; } turns[] = {
        { 180, "640,480,1:1", { "iw/8:ih/2:0:ih/4", "iw/8:ih/2:iw*7/8:ih/4" } }, /* left and right */
        { 90, "480,640,1:1", { "iw/2:ih/4:iw/4:0", "iw/2:ih/4:iw/4:ih*3/4" } },  /* top and bottom */
        { 270, "480,640,1:1", { "iw/2:ih/4:iw/4:0", "iw/2:ih/4:iw/4:ih*3/4" } },
    };
    char last[256];
    for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
        assert_int_equal(shell("cd %s && ffmpeg -y -v error -f lavfi -i color=red:s=640x480:r=25:d=0.4 -vf drawbox=x=320:c=blue:t=fill -c:v libx264 -preset ultrafast -bf 0 "
                               "-pix_fmt yuv420p lying.mp4 && ffmpeg -y -v error -i lying.mp4 -c copy -metadata:s:v rotate=%d -f mp4 film", dir, turns[i].degrees), 0);
        assert_int_equal(ingest("--run", "film", last, sizeof(last)), 0);
        assert_string_equal(ask(SHAPE, "clean.mp4"), turns[i].shape);
        assert_string_equal(ask(SHAPE, "tape.mp4"), "720,576,16:15");
        for (int k = 0; k < 2; k++) {
            int wanted = colour_of("film", turns[i].ends[k]);
            assert_true(wanted == 200 || wanted == 2);
            assert_int_equal(colour_of("clean.mp4", turns[i].ends[k]), wanted);
            assert_int_equal(colour_of("tape.mp4", turns[i].ends[k]), wanted);
        }
    }
    assert_int_equal(shell("grep -q '\"width\":480,\"height\":640,\"sample_aspect\":\"1:1\",\"display_aspect\":\"3:4\"' %s/report", dir), 0);
}

/* The session says one shape; what has another one may not be sent in its place. The index tells which reel may. */
static void a_shape_that_is_no_tapes_is_not_passed_on(void **state)
{
    static const struct { const char *how; bool passes; } films[] = {
        { "testsrc2=s=1280x720:r=25:d=0.4 -c:v libx264 -profile:v main -pix_fmt yuv420p -bf 0 -g 25 -level 3.1 -preset ultrafast film.mp4", true },
        { "testsrc2=s=640x480:r=25:d=0.4 -c:v libx264 -profile:v main -pix_fmt yuv420p -bf 0 -g 25 -level 3.1 -preset ultrafast film.mp4", true },
        { "testsrc2=s=480x640:r=25:d=0.4 -c:v libx264 -profile:v main -pix_fmt yuv420p -bf 0 -g 25 -level 3.1 -preset ultrafast film.mp4", false },
        { "testsrc2=s=1280x544:r=25:d=0.4 -c:v libx264 -profile:v main -pix_fmt yuv420p -bf 0 -g 25 -level 3.1 -preset ultrafast film.mp4", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(films); i++) {
        struct reelidx x;
        make(films[i].how);
        read_index("clean.idx", &x);
        assert_int_equal(x.pass_through, films[i].passes);
        reelidx_free(&x);
        read_index("tape.idx", &x);
        assert_true(x.pass_through);
        reelidx_free(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_rate_is_counted, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(pictures_up_to_thirty_a_second_need_no_field_rate, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(short_pictures_that_roll_are_no_fields, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(wide_pictures_stay_wide, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(a_turned_picture_is_set_upright, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(a_shape_that_is_no_tapes_is_not_passed_on, kit_open, kit_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
