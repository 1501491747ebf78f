/* tests/unit/deck/test_timeline.c - recording over a tape: what shows, and that nothing is at two places or lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "deck/timeline.h"

#define S INT64_C(1000000)

static int open_empty(void **state) { *state = vcr_alloc(sizeof(struct timeline)); return 0; }
static int close_it(void **state) { timeline_free(*state); free(*state); return 0; }

static void record(struct timeline *t, int64_t take, int64_t start_s, int64_t end_s)
{
    struct timeline_span s = { .start_us = start_s * S, .end_us = end_s * S, .take = take };
    assert_int_equal(timeline_record(t, &s, NULL, NULL), VCR_OK);
}

static void expect(const struct timeline *t, size_t n, int64_t take, int64_t start_s, int64_t end_s, int64_t take_start_s)
{
    assert_true(n < t->count);
    assert_int_equal(t->spans[n].take, take);
    assert_int_equal(t->spans[n].start_us, start_s * S);
    assert_int_equal(t->spans[n].end_us, end_s * S);
    assert_int_equal(t->spans[n].take_start_us, take_start_s * S);
}

static void recording_inside_a_film_leaves_its_beginning_and_its_rest(void **state)
{
    struct timeline *t = *state;
    record(t, 0, 0, 100);
    t->spans[0].row = 7;
    t->spans[0].recorded_ms = 1000000;
    record(t, 1, 30, 40);
    assert_int_equal(t->count, 3);
    expect(t, 0, 0, 0, 30, 0);
    expect(t, 1, 1, 30, 40, 0);
    expect(t, 2, 0, 40, 100, 40);
    assert_int_equal(t->spans[0].row, 0); /* both parts are new to whoever keeps them */
    assert_int_equal(t->spans[2].row, 0);
    assert_int_equal(t->spans[2].recorded_ms, 1040000);
    assert_int_equal(timeline_at(t, 30 * S - 1)->take, 0);
    assert_int_equal(timeline_at(t, 30 * S)->take, 1);
    assert_int_equal(timeline_at(t, 40 * S)->take, 0);
    assert_null(timeline_at(t, 100 * S));
}

static void recording_over_a_border_swallows_what_lies_below(void **state)
{
    struct timeline *t = *state;
    record(t, 1, 0, 10);
    record(t, 2, 10, 20);
    record(t, 3, 20, 30);
    t->spans[0].row = 1;
    record(t, 4, 15, 25);
    assert_int_equal(t->count, 4);
    expect(t, 0, 1, 0, 10, 0);
    assert_int_equal(t->spans[0].row, 1); /* not touched */
    expect(t, 1, 2, 10, 15, 0);
    expect(t, 2, 4, 15, 25, 0);
    expect(t, 3, 3, 25, 30, 5);
    record(t, 5, 0, 30);
    assert_int_equal(t->count, 1);
    expect(t, 0, 5, 0, 30, 0);
}

static void tape_between_recordings_is_unrecorded(void **state)
{
    struct timeline *t = *state;
    record(t, 1, 10, 20);
    record(t, 2, 40, 50);
    assert_null(timeline_at(t, 0));
    assert_null(timeline_at(t, 30 * S));
    assert_int_equal(timeline_at(t, 45 * S)->take, 2);
    record(t, 3, 20, 40); /* exactly the gap */
    assert_int_equal(t->count, 3);
    expect(t, 1, 3, 20, 40, 0);
}

static void what_cannot_be_is_refused_and_changes_nothing(void **state)
{
    struct timeline *t = *state;
    static const struct timeline_span bad[] = { { .start_us = -1, .end_us = 5 }, { .start_us = 5, .end_us = 5 }, { .start_us = 9, .end_us = 5 },
                                                { .end_us = TIMELINE_MAX_US + 1 }, { .end_us = 5, .take_start_us = -1 } };
    record(t, 1, 0, 10);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(timeline_record(t, &bad[i], NULL, NULL), VCR_E_INVALID);
    struct timeline_span under = { .start_us = 9 * S, .end_us = 11 * S };
    assert_int_equal(timeline_append(t, &under, NULL), VCR_E_INVALID);
    assert_int_equal(t->count, 1);
}

static void cuts_have_a_bound(void **state)
{
    struct timeline *t = *state;
    record(t, 0, 0, 100000);
    for (int64_t i = 0; t->count + 2 <= TIMELINE_SPANS_MAX; i++)
        record(t, i + 1, 2 * i + 1, 2 * i + 2);
    struct timeline_span more = { .start_us = 90000 * S, .end_us = 90001 * S, .take = 50000 };
    struct timeline_cut cut = { 0 };
    size_t count = t->count;
    assert_true(count > 16000);
    assert_int_equal(timeline_record(t, &more, &cut, NULL), VCR_E_TOO_LARGE);
    assert_int_equal(t->count, count);
    timeline_free(&cut.former);
    record(t, 50001, 0, 100000); /* over all of it */
    assert_int_equal(t->count, 1);
}

/* ---- against the plainest model there is: a table of microseconds, in which each recording writes its number and which of its microseconds that is ---- */
enum { CELLS = 120, STEPS = 60, SEEDS = 400 };
struct cell { int64_t take, at; int32_t generation; };
struct model { struct cell cells[CELLS]; };
struct random { uint64_t x; };

static uint32_t draw(struct random *r, uint32_t below)
{
    r->x = r->x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(r->x >> 33) % below;
}

static void expect_the_same(const struct timeline *t, const struct model *m)
{
    for (int64_t i = 0; i < CELLS; i++) {
        const struct timeline_span *s = timeline_at(t, i);
        assert_int_equal(s ? s->take : 0, m->cells[i].take);
        if (!s)
            continue;
        assert_int_equal(s->take_start_us + i - s->start_us, m->cells[i].at);
        assert_int_equal(s->generation, m->cells[i].generation);
        assert_int_equal(s->recorded_ms, 1000 * s->take + (s->take_start_us - 7) / 1000); /* its beginning's, wherever it was cut */
        size_t next = timeline_index(t, s->end_us);
        assert_true(next == t->count || t->spans[next].start_us >= s->end_us);
    }
    for (size_t i = 0; i < t->count; i++) {
        assert_true(t->spans[i].start_us < t->spans[i].end_us);
        assert_true(i == 0 || t->spans[i - 1].end_us <= t->spans[i].start_us);
    }
}

/* Lengths from one microsecond up, one in three touching what is there on one side or both. */
static struct timeline_span draw_span(const struct timeline *t, struct random *r, int64_t take)
{
    int64_t from = draw(r, CELLS), len = draw(r, 3) == 0 ? 1 : 1 + draw(r, 30);
    if (t->count > 0 && draw(r, 3) == 0) {
        const struct timeline_span *s = &t->spans[draw(r, (uint32_t)t->count)];
        from = draw(r, 2) ? s->start_us : VCR_MIN(s->end_us, CELLS - 1);
        len = draw(r, 2) ? s->end_us - s->start_us : len;
    }
    return (struct timeline_span){ .start_us = from, .end_us = VCR_MIN(from + len, CELLS), .take = take, .take_start_us = 7, .generation = (int32_t)draw(r, 3), .recorded_ms = 1000 * take, .row = take };
}

static void write_model(struct model *m, const struct timeline_span *s)
{
    for (int64_t i = s->start_us; i < s->end_us; i++)
        m->cells[i] = (struct cell){ s->take, s->take_start_us + i - s->start_us, s->generation };
}

static void expect_equal(const struct timeline_span *a, const struct timeline_span *b)
{
    assert_int_equal(a->start_us, b->start_us);
    assert_int_equal(a->end_us, b->end_us);
    assert_int_equal(a->take, b->take);
    assert_int_equal(a->take_start_us, b->take_start_us);
    assert_int_equal(a->recorded_ms, b->recorded_ms);
    assert_int_equal(a->generation, b->generation);
    assert_int_equal(a->row, b->row);
}

static void expect_equal_timelines(const struct timeline *a, const struct timeline *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++)
        expect_equal(&a->spans[i], &b->spans[i]);
}

static void any_recordings_and_undos_show_what_a_table_of_microseconds_shows(void **state)
{
    static struct model models[STEPS + 1];
    static struct timeline befores[STEPS + 1];
    static struct timeline_cut cuts[STEPS + 1];
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct random r = { seed * 77 };
        struct timeline t = { 0 };
        size_t depth = 0;
        memset(&models[0], 0, sizeof(models[0]));
        for (int64_t step = 1; step <= STEPS; step++) {
            if (depth > 0 && draw(&r, 3) == 0) { /* the newest is undone */
                assert_int_equal(timeline_undo(&t, &cuts[depth], NULL), VCR_OK);
                expect_equal_timelines(&t, &befores[depth]);
                timeline_free(&befores[depth]);
                timeline_free(&cuts[depth].former);
                depth--;
            } else {
                struct timeline_span s = draw_span(&t, &r, step);
                depth++;
                cuts[depth] = (struct timeline_cut){ 0 };
                befores[depth] = (struct timeline){ 0 };
                assert_int_equal(timeline_copy(&befores[depth], &t, NULL), VCR_OK);
                assert_int_equal(timeline_record(&t, &s, &cuts[depth], NULL), VCR_OK);
                models[depth] = models[depth - 1];
                write_model(&models[depth], &s);
            }
            expect_the_same(&t, &models[depth]);
        }
        for (; depth > 0; depth--) {
            timeline_free(&befores[depth]);
            timeline_free(&cuts[depth].former);
        }
        timeline_free(&t);
    }
}

/* The keeper reads the spans that a recording touches and no others: that must come to the same as the whole tape. */
static void a_stretch_of_the_tape_is_enough_to_record_and_to_undo(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct random r = { seed * 1234567 };
        struct timeline t = { 0 };
        for (int64_t step = 1; step <= STEPS; step++) {
            struct timeline part = { 0 }, all = { 0 }, was = { 0 };
            struct timeline_cut cut = { 0 };
            struct timeline_span s = draw_span(&t, &r, step);
            assert_int_equal(timeline_copy(&was, &t, NULL), VCR_OK);
            for (size_t i = 0; i < t.count; i++)
                if (t.spans[i].start_us < s.end_us && t.spans[i].end_us > s.start_us)
                    assert_int_equal(timeline_append(&part, &t.spans[i], NULL), VCR_OK);
                else
                    assert_int_equal(timeline_append(&all, &t.spans[i], NULL), VCR_OK);
            assert_int_equal(timeline_record(&part, &s, &cut, NULL), VCR_OK);
            assert_int_equal(timeline_record(&t, &s, NULL, NULL), VCR_OK);
            assert_int_equal(part.count + all.count, t.count);
            for (size_t i = 0; i < part.count; i++)
                expect_equal(&part.spans[i], &t.spans[timeline_index(&t, part.spans[i].start_us)]);
            int64_t start_us, end_us;
            timeline_cut_stretch(&cut, &start_us, &end_us);
            assert_true(part.spans[0].start_us == start_us && timeline_end_us(&part) == end_us);
            assert_int_equal(timeline_undo(&part, &cut, NULL), VCR_OK);
            for (size_t i = 0; i < part.count; i++)
                expect_equal(&part.spans[i], &was.spans[timeline_index(&was, part.spans[i].start_us)]);
            timeline_free(&part);
            timeline_free(&all);
            timeline_free(&was);
            timeline_free(&cut.former);
        }
        timeline_free(&t);
    }
}

static void what_was_recorded_over_since_cannot_be_undone_first(void **state)
{
    struct timeline *t = *state;
    struct timeline_cut first = { 0 }, second = { 0 };
    const struct timeline_span a = { .start_us = 10 * S, .end_us = 20 * S, .take = 1 }, b = { .start_us = 15 * S, .end_us = 25 * S, .take = 2 };
    record(t, 0, 0, 100);
    assert_int_equal(timeline_record(t, &a, &first, NULL), VCR_OK);
    assert_int_equal(timeline_record(t, &b, &second, NULL), VCR_OK);
    assert_int_equal(timeline_undo(t, &first, NULL), VCR_E_CONFLICT);
    assert_int_equal(t->count, 4);
    assert_int_equal(timeline_undo(t, &second, NULL), VCR_OK);
    assert_int_equal(timeline_undo(t, &second, NULL), VCR_E_CONFLICT);
    assert_int_equal(timeline_undo(t, &first, NULL), VCR_OK);
    assert_int_equal(t->count, 1);
    expect(t, 0, 0, 0, 100, 0);
    timeline_free(&first.former);
    timeline_free(&second.former);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(recording_inside_a_film_leaves_its_beginning_and_its_rest, open_empty, close_it),
        cmocka_unit_test_setup_teardown(recording_over_a_border_swallows_what_lies_below, open_empty, close_it),
        cmocka_unit_test_setup_teardown(tape_between_recordings_is_unrecorded, open_empty, close_it),
        cmocka_unit_test_setup_teardown(what_cannot_be_is_refused_and_changes_nothing, open_empty, close_it),
        cmocka_unit_test_setup_teardown(cuts_have_a_bound, open_empty, close_it),
        cmocka_unit_test_setup_teardown(what_was_recorded_over_since_cannot_be_undone_first, open_empty, close_it),
        cmocka_unit_test(any_recordings_and_undos_show_what_a_table_of_microseconds_shows),
        cmocka_unit_test(a_stretch_of_the_tape_is_enough_to_record_and_to_undo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
