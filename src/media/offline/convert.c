/* media/offline/convert.c - see convert.h: libswscale, and copies where nothing has to be converted. */
#include "media/offline/convert.h"

#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <string.h>

#include "base/util.h"

static bool is_full(const AVFrame *f)
{
    const char *name = av_get_pix_fmt_name((enum AVPixelFormat)f->format);
    return f->color_range == AVCOL_RANGE_JPEG || (name && strncmp(name, "yuvj", 4) == 0);
}

/* The lines of one field, or of the picture. */
static void lines(const AVFrame *f, int field, int fields, uint8_t *ret_data[4], int ret_stride[4])
{
    for (int i = 0; i < 4; i++) {
        bool palette = i == 1 && (av_pix_fmt_desc_get((enum AVPixelFormat)f->format)->flags & AV_PIX_FMT_FLAG_PAL);
        ret_data[i] = f->data[i] ? f->data[i] + (palette ? 0 : (ptrdiff_t)field * f->linesize[i]) : NULL;
        ret_stride[i] = palette ? f->linesize[i] : f->linesize[i] * fields;
    }
}

static bool ready(struct convert *c, const AVFrame *from, const AVFrame *into, int fields)
{
    if (c->sws && c->from_format == from->format && c->from_width == from->width && c->from_height == from->height && c->from_range == is_full(from) && c->from_matrix == (int)from->colorspace)
        return true;
    sws_freeContext(c->sws);
    c->sws = sws_getContext(from->width, from->height / fields, (enum AVPixelFormat)from->format, into->width, into->height / fields, (enum AVPixelFormat)into->format,
                            SWS_BICUBIC | SWS_ACCURATE_RND | SWS_BITEXACT, NULL, NULL, NULL);
    if (!c->sws)
        return false;
    const int *table = sws_getCoefficients(from->colorspace == AVCOL_SPC_BT709 ? SWS_CS_ITU709 : SWS_CS_ITU601);
    sws_setColorspaceDetails(c->sws, table, is_full(from), table, 0, 0, 1 << 16, 1 << 16);
    c->from_format = from->format;
    c->from_width = from->width;
    c->from_height = from->height;
    c->from_range = is_full(from);
    c->from_matrix = (int)from->colorspace;
    return true;
}

enum vcr_err convert_frame(struct convert *c, const AVFrame *from, AVFrame *into, bool fields, struct vcr_why *why)
{
    uint8_t *data[4], *to[4];
    int stride[4], to_stride[4], n = fields && from->height % 4 == 0 && into->height % 4 == 0 ? 2 : 1;
    if (from->format == into->format && from->width == into->width && from->height == into->height && !is_full(from)) {
        av_image_copy(into->data, into->linesize, (const uint8_t **)(void *)from->data, from->linesize, (enum AVPixelFormat)from->format, from->width, from->height);
        return VCR_OK;
    }
    if (!ready(c, from, into, n))
        return vcr_fail(why, VCR_E_UNSUPPORTED, "pictures of this kind (%s) cannot be converted", av_get_pix_fmt_name((enum AVPixelFormat)from->format));
    for (int i = 0; i < n; i++) {
        lines(from, i, n, data, stride);
        lines(into, i, n, to, to_stride);
        if (sws_scale(c->sws, (const uint8_t *const *)data, stride, 0, from->height / n, to, to_stride) <= 0)
            return vcr_fail(why, VCR_E_IO, "a picture could not be converted");
    }
    return VCR_OK;
}

void convert_close(struct convert *c)
{
    sws_freeContext(c->sws);
    c->sws = NULL;
}
