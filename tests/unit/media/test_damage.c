/* test_damage.c - broken, hostile and merely odd files: each ends with reels of what can be decoded and a report of the damage, or with a clear sentence; within its limits. */
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

static uint8_t bytes[4 << 20];

static size_t load(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/whole", dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(bytes, 1, sizeof(bytes), f);
    fclose(f);
    assert_in_range(n, 1000, sizeof(bytes) - 1);
    return n;
}
static void store(size_t from, size_t to)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/film", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes + from, 1, to - from, f), to - from);
    fclose(f);
}

/* Nothing that came out may be damaged itself. */
static void reels_are_whole(const char *of)
{
    const char *wrong = ask("for f in clean tape audio opus; do [ ! -s $f.mp4 ] || ffmpeg -v error -i $f.mp4 -f null - 2>&1; done", "");
    if (*wrong)
        fail_msg("%s: %s", of, wrong);
}

/* 1: reels, 0: a sentence. */
static int run(const char *of)
{
    char last[400];
    assert_int_equal(shell("cd %s && rm -f *.mp4 *.idx *.jpg *.vtt", dir), 0);
    int rc = ingest("--run", "film", last, sizeof(last));
    if (rc == 0) {
        reels_are_whole(of);
        return 1;
    }
    if (rc != 1 || strncmp(last, "{\"error\":\"", 10) != 0 || strchr(last, '/') || strlen(last) < 40)
        fail_msg("%s: ends with %d: %s", of, rc, last);
    return 0;
}
static double seconds(void) { return atof(ask("grep -o '\"duration_us\":[0-9]*' report | tr -dc 0-9;", "")) / 1e6; }
static bool says(const char *what) { return shell("grep -q '%s' %s/report", what, dir) == 0; }

#define SMALL "-f lavfi -i testsrc2=s=352x288:r=25:d=2 -f lavfi -i sine=d=2 "
static const struct kind { const char *how; bool needs_head, always; } kinds[] = {
    { SMALL "-c:v mpeg2video -b:v 2M -c:a mp2 -f mpegts", false, true },
    { SMALL "-c:v mpeg2video -b:v 2M -c:a ac3 -f vob", false, false },
    { SMALL "-c:v libx264 -preset ultrafast -c:a aac -f mp4 -movflags +faststart", true, true },
    { SMALL "-c:v mjpeg -q:v 5 -c:a pcm_s16le -f avi", true, true },
    { SMALL "-c:v ffv1 -level 3 -c:a flac -f matroska", true, false },
    { SMALL "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libvorbis -f webm", true, false },
    { SMALL "-c:v libtheora -c:a libvorbis -f ogg", true, false },
    { SMALL "-c:v prores_ks -c:a pcm_s16le -f mov -movflags +faststart", true, false },
};

static void make(const char *how) { assert_int_equal(shell("cd %s && ffmpeg -v error -y %s whole", dir, how), 0); }

static void what_is_cut_off_gives_what_it_holds(void **state)
{
    static const int percents[] = { 3, 40, 90 };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!kinds[i].always && !long_run())
            continue;
        make(kinds[i].how);
        size_t n = load();
        for (size_t k = long_run() ? 0 : 1; k < ARRAY_LEN(percents); k += long_run() ? 1 : 2) {
            store(0, n * (size_t)percents[k] / 100);
            int got = run(kinds[i].how);
            if (percents[k] >= 40 && (!got || seconds() < 0.2 || seconds() > 2.0))
                fail_msg("%s cut at %d %%: %.2f s", kinds[i].how, percents[k], seconds());
        }
        store(n / 2, n); /* its beginning is missing */
        assert_int_equal(run(kinds[i].how), !kinds[i].needs_head);
    }
}

static void what_is_flipped_is_reported(void **state)
{
    srand(7);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!kinds[i].always && !long_run())
            continue;
        make(kinds[i].how);
        size_t n = load();
        for (int k = 0; k < 60; k++)
            bytes[n / 3 + (size_t)rand() % (n * 2 / 3)] ^= (uint8_t)(1 << rand() % 8);
        store(0, n);
        if (!run(kinds[i].how) || seconds() < 1 || !says("\"damage\":{\"decode_errors\":[1-9]"))
            fail_msg("%s: %.2f s, %s", kinds[i].how, seconds(), ask("grep -o '\"damage\":[^}]*'", "report"));
    }
}

/* A hole in a stream is skipped: what lies behind it is there. */
static void behind_a_hole_it_goes_on(void **state)
{
    make("-f lavfi -i testsrc2=s=704x576:r=25:d=4 -c:v mpeg2video -b:v 4M -f mpegts");
    size_t n = load();
    memset(bytes + n / 3, 0, 200000);
    store(0, n);
    assert_int_equal(run("hole"), 1);
    assert_true(seconds() > 3.8);
}

static void what_is_no_film_is_told_in_a_sentence(void **state)
{
    static const struct { const char *make, *says; } odd[] = {
        { "printf \"PK\\\\003\\\\004\\\\024\\\\000\"; head -c 9000 /dev/urandom", "not a film" },
        { "printf \"v=0\\\\r\\\\no=- 0 0 IN IP4 127.0.0.1\\\\r\\\\nm=video 5004 RTP AVP 96\\\\r\\\\n\"", "not a film" },
        { "printf \"<?xml version=\\\\\"1.0\\\\\"?><MPD><BaseURL>http:__127.0.0.1</BaseURL></MPD>\"", "not a film" },
        { "printf \"#EXTM3U\\\\n#EXT-X-TARGETDURATION:1\\\\n#EXTINF:1,\\\\nfile.ts\\\\n\"", "not a film" },
        { "head -c 3000000 /dev/zero", "not a film" },
        { "yes vcr | head -c 100000", "not a film" },
        { "printf \"\\\\000\\\\000\\\\000\\\\030ftypisom\\\\000\\\\000\\\\002\\\\000isomiso2\\\\177\\\\377\\\\377\\\\377mdat\"; head -c 50000 /dev/urandom", "lacks its index" },
    };
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        assert_int_equal(shell("cd %s && bash -c '{ %s; } > film'", dir, odd[i].make), 0);
        if (run(odd[i].make) || !says(odd[i].says))
            fail_msg("%s: %s", odd[i].make, ask("tail -n 1", "report"));
    }
}

static void patch(const char *mark, size_t mark_len, size_t at, const uint8_t *with, size_t len, size_t n)
{
    int count = 0;
    for (size_t i = 0; i + mark_len + at + len < n; i++)
        if (memcmp(bytes + i, mark, mark_len) == 0) {
            memcpy(bytes + i + at, with, len);
            count++;
        }
    assert_true(count > 0);
}

static void huge_claims_come_to_nothing(void **state)
{
    static const uint8_t most[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, wide[4] = { 0xff, 0xdc, 0xff, 0xdc };
    make("-f lavfi -i testsrc2=s=352x288:r=25:d=1 -c:v mjpeg -q:v 5 -f avi");
    size_t n = load();
    patch("\xff\xc0\x00\x11\x08", 5, 5, wide, 4, n); /* pictures of 65500x65500 */
    store(0, n);
    assert_int_equal(run("wide"), 0);
    make("-f lavfi -i testsrc2=s=352x288:r=25:d=1 -c:v libx264 -preset ultrafast -f mp4 -movflags +faststart");
    n = load();
    patch("stsz", 4, 8 + 4, most, 4, n); /* 2^32 samples */
    store(0, n);
    run("stsz");
    n = load();
    patch("moov", 4, -4 + 4 + 4, most, 4, n); /* a box of 4 GB */
    store(0, n);
    run("moov");
    n = load();
    patch("avcC", 4, 8, most, 8, n);
    store(0, n);
    run("avcC");
}

/* Two pictures an hour apart: an hour of tape. It gets on all the time, and ends where it may write no more. */
static void what_is_made_has_a_limit(void **state)
{
    char last[400];
    assert_int_equal(shell("cd %s && ffmpeg -v error -y -f lavfi -i testsrc2=s=320x240:r=1:d=2 -vf setpts=PTS*3600 -fps_mode passthrough -c:v mpeg4 -f matroska film", dir), 0);
    assert_int_equal(ingest("--run output_limit=300000", "film", last, sizeof(last)), 1);
    assert_non_null(strstr(last, "far larger than the film"));
    assert_int_equal(shell("test $(cat %s/*.mp4 | wc -c) -lt 2000000", dir), 0);
}

/* The limits of memory stand only where no sanitizer needs more. */
static void the_release_build_is_sealed(void **state)
{
    const char *release = getenv("VCR_RELEASE");
    if (!release || !*release) {
        print_message("# reason: no release build was given (VCR_RELEASE), and under a sanitizer memory is not limited\n");
        skip();
    }
    assert_int_equal(shell("%s/vcr-ingest --prove-sandbox | grep -q 'too much memory'", release), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_cut_off_gives_what_it_holds, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(what_is_flipped_is_reported, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(behind_a_hole_it_goes_on, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(what_is_no_film_is_told_in_a_sentence, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(huge_claims_come_to_nothing, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(what_is_made_has_a_limit, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(the_release_build_is_sealed, kit_open, kit_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
