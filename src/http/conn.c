/* http/conn.c - one connection: bytes in, one request after the other, its deadlines and its end.
 *
 * All progress is made by conn_pump: take the next head, begin its route, feed the body, send the answer, and again. Handlers that answer inside
 * `begin` only leave their answer; the pump, which called them, goes on with it. So a request is never freed below its handler's feet. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/internal.h"

int64_t conn_now(const struct conn *c) { return (int64_t)uv_now(loop_uv(c->hl->loop)); }

/* ---- the input block ---- */

static bool take_block(struct conn *c)
{
    struct http_loop *hl = c->hl;
    if (!c->in) {
        c->in = hl->block_count > 0 ? hl->blocks[--hl->block_count] : malloc(IN_BYTES);
        c->in_at = c->in_len = 0;
    } else if (c->in_at > 0) {
        memmove(c->in, c->in + c->in_at, c->in_len);
        c->in_at = 0;
    }
    return c->in != NULL;
}

static void give_block(struct conn *c)
{
    struct http_loop *hl = c->hl;
    if (!c->in || c->in_len > 0)
        return;
    if (hl->block_count < BLOCKS_KEPT)
        hl->blocks[hl->block_count++] = c->in;
    else
        free(c->in);
    c->in = NULL;
    c->in_at = 0;
}

void conn_consume(struct conn *c, size_t n)
{
    c->in_at += (uint32_t)n;
    c->in_len -= (uint32_t)n;
    if (c->in_len == 0)
        c->in_at = 0;
}

/* ---- its end ---- */

static void on_closed(uv_handle_t *h) { free(h->data); }

void conn_close(struct conn *c)
{
    struct http_loop *hl = c->hl;
    assert(!c->req && c->state != CONN_CLOSED);
    c->state = CONN_CLOSED;
    wheel_drop(c);
    c->deadline_ms = 0;
    c->in_len = 0;
    give_block(c);
    buf_free(&c->out);
    c->file_left = 0;
    vcr_close(&c->file_fd);
    uv_close((uv_handle_t *)&c->poll, on_closed);
    vcr_close(&c->fd);
    if (c->prev)
        c->prev->next = c->next;
    else
        hl->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    caps_give(hl->server->caps, c->key);
    atomic_fetch_sub_explicit(&hl->connections, 1, memory_order_relaxed);
    loop_conn_left(hl);
}

/* Tells the owner that the connection is done with its request; a handler that still holds it keeps it. */
static void detach(struct conn *c, bool gone)
{
    struct http_req *r = c->req;
    const struct http_config *config = &c->hl->server->config;
    r->busy++;
    r->gone = gone;
    if (config->on_done)
        config->on_done(r, r->answered ? r->status : 0, r->sent_bytes, clock_mono_us() - r->began_us);
    c->req = NULL;
    r->conn = NULL;
    atomic_fetch_sub_explicit(&c->hl->requests_open, 1, memory_order_relaxed);
    if (gone) {
        bool reading = r->mode == BODY_READ && !r->body_over;
        if (r->on_gone && (!r->released || reading))
            r->on_gone(r);
        body_cut(r);
    }
    r->busy--;
    req_try_free(r);
}

void conn_gone(struct conn *c)
{
    if (c->req)
        detach(c, true);
    conn_close(c);
}

static void linger(struct conn *c)
{
    c->state = CONN_LINGER;
    c->in_len = 0;
    give_block(c);
    shutdown(c->fd, SHUT_WR);
}

/* The answer went out and the body is over, or will not be read. */
static void finish(struct conn *c)
{
    struct http_req *r = c->req;
    bool unread = r->body_left != 0 || c->in_len > 0;
    detach(c, !r->released); /* a stream that we ended ourselves: its handler learns that it is gone */
    if (c->close_after && unread && !c->eof)
        linger(c);
    else if (c->close_after)
        conn_close(c);
}

/* ---- events ---- */

static bool wants_input(const struct conn *c)
{
    const struct http_req *r = c->req;
    if (c->eof)
        return false;
    if (c->state == CONN_LINGER)
        return true;
    if (r && r->paused && r->body_left != 0)
        return false; /* the back-pressure: TCP holds the sender */
    return c->in_len < IN_BYTES; /* also while a handler works: pipelined requests, or the client's leaving */
}

static void on_poll(uv_poll_t *h, int status, int events);

static void set_events(struct conn *c)
{
    int events = (wants_input(c) ? UV_READABLE : 0) | (c->state == CONN_OPEN && conn_has_output(c) ? UV_WRITABLE : 0);
    if (events == c->events)
        return;
    c->events = events;
    if (events)
        uv_poll_start(&c->poll, events, on_poll);
    else
        uv_poll_stop(&c->poll);
}

/* With the client's sending side shut, is there still a reason to go on? */
static bool over_at_eof(const struct conn *c)
{
    const struct http_req *r = c->req;
    if (!r)
        return true;
    if (r->body_left != 0)
        return c->in_len == 0 || r->mode == BODY_DISCARD;
    return (r->sse || r->on_gone) && !r->complete;
}

static bool step(struct conn *c)
{
    if (!c->req)
        return conn_start_request(c);
    struct http_req *r = c->req;
    if (conn_has_output(c))
        conn_flush(c);
    bool moved = body_step(c, r);
    if (!c->broken && r->complete && !conn_has_output(c) && (r->body_left == 0 || c->close_after)) {
        finish(c);
        return true;
    }
    return moved;
}

void conn_pump(struct conn *c)
{
    if (c->in_pump || c->state == CONN_CLOSED)
        return;
    c->in_pump = true;
    while (c->state == CONN_OPEN && !c->broken && step(c))
        ;
    c->in_pump = false;
    if (c->state == CONN_CLOSED)
        return;
    if (c->broken || (c->state == CONN_OPEN && c->eof && over_at_eof(c))) {
        conn_gone(c);
        return;
    }
    give_block(c);
    conn_set_deadline(c);
    set_events(c);
}

void conn_touch(struct conn *c)
{
    if (c->in_pump)
        return;
    if (c->broken || (c->req && c->req->complete)) {
        wheel_set(c, conn_now(c));
        return;
    }
    conn_set_deadline(c);
    set_events(c);
}

static void read_linger(struct conn *c)
{
    ssize_t n = c->io->recv(c, c->hl->scratch, SCRATCH_BYTES);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        conn_close(c);
}

/* Where the next bytes go: large bodies straight through the loop's scratch, everything else into the connection's block. */
static void read_some(struct conn *c)
{
    struct http_req *r = c->req;
    bool direct = r && r->body_left > 0 && r->mode != BODY_UNDECIDED && !r->paused && c->in_len == 0;
    ssize_t n;
    if (direct) {
        n = c->io->recv(c, c->hl->scratch, (size_t)VCR_MIN(r->body_left, (int64_t)SCRATCH_BYTES));
        if (n > 0) {
            c->in_pump = true; /* an answer given inside waits for the pump below */
            body_bytes(r, c->hl->scratch, (size_t)n);
            c->in_pump = false;
        }
    } else {
        if (!take_block(c)) {
            c->broken = true;
            return;
        }
        n = c->io->recv(c, c->in + c->in_len, IN_BYTES - c->in_len);
        if (n > 0)
            c->in_len += (uint32_t)n;
    }
    if (n == 0)
        c->eof = true;
    else if (n < 0 && errno != EAGAIN)
        c->broken = true;
}

static void on_poll(uv_poll_t *h, int status, int events)
{
    struct conn *c = h->data;
    if (status < 0) {
        c->events = 0; /* libuv stopped it */
        conn_gone(c);
        return;
    }
    if (c->state == CONN_LINGER) {
        read_linger(c);
        return;
    }
    if ((events & UV_READABLE) && wants_input(c))
        read_some(c);
    conn_pump(c);
}

void conn_open(struct http_loop *hl, int fd, const char *ip, struct ip_key key)
{
    struct conn *c = vcr_alloc(sizeof(*c));
    c->hl = hl;
    c->io = &conn_io_plain;
    c->fd = fd;
    c->file_fd = -1;
    c->key = key;
    vcr_strcpy(c->ip, sizeof(c->ip), ip);
    buf_init(&c->out, SIZE_MAX / 4); /* bounded by what handlers answer; a stream by SSE_PENDING_MAX */
    c->poll.data = c;
    c->next = hl->conns;
    if (hl->conns)
        hl->conns->prev = c;
    hl->conns = c;
    atomic_fetch_add_explicit(&hl->connections, 1, memory_order_relaxed);
    loop_tick_on(hl);
    if (uv_poll_init(loop_uv(hl->loop), &c->poll, fd) != 0) {
        c->hl->conns = c->next; /* never a handle, so no uv_close */
        if (c->next)
            c->next->prev = NULL;
        vcr_close(&c->fd);
        caps_give(hl->server->caps, key);
        atomic_fetch_sub_explicit(&hl->connections, 1, memory_order_relaxed);
        free(c);
        return;
    }
    conn_set_deadline(c);
    set_events(c);
}

void conn_drain(struct conn *c)
{
    c->close_after = true;
    if (c->req && c->req->sse && !c->req->complete)
        sse_finish(c->req);
    if (!c->req && c->state == CONN_OPEN) {
        read_some(c); /* a request that was already here is still served */
        conn_pump(c);
        if (c->state == CONN_OPEN && !c->req && c->in_len == 0)
            conn_close(c);
        return;
    }
    conn_pump(c);
}
