/* bench/tape.h - the tape of the benches: a film that pans and zooms, with a camera's noise. It is two hours long as far as its index tells, so that opening it costs what
 * it costs; a minute of it is there. */
#pragma once
#include <stdbool.h>

#include "base/why.h"

enum { TAPE_WIDTH = 720, TAPE_HEIGHT = 480, TAPE_PICTURES = 600 /* fields of what is encoded; of field rate each is a picture */ };
/* Reel and index of the picture, of the sound. */
struct tape {
    int fds[4];
};
/* A film of 59.94 pictures a second, or of 29.97. */
void tape_make(struct tape *t, bool field_rate);
/* Ends the bench unless err is VCR_OK. */
void tape_check(enum vcr_err err, const struct vcr_why *why);
double tape_cpu_s(void);
