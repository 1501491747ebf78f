/* wire/srtid.c - see srtid.h. */
#include "wire/srtid.h"

#include <string.h>

#include "base/util.h"

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* False: a '%' that is none, or a byte that no stream id has. */
static bool decode(const char *text, size_t len, char out[SRTID_MAX + 1])
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        int c = (unsigned char)text[i];
        if (c == '%') {
            if (len - i < 3 || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0)
                return false;
            c = hex(text[i + 1]) * 16 + hex(text[i + 2]);
            i += 2;
        }
        if (c < 0x20 || c > 0x7E)
            return false;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return n > 0;
}

static bool name_set(struct srtid *id, const char *text, size_t len)
{
    if (len == 0 || len >= sizeof(id->name))
        return false;
    memcpy(id->name, text, len);
    id->name[len] = '\0';
    return strspn(id->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") == len;
}

static enum srtid_mode mode_named(const char *text, size_t len)
{
    static const struct { const char *name; enum srtid_mode mode; } modes[] = { { "publish", SRTID_PUBLISH }, { "request", SRTID_REQUEST }, { "read", SRTID_REQUEST } };
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (strlen(modes[i].name) == len && memcmp(modes[i].name, text, len) == 0)
            return modes[i].mode;
    return SRTID_OTHER;
}

/* key=value,… : a key that is given twice, or has no value, is a mistake; keys that mean nothing to us are let pass. */
static bool parse_keys(const char *p, struct srtid *id)
{
    bool has_mode = false, named = false, has_type = false;
    for (;;) {
        size_t part = strcspn(p, ","), key = strcspn(p, "=,");
        if (key == 0 || key >= part)
            return false;
        const char *value = p + key + 1;
        size_t len = part - key - 1;
        if (key == 1 && *p == 'r') {
            if (named || !name_set(id, value, len))
                return false;
            named = true;
        } else if (key == 1 && *p == 'm') {
            if (has_mode)
                return false;
            has_mode = true;
            if (id->mode == SRTID_PUBLISH)
                id->mode = mode_named(value, len);
        } else if (key == 1 && *p == 't') {
            if (has_type)
                return false;
            has_type = true;
            if (len != 6 || memcmp(value, "stream", 6) != 0)
                id->mode = SRTID_OTHER;
        }
        p += part;
        if (*p == '\0')
            return named;
        p++;
    }
}

static bool parse_colons(const char *p, struct srtid *id)
{
    size_t mode = strcspn(p, ":");
    const char *name = p + mode + 1;
    id->mode = mode_named(p, mode);
    return name_set(id, name, strcspn(name, ":"));
}

bool srtid_parse(const char *text, size_t len, struct srtid *ret)
{
    static const char access[] = "#!::";
    char plain[SRTID_MAX + 1];
    *ret = (struct srtid){ .mode = SRTID_PUBLISH };
    if (len > SRTID_MAX || !decode(text, len, plain))
        return false;
    if (strncmp(plain, access, sizeof(access) - 1) == 0)
        return parse_keys(plain + sizeof(access) - 1, ret);
    if (strncmp(plain, "#!", 2) == 0)
        return false; /* a nested or newer syntax */
    return strchr(plain, ':') ? parse_colons(plain, ret) : name_set(ret, plain, strlen(plain));
}
