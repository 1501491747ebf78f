/* api/door.c - see door.h. */
#include "api/door.h"

#include <stdio.h>
#include <string.h>

void door_allow_origins(struct api_call *c)
{
    if (cors_allows(c->api, c->req))
        return;
    api_header(c, "Access-Control-Allow-Origin", "*");
    api_header(c, "Access-Control-Expose-Headers", "Location, ETag, Link, Accept-Patch");
}

bool door_admits(struct api_call *c)
{
    struct vcr_why why = c->job.why;
    door_allow_origins(c);
    if (c->job.err == VCR_OK)
        return true;
    why.code = c->job.err;
    api_fail(c, &why);
    return false;
}

bool door_takes_type(struct api_call *c, const char *want)
{
    const char *type = http_req_header(c->req, "Content-Type");
    size_t n = strlen(want);
    struct vcr_why why;
    if (type && strncasecmp(type, want, n) == 0 && (type[n] == '\0' || type[n] == ';' || type[n] == ' '))
        return true;
    vcr_fail(&why, VCR_E_UNSUPPORTED, "the body must be %s", want);
    api_fail(c, &why);
    return false;
}

bool door_etag_holds(struct api_call *c, const char *id, const char *whose)
{
    char etag[VCR_UUID_BYTES + 2];
    struct vcr_why why;
    snprintf(etag, sizeof(etag), "\"%.36s\"", id);
    if (!c->if_match || api_if_match(c, etag, &why) == VCR_OK)
        return true;
    vcr_fail(&why, VCR_E_STALE, "this is not %s ETag", whose);
    api_fail(c, &why);
    return false;
}

void door_created(struct api_call *c, const char *location, const char *id, const char *answer)
{
    char etag[VCR_UUID_BYTES + 2];
    c->status = 201;
    c->content_type = DOOR_SDP;
    api_header(c, "Location", location);
    snprintf(etag, sizeof(etag), "\"%s\"", id);
    api_header(c, "ETag", etag);
    api_header(c, "Accept-Patch", DOOR_FRAGMENT);
    buf_adds(&c->out, answer);
    api_finish(c);
}

void door_options(struct api_call *c, bool is_resource, const char *methods)
{
    door_allow_origins(c);
    api_header(c, "Allow", methods);
    if (!cors_allows(c->api, c->req)) {
        api_header(c, "Access-Control-Allow-Methods", methods);
        api_header(c, "Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match");
        api_header(c, "Access-Control-Max-Age", "86400");
    }
    api_header(c, is_resource ? "Accept-Patch" : "Accept-Post", is_resource ? DOOR_FRAGMENT : DOOR_SDP);
    c->status = 204;
    api_finish(c);
}
