/* media/ingest/live_encode.c - decoded pictures, de-interlaced at field rate, made small enough for level 3.1 and encoded without delay.
 *
 * When the machine is too slow, every second picture is left out until it has caught up: half the rate, in time, instead of all of it ever later. */
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/packet.h"
#include "base/util.h"
#include "media/encode.h"
#include "media/ingest/live.h"
#include "wire/fmp4.h"

enum { MB_PER_S = 108000, MB_PER_PICTURE = 3600, NAL_SPS = 7, NAL_PPS = 8, BITS_PER_1000_PX = 120, BITRATE_LEAST = 400000, BITRATE_MOST = 6000000 };
static const int64_t key_every_us = 1000000, behind_us = 400000, rest_us = 10000000, least_step_us = 2000;

struct live_encode {
    struct live_out *out;
    /* what the graph was made for */
    AVFilterGraph *graph;
    AVFilterContext *in, *sink;
    int width, height, format;
    AVRational sar;
    bool interlaced;
    AVRational rate;             /* of what comes out */
    int out_width, out_height;
    AVRational out_sar;
    struct video_encoder *encoder;
    AVFrame *picture;
    int64_t last_us, key_us, step_us;
    bool jumped, told, skip;
    int64_t least_lag_us, least_at_us; /* of the clock behind the pictures, in the last while */
};

/* The largest size of level 3.1 at this rate, the picture's shape kept by its sample aspect. */
static void choose_size(struct live_encode *e)
{
    double rate = av_q2d(e->rate), most = VCR_MIN((double)MB_PER_PICTURE, MB_PER_S / rate);
    int w = e->width / 2 * 2, h = e->height / 2 * 2;
    for (double k = sqrt(most * 256 / ((double)w * h)); ((w + 15) / 16) * ((h + 15) / 16) > most; k *= 0.98) {
        w = VCR_MAX((int)(e->width * k) / 16 * 16, 16);
        h = VCR_MAX((int)(e->height * k) / 16 * 16, 16);
    }
    e->out_width = w;
    e->out_height = h;
    av_reduce(&e->out_sar.num, &e->out_sar.den, (int64_t)e->width * h * e->sar.num, (int64_t)e->height * w * e->sar.den, 65535);
    if (e->out_sar.num <= 0 || e->out_sar.den <= 0)
        e->out_sar = (AVRational){ 1, 1 };
}

static bool open_graph(struct live_encode *e)
{
    char args[200], text[200], size[64] = "";
    AVFilterInOut *in = avfilter_inout_alloc(), *out = avfilter_inout_alloc();
    avfilter_graph_free(&e->graph);
    e->graph = avfilter_graph_alloc();
    bool ok = in && out && e->graph;
    if (ok) {
        e->graph->nb_threads = 1;
        snprintf(args, sizeof(args), "video_size=%dx%d:pix_fmt=%d:time_base=1/1000000:pixel_aspect=%d/%d", e->width, e->height, e->format, e->sar.num, e->sar.den);
        if (e->out_width != e->width || e->out_height != e->height)
            snprintf(size, sizeof(size), "scale=%d:%d:flags=bilinear,", e->out_width, e->out_height);
        snprintf(text, sizeof(text), "[in]%s%sformat=yuv420p[out]", e->interlaced ? "bwdif=mode=send_field:parity=auto:deint=interlaced," : "", size);
        ok = avfilter_graph_create_filter(&e->in, avfilter_get_by_name("buffer"), "in", args, NULL, e->graph) >= 0 &&
             avfilter_graph_create_filter(&e->sink, avfilter_get_by_name("buffersink"), "out", NULL, NULL, e->graph) >= 0;
    }
    if (ok) {
        in->name = av_strdup("in"), in->filter_ctx = e->in, in->pad_idx = 0, in->next = NULL;
        out->name = av_strdup("out"), out->filter_ctx = e->sink, out->pad_idx = 0, out->next = NULL;
        ok = avfilter_graph_parse_ptr(e->graph, text, &out, &in, NULL) >= 0 && avfilter_graph_config(e->graph, NULL) >= 0;
    }
    avfilter_inout_free(&in);
    avfilter_inout_free(&out);
    return ok;
}

static bool open_encoder(struct live_encode *e)
{
    double px = (double)e->out_width * e->out_height * av_q2d(e->rate);
    const struct video_encoder_config c = {
        .width = e->out_width, .height = e->out_height, .sar_num = e->out_sar.num, .sar_den = e->out_sar.den,
        .rate_num = e->rate.num, .rate_den = e->rate.den,
        .gop_frames = (int)(4 * av_q2d(e->rate)) + 1, /* a key each second by the clock: see encode */
        .bitrate_bps = (uint32_t)VCR_CLAMP(px * BITS_PER_1000_PX / 1000, BITRATE_LEAST, BITRATE_MOST),
        .effort = VIDEO_EFFORT_BRISK, .pal = e->height == 576 || e->height == 288,
    };
    video_encoder_close(&e->encoder);
    e->told = false;
    e->key_us = INT64_MIN / 2;
    return video_encoder_open(&e->encoder, &c, NULL) == VCR_OK;
}

static bool same(AVRational a, AVRational b) { return av_cmp_q(a, b) == 0; }

static bool prepare(struct live_encode *e, const AVFrame *f, bool interlaced, AVRational rate)
{
    AVRational sar = f->sample_aspect_ratio;
    if (sar.num <= 0 || sar.den <= 0 || av_q2d(sar) > 20 || av_q2d(sar) < 0.05)
        sar = (AVRational){ 1, 1 };
    if (e->encoder && e->graph && f->width == e->width && f->height == e->height && f->format == e->format && same(sar, e->sar) && interlaced == e->interlaced)
        return true;
    bool usual = rate.num > 0 && rate.den > 0 && av_q2d(rate) >= 4 && av_q2d(rate) <= 61;
    if (f->width < 32 || f->height < 32 || f->width > 4096 || f->height > 4096)
        return false;
    e->width = f->width, e->height = f->height, e->format = f->format;
    e->sar = sar;
    e->interlaced = interlaced;
    e->rate = usual ? rate : (AVRational){ 30000, 1001 };
    if (interlaced && av_q2d(e->rate) < 31)
        e->rate.num *= 2;
    e->step_us = (int64_t)(1e6 / av_q2d(e->rate));
    choose_size(e);
    if (!open_graph(e) || !open_encoder(e)) {
        avfilter_graph_free(&e->graph);
        return false;
    }
    live_out_note(e->out, "picture: encoded anew, %dx%d%s to %dx%d at %.2f", e->width, e->height, interlaced ? " interlaced" : "", e->out_width, e->out_height,
                  av_q2d(e->rate));
    return true;
}

/* The parameter sets of the first key frame are the format. */
static void tell_format(struct live_encode *e, const struct packet *p)
{
    struct live_format f = { .width = e->out_width, .height = e->out_height, .sar_num = e->out_sar.num, .sar_den = e->out_sar.den, .rate_num = e->rate.num,
                             .rate_den = e->rate.den };
    const uint8_t *nal;
    size_t pos = 0, n;
    while (fmp4_next_nal(p->data, p->len, &pos, &nal, &n)) {
        if (((nal[0] & 31) != NAL_SPS && (nal[0] & 31) != NAL_PPS) || f.config_len + n + 4 > LIVE_CONFIG_MAX)
            continue;
        wr32be(f.config + f.config_len, 1);
        memcpy(f.config + f.config_len + 4, nal, n);
        f.config_len += (uint32_t)n + 4;
    }
    live_out_format(e->out, LIVE_VIDEO, &f);
    e->told = true;
}

/* Behind by more than the least of the last ten seconds: this machine does not keep up. */
static bool is_behind(struct live_encode *e, int64_t pts_us)
{
    int64_t now_us = clock_mono_us(), lag_us = now_us - pts_us;
    if (lag_us < e->least_lag_us || now_us - e->least_at_us > rest_us || e->least_at_us == 0) {
        e->least_lag_us = lag_us;
        e->least_at_us = now_us;
    }
    return lag_us > e->least_lag_us + behind_us;
}

static void encode(struct live_encode *e, AVFrame *f)
{
    int64_t pts_us = av_rescale_q(f->pts, av_buffersink_get_time_base(e->sink), AV_TIME_BASE_Q);
    struct packet p;
    if (e->jumped)
        e->last_us = INT64_MIN / 2;
    e->skip = !e->skip && is_behind(e, pts_us);
    if (pts_us < e->last_us + least_step_us || pts_us < 0 || e->skip || f->width != e->out_width || f->height != e->out_height)
        return;
    const struct picture picture = { .width = f->width, .height = f->height, .plane = { f->data[0], f->data[1], f->data[2] },
                                     .stride = { f->linesize[0], f->linesize[1], f->linesize[2] } };
    bool key = e->jumped || pts_us - e->key_us >= key_every_us - e->step_us / 2 || live_wants_key() || e->out->lost_video;
    if (video_encode(e->encoder, &picture, pts_us, key, &p, NULL) != VCR_OK)
        return;
    if (p.flags & PACKET_KEY && !e->told)
        tell_format(e, &p);
    if (p.flags & PACKET_KEY)
        e->key_us = pts_us;
    live_out_packet(e->out, LIVE_VIDEO, p.flags | (e->jumped ? PACKET_DISCONT : 0u), pts_us, e->step_us, p.data, p.len);
    e->last_us = pts_us;
    e->jumped = false;
}

bool live_encode_frame(struct live_encode *e, AVFrame *frame, bool interlaced, AVRational rate)
{
    if (!prepare(e, frame, interlaced, rate) || av_buffersrc_add_frame(e->in, frame) < 0)
        return false;
    while (av_buffersink_get_frame(e->sink, e->picture) >= 0) {
        encode(e, e->picture);
        av_frame_unref(e->picture);
    }
    return true;
}

void live_encode_jumped(struct live_encode *e)
{
    avfilter_graph_free(&e->graph); /* it holds pictures of before */
    e->jumped = true;
    e->least_at_us = 0;
    if (e->encoder && !open_graph(e))
        avfilter_graph_free(&e->graph);
}

struct live_encode *live_encode_open(struct live_out *out)
{
    struct live_encode *e = vcr_alloc(sizeof(*e));
    e->out = out;
    e->picture = av_frame_alloc();
    e->last_us = e->key_us = INT64_MIN / 2;
    return e;
}

void live_encode_close(struct live_encode **ep)
{
    struct live_encode *e = *ep;
    if (!e)
        return;
    avfilter_graph_free(&e->graph);
    video_encoder_close(&e->encoder);
    av_frame_free(&e->picture);
    free(e);
    *ep = NULL;
}
