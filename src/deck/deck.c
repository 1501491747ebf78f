/* deck/deck.c - time passes: which thing happens next by itself, in which order, and what counts as a change. */
#include "deck/deck.h"

#include <string.h>

#include "base/util.h"
#include "deck/motion.h"

const struct deck_profile deck_profile_consumer = {
    .load_us = 2000000,
    .eject_us = 1500000,
    .thread_us = 1200000,
    .lock_us = 500000,
    .brake_us = 400000,
    .wind_ramp_us = 800000,
    .wind_full_us = 180000000,
    .wind_full_fast_us = 8000000,
    .cue_rate = 7 * 65536,
    .review_rate = -7 * 65536,
    .still_timeout_us = 300000000,
    .stop_unthread_us = 300000000,
    .osd_us = 4000000,
};

/* What may come due; in this order when at the same microsecond. */
enum source { SOURCE_EVENT, SOURCE_LOCK, SOURCE_TIMEOUT, SOURCE_OSD, SOURCE_SLEEP, SOURCES };

static int64_t due_us(const struct deck *d, enum source s)
{
    switch (s) {
    case SOURCE_EVENT:
        return d->event_us;
    case SOURCE_LOCK:
        return d->snap.lock_at_us ? d->snap.lock_at_us : INT64_MAX;
    case SOURCE_TIMEOUT:
        return d->timeout_us;
    case SOURCE_OSD:
        return d->snap.osd_until_us ? d->snap.osd_until_us : INT64_MAX;
    case SOURCE_SLEEP:
    case SOURCES:
        break;
    }
    return d->sleep_us;
}

static enum source next_source(const struct deck *d)
{
    enum source first = SOURCE_EVENT;
    for (enum source s = SOURCE_LOCK; s < SOURCES; s++)
        if (due_us(d, s) < due_us(d, first))
            first = s;
    return first;
}

void deck_changed(struct deck *d)
{
    d->snap.seq++;
    deck_write_osd(d);
}

void deck_init(struct deck *d, const struct deck_profile *profile, const struct deck_settings *settings, int64_t now_us)
{
    memset(d, 0, sizeof(*d));
    d->profile = profile;
    d->settings = *settings;
    d->power = true;
    d->sleep_us = INT64_MAX;
    d->slow_rate = 65536 / 5;
    d->snap.tracking = INT16_MIN;
    vcr_strcpy(d->snap.look, sizeof(d->snap.look), "vhs");
    deck_rest(d, DECK_EJECTED, now_us);
    d->snap.osd_until_us = now_us + profile->osd_us;
    deck_changed(d);
}

/* The tape stood at the turning heads, or threaded in stop, for too long. */
static void timed_out(struct deck *d, int64_t t)
{
    d->timeout_us = INT64_MAX;
    if (d->snap.mode == DECK_STOP) {
        d->threaded = false;
        return;
    }
    deck_stop(d, "head_protection", t);
    d->head_protection = true;
}

static void happen(struct deck *d, enum source s, int64_t t)
{
    switch (s) {
    case SOURCE_EVENT:
        deck_event_happened(d, t);
        break;
    case SOURCE_LOCK:
        d->snap.lock_at_us = 0;
        d->snap.servo = DECK_SERVO_LOCKED;
        break;
    case SOURCE_TIMEOUT:
        timed_out(d, t);
        break;
    case SOURCE_OSD:
        d->snap.osd_until_us = 0;
        break;
    case SOURCE_SLEEP:
    case SOURCES:
        d->sleep_us = INT64_MAX;
        if (d->snap.mode == DECK_LOADING || d->snap.mode == DECK_EJECTING)
            d->pending = DECK_CMD_POWER + 1;
        else if (d->power)
            deck_do_when_still(d, DECK_CMD_POWER, t);
        break;
    }
    deck_changed(d);
}

bool deck_tick(struct deck *d, int64_t now_us)
{
    uint32_t before = d->snap.seq;
    for (;;) {
        enum source s = next_source(d);
        int64_t t = due_us(d, s);
        if (t > now_us)
            return d->snap.seq != before;
        happen(d, s, t);
    }
}

int64_t deck_next_us(const struct deck *d) { return due_us(d, next_source(d)); }

bool deck_rule_stop(struct deck *d, const char *reason, int64_t now_us)
{
    deck_tick(d, now_us);
    enum deck_mode m = d->snap.mode;
    if (!deck_is_winding(d) && m != DECK_PLAY && m != DECK_PAUSE && m != DECK_SLOW && m != DECK_CUE && m != DECK_REVIEW)
        return false;
    deck_stop(d, reason, now_us);
    deck_changed(d);
    return true;
}

int64_t deck_position_us(const struct deck *d, int64_t now_us) { return deck_snapshot_position_us(&d->snap, now_us); }

int64_t deck_counter_us(const struct deck *d, int64_t now_us) { return deck_position_us(d, now_us) - d->snap.counter_base_us; }
