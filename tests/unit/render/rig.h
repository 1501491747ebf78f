/* tests/unit/render/rig.h - drives vcr-render: a control socket, a ring, reels with numbered pictures in memory files, and eyes and ears at the end.
 *
 * Either the program itself, in the time of this world, or its code in this process (rig_stage), where time stands still while it works and jumps to what is due next:
 * there every picture comes, however slow the machine is. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/packet.h"
#include "base/ring.h"
#include "deck/snapshot.h"
#include "media/decode.h"
#include "media/encode.h"
#include "media/reel.h"
#include "render/render.h"
#include "render/seat.h"
#include "wire/render_msg.h"

enum { RIG_PICTURES = 360, RIG_GOP = 15, RIG_SEATS = 4 };

/* Six seconds: picture n carries the number n, the sound is a 1 kHz tone. Files are memfds. */
struct rig_tape {
    int video_fd, video_index_fd, sound_fd, sound_index_fd;
};
void rig_tape_make(struct rig_tape *t, int pictures);
/* The same in another raster: 720x576 at 50 or 25, 720x480 at 59.94 or 29.97. */
void rig_tape_make_as(struct rig_tape *t, bool pal, bool field_rate, int pictures);
/* And of other pictures. */
typedef void (*rig_draw)(struct picture *p, unsigned number);
void rig_tape_make_of(struct rig_tape *t, bool pal, bool field_rate, int pictures, rig_draw draw);
void rig_tape_free(struct rig_tape *t);
/* One of RIG_PICTURES for all tests of a file, by cmocka_run_group_tests. */
extern struct rig_tape rig_group_tape;
int rig_group_make(void **state);
int rig_group_free(void **state);
/* Place of picture n. */
static inline int64_t rig_pts_us(int n) { return (int64_t)n * 1001000 / 60; }

/* What came out. */
struct rig_shot {
    struct render_packet head;
    int number;             /* of the picture, read in its middle; -1: none */
    int luma;               /* of the picture's middle, 0 to 255 */
    int grain;              /* and how much its lines differ: squares of codes */
    double loudness;        /* rms of a packet of sound */
    int onset;              /* its first sample that is no mere hiss; -1: none */
    uint8_t bytes[256 << 10];
};
struct rig {
    int control, wake, ring_fd;
    pid_t child;              /* rig_start */
    struct render *staged;    /* rig_stage */
    int staged_control;
    struct ring *ring;
    struct video_decoder *eyes[RIG_SEATS];
    struct audio_decoder *ears[RIG_SEATS];
    struct render_failed failed;  /* the last one */
    struct render_stats stats;    /* the last one */
    int failures;
    int64_t wants[64];            /* takes that it asked for */
    int want_count;
    int missing;                  /* what it said of that last; -1: nothing */
    struct rig_shot shot;
};
void rig_start(struct rig *r);
void rig_stage(struct rig *r);
/* What time it is in there. */
int64_t rig_now_us(void);
/* Closes the control socket and expects a clean end. */
void rig_stop(struct rig *r);
void rig_open(struct rig *r, uint32_t seat, bool field_rate);
/* clean_reel: the tape's video also as a clean reel. */
void rig_insert(struct rig *r, uint32_t seat, const struct rig_tape *t, bool clean_reel, bool field_rate);
/* What plays where on it; and, when it asks for that take, t as its reels (NULL: it is missing). */
void rig_spans(struct rig *r, uint32_t seat, const struct render_span *spans, uint32_t count, uint64_t revision);
void rig_take(struct rig *r, uint32_t seat, int64_t take, const struct rig_tape *t);
void rig_deck(struct rig *r, uint32_t seat, const struct deck_snapshot *snap);
void rig_send(struct rig *r, const void *msg, size_t len);
/* The next packet of any kind. */
struct rig_shot *rig_any(struct rig *r);
/* The next packet of that track (any seat when seat is 0); the others are looked at too, and lost. Decodes all video: a stream with a bad seam fails. */
struct rig_shot *rig_next(struct rig *r, uint32_t seat, enum packet_track track);
/* Waits for RENDER_FAILED. */
void rig_wait_failed(struct rig *r);
/* A deck in that mode at place_us now. */
struct deck_snapshot rig_snap(enum deck_mode mode, double rate, int64_t place_us, uint32_t seq, const char *look);

/* A seat alone, in virtual time: the test calls its seat_run and reads the ring. */
struct rig_seat {
    struct ring *reader;
    int ring_fd;
    struct out out;
    struct seat *seat;
    struct seat_counts counts;
};
/* With those reels of t in it that in->has names. */
void rig_seat_open(struct rig_seat *s, size_t ring_bytes, const struct render_open *open, const struct render_tape *in, const struct rig_tape *t, const struct deck_snapshot *snap);
void rig_seat_close(struct rig_seat *s);
