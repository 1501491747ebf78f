/* api/storyboard.c - small pictures for scrubbing: a list of places on sheets, and the sheets. */
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "app/storyboard.h"

struct own {
    struct storyboard board;
    int sheet, fd;
    char etag[STORYBOARD_VERSION_BYTES + 16];
};

static void own_free(void *p)
{
    vcr_close(&((struct own *)p)->fd);
    free(p);
}

static enum vcr_err find(struct api_call *c, struct sql_tx *tx, struct own **ret, struct vcr_why *why)
{
    struct app_tape t = { 0 };
    int64_t id;
    struct own *o = vcr_alloc(sizeof(*o));
    o->fd = -1;
    c->own = o;
    c->free_own = own_free;
    enum vcr_err err = api_param_id(c, "id", &id, why);
    if (err == VCR_OK)
        err = app_tape_find(tx, &c->who, id, APP_SEE, APP_NOT_BINNED, &t, why);
    if (err == VCR_OK)
        err = storyboard_find(tx, id, t.c[APP_T_DURATION].i, &o->board, why);
    app_tape_free(&t);
    *ret = o;
    return err;
}

static enum vcr_err list_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct own *o;
    enum vcr_err err = find(c, tx, &o, why);
    if (err != VCR_OK)
        return err;
    snprintf(o->etag, sizeof(o->etag), "\"%s\"", o->board.version);
    api_header(c, "ETag", o->etag);
    api_header(c, "Cache-Control", "private, no-cache");
    c->content_type = "text/vtt; charset=utf-8";
    if (!api_not_modified(c, o->etag))
        storyboard_vtt(&o->board, &c->out);
    return VCR_OK;
}

static enum vcr_err sheet_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct own *o;
    uint64_t size;
    char version[HTTP_PARAM_BYTES];
    enum vcr_err err = find(c, tx, &o, why);
    if (err != VCR_OK)
        return err;
    vcr_strcpy(version, sizeof(version), api_param(c, "file"));
    char *dash = strchr(version, '-'), *dot = dash ? strchr(dash, '.') : NULL;
    uint64_t sheet = 0;
    if (dot)
        *dash = *dot = '\0';
    if (!dot || strcmp(dot + 1, "jpg") != 0 || strcmp(version, o->board.version) != 0 || !vcr_parse_u64(dash + 1, (uint64_t)o->board.sheet_count - 1, &sheet))
        return vcr_fail(why, VCR_E_NOT_FOUND, "there is no such sheet; load the storyboard again");
    o->sheet = (int)sheet;
    err = blob_keep_fd(c->app->config.blobs, o->board.blob_key, &o->fd, &size, why);
    if (err == VCR_OK && size < o->board.sheet_at[o->board.sheet_count])
        err = vcr_fail(why, VCR_E_IO, "%s is too short", o->board.blob_key);
    snprintf(o->etag, sizeof(o->etag), "\"%s-%d\"", o->board.version, o->sheet);
    return err;
}

static void sheet_then(struct api_call *c)
{
    struct own *o = c->own;
    uint64_t at = o->board.sheet_at[o->sheet];
    struct http_file f = { .fd = o->fd, .offset = at, .len = o->board.sheet_at[o->sheet + 1] - at, .content_type = "image/jpeg", .etag = o->etag,
                           .cache_control = "private, max-age=604800, immutable" };
    o->fd = -1;
    security_headers(c->req);
    http_send_file(c->req, &f);
}

const struct api_route api_storyboard_routes[] = {
    { HTTP_GET, "/api/v1/tapes/:id/storyboard.vtt", API_VIEWERS, APP_RATE_READ, API_DB_READ, .run = list_run },
    { HTTP_GET, "/api/v1/tapes/:id/storyboard/:file", API_VIEWERS, APP_RATE_READ, API_DB_READ, .run = sheet_run, .then = sheet_then },
    { 0 }
};
