/* api/scopes.c - what an API token's scopes open: by the beginning of the route, the first row that fits. A route for admins needs `admin` besides being an admin's token. */
#include <string.h>

#include "api/internal.h"
#include "app/api_tokens.h"

enum { R = APP_SCOPE_READ, W = APP_SCOPE_WRITE, P = APP_SCOPE_PLAY };
static const struct { const char *begins; unsigned reads, changes; } table[] = { /* any of these scopes will do; 0: not by a token at all */
    { "/api/v1/users/me/usage", R, 0 },
    { "/api/v1/users/me/", 0, 0 },
    { "/api/v1/users/me", R, 0 },
    { "/api/v1/auth/", 0, 0 },
    { "/api/v1/sessions", R | P, P },
    { "/api/v1/streams/", P, P },
    { "/api/v1/whep/", R | P, P },
    { "/api/v1/hls/", R | P, P },
    { "", R, W },
};

enum vcr_err scopes_allow(const struct api_call *c, struct vcr_why *why)
{
    const char *path = c->route->path;
    size_t i = 0;
    while (strncmp(path, table[i].begins, strlen(table[i].begins)) != 0)
        i++;
    unsigned needed = c->route->right == API_ADMIN ? APP_SCOPE_ADMIN : c->route->method == HTTP_GET ? table[i].reads : table[i].changes;
    if (c->who.scopes & needed)
        return VCR_OK;
    if (!needed)
        return vcr_refuse(why, VCR_E_DENIED, "/scope", "an API token does not open this: log in");
    return vcr_refuse(why, VCR_E_DENIED, "/scope", "this API token lacks the scope %s",
                      needed & APP_SCOPE_READ ? "read" : needed & APP_SCOPE_PLAY ? "play" : needed & APP_SCOPE_WRITE ? "write" : "admin");
}
