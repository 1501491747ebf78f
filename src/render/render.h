/* render/render.h - the program vcr-render: seats for sessions, run earliest deadline first on one thread.
 *
 * Before each frame the control socket is emptied, so a command shows in the next frame that is drawn. When the time is not enough it sheds in a stated order
 * (encoder effort, then every second picture) and a frame whose time has passed is left out: never unbounded lateness. Ends when vcrd closes the control socket. */
#pragma once
#include "base/why.h"

struct render;
/* The descriptors of wire/render_msg.h; seals the process (seal.h) before the first message is read. */
enum vcr_err render_open(struct render **ret, int control_fd, int ring_fd, int wake_fd, struct vcr_why *why);
void render_close(struct render **r);
/* VCR_OK when vcrd closed the control socket. */
enum vcr_err render_run(struct render *r, struct vcr_why *why);
