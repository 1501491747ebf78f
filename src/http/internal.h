/* http/internal.h - the structs of the server core, for its own folder.
 *
 * server.c  open, drain, close, loops          accept.c  listening, caps.c the connection caps       wheel.c  deadlines
 * conn.c    one connection: reading, the pump, closing      conn_io.c  what moves bytes (the seam for TLS)      body.c  request bodies
 * conn_request.c  from input to a request and its route    conn_time.c  its deadlines
 * request.c accessors, life of a request      route.c   the router      answer.c, file.c, sse.c  answers
 * Everything here belongs to one loop thread unless a comment says otherwise. */
#pragma once
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <uv.h>

#include "base/util.h"
#include "http/http.h"
#include "wire/http1.h"

enum {
    IN_BYTES = HTTP1_HEAD_MAX,     /* a connection's input block: exactly one longest head */
    SCRATCH_BYTES = 65536,         /* a loop's buffer for large bodies */
    BLOCKS_KEPT = 64,              /* input blocks a loop keeps for the next reader */
    DISCARD_MAX = 65536,           /* an unread body up to this is read over so that the connection can stay */
    LINGER_MS = 3000,              /* how long we listen after an early answer, so that a reset does not overtake it */
    SSE_PENDING_MAX = 256 * 1024,
    SENDFILE_MAX = 1 << 20,        /* a turn, so that one fast reader does not hold up the loop */
    WHEEL_SLOTS = 256,
};

struct conn;
struct conn_io {
    /* As recv and send: a count, 0 at the end, or -1 with errno. */
    ssize_t (*recv)(struct conn *c, void *buf, size_t len);
    ssize_t (*sendv)(struct conn *c, const struct iovec *v, int n, bool more);
    ssize_t (*sendfile)(struct conn *c, int fd, uint64_t at, size_t len);
};
extern const struct conn_io conn_io_plain;

enum conn_state { CONN_OPEN, CONN_LINGER, CONN_CLOSED };
enum phase { PHASE_NONE, PHASE_NEW, PHASE_HEAD, PHASE_IDLE, PHASE_BODY, PHASE_WORK, PHASE_WRITE, PHASE_SSE, PHASE_LINGER };
struct ip_key {
    uint64_t prefix; /* IPv6: the /64; IPv4: the address */
    bool v6;
};

struct conn {
    uv_poll_t poll;
    struct http_loop *hl;
    const struct conn_io *io;
    struct conn *prev, *next;     /* in hl->conns */
    struct conn *due_prev, *due_next; /* in a slot of the wheel */
    int64_t due_ms;               /* when the wheel looks at it next; 0: not in the wheel */
    int64_t deadline_ms;          /* what was asked for, never before due_ms; 0: none */
    int fd, events;
    enum conn_state state;
    enum phase phase;
    uint64_t served, phase_served; /* requests begun; the count at the beginning of the phase */
    /* input not yet used: in[in_at .. in_at + in_len) */
    char *in;                     /* IN_BYTES, or NULL while nothing waits */
    uint32_t in_at, in_len;
    size_t scanned;
    /* output not yet sent: the rest of out, then of the file */
    struct buf out;
    size_t out_at;
    int file_fd;
    uint64_t file_at, file_left;
    bool progress;                /* bytes went out since the deadline was set */
    bool eof, broken, close_after, in_pump;
    struct http_req *req;         /* the one under way */
    struct ip_key key;
    char ip[46];
};

enum body_mode { BODY_UNDECIDED, BODY_READ, BODY_STREAM, BODY_DISCARD };
struct http_req {
    struct http_loop *hl;
    struct conn *conn;            /* NULL: the connection is done with it */
    struct http_req *prev, *next; /* in hl->reqs */
    struct http1_head head;
    char *text;                   /* the head's bytes, then what was decoded from them */
    const char *path, *query;
    char *param_text;             /* a copy of the path, cut by the router */
    size_t query_count;
    enum http_method method;
    const struct http_route *route;
    const char *param_name[HTTP_PARAMS_MAX], *param[HTTP_PARAMS_MAX];
    size_t param_name_len[HTTP_PARAMS_MAX], params;
    char id[65];
    char ip[46];
    /* the handler's */
    void *own;
    void (*free_own)(void *own);
    void (*on_gone)(struct http_req *r);
    /* life: freed when the handler has answered, the connection is done with it and nothing runs in it */
    bool released, gone;
    int busy;
    /* body */
    enum body_mode mode;
    int64_t body_left;            /* -1 chunked and not ended */
    struct http1_chunked chunked;
    uint64_t body_bytes, body_max;
    bool paused, continued, body_over; /* over: done or end was called, or nobody waits for it */
    struct buf body;
    void (*body_done)(struct http_req *r, const char *body, size_t len);
    struct http_body_sink sink;
    uint64_t window_bytes;        /* body_bytes when the present window of the minimum rate began */
    /* answer */
    struct buf headers;           /* of http_set_header */
    int status;
    bool answered, complete;      /* begun; all of it is in the connection's output */
    bool sse;
    uint64_t sent_bytes;
    int64_t began_us;
};

struct http_loop {
    /* set by open, then read-only */
    struct http_server *server;
    struct loop *loop;
    int listen_fd;
    int tick_ms;
    /* the loop thread's own */
    uv_poll_t accept_poll;
    uv_timer_t tick;
    bool ticking, accept_paused, draining, drained, closed;
    int64_t drain_until_ms;
    struct conn *conns;
    struct http_req *reqs;
    struct conn *wheel[WHEEL_SLOTS];
    int64_t wheel_at_ms;
    char *blocks[BLOCKS_KEPT];
    int block_count;
    struct buf out_head;          /* the head being written */
    uint8_t *scratch;
    uint64_t random[2];           /* for request ids: need not be secret */
    int64_t date_s;
    char date[40];
    /* any thread reads */
    _Atomic int connections, requests_open;
    _Atomic uint64_t requests, refused;
};

struct http_server {
    /* set by open, then read-only */
    struct http_config config;
    struct http_loop *loops;
    int loop_count;
    struct router *router;
    char address[64];
    int body_grace_ms;
    /* any thread */
    struct caps *caps;
    _Atomic int undrained;
    void (*drained)(void *arg);
    void *drained_arg;
    struct loop *drained_loop;
};

/* caps.c; any thread */
struct caps *caps_open(int total_max, int per_ip_max);
void caps_close(struct caps **c);
bool caps_take(struct caps *c, struct ip_key key);
void caps_give(struct caps *c, struct ip_key key);

/* wheel.c */
void wheel_set(struct conn *c, int64_t deadline_ms); /* 0: none */
void wheel_drop(struct conn *c);
void wheel_run(struct http_loop *hl, int64_t now_ms);

/* accept.c */
/* Refuses an address that someone else listens on: sockets that share a port (SO_REUSEPORT) would silently share it with another server, too. */
enum vcr_err accept_probe(const struct sockaddr_storage *at, socklen_t at_len, struct vcr_why *why);
enum vcr_err accept_listen(struct http_loop *hl, const struct sockaddr_storage *at, socklen_t at_len, struct vcr_why *why);
enum vcr_err accept_parse(const char *listen, struct sockaddr_storage *ret, socklen_t *ret_len, struct vcr_why *why);
void accept_text(const struct sockaddr_storage *a, char *ip, size_t ip_size, char *all, size_t all_size);
void accept_start(struct http_loop *hl);
void accept_pending(struct http_loop *hl);

/* conn_time.c */
void conn_set_deadline(struct conn *c); /* for what it does now */
void conn_deadline(struct conn *c);     /* the wheel: its deadline passed */
/* conn_request.c */
void conn_refuse(struct conn *c, int status, const char *detail); /* what has come is no request */
bool conn_start_request(struct conn *c); /* takes a head from the input and begins its route; false when the head is not complete */
/* conn.c */
void conn_open(struct http_loop *hl, int fd, const char *ip, struct ip_key key);
void conn_pump(struct conn *c);
void conn_close(struct conn *c);
void conn_gone(struct conn *c);
void conn_drain(struct conn *c);
/* After output from outside the pump: sees to events and deadlines. What is broken or complete is ended by the wheel a little later, so that no handler
 * is told that it is gone from inside its own call. */
void conn_touch(struct conn *c);
int64_t conn_now(const struct conn *c);
static inline bool conn_has_output(const struct conn *c) { return c->out.len > c->out_at || c->file_left > 0; }
void conn_consume(struct conn *c, size_t n);
/* conn_io.c: sends what it can at once, keeps copies of the rest. A failing connection is only marked: the pump ends it. */
void conn_write(struct conn *c, const void *head, size_t head_len, const void *body, size_t len);
void conn_flush(struct conn *c);

/* loop-wide, server.c */
void loop_conn_left(struct http_loop *hl);
void loop_tick_on(struct http_loop *hl);
const char *loop_date(struct http_loop *hl);

/* request.c */
struct http_req *req_new(struct conn *c, const char *head, size_t head_len);
void req_id(struct http_req *r);
void req_try_free(struct http_req *r);
void req_free(struct http_req *r);

/* route.c */
enum vcr_err router_open(struct router **ret, const struct http_route *routes, size_t count, struct vcr_why *why);
void router_close(struct router **r);
/* Sets r->route and its params, or returns the methods of that path as bits (0: no such path). */
unsigned router_find(const struct router *router, struct http_req *r);
enum http_method method_of(const char *name);

/* body.c */
void body_begin(struct http_req *r);
/* Moves on by one piece; false when nothing could be done. */
bool body_step(struct conn *c, struct http_req *r);
void body_bytes(struct http_req *r, const uint8_t *bytes, size_t len);
void body_cut(struct http_req *r);

/* answer.c */
const char *reason_of(int status);
/* The handler answers: false when nobody listens any more (then r may be freed). */
bool answer_take(struct http_req *r);
/* Status line and headers into hl->out_head; length -1: none is named. */
void answer_head(struct http_req *r, int status, const char *content_type, int64_t length);
/* Nothing more of the body is given to the handler: decides whether the rest is read over or the connection closes. */
void answer_settle_body(struct http_req *r);
/* The core's own answer, in the place of the handler's. keep: the connection may go on. */
void answer_error(struct http_req *r, int status, const char *detail, bool keep);
/* The server's own error body as the answer that was taken. */
void answer_refusal(struct http_req *r, int status, const char *detail);

/* sse.c */
void sse_ping(struct http_req *r);
void sse_finish(struct http_req *r); /* the core ends the stream */
