/* deliver/webrtc/tcp.c - the same datagrams over TCP, for viewers whose network lets no UDP out: passive candidates (RFC 6544) on the port number of the UDP socket, a length of two
 * bytes before each datagram (RFC 4571).
 *
 * A connection is an address like any other to the rest of this folder: the remote one, with the connection's number in sin6_flowinfo, which is 0 for UDP. A number is not used again
 * for millions of connections, so what is sent to one that is gone goes nowhere. Nobody is answered here: a peer without a valid check gets silence (peer.c), and its connection is closed.
 * A connection that takes no more loses whole datagrams, as a network would; resends repair it. One that takes nothing for as long as consent lasts, while bytes wait for it, is ended.
 * Threads  the first sender thread has them all: it takes, reads and ends them. Every sender thread sends; a place in the table has a lock of its own (a leaf), held while bytes are
 *          copied or given to the socket without waiting, so that nobody waits for another one's viewer.
 * Bounds   CONNECTIONS_MAX, PER_ADDRESS_MAX of one address, OUT_MAX bytes that wait in each and SOCKET_BUFFER in its socket, as long without a peer as an offer lives. */
#include "deliver/webrtc/internal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "deliver/webrtc/backlog.h"
#include "wire/framed.h"

enum {
    CONNECTIONS_MAX = 512,
    PER_ADDRESS_MAX = 64,
    BACKLOG = 64,
    FRAME_MAX = 1500,
    IN_BYTES = 8192,
    OUT_MAX = 256 << 10,
    SOCKET_BUFFER = 256 << 10, /* what is late is late by no more than both of them; the kernel counts about twice that */
    ACCEPTS = 16,
    READS = 8,
};

struct connection {
    /* set by open, then read-only */
    struct tcp *tcp;
    int fd;
    struct sockaddr_in6 from;
    int64_t since_us;
    /* the first thread's own */
    uv_poll_t poll;
    bool greeted; /* its first datagram was a check */
    size_t in_len;
    uint8_t in[IN_BYTES];
    /* guarded by the lock of its place */
    bool broken;
    int64_t took_us; /* when its socket last took something, or nothing waited for it */
    struct backlog out;
};
struct place {
    pthread_mutex_t lock;
    struct connection *in; /* changed by the first thread with the lock held, so that it reads without */
};
struct tcp {
    /* set by open and start, then read-only */
    struct rtc *rtc; /* the first one */
    int fd;
    /* the first thread's own */
    uv_poll_t poll;
    uint32_t begun;
    int count;
    bool is_paused, is_full; /* no descriptor was left: until the next tick, until one was */
    struct place places[CONNECTIONS_MAX]; /* by their numbers modulo that */
};

/* ---- out ---- */

/* How many bytes the socket took; 0 also when it is broken. */
static size_t give_locked(struct connection *c, struct iovec *pieces, int count)
{
    struct msghdr m = { .msg_iov = pieces, .msg_iovlen = (size_t)count };
    ssize_t n;
    do
        n = sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    c->broken |= n < 0 && errno != EAGAIN;
    return n < 0 ? 0 : (size_t)n;
}

/* What waits, as far as the socket takes it. */
static void push_locked(struct connection *c, int64_t now_us)
{
    struct iovec pieces[2];
    for (size_t n; !c->broken && c->out.len; backlog_took(&c->out, n)) {
        n = give_locked(c, pieces, backlog_pieces(&c->out, pieces));
        if (n == 0)
            return;
        c->took_us = now_us;
    }
    c->took_us = now_us;
}

void tcp_send(struct tcp *t, const struct sockaddr_in6 *to, const void *p, size_t len)
{
    uint8_t head[FRAMED_HEAD_BYTES];
    struct place *at = &t->places[to->sin6_flowinfo % CONNECTIONS_MAX];
    const struct iovec frame[2] = { { head, sizeof(head) }, { (void *)(uintptr_t)p, len } };
    wr16be(head, (uint16_t)len);
    pthread_mutex_lock(&at->lock);
    struct connection *c = at->in;
    if (c && c->from.sin6_flowinfo == to->sin6_flowinfo && !c->broken && len <= FRAME_MAX) {
        backlog_put(&c->out, frame, 2); /* or it is lost */
        push_locked(c, clock_mono_us());
    }
    pthread_mutex_unlock(&at->lock);
}

/* ---- coming and going ---- */

static void on_closed(uv_handle_t *h)
{
    struct connection *c = container_of((uv_poll_t *)h, struct connection, poll);
    vcr_close(&c->fd);
    backlog_free(&c->out);
    free(c);
}

static void put(struct place *at, struct connection *c)
{
    pthread_mutex_lock(&at->lock);
    at->in = c;
    pthread_mutex_unlock(&at->lock);
}

static void end(struct connection *c)
{
    struct tcp *t = c->tcp;
    put(&t->places[c->from.sin6_flowinfo % CONNECTIONS_MAX], NULL);
    t->count--;
    uv_close((uv_handle_t *)&c->poll, on_closed);
}

/* Gives on the datagrams that are whole; false: nothing more can be read, or it begins with anything but a check. */
static bool take_frames(struct connection *c)
{
    size_t at = 0, len;
    enum framed next;
    while ((next = framed_next(c->in + at, c->in_len - at, FRAME_MAX, &len)) == FRAMED_WHOLE) {
        uint8_t *p = c->in + at + FRAMED_HEAD_BYTES;
        if (!c->greeted && (len == 0 || p[0] >= 4))
            return false;
        c->greeted = true;
        peer_datagram(c->tcp->rtc, p, len, &c->from);
        at += FRAMED_HEAD_BYTES + len;
    }
    c->in_len -= at;
    memmove(c->in, c->in + at, c->in_len);
    return next == FRAMED_MORE;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct connection *c = container_of(poll, struct connection, poll);
    struct rtc *r = c->tcp->rtc;
    bool ok = status == 0;
    r->now_us = clock_mono_us();
    for (int i = 0; ok && i < READS; i++) {
        ssize_t n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, MSG_DONTWAIT); /* a frame always fits, so there is room */
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        ok = n > 0;
        c->in_len += ok ? (size_t)n : 0;
        ok = ok && take_frames(c);
    }
    if (!ok)
        end(c);
    rtc_sweep(r);
}

static int of_address(const struct tcp *t, const struct in6_addr *a)
{
    int n = 0;
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        n += t->places[i].in && memcmp(&t->places[i].in->from.sin6_addr, a, sizeof(*a)) == 0;
    return n;
}

static void begin(struct tcp *t, int fd, const struct sockaddr_in6 *from)
{
    int on = 1, size = SOCKET_BUFFER;
    uint32_t slot = 0;
    struct connection *c = vcr_alloc(sizeof(*c));
    while (t->places[slot].in) /* there are fewer than that */
        slot++;
    t->begun = t->begun % (UINT32_MAX / CONNECTIONS_MAX - 1) + 1; /* never 0, so the number is not */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    c->tcp = t;
    c->fd = fd;
    c->from = *from;
    c->from.sin6_flowinfo = t->begun * CONNECTIONS_MAX + slot;
    c->since_us = t->rtc->now_us;
    c->took_us = c->since_us;
    backlog_open(&c->out, OUT_MAX);
    uv_poll_init(loop_uv(t->rtc->loop), &c->poll, fd);
    uv_poll_start(&c->poll, UV_READABLE, on_readable);
    put(&t->places[slot], c);
    t->count++;
    rtc_arm(t->rtc);
}

/* Until the next tick: the poll would only spin. */
static void pause_accepting(struct tcp *t)
{
    if (!t->is_full)
        log_warn("webrtc", "cannot take a connection: %s", strerror(errno));
    t->is_full = t->is_paused = true;
    uv_poll_stop(&t->poll);
    rtc_arm(t->rtc);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct tcp *t = container_of(poll, struct tcp, poll);
    t->rtc->now_us = clock_mono_us();
    for (int i = 0; i < ACCEPTS; i++) {
        union { struct sockaddr sa; struct sockaddr_in v4; struct sockaddr_in6 v6; } a;
        socklen_t len = sizeof(a);
        int fd = accept4(t->fd, &a.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_accepting(t);
            return;
        }
        t->is_full = false;
        struct sockaddr_in6 from = a.v6;
        if (a.sa.sa_family == AF_INET)
            udp_map_v4(&from, &a.v4.sin_addr, a.v4.sin_port);
        if (t->count >= CONNECTIONS_MAX || of_address(t, &from.sin6_addr) >= PER_ADDRESS_MAX)
            vcr_close(&fd);
        else
            begin(t, fd, &from);
    }
}

/* ---- for rtc.c ---- */

bool tcp_tick(struct tcp *t)
{
    if (!t)
        return false;
    if (t->is_paused)
        uv_poll_start(&t->poll, UV_READABLE, on_connection);
    t->is_paused = false;
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *c = t->places[i].in;
        if (!c)
            continue;
        pthread_mutex_lock(&t->places[i].lock);
        push_locked(c, t->rtc->now_us);
        bool is_over = c->broken || t->rtc->now_us - c->took_us > t->rtc->consent_us;
        pthread_mutex_unlock(&t->places[i].lock);
        if (is_over || (t->rtc->now_us - c->since_us > t->rtc->offer_us && !peer_is_bound(t->rtc->all, &c->from)))
            end(c);
    }
    return t->count > 0;
}

enum vcr_err tcp_open(struct tcp **ret, const struct udp *u, struct vcr_why *why)
{
    int on = 1;
    socklen_t len;
    const struct sockaddr *at = udp_bound(u, &len);
    struct tcp *t = vcr_alloc(sizeof(*t));
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        pthread_mutex_init(&t->places[i].lock, NULL);
    t->fd = socket(at->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(t->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    on = 0;
    if (at->sa_family == AF_INET6)
        setsockopt(t->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (t->fd < 0 || bind(t->fd, at, len) != 0 || listen(t->fd, BACKLOG) != 0) {
        enum vcr_err err = vcr_fail(why, VCR_E_IO, "TCP port %d for WebRTC: %s", udp_port(u), strerror(errno));
        tcp_close(&t);
        return err;
    }
    *ret = t;
    return VCR_OK;
}

int tcp_start(struct tcp *t, struct rtc *r)
{
    int rc = uv_poll_init(loop_uv(r->loop), &t->poll, t->fd);
    if (rc != 0)
        return rc;
    t->rtc = r;
    return uv_poll_start(&t->poll, UV_READABLE, on_connection);
}

void tcp_stop(struct tcp *t)
{
    if (!t || !t->rtc)
        return;
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        if (t->places[i].in)
            end(t->places[i].in);
    uv_close((uv_handle_t *)&t->poll, NULL);
}

void tcp_close(struct tcp **tp)
{
    struct tcp *t = *tp;
    if (!t)
        return;
    vcr_close(&t->fd);
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        pthread_mutex_destroy(&t->places[i].lock);
    free(t);
    *tp = NULL;
}
