/* test_choices.c - what vcr-ingest decides about a film and tells of it: remux or house rendition, the order of fields and who said so, the owner's word, shape, colours,
 * sound tracks. Films made by ffmpeg go in, ffmpeg looks at what comes out. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "kit.h"

static void make(const char *how)
{
    assert_int_equal(shell("cd %s && rm -f film* && ffmpeg -v error %s && mv film* film", dir, how), 0);
}
static void run(const char *mode)
{
    char last[256];
    if (ingest(mode, "film", last, sizeof(last)) != 0)
        fail_msg("%s: %s", mode, last);
}
static void says(const char *of, const char *what)
{
    if (shell("grep -q '%s' %s/report", what, dir) != 0)
        fail_msg("%s: not %s: %s", of, what, ask("tail -n 1", "report"));
}

#define FIELDS "-f lavfi -i testsrc2=s=720x576:r=50:d=2.2 -vf tinterlace=interleave_top,setsar=16/15"

static void three_witnesses_and_the_owner(void **state)
{
    static const struct { const char *how, *mode, *says[2]; } films[] = {
        /* flags and container of a capture that says nothing: the lines speak */
        { FIELDS " -c:v mpeg4 -q:v 3 film.avi", "--run", { "\"field_order\":\"tff\"", "\"flags\":\"progressive\",\"lines\":\"tff\",\"decided_by\":\"lines\"" } },
        /* wrong flags (bottom first, as if all NTSC were): the lines are right */
        { FIELDS ",setfield=bff -c:v mpeg2video -flags +ildct+ilme -top 0 -b:v 6M film.mpg", "--run", { "\"field_order\":\"tff\"", "\"flags\":\"bff\",\"lines\":\"tff\",\"decided_by\":\"lines\"" } },
        /* progressive pictures sent as if they were fields */
        { "-f lavfi -i testsrc2=s=720x576:r=25:d=0.04,loop=-1:1,scroll=horizontal=0.02 -t 1 -vf setsar=16/15,setfield=tff -c:v mpeg2video -flags +ildct+ilme -top 1 -b:v 6M film.mpg", "--run",
          { "\"field_order\":\"progressive\"", "\"flags\":\"tff\",\"lines\":\"progressive\",\"decided_by\":\"lines\"" } },
        /* nothing moves: the flags decide */
        { "-f lavfi -i color=gray:s=720x576:r=25:d=1 -vf setsar=16/15,setfield=bff -c:v mpeg2video -flags +ildct+ilme -top 0 -b:v 6M film.mpg", "--run",
          { "\"field_order\":\"bff\"", "\"lines\":\"unknown\",\"decided_by\":\"flags\"" } },
        { FIELDS " -c:v mpeg4 -q:v 3 film.avi", "--run field_order=progressive", { "\"field_order\":\"progressive\"", "\"lines\":\"tff\",\"decided_by\":\"owner\"" } },
        { FIELDS " -c:v mpeg4 -q:v 3 film.avi", "--run field_order=bff standard=ntsc aspect=16:9", { "\"field_order\":\"bff\"", "\"standard\":\"ntsc\".*\"display_aspect\":\"16:9\"" } },
    };
    for (size_t i = 0; i < ARRAY_LEN(films); i++) {
        if (i % 2 == 0 && !long_run())
            continue;
        make(films[i].how);
        run(films[i].mode);
        for (int k = 0; k < 2; k++)
            says(films[i].how, films[i].says[k]);
        if (strstr(films[i].mode, "16:9")) {
            assert_string_equal(ask("ffprobe -v error -select_streams v -show_entries stream=width,height,sample_aspect_ratio -of csv=p=0", "tape.mp4"), "720,480,32:27");
            assert_string_equal(ask("ffprobe -v error -select_streams v -show_entries stream=width,height,sample_aspect_ratio -of csv=p=0", "clean.mp4"), "720,576,64:45");
        }
    }
    char last[256];
    assert_int_equal(ingest("--run field_order=sideways", "film", last, sizeof(last)), 1);
}

/* A title that stands still for long, then fields: the beginning alone would have said nothing. */
static void fields_are_looked_for_in_several_places(void **state)
{
    make("-f lavfi -i color=gray:s=320x432:r=50:d=5 -f lavfi -i testsrc2=s=320x432:r=50:d=8 -filter_complex \"[0][1]concat,tinterlace=interleave_top,setsar=16/15\" "
         "-c:v mpeg4 -q:v 5 film.avi");
    run("--run");
    says("title", "\"field_order\":\"tff\"");
}

static void what_speaks_against_keeping_the_packets_is_told(void **state)
{
#define H264 "-f lavfi -i testsrc2=s=320x240:r=25:d=1.2 -c:v libx264 -preset ultrafast "
    static const struct { const char *how, *says; } films[] = {
        { H264 "-pix_fmt yuv420p -bf 0 -g 25 film.mp4", "\"remuxed\":true,\"witnesses\"" },
        { H264 "-pix_fmt yuv420p -preset veryfast -bf 2 -g 25 film.mp4", "\"remuxed\":false,\"because\":\"reordering\"" },
        { H264 "-pix_fmt yuv420p -bf 0 -g 250 film.mp4", "\"because\":\"few_key_frames\"" },
        { H264 "-pix_fmt yuv422p -bf 0 -g 25 film.mp4", "\"because\":\"pixel_format\"" },
        { "-f lavfi -i testsrc2=s=320x240:r=25:d=1.2 -c:v mjpeg film.avi", "\"because\":\"codec\"" },
    };
    for (size_t i = 0; i < ARRAY_LEN(films); i++) {
        make(films[i].how);
        run("--run");
        says(films[i].how, films[i].says);
    }
    make(films[0].how);
    run("--run aspect=16:9");
    says("owner", "\"because\":\"owner_aspect\"");
}

/* Mean colour of a place in the first picture at a time. */
static void colour_at(const char *reel, double at, const char *crop, int *rgb)
{
    char command[400];
    snprintf(command, sizeof(command), "ffmpeg -v error -i %s -ss %.2f -frames:v 1 -vf crop=%s,scale=1:1:flags=area,format=rgb24 -f rawvideo - | od -An -tu1", reel, at, crop);
    assert_int_equal(sscanf(ask(command, ""), "%d %d %d", &rgb[0], &rgb[1], &rgb[2]), 3);
}
static void colour_is(const char *of, const char *reel, double at, const char *crop, const int *want)
{
    int rgb[3];
    colour_at(reel, at, crop, rgb);
    for (int k = 0; k < 3; k++)
        if (abs(rgb[k] - want[k]) > 4)
            fail_msg("%s: %s of %s is %d %d %d, not %d %d %d", of, crop, reel, rgb[0], rgb[1], rgb[2], want[0], want[1], want[2]);
}

/* Red, green, blue and grey of known strength, told and untold, of either range and matrix: each reel shows them so by what its stream says, the tape's always 601. */
static void colours_stay_what_they_are(void **state)
{
#define PATCH(n, colour) ",drawbox=x=iw/4*" n ":w=iw/4:h=ih:c=" colour ":t=fill"
#define PATCHES(size) "-f lavfi -i \"color=black:s=" size ":r=25:d=0.2,format=rgb24" PATCH("0", "0xC02020") PATCH("1", "0x20C020") PATCH("2", "0x2020C0") PATCH("3", "0xC0C0C0") "\" "
#define AS(matrix, range, format) "-vf scale=out_color_matrix=" matrix ":out_range=" range ",format=" format " "
    static const struct { const char *how; bool always; } films[] = {
        { PATCHES("320x240") AS("bt601", "tv", "yuv420p") "-c:v libx264 -qp 4 -colorspace smpte170m -color_range tv film.mp4", false },
        { PATCHES("320x240") AS("bt601", "pc", "yuv420p") "-c:v libx264 -qp 4 -g 1000 -colorspace smpte170m -color_range pc film.mp4", true },
        { PATCHES("320x240") AS("bt709", "tv", "yuv420p") "-c:v libx264 -qp 4 -colorspace bt709 -color_range tv film.mp4", false },
        { PATCHES("1280x720") AS("bt709", "tv", "yuv420p") "-c:v libx264 -qp 4 film.mp4", true },
        { PATCHES("320x240") AS("bt601", "pc", "yuvj420p") "-c:v mjpeg -q:v 2 film.avi", true },
        { PATCHES("320x240") "-c:v ffv1 -pix_fmt bgr0 film.mkv", false },
        { PATCHES("320x240") AS("bt601", "pc", "yuv422p") "-c:v ffv1 -color_range pc film.mkv", false },
        { PATCHES("320x240") AS("bt601", "tv", "yuv422p10le") "-c:v ffv1 film.mkv", false },
    };
    static const int want[4][3] = { { 192, 32, 32 }, { 32, 192, 32 }, { 32, 32, 192 }, { 192, 192, 192 } };
    static const char *const reels[] = { "clean.mp4", "tape.mp4", "thumb.jpg" };
    for (size_t i = 0; i < ARRAY_LEN(films); i++) {
        if (!films[i].always && !long_run())
            continue;
        make(films[i].how);
        run("--run");
        for (size_t k = 0; k < ARRAY_LEN(reels); k++)
            for (int n = 0; n < 4; n++) {
                char crop[64];
                snprintf(crop, sizeof(crop), "iw/8:ih/4:iw*%d/4+iw/16:ih*3/8", n);
                colour_is(films[i].how, reels[k], 0, crop, want[n]);
            }
        assert_int_equal(strncmp(ask("ffprobe -v error -select_streams v -show_entries stream=color_range,color_space -of csv=p=0", "tape.mp4"), "tv,", 3), 0);
    }
}

/* 4:3, then 16:9 in the same raster: the second is shown between bars, in its shape. */
static void a_shape_that_changes_is_kept_between_bars(void **state)
{
    static const int black[3] = { 0, 0, 0 }, blue[3] = { 0, 0, 254 }, red[3] = { 253, 0, 0 };
    make("-f lavfi -i color=red:s=720x576:r=25:d=1 -vf setsar=16/15 -c:v mpeg2video -b:v 4M -f mpegts -y a.ts && ffmpeg -v error -f lavfi -i color=blue:s=720x576:r=25:d=1 "
         "-vf setsar=64/45 -c:v mpeg2video -b:v 4M -f mpegts -y b.ts && cat a.ts b.ts > film.ts");
    run("--run");
    says("aspect", "\"duration_us\":2000000");
    says("aspect", "\"timestamp_jumps\":1");
    assert_string_equal(ask(FRAMES, "clean.mp4"), "50");
    colour_is("4:3", "clean.mp4", 0.4, "iw/2:ih/16:iw/4:0", red);
    colour_is("16:9", "clean.mp4", 1.5, "iw/2:ih/2:iw/4:ih/4", blue);
    colour_is("16:9", "clean.mp4", 1.5, "iw/2:ih/16:iw/4:0", black);
    colour_is("16:9", "tape.mp4", 1.5, "iw/2:ih/16:iw/4:ih*15/16", black);
}

/* Three recordings of a DVD recorder in one file, each with its own clock: flash and beep of the last one are together. */
static void clocks_that_begin_anew_keep_sound_and_picture_together(void **state)
{
    make("-f lavfi -i \"testsrc2=s=352x288:r=25:d=2,drawbox=c=white:t=fill:enable='between(t,.999,1.1)*gte(t,0)'\" " BEEP_AT("48000", "2", "1")
         " -c:v mpeg2video -b:v 2M -c:a ac3 -f vob a.vob && ffmpeg -v error -f lavfi -i testsrc2=s=352x288:r=25:d=2 -f lavfi -i anullsrc=r=48000:cl=mono -t 2 -c:v mpeg2video -b:v 2M "
         "-c:a ac3 -f vob b.vob && cat b.vob b.vob a.vob > film.vob");
    run("--run");
    says("clocks", "\"timestamp_jumps\":2");
    int pictures;
    double flash = flash_of("clean.mp4", 180, &pictures), beep = beep_of("audio.mp4", NULL);
    assert_int_equal(pictures, 150);
    if (fabs(flash - 5) > 0.05 || fabs(flash - beep) > 0.02)
        fail_msg("flash at %.3f s, beep at %.3f s", flash, beep);
}

static void every_sound_track_is_kept_with_its_name(void **state)
{
    make("-f lavfi -i testsrc2=s=320x240:r=25:d=2 " BEEP_AT("48000", "2", ".5") " " BEEP_AT("44100", "2", "1") " " BEEP_AT("22050", "2", "1.5")
         " -map 0 -map 1 -map 2 -map 3 -c:v libx264 -preset ultrafast -c:a aac -metadata:s:a:0 language=eng -metadata:s:a:1 language=ger -metadata:s:a:1 title=Kommentar "
         "-metadata:s:a:2 language=und film.mkv");
    run("--run");
    says("tracks", "{\"kind\":\"clean_audio\",\"track\":0,\"language\":\"en\",");
    says("tracks", "{\"kind\":\"clean_audio\",\"track\":1,\"language\":\"de\",\"title\":\"Kommentar\",");
    says("tracks", "{\"kind\":\"clean_audio\",\"track\":2,\"size_bytes\"");
    static const char *const reels[] = { "audio.mp4", "audio2.mp4", "audio3.mp4" };
    for (int i = 0; i < 3; i++) {
        float peak;
        double beep = beep_of(reels[i], &peak);
        if (fabs(beep - 0.5 * (i + 1)) > 0.02 || peak < 0.5f)
            fail_msg("%s: beep at %.3f s, as loud as %.2f", reels[i], beep, (double)peak);
    }
    assert_int_equal(shell("cd %s && test ! -s audio4.mp4 && test -s audio3.idx", dir), 0);
}

static void five_channels_become_two(void **state)
{
    float peak;
    make("-f lavfi -i testsrc2=s=320x240:r=25:d=1 -f lavfi -i \"aevalsrc=0|0|.5*sin(6283*t)*gt(t\\,.5)|0|0|0:c=5.1:d=1\" -c:v libx264 -preset ultrafast -c:a ac3 -b:a 448k film.mkv");
    run("--run");
    double beep = beep_of("audio.mp4", &peak); /* the centre is heard from both sides */
    assert_true(fabs(beep - 0.5) < 0.02 && peak > 0.25f && peak < 0.6f);
    says("5.1", "\"channels\":6");
}

static void odd_sizes_are_padded(void **state)
{
    make("-f lavfi -i testsrc2=s=640x480:r=25:d=0.4 -vf scale=321:241 -c:v ffv1 -pix_fmt yuv444p film.mkv");
    run("--run");
    says("odd", "\"width\":321,\"height\":241");
    assert_string_equal(ask("ffprobe -v error -select_streams v -show_entries stream=width,height -of csv=p=0", "clean.mp4"), "322,242");
}

static void what_has_no_picture_says_so(void **state)
{
    char last[256];
    make("-f lavfi -i sine=500:d=1 -c:a aac film.mp4");
    assert_int_equal(ingest("--run", "film", last, sizeof(last)), 1);
    assert_string_equal(last, "{\"error\":\"This file holds sound but no picture.\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(three_witnesses_and_the_owner, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(fields_are_looked_for_in_several_places, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(what_speaks_against_keeping_the_packets_is_told, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(colours_stay_what_they_are, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(a_shape_that_changes_is_kept_between_bars, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(clocks_that_begin_anew_keep_sound_and_picture_together, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(every_sound_track_is_kept_with_its_name, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(five_channels_become_two, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(odd_sizes_are_padded, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(what_has_no_picture_says_so, kit_open, kit_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
