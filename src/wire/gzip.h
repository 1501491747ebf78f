/* wire/gzip.h - bytes -> a gzip member (RFC 1952), for bodies that are sent many times. PURE; the same bytes give the same member. */
#pragma once
#include <stddef.h>

#include "base/buf.h"

/* Appends it; on failure (no memory, or over the buffer's ceiling) the buffer is failed. */
void gzip_add(struct buf *out, const void *bytes, size_t len);
