/* wire/webvtt.c - see webvtt.h. */
#include "wire/webvtt.h"

#include <stdbool.h>
#include <string.h>

#include "base/util.h"

static const int64_t time_max_ms = INT64_C(100) * 3600 * 1000;
static const char map[] = "X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0";

/* A line without its end. */
struct line {
    const char *at;
    size_t len;
};
struct text {
    const char *at, *end;
    struct line line;        /* the present one */
    unsigned number;         /* of it, from 1 */
    bool more;               /* there is a present one */
};

/* CRLF, LF and CR end lines. */
static void advance(struct text *t)
{
    t->more = t->at < t->end;
    if (!t->more)
        return;
    const char *p = t->at;
    while (p < t->end && *p != '\n' && *p != '\r')
        p++;
    t->line = (struct line){ t->at, (size_t)(p - t->at) };
    t->number++;
    if (p < t->end)
        p += *p == '\r' && p + 1 < t->end && p[1] == '\n' ? 2 : 1;
    t->at = p;
}

static bool holds(struct line l, const char *what)
{
    size_t n = strlen(what);
    for (size_t i = 0; i + n <= l.len; i++)
        if (memcmp(l.at + i, what, n) == 0)
            return true;
    return false;
}

/* The line is this word, alone or followed by a blank. */
static bool is_word(struct line l, const char *word)
{
    size_t n = strlen(word);
    return l.len >= n && memcmp(l.at, word, n) == 0 && (l.len == n || l.at[n] == ' ' || l.at[n] == '\t');
}

static bool starts(struct line l, const char *what)
{
    size_t n = strlen(what);
    return l.len >= n && memcmp(l.at, what, n) == 0;
}

static enum vcr_err bad(const struct text *t, struct vcr_why *why, const char *what) { return vcr_fail(why, VCR_E_INVALID, "line %u: %s", t->number, what); }

/* ---- timings ---- */
static void skip_blanks(struct line *l)
{
    while (l->len > 0 && (*l->at == ' ' || *l->at == '\t'))
        l->at++, l->len--;
}

/* As many digits as there are, at most most of them. */
static int digits(struct line *l, int least, int most, int64_t *ret)
{
    int n = 0;
    *ret = 0;
    while (l->len > 0 && *l->at >= '0' && *l->at <= '9' && n < most) {
        *ret = *ret * 10 + (*l->at - '0');
        l->at++, l->len--, n++;
    }
    return n >= least ? n : 0;
}

static bool take(struct line *l, char c)
{
    if (l->len == 0 || *l->at != c)
        return false;
    l->at++, l->len--;
    return true;
}

/* "00:00.000" or "00:00:00.000" with two hour digits or more. */
static bool read_time(struct line *l, int64_t *ret_ms)
{
    int64_t a, b, c = 0, ms;
    int n = digits(l, 2, 6, &a);
    if (!n || !take(l, ':') || digits(l, 2, 2, &b) != 2)
        return false;
    bool hours = take(l, ':');
    if (hours && digits(l, 2, 2, &c) != 2)
        return false;
    if (!hours) {
        if (n != 2)
            return false;
        c = b, b = a, a = 0;
    }
    if (b > 59 || c > 59 || !take(l, '.') || digits(l, 3, 3, &ms) != 3)
        return false;
    *ret_ms = ((a * 60 + b) * 60 + c) * 1000 + ms;
    return *ret_ms <= time_max_ms;
}

/* ---- settings of a cue ---- */
static bool is_one_of(struct line v, const char *words)
{
    for (const char *p = words; *p;) {
        size_t n = strcspn(p, " ");
        if (v.len == n && memcmp(v.at, p, n) == 0)
            return true;
        p += n + (p[n] == ' ');
    }
    return false;
}

static bool is_percentage(struct line v)
{
    int64_t whole, rest;
    if (!digits(&v, 1, 3, &whole) || whole > 100)
        return false;
    if (take(&v, '.') && (!digits(&v, 1, 6, &rest) || (whole == 100 && rest > 0)))
        return false;
    return take(&v, '%') && v.len == 0;
}

static bool is_number(struct line v)
{
    int64_t n;
    take(&v, '-');
    return digits(&v, 1, 6, &n) && v.len == 0;
}

/* "50%,center": what is before the comma, and the alignment behind it. */
static bool is_aligned(struct line v, const char *alignments, bool numbers)
{
    const char *comma = memchr(v.at, ',', v.len);
    struct line first = { v.at, comma ? (size_t)(comma - v.at) : v.len };
    struct line second = { comma ? comma + 1 : "", comma ? v.len - first.len - 1 : 0 };
    return (is_percentage(first) || (numbers && is_number(first))) && (!comma || is_one_of(second, alignments));
}

static bool is_vertical(struct line v) { return is_one_of(v, "rl lr"); }
static bool is_line(struct line v) { return is_aligned(v, "start center end", true); }
static bool is_position(struct line v) { return is_aligned(v, "line-left center line-right", false); }
static bool is_align(struct line v) { return is_one_of(v, "start center end left right"); }
static bool is_region(struct line v) { return v.len > 0; }
static const struct { const char *name; bool (*ok)(struct line value); } settings[] = {
    { "vertical", is_vertical }, { "line", is_line }, { "position", is_position }, { "size", is_percentage }, { "align", is_align }, { "region", is_region },
};

static enum vcr_err read_settings(const struct text *t, struct line l, struct vcr_why *why)
{
    unsigned seen = 0;
    for (skip_blanks(&l); l.len > 0; skip_blanks(&l)) {
        size_t n = 0, s = 0;
        while (n < l.len && l.at[n] != ' ' && l.at[n] != '\t')
            n++;
        const char *colon = memchr(l.at, ':', n);
        size_t name_len = colon ? (size_t)(colon - l.at) : n;
        while (s < ARRAY_LEN(settings) && (strlen(settings[s].name) != name_len || memcmp(settings[s].name, l.at, name_len) != 0))
            s++;
        if (!colon || s == ARRAY_LEN(settings))
            return bad(t, why, "behind the times there is something that is no cue setting");
        if (seen & 1u << s)
            return bad(t, why, "a cue setting is there twice");
        if (!settings[s].ok((struct line){ colon + 1, n - name_len - 1 }))
            return bad(t, why, "a cue setting has a value that it cannot have");
        seen |= 1u << s;
        l.at += n, l.len -= n;
    }
    return VCR_OK;
}

/* ---- blocks ---- */
struct reading {
    struct text t;
    struct webvtt *ret;
    int64_t start_ms;        /* of the cue before */
};

static enum vcr_err read_timings(struct reading *r, struct vcr_why *why)
{
    const struct text *t = &r->t;
    struct line l = t->line;
    int64_t start, end;
    if (!read_time(&l, &start))
        return bad(t, why, "the time where the cue begins is not [hours:]mm:ss.ttt");
    skip_blanks(&l);
    if (!starts(l, "-->"))
        return bad(t, why, "--> must follow the time where the cue begins");
    l.at += 3, l.len -= 3;
    skip_blanks(&l);
    if (!read_time(&l, &end))
        return bad(t, why, "the time where the cue ends is not [hours:]mm:ss.ttt");
    if (l.len > 0 && *l.at != ' ' && *l.at != '\t')
        return bad(t, why, "the time where the cue ends is not [hours:]mm:ss.ttt");
    if (end <= start)
        return bad(t, why, "the cue ends before it begins");
    if (start < r->start_ms)
        return bad(t, why, "the cue begins before the one above it");
    r->start_ms = start;
    r->ret->end_ms = VCR_MAX(r->ret->end_ms, end);
    return read_settings(t, l, why);
}

/* Up to a blank line; a tag that is opened is closed within the cue. */
static enum vcr_err read_payload(struct reading *r, struct vcr_why *why)
{
    bool tag = false;
    unsigned opened = 0;
    for (advance(&r->t); r->t.more && r->t.line.len > 0; advance(&r->t)) {
        if (holds(r->t.line, "-->"))
            return bad(&r->t, why, "--> within the text of a cue; a blank line is missing");
        for (size_t i = 0; i < r->t.line.len; i++) {
            char c = r->t.line.at[i];
            opened = !tag && c == '<' ? r->t.number : opened;
            tag = c == '<' ? true : c == '>' ? false : tag;
        }
    }
    return tag ? vcr_fail(why, VCR_E_INVALID, "line %u: a tag is not closed by >", opened) : VCR_OK;
}

static enum vcr_err read_cue(struct reading *r, struct vcr_why *why)
{
    if (!holds(r->t.line, "-->")) { /* its name */
        advance(&r->t);
        if (!r->t.more || r->t.line.len == 0 || !holds(r->t.line, "-->"))
            return bad(&r->t, why, "a cue's times are missing");
    }
    enum vcr_err err = read_timings(r, why);
    if (err == VCR_OK && ++r->ret->cues > WEBVTT_CUES_MAX)
        err = bad(&r->t, why, "there are too many cues");
    return err == VCR_OK ? read_payload(r, why) : err;
}

static enum vcr_err skip_block(struct reading *r, struct vcr_why *why)
{
    for (; r->t.more && r->t.line.len > 0; advance(&r->t))
        if (holds(r->t.line, "-->"))
            return bad(&r->t, why, "--> is only for the times of cues; a blank line is missing");
    return VCR_OK;
}

static enum vcr_err read_header(struct reading *r, struct vcr_why *why)
{
    struct text *t = &r->t;
    advance(t);
    if (!t->more || !is_word(t->line, "WEBVTT"))
        return vcr_fail(why, VCR_E_INVALID, "line 1: the text must begin with WEBVTT");
    return skip_block(r, why);
}

static enum vcr_err check_bytes(const char *text, size_t len, struct vcr_why *why)
{
    if (len > WEBVTT_BYTES_MAX)
        return vcr_fail(why, VCR_E_INVALID, "the text is longer than %d bytes", WEBVTT_BYTES_MAX);
    unsigned line = 1;
    const char *nul = memchr(text, '\0', len);
    if (!nul && vcr_utf8_ok(text, len))
        return VCR_OK;
    /* The first line that is not text. */
    for (size_t at = 0; at < len; line++) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - text) - at : len - at;
        if (memchr(text + at, '\0', n) || !vcr_utf8_ok(text + at, n))
            break;
        at += n + 1;
    }
    return vcr_fail(why, VCR_E_INVALID, "line %u: this is not UTF-8 text", line);
}

static bool has_mark(const char *text, size_t len) { return len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0; }

enum vcr_err webvtt_read(struct webvtt *ret, const char *text, size_t len, struct vcr_why *why)
{
    struct webvtt v = { 0 };
    size_t mark = has_mark(text, len) ? 3 : 0;
    struct reading r = { .t = { .at = text + mark, .end = text + len }, .ret = &v };
    enum vcr_err err = check_bytes(text, len, why);
    if (err == VCR_OK)
        err = read_header(&r, why);
    while (err == VCR_OK && r.t.more) {
        if (r.t.line.len == 0)
            advance(&r.t);
        else if (is_word(r.t.line, "NOTE") || (v.cues == 0 && !holds(r.t.line, "-->") && (is_word(r.t.line, "STYLE") || is_word(r.t.line, "REGION"))))
            err = skip_block(&r, why);
        else
            err = read_cue(&r, why);
    }
    if (err == VCR_OK)
        *ret = v;
    return err;
}

void webvtt_write_hls(struct buf *out, const char *text, size_t len)
{
    size_t mark = has_mark(text, len) ? 3 : 0;
    struct text t = { .at = text + mark, .end = text + len };
    advance(&t);
    buf_add(out, t.line.at, t.line.len);
    buf_addf(out, "\n%s\n", map);
    for (advance(&t); t.more && t.line.len > 0; advance(&t)) {
        if (starts(t.line, "X-TIMESTAMP-MAP"))
            continue;
        buf_add(out, t.line.at, t.line.len);
        buf_addc(out, '\n');
    }
    buf_addc(out, '\n');
    buf_add(out, t.at, (size_t)(t.end - t.at));
}
