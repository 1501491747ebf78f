/* http/conn_io.c - moves bytes: the plain socket behind struct conn_io, and a connection's output on top of any of them. */
#include <errno.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "http/internal.h"

static ssize_t plain_recv(struct conn *c, void *buf, size_t len)
{
    ssize_t n;
    do
        n = recv(c->fd, buf, len, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n;
}

static ssize_t plain_sendv(struct conn *c, const struct iovec *v, int n, bool more)
{
    struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)v, .msg_iovlen = (size_t)n };
    ssize_t sent;
    do
        sent = sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    while (sent < 0 && errno == EINTR);
    return sent;
}

static ssize_t plain_sendfile(struct conn *c, int fd, uint64_t at, size_t len)
{
    off_t off = (off_t)at;
    ssize_t n;
    do
        n = sendfile(c->fd, fd, &off, len);
    while (n < 0 && errno == EINTR);
    return n;
}

const struct conn_io conn_io_plain = { plain_recv, plain_sendv, plain_sendfile };

/* Takes a result into the books; false: nothing went out. */
static bool sent(struct conn *c, ssize_t n)
{
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
        c->broken = true;
    if (n <= 0)
        return false;
    c->progress = true;
    if (c->req)
        c->req->sent_bytes += (uint64_t)n;
    return true;
}

void conn_write(struct conn *c, const void *head, size_t head_len, const void *body, size_t len)
{
    size_t done = 0;
    if (c->broken)
        return;
    if (c->out.len == c->out_at) {
        struct iovec v[2] = { { (void *)(uintptr_t)head, head_len }, { (void *)(uintptr_t)body, len } };
        ssize_t n = c->io->sendv(c, v, len > 0 ? 2 : 1, c->file_left > 0);
        done = sent(c, n) ? (size_t)n : 0;
    }
    if (done < head_len)
        buf_add(&c->out, (const char *)head + done, head_len - done);
    done -= VCR_MIN(done, head_len);
    if (done < len)
        buf_add(&c->out, (const char *)body + done, len - done);
    if (!buf_ok(&c->out))
        c->broken = true;
}

static void flush_file(struct conn *c)
{
    ssize_t n = c->io->sendfile(c, c->file_fd, c->file_at, (size_t)VCR_MIN(c->file_left, (uint64_t)SENDFILE_MAX));
    if (n == 0)
        c->broken = true; /* the file became shorter than we promised */
    if (sent(c, n)) {
        c->file_at += (uint64_t)n;
        c->file_left -= (uint64_t)n;
    }
    if (c->file_left == 0)
        vcr_close(&c->file_fd);
}

void conn_flush(struct conn *c)
{
    if (c->out.len > c->out_at) {
        struct iovec v = { c->out.data + c->out_at, c->out.len - c->out_at };
        ssize_t n = c->io->sendv(c, &v, 1, c->file_left > 0);
        if (!sent(c, n))
            return;
        c->out_at += (size_t)n;
        if (c->out_at < c->out.len)
            return;
        buf_free(&c->out);
        c->out_at = 0;
    }
    if (c->file_left > 0)
        flush_file(c);
}
