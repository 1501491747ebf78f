/* deck/state.c - what a person sees: the state for clients and the rows of the character generator. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "deck/motion.h"

enum { OSD_ROW_MODE, OSD_ROW_COUNTER, OSD_ROW_SWITCHES, OSD_ROW_TRACKING };

static const char *const speed_names[] = { "SP", "LP", "EP" };

void deck_write_osd(struct deck *d)
{
    static const char *const mode_rows[DECK_MODES] = {
        [DECK_OFF] = "", [DECK_EJECTED] = "\x08 NO TAPE", [DECK_LOADING] = "LOADING", [DECK_STOP] = "\x03 STOP",
        [DECK_PLAY] = "\x01 PLAY", [DECK_PAUSE] = "\x02 PAUSE", [DECK_SLOW] = "\x07 SLOW", [DECK_CUE] = "\x04\x04 CUE",
        [DECK_REVIEW] = "\x05\x05 REVIEW", [DECK_FAST_FORWARD] = "\x04\x04 FF", [DECK_REWIND] = "\x05\x05 REW",
        [DECK_EJECTING] = "\x08 EJECT",
    };
    struct deck_snapshot *s = &d->snap;
    memset(s->osd, 0, sizeof(s->osd));
    s->osd_counter_line = d->power && d->tape_in ? OSD_ROW_COUNTER : -1;
    if (!d->power)
        return;
    const char *row = mode_rows[s->mode];
    vcr_strcpy(s->osd[OSD_ROW_MODE], sizeof(s->osd[0]), row ? row : "");
    if (d->tape_in)
        snprintf(s->osd[OSD_ROW_SWITCHES], sizeof(s->osd[0]), "%s%s%s", speed_names[s->tape_speed % 3], d->memory ? " M" : "",
                 d->repeat ? " REPEAT" : "");
    if (s->tracking != INT16_MIN)
        snprintf(s->osd[OSD_ROW_TRACKING], sizeof(s->osd[0]), "TRACKING %+d", s->tracking);
}

static void osd_now(const struct deck *d, int64_t now_us, struct deck_state *ret)
{
    const struct deck_snapshot *s = &d->snap;
    if (now_us >= s->osd_until_us)
        return;
    for (int i = 0; i < DECK_OSD_LINES; i++) {
        char row[DECK_OSD_CHARS + 1], counter[16];
        const char *text = s->osd[i];
        while (*text > 0 && *text <= ' ')
            text++;
        vcr_strcpy(row, sizeof(row), text);
        if (i == s->osd_counter_line) {
            deck_counter_text(deck_counter_us(d, now_us), counter);
            vcr_strcpy(row, sizeof(row), counter);
        }
        if (row[0])
            memcpy(ret->osd[ret->osd_lines++], row, sizeof(row));
    }
}

static void motion_now(const struct deck *d, int64_t now_us, struct deck_state *ret)
{
    const struct deck_snapshot *s = &d->snap;
    bool at_heads = s->picture == DECK_PICTURE_TAPE || s->picture == DECK_PICTURE_SNOW;
    int32_t rate = deck_snapshot_rate(s, now_us);
    ret->speed = rate / 65536.0;
    ret->position_us = deck_position_us(d, now_us);
    ret->counter_us = ret->position_us - s->counter_base_us;
    ret->remaining_us = s->length_us - ret->position_us;
    ret->picture = now_us < s->picture_at_us ? DECK_PICTURE_BLUE : s->picture;
    ret->sound = now_us < s->lock_at_us ? DECK_SOUND_MUTED : s->sound;
    ret->servo = !at_heads || now_us >= s->lock_at_us ? DECK_SERVO_LOCKED : s->servo;
    ret->flag_start_of_tape = d->tape_in && rate == 0 && ret->position_us == 0;
    ret->flag_end_of_tape = d->tape_in && rate == 0 && ret->position_us == s->length_us;
}

void deck_state(const struct deck *d, int64_t now_us, struct deck_state *ret)
{
    const struct deck_snapshot *s = &d->snap;
    *ret = (struct deck_state){
        .mode = s->mode,
        .power = d->power,
        .tape_in = d->tape_in,
        .memory = d->memory,
        .repeat = d->repeat,
        .tracking = s->tracking,
        .tape_speed = s->tape_speed,
        .clean = s->clean,
        .pending = d->pending ? deck_cmd_name((enum deck_cmd)(d->pending - 1)) : NULL,
        .stop_reason = d->stop_reason,
        .flag_head_protection = d->head_protection,
        .flag_tab = d->tape_in && d->tape.write_protected,
        .flag_blank = d->tape_in && d->tape.blank,
        .command_seq = s->seq,
    };
    memcpy(ret->look, s->look, sizeof(ret->look));
    motion_now(d, now_us, ret);
    osd_now(d, now_us, ret);
}
