/* deliver/hls/made.h - lists of segments that are made when they are asked for: how long each will be is known before. PURE.
 *
 * Of a tape's look picture and sound have a grid each: units of one length (a picture; a frame of the sound codec), a fixed number of them a segment. Two seconds: who
 * begins or jumps waits for one segment, so it is short; key frames come each second anyway, so that short segments cost no bits.
 * Smaller pictures of a reel have the segments of the reel's own list. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "wire/reelidx.h"

struct hls_grid {
    uint32_t rate_num, rate_den;  /* units a second */
    uint32_t each, total;         /* units a segment, and in all */
};
enum { HLS_SOUND_RATE = 48000, HLS_SOUND_UNIT = 1024 };
struct hls_grid hls_picture_grid(uint32_t rate_num, uint32_t rate_den, int64_t duration_us);
struct hls_grid hls_sound_grid(int64_t duration_us);
/* Of Opus, in packets of 20 ms: no list has it, sessions send it. */
struct hls_grid hls_opus_grid(int64_t duration_us);
/* The units of segment n. False: there is none. */
bool hls_grid_segment(const struct hls_grid *g, uint32_t n, uint32_t *ret_first, uint32_t *ret_count);
/* Segments are <base>0.m4s and so on, relative to the list. wall_ms: when its beginning was recorded, or HLS_NO_WALL. */
void hls_write_grid(struct buf *out, const struct hls_grid *g, const char *init_uri, const char *base, int64_t wall_ms);

/* The segments of a reel's own list, as samples. */
struct hls_stretch {
    uint32_t first, count;
    int64_t duration_us;
    int64_t wall_ms;              /* of its beginning, as the reel has it; 0: not known */
    bool discontinuity;           /* as in the reel's own list: variants must have the same */
};
/* Up to max of them; returns how many there are. Of x the fragments are enough. */
uint32_t hls_stretches(const struct reelidx *x, struct hls_stretch *ret, uint32_t max);
/* Segments are <n>.m4s<query>. wall_ms as of a struct hls_span. */
void hls_write_stretches(struct buf *out, const struct hls_stretch *s, uint32_t count, const char *init_uri, const char *query, int64_t wall_ms);
