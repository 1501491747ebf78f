/* app/device_list.c - all devices in memory: name to passphrase for the SRT handshake, and which of them is sending. */
#include "app/device_list.h"

#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "session/live.h"

#define NAME_PREFIX "device-"
enum { PASSPHRASE_RAW = 24 };

struct entry {
    int64_t id;
    uint8_t salt[APP_DEVICE_SALT_BYTES];
    bool online;
};
struct device_list {
    pthread_mutex_t lock;
    /* guarded by lock */
    struct entry *entries;
    size_t count, room;
};

void device_name(int64_t id, char *out, size_t size, bool whole)
{
    snprintf(out, size, whole ? "#!::r=" NAME_PREFIX "%" PRId64 ",m=publish" : NAME_PREFIX "%" PRId64, id);
}

void device_passphrase(const struct app *a, int64_t id, const uint8_t salt[APP_DEVICE_SALT_BYTES], char ret[APP_SRT_PASSPHRASE_BYTES])
{
    uint8_t key[32], raw[PASSPHRASE_RAW], text[sizeof(id) + APP_DEVICE_SALT_BYTES];
    app_key(a, "srt passphrase", key);
    wr64be(text, (uint64_t)id);
    memcpy(text + sizeof(id), salt, APP_DEVICE_SALT_BYTES);
    crypto_generichash(raw, sizeof(raw), text, sizeof(text), key, sizeof(key));
    vcr_b64url_encode(ret, raw, sizeof(raw));
    sodium_memzero(key, sizeof(key));
    sodium_memzero(raw, sizeof(raw));
}

static struct entry *find_locked(struct device_list *l, int64_t id)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->entries[i].id == id)
            return &l->entries[i];
    return NULL;
}

static void put_locked(struct device_list *l, int64_t id, const uint8_t *salt)
{
    struct entry *e = find_locked(l, id);
    if (!e && l->count == l->room) {
        size_t room = l->room ? 2 * l->room : 16;
        struct entry *grown = vcr_calloc(room, sizeof(*grown));
        if (l->entries)
            memcpy(grown, l->entries, l->count * sizeof(*grown));
        free(l->entries);
        l->entries = grown;
        l->room = room;
    }
    if (!e) {
        e = &l->entries[l->count++];
        *e = (struct entry){ .id = id };
    }
    memcpy(e->salt, salt, sizeof(e->salt));
}

static enum vcr_err load(struct sql_tx *tx, void *arg, struct vcr_why *why)
{
    struct device_list *l = arg;
    struct sql_rows *rows = NULL;
    enum vcr_err err = sql_query(tx, &rows, "SELECT id, srt_salt FROM devices WHERE srt_salt IS NOT NULL", SQL_NONE, why);
    while (err == VCR_OK && (err = sql_next(rows, why)) == VCR_OK) {
        size_t len = 0;
        const void *salt = sql_blob(rows, 1, &len);
        if (salt && len == APP_DEVICE_SALT_BYTES)
            put_locked(l, sql_int(rows, 0), salt); /* nobody else has it yet */
    }
    sql_rows_close(&rows);
    return err == VCR_E_END ? VCR_OK : err;
}

enum vcr_err device_list_open(struct app *a, struct vcr_why *why)
{
    struct device_list *l = vcr_alloc(sizeof(*l));
    pthread_mutex_init(&l->lock, NULL);
    a->devices = l;
    return sql_run(a->config.db, SQL_READ, load, l, why);
}

void device_list_close(struct device_list **lp)
{
    struct device_list *l = *lp;
    if (!l)
        return;
    pthread_mutex_destroy(&l->lock);
    free(l->entries);
    free(l);
    *lp = NULL;
}

void device_list_put(const struct app *a, const struct app_device *d)
{
    pthread_mutex_lock(&a->devices->lock);
    put_locked(a->devices, d->id, d->salt);
    pthread_mutex_unlock(&a->devices->lock);
}

void device_list_remove(const struct app *a, int64_t id)
{
    struct device_list *l = a->devices;
    pthread_mutex_lock(&l->lock);
    struct entry *e = find_locked(l, id);
    if (e)
        *e = l->entries[--l->count];
    pthread_mutex_unlock(&l->lock);
}

bool device_list_passphrase(const struct app *a, const char *name, int64_t *ret_id, char ret[APP_SRT_PASSPHRASE_BYTES])
{
    uint64_t id;
    struct entry found = { 0 };
    size_t prefix = strlen(NAME_PREFIX);
    if (strncmp(name, NAME_PREFIX, prefix) != 0 || !vcr_parse_u64(name + prefix, INT64_MAX, &id) || name[prefix] == '0')
        return false;
    pthread_mutex_lock(&a->devices->lock);
    struct entry *e = find_locked(a->devices, (int64_t)id);
    if (e)
        found = *e;
    pthread_mutex_unlock(&a->devices->lock);
    if (!found.id)
        return false;
    *ret_id = found.id;
    device_passphrase(a, found.id, found.salt, ret);
    return true;
}

bool device_list_online(const struct app *a, int64_t id)
{
    pthread_mutex_lock(&a->devices->lock);
    struct entry *e = find_locked(a->devices, id);
    bool online = e && e->online;
    pthread_mutex_unlock(&a->devices->lock);
    return online;
}

/* ---- last_seen ---- */
struct seen {
    struct sql_job job;
    struct sessions *sessions;
    int64_t now_ms;
    size_t count;
    struct { int64_t id; bool refused; } who[];
};

static enum vcr_err seen_work(struct sql_job *job, struct sql_tx *tx, struct vcr_why *why)
{
    struct seen *s = container_of(job, struct seen, job);
    enum vcr_err err = VCR_OK;
    for (size_t i = 0; i < s->count && err == VCR_OK; i++) {
        s->who[i].refused = app_device_may_send(tx, s->who[i].id, why) == VCR_E_DENIED;
        err = sql_exec(tx, "UPDATE devices SET last_seen = $2 WHERE id = $1", SQL_ARGS(SQL_I(s->who[i].id), SQL_I(s->now_ms)), NULL, why);
    }
    return err;
}

static void seen_done(struct sql_job *job)
{
    struct seen *s = container_of(job, struct seen, job);
    if (job->err != VCR_OK)
        log_warn("devices", "when a device was seen was not kept: %s", job->why.text);
    for (size_t i = 0; i < s->count && job->err == VCR_OK && s->sessions; i++)
        if (s->who[i].refused)
            live_drop(s->sessions, s->who[i].id, "its device or its owner's account is gone", false);
    free(s);
}

static void seen_submit(const struct app *a, struct seen *s)
{
    struct vcr_why why;
    s->sessions = a->config.sessions;
    s->now_ms = clock_wall_ms();
    s->job.mode = SQL_WRITE;
    s->job.work = seen_work;
    s->job.done = seen_done;
    s->job.deadline_us = clock_mono_us() + 10000000;
    if (sql_submit(a->config.db, &s->job, &why) == VCR_OK)
        return;
    log_warn("devices", "when a device was seen was not kept: %s", why.text);
    free(s);
}

static struct seen *seen_new(size_t count) { return vcr_alloc(sizeof(struct seen) + count * sizeof(((struct seen *)0)->who[0])); }

static bool set_online(const struct app *a, int64_t id, bool online)
{
    pthread_mutex_lock(&a->devices->lock);
    struct entry *e = find_locked(a->devices, id);
    bool changed = e && e->online != online;
    if (changed)
        e->online = online;
    pthread_mutex_unlock(&a->devices->lock);
    if (!changed)
        return false;
    struct seen *s = seen_new(1);
    s->who[s->count++].id = id;
    seen_submit(a, s);
    return true;
}

bool device_list_arrived(const struct app *a, int64_t id) { return set_online(a, id, true); }
void device_list_left(const struct app *a, int64_t id) { set_online(a, id, false); }

void device_list_seen(const struct app *a)
{
    struct device_list *l = a->devices;
    pthread_mutex_lock(&l->lock);
    struct seen *s = seen_new(l->count);
    for (size_t i = 0; i < l->count; i++)
        if (l->entries[i].online)
            s->who[s->count++].id = l->entries[i].id;
    pthread_mutex_unlock(&l->lock);
    if (s->count > 0)
        seen_submit(a, s);
    else
        free(s);
}
