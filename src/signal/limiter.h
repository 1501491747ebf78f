/* signal/limiter.h - keeps flashes of what is shown within WCAG 2.3.1 (Three Flashes or Below Threshold), whatever makes them: the film, the tape or the deck.
 *
 * A flash is a pair of opposing changes of relative luminance by 10 % of white or more where the darker is below 80 %, or of a saturated red (R / (R + G + B) of 0.8 and more; (R - G - B)
 * x 320 changes by more than 20). It counts where it takes more than a quarter of any 10 degrees of view, which WCAG takes for a third of the picture's width by a third of its height.
 * The picture is watched as a grid of blocks. Where a block's next change would be one too many and enough blocks around it are as far, the picture there is drawn nearer to the one
 * that was shown before, softly to the blocks around, until it is not a change.
 * Allowed are four changes (two flashes) in any second, two of them in the first second after open: so what is cut in two and limited by itself, as made segments are, has no
 * more than three flashes in any second across the cut.
 * What comes out depends on nothing but the pictures since open and their times: whole numbers, the same bytes on every machine.
 * Costs some 25 us for a picture of 720x480 that does not flash, about 0.4 ms for one that is held back.
 * Threads  none: a limiter belongs to one thread at a time. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"
#include "signal/picture.h"

struct signal_limiter;
/* A second, and some for times that were rounded. Whoever lets it begin anew leaves at least that much between two beginnings: three flashes are those on both sides of one cut. */
enum { SIGNAL_LIMITER_SECOND_US = 1020000 };
/* For pictures of this size (16x16 to 1920x1152) and colour format. */
enum vcr_err signal_limiter_open(struct signal_limiter **ret, int width, int height, bool is_422, struct vcr_why *why);
void signal_limiter_close(struct signal_limiter **l);
/* What is shown next, at this time of the display; true: it was changed. parity 0 or 1: only the lines of one field, which follow the other's; -1: the whole picture. Fields and
 * whole pictures do not mix. A time before the last one begins anew. */
bool signal_limiter_apply(struct signal_limiter *l, struct picture *p, int parity, int64_t at_us);
/* The same of a picture that was shown without it, and cannot be changed any more: what comes next goes on from there. */
void signal_limiter_saw(struct signal_limiter *l, const struct picture *p, int parity, int64_t at_us);
/* The next call begins anew, whatever its time. */
void signal_limiter_forget(struct signal_limiter *l);
