/* render/box.h - wide pictures between black bars: a tape reel stores 16:9 anamorphic, a VHS recording of it is a 4:3 picture with bars above and below.
 * Keeps the last few pictures that it made. Threads: none. */
#pragma once
#include <stdint.h>

#include "signal/picture.h"
#include "signal/signal.h"

struct box;
/* Rows of a picture of that size and sample aspect that are left for its contents on a 4:3 screen: all of them unless it is wide. */
int box_rows(int width, int height, int sar_num, int sar_den);
/* rows: as box_rows says. */
struct box *box_open(int width, int height, int rows);
void box_close(struct box **b);
enum { BOX_KEPT = SIGNAL_BANDS_MAX + 1 };
/* The picture of sample n, squeezed; stays until BOX_KEPT others were made; NULL: no memory. */
const struct picture *box_picture(struct box *b, uint32_t n, const struct picture *from);
