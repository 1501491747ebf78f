/* deliver/webrtc/dtls.c - DTLS 1.2, we wait (passive): certificate, handshake over our socket, SRTP keys (RFC 5764).
 *
 * OpenSSL reads and writes through a BIO of our own, because its memory BIO loses where a datagram ends: a write is one sendto, a read the datagram in hand. The first
 * repeat comes after 100 ms (OpenSSL's own second would be felt), then doubles. The client's certificate is checked against its description, not by a chain. */
#include "deliver/webrtc/internal.h"

#include <pthread.h>
#include <string.h>
#include <sys/time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

enum { FIRST_TIMEOUT_US = 100000, LAST_TIMEOUT_US = 2000000, DAY_S = 86400 };

static int bio_write(BIO *b, const char *p, int len)
{
    const struct peer *to = BIO_get_data(b);
    udp_send(to->rtc->udp, &to->address, p, (size_t)len);
    return len; /* a lost datagram is the timer's business */
}

static int bio_read(BIO *b, char *p, int len)
{
    struct rtc *r = ((const struct peer *)BIO_get_data(b))->rtc;
    BIO_clear_retry_flags(b);
    if (!r->dtls_in_len) {
        BIO_set_retry_read(b);
        return -1;
    }
    size_t n = VCR_MIN((size_t)len, r->dtls_in_len);
    memcpy(p, r->dtls_in, n);
    r->dtls_in_len = 0;
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

static void rearm(struct peer *p)
{
    struct timeval left;
    p->dtls_due_us = 0;
    if (p->ssl && !SSL_is_init_finished(p->ssl) && DTLSv1_get_timeout(p->ssl, &left))
        p->dtls_due_us = p->rtc->now_us + (int64_t)left.tv_sec * 1000000 + left.tv_usec;
}

static bool begin(struct peer *p)
{
    p->ssl = SSL_new(p->rtc->tls);
    BIO *b = p->ssl ? BIO_new(bio_method) : NULL;
    if (!b) {
        dtls_close(p);
        return false;
    }
    BIO_set_data(b, p);
    BIO_set_init(b, 1);
    SSL_set_bio(p->ssl, b, b);
    SSL_set_accept_state(p->ssl);
    SSL_set_mtu(p->ssl, DTLS_MTU);
    DTLS_set_timer_cb(p->ssl, next_timeout);
    return true;
}

void dtls_input(struct peer *p, const uint8_t *bytes, size_t len)
{
    struct rtc *r = p->rtc;
    uint8_t ignored[256]; /* nobody has application data for us */
    if (!p->ssl && !begin(p))
        return;
    r->dtls_in = bytes;
    r->dtls_in_len = len;
    ERR_clear_error();
    int rc = SSL_is_init_finished(p->ssl) ? SSL_read(p->ssl, ignored, sizeof(ignored)) : SSL_do_handshake(p->ssl);
    int error = SSL_get_error(p->ssl, rc);
    r->dtls_in_len = 0;
    if (error == SSL_ERROR_ZERO_RETURN)
        p->gone = "closed by the peer";
    else if (error == SSL_ERROR_SSL)
        p->gone = "the DTLS handshake failed";
    rearm(p);
    if (!p->gone && !p->secured && SSL_is_init_finished(p->ssl)) {
        p->secured = true;
        peer_try_ready(p);
    }
}

void dtls_tick(struct peer *p)
{
    if (!p->dtls_due_us || p->rtc->now_us < p->dtls_due_us)
        return;
    ERR_clear_error();
    if (DTLSv1_handle_timeout(p->ssl) < 0)
        p->gone = "no end to the DTLS handshake";
    rearm(p);
}

bool dtls_peer_matches(const struct peer *p)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    X509 *x = SSL_get1_peer_certificate(p->ssl);
    bool ok = x && X509_digest(x, EVP_sha256(), digest, &len) && len == SDP_DIGEST_BYTES, found = false;
    X509_free(x);
    for (int i = 0; ok && i < p->remote.fingerprints_n; i++)
        found |= memcmp(digest, p->remote.fingerprints[i], SDP_DIGEST_BYTES) == 0;
    return found;
}

/* RFC 5764 4.2: client key, server key, client salt, server salt; we are the server. */
bool dtls_keys(struct peer *p)
{
    uint8_t m[2 * (SRTP_KEY_BYTES + SRTP_SALT_MAX)];
    const SRTP_PROTECTION_PROFILE *chosen = SSL_get_selected_srtp_profile(p->ssl);
    if (!chosen)
        return false;
    enum srtp_profile profile = (enum srtp_profile)chosen->id;
    size_t salt = srtp_salt_bytes(profile);
    bool ok = SSL_export_keying_material(p->ssl, m, 2 * (SRTP_KEY_BYTES + salt), "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0) == 1 &&
              srtp_open(&p->in, profile, false, m, m + 2 * SRTP_KEY_BYTES, NULL) == VCR_OK &&
              srtp_open(&p->out, profile, true, m + SRTP_KEY_BYTES, m + 2 * SRTP_KEY_BYTES + salt, NULL) == VCR_OK;
    OPENSSL_cleanse(m, sizeof(m));
    return ok;
}

void dtls_close(struct peer *p)
{
    if (p->ssl && SSL_is_init_finished(p->ssl) && !SSL_in_init(p->ssl)) {
        ERR_clear_error();
        SSL_shutdown(p->ssl); /* one close_notify, no waiting */
    }
    SSL_free(p->ssl);
    p->ssl = NULL;
}
