/* tests/unit/api/test_jobs.c - jobs as their owner sees and steers them, processing anew, and index marks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "app/jobs.h"
#include "app/marks.h"
#include "app/tapes.h"
#include "base/clock.h"
#include "kit.h"

static struct kit kit;
static char admin[1200], owner[1200], other[1200];
static long long tape;

/* fmt: the path's rest after /api/v1. */
__attribute__((format(printf, 4, 5))) static struct answer call(const char *token, const char *method, const char *body, const char *fmt, ...)
{
    char path[200] = "/api/v1";
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(path + 7, sizeof(path) - 7, fmt, ap);
    va_end(ap);
    return ask(&kit, token, method, path, body);
}

static void expect(int status, const char *slug, struct answer a)
{
    if (a.status != status || (slug && !strstr(text_at(&a, "type"), slug)))
        fail_msg("%d %s", a.status, a.body);
    answer_free(&a);
}
#define EXPECT(status, slug, ...) expect(status, slug, call(__VA_ARGS__))
#define NO_SLUG ((const char *)NULL)

static void expect_status(const char *status)
{
    struct answer a = call(owner, "GET", NULL, "/tapes/%lld", tape);
    assert_string_equal(text_at(&a, "status"), status);
    answer_free(&a);
}

/* An upload whose job a worker has done. */
static void make_ready(void)
{
    kit_sql(&kit, "UPDATE jobs SET status = 'done', progress = 1 WHERE tape_id = %lld", tape);
    kit_sql(&kit, "INSERT INTO reels(tape_id, kind, blob_key, index_key, size_bytes, duration_us) VALUES(%lld, 'clean_video', 'k', 'i', 1, 60000000)", tape);
    kit_sql(&kit, "UPDATE tapes SET status = 'ready', duration_us = 60000000 WHERE id = %lld", tape);
}

static int open_all(void **state)
{
    char path[80], headers[1400];
    kit_open(&kit, NULL);
    sign_up(&kit, "admin@x.org", admin);
    sign_up(&kit, "owner@x.org", owner);
    sign_up(&kit, "other@x.org", other);
    tape = kit_make_tape(&kit, owner, "{\"title\":\"x\"}");
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld/media", tape);
    snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\n", owner);
    struct answer a = ask_raw(&kit, "PUT", path, headers, "film", 4);
    assert_int_equal(a.status, 201);
    answer_free(&a);
    return 0;
}

static int close_all(void **state)
{
    kit_close(&kit);
    return 0;
}

static long long latest_job(void)
{
    struct answer a = call(owner, "GET", NULL, "/jobs?tape_id=%lld", tape);
    long long id = json_integer_value(json_object_get(json_array_get(json_object_get(a.json, "items"), 0), "id"));
    answer_free(&a);
    return id;
}

static void a_running_job_says_how_it_gets_on(void **state)
{
    long long job = latest_job();
    struct answer a = call(owner, "GET", NULL, "/jobs/%lld", job);
    assert_true(json_is_null(json_object_get(a.json, "speed")) && json_is_null(json_object_get(a.json, "eta")));
    answer_free(&a);
    kit_sql(&kit, "UPDATE jobs SET status = 'running', stage = 'encoding', progress = 0.5, speed = 2.25, ends_at = %lld", (long long)clock_wall_ms() + 90000);
    a = call(owner, "GET", NULL, "/jobs/%lld", job);
    double eta = json_number_value(json_object_get(a.json, "eta"));
    assert_true(json_number_value(json_object_get(a.json, "speed")) == 2.25 && eta > 1 && eta <= 90);
    assert_string_equal(text_at(&a, "stage"), "encoding");
    answer_free(&a);
    kit_sql(&kit, "UPDATE jobs SET ends_at = 5"); /* longer than it thought */
    a = call(owner, "GET", NULL, "/jobs/%lld", job);
    assert_true(json_number_value(json_object_get(a.json, "eta")) == 0);
    answer_free(&a);
}

static enum vcr_err claim(struct sql_tx *tx, void *arg, struct vcr_why *why) { return queue_claim(tx, "w", clock_wall_ms(), arg, why); }

static void expect_payload(const char *payload)
{
    struct queue_job job;
    assert_int_equal(sql_run(kit.db, SQL_WRITE, claim, &job, NULL), VCR_OK);
    assert_string_equal(job.kind, "process");
    assert_string_equal(job.payload, payload);
    free(job.payload);
    kit_sql(&kit, "UPDATE jobs SET status = 'done' WHERE id = %lld", (long long)job.id);
}

static void a_film_is_processed_anew_with_its_owners_word(void **state)
{
    EXPECT(409, "/job-under-way", owner, "POST", "{}", "/tapes/%lld/reprocess", tape);
    make_ready();
    EXPECT(404, NO_SLUG, other, "POST", "{}", "/tapes/%lld/reprocess", tape);
    EXPECT(422, NO_SLUG, owner, "POST", "{\"field_order\":\"sideways\"}", "/tapes/%lld/reprocess", tape);
    EXPECT(422, NO_SLUG, owner, "POST", "{\"priority\":1}", "/tapes/%lld/reprocess", tape);
    struct answer a = call(owner, "POST", "{\"field_order\":\"tff\",\"aspect\":\"16:9\"}", "/tapes/%lld/reprocess", tape);
    assert_int_equal(a.status, 202);
    assert_string_equal(text_at(&a, "status"), "queued");
    assert_int_equal(int_at(&a, "tape_id"), tape);
    answer_free(&a);
    expect_status("ready");
    EXPECT(409, "/job-under-way", owner, "POST", "{}", "/tapes/%lld/reprocess", tape);
    expect_payload("{\"aspect\":\"16:9\",\"field_order\":\"tff\"}");
    EXPECT(202, NO_SLUG, owner, "POST", "{\"aspect\":null,\"standard\":\"pal\"}", "/tapes/%lld/reprocess", tape); /* the rest is remembered */
    expect_payload("{\"field_order\":\"tff\",\"standard\":\"pal\"}");
    a = call(owner, "GET", NULL, "/tapes/%lld", tape);
    assert_string_equal(json_string_value(json_object_get(json_object_get(a.json, "processing"), "field_order")), "tff");
    answer_free(&a);
    EXPECT(403, NO_SLUG, admin, "POST", "{\"field_order\":\"auto\",\"standard\":\"auto\"}", "/tapes/%lld/reprocess", tape); /* the word is its owner's */
    EXPECT(202, NO_SLUG, owner, "POST", "{\"field_order\":\"auto\",\"standard\":\"auto\"}", "/tapes/%lld/reprocess", tape);
    expect_payload("{}");
    EXPECT(202, NO_SLUG, owner, "POST", NULL, "/tapes/%lld/reprocess", tape);
    a = call(owner, "GET", NULL, "/tapes/%lld/history", tape);
    assert_non_null(strstr(a.body, "\"before\":{\"processing\":null},\"after\":{\"processing\":{\"aspect\":\"16:9\",\"field_order\":\"tff\"}}"));
    answer_free(&a);
}

static void without_an_original_there_is_nothing_to_process(void **state)
{
    long long blank = kit_make_tape(&kit, owner, "{\"title\":\"blank\"}");
    EXPECT(409, "/no-original", owner, "POST", "{}", "/tapes/%lld/reprocess", blank);
    make_ready();
    kit_sql(&kit, "INSERT INTO spans(tape_id, tape_start_us, tape_end_us, reel_start_us) VALUES(%lld, 0, 1, 0)", tape);
    EXPECT(409, "/recorded-over", owner, "POST", "{}", "/tapes/%lld/reprocess", tape);
}

/* What can be watched stays so, whatever becomes of the job. */
static void a_tape_that_has_reels_stays_ready(void **state)
{
    make_ready();
    EXPECT(202, NO_SLUG, owner, "POST", "{}", "/tapes/%lld/reprocess", tape);
    long long job = latest_job();
    EXPECT(200, NO_SLUG, owner, "POST", NULL, "/jobs/%lld/cancel", job);
    expect_status("ready");
    EXPECT(200, NO_SLUG, owner, "POST", NULL, "/jobs/%lld/retry", job);
    expect_status("ready");
    EXPECT(200, NO_SLUG, owner, "POST", NULL, "/jobs/%lld/cancel", job);
    EXPECT(202, NO_SLUG, owner, "POST", "{}", "/tapes/%lld/reprocess", tape);
    EXPECT(409, "/job-under-way", owner, "POST", NULL, "/jobs/%lld/retry", job);
}

/* A job that a killed server had begun waits with what it made: cancelled, it leaves nothing; tried again, it is not deleted under its worker's hands. */
static void what_a_waiting_job_made_goes_when_it_is_cancelled(void **state)
{
    char key[80], line[200];
    struct blob_writer *w = NULL;
    long long job = latest_job();
    snprintf(key, sizeof(key), "tapes/%lld/r%lld/clean.mp4", tape, job);
    snprintf(line, sizeof(line), "test \"$(ls %s/blobs/tapes/%lld)\" = original", kit.dir, tape);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(blob_begin(kit.blobs, key, &w, NULL), VCR_OK);
        assert_int_equal(blob_commit(&w, NULL, NULL, NULL), VCR_OK);
        EXPECT(200, NO_SLUG, owner, "POST", NULL, "/jobs/%lld/cancel", job);
        assert_int_equal(system(line), 0);
        EXPECT(200, NO_SLUG, owner, "POST", NULL, "/jobs/%lld/retry", job);
    }
    assert_int_equal(blob_begin(kit.blobs, key, &w, NULL), VCR_OK);
    assert_int_equal(blob_commit(&w, NULL, NULL, NULL), VCR_OK);
    assert_int_equal(app_recover(kit.app, 5, NULL), VCR_OK);
    assert_int_equal(blob_stat(kit.blobs, key, &(uint64_t){ 0 }, NULL), VCR_OK);
}

/* ---- marks ---- */
static void marks_are_set_changed_and_taken_away_by_the_owner(void **state)
{
    make_ready();
    struct answer a = call(owner, "POST", "{\"position\":12.5,\"title\":\"The cake\"}", "/tapes/%lld/marks", tape);
    assert_int_equal(a.status, 201);
    long long mark = int_at(&a, "id");
    assert_string_equal(text_at(&a, "source"), "user");
    assert_true(json_is_true(json_object_get(a.json, "confirmed")));
    answer_free(&a);
    EXPECT(201, NO_SLUG, owner, "POST", "{\"position\":3}", "/tapes/%lld/marks", tape);
    EXPECT(422, NO_SLUG, owner, "POST", "{\"position\":60.1}", "/tapes/%lld/marks", tape);
    EXPECT(422, NO_SLUG, owner, "POST", "{\"position\":-1}", "/tapes/%lld/marks", tape);
    EXPECT(422, NO_SLUG, owner, "POST", "{\"title\":\"nowhere\"}", "/tapes/%lld/marks", tape);
    EXPECT(422, NO_SLUG, owner, "POST", "{\"position\":1,\"source\":\"scene\"}", "/tapes/%lld/marks", tape);
    EXPECT(404, NO_SLUG, other, "POST", "{\"position\":1}", "/tapes/%lld/marks", tape);
    EXPECT(404, NO_SLUG, other, "GET", NULL, "/tapes/%lld/marks", tape);
    EXPECT(200, NO_SLUG, admin, "GET", NULL, "/tapes/%lld/marks", tape);
    EXPECT(403, NO_SLUG, admin, "POST", "{\"position\":1}", "/tapes/%lld/marks", tape);
    EXPECT(200, NO_SLUG, owner, "PATCH", "{\"position\":1.25}", "/tapes/%lld/marks/%lld", tape, mark);
    EXPECT(422, NO_SLUG, owner, "PATCH", "{\"position\":61}", "/tapes/%lld/marks/%lld", tape, mark);
    EXPECT(404, NO_SLUG, owner, "PATCH", "{\"title\":\"x\"}", "/tapes/%lld/marks/%lld", tape, mark + 50);
    long long elsewhere = kit_make_tape(&kit, owner, "{\"title\":\"y\"}");
    EXPECT(404, NO_SLUG, owner, "DELETE", NULL, "/tapes/%lld/marks/%lld", elsewhere, mark);
    a = call(owner, "GET", NULL, "/tapes/%lld/marks", tape);
    json_t *items = json_object_get(a.json, "items");
    assert_int_equal(json_array_size(items), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(items, 0), "id")), mark); /* by position */
    assert_true(json_number_value(json_object_get(json_array_get(items, 0), "position")) == 1.25);
    assert_string_equal(json_string_value(json_object_get(json_array_get(items, 0), "title")), "The cake");
    answer_free(&a);
    EXPECT(204, NO_SLUG, owner, "DELETE", NULL, "/tapes/%lld/marks/%lld", tape, mark);
    EXPECT(404, NO_SLUG, owner, "DELETE", NULL, "/tapes/%lld/marks/%lld", tape, mark);
    a = call(owner, "GET", NULL, "/tapes/%lld/history", tape);
    int marked = 0;
    for (const char *p = a.body; (p = strstr(p, "\"marked\"")) != NULL; p++)
        marked++;
    assert_int_equal(marked, 4);
    answer_free(&a);
}

static enum vcr_err propose(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    json_t *marks = json_loads(arg, 0, NULL);
    enum vcr_err err = app_marks_propose(tx, tape, 60000000, marks, why);
    json_decref(marks);
    return err;
}

static void expect_marks(const char *want)
{
    char got[400] = "";
    size_t i;
    json_t *m;
    struct answer a = call(owner, "GET", NULL, "/tapes/%lld/marks", tape);
    json_array_foreach(json_object_get(a.json, "items"), i, m)
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%g%s%s ", json_number_value(json_object_get(m, "position")),
                 json_string_value(json_object_get(m, "source")), json_is_true(json_object_get(m, "confirmed")) ? "!" : "?");
    assert_string_equal(got, want);
    answer_free(&a);
}

static void proposed_marks_stay_once_confirmed(void **state)
{
    static const char first[] = "[{\"at_us\":5000000,\"source\":\"scene\",\"title\":\"Scene 2\"},{\"at_us\":9000000,\"source\":\"gap\"},"
                                "{\"at_us\":70000000,\"source\":\"scene\"},{\"at_us\":-1,\"source\":\"scene\"},{\"at_us\":1.5,\"source\":\"scene\"},"
                                "{\"at_us\":2000000,\"source\":\"user\"},{\"at_us\":2000000},5]";
    make_ready();
    EXPECT(201, NO_SLUG, owner, "POST", "{\"position\":30}", "/tapes/%lld/marks", tape);
    assert_int_equal(sql_run(kit.db, SQL_WRITE, propose, (void *)first, NULL), VCR_OK);
    expect_marks("5scene? 9gap? 30user! ");
    struct answer a = call(owner, "GET", NULL, "/tapes/%lld/marks", tape);
    long long scene = json_integer_value(json_object_get(json_array_get(json_object_get(a.json, "items"), 0), "id"));
    answer_free(&a);
    EXPECT(200, NO_SLUG, owner, "PATCH", "{\"confirmed\":true}", "/tapes/%lld/marks/%lld", tape, scene);
    assert_int_equal(sql_run(kit.db, SQL_WRITE, propose, "[{\"at_us\":5400000,\"source\":\"scene\"},{\"at_us\":29600000,\"source\":\"gap\"},{\"at_us\":40000000,\"source\":\"gap\"}]", NULL), VCR_OK);
    expect_marks("5scene! 30user! 40gap? ");
    assert_int_equal(sql_run(kit.db, SQL_WRITE, propose, "{}", NULL), VCR_OK); /* says nothing */
    expect_marks("5scene! 30user! 40gap? ");
    assert_int_equal(sql_run(kit.db, SQL_WRITE, propose, "[]", NULL), VCR_OK); /* found nothing */
    expect_marks("5scene! 30user! ");
}

static void marks_have_a_bound(void **state)
{
    make_ready();
    kit_sql(&kit, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO marks(tape_id, position_us, source, confirmed) SELECT %lld, i * 40000, 'user', TRUE FROM n",
        APP_MARKS_MAX - 1, tape);
    EXPECT(201, NO_SLUG, owner, "POST", "{\"position\":3}", "/tapes/%lld/marks", tape);
    EXPECT(409, "/too-many-marks", owner, "POST", "{\"position\":3}", "/tapes/%lld/marks", tape);
    assert_int_equal(sql_run(kit.db, SQL_WRITE, propose, "[{\"at_us\":59000000,\"source\":\"scene\"}]", NULL), VCR_OK);
    struct answer a = call(owner, "GET", NULL, "/tapes/%lld/marks", tape);
    assert_int_equal(json_array_size(json_object_get(a.json, "items")), APP_MARKS_MAX);
    answer_free(&a);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, open_all, close_all)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_running_job_says_how_it_gets_on),
        CASE(a_film_is_processed_anew_with_its_owners_word),
        CASE(without_an_original_there_is_nothing_to_process),
        CASE(a_tape_that_has_reels_stays_ready),
        CASE(what_a_waiting_job_made_goes_when_it_is_cancelled),
        CASE(marks_are_set_changed_and_taken_away_by_the_owner),
        CASE(proposed_marks_stay_once_confirmed),
        CASE(marks_have_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
