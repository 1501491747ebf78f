/* app/docs.c - see docs.h. */
#include "app/docs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "base/util.h"
#include "wire/gzip.h"

enum { BUCKETS = 256, ONE_MAX = DOCS_BYTES / 4, WORTH_IT = 256 };
struct kept {
    struct doc doc;
    atomic_int refs;
    char name[DOC_NAME_BYTES];
    size_t bytes;
    /* guarded by lock */
    struct kept *chain;
    struct kept *newer, *older; /* by use */
};
struct docs {
    pthread_mutex_t lock;
    /* guarded by lock */
    struct kept *buckets[BUCKETS];
    struct kept *newest, *oldest;
    size_t bytes;
};

static struct kept **place_locked(struct docs *d, const char *name)
{
    uint32_t h = 2166136261u;
    for (const char *p = name; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    struct kept **at = &d->buckets[h % BUCKETS];
    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->chain;
    return at;
}

static void unlink_use_locked(struct docs *d, struct kept *k)
{
    *(k->newer ? &k->newer->older : &d->newest) = k->older;
    *(k->older ? &k->older->newer : &d->oldest) = k->newer;
}

static void link_newest_locked(struct docs *d, struct kept *k)
{
    k->newer = NULL;
    k->older = d->newest;
    *(d->newest ? &d->newest->newer : &d->oldest) = k;
    d->newest = k;
}

void doc_unref(const struct doc *doc)
{
    struct kept *k = doc ? (struct kept *)(uintptr_t)doc : NULL;
    if (!k || atomic_fetch_sub(&k->refs, 1) != 1)
        return;
    free((void *)(uintptr_t)k->doc.text);
    free((void *)(uintptr_t)k->doc.gzip);
    free(k);
}

static void drop_locked(struct docs *d, struct kept *k)
{
    *place_locked(d, k->name) = k->chain;
    unlink_use_locked(d, k);
    d->bytes -= k->bytes;
    doc_unref(&k->doc);
}

struct docs *docs_open(void)
{
    struct docs *d = vcr_alloc(sizeof(*d));
    pthread_mutex_init(&d->lock, NULL);
    return d;
}

void docs_close(struct docs **dp)
{
    struct docs *d = *dp;
    if (!d)
        return;
    while (d->oldest)
        drop_locked(d, d->oldest);
    pthread_mutex_destroy(&d->lock);
    free(d);
    *dp = NULL;
}

const struct doc *docs_get(struct docs *d, const char *name)
{
    pthread_mutex_lock(&d->lock);
    struct kept *k = *place_locked(d, name);
    if (k) {
        unlink_use_locked(d, k);
        link_newest_locked(d, k);
        atomic_fetch_add(&k->refs, 1);
    }
    pthread_mutex_unlock(&d->lock);
    return k ? &k->doc : NULL;
}

const struct doc *doc_make(const char *text, size_t len)
{
    char hex[33];
    struct kept *k = vcr_alloc(sizeof(*k));
    app_digest(text, len, hex);
    snprintf(k->doc.etag, sizeof(k->doc.etag), "\"%s\"", hex);
    snprintf(k->doc.gzip_etag, sizeof(k->doc.gzip_etag), "\"%s-gz\"", hex);
    k->doc.text = vcr_strndup(text, len);
    k->doc.len = len;
    k->bytes = sizeof(*k) + len;
    atomic_init(&k->refs, 1);
    return &k->doc;
}

static struct kept *make(const char *name, const char *text, size_t len)
{
    struct buf gzip;
    struct kept *k = (struct kept *)(uintptr_t)doc_make(text, len);
    snprintf(k->name, sizeof(k->name), "%s", name);
    buf_init(&gzip, len + len / 8 + 1024);
    if (len >= WORTH_IT)
        gzip_add(&gzip, text, len);
    if (buf_ok(&gzip) && gzip.len > 0 && gzip.len < len) {
        k->doc.gzip = malloc(gzip.len);
        k->doc.gzip_len = k->doc.gzip ? gzip.len : 0;
    }
    if (k->doc.gzip)
        memcpy((void *)(uintptr_t)k->doc.gzip, gzip.data, gzip.len);
    buf_free(&gzip);
    k->bytes += k->doc.gzip_len;
    return k;
}

const struct doc *docs_put(struct docs *d, const char *name, const char *text, size_t len)
{
    struct kept *k = make(name, text, len);
    if (k->bytes > ONE_MAX || strlen(name) >= DOC_NAME_BYTES)
        return &k->doc;
    pthread_mutex_lock(&d->lock);
    struct kept **at = place_locked(d, name);
    if (!*at) { /* else somebody made the same meanwhile */
        *at = k;
        atomic_fetch_add(&k->refs, 1);
        link_newest_locked(d, k);
        d->bytes += k->bytes;
    }
    while (d->bytes > DOCS_BYTES && d->oldest != k)
        drop_locked(d, d->oldest);
    pthread_mutex_unlock(&d->lock);
    return &k->doc;
}
