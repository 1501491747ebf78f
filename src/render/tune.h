/* render/tune.h - the sound of an Opus reel, found by place on the tape. Threads: none. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/packet.h"
#include "base/why.h"

struct tune;
/* Owns both descriptors from the call on. */
enum vcr_err tune_open(struct tune **ret, int reel_fd, int index_fd, struct vcr_why *why);
void tune_close(struct tune **t);
/* Gives back what reel_rest does, until it is read. */
void tune_rest(struct tune *t);
bool tune_unread(const struct tune *t); /* see reel_unread */
/* One AUDIO_FRAME of sample pairs from place_us on; silence beyond the ends and where the reel is damaged. Calls for places that follow one another give
 * sound without a joint; *ret_jumped says that this one did not follow. */
void tune_read(struct tune *t, int64_t place_us, int16_t *pcm, bool *ret_jumped);
/* The packet that plays around place_us (at most half a packet off), one after the other while places follow. False when there is none of 20 ms. */
bool tune_packet(struct tune *t, int64_t place_us, struct packet *ret);
