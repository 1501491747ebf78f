/* session/wear.c - what a deck does to the tape that is in it: how much of it passed under the heads. Winding away from the heads and standing still wear nothing that one number
 * of the whole tape could tell. */
#include "session/internal.h"

static const bool at_the_heads[DECK_MODES] = {
    [DECK_PLAY] = true, [DECK_SLOW] = true, [DECK_CUE] = true, [DECK_REVIEW] = true, [DECK_RECORD] = true,
};

void wear_begin(struct session *x)
{
    x->passed_us = 0;
    x->passed_at_us = x->tape.deck.position_us;
}

void wear_account(struct session *x, int64_t now_us)
{
    if (!x->has_tape || !x->deck.tape_in)
        return;
    int64_t at_us = deck_position_us(&x->deck, now_us), way_us = at_us - x->passed_at_us;
    if (at_the_heads[x->deck.snap.mode])
        x->passed_us += way_us < 0 ? -way_us : way_us;
    x->passed_at_us = at_us;
}

void wear_tell(struct session *x)
{
    const struct sessions_config *c = &x->owner->config;
    if (x->has_tape && x->passed_us > 0 && c->tape_worn && actor_keeps_tape(x))
        c->tape_worn(c->arg, x->tape.tape_id, x->passed_us);
    x->passed_us = 0;
}
