/* media/ingest/picture.c - one decode of the picture feeds all that is made of it: the clean reel (packets as they are, or encoded), the tape reel, the poster. */
#include <libavcodec/bsf.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <string.h>

#include "base/util.h"
#include "media/ingest/internal.h"
#include "wire/fmp4.h"

enum { NAL_SPS = 7, NAL_PPS = 8, LATE_US = 1 };

struct picture_track {
    struct run *run;
    AVCodecContext *decoder;
    AVFrame *frame, *filtered;
    struct graph graph;
    struct reshape reshape;
    struct reel_encoder clean, tape;
    struct thumb thumb;
    AVBSFContext *bsf;        /* to Annex B while passing packets through */
    AVPacket *passed;
    int64_t last_in_us, end_us;
    int jumps;                /* of the source's clock, as of the last packet */
};

/* ---- what comes out of the graph ---- */
bool tape_is_key(const struct facts *f, int64_t pts_us)
{
    int64_t n = f->pal ? (pts_us * 50 + 500000) / 1000000 : (pts_us * 60000 + 500500000) / 1001000000;
    return n % TAPE_GOP == 0;
}

enum vcr_err picture_look(struct run *r, const AVFrame *f, int64_t pts_us, struct vcr_why *why)
{
    if (!tape_is_key(&r->facts, pts_us))
        return VCR_OK;
    notice_look(&r->notice, f, pts_us);
    enum vcr_err err = story_look(&r->story, f, pts_us, why);
    return err == VCR_OK ? run_within_limits(r, why) : err;
}

static enum vcr_err drain_one(struct picture_track *p, AVFilterContext *from, bool tape, struct vcr_why *why)
{
    struct run *r = p->run;
    AVRational tb = av_buffersink_get_time_base(from);
    enum vcr_err err = VCR_OK;
    while (err == VCR_OK && av_buffersink_get_frame(from, p->filtered) >= 0) {
        int64_t pts_us = av_rescale_q(p->filtered->pts, tb, AV_TIME_BASE_Q);
        if (!tape)
            thumb_offer(&p->thumb, p->filtered, pts_us, r->facts.end_us - r->facts.first_us);
        if (tape) {
            /* One picture can stand still for long: many on the tape. */
            double length_us = (double)VCR_MAX(r->facts.end_us - r->facts.first_us, 1);
            report_progress(r, r->facts.remux ? "copying" : "encoding", 0.05 + 0.94 * VCR_MIN((double)pts_us / length_us, 1.0), pts_us);
            err = picture_look(r, p->filtered, pts_us, why);
        }
        if (err == VCR_OK && (tape || (!r->facts.remux && !r->wish.finish)))
            err = reel_encoder_give(tape ? &p->tape : &p->clean, r, p->filtered, pts_us, tape, why);
        av_frame_unref(p->filtered);
    }
    return err;
}

static enum vcr_err drain_graph(struct picture_track *p, struct vcr_why *why)
{
    enum vcr_err err = drain_one(p, p->graph.clean, false, why);
    return err == VCR_OK ? drain_one(p, p->graph.tape, true, why) : err;
}

/* What was not told of its colours is told now, as every filter and encoder would guess for itself. */
static void settle_colour(const struct facts *f, AVFrame *frame)
{
    frame->color_range = f->full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    if (!f->rgb)
        frame->colorspace = f->matrix;
}

static enum vcr_err picture_frame(struct picture_track *p, struct vcr_why *why)
{
    AVFrame *f = p->frame;
    struct run *r = p->run;
    int64_t step_us = (int64_t)(1e6 / av_q2d(r->facts.rate));
    int64_t raw = f->best_effort_timestamp != AV_NOPTS_VALUE ? f->best_effort_timestamp : r->frames ? p->last_in_us + r->zero_us + step_us : r->facts.first_us;
    int complaints = complaints_take();
    if (r->resumed && raw - r->facts.first_us < r->resume_us) {
        av_frame_unref(f); /* long in the reels; what follows a seek may complain of what it does not know */
        return VCR_OK;
    }
    if (f->decode_error_flags || (f->flags & AV_FRAME_FLAG_CORRUPT) || complaints > 0) {
        r->decode_errors++;
        if (r->facts.remux)
            return vcr_fail(why, VCR_E_STALE, "A picture is damaged.");
    }
    if (r->frames == 0)
        r->zero_us = r->resumed ? r->facts.first_us : raw;
    enum vcr_err err = captions_look(r, f, raw - r->zero_us, why);
    if (err != VCR_OK)
        return err;
    if (r->frames == 0) {
        err = reshape_open(&p->reshape, &r->facts, f);
        settle_colour(&r->facts, f);
        if (err == VCR_OK)
            err = graph_open(&p->graph, &r->facts, f, (double)resume_ticks(r, INGEST_TAPE) / REEL_VIDEO_TIMESCALE, why);
    } else {
        err = reshape_frame(&p->reshape, f, why);
        settle_colour(&r->facts, f);
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
        int64_t pts = p->passed->pts != AV_NOPTS_VALUE ? p->passed->pts : p->passed->dts, at_us = pts == AV_NOPTS_VALUE ? -1 : pts - r->facts.first_us;
        if (at_us < 0) {
            av_packet_unref(p->passed);
            return vcr_fail(why, VCR_E_STALE, "A packet cannot be kept as it is.");
        }
        if (av_rescale(at_us, REEL_VIDEO_TIMESCALE, 1000000) < p->clean.from_ticks) {
            av_packet_unref(p->passed);
            continue;
        }
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
    reel_encoder_format(&p->clean.format, r->facts.width, r->facts.height, r->facts.sar);
    p->passed = av_packet_alloc();
    if (av_bsf_alloc(av_bsf_get_by_name("h264_mp4toannexb"), &p->bsf) < 0 || avcodec_parameters_copy(p->bsf->par_in, st->codecpar) < 0)
        return vcr_fail(why, VCR_E_STALE, "The packets cannot be kept.");
    p->bsf->time_base_in = AV_TIME_BASE_Q;
    if (av_bsf_init(p->bsf) < 0)
        return vcr_fail(why, VCR_E_STALE, "The packets cannot be kept.");
    return reel_encoder_writer(&p->clean, r, p->bsf->par_out->extradata, (size_t)p->bsf->par_out->extradata_size, false, why);
}

enum vcr_err picture_open(struct picture_track **ret, struct run *r, struct vcr_why *why)
{
    struct picture_track *p = vcr_alloc(sizeof(*p));
    p->run = r;
    p->frame = av_frame_alloc();
    p->filtered = av_frame_alloc();
    *ret = p;
    enum vcr_err err = source_decoder(&r->source, r->source.video, &p->decoder, why);
    if (err == VCR_OK && r->facts.remux && !r->wish.finish)
        err = open_pass(p, why);
    return err; /* the caller closes */
}

static enum vcr_err receive(struct picture_track *p, struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    while (err == VCR_OK && avcodec_receive_frame(p->decoder, p->frame) >= 0)
        err = picture_frame(p, why);
    return err;
}

/* Where the clock begins anew another recording does: decoders that begin anew with it forget the picture that they still hold. */
static enum vcr_err another_recording(struct picture_track *p, const AVPacket *packet, struct vcr_why *why)
{
    bool jumped = packet && p->run->source.jumps != p->jumps;
    p->jumps = p->run->source.jumps;
    if (!jumped || !(packet->flags & AV_PKT_FLAG_KEY))
        return VCR_OK;
    avcodec_send_packet(p->decoder, NULL);
    enum vcr_err err = receive(p, why);
    avcodec_flush_buffers(p->decoder);
    return err;
}

enum vcr_err picture_packet(struct picture_track *p, const AVPacket *packet, struct vcr_why *why)
{
    enum vcr_err err = another_recording(p, packet, why);
    if (err == VCR_OK && packet && p->run->facts.remux && !p->run->wish.finish)
        err = pass_packet(p, packet, why);
    if (err == VCR_OK && avcodec_send_packet(p->decoder, packet) < 0 && packet) {
        p->run->decode_errors++;
        if (p->run->facts.remux)
            return vcr_fail(why, VCR_E_STALE, "A picture is damaged.");
    }
    return err == VCR_OK ? receive(p, why) : err;
}

enum vcr_err picture_finish(struct picture_track *p, int64_t *ret_duration_us, struct vcr_why *why)
{
    int64_t tape_us = 0;
    if (p->run->frames == 0 && !p->run->resumed)
        return vcr_fail(why, VCR_E_INVALID, "No picture of this file can be decoded: it is damaged or not a film.");
    /* The graph is told when the last picture ends, so that the tape holds it that long. */
    if (p->graph.in && av_buffersrc_close(p->graph.in, p->end_us, AV_BUFFERSRC_FLAG_PUSH) < 0)
        return vcr_fail(why, VCR_E_INTERNAL, "The last picture could not be made.");
    enum vcr_err err = p->graph.in ? drain_graph(p, why) : VCR_OK;
    if (err == VCR_OK)
        err = reel_encoder_finish(&p->clean, p->run, false, ret_duration_us, why);
    if (err == VCR_OK)
        err = reel_encoder_finish(&p->tape, p->run, true, &tape_us, why);
    if (err == VCR_OK)
        err = story_finish(&p->run->story, why);
    if (p->run->wish.finish)
        *ret_duration_us = tape_us;
    return err == VCR_OK ? thumb_write(&p->thumb, p->run->outputs[INGEST_THUMB], why) : err;
}

int64_t picture_end_us(const struct picture_track *p) { return p->end_us; }
const struct reel_format *picture_clean_format(const struct picture_track *p) { return &p->clean.format; }
const struct reel_format *picture_tape_format(const struct picture_track *p) { return &p->tape.format; }

void picture_close(struct picture_track **p)
{
    if (!*p)
        return;
    reel_encoder_close(&(*p)->clean);
    reel_encoder_close(&(*p)->tape);
    graph_close(&(*p)->graph);
    reshape_close(&(*p)->reshape);
    av_bsf_free(&(*p)->bsf);
    av_packet_free(&(*p)->passed);
    avcodec_free_context(&(*p)->decoder);
    av_frame_free(&(*p)->frame);
    av_frame_free(&(*p)->filtered);
    av_frame_free(&(*p)->thumb.best);
    free(*p);
    *p = NULL;
}
