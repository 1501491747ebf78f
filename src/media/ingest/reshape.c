/* media/ingest/reshape.c - DVD recorders and cameras change size and shape in the middle of a film (advertisements in 4:3, the film in 16:9): the reel has one of each, so
 * what differs from its first picture is scaled into that, its shape kept between bars. Fields are scaled each by itself. */
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <math.h>

#include "base/util.h"
#include "media/ingest/internal.h"

enum vcr_err reshape_open(struct reshape *s, const struct facts *f, const AVFrame *first)
{
    s->width = first->width;
    s->height = first->height;
    s->format = (enum AVPixelFormat)first->format;
    s->sar = first->sample_aspect_ratio;
    s->fields = f->fields != FIELDS_PROGRESSIVE;
    return VCR_OK;
}

static double shape_of(int w, int h, AVRational sar, AVRational otherwise)
{
    if (sar.num <= 0 || sar.den <= 0)
        sar = otherwise;
    return (double)w / h * (sar.num > 0 && sar.den > 0 ? av_q2d(sar) : 1);
}

/* Where in the reel's picture this one lies: on whole macropixels, and for fields on whole pairs of lines. */
static void place(const struct reshape *s, const AVFrame *f, int *x, int *y, int *w, int *h)
{
    double from = shape_of(f->width, f->height, f->sample_aspect_ratio, s->sar), to = shape_of(s->width, s->height, s->sar, s->sar);
    *w = s->width, *h = s->height;
    if (from < to / 1.03)
        *w = VCR_MAX((int)lround(s->width * from / to / 4) * 4, 4);
    else if (from > to * 1.03)
        *h = VCR_MAX((int)lround(s->height * to / from / 8) * 8, 8);
    *w = VCR_MIN(*w, s->width);
    *h = VCR_MIN(*h, s->height);
    *x = (s->width - *w) / 2 / 4 * 4;
    *y = (s->height - *h) / 2 / 8 * 8;
}

static bool black(AVFrame *to)
{
    ptrdiff_t strides[4];
    for (int i = 0; i < 4; i++)
        strides[i] = to->linesize[i];
    return av_image_fill_black(to->data, strides, (enum AVPixelFormat)to->format, to->color_range, to->width, to->height) >= 0;
}

/* The planes of a rectangle, of every line or of one field. */
static void rectangle(const AVFrame *f, int x, int y, int field, int fields, uint8_t **ret_data, int *ret_stride)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get((enum AVPixelFormat)f->format);
    int steps[4];
    av_image_fill_max_pixsteps(steps, NULL, d);
    for (int i = 0; i < 4; i++) {
        bool chroma = i == 1 || i == 2;
        int px = chroma ? x >> d->log2_chroma_w : x, py = chroma ? y >> d->log2_chroma_h : y;
        ret_data[i] = f->data[i] ? f->data[i] + (ptrdiff_t)(py + field) * f->linesize[i] + px * steps[i] : NULL;
        ret_stride[i] = f->linesize[i] * fields;
    }
}

static enum vcr_err scale(struct reshape *s, const AVFrame *f, AVFrame *to)
{
    int x, y, w, h, fields = s->fields && f->height % 4 == 0 && s->height % 4 == 0 ? 2 : 1;
    place(s, f, &x, &y, &w, &h);
    s->sws = sws_getCachedContext(s->sws, f->width, f->height / fields, (enum AVPixelFormat)f->format, w, h / fields, s->format, SWS_BICUBIC, NULL, NULL, NULL);
    if (!s->sws || av_frame_get_buffer(to, 0) < 0 || !black(to))
        return VCR_E_NOMEM;
    for (int i = 0; i < fields; i++) {
        uint8_t *from[4], *into[4];
        int from_stride[4], into_stride[4];
        rectangle(f, 0, 0, i, fields, from, from_stride);
        rectangle(to, x, y, i, fields, into, into_stride);
        sws_scale(s->sws, (const uint8_t *const *)from, from_stride, 0, f->height / fields, into, into_stride);
    }
    return VCR_OK;
}

enum vcr_err reshape_frame(struct reshape *s, AVFrame *f, struct vcr_why *why)
{
    double from = shape_of(f->width, f->height, f->sample_aspect_ratio, s->sar), to_shape = shape_of(s->width, s->height, s->sar, s->sar);
    if (f->width == s->width && f->height == s->height && f->format == s->format && fabs(from / to_shape - 1) < 0.03)
        return VCR_OK;
    AVFrame *to = av_frame_alloc();
    if (!to)
        return vcr_fail(why, VCR_E_NOMEM, "There was not enough memory for the picture.");
    to->width = s->width;
    to->height = s->height;
    to->format = s->format;
    to->color_range = f->color_range;
    enum vcr_err err = scale(s, f, to);
    if (err == VCR_OK) {
        av_frame_copy_props(to, f);
        av_frame_unref(f);
        av_frame_move_ref(f, to);
    }
    av_frame_free(&to);
    return err == VCR_OK ? VCR_OK : vcr_fail(why, err, "The picture changes its size in a way that is not supported.");
}

void reshape_close(struct reshape *s) { sws_freeContext(s->sws); }
