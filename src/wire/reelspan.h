/* wire/reelspan.h - a stretch of a reel as the whole fragments in it and what is left at its edges. PURE.
 *
 * Where a recording was cut, the pictures between the cut and the nearest fragment's edge cannot be a byte range of the reel: they get a bridge, a small reel of their
 * own. Pictures and sounds of a bridge keep the times they have in the reel.
 * A picture is on from the cut on, so stretches of pictures last as long as they do on the tape. Sound comes in frames: reelspan_sound says which belong to
 * a stretch, so that however often a tape is cut its sound is half a frame from its place and no more. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "wire/reelidx.h"

/* An edge this near a fragment's is that edge: less than half a picture, or what a frame of sound's time is rounded by. */
enum { REELSPAN_EDGE_US = 8000, REELSPAN_SOUND_EDGE_US = 1000 };
struct reelspan {
    uint32_t first, count;            /* fragments that lie wholly in it */
    int64_t head_from_us, head_to_us; /* before them; equal: nothing. With count 0 the whole stretch may be a head */
    int64_t tail_from_us, tail_to_us; /* after them; equal: nothing */
};
/* [from_us, to_us) in the reel's own time; what is beyond the reel's end is left out. */
void reelspan_cut(struct reelspan *ret, const struct reelidx *x, int64_t from_us, int64_t to_us);
/* The frames of AAC that are heard of [*from_us, *to_us) of a reel that lies at tape_us on the tape: as many as that stretch of the tape has frames when they are counted from
 * the tape's beginning, from the one nearest to *from_us on, or earlier where the reel has no more. Another codec's are left as they are. */
void reelspan_sound(const struct reelidx *x, int64_t tape_us, int64_t *from_us, int64_t *to_us);
/* How long [from_us, to_us) of the tape is in frames of sound of unrecorded tape, counted in the same way. */
int64_t reelspan_silence_us(int64_t from_us, int64_t to_us);
