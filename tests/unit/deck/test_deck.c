/* tests/unit/deck/test_deck.c - a hand on the keys of the deck, under virtual time: every move of the table, its timing, and what is refused. */
#include "deck_script.h"

#include <stdio.h>

#include "base/util.h"

static const struct deck_settings plain = { 0 };

static void loads_threads_locks_and_plays(void **state)
{
    struct bench b;
    bench_start(&b, plain);
    assert_mode(&b, DECK_EJECTED);
    struct deck_args a = tape_args(600, 12);
    assert_int_equal(press_with(&b, DECK_CMD_INSERT, &a, NULL), VCR_OK);
    assert_mode(&b, DECK_LOADING);
    pass(&b, 1.9);
    assert_mode(&b, DECK_LOADING);
    pass(&b, 0.2);
    assert_mode(&b, DECK_STOP);
    assert_int_equal(look(&b).position_us, S(12)); /* kept from last use */
    assert_int_equal(look(&b).counter_us, 0);
    press(&b, DECK_CMD_PLAY);
    struct deck_state st = look(&b);
    assert_int_equal(st.mode, DECK_PLAY);
    assert_int_equal(st.servo, DECK_SERVO_SPINNING_UP);
    assert_int_equal(st.picture, DECK_PICTURE_BLUE);
    pass(&b, 1.1);
    assert_int_equal(look(&b).position_us, S(12));
    pass(&b, 0.2);
    st = look(&b);
    assert_int_equal(st.picture, DECK_PICTURE_TAPE);
    assert_int_equal(st.sound, DECK_SOUND_MUTED);
    assert_int_equal(st.position_us, S(12.1));
    pass(&b, 1);
    st = look(&b);
    assert_int_equal(st.servo, DECK_SERVO_LOCKED);
    assert_int_equal(st.sound, DECK_SOUND_HIFI);
    assert_int_equal(st.position_us, S(13.1));
    assert_false(deck_snapshot_settled(&b.deck.snap, b.now_us)); /* the display is on */
    pass(&b, 3);
    assert_true(deck_snapshot_settled(&b.deck.snap, b.now_us));
    assert_int_equal(look(&b).counter_us, S(4.1));
}

static void an_hour_passes_in_one_tick(void **state)
{
    struct bench b;
    bench_with_tape(&b, plain, 7200, 0);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 1.2 + 3600);
    assert_mode(&b, DECK_PLAY);
    assert_int_equal(look(&b).position_us, S(3600));
    pass(&b, 3700);
    assert_mode(&b, DECK_STOP);
    assert_int_equal(look(&b).position_us, S(7200));
    assert_string_equal(look(&b).stop_reason, "end");
    assert_true(look(&b).flag_end_of_tape);
}

/* The display's counter and the place on the tape say the same at every frame of play. */
static void counter_agrees_with_position(void **state)
{
    struct bench b;
    bench_with_tape(&b, plain, 7200, 0);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 5);
    press(&b, DECK_CMD_COUNTER_RESET);
    int64_t base = look(&b).position_us;
    for (int i = 0; i < 200; i++) {
        pass(&b, 0.0333);
        char text[16], expect[16];
        deck_counter_text(look(&b).position_us - base, expect);
        deck_counter_text(deck_counter_us(&b.deck, b.now_us), text);
        assert_string_equal(text, expect);
        struct deck_state st = look(&b);
        if (st.osd_lines)
            assert_string_equal(st.osd[1], expect);
    }
    press(&b, DECK_CMD_REVIEW);
    pass(&b, 4);
    char text[16];
    deck_counter_text(look(&b).counter_us, text);
    assert_int_equal(text[0], '-');
}

static double wind_seconds(struct bench *b, enum deck_cmd cmd)
{
    int64_t from = b->now_us;
    press(b, cmd);
    while (look(b).mode != DECK_STOP) {
        assert_true(b->now_us - from < S(400));
        pass(b, 0.05);
    }
    return (double)(b->now_us - from) / 1e6;
}

static void winds_a_t120_in_its_time(void **state)
{
    struct bench b;
    bench_with_tape(&b, (struct deck_settings){ .winding_real = true }, 7200, 0);
    double forward = wind_seconds(&b, DECK_CMD_FAST_FORWARD);
    assert_true(forward > 179 && forward < 181);
    assert_int_equal(look(&b).position_us, S(7200));
    double back = wind_seconds(&b, DECK_CMD_REWIND);
    assert_true(back > 179 && back < 181);
    assert_string_equal(look(&b).stop_reason, "start");
    bench_with_tape(&b, plain, 7200, 3600);
    double fast = wind_seconds(&b, DECK_CMD_REWIND);
    assert_true(fast > 3 && fast < 5.5);
    assert_int_equal(look(&b).position_us, 0);
}

static void winds_slowly_near_the_end(void **state)
{
    struct bench b;
    bench_with_tape(&b, (struct deck_settings){ .winding_real = true }, 7200, 0);
    press(&b, DECK_CMD_FAST_FORWARD);
    pass(&b, 90);
    double full = look(&b).speed;
    assert_true(full > 38 && full < 42);
    pass(&b, 89.8);
    assert_true(look(&b).speed > 0 && look(&b).speed < full / 10);
}

static void stop_brakes_and_then_stands(void **state)
{
    struct bench b;
    bench_with_tape(&b, plain, 7200, 0);
    press(&b, DECK_CMD_FAST_FORWARD);
    pass(&b, 2);
    int64_t at = look(&b).position_us;
    press(&b, DECK_CMD_STOP);
    assert_mode(&b, DECK_STOP);
    assert_true(look(&b).speed > 100);
    pass(&b, 0.5);
    assert_true(look(&b).speed == 0);
    assert_true(look(&b).position_us > at && look(&b).position_us < at + S(60));
}

static void play_from_a_wind(void **state)
{
    struct bench b;
    bench_with_tape(&b, plain, 7200, 3000);
    press(&b, DECK_CMD_FAST_FORWARD);
    pass(&b, 1);
    press(&b, DECK_CMD_PLAY); /* brakes first */
    assert_mode(&b, DECK_FAST_FORWARD);
    assert_string_equal(look(&b).pending, "play");
    pass(&b, 1.5);
    assert_mode(&b, DECK_PLAY);
    assert_null(look(&b).pending);
    press(&b, DECK_CMD_STOP);
    press(&b, DECK_CMD_REWIND);
    pass(&b, 1);
    press(&b, DECK_CMD_PLAY); /* queues */
    assert_mode(&b, DECK_REWIND);
    pass(&b, 60);
    assert_mode(&b, DECK_PLAY);
    assert_in_range(look(&b).position_us, S(50), S(60));
    press(&b, DECK_CMD_STOP);
    press(&b, DECK_CMD_REWIND);
    press(&b, DECK_CMD_PLAY);
    press(&b, DECK_CMD_STOP); /* cancels */
    pass(&b, 20);
    assert_mode(&b, DECK_STOP);
}

static void power_off_while_winding(void **state)
{
    struct bench b;
    bench_with_tape(&b, plain, 7200, 0);
    press(&b, DECK_CMD_FAST_FORWARD);
    pass(&b, 1);
    press(&b, DECK_CMD_POWER);
    assert_string_equal(look(&b).pending, "power");
    pass(&b, 1);
    assert_mode(&b, DECK_OFF);
    assert_int_equal(look(&b).picture, DECK_PICTURE_NONE);
    int64_t at = look(&b).position_us;
    press(&b, DECK_CMD_PLAY); /* switches on and plays */
    pass(&b, 2.2);
    assert_mode(&b, DECK_PLAY);
    assert_int_equal(look(&b).position_us, at + S(1));
}

static void searches_by_hold_and_by_lock(void **state)
{
    struct bench b;
    struct deck_args hold = { .hold = true };
    bench_with_tape(&b, plain, 7200, 100);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 2.2);
    assert_int_equal(press_with(&b, DECK_CMD_CUE, &hold, NULL), VCR_OK);
    pass(&b, 1);
    assert_int_equal(look(&b).position_us, S(108));
    assert_int_equal(look(&b).sound, DECK_SOUND_MUTED);
    press(&b, DECK_CMD_RELEASE);
    assert_mode(&b, DECK_PLAY);
    press(&b, DECK_CMD_PAUSE);
    assert_int_equal(press_with(&b, DECK_CMD_REVIEW, &hold, NULL), VCR_OK);
    pass(&b, 1);
    press(&b, DECK_CMD_RELEASE);
    assert_mode(&b, DECK_PAUSE);
    assert_int_equal(look(&b).position_us, S(101));
    press(&b, DECK_CMD_FAST_FORWARD); /* with the tape at the heads it searches, and stays */
    assert_mode(&b, DECK_CUE);
    pass(&b, 10);
    assert_mode(&b, DECK_CUE);
    struct vcr_why why;
    assert_int_equal(press_with(&b, DECK_CMD_RELEASE, NULL, &why), VCR_E_CONFLICT);
    press(&b, DECK_CMD_REWIND);
    assert_mode(&b, DECK_REVIEW);
    pass(&b, 40); /* into the start: plays */
    assert_mode(&b, DECK_PLAY);
}

static void steps_and_slow(void **state)
{
    struct bench b;
    bench_with_tape(&b, plain, 600, 100);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 1.2);
    press(&b, DECK_CMD_FRAME_ADVANCE); /* from play: to still */
    assert_mode(&b, DECK_PAUSE);
    for (int i = 0; i < 3; i++)
        press(&b, DECK_CMD_FRAME_ADVANCE);
    pass(&b, 1);
    assert_int_equal(look(&b).position_us, S(100) + 3 * FRAME_US);
    press(&b, DECK_CMD_FRAME_BACK);
    pass(&b, 1);
    assert_int_equal(look(&b).position_us, S(100) + 2 * FRAME_US);
    struct deck_args slow = { .speed = -65536 / 4 };
    assert_int_equal(press_with(&b, DECK_CMD_SLOW, &slow, NULL), VCR_OK);
    pass(&b, 4);
    assert_int_equal(look(&b).position_us, S(99) + 2 * FRAME_US);
    static const int32_t bad[] = { 65537, -65537, 0, 65536 / 30 - 1, INT32_MAX, INT32_MIN /* whose negation is no int32_t */ };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        slow.speed = bad[i];
        assert_int_equal(press_with(&b, DECK_CMD_SLOW, &slow, NULL), VCR_E_INVALID);
    }
    press(&b, DECK_CMD_PAUSE);
    assert_mode(&b, DECK_PAUSE);
    press(&b, DECK_CMD_PAUSE);
    assert_mode(&b, DECK_PLAY);
}

static void seeks_by_winding(void **state)
{
    struct bench b;
    bench_with_tape(&b, plain, 7200, 0);
    struct deck_args to = { .position_us = S(4000) };
    assert_int_equal(press_with(&b, DECK_CMD_SEEK, &to, NULL), VCR_OK);
    assert_mode(&b, DECK_FAST_FORWARD);
    assert_string_equal(look(&b).pending, "seek");
    pass(&b, 2);
    assert_in_range(look(&b).position_us, 1, S(3900));
    pass(&b, 8);
    assert_mode(&b, DECK_PAUSE);
    assert_null(look(&b).pending);
    assert_int_equal(look(&b).position_us, S(4000));
    to.position_us = S(3999); /* short ways too */
    assert_int_equal(press_with(&b, DECK_CMD_SEEK, &to, NULL), VCR_OK);
    assert_mode(&b, DECK_REWIND);
    pass(&b, 4);
    assert_mode(&b, DECK_PAUSE);
    assert_int_equal(look(&b).position_us, S(3999));
    to.position_us = S(7201);
    assert_int_equal(press_with(&b, DECK_CMD_SEEK, &to, NULL), VCR_E_INVALID);
}

static void memory_stops_the_wind_at_zero(void **state)
{
    struct bench b;
    bench_with_tape(&b, plain, 7200, 1000); /* the counter is 0 here */
    press(&b, DECK_CMD_FAST_FORWARD);
    pass(&b, 3);
    press(&b, DECK_CMD_STOP);
    pass(&b, 1);
    press(&b, DECK_CMD_REWIND);
    pass(&b, 1);
    press(&b, DECK_CMD_MEMORY); /* also when pressed on the way */
    pass(&b, 20);
    assert_mode(&b, DECK_STOP);
    assert_int_equal(look(&b).position_us, S(1000));
    assert_string_equal(look(&b).stop_reason, "memory");
}

static void the_end_rewinds_repeats_or_stops(void **state)
{
    struct bench b;
    bench_with_tape(&b, (struct deck_settings){ .auto_rewind = true }, 60, 50);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 11.3);
    assert_mode(&b, DECK_REWIND);
    pass(&b, 5);
    assert_mode(&b, DECK_STOP);
    assert_int_equal(look(&b).position_us, 0);
    assert_string_equal(look(&b).stop_reason, "end");
    press(&b, DECK_CMD_REPEAT);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 1000);
    assert_true(look(&b).mode == DECK_PLAY || look(&b).mode == DECK_REWIND);
    press(&b, DECK_CMD_REPEAT);
    press(&b, DECK_CMD_STOP);
    pass(&b, 1);
    press(&b, DECK_CMD_FAST_FORWARD);
    pass(&b, 9);
    assert_mode(&b, DECK_STOP);
    struct vcr_why why;
    assert_int_equal(press_with(&b, DECK_CMD_PLAY, NULL, &why), VCR_E_CONFLICT);
    assert_string_equal(why.slug, "/end-of-tape");
}

static void a_still_protects_the_heads(void **state)
{
    struct bench b;
    bench_with_tape(&b, plain, 600, 0);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 5);
    press(&b, DECK_CMD_PAUSE);
    pass(&b, 299);
    assert_mode(&b, DECK_PAUSE);
    pass(&b, 2);
    assert_mode(&b, DECK_STOP);
    assert_true(look(&b).flag_head_protection);
    assert_string_equal(look(&b).stop_reason, "head_protection");
    press(&b, DECK_CMD_PLAY);
    assert_false(look(&b).flag_head_protection);
    assert_null(look(&b).stop_reason);
}

static void ejects_braking_first_and_takes_another(void **state)
{
    struct bench b;
    bench_with_tape(&b, plain, 7200, 0);
    press(&b, DECK_CMD_FAST_FORWARD);
    pass(&b, 2);
    press(&b, DECK_CMD_EJECT);
    assert_mode(&b, DECK_FAST_FORWARD);
    pass(&b, 0.5);
    assert_mode(&b, DECK_EJECTING);
    assert_true(look(&b).position_us > S(500)); /* still there to be kept */
    pass(&b, 1.2);
    assert_mode(&b, DECK_EJECTED);
    assert_false(look(&b).tape_in);
    struct vcr_why why;
    assert_int_equal(press_with(&b, DECK_CMD_PLAY, NULL, &why), VCR_E_CONFLICT);
    assert_string_equal(why.slug, "/no-tape");
    struct deck_args a = tape_args(60, 5);
    assert_int_equal(press_with(&b, DECK_CMD_INSERT, &a, NULL), VCR_OK);
    press(&b, DECK_CMD_PLAY); /* queued while it loads */
    assert_string_equal(look(&b).pending, "play");
    pass(&b, 4);
    assert_mode(&b, DECK_PLAY);
    assert_int_equal(press_with(&b, DECK_CMD_INSERT, &a, &why), VCR_E_CONFLICT);
}

static void autoplay_and_sleep(void **state)
{
    struct bench b;
    bench_with_tape(&b, (struct deck_settings){ .autoplay = true }, 7200, 7200); /* left at its end: rewinds, plays */
    assert_mode(&b, DECK_REWIND);
    pass(&b, 30);
    assert_mode(&b, DECK_PLAY);
    struct deck_args a = { .minutes = 30 };
    assert_int_equal(press_with(&b, DECK_CMD_SLEEP, &a, NULL), VCR_OK);
    pass(&b, 1799);
    assert_mode(&b, DECK_PLAY);
    pass(&b, 2);
    assert_mode(&b, DECK_OFF);
}

static void the_display_shows_four_seconds(void **state)
{
    struct bench b;
    bench_with_tape(&b, plain, 600, 0);
    press(&b, DECK_CMD_PLAY);
    struct deck_state st = look(&b);
    assert_int_equal(st.osd_lines, 3);
    assert_string_equal(st.osd[0], "PLAY");
    assert_string_equal(st.osd[1], "0:00:00");
    assert_int_equal(b.deck.snap.osd[0][0], 1); /* the generator's glyph */
    assert_int_equal(b.deck.snap.osd_counter_line, 1);
    uint32_t seq = st.command_seq;
    pass(&b, 3.9);
    assert_int_equal(look(&b).osd_lines, 4);
    assert_string_equal(look(&b).osd[3], "HI-FI");
    pass(&b, 0.2);
    assert_int_equal(look(&b).osd_lines, 0);
    assert_true(look(&b).command_seq > seq);
    struct deck_args a = { .tracking = -3 };
    assert_int_equal(press_with(&b, DECK_CMD_TRACKING, &a, NULL), VCR_OK);
    assert_string_equal(look(&b).osd[3], "TRACKING -3");
    pass(&b, 10);
    assert_false(deck_snapshot_settled(&b.deck.snap, b.now_us)); /* by hand is not settled */
}

/* Each text of the display, by the key that brings it. */
static void the_display_says_what_the_deck_does(void **state)
{
    static const struct { enum deck_cmd key; double after_s; int line; const char *text; struct deck_args args; } rows[] = {
        { DECK_CMD_PLAY, 0.1, 0, "PLAY", { .on = -1 } }, { DECK_CMD_PLAY, 1.3, 3, "AUTO TRACKING", { .on = -1 } }, { DECK_CMD_PLAY, 3, 4, "HI-FI", { .on = -1 } },
        { DECK_CMD_LOOK, 0.1, 4, "MONO", { .look = "family", .linear = true } }, { DECK_CMD_CUE, 0.1, 0, "CUE x7", { .on = -1 } }, { DECK_CMD_REVIEW, 0.1, 0, "REVIEW x7", { .on = -1 } },
        { DECK_CMD_SLOW, 0.1, 0, "SLOW 1/5", { .speed = 65536 / 5 } }, { DECK_CMD_SLOW, 0.1, 0, "SLOW -1/30", { .speed = -65536 / 30 } }, { DECK_CMD_PAUSE, 0.1, 0, "STILL", { .on = -1 } },
        { DECK_CMD_TRACKING, 0.1, 3, "TRACKING +4", { .tracking = 4 } }, { DECK_CMD_TRACKING, 0.1, 3, "AUTO TRACKING", { .tracking = INT16_MIN } },
        { DECK_CMD_SLEEP, 0.1, 3, "SLEEP 30", { .minutes = 30 } }, { DECK_CMD_SLEEP, 0.1, 3, "SLEEP OFF", { .minutes = 0 } }, { DECK_CMD_MEMORY, 0.1, 2, "SP M", { .on = 1 } },
        { DECK_CMD_REPEAT, 0.1, 2, "SP M REPEAT", { .on = 1 } }, { DECK_CMD_STOP, 0.1, 0, "STOP", { .on = -1 } }, { DECK_CMD_STOP, 0.1, 5, "--:--", { .on = -1 } },
        { DECK_CMD_FAST_FORWARD, 0.5, 0, "FF", { .on = -1 } }, { DECK_CMD_REWIND, 0.7, 0, "REW", { .on = -1 } }, { DECK_CMD_STOP, 3, 0, "STOP", { .on = -1 } },
        { DECK_CMD_RECORD, 2, 0, "REC", { .on = -1 } }, { DECK_CMD_PAUSE, 0.1, 0, "REC PAUSE", { .on = -1 } }, { DECK_CMD_EJECT, 0.1, 0, "EJECT", { .on = -1 } },
        { DECK_CMD_MEMORY, 5, 0, "NO TAPE", { .on = 0 } },
    };
    struct bench b;
    bench_with_tape(&b, plain, 600, 100);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(press_with(&b, rows[i].key, &rows[i].args, NULL), VCR_OK);
        pass(&b, rows[i].after_s);
        if (rows[i].key == DECK_CMD_MEMORY && rows[i].line == 0)
            press(&b, DECK_CMD_REPEAT);
        const char *text = b.deck.snap.osd[rows[i].line];
        while (*text && *text <= ' ')
            text++;
        char clock[16];
        if (rows[i].line == DECK_OSD_CLOCK && b.deck.snap.osd_clock) {
            deck_clock_text(&b.deck.snap, b.now_us, clock);
            text = clock;
        }
        if (strcmp(text, rows[i].text))
            fail_msg("row %d: '%s' instead of '%s'", (int)i, text, rows[i].text);
    }
    b.deck.snap.clock_us = INT64_C(20) * 3600 * 1000000 + INT64_C(15) * 60 * 1000000 - b.now_us;
    char clock[16];
    deck_clock_text(&b.deck.snap, b.now_us, clock);
    assert_string_equal(clock, "20:15");
}

static void stopping_rules_say_their_name(void **state)
{
    struct bench b;
    bench_with_tape(&b, plain, 600, 0);
    assert_false(deck_rule_stop(&b.deck, "no_viewer", b.now_us));
    press(&b, DECK_CMD_PLAY);
    pass(&b, 3);
    assert_true(deck_rule_stop(&b.deck, "no_viewer", b.now_us));
    assert_mode(&b, DECK_STOP);
    assert_string_equal(look(&b).stop_reason, "no_viewer");
}

/* A deck with a tape of two hours, at one hour, brought into a mode by its keys. */
static void bring(struct bench *b, enum deck_mode mode)
{
    static const struct { enum deck_cmd keys[2]; double then_s; } way[DECK_MODES] = {
        [DECK_OFF] = { { DECK_CMD_POWER, DECK_CMDS }, 0 },  [DECK_EJECTED] = { { DECK_CMD_EJECT, DECK_CMDS }, 2 },
        [DECK_LOADING] = { { DECK_CMD_EJECT, DECK_CMDS }, 2 }, [DECK_STOP] = { { DECK_CMDS, DECK_CMDS }, 0 },
        [DECK_PLAY] = { { DECK_CMD_PLAY, DECK_CMDS }, 2 },     [DECK_PAUSE] = { { DECK_CMD_PLAY, DECK_CMD_PAUSE }, 2 },
        [DECK_SLOW] = { { DECK_CMD_PLAY, DECK_CMD_SLOW }, 2 }, [DECK_CUE] = { { DECK_CMD_PLAY, DECK_CMD_CUE }, 2 },
        [DECK_REVIEW] = { { DECK_CMD_PLAY, DECK_CMD_REVIEW }, 2 }, [DECK_FAST_FORWARD] = { { DECK_CMD_FAST_FORWARD, DECK_CMDS }, 1 },
        [DECK_REWIND] = { { DECK_CMD_REWIND, DECK_CMDS }, 1 }, [DECK_INDEX_SEARCH] = { { DECK_CMD_INDEX_NEXT, DECK_CMDS }, 1 },
        [DECK_RECORD] = { { DECK_CMD_RECORD, DECK_CMDS }, 2 }, [DECK_RECORD_PAUSE] = { { DECK_CMD_RECORD, DECK_CMD_PAUSE }, 2 },
        [DECK_EJECTING] = { { DECK_CMD_EJECT, DECK_CMDS }, 0 }, [DECK_FAULT] = { { DECK_CMD_PLAY, DECK_CMDS }, 2 },
    };
    struct deck_args a = tape_args(60, 5);
    a.on = -1;
    a.speed = 20000;
    bench_with_tape(b, plain, 7200, 3600);
    for (int i = 0; i < 2; i++)
        if (way[mode].keys[i] != DECK_CMDS)
            assert_int_equal(press_with(b, way[mode].keys[i], &a, NULL), VCR_OK);
    pass(b, way[mode].then_s);
    if (mode == DECK_LOADING)
        assert_int_equal(press_with(b, DECK_CMD_INSERT, &a, NULL), VCR_OK);
    if (mode == DECK_FAULT)
        assert_true(deck_fault(&b->deck, "drum", b->now_us));
    for (struct deck_effect e; deck_take_effect(&b->deck, &e);)
        ;
    assert_mode(b, mode);
}

/* Each key in each mode: the mode that it leads to, or why it is refused. */
enum { TAPE = DECK_MODES + 1 /* /no-tape */, MODE /* /not-in-this-mode */, BUSY /* /busy-recording */ };
static const struct row { enum deck_mode mode; uint8_t becomes[DECK_CMDS]; } rows[] = {
#define OF(m) DECK_##m
    { DECK_OFF, { OF(STOP), MODE, OF(EJECTING), OF(PLAY), MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE,
                  MODE, MODE, MODE, MODE, MODE, OF(OFF), MODE, MODE, MODE, MODE, MODE } },
    { DECK_EJECTED, { OF(OFF), OF(LOADING), TAPE, TAPE, TAPE, TAPE, TAPE, TAPE, TAPE, TAPE, TAPE, TAPE, TAPE, TAPE, TAPE,
                      OF(EJECTED), OF(EJECTED), OF(EJECTED), OF(EJECTED), OF(EJECTED), OF(EJECTED), OF(EJECTED), TAPE, TAPE, TAPE, TAPE } },
    { DECK_LOADING, { OF(LOADING), MODE, MODE, OF(LOADING), MODE, OF(LOADING), MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE,
                      OF(LOADING), OF(LOADING), OF(LOADING), OF(LOADING), OF(LOADING), OF(LOADING), OF(LOADING), MODE, MODE, MODE, MODE } },
    { DECK_STOP, { OF(OFF), MODE, OF(EJECTING), OF(PLAY), MODE, OF(STOP), OF(REWIND), OF(FAST_FORWARD), MODE, MODE, MODE, MODE, MODE, MODE, OF(FAST_FORWARD),
                   OF(STOP), OF(STOP), OF(STOP), OF(STOP), OF(STOP), OF(STOP), OF(STOP), OF(INDEX_SEARCH), OF(INDEX_SEARCH), MODE, OF(RECORD) } },
#define HEADS(m, pause, faster)                                                                                                                                   \
    { OF(OFF), MODE, OF(EJECTING), OF(PLAY), pause, OF(STOP), OF(REVIEW), OF(CUE), OF(CUE), OF(REVIEW), MODE, OF(SLOW), OF(PAUSE), OF(PAUSE), faster,              \
      m, m, m, m, m, m, m, OF(INDEX_SEARCH), OF(INDEX_SEARCH), m, OF(RECORD) }
    { DECK_PLAY, HEADS(OF(PLAY), OF(PAUSE), OF(FAST_FORWARD)) },
    { DECK_PAUSE, HEADS(OF(PAUSE), OF(PLAY), OF(FAST_FORWARD)) },
    { DECK_SLOW, HEADS(OF(SLOW), OF(PAUSE), OF(FAST_FORWARD)) },
    { DECK_CUE, HEADS(OF(CUE), OF(PAUSE), OF(FAST_FORWARD)) },
    { DECK_REVIEW, HEADS(OF(REVIEW), OF(PAUSE), OF(FAST_FORWARD)) },
#define WINDS(m) /* most keys wait for the brakes; memory stops no wind here, the counter's zero is where it began */                                              \
    { m, MODE, m, m, MODE, OF(STOP), m, m, MODE, MODE, MODE, MODE, MODE, MODE, m, m, m, m, m, m, m, m, m, m, MODE, MODE }
    { DECK_FAST_FORWARD, WINDS(OF(FAST_FORWARD)) },
    { DECK_REWIND, WINDS(OF(REWIND)) },
    { DECK_INDEX_SEARCH, WINDS(OF(INDEX_SEARCH)) },
    { DECK_RECORD, { BUSY, BUSY, BUSY, BUSY, OF(RECORD_PAUSE), OF(STOP), BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY,
                     OF(RECORD), OF(RECORD), OF(RECORD), OF(RECORD), BUSY, OF(RECORD), OF(RECORD), BUSY, BUSY, OF(RECORD), OF(RECORD) } },
    { DECK_RECORD_PAUSE, { OF(OFF), BUSY, OF(EJECTING), OF(RECORD), OF(RECORD), OF(STOP), BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY,
                           OF(RECORD_PAUSE), OF(RECORD_PAUSE), OF(RECORD_PAUSE), OF(RECORD_PAUSE), OF(RECORD_PAUSE), OF(RECORD_PAUSE), OF(RECORD_PAUSE), BUSY, BUSY,
                           BUSY, OF(RECORD) } },
    { DECK_EJECTING, { OF(EJECTING), MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE,
                       OF(EJECTING), OF(EJECTING), OF(EJECTING), OF(EJECTING), OF(EJECTING), OF(EJECTING), OF(EJECTING), MODE, MODE, MODE, MODE } },
    { DECK_FAULT, { MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE, MODE,
                    MODE, MODE } },
};

static void every_key_in_every_mode(void **state)
{
    static const char *const slugs[] = { [TAPE] = "/no-tape", [MODE] = "/not-in-this-mode", [BUSY] = "/busy-recording" };
    assert_int_equal(ARRAY_LEN(rows), DECK_MODES);
    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        for (enum deck_cmd c = 0; c < DECK_CMDS; c++) {
            struct bench b;
            bring(&b, rows[r].mode);
            struct deck_args a = tape_args(60, 5);
            a.on = -1;
            a.speed = 20000;
            a.position_us = S(3700);
            strcpy(a.look, "rental");
            struct deck before = b.deck;
            struct vcr_why why = { 0 };
            enum vcr_err err = press_with(&b, c, &a, &why);
            int expect = rows[r].becomes[c];
            if (expect < DECK_MODES) {
                if (err != VCR_OK || b.deck.snap.mode != expect)
                    fail_msg("%s in %s: %s (%s)", deck_cmd_name(c), deck_mode_name(rows[r].mode), deck_mode_name(b.deck.snap.mode), why.text);
                assert_true(b.deck.snap.seq > before.snap.seq);
            } else {
                if (err != VCR_E_CONFLICT || strcmp(why.slug, slugs[expect]) != 0)
                    fail_msg("%s in %s: %d %s", deck_cmd_name(c), deck_mode_name(rows[r].mode), err, why.text);
                assert_true(strlen(why.text) > 10 && why.text[strlen(why.text) - 1] == '.');
                assert_memory_equal(&before, &b.deck, sizeof(before));
            }
        }
    }
}

static void names_are_the_contract(void **state)
{
    enum deck_cmd c;
    assert_true(deck_cmd_by_name("frame_advance", &c));
    assert_int_equal(c, DECK_CMD_FRAME_ADVANCE);
    assert_false(deck_cmd_by_name("Frame_advance", &c));
    assert_false(deck_cmd_by_name("", &c));
    char text[16];
    deck_counter_text(S(754), text);
    assert_string_equal(text, "0:12:34");
    deck_counter_text(-5000000, text);
    assert_string_equal(text, "-0:00:05");
    deck_counter_text(INT64_MAX, text);
    assert_true(strlen(text) < sizeof(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_threads_locks_and_plays),
        cmocka_unit_test(an_hour_passes_in_one_tick),
        cmocka_unit_test(counter_agrees_with_position),
        cmocka_unit_test(winds_a_t120_in_its_time),
        cmocka_unit_test(winds_slowly_near_the_end),
        cmocka_unit_test(stop_brakes_and_then_stands),
        cmocka_unit_test(play_from_a_wind),
        cmocka_unit_test(power_off_while_winding),
        cmocka_unit_test(searches_by_hold_and_by_lock),
        cmocka_unit_test(steps_and_slow),
        cmocka_unit_test(seeks_by_winding),
        cmocka_unit_test(memory_stops_the_wind_at_zero),
        cmocka_unit_test(the_end_rewinds_repeats_or_stops),
        cmocka_unit_test(a_still_protects_the_heads),
        cmocka_unit_test(ejects_braking_first_and_takes_another),
        cmocka_unit_test(autoplay_and_sleep),
        cmocka_unit_test(the_display_shows_four_seconds),
        cmocka_unit_test(the_display_says_what_the_deck_does), cmocka_unit_test(stopping_rules_say_their_name),
        cmocka_unit_test(every_key_in_every_mode),
        cmocka_unit_test(names_are_the_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
