/* tests/unit/render/test_seat.c - a seat in virtual time: how many pictures and packets of sound, what happens when time or the ring runs short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"
#include "render/seat.h"
#include "rig.h"

struct stage {
    struct rig_seat at;
    int video, sound, keys; /* packets read from the ring, and how many of them are key frames */
    size_t video_bytes;
    int64_t last_pts_us[2];
};
static struct rig_tape tape;

static int setup(void **state)
{
    struct stage *s = vcr_alloc(sizeof(*s));
    s->last_pts_us[0] = s->last_pts_us[1] = -1;
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct stage *s = *state;
    rig_seat_close(&s->at);
    free(s);
    return 0;
}

static void take_seat(struct stage *s, bool field_rate, const char *look)
{
    struct render_open open = { .h = { RENDER_OPEN, 1 }, .field_rate = field_rate, .bitrate_bps = 1000000 };
    struct render_tape in = { .h = { RENDER_TAPE, 1 }, .has = RENDER_HAS_VIDEO | RENDER_HAS_AUDIO, .field_rate = field_rate };
    struct deck_snapshot snap = rig_snap(DECK_PLAY, 1, 0, 1, look);
    snap.since_us = 0;
    rig_seat_open(&s->at, 256 << 10, &open, &in, &tape, &snap);
}

static void drain(struct stage *s)
{
    const uint8_t *record;
    size_t len;
    for (; ring_peek(s->at.reader, &record, &len, NULL) == VCR_OK; ring_next(s->at.reader)) {
        struct render_packet head;
        memcpy(&head, record, sizeof(head));
        assert_true(head.pts_us > s->last_pts_us[head.track]); /* time never goes back */
        s->last_pts_us[head.track] = head.pts_us;
        s->video += head.track == PACKET_VIDEO;
        s->sound += head.track == PACKET_AUDIO;
        s->video_bytes += head.track == PACKET_VIDEO ? head.len : 0;
        s->keys += head.track == PACKET_VIDEO && head.flags & PACKET_KEY;
    }
}

/* Runs what is due before until_us, each at its time. */
static void run(struct stage *s, int64_t until_us)
{
    for (int64_t due; (due = seat_due_us(s->at.seat)) < until_us; drain(s))
        assert_int_equal(seat_run(s->at.seat, due, &s->at.out, &s->at.counts, NULL), VCR_OK);
}

static void both_clocks_run_at_their_rates(void **state)
{
    struct stage *s = *state;
    take_seat(s, false, "vhs");
    run(s, 1001000);
    assert_int_equal(s->video, 30);
    assert_int_equal(s->sound, 51);
    assert_int_equal(s->at.counts.late, 0);
    assert_int_equal(s->at.counts.passed, 0);
}

static void field_rate_is_twice_that_and_passing_sends_each_picture(void **state)
{
    struct stage *s = *state;
    take_seat(s, true, "clean");
    run(s, 1001000);
    assert_int_equal(s->video, 60);
    assert_int_equal(s->at.counts.passed, 60);
    assert_int_equal(s->keys, 4);
}

static size_t bytes_of_two_seconds(struct stage *s, int64_t *at_us)
{
    run(s, *at_us += 1000000); /* the encoder's buffer of half a second has gone by */
    s->video_bytes = 0;
    run(s, *at_us += 2000000);
    return s->video_bytes;
}

static void a_narrow_line_has_fewer_bytes(void **state)
{
    struct stage *s = *state;
    int64_t at_us = 0;
    take_seat(s, false, "vhs");
    size_t full = bytes_of_two_seconds(s, &at_us);
    seat_line(s->at.seat, 300000);
    size_t narrow = bytes_of_two_seconds(s, &at_us);
    assert_true(narrow < 2 * 300000 / 8 * 5 / 4 && narrow * 2 < full);
    seat_encode(s->at.seat, true); /* it is recorded */
    assert_true(bytes_of_two_seconds(s, &at_us) > narrow * 2);
    seat_encode(s->at.seat, false);
    seat_line(s->at.seat, 0);
    assert_true(bytes_of_two_seconds(s, &at_us) > narrow * 2);
}

static void a_narrow_line_is_passed_no_reel(void **state)
{
    struct stage *s = *state;
    take_seat(s, true, "clean");
    run(s, 1001000);
    assert_int_equal(s->at.counts.passed, 60);
    seat_line(s->at.seat, 5000000);
    run(s, 2002000);
    assert_int_equal(s->at.counts.passed, 60);
    seat_line(s->at.seat, 0);
    run(s, 3003000);
    assert_true(s->at.counts.passed > 60);
}

static void overload_halves_the_pictures_and_gives_them_back(void **state)
{
    struct stage *s = *state;
    take_seat(s, false, "vhs");
    seat_shed(s->at.seat, 2);
    run(s, 1001000);
    assert_in_range(s->video, 15, 16);
    assert_int_equal(s->sound, 51);
    int before = s->video;
    seat_shed(s->at.seat, 0);
    run(s, 2002000);
    assert_in_range(s->video - before, 29, 31);
}

static void lost_time_is_left_out_not_caught_up(void **state)
{
    struct stage *s = *state;
    take_seat(s, false, "vhs");
    run(s, 500000);
    int before = s->video + s->sound;
    while (seat_due_us(s->at.seat) <= 3000000) { /* nobody called for two and a half seconds */
        assert_int_equal(seat_run(s->at.seat, 3000000, &s->at.out, &s->at.counts, NULL), VCR_OK);
        drain(s);
    }
    assert_in_range(s->video + s->sound - before, 2, 30);
    assert_in_range(s->at.counts.late, 70, 76);
    assert_true(s->last_pts_us[PACKET_VIDEO] > 2960000);
}

/* Of how many seats a key frame is due at each picture, in the two seconds after the first two. */
static void key_frames_of_seats_that_begin_together_lie_apart(void **state)
{
    enum { SEATS = 12, GOP = 59, MOST = 2 };
    int at[GOP + 1] = { 0 };
    for (uint32_t id = 1; id <= SEATS; id++) {
        struct render_open open = { .h = { RENDER_OPEN, id }, .bitrate_bps = 1000000 };
        struct render_tape in = { .h = { RENDER_TAPE, id } };
        struct deck_snapshot snap = rig_snap(DECK_STOP, 0, 0, 1, "vhs");
        struct rig_seat seat = { 0 };
        int n = 0, keys = 0;
        const uint8_t *record;
        size_t len;
        snap.since_us = 0;
        rig_seat_open(&seat, 256 << 10, &open, &in, &tape, &snap);
        while (n < 2 * GOP) {
            assert_int_equal(seat_run(seat.seat, seat_due_us(seat.seat), &seat.out, &seat.counts, NULL), VCR_OK);
            for (; ring_peek(seat.reader, &record, &len, NULL) == VCR_OK; ring_next(seat.reader)) {
                struct render_packet head;
                memcpy(&head, record, sizeof(head));
                if (head.track != PACKET_VIDEO)
                    continue;
                keys += (head.flags & PACKET_KEY) != 0;
                at[n % GOP] += n >= GOP && head.flags & PACKET_KEY;
                n++;
            }
        }
        assert_int_equal(keys, 3); /* the first, the one out of turn, and two seconds after that */
        rig_seat_close(&seat);
    }
    for (int i = 0; i < GOP; i++)
        assert_in_range(at[i], 0, MOST);
}

static void a_full_ring_is_followed_by_a_key_frame(void **state)
{
    struct stage *s = *state;
    take_seat(s, false, "vhs");
    run(s, 300000);
    int keys = s->keys;
    for (int64_t due; (due = seat_due_us(s->at.seat)) < 4000000;) /* nobody reads */
        assert_int_equal(seat_run(s->at.seat, due, &s->at.out, &s->at.counts, NULL), VCR_OK);
    assert_true(ring_write(s->at.out.ring, "", 1, (uint8_t[60000]){ 0 }, 60000, NULL) != VCR_OK);
    drain(s);
    keys = s->keys;
    run(s, 4040000);
    assert_int_equal(s->keys, keys + 1);
    run(s, 4300000);
    assert_int_equal(s->keys, keys + 1);
}

static void a_seat_without_its_reels_refuses_and_goes_on(void **state)
{
    struct stage *s = *state;
    take_seat(s, false, "vhs");
    struct render_tape in = { .h = { RENDER_TAPE, 1 }, .has = RENDER_HAS_VIDEO };
    int fds[6] = { dup(tape.sound_fd), dup(tape.sound_index_fd), -1, -1, -1, -1 }; /* sound where pictures should be */
    struct vcr_why why;
    assert_int_equal(seat_tape(s->at.seat, &in, fds, &why), VCR_E_IO);
    run(s, 500000);
    assert_in_range(s->video, 14, 16);
}

static int tape_make(void **state)
{
    rig_tape_make(&tape, 300);
    return 0;
}

static int tape_free(void **state)
{
    rig_tape_free(&tape);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_clocks_run_at_their_rates, setup, teardown),
        cmocka_unit_test_setup_teardown(field_rate_is_twice_that_and_passing_sends_each_picture, setup, teardown),
        cmocka_unit_test_setup_teardown(a_narrow_line_has_fewer_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_narrow_line_is_passed_no_reel, setup, teardown),
        cmocka_unit_test_setup_teardown(overload_halves_the_pictures_and_gives_them_back, setup, teardown),
        cmocka_unit_test_setup_teardown(lost_time_is_left_out_not_caught_up, setup, teardown),
        cmocka_unit_test(key_frames_of_seats_that_begin_together_lie_apart),
        cmocka_unit_test_setup_teardown(a_full_ring_is_followed_by_a_key_frame, setup, teardown),
        cmocka_unit_test_setup_teardown(a_seat_without_its_reels_refuses_and_goes_on, setup, teardown),
    };
    return cmocka_run_group_tests(tests, tape_make, tape_free);
}
