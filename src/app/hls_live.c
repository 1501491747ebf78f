/* app/hls_live.c - see hls_live.h. */
#include "app/hls_live.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "app/sessions.h"
#include "app/shares.h"
#include "base/clock.h"

enum { REMEMBER_MS = 1500, MAC_AT = 16, RAW = MAC_AT + crypto_auth_hmacsha256_BYTES, ID_BYTES = VCR_UUID_BYTES };
_Static_assert(VCR_B64URL_BYTES(RAW) == APP_HLS_LIVE_TOKEN_BYTES, "a token fits");

/* Over the session, the user and the expiry. */
static void make_mac(const struct app *a, const char *session_id, const uint8_t *head, uint8_t mac[crypto_auth_hmacsha256_BYTES])
{
    uint8_t key[32], text[ID_BYTES + MAC_AT] = { 0 };
    app_key(a, "hls live", key);
    vcr_strcpy((char *)text, ID_BYTES, session_id);
    memcpy(text + ID_BYTES, head, MAC_AT);
    crypto_auth_hmacsha256(mac, text, sizeof(text), key);
    sodium_memzero(key, sizeof(key));
}

void app_hls_live_token(const struct app *a, const char *session_id, int64_t user_id, int64_t expires_ms, char ret[APP_HLS_LIVE_TOKEN_BYTES])
{
    uint8_t raw[RAW];
    wr64be(raw, (uint64_t)user_id);
    wr64be(raw + 8, (uint64_t)expires_ms);
    make_mac(a, session_id, raw, raw + MAC_AT);
    vcr_b64url_encode(ret, raw, sizeof(raw));
}

enum vcr_err app_hls_live_check(const struct app *a, const char *session_id, const char *token, int64_t now_ms, int64_t *ret_user_id, struct vcr_why *why)
{
    uint8_t raw[RAW], mac[crypto_auth_hmacsha256_BYTES];
    bool whole = vcr_is_uuid(session_id) && vcr_b64url_decode(raw, sizeof(raw), token, strlen(token)) == RAW;
    if (whole)
        make_mac(a, session_id, raw, mac);
    if (!whole || sodium_memcmp(mac, raw + MAC_AT, sizeof(mac)) != 0)
        return vcr_fail(why, VCR_E_DENIED, "this token does not open this session");
    if ((int64_t)rd64be(raw + 8) <= now_ms)
        return vcr_refuse(why, VCR_E_DENIED, "/token-expired", "this token has expired; ask for a new one");
    *ret_user_id = (int64_t)rd64be(raw);
    return VCR_OK;
}

static void cache_key(const char *session_id, int64_t user_id, char out[96]) { snprintf(out, 96, "hls/live/%s/%" PRId64, session_id, user_id); }

bool app_hls_live_remembered(const struct app *a, const char *session_id, int64_t user_id)
{
    char key[96], yes;
    size_t len;
    cache_key(session_id, user_id, key);
    return cache_get(a->config.cache, key, &yes, sizeof(yes), &len);
}

enum vcr_err app_hls_live_find(const struct app *a, struct sql_tx *tx, const char *session_id, int64_t user_id, struct vcr_why *why)
{
    struct app_session s = { 0 };
    char key[96];
    struct app_principal who;
    enum vcr_err err = app_person(tx, user_id, clock_wall_ms(), &who, why);
    if (err == VCR_OK)
        err = app_session_find(tx, &who, session_id, APP_SEE, &s, why);
    app_session_free(&s);
    cache_key(session_id, user_id, key);
    if (err == VCR_OK)
        cache_set(a->config.cache, key, "y", 1, REMEMBER_MS);
    return err;
}
