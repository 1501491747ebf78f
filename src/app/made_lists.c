/* app/made_lists.c - playlists of what is made on demand; their segments need not exist. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/hls_state.h"
#include "app/made.h"
#include "deliver/hls/dash.h"
#include "deliver/hls/made.h"

enum { KEPT_MS = 3600 * 1000, SEGMENT_US = 2000000, STRETCHES_MAX = 1 << 17, BASE_BYTES = MADE_REVISION_BYTES + 16 };

static enum vcr_err no_look(struct vcr_why *why)
{
    return vcr_refuse(why, VCR_E_CONFLICT, "/not-rendered", "the look of this tape cannot be made for players: ask for look=clean, or start a session");
}

/* ---- the look ---- */
static struct hls_track look_picture(const struct app_hls_tape *t)
{
    int num, den;
    make_rate(t->pal, t->field_rate, &num, &den);
    struct hls_track r = { .codecs = "avc1.42c01f", .width = t->pal ? 768 : 640, .height = t->pal ? 576 : 480, .coded_width = 720, .coded_height = t->pal ? 576 : 480,
                           .sar_num = t->pal ? 16 : 8, .sar_den = t->pal ? 15 : 9, .frames_per_1000_s = (uint32_t)((int64_t)num * 1000 / den),
                           .peak_bps = make_peak_bps(MADE_VIDEO_BPS, SEGMENT_US), .average_bps = MADE_VIDEO_BPS };
    return r;
}

static struct hls_track look_sound(void)
{
    /* an AAC frame may be half as long again as its fellows, a segment of a hundred hardly more than its share */
    return (struct hls_track){ .codecs = "mp4a.40.2", .channels = 2, .sample_rate = HLS_SOUND_RATE, .peak_bps = MADE_SOUND_BPS * 5 / 4, .average_bps = MADE_SOUND_BPS };
}

enum vcr_err made_write_vhs(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, struct buf *out, struct vcr_why *why)
{
    if (!made_has_look(a, h))
        return no_look(why);
    const struct hls_video video = { .track = look_picture(&h->tape), .uri = "vhs/video.m3u8" };
    const struct hls_rendition sound = { .track = look_sound(), .uri = "vhs/audio.m3u8", .name = "Sound", .language = h->audio.language };
    struct hls_texts texts;
    hls_cast_texts(&texts, h, false);
    const struct hls_multivariant m = { .prefix = ask->prefix, .videos = &video, .video_count = 1, .sounds = &sound, .sound_count = h->tape.has_sound,
                                        .captions = texts.list, .caption_count = texts.count };
    hls_write_multivariant(out, &m);
    return VCR_OK;
}

enum vcr_err made_write_vhs_media(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, struct buf *out, struct vcr_why *why)
{
    bool sound = ask->list == APP_HLS_VHS_SOUND;
    char revision[MADE_REVISION_BYTES], base[BASE_BYTES], init[BASE_BYTES + 16];
    if (!made_has_look(a, h))
        return no_look(why);
    if (sound && !h->tape.has_sound)
        return vcr_fail(why, VCR_E_NOT_FOUND, "this tape has no sound");
    struct hls_grid g = made_grid(&h->tape, sound);
    made_revision(a, h, revision);
    snprintf(base, sizeof(base), "%s/%c", revision, sound ? 'a' : 'v');
    snprintf(init, sizeof(init), "%sinit.mp4", base);
    hls_write_grid(out, &g, init, base, app_hls_cut(h) ? HLS_NO_WALL : h->recorded_ms); /* what was recorded over has many clocks, and this list one */
    return VCR_OK;
}

static void write_made_manifest(const struct app_hls *h, const struct app_hls_ask *ask, const char *revision, struct buf *out)
{
    char picture_base[BASE_BYTES], sound_base[BASE_BYTES];
    struct hls_texts texts;
    snprintf(picture_base, sizeof(picture_base), "vhs/%s/v", revision);
    snprintf(sound_base, sizeof(sound_base), "vhs/%s/a", revision);
    hls_cast_texts(&texts, h, true);
    const struct dash_made pictures = { made_grid(&h->tape, false), picture_base }, sounds = { made_grid(&h->tape, true), sound_base };
    const struct dash_track video = { .track = look_picture(&h->tape), .made = &pictures };
    const struct dash_track sound = { .track = look_sound(), .name = "Sound", .language = h->audio.language, .made = &sounds };
    const struct dash_period period = { .duration_us = h->tape.duration_us };
    const struct dash_manifest m = { .base = ask->prefix, .video = &video, .sounds = &sound, .sound_count = h->tape.has_sound, .captions = texts.list, .caption_count = texts.count,
                                     .periods = &period, .period_count = 1 };
    dash_write(out, &m);
}

/* What was recorded, as it was, in the raster of the tape. */
enum vcr_err made_write_manifest(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, struct buf *out, struct vcr_why *why)
{
    char revision[MADE_REVISION_BYTES];
    if (!made_has_look(a, h))
        return vcr_refuse(why, VCR_E_CONFLICT, "/recorded-over", "this tape was recorded over, and cannot be made for DASH here: it plays as HLS");
    made_clean_revision(a, h, revision);
    write_made_manifest(h, ask, revision, out);
    return VCR_OK;
}

enum vcr_err made_write_vhs_manifest(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, struct buf *out, struct vcr_why *why)
{
    char revision[MADE_REVISION_BYTES];
    if (!made_has_look(a, h))
        return no_look(why);
    made_revision(a, h, revision);
    write_made_manifest(h, ask, revision, out);
    return VCR_OK;
}

/* ---- smaller sizes ---- */
void made_rung_size(int rung, const struct hls_track *clean, uint16_t *ret_width, uint16_t *ret_height)
{
    int height = VCR_MIN(made_rung_kinds[rung].height, VCR_MAX(clean->height & ~1, 16)), width = (clean->width * height / clean->height + 1) & ~1;
    *ret_width = (uint16_t)VCR_CLAMP(width, 16, 1920);
    *ret_height = (uint16_t)height;
}

size_t made_rungs(const struct app *a, const struct app_hls *h, const struct hls_track *clean, struct hls_video ret[MADE_RUNGS])
{
    static const char *const uris[MADE_RUNGS] = { "r/480p/video.m3u8", "r/240p/video.m3u8" };
    size_t count = 0;
    for (int i = 0; i < MADE_RUNGS && made_has_rungs(a, h); i++) {
        uint32_t max_bps = made_rung_kinds[i].max_bps;
        uint64_t peak_bps = make_peak_bps(max_bps, HLS_GRID_US);
        uint16_t width, height;
        if (clean->height <= made_rung_kinds[i].height || clean->peak_bps <= peak_bps) /* it would be no smaller */
            continue;
        made_rung_size(i, clean, &width, &height);
        struct hls_track t = { .width = width, .height = height, .coded_width = width, .coded_height = height, .sar_num = 1, .sar_den = 1,
                               .frames_per_1000_s = clean->frames_per_1000_s, .peak_bps = peak_bps, .average_bps = max_bps };
        snprintf(t.codecs, sizeof(t.codecs), "avc1.42c0%02x", height > 320 ? 40 : 31);
        ret[count++] = (struct hls_video){ .track = t, .uri = uris[i] };
    }
    return count;
}

/* Kept, because an index may be long and each segment asks for it. */
struct kept_stretches {
    struct hls_track track;
    uint32_t count;
    struct hls_stretch stretches[];
};

enum vcr_err made_stretches(const struct app *a, const struct app_hls *h, struct hls_stretch **ret, uint32_t *ret_count, struct hls_track *ret_track, struct vcr_why *why)
{
    char key[APP_HLS_VERSION_BYTES + 16];
    struct reelidx x;
    size_t len, most = sizeof(struct kept_stretches) + STRETCHES_MAX * sizeof(struct hls_stretch);
    struct kept_stretches *k = malloc(most);
    if (!k)
        return vcr_fail(why, VCR_E_NOMEM, "no memory for a list");
    snprintf(key, sizeof(key), "made/%s", h->video.version);
    if (!cache_get(a->config.cache, key, k, most, &len) || len < sizeof(*k) || len != sizeof(*k) + k->count * sizeof(*k->stretches)) {
        enum vcr_err err = hls_read_index(a, &h->video, &x, why);
        if (err != VCR_OK) {
            free(k);
            return err;
        }
        memset(k, 0, sizeof(*k));
        hls_describe(&k->track, &x);
        k->count = VCR_MIN(hls_stretches(&x, k->stretches, STRETCHES_MAX), (uint32_t)STRETCHES_MAX);
        reelidx_free(&x);
        cache_set(a->config.cache, key, k, sizeof(*k) + k->count * sizeof(*k->stretches), KEPT_MS);
    }
    *ret_track = k->track;
    *ret_count = k->count;
    memmove(k, k->stretches, k->count * sizeof(*k->stretches));
    *ret = (struct hls_stretch *)(void *)k;
    return VCR_OK;
}

static enum vcr_err no_larger(struct vcr_why *why) { return vcr_fail(why, VCR_E_NOT_FOUND, "this tape's picture is no larger than that"); }

enum vcr_err made_write_rung(const struct app *a, const struct app_hls *h, const struct app_hls_ask *ask, struct buf *out, struct vcr_why *why)
{
    char version[APP_HLS_VERSION_BYTES], query[APP_HLS_VERSION_BYTES + 8], init[APP_HLS_VERSION_BYTES + 24];
    struct hls_stretch *s;
    struct hls_track track;
    uint32_t count;
    if (!made_has_rungs(a, h) || !app_hls_has(&h->video))
        return vcr_fail(why, VCR_E_NOT_FOUND, "there are no smaller pictures of this tape");
    if (ask->pieces) {
        enum vcr_err told = hls_describe_reel(a, &h->video, &track, why);
        if (told == VCR_OK && track.height <= made_rung_kinds[ask->track].height)
            return no_larger(why);
        return told == VCR_OK ? hls_write_cut(a, h, ask, out, why) : told;
    }
    enum vcr_err err = made_stretches(a, h, &s, &count, &track, why);
    if (err != VCR_OK)
        return err;
    if (track.height > made_rung_kinds[ask->track].height) {
        made_rung_version(h->video.version, ask->track, version);
        snprintf(query, sizeof(query), "?v=%s", version);
        snprintf(init, sizeof(init), "init.mp4%s", query);
        hls_write_stretches(out, s, count, init, query, h->recorded_ms);
    } else {
        err = no_larger(why);
    }
    free(s);
    return err;
}
