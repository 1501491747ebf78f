/* tests/unit/http/test_slow.c - clients who cost a server more than they bring: streams nobody reads, requests piled up and never fetched, bodies of framing alone,
 * thousands who only hold their place; and the slow but honest one, who must not suffer for them. */
#include <malloc.h>
#include <poll.h>
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

enum { TEXT_BYTES = 65536, BIG_BYTES = 65536 };
static struct {
    struct http_server *server;
    char address[64];
    sem_t began, gone;
    struct http_req *held; /* written before `began` is posted */
    _Atomic int answers;
} t;
static char text[TEXT_BYTES], big[BIG_BYTES];

static void hello(struct http_req *r, const struct http_route *route) { http_send(r, 200, "text/plain", "hello", 5); }
static void echo_done(struct http_req *r, const char *body, size_t len) { http_send(r, 200, "text/plain", body, len); }
static void echo(struct http_req *r, const struct http_route *route) { http_body_read(r, 65536, echo_done); }

static void send_big(struct http_req *r, const struct http_route *route)
{
    t.answers++;
    http_send(r, 200, "text/plain", big, sizeof(big));
}

static void on_gone(struct http_req *r) { sem_post(&t.gone); }

static void events(struct http_req *r, const struct http_route *route)
{
    t.held = r;
    http_req_on_gone(r, on_gone);
    http_sse_begin(r);
    sem_post(&t.began);
}

static const struct http_route routes[] = {
    { HTTP_GET, "/hello", hello, NULL, false },
    { HTTP_POST, "/echo", echo, NULL, false },
    { HTTP_GET, "/big", send_big, NULL, false },
    { HTTP_GET, "/events", events, NULL, false },
};

static void open_server(struct http_config c)
{
    struct vcr_why why;
    signal(SIGPIPE, SIG_IGN);
    c.listen = "127.0.0.1:0";
    c.routes = routes;
    c.route_count = ARRAY_LEN(routes);
    c.connections_per_ip = -1;
    if (http_open(&t.server, &c, &why) != VCR_OK)
        fail_msg("%s", why.text);
    vcr_strcpy(t.address, sizeof(t.address), http_address(t.server));
    assert_int_equal(sem_init(&t.began, 0, 0) | sem_init(&t.gone, 0, 0), 0);
    t.answers = 0;
}

static bool posted_within(sem_t *s, int ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return sem_timedwait(s, &until) == 0;
}

static void wait_until_nobody_is_connected(void)
{
    struct http_counts counts = { .connections = 1 };
    for (int i = 0; i < PATIENCE_MS && counts.connections > 0; i++) {
        http_counts(t.server, &counts);
        poll(NULL, 0, 1);
    }
    assert_int_equal(counts.connections, 0);
}

/* ---- tests ---- */

static void say_a_little(void *arg)
{
    static char line[4096];
    memset(line, 'x', sizeof(line) - 1);
    for (int i = 0; i < 48; i++) /* 192 KiB: under the ceiling of what may wait for a client */
        http_sse_send(arg, "state", line);
}
static void end_stream(void *arg) { http_sse_end(arg); }

/* Not by the ceiling: what waits is little, but it waits for too long. */
static void a_stream_that_stalls_below_the_ceiling_ends_too(void **state)
{
    open_server((struct http_config){ .idle_timeout_ms = 50 });
    int fd = client_connect(t.address, 4096);
    client_puts(fd, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(posted_within(&t.began, PATIENCE_MS));
    bool gone = false;
    for (int i = 0; i < 200 && !gone; i++) { /* until the kernel's buffers are full too */
        loop_call(http_req_loop(t.held), say_a_little, t.held);
        gone = posted_within(&t.gone, 200);
    }
    assert_true(gone);
    wait_until_nobody_is_connected();
    loop_call(http_req_loop(t.held), end_stream, t.held);
    close(fd);
    http_close(&t.server);
}

/* A thousand requests in a row and never a look at the answers: they are made one by one as they can be sent, not all at once. */
static void answers_nobody_fetches_are_not_made(void **state)
{
    enum { REQUESTS = 1000 };
    open_server((struct http_config){ .idle_timeout_ms = 200 });
    int fd = client_connect(t.address, 4096);
    static const char one[] = "GET /big HTTP/1.1\r\nHost: a\r\n\r\n";
    for (int i = 0; i < REQUESTS; i++)
        if (send(fd, one, sizeof(one) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            break; /* nobody takes them */
    for (int i = 0; i < PATIENCE_MS && t.answers == 0; i++)
        poll(NULL, 0, 1);
    wait_until_nobody_is_connected();
    assert_in_range(t.answers, 1, REQUESTS / 4); /* what the kernel's buffers hold of 64 KiB each */
    close(fd);
    http_close(&t.server);
}

/* The least rate is of the body itself: chunk sizes, extensions and trailers that never end do not count. */
static void framing_is_no_body(void **state)
{
    static const char *const starts[] = { "", "5;", "0\r\nA: " };
    open_server((struct http_config){ .body_grace_ms = 100, .body_min_bytes_per_s = 1000 });
    for (size_t k = 0; k < ARRAY_LEN(starts); k++) {
        int fd = client_connect(t.address, 0), bytes = 0;
        client_puts(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        client_puts(fd, starts[k]);
        struct pollfd p = { .fd = fd, .events = POLLIN };
        do
            client_puts(fd, k == 0 ? "1;x=yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\nz\r\n" : "a"); /* well over the rate, a hundredth of it body */
        while (poll(&p, 1, 20) == 0 && ++bytes < 2000);
        assert_true(bytes < 2000);
        client_read_all(fd, text, TEXT_BYTES);
        assert_true(client_status(text) == 408 || client_status(text) == 400);
        close(fd);
    }
    http_close(&t.server);
}

/* Slow, but at the stated rate: is served, however long it takes. */
static void a_slow_but_steady_body_arrives(void **state)
{
    enum { PIECES = 60, PIECE = 100 };
    open_server((struct http_config){ .header_timeout_ms = 1000, .idle_timeout_ms = 1000, .body_grace_ms = 2000, .body_min_bytes_per_s = 50 });
    int fd = client_connect(t.address, 0);
    char head[100], piece[PIECE + 1] = "";
    memset(piece, 'p', PIECE);
    snprintf(head, sizeof(head), "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", PIECES * PIECE);
    client_puts(fd, head);
    for (int i = 0; i < PIECES; i++) {
        client_puts(fd, piece);
        poll(NULL, 0, 50);
    }
    client_read_all(fd, text, TEXT_BYTES);
    assert_int_equal(client_status(text), 200);
    assert_int_equal(strlen(client_body(text)), PIECES * PIECE);
    close(fd);
    http_close(&t.server);
}

/* Thousands hold a place; the next one is served as if they were not there, and they cost next to nothing. */
static void thousands_of_idle_connections_cost_little(void **state)
{
    enum { WANTED = 5000, EACH_MAX = 4096 };
    struct rlimit lim;
    getrlimit(RLIMIT_NOFILE, &lim);
    lim.rlim_cur = lim.rlim_max;
    setrlimit(RLIMIT_NOFILE, &lim);
    int n = (int)VCR_MIN((rlim_t)WANTED, (lim.rlim_cur - 100) / 2);
    int *fd = calloc((size_t)n, sizeof(*fd));
    open_server((struct http_config){ .header_timeout_ms = PATIENCE_MS });
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < n; i++) {
        fd[i] = client_connect(t.address, 0);
        if (i % 2 == 0)
            continue; /* silent from the beginning */
        client_puts(fd[i], "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_true(client_read_until(fd[i], text, TEXT_BYTES, "hello"));
    }
    struct http_counts counts;
    for (int i = 0; i < PATIENCE_MS; i++) {
        http_counts(t.server, &counts);
        if (counts.connections == n)
            break;
        poll(NULL, 0, 1);
    }
    assert_int_equal(counts.connections, n);
    assert_true((mallinfo2().uordblks - before) / (size_t)n < EACH_MAX); /* with a sanitizer's allocator: 0 */
    int late = client_connect(t.address, 0);
    client_puts(late, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    client_read_all(late, text, TEXT_BYTES);
    assert_int_equal(client_status(text), 200);
    close(late);
    for (int i = 0; i < n; i++)
        close(fd[i]);
    free(fd);
    wait_until_nobody_is_connected();
    http_close(&t.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_that_stalls_below_the_ceiling_ends_too),
        cmocka_unit_test(answers_nobody_fetches_are_not_made),
        cmocka_unit_test(framing_is_no_body),
        cmocka_unit_test(a_slow_but_steady_body_arrives),
        cmocka_unit_test(thousands_of_idle_connections_cost_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
