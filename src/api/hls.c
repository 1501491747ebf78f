/* api/hls.c - a tape as HLS: who may have what lies below its root (hls.h), and tokens for players that send no headers.
 *
 * An account (a header or the cookie says who asks) costs one transaction. A token (in the path, in the query of where players begin, or as the cookie vcr_hls) costs a
 * MAC and what is held in memory. */
#include "api/hls.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/shares.h"

enum { TOKEN_S = 21600, TOKEN_MAX_S = 86400 };
#define COOKIE "vcr_hls"
#define HLS "/api/v1/hls/:id/"

/* All that lies below a tape's root: X(address, begin, list of the clean look). */
#define HLS_THINGS(X)                                          \
    X("video.m3u8", hls_clean_list, .list = APP_HLS_VIDEO)     \
    X("audio.m3u8", hls_clean_list, .list = APP_HLS_AUDIO)     \
    X("iframe.m3u8", hls_clean_list, .list = APP_HLS_IFRAMES)  \
    X("video.mp4", hls_clean_reel, .list = APP_HLS_VIDEO)      \
    X("audio.mp4", hls_clean_reel, .list = APP_HLS_AUDIO)      \
    X("audio/:file", hls_clean_sound)                          \
    X("p/:folder/:file", hls_piece)                            \
    X("captions/:file", hls_captions)                          \
    X("vhs/:file", hls_vhs_list)                               \
    X("vhs/:rev/:file", hls_vhs_segment)                       \
    X("r/:rung/:file", hls_rung)                               \
    X("r/:rung/p/:folder/:reel/:file", hls_rung_piece)
/* And what also opens by ?token=: where players begin. */
#define HLS_DOORS(X)                                                                \
    X("playlist.m3u8", hls_playlist, .list = APP_HLS_MULTIVARIANT, .looks = true)   \
    X("manifest.mpd", hls_manifest, .list = APP_HLS_MANIFEST, .looks = true)

#define THING(path, fn, ...) { .below = path, .begin = fn, __VA_ARGS__ },
static const struct hls_thing things[] = { HLS_DOORS(THING) HLS_THINGS(THING) };

/* The row of a route, by where its path goes on below the root or the token. */
static const struct hls_thing *thing_of(const struct api_route *r)
{
    static const char token[] = "t/:token/";
    const char *below = r->path + sizeof(HLS) - 1;
    if (strncmp(below, token, sizeof(token) - 1) == 0)
        below += sizeof(token) - 1;
    for (size_t i = 0; i < ARRAY_LEN(things); i++)
        if (strcmp(below, things[i].below) == 0)
            return &things[i];
    return NULL;
}

static void own_free(void *p)
{
    struct hls_call *h = p;
    vcr_close(&h->fd);
    doc_unref(h->doc);
    if (h->free_own)
        h->free_own(h->own);
    free(h);
}

static struct hls_call *own_of(struct api_call *c)
{
    if (c->own)
        return c->own;
    struct hls_call *h = vcr_alloc(sizeof(*h));
    h->thing = thing_of(c->route);
    h->fd = -1;
    c->own = h;
    c->free_own = own_free;
    return h;
}

/* ---- for things ---- */
void hls_prefix(const struct api_call *c, char ret[APP_HLS_TOKEN_BYTES + 8])
{
    const struct hls_call *h = hls_of(c);
    bool in_path = !h->token || *api_param(c, "token");
    snprintf(ret, APP_HLS_TOKEN_BYTES + 8, in_path ? "%s" : "t/%s/", in_path ? "" : h->token);
}

bool hls_file_stem(const struct api_call *c, const char *kind, char *out, size_t size)
{
    const char *file = api_param(c, "file"), *dot = strrchr(file, '.');
    if (!dot || strcmp(dot + 1, kind) != 0 || (size_t)(dot - file) >= size)
        return false;
    snprintf(out, size, "%.*s", (int)(dot - file), file);
    return true;
}

void hls_absent(struct api_call *c)
{
    struct vcr_why why;
    vcr_fail(&why, VCR_E_NOT_FOUND, "there is nothing at this address");
    api_fail(c, &why);
}

enum vcr_err hls_version(struct api_call *c, const char *version, struct vcr_why *why)
{
    const char *asked = api_query(c, "v");
    hls_of(c)->versioned = asked != NULL;
    if (asked && strcmp(asked, version) != 0)
        return vcr_fail(why, VCR_E_NOT_FOUND, "this recording was replaced; load its playlist again");
    return VCR_OK;
}

/* Only the address that names the version may be kept for ever: the other one shows other bytes once the tape was processed anew. */
static bool for_cdn(const struct hls_call *h) { return h->token && h->user_id == APP_HLS_CDN; }

static const char *cache_control(const struct hls_call *h)
{
    return !h->versioned ? "private, no-cache" : for_cdn(h) ? "public, max-age=604800, immutable" : "private, max-age=604800, immutable";
}

/* What goes through the CDN is for pages of any origin: its address is all that opens it. */
static void add_headers(struct api_call *c)
{
    if (!for_cdn(hls_of(c))) {
        security_headers(c->req);
        return;
    }
    shared_headers(c->req);
    if (!cors_allows(c->api, c->req))
        http_set_header(c->req, "Access-Control-Allow-Origin", "*");
}

void hls_send_file(struct api_call *c)
{
    struct hls_call *h = hls_of(c);
    struct http_file f = { .fd = h->fd, .len = h->size, .content_type = h->type, .etag = h->etag, .cache_control = cache_control(h) };
    h->fd = -1;
    add_headers(c);
    http_send_file(c->req, &f);
}

void hls_send_doc(struct api_call *c)
{
    struct hls_call *h = hls_of(c);
    const struct doc *d = h->doc;
    bool gzip = d->gzip && accepts_gzip(c->req);
    const char *etag = gzip ? d->gzip_etag : d->etag;
    http_set_header(c->req, "ETag", etag);
    http_set_header(c->req, "Cache-Control", cache_control(h));
    http_set_header(c->req, "Vary", "Accept-Encoding");
    add_headers(c);
    if (api_not_modified(c, etag)) {
        http_send(c->req, 304, NULL, NULL, 0);
        return;
    }
    if (gzip)
        http_set_header(c->req, "Content-Encoding", "gzip");
    http_send(c->req, 200, h->type, gzip ? d->gzip : d->text, gzip ? d->gzip_len : d->len);
}

/* ---- who may ---- */
static enum vcr_err check_look(struct api_call *c, struct vcr_why *why)
{
    const char *look = api_query(c, "look");
    return !look || strcmp(look, "clean") == 0 || strcmp(look, "vhs") == 0 ? VCR_OK : api_invalid(c, why, "look", "must be clean or vhs");
}

/* A wrong look is told before the state of the tape, but not to who may not see it. */
static enum vcr_err found(struct api_call *c, enum vcr_err err, struct vcr_why *why)
{
    bool sees = err == VCR_OK || err == VCR_E_CONFLICT;
    enum vcr_err look = sees && hls_of(c)->thing->looks ? check_look(c, why) : VCR_OK;
    return look != VCR_OK ? look : err;
}

static void begin(struct api_call *c) { hls_of(c)->thing->begin(c); }

/* A token ends with the link that it was made by, at the latest. */
static int64_t token_until(const struct api_call *c, int64_t lasts_s)
{
    int64_t until_ms = c->now_ms + lasts_s * 1000;
    return c->who.share_expires_ms ? VCR_MIN(until_ms, c->who.share_expires_ms) : until_ms;
}

/* Who begins by a link goes on by a token: what a playlist names carries no query of ours. */
static void mint(const struct api_call *c, struct hls_call *h)
{
    h->expires_ms = token_until(c, TOKEN_S);
    app_hls_token(c->app, h->tape_id, h->user_id, h->expires_ms, h->minted);
    h->token = h->minted;
}

/* ---- for accounts ---- */
static enum vcr_err account_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct hls_call *h = own_of(c);
    char key[64];
    enum vcr_err err = api_param_id(c, "id", &h->tape_id, why);
    if (err != VCR_OK)
        return err;
    struct vcr_why rate;
    err = frame_identify(c, tx, why);
    h->user_id = app_person_id(&c->who);
    frame_rate_key(c, key);
    if ((err == VCR_E_AUTH || err == VCR_E_NOT_FOUND) && !c->link_hash[0] && api_rate(c, APP_RATE_READ, c->ip, &rate) != VCR_OK)
        err = VCR_E_RATE, *why = rate; /* who guesses is held back, too */
    if (err == VCR_OK)
        err = api_rate(c, APP_RATE_READ, key, why);
    if (err == VCR_OK)
        err = found(c, app_hls_find(tx, &c->who, h->tape_id, &h->hls, why), why);
    if (err == VCR_OK && c->who.role == APP_LINK && h->thing->looks)
        mint(c, h);
    return err;
}

static void account_begin(struct api_call *c)
{
    c->then = begin;
    api_sql(c, SQL_READ, account_run);
}

/* ---- for tokens ---- */
static enum vcr_err token_find(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct hls_call *h = hls_of(c);
    return found(c, app_hls_find_for(c->app, tx, h->tape_id, h->user_id, &h->hls, why), why);
}

static enum vcr_err token_check(struct api_call *c, const char *token, struct vcr_why *why)
{
    struct hls_call *h = own_of(c);
    enum vcr_err err = api_param_id(c, "id", &h->tape_id, why);
    return err == VCR_OK ? app_hls_token_check(c->app, h->tape_id, token, c->now_ms, &h->user_id, &h->expires_ms, why) : err;
}

/* Of a token that is good. */
static void token_begin(struct api_call *c)
{
    struct hls_call *h = hls_of(c);
    struct vcr_why why;
    c->asker_id = h->user_id;
    if (!app_hls_remembered(c->app, h->tape_id, h->user_id, &h->hls)) {
        c->then = begin;
        api_sql(c, SQL_READ, token_find);
    } else if ((why.code = found(c, VCR_OK, &why)) != VCR_OK) {
        api_fail(c, &why);
    } else {
        begin(c);
    }
}

static void by_token(struct api_call *c, const char *token)
{
    struct vcr_why why;
    enum vcr_err err = token_check(c, token, &why);
    hls_of(c)->token = token;
    if (err == VCR_OK) {
        token_begin(c);
    } else {
        why.code = err;
        api_fail(c, &why);
    }
}

static void token_then(struct api_call *c) { by_token(c, api_param(c, "token")); }

/* A cookie with a token opens what the token opens; one that does not may stand beside better credentials. */
static void door_then(struct api_call *c)
{
    char cookie[APP_HLS_TOKEN_BYTES];
    struct vcr_why why;
    bool has = !c->authorization && !api_query(c, "share") && http_req_cookie(c->req, COOKIE, cookie, sizeof(cookie));
    enum vcr_err err = has ? token_check(c, cookie, &why) : VCR_OK;
    if (has && err == VCR_OK) {
        token_begin(c);
    } else if (has && !c->cookie_access) {
        why.code = err;
        api_fail(c, &why);
    } else {
        account_begin(c);
    }
}

/* Where players begin: also with ?token=. */
static void front_then(struct api_call *c)
{
    const char *token = api_query(c, "token");
    if (token)
        by_token(c, token);
    else
        door_then(c);
}

/* For players that share the browser's cookies: every request below the tape's root then opens by it. */
static void set_cookie(struct api_call *c, int64_t id, const char *token, int64_t lasts_s)
{
    char text[APP_HLS_TOKEN_BYTES + 160];
    snprintf(text, sizeof(text), COOKIE "=%s; Path=/api/v1/hls/%" PRId64 "; Max-Age=%" PRId64 "; HttpOnly; SameSite=Strict%s", token, id, lasts_s,
             c->app->config.secure_cookies ? "; Secure" : "");
    api_header(c, "Set-Cookie", text);
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
    int64_t expires_ms = token_until(c, lasts_s);
    app_hls_token(c->app, id, app_person_id(&c->who), expires_ms, token);
    snprintf(url, sizeof(url), "/api/v1/hls/%" PRId64 "/playlist.m3u8?token=%s", id, token);
    c->status = 201;
    jsonw_open(&c->json, NULL);
    jsonw_str(&c->json, "token", token);
    jsonw_time(&c->json, "expires_at", expires_ms);
    jsonw_str(&c->json, "url", url);
    jsonw_close(&c->json);
    if (json_is_true(json_object_get(c->body, "cookie")))
        set_cookie(c, id, token, (expires_ms - c->now_ms) / 1000);
    return VCR_OK;
}

static const struct api_field token_fields[] = { { "expires_in", API_INTEGER, .min = 1, .max = TOKEN_MAX_S }, { "cookie", API_BOOLEAN, .required = false }, { 0 } };

/* Below a token nothing is counted: each request costs a MAC, and a player that seeks asks often. Accounts are counted when it is known whose they are. */
#define BY_TOKEN(path, ...) { HTTP_GET, HLS "t/:token/" path, API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = token_then },
#define BY_ACCOUNT(path, ...) { HTTP_GET, HLS path, API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = door_then },
#define AT_THE_FRONT(path, ...) { HTTP_GET, HLS path, API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = front_then },
const struct api_route api_hls_routes[] = {
    { HTTP_POST, HLS "token", API_VIEWERS, APP_RATE_WRITE, API_DB_READ, 4096, token_fields, make_token, .body_optional = true },
    HLS_DOORS(AT_THE_FRONT)
    HLS_DOORS(BY_TOKEN)
    HLS_THINGS(BY_ACCOUNT)
    HLS_THINGS(BY_TOKEN)
    { 0 }
};
