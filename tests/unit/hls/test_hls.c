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
#include "deliver/hls/dash.h"
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
    hls_write_media(&l.text, (struct hls_span[]){ hls_whole(&x, "video.mp4?v=1") }, 1);
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
    hls_write_media(&v.text, (struct hls_span[]){ hls_whole(&video, "v") }, 1);
    hls_write_media(&a.text, (struct hls_span[]){ hls_whole(&audio, "a") }, 1);
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
    hls_write_media(&l.text, (struct hls_span[]){ hls_whole(&x, "v") }, 1);
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
    hls_write_media(&l.text, (struct hls_span[]){ hls_whole(&x, "v") }, 1);
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
    hls_write_iframes(&l.text, (struct hls_span[]){ hls_whole(&x, "video.mp4") }, 1);
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

static void write_multivariant(struct buf *b, const struct hls_track *v, const struct hls_track *a, const char *prefix)
{
    struct hls_video video = { .uri = "video.m3u8", .keys_uri = "iframe.m3u8" };
    struct hls_rendition audio = { .uri = "audio.m3u8", .name = "Sound" };
    if (v)
        video.track = *v;
    if (a)
        audio.track = *a;
    hls_write_multivariant(b, &(struct hls_multivariant){ .prefix = prefix, .videos = &video, .video_count = v != NULL, .sounds = &audio, .sound_count = a != NULL });
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
    write_multivariant(&b, &v, &a, "t/abc/");
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

static void further_sounds_and_captions_have_names(void **state)
{
    struct reelidx video, audio;
    struct hls_video v = { .uri = "video.m3u8" };
    struct hls_rendition sounds[2] = { { .uri = "audio.m3u8", .name = "Deutsch", .language = "de" }, { .uri = "audio/2.m3u8", .name = "a \"b\"\n", .language = "" } };
    const struct hls_rendition captions = { .uri = "captions/pt-BR.m3u8", .name = "pt-BR", .language = "pt-BR" };
    struct buf b;
    make_video(&video, 6);
    make_audio(&audio, 6);
    hls_describe(&v.track, &video);
    hls_describe(&sounds[0].track, &audio);
    hls_describe(&sounds[1].track, &audio);
    sounds[1].track.peak_bps = 250000; /* players must be told of the larger one */
    buf_init(&b, 65536);
    hls_write_multivariant(&b, &(struct hls_multivariant){ .prefix = "", .videos = &v, .video_count = 1, .sounds = sounds, .sound_count = 2, .captions = &captions,
                                                           .caption_count = 1 });
    assert_non_null(strstr(b.data, "TYPE=AUDIO,GROUP-ID=\"audio\",LANGUAGE=\"de\",NAME=\"Deutsch\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"audio.m3u8\"\n"));
    assert_non_null(strstr(b.data, "TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"a 'b' \",DEFAULT=NO,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"audio/2.m3u8\"\n"));
    assert_non_null(strstr(b.data, "TYPE=SUBTITLES,GROUP-ID=\"captions\",LANGUAGE=\"pt-BR\",NAME=\"pt-BR\",DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI=\"captions/pt-BR.m3u8\"\n"));
    assert_non_null(strstr(b.data, "BANDWIDTH=3250000,"));
    assert_non_null(strstr(b.data, ",AUDIO=\"audio\",SUBTITLES=\"captions\"\nvideo.m3u8\n"));
    assert_null(strstr(b.data, "I-FRAME"));
    buf_free(&b);
    reelidx_free(&video);
    reelidx_free(&audio);
}

static int times_in(const char *text, const char *what)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
        n++;
    return n;
}

/* What was recorded over: the middle of one reel, another reel, the rest of the first. */
static void stretches_of_reels_are_joined_by_discontinuities(void **state)
{
    struct reelidx film, take;
    struct buf b;
    make_video(&film, 60);
    make_video(&take, 12);
    const struct hls_span spans[] = { { &film, 0, 20, "film.mp4", INT64_C(691243200123), false }, { &take, 0, 0, "none.mp4", HLS_NO_WALL, false },
                                      { &take, 1, 11, "take.mp4", INT64_C(1700000000000), false }, { &film, 31, 29, "film.mp4", HLS_NO_WALL, false } };
    buf_init(&b, 1 << 20);
    hls_write_media(&b, spans, ARRAY_LEN(spans));
    assert_int_equal(times_in(b.data, "#EXT-X-DISCONTINUITY\n"), 2);
    assert_int_equal(times_in(b.data, "#EXT-X-MAP:"), 3);
    assert_null(strstr(b.data, "none.mp4"));
    assert_non_null(strstr(b.data, "BYTERANGE=\"714@0\"\n#EXT-X-PROGRAM-DATE-TIME:1991-11-27T12:00:00.123Z\n#EXTINF:"));
    assert_non_null(strstr(b.data, "#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"take.mp4\",BYTERANGE=\"714@0\"\n#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z\n#EXTINF:"));
    assert_int_equal(times_in(b.data, "#EXT-X-PROGRAM-DATE-TIME:"), 2);
    int64_t sum_us = 0;
    for (const char *p = b.data; (p = strstr(p, "#EXTINF:")) != NULL; p++) {
        long long s, us;
        assert_int_equal(sscanf(p, "#EXTINF:%lld.%6lld,", &s, &us), 2);
        sum_us += s * 1000000 + us;
    }
    assert_int_equal(sum_us, 60 * 1001000);
    assert_int_equal(hls_span_us(&spans[2]), 11 * 1001000);
    char first[80];
    snprintf(first, sizeof(first), "@%" PRIu64 "\ntake.mp4\n", take.fragments[1].offset);
    assert_non_null(strstr(b.data, first));
    buf_free(&b);
    reelidx_free(&film);
    reelidx_free(&take);
}

/* A recording whose picture was away twice: its own time goes on, the wall clock jumps. */
static void a_recording_with_breaks_says_when_it_goes_on(void **state)
{
    struct reelidx x;
    struct buf b;
    make_video(&x, 20);
    x.fragments[0].wall_ms = INT64_C(1700000000000);
    x.fragments[7].discontinuity = x.fragments[8].discontinuity = true;
    x.fragments[7].wall_ms = INT64_C(1700000100000);
    const struct hls_span span = { &x, 0, 20, "v", INT64_C(691243200123), false };
    buf_init(&b, 1 << 20);
    hls_write_media(&b, &span, 1);
    assert_int_equal(times_in(b.data, "#EXT-X-DISCONTINUITY\n"), 2);
    assert_int_equal(times_in(b.data, "#EXT-X-MAP:"), 1);
    assert_int_equal(times_in(b.data, "#EXT-X-PROGRAM-DATE-TIME:"), 2);
    assert_non_null(strstr(b.data, "@0\"\n#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z\n#EXTINF:5.005000,\n"));
    assert_non_null(strstr(b.data, "#EXTINF:2.002000,\n"));
    assert_non_null(strstr(b.data, "#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:15:00.000Z\n#EXTINF:1.001000,\n"));
    assert_non_null(strstr(b.data, "#EXT-X-DISCONTINUITY\n#EXTINF:2.002000,\n"));
    buf_reset(&b);
    hls_write_iframes(&b, &span, 1);
    assert_int_equal(times_in(b.data, "#EXT-X-DISCONTINUITY\n"), 2);
    buf_free(&b);
    reelidx_free(&x);
}

static void captions_are_one_segment(void **state)
{
    struct buf b;
    buf_init(&b, 4096);
    hls_write_captions(&b, "en.vtt?v=1", 61499999, INT64_C(1700000000000));
    assert_non_null(strstr(b.data, "#EXT-X-TARGETDURATION:61\n"));
    assert_non_null(strstr(b.data, "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z\n#EXTINF:61.499999,\nen.vtt?v=1\n#EXT-X-ENDLIST\n"));
    buf_free(&b);
}

static void the_manifest_names_the_same_ranges(void **state)
{
    struct reelidx video, audio;
    struct list *l = vcr_alloc(sizeof(*l));
    struct dash_track v = { 0 }, a = { .name = "<Sound> & \"more\"", .language = "de" };
    const struct hls_rendition captions = { .uri = "captions/en.vtt?v=1", .name = "English", .language = "en" };
    struct buf b;
    make_video(&video, 62);
    make_audio(&audio, 63);
    hls_describe(&v.track, &video);
    hls_describe(&a.track, &audio);
    const struct hls_span vs = hls_whole(&video, "video.mp4?v=1"), as = hls_whole(&audio, "audio.mp4?v=2");
    const struct dash_period p = { .duration_us = hls_span_us(&vs), .video = &vs, .sounds = { &as } };
    buf_init(&b, 1 << 20);
    dash_write(&b, &(struct dash_manifest){ .base = "t/abc/", .video = &v, .sounds = &a, .sound_count = 1, .captions = &captions, .caption_count = 1, .periods = &p,
                                            .period_count = 1 });
    assert_true(buf_ok(&b));
    assert_non_null(strstr(b.data, "mediaPresentationDuration=\"PT62.062000S\""));
    assert_non_null(strstr(b.data, "<BaseURL>t/abc/</BaseURL>"));
    assert_non_null(strstr(b.data, "codecs=\"avc1.42c01f\" bandwidth=\"3000000\" width=\"720\" height=\"480\" sar=\"8:9\" frameRate=\"59940/1000\""));
    assert_non_null(strstr(b.data, "<Label>&lt;Sound&gt; &amp; &quot;more&quot;</Label>"));
    assert_non_null(strstr(b.data, "<BaseURL>captions/en.vtt?v=1</BaseURL>"));
    assert_non_null(strstr(b.data, "<Initialization sourceURL=\"video.mp4?v=1\" range=\"0-713\"/>"));
    assert_non_null(strstr(b.data, "<SegmentTimeline><S t=\"0\" d=\"5005000\"/><S d=\"5005000\"/>"));
    assert_non_null(strstr(b.data, "<S d=\"5005000\"/><S d=\"2002000\"/></SegmentTimeline>"));
    open_list(l);
    hls_write_media(&l->text, &vs, 1);
    read_list(l, "video.mp4?v=1");
    const char *at = b.data;
    for (int i = 0; i < l->count; i++) {
        char want[120];
        snprintf(want, sizeof(want), "<SegmentURL media=\"video.mp4?v=1\" mediaRange=\"%" PRIu64 "-%" PRIu64 "\"/>", l->segment[i].offset,
                 l->segment[i].offset + l->segment[i].size - 1);
        at = strstr(at, want);
        assert_non_null(at);
    }
    assert_int_equal(times_in(b.data, "media=\"video.mp4?v=1\""), l->count);
    close_list(l, &video);
    free(l);
    buf_free(&b);
    reelidx_free(&audio);
}

/* A stretch from the middle of a reel: its times are those of the reel, moved to the period. */
static void a_period_may_begin_within_a_reel(void **state)
{
    struct reelidx film;
    struct dash_track v = { 0 };
    struct buf b;
    make_video(&film, 60);
    hls_describe(&v.track, &film);
    const struct hls_span first = { &film, 0, 10, "v", HLS_NO_WALL, false }, second = { &film, 20, 5, "v", HLS_NO_WALL, false };
    const struct dash_period p[] = { { .duration_us = 10010000, .video = &first }, { .duration_us = 5005000, .video = &second } };
    buf_init(&b, 1 << 16);
    dash_write(&b, &(struct dash_manifest){ .base = "", .video = &v, .periods = p, .period_count = 2 });
    assert_non_null(strstr(b.data, "mediaPresentationDuration=\"PT15.015000S\""));
    assert_non_null(strstr(b.data, "<Period id=\"2\" start=\"PT10.010000S\" duration=\"PT5.005000S\">"));
    assert_non_null(strstr(b.data, "presentationTimeOffset=\"20020000\""));
    assert_non_null(strstr(b.data, "<SegmentTimeline><S t=\"20020000\" d=\"5005000\"/></SegmentTimeline>"));
    buf_free(&b);
    reelidx_free(&film);
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
    write_multivariant(&b, &v, NULL, "");
    assert_null(strstr(b.data, "AUDIO"));
    assert_non_null(strstr(b.data, "CODECS=\"avc1.42c01f\",RESOLUTION=640x480"));
    assert_non_null(strstr(b.data, "\nvideo.m3u8\n"));
    buf_reset(&b);
    write_multivariant(&b, NULL, &a, "");
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
        cmocka_unit_test(a_gap_does_not_lower_the_rate),         cmocka_unit_test(further_sounds_and_captions_have_names),
        cmocka_unit_test(stretches_of_reels_are_joined_by_discontinuities), cmocka_unit_test(captions_are_one_segment),
        cmocka_unit_test(the_manifest_names_the_same_ranges),    cmocka_unit_test(a_period_may_begin_within_a_reel),
           cmocka_unit_test(a_recording_with_breaks_says_when_it_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
