/* http/accept.c - listening sockets and what comes in by them. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "http/internal.h"

enum { ACCEPT_TURN = 64, BACKLOG = 1024 };

enum vcr_err accept_parse(const char *listen, struct sockaddr_storage *ret, socklen_t *ret_len, struct vcr_why *why)
{
    char host[64];
    const char *colon = strrchr(listen, ':');
    uint64_t port;
    size_t n = colon ? (size_t)(colon - listen) : 0;
    bool bracket = n >= 2 && listen[0] == '[' && listen[n - 1] == ']';
    memset(ret, 0, sizeof(*ret));
    if (!colon || n >= sizeof(host) || !vcr_parse_u64(colon + 1, 65535, &port))
        return vcr_fail(why, VCR_E_INVALID, "%s: not an address and port such as 127.0.0.1:8080", listen);
    vcr_strcpy(host, bracket ? n - 1 : n + 1, bracket ? listen + 1 : listen);
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
    if (!bracket && inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        *ret_len = sizeof(*v4);
    } else if (bracket && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        *ret_len = sizeof(*v6);
    } else {
        return vcr_fail(why, VCR_E_INVALID, "%s: not an address and port such as 127.0.0.1:8080", listen);
    }
    return VCR_OK;
}

/* An IPv4 client of a dual-stack socket is an IPv4 client. */
static bool as_v4(const struct sockaddr_storage *a, struct in_addr *ret)
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
    if (a->ss_family == AF_INET)
        *ret = ((const struct sockaddr_in *)a)->sin_addr;
    else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        memcpy(ret, v6->sin6_addr.s6_addr + 12, 4);
    else
        return false;
    return true;
}

static struct ip_key key_of(const struct sockaddr_storage *a)
{
    struct in_addr v4;
    if (as_v4(a, &v4))
        return (struct ip_key){ v4.s_addr, false };
    return (struct ip_key){ rd64be(((const struct sockaddr_in6 *)a)->sin6_addr.s6_addr), true };
}

void accept_text(const struct sockaddr_storage *a, char *ip, size_t ip_size, char *all, size_t all_size)
{
    struct in_addr v4;
    bool is_v4 = as_v4(a, &v4);
    if (is_v4)
        inet_ntop(AF_INET, &v4, ip, (socklen_t)ip_size);
    else
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)a)->sin6_addr, ip, (socklen_t)ip_size);
    int port = ntohs(a->ss_family == AF_INET ? ((const struct sockaddr_in *)a)->sin_port : ((const struct sockaddr_in6 *)a)->sin6_port);
    if (all)
        snprintf(all, all_size, is_v4 ? "%s:%d" : "[%s]:%d", ip, port);
}

/* -1 with errno when it cannot be bound. */
static int bound_socket(const struct sockaddr_storage *at, socklen_t at_len, bool shared)
{
    int on = 1, off = 0;
    int fd = socket(at->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (shared)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (at->ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, (const struct sockaddr *)at, at_len) != 0)
        vcr_close(&fd);
    return fd;
}

enum vcr_err accept_probe(const struct sockaddr_storage *at, socklen_t at_len, struct vcr_why *why)
{
    char ip[46] = "", all[64] = "";
    accept_text(at, ip, sizeof(ip), all, sizeof(all));
    int fd = bound_socket(at, at_len, false);
    if (fd < 0)
        return vcr_fail(why, VCR_E_IO, "listen on %s: %s", all, strerror(errno));
    vcr_close(&fd);
    return VCR_OK;
}

enum vcr_err accept_listen(struct http_loop *hl, const struct sockaddr_storage *at, socklen_t at_len, struct vcr_why *why)
{
    char ip[46] = "", all[64] = "";
    accept_text(at, ip, sizeof(ip), all, sizeof(all));
    hl->listen_fd = bound_socket(at, at_len, hl->server->loop_count > 1);
    if (hl->listen_fd < 0 || listen(hl->listen_fd, BACKLOG) != 0)
        return vcr_fail(why, VCR_E_IO, "listen on %s: %s", all, strerror(errno));
    int rc = uv_poll_init(loop_uv(hl->loop), &hl->accept_poll, hl->listen_fd);
    if (rc != 0)
        return vcr_fail(why, VCR_E_IO, "listen on %s: %s", all, uv_strerror(rc));
    hl->accept_poll.data = hl;
    return VCR_OK;
}

static void refuse(struct http_loop *hl, int fd)
{
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    atomic_fetch_add_explicit(&hl->refused, 1, memory_order_relaxed);
    ssize_t n = send(fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)n; /* a courtesy; who is over the cap may also see a reset */
    shutdown(fd, SHUT_WR);
    close(fd);
}

static void take(struct http_loop *hl, int fd, const struct sockaddr_storage *from)
{
    char ip[46] = "";
    int on = 1;
    struct ip_key key = key_of(from);
    if (!caps_take(hl->server->caps, key)) {
        refuse(hl, fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    accept_text(from, ip, sizeof(ip), NULL, 0);
    conn_open(hl, fd, ip, key);
}

static void on_accept(uv_poll_t *h, int status, int events);

void accept_start(struct http_loop *hl)
{
    hl->accept_paused = false;
    uv_poll_start(&hl->accept_poll, UV_READABLE, on_accept);
}

void accept_pending(struct http_loop *hl)
{
    for (int i = 0; i < ACCEPT_TURN; i++) {
        struct sockaddr_storage from;
        socklen_t len = sizeof(from);
        int fd = accept4(hl->listen_fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take(hl, fd, &from);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_warn("http", "cannot take a connection: %s", strerror(errno));
            uv_poll_stop(&hl->accept_poll); /* the next tick tries again; the poll would only spin */
            hl->accept_paused = true;
            loop_tick_on(hl);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        }
    }
}

static void on_accept(uv_poll_t *h, int status, int events) { accept_pending(h->data); }
