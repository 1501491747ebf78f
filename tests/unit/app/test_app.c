/* tests/unit/app/test_app.c - tokens under attack, the secret file, partial dates. */
#include <pthread.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/accounts.h"
#include "app/tapes.h"
#include "wire/jwt.h"

static const struct jwt_key keys[] = { { "0011", "01234567890123456789012345678901" }, { "2233", "abcdefabcdefabcdefabcdefabcdefab" } };
enum { NOW = 1000000 };

static void token_of(char out[1200], const struct jwt_key *key, int64_t nbf, int64_t exp, const char *aud)
{
    struct jwt_claims c = { .iss = "me", .sub = 7, .fam = "f", .iat = nbf, .nbf = nbf, .exp = exp };
    struct buf b;
    vcr_strcpy(c.aud, sizeof(c.aud), aud);
    buf_init(&b, 2000);
    jwt_sign(&b, key, &c);
    vcr_strcpy(out, 1200, b.data);
    buf_free(&b);
}

static enum vcr_err check(const char *token)
{
    struct jwt_claims c;
    return jwt_verify(&c, token, strlen(token), keys, ARRAY_LEN(keys), "me", "you", NOW, NULL);
}

/* Signed with our key as it stands, whatever the header says: what an attacker who found a confused verifier would send. */
static void forged(char out[1200], const char *header, const char *payload)
{
    char h[400], p[600], m[64];
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    vcr_b64url_encode(h, header, strlen(header));
    vcr_b64url_encode(p, payload, strlen(payload));
    int n = snprintf(out, 1200, "%s.%s", h, p);
    crypto_auth_hmacsha256(mac, (unsigned char *)out, (size_t)n, keys[0].key);
    vcr_b64url_encode(m, mac, sizeof(mac));
    snprintf(out + n, 1200 - (size_t)n, ".%s", m);
}

#define GOOD "{\"iss\":\"me\",\"aud\":\"you\",\"sub\":\"7\",\"fam\":\"f\",\"iat\":1,\"nbf\":1,\"exp\":2000000}"
static void tokens_hold_against_attacks(void **state)
{
    char t[1200], bad[1300];
    static const char *const headers[] = {
        "{\"alg\":\"none\",\"kid\":\"0011\",\"typ\":\"JWT\"}", "{\"alg\":\"RS256\",\"kid\":\"0011\",\"typ\":\"JWT\"}", "{\"alg\":\"HS256\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\",\"kid\":\"9999\",\"typ\":\"JWT\"}", "{\"alg\":\"HS256\",\"alg\":\"none\",\"kid\":\"0011\",\"typ\":\"JWT\"}", "{}", "",
    };
    static const char *const payloads[] = {
        "{}", "", GOOD " ", "{\"iss\":\"me\",\"aud\":\"you\",\"sub\":\"7\",\"sub\":\"1\",\"fam\":\"f\",\"iat\":1,\"nbf\":1,\"exp\":2000000}",
        "{\"iss\":\"me\",\"aud\":\"you\",\"sub\":\"-7\",\"fam\":\"f\",\"iat\":1,\"nbf\":1,\"exp\":2000000}",
        "{\"iss\":\"me\",\"aud\":\"you\",\"sub\":\"7\",\"fam\":\"f\",\"iat\":1,\"nbf\":1,\"exp\":99999999999999999999}",
    };
    const char *head = "{\"alg\":\"HS256\",\"kid\":\"0011\",\"typ\":\"JWT\"}";
    forged(t, head, GOOD);
    assert_int_equal(check(t), VCR_OK);
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        forged(t, headers[i], GOOD);
        assert_int_equal(check(t), VCR_E_AUTH);
    }
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
        forged(t, head, payloads[i]);
        assert_int_equal(check(t), VCR_E_AUTH);
    }
    token_of(t, &keys[1], 1, 2 * NOW, "you");
    assert_int_equal(check(t), VCR_OK);
    for (size_t i = 0; t[i]; i++) { /* no character may change */
        char keep = t[i];
        t[i] = keep == 'A' ? 'B' : 'A';
        assert_int_equal(check(t), VCR_E_AUTH);
        t[i] = keep;
    }
    *strrchr(t, '.') = '\0';
    assert_int_equal(check(t), VCR_E_AUTH);
    strcat(t, ".");
    assert_int_equal(check(t), VCR_E_AUTH);
    token_of(t, &keys[0], 1, NOW, "you"); /* just over */
    assert_int_equal(check(t), VCR_E_AUTH);
    token_of(t, &keys[0], NOW + 60, 2 * NOW, "you");
    assert_int_equal(check(t), VCR_E_AUTH);
    token_of(t, &keys[0], 1, 2 * NOW, "others");
    assert_int_equal(check(t), VCR_E_AUTH);
    memset(bad, 'A', sizeof(bad) - 1);
    bad[sizeof(bad) - 1] = '\0';
    assert_int_equal(check(bad), VCR_E_AUTH);
    assert_int_equal(check(""), VCR_E_AUTH);
}

struct starter { const char *path; uint8_t secret[APP_SECRET_BYTES]; enum vcr_err err; };

static void *start(void *arg)
{
    struct starter *s = arg;
    s->err = app_secret_file(s->path, s->secret, NULL);
    return NULL;
}

static void racing_starters_share_one_secret(void **state)
{
    char dir[] = "/tmp/vcr-app-XXXXXX", path[64];
    pthread_t threads[8];
    struct starter s[8];
    struct stat st;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/secret", dir);
    for (int i = 0; i < 8; i++) {
        s[i].path = path;
        pthread_create(&threads[i], NULL, start, &s[i]);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(s[i].err, VCR_OK);
        assert_memory_equal(s[i].secret, s[0].secret, APP_SECRET_BYTES);
    }
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    chmod(path, 0644);
    assert_int_equal(app_secret_file(path, s[0].secret, NULL), VCR_E_INVALID);
    unlink(path);
    assert_int_equal(rmdir(dir), 0); /* no leftovers of the losers */
}

static void partial_dates_name_intervals(void **state)
{
    static const struct { const char *text; bool ok; int64_t from, to; } dates[] = {
        { "1970", true, 0, 31535999999 }, { "1970-02", true, 2678400000, 5097599999 }, { "1970-01-02", true, 86400000, 172799999 },
        { "1972-02-29", true, 68169600000, 68255999999 }, { "1970-01-01T00:00:01Z", true, 1000, 1000 }, { "1971-02-29", false, 0, 0 },
        { "1970-13", false, 0, 0 }, { "70", false, 0, 0 }, { "1970-1", false, 0, 0 }, { "", false, 0, 0 }, { "1970/01", false, 0, 0 }, { "1970-01-01T", false, 0, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
        int64_t from = 0, to = 0;
        assert_int_equal(app_date_bounds(dates[i].text, &from, &to), dates[i].ok);
        assert_int_equal(from, dates[i].from);
        assert_int_equal(to, dates[i].to);
    }
}

static void addresses_are_normal(void **state)
{
    char out[APP_EMAIL_BYTES];
    assert_true(app_email_normal("Ab@X.org", out));
    assert_string_equal(out, "ab@x.org");
    static const char *const bad[] = { "", "a", "@x", "a@", "a@b@c", "a b@c", "a@.x", "a@x.", "a\n@x" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(app_email_normal(bad[i], out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_hold_against_attacks),
        cmocka_unit_test(racing_starters_share_one_secret),
        cmocka_unit_test(partial_dates_name_intervals),
        cmocka_unit_test(addresses_are_normal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
