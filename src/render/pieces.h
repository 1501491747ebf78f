/* render/pieces.h - made segments of the tape that PLAYs (render/make.h, wire/render_msg.h), of its pictures or its sound: asked of vcrd ahead of the heads, and read picture by picture,
 * packet by packet.
 *
 * Holds the segment at the heads and the next one. A segment that is not there yet is asked for again after a while; what was asked for by another name (the tape wore, was recorded
 * over, the look changed) is forgotten.
 * Threads  none.     Owns  the descriptors given to pieces_take, from the call on.
 * Bounds   two segments, PIECE_BYTES_MAX each while it is looked through; what stays of each is a table of its pictures and one of them. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/packet.h"
#include "wire/render_msg.h"

enum { PIECE_BYTES_MAX = 8 << 20, PIECE_PICTURES_MAX = 256, PIECE_RETRY_US = 600000 };
struct pieces;
struct pieces *pieces_open(void);
void pieces_close(struct pieces **p);
/* The heads are in segment `number` of what is named so (head, number and has of name mean nothing): that one is needed, and the next. */
void pieces_need(struct pieces *p, const struct render_piece *name, uint32_t number, int64_t now_us);
/* The next to ask vcrd for, but for its head; each is told once. False: none. */
bool pieces_want(struct pieces *p, struct render_piece *ret);
/* It could not be asked for: it is wanted still. */
void pieces_want_again(struct pieces *p, uint32_t number);
/* The answer. fds: the segment and its init segment, -1: it is not there. One that was not asked for, or makes no sense, is closed. */
void pieces_take(struct pieces *p, const struct render_piece *m, const int fds[2]);
/* Picture i of a segment: data in Annex B (with parameter sets before a key frame), len and PACKET_KEY; of sound, packet i. Valid until the next call. False: it is not here. */
bool pieces_read(struct pieces *p, uint32_t number, uint32_t i, struct packet *ret);
/* Whether what is here is of that name. */
bool pieces_are(const struct pieces *p, const struct render_piece *name);
/* Forgets all. */
void pieces_clear(struct pieces *p);
