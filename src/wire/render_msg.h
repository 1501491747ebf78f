/* wire/render_msg.h - what vcrd (session) and vcr-render say to each other over a SOCK_SEQPACKET pair, and the head of a ring record.
 *
 * Both ends are our own processes of one build, so messages are structs sent as bytes; each side still checks size and ranges. Descriptors travel beside a
 * message by SCM_RIGHTS. At start vcr-render inherits: 3 the control socket, 4 the packet ring's memfd (base/ring.h), 5 an eventfd that it writes after ring records. */
#pragma once
#include <stdint.h>

enum { RENDER_FD_CONTROL = 3, RENDER_FD_RING = 4, RENDER_FD_WAKE = 5, RENDER_SEAT_MAX = 320 /* most of them sent from made segments: ten are drawn a core */,
       RENDER_SNAPSHOT_MAX = 2048, RENDER_SPANS_MAX = 16384, RENDER_TAKES_MAX = 8, RENDER_LOOK_BYTES = 32 };

enum render_msg_type {
    /* vcrd -> vcr-render */
    RENDER_OPEN = 1,  /* a session takes a seat: struct render_open */
    RENDER_TAPE,      /* a tape goes in (or out: fds 0): struct render_tape, with its reels as descriptors */
    RENDER_DECK,      /* the deck changed: struct render_deck */
    RENDER_KEY,       /* a viewer needs a key frame soon: seat only */
    RENDER_RATE,      /* value: bit/s that the viewers' lines have for the picture; 0: nothing limits it, as after RENDER_OPEN. What is recorded is not reduced */
    RENDER_CLOSE,     /* seat only */
    RENDER_ENCODE,    /* value 1: its pictures are recorded, so all are encoded, in one form and at the full rate; 0: no more */
    RENDER_SPANS,     /* what plays where on the tape that is in: struct render_spans, its table as a descriptor */
    RENDER_TAKE,      /* the answer to RENDER_WANT: struct render_take, with the take's reels as descriptors */
    RENDER_PIECE,     /* the answer to RENDER_WANT_PIECE: the same struct render_piece, with the segment and its init segment as descriptors when it is there */
    /* vcr-render -> vcrd */
    RENDER_READY,     /* once, after sealing */
    RENDER_FAILED,    /* a seat cannot go on: text */
    RENDER_STATS,     /* once a second: struct render_stats */
    RENDER_WANT,      /* a take's reels are needed soon: struct render_want; at most RENDER_TAKES_MAX of a seat are unanswered */
    RENDER_WANT_PIECE, /* a made segment is needed soon: struct render_piece; at most two of a seat and kind are unanswered */
    RENDER_MISSING,   /* value 1: a recording is at the heads whose reels are not there or cannot be played; 0: no more */
};
struct render_head {
    uint32_t type, seat;
};
struct render_open {
    struct render_head h;
    uint8_t pal;               /* the raster while no tape is in */
    uint8_t field_rate;        /* 1: 59.94/50 pictures a second, 0: 29.97/25 */
    uint8_t pieces;            /* 1: it may ask for made segments */
    uint8_t zero;
    uint32_t bitrate_bps;      /* of video */
};
/* Descriptors in this order, each present when its bit is set: tape video, its index, tape Opus audio, its index, clean video, its index. */
enum { RENDER_HAS_VIDEO = 1, RENDER_HAS_AUDIO = 2, RENDER_HAS_CLEAN = 4 };
struct render_tape {
    struct render_head h;
    uint8_t in;                /* 0: tape out */
    uint8_t has;               /* of its film (take 0); 0: it has none */
    uint8_t pal, field_rate;
    uint32_t tape;             /* which insertion this is: RENDER_SPANS, RENDER_WANT and RENDER_TAKE of another one are out of date */
};
/* Until the first of these comes the film plays from beginning to end. A later one replaces the table; takes that are open stay so. */
struct render_spans {
    struct render_head h;
    uint32_t tape;
    uint32_t count;            /* 0..RENDER_SPANS_MAX; the descriptor (a memfd; none when 0) holds as many of struct render_span, which are copied */
    uint64_t revision;         /* grows with each table of a tape; an older one is left aside */
};
/* In order, none overlapping; what lies between is unrecorded. */
struct render_span {
    int64_t start_us, end_us;  /* on the tape */
    int64_t take, take_start_us;
    uint64_t seed;             /* of the damage */
    uint32_t speed;            /* 0 SP, 1 LP, 2 EP */
    uint32_t is_over;          /* 1: its recording began where another one lay, at over_us of the tape; else 0 */
    int64_t over_us;
};
struct render_want {
    struct render_head h;
    uint32_t tape, zero;
    int64_t take;
};
struct render_take {
    struct render_head h;
    uint32_t tape;
    uint8_t has;               /* as render_tape's; 0: it is missing */
    uint8_t zero[3];
    int64_t take;
};
enum render_has_piece { RENDER_PIECE_NOT_YET, RENDER_PIECE_HERE /* with two descriptors */, RENDER_PIECE_NEVER /* nor any other one of its name */ };
enum render_piece_kind { RENDER_PIECE_VIDEO, RENDER_PIECE_SOUND /* in Opus */ };
/* A made segment of the film's grid (wire/make_msg.h), named by all that what is in it depends on beside the tape's reels. */
struct render_piece {
    struct render_head h;
    uint32_t tape, number;
    uint64_t spans;            /* revision of the table that the seat knows; 0: none */
    uint64_t seed;
    uint8_t pal, field_rate, tape_speed, wear_16;
    uint8_t has;               /* of an answer: enum render_has_piece */
    uint8_t kind;              /* enum render_piece_kind */
    uint8_t zero[2];
    char look[RENDER_LOOK_BYTES];
};
struct render_deck {
    struct render_head h;
    uint32_t len;              /* of snapshot */
    uint8_t snapshot[RENDER_SNAPSHOT_MAX]; /* struct deck_snapshot */
};
struct render_value {
    struct render_head h;
    int64_t value;
};
struct render_failed {
    struct render_head h;
    char text[160];
};
struct render_stats {
    struct render_head h;      /* seat 0: the whole process */
    uint32_t sessions, frames, late_frames; /* in the last second */
    uint32_t busy_permille;
    uint32_t passed_frames;    /* of frames: passed through unencoded */
};
/* Head of a ring record; the packet's bytes follow. */
struct render_packet {
    uint32_t seat;
    uint8_t track, flags;      /* base/packet.h */
    uint16_t zero;
    uint32_t command_seq;
    uint32_t len;
    int64_t pts_us, tape_us;
};
