/* tests/unit/render/test_render.c - vcr-render, seen as its viewers see it: which picture comes at which time, after which command.
 *
 * No test measures how fast it is: a picture says when it was due (pts), and what it shows must be where the tape was then. What must not depend on this machine's
 * speed runs staged; what concerns the program as a process runs as one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/util.h"
#include "rig.h"

static struct rig rig;
static struct deck_snapshot snap;

/* The picture under the head at that time. */
static int expected(int64_t pts_us)
{
    int64_t place = deck_snapshot_position_us(&snap, pts_us);
    return (int)(place * 60 / 1001000);
}

static void put_in(uint32_t seat, bool clean_reel, const struct deck_snapshot *first)
{
    rig_open(&rig, seat, false);
    rig_insert(&rig, seat, &rig_group_tape, clean_reel, false);
    snap = *first;
    rig_deck(&rig, seat, &snap);
}

static void begin(uint32_t seat, bool clean_reel, const struct deck_snapshot *first)
{
    rig_stage(&rig);
    put_in(seat, clean_reel, first);
}

/* The program itself. */
static void begin_process(uint32_t seat, const struct deck_snapshot *first)
{
    rig_start(&rig);
    put_in(seat, false, first);
}

/* The next picture that shows the present command. */
static struct rig_shot *next(uint32_t seat)
{
    struct rig_shot *s;
    do
        s = rig_next(&rig, seat, PACKET_VIDEO);
    while (s->head.command_seq != snap.seq);
    return s;
}

static void change(uint32_t seat, struct deck_snapshot to)
{
    snap = to;
    rig_deck(&rig, seat, &snap);
}

static void play_goes_on_at_its_rate(void **state)
{
    static const char *const looks[] = { "vhs", "clean" };
    for (size_t k = 0; k < ARRAY_LEN(looks); k++) {
        struct deck_snapshot s = rig_snap(DECK_PLAY, 1, 500000, 1, looks[k]);
        begin(1, false, &s);
        if (snap.clean)
            change(1, (snap.osd_until_us = INT64_MAX, snap)); /* a display keeps it live */
        int last = -1;
        int64_t last_pts = 0;
        for (int i = 0; i < 40; i++) {
            struct rig_shot *shot = next(1);
            assert_false(shot->head.flags & PACKET_REPLAYED);
            assert_in_range(shot->number, expected(shot->head.pts_us) - 1, expected(shot->head.pts_us) + 1);
            assert_in_range(shot->head.tape_us, rig_pts_us(shot->number) - 20, rig_pts_us(shot->number) + 20);
            if (last >= 0 && shot->head.pts_us - last_pts < 34000)
                assert_int_equal(shot->number, last + 2); /* every second of 59.94, none twice */
            last = shot->number;
            last_pts = shot->head.pts_us;
        }
        rig_stop(&rig);
    }
}

static void pause_holds_and_a_step_steps(void **state)
{
    struct deck_snapshot s = rig_snap(DECK_PAUSE, 0, rig_pts_us(100) + 3000, 1, "clean");
    begin(1, false, &s);
    for (int i = 0; i < 8; i++)
        assert_int_equal(next(1)->number, 100);
    change(1, rig_snap(DECK_PAUSE, 0, rig_pts_us(99) + 3000, 2, "clean"));
    assert_int_equal(next(1)->number, 99);
    change(1, rig_snap(DECK_PAUSE, 0, rig_pts_us(61) + 3000, 3, "vhs"));
    for (int i = 0; i < 4; i++)
        assert_int_equal(next(1)->number, 61);
    rig_stop(&rig);
}

static int grain_in(const char *look, uint32_t seq)
{
    struct rig_shot *shot = NULL;
    change(1, rig_snap(DECK_PLAY, 1, 500000, seq, look));
    for (int i = 0; i < 4; i++)
        shot = next(1);
    return shot->grain;
}

static void amounts_of_a_look_show_at_once(void **state)
{
    struct deck_snapshot s = rig_snap(DECK_PLAY, 1, 500000, 1, "none");
    begin(1, false, &s);
    int noisy = grain_in("none;noise.luma_db=20", 2), quiet = grain_in("none;noise.luma_db=off", 3);
    assert_true(noisy > 20 && quiet < 5);
    assert_true(grain_in("none;noise.luma_db=20", 4) > 20);
    rig_stop(&rig);
}

static void search_moves_both_ways(void **state)
{
    static const struct { enum deck_mode mode; double rate; int64_t from_us; const char *look; } rows[] = {
        { DECK_CUE, 5, 0, "clean" }, { DECK_REVIEW, -5, 5900000, "clean" }, { DECK_REVIEW, -1, 2000000, "clean" },
        { DECK_CUE, 5, 0, "vhs" },   { DECK_REVIEW, -5, 5900000, "vhs" },
    };
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        struct deck_snapshot s = rig_snap(rows[k].mode, rows[k].rate, rows[k].from_us, 1, rows[k].look);
        begin(1, false, &s);
        int seen = 0, first = -1, last = -1;
        for (int i = 0; i < 24; i++) {
            struct rig_shot *shot = next(1);
            int want = expected(shot->head.pts_us);
            if (shot->number < 0 || want <= 0 || want >= RIG_PICTURES - 1)
                continue; /* a noise bar on the middle; the end of the tape */
            assert_in_range(shot->number, VCR_MAX(want - RIG_GOP - 10, 0), want + 10);
            first = seen++ == 0 ? shot->number : first;
            last = shot->number;
        }
        assert_true(seen >= 6);
        assert_true(rows[k].rate > 0 ? last > first : last < first);
        rig_stop(&rig);
    }
}

static void a_command_shows_in_the_next_picture(void **state)
{
    struct deck_snapshot s = rig_snap(DECK_PLAY, 1, 0, 1, "vhs");
    begin(1, false, &s);
    next(1);
    for (uint32_t seq = 2; seq < 12; seq++) {
        change(1, rig_snap(seq % 2 ? DECK_PLAY : DECK_PAUSE, seq % 2, rig_pts_us((int)seq * 10) + 1000, seq, "vhs"));
        int64_t sent_us = rig_now_us();
        struct rig_shot *shot;
        do
            shot = rig_next(&rig, 1, PACKET_VIDEO);
        while (shot->head.pts_us <= sent_us && shot->head.command_seq != seq);
        assert_int_equal(shot->head.command_seq, seq);
        assert_in_range(shot->number, expected(shot->head.pts_us) - 1, expected(shot->head.pts_us) + 1);
    }
    rig_stop(&rig);
}

static void a_key_frame_comes_when_asked_for(void **state)
{
    struct deck_snapshot s = rig_snap(DECK_PLAY, 1, 0, 1, "vhs");
    begin(1, false, &s);
    next(1);
    for (int k = 0; k < 5; k++) {
        for (int i = 0; i < 3; i++)
            next(1);
        struct render_head key = { RENDER_KEY, 1 };
        for (int i = 0; i < 3; i++) /* several at once are one */
            rig_send(&rig, &key, sizeof(key));
        int64_t sent_us = rig_now_us();
        bool key_came = false;
        struct rig_shot *shot;
        do { /* pictures of before may still be under way; one that is due from now on was drawn after reading our message */
            shot = next(1);
            key_came |= (shot->head.flags & PACKET_KEY) != 0;
        } while (shot->head.pts_us <= sent_us);
        assert_true(key_came);
        assert_false(next(1)->head.flags & PACKET_KEY);
    }
    rig_stop(&rig);
}

/* Packet n of the tape's reel. */
static void reel_packet(int64_t place_us, struct packet *ret, struct reel **ret_reel, struct io **reel_io, struct io **index_io)
{
    assert_int_equal(io_fd_open(reel_io, dup(rig_group_tape.video_fd), "test", NULL), VCR_OK);
    assert_int_equal(io_fd_open(index_io, dup(rig_group_tape.video_index_fd), "test", NULL), VCR_OK);
    assert_int_equal(reel_open(ret_reel, *reel_io, *index_io, NULL), VCR_OK);
    assert_int_equal(reel_read(*ret_reel, reel_sample_at(*ret_reel, place_us), ret, NULL), VCR_OK);
}

static void same_as_reel(const struct rig_shot *s)
{
    struct packet packet;
    struct reel *reel = NULL;
    struct io *a = NULL, *b = NULL;
    reel_packet(s->head.tape_us, &packet, &reel, &a, &b);
    assert_int_equal(packet.pts_us, s->head.tape_us);
    assert_int_equal(packet.len, s->head.len);
    assert_memory_equal(packet.data, s->bytes, packet.len);
    reel_close(&reel);
    io_close(&a);
    io_close(&b);
}

static void clean_play_passes_the_reel_through(void **state)
{
    struct deck_snapshot s = rig_snap(DECK_PAUSE, 0, 1000000, 1, "clean");
    begin(1, true, &s);
    next(1);
    change(1, rig_snap(DECK_PLAY, 1, 1000000, 2, "clean"));
    int live = 0, passed = 0, last = -1;
    int64_t last_pts = 0;
    while (passed < 60) {
        struct rig_shot *shot = next(1);
        assert_true(shot->head.pts_us > last_pts);
        last_pts = shot->head.pts_us;
        assert_in_range(shot->number, expected(last_pts) - 1, expected(last_pts) + 1);
        assert_true(shot->number > last);
        last = shot->number;
        if (!(shot->head.flags & PACKET_REPLAYED)) {
            live++;
            assert_int_equal(passed, 0);
            continue;
        }
        if (passed++ == 0)
            assert_true(shot->head.flags & PACKET_KEY); /* the seam */
        same_as_reel(shot);
    }
    assert_true(live <= RIG_GOP); /* the next key frame of the reel came before */
    /* a viewer who needs a key frame gets one at once, made for it */
    struct render_head key = { RENDER_KEY, 1 };
    rig_send(&rig, &key, sizeof(key));
    struct rig_shot *shot;
    while ((shot = next(1))->head.flags & PACKET_REPLAYED)
        ;
    assert_true(shot->head.flags & PACKET_KEY);
    while (!((shot = next(1))->head.flags & PACKET_REPLAYED))
        ;
    assert_true(shot->head.flags & PACKET_KEY);
    /* and out of it again */
    change(1, rig_snap(DECK_PAUSE, 0, rig_pts_us(200) + 1000, 3, "clean"));
    shot = next(1);
    assert_false(shot->head.flags & PACKET_REPLAYED);
    assert_true(shot->head.flags & PACKET_KEY);
    assert_int_equal(shot->number, 200);
    rig_stop(&rig);
}

static void sound_is_there_in_play_and_silent_in_stop(void **state)
{
    static const char *const looks[] = { "vhs", "clean" };
    for (size_t k = 0; k < ARRAY_LEN(looks); k++) {
        struct deck_snapshot s = rig_snap(DECK_PLAY, 1, 0, 1, looks[k]);
        begin(1, false, &s);
        int64_t last_pts = 0;
        for (int i = 0; i < 40; i++) {
            struct rig_shot *shot = rig_next(&rig, 1, PACKET_AUDIO);
            if (last_pts)
                assert_int_equal((shot->head.pts_us - last_pts) % AUDIO_FRAME_US, 0); /* the clock of sound never stops */
            last_pts = shot->head.pts_us;
            if (i >= 15 && shot->head.command_seq == 1)
                assert_in_range((int)shot->loudness, 2000, 12000); /* of 5657 */
        }
        s = rig_snap(DECK_STOP, 0, 1000000, 2, looks[k]);
        s.picture = DECK_PICTURE_BLUE;
        change(1, s);
        for (int i = 0; i < 20;) {
            struct rig_shot *shot = rig_next(&rig, 1, PACKET_AUDIO);
            if (shot->head.command_seq == 2 && ++i > 8)
                assert_in_range((int)shot->loudness, 0, 20);
        }
        rig_stop(&rig);
    }
}

/* Where the deck lets the linear track through, a search has its sound, forwards and backwards. */
static void a_search_has_its_sound(void **state)
{
    static const int rates[] = { 3, -3 };
    for (size_t k = 0; k < ARRAY_LEN(rates); k++) {
        struct deck_snapshot s = rig_snap(rates[k] > 0 ? DECK_CUE : DECK_REVIEW, rates[k], rates[k] > 0 ? 1000000 : 6000000, 1, "vhs");
        int heard = 0;
        s.sound = DECK_SOUND_LINEAR;
        begin(1, false, &s);
        for (int i = 0; i < 40; i++)
            heard += rig_next(&rig, 1, PACKET_AUDIO)->loudness > 300;
        assert_in_range(heard, 15, 40);
        rig_stop(&rig);
    }
}

static void seats_do_not_disturb_one_another(void **state)
{
    struct deck_snapshot s = rig_snap(DECK_PAUSE, 0, rig_pts_us(30) + 1000, 1, "clean");
    begin_process(1, &s);
    for (uint32_t seat = 2; seat <= 3; seat++) {
        rig_open(&rig, seat, seat == 3);
        rig_insert(&rig, seat, &rig_group_tape, false, seat == 3);
        struct deck_snapshot other = rig_snap(DECK_PAUSE, 0, rig_pts_us((int)seat * 50) + 1000, 1, "clean");
        rig_deck(&rig, seat, &other);
    }
    int seen[4] = { 0 };
    while (seen[1] < 12 || seen[2] < 12 || seen[3] < 12) {
        struct rig_shot *shot = rig_next(&rig, 0, PACKET_VIDEO);
        if (shot->head.command_seq != 1 || shot->head.tape_us < 0)
            continue;
        assert_int_equal(shot->number, shot->head.seat == 1 ? 30 : (int)shot->head.seat * 50);
        seen[shot->head.seat]++;
    }
    struct render_head close = { RENDER_CLOSE, 2 };
    rig_send(&rig, &close, sizeof(close));
    int64_t sent_us = rig_now_us();
    for (int i = 0; i < 12; i++) {
        struct rig_shot *shot = rig_next(&rig, 0, PACKET_VIDEO);
        assert_false(shot->head.seat == 2 && shot->head.pts_us > sent_us);
    }
    rig_stop(&rig);
}

static void a_broken_reel_fails_its_seat_alone(void **state)
{
    struct rig_tape bad;
    uint8_t junk[4096];
    for (int kind = 0; kind < 2; kind++) {
        rig_tape_make(&bad, 120);
        memset(junk, 0x55, sizeof(junk));
        if (kind == 0) /* an index that is none; then pictures that are none */
            assert_int_equal(pwrite(bad.video_index_fd, junk, 64, 0), 64);
        off_t end = lseek(bad.video_fd, 0, SEEK_END);
        for (off_t at = 2048; kind == 1 && at + (off_t)sizeof(junk) < end; at += (off_t)sizeof(junk))
            assert_int_equal(pwrite(bad.video_fd, junk, sizeof(junk), at), (ssize_t)sizeof(junk));
        struct deck_snapshot s = rig_snap(DECK_PAUSE, 0, rig_pts_us(30) + 1000, 1, "clean");
        begin_process(1, &s);
        rig_open(&rig, 2, false);
        rig_insert(&rig, 2, &bad, false, false);
        struct deck_snapshot play = rig_snap(DECK_PLAY, 1, 0, 1, "vhs");
        rig_deck(&rig, 2, &play);
        rig_wait_failed(&rig);
        assert_int_equal(rig.failed.h.seat, 2);
        assert_true(strlen(rig.failed.text) > 10);
        for (int i = 0; i < 5; i++) {
            rig_next(&rig, 2, PACKET_VIDEO);
            assert_int_equal(next(1)->number, 30);
        }
        assert_int_equal(rig.failures, 1);
        rig_insert(&rig, 2, &rig_group_tape, false, false); /* a good tape in the same seat plays */
        struct deck_snapshot good = rig_snap(DECK_PAUSE, 0, rig_pts_us(40) + 1000, 9, "clean");
        rig_deck(&rig, 2, &good);
        struct rig_shot *shot;
        while ((shot = rig_next(&rig, 2, PACKET_VIDEO))->head.command_seq != 9)
            ;
        assert_int_equal(shot->number, 40);
        rig_stop(&rig);
        rig_tape_free(&bad);
    }
}

static void what_is_no_message_is_ignored(void **state)
{
    struct deck_snapshot s = rig_snap(DECK_PAUSE, 0, rig_pts_us(30) + 1000, 1, "clean");
    begin_process(1, &s);
    struct render_tape no_fds = { .h = { RENDER_TAPE, 1 }, .has = RENDER_HAS_VIDEO };
    struct render_head unknown = { 77, 1 }, nobody = { RENDER_KEY, 99 };
    struct deck_snapshot wild = s;
    memset(&wild, 0xee, sizeof(wild));
    rig_send(&rig, &no_fds, sizeof(no_fds));
    rig_send(&rig, &unknown, sizeof(unknown));
    rig_send(&rig, &nobody, sizeof(nobody));
    rig_send(&rig, "x", 1);
    next(1);
    rig_deck(&rig, 1, &wild);
    for (int i = 0; i < 5; i++)
        rig_next(&rig, 1, PACKET_VIDEO);
    change(1, rig_snap(DECK_PAUSE, 0, rig_pts_us(31) + 1000, 3, "clean"));
    assert_int_equal(next(1)->number, 31);
    rig_stop(&rig);
}

static void a_deck_without_a_tape_shows_something(void **state)
{
    rig_start(&rig);
    rig_open(&rig, 1, false);
    for (int picture = DECK_PICTURE_NONE; picture <= DECK_PICTURE_INPUT; picture++) {
        snap = rig_snap(DECK_EJECTED, 0, 0, (uint32_t)picture + 1, "vhs");
        snap.picture = (uint8_t)picture;
        snap.osd_until_us = INT64_MAX;
        vcr_strcpy(snap.osd[0], sizeof(snap.osd[0]), "EJECT");
        snap.osd_counter_line = 1;
        rig_deck(&rig, 1, &snap);
        assert_int_equal(next(1)->head.tape_us, -1);
    }
    rig_stop(&rig);
}

static void the_sandbox_holds(void **state)
{
    assert_int_equal(system(VCR_RENDER " --prove-sandbox >&2"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(play_goes_on_at_its_rate),
        cmocka_unit_test(pause_holds_and_a_step_steps),
        cmocka_unit_test(amounts_of_a_look_show_at_once), cmocka_unit_test(search_moves_both_ways),
        cmocka_unit_test(a_command_shows_in_the_next_picture),
        cmocka_unit_test(a_key_frame_comes_when_asked_for),
        cmocka_unit_test(clean_play_passes_the_reel_through),
        cmocka_unit_test(sound_is_there_in_play_and_silent_in_stop), cmocka_unit_test(a_search_has_its_sound),
        cmocka_unit_test(seats_do_not_disturb_one_another),
        cmocka_unit_test(a_broken_reel_fails_its_seat_alone),
        cmocka_unit_test(what_is_no_message_is_ignored),
        cmocka_unit_test(a_deck_without_a_tape_shows_something),
        cmocka_unit_test(the_sandbox_holds),
    };
    return cmocka_run_group_tests(tests, rig_group_make, rig_group_free);
}
