/* tests/unit/webrtc/line.c - see line.h. */
#include "line.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/util.h"

enum { DATAGRAM = 1500 };

struct flight {
    struct flight *next;
    int64_t due_us;
    int client;
    bool up;
    size_t len;
    uint8_t bytes[];
};
struct line {
    struct line_config config;
    int fd; /* viewers' side */
    uint16_t port;
    pthread_t thread;
    atomic_bool stop, rebind;
    _Atomic(int64_t) down_bps;
    atomic_long up, down, lost_up, lost_down;
    /* the thread's own */
    int clients;
    struct sockaddr_in viewer[LINE_CLIENTS];
    int server_fd[LINE_CLIENTS];
    struct flight *first; /* by due_us */
    int waiting;
    int64_t busy_us; /* until then towards viewers */
};

static int bound_socket(struct sockaddr_in *ret)
{
    int size = 1 << 21, fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof(*ret);
    *ret = (struct sockaddr_in) { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    if (fd < 0 || bind(fd, (const struct sockaddr *)ret, len) != 0 || getsockname(fd, (struct sockaddr *)ret, &len) != 0)
        abort();
    return fd;
}

static int server_socket(const struct line *l)
{
    struct sockaddr_in own, server = { .sin_family = AF_INET, .sin_port = htons(l->config.server_port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = bound_socket(&own);
    if (connect(fd, (const struct sockaddr *)&server, sizeof(server)) != 0)
        abort();
    return fd;
}

static int client_of(struct line *l, const struct sockaddr_in *from)
{
    for (int i = 0; i < l->clients; i++)
        if (l->viewer[i].sin_port == from->sin_port)
            return i;
    if (l->clients == LINE_CLIENTS)
        return -1;
    l->viewer[l->clients] = *from;
    l->server_fd[l->clients] = server_socket(l);
    return l->clients++;
}

static bool happens(int per_mille) { return (int)(vcr_random_u64() % 1000) < per_mille; }

static void put(struct line *l, int client, bool up, int64_t from_us, const uint8_t *bytes, size_t len)
{
    int64_t due_us = from_us + 1000 * (l->config.delay_ms + (happens(l->config.late_per_mille) ? LINE_LATE_MS : 0));
    struct flight *f = vcr_alloc(sizeof(*f) + len), **at = &l->first;
    *f = (struct flight) { .due_us = due_us, .client = client, .up = up, .len = len };
    memcpy(f->bytes, bytes, len);
    while (*at && (*at)->due_us <= due_us)
        at = &(*at)->next;
    f->next = *at;
    *at = f;
    l->waiting++;
}

/* When it is through the narrow place; 0: its queue is full. */
static int64_t through_us(struct line *l, size_t len)
{
    int64_t now_us = clock_mono_us(), bps = l->down_bps;
    l->busy_us = VCR_MAX(l->busy_us, now_us);
    if (!bps || l->busy_us - now_us > LINE_QUEUE_MS * INT64_C(1000))
        return bps ? 0 : now_us;
    l->busy_us += (int64_t)len * 8000000 / bps;
    return l->busy_us;
}

static void come(struct line *l, int client, bool up, const uint8_t *bytes, size_t len)
{
    int64_t from_us = up ? clock_mono_us() : through_us(l, len);
    if (from_us == 0 || l->waiting >= LINE_WAITING || happens(l->config.loss_per_mille)) {
        atomic_fetch_add(up ? &l->lost_up : &l->lost_down, 1);
        return;
    }
    for (int copies = happens(l->config.twice_per_mille) ? 2 : 1; copies > 0; copies--)
        put(l, client, up, from_us, bytes, len);
}

static void go(struct line *l, int64_t now_us)
{
    while (l->first && l->first->due_us <= now_us) {
        struct flight *f = l->first;
        l->first = f->next;
        l->waiting--;
        atomic_fetch_add(f->up ? &l->up : &l->down, 1);
        if (f->up)
            send(l->server_fd[f->client], f->bytes, f->len, 0);
        else
            sendto(l->fd, f->bytes, f->len, 0, (const struct sockaddr *)&l->viewer[f->client], sizeof(l->viewer[f->client]));
        free(f);
    }
}

static void receive(struct line *l)
{
    uint8_t b[DATAGRAM];
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    for (ssize_t n; (n = recvfrom(l->fd, b, sizeof(b), 0, (struct sockaddr *)&from, &len)) > 0; len = sizeof(from)) {
        int client = client_of(l, &from);
        if (client >= 0)
            come(l, client, true, b, (size_t)n);
    }
    for (int i = 0; i < l->clients; i++)
        for (ssize_t n; (n = recv(l->server_fd[i], b, sizeof(b), 0)) > 0;)
            come(l, i, false, b, (size_t)n);
}

static void *line_main(void *arg)
{
    struct line *l = arg;
    while (!l->stop) {
        struct pollfd p[1 + LINE_CLIENTS] = { { .fd = l->fd, .events = POLLIN } };
        for (int i = 0; i < l->clients; i++)
            p[1 + i] = (struct pollfd) { .fd = l->server_fd[i], .events = POLLIN };
        poll(p, (nfds_t)(1 + l->clients), 1);
        bool rebind = atomic_exchange(&l->rebind, false);
        for (int i = 0; rebind && i < l->clients; i++) {
            int old = l->server_fd[i];
            l->server_fd[i] = server_socket(l); /* while the old one is open, so that the port is another one */
            vcr_close(&old);
        }
        receive(l);
        go(l, clock_mono_us());
    }
    return NULL;
}

struct line *line_open(const struct line_config *config)
{
    struct line *l = vcr_alloc(sizeof(*l));
    struct sockaddr_in at;
    l->config = *config;
    l->down_bps = config->down_bps;
    l->fd = bound_socket(&at);
    l->port = ntohs(at.sin_port);
    if (pthread_create(&l->thread, NULL, line_main, l) != 0)
        abort();
    return l;
}

uint16_t line_port(const struct line *l) { return l->port; }
void line_narrow(struct line *l, int64_t down_bps) { l->down_bps = down_bps; }
void line_rebind(struct line *l) { l->rebind = true; }

struct line_counts line_counts(const struct line *l)
{
    return (struct line_counts) { .up = l->up, .down = l->down, .lost_up = l->lost_up, .lost_down = l->lost_down };
}

void line_close(struct line **lp)
{
    struct line *l = *lp;
    if (!l)
        return;
    l->stop = true;
    pthread_join(l->thread, NULL);
    for (struct flight *f = l->first, *next; f; f = next) {
        next = f->next;
        free(f);
    }
    for (int i = 0; i < l->clients; i++)
        vcr_close(&l->server_fd[i]);
    vcr_close(&l->fd);
    free(l);
    *lp = NULL;
}
