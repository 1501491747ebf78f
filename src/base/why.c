/* base/why.c - filling a struct vcr_why. */
#include "base/why.h"

#include <stdio.h>
#include <string.h>

static void set_text(struct vcr_why *why, enum vcr_err code, const char *slug, const char *fmt, va_list ap)
{
    why->code = code;
    why->slug = slug;
    int n = vsnprintf(why->text, sizeof(why->text), fmt, ap);
    if (n < 0) {
        why->text[0] = '\0';
    } else if ((size_t)n >= sizeof(why->text)) {
        size_t end = sizeof(why->text) - 1; /* do not end inside a UTF-8 character */
        while (end > 0 && ((unsigned char)why->text[end - 1] & 0xC0) == 0x80)
            end--;
        if (end > 0 && (unsigned char)why->text[end - 1] >= 0xC0)
            end--;
        why->text[end] = '\0';
    }
}

enum vcr_err vcr_fail(struct vcr_why *why, enum vcr_err code, const char *fmt, ...)
{
    if (why) {
        va_list ap;
        va_start(ap, fmt);
        set_text(why, code, NULL, fmt, ap);
        va_end(ap);
    }
    return code;
}

enum vcr_err vcr_refuse(struct vcr_why *why, enum vcr_err code, const char *slug, const char *fmt, ...)
{
    if (why) {
        va_list ap;
        va_start(ap, fmt);
        set_text(why, code, slug, fmt, ap);
        va_end(ap);
    }
    return code;
}

const char *vcr_err_name(enum vcr_err code)
{
    static const char *const names[VCR_ERRS] = {
        [VCR_OK] = "ok",
        [VCR_E_INVALID] = "invalid",
        [VCR_E_MALFORMED] = "malformed",
        [VCR_E_AUTH] = "auth",
        [VCR_E_DENIED] = "denied",
        [VCR_E_NOT_FOUND] = "not_found",
        [VCR_E_CONFLICT] = "conflict",
        [VCR_E_STALE] = "stale",
        [VCR_E_TOO_LARGE] = "too_large",
        [VCR_E_UNACCEPTABLE] = "unacceptable",
        [VCR_E_UNSUPPORTED] = "unsupported",
        [VCR_E_RATE] = "rate",
        [VCR_E_BUSY] = "busy",
        [VCR_E_FULL] = "full",
        [VCR_E_AGAIN] = "again",
        [VCR_E_END] = "end",
        [VCR_E_TIMEOUT] = "timeout",
        [VCR_E_IO] = "io",
        [VCR_E_NOMEM] = "nomem",
        [VCR_E_INTERNAL] = "internal",
    };
    return (unsigned)code < VCR_ERRS && names[code] ? names[code] : "unknown";
}
