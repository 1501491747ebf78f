/* deliver/hls/playlist.h - the indexes of reels -> HLS playlists (RFC 8216, version 7) and a DASH manifest. PURE: text into a buffer.
 *
 * Picture and sound are reels of their own (CMAF), one file each; a segment is a run of whole fragments, named as a byte range of that file. A segment ends with the
 * first fragment that reaches a multiple of HLS_GRID_US, so that those of picture and sound begin within a fragment of each other. A tape that was recorded over plays
 * stretches of several reels: a list of spans, each with its own init segment behind a discontinuity.
 * Errors   those of the buffer (buf_ok).     Threads  none. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "wire/reelidx.h"

enum { HLS_GRID_US = 5000000 };
#define HLS_NO_WALL INT64_MIN

/* A run of whole fragments of one reel. */
struct hls_span {
    const struct reelidx *index;
    uint32_t first, count;           /* fragments */
    const char *uri;                 /* of the reel, relative to the list */
    int64_t wall_ms;                 /* when its beginning was recorded, or HLS_NO_WALL; what the reel itself says counts for more */
    bool goes_on;                    /* where the one before it ended, on its clock: another init segment, but no discontinuity */
};
static inline struct hls_span hls_whole(const struct reelidx *x, const char *uri) { return (struct hls_span){ x, 0, x->fragment_count, uri, HLS_NO_WALL, false }; }
/* What plays of it: the samples before 0 only prime the codec. */
int64_t hls_span_us(const struct hls_span *s);

void hls_write_media(struct buf *out, const struct hls_span *spans, size_t count);
/* The same segments, made anew in another size when they are asked for: of a span whose uri is "p/t1/video?v=1" they are p/t1/video/init.mp4?v=1 and
 * p/t1/video/<first fragment>-<fragments>.m4s?v=1. */
void hls_write_made(struct buf *out, const struct hls_span *spans, size_t count);
/* The first picture of each fragment. */
void hls_write_iframes(struct buf *out, const struct hls_span *spans, size_t count);
/* One file of captions for all of a tape. */
void hls_write_captions(struct buf *out, const char *uri, int64_t duration_us, int64_t wall_ms);

/* ---- a segment at a time, for other lists of the same segments ---- */
struct hls_segment {
    uint64_t offset, size;
    uint32_t first, count;           /* fragments of the reel */
    int64_t duration_us;
    bool discontinuity;              /* the picture was away before it, within one reel whose time goes on */
    int64_t wall_ms;                 /* of its beginning, as the reel has it; 0: not known */
};
struct hls_walk {
    const struct hls_span *span;
    uint32_t next;                   /* fragments gone through */
    int64_t at_us;                   /* where the next begins, from the beginning of the list */
};
/* False at the end of the span. For the next span set span and next anew and leave at_us. */
bool hls_next_segment(struct hls_walk *w, struct hls_segment *ret);
void hls_write_date(struct buf *out, int64_t wall_ms);
/* The date that stands before a segment, if any: where its span begins or the picture was away. own_ms: as the reel has it, 0 for none; wall_ms: of the span, or HLS_NO_WALL. */
void hls_date_segment(struct buf *out, bool begins, bool discontinuity, int64_t own_ms, int64_t wall_ms);

/* ---- what players are told of a reel ---- */
struct hls_track {
    char codecs[32];
    int width, height;               /* on display, in square pixels; 0: sound */
    int coded_width, coded_height, sar_num, sar_den;
    int channels;                    /* 0: picture */
    uint32_t sample_rate;
    uint32_t frames_per_1000_s;      /* 29970: 29.970 pictures a second */
    uint64_t peak_bps, average_bps;
    uint64_t key_peak_bps, key_average_bps; /* of the key frames alone */
};
void hls_describe(struct hls_track *ret, const struct reelidx *x);

/* Addresses are relative to the playlist; prefix ("" or "t/TOKEN/") stands before each. The first of videos and of sounds is where a player begins. */
struct hls_video {
    struct hls_track track;
    const char *uri, *keys_uri;      /* keys_uri NULL: no list of key frames */
};
struct hls_rendition {               /* a sound track, or captions */
    struct hls_track track;          /* of sounds */
    const char *uri, *name, *language; /* language NULL or "": not known */
};
struct hls_multivariant {
    const char *prefix;
    const struct hls_video *videos;
    size_t video_count;
    const struct hls_rendition *sounds;
    size_t sound_count;
    const struct hls_rendition *captions;
    size_t caption_count;
};
void hls_write_multivariant(struct buf *out, const struct hls_multivariant *m);
