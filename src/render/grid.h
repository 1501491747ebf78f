/* render/grid.h - the pictures of a tape in PLAY: which there are, at which place of it each lies, and which of them is at the heads now. PURE.
 *
 * A deck's display has its own clock, which finds the tape anywhere between two pictures of its grid. What it shows in locked PLAY is a picture of the grid all the same, drawn as if the heads were
 * exactly there: the one that vcr-render --make draws for players and for the cache (wire/make_msg.h has the grid's rate and its segments). So what was made can take the place of what would be
 * drawn, and the other way round, from any picture to the next. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct grid { int num, den; /* pictures a second */ };
struct grid grid_of(bool pal, bool field_rate);
/* Place of picture n: half a millisecond into it, since places are whole microseconds and must not lie just before the picture that begins there. */
int64_t grid_place_us(const struct grid *g, int64_t n);
/* Of the display's fields, which snow goes by, and the flash limiter's time. */
int64_t grid_field(bool field_rate, int64_t n);
int64_t grid_flash_us(bool pal, int64_t field);

/* What is at the heads in PLAY, asked once a picture of the display: the picture whose time it is, and then as many further ones as time has passed, though places are rounded. */
struct grid_walk {
    int64_t n;        /* the last one; -1: none, the next is chosen by its place alone */
    int64_t tape_us;  /* where the heads were */
};
#define GRID_NOWHERE { .n = -1 }
int64_t grid_step(struct grid_walk *w, const struct grid *g, int64_t tape_us);
/* Whether a segment begins with picture n, or began since the one before (-1: none) was stepped on. */
bool grid_begins_segment(const struct grid *g, int64_t before, int64_t n);
