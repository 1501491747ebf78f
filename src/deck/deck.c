/* deck/deck.c - time passes: which thing happens next by itself, in which order, and what counts as a change. */
#include "deck/deck.h"

#include <string.h>

#include "base/util.h"
#include "deck/motion.h"

/* What may come due; in this order when at the same microsecond. */
enum source { SOURCE_EVENT, SOURCE_EDGE, SOURCE_LOCK, SOURCE_BLUE, SOURCE_TIMEOUT, SOURCE_TIMER, SOURCE_COUNT, SOURCE_OSD, SOURCE_SLEEP, SOURCES };

static enum source next_source(const struct deck *d, int64_t *ret_us)
{
    const struct deck_snapshot *s = &d->snap;
    const int64_t due_us[SOURCES] = {
        [SOURCE_EVENT] = d->event_us, [SOURCE_EDGE] = d->edge_us, [SOURCE_LOCK] = s->lock_at_us ? s->lock_at_us : INT64_MAX,
        [SOURCE_BLUE] = d->blue_us, [SOURCE_TIMEOUT] = d->timeout_us, [SOURCE_TIMER] = d->timer_us, [SOURCE_COUNT] = d->count_us,
        [SOURCE_OSD] = s->osd_until_us ? s->osd_until_us : INT64_MAX, [SOURCE_SLEEP] = d->sleep_us,
    };
    enum source first = SOURCE_EVENT;
    for (enum source i = SOURCE_EDGE; i < SOURCES; i++)
        if (due_us[i] < due_us[first])
            first = i;
    *ret_us = due_us[first];
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
    d->snap.clock_us = settings->clock_us;
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

static void fall_asleep(struct deck *d, int64_t t)
{
    d->sleep_us = INT64_MAX;
    if (d->snap.mode == DECK_RECORD)
        d->sleep_after_record = true;
    else if (d->snap.mode == DECK_LOADING || d->snap.mode == DECK_EJECTING)
        d->pending = DECK_CMD_POWER + 1;
    else if (d->power && d->snap.mode != DECK_FAULT)
        deck_do_when_still(d, DECK_CMD_POWER, t);
}

static void happen(struct deck *d, enum source s, int64_t t)
{
    switch (s) {
    case SOURCE_EVENT:
        deck_event_happened(d, t);
        break;
    case SOURCE_EDGE:
        deck_run_on(d, t);
        break;
    case SOURCE_LOCK:
        d->snap.lock_at_us = 0;
        d->snap.servo = DECK_SERVO_LOCKED;
        break;
    case SOURCE_BLUE:
        d->blue_us = INT64_MAX;
        d->snap.picture = DECK_PICTURE_BLUE;
        break;
    case SOURCE_TIMEOUT:
        timed_out(d, t);
        break;
    case SOURCE_TIMER:
        d->timer_us = INT64_MAX;
        deck_stop(d, "timer", t);
        break;
    case SOURCE_COUNT:
        deck_count_due(d, t);
        break;
    case SOURCE_OSD:
        d->snap.osd_until_us = 0;
        d->tab_refused = d->sleep_shown = d->tracking_shown = false;
        break;
    case SOURCE_SLEEP:
    case SOURCES:
        fall_asleep(d, t);
        break;
    }
    deck_changed(d);
}

bool deck_tick(struct deck *d, int64_t now_us)
{
    uint32_t before = d->snap.seq;
    for (;;) {
        int64_t t;
        enum source s = next_source(d, &t);
        if (t > now_us)
            return d->snap.seq != before;
        happen(d, s, t);
    }
}

int64_t deck_next_us(const struct deck *d)
{
    int64_t t;
    next_source(d, &t);
    return t;
}

bool deck_rule_stop(struct deck *d, const char *reason, int64_t now_us)
{
    deck_tick(d, now_us);
    enum deck_mode m = d->snap.mode;
    if (!deck_is_winding(d) && !deck_is_recording(d) && m != DECK_PLAY && m != DECK_PAUSE && m != DECK_SLOW && m != DECK_CUE && m != DECK_REVIEW)
        return false;
    deck_stop(d, reason, now_us);
    deck_changed(d);
    return true;
}

void deck_input(struct deck *d, bool on, int64_t now_us)
{
    deck_tick(d, now_us);
    if (d->input == on)
        return;
    d->input = on;
    if (d->snap.mode == DECK_STOP)
        deck_set_mode(d, DECK_STOP);
    deck_changed(d);
}

int64_t deck_position_us(const struct deck *d, int64_t now_us) { return deck_snapshot_position_us(&d->snap, now_us); }
