/* wire/totp.c - see totp.h. */
#include "wire/totp.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/util.h"

void totp_code(char ret[TOTP_CODE_BYTES], const uint8_t *secret, size_t len, enum totp_hash hash, int64_t step, int digits)
{
    const EVP_MD *md = hash == TOTP_SHA512 ? EVP_sha512() : hash == TOTP_SHA256 ? EVP_sha256() : EVP_sha1();
    uint8_t counter[8], mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    assert(digits >= 6 && digits <= 8);
    wr64be(counter, (uint64_t)step);
    HMAC(md, secret, (int)len, counter, sizeof(counter), mac, &mac_len);
    assert(mac_len >= 20);
    unsigned at = mac[mac_len - 1] & 15;
    uint32_t number = rd32be(mac + at) & 0x7fffffff;
    ret[digits] = '\0';
    for (int i = digits; i-- > 0; number /= 10)
        ret[i] = (char)('0' + number % 10);
}

int64_t totp_find(const uint8_t *secret, size_t len, const char *code, int64_t now_s, int64_t last_step)
{
    int64_t now = now_s / TOTP_STEP_S, found = -1;
    char given[TOTP_CODE_BYTES] = "", want[TOTP_CODE_BYTES];
    bool right_length = strlen(code) == TOTP_DIGITS;
    if (right_length)
        memcpy(given, code, TOTP_DIGITS);
    for (int64_t step = now - 1; step <= now + 1; step++) {
        unsigned differs = 0;
        totp_code(want, secret, len, TOTP_SHA1, step, TOTP_DIGITS);
        for (int i = 0; i < TOTP_DIGITS; i++)
            differs |= (unsigned char)given[i] ^ (unsigned char)want[i];
        if (!differs && step > last_step)
            found = step;
    }
    return right_length ? found : -1;
}

void totp_base32(char *out, const uint8_t *bytes, size_t len)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint32_t bits = 0;
    int have = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | bytes[i];
        for (have += 8; have >= 5; have -= 5)
            *out++ = letters[bits >> (have - 5) & 31];
    }
    if (have)
        *out++ = letters[bits << (5 - have) & 31];
    *out = '\0';
}
