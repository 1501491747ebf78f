/* http/route.c - finds the route of a path. A segment that is written out wins over ":x", and that over "*x", whatever the order of the table. */
#include <stdlib.h>
#include <string.h>

#include "http/internal.h"

static const char *const method_names[HTTP_METHODS] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };

const char *http_method_name(enum http_method m) { return (unsigned)m < HTTP_METHODS ? method_names[m] : "OTHER"; }

enum http_method method_of(const char *name)
{
    for (int m = 0; m < HTTP_METHODS; m++)
        if (strcmp(name, method_names[m]) == 0)
            return (enum http_method)m;
    return HTTP_METHODS;
}

struct entry {
    const struct http_route *route;
    size_t order;      /* in the table */
    size_t prefix_len; /* up to the first ':' or '*' */
    bool literal;      /* the prefix is all */
};
struct router {
    size_t count;
    struct entry entry[]; /* the more particular first */
};

/* Compares segment by segment: written out < ":x" < "*x". */
static int more_particular(const char *a, const char *b)
{
    while (*a == '/' && *b == '/') {
        a++;
        b++;
        int ka = *a == ':' ? 1 : *a == '*' ? 2 : 0, kb = *b == ':' ? 1 : *b == '*' ? 2 : 0;
        if (ka != kb)
            return ka - kb;
        a += strcspn(a, "/");
        b += strcspn(b, "/");
    }
    return 0;
}

static int compare(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;
    int d = more_particular(a->route->path, b->route->path);
    return d ? d : a->order < b->order ? -1 : 1;
}

static bool is_well_formed(const char *path)
{
    int params = 0;
    if (path[0] != '/')
        return false;
    for (const char *p = path; *p; p++) {
        if (*p == '*' && strchr(p, '/'))
            return false; /* only last */
        params += *p == ':' || *p == '*';
    }
    return params <= HTTP_PARAMS_MAX;
}

enum vcr_err router_open(struct router **ret, const struct http_route *routes, size_t count, struct vcr_why *why)
{
    for (size_t i = 0; i < count; i++)
        if (!is_well_formed(routes[i].path))
            return vcr_fail(why, VCR_E_INTERNAL, "route %s is not well-formed", routes[i].path);
    struct router *t = vcr_alloc(sizeof(*t) + count * sizeof(t->entry[0]));
    t->count = count;
    for (size_t i = 0; i < count; i++) {
        const char *path = routes[i].path;
        size_t n = strcspn(path, ":*");
        t->entry[i] = (struct entry){ &routes[i], i, n, path[n] == '\0' };
    }
    qsort(t->entry, count, sizeof(t->entry[0]), compare);
    *ret = t;
    return VCR_OK;
}

void router_close(struct router **t)
{
    free(*t);
    *t = NULL;
}

static bool matches(const struct entry *e, const char *path, size_t path_len)
{
    if (path_len < e->prefix_len || memcmp(path, e->route->path, e->prefix_len) != 0)
        return false;
    if (e->literal)
        return path_len == e->prefix_len;
    const char *pattern = e->route->path + e->prefix_len, *p = path + e->prefix_len;
    for (;;) {
        size_t n = strcspn(p, "/"), m = strcspn(pattern, "/");
        if (*pattern == '*')
            return *p != '\0';
        if (*pattern == ':' ? n == 0 : n != m || memcmp(p, pattern, n) != 0)
            return false;
        p += n;
        pattern += m;
        if (*p != *pattern)
            return false; /* one of them has more segments */
        if (!*p)
            return true;
        p++;
        pattern++;
    }
}

/* Cuts r->param_text into the values of the parameters. */
static void take_params(struct http_req *r, const char *pattern)
{
    strcpy(r->param_text, r->path);
    char *p = r->param_text;
    while (*pattern && *p) {
        size_t n = strcspn(p, "/"), m = strcspn(pattern, "/");
        if (*pattern == ':' || *pattern == '*') {
            r->param_name[r->params] = pattern + 1;
            r->param_name_len[r->params] = m - 1;
            r->param[r->params++] = p;
            if (*pattern == '*')
                return;
        }
        bool more = p[n] == '/';
        p[n] = '\0';
        p += n + more;
        pattern += m + (pattern[m] == '/');
    }
}

unsigned router_find(const struct router *t, struct http_req *r)
{
    unsigned methods = 0;
    size_t len = strlen(r->path);
    if (strcmp(r->path, "*") == 0)
        return (1u << HTTP_METHODS) - 1; /* OPTIONS *: the server as a whole */
    for (size_t i = 0; i < t->count; i++) {
        const struct http_route *route = t->entry[i].route;
        if (!matches(&t->entry[i], r->path, len))
            continue;
        bool head_too = route->method == HTTP_GET && !route->no_head;
        if (route->method == r->method || (head_too && r->method == HTTP_HEAD)) {
            r->route = route;
            take_params(r, route->path);
            return 0;
        }
        methods |= 1u << route->method | (head_too ? 1u << HTTP_HEAD : 0);
    }
    return methods ? methods | 1u << HTTP_OPTIONS : 0;
}
