/* api/problem.c - from an error to an RFC 9457 problem body: one table. */
#include <string.h>

#include "api/internal.h"

#define TYPE_BASE "https://vcr-online.invalid/problems"

static const struct { int status; const char *slug, *title; bool shown; } problems[VCR_ERRS] = {
    [VCR_E_INVALID] = { 422, "/invalid", "Not acceptable as it is", true },
    [VCR_E_MALFORMED] = { 400, "/malformed", "Cannot be read", true },
    [VCR_E_AUTH] = { 401, "/unauthenticated", "Log in first", true },
    [VCR_E_DENIED] = { 403, "/forbidden", "Not allowed", true },
    [VCR_E_NOT_FOUND] = { 404, "/not-found", "Not found", true },
    [VCR_E_CONFLICT] = { 409, "/conflict", "Not possible now", true },
    [VCR_E_STALE] = { 412, "/stale", "Changed meanwhile", true },
    [VCR_E_TOO_LARGE] = { 413, "/too-large", "Too large", true },
    [VCR_E_UNACCEPTABLE] = { 406, "/not-acceptable", "Not in a form that you take", true },
    [VCR_E_UNSUPPORTED] = { 415, "/unsupported-media-type", "Wrong media type", true },
    [VCR_E_RATE] = { 429, "/too-many-requests", "Too many requests", true },
    [VCR_E_BUSY] = { 503, "/busy", "Too busy", true },
    [VCR_E_FULL] = { 507, "/storage-full", "Storage is full", true },
    [VCR_E_TIMEOUT] = { 504, "/timeout", "Took too long", false },
};

int problem_status(enum vcr_err code)
{
    return (unsigned)code < VCR_ERRS && problems[code].status ? problems[code].status : 500;
}

static void head(struct jsonw *j, const char *slug, const char *title, int status, const char *detail, const char *request_id)
{
    char type[120] = TYPE_BASE;
    vcr_strcpy(type + sizeof(TYPE_BASE) - 1, sizeof(type) - sizeof(TYPE_BASE) + 1, slug);
    jsonw_open(j, NULL);
    jsonw_str(j, "type", type);
    jsonw_str(j, "title", title);
    jsonw_int(j, "status", status);
    jsonw_str(j, "detail", detail);
    jsonw_str(j, "request_id", request_id);
}

void problem_write(struct buf *out, const struct api_call *c, const struct vcr_why *why, const char *request_id)
{
    struct jsonw j;
    bool known = (unsigned)why->code < VCR_ERRS && problems[why->code].status;
    int status = problem_status(why->code);
    const char *slug = why->slug ? why->slug : known ? problems[why->code].slug : "/internal";
    jsonw_init(&j, out);
    head(&j, slug, known ? problems[why->code].title : "Something went wrong here", status,
         known && problems[why->code].shown ? why->text : "The server could not do this; its log says more under this request's id.", request_id);
    if (c && c->error_count > 0) {
        jsonw_open_array(&j, "errors");
        for (int i = 0; i < c->error_count; i++) {
            jsonw_open(&j, NULL);
            jsonw_str(&j, "pointer", c->errors[i].pointer);
            jsonw_str(&j, "detail", c->errors[i].detail);
            jsonw_close(&j);
        }
        jsonw_close_array(&j);
    }
    if (c && c->problem_extra_name)
        jsonw_raw(&j, c->problem_extra_name, c->problem_extra_json);
    jsonw_close(&j);
}

/* What the server core answers by itself. */
void problem_plain(struct buf *out, int status, const char *detail, const char *request_id)
{
    static const struct { int status; const char *slug; } slugs[] = {
        { 400, "/malformed" }, { 404, "/not-found" }, { 405, "/method-not-allowed" }, { 408, "/timeout" }, { 413, "/too-large" },
        { 414, "/uri-too-long" }, { 416, "/range" }, { 417, "/expectation" }, { 431, "/header-too-large" }, { 501, "/not-implemented" },
        { 503, "/busy" }, { 505, "/http-version" },
    };
    struct jsonw j;
    const char *slug = "/error";
    for (size_t i = 0; i < ARRAY_LEN(slugs); i++)
        if (slugs[i].status == status)
            slug = slugs[i].slug;
    jsonw_init(&j, out);
    head(&j, slug, detail, status, detail, request_id);
    jsonw_close(&j);
}

static void headers(struct http_req *r, const char *resource_policy)
{
    http_set_header(r, "X-Content-Type-Options", "nosniff");
    http_set_header(r, "Referrer-Policy", "no-referrer");
    http_set_header(r, "X-Frame-Options", "DENY");
    http_set_header(r, "Cross-Origin-Resource-Policy", resource_policy);
}

void security_headers(struct http_req *r) { headers(r, "same-origin"); }
void shared_headers(struct http_req *r) { headers(r, "cross-origin"); }
