/* deck/motion.c - the tape at the heads: threading, playing, searching, steps, and what the stretch of tape there gives to see and to hear.
 *
 * The position is only ever the integral of a rate. What the tape runs into (its ends, the edge of a recording) is an event, due at the first microsecond at or
 * past it. */
#include <string.h>

#include "base/util.h"
#include "deck/motion.h"

/* What each mode shows and sounds like when the tape is readable; of the heads' modes deck_show has the exceptions. */
static const struct { uint8_t picture, sound; } modes[DECK_MODES] = {
    [DECK_OFF] = { DECK_PICTURE_NONE, DECK_SOUND_MUTED },           [DECK_EJECTED] = { DECK_PICTURE_BLUE, DECK_SOUND_MUTED },
    [DECK_LOADING] = { DECK_PICTURE_BLUE, DECK_SOUND_MUTED },       [DECK_STOP] = { DECK_PICTURE_BLUE, DECK_SOUND_MUTED },
    [DECK_PLAY] = { DECK_PICTURE_TAPE, DECK_SOUND_HIFI },           [DECK_PAUSE] = { DECK_PICTURE_TAPE, DECK_SOUND_MUTED },
    [DECK_SLOW] = { DECK_PICTURE_TAPE, DECK_SOUND_MUTED },          [DECK_CUE] = { DECK_PICTURE_TAPE, DECK_SOUND_MUTED },
    [DECK_REVIEW] = { DECK_PICTURE_TAPE, DECK_SOUND_MUTED },        [DECK_FAST_FORWARD] = { DECK_PICTURE_BLUE, DECK_SOUND_MUTED },
    [DECK_REWIND] = { DECK_PICTURE_BLUE, DECK_SOUND_MUTED },        [DECK_INDEX_SEARCH] = { DECK_PICTURE_BLUE, DECK_SOUND_MUTED },
    [DECK_RECORD] = { DECK_PICTURE_INPUT, DECK_SOUND_HIFI },        [DECK_RECORD_PAUSE] = { DECK_PICTURE_INPUT, DECK_SOUND_HIFI },
    [DECK_EJECTING] = { DECK_PICTURE_BLUE, DECK_SOUND_MUTED },      [DECK_FAULT] = { DECK_PICTURE_BLUE, DECK_SOUND_MUTED },
};

void deck_arm(struct deck *d, enum deck_event event, int64_t at_us)
{
    d->event = (uint8_t)event;
    d->event_us = at_us;
}

void deck_move(struct deck *d, int64_t t, int32_t rate_from, int32_t rate, int64_t ramp_us)
{
    struct deck_snapshot *s = &d->snap;
    s->pos_us = deck_snapshot_position_us(s, t);
    s->since_us = t;
    s->rate_from = rate_from;
    s->rate = rate;
    s->ramp_us = ramp_us;
}

void deck_set_mode(struct deck *d, enum deck_mode mode)
{
    struct deck_snapshot *s = &d->snap;
    s->mode = (uint8_t)mode;
    s->picture = mode == DECK_STOP && d->input ? DECK_PICTURE_INPUT : modes[mode].picture;
    s->sound = mode == DECK_STOP && d->input ? DECK_SOUND_HIFI : modes[mode].sound;
}

void deck_leave_heads(struct deck *d)
{
    d->at_heads = false;
    d->edge_us = d->blue_us = d->count_us = INT64_MAX;
    d->snap.picture_at_us = d->snap.lock_at_us = 0;
    d->snap.servo = DECK_SERVO_LOCKED;
}

void deck_rest(struct deck *d, enum deck_mode mode, int64_t t)
{
    deck_move(d, t, 0, 0, 0);
    deck_set_mode(d, mode);
    deck_leave_heads(d);
    deck_count_here(d, t);
    deck_arm(d, DECK_EV_NONE, INT64_MAX);
    d->held = false;
    d->timer_us = d->timeout_us = INT64_MAX;
    d->threaded = d->threaded && mode == DECK_STOP && d->profile->stop_unthread_us > 0;
    if (d->threaded)
        d->timeout_us = t + d->profile->stop_unthread_us;
}

static int32_t rate_of(const struct deck *d)
{
    int32_t search = d->profile->search[VCR_MIN(d->snap.tape_speed, 2)][d->search_step] * DECK_PLAY_RATE;
    switch (d->snap.mode) {
    case DECK_PLAY:
        return DECK_PLAY_RATE;
    case DECK_RECORD:
        return d->recording ? DECK_PLAY_RATE : 0;
    case DECK_SLOW:
        return d->slow_rate;
    case DECK_CUE:
        return search;
    case DECK_REVIEW:
        return -search;
    default:
        return 0;
    }
}

/* Hi-Fi needs the heads on their tracks: away from play speed there is the linear track, where the deck lets it through. */
static enum deck_sound sound_of(const struct deck *d, bool readable)
{
    int32_t rate = rate_of(d);
    if (!readable || rate == 0)
        return DECK_SOUND_MUTED;
    if (d->snap.mode == DECK_PLAY)
        return d->linear ? DECK_SOUND_LINEAR : DECK_SOUND_HIFI;
    return (rate < 0 ? -rate : rate) <= d->profile->search_sound * DECK_PLAY_RATE ? DECK_SOUND_LINEAR : DECK_SOUND_MUTED;
}

/* How the picture, the sound and the servo take what is at the heads now; before: what was there, NULL: the tape just came to them. */
static void show(struct deck *d, const struct deck_place *before, int64_t t)
{
    struct deck_snapshot *s = &d->snap;
    const struct deck_profile *p = d->profile;
    bool readable = d->place.recorded && !d->place.missing, was = !before || (before->recorded && !before->missing);
    bool play = s->mode == DECK_PLAY;
    int64_t relock_us = !before ? 0 : !was ? p->lock_us : play && before->speed != d->place.speed ? p->speed_lock_us : 0;
    if (deck_is_recording(d)) {
        d->blue_us = INT64_MAX;
        s->lock_at_us = 0;
        s->servo = DECK_SERVO_LOCKED;
        s->tape_speed = d->record_speed;
        return;
    }
    if (d->place.recorded) {
        if (before && s->tape_speed != d->place.speed)
            s->osd_until_us = VCR_MAX(s->osd_until_us, t + p->osd_us); /* SP, LP, EP */
        s->tape_speed = d->place.speed;
    }
    s->sound = (uint8_t)sound_of(d, readable);
    if (!readable) {
        if (was)
            s->osd_until_us = VCR_MAX(s->osd_until_us, t + p->osd_us); /* BLANK TAPE */
        bool goes_blue = play && !d->settings.snow && p->blue_after_us > 0;
        if (!goes_blue || s->picture != DECK_PICTURE_BLUE) {
            d->blue_us = !goes_blue ? INT64_MAX : VCR_MIN(d->blue_us, t + p->blue_after_us);
            s->picture = DECK_PICTURE_SNOW;
        }
        s->lock_at_us = 0;
        s->servo = DECK_SERVO_LOST;
        return;
    }
    d->blue_us = INT64_MAX;
    s->picture = DECK_PICTURE_TAPE;
    if (relock_us > 0) {
        s->lock_at_us = VCR_MAX(s->lock_at_us, t + relock_us);
        s->servo = DECK_SERVO_SPINNING_UP;
    }
}

/* The stretch that lies at the heads when the tape goes on like this. */
static void look_at_tape(struct deck *d, int64_t t)
{
    struct deck_place before = d->place;
    bool was_there = d->at_heads;
    bool backward = d->snap.mode == DECK_REVIEW || (d->snap.mode == DECK_SLOW && d->slow_rate < 0);
    d->place = deck_place_at(d, deck_position_us(d, t), backward);
    d->at_heads = true;
    show(d, was_there ? &before : NULL, t);
    deck_count_from(d, &d->place);
}

void deck_run_on(struct deck *d, int64_t t)
{
    look_at_tape(d, t);
    int32_t rate = rate_of(d);
    deck_move(d, t, rate, rate, 0);
    int64_t pos = d->snap.pos_us;
    deck_arm(d, DECK_EV_NONE, INT64_MAX);
    d->edge_us = INT64_MAX;
    if (rate > 0) {
        deck_arm(d, DECK_EV_END, t + deck_div_up((d->snap.length_us - pos) * DECK_PLAY_RATE, rate));
        if (d->place.to_us < d->snap.length_us)
            d->edge_us = t + deck_div_up((d->place.to_us - pos) * DECK_PLAY_RATE, rate);
    } else if (rate < 0) {
        deck_arm(d, DECK_EV_START, t + deck_div_up(pos * DECK_PLAY_RATE, -(int64_t)rate));
        if (d->place.from_us > 0)
            d->edge_us = t + deck_div_up((pos - d->place.from_us) * DECK_PLAY_RATE, -(int64_t)rate);
    }
}

void deck_run(struct deck *d, int64_t t)
{
    if (d->snap.mode == DECK_RECORD && !d->recording)
        deck_record_begin(d, t);
    deck_run_on(d, t);
    bool still = d->snap.mode == DECK_PAUSE || d->snap.mode == DECK_SLOW;
    d->timeout_us = still                               ? t + d->profile->still_timeout_us
                    : d->snap.mode == DECK_RECORD_PAUSE ? t + d->profile->record_pause_timeout_us
                                                        : INT64_MAX;
}

void deck_engage(struct deck *d, enum deck_mode mode, int64_t relock_us, int64_t t)
{
    struct deck_snapshot *s = &d->snap;
    bool threading = deck_is_threading(d), played = s->mode == DECK_PLAY;
    if (mode == DECK_PLAY && s->mode == DECK_STOP)
        s->tracking = INT16_MIN;
    d->pending = 0;
    deck_set_mode(d, mode);
    if (threading)
        return; /* goes on, and then runs in the new mode */
    if (!d->at_heads) {
        deck_move(d, t, 0, 0, 0);
        deck_count_here(d, t);
        s->picture_at_us = t + (d->threaded ? d->profile->rethread_us : d->profile->thread_us);
        s->lock_at_us = s->picture_at_us + d->profile->lock_us;
        s->servo = DECK_SERVO_SPINNING_UP;
        d->timeout_us = d->count_us = INT64_MAX;
        deck_arm(d, DECK_EV_THREADED, s->picture_at_us);
        return;
    }
    if (mode == DECK_RECORD && !played) { /* a cut as clean as it can be: back a little, and run in */
        deck_move(d, t, 0, 0, 0);
        look_at_tape(d, t);
        d->edge_us = d->timeout_us = INT64_MAX;
        deck_arm(d, DECK_EV_RECORDS, t + d->profile->backspace_us);
        return;
    }
    if (relock_us > 0) {
        s->lock_at_us = t + relock_us;
        s->servo = DECK_SERVO_SPINNING_UP;
    }
    deck_run(d, t);
}

void deck_step(struct deck *d, int frames, int64_t t)
{
    if (d->snap.mode != DECK_PAUSE)
        deck_engage(d, DECK_PAUSE, 0, t);
    int64_t pos = deck_position_us(d, t), from = d->event == DECK_EV_STEPPED ? d->target_us : pos;
    d->target_us = VCR_CLAMP(from + frames * d->tape.frame_us, 0, d->snap.length_us);
    int32_t rate = d->target_us > pos ? DECK_PLAY_RATE : d->target_us < pos ? -DECK_PLAY_RATE : 0;
    deck_move(d, t, rate, rate, 0);
    deck_arm(d, DECK_EV_STEPPED, t + (rate < 0 ? pos - d->target_us : d->target_us - pos));
    d->edge_us = d->timeout_us = INT64_MAX;
}
