/* app/docs.h - bodies that many ask for and that change seldom: kept in memory whole and compressed, each with its entity tags.
 *
 * Names say the version of what they were made from, so nothing is ever replaced; what was not asked for longest goes first.
 * Threads  any; one lock, a leaf. A referenced document stays whatever happens to the store.     Bounds  DOCS_BYTES in the store. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum { DOCS_BYTES = 12 << 20, DOC_ETAG_BYTES = 40, DOC_NAME_BYTES = 160 };
struct docs;
struct doc {
    const char *text, *gzip;      /* gzip NULL: not worth it */
    size_t len, gzip_len;
    char etag[DOC_ETAG_BYTES], gzip_etag[DOC_ETAG_BYTES]; /* strong, with their quotes; another representation has another one */
};

struct docs *docs_open(void);
void docs_close(struct docs **d);
/* Referenced; NULL when it is not there. Does not block. */
const struct doc *docs_get(struct docs *d, const char *name);
/* Makes one of the text and keeps it, if it is not too large for that. Referenced. Takes a while: it compresses. */
const struct doc *docs_put(struct docs *d, const char *name, const char *text, size_t len);
/* The same for one asker only: not kept, not compressed. */
const struct doc *doc_make(const char *text, size_t len);
void doc_unref(const struct doc *doc); /* NULL is fine */
