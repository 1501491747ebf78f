/* wire/stun.c - see stun.h. */
#include "wire/stun.h"

#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/util.h"

enum { HEADER = 20, MAC_BYTES = 20, MAC_ATTR = 4 + MAC_BYTES, CRC_ATTR = 8, FAMILY_V4 = 1, FAMILY_V6 = 2 };
static const uint8_t cookie[4] = { 0x21, 0x12, 0xa4, 0x42 };
static const uint32_t crc_mask = 0x5354554e; /* RFC 8489 14.7: tells a STUN fingerprint from another protocol's CRC-32 */

/* Bit by bit: some 100 bytes a check, a few checks a minute and viewer. */
static uint32_t crc32_of(const uint8_t *p, size_t len)
{
    uint32_t c = ~UINT32_C(0);
    while (len--) {
        c ^= *p++;
        for (int k = 0; k < 8; k++)
            c = (c >> 1) ^ (c & 1 ? UINT32_C(0xedb88320) : 0);
    }
    return ~c;
}

/* HMAC-SHA1 over the first `at` bytes, with the length field set as if the message ended after MESSAGE-INTEGRITY. */
static bool mac_of(const uint8_t *p, size_t at, const char *password, uint8_t mac[MAC_BYTES])
{
    uint8_t copy[STUN_MAX_BYTES];
    unsigned len = 0;
    memcpy(copy, p, at);
    wr16be(copy + 2, (uint16_t)(at - HEADER + MAC_ATTR));
    return HMAC(EVP_sha1(), password, (int)strlen(password), copy, at, mac, &len) != NULL && len == MAC_BYTES;
}

static bool parse_mapped(const uint8_t *msg, const uint8_t *v, size_t len, struct stun_addr *ret)
{
    if (len < 8)
        return false;
    ret->is_v6 = v[1] == FAMILY_V6;
    size_t bytes = ret->is_v6 ? 16 : 4;
    if ((v[1] != FAMILY_V4 && v[1] != FAMILY_V6) || len != 4 + bytes)
        return false;
    ret->port = rd16be(v + 2) ^ rd16be(cookie);
    for (size_t i = 0; i < bytes; i++)
        ret->bytes[i] = v[4 + i] ^ msg[4 + i]; /* the cookie, then the transaction id */
    return true;
}

/* One attribute that MESSAGE-INTEGRITY covers, or that one itself. */
static bool take(struct stun_msg *m, const uint8_t *msg, const uint8_t *attr, uint16_t type, size_t len)
{
    const uint8_t *v = attr + 4;
    switch (type) {
    case STUN_USERNAME:
        m->user = (const char *)v;
        m->user_len = len;
        return len <= STUN_USER_MAX;
    case STUN_INTEGRITY:
        m->integrity_at = (size_t)(attr - msg);
        return len == MAC_BYTES;
    case STUN_USE_CANDIDATE:
        m->use_candidate = true;
        return len == 0;
    case STUN_CONTROLLING:
        m->controlling = true;
        return len == 8;
    case STUN_CONTROLLED:
        m->controlled = true;
        return len == 8;
    case STUN_ERROR_CODE:
        m->error = len >= 4 ? (v[2] & 7) * 100 + v[3] : 0;
        return len >= 4;
    case STUN_MAPPED:
        m->has_mapped = true;
        return parse_mapped(msg, v, len, &m->mapped);
    default:
        return true;
    }
}

bool stun_parse(const uint8_t *p, size_t len, struct stun_msg *ret)
{
    if (len < HEADER || len > STUN_MAX_BYTES || len % 4 || p[0] > 3 || memcmp(p + 4, cookie, 4) != 0 || rd16be(p + 2) != len - HEADER)
        return false;
    *ret = (struct stun_msg) { .type = rd16be(p), .txid = p + 8 };
    for (size_t at = HEADER; at < len;) { /* len and at are multiples of 4, so that 4 bytes are there */
        uint16_t type = rd16be(p + at);
        size_t n = rd16be(p + at + 2);
        if (n > len - at - 4)
            return false;
        if (type == STUN_FINGERPRINT) {
            ret->has_fingerprint = n == 4 && at + CRC_ATTR == len && rd32be(p + at + 4) == (crc32_of(p, at) ^ crc_mask);
            return ret->has_fingerprint;
        }
        if (!ret->integrity_at && !take(ret, p, p + at, type, n))
            return false;
        at += 4 + ((n + 3) & ~(size_t)3);
    }
    return true;
}

bool stun_check(const uint8_t *p, const struct stun_msg *m, const char *password)
{
    uint8_t mac[MAC_BYTES];
    return m->integrity_at && mac_of(p, m->integrity_at, password, mac) && CRYPTO_memcmp(mac, p + m->integrity_at + 4, MAC_BYTES) == 0;
}

void stun_begin(struct stun_out *o, enum stun_type type, const uint8_t txid[STUN_TXID_BYTES])
{
    wr16be(o->bytes, (uint16_t)type);
    wr16be(o->bytes + 2, 0);
    memcpy(o->bytes + 4, cookie, 4);
    memcpy(o->bytes + 8, txid, STUN_TXID_BYTES);
    o->len = HEADER;
}

void stun_add(struct stun_out *o, enum stun_attr attr, const void *value, size_t len)
{
    size_t padded = (len + 3) & ~(size_t)3;
    assert(o->len + 4 + padded <= sizeof(o->bytes));
    uint8_t *p = o->bytes + o->len;
    wr16be(p, (uint16_t)attr);
    wr16be(p + 2, (uint16_t)len);
    memset(p + 4, 0, padded);
    if (len)
        memcpy(p + 4, value, len);
    o->len += 4 + padded;
    wr16be(o->bytes + 2, (uint16_t)(o->len - HEADER));
}

void stun_add_mapped(struct stun_out *o, const struct stun_addr *a)
{
    uint8_t v[20] = { 0, a->is_v6 ? FAMILY_V6 : FAMILY_V4 };
    size_t bytes = a->is_v6 ? 16 : 4;
    wr16be(v + 2, a->port ^ rd16be(cookie));
    for (size_t i = 0; i < bytes; i++)
        v[4 + i] = a->bytes[i] ^ o->bytes[4 + i];
    stun_add(o, STUN_MAPPED, v, 4 + bytes);
}

void stun_add_error(struct stun_out *o, int code, const char *reason)
{
    uint8_t v[64] = { 0, 0, (uint8_t)(code / 100), (uint8_t)(code % 100) };
    size_t len = strlen(reason);
    assert(len <= sizeof(v) - 4);
    memcpy(v + 4, reason, len);
    stun_add(o, STUN_ERROR_CODE, v, 4 + len);
}

void stun_end(struct stun_out *o, const char *password)
{
    uint8_t mac[MAC_BYTES] = { 0 }, crc[4];
    mac_of(o->bytes, o->len, password, mac);
    stun_add(o, STUN_INTEGRITY, mac, sizeof(mac));
    wr16be(o->bytes + 2, (uint16_t)(o->len - HEADER + CRC_ATTR)); /* the length counts the fingerprint already */
    wr32be(crc, crc32_of(o->bytes, o->len) ^ crc_mask);
    stun_add(o, STUN_FINGERPRINT, crc, sizeof(crc));
}
