/* tests/unit/api/test_access.c - the access log: what each line says, and what no line may say. Standard error is a file meanwhile. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "kit.h"

static struct kit kit;
static char user[1200];
static int real_stderr;

static int open_log(void **state)
{
    char path[100];
    kit_open(&kit, NULL);
    snprintf(path, sizeof(path), "%s/log", kit.dir);
    real_stderr = dup(2);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && dup2(fd, 2) == 2);
    close(fd);
    log_setup(LOG_JSON, LOG_INFO, "test");
    return 0;
}

static int close_log(void **state)
{
    dup2(real_stderr, 2);
    close(real_stderr);
    kit_close(&kit);
    return 0;
}

/* The log as it is; a request's line is written before its connection is closed, which is what the client waits for. */
static char *read_log(void)
{
    static char text[1 << 18];
    char path[100];
    snprintf(path, sizeof(path), "%s/log", kit.dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = '\0';
    return text;
}

/* The line with that member; the caller's. Fails when there is none. */
static json_t *line_with(const char *key, const char *value)
{
    char *save = NULL;
    for (char *line = strtok_r(read_log(), "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        json_t *j = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (!j)
            fail_msg("no JSON: %s", line);
        const char *found = json_string_value(json_object_get(j, key));
        if (found && strcmp(found, value) == 0)
            return j;
        json_decref(j);
    }
    fail_msg("no line with %s = %s", key, value);
    return NULL;
}

static void check_line(const char *path, const char *method, const char *route, int status, long long user_id)
{
    json_t *j = line_with("url.path", path);
    const char *found = json_string_value(json_object_get(j, "http.route"));
    assert_string_equal(json_string_value(json_object_get(j, "log.level")), "info");
    assert_string_equal(json_string_value(json_object_get(j, "event.module")), "http");
    assert_string_equal(json_string_value(json_object_get(j, "http.request.method")), method);
    assert_string_equal(found ? found : "", route);
    assert_int_equal(json_integer_value(json_object_get(j, "http.response.status_code")), status);
    assert_int_equal(json_integer_value(json_object_get(j, "user.id")), user_id);
    assert_true(json_integer_value(json_object_get(j, "event.duration")) > 0);
    assert_true(json_integer_value(json_object_get(j, "http.response.bytes")) > 0);
    assert_string_equal(json_string_value(json_object_get(j, "client.ip")), "127.0.0.1");
    assert_true(vcr_is_uuid(json_string_value(json_object_get(j, "http.request.id"))));
    json_decref(j);
}

static void each_request_is_one_line(void **state)
{
    sign_up(&kit, "user@x.org", user);
    ask_status(&kit, user, "POST", "/api/v1/tapes", "{\"title\":\"A private title\"}");
    ask_status(&kit, user, "GET", "/api/v1/tapes/1?share=door&x=y", NULL);
    ask_status(&kit, NULL, "GET", "/api/v1/jobs", NULL);
    ask_status(&kit, NULL, "GET", "/assets/main-AB12.js", NULL);
    ask_status(&kit, NULL, "GET", "/nowhere", NULL);
    static const char broken[] = "GET \x01 HTTP/1.1\r\n\r\n"; /* has no path at all */
    int fd = kit_connect(&kit);
    char head[2000];
    assert_int_equal(send(fd, broken, sizeof(broken) - 1, MSG_NOSIGNAL), sizeof(broken) - 1);
    while (recv(fd, head, sizeof(head), 0) > 0)
        ;
    close(fd);
    check_line("/api/v1/auth/register", "POST", "/api/v1/auth/register", 201, 1);
    check_line("/api/v1/tapes", "POST", "/api/v1/tapes", 201, 1);
    check_line("/api/v1/tapes/1", "GET", "/api/v1/tapes/:id", 200, 1);
    check_line("/api/v1/jobs", "GET", "/api/v1/jobs", 401, 0);
    check_line("/assets/main-AB12.js", "GET", "/assets/main-AB12.js", 200, 0);
    check_line("/nowhere", "GET", "", 404, 0);
    struct answer a = ask_raw(&kit, "GET", "/api/v1/jobs", "X-Request-Id: my-own-id-1\r\n", NULL, 0);
    answer_free(&a);
    json_decref(line_with("http.request.id", "my-own-id-1"));
}

static void what_machines_ask_is_no_line(void **state)
{
    static const char *const probes[] = { "/healthz", "/readyz", "/metrics" };
    for (size_t i = 0; i < ARRAY_LEN(probes); i++)
        assert_int_equal(ask_status(&kit, NULL, "GET", probes[i], NULL), 200);
    assert_int_equal(ask_status(&kit, NULL, "GET", "/api/v1/server", NULL), 200);
    json_decref(line_with("url.path", "/api/v1/server"));
    for (size_t i = 0; i < ARRAY_LEN(probes); i++)
        assert_null(strstr(read_log(), probes[i]));
}

static void no_secret_is_in_it(void **state)
{
    char token[100], refresh[100], path[300], headers[1400];
    sign_up(&kit, "user@x.org", user);
    struct answer a = ask(&kit, NULL, "POST", "/api/v1/auth/login", "{\"email\":\"user@x.org\",\"password\":\"correct horse\"}");
    vcr_strcpy(refresh, sizeof(refresh), text_at(&a, "refresh_token"));
    snprintf(headers, sizeof(headers), "Cookie: vcr_access=%.1100s; vcr_refresh=%.90s\r\n", text_at(&a, "access_token"), refresh);
    answer_free(&a);
    a = ask_raw(&kit, "GET", "/api/v1/users/me", headers, NULL, 0);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    ask_status(&kit, user, "POST", "/api/v1/tapes", "{\"title\":\"A private title\"}");
    a = ask(&kit, user, "POST", "/api/v1/hls/1/token", NULL);
    assert_int_equal(a.status, 201);
    vcr_strcpy(token, sizeof(token), text_at(&a, "token"));
    answer_free(&a);
    const char *const shapes[] = { "/api/v1/hls/1/t/%s/video.m3u8", "/api/v1/hls/2/t/%s/video.mp4", "/api/v1/hls/1/playlist.m3u8?token=%s", "/api/v1/hls/1/t/%s/typo.mp4",
                                   "/api/v1/hls/1/t/%s", "/%s", "/api/v1/tapes/%s", "/api/v1/tapes?cursor=%s", "//%s/" };
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        static const char mark[] = "%s";
        const char *at = strstr(shapes[i], mark);
        snprintf(path, sizeof(path), "%.*s%s%s", (int)(at - shapes[i]), shapes[i], token, at + 2);
        ask_status(&kit, NULL, "GET", path, NULL);
    }
    json_t *j = line_with("url.path", "/api/v1/hls/:id/t/:token/video.m3u8");
    assert_int_equal(json_integer_value(json_object_get(j, "user.id")), 1); /* whose token it is */
    json_decref(j);
    json_decref(line_with("url.path", "/api/v1/hls/1/t/*/typo.mp4"));
    const char *const secrets[] = { user, token, refresh, "correct horse", "private title", "Bearer", "user@x.org" };
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        char part[25];
        snprintf(part, sizeof(part), "%s", secrets[i] + (strlen(secrets[i]) > 60 ? strlen(secrets[i]) - 24 : 0));
        if (strstr(read_log(), part))
            fail_msg("the log holds %s", part);
    }
}

static void a_client_that_leaves_is_said(void **state)
{
    static const char request[] = "PUT /api/v1/tapes/1/media HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100000\r\n\r\nxx";
    char text[1400];
    sign_up(&kit, "user@x.org", user);
    ask_status(&kit, user, "POST", "/api/v1/tapes", "{\"title\":\"T\"}");
    int n = snprintf(text, sizeof(text), request, user), fd = kit_connect(&kit);
    assert_int_equal(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
    close(fd);
    while (!strstr(read_log(), "PUT /api/v1/tapes/1/media: the client left"))
        usleep(2000);
    json_t *j = line_with("url.path", "/api/v1/tapes/1/media");
    assert_int_equal(json_integer_value(json_object_get(j, "http.response.status_code")), 0);
    json_decref(j);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, open_log, close_log)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_request_is_one_line), CASE(what_machines_ask_is_no_line), CASE(no_secret_is_in_it), CASE(a_client_that_leaves_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
