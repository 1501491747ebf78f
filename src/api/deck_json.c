/* api/deck_json.c - the deck object of deck.md. */
#include <string.h>

#include "api/internal.h"

static const char *const servo_names[] = { "spinning_up", "locked", "lost" };
static const char *const picture_names[] = { "none", "tape", "blue", "snow", "input" };
static const char *const sound_names[] = { "muted", "linear", "hifi" };
static const char *const speed_names[] = { "sp", "lp", "ep" };

static void tape_in(struct jsonw *j, const struct session_info *info)
{
    if (!info->deck.tape_in) {
        jsonw_null(j, "tape_in");
        return;
    }
    jsonw_open(j, "tape_in");
    jsonw_int(j, "tape_id", info->tape_id);
    jsonw_str(j, "title", info->tape_title);
    jsonw_seconds(j, "length", info->tape_length_us);
    jsonw_bool(j, "write_protected", info->write_protected);
    jsonw_close(j);
}

static void flags(struct jsonw *j, const struct deck_state *d)
{
    jsonw_open(j, "flags");
    jsonw_bool(j, "end_of_tape", d->flag_end_of_tape);
    jsonw_bool(j, "start_of_tape", d->flag_start_of_tape);
    jsonw_bool(j, "head_protection", d->flag_head_protection);
    jsonw_bool(j, "tab", d->flag_tab);
    jsonw_bool(j, "blank", d->flag_blank);
    jsonw_bool(j, "missing", d->flag_missing);
    jsonw_close(j);
}

static void input_json(struct jsonw *j, const struct session_source *input)
{
    if (!input->device_id && !input->session_id[0]) {
        jsonw_null(j, "input");
        return;
    }
    jsonw_open(j, "input");
    jsonw_str(j, "session_id", input->session_id[0] ? input->session_id : NULL);
    if (input->device_id)
        jsonw_int(j, "device_id", input->device_id);
    else
        jsonw_null(j, "device_id");
    jsonw_close(j);
}

void deck_json(struct jsonw *j, const char *key, const struct session_info *info)
{
    const struct deck_state *d = &info->deck;
    char counter[16];
    deck_counter_text(d->counter_us, counter);
    jsonw_open(j, key);
    jsonw_bool(j, "power", d->power);
    tape_in(j, info);
    jsonw_str(j, "mode", deck_mode_name(d->mode));
    jsonw_num(j, "speed", d->speed);
    jsonw_seconds(j, "position", d->position_us);
    jsonw_str(j, "counter", counter);
    jsonw_seconds(j, "remaining", d->remaining_us);
    jsonw_str(j, "tape_speed", speed_names[VCR_MIN(d->tape_speed, 2)]);
    if (d->tracking == INT16_MIN)
        jsonw_str(j, "tracking", "auto");
    else
        jsonw_int(j, "tracking", d->tracking);
    look_json(j, "look", d->clean, d->look);
    jsonw_str(j, "servo", servo_names[VCR_MIN((unsigned)d->servo, 2u)]);
    jsonw_str(j, "picture", picture_names[VCR_MIN((unsigned)d->picture, 4u)]);
    jsonw_str(j, "sound", sound_names[VCR_MIN((unsigned)d->sound, 2u)]);
    jsonw_bool(j, "memory", d->memory);
    jsonw_bool(j, "repeat", d->repeat);
    input_json(j, &info->input);
    jsonw_open_array(j, "osd");
    for (int i = 0; i < d->osd_lines && i < DECK_OSD_LINES; i++)
        jsonw_str(j, NULL, d->osd[i]);
    jsonw_close_array(j);
    flags(j, d);
    jsonw_str(j, "pending", d->pending);
    jsonw_str(j, "stop_reason", d->stop_reason && *d->stop_reason ? d->stop_reason : NULL);
    jsonw_int(j, "command_seq", d->command_seq);
    jsonw_close(j);
}
