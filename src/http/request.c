/* http/request.c - the request as its handler sees it, and its life. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "http/internal.h"

struct http_req *req_new(struct conn *c, const char *head, size_t head_len)
{
    struct http_loop *hl = c->hl;
    /* the head, the path, the path again for the router, the query; a target is shorter than its head */
    char *text = malloc(5 * head_len + 8);
    if (!text)
        return NULL;
    struct http_req *r = vcr_alloc(sizeof(*r));
    if (head_len > 0)
        memcpy(text, head, head_len);
    text[head_len] = '\0';
    r->text = text;
    r->head.bytes = text;
    r->path = r->query = "";
    r->method = HTTP_METHODS;
    r->hl = hl;
    r->conn = c;
    r->began_us = clock_mono_us();
    memcpy(r->ip, c->ip, sizeof(r->ip));
    buf_init(&r->headers, 32768);
    c->req = r;
    c->served++;
    r->next = hl->reqs;
    if (hl->reqs)
        hl->reqs->prev = r;
    hl->reqs = r;
    atomic_fetch_add_explicit(&hl->requests_open, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&hl->requests, 1, memory_order_relaxed);
    return r;
}

void req_free(struct http_req *r)
{
    if (r->free_own)
        r->free_own(r->own);
    if (r->prev)
        r->prev->next = r->next;
    else
        r->hl->reqs = r->next;
    if (r->next)
        r->next->prev = r->prev;
    buf_free(&r->body);
    buf_free(&r->headers);
    free(r->text);
    free(r);
}

void req_try_free(struct http_req *r)
{
    if (r->released && !r->conn && r->busy == 0)
        req_free(r);
}

static uint64_t next_random(struct http_loop *hl) /* splitmix64 */
{
    uint64_t z = hl->random[0] += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31 ^ hl->random[1];
}

/* The client's, when it is one we would put into a log, else a UUIDv7. */
void req_id(struct http_req *r)
{
    static const char ok[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const char *given = http1_find(&r->head, "X-Request-Id");
    if (given && *given && strlen(given) < sizeof(r->id) && given[strspn(given, ok)] == '\0') {
        vcr_strcpy(r->id, sizeof(r->id), given);
        return;
    }
    uint8_t b[16];
    uint64_t ms = (uint64_t)clock_wall_ms(), x = next_random(r->hl), y = next_random(r->hl);
    wr64be(b, ms << 16 | 0x7000 | (x & 0x0FFF));
    wr64be(b + 8, (y & (UINT64_MAX >> 2)) | UINT64_C(1) << 63);
    char hex[33], *out = r->id;
    vcr_hex(hex, b, sizeof(b));
    for (int i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *out++ = '-';
        *out++ = hex[i];
    }
    *out = '\0';
}

void *http_user(struct http_req *r) { return r->hl->server->config.user; }
struct loop *http_req_loop(struct http_req *r) { return r->hl->loop; }
enum http_method http_req_method(const struct http_req *r) { return r->method; }
const char *http_req_path(const struct http_req *r) { return r->path; }
const char *http_req_target(const struct http_req *r) { return r->head.target ? r->head.target : ""; }
const struct http_route *http_req_route(const struct http_req *r) { return r->route; }
const char *http_req_id(const struct http_req *r) { return r->id; }
const char *http_req_ip(const struct http_req *r) { return r->ip; }
const char *http_req_header(const struct http_req *r, const char *name) { return http1_find(&r->head, name); }
int64_t http_req_length(const struct http_req *r) { return r->head.length; }
void *http_req_own(struct http_req *r) { return r->own; }
void http_req_on_gone(struct http_req *r, void (*fn)(struct http_req *r)) { r->on_gone = fn; }
bool http_req_gone(const struct http_req *r) { return r->gone; }

void http_req_set_own(struct http_req *r, void *own, void (*free_own)(void *own))
{
    r->own = own;
    r->free_own = free_own;
}

const char *http_req_param(const struct http_req *r, const char *name)
{
    for (size_t i = 0; i < r->params; i++)
        if (strlen(name) == r->param_name_len[i] && memcmp(name, r->param_name[i], r->param_name_len[i]) == 0)
            return r->param[i];
    assert(false); /* the route has no parameter of that name */
    return "";
}

bool http_req_query_at(const struct http_req *r, size_t n, const char **name, const char **value)
{
    if (n >= r->query_count)
        return false;
    const char *p = r->query;
    for (size_t i = 0; i < 2 * n; i++)
        p += strlen(p) + 1;
    *name = p;
    *value = p + strlen(p) + 1;
    return true;
}

const char *http_req_query(const struct http_req *r, const char *name)
{
    const char *n, *v;
    for (size_t i = 0; http_req_query_at(r, i, &n, &v); i++)
        if (strcmp(n, name) == 0)
            return v;
    return NULL;
}

const char *http_req_cookie(const struct http_req *r, const char *name, char *out, size_t out_size)
{
    size_t name_len = strlen(name);
    for (size_t i = 0; i < r->head.fields; i++) {
        if (strcasecmp(r->head.bytes + r->head.field[i].name, "Cookie") != 0)
            continue;
        for (const char *p = r->head.bytes + r->head.field[i].value; *p;) {
            p += strspn(p, "; \t");
            size_t len = strcspn(p, ";");
            if (len > name_len && p[name_len] == '=' && memcmp(p, name, name_len) == 0) {
                size_t n = len - name_len - 1;
                if (n >= out_size)
                    return NULL;
                memcpy(out, p + name_len + 1, n);
                out[n] = '\0';
                return out;
            }
            p += len;
        }
    }
    return NULL;
}
