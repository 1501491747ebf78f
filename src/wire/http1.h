/* wire/http1.h - strict HTTP/1.1 requests: heads, chunked bodies, percent-encoded targets.
 *
 * Refuses instead of repairing: whatever two readers could understand in two ways is an error, so that no proxy in front of us can be
 * made to disagree with us. The result depends on the bytes only, never on how they were split on their way.
 * Bounds   a head of 16 KiB and 100 fields; 4 KiB of chunk extensions and trailers a body (read over, never kept).
 * Errors   VCR_E_AGAIN needs more bytes. Any other error carries the HTTP status to answer; the connection must be closed after it.
 * Threads  none.     Owns  nothing: results point into the caller's bytes. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"

enum { HTTP1_HEAD_MAX = 16384, HTTP1_FIELDS_MAX = 100, HTTP1_QUERY_MAX = 100 };

struct http1_field {
    uint16_t name, value; /* offsets in http1_head.bytes of NUL-terminated text; white space around the value is cut */
};
struct http1_head {
    char *bytes;         /* the head, cut into NUL-terminated pieces */
    const char *method;  /* a token, not checked further */
    const char *target;  /* "/path?query" or "*" (then the method is OPTIONS) */
    size_t target_len;
    int minor;           /* HTTP/1.minor: 0 or 1 */
    int64_t length;      /* Content-Length, 0 when there is no body, -1: chunked */
    bool close;          /* the client ends the connection after this request (always with HTTP/1.0) */
    bool expect;         /* waits for 100 Continue */
    size_t fields;
    struct http1_field field[HTTP1_FIELDS_MAX];
};

/* Looks for the end of a head in bytes[0..len). *scanned: 0 at first, then what the last call left; bytes before it are not looked at again.
 * VCR_OK: *ret_head_len bytes are the head. */
enum vcr_err http1_find_head(const char *bytes, size_t len, size_t *scanned, size_t *ret_head_len, int *ret_status, struct vcr_why *why);
/* Takes one whole head (as found above) apart; writes NULs into bytes, which must live as long as h. */
enum vcr_err http1_parse_head(struct http1_head *h, char *bytes, size_t len, int *ret_status, struct vcr_why *why);
/* The first field of that name (any case), or NULL. */
const char *http1_find(const struct http1_head *h, const char *name);
/* True when the comma-separated list holds that token (any case). */
bool http1_has_token(const char *list, const char *token);

struct http1_chunked {
    uint8_t state;
    uint8_t digits;   /* of the chunk size so far */
    uint16_t spare;   /* bytes of extensions and trailers so far */
    uint64_t left;    /* of the present chunk */
};
/* Zeroed is the start. Reads from in[0..len): VCR_OK with a stretch of body (*ret_data inside `in`), VCR_E_AGAIN when all was read and more must come,
 * VCR_E_END after the last chunk and its trailers, VCR_E_MALFORMED. *ret_used bytes of `in` are done with in every case. */
enum vcr_err http1_chunked_next(struct http1_chunked *c, const uint8_t *in, size_t len, size_t *ret_used, const uint8_t **ret_data,
                                size_t *ret_data_len, struct vcr_why *why);

/* The path of a target, decoded into out (len + 1 bytes). Refused: bad escapes, control characters, encoded slashes and backslashes, dot segments,
 * text that is not UTF-8. Empty segments stay as they are. */
enum vcr_err http1_decode_path(char *out, const char *path, size_t len, struct vcr_why *why);
/* A query "a=1&b=2" into out (HTTP1_QUERY_BYTES(len)) as "a\0" "1\0" "b\0" "2\0"; '+' is a space. Refused: bad escapes, NUL, not UTF-8, over 100 parameters. */
#define HTTP1_QUERY_BYTES(len) (2 * (len) + 2)
enum vcr_err http1_decode_query(char *out, size_t *ret_count, const char *query, size_t len, struct vcr_why *why);
