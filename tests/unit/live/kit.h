/* kit.h - a synthetic live programme for tests: pictures that name themselves, sound, and what a player asks for. */
#pragma once
#include "base/buf.h"
#include "deliver/live/programme.h"

enum { KIT_FRAME_US = 40000, KIT_GOP = 25, KIT_AAC_US = 21333, KIT_OPUS_US = 20000 };

struct kit {
    struct programmes *set;
    struct programme *p;
    bool real;                   /* its pictures can be decoded: 160x120, for kit_film */
    int form;                    /* which parameter sets its pictures have */
    int64_t sound_us, opus_us;   /* where the next sound frame is */
    int frame;                   /* pictures given */
};
/* Encodes a second of picture once; from then on kit_picture gives that, again and again. */
void kit_film(struct kit *k);
struct programme_config kit_config(const char *id);
void kit_open(struct kit *k, const char *id);
void kit_close(struct kit *k);
/* Picture number k->frame at that time, a key frame each KIT_GOP, with the sound up to it. */
void kit_picture(struct kit *k, int64_t pts_us);
void kit_sound_until(struct kit *k, int64_t pts_us);
/* Pictures and sound for so long, one behind the other from at_us on; where it got to. */
int64_t kit_play(struct kit *k, int64_t at_us, int64_t for_us);

/* Asks, and gives back what came at once; answered = false: it waits (and is given to kit_wait). */
struct kit_get {
    struct programme_request r;
    bool answered;
    enum vcr_err err;
    struct buf body;
    int64_t max_age_s;
    bool from_file;
};
struct kit_get *kit_get(struct kit *k, struct loop *loop, enum programme_want want, int64_t msn, int part, bool skip);
void kit_get_free(struct kit_get *g);
/* A list as text; empty when it is none. */
char *kit_list(struct kit *k, enum programme_want want, bool skip);
