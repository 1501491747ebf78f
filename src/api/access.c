/* api/access.c - the access log: one line a request, with nothing in it that opens a door.
 *
 * No query is logged (it may hold a token), a path below :token is logged as its route, and so long a segment as no id of ours has becomes a star: an address that was
 * mistyped around a token must not leave it here either. */
#include <string.h>

#include "api/internal.h"
#include "base/log.h"

enum { SEGMENT_MAX = 36 /* a UUID */, PATH_BYTES = 512 };

static void plain_path(char out[PATH_BYTES], const char *path)
{
    size_t n = 0;
    while (*path && n + SEGMENT_MAX + 2 < PATH_BYTES) {
        if (*path == '/')
            out[n++] = *path++;
        size_t len = strcspn(path, "/");
        const char *shown = len > SEGMENT_MAX ? "*" : path;
        size_t shown_len = len > SEGMENT_MAX ? 1 : len;
        memcpy(out + n, shown, shown_len);
        n += shown_len;
        path += len;
    }
    out[n] = '\0';
}

void access_log(struct http_req *r, int status, uint64_t bytes_sent, int64_t took_us)
{
    const struct http_route *route = http_req_route(r);
    const struct api_route *ours = route && route->begin == frame_begin ? route->ctx : NULL;
    const struct api_call *c = ours ? http_req_own(r) : NULL;
    const char *method = http_method_name(http_req_method(r));
    char path[PATH_BYTES];
    if (ours && strstr(ours->path, ":token"))
        vcr_strcpy(path, sizeof(path), ours->path);
    else
        plain_path(path, http_req_path(r));
    struct log_field fields[11] = {
        { "http.request.id", http_req_id(r), 0 }, { "http.request.method", method, 0 }, { "url.path", path, 0 }, { "client.ip", http_req_ip(r), 0 },
        { "http.response.status_code", NULL, status }, { "http.response.bytes", NULL, (int64_t)bytes_sent }, { "event.duration", NULL, took_us * 1000 },
    };
    int n = 7;
    if (route)
        fields[n++] = (struct log_field){ "http.route", route->path, 0 };
    if (c && c->asker_id)
        fields[n++] = (struct log_field){ "user.id", NULL, c->asker_id };
    enum log_level level = ours && ours->probe ? LOG_DEBUG : LOG_INFO;
    if (status)
        log_fields(level, "http", fields, "%s %s %d", method, path, status);
    else
        log_fields(level, "http", fields, "%s %s: the client left", method, path);
}
