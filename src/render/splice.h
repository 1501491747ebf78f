/* render/splice.h - the sound of a tape with several recordings. Threads: none. */
#pragma once
#include "render/recordings.h"

/* One AUDIO_FRAME of sample pairs from tape_us on, as tune_read: where a recording begins or ends within it, the sound changes at the very sample. */
void splice_read(struct recordings *r, int64_t tape_us, int16_t *pcm, bool *ret_jumped);
