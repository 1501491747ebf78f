/* tests/unit/api/test_api.c - the API from outside: a real server on loopback with SQLite in a temporary folder. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kit.h"

static struct kit kit;
static char admin[1200], user[1200], other[1200], archivist[1200], viewer[1200];

static int open_kit(void **state)
{
    kit_open(&kit, NULL);
    return 0;
}

static int close_kit(void **state)
{
    kit_close(&kit);
    return 0;
}

static int open_people(void **state)
{
    kit_open(&kit, NULL);
    sign_up(&kit, "admin@x.org", admin);
    sign_up(&kit, "user@x.org", user);
    sign_up(&kit, "other@x.org", other);
    sign_up(&kit, "archivist@x.org", archivist);
    sign_up(&kit, "viewer@x.org", viewer);
    set_role(&kit, "archivist@x.org", "archivist");
    set_role(&kit, "viewer@x.org", "viewer");
    return 0;
}

/* ---- accounts ---- */
static void *register_one(void *arg)
{
    char body[200];
    snprintf(body, sizeof(body), "{\"email\":\"u%ld@x.org\",\"password\":\"correct horse\"}", (long)(intptr_t)arg);
    struct answer a = ask(&kit, NULL, "POST", "/api/v1/auth/register", body);
    const char *role = json_string_value(json_object_get(json_object_get(a.json, "user"), "role"));
    long is_admin = a.status == 201 && role && strcmp(role, "admin") == 0;
    answer_free(&a);
    return (void *)(intptr_t)is_admin;
}

static void racing_first_accounts_make_one_admin(void **state)
{
    pthread_t threads[8];
    long admins = 0;
    for (long i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, register_one, (void *)(intptr_t)i);
    for (int i = 0; i < 8; i++) {
        void *is_admin;
        pthread_join(threads[i], &is_admin);
        admins += (long)(intptr_t)is_admin;
    }
    assert_int_equal(admins, 1);
}

static void login_says_one_thing_for_wrong_and_unknown(void **state)
{
    char token[1200];
    sign_up(&kit, "A@X.org", token);
    struct answer wrong = ask(&kit, NULL, "POST", "/api/v1/auth/login", "{\"email\":\"a@x.org\",\"password\":\"wrong\"}");
    struct answer unknown = ask(&kit, NULL, "POST", "/api/v1/auth/login", "{\"email\":\"b@x.org\",\"password\":\"wrong\"}");
    assert_int_equal(wrong.status, 401);
    assert_int_equal(unknown.status, 401);
    assert_string_equal(text_at(&wrong, "detail"), text_at(&unknown, "detail"));
    answer_free(&wrong);
    answer_free(&unknown);
    kit_expect(&kit, NULL, "POST", "/api/v1/auth/login", "{\"email\":\"a@x.org\",\"password\":\"correct horse\"}", 200, NULL);
    kit_expect(&kit, NULL, "POST", "/api/v1/auth/register", "{\"email\":\"a@x.ORG\",\"password\":\"correct horse\"}", 409, "/email-taken");
}

static void a_reused_refresh_token_revokes_its_family(void **state)
{
    char body[300], second[300];
    char token[1200];
    sign_up(&kit, "a@x.org", token);
    struct answer a = ask(&kit, NULL, "POST", "/api/v1/auth/login", "{\"email\":\"a@x.org\",\"password\":\"correct horse\"}");
    snprintf(body, sizeof(body), "{\"refresh_token\":\"%s\"}", text_at(&a, "refresh_token"));
    vcr_strcpy(token, sizeof(token), text_at(&a, "access_token"));
    answer_free(&a);
    a = ask(&kit, NULL, "POST", "/api/v1/auth/refresh", body);
    assert_int_equal(a.status, 200);
    snprintf(second, sizeof(second), "{\"refresh_token\":\"%s\"}", text_at(&a, "refresh_token"));
    answer_free(&a);
    kit_expect(&kit, token, "GET", "/api/v1/users/me", NULL, 200, NULL);
    kit_expect(&kit, NULL, "POST", "/api/v1/auth/refresh", body, 401, NULL);
    kit_expect(&kit, NULL, "POST", "/api/v1/auth/refresh", second, 401, NULL);
    kit_expect(&kit, token, "GET", "/api/v1/users/me", NULL, 401, NULL);
}

static void cookies_need_the_csrf_token(void **state)
{
    char token[1200], headers[2600];
    sign_up(&kit, "a@x.org", token);
    struct answer a = ask(&kit, NULL, "POST", "/api/v1/auth/login", "{\"email\":\"a@x.org\",\"password\":\"correct horse\"}");
    const char *cookie = strstr(a.head, "vcr_access=");
    assert_non_null(cookie);
    assert_non_null(strstr(cookie, "HttpOnly; SameSite=Strict"));
    int n = snprintf(headers, sizeof(headers), "Cookie: %.*s\r\nContent-Type: application/json\r\n", (int)strcspn(cookie, ";"), cookie);
    struct answer b = ask_raw(&kit, "GET", "/api/v1/users/me", headers, NULL, 0);
    assert_int_equal(b.status, 200);
    answer_free(&b);
    b = ask_raw(&kit, "POST", "/api/v1/tapes", headers, "{\"title\":\"x\"}", 13);
    assert_int_equal(b.status, 403);
    answer_free(&b);
    snprintf(headers + n, sizeof(headers) - (size_t)n, "X-CSRF-Token: %s\r\n", text_at(&a, "csrf_token"));
    b = ask_raw(&kit, "POST", "/api/v1/tapes", headers, "{\"title\":\"x\"}", 13);
    assert_int_equal(b.status, 201);
    answer_free(&b);
    answer_free(&a);
}

static void profile_changes_need_the_password(void **state)
{
    kit_expect(&kit, user, "PATCH", "/api/v1/users/me", "{\"display_name\":\"U\",\"settings\":{\"a\":1}}", 200, NULL);
    kit_expect(&kit, user, "PATCH", "/api/v1/users/me", "{\"password\":\"another horse\"}", 422, NULL);
    kit_expect(&kit, user, "PATCH", "/api/v1/users/me", "{\"password\":\"another horse\",\"current_password\":\"no\"}", 403, NULL);
    kit_expect(&kit, user, "PATCH", "/api/v1/users/me", "{\"password\":\"another horse\",\"current_password\":\"correct horse\"}", 200, NULL);
    kit_expect(&kit, NULL, "POST", "/api/v1/auth/login", "{\"email\":\"user@x.org\",\"password\":\"another horse\"}", 200, NULL);
    kit_expect(&kit, user, "POST", "/api/v1/auth/logout", NULL, 204, NULL);
    kit_expect(&kit, user, "GET", "/api/v1/users/me", NULL, 401, NULL);
}

/* ---- nonsense ---- */
static const struct { const char *body; int status; } nonsense[] = {
    { "{", 400 }, { "", 400 }, { "[]", 422 }, { "1", 422 }, { "{\"a\":1,\"a\":2}", 400 }, { "{\"nobody_knows\":1}", 422 }, { "\xff", 400 },
    { "{\"title\":\"a\\u0000b\"}", 422 }, { "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]", 400 },
};
static const struct { const char *method, *path; } with_body[] = {
    { "POST", "/api/v1/auth/register" }, { "POST", "/api/v1/auth/login" }, { "PATCH", "/api/v1/users/me" }, { "POST", "/api/v1/tapes" },
    { "PATCH", "/api/v1/tapes/1" }, { "POST", "/api/v1/sessions" }, { "POST", "/api/v1/sessions/x/command" }, { "POST", "/api/v1/streams/x/answer" },
};

static void nonsense_gets_the_right_problem(void **state)
{
    for (size_t r = 0; r < ARRAY_LEN(with_body); r++)
        for (size_t i = 0; i < ARRAY_LEN(nonsense); i++)
            kit_expect(&kit, user, with_body[r].method, with_body[r].path, nonsense[i].body, nonsense[i].status, NULL);
    struct answer a = ask_raw(&kit, "POST", "/api/v1/auth/login", "Content-Type: text/plain\r\n", "{}", 2);
    assert_int_equal(a.status, 415);
    answer_free(&a);
    a = ask(&kit, user, "POST", "/api/v1/tapes", "{\"title\":\"\",\"tape_speed\":\"xp\"}");
    assert_int_equal(json_array_size(json_object_get(a.json, "errors")), 2);
    answer_free(&a);
    kit_expect(&kit, user, "GET", "/api/v1/tapes?limit=0", NULL, 422, NULL);
    kit_expect(&kit, user, "GET", "/api/v1/tapes?sort=colour", NULL, 422, NULL);
    kit_expect(&kit, user, "GET", "/api/v1/tapes?cursor=!", NULL, 400, NULL);
    kit_expect(&kit, user, "GET", "/api/v1/jobs?cursor=!", NULL, 400, NULL);
    kit_expect(&kit, user, "GET", "/api/v1/tapes/abc", NULL, 404, NULL);
    kit_expect(&kit, user, "GET", "/api/v1/nothing", NULL, 404, NULL);
    kit_expect(&kit, user, "PUT", "/api/v1/server", NULL, 405, NULL);
    kit_expect(&kit, NULL, "GET", "/api/v1/tapes", NULL, 401, NULL);
    kit_expect(&kit, "a.b.c", "GET", "/api/v1/tapes", NULL, 401, NULL);
}

/* ---- tapes ---- */

static void rights_by_role(void **state)
{
    char path[80];
    static const struct { const char *method, *suffix, *body; int anonymous, own, stranger, archivist, admin, viewer; } matrix[] = {
        { "GET", "", NULL, 401, 200, 404, 200, 200, 404 },
        { "PATCH", "", "{\"notes\":\"n\"}", 401, 200, 404, 200, 200, 404 },
        { "GET", "/history", NULL, 401, 200, 404, 200, 200, 404 },
        { "GET", "/media", NULL, 401, 404, 404, 403, 403, 404 },
        { "GET", "/thumbnail", NULL, 401, 404, 404, 404, 404, 404 },
        { "POST", "/restore", NULL, 401, 404, 404, 404, 404, 404 },
    };
    long long id = kit_make_tape(&kit, user, "{\"title\":\"Mine\"}");
    for (size_t i = 0; i < ARRAY_LEN(matrix); i++) {
        snprintf(path, sizeof(path), "/api/v1/tapes/%lld%s", id, matrix[i].suffix);
        kit_expect(&kit, NULL, matrix[i].method, path, matrix[i].body, matrix[i].anonymous, NULL);
        kit_expect(&kit, user, matrix[i].method, path, matrix[i].body, matrix[i].own, NULL);
        kit_expect(&kit, other, matrix[i].method, path, matrix[i].body, matrix[i].stranger, NULL);
        kit_expect(&kit, archivist, matrix[i].method, path, matrix[i].body, matrix[i].archivist, NULL);
        kit_expect(&kit, admin, matrix[i].method, path, matrix[i].body, matrix[i].admin, NULL);
        kit_expect(&kit, viewer, matrix[i].method, path, matrix[i].body, matrix[i].viewer, NULL);
    }
    kit_expect(&kit, viewer, "POST", "/api/v1/tapes", "{\"title\":\"x\"}", 403, NULL);
    kit_expect(&kit, viewer, "POST", "/api/v1/sessions", "{\"type\":\"emulation\"}", 403, NULL);
}

static void tapes_live_and_die(void **state)
{
    char path[80], etag[200], headers[1600];
    long long id = kit_make_tape(&kit, user, "{\"title\":\"Christmas\",\"recorded_at\":\"1992-12\",\"tags\":[\"family\"]}");
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld", id);
    struct answer a = ask(&kit, user, "GET", path, NULL);
    assert_string_equal(text_at(&a, "recorded_at"), "1992-12");
    assert_string_equal(text_at(&a, "status"), "blank");
    assert_true(head_value(&a, "ETag", etag, sizeof(etag)));
    answer_free(&a);
    snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\nIf-None-Match: %s\r\n", user, etag);
    a = ask_raw(&kit, "GET", path, headers, NULL, 0);
    assert_int_equal(a.status, 304);
    answer_free(&a);
    kit_expect(&kit, user, "PATCH", path, "{\"title\":\"Xmas\"}", 200, NULL);
    snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\nIf-Match: %s\r\nContent-Type: application/json\r\n", user, etag);
    a = ask_raw(&kit, "PATCH", path, headers, "{\"title\":\"Late\"}", 16);
    assert_int_equal(a.status, 412);
    answer_free(&a);
    kit_expect(&kit, user, "DELETE", path, NULL, 204, NULL);
    kit_expect(&kit, user, "GET", path, NULL, 404, NULL);
    kit_expect(&kit, user, "DELETE", path, NULL, 404, NULL);
    a = ask(&kit, user, "GET", "/api/v1/tapes?trashed=true", NULL);
    assert_int_equal(json_array_size(json_object_get(a.json, "items")), 1);
    answer_free(&a);
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld/restore", id);
    kit_expect(&kit, user, "POST", path, NULL, 200, NULL);
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld?purge=true", id);
    kit_expect(&kit, user, "DELETE", path, NULL, 204, NULL);
    kit_expect(&kit, user, "DELETE", path, NULL, 404, NULL);
}

static void lists_page_and_search(void **state)
{
    char path[600] = "/api/v1/tapes?limit=2&sort=title";
    static const char *const titles[] = { "delta", "Alpha", "charlie", "bravo 100%", "alpha" };
    for (size_t i = 0; i < ARRAY_LEN(titles); i++) {
        char body[120];
        snprintf(body, sizeof(body), "{\"title\":\"%s\",\"recorded_at\":\"199%zu\"}", titles[i], i);
        kit_make_tape(&kit, user, body);
    }
    char seen[200] = "";
    for (int pages = 0; pages < 3; pages++) {
        struct answer a = ask(&kit, user, "GET", path, NULL);
        assert_int_equal(a.status, 200);
        size_t i;
        json_t *item;
        json_array_foreach(json_object_get(a.json, "items"), i, item)
            strcat(strcat(seen, json_string_value(json_object_get(item, "title"))), ",");
        snprintf(path, sizeof(path), "/api/v1/tapes?limit=2&sort=title&cursor=%s", text_at(&a, "next_cursor"));
        answer_free(&a);
    }
    assert_string_equal(seen, "Alpha,alpha,bravo 100%,charlie,delta,");
    static const struct { const char *query; size_t count; } searches[] = {
        { "q=ALPHA", 2 }, { "title=100%25", 1 }, { "title=%25", 1 }, { "recorded_from=1991&recorded_to=1993-06", 3 }, { "status=ready", 0 }, { "q=alpha+zulu", 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(searches); i++) {
        snprintf(path, sizeof(path), "/api/v1/tapes?%s", searches[i].query);
        struct answer a = ask(&kit, user, "GET", path, NULL);
        assert_int_equal(json_array_size(json_object_get(a.json, "items")), searches[i].count);
        answer_free(&a);
    }
}
/* ---- sessions ---- */
static void a_session_is_commanded(void **state)
{
    char body[120], path[120], id[VCR_UUID_BYTES];
    long long tape = kit_make_tape(&kit, user, "{\"title\":\"Deck\"}");
    snprintf(body, sizeof(body), "{\"type\":\"emulation\",\"tape_id\":%lld,\"look\":\"clean\",\"settings\":{\"autoplay\":true}}", tape);
    kit_expect(&kit, other, "POST", "/api/v1/sessions", body, 404, NULL);
    struct answer a = ask(&kit, user, "POST", "/api/v1/sessions", body);
    if (a.status != 201)
        fail_msg("%s", a.body);
    vcr_strcpy(id, sizeof(id), text_at(&a, "id"));
    static const char *const members[] = { "power", "tape_in", "mode", "speed", "position", "counter", "remaining", "tape_speed", "tracking", "look", "servo", "picture",
                                           "sound", "memory", "repeat", "osd", "flags", "pending", "stop_reason", "command_seq" };
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        assert_non_null(json_object_get(json_object_get(a.json, "deck"), members[i]));
    answer_free(&a);
    snprintf(path, sizeof(path), "/api/v1/sessions/%s/command", id);
    kit_expect(&kit, user, "POST", path, "{\"command\":\"counter_reset\"}", 200, NULL);
    kit_expect(&kit, user, "POST", path, "{\"command\":\"dance\"}", 422, NULL);
    kit_expect(&kit, user, "POST", path, "{\"command\":\"play\",\"position\":3}", 422, NULL);
    kit_expect(&kit, user, "POST", path, "{\"command\":\"seek\"}", 422, NULL);
    kit_expect(&kit, user, "POST", path, "{\"command\":\"insert\",\"tape_id\":999}", 404, NULL);
    kit_expect(&kit, other, "POST", path, "{\"command\":\"play\"}", 404, NULL);
    kit_expect(&kit, admin, "POST", path, "{\"command\":\"play\"}", 409, "/remote-held");
    snprintf(path, sizeof(path), "/api/v1/sessions/%s/events", id);
    a = ask(&kit, user, "GET", path, NULL);
    assert_non_null(strstr(a.body, "event: deck"));
    answer_free(&a);
    snprintf(path, sizeof(path), "/api/v1/streams/%s/offer", id);
    kit_expect(&kit, user, "GET", path, NULL, 200, NULL);
    kit_expect(&kit, other, "GET", path, NULL, 404, NULL);
    snprintf(path, sizeof(path), "/api/v1/streams/%s/answer", id);
    kit_expect(&kit, user, "POST", path, "{\"peer_id\":\"p\",\"type\":\"answer\",\"sdp\":\"nonsense\"}", 422, NULL);
    kit_expect(&kit, user, "POST", path, "{\"peer_id\":\"p\",\"type\":\"answer\",\"sdp\":\"v=0\"}", 204, NULL);
    kit_expect(&kit, user, "GET", "/api/v1/sessions", NULL, 200, NULL);
    snprintf(path, sizeof(path), "/api/v1/sessions/%s", id);
    kit_expect(&kit, user, "GET", path, NULL, 200, NULL);
    kit_expect(&kit, other, "DELETE", path, NULL, 404, NULL);
    kit_expect(&kit, user, "DELETE", path, NULL, 204, NULL);
    snprintf(path, sizeof(path), "/api/v1/sessions/%s/command", id);
    kit_expect(&kit, user, "POST", path, "{\"command\":\"play\"}", 409, "/session-ended");
}

static void looks_are(const char *path, const char *text)
{
    struct answer a = ask(&kit, user, "GET", path, NULL);
    char *has = json_dumps(json_object_get(a.json, "look"), JSON_COMPACT | JSON_ENCODE_ANY);
    assert_string_equal(has, text);
    free(has);
    answer_free(&a);
}

static void only_looks_that_there_are_and_they_stay(void **state)
{
    static const struct { const char *look, *pointer; } none[] = {
        { "{\"profile\":\"sepia\"}", "/look/profile" }, { "{\"profile\":\"\"}", "/look/profile" }, { "\"rental\"", "/look" },
        { "{\"profile\":\"rental\",\"settings\":{\"noise.luma_db\":300}}", "/look/settings/noise.luma_db" },
        { "{\"profile\":\"rental\",\"settings\":{\"nose\":30}}", "/look/settings" }, { "{\"profile\":\"rental\",\"settings\":{\"headswitch\":[1]}}", "/look/settings/headswitch" },
        { "{\"profile\":\"rental;headswitch=off\"}", "/look/profile" },
        { "{\"profile\":\"rental\",\"settings\":[]}", "/look" }, { "{\"profile\":7}", "/look" },
        { "{\"profile\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", "/look/profile" },
    };
    static const struct { const char *look, *is; } some[] = {
        { "{\"profile\":\"rental\",\"settings\":{}}", "{\"profile\":\"rental\"}" }, { "{\"profile\":\"vhs\"}", "\"vhs\"" }, { "\"clean\"", "\"clean\"" }, { "{\"profile\":\"good\"}", "{\"profile\":\"good\"}" },
        { "{\"profile\":\"rental\",\"settings\":{\"headswitch\":false,\"noise.luma_db\":30.5,\"luma.mtf\":\"lp\"}}",
          "{\"profile\":\"rental\",\"settings\":{\"luma.mtf\":\"lp\",\"noise.luma_db\":30.5,\"headswitch\":\"off\"}}" },
    };
    char path[80], key[100], body[300];
    struct answer a = ask(&kit, user, "POST", "/api/v1/sessions", "{\"type\":\"emulation\"}");
    snprintf(path, sizeof(path), "/api/v1/sessions/%s", text_at(&a, "id"));
    snprintf(key, sizeof(key), "%s/command", path);
    answer_free(&a);
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        for (int k = 0; k < 3; k++) { /* a key, a session, a tape */
            snprintf(body, sizeof(body), "{%s,\"look\":%s}", k == 0 ? "\"command\":\"look\"" : k == 1 ? "\"type\":\"emulation\"" : "\"title\":\"T\"", none[i].look);
            a = ask(&kit, user, "POST", k == 0 ? key : k == 1 ? "/api/v1/sessions" : "/api/v1/tapes", body);
            assert_int_equal(a.status, 422);
            assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(a.json, "errors"), 0), "pointer")), none[i].pointer);
            answer_free(&a);
        }
    }
    looks_are(path, "\"vhs\"");
    for (size_t i = 0; i < ARRAY_LEN(some); i++) {
        snprintf(body, sizeof(body), "{\"command\":\"look\",\"look\":%s}", some[i].look);
        kit_expect(&kit, user, "POST", key, body, 200, NULL);
        looks_are(path, some[i].is);
    }
    kit_expect(&kit, user, "DELETE", path, NULL, 204, NULL);
    looks_are(path, some[ARRAY_LEN(some) - 1].is); /* written down, too */
    snprintf(body, sizeof(body), "{\"title\":\"T\",\"look\":%s}", some[ARRAY_LEN(some) - 1].look);
    kit_expect(&kit, user, "POST", "/api/v1/tapes", body, 422, NULL); /* its own look has no settings */
}

static void an_empty_deck_refuses_with_its_state(void **state)
{
    char path[120];
    struct answer a = ask(&kit, user, "POST", "/api/v1/sessions", "{\"type\":\"emulation\"}");
    assert_int_equal(a.status, 201);
    snprintf(path, sizeof(path), "/api/v1/sessions/%s/command", text_at(&a, "id"));
    answer_free(&a);
    a = ask(&kit, user, "POST", path, "{\"command\":\"play\"}");
    assert_int_equal(a.status, 409);
    assert_string_equal(text_at(&a, "type"), "https://vcr-online.invalid/problems/no-tape");
    assert_true(json_is_object(json_object_get(a.json, "deck")));
    answer_free(&a);
}

/* ---- the contract ---- */
static void the_contract_and_the_table_agree(void **state)
{
    struct answer a = ask(&kit, NULL, "GET", "/api/v1/openapi.json", NULL);
    struct http_config config = { 0 };
    size_t described = 0, built = 0;
    const char *path;
    json_t *paths = json_object_get(a.json, "paths"), *item;
    api_http_config(kit.api, &config);
    for (size_t i = 0; i < config.route_count; i++) {
        char text[200], method[8];
        size_t n = 0;
        if (strcmp(config.routes[i].path, "/") == 0 || strncmp(config.routes[i].path, "/assets/", 8) == 0)
            continue; /* the page is no part of the contract */
        if (config.routes[i].method == HTTP_OPTIONS)
            continue; /* a browser's question before another one */
        for (const char *p = config.routes[i].path; *p; p++) {
            if (*p == ':') {
                size_t len = strcspn(p + 1, "/");
                n += (size_t)snprintf(text + n, sizeof(text) - n, "{%.*s}", (int)len, p + 1);
                p += len;
            } else {
                text[n++] = *p;
            }
        }
        text[n] = '\0';
        snprintf(method, sizeof(method), "%s", http_method_name(config.routes[i].method));
        for (char *p = method; *p; p++)
            *p = (char)(*p + 32);
        if (!json_object_get(json_object_get(paths, text), method))
            fail_msg("%s %s is not in api/openapi.yaml", method, text);
        built++;
    }
    json_object_foreach(paths, path, item)
        described += json_object_size(item);
    assert_int_equal(described, built);
    answer_free(&a);
    kit_expect(&kit, NULL, "GET", "/healthz", NULL, 200, NULL);
    kit_expect(&kit, NULL, "GET", "/readyz", NULL, 200, NULL);
    a = ask(&kit, NULL, "GET", "/metrics", NULL);
    assert_non_null(strstr(a.body, "vcr_http_requests_total{route=\"/healthz\",method=\"GET\",status=\"200\"} 1"));
    answer_free(&a);
}

static void the_page_is_served_from_memory(void **state)
{
    static const struct { const char *path, *type, *cache, *body; } files[] = {
        { "/", "text/html; charset=utf-8", "no-cache", "<p>page" },
        { "/assets/main-AB12.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "x=1" },
    };
    char value[400], headers[200];
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct answer a = ask(&kit, NULL, "GET", files[i].path, NULL);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body, files[i].body);
        assert_true(head_value(&a, "Content-Type", value, sizeof(value)));
        assert_string_equal(value, files[i].type);
        assert_true(head_value(&a, "Cache-Control", value, sizeof(value)));
        assert_string_equal(value, files[i].cache);
        assert_true(head_value(&a, "Content-Security-Policy", value, sizeof(value)));
        assert_non_null(strstr(value, "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"));
        assert_true(head_value(&a, "ETag", value, sizeof(value)));
        answer_free(&a);
        snprintf(headers, sizeof(headers), "If-None-Match: %.100s\r\n", value);
        a = ask_raw(&kit, "GET", files[i].path, headers, NULL, 0);
        assert_int_equal(a.status, 304);
        answer_free(&a);
    }
    kit_expect(&kit, NULL, "GET", "/assets/../secret", NULL, 400, NULL);
}

#define CASE(fn, open) cmocka_unit_test_setup_teardown(fn, open, close_kit)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(racing_first_accounts_make_one_admin, open_kit),
        CASE(login_says_one_thing_for_wrong_and_unknown, open_kit),
        CASE(a_reused_refresh_token_revokes_its_family, open_kit),
        CASE(cookies_need_the_csrf_token, open_kit),
        CASE(profile_changes_need_the_password, open_people),
        CASE(nonsense_gets_the_right_problem, open_people),
        CASE(rights_by_role, open_people),
        CASE(tapes_live_and_die, open_people),
        CASE(lists_page_and_search, open_people),
        CASE(a_session_is_commanded, open_people),
        CASE(only_looks_that_there_are_and_they_stay, open_people),
        CASE(an_empty_deck_refuses_with_its_state, open_people),
        CASE(the_page_is_served_from_memory, open_kit),
        CASE(the_contract_and_the_table_agree, open_kit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
