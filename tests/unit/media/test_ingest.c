/* test_ingest.c - vcr-ingest as vcrd starts it: films made by ffmpeg go in, and ffprobe reads what comes out. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/util.h"
#include "deliver/hls/playlist.h"
#include "media/ingest/ingest.h"

static char dir[64];
static const char *const outputs[INGEST_OUTPUTS] = { "clean.mp4", "clean.idx", "audio.mp4", "audio.idx", "opus.mp4", "opus.idx", "tape.mp4", "tape.idx", "thumb.jpg" };

static int shell(const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    return system(line);
}

/* The first line that a command prints. */
static const char *ask(const char *command, const char *file)
{
    static char line[256];
    char whole[512];
    snprintf(whole, sizeof(whole), "cd %s && %s %s", dir, command, file);
    FILE *f = popen(whole, "r");
    line[0] = 0;
    if (f && fgets(line, sizeof(line), f))
        line[strcspn(line, "\n")] = 0;
    if (f)
        pclose(f);
    return line;
}

/* Runs vcr-ingest; report is where its lines go, as bash takes it. */
static int ingest_to(const char *report, const char *mode, const char *film)
{
    char command[1536];
    int n = snprintf(command, sizeof(command), "cd %s && %s %s 3<>%s 4> %s", dir, VCR_INGEST, mode, film, report);
    for (int i = 0; i < INGEST_OUTPUTS; i++)
        n += snprintf(command + n, sizeof(command) - (size_t)n, " %d<>%s", INGEST_FD_OUTPUTS + i, outputs[i]);
    /* bash, because sh knows descriptors of one digit only */
    char whole[1700];
    snprintf(whole, sizeof(whole), "exec bash -c '%s 2>/dev/null'", command);
    int rc = system(whole);
    return WEXITSTATUS(rc);
}

/* The same; *ret_last is the last line of its report. */
static int ingest(const char *mode, const char *film, char *ret_last, size_t size)
{
    int rc = ingest_to("report", mode, film);
    vcr_strcpy(ret_last, size, ask("tail -n 1", "report"));
    return rc;
}

static int setup(void **state)
{
    vcr_strcpy(dir, sizeof(dir), "/tmp/vcr-ingest-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}
static int teardown(void **state) { return shell("rm -rf %s", dir); }

#define FRAMES "ffprobe -v error -count_frames -select_streams v -show_entries stream=nb_read_frames -of default=nk=1:nw=1"
#define RATE "ffprobe -v error -select_streams v -show_entries stream=r_frame_rate -of default=nk=1:nw=1"

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
    assert_string_equal(ask(FRAMES, "tape.mp4"), "100");
    assert_string_equal(ask("ffprobe -v error -show_entries stream=codec_name,sample_rate,channels -of csv=p=0", "opus.mp4"), "opus,48000,2");
    assert_string_equal(ask("ffprobe -v error -show_entries stream=codec_name,sample_rate,channels -of csv=p=0", "audio.mp4"), "aac,48000,2");
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

/* Reads an index and writes its playlist beside the reel. */
static void playlist(const char *index, struct reelidx *ret)
{
    static uint8_t bytes[1 << 20];
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, index);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(bytes, 1, sizeof(bytes), f);
    fclose(f);
    assert_int_equal(reelidx_parse(ret, bytes, n, NULL), VCR_OK);
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
    playlist("clean.idx", &video);
    playlist("audio.idx", &audio);
    hls_describe(&picture, &video);
    hls_describe(&sound, &audio);
    hls_write_multivariant(&b, &picture, &sound, "");
    assert_non_null(strstr(b.data, "RESOLUTION=768x576,FRAME-RATE=25.000,AUDIO="));
    assert_non_null(strstr(b.data, ",mp4a.40.2\""));
    keep("playlist.m3u8", &b);
    hls_write_media(&b, &video, "clean.mp4");
    assert_in_range(sum_of_extinf(b.data), video.duration_us - 50, video.duration_us + 50);
    keep("video.m3u8", &b);
    hls_write_media(&b, &audio, "audio.mp4");
    assert_in_range(sum_of_extinf(b.data), video.duration_us - 50000, video.duration_us + 50000);
    keep("audio.m3u8", &b);
    hls_write_iframes(&b, &video, "clean.mp4");
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

static void the_sealed_process_can_open_nothing(void **state)
{
    assert_int_equal(shell("%s --prove-sandbox | grep -q ^sealed", VCR_INGEST), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fields_become_pictures, setup, teardown),
        cmocka_unit_test_setup_teardown(a_film_that_qualifies_keeps_its_packets, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_film_is_told_in_a_sentence, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cut_film_gives_what_it_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_reader_of_its_report_it_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(the_playlists_play_every_picture_once, setup, teardown),
        cmocka_unit_test_setup_teardown(the_sealed_process_can_open_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
