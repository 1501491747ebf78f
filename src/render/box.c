/* render/box.c - see box.h. */
#include "render/box.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

struct box {
    /* set by open, then read-only */
    int width, height, rows;
    /* the one user's own */
    struct boxed {
        bool used;
        uint32_t n;
        struct picture picture;
    } kept[BOX_KEPT];
    unsigned head;
};

int box_rows(int width, int height, int sar_num, int sar_den)
{
    /* shape of the picture over 4:3; a little more than 4:3 (704 of 720 samples) is no bar's worth */
    int64_t wide = (int64_t)width * sar_num * 3, narrow = (int64_t)height * sar_den * 4;
    if (sar_num <= 0 || sar_den <= 0 || wide * 10 <= narrow * 11)
        return height;
    return VCR_MAX((int)(height * narrow / wide) & ~3, 16);
}

struct box *box_open(int width, int height, int rows)
{
    struct box *b = vcr_alloc(sizeof(*b));
    b->width = width;
    b->height = height;
    b->rows = rows;
    return b;
}

static bool ready_picture(const struct box *b, struct picture *p)
{
    size_t luma = (size_t)b->width * (size_t)b->height;
    if (p->plane[0])
        return true;
    uint8_t *m = malloc(luma * 3 / 2);
    if (!m)
        return false;
    memset(m, 16, luma); /* the bars are drawn once */
    memset(m + luma, 128, luma / 2);
    *p = (struct picture){ b->width, b->height, { m, m + luma, m + luma + luma / 4 }, { b->width, b->width / 2, b->width / 2 } };
    return true;
}

void box_close(struct box **b)
{
    if (!*b)
        return;
    for (int i = 0; i < BOX_KEPT; i++)
        free((*b)->kept[i].picture.plane[0]);
    free(*b);
    *b = NULL;
}

/* Linear between the two nearest rows, in 1/16 of a row. */
static void squeeze(uint8_t *to, ptrdiff_t to_stride, const uint8_t *from, ptrdiff_t from_stride, int width, int height, int rows)
{
    for (int y = 0; y < rows; y++) {
        int at = (int)(((int64_t)(2 * y + 1) * height * 8) / rows) - 8; /* centre of the row, in 1/16 */
        int row = VCR_CLAMP(at >> 4, 0, height - 2), part = VCR_CLAMP(at - row * 16, 0, 16);
        const uint8_t *a = from + row * from_stride, *c = a + from_stride;
        for (int x = 0; x < width; x++)
            to[x] = (uint8_t)((a[x] * (16 - part) + c[x] * part + 8) >> 4);
        to += to_stride;
    }
}

const struct picture *box_picture(struct box *b, uint32_t n, const struct picture *from)
{
    for (int i = 0; i < BOX_KEPT; i++)
        if (b->kept[i].used && b->kept[i].n == n)
            return &b->kept[i].picture;
    struct boxed *k = &b->kept[b->head++ % BOX_KEPT];
    k->used = false;
    if (!ready_picture(b, &k->picture))
        return NULL;
    for (int p = 0; p < 3; p++) {
        int shift = p ? 1 : 0, height = from->height >> shift, rows = b->rows >> shift;
        ptrdiff_t top = (height - rows) / 2 * k->picture.stride[p];
        squeeze(k->picture.plane[p] + top, k->picture.stride[p], from->plane[p], from->stride[p], from->width >> shift, height, rows);
    }
    k->used = true;
    k->n = n;
    return &k->picture;
}
