/* signal/picture.h - a picture: planar 8-bit YUV 4:2:0 or 4:2:2, limited range, two fields interleaved or progressive. Mentions no codec library. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an initialiser leaves out of a picture is 4:2:0, and meant. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

struct picture {
    int width, height;   /* luma; colour has half of it, an odd sample counting whole */
    uint8_t *plane[3];   /* Y, U, V: borrowed */
    ptrdiff_t stride[3]; /* bytes */
    bool is_422;         /* as many lines of colour as of luma; what says nothing is 4:2:0 */
};
