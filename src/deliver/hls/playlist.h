/* deliver/hls/playlist.h - the index of a reel -> HLS playlists (RFC 8216, version 7). PURE: text into a buffer.
 *
 * Picture and sound are reels of their own (CMAF), one file each; a segment is a run of whole fragments, named as a byte range of that file. A segment ends with the
 * first fragment that reaches a multiple of HLS_GRID_US, so that those of picture and sound begin within a fragment of each other.
 * Errors   those of the buffer (buf_ok).     Threads  none. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "wire/reelidx.h"

enum { HLS_GRID_US = 5000000 };

/* What a multivariant playlist says of one reel. */
struct hls_track {
    char codecs[32];
    int width, height;               /* on display, in square pixels; 0: sound */
    int channels;                    /* 0: picture */
    uint32_t frames_per_1000_s;      /* 29970: 29.970 pictures a second */
    uint64_t peak_bps, average_bps;
    uint64_t key_peak_bps, key_average_bps; /* of the key frames alone */
};
void hls_describe(struct hls_track *ret, const struct reelidx *x);

/* prefix stands before each address: "" or "t/TOKEN/". One of the tracks may be NULL. The lists it names: video.m3u8, audio.m3u8, iframe.m3u8. */
void hls_write_multivariant(struct buf *out, const struct hls_track *video, const struct hls_track *audio, const char *prefix);
/* uri: of the reel, relative to the playlist. */
void hls_write_media(struct buf *out, const struct reelidx *x, const char *uri);
/* The first picture of each fragment. */
void hls_write_iframes(struct buf *out, const struct reelidx *x, const char *uri);
