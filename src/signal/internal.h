/* signal/internal.h - shared inside src/signal: the state of one deck's picture and the schedule of a field.
 *
 * Luma and chroma lines are int16 with 6 fractional bits (LINE_SHIFT) around black or grey. A product is (a * b) >> 16 everywhere, which is one
 * instruction of every vector unit; the halved or doubled scales in the comments below come from that. */
#pragma once
#include <stddef.h>

#include "base/util.h"
#include "signal/kernels.h"
#include "signal/signal.h"

enum {
    SIGNAL_WIDTH_MAX = 1920,
    SIGNAL_HEIGHT_MAX = 1152,
    LINE_SAMPLES = SIGNAL_WIDTH_MAX + 2 * LINE_PAD,
    NOISE_SAMPLES = 1 << 16,
    NOISE_RMS = 4096,
    SNOW_SAMPLES = 1 << 15,
    WHITE_LEAD = 128, /* samples that the noise filters take to settle, and their reach */
    DROPOUTS_MAX = 256,
    FIELD_LINES_MAX = SIGNAL_HEIGHT_MAX / 2,
    BLANK_ROWS = 24, /* raster lines of black between two pictures while the picture rolls */
};

/* What a dropout does to the raster: from x on, length samples, wrapping into the following lines of the field. */
struct dropout {
    int line, x, length; /* field line; luma samples */
    int band;            /* it shows where this track shows */
    uint32_t shape;
};

/* The luma filter of a tape speed: narrow ones have more taps, the narrowest ones go over the line twice. */
struct luma_filter {
    int16_t taps[CHROMA_HALF + 1]; /* [0] is half the centre tap; Q16 */
    int half, times;               /* LUMA_HALF or CHROMA_HALF */
};

/* One field line as the schedule leaves it: both raster lines of the pair are drawn from it. */
struct line_plan {
    int32_t shift_q8;      /* displacement to the left in 1/256 luma sample */
    int16_t noise_gain;    /* of the luma noise table, Q16 */
    int16_t chroma_noise;  /* the same for chroma */
    int16_t snow_q8;       /* 0 picture .. 256 snow: the demodulator below its threshold */
    int16_t colour_q8;     /* 256 full .. 0 killed */
    int16_t band;          /* which source */
    int16_t over_q16;      /* of the wave of a colour that was recorded over */
};

struct signal {
    /* set by open (k by signal_set_isa), then read-only */
    enum signal_standard standard;
    int width, height, lines; /* lines: of a field, the upper one where they differ */
    uint64_t seed;
    struct signal_kernels k;
    int16_t cubic[256][4];            /* Q15 */
    int16_t sine[1024];               /* Q14, one turn */
    int16_t wave[SIGNAL_WIDTH_MAX + LINE_ROUND]; /* Q14, of wave_period samples; read over a line of colour from anywhere in the first period */
    int wave_period;
    uint8_t snow[SNOW_SAMPLES + SIGNAL_WIDTH_MAX];
    uint8_t black[SIGNAL_WIDTH_MAX];
    int16_t torn[SNOW_SAMPLES + SIGNAL_WIDTH_MAX]; /* how the edge of snow wanders along a line */
    float white[WHITE_LEAD + NOISE_SAMPLES + SIGNAL_WIDTH_MAX + WHITE_LEAD], fm[WHITE_LEAD + NOISE_SAMPLES + SIGNAL_WIDTH_MAX + WHITE_LEAD];
    /* set by set_profile */
    struct signal_profile profile;
    struct luma_filter luma[3];         /* by tape speed */
    int16_t chroma_fir[CHROMA_HALF + 1];
    struct signal_emphasis emphasis;
    int32_t luma_noise_gain, chroma_noise_gain; /* Q16 */
    int16_t peaking_q15, peaking_times;         /* the product is the gain */
    int16_t streak_am_q13, streak_pm_q13; /* of the table of colour noise, for changes of length and angle in Q15 */
    int16_t crosstalk_q16;
    int32_t phase_quarters, phase_sin_q15, phase_less_q15; /* of the static phase error: right angles, and of the rest its sine and its cosine less one */
    int16_t luma_noise[NOISE_SAMPLES + SIGNAL_WIDTH_MAX];
    int16_t chroma_noise[NOISE_SAMPLES + SIGNAL_WIDTH_MAX];
    /* a call's own */
    struct line_plan plan[FIELD_LINES_MAX], before_switch; /* before_switch: of switch_line, to the left of switch_x; the plan is what comes after */
    int64_t moved; /* what moves besides the tape goes by this count of fields */
    int switch_line, switch_x; /* where the heads change; line -1: not in the middle of one */
    struct dropout dropout[DROPOUTS_MAX];
    int dropouts;
    uint64_t over_track;
    uint32_t over_phase, over_line_turn; /* of the wave, in turns of 2^32: in the first line, and by how much it goes on in each */
    int roll_rows; /* raster lines that the picture has rolled up */
    int comb_share;
    _Alignas(64) int16_t line[2][LINE_SAMPLES]; /* vectors of them should not straddle cache lines */
    int16_t scratch[CLIP_SCRATCH][LINE_SAMPLES];
    int16_t beside[2][LINE_SAMPLES]; /* colour of the neighbouring track, and what is left of that which was recorded over */
    uint8_t switched[SIGNAL_WIDTH_MAX + 2]; /* the line as the head before would go on */
    int16_t chroma[2][2][LINE_SAMPLES], above[2][2][LINE_SAMPLES]; /* of each parity, where colour has lines of both */
};

/* tables.c */
void tables_open(struct signal *s);
void tables_profile(struct signal *s);

/* schedule.c */
/* The tape's field number at a place. */
int64_t signal_track(const struct signal *s, int64_t tape_us);
void schedule_field(struct signal *s, const struct signal_field *f);
/* First raster line below the head switch. */
int schedule_switch_row(const struct signal *s);
/* Damage of one track, the same list for picture and sound; returns how many. A flaw begins on some track and reaches over up to four; it crosses them at a slant,
 * 1.5 lines a track. */
struct dropout_list {
    enum signal_standard standard;
    uint64_t seed;
    int32_t per_minute;
    int lines, width; /* of a field's raster */
};
int schedule_dropouts(const struct dropout_list *of, int64_t track, int band, int wear_16, struct dropout *to, int max);
/* Speed error of the capstan at a place, parts per million: the only one, for picture and sound. phase_turns gets nothing from a clock. */
enum { CAPSTAN_PARTS = 3 };
struct capstan_part {
    double hz, share; /* share of the peak */
};
extern const struct capstan_part capstan_part[CAPSTAN_PARTS];
/* Its weighted rms (IEC 386) at the profile's tape speed, to three digits behind the point. */
double signal_capstan_wrms_percent(const struct signal_profile *p);
/* Its peak at a tape speed: the slower the tape, the more of it is error. */
int32_t capstan_peak_ppm(const struct signal_profile *p, uint8_t tape_speed);
uint32_t capstan_phase(uint64_t seed, int part, int64_t tape_us); /* 2^32 is one turn */

/* tracks.c */
enum { TRACK_PITCH = 65536 };
/* Cue and review: faster than play, or backwards. */
bool tracks_searched(const struct signal_field *f);
/* Where the head is at a line of the field, 0: in the middle of its own track; and how many pitches (of TRACK_PITCH) it crosses down to the bottom. */
int64_t tracks_at(const struct signal *s, const struct signal_field *f, int line);
int64_t tracks_crossed(const struct signal_field *f);
/* How many own tracks on it is than at `top`, at most SIGNAL_BANDS_MAX - 1. */
int tracks_band(int64_t at, int64_t top);
/* By how much later lines begin where the field's head comes to its next own track; up to half a line the one way or the other. adrift: what the television's oscillator did by itself
 * while there was no sync, -1023..1023, by chance. */
int32_t tracks_step_ns(const struct signal *s, const struct signal_field *f, int32_t adrift);
/* Of the look's heads, in the same unit, at a tape speed. */
int32_t tracks_head_width(enum signal_standard standard, const struct signal_profile *p, uint8_t tape_speed);
/* Overlap of a head, at this place, and the nearest track of its own; 256: as much as there can be. */
int tracks_overlap_q8(int32_t head_width, int64_t at);
/* What is left of it on a tape so worn, and of its colour; 256 worn_q8: as worn as a whole tape can be, in some places it is more. */
int tracks_worn_q8(int level_q8, int worn_q8);
int tracks_worn_colour_q8(int worn_q8);

/* splitmix64's finaliser: the only source of chance. */
static inline uint64_t mix64(uint64_t z)
{
    z += 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}
/* Layers keep the streams apart. */
enum signal_layer { LAYER_NOISE = 1, LAYER_CHROMA, LAYER_JITTER, LAYER_DROPOUT, LAYER_DRUM, LAYER_SNOW, LAYER_LOCK, LAYER_STILL, LAYER_HISS, LAYER_CAPSTAN, LAYER_BAR,
    LAYER_STREAK, LAYER_HIFI, LAYER_POP, LAYER_PASS, LAYER_FIELD, LAYER_SWITCH, LAYER_OVER, LAYER_WEAR };
static inline uint64_t chance(uint64_t seed, enum signal_layer layer, uint64_t a, uint64_t b)
{
    return mix64(seed ^ mix64((uint64_t)layer << 56 ^ mix64(a) ^ b * 0xD1342543DE82EF95ull));
}

/* font.c: rows of 12 dots, bit 11 is the left one. NULL for what has no glyph. */
enum { FONT_ROWS = 18 };
const uint16_t *font_glyph(unsigned char c);
