/* tests/unit/deck/test_deck_habits.c - what a deck does by itself or makes of a second press: peeks, faster searches, makes of deck, the tab, one-touch recording,
 * time-outs, sleep, faults, the input's picture, and what the display says. */
#include "deck_script.h"

#include <stdio.h>

#include "base/util.h"

static const struct deck_settings plain = { 0 };

static void make(struct bench *b, const char *profile, struct deck_settings settings, struct deck_args a)
{
    b->now_us = EPOCH_US;
    assert_non_null(deck_profile_by_name(profile));
    deck_init(&b->deck, deck_profile_by_name(profile), &settings, b->now_us);
    assert_int_equal(press_with(b, DECK_CMD_INSERT, &a, NULL), VCR_OK);
    pass(b, 3.1);
}

static void hold(struct bench *b, enum deck_cmd cmd)
{
    struct deck_args a = { .hold = true };
    struct vcr_why why = { 0 };
    if (press_with(b, cmd, &a, &why) != VCR_OK)
        fail_msg("%s was not held: %s", deck_cmd_name(cmd), why.text);
}

static const char *refused(struct bench *b, enum deck_cmd cmd, const struct deck_args *a)
{
    static struct vcr_why why;
    why = (struct vcr_why){ 0 };
    assert_int_equal(press_with(b, cmd, a, &why), VCR_E_CONFLICT);
    assert_true(strlen(why.text) > 10);
    return why.slug;
}

static bool takes_effect(struct bench *b, enum deck_effect_kind kind, const char *reason)
{
    struct deck_effect e;
    return deck_take_effect(&b->deck, &e) && e.kind == kind && (!reason || (e.reason && strcmp(e.reason, reason) == 0));
}

/* Search and wind */

static void the_key_of_a_wind_held_peeks_at_the_picture(void **state)
{
    struct bench b;
    bench_with_tape(&b, (struct deck_settings){ .winding_real = true }, 7200, 1000);
    press(&b, DECK_CMD_FAST_FORWARD);
    pass(&b, 10);
    hold(&b, DECK_CMD_CUE);
    assert_mode(&b, DECK_FAST_FORWARD); /* the reels are braked first */
    assert_string_equal(look(&b).pending, "cue");
    pass(&b, 2);
    assert_mode(&b, DECK_CUE);
    assert_int_equal(look(&b).picture, DECK_PICTURE_TAPE);
    double rate = look(&b).speed;
    assert_true(rate == 7);
    press(&b, DECK_CMD_RELEASE);
    assert_mode(&b, DECK_FAST_FORWARD);
    pass(&b, 10);
    assert_true(look(&b).speed > 30);
    assert_string_equal(refused(&b, DECK_CMD_CUE, NULL), "/not-in-this-mode"); /* not held */
    assert_string_equal(refused(&b, DECK_CMD_REVIEW, NULL), "/not-in-this-mode");
    hold(&b, DECK_CMD_CUE);
    press(&b, DECK_CMD_RELEASE); /* while it still brakes */
    pass(&b, 10);
    assert_mode(&b, DECK_FAST_FORWARD);
    press(&b, DECK_CMD_REWIND);
    pass(&b, 3);
    press(&b, DECK_CMD_PLAY); /* queued */
    hold(&b, DECK_CMD_REVIEW);
    pass(&b, 3);
    assert_mode(&b, DECK_REVIEW);
    press(&b, DECK_CMD_RELEASE);
    assert_mode(&b, DECK_REWIND);
    assert_string_equal(look(&b).pending, "play"); /* and still is */
    pass(&b, 300);
    assert_mode(&b, DECK_PLAY);
}

static void a_peek_goes_at_the_first_speed_and_held_again_is_the_same_peek(void **state)
{
    struct bench b;
    bench_with_tape(&b, (struct deck_settings){ .winding_real = true }, 7200, 3000);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 3);
    press(&b, DECK_CMD_CUE);
    press(&b, DECK_CMD_CUE);
    assert_true(look(&b).speed == 9);
    press(&b, DECK_CMD_STOP);
    press(&b, DECK_CMD_REWIND);
    pass(&b, 3);
    press(&b, DECK_CMD_PLAY); /* queued */
    hold(&b, DECK_CMD_REVIEW);
    hold(&b, DECK_CMD_REVIEW); /* while it brakes */
    pass(&b, 3);
    assert_true(look(&b).speed == -7);
    press(&b, DECK_CMD_RELEASE);
    assert_string_equal(look(&b).pending, "play");
}

/* Pressed while the tape still leaves the heads: the wind has not begun, and begins in its time. */
static void the_memory_pressed_before_a_wind_begins(void **state)
{
    struct bench b;
    bench_with_tape(&b, plain, 7200, 3000);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 60);
    press(&b, DECK_CMD_STOP);
    press(&b, DECK_CMD_REWIND);
    pass(&b, 0.1);
    press(&b, DECK_CMD_MEMORY);
    int64_t at = look(&b).position_us;
    pass(&b, 0.15);
    assert_int_equal(look(&b).position_us, at);
    pass(&b, 10);
    assert_int_equal(look(&b).position_us, S(3000));
    assert_string_equal(look(&b).stop_reason, "memory");
}

static void a_seek_peeked_into_still_arrives(void **state)
{
    struct bench b;
    struct deck_args to = { .position_us = S(5000) };
    bench_with_tape(&b, (struct deck_settings){ .winding_real = true }, 7200, 1000);
    assert_int_equal(press_with(&b, DECK_CMD_SEEK, &to, NULL), VCR_OK);
    pass(&b, 10);
    hold(&b, DECK_CMD_CUE);
    pass(&b, 3);
    assert_mode(&b, DECK_CUE);
    press(&b, DECK_CMD_RELEASE);
    assert_string_equal(look(&b).pending, "seek");
    pass(&b, 120);
    assert_mode(&b, DECK_PAUSE);
    assert_int_equal(look(&b).position_us, S(5000));
}

static void pressed_again_a_search_goes_faster(void **state)
{
    static const struct { const char *profile; uint8_t tape_speed; int rates[7]; } rows[] = {
        { "consumer", 0, { 7, 9, 11, 11 } },   { "consumer", 2, { 9, 15, 21, 21 } }, { "classic", 0, { 7, 7 } },
        { "full_load", 0, { 3, 5, 7, 9, 9 } }, { "broadcast", 1, { 2, 3, 5, 9, 15, 32, 32 } },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bench b;
        struct deck_args a = tape_args(7200, 3600);
        a.tape.tape_speed = rows[i].tape_speed;
        make(&b, rows[i].profile, plain, a);
        press(&b, DECK_CMD_PLAY);
        pass(&b, 4);
        for (int k = 0; k < 7 && rows[i].rates[k]; k++) {
            press(&b, DECK_CMD_CUE);
            assert_true(look(&b).speed == rows[i].rates[k]);
            pass(&b, 1);
        }
        press(&b, DECK_CMD_REWIND); /* the other way: slow again */
        assert_mode(&b, DECK_REVIEW);
        assert_true(look(&b).speed == -rows[i].rates[0]);
        press(&b, DECK_CMD_REWIND);
        assert_true(look(&b).speed == -rows[i].rates[1]);
        hold(&b, DECK_CMD_REVIEW); /* holding does not */
        assert_true(look(&b).speed == -rows[i].rates[1]);
        press(&b, DECK_CMD_RELEASE);
        assert_mode(&b, DECK_PLAY);
    }
}

static void an_ep_tape_winds_as_long_as_an_sp_tape_of_its_size(void **state)
{
    struct bench b;
    struct deck_args a = tape_args(3 * 7200, 0);
    a.tape.tape_speed = 2;
    make(&b, "consumer", (struct deck_settings){ .winding_real = true }, a);
    press(&b, DECK_CMD_FAST_FORWARD);
    pass(&b, 178);
    assert_mode(&b, DECK_FAST_FORWARD);
    pass(&b, 3);
    assert_mode(&b, DECK_STOP);
    assert_int_equal(look(&b).position_us, S(3 * 7200));
}

/* Makes of deck */

static void full_load_is_quicker_to_the_picture_than_half_load_than_unload(void **state)
{
    static const struct { const char *profile; double loaded_s, stopped_s, wound_s; } rows[] = {
        { "full_load", 0.3, 0.3, 0.3 }, { "consumer", 1.2, 0.6, 1.2 }, { "classic", 2.5, 2.5, 2.5 }, { "broadcast", 0.3, 0.3, 0.3 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const double after_s[] = { rows[i].loaded_s, rows[i].stopped_s, rows[i].wound_s };
        struct bench b;
        make(&b, rows[i].profile, plain, tape_args(7200, 3600));
        for (int k = 0; k < 3; k++) { /* play after loading, after a stop, after a wind */
            press(&b, DECK_CMD_PLAY);
            pass(&b, after_s[k] - 0.01);
            assert_int_equal(look(&b).picture, DECK_PICTURE_BLUE);
            pass(&b, 0.02);
            assert_int_equal(look(&b).picture, DECK_PICTURE_TAPE);
            pass(&b, 1);
            press(&b, DECK_CMD_STOP);
            if (k == 1) {
                press(&b, DECK_CMD_FAST_FORWARD);
                pass(&b, 2);
                press(&b, DECK_CMD_STOP);
                pass(&b, 1);
            }
        }
    }
    assert_null(deck_profile_by_name("betamax"));
}

static void stop_unthreads_in_time_or_when_pressed_again(void **state)
{
    for (int again = 0; again < 2; again++) {
        struct bench b;
        bench_with_tape(&b, plain, 7200, 3600);
        press(&b, DECK_CMD_PLAY);
        pass(&b, 3);
        press(&b, DECK_CMD_STOP);
        pass(&b, again ? 1 : 299);
        assert_true(b.deck.threaded);
        if (again)
            press(&b, DECK_CMD_STOP);
        pass(&b, 2);
        assert_false(b.deck.threaded);
        press(&b, DECK_CMD_PLAY);
        pass(&b, 1.1);
        assert_int_equal(look(&b).picture, DECK_PICTURE_BLUE);
    }
}

static void a_deck_before_the_index_search_has_none(void **state)
{
    struct bench b;
    make(&b, "classic", plain, tape_args(7200, 10));
    assert_string_equal(refused(&b, DECK_CMD_INDEX_NEXT, NULL), "/not-supported-by-deck");
    press(&b, DECK_CMD_PLAY);
    pass(&b, 4);
    assert_string_equal(refused(&b, DECK_CMD_MARK_INDEX, NULL), "/not-supported-by-deck");
}

static void the_end_rewinds_and_ejects_when_set(void **state)
{
    struct bench b;
    make(&b, "consumer", (struct deck_settings){ .auto_rewind = true, .auto_eject = true }, tape_args(60, 50));
    press(&b, DECK_CMD_PLAY);
    pass(&b, 12);
    assert_mode(&b, DECK_REWIND);
    assert_string_equal(look(&b).pending, "eject");
    pass(&b, 10);
    assert_mode(&b, DECK_EJECTED);
    make(&b, "consumer", (struct deck_settings){ .auto_rewind = true, .auto_eject = true }, tape_args(60, 50));
    press(&b, DECK_CMD_REWIND); /* by hand it stays in */
    pass(&b, 20);
    assert_mode(&b, DECK_STOP);
}

/* The tab and recording */

static void a_tape_without_its_tab(void **state)
{
    struct bench b;
    struct deck_args a = tape_args(7200, 100);
    a.tape.write_protected = true;
    make(&b, "full_load", plain, a);
    assert_mode(&b, DECK_PLAY); /* it begins to play by itself */
    assert_true(look(&b).flag_tab);
    assert_string_equal(refused(&b, DECK_CMD_RECORD, NULL), "/write-protected");
    assert_string_equal(refused(&b, DECK_CMD_MARK_INDEX, NULL), "/write-protected");
    assert_mode(&b, DECK_PLAY);
    make(&b, "consumer", plain, a);
    assert_mode(&b, DECK_STOP);
    assert_string_equal(refused(&b, DECK_CMD_RECORD, NULL), "/write-protected");
    assert_mode(&b, DECK_EJECTING); /* as consumer decks say it */
    assert_string_equal(look(&b).osd[look(&b).osd_lines - 1], "NO TAB");
    pass(&b, 10);
    press(&b, DECK_CMD_REPEAT);
    assert_string_equal(look(&b).osd[0], "NO TAPE"); /* and only as long as the display was on */
    assert_int_equal(look(&b).osd_lines, 2);
    assert_string_equal(look(&b).osd[1], "--:--");
    make(&b, "consumer", plain, a);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 2);
    assert_string_equal(refused(&b, DECK_CMD_RECORD, NULL), "/write-protected");
    assert_mode(&b, DECK_PLAY); /* only from stop */
    assert_string_equal(look(&b).osd[3], "NO TAB");
    make(&b, "broadcast", plain, a);
    assert_string_equal(refused(&b, DECK_CMD_RECORD, NULL), "/write-protected");
    assert_mode(&b, DECK_STOP);
    struct deck_effect e;
    assert_false(deck_take_effect(&b.deck, &e));
}

static void record_pressed_again_sets_an_end(void **state)
{
    struct bench b;
    bench_with_tape(&b, plain, 4 * 7200, 100);
    press(&b, DECK_CMD_RECORD);
    pass(&b, 1.3);
    press(&b, DECK_CMD_RECORD);
    assert_string_equal(look(&b).osd[3], "OTR 0:30");
    press(&b, DECK_CMD_RECORD);
    assert_string_equal(look(&b).osd[3], "OTR 1:00");
    pass(&b, 3599);
    assert_mode(&b, DECK_RECORD);
    pass(&b, 2);
    assert_mode(&b, DECK_STOP);
    assert_string_equal(look(&b).stop_reason, "timer");
    assert_true(takes_effect(&b, DECK_EFFECT_RECORD_BEGIN, NULL) && takes_effect(&b, DECK_EFFECT_MARK, NULL) && takes_effect(&b, DECK_EFFECT_RECORD_END, "timer"));
    press(&b, DECK_CMD_RECORD);
    pass(&b, 2);
    for (int i = 0; i < 9; i++) /* once round: without an end again */
        press(&b, DECK_CMD_RECORD);
    pass(&b, 5 * 3600);
    assert_mode(&b, DECK_RECORD);
}

static void a_recording_ends_with_the_tape(void **state)
{
    struct bench b;
    bench_with_tape(&b, (struct deck_settings){ .auto_rewind = true }, 60, 50);
    press(&b, DECK_CMD_REPEAT);
    press(&b, DECK_CMD_RECORD);
    pass(&b, 100);
    assert_mode(&b, DECK_STOP);
    assert_int_equal(look(&b).position_us, S(60));
    assert_true(takes_effect(&b, DECK_EFFECT_RECORD_BEGIN, NULL) && takes_effect(&b, DECK_EFFECT_MARK, NULL) && takes_effect(&b, DECK_EFFECT_RECORD_END, "end"));
    assert_string_equal(refused(&b, DECK_CMD_RECORD, NULL), "/end-of-tape");
}

static void a_recording_is_busy_and_protected(void **state)
{
    static const enum deck_cmd busy[] = { DECK_CMD_POWER, DECK_CMD_EJECT, DECK_CMD_PLAY, DECK_CMD_REWIND, DECK_CMD_SEEK, DECK_CMD_INDEX_NEXT, DECK_CMD_TAPE_SPEED };
    struct bench b;
    struct deck_args sleep = { .minutes = 1 };
    bench_with_tape(&b, plain, 7200, 100);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 3);
    press(&b, DECK_CMD_RECORD); /* on the fly: at once */
    assert_true(takes_effect(&b, DECK_EFFECT_RECORD_BEGIN, NULL) && takes_effect(&b, DECK_EFFECT_MARK, NULL));
    for (size_t i = 0; i < ARRAY_LEN(busy); i++)
        assert_string_equal(refused(&b, busy[i], NULL), "/busy-recording");
    assert_int_equal(press_with(&b, DECK_CMD_SLEEP, &sleep, NULL), VCR_OK);
    pass(&b, 600);
    assert_mode(&b, DECK_RECORD); /* sleep waits for its end */
    press(&b, DECK_CMD_STOP);
    assert_mode(&b, DECK_OFF);
    assert_true(takes_effect(&b, DECK_EFFECT_RECORD_END, "stop"));
}

static void a_paused_recording_protects_the_heads(void **state)
{
    struct bench b;
    bench_with_tape(&b, plain, 7200, 100);
    press(&b, DECK_CMD_RECORD);
    pass(&b, 5);
    press(&b, DECK_CMD_PAUSE);
    int64_t at = look(&b).position_us;
    pass(&b, 299);
    assert_mode(&b, DECK_RECORD_PAUSE);
    assert_int_equal(look(&b).picture, DECK_PICTURE_INPUT);
    pass(&b, 2);
    assert_mode(&b, DECK_STOP);
    assert_true(look(&b).flag_head_protection);
    assert_int_equal(look(&b).position_us, at);
}

/* Its mark belongs to its beginning, whenever that is. */
static void a_recording_paused_before_it_began_still_writes_its_mark(void **state)
{
    struct bench b;
    struct deck_effect e;
    bench_with_tape(&b, plain, 7200, 100);
    press(&b, DECK_CMD_RECORD);
    press(&b, DECK_CMD_PAUSE);
    pass(&b, 5);
    assert_false(deck_take_effect(&b.deck, &e));
    press(&b, DECK_CMD_PAUSE);
    pass(&b, 2);
    assert_true(takes_effect(&b, DECK_EFFECT_RECORD_BEGIN, NULL) && takes_effect(&b, DECK_EFFECT_MARK, NULL));
}

static void the_inputs_picture_is_seen_in_stop_when_chosen(void **state)
{
    struct bench b;
    bench_with_tape(&b, plain, 7200, 100);
    assert_int_equal(look(&b).picture, DECK_PICTURE_BLUE);
    deck_input(&b.deck, true, b.now_us);
    assert_int_equal(look(&b).picture, DECK_PICTURE_INPUT);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 3);
    assert_int_equal(look(&b).picture, DECK_PICTURE_TAPE);
    press(&b, DECK_CMD_STOP);
    assert_int_equal(look(&b).picture, DECK_PICTURE_INPUT);
    deck_input(&b.deck, false, b.now_us);
    assert_int_equal(look(&b).picture, DECK_PICTURE_BLUE);
}

/* Tape speed, tracking */

/* Hi-Fi is gone in a search; whether the linear track chatters is the make's habit, and it does not in stills nor over blank tape. */
static void the_sound_of_a_search(void **state)
{
    static const struct { const char *make; enum deck_sound cue, slow; } makes[] = { { "consumer", DECK_SOUND_MUTED, DECK_SOUND_MUTED },
        { "full_load", DECK_SOUND_MUTED, DECK_SOUND_MUTED }, { "classic", DECK_SOUND_LINEAR, DECK_SOUND_LINEAR }, { "broadcast", DECK_SOUND_LINEAR, DECK_SOUND_LINEAR } };
    for (size_t i = 0; i < sizeof(makes) / sizeof(makes[0]); i++) {
        struct bench b;
        struct deck_args slow = { .speed = 65536 / 5 };
        make(&b, makes[i].make, plain, tape_args(600, 100));
        press(&b, DECK_CMD_PLAY);
        pass(&b, 5);
        assert_int_equal(look(&b).sound, DECK_SOUND_HIFI);
        press(&b, DECK_CMD_CUE);
        pass(&b, 1);
        if ((int)look(&b).sound != (int)makes[i].cue)
            fail_msg("%s at %g: %d", makes[i].make, look(&b).speed, look(&b).sound);
        press(&b, DECK_CMD_REVIEW);
        pass(&b, 1);
        if ((int)look(&b).sound != (int)makes[i].cue)
            fail_msg("%s at %g: %d", makes[i].make, look(&b).speed, look(&b).sound);
        assert_int_equal(press_with(&b, DECK_CMD_SLOW, &slow, NULL), VCR_OK);
        assert_int_equal(look(&b).sound, makes[i].slow);
        press(&b, DECK_CMD_PAUSE);
        assert_int_equal(look(&b).sound, DECK_SOUND_MUTED);
    }
}

static void a_change_of_speed_mutes_for_a_second_and_says_so(void **state)
{
    struct bench b;
    struct deck_run runs[] = { { .start_us = 0, .end_us = S(100), .recorded = true }, { .start_us = S(100), .end_us = S(300), .recorded = true, .speed = 1 } };
    assert_int_equal(deck_map_prepare(runs, 2, NULL), VCR_OK);
    const struct deck_map map = { .runs = runs, .run_count = 2 };
    struct deck_args a = tape_args(1000, 80);
    a.tape.map = &map;
    make(&b, "consumer", plain, a);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 1.2 + 19.9);
    assert_int_equal(look(&b).sound, DECK_SOUND_HIFI);
    assert_int_equal(look(&b).osd_lines, 0);
    pass(&b, 0.2);
    struct deck_state st = look(&b);
    assert_int_equal(st.sound, DECK_SOUND_MUTED);
    assert_int_equal(st.picture, DECK_PICTURE_TAPE);
    assert_int_equal(st.servo, DECK_SERVO_SPINNING_UP);
    assert_int_equal(st.tape_speed, 1);
    assert_string_equal(st.osd[2], "LP");
    pass(&b, 0.95);
    assert_int_equal(look(&b).sound, DECK_SOUND_HIFI);
    press(&b, DECK_CMD_REVIEW); /* and back over it, searching at the speed's own rate */
    assert_true(look(&b).speed == -9);
    pass(&b, 1);
    assert_true(look(&b).speed == -7);
    a.tape_speed = 2; /* the switch is for recordings: what plays is what the tape says */
    press(&b, DECK_CMD_PLAY);
    assert_int_equal(press_with(&b, DECK_CMD_TAPE_SPEED, &a, NULL), VCR_OK);
    assert_int_equal(look(&b).tape_speed, 0);
    press(&b, DECK_CMD_STOP);
    press(&b, DECK_CMD_RECORD);
    pass(&b, 2);
    struct deck_effect e;
    assert_true(deck_take_effect(&b.deck, &e));
    assert_int_equal(e.tape_speed, 2);
}

static void tracking_is_automatic_again_after_stop_and_for_a_new_tape(void **state)
{
    struct bench b;
    struct deck_args by = { .tracking = 4 };
    bench_with_tape(&b, plain, 7200, 100);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 2);
    assert_int_equal(press_with(&b, DECK_CMD_TRACKING, &by, NULL), VCR_OK);
    press(&b, DECK_CMD_PAUSE);
    press(&b, DECK_CMD_PLAY);
    assert_int_equal(look(&b).tracking, 4);
    press(&b, DECK_CMD_STOP);
    assert_int_equal(look(&b).tracking, 4);
    press(&b, DECK_CMD_PLAY);
    assert_int_equal(look(&b).tracking, INT16_MIN);
}

/* Faults: in every mode the machine is lost, waits where it is, and goes on. */
static void a_fault_comes_from_any_mode_and_goes_back_to_it(void **state)
{
    static const struct { enum deck_mode mode; enum deck_cmd keys[3]; double then_s; enum deck_mode back; } rows[] = {
        { DECK_EJECTED, { DECK_CMD_EJECT, DECK_CMDS }, 2, DECK_EJECTED },
        { DECK_LOADING, { DECK_CMD_EJECT, DECK_CMDS }, 2, DECK_LOADING },
        { DECK_STOP, { DECK_CMDS }, 0, DECK_STOP },
        { DECK_PLAY, { DECK_CMD_PLAY, DECK_CMDS }, 3, DECK_PLAY },
        { DECK_PAUSE, { DECK_CMD_PLAY, DECK_CMD_PAUSE, DECK_CMDS }, 3, DECK_PAUSE },
        { DECK_SLOW, { DECK_CMD_PLAY, DECK_CMD_SLOW, DECK_CMDS }, 3, DECK_SLOW },
        { DECK_CUE, { DECK_CMD_PLAY, DECK_CMD_CUE, DECK_CMDS }, 3, DECK_CUE },
        { DECK_REVIEW, { DECK_CMD_PLAY, DECK_CMD_REVIEW, DECK_CMDS }, 3, DECK_REVIEW },
        { DECK_FAST_FORWARD, { DECK_CMD_FAST_FORWARD, DECK_CMDS }, 1, DECK_FAST_FORWARD },
        { DECK_REWIND, { DECK_CMD_REWIND, DECK_CMD_PLAY, DECK_CMDS }, 1, DECK_REWIND },
        { DECK_INDEX_SEARCH, { DECK_CMD_INDEX_PREVIOUS, DECK_CMDS }, 1, DECK_INDEX_SEARCH },
        { DECK_RECORD, { DECK_CMD_RECORD, DECK_CMDS }, 3, DECK_STOP },
        { DECK_RECORD_PAUSE, { DECK_CMD_RECORD, DECK_CMD_PAUSE, DECK_CMDS }, 3, DECK_STOP },
        { DECK_EJECTING, { DECK_CMD_EJECT, DECK_CMDS }, 0, DECK_EJECTING },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bench b;
        struct deck_args a = tape_args(7200, 3600);
        a.speed = 30000;
        bench_with_tape(&b, (struct deck_settings){ .winding_real = true }, 7200, 3600);
        for (int k = 0; rows[i].keys[k] != DECK_CMDS; k++)
            assert_int_equal(press_with(&b, rows[i].keys[k], &a, NULL), VCR_OK);
        pass(&b, rows[i].then_s);
        if (rows[i].mode == DECK_LOADING)
            assert_int_equal(press_with(&b, DECK_CMD_INSERT, &a, NULL), VCR_OK);
        assert_mode(&b, rows[i].mode);
        assert_false(deck_recover(&b.deck, b.now_us));
        int64_t at = look(&b).position_us;
        const char *pending = look(&b).pending;
        assert_true(deck_fault(&b.deck, "drum", b.now_us));
        assert_false(deck_fault(&b.deck, "drum", b.now_us));
        assert_mode(&b, DECK_FAULT);
        assert_string_equal(look(&b).stop_reason, "drum");
        assert_string_equal(look(&b).osd[0], "FAULT");
        pass(&b, 100);
        assert_int_equal(look(&b).position_us, at);
        assert_true(deck_recover(&b.deck, b.now_us));
        assert_mode(&b, rows[i].back);
        assert_int_equal(look(&b).position_us, at);
        if (pending)
            assert_string_equal(look(&b).pending, pending);
        if (rows[i].mode == DECK_RECORD)
            assert_true(takes_effect(&b, DECK_EFFECT_RECORD_BEGIN, NULL) && takes_effect(&b, DECK_EFFECT_MARK, NULL) && takes_effect(&b, DECK_EFFECT_RECORD_END, "fault"));
        pass(&b, 400);
        assert_true(look(&b).mode != DECK_FAULT);
    }
    struct bench braked; /* on its way to eject when it is lost: that is what it does afterwards, not the wind */
    bench_with_tape(&braked, (struct deck_settings){ .winding_real = true }, 7200, 3600);
    press(&braked, DECK_CMD_REWIND);
    pass(&braked, 3);
    press(&braked, DECK_CMD_EJECT);
    assert_true(deck_fault(&braked.deck, "drum", braked.now_us));
    assert_true(deck_recover(&braked.deck, braked.now_us));
    assert_mode(&braked, DECK_EJECTING);
    struct bench off;
    bench_with_tape(&off, plain, 7200, 0);
    press(&off, DECK_CMD_POWER);
    assert_false(deck_fault(&off.deck, "drum", off.now_us));
}

static void a_stopping_rule_ends_a_recording_with_its_name(void **state)
{
    struct bench b;
    bench_with_tape(&b, plain, 7200, 100);
    press(&b, DECK_CMD_RECORD);
    pass(&b, 5);
    assert_true(deck_is_recording(&b.deck));
    assert_true(deck_rule_stop(&b.deck, "no_signal", b.now_us));
    assert_false(deck_is_recording(&b.deck));
    assert_true(takes_effect(&b, DECK_EFFECT_RECORD_BEGIN, NULL) && takes_effect(&b, DECK_EFFECT_MARK, NULL) && takes_effect(&b, DECK_EFFECT_RECORD_END, "no_signal"));
    assert_string_equal(look(&b).stop_reason, "no_signal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_of_a_wind_held_peeks_at_the_picture),
        cmocka_unit_test(a_peek_goes_at_the_first_speed_and_held_again_is_the_same_peek),
        cmocka_unit_test(the_memory_pressed_before_a_wind_begins),
        cmocka_unit_test(a_seek_peeked_into_still_arrives),
        cmocka_unit_test(pressed_again_a_search_goes_faster),
        cmocka_unit_test(an_ep_tape_winds_as_long_as_an_sp_tape_of_its_size),
        cmocka_unit_test(full_load_is_quicker_to_the_picture_than_half_load_than_unload),
        cmocka_unit_test(stop_unthreads_in_time_or_when_pressed_again),
        cmocka_unit_test(a_deck_before_the_index_search_has_none),
        cmocka_unit_test(the_end_rewinds_and_ejects_when_set),
        cmocka_unit_test(a_tape_without_its_tab),
        cmocka_unit_test(record_pressed_again_sets_an_end),
        cmocka_unit_test(a_recording_ends_with_the_tape),
        cmocka_unit_test(a_recording_is_busy_and_protected),
        cmocka_unit_test(a_paused_recording_protects_the_heads),
        cmocka_unit_test(a_recording_paused_before_it_began_still_writes_its_mark),
        cmocka_unit_test(the_inputs_picture_is_seen_in_stop_when_chosen),
        cmocka_unit_test(the_sound_of_a_search), cmocka_unit_test(a_change_of_speed_mutes_for_a_second_and_says_so),
        cmocka_unit_test(tracking_is_automatic_again_after_stop_and_for_a_new_tape),
        cmocka_unit_test(a_fault_comes_from_any_mode_and_goes_back_to_it),
        cmocka_unit_test(a_stopping_rule_ends_a_recording_with_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
