/* app/app.h - what every use case stands on: the ports, the pools, the settings and the secret, in one struct that is handed in.
 *
 * Use      app_open once at start, app_close at the end. Use cases are plain functions: they take the struct app, the transaction they work in, who asks
 *          (struct app_principal) and say why they refuse. What the asker may not even see is VCR_E_NOT_FOUND, what it may see but not do VCR_E_DENIED.
 * Threads  struct app is read-only after app_open; use cases run on SQL pool threads unless they say otherwise. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "base/util.h"
#include "base/why.h"
#include "store/blob.h"
#include "store/cache.h"
#include "store/outside.h"
#include "store/queue.h"
#include "store/sql.h"

struct programmes;
struct sessions;
struct segments;
struct maker;
struct device_list;
struct hls_state;
struct wishes;
struct whip;
struct recovery;
struct guard;

enum app_registration { APP_REGISTRATION_OPEN, APP_REGISTRATION_INVITE, APP_REGISTRATION_CLOSED };
enum { APP_SECRET_BYTES = 32, APP_RATE_KEY_BYTES = 320 };

/* ---- rate classes ---- */
/* LOGIN: log-ins from an address; ACCOUNT: passwords tried on an account, by its e-mail address; CODE: codes of a second factor tried on an account; REFUSAL: an account's refusals that the audit tells. */
enum app_rate { APP_RATE_NONE, APP_RATE_LOGIN, APP_RATE_ACCOUNT, APP_RATE_REGISTER, APP_RATE_READ, APP_RATE_WRITE, APP_RATE_COMMAND, APP_RATE_REFUSAL, APP_RATE_CODE, APP_RATES };
struct app_rate_limit { int count, period_s; };

struct app_config {
    /* opened by the caller, closed by it after app_close */
    struct sql_db *db;
    struct blob_store *blobs;
    struct cache *cache;
    struct programmes *programmes;  /* live ones; NULL: none */
    struct sessions *sessions;      /* NULL: this process plays no tapes (503) */
    struct segments *segments;      /* both or none: made segments, and their maker */
    struct maker *maker;
    const char *srt_url;            /* where publishers call, "srt://host:port"; stays the caller's; NULL or empty: nowhere */
    const struct outside_roots *libraries; /* NULL: none; the caller's */
    const char *data_dir;
    const char *secret_file;        /* NULL: "secret" in data_dir, made at the first start */
    enum app_registration registration;
    bool rate_limits;               /* VCR_RATE_LIMITS */
    struct app_rate_limit rates[APP_RATES]; /* count 0: the default of that class */
    bool demo;                      /* VCR_DEMO: the first account finds the demo tapes on its shelf */
    const char *cdn_url, *cdn_key_file; /* VCR_CDN_URL, VCR_CDN_KEY_FILE; NULL or "": none. Read by app_open only */
    bool secure_cookies;            /* served over TLS */
    uint64_t max_upload_bytes;      /* 0: 64 GiB */
    uint64_t quota_bytes;           /* a user; 0: none */
    int bin_days;                   /* 0: 30 */
    int audit_days;                 /* 0: APP_AUDIT_DAYS */
    int password_threads;           /* 0: 1 */
    int file_threads;               /* 0: 4 */
    unsigned long long password_ops; /* argon2id passes, 0: libsodium's "interactive"; tests take the minimum */
    size_t password_mem_bytes;      /* 0: libsodium's "interactive" (64 MiB) */
};

struct app {
    struct app_config config;       /* defaults filled in; strings are copies */
    struct pool *passwords;         /* argon2id only: never more than its threads times password_mem_bytes */
    struct pool *files;             /* blocking file work: uploads, purging */
    struct hls_state *hls;          /* app/hls.h; has locks of its own */
    struct wishes *wishes;          /* app/wishes.h; likewise */
    struct device_list *devices;    /* app/devices.h; has a lock of its own */
    struct whip *whip;              /* app/whip.h; NULL: no live pictures by WebRTC */
    struct guard *guard;            /* app/guard.h; NULL: this process plays no tapes */
    struct recovery *recovery;      /* app/recover.h; has a lock of its own */
    uint8_t secret[APP_SECRET_BYTES]; /* signs access tokens, CSRF tokens and cursors, each by a key derived from it */
    char dummy_hash[128];           /* verified when the e-mail is unknown, so that it takes the same time */
};

enum vcr_err app_open(struct app **ret, const struct app_config *config, struct vcr_why *why);
/* Ends the pools: what they had was done and its done functions are posted; what comes later is refused as BUSY. After the server's drain. */
void app_stop(struct app *a);
/* Stops it if that was not done. NULL is fine. */
void app_close(struct app **a);

/* 32 hex digits that name these bytes (BLAKE2b): for entity tags. */
void app_digest(const void *bytes, size_t len, char ret[33]);
/* A key for one purpose ("access", "csrf", ...) derived from the secret. */
void app_key(const struct app *a, const char *purpose, uint8_t ret[32]);
/* Text that only this server can read again: for what is kept though it was told once. Free it. app_unseal: NULL when it is none of that purpose. */
char *app_seal(const struct app *a, const char *purpose, const char *text);
char *app_unseal(const struct app *a, const char *purpose, const char *sealed);
/* Reads the secret file, or makes it (0600, atomically: of racing starters one wins and the others read its secret). */
enum vcr_err app_secret_file(const char *path, uint8_t ret[APP_SECRET_BYTES], struct vcr_why *why);

/* ---- who asks ---- */
/* LINK: no account's role; who holds the link to a tape. */
enum app_role { APP_ANONYMOUS, APP_LINK, APP_VIEWER, APP_USER, APP_ARCHIVIST, APP_ADMIN, APP_ROLES };
const char *app_role_name(enum app_role r);
/* APP_ANONYMOUS for a name that is no role. */
enum app_role app_role_by_name(const char *name);
struct app_principal {
    int64_t user_id;                /* 0: nobody */
    enum app_role role;
    char family[VCR_UUID_BYTES];    /* the log-in it comes from, "" for none */
    int64_t api_token_id;           /* the API token it comes from (app/api_tokens.h), 0: none; then scopes says for what */
    unsigned scopes;
    char request_id[80], ip[48];    /* for the audit; "" none */
    /* of APP_LINK */
    int64_t share_id, share_tape_id, share_expires_ms; /* 0: no link; expires 0: never */
};

/* ---- what each class has left ---- */
struct app_rate_result {
    bool allowed, counted;          /* counted: limits are on and this class has one */
    int limit, left;
    int period_s;                   /* the limit is for this long */
    int64_t retry_ms;
};
/* key: the user, else the address (of IPv6 the /64, which is what one customer has). Any thread. */
void app_rate_check(const struct app *a, enum app_rate rate, const char *key, struct app_rate_result *ret);
