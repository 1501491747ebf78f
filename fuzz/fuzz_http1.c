/* fuzz_http1.c - any bytes as a connection's input: heads one after the other, their targets and bodies; and the same bytes split must give the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "wire/http1.h"

static void target(const struct http1_head *h)
{
    const char *q = memchr(h->target, '?', h->target_len);
    size_t path_len = q ? (size_t)(q - h->target) : h->target_len;
    size_t query_len = q ? h->target_len - path_len - 1 : 0;
    char *out = malloc(path_len + 1);
    if (http1_decode_path(out, h->target, path_len, NULL) == VCR_OK && (strstr(out, "/../") || strlen(out) > path_len))
        abort();
    free(out);
    out = malloc(HTTP1_QUERY_BYTES(query_len));
    size_t count;
    if (http1_decode_query(out, &count, q ? q + 1 : "", query_len, NULL) == VCR_OK && count > HTTP1_QUERY_MAX)
        abort();
    free(out);
}

/* The whole body's length, -1 malformed, -2 unfinished; piece: how much is offered at once. */
static long chunked(const uint8_t *in, size_t len, size_t piece, size_t *ret_used)
{
    struct http1_chunked c = { 0 };
    size_t at = 0, used, n;
    long total = 0;
    const uint8_t *data;
    for (;;) {
        size_t offer = VCR_MIN(piece, len - at);
        enum vcr_err err = http1_chunked_next(&c, in + at, offer, &used, &data, &n, NULL);
        if (used > offer)
            abort();
        at += used;
        total += (long)n;
        *ret_used = at;
        if (err == VCR_E_END)
            return total;
        if (err == VCR_E_MALFORMED)
            return -1;
        if (err == VCR_E_AGAIN && at == len)
            return -2;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t scanned = 0, slow = 0, head_len = 0, head_slow = 0;
        int status = 0, status_slow = 0;
        enum vcr_err err = http1_find_head((const char *)data + at, size - at, &scanned, &head_len, &status, NULL);
        enum vcr_err err_slow = VCR_E_AGAIN;
        for (size_t n = 1; n <= size - at && err_slow == VCR_E_AGAIN; n++)
            err_slow = http1_find_head((const char *)data + at, n, &slow, &head_slow, &status_slow, NULL);
        if (err != err_slow || head_len != head_slow || status != status_slow)
            abort();
        if (err != VCR_OK)
            return 0;
        char *copy = malloc(head_len);
        memcpy(copy, data + at, head_len);
        struct http1_head h;
        if (http1_parse_head(&h, copy, head_len, &status, NULL) != VCR_OK) {
            free(copy);
            return 0;
        }
        target(&h);
        for (size_t i = 0; i < h.fields; i++)
            if (strlen(copy + h.field[i].name) == 0)
                abort();
        int64_t length = h.length;
        free(copy);
        at += head_len;
        if (length >= 0) {
            at += (size_t)VCR_MIN((uint64_t)length, (uint64_t)(size - at));
        } else {
            size_t used, used_slow;
            long whole = chunked(data + at, size - at, size, &used);
            if (chunked(data + at, size - at, 1, &used_slow) != whole || used != used_slow)
                abort();
            if (whole < 0)
                return 0;
            at += used;
        }
    }
    return 0;
}
