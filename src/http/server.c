/* http/server.c - the loops of a server: open, drain, close. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/internal.h"

enum { LOOPS_MAX = 16, TICK_MIN_MS = 5, TICK_MAX_MS = 200 };

/* ---- what all connections of a loop share ---- */

const char *loop_date(struct http_loop *hl)
{
    int64_t now_s = clock_wall_ms() / 1000;
    if (now_s != hl->date_s) {
        time_t t = (time_t)now_s;
        struct tm tm;
        gmtime_r(&t, &tm);
        strftime(hl->date, sizeof(hl->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        hl->date_s = now_s;
    }
    return hl->date;
}

static void maybe_drained(struct http_loop *hl)
{
    struct http_server *s = hl->server;
    if (!hl->draining || hl->drained || hl->conns)
        return;
    hl->drained = true;
    if (atomic_fetch_sub(&s->undrained, 1) == 1 && s->drained)
        loop_call(s->drained_loop, s->drained, s->drained_arg);
}

void loop_conn_left(struct http_loop *hl) { maybe_drained(hl); }

static void on_tick(uv_timer_t *t)
{
    struct http_loop *hl = t->data;
    int64_t now_ms = (int64_t)uv_now(loop_uv(hl->loop));
    wheel_run(hl, now_ms);
    if (hl->accept_paused && !hl->draining)
        accept_start(hl);
    if (hl->draining && now_ms >= hl->drain_until_ms)
        while (hl->conns)
            conn_gone(hl->conns);
    if (!hl->conns && !hl->accept_paused) { /* an idle server sleeps */
        uv_timer_stop(&hl->tick);
        hl->ticking = false;
    }
}

void loop_tick_on(struct http_loop *hl)
{
    if (hl->ticking)
        return;
    hl->ticking = true;
    hl->wheel_at_ms = (int64_t)uv_now(loop_uv(hl->loop)); /* the wheel is empty while nothing ticks */
    uv_timer_start(&hl->tick, on_tick, (uint64_t)hl->tick_ms, (uint64_t)hl->tick_ms);
}

/* ---- open ---- */

static void set_defaults(struct http_config *c)
{
    static const struct {
        size_t at;
        int value;
    } defaults[] = {
        { offsetof(struct http_config, header_timeout_ms), 10000 }, { offsetof(struct http_config, idle_timeout_ms), 75000 },
        { offsetof(struct http_config, body_min_bytes_per_s), 1024 }, { offsetof(struct http_config, body_grace_ms), 10000 },
        { offsetof(struct http_config, sse_ping_ms), 15000 },
        { offsetof(struct http_config, connections_max), 20000 }, { offsetof(struct http_config, connections_per_ip), 64 },
    };
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
        int *v = (int *)(void *)((char *)c + defaults[i].at);
        if (*v == 0)
            *v = defaults[i].value;
    }
    if (c->loops <= 0)
        c->loops = (int)VCR_CLAMP(sysconf(_SC_NPROCESSORS_ONLN), 1, LOOPS_MAX);
    c->loops = VCR_MIN(c->loops, (int)LOOPS_MAX);
}

/* Fine enough for the shortest time-out. */
static int tick_for(const struct http_config *c)
{
    int shortest = VCR_MIN(VCR_MIN(c->header_timeout_ms, c->idle_timeout_ms), VCR_MIN(c->body_grace_ms, c->sse_ping_ms));
    return VCR_CLAMP(shortest / 8, (int)TICK_MIN_MS, (int)TICK_MAX_MS);
}

static enum vcr_err open_loop(struct http_server *s, int i, struct sockaddr_storage *at, socklen_t at_len, struct vcr_why *why)
{
    struct http_loop *hl = &s->loops[i];
    char name[16], ip[46];
    snprintf(name, sizeof(name), "http-%d", i);
    enum vcr_err err = loop_open(&hl->loop, name, why);
    if (err != VCR_OK)
        return err;
    uv_timer_init(loop_uv(hl->loop), &hl->tick);
    hl->tick.data = hl;
    hl->tick_ms = tick_for(&s->config);
    hl->scratch = vcr_alloc(SCRATCH_BYTES);
    buf_init(&hl->out_head, 65536);
    vcr_random(hl->random, sizeof(hl->random));
    err = accept_listen(hl, at, at_len, why);
    if (err == VCR_OK && i == 0) { /* the port that the first got is the others' */
        getsockname(hl->listen_fd, (struct sockaddr *)at, &at_len);
        accept_text(at, ip, sizeof(ip), s->address, sizeof(s->address));
    }
    return err;
}

enum vcr_err http_open(struct http_server **ret, const struct http_config *config, struct vcr_why *why)
{
    struct sockaddr_storage at;
    socklen_t at_len;
    struct http_server *s = vcr_alloc(sizeof(*s));
    s->config = *config;
    set_defaults(&s->config);
    s->body_grace_ms = s->config.body_grace_ms;
    s->loop_count = s->config.loops;
    s->loops = vcr_calloc((size_t)s->loop_count, sizeof(*s->loops));
    for (int i = 0; i < s->loop_count; i++) {
        s->loops[i].server = s;
        s->loops[i].listen_fd = -1;
    }
    s->caps = caps_open(s->config.connections_max, s->config.connections_per_ip);
    enum vcr_err err = router_open(&s->router, config->routes, config->route_count, why);
    if (err == VCR_OK)
        err = accept_parse(config->listen, &at, &at_len, why);
    if (err == VCR_OK)
        err = accept_probe(&at, at_len, why);
    for (int i = 0; err == VCR_OK && i < s->loop_count; i++)
        err = open_loop(s, i, &at, at_len, why);
    for (int i = 0; err == VCR_OK && i < s->loop_count; i++) {
        accept_start(&s->loops[i]);
        err = loop_start(s->loops[i].loop, why);
    }
    if (err != VCR_OK) {
        http_close(&s);
        return err;
    }
    *ret = s;
    return VCR_OK;
}

const char *http_address(const struct http_server *s) { return s->address; }

/* ---- drain and close ---- */

static void stop_accepting(struct http_loop *hl)
{
    if (hl->listen_fd < 0)
        return;
    if (hl->accept_poll.data)
        uv_close((uv_handle_t *)&hl->accept_poll, NULL);
    vcr_close(&hl->listen_fd);
    hl->accept_paused = false;
}

struct drain_msg {
    struct loop_msg msg;
    struct http_loop *hl;
    int grace_ms;
};

static void drain_loop(struct loop_msg *m)
{
    struct drain_msg *d = (struct drain_msg *)m;
    struct http_loop *hl = d->hl;
    if (hl->listen_fd >= 0)
        accept_pending(hl); /* closing would reset who already waits to be taken */
    stop_accepting(hl);
    hl->draining = true;
    hl->drain_until_ms = (int64_t)uv_now(loop_uv(hl->loop)) + d->grace_ms;
    loop_tick_on(hl);
    for (struct conn *c = hl->conns, *next; c; c = next) {
        next = c->next; /* stays readable: connections are freed by the loop, later */
        if (c->state != CONN_CLOSED)
            conn_drain(c);
    }
    maybe_drained(hl);
    free(d);
}

void http_drain(struct http_server *s, int grace_ms, struct loop *loop, void (*drained)(void *arg), void *arg)
{
    s->drained = drained;
    s->drained_arg = arg;
    s->drained_loop = loop;
    atomic_store(&s->undrained, s->loop_count);
    for (int i = 0; i < s->loop_count; i++) {
        struct drain_msg *d = vcr_alloc(sizeof(*d));
        d->msg.fn = drain_loop;
        d->hl = &s->loops[i];
        d->grace_ms = grace_ms;
        loop_post(s->loops[i].loop, &d->msg);
    }
}

/* On the loop's thread, or when it has none any more. */
static void shut_loop(void *arg)
{
    struct http_loop *hl = arg;
    stop_accepting(hl);
    while (hl->conns)
        conn_gone(hl->conns);
    uv_close((uv_handle_t *)&hl->tick, NULL);
}

void http_close(struct http_server **sp)
{
    struct http_server *s = *sp;
    if (!s)
        return;
    for (int i = 0; i < s->loop_count; i++) {
        struct http_loop *hl = &s->loops[i];
        if (!hl->loop)
            continue;
        loop_call(hl->loop, shut_loop, hl);
        loop_stop(hl->loop);
        loop_join(hl->loop);
        loop_close(&hl->loop);
        while (hl->reqs) { /* never answered by their handlers, who are gone by now */
            struct http_req *r = hl->reqs;
            r->conn = NULL;
            req_free(r);
        }
        while (hl->block_count > 0)
            free(hl->blocks[--hl->block_count]);
        buf_free(&hl->out_head);
        free(hl->scratch);
    }
    caps_close(&s->caps);
    router_close(&s->router);
    free(s->loops);
    free(s);
    *sp = NULL;
}

void http_counts(struct http_server *s, struct http_counts *ret)
{
    *ret = (struct http_counts){ 0 };
    for (int i = 0; i < s->loop_count; i++) {
        struct http_loop *hl = &s->loops[i];
        ret->connections += atomic_load_explicit(&hl->connections, memory_order_relaxed);
        ret->requests_open += atomic_load_explicit(&hl->requests_open, memory_order_relaxed);
        ret->requests += atomic_load_explicit(&hl->requests, memory_order_relaxed);
        ret->refused += atomic_load_explicit(&hl->refused, memory_order_relaxed);
    }
}
