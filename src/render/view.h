/* render/view.h - what a deck shows and sounds like at an instant, worked out from its snapshot. PURE. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "deck/snapshot.h"

enum view_kind { VIEW_BLACK, VIEW_BLUE, VIEW_SNOW, VIEW_TAPE };
struct view {
    enum view_kind kind;
    int64_t tape_us;     /* place of the head */
    int32_t rate;        /* 16.16 times play speed */
    int32_t lock_q16;    /* 65536: servo locked */
    int32_t tracking_error_q8;
    bool settled;        /* the same picture for everyone: pass-through may serve it */
    uint8_t sound;       /* enum deck_sound: muted unless the tape plays at its speed, locked; linear also at another rate, where the deck lets it through */
    bool has_osd;
    int16_t scale;       /* -10..10: the message line is the tracking, drawn as a scale; INT16_MIN: it is not */
    char osd[DECK_OSD_LINES][DECK_OSD_CHARS + 1]; /* with the counter of this very instant */
};
void view_at(struct view *ret, const struct deck_snapshot *s, int64_t at_us);
/* Puts what came over the wire into range, so that nothing below has to check it again. */
void view_sanitise(struct deck_snapshot *s);
