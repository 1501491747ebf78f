/* cmd/dub.h - the command `vcr dub`: plays a file through the tape's picture and sound into another one, offline. design: the option text in dub_options.c.
 *
 * Two processes: the one the person started opens the files and gives the outputs their names once they are whole; its child, sealed as vcr-ingest is, reads, plays and
 * writes through descriptors (DUB_FD_*).
 * Units    a "place" is counted in units of the film: a field where it is made of fields, else a picture. Positions in a mode are exact: places times DUB_SPEED_ONE.
 * Threads  one in each process. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/io.h"
#include "base/why.h"
#include "media/ingest/ingest.h"
#include "signal/signal.h"

/* Products of rates and positions. */
__extension__ typedef __int128 dub_wide;
enum { DUB_FD_IN = INGEST_FD_ORIGINAL, DUB_FD_REPORT = INGEST_FD_REPORT, DUB_FD_OUT = INGEST_FD_OUTPUTS, DUB_FD_SOUND_OUT };
enum { DUB_SPEED_ONE = 10000, DUB_SETS_MAX = 256, DUB_GENERATIONS_MAX = 5, DUB_TRACKING_AUTO = INT16_MIN, DUB_HZ = 48000, DUB_INI_MAX = 65536 };

enum dub_mode { DUB_PLAY, DUB_STILL, DUB_SLOW, DUB_CUE, DUB_REVIEW, DUB_STOP, DUB_MODES };
extern const char *const dub_mode_names[DUB_MODES];
enum dub_kind { DUB_NONE, DUB_MP4, DUB_MKV, DUB_Y4M, DUB_WAV };

struct dub_options {
    const char *in, *out, *audio_out;
    enum dub_kind kind;          /* of out */
    const char *profile;         /* a built-in one, or a file: a name with a slash, or ending with .ini */
    char *ini;                   /* the file's text, NULL: it is none */
    size_t ini_bytes;
    const char *sets[DUB_SETS_MAX];
    int set_count;
    int standard;                /* enum signal_standard, -1: as the film is */
    uint8_t tape_speed;
    uint64_t seed, pass;
    int64_t tape_at_us;
    enum dub_mode mode;
    bool has_mode, has_speed;
    int speed;                   /* in 1/DUB_SPEED_ONE of play speed */
    int tracking, generation, wear_16;
    bool osd, recorded_over, stats, json, list_profiles, list_settings, help;
    const char *isa;
    int64_t frames;              /* 0: as many as the film gives */
};
/* The words after `dub`. */
enum vcr_err dub_options_read(struct dub_options *ret, int argc, char **argv, struct vcr_why *why);
extern const char dub_usage[];

/* A profile that is a file is read, before anything is sealed. */
enum vcr_err dub_profile_file(struct dub_options *o, struct vcr_why *why);
/* The profile of the options with what was set on it. */
enum vcr_err dub_profile(struct signal_profile *ret, const struct dub_options *o, enum signal_standard standard, struct vcr_why *why);
/* What --isa asks for, or the best; VCR_E_INVALID where this processor lacks it. */
enum vcr_err dub_isa(enum signal_isa *ret, const struct dub_options *o, struct vcr_why *why);
/* --list-profiles, --list-settings */
enum vcr_err dub_list(const struct dub_options *o, struct vcr_why *why);

/* As a session's deck has it. */
static inline int32_t dub_tracking_q8(const struct dub_options *o) { return o->tracking == DUB_TRACKING_AUTO ? 0 : signal_tracking_q8(o->tracking); }

/* ---- dub_film.c: pictures by number, whatever they come from ---- */
enum dub_order { DUB_PROGRESSIVE, DUB_TFF, DUB_BFF };
struct dub_format {
    int width, height;
    bool is_422;
    enum dub_order order;
    int rate_num, rate_den;      /* pictures a second */
    int sar_num, sar_den;        /* 0: not known */
};
size_t dub_plane_bytes(const struct dub_format *f, int plane);
/* A picture of its own memory, a line to spare above and below each plane: a field may be shown as the other one. */
enum vcr_err dub_picture_open(struct picture *ret, const struct dub_format *f, struct vcr_why *why);
void dub_picture_close(struct picture *p);

struct dub_film {
    const struct dub_film_ops *ops;
    struct dub_format format;
    int64_t frames;
};
struct dub_film_ops {
    enum vcr_err (*read)(struct dub_film *f, int64_t n, struct picture *into, struct vcr_why *why);
    void (*close)(struct dub_film *f);
    int (*damaged)(const struct dub_film *f); /* pictures that could not be had so far; NULL: it knows no damage */
};

/* The last pictures that were asked for: in search a field shows as many as it has bands, from twice as many fields; else one or two. */
enum { DUB_KEPT = 2, DUB_KEPT_IN_SEARCH = SIGNAL_BANDS_MAX + 4 };
struct dub_kept {
    struct dub_film *film;
    int slots;
    struct dub_slot {
        int64_t n, used;         /* picture; when it was asked for last, 0: never */
        struct picture picture;
    } slot[DUB_KEPT_IN_SEARCH];
    int64_t asked;
};
void dub_kept_open(struct dub_kept *k, struct dub_film *film, int slots);
void dub_kept_close(struct dub_kept *k);
/* Stays until as many others as there are slots were asked for. */
enum vcr_err dub_kept_picture(struct dub_kept *k, int64_t n, const struct picture **ret, struct vcr_why *why);

/* ---- sound, one after another ---- */
struct dub_sound {
    const struct dub_sound_ops *ops;
    int rate, channels;
    int64_t frames;              /* -1: not known before its end */
};
struct dub_sound_ops {
    /* At most n frames; *ret_n 0: the end. */
    enum vcr_err (*read)(struct dub_sound *s, int16_t *pcm, int n, int *ret_n, struct vcr_why *why);
    void (*close)(struct dub_sound *s);
};

/* What the input is: pictures, sound, or both. */
struct dub_input {
    struct io *io;
    struct dub_film *film;       /* NULL: no picture */
    struct dub_sound *sound;     /* NULL: none */
    char line[1025];             /* header of a y4m, "" of others */
    char warning[240];           /* "" when there is nothing to say */
};
/* wants: what the outputs need; 48 kHz stereo unless the sound stays as it is. */
enum vcr_err dub_input_open(struct dub_input *ret, bool wants_film, bool wants_sound, bool as_it_is, struct vcr_why *why);
void dub_input_close(struct dub_input *in);
enum vcr_err dub_film_open(struct dub_input *in, bool wants_film, bool wants_sound, struct vcr_why *why); /* all that libav reads */
enum vcr_err dub_y4m_open(struct dub_input *in, struct vcr_why *why);
enum vcr_err dub_wav_open(struct dub_input *in, bool as_it_is, struct vcr_why *why);

/* ---- dub_deck.c: the deck that plays ---- */
struct dub_deck;
enum vcr_err dub_deck_open(struct dub_deck **ret, const struct dub_options *o, const struct signal_profile *p, enum signal_standard standard, struct dub_film *film, struct vcr_why *why);
void dub_deck_close(struct dub_deck **d);
/* How many pictures this mode gives. */
int64_t dub_deck_frames(const struct dub_deck *d);
/* Picture n of the output; stays until the next. */
enum vcr_err dub_deck_picture(struct dub_deck *d, int64_t n, const struct picture **ret, struct vcr_why *why);
/* Seconds of processor time spent in the signal library, and the pictures it made in them. */
double dub_deck_signal_s(const struct dub_deck *d, int64_t *ret_pictures);
const char *dub_deck_isa(const struct dub_deck *d);

/* ---- dub_sound.c: its sound ---- */
struct dub_track;
enum vcr_err dub_track_open(struct dub_track **ret, const struct dub_options *o, const struct signal_profile *p, enum signal_standard standard, struct dub_sound *from, int64_t tape_us,
                            bool untouched, struct vcr_why *why);
void dub_track_close(struct dub_track **t);
/* Up to n frames of what `from` has: 48 kHz stereo unless it is untouched; *ret_n 0: the end of the input. */
enum vcr_err dub_track_read(struct dub_track *t, int16_t *pcm, int n, int *ret_n, struct vcr_why *why);
/* Whether nothing of the profile touches sound. */
bool dub_sound_untouched(const struct dub_options *o, const struct signal_profile *p);

/* ---- dub_out.c, dub_av.c: outputs ---- */
struct dub_out {
    const struct dub_out_ops *ops;
};
struct dub_out_ops {
    enum vcr_err (*picture)(struct dub_out *o, const struct picture *p, struct vcr_why *why);  /* NULL: takes none */
    enum vcr_err (*sound)(struct dub_out *o, const int16_t *pcm, int n, struct vcr_why *why);  /* NULL: takes none */
    enum vcr_err (*finish)(struct dub_out *o, struct vcr_why *why);
    void (*close)(struct dub_out *o);
};
/* line: the header as the input has it, or NULL. */
enum vcr_err dub_y4m_out(struct dub_out **ret, int fd, const struct dub_format *f, const char *line, struct vcr_why *why);
enum vcr_err dub_film_out(struct dub_out **ret, int fd, enum dub_kind kind, const struct dub_format *f, bool has_sound, struct vcr_why *why);
enum vcr_err dub_wav_out(struct dub_out **ret, int fd, int rate, int channels, struct vcr_why *why);

/* ---- dub.c, dub_run.c ---- */
/* The whole command; the exit status. */
int dub_main(int argc, char **argv);
/* The child's part, sealed: everything through DUB_FD_*. What it has to tell (one JSON object) goes to DUB_FD_REPORT. terminal: it may draw a bar. */
enum vcr_err dub_run(const struct dub_options *o, bool terminal, struct vcr_why *why);
