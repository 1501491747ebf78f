/* tests/unit/api/test_replay.c - Idempotency-Key: what is sent again is answered again and done once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_sessions.h"
#include "kit.h"

#define TAPES "/api/v1/tapes"
#define SESSIONS "/api/v1/sessions"
static struct kit kit;
static char user[1200], other[1200];

static int open_kit(void **state)
{
    kit_open(&kit, NULL);
    sign_up(&kit, "user@x.org", user);
    sign_up(&kit, "other@x.org", other);
    return 0;
}

static int close_kit(void **state)
{
    fake_full = false;
    kit_close(&kit);
    return 0;
}

static struct answer post(const char *token, const char *path, const char *key, const char *body)
{
    char headers[2000];
    snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\nContent-Type: application/json\r\nIdempotency-Key: %s\r\n", token, key);
    return ask_raw(&kit, "POST", path, headers, body, strlen(body));
}

static int post_status(const char *token, const char *path, const char *key, const char *body)
{
    struct answer a = post(token, path, key, body);
    int status = a.status;
    answer_free(&a);
    return status;
}

static size_t count(const char *path)
{
    struct answer a = ask(&kit, user, "GET", path, NULL);
    size_t n = json_array_size(json_object_get(a.json, "items"));
    answer_free(&a);
    return n;
}

static void the_second_answer_is_the_first(void **state)
{
    static const char *const paths[] = { TAPES, SESSIONS }, *const bodies[] = { "{\"title\":\"T\"}", "{\"type\":\"emulation\"}" };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct answer a = post(user, paths[i], i ? "key-b" : "key-a", bodies[i]), b = post(user, paths[i], i ? "key-b" : "key-a", bodies[i]);
        char first[100], second[100], mark[20];
        assert_int_equal(a.status, 201);
        assert_int_equal(b.status, 201);
        assert_string_equal(a.body, b.body);
        assert_true(head_value(&a, "Location", first, sizeof(first)) && head_value(&b, "Location", second, sizeof(second)));
        assert_string_equal(first, second);
        assert_false(head_value(&a, "Idempotency-Replayed", mark, sizeof(mark)));
        assert_true(head_value(&b, "Idempotency-Replayed", mark, sizeof(mark)));
        answer_free(&a);
        answer_free(&b);
        assert_int_equal(count(paths[i]), 1);
    }
    assert_int_equal(post_status(user, TAPES, "key-c", "{\"title\":\"T\"}"), 201);
    assert_int_equal(count(TAPES), 2);
}

static void a_key_is_for_one_request_of_one_user(void **state)
{
    assert_int_equal(post_status(user, TAPES, "k", "{\"title\":\"T\"}"), 201);
    struct answer a = post(user, TAPES, "k", "{\"title\":\"U\"}");
    assert_int_equal(a.status, 422);
    assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(a.json, "errors"), 0), "pointer")), "Idempotency-Key");
    answer_free(&a);
    assert_int_equal(post_status(user, SESSIONS, "k", "{\"type\":\"emulation\"}"), 422);
    a = post(other, TAPES, "k", "{\"title\":\"Mine\"}");
    assert_int_equal(a.status, 201);
    assert_string_equal(text_at(&a, "title"), "Mine");
    answer_free(&a);
    assert_int_equal(count(TAPES), 1);
}

static void what_was_refused_may_be_tried_again(void **state)
{
    assert_int_equal(post_status(user, TAPES, "k", "{\"title\":7}"), 422);
    assert_int_equal(post_status(user, TAPES, "k", "{\"title\":\"T\",\"recorded_at\":\"someday\"}"), 422);
    assert_int_equal(post_status(user, TAPES, "k", "{\"title\":\"T\"}"), 201);
    assert_int_equal(post_status(user, SESSIONS, "s", "{\"type\":\"emulation\",\"tape_id\":99}"), 404);
    fake_full = true; /* refused after the first transaction was committed */
    assert_int_equal(post_status(user, SESSIONS, "s", "{\"type\":\"emulation\"}"), 503);
    fake_full = false;
    assert_int_equal(post_status(user, SESSIONS, "s", "{\"type\":\"emulation\"}"), 201);
}

static void one_under_way_is_not_done_twice(void **state)
{
    assert_int_equal(post_status(user, TAPES, "k", "{\"title\":\"T\"}"), 201);
    kit_sql(&kit, "UPDATE idempotency SET status = 0");
    struct answer a = post(user, TAPES, "k", "{\"title\":\"T\"}");
    assert_int_equal(a.status, 409);
    assert_non_null(strstr(text_at(&a, "type"), "/in-flight"));
    answer_free(&a);
    kit_sql(&kit, "UPDATE idempotency SET created_at = created_at - 61000"); /* its server was killed */
    assert_int_equal(post_status(user, TAPES, "k", "{\"title\":\"T\"}"), 201);
    assert_int_equal(count(TAPES), 2);
}

static void a_key_lasts_a_day(void **state)
{
    assert_int_equal(post_status(user, TAPES, "k", "{\"title\":\"T\"}"), 201);
    kit_sql(&kit, "UPDATE idempotency SET created_at = created_at - 86300000");
    assert_int_equal(post_status(user, TAPES, "k", "{\"title\":\"T\"}"), 201);
    assert_int_equal(count(TAPES), 1);
    kit_sql(&kit, "UPDATE idempotency SET created_at = created_at - 200000");
    assert_int_equal(post_status(user, TAPES, "k", "{\"title\":\"T\"}"), 201);
    assert_int_equal(count(TAPES), 2);
}

static void bad_keys_are_refused(void **state)
{
    char big[300];
    memset(big, 'k', sizeof(big));
    big[256] = '\0';
    assert_int_equal(post_status(user, TAPES, big, "{\"title\":\"T\"}"), 422);
    assert_int_equal(post_status(user, TAPES, "two words", "{\"title\":\"T\"}"), 422);
    assert_int_equal(post_status(user, TAPES, "", "{\"title\":\"T\"}"), 422);
    big[255] = '\0';
    assert_int_equal(post_status(user, TAPES, big, "{\"title\":\"T\"}"), 201);
    assert_int_equal(post_status("a.b.c", TAPES, big, "{\"title\":\"T\"}"), 401);
    assert_int_equal(count(TAPES), 1);
}

static void *post_one(void *arg) { return (void *)(intptr_t)post_status(user, arg, "together", strcmp(arg, TAPES) ? "{\"type\":\"emulation\"}" : "{\"title\":\"T\"}"); }

static void racing_requests_do_it_once(void **state)
{
    const char *const paths[] = { TAPES, SESSIONS };
    for (size_t p = 0; p < ARRAY_LEN(paths); p++) {
        pthread_t threads[8];
        int created = 0;
        kit_sql(&kit, "DELETE FROM idempotency");
        for (int i = 0; i < 8; i++)
            pthread_create(&threads[i], NULL, post_one, (void *)(uintptr_t)paths[p]);
        for (int i = 0; i < 8; i++) {
            void *status;
            pthread_join(threads[i], &status);
            assert_true((intptr_t)status == 201 || (intptr_t)status == 409);
            created += (intptr_t)status == 201;
        }
        assert_true(created >= 1);
        assert_int_equal(count(paths[p]), 1);
    }
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, open_kit, close_kit)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_second_answer_is_the_first), CASE(a_key_is_for_one_request_of_one_user), CASE(what_was_refused_may_be_tried_again),
        CASE(one_under_way_is_not_done_twice), CASE(a_key_lasts_a_day), CASE(bad_keys_are_refused), CASE(racing_requests_do_it_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
