/* session/maker_life.c - one life of a `vcr-render --make`: spawning it, one job at a time, its end. Nothing it says is trusted. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "session/maker_internal.h"

struct maker_life {
    struct maker *maker;
    uv_process_t process;
    uv_poll_t control;
    int control_fd, open_handles;
    bool ready, dying;
    struct maker_job *job;          /* at work; NULL: idle */
    int64_t started_us, heard_us;
};

static void handle_closed(uv_handle_t *h)
{
    struct maker_life *l = h->data;
    struct maker *m = l->maker;
    if (--l->open_handles == 0)
        free(l);
    maker_handle_closed(m);
}

static void handle_opened(struct maker_life *l, uv_handle_t *h)
{
    h->data = l;
    l->open_handles++;
    l->maker->open_handles++;
}

/* The process is gone, or never was. */
static void life_end(struct maker_life *l)
{
    struct maker_job *job = l->job;
    l->dying = true;
    l->job = NULL;
    uv_close((uv_handle_t *)&l->control, handle_closed);
    uv_close((uv_handle_t *)&l->process, handle_closed);
    vcr_close(&l->control_fd);
    maker_life_over(l->maker, l, job, clock_mono_us() - l->started_us);
}

static void on_exit_of(uv_process_t *p, int64_t status, int signal)
{
    struct maker_life *l = p->data;
    if (!l->dying)
        log_warn("maker", "vcr-render --make ended (status %lld, signal %d)", (long long)status, signal);
    life_end(l);
}

void maker_life_kill(struct maker_life *l, const char *reason)
{
    if (l->dying)
        return;
    l->dying = true;
    if (reason)
        log_warn("maker", "vcr-render --make is replaced: %s", reason);
    uv_poll_stop(&l->control);
    uv_process_kill(&l->process, SIGKILL); /* its exit does the rest */
}

static bool heard(struct maker_life *l, const void *msg, size_t len)
{
    struct make_head head;
    struct make_done done;
    if (len < sizeof(head))
        return false;
    memcpy(&head, msg, sizeof(head));
    if (head.type == MAKE_READY && len == sizeof(head) && !l->ready) {
        l->ready = true;
        maker_life_ready(l->maker);
        return true;
    }
    if (head.type == MAKE_BEAT && len == sizeof(head))
        return true;
    if (head.type != MAKE_DONE || len != sizeof(done) || !l->job || head.job != l->job->number)
        return false;
    memcpy(&done, msg, sizeof(done));
    done.text[sizeof(done.text) - 1] = '\0';
    if (done.err >= VCR_ERRS || !vcr_utf8_ok(done.text, strlen(done.text)))
        return false;
    struct maker_job *job = l->job;
    l->job = NULL;
    maker_job_done(l->maker, job, &done);
    return true;
}

static void on_control(uv_poll_t *p, int status, int events)
{
    struct maker_life *l = p->data;
    unsigned char msg[512];
    while (!l->dying) {
        ssize_t n = recv(l->control_fd, msg, sizeof(msg), MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        l->heard_us = clock_mono_us();
        if (n <= 0)
            maker_life_kill(l, "it ended by itself");
        else if ((size_t)n > sizeof(msg) || !heard(l, msg, (size_t)n))
            maker_life_kill(l, "it sent a message that makes no sense");
    }
}

struct maker_life *maker_life_start(struct maker *m, struct vcr_why *why)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        vcr_fail(why, VCR_E_IO, "no descriptors: %s", strerror(errno));
        return NULL;
    }
    struct maker_life *l = vcr_alloc(sizeof(*l));
    l->maker = m;
    l->control_fd = pair[0];
    l->started_us = l->heard_us = clock_mono_us();
    uv_stdio_container_t stdio[] = {
        { .flags = UV_IGNORE }, { .flags = UV_IGNORE }, { .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
        [MAKE_FD_CONTROL] = { .flags = UV_INHERIT_FD, .data.fd = pair[1] },
    };
    char make[] = "--make", *args[] = { m->program, make, NULL };
    uv_process_options_t options = { .file = m->program, .args = args, .exit_cb = on_exit_of, .stdio = stdio, .stdio_count = ARRAY_LEN(stdio) };
    uv_poll_init(loop_uv(m->loop), &l->control, l->control_fd);
    handle_opened(l, (uv_handle_t *)&l->control);
    int bad = uv_spawn(loop_uv(m->loop), &l->process, &options);
    handle_opened(l, (uv_handle_t *)&l->process);
    vcr_close(&pair[1]);
    if (bad != 0) {
        vcr_fail(why, VCR_E_IO, "vcr-render cannot be started: %s", uv_strerror(bad));
        life_end(l);
        return NULL;
    }
    uv_poll_start(&l->control, UV_READABLE, on_control);
    return l;
}

bool maker_life_is_idle(const struct maker_life *l) { return l->ready && !l->dying && !l->job; }

/* A maker that idles reads at once, so there is always room for a message. */
static bool say(struct maker_life *l, const void *msg, size_t len, const int *fds, int count)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int) * MAKE_FDS_MAX)];
    } ancillary = { 0 };
    struct iovec iov = { .iov_base = (void *)(uintptr_t)msg, .iov_len = len };
    struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
    if (count > 0) {
        h.msg_control = ancillary.room;
        h.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
        ancillary.head.cmsg_level = SOL_SOCKET;
        ancillary.head.cmsg_type = SCM_RIGHTS;
        ancillary.head.cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
        memcpy(CMSG_DATA(&ancillary.head), fds, sizeof(int) * (size_t)count);
    }
    ssize_t n;
    do {
        n = sendmsg(l->control_fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        maker_life_kill(l, "it takes no messages");
    return n >= 0;
}

bool maker_life_give(struct maker_life *l, struct maker_job *job)
{
    const struct maker_want *w = &job->want;
    int fds[MAKE_FDS_MAX] = { segment_writer_fd(job->writer), w->reel_fd, w->index_fd };
    int count = w->job.has_parts ? make_job_fds(&w->job) : fds[1] >= 0 && fds[2] >= 0 ? MAKE_FDS : 1;
    if (w->job.has_parts)
        memcpy(fds + 1, w->part_fds, sizeof(w->part_fds));
    job->want.job.h = (struct make_head){ MAKE_JOB, job->number };
    if (!say(l, &job->want.job, sizeof(job->want.job), fds, count))
        return false;
    l->job = job;
    l->heard_us = clock_mono_us();
    return true;
}

void maker_life_cancel(struct maker_life *l)
{
    struct make_head cancel = { MAKE_CANCEL, l->job->number };
    if (!l->dying)
        say(l, &cancel, sizeof(cancel), NULL, 0);
}

void maker_life_check(struct maker_life *l, int64_t now_us)
{
    const struct maker_config *c = &l->maker->config;
    if ((l->job || !l->ready) && now_us - l->heard_us > c->silence_us)
        maker_life_kill(l, "it says nothing any more");
    else if (maker_life_is_idle(l) && now_us - l->heard_us > c->idle_us)
        maker_life_kill(l, NULL);
}
