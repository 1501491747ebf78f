/* render/screen.h - draws the picture that a deck shows: the tape through its heads, or the deck's own screens, and the character generator on top.
 *
 * Threads: none. A damaged place of the film is no error here: the tape has nothing there (snow; blue in the clean look). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"
#include "render/fit.h"
#include "render/recordings.h"
#include "render/view.h"
#include "signal/picture.h"

struct screen;
/* shape: of its pictures in the clean look; through the tape they are 4:3. */
enum vcr_err screen_open(struct screen **ret, bool pal, const struct fit_shape *shape, struct vcr_why *why);
void screen_close(struct screen **s);
/* What the first picture through the tape would set up: its tables take milliseconds. */
enum vcr_err screen_warm(struct screen *s, const struct deck_snapshot *snap, struct vcr_why *why);
/* What is shown is recorded: no peaking, which is for who looks at the picture; decks turn it off for dubbing (their EDIT switch). Off after open. */
void screen_edit(struct screen *s, bool on);
/* Of the size that every picture has; what it shows is open. */
const struct picture *screen_canvas(const struct screen *s);
struct screen_shot {
    const struct picture *picture; /* borrowed until the next call */
    int64_t tape_us;               /* place shown, -1: none */
    bool damaged;                  /* the film had nothing to give where it should have */
};
/* Reels were closed. */
void screen_reels_closed(struct screen *s);
/* What was shown since the last call was not drawn here: the limiter of flashes begins anew with the next picture, */
void screen_left(struct screen *s);
/* or goes on from what it is told then, picture by picture, each at its flash_us. */
enum vcr_err screen_saw(struct screen *s, const struct deck_snapshot *snap, const struct picture *p, int64_t flash_us, struct vcr_why *why);
/* The next picture is chosen by its place alone, whatever was shown before. */
void screen_forget(struct screen *s);
/* What is on the tape: recordings, or one film from beginning to end. Both NULL: nothing. */
struct screen_tape {
    struct recordings *recordings;
    struct film *film;
};
/* When a picture is shown: the display's own field count moves what moves while the tape stands still, and flashes are counted by flash_us (a time before the last one's begins anew). */
struct screen_time { int64_t field_index, flash_us; };
/* Pictures of another size or shape than the screen's are made fit. */
enum vcr_err screen_draw(struct screen *s, const struct deck_snapshot *snap, const struct view *view, const struct screen_tape *tape, const struct screen_time *time,
                         struct screen_shot *ret, struct vcr_why *why);
