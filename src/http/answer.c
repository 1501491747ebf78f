/* http/answer.c - status lines, headers, whole answers and the core's own errors. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "http/internal.h"

const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {
        { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" }, { 206, "Partial Content" }, { 301, "Moved Permanently" },
        { 302, "Found" }, { 303, "See Other" }, { 304, "Not Modified" }, { 307, "Temporary Redirect" }, { 308, "Permanent Redirect" }, { 400, "Bad Request" },
        { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" }, { 406, "Not Acceptable" },
        { 408, "Request Timeout" }, { 409, "Conflict" }, { 410, "Gone" }, { 412, "Precondition Failed" }, { 413, "Content Too Large" }, { 414, "URI Too Long" },
        { 415, "Unsupported Media Type" }, { 416, "Range Not Satisfiable" }, { 417, "Expectation Failed" }, { 422, "Unprocessable Content" },
        { 423, "Locked" }, { 428, "Precondition Required" }, { 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" },
        { 460, "Checksum Mismatch" }, { 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 502, "Bad Gateway" }, { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" }, { 505, "HTTP Version Not Supported" }, { 507, "Insufficient Storage" },
    };
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Unknown";
}

static bool is_clean(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7F)
            return false;
    return true;
}

void http_set_header(struct http_req *r, const char *name, const char *value)
{
    bool clean = is_clean(name) && !strpbrk(name, ": ") && is_clean(value);
    assert(clean);
    if (!clean) /* also without assertions: better no header than two */
        return;
    buf_adds(&r->headers, name);
    buf_adds(&r->headers, ": ");
    buf_adds(&r->headers, value);
    buf_adds(&r->headers, "\r\n");
}

void answer_settle_body(struct http_req *r)
{
    struct conn *c = r->conn;
    if (r->body_left != 0) {
        bool held_back = r->head.expect && !r->continued && c->in_len == 0;
        if (held_back || r->body_left < 0 || r->body_left > DISCARD_MAX)
            c->close_after = true;
    }
    r->mode = BODY_DISCARD;
    r->paused = false;
    r->body_over = true;
}

bool answer_take(struct http_req *r)
{
    assert(loop_is_mine(r->hl->loop) && !r->released);
    r->released = true;
    if (!r->conn || r->answered) {
        req_try_free(r);
        return false;
    }
    answer_settle_body(r);
    r->answered = true;
    return true;
}

static void add_header(struct buf *b, const char *name, const char *value)
{
    buf_adds(b, name);
    buf_adds(b, value);
    buf_add(b, "\r\n", 2);
}

void answer_head(struct http_req *r, int status, const char *content_type, int64_t length)
{
    struct buf *b = &r->hl->out_head;
    assert(status >= 200 && status <= 599 && (!content_type || is_clean(content_type)));
    r->status = status;
    buf_reset(b);
    char line[64];
    int n = snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
    buf_add(b, line, (size_t)n);
    add_header(b, reason_of(status), "");
    add_header(b, "Date: ", loop_date(r->hl));
    add_header(b, "X-Request-Id: ", r->id);
    if (content_type && is_clean(content_type))
        add_header(b, "Content-Type: ", content_type);
    if (length >= 0) {
        snprintf(line, sizeof(line), "%lld", (long long)length);
        add_header(b, "Content-Length: ", line);
    }
    if (r->conn->close_after)
        add_header(b, "Connection: ", "close");
    if (r->headers.len > 0)
        buf_add(b, r->headers.data, r->headers.len);
    buf_add(b, "\r\n", 2);
    assert(buf_ok(b) && buf_ok(&r->headers)); /* our own headers are smaller than their ceilings */
}

static void send_whole(struct http_req *r, int status, const char *content_type, const void *body, size_t len)
{
    bool no_body = status == 204 || status == 304;
    assert(!no_body || len == 0);
    answer_head(r, status, content_type, no_body ? -1 : (int64_t)len);
    r->complete = true;
    conn_write(r->conn, r->hl->out_head.data, r->hl->out_head.len, body, r->method == HTTP_HEAD ? 0 : len);
}

void http_send(struct http_req *r, int status, const char *content_type, const void *body, size_t len)
{
    if (!answer_take(r))
        return;
    send_whole(r, status, content_type, body, len);
    conn_pump(r->conn);
}

void answer_refusal(struct http_req *r, int status, const char *detail)
{
    const struct http_config *config = &r->hl->server->config;
    const char *content_type = "text/plain";
    struct buf body;
    buf_init(&body, 65536);
    if (config->error_body) {
        config->error_body(r, status, detail, &body, &content_type);
    } else {
        buf_adds(&body, detail);
        buf_addc(&body, '\n');
    }
    send_whole(r, status, content_type, body.data, body.len);
    buf_free(&body);
}

void answer_error(struct http_req *r, int status, const char *detail, bool keep)
{
    bool handler_waits = r->mode == BODY_STREAM && !r->body_over;
    if (!keep)
        r->conn->close_after = true;
    answer_settle_body(r);
    r->answered = true;
    answer_refusal(r, status, detail);
    if (handler_waits)
        r->sink.end(r, false); /* and answers, which then only lets the request go */
    else
        r->released = true;
}
