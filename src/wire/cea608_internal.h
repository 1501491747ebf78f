/* wire/cea608_internal.h - for wire/cea608*.c only. */
#pragma once
#include "wire/cea608.h"

enum { CEA608_ITALIC = 1, CEA608_UNDERLINED = 2 };
/* ---- cea608_cue.c ---- */
bool cea608_any_in_row(const struct cea608_memory *m, int row);
bool cea608_any(const struct cea608_memory *m);
/* What the channel shows, as cues. */
void cea608_screen_out(struct cea608 *d, int channel, int64_t start_us, int64_t end_us);
