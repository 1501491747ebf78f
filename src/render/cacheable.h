/* render/cacheable.h - whether what a deck shows may come from made segments instead of being drawn and encoded. PURE. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "deck/snapshot.h"
#include "render/recordings.h"

/* snap: the deck, with the recording's damage and speed; at: what is at its heads. */
struct cacheable {
    const struct deck_snapshot *snap;
    const struct recording *at;
    bool encode_all;        /* it is recorded: all its pictures have one form */
    uint32_t line_bps;      /* what is known to limit its viewers' lines, which may be too narrow for made segments; 0: nothing */
};
/* The same picture as everyone sees: a deck in settled PLAY of the tape's own film, in a look with a name. */
bool cacheable_at(const struct cacheable *c, int64_t at_us);
/* A profile as it is; one that somebody changed is his. */
bool cacheable_look(const char *look);
