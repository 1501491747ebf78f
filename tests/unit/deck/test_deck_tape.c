/* tests/unit/deck/test_deck_tape.c - a tape with recordings, gaps and marks under the deck: what it shows, what it counts, what it finds, and recording onto it. */
#include "deck_script.h"

#include "base/util.h"

static const struct deck_settings plain = { 0 };

/* 0-100 s SP, 100-200 s blank, 200-300 s EP, 300-400 s SP but not readable, the rest of 1000 s blank. Marks at 20, 21, 50 and 250 s. */
static struct deck_run runs[] = {
    { .start_us = 0, .end_us = S(60), .recorded = true },
    { .start_us = S(60), .end_us = S(100), .recorded = true },
    { .start_us = S(200), .end_us = S(300), .recorded = true, .speed = 2 },
    { .start_us = S(300), .end_us = S(400), .recorded = true, .missing = true },
};
static const int64_t marks[] = { S(20), S(21), S(50), S(250) };
static const struct deck_map map = { runs, ARRAY_LEN(runs), marks, ARRAY_LEN(marks) };

static void bench_with_map(struct bench *b, struct deck_settings settings, double position_s)
{
    assert_int_equal(deck_map_prepare(runs, ARRAY_LEN(runs), NULL), VCR_OK);
    bench_start(b, settings);
    struct deck_args a = tape_args(1000, position_s);
    a.tape.map = &map;
    assert_int_equal(press_with(b, DECK_CMD_INSERT, &a, NULL), VCR_OK);
    pass(b, 2.1);
}

static void the_counter_stands_on_blank_tape(void **state)
{
    struct bench b;
    bench_with_map(&b, plain, 90);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 1.2 + 5);
    assert_int_equal(look(&b).counter_us, S(5));
    assert_false(look(&b).flag_blank);
    pass(&b, 45);
    struct deck_state st = look(&b);
    assert_int_equal(st.position_us, S(140));
    assert_int_equal(st.counter_us, S(10));
    assert_true(st.flag_blank);
    assert_int_equal(deck_snapshot_counter_us(&b.deck.snap, b.now_us), S(10));
    pass(&b, 70);
    assert_int_equal(look(&b).position_us, S(210));
    assert_int_equal(look(&b).counter_us, S(20));
    press(&b, DECK_CMD_STOP);
    press(&b, DECK_CMD_COUNTER_RESET);
    press(&b, DECK_CMD_REWIND);
    pass(&b, 20);
    assert_int_equal(look(&b).position_us, 0);
    assert_int_equal(look(&b).counter_us, -S(110));
    press(&b, DECK_CMD_MEMORY);
    press(&b, DECK_CMD_FAST_FORWARD);
    pass(&b, 20);
    assert_int_equal(look(&b).position_us, S(210));
    assert_string_equal(look(&b).stop_reason, "memory");
}

static void a_gap_snows_then_goes_blue_and_the_next_recording_locks(void **state)
{
    struct bench b;
    bench_with_map(&b, plain, 98);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 1.2 + 1.9);
    assert_int_equal(look(&b).picture, DECK_PICTURE_TAPE);
    pass(&b, 0.2);
    struct deck_state st = look(&b);
    assert_int_equal(st.picture, DECK_PICTURE_SNOW);
    assert_int_equal(st.sound, DECK_SOUND_MUTED);
    assert_int_equal(st.servo, DECK_SERVO_LOST);
    pass(&b, 1);
    assert_int_equal(look(&b).picture, DECK_PICTURE_BLUE);
    pass(&b, 99);
    st = look(&b);
    assert_int_equal(st.picture, DECK_PICTURE_TAPE);
    assert_int_equal(st.servo, DECK_SERVO_SPINNING_UP);
    assert_int_equal(st.tape_speed, 2);
    assert_int_equal(st.sound, DECK_SOUND_MUTED);
    assert_string_equal(st.osd[2], "EP");
    pass(&b, 1);
    st = look(&b);
    assert_int_equal(st.servo, DECK_SERVO_LOCKED);
    assert_int_equal(st.sound, DECK_SOUND_HIFI);
    pass(&b, 100);
    assert_true(look(&b).flag_missing);
    assert_false(look(&b).flag_blank);
    bench_with_map(&b, (struct deck_settings){ .snow = true }, 98);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 60);
    assert_int_equal(look(&b).picture, DECK_PICTURE_SNOW);
}

static void the_index_search_ends_in_play_at_the_mark(void **state)
{
    struct bench b;
    struct deck_args two = { .count = 2 };
    bench_with_map(&b, plain, 20.5); /* 20 and 21 s are too near */
    press(&b, DECK_CMD_INDEX_NEXT);
    assert_mode(&b, DECK_INDEX_SEARCH);
    assert_string_equal(look(&b).pending, "index_next");
    pass(&b, 10);
    assert_mode(&b, DECK_PLAY);
    assert_null(look(&b).pending);
    assert_in_range(look(&b).position_us, S(50), S(60));
    press(&b, DECK_CMD_STOP);
    assert_int_equal(press_with(&b, DECK_CMD_INDEX_PREVIOUS, &two, NULL), VCR_OK);
    while (look(&b).mode == DECK_INDEX_SEARCH)
        pass(&b, 0.01);
    assert_near(look(&b).position_us, S(21), 10000);
    press(&b, DECK_CMD_INDEX_NEXT); /* two presses */
    press(&b, DECK_CMD_INDEX_NEXT);
    while (look(&b).mode == DECK_INDEX_SEARCH)
        pass(&b, 0.01);
    assert_near(look(&b).position_us, S(250), 10000);
    press(&b, DECK_CMD_INDEX_NEXT); /* there is none */
    pass(&b, 30);
    assert_mode(&b, DECK_STOP);
    assert_string_equal(look(&b).stop_reason, "no_index");
}

static void the_index_search_turns_round_and_finds_what_was_marked_just_now(void **state)
{
    struct bench b;
    bench_with_map(&b, (struct deck_settings){ .winding_real = true }, 60);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 1.2 + 10);
    press(&b, DECK_CMD_MARK_INDEX); /* at 70 s */
    struct deck_effect e;
    assert_true(deck_take_effect(&b.deck, &e));
    assert_int_equal(e.kind, DECK_EFFECT_MARK);
    assert_int_equal(e.position_us, S(70));
    pass(&b, 10);
    press(&b, DECK_CMD_INDEX_PREVIOUS);
    assert_string_equal(look(&b).osd[0], "INDEX -1");
    while (look(&b).mode == DECK_INDEX_SEARCH)
        pass(&b, 0.01);
    assert_near(look(&b).position_us, S(70), 10000);
    press(&b, DECK_CMD_INDEX_NEXT); /* towards 250 s, then the other way before it is there */
    pass(&b, 2);
    assert_true(look(&b).speed > 0);
    press(&b, DECK_CMD_INDEX_PREVIOUS);
    assert_string_equal(look(&b).pending, "index_previous");
    pass(&b, 1.5);
    assert_true(look(&b).speed < 0);
    while (look(&b).mode == DECK_INDEX_SEARCH)
        pass(&b, 0.01);
    assert_near(look(&b).position_us, S(70), 10000);
    press(&b, DECK_CMD_STOP);
    press(&b, DECK_CMD_FAST_FORWARD); /* from a wind, too */
    pass(&b, 2);
    press(&b, DECK_CMD_INDEX_PREVIOUS);
    pass(&b, 30);
    assert_mode(&b, DECK_PLAY);
    press(&b, DECK_CMD_INDEX_NEXT);
    press(&b, DECK_CMD_STOP);
    pass(&b, 3);
    assert_mode(&b, DECK_STOP);
    assert_null(look(&b).stop_reason);
}

/* On blank tape the counter is 0 all along: there is nothing to stop at until the next recording counts. */
static void memory_on_blank_tape_stops_at_the_edge_where_counting_began(void **state)
{
    struct bench b;
    bench_with_map(&b, plain, 150);
    press(&b, DECK_CMD_MEMORY);
    press(&b, DECK_CMD_REWIND);
    pass(&b, 20);
    assert_int_equal(look(&b).position_us, 0);
    assert_int_equal(look(&b).counter_us, -S(100));
    press(&b, DECK_CMD_FAST_FORWARD);
    pass(&b, 20);
    assert_int_equal(look(&b).position_us, S(100)); /* the first place that counts 0 */
    assert_string_equal(look(&b).stop_reason, "memory");
    struct deck_args to = { .position_us = S(260) };
    assert_int_equal(press_with(&b, DECK_CMD_SEEK, &to, NULL), VCR_OK);
    pass(&b, 10);
    press(&b, DECK_CMD_STOP);
    press(&b, DECK_CMD_REWIND);
    pass(&b, 20);
    assert_int_equal(look(&b).position_us, S(200)); /* the last one */
}

/* What a viewer sees in a wind over blank tape is no older than a fifth of a second. */
static void the_display_of_a_wind_keeps_up(void **state)
{
    struct bench b;
    bench_with_map(&b, (struct deck_settings){ .winding_real = true }, 95);
    press(&b, DECK_CMD_FAST_FORWARD);
    for (int i = 0; i < 39; i++) {
        pass(&b, 0.1);
        int64_t shown = deck_snapshot_counter_us(&b.deck.snap, b.now_us), is = look(&b).counter_us;
        assert_near(shown, is, S(9));
    }
    assert_true(look(&b).position_us > S(110));
    assert_int_equal(look(&b).counter_us, look(&b).position_us < S(200) ? S(5) : look(&b).position_us - S(195));
}

static void what_was_marked_out_of_order_is_found_in_order(void **state)
{
    static const double at_s[] = { 90, 60, 75 };
    struct bench b;
    bench_with_map(&b, plain, 55);
    for (int i = 0; i < 3; i++) {
        struct deck_args to = { .position_us = S(at_s[i]) };
        assert_int_equal(press_with(&b, DECK_CMD_SEEK, &to, NULL), VCR_OK);
        pass(&b, 10);
        press(&b, DECK_CMD_MARK_INDEX);
    }
    struct deck_args to = { .position_us = S(55) };
    assert_int_equal(press_with(&b, DECK_CMD_SEEK, &to, NULL), VCR_OK);
    pass(&b, 10);
    static const double found_s[] = { 60, 75, 90, 250 };
    for (int i = 0; i < 4; i++) {
        press(&b, DECK_CMD_INDEX_NEXT);
        while (look(&b).mode == DECK_INDEX_SEARCH)
            pass(&b, 0.01);
        assert_near(look(&b).position_us, S(found_s[i]), 10000);
    }
    press(&b, DECK_CMD_EJECT); /* the marks go with the tape */
    pass(&b, 3);
    struct deck_args other = tape_args(1000, 55);
    assert_int_equal(press_with(&b, DECK_CMD_INSERT, &other, NULL), VCR_OK);
    pass(&b, 2.1);
    press(&b, DECK_CMD_INDEX_NEXT);
    pass(&b, 20);
    assert_string_equal(look(&b).stop_reason, "no_index");
}

static void nothing_is_marked_where_nothing_is_recorded(void **state)
{
    struct bench b;
    struct vcr_why why;
    bench_with_map(&b, plain, 150);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 3);
    assert_int_equal(press_with(&b, DECK_CMD_MARK_INDEX, NULL, &why), VCR_E_CONFLICT);
    assert_string_equal(why.slug, "/not-in-this-mode");
}

static void a_recording_elsewhere_keeps_the_counter_going(void **state)
{
    struct bench b;
    bench_with_map(&b, plain, 150);
    for (int i = 0; i < 3; i++) { /* three recordings with blank tape between them, none of them told */
        int64_t counter = look(&b).counter_us;
        press(&b, DECK_CMD_RECORD);
        pass(&b, 12);
        press(&b, DECK_CMD_STOP);
        assert_true(look(&b).counter_us > counter + S(10));
        counter = look(&b).counter_us;
        press(&b, DECK_CMD_PLAY);
        pass(&b, 3);
        assert_int_equal(look(&b).counter_us, counter);
        press(&b, DECK_CMD_STOP);
    }
    assert_false(look(&b).recording);
    press(&b, DECK_CMD_REWIND);
    pass(&b, 20);
    press(&b, DECK_CMD_EJECT);
    pass(&b, 3);
    assert_int_equal(look(&b).counter_us, 0);
}

static struct deck_effect effect(struct bench *b, enum deck_effect_kind kind, double position_s)
{
    struct deck_effect e;
    assert_true(deck_take_effect(&b->deck, &e));
    assert_int_equal(e.kind, kind);
    assert_int_equal(e.position_us, S(position_s));
    return e;
}

static void records_pauses_and_goes_on_where_it_stopped(void **state)
{
    struct bench b;
    struct deck_effect e;
    bench_with_map(&b, plain, 150);
    press(&b, DECK_CMD_RECORD);
    assert_mode(&b, DECK_RECORD);
    assert_false(look(&b).recording);
    pass(&b, 1.2);
    effect(&b, DECK_EFFECT_RECORD_BEGIN, 150);
    effect(&b, DECK_EFFECT_MARK, 150);
    pass(&b, 10);
    struct deck_state st = look(&b);
    assert_true(st.recording);
    assert_int_equal(st.picture, DECK_PICTURE_INPUT);
    assert_int_equal(st.counter_us, S(10)); /* on blank tape, but now with a control track */
    press(&b, DECK_CMD_PAUSE);
    assert_mode(&b, DECK_RECORD_PAUSE);
    e = effect(&b, DECK_EFFECT_RECORD_END, 160);
    assert_string_equal(e.reason, "pause");
    pass(&b, 7);
    press(&b, DECK_CMD_PLAY);
    pass(&b, 0.9);
    assert_int_equal(look(&b).position_us, S(160));
    pass(&b, 5.1);
    effect(&b, DECK_EFFECT_RECORD_BEGIN, 160); /* and no mark */
    press(&b, DECK_CMD_STOP);
    e = effect(&b, DECK_EFFECT_RECORD_END, 165);
    assert_string_equal(e.reason, "stop");
    assert_false(deck_take_effect(&b.deck, &e));
    assert_int_equal(look(&b).counter_us, S(15));
    struct deck untold = b.deck;
    deck_command(&untold, DECK_CMD_REWIND, NULL, b.now_us, NULL);
    deck_tick(&untold, b.now_us + S(20));
    assert_int_equal(deck_counter_us(&untold, b.now_us + S(20)), -S(100)); /* both stretches count before the map tells of them */
    struct deck_run more[ARRAY_LEN(runs) + 1] = { runs[0], runs[1], { .start_us = S(150), .end_us = S(165), .recorded = true }, runs[2], runs[3] };
    assert_int_equal(deck_map_prepare(more, ARRAY_LEN(more), NULL), VCR_OK);
    const struct deck_map now = { more, ARRAY_LEN(more), marks, ARRAY_LEN(marks) };
    deck_map_changed(&b.deck, &now, b.now_us);
    assert_int_equal(look(&b).counter_us, S(15));
    struct deck_map half = { more, 3, NULL, 0 };
    struct deck_run lost[] = { { .start_us = 0, .end_us = S(30), .recorded = true } };
    assert_int_equal(deck_map_prepare(lost, 1, NULL), VCR_OK);
    half.runs = lost, half.run_count = 1;
    untold = b.deck;
    deck_map_changed(&untold, &half, b.now_us); /* less lies before this place: it shows what it showed */
    assert_int_equal(deck_counter_us(&untold, b.now_us), S(15));
    press(&b, DECK_CMD_REWIND);
    pass(&b, 20);
    assert_int_equal(look(&b).counter_us, -S(100));
}

static void runs_out_of_order_are_refused(void **state)
{
    struct deck_run bad[] = { { .start_us = 0, .end_us = 10, .recorded = true }, { .start_us = 9, .end_us = 20, .recorded = true } };
    assert_int_equal(deck_map_prepare(bad, 2, NULL), VCR_E_INVALID);
    bad[1].start_us = 20;
    assert_int_equal(deck_map_prepare(bad, 2, NULL), VCR_E_INVALID);
    bad[1] = (struct deck_run){ .start_us = 10, .end_us = 20, .speed = 3 };
    assert_int_equal(deck_map_prepare(bad, 2, NULL), VCR_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_counter_stands_on_blank_tape),
        cmocka_unit_test(a_gap_snows_then_goes_blue_and_the_next_recording_locks),
        cmocka_unit_test(the_index_search_ends_in_play_at_the_mark),
        cmocka_unit_test(the_index_search_turns_round_and_finds_what_was_marked_just_now),
        cmocka_unit_test(memory_on_blank_tape_stops_at_the_edge_where_counting_began),
        cmocka_unit_test(the_display_of_a_wind_keeps_up),
        cmocka_unit_test(what_was_marked_out_of_order_is_found_in_order),
        cmocka_unit_test(nothing_is_marked_where_nothing_is_recorded),
        cmocka_unit_test(a_recording_elsewhere_keeps_the_counter_going),
        cmocka_unit_test(records_pauses_and_goes_on_where_it_stopped),
        cmocka_unit_test(runs_out_of_order_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
