/* media/bridge.h - small reels for where a tape was cut: what lies between a cut and the nearest fragment's edge, and unrecorded tape.
 *
 * A bridge has one fragment. Its pictures are encoded anew from the cut on, as none of theirs need be a key; its sounds are copied, as each stands alone. Both keep
 * the times they have in the reel, so that picture and sound of a bridge stay together; but its first picture is on from the cut, so that all of the stretch has one. A slate has as many fragments as it has seconds.
 * Bounds   a bridge is shorter than BRIDGE_MAX_US.     Owns  neither reels nor io.     Threads  none.
 * Errors   VCR_E_END: nothing begins in that stretch, so there is nothing to bridge; VCR_E_IO: the reel is damaged there. */
#pragma once
#include "media/reel.h"

#define BRIDGE_MAX_US INT64_C(10000000)
enum vcr_err bridge_make(struct reel *r, int64_t from_us, int64_t to_us, struct io *file, struct io *index, struct vcr_why *why);

/* The AAC reel that goes with an Opus reel, as long as the picture (duration_us): what was recorded without AAC has none for HLS. */
enum vcr_err aac_make(struct reel *opus, int64_t duration_us, struct io *file, struct io *index, struct vcr_why *why);

/* Unrecorded tape for so long: a still that says so, in the raster of `like` (a video reel), and silence like that of `sound`, which may be NULL. */
enum vcr_err slate_video(const struct reel_format *like, int64_t duration_us, struct io *file, struct io *index, struct vcr_why *why);
enum vcr_err slate_sound(int64_t duration_us, struct io *file, struct io *index, struct vcr_why *why);
