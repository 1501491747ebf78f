/* deck/snapshot.c - where the tape is at a moment, computed from one snapshot. Integer arithmetic only: vcrd and vcr-render must agree to the microsecond. */
#include "deck/snapshot.h"

#include <stdio.h>

#include "base/util.h"

/* Winding rates times hours of microseconds do not fit into 64 bits. */
__extension__ typedef __int128 wide;

static int64_t elapsed_us(const struct deck_snapshot *s, int64_t now_us) { return now_us > s->since_us ? now_us - s->since_us : 0; }

int64_t deck_snapshot_position_us(const struct deck_snapshot *s, int64_t now_us)
{
    wide e = elapsed_us(s, now_us), in_ramp = e < s->ramp_us ? e : s->ramp_us;
    /* Twice the way in 1/65536 us: the ramp is a trapezium. */
    wide way = 2 * in_ramp * s->rate_from;
    if (s->ramp_us > 0)
        way += (wide)((int64_t)s->rate - s->rate_from) * in_ramp * in_ramp / s->ramp_us;
    way += 2 * (e - in_ramp) * s->rate;
    wide pos = s->pos_us + (way >> 17);
    return pos < 0 ? 0 : pos > s->length_us ? s->length_us : (int64_t)pos;
}

int64_t deck_snapshot_counter_us(const struct deck_snapshot *s, int64_t now_us)
{
    int64_t pos = deck_snapshot_position_us(s, now_us);
    return (pos < s->count_from_us ? s->count_from_us : VCR_MIN(pos, s->count_to_us)) - s->counter_base_us;
}

int32_t deck_snapshot_rate(const struct deck_snapshot *s, int64_t now_us)
{
    int64_t e = elapsed_us(s, now_us), rate = s->rate;
    if (e < s->ramp_us)
        rate = s->rate_from + (int64_t)((wide)(s->rate - (int64_t)s->rate_from) * e / s->ramp_us);
    if (rate == 0)
        return 0;
    int64_t pos = deck_snapshot_position_us(s, now_us);
    return (rate > 0 && pos >= s->length_us) || (rate < 0 && pos <= 0) ? 0 : (int32_t)rate;
}

bool deck_snapshot_settled(const struct deck_snapshot *s, int64_t now_us)
{
    return s->mode == DECK_PLAY && s->picture == DECK_PICTURE_TAPE && s->rate == 65536 && now_us >= s->since_us + s->ramp_us &&
           now_us >= s->picture_at_us && now_us >= s->lock_at_us && s->servo != DECK_SERVO_LOST && now_us >= s->osd_until_us &&
           s->tracking == INT16_MIN && deck_snapshot_position_us(s, now_us) < s->length_us;
}

void deck_counter_text(int64_t counter_us, char out[16])
{
    long long s = (counter_us < 0 ? -counter_us : counter_us) / 1000000;
    s = VCR_MIN(s, 999 * 3600LL);
    snprintf(out, 16, "%s%lld:%02lld:%02lld", counter_us < 0 && s ? "-" : "", s / 3600, s / 60 % 60, s % 60);
}

void deck_clock_text(const struct deck_snapshot *s, int64_t now_us, char out[16])
{
    int64_t minutes = (now_us + s->clock_us) / 60000000 % 1440;
    if (s->clock_us == DECK_CLOCK_UNSET || minutes < 0)
        vcr_strcpy(out, 16, "--:--");
    else
        snprintf(out, 16, "%d:%02d", (int)(minutes / 60), (int)(minutes % 60));
}

const char *deck_mode_name(enum deck_mode m)
{
    static const char *const names[DECK_MODES] = {
        [DECK_OFF] = "off", [DECK_EJECTED] = "ejected", [DECK_LOADING] = "loading", [DECK_STOP] = "stop", [DECK_PLAY] = "play",
        [DECK_PAUSE] = "pause", [DECK_SLOW] = "slow", [DECK_CUE] = "cue", [DECK_REVIEW] = "review",
        [DECK_FAST_FORWARD] = "fast_forward", [DECK_REWIND] = "rewind", [DECK_INDEX_SEARCH] = "index_search",
        [DECK_RECORD] = "record", [DECK_RECORD_PAUSE] = "record_pause", [DECK_EJECTING] = "ejecting", [DECK_FAULT] = "fault",
    };
    return (unsigned)m < DECK_MODES ? names[m] : "fault";
}
