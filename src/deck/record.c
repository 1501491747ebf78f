/* deck/record.c - recording onto the tape: what the caller is told of it, and the marks. */
#include <string.h>

#include "base/util.h"
#include "deck/motion.h"

static void tell(struct deck *d, enum deck_effect_kind kind, const char *reason, int64_t t)
{
    if (d->effect_count == DECK_EFFECTS) {
        d->effect_first = (uint8_t)((d->effect_first + 1) % DECK_EFFECTS);
        d->effect_count--;
    }
    d->effects[(d->effect_first + d->effect_count++) % DECK_EFFECTS] = (struct deck_effect){
        .kind = kind, .position_us = deck_position_us(d, t), .at_us = t, .reason = reason, .tape_speed = d->record_speed };
}

bool deck_take_effect(struct deck *d, struct deck_effect *ret)
{
    if (d->effect_count == 0)
        return false;
    *ret = d->effects[d->effect_first];
    d->effect_first = (uint8_t)((d->effect_first + 1) % DECK_EFFECTS);
    d->effect_count--;
    return true;
}

void deck_write_mark(struct deck *d, int64_t t)
{
    int64_t at_us = deck_position_us(d, t);
    int n = d->new_mark_count, i = 0;
    if (n == DECK_NEW_MARKS) { /* the caller has not told of them for long; it has them all the same */
        memmove(d->new_marks_us, d->new_marks_us + 1, sizeof(d->new_marks_us) - sizeof(d->new_marks_us[0]));
        n--;
    }
    while (i < n && d->new_marks_us[i] <= at_us)
        i++;
    memmove(d->new_marks_us + i + 1, d->new_marks_us + i, (size_t)(n - i) * sizeof(d->new_marks_us[0]));
    d->new_marks_us[i] = at_us;
    d->new_mark_count = (uint8_t)(n + 1);
    tell(d, DECK_EFFECT_MARK, NULL, t);
}

void deck_record_begin(struct deck *d, int64_t t)
{
    int64_t pos = deck_position_us(d, t), counter_us = deck_counter_us(d, t);
    bool goes_on = d->own_from_us < d->own_to_us && d->own_to_us == pos && d->own_speed == d->record_speed;
    if (!goes_on)
        d->own_from_us = pos;
    d->own_to_us = d->snap.length_us;
    d->own_speed = d->record_speed;
    d->counter_zero_us = deck_counted_us(d, pos) - counter_us;
    d->recording = true;
    tell(d, DECK_EFFECT_RECORD_BEGIN, NULL, t);
    if (d->mark_due)
        deck_write_mark(d, t);
    d->mark_due = false;
}

void deck_record_end(struct deck *d, const char *reason, int64_t t)
{
    d->mark_due = false;
    if (!d->recording)
        return;
    d->recording = false;
    d->own_to_us = deck_position_us(d, t);
    tell(d, DECK_EFFECT_RECORD_END, reason, t);
}
