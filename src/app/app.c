/* app/app.c - opening what the use cases stand on; roles and rate classes as tables. */
#include "app/app.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

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
    err = app_recover(a, clock_wall_ms(), why);
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
    pool_close(&a->passwords);
    pool_close(&a->files);
}

void app_close(struct app **ap)
{
    struct app *a = *ap;
    if (!a)
        return;
    app_stop(a);
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

static const char *const role_names[APP_ROLES] = { "anonymous", "viewer", "user", "archivist", "admin" };

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

/* A burst is the whole stated number a minute. Log-ins are counted by address, the rest by account. */
static const struct { const char *name; int per_minute; } rates[APP_RATES] = {
    [APP_RATE_AUTH] = { "auth", 20 },
    [APP_RATE_READ] = { "read", 1200 },
    [APP_RATE_WRITE] = { "write", 300 },
    [APP_RATE_COMMAND] = { "command", 600 },
};

void app_rate_check(const struct app *a, enum app_rate rate, const char *key, struct app_rate_result *ret)
{
    *ret = (struct app_rate_result){ .allowed = true };
    if (!a->config.rate_limits || !rates[rate].per_minute)
        return;
    char full[160];
    snprintf(full, sizeof(full), "rate/%s/%s", rates[rate].name, key);
    ret->counted = true;
    ret->limit = rates[rate].per_minute;
    ret->allowed = cache_allow(a->config.cache, full, rates[rate].per_minute, rates[rate].per_minute, &ret->left, &ret->retry_ms);
}
