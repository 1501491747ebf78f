/* wire/http1_target.c - see http1.h: percent-decoding of paths and queries. */
#include <string.h>

#include "base/util.h"
#include "wire/http1.h"

static int hex_value(char b)
{
    return b >= '0' && b <= '9' ? b - '0' : b >= 'a' && b <= 'f' ? b - 'a' + 10 : b >= 'A' && b <= 'F' ? b - 'A' + 10 : -1;
}

/* The byte that "%xy" at in[0..left) stands for; -1 when it is no escape, or NUL, which no text of ours may hold. */
static int escape_value(const char *in, size_t left)
{
    int hi = left >= 3 ? hex_value(in[1]) : -1;
    int lo = hi >= 0 ? hex_value(in[2]) : -1;
    return lo < 0 || (hi == 0 && lo == 0) ? -1 : hi * 16 + lo;
}

static bool has_dot_segment(const char *path)
{
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            return true;
        p += n + (p[n] == '/');
    }
    return false;
}

enum vcr_err http1_decode_path(char *out, const char *path, size_t len, struct vcr_why *why)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        int c = (unsigned char)path[i];
        if (c == '%') {
            c = escape_value(path + i, len - i);
            if (c < 0)
                return vcr_fail(why, VCR_E_MALFORMED, "the path holds a bad escape");
            if (c == '/' || c == '\\')
                return vcr_fail(why, VCR_E_MALFORMED, "the path holds an encoded slash");
            i += 2;
        }
        if (c < 0x20 || c == 0x7F)
            return vcr_fail(why, VCR_E_MALFORMED, "the path holds a control character");
        out[n++] = (char)c;
    }
    out[n] = '\0';
    if (!vcr_utf8_ok(out, n))
        return vcr_fail(why, VCR_E_MALFORMED, "the path is not UTF-8");
    if (has_dot_segment(out))
        return vcr_fail(why, VCR_E_MALFORMED, "the path holds a dot segment");
    return VCR_OK;
}

/* One name or value, with its NUL; returns the bytes written, 0 when refused. */
static size_t decode_piece(char *out, const char *in, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        int c = in[i] == '+' ? ' ' : (unsigned char)in[i];
        if (c == '%') {
            c = escape_value(in + i, len - i);
            i += 2;
        }
        if (c <= 0)
            return 0;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return vcr_utf8_ok(out, n) ? n + 1 : 0;
}

enum vcr_err http1_decode_query(char *out, size_t *ret_count, const char *query, size_t len, struct vcr_why *why)
{
    size_t count = 0;
    const char *end = query + len;
    for (const char *p = query; p < end;) {
        const char *amp = memchr(p, '&', (size_t)(end - p));
        const char *stop = amp ? amp : end;
        const char *eq = memchr(p, '=', (size_t)(stop - p));
        if (stop > p) {
            const char *name_end = eq ? eq : stop, *value = eq ? eq + 1 : stop;
            if (++count > HTTP1_QUERY_MAX)
                return vcr_fail(why, VCR_E_MALFORMED, "more than %d query parameters", HTTP1_QUERY_MAX);
            size_t name_bytes = decode_piece(out, p, (size_t)(name_end - p));
            size_t value_bytes = name_bytes ? decode_piece(out + name_bytes, value, (size_t)(stop - value)) : 0;
            if (value_bytes == 0)
                return vcr_fail(why, VCR_E_MALFORMED, "the query holds a bad escape");
            out += name_bytes + value_bytes;
        }
        p = stop + 1;
    }
    *ret_count = count;
    return VCR_OK;
}
