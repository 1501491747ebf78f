/* tests/unit/wire/test_http1.c - what the request parser takes and refuses, at every split of the bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "wire/http1.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
/* status 0: taken. A text with NULs states its length by itself. */
static const struct {
    const char *name;
    int status;
    const char *text;
    size_t len;
} heads[] = {
    { "plain", 0, GET "\r\n", 0 },
    { "one empty line first", 0, "\r\n" GET "\r\n", 0 },
    { "two empty lines first", 400, "\r\n\r\n" GET "\r\n", 0 },
    { "bare LF ends a line", 400, "GET / HTTP/1.1\r\nHost: a\n\r\n", 0 },
    { "bare LF ends the head", 400, "GET / HTTP/1.1\nHost: a\n\n", 0 },
    { "CR inside a line", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 0 },
    { "folded header", 400, GET "X: a\r\n b\r\n\r\n", 0 },
    { "folded header with a tab", 400, GET "X: a\r\n\tb\r\n\r\n", 0 },
    { "first header begins with a space", 400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 0 },
    { "space before the colon", 400, GET "X : a\r\n\r\n", 0 },
    { "no name", 400, GET ": a\r\n\r\n", 0 },
    { "no colon", 400, GET "X\r\n\r\n", 0 },
    { "name with a bracket", 400, GET "X(a): a\r\n\r\n", 0 },
    { "name beyond ASCII", 400, GET "X\xC3\xA9: a\r\n\r\n", 0 },
    { "NUL in a value", 400, GET "X: a\0b\r\n\r\n", sizeof(GET "X: a\0b\r\n\r\n") - 1 },
    { "control character in a value", 400, GET "X: a\x01\r\n\r\n", 0 },
    { "DEL in a value", 400, GET "X: a\x7F\r\n\r\n", 0 },
    { "tab inside a value", 0, GET "X: a\tb\r\n\r\n", 0 },
    { "empty value", 0, GET "X:\r\n\r\n", 0 },
    { "no Host", 400, "GET / HTTP/1.1\r\n\r\n", 0 },
    { "no Host with 1.0", 0, "GET / HTTP/1.0\r\n\r\n", 0 },
    { "two Hosts", 400, GET "Host: a\r\n\r\n", 0 },
    { "empty Host", 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0 },
    { "Host with a user", 400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 0 },
    { "Host with a path", 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 0 },
    { "two names in Host", 400, "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 0 },
    { "IPv6 Host", 0, "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", 0 },
    { "absolute form", 400, "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
    { "authority form", 400, "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
    { "asterisk with OPTIONS", 0, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
    { "asterisk with GET", 400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
    { "fragment", 400, "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
    { "raw byte beyond ASCII in the target", 400, "GET /\xC3\xA9 HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
    { "backslash in the target", 400, "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
    { "NUL in the target", 400, "GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n", sizeof("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n") - 1 },
    { "two spaces", 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
    { "space after the version", 400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 0 },
    { "tab for a space", 400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
    { "space in the target", 400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
    { "no version", 400, "GET /\r\nHost: a\r\n\r\n", 0 },
    { "lower-case version", 400, "GET / http/1.1\r\nHost: a\r\n\r\n", 0 },
    { "version 2.0", 505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 0 },
    { "version 1.2", 505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 0 },
    { "version 1.10", 400, "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 0 },
    { "bad method", 400, "G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
    { "Content-Length", 0, POST "Content-Length: 12\r\n\r\n", 0 },
    { "two equal Content-Length", 400, POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 0 },
    { "two differing Content-Length", 400, POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 0 },
    { "Content-Length list", 400, POST "Content-Length: 1, 1\r\n\r\n", 0 },
    { "Content-Length +0", 400, POST "Content-Length: +0\r\n\r\n", 0 },
    { "Content-Length -1", 400, POST "Content-Length: -1\r\n\r\n", 0 },
    { "Content-Length 0x0", 400, POST "Content-Length: 0x0\r\n\r\n", 0 },
    { "Content-Length empty", 400, POST "Content-Length:\r\n\r\n", 0 },
    { "Content-Length 1 0", 400, POST "Content-Length: 1 0\r\n\r\n", 0 },
    { "Content-Length huge", 400, POST "Content-Length: 18446744073709551617\r\n\r\n", 0 },
    { "Content-Length and chunked", 400, POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 0 },
    { "chunked and Content-Length", 400, POST "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 0 },
    { "chunked", 0, POST "Transfer-Encoding: Chunked\r\n\r\n", 0 },
    { "xchunked", 501, POST "Transfer-Encoding: xchunked\r\n\r\n", 0 },
    { "gzip, chunked", 501, POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 0 },
    { "chunked twice", 400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 0 },
    { "chunked with 1.0", 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 0 },
    { "unknown expectation", 417, POST "Expect: tea\r\n\r\n", 0 },
};

static size_t length_of(size_t i) { return heads[i].len ? heads[i].len : strlen(heads[i].text); }

/* Offers bytes[0..len) as the pieces [0, split) and the rest; the status, 0 when taken. */
static int verdict(const char *bytes, size_t len, size_t split)
{
    size_t scanned = 0, head_len = 0;
    int status = 0;
    enum vcr_err err = http1_find_head(bytes, split, &scanned, &head_len, &status, NULL);
    if (err == VCR_E_AGAIN)
        err = http1_find_head(bytes, len, &scanned, &head_len, &status, NULL);
    assert_int_not_equal(err, VCR_E_AGAIN);
    if (err == VCR_OK) {
        char *copy = malloc(head_len);
        memcpy(copy, bytes, head_len);
        struct http1_head h;
        err = http1_parse_head(&h, copy, head_len, &status, NULL);
        free(copy);
    }
    assert_true((err == VCR_OK) == (status == 0));
    return status;
}

static void heads_are_taken_or_refused_at_every_split(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        for (size_t split = 0; split <= length_of(i); split++) {
            int got = verdict(heads[i].text, length_of(i), split);
            if (got != heads[i].status)
                fail_msg("%s, split at %zu: %d instead of %d", heads[i].name, split, got, heads[i].status);
        }
    }
}

static void a_head_has_a_ceiling(void **state)
{
    char *big = malloc(HTTP1_HEAD_MAX + 100);
    memset(big, 'a', HTTP1_HEAD_MAX + 100);
    memcpy(big, GET "X: ", strlen(GET "X: "));
    assert_int_equal(verdict(big, HTTP1_HEAD_MAX, 100), 431);
    memcpy(big + HTTP1_HEAD_MAX - 4, "\r\n\r\n", 4); /* exactly the ceiling fits */
    assert_int_equal(verdict(big, HTTP1_HEAD_MAX, 100), 0);
    memset(big, 'a', HTTP1_HEAD_MAX + 100);
    memcpy(big, "GET /", 5);
    assert_int_equal(verdict(big, HTTP1_HEAD_MAX, 0), 414);
    free(big);
    for (int n = 99; n <= 100; n++) { /* and Host */
        char text[2048] = GET;
        for (int i = 0; i < n; i++)
            strcat(text, "X: a\r\n");
        strcat(text, "\r\n");
        assert_int_equal(verdict(text, strlen(text), 0), n < 100 ? 0 : 431);
    }
}

static void fields_are_found(void **state)
{
    char text[] = "PUT /p?q HTTP/1.1\r\nhost: a\r\nX-One:  \t first \t\r\nx-one: second\r\nConnection: foo, Close\r\nExpect: 100-Continue\r\nContent-Length: 007\r\n\r\n";
    struct http1_head h;
    int status;
    assert_int_equal(http1_parse_head(&h, text, sizeof(text) - 1, &status, NULL), VCR_OK);
    assert_string_equal(h.method, "PUT");
    assert_string_equal(h.target, "/p?q");
    assert_string_equal(http1_find(&h, "X-ONE"), "first");
    assert_null(http1_find(&h, "X-Two"));
    assert_true(h.close && h.expect && h.length == 7);
    assert_true(http1_has_token("a,b ,\tC", "c"));
    assert_false(http1_has_token("ab, bc", "b"));
}

/* body: what it decodes to; NULL: refused; "…" unfinished */
static const struct {
    const char *text, *body, *rest;
} bodies[] = {
    { "5\r\nhello\r\n0\r\n\r\nGET", "hello", "GET" },
    { "a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", "01234567890123456789a", "" },
    { "000005\r\nhello\r\n000\r\n\r\n", "hello", "" },
    { "5;name=\"v\";x\r\nhello\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n", "hello", "" },
    { "0\r\n\r\n", "", "" },
    { "5\nhello\r\n0\r\n\r\n", NULL, NULL },
    { "5\r\nhello\n0\r\n\r\n", NULL, NULL },
    { "5\r\nhelloX\r\n0\r\n\r\n", NULL, NULL },
    { "5 \r\nhello\r\n0\r\n\r\n", NULL, NULL },
    { " 5\r\nhello\r\n0\r\n\r\n", NULL, NULL },
    { "+5\r\nhello\r\n0\r\n\r\n", NULL, NULL },
    { "0x5\r\nhello\r\n0\r\n\r\n", NULL, NULL },
    { "-1\r\nhello\r\n0\r\n\r\n", NULL, NULL },
    { "\r\nhello\r\n0\r\n\r\n", NULL, NULL },
    { "5;a\nb\r\nhello\r\n0\r\n\r\n", NULL, NULL },
    { "10000000000000005\r\nhello\r\n0\r\n\r\n", NULL, NULL },
    { "0\r\n Folded: x\r\n\r\n", NULL, NULL },
    { "0\r\nNoColon\r\n\r\n", NULL, NULL },
    { "0\r\nA: b\n\r\n", NULL, NULL },
    { "0\r\n\n", NULL, NULL },
};

static void chunked_bodies_decode_or_are_refused_in_pieces_of_any_size(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        const char *text = bodies[i].text;
        size_t len = strlen(text);
        for (size_t piece = 1; piece <= len; piece++) {
            struct http1_chunked c = { 0 };
            char out[64] = "";
            size_t at = 0, n = 0, used;
            const uint8_t *data;
            enum vcr_err err;
            do {
                size_t got;
                err = http1_chunked_next(&c, (const uint8_t *)text + at, VCR_MIN(piece, len - at), &used, &data, &got, NULL);
                if (got > 0)
                    memcpy(out + n, data, got);
                n += got;
                at += used;
            } while (err == VCR_OK || (err == VCR_E_AGAIN && at < len));
            if ((err == VCR_E_END) != (bodies[i].body != NULL))
                fail_msg("body %zu in pieces of %zu: %s", i, piece, vcr_err_name(err));
            if (bodies[i].body) {
                out[n] = '\0';
                assert_string_equal(out, bodies[i].body);
                assert_string_equal(text + at, bodies[i].rest);
            }
        }
    }
}

static void extensions_and_trailers_have_a_ceiling(void **state)
{
    static const char *const starts[] = { "5;", "0\r\nA: " };
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        struct http1_chunked c = { 0 };
        size_t used, n, total = strlen(starts[i]);
        const uint8_t *data;
        enum vcr_err err = http1_chunked_next(&c, (const uint8_t *)starts[i], total, &used, &data, &n, NULL);
        while (err == VCR_E_AGAIN && total++ < 100000)
            err = http1_chunked_next(&c, (const uint8_t *)"x", 1, &used, &data, &n, NULL);
        assert_int_equal(err, VCR_E_MALFORMED);
        assert_in_range(total, 4000, 4200);
    }
}

static void paths_decode_or_are_refused(void **state)
{
    static const struct {
        const char *in, *out;
    } t[] = {
        { "/", "/" }, { "/a%20b", "/a b" }, { "/%C3%A9", "/\xC3\xA9" }, { "/a+b", "/a+b" }, { "//a/", "//a/" }, { "/...", "/..." }, { "/a.b/..c", "/a.b/..c" },
        { "/%41%7e", "/A~" }, { "/%2541", "/%41" }, { "/%", NULL }, { "/%4", NULL }, { "/%4g", NULL }, { "/%00", NULL }, { "/%0a", NULL }, { "/%7F", NULL },
        { "/a%2Fb", NULL }, { "/a%2fb", NULL }, { "/a%5Cb", NULL }, { "/.", NULL }, { "/..", NULL }, { "/a/../b", NULL }, { "/%2e%2E/b", NULL }, { "/a/.", NULL },
        { "/./", NULL }, { "/%C3", NULL }, { "/%FF", NULL }, { "/%C0%AF", NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        char out[64];
        enum vcr_err err = http1_decode_path(out, t[i].in, strlen(t[i].in), NULL);
        if ((err == VCR_OK) != (t[i].out != NULL))
            fail_msg("%s: %s", t[i].in, vcr_err_name(err));
        if (t[i].out)
            assert_string_equal(out, t[i].out);
    }
}

static void queries_decode_or_are_refused(void **state)
{
    static const struct {
        const char *in, *out;
        size_t out_len, count;
    } t[] = {
        { "", "", 0, 0 },
        { "a=1&b=2", "a\0001\0b\0002\0", 8, 2 },
        { "a&&b", "a\0\0b\0\0", 6, 2 },
        { "a%3D=x+y%26&a=2", "a=\0x y&\0a\0002\0", 12, 2 },
        { "=&=x", "\0\0\0x\0", 5, 2 },
        { "a=b=c", "a\0b=c\0", 6, 1 },
        { "a=%", NULL, 0, 0 },
        { "a=%00", NULL, 0, 0 },
        { "%zz=1", NULL, 0, 0 },
        { "a=%FF", NULL, 0, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        size_t len = strlen(t[i].in), count = 0;
        char *out = malloc(HTTP1_QUERY_BYTES(len)); /* on the heap, so that the sanitizer sees a byte too many */
        enum vcr_err err = http1_decode_query(out, &count, t[i].in, len, NULL);
        assert_true((err == VCR_OK) == (t[i].out != NULL));
        if (t[i].out) {
            assert_int_equal(count, t[i].count);
            assert_memory_equal(out, t[i].out, t[i].out_len);
        }
        free(out);
    }
    char many[405] = "";
    for (int i = 0; i < 101; i++)
        strcat(many, "a=1&");
    char out[1000];
    size_t count;
    assert_int_equal(http1_decode_query(out, &count, many, 400, NULL), VCR_OK);
    assert_int_equal(http1_decode_query(out, &count, many, 404 - 1, NULL), VCR_E_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_taken_or_refused_at_every_split),
        cmocka_unit_test(a_head_has_a_ceiling),
        cmocka_unit_test(fields_are_found),
        cmocka_unit_test(chunked_bodies_decode_or_are_refused_in_pieces_of_any_size),
        cmocka_unit_test(extensions_and_trailers_have_a_ceiling),
        cmocka_unit_test(paths_decode_or_are_refused),
        cmocka_unit_test(queries_decode_or_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
