/* tests/unit/render/barcode.h - pictures that carry a number: sixteen upright bars, white for one and black for zero, over most of the picture, so that the
 * number survives encoding, noise and a shaky tape, and can be read in a band of lines (cue shows several pictures at once). */
#pragma once
#include <string.h>

#include "signal/picture.h"

enum { BARCODE_BITS = 16, BARCODE_BLACK = 40, BARCODE_WHITE = 200 };

static inline void barcode_draw(struct picture *p, unsigned number)
{
    int wide = p->width / BARCODE_BITS;
    for (int y = 0; y < p->height; y++)
        for (int b = 0; b < BARCODE_BITS; b++)
            memset(p->plane[0] + y * p->stride[0] + b * wide, number >> b & 1 ? BARCODE_WHITE : BARCODE_BLACK, (size_t)wide);
    for (int i = 1; i < 3; i++)
        for (int y = 0; y < p->height / 2; y++)
            memset(p->plane[i] + y * p->stride[i], 128, (size_t)p->width / 2);
}

/* The number on the lines first..last; -1 when a bar is neither black nor white (a noise bar, a blue screen). */
static inline int barcode_read(const struct picture *p, int first, int last)
{
    int number = 0, wide = p->width / BARCODE_BITS;
    for (int b = 0; b < BARCODE_BITS; b++) {
        long sum = 0, n = 0;
        for (int y = first; y <= last; y++)
            for (int x = b * wide + wide / 3; x < b * wide + wide - wide / 3; x++, n++)
                sum += p->plane[0][y * p->stride[0] + x];
        long mean = n ? sum / n : 0;
        if (mean > BARCODE_BLACK + 45 && mean < BARCODE_WHITE - 45)
            return -1;
        if (mean >= BARCODE_WHITE - 45)
            number |= 1 << b;
    }
    return number;
}
