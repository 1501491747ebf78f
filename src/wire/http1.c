/* wire/http1.c - see http1.h: heads and chunked bodies. */
#include "wire/http1.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/util.h"

enum { METHOD_MAX = 32, SPARE_MAX = 4096, LENGTH_DIGITS = 18, SIZE_DIGITS = 15 };

/* RFC 9110 token characters. */
static bool is_token_char(unsigned char c)
{
    static const bool other[256] = { ['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true, ['\''] = true, ['*'] = true, ['+'] = true,
                                     ['-'] = true, ['.'] = true, ['^'] = true, ['_'] = true, ['`'] = true, ['|'] = true, ['~'] = true };
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || other[c];
}

static bool is_field_char(unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7F); }

__attribute__((format(printf, 4, 5))) static enum vcr_err refuse(int *ret_status, int status, struct vcr_why *why, const char *fmt, ...)
{
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    *ret_status = status;
    return vcr_fail(why, status == 431 || status == 414 ? VCR_E_TOO_LARGE : status >= 500 ? VCR_E_UNSUPPORTED : VCR_E_MALFORMED, "%s", text);
}

enum vcr_err http1_find_head(const char *bytes, size_t len, size_t *scanned, size_t *ret_head_len, int *ret_status, struct vcr_why *why)
{
    size_t limit = VCR_MIN(len, (size_t)HTTP1_HEAD_MAX);
    while (*scanned < limit) {
        const char *nl = memchr(bytes + *scanned, '\n', limit - *scanned);
        if (!nl)
            break;
        size_t i = (size_t)(nl - bytes);
        if (i == 0 || bytes[i - 1] != '\r')
            return refuse(ret_status, 400, why, "a line ends without CR");
        *scanned = i + 1;
        if (i >= 3 && bytes[i - 2] == '\n') {
            *ret_head_len = i + 1;
            return VCR_OK;
        }
    }
    if (len < HTTP1_HEAD_MAX) {
        *scanned = len;
        return VCR_E_AGAIN;
    }
    bool in_first_line = !memchr(bytes + 2, '\n', HTTP1_HEAD_MAX - 2);
    return refuse(ret_status, in_first_line ? 414 : 431, why, "the request head is longer than %d bytes", HTTP1_HEAD_MAX);
}

static enum vcr_err check_target(const struct http1_head *h, int *ret_status, struct vcr_why *why)
{
    const char *t = h->target;
    if (strcmp(t, "*") == 0 && strcmp(h->method, "OPTIONS") == 0)
        return VCR_OK;
    if (t[0] != '/')
        return refuse(ret_status, 400, why, "the target is not a path");
    for (size_t i = 0; i < h->target_len; i++) {
        unsigned char c = (unsigned char)t[i];
        if (c <= 0x20 || c >= 0x7F || strchr("\"#<>\\", c))
            return refuse(ret_status, 400, why, "the target holds a character that must be escaped");
    }
    return VCR_OK;
}

/* METHOD SP target SP HTTP/1.x, with exactly these spaces. line is NUL-terminated without its CRLF. */
static enum vcr_err parse_request_line(struct http1_head *h, char *line, size_t len, int *ret_status, struct vcr_why *why)
{
    size_t m = 0;
    while (m < len && is_token_char((unsigned char)line[m]))
        m++;
    if (m == 0 || m > METHOD_MAX || m >= len || line[m] != ' ')
        return refuse(ret_status, 400, why, "the request line has no method");
    char *target = line + m + 1;
    char *space = memchr(target, ' ', len - m - 1);
    if (!space || space == target)
        return refuse(ret_status, 400, why, "the request line is not method, target and version");
    const char *version = space + 1;
    size_t version_len = len - (size_t)(version - line);
    if (version_len != 8 || memcmp(version, "HTTP/", 5) != 0 || version[6] != '.' || version[5] < '0' || version[5] > '9' || version[7] < '0' ||
        version[7] > '9')
        return refuse(ret_status, 400, why, "the request line has no HTTP version");
    if (version[5] != '1' || version[7] > '1')
        return refuse(ret_status, 505, why, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    line[m] = *space = '\0';
    h->method = line;
    h->target = target;
    h->target_len = (size_t)(space - target);
    h->minor = version[7] - '0';
    h->close = h->minor == 0;
    if (memchr(target, '\0', h->target_len))
        return refuse(ret_status, 400, why, "the target holds a character that must be escaped");
    return check_target(h, ret_status, why);
}

static enum vcr_err parse_field(struct http1_head *h, char *line, size_t len, int *ret_status, struct vcr_why *why)
{
    size_t n = 0;
    while (n < len && is_token_char((unsigned char)line[n]))
        n++;
    if (n == 0 || n == len || line[n] != ':')
        return refuse(ret_status, 400, why, "header field %zu has no valid name", h->fields + 1);
    size_t from = n + 1, to = len;
    for (size_t i = from; i < to; i++)
        if (!is_field_char((unsigned char)line[i]))
            return refuse(ret_status, 400, why, "header field %zu holds a control character", h->fields + 1);
    while (from < to && (line[from] == ' ' || line[from] == '\t'))
        from++;
    while (to > from && (line[to - 1] == ' ' || line[to - 1] == '\t'))
        to--;
    if (h->fields == HTTP1_FIELDS_MAX)
        return refuse(ret_status, 431, why, "more than %d header fields", HTTP1_FIELDS_MAX);
    line[n] = line[to] = '\0';
    h->field[h->fields++] = (struct http1_field){ (uint16_t)(line - h->bytes), (uint16_t)(line + from - h->bytes) };
    return VCR_OK;
}

/* The fields that decide where this request ends and the next begins. seen_* count them over the head. */
struct framing {
    int hosts, lengths, codings;
    int *ret_status;
    struct vcr_why *why;
};

static enum vcr_err take_host(struct http1_head *h, struct framing *f, const char *value)
{
    if (++f->hosts > 1)
        return refuse(f->ret_status, 400, f->why, "more than one Host");
    for (const char *p = value; *p; p++)
        if ((unsigned char)*p >= 0x7F || strchr(" \t\"#,/<>?@\\^`{|}", *p))
            return refuse(f->ret_status, 400, f->why, "bad Host");
    return *value ? VCR_OK : refuse(f->ret_status, 400, f->why, "empty Host");
}

static enum vcr_err take_length(struct http1_head *h, struct framing *f, const char *value)
{
    if (++f->lengths > 1)
        return refuse(f->ret_status, 400, f->why, "more than one Content-Length");
    uint64_t n;
    if (strlen(value) > LENGTH_DIGITS || !vcr_parse_u64(value, INT64_MAX, &n))
        return refuse(f->ret_status, 400, f->why, "bad Content-Length");
    h->length = (int64_t)n;
    return VCR_OK;
}

static enum vcr_err take_coding(struct http1_head *h, struct framing *f, const char *value)
{
    if (++f->codings > 1)
        return refuse(f->ret_status, 400, f->why, "more than one Transfer-Encoding");
    if (h->minor == 0)
        return refuse(f->ret_status, 400, f->why, "Transfer-Encoding with HTTP/1.0");
    if (strcasecmp(value, "chunked") != 0)
        return refuse(f->ret_status, 501, f->why, "a Transfer-Encoding other than chunked");
    return VCR_OK;
}

static enum vcr_err take_connection(struct http1_head *h, struct framing *f, const char *value)
{
    if (http1_has_token(value, "close"))
        h->close = true;
    return VCR_OK;
}

static enum vcr_err take_expect(struct http1_head *h, struct framing *f, const char *value)
{
    if (strcasecmp(value, "100-continue") != 0)
        return refuse(f->ret_status, 417, f->why, "an expectation other than 100-continue");
    h->expect = h->minor > 0;
    return VCR_OK;
}

static const struct {
    const char *name;
    enum vcr_err (*take)(struct http1_head *h, struct framing *f, const char *value);
} acted_on[] = {
    { "Host", take_host },
    { "Content-Length", take_length },
    { "Transfer-Encoding", take_coding },
    { "Connection", take_connection },
    { "Expect", take_expect },
};

static enum vcr_err take_framing(struct http1_head *h, int *ret_status, struct vcr_why *why)
{
    struct framing f = { .ret_status = ret_status, .why = why };
    for (size_t i = 0; i < h->fields; i++) {
        const char *name = h->bytes + h->field[i].name;
        for (size_t k = 0; k < ARRAY_LEN(acted_on); k++) {
            if (strcasecmp(name, acted_on[k].name) != 0)
                continue;
            enum vcr_err err = acted_on[k].take(h, &f, h->bytes + h->field[i].value);
            if (err != VCR_OK)
                return err;
        }
    }
    if (f.hosts == 0 && h->minor > 0)
        return refuse(ret_status, 400, why, "no Host");
    if (f.codings > 0 && f.lengths > 0)
        return refuse(ret_status, 400, why, "Content-Length together with Transfer-Encoding");
    if (f.codings > 0)
        h->length = -1;
    return VCR_OK;
}

enum vcr_err http1_parse_head(struct http1_head *h, char *bytes, size_t len, int *ret_status, struct vcr_why *why)
{
    h->bytes = bytes;
    h->method = h->target = NULL;
    h->target_len = 0;
    h->fields = 0;
    h->length = 0;
    h->expect = h->close = false;
    h->minor = 1;
    char *p = bytes, *end = bytes + len;
    if (len >= 2 && p[0] == '\r' && p[1] == '\n')
        p += 2; /* RFC 9112 2.2: one empty line before the request is let pass */
    while (p < end) {
        char *nl = memchr(p, '\n', (size_t)(end - p));
        if (!nl || nl == p || nl[-1] != '\r')
            return refuse(ret_status, 400, why, "a line ends without CR");
        size_t n = (size_t)(nl - 1 - p);
        enum vcr_err err;
        if (!h->method)
            err = parse_request_line(h, p, n, ret_status, why);
        else if (n > 0)
            err = parse_field(h, p, n, ret_status, why);
        else
            return nl + 1 == end ? take_framing(h, ret_status, why) : refuse(ret_status, 400, why, "bytes after the head");
        if (err != VCR_OK)
            return err;
        p = nl + 1;
    }
    return refuse(ret_status, 400, why, "the head has no end");
}

const char *http1_find(const struct http1_head *h, const char *name)
{
    for (size_t i = 0; i < h->fields; i++)
        if (strcasecmp(h->bytes + h->field[i].name, name) == 0)
            return h->bytes + h->field[i].value;
    return NULL;
}

bool http1_has_token(const char *list, const char *token)
{
    size_t n = strlen(token);
    while (*list) {
        list += strspn(list, ", \t");
        size_t m = strcspn(list, ",");
        size_t trimmed = m;
        while (trimmed > 0 && (list[trimmed - 1] == ' ' || list[trimmed - 1] == '\t'))
            trimmed--;
        if (trimmed == n && strncasecmp(list, token, n) == 0)
            return true;
        list += m;
    }
    return false;
}

/* ---- chunked bodies ----
 * SIZE -;-> EXT      SIZE, EXT -CR-> SIZE_LF -LF-> DATA -> DATA_CR -> DATA_LF -> SIZE      a chunk of size 0: SIZE_LF -LF-> TRAILER
 * TRAILER -tchar-> NAME -:-> VALUE -CR-> VALUE_LF -LF-> TRAILER      TRAILER -CR-> LAST_LF -LF-> DONE */
enum { SIZE, EXT, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER, NAME, VALUE, VALUE_LF, LAST_LF, DONE, BAD };

static int hex_value(uint8_t b)
{
    return b >= '0' && b <= '9' ? b - '0' : b >= 'a' && b <= 'f' ? b - 'a' + 10 : b >= 'A' && b <= 'F' ? b - 'A' + 10 : -1;
}

static uint8_t size_byte(struct http1_chunked *c, uint8_t b)
{
    int v = hex_value(b);
    if (v >= 0) {
        c->left = c->left << 4 | (unsigned)v;
        return ++c->digits > SIZE_DIGITS ? BAD : SIZE;
    }
    if (c->digits == 0)
        return BAD;
    return b == ';' ? EXT : b == '\r' ? SIZE_LF : BAD;
}

static uint8_t after_size(struct http1_chunked *c)
{
    c->digits = 0;
    return c->left > 0 ? DATA : TRAILER;
}

/* The state after one byte of anything but data. */
static uint8_t step(struct http1_chunked *c, uint8_t b)
{
    if ((c->state == EXT || (c->state >= TRAILER && c->state <= VALUE)) && ++c->spare > SPARE_MAX)
        return BAD;
    switch (c->state) {
    case SIZE:
        return size_byte(c, b);
    case EXT:
        return b == '\r' ? SIZE_LF : is_field_char(b) ? EXT : BAD;
    case SIZE_LF:
        return b == '\n' ? after_size(c) : BAD;
    case DATA_CR:
        return b == '\r' ? DATA_LF : BAD;
    case DATA_LF:
        return b == '\n' ? SIZE : BAD;
    case TRAILER:
        return b == '\r' ? LAST_LF : is_token_char(b) ? NAME : BAD;
    case NAME:
        return b == ':' ? VALUE : is_token_char(b) ? NAME : BAD;
    case VALUE:
        return b == '\r' ? VALUE_LF : is_field_char(b) ? VALUE : BAD;
    case VALUE_LF:
        return b == '\n' ? TRAILER : BAD;
    case LAST_LF:
        return b == '\n' ? DONE : BAD;
    default:
        return BAD;
    }
}

enum vcr_err http1_chunked_next(struct http1_chunked *c, const uint8_t *in, size_t len, size_t *ret_used, const uint8_t **ret_data,
                                size_t *ret_data_len, struct vcr_why *why)
{
    size_t i = 0;
    *ret_data_len = 0;
    while (i < len && c->state != DONE && c->state != BAD) {
        if (c->state == DATA) {
            size_t n = (size_t)VCR_MIN((uint64_t)(len - i), c->left);
            *ret_data = in + i;
            *ret_data_len = n;
            c->left -= n;
            if (c->left == 0)
                c->state = DATA_CR;
            *ret_used = i + n;
            return VCR_OK;
        }
        c->state = step(c, in[i++]);
    }
    *ret_used = i;
    if (c->state == BAD)
        return vcr_fail(why, VCR_E_MALFORMED, "bad chunked body");
    return c->state == DONE ? VCR_E_END : VCR_E_AGAIN;
}
