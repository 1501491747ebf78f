/* test_sql.c - the contract of the SQL port, for each adapter, and what is SQLite's own. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"
#include "kit.h"

#define OK(x) assert_int_equal((x), VCR_OK)

static void the_schema_is_there_and_migrating_twice_changes_nothing(void **state)
{
    struct kit *k = *state;
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM users"), 0);
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM tapes JOIN reels ON reels.tape_id = tapes.id LEFT JOIN jobs ON jobs.tape_id = tapes.id"), 0);
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM sessions, tape_history, devices, refresh_tokens, audit"), 0);
    int64_t applied = kit_int(k, "SELECT COUNT(*) FROM schema_migrations");
    assert_true(applied >= 1);
    OK(kit_exec(k, "INSERT INTO audit(created_at, action) VALUES(1, 'kept')", NULL));
    sql_close(&k->db);
    OK(sql_open(&k->db, "sqlite:vcr.db", k->dir, NULL));
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM schema_migrations"), applied);
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM audit"), 1);
    assert_true(sql_alive(k->db));
}

static enum vcr_err order_work(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct sql_rows *rows;
    OK(sql_query(tx, &rows, "SELECT $2, $1, '$1 it''s', \"$2\" /* $9 */ FROM (SELECT 1 AS \"$2\") x WHERE $1 <> $2 -- $8",
                 SQL_ARGS(SQL_I(1), SQL_I(2)), why));
    OK(sql_next(rows, why));
    assert_int_equal(sql_int(rows, 0), 2);
    assert_int_equal(sql_int(rows, 1), 1);
    assert_string_equal(sql_text(rows, 2), "$1 it's");
    assert_int_equal(sql_int(rows, 3), 1);
    assert_int_equal(sql_next(rows, why), VCR_E_END);
    sql_rows_close(&rows);
    return VCR_OK;
}

static void parameters_go_by_number_not_by_appearance(void **state)
{
    struct kit *k = *state;
    OK(sql_run(k->db, SQL_READ, order_work, NULL, NULL));
}

static enum vcr_err types_work(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    static const unsigned char bytes[] = { 0, 255, 0, 'x' };
    size_t len = 99;
    struct sql_rows *rows;
    OK(sql_query(tx, &rows, "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10",
                 SQL_ARGS(SQL_NUL, SQL_T(NULL), SQL_T(""), SQL_BLOB(bytes, 4), SQL_BLOB(NULL, 0), SQL_B(true), SQL_B(false), SQL_I(INT64_MIN),
                          SQL_I(INT64_MAX), SQL_R(-0.1)),
                 why));
    OK(sql_next(rows, why));
    assert_true(sql_is_null(rows, 0) && sql_is_null(rows, 1));
    assert_null(sql_text(rows, 0));
    assert_int_equal(sql_int(rows, 0), 0);
    assert_false(sql_is_null(rows, 2));
    assert_string_equal(sql_text(rows, 2), "");
    assert_memory_equal(sql_blob(rows, 3, &len), bytes, 4);
    assert_int_equal(len, 4);
    assert_false(sql_is_null(rows, 4));
    assert_non_null(sql_blob(rows, 4, &len));
    assert_int_equal(len, 0);
    assert_true(sql_bool(rows, 5) && !sql_bool(rows, 6));
    assert_true(sql_int(rows, 7) == INT64_MIN && sql_int(rows, 8) == INT64_MAX);
    assert_true(sql_real(rows, 9) == -0.1);
    sql_rows_close(&rows);
    return VCR_OK;
}

static void values_keep_their_types_and_extremes(void **state)
{
    struct kit *k = *state;
    OK(sql_run(k->db, SQL_READ, types_work, NULL, NULL));
}

static void broken_constraints_are_conflicts(void **state)
{
    struct kit *k = *state;
    struct vcr_why why = { 0 };
    static const char *const user = "INSERT INTO users(email, password_hash, created_at) VALUES('a@b', 'x', 1)";
    OK(kit_exec(k, user, &why));
    assert_int_equal(kit_exec(k, user, &why), VCR_E_CONFLICT);
    assert_null(why.slug);
    assert_null(strstr(why.text, "email")); /* shown to clients: no SQL */
    assert_int_equal(kit_exec(k, "INSERT INTO tapes(user_id, title, created_at) VALUES(99, 't', 1)", &why), VCR_E_CONFLICT);
    assert_string_equal(why.slug, "/reference");
    assert_int_equal(kit_exec(k, "INSERT INTO tapes(title) VALUES('no time')", &why), VCR_E_IO);
    assert_int_equal(kit_exec(k, "SELEC 1", &why), VCR_E_IO);
    assert_int_equal(kit_exec(k, "SELECT 1; SELECT 2", &why), VCR_E_INTERNAL);
    assert_int_equal(kit_exec(k, "SELECT $1", &why), VCR_E_INTERNAL);
    OK(kit_exec(k, "INSERT INTO devices(user_id, name, created_at) SELECT id, 'deck', 1 FROM users", &why));
    OK(kit_exec(k, "DELETE FROM users", &why));
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM devices"), 0);
}

static enum vcr_err overlooks_an_error(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    int64_t changed = -1;
    OK(sql_exec(tx, "INSERT INTO audit(created_at, action) VALUES(1, 'x'), (2, 'y')", SQL_NONE, &changed, why));
    assert_int_equal(changed, 2);
    assert_int_equal(sql_exec(tx, "INSERT INTO tapes(user_id, title, created_at) VALUES(99, 't', 1)", SQL_NONE, NULL, NULL), VCR_E_CONFLICT);
    assert_int_equal(sql_exec(tx, "INSERT INTO audit(created_at, action) VALUES(3, 'z')", SQL_NONE, NULL, NULL), VCR_E_CONFLICT);
    return VCR_OK;
}

static void a_transaction_with_a_failed_statement_is_never_committed(void **state)
{
    struct kit *k = *state;
    struct vcr_why why = { 0 };
    assert_int_equal(sql_run(k->db, SQL_WRITE, overlooks_an_error, NULL, &why), VCR_E_CONFLICT);
    assert_string_equal(why.slug, "/reference");
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM audit"), 0);
}

static enum vcr_err writes(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    return sql_exec(tx, "INSERT INTO audit(created_at, action) VALUES(1, 'x')", SQL_NONE, NULL, why);
}

static void a_reading_transaction_cannot_write(void **state)
{
    struct kit *k = *state;
    assert_int_equal(sql_run(k->db, SQL_READ, writes, NULL, NULL), VCR_E_IO);
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM audit"), 0);
}

/* ---- many jobs ---- */

struct crowd {
    struct sql_job jobs[600];
    sem_t hold, held, ended;
};
static struct crowd crowd;

static enum vcr_err holds(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why)
{
    sem_post(&crowd.held);
    sem_wait(&crowd.hold);
    return VCR_OK;
}

static enum vcr_err inserts_or_fails(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t i = job - crowd.jobs;
    OK(sql_exec(tx, "INSERT INTO audit(created_at, action) VALUES($1, 'x')", SQL_ARGS(SQL_I(i)), NULL, why));
    return i % 7 == 3 ? vcr_refuse(why, VCR_E_DENIED, "/mine", "job %d", (int)i) : VCR_OK;
}

static void ended(struct sql_job *job) { sem_post(&crowd.ended); }

static void crowd_start(struct kit *k, enum sql_mode mode)
{
    memset(&crowd, 0, sizeof(crowd));
    sem_init(&crowd.hold, 0, 0);
    sem_init(&crowd.held, 0, 0);
    sem_init(&crowd.ended, 0, 0);
    crowd.jobs[0] = (struct sql_job){ .mode = mode, .deadline_us = INT64_MAX, .work = holds, .done = ended };
    OK(sql_submit(k->db, &crowd.jobs[0], NULL));
    sem_wait(&crowd.held);
}

static void in_a_group_one_job_fails_alone(void **state)
{
    struct kit *k = *state;
    crowd_start(k, SQL_WRITE);
    for (int i = 1; i <= 200; i++) {
        crowd.jobs[i] = (struct sql_job){ .mode = SQL_WRITE, .deadline_us = INT64_MAX, .work = inserts_or_fails, .done = ended };
        OK(sql_submit(k->db, &crowd.jobs[i], NULL));
    }
    sem_post(&crowd.hold);
    int good = 0;
    for (int i = 0; i <= 200; i++)
        sem_wait(&crowd.ended);
    for (int i = 1; i <= 200; i++) {
        assert_int_equal(crowd.jobs[i].err, i % 7 == 3 ? VCR_E_DENIED : VCR_OK);
        if (i % 7 == 3)
            assert_string_equal(crowd.jobs[i].why.slug, "/mine");
        good += i % 7 != 3;
    }
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM audit"), good);
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM audit WHERE created_at % 7 = 3"), 0);
}

static void a_full_queue_says_busy_and_a_late_job_times_out(void **state)
{
    struct kit *k = *state;
    struct vcr_why why = { 0 };
    crowd_start(k, SQL_WRITE);
    crowd.jobs[1] = (struct sql_job){ .mode = SQL_WRITE, .deadline_us = 1, .work = inserts_or_fails, .done = ended };
    OK(sql_submit(k->db, &crowd.jobs[1], NULL));
    for (int i = 2; i <= 512; i++) {
        crowd.jobs[i] = (struct sql_job){ .mode = SQL_WRITE, .deadline_us = INT64_MAX, .work = inserts_or_fails, .done = ended };
        OK(sql_submit(k->db, &crowd.jobs[i], NULL));
    }
    crowd.jobs[513] = crowd.jobs[512];
    assert_int_equal(sql_submit(k->db, &crowd.jobs[513], &why), VCR_E_BUSY);
    sem_post(&crowd.hold);
    for (int i = 0; i <= 512; i++)
        sem_wait(&crowd.ended);
    assert_int_equal(crowd.jobs[1].err, VCR_E_TIMEOUT);
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM audit WHERE created_at <= 1"), 0);
    OK(sql_submit(k->db, &crowd.jobs[513], &why)); /* there is room again */
    sem_wait(&crowd.ended);
    OK(crowd.jobs[513].err);
}

static void a_late_reading_job_times_out(void **state)
{
    struct kit *k = *state;
    crowd_start(k, SQL_READ);
    crowd.jobs[1] = (struct sql_job){ .mode = SQL_READ, .deadline_us = 1, .work = inserts_or_fails, .done = ended };
    OK(sql_submit(k->db, &crowd.jobs[1], NULL));
    sem_post(&crowd.hold);
    sem_wait(&crowd.ended);
    sem_wait(&crowd.ended);
    assert_int_equal(crowd.jobs[1].err, VCR_E_TIMEOUT);
}

struct on_loop {
    struct sql_job job;
    struct loop *loop;
    bool mine;
};

static enum vcr_err loop_work(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why) { return writes(tx, NULL, why); }

static void loop_done(struct sql_job *job)
{
    struct on_loop *o = container_of(job, struct on_loop, job);
    o->mine = loop_is_mine(o->loop);
    loop_stop(o->loop);
}

static void done_comes_back_on_the_loop(void **state)
{
    struct kit *k = *state;
    for (int mode = SQL_READ; mode <= SQL_WRITE; mode++) {
        struct on_loop o = { 0 };
        OK(loop_open(&o.loop, "test", NULL));
        o.job = (struct sql_job){ .loop = o.loop, .mode = mode, .work = loop_work, .done = loop_done };
        OK(sql_submit(k->db, &o.job, NULL));
        loop_run(o.loop);
        assert_true(o.mine);
        assert_int_equal(o.job.err, mode == SQL_WRITE ? VCR_OK : VCR_E_IO);
        loop_close(&o.loop);
    }
}

/* ---- opening and crashing ---- */

static void only_one_opens_a_data_directory(void **state)
{
    struct kit *k = *state;
    struct vcr_why why = { 0 };
    struct sql_db *other = NULL;
    assert_int_equal(sql_open(&other, "sqlite:vcr.db", k->dir, &why), VCR_E_CONFLICT);
    assert_non_null(strstr(why.text, "in use"));
    assert_null(other);
    assert_int_equal(sql_open(&other, "oracle:secret", k->dir, &why), VCR_E_INVALID);
    assert_null(strstr(why.text, "secret"));
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM audit"), 0); /* the first one goes on */
}

static void expect_refusal(struct kit *k, const char *change, const char *undo, const char *word)
{
    struct vcr_why why = { 0 };
    OK(kit_exec(k, change, NULL));
    sql_close(&k->db);
    assert_int_equal(sql_open(&k->db, "sqlite:vcr.db", k->dir, &why), VCR_E_CONFLICT);
    if (!strstr(why.text, word))
        fail_msg("%s: %s", word, why.text);
    assert_null(k->db);
    char *command = vcr_asprintf("sqlite3 %s/vcr.db \"%s\"", k->dir, undo);
    assert_int_equal(system(command), 0);
    free(command);
    OK(sql_open(&k->db, "sqlite:vcr.db", k->dir, &why));
}

static void a_foreign_schema_is_refused(void **state)
{
    struct kit *k = *state;
    expect_refusal(k, "INSERT INTO schema_migrations VALUES(9999, 'x', 1)", "DELETE FROM schema_migrations WHERE version = 9999", "newer");
    expect_refusal(k, "UPDATE schema_migrations SET checksum = '0' || checksum WHERE version = 1",
                   "UPDATE schema_migrations SET checksum = substr(checksum, 2) WHERE version = 1", "changed");
}

/* One that was missing below those that were applied: two lines of work had numbers of their own. */
static void a_missing_migration_is_made_up_for(void **state)
{
    struct kit *k = *state;
    int64_t applied = kit_int(k, "SELECT COUNT(*) FROM schema_migrations");
    OK(kit_exec(k, "DELETE FROM schema_migrations WHERE version = 13", NULL)); /* it may be done twice */
    sql_close(&k->db);
    OK(sql_open(&k->db, "sqlite:vcr.db", k->dir, NULL));
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM schema_migrations"), applied);
}

static void a_command_beside_the_server(void **state)
{
    struct kit *k = *state;
    struct sql_db *db = k->db, *beside = NULL;
    struct vcr_why why = { 0 };
    assert_int_equal(sql_open_beside(&beside, "sqlite:none.db", k->dir, &why), VCR_E_IO);
    assert_null(beside);
    OK(sql_open_beside(&beside, "sqlite:vcr.db", k->dir, NULL));
    k->db = beside;
    OK(kit_exec(k, "INSERT INTO audit(created_at, action) VALUES(77, 'beside')", NULL));
    k->db = db;
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM audit WHERE created_at = 77"), 1);
    OK(kit_exec(k, "DELETE FROM schema_migrations WHERE version = 13", NULL));
    sql_close(&beside);
    assert_int_equal(sql_open_beside(&beside, "sqlite:vcr.db", k->dir, &why), VCR_E_CONFLICT);
    assert_non_null(strstr(why.text, "older"));
}

/* A child commits rows, says how many were reported, and is killed; all that was reported must be there. */
static void what_was_reported_survives_kill_9(void **state)
{
    struct kit *k = *state;
    int pipe_fd[2];
    sql_close(&k->db);
    assert_int_equal(pipe(pipe_fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct sql_db *db;
        if (sql_open(&db, "sqlite:vcr.db", k->dir, NULL) != VCR_OK)
            _exit(1);
        for (;;)
            if (sql_run(db, SQL_WRITE, writes, NULL, NULL) != VCR_OK || write(pipe_fd[1], "x", 1) != 1)
                _exit(1);
    }
    close(pipe_fd[1]);
    char byte;
    int64_t reported = 0;
    while (reported < 20 && read(pipe_fd[0], &byte, 1) == 1)
        reported++;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    while (read(pipe_fd[0], &byte, 1) == 1)
        reported++;
    close(pipe_fd[0]);
    assert_true(reported >= 20);
    OK(sql_open(&k->db, "sqlite:vcr.db", k->dir, NULL)); /* the lock died with its holder */
    assert_true(kit_int(k, "SELECT COUNT(*) FROM audit") >= reported);
}

static enum vcr_err fills(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    for (int i = 0; i < 100 && err == VCR_OK; i++)
        err = sql_exec(tx, "INSERT INTO audit(created_at, action, details) VALUES(7, 'big', zeroblob(1000000))", SQL_NONE, NULL, why);
    return err;
}

static void a_full_disk_says_so_and_passes(void **state)
{
    struct kit *k = *state;
    crowd_start(k, SQL_WRITE);
    for (int i = 1; i <= 3; i++) {
        crowd.jobs[i] = (struct sql_job){ .mode = SQL_WRITE, .deadline_us = INT64_MAX, .work = i == 2 ? fills : inserts_or_fails, .done = ended };
        if (i == 1)
            crowd.jobs[i].work = loop_work;
    }
    sem_post(&crowd.hold);
    sem_wait(&crowd.ended);
    OK(kit_exec(k, "PRAGMA max_page_count = 500", NULL));
    for (int i = 1; i <= 2; i++)
        OK(sql_submit(k->db, &crowd.jobs[i], NULL));
    sem_wait(&crowd.ended);
    sem_wait(&crowd.ended);
    assert_int_equal(crowd.jobs[2].err, VCR_E_FULL);
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM audit WHERE created_at = 7"), 0);
    assert_int_equal(kit_int(k, "SELECT COUNT(*) FROM audit WHERE created_at = 1"), crowd.jobs[1].err == VCR_OK);
    OK(kit_exec(k, "PRAGMA max_page_count = 100000", NULL));
    OK(kit_exec(k, "INSERT INTO audit(created_at, action) VALUES(8, 'again')", NULL));
}

static enum vcr_err breaks_the_commit(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why)
{
    OK(sql_exec(tx, "PRAGMA defer_foreign_keys = ON", SQL_NONE, NULL, why));
    OK(sql_exec(tx, "INSERT INTO tapes(user_id, title, created_at) VALUES(99, 't', 1)", SQL_NONE, NULL, why));
    return VCR_OK;
}

/* SQLite's own: a reference that is checked only at the commit makes the commit fail. */
static void when_the_commit_fails_nobody_is_told_it_worked(void **state)
{
    struct kit *k = *state;
    crowd_start(k, SQL_WRITE);
    for (int i = 1; i <= 4; i++) {
        crowd.jobs[i] = (struct sql_job){ .mode = SQL_WRITE, .deadline_us = INT64_MAX, .work = inserts_or_fails, .done = ended };
        crowd.jobs[i].work = i == 2 ? breaks_the_commit : inserts_or_fails; /* job 3 fails by itself */
        OK(sql_submit(k->db, &crowd.jobs[i], NULL));
    }
    sem_post(&crowd.hold);
    for (int i = 0; i <= 4; i++)
        sem_wait(&crowd.ended);
    for (int i = 1; i <= 4; i++)
        assert_int_equal(crowd.jobs[i].err, i == 3 ? VCR_E_DENIED : VCR_E_CONFLICT);
    assert_string_equal(crowd.jobs[4].why.slug, "/reference");
    assert_int_equal(kit_int(k, "SELECT (SELECT COUNT(*) FROM audit) + (SELECT COUNT(*) FROM tapes)"), 0);
    OK(kit_exec(k, "INSERT INTO audit(created_at, action) VALUES(1, 'after')", NULL));
}

#define KIT(f) cmocka_unit_test_setup_teardown(f, kit_open, kit_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT(the_schema_is_there_and_migrating_twice_changes_nothing),
        KIT(a_missing_migration_is_made_up_for),
        KIT(a_command_beside_the_server),
        KIT(parameters_go_by_number_not_by_appearance),
        KIT(values_keep_their_types_and_extremes),
        KIT(broken_constraints_are_conflicts),
        KIT(a_transaction_with_a_failed_statement_is_never_committed),
        KIT(a_reading_transaction_cannot_write),
        KIT(in_a_group_one_job_fails_alone),
        KIT(a_full_queue_says_busy_and_a_late_job_times_out),
        KIT(a_late_reading_job_times_out),
        KIT(done_comes_back_on_the_loop),
        KIT(only_one_opens_a_data_directory),
        KIT(a_foreign_schema_is_refused),
        KIT(what_was_reported_survives_kill_9),
        KIT(a_full_disk_says_so_and_passes),
        KIT(when_the_commit_fails_nobody_is_told_it_worked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
