/* render/fit.h - pictures of any size and shape made fit for a screen of another: scaled, between black bars where their shapes differ.
 * Keeps the last FIT_KEPT pictures that it made. Threads: none. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"
#include "signal/picture.h"
#include "signal/signal.h"

enum { FIT_KEPT = SIGNAL_BANDS_MAX + 1 };
struct fit_shape { int width, height, sar_num, sar_den; };
/* True when pictures of that shape are the screen's own: within a hundredth of its size and shape nothing has to be done. */
bool fit_is_same(const struct fit_shape *from, const struct fit_shape *screen);
struct fit;
struct fit *fit_open(const struct fit_shape *screen);
void fit_close(struct fit **f);
/* Picture n of the reel that `whose` stands for. Stays until FIT_KEPT others were made; NULL: no memory. */
const struct picture *fit_picture(struct fit *f, const void *whose, uint32_t n, const struct fit_shape *shape, const struct picture *from);
/* Reels were closed: what was kept of them is forgotten. */
void fit_forget(struct fit *f);
