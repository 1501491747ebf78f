/* api/encoding.c - does a client take gzip (RFC 9110, 12.5.3)? */
#include <string.h>
#include <strings.h>

#include "api/internal.h"

/* "q=0", "q=0.0": not at all. */
static bool is_zero(const char *q)
{
    if (strncasecmp(q, "q=0", 3) != 0)
        return false;
    q += 3 + (q[3] == '.');
    return q[strspn(q, "0")] == '\0' || strchr(" \t,", q[strspn(q, "0")]);
}

bool accepts_gzip(const struct http_req *r)
{
    const char *list = http_req_header(r, "Accept-Encoding");
    bool any = false;
    for (const char *p = list ? list : ""; *p; p += *p == ',') {
        p += strspn(p, " \t,");
        size_t name = strcspn(p, " \t;,"), all = strcspn(p, ",");
        const char *q = memchr(p, ';', all);
        bool refused = q && is_zero(q + 1 + strspn(q + 1, " \t"));
        bool gzip = (name == 4 && strncasecmp(p, "gzip", 4) == 0) || (name == 6 && strncasecmp(p, "x-gzip", 6) == 0);
        if (gzip)
            return !refused;
        any = any || (name == 1 && *p == '*' && !refused);
        p += all;
    }
    return any;
}
