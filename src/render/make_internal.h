/* render/make_internal.h - the making of segments: make.c (the program), make_segment.c (what is written), make_video.c and make_sound.c (what is in it). */
#pragma once
#include <string.h>

#include "base/buf.h"
#include "base/packet.h"
#include "render/make.h"
#include "render/recordings.h"
#include "wire/fmp4.h"

struct segment {
    struct buf data;
    struct fmp4_sample samples[MAKE_COUNT_MAX];
    uint32_t count;
};
enum vcr_err segment_add(struct segment *s, const struct packet *p, uint32_t duration, struct vcr_why *why);

struct make {
    const struct make_job *job;
    const struct make_hooks *hooks;
    int reel_fd, index_fd;     /* taken by whoever opens the reel */
    int part_fds[2 * MAKE_REELS_MAX];
    bool unread;               /* the disk refused bytes of a reel that was opened alone: see reel_unread */
    struct recordings *recordings; /* of a job with parts; NULL: the reel is the tape */
    struct fmp4_track track;   /* of the init segment; filled when job->init */
    uint8_t config[256];       /* behind track.config */
    uint64_t tfdt;             /* of the segment, in track.timescale */
    struct segment segment;
};
static inline bool make_go_on(const struct make *m) { return !m->hooks || m->hooks->go_on(m->hooks->arg); }
static inline bool make_is_clean(const struct make *m) { return strcmp(m->job->look, MAKE_CLEAN) == 0; }
/* From the job's parts. */
enum vcr_err make_open_parts(struct make *m, struct vcr_why *why);
/* For how long the tape has been unrecorded at that place; 0: it is recorded there. */
int64_t make_unrecorded_us(const struct make *m, int64_t tape_us);
enum vcr_err make_tape_video(struct make *m, struct vcr_why *why);
enum vcr_err make_clean_video(struct make *m, struct vcr_why *why);
enum vcr_err make_tape_sound(struct make *m, struct vcr_why *why);
