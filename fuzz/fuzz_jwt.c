/* fuzz/fuzz_jwt.c - no bytes become an access token but those that jwt_sign made. */
#include <stdlib.h>

#include "wire/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct jwt_key key = { "0011", "01234567890123456789012345678901" };
    struct jwt_claims c;
    if (jwt_verify(&c, (const char *)data, size, &key, 1, "me", "you", 1000, NULL) == VCR_OK)
        abort();
    return 0;
}
