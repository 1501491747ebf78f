/* media/reel.h - reels: the indexed CMAF fMP4 files that everything reads.
 *
 * A reel is one track: fragments (moof+mdat) of at most 1 s, each starting with a key frame; H.264, AAC or Opus. Beside it stands an index (reel_index, wire/reelidx.h has
 * its bytes): for each fragment offset, size, time, duration, CRC; and for each sample of a video reel its time, so that a place on the tape is found without reading
 * the reel. HLS segments are byte ranges of a reel; vcr-render reads samples.
 * Threads  a writer or reader belongs to one thread.     Owns  neither io; both stay the caller's, and stay open as long as the reader: it goes on reading the index.
 * Errors   VCR_E_IO for damaged files, with the fragment's number. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/io.h"
#include "base/packet.h"
#include "base/why.h"

enum { REEL_FRAGMENT_MAX_BYTES = 8 << 20, REEL_VIDEO_TIMESCALE = 120000 /* whole ticks for 23.976, 24, 25, 29.97, 30 fps and their doubles */ };
enum reel_codec { REEL_H264, REEL_AAC, REEL_OPUS };
struct reel_format {
    enum reel_codec codec;
    uint32_t timescale;          /* ticks a second of pts/dts in the file; times in this API are microseconds */
    int width, height;           /* video */
    int sar_num, sar_den;        /* sample aspect */
    int channels, sample_rate;   /* audio */
    int priming;                 /* audio: ticks at the start that the codec needs and nobody hears (an edit list skips them) */
    int bandwidth_bps;           /* peak over a fragment, for playlists; written at the end */
    int average_bps;
    bool pass_through;           /* WebRTC may send it unchanged: baseline or main, no reordering, level <= 3.1, <= 8 Mbit/s, key frame a second */
    uint8_t config[256];         /* avcC, AudioSpecificConfig or dOps */
    size_t config_len;
    char codecs[32];             /* RFC 6381: "avc1.42c01e", "mp4a.40.2", "opus" */
};

/* ---- writing (vcr-ingest) ---- */
struct reel_writer;
struct reelidx_fragment;
struct reelidx_sample;
enum vcr_err reel_writer_open(struct reel_writer **ret, const struct reel_format *format, struct io *file, struct io *index, struct vcr_why *why);
/* What an attempt that broke off left of a reel: its init and all fragments that are whole. */
struct reel_kept {
    uint64_t bytes;              /* up to where the file is good: what follows is to be cut off */
    uint64_t end_ticks;          /* decode time, from the first sample's */
    uint32_t init_size, samples, fragments, parts;
    struct reelidx_fragment *records;
    struct reelidx_sample *video_samples;
    uint8_t init[4096];
};
/* VCR_E_END: nothing that could be gone on with. Free it in any case. go_on (may be NULL) is called now and then. */
enum vcr_err reel_kept_read(struct reel_kept *ret, struct io *file, void (*go_on)(void *arg, double part), void *arg, struct vcr_why *why);
void reel_kept_free(struct reel_kept *k);
/* As reel_writer_open, behind what was kept (file ends there): samples go on from there, the first a key sample. VCR_E_STALE: that is another reel. Takes the kept records. */
enum vcr_err reel_writer_go_on(struct reel_writer **ret, const struct reel_format *format, struct reel_kept *kept, struct io *file, struct io *index, struct vcr_why *why);
/* One sample in decode order: Annex B (H.264) or a raw frame; dts rises strictly. Video starts a new fragment at the first key frame after 200 ms, audio after a
 * second. Each fragment is one io_append of at most REEL_FRAGMENT_MAX_BYTES (VCR_E_TOO_LARGE beyond).
 * A sample lasts until the next one's dts; duration_us counts for the last. */
enum vcr_err reel_write(struct reel_writer *w, const uint8_t *data, size_t len, int64_t pts_us, int64_t dts_us, int64_t duration_us, bool key,
                        struct vcr_why *why);
/* Writes the last fragment and the index; *ret_duration_us from samples. */
enum vcr_err reel_writer_finish(struct reel_writer *w, int64_t *ret_duration_us, struct vcr_why *why);
void reel_writer_close(struct reel_writer **w);

/* ---- reading (vcr-render) ---- */
struct reel;
enum vcr_err reel_open(struct reel **ret, struct io *file, struct io *index, struct vcr_why *why);
void reel_close(struct reel **r);
const struct reel_format *reel_format(const struct reel *r);
int64_t reel_duration_us(const struct reel *r);
uint32_t reel_sample_count(const struct reel *r);
/* The last sample with pts <= at_us (the first one before that). */
uint32_t reel_sample_at(struct reel *r, int64_t at_us);
/* The key sample at or before n. */
uint32_t reel_key_at(struct reel *r, uint32_t n);
int64_t reel_sample_pts_us(struct reel *r, uint32_t n);
/* Where its time begins: 0, or of a bridge what its reel's clock said there. Sounds that are primed begin before. */
int64_t reel_start_us(const struct reel *r);
/* Sample n: Annex B with parameter sets before key frames, or a raw audio frame. Borrowed until the next call; pts from the reel's start. Keeps the fragment
 * last read in memory. */
enum vcr_err reel_read(struct reel *r, uint32_t n, struct packet *ret, struct vcr_why *why);
/* Gives back nearly all of its memory; what is asked of it next reads its index again, without comparing the checksum once more. One whose index cannot be read then has nothing but damage. */
void reel_rest(struct reel *r);
/* Since it was opened the disk has refused bytes that are there: what was missing then is no damage of the reel, and may come another time. */
bool reel_unread(const struct reel *r);
