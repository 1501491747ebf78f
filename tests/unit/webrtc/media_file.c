/* tests/unit/webrtc/media_file.c - see media_file.h. */
#include "media_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *slurp(const char *path, size_t *ret_len)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    uint8_t *b = n > 0 ? malloc((size_t)n) : NULL;
    if (b && fread(b, 1, (size_t)n, f) != (size_t)n) {
        free(b);
        b = NULL;
    }
    fclose(f);
    *ret_len = b ? (size_t)n : 0;
    return b;
}

static void add(struct media_file *f, const uint8_t *p, size_t len, bool key)
{
    if (f->count % 256 == 0)
        f->units = realloc(f->units, (f->count + 256) * sizeof(*f->units));
    if (!f->units)
        abort();
    f->units[f->count++] = (struct media_unit) { p, len, key };
}

/* A new access unit starts at the first parameter set, SEI, delimiter or first slice after a slice. */
static void split(struct media_file *f, size_t len)
{
    const uint8_t *b = f->bytes;
    size_t start = 0;
    bool key = false, has_slice = false;
    for (size_t i = 0; i + 4 < len; i++) {
        if (b[i] || b[i + 1] || b[i + 2] != 1)
            continue;
        int type = b[i + 3] & 31;
        bool is_slice = type >= 1 && type <= 5;
        if (has_slice && (!is_slice || b[i + 4] & 0x80)) {
            size_t end = i && b[i - 1] == 0 ? i - 1 : i;
            add(f, b + start, end - start, key);
            start = end;
            key = has_slice = false;
        }
        has_slice |= is_slice;
        key |= type == 5;
    }
    if (has_slice)
        add(f, b + start, len - start, key);
}

bool media_read_h264(struct media_file *f, const char *path)
{
    size_t len;
    *f = (struct media_file) { .bytes = slurp(path, &len) };
    if (f->bytes)
        split(f, len);
    return f->count > 0;
}

bool media_split_h264(struct media_file *f, const uint8_t *bytes, size_t len)
{
    *f = (struct media_file) { .bytes = malloc(len) };
    if (!f->bytes)
        return false;
    memcpy(f->bytes, bytes, len);
    split(f, len);
    return f->count > 0;
}

bool media_read_opus(struct media_file *f, const char *path)
{
    size_t len, skip = 2; /* OpusHead, OpusTags */
    *f = (struct media_file) { .bytes = slurp(path, &len) };
    for (size_t at = 0; f->bytes && at + 27 <= len && memcmp(f->bytes + at, "OggS", 4) == 0;) {
        size_t segments = f->bytes[at + 26], body = at + 27 + segments, size = 0;
        for (size_t i = 0; i < segments && body <= len; i++) {
            size += f->bytes[at + 27 + i];
            if (f->bytes[at + 27 + i] == 255)
                continue;
            if (body + size > len)
                return f->count > 0;
            if (skip)
                skip--;
            else
                add(f, f->bytes + body, size, true);
            body += size;
            size = 0;
        }
        at = body;
    }
    return f->count > 0;
}

void media_free(struct media_file *f)
{
    free(f->bytes);
    free(f->units);
    *f = (struct media_file) { 0 };
}
