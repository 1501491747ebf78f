/* tests/unit/api/test_session_tape.c - what a session learns of its tape: the words vcr-ingest noted with the tape reel, from the row in the store to the API. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_sessions.h"
#include "kit.h"

static struct kit kit;
static char owner[1200];

static int open_all(void **state)
{
    kit_open(&kit, NULL);
    sign_up(&kit, "owner@x.org", owner);
    return 0;
}
static int close_all(void **state)
{
    kit_close(&kit);
    return 0;
}

static void put_blob(const char *key)
{
    struct blob_writer *w = NULL;
    char sha[65];
    uint64_t size;
    assert_int_equal(blob_begin(kit.blobs, key, &w, NULL), VCR_OK);
    assert_int_equal(blob_write(w, "reel", 4, NULL), VCR_OK);
    assert_int_equal(blob_commit(&w, sha, &size, NULL), VCR_OK);
}

struct reel { long long tape; const char *info; };
static enum vcr_err put_reel(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    const struct reel *r = arg;
    enum vcr_err err = sql_exec(tx, "INSERT INTO reels (tape_id, kind, blob_key, index_key, size_bytes, duration_us, info) VALUES ($1, 'tape_video', 'x.mp4', 'x.idx', 4, 9, $2)",
                                SQL_ARGS(SQL_I(r->tape), r->info ? SQL_T(r->info) : SQL_NUL), NULL, why);
    return err == VCR_OK ? sql_exec(tx, "UPDATE tapes SET status = 'ready', duration_us = 9 WHERE id = $1", SQL_ARGS(SQL_I(r->tape)), NULL, why) : err;
}

/* A session of a tape whose reel has that info. */
static struct answer insert(const char *info)
{
    char body[120];
    struct answer a = ask(&kit, owner, "POST", "/api/v1/tapes", "{\"title\":\"x\"}");
    struct reel r = { int_at(&a, "id"), info };
    answer_free(&a);
    put_blob("x.mp4");
    put_blob("x.idx");
    assert_int_equal(sql_run(kit.db, SQL_WRITE, put_reel, &r, NULL), VCR_OK);
    snprintf(body, sizeof(body), "{\"type\":\"emulation\",\"tape_id\":%lld}", r.tape);
    a = ask(&kit, owner, "POST", "/api/v1/sessions", body);
    assert_int_equal(a.status, 201);
    return a;
}

static void the_reels_words_reach_the_session(void **state)
{
    static const struct { const char *info; bool field_rate; const char *aspect; } cases[] = {
        { "{\"codecs\":\"avc1.42c01f\",\"display_aspect\":\"4:3\",\"field_rate\":false}", false, "4:3" },
        { "{\"codecs\":\"avc1.42c01f\",\"display_aspect\":\"16:9\",\"field_rate\":true}", true, "16:9" },
        { "{ \"field_rate\" : false, \"display_aspect\" : \"16:9\" }", false, "16:9" }, /* as a database may hand JSON back */
        { "{\"field_rate\":\"false\"}", true, "4:3" },
        { "{}", true, "4:3" },
        { "no JSON", true, "4:3" },
        { NULL, true, "4:3" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer a = insert(cases[i].info);
        assert_int_equal(fake_last_tape().field_rate, cases[i].field_rate);
        assert_string_equal(text_at(&a, "display_aspect"), cases[i].aspect);
        char path[80];
        snprintf(path, sizeof(path), "/api/v1/sessions/%s", text_at(&a, "id"));
        answer_free(&a);
        assert_int_equal(ask_status(&kit, owner, "DELETE", path, NULL), 204);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(the_reels_words_reach_the_session, open_all, close_all) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
