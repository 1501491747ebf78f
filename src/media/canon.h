/* media/canon.h - the canonical encode: what is encoded once and kept for everyone. The same pictures and settings give the same bytes, on any machine.
 *
 * H.264 constrained baseline without reordering, so that WebRTC may send it as well as HLS: constant quality below a ceiling, one thread, and nothing that depends on the
 * processor. An encoder makes one segment: its first picture is an IDR, then there is one where asked.
 * Threads  an encoder belongs to one thread.     Owns  packets point into the encoder: valid until its next call. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/packet.h"
#include "base/why.h"
#include "signal/picture.h"

/* What a picture's numbers mean, as H.264 table E-3 to E-5 names it; 2: not known. */
struct canon_colour {
    uint8_t primaries, transfer, matrix;
    bool full_range;
};
struct canon_config {
    int width, height;        /* even */
    int sar_num, sar_den;
    int rate_num, rate_den;   /* pictures a second; with variable, about */
    bool variable;            /* pictures come when they come: times count, in 1/timescale s */
    uint32_t timescale;
    int crf;                  /* quality aimed at, as x264 counts it */
    uint32_t max_bps;         /* ceiling, kept within half a second of buffer that is half full at the start */
    int level;                /* 31: level 3.1 */
    struct canon_colour colour;
};
struct canon;
enum vcr_err canon_open(struct canon **ret, const struct canon_config *config, struct vcr_why *why);
void canon_close(struct canon **c);
/* avcC for the init segment. */
enum vcr_err canon_avcc(struct canon *c, uint8_t *out, size_t size, size_t *ret_len, struct vcr_why *why);
/* A picture in, the oldest that is done out: data with lengths before its NAL units (as MP4 has them) and PACKET_KEY; len 0: none is done yet. picture NULL: no
 * more come; called until len is 0. pts: in the timescale, rising. */
enum vcr_err canon_encode(struct canon *c, const struct picture *picture, int64_t pts, bool key, struct packet *ret, struct vcr_why *why);

enum { AAC_FRAME = 1024, AAC_RATE = 48000, AAC_DELAY = 2 };
struct aac_encoder;
enum vcr_err aac_encoder_open(struct aac_encoder **ret, uint32_t bitrate_bps, struct vcr_why *why);
void aac_encoder_close(struct aac_encoder **e);
/* AudioSpecificConfig. */
enum vcr_err aac_encoder_config(const struct aac_encoder *e, uint8_t *out, size_t size, size_t *ret_len, struct vcr_why *why);
/* AAC_FRAME stereo pairs in, the packet that plays what was given AAC_DELAY calls before out; before that, packets that play nothing, or none (len 0). */
enum vcr_err aac_encode(struct aac_encoder *e, const int16_t *pcm, struct packet *ret, struct vcr_why *why);
