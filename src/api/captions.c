/* api/captions.c - a tape's captions: WebVTT in and out, one text a language. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/internal.h"
#include "app/captions.h"
#include "wire/langtag.h"
#include "wire/webvtt.h"

#define CAPTIONS "/api/v1/tapes/:id/captions"
struct own {
    int64_t tape_id;
    char language[LANGTAG_BYTES];
    struct caption found;
};

static void own_free(void *p)
{
    caption_free(&((struct own *)p)->found);
    free(p);
}

/* Whether the tape is there and theirs, and which language. A tag that is none names nothing, but one that is to be written is told to be wrong. */
static enum vcr_err open_one(struct api_call *c, struct sql_tx *tx, enum app_access access, struct vcr_why *why)
{
    if (!c->own) {
        c->own = vcr_alloc(sizeof(struct own));
        c->free_own = own_free;
    }
    struct own *o = c->own;
    enum vcr_err err = tape_of(c, tx, access, &o->tape_id, why);
    if (err != VCR_OK || langtag_read(api_param(c, "language"), o->language))
        return err;
    if (c->route->method == HTTP_PUT)
        return api_invalid(c, why, "language", "must be a BCP 47 language tag such as en or pt-BR");
    return vcr_fail(why, VCR_E_NOT_FOUND, "this tape has no such captions");
}

/* ---- PUT: rights -> body -> transaction ---- */
static enum vcr_err put_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why) { return open_one(c, tx, APP_OWN, why); }

static enum vcr_err put_write(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    char details[LANGTAG_BYTES + 40];
    bool is_new = false;
    enum vcr_err err = open_one(c, tx, APP_OWN, why);
    struct own *o = c->own;
    if (err == VCR_OK)
        err = app_caption_put(tx, o->tape_id, o->language, "user", c->raw, c->raw_len, c->now_ms, &is_new, why);
    if (err == VCR_E_INVALID) {
        char reason[sizeof(why->text)];
        vcr_strcpy(reason, sizeof(reason), why->text);
        return api_invalid(c, why, "", "%s", reason);
    }
    snprintf(details, sizeof(details), "{\"captions\":\"%s\"}", o->language);
    if (err == VCR_OK)
        err = app_history_add(tx, o->tape_id, "edited", c->who.user_id, details, c->now_ms, why);
    if (err == VCR_OK)
        err = app_caption_json(tx, o->tape_id, o->language, &c->json, why);
    c->status = is_new ? 201 : 200;
    return err;
}

static void put_body(struct http_req *r, const char *body, size_t len)
{
    struct api_call *c = http_req_own(r);
    c->raw = vcr_alloc(len + 1);
    memcpy(c->raw, body, len);
    c->raw_len = len;
    api_sql(c, SQL_WRITE, put_write);
}

static void put_then(struct api_call *c)
{
    static const char *const types[] = { "text/vtt", "text/plain", "application/octet-stream" };
    const char *type = http_req_header(c->req, "Content-Type");
    struct vcr_why why;
    bool ok = !type;
    for (size_t i = 0; i < ARRAY_LEN(types) && !ok; i++)
        ok = strncasecmp(type, types[i], strlen(types[i])) == 0 && strchr("; ", type[strlen(types[i])]) != NULL;
    if (ok) {
        http_body_read(c->req, WEBVTT_BYTES_MAX, put_body);
        return;
    }
    vcr_fail(&why, VCR_E_UNSUPPORTED, "captions are text/vtt");
    api_fail(c, &why);
}

/* ---- the others ---- */
static enum vcr_err get_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    char etag[CAPTION_VERSION_BYTES + 2];
    enum vcr_err err = open_one(c, tx, APP_SEE, why);
    struct own *o = c->own;
    if (err == VCR_OK)
        err = app_caption_get(tx, o->tape_id, o->language, &o->found, why);
    if (err != VCR_OK)
        return err;
    snprintf(etag, sizeof(etag), "\"%s\"", o->found.version);
    api_header(c, "ETag", etag);
    api_header(c, "Cache-Control", "private, no-cache");
    c->content_type = "text/vtt; charset=utf-8";
    if (!api_not_modified(c, etag))
        buf_add(&c->out, o->found.text, o->found.len);
    return VCR_OK;
}

static enum vcr_err delete_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    char details[LANGTAG_BYTES + 40];
    enum vcr_err err = open_one(c, tx, APP_OWN, why);
    struct own *o = c->own;
    if (err == VCR_OK)
        err = app_caption_delete(tx, o->tape_id, o->language, why);
    if (err != VCR_OK)
        return err;
    snprintf(details, sizeof(details), "{\"captions_removed\":\"%s\"}", o->language);
    c->status = 204;
    return app_history_add(tx, o->tape_id, "edited", c->who.user_id, details, c->now_ms, why);
}

static enum vcr_err list_run(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    int64_t id;
    enum vcr_err err = tape_of(c, tx, APP_SEE, &id, why);
    if (err != VCR_OK)
        return err;
    list_begin(c);
    err = app_caption_json(tx, id, NULL, &c->json, why);
    list_end(c, NULL);
    return err;
}

const struct api_route api_caption_routes[] = {
    { HTTP_GET, CAPTIONS "", API_VIEWERS, APP_RATE_READ, API_DB_READ, .run = list_run },
    { HTTP_PUT, CAPTIONS "/:language", API_ACCOUNT, APP_RATE_WRITE, API_DB_READ, .run = put_run, .then = put_then, .own_body = true },
    { HTTP_GET, CAPTIONS "/:language", API_VIEWERS, APP_RATE_READ, API_DB_READ, .run = get_run },
    { HTTP_DELETE, CAPTIONS "/:language", API_ACCOUNT, APP_RATE_WRITE, API_DB_WRITE, .run = delete_run },
    { 0 }
};
