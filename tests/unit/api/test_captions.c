/* tests/unit/api/test_captions.c - captions and storyboards over HTTP: who may, what is refused and where, what comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "app/captions.h"
#include "base/clock.h"
#include "kit.h"

#define TEXT "WEBVTT\n\n00:01.000 --> 00:02.500\nHello\n"
static struct kit kit;
static char admin[1200], owner[1200], other[1200];
static long long tape;

static int open_all(void **state)
{
    kit_open(&kit, NULL);
    sign_up(&kit, "admin@x.org", admin);
    sign_up(&kit, "owner@x.org", owner);
    sign_up(&kit, "other@x.org", other);
    tape = kit_make_tape(&kit, owner, "{\"title\":\"x\"}");
    return 0;
}

static int close_all(void **state)
{
    kit_close(&kit);
    return 0;
}

static struct answer call(const char *token, const char *method, const char *language, const char *type, const char *body)
{
    char path[160], lines[1500];
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld/captions%s%s", tape, language ? "/" : "", language ? language : "");
    snprintf(lines, sizeof(lines), "Authorization: Bearer %s\r\n%s%s%s", token, type ? "Content-Type: " : "", type ? type : "", type ? "\r\n" : "");
    return ask_raw(&kit, method, path, lines, body, body ? strlen(body) : 0);
}

static int status(struct answer a)
{
    int s = a.status;
    answer_free(&a);
    return s;
}

static void captions_come_back(void **state)
{
    char etag[80], again[80];
    struct answer a = call(owner, "PUT", "EN-gb", "text/vtt; charset=utf-8", TEXT);
    assert_int_equal(a.status, 201);
    assert_string_equal(text_at(&a, "language"), "en-GB");
    assert_string_equal(text_at(&a, "source"), "user");
    assert_int_equal(int_at(&a, "cues"), 1);
    answer_free(&a);
    a = call(owner, "GET", "en-GB", NULL, NULL);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, TEXT);
    assert_true(head_value(&a, "ETag", etag, sizeof(etag)));
    answer_free(&a);
    assert_int_equal(status(call(owner, "PUT", "en-GB", "text/vtt", TEXT "\n00:03.000 --> 00:04.000\nagain\n")), 200);
    a = call(owner, "GET", "en-gb", NULL, NULL);
    assert_true(head_value(&a, "ETag", again, sizeof(again)));
    assert_string_not_equal(etag, again);
    answer_free(&a);
    assert_int_equal(status(call(owner, "PUT", "fr", NULL, TEXT)), 201);
    a = call(admin, "GET", NULL, NULL, NULL);
    assert_int_equal(a.status, 200);
    assert_int_equal(json_array_size(json_object_get(a.json, "items")), 2);
    answer_free(&a);
    assert_int_equal(status(call(owner, "DELETE", "fr", NULL, NULL)), 204);
    assert_int_equal(status(call(owner, "DELETE", "fr", NULL, NULL)), 404);
    assert_int_equal(status(call(owner, "GET", "fr", NULL, NULL)), 404);
}

static void who_may_write_them(void **state)
{
    assert_int_equal(status(call("x", "PUT", "en", "text/vtt", TEXT)), 401);
    assert_int_equal(status(call(other, "PUT", "en", "text/vtt", TEXT)), 404);
    assert_int_equal(status(call(admin, "PUT", "en", "text/vtt", TEXT)), 403);
    assert_int_equal(status(call(owner, "PUT", "en", "text/vtt", TEXT)), 201);
    assert_int_equal(status(call(admin, "GET", "en", NULL, NULL)), 200);
    assert_int_equal(status(call(other, "GET", "en", NULL, NULL)), 404);
    assert_int_equal(status(call(other, "GET", NULL, NULL, NULL)), 404);
    assert_int_equal(status(call(admin, "DELETE", "en", NULL, NULL)), 403);
}

static void what_is_no_caption_is_told_by_line(void **state)
{
    struct answer a = call(owner, "PUT", "en", "text/vtt", "WEBVTT\n\n00:01,000 --> 00:02,000\nsubrip\n");
    assert_int_equal(a.status, 422);
    assert_non_null(strstr(a.body, "line 3: "));
    answer_free(&a);
    a = call(owner, "PUT", "e", "text/vtt", TEXT);
    assert_int_equal(a.status, 422);
    assert_non_null(strstr(a.body, "\"language\""));
    answer_free(&a);
    assert_int_equal(status(call(owner, "PUT", "en", "application/json", TEXT)), 415);
    assert_int_equal(status(call(owner, "PUT", "en", "text/vttx", TEXT)), 415);
    assert_int_equal(status(call(owner, "PUT", "en", "text/vtt", "")), 422);
    assert_int_equal(status(call(owner, "GET", "e", NULL, NULL)), 404);
    assert_int_equal(status(call(owner, "GET", "en", NULL, NULL)), 404);
}

struct found { const char *text; bool is_new; };
static enum vcr_err put_found(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct found *f = arg;
    return app_caption_put(tx, tape, "en", "line21", f->text, strlen(f->text), clock_wall_ms(), &f->is_new, why);
}

static void what_a_film_holds_does_not_replace_what_somebody_wrote(void **state)
{
    struct found first = { "WEBVTT\n\n00:01.000 --> 00:02.000\nfound", false }, second = { "WEBVTT\n\n00:01.000 --> 00:02.000\nfound again", false };
    assert_int_equal(sql_run(kit.db, SQL_WRITE, put_found, &first, NULL), VCR_OK);
    assert_true(first.is_new);
    struct answer a = call(owner, "GET", NULL, NULL, NULL);
    assert_non_null(strstr(a.body, "\"line21\""));
    answer_free(&a);
    assert_int_equal(sql_run(kit.db, SQL_WRITE, put_found, &second, NULL), VCR_OK);
    a = call(owner, "GET", "en", NULL, NULL);
    assert_string_equal(a.body, second.text);
    answer_free(&a);
    assert_int_equal(status(call(owner, "PUT", "en", "text/vtt", TEXT)), 200);
    assert_int_equal(sql_run(kit.db, SQL_WRITE, put_found, &first, NULL), VCR_OK);
    a = call(owner, "GET", "en", NULL, NULL);
    assert_string_equal(a.body, TEXT);
    answer_free(&a);
}

/* ---- storyboards ---- */
static enum vcr_err put_board(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    return sql_exec(tx, "INSERT INTO storyboards(tape_id, blob_key, info) VALUES($1, 'tapes/1/r1/story.jpg', $2)", SQL_ARGS(SQL_I(tape), SQL_T(arg)), NULL, why);
}

static enum vcr_err drop_boards(struct sql_tx *tx, void *arg, struct vcr_why *why) { return sql_exec(tx, "DELETE FROM storyboards", SQL_NONE, NULL, why); }
static enum vcr_err set_length(struct sql_tx *tx, void *arg, struct vcr_why *why) { return sql_exec(tx, "UPDATE tapes SET duration_us = 45500000", SQL_NONE, NULL, why); }

static void put_sheets(void)
{
    struct blob_writer *w = NULL;
    char bytes[300], sha[65];
    uint64_t size;
    for (int i = 0; i < 300; i++)
        bytes[i] = (char)(i < 200 ? 'a' : 'b');
    assert_int_equal(blob_begin(kit.blobs, "tapes/1/r1/story.jpg", &w, NULL), VCR_OK);
    assert_int_equal(blob_write(w, bytes, sizeof(bytes), NULL), VCR_OK);
    assert_int_equal(blob_commit(&w, sha, &size, NULL), VCR_OK);
}

static struct answer get(const char *token, const char *name, const char *more)
{
    char path[200], lines[1500];
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld/%s", tape, name);
    snprintf(lines, sizeof(lines), "Authorization: Bearer %s\r\n%s", token, more ? more : "");
    return ask_raw(&kit, "GET", path, lines, NULL, 0);
}

static void a_storyboard_names_places_on_sheets(void **state)
{
    char info[] = "{\"interval_us\":10000000,\"tile_width\":160,\"tile_height\":120,\"columns\":2,\"rows\":2,\"tiles\":5,\"sheets\":[200,100]}", name[120], gone[120];
    assert_int_equal(status(get(owner, "storyboard.vtt", NULL)), 404);
    put_sheets();
    assert_int_equal(sql_run(kit.db, SQL_WRITE, set_length, NULL, NULL), VCR_OK);
    assert_int_equal(sql_run(kit.db, SQL_WRITE, put_board, info, NULL), VCR_OK);
    struct answer a = get(owner, "storyboard.vtt", NULL);
    assert_int_equal(a.status, 200);
    assert_memory_equal(a.body, "WEBVTT\n\n00:00:00.000 --> 00:00:10.000\nstoryboard/", 48);
    assert_non_null(strstr(a.body, "\n\n00:00:10.000 --> 00:00:20.000\n"));
    assert_non_null(strstr(a.body, "-0.jpg#xywh=160,120,160,120\n\n00:00:40.000 --> 00:00:45.500\n"));
    const char *last = strstr(strstr(a.body, "00:00:45.500\n"), "storyboard/");
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(last, "#"), last);
    assert_string_equal(last + strlen(name), "#xywh=0,0,160,120\n");
    answer_free(&a);
    a = get(owner, name, NULL);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.len, 100);
    assert_true(a.body[0] == 'b' && a.body[99] == 'b');
    answer_free(&a);
    a = get(owner, name, "Range: bytes=90-\r\n");
    assert_int_equal(a.status, 206);
    assert_int_equal(a.len, 10);
    answer_free(&a);
    assert_int_equal(status(get(other, "storyboard.vtt", NULL)), 404);
    assert_int_equal(status(get(other, name, NULL)), 404);
    assert_int_equal(status(get("x", name, NULL)), 401);
    vcr_strcpy(gone, sizeof(gone), name);
    gone[strlen(gone) - 5] = '2'; /* a third sheet */
    assert_int_equal(status(get(owner, gone, NULL)), 404);
    assert_int_equal(status(get(owner, "storyboard/x-0.jpg", NULL)), 404);
    assert_int_equal(status(get(owner, "storyboard/x", NULL)), 404);
}

static void a_storyboard_that_is_not_described_well_is_our_fault(void **state)
{
    static const char *const infos[] = { "", "{}", "{\"interval_us\":1,\"tile_width\":160,\"tile_height\":120,\"columns\":2,\"rows\":2,\"tiles\":9,\"sheets\":[200,100]}",
                                         "{\"interval_us\":1,\"tile_width\":160,\"tile_height\":120,\"columns\":2,\"rows\":2,\"tiles\":5,\"sheets\":[200,-1]}" };
    for (size_t i = 0; i < ARRAY_LEN(infos); i++) {
        assert_int_equal(sql_run(kit.db, SQL_WRITE, drop_boards, NULL, NULL), VCR_OK);
        assert_int_equal(sql_run(kit.db, SQL_WRITE, put_board, (void *)(uintptr_t)infos[i], NULL), VCR_OK);
        assert_int_equal(status(get(owner, "storyboard.vtt", NULL)), 500);
    }
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, open_all, close_all)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(captions_come_back), CASE(who_may_write_them), CASE(what_is_no_caption_is_told_by_line), CASE(what_a_film_holds_does_not_replace_what_somebody_wrote),
        CASE(a_storyboard_names_places_on_sheets), CASE(a_storyboard_that_is_not_described_well_is_our_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
