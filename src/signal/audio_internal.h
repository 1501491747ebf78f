/* signal/audio_internal.h - the inside of the tape's sound, shared by audio.c (the door, the passes), audio_linear.c and audio_hifi.c.
 *
 * Samples are doubles in int16 codes. Arithmetic: additions, multiplications and divisions in a fixed order, no library functions but floor, so that every machine makes the
 * same bytes. Work goes by pieces that never cross a multiple of SOUND_BLOCK samples or the first sample of a field: what changes slowly is computed at those places
 * of the tape, wherever a call began. */
#pragma once
#include "signal/internal.h"

enum {
    SOUND_RATE = 48000,
    SOUND_BLOCK = 32,
    SOUND_PASSES = 6,  /* generation 5 and this one */
    FLUTTER_RING = 4096,
    FLUTTER_TAPS = 12,
    FLUTTER_PHASES = 64,
    FIELD_UNITS_MAX = 4004,
    DETECT_BLOCK = 192, /* 4 ms: the expander's attack */
    POPS_MAX = 64,
    BAD_FIELDS = 64,
    JOINT_SAMPLES = 2400,
};

/* Transposed direct form II. */
struct biquad {
    double b0, b1, b2, a1, a2;
};
struct biquad_state {
    double s1, s2;
};

static inline double biquad_step(const struct biquad *f, struct biquad_state *s, double x)
{
    double y = f->b0 * x + s->s1;
    s->s1 = f->b1 * x - f->a1 * y + s->s2;
    s->s2 = f->b2 * x - f->a2 * y;
    return y;
}

/* What a profile comes to at a tape speed. */
struct sound_amounts {
    enum signal_audio_track track;
    bool band, hiss_band;
    struct biquad high, low[2], hiss_low;
    double hiss;                     /* amplitude of white_at; 0: off */
    double flutter_share[CAPSTAN_PARTS], delay; /* samples; delay 0: off */
    double buzz, click, noise;       /* amplitudes; 0: off */
    int32_t dropout_per_minute;
};

/* A pop: what is left of a dropout behind the demodulator. */
struct pop {
    int64_t at;                      /* sample */
    double size[2];
};

/* One pass of the sound through a deck. */
struct sound_pass {
    uint64_t seed;                   /* of its tape */
    /* linear */
    struct biquad_state high[2], low[2][2], hiss_low[2];
    double ring[2][FLUTTER_RING + FLUTTER_TAPS];
    double delay[2];                 /* at the start of the block and of the next */
    uint32_t turn[CAPSTAN_PARTS];
    /* Hi-Fi: the expander */
    double shelf_x[2], shelf_y[2], sum[2], level[2], gain[2][2];
    /* Hi-Fi: the heads. field: the last one that was looked at */
    int64_t field, last_lost;
    int bad_us[BAD_FIELDS];          /* by field */
    struct pop pop[2 * POPS_MAX];    /* of this field and the one before */
    int pops;
    double linear_from, linear_to;   /* share of the linear track before and from this field on */
};

struct signal_audio {
    /* set by open, then read-only */
    enum signal_standard standard;
    uint64_t seed;
    double kernel[FLUTTER_PHASES + 1][FLUTTER_TAPS];
    double buzz[FIELD_UNITS_MAX];    /* one field, by units */
    double thump[JOINT_SAMPLES];     /* of the linear track, where a recording begins */
    /* set by set_profile and set_tape_speed */
    struct signal_profile profile;
    struct sound_amounts is;
    uint8_t tape_speed;
    int32_t head_width;              /* in 1/TRACK_PITCH of a track */
    /* set by the other setters */
    int32_t tracking_error_q8, wear_16;
    uint64_t pass_seed;
    int passes;
    /* carried from call to call */
    bool running, faded_out;
    int8_t searches;                 /* the last call was of a search: 1 forwards, -1 backwards; 0: not */
    enum signal_audio_track heard;
    int64_t next;                    /* sample after the last one */
    int joint;                       /* samples since a recording began, at most JOINT_SAMPLES */
    int fade;                        /* samples since it was muted, at most FADE */
    struct sound_pass pass[SOUND_PASSES];
};

/* A field is FIELD_UNITS long and a sample SAMPLE_UNITS: 800.8 samples, or 960. */
static inline int field_units(const struct signal_audio *a) { return a->standard == SIGNAL_PAL ? 960 : 4004; }
static inline int sample_units(const struct signal_audio *a) { return a->standard == SIGNAL_PAL ? 1 : 5; }
static inline int64_t floor_by(int64_t n, int64_t by) { return n >= 0 ? n / by : -((by - 1 - n) / by); }
static inline int64_t field_of(const struct signal_audio *a, int64_t n) { return floor_by(n * sample_units(a), field_units(a)); }
/* Of a sample in its field, units. */
static inline int phase_of(const struct signal_audio *a, int64_t n) { return (int)(n * sample_units(a) - field_of(a, n) * field_units(a)); }
static inline int64_t field_start(const struct signal_audio *a, int64_t field)
{
    return floor_by(field * field_units(a) + sample_units(a) - 1, sample_units(a));
}

/* Two values of 16 bits and sign each of 32 bits of chance: rms 26755. */
static inline double triangle(uint32_t h) { return (double)((int32_t)(h & 0xffff) + (int32_t)(h >> 16) - 65535); }
#define TRIANGLE_RMS 26754.7 /* 65536 / sqrt(6) */

/* audio_linear.c */
void linear_amounts(struct signal_audio *a);
void linear_open(struct signal_audio *a);
void linear_begin(const struct signal_audio *a, struct sound_pass *p, int64_t n);
void linear_piece(const struct signal_audio *a, struct sound_pass *p, int64_t n, int count, int channels, double x[2][SOUND_BLOCK]);
double a_weighting_power(double hz);

/* audio_hifi.c */
void hifi_amounts(struct signal_audio *a);
/* Brings the pass to the field of sample n. last: it is this deck's own, whose tracking and wear are known. */
void hifi_begin(const struct signal_audio *a, struct sound_pass *p, int64_t n, bool last);
void hifi_field(const struct signal_audio *a, struct sound_pass *p, int64_t field, bool last);
void hifi_piece(const struct signal_audio *a, struct sound_pass *p, int64_t n, int count, bool last, double x[2][SOUND_BLOCK]);
