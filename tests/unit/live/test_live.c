/* test_live.c - a live programme as its players see it: lists, parts, blocking, gaps, the end. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "kit.h"
#include "wire/reelcut.h"
#include "wire/reelwalk.h"

enum { START_US = 77000000 };

static int setup(void **state)
{
    struct kit *k = vcr_alloc(sizeof(*k));
    kit_open(k, "one");
    *state = k;
    return 0;
}
static int teardown(void **state)
{
    struct kit *k = *state;
    kit_close(k);
    free(k);
    return 0;
}

static int count(const char *text, const char *what)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
        n++;
    return n;
}
static long long number(const char *text, const char *tag)
{
    const char *p = strstr(text, tag);
    return p ? atoll(p + strlen(tag)) : -1;
}

/* Every fragment and part of both tracks: whole, times without a break, what the list says of their lengths. */
static void check_media(struct kit *k, bool audio, int64_t from, int64_t to)
{
    static struct reelidx_part parts[REELWALK_SAMPLES_MAX];
    static struct reelidx_sample samples[REELWALK_SAMPLES_MAX];
    struct reelwalk_fragment f = { .parts = parts, .samples = samples };
    uint64_t next = 0;
    for (int64_t msn = from; msn <= to; msn++) {
        struct kit_get *g = kit_get(k, NULL, audio ? PROGRAMME_GET_AUDIO_SEGMENT : PROGRAMME_GET_VIDEO_SEGMENT, msn, -1, false);
        assert_true(g->answered && g->err == VCR_OK);
        assert_int_equal(reelwalk_fragment(&f, audio ? FMP4_AAC : FMP4_H264, audio ? 48000 : 120000, (uint8_t *)g->body.data, g->body.len, NULL), VCR_OK);
        if (msn > from)
            assert_int_equal(f.tfdt, next);
        next = f.end_ticks;
        size_t at = 0;
        for (uint32_t i = 0; i < f.record.part_count && !g->from_file; i++) {
            struct kit_get *part = kit_get(k, NULL, audio ? PROGRAMME_GET_AUDIO_PART : PROGRAMME_GET_VIDEO_PART, msn, (int)i, false);
            assert_true(part->answered && part->err == VCR_OK);
            assert_memory_equal(part->body.data, g->body.data + at, part->body.len);
            at += part->body.len;
            kit_get_free(part);
        }
        kit_get_free(g);
    }
}

static void lists_say_what_is_there(void **state)
{
    struct kit *k = *state;
    kit_play(k, START_US, 10100000);
    char *video = kit_list(k, PROGRAMME_GET_VIDEO_LIST, false), *audio = kit_list(k, PROGRAMME_GET_AUDIO_LIST, false), *top = kit_list(k, PROGRAMME_GET_LIST, false);
    assert_non_null(strstr(top, "CODECS=\"avc1.42c01e,mp4a.40.2\",RESOLUTION=768x576,FRAME-RATE=25.000,AUDIO=\"audio\"\nvideo.m3u8\n"));
    assert_int_equal(count(video, "#EXTINF:1.00000,\n"), 10);
    assert_int_equal(count(video, "\nvideo/9.m4s\n"), 1);
    assert_int_equal(number(video, "#EXT-X-MEDIA-SEQUENCE:"), 0);
    assert_int_equal(number(video, "#EXT-X-TARGETDURATION:"), 2);
    assert_non_null(strstr(video, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.00200,HOLD-BACK=6,CAN-SKIP-UNTIL=12\n"));
    assert_non_null(strstr(video, "#EXT-X-PART-INF:PART-TARGET=0.33400\n"));
    assert_non_null(strstr(video, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"video/10.0.m4s\"\n"));
    assert_non_null(strstr(video, "#EXT-X-RENDITION-REPORT:URI=\"audio.m3u8\",LAST-MSN="));
    /* The first picture was at 77 s of a clock whose zero is 13:06:40. */
    assert_non_null(strstr(video, "#EXT-X-MAP:URI=\"video/init-0.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:2024-11-25T13:07:57.000Z\n#EXTINF"));
    /* Parts of the last six seconds only; each fragment of 25 pictures is 8, 8, 8 and 1. */
    assert_int_equal(count(video, "#EXT-X-PART:DURATION=0.32000,URI=\"video/9.0.m4s\",INDEPENDENT=YES\n"), 1);
    assert_int_equal(count(video, "#EXT-X-PART:DURATION=0.32000,URI=\"video/9.1.m4s\"\n"), 1);
    assert_int_equal(count(video, "URI=\"video/3."), 0);
    assert_int_equal(count(video, "URI=\"video/4."), 4);
    assert_int_equal(count(video, "ENDLIST"), 0);
    assert_int_equal(count(audio, "#EXTINF:"), 10);
    check_media(k, false, 0, 9);
    check_media(k, true, 0, 9);
    free(video);
    free(audio);
    free(top);
}

static void old_segments_leave_the_window(void **state)
{
    struct kit *k = *state;
    kit_play(k, START_US, 60040000);
    char *video = kit_list(k, PROGRAMME_GET_VIDEO_LIST, false), *update = kit_list(k, PROGRAMME_GET_VIDEO_LIST, true);
    long long first = number(video, "#EXT-X-MEDIA-SEQUENCE:");
    assert_in_range(first, 29, 30);
    assert_int_equal(count(video, "#EXTINF"), 60 - first);
    /* An update leaves out what ends 12 s before the end, and nothing else. */
    long long skipped = number(update, "#EXT-X-SKIP:SKIPPED-SEGMENTS=");
    assert_int_equal(number(update, "#EXT-X-MEDIA-SEQUENCE:"), first);
    assert_in_range(skipped, 17, 19);
    assert_int_equal(count(update, "#EXTINF"), 60 - first - skipped);
    const char *tail = strstr(video, "#EXTINF:1.00000,\nvideo/55.m4s\n");
    assert_non_null(tail);
    assert_non_null(strstr(update, tail));
    /* What left the list is there a while longer, then gone. */
    struct kit_get *g = kit_get(k, NULL, PROGRAMME_GET_VIDEO_SEGMENT, first - 3, -1, false);
    assert_int_equal(g->err, VCR_OK);
    kit_get_free(g);
    g = kit_get(k, NULL, PROGRAMME_GET_VIDEO_SEGMENT, first - 12, -1, false);
    assert_true(g->answered && g->err == VCR_E_NOT_FOUND);
    kit_get_free(g);
    free(video);
    free(update);
}

/* ---- blocking: the same thread feeds and runs the loop ---- */
static void drain(struct loop *loop)
{
    for (int i = 0; i < 3; i++)
        uv_run(loop_uv(loop), UV_RUN_NOWAIT);
}

static void a_list_is_held_until_it_has_what_was_asked(void **state)
{
    struct kit *k = *state;
    struct loop *loop = NULL;
    assert_int_equal(loop_open(&loop, "player", NULL), VCR_OK);
    int64_t at_us = kit_play(k, START_US, 3000000); /* 0..1 are whole, of 2 three parts and one picture that waits */
    static const struct { int64_t msn; int part; int64_t until_us; const char *has; } asked[] = {
        { 2, 3, 3040000, "video/2.3.m4s" },             /* the fragment's last part, with the next key frame */
        { 2, -1, 3040000, "\nvideo/2.m4s\n" },          /* without a part: the whole segment (OvenMediaEngine 2207) */
        { 2, 4, 3360000, "video/3.0.m4s" },             /* one part too many is the next segment's first (hls.js 3784) */
        { 2, 8, 3360000, "video/3.0.m4s" },
        { 3, 0, 3360000, "video/3.0.m4s" },
        { 3, 1, 3680000, "video/3.1.m4s" },
        { 3, -1, 4040000, "\nvideo/3.m4s\n" },
    };
    struct kit_get *g[ARRAY_LEN(asked)];
    for (size_t i = 0; i < ARRAY_LEN(asked); i++)
        g[i] = kit_get(k, loop, PROGRAMME_GET_VIDEO_LIST, asked[i].msn, asked[i].part, i % 2);
    for (; at_us < START_US + 4400000; at_us += KIT_FRAME_US) {
        drain(loop);
        for (size_t i = 0; i < ARRAY_LEN(asked); i++)
            assert_int_equal(g[i]->answered, at_us - START_US >= asked[i].until_us); /* media3 2317: never early */
        kit_picture(k, at_us);
    }
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        assert_int_equal(g[i]->err, VCR_OK);
        assert_non_null(strstr(g[i]->body.data, asked[i].has));
        assert_int_equal(g[i]->max_age_s, 12);
        kit_get_free(g[i]);
    }
    loop_close(&loop);
}

static void refusals(void **state)
{
    struct kit *k = *state;
    static const struct { enum programme_want want; int64_t msn; int part; enum vcr_err err; } asked[] = {
        { PROGRAMME_GET_VIDEO_LIST, -1, 1, VCR_E_MALFORMED },    /* a part of nothing */
        { PROGRAMME_GET_VIDEO_LIST, 4, 0, VCR_E_MALFORMED },     /* 1 is the last whole one: 3 at most */
        { PROGRAMME_GET_VIDEO_LIST, 4, -1, VCR_E_MALFORMED },
        { PROGRAMME_GET_VIDEO_LIST, 2, 13, VCR_E_MALFORMED },    /* more than three seconds of parts ahead */
        { PROGRAMME_GET_VIDEO_LIST, 0, 0, VCR_OK },              /* long there */
        { PROGRAMME_GET_VIDEO_LIST, 1, 3, VCR_OK },
        { PROGRAMME_GET_VIDEO_LIST, 1, 4, VCR_OK },              /* rolls over to 2.0, which is there */
        { PROGRAMME_GET_VIDEO_PART, 1, 4, VCR_E_NOT_FOUND },
        { PROGRAMME_GET_VIDEO_PART, 3, 0, VCR_E_NOT_FOUND },     /* not the one that was hinted at */
        { PROGRAMME_GET_VIDEO_PART, 2, 4, VCR_E_NOT_FOUND },
        { PROGRAMME_GET_VIDEO_SEGMENT, 3, -1, VCR_E_NOT_FOUND },
        { PROGRAMME_GET_VIDEO_INIT, 1, -1, VCR_E_NOT_FOUND },
        { PROGRAMME_GET_VIDEO_INIT, 0, -1, VCR_OK },
        { PROGRAMME_GET_AUDIO_INIT, 0, -1, VCR_OK },
    };
    kit_play(k, START_US, 3000000);
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        struct kit_get *g = kit_get(k, NULL, asked[i].want, asked[i].msn, asked[i].part, false);
        assert_true(g->answered);
        assert_int_equal(g->err, asked[i].err);
        kit_get_free(g);
    }
}

static void hinted_parts_wait_and_time_runs_out(void **state)
{
    struct kit *k = *state;
    struct loop *loop = NULL;
    assert_int_equal(loop_open(&loop, "player", NULL), VCR_OK);
    /* Before anything was seen: all wait. */
    struct kit_get *top = kit_get(k, loop, PROGRAMME_GET_LIST, -1, -1, false), *list = kit_get(k, loop, PROGRAMME_GET_VIDEO_LIST, -1, -1, false),
                   *init = kit_get(k, loop, PROGRAMME_GET_VIDEO_INIT, 0, -1, false), *late = kit_get(k, loop, PROGRAMME_GET_AUDIO_LIST, 1, -1, false);
    assert_false(top->answered || list->answered || init->answered);
    int64_t at_us = kit_play(k, START_US, 1000000);
    drain(loop);
    assert_true(top->answered && list->answered && init->answered && !late->answered);
    assert_true(top->err == VCR_OK && list->err == VCR_OK && init->err == VCR_OK && init->body.len > 100);
    struct kit_get *part = kit_get(k, loop, PROGRAMME_GET_VIDEO_PART, 0, 3, false), *segment = kit_get(k, loop, PROGRAMME_GET_VIDEO_SEGMENT, 0, -1, false);
    assert_false(part->answered || segment->answered);
    kit_play(k, at_us, KIT_FRAME_US);
    drain(loop);
    assert_true(part->answered && part->err == VCR_OK && segment->answered && segment->err == VCR_OK);
    /* Nothing more comes. */
    programmes_tick(k->set, clock_mono_us() + PROGRAMME_WAIT_US / 2);
    drain(loop);
    assert_false(late->answered);
    programmes_tick(k->set, clock_mono_us() + PROGRAMME_WAIT_US + 1000000);
    drain(loop);
    assert_true(late->answered && late->err == VCR_E_BUSY);
    struct kit_get *all[] = { top, list, init, late, part, segment };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        kit_get_free(all[i]);
    loop_close(&loop);
}

/* ---- gaps and ends ---- */
static void a_gap_is_a_discontinuity_in_both_tracks(void **state)
{
    struct kit *k = *state;
    int64_t at_us = kit_play(k, START_US, 3000000);
    k->frame = 10; /* it comes back in the middle of a group: nothing can be shown before the next key frame */
    at_us += 20000000;
    k->sound_us = k->opus_us = at_us;
    kit_play(k, at_us, 3000000);
    char *video = kit_list(k, PROGRAMME_GET_VIDEO_LIST, false), *audio = kit_list(k, PROGRAMME_GET_AUDIO_LIST, false);
    assert_int_equal(count(video, "#EXT-X-DISCONTINUITY\n"), 1);
    assert_int_equal(count(audio, "#EXT-X-DISCONTINUITY\n"), 1);
    assert_int_equal(number(video, "#EXT-X-DISCONTINUITY-SEQUENCE:"), 0);
    /* 15 pictures were left out: 77 + 3 + 20 + 0.6 s. */
    assert_non_null(strstr(video, "video/2.m4s\n#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2024-11-25T13:08:20.600Z\n"));
    const char *behind = strstr(audio, "audio/2.m4s\n#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2024-11-25T13:08:20.6");
    assert_non_null(behind);
    check_media(k, false, 0, 4);
    check_media(k, true, 0, 4);
    free(video);
    free(audio);
    /* Once it has left the list, it is counted: while its segment is still there, and when that is gone. */
    at_us += 3000000;
    for (int i = 0; i < 2; i++) {
        at_us = kit_play(k, at_us, i == 0 ? 31000000 : 14000000);
        video = kit_list(k, PROGRAMME_GET_VIDEO_LIST, false);
        struct kit_get *g = kit_get(k, NULL, PROGRAMME_GET_VIDEO_SEGMENT, 3, -1, false);
        assert_int_equal(g->err, i == 0 ? VCR_OK : VCR_E_NOT_FOUND);
        assert_int_equal(count(video, "#EXT-X-DISCONTINUITY\n"), 0);
        assert_int_equal(number(video, "#EXT-X-DISCONTINUITY-SEQUENCE:"), 1);
        kit_get_free(g);
        free(video);
    }
}

static void short_pauses_are_held_and_missing_sound_is_silence(void **state)
{
    struct kit *k = *state;
    int64_t at_us = kit_play(k, START_US, 2200000);
    at_us = kit_play(k, at_us + 800000, 2000000);                 /* the picture stood for 0.8 s */
    k->sound_us = k->opus_us = INT64_MAX / 2;                     /* and then the sound goes away */
    at_us = kit_play(k, at_us, 5000000);
    k->sound_us = k->opus_us = at_us;                             /* and comes back */
    kit_play(k, at_us, 3000000);
    char *video = kit_list(k, PROGRAMME_GET_VIDEO_LIST, false), *audio = kit_list(k, PROGRAMME_GET_AUDIO_LIST, false);
    assert_int_equal(count(video, "DISCONTINUITY\n") + count(audio, "DISCONTINUITY\n"), 0);
    assert_int_equal(count(video, "#EXTINF"), 12);
    assert_in_range(count(audio, "#EXTINF"), 11, 12);
    check_media(k, false, 0, 11);
    check_media(k, true, 0, 10);
    free(video);
    free(audio);
}

static void another_form_is_another_init_segment(void **state)
{
    struct kit *k = *state;
    int64_t at_us = kit_play(k, START_US, 2000000);
    k->form = 1;
    kit_play(k, at_us, 2040000);
    char *video = kit_list(k, PROGRAMME_GET_VIDEO_LIST, false);
    assert_non_null(strstr(video, "#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"video/init-1.mp4\"\n"));
    assert_int_equal(count(video, "#EXT-X-MAP"), 2);
    struct kit_get *a = kit_get(k, NULL, PROGRAMME_GET_VIDEO_INIT, 0, -1, false), *b = kit_get(k, NULL, PROGRAMME_GET_VIDEO_INIT, 1, -1, false);
    assert_true(a->err == VCR_OK && b->err == VCR_OK && a->body.len == b->body.len && memcmp(a->body.data, b->body.data, a->body.len) != 0);
    kit_get_free(a);
    kit_get_free(b);
    free(video);
}

static void the_end_is_told_and_numbers_never_repeat(void **state)
{
    struct kit *k = *state;
    struct loop *loop = NULL;
    assert_int_equal(loop_open(&loop, "player", NULL), VCR_OK);
    int64_t at_us = kit_play(k, START_US, 2500000);
    struct kit_get *held = kit_get(k, loop, PROGRAMME_GET_VIDEO_LIST, 3, -1, false), *part = kit_get(k, loop, PROGRAMME_GET_VIDEO_PART, 2, 1, false);
    assert_false(held->answered || part->answered);
    programme_end(k->p);
    drain(loop);
    assert_true(held->answered && held->err == VCR_OK && strstr(held->body.data, "\nvideo/2.m4s\n#EXT-X-ENDLIST\n"));
    assert_null(strstr(held->body.data, "PRELOAD-HINT"));
    assert_true(part->answered && part->err == VCR_OK);
    char *audio = kit_list(k, PROGRAMME_GET_AUDIO_LIST, false);
    assert_non_null(strstr(audio, "\naudio/2.m4s\n#EXT-X-ENDLIST\n"));
    free(audio);
    check_media(k, false, 0, 2);
    check_media(k, true, 0, 2);
    struct packet late = { .flags = PACKET_KEY, .pts_us = at_us, .len = 4, .data = (const uint8_t *)"late" };
    assert_int_equal(programme_packet(k->p, PROGRAMME_VIDEO, &late, NULL), VCR_E_CONFLICT);
    kit_get_free(held);
    kit_get_free(part);
    /* The same session goes on air again. */
    struct programme *before = k->p;
    struct programme_config c = kit_config("one");
    assert_int_equal(programme_open(k->set, &k->p, &c, NULL), VCR_OK);
    programme_close(&before);
    k->frame = 0;
    kit_play(k, at_us, 2000000);
    char *video = kit_list(k, PROGRAMME_GET_VIDEO_LIST, false);
    assert_int_equal(number(video, "#EXT-X-MEDIA-SEQUENCE:"), 3);
    free(video);
    assert_int_equal(programme_open(k->set, &before, &c, NULL), VCR_E_CONFLICT);
    loop_close(&loop);
}

static void only_sound(void **state)
{
    struct kit *k = *state;
    struct programme_config c = kit_config("radio");
    struct programme *radio = NULL;
    c.track[PROGRAMME_VIDEO] = false;
    assert_int_equal(programme_open(k->set, &radio, &c, NULL), VCR_OK);
    struct kit other = { .set = k->set, .p = radio, .sound_us = START_US, .opus_us = START_US };
    kit_sound_until(&other, START_US + 5500000);
    char *top = kit_list(&other, PROGRAMME_GET_LIST, false), *audio = kit_list(&other, PROGRAMME_GET_AUDIO_LIST, false);
    assert_non_null(strstr(top, "CODECS=\"mp4a.40.2\"\naudio.m3u8\n"));
    assert_int_equal(count(audio, "#EXTINF"), 5);
    check_media(&other, true, 0, 4);
    struct kit_get *g = kit_get(&other, NULL, PROGRAMME_GET_VIDEO_LIST, -1, -1, false);
    assert_int_equal(g->err, VCR_E_NOT_FOUND);
    kit_get_free(g);
    free(top);
    free(audio);
    programme_close(&radio);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(lists_say_what_is_there), T(old_segments_leave_the_window), T(a_list_is_held_until_it_has_what_was_asked), T(refusals), T(hinted_parts_wait_and_time_runs_out),
        T(a_gap_is_a_discontinuity_in_both_tracks), T(short_pauses_are_held_and_missing_sound_is_silence), T(another_form_is_another_init_segment),
        T(the_end_is_told_and_numbers_never_repeat), T(only_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
