/* api/page.c - the built page: its files are read into memory at start and each gets a route of its own, so no request ever names a path on disk. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/internal.h"

enum { FILE_MAX = 16 << 20, FILES_MAX = 256, DEPTH_MAX = 3 };
struct api_asset {
    char path[256];     /* "/assets/main-ABC.js"; "/" is index.html */
    const char *type;
    bool immutable;     /* its name carries its hash */
    char etag[40];
    char *bytes;
    size_t len;
};

static const struct { const char *ending, *type; } types[] = {
    { ".html", "text/html; charset=utf-8" }, { ".js", "text/javascript; charset=utf-8" }, { ".css", "text/css; charset=utf-8" }, { ".svg", "image/svg+xml" },
    { ".png", "image/png" }, { ".ico", "image/x-icon" }, { ".woff2", "font/woff2" }, { ".json", "application/json" }, { ".txt", "text/plain; charset=utf-8" },
    { ".webmanifest", "application/manifest+json" }, { ".wasm", "application/wasm" },
};

static const char *type_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < ARRAY_LEN(types); i++)
        if (strcmp(dot, types[i].ending) == 0)
            return types[i].type;
    return "application/octet-stream";
}

static enum vcr_err add_file(struct api *a, const char *file, const char *path, size_t size, struct vcr_why *why)
{
    if (a->asset_count == FILES_MAX || size > FILE_MAX)
        return vcr_fail(why, VCR_E_TOO_LARGE, "the page has too many or too large files");
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    char *bytes = malloc(size + 1);
    ssize_t n = fd >= 0 && bytes ? read(fd, bytes, size) : -1;
    vcr_close(&fd);
    if (n != (ssize_t)size) {
        free(bytes);
        return vcr_fail(why, VCR_E_IO, "the page's files cannot be read: %s", strerror(errno));
    }
    struct api_asset *f = &a->assets[a->asset_count++];
    f->etag[0] = '"';
    app_digest(bytes, size, f->etag + 1);
    f->etag[33] = '"';
    vcr_strcpy(f->path, sizeof(f->path), strcmp(path, "/index.html") == 0 ? "/" : path);
    f->type = type_of(path);
    f->immutable = strncmp(path, "/assets/", 8) == 0;
    f->bytes = bytes;
    f->len = size;
    return VCR_OK;
}

static enum vcr_err add_folder(struct api *a, const char *folder, const char *prefix, int depth, struct vcr_why *why)
{
    DIR *d = opendir(folder);
    enum vcr_err err = d ? VCR_OK : vcr_fail(why, VCR_E_IO, "the page's folder cannot be read: %s", strerror(errno));
    for (struct dirent *e; d && err == VCR_OK && (e = readdir(d));) {
        struct stat st;
        if (e->d_name[0] == '.')
            continue;
        char *file = vcr_asprintf("%s/%s", folder, e->d_name), *path = vcr_asprintf("%s/%s", prefix, e->d_name);
        if (stat(file, &st) == 0 && S_ISREG(st.st_mode) && strlen(path) < sizeof(a->assets->path))
            err = add_file(a, file, path, (size_t)st.st_size, why);
        else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
            err = add_folder(a, file, path, depth + 1, why);
        free(file);
        free(path);
    }
    if (d)
        closedir(d);
    return err;
}

enum vcr_err page_load(struct api *a, const char *web_dir, struct vcr_why *why)
{
    a->assets = vcr_calloc(FILES_MAX, sizeof(*a->assets));
    return web_dir ? add_folder(a, web_dir, "", 0, why) : VCR_OK;
}

void page_free(struct api *a)
{
    for (size_t i = 0; i < a->asset_count; i++)
        free(a->assets[i].bytes);
    free(a->assets);
}

const char *page_path(const struct api_asset *assets, size_t i) { return assets[i].path; }
const void *page_asset(const struct api *a, size_t i) { return &a->assets[i]; }

void page_begin(struct http_req *r, const struct http_route *route)
{
    const struct api_asset *f = route->ctx;
    const char *have = http_req_header(r, "If-None-Match");
    security_headers(r);
    http_set_header(r, "ETag", f->etag);
    http_set_header(r, "Cache-Control", f->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    http_set_header(r, "Content-Security-Policy",
                    "default-src 'self'; media-src 'self' blob:; connect-src 'self'; img-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; "
                    "base-uri 'none'; frame-ancestors 'none'");
    if (have && strstr(have, f->etag))
        http_send(r, 304, NULL, NULL, 0);
    else
        http_send(r, 200, f->type, f->bytes, f->len);
}
