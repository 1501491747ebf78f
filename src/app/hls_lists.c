/* app/hls_lists.c - playlists and the manifest: made of the indexes of a tape's reels, once a version, and kept. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/cdn.h"
#include "app/hls_state.h"
#include "app/languages.h"
#include "app/made.h"
#include "app/reel_index.h"
#include "deliver/hls/dash.h"
#include "wire/reelidx.h"

enum { LIST_MS = 3600 * 1000, SOUNDS_MAX = 1 + APP_HLS_MORE_MAX, URI_BYTES = CDN_QUERY_BYTES + 500, CDN_S = 21600, CDN_STEP_S = 3600, CDN_TOKEN_STEP_S = 600 };

enum vcr_err app_hls_open(const struct app *a, const char *key, int *ret_fd, uint64_t *ret_size, struct vcr_why *why)
{
    enum vcr_err err = blob_keep_fd(a->config.blobs, key, ret_fd, ret_size, why);
    return err == VCR_E_NOT_FOUND ? vcr_fail(why, err, "this recording was replaced just now; load its playlist again") : err;
}

bool app_hls_opened(const struct app *a, const char *key, int *ret_fd, uint64_t *ret_size) { return blob_kept_fd(a->config.blobs, key, ret_fd, ret_size); }

enum vcr_err hls_read_index(const struct app *a, const struct app_hls_reel *r, struct reelidx *ret, struct vcr_why *why)
{
    int fd = -1;
    uint64_t size = 0;
    enum vcr_err err = app_hls_open(a, r->index_key, &fd, &size, why);
    return err == VCR_OK ? reel_index_read(fd, size, r->index_key, ret, why) : err;
}

/* What the multivariant playlist says of a reel; kept, because it is all that is needed of an index which may be long. */
enum vcr_err hls_describe_reel(const struct app *a, const struct app_hls_reel *r, struct hls_track *ret, struct vcr_why *why)
{
    char key[APP_HLS_VERSION_BYTES + 16];
    size_t len;
    struct reelidx x;
    snprintf(key, sizeof(key), "hls/track/%s", r->version);
    if (cache_get(a->config.cache, key, ret, sizeof(*ret), &len) && len == sizeof(*ret))
        return VCR_OK;
    enum vcr_err err = hls_read_index(a, r, &x, why);
    if (err != VCR_OK)
        return err;
    hls_describe(ret, &x);
    reelidx_free(&x);
    cache_set(a->config.cache, key, ret, sizeof(*ret), LIST_MS);
    return VCR_OK;
}


/* ---- what a tape has, in players' words ---- */
struct cast {
    bool has_video;
    struct hls_track video;
    struct hls_rendition sounds[SOUNDS_MAX];
    char sound_uris[SOUNDS_MAX][24], sound_names[SOUNDS_MAX][APP_HLS_TITLE_BYTES + 8];
    const struct app_hls_reel *sound_reels[SOUNDS_MAX];
    size_t sound_count;
    struct hls_texts texts;
};

/* NAME must differ within a group. */
static void name_sound(struct cast *c, size_t n, const struct app_hls_reel *r)
{
    char *name = c->sound_names[n];
    const char *language = language_name(r->language);
    size_t size = sizeof(c->sound_names[n]);
    if (*r->title)
        snprintf(name, size, "%s", r->title);
    else if (language)
        snprintf(name, size, "%s", language);
    else
        snprintf(name, size, n ? "Sound %zu" : "Sound", n + 1);
    for (size_t i = 0; i < n; i++)
        if (strcmp(c->sound_names[i], name) == 0)
            snprintf(name + strlen(name), size - strlen(name), " %zu", n + 1);
}

static enum vcr_err cast_sound(const struct app *a, struct cast *c, const struct app_hls_reel *r, struct vcr_why *why)
{
    size_t n = c->sound_count;
    struct hls_rendition *s = &c->sounds[n];
    enum vcr_err err = hls_describe_reel(a, r, &s->track, why);
    if (err != VCR_OK)
        return err;
    if (r->track == 0)
        snprintf(c->sound_uris[n], sizeof(c->sound_uris[n]), "audio.m3u8");
    else
        snprintf(c->sound_uris[n], sizeof(c->sound_uris[n]), "audio/%d.m3u8", r->track);
    name_sound(c, n, r);
    s->uri = c->sound_uris[n];
    s->name = c->sound_names[n];
    s->language = r->language;
    c->sound_reels[n] = r;
    c->sound_count++;
    return VCR_OK;
}

void hls_cast_texts(struct hls_texts *t, const struct app_hls *h, bool whole)
{
    for (int i = 0; i < h->caption_count; i++) {
        const struct app_hls_caption *from = &h->captions[i];
        const char *name = language_name(from->language);
        if (whole)
            snprintf(t->uris[i], sizeof(t->uris[i]), "captions/%s.vtt?v=%s", from->language, from->version);
        else
            snprintf(t->uris[i], sizeof(t->uris[i]), "captions/%s.m3u8", from->language);
        t->list[i] = (struct hls_rendition){ .uri = t->uris[i], .name = name ? name : from->language, .language = from->language };
    }
    t->count = (size_t)h->caption_count;
}

static enum vcr_err make_cast(const struct app *a, const struct app_hls *h, struct cast *c, bool whole, struct vcr_why *why)
{
    memset(c, 0, sizeof(*c));
    c->has_video = app_hls_has(&h->video);
    enum vcr_err err = c->has_video ? hls_describe_reel(a, &h->video, &c->video, why) : VCR_OK;
    if (err == VCR_OK && app_hls_has(&h->audio))
        err = cast_sound(a, c, &h->audio, why);
    for (int i = 0; i < h->more_count && err == VCR_OK; i++)
        err = cast_sound(a, c, &h->more[i], why);
    hls_cast_texts(&c->texts, h, whole);
    return err;
}

static enum vcr_err write_multivariant(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, struct buf *out, struct vcr_why *why)
{
    struct cast c;
    enum vcr_err err = make_cast(a, h, &c, false, why);
    if (err != VCR_OK)
        return err;
    struct hls_video videos[1 + MADE_RUNGS] = { { .track = c.video, .uri = "video.m3u8", .keys_uri = "iframe.m3u8" } };
    size_t video_count = c.has_video ? 1 + made_rungs(a, h, &c.video, videos + 1) : 0;
    const struct hls_multivariant m = { .prefix = ask->prefix, .videos = videos, .video_count = video_count, .sounds = c.sounds, .sound_count = c.sound_count,
                                        .captions = c.texts.list, .caption_count = c.texts.count };
    hls_write_multivariant(out, &m);
    return VCR_OK;
}

int64_t app_hls_cdn_until(const struct app *a, int64_t now_ms, int64_t expires_ms)
{
    int64_t step = expires_ms ? CDN_TOKEN_STEP_S : CDN_STEP_S, at_s = expires_ms ? expires_ms / 1000 : now_ms / 1000 + CDN_S;
    return a->hls->cdn ? (at_s + step - 1) / step * step : 0;
}

/* The version makes another address of other bytes, so that these may be kept for ever. in_folder: the list itself lies where the track does. On the CDN all get the
 * same token, so that it keeps one copy. */
static enum vcr_err reel_uri(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, const struct app_hls_reel *r, bool video, bool in_folder,
                             char out[URI_BYTES], struct vcr_why *why)
{
    char name[40], token[APP_HLS_TOKEN_BYTES], path[APP_HLS_TOKEN_BYTES + 60], query[CDN_QUERY_BYTES];
    snprintf(name, sizeof(name), video ? "video.mp4" : "audio.mp4");
    if (!video && r->track != 0)
        snprintf(name, sizeof(name), "%s%d.mp4", in_folder && !ask->cdn_until_s ? "" : "audio/", r->track);
    snprintf(out, URI_BYTES, "%s?v=%s", name, r->version);
    if (!ask->cdn_until_s)
        return VCR_OK;
    app_hls_token(a, h->tape_id, APP_HLS_CDN, ask->cdn_until_s * 1000, token);
    snprintf(path, sizeof(path), "/api/v1/hls/%" PRId64 "/t/%s/", h->tape_id, token);
    enum vcr_err err = cdn_sign(a->hls->cdn, path, ask->cdn_until_s, query, why);
    if (err == VCR_OK)
        snprintf(out, URI_BYTES, "%s%s%s?v=%s&%s", cdn_url(a->hls->cdn), path, name, r->version, query);
    return err;
}

/* ---- the manifest ---- */
struct scene {
    struct reelidx index[1 + SOUNDS_MAX];
    struct hls_span spans[1 + SOUNDS_MAX];
    char uris[1 + SOUNDS_MAX][URI_BYTES];
    size_t count;
};

static enum vcr_err add_span(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, struct scene *s, const struct app_hls_reel *r, bool video,
                             const struct hls_span **ret, struct vcr_why *why)
{
    size_t n = s->count;
    enum vcr_err err = hls_read_index(a, r, &s->index[n], why);
    if (err != VCR_OK)
        return err;
    err = reel_uri(a, h, ask, r, video, false, s->uris[n], why);
    s->spans[n] = hls_whole(&s->index[n], s->uris[n]);
    *ret = &s->spans[n];
    s->count++;
    return err;
}

static enum vcr_err write_manifest(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, struct buf *out, struct vcr_why *why)
{
    struct cast c;
    struct scene s = { 0 };
    struct dash_period p = { 0 };
    struct dash_track sounds[SOUNDS_MAX];
    if (app_hls_cut(h)) /* a period ends at one time in all tracks, and bridges of picture and sound do not: it is made anew */
        return made_write_manifest(a, h, ask, out, why);
    enum vcr_err err = make_cast(a, h, &c, true, why);
    const struct dash_track video = { .track = c.video };
    if (err == VCR_OK && c.has_video)
        err = add_span(a, h, ask, &s, &h->video, true, &p.video, why);
    for (size_t i = 0; i < c.sound_count && err == VCR_OK; i++) {
        sounds[i] = (struct dash_track){ .track = c.sounds[i].track, .name = c.sounds[i].name, .language = c.sounds[i].language };
        err = add_span(a, h, ask, &s, c.sound_reels[i], false, &p.sounds[i], why);
    }
    if (err == VCR_OK) {
        p.duration_us = hls_span_us(&s.spans[0]);
        const struct dash_manifest m = { .base = ask->prefix, .video = c.has_video ? &video : NULL, .sounds = sounds, .sound_count = c.sound_count, .captions = c.texts.list,
                                         .caption_count = c.texts.count, .periods = &p, .period_count = 1 };
        dash_write(out, &m);
    }
    for (size_t i = 0; i < s.count; i++)
        reelidx_free(&s.index[i]);
    return err;
}

/* ---- lists of segments ---- */
static enum vcr_err write_media(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, struct buf *out, struct vcr_why *why)
{
    bool video = ask->list != APP_HLS_AUDIO;
    const struct app_hls_reel *r = video ? (app_hls_has(&h->video) ? &h->video : NULL) : app_hls_sound(h, ask->track);
    char uri[URI_BYTES];
    struct reelidx x;
    if (ask->pieces)
        return hls_write_cut(a, h, ask, out, why);
    if (!r)
        return vcr_fail(why, VCR_E_NOT_FOUND, video ? "this tape has no picture" : ask->track ? "this tape has no such sound track" : "this tape has no sound");
    enum vcr_err err = hls_read_index(a, r, &x, why);
    if (err != VCR_OK)
        return err;
    err = reel_uri(a, h, ask, r, video, true, uri, why);
    struct hls_span span = hls_whole(&x, uri);
    span.wall_ms = h->recorded_ms;
    if (ask->list == APP_HLS_IFRAMES)
        hls_write_iframes(out, &span, 1);
    else
        hls_write_media(out, &span, 1);
    reelidx_free(&x);
    return err;
}

static enum vcr_err write_captions(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, struct buf *out, struct vcr_why *why)
{
    const struct app_hls_caption *c = app_hls_caption(h, ask->language);
    char uri[APP_HLS_LANGUAGE_BYTES + 64];
    if (!c)
        return vcr_fail(why, VCR_E_NOT_FOUND, "this tape has no such captions");
    snprintf(uri, sizeof(uri), "%s.vtt?v=%s", c->language, c->version);
    hls_write_captions(out, uri, h->duration_us, h->recorded_ms);
    return VCR_OK;
}

static const struct {
    const char *name;
    enum vcr_err (*write)(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, struct buf *out, struct vcr_why *why);
} lists[APP_HLS_LISTS] = {
    [APP_HLS_MULTIVARIANT] = { "multivariant", write_multivariant }, [APP_HLS_VIDEO] = { "video", write_media },     [APP_HLS_AUDIO] = { "audio", write_media },
    [APP_HLS_IFRAMES] = { "iframe", write_media },                   [APP_HLS_MANIFEST] = { "manifest", write_manifest }, [APP_HLS_CAPTIONS] = { "captions", write_captions },
    [APP_HLS_VHS] = { "vhs", made_write_vhs },                       [APP_HLS_VHS_VIDEO] = { "vhs-video", made_write_vhs_media }, [APP_HLS_VHS_SOUND] = { "vhs-sound", made_write_vhs_media },
    [APP_HLS_VHS_MANIFEST] = { "vhs-manifest", made_write_vhs_manifest }, [APP_HLS_RUNG] = { "rung", made_write_rung },
};

static void doc_name(const struct app_hls *h, const struct app_hls_ask *ask, char out[DOC_NAME_BYTES])
{
    snprintf(out, DOC_NAME_BYTES, "hls/%s/%s/%d/%" PRId64 "/%s", lists[ask->list].name, h->version, ask->track, ask->cdn_until_s, ask->language ? ask->language : "");
}

const struct doc *app_hls_kept(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask)
{
    char name[DOC_NAME_BYTES];
    doc_name(h, ask, name);
    return *ask->prefix ? NULL : docs_get(a->hls->docs, name);
}

enum vcr_err app_hls_doc(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, const struct doc **ret, struct vcr_why *why)
{
    char name[DOC_NAME_BYTES];
    struct buf out;
    *ret = app_hls_kept(a, h, ask);
    if (*ret)
        return VCR_OK;
    buf_init(&out, APP_HLS_PLAYLIST_MAX);
    enum vcr_err err = lists[ask->list].write(a, h, ask, &out, why);
    if (err == VCR_OK && !buf_ok(&out))
        err = vcr_fail(why, VCR_E_IO, "the list %s of tape %" PRId64 " is too long", lists[ask->list].name, h->tape_id);
    doc_name(h, ask, name);
    if (err == VCR_OK)
        *ret = *ask->prefix ? doc_make(out.data, out.len) : docs_put(a->hls->docs, name, out.data, out.len);
    buf_free(&out);
    return err;
}
