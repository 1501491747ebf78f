/* tests/unit/api/test_media.c - originals in and out over the API: stored once or not at all, the demo tapes, limits, and a slow disk. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/upload.h"
#include "kit.h"

static struct kit kit;
static char user[1200], other[1200];

static int close_kit(void **state)
{
    kit_close(&kit);
    return 0;
}

static int open_people(void **state)
{
    kit_open(&kit, NULL);
    sign_up(&kit, "user@x.org", user);
    sign_up(&kit, "other@x.org", other);
    return 0;
}

/* ---- media ---- */
static struct answer put_media(long long id, const char *more, const void *bytes, size_t len)
{
    char path[80], headers[1600];
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld/media", id);
    snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\n%s", user, more);
    return ask_raw(&kit, "PUT", path, headers, bytes, len);
}

static void an_upload_is_stored_once_and_queued(void **state)
{
    char path[80], headers[1600];
    size_t len = 20 << 20;
    char *big = malloc(len);
    for (size_t i = 0; i < len; i++)
        big[i] = (char)(i * 7 + i / 4096);
    long long id = kit_make_tape(&kit, user, "{\"title\":\"Big\",\"storage_uri\":\"box 3\"}");
    struct answer a = put_media(id, "X-Filename: holiday%20one.mp4\r\n", big, len);
    if (a.status != 201)
        fail_msg("%d %s", a.status, a.body);
    assert_string_equal(text_at(&a, "status"), "processing");
    assert_string_equal(text_at(&a, "source_note"), "box 3");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(a.json, "media"), "size_bytes")), len);
    answer_free(&a);
    a = put_media(id, "", "again", 5);
    assert_int_equal(a.status, 409);
    answer_free(&a);
    snprintf(path, sizeof(path), "/api/v1/jobs?tape_id=%lld", id);
    a = ask(&kit, user, "GET", path, NULL);
    assert_int_equal(json_array_size(json_object_get(a.json, "items")), 1);
    long long job = json_integer_value(json_object_get(json_array_get(json_object_get(a.json, "items"), 0), "id"));
    answer_free(&a);
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld/media", id);
    snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\nRange: bytes=1000000-1000009\r\n", user);
    a = ask_raw(&kit, "GET", path, headers, NULL, 0);
    assert_int_equal(a.status, 206);
    assert_memory_equal(a.body, big + 1000000, 10);
    answer_free(&a);
    snprintf(path, sizeof(path), "/api/v1/jobs/%lld/retry", job);
    kit_expect(&kit, user, "POST", path, NULL, 409, NULL);
    snprintf(path, sizeof(path), "/api/v1/jobs/%lld/cancel", job);
    kit_expect(&kit, other, "POST", path, NULL, 404, NULL);
    kit_expect(&kit, user, "POST", path, NULL, 200, NULL);
    snprintf(path, sizeof(path), "/api/v1/jobs/%lld/retry", job);
    kit_expect(&kit, user, "POST", path, NULL, 200, NULL);
    free(big);
}

static void expect_duplicates(const struct answer *a, long long id)
{
    const json_t *d = json_object_get(a->json, "duplicates");
    assert_int_equal(json_array_size(d), id ? 1 : 0);
    assert_true(json_is_array(d) && json_integer_value(json_array_get(d, 0)) == id);
}

/* Both are kept, and each names the other; those of others are nobody's business. */
static void the_same_film_twice_is_told(void **state)
{
    char path[80], was[160], is[160];
    long long one = kit_make_tape(&kit, user, "{\"title\":\"One\"}"), two = kit_make_tape(&kit, user, "{\"title\":\"Two\"}");
    long long theirs = kit_make_tape(&kit, other, "{\"title\":\"Theirs\"}");
    char headers[1400];
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld/media", theirs);
    snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\n", other);
    struct answer a = ask_raw(&kit, "PUT", path, headers, "the film", 8);
    assert_int_equal(a.status, 201);
    answer_free(&a);
    a = put_media(one, "", "the film", 8);
    assert_int_equal(a.status, 201);
    expect_duplicates(&a, 0);
    answer_free(&a);
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld", one);
    a = ask(&kit, user, "GET", path, NULL);
    expect_duplicates(&a, 0);
    assert_true(head_value(&a, "ETag", was, sizeof(was)));
    answer_free(&a);
    a = put_media(two, "", "the film", 8);
    assert_int_equal(a.status, 201);
    expect_duplicates(&a, one);
    answer_free(&a);
    a = ask(&kit, user, "GET", path, NULL);
    expect_duplicates(&a, two);
    assert_true(head_value(&a, "ETag", is, sizeof(is)));
    assert_string_not_equal(was, is);
    answer_free(&a);
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld", two);
    kit_expect(&kit, user, "DELETE", path, NULL, 204, NULL);
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld", one);
    a = ask(&kit, user, "GET", path, NULL);
    expect_duplicates(&a, 0);
    answer_free(&a);
}

/* A kill between the commit and the deleting of the bytes: they go at the next start. */
static void bytes_of_a_purged_tape_go_even_after_a_kill(void **state)
{
    char path[80], key[80], command[200];
    struct blob_writer *w = NULL;
    long long id = kit_make_tape(&kit, user, "{\"title\":\"T\"}"), stays = kit_make_tape(&kit, user, "{\"title\":\"S\"}");
    struct answer a = put_media(id, "", "film", 4);
    assert_int_equal(a.status, 201);
    answer_free(&a);
    a = put_media(stays, "", "film", 4);
    assert_int_equal(a.status, 201);
    answer_free(&a);
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld?purge=true", id);
    kit_expect(&kit, user, "DELETE", path, NULL, 204, NULL);
    for (int i = 0; i < 3; i++) { /* also when its worker was not ended yet */
        snprintf(key, sizeof(key), "tapes/%lld/r%d/clean.mp4", id, i);
        assert_int_equal(blob_begin(kit.blobs, key, &w, NULL), VCR_OK);
        assert_int_equal(blob_commit(&w, NULL, NULL, NULL), VCR_OK);
    }
    assert_int_equal(app_recover(kit.app, 5, NULL), VCR_OK);
    snprintf(command, sizeof(command), "test \"$(find %s/blobs -type f)\" = %s/blobs/tapes/%lld/original", kit.dir, kit.dir, stays);
    assert_int_equal(system(command), 0);
}

static void a_cut_upload_leaves_nothing(void **state)
{
    char request[1800], path[80];
    static char part[300000];
    long long id = kit_make_tape(&kit, user, "{\"title\":\"Cut\"}");
    int fd = kit_connect(&kit);
    snprintf(request, sizeof(request), "PUT /api/v1/tapes/%lld/media HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 1000000\r\n\r\n", id, user);
    assert_true(send(fd, request, strlen(request), 0) > 0);
    assert_true(send(fd, part, sizeof(part), 0) > 0);
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld", id);
    bool uploading = false, blank = false;
    for (int i = 0; i < 2000 && !blank; i++) {
        struct answer a = ask(&kit, user, "GET", path, NULL);
        if (!uploading && strcmp(text_at(&a, "status"), "uploading") == 0) {
            uploading = true;
            close(fd);
        } else {
            blank = uploading && strcmp(text_at(&a, "status"), "blank") == 0;
        }
        answer_free(&a);
    }
    assert_true(blank);
    char command[200];
    snprintf(command, sizeof(command), "test -z \"$(find %s/blobs -type f)\"", kit.dir);
    assert_int_equal(system(command), 0);
    struct answer a = put_media(id, "", "whole", 5);
    assert_int_equal(a.status, 201);
    answer_free(&a);
}

/* ---- back-pressure: the storage stands still, and memory does not grow ---- */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static struct loop *loop;
static enum vcr_err ended_with;

static enum vcr_err wait_at_gate(struct pool_job *job, void *worker, struct vcr_why *why)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return VCR_OK;
}

static void nothing(struct pool_job *job) {}
static void no_resume(void *arg) {}
static void upload_over(void *arg, enum vcr_err err, const struct vcr_why *why, const char *sha256, uint64_t size)
{
    ended_with = err;
    loop_stop(loop);
}

static void one_file_thread(struct app_config *c) { c->file_threads = 1; }

static int open_slow(void **state)
{
    kit_open(&kit, one_file_thread);
    return 0;
}

static void a_slow_disk_holds_the_client_back(void **state)
{
    static uint8_t block[65536];
    struct pool_job blocker = { .work = wait_at_gate, .done = nothing };
    const struct upload_events events = { no_resume, upload_over, NULL };
    size_t taken = 0;
    assert_int_equal(loop_open(&loop, "test", NULL), VCR_OK);
    pthread_mutex_lock(&gate);
    assert_int_equal(pool_submit(kit.app->files, &blocker, NULL, NULL), VCR_OK);
    struct upload *u = upload_open(kit.app, 1, loop, &events);
    do
        taken += sizeof(block);
    while (upload_data(u, block, sizeof(block)) && taken < 100 << 20);
    assert_true(taken <= UPLOAD_QUEUE_BYTES + 2 * sizeof(block));
    upload_end(u, false);
    pthread_mutex_unlock(&gate);
    loop_run(loop);
    assert_int_equal(ended_with, VCR_E_IO);
    assert_int_equal(blob_stat(kit.blobs, "tapes/1/original", &(uint64_t){ 0 }, NULL), VCR_E_NOT_FOUND);
    loop_close(&loop);
}

static void demo_on(struct app_config *c) { c->demo = true; }

static int open_demo(void **state)
{
    kit_open(&kit, demo_on);
    return 0;
}

static void the_first_account_finds_the_demo_tapes(void **state)
{
    static const struct { const char *email; size_t tapes; } accounts[] = { { "first@x.org", 4 }, { "second@x.org", 0 } };
    for (size_t i = 0; i < ARRAY_LEN(accounts); i++) {
        sign_up(&kit, accounts[i].email, user);
        struct answer a = ask(&kit, user, "GET", "/api/v1/tapes?status=processing", NULL);
        assert_int_equal(json_array_size(json_object_get(a.json, "items")), accounts[i].tapes);
        answer_free(&a);
    }
}

static void a_cancelled_demo_tape_has_failed_and_may_be_tried_again(void **state)
{
    static const struct { const char *verb, *status; } steps[] = { { "cancel", "failed" }, { "retry", "processing" } };
    char path[80];
    sign_up(&kit, "first@x.org", user);
    struct answer a = ask(&kit, user, "GET", "/api/v1/jobs", NULL);
    json_t *last = json_array_get(json_object_get(a.json, "items"), 3);
    long long job = json_integer_value(json_object_get(last, "id")), tape = json_integer_value(json_object_get(last, "tape_id"));
    answer_free(&a);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        snprintf(path, sizeof(path), "/api/v1/jobs/%lld/%s", job, steps[i].verb);
        kit_expect(&kit, user, "POST", path, NULL, 200, NULL);
        snprintf(path, sizeof(path), "/api/v1/tapes/%lld", tape);
        a = ask(&kit, user, "GET", path, NULL);
        assert_string_equal(text_at(&a, "status"), steps[i].status);
        answer_free(&a);
    }
}

static void small_limit(struct app_config *c)
{
    c->max_upload_bytes = 1000;
    c->registration = APP_REGISTRATION_CLOSED;
    c->rate_limits = true;
}

static int open_strict(void **state)
{
    kit_open(&kit, small_limit);
    return 0;
}

static void limits_hold(void **state)
{
    static char bytes[2000];
    char path[80];
    sign_up(&kit, "first@x.org", user);
    kit_expect(&kit, NULL, "POST", "/api/v1/auth/register", "{\"email\":\"b@x.org\",\"password\":\"correct horse\"}", 403, NULL);
    long long id = kit_make_tape(&kit, user, "{\"title\":\"T\"}");
    struct answer a = put_media(id, "", bytes, sizeof(bytes));
    assert_int_equal(a.status, 413);
    answer_free(&a);
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld", id);
    a = ask(&kit, user, "GET", path, NULL);
    assert_string_equal(text_at(&a, "status"), "blank");
    answer_free(&a);
    int status = 0;
    for (int i = 0; i < 40 && status != 429; i++) {
        a = ask(&kit, NULL, "POST", "/api/v1/auth/login", "{\"email\":\"c@x.org\",\"password\":\"x\"}");
        status = a.status;
        char after[40];
        assert_true(status != 429 || head_value(&a, "Retry-After", after, sizeof(after)));
        answer_free(&a);
    }
    assert_int_equal(status, 429);
}

#define CASE(fn, open) cmocka_unit_test_setup_teardown(fn, open, close_kit)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_upload_is_stored_once_and_queued, open_people),
        CASE(the_same_film_twice_is_told, open_people),
        CASE(bytes_of_a_purged_tape_go_even_after_a_kill, open_people),
        CASE(a_cut_upload_leaves_nothing, open_people),
        CASE(a_slow_disk_holds_the_client_back, open_slow),
        CASE(the_first_account_finds_the_demo_tapes, open_demo),
        CASE(a_cancelled_demo_tape_has_failed_and_may_be_tried_again, open_demo),
        CASE(limits_hold, open_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
