/* media/ingest/probe.c - what the file really holds: all packets walked, some pictures decoded. Headers are only asked where nothing else can tell. */
#include <libavutil/display.h>
#include <libavutil/mem.h>
#include <libavutil/pixdesc.h>
#include <libavutil/sha.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "media/ingest/internal.h"

enum { READ_BYTES = 256 << 10, GOP_REMUX_US = 1010000, QUICK_US = 25000, STEPS_MS = 250, HD_WIDTH = 1200, HD_HEIGHT = 650 };
/* What is done of the whole job when that part is. */
#define WALKED 0.03
#define HASHED 0.05

static enum vcr_err hash_file(struct run *r, struct vcr_why *why)
{
    struct facts *f = &r->facts;
    struct AVSHA *sha = av_sha_alloc();
    uint8_t *block = malloc(READ_BYTES), digest[32];
    int64_t size = VCR_MAX(lseek(INGEST_FD_ORIGINAL, 0, SEEK_END), 1);
    ssize_t n = -1;
    if (sha && block) {
        av_sha_init(sha, 256);
        for (off_t at = 0; (n = pread(INGEST_FD_ORIGINAL, block, READ_BYTES, at)) > 0; at += n) {
            av_sha_update(sha, block, (size_t)n);
            report_progress(r, "reading", WALKED + (HASHED - WALKED) * (double)at / (double)size, 0);
        }
        av_sha_final(sha, digest);
        for (size_t i = 0; i < sizeof(digest); i++)
            snprintf(f->sha256 + i * 2, 3, "%02x", digest[i]);
    }
    free(block);
    av_free(sha);
    return n == 0 ? VCR_OK : vcr_fail(why, VCR_E_IO, "The stored file cannot be read.");
}

/* ---- all packets ---- */
struct walk {
    int64_t last_pts, last_dts, last_key, last; /* of the packet before, of the last key frame, the highest */
    struct { uint32_t count; int64_t sum_us; } steps[STEPS_MS]; /* of decode times, by milliseconds */
};

static void walk_video(struct facts *f, struct walk *w, const AVPacket *p)
{
    bool key = (p->flags & AV_PKT_FLAG_KEY) != 0;
    f->untimed = f->untimed || p->pts == AV_NOPTS_VALUE;
    f->discards = f->discards || (p->flags & (AV_PKT_FLAG_DISCARD | AV_PKT_FLAG_CORRUPT)) != 0;
    if (p->flags & AV_PKT_FLAG_DISCARD)
        return; /* before an edit list's start: decoded, not shown */
    int64_t pts = p->pts != AV_NOPTS_VALUE ? p->pts : p->dts;
    if (f->video_packets == 0) {
        f->starts_with_key = key;
        f->first_us = pts == AV_NOPTS_VALUE ? 0 : pts;
        f->end_us = w->last = f->first_us;
    } else if (pts != AV_NOPTS_VALUE) {
        int64_t step = pts - w->last_pts, decoded = p->dts == AV_NOPTS_VALUE ? step : p->dts - w->last_dts;
        f->reorders = f->reorders || step <= 0;
        f->quick_packets += step > 0 && step < QUICK_US;
        if (decoded > 0 && decoded < STEPS_MS * 1000 - 500) {
            w->steps[(decoded + 500) / 1000].count++;
            w->steps[(decoded + 500) / 1000].sum_us += decoded;
        }
    }
    if (pts != AV_NOPTS_VALUE) {
        if (p->dts != AV_NOPTS_VALUE && p->dts != pts)
            f->reorders = true;
        if (key && f->video_packets > 0)
            f->longest_gop_us = VCR_MAX(f->longest_gop_us, pts - w->last_key);
        if (key)
            w->last_key = pts;
        f->first_us = VCR_MIN(f->first_us, pts);
        w->last = VCR_MAX(w->last, pts);
        f->end_us = VCR_MAX(f->end_us, pts + p->duration);
        w->last_pts = pts;
        w->last_dts = p->dts == AV_NOPTS_VALUE ? pts : p->dts;
    }
    f->video_packets++;
}

/* The step that nine of ten pictures take, give or take a container's milliseconds: a picture dropped here and there (AVI, Theora) is no other rate. */
static double usual_rate(const struct facts *f, const struct walk *w)
{
    uint32_t best = 0;
    for (int i = 1; i + 1 < STEPS_MS; i++) {
        uint32_t n = w->steps[i].count + w->steps[i + 1].count, than = w->steps[best].count + w->steps[best + 1].count;
        if (n > than || (n == than && w->steps[i].count > w->steps[best].count))
            best = (uint32_t)i;
    }
    uint32_t n = w->steps[best].count + w->steps[best + 1].count;
    int64_t sum_us = w->steps[best].sum_us + w->steps[best + 1].sum_us;
    return f->video_packets > 2 && n * INT64_C(10) >= (f->video_packets - 1) * 9 && sum_us > 0 ? 1e6 * n / (double)sum_us : 0;
}

/* Tells that it lives, since a long film takes longer than vcrd waits for a sign. */
static enum vcr_err walk(struct run *r, struct vcr_why *why)
{
    struct facts *f = &r->facts;
    struct source s;
    enum vcr_err err = source_open(&s, why);
    if (err != VCR_OK)
        return err;
    struct walk *w = vcr_alloc(sizeof(*w));
    AVPacket *p = av_packet_alloc();
    int sound = 0;
    while (p && source_read(&s, p, &sound, why) == VCR_OK) {
        if (sound == PICTURE)
            walk_video(f, w, p);
        report_progress(r, "reading", WALKED * source_part(&s), 0);
        av_packet_unref(p);
    }
    av_packet_free(&p);
    f->longest_gop_us = VCR_MAX(f->longest_gop_us, f->end_us - w->last_key);
    f->counted_rate = w->last > f->first_us ? 1e6 * (double)(f->video_packets - 1) / (double)(w->last - f->first_us) : 0;
    f->usual_rate = usual_rate(f, w);
    f->promised_us = s.format->duration == AV_NOPTS_VALUE ? 0 : s.format->duration;
    f->jumps = s.jumps;
    free(w);
    source_close(&s);
    return f->video_packets > 0 ? VCR_OK : vcr_fail(why, VCR_E_INVALID, "The file's picture ends before its first frame: the upload or the recording was cut short.");
}

/* ---- some pictures ---- */
void probe_first_picture(struct run *r, const AVFrame *frame)
{
    struct facts *f = &r->facts;
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get((enum AVPixelFormat)frame->format);
    /* Sound is laid against this one: packets before it (a stream cut in the middle of a group) give no picture. */
    if (frame->best_effort_timestamp != AV_NOPTS_VALUE)
        f->first_us = frame->best_effort_timestamp;
    f->width = frame->width;
    f->height = frame->height;
    f->sar = frame->sample_aspect_ratio;
    f->pixel_format = (enum AVPixelFormat)frame->format;
    f->rgb = d && (d->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL));
    f->full_range = frame->color_range == AVCOL_RANGE_JPEG || (d && strncmp(d->name, "yuvj", 4) == 0);
    f->matrix = frame->colorspace;
    if (f->matrix == AVCOL_SPC_UNSPECIFIED || f->matrix == AVCOL_SPC_RGB || f->matrix == AVCOL_SPC_RESERVED)
        f->matrix = f->width >= HD_WIDTH || f->height >= HD_HEIGHT ? AVCOL_SPC_BT709 : f->height == 576 || f->height == 288 ? AVCOL_SPC_BT470BG : AVCOL_SPC_SMPTE170M;
}

static int quarter_turns(const AVStream *st)
{
    size_t size = 0;
    const uint8_t *matrix = av_stream_get_side_data(st, AV_PKT_DATA_DISPLAYMATRIX, &size);
    double degrees = matrix && size >= 9 * sizeof(int32_t) ? -av_display_rotation_get((const int32_t *)(const void *)matrix) : 0;
    return isfinite(degrees) ? (int)lround(degrees / 90) & 3 : 0;
}

/* Counted, and then the nearest rate that there is. A container's own average is off where it counts one picture less in the duration, and is asked only whether its
 * packets are pictures or fields. */
static AVRational count_rate(const struct facts *f, const AVStream *st)
{
    static const AVRational usual[] = { { 24000, 1001 }, { 24, 1 }, { 25, 1 }, { 30000, 1001 }, { 30, 1 }, { 50, 1 }, { 60000, 1001 }, { 60, 1 } };
    AVRational said = st->avg_frame_rate.num > 0 ? st->avg_frame_rate : st->r_frame_rate, best = { 0, 1 };
    double off = 0.003, rate = f->counted_rate;
    bool told = said.num > 0 && said.den > 0;
    if (f->usual_rate > 0 && fabs(f->usual_rate / rate - 1) > 0.003)
        rate = f->usual_rate;
    if (rate < 1 || rate > 300 || (told && fabs(rate / av_q2d(said) - 1) > 0.25))
        return told ? said : (AVRational){ 25, 1 };
    for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
        double d = fabs(rate / av_q2d(usual[i]) - 1);
        if (d < off)
            off = d, best = usual[i];
    }
    return best.num > 0 ? best : av_d2q(rate, 100000);
}

/* The owner's word on the shape, as sample aspect. */
static void reshape(struct facts *f, const char *aspect)
{
    AVRational shape = strcmp(aspect, "16:9") == 0 ? (AVRational){ 16, 9 } : (AVRational){ 4, 3 }, sar;
    if (f->turn & 1)
        shape = av_inv_q(shape);
    av_reduce(&sar.num, &sar.den, (int64_t)shape.num * f->height, (int64_t)shape.den * f->width, 255);
    f->reshaped = av_cmp_q(sar, f->sar) != 0;
    f->sar = sar;
}

/* Sample aspect: the picture's or the container's word; rasters of standard definition without one are 4:3. */
static void decide_shape(struct facts *f, const struct ingest_wish *wish, struct source *s, AVStream *st)
{
    AVRational sar = av_guess_sample_aspect_ratio(s->format, st, NULL);
    if (st->sample_aspect_ratio.num <= 0 && f->sar.num > 0 && f->sar.den > 0)
        sar = f->sar;
    if (sar.num <= 0 || sar.den <= 0) {
        bool sd = (f->width == 720 || f->width == 704) && (f->height == 480 || f->height == 486 || f->height == 576);
        sar = !sd ? (AVRational){ 1, 1 } : f->height == 576 ? (AVRational){ 16, 15 } : (AVRational){ 8, 9 };
    }
    av_reduce(&sar.num, &sar.den, sar.num, sar.den, 255);
    f->sar = sar;
    f->turn = quarter_turns(st);
    if (wish->aspect)
        reshape(f, wish->aspect);
    f->wide = graph_shape(f) >= 1.55;
    f->rate = count_rate(f, st);
    double fps = av_q2d(f->rate);
    f->pal = wish->standard ? strcmp(wish->standard, "pal") == 0 : (fps > 24.9 && fps < 25.1) || (fps > 49.8 && fps < 50.2);
    f->variable_rate = f->video_packets > 2 && f->usual_rate == 0 && !(f->reorders && fabs(f->counted_rate / fps - 1) < 0.01);
    /* 30 on average may be a still with bursts of 60 */
    f->field_rate = f->fields != FIELDS_PROGRESSIVE || fps > 30.5 || (f->variable_rate && f->quick_packets * 10 > f->video_packets);
}

/* ---- remux or house rendition ---- */
static bool other_codec(const struct facts *f) { return f->codec != AV_CODEC_ID_H264; }
static bool other_format(const struct facts *f) { return f->pixel_format != AV_PIX_FMT_YUV420P; }
static bool in_fields(const struct facts *f) { return f->fields != FIELDS_PROGRESSIVE || f->flagged; }
static bool reorders(const struct facts *f) { return f->reorders; }
static bool has_edits(const struct facts *f) { return f->discards; }
static bool jumps(const struct facts *f) { return f->jumps > 0; }
static bool is_turned(const struct facts *f) { return f->turn != 0; }
static bool begins_late(const struct facts *f) { return !f->starts_with_key; }
static bool few_keys(const struct facts *f) { return f->longest_gop_us > GOP_REMUX_US; }
static bool odd_size(const struct facts *f) { return f->width % 2 != 0 || f->height % 2 != 0; }
static bool is_reshaped(const struct facts *f) { return f->reshaped; }

/* Packets are kept where none of these holds (and every picture decodes); else the film is encoded anew. */
static const struct { const char *because; bool (*holds)(const struct facts *f); } house[] = {
    { "codec", other_codec },           { "pixel_format", other_format }, { "fields", in_fields },     { "reordering", reorders },   { "edit_list", has_edits },
    { "timestamp_jumps", jumps },       { "rotation", is_turned },        { "odd_size", odd_size },    { "owner_aspect", is_reshaped },
    { "no_key_at_start", begins_late }, { "few_key_frames", few_keys },
};

static void decide_rendition(struct facts *f)
{
    f->because = NULL;
    for (size_t i = 0; !f->because && i < ARRAY_LEN(house); i++)
        if (house[i].holds(f))
            f->because = house[i].because;
    f->remux = !f->because;
}

static enum vcr_err pictures(struct run *r, struct vcr_why *why)
{
    struct facts *f = &r->facts;
    struct source s;
    struct seen seen = { 0 };
    AVCodecContext *c = NULL;
    enum vcr_err err = source_open(&s, why);
    if (err != VCR_OK)
        return err;
    AVStream *st = source_stream(&s, s.video);
    err = source_decoder(&s, s.video, &c, why);
    if (err == VCR_OK)
        fields_look(&s, c, r, &seen);
    if (err == VCR_OK && seen.pictures == 0)
        err = vcr_fail(why, VCR_E_INVALID, "No picture of this file can be decoded: it is damaged or not a film.");
    if (err == VCR_OK) {
        f->codec = st->codecpar->codec_id;
        f->reorders = f->reorders || (f->untimed && st->codecpar->video_delay > 0); /* AVI tells only when pictures are decoded */
        f->flagged = seen.flagged > 0;
        f->fields = fields_decide(&seen, st->codecpar->field_order, f->height, r->wish.field_order, &f->witnesses);
        decide_shape(f, &r->wish, &s, st);
        decide_rendition(f);
    }
    avcodec_free_context(&c);
    source_close(&s);
    return err;
}

enum vcr_err probe_run(struct run *r, struct vcr_why *why)
{
    memset(&r->facts, 0, sizeof(r->facts));
    enum vcr_err err = walk(r, why);
    if (err == VCR_OK)
        err = pictures(r, why);
    if (err == VCR_OK)
        err = hash_file(r, why);
    return err;
}
