/* deliver/hls/hls.h - HLS playlists out of reel indexes. PURE: knows neither tapes nor users; all URIs are relative to the playlist's own.
 *
 * A reel is one CMAF file; a segment is a run of whole fragments, so a byte range of it; EXT-X-MAP is its head. Names: video.m3u8, audio.m3u8, iframe.m3u8, video.mp4, audio.mp4. */
#pragma once
#include <stdint.h>

#include "base/buf.h"
#include "wire/reelidx.h"

enum { HLS_SEGMENT_US = 4000000 /* a segment is full from here on */ };

/* The multivariant playlist; audio NULL: there is none. suffix ("?look=clean", or "") is put behind each URI. */
void hls_multivariant(struct buf *out, const struct reelidx *video, const struct reelidx *audio, const char *suffix);
/* VOD playlist of one reel in the file of that name. */
void hls_media(struct buf *out, const struct reelidx *x, const char *file, const char *suffix);
/* Key frames only; for video. */
void hls_iframes(struct buf *out, const struct reelidx *x, const char *file, const char *suffix);
