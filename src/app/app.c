/* app/app.c - opening what the use cases stand on; roles and rate classes as tables. */
#include "app/app.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "app/audit.h"
#include "app/deck_recordings.h"
#include "app/devices.h"
#include "app/recordings.h"
#include "app/recover.h"
#include "app/guard.h"
#include "app/hls.h"
#include "app/wishes.h"
#include "app/tapes.h"
#include "base/clock.h"

static char *secret_path(const struct app_config *c)
{
    return c->secret_file ? vcr_strdup(c->secret_file) : vcr_asprintf("%s/secret", c->data_dir);
}

static void fill_defaults(struct app_config *c)
{
    c->data_dir = vcr_strdup(c->data_dir ? c->data_dir : ".");
    c->secret_file = vcr_strdup(c->secret_file);
    c->max_upload_bytes = c->max_upload_bytes ? c->max_upload_bytes : UINT64_C(64) << 30;
    c->bin_days = c->bin_days ? c->bin_days : 30;
    c->audit_days = c->audit_days ? c->audit_days : APP_AUDIT_DAYS;
    c->password_threads = c->password_threads ? c->password_threads : 1;
    c->file_threads = c->file_threads ? c->file_threads : 4;
    c->password_ops = c->password_ops ? c->password_ops : crypto_pwhash_OPSLIMIT_INTERACTIVE;
    c->password_mem_bytes = c->password_mem_bytes ? c->password_mem_bytes : crypto_pwhash_MEMLIMIT_INTERACTIVE;
}

enum vcr_err app_open(struct app **ret, const struct app_config *config, struct vcr_why *why)
{
    if (sodium_init() < 0)
        return vcr_fail(why, VCR_E_INTERNAL, "libsodium does not start");
    struct app *a = vcr_alloc(sizeof(*a));
    a->config = *config;
    fill_defaults(&a->config);
    char *path = secret_path(&a->config);
    enum vcr_err err = app_secret_file(path, a->secret, why);
    free(path);
    if (err != VCR_OK)
        goto fail;
    if (crypto_pwhash_str(a->dummy_hash, "nobody's password", 17, a->config.password_ops, a->config.password_mem_bytes) != 0) {
        err = vcr_fail(why, VCR_E_NOMEM, "no memory for hashing passwords");
        goto fail;
    }
    err = pool_open(&a->passwords, &(struct pool_config){ .name = "passwords", .threads = a->config.password_threads, .queue_max = 64 }, why);
    if (err != VCR_OK)
        goto fail;
    err = pool_open(&a->files, &(struct pool_config){ .name = "files", .threads = a->config.file_threads, .queue_max = 1024 }, why);
    if (err != VCR_OK)
        goto fail;
    err = recovery_open(&a->recovery, why);
    if (err == VCR_OK)
        err = app_recover(a, clock_wall_ms(), why);
    if (err == VCR_OK)
        err = app_deck_record_recover(a, why);
    if (err == VCR_OK)
        err = app_record_recover(a, why);
    if (err == VCR_OK)
        err = device_list_open(a, why);
    if (err == VCR_OK)
        err = hls_state_open(a, why);
    if (err == VCR_OK)
        err = guard_open(a, why);
    a->wishes = wishes_open();
    if (err != VCR_OK)
        goto fail;
    *ret = a;
    return VCR_OK;
fail:
    app_close(&a);
    return err;
}

void app_stop(struct app *a)
{
    guard_close(&a->guard);
    recovery_close(&a->recovery);
    pool_close(&a->passwords);
    pool_close(&a->files);
}

void app_close(struct app **ap)
{
    struct app *a = *ap;
    if (!a)
        return;
    app_stop(a);
    hls_state_close(a);
    wishes_close(&a->wishes);
    device_list_close(&a->devices);
    sodium_memzero(a->secret, sizeof(a->secret));
    free((char *)a->config.data_dir);
    free((char *)a->config.secret_file);
    free(a);
    *ap = NULL;
}

void app_digest(const void *bytes, size_t len, char ret[33])
{
    uint8_t hash[16];
    crypto_generichash(hash, sizeof(hash), bytes, len, NULL, 0);
    vcr_hex(ret, hash, sizeof(hash));
}

void app_key(const struct app *a, const char *purpose, uint8_t ret[32])
{
    crypto_generichash(ret, 32, (const unsigned char *)purpose, strlen(purpose), a->secret, sizeof(a->secret));
}

static const char *const role_names[APP_ROLES] = { "anonymous", "link", "viewer", "user", "archivist", "admin" };

const char *app_role_name(enum app_role r)
{
    return (unsigned)r < APP_ROLES ? role_names[r] : role_names[APP_ANONYMOUS];
}

enum app_role app_role_by_name(const char *name)
{
    for (int i = APP_VIEWER; i < APP_ROLES; i++)
        if (strcmp(name, role_names[i]) == 0)
            return (enum app_role)i;
    return APP_ANONYMOUS;
}

/* A burst is the whole stated number. */
static const struct { const char *name; struct app_rate_limit limit; } rates[APP_RATES] = {
    [APP_RATE_LOGIN] = { "login", { 30, 60 } },       [APP_RATE_ACCOUNT] = { "account", { 5, 60 } }, [APP_RATE_REGISTER] = { "register", { 5, 3600 } },
    [APP_RATE_READ] = { "read", { 600, 60 } },        [APP_RATE_WRITE] = { "write", { 120, 60 } },   [APP_RATE_COMMAND] = { "command", { 20, 1 } },
    [APP_RATE_REFUSAL] = { "refusal", { 60, 3600 } }, [APP_RATE_CODE] = { "code", { 20, 3600 } },
};

static void key_text(char full[APP_RATE_KEY_BYTES], const char *name, const char *key)
{
    struct in6_addr v6;
    char prefix[INET6_ADDRSTRLEN];
    if (strchr(key, ':') && inet_pton(AF_INET6, key, &v6) == 1) {
        memset(v6.s6_addr + 8, 0, 8);
        key = inet_ntop(AF_INET6, &v6, prefix, sizeof(prefix));
    }
    snprintf(full, APP_RATE_KEY_BYTES, "rate/%s/%s", name, key);
}

void app_rate_check(const struct app *a, enum app_rate rate, const char *key, struct app_rate_result *ret)
{
    *ret = (struct app_rate_result){ .allowed = true };
    const struct app_rate_limit *limit = a->config.rates[rate].count ? &a->config.rates[rate] : &rates[rate].limit;
    if (!a->config.rate_limits || !limit->count)
        return;
    char full[APP_RATE_KEY_BYTES];
    key_text(full, rates[rate].name, key);
    ret->counted = true;
    ret->limit = limit->count;
    ret->period_s = limit->period_s;
    ret->allowed = cache_allow_every(a->config.cache, full, limit->count, limit->period_s * INT64_C(1000000) / limit->count, &ret->left, &ret->retry_ms);
}
