/* wire/reelspan.h - a stretch of a reel as the whole fragments in it and what is left at its edges. PURE.
 *
 * Where a recording was cut, the pictures between the cut and the nearest fragment's edge cannot be a byte range of the reel: they get a bridge, a small reel of their
 * own. Pictures and sounds of a bridge keep the times they have in the reel. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "wire/reelidx.h"

/* An edge this near a fragment's is that edge: less than half a picture, or one frame of sound. */
enum { REELSPAN_EDGE_US = 8000, REELSPAN_SOUND_EDGE_US = 21500 };
struct reelspan {
    uint32_t first, count;            /* fragments that lie wholly in it */
    int64_t head_from_us, head_to_us; /* before them; equal: nothing. With count 0 the whole stretch may be a head */
    int64_t tail_from_us, tail_to_us; /* after them; equal: nothing */
};
/* [from_us, to_us) in the reel's own time; what is beyond the reel's end is left out. */
void reelspan_cut(struct reelspan *ret, const struct reelidx *x, int64_t from_us, int64_t to_us);
