/* api/cors.c - pages of other origins: those that VCR_CORS_ORIGINS names may use the API from a browser, with their credentials. */
#include <stdio.h>
#include <string.h>

#include "api/internal.h"

/* scheme://host[:port], in lower case, nothing more: what browsers send as Origin. */
static bool is_origin(const char *s)
{
    const char *host = strncmp(s, "https://", 8) == 0 ? s + 8 : strncmp(s, "http://", 7) == 0 ? s + 7 : NULL;
    size_t n = host ? strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-[]:_") : 0;
    return host && n > 0 && host[n] == '\0' && strlen(s) < 250;
}

enum vcr_err cors_read(struct api *a, const char *list, struct vcr_why *why)
{
    char one[256];
    for (const char *p = list ? list : ""; *p;) {
        p += strspn(p, ", \t");
        size_t n = strcspn(p, ", \t");
        if (n == 0)
            break;
        snprintf(one, sizeof(one), "%.*s", (int)VCR_MIN(n, sizeof(one) - 1), p);
        if (n >= sizeof(one) || !is_origin(one))
            return vcr_fail(why, VCR_E_INVALID, "VCR_CORS_ORIGINS: \"%s\" is not an origin such as https://example.org", one);
        if (a->origin_count == API_ORIGINS_MAX)
            return vcr_fail(why, VCR_E_INVALID, "VCR_CORS_ORIGINS: more than %d origins", API_ORIGINS_MAX);
        a->origins[a->origin_count++] = vcr_strdup(one);
        p += n;
    }
    return VCR_OK;
}

void cors_free(struct api *a)
{
    for (int i = 0; i < a->origin_count; i++)
        free(a->origins[i]);
}

bool cors_allows(const struct api *a, const struct http_req *r)
{
    const char *origin = http_req_header(r, "Origin");
    for (int i = 0; i < a->origin_count && origin; i++)
        if (strcmp(a->origins[i], origin) == 0)
            return true;
    return false;
}

/* Before a request is routed: whatever answers it, these headers go along. The core's answer to OPTIONS is what a preflight wants. */
void cors_head(struct http_req *r)
{
    const struct api *a = http_user(r);
    if (a->origin_count == 0)
        return;
    http_set_header(r, "Vary", "Origin");
    if (!cors_allows(a, r))
        return;
    http_set_header(r, "Access-Control-Allow-Origin", http_req_header(r, "Origin"));
    http_set_header(r, "Access-Control-Allow-Credentials", "true");
    if (http_req_method(r) == HTTP_OPTIONS && http_req_header(r, "Access-Control-Request-Method")) {
        http_set_header(r, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
        http_set_header(r, "Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-Modified-Since, If-None-Match, If-Range, Range, Tus-Resumable, "
                        "Upload-Checksum, Upload-Length, Upload-Metadata, Upload-Offset, X-CSRF-Token, X-Filename, X-Request-Id, X-Share-Password");
        http_set_header(r, "Access-Control-Max-Age", "7200");
    } else {
        http_set_header(r, "Access-Control-Expose-Headers", "Accept-Ranges, Content-Encoding, Content-Length, Content-Range, Date, ETag, Link, Location, RateLimit-Limit, RateLimit-Remaining, "
                        "RateLimit-Reset, Retry-After, Tus-Max-Size, Tus-Resumable, Upload-Expires, Upload-Length, Upload-Offset, X-Request-Id");
    }
}
