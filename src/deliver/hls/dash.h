/* deliver/hls/dash.h - the same segments as a DASH manifest (ISO/IEC 23009-1, profile "isoff-main"): lists of byte ranges with a timeline. PURE: text into a buffer.
 *
 * A period is a stretch in which each track plays one span; several spans (playlist.h) are several periods. Times are microseconds.
 * What is made on demand (made.h) has one period, and numbered files instead of byte ranges.
 * Errors   those of the buffer (buf_ok).     Threads  none. */
#pragma once
#include "deliver/hls/made.h"
#include "deliver/hls/playlist.h"

enum { DASH_TRACKS_MAX = 8 };
struct dash_track {
    struct hls_track track;
    const char *name, *language; /* of sounds and captions */
    const struct dash_made *made; /* NULL: it plays spans */
};
/* Segments that are made when they are asked for: <base>init.mp4, <base>0.m4s and so on. */
struct dash_made {
    struct hls_grid grid;
    const char *base;
};
struct dash_period {
    int64_t duration_us;
    const struct hls_span *video;                  /* NULL: none */
    const struct hls_span *sounds[DASH_TRACKS_MAX]; /* NULL: silent in it */
};
struct dash_manifest {
    const char *base;                              /* "" or "t/TOKEN/": before each address */
    const struct dash_track *video;                /* NULL: no picture */
    const struct dash_track *sounds;
    size_t sound_count;
    const struct hls_rendition *captions;
    size_t caption_count;
    const struct dash_period *periods;
    size_t period_count;
};
void dash_write(struct buf *out, const struct dash_manifest *m);
