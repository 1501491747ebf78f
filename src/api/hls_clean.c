/* api/hls_clean.c - the clean look: playlists over the clean reels, and those reels, whose byte ranges are the segments. */
#include <stdio.h>
#include <string.h>

#include "api/hls.h"

const char hls_playlist_type[] = "application/vnd.apple.mpegurl";
static const char manifest_type[] = "application/dash+xml";

/* ---- lists ---- */
static enum vcr_err make_list(struct api_call *c, struct vcr_why *why)
{
    struct hls_call *h = hls_of(c);
    char prefix[APP_HLS_TOKEN_BYTES + 8];
    hls_prefix(c, prefix);
    h->ask.prefix = prefix;
    return app_hls_doc(c->app, &h->hls, &h->ask, &h->doc, why);
}

static void begin_making(struct api_call *c)
{
    c->then = hls_send_doc;
    api_pool(c, c->app->files, make_list);
}

static bool has_pieces(const struct app_hls_ask *a)
{
    return a->list == APP_HLS_RUNG || (a->track == 0 && (a->list == APP_HLS_VIDEO || a->list == APP_HLS_AUDIO || a->list == APP_HLS_IFRAMES));
}

/* What h->ask says: at once when it was rendered before. */
void hls_list(struct api_call *c)
{
    struct hls_call *h = hls_of(c);
    char prefix[APP_HLS_TOKEN_BYTES + 8];
    hls_prefix(c, prefix);
    h->ask.prefix = prefix;
    if (h->ask.list != APP_HLS_IFRAMES) /* has an address a second of film; they would be longer than the pictures */
        h->ask.cdn_until_s = app_hls_cdn_until(c->app, c->now_ms, h->expires_ms);
    h->type = h->ask.list == APP_HLS_MANIFEST || h->ask.list == APP_HLS_VHS_MANIFEST ? manifest_type : hls_playlist_type;
    h->doc = app_hls_kept(c->app, &h->hls, &h->ask);
    h->ask.prefix = NULL;
    if (h->doc)
        hls_send_doc(c);
    else if (app_hls_cut(&h->hls) && has_pieces(&h->ask))
        hls_pieces(c, begin_making);
    else
        begin_making(c);
}

void hls_clean_list(struct api_call *c)
{
    hls_of(c)->ask = (struct app_hls_ask){ .list = hls_of(c)->thing->list };
    hls_list(c);
}

/* ---- reels ---- */
/* Which blob is asked for. */
static enum vcr_err choose_reel(struct api_call *c, const char **ret_key, struct vcr_why *why)
{
    struct hls_call *h = hls_of(c);
    bool audio = h->ask.list == APP_HLS_AUDIO;
    const struct app_hls_reel *r = audio ? app_hls_sound(&h->hls, h->ask.track) : app_hls_has(&h->hls.video) ? &h->hls.video : NULL;
    if (!r)
        return vcr_fail(why, VCR_E_NOT_FOUND, !audio ? "this tape has no picture" : h->ask.track ? "this tape has no such sound track" : "this tape has no sound");
    snprintf(h->etag, sizeof(h->etag), "\"%s\"", r->version);
    h->type = audio ? "audio/mp4" : "video/mp4";
    *ret_key = r->blob_key;
    return hls_version(c, r->version, why);
}

static enum vcr_err open_reel(struct api_call *c, struct vcr_why *why)
{
    struct hls_call *h = hls_of(c);
    const char *key = NULL;
    enum vcr_err err = choose_reel(c, &key, why);
    return err == VCR_OK ? app_hls_open(c->app, key, &h->fd, &h->size, why) : err;
}

static void send_reel(struct api_call *c)
{
    struct hls_call *h = hls_of(c);
    const char *key = NULL;
    struct vcr_why why;
    enum vcr_err err = choose_reel(c, &key, &why);
    if (err != VCR_OK) {
        why.code = err;
        api_fail(c, &why);
    } else if (app_hls_opened(c->app, key, &h->fd, &h->size)) {
        hls_send_file(c);
    } else {
        c->then = hls_send_file;
        api_pool(c, c->app->files, open_reel);
    }
}

void hls_clean_reel(struct api_call *c)
{
    hls_of(c)->ask = (struct app_hls_ask){ .list = hls_of(c)->thing->list };
    send_reel(c);
}

void hls_clean_sound(struct api_call *c)
{
    struct hls_call *h = hls_of(c);
    char stem[8];
    uint64_t track;
    bool list = hls_file_stem(c, "m3u8", stem, sizeof(stem));
    if ((!list && !hls_file_stem(c, "mp4", stem, sizeof(stem))) || !vcr_parse_u64(stem, 99, &track) || track == 0) {
        hls_absent(c);
        return;
    }
    h->ask = (struct app_hls_ask){ .list = APP_HLS_AUDIO, .track = (int)track };
    if (list)
        hls_list(c);
    else
        send_reel(c);
}
