/* deliver/webrtc/dtls.c - DTLS 1.2, we wait (passive): certificate, handshake over our socket, SRTP keys (RFC 5764).
 *
 * A handshake costs as much as some hundred packets, so it is made on a thread of its own; the sender thread hands datagrams over and is told what came of them:
 *
 *   sender thread   input --> waiting (at most WAITING_MAX) --> job --+             +--> done: the answer is sent; ready, gone, or when to come again
 *   worker                                                            +--> OpenSSL --+
 *
 * The sender thread sends the answer and makes the connection ready in one go: what the client sends because of it finds us ready.
 * A connection has at most one job under way, so there are never more jobs than connections, and one that sends ClientHellos without end delays nobody's picture.
 * Only datagrams of an address with a valid check get here (peer.c). While a job is under way the SSL is the worker's, else the sender thread's.
 * OpenSSL reads and writes through a BIO of our own, because its memory BIO loses where a datagram ends: a write is one datagram, a read the datagram in hand. The first
 * repeat comes after 100 ms (OpenSSL's own second would be felt), then doubles. The client's certificate is checked against its description, not by a chain. */
#include "deliver/webrtc/internal.h"

#include <pthread.h>
#include <string.h>
#include <sys/time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/clock.h"

enum { FIRST_TIMEOUT_US = 100000, LAST_TIMEOUT_US = 2000000, DAY_S = 86400, WAITING_MAX = 8, ANSWERS_MAX = 16 };

struct datagram {
    struct datagram *next;
    size_t len;
    uint8_t bytes[];
};
struct queue {
    int count;
    struct datagram *first, **end;
};
struct dtls {
    struct pool_job job;
    /* set by begin, then read-only */
    struct rtc *rtc;
    /* the sender thread's own */
    struct peer *peer; /* NULL: it is gone, what is left goes when the job is done */
    bool running;
    struct queue waiting;
    /* the job's while it is under way, else the sender thread's */
    SSL *ssl;
    struct sockaddr_in6 to;
    struct datagram *in;
    bool in_taken; /* OpenSSL has read the first of `in` */
    struct queue out;
    bool finished; /* the handshake; then: */
    bool has_keys;
    uint8_t digest[SDP_DIGEST_BYTES]; /* of the client's certificate */
    struct srtp *srtp_in, *srtp_out;
    int64_t timeout_us; /* until OpenSSL wants to repeat something; 0: nothing */
    const char *gone;
};

static void drop_first(struct datagram **list)
{
    struct datagram *next = (*list)->next;
    free(*list);
    *list = next;
}

static void push(struct queue *q, int max, const uint8_t *bytes, size_t len)
{
    struct datagram *g = q->count < max ? malloc(sizeof(*g) + len) : NULL;
    if (!g)
        return;
    *g = (struct datagram) { .len = len };
    memcpy(g->bytes, bytes, len);
    *(q->count ? q->end : &q->first) = g;
    q->end = &g->next;
    q->count++;
}

static struct datagram *take_all(struct queue *q)
{
    struct datagram *all = q->first;
    *q = (struct queue) { 0 };
    return all;
}

static void drop_all(struct datagram *list)
{
    while (list)
        drop_first(&list);
}

static int bio_write(BIO *b, const char *p, int len)
{
    struct dtls *d = BIO_get_data(b);
    push(&d->out, ANSWERS_MAX, (const uint8_t *)p, (size_t)len);
    return len; /* a lost datagram is the timer's business */
}

static int bio_read(BIO *b, char *p, int len)
{
    struct dtls *d = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (!d->in || d->in_taken) {
        BIO_set_retry_read(b);
        return -1;
    }
    size_t n = VCR_MIN((size_t)len, d->in->len);
    memcpy(p, d->in->bytes, n);
    d->in_taken = true;
    return (int)n;
}

static long bio_ctrl(BIO *b, int cmd, long a, void *p)
{
    if (cmd == BIO_CTRL_FLUSH)
        return 1;
    return cmd == BIO_CTRL_DGRAM_QUERY_MTU || cmd == BIO_CTRL_DGRAM_GET_FALLBACK_MTU ? DTLS_MTU : 0;
}

static unsigned next_timeout(SSL *ssl, unsigned last_us)
{
    return last_us ? VCR_MIN(last_us * 2, (unsigned)LAST_TIMEOUT_US) : FIRST_TIMEOUT_US;
}

static int accept_for_now(int ok, X509_STORE_CTX *ctx) { return 1; } /* dtls_peer_matches decides */

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *x = X509_new();
    if (!x)
        return NULL;
    X509_NAME *name = X509_get_subject_name(x);
    X509_set_version(x, 2);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), vcr_random_u64() >> 1 | 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(x), 365 * DAY_S);
    if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"webrtc", -1, -1, 0) && X509_set_issuer_name(x, name) &&
        X509_set_pubkey(x, key) && X509_sign(x, key, EVP_sha256()))
        return x;
    X509_free(x);
    return NULL;
}

static BIO_METHOD *bio_method; /* one a process, never freed: OpenSSL hands out few type numbers */
static pthread_once_t bio_once = PTHREAD_ONCE_INIT;

static void make_bio_method(void)
{
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "peer datagrams");
    if (!bio_method)
        abort();
    BIO_meth_set_write(bio_method, bio_write);
    BIO_meth_set_read(bio_method, bio_read);
    BIO_meth_set_ctrl(bio_method, bio_ctrl);
}

static bool setup_context(SSL_CTX *c, X509 *x, EVP_PKEY *key)
{
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_for_now);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    return SSL_CTX_use_certificate(c, x) && SSL_CTX_use_PrivateKey(c, key) && SSL_CTX_set_min_proto_version(c, DTLS1_2_VERSION) &&
           SSL_CTX_set_cipher_list(c, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384") &&
           SSL_CTX_set1_groups_list(c, "X25519:P-256") && SSL_CTX_set_tlsext_use_srtp(c, "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80") == 0;
}

enum vcr_err dtls_setup(struct rtc *r, struct vcr_why *why)
{
    unsigned len = 0;
    pthread_once(&bio_once, make_bio_method);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = key ? make_certificate(key) : NULL;
    r->tls = SSL_CTX_new(DTLS_server_method());
    bool ok = x && r->tls && setup_context(r->tls, x, key) && X509_digest(x, EVP_sha256(), r->fingerprint, &len) && len == SDP_DIGEST_BYTES;
    X509_free(x);
    EVP_PKEY_free(key);
    return ok ? VCR_OK : vcr_fail(why, VCR_E_INTERNAL, "DTLS: %s", ERR_reason_error_string(ERR_get_error()));
}

/* ---- on the worker ---- */

static bool open_ssl(struct dtls *d)
{
    d->ssl = SSL_new(d->rtc->tls);
    BIO *b = d->ssl ? BIO_new(bio_method) : NULL;
    if (!b) {
        SSL_free(d->ssl);
        d->ssl = NULL;
        return false;
    }
    BIO_set_data(b, d);
    BIO_set_init(b, 1);
    SSL_set_bio(d->ssl, b, b);
    SSL_set_accept_state(d->ssl);
    SSL_set_mtu(d->ssl, DTLS_MTU);
    DTLS_set_timer_cb(d->ssl, next_timeout);
    return true;
}

/* RFC 5764 4.2: client key, server key, client salt, server salt; we are the server. */
static bool export_keys(struct dtls *d)
{
    uint8_t m[2 * (SRTP_KEY_BYTES + SRTP_SALT_MAX)];
    const SRTP_PROTECTION_PROFILE *chosen = SSL_get_selected_srtp_profile(d->ssl);
    if (!chosen)
        return false;
    enum srtp_profile profile = (enum srtp_profile)chosen->id;
    size_t salt = srtp_salt_bytes(profile);
    bool ok = SSL_export_keying_material(d->ssl, m, 2 * (SRTP_KEY_BYTES + salt), "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0) == 1 &&
              srtp_open(&d->srtp_in, profile, false, m, m + 2 * SRTP_KEY_BYTES, NULL) == VCR_OK &&
              srtp_open(&d->srtp_out, profile, true, m + SRTP_KEY_BYTES, m + 2 * SRTP_KEY_BYTES + salt, NULL) == VCR_OK;
    OPENSSL_cleanse(m, sizeof(m));
    return ok;
}

static void finish(struct dtls *d)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    X509 *x = SSL_get1_peer_certificate(d->ssl);
    bool ok = x && X509_digest(x, EVP_sha256(), digest, &len) && len == SDP_DIGEST_BYTES;
    X509_free(x);
    if (!ok) {
        d->gone = "the DTLS handshake failed";
        return;
    }
    memcpy(d->digest, digest, SDP_DIGEST_BYTES);
    d->has_keys = export_keys(d);
    d->finished = true;
}

static void take(struct dtls *d)
{
    uint8_t ignored[256]; /* nobody has application data for us */
    ERR_clear_error();
    d->in_taken = false;
    int rc = SSL_is_init_finished(d->ssl) ? SSL_read(d->ssl, ignored, sizeof(ignored)) : SSL_do_handshake(d->ssl);
    int error = SSL_get_error(d->ssl, rc);
    if (error == SSL_ERROR_ZERO_RETURN)
        d->gone = "closed by the peer";
    else if (error == SSL_ERROR_SSL)
        d->gone = "the DTLS handshake failed";
    else if (!d->finished && SSL_is_init_finished(d->ssl))
        finish(d);
}

static void repeat(struct dtls *d)
{
    ERR_clear_error();
    if (DTLSv1_handle_timeout(d->ssl) < 0)
        d->gone = "no end to the DTLS handshake";
}

static enum vcr_err work(struct pool_job *job, void *worker, struct vcr_why *why)
{
    struct dtls *d = container_of(job, struct dtls, job);
    struct timeval left;
    d->timeout_us = 0;
    if ((!d->ssl && !open_ssl(d)) || !SSL_alloc_buffers(d->ssl))
        d->gone = "no memory for DTLS";
    else if (!d->in)
        repeat(d);
    for (; d->in; drop_first(&d->in))
        if (!d->gone)
            take(d);
    if (!d->gone && !SSL_is_init_finished(d->ssl) && DTLSv1_get_timeout(d->ssl, &left))
        d->timeout_us = VCR_MAX((int64_t)left.tv_sec * 1000000 + left.tv_usec, INT64_C(1));
    if (d->ssl && SSL_is_init_finished(d->ssl))
        SSL_free_buffers(d->ssl); /* 34 KiB, for a goodbye or a repeat that may come; SSL_MODE_RELEASE_BUFFERS leaves DTLS out */
    return VCR_OK;
}

/* ---- on the sender thread ---- */

static void send_answers(struct dtls *d)
{
    struct datagram *all = take_all(&d->out);
    for (; all; drop_first(&all))
        udp_send(d->rtc->udp, &d->to, all->bytes, all->len);
}

static void dtls_free(struct dtls *d)
{
    if (d->ssl && SSL_is_init_finished(d->ssl) && !d->gone && SSL_alloc_buffers(d->ssl)) {
        ERR_clear_error();
        SSL_shutdown(d->ssl); /* one close_notify, no waiting */
        send_answers(d);
    }
    SSL_free(d->ssl);
    drop_all(take_all(&d->waiting));
    drop_all(take_all(&d->out));
    srtp_close(&d->srtp_in);
    srtp_close(&d->srtp_out);
    free(d);
}

static void submit(struct dtls *d);

static void done(struct pool_job *job)
{
    struct dtls *d = container_of(job, struct dtls, job);
    struct peer *p = d->peer;
    d->running = false;
    if (!p) {
        dtls_free(d);
        return;
    }
    p->rtc->now_us = clock_mono_us();
    send_answers(d); /* before the first picture, for which they give the client its keys; an alert, too, of one that is gone */
    if (d->gone && !p->gone)
        p->gone = d->gone;
    p->dtls_due_us = d->timeout_us ? p->rtc->now_us + d->timeout_us : 0;
    if (!p->gone && !p->secured && d->finished) {
        p->secured = true;
        peer_try_ready(p);
    }
    if (!p->gone && d->waiting.count)
        submit(d);
    rtc_sweep(p->rtc);
}

/* Takes what waits, or the time-out that is due. */
static void submit(struct dtls *d)
{
    d->in = take_all(&d->waiting);
    d->to = d->peer->address;
    d->running = pool_submit(d->rtc->handshakes, &d->job, d->rtc->loop, NULL) == VCR_OK;
    if (d->running)
        return;
    drop_all(d->in); /* as if the network had lost it */
    d->in = NULL;
    d->peer->dtls_due_us = d->ssl && !d->finished ? d->rtc->now_us + FIRST_TIMEOUT_US : 0;
}

static struct dtls *begin(struct peer *p)
{
    struct dtls *d = vcr_alloc(sizeof(*d));
    d->job.work = work;
    d->job.done = done;
    d->rtc = p->rtc;
    d->peer = p;
    return d;
}

void dtls_input(struct peer *p, const uint8_t *bytes, size_t len)
{
    if (!p->dtls)
        p->dtls = begin(p);
    push(&p->dtls->waiting, WAITING_MAX, bytes, len);
    if (!p->dtls->running && p->dtls->waiting.count)
        submit(p->dtls);
}

void dtls_tick(struct peer *p)
{
    if (!p->dtls_due_us || p->rtc->now_us < p->dtls_due_us || p->dtls->running)
        return;
    p->dtls_due_us = 0;
    submit(p->dtls);
}

bool dtls_peer_matches(const struct peer *p)
{
    bool found = false;
    for (int i = 0; i < p->remote.fingerprints_n; i++)
        found |= memcmp(p->dtls->digest, p->remote.fingerprints[i], SDP_DIGEST_BYTES) == 0;
    return found;
}

bool dtls_keys(struct peer *p)
{
    struct dtls *d = p->dtls;
    if (!d->has_keys)
        return false;
    p->in = d->srtp_in;
    p->out = d->srtp_out;
    d->srtp_in = d->srtp_out = NULL;
    d->has_keys = false;
    return true;
}

void dtls_close(struct peer *p)
{
    struct dtls *d = p->dtls;
    p->dtls = NULL;
    p->dtls_due_us = 0;
    if (!d)
        return;
    d->peer = NULL;
    if (!d->running) /* else done() does it */
        dtls_free(d);
}
