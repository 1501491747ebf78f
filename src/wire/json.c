/* wire/json.c - the streaming JSON writer. */
#include "wire/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

void jsonw_init(struct jsonw *j, struct buf *out)
{
    *j = (struct jsonw){ .out = out };
}

/* Length of the well-formed UTF-8 sequence at s, 0 when there is none. */
static size_t sequence_len(const char *s, size_t left)
{
    unsigned char c = (unsigned char)*s;
    size_t n = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
    return n && n <= left && vcr_utf8_ok(s, n) ? n : 0;
}

static void write_quoted(struct buf *out, const char *s, size_t len)
{
    static const char short_escape[] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\' };
    buf_addc(out, '"');
    size_t from = 0;
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)s[i];
        size_t n = sequence_len(s + i, len - i);
        bool escape = c < 0x20 || c == '"' || c == '\\' || c == 0x7F;
        if (n && !escape) {
            i += n;
            continue;
        }
        buf_add(out, s + from, i - from);
        if (!n)
            buf_adds(out, "\xEF\xBF\xBD");
        else if (c < sizeof(short_escape) && short_escape[c])
            buf_addf(out, "\\%c", short_escape[c]);
        else
            buf_addf(out, "\\u%04x", c);
        from = ++i;
    }
    buf_add(out, s + from, len - from);
    buf_addc(out, '"');
}

static void begin_value(struct jsonw *j, const char *key)
{
    if (j->more & UINT32_C(1) << j->depth)
        buf_addc(j->out, ',');
    j->more |= UINT32_C(1) << j->depth;
    if (!key)
        return;
    write_quoted(j->out, key, strlen(key));
    buf_addc(j->out, ':');
}

static void open_level(struct jsonw *j, const char *key, char c)
{
    begin_value(j, key);
    buf_addc(j->out, c);
    j->depth++;
    assert(j->depth < JSONW_DEPTH);
    j->more &= ~(UINT32_C(1) << j->depth);
}

static void close_level(struct jsonw *j, char c)
{
    assert(j->depth > 0);
    j->depth--;
    buf_addc(j->out, c);
}

void jsonw_open(struct jsonw *j, const char *key) { open_level(j, key, '{'); }
void jsonw_close(struct jsonw *j) { close_level(j, '}'); }
void jsonw_open_array(struct jsonw *j, const char *key) { open_level(j, key, '['); }
void jsonw_close_array(struct jsonw *j) { close_level(j, ']'); }

void jsonw_strn(struct jsonw *j, const char *key, const char *value, size_t len)
{
    begin_value(j, key);
    write_quoted(j->out, value, len);
}

void jsonw_str(struct jsonw *j, const char *key, const char *value)
{
    if (!value) {
        jsonw_null(j, key);
        return;
    }
    jsonw_strn(j, key, value, strlen(value));
}

void jsonw_int(struct jsonw *j, const char *key, int64_t value)
{
    begin_value(j, key);
    buf_addf(j->out, "%" PRId64, value);
}

void jsonw_bool(struct jsonw *j, const char *key, bool value)
{
    begin_value(j, key);
    buf_adds(j->out, value ? "true" : "false");
}

void jsonw_null(struct jsonw *j, const char *key)
{
    begin_value(j, key);
    buf_adds(j->out, "null");
}

void jsonw_num(struct jsonw *j, const char *key, double value)
{
    if (!isfinite(value) || fabs(value) > 1e15) {
        jsonw_null(j, key);
        return;
    }
    char text[40];
    int n = snprintf(text, sizeof(text), "%.6f", value);
    while (n > 0 && text[n - 1] == '0')
        n--;
    if (n > 0 && text[n - 1] == '.')
        n--;
    text[n] = '\0';
    begin_value(j, key);
    buf_adds(j->out, strcmp(text, "-0") ? text : "0");
}

void jsonw_seconds(struct jsonw *j, const char *key, int64_t us)
{
    uint64_t abs_us = us < 0 ? (uint64_t)0 - (uint64_t)us : (uint64_t)us;
    char text[40];
    int n = snprintf(text, sizeof(text), "%s%" PRIu64 ".%06" PRIu64, us < 0 ? "-" : "", abs_us / 1000000, abs_us % 1000000);
    while (text[n - 1] == '0')
        n--;
    if (text[n - 1] == '.')
        n--;
    text[n] = '\0';
    begin_value(j, key);
    buf_adds(j->out, text);
}

void jsonw_time(struct jsonw *j, const char *key, int64_t wall_ms)
{
    const int64_t last_ms = INT64_C(253402300799999); /* the end of 9999 */
    int64_t ms = VCR_CLAMP(wall_ms, INT64_C(-62167219200000), last_ms);
    int64_t days = (ms >= 0 ? ms : ms - 86399999) / 86400000, rest = ms - days * 86400000;
    /* Hinnant's civil_from_days: eras of 400 years that begin on 1 March. */
    int64_t z = days + 719468, era = z / 146097, doe = z - era * 146097; /* z is never negative from year 0 on */
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365, doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int day = (int)(doy - (153 * mp + 2) / 5 + 1), month = (int)(mp < 10 ? mp + 3 : mp - 9), year = (int)(yoe + era * 400 + (month <= 2));
    begin_value(j, key);
    buf_addf(j->out, "\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\"", year, month, day, (int)(rest / 3600000), (int)(rest / 60000 % 60),
             (int)(rest / 1000 % 60), (int)(rest % 1000));
}

void jsonw_raw(struct jsonw *j, const char *key, const char *value)
{
    begin_value(j, key);
    buf_adds(j->out, value && *value ? value : "null");
}
