/* tests/unit/api/test_timeline.c - a tape that was recorded over: its spans, the bridges at its cuts made by the real vcr-ingest, and who may see them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "app/process.h"
#include "app/timeline.h"
#include "kit.h"
#include "media/ingest/ingest.h"
#include "wire/reelspan.h"

#define SECOND INT64_C(1000000)
static struct kit kit;
static char owner[1200], other[1200], films[64];
static long long tape;

__attribute__((format(printf, 1, 2))) static void shell(const char *fmt, ...)
{
    char line[1500];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    assert_int_equal(system(line), 0);
}

/* Reels of a film of so many seconds, made once. */
static void make_film(const char *name, int seconds, const char *picture)
{
    shell("mkdir -p %s/%s && cd %s/%s && ffmpeg -v error -f lavfi -i '%s=s=352x240:r=30000/1001:d=%d' -f lavfi -i 'sine=f=440:r=48000:d=%d'"
          " -c:v mpeg2video -q:v 4 -c:a mp2 film.mpg", films, name, films, name, picture, seconds, seconds);
    /* 3 the film, 4 the report, then all outputs; those that are not looked at have their numbers as names */
    char rest[200] = "";
    for (int fd = INGEST_FD_OUTPUTS + 4, n = 0; fd < INGEST_FD_OUTPUTS + INGEST_OUTPUTS; fd++)
        n += snprintf(rest + n, sizeof(rest) - (size_t)n, " %d<>%d", fd, fd);
    shell("cd %s/%s && bash -c '%s --run 3<film.mpg 4>report 5<>clean.mp4 6<>clean.idx 7<>audio.mp4 8<>audio.idx %s 2>/dev/null'", films, name, VCR_INGEST, rest);
}

static void put_file(const char *key, const char *path)
{
    struct blob_writer *w = NULL;
    static char bytes[4 << 20];
    char sha[65];
    uint64_t size;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(bytes, 1, sizeof(bytes), f);
    fclose(f);
    assert_int_equal(blob_begin(kit.blobs, key, &w, NULL), VCR_OK);
    assert_int_equal(blob_write(w, bytes, n, NULL), VCR_OK);
    assert_int_equal(blob_commit(&w, sha, &size, NULL), VCR_OK);
}

/* The reels of a film as the tape's own (take "NULL") or as a take. */
static void add_reels(const char *film, const char *folder, const char *take, int64_t duration_us)
{
    static const char *const kinds[2][2] = { { "clean_video", "clean" }, { "clean_audio", "audio" } };
    for (int i = 0; i < 2; i++) {
        static const char *const ends[2] = { "mp4", "idx" };
        for (int k = 0; k < 2; k++) {
            char key[160], path[160];
            snprintf(key, sizeof(key), "tapes/%lld/%s/%s.%s", tape, folder, kinds[i][1], ends[k]);
            snprintf(path, sizeof(path), "%s/%s/%s.%s", films, film, kinds[i][1], ends[k]);
            put_file(key, path);
        }
        kit_sql(&kit, "INSERT INTO reels(tape_id, take_id, kind, blob_key, index_key, size_bytes, duration_us, info)"
            " VALUES(%lld, %s, '%s', 'tapes/%lld/%s/%s.mp4', 'tapes/%lld/%s/%s.idx', 9, %lld, '{}')",
            tape, take, kinds[i][0], tape, folder, kinds[i][1], tape, folder, kinds[i][1], (long long)duration_us);
    }
}

static int open_server(void **state)
{
    kit_open(&kit, NULL);
    sign_up(&kit, "owner@example.org", owner);
    sign_up(&kit, "other@example.org", other);
    tape = kit_make_tape(&kit, owner, "{\"title\":\"Birthday\"}");
    add_reels("film", "r1", "NULL", 6 * SECOND);
    kit_sql(&kit, "UPDATE tapes SET status = 'ready', duration_us = 6000000 WHERE id = %lld", tape);
    return 0;
}
static int close_server(void **state) { kit_close(&kit); return 0; }

static int make_films(void **state)
{
    strcpy(films, "/tmp/vcr-timeline-XXXXXX");
    if (!mkdtemp(films))
        return -1;
    make_film("film", 6, "testsrc2");
    make_film("take", 3, "smptebars");
    return 0;
}
static int drop_films(void **state)
{
    char line[100];
    snprintf(line, sizeof(line), "rm -rf %s", films);
    return system(line);
}

static enum vcr_err record_work(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    const struct app_recorded note = { .user_id = 1 };
    return app_timeline_record(tx, tape, arg, &note, 1700000000000, why);
}

/* Records a take of three seconds over the tape. */
static void record_over(int64_t start_us)
{
    kit_sql(&kit, "INSERT INTO takes(id, tape_id, created_at, duration_us) VALUES(5, %lld, 0, 3000000)", tape);
    add_reels("take", "c5", "5", 3 * SECOND);
    struct timeline_span s = { .start_us = start_us, .end_us = start_us + 3 * SECOND, .take = 5, .recorded_ms = 1700000000000 };
    assert_int_equal(sql_run(kit.db, SQL_WRITE, record_work, &s, NULL), VCR_OK);
}

static void bridge(void)
{
    struct app_bridges b = { .db = kit.db, .blobs = kit.blobs, .program = VCR_INGEST };
    struct vcr_why why = { 0 };
    if (app_bridge_tape(&b, tape, "{}", &why) != VCR_OK)
        fail_msg("%s", why.text);
}

static void a_tape_never_recorded_onto_is_its_film(void **state)
{
    char path[80];
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld/timeline", tape);
    struct answer a = ask(&kit, owner, "GET", path, NULL);
    assert_int_equal(a.status, 200);
    json_t *items = json_object_get(a.json, "items");
    assert_int_equal(json_array_size(items), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(items, 0), "reel")), "film");
    answer_free(&a);
    kit_expect(&kit, other, "GET", path, NULL, 404, NULL);
    kit_expect(&kit, NULL, "GET", path, NULL, 401, NULL);
    kit_expect(&kit, owner, "GET", "/api/v1/tapes/99999/timeline", NULL, 404, NULL);
}

static void recording_over_it_leaves_three_spans_and_a_line_in_the_history(void **state)
{
    char path[80];
    record_over(1300000);
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld/timeline", tape);
    struct answer a = ask(&kit, owner, "GET", path, NULL);
    json_t *items = json_object_get(a.json, "items");
    assert_int_equal(json_array_size(items), 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(items, 1), "reel")), "take-5");
    assert_string_equal(json_string_value(json_object_get(json_array_get(items, 1), "recorded_at")), "2023-11-14T22:13:20.000Z");
    assert_true(json_number_value(json_object_get(json_array_get(items, 2), "reel_start")) == 4.3);
    answer_free(&a);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM tape_history WHERE action = 'recorded'"), 1);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM jobs WHERE kind = 'bridge'"), 1);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM reels WHERE take_id IS NULL"), 2); /* nothing recorded is lost */
}

static void bridges_stand_where_a_cut_lies_inside_a_fragment(void **state)
{
    uint64_t size;
    char key[120];
    record_over(1300000);
    bridge();
    /* the film's first part ends, and its rest begins, inside a fragment, of pictures and of sounds */
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM bridges WHERE kind = 'clean_video' AND place = 'tail' AND from_us = 1001000 AND to_us = 1300000"), 1);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM bridges WHERE kind = 'clean_video' AND place = 'head' AND from_us = 4300000"), 1);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM bridges WHERE kind = 'clean_audio'"), 3);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM bridges b JOIN spans s ON s.id = b.span_id WHERE s.take_id = 5"), 0); /* it shows whole */
    /* sound, by whole frames: the film's first part, and its rest, which ends within its last fragment */
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM bridges WHERE kind = 'clean_audio' AND place = 'tail' AND to_us = 61 * 1024 * 1000 / 48"), 1);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM bridges WHERE kind = 'clean_audio' AND place = 'head' AND from_us = 202 * 1024 * 1000 / 48"), 1);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM bridges WHERE kind = 'clean_audio' AND place = 'tail' AND to_us = 281 * 1024 * 1000 / 48 + 1"), 1);
    snprintf(key, sizeof(key), "tapes/%lld/b%lld/head-picture.mp4", tape, (long long)kit_number(&kit, "SELECT span_id FROM bridges WHERE kind = 'clean_video' AND place = 'head'"));
    assert_int_equal(blob_stat(kit.blobs, key, &size, NULL), VCR_OK);
    assert_true(size > 1000);
    int64_t rows = kit_number(&kit, "SELECT MAX(id) FROM bridges");
    bridge(); /* again: nothing is missing, nothing is made */
    assert_int_equal(kit_number(&kit, "SELECT MAX(id) FROM bridges"), rows);
}

static enum vcr_err pieces_work(struct sql_tx *tx, void *arg, struct vcr_why *why) { return app_timeline_pieces(tx, tape, APP_PIECE_VIDEO, arg, why); }

static void what_plays_is_reels_and_bridges_in_the_order_of_the_tape(void **state)
{
    struct app_pieces p = { 0 };
    record_over(1300000);
    bridge();
    assert_int_equal(sql_run(kit.db, SQL_READ, pieces_work, &p, NULL), VCR_OK);
    assert_int_equal(p.count, 5);
    static const char *const names[] = { "/r1/clean", "/tail-picture", "/c5/clean", "/head-picture", "/r1/clean" };
    for (size_t i = 0; i < p.count; i++)
        assert_non_null(strstr(p.items[i].blob_key, names[i]));
    assert_int_equal(p.items[4].take_from_us, 4300000);
    assert_int_equal(p.items[4].take_to_us, 6 * SECOND);
    assert_int_equal(p.items[2].tape_us, 1300000);
    assert_true(p.items[2].recorded_ms == 1700000000000);
    free(p.items);
}

static void unrecorded_tape_before_a_recording_gets_a_slate(void **state)
{
    record_over(9 * SECOND); /* three seconds after the film's end */
    assert_int_equal(kit_number(&kit, "SELECT duration_us FROM tapes"), 12 * SECOND);
    bridge();
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM bridges WHERE place = 'gap' AND kind = 'clean_video' AND to_us = 3000000"), 1);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM bridges WHERE place = 'gap' AND kind = 'clean_audio' AND to_us = 141 * 1024 * 1000 / 48"), 1); /* whole frames */
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM bridges WHERE place <> 'gap' AND kind = 'clean_video'"), 0);
}

static void bridges_of_a_span_that_is_cut_again_go(void **state)
{
    char key[120], payload[80];
    uint64_t size;
    record_over(1300000);
    bridge();
    int64_t span = kit_number(&kit, "SELECT span_id FROM bridges WHERE kind = 'clean_video' AND place = 'head'");
    struct timeline_span s = { .start_us = 5 * SECOND, .end_us = 5 * SECOND + SECOND / 2, .take = 5 };
    assert_int_equal(sql_run(kit.db, SQL_WRITE, record_work, &s, NULL), VCR_OK);
    snprintf(payload, sizeof(payload), "SELECT COUNT(*) FROM jobs WHERE payload = '{\"gone\":[%lld]}'", (long long)span);
    assert_int_equal(kit_number(&kit, payload), 1);
    struct app_bridges b = { .db = kit.db, .blobs = kit.blobs, .program = VCR_INGEST };
    snprintf(payload, sizeof(payload), "{\"gone\":[%lld]}", (long long)span);
    assert_int_equal(app_bridge_tape(&b, tape, payload, NULL), VCR_OK);
    snprintf(key, sizeof(key), "tapes/%lld/b%lld/head-picture.mp4", tape, (long long)span);
    assert_int_equal(blob_stat(kit.blobs, key, &size, NULL), VCR_E_NOT_FOUND);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM spans"), 5);
}

static void a_damaged_reel_costs_its_own_bridge_only(void **state)
{
    char path[200];
    record_over(1300000);
    snprintf(path, sizeof(path), "%s/blobs/tapes/%lld/r1/clean.mp4", kit.dir, tape);
    shell("test -f %s && truncate -s 30000 %s", path, path); /* behind our back: the second part of the film is gone */
    bridge();
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM bridges WHERE kind = 'clean_video' AND place = 'head'"), 0);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM bridges WHERE kind = 'clean_audio'"), 3);
}

static void a_worker_makes_them_and_leaves_the_tape_as_it_is(void **state)
{
    struct process_config c = { .db = kit.db, .blobs = kit.blobs, .program = VCR_INGEST, .workers = 1 };
    struct process_worker *w = NULL;
    record_over(1300000);
    int64_t history = kit_number(&kit, "SELECT COUNT(*) FROM tape_history");
    assert_int_equal(process_open(&w, &c, NULL), VCR_OK);
    while (kit_number(&kit, "SELECT COUNT(*) FROM jobs WHERE status IN ('queued', 'running')") > 0)
        usleep(20000);
    process_close(&w);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM jobs WHERE kind = 'bridge' AND status = 'done' AND progress = 1"), 1);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM bridges"), 5);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM tapes WHERE status = 'ready'"), 1);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM tape_history"), history);
    assert_int_equal(kit_number(&kit, "SELECT COUNT(*) FROM reels"), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_tape_never_recorded_onto_is_its_film, open_server, close_server),
        cmocka_unit_test_setup_teardown(recording_over_it_leaves_three_spans_and_a_line_in_the_history, open_server, close_server),
        cmocka_unit_test_setup_teardown(bridges_stand_where_a_cut_lies_inside_a_fragment, open_server, close_server),
        cmocka_unit_test_setup_teardown(what_plays_is_reels_and_bridges_in_the_order_of_the_tape, open_server, close_server),
        cmocka_unit_test_setup_teardown(unrecorded_tape_before_a_recording_gets_a_slate, open_server, close_server),
        cmocka_unit_test_setup_teardown(bridges_of_a_span_that_is_cut_again_go, open_server, close_server),
        cmocka_unit_test_setup_teardown(a_worker_makes_them_and_leaves_the_tape_as_it_is, open_server, close_server),
        cmocka_unit_test_setup_teardown(a_damaged_reel_costs_its_own_bridge_only, open_server, close_server),
    };
    return cmocka_run_group_tests(tests, make_films, drop_films);
}
