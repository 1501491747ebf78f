/* wire/jwt.h - access tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256, made and read by this program only. PURE.
 *
 * The algorithm is ours, never the token's: the header must be, byte for byte, the one that jwt_sign writes for one of the keys given, so "none", RS256, unknown or
 * doubled members and embedded keys have nothing to say. The payload is read only after the signature held. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/util.h"
#include "base/why.h"

enum { JWT_KEY_BYTES = 32, JWT_MAX_BYTES = 1024, JWT_KID_BYTES = 17, JWT_LEEWAY_S = 5 };
struct jwt_key {
    char kid[JWT_KID_BYTES];
    uint8_t key[JWT_KEY_BYTES];
};
struct jwt_claims {
    char iss[32], aud[32];
    int64_t sub;                 /* user id */
    char fam[VCR_UUID_BYTES];    /* the log-in's family; may be empty */
    int64_t iat, nbf, exp;       /* seconds since 1970 */
};
/* Appends the token. */
void jwt_sign(struct buf *out, const struct jwt_key *key, const struct jwt_claims *claims);
/* VCR_E_AUTH with the reason unless signature, issuer, audience, nbf and exp hold. */
enum vcr_err jwt_verify(struct jwt_claims *ret, const char *token, size_t len, const struct jwt_key *keys, size_t key_count, const char *iss,
                        const char *aud, int64_t now_s, struct vcr_why *why);
