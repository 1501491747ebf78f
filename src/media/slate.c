/* media/slate.c - see bridge.h: unrecorded tape as a reel, a still that says so and silence. One picture a second: a tape may be empty for hours. */
#include <libavcodec/avcodec.h>
#include <string.h>

#include "base/util.h"
#include "media/bridge.h"
#include "media/encode.h"
#include "signal/signal.h"
#include "wire/fmp4.h"
#include "wire/h264sps.h"

enum { RATE = 48000, AAC_FRAME = 1024, AAC_BITRATE = 160000, SETTLED = 4, STEP_US = 1000000, BITRATE = 1000000, SILENT_MAX = 1024 };
enum { BLUE_Y = 41, BLUE_U = 180, BLUE_V = 118, SLATE_ROW = 6, SLATE_COLUMN = 6 };

static void draw(struct picture *p, uint8_t *bytes, int width, int height)
{
    size_t luma = (size_t)width * (size_t)height;
    *p = (struct picture){ .width = width, .height = height, .plane = { bytes, bytes + luma, bytes + luma + luma / 4 }, .stride = { width, width / 2, width / 2 } };
    memset(p->plane[0], BLUE_Y, luma);
    memset(p->plane[1], BLUE_U, luma / 4);
    memset(p->plane[2], BLUE_V, luma / 4);
    signal_osd(p, SLATE_ROW, SLATE_COLUMN, "NO RECORDING");
}

static enum vcr_err take_sets(struct reel_format *f, const struct packet *p, struct vcr_why *why)
{
    struct h264_sets sets;
    if (!h264_sets_find(&sets, p->data, p->len) || !fmp4_make_avcc(f->config, sizeof(f->config), &f->config_len, sets.sps, sets.sps_len, sets.pps, sets.pps_len))
        return vcr_fail(why, VCR_E_INTERNAL, "the parameter sets of a slate cannot be kept");
    return VCR_OK;
}

/* The same picture again and again: each a key, so that every second can be sought to. */
static enum vcr_err write_pictures(struct video_encoder *e, const struct picture *p, struct reel_format *f, int64_t duration_us, struct io *file, struct io *index,
                                   struct vcr_why *why)
{
    struct reel_writer *w = NULL;
    int64_t total_us = 0;
    enum vcr_err err = VCR_OK;
    for (int64_t at_us = 0; err == VCR_OK && at_us < duration_us; at_us += STEP_US) {
        struct packet out;
        err = video_encode(e, p, at_us, true, &out, why);
        if (err == VCR_OK && !w)
            err = (err = take_sets(f, &out, why)) == VCR_OK ? reel_writer_open(&w, f, file, index, why) : err;
        if (err == VCR_OK)
            err = reel_write(w, out.data, out.len, at_us, at_us, VCR_MIN(STEP_US, duration_us - at_us), true, why);
    }
    if (err == VCR_OK)
        err = reel_writer_finish(w, &total_us, why);
    if (w)
        reel_writer_close(&w);
    return err;
}

enum vcr_err slate_video(const struct reel_format *like, int64_t duration_us, struct io *file, struct io *index, struct vcr_why *why)
{
    struct reel_format f = { .codec = REEL_H264, .timescale = REEL_VIDEO_TIMESCALE, .width = like->width, .height = like->height, .sar_num = like->sar_num,
                             .sar_den = like->sar_den };
    struct video_encoder_config c = { .width = f.width, .height = f.height, .sar_num = f.sar_num, .sar_den = f.sar_den, .rate_num = 1, .rate_den = 1, .bitrate_bps = BITRATE,
                                      .effort = VIDEO_EFFORT_SUPERFAST, .pal = f.height == 576, .gop_frames = 1 };
    struct video_encoder *e = NULL;
    struct picture p;
    if (duration_us <= 0)
        return vcr_fail(why, VCR_E_INVALID, "a slate must last");
    enum vcr_err err = video_encoder_open(&e, &c, why);
    uint8_t *bytes = err == VCR_OK ? malloc((size_t)f.width * (size_t)f.height * 3 / 2) : NULL;
    if (err == VCR_OK && !bytes)
        err = vcr_fail(why, VCR_E_NOMEM, "no memory for a slate");
    if (err == VCR_OK) {
        draw(&p, bytes, f.width, f.height);
        err = write_pictures(e, &p, &f, duration_us, file, index, why);
    }
    free(bytes);
    video_encoder_close(&e);
    return err;
}

/* ---- silence: one frame of it is encoded, and written as often as it takes ---- */
struct silence {
    uint8_t bytes[SILENT_MAX];
    size_t len;
    uint8_t config[16];
    size_t config_len;
    int priming;
};

static bool encode_silence(struct silence *s)
{
    AVCodecContext *c = avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_AAC));
    AVPacket *packet = av_packet_alloc();
    AVFrame *f = av_frame_alloc();
    bool ok = c && packet && f;
    if (ok) {
        c->sample_fmt = AV_SAMPLE_FMT_FLTP;
        c->sample_rate = RATE;
        c->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_STEREO;
        c->bit_rate = AAC_BITRATE;
        c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
        f->nb_samples = AAC_FRAME, f->format = c->sample_fmt, f->sample_rate = RATE, f->ch_layout = c->ch_layout;
        ok = avcodec_open2(c, NULL, NULL) >= 0 && av_frame_get_buffer(f, 0) >= 0 && c->extradata_size > 0 && c->extradata_size <= (int)sizeof(s->config);
    }
    if (ok) {
        av_samples_set_silence(f->extended_data, 0, AAC_FRAME, 2, c->sample_fmt);
        memcpy(s->config, c->extradata, (size_t)c->extradata_size);
        s->config_len = (size_t)c->extradata_size;
        s->priming = c->initial_padding;
    }
    for (int n = 0, out = 0; ok && out < SETTLED && n < 2 * SETTLED; n++) {
        f->pts = (int64_t)n * AAC_FRAME;
        ok = avcodec_send_frame(c, f) >= 0;
        for (; ok && avcodec_receive_packet(c, packet) >= 0; av_packet_unref(packet), out++)
            if (packet->size <= SILENT_MAX)
                memcpy(s->bytes, packet->data, s->len = (size_t)packet->size);
    }
    av_packet_free(&packet);
    av_frame_free(&f);
    avcodec_free_context(&c);
    return ok && s->len > 0;
}

enum vcr_err slate_sound(int64_t duration_us, struct io *file, struct io *index, struct vcr_why *why)
{
    struct silence s = { .len = 0 };
    struct reel_writer *w = NULL;
    if (duration_us <= 0)
        return vcr_fail(why, VCR_E_INVALID, "a slate must last");
    if (!encode_silence(&s))
        return vcr_fail(why, VCR_E_INTERNAL, "silence cannot be encoded");
    struct reel_format f = { .codec = REEL_AAC, .timescale = RATE, .channels = 2, .sample_rate = RATE, .priming = s.priming, .config_len = s.config_len };
    memcpy(f.config, s.config, s.config_len);
    enum vcr_err err = reel_writer_open(&w, &f, file, index, why);
    int64_t frames = (duration_us * RATE / 1000000 + s.priming + AAC_FRAME - 1) / AAC_FRAME;
    for (int64_t n = 0; err == VCR_OK && n < frames; n++) {
        int64_t us = (n * AAC_FRAME - s.priming) * 1000000;
        us = (us + (us < 0 ? -RATE / 2 : RATE / 2)) / RATE;
        err = reel_write(w, s.bytes, s.len, us, us, AAC_FRAME * INT64_C(1000000) / RATE, true, why);
    }
    if (err == VCR_OK)
        err = reel_writer_finish(w, &duration_us, why);
    if (w)
        reel_writer_close(&w);
    return err;
}
