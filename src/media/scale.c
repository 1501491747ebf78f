/* media/scale.c - see scale.h: libswscale. */
#include "media/scale.h"

#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

struct scale {
    struct SwsContext *sws;
    int from_width, from_height;
    struct picture picture;
};

enum vcr_err scale_open(struct scale **ret, int from_width, int from_height, int to_width, int to_height, struct vcr_why *why)
{
    size_t luma = (size_t)to_width * (size_t)to_height;
    struct scale *s = vcr_alloc(sizeof(*s));
    uint8_t *m = s->picture.plane[0] = malloc(luma * 3 / 2);
    s->from_width = from_width;
    s->from_height = from_height;
    s->sws = sws_getContext(from_width, from_height, AV_PIX_FMT_YUV420P, to_width, to_height, AV_PIX_FMT_YUV420P, SWS_BICUBIC | SWS_ACCURATE_RND | SWS_BITEXACT, NULL, NULL,
                            NULL);
    if (!m || !s->sws) {
        scale_close(&s);
        return vcr_fail(why, VCR_E_NOMEM, "cannot scale %dx%d to %dx%d", from_width, from_height, to_width, to_height);
    }
    s->picture = (struct picture){ to_width, to_height, { m, m + luma, m + luma + luma / 4 }, { to_width, to_width / 2, to_width / 2 } };
    *ret = s;
    return VCR_OK;
}

void scale_close(struct scale **s)
{
    if (!*s)
        return;
    sws_freeContext((*s)->sws);
    free((*s)->picture.plane[0]);
    free(*s);
    *s = NULL;
}

const struct picture *scale_picture(struct scale *s, const struct picture *from)
{
    const uint8_t *planes[3] = { from->plane[0], from->plane[1], from->plane[2] };
    int strides[3] = { (int)from->stride[0], (int)from->stride[1], (int)from->stride[2] };
    int to[3] = { (int)s->picture.stride[0], (int)s->picture.stride[1], (int)s->picture.stride[2] };
    if (from->width != s->from_width || from->height != s->from_height)
        return NULL;
    sws_scale(s->sws, planes, strides, 0, from->height, s->picture.plane, to);
    return &s->picture;
}

const struct picture *scale_black(struct scale *s)
{
    size_t luma = (size_t)s->picture.width * (size_t)s->picture.height;
    memset(s->picture.plane[0], 16, luma);
    memset(s->picture.plane[1], 128, luma / 2);
    return &s->picture;
}
