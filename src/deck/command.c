/* deck/command.c - the keys that move the tape. Which key does what in which mode is keys.c's table; what a key means is here. */
#include <string.h>

#include "base/util.h"
#include "deck/keys.h"

static enum vcr_err at_end(struct vcr_why *why)
{
    return vcr_refuse(why, VCR_E_CONFLICT, "/end-of-tape", "The tape is at its end: rewind it first.");
}

static bool is_at_end(const struct deck *d, int64_t t) { return deck_position_us(d, t) >= d->snap.length_us; }

static void power_on(struct deck *d, int64_t t)
{
    if (d->power)
        return;
    d->power = true;
    deck_rest(d, d->tape_in ? DECK_STOP : DECK_EJECTED, t);
}

enum vcr_err key_power(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    bool on = a->on < 0 ? !d->power : a->on;
    if (on && deck_is_pending(d, DECK_CMD_POWER))
        d->pending = 0;
    else if (on)
        power_on(d, t);
    else if (d->snap.mode == DECK_LOADING || d->snap.mode == DECK_EJECTING)
        d->pending = DECK_CMD_POWER + 1; /* the cassette lift finishes its way */
    else if (d->power)
        deck_do_when_still(d, DECK_CMD_POWER, t);
    return VCR_OK;
}

enum vcr_err key_insert(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    const struct deck_tape *tape = &a->tape;
    if (d->tape_in)
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-in-this-mode", "There is a tape in the deck: eject it first.");
    if (tape->length_us <= 0 || tape->length_us > INT64_C(48) * 3600 * 1000000 || tape->frame_us < 0 || tape->frame_us > 1000000 || tape->tape_speed > 2)
        return vcr_fail(why, VCR_E_INVALID, "This cannot be a tape.");
    struct deck_snapshot *s = &d->snap;
    deck_rest(d, DECK_LOADING, t);
    d->power = d->tape_in = true;
    d->sleep_after_record = false;
    d->tape = *tape;
    if (d->tape.frame_us == 0)
        d->tape.frame_us = 33367;
    s->length_us = tape->length_us;
    s->pos_us = VCR_CLAMP(tape->position_us, 0, tape->length_us);
    s->seed = tape->seed;
    s->wear_16 = VCR_CLAMP(tape->wear_16, 0, 16);
    s->tape_speed = d->record_speed = tape->tape_speed;
    s->tracking = INT16_MIN; /* a new tape is tracked anew */
    d->counter_zero_us = deck_counted_us(d, s->pos_us);
    deck_count_here(d, t);
    deck_arm(d, DECK_EV_LOADED, t + d->profile->load_us);
    return VCR_OK;
}

enum vcr_err key_eject(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    power_on(d, t);
    deck_do_when_still(d, DECK_CMD_EJECT, t);
    return VCR_OK;
}

/* play */

enum vcr_err key_play(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    if (d->snap.mode != DECK_PLAY && is_at_end(d, t))
        return at_end(why);
    power_on(d, t);
    d->held = false;
    if (d->at_heads || deck_is_threading(d)) {
        bool searched = d->snap.mode == DECK_CUE || d->snap.mode == DECK_REVIEW;
        if (d->snap.mode != DECK_PLAY)
            deck_engage(d, DECK_PLAY, searched ? d->profile->search_lock_us : 0, t);
    } else {
        deck_do_when_still(d, DECK_CMD_PLAY, t);
    }
    return VCR_OK;
}

enum vcr_err key_play_later(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    d->pending = DECK_CMD_PLAY + 1;
    return VCR_OK;
}

/* Rewind, then play. */
enum vcr_err key_play_in_rewind(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    bool rewinds = !deck_is_braking(d) && !deck_is_pending(d, DECK_CMD_SEEK);
    return rewinds ? key_play_later(d, a, t, why) : key_play(d, a, t, why);
}

/* pause, stop */

enum vcr_err key_still(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    d->held = false;
    deck_engage(d, DECK_PAUSE, 0, t);
    return VCR_OK;
}

enum vcr_err key_stop(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    deck_stop(d, NULL, t);
    return VCR_OK;
}

enum vcr_err key_forget_pending(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    d->pending = 0;
    return VCR_OK;
}

/* Stop again: the tape leaves the heads. */
enum vcr_err key_unthread(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    deck_stop(d, NULL, t);
    d->threaded = false;
    d->timeout_us = INT64_MAX;
    return VCR_OK;
}

/* search */

static enum vcr_err search(struct deck *d, enum deck_mode mode, bool hold, int64_t t, struct vcr_why *why)
{
    enum deck_mode m = d->snap.mode;
    const int32_t *steps = d->profile->search[VCR_MIN(d->snap.tape_speed, 2)];
    if (mode == DECK_CUE && is_at_end(d, t))
        return at_end(why);
    if (!d->held || !hold) /* a held key in the other direction still goes back to where the first came from */
        d->return_mode = m == DECK_PLAY || m == DECK_CUE || m == DECK_REVIEW ? DECK_PLAY : DECK_PAUSE;
    d->held = hold;
    if (m != mode) {
        d->search_step = 0;
        deck_engage(d, mode, d->profile->search_lock_us, t);
    } else if (!hold && d->search_step + 1 < DECK_SEARCH_STEPS && steps[d->search_step + 1] > 0) { /* pressed again: faster */
        d->search_step++;
        deck_engage(d, mode, 0, t);
    }
    return VCR_OK;
}

enum vcr_err key_cue(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why) { return search(d, DECK_CUE, a->hold, t, why); }

enum vcr_err key_review(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why) { return search(d, DECK_REVIEW, a->hold, t, why); }

enum vcr_err key_search_on(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why) { return search(d, DECK_CUE, false, t, why); }

enum vcr_err key_search_back(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why) { return search(d, DECK_REVIEW, false, t, why); }

/* Holding the key of a wind shows the picture for as long. */
static enum vcr_err peek(struct deck *d, const struct deck_args *a, enum deck_cmd cmd, int64_t t, struct vcr_why *why)
{
    if (!a->hold)
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-in-this-mode", "While it winds, hold the key to see the picture, or press play first.");
    if (d->held)
        return VCR_OK;
    if (deck_is_braking(d))
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-in-this-mode", "The reels are being braked for something else.");
    if (cmd == DECK_CMD_CUE && is_at_end(d, t))
        return at_end(why);
    uint8_t pending = d->pending;
    d->return_mode = d->snap.mode;
    d->search_step = 0;
    deck_do_when_still(d, cmd, t);
    d->after_peek = pending;
    d->held = true;
    return VCR_OK;
}

enum vcr_err key_peek_on(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why) { return peek(d, a, DECK_CMD_CUE, t, why); }

enum vcr_err key_peek_back(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why) { return peek(d, a, DECK_CMD_REVIEW, t, why); }

enum vcr_err key_release(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    enum deck_mode to = d->return_mode;
    if (!d->held)
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-in-this-mode", "No key is being held.");
    d->held = false;
    if (to == DECK_PLAY || to == DECK_PAUSE) {
        deck_engage(d, to, d->profile->search_lock_us, t);
        return VCR_OK;
    }
    bool seeks = d->after_peek == DECK_CMD_SEEK + 1;
    enum deck_cmd cmd = seeks ? DECK_CMD_SEEK : to == DECK_REWIND ? DECK_CMD_REWIND : DECK_CMD_FAST_FORWARD;
    if (seeks)
        d->after_peek = 0;
    deck_do_when_still(d, cmd, t);
    return VCR_OK;
}

/* wind */

static enum vcr_err wind_key(struct deck *d, enum deck_cmd cmd, int64_t t, struct vcr_why *why)
{
    bool back = cmd == DECK_CMD_REWIND;
    if (!back && is_at_end(d, t))
        return at_end(why);
    bool same = d->snap.mode == (back ? DECK_REWIND : DECK_FAST_FORWARD) && !deck_is_braking(d);
    if (same && !deck_is_pending(d, DECK_CMD_SEEK))
        d->pending = 0; /* a queued key is forgotten, the wind goes on */
    else
        deck_do_when_still(d, cmd, t);
    return VCR_OK;
}

enum vcr_err key_rewind(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why) { return wind_key(d, DECK_CMD_REWIND, t, why); }

enum vcr_err key_fast_forward(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why) { return wind_key(d, DECK_CMD_FAST_FORWARD, t, why); }

enum vcr_err key_seek(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    int64_t to = a->position_us, last = d->snap.length_us - d->tape.frame_us;
    if (to < 0 || to > d->snap.length_us)
        return vcr_fail(why, VCR_E_INVALID, "The tape has no such place.");
    d->pending_position_us = VCR_MAX(VCR_MIN(to, last), 0); /* the last frame is the last place with a picture */
    d->held = false;
    deck_do_when_still(d, DECK_CMD_SEEK, t);
    return VCR_OK;
}

/* slow and single frames */

enum vcr_err key_slow(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    int64_t size = a->speed < 0 ? -(int64_t)a->speed : a->speed;
    if (size < 65536 / 30 || size > 65536)
        return vcr_fail(why, VCR_E_INVALID, "Slow runs at 1/30 to 1 times play speed, forward or backward.");
    if (a->speed > 0 && is_at_end(d, t))
        return at_end(why);
    d->slow_rate = a->speed;
    d->held = false;
    deck_engage(d, DECK_SLOW, 0, t);
    return VCR_OK;
}

static enum vcr_err step(struct deck *d, int frames, int64_t t, struct vcr_why *why)
{
    if (deck_is_threading(d))
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-in-this-mode", "The tape is not at the heads yet.");
    if (frames > 0 && is_at_end(d, t))
        return at_end(why);
    d->held = false;
    if (d->snap.mode == DECK_PAUSE)
        deck_step(d, frames, t);
    else
        deck_engage(d, DECK_PAUSE, 0, t);
    return VCR_OK;
}

enum vcr_err key_frame_advance(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why) { return step(d, 1, t, why); }

enum vcr_err key_frame_back(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why) { return step(d, -1, t, why); }

/* index */

static enum vcr_err index_key(struct deck *d, const struct deck_args *a, int direction, int64_t t, struct vcr_why *why)
{
    int32_t count = a->count ? a->count : 1;
    if (!d->profile->has_index)
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-supported-by-deck", "This deck is from before the index search.");
    if (count < 1 || count > 1000)
        return vcr_fail(why, VCR_E_INVALID, "An index search goes 1 to 1000 marks far.");
    if (direction > 0 && is_at_end(d, t))
        return at_end(why);
    bool searching = d->snap.mode == DECK_INDEX_SEARCH && (deck_is_pending(d, DECK_CMD_INDEX_NEXT) || deck_is_pending(d, DECK_CMD_INDEX_PREVIOUS));
    bool further = searching && (d->index_count > 0) == (direction > 0);
    d->held = false;
    d->index_count = direction * count + (further ? d->index_count : 0);
    if (further && !deck_is_braking(d))
        deck_wind_plan(d, t);
    else
        deck_do_when_still(d, direction < 0 ? DECK_CMD_INDEX_PREVIOUS : DECK_CMD_INDEX_NEXT, t);
    return VCR_OK;
}

enum vcr_err key_index_next(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why) { return index_key(d, a, 1, t, why); }

enum vcr_err key_index_previous(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why) { return index_key(d, a, -1, t, why); }
