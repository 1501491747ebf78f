/* signal/picture.h - a picture: planar 8-bit YUV 4:2:0, limited range, two fields interleaved or progressive. Mentions no codec library. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct picture {
    int width, height;   /* luma; even */
    uint8_t *plane[3];   /* Y, U, V: borrowed */
    ptrdiff_t stride[3]; /* bytes */
};
