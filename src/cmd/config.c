/* cmd/config.c - see config.h: one table of settings, read from an INI file through inih and then from the environment. */
#include "cmd/config.h"

#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

enum kind { TEXT, SWITCH, NUMBER, CHOICE, ADDRESS, ADDRESS_OR_NONE };
struct setting {
    const char *name;
    enum kind kind;
    size_t at;              /* of the member in struct config */
    const char *fallback;
    const char *choices;    /* CHOICE: "open invite closed" */
    int64_t low, high;      /* NUMBER */
};
#define AT(member) offsetof(struct config, member)
static const struct setting settings[] = {
    { "VCR_LISTEN", ADDRESS, AT(listen), "127.0.0.1:8080", NULL, 0, 0 },
    { "VCR_MEDIA_LISTEN", ADDRESS, AT(media_listen), "127.0.0.1:8189", NULL, 0, 0 },
    { "VCR_MEDIA_THREADS", NUMBER, AT(media_threads), "0", NULL, 0, 16 },
    { "VCR_SRT_LISTEN", ADDRESS_OR_NONE, AT(srt_listen), CONFIG_SRT_DEFAULT, NULL, 0, 0 },
    { "VCR_PUBLIC_ADDRESS", TEXT, AT(public_address), "", NULL, 0, 0 },
    { "VCR_DATA_DIR", TEXT, AT(data_dir), "./data", NULL, 0, 0 },
    { "VCR_DATABASE_URL", TEXT, AT(database_url), "sqlite:vcr.db", NULL, 0, 0 },
    { "VCR_CACHE_URL", TEXT, AT(cache_url), "memory:", NULL, 0, 0 },
    { "VCR_QUEUE_URL", TEXT, AT(queue_url), "database:", NULL, 0, 0 },
    { "VCR_BLOB_URL", TEXT, AT(blob_url), "file:blobs", NULL, 0, 0 },
    { "VCR_ROLES", TEXT, AT(roles), "api,media,worker", NULL, 0, 0 },
    { "VCR_SECRET_FILE", TEXT, AT(secret_file), "", NULL, 0, 0 },
    { "VCR_REGISTRATION", CHOICE, AT(registration), "open", "open invite closed", 0, 0 },
    { "VCR_DEMO", SWITCH, AT(demo), "off", NULL, 0, 0 },
    { "VCR_RATE_LIMITS", SWITCH, AT(rate_limits), "on", NULL, 0, 0 },
    { "VCR_CORS_ORIGINS", TEXT, AT(cors_origins), "", NULL, 0, 0 },
    { "VCR_CDN_URL", TEXT, AT(cdn_url), "", NULL, 0, 0 },
    { "VCR_CDN_KEY_FILE", TEXT, AT(cdn_key_file), "", NULL, 0, 0 },
    { "VCR_LOG", CHOICE, AT(log), "", "text json", 0, 0 },
    { "VCR_WEB_DIR", TEXT, AT(web_dir), "", NULL, 0, 0 },
    { "VCR_MAX_UPLOAD_BYTES", NUMBER, AT(max_upload_bytes), "137438953472", NULL, 1, INT64_C(1) << 50 },
    { "VCR_QUOTA_BYTES", NUMBER, AT(quota_bytes), "0", NULL, 0, INT64_C(1) << 60 },
    { "VCR_WATCH_DIR", TEXT, AT(watch_dir), "", NULL, 0, 0 },
    { "VCR_LIBRARY_DIRS", TEXT, AT(library_dirs), "", NULL, 0, 0 },
    { "VCR_WORKERS", NUMBER, AT(workers), "0", NULL, 0, 64 },
    { "VCR_RENDER_CACHE_BYTES", NUMBER, AT(render_cache_bytes), "4294967296", NULL, 0, INT64_C(1) << 60 },
    { "VCR_RENDER_CACHE_SESSIONS", SWITCH, AT(render_cache_sessions), "on", NULL, 0, 0 },
    { "VCR_BIN_DAYS", NUMBER, AT(bin_days), "30", NULL, 0, 36500 },
    { "VCR_AUDIT_DAYS", NUMBER, AT(audit_days), "400", NULL, 1, 36500 },
};

static bool chosen(const char *choices, const char *value)
{
    size_t len = strlen(value);
    for (const char *at = choices; len > 0 && (at = strstr(at, value)) != NULL; at += len)
        if ((at == choices || at[-1] == ' ') && (at[len] == '\0' || at[len] == ' '))
            return true;
    return false;
}

/* "host:port", "[v6]:port" with a port of 0..65535. */
static bool is_address(const char *value)
{
    const char *colon = strrchr(value, ':');
    uint64_t port;
    if (!colon || colon == value || !vcr_parse_u64(colon + 1, 65535, &port))
        return false;
    return value[0] == '[' ? colon[-1] == ']' : memchr(value, ':', (size_t)(colon - value)) == NULL;
}

static enum vcr_err apply(struct config *c, const struct setting *s, const char *value, struct vcr_why *why)
{
    void *to = (char *)c + s->at;
    uint64_t number = 0;
    if (s->kind == SWITCH) {
        if (!chosen("on off", value))
            return vcr_fail(why, VCR_E_INVALID, "%s: \"%s\" is neither on nor off", s->name, value);
        *(bool *)to = strcmp(value, "on") == 0;
        return VCR_OK;
    }
    if (s->kind == NUMBER) {
        if (!vcr_parse_u64(value, (uint64_t)s->high, &number) || number < (uint64_t)s->low)
            return vcr_fail(why, VCR_E_INVALID, "%s: \"%s\" is not a number from %lld to %lld", s->name, value, (long long)s->low,
                            (long long)s->high);
        *(uint64_t *)to = number;
        return VCR_OK;
    }
    if (s->kind == CHOICE && *value && !chosen(s->choices, value))
        return vcr_fail(why, VCR_E_INVALID, "%s: \"%s\" is none of: %s", s->name, value, s->choices);
    if ((s->kind == ADDRESS || (s->kind == ADDRESS_OR_NONE && *value)) && !is_address(value))
        return vcr_fail(why, VCR_E_INVALID, "%s: \"%s\" is not ADDRESS:PORT", s->name, value);
    char *copy = vcr_strdup(value);
    c->strings[c->string_count++] = copy;
    *(const char **)to = copy;
    return VCR_OK;
}

struct reading {
    const char *values[ARRAY_LEN(settings)]; /* owned */
    struct vcr_why *why;
    bool bad;
};

static int on_ini(void *arg, const char *section, const char *name, const char *value)
{
    struct reading *r = arg;
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        if (strcmp(settings[i].name, name) == 0) {
            free((void *)(uintptr_t)r->values[i]);
            r->values[i] = vcr_strdup(value);
            return 1;
        }
    }
    vcr_fail(r->why, VCR_E_INVALID, "%s: no such setting", name);
    r->bad = true;
    return 0;
}

enum vcr_err config_load(struct config *ret, const char *file, struct vcr_why *why)
{
    struct reading r = { .why = why };
    enum vcr_err err = VCR_OK;
    *ret = (struct config){ 0 };
    int line = file ? ini_parse(file, on_ini, &r) : 0;
    if (r.bad)
        err = VCR_E_INVALID;
    else if (line < 0)
        err = vcr_fail(why, VCR_E_IO, "%s: cannot be read", file);
    else if (line > 0)
        err = vcr_fail(why, VCR_E_MALFORMED, "%s: line %d is not NAME = VALUE", file, line);
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        const char *env = getenv(settings[i].name);
        const char *value = env ? env : r.values[i] ? r.values[i] : settings[i].fallback;
        if (err == VCR_OK)
            err = apply(ret, &settings[i], value, why);
        free((void *)(uintptr_t)r.values[i]);
    }
    if (err != VCR_OK)
        config_free(ret);
    return err;
}

void config_free(struct config *c)
{
    for (int i = 0; i < c->string_count; i++)
        free(c->strings[i]);
    *c = (struct config){ 0 };
}
