/* media/scale.h - pictures made smaller. The same picture gives the same bytes on any machine. Threads: none. */
#pragma once
#include "base/why.h"
#include "signal/picture.h"

struct scale;
enum vcr_err scale_open(struct scale **ret, int from_width, int from_height, int to_width, int to_height, struct vcr_why *why);
void scale_close(struct scale **s);
/* Borrowed until the next call; NULL: a picture of another size than was said. */
const struct picture *scale_picture(struct scale *s, const struct picture *from);
/* A black one of the small size, in the same place. */
const struct picture *scale_black(struct scale *s);
