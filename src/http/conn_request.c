/* http/conn_request.c - from a connection's input to a request and its route, or to the answer why not. */
#include <string.h>

#include "http/internal.h"

static void begin(struct conn *c, struct http_req *r)
{
    const struct http_server *s = c->hl->server;
    unsigned methods = router_find(s->router, r);
    if (s->config.on_head)
        s->config.on_head(r);
    if (!r->route && r->method == HTTP_METHODS && strcmp(r->head.method, "TRACE") != 0) {
        answer_error(r, 501, "this method is not known here", false);
        return;
    }
    if (!r->route && methods) {
        char allow[80] = "";
        for (int m = 0; m < HTTP_METHODS; m++)
            if (methods & 1u << m) {
                strcat(allow, *allow ? ", " : "");
                strcat(allow, http_method_name((enum http_method)m));
            }
        http_set_header(r, "Allow", allow);
        if (r->method == HTTP_OPTIONS)
            http_send(r, 204, NULL, NULL, 0);
        else
            answer_error(r, 405, "this path does not take that method", true);
        return;
    }
    if (!r->route) {
        answer_error(r, 404, "there is nothing at this path", true);
        return;
    }
    r->route->begin(r, r->route);
}

void conn_refuse(struct conn *c, int status, const char *detail)
{
    struct http_req *r = req_new(c, NULL, 0);
    if (!r) {
        c->broken = true;
        return;
    }
    req_id(r);
    r->body_left = -1; /* who knows what follows: listen a little before closing */
    answer_error(r, status, detail, false);
}

bool conn_start_request(struct conn *c)
{
    int status = 400;
    size_t head_len;
    struct vcr_why why = { 0 };
    if (c->in_len == 0)
        return false;
    enum vcr_err err = http1_find_head(c->in + c->in_at, c->in_len, &c->scanned, &head_len, &status, &why);
    if (err == VCR_E_AGAIN)
        return false;
    c->scanned = 0;
    if (err != VCR_OK) {
        conn_refuse(c, status, why.text);
        return true;
    }
    struct http_req *r = req_new(c, c->in + c->in_at, head_len);
    if (!r) {
        c->broken = true; /* no memory: the one thing left is to let go */
        return false;
    }
    conn_consume(c, head_len);
    err = http1_parse_head(&r->head, r->text, head_len, &status, &why);
    req_id(r);
    if (err == VCR_OK) {
        status = 400;
        const char *q = memchr(r->head.target, '?', r->head.target_len);
        size_t path_len = q ? (size_t)(q - r->head.target) : r->head.target_len;
        char *path = r->text + head_len + 1;
        r->param_text = path + path_len + 1;
        char *query = r->param_text + path_len + 1;
        err = http1_decode_path(path, r->head.target, path_len, &why);
        if (err == VCR_OK)
            err = http1_decode_query(query, &r->query_count, q ? q + 1 : "", q ? r->head.target_len - path_len - 1 : 0, &why);
        if (err == VCR_OK) {
            r->path = path;
            r->query = query;
        }
        r->method = method_of(r->head.method);
    }
    if (err != VCR_OK) {
        r->body_left = -1;
        answer_error(r, status, why.text, false);
        return true;
    }
    c->close_after = r->head.close || c->hl->draining;
    body_begin(r);
    begin(c, r);
    return true;
}
