/* wire/live_msg.h - what vcrd and vcr-ingest --live say to each other. PURE.
 *
 * In:   `--live ts`: a pipe with MPEG-TS as it came. `--live packets`: a pipe with messages, each a head of LIVE_HEAD_BYTES and its body; a stream that breaks off inside one
 *       is over. Both are bytes from strangers.
 * Out:  records in a ring (base/ring.h): struct live_record, then its body. Key frames have their parameter sets before them (Annex B).
 * Descriptors of vcr-ingest --live: LIVE_FD_INPUT the pipe, LIVE_FD_RING the ring's memfd, LIVE_FD_WAKE an eventfd written after records, LIVE_FD_KEY an eventfd that
 * vcrd writes when somebody needs a key frame soon. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LIVE_FD_INPUT = 3, LIVE_FD_RING, LIVE_FD_WAKE, LIVE_FD_KEY, LIVE_FDS_END };

/* ---- in: packets ---- */
enum { LIVE_HEAD_BYTES = 24, LIVE_BODY_MAX = 4 << 20 };
struct live_head {
    uint8_t track, flags;   /* base/packet.h; sound is Opus */
    uint32_t len;           /* 1..LIVE_BODY_MAX */
    int64_t pts_us;         /* 0.. */
};
void live_head_write(uint8_t out[LIVE_HEAD_BYTES], const struct live_head *h);
/* False: this is none. */
bool live_head_read(const uint8_t in[LIVE_HEAD_BYTES], struct live_head *ret);

/* ---- out: records ---- */
enum live_record_type { LIVE_FORMAT = 1 /* struct live_format: before the first packet of a track, and when it changed */, LIVE_PACKET, LIVE_NOTE /* text for the log */ };
enum live_track { LIVE_VIDEO, LIVE_OPUS, LIVE_AAC, LIVE_TRACKS };
enum { LIVE_CONFIG_MAX = 256, LIVE_NOTE_MAX = 200 };
struct live_record {
    uint8_t type, track, flags;
    uint8_t zero;
    uint32_t len;           /* of the body */
    int64_t pts_us, dts_us, duration_us; /* pts on the common monotonic clock; no track reorders, so dts is pts */
};
struct live_format {
    int32_t width, height, sar_num, sar_den;   /* video */
    int32_t rate_num, rate_den;                /* video: pictures a second, 0: not known */
    int32_t channels, sample_rate, priming;    /* audio */
    uint8_t passed_through;                    /* video: as it came, not encoded here */
    uint8_t zero[3];
    uint32_t config_len;
    uint8_t config[LIVE_CONFIG_MAX];           /* video: SPS and PPS as Annex B; AAC: AudioSpecificConfig; Opus: the body of dOps */
};
/* Whether a format of this track can be: sizes, rates and lengths. */
bool live_format_ok(const struct live_format *f, uint8_t track);
