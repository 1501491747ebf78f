/* deck/deck.h - the mechanics of a VCR as a pure state machine.
 *
 * Give it commands and the time; it says what the machine does. It reads no clock, opens nothing, starts no thread and allocates nothing, so a test
 * can run an hour of tape in a millisecond.
 * Units    *_us: microseconds. now_us has any epoch and never goes back. Position: PLAY time from the start of the tape. Counter: recorded PLAY time, as it
 *          counts control pulses; it stands on blank tape.
 * Use      deck_command on a key press, deck_tick whenever deck_next_us is due (events: end of tape, threading done, lock, time-outs, queued keys, an edge
 *          of a recording at the heads); after either, deck_take_effect until it says false, and deck_snapshot when the sequence number changed.
 * Threads  none; a struct deck belongs to one thread at a time.     Owns  nothing; the caller provides the storage, and owns the map.
 * Errors   what the present mode does not allow: VCR_E_CONFLICT with a slug of deck.md ("/no-tape", "/not-in-this-mode", …), nothing changed, except that a
 *          deck with profile->ejects_tabless puts out the tape that it is asked in stop to record on and must not ("/write-protected").
 *          An argument out of range: VCR_E_INVALID. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"
#include "deck/map.h"
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
    int32_t count;        /* index_*: 1..; 0: 1 */
    bool clean;           /* look */
    char look[DECK_LOOK_BYTES]; /* look: a profile's name, and after ; its amounts: "family;noise.luma_db=40" */
    bool linear;          /* look: its sound is on the linear track alone, not Hi-Fi */
    struct deck_tape {    /* insert */
        int64_t length_us, position_us, frame_us; /* frame_us: duration of one frame, for stepping and for the pause */
        uint64_t seed;
        int32_t wear_16;
        uint8_t tape_speed;
        bool write_protected;
        const struct deck_map *map; /* of its recordings; NULL: wholly recorded at tape_speed, or blank. Stays still until deck_map_changed or the tape is out */
        bool blank;           /* without a map: nothing is recorded */
    } tape;
};

/* A make of deck: its timings (research/product-hardware.md section 4.1) and habits. */
enum { DECK_SEARCH_STEPS = 6 };
struct deck_profile {
    const char *name;
    int64_t load_us, eject_us;
    int64_t thread_us;           /* stop to picture */
    int64_t rethread_us;         /* the same when the tape still is at the heads */
    int64_t unthread_us;         /* from there to a wind */
    int64_t lock_us;             /* picture to servo lock */
    int64_t speed_lock_us;       /* a recording of another speed begins */
    int64_t search_lock_us;      /* play after a search */
    int64_t backspace_us;        /* how long it backs up and runs in before it records on from a pause */
    int64_t brake_us, wind_ramp_us;
    int64_t wind_full_us;        /* a whole T-120 (2 h in SP) end to end, winding "real" */
    int64_t wind_full_fast_us;   /* the same, winding "fast" */
    int32_t search[3][DECK_SEARCH_STEPS]; /* cue and review at SP, LP, EP, times play speed: the first press, the next, …; 0: no faster one */
    int32_t search_sound;        /* up to this many times play speed, forwards and backwards, the linear track is heard in search and slow; 0: muted, as most */
    int64_t still_timeout_us, record_pause_timeout_us, osd_us /* 4 s */;
    int64_t stop_unthread_us;    /* 0: stop unthreads at once */
    int64_t blue_after_us;       /* of blank tape in play: blue instead of snow; 0: never */
    bool full_load;              /* the tape stays at the heads also in stop after loading, and in a wind */
    bool has_index, ejects_tabless, plays_tabless /* a tape without its tab plays as soon as it is loaded */;
};
extern const struct deck_profile deck_profile_consumer;
/* "classic", "full_load", "consumer", "broadcast"; NULL: there is none of that name. */
const struct deck_profile *deck_profile_by_name(const char *name);

struct deck_settings {
    bool winding_real, auto_rewind, autoplay;
    bool auto_eject;             /* after the rewind that followed the end */
    bool snow;                   /* blank tape in play stays snow */
    int64_t clock_us;            /* as in struct deck_snapshot */
};

/* What the caller has to do because of what the deck did; at most one of each kind a key or an event. */
struct deck_effect {
    enum deck_effect_kind {
        DECK_EFFECT_RECORD_BEGIN, /* from this place and moment on the input is recorded, at tape_speed */
        DECK_EFFECT_RECORD_END,   /* up to here; reason: "stop", "pause", "end", "timer", "fault", or the name of a stopping rule */
        DECK_EFFECT_MARK,         /* an index mark was written here */
    } kind;
    int64_t position_us, at_us;
    const char *reason;           /* static storage */
    uint8_t tape_speed;
};
enum { DECK_EFFECTS = 8, DECK_NEW_MARKS = 8 };

/* Public so that callers own the storage; change it only through the functions. */
struct deck {
    const struct deck_profile *profile;
    struct deck_settings settings;
    struct deck_snapshot snap;   /* the present motion */
    struct deck_tape tape;
    bool tape_in, power, memory, repeat, threaded;
    bool linear;                 /* the look's sound has no Hi-Fi track */
    bool input;                  /* in stop the picture is the input's */

    /* keys */
    bool held;
    uint8_t return_mode;         /* after hold: where release goes */
    uint8_t after_peek;          /* what was pending when a wind was peeked into */
    uint8_t search_step;         /* of profile->search */
    uint8_t record_speed;        /* the switch; also what plays without a map */
    int32_t slow_rate;           /* 16.16, of slow */
    uint8_t pending;             /* enum deck_cmd + 1, 0: none */
    int64_t pending_position_us; /* of a pending seek */

    /* the mechanism */
    int8_t direction;            /* of a wind: -1 or 1 */
    int64_t target_us;           /* where a wind or a step ends */
    int32_t index_count;         /* marks to go from index_from_us, < 0: backwards */
    int64_t index_from_us;
    bool index_found;            /* else the wind goes to the end of the tape */
    uint8_t event;               /* motion.h: next mechanical event */
    int64_t event_us;            /* INT64_MAX: none; likewise below */
    int64_t edge_us;             /* the next stretch of tape reaches the heads */
    int64_t blue_us;             /* snow has lasted long enough */
    int64_t count_us;            /* the display's counter in a wind is out of date */
    int64_t timeout_us;          /* still time-out and the like */
    int64_t sleep_us, timer_us;  /* timer: of a recording */
    bool sleep_after_record;

    /* the tape */
    struct deck_place place;     /* at the heads, while at_heads */
    bool at_heads;
    int64_t counter_zero_us;     /* what is counted where the counter is 0 */
    int64_t own_from_us, own_to_us; /* recorded since the map was told; to the tape's end while recording */
    uint8_t own_speed;
    int64_t new_marks_us[DECK_NEW_MARKS]; /* written since the map was told, in order */
    uint8_t new_mark_count;

    bool recording, mark_due;    /* between RECORD_BEGIN and RECORD_END; the next begin writes a mark */
    struct deck_effect effects[DECK_EFFECTS];
    uint8_t effect_first, effect_count;

    uint8_t fault_mode, fault_pending; /* where recovery goes */
    bool head_protection;        /* stopped because the tape stood still at the turning heads too long */
    bool tab_refused;            /* the display says so */
    bool sleep_shown, tracking_shown; /* the key that was pressed last: the display says what it did */
    int32_t sleep_minutes;       /* as set */
    const char *stop_reason;     /* why it last stopped by itself, NULL: by a key; static storage */
};

void deck_init(struct deck *d, const struct deck_profile *profile, const struct deck_settings *settings, int64_t now_us);
/* args may be NULL where a command needs none. Advances to now_us first. */
enum vcr_err deck_command(struct deck *d, enum deck_cmd cmd, const struct deck_args *args, int64_t now_us, struct vcr_why *why);
/* Runs every event due by now_us, in order. Returns true when something changed (seq grew). */
bool deck_tick(struct deck *d, int64_t now_us);
/* The next thing the caller has to do, false: none. Take them all after every call that may change the deck; of more than DECK_EFFECTS the oldest are lost. */
bool deck_take_effect(struct deck *d, struct deck_effect *ret);
/* The recordings of the tape inside changed: map (NULL as in deck_tape) and its arrays are read from now on, what the deck itself remembered of recordings made
 * since the last one is forgotten, except the one under way. The counter shows what it showed. No tape in: nothing happens. */
void deck_map_changed(struct deck *d, const struct deck_map *map, int64_t now_us);
/* An input is chosen or not: its picture is shown in stop (EE), as it always is while recording. */
void deck_input(struct deck *d, bool on, int64_t now_us);
/* The machine behind the deck is lost (reason: static storage, becomes stop_reason): a recording ends, all else waits in mode "fault" where it is. False: off, or
 * in fault already. */
bool deck_fault(struct deck *d, const char *reason, int64_t now_us);
/* It is back: the deck goes on with what it did, from the same place; after a recording it stands in stop. False: there was no fault. */
bool deck_recover(struct deck *d, int64_t now_us);
/* A stopping rule of the house (not a key): a moving, still or recording deck stops where it is; `reason` (static storage) becomes stop_reason. False: it was at
 * rest. */
bool deck_rule_stop(struct deck *d, const char *reason, int64_t now_us);
/* When deck_tick is next needed, INT64_MAX: never. */
int64_t deck_next_us(const struct deck *d);
int64_t deck_position_us(const struct deck *d, int64_t now_us); /* clamped to the tape; changes nothing */
int64_t deck_counter_us(const struct deck *d, int64_t now_us);
/* Is the deck between record and the stop that ends it, paused or not? (A recording needs its tape alone, and goes on when nobody watches.) */
static inline bool deck_is_recording(const struct deck *d) { return d->snap.mode == DECK_RECORD || d->snap.mode == DECK_RECORD_PAUSE; }
/* The state that clients see, by value; names as in api.md. */
struct deck_state {
    enum deck_mode mode;
    enum deck_picture picture;
    enum deck_sound sound;
    enum deck_servo servo;
    bool power, tape_in, memory, repeat;
    bool recording;              /* the input goes onto the tape at this moment */
    double speed;                /* signed, actual, times play speed */
    int64_t position_us, counter_us, remaining_us;
    int16_t tracking;
    uint8_t tape_speed;
    bool clean;
    char look[DECK_LOOK_BYTES];  /* as in deck_args, also kept while clean */
    const char *pending;         /* command name or NULL; static storage */
    const char *stop_reason;     /* or NULL; static storage */
    bool flag_end_of_tape, flag_start_of_tape, flag_head_protection, flag_tab;
    bool flag_blank;             /* at the heads, or with the heads away at this place, nothing is recorded */
    bool flag_missing;           /* recorded, but its film cannot be read */
    uint32_t command_seq;
    int osd_lines;               /* what the display shows now, without the generator's glyphs; 0 when it is dark */
    char osd[DECK_OSD_LINES][DECK_OSD_CHARS + 1];
};
void deck_state(const struct deck *d, int64_t now_us, struct deck_state *ret);
