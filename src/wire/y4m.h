/* wire/y4m.h - YUV4MPEG2: a line that says what the pictures are, then a line and the raw planes of each. PURE: it reads through io.h.
 *
 * Only 8 bits, 4:2:0 and 4:2:2: what the tape's picture can be made of; everything else is refused by name.
 * Bounds   a header line of Y4M_LINE_MAX bytes, pictures of Y4M_SIDE_MIN to Y4M_WIDTH_MAX x Y4M_HEIGHT_MAX, Y4M_FRAMES_MAX of them.
 * Owns     y4m_close frees the index; the io stays the caller's.     Threads  none. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/io.h"
#include "base/why.h"

enum { Y4M_LINE_MAX = 1024, Y4M_SIDE_MIN = 16, Y4M_WIDTH_MAX = 1920, Y4M_HEIGHT_MAX = 1080, Y4M_FRAMES_MAX = 20000000 };
enum y4m_order { Y4M_PROGRESSIVE, Y4M_TFF, Y4M_BFF };
struct y4m_format {
    int width, height;
    int rate_num, rate_den;
    int sar_num, sar_den;    /* 0:0 when not told */
    enum y4m_order order;
    bool is_422;             /* else 4:2:0 */
};
struct y4m {
    /* set by open, then read-only */
    struct y4m_format format;
    char line[Y4M_LINE_MAX + 1]; /* the header as it came, without its newline */
    int64_t frames;              /* whole ones */
    bool cut;                    /* bytes follow that are no whole frame: it was cut short */
    struct io *io;
    uint64_t *at;                /* where the planes of each frame begin, NULL while all of them are `step` bytes apart */
    uint64_t first, step;
};
/* Reads the header and looks where each frame is. VCR_E_MALFORMED: not y4m, or damaged between two frames. */
enum vcr_err y4m_open(struct y4m *ret, struct io *io, struct vcr_why *why);
void y4m_close(struct y4m *y);
/* Bytes of all planes of a frame; of plane 0, 1 or 2; and that plane's width and height. */
size_t y4m_frame_bytes(const struct y4m_format *f);
void y4m_plane(const struct y4m_format *f, int plane, int *ret_width, int *ret_height);
/* Where the planes of frame n begin. */
uint64_t y4m_frame_at(const struct y4m *y, int64_t n);
/* The header line of such a stream, with its newline; false: no room. */
bool y4m_write_line(const struct y4m_format *f, char *out, size_t size);
