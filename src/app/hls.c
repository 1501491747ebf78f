/* app/hls.c - see hls.h: what is on a tape for players, and the tokens. */
#include "app/hls.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "app/accounts.h"
#include "app/hls_state.h"
#include "app/made.h"
#include "app/shares.h"
#include "app/tapes.h"
#include "base/clock.h"
#include "deliver/hls/playlist.h"

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

static void read_reel(struct sql_rows *rows, struct app_hls_reel *r)
{
    char name[APP_HLS_KEY_BYTES + 24];
    if (!vcr_strcpy(r->blob_key, sizeof(r->blob_key), sql_text(rows, 1)) || !vcr_strcpy(r->index_key, sizeof(r->index_key), sql_text(rows, 2)))
        return;
    /* A blob's key holds the number of the job that made it, and those never come back. */
    int len = snprintf(name, sizeof(name), "%s %" PRId64, r->blob_key, sql_int(rows, 3));
    app_digest(name, (size_t)len, r->version);
    r->track = (int)sql_int(rows, 4);
    vcr_strcpy(r->language, sizeof(r->language), sql_text(rows, 5));
    vcr_strcpy(r->title, sizeof(r->title), sql_text(rows, 6));
}

static enum vcr_err read_reels(struct sql_tx *tx, struct app_hls *h, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT kind, blob_key, index_key, size_bytes, track, COALESCE(language, ''), COALESCE(title, '') FROM reels WHERE tape_id = $1 AND take_id IS NULL"
                                 " AND kind IN ('clean_video', 'clean_audio') ORDER BY kind, track",
                                 SQL_ARGS(SQL_I(h->tape_id)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        if (strcmp(sql_text(rows, 0), "clean_video") == 0)
            read_reel(rows, &h->video);
        else if (sql_int(rows, 4) == 0)
            read_reel(rows, &h->audio);
        else if (h->more_count < APP_HLS_MORE_MAX)
            read_reel(rows, &h->more[h->more_count++]);
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

/* A tape without a film shows players the shape of its first recording. */
static enum vcr_err read_first_take(struct sql_tx *tx, struct app_hls *h, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows,
                                 "SELECT kind, blob_key, index_key, size_bytes, 0, '', '' FROM reels WHERE tape_id = $1 AND track = 0 AND kind IN ('clean_video', 'clean_audio')"
                                 " AND take_id = (SELECT take_id FROM spans WHERE tape_id = $1 AND take_id IS NOT NULL ORDER BY tape_start_us LIMIT 1)",
                                 SQL_ARGS(SQL_I(h->tape_id)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK)
        read_reel(rows, strcmp(sql_text(rows, 0), "clean_video") == 0 ? &h->video : &h->audio);
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

/* Further sounds are the film's alone: where it was recorded over they would go on. */
static enum vcr_err read_spans(struct sql_tx *tx, struct app_hls *h, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT COALESCE(MAX(s.id), 0), COALESCE(MAX(b.id), 0) FROM spans s LEFT JOIN bridges b ON b.span_id = s.id WHERE s.tape_id = $1",
                                 SQL_ARGS(SQL_I(h->tape_id)), why);
    if (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        h->newest_span = sql_int(rows, 0);
        h->newest_bridge = sql_int(rows, 1);
    }
    sql_rows_close(&rows);
    if (err == VCR_OK && app_hls_cut(h))
        h->more_count = 0;
    return err == VCR_OK && app_hls_cut(h) && !app_hls_has(&h->video) ? read_first_take(tx, h, why) : err;
}

static enum vcr_err read_captions(struct sql_tx *tx, struct app_hls *h, struct vcr_why *why)
{
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT language, version FROM captions WHERE tape_id = $1 ORDER BY language", SQL_ARGS(SQL_I(h->tape_id)), why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        struct app_hls_caption *c = &h->captions[h->caption_count];
        if (h->caption_count < APP_HLS_CAPTIONS_MAX && vcr_strcpy(c->language, sizeof(c->language), sql_text(rows, 0)) &&
            vcr_strcpy(c->version, sizeof(c->version), sql_text(rows, 1)))
            h->caption_count++;
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

/* A year or a day is no time of the first picture. */
static int64_t recorded_ms(const struct app_tape *t)
{
    const char *text = t->c[APP_T_RECORDED_AT].s;
    int64_t from, to;
    return text && strlen(text) > 10 && app_date_bounds(text, &from, &to) ? from : HLS_NO_WALL;
}

enum vcr_err app_hls_find(struct sql_tx *tx, const struct app_principal *who, int64_t tape_id, struct app_hls *ret, struct vcr_why *why)
{
    struct app_tape t = { 0 };
    memset(ret, 0, sizeof(*ret)); /* padding, too: it is compared by its digest */
    ret->tape_id = tape_id;
    enum vcr_err err = app_tape_find(tx, who, tape_id, APP_SEE, APP_NOT_BINNED, &t, why);
    if (err == VCR_OK) {
        ret->recorded_ms = recorded_ms(&t);
        ret->duration_us = t.c[APP_T_DURATION].i;
        made_describe(&t, &ret->tape);
        bool over = strcmp(t.c[APP_T_STATUS].s, "recording") == 0 && ret->duration_us > 0; /* recorded over: until that is done it plays as it was */
        err = over ? VCR_OK : check_ready(t.c[APP_T_STATUS].s, why);
    }
    app_tape_free(&t);
    if (err == VCR_OK)
        err = read_reels(tx, ret, why);
    if (err == VCR_OK)
        err = read_spans(tx, ret, why);
    if (err == VCR_OK && !app_hls_has(&ret->video) && !app_hls_has(&ret->audio))
        err = check_ready("", why);
    if (err == VCR_OK)
        err = read_captions(tx, ret, why);
    if (err == VCR_OK)
        err = made_read(tx, ret, why);
    if (err == VCR_OK)
        app_digest(ret, sizeof(*ret), ret->version);
    return err;
}

const struct app_hls_reel *app_hls_sound(const struct app_hls *h, int track)
{
    if (track == 0)
        return app_hls_has(&h->audio) ? &h->audio : NULL;
    for (int i = 0; i < h->more_count; i++)
        if (h->more[i].track == track)
            return &h->more[i];
    return NULL;
}

const struct app_hls_caption *app_hls_caption(const struct app_hls *h, const char *language)
{
    for (int i = 0; i < h->caption_count; i++)
        if (strcmp(h->captions[i].language, language) == 0)
            return &h->captions[i];
    return NULL;
}

/* ---- tokens: user, expiry and a MAC over both and the tape, as base64url ---- */
enum { TOKEN_MAC_AT = 16, TOKEN_RAW = TOKEN_MAC_AT + crypto_auth_hmacsha256_BYTES };
_Static_assert(VCR_B64URL_BYTES(TOKEN_RAW) == APP_HLS_TOKEN_BYTES, "a token fits");

static void token_mac(const struct app *a, int64_t tape_id, const uint8_t *head, uint8_t mac[crypto_auth_hmacsha256_BYTES])
{
    uint8_t text[8 + TOKEN_MAC_AT];
    wr64be(text, (uint64_t)tape_id);
    memcpy(text + 8, head, TOKEN_MAC_AT);
    crypto_auth_hmacsha256(mac, text, sizeof(text), a->hls->key);
}

void app_hls_token(const struct app *a, int64_t tape_id, int64_t user_id, int64_t expires_ms, char ret[APP_HLS_TOKEN_BYTES])
{
    uint8_t raw[TOKEN_RAW];
    wr64be(raw, (uint64_t)user_id);
    wr64be(raw + 8, (uint64_t)expires_ms);
    token_mac(a, tape_id, raw, raw + TOKEN_MAC_AT);
    vcr_b64url_encode(ret, raw, sizeof(raw));
}

enum vcr_err app_hls_token_check(const struct app *a, int64_t tape_id, const char *token, int64_t now_ms, int64_t *ret_user_id, int64_t *ret_expires_ms, struct vcr_why *why)
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
    *ret_expires_ms = (int64_t)rd64be(raw + 8);
    return VCR_OK;
}

enum vcr_err app_hls_find_for(const struct app *a, struct sql_tx *tx, int64_t tape_id, int64_t user_id, struct app_hls *ret, struct vcr_why *why)
{
    struct app_principal who = { .role = APP_ADMIN }; /* the house: for whoever the network lets through, and for decks */
    bool is_house = user_id == APP_HLS_DECK || (user_id == APP_HLS_CDN && a->hls->cdn);
    uint64_t changes = sql_changes(a->config.db); /* before anything is read */
    enum vcr_err err = is_house ? VCR_OK : app_person(tx, user_id, clock_wall_ms(), &who, why);
    if (err == VCR_OK)
        err = app_hls_find(tx, &who, tape_id, ret, why);
    if (err == VCR_OK)
        hls_seen_put(a->hls, tape_id, user_id, ret, changes);
    return err;
}
