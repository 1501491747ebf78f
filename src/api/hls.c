/* api/hls.c - a tape as HLS: playlists, the reels that their segments are ranges of, and tokens for players that send no headers.
 *
 * Each address exists twice: for an account (a header or the cookie says who asks; one transaction) and below t/TOKEN/ (a MAC, what was found a moment ago, a file). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "app/hls.h"

#define PLAYLIST_TYPE "application/vnd.apple.mpegurl"
enum { TOKEN_S = 21600, TOKEN_MAX_S = 86400 };

/* What the last segment of a path asks for. */
static const struct what {
    const char *name;
    bool is_list;
    enum app_hls_list list;
    bool audio;
    const char *type;
} whats[] = {
    { "playlist.m3u8", true, APP_HLS_MULTIVARIANT, false, PLAYLIST_TYPE }, { "video.m3u8", true, APP_HLS_VIDEO, false, PLAYLIST_TYPE },
    { "audio.m3u8", true, APP_HLS_AUDIO, false, PLAYLIST_TYPE },           { "iframe.m3u8", true, APP_HLS_IFRAMES, false, PLAYLIST_TYPE },
    { "video.mp4", false, APP_HLS_VIDEO, false, "video/mp4" },             { "audio.mp4", false, APP_HLS_AUDIO, true, "audio/mp4" },
};

struct hls_own {
    const struct what *what;
    struct app_hls hls;
    int64_t tape_id, user_id;
    const char *token;      /* NULL: the caller has an account */
    int fd;                 /* of the reel */
    uint64_t size;
    char etag[APP_HLS_VERSION_BYTES + 2];
    bool versioned;
};

static void own_free(void *p)
{
    struct hls_own *o = p;
    vcr_close(&o->fd);
    free(o);
}

static struct hls_own *own_of(struct api_call *c)
{
    if (c->own)
        return c->own;
    struct hls_own *o = vcr_alloc(sizeof(*o));
    const char *name = strrchr(c->route->path, '/') + 1;
    for (size_t i = 0; i < ARRAY_LEN(whats); i++)
        if (strcmp(name, whats[i].name) == 0)
            o->what = &whats[i];
    o->fd = -1;
    c->own = o;
    c->free_own = own_free;
    return o;
}

/* ---- the answers: on a pool thread ---- */
static enum vcr_err make_list(struct api_call *c, struct hls_own *o, struct vcr_why *why)
{
    char prefix[APP_HLS_TOKEN_BYTES + 8] = "", etag[APP_HLS_VERSION_BYTES + 2];
    if (o->token)
        snprintf(prefix, sizeof(prefix), "t/%s/", o->token);
    enum vcr_err err = app_hls_playlist(c->app, &o->hls, o->what->list, prefix, &c->out, why);
    if (err != VCR_OK)
        return err;
    app_hls_etag(&c->out, etag);
    api_header(c, "ETag", etag);
    api_header(c, "Cache-Control", "private, no-cache");
    c->content_type = PLAYLIST_TYPE;
    api_not_modified(c, etag);
    return VCR_OK;
}

/* Which blob is asked for. */
static enum vcr_err choose_reel(struct api_call *c, struct hls_own *o, const char **ret_key, struct vcr_why *why)
{
    const struct app_hls_reel *r = o->what->audio ? &o->hls.audio : &o->hls.video;
    const char *version = api_query(c, "v");
    if (!app_hls_has(r))
        return vcr_fail(why, VCR_E_NOT_FOUND, o->what->audio ? "this tape has no sound" : "this tape has no picture");
    if (version && strcmp(version, r->version) != 0)
        return vcr_fail(why, VCR_E_NOT_FOUND, "this recording was replaced; load its playlist again");
    snprintf(o->etag, sizeof(o->etag), "\"%s\"", r->version);
    o->versioned = version != NULL;
    *ret_key = r->blob_key;
    return VCR_OK;
}

static enum vcr_err open_reel(struct api_call *c, struct hls_own *o, struct vcr_why *why)
{
    const char *key;
    enum vcr_err err = choose_reel(c, o, &key, why);
    return err == VCR_OK ? app_hls_open(c->app, key, &o->fd, &o->size, why) : err;
}

static enum vcr_err answer(struct api_call *c, struct vcr_why *why)
{
    struct hls_own *o = c->own;
    return o->what->is_list ? make_list(c, o, why) : open_reel(c, o, why);
}

/* Only the address that names the version may be kept for ever: the other one shows other bytes once the tape was processed anew. */
static void send_reel(struct api_call *c)
{
    struct hls_own *o = c->own;
    struct http_file f = { .fd = o->fd, .len = o->size, .content_type = o->what->type, .etag = o->etag,
                           .cache_control = o->versioned ? "private, max-age=604800, immutable" : "private, no-cache" };
    o->fd = -1;
    security_headers(c->req);
    http_send_file(c->req, &f);
}

static enum vcr_err check_look(struct api_call *c, struct vcr_why *why)
{
    const char *look = api_query(c, "look");
    if (!look || strcmp(look, "clean") == 0)
        return VCR_OK;
    if (strcmp(look, "vhs") != 0)
        return api_invalid(c, why, "look", "must be clean or vhs");
    return vcr_refuse(why, VCR_E_CONFLICT, "/not-rendered", "the tape look is watched live over WebRTC in this version: start a session, or ask for look=clean");
}

/* A wrong look is told before the state of the tape, but not to who may not see it. */
static enum vcr_err found(struct api_call *c, enum vcr_err err, struct vcr_why *why)
{
    struct hls_own *o = c->own;
    bool sees = err == VCR_OK || err == VCR_E_CONFLICT;
    enum vcr_err look = sees && o->what->list == APP_HLS_MULTIVARIANT ? check_look(c, why) : VCR_OK;
    return look != VCR_OK ? look : err;
}

/* ---- for accounts ---- */
static enum vcr_err account_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct hls_own *o = own_of(c);
    enum vcr_err err = api_param_id(c, "id", &o->tape_id, why);
    if (err == VCR_OK)
        err = found(c, app_hls_find(tx, &c->who, o->tape_id, &o->hls, why), why);
    return err == VCR_OK ? answer(c, why) : err;
}

/* ---- for tokens ---- */
static void token_answer(struct api_call *c)
{
    struct hls_own *o = c->own;
    const char *key;
    struct vcr_why ignored; /* the pool's step comes to the same and tells it */
    c->then = o->what->is_list ? NULL : send_reel;
    if (!o->what->is_list && choose_reel(c, o, &key, &ignored) == VCR_OK && app_hls_opened(c->app, key, &o->fd, &o->size))
        send_reel(c);
    else
        api_pool(c, c->app->files, answer);
}

static enum vcr_err token_find(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct hls_own *o = c->own;
    return found(c, app_hls_find_for(c->app, tx, o->tape_id, o->user_id, &o->hls, why), why);
}

static void token_begin(struct api_call *c, const char *token)
{
    struct hls_own *o = own_of(c);
    struct vcr_why why;
    o->token = token;
    enum vcr_err err = api_param_id(c, "id", &o->tape_id, &why);
    if (err == VCR_OK)
        err = app_hls_token_check(c->app, o->tape_id, token, c->now_ms, &o->user_id, &why);
    c->asker_id = err == VCR_OK ? o->user_id : 0;
    bool remembered = err == VCR_OK && app_hls_remembered(c->app, o->tape_id, o->user_id, &o->hls);
    if (remembered)
        err = found(c, VCR_OK, &why);
    if (err != VCR_OK) {
        why.code = err;
        api_fail(c, &why);
    } else if (remembered) {
        token_answer(c);
    } else {
        c->then = token_answer;
        api_sql(c, SQL_READ, token_find);
    }
}

static void token_then(struct api_call *c) { token_begin(c, api_param(c, "token")); }

/* The one address that opens both ways: with ?token= or for an account. */
static enum vcr_err playlist_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    enum vcr_err err = frame_identify(c, tx, why);
    return err == VCR_OK ? account_run(c, tx, why) : err;
}

static void playlist_then(struct api_call *c)
{
    const char *token = api_query(c, "token");
    if (token)
        token_begin(c, token);
    else
        api_sql(c, SQL_READ, playlist_run);
}

static enum vcr_err make_token(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct app_tape t = { 0 };
    char token[APP_HLS_TOKEN_BYTES], url[APP_HLS_TOKEN_BYTES + 80];
    int64_t id;
    enum vcr_err err = api_param_id(c, "id", &id, why);
    if (err == VCR_OK)
        err = app_tape_find(tx, &c->who, id, APP_SEE, APP_NOT_BINNED, &t, why);
    app_tape_free(&t);
    if (err != VCR_OK)
        return err;
    int64_t lasts_s = api_has(c, "expires_in") ? json_integer_value(json_object_get(c->body, "expires_in")) : TOKEN_S;
    int64_t expires_ms = c->now_ms + lasts_s * 1000;
    app_hls_token(c->app, id, c->who.user_id, expires_ms, token);
    snprintf(url, sizeof(url), "/api/v1/hls/%" PRId64 "/playlist.m3u8?token=%s", id, token);
    c->status = 201;
    jsonw_open(&c->json, NULL);
    jsonw_str(&c->json, "token", token);
    jsonw_time(&c->json, "expires_at", expires_ms);
    jsonw_str(&c->json, "url", url);
    jsonw_close(&c->json);
    return VCR_OK;
}

static const struct api_field token_fields[] = { { "expires_in", API_INTEGER, .min = 1, .max = TOKEN_MAX_S }, { 0 } };

/* Below a token nothing is counted: each request costs a MAC, and a player that seeks asks often. */
#define HLS "/api/v1/hls/:id/"
const struct api_route api_hls_routes[] = {
    { HTTP_POST, HLS "token", API_ACCOUNT, APP_RATE_WRITE, API_DB_READ, 4096, token_fields, make_token, .body_optional = true },
    { HTTP_GET, HLS "playlist.m3u8", API_ANYONE, APP_RATE_READ, API_DB_NONE, .then = playlist_then },
    { HTTP_GET, HLS "video.m3u8", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = account_run },
    { HTTP_GET, HLS "audio.m3u8", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = account_run },
    { HTTP_GET, HLS "iframe.m3u8", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = account_run },
    { HTTP_GET, HLS "video.mp4", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = account_run, .then = send_reel },
    { HTTP_GET, HLS "audio.mp4", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = account_run, .then = send_reel },
    { HTTP_GET, HLS "t/:token/video.m3u8", API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = token_then },
    { HTTP_GET, HLS "t/:token/audio.m3u8", API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = token_then },
    { HTTP_GET, HLS "t/:token/iframe.m3u8", API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = token_then },
    { HTTP_GET, HLS "t/:token/video.mp4", API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = token_then },
    { HTTP_GET, HLS "t/:token/audio.mp4", API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = token_then },
    { 0 }
};
