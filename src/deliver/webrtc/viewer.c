/* deliver/webrtc/viewer.c - viewers: the tables that find them, ICE-lite checks, joining and leaving.
 *
 *   offered --valid check--> checked --DTLS--> secured --+--> playing --> gone
 *      \------------------answer--> answered ------------/
 * The answer travels over HTTP and the check over UDP, so they come in either order; nothing is sent but STUN and DTLS before both are done and the certificate is the
 * answered one. Strangers get silence: no reply to an unknown user name, a bad integrity, or DTLS from an address without a valid check (RFC 8445, RFC 5764). */
#include "deliver/webrtc/internal.h"

#include <string.h>

#include <sodium.h>

#include "wire/stun.h"

static size_t hash_of(const struct rtc *r, const void *p, size_t len)
{
    uint8_t h[crypto_shorthash_BYTES]; /* keyed: the peer chooses what is hashed */
    crypto_shorthash(h, p, len, r->hash_key);
    return rd16be(h) % TABLE_SLOTS;
}

static size_t tuple_slot(const struct rtc *r, const struct sockaddr_in6 *a)
{
    uint8_t key[18];
    memcpy(key, &a->sin6_addr, 16);
    memcpy(key + 16, &a->sin6_port, 2);
    return hash_of(r, key, sizeof(key));
}

static bool same_tuple(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
    return a->sin6_port == b->sin6_port && memcmp(&a->sin6_addr, &b->sin6_addr, sizeof(a->sin6_addr)) == 0;
}

static struct viewer *find_tuple(const struct rtc *r, const struct sockaddr_in6 *a)
{
    struct viewer *v = r->by_tuple[tuple_slot(r, a)];
    while (v && !same_tuple(&v->peer, a))
        v = v->next_tuple;
    return v;
}

static void unbind(struct viewer *v)
{
    if (!v->bound)
        return;
    struct viewer **p = &v->stream->rtc->by_tuple[tuple_slot(v->stream->rtc, &v->peer)];
    while (*p != v)
        p = &(*p)->next_tuple;
    *p = v->next_tuple;
    v->bound = false;
}

static void bind_to(struct viewer *v, const struct sockaddr_in6 *a)
{
    struct rtc *r = v->stream->rtc;
    struct viewer *other = find_tuple(r, a);
    if (other == v)
        return;
    if (other)
        unbind(other); /* the port serves a newer session of the same browser */
    unbind(v);
    v->peer = *a;
    size_t slot = tuple_slot(r, a);
    v->next_tuple = r->by_tuple[slot];
    r->by_tuple[slot] = v;
    v->bound = true;
}

static struct viewer *find_ufrag(const struct rtc *r, const char *ufrag, size_t len)
{
    if (len != UFRAG_CHARS)
        return NULL;
    struct viewer *v = r->by_ufrag[hash_of(r, ufrag, len)];
    while (v && memcmp(v->ufrag, ufrag, len) != 0)
        v = v->next_ufrag;
    return v;
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

static void start_sender(struct sender *s)
{
    uint64_t random = vcr_random_u64();
    s->ssrc = (uint32_t)random | 1;      /* never 0 */
    s->index = random >> 32 & 0x7fff;    /* low half: the first roll-over cannot be mistaken (RFC 3711 3.3.1) */
}

struct viewer *viewer_open(struct rtc_stream *s)
{
    struct rtc *r = s->rtc;
    struct viewer *v = vcr_alloc(sizeof(*v));
    v->stream = s;
    vcr_uuid7(v->peer_id);
    random_text(v->ufrag, UFRAG_CHARS);
    random_text(v->pwd, PWD_CHARS);
    start_sender(&v->video);
    start_sender(&v->rtx);
    start_sender(&v->audio);
    v->offered_us = v->window_us = r->now_us;
    v->rtt_ms = v->first_key_frame_ms = -1;
    v->nack_bytes = NACK_BURST_BYTES;
    v->nack_at_us = r->now_us;
    size_t slot = hash_of(r, v->ufrag, UFRAG_CHARS);
    v->next_ufrag = r->by_ufrag[slot];
    r->by_ufrag[slot] = v;
    v->next = s->viewers;
    s->viewers = v;
    r->viewers++;
    return v;
}

void viewer_free(struct viewer *v)
{
    struct rtc *r = v->stream->rtc;
    struct viewer **p = &r->by_ufrag[hash_of(r, v->ufrag, UFRAG_CHARS)];
    while (*p != v)
        p = &(*p)->next_ufrag;
    *p = v->next_ufrag;
    for (p = &v->stream->viewers; *p != v;)
        p = &(*p)->next;
    *p = v->next;
    dtls_close(v);
    unbind(v);
    srtp_close(&v->out);
    srtp_close(&v->in);
    r->viewers--;
    free(v);
}

void viewer_leave(struct viewer *v, const char *reason)
{
    const struct rtc_events *e = &v->stream->events;
    if (v->playing && v->bound) {
        report_send(v, true);
        udp_flush(v->stream->rtc->udp); /* BYE before DTLS says goodbye */
    }
    if (e->viewer_gone)
        e->viewer_gone(e->arg, v->peer_id, reason);
    viewer_free(v);
}

void viewers_sweep(struct rtc *r)
{
    for (struct rtc_stream *s = r->streams; s; s = s->next) {
        for (struct viewer *v = s->viewers, *next; v; v = next) {
            next = v->next;
            if (v->gone)
                viewer_leave(v, v->gone);
        }
    }
}

void viewer_answer(struct viewer *v, const struct sdp_answer *a)
{
    v->answer = *a;
    v->answered = true;
    v->answered_us = v->stream->rtc->now_us;
    viewer_try_play(v);
}

void viewer_try_play(struct viewer *v)
{
    const struct rtc_events *e = &v->stream->events;
    if (!v->answered || !v->secured || v->playing || v->gone)
        return;
    if (!dtls_peer_matches(v)) {
        v->gone = "the certificate is not the answered one";
        return;
    }
    if (!dtls_keys(v)) {
        v->gone = "no common SRTP profile";
        return;
    }
    v->playing = true;
    v->report_due_us = v->stream->rtc->now_us;
    if (e->viewer_up)
        e->viewer_up(e->arg, v->peer_id);
    stream_join(v);
}

static void update_bitrate(struct viewer *v, int64_t now_us)
{
    int64_t span = now_us - v->window_us;
    if (span < 1000000)
        return;
    v->bitrate_bps = (int64_t)v->window_bytes * 8 * 1000000 / span;
    v->window_bytes = 0;
    v->window_us = now_us;
}

void viewer_tick(struct viewer *v)
{
    const struct rtc *r = v->stream->rtc;
    dtls_tick(v);
    update_bitrate(v, r->now_us);
    if (v->playing && v->bound && r->now_us >= v->report_due_us) {
        report_send(v, false);
        v->report_due_us = r->now_us + REPORT_EVERY_US;
    }
    if (v->gone)
        return;
    if (!v->answered && r->now_us - v->offered_us > r->offer_us)
        v->gone = "the offer was not answered";
    else if (v->answered && !v->playing && r->now_us - v->answered_us > r->offer_us)
        v->gone = "no connection came about";
    else if (v->playing && r->now_us - v->checked_us > r->consent_us)
        v->gone = "the viewer went silent";
}

static void reply(struct rtc *r, const struct viewer *v, const struct stun_msg *m, const struct sockaddr_in6 *from)
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
    stun_end(&out, v->pwd);
    udp_send(r->udp, from, out.bytes, out.len);
}

/* USERNAME is ours:theirs; theirs is known once the answer is there. */
static struct viewer *addressed(const struct rtc *r, const struct stun_msg *m)
{
    const char *colon = m->user ? memchr(m->user, ':', m->user_len) : NULL;
    struct viewer *v = colon ? find_ufrag(r, m->user, (size_t)(colon - m->user)) : NULL;
    if (!v || v->gone)
        return NULL;
    size_t theirs = m->user_len - (size_t)(colon - m->user) - 1;
    if (v->answered && (theirs != strlen(v->answer.ufrag) || memcmp(colon + 1, v->answer.ufrag, theirs) != 0))
        return NULL;
    return v;
}

static void stun_input(struct rtc *r, const uint8_t *p, size_t len, const struct sockaddr_in6 *from)
{
    struct stun_msg m;
    if (!stun_parse(p, len, &m) || m.type != STUN_BINDING_REQUEST || !m.has_fingerprint)
        return;
    struct viewer *v = addressed(r, &m);
    if (!v || !stun_check(p, &m, v->pwd))
        return;
    reply(r, v, &m, from);
    if (m.controlled)
        return;
    v->checked_us = r->now_us;
    v->checked = true;
    if (!v->bound || m.use_candidate)
        bind_to(v, from);
}

/* RFC 7983: the first byte tells the protocols apart; RFC 5761: the second tells RTCP from RTP. */
void viewer_datagram(void *arg, uint8_t *p, size_t len, const struct sockaddr_in6 *from)
{
    struct rtc *r = arg;
    if (len < 12)
        return;
    if (p[0] < 4) {
        stun_input(r, p, len, from);
        return;
    }
    struct viewer *v = find_tuple(r, from);
    if (!v || !v->checked || v->gone)
        return;
    if (p[0] >= 20 && p[0] < 64)
        dtls_input(v, p, len);
    else if (p[0] >= 128 && p[0] < 192 && p[1] >= 192 && p[1] < 224 && v->playing)
        report_input(v, p, len);
}
