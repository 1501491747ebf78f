/* media/ingest/picture_out.c - one video encoder and the reel that it fills: the clean one, or the tape's. */
#include <libavutil/opt.h>
#include <string.h>

#include "base/util.h"
#include "media/ingest/internal.h"
#include "wire/fmp4.h"

enum { KEY_EVERY_US = 1000000, LEVEL_31 = 31, MBS_LEVEL_31 = 108000, FRAME_MBS_LEVEL_31 = 3600, NAL_SPS = 7, NAL_PPS = 8 };

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

void reel_encoder_format(struct reel_format *f, int w, int h, AVRational sar)
{
    f->codec = REEL_H264;
    f->timescale = REEL_VIDEO_TIMESCALE;
    f->width = w;
    f->height = h;
    f->sar_num = sar.num > 0 ? sar.num : 1;
    f->sar_den = sar.num > 0 ? sar.den : 1;
}

/* WebRTC takes baseline and main up to level 3.1; nothing here reorders. A session says one shape for the whole tape, which is the raster's: a picture of another one is
 * sent from the tape reel, between its bars. */
bool reel_encoder_may_pass(const struct reel_format *f, const struct facts *facts, bool tape)
{
    return (f->config[1] == 66 || f->config[1] == 77) && f->config[3] <= LEVEL_31 && (tape || graph_fills(facts));
}

enum vcr_err reel_encoder_writer(struct reel_encoder *e, struct run *r, const uint8_t *extra, size_t len, bool tape, struct vcr_why *why)
{
    if (!extra || !fill_config(&e->format, extra, len))
        return vcr_fail(why, VCR_E_STALE, "The picture's parameter sets cannot be kept.");
    e->format.pass_through = reel_encoder_may_pass(&e->format, &r->facts, tape);
    e->from_ticks = (int64_t)resume_ticks(r, tape ? INGEST_TAPE : INGEST_CLEAN);
    return resume_writer(r, tape ? INGEST_TAPE : INGEST_CLEAN, &e->format, &e->writer, why);
}

static void settings_tape(AVCodecContext *c)
{
    c->profile = FF_PROFILE_H264_CONSTRAINED_BASELINE;
    c->level = LEVEL_31;
    c->gop_size = TAPE_GOP; /* at most: keys are asked for by place */
    c->rc_max_rate = 6500000;
    c->rc_buffer_size = 1500000;
    av_opt_set(c->priv_data, "preset", "superfast", 0);
    av_opt_set(c->priv_data, "profile", "baseline", 0);
    /* Every live session decodes it, sixty pictures a second: without the deblocking filter for three quarters of the time, and at this quality no worse
     * (720x480 at 59.94 of a real clip: SSIM 0.99830 with, 0.99830 without, 2.5 dB noise added 0.9425 and 0.9431, at equal sizes). */
    av_opt_set(c->priv_data, "x264-params", "scenecut=0:bframes=0:no-deblock=1", 0);
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
}

static enum vcr_err drain_encoder(struct reel_encoder *e, struct vcr_why *why)
{
    while (avcodec_receive_packet(e->encoder, e->packet) >= 0) {
        int64_t pts_us = av_rescale_q(e->packet->pts, e->time_base, AV_TIME_BASE_Q);
        enum vcr_err err = reel_write(e->writer, e->packet->data, (size_t)e->packet->size, pts_us, pts_us, e->duration_us, e->packet->flags & AV_PKT_FLAG_KEY, why);
        av_packet_unref(e->packet);
        if (err != VCR_OK)
            return err;
    }
    return VCR_OK;
}

/* On the encoder's thread. */
static enum vcr_err encode(void *arg, AVFrame *f, struct vcr_why *why)
{
    struct reel_encoder *e = arg;
    if (avcodec_send_frame(e->encoder, f) < 0)
        return vcr_fail(why, VCR_E_INTERNAL, "The encoder refused a picture.");
    return drain_encoder(e, why);
}

static enum vcr_err open_encoder(struct reel_encoder *e, struct run *r, const AVFrame *f, bool tape, struct vcr_why *why)
{
    const struct facts *facts = &r->facts;
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
    c->thread_count = 1; /* see aside.c */
    c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    c->max_b_frames = 0;
    c->color_range = AVCOL_RANGE_MPEG;
    c->colorspace = tape ? (facts->pal ? AVCOL_SPC_BT470BG : AVCOL_SPC_SMPTE170M) : facts->matrix;
    c->color_primaries = f->color_primaries;
    c->color_trc = f->color_trc;
    av_opt_set(c->priv_data, "crf", "20", 0);
    av_opt_set(c->priv_data, "forced-idr", "1", 0);
    if (tape)
        settings_tape(c);
    else
        settings_clean(c, fps);
    e->last_pts = -1;
    e->last_key = -1;
    e->left_out_pts = -1;
    e->packet = av_packet_alloc();
    e->time_base = c->time_base;
    e->duration_us = (int64_t)(1e6 / fps);
    reel_encoder_format(&e->format, f->width, f->height, f->sample_aspect_ratio);
    if (avcodec_open2(c, NULL, NULL) < 0)
        return vcr_fail(why, VCR_E_INVALID, "A picture of %dx%d cannot be encoded.", f->width, f->height);
    enum vcr_err err = reel_encoder_writer(e, r, c->extradata, (size_t)c->extradata_size, tape, why);
    return err == VCR_OK ? aside_open(&e->thread, encode, e, why) : err;
}

/* The very picture that was encoded last: a film has fewer pictures than its tape has fields. What is held of it keeps its memory from being used for another. */
static bool is_repeated(const struct reel_encoder *e, const AVFrame *f)
{
    return e->last && e->last->buf[0] && f->buf[0] && e->last->buf[0]->data == f->buf[0]->data && e->last->data[0] == f->data[0];
}

/* A picture of the tape stands until the next one: its repeats are neither encoded here nor decoded, sixty times a second, by each session that plays it. At a key place it is encoded all the same.
 * True: this one is left out. */
static bool leave_out(struct reel_encoder *e, const AVFrame *f, bool key)
{
    if (!key && is_repeated(e, f)) {
        e->left_out_pts = f->pts;
        return true;
    }
    e->left_out_pts = -1;
    if (!e->last)
        e->last = av_frame_alloc();
    if (e->last) { /* else its repeats are encoded */
        av_frame_unref(e->last);
        if (av_frame_ref(e->last, f) < 0)
            av_frame_free(&e->last);
    }
    return false;
}

enum vcr_err reel_encoder_give(struct reel_encoder *e, struct run *r, AVFrame *f, int64_t pts_us, bool tape, struct vcr_why *why)
{
    if (!e->thread) {
        enum vcr_err err = open_encoder(e, r, f, tape, why);
        if (err != VCR_OK)
            return err;
    }
    f->pts = av_rescale_q(pts_us, AV_TIME_BASE_Q, e->time_base);
    if (f->pts < e->from_ticks)
        return VCR_OK;
    if (e->last_pts >= 0 && f->pts <= e->last_pts) {
        /* Two pictures at one time: the first stays. Of a single frame's two fields both do, though nothing tells how far apart they are. */
        if (r->facts.fields == FIELDS_PROGRESSIVE || r->frames > 1)
            return VCR_OK;
        f->pts = e->last_pts + av_rescale_q(e->duration_us, AV_TIME_BASE_Q, e->time_base);
    }
    bool key = e->last_key < 0 || (tape ? tape_is_key(&r->facts, pts_us) : f->pts - e->last_key >= REEL_VIDEO_TIMESCALE * (int64_t)KEY_EVERY_US / 1000000 - 2000);
    if (tape && leave_out(e, f, key))
        return VCR_OK;
    f->pict_type = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    if (key)
        e->last_key = f->pts;
    e->last_pts = f->pts;
    return aside_give(e->thread, f, why);
}

/* A reel ends a field after its last picture: the last repeat says where that is. */
static enum vcr_err give_left_out(struct reel_encoder *e, struct vcr_why *why)
{
    if (!e->thread || !e->last || e->left_out_pts <= e->last_pts)
        return VCR_OK;
    e->last->pts = e->left_out_pts;
    e->last->pict_type = AV_PICTURE_TYPE_NONE;
    return aside_give(e->thread, e->last, why);
}

enum vcr_err reel_encoder_finish(struct reel_encoder *e, struct run *r, bool tape, int64_t *ret_duration_us, struct vcr_why *why)
{
    enum vcr_err err = give_left_out(e, why);
    if (err == VCR_OK && e->thread)
        err = aside_finish(&e->thread, why);
    if (err == VCR_OK && !e->writer && resume_ticks(r, tape ? INGEST_TAPE : INGEST_CLEAN) > 0)
        err = resume_revive(r, tape ? INGEST_TAPE : INGEST_CLEAN, &e->format, &e->writer, why);
    return err == VCR_OK && e->writer ? reel_writer_finish(e->writer, ret_duration_us, why) : err;
}

void reel_encoder_close(struct reel_encoder *e)
{
    aside_close(&e->thread);
    reel_writer_close(&e->writer);
    avcodec_free_context(&e->encoder);
    av_packet_free(&e->packet);
    av_frame_free(&e->last);
}
