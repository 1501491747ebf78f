/* render/splice.c - see splice.h. */
#include "render/splice.h"

#include <string.h>

#include "media/encode.h"

void splice_read(struct recordings *r, int64_t tape_us, int16_t *pcm, bool *ret_jumped)
{
    int16_t other[AUDIO_FRAME * 2];
    struct recording at, next;
    recordings_at(r, tape_us, &at);
    bool is_there = recordings_coming(r, tape_us, AUDIO_FRAME_US - 1, &next);
    int64_t end_us = at.state == RECORDING_NONE ? tape_us : at.end_us - tape_us < AUDIO_FRAME_US ? at.end_us : tape_us + AUDIO_FRAME_US;
    int until = at.tune ? (int)((end_us - tape_us) * 48 / 1000) : 0;
    bool jumped = false;
    *ret_jumped = false;
    if (at.tune)
        tune_read(at.tune, tape_us + at.reel_ahead_us, pcm, ret_jumped);
    if (at.tune && is_there && next.tune == at.tune && next.start_us == at.end_us) /* one recording that was cut in two */
        return;
    memset(pcm + 2 * until, 0, (size_t)(AUDIO_FRAME - until) * 2 * sizeof(*pcm));
    if (!is_there || !next.tune)
        return;
    int from = (int)((next.start_us - tape_us) * 48 / 1000);
    tune_read(next.tune, tape_us + next.reel_ahead_us, other, &jumped);
    memcpy(pcm + 2 * from, other + 2 * from, (size_t)(AUDIO_FRAME - from) * 2 * sizeof(*pcm));
}
