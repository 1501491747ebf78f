/* wire/rtp_clock.h - RTP time stamps of one publisher's streams on our own clock, picture and sound together.
 *
 * A stream's time stamps only count from somewhere. Before its first sender report it is placed by those of its packets that came quickest in the last seconds, so that the delay of the
 * line counts as none. Reports put the streams of a publisher on its wall clock, and what that is to ours is shared by them: it is taken over from the stream that leads (the sound, whose
 * times must go on evenly) and then follows the drift of the two clocks. A better time is taken over gradually; only one more than CLOCK_JUMP_US off at once.
 * Threads  none.     Owns  nothing. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { CLOCK_JUMP_US = 300000, CLOCK_WINDOW_US = 4000000 };

struct clock_least { /* the least of the last one to two windows */
    bool has, has_before;
    int64_t value, before, since_us;
};
struct rtp_base { /* the publisher's wall clock against ours */
    bool set;
    unsigned epoch;            /* how often that clock was put */
    int64_t offset_us, at_us;  /* as used; when it was last moved */
    struct clock_least least;  /* as seen */
};
struct rtp_clock {
    /* set by init, then read-only */
    uint32_t rate_hz;
    bool leads;
    /* the reader's, who clears it */
    bool jumped; /* times do not go on from those before */
    /* its own */
    bool started, reported, shown;
    unsigned epoch;        /* of its last report */
    uint32_t ts0, last_ts;
    int64_t wide;          /* of last_ts, in ticks since ts0 */
    int64_t map_us, at_us; /* what is added now; when it was last moved */
    int64_t begun_us;
    struct clock_least own;
    int64_t wall_us;       /* the publisher's clock at ts0, by its last report */
    int64_t last_pts_us;
};
void rtp_clock_init(struct rtp_clock *c, uint32_t rate_hz, bool leads);
/* A packet came; for every one, in the order of arrival. */
void rtp_clock_arrived(struct rtp_clock *c, struct rtp_base *base, uint32_t ts, int64_t now_us);
/* A sender report: its time stamp and its NTP time. Before the first packet it says nothing. */
void rtp_clock_report(struct rtp_clock *c, struct rtp_base *base, uint32_t ts, uint64_t ntp);
/* The time of a packet on our clock; never goes back. */
int64_t rtp_clock_pts_us(struct rtp_clock *c, struct rtp_base *base, uint32_t ts, int64_t now_us);
