/* tests/unit/deck/test_deck_replay.c - the lines of a deck's log: what is written is read, what is none is refused and changes nothing, and a log runs again. */
#include "deck_script.h"

#include <stdio.h>

#include "base/util.h"
#include "deck/replay.h"

enum { ROOM = 4 };
static struct deck_run runs[2 * ROOM];
static int64_t marks[2 * ROOM];
static struct deck_replay r;

static enum vcr_err line(const char *text) { return deck_replay_line(&r, text, strlen(text), NULL); }

static void begin(void)
{
    deck_replay_init(&r, runs, ROOM, marks, ROOM);
    assert_int_equal(line("1000 start profile=broadcast"), VCR_OK);
}

static void every_command_is_written_and_read(void **state)
{
    for (enum deck_cmd c = 0; c < DECK_CMDS; c++) {
        char text[DECK_LINE_MAX], again[DECK_LINE_MAX];
        struct deck_tap t = { .at_us = 1234567890123, .cmd = c }, back;
        t.args = (struct deck_args){ .on = -1, .hold = true, .speed = -13107, .position_us = INT64_MIN, .tracking = INT16_MIN, .tape_speed = 2, .minutes = INT32_MAX,
                                     .count = 7, .look = "rental_2-x;noise.luma_db=40.5;headswitch=off", .tape = { .length_us = INT64_MAX, .seed = UINT64_MAX, .frame_us = 1, .wear_16 = -1,
                                     .tape_speed = 255, .write_protected = true, .blank = true } };
        size_t n = deck_tap_write(&t, text, sizeof(text));
        assert_int_equal(n, strlen(text));
        assert_int_equal(deck_tap_read(&back, text, n, NULL), VCR_OK);
        assert_int_equal(back.kind, DECK_TAP_COMMAND);
        assert_int_equal(back.cmd, c);
        deck_tap_write(&back, again, sizeof(again));
        assert_string_equal(text, again);
        if (c == DECK_CMD_INSERT) {
            assert_true(back.args.tape.seed == UINT64_MAX && back.args.tape.length_us == INT64_MAX);
            assert_null(back.args.tape.map);
        }
        if (c == DECK_CMD_LOOK)
            assert_string_equal(back.args.look, "rental_2-x;noise.luma_db=40.5;headswitch=off");
    }
}

static void a_line_that_is_none_is_refused(void **state)
{
    static const char *const bad[] = {
        "", " ", "2000", "2000 ", " 2000 play", "2000  play", "2000 play ", "2000 Play", "play", "-1 play", "02000 play", "+2000 play", "2e3 play", "2000 play on=1",
        "2000 seek position", "2000 seek position=", "2000 seek position=1.5", "2000 seek position=9223372036854775808",
        "2000 seek position=-9223372036854775809", "2000 seek position=-0", "2000 seek position=1 position=1", "2000 seek =1", "2000 seek position=1 hold=1",
        "2000 power on=2", "2000 cue hold=-1", "2000 look look=A", "2000 look look=", "2000 rule reason=abcdefghijabcdefghijabcd", "2000 run speed=3",
        "9223372036854775807 play", "2000 start profile=vhs", "999 play", "604800001001 tick", "2000 start", "2000 rule reason=no viewer",
    };
    begin();
    struct deck_replay before = r;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (line(bad[i]) != VCR_E_MALFORMED)
            fail_msg("taken: %s", bad[i]);
        assert_memory_equal(&before, &r, sizeof(r));
    }
    char look[sizeof("2000 look look=") + DECK_LOOK_BYTES] = "2000 look look=";
    memset(look + strlen(look), 'a', DECK_LOOK_BYTES); /* with its end one too many */
    assert_int_equal(line(look), VCR_E_MALFORMED);
    char longest[DECK_LINE_MAX + 1];
    memset(longest, '1', sizeof(longest));
    assert_int_equal(deck_replay_line(&r, longest, DECK_LINE_MAX, NULL), VCR_E_MALFORMED);
    deck_replay_init(&r, runs, ROOM, marks, ROOM);
    assert_int_equal(line("5 play"), VCR_E_MALFORMED); /* not without its start */
}

static void recordings_and_marks_have_room_and_order(void **state)
{
    begin();
    assert_int_equal(line("1000 run start=10 end=20 recorded=1"), VCR_OK);
    assert_int_equal(line("1000 run start=19 end=30 recorded=1"), VCR_E_MALFORMED);
    assert_int_equal(line("1000 run start=30 end=30 recorded=1"), VCR_E_MALFORMED);
    for (int i = 1; i < ROOM; i++)
        assert_int_equal(line(i == 1 ? "1000 run start=20 end=30" : i == 2 ? "1000 run start=30 end=40" : "1000 run start=40 end=50"), VCR_OK);
    assert_int_equal(line("1000 run start=50 end=60"), VCR_E_TOO_LARGE);
    for (int i = 0; i < ROOM; i++)
        assert_int_equal(line("1000 mark at=15"), VCR_OK);
    assert_int_equal(line("1000 mark at=14"), VCR_E_TOO_LARGE);
    assert_int_equal(line("1000 insert length=100 map=1"), VCR_OK);
    assert_int_equal(r.deck.tape.map->run_count, ROOM);
    assert_int_equal(r.deck.tape.map->mark_count, ROOM);
    assert_int_equal(line("1000 mark at=15"), VCR_OK); /* of the next one */
    assert_int_equal(line("1000 mark at=14"), VCR_E_MALFORMED);
}

static void a_new_map_keeps_of_the_one_before_it(void **state)
{
    static const char *const told[] = {
        "1000 run start=10 end=20 recorded=1", "1000 run start=20 end=30", "1000 run start=30 end=40 recorded=1", "1000 mark at=15", "1000 mark at=35", "1000 insert length=100 map=1",
        "2000 keep_runs count=1", "2000 run start=20 end=26 recorded=1 speed=2", "2000 keep_runs first=2 count=1", "2000 keep_marks first=1 count=1", "2000 map on=1",
    };
    begin();
    assert_int_equal(line("1000 keep_runs count=1"), VCR_E_MALFORMED); /* no tape, no map */
    for (size_t i = 0; i < ARRAY_LEN(told); i++)
        assert_int_equal(line(told[i]), VCR_OK);
    const struct deck_map *map = r.deck.tape.map;
    assert_int_equal(map->run_count, 3);
    assert_int_equal(map->mark_count, 1);
    assert_true(map->runs[0].end_us == 20 && map->runs[1].end_us == 26 && map->runs[1].speed == 2 && map->runs[2].start_us == 30 && map->marks_us[0] == 35);
    assert_int_equal(map->runs[2].counted_us, 16);
    struct deck_replay before = r;
    static const char *const bad[] = { "2000 keep_runs count=4", "2000 keep_runs first=3 count=1", "2000 keep_runs first=2147483647 count=2147483647", "2000 keep_marks count=2", "2000 keep_runs count=-1" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(line(bad[i]), VCR_E_MALFORMED);
    assert_memory_equal(&before, &r, sizeof(r));
    assert_int_equal(line("2000 keep_runs first=1 count=2"), VCR_OK);
    assert_int_equal(line("2000 keep_runs count=3"), VCR_E_MALFORMED); /* not in order; and room for four */
    assert_int_equal(line("2000 insert length=100 map=1"), VCR_OK); /* a second tape is refused: what was told for it is forgotten */
    assert_int_equal(line("2000 keep_runs count=3"), VCR_OK);
    assert_int_equal(line("2000 map on=1"), VCR_OK);
    assert_int_equal(r.deck.tape.map->run_count, 3);
}

/* The rule that stopped it is still named after another one found it at rest. */
static void a_rule_that_came_too_late_changes_no_reason(void **state)
{
    static const char *const log[] = { "1000 insert length=60000000", "3000000 play", "9000000 rule reason=blue", "9000001 rule reason=snow", "9000002 rule reason=lost" };
    begin();
    for (size_t i = 0; i < ARRAY_LEN(log); i++)
        assert_int_equal(line(log[i]), VCR_OK);
    assert_string_equal(r.deck.stop_reason, "blue");
}

static void a_log_runs_again(void **state)
{
    static const char *const log[] = {
        "1000 run start=0 end=100000000 recorded=1", "1000 mark at=50000000", "1000 insert length=600000000 position=2000000 map=1", "3000000 play", "9000000 record",
        "20000000 pause", "30000000 record", "40000000 fault reason=drum", "41000000 recover", "42000000 index_next", "90000000 stop", "91000000 eject",
    };
    uint64_t trace[2];
    for (int round = 0; round < 2; round++) {
        begin();
        for (size_t i = 0; i < ARRAY_LEN(log); i++) {
            assert_int_equal(line(log[i]), VCR_OK);
            for (int k = 0; k < 50 * round; k++) /* whatever happens in between */
                deck_tick(&r.deck, r.now_us + k);
        }
        trace[round] = r.trace;
        assert_int_equal(r.deck.snap.mode, DECK_EJECTING);
    }
    assert_true(trace[0] == trace[1]);
    begin();
    for (size_t i = 0; i < ARRAY_LEN(log); i++)
        assert_int_equal(line(i == 3 ? "3000001 play" : log[i]), VCR_OK);
    assert_true(r.trace != trace[0]); /* a microsecond is seen */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_is_written_and_read),
        cmocka_unit_test(a_line_that_is_none_is_refused),
        cmocka_unit_test(recordings_and_marks_have_room_and_order),
        cmocka_unit_test(a_new_map_keeps_of_the_one_before_it),
        cmocka_unit_test(a_rule_that_came_too_late_changes_no_reason),
        cmocka_unit_test(a_log_runs_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
