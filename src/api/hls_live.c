/* api/hls_live.c - the live picture of a session as low-latency HLS (deliver/live/programme.h): lists that are held until they have what was asked for, parts, segments.
 *
 * As with a tape, each address exists for an account (one transaction a request) and below t/TOKEN/ (a MAC, and what was found a moment ago). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "app/hls_live.h"
#include "app/sessions.h"
#include "app/shares.h"
#include "deliver/live/programme.h"

enum { TOKEN_S = 21600, TOKEN_MAX_S = 86400, NUMBER_MAX = 1 << 30 };

struct live_call {
    struct api_call *call;
    const char *token;           /* of the path or the query; NULL: an account */
    char minted[APP_HLS_LIVE_TOKEN_BYTES]; /* token, for who came by a link */
    int64_t user_id;
    struct programme *programme; /* a reference */
    struct programme_request request;
    char prefix[APP_HLS_LIVE_TOKEN_BYTES + 8];
    struct programme_answer found; /* what is read back on the file pool, its file is ours */
    uint8_t *moved;
};

static void live_free(void *p)
{
    struct live_call *l = p;
    programme_unref(l->programme);
    vcr_close(&l->found.fd);
    free(l->moved);
    free(l);
}

static struct live_call *live_of(struct api_call *c)
{
    if (!c->own) {
        struct live_call *l = vcr_alloc(sizeof(*l));
        l->call = c;
        l->found.fd = -1;
        c->own = l;
        c->free_own = live_free;
    }
    return c->own;
}

static void refuse(struct api_call *c, enum vcr_err err, struct vcr_why *why)
{
    why->code = err;
    api_fail(c, why);
}

/* ---- what is asked for ---- */
static bool number(const char *text, size_t len, int64_t *ret)
{
    char digits[12];
    uint64_t n;
    if (len == 0 || len >= sizeof(digits))
        return false;
    memcpy(digits, text, len);
    digits[len] = '\0';
    if (!vcr_parse_u64(digits, NUMBER_MAX, &n))
        return false;
    *ret = (int64_t)n;
    return true;
}

/* "12.m4s", "12.3.m4s", "init-0.mp4". */
static bool read_file(const char *name, bool audio, struct programme_request *r)
{
    const char *end = strrchr(name, '.'), *dot = strchr(name, '.');
    int64_t part = -1;
    if (!end)
        return false;
    if (strncmp(name, "init-", 5) == 0) {
        r->want = audio ? PROGRAMME_GET_AUDIO_INIT : PROGRAMME_GET_VIDEO_INIT;
        return strcmp(end, ".mp4") == 0 && dot == end && number(name + 5, (size_t)(end - name - 5), &r->msn);
    }
    if (strcmp(end, ".m4s") != 0 || !number(name, (size_t)(dot - name), &r->msn) || (dot != end && !number(dot + 1, (size_t)(end - dot - 1), &part)))
        return false;
    r->want = dot == end ? (audio ? PROGRAMME_GET_AUDIO_SEGMENT : PROGRAMME_GET_VIDEO_SEGMENT) : audio ? PROGRAMME_GET_AUDIO_PART : PROGRAMME_GET_VIDEO_PART;
    r->part = (int)part;
    return true;
}

static enum vcr_err read_directives(struct api_call *c, struct programme_request *r, struct vcr_why *why)
{
    const char *msn = api_query(c, "_HLS_msn"), *part = api_query(c, "_HLS_part"), *skip = api_query(c, "_HLS_skip");
    int64_t n = -1;
    if ((msn && !number(msn, strlen(msn), &r->msn)) || (part && !number(part, strlen(part), &n)))
        return vcr_fail(why, VCR_E_MALFORMED, "_HLS_msn and _HLS_part are whole numbers");
    r->part = (int)n;
    r->skip = skip && (strcmp(skip, "YES") == 0 || strcmp(skip, "v2") == 0);
    return VCR_OK;
}

static enum vcr_err read_wish(struct api_call *c, struct programme_request *r, struct vcr_why *why)
{
    static const struct { const char *name; enum programme_want want; } lists[] = {
        { "/playlist.m3u8", PROGRAMME_GET_LIST }, { "/video.m3u8", PROGRAMME_GET_VIDEO_LIST }, { "/audio.m3u8", PROGRAMME_GET_AUDIO_LIST },
    };
    const char *last = strrchr(c->route->path, '/');
    r->msn = r->part = -1;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (strcmp(last, lists[i].name) != 0)
            continue;
        r->want = lists[i].want;
        return i == 0 ? VCR_OK : read_directives(c, r, why);
    }
    bool audio = strstr(c->route->path, "/audio/") != NULL;
    return read_file(api_param(c, "file"), audio, r) ? VCR_OK : vcr_fail(why, VCR_E_NOT_FOUND, "there is nothing at this address");
}

/* ---- the answer ---- */
static void head_of(struct api_call *c, int64_t max_age_s, char control[64])
{
    snprintf(control, 64, "private, no-cache");
    if (max_age_s > 0)
        snprintf(control, 64, "private, max-age=%" PRId64 "%s", max_age_s, max_age_s > 3600 ? ", immutable" : "");
    security_headers(c->req);
}

static enum vcr_err read_back(struct api_call *c, struct vcr_why *why)
{
    struct live_call *l = c->own;
    l->moved = malloc(l->found.len);
    return l->moved ? programme_read_moved(&l->found, l->moved, why) : vcr_fail(why, VCR_E_NOMEM, "no memory for a segment");
}

static void send_moved(struct api_call *c)
{
    struct live_call *l = c->own;
    char control[64];
    head_of(c, l->found.max_age_s, control);
    http_set_header(c->req, "Cache-Control", control);
    http_send(c->req, 200, l->found.content_type, l->moved, l->found.len);
}

static void on_answer(struct programme_request *r, const struct programme_answer *a)
{
    struct live_call *l = container_of(r, struct live_call, request);
    struct api_call *c = l->call;
    struct vcr_why why = a->why;
    char control[64];
    if (a->err != VCR_OK) {
        if (a->err == VCR_E_BUSY)
            c->retry_ms = 1000;
        refuse(c, a->err, &why);
        return;
    }
    if (a->fd >= 0 && a->move_us != 0) {
        l->found = *a;
        c->then = send_moved;
        api_pool(c, c->app->files, read_back);
        return;
    }
    head_of(c, a->max_age_s, control);
    if (a->fd >= 0) {
        struct http_file f = { .fd = a->fd, .offset = a->offset, .len = a->len, .content_type = a->content_type, .cache_control = control };
        http_send_file(c->req, &f);
        return;
    }
    http_set_header(c->req, "Cache-Control", control);
    http_send(c->req, 200, a->content_type, a->body, a->len);
}

/* Whoever asks may. */
static void live_begin(struct api_call *c)
{
    struct live_call *l = live_of(c);
    struct vcr_why why;
    enum vcr_err err = read_wish(c, &l->request, &why);
    if (err == VCR_OK && !l->programme && c->app->config.programmes)
        l->programme = programmes_find(c->app->config.programmes, api_param(c, "id"));
    if (err == VCR_OK && !l->programme)
        err = vcr_refuse(&why, VCR_E_CONFLICT, "/not-on-air", "this session shows no live picture at the moment");
    if (err != VCR_OK) {
        refuse(c, err, &why);
        return;
    }
    if (l->token && !*api_param(c, "token"))
        snprintf(l->prefix, sizeof(l->prefix), "t/%s/", l->token);
    l->request.prefix = l->prefix;
    l->request.loop = c->loop;
    l->request.done = on_answer;
    programme_get(l->programme, &l->request);
}

/* ---- who asks ---- */
/* A token ends with the link that it was made by, at the latest. */
static int64_t token_until(const struct api_call *c, int64_t lasts_s)
{
    int64_t until_ms = c->now_ms + lasts_s * 1000;
    return c->who.share_expires_ms ? VCR_MIN(until_ms, c->who.share_expires_ms) : until_ms;
}

static enum vcr_err account_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct app_session s = { 0 };
    struct live_call *l = live_of(c);
    enum vcr_err err = frame_identify(c, tx, why);
    if (err == VCR_OK)
        err = app_session_find(tx, &c->who, api_param(c, "id"), APP_SEE, &s, why);
    app_session_free(&s);
    if (err == VCR_OK && c->who.role == APP_LINK && strstr(c->route->path, "/playlist.m3u8")) { /* who begins by a link goes on by a token */
        l->user_id = app_person_id(&c->who);
        app_hls_live_token(c->app, api_param(c, "id"), l->user_id, token_until(c, TOKEN_S), l->minted);
        l->token = l->minted;
    }
    return err;
}

static void account_then(struct api_call *c)
{
    c->then = live_begin;
    api_sql(c, SQL_READ, account_run);
}

static enum vcr_err token_find(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    return app_hls_live_find(c->app, tx, api_param(c, "id"), live_of(c)->user_id, why);
}

static void by_token(struct api_call *c, const char *token)
{
    struct live_call *l = live_of(c);
    struct vcr_why why;
    enum vcr_err err = app_hls_live_check(c->app, api_param(c, "id"), token, c->now_ms, &l->user_id, &why);
    l->token = token;
    c->asker_id = err == VCR_OK ? l->user_id : 0;
    if (err != VCR_OK) {
        refuse(c, err, &why);
    } else if (app_hls_live_remembered(c->app, api_param(c, "id"), l->user_id)) {
        live_begin(c);
    } else {
        c->then = live_begin;
        api_sql(c, SQL_READ, token_find);
    }
}

static void token_then(struct api_call *c) { by_token(c, api_param(c, "token")); }

/* Where players begin: also with ?token=. */
static void front_then(struct api_call *c)
{
    const char *token = api_query(c, "token");
    if (token)
        by_token(c, token);
    else
        account_then(c);
}

static enum vcr_err make_token(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct app_session s = { 0 };
    char token[APP_HLS_LIVE_TOKEN_BYTES], url[APP_HLS_LIVE_TOKEN_BYTES + 120];
    enum vcr_err err = app_session_find(tx, &c->who, api_param(c, "id"), APP_SEE, &s, why);
    app_session_free(&s);
    if (err != VCR_OK)
        return err;
    int64_t lasts_s = api_has(c, "expires_in") ? json_integer_value(json_object_get(c->body, "expires_in")) : TOKEN_S;
    int64_t expires_ms = token_until(c, lasts_s);
    app_hls_live_token(c->app, api_param(c, "id"), app_person_id(&c->who), expires_ms, token);
    snprintf(url, sizeof(url), "/api/v1/hls/live/%s/playlist.m3u8?token=%s", api_param(c, "id"), token);
    c->status = 201;
    jsonw_open(&c->json, NULL);
    jsonw_str(&c->json, "token", token);
    jsonw_time(&c->json, "expires_at", expires_ms);
    jsonw_str(&c->json, "url", url);
    jsonw_close(&c->json);
    return VCR_OK;
}

static const struct api_field token_fields[] = { { "expires_in", API_INTEGER, .min = 1, .max = TOKEN_MAX_S }, { 0 } };

/* Nothing is counted: a player asks a dozen times a second, and who may not is told so by a MAC or one query. */
#define LIVE "/api/v1/hls/live/:id/"
const struct api_route api_hls_live_routes[] = {
    { HTTP_POST, LIVE "token", API_VIEWERS, APP_RATE_WRITE, API_DB_READ, 4096, token_fields, make_token, .body_optional = true },
    { HTTP_GET, LIVE "playlist.m3u8", API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = front_then },
    { HTTP_GET, LIVE "video.m3u8", API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = account_then },
    { HTTP_GET, LIVE "audio.m3u8", API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = account_then },
    { HTTP_GET, LIVE "video/:file", API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = account_then },
    { HTTP_GET, LIVE "audio/:file", API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = account_then },
    { HTTP_GET, LIVE "t/:token/playlist.m3u8", API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = token_then },
    { HTTP_GET, LIVE "t/:token/video.m3u8", API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = token_then },
    { HTTP_GET, LIVE "t/:token/audio.m3u8", API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = token_then },
    { HTTP_GET, LIVE "t/:token/video/:file", API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = token_then },
    { HTTP_GET, LIVE "t/:token/audio/:file", API_ANYONE, APP_RATE_NONE, API_DB_NONE, .then = token_then },
    { 0 }
};
