/* http/body.c - request bodies: whole, streamed with back-pressure, or read over. */
#include <assert.h>

#include "http/internal.h"

void body_begin(struct http_req *r) { r->body_left = r->head.length; }

/* The core answers; what the handler had set for its own answer does not go with it. */
static void refuse(struct http_req *r, int status, const char *detail)
{
    buf_reset(&r->headers);
    answer_error(r, status, detail, false);
}

static void give(struct http_req *r, const uint8_t *bytes, size_t len)
{
    r->body_bytes += len;
    if (r->mode == BODY_DISCARD)
        return;
    if (r->body_bytes > r->body_max) {
        refuse(r, 413, "the body is too large");
    } else if (r->mode == BODY_STREAM) {
        if (!r->sink.data(r, bytes, len) && r->mode == BODY_STREAM)
            r->paused = true;
    } else {
        buf_add(&r->body, bytes, len);
        if (!buf_ok(&r->body))
            refuse(r, 503, "no memory for the body");
    }
}

void body_bytes(struct http_req *r, const uint8_t *bytes, size_t len)
{
    r->body_left -= (int64_t)len;
    give(r, bytes, len);
}

void body_cut(struct http_req *r)
{
    if (r->mode == BODY_STREAM && !r->body_over) {
        r->body_over = true;
        r->sink.end(r, false);
    }
}

static bool chunked_step(struct conn *c, struct http_req *r)
{
    size_t used, len;
    const uint8_t *data;
    enum vcr_err err = http1_chunked_next(&r->chunked, (const uint8_t *)c->in + c->in_at, c->in_len, &used, &data, &len, NULL);
    conn_consume(c, used);
    if (err == VCR_OK)
        give(r, data, len);
    else if (err == VCR_E_END)
        r->body_left = 0;
    else if (err == VCR_E_AGAIN)
        return false;
    else if (r->answered)
        c->close_after = true;
    else
        refuse(r, 400, "bad chunked body");
    return true;
}

static void over(struct http_req *r)
{
    r->body_over = true;
    if (r->mode == BODY_STREAM) {
        r->sink.end(r, true);
        return;
    }
    r->released = false; /* from here the handler owes the answer again */
    r->body_done(r, r->body.data ? r->body.data : "", r->body.len);
}

bool body_step(struct conn *c, struct http_req *r)
{
    if (r->mode == BODY_UNDECIDED || r->paused)
        return false;
    if (r->body_left == 0) {
        if (r->body_over)
            return false;
        over(r);
        return true;
    }
    if (c->in_len == 0 || (r->answered && c->close_after))
        return false;
    if (r->body_left < 0)
        return chunked_step(c, r);
    const char *from = c->in + c->in_at;
    size_t n = (size_t)VCR_MIN((int64_t)c->in_len, r->body_left);
    conn_consume(c, n);
    body_bytes(r, (const uint8_t *)from, n);
    return true;
}

static void ask_to_continue(struct http_req *r)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (r->head.expect && !r->continued && r->body_left != 0 && r->conn->in_len == 0)
        conn_write(r->conn, line, sizeof(line) - 1, NULL, 0);
    r->continued = true;
}

/* What both ways of reading begin with. */
static void choose(struct http_req *r, enum body_mode mode, uint64_t max)
{
    assert(loop_is_mine(r->hl->loop) && r->mode == BODY_UNDECIDED && !r->released);
    r->mode = mode;
    r->body_max = max;
    if (mode == BODY_READ)
        r->released = true; /* the core holds the request until the body is here */
    if (!r->conn) {
        r->busy++;
        body_cut(r);
        r->busy--;
        req_try_free(r);
        return;
    }
    if (r->body_left > 0 && (uint64_t)r->body_left > max)
        refuse(r, 413, "the body is too large");
    else
        ask_to_continue(r);
    conn_pump(r->conn);
}

void http_body_read(struct http_req *r, size_t max_bytes, void (*done)(struct http_req *r, const char *body, size_t len))
{
    r->body_done = done;
    buf_init(&r->body, max_bytes);
    choose(r, BODY_READ, max_bytes);
}

void http_body_stream(struct http_req *r, uint64_t max_bytes, const struct http_body_sink *sink)
{
    r->sink = *sink;
    choose(r, BODY_STREAM, max_bytes);
}

void http_body_resume(struct http_req *r)
{
    r->paused = false;
    if (r->conn)
        conn_pump(r->conn);
}
