/* deck/event.c - what follows what: queued keys, where a wind arrives, the ends of the tape, loading and ejecting, faults. */
#include <string.h>

#include "base/util.h"
#include "deck/motion.h"

static void perform_play(struct deck *d, int64_t t)
{
    if (deck_position_us(d, t) < d->snap.length_us) {
        deck_engage(d, DECK_PLAY, 0, t);
        return;
    }
    d->pending = DECK_CMD_PLAY + 1; /* loaded at its end: from the beginning */
    deck_wind(d, DECK_REWIND, -1, t);
}

static void perform_seek(struct deck *d, int64_t t)
{
    int64_t pos = deck_position_us(d, t);
    if (d->pending_position_us == pos) {
        deck_engage(d, DECK_PAUSE, 0, t);
        return;
    }
    bool back = d->pending_position_us < pos;
    d->pending = DECK_CMD_SEEK + 1;
    deck_wind(d, back ? DECK_REWIND : DECK_FAST_FORWARD, back ? -1 : 1, t);
}

static void perform_index(struct deck *d, int64_t t)
{
    d->index_from_us = deck_position_us(d, t);
    d->pending = (uint8_t)((d->index_count < 0 ? DECK_CMD_INDEX_PREVIOUS : DECK_CMD_INDEX_NEXT) + 1);
    deck_wind(d, DECK_INDEX_SEARCH, d->index_count < 0 ? -1 : 1, t);
}

/* A wind that goes on after a peek still has what was queued before it. */
static void perform_wind(struct deck *d, enum deck_cmd cmd, int64_t t)
{
    bool back = cmd == DECK_CMD_REWIND;
    d->pending = d->after_peek;
    d->after_peek = 0;
    deck_wind(d, back ? DECK_REWIND : DECK_FAST_FORWARD, back ? -1 : 1, t);
}

void deck_perform(struct deck *d, enum deck_cmd cmd, int64_t t)
{
    d->pending = 0;
    switch (cmd) {
    case DECK_CMD_PLAY:
        perform_play(d, t);
        break;
    case DECK_CMD_REWIND:
    case DECK_CMD_FAST_FORWARD:
        perform_wind(d, cmd, t);
        break;
    case DECK_CMD_CUE:
        deck_engage(d, DECK_CUE, 0, t);
        break;
    case DECK_CMD_REVIEW:
        deck_engage(d, DECK_REVIEW, 0, t);
        break;
    case DECK_CMD_SEEK:
        perform_seek(d, t);
        break;
    case DECK_CMD_INDEX_NEXT:
    case DECK_CMD_INDEX_PREVIOUS:
        perform_index(d, t);
        break;
    case DECK_CMD_RECORD:
        d->mark_due = true;
        deck_engage(d, DECK_RECORD, 0, t);
        break;
    case DECK_CMD_EJECT:
        deck_rest(d, DECK_EJECTING, t);
        deck_arm(d, DECK_EV_EJECTED, t + d->profile->eject_us);
        break;
    default: /* power */
        d->power = d->sleep_after_record = false;
        deck_rest(d, DECK_OFF, t);
        break;
    }
}

void deck_wind_arrived(struct deck *d, int64_t t)
{
    bool at_end = d->target_us == 0 || d->target_us == d->snap.length_us, searched = d->snap.mode == DECK_INDEX_SEARCH;
    deck_move(d, t, 0, 0, 0);
    d->snap.pos_us = d->target_us;
    bool at_zero = d->memory && deck_counter_us(d, t) == 0;
    if (deck_is_pending(d, DECK_CMD_SEEK)) {
        deck_engage(d, DECK_PAUSE, 0, t);
    } else if (searched && d->index_found) {
        deck_engage(d, DECK_PLAY, 0, t);
    } else if (searched) {
        d->pending = 0;
        deck_rest(d, DECK_STOP, t);
        d->stop_reason = "no_index";
    } else if (d->pending) {
        deck_perform(d, (enum deck_cmd)(d->pending - 1), t);
    } else {
        deck_rest(d, DECK_STOP, t);
        if (!d->stop_reason) /* the rewind after the end keeps telling "end" */
            d->stop_reason = at_zero && !at_end ? "memory" : d->direction < 0 ? "start" : "end";
    }
}

void deck_do_when_still(struct deck *d, enum deck_cmd cmd, int64_t t)
{
    if (deck_is_winding(d) && !deck_is_braking(d))
        deck_brake(d, t);
    if (deck_is_braking(d))
        d->pending = (uint8_t)(cmd + 1);
    else
        deck_perform(d, cmd, t);
}

void deck_stop(struct deck *d, const char *reason, int64_t t)
{
    d->pending = d->after_peek = 0;
    d->stop_reason = reason;
    deck_record_end(d, reason ? reason : "stop", t);
    if (deck_is_winding(d) && !deck_is_braking(d))
        deck_brake(d, t);
    if (deck_is_braking(d)) {
        deck_set_mode(d, DECK_STOP); /* the reels run out */
        d->held = false;
        return;
    }
    if (d->snap.mode == DECK_STOP)
        return;
    d->threaded = d->at_heads;
    deck_rest(d, DECK_STOP, t);
    if (d->sleep_after_record)
        deck_perform(d, DECK_CMD_POWER, t);
}

static void at_end(struct deck *d, int64_t t)
{
    bool plays = d->snap.mode != DECK_RECORD, again = d->repeat && d->snap.length_us > 0;
    if (!plays || !(again || d->settings.auto_rewind)) {
        deck_stop(d, "end", t);
        return;
    }
    d->stop_reason = "end";
    d->pending = again ? DECK_CMD_PLAY + 1 : d->settings.auto_eject ? DECK_CMD_EJECT + 1 : 0;
    deck_wind(d, DECK_REWIND, -1, t);
}

static void loaded(struct deck *d, int64_t t)
{
    int pending = d->pending;
    d->pending = 0;
    d->threaded = d->profile->full_load;
    deck_rest(d, DECK_STOP, t);
    if (pending)
        deck_perform(d, (enum deck_cmd)(pending - 1), t);
    else if (d->settings.autoplay || (d->profile->plays_tabless && d->tape.write_protected))
        deck_perform(d, DECK_CMD_PLAY, t);
}

static void ejected(struct deck *d, int64_t t)
{
    bool off = deck_is_pending(d, DECK_CMD_POWER);
    d->pending = 0;
    d->tape_in = false;
    memset(&d->tape, 0, sizeof(d->tape));
    d->own_from_us = d->own_to_us = d->counter_zero_us = 0;
    d->new_mark_count = 0;
    d->snap.pos_us = d->snap.length_us = 0;
    d->snap.seed = 0;
    d->snap.wear_16 = 0;
    d->power = !off;
    deck_rest(d, off ? DECK_OFF : DECK_EJECTED, t);
}

static void ran_into_start(struct deck *d, int64_t t)
{
    if (d->snap.mode == DECK_REVIEW)
        deck_engage(d, DECK_PLAY, d->profile->search_lock_us, t);
    else
        deck_stop(d, "start", t);
}

void deck_event_happened(struct deck *d, int64_t t)
{
    enum deck_event event = d->event;
    deck_arm(d, DECK_EV_NONE, INT64_MAX);
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
        deck_run(d, t);
        break;
    case DECK_EV_WIND:
        deck_wind_step(d, t);
        break;
    case DECK_EV_BRAKED:
        if (d->pending)
            deck_perform(d, (enum deck_cmd)(d->pending - 1), t);
        else
            deck_rest(d, DECK_STOP, t);
        break;
    case DECK_EV_STEPPED:
    case DECK_EV_RECORDS:
        deck_run(d, t);
        break;
    case DECK_EV_END:
        at_end(d, t);
        break;
    case DECK_EV_START:
        ran_into_start(d, t);
        break;
    }
}

bool deck_fault(struct deck *d, const char *reason, int64_t now_us)
{
    deck_tick(d, now_us);
    if (!d->power || d->snap.mode == DECK_FAULT)
        return false;
    d->fault_mode = deck_is_recording(d) || deck_is_braking(d) ? DECK_STOP : d->snap.mode;
    d->fault_pending = d->pending;
    d->pending = d->after_peek = 0;
    deck_record_end(d, "fault", now_us);
    deck_rest(d, DECK_FAULT, now_us);
    d->stop_reason = reason;
    deck_changed(d);
    return true;
}

/* What was going on begins anew, from where the tape stands. */
static void resume(struct deck *d, enum deck_mode mode, int64_t t)
{
    deck_rest(d, DECK_STOP, t);
    if (deck_is_pending(d, DECK_CMD_SEEK))
        deck_perform(d, DECK_CMD_SEEK, t);
    else if (mode == DECK_FAST_FORWARD || mode == DECK_REWIND)
        deck_wind(d, mode, mode == DECK_REWIND ? -1 : 1, t);
    else if (mode == DECK_INDEX_SEARCH)
        deck_wind(d, mode, d->index_count < 0 ? -1 : 1, t);
    else
        deck_engage(d, mode, 0, t);
}

bool deck_recover(struct deck *d, int64_t now_us)
{
    deck_tick(d, now_us);
    enum deck_mode mode = d->fault_mode;
    if (d->snap.mode != DECK_FAULT)
        return false;
    d->pending = d->fault_pending;
    d->fault_pending = 0;
    if (mode != DECK_STOP || d->pending)
        d->stop_reason = NULL;
    if (mode == DECK_LOADING || mode == DECK_EJECTING) {
        deck_rest(d, mode, now_us);
        deck_arm(d, mode == DECK_LOADING ? DECK_EV_LOADED : DECK_EV_EJECTED,
                 now_us + (mode == DECK_LOADING ? d->profile->load_us : d->profile->eject_us));
    } else if (mode == DECK_STOP || mode == DECK_EJECTED) {
        deck_rest(d, mode, now_us);
        if (d->sleep_after_record || d->pending)
            deck_perform(d, d->sleep_after_record ? DECK_CMD_POWER : (enum deck_cmd)(d->pending - 1), now_us);
    } else {
        resume(d, mode, now_us);
    }
    deck_changed(d);
    deck_tick(d, now_us);
    return true;
}
