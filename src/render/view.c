/* render/view.c - see view.h. */
#include "render/view.h"

#include <string.h>

#include "base/util.h"
#include "signal/signal.h"

enum { SEARCH_SOUND_MOST = 16 * 65536 }; /* what is faster is not heard */

static enum view_kind kind_at(const struct deck_snapshot *s, int64_t at_us)
{
    static const enum view_kind kinds[] = { [DECK_PICTURE_NONE] = VIEW_BLACK, [DECK_PICTURE_TAPE] = VIEW_TAPE, [DECK_PICTURE_BLUE] = VIEW_BLUE,
                                            [DECK_PICTURE_SNOW] = VIEW_SNOW, [DECK_PICTURE_INPUT] = VIEW_BLUE };
    if (s->picture == DECK_PICTURE_TAPE && at_us < s->picture_at_us)
        return VIEW_BLUE;
    return kinds[s->picture];
}

static int32_t lock_at(const struct deck_snapshot *s, int64_t at_us)
{
    if (s->servo == DECK_SERVO_LOST)
        return 0;
    if (at_us >= s->lock_at_us)
        return 65536;
    int64_t from = VCR_MAX(s->since_us, s->picture_at_us);
    return at_us <= from ? 0 : (int32_t)((at_us - from) * 65536 / (s->lock_at_us - from));
}

static bool audible(const struct deck_snapshot *s, const struct view *v)
{
    bool searches = s->sound == DECK_SOUND_LINEAR && v->rate != 0 && v->rate >= -SEARCH_SOUND_MOST && v->rate <= SEARCH_SOUND_MOST;
    return v->kind == VIEW_TAPE && v->lock_q16 == 65536 && (s->mode == DECK_PLAY ? v->rate == 65536 : searches);
}

void view_at(struct view *ret, const struct deck_snapshot *s, int64_t at_us)
{
    *ret = (struct view){ .kind = kind_at(s, at_us), .tape_us = deck_snapshot_position_us(s, at_us), .rate = deck_snapshot_rate(s, at_us),
                          .lock_q16 = lock_at(s, at_us), .settled = deck_snapshot_settled(s, at_us) };
    ret->tracking_error_q8 = s->tracking == INT16_MIN ? 0 : signal_tracking_q8(s->tracking);
    ret->sound = audible(s, ret) ? s->sound : DECK_SOUND_MUTED;
    ret->scale = INT16_MIN;
    ret->has_osd = at_us < s->osd_until_us;
    if (!ret->has_osd)
        return;
    memcpy(ret->osd, s->osd, sizeof(ret->osd));
    if (s->osd_counter_line >= 0)
        deck_counter_text(deck_snapshot_counter_us(s, at_us), ret->osd[s->osd_counter_line]); /* fits: 16 of 25 */
    if (s->osd_clock)
        deck_clock_text(s, at_us, ret->osd[DECK_OSD_CLOCK]);
    if (s->osd_scale && s->tracking != INT16_MIN)
        ret->scale = s->tracking;
}

void view_sanitise(struct deck_snapshot *s)
{
    s->mode = s->mode < DECK_MODES ? s->mode : DECK_FAULT;
    s->picture = s->picture <= DECK_PICTURE_INPUT ? s->picture : DECK_PICTURE_NONE;
    s->sound = s->sound <= DECK_SOUND_HIFI ? s->sound : DECK_SOUND_MUTED;
    s->servo = s->servo <= DECK_SERVO_LOST ? s->servo : DECK_SERVO_LOST;
    int64_t *times[] = { &s->since_us, &s->picture_at_us, &s->lock_at_us };
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        *times[i] = VCR_CLAMP(*times[i], 0, INT64_C(1) << 45);
    s->length_us = VCR_CLAMP(s->length_us, 0, INT64_C(1) << 40);
    s->pos_us = VCR_CLAMP(s->pos_us, 0, s->length_us);
    s->counter_base_us = VCR_CLAMP(s->counter_base_us, -(INT64_C(1) << 40), INT64_C(1) << 40);
    s->count_from_us = VCR_CLAMP(s->count_from_us, 0, INT64_C(1) << 40);
    s->count_to_us = VCR_CLAMP(s->count_to_us, s->count_from_us, INT64_C(1) << 40);
    s->clock_us = VCR_CLAMP(s->clock_us, -(INT64_C(1) << 60), INT64_C(1) << 60);
    s->ramp_us = VCR_CLAMP(s->ramp_us, 0, INT64_C(1) << 36);
    s->wear_16 = VCR_CLAMP(s->wear_16, 0, 16);
    s->tracking = s->tracking == INT16_MIN ? s->tracking : (int16_t)VCR_CLAMP(s->tracking, -10, 10);
    s->tape_speed = s->tape_speed <= 2 ? s->tape_speed : 0;
    s->osd_counter_line = s->osd_counter_line < DECK_OSD_LINES ? s->osd_counter_line : -1;
    s->look[DECK_LOOK_BYTES - 1] = '\0';
    for (int i = 0; i < DECK_OSD_LINES; i++)
        s->osd[i][DECK_OSD_CHARS] = '\0';
}
