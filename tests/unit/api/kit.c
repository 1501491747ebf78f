/* tests/unit/api/kit.c - the server in a folder and its client. */
#include "kit.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "fake_sessions.h"

struct api_config kit_api;

void kit_open(struct kit *k, void (*change)(struct app_config *c))
{
    struct vcr_why why = { 0 };
    memset(k, 0, sizeof(*k));
    signal(SIGPIPE, SIG_IGN);
    log_setup(LOG_TEXT, LOG_WARN, "test"); /* no line for each request */
    vcr_strcpy(k->dir, sizeof(k->dir), "/tmp/vcr-api-XXXXXX");
    assert_non_null(mkdtemp(k->dir));
    assert_int_equal(sql_open(&k->db, "sqlite:vcr.db", k->dir, &why), VCR_OK);
    assert_int_equal(blob_open_store(&k->blobs, "file:blobs", k->dir, &why), VCR_OK);
    assert_int_equal(cache_open(&k->cache, "memory:", &why), VCR_OK);
    struct app_config config = { .db = k->db, .blobs = k->blobs, .cache = k->cache, .sessions = fake_sessions(), .data_dir = k->dir,
                                 .password_ops = crypto_pwhash_OPSLIMIT_MIN, .password_mem_bytes = crypto_pwhash_MEMLIMIT_MIN };
    if (change)
        change(&config);
    assert_int_equal(app_open(&k->app, &config, &why), VCR_OK);
    char web[80], command[400];
    snprintf(web, sizeof(web), "%s/web", k->dir);
    snprintf(command, sizeof(command), "mkdir -p %s/assets && printf '<p>page' >%s/index.html && printf 'x=1' >%s/assets/main-AB12.js", web, web, web);
    assert_int_equal(system(command), 0);
    struct api_config api = kit_api;
    api.app = k->app;
    api.web_dir = web;
    api.server = &k->http;
    assert_int_equal(api_open(&k->api, &api, &why), VCR_OK);
    struct http_config http = { .listen = "127.0.0.1:0", .loops = 2 };
    api_http_config(k->api, &http);
    assert_int_equal(http_open(&k->http, &http, &why), VCR_OK);
}

void kit_close(struct kit *k)
{
    char command[128];
    while (api_calls(k->api) > 0) /* the client has gone, what it began is on a pool yet */
        usleep(1000);
    http_close(&k->http);
    api_close(&k->api);
    app_close(&k->app);
    cache_close(&k->cache);
    blob_close_store(&k->blobs);
    sql_close(&k->db);
    snprintf(command, sizeof(command), "rm -rf %s", k->dir);
    assert_int_equal(system(command), 0);
}

int kit_connect(struct kit *k)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { .tv_sec = 30 };
    to.sin_port = htons((uint16_t)atoi(strrchr(http_address(k->http), ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void send_some(int fd, const char *p, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* refused in the middle: the answer says why */
        p += n;
        len -= (size_t)n;
    }
}

struct answer ask_raw(struct kit *k, const char *method, const char *path, const char *headers, const void *body, size_t len)
{
    struct answer a = { 0 };
    struct buf in;
    int fd = kit_connect(k);
    char *head = vcr_asprintf("%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s", method, path, headers ? headers : "");
    char *length = body ? vcr_asprintf("Content-Length: %zu\r\n\r\n", len) : vcr_strdup("\r\n");
    send_some(fd, head, strlen(head));
    send_some(fd, length, strlen(length));
    if (body)
        send_some(fd, body, len);
    free(head);
    free(length);
    buf_init(&in, 64 << 20);
    for (;;) {
        char chunk[65536];
        ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
        if (n <= 0)
            break;
        buf_add(&in, chunk, (size_t)n);
    }
    close(fd);
    char *end = in.data ? strstr(in.data, "\r\n\r\n") : NULL;
    if (!end)
        fail_msg("%s %s: no answer", method, path);
    snprintf(a.head, sizeof(a.head), "%.*s\r\n", (int)(end - in.data), in.data);
    a.status = atoi(a.head + 9);
    a.len = in.len - (size_t)(end + 4 - in.data);
    a.body = vcr_alloc(a.len + 1);
    memcpy(a.body, end + 4, a.len);
    a.json = json_loadb(a.body, a.len, 0, NULL);
    buf_free(&in);
    return a;
}

void answer_free(struct answer *a)
{
    free(a->body);
    json_decref(a->json);
    memset(a, 0, sizeof(*a));
}

struct answer ask(struct kit *k, const char *token, const char *method, const char *path, const char *body)
{
    char headers[2000];
    snprintf(headers, sizeof(headers), "%s%s%s%s", token ? "Authorization: Bearer " : "", token ? token : "", token ? "\r\n" : "",
             body ? "Content-Type: application/json\r\n" : "");
    return ask_raw(k, method, path, headers, body, body ? strlen(body) : 0);
}

int ask_status(struct kit *k, const char *token, const char *method, const char *path, const char *body)
{
    struct answer a = ask(k, token, method, path, body);
    int status = a.status;
    answer_free(&a);
    return status;
}

const char *text_at(const struct answer *a, const char *member)
{
    const char *s = json_string_value(json_object_get(a->json, member));
    return s ? s : "";
}

long long int_at(const struct answer *a, const char *member) { return json_integer_value(json_object_get(a->json, member)); }

bool head_value(const struct answer *a, const char *name, char *out, size_t size)
{
    char want[80];
    snprintf(want, sizeof(want), "\r\n%s: ", name);
    const char *p = strstr(a->head, want);
    if (!p)
        return false;
    p += strlen(want);
    snprintf(out, size, "%.*s", (int)strcspn(p, "\r"), p);
    return true;
}

void sign_up(struct kit *k, const char *email, char token[1200])
{
    char body[256];
    snprintf(body, sizeof(body), "{\"email\":\"%s\",\"password\":\"correct horse\"}", email);
    struct answer a = ask(k, NULL, "POST", "/api/v1/auth/register", body);
    assert_int_equal(a.status, 201);
    vcr_strcpy(token, 1200, text_at(&a, "access_token"));
    answer_free(&a);
}

struct role { const char *email, *role; };

static enum vcr_err role_work(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct role *r = arg;
    return sql_exec(tx, "UPDATE users SET role = $2 WHERE email = $1", SQL_ARGS(SQL_T(r->email), SQL_T(r->role)), NULL, why);
}

void set_role(struct kit *k, const char *email, const char *role)
{
    struct role r = { email, role };
    assert_int_equal(sql_run(k->db, SQL_WRITE, role_work, &r, NULL), VCR_OK);
}

long long kit_make_tape(struct kit *k, const char *token, const char *body)
{
    struct answer a = ask(k, token, "POST", "/api/v1/tapes", body);
    assert_int_equal(a.status, 201);
    long long id = int_at(&a, "id");
    answer_free(&a);
    return id;
}

void kit_expect(struct kit *k, const char *token, const char *method, const char *path, const char *body, int status, const char *slug)
{
    struct answer a = ask(k, token, method, path, body);
    if (a.status != status)
        fail_msg("%s %s %s: %d instead of %d: %s", method, path, body ? body : "", a.status, status, a.body);
    if (status >= 400) {
        char type[80];
        assert_true(head_value(&a, "Content-Type", type, sizeof(type)));
        assert_string_equal(type, "application/problem+json");
        assert_int_equal(int_at(&a, "status"), status);
        assert_true(*text_at(&a, "title") && *text_at(&a, "detail") && *text_at(&a, "request_id"));
        const char *t = text_at(&a, "type");
        if (slug && (strlen(t) < strlen(slug) || strcmp(t + strlen(t) - strlen(slug), slug) != 0))
            fail_msg("%s %s: type %s instead of %s", method, path, t, slug);
    }
    answer_free(&a);
}

static enum vcr_err sql_work(struct sql_tx *tx, void *arg, struct vcr_why *why) { return sql_exec(tx, arg, SQL_NONE, NULL, why); }

void kit_sql(struct kit *k, const char *fmt, ...)
{
    char text[800];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    assert_int_equal(sql_run(k->db, SQL_WRITE, sql_work, text, NULL), VCR_OK);
}

struct number { const char *query; int64_t value; };

static enum vcr_err number_work(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct number *n = arg;
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, n->query, SQL_NONE, why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        n->value = sql_int(rows, 0);
    sql_rows_close(&rows);
    return err;
}

int64_t kit_number(struct kit *k, const char *query)
{
    struct number n = { query, -1 };
    assert_int_equal(sql_run(k->db, SQL_READ, number_work, &n, NULL), VCR_OK);
    return n.value;
}
