/* deliver/webrtc/udp.c - one UDP socket for all viewers: dual stack, received and sent in batches.
 *
 * A run of equally long datagrams to one peer becomes one message that the kernel cuts (UDP_SEGMENT); many messages one sendmmsg. A full socket buffer is waited for
 * at most FULL_WAIT_MS a flush, then the rest of the batch is dropped as a network would do: resends repair it, and nobody stalls the thread. */
#include "deliver/webrtc/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    BATCH = 256,
    DATAGRAM_MAX = 1500,
    ARENA_BYTES = 1 << 19,
    SEGMENTS_MAX = 60,      /* the kernel's limit is 64 */
    SEGMENTED_BYTES = 60000, /* and one message is at most 65 507 bytes */
    RECEIVE = 64,
    FULL_WAIT_MS = 3,
    SOCKET_BUFFER = 4 << 20,
};

union address {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};
struct message {
    struct sockaddr_in6 to;
    union address real; /* `to` in the socket's family */
    struct iovec bytes;
    uint16_t segment, last; /* length of all pieces but the last, of the last */
    int segments;
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))];
};
struct udp {
    int fd;
    bool is_beside; /* the socket is another one's */
    bool is_v4; /* no IPv6 on this machine */
    bool can_segment;
    struct tcp *tcp; /* set by open of that, then read-only */
    union address bound;
    size_t used;
    int count;
    struct message batch[BATCH];
    struct mmsghdr headers[BATCH];
    uint8_t arena[ARENA_BYTES];
    uint8_t in[RECEIVE][2048];
};

void udp_map_v4(struct sockaddr_in6 *out, const struct in_addr *a, uint16_t port_be)
{
    *out = (struct sockaddr_in6) { .sin6_family = AF_INET6, .sin6_port = port_be };
    out->sin6_addr.s6_addr[10] = out->sin6_addr.s6_addr[11] = 0xff;
    memcpy(out->sin6_addr.s6_addr + 12, a, 4);
}

/* "127.0.0.1:8189", "[::1]:8189", ":8189": an IPv4 address in its mapped form. */
static enum vcr_err parse_listen(struct sockaddr_in6 *ret, const char *listen, struct vcr_why *why)
{
    char host[64];
    const char *colon = strrchr(listen, ':');
    uint64_t port;
    struct in_addr v4;
    if (!colon || !vcr_parse_u64(colon + 1, 65535, &port) || (size_t)(colon - listen) >= sizeof(host))
        return vcr_fail(why, VCR_E_INVALID, "WebRTC address %.80s: not ADDRESS:PORT", listen);
    size_t n = (size_t)(colon - listen);
    bool brackets = n >= 2 && listen[0] == '[' && listen[n - 1] == ']';
    memcpy(host, listen + brackets, n);
    host[brackets ? n - 2 : n] = '\0';
    uint16_t port_be = htons((uint16_t)port);
    *ret = (struct sockaddr_in6) { .sin6_family = AF_INET6, .sin6_port = port_be };
    if (inet_pton(AF_INET, host, &v4) == 1 && v4.s_addr != INADDR_ANY)
        udp_map_v4(ret, &v4, port_be);
    else if (host[0] && strcmp(host, "0.0.0.0") != 0 && inet_pton(AF_INET6, host, &ret->sin6_addr) != 1)
        return vcr_fail(why, VCR_E_INVALID, "WebRTC address %.80s: not an IP address", listen);
    return VCR_OK;
}

static void to_real(const struct udp *u, const struct sockaddr_in6 *a, union address *ret)
{
    if (!u->is_v4) {
        ret->v6 = *a;
        return;
    }
    *ret = (union address) { .v4 = { .sin_family = AF_INET, .sin_port = a->sin6_port } };
    memcpy(&ret->v4.sin_addr, a->sin6_addr.s6_addr + 12, 4);
}

static socklen_t address_len(const struct udp *u) { return u->is_v4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6); }

enum vcr_err udp_open(struct udp **ret, const char *listen, struct vcr_why *why)
{
    struct sockaddr_in6 at;
    int off = 0, size = SOCKET_BUFFER;
    enum vcr_err err = parse_listen(&at, listen, why);
    if (err)
        return err;
    struct udp *u = vcr_alloc(sizeof(*u));
    u->can_segment = true;
    u->fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (u->fd < 0 && errno == EAFNOSUPPORT) {
        u->is_v4 = true;
        u->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    } else if (u->fd >= 0) {
        setsockopt(u->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    }
    setsockopt(u->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)); /* as much as the system allows */
    setsockopt(u->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    socklen_t len = address_len(u);
    to_real(u, &at, &u->bound);
    if (u->fd < 0 || bind(u->fd, &u->bound.sa, len) != 0 || getsockname(u->fd, &u->bound.sa, &len) != 0) {
        err = vcr_fail(why, VCR_E_IO, "WebRTC address %.80s: %s", listen, strerror(errno));
        udp_close(&u);
        return err;
    }
    *ret = u;
    return VCR_OK;
}

struct udp *udp_beside(const struct udp *u)
{
    struct udp *b = vcr_alloc(sizeof(*b));
    b->fd = u->fd;
    b->is_beside = true;
    b->is_v4 = u->is_v4;
    b->can_segment = true;
    b->bound = u->bound;
    b->tcp = u->tcp;
    return b;
}

void udp_close(struct udp **u)
{
    if (!*u)
        return;
    if (!(*u)->is_beside)
        vcr_close(&(*u)->fd);
    free(*u);
    *u = NULL;
}

void udp_set_tcp(struct udp *u, struct tcp *t) { u->tcp = t; }

const struct sockaddr *udp_bound(const struct udp *u, socklen_t *ret_len)
{
    *ret_len = address_len(u);
    return &u->bound.sa;
}

int udp_fd(const struct udp *u) { return u->fd; }
int udp_port(const struct udp *u) { return ntohs(u->is_v4 ? u->bound.v4.sin_port : u->bound.v6.sin6_port); }

static void address_text(const struct sockaddr *a, char *out, size_t size)
{
    const struct sockaddr_in6 *v6 = (const void *)a;
    if (a->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, out, (socklen_t)size);
    else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, out, (socklen_t)size);
    else
        inet_ntop(AF_INET6, &v6->sin6_addr, out, (socklen_t)size);
}

static bool is_wildcard(const struct udp *u)
{
    return u->is_v4 ? u->bound.v4.sin_addr.s_addr == INADDR_ANY : IN6_IS_ADDR_UNSPECIFIED(&u->bound.v6.sin6_addr) != 0;
}

static void add_candidate(const struct udp *u, struct sdp_candidate *out, int *n, const struct sockaddr *a)
{
    if (*n == SDP_CANDIDATES_MAX)
        return;
    address_text(a, out[*n].address, sizeof(out[*n].address));
    out[(*n)++].port = (uint16_t)udp_port(u);
}

/* Every interface that is up; loopback last, so that it is tried last. */
static void interface_candidates(const struct udp *u, struct sdp_candidate *out, int *n)
{
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0)
        return;
    for (int loopback = 0; loopback < 2; loopback++) {
        for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
            if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) || !!(i->ifa_flags & IFF_LOOPBACK) != loopback)
                continue;
            const struct sockaddr_in6 *v6 = (const void *)i->ifa_addr;
            bool is_v6 = i->ifa_addr->sa_family == AF_INET6 && !u->is_v4 && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
            if (i->ifa_addr->sa_family == AF_INET || is_v6)
                add_candidate(u, out, n, i->ifa_addr);
        }
    }
    freeifaddrs(all);
}

enum vcr_err udp_candidates(const struct udp *u, const char *public_address, struct sdp_candidate out[SDP_CANDIDATES_MAX], int *ret_n,
                            struct vcr_why *why)
{
    int n = 0;
    enum vcr_err err = VCR_OK;
    char *copy = vcr_strdup(public_address ? public_address : ""), *save = NULL;
    for (char *word = strtok_r(copy, ", ", &save); word && !err; word = strtok_r(NULL, ", ", &save)) {
        struct in6_addr any;
        if (inet_pton(AF_INET, word, &any) != 1 && inet_pton(AF_INET6, word, &any) != 1)
            err = vcr_fail(why, VCR_E_INVALID, "public address %.60s: not an IP address", word);
        else if (n == SDP_CANDIDATES_MAX)
            err = vcr_fail(why, VCR_E_INVALID, "more than %d public addresses", SDP_CANDIDATES_MAX);
        else
            vcr_strcpy(out[n].address, sizeof(out[n].address), word), out[n++].port = (uint16_t)udp_port(u);
    }
    free(copy);
    if (!err && n == 0 && is_wildcard(u))
        interface_candidates(u, out, &n);
    else if (!err && n == 0)
        add_candidate(u, out, &n, &u->bound.sa);
    *ret_n = n;
    return err;
}

static bool same_peer(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
    return a->sin6_port == b->sin6_port && memcmp(&a->sin6_addr, &b->sin6_addr, sizeof(a->sin6_addr)) == 0;
}

uint8_t *udp_reserve(struct udp *u)
{
    if (u->count == BATCH || u->used + DATAGRAM_MAX > ARENA_BYTES)
        udp_flush(u);
    return u->arena + u->used;
}

void udp_commit(struct udp *u, const struct sockaddr_in6 *to, size_t len, bool may_join)
{
    struct message *m = u->count ? &u->batch[u->count - 1] : NULL;
    if (to->sin6_flowinfo) { /* its room is the next one's */
        tcp_send(u->tcp, to, u->arena + u->used, len);
        return;
    }
    if (may_join && m && u->can_segment && m->last == m->segment && len <= m->segment && m->segments < SEGMENTS_MAX &&
        m->bytes.iov_len + len <= SEGMENTED_BYTES && same_peer(&m->to, to)) {
        m->bytes.iov_len += len;
        m->last = (uint16_t)len;
        m->segments++;
    } else {
        m = &u->batch[u->count++];
        m->to = *to;
        to_real(u, to, &m->real);
        m->bytes = (struct iovec) { u->arena + u->used, len };
        m->segment = m->last = (uint16_t)len;
        m->segments = 1;
    }
    u->used += len;
}

static void fill_header(struct udp *u, int i)
{
    struct message *m = &u->batch[i];
    struct msghdr *h = &u->headers[i].msg_hdr;
    *h = (struct msghdr) { .msg_name = &m->real, .msg_namelen = address_len(u), .msg_iov = &m->bytes, .msg_iovlen = 1 };
    if (m->segments == 1)
        return;
    h->msg_control = m->control;
    h->msg_controllen = sizeof(m->control);
    struct cmsghdr *c = CMSG_FIRSTHDR(h);
    c->cmsg_level = SOL_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN(sizeof(uint16_t));
    memcpy(CMSG_DATA(c), &m->segment, sizeof(m->segment));
}

/* The kernel or a driver refuses to cut this message: send its pieces, and never ask again. */
static void send_pieces(struct udp *u, const struct message *m)
{
    const uint8_t *p = m->bytes.iov_base;
    u->can_segment = false;
    for (size_t at = 0; at < m->bytes.iov_len; at += m->segment)
        sendto(u->fd, p + at, VCR_MIN(m->segment, m->bytes.iov_len - at), 0, &m->real.sa, address_len(u));
}

void udp_flush(struct udp *u)
{
    int waits = FULL_WAIT_MS;
    for (int i = 0; i < u->count; i++)
        fill_header(u, i);
    for (int done = 0; done < u->count;) {
        int n = sendmmsg(u->fd, u->headers + done, (unsigned)(u->count - done), 0);
        if (n > 0) {
            done += n;
        } else if (errno == EINTR) {
            continue;
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            struct pollfd room = { .fd = u->fd, .events = POLLOUT };
            if (waits-- <= 0 || poll(&room, 1, 1) < 0)
                break;
        } else { /* an error of this one message: an unreachable peer, or segmentation refused */
            const struct message *m = &u->batch[done++];
            if (m->segments > 1 && (errno == EIO || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOPROTOOPT))
                send_pieces(u, m);
        }
    }
    u->count = 0;
    u->used = 0;
}

void udp_send(struct udp *u, const struct sockaddr_in6 *to, const void *p, size_t len)
{
    union address real;
    if (to->sin6_flowinfo) {
        tcp_send(u->tcp, to, p, len);
        return;
    }
    to_real(u, to, &real);
    sendto(u->fd, p, len, 0, &real.sa, address_len(u));
}

void udp_receive(struct udp *u, udp_fn fn, void *arg)
{
    struct mmsghdr headers[RECEIVE];
    union address from[RECEIVE];
    struct iovec bytes[RECEIVE];
    for (int i = 0; i < RECEIVE; i++) {
        bytes[i] = (struct iovec) { u->in[i], sizeof(u->in[i]) };
        headers[i].msg_hdr = (struct msghdr) { .msg_name = &from[i], .msg_namelen = sizeof(from[i]), .msg_iov = &bytes[i], .msg_iovlen = 1 };
    }
    int n = recvmmsg(u->fd, headers, RECEIVE, MSG_DONTWAIT, NULL); /* level-triggered: what is left comes with the next round */
    for (int i = 0; i < n; i++) {
        struct sockaddr_in6 peer = from[i].v6;
        if (headers[i].msg_hdr.msg_flags & MSG_TRUNC)
            continue;
        if (u->is_v4)
            udp_map_v4(&peer, &from[i].v4.sin_addr, from[i].v4.sin_port);
        peer.sin6_flowinfo = 0; /* TCP's alone */
        fn(arg, u->in[i], headers[i].msg_len, &peer);
    }
}
