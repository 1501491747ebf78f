/* test_bridge.c - where a tape was cut: a bridge holds exactly the pictures and sounds from the cut to the fragment's edge, at their own times, and decodes by itself; a
 * slate lasts as long as the unrecorded tape. ffmpeg decodes what comes out, vcr-ingest runs sealed as vcrd starts it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "kit.h"
#include "wire/fmp4.h"
#include "wire/reelspan.h"

#define SECOND INT64_C(1000000)

/* Three seconds of a picture that says its number in its brightness, and a tone. */
static int make_reels(void **state)
{
    char last[256];
    if (kit_open(state) != 0 ||
        shell("cd %s && ffmpeg -v error -f lavfi -i \"testsrc2=s=720x480:r=30000/1001:d=4\" -f lavfi -i \"sine=f=440:r=48000:d=4\" -vf setsar=8/9 -c:v mpeg2video -q:v 2"
              " -g 15 -c:a mp2 film.mpg", dir) != 0)
        return -1;
    return ingest("--run", "film.mpg", last, sizeof(last));
}

static int bridge(const char *reel, int64_t from_us, int64_t to_us)
{
    return shell("cd %s && exec bash -c '%s --bridge %lld %lld 3<>%s.mp4 4>report 5<>b.mp4 6<>b.idx 7<>%s.idx 2>/dev/null'", dir, VCR_INGEST, (long long)from_us,
                 (long long)to_us, reel, reel);
}

static long number(const char *command, const char *file) { return strtol(ask(command, file), NULL, 10); }

static void a_bridge_holds_the_pictures_from_the_cut_to_the_edge(void **state)
{
    struct reelidx clean, made;
    struct reelspan s;
    read_index("clean.idx", &clean);
    /* from within the second fragment: a picture's own time, a little before it */
    int64_t from_us = clean.fragments[1].start_us + 400000, to_us = 3500000;
    reelspan_cut(&s, &clean, from_us, to_us);
    assert_int_equal(s.first, 2);
    assert_int_equal(s.head_from_us, from_us);
    assert_int_equal(s.head_to_us, clean.fragments[2].start_us);
    assert_int_equal(bridge("clean", s.head_from_us, s.head_to_us), 0);
    read_index("b.idx", &made);
    long expected = 0;
    const struct reelidx_fragment *f = &clean.fragments[1];
    for (uint32_t i = 0; i < f->sample_count; i++)
        expected += f->start_us + clean.samples[f->first_sample + i].pts_delta_us >= from_us - 1000;
    assert_int_equal(made.fragment_count, 1);
    assert_int_equal(made.sample_count, expected);
    assert_true(made.samples[0].key);
    assert_int_equal(made.fragments[0].start_us, from_us);
    assert_in_range(made.fragments[0].start_us + made.fragments[0].duration_us, clean.fragments[2].start_us - 100, clean.fragments[2].start_us + 100);
    assert_int_equal(number(FRAMES, "b.mp4"), expected);
    assert_string_equal(ask("ffmpeg -v error -xerror -i", "b.mp4 -f null - 2>&1"), "");
    /* the same pictures: nearly nothing is lost by encoding them once more */
    char psnr[256];
    snprintf(psnr, sizeof(psnr), "ffmpeg -v info -copyts -i b.mp4 -copyts -ss %.6f -i clean.mp4 -lavfi '[0:v]setpts=N[a];[1:v]setpts=N[b];[a][b]psnr=shortest=1' -f null -",
             (double)made.fragments[0].start_us / 1e6);
    double db = strtod(ask(psnr, "2>&1 | sed -n 's/.*average:\\([0-9.]*\\).*/\\1/p'"), NULL);
    assert_true(db > 30);
    reelidx_free(&made);
    reelidx_free(&clean);
}

static void where_no_picture_begins_the_one_that_is_on_is_held(void **state)
{
    struct reelidx clean, made;
    read_index("clean.idx", &clean);
    int64_t edge_us = clean.fragments[2].start_us;
    assert_int_equal(bridge("clean", edge_us - 12000, edge_us), 0);
    read_index("b.idx", &made);
    assert_int_equal(made.sample_count, 1);
    assert_int_equal(made.fragments[0].start_us, edge_us - 12000);
    assert_in_range(made.fragments[0].duration_us, 11900, 12100);
    assert_int_equal(number(FRAMES, "b.mp4"), 1);
    reelidx_free(&made);
    reelidx_free(&clean);
}

static void the_tail_ends_at_the_cut(void **state)
{
    struct reelidx clean, made;
    struct reelspan s;
    read_index("clean.idx", &clean);
    int64_t to_us = clean.fragments[2].start_us + 300000;
    reelspan_cut(&s, &clean, 0, to_us);
    assert_int_equal(s.first, 0);
    assert_int_equal(s.count, 2);
    assert_int_equal(s.head_from_us, s.head_to_us);
    assert_int_equal(s.tail_from_us, clean.fragments[2].start_us);
    assert_int_equal(bridge("clean", s.tail_from_us, s.tail_to_us), 0);
    read_index("b.idx", &made);
    assert_in_range(made.fragments[0].start_us + made.fragments[0].duration_us, to_us - 10, to_us + 10);
    /* the last is on for as long as its fellows, or longer */
    assert_in_range(to_us - made.fragments[0].start_us - made.samples[made.sample_count - 1].pts_delta_us, 32300, 66800);
    assert_string_equal(ask("ffmpeg -v error -xerror -i", "b.mp4 -f null - 2>&1"), "");
    reelidx_free(&made);
    reelidx_free(&clean);
}

static void sounds_are_copied_with_their_times(void **state)
{
    struct reelidx audio, made;
    read_index("audio.idx", &audio);
    int64_t edge_us = audio.fragments[1].start_us;
    assert_int_equal(bridge("audio", edge_us - 500000, edge_us), 0);
    read_index("b.idx", &made);
    assert_in_range(made.sample_count, 23, 24); /* of 21.3 ms */
    assert_in_range(made.fragments[0].start_us + made.fragments[0].duration_us, edge_us - 50, edge_us + 50);
    /* its own clock is the reel's: the decode time that ffmpeg sees, too */
    double pts = strtod(ask("ffprobe -v error -show_entries packet=pts_time -of default=nk=1:nw=1", "b.mp4"), NULL);
    assert_in_range((int64_t)(pts * 1e6), made.fragments[0].start_us - 50, made.fragments[0].start_us + 50);
    assert_string_equal(ask("ffmpeg -v error -xerror -i", "b.mp4 -f null - 2>&1"), "");
    reelidx_free(&made);
    reelidx_free(&audio);
}

static void where_nothing_begins_there_is_no_bridge(void **state)
{
    struct reelidx audio;
    read_index("audio.idx", &audio);
    int64_t at_us = audio.fragments[1].start_us + 5000; /* asked for all the same */
    assert_int_equal(bridge("audio", at_us, at_us + 9000), 0);
    assert_string_equal(ask("stat -c %s", "b.mp4"), "0");
    assert_int_not_equal(bridge("audio", 5 * SECOND, 5 * SECOND), 0); /* no stretch at all */
    assert_string_not_equal(ask("grep -o error", "report"), "");
    reelidx_free(&audio);
}

static void a_damaged_reel_ends_with_a_reason_and_no_bridge(void **state)
{
    struct reelidx clean;
    read_index("clean.idx", &clean);
    uint64_t at = clean.fragments[1].offset + clean.fragments[1].size / 2;
    assert_int_equal(shell("cd %s && cp clean.mp4 hurt.mp4 && cp clean.idx hurt.idx && printf 'XXXX' | dd of=hurt.mp4 bs=1 seek=%llu conv=notrunc 2>/dev/null", dir,
                           (unsigned long long)at), 0);
    assert_int_not_equal(bridge("hurt", clean.fragments[1].start_us + 100000, clean.fragments[2].start_us), 0);
    assert_non_null(strstr(ask("cat", "report"), "checksum"));
    reelidx_free(&clean);
}

static void unrecorded_tape_lasts_as_long_as_it_is(void **state)
{
    struct reelidx video, sound;
    assert_int_equal(shell("cd %s && bash -c '%s --slate 720 480 8 9 7250000 3</dev/null 4>report 5<>s.mp4 6<>s.idx 2>/dev/null'", dir, VCR_INGEST), 0);
    read_index("s.idx", &video);
    assert_int_equal(video.duration_us, 7250000);
    assert_int_equal(video.fragment_count, 8);
    assert_int_equal(number(FRAMES, "s.mp4"), 8);
    assert_string_equal(ask("ffmpeg -v error -xerror -i", "s.mp4 -f null - 2>&1"), "");
    assert_int_equal(shell("cd %s && bash -c '%s --slate 0 0 1 1 7250000 3</dev/null 4>report 5<>s.mp4 6<>s.idx 2>/dev/null'", dir, VCR_INGEST), 0);
    read_index("s.idx", &sound);
    assert_in_range(sound.duration_us, 7250000, 7250000 + 21500);
    assert_string_equal(ask("ffmpeg -v error -xerror -i", "s.mp4 -f null - 2>&1"), "");
    const char *peak = ask("ffmpeg -v info -i s.mp4 -af volumedetect -f null - 2>&1 | sed -n 's/.*max_volume: \\(-[0-9]*\\).*/\\1/p'", "");
    assert_true(strtol(peak, NULL, 10) < -80);
    reelidx_free(&video);
    reelidx_free(&sound);
}

/* A reel of ten fragments of a second. */
static void whole_fragments_and_edges_make_up_every_stretch(void **state)
{
    struct reelidx_fragment f[10];
    struct reelidx x = { .width = 720, .fragment_count = ARRAY_LEN(f), .fragments = f };
    for (int i = 0; i < 10; i++)
        f[i] = (struct reelidx_fragment){ .start_us = i * SECOND, .duration_us = (uint32_t)SECOND };
    uint32_t seed = 7;
    for (int n = 0; n < 20000; n++) {
        seed = seed * 1664525 + 1013904223;
        int64_t from = (seed >> 8) % 11000000, to = from + 1 + (int64_t)((seed * 22695477u + 1) >> 8) % 4000000, end = VCR_MIN(to, 10 * SECOND);
        struct reelspan s;
        reelspan_cut(&s, &x, from, to);
        int64_t covered = (s.head_to_us - s.head_from_us) + (int64_t)s.count * SECOND + (s.tail_to_us - s.tail_from_us);
        int64_t wanted = VCR_MAX(end - from, 0);
        assert_true(covered >= 0 && covered - wanted <= 2 * REELSPAN_EDGE_US && wanted - covered <= 2 * REELSPAN_EDGE_US);
        if (s.count > 0) {
            assert_true(f[s.first].start_us >= from - REELSPAN_EDGE_US);
            assert_true(f[s.first + s.count - 1].start_us + SECOND <= end + REELSPAN_EDGE_US);
        }
        assert_true(s.head_to_us - s.head_from_us < 2 * SECOND && s.tail_to_us - s.tail_from_us < SECOND);
    }
}

/* Takes of every length, one behind the other, and unrecorded tape between some: the sound of a tape that was cut thousands of times. */
static void sound_stays_at_its_place_however_often_a_tape_is_cut(void **state)
{
    const double frame_us = 1024e6 / 48000;
    int64_t tape_us = 0;
    double shown_us = 0;
    uint32_t seed = 11;
    for (int n = 0; n < 5000; n++) {
        seed = seed * 1664525 + 1013904223;
        int64_t len_us = 30000 + (seed >> 8) % 3000000, from_us = n % 3 ? (seed >> 4) % 2000000 : 0, gap_us = n % 5 ? 0 : (seed >> 10) % 700000;
        /* a reel as ingest makes it: its last frame reaches over the end of the picture. Every fourth is shown to its end */
        int64_t end_us = n % 4 ? 6000000 : from_us + len_us;
        int64_t frames = (int64_t)((double)end_us / frame_us) + 1, reel_us = (int64_t)((double)frames * frame_us + 0.5);
        struct reelidx_fragment f = { .start_us = -21333, .duration_us = (uint32_t)(reel_us + 21333) };
        struct reelidx x = { .codec = FMP4_AAC, .sample_rate = 48000, .fragment_count = 1, .fragments = &f };
        int64_t silent_us = reelspan_silence_us(tape_us, tape_us + gap_us), a = from_us, b = from_us + len_us;
        tape_us += gap_us;
        shown_us += (double)silent_us;
        reelspan_sound(&x, tape_us, &a, &b);
        assert_true(a >= 0 && b <= reel_us + 1 && b >= a);
        assert_in_range(a, from_us - VCR_MIN(from_us, 32000), from_us + 10667);
        double count = (double)(b - a) / frame_us;
        assert_true(count - (double)(int64_t)(count + 0.5) < 0.001 && count - (double)(int64_t)(count + 0.5) > -0.001);
        tape_us += len_us;
        shown_us += (double)(int64_t)(count + 0.5) * frame_us;
        assert_true(shown_us - (double)tape_us < frame_us / 2 + 500 && (double)tape_us - shown_us < frame_us / 2 + 500);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bridge_holds_the_pictures_from_the_cut_to_the_edge),
        cmocka_unit_test(where_no_picture_begins_the_one_that_is_on_is_held),
        cmocka_unit_test(the_tail_ends_at_the_cut),
        cmocka_unit_test(sounds_are_copied_with_their_times),
        cmocka_unit_test(where_nothing_begins_there_is_no_bridge),
        cmocka_unit_test(a_damaged_reel_ends_with_a_reason_and_no_bridge),
        cmocka_unit_test(unrecorded_tape_lasts_as_long_as_it_is),
        cmocka_unit_test(whole_fragments_and_edges_make_up_every_stretch),
        cmocka_unit_test(sound_stays_at_its_place_however_often_a_tape_is_cut),
    };
    return cmocka_run_group_tests(tests, make_reels, kit_close);
}
