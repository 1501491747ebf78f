/* app/recordings_internal.h - what recordings onto new tapes (recordings.c) and onto tapes in decks (deck_recordings.c) share: their files.
 * Files    tapes/<id>/c1/… of a new tape, tapes/<id>/t<take>/… of a take: {clean,audio,opus}.{mp4,idx} and journal, each with ".part" behind it until it is sealed. */
#pragma once
#include "app/recordings.h"

enum { RECORD_KEY_BYTES = 96 };
struct record_place { int64_t tape_id, take_id; }; /* take_id 0: a new tape */
struct record_track { const char *file, *index, *reel; };
extern const struct record_track record_tracks[RECORDER_TRACKS];

void record_key(const struct record_place *p, const char *name, char out[RECORD_KEY_BYTES]);
/* create: new files, with AAC or without; else those that are there. */
enum vcr_err record_open_files(const struct app *a, const struct record_place *p, bool create, bool aac, struct recorder_files *f, struct vcr_why *why);
/* For recorder_files' seal. */
enum vcr_err record_seal_files(const struct app *a, const struct record_place *p, const struct recorder_result *result, struct vcr_why *why);
/* After the transaction: the journal is needed no more, nor anything of a recording that came to nothing (some: false). */
void record_tidy(const struct app *a, const struct record_place *p, bool some);

struct record_picture { int width, height, sar_num, sar_den; uint32_t frames_per_1000_s; };
bool record_is_pal(const struct record_picture *p);
/* The media facts of a tape, JSON; free it. */
char *record_media_text(const struct record_picture *p, const struct recorder_result *result, bool recovered);
/* What the reels say of their picture, where nothing is known of it. */
void record_fill_picture(struct record_picture *p, const struct recorder_result *result);
