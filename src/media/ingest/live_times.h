/* media/ingest/live_times.h - puts the times of a live stream, which may jump, stand still and begin anywhere, on the common monotonic clock. PURE.
 *
 * A stream keeps its offset as long as its times go on as time itself does, or as packets do. Where they jump (an encoder was started anew, a programme changed) they go
 * on from where they were; the other stream, which jumps a little earlier or later, is given the same offset, so that sound and picture stay together. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { LIVE_TIMES_TRACKS = 2 };
struct live_times {
    bool begun;
    int64_t newest_us;        /* the offset found last */
    struct live_track_times {
        bool begun;
        int64_t offset_us, in_us, out_us, heard_us;
    } track[LIVE_TIMES_TRACKS];
};
/* in_us: as it came, in decode order; now_us: the clock. *ret_jumped: it does not follow what came before. */
int64_t live_times_map(struct live_times *t, int track, int64_t in_us, int64_t now_us, bool *ret_jumped);
