/* media/offline/offline.h - films for `vcr dub`: pictures by number and sound one after another out of any file libav reads, and MP4 or Matroska made of them.
 *
 * Reads INGEST_FD_ORIGINAL by pread as ingest does, with the same lists of formats and codecs, so that it works sealed. Same input, same bytes: one thread, no times.
 * Bounds   pictures become at most OFFLINE_WIDTH_MAX x OFFLINE_HEIGHT_MAX (larger ones are made smaller); OFFLINE_RING of them are kept.
 * Errors   sentences for a person.     Threads  none of its own; a handle belongs to one thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"
#include "signal/picture.h"

enum { OFFLINE_WIDTH_MAX = 1920, OFFLINE_HEIGHT_MAX = 1080, OFFLINE_RING = 48, OFFLINE_HZ = 48000 };
enum offline_order { OFFLINE_PROGRESSIVE, OFFLINE_TFF, OFFLINE_BFF };
struct offline_facts {
    int width, height;
    bool is_422;             /* else 4:2:0; always 8 bits and limited range */
    enum offline_order order;
    int rate_num, rate_den;  /* pictures come evenly: what does not is repeated or left out */
    int sar_num, sar_den;    /* 0:0 when not told */
    int64_t frames;
    int64_t zero_us;         /* the file's own time of its first picture */
};

struct offline_film;
enum vcr_err offline_film_open(struct offline_film **ret, struct offline_facts *facts, struct vcr_why *why);
void offline_film_close(struct offline_film **f);
/* Copies picture n. Cheap while numbers rise; also where they fall slowly. */
enum vcr_err offline_film_read(struct offline_film *f, int64_t n, struct picture *into, struct vcr_why *why);
/* Pictures that were damaged or missing so far. */
int offline_film_damaged(const struct offline_film *f);

struct offline_sound;
/* 48 kHz stereo that begins at zero_us of the file's time (INT64_MIN: with itself); gaps are silent. VCR_E_NOT_FOUND: there is no sound. */
enum vcr_err offline_sound_open(struct offline_sound **ret, int64_t zero_us, struct vcr_why *why);
void offline_sound_close(struct offline_sound **s);
enum vcr_err offline_sound_read(struct offline_sound *s, int16_t *pcm, int n, int *ret_n, struct vcr_why *why);

struct offline_out;
/* To a descriptor, which stays the caller's. */
enum vcr_err offline_out_open(struct offline_out **ret, int fd, bool matroska, const struct offline_facts *facts, bool has_sound, struct vcr_why *why);
void offline_out_close(struct offline_out **o);
enum vcr_err offline_out_picture(struct offline_out *o, const struct picture *p, struct vcr_why *why);
enum vcr_err offline_out_sound(struct offline_out *o, const int16_t *pcm, int n, struct vcr_why *why);
enum vcr_err offline_out_finish(struct offline_out *o, struct vcr_why *why);
