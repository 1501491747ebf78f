/* wire/fmp4.h - the boxes of a reel: one track of CMAF fragmented MP4. PURE; fuzzed.
 *
 * Init    ftyp, moov (mvhd, trak, mvex); H.264 as avc1 + avcC + pasp, AAC as mp4a + esds, Opus as Opus + dOps. What a codec primes with is skipped by an edit list.
 * Fragment moof (mfhd, traf: tfhd, tfdt, trun with duration, size, flags and composition offset of each sample) and one mdat. The reader takes exactly this shape. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/why.h"

enum fmp4_codec { FMP4_H264, FMP4_AAC, FMP4_OPUS };
struct fmp4_track {
    enum fmp4_codec codec;
    uint32_t timescale;
    uint16_t width, height, sar_num, sar_den; /* video */
    uint16_t channels;                        /* audio */
    uint32_t sample_rate;
    uint32_t priming;                         /* ticks before presentation time 0 */
    const uint8_t *config;                    /* avcC, AudioSpecificConfig, or dOps (from its version byte on); borrowed */
    size_t config_len;
};
struct fmp4_sample {
    uint32_t size, duration; /* duration in ticks */
    int32_t cts;             /* pts - dts in ticks */
    bool key;
};
void fmp4_write_init(struct buf *out, const struct fmp4_track *t);
/* The moof and the head of the mdat; the samples' bytes follow. */
void fmp4_write_fragment_head(struct buf *out, uint32_t sequence, uint64_t tfdt, const struct fmp4_sample *samples, size_t count, bool video);

/* What a fragment holds; points into the bytes given. */
struct fmp4_fragment {
    uint32_t sequence, count;
    uint64_t tfdt;
    const uint8_t *records;  /* of trun */
    const uint8_t *data;     /* of mdat */
    size_t data_len;
};
/* VCR_E_MALFORMED unless bytes are one whole fragment whose samples fill its mdat exactly. */
enum vcr_err fmp4_parse_fragment(struct fmp4_fragment *ret, const uint8_t *bytes, size_t len, struct vcr_why *why);
/* The part that the bytes begin with: a moof and its mdat, with perhaps more behind. */
enum vcr_err fmp4_parse_part(struct fmp4_fragment *ret, const uint8_t *bytes, size_t len, size_t *ret_used, struct vcr_why *why);
void fmp4_fragment_sample(const struct fmp4_fragment *f, uint32_t n, struct fmp4_sample *ret);
/* Reads an init segment that fmp4_write_init could have made; config points into bytes. */
enum vcr_err fmp4_parse_init(struct fmp4_track *ret, const uint8_t *bytes, size_t len, struct vcr_why *why);

/* avcC from one SPS and one PPS (NAL units without start code). */
bool fmp4_make_avcc(uint8_t *out, size_t out_size, size_t *ret_len, const uint8_t *sps, size_t sps_len, const uint8_t *pps, size_t pps_len);
/* The parameter sets of an avcC as Annex B; false: it is none. */
bool fmp4_read_sets(struct buf *out, const uint8_t *avcc, size_t len);
/* The next NAL unit of an Annex B stream from *pos on; false at the end. */
bool fmp4_next_nal(const uint8_t *bytes, size_t len, size_t *pos, const uint8_t **ret_nal, size_t *ret_len);
