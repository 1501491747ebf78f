/* media/ingest/picture.c - one decode of the picture feeds all that is made of it: the clean reel (packets as they are, or encoded), the tape reel, the poster. */
#include <libavcodec/bsf.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "media/ingest/internal.h"
#include "wire/fmp4.h"

enum { TAPE_GOP = 15, KEY_EVERY_US = 1000000, LEVEL_31 = 31, MBS_LEVEL_31 = 108000, FRAME_MBS_LEVEL_31 = 3600, NAL_SPS = 7, NAL_PPS = 8, LATE_US = 1 };

/* One video encoder and the reel it fills. */
struct reel_encoder {
    AVCodecContext *encoder;
    struct reel_writer *writer;
    struct reel_format format;
    AVPacket *packet;
    int64_t duration_us;      /* of a frame, for the last one */
    int64_t last_pts, last_key;
};

struct picture_track {
    struct run *run;
    AVCodecContext *decoder;
    AVFrame *frame, *filtered;
    struct graph graph;
    struct SwsContext *sws;   /* for pictures that change size in the middle */
    int width, height, pixel_format;
    struct reel_encoder clean, tape;
    struct thumb thumb;
    AVBSFContext *bsf;        /* to Annex B while passing packets through */
    AVPacket *passed;
    int64_t last_in_us, end_us;
    int64_t clean_end_us;
};

static bool add_set(uint8_t *out, size_t *len, const uint8_t *nal, size_t n)
{
    if (*len > 0 || n > 128)
        return false;
    memcpy(out, nal, n);
    *len = n;
    return true;
}

/* avcC out of Annex B parameter sets; one SPS and one PPS only. */
static bool fill_config(struct reel_format *f, const uint8_t *extra, size_t len)
{
    uint8_t sps[128], pps[128];
    size_t sps_len = 0, pps_len = 0, pos = 0, n;
    const uint8_t *nal;
    while (fmp4_next_nal(extra, len, &pos, &nal, &n)) {
        if ((nal[0] & 31) == NAL_SPS && !add_set(sps, &sps_len, nal, n))
            return false;
        if ((nal[0] & 31) == NAL_PPS && !add_set(pps, &pps_len, nal, n))
            return false;
    }
    return fmp4_make_avcc(f->config, sizeof(f->config), &f->config_len, sps, sps_len, pps, pps_len);
}

static void fill_video_format(struct reel_format *f, int w, int h, AVRational sar)
{
    f->codec = REEL_H264;
    f->timescale = REEL_VIDEO_TIMESCALE;
    f->width = w;
    f->height = h;
    f->sar_num = sar.num > 0 ? sar.num : 1;
    f->sar_den = sar.num > 0 ? sar.den : 1;
}

/* WebRTC takes baseline and main up to level 3.1; nothing here reorders. */
static bool may_pass(const struct reel_format *f) { return (f->config[1] == 66 || f->config[1] == 77) && f->config[3] <= LEVEL_31; }

static enum vcr_err open_writer(struct picture_track *p, struct reel_encoder *e, const uint8_t *extra, size_t len, bool tape, struct vcr_why *why)
{
    if (!extra || !fill_config(&e->format, extra, len))
        return vcr_fail(why, VCR_E_STALE, "The picture's parameter sets cannot be kept.");
    /* A session says one shape for the whole tape, which is the raster's: a picture of another one is sent from the tape reel, between its bars. */
    e->format.pass_through = may_pass(&e->format) && (tape || graph_fills(&p->run->facts));
    return reel_writer_open(&e->writer, &e->format, p->run->outputs[tape ? INGEST_TAPE : INGEST_CLEAN], p->run->outputs[tape ? INGEST_TAPE_INDEX : INGEST_CLEAN_INDEX], why);
}

static void settings_tape(AVCodecContext *c)
{
    c->profile = FF_PROFILE_H264_CONSTRAINED_BASELINE;
    c->level = LEVEL_31;
    c->gop_size = TAPE_GOP;
    c->rc_max_rate = 6500000;
    c->rc_buffer_size = 1500000;
    av_opt_set(c->priv_data, "preset", "superfast", 0);
    av_opt_set(c->priv_data, "profile", "baseline", 0);
    av_opt_set(c->priv_data, "x264-params", "scenecut=0:bframes=0:keyint=15:min-keyint=15", 0);
}

static void settings_clean(AVCodecContext *c, double fps)
{
    int mbs = ((c->width + 15) / 16) * ((c->height + 15) / 16);
    bool small = mbs <= FRAME_MBS_LEVEL_31 && mbs * fps <= MBS_LEVEL_31;
    if (small)
        c->level = LEVEL_31;
    c->gop_size = 600; /* keys are asked for by time */
    c->rc_max_rate = small ? 6500000 : 24000000;
    c->rc_buffer_size = small ? 1500000 : 24000000;
    av_opt_set(c->priv_data, "preset", "veryfast", 0);
    av_opt_set(c->priv_data, "profile", small ? "main" : "high", 0);
    av_opt_set(c->priv_data, "x264-params", "scenecut=0:bframes=0", 0);
    av_opt_set(c->priv_data, "forced-idr", "1", 0);
}

static enum vcr_err open_encoder(struct picture_track *p, struct reel_encoder *e, const AVFrame *f, bool tape, struct vcr_why *why)
{
    const struct facts *facts = &p->run->facts;
    double fps = tape ? (facts->pal ? 50 : 59.94) : av_q2d(facts->rate) * (facts->fields == FIELDS_PROGRESSIVE ? 1 : 2);
    AVCodecContext *c = avcodec_alloc_context3(avcodec_find_encoder_by_name("libx264"));
    if (!c)
        return vcr_fail(why, VCR_E_INTERNAL, "The H.264 encoder is missing.");
    e->encoder = c;
    c->width = f->width;
    c->height = f->height;
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->sample_aspect_ratio = f->sample_aspect_ratio;
    c->time_base = (AVRational){ 1, REEL_VIDEO_TIMESCALE };
    c->framerate = av_d2q(fps, 100000);
    c->thread_count = 2;
    c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    c->max_b_frames = 0;
    c->color_range = f->color_range == AVCOL_RANGE_JPEG ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    c->colorspace = tape ? (facts->pal ? AVCOL_SPC_BT470BG : AVCOL_SPC_SMPTE170M) : f->colorspace;
    c->color_primaries = f->color_primaries;
    c->color_trc = f->color_trc;
    av_opt_set(c->priv_data, "crf", "20", 0);
    if (tape)
        settings_tape(c);
    else
        settings_clean(c, fps);
    e->last_pts = -1;
    e->last_key = -1;
    e->packet = av_packet_alloc();
    e->duration_us = (int64_t)(1e6 / fps);
    fill_video_format(&e->format, f->width, f->height, f->sample_aspect_ratio);
    if (avcodec_open2(c, NULL, NULL) < 0)
        return vcr_fail(why, VCR_E_INVALID, "A picture of %dx%d cannot be encoded.", f->width, f->height);
    return open_writer(p, e, c->extradata, (size_t)c->extradata_size, tape, why);
}

static enum vcr_err drain_encoder(struct reel_encoder *e, struct vcr_why *why)
{
    while (avcodec_receive_packet(e->encoder, e->packet) >= 0) {
        int64_t pts_us = av_rescale_q(e->packet->pts, e->encoder->time_base, AV_TIME_BASE_Q);
        enum vcr_err err = reel_write(e->writer, e->packet->data, (size_t)e->packet->size, pts_us, pts_us, e->duration_us, e->packet->flags & AV_PKT_FLAG_KEY, why);
        av_packet_unref(e->packet);
        if (err != VCR_OK)
            return err;
    }
    return VCR_OK;
}

static enum vcr_err encode(struct reel_encoder *e, AVFrame *f, int64_t pts_us, struct vcr_why *why)
{
    f->pts = av_rescale_q(pts_us, AV_TIME_BASE_Q, e->encoder->time_base);
    if (e->last_pts >= 0 && f->pts <= e->last_pts)
        return VCR_OK; /* two pictures at one time: the first stays */
    bool key = e->last_key < 0 || f->pts - e->last_key >= REEL_VIDEO_TIMESCALE * (int64_t)KEY_EVERY_US / 1000000 - 2000;
    f->pict_type = key && e->encoder->gop_size > TAPE_GOP ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    if (key)
        e->last_key = f->pts;
    e->last_pts = f->pts;
    if (avcodec_send_frame(e->encoder, f) < 0)
        return vcr_fail(why, VCR_E_INTERNAL, "The encoder refused a picture.");
    return drain_encoder(e, why);
}

/* ---- what comes out of the graph ---- */
static enum vcr_err drain_one(struct picture_track *p, AVFilterContext *from, bool tape, struct vcr_why *why)
{
    struct reel_encoder *e = tape ? &p->tape : &p->clean;
    AVRational tb = av_buffersink_get_time_base(from);
    enum vcr_err err = VCR_OK;
    while (err == VCR_OK && av_buffersink_get_frame(from, p->filtered) >= 0) {
        int64_t pts_us = av_rescale_q(p->filtered->pts, tb, AV_TIME_BASE_Q);
        if (!tape)
            thumb_offer(&p->thumb, p->filtered, pts_us, p->run->facts.end_us - p->run->facts.first_us);
        if (tape || !p->run->facts.remux) {
            if (!e->encoder)
                err = open_encoder(p, e, p->filtered, tape, why);
            if (err == VCR_OK)
                err = encode(e, p->filtered, pts_us, why);
        }
        av_frame_unref(p->filtered);
    }
    return err;
}

static enum vcr_err drain_graph(struct picture_track *p, struct vcr_why *why)
{
    enum vcr_err err = drain_one(p, p->graph.clean, false, why);
    return err == VCR_OK ? drain_one(p, p->graph.tape, true, why) : err;
}

/* A picture of another size or format (DVD chapters, some cameras) takes the first one's. */
static enum vcr_err same_shape(struct picture_track *p, struct vcr_why *why)
{
    AVFrame *f = p->frame;
    if (f->width == p->width && f->height == p->height && f->format == p->pixel_format)
        return VCR_OK;
    AVFrame *to = av_frame_alloc();
    to->width = p->width;
    to->height = p->height;
    to->format = p->pixel_format;
    p->sws = sws_getCachedContext(p->sws, f->width, f->height, (enum AVPixelFormat)f->format, to->width, to->height, (enum AVPixelFormat)to->format, SWS_BICUBIC, NULL,
                                  NULL, NULL);
    if (!p->sws || av_frame_get_buffer(to, 0) < 0) {
        av_frame_free(&to);
        return vcr_fail(why, VCR_E_NOMEM, "The picture changes its size in a way that is not supported.");
    }
    sws_scale(p->sws, (const uint8_t *const *)f->data, f->linesize, 0, f->height, to->data, to->linesize);
    av_frame_copy_props(to, f);
    av_frame_unref(f);
    av_frame_move_ref(f, to);
    av_frame_free(&to);
    return VCR_OK;
}

static enum vcr_err picture_frame(struct picture_track *p, struct vcr_why *why)
{
    AVFrame *f = p->frame;
    struct run *r = p->run;
    int64_t step_us = (int64_t)(1e6 / av_q2d(r->facts.rate));
    int64_t raw = f->best_effort_timestamp != AV_NOPTS_VALUE ? f->best_effort_timestamp : r->frames ? p->last_in_us + r->zero_us + step_us : r->facts.first_us;
    if (f->decode_error_flags || (f->flags & AV_FRAME_FLAG_CORRUPT)) {
        r->decode_errors++;
        if (r->facts.remux)
            return vcr_fail(why, VCR_E_STALE, "A picture is damaged.");
    }
    enum vcr_err err;
    if (r->frames == 0) {
        r->zero_us = raw;
        p->width = f->width, p->height = f->height, p->pixel_format = f->format;
        err = graph_open(&p->graph, &r->facts, f, why);
    } else {
        err = same_shape(p, why);
    }
    if (err != VCR_OK)
        return err;
    f->pts = raw - r->zero_us;
    if (r->frames > 0 && f->pts <= p->last_in_us)
        f->pts = p->last_in_us + LATE_US;
    p->last_in_us = f->pts;
    p->end_us = f->pts + (f->pkt_duration > 0 && f->pkt_duration < 10000000 ? f->pkt_duration : step_us);
    f->pict_type = AV_PICTURE_TYPE_NONE;
    f->sample_aspect_ratio = r->facts.sar;
    r->frames++;
    if (r->facts.fields != FIELDS_PROGRESSIVE) {
        f->interlaced_frame = 1;
        f->top_field_first = r->facts.fields == FIELDS_TFF;
    }
    if (av_buffersrc_add_frame(p->graph.in, f) < 0)
        return vcr_fail(why, VCR_E_NOMEM, "There was not enough memory for the picture.");
    return drain_graph(p, why);
}

/* ---- passing packets through ---- */
static enum vcr_err pass_packet(struct picture_track *p, const AVPacket *packet, struct vcr_why *why)
{
    struct run *r = p->run;
    if (av_packet_ref(p->passed, packet) < 0 || av_bsf_send_packet(p->bsf, p->passed) < 0)
        return vcr_fail(why, VCR_E_STALE, "A packet cannot be kept as it is.");
    while (av_bsf_receive_packet(p->bsf, p->passed) >= 0) {
        int64_t at_us = p->passed->pts - r->facts.first_us;
        const uint8_t *nal;
        size_t pos = 0, n;
        bool same = true;
        while (fmp4_next_nal(p->passed->data, (size_t)p->passed->size, &pos, &nal, &n))
            if ((nal[0] & 31) == NAL_SPS || (nal[0] & 31) == NAL_PPS)
                same = same && memmem(p->clean.format.config, p->clean.format.config_len, nal, n);
        enum vcr_err err = !same ? VCR_E_STALE
                                 : reel_write(p->clean.writer, p->passed->data, (size_t)p->passed->size, at_us, at_us, p->passed->duration ? p->passed->duration : 40000,
                                              p->passed->flags & AV_PKT_FLAG_KEY, why);
        av_packet_unref(p->passed);
        if (err != VCR_OK)
            return vcr_fail(why, VCR_E_STALE, "A packet cannot be kept as it is.");
    }
    return VCR_OK;
}

static enum vcr_err open_pass(struct picture_track *p, struct vcr_why *why)
{
    struct run *r = p->run;
    AVStream *st = source_stream(&r->source, r->source.video);
    fill_video_format(&p->clean.format, r->facts.width, r->facts.height, r->facts.sar);
    p->passed = av_packet_alloc();
    if (av_bsf_alloc(av_bsf_get_by_name("h264_mp4toannexb"), &p->bsf) < 0 || avcodec_parameters_copy(p->bsf->par_in, st->codecpar) < 0)
        return vcr_fail(why, VCR_E_STALE, "The packets cannot be kept.");
    p->bsf->time_base_in = AV_TIME_BASE_Q;
    if (av_bsf_init(p->bsf) < 0)
        return vcr_fail(why, VCR_E_STALE, "The packets cannot be kept.");
    return open_writer(p, &p->clean, p->bsf->par_out->extradata, (size_t)p->bsf->par_out->extradata_size, false, why);
}

enum vcr_err picture_open(struct picture_track **ret, struct run *r, struct vcr_why *why)
{
    struct picture_track *p = vcr_alloc(sizeof(*p));
    p->run = r;
    p->frame = av_frame_alloc();
    p->filtered = av_frame_alloc();
    *ret = p;
    enum vcr_err err = source_decoder(&r->source, r->source.video, &p->decoder, why);
    if (err == VCR_OK && r->facts.remux)
        err = open_pass(p, why);
    return err; /* the caller closes */
}

enum vcr_err picture_packet(struct picture_track *p, const AVPacket *packet, struct vcr_why *why)
{
    enum vcr_err err = packet && p->run->facts.remux ? pass_packet(p, packet, why) : VCR_OK;
    if (err == VCR_OK && avcodec_send_packet(p->decoder, packet) < 0 && packet) {
        p->run->decode_errors++;
        if (p->run->facts.remux)
            return vcr_fail(why, VCR_E_STALE, "A picture is damaged.");
    }
    while (err == VCR_OK && avcodec_receive_frame(p->decoder, p->frame) >= 0)
        err = picture_frame(p, why);
    return err;
}

enum vcr_err picture_finish(struct picture_track *p, int64_t *ret_duration_us, struct vcr_why *why)
{
    struct reel_encoder *both[2] = { &p->clean, &p->tape };
    if (p->run->frames == 0)
        return vcr_fail(why, VCR_E_INVALID, "No picture of this file can be decoded: it is damaged or not a film.");
    /* The graph is told when the last picture ends, so that the tape holds it that long. */
    if (av_buffersrc_close(p->graph.in, p->end_us, AV_BUFFERSRC_FLAG_PUSH) < 0)
        return vcr_fail(why, VCR_E_INTERNAL, "The last picture could not be made.");
    enum vcr_err err = drain_graph(p, why);
    for (int i = 0; err == VCR_OK && i < 2; i++) {
        int64_t us = 0;
        if (both[i]->encoder && avcodec_send_frame(both[i]->encoder, NULL) >= 0)
            err = drain_encoder(both[i], why);
        if (err == VCR_OK && both[i]->writer)
            err = reel_writer_finish(both[i]->writer, &us, why);
        if (i == 0)
            *ret_duration_us = us;
    }
    return err == VCR_OK ? thumb_write(&p->thumb, p->run->outputs[INGEST_THUMB], why) : err;
}

int64_t picture_end_us(const struct picture_track *p) { return p->end_us; }
const struct reel_format *picture_clean_format(const struct picture_track *p) { return &p->clean.format; }
const struct reel_format *picture_tape_format(const struct picture_track *p) { return &p->tape.format; }

static void close_encoder(struct reel_encoder *e)
{
    reel_writer_close(&e->writer);
    avcodec_free_context(&e->encoder);
    av_packet_free(&e->packet);
}

void picture_close(struct picture_track **p)
{
    if (!*p)
        return;
    close_encoder(&(*p)->clean);
    close_encoder(&(*p)->tape);
    graph_close(&(*p)->graph);
    sws_freeContext((*p)->sws);
    av_bsf_free(&(*p)->bsf);
    av_packet_free(&(*p)->passed);
    avcodec_free_context(&(*p)->decoder);
    av_frame_free(&(*p)->frame);
    av_frame_free(&(*p)->filtered);
    av_frame_free(&(*p)->thumb.best);
    free(*p);
    *p = NULL;
}
