/* http/http.h - the server core: connections, strict HTTP/1.1, limits, streamed bodies, files, server-sent events.
 *
 * One struct http_server listens with one loop a core (SO_REUSEPORT). A request belongs to the loop thread of its connection: every
 * function here with a struct http_req is called on that thread (http_req_loop says which), unless it says otherwise. Work that blocks goes to a
 * pool, whose done function comes back to that loop.
 * Flow     the router (a table given at open) picks a route when the headers are complete and calls route->begin. From there the handler reads
 *          the body by one of http_body_* and answers by exactly one of http_send*, http_sse_begin; the answer may come much later.
 * Lifetime the handler holds the request from begin until its answer is complete; after http_send* it must not touch it. When the client
 *          goes away first, on_gone (if set) is called once and later http_send* calls are silently dropped: the struct stays valid until the handler has
 *          answered (or, for a stream, http_sse_end was called), so a pool's done function can always answer safely.
 *          A client that only shut its sending side is answered, unless on_gone is set or it is a stream: then it counts as gone.
 * HTTP/2   will sit behind the same struct http_req (streams instead of connections): nothing here shows the wire. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/loop.h"
#include "base/why.h"

struct http_server;
struct http_req;

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS, HTTP_METHODS /* any other */ };
const char *http_method_name(enum http_method m);

enum { HTTP_PARAMS_MAX = 6, HTTP_PARAM_BYTES = 256 };
struct http_route {
    enum http_method method;
    const char *path;   /* "/api/v1/tapes/:id/media"; ":x" is one segment, "*x" (last) the rest. HEAD follows GET unless http_route.no_head */
    void (*begin)(struct http_req *r, const struct http_route *route);
    const void *ctx;    /* the owner's own: the API hangs its struct api_route here */
    bool no_head;       /* HEAD answers 405 */
};

struct http_config {
    const char *listen;            /* "127.0.0.1:8080", "[::1]:0"; port 0 takes a free one */
    int loops;                     /* 0: one a core, at most 16 */
    const struct http_route *routes;
    size_t route_count;
    void *user;                    /* http_user(r) */
    /* limits; 0 takes the default named here */
    int header_timeout_ms;         /* 10 000: whole header */
    int idle_timeout_ms;           /* 75 000: keep-alive and stalled writing */
    int body_min_bytes_per_s;      /* 1024, measured over each stretch of body_grace_ms; a paused body is not measured */
    int body_grace_ms;             /* 10 000 */
    int sse_ping_ms;               /* 15 000: a comment on a silent stream, so that a dead client is noticed */
    int connections_max;           /* 20 000 */
    int connections_per_ip;        /* 64 (IPv6: per /64); -1: no cap */
    /* Called (on a loop thread) for what the core answers by itself (400, 404, 405, 408, 413, 431, 501, 503 ...): writes the body. */
    void (*error_body)(struct http_req *r, int status, const char *detail, struct buf *body, const char **content_type);
    /* Called (on a loop thread) for each well-formed request before it is routed: may set headers, which go along with whatever answers it. */
    void (*on_head)(struct http_req *r);
    /* Called (on a loop thread) after each response, for the access log and metrics. status 0: the client left before the answer. */
    void (*on_done)(struct http_req *r, int status, uint64_t bytes_sent, int64_t took_us);
};

/* The program must ignore SIGPIPE: sendfile has no flag for clients that have gone. */
enum vcr_err http_open(struct http_server **ret, const struct http_config *config, struct vcr_why *why);
/* The address that it listens on, "127.0.0.1:34567". */
const char *http_address(const struct http_server *s);
/* Stops accepting, lets requests in flight finish for at most grace_ms (SSE streams get their end at once), then calls drained on `loop`. */
void http_drain(struct http_server *s, int grace_ms, struct loop *loop, void (*drained)(void *arg), void *arg);
/* After the drain. NULL is fine. */
void http_close(struct http_server **s);
struct http_counts { int connections, requests_open; uint64_t requests, refused; };
void http_counts(struct http_server *s, struct http_counts *ret); /* any thread */

/* ---- the request ---- */
void *http_user(struct http_req *r);
struct loop *http_req_loop(struct http_req *r);
enum http_method http_req_method(const struct http_req *r);
const char *http_req_path(const struct http_req *r);           /* decoded, no query */
const char *http_req_target(const struct http_req *r);         /* as sent, with query */
const struct http_route *http_req_route(const struct http_req *r); /* NULL: none matched */
const char *http_req_id(const struct http_req *r);             /* X-Request-Id in and out */
const char *http_req_ip(const struct http_req *r);             /* the client's address as text */
/* First header of that name (any case), or NULL. Names the core itself acts on (Content-Length, Transfer-Encoding) are there too. */
const char *http_req_header(const struct http_req *r, const char *name);
/* The decoded value of ":name" in the route. Never NULL for a name of the route. */
const char *http_req_param(const struct http_req *r, const char *name);
/* The n-th decoded query parameter in order; false at the end. A query that does not decode was refused with 400 before the route. */
bool http_req_query_at(const struct http_req *r, size_t n, const char **name, const char **value);
const char *http_req_query(const struct http_req *r, const char *name); /* the first of that name, or NULL */
const char *http_req_cookie(const struct http_req *r, const char *name, char *out, size_t out_size); /* NULL when absent or too long */
/* Content-Length, -1 when chunked, 0 when there is no body. */
int64_t http_req_length(const struct http_req *r);
/* The handler's own pointer and its clean-up (called when the request is freed, on the loop thread). */
void http_req_set_own(struct http_req *r, void *own, void (*free_own)(void *own));
void *http_req_own(struct http_req *r);
void http_req_on_gone(struct http_req *r, void (*fn)(struct http_req *r));
bool http_req_gone(const struct http_req *r);

/* ---- the body: choose one, as the last thing in a function: the request may be gone when the call returns ---- */
/* Whole, in memory. Longer than max, or cut by the client: the core sees to all (413) and done is not called. body is valid until the request is freed. */
void http_body_read(struct http_req *r, size_t max_bytes, void (*done)(struct http_req *r, const char *body, size_t len));
/* As it comes. data may return false to pause (back-pressure); http_body_resume goes on. A body longer than max_bytes answers 413 at once (by its
 * Content-Length before anything is read) and calls end with complete = false. end: once, unless the handler answered before; complete = false: cut by the client,
 * or refused by the core (413, 408, 400). The handler then still answers once, now or later: that lets the request go, nothing is sent. */
struct http_body_sink {
    bool (*data)(struct http_req *r, const uint8_t *bytes, size_t len);
    void (*end)(struct http_req *r, bool complete);
};
void http_body_stream(struct http_req *r, uint64_t max_bytes, const struct http_body_sink *sink);
void http_body_resume(struct http_req *r);

/* ---- the answer ---- */
/* Adds a header to the coming answer. Values with control characters are our own mistake (assert). Both are copied. */
void http_set_header(struct http_req *r, const char *name, const char *value);
/* Whole body, copied. content_type NULL: none. HEAD sends the headers only. */
void http_send(struct http_req *r, int status, const char *content_type, const void *body, size_t len);
/* A stretch of a file with sendfile; fd is owned (closed when sent). Handles Range (single), If-Range, If-None-Match against etag (a strong one with
 * its quotes, or NULL): 200, 206, 304, 416. */
struct http_file {
    int fd;
    uint64_t offset, len;      /* the representation is this stretch of fd */
    const char *content_type;
    const char *etag;
    const char *cache_control; /* NULL: "no-store" */
    const char *download_name; /* Content-Disposition: attachment, or NULL */
};
void http_send_file(struct http_req *r, const struct http_file *f);
/* Server-sent events. Writes never block; when more than 256 KiB wait for a slow client the stream is ended. */
void http_sse_begin(struct http_req *r);
void http_sse_send(struct http_req *r, const char *event, const char *data); /* data: one line */
void http_sse_end(struct http_req *r);
