/* api/hls_captions.c - captions below a tape's HLS root: a playlist a language, and the one file that it names. */
#include <stdio.h>
#include <string.h>

#include "api/hls.h"
#include "app/captions.h"
#include "wire/langtag.h"
#include "wire/webvtt.h"

static void doc_name(const struct hls_call *h, char out[DOC_NAME_BYTES])
{
    const struct app_hls_caption *found = app_hls_caption(&h->hls, h->language);
    snprintf(out, DOC_NAME_BYTES, "vtt/%s", found ? found->version : "");
}

static enum vcr_err read_text(struct api_call *c, struct sql_tx *tx, struct vcr_why *why)
{
    struct hls_call *h = hls_of(c);
    struct caption found = { 0 };
    struct buf out;
    char name[DOC_NAME_BYTES];
    enum vcr_err err = app_caption_get(tx, h->tape_id, h->language, &found, why);
    if (err != VCR_OK)
        return err;
    buf_init(&out, 2 * WEBVTT_BYTES_MAX);
    webvtt_write_hls(&out, found.text, found.len);
    snprintf(name, sizeof(name), "vtt/%s", found.version);
    h->doc = docs_put(hls_docs(c->app), name, out.data, out.len);
    buf_free(&out);
    caption_free(&found);
    return VCR_OK;
}

static void send_text(struct api_call *c)
{
    struct hls_call *h = hls_of(c);
    const struct app_hls_caption *found = app_hls_caption(&h->hls, h->language);
    struct vcr_why why;
    char name[DOC_NAME_BYTES];
    if (!found || hls_version(c, found->version, &why) != VCR_OK) {
        hls_absent(c);
        return;
    }
    h->type = "text/vtt; charset=utf-8";
    doc_name(h, name);
    h->doc = docs_get(hls_docs(c->app), name);
    if (h->doc) {
        hls_send_doc(c);
    } else {
        c->then = hls_send_doc;
        api_sql(c, SQL_READ, read_text);
    }
}

void hls_captions(struct api_call *c)
{
    struct hls_call *h = hls_of(c);
    char stem[APP_HLS_LANGUAGE_BYTES];
    bool list = hls_file_stem(c, "m3u8", stem, sizeof(stem));
    if ((!list && !hls_file_stem(c, "vtt", stem, sizeof(stem))) || !langtag_read(stem, h->language)) {
        hls_absent(c);
        return;
    }
    h->ask = (struct app_hls_ask){ .list = APP_HLS_CAPTIONS, .language = h->language };
    if (list)
        hls_list(c);
    else
        send_text(c);
}
