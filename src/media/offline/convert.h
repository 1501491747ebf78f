/* media/offline/convert.h - a decoded picture as planes of 8 bits and limited range, fields each by itself. Threads: none. */
#pragma once
#include <libavutil/frame.h>
#include <libswscale/swscale.h>
#include <stdbool.h>

#include "base/why.h"

struct convert {
    struct SwsContext *sws;
    int from_format, from_width, from_height, from_range, from_matrix;
};
/* into: format, size and buffers are set. */
enum vcr_err convert_frame(struct convert *c, const AVFrame *from, AVFrame *into, bool fields, struct vcr_why *why);
void convert_close(struct convert *c);
