/* http/sse.c - server-sent events: writes that never wait, a ceiling for slow clients, a comment now and then to notice dead ones. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "http/internal.h"

void http_sse_begin(struct http_req *r)
{
    assert(loop_is_mine(r->hl->loop) && !r->released);
    if (!r->conn || r->answered)
        return;
    answer_settle_body(r);
    r->answered = r->sse = true;
    http_set_header(r, "Cache-Control", "no-store");
    http_set_header(r, "X-Accel-Buffering", "no"); /* nginx in front would hold events back */
    if (r->head.minor > 0)
        http_set_header(r, "Transfer-Encoding", "chunked");
    answer_head(r, 200, "text/event-stream", -1);
    r->complete = r->method == HTTP_HEAD;
    conn_write(r->conn, r->hl->out_head.data, r->hl->out_head.len, NULL, 0);
    conn_touch(r->conn);
}

/* len bytes of text, which is followed by the CRLF that ends a chunk. */
static void put(struct http_req *r, const char *text, size_t len)
{
    struct conn *c = r->conn;
    char head[24] = "";
    if (c->out.len - c->out_at + len > SSE_PENDING_MAX) {
        c->broken = true;
    } else if (r->head.minor > 0) {
        int n = snprintf(head, sizeof(head), "%zx\r\n", len);
        conn_write(c, head, (size_t)n, text, len + 2);
    } else {
        conn_write(c, text, len, NULL, 0);
    }
}

void http_sse_send(struct http_req *r, const char *event, const char *data)
{
    assert(loop_is_mine(r->hl->loop) && !strpbrk(event, "\r\n") && !strpbrk(data, "\r\n"));
    if (!r->conn || r->complete || r->conn->broken)
        return;
    struct buf b;
    buf_init(&b, SSE_PENDING_MAX);
    buf_adds(&b, "event: ");
    buf_adds(&b, event);
    buf_adds(&b, "\ndata: ");
    buf_adds(&b, data);
    buf_adds(&b, "\n\n");
    size_t len = b.len;
    buf_adds(&b, "\r\n");
    if (buf_ok(&b))
        put(r, b.data, len);
    else
        r->conn->broken = true;
    buf_free(&b);
    conn_touch(r->conn);
}

void sse_ping(struct http_req *r)
{
    if (r->conn && !r->complete)
        put(r, ":\n\n\r\n", 3);
}

void sse_finish(struct http_req *r)
{
    if (!r->conn || r->complete)
        return;
    r->complete = true;
    if (r->head.minor > 0)
        conn_write(r->conn, "0\r\n\r\n", 5, NULL, 0);
}

void http_sse_end(struct http_req *r)
{
    assert(loop_is_mine(r->hl->loop) && !r->released);
    r->released = true;
    if (r->conn) {
        sse_finish(r);
        conn_pump(r->conn);
    } else {
        req_try_free(r);
    }
}
