/* wire/reelcut.h - samples in; parts, fragments and their index records out: how every reel is cut, whether it is made from a file or recorded live. PURE.
 *
 * Parts    one moof and one mdat each. A part ends before it would pass part_us, and before its fragment's end.
 * Fragment a run of parts that begins with a key frame. Video: ends at the first key frame after fragment_us. Audio: at the first frame after it, or where REELCUT_NEW says so.
 * Time     decode times are continuous over all parts: a sample lasts until the next one's dts, whatever lies between (a still picture is one long sample). Gaps are the
 *          caller's to close: it knows whether all tracks jumped. It then gives times that go on where they were, and REELCUT_GAP with the first sample behind the jump: that
 *          begins a fragment which the index marks as a discontinuity.
 * H.264    parameter sets stay in the stream, before each key frame, besides those of the init segment: players that keep only the first init segment of a list (FFmpeg's) then
 *          go on where another reel follows.
 * Bounds   fragment_max_bytes (VCR_E_TOO_LARGE), 4096 samples a fragment.
 * Threads  none; one thread at a time.     Errors  a sample that cannot be taken is left out, and the state is as before. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/why.h"
#include "wire/fmp4.h"
#include "wire/reelidx.h"

enum { REELCUT_SAMPLES_MAX = 4096 };
enum reelcut_flag {
    REELCUT_KEY = 1,
    REELCUT_NEW = 2, /* a fragment begins here; video: only with REELCUT_KEY */
    REELCUT_GAP = 4, /* the same, and a discontinuity */
};

struct reelcut_part {
    const uint8_t *bytes; /* valid during the call */
    size_t len;
    int64_t start_us;     /* decode time, from tick 0 */
    uint32_t duration_us;
    bool first;           /* of its fragment */
    bool key;             /* begins with a key frame; sound always */
    bool gap;             /* first, behind a discontinuity */
};
struct reelcut_fragment {
    const uint8_t *bytes; /* the parts, one behind the other; valid during the call */
    struct reelidx_fragment record; /* offset, first_sample and first_part count on from the config's offset and 0; wall_ms is left to the caller */
    const struct reelidx_part *parts;
    const struct reelidx_sample *samples; /* record.sample_count of them */
    uint64_t tfdt;        /* of its first part */
    int64_t end_us;       /* decode time */
};
struct reelcut_config {
    enum fmp4_codec codec;
    uint32_t timescale;
    int64_t part_us;      /* 0: a fragment is one part */
    int64_t fragment_us;  /* INT64_MAX: audio, only by REELCUT_NEW */
    size_t fragment_max_bytes;
    uint64_t offset;      /* of the first fragment in its file */
    bool from_zero;       /* tick 0 is dts 0; else the first sample's dts */
    const uint8_t *sets;  /* H.264: SPS and PPS as Annex B, put before key frames that bring none; borrowed as long as it is open. NULL: all bring theirs */
    size_t sets_len;
    /* An error ends the call that brought it about; then only reelcut_close may follow. part may be NULL. */
    enum vcr_err (*part)(void *arg, const struct reelcut_part *part, struct vcr_why *why);
    enum vcr_err (*fragment)(void *arg, const struct reelcut_fragment *fragment, struct vcr_why *why);
    void *arg;
};
struct reelcut;
enum vcr_err reelcut_open(struct reelcut **ret, const struct reelcut_config *config, struct vcr_why *why);
void reelcut_close(struct reelcut **c);
/* Before the first sample: goes on behind fragments that are in the file already, where decode time tfdt ends them. The config's offset is that of the next one. */
void reelcut_go_on(struct reelcut *c, uint64_t tfdt, uint32_t fragments, uint32_t samples, uint32_t parts);

/* One sample in decode order: Annex B (H.264) or a raw frame; dts rises strictly and the first is a key sample. duration_us counts for the last before reelcut_finish. */
enum vcr_err reelcut_sample(struct reelcut *c, const uint8_t *data, size_t len, int64_t pts_us, int64_t dts_us, int64_t duration_us, unsigned flags, struct vcr_why *why);
/* The last part and fragment go out; samples may follow, of which the first begins a fragment (and must be a key sample). Nothing when there is none. */
enum vcr_err reelcut_finish(struct reelcut *c, struct vcr_why *why);
/* Where the next sample's dts would be if the last one has its nominal length; 0 before the first. */
int64_t reelcut_end_us(const struct reelcut *c);
int64_t reelcut_ticks(uint32_t timescale, int64_t us);
int64_t reelcut_us(uint32_t timescale, int64_t ticks);

/* Where a part keeps what changes when it moves to another place in time: for those who copy parts into a file whose time begins elsewhere. Both are big-endian. */
enum { REELCUT_SEQUENCE_AT = 20, REELCUT_TFDT_AT = 60, REELCUT_HEAD_BYTES = 68 };
