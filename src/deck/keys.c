/* deck/keys.c - the table: what each key does in each mode. An empty place is a refusal. */
#include <string.h>

#include "base/util.h"
#include "deck/keys.h"

/* The columns, in the order of enum deck_mode. The deck at work: stop, the six with the tape at the heads and its picture, the winds. */
#define ROW(off, ejected, loading, stop, play, pause, slow, cue, review, ff, rew, index, record, record_pause, ejecting)                                         \
    { [DECK_OFF] = off, [DECK_EJECTED] = ejected, [DECK_LOADING] = loading, [DECK_STOP] = stop, [DECK_PLAY] = play, [DECK_PAUSE] = pause, [DECK_SLOW] = slow,    \
      [DECK_CUE] = cue, [DECK_REVIEW] = review, [DECK_FAST_FORWARD] = ff, [DECK_REWIND] = rew, [DECK_INDEX_SEARCH] = index, [DECK_RECORD] = record,              \
      [DECK_RECORD_PAUSE] = record_pause, [DECK_EJECTING] = ejecting }
#define IN_ALL(key) ROW(key, key, key, key, key, key, key, key, key, key, key, key, key, key, key)
#define WHEN_ON(key) ROW(0, key, key, key, key, key, key, key, key, key, key, key, key, key, key)
#define WITH_PICTURE(key) ROW(0, 0, 0, 0, key, key, key, key, key, 0, 0, 0, 0, 0, 0)

/* moves: the key makes the tape go somewhere else, so that why it last stopped is history. */
static const struct key {
    const char *name;
    deck_key_fn *in[DECK_MODES];
    bool moves;
    bool without_tape; /* works in an empty deck */
    const char *works; /* the sentence of the refusal */
} keys[DECK_CMDS] = {
    [DECK_CMD_POWER] = { "power", ROW(key_power, key_power, key_power, key_power, key_power, key_power, key_power, key_power, key_power, key_power, key_power,
                                      key_power, 0, key_power, key_power), false, true, "The deck can be switched on and off" },
    [DECK_CMD_INSERT] = { "insert", ROW(key_insert, key_insert, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), true, true, "There is a tape in the deck: eject it first" },
    [DECK_CMD_EJECT] = { "eject", ROW(key_eject, 0, 0, key_eject, key_eject, key_eject, key_eject, key_eject, key_eject, key_eject, key_eject, key_eject, 0,
                                      key_eject, 0), true, false, "The cassette is on its way" },
    [DECK_CMD_PLAY] = { "play", ROW(key_play, 0, key_play_later, key_play, key_play, key_play, key_play, key_play, key_play, key_play, key_play_in_rewind, key_play,
                                    0, key_record_on, 0), true, false, "The cassette is on its way out" },
    [DECK_CMD_PAUSE] = { "pause", ROW(0, 0, 0, 0, key_still, key_play, key_still, key_still, key_still, 0, 0, 0, key_record_pause, key_record_on, 0), true, false,
                         "Pause works while the tape plays, is searched or is recorded on" },
    [DECK_CMD_STOP] = { "stop", ROW(0, 0, key_forget_pending, key_unthread, key_stop, key_stop, key_stop, key_stop, key_stop, key_stop, key_stop, key_stop, key_stop,
                                    key_stop, 0), true, false, "The cassette is on its way out" },
    [DECK_CMD_REWIND] = { "rewind", ROW(0, 0, 0, key_rewind, key_search_back, key_search_back, key_search_back, key_search_back, key_search_back, key_rewind,
                                        key_rewind, key_rewind, 0, 0, 0), true, false, "Rewind works once the tape is loaded, and not in a recording" },
    [DECK_CMD_FAST_FORWARD] = { "fast_forward", ROW(0, 0, 0, key_fast_forward, key_search_on, key_search_on, key_search_on, key_search_on, key_search_on,
                                                    key_fast_forward, key_fast_forward, key_fast_forward, 0, 0, 0), true, false,
                                "Fast forward works once the tape is loaded, and not in a recording" },
    [DECK_CMD_CUE] = { "cue", ROW(0, 0, 0, 0, key_cue, key_cue, key_cue, key_cue, key_cue, key_peek_on, 0, 0, 0, 0, 0), true, false,
                       "Cue works while there is a picture from the tape, and held in fast forward" },
    [DECK_CMD_REVIEW] = { "review", ROW(0, 0, 0, 0, key_review, key_review, key_review, key_review, key_review, 0, key_peek_back, 0, 0, 0, 0), true, false,
                          "Review works while there is a picture from the tape, and held in rewind" },
    [DECK_CMD_RELEASE] = { "release", ROW(0, 0, 0, 0, key_release, key_release, key_release, key_release, key_release, key_release, key_release, 0, 0, 0, 0), false,
                           false, "No key is being held" },
    [DECK_CMD_SLOW] = { "slow", WITH_PICTURE(key_slow), true, false, "Slow works while there is a picture from the tape" },
    [DECK_CMD_FRAME_ADVANCE] = { "frame_advance", WITH_PICTURE(key_frame_advance), true, false, "Single frames need a picture from the tape" },
    [DECK_CMD_FRAME_BACK] = { "frame_back", WITH_PICTURE(key_frame_back), true, false, "Single frames need a picture from the tape" },
    [DECK_CMD_SEEK] = { "seek", ROW(0, 0, 0, key_seek, key_seek, key_seek, key_seek, key_seek, key_seek, key_seek, key_seek, key_seek, 0, 0, 0), true, false,
                        "Going to a place works once the tape is loaded, and not in a recording" },
    [DECK_CMD_COUNTER_RESET] = { "counter_reset", WHEN_ON(key_counter_reset), false, true, NULL },
    [DECK_CMD_MEMORY] = { "memory", WHEN_ON(key_memory), false, true, NULL },
    [DECK_CMD_REPEAT] = { "repeat", WHEN_ON(key_repeat), false, true, NULL },
    [DECK_CMD_TRACKING] = { "tracking", WHEN_ON(key_tracking), false, true, NULL },
    [DECK_CMD_TAPE_SPEED] = { "tape_speed", ROW(0, key_tape_speed, key_tape_speed, key_tape_speed, key_tape_speed, key_tape_speed, key_tape_speed, key_tape_speed,
                                                key_tape_speed, key_tape_speed, key_tape_speed, key_tape_speed, 0, key_tape_speed, key_tape_speed), false, true, NULL },
    [DECK_CMD_LOOK] = { "look", IN_ALL(key_look), false, true, NULL },
    [DECK_CMD_SLEEP] = { "sleep", WHEN_ON(key_sleep), false, true, NULL },
    [DECK_CMD_INDEX_NEXT] = { "index_next", ROW(0, 0, 0, key_index_next, key_index_next, key_index_next, key_index_next, key_index_next, key_index_next,
                                                key_index_next, key_index_next, key_index_next, 0, 0, 0), true, false,
                              "The index search works once the tape is loaded, and not in a recording" },
    [DECK_CMD_INDEX_PREVIOUS] = { "index_previous", ROW(0, 0, 0, key_index_previous, key_index_previous, key_index_previous, key_index_previous, key_index_previous,
                                                        key_index_previous, key_index_previous, key_index_previous, key_index_previous, 0, 0, 0), true, false,
                                  "The index search works once the tape is loaded, and not in a recording" },
    [DECK_CMD_MARK_INDEX] = { "mark_index", ROW(0, 0, 0, 0, key_mark, key_mark, key_mark, key_mark, key_mark, 0, 0, 0, key_mark, 0, 0), false, false,
                              "A mark is written while the tape plays, stands still or is recorded on" },
    [DECK_CMD_RECORD] = { "record", ROW(0, 0, 0, key_record, key_record, key_record, key_record, key_record, key_record, 0, 0, 0, key_record_longer, key_record_on, 0),
                          true, false, "A recording begins from stop or where there is a picture from the tape, not from a wind" },
};

const char *deck_cmd_name(enum deck_cmd c) { return (unsigned)c < DECK_CMDS ? keys[c].name : "unknown"; }

bool deck_cmd_by_name(const char *name, enum deck_cmd *ret)
{
    for (unsigned c = 0; c < DECK_CMDS; c++) {
        if (strcmp(keys[c].name, name) == 0) {
            *ret = (enum deck_cmd)c;
            return true;
        }
    }
    return false;
}

static enum vcr_err refuse(const struct deck *d, const struct key *key, struct vcr_why *why)
{
    if (!d->power && d->tape_in)
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-in-this-mode", "The deck is switched off.");
    if (!d->tape_in && !key->without_tape)
        return vcr_refuse(why, VCR_E_CONFLICT, "/no-tape", "There is no tape in the deck.");
    if (d->snap.mode == DECK_OFF)
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-in-this-mode", "The deck is switched off.");
    if (d->snap.mode == DECK_FAULT)
        return vcr_refuse(why, VCR_E_CONFLICT, "/not-in-this-mode", "The deck has a fault; it goes on by itself once that is over.");
    if (deck_is_recording(d))
        return vcr_refuse(why, VCR_E_CONFLICT, "/busy-recording", "The deck is recording: stop it first.");
    return vcr_refuse(why, VCR_E_CONFLICT, "/not-in-this-mode", "%s (now: %s).", key->works ? key->works : "Not now", deck_mode_name(d->snap.mode));
}

enum vcr_err deck_command(struct deck *d, enum deck_cmd cmd, const struct deck_args *args, int64_t now_us, struct vcr_why *why)
{
    static const struct deck_args none = { .on = -1 };
    deck_tick(d, now_us);
    if ((unsigned)cmd >= DECK_CMDS)
        return vcr_fail(why, VCR_E_INVALID, "The deck has no such key.");
    const struct key *key = &keys[cmd];
    deck_key_fn *press = key->in[d->snap.mode];
    if (!press || (!d->tape_in && !key->without_tape))
        return refuse(d, key, why);
    const char *reason = d->stop_reason;
    uint8_t after_peek = d->after_peek;
    bool sleep_shown = d->sleep_shown, tracking_shown = d->tracking_shown;
    d->sleep_shown = d->tracking_shown = false;
    if (key->moves)
        d->stop_reason = NULL;
    if (key->moves && cmd != DECK_CMD_CUE && cmd != DECK_CMD_REVIEW)
        d->after_peek = 0;
    enum vcr_err err = press(d, args ? args : &none, now_us, why);
    if (err != VCR_OK) {
        d->stop_reason = reason;
        d->after_peek = after_peek;
        d->sleep_shown = sleep_shown, d->tracking_shown = tracking_shown;
        return err;
    }
    if (key->moves)
        d->head_protection = d->tab_refused = false;
    if (d->power)
        d->snap.osd_until_us = now_us + d->profile->osd_us;
    deck_count_due(d, now_us);
    deck_changed(d);
    deck_tick(d, now_us);
    return VCR_OK;
}
