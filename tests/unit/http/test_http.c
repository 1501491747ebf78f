/* tests/unit/http/test_http.c - the server core as its clients and its handlers see it, over real sockets on loopback. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"
#include "client.h"
#include "http/http.h"

enum { FILE_BYTES = 8 << 20, TEXT_BYTES = 65536 };

/* What handlers leave for the test, and how it waits for them. */
static struct {
    struct http_server *server;
    char address[64];
    int file_fd;
    sem_t began, gone, done, moved;
    struct http_req *held; /* written before `began` is posted */
    _Atomic uint64_t taken; /* by the slow sink */
    _Atomic int cut, live_own;
} t;

static void wait_for(sem_t *s)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    int rc;
    do
        rc = sem_timedwait(s, &until);
    while (rc != 0 && errno == EINTR);
    assert_int_equal(rc, 0);
}

/* ---- handlers ---- */

static void hello(struct http_req *r, const struct http_route *route) { http_send(r, 200, "text/plain", "hello", 5); }

static void echo_done(struct http_req *r, const char *body, size_t len) { http_send(r, 200, "text/plain", body, len); }
static void echo(struct http_req *r, const struct http_route *route) { http_body_read(r, 65536, echo_done); }

static void ignore_body(struct http_req *r, const struct http_route *route) { http_send(r, 401, NULL, NULL, 0); }

static void show(struct http_req *r, const struct http_route *route)
{
    char out[2048];
    const char *q = http_req_query(r, "q");
    char cookie[32];
    const char *c = http_req_cookie(r, "sid", cookie, sizeof(cookie));
    const char *param = strchr(route->path, ':') ? http_req_param(r, "id") : strchr(route->path, '*') ? http_req_param(r, "rest") : "-";
    int n = snprintf(out, sizeof(out), "%s %s %s q=%s sid=%s", route->path, param, http_req_path(r), q ? q : "-", c ? c : "-");
    http_set_header(r, "X-Shown", "yes");
    http_send(r, 200, "text/plain", out, (size_t)n);
}

static void file(struct http_req *r, const struct http_route *route)
{
    http_send_file(r, &(struct http_file){ .fd = dup(t.file_fd), .offset = 100, .len = FILE_BYTES - 100, .content_type = "video/mp4", .etag = "\"e1\"",
                                           .download_name = "M\xC3\xBCll.mp4" });
}

static void gone(struct http_req *r) { sem_post(&t.gone); }

static void free_own(void *own)
{
    t.live_own--;
    free(own);
}

static void hold(struct http_req *r, const struct http_route *route)
{
    t.live_own++;
    http_req_set_own(r, malloc(10), free_own);
    http_req_on_gone(r, gone);
    t.held = r;
    sem_post(&t.began);
}

static void events(struct http_req *r, const struct http_route *route)
{
    hold(r, route);
    http_sse_begin(r);
    http_sse_send(r, "state", "{\"n\":1}");
}

struct sink {
    uint64_t bytes;
    uint64_t sum;
};

static bool sink_data(struct http_req *r, const uint8_t *bytes, size_t len)
{
    struct sink *s = http_req_own(r);
    s->bytes += len;
    for (size_t i = 0; i < len; i++)
        s->sum += bytes[i];
    return true;
}

static void sink_end(struct http_req *r, bool complete)
{
    struct sink *s = http_req_own(r);
    char out[64];
    int n = snprintf(out, sizeof(out), "%llu %llu", (unsigned long long)s->bytes, (unsigned long long)s->sum);
    if (!complete) {
        t.cut++;
        sem_post(&t.gone);
    }
    http_send(r, 200, "text/plain", out, (size_t)n);
}

static void sink(struct http_req *r, const struct http_route *route)
{
    t.live_own++;
    http_req_set_own(r, calloc(1, sizeof(struct sink)), free_own);
    http_body_stream(r, 100000000, &(struct http_body_sink){ sink_data, sink_end });
}

/* Takes one piece, then waits until the test resumes it. */
static bool slow_data(struct http_req *r, const uint8_t *bytes, size_t len)
{
    sink_data(r, bytes, len);
    t.taken += len;
    sem_post(&t.moved);
    return false;
}

static void slow_sink(struct http_req *r, const struct http_route *route)
{
    static struct sink s; /* one at a time */
    s = (struct sink){ 0 };
    http_req_set_own(r, &s, NULL);
    t.held = r;
    sem_post(&t.began);
    http_body_stream(r, 100000000, &(struct http_body_sink){ slow_data, sink_end });
}

/* Answers before the body is over. */
static bool refuse_data(struct http_req *r, const uint8_t *bytes, size_t len)
{
    http_send(r, 422, "text/plain", "no", 2);
    return true;
}

static void refuse_end(struct http_req *r, bool complete) { t.cut++; }

static void refuse(struct http_req *r, const struct http_route *route)
{
    http_body_stream(r, 100000000, &(struct http_body_sink){ refuse_data, refuse_end });
}

/* 8 MiB from memory. */
static void big(struct http_req *r, const struct http_route *route)
{
    char *body = malloc(FILE_BYTES);
    for (size_t i = 0; i < FILE_BYTES; i++)
        body[i] = (char)(i * 7 + i / 253);
    http_send(r, 200, NULL, body, FILE_BYTES);
    free(body);
}

static const struct http_route routes[] = {
    { HTTP_PUT, "/refuse", refuse, NULL, false },
    { HTTP_GET, "/big", big, NULL, false },
    { HTTP_GET, "/hello", hello, NULL, false },
    { HTTP_GET, "/items/:id", show, NULL, false },
    { HTTP_GET, "/items/special", show, NULL, true },
    { HTTP_DELETE, "/items/:id", show, NULL, false },
    { HTTP_GET, "/items/:id/tail", show, NULL, false },
    { HTTP_GET, "/tree/*rest", show, NULL, false },
    { HTTP_POST, "/echo", echo, NULL, false },
    { HTTP_POST, "/ignore", ignore_body, NULL, false },
    { HTTP_PUT, "/sink", sink, NULL, false },
    { HTTP_PUT, "/slow", slow_sink, NULL, false },
    { HTTP_GET, "/file", file, NULL, false },
    { HTTP_GET, "/hold", hold, NULL, false },
    { HTTP_GET, "/events", events, NULL, false },
};

static void done(struct http_req *r, int status, uint64_t bytes_sent, int64_t took_us)
{
    if (strcmp(http_req_path(r), "/hold") == 0)
        sem_post(&t.done);
}

static void open_server(struct http_config c)
{
    struct vcr_why why;
    signal(SIGPIPE, SIG_IGN);
    c.listen = "127.0.0.1:0";
    c.routes = routes;
    c.route_count = ARRAY_LEN(routes);
    c.on_done = done;
    if (c.connections_per_ip == 0)
        c.connections_per_ip = -1;
    if (http_open(&t.server, &c, &why) != VCR_OK)
        fail_msg("%s", why.text);
    vcr_strcpy(t.address, sizeof(t.address), http_address(t.server));
    assert_int_equal(sem_init(&t.began, 0, 0) | sem_init(&t.gone, 0, 0) | sem_init(&t.done, 0, 0) | sem_init(&t.moved, 0, 0), 0);
    t.taken = 0;
    t.cut = 0;
}

static void close_server(void)
{
    http_close(&t.server);
    assert_int_equal(t.live_own, 0);
}

static int ask(const char *request, char *text) { return client_ask(t.address, request, strlen(request), text, FILE_BYTES + TEXT_BYTES); }

static char *text; /* FILE_BYTES + TEXT_BYTES, of the test's main thread */

#define H "Host: a\r\nConnection: close\r\n"

/* ---- tests ---- */

static void answers_carry_what_they_must(void **state)
{
    open_server((struct http_config){ 0 });
    assert_int_equal(ask("GET /hello HTTP/1.1\r\nX-Request-Id: my.id-7\r\n" H "\r\n", text), 200);
    assert_non_null(strstr(text, "\r\nX-Request-Id: my.id-7\r\n"));
    assert_non_null(strstr(text, "\r\nContent-Length: 5\r\n"));
    assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(text, "\r\nDate: "));
    assert_string_equal(client_body(text), "hello");
    assert_int_equal(ask("GET /hello HTTP/1.1\r\nX-Request-Id: bad id\r\n" H "\r\n", text), 200);
    assert_null(strstr(text, "bad id"));
    char id[VCR_UUID_BYTES];
    memcpy(id, strstr(text, "X-Request-Id: ") + 14, VCR_UUID_BYTES - 1);
    id[VCR_UUID_BYTES - 1] = '\0';
    assert_true(vcr_is_uuid(id));
    assert_int_equal(ask("HEAD /hello HTTP/1.1\r\n" H "\r\n", text), 200);
    assert_non_null(strstr(text, "\r\nContent-Length: 5\r\n"));
    assert_string_equal(client_body(text), "");
    assert_int_equal(ask("GET /hello HTTP/1.0\r\n\r\n", text), 200); /* and closes by itself */
    close_server();
}

static void routes_are_found(void **state)
{
    static const struct {
        const char *request;
        int status;
        const char *expect;
    } cases[] = {
        { "GET /items/7?q=a+b%21&q=2 HTTP/1.1\r\nCookie: x=1; sid=abc\r\n", 200, "/items/:id 7 /items/7 q=a b! sid=abc" },
        { "GET /items/a%20b HTTP/1.1\r\n", 200, "/items/:id a b /items/a b q=- sid=-" },
        { "GET /items/special HTTP/1.1\r\n", 200, "/items/special - /items/special q=- sid=-" },
        { "DELETE /items/special HTTP/1.1\r\n", 200, "/items/:id special /items/special" },
        { "GET /items/7/tail HTTP/1.1\r\n", 200, "/items/:id/tail 7 " },
        { "GET /tree/a/b/c HTTP/1.1\r\n", 200, "/tree/*rest a/b/c " },
        { "GET /tree/ HTTP/1.1\r\n", 404, "" },
        { "GET /items/ HTTP/1.1\r\n", 404, "" },
        { "GET /items HTTP/1.1\r\n", 404, "" },
        { "GET /items/7/ HTTP/1.1\r\n", 404, "" },
        { "GET /items/7/other HTTP/1.1\r\n", 404, "" },
        { "GET //hello HTTP/1.1\r\n", 404, "" },
        { "GET /hello/ HTTP/1.1\r\n", 404, "" },
        { "PUT /items/7 HTTP/1.1\r\nContent-Length: 0\r\n", 405, "\r\nAllow: GET, HEAD, DELETE, OPTIONS\r\n" },
        { "TRACE /hello HTTP/1.1\r\n", 405, "\r\nAllow: GET, HEAD, OPTIONS\r\n" },
        { "BREW /hello HTTP/1.1\r\n", 501, "" },
        { "OPTIONS /echo HTTP/1.1\r\n", 204, "\r\nAllow: POST, OPTIONS\r\n" },
        { "OPTIONS * HTTP/1.1\r\n", 204, "\r\nAllow: GET, " },
        { "OPTIONS /nowhere HTTP/1.1\r\n", 404, "" },
        { "GET /items/%2e%2e HTTP/1.1\r\n", 400, "" },
        { "GET /items/a%2Fb HTTP/1.1\r\n", 400, "" },
        { "GET /items/7?q=%zz HTTP/1.1\r\n", 400, "" },
        { "GET /items/7?q=%00 HTTP/1.1\r\n", 400, "" },
    };
    open_server((struct http_config){ 0 });
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char request[512];
        snprintf(request, sizeof(request), "%s" H "\r\n", cases[i].request);
        int status = ask(request, text);
        if (status != cases[i].status || !strstr(text, cases[i].expect))
            fail_msg("%s answered %s", request, text);
    }
    close_server();
}

/* What must be refused, and that the connection ends although more follows in the same bytes. */
static void smuggling_is_refused_and_the_connection_closed(void **state)
{
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        { "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400 },
        { "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
        { "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501 },
        { "GET /hello HTTP/1.1\r\nHost : a\r\n\r\n", 400 },
        { "GET /hello HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400 },
        { "GET /hello HTTP/1.1\r\n\r\n", 400 },
        { "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400 },
        { "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", 400 },
        { "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc", 400 },
        { "GET /hello HTTP/1.1\nHost: a\n\n", 400 },
        { "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", 400 },
        { "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n", 400 },
        { "PUT /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400 },
        { "GET http://a/hello HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
        { "GET /hello HTTP/2.0\r\nHost: a\r\n\r\n", 505 },
    };
    open_server((struct http_config){ 0 });
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char request[512];
        snprintf(request, sizeof(request), "%sGET /hello HTTP/1.1\r\nHost: a\r\n\r\n", cases[i].request);
        int status = ask(request, text);
        if (status != cases[i].status || strstr(text + 1, "HTTP/1.1 200"))
            fail_msg("%s answered %s", request, text);
        assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
    }
    close_server();
}

static void a_request_may_be_split_anywhere(void **state)
{
    static const char chunked[] = "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: x\r\n\r\n";
    static const char plain[] = "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabcde";
    static const char *const requests[] = { chunked, plain };
    open_server((struct http_config){ .loops = 1 });
    for (size_t k = 0; k < ARRAY_LEN(requests); k++) {
        size_t len = strlen(requests[k]);
        for (size_t i = 1; i < len; i++) {
            int fd = client_connect(t.address, 0);
            client_put(fd, requests[k], i);
            struct http_counts counts; /* a turn of the server's loop lies between the halves when it answers someone else */
            int other = client_connect(t.address, 0);
            client_puts(other, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_true(client_read_until(other, text, TEXT_BYTES, "hello"));
            close(other);
            http_counts(t.server, &counts);
            assert_true(counts.connections >= 1);
            client_put(fd, requests[k] + i, len - i);
            client_read_all(fd, text, TEXT_BYTES);
            close(fd);
            assert_int_equal(client_status(text), 200);
            assert_string_equal(client_body(text), "abcde");
        }
    }
    close_server();
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    open_server((struct http_config){ 0 });
    int fd = client_connect(t.address, 0);
    char request[256];
    for (int i = 0; i < 300; i++) {
        int n = snprintf(request, sizeof(request), "GET /items/%d HTTP/1.1\r\nHost: a\r\n\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n%04d", i, i);
        client_put(fd, request, (size_t)n);
    }
    client_puts(fd, "GET /hello HTTP/1.1\r\n" H "\r\n");
    client_read_all(fd, text, FILE_BYTES);
    close(fd);
    const char *p = text;
    for (int i = 0; i < 300; i++) {
        snprintf(request, sizeof(request), "/items/:id %d ", i);
        p = strstr(p, request);
        assert_non_null(p);
        snprintf(request, sizeof(request), "\r\n\r\n%04d", i);
        p = strstr(p, request);
        assert_non_null(p);
    }
    assert_non_null(strstr(p, "hello"));
    close_server();
}

static void bodies_have_ceilings(void **state)
{
    open_server((struct http_config){ 0 });
    /* by its length, before a byte of it is read: the client never sends any */
    assert_int_equal(ask("POST /echo HTTP/1.1\r\n" H "Content-Length: 65537\r\n\r\n", text), 413);
    assert_int_equal(ask("PUT /sink HTTP/1.1\r\n" H "Content-Length: 100000001\r\n\r\n", text), 413);
    wait_for(&t.gone);
    assert_int_equal(t.cut, 1);
    /* chunked: when it passes */
    char *big = malloc(80000);
    int n = snprintf(big, 80000, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n11000\r\n");
    memset(big + n, 'x', 80000 - (size_t)n);
    assert_int_equal(client_ask(t.address, big, 80000, text, FILE_BYTES), 413);
    /* exactly the ceiling */
    n = snprintf(big, 80000, "POST /echo HTTP/1.1\r\n" H "Content-Length: 65536\r\n\r\n");
    big[n] = 'x'; /* not snprintf's NUL */
    assert_int_equal(client_ask(t.address, big, (size_t)n + 65536, text, FILE_BYTES), 200);
    assert_int_equal(strlen(client_body(text)), 65536);
    free(big);
    close_server();
}

/* The client sends much more than it may and only then reads: the answer must not be lost to a reset. */
static void an_early_answer_reaches_a_client_that_still_sends(void **state)
{
    open_server((struct http_config){ 0 });
    char *piece = calloc(1, 1 << 20);
    for (int i = 0; i < 5; i++) {
        int fd = client_connect(t.address, 0);
        client_puts(fd, "PUT /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 200000000\r\n\r\n");
        for (int k = 0; k < 8; k++)
            assert_true(client_put(fd, piece, 1 << 20)); /* a reset would also lose the answer on a real network */
        client_read_all(fd, text, FILE_BYTES);
        close(fd);
        assert_int_equal(client_status(text), 413);
    }
    free(piece);
    close_server();
}

static void expecting_clients_are_told_to_go_on_or_not(void **state)
{
    open_server((struct http_config){ 0 });
    int fd = client_connect(t.address, 0);
    client_puts(fd, "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_true(client_read_until(fd, text, TEXT_BYTES, "\r\n\r\n"));
    assert_int_equal(client_status(text), 100);
    client_puts(fd, "abc");
    client_read_all(fd, text, TEXT_BYTES);
    close(fd);
    assert_int_equal(client_status(text), 200);
    assert_int_equal(ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\nExpect: 100-continue\r\n\r\n", text), 413);
    assert_int_equal(ask("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\n", text), 401);
    close_server();
}

static void a_small_unread_body_does_not_cost_the_connection(void **state)
{
    open_server((struct http_config){ 0 });
    int fd = client_connect(t.address, 0);
    for (int i = 0; i < 3; i++) {
        client_puts(fd, "POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
        assert_true(client_read_until(fd, text, TEXT_BYTES, "\r\n\r\n"));
        assert_int_equal(client_status(text), 401);
        client_puts(fd, "GET /none"); /* a body that looks like a request */
    }
    client_puts(fd, "GET /hello HTTP/1.1\r\n" H "\r\n");
    client_read_all(fd, text, TEXT_BYTES);
    close(fd);
    assert_int_equal(client_status(text), 200);
    close_server();
}

/* A byte now and then until the server has had enough. */
static void drip(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int bytes = 0;
    do
        client_puts(fd, "x");
    while (poll(&p, 1, 10) == 0 && ++bytes < 2000);
    assert_true(bytes < 2000);
}

static void slow_clients_are_let_go(void **state)
{
    struct http_config config = { .header_timeout_ms = 1000, .idle_timeout_ms = 100, .body_grace_ms = 100, .body_min_bytes_per_s = 10000 };
    open_server(config);
    int fd = client_connect(t.address, 0); /* silent */
    assert_int_equal(client_read_all(fd, text, TEXT_BYTES), 0);
    close(fd);
    fd = client_connect(t.address, 0); /* drips its head: each byte must not win new time */
    client_puts(fd, "GET / HTTP/1.1\r\nX: ");
    drip(fd);
    client_read_all(fd, text, TEXT_BYTES);
    close(fd);
    assert_int_equal(client_status(text), 408);
    close_server();
    config.header_timeout_ms = PATIENCE_MS; /* the heads from here on are whole, however late they come */
    open_server(config);
    fd = client_connect(t.address, 0); /* idle after a request */
    client_puts(fd, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    client_read_all(fd, text, TEXT_BYTES);
    close(fd);
    assert_int_equal(client_status(text), 200);
    static const char *const heads[] = { "POST /echo", "PUT /sink" };
    for (size_t k = 0; k < ARRAY_LEN(heads); k++) { /* drips its body */
        char head[128];
        snprintf(head, sizeof(head), "%s HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n", heads[k]);
        fd = client_connect(t.address, 0);
        client_puts(fd, head);
        drip(fd);
        client_read_all(fd, text, TEXT_BYTES);
        close(fd);
        assert_int_equal(client_status(text), 408);
    }
    fd = client_connect(t.address, 4096); /* asks for a big file and never reads */
    client_puts(fd, "GET /file HTTP/1.1\r\nHost: a\r\n\r\n");
    struct http_counts counts;
    for (int i = 0; i < PATIENCE_MS; i++) {
        http_counts(t.server, &counts);
        if (counts.connections == 0)
            break;
        poll(NULL, 0, 1);
    }
    assert_int_equal(counts.connections, 0);
    close(fd);
    close_server();
}

static void connections_are_capped(void **state)
{
    for (int per_ip = 0; per_ip < 2; per_ip++) {
        open_server(per_ip ? (struct http_config){ .connections_per_ip = 3 } : (struct http_config){ .connections_max = 3 });
        int fd[4];
        for (int i = 0; i < 3; i++) {
            fd[i] = client_connect(t.address, 0);
            client_puts(fd[i], "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_true(client_read_until(fd[i], text, TEXT_BYTES, "hello"));
        }
        fd[3] = client_connect(t.address, 0);
        client_read_all(fd[3], text, TEXT_BYTES);
        assert_int_equal(client_status(text), 503);
        close(fd[3]);
        struct http_counts counts;
        http_counts(t.server, &counts);
        assert_int_equal(counts.refused, 1);
        assert_int_equal(counts.connections, 3);
        close(fd[0]);
        int status = 503; /* the place is free as soon as the server noticed */
        for (int i = 0; i < 1000 && status != 200; i++)
            status = ask("GET /hello HTTP/1.1\r\n" H "\r\n", text);
        assert_int_equal(status, 200);
        close(fd[1]);
        close(fd[2]);
        close_server();
    }
}

static unsigned char file_byte(size_t i) { return (unsigned char)(i * 31 + i / 251); }

static void ranges_and_conditions(void **state)
{
    static const size_t all = FILE_BYTES - 100;
    static const struct {
        const char *method, *headers;
        int status;
        size_t first, count;
        const char *content_range;
    } cases[] = {
        { "GET", "", 200, 0, FILE_BYTES - 100, NULL },
        { "HEAD", "", 200, 0, 0, NULL },
        { "GET", "Range: bytes=0-0\r\n", 206, 0, 1, "bytes 0-0/8388508" },
        { "GET", "Range: bytes=1000-1999\r\n", 206, 1000, 1000, "bytes 1000-1999/8388508" },
        { "GET", "Range: bytes=8388500-\r\n", 206, 8388500, 8, "bytes 8388500-8388507/8388508" },
        { "GET", "Range: bytes=8388500-99999999999\r\n", 206, 8388500, 8, "bytes 8388500-8388507/8388508" },
        { "GET", "Range: bytes=-5\r\n", 206, 8388503, 5, "bytes 8388503-8388507/8388508" },
        { "GET", "Range: bytes=-99999999\r\n", 206, 0, FILE_BYTES - 100, "bytes 0-8388507/8388508" },
        { "GET", "Range: bytes=8388508-\r\n", 416, 0, 0, "bytes */8388508" },
        { "GET", "Range: bytes=-0\r\n", 416, 0, 0, "bytes */8388508" },
        { "GET", "Range: bytes=5-4\r\n", 200, 0, FILE_BYTES - 100, NULL },
        { "GET", "Range: bytes=0-1,4-5\r\n", 200, 0, FILE_BYTES - 100, NULL },
        { "GET", "Range: lines=1-2\r\n", 200, 0, FILE_BYTES - 100, NULL },
        { "GET", "Range: bytes=a-b\r\n", 200, 0, FILE_BYTES - 100, NULL },
        { "HEAD", "Range: bytes=0-1\r\n", 200, 0, 0, NULL },
        { "GET", "Range: bytes=2-3\r\nIf-Range: \"e1\"\r\n", 206, 2, 2, "bytes 2-3/8388508" },
        { "GET", "Range: bytes=2-3\r\nIf-Range: \"old\"\r\n", 200, 0, FILE_BYTES - 100, NULL },
        { "GET", "If-None-Match: \"e1\"\r\n", 304, 0, 0, NULL },
        { "GET", "If-None-Match: \"x\", W/\"e1\"\r\n", 304, 0, 0, NULL },
        { "GET", "If-None-Match: *\r\n", 304, 0, 0, NULL },
        { "GET", "If-None-Match: \"e2\"\r\nRange: bytes=7-7\r\n", 206, 7, 1, "bytes 7-7/8388508" },
    };
    open_server((struct http_config){ 0 });
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char request[256];
        snprintf(request, sizeof(request), "%s /file HTTP/1.1\r\n%s" H "\r\n", cases[i].method, cases[i].headers);
        int fd = client_connect(t.address, 0);
        client_puts(fd, request);
        size_t n = client_read_all(fd, text, FILE_BYTES + TEXT_BYTES);
        close(fd);
        const char *body = client_body(text);
        size_t got = cases[i].status == 416 ? 0 : n - (size_t)(body - text);
        if (client_status(text) != cases[i].status || got != cases[i].count)
            fail_msg("%s: %d with %zu bytes", request, client_status(text), got);
        for (size_t k = 0; k < got; k++)
            if ((unsigned char)body[k] != file_byte(100 + cases[i].first + k))
                fail_msg("%s: byte %zu differs", request, k);
        ((char *)(uintptr_t)body)[-1] = '\0';
        const char *range = strstr(text, "Content-Range: ");
        assert_true((range != NULL) == (cases[i].content_range != NULL));
        if (range)
            assert_memory_equal(range + 15, cases[i].content_range, strlen(cases[i].content_range));
        assert_true((strstr(text, "ETag: \"e1\"") != NULL) == (cases[i].status != 416));
        if (cases[i].status == 416) { /* a refusal in words, and nothing to keep */
            assert_non_null(strstr(text, "Cache-Control: no-store\r\n"));
            assert_string_equal(body, "the range lies beyond the end of the file\n");
        }
        if (cases[i].status == 200) {
            assert_non_null(strstr(text, "filename*=UTF-8''M%C3%BCll.mp4"));
            snprintf(request, sizeof(request), "Content-Length: %zu\r\n", all);
            assert_non_null(strstr(text, request));
        }
    }
    close_server();
}

static void a_slow_reader_gets_the_whole_file_while_others_are_served(void **state)
{
    open_server((struct http_config){ .loops = 1 });
    int fd = client_connect(t.address, 4096);
    client_puts(fd, "GET /file HTTP/1.1\r\n" H "\r\n");
    assert_true(client_read_until(fd, text, TEXT_BYTES, "\r\n\r\n"));
    for (int i = 0; i < 50; i++)
        assert_int_equal(ask("GET /hello HTTP/1.1\r\n" H "\r\n", text), 200);
    size_t n = client_read_all(fd, text, FILE_BYTES + TEXT_BYTES);
    close(fd);
    assert_int_equal(n, FILE_BYTES - 100);
    for (size_t k = 0; k < n; k += 4093)
        assert_int_equal((unsigned char)text[k], file_byte(100 + k));
    close_server();
}

static void end_stream(void *arg) { http_sse_end(arg); }

static void streams_say_events_and_end(void **state)
{
    open_server((struct http_config){ 0 });
    int fd = client_connect(t.address, 0);
    client_puts(fd, "GET /events HTTP/1.1\r\n" H "\r\n");
    assert_true(client_read_until(fd, text, TEXT_BYTES, "event: state\ndata: {\"n\":1}\n\n\r\n"));
    assert_non_null(strstr(text, "Content-Type: text/event-stream"));
    wait_for(&t.began);
    loop_call(http_req_loop(t.held), end_stream, t.held);
    client_read_all(fd, text, TEXT_BYTES);
    assert_string_equal(text, "0\r\n\r\n");
    close(fd);
    close_server();
}

static void silent_streams_are_kept_alive(void **state)
{
    open_server((struct http_config){ .sse_ping_ms = 20, .idle_timeout_ms = 60 });
    int fd = client_connect(t.address, 0);
    client_puts(fd, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for(&t.began);
    for (int i = 0; i < 10; i++) /* longer than the idle time-out, which is not a stream's */
        assert_true(client_read_until(fd, text, TEXT_BYTES, "3\r\n:\n\n\r\n"));
    loop_call(http_req_loop(t.held), end_stream, t.held);
    assert_true(client_read_until(fd, text, TEXT_BYTES, "0\r\n\r\n"));
    client_puts(fd, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"); /* the connection serves on */
    assert_true(client_read_until(fd, text, TEXT_BYTES, "hello"));
    close(fd);
    fd = client_connect(t.address, 0); /* no chunks for 1.0 */
    client_puts(fd, "GET /events HTTP/1.0\r\n\r\n");
    assert_true(client_read_until(fd, text, TEXT_BYTES, "\r\n\r\nevent: state\ndata: {\"n\":1}\n\n"));
    wait_for(&t.began);
    loop_call(http_req_loop(t.held), end_stream, t.held);
    client_read_all(fd, text, TEXT_BYTES);
    close(fd);
    close_server();
}

static void a_stream_has_a_head(void **state)
{
    open_server((struct http_config){ 0 });
    int fd = client_connect(t.address, 0);
    client_puts(fd, "HEAD /events HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(client_read_until(fd, text, TEXT_BYTES, "hello"));
    assert_non_null(strstr(text, "text/event-stream"));
    assert_null(strstr(text, "data:"));
    wait_for(&t.gone); /* the handler learns that nobody listens */
    loop_call(http_req_loop(t.held), end_stream, t.held);
    close(fd);
    close_server();
}

static void an_answer_may_come_before_the_body_is_over(void **state)
{
    open_server((struct http_config){ 0 });
    char *piece = calloc(1, 1 << 20);
    for (int i = 0; i < 3; i++) {
        int fd = client_connect(t.address, 0);
        client_puts(fd, "PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
        for (int k = 0; k < 3; k++)
            client_put(fd, piece, 1 << 20);
        client_read_all(fd, text, TEXT_BYTES);
        close(fd);
        assert_int_equal(client_status(text), 422);
    }
    assert_int_equal(t.cut, 0);
    free(piece);
    close_server();
}

static void a_big_answer_from_memory_arrives_whole(void **state)
{
    open_server((struct http_config){ 0 });
    int fd = client_connect(t.address, 4096);
    client_puts(fd, "GET /big HTTP/1.1\r\n" H "\r\n");
    size_t n = client_read_all(fd, text, FILE_BYTES + TEXT_BYTES);
    close(fd);
    const char *body = client_body(text);
    assert_int_equal(n - (size_t)(body - text), FILE_BYTES);
    for (size_t i = 0; i < FILE_BYTES; i++)
        if (body[i] != (char)(i * 7 + i / 253))
            fail_msg("byte %zu differs", i);
    close_server();
}

static void flood(void *arg)
{
    char line[1024];
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\0';
    for (int i = 0; i < 8192; i++) /* 8 MiB: more than the sockets hold */
        http_sse_send(arg, "state", line);
}

static void a_stream_nobody_reads_ends(void **state)
{
    open_server((struct http_config){ 0 });
    int fd = client_connect(t.address, 4096);
    client_puts(fd, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for(&t.began);
    loop_call(http_req_loop(t.held), flood, t.held);
    wait_for(&t.gone);
    loop_call(http_req_loop(t.held), flood, t.held); /* writes to the gone are dropped */
    loop_call(http_req_loop(t.held), end_stream, t.held);
    close(fd);
    close_server();
}

static void answer_held(void *arg) { http_send(arg, 200, "text/plain", "late", 4); }

static void late_answers_reach_who_waits_and_are_dropped_for_who_left(void **state)
{
    open_server((struct http_config){ 0 });
    int fd = client_connect(t.address, 0);
    client_puts(fd, "GET /hold HTTP/1.1\r\n" H "\r\n");
    wait_for(&t.began);
    loop_call(http_req_loop(t.held), answer_held, t.held);
    client_read_all(fd, text, TEXT_BYTES);
    assert_string_equal(client_body(text), "late");
    close(fd);
    wait_for(&t.done);
    for (int reset = 0; reset < 2; reset++) {
        fd = client_connect(t.address, 0);
        client_puts(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
        wait_for(&t.began);
        if (reset)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
        close(fd);
        wait_for(&t.gone);
        wait_for(&t.done);
        loop_call(http_req_loop(t.held), answer_held, t.held);
    }
    close_server();
}

static void resume(void *arg) { http_body_resume(arg); }

/* While the handler takes nothing, nothing is read: the sender is stopped by TCP and the server holds no more than its buffers. */
static void a_slow_handler_stops_the_sender(void **state)
{
    open_server((struct http_config){ .loops = 1 });
    enum { TOTAL = 32 << 20 };
    char *piece = calloc(1, 65536);
    memset(piece, 1, 65536);
    int fd = client_connect(t.address, 0);
    char head[128];
    snprintf(head, sizeof(head), "PUT /slow HTTP/1.1\r\n" H "Content-Length: %d\r\n\r\n", TOTAL);
    client_puts(fd, head);
    size_t sent = 0;
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    while (poll(&p, 1, 200) == 1 && sent < TOTAL) { /* until the way is full */
        ssize_t n = send(fd, piece, 65536, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            sent += (size_t)n;
    }
    wait_for(&t.began);
    assert_true(sent < TOTAL);       /* the sender was stopped */
    assert_true(t.taken <= 2 * 65536); /* after one piece */
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    while (t.taken < TOTAL) {
        wait_for(&t.moved);
        loop_call(http_req_loop(t.held), resume, t.held);
        for (ssize_t n = 1; n > 0 && sent < TOTAL;) {
            n = send(fd, piece, VCR_MIN((size_t)65536, TOTAL - sent), MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n > 0)
                sent += (size_t)n;
        }
    }
    client_read_all(fd, text, TEXT_BYTES);
    close(fd);
    getrusage(RUSAGE_SELF, &after);
    assert_int_equal(client_status(text), 200);
    snprintf(head, sizeof(head), "%d %d", TOTAL, TOTAL);
    assert_string_equal(client_body(text), head);
    assert_true(after.ru_maxrss - before.ru_maxrss < 8192); /* KiB; the body is four times that */
    free(piece);
    close_server();
}

static void a_cut_body_is_told(void **state)
{
    open_server((struct http_config){ 0 });
    int fd = client_connect(t.address, 0);
    client_puts(fd, "PUT /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
    close(fd);
    wait_for(&t.gone);
    assert_int_equal(t.cut, 1);
    fd = client_connect(t.address, 0);
    client_puts(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
    shutdown(fd, SHUT_WR);
    assert_int_equal(client_read_all(fd, text, TEXT_BYTES), 0);
    close(fd);
    fd = client_connect(t.address, 0); /* whole, and only then shut: is answered */
    client_puts(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    shutdown(fd, SHUT_WR);
    client_read_all(fd, text, TEXT_BYTES);
    close(fd);
    assert_string_equal(client_body(text), "abc");
    close_server();
}

static void drained(void *arg) { sem_post(arg); }

static void a_drain_finishes_what_runs(void **state)
{
    struct loop *mine;
    struct vcr_why why;
    sem_t all;
    for (int forced = 0; forced < 2; forced++) {
        sem_init(&all, 0, 0);
        assert_int_equal(loop_open(&mine, "test", &why), VCR_OK);
        assert_int_equal(loop_start(mine, &why), VCR_OK);
        open_server((struct http_config){ .loops = 2 });
        int idle = client_connect(t.address, 0), busy = client_connect(t.address, 0), stream = client_connect(t.address, 0);
        client_puts(idle, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_true(client_read_until(idle, text, TEXT_BYTES, "hello"));
        client_puts(stream, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_true(client_read_until(stream, text, TEXT_BYTES, "data: "));
        wait_for(&t.began);
        struct http_req *events_req = t.held;
        client_puts(busy, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
        wait_for(&t.began);
        http_drain(t.server, forced ? 50 : PATIENCE_MS, mine, drained, &all);
        assert_int_equal(client_read_all(idle, text, TEXT_BYTES), 0);
        client_read_all(stream, text, TEXT_BYTES);
        assert_non_null(strstr(text, "0\r\n\r\n"));
        wait_for(&t.gone);
        loop_call(http_req_loop(events_req), end_stream, events_req);
        if (!forced)
            loop_call(http_req_loop(t.held), answer_held, t.held);
        client_read_all(busy, text, TEXT_BYTES);
        assert_string_equal(client_body(text), forced ? "" : "late");
        if (!forced)
            assert_non_null(strstr(text, "Connection: close"));
        wait_for(&all);
        if (forced)
            loop_call(http_req_loop(t.held), answer_held, t.held);
        close(idle);
        close(busy);
        close(stream);
        close_server();
        loop_stop(mine);
        loop_close(&mine);
    }
}

static void a_thousand_idle_connections_are_kept(void **state)
{
    enum { N = 1000 };
    struct rlimit lim;
    getrlimit(RLIMIT_NOFILE, &lim);
    lim.rlim_cur = VCR_MIN(lim.rlim_max, (rlim_t)4096);
    setrlimit(RLIMIT_NOFILE, &lim);
    if (lim.rlim_cur < 2 * N + 100) {
        print_message("# reason: too few descriptors are allowed here (ulimit -Hn)\n");
        skip();
    }
    open_server((struct http_config){ 0 });
    static int fd[N];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            if (round == 0)
                fd[i] = client_connect(t.address, 0);
            client_puts(fd[i], "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_true(client_read_until(fd[i], text, TEXT_BYTES, "hello"));
        }
    }
    struct http_counts counts;
    http_counts(t.server, &counts);
    assert_int_equal(counts.connections, N);
    assert_int_equal(counts.requests, 2 * N);
    for (int i = 0; i < N; i++)
        close(fd[i]);
    close_server();
}

static void bad_addresses_are_refused(void **state)
{
    static const char *const bad[] = { "", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:80", "[127.0.0.1]:80", "localhost:80", "192.0.2.1:0" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct vcr_why why;
        struct http_server *s = NULL;
        assert_int_not_equal(http_open(&s, &(struct http_config){ .listen = bad[i] }, &why), VCR_OK);
        assert_null(s);
    }
    struct http_server *s = NULL;
    struct vcr_why why;
    if (http_open(&s, &(struct http_config){ .listen = "[::1]:0" }, &why) == VCR_OK)
        assert_memory_equal(http_address(s), "[::1]:", 6);
    http_close(&s);
    for (int loops = 1; loops <= 2; loops++) { /* a port that is taken */
        open_server((struct http_config){ .loops = loops });
        assert_int_equal(http_open(&s, &(struct http_config){ .listen = t.address, .loops = 2 }, &why), VCR_E_IO);
        assert_non_null(strstr(why.text, t.address));
        close_server();
    }
}

/* The rest of what a refused client sends must not turn the answer into a reset. */
static void a_refused_head_is_answered_to_a_client_that_still_sends(void **state)
{
    open_server((struct http_config){ 0 });
    int fd = client_connect(t.address, 0);
    client_puts(fd, "PUT /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\n");
    assert_true(client_read_until(fd, text, TEXT_BYTES, "\r\n\r\n"));
    assert_int_equal(client_status(text), 400);
    char *piece = calloc(1, 1 << 20);
    for (int i = 0; i < 4; i++)
        assert_true(client_put(fd, piece, 1 << 20));
    free(piece);
    close(fd);
    close_server();
}

static int open_file(void **state)
{
    char path[] = "/tmp/vcr-test-http-XXXXXX";
    t.file_fd = mkstemp(path);
    unlink(path);
    text = malloc(FILE_BYTES + TEXT_BYTES);
    for (size_t i = 0; i < FILE_BYTES; i++)
        text[i] = (char)file_byte(i);
    return vcr_write_all(t.file_fd, text, FILE_BYTES) ? 0 : -1;
}

static int close_file(void **state)
{
    free(text);
    return close(t.file_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_carry_what_they_must),
        cmocka_unit_test(routes_are_found),
        cmocka_unit_test(smuggling_is_refused_and_the_connection_closed),
        cmocka_unit_test(a_request_may_be_split_anywhere),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(bodies_have_ceilings),
        cmocka_unit_test(an_early_answer_reaches_a_client_that_still_sends),
        cmocka_unit_test(expecting_clients_are_told_to_go_on_or_not),
        cmocka_unit_test(a_small_unread_body_does_not_cost_the_connection),
        cmocka_unit_test(slow_clients_are_let_go),
        cmocka_unit_test(connections_are_capped),
        cmocka_unit_test(ranges_and_conditions),
        cmocka_unit_test(a_slow_reader_gets_the_whole_file_while_others_are_served),
        cmocka_unit_test(streams_say_events_and_end),
        cmocka_unit_test(a_stream_nobody_reads_ends),
        cmocka_unit_test(silent_streams_are_kept_alive),
        cmocka_unit_test(a_stream_has_a_head),
        cmocka_unit_test(an_answer_may_come_before_the_body_is_over),
        cmocka_unit_test(a_big_answer_from_memory_arrives_whole),
        cmocka_unit_test(late_answers_reach_who_waits_and_are_dropped_for_who_left),
        cmocka_unit_test(a_slow_handler_stops_the_sender),
        cmocka_unit_test(a_cut_body_is_told),
        cmocka_unit_test(a_drain_finishes_what_runs),
        cmocka_unit_test(a_thousand_idle_connections_are_kept),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(a_refused_head_is_answered_to_a_client_that_still_sends),
    };
    return cmocka_run_group_tests(tests, open_file, close_file);
}
