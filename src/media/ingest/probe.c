/* media/ingest/probe.c - what the file really holds: all packets walked, some pictures decoded. Headers are only asked where nothing else can tell. */
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/display.h>
#include <libavutil/mem.h>
#include <libavutil/sha.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "media/ingest/internal.h"

enum { PROBE_PICTURES = 150, READ_BYTES = 256 << 10, DECIDED_MIN = 8, AGAINST_MIN = 48, FIELDS_MIN_HEIGHT = 400, GOP_REMUX_US = 1010000, QUICK_US = 25000 };

static enum vcr_err hash_file(struct run *r, struct vcr_why *why)
{
    struct facts *f = &r->facts;
    struct AVSHA *sha = av_sha_alloc();
    uint8_t *block = malloc(READ_BYTES), digest[32];
    ssize_t n = -1;
    if (sha && block) {
        av_sha_init(sha, 256);
        for (off_t at = 0; (n = pread(INGEST_FD_ORIGINAL, block, READ_BYTES, at)) > 0; at += n) {
            av_sha_update(sha, block, (size_t)n);
            report_progress(r, "reading", 0.03, 0);
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
    int64_t last_pts, last_key, last; /* of the packet before, of the last key frame, the highest */
};

static void walk_video(struct facts *f, struct walk *w, const AVPacket *p)
{
    bool key = (p->flags & AV_PKT_FLAG_KEY) != 0;
    f->discards = f->discards || (p->flags & (AV_PKT_FLAG_DISCARD | AV_PKT_FLAG_CORRUPT)) != 0;
    if (p->flags & AV_PKT_FLAG_DISCARD)
        return; /* before an edit list's start: decoded, not shown */
    int64_t pts = p->pts != AV_NOPTS_VALUE ? p->pts : p->dts;
    if (f->video_packets == 0) {
        f->starts_with_key = key;
        f->first_us = pts == AV_NOPTS_VALUE ? 0 : pts;
        f->end_us = w->last = f->first_us;
    } else if (pts != AV_NOPTS_VALUE) {
        int64_t step = pts - w->last_pts;
        f->reorders = f->reorders || step <= 0;
        f->shortest_us = f->video_packets == 1 ? step : VCR_MIN(f->shortest_us, step);
        f->longest_us = VCR_MAX(f->longest_us, step);
        f->quick_packets += step > 0 && step < QUICK_US;
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
    }
    f->video_packets++;
    f->video_bytes += p->size;
}

/* Tells that it lives, since a long film takes longer than vcrd waits for a sign. */
static enum vcr_err walk(struct run *r, struct vcr_why *why)
{
    struct facts *f = &r->facts;
    struct source s;
    struct walk w = { 0 };
    enum vcr_err err = source_open(&s, why);
    if (err != VCR_OK)
        return err;
    AVPacket *p = av_packet_alloc();
    bool video = false;
    while (p && source_read(&s, p, &video, why) == VCR_OK) {
        if (video)
            walk_video(f, &w, p);
        report_progress(r, "reading", 0.01, 0);
        av_packet_unref(p);
    }
    av_packet_free(&p);
    f->longest_gop_us = VCR_MAX(f->longest_gop_us, f->end_us - w.last_key);
    f->counted_rate = w.last > f->first_us ? 1e6 * (double)(f->video_packets - 1) / (double)(w.last - f->first_us) : 0;
    f->promised_us = s.format->duration == AV_NOPTS_VALUE ? 0 : s.format->duration;
    f->jumps = s.jumps;
    source_close(&s);
    return f->video_packets > 0 ? VCR_OK : vcr_fail(why, VCR_E_INVALID, "The file's picture ends before its first frame: the upload or the recording was cut short.");
}

/* ---- some pictures: flags, and idet's look at the lines themselves ---- */
struct look {
    AVFilterGraph *graph;
    AVFilterContext *in, *out;
    int pictures, flagged, flagged_top;
    double tff, bff, progressive;
};

static bool look_open(struct look *l, const AVFrame *frame)
{
    char args[160];
    l->graph = avfilter_graph_alloc();
    AVFilterContext *idet = NULL;
    snprintf(args, sizeof(args), "video_size=%dx%d:pix_fmt=%d:time_base=1/1000000:pixel_aspect=1/1", frame->width, frame->height, frame->format);
    if (!l->graph)
        return false;
    l->graph->nb_threads = 1;
    return avfilter_graph_create_filter(&l->in, avfilter_get_by_name("buffer"), "in", args, NULL, l->graph) >= 0 &&
           avfilter_graph_create_filter(&idet, avfilter_get_by_name("idet"), "idet", NULL, NULL, l->graph) >= 0 &&
           avfilter_graph_create_filter(&l->out, avfilter_get_by_name("buffersink"), "out", NULL, NULL, l->graph) >= 0 &&
           avfilter_link(l->in, 0, idet, 0) >= 0 && avfilter_link(idet, 0, l->out, 0) >= 0 && avfilter_graph_config(l->graph, NULL) >= 0;
}

static double count_of(const AVFrame *frame, const char *name)
{
    const AVDictionaryEntry *e = av_dict_get(frame->metadata, name, NULL, 0);
    return e ? strtod(e->value, NULL) : 0;
}

static void look_drain(struct look *l)
{
    AVFrame *seen = av_frame_alloc();
    while (seen && l->out && av_buffersink_get_frame(l->out, seen) >= 0) {
        l->tff = count_of(seen, "lavfi.idet.multiple.tff");
        l->bff = count_of(seen, "lavfi.idet.multiple.bff");
        l->progressive = count_of(seen, "lavfi.idet.multiple.progressive");
        av_frame_unref(seen);
    }
    av_frame_free(&seen);
}

static void look_at(struct look *l, struct facts *f, AVFrame *frame)
{
    if (l->pictures == 0) {
        /* Sound is laid against this one: packets before it (a stream cut in the middle of a group) give no picture. */
        if (frame->best_effort_timestamp != AV_NOPTS_VALUE)
            f->first_us = frame->best_effort_timestamp;
        f->width = frame->width;
        f->height = frame->height;
        f->pixel_format = (enum AVPixelFormat)frame->format;
        if (!look_open(l, frame))
            l->in = l->out = NULL;
    }
    l->flagged += frame->interlaced_frame != 0;
    l->flagged_top += frame->interlaced_frame && frame->top_field_first;
    frame->pts = l->pictures++;
    if (l->in && frame->width == f->width && frame->height == f->height && av_buffersrc_add_frame(l->in, frame) >= 0)
        look_drain(l);
    av_frame_unref(frame);
}

/* The lines decide where they speak clearly, then the frames' own flags, then the container. Titles that roll and other things that move by whole lines look like
 * fields, too: where nothing in the file speaks of fields it takes two seconds of them, in pictures of a height that was ever interlaced. */
static enum field_order decide_fields(const struct look *l, enum AVFieldOrder container, int height)
{
    double seen = l->tff + l->bff + l->progressive;
    bool told = l->flagged * 2 > l->pictures || container > AV_FIELD_PROGRESSIVE;
    bool heard = seen >= (told ? DECIDED_MIN : AGAINST_MIN) && (told || height >= FIELDS_MIN_HEIGHT);
    if (heard && l->tff >= 0.9 * seen)
        return FIELDS_TFF;
    if (heard && l->bff >= 0.9 * seen)
        return FIELDS_BFF;
    if (seen >= DECIDED_MIN && l->progressive >= 0.5 * seen)
        return FIELDS_PROGRESSIVE;
    if (l->pictures > 0 && l->flagged >= 0.9 * l->pictures)
        return l->flagged_top * 2 >= l->flagged ? FIELDS_TFF : FIELDS_BFF;
    if (l->flagged > 0 || l->pictures == 0 || seen >= DECIDED_MIN)
        return FIELDS_PROGRESSIVE;
    return container == AV_FIELD_TT || container == AV_FIELD_BT ? FIELDS_TFF : container == AV_FIELD_BB || container == AV_FIELD_TB ? FIELDS_BFF : FIELDS_PROGRESSIVE;
}

static void decode_some(struct source *s, AVCodecContext *c, struct look *l, struct facts *f)
{
    AVPacket *p = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    bool video = false, more = p && frame;
    while (more && l->pictures < PROBE_PICTURES) {
        more = source_read(s, p, &video, NULL) == VCR_OK;
        if (more && !video) {
            av_packet_unref(p);
            continue;
        }
        avcodec_send_packet(c, more ? p : NULL);
        av_packet_unref(p);
        while (avcodec_receive_frame(c, frame) >= 0)
            look_at(l, f, frame);
    }
    if (l->in && av_buffersrc_add_frame(l->in, NULL) >= 0)
        look_drain(l);
    av_packet_free(&p);
    av_frame_free(&frame);
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
    if (rate < 1 || rate > 300 || (told && fabs(rate / av_q2d(said) - 1) > 0.25))
        return told ? said : (AVRational){ 25, 1 };
    for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
        double d = fabs(rate / av_q2d(usual[i]) - 1);
        if (d < off)
            off = d, best = usual[i];
    }
    return best.num > 0 ? best : av_d2q(rate, 100000);
}

/* Sample aspect: the codec's or the container's word; rasters of standard definition without one are 4:3. */
static void decide_shape(struct facts *f, struct source *s, AVStream *st)
{
    AVRational sar = av_guess_sample_aspect_ratio(s->format, st, NULL);
    if (sar.num <= 0 || sar.den <= 0) {
        bool sd = (f->width == 720 || f->width == 704) && (f->height == 480 || f->height == 486 || f->height == 576);
        sar = !sd ? (AVRational){ 1, 1 } : f->height == 576 ? (AVRational){ 16, 15 } : (AVRational){ 8, 9 };
    }
    av_reduce(&sar.num, &sar.den, sar.num, sar.den, 255);
    f->sar = sar;
    f->turn = quarter_turns(st);
    f->wide = graph_shape(f) >= 1.55;
    f->rate = count_rate(f, st);
    double fps = av_q2d(f->rate);
    f->pal = (fps > 24.9 && fps < 25.1) || (fps > 49.8 && fps < 50.2);
    f->variable_rate = !f->reorders && f->video_packets > 2 && f->longest_us - f->shortest_us > 4000;
    /* 30 on average may be a still with bursts of 60 */
    f->field_rate = f->fields != FIELDS_PROGRESSIVE || fps > 30.5 || (f->variable_rate && f->quick_packets * 10 > f->video_packets);
}

static enum vcr_err pictures(struct facts *f, struct vcr_why *why)
{
    struct source s;
    struct look l = { 0 };
    AVCodecContext *c = NULL;
    enum vcr_err err = source_open(&s, why);
    if (err != VCR_OK)
        return err;
    err = source_decoder(&s, s.video, &c, why);
    if (err == VCR_OK) {
        decode_some(&s, c, &l, f);
        AVStream *st = source_stream(&s, s.video);
        if (l.pictures == 0)
            err = vcr_fail(why, VCR_E_INVALID, "No picture of this file can be decoded: it is damaged or not a film.");
        f->fields = decide_fields(&l, st->codecpar->field_order, f->height);
        if (err == VCR_OK)
            decide_shape(f, &s, st);
        f->remux = err == VCR_OK && st->codecpar->codec_id == AV_CODEC_ID_H264 && f->pixel_format == AV_PIX_FMT_YUV420P && f->fields == FIELDS_PROGRESSIVE &&
                   l.flagged == 0 && !f->reorders && !f->discards && f->jumps == 0 && f->turn == 0 && f->starts_with_key && f->longest_gop_us <= GOP_REMUX_US &&
                   f->width % 2 == 0 && f->height % 2 == 0;
    }
    avfilter_graph_free(&l.graph);
    avcodec_free_context(&c);
    source_close(&s);
    return err;
}

enum vcr_err probe_run(struct run *r, struct vcr_why *why)
{
    memset(&r->facts, 0, sizeof(r->facts));
    enum vcr_err err = walk(r, why);
    if (err == VCR_OK)
        err = pictures(&r->facts, why);
    if (err == VCR_OK)
        err = hash_file(r, why);
    return err;
}
