/* media/ingest/thumb.c - the poster: the first picture after a tenth of the film that is not black, as JPEG in square pixels. */
#include <libswscale/swscale.h>

#include "base/util.h"
#include "media/ingest/internal.h"

enum { WIDTH_MAX = 640, DARK_LUMA = 32, STEP_PX = 8, QUALITY = 4 };

static int mean_luma(const AVFrame *f)
{
    int64_t sum = 0, count = 0;
    for (int y = 0; y < f->height; y += STEP_PX)
        for (int x = 0; x < f->width; x += STEP_PX, count++)
            sum += f->data[0][y * f->linesize[0] + x];
    return count ? (int)(sum / count) : 0;
}

void thumb_offer(struct thumb *t, const AVFrame *frame, int64_t at_us, int64_t length_us)
{
    /* Before the tenth every second is looked at, so that a file that breaks off has one as well. */
    bool late = at_us >= length_us / 10;
    if (t->settled || (t->best && !late && t->best_luma >= DARK_LUMA))
        return;
    int luma = mean_luma(frame);
    if (!t->best || luma > t->best_luma || (late && luma >= DARK_LUMA)) {
        av_frame_free(&t->best);
        t->best = av_frame_clone(frame);
        t->best_luma = luma;
        t->settled = late && luma >= DARK_LUMA;
    }
}

static AVFrame *scale(const AVFrame *from)
{
    AVRational sar = from->sample_aspect_ratio.num > 0 ? from->sample_aspect_ratio : (AVRational){ 1, 1 };
    double w = from->width * av_q2d(sar), h = from->height, shrink = VCR_MIN(1.0, WIDTH_MAX / w);
    AVFrame *to = av_frame_alloc();
    to->width = VCR_MAX((int)(w * shrink / 2 + 0.5) * 2, 2);
    to->height = VCR_MAX((int)(h * shrink / 2 + 0.5) * 2, 2);
    to->format = AV_PIX_FMT_YUVJ420P;
    to->color_range = AVCOL_RANGE_JPEG;
    struct SwsContext *sws = sws_getContext(from->width, from->height, (enum AVPixelFormat)from->format, to->width, to->height, AV_PIX_FMT_YUVJ420P, SWS_BICUBIC,
                                            NULL, NULL, NULL);
    if (sws)
        sws_setColorspaceDetails(sws, sws_getCoefficients(from->colorspace), 0, sws_getCoefficients(SWS_CS_ITU601), 1, 0, 1 << 16, 1 << 16);
    if (sws && av_frame_get_buffer(to, 0) >= 0)
        sws_scale(sws, (const uint8_t *const *)from->data, from->linesize, 0, from->height, to->data, to->linesize);
    else
        av_frame_free(&to);
    sws_freeContext(sws);
    return to;
}

enum vcr_err jpeg_append(AVFrame *picture, int quality, struct io *out, struct vcr_why *why)
{
    AVCodecContext *c = avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_MJPEG));
    AVPacket *p = av_packet_alloc();
    enum vcr_err err = VCR_E_INTERNAL;
    if (c && p) {
        c->width = picture->width;
        c->height = picture->height;
        c->pix_fmt = AV_PIX_FMT_YUVJ420P;
        c->color_range = AVCOL_RANGE_JPEG;
        c->time_base = (AVRational){ 1, 25 };
        c->flags |= AV_CODEC_FLAG_QSCALE;
        c->global_quality = quality * FF_QP2LAMBDA;
        picture->quality = c->global_quality;
        picture->pts = 0;
        if (avcodec_open2(c, NULL, NULL) >= 0 && avcodec_send_frame(c, picture) >= 0 && avcodec_send_frame(c, NULL) >= 0 && avcodec_receive_packet(c, p) >= 0)
            err = io_append(out, p->data, (size_t)p->size, why);
    }
    av_packet_free(&p);
    avcodec_free_context(&c);
    return err == VCR_E_INTERNAL ? vcr_fail(why, err, "A small picture could not be made.") : err;
}

enum vcr_err thumb_write(struct thumb *t, struct io *out, struct vcr_why *why)
{
    AVFrame *picture = t->best ? scale(t->best) : NULL;
    enum vcr_err err = picture ? jpeg_append(picture, QUALITY, out, why) : vcr_fail(why, VCR_E_INTERNAL, "The poster could not be made.");
    av_frame_free(&picture);
    av_frame_free(&t->best);
    return err;
}
