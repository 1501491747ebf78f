/* render/screen.h - draws the picture that a deck shows: the tape through its heads, or the deck's own screens, and the character generator on top.
 *
 * Threads: none. A damaged place of the film is no error here: the tape has nothing there (snow; blue in the clean look). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"
#include "render/film.h"
#include "render/view.h"
#include "signal/picture.h"

struct screen;
enum vcr_err screen_open(struct screen **ret, bool pal, int width, int height, struct vcr_why *why);
void screen_close(struct screen **s);
/* What the first picture through the tape would set up: its tables take milliseconds. */
enum vcr_err screen_warm(struct screen *s, const struct deck_snapshot *snap, struct vcr_why *why);
/* Of the size that every picture has; what it shows is open. */
const struct picture *screen_canvas(const struct screen *s);
struct screen_shot {
    const struct picture *picture; /* borrowed until the next call */
    int64_t tape_us;               /* place shown, -1: none */
    bool damaged;                  /* the film had nothing to give where it should have */
};
/* film may be NULL (nothing recorded). The display's own picture count moves what moves while the tape stands still. */
enum vcr_err screen_draw(struct screen *s, const struct deck_snapshot *snap, const struct view *view, struct film *film, int64_t field_index,
                         struct screen_shot *ret, struct vcr_why *why);
