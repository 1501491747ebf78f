/* signal/signal.h - the tape's picture and sound: what a VHS deck's head amplifier, drum, capstan and television do to a signal.
 *
 * PURE: no I/O, no clock, no allocation after open; integer arithmetic in the picture path, same bytes from every code path. Everything random is a
 * function of (seed, layer, place on the tape), never of call order: a rewind shows the same damage at the same place.
 * Raster   720x480 (NTSC) or 720x576 (PAL), or any from 16x16 to 1920x1152, odd ones, too, in 4:2:0 and 4:2:2: megahertz belong to the line, 720 samples of which
 *          are 13.5 MHz. One call renders one output frame = two fields at field rate halved, or, at field rate, one progressive raster per
 *          field time, whose lines of both parities come from the same instant (this is how it is watched on a progressive display).
 * Threads  none: a struct signal belongs to one thread at a time. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"
#include "signal/picture.h"

struct signal;
enum signal_standard { SIGNAL_NTSC, SIGNAL_PAL };

/* Which track is on the tape and played. auto: Hi-Fi, and linear where the Hi-Fi heads lose it; hifi: Hi-Fi and its noise, come what may. off: neither track's own
 * limits (the linear one is mono from 70 Hz on): each stage that is not off works on the sound as it is. */
enum signal_audio_track { SIGNAL_TRACK_OFF, SIGNAL_TRACK_HIFI, SIGNAL_TRACK_LINEAR, SIGNAL_TRACK_AUTO };

/* A look. Amounts of the model; zero leaves that stage's samples untouched. Units in names. signal/settings.h sets them by the names of design/signal.md. */
struct signal_profile {
    char name[32];
    int32_t tape_speed;          /* 0 SP 1 LP 2 EP: for which the numbers are; those of a field at another speed follow from them */
    int32_t head_width_um10;     /* tenths of a micrometre; 0: as wide as the tape's tracks */
    int32_t track_bend_um10;     /* tenths of a micrometre that the track is off at both ends of a field, the one way and the other */
    int32_t luma_mtf_khz;        /* -3 dB of the played luma */
    int32_t peaking_db10, emphasis;
    int32_t chroma_bandwidth_khz, chroma_delay_ns, chroma_comb, chroma_crosstalk_db10, chroma_phase_mdeg;
    int32_t noise_luma_db10, noise_chroma_db10; /* tenths of dB below 219 codes */
    int32_t noise_chroma_am_db10, noise_chroma_pm_mdeg; /* rms saturation error below 1, rms phase error */
    int32_t jitter_line_ns;      /* rms difference of neighbouring lines */
    int32_t jitter_field_ns;     /* peak to peak in a field */
    int32_t headswitch, headswitch_step_ns; /* on; displacement below it */
    int32_t headswitch_wander_mlines; /* 1/1000 line: how far at most it is off its place, from field to field */
    int32_t still_pair;          /* on: further heads for still and slow, which show no noise bar */
    int32_t erase_fixed;         /* on: recorded by a deck without a flying erase head */
    int32_t search_lp_blank;     /* on: a search of LP tape is blanked */
    int32_t dropout_per_minute, dropout_compensator;
    int32_t capstan_error_ppm;   /* wow and flutter: peak speed error; 10000 are 0.29 % WRMS (IEC 386) */
    int32_t limiter;
    /* sound */
    int32_t audio_track;         /* enum signal_audio_track */
    int32_t linear_high_hz;      /* -3 dB of the linear track */
    int32_t hiss_db10;           /* tenths of dB(A) below a full-scale sine */
    int32_t buzz_db10;           /* field-rate harmonics together, rms, tenths of dB below a full-scale sine */
    int32_t flutter_mpercent;    /* 1/1000 % WRMS (IEC 386) of the linear track, with the capstan's waveform; 0: as the capstan errs, below 0: none */
    int32_t hifi_click_db10;     /* peak of the click at the head switch, tenths of dB below full scale */
    int32_t hifi_noise_db10;     /* beside a full-scale sine of 1 kHz, tenths of dB(A) below it; follows the programme by the expander: 1 dB for 2 dB */
};

/* The identity until signal_set_profile. */
enum vcr_err signal_open(struct signal **ret, enum signal_standard standard, int width, int height, uint64_t seed, struct vcr_why *why);
void signal_close(struct signal **s);
/* Which vector unit does the work: the best there is after open. The pictures are the same to the byte from each of them. */
enum signal_isa { SIGNAL_SCALAR, SIGNAL_SSE2, SIGNAL_SSSE3, SIGNAL_AVX2, SIGNAL_AVX512, SIGNAL_NEON, SIGNAL_ISAS };
const char *signal_isa_name(enum signal_isa isa); /* scalar sse2 ssse3 avx2 avx512 neon */
bool signal_isa_by_name(const char *name, enum signal_isa *ret);
bool signal_isa_here(enum signal_isa isa); /* this processor has it, and this build has code for it */
enum signal_isa signal_isa_best(void);
enum vcr_err signal_set_isa(struct signal *s, enum signal_isa isa, struct vcr_why *why); /* VCR_E_INVALID where the processor lacks it */
/* Takes about 0.6 ms (filters and two tables of noise): between pictures, not once a picture. */
void signal_set_profile(struct signal *s, const struct signal_profile *p);

enum signal_kind { SIGNAL_TAPE, SIGNAL_BLUE, SIGNAL_SNOW };
/* One output raster. sources: for play, still, slow one picture; for cue/review the pictures of the bands between the noise bars, top to bottom
 * (signal_bands says how many and from which tape place). */
struct signal_field {
    enum signal_kind kind;
    int64_t tape_us;          /* place on the tape of the first source */
    int32_t rate;             /* 16.16 times play speed: 65536 play, 0 still */
    int32_t lock_q16;         /* 65536: servo locked; 0: just spinning up (rolls and tears) */
    int32_t tracking_error_q8;/* signed, in 1/256 of a track pitch; 0: on track */
    int32_t wear_16;          /* 0..16: less carrier and colour, more dropouts; nothing of the former in a look without noise */
    uint8_t tape_speed;       /* 0 SP 1 LP 2 EP: bandwidth and noise follow */
    uint64_t pass;            /* of the pass layer; constant in settled PLAY */
    int64_t field_index;      /* deck's own field count, for what moves while the tape stands still; in settled PLAY all follows from the place */
    int64_t over_us;          /* how long before this place a recording over another one began, whose colour shows through for some seconds (erase.fixed). 0: long ago, or over
                               * nothing */
    const struct picture *beside; /* what the neighbouring track holds, the field before: its lines are taken as those of the sources are. Only chroma.crosstalk looks at it;
                                   * NULL: a neighbour like the field itself */
};
/* What a deck's tracking scale, -10 to 10, is as a tracking error: nearly a whole track at its ends, where nothing is left. */
int32_t signal_tracking_q8(int tracking);
/* How long a field is. */
int64_t signal_field_us(const struct signal *s);
enum { SIGNAL_BANDS_MAX = 16 };
/* The bands of a field at this rate: *ret_tape_us[i] is the tape place that band i shows. 1 in play, still and slow. */
int signal_bands(const struct signal *s, const struct signal_field *f, int64_t ret_tape_us[SIGNAL_BANDS_MAX]);
/* Renders into out (which may not overlap a source; all have the size that was opened, and the same colour format). sources[i] may be NULL (nothing recorded there: snow). */
void signal_render(struct signal *s, const struct signal_field *f, const struct picture *const *sources, int n, struct picture *out);
/* The lines of one parity only (0: the upper ones), from the same lines of the sources: a field of an interlaced raster. The others of out are left as they are. */
void signal_render_field(struct signal *s, const struct signal_field *f, const struct picture *const *sources, int n, struct picture *out, int parity);
/* Deck's character generator: white with black edge, drawn after the tape. Rows 0..11 and columns 0..23 of the title-safe area; ISO 8859-1 plus the signs below, written
 * as these characters (FF and REW are one triangle, two of them stand side by side; TICK, MIDDLE and MARK make a scale). Also used on clean and blue pictures; on
 * rasters that are too small for it (below 180 by 120) nothing is drawn. */
#define SIGNAL_OSD_PLAY '\x01'
#define SIGNAL_OSD_PAUSE '\x02'
#define SIGNAL_OSD_STOP '\x03'
#define SIGNAL_OSD_FF '\x04'
#define SIGNAL_OSD_REW '\x05'
#define SIGNAL_OSD_REC '\x06'
#define SIGNAL_OSD_SLOW '\x07'
#define SIGNAL_OSD_EJECT '\x08'
#define SIGNAL_OSD_CASSETTE '\x09'
#define SIGNAL_OSD_CLOCK '\x0A'
#define SIGNAL_OSD_SLEEP '\x0B'
#define SIGNAL_OSD_REPEAT '\x0C'
#define SIGNAL_OSD_TICK '\x0D'
#define SIGNAL_OSD_MIDDLE '\x0E'
#define SIGNAL_OSD_MARK '\x0F'
#define SIGNAL_OSD_STEP '\x10'
#define SIGNAL_OSD_RIGHT (-1) /* column: the text ends at the right edge */
void signal_osd(struct picture *out, int row, int column, const char *text);
/* The last two rows: TRACKING, and a scale from -10 to 10 with the mark where it is. */
void signal_osd_tracking(struct picture *out, int tracking);

/* Sound: 48 kHz stereo int16. in and out have `frames` sample pairs (may be the same memory). tape_us is the place of the first sample. What comes out hangs on the places and
 * the samples, not on how they are cut into calls; the same bytes on every machine. Filters carry on from call to call; a place that is more than 1 ms off where the last
 * call ended begins anew, as signal_audio_reset does (for a jump that lands where it left). Linear sound with flutter comes some samples late (below 2 ms in ordinary looks). */
struct signal_audio;
/* The identity until signal_audio_set_profile. */
enum vcr_err signal_audio_open(struct signal_audio **ret, enum signal_standard standard, uint64_t seed, struct vcr_why *why);
void signal_audio_close(struct signal_audio **a);
/* Some 0.1 ms. */
void signal_audio_set_profile(struct signal_audio *a, const struct signal_profile *p);
/* Of the tape: 0 SP, 1 LP, 2 EP; the linear track's band, hiss and flutter follow. Costs nothing while it stays the same. SP after open. */
void signal_audio_set_tape_speed(struct signal_audio *a, uint8_t tape_speed);
/* How the heads find the tape: tracking and wear as in struct signal_field, all zero after open. Costs nothing. Hi-Fi is lost before the picture is. */
void signal_audio_set_heads(struct signal_audio *a, int32_t tracking_error_q8, int32_t wear_16);
/* Of the pass layer: the Hi-Fi channel's noise. 0 after open. */
void signal_audio_set_pass(struct signal_audio *a, uint64_t pass);
/* Passes through a deck beside this one, in series: 0..5; 0 after open. Begins anew when it changes. */
void signal_audio_set_generation(struct signal_audio *a, int generation);
/* What comes now was recorded over what was there before, at another time: its tape's seed. In the middle of play one hears it begin: a thump of the linear track's head, a pop of
 * the Hi-Fi ones, and the sound fades in over 5 ms. Nothing where the seed is the same. */
void signal_audio_set_tape(struct signal_audio *a, uint64_t seed);
void signal_audio_reset(struct signal_audio *a);
/* What the deck lets through. muted: silence, and the next sound fades in over 5 ms. linear: the linear track, whatever the profile plays. hifi: as the profile says. */
enum signal_sound { SIGNAL_SOUND_MUTED, SIGNAL_SOUND_LINEAR, SIGNAL_SOUND_HIFI };
/* The linear track at another speed: rate is 16.16 times play speed, not 0, at most 16 times, forwards or backwards. in: the stretch of tape that passes in this time, in the tape's
 * order, in_frames sample pairs, at least |rate| * frames; out: its sound, higher or lower by the rate, in the band of the head's amplifier. The head stands where `in` begins
 * (backwards: ends). Filters and hiss go on from call to call while the rate keeps its sign; 5 ms fade the first one in. Where the profile plays no track (off) it is the same
 * without hiss and band. */
void signal_audio_search(struct signal_audio *a, int32_t rate, int64_t tape_us, const int16_t *in, int in_frames, int16_t *out, int frames);
void signal_audio_render(struct signal_audio *a, enum signal_sound sound, int64_t tape_us, const int16_t *in, int16_t *out, int frames);
/* For tests and statistics: whether Hi-Fi has fallen back to linear at the place that was rendered last. */
bool signal_audio_fell_back(const struct signal_audio *a);
