/* deck/switch.c - the keys that only set something, and the keys of the recording. */
#include <string.h>

#include "base/util.h"
#include "deck/keys.h"

enum vcr_err key_counter_reset(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    d->counter_zero_us = deck_counted_us(d, deck_position_us(d, t));
    deck_count_here(d, t);
    deck_wind_plan(d, t);
    return VCR_OK;
}

enum vcr_err key_memory(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    d->memory = a->on < 0 ? !d->memory : a->on;
    deck_wind_plan(d, t);
    return VCR_OK;
}

enum vcr_err key_repeat(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    d->repeat = a->on < 0 ? !d->repeat : a->on;
    return VCR_OK;
}

enum vcr_err key_tracking(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    if (a->tracking != INT16_MIN && (a->tracking < -10 || a->tracking > 10))
        return vcr_fail(why, VCR_E_INVALID, "Tracking is automatic, or -10 to 10.");
    d->snap.tracking = a->tracking;
    d->tracking_shown = true;
    return VCR_OK;
}

/* The speed of recordings. A tape of which nothing is known is also played at it; else the tape itself says what it plays at. */
enum vcr_err key_tape_speed(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    if (a->tape_speed > 2)
        return vcr_fail(why, VCR_E_INVALID, "The tape speeds are sp, lp and ep.");
    d->record_speed = a->tape_speed;
    if (!d->at_heads)
        d->snap.tape_speed = a->tape_speed;
    else if (!d->tape.map && d->event != DECK_EV_STEPPED && d->place.speed != deck_place_at(d, deck_position_us(d, t), d->snap.rate < 0).speed)
        deck_run_on(d, t);
    return VCR_OK;
}

enum vcr_err key_look(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    if (!a->clean && (!a->look[0] || !memchr(a->look, 0, sizeof(a->look))))
        return vcr_fail(why, VCR_E_INVALID, "A look has a name.");
    d->snap.clean = a->clean;
    d->linear = a->linear && !a->clean;
    if (d->snap.sound != DECK_SOUND_MUTED && d->snap.picture == DECK_PICTURE_TAPE && d->snap.mode == DECK_PLAY)
        d->snap.sound = d->linear ? DECK_SOUND_LINEAR : DECK_SOUND_HIFI;
    if (!a->clean)
        memcpy(d->snap.look, a->look, sizeof(a->look));
    return VCR_OK;
}

enum vcr_err key_sleep(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    if (a->minutes < 0 || a->minutes > 600)
        return vcr_fail(why, VCR_E_INVALID, "Sleep takes 0 (off) to 600 minutes.");
    d->sleep_us = a->minutes ? t + a->minutes * INT64_C(60000000) : INT64_MAX;
    d->sleep_after_record = false;
    d->sleep_minutes = a->minutes;
    d->sleep_shown = true;
    return VCR_OK;
}

/* recording */

enum vcr_err key_record(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    if (d->tape.write_protected) {
        bool goes_out = d->profile->ejects_tabless && d->snap.mode == DECK_STOP && !deck_is_braking(d);
        if (goes_out)
            deck_perform(d, DECK_CMD_EJECT, t);
        d->tab_refused = true;
        d->snap.osd_until_us = t + d->profile->osd_us;
        deck_changed(d);
        return vcr_refuse(why, VCR_E_CONFLICT, "/write-protected", "The tab of this tape is broken out: it cannot be recorded on%s.",
                          goes_out ? ", and comes out" : "");
    }
    if (deck_position_us(d, t) >= d->snap.length_us)
        return vcr_refuse(why, VCR_E_CONFLICT, "/end-of-tape", "The tape is at its end: rewind it first.");
    d->held = false;
    if (deck_is_braking(d)) {
        deck_do_when_still(d, DECK_CMD_RECORD, t);
        return VCR_OK;
    }
    d->mark_due = true;
    deck_engage(d, DECK_RECORD, 0, t);
    return VCR_OK;
}

/* Pressed again: half an hour from now, an hour, … four hours, and without an end again. */
enum vcr_err key_record_longer(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    static const int64_t half_hour_us = INT64_C(1800) * 1000000;
    int64_t us = d->timer_us == INT64_MAX ? t + half_hour_us : d->timer_us + half_hour_us;
    d->timer_us = us > t + 8 * half_hour_us ? INT64_MAX : us;
    return VCR_OK;
}

enum vcr_err key_record_on(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    if (deck_position_us(d, t) >= d->snap.length_us)
        return vcr_refuse(why, VCR_E_CONFLICT, "/end-of-tape", "The tape is at its end.");
    deck_engage(d, DECK_RECORD, 0, t);
    return VCR_OK;
}

enum vcr_err key_record_pause(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    bool due = d->mark_due;
    deck_record_end(d, "pause", t);
    d->mark_due = due; /* paused before it began */
    deck_engage(d, DECK_RECORD_PAUSE, 0, t);
    return VCR_OK;
}

enum vcr_err key_mark(struct deck *d, const struct deck_args *a, int64_t t, struct vcr_why *why)
{
    if (!d->profile->has_index)
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-supported-by-deck", "This deck is from before the index search.");
    if (deck_is_threading(d) || (d->snap.mode == DECK_RECORD && !d->recording))
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-in-this-mode", "The tape is not at the heads yet.");
    if (d->tape.write_protected)
        return vcr_refuse(why, VCR_E_CONFLICT, "/write-protected", "The tab of this tape is broken out: no mark can be written on it.");
    if (!d->recording && !d->place.recorded)
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-in-this-mode", "The tape is blank here: there is nothing to mark.");
    deck_write_mark(d, t);
    return VCR_OK;
}
