/* test_grid.c - what a deck draws in PLAY and what is made of its tape are the same pictures, to the sample, wherever the display's clock finds the tape.
 *
 * The linker lets this file look at each picture on its way into the encoder of a session (video_encode) and of a made segment (canon_encode), and at the times that the limiter of
 * flashes is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"
#include "media/canon.h"
#include "render/grid.h"
#include "render/make.h"
#include "render/seat.h"
#include "rig.h"
#include "signal/limiter.h"

enum { SEEN_MAX = 512 };
struct seen { int count; uint64_t pictures[SEEN_MAX]; };
static struct seen live, made;

static void see(struct seen *s, const struct picture *p)
{
    uint64_t hash = 14695981039346656037u;
    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < (plane ? p->height / 2 : p->height); y++)
            for (int x = 0; x < (plane ? p->width / 2 : p->width); x++)
                hash = (hash ^ p->plane[plane][y * p->stride[plane] + x]) * 1099511628211u;
    assert_true(s->count < SEEN_MAX);
    s->pictures[s->count++] = hash;
}

enum vcr_err __real_video_encode(struct video_encoder *e, const struct picture *picture, int64_t pts_us, bool key, struct packet *ret, struct vcr_why *why);
enum vcr_err __wrap_video_encode(struct video_encoder *e, const struct picture *picture, int64_t pts_us, bool key, struct packet *ret, struct vcr_why *why);
enum vcr_err __wrap_video_encode(struct video_encoder *e, const struct picture *picture, int64_t pts_us, bool key, struct packet *ret, struct vcr_why *why)
{
    see(&live, picture);
    return __real_video_encode(e, picture, pts_us, key, ret, why);
}

enum vcr_err __real_canon_encode(struct canon *c, const struct picture *picture, int64_t pts, bool key, struct packet *ret, struct vcr_why *why);
enum vcr_err __wrap_canon_encode(struct canon *c, const struct picture *picture, int64_t pts, bool key, struct packet *ret, struct vcr_why *why);
enum vcr_err __wrap_canon_encode(struct canon *c, const struct picture *picture, int64_t pts, bool key, struct packet *ret, struct vcr_why *why)
{
    if (picture)
        see(&made, picture);
    return __real_canon_encode(c, picture, pts, key, ret, why);
}

static int64_t flash_us;
static int begun_anew;
bool __real_signal_limiter_apply(struct signal_limiter *l, struct picture *p, int parity, int64_t at_us);
bool __wrap_signal_limiter_apply(struct signal_limiter *l, struct picture *p, int parity, int64_t at_us);
bool __wrap_signal_limiter_apply(struct signal_limiter *l, struct picture *p, int parity, int64_t at_us)
{
    begun_anew += at_us < flash_us;
    flash_us = at_us;
    return __real_signal_limiter_apply(l, p, parity, at_us);
}

/* ---- one deck, and one segment ---- */
struct row {
    bool pal, field_rate;
    const char *look;
    uint8_t tape_speed, wear_16;
    int64_t pos_us;      /* of the tape when the display's clock begins */
    int first;           /* the picture of the grid that is at the heads then */
    int from;            /* from which on they are the same */
};

static struct deck_snapshot deck_of(const struct row *r)
{
    struct deck_snapshot s = { .seq = 1, .mode = DECK_PLAY, .picture = DECK_PICTURE_TAPE, .sound = DECK_SOUND_HIFI, .servo = DECK_SERVO_LOCKED, .pos_us = r->pos_us,
                               .length_us = 3600000000, .rate = 65536, .rate_from = 65536, .seed = 7, .tracking = INT16_MIN, .osd_counter_line = -1,
                               .tape_speed = r->tape_speed, .wear_16 = r->wear_16 };
    vcr_strcpy(s.look, sizeof(s.look), r->look);
    return s;
}

static void deck_open(struct rig_seat *d, const struct rig_tape *t, const struct row *r)
{
    struct render_open open = { .h = { RENDER_OPEN, 1 }, .pal = r->pal, .field_rate = r->field_rate, .bitrate_bps = 1000000 };
    struct render_tape in = { .h = { RENDER_TAPE, 1 }, .has = RENDER_HAS_VIDEO, .pal = r->pal, .field_rate = r->field_rate };
    struct deck_snapshot snap = deck_of(r);
    rig_seat_open(d, 1 << 20, &open, &in, t, &snap);
}

static void deck_run(struct rig_seat *d, int pictures)
{
    const uint8_t *record;
    size_t len;
    for (int end = live.count + pictures; live.count < end;) {
        assert_int_equal(seat_run(d->seat, seat_due_us(d->seat), &d->out, &d->counts, NULL), VCR_OK);
        for (; ring_peek(d->reader, &record, &len, NULL) == VCR_OK; ring_next(d->reader))
            ;
    }
}

static void make(const struct rig_tape *t, const struct row *r, int first, int count)
{
    struct make_job j = { .h = { MAKE_JOB, 1 }, .kind = MAKE_TAPE_VIDEO, .pal = r->pal, .field_rate = r->field_rate, .tape_speed = r->tape_speed, .wear_16 = r->wear_16,
                          .seed = 7, .first = (uint32_t)first, .count = (uint32_t)count, .width = 720, .height = r->pal ? 576 : 480, .max_bps = 4000000 };
    int fds[MAKE_FDS] = { memfd_create("segment", MFD_CLOEXEC), dup(t->video_fd), dup(t->video_index_fd) };
    uint64_t bytes;
    vcr_strcpy(j.look, sizeof(j.look), r->look);
    made.count = 0;
    assert_int_equal(make_segment(&j, fds, NULL, &bytes, NULL), VCR_OK);
    vcr_close(&fds[0]);
}

static void they_are_the_same(const struct row *r, int count)
{
    struct rig_tape t;
    struct rig_seat d;
    rig_tape_make_as(&t, r->pal, r->field_rate, r->first + count + 2);
    live.count = 0;
    deck_open(&d, &t, r);
    deck_run(&d, count);
    rig_seat_close(&d);
    make(&t, r, r->from, r->first + count - r->from);
    for (int i = 0; i < made.count; i++)
        if (live.pictures[r->from - r->first + i] != made.pictures[i])
            fail_msg("%s of %s: picture %d is another one", r->look, r->pal ? "PAL" : "NTSC", r->from + i);
    assert_true(made.pictures[0] != made.pictures[1]);
    rig_tape_free(&t);
}

static void live_pictures_are_the_made_ones(void **state)
{
    static const struct row rows[] = {
        { false, true, "family;limiter=off", 0, 0, 0, 0, 0 },
        { false, true, "rental;limiter=off", 0, 9, 8341, 0, 0 },
        { false, true, "ep-thin;limiter=off", 2, 16, 16682, 0, 0 },
        { false, true, "none", 0, 0, 333, 0, 0 },
        { false, false, "family;limiter=off", 0, 3, 33367 * 3 + 20000, 3, 3 },
        { false, false, "svhs;limiter=off", 1, 0, 33366, 0, 0 },
        { true, true, "family;limiter=off", 0, 0, 19999, 0, 0 },
        { true, true, "tired;limiter=off", 0, 12, 20000, 1, 1 },
        { true, false, "good;limiter=off", 1, 5, 61000, 1, 1 },
        { true, false, "video8;limiter=off", 0, 0, 7, 0, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        they_are_the_same(&rows[i], 8);
}

/* Whoever comes in the middle of a segment has seen other flashes; from the next one on all have seen the same. */
static void flashes_are_held_back_alike_from_the_next_segment_on(void **state)
{
    static const struct row rows[] = { { false, true, "family", 0, 0, 105 * INT64_C(1001000) / 60 + 4000, 105, 120 }, { true, false, "rental", 0, 4, 1700000 + 30000, 43, 50 } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        they_are_the_same(&rows[i], rows[i].field_rate ? 60 : 30);
}

static void play_from(struct rig_seat *d, const struct row *r, int64_t now_us, int64_t pos_us)
{
    struct deck_snapshot snap = deck_of(r);
    snap.since_us = now_us;
    snap.pos_us = pos_us;
    seat_deck(d->seat, &snap);
}

/* A border of two segments, and another one that a jump brings half a second later: three cuts in a second would be four flashes. The one after that comes in its time. */
static void the_limiter_does_not_begin_anew_twice_in_a_second(void **state)
{
    const struct row r = { false, true, "family", 0, 0, 115 * INT64_C(1001000) / 60 + 4000, 0, 0 };
    struct rig_tape t;
    struct rig_seat d;
    rig_tape_make_as(&t, false, true, 380);
    live.count = 0;
    deck_open(&d, &t, &r);
    begun_anew = 0;
    flash_us = 0;
    deck_run(&d, 20);
    assert_int_equal(begun_anew, 1);
    play_from(&d, &r, seat_due_us(d.seat), 235 * INT64_C(1001000) / 60 + 4000);
    deck_run(&d, 100);
    assert_int_equal(begun_anew, 1);
    deck_run(&d, 40); /* over picture 360 */
    assert_int_equal(begun_anew, 2);
    rig_seat_close(&d);
    rig_tape_free(&t);
}

/* The display goes on: what is below it are the same pictures, so that it can come and go over made ones. */
static void pictures_go_on_below_the_display(void **state)
{
    const struct row r = { false, true, "family;limiter=off", 0, 0, 12000, 0, 0 };
    struct deck_snapshot snap = deck_of(&r);
    struct rig_tape t;
    struct rig_seat d;
    rig_tape_make_as(&t, false, true, 40);
    live.count = 0;
    deck_open(&d, &t, &r);
    snap.osd_until_us = 170000;
    vcr_strcpy(snap.osd[DECK_OSD_MODE], sizeof(snap.osd[0]), "PLAY");
    seat_deck(d.seat, &snap);
    deck_run(&d, 30);
    rig_seat_close(&d);
    make(&t, &r, 0, 30);
    for (int i = 0; i < 30; i++)
        assert_true((live.pictures[i] == made.pictures[i]) == (i > 10));
    rig_tape_free(&t);
}

/* ---- the walk ---- */
static void pictures_are_stepped_on_one_after_another(void **state)
{
    static const int64_t phases[] = { 0, 1, 499, 8341, 16682, 16683, 16684, 19999, 33366, 33367, 39999 };
    for (int kind = 0; kind < 4; kind++)
        for (size_t p = 0; p < ARRAY_LEN(phases); p++) {
            struct grid g = grid_of(kind & 1, kind & 2);
            struct grid_walk w = GRID_NOWHERE;
            int64_t first = grid_step(&w, &g, phases[p]);
            for (int64_t k = 1; k < 40000; k++) {
                int64_t tape_us = phases[p] + k * 1000000 * g.den / g.num - (k & 1) /* as the deck rounds */;
                assert_int_equal(grid_step(&w, &g, tape_us), first + k);
            }
        }
}

static void a_jump_is_followed_and_time_left_out_is_not_made_up_for(void **state)
{
    struct grid g = grid_of(false, true);
    struct grid_walk w = GRID_NOWHERE;
    assert_int_equal(grid_step(&w, &g, 100), 0);
    assert_int_equal(grid_step(&w, &g, 100 + 3 * 16683), 3);
    assert_int_equal(grid_step(&w, &g, 7000000), 419);
    assert_int_equal(grid_step(&w, &g, 1000000), 59);
    assert_true(grid_begins_segment(&g, 119, 120) && grid_begins_segment(&g, 118, 121) && grid_begins_segment(&g, -1, 0));
    assert_false(grid_begins_segment(&g, 120, 121) || grid_begins_segment(&g, -1, 121));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_pictures_are_the_made_ones),
        cmocka_unit_test(flashes_are_held_back_alike_from_the_next_segment_on),
        cmocka_unit_test(the_limiter_does_not_begin_anew_twice_in_a_second),
        cmocka_unit_test(pictures_go_on_below_the_display),
        cmocka_unit_test(pictures_are_stepped_on_one_after_another),
        cmocka_unit_test(a_jump_is_followed_and_time_left_out_is_not_made_up_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
