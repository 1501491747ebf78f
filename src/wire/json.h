/* wire/json.h - writes JSON straight into a buffer, without a tree. PURE.
 *
 * Commas and quoting are its business; nesting (at most JSON_DEPTH) is the caller's and asserted. Text that is not UTF-8 is written with U+FFFD in place of the
 * bad bytes, so the output is always valid JSON. Errors: those of the buffer (buf_ok). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { JSON_DEPTH = 16 };
struct json {
    struct buf *out;
    uint32_t more;     /* bit d: something was already written at depth d */
    int depth;
};
void json_init(struct json *j, struct buf *out);

/* key NULL: inside an array, or the outermost value. */
void json_open(struct json *j, const char *key);       /* { */
void json_close(struct json *j);                       /* } */
void json_open_array(struct json *j, const char *key); /* [ */
void json_close_array(struct json *j);                 /* ] */
void json_str(struct json *j, const char *key, const char *value); /* NULL writes null */
void json_strn(struct json *j, const char *key, const char *value, size_t len);
void json_int(struct json *j, const char *key, int64_t value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);
/* At most six decimals, without trailing zeros; not finite writes null. */
void json_num(struct json *j, const char *key, double value);
/* Microseconds as exact decimal seconds: 1500000 writes 1.5. */
void json_seconds(struct json *j, const char *key, int64_t us);
/* Milliseconds since 1970 as "2026-11-22T12:00:00.000Z". */
void json_time(struct json *j, const char *key, int64_t wall_ms);
/* A value that is JSON already (from our own store); NULL or "" writes null. */
void json_raw(struct json *j, const char *key, const char *value);
