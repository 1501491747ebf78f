/* signal/internal.h - shared inside src/signal: the state of one deck's picture, the line kernels and the schedule of a field.
 *
 * Luma and chroma lines are int16 with 6 fractional bits (LINE_SHIFT) around black or grey. A product is (a * b) >> 16 everywhere, which is one
 * instruction of every vector unit; the halved or doubled scales in the comments below come from that. */
#pragma once
#include <stddef.h>

#include "base/util.h"
#include "signal/signal.h"

enum {
    SIGNAL_WIDTH_MAX = 1920,
    SIGNAL_HEIGHT_MAX = 1152,
    LINE_SHIFT = 6,
    LINE_PAD = 256, /* samples on each side of a line: the most that a line can be displaced, and some */
    LINE_SAMPLES = SIGNAL_WIDTH_MAX + 2 * LINE_PAD,
    EDGE = 16,      /* of the padding: copies of the line's ends, so that filters do not see the blanking */
    LUMA_HALF = 8,  /* taps on each side */
    CHROMA_HALF = 12,
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

/* One field line as the schedule leaves it: both raster lines of the pair are drawn from it. */
struct line_plan {
    int32_t shift_q8;      /* displacement to the left in 1/256 luma sample */
    int16_t noise_gain;    /* of the luma noise table, Q16 */
    int16_t chroma_noise;  /* the same for chroma */
    int16_t snow_q8;       /* 0 picture .. 256 snow: the demodulator below its threshold */
    int16_t colour_q8;     /* 256 full .. 0 killed */
    int16_t band;          /* which source */
    int16_t turn_q15, grow_q15; /* of the colour vector: sine of the phase error, and what the length changes by */
};

struct signal {
    /* set by open, then read-only */
    enum signal_standard standard;
    int width, height;
    uint64_t seed;
    int16_t cubic[256][4];            /* Q15 */
    int16_t sine[1024];               /* Q14, one turn */
    uint8_t snow[SNOW_SAMPLES + SIGNAL_WIDTH_MAX];
    uint8_t black[SIGNAL_WIDTH_MAX];
    int16_t torn[SNOW_SAMPLES + SIGNAL_WIDTH_MAX]; /* how the edge of snow wanders along a line */
    float white[WHITE_LEAD + NOISE_SAMPLES + SIGNAL_WIDTH_MAX + WHITE_LEAD], fm[WHITE_LEAD + NOISE_SAMPLES + SIGNAL_WIDTH_MAX + WHITE_LEAD];
    /* set by set_profile */
    struct signal_profile profile;
    int16_t luma_fir[3][LUMA_HALF + 1]; /* by tape speed; [0] is half the centre tap; Q16 */
    int16_t chroma_fir[CHROMA_HALF + 1];
    int32_t luma_noise_gain, chroma_noise_gain, peaking_q15, streak_am_q15; /* Q16, Q16 */
    int16_t luma_noise[NOISE_SAMPLES + SIGNAL_WIDTH_MAX];
    int16_t chroma_noise[NOISE_SAMPLES + SIGNAL_WIDTH_MAX];
    /* a call's own */
    struct line_plan plan[FIELD_LINES_MAX];
    struct dropout dropout[DROPOUTS_MAX];
    int dropouts;
    int roll_rows; /* raster lines that the picture has rolled up */
    int16_t line[2][LINE_SAMPLES], chroma[2][2][LINE_SAMPLES], above[2][LINE_SAMPLES];
};

/* tables.c */
void tables_open(struct signal *s);
void tables_profile(struct signal *s);

/* schedule.c */
/* The tape's field number at a place. */
int64_t signal_track(const struct signal *s, int64_t tape_us);
int64_t signal_field_us(const struct signal *s);
void schedule_field(struct signal *s, const struct signal_field *f);
/* First raster line below the head switch. */
int schedule_switch_row(const struct signal *s);
/* Speed error of the capstan at a place, parts per million: the only one, for picture and sound. phase_turns gets nothing from a clock. */
enum { CAPSTAN_PARTS = 3 };
struct capstan_part {
    double hz, share; /* share of the peak */
};
extern const struct capstan_part capstan_part[CAPSTAN_PARTS];
/* Its peak at a tape speed: the slower the tape, the more of it is error. */
int32_t capstan_peak_ppm(const struct signal_profile *p, uint8_t tape_speed);
uint32_t capstan_phase(uint64_t seed, int part, int64_t tape_us); /* 2^32 is one turn */

/* splitmix64's finaliser: the only source of chance. */
static inline uint64_t mix64(uint64_t z)
{
    z += 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}
/* Layers keep the streams apart. */
enum signal_layer { LAYER_NOISE = 1, LAYER_CHROMA, LAYER_JITTER, LAYER_DROPOUT, LAYER_DRUM, LAYER_SNOW, LAYER_LOCK, LAYER_STILL, LAYER_HISS, LAYER_CAPSTAN, LAYER_BAR, LAYER_STREAK };
static inline uint64_t chance(uint64_t seed, enum signal_layer layer, uint64_t a, uint64_t b)
{
    return mix64(seed ^ mix64((uint64_t)layer << 56 ^ mix64(a) ^ b * 0xD1342543DE82EF95ull));
}

/* kernels.c */
void line_widen(const uint8_t *restrict from, int16_t *restrict to, int n, int zero);
void line_narrow(const int16_t *restrict from, uint8_t *restrict to, int n, int zero);
void line_fir(const int16_t *restrict from, int16_t *restrict to, int n, const int16_t *restrict k, int half);
void line_noise(int16_t *restrict line, const int16_t *restrict noise, int n, int16_t gain);
void line_peak(const int16_t *restrict from, int16_t *restrict to, int n, int16_t gain_q15);
void line_shift(const int16_t *restrict from, int16_t *restrict to, int n, const int16_t k[4]);
void line_comb(int16_t *restrict line, int16_t *restrict above, int n);
void line_turn(int16_t *restrict u, int16_t *restrict v, int n, int16_t turn_q15, int16_t grow_q15);
void line_scale(int16_t *restrict line, int n, int16_t gain_q8);
void line_snow(int16_t *restrict line, const uint8_t *restrict snow, const int16_t *restrict torn, int n, int16_t amount_q8);
void line_edges(int16_t *line, int n);

/* font.c: 5x7 dots, bit 4 is the left one. NULL for what has no glyph. */
const uint8_t *font_glyph(unsigned char c);
