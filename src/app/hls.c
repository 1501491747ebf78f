/* app/hls.c - see hls.h. */
#include "app/hls.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/accounts.h"
#include "app/tapes.h"
#include "deliver/hls/playlist.h"
#include "wire/reelidx.h"

/* Remembered for REMEMBER_MS, so that what ended is noticed within two seconds, the query included. */
enum { REMEMBER_MS = 1500, LIST_MS = 3600 * 1000, LIST_KEPT_BYTES = 512 << 10, INDEX_MAX_BYTES = 64 << 20 };

/* ---- reels ---- */
static const struct { const char *status, *text; } not_ready[] = {
    { "blank", "this tape is blank" },
    { "uploading", "this tape's film is still being uploaded" },
    { "processing", "this tape is still being processed" },
    { "recording", "this tape is being recorded" },
    { "failed", "this tape's film could not be processed" },
};

static enum vcr_err check_ready(const char *status, struct vcr_why *why)
{
    const char *text = "there is nothing to watch on this tape";
    if (strcmp(status, "ready") == 0)
        return VCR_OK;
    for (size_t i = 0; i < ARRAY_LEN(not_ready); i++)
        if (strcmp(status, not_ready[i].status) == 0)
            text = not_ready[i].text;
    return vcr_refuse(why, VCR_E_CONFLICT, "/tape-not-ready", "%s", text);
}

static void digest(const char *text, size_t len, char ret[APP_HLS_VERSION_BYTES])
{
    uint8_t hash[(APP_HLS_VERSION_BYTES - 1) / 2];
    crypto_generichash(hash, sizeof(hash), (const unsigned char *)text, len, NULL, 0);
    vcr_hex(ret, hash, sizeof(hash));
}

static void read_reel(struct sql_rows *rows, struct app_hls_reel *r)
{
    char name[APP_HLS_KEY_BYTES + 24];
    if (!vcr_strcpy(r->blob_key, sizeof(r->blob_key), sql_text(rows, 1)) || !vcr_strcpy(r->index_key, sizeof(r->index_key), sql_text(rows, 2)))
        return;
    /* A blob's key holds the number of the job that made it, and those never come back. */
    int len = snprintf(name, sizeof(name), "%s %" PRId64, r->blob_key, sql_int(rows, 3));
    digest(name, (size_t)len, r->version);
}

static enum vcr_err read_reels(struct sql_tx *tx, int64_t tape_id, struct app_hls *h, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT kind, blob_key, index_key, size_bytes FROM reels WHERE tape_id = $1 AND kind IN ('clean_video', 'clean_audio')",
                                 SQL_ARGS(SQL_I(tape_id)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        read_reel(rows, strcmp(sql_text(rows, 0), "clean_video") == 0 ? &h->video : &h->audio);
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

enum vcr_err app_hls_find(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, struct app_hls *ret, struct vcr_why *why)
{
    struct app_tape t = { 0 };
    struct app_hls h = { 0 };
    enum vcr_err err = app_tape_find(tx, who, tape_id, APP_SEE, APP_NOT_BINNED, &t, why);
    if (err == VCR_OK)
        err = check_ready(t.c[APP_T_STATUS].s, why);
    app_tape_free(&t);
    if (err == VCR_OK)
        err = read_reels(tx, tape_id, &h, why);
    if (err == VCR_OK && !app_hls_has(&h.video) && !app_hls_has(&h.audio))
        err = check_ready("", why);
    if (err == VCR_OK)
        *ret = h;
    return err;
}

/* ---- tokens: user, expiry and a MAC over both and the tape, as base64url ---- */
enum { TOKEN_MAC_AT = 16, TOKEN_RAW = TOKEN_MAC_AT + crypto_auth_hmacsha256_BYTES };
_Static_assert(VCR_B64URL_BYTES(TOKEN_RAW) == APP_HLS_TOKEN_BYTES, "a token fits");

static void token_mac(const struct app *a, int64_t tape_id, const uint8_t *head, uint8_t mac[crypto_auth_hmacsha256_BYTES])
{
    uint8_t key[32], text[8 + TOKEN_MAC_AT];
    app_key(a, "hls", key);
    wr64be(text, (uint64_t)tape_id);
    memcpy(text + 8, head, TOKEN_MAC_AT);
    crypto_auth_hmacsha256(mac, text, sizeof(text), key);
    sodium_memzero(key, sizeof(key));
}

void app_hls_token(const struct app *a, int64_t tape_id, int64_t user_id, int64_t expires_ms, char ret[APP_HLS_TOKEN_BYTES])
{
    uint8_t raw[TOKEN_RAW];
    wr64be(raw, (uint64_t)user_id);
    wr64be(raw + 8, (uint64_t)expires_ms);
    token_mac(a, tape_id, raw, raw + TOKEN_MAC_AT);
    vcr_b64url_encode(ret, raw, sizeof(raw));
}

enum vcr_err app_hls_token_check(const struct app *a, int64_t tape_id, const char *token, int64_t now_ms, int64_t *ret_user_id, struct vcr_why *why)
{
    uint8_t raw[TOKEN_RAW], mac[crypto_auth_hmacsha256_BYTES];
    if (vcr_b64url_decode(raw, sizeof(raw), token, strlen(token)) != TOKEN_RAW)
        return vcr_fail(why, VCR_E_DENIED, "this token does not open this tape");
    token_mac(a, tape_id, raw, mac);
    if (sodium_memcmp(mac, raw + TOKEN_MAC_AT, sizeof(mac)) != 0)
        return vcr_fail(why, VCR_E_DENIED, "this token does not open this tape");
    if ((int64_t)rd64be(raw + 8) <= now_ms)
        return vcr_refuse(why, VCR_E_DENIED, "/token-expired", "this token has expired; ask for a new one");
    *ret_user_id = (int64_t)rd64be(raw);
    return VCR_OK;
}

static void remembered_key(int64_t tape_id, int64_t user_id, char out[80]) { snprintf(out, 80, "hls/may/%" PRId64 "/%" PRId64, tape_id, user_id); }

bool app_hls_remembered(const struct app *a, int64_t tape_id, int64_t user_id, struct app_hls *ret)
{
    char key[80];
    size_t len;
    remembered_key(tape_id, user_id, key);
    return cache_get(a->config.cache, key, ret, sizeof(*ret), &len) && len == sizeof(*ret);
}

enum vcr_err app_hls_find_for(const struct app *a, struct sql_tx *tx, int64_t tape_id, int64_t user_id, struct app_hls *ret, struct vcr_why *why)
{
    struct app_user u = { 0 };
    char key[80];
    enum vcr_err err = app_user_by_id(tx, user_id, &u, why);
    struct app_principal who = { .user_id = user_id, .role = u.role };
    bool live = err == VCR_OK && !u.disabled;
    app_user_free(&u);
    if (err != VCR_OK && err != VCR_E_NOT_FOUND)
        return err;
    if (!live)
        return vcr_fail(why, VCR_E_DENIED, "the account that made this token has ended");
    err = app_hls_find(tx, &who, tape_id, ret, why);
    remembered_key(tape_id, user_id, key);
    if (err == VCR_OK)
        cache_set(a->config.cache, key, ret, sizeof(*ret), REMEMBER_MS);
    return err;
}

enum vcr_err app_hls_open(const struct app *a, const char *key, int *ret_fd, uint64_t *ret_size, struct vcr_why *why)
{
    enum vcr_err err = blob_keep_fd(a->config.blobs, key, ret_fd, ret_size, why);
    return err == VCR_E_NOT_FOUND ? vcr_fail(why, err, "this recording was replaced just now; load its playlist again") : err;
}

bool app_hls_opened(const struct app *a, const char *key, int *ret_fd, uint64_t *ret_size) { return blob_kept_fd(a->config.blobs, key, ret_fd, ret_size); }

/* ---- playlists ---- */
static enum vcr_err read_index(const struct app *a, const struct app_hls_reel *r, struct reelidx *ret, struct vcr_why *why)
{
    int fd = -1;
    uint64_t size = 0;
    struct io *io = NULL;
    uint8_t *bytes = NULL;
    enum vcr_err err = app_hls_open(a, r->index_key, &fd, &size, why);
    if (err == VCR_OK && size > INDEX_MAX_BYTES)
        err = vcr_fail(why, VCR_E_IO, "reel index %s: %" PRIu64 " bytes", r->index_key, size);
    if (err == VCR_OK)
        err = io_fd_open(&io, fd, "reel index", why);
    if (err != VCR_OK) {
        vcr_close(&fd);
        return err;
    }
    bytes = malloc(size + 1);
    err = bytes ? io_pread_all(io, bytes, size, 0, why) : vcr_fail(why, VCR_E_NOMEM, "no memory for a reel index");
    if (err == VCR_OK && reelidx_parse(ret, bytes, size, why) != VCR_OK)
        err = vcr_fail(why, VCR_E_IO, "reel index %s: damaged", r->index_key);
    free(bytes);
    io_close(&io);
    return err;
}

/* What the multivariant playlist says of a reel; kept, because it is all that is needed of an index which may be long. */
static enum vcr_err describe(const struct app *a, const struct app_hls_reel *r, struct hls_track *ret, struct vcr_why *why)
{
    char key[APP_HLS_VERSION_BYTES + 16];
    size_t len;
    struct reelidx x;
    snprintf(key, sizeof(key), "hls/track/%s", r->version);
    if (cache_get(a->config.cache, key, ret, sizeof(*ret), &len) && len == sizeof(*ret))
        return VCR_OK;
    enum vcr_err err = read_index(a, r, &x, why);
    if (err != VCR_OK)
        return err;
    hls_describe(ret, &x);
    reelidx_free(&x);
    cache_set(a->config.cache, key, ret, sizeof(*ret), LIST_MS);
    return VCR_OK;
}

static enum vcr_err write_multivariant(const struct app *a, const struct app_hls *h, const char *prefix, struct buf *out, struct vcr_why *why)
{
    struct hls_track video, audio;
    bool has_video = app_hls_has(&h->video), has_audio = app_hls_has(&h->audio);
    enum vcr_err err = has_video ? describe(a, &h->video, &video, why) : VCR_OK;
    if (err == VCR_OK && has_audio)
        err = describe(a, &h->audio, &audio, why);
    if (err == VCR_OK)
        hls_write_multivariant(out, has_video ? &video : NULL, has_audio ? &audio : NULL, prefix);
    return err;
}

static const struct { const char *name, *file; bool audio; void (*write)(struct buf *out, const struct reelidx *x, const char *uri); } lists[] = {
    [APP_HLS_VIDEO] = { "video", "video.mp4", false, hls_write_media },
    [APP_HLS_AUDIO] = { "audio", "audio.mp4", true, hls_write_media },
    [APP_HLS_IFRAMES] = { "iframe", "video.mp4", false, hls_write_iframes },
};

/* A kept list is its length and its text. */
static bool kept_list(const struct app *a, const char *key, struct buf *out)
{
    uint64_t size;
    size_t len;
    if (!cache_get(a->config.cache, key, &size, sizeof(size), &len) || len != sizeof(size))
        return false;
    char *at = size <= LIST_KEPT_BYTES ? buf_reserve(out, sizeof(size) + size) : NULL;
    if (!at || !cache_get(a->config.cache, key, at, sizeof(size) + size, &len) || len != sizeof(size) + size)
        return false;
    memmove(at, at + sizeof(size), size);
    buf_commit(out, size);
    return true;
}

static void keep_list(const struct app *a, const char *key, const char *text, size_t len)
{
    uint64_t size = len;
    struct buf b;
    if (len > LIST_KEPT_BYTES)
        return;
    buf_init(&b, LIST_KEPT_BYTES + sizeof(size));
    buf_add(&b, &size, sizeof(size));
    buf_add(&b, text, len);
    if (buf_ok(&b))
        cache_set(a->config.cache, key, b.data, b.len, LIST_MS);
    buf_free(&b);
}

enum vcr_err app_hls_playlist(const struct app *a, const struct app_hls *h, enum app_hls_list list, const char *prefix, struct buf *out, struct vcr_why *why)
{
    char key[APP_HLS_VERSION_BYTES + 32], uri[APP_HLS_VERSION_BYTES + 32];
    struct reelidx x;
    if (list == APP_HLS_MULTIVARIANT)
        return write_multivariant(a, h, prefix, out, why);
    const struct app_hls_reel *r = lists[list].audio ? &h->audio : &h->video;
    if (!app_hls_has(r))
        return vcr_fail(why, VCR_E_NOT_FOUND, lists[list].audio ? "this tape has no sound" : "this tape has no picture");
    snprintf(key, sizeof(key), "hls/list/%s/%s", lists[list].name, r->version);
    if (kept_list(a, key, out))
        return VCR_OK;
    enum vcr_err err = read_index(a, r, &x, why);
    if (err != VCR_OK)
        return err;
    size_t start = out->len;
    /* The version makes another address of other bytes, so that these may be kept for ever. */
    snprintf(uri, sizeof(uri), "%s?v=%s", lists[list].file, r->version);
    lists[list].write(out, &x, uri);
    reelidx_free(&x);
    if (!buf_ok(out))
        return vcr_fail(why, VCR_E_IO, "the playlist of %s is too long", r->index_key);
    keep_list(a, key, out->data + start, out->len - start);
    return VCR_OK;
}

void app_hls_etag(const struct buf *playlist, char ret[APP_HLS_VERSION_BYTES + 2])
{
    char hex[APP_HLS_VERSION_BYTES];
    digest(playlist->data, playlist->len, hex);
    snprintf(ret, APP_HLS_VERSION_BYTES + 2, "\"%s\"", hex);
}
