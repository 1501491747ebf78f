/* test_queue.c - the contract of the queue port, on the real store and on one whose statements fail at call N. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "kit.h"
#include "store/internal.h"
#include "store/queue.h"

#define OK(x) assert_int_equal((x), VCR_OK)

/* ---- a transaction whose calls fail from the Nth on ---- */

struct failing {
    struct sql_tx tx; /* first */
    struct sql_tx *real;
    int calls_left;
};

static bool fails_now(struct sql_tx *tx) { return ((struct failing *)tx)->calls_left-- <= 0; }
static enum vcr_err lost(struct vcr_why *why) { return vcr_fail(why, VCR_E_BUSY, "the server was lost"); }

static enum vcr_err failing_exec(struct sql_tx *tx, const char *text, const struct sql_val *vals, size_t n, int64_t *ret, struct vcr_why *why)
{
    return fails_now(tx) ? lost(why) : sql_exec(((struct failing *)tx)->real, text, vals, n, ret, why);
}

struct failing_rows {
    struct sql_rows rows; /* first */
    struct sql_rows *real;
};

static enum vcr_err failing_query(struct sql_tx *tx, struct sql_rows **ret, const char *text, const struct sql_val *vals, size_t n, struct vcr_why *why)
{
    if (fails_now(tx))
        return lost(why);
    struct sql_rows *real;
    enum vcr_err err = sql_query(((struct failing *)tx)->real, &real, text, vals, n, why);
    if (err != VCR_OK)
        return err;
    struct failing_rows *r = vcr_alloc(sizeof(*r));
    r->rows = (struct sql_rows){ tx->ops, tx };
    r->real = real;
    *ret = &r->rows;
    return VCR_OK;
}

static struct sql_rows *real_of(struct sql_rows *rows) { return ((struct failing_rows *)rows)->real; }
static enum vcr_err failing_next(struct sql_rows *rows, struct vcr_why *why) { return fails_now(rows->tx) ? lost(why) : sql_next(real_of(rows), why); }
static int64_t failing_int(struct sql_rows *rows, int col) { return sql_int(real_of(rows), col); }
static const char *failing_text(struct sql_rows *rows, int col) { return sql_text(real_of(rows), col); }

static void failing_close(struct sql_rows *rows)
{
    sql_rows_close(&((struct failing_rows *)rows)->real);
    free(rows);
}

static const struct sql_ops failing_ops = { .scheme = "failing", .exec = failing_exec, .query = failing_query, .next = failing_next,
                                            .rows_close = failing_close, .get_int = failing_int, .get_text = failing_text };

/* ---- one call in a transaction of its own, as in the program ---- */

enum call { PUT, CLAIM, RENEW, HOLDS, AGAIN, FINISH };
struct step {
    enum call call;
    const char *worker, *text; /* text: stage or error */
    double progress;
    int64_t now_ms, id;        /* id: of PUT first the tape (0: 1) */
    enum queue_priority priority;
    bool counted;
    int fail_at;               /* 0: never */
    struct queue_job job;
};

static enum vcr_err step_work(struct sql_tx *real, void *arg, struct vcr_why *why)
{
    struct step *s = arg;
    struct failing failing = { .tx = { .ops = &failing_ops }, .real = real, .calls_left = s->fail_at - 1 };
    struct sql_tx *tx = s->fail_at ? &failing.tx : real;
    switch (s->call) {
    case PUT:
        return queue_put(tx, s->id ? s->id : 1, "process", s->priority, "{\"a\":1}", s->now_ms, &s->id, why);
    case CLAIM:
        return queue_claim(tx, s->worker, s->now_ms, &s->job, why);
    case RENEW:
        return queue_renew(tx, s->id, s->worker, &(struct queue_report){ s->progress, s->text, 2.5, 60000 }, s->now_ms, why);
    case HOLDS:
        return queue_holds(tx, s->id, s->worker, why);
    case AGAIN:
        return queue_again(tx, s->id, s->worker, s->now_ms + 100, s->counted, s->now_ms, why);
    case FINISH:
        return queue_finish(tx, s->id, s->worker, s->text, s->now_ms, why);
    }
    return VCR_E_INTERNAL;
}

static enum vcr_err step(struct kit *k, struct step *s) { return sql_run(k->db, SQL_WRITE, step_work, s, NULL); }

static int64_t put_of(struct kit *k, int64_t tape_id, enum queue_priority priority)
{
    struct step s = { .call = PUT, .now_ms = 1, .id = tape_id, .priority = priority };
    OK(step(k, &s));
    return s.id;
}

static int64_t put(struct kit *k, int64_t now_ms)
{
    struct step s = { .call = PUT, .now_ms = now_ms };
    OK(step(k, &s));
    return s.id;
}

/* The id claimed, 0: none. */
static int64_t claim(struct kit *k, const char *worker, int64_t now_ms, int *ret_attempts)
{
    struct step s = { .call = CLAIM, .worker = worker, .now_ms = now_ms };
    enum vcr_err err = step(k, &s);
    if (err == VCR_E_END)
        return 0;
    OK(err);
    assert_string_equal(s.job.kind, "process");
    assert_string_equal(s.job.payload, "{\"a\":1}");
    if (ret_attempts)
        *ret_attempts = s.job.attempts;
    free(s.job.payload);
    return s.job.id;
}

static enum vcr_err renew(struct kit *k, int64_t id, const char *worker, double progress, const char *stage, int64_t now_ms)
{
    struct step s = { .call = RENEW, .id = id, .worker = worker, .progress = progress, .text = stage, .now_ms = now_ms };
    return step(k, &s);
}

static enum vcr_err finish(struct kit *k, int64_t id, const char *worker, const char *error)
{
    struct step s = { .call = FINISH, .id = id, .worker = worker, .text = error, .now_ms = 9 };
    return step(k, &s);
}

static enum vcr_err again(struct kit *k, int64_t id, const char *worker, bool counted, int64_t now_ms)
{
    struct step s = { .call = AGAIN, .id = id, .worker = worker, .counted = counted, .now_ms = now_ms };
    return step(k, &s);
}

static enum vcr_err holds(struct kit *k, int64_t id, const char *worker)
{
    struct step s = { .call = HOLDS, .id = id, .worker = worker };
    return step(k, &s);
}

/* Tapes 1 to 9 are one owner's, 10 another's, 11 a third's, 12 and 13 nobody's. */
static int setup(void **state)
{
    kit_open(state);
    OK(kit_exec(*state, "INSERT INTO users(id, email, password_hash, created_at) VALUES(1, 'a', '', 1), (2, 'b', '', 1), (3, 'c', '', 1)", NULL));
    OK(kit_exec(*state, "INSERT INTO tapes(id, title, created_at, user_id) VALUES(1, 't', 1, 1), (2, 't', 1, 1), (3, 't', 1, 1), (4, 't', 1, 1), (5, 't', 1, 1),"
                        " (6, 't', 1, 1), (7, 't', 1, 1), (8, 't', 1, 1), (9, 't', 1, 1), (10, 't', 1, 2), (11, 't', 1, 3), (12, 't', 1, NULL), (13, 't', 1, NULL)", NULL));
    return 0;
}

static void jobs_go_out_once_and_in_order(void **state)
{
    struct kit *k = *state;
    int attempts = 0;
    assert_int_equal(claim(k, "a", 1, NULL), 0);
    int64_t one = put(k, 1), two = put_of(k, 2, QUEUE_PERSON);
    assert_int_equal(claim(k, "a", 2, &attempts), one);
    assert_int_equal(attempts, 1);
    assert_int_equal(claim(k, "b", 2, NULL), two);
    assert_int_equal(claim(k, "c", 2, NULL), 0);
    OK(finish(k, one, "a", NULL));
    OK(finish(k, two, "b", "the tape is blank"));
    assert_int_equal(finish(k, one, "a", NULL), VCR_E_CONFLICT);
    assert_int_equal(claim(k, "a", 1000000000, NULL), 0);
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM jobs WHERE status = 'done' AND progress = 1 AND error IS NULL AND finished_at = 9"), 1);
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM jobs WHERE status = 'failed' AND error = 'the tape is blank' AND worker IS NULL"), 1);
}

static void a_lapsed_lease_gives_the_job_to_another(void **state)
{
    struct kit *k = *state;
    int attempts = 0;
    int64_t id = put(k, 0);
    assert_int_equal(claim(k, "a", 0, NULL), id);
    assert_int_equal(claim(k, "b", QUEUE_LEASE_MS - 1, NULL), 0);
    OK(renew(k, id, "a", 0.1, "reading", QUEUE_LEASE_MS - 1));
    assert_int_equal(claim(k, "b", QUEUE_LEASE_MS, NULL), 0);
    assert_int_equal(claim(k, "b", 2 * QUEUE_LEASE_MS, &attempts), id);
    assert_int_equal(attempts, 2);
    assert_int_equal(renew(k, id, "a", 0.9, "late", 2 * QUEUE_LEASE_MS), VCR_E_CONFLICT);
    assert_int_equal(finish(k, id, "a", NULL), VCR_E_CONFLICT);
    OK(renew(k, id, "b", 0.2, NULL, 2 * QUEUE_LEASE_MS));
}

static void after_the_last_attempt_a_job_fails_with_a_reason(void **state)
{
    struct kit *k = *state;
    int64_t id = put(k, 0), now = 1;
    for (int i = 1; i <= QUEUE_ATTEMPTS_MAX; i++, now += QUEUE_LEASE_MS)
        assert_int_equal(claim(k, "a", now, NULL), id);
    int64_t next = put_of(k, 2, QUEUE_PERSON);
    assert_int_equal(claim(k, "a", now, NULL), next); /* the dead one does not stand in the way */
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM jobs WHERE status = 'failed' AND error LIKE '%3 attempts%' AND finished_at IS NOT NULL"), 1);
    assert_int_equal(renew(k, id, "a", 1, "x", now), VCR_E_CONFLICT);
}

static void progress_never_falls(void **state)
{
    struct kit *k = *state;
    static const struct {
        double say;
        int percent;
    } script[] = { { 0.5, 50 }, { 0.2, 50 }, { -1, 50 }, { (double)NAN, 50 }, { 0.75, 75 }, { 7, 100 }, { 0, 100 } };
    int64_t id = put(k, 0);
    assert_int_equal(claim(k, "a", 0, NULL), id);
    for (size_t i = 0; i < ARRAY_LEN(script); i++) {
        OK(renew(k, id, "a", script[i].say, "encoding", 1));
        assert_int_equal(kit_int(k, "SELECT CAST(progress * 100 AS INTEGER) FROM jobs"), script[i].percent);
    }
    OK(renew(k, id, "a", 0, NULL, 1));
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM jobs WHERE stage = 'encoding'"), 1);
    assert_int_equal(claim(k, "b", QUEUE_LEASE_MS + 1, NULL), id); /* a second attempt goes on from there */
    assert_int_equal(kit_int(k, "SELECT CAST(progress AS INTEGER) FROM jobs"), 1);
}

static void a_cancelled_job_is_a_conflict_for_its_worker(void **state)
{
    struct kit *k = *state;
    int64_t id = put(k, 0);
    assert_int_equal(claim(k, "a", 0, NULL), id);
    OK(kit_exec(k, "UPDATE jobs SET status = 'cancelled'", NULL));
    assert_int_equal(renew(k, id, "a", 0.5, "x", 1), VCR_E_CONFLICT);
    assert_int_equal(finish(k, id, "a", NULL), VCR_E_CONFLICT);
    assert_int_equal(claim(k, "b", QUEUE_LEASE_MS * 9, NULL), 0);
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM jobs WHERE status = 'cancelled'"), 1);
}

static void what_broke_off_comes_back_after_its_time(void **state)
{
    struct kit *k = *state;
    int attempts = 0;
    int64_t id = put(k, 0);
    assert_int_equal(claim(k, "a", 1000, NULL), id);
    OK(holds(k, id, "a"));
    assert_int_equal(holds(k, id, "b"), VCR_E_CONFLICT);
    OK(again(k, id, "a", true, 1000));
    assert_int_equal(holds(k, id, "a"), VCR_E_CONFLICT);
    assert_int_equal(again(k, id, "a", true, 1000), VCR_E_CONFLICT);
    assert_int_equal(claim(k, "b", 1099, NULL), 0);
    int64_t other = put_of(k, 2, QUEUE_SCAN);
    assert_int_equal(claim(k, "c", 1099, NULL), other); /* it keeps nobody waiting */
    assert_int_equal(claim(k, "b", 1100, &attempts), id);
    assert_int_equal(attempts, 2);
    OK(again(k, id, "b", false, 1100));
    assert_int_equal(claim(k, "b", 1200, &attempts), id);
    assert_int_equal(attempts, 2);
}

static void the_wait_grows_and_is_spread(void **state)
{
    static const int64_t least[] = { 500, 2000, 8000 };
    for (int a = 1; a <= 3; a++) {
        int64_t low = INT64_MAX, high = 0;
        for (int i = 0; i < 500; i++) {
            int64_t ms = queue_backoff_ms(a, 1000);
            low = VCR_MIN(low, ms);
            high = VCR_MAX(high, ms);
            assert_in_range(ms, least[a - 1], 3 * least[a - 1]);
        }
        assert_true(high - low > least[a - 1]);
    }
    assert_true(queue_backoff_ms(1000, 1000) < INT64_C(1) << 40);
}

static void what_a_person_waits_for_goes_first(void **state)
{
    struct kit *k = *state;
    int64_t scan = put_of(k, 1, QUEUE_SCAN), demo = put_of(k, 10, QUEUE_DEMO), late = put_of(k, 11, QUEUE_PERSON);
    assert_int_equal(claim(k, "a", 1, NULL), late);
    assert_int_equal(claim(k, "b", 1, NULL), demo);
    assert_int_equal(claim(k, "c", 1, NULL), scan);
}

/* Nine films of one owner were there first. Beside them the others do not wait, whether there are many workers or one. */
static void nobody_starves_behind_anothers_films(void **state)
{
    struct kit *k = *state;
    static const char *const names[] = { "a", "b", "c", "d" };
    int64_t first = 0, many[4];
    for (int tape = 1; tape <= 9; tape++) {
        int64_t id = put_of(k, tape, QUEUE_PERSON);
        first = first ? first : id;
    }
    int64_t second = put_of(k, 10, QUEUE_PERSON), third = put_of(k, 11, QUEUE_PERSON), nobodys = put_of(k, 12, QUEUE_PERSON);
    for (int i = 0; i < 4; i++)
        many[i] = claim(k, names[i], 10 + i, NULL);
    assert_int_equal(many[0], first);
    assert_int_equal(many[1], second);
    assert_int_equal(many[2], third);
    assert_int_equal(many[3], nobodys);
    for (int i = 0; i < 4; i++)
        OK(finish(k, many[i], names[i], NULL));
    int64_t more = put_of(k, 10, QUEUE_PERSON);
    assert_int_equal(claim(k, "a", 20, NULL), first + 1); /* one worker: whose turn was longest ago, in its own order */
    OK(finish(k, first + 1, "a", NULL));
    assert_int_equal(claim(k, "a", 21, NULL), more);
    OK(finish(k, more, "a", NULL));
    assert_int_equal(claim(k, "a", 22, NULL), first + 2);
}

static void of_one_tape_one_job_runs_at_a_time(void **state)
{
    struct kit *k = *state;
    int64_t one = put(k, 0), two = put(k, 0);
    assert_int_equal(claim(k, "a", 1, NULL), one);
    assert_int_equal(claim(k, "b", 1, NULL), 0);
    OK(finish(k, one, "a", NULL));
    assert_int_equal(claim(k, "b", 1, NULL), two);
}

static void a_running_job_tells_its_speed_and_when_it_will_end(void **state)
{
    struct kit *k = *state;
    int64_t id = put(k, 0);
    assert_int_equal(claim(k, "a", 0, NULL), id);
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM jobs WHERE speed IS NULL AND ends_at IS NULL"), 1);
    OK(renew(k, id, "a", 0.5, "encoding", 7));
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM jobs WHERE speed = 2.5 AND ends_at = 60007"), 1);
    OK(finish(k, id, "a", NULL));
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM jobs WHERE speed IS NULL AND ends_at IS NULL"), 1);
}

static void a_job_needs_its_tape_and_goes_with_it(void **state)
{
    struct kit *k = *state;
    put(k, 0);
    OK(kit_exec(k, "DELETE FROM tapes", NULL));
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM jobs"), 0);
    struct step s = { .call = PUT };
    assert_int_equal(step(k, &s), VCR_E_CONFLICT);
}

static void whichever_call_fails_nothing_half_done_stays(void **state)
{
    struct kit *k = *state;
    static const enum call order[] = { PUT, CLAIM, RENEW, AGAIN, CLAIM, HOLDS, FINISH };
    static const char before[] = "SELECT COALESCE(SUM(id * 1000 + attempts * 100 + LENGTH(status) * 10 + LENGTH(stage)), 0) FROM jobs";
    int64_t id = 0;
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        enum vcr_err err = VCR_E_BUSY;
        int n = 1;
        for (; err != VCR_OK; n++) {
            int64_t was = kit_int(k, before);
            struct step s = { .call = order[i], .worker = "a", .id = order[i] == PUT ? 1 : id, .text = order[i] == RENEW ? "s" : NULL, .progress = 0.5, .fail_at = n,
                              .now_ms = 1000 * (int64_t)i };
            err = step(k, &s);
            if (err != VCR_OK) {
                assert_int_equal(err, VCR_E_BUSY);
                assert_int_equal(kit_int(k, before), was);
                assert_null(s.job.payload);
            } else {
                free(s.job.payload);
                id = order[i] == PUT ? s.id : id;
            }
        }
        assert_true(n > 2); /* it did fail at least once */
    }
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM jobs WHERE status = 'done'"), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, kit_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(jobs_go_out_once_and_in_order),
        T(a_lapsed_lease_gives_the_job_to_another),
        T(after_the_last_attempt_a_job_fails_with_a_reason),
        T(progress_never_falls),
        T(a_cancelled_job_is_a_conflict_for_its_worker),
        T(what_broke_off_comes_back_after_its_time),
        T(the_wait_grows_and_is_spread),
        T(what_a_person_waits_for_goes_first),
        T(nobody_starves_behind_anothers_films),
        T(of_one_tape_one_job_runs_at_a_time),
        T(a_running_job_tells_its_speed_and_when_it_will_end),
        T(a_job_needs_its_tape_and_goes_with_it),
        T(whichever_call_fails_nothing_half_done_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
