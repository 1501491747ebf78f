/* test_sync.c - a flash and a beep at one time go in; both pairs of reels that come out (clean and AAC, tape and Opus) hold them at one time, however the file keeps
 * its clocks. ffmpeg makes the films and measures what comes out. */
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

#define NEAR_S 0.020

/* Inputs of ffmpeg: black with a white flash, silence with a beep, both from `at` on for a tenth of a second. */
#define FLASH(size, rate, length, at) "-f lavfi -i \"color=black:s=" size ":r=" rate ":d=" length ",drawbox=c=white:t=fill:enable='between(t," at "-.001," at "+.1)'\""

static void make(const char *how)
{
    char last[256];
    assert_int_equal(shell("cd %s && rm -f film* && ffmpeg -v error %s && mv film* film", dir, how), 0);
    assert_int_equal(ingest("--run", "film", last, sizeof(last)), 0);
}

/* wanted negative: anywhere */
static void together(const char *what, const char *video, const char *audio, double wanted)
{
    double flash = flash_of(video, 100, NULL), beep = beep_of(audio, NULL);
    if (flash < 0 || beep < 0 || fabs(flash - beep) > NEAR_S || (wanted >= 0 && fabs(flash - wanted) > NEAR_S))
        fail_msg("%s: flash of %s at %.3f s, beep of %s at %.3f s, wanted at %.3f s", what, video, flash, audio, beep, wanted);
}

static void flash_and_beep_stay_together(void **state)
{
    static const struct { const char *what, *how; double at; } films[] = {
        { "encoded anew", FLASH("320x240", "25", "2", "1") " " BEEP_AT("48000", "2", "1") " -c:v libx264 -c:a aac film.mp4", 1 },
        { "packets kept", FLASH("320x240", "30000/1001", "2", "1.001") " " BEEP_AT("44100", "2", "1.001") " -c:v libx264 -pix_fmt yuv420p -bf 0 -g 15 -c:a aac film.mp4", 1.001 },
        { "interlaced DVD", FLASH("720x576", "50", "2", "1") " " BEEP_AT("48000", "2", "1") " -vf tinterlace=interleave_top,setfield=tff -c:v mpeg2video -flags +ildct+ilme "
          "-top 1 -b:v 4M -c:a mp2 -f dvd film.vob", 1 },
        { "transport stream whose clock begins at an hour", FLASH("320x240", "25", "2", "1") " " BEEP_AT("48000", "2", "1")
          " -c:v mpeg2video -c:a mp2 -output_ts_offset 3600 film.ts", 1 },
        { "sound that starts late", FLASH("320x240", "25", "2", "1.6") " -itsoffset 0.9 " BEEP_AT("48000", "1.1", "0.7") " -c:v libx264 -c:a aac film.mp4", 1.6 },
        { "sound that starts late in Matroska", FLASH("320x240", "30", "2", "1.6") " -itsoffset 0.9 " BEEP_AT("48000", "1.1", "0.7") " -c:v libx264 -c:a libopus film.mkv", 1.6 },
        { "sound that starts early", "-itsoffset 0.6 " FLASH("320x240", "25", "2", "1") " " BEEP_AT("48000", "2.6", "1.6") " -c:v libx264 -c:a aac film.mkv", 1 },
        { "a hole in the sound", FLASH("320x240", "25", "2", "1.6") " " BEEP_AT("48000", "2", "1.6")
          " -af \"aselect='not(between(t,.5,1.1))'\" -c:v libx264 -c:a pcm_s16le film.mkv", 1.6 },
        { "variable frame rate", FLASH("320x240", "60", "2", "1.5") " " BEEP_AT("48000", "2", "1.5") " -vf \"select='not(mod(n,7))+between(t,1.45,1.55)'\" -fps_mode vfr -c:v libx264 "
          "-bf 0 -c:a aac film.mkv", 1.5 },
        { "cut on a telephone, which only notes where it begins", FLASH("320x240", "30", "3", "1.4") " " BEEP_AT("48000", "3", "1.4")
          " -c:v libx264 -g 60 -c:a aac -y -f mp4 whole && ffmpeg -v error -ss 0.5 -i whole -c copy film.mp4", 0.9 },
        { "a stream that begins in the middle of a group", FLASH("320x240", "25", "3", "1.8") " " BEEP_AT("48000", "3", "1.8")
          " -vf noise=alls=9 -c:v mpeg2video -g 30 -bf 2 -c:a mp2 -y whole.ts && tail -c +$(($(stat -c %s whole.ts) / 188 / 8 * 188 + 1)) whole.ts > film.ts", -1 },
        { "mono in AVI", FLASH("320x240", "25", "2", "1") " " BEEP_AT("22050", "2", "1") " -ac 1 -c:v mjpeg -c:a pcm_s16le film.avi", 1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(films); i++) {
        make(films[i].how);
        together(films[i].what, "clean.mp4", "audio.mp4", films[i].at);
        together(films[i].what, "tape.mp4", "opus.mp4", films[i].at);
    }
}

/* Times of a video's pictures from its first on, in ms, as one word a line in the file `list`. */
static void list_times(const char *video, const char *list)
{
    assert_int_equal(shell("cd %s && ffprobe -v error -select_streams v -show_entries frame=pts_time -of csv=p=0 %s | "
                           "awk -F, 'NR == 1 { z = $1 } { printf \"%%.0f\\n\", ($1 - z) * 1000 }' > %s",
                           dir, video, list), 0);
}

static void each_picture_of_a_variable_rate_keeps_its_time(void **state)
{
    make("-f lavfi -i testsrc2=s=320x240:r=60:d=3 -vf \"select='not(mod(n,7))+not(mod(n,11))+between(t,1,1.5)'\" -fps_mode vfr -c:v libx264 -bf 2 film.mkv");
    list_times("film", "wanted");
    list_times("clean.mp4", "found");
    assert_int_equal(shell("cd %s && paste wanted found | awk 'NF != 2 || $1 - $2 > 1 || $2 - $1 > 1 { bad = 1 } END { exit bad || NR < 60 }'", dir), 0);
    struct reelidx x;
    read_index("tape.idx", &x);
    assert_in_range(x.sample_count, 60, 3 * 45); /* each picture once, and where a key must be */
    assert_in_range(x.duration_us, 2950000, 3050000);
    for (uint32_t f = 0; f < x.fragment_count; f++)
        for (uint32_t n = x.fragments[f].first_sample; n < x.fragments[f].first_sample + x.fragments[f].sample_count; n++) { /* at a field of the tape */
            int64_t us = x.fragments[f].start_us + x.samples[n].pts_delta_us, off_us = (us + 500) * 60 % 1001000 / 60;
            assert_in_range(off_us, 400, 600);
        }
    reelidx_free(&x);
}

static void the_sound_ends_with_the_picture(void **state)
{
    static const struct { const char *how; int64_t us; } films[] = {
        { FLASH("320x240", "25", "3", "1") " " BEEP_AT("48000", "1.2", "1") " -c:v libx264 -c:a aac film.mp4", 3000000 },
        { FLASH("320x240", "25", "1.2", "1") " " BEEP_AT("48000", "3", "1") " -c:v libx264 -c:a aac film.mp4", 1200000 },
        { FLASH("320x240", "25", "2", "1") " -itsoffset 1.9 " BEEP_AT("48000", "0.1", "0") " -c:v mpeg2video -c:a mp2 film.ts", 2000000 },
    };
    static const char *const reels[] = { "clean.idx", "audio.idx", "opus.idx", "tape.idx" };
    for (size_t i = 0; i < ARRAY_LEN(films); i++) {
        make(films[i].how);
        for (size_t k = 0; k < ARRAY_LEN(reels); k++) {
            struct reelidx x;
            read_index(reels[k], &x);
            if (llabs(x.duration_us - films[i].us) > 45000)
                fail_msg("film %zu: %s is %lld us long", i, reels[k], (long long)x.duration_us);
            reelidx_free(&x);
        }
    }
}

static void a_silent_film_has_no_sound_reels(void **state)
{
    make(FLASH("320x240", "25", "2", "1") " -c:v libx264 film.mp4");
    assert_int_equal(shell("cd %s && grep -q clean_video report && grep -q tape_video report && ! grep -q 'clean_audio\\|opus' report", dir), 0);
    assert_int_equal(shell("cd %s && test ! -s audio.mp4 && test ! -s audio.idx && test ! -s opus.mp4 && test ! -s opus.idx", dir), 0);
    assert_true(fabs(flash_of("clean.mp4", 100, NULL) - 1) < NEAR_S && fabs(flash_of("tape.mp4", 100, NULL) - 1) < NEAR_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(flash_and_beep_stay_together, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(each_picture_of_a_variable_rate_keeps_its_time, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(the_sound_ends_with_the_picture, kit_open, kit_close),
        cmocka_unit_test_setup_teardown(a_silent_film_has_no_sound_reels, kit_open, kit_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
