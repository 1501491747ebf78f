/* tests/unit/api/test_takes.c - recordings onto tapes as they are kept: begun, done, cancelled, undone; what is refused; and that the tables say what deck/timeline.h says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "app/marks.h"
#include "app/recordings.h"
#include "app/sessions.h"
#include "app/takes.h"
#include "app/tapes.h"
#include "app/trash.h"
#include "app/wear.h"
#include "kit.h"

#define SECOND INT64_C(1000000)
#define NOW_MS INT64_C(1700000000000)
static struct kit kit;
static char owner[1200], other[1200];
static struct app_principal who = { .user_id = 1, .role = APP_USER };
static long long tape;

/* ---- transactions of a test's own ---- */
static enum vcr_err begin_work(struct sql_tx *tx, void *arg, struct vcr_why *why) { return app_take_begin(tx, &who, arg, NOW_MS, why); }

/* Refused: its slug is slug ("": of no kind of its own), nothing is changed. */
static void expect_refused(struct app_take t, enum vcr_err err, const char *slug)
{
    struct vcr_why why = { 0 };
    t.tape_id = t.tape_id ? t.tape_id : tape;
    int64_t takes = kit_number(&kit, "SELECT COUNT(*) FROM takes");
    assert_int_equal(sql_run(kit.db, SQL_WRITE, begin_work, &t, &why), err);
    assert_string_equal(why.slug ? why.slug : "", slug);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM takes"), takes);
}

static int64_t begin(int64_t place_us)
{
    struct app_take t = { .tape_id = tape, .place_us = place_us, .speed = 2, .seed = UINT64_C(0xfedcba9876543210), .generation = 3, .source = "{\"device_id\":7}",
                          .session_id = "00000000-0000-4000-8000-000000000001" };
    struct vcr_why why = { 0 };
    if (sql_run(kit.db, SQL_WRITE, begin_work, &t, &why) != VCR_OK)
        fail_msg("%s", why.text);
    return t.id;
}

struct ending { int64_t take, duration_us; bool cancel; };
static enum vcr_err end_work(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    const struct ending *e = arg;
    char key[64], index[64];
    snprintf(key, sizeof(key), "tapes/%lld/t%lld/clean.mp4", tape, (long long)e->take);
    snprintf(index, sizeof(index), "tapes/%lld/t%lld/clean.idx", tape, (long long)e->take);
    const struct app_take_reel reel = { "clean_video", key, index, 1000, e->duration_us };
    const struct app_take_result r = { .duration_us = e->duration_us, .wall_ms = NOW_MS, .stop_reason = "stop", .standard = "pal", .media = "{}", .reels = &reel, .reel_count = 1 };
    return e->cancel ? app_take_cancel(tx, e->take, NOW_MS, why) : app_take_done(tx, e->take, &r, NOW_MS, why);
}
static enum vcr_err end_take(int64_t take, int64_t duration_us, bool cancel)
{
    struct ending e = { take, duration_us, cancel };
    return sql_run(kit.db, SQL_WRITE, end_work, &e, NULL);
}
static int64_t record(int64_t place_us, int64_t duration_us)
{
    int64_t take = begin(place_us);
    assert_int_equal(end_take(take, duration_us, false), VCR_OK);
    return take;
}

static void expect_same(const struct timeline_span *a, const struct timeline_span *b)
{
    assert_int_equal(a->start_us, b->start_us);
    assert_int_equal(a->end_us, b->end_us);
    assert_int_equal(a->take, b->take);
    assert_int_equal(a->take_start_us, b->take_start_us);
    assert_int_equal(a->recorded_ms, b->recorded_ms);
    assert_true(a->seed == b->seed);
    assert_int_equal(a->generation, b->generation);
    assert_int_equal(a->speed, b->speed);
}

static enum vcr_err read_work(struct sql_tx *tx, void *arg, struct vcr_why *why) { return app_timeline_read(tx, tape, arg, why); }
static void read_spans(struct timeline *ret) { assert_int_equal(sql_run(kit.db, SQL_READ, read_work, ret, NULL), VCR_OK); }

struct undoing { int64_t item; struct vcr_why why; };
static enum vcr_err undo_work(struct sql_tx *tx, void *arg, struct vcr_why *why) { return app_timeline_undo(tx, &who, tape, ((struct undoing *)arg)->item, NOW_MS, why); }
static int64_t newest_item(void) { return kit_number(&kit, "SELECT MAX(id) FROM tape_history WHERE action = 'recorded' AND id IN (SELECT history_id FROM recordings WHERE undone_by IS NULL)"); }
static void undo_newest(void)
{
    struct undoing u = { .item = newest_item() };
    if (sql_run(kit.db, SQL_WRITE, undo_work, &u, &u.why) != VCR_OK)
        fail_msg("%s", u.why.text);
}

static void add_film(int64_t duration_us)
{
    kit_sql(&kit, "INSERT INTO reels(tape_id, kind, blob_key, index_key, size_bytes, duration_us, info) VALUES(%lld, 'clean_video', 'tapes/%lld/r1/clean.mp4', 'i', 5000, %lld, '{}')", tape,
        tape, (long long)duration_us);
    kit_sql(&kit, "UPDATE tapes SET status = 'ready', duration_us = %lld, media = '{\"container\":\"mp4\"}' WHERE id = %lld", (long long)duration_us, tape);
}

static int open_server(void **state)
{
    kit_open(&kit, NULL);
    sign_up(&kit, "owner@example.org", owner);
    sign_up(&kit, "other@example.org", other);
    who.user_id = kit_number(&kit, "SELECT id FROM users WHERE email = 'owner@example.org'");
    tape = kit_make_tape(&kit, owner, "{\"title\":\"Birthday\"}");
    return 0;
}
static int close_server(void **state) { kit_close(&kit); return 0; }

/* ---- a take ---- */
static enum vcr_err find_work(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct app_take *t = arg;
    struct app_takes_unfinished u;
    bool recording = false;
    assert_int_equal(app_takes_unfinished(tx, &u, why), VCR_OK);
    assert_int_equal(u.count, 1);
    enum vcr_err err = app_take_find(tx, u.ids[0], t, &recording, why);
    assert_true(recording);
    return err;
}

static void a_take_holds_all_that_a_recovery_needs(void **state)
{
    struct app_take t = { 0 };
    int64_t take = begin(4 * SECOND);
    assert_int_equal(sql_run(kit.db, SQL_READ, find_work, &t, NULL), VCR_OK);
    assert_int_equal(t.id, take);
    assert_int_equal(t.tape_id, tape);
    assert_int_equal(t.place_us, 4 * SECOND);
    assert_int_equal(t.speed, 2);
    assert_true(t.seed == UINT64_C(0xfedcba9876543210));
    assert_int_equal(t.generation, 3);
    assert_int_equal(t.user_id, who.user_id);
    assert_string_equal(t.session_id, "00000000-0000-4000-8000-000000000001");
    assert_string_equal(t.source, "{\"device_id\":7}");
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM tapes WHERE status = 'recording'"), 1);
}

static void a_blank_tape_that_was_recorded_is_ready_and_says_so(void **state)
{
    struct timeline t = { 0 };
    char path[80];
    int64_t take = record(4 * SECOND, 6 * SECOND);
    read_spans(&t);
    assert_int_equal(t.count, 1);
    const struct timeline_span want = { .start_us = 4 * SECOND, .end_us = 10 * SECOND, .take = take, .recorded_ms = NOW_MS, .seed = UINT64_C(0xfedcba9876543210), .generation = 3,
                                        .speed = 2 };
    expect_same(&t.spans[0], &want);
    timeline_free(&t);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM tapes WHERE status = 'ready' AND duration_us = 10000000 AND standard = 'pal' AND media = '{}'"), 1);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM reels WHERE take_id IS NOT NULL"), 1);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM jobs WHERE kind = 'bridge'") + kit_number(&kit, "SELECT COUNT(*) FROM jobs WHERE kind = 'finish'"), 2);
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld/history", tape);
    struct answer a = ask(&kit, owner, "GET", path, NULL);
    json_t *item = json_array_get(json_object_get(a.json, "items"), 0), *d = json_object_get(item, "details");
    assert_string_equal(json_string_value(json_object_get(item, "action")), "recorded");
    assert_int_equal(json_integer_value(json_object_get(item, "performed_by")), who.user_id);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(d, "source"), "device_id")), 7);
    assert_string_equal(json_string_value(json_object_get(d, "stop_reason")), "stop");
    assert_int_equal(json_array_size(json_object_get(d, "before")), 0);
    assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(d, "after"), 0), "speed")), "ep");
    answer_free(&a);
    assert_int_equal(end_take(take, SECOND, false), VCR_E_NOT_FOUND); /* a second time: it is done */
    assert_int_equal(end_take(take, SECOND, true), VCR_E_NOT_FOUND);
}

static void what_may_not_be_recorded_onto_is_refused(void **state)
{
    char path[80];
    const struct app_take at_start = { .place_us = 0 }, before = { .place_us = -1 }, at_end = { .place_us = 120 * 60 * SECOND };
    expect_refused(before, VCR_E_CONFLICT, "/end-of-tape");
    expect_refused(at_end, VCR_E_CONFLICT, "/end-of-tape"); /* a blank tape has two hours */
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld", tape);
    kit_expect(&kit, owner, "PATCH", path, "{\"write_protected\":true}", 200, NULL);
    expect_refused(at_start, VCR_E_CONFLICT, "/write-protected");
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM tape_history WHERE action = 'edited' AND"
                            " details = '{\"before\":{\"write_protected\":false},\"after\":{\"write_protected\":true}}'"), 1);
    kit_expect(&kit, owner, "PATCH", path, "{\"write_protected\":false}", 200, NULL);
    kit_sql(&kit, "UPDATE tapes SET status = 'processing'");
    expect_refused(at_start, VCR_E_CONFLICT, "/tape-not-ready");
    kit_sql(&kit, "UPDATE tapes SET status = 'blank'");
    begin(0);
    expect_refused(at_start, VCR_E_CONFLICT, "/tape-in-use");
    const struct app_take unknown = { .tape_id = 99999 };
    expect_refused(unknown, VCR_E_NOT_FOUND, "");
    who.user_id = kit_number(&kit, "SELECT id FROM users WHERE email = 'other@example.org'");
    expect_refused(at_start, VCR_E_NOT_FOUND, "");
    who.role = APP_ADMIN;
    expect_refused(at_start, VCR_E_DENIED, "");
    who.role = APP_USER;
}

static void a_tape_that_is_recorded_onto_goes_into_no_other_deck(void **state)
{
    char body[80];
    int64_t take = begin(0);
    snprintf(body, sizeof(body), "{\"type\":\"emulation\",\"tape_id\":%lld}", tape);
    kit_expect(&kit, owner, "POST", "/api/v1/sessions", body, 409, "/tape-in-use");
    assert_int_equal(end_take(take, SECOND, false), VCR_OK);
    struct answer a = ask(&kit, owner, "POST", "/api/v1/sessions", body);
    assert_int_equal(a.status, 201);
    json_t *in = json_object_get(json_object_get(a.json, "deck"), "tape_in");
    assert_int_equal(json_integer_value(json_object_get(in, "length")), 7200); /* two hours of tape, however much is recorded on it */
    answer_free(&a);
}

static void a_cancelled_take_leaves_the_tape_as_it_was(void **state)
{
    int64_t take = begin(0);
    assert_int_equal(end_take(take, 0, true), VCR_OK);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM tapes WHERE status = 'blank' AND duration_us IS NULL"), 1);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM takes"), 0);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM blob_trash WHERE prefix LIKE '%/t1/'"), 1);
    add_film(30 * SECOND);
    assert_int_equal(end_take(begin(0), 0, true), VCR_OK);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM tapes WHERE status = 'ready' AND duration_us = 30000000"), 1);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM spans"), 0);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM tape_history"), 1);
}

static void a_recording_ends_with_the_tape(void **state)
{
    kit_sql(&kit, "UPDATE tapes SET length_minutes = 1");
    record(50 * SECOND, 20 * SECOND); /* what the encoder had under way when the tape ended */
    assert_int_equal(kit_number(&kit, "SELECT tape_end_us FROM spans"), 60 * SECOND);
    assert_int_equal(kit_number(&kit, "SELECT duration_us FROM takes"), 20 * SECOND);
}

static void a_start_does_not_take_a_deck_s_recording_for_a_new_tape_s(void **state)
{
    int64_t take = begin(0);
    assert_int_equal(app_recover(kit.app, NOW_MS, NULL), VCR_OK);
    assert_int_equal(app_record_recover(kit.app, NULL), VCR_OK);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM tapes WHERE status = 'recording'"), 1);
    assert_int_equal(end_take(take, SECOND, false), VCR_OK);
}

/* ---- undoing ---- */
static void undoing_to_the_film_leaves_a_tape_that_was_never_recorded_onto(void **state)
{
    struct timeline t = { 0 };
    add_film(30 * SECOND);
    record(10 * SECOND, 5 * SECOND);
    record(12 * SECOND, 40 * SECOND); /* beyond the film: its tape ends there */
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM spans"), 3);
    assert_int_equal(kit_number(&kit, "SELECT MAX(tape_end_us) FROM spans"), 30 * SECOND);
    undo_newest();
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM spans"), 3);
    undo_newest();
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM spans"), 0);
    read_spans(&t);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.spans[0].take, 0);
    timeline_free(&t);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM tapes WHERE status = 'ready' AND duration_us = 30000000 AND media LIKE '%mp4%'"), 1);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM reels"), 3); /* nothing that was recorded is lost */
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM former_spans"), 0);
}

static void undoing_all_of_a_blank_tape_leaves_it_blank(void **state)
{
    record(0, 5 * SECOND);
    record(7 * SECOND, 5 * SECOND);
    undo_newest();
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM tapes WHERE status = 'ready' AND duration_us = 5000000"), 1);
    undo_newest();
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM tapes WHERE status = 'blank' AND duration_us IS NULL AND media IS NULL"), 1);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM reels"), 2);
    record(0, 2 * SECOND); /* and it can be recorded again */
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM tapes WHERE status = 'ready' AND duration_us = 2000000"), 1);
}

static void only_the_newest_is_undone_and_only_by_the_owner(void **state)
{
    char first[120], second[120], created[120];
    record(0, 5 * SECOND);
    int64_t a = newest_item();
    record(2 * SECOND, 5 * SECOND);
    int64_t b = newest_item();
    snprintf(first, sizeof(first), "/api/v1/tapes/%lld/history/%lld/undo", tape, (long long)a);
    snprintf(second, sizeof(second), "/api/v1/tapes/%lld/history/%lld/undo", tape, (long long)b);
    snprintf(created, sizeof(created), "/api/v1/tapes/%lld/history/%lld/undo", tape, (long long)kit_number(&kit, "SELECT MIN(id) FROM tape_history"));
    kit_expect(&kit, other, "POST", second, NULL, 404, NULL);
    kit_expect(&kit, NULL, "POST", second, NULL, 401, NULL);
    set_role(&kit, "other@example.org", "archivist");
    kit_expect(&kit, other, "POST", second, NULL, 403, NULL);
    kit_expect(&kit, owner, "POST", first, NULL, 409, "/not-undoable");
    kit_expect(&kit, owner, "POST", created, NULL, 409, "/not-undoable");
    int64_t take = begin(0);
    kit_expect(&kit, owner, "POST", second, NULL, 409, "/busy-recording");
    assert_int_equal(end_take(take, 0, true), VCR_OK);
    struct answer answer = ask(&kit, owner, "POST", second, NULL);
    assert_int_equal(answer.status, 200);
    assert_true(json_number_value(json_object_get(answer.json, "duration")) == 5);
    answer_free(&answer);
    kit_expect(&kit, owner, "POST", second, NULL, 409, "/not-undoable");
    kit_expect(&kit, owner, "POST", first, NULL, 200, NULL);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM tape_history WHERE action = 'undone'"), 2);
}

/* Which spans began over something, and where: not those that were added at an end, or to blank tape. */
static void it_is_known_what_a_recording_began_over(void **state)
{
    struct timeline t = { 0 };
    record(0, 5 * SECOND);
    record(5 * SECOND, 5 * SECOND); /* behind it */
    record(20 * SECOND, 5 * SECOND); /* blank tape */
    record(3 * SECOND, 4 * SECOND); /* over two */
    record(4 * SECOND, SECOND); /* over that: cut in two, its second part began where the first one did */
    read_spans(&t);
    static const struct { int64_t start_s; bool is_over; int64_t over_s; } want[] = { { 0, false, 0 }, { 3, true, 3 }, { 4, true, 4 }, { 5, true, 3 }, { 7, false, 0 }, { 20, false, 0 } };
    assert_int_equal(t.count, ARRAY_LEN(want));
    for (size_t i = 0; i < t.count; i++) {
        assert_int_equal(t.spans[i].start_us, want[i].start_s * SECOND);
        assert_int_equal(t.spans[i].is_over, want[i].is_over);
        assert_int_equal(t.spans[i].over_us, want[i].over_s * SECOND);
    }
    undo_newest();
    undo_newest();
    t.count = 0;
    read_spans(&t);
    assert_int_equal(t.count, 3);
    for (size_t i = 0; i < t.count; i++)
        assert_false(t.spans[i].is_over);
    timeline_free(&t);
}

static void a_recording_over_thousands_writes_little_and_can_be_undone(void **state)
{
    struct timeline before = { 0 }, after = { 0 };
    kit_sql(&kit, "INSERT INTO takes(id, tape_id, created_at, duration_us) VALUES(1000, %lld, 0, 1000000000)", tape);
    kit_sql(&kit, "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 3999) INSERT INTO spans(tape_id, tape_start_us, tape_end_us, take_id, reel_start_us, recorded_at)"
        " SELECT %lld, i * 1000000, i * 1000000 + 900000, 1000, i, 1000 + i FROM n", tape);
    kit_sql(&kit, "UPDATE tapes SET status = 'ready', duration_us = 3999900000");
    read_spans(&before);
    assert_int_equal(before.count, 4000);
    record(500 * SECOND + 5, 3000 * SECOND);
    read_spans(&after);
    assert_int_equal(after.count, 500 + 3 + 499);
    for (size_t i = 0; i < 500; i++)
        assert_int_equal(after.spans[i].row, before.spans[i].row); /* what it does not touch keeps its row */
    assert_int_equal(after.spans[503].row, before.spans[3501].row);
    assert_true(kit_number(&kit, "SELECT LENGTH(details) FROM tape_history WHERE action = 'recorded'") < 8192);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM tape_history WHERE details LIKE '%\"before_count\":3001%'"), 1);
    undo_newest();
    after.count = 0;
    read_spans(&after);
    assert_int_equal(after.count, before.count);
    for (size_t i = 0; i < after.count; i++)
        expect_same(&before.spans[i], &after.spans[i]);
    timeline_free(&before);
    timeline_free(&after);
}

/* The tables against the timeline in memory, which has its own test against a table of microseconds. */
static void the_tables_say_what_the_timeline_in_memory_says(void **state)
{
    enum { ROUNDS = 6, STEPS = 14 };
    static struct timeline stages[STEPS + 1];
    uint32_t x = 7;
    add_film(60 * SECOND);
    for (int round = 0; round < ROUNDS; round++) {
        int depth = 0;
        stages[0].count = 0;
        read_spans(&stages[0]);
        for (int step = 0; step < STEPS; step++) {
            struct timeline now = { 0 };
            x = x * 1664525 + 1013904223;
            if (depth > 0 && (x >> 24) % 3 == 0) {
                undo_newest();
                timeline_free(&stages[depth--]);
            } else {
                int64_t from = (x >> 8) % 60 * SECOND, len = VCR_MIN(1 + (x >> 16) % 20, (uint32_t)(60 - from / SECOND)) * SECOND;
                struct timeline_span s = { .start_us = from, .end_us = from + len, .recorded_ms = NOW_MS, .seed = UINT64_C(0xfedcba9876543210), .generation = 3, .speed = 2 };
                s.take = record(from, len);
                assert_int_equal(timeline_copy(&stages[depth + 1], &stages[depth], NULL), VCR_OK);
                assert_int_equal(timeline_record(&stages[++depth], &s, NULL, NULL), VCR_OK);
            }
            read_spans(&now);
            assert_int_equal(now.count, stages[depth].count);
            for (size_t i = 0; i < now.count; i++)
                expect_same(&now.spans[i], &stages[depth].spans[i]);
            timeline_free(&now);
        }
        for (; depth >= 0; depth--)
            timeline_free(&stages[depth]);
    }
}

/* ---- its reels, for a deck ---- */
static void put_blob(const char *name, int64_t take)
{
    struct blob_writer *w = NULL;
    char sha[65], key[80];
    uint64_t size;
    snprintf(key, sizeof(key), "tapes/%lld/t%lld/%s", tape, (long long)take, name);
    assert_int_equal(blob_begin(kit.blobs, key, &w, NULL), VCR_OK);
    assert_int_equal(blob_write(w, name, strlen(name), NULL), VCR_OK);
    assert_int_equal(blob_commit(&w, sha, &size, NULL), VCR_OK);
}

static void reels_of_a_take_are_opened_and_missing_ones_left_out(void **state)
{
    int fds[APP_TAKE_FDS];
    char text[16] = "";
    int64_t take = record(0, 5 * SECOND);
    assert_int_equal(app_take_open(kit.app, tape, take, fds, NULL), VCR_E_NOT_FOUND); /* its row is there, its files are not */
    put_blob("clean.mp4", take);
    assert_int_equal(app_take_open(kit.app, tape, take, fds, NULL), VCR_E_NOT_FOUND);
    put_blob("clean.idx", take);
    assert_int_equal(app_take_open(kit.app, tape, take, fds, NULL), VCR_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(fds[i], -1);
    assert_int_equal(pread(fds[5], text, sizeof(text), 0), 9);
    assert_string_equal(text, "clean.idx");
    close(fds[4]);
    close(fds[5]);
    assert_int_equal(app_take_open(kit.app, tape, 0, fds, NULL), VCR_E_NOT_FOUND);
    assert_int_equal(app_take_open(kit.app, tape + 1, take, fds, NULL), VCR_E_NOT_FOUND); /* of another tape */
}

/* ---- wear ---- */
static void a_tape_wears_a_sixteenth_in_sixteen_passes(void **state)
{
    struct app_wear w = { 0 };
    for (int i = 0; i < 15; i++)
        w = app_wear_after(w, 60 * SECOND, 60 * SECOND);
    assert_int_equal(w.wear_16, 0);
    w = app_wear_after(w, 60 * SECOND, 90 * SECOND);
    assert_int_equal(w.wear_16, 1);
    assert_int_equal(w.worn_us, 30 * SECOND);
    for (int i = 0; i < 600; i++)
        w = app_wear_after(w, 60 * SECOND, 60 * SECOND);
    assert_int_equal(w.wear_16, 16);
    w = app_wear_after(w, 60 * SECOND, INT64_MAX);
    assert_int_equal(w.wear_16, 16);
    w = app_wear_after((struct app_wear){ 3, 5 }, 0, SECOND);
    assert_true(w.wear_16 == 3 && w.worn_us == 5);
}

static enum vcr_err wear_work(struct sql_tx *tx, void *arg, struct vcr_why *why) { return app_tape_wear(tx, *(int64_t *)arg, 20 * 60 * SECOND, why); }

static void wear_is_kept_with_the_tape(void **state)
{
    int64_t id = tape, none = 999;
    kit_sql(&kit, "UPDATE tapes SET length_minutes = 1");
    assert_int_equal(sql_run(kit.db, SQL_WRITE, wear_work, &id, NULL), VCR_OK);
    assert_int_equal(kit_number(&kit, "SELECT wear_16 FROM tapes"), 1);
    assert_int_equal(kit_number(&kit, "SELECT worn_us FROM tapes"), 4 * 60 * SECOND);
    assert_int_equal(sql_run(kit.db, SQL_WRITE, wear_work, &none, NULL), VCR_OK); /* purged meanwhile */
    app_tape_worn(kit.db, tape, 12 * 60 * SECOND);
    while (kit_number(&kit, "SELECT wear_16 FROM tapes") == 1)
        ;
    assert_int_equal(kit_number(&kit, "SELECT wear_16 FROM tapes"), 2);
}

/* ---- marks, quota, purge ---- */
struct marking { int64_t take, position_us, id; };
static enum vcr_err mark_work(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct marking *m = arg;
    return app_mark_write(tx, tape, m->take, m->position_us, who.user_id, NOW_MS, &m->id, why);
}
static int64_t mark(int64_t take, int64_t position_us)
{
    struct marking m = { take, position_us, -1 };
    assert_int_equal(sql_run(kit.db, SQL_WRITE, mark_work, &m, NULL), VCR_OK);
    return m.id;
}

static void marks_of_a_recording_go_when_it_is_undone_and_those_of_people_stay(void **state)
{
    char path[120];
    int64_t take = begin(0);
    assert_true(mark(take, 0) > 0);
    assert_int_equal(mark(take, 400000), 0); /* too near */
    int64_t kept = mark(take, 3 * SECOND);
    assert_true(mark(0, 6 * SECOND) > 0); /* written in play */
    assert_int_equal(end_take(take, 8 * SECOND, false), VCR_OK);
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld/marks/%lld", tape, (long long)kept);
    kit_expect(&kit, owner, "PATCH", path, "{\"title\":\"The cake\"}", 200, NULL);
    undo_newest();
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM marks"), 2);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM marks WHERE position_us = 0"), 0);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM tape_history WHERE action = 'marked'"), 5);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM tape_history WHERE action = 'undone' AND details LIKE '%\"marks_removed\":1%'"), 1);
}

static void marks_have_a_bound(void **state)
{
    kit_sql(&kit, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO marks(tape_id, position_us, source, confirmed)"
        " SELECT %lld, i * 1000000, 'user', 1 FROM n", tape);
    assert_int_equal(mark(0, 2000 * SECOND), 0);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM marks"), 1000);
}

static void small_quota(struct app_config *c) { c->quota_bytes = 1500; }

static int open_small(void **state)
{
    kit_open(&kit, small_quota);
    sign_up(&kit, "owner@example.org", owner);
    who.user_id = kit_number(&kit, "SELECT id FROM users WHERE email = 'owner@example.org'");
    tape = kit_make_tape(&kit, owner, "{\"title\":\"Birthday\"}");
    return 0;
}

static void what_was_undone_still_counts_and_a_purge_ends_it(void **state)
{
    char path[80];
    struct blob_writer *w = NULL;
    char sha[65], key[80];
    uint64_t size;
    long long second = kit_make_tape(&kit, owner, "{\"title\":\"Another\"}");
    int64_t take = record(0, 5 * SECOND); /* a reel of 1000 bytes, by its row */
    snprintf(key, sizeof(key), "tapes/%lld/t%lld/clean.mp4", tape, (long long)take);
    assert_int_equal(blob_begin(kit.blobs, key, &w, NULL), VCR_OK);
    assert_int_equal(blob_write(w, "x", 1, NULL), VCR_OK);
    assert_int_equal(blob_commit(&w, sha, &size, NULL), VCR_OK);
    undo_newest();
    assert_int_equal(blob_stat(kit.blobs, key, &size, NULL), VCR_OK);
    static char film[600];
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld/media", second);
    char headers[1400];
    snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\nContent-Type: application/octet-stream\r\n", owner);
    struct answer a = ask_raw(&kit, "PUT", path, headers, film, sizeof(film));
    assert_int_equal(a.status, 413);
    assert_non_null(strstr(text_at(&a, "type"), "/quota"));
    answer_free(&a);
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld?purge=true", tape);
    kit_expect(&kit, owner, "DELETE", path, NULL, 204, NULL);
    assert_int_equal(app_trash_empty(kit.db, kit.blobs, NULL), VCR_OK);
    assert_int_equal(blob_stat(kit.blobs, key, &size, NULL), VCR_E_NOT_FOUND);
    static const char *const tables[] = { "takes", "reels", "spans", "recordings", "former_spans", "marks" };
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        snprintf(path, sizeof(path), "SELECT COUNT(*) FROM %s", tables[i]);
        assert_int_equal(kit_number(&kit, path), 0);
    }
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld/media", second);
    a = ask_raw(&kit, "PUT", path, headers, film, sizeof(film));
    assert_int_equal(a.status, 201);
    answer_free(&a);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_server, close_server)
    const struct CMUnitTest tests[] = {
        TEST(a_take_holds_all_that_a_recovery_needs),
        TEST(a_blank_tape_that_was_recorded_is_ready_and_says_so),
        TEST(what_may_not_be_recorded_onto_is_refused),
        TEST(a_tape_that_is_recorded_onto_goes_into_no_other_deck),
        TEST(a_cancelled_take_leaves_the_tape_as_it_was),
        TEST(a_recording_ends_with_the_tape),
        TEST(a_start_does_not_take_a_deck_s_recording_for_a_new_tape_s),
        TEST(undoing_to_the_film_leaves_a_tape_that_was_never_recorded_onto),
        TEST(undoing_all_of_a_blank_tape_leaves_it_blank),
        TEST(only_the_newest_is_undone_and_only_by_the_owner),
        TEST(it_is_known_what_a_recording_began_over), TEST(a_recording_over_thousands_writes_little_and_can_be_undone),
        TEST(the_tables_say_what_the_timeline_in_memory_says),
        TEST(reels_of_a_take_are_opened_and_missing_ones_left_out),
        cmocka_unit_test(a_tape_wears_a_sixteenth_in_sixteen_passes),
        TEST(wear_is_kept_with_the_tape),
        TEST(marks_of_a_recording_go_when_it_is_undone_and_those_of_people_stay),
        TEST(marks_have_a_bound),
        cmocka_unit_test_setup_teardown(what_was_undone_still_counts_and_a_purge_ends_it, open_small, close_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
