/* test_process.c - the worker from queued job to ready tape, with the real vcr-ingest and with children that misbehave. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/process.h"
#include "base/clock.h"
#include "base/util.h"
#include "store/queue.h"

static char dir[64];
static struct sql_db *db;
static struct blob_store *blobs;
static char tape_status[32], job_status[32], job_error[256], actions[256];
static int64_t reel_count, duration_us, attempts;

static enum vcr_err add_tape(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    int64_t id;
    enum vcr_err err = sql_exec(tx, "INSERT INTO tapes(id, title, status, created_at, updated_at) VALUES(7, 'film', 'processing', 1, 1)", SQL_NONE, NULL, why);
    return err == VCR_OK ? queue_put(tx, 7, "process", "{}", clock_wall_ms(), &id, why) : err;
}

static enum vcr_err look(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT t.status, t.duration_us, j.status, j.error, j.attempts, (SELECT COUNT(*) FROM reels WHERE tape_id = 7) FROM tapes t JOIN jobs j ON j.tape_id = t.id", SQL_NONE, why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        vcr_strcpy(tape_status, sizeof(tape_status), sql_text(rows, 0));
        duration_us = sql_int(rows, 1);
        vcr_strcpy(job_status, sizeof(job_status), sql_text(rows, 2));
        vcr_strcpy(job_error, sizeof(job_error), sql_is_null(rows, 3) ? "" : sql_text(rows, 3));
        attempts = sql_int(rows, 4);
        reel_count = sql_int(rows, 5);
    }
    sql_rows_close(&rows);
    actions[0] = 0;
    if (err == VCR_OK)
        err = sql_query(tx, &rows, "SELECT action FROM tape_history ORDER BY id", SQL_NONE, why);
    while (err == VCR_OK && sql_next(rows, why) == VCR_OK)
        snprintf(actions + strlen(actions), sizeof(actions) - strlen(actions), "%s ", sql_text(rows, 0));
    sql_rows_close(&rows);
    return err;
}

static int setup(void **state)
{
    struct vcr_why why = { 0 };
    vcr_strcpy(dir, sizeof(dir), "/tmp/vcr-process-XXXXXX");
    if (!mkdtemp(dir) || sql_open(&db, "sqlite:vcr.db", dir, &why) != VCR_OK || blob_open_store(&blobs, "file:blobs", dir, &why) != VCR_OK) {
        fprintf(stderr, "%s\n", why.text);
        return -1;
    }
    return sql_run(db, SQL_WRITE, add_tape, NULL, &why) == VCR_OK ? 0 : -1;
}
static int teardown(void **state)
{
    char line[128];
    sql_close(&db);
    blob_close_store(&blobs);
    snprintf(line, sizeof(line), "rm -rf %s", dir);
    return system(line);
}

static void put_original(const char *make)
{
    char line[512], bytes[65536], sha[65];
    uint64_t size;
    struct blob_writer *w = NULL;
    snprintf(line, sizeof(line), "cd %s && %s", dir, make);
    FILE *f = popen(line, "r");
    assert_non_null(f);
    assert_int_equal(blob_begin(blobs, "tapes/7/original", &w, NULL), VCR_OK);
    for (size_t n; (n = fread(bytes, 1, sizeof(bytes), f)) > 0;)
        assert_int_equal(blob_write(w, bytes, n, NULL), VCR_OK);
    pclose(f);
    assert_int_equal(blob_commit(&w, sha, &size, NULL), VCR_OK);
}

/* Runs the worker until the job has ended. */
static void process(const char *program, int silence_ms)
{
    struct process_worker *w = NULL;
    assert_int_equal(process_open(&w, &(struct process_config){ db, blobs, program, silence_ms }, NULL), VCR_OK);
    int64_t until_us = clock_mono_us() + 100000000;
    do {
        nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
        assert_int_equal(sql_run(db, SQL_READ, look, NULL, NULL), VCR_OK);
    } while ((strcmp(job_status, "queued") == 0 || strcmp(job_status, "running") == 0) && clock_mono_us() < until_us);
    process_close(&w);
}

static void script(const char *name, const char *text, char *ret_path, size_t size)
{
    snprintf(ret_path, size, "%s/%s", dir, name);
    FILE *f = fopen(ret_path, "w");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\n%s\n", text);
    fclose(f);
    char line[200];
    snprintf(line, sizeof(line), "chmod +x %s", ret_path);
    assert_int_equal(system(line), 0);
}

static void a_film_becomes_ready(void **state)
{
    uint64_t size;
    put_original("ffmpeg -v error -f lavfi -i testsrc2=s=320x240:r=25:d=2 -f lavfi -i sine=1000:d=2 -c:v mpeg2video -c:a mp2 -f mpeg -");
    process(VCR_INGEST, 0);
    assert_string_equal(job_error, "");
    assert_string_equal(tape_status, "ready");
    assert_string_equal(job_status, "done");
    assert_int_equal(reel_count, 4);
    assert_in_range(duration_us, 1950000, 2050000);
    assert_string_equal(actions, "processing_started transcoded ");
    assert_int_equal(blob_stat(blobs, "tapes/7/thumb.jpg", &size, NULL), VCR_OK);
    assert_int_equal(blob_stat(blobs, "tapes/7/r1/opus.idx", &size, NULL), VCR_OK);
}

static void no_film_fails_with_its_sentence_and_leaves_no_bytes(void **state)
{
    uint64_t size;
    put_original("echo hello");
    process(VCR_INGEST, 0);
    assert_string_equal(tape_status, "failed");
    assert_string_equal(job_status, "failed");
    assert_non_null(strstr(job_error, "not a film"));
    assert_string_equal(actions, "processing_started failed ");
    assert_int_equal(blob_stat(blobs, "tapes/7/r1/clean.mp4", &size, NULL), VCR_E_NOT_FOUND);
    assert_int_equal(blob_stat(blobs, "tapes/7/original", &size, NULL), VCR_OK);
}

static void a_child_that_dies_is_tried_three_times(void **state)
{
    char path[128];
    put_original("echo hello");
    script("dies", "kill -9 $$", path, sizeof(path));
    process(path, 0);
    assert_string_equal(job_status, "failed");
    assert_int_equal(attempts, QUEUE_ATTEMPTS_MAX);
    assert_null(strchr(job_error, '/'));
}

static void a_silent_or_endless_child_is_ended(void **state)
{
    char path[128];
    put_original("echo hello");
    script("silent", "exec sleep 1000", path, sizeof(path));
    process(path, 300);
    assert_string_equal(job_status, "failed");
    assert_non_null(strstr(job_error, "no progress"));
}

#define MEDIA "\"media\":{\"container\":\"mpeg\",\"sha256\":\"" SHA SHA "\",\"size_bytes\":5,\"recovered\":false,\"audio\":[],\"damage\":null,\"video\":{\"codec\":\"x\"," \
    "\"width\":2,\"height\":2,\"sample_aspect\":\"1:1\",\"display_aspect\":\"4:3\",\"frame_rate\":25,\"variable_frame_rate\":false,\"field_order\":\"progressive\"," \
    "\"pixel_format\":\"x\"}}"
#define SHA "0123456789abcdef0123456789abcdef"
#define REEL(kind) "{\"kind\":\"" kind "\",\"info\":{\"codecs\":\"x\"}}"
#define REELS "\"reels\":[" REEL("clean_video") "," REEL("tape_video") "]"
#define FILLED "for n in 5 6 11 12; do echo reel >/proc/self/fd/$n; done; "

/* A vcr-ingest that a film took over may say what it likes: a tape does not become ready by it. The last one is the pattern that all others break. */
static void a_report_that_cannot_be_true_is_no_result(void **state)
{
    static const struct { const char *write, *result, *status; } rows[] = {
        { FILLED, "\"duration_us\":9223372036854775807,\"standard\":\"pal\"," MEDIA "," REELS, "failed" },
        { FILLED, "\"duration_us\":-1,\"standard\":\"pal\"," MEDIA "," REELS, "failed" },
        { FILLED, "\"duration_us\":1.5,\"standard\":\"pal\"," MEDIA "," REELS, "failed" },
        { FILLED, "\"duration_us\":5,\"standard\":\"secam and more\"," MEDIA "," REELS, "failed" },
        { FILLED, "\"duration_us\":5,\"standard\":\"pal\",\"media\":{}," REELS, "failed" },
        { FILLED, "\"duration_us\":5,\"standard\":\"pal\"," MEDIA ",\"reels\":[" REEL("clean_video") "]", "failed" },
        { FILLED, "\"duration_us\":5,\"standard\":\"pal\"," MEDIA ",\"reels\":[" REEL("clean_video") "," REEL("tape_video") "," REEL("tape_video") "]", "failed" },
        { FILLED, "\"duration_us\":5,\"standard\":\"pal\"," MEDIA ",\"reels\":[" REEL("clean_video") "," REEL("tape_video") "," REEL("opus") "]", "failed" },
        { "", "\"duration_us\":5,\"standard\":\"pal\"," MEDIA "," REELS, "failed" }, /* names reels that it has not written */
        { FILLED, "\"duration_us\":5,\"standard\":\"pal\"," MEDIA "," REELS, "ready" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[128], *text = vcr_asprintf("%s echo '{\"result\":{%s}}' >&4", rows[i].write, rows[i].result);
        if (i > 0) {
            teardown(NULL);
            setup(NULL);
        }
        put_original("echo hello");
        script("says", text, path, sizeof(path));
        process(path, 0);
        free(text);
        if (strcmp(tape_status, rows[i].status) != 0)
            fail_msg("row %zu: %s: %s", i, tape_status, job_error);
        assert_null(strchr(job_error, '/'));
    }
}

static enum vcr_err purge(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    enum vcr_err err = sql_exec(tx, "DELETE FROM tapes", SQL_NONE, NULL, why);
    return err == VCR_OK ? blob_delete_prefix(blobs, "tapes/7/", why) : err;
}

static enum vcr_err cancel(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    return sql_exec(tx, "UPDATE jobs SET status = 'cancelled', worker = NULL, lease_until = NULL", SQL_NONE, NULL, why);
}

/* The tape is purged or its job cancelled while the film is in work: a moment later all is written, and must go. */
static void what_is_finished_too_late_does_not_stay(void **state)
{
    static enum vcr_err (*const meanwhile[])(struct sql_tx *tx, void *arg, struct vcr_why *why) = { purge, cancel };
    for (size_t i = 0; i < ARRAY_LEN(meanwhile); i++) {
        if (i > 0) {
            teardown(NULL);
            setup(NULL);
        }
        char path[128], line[200], *text = vcr_asprintf(FILLED "echo picture >/proc/self/fd/13; touch %s/began; while [ ! -e %s/go ]; do sleep 0.02; done; "
                                                        "echo '{\"result\":{%s}}' >&4", dir, dir, "\"duration_us\":5,\"standard\":\"pal\"," MEDIA "," REELS);
        struct process_worker *w = NULL;
        put_original("echo hello");
        script("waits", text, path, sizeof(path));
        free(text);
        assert_int_equal(process_open(&w, &(struct process_config){ db, blobs, path, 0 }, NULL), VCR_OK);
        snprintf(line, sizeof(line), "%s/began", dir);
        for (int k = 0; k < 4000 && access(line, F_OK) != 0; k++)
            nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
        assert_int_equal(sql_run(db, SQL_WRITE, meanwhile[i], NULL, NULL), VCR_OK);
        snprintf(line, sizeof(line), "touch %s/go", dir);
        assert_int_equal(system(line), 0);
        nanosleep(&(struct timespec){ 0, 200000000 }, NULL); /* mostly the result comes first, else the word that the job is lost: nothing stays either way */
        process_close(&w);
        snprintf(line, sizeof(line), "find %s/blobs -type f ! -name original | grep -q .", dir);
        assert_int_not_equal(system(line), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_film_becomes_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(no_film_fails_with_its_sentence_and_leaves_no_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_child_that_dies_is_tried_three_times, setup, teardown),
        cmocka_unit_test_setup_teardown(a_silent_or_endless_child_is_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(a_report_that_cannot_be_true_is_no_result, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_finished_too_late_does_not_stay, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
