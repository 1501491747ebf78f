/* wire/jwt.c - signing and checking access tokens. */
#include "wire/jwt.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { HEADER_MAX = 128, PAYLOAD_MAX = 512, SIGNATURE_CHARS = 43 };

/* The one header there is for a key, in base64url. */
static void encode_header(char out[VCR_B64URL_BYTES(HEADER_MAX)], const struct jwt_key *key)
{
    char text[HEADER_MAX];
    int n = snprintf(text, sizeof(text), "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", key->kid);
    vcr_b64url_encode(out, text, (size_t)n);
}

static void sign(char out[VCR_B64URL_BYTES(crypto_auth_hmacsha256_BYTES)], const char *text, size_t len, const struct jwt_key *key)
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256(mac, (const unsigned char *)text, len, key->key);
    vcr_b64url_encode(out, mac, sizeof(mac));
}

void jwt_sign(struct buf *out, const struct jwt_key *key, const struct jwt_claims *c)
{
    char payload[PAYLOAD_MAX], head64[VCR_B64URL_BYTES(HEADER_MAX)], payload64[VCR_B64URL_BYTES(PAYLOAD_MAX)];
    int n = snprintf(payload, sizeof(payload),
                     "{\"iss\":\"%s\",\"aud\":\"%s\",\"sub\":\"%" PRId64 "\",\"fam\":\"%s\",\"iat\":%" PRId64 ",\"nbf\":%" PRId64 ",\"exp\":%" PRId64 "}",
                     c->iss, c->aud, c->sub, c->fam, c->iat, c->nbf, c->exp);
    encode_header(head64, key);
    vcr_b64url_encode(payload64, payload, (size_t)n);
    char text[sizeof(head64) + sizeof(payload64)], mac64[VCR_B64URL_BYTES(crypto_auth_hmacsha256_BYTES)];
    int len = snprintf(text, sizeof(text), "%s.%s", head64, payload64);
    sign(mac64, text, (size_t)len, key);
    buf_addf(out, "%s.%s", text, mac64);
}

/* A cursor over the payload, which must be exactly what jwt_sign writes. */
static bool take(const char **p, const char *literal)
{
    size_t n = strlen(literal);
    if (strncmp(*p, literal, n) != 0)
        return false;
    *p += n;
    return true;
}

static bool take_text(const char **p, char *out, size_t size)
{
    size_t n = strcspn(*p, "\"\\");
    if ((*p)[n] != '"' || n >= size)
        return false;
    memcpy(out, *p, n);
    out[n] = '\0';
    *p += n;
    return true;
}

static bool take_number(const char **p, int64_t *ret)
{
    char digits[20];
    size_t n = strspn(*p, "0123456789");
    uint64_t value;
    if (n == 0 || n >= sizeof(digits))
        return false;
    memcpy(digits, *p, n);
    digits[n] = '\0';
    if (!vcr_parse_u64(digits, INT64_MAX, &value))
        return false;
    *ret = (int64_t)value;
    *p += n;
    return true;
}

static bool parse_claims(struct jwt_claims *c, const char *p)
{
    return take(&p, "{\"iss\":\"") && take_text(&p, c->iss, sizeof(c->iss)) && take(&p, "\",\"aud\":\"") && take_text(&p, c->aud, sizeof(c->aud)) &&
           take(&p, "\",\"sub\":\"") && take_number(&p, &c->sub) && take(&p, "\",\"fam\":\"") && take_text(&p, c->fam, sizeof(c->fam)) &&
           take(&p, "\",\"iat\":") && take_number(&p, &c->iat) && take(&p, ",\"nbf\":") && take_number(&p, &c->nbf) && take(&p, ",\"exp\":") &&
           take_number(&p, &c->exp) && take(&p, "}") && *p == '\0';
}

static const struct jwt_key *key_of_header(const char *token, size_t len, const struct jwt_key *keys, size_t key_count)
{
    for (size_t i = 0; i < key_count; i++) {
        char head64[VCR_B64URL_BYTES(HEADER_MAX)];
        encode_header(head64, &keys[i]);
        if (strlen(head64) == len && memcmp(head64, token, len) == 0)
            return &keys[i];
    }
    return NULL;
}

enum vcr_err jwt_verify(struct jwt_claims *ret, const char *token, size_t len, const struct jwt_key *keys, size_t key_count, const char *iss,
                        const char *aud, int64_t now_s, struct vcr_why *why)
{
    if (len > JWT_MAX_BYTES)
        return vcr_fail(why, VCR_E_AUTH, "the access token is too long");
    const char *dot1 = memchr(token, '.', len);
    const char *dot2 = dot1 ? memchr(dot1 + 1, '.', len - (size_t)(dot1 + 1 - token)) : NULL;
    if (!dot2 || len - (size_t)(dot2 + 1 - token) != SIGNATURE_CHARS)
        return vcr_fail(why, VCR_E_AUTH, "this is no access token");
    const struct jwt_key *key = key_of_header(token, (size_t)(dot1 - token), keys, key_count);
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    if (!key || vcr_b64url_decode(mac, sizeof(mac), dot2 + 1, SIGNATURE_CHARS) != (long)sizeof(mac) ||
        crypto_auth_hmacsha256_verify(mac, (const unsigned char *)token, (size_t)(dot2 - token), key->key) != 0)
        return vcr_fail(why, VCR_E_AUTH, "the access token was not made by this server");
    char payload[PAYLOAD_MAX + 1];
    struct jwt_claims c = { 0 };
    long n = vcr_b64url_decode(payload, PAYLOAD_MAX, dot1 + 1, (size_t)(dot2 - dot1 - 1));
    if (n < 0)
        return vcr_fail(why, VCR_E_AUTH, "the access token cannot be read");
    payload[n] = '\0';
    if (!parse_claims(&c, payload) || strcmp(c.iss, iss) != 0 || strcmp(c.aud, aud) != 0)
        return vcr_fail(why, VCR_E_AUTH, "the access token is not for this use");
    if (now_s >= c.exp)
        return vcr_fail(why, VCR_E_AUTH, "the access token has expired");
    if (now_s + JWT_LEEWAY_S < c.nbf)
        return vcr_fail(why, VCR_E_AUTH, "the access token is not valid yet");
    *ret = c;
    return VCR_OK;
}
