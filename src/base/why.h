/* base/why.h - an error is a code for the program and a reason for the person.
 *
 * Every function that can fail for a cause outside our own code returns enum vcr_err and fills a struct vcr_why.
 * The API maps codes to HTTP status in one table; the text of INVALID, MALFORMED, DENIED, NOT_FOUND, CONFLICT, TOO_LARGE, FULL,
 * UNACCEPTABLE, UNSUPPORTED and BUSY is shown to the client, so it holds no path, no SQL and no secret; IO, NOMEM, TIMEOUT and INTERNAL are logged only.
 * Threads  none; a struct vcr_why belongs to its caller.     Works when memory is out: fixed size, no allocation. */
#pragma once
#include <stdarg.h>

enum vcr_err {
    VCR_OK,
    VCR_E_INVALID,     /* well-formed, but the value is not acceptable (422) */
    VCR_E_MALFORMED,   /* cannot be parsed at all (400) */
    VCR_E_AUTH,        /* no or bad credentials (401) */
    VCR_E_DENIED,      /* known, but may not (403) */
    VCR_E_NOT_FOUND,   /* absent or not yours (404) */
    VCR_E_CONFLICT,    /* the present state forbids it (409) */
    VCR_E_STALE,       /* an If-Match did not hold (412) */
    VCR_E_TOO_LARGE,   /* over a stated limit (413) */
    VCR_E_UNACCEPTABLE, /* we have it in no form that the asker takes (406) */
    VCR_E_UNSUPPORTED, /* a media type or feature we do not take (415) */
    VCR_E_RATE,        /* too many, try later (429) */
    VCR_E_BUSY,        /* a bounded queue is full or a dependency is down (503) */
    VCR_E_FULL,        /* no space on the storage (507) */
    VCR_E_AGAIN,       /* a parser needs more bytes; never leaves its module */
    VCR_E_END,         /* a reader is at its end; never leaves its module */
    VCR_E_TIMEOUT,     /* a deadline passed (504) */
    VCR_E_IO,          /* the system refused (500) */
    VCR_E_NOMEM,       /* no memory (500) */
    VCR_E_INTERNAL,    /* our own mistake (500) */
    VCR_ERRS
};

struct vcr_why {
    enum vcr_err code;
    const char *slug;  /* static string such as "/no-tape", or NULL: tells refusals of one code apart */
    char text[240];    /* one sentence, UTF-8, never truncated inside a character */
};

/* Fills *why (may be NULL) and returns code: return vcr_fail(why, VCR_E_INVALID, "speed %d: not -30..30", speed); */
__attribute__((format(printf, 3, 4))) enum vcr_err vcr_fail(struct vcr_why *why, enum vcr_err code, const char *fmt, ...);
/* The same with a slug; slug must be a string with static storage. */
__attribute__((format(printf, 4, 5))) enum vcr_err vcr_refuse(struct vcr_why *why, enum vcr_err code, const char *slug, const char *fmt,
                                                              ...);
/* "invalid", "not_found", ...: for logs. */
const char *vcr_err_name(enum vcr_err code);
