/* base/log.c - see log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_writer.h"
#include "base/util.h"

enum { LINE_BYTES = 4096, TAIL_BYTES = 64, TEXT_END = LINE_BYTES - TAIL_BYTES, FIELDS_END = 3000, FIELD_BYTES = 600 };

/* set by log_setup, then read-only */
static enum log_format format_now = LOG_TEXT;
static enum log_level lowest_now = LOG_INFO;
static const char *program_now = "vcr";
static int pid_now;

static const char *const level_names[] = { "debug", "info", "warn", "error" };

void log_setup(enum log_format format, enum log_level lowest, const char *program)
{
    format_now = format;
    lowest_now = lowest;
    program_now = program;
    pid_now = (int)getpid();
}

struct line {
    char text[LINE_BYTES];
    size_t len;
};

static void put(struct line *l, const char *s, size_t len)
{
    size_t room = LINE_BYTES - TAIL_BYTES - VCR_MIN(l->len, (size_t)(LINE_BYTES - TAIL_BYTES));
    if (len > room)
        len = room;
    memcpy(l->text + l->len, s, len);
    l->len += len;
}

static void puts_(struct line *l, const char *s) { put(l, s, strlen(s)); }

/* Up to n bytes that need no escape, as many as fit before `end`, no character cut in two. */
static void put_plain(struct line *l, const char *s, size_t n, size_t end)
{
    size_t fits = VCR_MIN(n, end - VCR_MIN(l->len, end));
    while (fits < n && fits > 0 && ((unsigned char)s[fits] & 0xC0) == 0x80)
        fits--;
    put(l, s, fits);
}

/* A JSON string's inside, cut at `end`; control characters and broken UTF-8 never reach the log as they are. */
static void put_escaped(struct line *l, const char *s, size_t end)
{
    size_t n = strlen(s), plain = 0;
    bool utf8 = vcr_utf8_ok(s, n);
    for (size_t i = 0; i <= n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c != '"' && c != '\\' && c >= 0x20 && c != 0x7F && (c < 0x80 || utf8))
            continue;
        char esc[8];
        put_plain(l, s + plain, i - plain, end);
        int len = c == '"' || c == '\\' ? snprintf(esc, sizeof(esc), "\\%c", c) : snprintf(esc, sizeof(esc), "\\u%04x", c);
        if (i == n || l->len + (size_t)len > end)
            return;
        put(l, esc, (size_t)len);
        plain = i + 1;
    }
}

static void put_key(struct line *l, const char *key)
{
    puts_(l, ",\"");
    puts_(l, key);
    puts_(l, "\":");
}

static void put_json(struct line *l, enum log_level level, const char *area, const struct log_field *f, const char *when, const char *msg)
{
    char num[32];
    puts_(l, "{\"@timestamp\":\"");
    puts_(l, when);
    puts_(l, "\",\"log.level\":\"");
    puts_(l, level_names[level]);
    puts_(l, "\",\"service.name\":\"");
    puts_(l, program_now);
    puts_(l, "\",\"process.pid\":");
    snprintf(num, sizeof(num), "%d", pid_now ? pid_now : (int)getpid());
    puts_(l, num);
    put_key(l, "event.module");
    puts_(l, "\"");
    puts_(l, area);
    puts_(l, "\"");
    for (; f && f->key && l->len + strlen(f->key) < FIELDS_END; f++) {
        put_key(l, f->key);
        if (f->text) {
            puts_(l, "\"");
            put_escaped(l, f->text, l->len + FIELD_BYTES);
            puts_(l, "\"");
        } else {
            snprintf(num, sizeof(num), "%lld", (long long)f->num);
            puts_(l, num);
        }
    }
    put_key(l, "message");
    puts_(l, "\"");
    put_escaped(l, msg, TEXT_END - 2);
    puts_(l, "\"}");
}

static void put_text(struct line *l, enum log_level level, const char *area, const struct log_field *f, const char *when, const char *msg)
{
    char num[32];
    put(l, when + 11, 12);
    puts_(l, " ");
    puts_(l, level_names[level]);
    puts_(l, "\t");
    puts_(l, area);
    puts_(l, ": ");
    put_escaped(l, msg, FIELDS_END);
    for (; f && f->key && l->len + strlen(f->key) < FIELDS_END; f++) {
        puts_(l, " ");
        puts_(l, f->key);
        puts_(l, "=");
        if (f->text) {
            put_escaped(l, f->text, l->len + FIELD_BYTES);
        } else {
            snprintf(num, sizeof(num), "%lld", (long long)f->num);
            puts_(l, num);
        }
    }
}

void log_fields(enum log_level level, const char *area, const struct log_field *fields, const char *fmt, ...)
{
    if (level < lowest_now)
        return;
    char msg[2048], when[CLOCK_RFC3339_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    clock_rfc3339(when, clock_wall_ms());
    struct line l;
    l.len = 0;
    if (format_now == LOG_JSON)
        put_json(&l, level, area, fields, when, msg);
    else
        put_text(&l, level, area, fields, when, msg);
    l.text[l.len++] = '\n';
    if (!log_writer_take(level, l.text, l.len))
        vcr_write_all(2, l.text, l.len); /* a log that cannot be written has nowhere to say so */
}
