/* deck/wind.c - winding: its acceleration and its braking, and where it is to end.
 *
 * A wind runs in phases (accelerate, full speed, slow down, creep to the target), each one snapshot; every phase is decided from where the tape is and how
 * fast it goes, so a new target needs no special case. Where a wind arrives the position is set to the target, less than one microsecond of that wind away. */
#include "base/util.h"
#include "deck/motion.h"

__extension__ typedef __int128 wide;

enum { CREEP_DIVISOR = 16, CREEP_US = 400000, FAST_BRAKE_DIVISOR = 6 };

/* Full winding speed, so that a T-120 takes the profile's time with everything: accelerating, slowing down, creeping. The reels turn as fast in LP and EP, where
 * twice and three times as much fits on the tape. */
static int64_t wind_rate(const struct deck *d)
{
    const struct deck_profile *p = d->profile;
    int64_t full = d->settings.winding_real ? p->wind_full_us : p->wind_full_fast_us;
    int64_t at_full_us = full - p->wind_ramp_us - CREEP_US + (p->wind_ramp_us / 2 + CREEP_US) / CREEP_DIVISOR;
    return 7200 * INT64_C(1000000) * 65536 / VCR_MAX(at_full_us, 1000000) * (1 + VCR_MIN(d->tape.tape_speed, 2));
}

/* The seek's place, the mark, the counter's zero when the memory is on, or the end of the tape. */
static int64_t wind_target(struct deck *d, int64_t pos)
{
    int64_t at_us;
    if (deck_is_pending(d, DECK_CMD_SEEK))
        return d->pending_position_us;
    if (d->snap.mode == DECK_INDEX_SEARCH) {
        d->index_found = deck_mark_ahead(d, d->index_from_us, d->index_count, &at_us) && (at_us - pos) * d->direction >= 0;
        if (d->index_found)
            return at_us;
    } else if (d->memory && deck_zero_ahead(d, pos, d->direction, &at_us)) {
        return at_us;
    }
    return d->direction < 0 ? 0 : d->snap.length_us;
}

void deck_count_due(struct deck *d, int64_t t)
{
    enum { EVERY_US = 200000 };
    const struct deck_snapshot *s = &d->snap;
    d->count_us = INT64_MAX;
    if (!deck_is_winding(d))
        return;
    deck_count_here(d, t);
    if (t < s->osd_until_us && (s->count_from_us > 0 || s->count_to_us < s->length_us))
        d->count_us = t + EVERY_US;
}

static int64_t isqrt(wide n)
{
    wide lo = 0, hi = INT64_C(1) << 32;
    while (lo < hi) {
        wide mid = (lo + hi + 1) / 2;
        if (mid * mid <= n)
            lo = mid;
        else
            hi = mid - 1;
    }
    return (int64_t)lo;
}

/* One phase of a wind from v to the rate `to`, covering `way` of tape. */
static void wind_phase(struct deck *d, int64_t t, int64_t v, int64_t to, wide way)
{
    int64_t ramp_us = (int64_t)(2 * way * 65536 / VCR_MAX(v + to, 1));
    ramp_us = VCR_MAX(ramp_us, 1);
    deck_move(d, t, (int32_t)(d->direction * v), (int32_t)(d->direction * to), ramp_us);
    deck_arm(d, DECK_EV_WIND, t + ramp_us);
}

void deck_wind_step(struct deck *d, int64_t t)
{
    int64_t pos = deck_position_us(d, t);
    int64_t way = (d->target_us - pos) * d->direction;
    if (way <= 0) {
        deck_wind_arrived(d, t);
        return;
    }
    int32_t rate = deck_snapshot_rate(&d->snap, t);
    wide v = rate < 0 ? -(int64_t)rate : rate, full = wind_rate(d), creep = full / CREEP_DIVISOR;
    wide creep_way = creep * CREEP_US / 65536, left = way - creep_way;
    if (left <= 0 && v <= creep) {
        deck_move(d, t, (int32_t)(d->direction * creep), (int32_t)(d->direction * creep), 0);
        deck_arm(d, DECK_EV_WIND, t + deck_div_up(way * 65536, (int64_t)creep));
        return;
    }
    /* Speed from which slowing down by the same slope ends just where creeping begins. */
    wide ramp_us = d->profile->wind_ramp_us;
    wide peak = left > 0 ? isqrt(left * 65536 * full / ramp_us + (v * v + creep * creep) / 2) : 0;
    wide slow_way = v > creep ? (v * v - creep * creep) * ramp_us / (2 * full) / 65536 : 0;
    if (v < full && peak > v + creep / 8) {
        wide to = VCR_MIN(peak, full);
        wind_phase(d, t, (int64_t)v, (int64_t)to, (v + to) * (to - v) * ramp_us / (2 * full) / 65536);
    } else if (left - slow_way > full / 65536 * 1000) {
        wind_phase(d, t, (int64_t)v, (int64_t)v, left - slow_way);
    } else {
        wind_phase(d, t, (int64_t)v, (int64_t)creep, left > 0 ? left : way / 2);
    }
}

void deck_wind(struct deck *d, enum deck_mode mode, int direction, int64_t t)
{
    bool unthreads = d->threaded && !d->profile->full_load && d->profile->unthread_us > 0;
    deck_move(d, t, 0, 0, 0);
    deck_set_mode(d, mode);
    deck_leave_heads(d);
    d->threaded = d->threaded && d->profile->full_load;
    d->held = false;
    d->timeout_us = INT64_MAX;
    deck_count_due(d, t);
    d->direction = (int8_t)direction;
    d->target_us = wind_target(d, d->snap.pos_us);
    if (unthreads)
        deck_arm(d, DECK_EV_WIND, t + d->profile->unthread_us);
    else
        deck_wind_step(d, t);
}

void deck_wind_plan(struct deck *d, int64_t t)
{
    if (!deck_is_winding(d) || deck_is_braking(d))
        return;
    d->target_us = wind_target(d, deck_position_us(d, t));
    if (d->snap.rate != 0) /* else it unthreads, and sees then */
        deck_wind_step(d, t);
}

void deck_brake(struct deck *d, int64_t t)
{
    int64_t us = d->settings.winding_real ? d->profile->brake_us : d->profile->brake_us / FAST_BRAKE_DIVISOR;
    deck_move(d, t, deck_snapshot_rate(&d->snap, t), 0, us);
    deck_arm(d, DECK_EV_BRAKED, t + us);
}
