/* render/make.h - `vcr-render --make`: segments for players and for the cache, asked for one at a time (wire/make_msg.h).
 *
 * A segment is one CMAF fragment that is encoded by itself, from a key frame, by the canonical encode; what has a memory (the sound's filters and its codecs) hears what
 * comes before the segment first, so that segments join without a seam although each is made alone. The signal's picture has no memory.
 * Threads  one.     Ends when vcrd closes the control socket. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"
#include "wire/make_msg.h"

/* go_on: asked once a picture or frame of sound; false: nobody wants it any more (VCR_E_STALE). */
struct make_hooks {
    bool (*go_on)(void *arg);
    void *arg;
};
/* fds: where to write (stays the caller's), then as many as make_job_fds says: reels with their indexes (owned from the call on; -1: none, for an init segment that needs none). */
enum vcr_err make_segment(const struct make_job *job, const int *fds, const struct make_hooks *hooks, uint64_t *ret_bytes, struct vcr_why *why);

struct make_config {
    int control_fd;
    bool seals;               /* the process, before the first message is read */
};
/* Until vcrd closes the socket. */
enum vcr_err make_run(const struct make_config *config, struct vcr_why *why);
