/* media/ingest/live_times.c - see live_times.h. */
#include "media/ingest/live_times.h"

static const int64_t back_us = 500000, ahead_us = 3000000, near_us = 1000000, apart_us = 10000000, least_us = 20000;
static const int64_t most_us = INT64_C(4000000000000000); /* more than a century: no overflow */

static int64_t distance(int64_t a, int64_t b) { return a > b ? a - b : b - a; }

static bool goes_on(const struct live_track_times *s, int64_t in_us, int64_t elapsed_us)
{
    int64_t step = in_us - s->in_us;
    return (step >= -back_us && step <= ahead_us) || (step > 0 && distance(step, elapsed_us) < near_us);
}

int64_t live_times_map(struct live_times *t, int track, int64_t in_us, int64_t now_us, bool *ret_jumped)
{
    struct live_track_times *s = &t->track[track];
    in_us = in_us < -most_us ? -most_us : in_us > most_us ? most_us : in_us;
    int64_t elapsed_us = now_us - s->heard_us;
    *ret_jumped = s->begun && !goes_on(s, in_us, elapsed_us);
    if (!t->begun) {
        t->newest_us = now_us - in_us;
        t->begun = true;
    }
    if (!s->begun || *ret_jumped) {
        int64_t expected_us = s->begun ? s->out_us + (elapsed_us > least_us ? elapsed_us : least_us) : now_us;
        int64_t may_us = s->begun ? near_us : apart_us;
        if (distance(in_us + t->newest_us, expected_us) > may_us)
            t->newest_us = expected_us - in_us;
        s->offset_us = t->newest_us;
        s->begun = true;
    }
    s->in_us = in_us;
    s->out_us = in_us + s->offset_us;
    s->heard_us = now_us;
    return s->out_us;
}
