/* deck/state.c - what a person sees: the state for clients and the rows of the character generator. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "deck/motion.h"

enum { OSD_ROW_MODE, OSD_ROW_COUNTER, OSD_ROW_SWITCHES, OSD_ROW_MESSAGE };

static const char *const speed_names[] = { "SP", "LP", "EP" };

/* The fourth row has room for one thing: what was refused, how long it still records, how far the tracking is off. */
static void write_message(struct deck *d, char row[DECK_OSD_CHARS + 1])
{
    size_t room = DECK_OSD_CHARS + 1;
    int64_t left_s = d->timer_us == INT64_MAX ? 0 : (d->timer_us - d->snap.since_us) / 1000000;
    if (d->tab_refused)
        vcr_strcpy(row, room, "NO TAB");
    else if (left_s > 0)
        snprintf(row, room, "OTR %d:%02d", (int)(left_s / 3600), (int)(left_s / 60 % 60));
    else if (d->snap.tracking != INT16_MIN)
        snprintf(row, room, "TRACKING %+d", d->snap.tracking);
}

void deck_write_osd(struct deck *d)
{
    static const char *const mode_rows[DECK_MODES] = {
        [DECK_OFF] = "", [DECK_EJECTED] = "\x08 NO TAPE", [DECK_LOADING] = "LOADING", [DECK_STOP] = "\x03 STOP",
        [DECK_PLAY] = "\x01 PLAY", [DECK_PAUSE] = "\x02 PAUSE", [DECK_SLOW] = "\x07 SLOW", [DECK_CUE] = "\x04\x04 CUE",
        [DECK_REVIEW] = "\x05\x05 REVIEW", [DECK_FAST_FORWARD] = "\x04\x04 FF", [DECK_REWIND] = "\x05\x05 REW",
        [DECK_EJECTING] = "\x08 EJECT", [DECK_RECORD] = "\x06 REC", [DECK_RECORD_PAUSE] = "\x06\x02 REC PAUSE", [DECK_FAULT] = "FAULT",
    };
    struct deck_snapshot *s = &d->snap;
    memset(s->osd, 0, sizeof(s->osd));
    s->osd_counter_line = d->power && d->tape_in ? OSD_ROW_COUNTER : -1;
    if (!d->power)
        return;
    if (s->mode == DECK_INDEX_SEARCH)
        snprintf(s->osd[OSD_ROW_MODE], sizeof(s->osd[0]), "%s INDEX %+d", d->index_count < 0 ? "\x05\x05" : "\x04\x04", (int)d->index_count);
    else
        vcr_strcpy(s->osd[OSD_ROW_MODE], sizeof(s->osd[0]), mode_rows[s->mode]);
    if (d->tape_in)
        snprintf(s->osd[OSD_ROW_SWITCHES], sizeof(s->osd[0]), "%s%s%s", speed_names[s->tape_speed % 3], d->memory ? " M" : "",
                 d->repeat ? " REPEAT" : "");
    write_message(d, s->osd[OSD_ROW_MESSAGE]);
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
    int32_t rate = deck_snapshot_rate(s, now_us);
    ret->speed = rate / 65536.0;
    ret->position_us = deck_position_us(d, now_us);
    ret->counter_us = deck_counter_us(d, now_us);
    ret->remaining_us = s->length_us - ret->position_us;
    ret->picture = now_us < s->picture_at_us ? DECK_PICTURE_BLUE : s->picture;
    ret->sound = now_us < s->lock_at_us ? DECK_SOUND_MUTED : s->sound;
    ret->servo = s->servo;
    ret->flag_start_of_tape = d->tape_in && rate == 0 && ret->position_us == 0;
    ret->flag_end_of_tape = d->tape_in && rate == 0 && ret->position_us == s->length_us;
    if (d->tape_in) {
        bool here = d->at_heads && d->place.from_us < ret->position_us && ret->position_us < d->place.to_us;
        struct deck_place place = here ? d->place : deck_place_at(d, ret->position_us, rate < 0);
        ret->flag_blank = !place.recorded;
        ret->flag_missing = place.missing;
    }
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
        .recording = d->recording,
        .command_seq = s->seq,
    };
    memcpy(ret->look, s->look, sizeof(ret->look));
    motion_now(d, now_us, ret);
    osd_now(d, now_us, ret);
}
