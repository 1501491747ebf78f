/* base/log.h - one line a fact, on standard error: JSON with ECS field names, or text for a person on a terminal.
 *
 * A line has at most 4 KiB (longer text is cut). It is one write(2) of its caller, or gathered by log_writer.h where that runs. Never log secrets: tokens, passwords, cookies.
 * Threads: any; log_setup once at start, before other threads. Fields use ECS names ("http.request.id", "url.path",
 * "event.duration"), or "vcr.…" for our own. */
#pragma once
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_field {
    const char *key;  /* NULL ends a list */
    const char *text; /* string value, or NULL for a number */
    int64_t num;
};

void log_setup(enum log_format format, enum log_level lowest, const char *program);
/* area: the module, such as "http". fields may be NULL, else an array ended by {0}. */
__attribute__((format(printf, 4, 5))) void log_fields(enum log_level level, const char *area, const struct log_field *fields,
                                                      const char *fmt, ...);

#define log_debug(area, ...) log_fields(LOG_DEBUG, area, NULL, __VA_ARGS__)
#define log_info(area, ...) log_fields(LOG_INFO, area, NULL, __VA_ARGS__)
#define log_warn(area, ...) log_fields(LOG_WARN, area, NULL, __VA_ARGS__)
#define log_error(area, ...) log_fields(LOG_ERROR, area, NULL, __VA_ARGS__)
