/* wire/webvtt.h - captions as WebVTT (W3C): are they well-formed, what do they hold, and the form that HLS wants. PURE; fuzzed.
 *
 * Strict, as a validator is: what browsers would silently leave out is refused, with the number of its line.
 * Bounds   WEBVTT_BYTES_MAX bytes, WEBVTT_CUES_MAX cues, 100 hours. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/why.h"

enum { WEBVTT_BYTES_MAX = 1 << 20, WEBVTT_CUES_MAX = 20000 };
struct webvtt {
    uint32_t cues;
    int64_t end_ms;        /* when the last of them is over */
};
/* VCR_E_INVALID: "line 7: …". */
enum vcr_err webvtt_read(struct webvtt *ret, const char *text, size_t len, struct vcr_why *why);
/* The same text for a playlist: with the X-TIMESTAMP-MAP that says that its times are those of the segments (CMAF, which begins at 0). text must be one that was read. */
void webvtt_write_hls(struct buf *out, const char *text, size_t len);
