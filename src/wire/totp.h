/* wire/totp.h - one-time codes by time: RFC 6238 over RFC 4226, with the base32 (RFC 4648 section 6) that authenticators take secrets in. PURE.
 *
 * Units  a step is 30 s since 1970. Errors: by return value.   Threads  none. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TOTP_STEP_S = 30, TOTP_DIGITS = 6, TOTP_SECRET_BYTES = 20, TOTP_CODE_BYTES = 9, TOTP_BASE32_BYTES = 33 };
enum totp_hash { TOTP_SHA1, TOTP_SHA256, TOTP_SHA512 }; /* SHA1 is what all authenticators know, and what we use */

/* The code of that step in 6 to 8 decimal digits. RFC 4226 5.3: dynamic truncation of the HMAC of the step as 8 bytes, big end first. */
void totp_code(char ret[TOTP_CODE_BYTES], const uint8_t *secret, size_t len, enum totp_hash hash, int64_t step, int digits);
/* The step of which `code` is the six digits, within one step before and after that of now_s and above last_step (a code that was used, or one before it, is used up); -1: none. Always
 * looks at all of them, in constant time. */
int64_t totp_find(const uint8_t *secret, size_t len, const char *code, int64_t now_s, int64_t last_step);
/* Upper case, no padding; out has (len * 8 + 4) / 5 + 1 bytes. */
void totp_base32(char *out, const uint8_t *bytes, size_t len);
