/* test_ingest.c - vcr-ingest as vcrd starts it: films made by ffmpeg go in, and ffprobe reads what comes out. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/util.h"
#include "deliver/hls/playlist.h"
#include "kit.h"

static void fields_become_pictures(void **state)
{
    char last[256];
    assert_int_equal(shell("cd %s && ffmpeg -v error -f lavfi -i testsrc2=s=720x480:r=60000/1001:d=2 -vf tinterlace=interleave_top,setsar=8/9,setfield=tff "
                           "-c:v mpeg2video -flags +ildct+ilme -top 1 -b:v 6M film.mpg", dir), 0);
    assert_int_equal(ingest("--run", "film.mpg", last, sizeof(last)), 0);
    assert_non_null(strstr(last, "\"standard\":\"ntsc\""));
    assert_int_equal(shell("grep -q '\"field_order\":\"tff\"' %s/report", dir), 0);
    assert_int_equal(shell("grep -q '\"audio\":\\[\\]' %s/report", dir), 0);
    assert_string_equal(ask(RATE, "clean.mp4"), "60000/1001");
    assert_string_equal(ask(RATE, "tape.mp4"), "60000/1001");
    assert_string_equal(ask(FRAMES, "clean.mp4"), "120");
    assert_string_equal(ask(FRAMES, "tape.mp4"), "120");
    assert_string_equal(ask("ffmpeg -v error -i tape.mp4 -f null - 2>&1", ""), "");
    assert_int_equal(shell("test ! -s %s/audio.mp4", dir), 0);
}

static void a_film_that_qualifies_keeps_its_packets(void **state)
{
    char last[256];
    assert_int_equal(shell("cd %s && ffmpeg -v error -f lavfi -i testsrc2=s=320x240:r=25:d=2 -f lavfi -i sine=1000:d=2 -c:v libx264 -bf 0 -g 25 -pix_fmt yuv420p "
                           "-c:a aac film.mp4", dir), 0);
    assert_int_equal(ingest("--run", "film.mp4", last, sizeof(last)), 0);
    assert_non_null(strstr(last, "\"remuxed\":true"));
    char md5[64];
    vcr_strcpy(md5, sizeof(md5), ask("ffmpeg -v error -i film.mp4 -an -f md5 -", ""));
    assert_string_equal(ask("ffmpeg -v error -i clean.mp4 -f md5 -", ""), md5);
    assert_string_equal(ask("ffprobe -v error -show_entries stream=codec_name,sample_rate,channels -of csv=p=0", "opus.mp4"), "opus,48000,2");
    assert_string_equal(ask("ffprobe -v error -show_entries stream=codec_name,sample_rate,channels -of csv=p=0", "audio.mp4"), "aac,48000,2");
}

/* A film has fewer pictures than its tape has fields: each is on it once, but where a key must be, and as the last field of all. */
static void a_picture_of_the_tape_stands_until_the_next(void **state)
{
    enum { FIELDS = 100, FIELD_US = 20000, KEYS = 15 };
    char last[256];
    struct reelidx x;
    assert_int_equal(shell("cd %s && ffmpeg -v error -f lavfi -i testsrc2=s=720x576:r=25:d=2 -vf setsar=16/15 -c:v libx264 -bf 0 -g 25 -pix_fmt yuv420p film.mp4", dir), 0);
    assert_int_equal(ingest("--run", "film.mp4", last, sizeof(last)), 0);
    read_index("tape.idx", &x);
    assert_int_equal(x.duration_us, FIELDS * FIELD_US);
    uint32_t n = 0;
    for (int field = 0; field < FIELDS; field++) {
        if (field % 2 == 1 && field % KEYS != 0 && field != FIELDS - 1)
            continue;
        assert_true(n < x.sample_count);
        uint32_t f = 0;
        while (f + 1 < x.fragment_count && x.fragments[f + 1].first_sample <= n)
            f++;
        assert_int_equal(x.fragments[f].start_us + x.samples[n].pts_delta_us, field * FIELD_US);
        assert_int_equal(x.samples[n++].key, field % KEYS == 0);
    }
    assert_int_equal(x.sample_count, n);
    /* at each field's time there is the film's picture */
    assert_true(atof(ask("ffmpeg -v info -i tape.mp4 -i film.mp4 -lavfi '[0]fps=50[a];[1]scale=out_color_matrix=bt601,fps=50[b];[a][b]psnr' -f null - 2>&1 | grep -o 'min:[0-9]*' | cut -c 5-", "")) > 30);
    reelidx_free(&x);
}

static void what_is_no_film_is_told_in_a_sentence(void **state)
{
    static const char *const made[] = { "printf hello", "printf", "printf \"#EXTM3U\\\\n#EXTINF:1,\\\\n/etc/passwd\\\\n\"", "printf \"ffconcat version 1.0\\\\nfile /etc/passwd\\\\n\"",
                                        "head -c 4000 /dev/urandom" };
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        char last[256];
        shell("cd %s && %s > film 2>/dev/null", dir, made[i]);
        assert_int_equal(ingest("--run", "film", last, sizeof(last)), 1);
        assert_non_null(strstr(last, "{\"error\":\""));
        assert_null(strchr(last, '/'));
    }
}

static void a_cut_film_gives_what_it_holds(void **state)
{
    char last[256];
    assert_int_equal(shell("cd %s && ffmpeg -v error -f lavfi -i testsrc2=s=320x240:r=25:d=4 -c:v libx264 -movflags +faststart whole.mp4 && "
                           "head -c $(($(stat -c %%s whole.mp4) / 2)) whole.mp4 > film", dir), 0);
    assert_int_equal(ingest("--run", "film", last, sizeof(last)), 0);
    assert_int_equal(shell("grep -q '\"ends_early\":true' %s/report", dir), 0);
    assert_in_range(atoi(ask(FRAMES, "clean.mp4")), 30, 75);
}

/* vcrd goes after the first line: the film is long enough for more to come. */
static void without_a_reader_of_its_report_it_ends(void **state)
{
    assert_int_equal(shell("cd %s && ffmpeg -v error -f lavfi -i testsrc2=s=640x480:r=25:d=8 -c:v mpeg2video -b:v 4M film.mpg", dir), 0);
    assert_int_equal(ingest_to(">(head -n 1 >/dev/null)", "--run", "film.mpg"), 1);
    assert_int_equal(ingest_to("report", "--run", "film.mpg"), 0);
}

static void keep(const char *name, struct buf *b)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(buf_ok(b));
    assert_int_equal(fwrite(b->data, 1, b->len, f), b->len);
    fclose(f);
    buf_reset(b);
}
/* In microseconds. */
static int64_t sum_of_extinf(const char *text)
{
    int64_t sum = 0;
    for (const char *p = text; (p = strstr(p, "#EXTINF:")); p += 8)
        sum += (int64_t)(strtod(p + 8, NULL) * 1e6 + 0.5);
    return sum;
}

static void the_playlists_play_every_picture_once(void **state)
{
    char last[256];
    struct reelidx video, audio;
    struct hls_track picture, sound;
    struct buf b;
    buf_init(&b, 1 << 20);
    assert_int_equal(shell("cd %s && ffmpeg -v error -f lavfi -i testsrc2=s=720x576:r=25:d=13 -f lavfi -i sine=1000:d=13 -vf setsar=16/15 -c:v mpeg2video -b:v 4M "
                           "-c:a mp2 -f mpegts film", dir), 0);
    assert_int_equal(ingest("--run", "film", last, sizeof(last)), 0);
    read_index("clean.idx", &video);
    read_index("audio.idx", &audio);
    hls_describe(&picture, &video);
    hls_describe(&sound, &audio);
    const struct hls_video shown = { .track = picture, .uri = "video.m3u8", .keys_uri = "iframe.m3u8" };
    const struct hls_rendition heard = { .track = sound, .uri = "audio.m3u8", .name = "Sound" };
    hls_write_multivariant(&b, &(struct hls_multivariant){ .prefix = "", .videos = &shown, .video_count = 1, .sounds = &heard, .sound_count = 1 });
    assert_non_null(strstr(b.data, "RESOLUTION=768x576,FRAME-RATE=25.000,AUDIO="));
    assert_non_null(strstr(b.data, ",mp4a.40.2\""));
    keep("playlist.m3u8", &b);
    hls_write_media(&b, (struct hls_span[]){ hls_whole(&video, "clean.mp4") }, 1);
    assert_in_range(sum_of_extinf(b.data), video.duration_us - 50, video.duration_us + 50);
    keep("video.m3u8", &b);
    hls_write_media(&b, (struct hls_span[]){ hls_whole(&audio, "audio.mp4") }, 1);
    assert_in_range(sum_of_extinf(b.data), video.duration_us - 50000, video.duration_us + 50000);
    keep("audio.m3u8", &b);
    hls_write_iframes(&b, (struct hls_span[]){ hls_whole(&video, "clean.mp4") }, 1);
    assert_in_range(sum_of_extinf(b.data), video.duration_us - 50, video.duration_us + 50);
    keep("iframe.m3u8", &b);
    assert_string_equal(ask("ffmpeg -v error -i video.m3u8 -f null - 2>&1", ""), "");
    assert_string_equal(ask(FRAMES, "video.m3u8"), "325");
    assert_string_equal(ask("ffmpeg -v error -i playlist.m3u8 -map 0:v -map 0:a -f null - 2>&1", ""), "");
    assert_string_equal(ask("grep -c EXTINF", "video.m3u8"), "3");
    buf_free(&b);
    reelidx_free(&video);
    reelidx_free(&audio);
}

static void a_demo_film_is_drawn_as_the_first_part_of_its_job(void **state)
{
    char last[256];
    assert_int_equal(shell("touch %s/film", dir), 0);
    assert_int_equal(ingest("--demo bars", "film", last, sizeof(last)), 0);
    assert_int_equal(shell("grep -c drawing %s/report | grep -qv '^0$' && ! sed 's/.*\"progress\"://' %s/report | awk -F, '$1 > 0.21 { bad = 1 } END { exit !bad }'", dir, dir), 0);
    assert_string_equal(ask("ffprobe -v error -select_streams v -show_entries stream=avg_frame_rate,nb_frames -of csv=p=0", "film"), "30000/1001,719");
}

static void the_sealed_process_can_open_nothing(void **state)
{
    assert_int_equal(shell("%s --prove-sandbox | grep -q ^sealed", VCR_INGEST), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fields_become_pictures, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(a_film_that_qualifies_keeps_its_packets, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(a_picture_of_the_tape_stands_until_the_next, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(what_is_no_film_is_told_in_a_sentence, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(a_cut_film_gives_what_it_holds, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(without_a_reader_of_its_report_it_ends, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(the_playlists_play_every_picture_once, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(a_demo_film_is_drawn_as_the_first_part_of_its_job, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(the_sealed_process_can_open_nothing, kit_open, kit_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
