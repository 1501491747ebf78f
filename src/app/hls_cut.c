/* app/hls_cut.c - the lists of a tape that was recorded over: stretches of its reels, and the bridges at their ends, one behind the other. */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "app/hls_state.h"
#include "deliver/hls/playlist.h"
#include "wire/reelspan.h"

enum { URI_BYTES = APP_PIECE_KEY_BYTES + APP_HLS_VERSION_BYTES + 16 };

/* One piece's reel. Pieces of one reel share its index. */
struct stretch {
    struct reelidx *index;
    bool owner;
    char uri[URI_BYTES];
};
struct cut {
    const struct app *app;
    const struct app_hls *h;
    struct stretch *stretches;      /* one a piece */
    struct hls_span *spans;
    const struct app_piece **from;  /* one a span */
    size_t count, piece_count;
    bool made;                  /* a list of smaller pictures */
};

void app_hls_piece_version(const struct app *a, const char *blob_key, char ret[APP_HLS_VERSION_BYTES])
{
    uint8_t mac[(APP_HLS_VERSION_BYTES - 1) / 2];
    crypto_generichash(mac, sizeof(mac), (const unsigned char *)blob_key, strlen(blob_key), a->hls->key, sizeof(a->hls->key));
    vcr_hex(ret, mac, sizeof(mac));
}

bool app_hls_piece_may(const struct app *a, const char *blob_key, const char *asked, char ret_version[APP_HLS_VERSION_BYTES])
{
    app_hls_piece_version(a, blob_key, ret_version);
    return strlen(asked) == APP_HLS_VERSION_BYTES - 1 && sodium_memcmp(asked, ret_version, APP_HLS_VERSION_BYTES - 1) == 0;
}

/* "p/" and where the reel lies below its tape; where segments are made of it that is a folder. */
static bool name_piece(const struct cut *c, const struct app_piece *p, char out[URI_BYTES])
{
    char version[APP_HLS_VERSION_BYTES], tape[40];
    int n = snprintf(tape, sizeof(tape), "tapes/%" PRId64 "/", c->h->tape_id), len = (int)strlen(p->blob_key) - n;
    if (len < 0 || strncmp(p->blob_key, tape, (size_t)n) != 0)
        return false;
    if (c->made && len > 4 && strcmp(p->blob_key + n + len - 4, ".mp4") == 0)
        len -= 4;
    app_hls_piece_version(c->app, p->blob_key, version);
    snprintf(out, URI_BYTES, "p/%.*s?v=%s", len, p->blob_key + n, version);
    return true;
}

static enum vcr_err take_index(struct cut *c, const struct app_pieces *pieces, size_t i, struct stretch *s, struct vcr_why *why)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(pieces->items[k].index_key, pieces->items[i].index_key) == 0 && c->stretches[k].index) {
            s->index = c->stretches[k].index;
            return VCR_OK;
        }
    struct app_hls_reel reel = { .version = "" };
    vcr_strcpy(reel.index_key, sizeof(reel.index_key), pieces->items[i].index_key);
    s->index = vcr_alloc(sizeof(*s->index));
    enum vcr_err err = hls_read_index(c->app, &reel, s->index, why);
    if (err == VCR_OK) {
        s->owner = true;
        return VCR_OK;
    }
    free(s->index);
    s->index = NULL;
    return err;
}

/* Wall clock of what begins at start_us of the piece's reel. */
static int64_t wall_of(const struct cut *c, const struct app_piece *p, int64_t start_us)
{
    if (p->recorded_ms)
        return p->take_to_us ? p->recorded_ms + (start_us - p->take_from_us) / 1000 : p->recorded_ms;
    bool film = p->take_to_us && !p->is_take && c->h->recorded_ms != HLS_NO_WALL;
    return film ? c->h->recorded_ms + start_us / 1000 : HLS_NO_WALL;
}

static enum vcr_err add_piece(struct cut *c, const struct app_pieces *pieces, size_t i, struct vcr_why *why)
{
    const struct app_piece *p = &pieces->items[i];
    struct stretch *s = &c->stretches[i];
    struct reelspan r;
    enum vcr_err err = take_index(c, pieces, i, s, why);
    if (err != VCR_OK)
        return err;
    if (!name_piece(c, p, s->uri))
        return vcr_fail(why, VCR_E_IO, "%s is no reel of tape %" PRId64, p->blob_key, c->h->tape_id);
    struct hls_span *span = &c->spans[c->count];
    *span = hls_whole(s->index, s->uri);
    if (p->take_to_us) {
        int64_t from_us = p->take_from_us, to_us = p->take_to_us;
        reelspan_sound(s->index, p->tape_us, &from_us, &to_us);
        reelspan_cut(&r, s->index, from_us, to_us);
        span->first = r.first;
        span->count = r.count;
    }
    if (span->count == 0)
        return VCR_OK;
    span->wall_ms = wall_of(c, p, VCR_MAX(s->index->fragments[span->first].start_us, 0)); /* what primes a codec is not heard */
    span->goes_on = i > 0 && c->count > 0 && pieces->items[i - 1].tape_us == p->tape_us;
    c->from[c->count++] = p;
    return VCR_OK;
}

static void cut_close(struct cut *c)
{
    for (size_t i = 0; i < c->piece_count; i++)
        if (c->stretches[i].owner) {
            reelidx_free(c->stretches[i].index);
            free(c->stretches[i].index);
        }
    free(c->stretches);
    free(c->spans);
    free(c->from);
}

/* Close it in any case. */
static enum vcr_err cut_open(struct cut *c, const struct app_pieces *pieces, struct vcr_why *why)
{
    size_t n = c->piece_count = pieces->count;
    enum vcr_err err = VCR_OK;
    c->stretches = vcr_calloc(n, sizeof(*c->stretches));
    c->spans = vcr_calloc(n, sizeof(*c->spans));
    c->from = vcr_calloc(n, sizeof(*c->from));
    for (size_t i = 0; err == VCR_OK && i < n; i++)
        err = add_piece(c, pieces, i, why);
    return err;
}

enum vcr_err hls_write_cut(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, struct buf *out, struct vcr_why *why)
{
    struct cut c = { .app = a, .h = h, .made = ask->list == APP_HLS_RUNG };
    if (ask->pieces->count == 0)
        return vcr_fail(why, VCR_E_NOT_FOUND, ask->list == APP_HLS_AUDIO ? "this tape has no sound" : "this tape has no picture");
    enum vcr_err err = cut_open(&c, ask->pieces, why);
    if (err == VCR_OK && ask->list == APP_HLS_IFRAMES)
        hls_write_iframes(out, c.spans, c.count);
    else if (err == VCR_OK && c.made)
        hls_write_made(out, c.spans, c.count);
    else if (err == VCR_OK)
        hls_write_media(out, c.spans, c.count);
    cut_close(&c);
    return err;
}

enum vcr_err hls_cut_walk(const struct app *a, const struct app_hls *h, const struct app_pieces *pieces, hls_cut_each each, void *arg, struct vcr_why *why)
{
    struct cut c = { .app = a, .h = h };
    struct hls_walk w = { 0 };
    struct hls_segment g;
    enum vcr_err err = cut_open(&c, pieces, why);
    for (size_t i = 0; err == VCR_OK && i < c.count; i++) {
        w.span = &c.spans[i], w.next = 0;
        while (hls_next_segment(&w, &g))
            each(arg, c.from[i], w.span->index, &g);
    }
    cut_close(&c);
    return err;
}
