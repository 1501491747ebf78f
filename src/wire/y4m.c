/* wire/y4m.c - see y4m.h. */
#include "wire/y4m.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

static const char magic[] = "YUV4MPEG2";
enum { MAGIC_BYTES = sizeof(magic) - 1, FRAME_WORD = 5, RATE_MAX = 1000 };

static bool number(const char *s, size_t len, int max, int *ret)
{
    int64_t n = 0;
    if (len == 0 || len > 9)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        n = n * 10 + (s[i] - '0');
    }
    *ret = (int)n;
    return n <= max;
}

static bool ratio(const char *s, size_t len, int *ret_num, int *ret_den)
{
    const char *colon = memchr(s, ':', len);
    return colon && number(s, (size_t)(colon - s), INT32_MAX, ret_num) && number(colon + 1, len - (size_t)(colon - s) - 1, INT32_MAX, ret_den);
}

static enum vcr_err chroma(struct y4m_format *f, const char *s, size_t len, struct vcr_why *why)
{
    static const struct { const char *name; bool is_422; } kinds[] = { { "420", false }, { "420jpeg", false }, { "420mpeg2", false }, { "420paldv", false }, { "422", true } };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strlen(kinds[i].name) == len && memcmp(kinds[i].name, s, len) == 0) {
            f->is_422 = kinds[i].is_422;
            return VCR_OK;
        }
    return vcr_fail(why, VCR_E_UNSUPPORTED, "y4m colour C%.*s: only 8-bit 420 and 422 (420jpeg, 420mpeg2, 420paldv)", (int)VCR_MIN(len, 24), s);
}

static enum vcr_err order(struct y4m_format *f, char c, struct vcr_why *why)
{
    switch (c) {
    case 'p':
    case '?':
        f->order = Y4M_PROGRESSIVE;
        return VCR_OK;
    case 't':
        f->order = Y4M_TFF;
        return VCR_OK;
    case 'b':
        f->order = Y4M_BFF;
        return VCR_OK;
    default:
        return vcr_fail(why, VCR_E_UNSUPPORTED, "y4m interlacing I%c: only p, t, b and ?", c >= 33 && c < 127 ? c : '.');
    }
}

static enum vcr_err parameter(struct y4m_format *f, const char *s, size_t len, struct vcr_why *why)
{
    bool ok = true;
    switch (s[0]) {
    case 'W':
        ok = number(s + 1, len - 1, INT32_MAX, &f->width);
        break;
    case 'H':
        ok = number(s + 1, len - 1, INT32_MAX, &f->height);
        break;
    case 'F':
        ok = ratio(s + 1, len - 1, &f->rate_num, &f->rate_den);
        break;
    case 'A':
        ok = ratio(s + 1, len - 1, &f->sar_num, &f->sar_den);
        break;
    case 'I':
        return order(f, len == 2 ? s[1] : ' ', why);
    case 'C':
        return chroma(f, s + 1, len - 1, why);
    default: /* X: comments; and what others may add */
        break;
    }
    return ok ? VCR_OK : vcr_fail(why, VCR_E_MALFORMED, "y4m header: %.*s makes no sense", (int)VCR_MIN(len, 40), s);
}

static enum vcr_err parse_line(struct y4m *y, struct vcr_why *why)
{
    struct y4m_format *f = &y->format;
    const char *s = y->line + MAGIC_BYTES;
    enum vcr_err err = VCR_OK;
    while (err == VCR_OK && *s) {
        s += strspn(s, " ");
        size_t len = strcspn(s, " ");
        if (len > 0)
            err = parameter(f, s, len, why);
        s += len;
    }
    if (err != VCR_OK)
        return err;
    if (f->width < Y4M_SIDE_MIN || f->height < Y4M_SIDE_MIN || f->width > Y4M_WIDTH_MAX || f->height > Y4M_HEIGHT_MAX)
        return vcr_fail(why, VCR_E_INVALID, "a picture of %dx%d: sizes from %dx%d to %dx%d", f->width, f->height, Y4M_SIDE_MIN, Y4M_SIDE_MIN, Y4M_WIDTH_MAX, Y4M_HEIGHT_MAX);
    if (f->rate_num <= 0 || f->rate_den <= 0 || f->rate_num / f->rate_den > RATE_MAX)
        return vcr_fail(why, VCR_E_INVALID, "y4m rate %d:%d: it has to be told, and at most %d pictures a second", f->rate_num, f->rate_den, RATE_MAX);
    return VCR_OK;
}

/* The line that begins at `at`, without its newline, of at most size - 1 bytes. VCR_E_END: there is nothing there; VCR_E_AGAIN: no newline follows. */
static enum vcr_err read_line(struct io *io, uint64_t at, char *out, size_t size, size_t *ret_len, struct vcr_why *why)
{
    size_t n = 0, got = 0;
    enum vcr_err err;
    do {
        err = io_pread(io, out + got, size - 1 - got, at + got, &n, why);
        got += n;
    } while (err == VCR_OK && n > 0 && got < size - 1 && !memchr(out, '\n', got));
    if (err != VCR_OK)
        return err;
    if (got == 0)
        return VCR_E_END;
    const char *end = memchr(out, '\n', got);
    *ret_len = end ? (size_t)(end - out) : got;
    out[*ret_len] = '\0';
    return end ? VCR_OK : VCR_E_AGAIN;
}

void y4m_plane(const struct y4m_format *f, int plane, int *ret_width, int *ret_height)
{
    *ret_width = plane ? (f->width + 1) / 2 : f->width;
    *ret_height = plane && !f->is_422 ? (f->height + 1) / 2 : f->height;
}

size_t y4m_frame_bytes(const struct y4m_format *f)
{
    size_t sum = 0;
    for (int i = 0; i < 3; i++) {
        int w, h;
        y4m_plane(f, i, &w, &h);
        sum += (size_t)w * (size_t)h;
    }
    return sum;
}

uint64_t y4m_frame_at(const struct y4m *y, int64_t n) { return y->at ? y->at[n] : y->first + (uint64_t)n * y->step; }

/* The frame whose line is not as long as the others' makes a list of all of them. */
static enum vcr_err note(struct y4m *y, uint64_t at, size_t *cap, struct vcr_why *why)
{
    if (!y->at && (y->frames == 0 || at == y->first + (uint64_t)y->frames * y->step)) {
        if (y->frames == 0)
            y->first = at;
        return VCR_OK;
    }
    if (y->at == NULL || (size_t)y->frames == *cap) {
        size_t more = VCR_MAX((size_t)y->frames * 2, 64);
        uint64_t *grown = realloc(y->at, more * sizeof(*grown));
        if (!grown)
            return vcr_fail(why, VCR_E_NOMEM, "no memory for the list of %lld frames", (long long)y->frames);
        for (int64_t i = 0; !y->at && i < y->frames; i++)
            grown[i] = y->first + (uint64_t)i * y->step;
        y->at = grown;
        *cap = more;
    }
    y->at[y->frames] = at;
    return VCR_OK;
}

static enum vcr_err find_frames(struct y4m *y, uint64_t at, struct vcr_why *why)
{
    char line[Y4M_LINE_MAX + 1];
    size_t len = 0, cap = 0, bytes = y4m_frame_bytes(&y->format);
    uint64_t size = io_size(y->io);
    y->step = bytes + FRAME_WORD + 1;
    for (y->frames = 0; at < size; at += bytes, y->frames++) {
        /* most lines are the bare word: few bytes tell */
        enum vcr_err err = read_line(y->io, at, line, 16, &len, why);
        if (err == VCR_E_AGAIN)
            err = read_line(y->io, at, line, sizeof(line), &len, why);
        bool word = len >= FRAME_WORD ? memcmp(line, "FRAME", FRAME_WORD) == 0 : memcmp(line, "FRAME", len) == 0;
        if (err != VCR_OK && err != VCR_E_AGAIN && err != VCR_E_END)
            return err;
        if (!word || (len > FRAME_WORD && line[FRAME_WORD] != ' ') || (err == VCR_E_AGAIN && len == Y4M_LINE_MAX) || (err == VCR_OK && len < FRAME_WORD))
            return vcr_fail(why, VCR_E_MALFORMED, "y4m: no frame begins at byte %llu, after %lld of them", (unsigned long long)at, (long long)y->frames);
        at += len + 1;
        y->cut = err != VCR_OK || at > size || size - at < bytes;
        if (y->cut)
            return VCR_OK;
        if (y->frames == Y4M_FRAMES_MAX)
            return vcr_fail(why, VCR_E_TOO_LARGE, "y4m: more than %d frames", Y4M_FRAMES_MAX);
        err = note(y, at, &cap, why);
        if (err != VCR_OK)
            return err;
    }
    return VCR_OK;
}

enum vcr_err y4m_open(struct y4m *ret, struct io *io, struct vcr_why *why)
{
    size_t len = 0;
    *ret = (struct y4m){ .io = io };
    enum vcr_err err = read_line(io, 0, ret->line, sizeof(ret->line), &len, why);
    if (err != VCR_OK && err != VCR_E_END && err != VCR_E_AGAIN)
        return err;
    if (err == VCR_E_END || len < MAGIC_BYTES || memcmp(ret->line, magic, MAGIC_BYTES) != 0 || (len > MAGIC_BYTES && ret->line[MAGIC_BYTES] != ' '))
        return vcr_fail(why, VCR_E_MALFORMED, "this is not a y4m file: it does not begin with %s", magic);
    if (err == VCR_E_AGAIN)
        return vcr_fail(why, VCR_E_MALFORMED, "y4m header: no end within %d bytes", Y4M_LINE_MAX);
    if (strlen(ret->line) != len)
        return vcr_fail(why, VCR_E_MALFORMED, "y4m header: a NUL byte in it");
    err = parse_line(ret, why);
    if (err == VCR_OK)
        err = find_frames(ret, len + 1, why);
    if (err != VCR_OK)
        y4m_close(ret);
    return err;
}

void y4m_close(struct y4m *y)
{
    free(y->at);
    y->at = NULL;
    y->frames = 0;
}

bool y4m_write_line(const struct y4m_format *f, char *out, size_t size)
{
    static const char orders[] = { [Y4M_PROGRESSIVE] = 'p', [Y4M_TFF] = 't', [Y4M_BFF] = 'b' };
    int n = snprintf(out, size, "%s W%d H%d F%d:%d I%c A%d:%d C%s\n", magic, f->width, f->height, f->rate_num, f->rate_den, orders[f->order], f->sar_num, f->sar_den,
                     f->is_422 ? "422" : "420mpeg2");
    return n > 0 && (size_t)n < size;
}
