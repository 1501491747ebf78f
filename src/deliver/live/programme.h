/* deliver/live/programme.h - one live programme (a device's picture, a virtual recording): encoded packets in, low-latency HLS and recordings out.
 *
 * Video is H.264 without reordering (Annex B, a key frame at least every second, SPS and PPS before each), with AAC for HLS and Opus for WebRTC and for the tape. reelcut.h makes
 * parts and fragments of them; a window of those stays in memory, the recorder (recorder.h) writes the same fragments to files, and old segments are read back from there, so that
 * a viewer may rewind into what is recorded while it is recorded.
 * Time     pts_us of all tracks is on one clock, which never goes back. The programme's own time begins at its first key frame and has no gaps: where the picture stands still for
 *          more than PROGRAMME_HOLD_US, or time jumps, a new stretch begins at the next key frame (EXT-X-DISCONTINUITY), placed right behind the last one in all tracks; shorter
 *          pauses are held by the last picture. Sound that is missing is filled with silence, sound that comes too late is left out.
 * Segments a segment is one fragment; those of picture and sound have the same media sequence numbers and begin within a sound frame of each other. Numbers never repeat.
 * Threads  programme_* and programmes_tick: one thread each programme (the media loop), except programme_get, programmes_find and programme_unref, which any thread may call.
 *          One lock a programme, a leaf, held for memory work only.
 * Bounds   PROGRAMME_WINDOW_US and PROGRAMME_MEMORY_BYTES a programme, PROGRAMME_WAITERS_MAX requests that wait, each at most PROGRAMME_WAIT_US; of a recording's segments the
 *          newest PROGRAMME_LISTED_MAX are listed. Audio frames of at most 4 KiB, access units of at most 2 MiB. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/packet.h"
#include "base/util.h"
#include "base/why.h"
#include "deliver/live/recorder.h"

enum {
    PROGRAMME_PART_US = 334000,          /* EXT-X-PART-INF: ten frames of 29.97, eight of 25 or 23.976 */
    PROGRAMME_SEGMENT_BYTES = 16 << 20,  /* of a segment that is read back from a recording */
    PROGRAMME_TARGET_S = 2,              /* EXT-X-TARGETDURATION; segments are about a second */
    PROGRAMME_WINDOW_US = 30000000,      /* listed, and kept for PROGRAMME_LINGER_US more */
    PROGRAMME_LINGER_US = 8000000,
    PROGRAMME_MEMORY_BYTES = 32 << 20,   /* the window is shortened for it, but never below six segments */
    PROGRAMME_WAITERS_MAX = 4096,
    PROGRAMME_WAIT_US = 6000000,         /* three target durations */
    PROGRAMME_LISTED_MAX = 3600,
    PROGRAMME_HOLD_US = 1000000,
    PROGRAMME_ENDED_US = 60000000,       /* an ended one can still be asked for */
};

/* The server's live programmes, by the id of their session, and the threads that write recordings. */
struct programmes;
struct programmes_config {
    struct loop *loop;           /* programmes_tick is called there every half second (open: on its thread or before it runs); NULL: the caller calls it */
    int recorder_threads;        /* 0: 2 */
};
enum vcr_err programmes_open(struct programmes **ret, const struct programmes_config *config, struct vcr_why *why);
/* Ends those left, waits for their recordings to be sealed. On the loop's thread or after it ended. NULL is fine. */
void programmes_close(struct programmes **s);
/* Lets requests go that waited too long, forgets programmes that ended. */
void programmes_tick(struct programmes *s, int64_t now_us);

enum programme_track { PROGRAMME_VIDEO, PROGRAMME_AAC, PROGRAMME_OPUS, PROGRAMME_TRACKS };
struct programme_config {
    const char *id;              /* of the session: 1..63 characters */
    bool track[PROGRAMME_TRACKS];
    int width, height;           /* as coded */
    int sar_num, sar_den;        /* 0: square */
    uint32_t frames_per_1000_s;  /* 29970; 0: not told to players */
    int bandwidth_bps;           /* a guess for players until it is measured; 0: 4 Mbit/s */
    int channels;                /* of both sounds, 1 or 2; 48 kHz */
    uint8_t aac_config[64];      /* AudioSpecificConfig; length 0: AAC-LC, 48 kHz */
    size_t aac_config_len;
    int64_t wall_of_zero_ms;     /* wall clock of pts 0: clock_wall_ms() - clock_mono_us() / 1000 where pts is monotonic time. For EXT-X-PROGRAM-DATE-TIME */
};
struct programme;
/* CONFLICT: that id is on the air. */
enum vcr_err programme_open(struct programmes *s, struct programme **ret, const struct programme_config *config, struct vcr_why *why);
/* The next packet of a track, in decode order; copied. Packets before the first key frame are left out. Parameter sets other than before begin a new stretch with an init segment
 * of its own, and stop a recording ("picture_changed") at its last whole fragment. INVALID: not a packet of that track, or too large; it is left out. CONFLICT: it has ended. */
enum vcr_err programme_packet(struct programme *p, enum programme_track track, const struct packet *packet, struct vcr_why *why);
/* The clean end: what is under way becomes the last part, playlists get EXT-X-ENDLIST, a recording is stopped ("stop") and sealed. No packet may follow. */
void programme_end(struct programme *p);
void programme_end_for(struct programme *p, const char *reason); /* a recording's, instead of "stop". Static */
/* Ends it, and lets go of it; players can ask for its last playlists for PROGRAMME_ENDED_US. NULL is fine. */
void programme_close(struct programme **p);
/* How long it is so far; the wall clock of its first picture (0: none yet). */
int64_t programme_duration_us(struct programme *p, int64_t *ret_wall_ms);

/* ---- recording ----
 * Begins with the next fragment, so with a key frame. files (recorder.h) are taken over in any case. CONFLICT: it records already, or has ended. After VCR_OK the end
 * is told once by files->done, whatever brought it about. */
enum vcr_err programme_record_start(struct programme *p, const struct recorder_files *files, struct vcr_why *why);
/* Stops with what has come so far (the fragment under way is ended for the recording only). Returns at once; nothing when it does not record. */
void programme_record_stop(struct programme *p);
/* The same for another reason than "stop", which the result tells. Static. */
void programme_record_stop_for(struct programme *p, const char *reason);
/* What is safely on the disk, 0 when it does not record. */
int64_t programme_recorded_us(struct programme *p);

/* ---- HLS: any thread ---- */
/* NULL: no such programme. Give it back with programme_unref. */
struct programme *programmes_find(struct programmes *s, const char *id);
void programme_unref(struct programme *p);

enum programme_want {
    PROGRAMME_GET_LIST,          /* the multivariant playlist */
    PROGRAMME_GET_VIDEO_LIST, PROGRAMME_GET_AUDIO_LIST,
    PROGRAMME_GET_VIDEO_INIT, PROGRAMME_GET_AUDIO_INIT,
    PROGRAMME_GET_VIDEO_SEGMENT, PROGRAMME_GET_AUDIO_SEGMENT,
    PROGRAMME_GET_VIDEO_PART, PROGRAMME_GET_AUDIO_PART,
};
struct programme_answer {
    enum vcr_err err;            /* MALFORMED (400), NOT_FOUND, BUSY (503: waited too long, or too many wait) */
    struct vcr_why why;
    const char *content_type;
    const char *etag;            /* with quotes, or NULL */
    int64_t max_age_s;           /* 0: no-cache; init segments, segments and parts never change */
    const void *body;            /* valid during the call */
    size_t len;
    int fd;                      /* instead of body: a stretch of a file, the receiver's to close; -1: none */
    uint64_t offset;
    int64_t move_us;             /* not 0: the times in the file are not the programme's; programme_read_moved gives what is to be sent */
    uint32_t timescale;
};
/* Embedded by the caller, who keeps it (and its reference to the programme) until done was called. */
struct programme_request {
    /* set by the caller; -1: not asked for */
    enum programme_want want;
    int64_t msn;                 /* _HLS_msn of a list; the segment's number; the number in an init segment's address */
    int part;                    /* _HLS_part of a list, or the part's number */
    bool skip;                   /* _HLS_skip=YES */
    const char *prefix;          /* of the multivariant playlist: before the addresses in it, "t/TOKEN/"; NULL: nothing. Stays until done */
    struct loop *loop;
    /* Once, on loop; perhaps before programme_get returns (which is called on loop, then). */
    void (*done)(struct programme_request *r, const struct programme_answer *a);
    /* the programme's own */
    struct loop_msg msg;
    struct programme_request *next;
    struct programme *programme;
    int64_t until_us;
    enum vcr_err err;
};
void programme_get(struct programme *p, struct programme_request *r);
/* The stretch of an answer's file (fd, offset, len) with its times moved, into out (len bytes). Reads some hundred kilobytes: not on a loop. fd stays open. */
enum vcr_err programme_read_moved(const struct programme_answer *a, uint8_t *out, struct vcr_why *why);

/* When a player asked for anything last (clock_mono_us), 0: never. */
int64_t programme_asked_us(struct programme *p);

struct programmes_counts { int programmes, recordings, waiters; uint64_t memory_bytes, recorded_bytes; };
void programmes_counts(struct programmes *s, struct programmes_counts *ret);
