/* wire/srtp.c - see srtp.h. */
#include "wire/srtp.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/util.h"
#include "wire/rtp.h"

enum { GCM_TAG = 16, SHA1_TAG = 10, SHA1_BYTES = 20, INDEX_BYTES = 4, RTCP_CLEAR = 8, WINDOW = 1024 };
static const uint32_t rtcp_encrypted = 0x80000000;

struct half { /* the derived keys for RTP, or those for RTCP */
    EVP_CIPHER_CTX *cipher;
    EVP_MAC_CTX *mac; /* NULL with GCM */
    uint8_t salt[SRTP_SALT_MAX];
};
struct window { /* what came from one SSRC */
    uint32_t ssrc;
    uint64_t highest; /* index */
    uint64_t seen[WINDOW / 64]; /* a bit for each of the last WINDOW indices, at index % WINDOW: as wide as a plain resend may be late */
};
struct srtp {
    /* set by open, then read-only */
    enum srtp_profile profile;
    bool is_sender;
    struct half rtp, rtcp;
    /* the user's thread */
    uint32_t rtcp_sent;
    struct window *rtp_seen[SRTP_STREAMS], *rtcp_seen[SRTP_STREAMS]; /* those that have sent, first; made with their first authentic packet */
};

size_t srtp_salt_bytes(enum srtp_profile profile) { return profile == SRTP_GCM_128 ? 12 : 14; }

static size_t tag_bytes(const struct srtp *s) { return s->profile == SRTP_GCM_128 ? GCM_TAG : SHA1_TAG; }

/* RFC 3711 4.3.1 with key derivation rate 0: the AES-CM key stream over label and master salt. */
static bool derive(const uint8_t *key, const uint8_t salt[SRTP_SALT_MAX], uint8_t label, uint8_t *out, size_t len)
{
    static const uint8_t zero[32];
    uint8_t iv[16] = { 0 };
    int n;
    memcpy(iv, salt, SRTP_SALT_MAX);
    iv[7] ^= label;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool ok = c && EVP_EncryptInit_ex(c, EVP_aes_128_ctr(), NULL, key, iv) && EVP_EncryptUpdate(c, out, &n, zero, (int)len);
    EVP_CIPHER_CTX_free(c);
    return ok;
}

static EVP_MAC_CTX *sha1_keyed(const uint8_t key[SHA1_BYTES])
{
    char digest[] = "SHA1";
    OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end() };
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac);
    if (ctx && !EVP_MAC_init(ctx, key, SHA1_BYTES, params)) {
        EVP_MAC_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

/* label: 0 for RTP, 3 for RTCP (cipher key, authentication key, salt follow each other). */
static bool half_open(struct half *h, const struct srtp *s, const uint8_t *key, const uint8_t salt[SRTP_SALT_MAX], uint8_t label)
{
    uint8_t k[SRTP_KEY_BYTES], a[SHA1_BYTES];
    bool gcm = s->profile == SRTP_GCM_128, ok = false;
    h->cipher = EVP_CIPHER_CTX_new();
    if (!h->cipher || !derive(key, salt, label, k, sizeof(k)) || !derive(key, salt, (uint8_t)(label + 2), h->salt, srtp_salt_bytes(s->profile)))
        goto out;
    if (!EVP_CipherInit_ex(h->cipher, gcm ? EVP_aes_128_gcm() : EVP_aes_128_ctr(), NULL, k, NULL, s->is_sender || !gcm))
        goto out;
    if (!gcm && (!derive(key, salt, (uint8_t)(label + 1), a, sizeof(a)) || !(h->mac = sha1_keyed(a))))
        goto out;
    ok = true;
out:
    OPENSSL_cleanse(k, sizeof(k));
    OPENSSL_cleanse(a, sizeof(a));
    return ok;
}

static void half_close(struct half *h)
{
    EVP_CIPHER_CTX_free(h->cipher);
    EVP_MAC_CTX_free(h->mac);
    OPENSSL_cleanse(h->salt, sizeof(h->salt));
}

enum vcr_err srtp_open(struct srtp **ret, enum srtp_profile profile, bool is_sender, const uint8_t *key, const uint8_t *salt, struct vcr_why *why)
{
    uint8_t long_salt[SRTP_SALT_MAX] = { 0 };
    if (profile != SRTP_GCM_128 && profile != SRTP_CM_SHA1_80)
        return vcr_fail(why, VCR_E_INVALID, "SRTP profile %d is not supported", (int)profile);
    struct srtp *s = vcr_alloc(sizeof(*s));
    s->profile = profile;
    s->is_sender = is_sender;
    memcpy(long_salt, salt, srtp_salt_bytes(profile));
    if (!half_open(&s->rtp, s, key, long_salt, 0) || !half_open(&s->rtcp, s, key, long_salt, 3)) {
        srtp_close(&s);
        return vcr_fail(why, VCR_E_INTERNAL, "SRTP: no ciphers");
    }
    *ret = s;
    return VCR_OK;
}

void srtp_close(struct srtp **s)
{
    if (!*s)
        return;
    half_close(&(*s)->rtp);
    half_close(&(*s)->rtcp);
    for (int i = 0; i < SRTP_STREAMS; i++) {
        free((*s)->rtp_seen[i]);
        free((*s)->rtcp_seen[i]);
    }
    free(*s);
    *s = NULL;
}

/* RFC 7714 8.1 and 9.1: 00 00 SSRC index, xor salt (the SRTCP index is 31 bits of the same place). */
static void gcm_iv(uint8_t iv[12], const uint8_t *salt, uint32_t ssrc, uint64_t index)
{
    iv[0] = iv[1] = 0;
    wr32be(iv + 2, ssrc);
    wr32be(iv + 6, (uint32_t)(index >> 16));
    wr16be(iv + 10, (uint16_t)index);
    for (int i = 0; i < 12; i++)
        iv[i] ^= salt[i];
}

/* RFC 3711 4.1.1: (salt << 16) ^ (SSRC << 64) ^ (index << 16). */
static void cm_iv(uint8_t iv[16], const uint8_t *salt, uint32_t ssrc, uint64_t index)
{
    uint8_t x[10];
    memcpy(iv, salt, SRTP_SALT_MAX);
    iv[14] = iv[15] = 0;
    wr32be(x, ssrc);
    wr32be(x + 4, (uint32_t)(index >> 16));
    wr16be(x + 8, (uint16_t)index);
    for (int i = 0; i < 10; i++)
        iv[4 + i] ^= x[i];
}

static bool gcm_seal(struct half *h, const uint8_t iv[12], const uint8_t *aad, size_t aad_len, const uint8_t *more, size_t more_len, const uint8_t *in,
                     size_t len, uint8_t *out)
{
    int n;
    EVP_CIPHER_CTX *c = h->cipher;
    return EVP_EncryptInit_ex(c, NULL, NULL, NULL, iv) && EVP_EncryptUpdate(c, NULL, &n, aad, (int)aad_len) &&
           (!more_len || EVP_EncryptUpdate(c, NULL, &n, more, (int)more_len)) && (!len || EVP_EncryptUpdate(c, out, &n, in, (int)len)) &&
           EVP_EncryptFinal_ex(c, out + len, &n) && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, GCM_TAG, out + len);
}

static bool gcm_unseal(struct half *h, const uint8_t iv[12], const uint8_t *aad, size_t aad_len, const uint8_t *more, size_t more_len, uint8_t *data,
                       size_t len, uint8_t *tag)
{
    int n;
    EVP_CIPHER_CTX *c = h->cipher;
    return EVP_DecryptInit_ex(c, NULL, NULL, NULL, iv) && EVP_DecryptUpdate(c, NULL, &n, aad, (int)aad_len) &&
           (!more_len || EVP_DecryptUpdate(c, NULL, &n, more, (int)more_len)) && (!len || EVP_DecryptUpdate(c, data, &n, data, (int)len)) &&
           EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, GCM_TAG, tag) && EVP_DecryptFinal_ex(c, data + len, &n) > 0;
}

static bool cm_crypt(struct half *h, uint32_t ssrc, uint64_t index, const uint8_t *in, size_t len, uint8_t *out)
{
    uint8_t iv[16];
    int n;
    cm_iv(iv, h->salt, ssrc, index);
    return EVP_EncryptInit_ex(h->cipher, NULL, NULL, NULL, iv) && (!len || EVP_EncryptUpdate(h->cipher, out, &n, in, (int)len));
}

static bool sha1_tag(struct half *h, const uint8_t *p, size_t len, const uint8_t *more, size_t more_len, uint8_t tag[SHA1_TAG])
{
    uint8_t full[SHA1_BYTES];
    size_t n;
    if (!EVP_MAC_init(h->mac, NULL, 0, NULL) || !EVP_MAC_update(h->mac, p, len) || (more_len && !EVP_MAC_update(h->mac, more, more_len)) ||
        !EVP_MAC_final(h->mac, full, &n, sizeof(full)))
        return false;
    memcpy(tag, full, SHA1_TAG);
    return true;
}

size_t srtp_seal_rtp(struct srtp *s, uint8_t *out, const uint8_t *head, size_t head_len, const uint8_t *payload, size_t len, uint64_t index)
{
    uint8_t iv[12], roc[4];
    uint32_t ssrc = rd32be(head + 8);
    memcpy(out, head, head_len);
    if (s->profile == SRTP_GCM_128) {
        gcm_iv(iv, s->rtp.salt, ssrc, index);
        return gcm_seal(&s->rtp, iv, head, head_len, NULL, 0, payload, len, out + head_len) ? head_len + len + GCM_TAG : 0;
    }
    wr32be(roc, (uint32_t)(index >> 16));
    if (!cm_crypt(&s->rtp, ssrc, index, payload, len, out + head_len) || !sha1_tag(&s->rtp, out, head_len + len, roc, 4, out + head_len + len))
        return 0;
    return head_len + len + SHA1_TAG;
}

size_t srtp_seal_rtcp(struct srtp *s, uint8_t *packet, size_t len)
{
    uint8_t iv[12], field[INDEX_BYTES];
    uint32_t ssrc = rd32be(packet + 4);
    if (len < RTCP_CLEAR || s->rtcp_sent >= rtcp_encrypted - 1)
        return 0;
    uint32_t index = ++s->rtcp_sent;
    wr32be(field, rtcp_encrypted | index);
    uint8_t *body = packet + RTCP_CLEAR;
    if (s->profile == SRTP_GCM_128) {
        gcm_iv(iv, s->rtcp.salt, ssrc, index);
        if (!gcm_seal(&s->rtcp, iv, packet, RTCP_CLEAR, field, sizeof(field), body, len - RTCP_CLEAR, body))
            return 0;
        memcpy(packet + len + GCM_TAG, field, sizeof(field));
        return len + GCM_TAG + INDEX_BYTES;
    }
    if (!cm_crypt(&s->rtcp, ssrc, index, body, len - RTCP_CLEAR, body))
        return 0;
    memcpy(packet + len, field, sizeof(field));
    return sha1_tag(&s->rtcp, packet, len + INDEX_BYTES, NULL, 0, packet + len + INDEX_BYTES) ? len + INDEX_BYTES + SHA1_TAG : 0;
}

/* Its place, which may be free still; NULL: so many have sent. */
static struct window **window_of(struct window *all[SRTP_STREAMS], uint32_t ssrc)
{
    for (int i = 0; i < SRTP_STREAMS; i++)
        if (!all[i] || all[i]->ssrc == ssrc)
            return &all[i];
    return NULL;
}

static bool is_fresh(const struct window *w, uint64_t index)
{
    if (!w || index > w->highest)
        return true;
    return w->highest - index < WINDOW && !(w->seen[index % WINDOW / 64] >> index % 64 & 1);
}

/* Only after the packet proved authentic. */
static void mark(struct window **at, uint32_t ssrc, uint64_t index)
{
    struct window *w = *at;
    if (!w) {
        w = *at = vcr_alloc(sizeof(*w));
        w->ssrc = ssrc;
        w->highest = index;
    }
    if (index > w->highest) {
        uint64_t first = VCR_MAX(w->highest + 1, index >= WINDOW ? index - WINDOW + 1 : 0);
        for (uint64_t i = first; i <= index; i++)
            w->seen[i % WINDOW / 64] &= ~(UINT64_C(1) << i % 64);
        w->highest = index;
    }
    w->seen[index % WINDOW / 64] |= UINT64_C(1) << index % 64;
}

/* RFC 3711 appendix A: the index nearest to the highest one seen. */
static uint64_t index_of(const struct window *w, uint16_t seq)
{
    if (!w)
        return seq;
    uint64_t index = (w->highest & ~UINT64_C(0xffff)) | seq;
    if (index + 0x8000 < w->highest)
        return index + 0x10000;
    return index > w->highest + 0x8000 && index >= 0x10000 ? index - 0x10000 : index;
}

size_t srtp_unseal_rtp(struct srtp *s, uint8_t *packet, size_t len)
{
    struct rtp_view v;
    uint8_t iv[12], roc[4], tag[SHA1_TAG];
    size_t t = tag_bytes(s);
    if (len < t || !rtp_parse(packet, len - t, true, &v))
        return 0;
    struct window **at = window_of(s->rtp_seen, v.head.ssrc);
    uint64_t index = at ? index_of(*at, v.head.seq) : 0;
    if (!at || !is_fresh(*at, index))
        return 0;
    uint8_t *body = packet + v.header_len;
    len -= t;
    if (s->profile == SRTP_GCM_128) {
        gcm_iv(iv, s->rtp.salt, v.head.ssrc, index);
        if (!gcm_unseal(&s->rtp, iv, packet, v.header_len, NULL, 0, body, v.payload_len, packet + len))
            return 0;
    } else {
        wr32be(roc, (uint32_t)(index >> 16));
        if (!sha1_tag(&s->rtp, packet, len, roc, 4, tag) || CRYPTO_memcmp(tag, packet + len, SHA1_TAG) != 0 ||
            !cm_crypt(&s->rtp, v.head.ssrc, index, body, v.payload_len, body))
            return 0;
    }
    mark(at, v.head.ssrc, index);
    return len;
}

size_t srtp_unseal_rtcp(struct srtp *s, uint8_t *packet, size_t len)
{
    uint8_t iv[12], tag[SHA1_TAG];
    size_t t = tag_bytes(s);
    bool gcm = s->profile == SRTP_GCM_128;
    if (len < RTCP_CLEAR + INDEX_BYTES + t || packet[0] >> 6 != 2)
        return 0;
    uint32_t ssrc = rd32be(packet + 4);
    uint8_t *field = packet + len - INDEX_BYTES - (gcm ? 0 : t), *body = packet + RTCP_CLEAR;
    uint32_t index = rd32be(field) & ~rtcp_encrypted;
    bool encrypted = rd32be(field) & rtcp_encrypted;
    struct window **at = window_of(s->rtcp_seen, ssrc);
    if (!at || !is_fresh(*at, index) || !encrypted) /* use_srtp negotiates encryption: clear SRTCP is nobody's we know */
        return 0;
    size_t n = len - INDEX_BYTES - t;
    if (gcm) {
        gcm_iv(iv, s->rtcp.salt, ssrc, index);
        if (!gcm_unseal(&s->rtcp, iv, packet, RTCP_CLEAR, field, INDEX_BYTES, body, n - RTCP_CLEAR, packet + n))
            return 0;
    } else if (!sha1_tag(&s->rtcp, packet, n + INDEX_BYTES, NULL, 0, tag) || CRYPTO_memcmp(tag, packet + n + INDEX_BYTES, SHA1_TAG) != 0 ||
               !cm_crypt(&s->rtcp, ssrc, index, body, n - RTCP_CLEAR, body)) {
        return 0;
    }
    mark(at, ssrc, index);
    return n;
}
