/* render/render.h - the program vcr-render: seats for sessions, run earliest deadline first on one thread.
 *
 * Before each frame the control socket is emptied, so a command shows in the next frame that is drawn. When the time is not enough it sheds in a stated order
 * (encoder effort, then every second picture) and a frame whose time has passed is left out: never unbounded lateness. Ends when vcrd closes the control socket. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"

struct render;
struct render_config {
    int control_fd, ring_fd, wake_fd; /* the descriptors of wire/render_msg.h */
    bool seals;                       /* the process (seal.h), before the first message is read */
    int64_t (*clock_us)(void);        /* the common monotonic clock, or a test's own */
};
/* Tells vcrd that it is ready. */
enum vcr_err render_open(struct render **ret, const struct render_config *config, struct vcr_why *why);
void render_close(struct render **r);
/* Takes what has come and does the one thing that is due first, when its time has come; *ret_due_us: when the next will be. False when vcrd closed the control socket. */
bool render_step(struct render *r, int64_t *ret_due_us);
/* Steps and waits until vcrd closes the control socket. */
void render_run(struct render *r);
