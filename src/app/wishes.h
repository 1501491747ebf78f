/* app/wishes.h - which made segments were wished for by decks, so that one is made when it is wished for a second time.
 *
 * A deck that plays draws what is not made. To make that as well would be twice the work for who watches alone, and what a deck draws cannot be kept: it depends on when it was begun. So the first
 * deck at a place only leaves its wish; another deck that comes there, or the same one when it comes back, has the segments made.
 * Threads  any.     Bounds  WISHES_MAX places; where two fall together the later one counts. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { WISHES_MAX = 8192, WISHES_REVISIT_US = 20000000 };
struct wishes;
struct wishes *wishes_open(void);
void wishes_close(struct wishes **w); /* NULL is fine */
/* Whether somebody else has wished for it, or this one WISHES_REVISIT_US or more after its last wish (it wishes again and again while it is there). It is remembered either way. */
bool wishes_again(struct wishes *w, const char *key, uint64_t asker, int64_t now_us);
