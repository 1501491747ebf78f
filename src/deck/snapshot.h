/* deck/snapshot.h - what vcrd tells vcr-render about a deck: one small struct at each change, from which every frame's place on the tape is
 * computed on the common monotonic clock. Plain old data of fixed layout: sent as bytes between our own processes of one build. PURE. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum deck_mode {
    DECK_OFF, DECK_EJECTED, DECK_LOADING, DECK_STOP, DECK_PLAY, DECK_PAUSE, DECK_SLOW, DECK_CUE, DECK_REVIEW, DECK_FAST_FORWARD,
    DECK_REWIND, DECK_INDEX_SEARCH, DECK_RECORD, DECK_RECORD_PAUSE, DECK_EJECTING, DECK_FAULT, DECK_MODES
};
enum deck_picture { DECK_PICTURE_NONE, DECK_PICTURE_TAPE, DECK_PICTURE_BLUE, DECK_PICTURE_SNOW, DECK_PICTURE_INPUT };
enum deck_sound { DECK_SOUND_MUTED, DECK_SOUND_LINEAR, DECK_SOUND_HIFI };
#define DECK_CLOCK_UNSET 0
enum deck_servo { DECK_SERVO_SPINNING_UP, DECK_SERVO_LOCKED, DECK_SERVO_LOST };

/* Where a line of the display lies: mode and counter at the top left, switches and sound at the top right, the message at the bottom left, the clock at the bottom right. */
enum deck_osd_line { DECK_OSD_MODE, DECK_OSD_COUNTER, DECK_OSD_SWITCHES, DECK_OSD_MESSAGE, DECK_OSD_SOUND, DECK_OSD_CLOCK, DECK_OSD_LINES };
enum { DECK_OSD_CHARS = 24, DECK_LOOK_BYTES = 1024 };

/* Position at time t (from since_us on): pos_us, plus rate over the time since, clamped to 0..length_us. Winding has an acceleration: the rate goes linearly
 * from rate_from to rate over ramp_us. Rates are times play speed in 1/65536 (65536: play, -65536 * 7: review at 7 times). */
struct deck_snapshot {
    uint32_t seq;            /* command_seq: grows with every change */
    uint8_t mode;            /* enum deck_mode */
    uint8_t picture, sound;  /* enum deck_picture, deck_sound: what the deck shows from since_us on */
    uint8_t servo;           /* enum deck_servo at since_us */
    int64_t since_us;        /* common monotonic clock */
    int64_t pos_us;          /* tape place at since_us, in play time from the start of the tape */
    int64_t length_us;
    int32_t rate_from, rate; /* 16.16, times play speed */
    int64_t ramp_us;
    int64_t picture_at_us;   /* heads on tape from here: until then `picture` is replaced by blue (spin-up); 0: at once */
    int64_t lock_at_us;      /* servo locked and sound unmuted from here; before, the picture rolls and tears; 0: locked */
    int64_t counter_base_us; /* the counter shows (position - counter_base_us): deck_snapshot_counter_us */
    int64_t count_from_us, count_to_us; /* it counts control pulses: on the blank tape before and behind this stretch it stands */
    int64_t osd_until_us;    /* OSD lines are shown until then; INT64_MAX: always; 0: not */
    uint64_t seed;           /* of the tape */
    int32_t wear_16;         /* 0..16 */
    int16_t tracking;        /* -10..10, or INT16_MIN: automatic */
    uint8_t tape_speed;      /* 0 SP, 1 LP, 2 EP */
    uint8_t clean;           /* 1: look is "clean": no emulation, pass-through where it qualifies */
    char look[DECK_LOOK_BYTES]; /* when not clean: a profile and amounts of it, as signal_look_read takes them */
    /* Character generator rows: ASCII and, in front, the signs 0x01..0x10 (play, pause, stop, …: signal/signal.h draws them). The counter is drawn by the renderer itself
     * where osd_counter_line >= 0, so that it agrees with the frame; so is the clock where osd_clock. */
    char osd[DECK_OSD_LINES][DECK_OSD_CHARS + 1];
    int8_t osd_counter_line;
    uint8_t osd_clock;       /* the line DECK_OSD_CLOCK shows the time of day */
    uint8_t osd_scale;       /* the message is the tracking, drawn as a scale */
    int64_t clock_us;        /* time of day, less the common monotonic clock; DECK_CLOCK_UNSET: nobody has set the clock */
};

/* Where the tape is at now_us: pure integer arithmetic, same in every process. */
int64_t deck_snapshot_position_us(const struct deck_snapshot *s, int64_t now_us);
/* What the counter says then. Exact with the tape at the heads; in a wind over blank tape it is brought up to date while the display shows it. */
int64_t deck_snapshot_counter_us(const struct deck_snapshot *s, int64_t now_us);
/* Rate in 16.16 at now_us; 0 at the ends of the tape. */
int32_t deck_snapshot_rate(const struct deck_snapshot *s, int64_t now_us);
/* Settled PLAY: locked, rate 1, display off, automatic tracking. What the render cache and pass-through may serve. */
bool deck_snapshot_settled(const struct deck_snapshot *s, int64_t now_us);
/* "0:12:34" or "-0:00:05" of a counter value, 9..10 characters. */
void deck_counter_text(int64_t counter_us, char out[16]);
/* "20:15", or "--:--" of a clock that nobody has set. */
void deck_clock_text(const struct deck_snapshot *s, int64_t now_us, char out[16]);
const char *deck_mode_name(enum deck_mode m); /* api.md's names */
