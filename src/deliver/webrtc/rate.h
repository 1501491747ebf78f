/* deliver/webrtc/rate.h - how many bits a second a programme may have, by what its viewers' lines carry.
 *
 * A viewer's estimate (REMB, draft-alvestrand-rmcat-remb) can say little of a line that is not filled: a browser lets it rise to one and a half times what arrives, so with a still
 * picture it is far below what the line carries (the same as GCC's application-limited case, draft-ietf-rmcat-gcc-02 section 5.5). Therefore only an estimate below what is being sent
 * can be a limit; and only once it falls, or has not risen for two seconds: in PLAY after a still picture a browser's estimate comes up by 8 % a second, half a minute long, from next
 * to nothing. A limit is lifted by a higher estimate, and by and by when none is below what is sent.
 * One viewer has the programme for itself. Several share it: it goes by the slowest of those whose line carries at least half of what the fastest one's does, or of the full picture
 * where that is less. Who has less gets key frames only, so that one bad line never costs the others more than half of theirs.
 * Units    bit/s of the whole connection: sound, picture, resends, headers of RTP and SRTP.     Threads  none. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* 0 bit/s: nothing is known that limits it. */
struct rate_line { /* one viewer's */
    int64_t limit_bps;
    int64_t checked_us; /* when the limit was last found to be one, or raised to try */
    int64_t estimate_bps;   /* the last one */
    int64_t still_since_us; /* since when estimates are below what is sent and do not rise; 0: they are not */
};
/* An estimate has come; sent_bps: over about the last second, 0: not known yet. */
void rate_line_heard(struct rate_line *l, int64_t estimate_bps, int64_t sent_bps, int64_t now_us);
/* Its limit is known from elsewhere (cc.h). */
void rate_line_is(struct rate_line *l, int64_t limit_bps);
/* Called often: a limit that is not confirmed is raised. */
void rate_line_tick(struct rate_line *l, int64_t now_us);

struct rate_shared { /* a programme's, being added up: zero it first, add each viewer in both rounds */
    int64_t fastest_bps, bps;
};
void rate_first_round(struct rate_shared *s, const struct rate_line *l);
/* After all went through the first round. False: this one shall have key frames only. */
bool rate_second_round(struct rate_shared *s, const struct rate_line *l);
/* Whether `now` differs enough from what was told `since_us` ago: at once downwards, once a second upwards, never by less than a twentieth. */
bool rate_is_news(int64_t told_bps, int64_t now_bps, int64_t since_us);
