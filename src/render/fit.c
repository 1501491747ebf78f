/* render/fit.c - see fit.h. */
#include "render/fit.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "media/scale.h"

struct fit {
    struct fit_shape screen;  /* set by open, then read-only */
    struct fit_shape from;    /* of scale */
    struct scale *scale;
    struct kept {
        const void *whose;    /* NULL: nothing */
        uint32_t n;
        struct picture picture;
    } kept[FIT_KEPT];
    unsigned head;
};

static int64_t aspect_q16(const struct fit_shape *s)
{
    int64_t num = s->sar_num > 0 ? s->sar_num : 1, den = s->sar_den > 0 ? s->sar_den : 1;
    return (int64_t)s->width * num * 65536 / (s->height * den);
}

bool fit_is_same(const struct fit_shape *from, const struct fit_shape *screen)
{
    int64_t a = aspect_q16(from), b = aspect_q16(screen);
    return from->width == screen->width && from->height == screen->height && a * 100 > b * 97 && a * 97 < b * 100;
}

struct fit *fit_open(const struct fit_shape *screen)
{
    struct fit *f = vcr_alloc(sizeof(*f));
    f->screen = *screen;
    return f;
}

void fit_close(struct fit **fp)
{
    struct fit *f = *fp;
    if (!f)
        return;
    scale_close(&f->scale);
    for (int i = 0; i < FIT_KEPT; i++)
        free(f->kept[i].picture.plane[0]);
    free(f);
    *fp = NULL;
}

void fit_forget(struct fit *f)
{
    for (int i = 0; i < FIT_KEPT; i++)
        f->kept[i].whose = NULL;
}

/* The part of the screen that a picture of that shape fills; even, as its colours are half as many. */
static void fill_of(const struct fit *f, const struct fit_shape *shape, int *ret_width, int *ret_height)
{
    int64_t from = aspect_q16(shape), screen = aspect_q16(&f->screen);
    *ret_width = f->screen.width;
    *ret_height = f->screen.height;
    if (from * 97 > screen * 100)
        *ret_height = VCR_MAX((int)(f->screen.height * screen / from) & ~1, 16);
    else if (from * 100 < screen * 97)
        *ret_width = VCR_MAX((int)(f->screen.width * from / screen) & ~1, 16);
}

static bool ready_scale(struct fit *f, const struct fit_shape *shape)
{
    int width, height;
    if (f->scale && memcmp(&f->from, shape, sizeof(*shape)) == 0)
        return true;
    scale_close(&f->scale);
    f->from = *shape;
    fill_of(f, shape, &width, &height);
    return scale_open(&f->scale, shape->width, shape->height, width, height, NULL) == VCR_OK;
}

static bool ready_picture(struct fit *f, struct picture *p)
{
    int width = f->screen.width, height = f->screen.height;
    size_t luma = (size_t)width * (size_t)height;
    uint8_t *m = p->plane[0] ? p->plane[0] : malloc(luma * 3 / 2);
    if (!m)
        return false;
    *p = (struct picture){ width, height, { m, m + luma, m + luma + luma / 4 }, { width, width / 2, width / 2 } };
    memset(m, 16, luma);
    memset(m + luma, 128, luma / 2);
    return true;
}

const struct picture *fit_picture(struct fit *f, const void *whose, uint32_t n, const struct fit_shape *shape, const struct picture *from)
{
    for (int i = 0; i < FIT_KEPT; i++)
        if (f->kept[i].whose == whose && f->kept[i].n == n)
            return &f->kept[i].picture;
    struct kept *k = &f->kept[f->head++ % FIT_KEPT];
    const struct picture *small = ready_scale(f, shape) ? scale_picture(f->scale, from) : NULL;
    k->whose = NULL;
    if (!small || !ready_picture(f, &k->picture))
        return NULL;
    int left = (f->screen.width - small->width) / 2 & ~1, top = (f->screen.height - small->height) / 2 & ~1;
    for (int p = 0; p < 3; p++) {
        int shift = p ? 1 : 0;
        uint8_t *to = k->picture.plane[p] + (top >> shift) * k->picture.stride[p] + (left >> shift);
        for (int y = 0; y < small->height >> shift; y++)
            memcpy(to + y * k->picture.stride[p], small->plane[p] + y * small->stride[p], (size_t)(small->width >> shift));
    }
    k->whose = whose;
    k->n = n;
    return &k->picture;
}
