/* http/conn_time.c - how long a connection may take for what it is doing, and what happens when it takes longer. */
#include "http/internal.h"

static enum phase phase_now(const struct conn *c)
{
    const struct http_req *r = c->req;
    if (c->state == CONN_LINGER)
        return PHASE_LINGER;
    if (!r)
        return c->in_len > 0 ? PHASE_HEAD : c->served == 0 ? PHASE_NEW : PHASE_IDLE;
    if (conn_has_output(c))
        return PHASE_WRITE;
    if (r->body_left != 0 && r->mode != BODY_UNDECIDED && !r->paused)
        return PHASE_BODY;
    return r->sse ? PHASE_SSE : PHASE_WORK;
}

static int64_t phase_ms(const struct conn *c, enum phase phase)
{
    const struct http_server *s = c->hl->server;
    switch (phase) {
    case PHASE_NEW:
    case PHASE_HEAD:
        return s->config.header_timeout_ms;
    case PHASE_IDLE:
    case PHASE_WRITE:
        return s->config.idle_timeout_ms;
    case PHASE_BODY:
        return s->body_grace_ms;
    case PHASE_SSE:
        return s->config.sse_ping_ms;
    case PHASE_LINGER:
        return LINGER_MS;
    default:
        return 0;
    }
}

void conn_set_deadline(struct conn *c)
{
    enum phase phase = phase_now(c), before = c->phase;
    bool fresh = phase != before || c->phase_served != c->served || (phase == PHASE_WRITE && c->progress);
    c->progress = false;
    if (!fresh)
        return;
    bool same_deadline = before == PHASE_NEW && phase == PHASE_HEAD; /* the first head's time runs from accept */
    c->phase = phase;
    c->phase_served = c->served;
    if (phase == PHASE_BODY)
        c->req->window_bytes = c->req->body_bytes;
    int64_t ms = phase_ms(c, phase);
    if (!same_deadline)
        wheel_set(c, ms ? conn_now(c) + ms : 0);
}

static void body_window_over(struct conn *c)
{
    struct http_req *r = c->req;
    const struct http_server *s = c->hl->server;
    uint64_t need = (uint64_t)s->config.body_min_bytes_per_s * (uint64_t)s->body_grace_ms / 1000;
    if (r->body_bytes - r->window_bytes >= need) {
        c->phase = PHASE_NONE; /* a new window */
        conn_pump(c);
    } else if (r->answered) {
        conn_gone(c);
    } else {
        answer_error(r, 408, "the body comes too slowly", false);
        conn_pump(c);
    }
}

void conn_deadline(struct conn *c)
{
    if (c->broken) {
        conn_gone(c);
        return;
    }
    if (c->req && c->req->complete && !conn_has_output(c)) { /* of conn_touch */
        c->phase = PHASE_NONE;
        conn_pump(c);
        return;
    }
    switch (c->phase) {
    case PHASE_HEAD:
        conn_refuse(c, 408, "the request head came too slowly");
        conn_pump(c);
        break;
    case PHASE_BODY:
        body_window_over(c);
        break;
    case PHASE_SSE:
        c->phase = PHASE_NONE;
        sse_ping(c->req);
        conn_pump(c);
        break;
    default:
        conn_gone(c);
    }
}

