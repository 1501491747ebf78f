/* deliver/ingest/srt.c - see srt.h. It does not log: libsrt's headers bring syslog's names along. */
#include "deliver/ingest/srt.h"

#include <netdb.h>
#include <pthread.h>
#include <srt/access_control.h>
#include <srt/srt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/util.h"
#include "wire/srtid.h"

enum { PEERS_MAX = 64, IDLE_MS = 5000, EVENTS = 32, MESSAGE_BYTES = 1456, BATCH = 256 /* of one turn: 75 Mbit/s */, BACKLOG = 16, RECEIVE_BYTES = 8 << 20, DROPS = 16 };

/* libsrt's waiting wakes up for every packet, and a hundred times a second when none comes. So what came is fetched twenty-five times a second while somebody sends or calls, and
 * nothing is looked at while nobody does. */
static const int64_t turn_us = 40000, rest_us = 1000000, handshake_us = 5000000;

/* A caller of whom nothing came for so long gives way to one who calls for the same name with its passphrase: an encoder that was killed, or came by another network, is back
 * long before the old connection times out. Two that both send do not throw each other out. */
static const int64_t silent_us = 1000000;

struct peer {
    SRTSOCKET socket;
    int64_t id, heard_us;
    void *own;
};
struct srtin {
    /* set by open, then read-only */
    struct srtin_config config;
    SRTSOCKET listener;
    int epoll, port;
    bool started, running;
    pthread_t thread;
    atomic_bool stop;
    /* the reading thread's own */
    uint8_t batch[BATCH * MESSAGE_BYTES];
    /* written by the reading thread with the lock held: it reads without, others with it */
    struct peer *peers;
    int count;
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int64_t drops[DROPS];
    int drop_count;
    int64_t called_us;         /* when somebody called last: it may have to be taken soon */
};

static enum vcr_err failed(struct vcr_why *why, const char *what)
{
    return vcr_fail(why, VCR_E_IO, "%s: %s", what, srt_getlasterror_str());
}

/* ---- the handshake: on libsrt's thread ---- */
static int refuse(SRTSOCKET s, int code)
{
    srt_setrejectreason(s, code);
    return -1;
}

static struct peer *peer_of(struct srtin *l, int64_t id)
{
    for (int i = 0; i < l->count; i++)
        if (l->peers[i].id == id)
            return &l->peers[i];
    return NULL;
}

static bool speaks(const struct peer *p) { return p && clock_mono_us() - p->heard_us < silent_us; }

static int on_call(void *arg, SRTSOCKET s, int version, const struct sockaddr *from, const char *stream_id)
{
    struct srtin *l = arg;
    struct srtid id;
    int64_t whose;
    char passphrase[SRTIN_PASSPHRASE_BYTES] = "";
    if (version < 5 || !stream_id || !srtid_parse(stream_id, strlen(stream_id), &id))
        return refuse(s, SRT_REJX_BAD_REQUEST);
    if (id.mode != SRTID_PUBLISH)
        return refuse(s, SRT_REJX_BAD_MODE);
    enum srtin_verdict verdict = l->config.admit(l->config.arg, id.name, &whose, passphrase);
    if (verdict == SRTIN_UNKNOWN)
        return refuse(s, SRT_REJX_NOTFOUND);
    pthread_mutex_lock(&l->lock);
    if (verdict == SRTIN_TAKE && speaks(peer_of(l, whose)))
        verdict = SRTIN_BUSY;
    l->called_us = clock_mono_us();
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
    int rc = verdict == SRTIN_TAKE ? srt_setsockflag(s, SRTO_PASSPHRASE, passphrase, (int)strlen(passphrase)) : 0;
    explicit_bzero(passphrase, sizeof(passphrase));
    /* Who is told that the name is taken may be a stranger: the passphrase is not checked any more. It learns that somebody sends, nothing else. */
    if (verdict == SRTIN_BUSY)
        return refuse(s, SRT_REJX_CONFLICT);
    return rc == 0 ? 0 : refuse(s, SRT_REJX_ISE);
}

/* ---- the reading thread ---- */
static void address_text(const struct sockaddr_storage *a, int len, char *out, size_t size)
{
    char host[64] = "?", port[8] = "0";
    getnameinfo((const struct sockaddr *)a, (socklen_t)len, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(out, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

static bool name_of(SRTSOCKET s, struct srtid *ret)
{
    char text[SRTID_MAX + 1];
    int len = sizeof(text) - 1;
    return srt_getsockflag(s, SRTO_STREAMID, text, &len) == 0 && len >= 0 && srtid_parse(text, (size_t)len, ret);
}

static void end(struct srtin *l, int i, const char *reason)
{
    struct peer p = l->peers[i];
    pthread_mutex_lock(&l->lock);
    l->peers[i] = l->peers[--l->count];
    pthread_mutex_unlock(&l->lock);
    srt_close(p.socket);
    l->config.left(p.own, reason);
}

/* Only now has it proved that it knows the passphrase. Asked once more: two callers of one name may have been in the handshake at the same time. */
static bool may_send(struct srtin *l, struct peer *p)
{
    struct srtid id;
    char passphrase[SRTIN_PASSPHRASE_BYTES];
    enum srtin_verdict verdict = name_of(p->socket, &id) ? l->config.admit(l->config.arg, id.name, &p->id, passphrase) : SRTIN_UNKNOWN;
    explicit_bzero(passphrase, sizeof(passphrase));
    struct peer *old = verdict == SRTIN_TAKE ? peer_of(l, p->id) : NULL;
    if (verdict != SRTIN_TAKE || speaks(old))
        return false;
    if (old)
        end(l, (int)(old - l->peers), "it calls anew");
    return l->count < l->config.peers_max;
}

static void take(struct srtin *l)
{
    struct sockaddr_storage from = { 0 };
    int len = sizeof(from), events = SRT_EPOLL_IN | SRT_EPOLL_ERR;
    char address[80];
    struct peer p = { .socket = srt_accept(l->listener, (struct sockaddr *)&from, &len), .heard_us = clock_mono_us() };
    if (p.socket == SRT_INVALID_SOCK)
        return;
    address_text(&from, len, address, sizeof(address));
    if (!may_send(l, &p) || srt_epoll_add_usock(l->epoll, p.socket, &events) != 0 || !l->config.arrived(l->config.arg, p.id, address, &p.own)) {
        srt_close(p.socket);
        return;
    }
    pthread_mutex_lock(&l->lock);
    l->peers[l->count++] = p;
    pthread_mutex_unlock(&l->lock);
}

static void receive(struct srtin *l, int i)
{
    struct peer *p = &l->peers[i];
    size_t n = 0;
    int got = 0;
    /* At most a batch: others have their turn, too, and what is left is reported again. */
    for (int k = 0; k < BATCH; k++) {
        got = srt_recvmsg(p->socket, (char *)l->batch + n, MESSAGE_BYTES);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    if (n > 0) {
        pthread_mutex_lock(&l->lock);
        p->heard_us = clock_mono_us();
        pthread_mutex_unlock(&l->lock);
        l->config.bytes(p->own, l->batch, n);
    }
    if (got == 0 || (got < 0 && srt_getlasterror(NULL) != SRT_EASYNCRCV))
        end(l, i, "it hung up");
}

static int peer_at(const struct srtin *l, SRTSOCKET s)
{
    for (int i = 0; i < l->count; i++)
        if (l->peers[i].socket == s)
            return i;
    return -1;
}

/* libsrt forgets a caller who hung up about a second after, with its events; what is left of it may need more turns than that. */
static void look_for_broken(struct srtin *l)
{
    for (int i = l->count - 1; i >= 0; i--)
        if (srt_getsockstate(l->peers[i].socket) > SRTS_CONNECTED)
            receive(l, i);
}

/* Until the next turn, or something that cannot wait. */
static void rest(struct srtin *l)
{
    struct timespec until;
    pthread_mutex_lock(&l->lock);
    bool busy = l->count > 0 || clock_mono_us() - l->called_us < handshake_us;
    int64_t until_us = clock_mono_us() + (busy ? turn_us : rest_us), called_us = l->called_us;
    until.tv_sec = until_us / 1000000;
    until.tv_nsec = until_us % 1000000 * 1000;
    int rc = 0;
    while (rc == 0 && !atomic_load(&l->stop) && l->drop_count == 0 && (busy || l->called_us == called_us))
        rc = pthread_cond_timedwait(&l->wake, &l->lock, &until);
    pthread_mutex_unlock(&l->lock);
}

static void drop_those_asked(struct srtin *l)
{
    int64_t ids[DROPS];
    pthread_mutex_lock(&l->lock);
    int n = l->drop_count;
    memcpy(ids, l->drops, sizeof(ids));
    l->drop_count = 0;
    pthread_mutex_unlock(&l->lock);
    for (int k = 0; k < n; k++)
        for (int i = l->count - 1; i >= 0; i--)
            if (l->peers[i].id == ids[k] || ids[k] < 0)
                end(l, i, "it was hung up on");
}

static void *run(void *arg)
{
    struct srtin *l = arg;
    SRT_EPOLL_EVENT ready[EVENTS];
    pthread_setname_np(pthread_self(), "srt");
    while (!atomic_load(&l->stop)) {
        rest(l);
        int n = srt_epoll_uwait(l->epoll, ready, EVENTS, 0);
        for (int k = 0; k < n && k < EVENTS; k++) {
            int i = peer_at(l, ready[k].fd);
            if (ready[k].fd == l->listener)
                take(l);
            else if (i >= 0)
                receive(l, i);
            else
                srt_epoll_remove_usock(l->epoll, ready[k].fd);
        }
        look_for_broken(l);
        drop_those_asked(l);
    }
    while (l->count > 0)
        end(l, l->count - 1, "the server stops");
    return NULL;
}

void srtin_drop(struct srtin *l, int64_t id)
{
    pthread_mutex_lock(&l->lock);
    if (l->drop_count == DROPS)
        l->drops[0] = -1, l->drop_count = 1; /* more than can be named at once: everyone has to call again */
    else
        l->drops[l->drop_count++] = id;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
}

/* ---- opening ---- */
static enum vcr_err resolve(const char *text, struct addrinfo **ret, struct vcr_why *why)
{
    const char *colon = strrchr(text, ':');
    struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    size_t len = colon ? (size_t)(colon - text) : 0;
    bool v6 = len > 2 && text[0] == '[' && text[len - 1] == ']';
    char *host = vcr_strndup(v6 ? text + 1 : text, v6 ? len - 2 : len);
    int rc = colon ? getaddrinfo(*host ? host : NULL, colon + 1, &hints, ret) : EAI_NONAME;
    free(host);
    return rc == 0 ? VCR_OK : vcr_fail(why, VCR_E_INVALID, "%s: %s", text, gai_strerror(rc));
}

static enum vcr_err set_options(struct srtin *l, int family, struct vcr_why *why)
{
    int no = 0, yes = 1, receive_bytes = RECEIVE_BYTES, idle = l->config.idle_ms;
    struct linger at_once = { 0 };
    const struct { SRT_SOCKOPT name; const void *value; int len; } options[] = {
        { SRTO_RCVSYN, &no, sizeof(no) }, { SRTO_ENFORCEDENCRYPTION, &yes, sizeof(yes) }, { SRTO_RCVBUF, &receive_bytes, sizeof(receive_bytes) },
        { SRTO_PEERIDLETIMEO, &idle, sizeof(idle) }, { SRTO_LINGER, &at_once, sizeof(at_once) }, { SRTO_IPV6ONLY, &no, sizeof(no) },
    };
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (!(options[i].name == SRTO_IPV6ONLY && family != AF_INET6) && srt_setsockflag(l->listener, options[i].name, options[i].value, options[i].len) != 0)
            return failed(why, "SRT");
    return VCR_OK;
}

static enum vcr_err listen_on(struct srtin *l, const struct addrinfo *at, struct vcr_why *why)
{
    struct sockaddr_storage name = { 0 };
    int len = sizeof(name), events = SRT_EPOLL_IN | SRT_EPOLL_ERR;
    char port[8] = "0";
    l->listener = srt_create_socket();
    if (l->listener == SRT_INVALID_SOCK)
        return failed(why, "SRT");
    enum vcr_err err = set_options(l, at->ai_family, why);
    if (err != VCR_OK)
        return err;
    if (srt_bind(l->listener, at->ai_addr, (int)at->ai_addrlen) != 0 || srt_listen_callback(l->listener, on_call, l) != 0 ||
        srt_getsockname(l->listener, (struct sockaddr *)&name, &len) != 0)
        return failed(why, l->config.listen);
    getnameinfo((struct sockaddr *)&name, (socklen_t)len, NULL, 0, port, sizeof(port), NI_NUMERICSERV);
    l->port = atoi(port);
    l->epoll = srt_epoll_create();
    if (l->epoll < 0 || srt_epoll_add_usock(l->epoll, l->listener, &events) != 0 || srt_listen(l->listener, BACKLOG) != 0)
        return failed(why, l->config.listen);
    return VCR_OK;
}

enum vcr_err srtin_open(struct srtin **ret, const struct srtin_config *config, struct vcr_why *why)
{
    struct addrinfo *at = NULL;
    struct srtin *l = vcr_alloc(sizeof(*l));
    l->config = *config;
    l->config.peers_max = config->peers_max ? config->peers_max : PEERS_MAX;
    l->config.idle_ms = config->idle_ms ? config->idle_ms : IDLE_MS;
    l->listener = SRT_INVALID_SOCK;
    l->epoll = -1;
    l->peers = vcr_calloc((size_t)l->config.peers_max, sizeof(*l->peers));
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    l->called_us = -handshake_us;
    enum vcr_err err = resolve(config->listen, &at, why);
    if (err != VCR_OK)
        goto fail;
    srt_setloglevel(LOG_CRIT);
    l->started = srt_startup() >= 0;
    if (!l->started) {
        err = failed(why, "SRT");
        goto fail;
    }
    err = listen_on(l, at, why);
    if (err != VCR_OK)
        goto fail;
    if (pthread_create(&l->thread, NULL, run, l) != 0) {
        err = vcr_fail(why, VCR_E_NOMEM, "SRT: no thread");
        goto fail;
    }
    l->running = true;
    freeaddrinfo(at);
    *ret = l;
    return VCR_OK;
fail:
    if (at)
        freeaddrinfo(at);
    srtin_close(&l);
    return err;
}

void srtin_close(struct srtin **lp)
{
    struct srtin *l = *lp;
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    atomic_store(&l->stop, true);
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
    if (l->running)
        pthread_join(l->thread, NULL);
    if (l->listener != SRT_INVALID_SOCK)
        srt_close(l->listener);
    if (l->epoll >= 0)
        srt_epoll_release(l->epoll);
    if (l->started)
        srt_cleanup();
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->lock);
    free(l->peers);
    free(l);
    *lp = NULL;
}

int srtin_port(const struct srtin *l) { return l->port; }
