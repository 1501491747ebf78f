/* deck/command.c - the keys: one table says in which modes each is taken, what it does there, and what the deck says otherwise. */
#include <string.h>

#include "base/util.h"
#include "deck/motion.h"

#define IN(mode) (1u << (mode))
enum {
    AT_HEADS = IN(DECK_PLAY) | IN(DECK_PAUSE) | IN(DECK_SLOW) | IN(DECK_CUE) | IN(DECK_REVIEW),
    WINDING = IN(DECK_FAST_FORWARD) | IN(DECK_REWIND),
    TAPE_READY = AT_HEADS | WINDING | IN(DECK_STOP),
    TAPE_INSIDE = TAPE_READY | IN(DECK_LOADING) | IN(DECK_EJECTING),
    ON = TAPE_INSIDE | IN(DECK_EJECTED),
    ANY = ON | IN(DECK_OFF),
};

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

static enum vcr_err do_power(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    bool on = a->on < 0 ? !d->power : a->on;
    if (on && d->pending == DECK_CMD_POWER + 1) {
        d->pending = 0;
    } else if (on) {
        power_on(d, t);
    } else if (d->snap.mode == DECK_LOADING || d->snap.mode == DECK_EJECTING) {
        d->pending = DECK_CMD_POWER + 1; /* the cassette lift finishes its way */
    } else if (d->power) {
        deck_do_when_still(d, DECK_CMD_POWER, t);
    }
    return VCR_OK;
}

static enum vcr_err do_insert(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    const struct deck_tape *tape = &a->tape;
    if (d->tape_in)
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-in-this-mode", "There is a tape in the deck: eject it first.");
    if (tape->length_us <= 0 || tape->length_us > INT64_C(48) * 3600 * 1000000 || tape->frame_us < 0 || tape->tape_speed > 2)
        return vcr_fail(why, VCR_E_INVALID, "This cannot be a tape.");
    d->power = d->tape_in = true;
    d->tape = *tape;
    if (d->tape.frame_us == 0)
        d->tape.frame_us = 33367;
    struct deck_snapshot *s = &d->snap;
    deck_rest(d, DECK_LOADING, t);
    s->length_us = tape->length_us;
    s->pos_us = VCR_CLAMP(tape->position_us, 0, tape->length_us);
    s->counter_base_us = s->pos_us;
    s->seed = tape->seed;
    s->wear_16 = VCR_CLAMP(tape->wear_16, 0, 16);
    s->tape_speed = tape->tape_speed;
    s->tracking = INT16_MIN; /* a new tape is tracked anew */
    d->event = DECK_EV_LOADED;
    d->event_us = t + d->profile->load_us;
    return VCR_OK;
}

static enum vcr_err do_eject(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    if (!d->tape_in)
        return vcr_refuse(why, VCR_E_CONFLICT, "/no-tape", "There is no tape in the deck.");
    power_on(d, t);
    deck_do_when_still(d, DECK_CMD_EJECT, t);
    return VCR_OK;
}

static enum vcr_err do_play(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    enum deck_mode m = d->snap.mode;
    if (!d->tape_in)
        return vcr_refuse(why, VCR_E_CONFLICT, "/no-tape", "There is no tape in the deck.");
    if (m == DECK_LOADING) {
        d->pending = DECK_CMD_PLAY + 1;
        return VCR_OK;
    }
    if (m == DECK_REWIND && !deck_is_braking(d) && d->pending != DECK_CMD_SEEK + 1) {
        d->pending = DECK_CMD_PLAY + 1; /* rewind, then play */
        return VCR_OK;
    }
    if (m != DECK_PLAY && is_at_end(d, t))
        return at_end(why);
    power_on(d, t);
    d->held = false;
    if (m == DECK_CUE || m == DECK_REVIEW)
        deck_engage(d, DECK_PLAY, d->profile->lock_us / 2, t);
    else if (m == DECK_PAUSE || m == DECK_SLOW)
        deck_engage(d, DECK_PLAY, 0, t);
    else if (m != DECK_PLAY)
        deck_do_when_still(d, DECK_CMD_PLAY, t);
    return VCR_OK;
}

static enum vcr_err do_pause(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    if (d->snap.mode == DECK_PAUSE)
        return do_play(d, a, t, why); /* the key toggles */
    d->held = false;
    deck_engage(d, DECK_PAUSE, 0, t);
    return VCR_OK;
}

static enum vcr_err do_stop(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    if (d->snap.mode == DECK_LOADING)
        d->pending = 0;
    else
        deck_stop(d, NULL, t);
    return VCR_OK;
}

/* Picture search from where the tape is at the heads. */
static enum vcr_err search(struct deck *d, enum deck_mode mode, bool hold, int64_t t, struct vcr_why *why)
{
    enum deck_mode m = d->snap.mode;
    if (mode == DECK_CUE && is_at_end(d, t))
        return at_end(why);
    if (!d->held || !hold) /* a held key in the other direction still goes back to where the first came from */
        d->return_mode = m == DECK_PLAY || m == DECK_CUE || m == DECK_REVIEW ? DECK_PLAY : DECK_PAUSE;
    d->held = hold;
    if (m != mode)
        deck_engage(d, mode, d->profile->lock_us / 2, t);
    return VCR_OK;
}

static enum vcr_err do_cue(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    return search(d, DECK_CUE, a->hold, t, why);
}

static enum vcr_err do_review(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    return search(d, DECK_REVIEW, a->hold, t, why);
}

/* Winds without a picture from stop and from a wind; with the tape at the heads the key searches. */
static enum vcr_err wind_key(struct deck *d, enum deck_cmd cmd, int64_t t, struct vcr_why *why)
{
    bool back = cmd == DECK_CMD_REWIND;
    if (IN(d->snap.mode) & AT_HEADS)
        return search(d, back ? DECK_REVIEW : DECK_CUE, false, t, why);
    if (!back && is_at_end(d, t))
        return at_end(why);
    bool same = d->snap.mode == (back ? DECK_REWIND : DECK_FAST_FORWARD) && !deck_is_braking(d);
    if (same && d->pending != DECK_CMD_SEEK + 1)
        d->pending = 0; /* a queued key is forgotten, the wind goes on */
    else
        deck_do_when_still(d, cmd, t);
    return VCR_OK;
}

static enum vcr_err do_rewind(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    return wind_key(d, DECK_CMD_REWIND, t, why);
}

static enum vcr_err do_fast_forward(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    return wind_key(d, DECK_CMD_FAST_FORWARD, t, why);
}

static enum vcr_err do_release(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    if (!d->held)
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-in-this-mode", "No key is being held.");
    d->held = false;
    deck_engage(d, d->return_mode, d->profile->lock_us / 2, t);
    return VCR_OK;
}

static enum vcr_err do_slow(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
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

static enum vcr_err do_frame_advance(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    return step(d, 1, t, why);
}

static enum vcr_err do_frame_back(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    return step(d, -1, t, why);
}

static enum vcr_err do_seek(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    int64_t to = a->position_us, last = d->snap.length_us - d->tape.frame_us;
    if (to < 0 || to > d->snap.length_us)
        return vcr_fail(why, VCR_E_INVALID, "The tape has no such place.");
    d->pending_position_us = VCR_MAX(VCR_MIN(to, last), 0); /* the last frame is the last place with a picture */
    d->held = false;
    deck_do_when_still(d, DECK_CMD_SEEK, t);
    return VCR_OK;
}

static enum vcr_err do_counter_reset(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    d->snap.counter_base_us = deck_position_us(d, t);
    deck_rewind_plan(d, t);
    return VCR_OK;
}

static enum vcr_err do_memory(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    d->memory = a->on < 0 ? !d->memory : a->on;
    deck_rewind_plan(d, t);
    return VCR_OK;
}

static enum vcr_err do_repeat(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    d->repeat = a->on < 0 ? !d->repeat : a->on;
    return VCR_OK;
}

static enum vcr_err do_tracking(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    if (a->tracking != INT16_MIN && (a->tracking < -10 || a->tracking > 10))
        return vcr_fail(why, VCR_E_INVALID, "Tracking is automatic, or -10 to 10.");
    d->snap.tracking = a->tracking;
    return VCR_OK;
}

static enum vcr_err do_tape_speed(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    if (a->tape_speed > 2)
        return vcr_fail(why, VCR_E_INVALID, "The tape speeds are sp, lp and ep.");
    bool relock = d->snap.mode == DECK_PLAY && a->tape_speed != d->snap.tape_speed;
    d->snap.tape_speed = a->tape_speed;
    if (relock)
        deck_engage(d, DECK_PLAY, d->profile->lock_us, t);
    return VCR_OK;
}

static enum vcr_err do_look(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    if (!a->clean && (!a->look[0] || !memchr(a->look, 0, sizeof(a->look))))
        return vcr_fail(why, VCR_E_INVALID, "A look has a name.");
    d->snap.clean = a->clean;
    if (!a->clean)
        memcpy(d->snap.look, a->look, sizeof(a->look));
    return VCR_OK;
}

static enum vcr_err do_sleep(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    if (a->minutes < 0 || a->minutes > 600)
        return vcr_fail(why, VCR_E_INVALID, "Sleep takes 0 (off) to 600 minutes.");
    d->sleep_us = a->minutes ? t + a->minutes * INT64_C(60000000) : INT64_MAX;
    return VCR_OK;
}

static enum vcr_err do_nothing_yet(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    return vcr_refuse(why, VCR_E_CONFLICT, "/not-supported-by-deck", "This deck has no such key.");
}

/* moves: an accepted key that makes the tape go somewhere else, so that why it last stopped is history. */
static const struct key {
    const char *name;
    unsigned modes; /* in the others it is refused: an empty deck for want of a tape, else for the mode */
    bool moves, without_tape, asleep; /* taken in an empty deck; taken when off */
    enum vcr_err (*press)(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why);
} keys[DECK_CMDS] = {
    [DECK_CMD_POWER] = { "power", ANY, false, true, true, do_power },
    [DECK_CMD_INSERT] = { "insert", ANY & ~IN(DECK_EJECTING), true, true, true, do_insert },
    [DECK_CMD_EJECT] = { "eject", TAPE_READY, true, false, true, do_eject },
    [DECK_CMD_PLAY] = { "play", TAPE_READY | IN(DECK_LOADING), true, false, true, do_play },
    [DECK_CMD_PAUSE] = { "pause", AT_HEADS, true, false, false, do_pause },
    [DECK_CMD_STOP] = { "stop", TAPE_READY | IN(DECK_LOADING), true, false, false, do_stop },
    [DECK_CMD_REWIND] = { "rewind", TAPE_READY, true, false, false, do_rewind },
    [DECK_CMD_FAST_FORWARD] = { "fast_forward", TAPE_READY, true, false, false, do_fast_forward },
    [DECK_CMD_CUE] = { "cue", AT_HEADS, true, false, false, do_cue },
    [DECK_CMD_REVIEW] = { "review", AT_HEADS, true, false, false, do_review },
    [DECK_CMD_RELEASE] = { "release", AT_HEADS, false, false, false, do_release },
    [DECK_CMD_SLOW] = { "slow", AT_HEADS, true, false, false, do_slow },
    [DECK_CMD_FRAME_ADVANCE] = { "frame_advance", AT_HEADS, true, false, false, do_frame_advance },
    [DECK_CMD_FRAME_BACK] = { "frame_back", AT_HEADS, true, false, false, do_frame_back },
    [DECK_CMD_SEEK] = { "seek", TAPE_READY, true, false, false, do_seek },
    [DECK_CMD_COUNTER_RESET] = { "counter_reset", ON, false, true, false, do_counter_reset },
    [DECK_CMD_MEMORY] = { "memory", ON, false, true, false, do_memory },
    [DECK_CMD_REPEAT] = { "repeat", ON, false, true, false, do_repeat },
    [DECK_CMD_TRACKING] = { "tracking", ON, false, true, false, do_tracking },
    [DECK_CMD_TAPE_SPEED] = { "tape_speed", ON, false, true, false, do_tape_speed },
    [DECK_CMD_LOOK] = { "look", ANY, false, true, true, do_look },
    [DECK_CMD_SLEEP] = { "sleep", ON, false, true, false, do_sleep },
    [DECK_CMD_INDEX_NEXT] = { "index_next", ANY, false, true, true, do_nothing_yet },
    [DECK_CMD_INDEX_PREVIOUS] = { "index_previous", ANY, false, true, true, do_nothing_yet },
    [DECK_CMD_MARK_INDEX] = { "mark_index", ANY, false, true, true, do_nothing_yet },
    [DECK_CMD_RECORD] = { "record", ANY, false, true, true, do_nothing_yet },
};

const char *deck_cmd_name(enum deck_cmd c) { return (unsigned)c < DECK_CMDS ? keys[c].name : "unknown"; }

bool deck_cmd_by_name(const char *name, enum deck_cmd *ret)
{
    for (unsigned c = 0; c < DECK_CMDS; c++) {
        if (strcmp(keys[c].name, name) == 0) {
            *ret = (enum deck_cmd)c;
            return true;
        }
    }
    return false;
}

static enum vcr_err refuse(const struct deck *d, const struct key *key, struct vcr_why *why)
{
    if (!d->power && !key->asleep)
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-in-this-mode", "The deck is switched off.");
    if (!d->tape_in && !key->without_tape)
        return vcr_refuse(why, VCR_E_CONFLICT, "/no-tape", "There is no tape in the deck.");
    return vcr_refuse(why, VCR_E_CONFLICT, "/not-in-this-mode", "The deck does not take %s in mode %s.", key->name,
                      deck_mode_name(d->snap.mode));
}

/* An asleep key wakes the deck only when it does something: eject and play of an empty deck leave it off. */
static bool is_taken(const struct deck *d, const struct key *key)
{
    if (!d->power)
        return key->asleep && (d->tape_in || key->without_tape);
    return (key->modes & IN(d->snap.mode)) && (d->tape_in || key->without_tape);
}

enum vcr_err deck_command(struct deck *d, enum deck_cmd cmd, const struct deck_args *args, int64_t now_us, struct vcr_why *why)
{
    static const struct deck_args none = { .on = -1 };
    deck_tick(d, now_us);
    if ((unsigned)cmd >= DECK_CMDS)
        return vcr_fail(why, VCR_E_INVALID, "The deck has no such key.");
    const struct key *key = &keys[cmd];
    if (!is_taken(d, key))
        return refuse(d, key, why);
    const char *reason = d->stop_reason;
    if (key->moves)
        d->stop_reason = NULL;
    enum vcr_err err = key->press(d, args ? args : &none, now_us, why);
    if (err != VCR_OK) {
        d->stop_reason = reason;
        return err;
    }
    if (key->moves)
        d->head_protection = false;
    if (d->power)
        d->snap.osd_until_us = now_us + d->profile->osd_us;
    deck_changed(d);
    deck_tick(d, now_us);
    return VCR_OK;
}
