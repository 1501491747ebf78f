/* signal/signal.h - the tape's picture and sound: what a VHS deck's head amplifier, drum, capstan and television do to a signal.
 *
 * PURE: no I/O, no clock, no allocation after open; integer arithmetic in the picture path, same bytes from every code path. Everything random is a
 * function of (seed, layer, place on the tape), never of call order: a rewind shows the same damage at the same place.
 * Raster   720x480 (NTSC) or 720x576 (PAL), one call renders one output frame = two fields at field rate halved, or, at field rate, one progressive raster per
 *          field time, whose lines of both parities come from the same instant (this is how it is watched on a progressive display).
 * Threads  none: a struct signal belongs to one thread at a time. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"
#include "signal/picture.h"

struct signal;
enum signal_standard { SIGNAL_NTSC, SIGNAL_PAL };

/* A look. Amounts of the model; zero (or off) leaves that stage's samples untouched. Units in names; names of design/signal.md. */
struct signal_profile {
    char name[32];
    int32_t luma_mtf_khz;        /* -3 dB of the played luma, 0: off */
    int32_t chroma_bandwidth_khz, chroma_delay_ns;
    int32_t noise_luma_db10, noise_chroma_db10; /* tenths of dB below 219 codes; 0: off */
    int32_t streak_am_db10, streak_pm_mdeg; /* colour, from line to line: rms saturation error below 1, rms phase error; 0: off */
    int32_t peaking_db10;
    int32_t jitter_line_ns;      /* rms between neighbouring lines */
    int32_t headswitch_step_ns;  /* displacement below the switch; 0: off */
    int32_t dropout_per_minute;
    bool dropout_compensator;
    int32_t capstan_error_ppm;   /* wow and flutter: peak speed error; 10000 are 0.29 % WRMS (IEC 386) */
    int32_t hiss_db10, buzz_db10, linear_high_hz; /* linear sound */
    bool hifi;
};
/* Built-in looks, name "family" first (the default for look "vhs"): family, good, rental. NULL at the end. */
const struct signal_profile *signal_profile_at(int n);
const struct signal_profile *signal_profile_by_name(const char *name); /* NULL when unknown; "vhs" is "family" */

enum vcr_err signal_open(struct signal **ret, enum signal_standard standard, int width, int height, uint64_t seed, struct vcr_why *why);
void signal_close(struct signal **s);
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
    int32_t wear_16;          /* 0..16 */
    uint8_t tape_speed;       /* 0 SP 1 LP 2 EP: bandwidth and noise follow */
    uint64_t pass;            /* of the pass layer; constant in settled PLAY */
    int64_t field_index;      /* deck's own field count, for what moves while the tape stands still */
};
enum { SIGNAL_BANDS_MAX = 16 };
/* The bands of a field at this rate: *ret_tape_us[i] is the tape place that band i shows. 1 in play, still and slow. */
int signal_bands(const struct signal *s, const struct signal_field *f, int64_t ret_tape_us[SIGNAL_BANDS_MAX]);
/* Renders into out (which may not overlap a source). sources[i] may be NULL (nothing recorded there: snow). */
void signal_render(struct signal *s, const struct signal_field *f, const struct picture *const *sources, int n, struct picture *out);
/* Deck's character generator: white with black edge, drawn after the tape. Rows 0..11 and columns 0..23 of the title-safe area; ASCII plus
 * the glyphs SIGNAL_OSD_PLAY… written as these characters (FF and REW are one triangle, two of them stand side by side). Also used on clean and blue pictures. */
#define SIGNAL_OSD_PLAY '\x01'
#define SIGNAL_OSD_PAUSE '\x02'
#define SIGNAL_OSD_STOP '\x03'
#define SIGNAL_OSD_FF '\x04'
#define SIGNAL_OSD_REW '\x05'
#define SIGNAL_OSD_REC '\x06'
#define SIGNAL_OSD_SLOW '\x07'
#define SIGNAL_OSD_EJECT '\x08'
void signal_osd(struct picture *out, int row, int column, const char *text);

/* Sound: 48 kHz stereo int16. in and out have `frames` sample pairs (may be the same memory). tape_us is the place of the first sample; level: muted gives
 * silence. State (filters, resampler) carries from call to call; signal_audio_reset after a jump. */
struct signal_audio;
enum vcr_err signal_audio_open(struct signal_audio **ret, enum signal_standard standard, uint64_t seed, struct vcr_why *why);
void signal_audio_close(struct signal_audio **a);
void signal_audio_set_profile(struct signal_audio *a, const struct signal_profile *p);
/* Of the linear track: 0 SP, 1 LP, 2 EP; band, hiss and flutter follow. Costs nothing while it stays the same. SP after open. */
void signal_audio_set_tape_speed(struct signal_audio *a, uint8_t tape_speed);
void signal_audio_reset(struct signal_audio *a);
enum signal_sound { SIGNAL_SOUND_MUTED, SIGNAL_SOUND_LINEAR, SIGNAL_SOUND_HIFI };
void signal_audio_render(struct signal_audio *a, enum signal_sound sound, int64_t tape_us, const int16_t *in, int16_t *out, int frames);
