/* app/recordings_files.c - see recordings_internal.h. */
#include <inttypes.h>
#include <stdio.h>

#include "app/recordings_internal.h"
#include "wire/json.h"

const struct record_track record_tracks[RECORDER_TRACKS] = {
    [RECORDER_VIDEO] = { "clean.mp4", "clean.idx", "clean_video" },
    [RECORDER_AAC] = { "audio.mp4", "audio.idx", "clean_audio" },
    [RECORDER_OPUS] = { "opus.mp4", "opus.idx", "opus" },
};

void record_key(const struct record_place *p, const char *name, char out[RECORD_KEY_BYTES])
{
    if (p->take_id)
        snprintf(out, RECORD_KEY_BYTES, "tapes/%" PRId64 "/t%" PRId64 "/%s", p->tape_id, p->take_id, name);
    else
        snprintf(out, RECORD_KEY_BYTES, "tapes/%" PRId64 "/c1/%s", p->tape_id, name);
}

/* ---- facts ---- */
static void ratio(struct jsonw *j, const char *key, int64_t num, int64_t den)
{
    char text[48];
    int64_t x = num, y = den;
    while (y) {
        int64_t rest = x % y;
        x = y, y = rest;
    }
    snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64, x ? num / x : num, x ? den / x : den);
    jsonw_str(j, key, text);
}

static void video_json(struct jsonw *j, const struct record_picture *r)
{
    if (!r->width) { /* nothing was recorded */
        jsonw_null(j, "video");
        return;
    }
    jsonw_open(j, "video");
    jsonw_str(j, "codec", "h264");
    jsonw_int(j, "width", r->width);
    jsonw_int(j, "height", r->height);
    ratio(j, "sample_aspect", r->sar_num, r->sar_den);
    ratio(j, "display_aspect", (int64_t)r->width * r->sar_num, (int64_t)r->height * r->sar_den);
    jsonw_num(j, "frame_rate", r->frames_per_1000_s / 1000.0);
    jsonw_bool(j, "variable_frame_rate", false);
    jsonw_str(j, "field_order", "progressive");
    jsonw_str(j, "pixel_format", "yuv420p");
    jsonw_close(j);
}

static void sound_json(struct jsonw *j, const char *codec)
{
    jsonw_open(j, NULL);
    jsonw_str(j, "codec", codec);
    jsonw_int(j, "channels", 2);
    jsonw_int(j, "sample_rate", 48000);
    jsonw_close(j);
}

char *record_media_text(const struct record_picture *p, const struct recorder_result *result, bool recovered)
{
    struct buf b;
    struct jsonw j;
    buf_init(&b, 8192);
    jsonw_init(&j, &b);
    jsonw_open(&j, NULL);
    jsonw_str(&j, "container", "mp4");
    video_json(&j, p);
    jsonw_open_array(&j, "audio");
    if (result->track[RECORDER_AAC].there)
        sound_json(&j, "aac");
    jsonw_close_array(&j);
    jsonw_null(&j, "sha256"); /* there is no file that somebody brought */
    jsonw_int(&j, "size_bytes", (int64_t)result->track[RECORDER_VIDEO].size_bytes);
    jsonw_bool(&j, "recovered", recovered);
    jsonw_null(&j, "damage");
    jsonw_close(&j);
    return b.data;
}

bool record_is_pal(const struct record_picture *p)
{
    return p->height == 576 || (p->frames_per_1000_s > 24700 && p->frames_per_1000_s < 25300) || (p->frames_per_1000_s > 49500 && p->frames_per_1000_s < 50500);
}

void record_fill_picture(struct record_picture *p, const struct recorder_result *result)
{
    const struct recorder_track_result *v = &result->track[RECORDER_VIDEO];
    if (!v->there || v->duration_us <= 0)
        return;
    if (!p->width) {
        p->width = v->width, p->height = v->height;
        p->sar_num = v->sar_num, p->sar_den = v->sar_den;
    }
    if (!p->frames_per_1000_s)
        p->frames_per_1000_s = (uint32_t)(v->samples * UINT64_C(1000000000) / (uint64_t)v->duration_us);
}

/* ---- the files ---- */
void app_record_files_close(struct recorder_files *f)
{
    for (int i = 0; i < RECORDER_TRACKS; i++) {
        vcr_close(&f->track[i].fd);
        vcr_close(&f->track[i].index_fd);
    }
    vcr_close(&f->journal_fd);
}

enum vcr_err record_open_files(const struct app *a, const struct record_place *p, bool create, bool aac, struct recorder_files *f, struct vcr_why *why)
{
    char key[RECORD_KEY_BYTES];
    enum vcr_err err = VCR_OK;
    f->journal_fd = -1;
    for (int i = 0; i < RECORDER_TRACKS; i++)
        f->track[i].fd = f->track[i].index_fd = -1;
    for (int i = 0; err == VCR_OK && i < RECORDER_TRACKS; i++) {
        if (create && i == RECORDER_AAC && !aac)
            continue;
        record_key(p, record_tracks[i].file, key);
        err = blob_grow(a->config.blobs, key, create, &f->track[i].fd, why);
        record_key(p, record_tracks[i].index, key);
        if (err == VCR_OK)
            err = blob_grow(a->config.blobs, key, create, &f->track[i].index_fd, why);
        if (err == VCR_E_NOT_FOUND && !create) { /* killed before it was there */
            vcr_close(&f->track[i].fd);
            err = VCR_OK;
        }
    }
    record_key(p, "journal", key); /* the last: where it is, all are */
    if (err == VCR_OK)
        err = blob_grow(a->config.blobs, key, create, &f->journal_fd, why);
    if (err != VCR_OK)
        app_record_files_close(f);
    return err;
}

enum vcr_err record_seal_files(const struct app *a, const struct record_place *p, const struct recorder_result *result, struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    char key[RECORD_KEY_BYTES];
    for (int i = 0; err == VCR_OK && i < RECORDER_TRACKS; i++) {
        if (!result->track[i].there)
            continue;
        record_key(p, record_tracks[i].file, key);
        err = blob_seal(a->config.blobs, key, why);
        record_key(p, record_tracks[i].index, key);
        if (err == VCR_OK)
            err = blob_seal(a->config.blobs, key, why);
    }
    return err;
}

void record_tidy(const struct app *a, const struct record_place *p, bool some)
{
    char key[RECORD_KEY_BYTES];
    struct vcr_why why;
    if (!some) {
        record_key(p, "", key);
        blob_delete_prefix(a->config.blobs, key, &why);
        return;
    }
    record_key(p, "journal", key);
    if (blob_seal(a->config.blobs, key, &why) == VCR_OK)
        blob_delete(a->config.blobs, key, &why);
}
