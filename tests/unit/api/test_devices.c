/* tests/unit/api/test_devices.c - /devices: whose they are, what is told once and how it is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "app/devices.h"
#include "kit.h"

#define DEVICES "/api/v1/devices"
static struct kit kit;
static char admin[1200], user[1200], other[1200];

static void with_srt(struct app_config *c) { c->srt_url = "srt://vcr.example.org:8190"; }

static int open_kit(void **state)
{
    kit_open(&kit, with_srt);
    sign_up(&kit, "admin@x.org", admin);
    sign_up(&kit, "user@x.org", user);
    sign_up(&kit, "other@x.org", other);
    return 0;
}

static int close_kit(void **state)
{
    kit_close(&kit);
    return 0;
}

static struct answer make(const char *body)
{
    struct answer a = ask(&kit, user, "POST", DEVICES, body);
    assert_int_equal(a.status, 201);
    return a;
}

static const char *srt_at(const struct answer *a, const char *member) { return json_string_value(json_object_get(json_object_get(a->json, "srt"), member)); }

static void what_is_told_once(void **state)
{
    char path[80], place[100];
    struct answer a = make("{\"name\":\"Attic\",\"ip_address\":\"192.0.2.7\",\"driver\":\"OBS\"}");
    snprintf(path, sizeof(path), DEVICES "/%lld", int_at(&a, "id"));
    assert_true(head_value(&a, "Location", place, sizeof(place)));
    assert_string_equal(place, path);
    assert_string_equal(text_at(&a, "status"), "offline");
    assert_true(json_is_null(json_object_get(a.json, "last_seen")));
    assert_true(json_is_array(json_object_get(a.json, "capabilities")));
    assert_true(strlen(text_at(&a, "device_token")) >= 32);
    assert_string_equal(srt_at(&a, "url"), "srt://vcr.example.org:8190");
    assert_true(strlen(srt_at(&a, "passphrase")) >= 10 && strlen(srt_at(&a, "passphrase")) <= 79);
    struct answer b = ask(&kit, user, "GET", path, NULL);
    assert_int_equal(b.status, 200);
    assert_string_equal(text_at(&b, "ip_address"), "192.0.2.7");
    assert_null(json_object_get(b.json, "device_token"));
    assert_null(json_object_get(b.json, "srt"));
    answer_free(&b);
    answer_free(&a);
}

/* Every file of the data directory: neither secret is in one. */
static bool kept_in_clear(const char *secret)
{
    char command[400];
    snprintf(command, sizeof(command), "grep -rqF -- '%s' %s", secret, kit.dir);
    return system(command) == 0;
}

static void no_secret_is_kept_in_clear(void **state)
{
    char headers[2000];
    snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\nContent-Type: application/json\r\nIdempotency-Key: k\r\n", user);
    const char *body = "{\"name\":\"Findable name\"}";
    struct answer a = ask_raw(&kit, "POST", DEVICES, headers, body, strlen(body)), b = ask_raw(&kit, "POST", DEVICES, headers, body, strlen(body));
    assert_int_equal(a.status, 201);
    assert_string_equal(a.body, b.body); /* told again to who asks with the same key */
    assert_true(kept_in_clear("Findable name"));
    assert_false(kept_in_clear(text_at(&a, "device_token")));
    assert_false(kept_in_clear(srt_at(&a, "passphrase")));
    answer_free(&a);
    answer_free(&b);
}

static void the_list_knows_the_passphrase(void **state)
{
    static const char *const wrong[] = { "", "device-", "device-0", "device-01", "device-9999", "device-x", "Device-1", "device-1 ", "1", "device--1" };
    char name[40], pass[APP_SRT_PASSPHRASE_BYTES], path[80];
    int64_t id = 0;
    struct answer a = make("{\"name\":\"D\"}");
    snprintf(name, sizeof(name), "device-%lld", int_at(&a, "id"));
    assert_non_null(strstr(srt_at(&a, "stream_id"), name));
    assert_true(device_list_passphrase(kit.app, name, &id, pass));
    assert_int_equal(id, int_at(&a, "id"));
    assert_string_equal(pass, srt_at(&a, "passphrase"));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(device_list_passphrase(kit.app, wrong[i], &id, pass));
    struct answer second = make("{\"name\":\"D\"}");
    assert_string_not_equal(srt_at(&second, "passphrase"), srt_at(&a, "passphrase"));
    answer_free(&second);
    /* Opened anew, as at the next start. */
    device_list_close(&kit.app->devices);
    assert_int_equal(device_list_open(kit.app, NULL), VCR_OK);
    assert_true(device_list_passphrase(kit.app, name, &id, pass));
    assert_string_equal(pass, srt_at(&a, "passphrase"));
    snprintf(path, sizeof(path), DEVICES "/%lld", int_at(&a, "id"));
    kit_expect(&kit, user, "DELETE", path, NULL, 204, NULL);
    assert_false(device_list_passphrase(kit.app, name, &id, pass));
    kit_expect(&kit, user, "GET", path, NULL, 404, NULL);
    answer_free(&a);
}

struct whose { const char *token; int64_t id; enum vcr_err err; };

static enum vcr_err ask_token(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct whose *w = arg;
    w->err = app_device_by_token(tx, w->token, &w->id, why);
    return VCR_OK;
}

static enum vcr_err whose_token(const char *token, int64_t *id)
{
    struct whose w = { .token = token };
    assert_int_equal(sql_run(kit.db, SQL_READ, ask_token, &w, NULL), VCR_OK);
    *id = w.id;
    return w.err;
}

static void a_new_token_ends_the_old_one(void **state)
{
    char path[80];
    int64_t id = 0;
    struct answer a = make("{\"name\":\"D\"}");
    assert_int_equal(whose_token(text_at(&a, "device_token"), &id), VCR_OK);
    assert_int_equal(id, int_at(&a, "id"));
    snprintf(path, sizeof(path), DEVICES "/%lld/token", int_at(&a, "id"));
    struct answer b = ask(&kit, user, "POST", path, NULL);
    assert_int_equal(b.status, 201);
    assert_int_equal(json_object_size(b.json), 1);
    assert_int_equal(whose_token(text_at(&a, "device_token"), &id), VCR_E_AUTH);
    assert_int_equal(whose_token(text_at(&b, "device_token"), &id), VCR_OK);
    answer_free(&b);
    b = ask(&kit, user, "POST", path, "{\"srt\":true}");
    assert_string_equal(srt_at(&b, "stream_id"), srt_at(&a, "stream_id"));
    assert_string_not_equal(srt_at(&b, "passphrase"), srt_at(&a, "passphrase"));
    answer_free(&b);
    kit_expect(&kit, admin, "POST", path, NULL, 403, NULL); /* only its owner */
    answer_free(&a);
}

static void whose_device(void **state)
{
    char path[80];
    struct answer a = make("{\"name\":\"D\"}");
    snprintf(path, sizeof(path), DEVICES "/%lld", int_at(&a, "id"));
    static const struct { const char *method, *body; int owner; } tries[] = { { "GET", NULL, 200 }, { "PATCH", "{\"name\":\"E\"}", 200 }, { "DELETE", NULL, 204 } };
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        kit_expect(&kit, other, tries[i].method, path, tries[i].body, 404, NULL);
        kit_expect(&kit, NULL, tries[i].method, path, tries[i].body, 401, NULL);
        kit_expect(&kit, tries[i].owner == 204 ? user : admin, tries[i].method, path, tries[i].body, tries[i].owner, NULL);
    }
    answer_free(&a);
    set_role(&kit, "user@x.org", "viewer");
    kit_expect(&kit, user, "POST", DEVICES, "{\"name\":\"D\"}", 403, NULL);
    a = ask(&kit, other, "GET", DEVICES, NULL);
    assert_int_equal(json_array_size(json_object_get(a.json, "items")), 0);
    answer_free(&a);
}

static void addresses_are_literal(void **state)
{
    static const char *const good[] = { "127.0.0.1", "::1", "2001:db8::1", "::ffff:192.0.2.1" };
    static const char *const bad[] = { "localhost", "1.2.3", "1.2.3.4.5", "[::1]", "1.2.3.4:80", "fe80::1%eth0", " 1.2.3.4", "01.2.3.4", "0x7f.1.1.1" };
    char body[120];
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        snprintf(body, sizeof(body), "{\"name\":\"D\",\"ip_address\":\"%s\"}", good[i]);
        assert_int_equal(ask_status(&kit, user, "POST", DEVICES, body), 201);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        snprintf(body, sizeof(body), "{\"name\":\"D\",\"ip_address\":\"%s\"}", bad[i]);
        assert_int_equal(ask_status(&kit, user, "POST", DEVICES, body), 422);
    }
}

static void pages_of_a_list(void **state)
{
    for (int i = 0; i < 3; i++) {
        struct answer a = make("{\"name\":\"D\"}");
        answer_free(&a);
    }
    struct answer a = ask(&kit, user, "GET", DEVICES "?limit=2", NULL);
    char path[120];
    assert_int_equal(json_array_size(json_object_get(a.json, "items")), 2);
    snprintf(path, sizeof(path), DEVICES "?cursor=%s", text_at(&a, "next_cursor"));
    answer_free(&a);
    a = ask(&kit, user, "GET", path, NULL);
    assert_int_equal(json_array_size(json_object_get(a.json, "items")), 1);
    assert_true(json_is_null(json_object_get(a.json, "next_cursor")));
    answer_free(&a);
}

static void online_while_it_sends(void **state)
{
    char path[80];
    struct answer a = make("{\"name\":\"D\"}");
    int64_t id = int_at(&a, "id");
    snprintf(path, sizeof(path), DEVICES "/%lld", int_at(&a, "id"));
    answer_free(&a);
    assert_true(device_list_arrived(kit.app, id));
    assert_false(device_list_arrived(kit.app, id)); /* a second publisher */
    assert_false(device_list_arrived(kit.app, id + 1));
    a = ask(&kit, user, "GET", path, NULL);
    assert_string_equal(text_at(&a, "status"), "online");
    answer_free(&a);
    device_list_left(kit.app, id);
    kit_expect(&kit, user, "PATCH", path, "{\"driver\":\"x\"}", 200, NULL); /* a write after the one of last_seen */
    a = ask(&kit, user, "GET", path, NULL);
    assert_string_equal(text_at(&a, "status"), "offline");
    assert_non_null(text_at(&a, "last_seen"));
    answer_free(&a);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, open_kit, close_kit)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_told_once), CASE(no_secret_is_kept_in_clear), CASE(the_list_knows_the_passphrase), CASE(a_new_token_ends_the_old_one),
        CASE(whose_device), CASE(addresses_are_literal), CASE(pages_of_a_list), CASE(online_while_it_sends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
