/* wire/json.h - writes JSON straight into a buffer, without a tree. PURE.
 *
 * Commas and quoting are its business; nesting (at most JSONW_DEPTH) is the caller's and asserted. Text that is not UTF-8 is written with U+FFFD in place of the
 * bad bytes, so the output is always valid JSON. Errors: those of the buffer (buf_ok). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { JSONW_DEPTH = 16 };
struct jsonw {
    struct buf *out;
    uint32_t more;     /* bit d: something was already written at depth d */
    int depth;
};
void jsonw_init(struct jsonw *j, struct buf *out);

/* key NULL: inside an array, or the outermost value. */
void jsonw_open(struct jsonw *j, const char *key);       /* { */
void jsonw_close(struct jsonw *j);                       /* } */
void jsonw_open_array(struct jsonw *j, const char *key); /* [ */
void jsonw_close_array(struct jsonw *j);                 /* ] */
void jsonw_str(struct jsonw *j, const char *key, const char *value); /* NULL writes null */
void jsonw_strn(struct jsonw *j, const char *key, const char *value, size_t len);
void jsonw_int(struct jsonw *j, const char *key, int64_t value);
void jsonw_bool(struct jsonw *j, const char *key, bool value);
void jsonw_null(struct jsonw *j, const char *key);
/* At most six decimals, without trailing zeros; not finite writes null. */
void jsonw_num(struct jsonw *j, const char *key, double value);
/* Microseconds as exact decimal seconds: 1500000 writes 1.5. */
void jsonw_seconds(struct jsonw *j, const char *key, int64_t us);
/* Milliseconds since 1970 as "2026-11-22T12:00:00.000Z". */
void jsonw_time(struct jsonw *j, const char *key, int64_t wall_ms);
/* A value that is JSON already (from our own store); NULL or "" writes null. */
void jsonw_raw(struct jsonw *j, const char *key, const char *value);
