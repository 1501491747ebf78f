/* cmd/dub_film.c - pictures by number: memory for them, the last ones kept, and those of a y4m. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cmd/dub.h"
#include "wire/y4m.h"

enum { SPARE_LINES = 2 };

static void plane_size(const struct dub_format *f, int plane, int *w, int *h)
{
    *w = plane ? (f->width + 1) / 2 : f->width;
    *h = plane && !f->is_422 ? (f->height + 1) / 2 : f->height;
}

size_t dub_plane_bytes(const struct dub_format *f, int plane)
{
    int w, h;
    plane_size(f, plane, &w, &h);
    return (size_t)w * (size_t)h;
}

enum vcr_err dub_picture_open(struct picture *ret, const struct dub_format *f, struct vcr_why *why)
{
    size_t bytes = 0, at = 0;
    int w, h;
    for (int i = 0; i < 3; i++) {
        plane_size(f, i, &w, &h);
        bytes += (size_t)w * (size_t)(h + 2 * SPARE_LINES);
    }
    uint8_t *memory = calloc(1, bytes);
    if (!memory)
        return vcr_fail(why, VCR_E_NOMEM, "no memory for a picture of %dx%d", f->width, f->height);
    *ret = (struct picture){ .width = f->width, .height = f->height, .is_422 = f->is_422 };
    for (int i = 0; i < 3; i++) {
        plane_size(f, i, &w, &h);
        ret->plane[i] = memory + at + (size_t)SPARE_LINES * (size_t)w;
        ret->stride[i] = w;
        at += (size_t)w * (size_t)(h + 2 * SPARE_LINES);
    }
    return VCR_OK;
}

void dub_picture_close(struct picture *p)
{
    if (p->plane[0])
        free(p->plane[0] - SPARE_LINES * p->stride[0]);
    p->plane[0] = NULL;
}

/* Of an odd number of lines the lower field has one less: shown as the upper one, its last line is there twice. */
static void fill_spare(struct picture *p, const struct dub_format *f)
{
    for (int i = 0; i < 3; i++) {
        int w, h;
        plane_size(f, i, &w, &h);
        memcpy(p->plane[i] + h * p->stride[i], p->plane[i] + (h - 2) * p->stride[i], (size_t)w);
    }
}

void dub_kept_open(struct dub_kept *k, struct dub_film *film, int slots) { *k = (struct dub_kept){ .film = film, .slots = slots }; }

void dub_kept_close(struct dub_kept *k)
{
    for (int i = 0; i < k->slots; i++)
        dub_picture_close(&k->slot[i].picture);
}

enum vcr_err dub_kept_picture(struct dub_kept *k, int64_t n, const struct picture **ret, struct vcr_why *why)
{
    struct dub_slot *oldest = &k->slot[0];
    k->asked++;
    for (int i = 0; i < k->slots; i++) {
        struct dub_slot *s = &k->slot[i];
        if (s->used && s->n == n) {
            s->used = k->asked;
            *ret = &s->picture;
            return VCR_OK;
        }
        if (s->used < oldest->used)
            oldest = s;
    }
    enum vcr_err err = oldest->picture.plane[0] ? VCR_OK : dub_picture_open(&oldest->picture, &k->film->format, why);
    oldest->used = 0;
    if (err == VCR_OK)
        err = k->film->ops->read(k->film, n, &oldest->picture, why);
    if (err != VCR_OK)
        return err;
    fill_spare(&oldest->picture, &k->film->format);
    oldest->n = n;
    oldest->used = k->asked;
    *ret = &oldest->picture;
    return VCR_OK;
}

/* ---- y4m ---- */
struct y4m_film {
    struct dub_film film;
    struct y4m y4m;
};

static enum vcr_err y4m_read(struct dub_film *f, int64_t n, struct picture *into, struct vcr_why *why)
{
    struct y4m_film *y = container_of(f, struct y4m_film, film);
    uint64_t at = y4m_frame_at(&y->y4m, n);
    for (int i = 0; i < 3; i++) {
        size_t bytes = dub_plane_bytes(&f->format, i);
        enum vcr_err err = io_pread_all(y->y4m.io, into->plane[i], bytes, at, why); /* a plane is as it lies in the file */
        if (err != VCR_OK)
            return err;
        at += bytes;
    }
    return VCR_OK;
}

static void y4m_film_close(struct dub_film *f)
{
    struct y4m_film *y = container_of(f, struct y4m_film, film);
    y4m_close(&y->y4m);
    free(y);
}

enum vcr_err dub_y4m_open(struct dub_input *in, struct vcr_why *why)
{
    static const struct dub_film_ops ops = { y4m_read, y4m_film_close, NULL };
    struct y4m_film *y = vcr_alloc(sizeof(*y));
    enum vcr_err err = y4m_open(&y->y4m, in->io, why);
    if (err == VCR_OK && y->y4m.frames == 0)
        err = vcr_fail(why, VCR_E_INVALID, "IN has no whole picture");
    if (err != VCR_OK) {
        y4m_film_close(&y->film);
        return err;
    }
    const struct y4m_format *f = &y->y4m.format;
    static const enum dub_order orders[] = { [Y4M_PROGRESSIVE] = DUB_PROGRESSIVE, [Y4M_TFF] = DUB_TFF, [Y4M_BFF] = DUB_BFF };
    y->film = (struct dub_film){ &ops, { f->width, f->height, f->is_422, orders[f->order], f->rate_num, f->rate_den, f->sar_num, f->sar_den }, y->y4m.frames };
    vcr_strcpy(in->line, sizeof(in->line), y->y4m.line);
    if (y->y4m.cut)
        snprintf(in->warning, sizeof(in->warning), "IN ends in the middle of picture %lld: what is whole is dubbed", (long long)y->y4m.frames + 1);
    in->film = &y->film;
    return VCR_OK;
}
