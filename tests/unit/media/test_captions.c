/* test_captions.c - closed captions of films: carried with H.264 and MPEG-2 pictures (A/53), with a DVD's groups of pictures, in a QuickTime track, and drawn in line 21; each becomes WebVTT at
 * the times of its pictures. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "../wire/cea608_kit.h"
#include "kit.h"
#include "wire/webvtt.h"

enum { PAIRS_MAX = 400, LUMA = 90, DVD_GOP = 15 };
struct film {
    const char *file, *encoder, *options;
    enum AVPixelFormat format;
    int width, height, frames;
    bool carried, track, drawn, dvd; /* which way the pairs go */
    int late_s;                 /* the film's clock begins there */
    int row;                    /* of line 21 */
    struct line21_form wave;
    uint8_t pairs[2][PAIRS_MAX][2]; /* by field, a frame each */
};

static void script(struct film *f, int field, int frame, const char *text)
{
    uint8_t pairs[PAIRS_MAX][2];
    size_t n = cea608_pairs(text, pairs, PAIRS_MAX);
    for (size_t i = 0; i < n && frame + (int)i < PAIRS_MAX; i++)
        memcpy(f->pairs[field][frame + (int)i], pairs[i], 2);
}

static void draw_line(AVFrame *p, struct film *f, int row, const uint8_t *pair)
{
    uint8_t luma[720];
    line21_draw(luma, &f->wave, pair);
    for (int x = 0; x < f->width; x++) {
        uint8_t *at = p->data[0] + row * p->linesize[0] + (f->format == AV_PIX_FMT_YUV422P10 ? 2 * x : x);
        if (f->format == AV_PIX_FMT_YUV422P10)
            at[0] = (uint8_t)(luma[x] << 2), at[1] = (uint8_t)(luma[x] >> 6);
        else
            *at = luma[x];
    }
}

static void draw(AVFrame *p, struct film *f, int n)
{
    bool deep = f->format == AV_PIX_FMT_YUV422P10;
    int rows = deep ? f->height : f->height / 2;
    for (int y = 0; y < f->height; y++)
        for (int x = 0; x < f->width; x++) {
            int v = LUMA + (x + y + 2 * n) % 60;
            if (deep)
                ((uint16_t *)(void *)(p->data[0] + y * p->linesize[0]))[x] = (uint16_t)(v << 2);
            else
                p->data[0][y * p->linesize[0] + x] = (uint8_t)v;
        }
    for (int i = 1; i < 3; i++)
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < f->width / 2; x++) {
                if (deep)
                    ((uint16_t *)(void *)(p->data[i] + y * p->linesize[i]))[x] = 512;
                else
                    p->data[i][y * p->linesize[i] + x] = 128;
            }
    for (int field = 0; f->drawn && field < 2; field++)
        draw_line(p, f, f->row + field, f->pairs[field][n]);
}

static void carry(AVFrame *p, const struct film *f, int n)
{
    AVFrameSideData *side = av_frame_new_side_data(p, AV_FRAME_DATA_A53_CC, 6);
    assert_non_null(side);
    for (int field = 0; field < 2; field++) {
        side->data[3 * field] = (uint8_t)(0xFC | field);
        memcpy(side->data + 3 * field + 1, f->pairs[field][n], 2);
    }
}

struct muxing {
    AVFormatContext *to;
    AVCodecContext *c;
    AVStream *video, *captions;
    const struct film *dvd;    /* NULL: none */
};

/* As a DVD has them: user data of a group's header, with the pairs of all its pictures: "CC", 1, 0xF8, then how many blocks come, the upper field first, and the blocks. */
static void add_dvd(AVPacket *p, const struct film *f)
{
    uint8_t data[256] = { 0, 0, 1, 0xB2, 'C', 'C', 1, 0xF8, 0x80 | DVD_GOP << 1 };
    size_t at = 0, n = 9;
    int first = (int)p->pts - f->late_s * 30;
    while (at + 8 < (size_t)p->size && memcmp(p->data + at, (const uint8_t[]){ 0, 0, 1, 0xB8 }, 4) != 0)
        at++;
    if (at + 8 >= (size_t)p->size)
        return;
    at += 8;
    for (int i = first; i < first + DVD_GOP; i++)
        for (int field = 0; field < 2; field++) {
            data[n++] = field ? 0xFE : 0xFF;
            memcpy(data + n, f->pairs[field][i], 2);
            n += 2;
        }
    int size = p->size;
    assert_true(av_grow_packet(p, (int)n) >= 0);
    memmove(p->data + at + n, p->data + at, (size_t)size - at);
    memcpy(p->data + at, data, n);
}

static void write_all(struct muxing *m, AVFrame *frame)
{
    AVPacket *p = av_packet_alloc();
    assert_true(avcodec_send_frame(m->c, frame) >= 0);
    while (avcodec_receive_packet(m->c, p) >= 0) {
        if (m->dvd)
            add_dvd(p, m->dvd);
        p->stream_index = m->video->index;
        p->duration = 1;
        av_packet_rescale_ts(p, m->c->time_base, m->video->time_base);
        assert_true(av_interleaved_write_frame(m->to, p) >= 0);
    }
    av_packet_free(&p);
}

/* The muxer makes a box "cdat" of it. */
static void write_track(struct muxing *m, const struct film *f, int n)
{
    AVPacket *p = av_packet_alloc();
    assert_true(av_new_packet(p, 3) >= 0);
    p->data[0] = 0xFC;
    memcpy(p->data + 1, f->pairs[0][n], 2);
    p->stream_index = m->captions->index;
    p->pts = p->dts = n + f->late_s * 30;
    p->duration = 1;
    p->flags = AV_PKT_FLAG_KEY;
    av_packet_rescale_ts(p, m->c->time_base, m->captions->time_base);
    assert_true(av_interleaved_write_frame(m->to, p) >= 0);
    av_packet_free(&p);
}

static void make(struct film *f)
{
    char path[128];
    struct muxing m = { 0 };
    snprintf(path, sizeof(path), "%s/%s", dir, f->file);
    assert_true(avformat_alloc_output_context2(&m.to, NULL, NULL, path) >= 0);
    assert_true(avio_open(&m.to->pb, path, AVIO_FLAG_WRITE) >= 0);
    m.video = avformat_new_stream(m.to, NULL);
    const AVCodec *codec = avcodec_find_encoder_by_name(f->encoder);
    m.c = avcodec_alloc_context3(codec);
    m.c->width = f->width, m.c->height = f->height, m.c->pix_fmt = f->format;
    m.c->time_base = (AVRational){ 1001, 30000 }, m.c->framerate = (AVRational){ 30000, 1001 };
    m.c->gop_size = DVD_GOP, m.c->max_b_frames = f->dvd || strcmp(f->encoder, "ffv1") == 0 ? 0 : 2, m.c->bit_rate = 3000000, m.c->thread_count = 1;
    m.c->flags |= m.to->oformat->flags & AVFMT_GLOBALHEADER ? AV_CODEC_FLAG_GLOBAL_HEADER : 0;
    m.dvd = f->dvd ? f : NULL;
    AVDictionary *options = NULL;
    av_dict_parse_string(&options, f->options, "=", ":", 0);
    assert_true(avcodec_open2(m.c, codec, &options) >= 0);
    av_dict_free(&options);
    assert_true(avcodec_parameters_from_context(m.video->codecpar, m.c) >= 0);
    m.video->time_base = m.c->time_base;
    if (f->track) {
        m.captions = avformat_new_stream(m.to, NULL);
        m.captions->codecpar->codec_type = AVMEDIA_TYPE_SUBTITLE;
        m.captions->codecpar->codec_id = AV_CODEC_ID_EIA_608;
        m.captions->time_base = m.c->time_base;
        av_dict_set(&m.captions->metadata, "language", "fra", 0);
    }
    assert_true(avformat_write_header(m.to, NULL) >= 0);
    for (int n = 0; n < f->frames; n++) {
        AVFrame *p = av_frame_alloc();
        p->width = f->width, p->height = f->height, p->format = f->format;
        assert_true(av_frame_get_buffer(p, 0) >= 0);
        draw(p, f, n);
        p->pts = n + f->late_s * 30;
        if (f->carried)
            carry(p, f, n);
        if (f->track)
            write_track(&m, f, n);
        write_all(&m, p);
        av_frame_free(&p);
    }
    write_all(&m, NULL);
    assert_true(av_write_trailer(m.to) >= 0);
    avcodec_free_context(&m.c);
    avio_closep(&m.to->pb);
    avformat_free_context(m.to);
}

static char text[WEBVTT_BYTES_MAX];
static void read_text(void)
{
    char path[128];
    struct webvtt v;
    snprintf(path, sizeof(path), "%s/captions.vtt", dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[n] = '\0';
    if (n > 0 && !strstr(text + 1, "WEBVTT"))
        assert_int_equal(webvtt_read(&v, text, n, NULL), VCR_OK);
}

/* A cue with that text, from and to those frames of the film. */
static void holds(const char *what, int from, int to)
{
    const char *at = strstr(text, what), *line = text;
    int h, m, h2, m2;
    double s, s2;
    if (!at)
        fail_msg("\"%s\" is not in\n%s", what, text);
    for (const char *p = text; (p = strstr(p, " --> ")) && p < at; p++)
        line = p - 12;
    assert_int_equal(sscanf(line, "%d:%d:%lf --> %d:%d:%lf", &h, &m, &s, &h2, &m2, &s2), 6);
    double off = m * 60 + s - from * 1.001 / 30, off2 = m2 * 60 + s2 - to * 1.001 / 30;
    if (off < -0.035 || off > 0.035 || off2 < -0.035 || off2 > 0.035)
        fail_msg("\"%s\" from %f instead of %f to %f instead of %f:\n%s", what, s, from * 1.001 / 30, s2, to * 1.001 / 30, text);
}

static void process(const char *file)
{
    char last[8192];
    if (ingest("--run", file, last, sizeof(last)) != 0)
        fail_msg("%s: %s", file, last);
    read_text();
}
static bool says(const char *what) { return shell("grep -q '%s' %s/report", what, dir) == 0; }

static void fill(struct film *f)
{
    for (int field = 0; field < 2; field++)
        for (int i = 0; i < PAIRS_MAX; i++)
            memset(f->pairs[field][i], 0x80, 2);
    script(f, 0, 10, "{1420}{1420}{1470}{1470}Good evening.{142f}{142f}"); /* 10 + 4 + 7: shown with frame 21 */
    script(f, 0, 60, "{142c}{142c}");
    script(f, 0, 62, "{1425}{1425}{142d}{142d}{1470}{1470}A & B");
}

static struct film films[] = {
    { .file = "sei.mp4", .encoder = "libx264", .options = "preset=ultrafast:a53cc=1:bf=2", .format = AV_PIX_FMT_YUV420P, .width = 352, .height = 240, .frames = 90, .carried = true, .late_s = 0 },
    { .file = "user.ts", .encoder = "mpeg2video", .options = "a53cc=1", .format = AV_PIX_FMT_YUV420P, .width = 352, .height = 240, .frames = 90, .carried = true, .late_s = 100 },
    { .file = "dvd.vob", .encoder = "mpeg2video", .options = "sc_threshold=1000000000", .format = AV_PIX_FMT_YUV420P, .width = 352, .height = 240, .frames = 90, .dvd = true, .late_s = 3 },
    { .file = "track.mov", .encoder = "libx264", .options = "preset=ultrafast", .format = AV_PIX_FMT_YUV420P, .width = 352, .height = 240, .frames = 90, .track = true },
    { .file = "drawn.mkv", .encoder = "ffv1", .options = "level=3", .format = AV_PIX_FMT_YUV422P10, .width = 720, .height = 486, .frames = 90, .drawn = true, .row = 1,
      .wave = { 720, 22, 26.8, 16, 110, 12, 3, 9 } },
    { .file = "drawn.mpg", .encoder = "mpeg2video", .options = "b=15000000", .format = AV_PIX_FMT_YUV420P, .width = 720, .height = 480, .frames = 90, .drawn = true, .row = 0,
      .wave = { 720, 18, 26.8, 30, 90, 4, 2, 9 } },
};

static void captions_become_webvtt_at_their_pictures_times(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(films); i++) {
        struct film *f = &films[i];
        fill(f);
        if (!f->track)
            script(f, 1, 5, "{1520}{1470}Buenas noches.{152f}");
        make(f);
        process(f->file);
        holds("\nGood evening.\n", 21, 60);
        holds("\nA &amp; B\n", 68, 90);
        if (!f->track)
            holds("\nBuenas noches.\n", 14, 90);
        if (!says(f->track ? "\"captions\":\\[{\"channel\":1,\"cues\":2,\"bytes\":[0-9]*,\"language\":\"fr\"}\\]"
                           : "\"captions\":\\[{\"channel\":1,\"cues\":2,\"bytes\":[0-9]*},{\"channel\":3,\"cues\":1,\"bytes\":[0-9]*}\\]"))
            fail_msg("%s: %s", f->file, ask("tail -n 1", "report"));
    }
}

/* What is encoded anew does not carry them a second time: players would show both. */
static void what_is_made_does_not_carry_them(void **state)
{
    fill(&films[1]);
    make(&films[1]);
    process(films[1].file);
    assert_string_equal(ask("ffprobe -v error -show_frames clean.mp4 | grep -c 'Closed Captions'", ""), "0");
    assert_string_not_equal(ask("ffprobe -v error -show_frames user.ts | grep -c 'Closed Captions'", ""), "0");
}

static void films_without_have_none(void **state)
{
    struct film plain = { .file = "none.mkv", .encoder = "ffv1", .options = "level=3", .format = AV_PIX_FMT_YUV420P, .width = 720, .height = 486, .frames = 40 };
    make(&plain);
    process(plain.file);
    assert_string_equal(text, "");
    assert_false(says("\"captions\""));
}

/* Ended in the middle, as if killed, and gone on with: not a word is lost or there twice. Ended when the words were written already: all is made anew. */
static void what_was_broken_off_goes_on(void **state)
{
    struct film f = { .file = "long.ts", .encoder = "mpeg2video", .options = "a53cc=1", .format = AV_PIX_FMT_YUV420P, .width = 352, .height = 240, .frames = 300, .carried = true };
    char last[8192];
    fill(&f);
    for (int i = 0; i < 5; i++)
        script(&f, 0, 90 + 40 * i, (const char *[]){ "{142d}{1470}two", "{142d}{1470}three", "{142d}{1470}four", "{142d}{1470}five", "{142d}{1470}six" }[i]);
    make(&f);
    process(f.file);
    char *whole = strdup(text);
    holds("four\nfive\n", 210, 250);
    for (int kilobytes = 300; kilobytes <= 600; kilobytes += 150) {
        char mode[64];
        snprintf(mode, sizeof(mode), "--run output_limit=%d", kilobytes * 1000);
        assert_int_equal(ingest(mode, f.file, last, sizeof(last)), 1);
        assert_non_null(strstr(last, "far larger"));
        kit_goes_on = true;
        process(f.file);
        assert_true(says("\"resumed\":true"));
        assert_string_equal(text, whole);
        process(f.file);
        assert_false(says("\"resumed\":true"));
        assert_string_equal(text, whole);
        kit_goes_on = false;
    }
    free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captions_become_webvtt_at_their_pictures_times),
        cmocka_unit_test(what_is_made_does_not_carry_them),
        cmocka_unit_test(films_without_have_none),
        cmocka_unit_test(what_was_broken_off_goes_on),
    };
    av_log_set_level(AV_LOG_ERROR);
    return cmocka_run_group_tests(tests, kit_open, kit_close);
}
