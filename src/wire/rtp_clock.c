/* wire/rtp_clock.c - see rtp_clock.h. */
#include "wire/rtp_clock.h"

#include "base/util.h"

/* How fast a time may move, in parts of the time that passes: a picture's, and all at the beginning; a sound's, so slowly that nobody hears it; and with the drift of clocks. */
enum { SLEW_FAST = 8, SLEW_SLOW = 100, SLEW_DRIFT = 500, BEGINNING_US = 2000000 };

static void least_take(struct clock_least *l, int64_t value, int64_t now_us)
{
    if (!l->has || now_us - l->since_us >= CLOCK_WINDOW_US) {
        l->before = l->value;
        l->has_before = l->has && now_us - l->since_us < 2 * (int64_t)CLOCK_WINDOW_US;
        l->value = value;
        l->since_us = now_us;
        l->has = true;
    }
    l->value = VCR_MIN(l->value, value);
}

static int64_t least_of(const struct clock_least *l) { return l->has_before ? VCR_MIN(l->value, l->before) : l->value; }

void rtp_clock_init(struct rtp_clock *c, uint32_t rate_hz, bool leads) { *c = (struct rtp_clock) { .rate_hz = rate_hz, .leads = leads, .last_pts_us = INT64_MIN }; }

static int64_t stream_us(const struct rtp_clock *c, uint32_t ts)
{
    int64_t t = c->wide + (int32_t)(ts - c->last_ts), hz = c->rate_hz; /* near the last one, before or after it */
    return t / hz * 1000000 + t % hz * 1000000 / hz;
}

/* Whether its last report is on the clock that the base is about. */
static bool is_placed(const struct rtp_clock *c, const struct rtp_base *base) { return c->reported && base->set && c->epoch == base->epoch; }

void rtp_clock_arrived(struct rtp_clock *c, struct rtp_base *base, uint32_t ts, int64_t now_us)
{
    if (!c->started) {
        c->started = true;
        c->ts0 = c->last_ts = ts;
        c->begun_us = now_us;
    }
    int32_t ahead = (int32_t)(ts - c->last_ts);
    if (ahead > 0) {
        c->wide += ahead;
        c->last_ts = ts;
    }
    int64_t us = stream_us(c, ts);
    least_take(&c->own, now_us - us, now_us);
    if (is_placed(c, base))
        least_take(&base->least, now_us - us - c->wall_us, now_us);
}

void rtp_clock_report(struct rtp_clock *c, struct rtp_base *base, uint32_t ts, uint64_t ntp)
{
    if (!c->started)
        return;
    int64_t wall_us = (int64_t)((ntp >> 32) * 1000000 + ((ntp & 0xffffffff) * 1000000 >> 32)) - stream_us(c, ts);
    int64_t moved_us = wall_us - c->wall_us;
    bool is_first = !c->reported, is_put = is_placed(c, base) && (moved_us > CLOCK_JUMP_US || moved_us < -CLOCK_JUMP_US);
    c->wall_us = wall_us;
    c->reported = true;
    if (is_put) { /* the publisher's clock was put: reports of before say nothing now */
        base->set = false;
        base->epoch++;
    }
    if (!base->set || (is_first && c->leads)) { /* this stream stays where it is, the others come to it */
        base->offset_us = (c->shown ? c->map_us : least_of(&c->own)) - wall_us;
        base->set = true;
        base->least = (struct clock_least) { 0 };
    }
    c->epoch = base->epoch;
}

static void follow_drift(struct rtp_base *base, int64_t now_us)
{
    int64_t step = (now_us - base->at_us) / SLEW_DRIFT;
    if (step < 1)
        return;
    if (base->at_us && base->least.has)
        base->offset_us += VCR_CLAMP(least_of(&base->least) - base->offset_us, -step, step);
    base->at_us = now_us;
}

int64_t rtp_clock_pts_us(struct rtp_clock *c, struct rtp_base *base, uint32_t ts, int64_t now_us)
{
    follow_drift(base, now_us);
    int64_t wanted = is_placed(c, base) ? c->wall_us + base->offset_us : least_of(&c->own), off = wanted - c->map_us;
    int64_t step = (now_us - c->at_us) / (c->leads && now_us - c->begun_us > BEGINNING_US ? SLEW_SLOW : SLEW_FAST);
    if (!c->shown || off > CLOCK_JUMP_US || off < -CLOCK_JUMP_US) {
        c->map_us = wanted;
        c->jumped |= c->shown;
    } else {
        c->map_us += VCR_CLAMP(off, -step, step);
    }
    c->shown = true;
    c->at_us = now_us;
    int64_t pts = VCR_MAX(stream_us(c, ts) + c->map_us, c->last_pts_us + 1);
    c->last_pts_us = pts;
    return pts;
}
