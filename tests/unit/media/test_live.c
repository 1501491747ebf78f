/* test_live.c - vcr-ingest --live: which pictures are passed through and which are encoded anew, and that times, sound and keys are as a viewer and a recorder need
 * them, whatever a sender does. ffmpeg makes the streams. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/packet.h"
#include "base/util.h"
#include "kit.h"
#include "live_kit.h"
#include "media/decode.h"
#include "media/ingest/live.h"
#include "wire/fmp4.h"

#define PICTURE(size, rate, s) " -f lavfi -i testsrc2=s=" size ":r=" rate ":d=" s " "
#define TONE(s) " -f lavfi -i sine=f=440:r=48000:d=" s " "
#define BASELINE " -c:v libx264 -preset ultrafast -profile:v baseline -pix_fmt yuv420p -b:v 2M -bf 0 -sc_threshold 0 "

static struct live_kit kit;

static int close_kit(void **state)
{
    live_kit_free(&kit);
    memset(&kit, 0, sizeof(kit));
    return 0;
}

/* ffmpeg's words between "ffmpeg" and the file. */
static void make(const char *file, const char *how) { assert_int_equal(shell("cd %s && ffmpeg -y -v error %s %s", dir, how, file), 0); }

static void run(const char *how)
{
    make("in.ts", how);
    live_kit_run(&kit, "ts", "in.ts");
    if (getenv("VCR_TEST_NOTES"))
        fprintf(stderr, "%s", kit.notes);
    assert_int_equal(kit.status, 0);
}

static bool passed(void) { return kit.format_count[LIVE_VIDEO] > 0 && kit.formats[LIVE_VIDEO][0].passed_through; }

/* Times rise; each track's steps are at most so long; keys have parameter sets before them and come every second or so. */
static void check_track(int track, int64_t step_most_us)
{
    int64_t key_us = 0;
    assert_true(kit.count[track] > 2);
    for (int i = 0; i < kit.count[track]; i++) {
        const struct live_kit_packet *p = &kit.packets[track][i];
        if (i > 0 && !(p->pts_us > p[-1].pts_us && p->pts_us - p[-1].pts_us <= step_most_us))
            fail_msg("track %d, packet %d: %lld us after the last", track, i, (long long)(p->pts_us - p[-1].pts_us));
        if (track != LIVE_VIDEO)
            continue;
        const uint8_t *nal;
        size_t pos = 0, n;
        bool sps = false, idr = false;
        while (fmp4_next_nal(kit.bytes + p->at, p->len, &pos, &nal, &n)) {
            sps = sps || (nal[0] & 31) == 7;
            idr = idr || (nal[0] & 31) == 5;
        }
        assert_int_equal(idr, (p->flags & PACKET_KEY) != 0);
        assert_true(!idr || sps);
        assert_true(i > 0 || idr);
        if (idr)
            key_us = p->pts_us;
        if (p->pts_us - key_us > 1300000)
            fail_msg("no key frame for %lld us", (long long)(p->pts_us - key_us));
    }
}

static void check_sound(void)
{
    check_track(LIVE_OPUS, 21000);
    check_track(LIVE_AAC, 22500);
    for (int t = LIVE_OPUS; t <= LIVE_AAC; t++) {
        assert_true(fabs((double)(kit.packets[t][0].pts_us - kit.packets[LIVE_VIDEO][0].pts_us)) < 50000);
        assert_true(live_kit_seconds(&kit, t) > live_kit_seconds(&kit, LIVE_VIDEO) - 1.4);
    }
}

static void what_qualifies_is_not_touched(void **state)
{
    static const char *const ways[] = {
        PICTURE("720x480", "30000/1001", "5") TONE("5") BASELINE "-g 30 -c:a aac",
        PICTURE("640x360", "25", "5") TONE("5") "-c:v libx264 -preset ultrafast -profile:v main -pix_fmt yuv420p -b:v 1M -bf 0 -g 25 -c:a mp2",
        PICTURE("640x360", "50", "5") "-c:v libx264 -preset superfast -pix_fmt yuv420p -b:v 1M -bf 0 -g 25 -mpegts_flags resend_headers",
    };
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        run(ways[i]);
        assert_true(passed());
        assert_int_equal(kit.format_count[LIVE_VIDEO], 1);
        check_track(LIVE_VIDEO, 41000);
        check_sound();
        assert_true(live_kit_seconds(&kit, LIVE_VIDEO) > 3.4); /* from the second key frame on */
        /* Bit by bit what ffmpeg takes out of the same stream. */
        assert_int_equal(shell("cd %s && ffmpeg -y -v error -i in.ts -c copy -bsf:v filter_units=remove_types=9 -f h264 plain.h264", dir), 0);
        char path[128];
        snprintf(path, sizeof(path), "%s/plain.h264", dir);
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        static uint8_t plain[8 << 20];
        size_t len = fread(plain, 1, sizeof(plain), f), at = 0, pos = 0, n;
        fclose(f);
        const uint8_t *nal, *from = NULL;
        int compared = 0;
        for (int k = 0; k < kit.count[LIVE_VIDEO]; k++) {
            const struct live_kit_packet *p = &kit.packets[LIVE_VIDEO][k];
            for (pos = 0; fmp4_next_nal(kit.bytes + p->at, p->len, &pos, &nal, &n);) {
                if ((nal[0] & 31) > 5)
                    continue;
                from = memmem(plain + at, len - at, nal, n);
                assert_non_null(from);
                at = (size_t)(from - plain) + n;
                compared++;
            }
        }
        assert_true(compared >= kit.count[LIVE_VIDEO]);
        close_kit(NULL);
    }
}

static void what_does_not_is_encoded(void **state)
{
    static const struct { const char *how; int width, height; double rate, shape; } ways[] = {
        { PICTURE("640x360", "30", "4") TONE("4") "-c:v libx264 -preset veryfast -bf 2 -g 30 -pix_fmt yuv420p -c:a aac", 640, 360, 30, 16.0 / 9 },
        { PICTURE("640x360", "25", "5") "-c:v libx264 -preset ultrafast -bf 0 -g 250 -pix_fmt yuv420p", 640, 360, 25, 16.0 / 9 },
        { PICTURE("720x480", "60000/1001", "4") TONE("4") "-vf tinterlace=interleave_top,fieldorder=tff,setsar=8/9 -c:v mpeg2video -flags +ilme+ildct -b:v 6M -g 15 -bf 2 -c:a mp2",
          720, 480, 59.94, 4.0 / 3 },
        { PICTURE("720x576", "50", "4") TONE("4") "-vf tinterlace=interleave_top,setsar=64/45 -c:v mpeg2video -flags +ilme+ildct -b:v 6M -g 12 -c:a ac3 -ac 2", 720, 576, 50, 16.0 / 9 },
        { PICTURE("1920x1080", "25", "2") "-c:v libx264 -preset ultrafast -bf 0 -g 25 -pix_fmt yuv420p", 0, 0, 25, 16.0 / 9 },
        { PICTURE("640x360", "25", "4") "-c:v libx264 -preset ultrafast -bf 0 -g 25 -pix_fmt yuv444p", 640, 360, 25, 16.0 / 9 },
    };
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        run(ways[i].how);
        const struct live_format *f = &kit.formats[LIVE_VIDEO][0];
        assert_int_equal(kit.format_count[LIVE_VIDEO], 1);
        assert_false(f->passed_through);
        if (ways[i].width) {
            assert_int_equal(f->width, ways[i].width);
            assert_int_equal(f->height, ways[i].height);
        }
        assert_true((f->width + 15) / 16 * ((f->height + 15) / 16) <= 3600);
        assert_true(fabs((double)f->width * f->sar_num / f->sar_den / f->height - ways[i].shape) < 0.02);
        check_track(LIVE_VIDEO, 101000);
        check_sound();
        double rate = (kit.count[LIVE_VIDEO] - 1) / live_kit_seconds(&kit, LIVE_VIDEO);
        if (rate > ways[i].rate * 1.03 || rate < ways[i].rate * 0.7) /* a busy machine leaves some out, on purpose */
            fail_msg("way %zu: %.2f pictures a second", i, rate);
        close_kit(NULL);
    }
}

/* Decoded luma and loudness over time. */
static double flash_at(void)
{
    struct video_decoder *d = NULL;
    double at = -1;
    assert_int_equal(video_decoder_open(&d, NULL), VCR_OK);
    for (int i = 0; i < kit.count[LIVE_VIDEO] && at < 0; i++) {
        const struct live_kit_packet *p = &kit.packets[LIVE_VIDEO][i];
        struct frame *f = NULL;
        if (video_decode(d, kit.bytes + p->at, p->len, &f, NULL) != VCR_OK)
            continue;
        if (f->picture.plane[0][f->picture.height / 2 * f->picture.stride[0] + f->picture.width / 2] > 150)
            at = (double)p->pts_us / 1e6;
        frame_unref(&f);
    }
    video_decoder_close(&d);
    return at;
}

static double beep_at(void)
{
    struct audio_decoder *d = NULL;
    static int16_t pcm[AUDIO_FRAMES_MAX * 2];
    double at = -1;
    int n;
    assert_int_equal(audio_decoder_open(&d, NULL), VCR_OK);
    for (int i = 0; i < kit.count[LIVE_OPUS] && at < 0; i++) {
        const struct live_kit_packet *p = &kit.packets[LIVE_OPUS][i];
        if (audio_decode(d, kit.bytes + p->at, p->len, pcm, &n, NULL) != VCR_OK)
            continue;
        for (int k = 0; k < n && at < 0; k++)
            if (abs(pcm[2 * k]) > 6000)
                at = (double)p->pts_us / 1e6 + k / 48000.0; /* pts is of what was put in; decoders give it later by the priming, which pts has off already */
    }
    audio_decoder_close(&d);
    return at;
}

#define FLASH(rate) " -f lavfi -i \"color=black:s=320x240:r=" rate ":d=6,drawbox=c=white:t=fill:enable='between(t,4-.001,4.1)'\""
#define BEEP " -f lavfi -i \"aevalsrc=.6*sin(6283*t)*between(t\\,4\\,4.1):s=44100:d=6\" "

static void sound_stays_with_the_picture(void **state)
{
    static const char *const ways[] = {
        FLASH("25") BEEP "-c:v libx264 -preset ultrafast -bf 0 -g 25 -pix_fmt yuv420p -c:a aac -ar 48000",
        FLASH("30000/1001") BEEP "-c:v libx264 -preset veryfast -bf 3 -g 60 -pix_fmt yuv420p -c:a mp2 -ar 44100",
        FLASH("25") BEEP "-c:v mpeg2video -b:v 2M -g 12 -c:a ac3 -ar 32000 -output_ts_offset 90000",
    };
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        run(ways[i]);
        double flash = flash_at(), beep = beep_at();
        assert_true(flash > 0 && beep > 0);
        if (fabs(flash - beep) > 0.030)
            fail_msg("way %zu: the beep comes %.3f s after the flash", i, beep - flash);
        close_kit(NULL);
    }
}

static void a_clock_that_jumps(void **state)
{
    make("one.ts", PICTURE("320x240", "25", "3") TONE("3") BASELINE "-g 25 -c:a aac -output_ts_offset 5000");
    make("two.ts", PICTURE("320x240", "25", "3") TONE("3") BASELINE "-g 25 -c:a aac -output_ts_offset 10");
    assert_int_equal(shell("cd %s && cat one.ts two.ts > in.ts", dir), 0);
    live_kit_run(&kit, "ts", "in.ts");
    assert_true(passed());
    check_track(LIVE_VIDEO, 1000000);
    check_track(LIVE_OPUS, 1000000);
    assert_true(live_kit_seconds(&kit, LIVE_VIDEO) < 6);
    assert_true(live_kit_seconds(&kit, LIVE_VIDEO) > 4);
    int jumps = 0;
    for (int i = 1; i < kit.count[LIVE_VIDEO]; i++)
        jumps += (kit.packets[LIVE_VIDEO][i].flags & PACKET_DISCONT) != 0;
    assert_int_equal(jumps, 1);
}

static void another_picture_in_the_middle(void **state)
{
    make("one.ts", PICTURE("320x240", "25", "3") TONE("3") BASELINE "-g 25 -c:a aac");
    make("two.ts", PICTURE("352x288", "25", "3") TONE("3") "-c:v mpeg2video -b:v 2M -g 12 -c:a mp2 -output_ts_offset 3");
    make("three.ts", PICTURE("640x360", "25", "9") TONE("9") BASELINE "-g 25 -c:a aac -output_ts_offset 6");
    assert_int_equal(shell("cd %s && cat one.ts two.ts three.ts > in.ts", dir), 0);
    live_kit_run(&kit, "ts", "in.ts");
    assert_int_equal(kit.status, 0);
    int n = kit.format_count[LIVE_VIDEO];
    if (getenv("VCR_TEST_NOTES"))
        fprintf(stderr, "%s", kit.notes);
    assert_true(n >= 3);
    assert_int_equal(kit.formats[LIVE_VIDEO][0].width, 320);
    assert_int_equal(kit.formats[LIVE_VIDEO][1].width, 352);
    assert_int_equal(kit.formats[LIVE_VIDEO][n - 1].width, 640);
    for (int i = 1; i < kit.count[LIVE_VIDEO]; i++)
        assert_true(kit.packets[LIVE_VIDEO][i].pts_us > kit.packets[LIVE_VIDEO][i - 1].pts_us);
}

static void what_is_missing(void **state)
{
    run(PICTURE("320x240", "25", "4") BASELINE "-g 25");
    check_track(LIVE_VIDEO, 41000);
    check_track(LIVE_OPUS, 21000); /* silence */
    assert_true(live_kit_seconds(&kit, LIVE_OPUS) > 1.5);
    close_kit(NULL);
    run(TONE("4") "-c:a aac"); /* no picture: nothing to watch */
    for (int t = 0; t < LIVE_TRACKS; t++)
        assert_int_equal(kit.count[t], 0);
}

static void bytes_of_chance(void **state)
{
    assert_int_equal(shell("cd %s && head -c 3000000 /dev/urandom > junk && head -c 2000000 /dev/zero > zeros && yes G 2>/dev/null | tr -d '\\n' 2>/dev/null | head -c 1000000 > syncs", dir), 0);
    static const char *const files[] = { "junk", "zeros", "syncs", "empty" };
    shell("cd %s && : > empty", dir);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        live_kit_run(&kit, "ts", files[i]);
        assert_int_equal(kit.status, 0);
        assert_int_equal(kit.count[LIVE_VIDEO], 0);
        close_kit(NULL);
        live_kit_run(&kit, "packets", files[i]);
        assert_true(kit.status == 0 || kit.status == 1); /* it may give up, not crash */
        close_kit(NULL);
    }
    /* A stream with holes, bits turned, and junk in front. */
    make("good.ts", PICTURE("320x240", "25", "6") TONE("6") BASELINE "-g 25 -c:a aac");
    assert_int_equal(shell("cd %s && { head -c 100001 junk; cat good.ts; } > in.ts && python3 -c \"\nimport random\nrandom.seed(7)\nb = bytearray(open('in.ts', 'rb').read())\n"
                           "for i in range(60): b[random.randrange(100001, len(b))] ^= 1 << random.randrange(8)\ndel b[300000:300700]\nopen('in.ts', 'wb').write(b)\"", dir), 0);
    live_kit_run(&kit, "ts", "in.ts");
    assert_int_equal(kit.status, 0);
    assert_true(live_kit_seconds(&kit, LIVE_VIDEO) > 2);
    for (int i = 1; i < kit.count[LIVE_VIDEO]; i++)
        assert_true(kit.packets[LIVE_VIDEO][i].pts_us > kit.packets[LIVE_VIDEO][i - 1].pts_us);
}

/* What came out of one goes into another, as a WHIP publisher's would. */
static void whole_packets(void **state)
{
    char path[128];
    uint8_t head[LIVE_HEAD_BYTES];
    struct live_kit first;
    run(PICTURE("320x240", "30", "6") TONE("6") BASELINE "-g 30 -c:a aac");
    first = kit;
    snprintf(path, sizeof(path), "%s/messages", dir);
    FILE *f = fopen(path, "w");
    for (int v = 0, a = 0; v < first.count[LIVE_VIDEO] || a < first.count[LIVE_OPUS];) {
        bool video = v < first.count[LIVE_VIDEO] && (a == first.count[LIVE_OPUS] || first.packets[LIVE_VIDEO][v].pts_us <= first.packets[LIVE_OPUS][a].pts_us);
        const struct live_kit_packet *p = video ? &first.packets[LIVE_VIDEO][v++] : &first.packets[LIVE_OPUS][a++];
        live_head_write(head, &(struct live_head){ video ? PACKET_VIDEO : PACKET_AUDIO, p->flags & PACKET_KEY, (uint32_t)p->len, p->pts_us });
        fwrite(head, 1, sizeof(head), f);
        fwrite(first.bytes + p->at, 1, p->len, f);
    }
    fclose(f);
    live_kit_run(&kit, "packets", "messages");
    assert_int_equal(kit.status, 0);
    assert_true(passed());
    check_track(LIVE_VIDEO, 41000);
    check_sound();
    int skipped = first.count[LIVE_VIDEO] - kit.count[LIVE_VIDEO];
    assert_true(skipped > 0 && skipped <= 31); /* the look at it lasts to its second key frame */
    for (int i = 0; i < kit.count[LIVE_VIDEO]; i++) {
        const struct live_kit_packet *was = &first.packets[LIVE_VIDEO][skipped + i], *is = &kit.packets[LIVE_VIDEO][i];
        assert_int_equal(was->len, is->len);
        assert_memory_equal(first.bytes + was->at, kit.bytes + is->at, is->len);
        assert_int_equal(was->pts_us - first.packets[LIVE_VIDEO][skipped].pts_us, is->pts_us - kit.packets[LIVE_VIDEO][0].pts_us);
    }
    live_kit_free(&first);
}

/* ---- times alone ---- */
enum { V = LIVE_IN_VIDEO, A = LIVE_IN_AUDIO };

static void times_follow_the_clock(void **state)
{
    struct live_times t = { 0 };
    bool jumped;
    const int64_t now = INT64_C(50000000000), s = 1000000;
    static const struct { int track; int64_t in_ms, now_ms, out_ms; bool jumped; } script[] = {
        { V, 900000, 0, 0, false }, { A, 900010, 5, 10, false }, { V, 900040, 40, 40, false }, { A, 900030, 41, 30, false },
        { V, 900080, 300, 80, false },      /* came late, is not late */
        { V, 905080, 5080, 5080, false },   /* nothing for five seconds: a hole stays a hole */
        { V, 10, 5120, 5120, true },        /* begun anew: goes on */
        { A, 905090, 5130, 5090, false },   /* sound of before the jump */
        { A, 20, 5160, 5130, true },        /* and its own jump gets the picture's offset */
        { V, 50, 5161, 5160, false }, { V, 20000, 5200, 5199, true },
        { A, 20010, 5210, 5209, true }, { V, 20040, 5240, 5239, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(script); i++) {
        int64_t out = live_times_map(&t, script[i].track, script[i].in_ms * 1000, now + script[i].now_ms * 1000, &jumped);
        if (out != now + script[i].out_ms * 1000 || jumped != script[i].jumped)
            fail_msg("step %zu: %lld, not %lld, jumped %d", i, (long long)((out - now) / 1000), (long long)script[i].out_ms, jumped);
    }
    struct live_times odd = { 0 };
    static const int64_t wild[] = { 0, INT64_MAX, INT64_MIN + 1, 5, INT64_MAX / 2, -1, INT64_MIN / 2 };
    for (size_t i = 0; i < ARRAY_LEN(wild); i++) {
        int64_t out = live_times_map(&odd, (int)(i & 1), wild[i], now + (int64_t)i * s, &jumped);
        assert_true(out > now - 60 * s && out < now + 60 * s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_follow_the_clock), cmocka_unit_test_teardown(whole_packets, close_kit),
        cmocka_unit_test_teardown(what_qualifies_is_not_touched, close_kit), cmocka_unit_test_teardown(what_does_not_is_encoded, close_kit),
        cmocka_unit_test_teardown(sound_stays_with_the_picture, close_kit), cmocka_unit_test_teardown(a_clock_that_jumps, close_kit),
        cmocka_unit_test_teardown(another_picture_in_the_middle, close_kit), cmocka_unit_test_teardown(what_is_missing, close_kit),
        cmocka_unit_test_teardown(bytes_of_chance, close_kit),
    };
    return cmocka_run_group_tests(tests, kit_open, kit_close);
}
