/* render/film.h - the pictures of a video reel, found by sample number in any order.
 *
 * Decoding goes from the key frame before; going on from the last sample costs one picture, standing still none, and backwards one GOP once (its pictures
 * are kept). Threads: none. Errors: VCR_E_IO for a damaged place, and for every sample up to the next key frame. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"
#include "media/decode.h"
#include "media/reel.h"

struct film;
/* Owns both descriptors from the call on. */
enum vcr_err film_open(struct film **ret, int reel_fd, int index_fd, struct vcr_why *why);
void film_close(struct film **f);
struct reel *film_reel(struct film *f);
/* Gives back its decoder, its pictures and what reel_rest does, until it is asked for a picture. */
void film_rest(struct film *f);
enum film_direction { FILM_FORWARD, FILM_BACKWARD };
/* Decodes up to so many pictures on the way to picture n, so that it costs little when its time comes. True: there is nothing left to do, also when it cannot be decoded. */
bool film_approach(struct film *f, uint32_t n, uint32_t pictures);
/* *ret is borrowed until the next call. */
enum vcr_err film_picture(struct film *f, uint32_t n, enum film_direction direction, struct frame **ret, struct vcr_why *why);
