/* deliver/webrtc/backlog.c - see backlog.h. */
#include "deliver/webrtc/backlog.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

void backlog_open(struct backlog *b, size_t size) { *b = (struct backlog) { .bytes = vcr_alloc(size), .size = size }; }

void backlog_free(struct backlog *b)
{
    free(b->bytes);
    *b = (struct backlog) { 0 };
}

static void put_bytes(struct backlog *b, const uint8_t *p, size_t len)
{
    size_t at = (b->from + b->len) % b->size, first = VCR_MIN(len, b->size - at);
    memcpy(b->bytes + at, p, first);
    memcpy(b->bytes, p + first, len - first);
    b->len += len;
}

bool backlog_put(struct backlog *b, const struct iovec *parts, int count)
{
    size_t total = 0;
    for (int i = 0; i < count; i++)
        total += parts[i].iov_len;
    if (total > b->size - b->len)
        return false;
    for (int i = 0; i < count; i++)
        put_bytes(b, parts[i].iov_base, parts[i].iov_len);
    return true;
}

int backlog_pieces(const struct backlog *b, struct iovec out[2])
{
    size_t first = VCR_MIN(b->len, b->size - b->from);
    out[0] = (struct iovec) { b->bytes + b->from, first };
    out[1] = (struct iovec) { b->bytes, b->len - first };
    return (first > 0) + (b->len > first);
}

void backlog_took(struct backlog *b, size_t bytes)
{
    assert(bytes <= b->len);
    b->len -= bytes;
    b->from = b->len ? (b->from + bytes) % b->size : 0; /* from the start again: fewer pieces, fewer pages */
}
