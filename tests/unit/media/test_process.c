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
    return err == VCR_OK ? queue_put(tx, 7, "process", QUEUE_PERSON, "{}", clock_wall_ms(), &id, why) : err;
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
    assert_int_equal(process_open(&w, &(struct process_config){ .db = db, .blobs = blobs, .program = program, .silence_ms = silence_ms, .workers = 1, .retry_ms = 1 }, NULL), VCR_OK);
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

static char beside[4096];
static enum vcr_err look_beside(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT COALESCE((SELECT info FROM storyboards WHERE tape_id = 7), '') || COALESCE((SELECT MAX(details) FROM tape_history WHERE action = 'transcoded'), '')",
                                 SQL_NONE, why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        vcr_strcpy(beside, sizeof(beside), sql_text(rows, 0));
    sql_rows_close(&rows);
    return err;
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
    assert_int_equal(blob_stat(blobs, "tapes/7/r1/story.jpg", &size, NULL), VCR_OK);
    assert_int_equal(sql_run(db, SQL_READ, look_beside, NULL, NULL), VCR_OK);
    assert_non_null(strstr(beside, "\"interval_us\":1000000"));
    assert_non_null(strstr(beside, "\"decided_by\""));
}

/* A recording: its clean reel is there, and the job makes the tape's of it. */
static enum vcr_err record(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    int64_t id;
    enum vcr_err err = sql_exec(tx, "UPDATE jobs SET status = 'done'", SQL_NONE, NULL, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "DELETE FROM jobs", SQL_NONE, NULL, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "DELETE FROM reels WHERE kind = 'tape_video'", SQL_NONE, NULL, why);
    if (err == VCR_OK)
        err = sql_exec(tx, "DELETE FROM storyboards", SQL_NONE, NULL, why);
    return err == VCR_OK ? queue_put(tx, 7, "finish", QUEUE_PERSON, "{}", clock_wall_ms(), &id, why) : err;
}

static void a_recording_is_finished(void **state)
{
    uint64_t size;
    put_original("ffmpeg -v error -f lavfi -i testsrc2=s=320x240:r=25:d=2 -f lavfi -i sine=1000:d=2 -c:v mpeg2video -c:a mp2 -f mpeg -");
    process(VCR_INGEST, 0);
    assert_int_equal(reel_count, 4);
    assert_int_equal(sql_run(db, SQL_WRITE, record, NULL, NULL), VCR_OK);
    assert_int_equal(blob_delete(blobs, "tapes/7/original", NULL), VCR_OK); /* a recording has none */
    process(VCR_INGEST, 0);
    assert_string_equal(job_error, "");
    assert_string_equal(tape_status, "ready");
    assert_int_equal(reel_count, 4);
    assert_int_equal(sql_run(db, SQL_READ, look_beside, NULL, NULL), VCR_OK);
    assert_non_null(strstr(beside, "\"interval_us\":1000000"));
    assert_int_equal(blob_stat(blobs, "tapes/7/r1/clean.mp4", &size, NULL), VCR_OK);
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
    /* one that talks all the time and gets nowhere */
    teardown(NULL);
    setup(NULL);
    put_original("echo hello");
    script("talks", "while :; do echo '{\"stage\":\"encoding\",\"progress\":0.5}' >&4; sleep 0.02; done", path, sizeof(path));
    process(path, 300);
    assert_string_equal(job_status, "failed");
    assert_non_null(strstr(job_error, "no progress"));
}

/* The child dies in the middle, and the server that watches it: again and again, and the job goes on. A wrapper tells the child's number. */
static void a_job_that_is_killed_goes_on(void **state)
{
    char path[128], line[800], *text = vcr_asprintf("echo $$ > %s/pid; exec " VCR_INGEST " \"$@\"", dir);
    const char *set = getenv("VCR_LONG");
    int rounds = set && *set ? 40 : 5, killed = 0;
    put_original(rounds > 5 ? "ffmpeg -v error -f lavfi -i testsrc2=s=320x240:r=25:d=60 -f lavfi -i sine=1000:d=60 -c:v mpeg2video -c:a mp2 -f mpeg -"
                            : "ffmpeg -v error -f lavfi -i testsrc2=s=320x240:r=25:d=8 -f lavfi -i sine=1000:d=8 -c:v mpeg2video -c:a mp2 -f mpeg -");
    script("told", text, path, sizeof(path));
    free(text);
    for (int i = 0; i < rounds; i++) {
        struct process_worker *w = NULL;
        assert_int_equal(process_open(&w, &(struct process_config){ .db = db, .blobs = blobs, .program = path }, NULL), VCR_OK);
        /* until the tape reel has grown by a fragment or two, or all is done */
        snprintf(line, sizeof(line), "cd %s; n=$(stat -c %%s blobs/tapes/7/r1/tape.mp4.part 2>/dev/null || echo 0); for i in $(seq 3000); do [ -e blobs/tapes/7/r1/tape.mp4 ] && exit 1; "
                 "[ $(stat -c %%s blobs/tapes/7/r1/tape.mp4.part 2>/dev/null || echo 0) -gt $((n + 3000)) ] && break; sleep 0.01; done; [ %d = 0 ] || kill -9 $(cat pid)", dir, i % 2);
        bool more = system(line) == 0;
        process_close(&w);
        if (!more)
            break;
        killed++;
    }
    assert_true(killed >= rounds / 2);
    process(VCR_INGEST, 0);
    assert_string_equal(job_error, "");
    assert_string_equal(tape_status, "ready");
    assert_string_equal(job_status, "done");
    assert_true(attempts <= QUEUE_ATTEMPTS_MAX);
    assert_int_equal(reel_count, 4);
    snprintf(line, sizeof(line), "cd %s/blobs/tapes/7/r1 && test -z \"$(ls | grep part)\" && test -z \"$(ffmpeg -v error -i clean.mp4 -i tape.mp4 -map 0 -map 1 -f null - 2>&1)\" && "
             "test $(ffprobe -v error -count_frames -show_entries stream=nb_read_frames -of default=nk=1:nw=1 clean.mp4) = %d", dir, rounds > 5 ? 1500 : 200);
    assert_int_equal(system(line), 0);
}

/* The build that people run is tried, too, where there is one: under a sanitizer not all is as it is there. */
static const char *program_of(int build)
{
    static char path[400];
    const char *release = getenv("VCR_RELEASE");
    if (build > 1 || (build > 0 && (!release || !*release)))
        return NULL;
    snprintf(path, sizeof(path), build > 0 ? "%s/vcr-ingest" : "%s", build > 0 ? release : VCR_INGEST);
    return path;
}

/* The kernel ends it where its CPU time is over, which vcr-ingest's own limit of a day does not raise; the job goes on where it was. */
static void out_of_cpu_time_it_is_ended_and_the_job_goes_on(void **state)
{
    const char *program;
    for (int build = 0; (program = program_of(build)); build++) {
        char path[128], line[200], *text = vcr_asprintf("[ -e %s/ended ] && exec %s \"$@\"; prlimit --cpu=1 %s \"$@\"; echo $? >%s/ended; exit 1", dir, program, program, dir);
        put_original("ffmpeg -v error -f lavfi -i testsrc2=s=720x576:r=50:d=4 -f lavfi -i sine=1000:d=4 -c:v mpeg2video -q:v 4 -c:a mp2 -f mpeg -");
        script("limited", text, path, sizeof(path));
        free(text);
        process(path, 0);
        assert_string_equal(job_error, "");
        assert_string_equal(job_status, "done");
        snprintf(line, sizeof(line), "grep -qxE '137|152' %s/ended", dir); /* SIGKILL, SIGXCPU */
        assert_int_equal(system(line), 0);
        teardown(NULL);
        setup(NULL);
    }
}

/* The real one, stopped in the middle of its work. */
static void one_that_stands_still_is_ended(void **state)
{
    const char *program;
    for (int build = 0; (program = program_of(build)); build++) {
        char path[128], *text = vcr_asprintf("(while [ ! -s %s/blobs/tapes/7/r1/tape.mp4.part ]; do sleep 0.01; done; kill -STOP $$) 4>&- & exec %s \"$@\"", dir, program);
        put_original("ffmpeg -v error -f lavfi -i testsrc2=s=720x576:r=50:d=20 -c:v mpeg2video -q:v 4 -f mpeg -");
        script("stops", text, path, sizeof(path));
        free(text);
        process(path, 3000);
        assert_string_equal(job_status, "failed");
        assert_non_null(strstr(job_error, "no progress"));
        assert_int_equal(attempts, 1);
        teardown(NULL);
        setup(NULL);
    }
}

#define MEDIA "\"media\":{\"container\":\"mpeg\",\"sha256\":\"" SHA SHA "\",\"size_bytes\":5,\"recovered\":false,\"audio\":[],\"damage\":null,\"video\":{\"codec\":\"x\"," \
    "\"width\":2,\"height\":2,\"sample_aspect\":\"1:1\",\"display_aspect\":\"4:3\",\"frame_rate\":25,\"variable_frame_rate\":false,\"field_order\":\"progressive\"," \
    "\"pixel_format\":\"x\"}}"
#define HELLO_SHA "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03" /* of "hello" and a line's end */
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

/* The tape is purged or its job cancelled while the film is in work: a moment later all is written, or the child has died, and what there is must go. */
static void what_is_finished_too_late_does_not_stay(void **state)
{
    static enum vcr_err (*const meanwhile[])(struct sql_tx *tx, void *arg, struct vcr_why *why) = { purge, cancel };
    static const char *const ends[] = { "echo '{\"result\":{\"duration_us\":5,\"standard\":\"pal\"," MEDIA "," REELS "}}' >&4", "kill -9 $$" };
    for (size_t i = 0; i < ARRAY_LEN(meanwhile) * ARRAY_LEN(ends); i++) {
        if (i > 0) {
            teardown(NULL);
            setup(NULL);
        }
        char path[128], line[200], *text = vcr_asprintf(FILLED "echo picture >/proc/self/fd/13; touch %s/began; while [ ! -e %s/go ]; do sleep 0.02; done; %s",
                                                        dir, dir, ends[i % ARRAY_LEN(ends)]);
        struct process_worker *w = NULL;
        put_original("echo hello");
        script("waits", text, path, sizeof(path));
        free(text);
        assert_int_equal(process_open(&w, &(struct process_config){ .db = db, .blobs = blobs, .program = path, .workers = 1 }, NULL), VCR_OK);
        snprintf(line, sizeof(line), "%s/began", dir);
        for (int k = 0; k < 4000 && access(line, F_OK) != 0; k++)
            nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
        assert_int_equal(sql_run(db, SQL_WRITE, meanwhile[i / ARRAY_LEN(ends)], NULL, NULL), VCR_OK);
        snprintf(line, sizeof(line), "touch %s/go", dir);
        assert_int_equal(system(line), 0);
        nanosleep(&(struct timespec){ 0, 200000000 }, NULL); /* mostly the end comes first, else the word that the job is lost: nothing stays either way */
        process_close(&w);
        snprintf(line, sizeof(line), "find %s/blobs -type f ! -name original | grep -q .", dir);
        assert_int_not_equal(system(line), 0);
    }
}

static enum vcr_err add_job(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    int64_t id;
    enum vcr_err err = sql_exec(tx, "DELETE FROM jobs", SQL_NONE, NULL, why);
    return err == VCR_OK ? queue_put(tx, 7, "process", QUEUE_PERSON, arg, clock_wall_ms(), &id, why) : err;
}

/* Processed anew: the old reels are there until others are, and go then. */
static void a_second_processing_takes_the_place_of_the_first(void **state)
{
    uint64_t size;
    char path[128];
    put_original("ffmpeg -v error -f lavfi -i testsrc2=s=160x120:r=25:d=1 -c:v mpeg2video -f mpeg -");
    process(VCR_INGEST, 0);
    assert_string_equal(tape_status, "ready");
    int64_t reels = reel_count;
    script("fails", "echo '{\"error\":\"This is not a film.\"}' >&4", path, sizeof(path));
    assert_int_equal(sql_run(db, SQL_WRITE, add_job, "{}", NULL), VCR_OK);
    process(path, 0);
    assert_string_equal(job_status, "failed");
    assert_string_equal(tape_status, "ready");
    assert_int_equal(reel_count, reels);
    assert_int_equal(blob_stat(blobs, "tapes/7/r1/clean.mp4", &size, NULL), VCR_OK);
    assert_int_equal(blob_stat(blobs, "tapes/7/r2/clean.mp4", &size, NULL), VCR_E_NOT_FOUND);
    assert_int_equal(sql_run(db, SQL_WRITE, add_job, "{}", NULL), VCR_OK);
    process(VCR_INGEST, 0);
    assert_string_equal(job_status, "done");
    assert_string_equal(tape_status, "ready");
    assert_int_equal(reel_count, reels);
    assert_int_equal(blob_stat(blobs, "tapes/7/r1/clean.mp4", &size, NULL), VCR_E_NOT_FOUND);
    assert_int_equal(blob_stat(blobs, "tapes/7/thumb.jpg", &size, NULL), VCR_OK);
}

static enum vcr_err know_another(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    return sql_exec(tx, "UPDATE tapes SET original_sha256 = '" SHA SHA "'", SQL_NONE, NULL, why);
}

static enum vcr_err count_audit(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT COUNT(*) FROM audit WHERE action = 'original_changed' AND details LIKE '%\"expected\":\"" SHA SHA "\"%'"
                                 " AND details LIKE '%\"found\":\"" HELLO_SHA "\"%'", SQL_NONE, why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        *(int64_t *)arg = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err;
}

static void an_original_replaced_behind_our_back_is_noticed_before_anything_is_made(void **state)
{
    int64_t audited = 0;
    char path[128], line[200], *text = vcr_asprintf("touch %s/began", dir);
    put_original("echo hello");
    script("runs", text, path, sizeof(path));
    free(text);
    assert_int_equal(sql_run(db, SQL_WRITE, know_another, NULL, NULL), VCR_OK);
    process(path, 0);
    assert_string_equal(job_status, "failed");
    assert_int_equal(attempts, 1);
    assert_non_null(strstr(job_error, "checksum"));
    snprintf(line, sizeof(line), "%s/began", dir);
    assert_int_not_equal(access(line, F_OK), 0);
    assert_int_equal(sql_run(db, SQL_READ, count_audit, &audited, NULL), VCR_OK);
    assert_int_equal(audited, 1);
    assert_int_equal(blob_stat(blobs, "tapes/7/original", &(uint64_t){ 0 }, NULL), VCR_OK);
}

static enum vcr_err find_media(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT media, original_sha256 FROM tapes", SQL_NONE, why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        snprintf(arg, 2000, "%s %s", sql_text(rows, 0), sql_text(rows, 1));
    sql_rows_close(&rows);
    return err;
}

/* The child says another: it is not asked. */
static void the_checksum_of_a_tape_is_the_servers_own(void **state)
{
    char path[128], media[2000], *text = vcr_asprintf(FILLED "echo '{\"result\":{%s}}' >&4", "\"duration_us\":5,\"standard\":\"pal\"," MEDIA "," REELS);
    put_original("echo hello");
    script("says", text, path, sizeof(path));
    free(text);
    process(path, 0);
    assert_string_equal(tape_status, "ready");
    assert_int_equal(sql_run(db, SQL_READ, find_media, media, NULL), VCR_OK);
    assert_non_null(strstr(media, "\"sha256\":\"" HELLO_SHA "\""));
    assert_non_null(strstr(media, "} " HELLO_SHA));
}

static void an_original_that_is_gone_is_said_at_once(void **state)
{
    process(VCR_INGEST, 0);
    assert_string_equal(job_status, "failed");
    assert_int_equal(attempts, 1);
    assert_non_null(strstr(job_error, "no longer there"));
}

static enum vcr_err add_more(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    int64_t id;
    enum vcr_err err = VCR_OK;
    for (int tape = 8; tape <= 9 && err == VCR_OK; tape++) {
        err = sql_exec(tx, "INSERT INTO tapes(id, title, status, created_at, updated_at) VALUES($1, 'film', 'processing', 1, 1)", SQL_ARGS(SQL_I(tape)), NULL, why);
        if (err == VCR_OK)
            err = queue_put(tx, tape, "process", QUEUE_PERSON, "{}", clock_wall_ms(), &id, why);
    }
    return err;
}

static bool line_holds(const char *line)
{
    bool ok = false;
    for (int k = 0; k < 4000 && !(ok = system(line) == 0); k++)
        nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
    return ok;
}

/* Each child waits until two have begun: with one worker none would ever end. The third job is done by whoever is free first. */
static void two_workers_do_two_jobs_at_once(void **state)
{
    char path[128], line[200], *text = vcr_asprintf(FILLED "echo >%s/began.$$; while [ \"$(ls %s | grep -c began)\" -lt 2 ]; do echo '{\"progress\":0.1}' >&4; sleep 0.02; done; "
                                                    "echo '{\"result\":{%s}}' >&4", dir, dir, "\"duration_us\":5,\"standard\":\"pal\"," MEDIA "," REELS);
    struct process_worker *w = NULL;
    put_original("echo hello");
    snprintf(line, sizeof(line), "cd %s/blobs/tapes && cp -r 7 8 && cp -r 7 9", dir);
    assert_int_equal(system(line), 0);
    script("pair", text, path, sizeof(path));
    free(text);
    assert_int_equal(sql_run(db, SQL_WRITE, add_more, NULL, NULL), VCR_OK);
    assert_int_equal(process_open(&w, &(struct process_config){ .db = db, .blobs = blobs, .program = path, .workers = 2 }, NULL), VCR_OK);
    snprintf(line, sizeof(line), "test \"$(find %s/blobs -name clean.idx | wc -l)\" = 3", dir);
    assert_true(line_holds(line));
    process_close(&w);
}

/* It is not silent, so nothing else ends it. */
static void a_cancelled_jobs_child_ends(void **state)
{
    char path[128], line[200], *text = vcr_asprintf(FILLED "echo $$ >%s/pid; while echo '{\"progress\":0.1}' >&4; do sleep 0.02; done", dir);
    struct process_worker *w = NULL;
    put_original("echo hello");
    script("talks", text, path, sizeof(path));
    free(text);
    assert_int_equal(process_open(&w, &(struct process_config){ .db = db, .blobs = blobs, .program = path, .workers = 1 }, NULL), VCR_OK);
    snprintf(line, sizeof(line), "test -s %s/pid", dir);
    assert_true(line_holds(line));
    assert_int_equal(sql_run(db, SQL_WRITE, cancel, NULL, NULL), VCR_OK);
    snprintf(line, sizeof(line), "test ! -d /proc/$(cat %s/pid)", dir);
    assert_true(line_holds(line));
    snprintf(line, sizeof(line), "test -z \"$(find %s/blobs -type f ! -name original)\"", dir);
    assert_true(line_holds(line));
    assert_int_equal(sql_run(db, SQL_READ, look, NULL, NULL), VCR_OK);
    assert_string_equal(job_status, "cancelled");
    process_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_film_becomes_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(a_recording_is_finished, setup, teardown),
        cmocka_unit_test_setup_teardown(a_job_that_is_killed_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(out_of_cpu_time_it_is_ended_and_the_job_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_stands_still_is_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(no_film_fails_with_its_sentence_and_leaves_no_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_child_that_dies_is_tried_three_times, setup, teardown),
        cmocka_unit_test_setup_teardown(a_silent_or_endless_child_is_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(a_report_that_cannot_be_true_is_no_result, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_finished_too_late_does_not_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_processing_takes_the_place_of_the_first, setup, teardown),
        cmocka_unit_test_setup_teardown(an_original_replaced_behind_our_back_is_noticed_before_anything_is_made, setup, teardown),
        cmocka_unit_test_setup_teardown(the_checksum_of_a_tape_is_the_servers_own, setup, teardown),
        cmocka_unit_test_setup_teardown(an_original_that_is_gone_is_said_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(two_workers_do_two_jobs_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cancelled_jobs_child_ends, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
