/* deck/tape.c - the tape inside: what lies where, what the counter has counted, which marks lie ahead.
 *
 * What the deck recorded since the caller last told the map (own_from_us..own_to_us) lies over the map, so that the counter and the picture are right before the
 * take is sealed. Whenever what is counted changes, the counter's zero moves so that the counter shows what it showed. */
#include <string.h>

#include "base/util.h"
#include "deck/motion.h"

static int64_t map_counted_us(const struct deck *d, int64_t at_us)
{
    return d->tape.map ? deck_map_counted_us(d->tape.map, at_us) : d->tape.blank ? 0 : at_us;
}

int64_t deck_counted_us(const struct deck *d, int64_t at_us)
{
    int64_t counted_us = map_counted_us(d, at_us), from_us = d->own_from_us, to_us = VCR_MIN(at_us, d->own_to_us);
    if (from_us < to_us)
        counted_us += to_us - from_us - (map_counted_us(d, to_us) - map_counted_us(d, from_us));
    return counted_us;
}

struct deck_place deck_place_at(const struct deck *d, int64_t at_us, bool backward)
{
    int64_t length_us = d->snap.length_us, from_us = d->own_from_us, to_us = d->own_to_us;
    struct deck_place p = { 0, length_us, 0, d->record_speed, !d->tape.blank, false };
    if (d->tape.map)
        p = deck_map_place(d->tape.map, length_us, at_us, backward);
    if (from_us >= to_us)
        return p;
    if (backward ? from_us < at_us && at_us <= to_us : from_us <= at_us && at_us < to_us)
        p = (struct deck_place){ from_us, to_us, 0, d->own_speed, true, false };
    else if (to_us <= at_us)
        p.from_us = VCR_MAX(p.from_us, to_us);
    else
        p.to_us = VCR_MIN(p.to_us, from_us);
    p.counted_us = deck_counted_us(d, p.from_us);
    return p;
}

int64_t deck_counter_us(const struct deck *d, int64_t now_us)
{
    int64_t at_us = deck_position_us(d, now_us);
    bool near = d->snap.count_from_us <= at_us && at_us <= d->snap.count_to_us; /* the stretch last looked at: no search */
    return near ? at_us - d->snap.counter_base_us : deck_counted_us(d, at_us) - d->counter_zero_us;
}

/* What is counted only grows along the tape: halve until the place is found. */
bool deck_zero_ahead(const struct deck *d, int64_t from_us, int direction, int64_t *ret_us)
{
    int64_t zero = d->counter_zero_us, lo = 0, hi = d->snap.length_us;
    int64_t here = deck_counted_us(d, from_us);
    if (direction < 0 ? here <= zero : here >= zero || deck_counted_us(d, hi) < zero)
        return false;
    while (lo < hi) { /* forward the first place that counts zero, backward the last one */
        int64_t mid = lo + (hi - lo + (direction < 0)) / 2, counted = deck_counted_us(d, mid);
        if (direction < 0 ? counted <= zero : counted < zero)
            lo = direction < 0 ? mid : mid + 1;
        else
            hi = direction < 0 ? mid - 1 : mid;
    }
    *ret_us = lo;
    return true;
}

void deck_count_from(struct deck *d, const struct deck_place *place)
{
    struct deck_snapshot *s = &d->snap;
    s->count_from_us = place->from_us;
    s->count_to_us = place->recorded ? place->to_us : place->from_us;
    s->counter_base_us = place->from_us + d->counter_zero_us - place->counted_us;
}

void deck_count_here(struct deck *d, int64_t t)
{
    struct deck_place place = deck_place_at(d, deck_position_us(d, t), d->snap.rate < 0);
    deck_count_from(d, &place);
}

/* The first mark behind (backward: before) a place, written long ago or just now. */
static bool next_mark(const struct deck *d, int64_t at_us, bool backward, int64_t *ret_us)
{
    struct deck_map own = { .marks_us = d->new_marks_us, .mark_count = d->new_mark_count };
    int64_t us;
    bool found = d->tape.map && deck_map_mark(d->tape.map, at_us, backward, ret_us);
    if (!deck_map_mark(&own, at_us, backward, &us))
        return found;
    if (!found || (backward ? us > *ret_us : us < *ret_us))
        *ret_us = us;
    return true;
}

bool deck_mark_ahead(const struct deck *d, int64_t from_us, int32_t count, int64_t *ret_us)
{
    enum { NEAR_US = 1500000 };
    bool backward = count < 0;
    int64_t at_us = from_us + (backward ? -NEAR_US : NEAR_US);
    for (; count != 0; count += backward ? 1 : -1)
        if (!next_mark(d, at_us, backward, &at_us))
            return false;
    *ret_us = VCR_CLAMP(at_us, 0, d->snap.length_us);
    return true;
}

void deck_map_changed(struct deck *d, const struct deck_map *map, int64_t now_us)
{
    deck_tick(d, now_us);
    if (!d->tape_in)
        return;
    int64_t counter_us = deck_counter_us(d, now_us);
    d->tape.map = map;
    d->new_mark_count = 0;
    if (!d->recording)
        d->own_from_us = d->own_to_us = 0;
    d->counter_zero_us = deck_counted_us(d, deck_position_us(d, now_us)) - counter_us;
    if (d->at_heads && d->event != DECK_EV_STEPPED && d->event != DECK_EV_RECORDS)
        deck_run_on(d, now_us);
    else
        deck_count_here(d, now_us);
    deck_wind_plan(d, now_us);
    deck_changed(d);
    deck_tick(d, now_us);
}
