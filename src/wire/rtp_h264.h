/* wire/rtp_h264.h - access units (Annex B) out of RTP payloads in order (RFC 6184: single NAL units, STAP-A, FU-A).
 *
 * Give it every payload in order, and every hole; it says when an access unit is whole. A unit with a hole, with a broken payload, or over its bound is left out, and so is every one
 * after it up to the next key frame, because what refers to something missing shows wrong. Parameter sets are kept and put before key frames that come without them; access unit
 * delimiters and filler are left out. After a hole a unit counts as whole only when its first payload shows to be the first: it starts with a delimiter or a parameter set.
 * Threads  none.     Owns  a buffer of at most H264_UNIT_MAX.     Bounds  also H264_SETS_MAX sets of H264_SET_BYTES. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { H264_UNIT_MAX = 1 << 20, H264_SETS_MAX = 8, H264_SET_BYTES = 256 };

struct h264_set {
    uint16_t len; /* 0: free */
    uint8_t bytes[H264_SET_BYTES];
};
struct h264_unit {
    const uint8_t *data; /* valid until the next call */
    size_t len;
    uint32_t ts;
    bool key;
    bool after_loss; /* something was left out before it */
};
struct h264_join {
    /* the reader's */
    bool needs_key;      /* nothing more comes out before a key frame */
    uint64_t dropped;    /* access units left out, those with a hole counted once */
    /* its own */
    uint8_t *data;
    size_t len, cap, fragment_at; /* where the open FU-A began, 0: none open */
    uint32_t ts;
    bool open, hole, broken, has_picture, has_key, has_sps, has_pps, lost;
    struct h264_set sps[H264_SETS_MAX], pps[H264_SETS_MAX];
};
void h264_join_init(struct h264_join *j);
void h264_join_free(struct h264_join *j);
/* A payload is missing here. */
void h264_join_hole(struct h264_join *j);
/* The next payload; true: *ret is a whole access unit. A payload of another time stamp ends a unit whose marker never came: give it again while *ret_again. */
bool h264_join_put(struct h264_join *j, const uint8_t *payload, size_t len, uint32_t ts, bool marker, struct h264_unit *ret, bool *ret_again);
