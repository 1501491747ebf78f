/* api/hls_pieces.c - a tape that was recorded over: its pieces for the lists, and the reels that those name. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/hls.h"

static void free_pieces(void *own)
{
    struct app_pieces *p = own;
    free(p->items);
    free(p);
}

static enum vcr_err find(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct hls_call *h = hls_of(c);
    struct app_pieces *p = vcr_alloc(sizeof(*p));
    h->own = p;
    h->free_own = free_pieces;
    h->ask.pieces = p;
    return app_timeline_pieces(tx, h->tape_id, h->ask.list == APP_HLS_AUDIO ? APP_PIECE_AUDIO : APP_PIECE_VIDEO, p, why);
}

void hls_pieces(struct api_call *c, api_then then)
{
    c->then = then;
    api_sql(c, SQL_READ, find);
}

static bool plain(const char *text, const char *allowed) { return *text && strspn(text, allowed) == strlen(text); }

bool hls_piece_named(struct api_call *c, const char *stem, struct app_hls_reel *ret)
{
    const char *folder = api_param(c, "folder"), *asked = api_query(c, "v");
    return asked && plain(stem, "abcdefghijklmnopqrstuvwxyz-") && plain(folder, "abcdefghijklmnopqrstuvwxyz0123456789") &&
           snprintf(ret->blob_key, sizeof(ret->blob_key), "tapes/%" PRId64 "/%s/%s.mp4", hls_of(c)->tape_id, folder, stem) < (int)sizeof(ret->blob_key) &&
           app_hls_piece_may(c->app, ret->blob_key, asked, ret->version);
}

static enum vcr_err absent(struct vcr_why *why) { return vcr_fail(why, VCR_E_NOT_FOUND, "there is no such recording on this tape; load its playlist again"); }

void hls_piece_absent(struct api_call *c)
{
    struct vcr_why why;
    absent(&why);
    api_fail(c, &why);
}

/* The blob at this address, if it says that it may be had. */
static enum vcr_err choose(struct api_call *c, char ret_key[APP_HLS_KEY_BYTES], struct vcr_why *why)
{
    struct hls_call *h = hls_of(c);
    struct app_hls_reel piece;
    char stem[40];
    if (!hls_file_stem(c, "mp4", stem, sizeof(stem)) || !hls_piece_named(c, stem, &piece))
        return absent(why);
    memcpy(ret_key, piece.blob_key, APP_HLS_KEY_BYTES);
    snprintf(h->etag, sizeof(h->etag), "\"%s\"", piece.version);
    h->type = strstr(stem, "audio") ? "audio/mp4" : "video/mp4";
    h->versioned = true;
    return VCR_OK;
}

static enum vcr_err open_piece(struct api_call *c, struct vcr_why *why)
{
    struct hls_call *h = hls_of(c);
    char key[APP_HLS_KEY_BYTES];
    enum vcr_err err = choose(c, key, why);
    return err == VCR_OK ? app_hls_open(c->app, key, &h->fd, &h->size, why) : err;
}

void hls_piece(struct api_call *c)
{
    struct hls_call *h = hls_of(c);
    char key[APP_HLS_KEY_BYTES];
    struct vcr_why why;
    enum vcr_err err = choose(c, key, &why);
    if (err != VCR_OK) {
        why.code = err;
        api_fail(c, &why);
    } else if (app_hls_opened(c->app, key, &h->fd, &h->size)) {
        hls_send_file(c);
    } else {
        c->then = hls_send_file;
        api_pool(c, c->app->files, open_piece);
    }
}
