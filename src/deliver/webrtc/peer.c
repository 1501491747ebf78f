/* deliver/webrtc/peer.c - one connection, whatever it is for: the tables that find it, ICE-lite checks, and which of its datagrams goes where.
 *
 *   open --valid check--> checked --DTLS--> secured --+--> ready --> gone
 *     \----------------description--> known ----------/
 * The description travels over HTTP and the check over UDP, so they come in either order; nothing is sent but STUN and DTLS before both are done and the certificate is the
 * described one. One thread receives for all; a datagram of another one's connection is passed on to it, a check only when its password is right, so that strangers keep
 * nobody busy but the one who receives. Strangers get silence: no reply to an unknown user name, a bad integrity, or DTLS from an address without a valid check (RFC 8445, RFC 5764). */
#include "deliver/webrtc/internal.h"

#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "wire/stun.h"

static size_t hash_of(const struct rtc_all *r, const void *bytes, size_t len)
{
    uint8_t h[crypto_shorthash_BYTES]; /* keyed: the peer chooses what is hashed */
    crypto_shorthash(h, bytes, len, r->hash_key);
    return rd16be(h) % TABLE_SLOTS;
}

static size_t tuple_slot(const struct rtc_all *r, const struct sockaddr_in6 *a)
{
    uint8_t key[22];
    memcpy(key, &a->sin6_addr, 16);
    memcpy(key + 16, &a->sin6_port, 2);
    memcpy(key + 18, &a->sin6_flowinfo, 4); /* which TCP connection */
    return hash_of(r, key, sizeof(key));
}

static bool same_tuple(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
    return a->sin6_port == b->sin6_port && a->sin6_flowinfo == b->sin6_flowinfo && memcmp(&a->sin6_addr, &b->sin6_addr, sizeof(a->sin6_addr)) == 0;
}

static struct peer *find_tuple_locked(const struct rtc_all *r, const struct sockaddr_in6 *a)
{
    struct peer *p = r->by_tuple[tuple_slot(r, a)];
    while (p && !same_tuple(&p->address, a))
        p = p->next_tuple;
    return p;
}

bool peer_is_bound(struct rtc_all *all, const struct sockaddr_in6 *a)
{
    pthread_mutex_lock(&all->lock);
    bool is_bound = find_tuple_locked(all, a) != NULL;
    pthread_mutex_unlock(&all->lock);
    return is_bound;
}

static void unbind_locked(struct peer *p)
{
    if (!p->bound)
        return;
    struct rtc_all *all = p->rtc->all;
    struct peer **at = &all->by_tuple[tuple_slot(all, &p->address)];
    while (*at != p)
        at = &(*at)->next_tuple;
    *at = p->next_tuple;
    p->bound = false;
}

static void bind_to_locked(struct peer *p, const struct sockaddr_in6 *a)
{
    struct rtc_all *r = p->rtc->all;
    struct peer *other = find_tuple_locked(r, a);
    if (other == p)
        return;
    if (other)
        unbind_locked(other); /* the port serves a newer session of the same browser */
    unbind_locked(p);
    p->address = *a;
    size_t slot = tuple_slot(r, a);
    p->next_tuple = r->by_tuple[slot];
    r->by_tuple[slot] = p;
    p->bound = true;
}

static void bind_to(struct peer *p, const struct sockaddr_in6 *a)
{
    pthread_mutex_lock(&p->rtc->all->lock);
    bind_to_locked(p, a);
    pthread_mutex_unlock(&p->rtc->all->lock);
}

static struct peer *find_ufrag_locked(const struct rtc_all *r, const char *ufrag, size_t len)
{
    if (len != UFRAG_CHARS)
        return NULL;
    struct peer *p = r->by_ufrag[hash_of(r, ufrag, len)];
    while (p && memcmp(p->ufrag, ufrag, len) != 0)
        p = p->next_ufrag;
    return p;
}

static void random_text(char *out, size_t len)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t bytes[PWD_CHARS];
    vcr_random(bytes, len);
    for (size_t i = 0; i < len; i++)
        out[i] = set[bytes[i] & 63];
    out[len] = '\0';
}

void peer_open(struct peer *p, struct rtc *r, const struct peer_kind *kind)
{
    p->rtc = r;
    p->kind = kind;
    random_text(p->ufrag, UFRAG_CHARS);
    random_text(p->pwd, PWD_CHARS);
    size_t slot = hash_of(r->all, p->ufrag, UFRAG_CHARS);
    pthread_mutex_lock(&r->all->lock);
    p->next_ufrag = r->all->by_ufrag[slot];
    r->all->by_ufrag[slot] = p;
    pthread_mutex_unlock(&r->all->lock);
}

void peer_close(struct peer *p)
{
    struct rtc_all *all = p->rtc->all;
    pthread_mutex_lock(&all->lock);
    struct peer **at = &all->by_ufrag[hash_of(all, p->ufrag, UFRAG_CHARS)];
    while (*at != p)
        at = &(*at)->next_ufrag;
    *at = p->next_ufrag;
    unbind_locked(p);
    pthread_mutex_unlock(&all->lock);
    dtls_close(p);
    srtp_close(&p->out);
    srtp_close(&p->in);
}

void peer_know(struct peer *p, const struct sdp_remote *remote)
{
    p->remote = *remote;
    p->known = true;
    peer_try_ready(p);
}

void peer_try_ready(struct peer *p)
{
    if (!p->known || !p->secured || p->ready || p->gone)
        return;
    if (!dtls_peer_matches(p)) {
        p->gone = "the certificate is not the announced one";
        return;
    }
    if (!dtls_keys(p)) {
        p->gone = "no common SRTP profile";
        return;
    }
    p->ready = true;
    p->kind->ready(p);
}

static void reply(struct rtc *r, const struct peer *p, const struct stun_msg *m, const struct sockaddr_in6 *from)
{
    struct stun_out out;
    if (m->controlled) { /* we are lite and never controlling (RFC 8445 7.3.1.1) */
        stun_begin(&out, STUN_BINDING_ERROR, m->txid);
        stun_add_error(&out, 487, "Role Conflict");
    } else {
        struct stun_addr a = { .port = ntohs(from->sin6_port), .is_v6 = !IN6_IS_ADDR_V4MAPPED(&from->sin6_addr) };
        if (a.is_v6)
            memcpy(a.bytes, from->sin6_addr.s6_addr, 16);
        else
            memcpy(a.bytes, from->sin6_addr.s6_addr + 12, 4);
        stun_begin(&out, STUN_BINDING_OK, m->txid);
        stun_add_mapped(&out, &a);
    }
    stun_end(&out, p->pwd);
    udp_send(r->udp, from, out.bytes, out.len);
}

/* One of this thread's connections, or NULL. Only this thread frees it, so it is there without the lock, too. */
static struct peer *mine(const struct rtc *r, struct peer *p) { return p && p->rtc == r && !p->gone ? p : NULL; }

static struct peer *named_locked(const struct rtc_all *all, const struct stun_msg *m)
{
    const char *colon = m->user ? memchr(m->user, ':', m->user_len) : NULL;
    return colon ? find_ufrag_locked(all, m->user, (size_t)(colon - m->user)) : NULL;
}

/* USERNAME is ours:theirs; theirs is known once the answer is there. */
static struct peer *addressed(const struct rtc *r, const struct stun_msg *m)
{
    pthread_mutex_lock(&r->all->lock);
    struct peer *p = mine(r, named_locked(r->all, m));
    pthread_mutex_unlock(&r->all->lock);
    if (!p)
        return NULL;
    const char *colon = memchr(m->user, ':', m->user_len);
    size_t theirs = m->user_len - (size_t)(colon - m->user) - 1;
    if (p->known && (theirs != strlen(p->remote.ufrag) || memcmp(colon + 1, p->remote.ufrag, theirs) != 0))
        return NULL;
    return p;
}

static void stun_input(struct rtc *r, const uint8_t *bytes, size_t len, const struct sockaddr_in6 *from)
{
    struct stun_msg m;
    if (!stun_parse(bytes, len, &m) || m.type != STUN_BINDING_REQUEST || !m.has_fingerprint)
        return;
    struct peer *p = addressed(r, &m);
    if (!p || !stun_check(bytes, &m, p->pwd))
        return;
    if (!m.controlled) {
        p->checked_us = r->now_us;
        p->checked = true;
        if (!p->bound || m.use_candidate)
            bind_to(p, from); /* before the reply: what it brings about comes to the thread that receives, which must know whose it is */
    }
    reply(r, p, &m, from);
}

/* RFC 7983: the first byte tells the protocols apart; RFC 5761: the second tells RTCP from RTP. */
static void take(struct rtc *r, uint8_t *bytes, size_t len, const struct sockaddr_in6 *from)
{
    if (bytes[0] < 4) {
        stun_input(r, bytes, len, from);
        return;
    }
    pthread_mutex_lock(&r->all->lock);
    struct peer *p = mine(r, find_tuple_locked(r->all, from));
    pthread_mutex_unlock(&r->all->lock);
    if (!p || !p->checked)
        return;
    if (bytes[0] >= 20 && bytes[0] < 64) {
        dtls_input(p, bytes, len);
    } else if (bytes[0] >= 128 && bytes[0] < 192 && p->ready) {
        if (bytes[1] >= 192 && bytes[1] < 224)
            p->kind->rtcp(p, bytes, len);
        else if (p->kind->rtp)
            p->kind->rtp(p, bytes, len);
    }
}

/* ---- from the thread that receives to the others ---- */

struct passed {
    struct loop_msg msg;
    struct rtc *rtc;
    struct sockaddr_in6 from;
    size_t len;
    uint8_t bytes[];
};

static void take_passed(struct loop_msg *m)
{
    struct passed *d = container_of(m, struct passed, msg);
    struct rtc *r = d->rtc;
    atomic_fetch_sub(&r->passed, 1);
    r->now_us = clock_mono_us();
    take(r, d->bytes, d->len, &d->from);
    udp_flush(r->udp); /* who is gone is removed by the next tick */
    free(d);
}

static void pass(struct rtc *to, const uint8_t *bytes, size_t len, const struct sockaddr_in6 *from)
{
    struct passed *d = atomic_load(&to->passed) < PASSED_MAX ? malloc(sizeof(*d) + len) : NULL;
    if (!d)
        return;
    *d = (struct passed) { .msg = { .fn = take_passed }, .rtc = to, .from = *from, .len = len };
    memcpy(d->bytes, bytes, len);
    atomic_fetch_add(&to->passed, 1);
    loop_post(to->loop, &d->msg);
}

/* Whose it is, NULL: nobody's. */
static struct rtc *owner_of(const struct rtc *receiver, const uint8_t *bytes, size_t len, const struct sockaddr_in6 *from)
{
    struct rtc_all *all = receiver->all;
    struct stun_msg m;
    char pwd[PWD_CHARS + 1] = "";
    bool is_stun = bytes[0] < 4;
    if (is_stun && !stun_parse(bytes, len, &m))
        return NULL;
    pthread_mutex_lock(&all->lock);
    const struct peer *p = is_stun ? named_locked(all, &m) : find_tuple_locked(all, from);
    struct rtc *owner = p ? p->rtc : NULL;
    if (p)
        memcpy(pwd, p->pwd, sizeof(pwd));
    pthread_mutex_unlock(&all->lock);
    return is_stun && owner && owner != receiver && !stun_check(bytes, &m, pwd) ? NULL : owner;
}

void peer_datagram(void *arg, uint8_t *bytes, size_t len, const struct sockaddr_in6 *from)
{
    struct rtc *r = arg;
    if (len < 12)
        return;
    struct rtc *owner = r->all->threads_n > 1 ? owner_of(r, bytes, len, from) : r;
    if (owner == r)
        take(r, bytes, len, from);
    else if (owner)
        pass(owner, bytes, len, from);
}
