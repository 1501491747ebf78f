/* render/control.c - see control.h. */
#include "render/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/util.h"

enum { FDS_MAX = 6 };

/* What each message must be. */
static const struct shape { uint32_t type; size_t len; } shapes[] = {
    { RENDER_OPEN, sizeof(struct render_open) },   { RENDER_TAPE, sizeof(struct render_tape) },  { RENDER_DECK, sizeof(struct render_deck) },
    { RENDER_KEY, sizeof(struct render_head) },    { RENDER_RATE, sizeof(struct render_value) }, { RENDER_CLOSE, sizeof(struct render_head) },
    { RENDER_ENCODE, sizeof(struct render_value) }, { RENDER_SPANS, sizeof(struct render_spans) }, { RENDER_TAKE, sizeof(struct render_take) },
    { RENDER_PIECE, sizeof(struct render_piece) },
};

static bool shape_ok(const struct control_msg *m, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        if (len >= sizeof(m->head) && m->head.type == shapes[i].type)
            return len == shapes[i].len;
    return false;
}

/* Sorts descriptors to the places that the message's bits say; false when their number is wrong. */
static bool place_fds(struct control_msg *m, const int *got, int count)
{
    int used = 0;
    uint8_t has = m->head.type == RENDER_TAPE ? m->tape.has : m->head.type == RENDER_TAKE ? m->take.has : m->head.type == RENDER_PIECE ? m->piece.has == RENDER_PIECE_HERE : 0;
    if (m->head.type == RENDER_SPANS && count == 1 && m->spans.count > 0)
        m->fds[0] = got[used++];
    for (int kind = 0; kind < FDS_MAX / 2; kind++) {
        if (!(has & 1 << kind))
            continue;
        if (used + 2 > count)
            return false;
        m->fds[2 * kind] = got[used++];
        m->fds[2 * kind + 1] = got[used++];
    }
    return used == count;
}

static int take_fds(struct msghdr *h, int *got)
{
    int count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        int n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (int i = 0; i < n && count < FDS_MAX; i++)
            memcpy(&got[count++], CMSG_DATA(c) + (size_t)i * sizeof(int), sizeof(int));
    }
    return count;
}

enum control_got control_receive(int fd, struct control_msg *ret)
{
    _Alignas(struct cmsghdr) char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
    struct iovec iov = { ret, offsetof(struct control_msg, fds) };
    struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
    int got[FDS_MAX];
    memset(ret, 0, sizeof(*ret));
    for (int i = 0; i < FDS_MAX; i++)
        ret->fds[i] = -1;
    ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? CONTROL_NOTHING : CONTROL_END;
    if (n == 0)
        return CONTROL_END;
    int count = take_fds(&h, got);
    if (!(h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && shape_ok(ret, (size_t)n) && place_fds(ret, got, count))
        return CONTROL_MSG;
    for (int i = 0; i < count; i++)
        vcr_close(&got[i]);
    return CONTROL_BAD;
}

bool control_send(int fd, const void *msg, size_t len) { return send(fd, msg, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len; }

bool control_failed(int fd, uint32_t seat, const char *text)
{
    struct render_failed m = { .h = { RENDER_FAILED, seat } };
    vcr_strcpy(m.text, sizeof(m.text), text);
    return control_send(fd, &m, sizeof(m));
}
