/* wire/reelwalk.h - reading a recording back without its index: the journal's records, and fragments from their bytes alone. PURE; fuzzed.
 *
 * Journal  a head of REELWALK_HEAD_BYTES, then records of REELWALK_RECORD_BYTES, each with its own CRC-32; all big-endian. A record stands before its fragment does, so it may
 *          name bytes that are not there: its crc32 tells. What follows a record that is none is not looked at.
 * Bounds   a fragment has at most 4096 samples, as reelcut.h makes them. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"
#include "wire/fmp4.h"
#include "wire/reelidx.h"

enum { REELWALK_HEAD_BYTES = 16, REELWALK_RECORD_BYTES = 64, REELWALK_SAMPLES_MAX = 4096, REELWALK_TRACKS_MAX = 16 };
struct reelwalk_record {
    uint8_t track;
    bool discontinuity;
    uint32_t number;        /* of the record: 0, 1, 2 ... */
    uint64_t offset;        /* in the track's file */
    uint32_t size, crc32;
    int64_t start_us;       /* on the recording's own clock */
    uint32_t duration_us;
    int64_t wall_ms;
};
void reelwalk_write_head(uint8_t out[REELWALK_HEAD_BYTES], int64_t wall_ms);
bool reelwalk_read_head(const uint8_t in[REELWALK_HEAD_BYTES], int64_t *ret_wall_ms);
void reelwalk_write_record(uint8_t out[REELWALK_RECORD_BYTES], const struct reelwalk_record *r);
bool reelwalk_read_record(const uint8_t in[REELWALK_RECORD_BYTES], struct reelwalk_record *ret);

/* How long the part is that begins with these bytes: VCR_E_AGAIN when len does not reach to its mdat's head, MALFORMED when none begins here. */
enum vcr_err reelwalk_part_bytes(const uint8_t *bytes, size_t len, uint64_t *ret_bytes, bool *ret_key);

/* One fragment from its bytes (whole parts, one behind the other). Caller's arrays of REELWALK_SAMPLES_MAX each. */
struct reelwalk_fragment {
    bool heads_only;                /* set by the caller: the samples' bytes are not there, so they are not looked at, and crc32 stays 0 */
    struct reelidx_fragment record; /* size, crc32, start_us, duration_us, counts, key_size */
    uint64_t tfdt, end_ticks;
    struct reelidx_part *parts;
    struct reelidx_sample *samples;
};
/* MALFORMED with the reason unless every part is whole, the first sample is a key sample, decode times follow one another, and (H.264) each sample is NAL units from end to end. */
enum vcr_err reelwalk_fragment(struct reelwalk_fragment *f, enum fmp4_codec codec, uint32_t timescale, const uint8_t *bytes, size_t len, struct vcr_why *why);
/* The bytes of ftyp and moov at the start of a file: VCR_E_AGAIN when len is too short for them. */
enum vcr_err reelwalk_init_bytes(const uint8_t *bytes, size_t len, uint32_t *ret_bytes);
