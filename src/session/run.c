/* session/run.c - one life of a vcr-render process: spawning it with its three descriptors, messages both ways, packets out of its ring.
 *
 * Nothing it says is trusted: sizes, seats and texts are checked, and what makes no sense ends it. A struct run lives until its process has been reaped and
 * all its handles are closed.
 * Bounds   messages that its socket cannot take wait here, at most QUEUE_MAX; a process that reads none of them is ended. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "session/internal.h"

enum { QUEUE_MAX = 8 * RENDER_SEAT_MAX /* a process that begins is told all of its seats */, RING_BYTES = 16 << 20, READ_BURST = 4096, START_SILENCE_FACTOR = 4 };
static const int64_t silence_default_us = 5000000;
static const int64_t pts_max_us = INT64_C(1000000) * 3600 * 24 * 366 * 100; /* the clock of a machine that ran for a century; RTP multiplies it */

/* A message that waits for room in the socket, with its own copies of the descriptors. */
struct waiting {
    struct waiting *next;
    int fds[TAPE_FDS], fd_count;
    size_t len;
    unsigned char msg[];
};

struct run {
    struct engine *engine;
    uv_process_t process;
    uv_poll_t control, wake;
    int control_fd, wake_fd;
    struct ring *ring;
    int open_handles;
    bool spawned, ready, dying;
    int64_t started_us, heard_us;
    struct waiting *first, **last;
    int waiting_count;
    struct render_stats stats;
};

static void waiting_free(struct waiting *w)
{
    for (int i = 0; i < w->fd_count; i++)
        vcr_close(&w->fds[i]);
    free(w);
}

static void handle_closed(uv_handle_t *h)
{
    struct run *r = h->data;
    sessions_handle_closed(r->engine->owner);
    if (--r->open_handles == 0)
        free(r);
}

static void handle_opened(struct run *r, uv_handle_t *h)
{
    h->data = r;
    r->open_handles++;
    sessions_handle_opened(r->engine->owner);
}

/* The process is gone (or never was): gives back everything. */
static void run_end(struct run *r)
{
    struct engine *e = r->engine;
    int64_t lived_us = clock_mono_us() - r->started_us;
    for (struct waiting *w = r->first, *next; w; w = next) {
        next = w->next;
        waiting_free(w);
    }
    uv_close((uv_handle_t *)&r->control, handle_closed);
    uv_close((uv_handle_t *)&r->wake, handle_closed);
    uv_close((uv_handle_t *)&r->process, handle_closed);
    vcr_close(&r->control_fd);
    vcr_close(&r->wake_fd);
    ring_close(&r->ring);
    engine_run_ended(e, lived_us);
}

static void on_process_exit(uv_process_t *p, int64_t status, int signal)
{
    struct run *r = p->data;
    if (!r->engine->owner->closing)
        log_warn("session", "vcr-render %d ended (status %lld, signal %d)", r->engine->index, (long long)status, signal);
    r->dying = true;
    run_end(r);
}

void run_kill(struct run *r, const char *reason)
{
    if (r->dying)
        return;
    r->dying = true;
    if (reason)
        log_warn("session", "vcr-render %d is replaced: %s", r->engine->index, reason);
    uv_poll_stop(&r->control);
    uv_poll_stop(&r->wake);
    uv_process_kill(&r->process, SIGKILL); /* its exit does the rest */
}

/* True when it went, or is lost for good. */
static bool send_now(struct run *r, const void *msg, size_t len, const int *fds, int fd_count)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int) * TAPE_FDS)];
    } ancillary = { 0 };
    struct iovec iov = { .iov_base = (void *)(uintptr_t)msg, .iov_len = len };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
    if (fd_count > 0) {
        m.msg_control = ancillary.room;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)fd_count);
        ancillary.head.cmsg_level = SOL_SOCKET;
        ancillary.head.cmsg_type = SCM_RIGHTS;
        ancillary.head.cmsg_len = CMSG_LEN(sizeof(int) * (size_t)fd_count);
        memcpy(CMSG_DATA(&ancillary.head), fds, sizeof(int) * (size_t)fd_count);
    }
    ssize_t n;
    do {
        n = sendmsg(r->control_fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

static void on_control(uv_poll_t *p, int status, int events);

static void flush_waiting(struct run *r)
{
    while (r->first && send_now(r, r->first->msg, r->first->len, r->first->fds, r->first->fd_count)) {
        struct waiting *w = r->first;
        r->first = w->next;
        r->waiting_count--;
        waiting_free(w);
    }
    if (!r->first)
        r->last = &r->first;
    uv_poll_start(&r->control, r->first ? UV_READABLE | UV_WRITABLE : UV_READABLE, on_control);
}

void run_send(struct run *r, const void *msg, size_t len, const int *fds, int fd_count)
{
    if (r->dying)
        return;
    if (!r->first && send_now(r, msg, len, fds, fd_count))
        return;
    if (r->waiting_count >= QUEUE_MAX) {
        run_kill(r, "it reads no messages");
        return;
    }
    struct waiting *w = vcr_alloc(sizeof(*w) + len);
    memcpy(w->msg, msg, len);
    w->len = len;
    for (; w->fd_count < fd_count; w->fd_count++)
        w->fds[w->fd_count] = fcntl(fds[w->fd_count], F_DUPFD_CLOEXEC, 3);
    *r->last = w;
    r->last = &w->next;
    r->waiting_count++;
    uv_poll_start(&r->control, UV_READABLE | UV_WRITABLE, on_control);
}

/* One message from the process; false: it makes no sense. */
static bool heard(struct run *r, const void *msg, size_t len)
{
    struct render_head head;
    if (len < sizeof(head))
        return false;
    memcpy(&head, msg, sizeof(head));
    if (head.type == RENDER_READY && len == sizeof(head)) {
        r->ready = true;
        engine_heard_ready(r->engine);
        return true;
    }
    if (head.type == RENDER_STATS && len == sizeof(struct render_stats)) {
        memcpy(&r->stats, msg, len);
        return true;
    }
    if (head.type == RENDER_WANT && len == sizeof(struct render_want) && head.seat < RENDER_SEAT_MAX) {
        struct render_want want;
        memcpy(&want, msg, len);
        engine_heard_want(r->engine, &want);
        return true;
    }
    if (head.type == RENDER_WANT_PIECE && len == sizeof(struct render_piece) && head.seat < RENDER_SEAT_MAX) {
        struct render_piece piece;
        memcpy(&piece, msg, len);
        engine_heard_want_piece(r->engine, &piece);
        return true;
    }
    if (head.type == RENDER_MISSING && len == sizeof(struct render_value) && head.seat < RENDER_SEAT_MAX) {
        struct render_value missing;
        memcpy(&missing, msg, len);
        engine_heard_missing(r->engine, head.seat, missing.value != 0);
        return true;
    }
    struct render_failed failed;
    if (head.type == RENDER_FAILED && len == sizeof(failed) && head.seat < RENDER_SEAT_MAX) {
        memcpy(&failed, msg, len);
        if (memchr(failed.text, 0, sizeof(failed.text)) && vcr_utf8_ok(failed.text, strlen(failed.text))) {
            engine_heard_failed(r->engine, head.seat, failed.text);
            return true;
        }
    }
    return false;
}

static void on_control(uv_poll_t *p, int status, int events)
{
    struct run *r = p->data;
    unsigned char msg[1024];
    if (events & UV_WRITABLE)
        flush_waiting(r);
    for (int i = 0; i < READ_BURST && !r->dying; i++) {
        ssize_t n = recv(r->control_fd, msg, sizeof(msg), MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        r->heard_us = clock_mono_us();
        if (n <= 0)
            run_kill(r, NULL) /* it is ending by itself */;
        else if ((size_t)n > sizeof(msg) || !heard(r, msg, (size_t)n))
            run_kill(r, "it sent a message that makes no sense");
    }
}

/* One record of the ring; false: it makes no sense. */
static bool packet_out(struct run *r, const uint8_t *record, size_t len)
{
    struct render_packet head;
    if (len < sizeof(head))
        return false;
    memcpy(&head, record, sizeof(head)); /* once: the process may write while we read */
    if (head.len != len - sizeof(head) || head.seat >= RENDER_SEAT_MAX || head.track > PACKET_AUDIO || head.len == 0)
        return false;
    if (head.pts_us < 0 || head.pts_us > pts_max_us)
        return false;
    struct packet p = {
        .track = head.track,
        .flags = head.flags,
        .command_seq = head.command_seq,
        .pts_us = head.pts_us,
        .tape_us = head.tape_us,
        .len = head.len,
        .data = record + sizeof(head),
    };
    engine_packet(r->engine, head.seat, &p);
    return true;
}

static void on_wake(uv_poll_t *p, int status, int events)
{
    struct run *r = p->data;
    uint64_t count;
    ssize_t n = read(r->wake_fd, &count, sizeof(count));
    (void)n; /* nothing to read is a wake-up for nothing */
    for (int i = 0; i < READ_BURST && !r->dying; i++) {
        const uint8_t *record;
        size_t len;
        enum vcr_err err = ring_peek(r->ring, &record, &len, NULL);
        if (err == VCR_E_AGAIN)
            return;
        if (err != VCR_OK || !packet_out(r, record, len))
            run_kill(r, "its packet ring is broken");
        else
            ring_next(r->ring);
    }
    count = 1; /* more is there: others have their turn first */
    n = write(r->wake_fd, &count, sizeof(count));
    (void)n;
}

static int spawn(struct run *r, int child_control, int ring_fd)
{
    struct sessions *s = r->engine->owner;
    uv_stdio_container_t stdio[] = {
        { .flags = UV_IGNORE },
        { .flags = UV_IGNORE },
        { .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
        [RENDER_FD_CONTROL] = { .flags = UV_INHERIT_FD, .data.fd = child_control },
        [RENDER_FD_RING] = { .flags = UV_INHERIT_FD, .data.fd = ring_fd },
        [RENDER_FD_WAKE] = { .flags = UV_INHERIT_FD, .data.fd = r->wake_fd },
    };
    char *args[] = { s->render_program, NULL };
    uv_process_options_t options = {
        .file = s->render_program, .args = args, .exit_cb = on_process_exit, .stdio = stdio, .stdio_count = ARRAY_LEN(stdio)
    };
    return uv_spawn(loop_uv(s->loop), &r->process, &options);
}

struct run *run_start(struct engine *e)
{
    struct vcr_why why = { 0 };
    struct run *r = vcr_alloc(sizeof(*r));
    int pair[2] = { -1, -1 }, ring_fd = -1, rc;
    uv_loop_t *uv = loop_uv(e->owner->loop);
    r->engine = e;
    r->last = &r->first;
    r->started_us = r->heard_us = clock_mono_us();
    r->control_fd = -1;
    r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r->wake_fd < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        vcr_fail(&why, VCR_E_IO, "no descriptors: %s", strerror(errno));
        goto fail;
    }
    r->control_fd = pair[0];
    if (ring_create(&r->ring, &ring_fd, RING_BYTES, &why) != VCR_OK)
        goto fail;
    uv_poll_init(uv, &r->control, r->control_fd);
    handle_opened(r, (uv_handle_t *)&r->control);
    uv_poll_init(uv, &r->wake, r->wake_fd);
    handle_opened(r, (uv_handle_t *)&r->wake);
    rc = spawn(r, pair[1], ring_fd);
    handle_opened(r, (uv_handle_t *)&r->process);
    vcr_close(&pair[1]);
    vcr_close(&ring_fd);
    if (rc != 0) {
        log_error("session", "vcr-render cannot be started: %s", uv_strerror(rc));
        r->dying = true;
        run_end(r);
        return NULL;
    }
    uv_poll_start(&r->control, UV_READABLE, on_control);
    uv_poll_start(&r->wake, UV_READABLE, on_wake);
    return r;

fail:
    log_error("session", "vcr-render cannot be started: %s", why.text);
    vcr_close(&pair[0]);
    vcr_close(&pair[1]);
    vcr_close(&r->wake_fd);
    free(r);
    engine_run_ended(e, 0);
    return NULL;
}

bool run_is_ready(const struct run *r) { return r->ready && !r->dying; }

void run_check_silence(struct run *r, int64_t now_us)
{
    int64_t may_us = r->engine->owner->config.silence_us ? r->engine->owner->config.silence_us : silence_default_us;
    if (!r->ready)
        may_us *= START_SILENCE_FACTOR;
    if (now_us - r->heard_us > may_us)
        run_kill(r, "it says nothing any more");
}

void run_stats(const struct run *r, struct render_stats *ret) { *ret = r->stats; }
