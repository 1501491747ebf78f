/* tests/unit/wire/test_totp.c - one-time codes against RFC 4226 appendix D, RFC 6238 appendix B and RFC 4648 section 10. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "wire/totp.h"

static const char digits64[] = "1234567890123456789012345678901234567890123456789012345678901234";

static void the_vectors_of_rfc_6238(void **state)
{
    static const struct { int64_t time_s; const char *sha1, *sha256, *sha512; } vectors[] = {
        { 59, "94287082", "46119246", "90693936" },          { 1111111109, "07081804", "68084774", "25091201" },
        { 1111111111, "14050471", "67062674", "99943326" },  { 1234567890, "89005924", "91819424", "93441116" },
        { 2000000000, "69279037", "90698825", "38618901" },  { 20000000000, "65353130", "77737706", "47863826" },
    };
    char code[TOTP_CODE_BYTES];
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        int64_t step = vectors[i].time_s / TOTP_STEP_S;
        totp_code(code, (const uint8_t *)digits64, 20, TOTP_SHA1, step, 8);
        assert_string_equal(code, vectors[i].sha1);
        totp_code(code, (const uint8_t *)digits64, 32, TOTP_SHA256, step, 8);
        assert_string_equal(code, vectors[i].sha256);
        totp_code(code, (const uint8_t *)digits64, 64, TOTP_SHA512, step, 8);
        assert_string_equal(code, vectors[i].sha512);
    }
}

static void the_vectors_of_rfc_4226(void **state)
{
    static const char *const codes[] = { "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489" };
    char code[TOTP_CODE_BYTES];
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        totp_code(code, (const uint8_t *)digits64, 20, TOTP_SHA1, (int64_t)i, 6);
        assert_string_equal(code, codes[i]);
    }
}

static int64_t find(const char *code, int64_t now_s, int64_t last_step) { return totp_find((const uint8_t *)digits64, 20, code, now_s, last_step); }

static void a_code_is_good_for_a_while_and_once(void **state)
{
    /* step 5 is 150..179 s: "254676" */
    assert_int_equal(find("254676", 150, 0), 5);
    assert_int_equal(find("254676", 179, 0), 5);
    assert_int_equal(find("254676", 120, 0), 5);  /* the clock of the other is ahead */
    assert_int_equal(find("254676", 209, 0), 5);  /* or behind */
    assert_int_equal(find("254676", 119, 0), -1);
    assert_int_equal(find("254676", 210, 0), -1);
    assert_int_equal(find("254676", 150, 4), 5);
    assert_int_equal(find("254676", 150, 5), -1); /* used */
    assert_int_equal(find("338314", 150, 5), -1); /* the one before it, too */
    assert_int_equal(find("287922", 150, 5), 6);
    static const char *const wrong[] = { "", "25467", "2546760", "254677", "abcdef", "\xff\xff\xff\xff\xff\xff" };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(find(wrong[i], 150, 0), -1);
}

static void base32(void **state)
{
    static const struct { const char *plain, *coded; } vectors[] = {
        { "", "" }, { "f", "MY" }, { "fo", "MZXQ" }, { "foo", "MZXW6" }, { "foob", "MZXW6YQ" }, { "fooba", "MZXW6YTB" }, { "foobar", "MZXW6YTBOI" },
    };
    char out[TOTP_BASE32_BYTES];
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        totp_base32(out, (const uint8_t *)vectors[i].plain, strlen(vectors[i].plain));
        assert_string_equal(out, vectors[i].coded);
    }
    totp_base32(out, (const uint8_t *)digits64, TOTP_SECRET_BYTES);
    assert_string_equal(out, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_rfc_6238), cmocka_unit_test(the_vectors_of_rfc_4226), cmocka_unit_test(a_code_is_good_for_a_while_and_once), cmocka_unit_test(base32),
    };
    return cmocka_run_group_tests_name("totp", tests, NULL, NULL);
}
