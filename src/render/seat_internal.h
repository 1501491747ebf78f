/* render/seat_internal.h - a seat's inside, shared by seat.c (clocks, tape), seat_video.c, seat_replay.c and seat_sound.c. */
#pragma once
#include "media/encode.h"
#include "render/grid.h"
#include "render/pieces.h"
#include "render/recordings.h"
#include "render/screen.h"
#include "render/seat.h"
#include "render/tune.h"
#include "signal/signal.h"

struct seat {
    uint32_t id;                         /* set by open, then read-only */
    /* what vcrd said last */
    struct deck_snapshot snap;
    uint32_t bitrate_bps;                /* of what is encoded, by the two below */
    uint32_t open_bps, line_bps;         /* the house's; what the viewers' lines carry, 0: anything */
    bool home_pal, home_field_rate;      /* raster while no tape is in */
    bool pal, field_rate;                /* raster now */
    int shed;
    /* the tape */
    uint32_t tape;                       /* which insertion it is */
    struct recordings *recordings;       /* NULL: none is in */
    uint64_t spans;                      /* revision of what is known of it; 0: nothing */
    struct pieces *pieces;               /* made segments of it; NULL: there are none to be had */
    struct fit_shape shape;              /* of its pictures: the film's, else the raster's */
    bool missing, missing_told;          /* a recording is at the head whose reels are not there */
    unsigned bad_places;                 /* damaged pictures one after another */
    bool broken;                         /* the film was given up */
    /* the clocks: tick n of pictures is due at origin_us + n * period; audio likewise, 20 ms */
    int64_t origin_us, tick;
    int64_t sound_origin_us, sound_tick;
    int prepare_next;                    /* enum prepare: what is still to be made ready before the next picture */
    /* pictures */
    struct screen *screen;               /* NULL: the raster changed, open anew */
    struct video_encoder *encoder;       /* NULL: open before the next live picture */
    bool encoder_clean;                  /* it was opened for the clean look */
    int spread_in;                       /* pictures until its one key frame out of turn; 0: it has come */
    bool key_wanted, discontinuity;
    bool encode_all;                     /* it is recorded */
    bool passing;                        /* the last picture came from a reel */
    const struct reel *passed;           /* the reel it came from, for comparing only; NULL again whenever another may be opened in its place */
    uint32_t pass_next;                  /* sample to pass next */
    bool replaying;                      /* the last picture came from a made segment */
    int64_t replayed_us;                 /* for how long: since then nothing else was drawn; 0: not yet */
    bool resting;                        /* what drawing needs was given back */
    int64_t last_pts_us;                 /* of a picture that left; pts never go back */
    struct grid_walk walk;               /* along the tape's pictures in PLAY (grid.h) */
    int64_t flash_us, flashed_at_us;     /* the flash limiter's time since it began anew, and the display's when it was told */
    bool flash_begins;                   /* it does with this picture, or would have with one that was left out */
    bool flash_same;                     /* since then it has seen what that of the made segment has */
    /* sound */
    struct audio_encoder *sound_encoder;
    struct signal_audio *sound;          /* NULL: open before it is needed */
    bool sound_pal;                      /* what it was opened for */
    uint8_t sound_speed;
    char sound_look[DECK_LOOK_BYTES];
    bool sound_discontinuity;
    int64_t sound_n;                     /* frame of 20 ms of the tape in PLAY that was heard last; -1: none */
    int sound_run;                       /* how many were heard one after another */
    struct pieces *sound_pieces;         /* as pieces */
    bool sound_replaying;                /* the last one came from a made segment */
    unsigned sound_replayed;             /* how many did, one after another */
};

/* What a first picture needs, one thing at a time, so that the pictures of other seats go out between them. */
enum prepare { PREPARE_SCREEN, PREPARE_ENCODER, PREPARE_FILM, PREPARED };

/* What lies at a place, and the deck's state with that recording's damage and speed. */
void seat_look(struct seat *s, int64_t tape_us, struct recording *ret, struct deck_snapshot *ret_snap);

struct seat_rate { int num, den; };
/* Pictures a second, without and with what overload takes away. */
struct seat_rate seat_rate(const struct seat *s);
int64_t seat_tick_us(const struct seat *s, int64_t tick);
int64_t seat_period_us(const struct seat *s);
void seat_send(struct seat *s, struct packet *p, struct out *out);
enum vcr_err seat_ready_screen(struct seat *s, struct vcr_why *why);
/* Of made pictures none is left out: those whose time has passed come together with the one whose time it is, as many as a segment has (what is more is a jump). n after before, of the grid. */
bool seat_follows_made(const struct seat *s, int64_t n, int64_t before);
/* How many pictures of the grid a made segment has. */
int64_t seat_segment_pictures(const struct seat *s);
/* True when this tick's picture, n of the grid, came from a made segment: one after another from a key frame on, each at its tick. What was drawn before and what is drawn after are
 * the same pictures, so that nothing but the encoding changes. The first one is the segment's, or the limiter of flashes has seen all that come before it. */
bool seat_replay(struct seat *s, const struct recording *at, const struct deck_snapshot *snap, int64_t n, int64_t before, int64_t at_us, struct out *out);

/* Does the next of enum prepare for a picture at at_us. */
enum vcr_err seat_video_prepare(struct seat *s, int64_t at_us, struct vcr_why *why);
enum vcr_err seat_video_tick(struct seat *s, int64_t at_us, struct out *out, struct seat_counts *counts, struct vcr_why *why);
enum vcr_err seat_sound_tick(struct seat *s, int64_t at_us, struct out *out, struct vcr_why *why);
enum { SEAT_SOUND_HEARD = 50 /* frames of 20 ms: what has a memory of sound has forgotten what was before, as make_sound.c has it */ };
/* What made segments of the tape are called. */
void seat_piece_name(const struct seat *s, const struct deck_snapshot *snap, enum render_piece_kind kind, struct render_piece *ret);
