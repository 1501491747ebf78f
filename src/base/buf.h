/* base/buf.h - a growing byte buffer that states its ceiling.
 *
 * Errors   a write that would pass the ceiling, or for which there is no memory, sets `failed` and drops the write whole; later
 *          writes are dropped too, so a chain of appends needs one check at its end (buf_ok).
 * Owns     its bytes; buf_free releases them. data is NUL-terminated once anything was written.
 * Threads  none. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data;      /* NULL until the first write */
    size_t len;      /* bytes written, without the closing NUL */
    size_t cap;
    size_t max;      /* len never passes it */
    bool failed;
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_free(struct buf *b);
/* Empty again and not failed; keeps the memory. */
void buf_reset(struct buf *b);
void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
__attribute__((format(printf, 2, 3))) void buf_addf(struct buf *b, const char *fmt, ...);
/* Room for len bytes at the end, to be filled by the caller and then claimed with buf_commit; NULL when over the ceiling. */
void *buf_reserve(struct buf *b, size_t len);
void buf_commit(struct buf *b, size_t len);
/* Drops the first len bytes. */
void buf_consume(struct buf *b, size_t len);
static inline bool buf_ok(const struct buf *b) { return !b->failed; }
