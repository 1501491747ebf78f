/* wire/reelidx.h - the bytes of a reel's index file <-> struct reelidx. PURE; fuzzed.
 *
 * Format, all big-endian: "VCRX" u16 version u16 flags; then the header fields; then fragment records; then sample records (video: every sample;
 * audio: none, its frames are of equal length); then u32 CRC-32 (IEEE) of everything before.
 * Version 2 (what was recorded live) has in each fragment record its number of parts, a flag and the wall clock, and the records of all parts behind the fragments'.
 * Bounds   at most 2^22 fragments, 2^24 parts and 2^26 samples are accepted, and never more than the bytes given can hold. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/why.h"

struct reelidx_fragment {
    uint64_t offset;      /* of the moof in the reel */
    uint32_t size;        /* moof + mdat */
    uint32_t crc32;       /* of those bytes */
    int64_t start_us;     /* presentation time of its first sample; negative while an audio codec primes, else they follow without gaps */
    uint32_t duration_us;
    uint32_t first_sample, sample_count;
    uint32_t key_size;    /* bytes from offset that hold moof and the key frame: the I-frame playlist's range */
    /* version 2 */
    uint32_t first_part, part_count;
    bool discontinuity;   /* the live picture was away before it; the reel's own time goes on without a gap */
    int64_t wall_ms;      /* wall clock of its first sample; 0: not known */
};
struct reelidx_part {
    uint32_t size, duration_us; /* moof + mdat; those of a fragment lie one behind the other and fill it */
};
struct reelidx_sample {
    uint32_t pts_delta_us; /* from its fragment's start_us, below 2^31 */
    bool key;
};
struct reelidx {
    uint8_t version;       /* 0 or 1: no parts, 2 */
    uint8_t codec;         /* enum reel_codec */
    bool pass_through;
    uint32_t timescale, bandwidth_bps, average_bps;
    uint16_t width, height, sar_num, sar_den, channels;
    uint32_t sample_rate;
    char codecs[32];
    uint8_t config[256];
    uint16_t config_len;
    uint32_t init_size;    /* bytes of ftyp + moov at the start of the reel: EXT-X-MAP */
    int64_t duration_us;
    uint32_t fragment_count, sample_count, part_count;
    struct reelidx_fragment *fragments; /* owned by the struct */
    struct reelidx_sample *samples;     /* owned by the struct, NULL for audio */
    struct reelidx_part *parts;         /* owned by the struct, NULL in version 1 */
};
/* Fills codecs from codec and config (RFC 6381: "avc1.42c01e"). */
void reelidx_name_codec(struct reelidx *x);
/* Fills bandwidth_bps and average_bps from the fragments and duration_us: the peak as HLS means it, over any stretch of about a second. */
void reelidx_find_rates(struct reelidx *x);
/* Appends the bytes. */
void reelidx_write(struct buf *out, const struct reelidx *x);
/* VCR_E_MALFORMED with the reason; free with reelidx_free. */
enum vcr_err reelidx_parse(struct reelidx *ret, const uint8_t *bytes, size_t len, struct vcr_why *why);
void reelidx_free(struct reelidx *x);

/* For readers of long reels, who leave the sample records (most of the bytes) where they are: what stands before them, from the file's first REELIDX_HEAD_MAX bytes
 * (all of them, when it has fewer) and its size. The checksum is the caller's to compare. */
enum { REELIDX_HEAD_MAX = 512, REELIDX_SAMPLE_BYTES = 4, REELIDX_CRC_BYTES = 4 };
struct reelidx_shape {
    uint64_t samples_at;   /* where header, fragment and part records end */
    bool has_samples;
};
enum vcr_err reelidx_measure(struct reelidx_shape *ret, const uint8_t *head, size_t len, uint64_t file_bytes, struct vcr_why *why);
/* Header, fragments and parts of the first samples_at bytes; ret->samples stays NULL. Free with reelidx_free. */
enum vcr_err reelidx_parse_fragments(struct reelidx *ret, const uint8_t *bytes, size_t samples_at, struct vcr_why *why);
struct reelidx_sample reelidx_sample(const uint8_t record[REELIDX_SAMPLE_BYTES]);
/* CRC-32 (IEEE, as in zlib and PNG) of more bytes; crc 0 at the start. */
uint32_t reelidx_crc32(uint32_t crc, const uint8_t *bytes, size_t len);
