/* app/reel_child.h - one reel made of another by a vcr-ingest of its own: a bridge, a slate, the AAC of an Opus reel. Blocks: a worker's. */
#pragma once
#include "app/app.h"

enum { REEL_CHILD_WORDS_MAX = 8 };
struct reel_child {
    struct blob_store *blobs;
    const char *program;                     /* vcr-ingest */
    const char *words[REEL_CHILD_WORDS_MAX]; /* its arguments, NULL behind the last */
    const char *from_blob, *from_index, *to_blob, *to_index; /* keys */
    int64_t limit_ms;
    bool (*keep_on)(void *arg);              /* asked about twice a second. False: leave it */
    void *arg;
    /* the result: both blobs are visible then */
    bool some;                               /* false: nothing came of it, and there are no blobs */
    uint64_t size_bytes;
};
enum vcr_err reel_child_make(struct reel_child *c, struct vcr_why *why);
