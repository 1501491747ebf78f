/* wire/make_msg.h - what vcrd (session/maker.h) and `vcr-render --make` say to each other over a SOCK_SEQPACKET pair: one segment is asked for at a time.
 *
 * Both ends are programs of one build, so messages are structs sent as bytes; each side still checks size and ranges. At start the maker inherits 3, its control
 * socket. Beside a MAKE_JOB travel the descriptor that the segment is written into and then, when it needs them, reels, each with its index: one that is the whole tape, or those of its parts.
 * What is made depends on nothing but the message and the reels: the same job gives the same bytes, in any order and in any process. MAKE_VERSION is part of
 * every name that a made segment is kept under: it grows with each change of what is made. */
#pragma once
#include <stdint.h>

enum { MAKE_VERSION = 7, MAKE_FD_CONTROL = 3, MAKE_FDS = 3 /* without parts */, MAKE_REELS_MAX = 8, MAKE_PARTS_MAX = 16, MAKE_FDS_MAX = 1 + 2 * MAKE_REELS_MAX,
       MAKE_LOOK_BYTES = 32, MAKE_COUNT_MAX = 4096, MAKE_SOUND_FRAME = 1024 /* sample pairs of 48 kHz */,
       MAKE_OPUS_FRAME = 960, MAKE_OPUS_BPS = 112000 /* as sessions send it */, MAKE_VIDEO_TIMESCALE = 120000 };

#define MAKE_CLEAN "clean"
enum make_msg_type {
    MAKE_JOB = 1,  /* vcrd: struct make_job */
    MAKE_CANCEL,   /* vcrd: nobody wants that job any more; a MAKE_DONE comes all the same */
    MAKE_READY,    /* the maker, once, after sealing */
    MAKE_BEAT,     /* the maker still works at that job */
    MAKE_DONE,     /* struct make_done */
};
enum make_kind {
    MAKE_TAPE_VIDEO,  /* from the tape reel: pictures first..first+count of the grid, as a deck in settled PLAY shows them; in the look MAKE_CLEAN what was recorded, as it was */
    MAKE_TAPE_SOUND,  /* from the Opus reel: frames of MAKE_SOUND_FRAME */
    MAKE_TAPE_OPUS,   /* the same sound for sessions: packets of MAKE_OPUS_FRAME */
    MAKE_CLEAN_VIDEO, /* from the clean reel: its samples first..first+count, made smaller */
    MAKE_KINDS
};
struct make_head {
    uint32_t type, job;        /* the asker's number of the job */
};
/* What of which reel is where on a tape that was recorded over. */
struct make_part {
    int64_t start_us, end_us;  /* on the tape */
    int64_t reel_start_us;     /* of the reel, what shows at start_us */
    uint64_t seed;
    uint8_t tape_speed;
    uint8_t reel;              /* which of those that travel; MAKE_REELS_MAX: it is missing */
    uint8_t is_over;           /* 1: its recording began where another one lay, at over_us of the tape; else 0 */
    uint8_t zero[5];
    int64_t over_us;
};
struct make_job {
    struct make_head h;
    uint8_t kind;              /* enum make_kind */
    uint8_t init;              /* 1: the init segment of that kind instead; first and count mean nothing */
    /* of the tape */
    uint8_t pal, field_rate, tape_speed, wear_16;
    uint8_t sound;             /* enum deck_sound */
    uint64_t seed;
    char look[MAKE_LOOK_BYTES];
    /* of the segment */
    uint32_t number;           /* in its list, from 0 */
    uint32_t first, count;     /* at most MAKE_COUNT_MAX */
    /* of the encode: video's size (of a tape, the reel's) and its ceiling, kept within half a second of buffer; sound's bit rate */
    uint16_t width, height;
    uint32_t max_bps;
    /* Of a tape that was recorded over: what is on it, in order, from a second before what the segment shows to its end; what lies between is unrecorded. has_parts 0:
     * the one reel is the tape, and the seed and speed above are its. */
    uint8_t has_parts, part_count, reel_count, zero;
    struct make_part parts[MAKE_PARTS_MAX];
};
static inline int make_is_sound(const struct make_job *j) { return j->kind == MAKE_TAPE_SOUND || j->kind == MAKE_TAPE_OPUS; }
/* How many descriptors travel with it, at most. */
static inline int make_job_fds(const struct make_job *j) { return !j->has_parts ? MAKE_FDS : 1 + 2 * (j->reel_count < MAKE_REELS_MAX ? j->reel_count : MAKE_REELS_MAX); }
struct make_done {
    struct make_head h;
    uint32_t err;              /* enum vcr_err */
    uint32_t cpu_us;
    uint64_t bytes;
    char text[160];            /* why not */
};

/* Pictures a second of a tape's grid: num / den. */
static inline void make_rate(int pal, int field_rate, int *num, int *den)
{
    *num = pal ? (field_rate ? 50 : 25) : field_rate ? 60000 : 30000;
    *den = pal ? 1 : 1001;
}

/* Units (pictures, frames of sound) of num / den a second in a segment: two seconds, as nearly as there are whole ones. */
static inline uint32_t make_segment_units(uint32_t num, uint32_t den) { return (2 * num + den / 2) / den; }

/* The most that a whole segment of video has, its boxes included: a quarter of a second is in the buffer when it begins. For playlists. */
static inline uint64_t make_peak_bps(uint32_t max_bps, int64_t segment_us) { return max_bps + (uint64_t)max_bps * 250000 / (uint64_t)segment_us + 24000; }
