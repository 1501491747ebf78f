/* test_recordings.c - a tape with several recordings in vcr-render: which one shows at which place, what is asked for when, and what is there where nothing is.
 *
 * Every recording is the same numbered film, shown from another place of it, so that a picture's number says which recording it is of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"
#include "render/fit.h"
#include "render/recordings.h"
#include "rig.h"

static struct rig rig;
static struct deck_snapshot snap;

/* Film, unrecorded tape, take 7, film again. */
static const struct render_span spans[] = {
    { .start_us = 0, .end_us = 2000000, .take = 0, .take_start_us = 0, .seed = 7 },
    { .start_us = 2500000, .end_us = 4000000, .take = 7, .take_start_us = 500000, .seed = 9, .speed = 2 },
    { .start_us = 4000000, .end_us = 6000000, .take = 0, .take_start_us = 4000000, .seed = 7 },
};

/* The number that shows at a place: -1 where nothing does. */
static int number_at(int64_t place_us)
{
    for (size_t i = 0; i < ARRAY_LEN(spans); i++)
        if (place_us >= spans[i].start_us && place_us < spans[i].end_us)
            return (int)((place_us - spans[i].start_us + spans[i].take_start_us) * 60 / 1001000);
    return -1;
}

static bool near_edge(int64_t place_us)
{
    for (size_t i = 0; i < ARRAY_LEN(spans); i++)
        if (llabs(place_us - spans[i].start_us) < 60000 || llabs(place_us - spans[i].end_us) < 60000)
            return true;
    return false;
}

/* Snow; blue in the clean look, all of whose bars read as zeros. */
static void shows_nothing(const struct rig_shot *s, bool clean)
{
    assert_int_equal(s->number, clean ? 0 : -1);
    if (clean)
        assert_in_range(s->luma, 30, 40);
}

static void begin(const struct deck_snapshot *first, bool clean_reel, const struct rig_tape *take)
{
    rig_stage(&rig);
    rig_open(&rig, 1, false);
    rig_insert(&rig, 1, &rig_group_tape, clean_reel, false);
    rig_spans(&rig, 1, spans, ARRAY_LEN(spans), 1);
    snap = *first;
    rig_deck(&rig, 1, &snap);
    while (rig.want_count == 0) /* it foresees the take, or stands there */
        rig_next(&rig, 1, PACKET_VIDEO);
    assert_int_equal(rig.wants[0], 7);
    rig_take(&rig, 1, 7, take);
}

static struct rig_shot *next_picture(int64_t *ret_place_us)
{
    struct rig_shot *s = rig_next(&rig, 1, PACKET_VIDEO);
    *ret_place_us = deck_snapshot_position_us(&snap, s->head.pts_us);
    return s;
}

static void every_recording_shows_where_it_is(void **state)
{
    static const struct { const char *look; double rate; int64_t from_us; bool passed; } rows[] = {
        { "vhs", 1, 1500000, false }, { "clean", 1, 1500000, false }, { "clean", 1, 1500000, true }, { "clean", -1, 4600000, false },
    };
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        struct deck_snapshot s = rig_snap(rows[k].rate > 0 ? DECK_PLAY : DECK_REVIEW, rows[k].rate, rows[k].from_us, 1, rows[k].look);
        s.osd_until_us = rows[k].passed ? 0 : INT64_MAX; /* a display keeps it live */
        begin(&s, rows[k].passed, &rig_group_tape);
        int seen[3] = { 0 }, replayed[2] = { 0 };
        for (int64_t place = rows[k].from_us; place > 1000000 && place < 5200000;) {
            struct rig_shot *shot = next_picture(&place);
            int want = number_at(place);
            if (near_edge(place))
                continue;
            if (want < 0) {
                shows_nothing(shot, snap.clean);
                seen[2]++;
            } else {
                if (shot->number < want - 2 || shot->number > want + 2)
                    fail_msg("row %zu: at %.3f s picture %d instead of %d", k, (double)place / 1e6, shot->number, want);
                assert_in_range(shot->head.tape_us, place - 60000, place + 60000);
                seen[place >= spans[1].start_us && place < spans[1].end_us]++;
                replayed[place >= spans[1].start_us && place < spans[1].end_us] += (shot->head.flags & PACKET_REPLAYED) != 0;
            }
        }
        assert_true(seen[0] > 20 && seen[1] > 20 && seen[2] > 5);
        assert_int_equal(rows[k].passed, replayed[0] > 10 && replayed[1] > 10);
        assert_int_equal(rig.failures, 0);
        assert_int_equal(rig.want_count, 1);
        rig_stop(&rig);
    }
}

static void sound_is_the_recordings(void **state)
{
    struct deck_snapshot s = rig_snap(DECK_PLAY, 1, 1500000, 1, "clean");
    s.osd_until_us = INT64_MAX;
    begin(&s, false, &rig_group_tape);
    int loud[2] = { 0 }, silent = 0;
    for (int64_t place = 0; place < 4500000;) {
        struct rig_shot *shot = rig_next(&rig, 1, PACKET_AUDIO);
        place = deck_snapshot_position_us(&snap, shot->head.pts_us);
        if (near_edge(place) || place < 1600000)
            continue;
        if (number_at(place) < 0)
            silent += shot->loudness < 50;
        else
            loud[place >= 2500000 && place < 4000000] += shot->loudness > 1000;
    }
    assert_true(loud[0] > 10 && loud[1] > 60);
    assert_true(silent > 10);
    rig_stop(&rig);
}

/* The silence of unrecorded tape ends within a frame of sound, at the sample where the take begins. */
static void sound_changes_at_the_sample(void **state)
{
    struct deck_snapshot s = rig_snap(DECK_PLAY, 1, 2189000, 1, "clean");
    s.osd_until_us = INT64_MAX;
    begin(&s, false, &rig_group_tape);
    int64_t place = 0, onset_us = -1;
    while (onset_us < 0 && place < 3000000) {
        struct rig_shot *shot = rig_next(&rig, 1, PACKET_AUDIO);
        place = deck_snapshot_position_us(&snap, shot->head.pts_us);
        if (place > 2300000 && shot->onset >= 0)
            onset_us = place + shot->onset * 1000 / 48;
    }
    assert_in_range(onset_us, 2500000 - 3000, 2500000 + 3000);
    rig_stop(&rig);
}

/* CUE shows key pictures; that of the place where the take begins was not recorded here. */
static void fast_search_shows_nothing_that_was_recorded_over(void **state)
{
    static const struct render_span cut[] = { { .start_us = 1000000, .end_us = 3000000, .take = 7, .take_start_us = 350000 } };
    struct deck_snapshot s = rig_snap(DECK_CUE, 3, 700000, 1, "clean");
    s.osd_until_us = INT64_MAX;
    begin(&s, false, &rig_group_tape);
    rig_spans(&rig, 1, cut, 1, 2);
    int at_start = 0;
    for (int64_t place = 0; place < 2000000;) {
        struct rig_shot *shot = next_picture(&place);
        if (place < 1000000 || shot->head.tape_us < 0)
            continue;
        assert_true(shot->head.tape_us >= 1000000 - 17000);
        assert_true(shot->number >= 20);
        at_start += shot->number == 20;
    }
    assert_true(at_start > 0);
    rig_stop(&rig);
}

static void a_picture_is_approached_little_by_little(void **state)
{
    struct film *film = NULL;
    struct frame *frame = NULL;
    assert_int_equal(film_open(&film, dup(rig_group_tape.video_fd), dup(rig_group_tape.video_index_fd), NULL), VCR_OK);
    for (int i = 0; i < 6; i++) /* the GOP from 30 on: two, four, ... */
        assert_false(film_approach(film, 43, 2));
    assert_true(film_approach(film, 43, 2));
    assert_true(film_approach(film, 43, 2));
    assert_int_equal(film_picture(film, 43, FILM_FORWARD, &frame, NULL), VCR_OK);
    assert_non_null(frame);
    film_close(&film);
}

static void a_missing_take_is_told_and_is_nothing(void **state)
{
    struct deck_snapshot s = rig_snap(DECK_PLAY, 1, 2300000, 1, "vhs");
    begin(&s, false, NULL);
    int64_t place = 0;
    bool told = false;
    while (place < 4300000) {
        struct rig_shot *shot = next_picture(&place);
        if (near_edge(place))
            continue;
        if (place < 4000000)
            assert_int_equal(shot->number, -1);
        else
            assert_in_range(shot->number, number_at(place) - 2, number_at(place) + 2);
        told = told || (place < 4000000 && rig.missing == 1);
    }
    assert_true(told);
    assert_int_equal(rig.missing, 0);
    assert_int_equal(rig.failures, 0);
    rig_stop(&rig);
}

/* After a recording, while the tape stands there. */
static void a_newer_table_is_gone_by_and_an_older_is_not(void **state)
{
    static const struct render_span film[] = { { .start_us = 0, .end_us = 6000000, .seed = 7 } }, moved[] = { { .start_us = 0, .end_us = 6000000, .take_start_us = 1001000, .seed = 7 } };
    static const struct render_span wrong[] = { { .start_us = 2000000, .end_us = 3000000 }, { .start_us = 2500000, .end_us = 4000000 } };
    struct deck_snapshot s = rig_snap(DECK_PAUSE, 0, rig_pts_us(180) + 3000, 1, "clean");
    begin(&s, false, &rig_group_tape);
    static const struct { const struct render_span *spans; uint32_t count; uint64_t revision; int number; } rows[] = {
        { film, 1, 3, 180 }, { moved, 1, 2, 180 }, { wrong, 2, 4, 180 }, { moved, 1, 5, 240 },
    };
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        struct rig_shot *shot = NULL;
        rig_spans(&rig, 1, rows[k].spans, rows[k].count, rows[k].revision);
        for (int i = 0; i < 3; i++)
            shot = rig_next(&rig, 1, PACKET_VIDEO);
        assert_int_equal(shot->number, rows[k].number);
    }
    rig_spans(&rig, 1, NULL, 0, 6); /* nothing is on it any more */
    for (int i = 0; i < 3; i++)
        rig_next(&rig, 1, PACKET_VIDEO);
    shows_nothing(&rig.shot, true);
    rig_stop(&rig);
}

/* ---- without a seat ---- */
static void tell(struct recordings *r, const struct render_span *s, uint32_t count, uint64_t revision)
{
    int fd = memfd_create("spans", MFD_CLOEXEC);
    assert_int_equal(write(fd, s, count * sizeof(*s)), (ssize_t)(count * sizeof(*s)));
    assert_int_equal(recordings_spans(r, fd, count, revision, NULL), VCR_OK);
}

static void ten_thousand_spans_are_found(void **state)
{
    enum { COUNT = 10000 };
    static struct render_span many[COUNT];
    struct recordings *r = recordings_open();
    uint64_t seed = 1;
    for (int i = 0; i < COUNT; i++)
        many[i] = (struct render_span){ .start_us = i * INT64_C(1000000), .end_us = i * INT64_C(1000000) + 600000, .take = i + 1, .seed = (uint64_t)i, .speed = (uint32_t)i % 3 };
    tell(r, many, COUNT, 1);
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        int64_t place = (int64_t)(seed >> 30) % (COUNT * INT64_C(1000000) + 500000);
        struct recording at;
        recordings_at(r, place, &at);
        bool recorded = place < COUNT * INT64_C(1000000) && place % 1000000 < 600000;
        assert_int_equal(at.state, recorded ? RECORDING_AWAITED : RECORDING_NONE);
        if (recorded)
            assert_int_equal(at.take, place / 1000000 + 1);
    }
    recordings_close(&r);
}

/* Takes at 0 to 10 s and 20 to 30 s. */
static void what_comes_is_asked_for_in_both_directions(void **state)
{
    static const struct render_span two[] = { { .start_us = 0, .end_us = 10000000, .take = 1 }, { .start_us = 20000000, .end_us = 30000000, .take = 2 } };
    static const struct { int64_t at_us; double rate; int64_t want; } rows[] = {
        { 11000000, -7, 1 }, { 11000000, 1, 0 }, { 19000000, 1, 2 }, { 31000000, -1, 2 }, { 31000000, 1, 0 }, { 5000000, 7, 1 }, { 15000000, 0, 0 }, { 500000, -7, 1 },
    };
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        struct recordings *r = recordings_open();
        int64_t take = 0;
        tell(r, two, 2, 1);
        recordings_foresee(r, rows[k].at_us, (int32_t)(rows[k].rate * 65536));
        assert_int_equal(recordings_want(r, &take), rows[k].want != 0);
        assert_int_equal(take, rows[k].want);
        recordings_close(&r);
    }
}

static void few_takes_are_open_at_a_time(void **state)
{
    enum { COUNT = 3 * RENDER_TAKES_MAX };
    struct render_span many[COUNT];
    struct recordings *r = recordings_open();
    struct recording at;
    int64_t take;
    for (int i = 0; i < COUNT; i++)
        many[i] = (struct render_span){ .start_us = i * INT64_C(1000000), .end_us = (i + 1) * INT64_C(1000000), .take = i + 1 };
    tell(r, many, COUNT, 1);
    for (int i = 0; i < COUNT; i++) {
        recordings_at(r, i * INT64_C(1000000), &at);
        assert_int_equal(at.state, RECORDING_AWAITED);
        assert_true(recordings_want(r, &take));
        assert_int_equal(take, i + 1);
        assert_false(recordings_want(r, &take));
        const int fds[6] = { -1, -1, dup(rig_group_tape.sound_fd), dup(rig_group_tape.sound_index_fd), dup(rig_group_tape.video_fd), dup(rig_group_tape.video_index_fd) };
        recordings_take(r, take, fds);
        recordings_at(r, i * INT64_C(1000000), &at);
        assert_int_equal(at.state, RECORDING_THERE);
        assert_non_null(at.clean);
    }
    recordings_at(r, (COUNT - RENDER_TAKES_MAX) * INT64_C(1000000), &at); /* the oldest of those kept */
    assert_int_equal(at.state, RECORDING_THERE);
    recordings_at(r, 0, &at);
    assert_int_equal(at.state, RECORDING_AWAITED);
    /* what was not asked for is closed, whatever it is */
    const int none[6] = { -1, -1, -1, -1, dup(rig_group_tape.video_fd), dup(rig_group_tape.video_index_fd) };
    recordings_take(r, 99, none);
    recordings_close(&r);
}

static void tables_that_cannot_be_true_are_refused(void **state)
{
    const struct render_span good = { .start_us = 10, .end_us = 20, .take = 1 };
    struct render_span bad[] = { good, good, good, good, good, good, good, good };
    struct recordings *r = recordings_open();
    struct recording at;
    tell(r, &good, 1, 1);
    bad[0].end_us = 10, bad[1].start_us = -1, bad[2].take = -1, bad[3].take_start_us = -1, bad[4].speed = 3, bad[5].end_us = INT64_MAX, bad[6].is_over = 2, bad[7].over_us = -1;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int fd = memfd_create("spans", MFD_CLOEXEC);
        assert_int_equal(write(fd, &bad[i], sizeof(bad[i])), (ssize_t)sizeof(bad[i]));
        assert_int_equal(recordings_spans(r, fd, 1, 2 + i, NULL), VCR_E_MALFORMED);
    }
    int fd = memfd_create("spans", MFD_CLOEXEC); /* shorter than it says */
    assert_int_equal(recordings_spans(r, fd, 1, 50, NULL), VCR_E_MALFORMED);
    assert_int_equal(recordings_spans(r, -1, RENDER_SPANS_MAX + 1, 51, NULL), VCR_E_MALFORMED);
    recordings_at(r, 15, &at);
    assert_int_equal(at.take, 1);
    recordings_close(&r);
}

static void other_shapes_are_made_fit(void **state)
{
    static const struct { struct fit_shape from; bool bar_x, bar_y; } rows[] = {
        { { 640, 480, 1, 1 }, false, false }, { { 1280, 720, 1, 1 }, false, true }, { { 480, 640, 1, 1 }, true, false },
    };
    const struct fit_shape screen = { 720, 480, 8, 9 };
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        const struct fit_shape *s = &rows[k].from;
        size_t luma = (size_t)s->width * (size_t)s->height;
        uint8_t *m = malloc(luma * 3 / 2);
        assert_non_null(m);
        memset(m, 200, luma * 3 / 2);
        struct picture p = { s->width, s->height, { m, m + luma, m + luma + luma / 4 }, { s->width, s->width / 2, s->width / 2 } };
        struct fit *f = fit_open(&screen);
        const struct picture *got = fit_picture(f, m, 0, s, &p);
        assert_int_equal(got->width, 720);
        assert_int_equal(got->plane[0][240 * got->stride[0] + 360], 200);
        assert_int_equal(got->plane[0][240 * got->stride[0]], rows[k].bar_x ? 16 : 200);
        assert_int_equal(got->plane[0][360], rows[k].bar_y ? 16 : 200);
        assert_ptr_equal(fit_picture(f, m, 0, s, &p), got);
        fit_close(&f);
        free(m);
    }
    assert_true(fit_is_same(&(struct fit_shape){ 720, 480, 10, 11 }, &screen));
    assert_false(fit_is_same(&(struct fit_shape){ 720, 480, 32, 27 }, &screen));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recording_shows_where_it_is), cmocka_unit_test(sound_is_the_recordings), cmocka_unit_test(sound_changes_at_the_sample),
        cmocka_unit_test(fast_search_shows_nothing_that_was_recorded_over), cmocka_unit_test(a_picture_is_approached_little_by_little),
        cmocka_unit_test(a_missing_take_is_told_and_is_nothing),
        cmocka_unit_test(a_newer_table_is_gone_by_and_an_older_is_not), cmocka_unit_test(ten_thousand_spans_are_found), cmocka_unit_test(what_comes_is_asked_for_in_both_directions),
        cmocka_unit_test(few_takes_are_open_at_a_time), cmocka_unit_test(tables_that_cannot_be_true_are_refused), cmocka_unit_test(other_shapes_are_made_fit),
    };
    return cmocka_run_group_tests(tests, rig_group_make, rig_group_free);
}
