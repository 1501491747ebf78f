/* api/media.c - a tape's original in and out, and its thumbnail. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/internal.h"
#include "app/library.h"
#include "app/upload.h"

/* ---- PUT: transaction (uploading) -> body into the blob store -> transaction (processing, job) ---- */
struct put_own {
    int64_t tape_id;
    char name[256], sha256[65];
    uint64_t size;
    struct upload *upload;
    struct vcr_why why;      /* why it failed */
    bool began;
};

/* X-Filename may be percent-encoded; only the last part of a path counts. */
static bool read_name(const char *text, char *out, size_t size)
{
    size_t n = 0;
    for (const char *p = text; *p; p++) {
        unsigned value;
        if (*p == '%' && sscanf(p + 1, "%2x", &value) == 1 && strspn(p + 1, "0123456789abcdefABCDEF") >= 2)
            p += 2;
        else
            value = (unsigned char)*p;
        if (value < 0x20 || value == 0x7F || n + 1 >= size)
            return false;
        out[n++] = (char)value;
        if (value == '/' || value == '\\')
            n = 0;
    }
    out[n] = '\0';
    return vcr_utf8_ok(out, n);
}

static enum vcr_err put_answer(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct put_own *o = c->own;
    struct app_tape t = { 0 };
    struct app_duplicates d;
    int64_t job;
    enum vcr_err err = app_upload_finish(c->app, tx, &c->who, o->tape_id, QUEUE_PERSON, o->name[0] ? o->name : NULL, o->sha256, o->size, c->now_ms, &job, why);
    if (err == VCR_OK)
        err = app_tape_find(tx, &c->who, o->tape_id, APP_OWN, APP_NOT_BINNED, &t, why);
    if (err == VCR_OK)
        err = app_tape_duplicates(tx, o->tape_id, &d, why);
    if (err == VCR_OK)
        app_tape_json_whole(&t, &d, &c->json);
    app_tape_free(&t);
    c->status = 201;
    return err;
}

static enum vcr_err drop_blob(struct api_call *c, struct vcr_why *why)
{
    char key[64];
    app_original_key(((struct put_own *)c->own)->tape_id, key, sizeof(key));
    return blob_delete(c->app->config.blobs, key, why);
}

static void put_refuse(struct api_call *c) { api_fail(c, &((struct put_own *)c->own)->why); }

static enum vcr_err put_undo(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    return app_upload_undo(tx, ((struct put_own *)c->own)->tape_id, c->now_ms, why);
}

static void put_undo_row(struct api_call *c)
{
    c->then = put_refuse;
    api_sql(c, SQL_WRITE, put_undo);
}

/* The row could not be written: the bytes go, too. */
static void put_saved(struct api_call *c)
{
    struct put_own *o = c->own;
    if (c->job.err == VCR_OK) {
        api_finish(c);
        return;
    }
    o->why = c->job.why;
    o->why.code = c->job.err;
    buf_reset(&c->out);
    c->then = put_undo_row;
    api_pool(c, c->app->files, drop_blob);
}

static void put_done(void *arg, enum vcr_err err, const struct vcr_why *why, const char *sha256, uint64_t size)
{
    struct api_call *c = arg;
    struct put_own *o = c->own;
    o->upload = NULL;
    if (err != VCR_OK) {
        o->why = *why;
        o->why.code = err;
        put_undo_row(c);
        return;
    }
    vcr_strcpy(o->sha256, sizeof(o->sha256), sha256);
    o->size = size;
    c->then = put_saved;
    api_sql(c, SQL_WRITE, put_answer);
}

static void put_resume(void *arg) { http_body_resume(((struct api_call *)arg)->req); }

static bool put_data(struct http_req *r, const uint8_t *bytes, size_t len)
{
    struct put_own *o = ((struct api_call *)http_req_own(r))->own;
    return upload_data(o->upload, bytes, len);
}

static void put_end(struct http_req *r, bool complete)
{
    struct put_own *o = ((struct api_call *)http_req_own(r))->own;
    upload_end(o->upload, complete);
}

static void put_then(struct api_call *c)
{
    static const struct http_body_sink sink = { put_data, put_end };
    struct put_own *o = c->own;
    if (!o || c->job.err != VCR_OK || !o->began) {
        struct vcr_why why = c->job.why;
        why.code = c->job.err;
        api_fail(c, &why);
        return;
    }
    const struct upload_events events = { put_resume, put_done, c };
    o->upload = upload_open(c->app, o->tape_id, c->loop, &events);
    http_body_stream(c->req, c->app->config.max_upload_bytes, &sink);
}

static enum vcr_err put_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct put_own *o = vcr_alloc(sizeof(*o));
    c->own = o;
    c->free_own = free;
    enum vcr_err err = api_param_id(c, "id", &o->tape_id, why);
    if (err == VCR_OK && c->file_name && !read_name(c->file_name, o->name, sizeof(o->name)))
        err = api_invalid(c, why, "X-Filename", "is no file name");
    if (err == VCR_OK)
        err = app_upload_begin(c->app, tx, &c->who, o->tape_id, c->body_length, c->now_ms, why);
    o->began = err == VCR_OK;
    return err;
}

/* ---- files out ---- */
struct file_own { int fd; uint64_t size; char etag[128], name[256]; const char *type; };

static void file_free(void *p)
{
    struct file_own *o = p;
    vcr_close(&o->fd);
    free(o);
}

static void file_then(struct api_call *c)
{
    struct file_own *o = c->own;
    struct http_file f = { .fd = o->fd, .len = o->size, .content_type = o->type, .etag = o->etag, .cache_control = "private, no-cache",
                           .download_name = o->name[0] ? o->name : NULL };
    o->fd = -1;
    security_headers(c->req);
    http_set_header(c->req, "Content-Security-Policy", "sandbox; default-src 'none'");
    http_send_file(c->req, &f);
}

/* What stands in a library is looked at anew each time: it is not ours. */
static enum vcr_err open_library(struct api_call *c, struct sql_tx *tx, int64_t id, struct vcr_why *why)
{
    struct file_own *o = c->own;
    struct library_file file;
    enum vcr_err err = library_find(tx, id, &file, why);
    if (err == VCR_E_END)
        return vcr_fail(why, VCR_E_NOT_FOUND, "this tape has none yet");
    return err == VCR_OK ? library_open(c->app->config.libraries, &file, &o->fd, &o->size, why) : err;
}

static enum vcr_err open_file(struct api_call *c, struct sql_tx *tx, enum app_access access, const char *what, struct app_tape *t, struct vcr_why *why)
{
    struct file_own *o = vcr_alloc(sizeof(*o));
    char key[64];
    int64_t id;
    o->fd = -1;
    c->own = o;
    c->free_own = file_free;
    enum vcr_err err = api_param_id(c, "id", &id, why);
    if (err == VCR_OK)
        err = app_tape_find(tx, &c->who, id, access, APP_NOT_BINNED, t, why);
    if (err != VCR_OK)
        return err;
    if (access == APP_OWN && t->c[APP_T_ORIGINAL_STATE].s)
        return open_library(c, tx, id, why);
    snprintf(key, sizeof(key), "tapes/%" PRId64 "/%s", id, what);
    if (strcmp(t->c[APP_T_STATUS].s, "uploading") == 0 || blob_open_fd(c->app->config.blobs, key, &o->fd, &o->size, why) != VCR_OK)
        return vcr_fail(why, VCR_E_NOT_FOUND, "this tape has none yet");
    return VCR_OK;
}

static enum vcr_err original_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct app_tape t = { 0 };
    enum vcr_err err = open_file(c, tx, APP_OWN, "original", &t, why);
    struct file_own *o = c->own;
    if (err == VCR_OK) {
        json_t *media = t.c[APP_T_MEDIA].s ? json_loads(t.c[APP_T_MEDIA].s, 0, NULL) : NULL;
        const char *sha = json_string_value(json_object_get(media, "sha256"));
        snprintf(o->etag, sizeof(o->etag), "\"%.64s\"", sha ? sha : "original");
        json_decref(media);
        vcr_strcpy(o->name, sizeof(o->name), t.c[APP_T_FILE_NAME].s && *t.c[APP_T_FILE_NAME].s ? t.c[APP_T_FILE_NAME].s : "original");
        o->type = "application/octet-stream";
    }
    app_tape_free(&t);
    return err;
}

static enum vcr_err thumbnail_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct app_tape t = { 0 };
    enum vcr_err err = open_file(c, tx, APP_SEE, "thumb.jpg", &t, why);
    struct file_own *o = c->own;
    if (err == VCR_OK) {
        snprintf(o->etag, sizeof(o->etag), "\"thumb-%" PRId64 "-%" PRIu64 "\"", t.c[APP_T_REVISION].i, o->size);
        o->type = "image/jpeg";
    }
    app_tape_free(&t);
    return err;
}

const struct api_route api_media_routes[] = {
    { HTTP_PUT, "/api/v1/tapes/:id/media", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, .run = put_run, .then = put_then, .own_body = true, .then_on_error = true },
    { HTTP_GET, "/api/v1/tapes/:id/media", API_ACCOUNT, APP_RATE_READ, API_DB_READ, .run = original_run, .then = file_then },
    { HTTP_GET, "/api/v1/tapes/:id/thumbnail", API_VIEWERS, APP_RATE_READ, API_DB_READ, .run = thumbnail_run, .then = file_then },
    { 0 }
};
