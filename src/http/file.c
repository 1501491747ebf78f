/* http/file.c - stretches of files: conditional requests, one range, sendfile. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http/internal.h"

/* "bytes=a-b", "bytes=a-" or "bytes=-n". false: not one range that we understand (several, other units, nonsense), so the whole is sent.
 * Unsatisfiable: *ret_first >= len. */
static bool parse_range(const char *s, uint64_t len, uint64_t *ret_first, uint64_t *ret_last)
{
    char a[24], b[24];
    uint64_t first, last;
    if (strncasecmp(s, "bytes=", 6) != 0)
        return false;
    s += 6;
    const char *dash = strchr(s, '-');
    if (!dash || (size_t)(dash - s) >= sizeof(a) || !vcr_strcpy(b, sizeof(b), dash + 1))
        return false;
    memcpy(a, s, (size_t)(dash - s));
    a[dash - s] = '\0';
    if (!*a) {
        if (!vcr_parse_u64(b, UINT64_MAX, &last))
            return false;
        *ret_first = last == 0 ? len : len - VCR_MIN(last, len);
        *ret_last = len - 1;
        return true;
    }
    last = UINT64_MAX;
    if (!vcr_parse_u64(a, UINT64_MAX, &first) || (*b && !vcr_parse_u64(b, UINT64_MAX, &last)) || last < first)
        return false;
    *ret_first = first;
    *ret_last = len > 0 ? VCR_MIN(last, len - 1) : 0;
    return true;
}

/* If-None-Match: weak comparison with any of the list. */
static bool none_match_holds(const char *list, const char *etag)
{
    if (strcmp(list, "*") == 0)
        return false;
    size_t n = strlen(etag);
    for (const char *p = list; (p = strstr(p, etag)) != NULL; p++)
        if ((p == list || strchr(", \t/", p[-1])) && (p[n] == '\0' || strchr(", \t", p[n])))
            return false;
    return true;
}

/* An ASCII name for old readers, and the true one (RFC 6266). */
static void set_download_name(struct http_req *r, const char *name)
{
    struct buf b;
    buf_init(&b, 4096);
    buf_adds(&b, "attachment; filename=\"");
    for (const char *p = name; *p; p++)
        buf_addc(&b, (unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7F || strchr("\"\\/%", *p) ? '_' : *p);
    buf_adds(&b, "\"; filename*=UTF-8''");
    for (const char *p = name; *p; p++) {
        bool plain = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || strchr("-._~", *p);
        if (plain)
            buf_addc(&b, *p);
        else
            buf_addf(&b, "%%%02X", (unsigned char)*p);
    }
    if (buf_ok(&b))
        http_set_header(r, "Content-Disposition", b.data);
    buf_free(&b);
}

struct plan {
    int status;
    uint64_t first, count; /* of the representation */
};

static struct plan make_plan(struct http_req *r, const struct http_file *f)
{
    struct plan whole = { 200, 0, f->len };
    const char *none_match = http_req_header(r, "If-None-Match"), *range = http_req_header(r, "Range"), *if_range = http_req_header(r, "If-Range");
    if (none_match && f->etag && !none_match_holds(none_match, f->etag))
        return (struct plan){ 304, 0, 0 };
    uint64_t first, last;
    if (!range || r->method != HTTP_GET || (if_range && (!f->etag || strcmp(if_range, f->etag) != 0)) || !parse_range(range, f->len, &first, &last))
        return whole;
    if (first >= f->len)
        return (struct plan){ 416, 0, 0 };
    return (struct plan){ 206, first, last - first + 1 };
}

void http_send_file(struct http_req *r, const struct http_file *f)
{
    int fd = f->fd;
    if (!answer_take(r)) {
        vcr_close(&fd);
        return;
    }
    char text[80];
    struct conn *c = r->conn;
    struct plan plan = make_plan(r, f);
    if (plan.status == 416) { /* not for the file's Cache-Control: the refusal is no part of the file */
        vcr_close(&fd);
        snprintf(text, sizeof(text), "bytes */%llu", (unsigned long long)f->len);
        http_set_header(r, "Content-Range", text);
        http_set_header(r, "Cache-Control", "no-store");
        answer_refusal(r, 416, "the range lies beyond the end of the file");
        conn_pump(c);
        return;
    }
    if (f->etag)
        http_set_header(r, "ETag", f->etag);
    http_set_header(r, "Cache-Control", f->cache_control ? f->cache_control : "no-store");
    if (plan.status != 304)
        http_set_header(r, "Accept-Ranges", "bytes");
    if (plan.status == 206) {
        snprintf(text, sizeof(text), "bytes %llu-%llu/%llu", (unsigned long long)plan.first, (unsigned long long)(plan.first + plan.count - 1),
                 (unsigned long long)f->len);
        http_set_header(r, "Content-Range", text);
    }
    bool has_content = plan.status == 200 || plan.status == 206;
    if (has_content && f->download_name)
        set_download_name(r, f->download_name);
    answer_head(r, plan.status, has_content ? f->content_type : NULL, plan.status == 304 ? -1 : (int64_t)plan.count);
    r->complete = true;
    if (r->method == HTTP_HEAD || plan.count == 0) {
        vcr_close(&fd);
    } else {
        c->file_fd = fd;
        c->file_at = f->offset + plan.first;
        c->file_left = plan.count;
    }
    conn_write(c, r->hl->out_head.data, r->hl->out_head.len, NULL, 0);
    conn_pump(c);
}
