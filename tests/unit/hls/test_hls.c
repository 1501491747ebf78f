/* test_hls.c - playlists of made-up reels, read back line by line as a player does. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "deliver/hls/playlist.h"

enum { INIT_BYTES = 714, SEGMENTS_MAX = 4096 };

/* Fragments of the given lengths; sizes vary so that a wrong offset shows. */
static void make_reel(struct reelidx *x, const uint32_t *durations_us, uint32_t count, int64_t start_us)
{
    uint64_t offset = INIT_BYTES;
    *x = (struct reelidx){ .init_size = INIT_BYTES, .fragment_count = count, .fragments = vcr_calloc(count, sizeof(*x->fragments)) };
    for (uint32_t i = 0; i < count; i++) {
        x->fragments[i] = (struct reelidx_fragment){ .offset = offset, .size = 1000 + i % 7 * 113, .start_us = start_us, .duration_us = durations_us[i],
                                                     .first_sample = i * 60, .sample_count = 60, .key_size = 300 + i % 5 * 17 };
        offset += x->fragments[i].size;
        start_us += durations_us[i];
    }
    x->sample_count = count * 60;
    x->duration_us = start_us;
}

/* NTSC pictures at field rate, a key frame each 60: 1.001 s, on whole microseconds. */
static void make_video(struct reelidx *x, uint32_t count)
{
    uint32_t *us = vcr_calloc(count, sizeof(*us));
    for (uint32_t i = 0; i < count; i++)
        us[i] = 1001000;
    make_reel(x, us, count, 0);
    free(us);
    x->width = 720, x->height = 480, x->sar_num = 8, x->sar_den = 9;
    x->bandwidth_bps = 3000000, x->average_bps = 2400000;
    vcr_strcpy(x->codecs, sizeof(x->codecs), "avc1.42c01f");
}

/* AAC at 48 kHz: fragments of 46 frames, the first frame primes the decoder. */
static void make_audio(struct reelidx *x, uint32_t count)
{
    uint32_t *us = vcr_calloc(count, sizeof(*us));
    for (uint32_t i = 0; i < count; i++)
        us[i] = (uint32_t)((int64_t)(i + 1) * 46 * 1024 * 1000000 / 48000 - (int64_t)i * 46 * 1024 * 1000000 / 48000);
    make_reel(x, us, count, -21333);
    free(us);
    x->codec = 1, x->channels = 2, x->sample_rate = 48000;
    x->bandwidth_bps = 170000, x->average_bps = 160000;
    vcr_strcpy(x->codecs, sizeof(x->codecs), "mp4a.40.2");
}

struct list {
    struct buf text;
    int target_s, count, ends;
    int64_t sum_us;
    struct { int64_t us; uint64_t size, offset; } segment[SEGMENTS_MAX];
};

static void open_list(struct list *l)
{
    memset(l, 0, sizeof(*l));
    buf_init(&l->text, 4 << 20);
}

/* Takes the text apart; every EXTINF must have its range and its address. */
static void read_list(struct list *l, const char *uri)
{
    assert_true(buf_ok(&l->text));
    char *copy = vcr_strdup(l->text.data), *rest = copy;
    assert_string_equal(strsep(&rest, "\n"), "#EXTM3U");
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        long long s, us;
        assert_int_equal(l->ends, 0);
        sscanf(line, "#EXT-X-TARGETDURATION:%d", &l->target_s);
        l->ends += strcmp(line, "#EXT-X-ENDLIST") == 0;
        assert_true(line[0] == '#');
        if (sscanf(line, "#EXTINF:%lld.%6lld,", &s, &us) != 2)
            continue;
        assert_true(l->count < SEGMENTS_MAX);
        l->segment[l->count].us = s * 1000000 + us;
        l->sum_us += s * 1000000 + us;
        assert_int_equal(sscanf(strsep(&rest, "\n"), "#EXT-X-BYTERANGE:%" SCNu64 "@%" SCNu64, &l->segment[l->count].size, &l->segment[l->count].offset), 2);
        assert_string_equal(strsep(&rest, "\n"), uri);
        l->count++;
    }
    assert_int_equal(l->ends, 1);
    free(copy);
    for (int i = 0; i < l->count; i++)
        assert_true((l->segment[i].us + 500000) / 1000000 <= l->target_s);
}

static void close_list(struct list *l, struct reelidx *x)
{
    buf_free(&l->text);
    reelidx_free(x);
}

/* The segments lie end to end over all fragments, and each begins where a fragment does. */
static void assert_covers(const struct list *l, const struct reelidx *x)
{
    uint64_t at = x->init_size;
    uint32_t f = 0;
    for (int i = 0; i < l->count; i++) {
        assert_int_equal(l->segment[i].offset, at);
        assert_true(f < x->fragment_count && x->fragments[f].offset == at);
        at += l->segment[i].size;
        while (f < x->fragment_count && x->fragments[f].offset < at)
            f++;
    }
    assert_int_equal(f, x->fragment_count);
    assert_int_equal(at, x->fragments[f - 1].offset + x->fragments[f - 1].size);
}

static void segments_cover_the_tape_once(void **state)
{
    static struct list l;
    struct reelidx x;
    make_video(&x, 7200);
    open_list(&l);
    hls_write_media(&l.text, &x, "video.mp4?v=1");
    read_list(&l, "video.mp4?v=1");
    assert_covers(&l, &x);
    assert_int_equal(l.sum_us, x.duration_us);
    for (int i = 0; i + 1 < l.count; i++)
        assert_in_range(l.segment[i].us, 4000000, 6100000);
    assert_in_range(l.target_s, 4, 6);
    assert_non_null(strstr(l.text.data, "\n#EXT-X-VERSION:7\n"));
    assert_non_null(strstr(l.text.data, "\n#EXT-X-PLAYLIST-TYPE:VOD\n"));
    assert_non_null(strstr(l.text.data, "\n#EXT-X-INDEPENDENT-SEGMENTS\n"));
    assert_non_null(strstr(l.text.data, "\n#EXT-X-MAP:URI=\"video.mp4?v=1\",BYTERANGE=\"714@0\"\n"));
    close_list(&l, &x);
}

static void sound_is_cut_where_the_picture_is(void **state)
{
    static struct list v, a;
    struct reelidx video, audio;
    make_video(&video, 600);
    make_audio(&audio, 612);
    open_list(&v);
    open_list(&a);
    hls_write_media(&v.text, &video, "v");
    hls_write_media(&a.text, &audio, "a");
    read_list(&v, "v");
    read_list(&a, "a");
    assert_covers(&a, &audio);
    /* What only primes the decoder is no time of the tape. */
    assert_int_equal(a.sum_us, audio.duration_us);
    int64_t at_v = 0, at_a = 0;
    for (int i = 0; i < VCR_MIN(v.count, a.count); i++) {
        assert_true(llabs(at_v - at_a) < 1001000);
        at_v += v.segment[i].us;
        at_a += a.segment[i].us;
    }
    assert_true(abs(v.count - a.count) <= 1);
    close_list(&v, &video);
    close_list(&a, &audio);
}

static void odd_fragments_keep_the_target_right(void **state)
{
    static const uint32_t us[] = { 400000, 12600000, 200000, 4999999, 1, 700000 };
    static struct list l;
    struct reelidx x;
    make_reel(&x, us, ARRAY_LEN(us), 0);
    open_list(&l);
    hls_write_media(&l.text, &x, "v");
    read_list(&l, "v");
    assert_covers(&l, &x);
    assert_int_equal(l.sum_us, x.duration_us);
    assert_int_equal(l.target_s, 13);
    close_list(&l, &x);
}

static void a_blink_of_a_tape_still_has_a_target(void **state)
{
    static const uint32_t us[] = { 33367 };
    static struct list l;
    struct reelidx x;
    make_reel(&x, us, 1, 0);
    open_list(&l);
    hls_write_media(&l.text, &x, "v");
    read_list(&l, "v");
    assert_int_equal(l.count, 1);
    assert_int_equal(l.segment[0].us, 33367);
    assert_int_equal(l.target_s, 1);
    close_list(&l, &x);
}

static void key_frames_have_their_own_list(void **state)
{
    static struct list l;
    struct reelidx x;
    make_video(&x, 90);
    open_list(&l);
    hls_write_iframes(&l.text, &x, "video.mp4");
    read_list(&l, "video.mp4");
    assert_non_null(strstr(l.text.data, "\n#EXT-X-I-FRAMES-ONLY\n"));
    assert_non_null(strstr(l.text.data, "\n#EXT-X-MAP:URI=\"video.mp4\",BYTERANGE=\"714@0\"\n"));
    assert_int_equal(l.count, x.fragment_count);
    for (int i = 0; i < l.count; i++) {
        assert_int_equal(l.segment[i].offset, x.fragments[i].offset);
        assert_int_equal(l.segment[i].size, x.fragments[i].key_size);
    }
    assert_int_equal(l.sum_us, x.duration_us);
    close_list(&l, &x);
}

static void the_multivariant_playlist_says_it_all(void **state)
{
    struct reelidx video, audio;
    struct hls_track v, a;
    struct buf b;
    make_video(&video, 60);
    make_audio(&audio, 61);
    hls_describe(&v, &video);
    hls_describe(&a, &audio);
    buf_init(&b, 65536);
    hls_write_multivariant(&b, &v, &a, "t/abc/");
    assert_true(buf_ok(&b));
    assert_memory_equal(b.data, "#EXTM3U\n", 8);
    assert_non_null(strstr(b.data, "\n#EXT-X-INDEPENDENT-SEGMENTS\n"));
    assert_non_null(strstr(b.data, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Sound\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"t/abc/audio.m3u8\"\n"));
    assert_non_null(strstr(b.data, "#EXT-X-STREAM-INF:BANDWIDTH=3170000,AVERAGE-BANDWIDTH=2560000,CODECS=\"avc1.42c01f,mp4a.40.2\",RESOLUTION=640x480,"
                                   "FRAME-RATE=59.940,AUDIO=\"audio\"\nt/abc/video.m3u8\n"));
    const char *keys = strstr(b.data, "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=");
    assert_non_null(keys);
    assert_non_null(strstr(keys, "CODECS=\"avc1.42c01f\",RESOLUTION=640x480,URI=\"t/abc/iframe.m3u8\"\n"));
    buf_free(&b);
    reelidx_free(&video);
    reelidx_free(&audio);
}

static void one_track_alone_will_do(void **state)
{
    struct reelidx video, audio;
    struct hls_track v, a;
    struct buf b;
    make_video(&video, 6);
    make_audio(&audio, 6);
    hls_describe(&v, &video);
    hls_describe(&a, &audio);
    buf_init(&b, 65536);
    hls_write_multivariant(&b, &v, NULL, "");
    assert_null(strstr(b.data, "AUDIO"));
    assert_non_null(strstr(b.data, "CODECS=\"avc1.42c01f\",RESOLUTION=640x480"));
    assert_non_null(strstr(b.data, "\nvideo.m3u8\n"));
    buf_reset(&b);
    hls_write_multivariant(&b, NULL, &a, "");
    assert_non_null(strstr(b.data, "BANDWIDTH=170000,AVERAGE-BANDWIDTH=160000,CODECS=\"mp4a.40.2\"\naudio.m3u8\n"));
    assert_null(strstr(b.data, "RESOLUTION"));
    buf_free(&b);
    reelidx_free(&video);
    reelidx_free(&audio);
}

static void shapes_and_rates(void **state)
{
    static const struct { uint16_t width, height, num, den; int shown; uint32_t samples, us, rate; } rows[] = {
        { 720, 480, 8, 9, 640, 60, 2002000, 29970 }, { 720, 480, 10, 11, 655, 60, 1001000, 59940 }, { 720, 576, 16, 15, 768, 50, 1000000, 50000 },
        { 720, 576, 64, 45, 1024, 25, 1000000, 25000 }, { 1280, 720, 1, 1, 1280, 60, 2002002, 29970 }, { 640, 360, 0, 0, 640, 60, 2502500, 23976 },
        { 1280, 720, 1, 1, 1280, 60, 4000000, 15000 }, { 1280, 720, 1, 1, 1280, 60, 0, 0 },       { 320, 240, 1, 1, 320, 36, 1199200, 30000 }, { 65535, 2, 65535, 1, 65535, 60, 1, UINT32_MAX },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reelidx x;
        struct hls_track t;
        make_reel(&x, &rows[i].us, 1, 0);
        x.width = rows[i].width, x.height = rows[i].height, x.sar_num = rows[i].num, x.sar_den = rows[i].den;
        x.sample_count = rows[i].samples;
        hls_describe(&t, &x);
        assert_int_equal(t.width, rows[i].shown);
        assert_int_equal(t.height, rows[i].height);
        assert_int_equal(t.frames_per_1000_s, rows[i].rate);
        reelidx_free(&x);
    }
}

static void a_gap_does_not_lower_the_rate(void **state)
{
    static const uint32_t us[] = { 2400000, 2400000, 7000000, 40000 };
    struct reelidx x;
    struct hls_track t;
    make_reel(&x, us, ARRAY_LEN(us), 0);
    x.width = 640, x.height = 480;
    hls_describe(&t, &x);
    assert_int_equal(t.frames_per_1000_s, 25000);
    reelidx_free(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_cover_the_tape_once),          cmocka_unit_test(sound_is_cut_where_the_picture_is),
        cmocka_unit_test(odd_fragments_keep_the_target_right),   cmocka_unit_test(a_blink_of_a_tape_still_has_a_target),
        cmocka_unit_test(key_frames_have_their_own_list),        cmocka_unit_test(the_multivariant_playlist_says_it_all),
        cmocka_unit_test(one_track_alone_will_do),               cmocka_unit_test(shapes_and_rates),
        cmocka_unit_test(a_gap_does_not_lower_the_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
