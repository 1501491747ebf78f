/* tests/unit/render/test_view.c - what a deck's snapshot shows at an instant: spin-up, lock, sound, display, counter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "render/box.h"
#include "render/view.h"
#include "signal/signal.h"

/* PLAY from 60 s, pressed at 1000 s on the clock: picture after half a second, locked after one, display for four. */
static struct deck_snapshot play(void)
{
    struct deck_snapshot s = { .seq = 5, .mode = DECK_PLAY, .picture = DECK_PICTURE_TAPE, .sound = DECK_SOUND_HIFI, .servo = DECK_SERVO_SPINNING_UP,
                               .since_us = 1000000000, .pos_us = 60000000, .length_us = 7200000000, .rate_from = 65536, .rate = 65536,
                               .picture_at_us = 1000500000, .lock_at_us = 1001500000, .osd_until_us = 1004000000, .counter_base_us = 50000000, .count_to_us = INT64_C(1) << 40,
                               .tracking = INT16_MIN, .osd_counter_line = 1 };
    vcr_strcpy(s.osd[0], sizeof(s.osd[0]), "\x01 PLAY");
    return s;
}

static void spinning_up_is_blue_then_rolls_then_holds(void **state)
{
    static const struct { int ms; enum view_kind kind; int lock; enum deck_sound sound; bool osd, settled; } rows[] = {
        { 0, VIEW_BLUE, 0, DECK_SOUND_MUTED, true, false },           { 499, VIEW_BLUE, 0, DECK_SOUND_MUTED, true, false },
        { 500, VIEW_TAPE, 0, DECK_SOUND_MUTED, true, false },         { 1000, VIEW_TAPE, 32768, DECK_SOUND_MUTED, true, false },
        { 1500, VIEW_TAPE, 65536, DECK_SOUND_HIFI, true, false },     { 3999, VIEW_TAPE, 65536, DECK_SOUND_HIFI, true, false },
        { 4000, VIEW_TAPE, 65536, DECK_SOUND_HIFI, false, true },
    };
    struct deck_snapshot s = play();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct view v;
        view_at(&v, &s, s.since_us + rows[i].ms * 1000);
        assert_int_equal(v.kind, rows[i].kind);
        assert_int_equal(v.lock_q16, rows[i].lock);
        assert_int_equal(v.sound, rows[i].sound);
        assert_int_equal(v.has_osd, rows[i].osd);
        assert_int_equal(v.settled, rows[i].settled);
        assert_int_equal(v.tape_us, 60000000 + rows[i].ms * 1000);
    }
}

static void the_counter_is_of_the_same_instant(void **state)
{
    struct deck_snapshot s = play();
    struct view v;
    view_at(&v, &s, s.since_us + 999999);
    assert_string_equal(v.osd[0], "\x01 PLAY");
    assert_string_equal(v.osd[1], "0:00:10");
    view_at(&v, &s, s.since_us + 1000000);
    assert_string_equal(v.osd[1], "0:00:11");
    s.counter_base_us = 65000000;
    view_at(&v, &s, s.since_us);
    assert_string_equal(v.osd[1], "-0:00:05");
}

static void only_play_is_heard(void **state)
{
    for (int mode = 0; mode < DECK_MODES; mode++) {
        struct deck_snapshot s = play();
        struct view v;
        s.mode = (uint8_t)mode;
        view_at(&v, &s, s.since_us + 2000000);
        assert_int_equal(v.sound, mode == DECK_PLAY ? DECK_SOUND_HIFI : DECK_SOUND_MUTED);
    }
    struct deck_snapshot s = play();
    struct view v;
    s.rate = s.rate_from = 2 * 65536;
    view_at(&v, &s, s.since_us + 2000000);
    assert_int_equal(v.sound, DECK_SOUND_MUTED);
}

/* But where the deck lets the linear track through in a search: not in a still, not at speeds that nobody can render. */
static void a_search_is_heard_where_the_deck_lets_it(void **state)
{
    static const struct { int32_t rate; enum deck_sound sound; } rows[] = { { 5 * 65536, DECK_SOUND_LINEAR }, { -7 * 65536, DECK_SOUND_LINEAR }, { 65536 / 5, DECK_SOUND_LINEAR },
        { 0, DECK_SOUND_MUTED }, { 32 * 65536, DECK_SOUND_MUTED }, { INT32_MIN, DECK_SOUND_MUTED } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct deck_snapshot s = play();
        struct view v;
        s.mode = DECK_CUE;
        s.sound = DECK_SOUND_LINEAR;
        s.pos_us = s.length_us / 2;
        s.rate = s.rate_from = rows[i].rate;
        view_at(&v, &s, s.since_us + 2000000);
        assert_int_equal(v.sound, rows[i].sound);
    }
}

/* The clock and the scale of the tracking are drawn for the picture's own instant. */
static void the_clock_and_the_scale(void **state)
{
    struct deck_snapshot s = play();
    struct view v;
    s.osd_clock = 1;
    s.osd_scale = 1;
    view_at(&v, &s, s.since_us + 2000000);
    assert_string_equal(v.osd[DECK_OSD_CLOCK], "--:--");
    assert_int_equal(v.scale, INT16_MIN);
    s.tracking = -4;
    s.clock_us = INT64_C(72900) * 1000000 - s.since_us;
    view_at(&v, &s, s.since_us + 2000000);
    assert_string_equal(v.osd[DECK_OSD_CLOCK], "20:15");
    assert_int_equal(v.scale, -4);
}

/* As a dub's: the same step of the scale is the same error; automatic tracking makes none. */
static void tracking_is_the_signals(void **state)
{
    struct deck_snapshot s = play();
    struct view v;
    view_at(&v, &s, s.since_us + 2000000);
    assert_int_equal(v.tracking_error_q8, 0);
    for (int tracking = -10; tracking <= 10; tracking++) {
        s.tracking = (int16_t)tracking;
        view_at(&v, &s, s.since_us + 2000000);
        assert_int_equal(v.tracking_error_q8, signal_tracking_q8(tracking));
        assert_true(tracking == 0 || v.tracking_error_q8 / tracking >= 23); /* at the ends nearly a whole track */
    }
}

static void wild_bytes_come_into_range(void **state)
{
    struct deck_snapshot s;
    for (int byte = 0; byte < 256; byte++) {
        struct view v;
        memset(&s, byte, sizeof(s));
        view_sanitise(&s);
        view_at(&v, &s, INT64_C(1) << 40);
        view_at(&v, &s, 0);
        assert_in_range(v.tape_us, 0, s.length_us);
        assert_true(v.lock_q16 >= 0 && v.lock_q16 <= 65536);
    }
}

static void wide_pictures_get_bars(void **state)
{
    assert_int_equal(box_rows(720, 480, 8, 9), 480);
    assert_int_equal(box_rows(720, 480, 10, 11), 480);
    assert_int_equal(box_rows(720, 576, 16, 15), 576);
    assert_int_equal(box_rows(720, 480, 32, 27), 360);
    assert_int_equal(box_rows(720, 576, 64, 45), 432);
    assert_int_equal(box_rows(720, 480, 0, 0), 480);
    static uint8_t memory[64 * 48 * 3 / 2];
    struct picture from = { 64, 48, { memory, memory + 64 * 48, memory + 64 * 60 }, { 64, 32, 32 } };
    for (int y = 0; y < 48; y++) /* white above, grey below */
        memset(from.plane[0] + y * 64, y < 24 ? 200 : 100, 64);
    memset(from.plane[1], 90, 64 * 24);
    struct box *b = box_open(64, 48, 36);
    const struct picture *p = box_picture(b, 5, &from);
    static const struct { int row, luma, chroma; } rows[] = { { 0, 16, 128 }, { 5, 16, 128 }, { 6, 200, 90 }, { 22, 200, 90 }, { 25, 100, 90 }, { 41, 100, 90 },
                                                              { 42, 16, 128 }, { 47, 16, 128 } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(p->plane[0][rows[i].row * 64 + 63], rows[i].luma);
        assert_int_equal(p->plane[1][rows[i].row / 2 * 32], rows[i].chroma);
    }
    assert_ptr_equal(box_picture(b, 5, &from), p);
    box_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spinning_up_is_blue_then_rolls_then_holds), cmocka_unit_test(the_counter_is_of_the_same_instant),
        cmocka_unit_test(only_play_is_heard), cmocka_unit_test(a_search_is_heard_where_the_deck_lets_it), cmocka_unit_test(the_clock_and_the_scale), cmocka_unit_test(tracking_is_the_signals),
        cmocka_unit_test(wild_bytes_come_into_range), cmocka_unit_test(wide_pictures_get_bars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
