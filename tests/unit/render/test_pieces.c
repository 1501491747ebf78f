/* test_pieces.c - a seat that shows made segments where they are what it would draw: when it may, that nobody sees where they begin and end, and what it does with bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "barcode.h"
#include "base/util.h"
#include "render/cacheable.h"
#include "render/make.h"
#include "render/pieces.h"
#include "render/seat.h"
#include "rig.h"

enum { EACH = 120 };

/* How vcrd answers. */
enum answer { ANSWER, ANSWER_LATE /* the second time */, ANSWER_NEVER, ANSWER_OLD /* by another name */, ANSWER_GARBAGE, ANSWER_SHORT, ANSWER_ONE /* of two files */, ANSWER_MUTE };
struct shown { int number; bool replayed, key; int64_t pts_us; };
struct deck {
    struct rig_seat at;
    struct video_decoder *eyes;
    enum answer answer;
    int asked;
    struct render_piece last;        /* what was asked for last */
    int64_t now_us;
    struct shown shown[1000];        /* pictures, in order */
    int count;
};

static struct deck_snapshot snap_of(const char *look, int64_t place_us, int64_t since_us)
{
    struct deck_snapshot s = rig_snap(DECK_PLAY, 1, place_us, 1, look);
    s.since_us = since_us;
    vcr_strcpy(s.look, sizeof(s.look), look);
    return s;
}

static int setup(void **state)
{
    struct deck *d = vcr_alloc(sizeof(*d));
    struct render_open open = { .h = { RENDER_OPEN, 1 }, .field_rate = 1, .pieces = 1, .bitrate_bps = 2400000 };
    struct render_tape in = { .h = { RENDER_TAPE, 1 }, .in = 1, .has = RENDER_HAS_VIDEO | RENDER_HAS_AUDIO, .field_rate = 1, .tape = 3 };
    struct deck_snapshot snap = snap_of("none", 5000, 0);
    assert_int_equal(video_decoder_open(&d->eyes, NULL), VCR_OK);
    rig_seat_open(&d->at, 4 << 20, &open, &in, &rig_group_tape, &snap);
    *state = d;
    return 0;
}

static int teardown(void **state)
{
    struct deck *d = *state;
    rig_seat_close(&d->at);
    video_decoder_close(&d->eyes);
    free(d);
    return 0;
}

/* ---- vcrd ---- */
/* What was made is kept, since several tests want the same; each gets a copy. */
static struct kept { struct render_piece of; bool init; uint8_t bytes[2 << 20]; size_t len; } kept[8];
static int kept_count;

static bool is_of(const struct kept *k, const struct render_piece *want, bool init)
{
    return k->init == init && k->of.number == want->number && k->of.wear_16 == want->wear_16 && k->of.seed == want->seed && strcmp(k->of.look, want->look) == 0;
}

static int copy_of(const struct kept *k)
{
    int fd = memfd_create("segment", MFD_CLOEXEC);
    assert_int_equal(pwrite(fd, k->bytes, k->len, 0), (ssize_t)k->len);
    return fd;
}

static int make_now(const struct render_piece *want, bool init)
{
    uint32_t first = want->number * EACH;
    struct make_job j = { .h = { MAKE_JOB, 1 }, .kind = MAKE_TAPE_VIDEO, .init = init, .field_rate = want->field_rate, .tape_speed = want->tape_speed, .wear_16 = want->wear_16,
                          .seed = want->seed, .first = first, .count = VCR_MIN((uint32_t)EACH, RIG_PICTURES - first), .width = 720, .height = 480, .max_bps = 4000000 };
    int fds[MAKE_FDS] = { memfd_create("segment", MFD_CLOEXEC), init ? -1 : dup(rig_group_tape.video_fd), init ? -1 : dup(rig_group_tape.video_index_fd) };
    uint64_t bytes;
    vcr_strcpy(j.look, sizeof(j.look), want->look);
    assert_int_equal(make_segment(&j, fds, NULL, &bytes, NULL), VCR_OK);
    return fds[0];
}

static int make(const struct render_piece *want, bool init)
{
    for (int i = 0; i < kept_count; i++)
        if (is_of(&kept[i], want, init))
            return copy_of(&kept[i]);
    int fd = make_now(want, init);
    if (kept_count < (int)ARRAY_LEN(kept)) {
        struct kept *k = &kept[kept_count++];
        *k = (struct kept){ .of = *want, .init = init };
        ssize_t len = pread(fd, k->bytes, sizeof(k->bytes), 0);
        assert_in_range(len, 1, sizeof(k->bytes) - 1);
        k->len = (size_t)len;
    }
    return fd;
}

static void answer(struct deck *d, struct render_piece m)
{
    int fds[2] = { -1, -1 };
    if (m.kind == RENDER_PIECE_SOUND) {
        m.h.type = RENDER_PIECE;
        m.has = RENDER_PIECE_NEVER;
        seat_piece(d->at.seat, &m, fds);
        return;
    }
    bool is_there = m.number * EACH < RIG_PICTURES && d->answer != ANSWER_NEVER && (d->answer != ANSWER_LATE || d->asked > 4);
    d->asked++;
    d->last = m;
    if (d->answer == ANSWER_MUTE)
        return;
    m.h.type = RENDER_PIECE;
    m.has = d->answer == ANSWER_NEVER ? RENDER_PIECE_NEVER : is_there ? RENDER_PIECE_HERE : RENDER_PIECE_NOT_YET;
    if (is_there) {
        fds[0] = make(&m, false);
        fds[1] = make(&m, true);
    }
    if (d->answer == ANSWER_OLD)
        m.wear_16++;
    if (is_there && d->answer == ANSWER_GARBAGE)
        assert_int_equal(pwrite(fds[0], "\0\0\xff\xff\xff\xff", 6, 8), 6);
    if (is_there && d->answer == ANSWER_SHORT)
        assert_int_equal(ftruncate(fds[0], lseek(fds[0], 0, SEEK_END) - 100), 0);
    if (is_there && d->answer == ANSWER_ONE)
        vcr_close(&fds[1]);
    seat_piece(d->at.seat, &m, fds);
}

static void hear(struct deck *d)
{
    union seat_said said;
    for (size_t len; seat_says(d->at.seat, &said, &len);)
        if (said.head.type == RENDER_WANT_PIECE)
            answer(d, said.piece);
}

/* ---- the viewer ---- */
static void see(struct deck *d, const struct render_packet *head, const uint8_t *data)
{
    struct frame *f = NULL;
    assert_true(d->count < (int)ARRAY_LEN(d->shown));
    assert_int_equal(video_decode(d->eyes, data, head->len, &f, NULL), VCR_OK);
    d->shown[d->count++] = (struct shown){ barcode_read(&f->picture, 200, 280), head->flags & PACKET_REPLAYED, head->flags & PACKET_KEY, head->pts_us };
    frame_unref(&f);
}

static void run(struct deck *d, int64_t until_us)
{
    for (int64_t due; (due = seat_due_us(d->at.seat)) < until_us; hear(d)) {
        const uint8_t *record;
        size_t len;
        assert_int_equal(seat_run(d->at.seat, due, &d->at.out, &d->at.counts, NULL), VCR_OK);
        d->now_us = due;
        for (; ring_peek(d->at.reader, &record, &len, NULL) == VCR_OK; ring_next(d->at.reader)) {
            struct render_packet head;
            memcpy(&head, record, sizeof(head));
            if (head.track == PACKET_VIDEO)
                see(d, &head, record + sizeof(head));
        }
    }
}

static int replayed(const struct deck *d, int from, int to)
{
    int n = 0;
    for (int i = from; i < to; i++)
        n += d->shown[i].replayed;
    return n;
}

/* Each picture follows the last one, at its time, wherever it comes from. */
static void assert_no_seam(const struct deck *d, int from, int to)
{
    for (int i = from + 1; i < to; i++) {
        assert_int_equal(d->shown[i].number, d->shown[i - 1].number + 1);
        assert_in_range(d->shown[i].pts_us - d->shown[i - 1].pts_us, 16683, 16684);
        if (d->shown[i].replayed != d->shown[i - 1].replayed)
            assert_true(d->shown[i].key);
    }
}

static void made_pictures_take_the_place_of_drawn_ones(void **state)
{
    struct deck *d = *state;
    run(d, 5000000);
    assert_in_range(d->count, 299, 300);
    assert_in_range(replayed(d, 0, d->count), 239, 241); /* from the second 1 on: the first key frame after the first answer */
    assert_int_equal(d->at.counts.passed, replayed(d, 0, d->count));
    assert_int_equal(d->shown[0].number, 0);
    assert_no_seam(d, 0, d->count);
    assert_in_range(d->asked, 4, 6); /* the tape has three; the one behind them is asked for now and then */
}

static void a_segment_that_comes_late_is_waited_for_live(void **state)
{
    struct deck *d = *state;
    d->answer = ANSWER_LATE;
    run(d, 5000000);
    assert_no_seam(d, 0, d->count);
    assert_in_range(replayed(d, 0, d->count), 100, 200);
}

static void a_key_press_shows_at_once_and_play_comes_back(void **state)
{
    struct deck *d = *state;
    run(d, 2500000);
    int at = d->count, still = d->shown[at - 1].number;
    assert_true(d->shown[at - 1].replayed);
    struct deck_snapshot snap = snap_of("none", rig_pts_us(still) + 8000, d->now_us);
    snap.mode = DECK_PAUSE;
    snap.rate = snap.rate_from = 0;
    seat_deck(d->at.seat, &snap);
    run(d, 2700000);
    assert_true(d->shown[at].key && !d->shown[at].replayed);
    assert_int_equal(d->shown[at].number, still);
    assert_int_equal(replayed(d, at, d->count), 0);
    snap = snap_of("none", rig_pts_us(still) + 8000, d->now_us);
    seat_deck(d->at.seat, &snap);
    at = d->count;
    run(d, 5500000); /* from the next segment on: its limiter of flashes has not seen the pause */
    assert_true(replayed(d, at, d->count) > 60);
    assert_no_seam(d, at, d->count);
}

static void a_stall_leaves_no_made_picture_out(void **state)
{
    struct deck *d = *state;
    run(d, 3900000);
    int at = d->count;
    while (seat_due_us(d->at.seat) < 4050000) /* over the border of two segments */
        assert_int_equal(seat_run(d->at.seat, 4050000, &d->at.out, &d->at.counts, NULL), VCR_OK);
    run(d, 5000000);
    assert_true(d->at.counts.late > 6);
    for (int i = at; i < d->count; i++) {
        assert_int_equal(d->shown[i].number, d->shown[i - 1].number + 1);
        assert_true(d->shown[i].replayed && d->shown[i].pts_us > d->shown[i - 1].pts_us);
    }
}

/* A process that has hundreds of seats to draw gives each of them a turn now and then: they come into made pictures all the same, and stay there through a stall of nearly a segment. */
static void who_has_a_turn_a_second_comes_in(void **state)
{
    struct deck *d = *state;
    run(d, 100000);
    for (int64_t now_us = 900000; now_us < 5900000; now_us += 1250000) {
        while (seat_due_us(d->at.seat) < now_us)
            assert_int_equal(seat_run(d->at.seat, now_us, &d->at.out, &d->at.counts, NULL), VCR_OK);
        hear(d);
    }
    run(d, 5900000);
    int first = 0;
    while (first < d->count && !d->shown[first].replayed)
        first++;
    assert_in_range(first, 1, 10); /* all that was drawn */
    assert_true(d->shown[first].key && d->shown[first].number % EACH == 0);
    assert_true(d->count - first > 120);
    for (int i = first + 1; i < d->count; i++) {
        assert_int_equal(d->shown[i].number, d->shown[i - 1].number + 1);
        assert_true(d->shown[i].replayed && d->shown[i].pts_us > d->shown[i - 1].pts_us);
    }
}

/* After two seconds a seat has given back all that draws. */
static void who_has_rested_draws_the_next_picture(void **state)
{
    struct deck *d = *state;
    run(d, 4500000);
    int at = d->count, still = d->shown[at - 1].number;
    assert_true(d->shown[at - 1].replayed && replayed(d, 0, at) > 180);
    struct deck_snapshot snap = snap_of("none", rig_pts_us(still) + 8000, d->now_us);
    snap.mode = DECK_PAUSE;
    snap.rate = snap.rate_from = 0;
    seat_deck(d->at.seat, &snap);
    run(d, 4600000);
    assert_int_equal(replayed(d, at, d->count), 0);
    assert_true(d->shown[at].key);
    for (int i = at; i < d->count; i++)
        assert_int_equal(d->shown[i].number, still);
    assert_int_equal(d->at.counts.late, 0);
}

/* Half of the pictures are left out of what is drawn; what is made has all of them. */
static void overload_does_not_keep_made_pictures_out(void **state)
{
    struct deck *d = *state;
    seat_shed(d->at.seat, 2);
    run(d, 5000000);
    int first = 0;
    while (first < d->count && !d->shown[first].replayed)
        first++;
    assert_in_range(d->shown[first].number, 1, 120);
    for (int i = first + 1; i < d->count; i++) {
        assert_true(d->shown[i].replayed);
        assert_int_equal(d->shown[i].number, d->shown[i - 1].number + 1);
        assert_in_range(d->shown[i].pts_us - d->shown[i - 1].pts_us, 16682, 16685);
    }
}

static void the_display_is_drawn_over_the_same_pictures(void **state)
{
    struct deck *d = *state;
    run(d, 2500000);
    struct deck_snapshot snap = snap_of("none", 5000, 0);
    int at = d->count;
    snap.osd_until_us = 3200000;
    vcr_strcpy(snap.osd[DECK_OSD_MODE], sizeof(snap.osd[0]), "PLAY");
    seat_deck(d->at.seat, &snap);
    run(d, 5000000);
    assert_no_seam(d, 0, d->count);
    assert_true(d->shown[at].key);
    for (int i = at; d->shown[i].pts_us < 3200000; i++)
        assert_false(d->shown[i].replayed);
    assert_true(d->shown[d->count - 1].replayed);
}

static void whoever_needs_a_key_frame_has_it_at_once(void **state)
{
    struct deck *d = *state;
    run(d, 2500000);
    int at = d->count;
    seat_key(d->at.seat);
    run(d, 4500000);
    assert_true(d->shown[at].key && !d->shown[at].replayed);
    assert_true(d->shown[d->count - 1].replayed);
    assert_no_seam(d, 0, d->count);
}

static void another_tape_look_or_wear_is_never_mistaken(void **state)
{
    struct deck *d = *state;
    struct deck_snapshot snap = snap_of("none", 5000, 0);
    run(d, 2500000);
    assert_true(d->shown[d->count - 1].replayed);
    assert_int_equal(d->last.tape, 3);
    snap.wear_16 = 1;
    seat_deck(d->at.seat, &snap);
    int at = d->count;
    d->answer = ANSWER_OLD;
    run(d, 4000000);
    assert_int_equal(d->last.wear_16, 1);
    assert_int_equal(replayed(d, at, d->count), 0);
    snap.seed++;
    seat_deck(d->at.seat, &snap);
    run(d, 4100000);
    assert_int_equal(d->last.seed, snap.seed);
}

static void bad_segments_are_left_aside(void **state)
{
    static const enum answer answers[] = { ANSWER_GARBAGE, ANSWER_SHORT, ANSWER_ONE };
    struct deck *d = *state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct deck_snapshot snap = snap_of("none", 5000, (int64_t)i * 1500000);
        snap.wear_16 = (int32_t)i;
        d->answer = answers[i];
        seat_deck(d->at.seat, &snap);
        run(d, (int64_t)(i + 1) * 1500000);
    }
    assert_int_equal(replayed(d, 0, d->count), 0);
    assert_true(d->asked > 6);
}

static void what_will_never_be_there_is_asked_for_once(void **state)
{
    struct deck *d = *state;
    d->answer = ANSWER_NEVER;
    run(d, 3000000);
    assert_int_equal(d->asked, 2);
    assert_int_equal(replayed(d, 0, d->count), 0);
}

static void a_segment_that_was_not_asked_for_is_closed(void **state)
{
    struct pieces *p = pieces_open();
    struct render_piece m = { .number = 4, .has = RENDER_PIECE_HERE, .look = "none", .field_rate = 1 };
    struct packet packet;
    const int fds[2] = { make(&(struct render_piece){ .look = "none", .field_rate = 1 }, false), make(&(struct render_piece){ .look = "none", .field_rate = 1 }, true) };
    pieces_take(p, &m, fds);
    assert_int_equal(lseek(fds[0], 0, SEEK_CUR), -1);
    assert_int_equal(lseek(fds[1], 0, SEEK_CUR), -1);
    assert_false(pieces_read(p, 4, 0, &packet));
    pieces_close(&p);
}

/* ---- cacheable.h ---- */
struct change {
    const char *what;
    enum deck_mode mode;
    int32_t rate;
    int16_t tracking;
    int64_t osd_until_us, lock_at_us;
    const char *look;
    bool clean, encode_all;
    bool no_film;
    uint32_t line_bps;
    enum recording_state state;
    int64_t take, ahead_us;
};

static void only_what_everyone_sees_is_cacheable(void **state)
{
    static const struct change as_it_is = { "settled", DECK_PLAY, 65536, INT16_MIN, 0, 0, "family", false, false, false, 0, RECORDING_THERE, 0, 0 };
    struct change rows[] = { as_it_is, as_it_is, as_it_is, as_it_is, as_it_is, as_it_is, as_it_is, as_it_is, as_it_is, as_it_is, as_it_is, as_it_is, as_it_is, as_it_is, as_it_is, as_it_is,
                             as_it_is };
    rows[1].what = "paused", rows[1].mode = DECK_PAUSE, rows[1].rate = 0;
    rows[2].what = "cue", rows[2].mode = DECK_CUE, rows[2].rate = 5 * 65536;
    rows[3].what = "tracking by hand", rows[3].tracking = 0;
    rows[4].what = "display on", rows[4].osd_until_us = 2000001;
    rows[5].what = "not locked", rows[5].lock_at_us = 2000001;
    rows[6].what = "a look of one's own", rows[6].look = "family;noise.luma_db=40";
    rows[7].what = "no name", rows[7].look = "";
    rows[8].what = "a long name", rows[8].look = "abcdefghijklmnopqrstuvwxyz_012345";
    rows[9].what = "clean", rows[9].clean = true;
    rows[10].what = "recorded", rows[10].encode_all = true;
    rows[11].what = "a tape without a reel for drawing", rows[11].no_film = true;
    rows[12].what = "a line with a limit", rows[12].line_bps = 2400000;
    rows[13].what = "unrecorded", rows[13].state = RECORDING_NONE;
    rows[14].what = "missing", rows[14].state = RECORDING_MISSING;
    rows[15].what = "a take", rows[15].take = 2;
    rows[16].what = "the film elsewhere", rows[16].ahead_us = 1;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct change *r = &rows[i];
        bool may = i == 0;
        struct deck_snapshot snap = { .mode = (uint8_t)r->mode, .picture = DECK_PICTURE_TAPE, .servo = DECK_SERVO_LOCKED, .length_us = 9000000, .rate = r->rate, .rate_from = r->rate,
                                      .tracking = r->tracking, .osd_until_us = r->osd_until_us, .lock_at_us = r->lock_at_us, .clean = r->clean };
        struct recording at = { .state = r->state, .take = r->take, .end_us = 9000000, .reel_ahead_us = r->ahead_us, .film = r->no_film ? NULL : (struct film *)&snap /* not looked into */ };
        vcr_strcpy(snap.look, sizeof(snap.look), r->look);
        if (cacheable_at(&(struct cacheable){ &snap, &at, r->encode_all, r->line_bps }, 2000000) != may)
            fail_msg("%s", r->what);
    }
}

#define WITH_DECK(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DECK(made_pictures_take_the_place_of_drawn_ones), WITH_DECK(a_segment_that_comes_late_is_waited_for_live),
        WITH_DECK(a_key_press_shows_at_once_and_play_comes_back), WITH_DECK(a_stall_leaves_no_made_picture_out), WITH_DECK(who_has_a_turn_a_second_comes_in),
        WITH_DECK(who_has_rested_draws_the_next_picture),
        WITH_DECK(overload_does_not_keep_made_pictures_out), WITH_DECK(the_display_is_drawn_over_the_same_pictures),
        WITH_DECK(whoever_needs_a_key_frame_has_it_at_once), WITH_DECK(another_tape_look_or_wear_is_never_mistaken), WITH_DECK(bad_segments_are_left_aside),
        WITH_DECK(what_will_never_be_there_is_asked_for_once), cmocka_unit_test(a_segment_that_was_not_asked_for_is_closed),
        cmocka_unit_test(only_what_everyone_sees_is_cacheable),
    };
    return cmocka_run_group_tests(tests, rig_group_make, rig_group_free);
}
