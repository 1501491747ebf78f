/* wire/h264sps.h - the size and shape of a picture as its H.264 sequence parameter set tells them, PURE.
 * Errors   MALFORMED: it ends too early, or its values cannot be; UNSUPPORTED: no 4:2:0 of 8 bits, or larger than 8192 pixels.     Threads  none. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"

struct h264_sps {
    uint8_t profile, level;
    int width, height;      /* as it is shown: cropped */
    int sar_num, sar_den;   /* 1:1 where it does not say */
};
/* sps: one NAL unit with its header byte, emulation prevention still in it. */
enum vcr_err h264_sps_read(struct h264_sps *ret, const uint8_t *sps, size_t len, struct vcr_why *why);
/* The first parameter sets of an access unit (Annex B), of each kind one, where they stand in it. False: one of them is not there, or only behind a picture. */
struct h264_sets { const uint8_t *sps, *pps; size_t sps_len, pps_len; };
bool h264_sets_find(struct h264_sets *ret, const uint8_t *unit, size_t len);
/* The first one of an access unit (Annex B). VCR_E_NOT_FOUND: there is none. */
enum vcr_err h264_sps_find(struct h264_sps *ret, const uint8_t *unit, size_t len, struct vcr_why *why);
