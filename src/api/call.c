/* api/call.c - what handlers ask of their call: parameters, members, headers, preconditions, lists. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "app/audit.h"

const char *api_param(const struct api_call *c, const char *name)
{
    size_t len = strlen(name);
    for (int i = 0; i < HTTP_PARAMS_MAX && c->param_names[i]; i++)
        if (strncmp(c->param_names[i], name, len) == 0 && (c->param_names[i][len] == '/' || c->param_names[i][len] == '\0'))
            return c->params[i];
    return "";
}

enum vcr_err api_param_id(const struct api_call *c, const char *name, int64_t *ret, struct vcr_why *why)
{
    uint64_t id;
    if (!vcr_parse_u64(api_param(c, name), INT64_MAX, &id) || id == 0)
        return vcr_fail(why, VCR_E_NOT_FOUND, "there is nothing at this address");
    *ret = (int64_t)id;
    return VCR_OK;
}

const char *api_query(const struct api_call *c, const char *name)
{
    for (int i = 0; i < c->query_count; i++)
        if (strcmp(c->query[i].name, name) == 0)
            return c->query[i].value;
    return NULL;
}

enum vcr_err api_query_limit(struct api_call *c, int *ret, struct vcr_why *why)
{
    const char *text = api_query(c, "limit");
    uint64_t n = 50;
    if (text && (!vcr_parse_u64(text, 200, &n) || n == 0))
        return api_invalid(c, why, "limit", "must be 1 to 200");
    *ret = (int)n;
    return VCR_OK;
}

const char *api_str(const struct api_call *c, const char *member)
{
    return json_string_value(json_object_get(c->body, member));
}

bool api_has(const struct api_call *c, const char *member)
{
    return json_object_get(c->body, member) != NULL;
}

enum vcr_err api_invalid(struct api_call *c, struct vcr_why *why, const char *pointer, const char *fmt, ...)
{
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (c->error_count < API_ERRORS_MAX) {
        vcr_strcpy(c->errors[c->error_count].pointer, sizeof(c->errors[0].pointer), pointer);
        vcr_strcpy(c->errors[c->error_count++].detail, sizeof(c->errors[0].detail), text);
    }
    return vcr_fail(why, VCR_E_INVALID, "%s%s%s", *pointer == '/' ? pointer + 1 : pointer, *pointer ? " " : "", text);
}

void api_header(struct api_call *c, const char *name, const char *value)
{
    for (int i = 0; i < c->header_count && strcasecmp(name, "Set-Cookie") != 0; i++) {
        if (strcasecmp(c->headers[i].name, name) != 0)
            continue;
        free(c->headers[i].value);
        c->headers[i].value = vcr_strdup(value);
        return;
    }
    if (c->header_count < API_HEADERS_MAX)
        c->headers[c->header_count++] = (struct api_pair){ vcr_strdup(name), vcr_strdup(value) };
}

void api_problem_extra(struct api_call *c, const char *name, const char *json)
{
    free(c->problem_extra_name);
    free(c->problem_extra_json);
    c->problem_extra_name = vcr_strdup(name);
    c->problem_extra_json = vcr_strdup(json);
}

enum vcr_err api_audit(struct api_call *c, struct sql_tx *tx, struct vcr_why *why, const char *action, const char *details, const char *object, ...)
{
    char text[APP_AUDIT_OBJECT_BYTES];
    if (object) {
        va_list ap;
        va_start(ap, object);
        vsnprintf(text, sizeof(text), object, ap);
        va_end(ap);
    }
    return app_audit(tx, &c->who, action, object ? text : NULL, details, c->now_ms, why);
}

enum vcr_err api_refuse_after_commit(struct api_call *c, const struct vcr_why *why)
{
    c->refused = *why;
    c->refuse = true;
    return VCR_OK;
}

/* Does a list of entity tags hold one that equals etag (to its first '.', when revision_only)? Weak tags never match. */
static bool list_holds(const char *list, const char *etag, bool revision_only)
{
    size_t len = revision_only ? strcspn(etag, ".") : strlen(etag);
    for (const char *p = list; *p;) {
        p += strspn(p, " ,\t");
        if (*p == '*')
            return true;
        size_t n = strcspn(p, ",");
        while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
            n--;
        size_t cut = n;
        if (revision_only) {
            const char *dot = memchr(p, '.', n);
            cut = dot ? (size_t)(dot - p) : n;
        }
        if (cut == len && strncmp(p, etag, len) == 0)
            return true;
        p += n;
        p += strcspn(p, ",");
    }
    return false;
}

enum vcr_err api_if_match(const struct api_call *c, const char *etag, struct vcr_why *why)
{
    if (!c->if_match || list_holds(c->if_match, etag, true))
        return VCR_OK;
    return vcr_fail(why, VCR_E_STALE, "somebody changed this meanwhile; read it again");
}

bool api_not_modified(struct api_call *c, const char *etag)
{
    if (!c->if_none_match)
        return false;
    const char *list = c->if_none_match;
    if (!list_holds(list, etag, false) && !(strncmp(list, "W/", 2) == 0 && list_holds(list + 2, etag, false)))
        return false;
    c->status = 304;
    return true;
}

enum vcr_err query_bound(struct api_call *c, const char *name, bool end, int64_t *ret, struct vcr_why *why)
{
    int64_t from, to;
    const char *text = api_query(c, name);
    if (text && !app_date_bounds(text, &from, &to))
        return api_invalid(c, why, name, "must be YYYY, YYYY-MM, YYYY-MM-DD or a RFC 3339 time");
    if (text)
        *ret = end ? to : from;
    return VCR_OK;
}

void list_begin(struct api_call *c)
{
    jsonw_open(&c->json, NULL);
    jsonw_open_array(&c->json, "items");
}

void list_end(struct api_call *c, const char *next_cursor)
{
    jsonw_close_array(&c->json);
    jsonw_str(&c->json, "next_cursor", next_cursor);
    jsonw_close(&c->json);
}

enum vcr_err cursor_id(const struct api_call *c, int64_t *ret, struct vcr_why *why)
{
    char plain[32];
    uint64_t id = 0;
    const char *text = api_query(c, "cursor");
    long n = text ? vcr_b64url_decode(plain, sizeof(plain) - 1, text, strlen(text)) : 0;
    if (n >= 0)
        plain[n] = '\0';
    if (n < 0 || (text && (strlen(plain) != (size_t)n || !vcr_parse_u64(plain, INT64_MAX, &id))))
        return vcr_fail(why, VCR_E_MALFORMED, "cursor: this is no cursor of this list");
    *ret = (int64_t)id;
    return VCR_OK;
}

void list_end_id(struct api_call *c, int64_t last)
{
    char plain[32], text[64];
    int n = snprintf(plain, sizeof(plain), "%" PRId64, last);
    vcr_b64url_encode(text, plain, (size_t)n);
    list_end(c, last ? text : NULL);
}
