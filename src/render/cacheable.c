/* render/cacheable.c - see cacheable.h. */
#include "render/cacheable.h"

#include <string.h>

#include "wire/render_msg.h"

bool cacheable_look(const char *look)
{
    size_t len = strlen(look);
    return len > 0 && len < RENDER_LOOK_BYTES && strspn(look, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

static bool is_the_film(const struct recording *at)
{
    return at->state == RECORDING_THERE && at->take == 0 && at->film && at->reel_ahead_us == 0;
}

bool cacheable_at(const struct cacheable *c, int64_t at_us)
{
    return !c->encode_all && c->line_bps == 0 && !c->snap->clean && deck_snapshot_settled(c->snap, at_us) &&
           is_the_film(c->at) && cacheable_look(c->snap->look);
}
