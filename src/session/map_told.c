/* session/map_told.c - see map.h: decks are told of a newer one. */
#include "session/internal.h"
#include "session/map.h"

struct change {
    struct loop_msg msg;
    struct sessions *owner;
    int64_t tape_id;
    struct session_map *map;
};

static void take(struct session *x, struct session_map *m)
{
    if (x->tape.map && x->tape.map->revision >= m->revision)
        return;
    struct session_map *former = x->tape.map;
    int64_t now_us = actor_advance(x);
    if (!x->has_tape) /* it left just now */
        return;
    x->tape.map = session_map_ref(m);
    x->tape.deck.map = &m->map;
    engine_tell_spans(x);
    key_map(x, &m->map, now_us); /* not later: with something of the deck due, the log would be told all of the map */
    session_map_unref(&former);
    actor_changed(x);
}

static void on_change(struct loop_msg *msg)
{
    struct change *c = container_of(msg, struct change, msg);
    for (struct session *x = c->owner->list; x; x = x->next)
        if (x->has_tape && x->tape.tape_id == c->tape_id)
            take(x, c->map);
    session_map_unref(&c->map);
    free(c);
}

void sessions_map_changed(struct sessions *s, int64_t tape_id, struct session_map *m)
{
    struct change *c = vcr_alloc(sizeof(*c));
    *c = (struct change){ .msg = { .fn = on_change }, .owner = s, .tape_id = tape_id, .map = session_map_ref(m) };
    loop_post(s->loop, &c->msg);
}
