/* deck/motion.c - the moves of the mechanism: threading, playing, searching, winding with its acceleration, braking, the ends of the tape.
 *
 * The position is only ever the integral of a rate; where a wind arrives it is set to the target, which is less than one microsecond of that wind away.
 * A wind runs in phases (accelerate, full speed, slow down, creep to the target), each one snapshot; every phase is decided from where the tape is and how
 * fast it goes, so a new target needs no special case. */
#include "deck/motion.h"

#include <string.h>

#include "base/util.h"

__extension__ typedef __int128 wide;

enum { PLAY_RATE = 65536, CREEP_DIVISOR = 16, CREEP_US = 400000, FAST_BRAKE_DIVISOR = 6 };

static int64_t div_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

static void arm(struct deck *d, enum deck_event event, int64_t at_us)
{
    d->event = (uint8_t)event;
    d->event_us = at_us;
}

/* From t on the tape moves like this. */
static void move(struct deck *d, int64_t t, int32_t rate_from, int32_t rate, int64_t ramp_us)
{
    struct deck_snapshot *s = &d->snap;
    s->pos_us = deck_snapshot_position_us(s, t);
    s->since_us = t;
    s->rate_from = rate_from;
    s->rate = rate;
    s->ramp_us = ramp_us;
}

static void set_mode(struct deck *d, enum deck_mode mode)
{
    static const uint8_t picture[DECK_MODES] = {
        [DECK_EJECTED] = DECK_PICTURE_BLUE, [DECK_LOADING] = DECK_PICTURE_BLUE, [DECK_STOP] = DECK_PICTURE_BLUE,
        [DECK_PLAY] = DECK_PICTURE_TAPE, [DECK_PAUSE] = DECK_PICTURE_TAPE, [DECK_SLOW] = DECK_PICTURE_TAPE,
        [DECK_CUE] = DECK_PICTURE_TAPE, [DECK_REVIEW] = DECK_PICTURE_TAPE, [DECK_FAST_FORWARD] = DECK_PICTURE_BLUE,
        [DECK_REWIND] = DECK_PICTURE_BLUE, [DECK_EJECTING] = DECK_PICTURE_BLUE,
    };
    struct deck_snapshot *s = &d->snap;
    s->mode = (uint8_t)mode;
    s->picture = picture[mode];
    if (s->picture == DECK_PICTURE_TAPE && d->tape.blank)
        s->picture = DECK_PICTURE_SNOW;
    s->sound = mode == DECK_PLAY && !d->tape.blank ? DECK_SOUND_HIFI : DECK_SOUND_MUTED;
}

/* Heads away from the tape: no threading, no lock under way. */
static void clear_servo(struct deck *d)
{
    d->snap.picture_at_us = d->snap.lock_at_us = 0;
    d->snap.servo = DECK_SERVO_LOCKED;
}

void deck_rest(struct deck *d, enum deck_mode mode, int64_t t)
{
    move(d, t, 0, 0, 0);
    set_mode(d, mode);
    clear_servo(d);
    arm(d, DECK_EV_NONE, INT64_MAX);
    d->held = false;
    d->timeout_us = INT64_MAX;
    if (mode == DECK_STOP && d->threaded)
        d->timeout_us = t + d->profile->stop_unthread_us;
    if (mode != DECK_STOP)
        d->threaded = false;
}

/* The rate of a mode with the tape at the heads, and when it runs into an end. */
static void run(struct deck *d, int64_t t)
{
    const int32_t rates[DECK_MODES] = {
        [DECK_PLAY] = PLAY_RATE, [DECK_SLOW] = d->slow_rate, [DECK_CUE] = d->profile->cue_rate, [DECK_REVIEW] = d->profile->review_rate,
    };
    int32_t rate = rates[d->snap.mode];
    move(d, t, rate, rate, 0);
    int64_t pos = d->snap.pos_us;
    arm(d, DECK_EV_NONE, INT64_MAX);
    if (rate > 0)
        arm(d, DECK_EV_END, t + div_up((d->snap.length_us - pos) * 65536, rate));
    else if (rate < 0)
        arm(d, DECK_EV_START, t + div_up(pos * 65536, -(int64_t)rate));
    bool still = d->snap.mode == DECK_PAUSE || d->snap.mode == DECK_SLOW;
    d->timeout_us = still ? t + d->profile->still_timeout_us : INT64_MAX;
}

void deck_engage(struct deck *d, enum deck_mode mode, int64_t relock_us, int64_t t)
{
    struct deck_snapshot *s = &d->snap;
    bool at_heads = s->mode == DECK_PLAY || s->mode == DECK_PAUSE || s->mode == DECK_SLOW || s->mode == DECK_CUE || s->mode == DECK_REVIEW;
    bool threading = deck_is_threading(d);
    d->pending = 0;
    set_mode(d, mode);
    if (threading)
        return; /* goes on, and then runs in the new mode */
    if (at_heads) {
        if (relock_us > 0) {
            s->lock_at_us = t + relock_us;
            s->servo = DECK_SERVO_SPINNING_UP;
        }
        run(d, t);
        return;
    }
    move(d, t, 0, 0, 0);
    s->picture_at_us = t + (d->threaded ? d->profile->thread_us / 2 : d->profile->thread_us);
    s->lock_at_us = s->picture_at_us + d->profile->lock_us;
    s->servo = DECK_SERVO_SPINNING_UP;
    d->timeout_us = INT64_MAX;
    arm(d, DECK_EV_THREADED, s->picture_at_us);
}

void deck_step(struct deck *d, int frames, int64_t t)
{
    if (d->snap.mode != DECK_PAUSE || deck_is_threading(d))
        deck_engage(d, DECK_PAUSE, 0, t);
    int64_t pos = deck_position_us(d, t), from = d->event == DECK_EV_STEPPED ? d->target_us : pos;
    d->target_us = VCR_CLAMP(from + frames * d->tape.frame_us, 0, d->snap.length_us);
    int32_t rate = d->target_us > pos ? PLAY_RATE : d->target_us < pos ? -PLAY_RATE : 0;
    move(d, t, rate, rate, 0);
    arm(d, DECK_EV_STEPPED, t + (rate < 0 ? pos - d->target_us : d->target_us - pos));
    d->timeout_us = INT64_MAX;
}

/* Full winding speed, so that a T-120 takes the profile's time with everything: accelerating, slowing down, creeping. */
static int64_t wind_rate(const struct deck *d)
{
    const struct deck_profile *p = d->profile;
    int64_t full = d->settings.winding_real ? p->wind_full_us : p->wind_full_fast_us;
    int64_t at_full_us = full - p->wind_ramp_us - CREEP_US + (p->wind_ramp_us / 2 + CREEP_US) / CREEP_DIVISOR;
    return 7200 * INT64_C(1000000) * 65536 / VCR_MAX(at_full_us, 1000000);
}

/* Where the wind is to end: the seek's place, the counter's zero when the memory is on, or the end of the tape. */
static int64_t wind_target(const struct deck *d, int64_t pos)
{
    if (d->pending == DECK_CMD_SEEK + 1)
        return d->pending_position_us;
    int64_t zero = d->snap.counter_base_us;
    if (d->memory && (d->direction < 0 ? zero < pos : zero > pos))
        return VCR_CLAMP(zero, 0, d->snap.length_us);
    return d->direction < 0 ? 0 : d->snap.length_us;
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

static void wind_arrived(struct deck *d, int64_t t);

/* One phase of a wind from v to the rate `to`, covering `way` of tape. */
static void wind_phase(struct deck *d, int64_t t, int64_t v, int64_t to, wide way)
{
    int64_t ramp_us = (int64_t)(2 * way * 65536 / VCR_MAX(v + to, 1));
    ramp_us = VCR_MAX(ramp_us, 1);
    move(d, t, (int32_t)(d->direction * v), (int32_t)(d->direction * to), ramp_us);
    arm(d, DECK_EV_WIND, t + ramp_us);
}

static void wind_step(struct deck *d, int64_t t)
{
    int64_t pos = deck_position_us(d, t);
    int64_t way = (d->target_us - pos) * d->direction;
    if (way <= 0) {
        wind_arrived(d, t);
        return;
    }
    int32_t rate = deck_snapshot_rate(&d->snap, t);
    wide v = rate < 0 ? -(int64_t)rate : rate, full = wind_rate(d), creep = full / CREEP_DIVISOR;
    wide creep_way = creep * CREEP_US / 65536, left = way - creep_way;
    if (left <= 0 && v <= creep) {
        move(d, t, (int32_t)(d->direction * creep), (int32_t)(d->direction * creep), 0);
        arm(d, DECK_EV_WIND, t + div_up(way * 65536, (int64_t)creep));
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

static void wind(struct deck *d, int direction, int64_t t)
{
    move(d, t, 0, 0, 0);
    set_mode(d, direction < 0 ? DECK_REWIND : DECK_FAST_FORWARD);
    clear_servo(d);
    d->threaded = d->held = false;
    d->timeout_us = INT64_MAX;
    d->direction = (int8_t)direction;
    d->target_us = wind_target(d, d->snap.pos_us);
    wind_step(d, t);
}

void deck_rewind_plan(struct deck *d, int64_t t)
{
    if (!deck_is_winding(d) || deck_is_braking(d))
        return;
    d->target_us = wind_target(d, deck_position_us(d, t));
    wind_step(d, t);
}

/* What a pending command does once the reels stand still; a seek's own pending stays until it has arrived. */
static void perform(struct deck *d, enum deck_cmd cmd, int64_t t)
{
    int64_t pos = deck_position_us(d, t);
    d->pending = 0;
    if (cmd == DECK_CMD_PLAY && pos < d->snap.length_us) {
        deck_engage(d, DECK_PLAY, 0, t);
    } else if (cmd == DECK_CMD_PLAY) { /* loaded at its end: from the beginning */
        d->pending = DECK_CMD_PLAY + 1;
        wind(d, -1, t);
    } else if (cmd == DECK_CMD_REWIND) {
        wind(d, -1, t);
    } else if (cmd == DECK_CMD_FAST_FORWARD) {
        wind(d, 1, t);
    } else if (cmd == DECK_CMD_SEEK && d->pending_position_us == pos) {
        deck_engage(d, DECK_PAUSE, 0, t);
    } else if (cmd == DECK_CMD_SEEK) {
        d->pending = DECK_CMD_SEEK + 1;
        wind(d, d->pending_position_us < pos ? -1 : 1, t);
    } else if (cmd == DECK_CMD_EJECT) {
        deck_rest(d, DECK_EJECTING, t);
        arm(d, DECK_EV_EJECTED, t + d->profile->eject_us);
    } else {
        d->power = false;
        deck_rest(d, DECK_OFF, t);
    }
}

static void wind_arrived(struct deck *d, int64_t t)
{
    bool at_zero = d->memory && d->target_us == d->snap.counter_base_us && d->pending != DECK_CMD_SEEK + 1;
    bool at_end = d->target_us == 0 || d->target_us == d->snap.length_us;
    move(d, t, 0, 0, 0);
    d->snap.pos_us = d->target_us;
    if (d->pending == DECK_CMD_SEEK + 1) {
        deck_engage(d, DECK_PAUSE, 0, t);
    } else if (d->pending) {
        perform(d, (enum deck_cmd)(d->pending - 1), t);
    } else {
        deck_rest(d, DECK_STOP, t);
        if (!d->stop_reason) /* the rewind after the end keeps telling "end" */
            d->stop_reason = at_zero && !at_end ? "memory" : d->direction < 0 ? "start" : "end";
    }
}

static void brake(struct deck *d, int64_t t)
{
    int64_t us = d->settings.winding_real ? d->profile->brake_us : d->profile->brake_us / FAST_BRAKE_DIVISOR;
    move(d, t, deck_snapshot_rate(&d->snap, t), 0, us);
    arm(d, DECK_EV_BRAKED, t + us);
}

void deck_do_when_still(struct deck *d, enum deck_cmd cmd, int64_t t)
{
    if (deck_is_winding(d) && !deck_is_braking(d))
        brake(d, t);
    if (deck_is_braking(d))
        d->pending = (uint8_t)(cmd + 1);
    else
        perform(d, cmd, t);
}

void deck_stop(struct deck *d, const char *reason, int64_t t)
{
    d->pending = 0;
    d->stop_reason = reason;
    if (deck_is_winding(d) && !deck_is_braking(d))
        brake(d, t);
    if (deck_is_braking(d)) {
        set_mode(d, DECK_STOP); /* the reels run out */
        return;
    }
    if (d->snap.mode == DECK_STOP)
        return;
    d->threaded = !deck_is_threading(d);
    deck_rest(d, DECK_STOP, t);
}

static void at_end(struct deck *d, int64_t t)
{
    bool playing_on = d->repeat && d->snap.length_us > 0;
    d->stop_reason = "end";
    if (playing_on || d->settings.auto_rewind) {
        d->pending = playing_on ? DECK_CMD_PLAY + 1 : 0;
        wind(d, -1, t);
    } else {
        deck_stop(d, "end", t);
    }
}

static void loaded(struct deck *d, int64_t t)
{
    int pending = d->pending;
    d->pending = 0;
    deck_rest(d, DECK_STOP, t);
    if (pending)
        perform(d, (enum deck_cmd)(pending - 1), t);
    else if (d->settings.autoplay)
        perform(d, DECK_CMD_PLAY, t);
}

static void ejected(struct deck *d, int64_t t)
{
    bool off = d->pending == DECK_CMD_POWER + 1;
    d->pending = 0;
    d->tape_in = false;
    memset(&d->tape, 0, sizeof(d->tape));
    d->snap.pos_us = d->snap.length_us = d->snap.counter_base_us = 0;
    d->snap.seed = 0;
    d->snap.wear_16 = 0;
    d->power = !off;
    deck_rest(d, off ? DECK_OFF : DECK_EJECTED, t);
}

void deck_event_happened(struct deck *d, int64_t t)
{
    enum deck_event event = d->event;
    arm(d, DECK_EV_NONE, INT64_MAX);
    switch (event) {
    case DECK_EV_NONE:
        break;
    case DECK_EV_LOADED:
        loaded(d, t);
        break;
    case DECK_EV_EJECTED:
        ejected(d, t);
        break;
    case DECK_EV_THREADED:
        d->threaded = true;
        d->snap.picture_at_us = 0;
        run(d, t);
        break;
    case DECK_EV_WIND:
        wind_step(d, t);
        break;
    case DECK_EV_BRAKED:
        if (d->pending) {
            perform(d, (enum deck_cmd)(d->pending - 1), t);
        } else {
            deck_rest(d, DECK_STOP, t);
        }
        break;
    case DECK_EV_STEPPED:
        run(d, t);
        break;
    case DECK_EV_END:
        at_end(d, t);
        break;
    case DECK_EV_START:
        if (d->snap.mode == DECK_REVIEW)
            deck_engage(d, DECK_PLAY, d->profile->lock_us / 2, t);
        else
            deck_stop(d, "start", t);
        break;
    }
}
