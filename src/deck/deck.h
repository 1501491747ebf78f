/* deck/deck.h - the mechanics of a VCR as a pure state machine.
 *
 * Give it commands and the time; it says what the machine does. It reads no clock, opens nothing, starts no thread and allocates nothing, so a test
 * can run an hour of tape in a millisecond.
 * Units    *_us: microseconds. now_us has any epoch and never goes back. Position: PLAY time from the start of the tape.
 * Use      deck_command on a key press, deck_tick whenever deck_next_us is due (events: end of tape, threading done, lock, time-outs, queued keys);
 *          after either, deck_snapshot when the sequence number changed.
 * Threads  none; a struct deck belongs to one thread at a time.     Owns  nothing; the caller provides the storage.
 * Errors   what the present mode does not allow: VCR_E_CONFLICT with a slug of deck.md ("/no-tape", "/not-in-this-mode", …), nothing changed.
 *          An argument out of range: VCR_E_INVALID. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"
#include "deck/snapshot.h"

enum deck_cmd {
    DECK_CMD_POWER, DECK_CMD_INSERT, DECK_CMD_EJECT, DECK_CMD_PLAY, DECK_CMD_PAUSE, DECK_CMD_STOP, DECK_CMD_REWIND, DECK_CMD_FAST_FORWARD,
    DECK_CMD_CUE, DECK_CMD_REVIEW, DECK_CMD_RELEASE, DECK_CMD_SLOW, DECK_CMD_FRAME_ADVANCE, DECK_CMD_FRAME_BACK, DECK_CMD_SEEK,
    DECK_CMD_COUNTER_RESET, DECK_CMD_MEMORY, DECK_CMD_REPEAT, DECK_CMD_TRACKING, DECK_CMD_TAPE_SPEED, DECK_CMD_LOOK, DECK_CMD_SLEEP,
    DECK_CMD_INDEX_NEXT, DECK_CMD_INDEX_PREVIOUS, DECK_CMD_MARK_INDEX, DECK_CMD_RECORD, DECK_CMDS
};
const char *deck_cmd_name(enum deck_cmd c); /* api.md's names */
bool deck_cmd_by_name(const char *name, enum deck_cmd *ret);

/* What a command may carry; unused members are zero. */
struct deck_args {
    int8_t on;            /* power, memory, repeat: 1, 0, or -1: toggle */
    bool hold;            /* cue, review */
    int32_t speed;        /* slow: 16.16 */
    int64_t position_us;  /* seek */
    int16_t tracking;     /* -10..10, INT16_MIN: auto */
    uint8_t tape_speed;   /* 0 SP, 1 LP, 2 EP */
    int32_t minutes;      /* sleep */
    int32_t count;        /* index_*: 1.. */
    bool clean;           /* look */
    char look[DECK_LOOK_BYTES]; /* look: profile name */
    struct deck_tape {    /* insert */
        int64_t length_us, position_us, frame_us; /* frame_us: duration of one frame, for stepping and for the pause */
        uint64_t seed;
        int32_t wear_16;
        uint8_t tape_speed;
        bool write_protected, blank;
    } tape;
};

/* Timings of the mechanism, research/product-hardware.md section 4.1. */
struct deck_profile {
    int64_t load_us, eject_us, thread_us /* stop to picture */, lock_us /* picture to servo lock */, brake_us, wind_ramp_us;
    int64_t wind_full_us;        /* a whole T-120 (2 h) end to end, winding "real" */
    int64_t wind_full_fast_us;   /* the same, winding "fast" */
    int32_t cue_rate, review_rate; /* 16.16 */
    int64_t still_timeout_us, stop_unthread_us, osd_us /* 4 s */;
};
extern const struct deck_profile deck_profile_consumer;

struct deck_settings {
    bool winding_real, auto_rewind, autoplay;
};

/* Public so that callers own the storage; change it only through the functions. */
struct deck {
    const struct deck_profile *profile;
    struct deck_settings settings;
    struct deck_snapshot snap;   /* the present motion */
    struct deck_tape tape;
    bool tape_in, power, memory, repeat, threaded, held;
    uint8_t return_mode;         /* after hold: where release goes */
    int8_t direction;            /* of a wind: -1 or 1 */
    int32_t slow_rate;           /* 16.16, of slow */
    int64_t target_us;           /* where a wind or a step ends */
    uint8_t pending;             /* enum deck_cmd + 1, 0: none */
    int64_t pending_position_us; /* of a pending seek */
    int64_t event_us;            /* next mechanical event, INT64_MAX: none */
    uint8_t event;               /* deck.c's own */
    int64_t timeout_us;          /* still time-out and the like, INT64_MAX: none */
    int64_t sleep_us;            /* INT64_MAX: off */
    bool head_protection;        /* stopped because the tape stood still at the turning heads too long */
    const char *stop_reason;     /* why it last stopped by itself, NULL: by a key; static storage */
};

void deck_init(struct deck *d, const struct deck_profile *profile, const struct deck_settings *settings, int64_t now_us);
/* args may be NULL where a command needs none. Advances to now_us first. */
enum vcr_err deck_command(struct deck *d, enum deck_cmd cmd, const struct deck_args *args, int64_t now_us, struct vcr_why *why);
/* Runs every event due by now_us, in order. Returns true when something changed (seq grew). */
bool deck_tick(struct deck *d, int64_t now_us);
/* A stopping rule of the house (not a key): a moving or still deck stops where it is; `reason` (static storage) becomes stop_reason. False: it was at rest. */
bool deck_rule_stop(struct deck *d, const char *reason, int64_t now_us);
/* When deck_tick is next needed, INT64_MAX: never. */
int64_t deck_next_us(const struct deck *d);
int64_t deck_position_us(const struct deck *d, int64_t now_us); /* clamped to the tape; changes nothing */
int64_t deck_counter_us(const struct deck *d, int64_t now_us);
/* The state that clients see, by value; names as in api.md. */
struct deck_state {
    enum deck_mode mode;
    enum deck_picture picture;
    enum deck_sound sound;
    enum deck_servo servo;
    bool power, tape_in, memory, repeat;
    double speed;                /* signed, actual, times play speed */
    int64_t position_us, counter_us, remaining_us;
    int16_t tracking;
    uint8_t tape_speed;
    bool clean;
    char look[DECK_LOOK_BYTES];  /* profile name, also kept while clean */
    const char *pending;         /* command name or NULL; static storage */
    const char *stop_reason;     /* or NULL; static storage */
    bool flag_end_of_tape, flag_start_of_tape, flag_head_protection, flag_tab, flag_blank;
    uint32_t command_seq;
    int osd_lines;               /* what the display shows now, without the generator's glyphs; 0 when it is dark */
    char osd[DECK_OSD_LINES][DECK_OSD_CHARS + 1];
};
void deck_state(const struct deck *d, int64_t now_us, struct deck_state *ret);
