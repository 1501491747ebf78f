/* deck/state.c - what a person sees: the state for clients and the rows of the character generator. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "deck/motion.h"

static const char *const speed_names[] = { "SP", "LP", "EP" };
enum { ROOM = DECK_OSD_CHARS + 1 };

static void write_mode(const struct deck *d, char row[ROOM])
{
    static const char *const rows[DECK_MODES] = {
        [DECK_OFF] = "", [DECK_EJECTED] = "\x09 NO TAPE", [DECK_LOADING] = "\x09 LOADING", [DECK_STOP] = "\x03 STOP", [DECK_PLAY] = "\x01 PLAY",
        [DECK_PAUSE] = "\x02 STILL", [DECK_SLOW] = "\x07 SLOW", [DECK_CUE] = "\x04\x04 CUE", [DECK_REVIEW] = "\x05\x05 REVIEW", [DECK_FAST_FORWARD] = "\x04\x04 FF",
        [DECK_REWIND] = "\x05\x05 REW", [DECK_EJECTING] = "\x08 EJECT", [DECK_RECORD] = "\x06 REC", [DECK_RECORD_PAUSE] = "\x06\x02 REC PAUSE", [DECK_FAULT] = "FAULT",
    };
    const struct deck_snapshot *s = &d->snap;
    int32_t rate = s->rate < 0 ? -s->rate : s->rate, parts = rate > 0 ? (DECK_PLAY_RATE + rate / 2) / rate : 0;
    if (s->mode == DECK_INDEX_SEARCH)
        snprintf(row, ROOM, "%s INDEX %+d", d->index_count < 0 ? "\x05\x05" : "\x04\x04", (int)d->index_count);
    else if ((s->mode == DECK_CUE || s->mode == DECK_REVIEW) && rate > DECK_PLAY_RATE)
        snprintf(row, ROOM, "%s x%d", rows[s->mode], (int)(rate / DECK_PLAY_RATE));
    else if (s->mode == DECK_SLOW && parts > 1 && parts < 100)
        snprintf(row, ROOM, "%s %s1/%d", rows[s->mode], s->rate < 0 ? "-" : "", (int)parts);
    else
        vcr_strcpy(row, ROOM, rows[s->mode]);
}

/* One row has room for one thing: what was refused, when it ends, what a key has set, what is wrong with the tape. */
static void write_message(struct deck *d, char row[ROOM])
{
    struct deck_snapshot *s = &d->snap;
    int64_t left_s = d->timer_us == INT64_MAX ? 0 : (d->timer_us - s->since_us) / 1000000;
    bool plays = d->at_heads && !deck_is_recording(d);
    if (d->tab_refused)
        vcr_strcpy(row, ROOM, "\x09 NO TAB");
    else if (left_s > 0)
        snprintf(row, ROOM, "OTR %d:%02d", (int)(left_s / 3600), (int)(left_s / 60 % 60));
    else if (d->sleep_shown && d->sleep_minutes == 0)
        vcr_strcpy(row, ROOM, "\x0b SLEEP OFF");
    else if (d->sleep_shown)
        snprintf(row, ROOM, "\x0b SLEEP %d", (int)d->sleep_minutes);
    else if (d->tracking_shown && s->tracking == INT16_MIN)
        vcr_strcpy(row, ROOM, "AUTO TRACKING");
    else if (d->tracking_shown || (s->tracking != INT16_MIN && plays))
        snprintf(row, ROOM, "TRACKING %+d", s->tracking), s->osd_scale = 1;
    else if (plays && !d->place.recorded)
        vcr_strcpy(row, ROOM, "BLANK TAPE");
    else if (plays && s->mode == DECK_PLAY && s->servo == DECK_SERVO_SPINNING_UP)
        vcr_strcpy(row, ROOM, "AUTO TRACKING");
    else if (d->tape_in && s->mode == DECK_STOP && s->length_us > 0 && s->pos_us >= s->length_us)
        vcr_strcpy(row, ROOM, "TAPE END");
}

void deck_write_osd(struct deck *d)
{
    struct deck_snapshot *s = &d->snap;
    memset(s->osd, 0, sizeof(s->osd));
    s->osd_counter_line = d->power && d->tape_in ? DECK_OSD_COUNTER : -1;
    s->osd_clock = s->osd_scale = 0;
    if (!d->power)
        return;
    write_mode(d, s->osd[DECK_OSD_MODE]);
    if (d->tape_in)
        snprintf(s->osd[DECK_OSD_SWITCHES], ROOM, "%s%s%s", speed_names[s->tape_speed % 3], d->memory ? " M" : "", d->repeat ? " REPEAT" : "");
    write_message(d, s->osd[DECK_OSD_MESSAGE]);
    if (s->mode == DECK_PLAY && d->at_heads && d->place.recorded)
        vcr_strcpy(s->osd[DECK_OSD_SOUND], ROOM, d->linear ? "MONO" : "HI-FI");
    s->osd_clock = (s->mode == DECK_STOP || s->mode == DECK_EJECTED) && !s->osd[DECK_OSD_MESSAGE][0];
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
        if (i == DECK_OSD_CLOCK && s->osd_clock)
            deck_clock_text(s, now_us, row);
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
