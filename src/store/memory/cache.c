/* store/memory/cache.c - the cache port in this process: shards, each with its lock, its hash table and its list of least recent use.
 *
 * An entry is its header, key and value in one allocation, counted whole against the shard's part of the bound. */
#include "store/cache.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"

enum { SHARDS = 16, BUCKETS = 1024 };
static const size_t default_bytes = (size_t)64 << 20;

struct entry {
    struct entry *chain;          /* in its bucket */
    struct entry *newer, *older;  /* by use */
    int64_t expires_us;
    size_t key_len, len;          /* bytes: key_len + 1 of key, then len of value */
    char bytes[];
};
struct shard {
    pthread_mutex_t lock;
    /* guarded by lock */
    struct entry *buckets[BUCKETS];
    struct entry *newest, *oldest;
    size_t used;
};
struct cache {
    size_t shard_bytes; /* set by open, then read-only */
    uint64_t seed;      /* so that nobody outside can aim keys at one bucket */
    struct shard shards[SHARDS];
};

static uint64_t hash(const struct cache *c, const char *key)
{
    uint64_t h = c->seed ^ UINT64_C(0xcbf29ce484222325);
    for (; *key; key++) {
        h = (h ^ (unsigned char)*key) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    return h;
}

static size_t cost(const struct entry *e) { return sizeof(*e) + e->key_len + 1 + e->len; }
static char *value_of(struct entry *e) { return e->bytes + e->key_len + 1; }

static void unlink_use_locked(struct shard *s, struct entry *e)
{
    *(e->newer ? &e->newer->older : &s->newest) = e->older;
    *(e->older ? &e->older->newer : &s->oldest) = e->newer;
}

static void link_newest_locked(struct shard *s, struct entry *e)
{
    e->newer = NULL;
    e->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = e;
    s->newest = e;
}

static struct entry **bucket_locked(struct cache *c, struct shard *s, const char *key)
{
    struct entry **at = &s->buckets[hash(c, key) / SHARDS % BUCKETS];
    while (*at && strcmp((*at)->bytes, key) != 0)
        at = &(*at)->chain;
    return at;
}

static void remove_locked(struct shard *s, struct entry **at)
{
    struct entry *e = *at;
    *at = e->chain;
    unlink_use_locked(s, e);
    s->used -= cost(e);
    free(e);
}

/* The living entry of key, now the most recently used; NULL when absent or expired (then it is gone). */
static struct entry *find_locked(struct cache *c, struct shard *s, const char *key, int64_t now_us)
{
    struct entry **at = bucket_locked(c, s, key), *e = *at;
    if (!e)
        return NULL;
    if (e->expires_us <= now_us) {
        remove_locked(s, at);
        return NULL;
    }
    unlink_use_locked(s, e);
    link_newest_locked(s, e);
    return e;
}

static void put_locked(struct cache *c, struct shard *s, const char *key, const void *value, size_t len, int64_t expires_us)
{
    struct entry **at = bucket_locked(c, s, key);
    if (*at)
        remove_locked(s, at);
    size_t key_len = strlen(key), max = c->shard_bytes;
    if (key_len >= max || len > max - key_len || sizeof(struct entry) + key_len + 1 + len > max)
        return;
    struct entry *e = malloc(sizeof(*e) + key_len + 1 + len);
    if (!e)
        return; /* a cache may forget */
    e->expires_us = expires_us;
    e->key_len = key_len;
    e->len = len;
    memcpy(e->bytes, key, key_len + 1);
    if (len > 0)
        memcpy(value_of(e), value, len);
    while (s->oldest && s->used + cost(e) > max)
        remove_locked(s, bucket_locked(c, s, s->oldest->bytes));
    at = bucket_locked(c, s, key); /* making room may have moved the chain */
    e->chain = *at;
    *at = e;
    link_newest_locked(s, e);
    s->used += cost(e);
}

static struct shard *lock_shard(struct cache *c, const char *key)
{
    struct shard *s = &c->shards[hash(c, key) % SHARDS];
    pthread_mutex_lock(&s->lock);
    return s;
}

/* A time that cannot overflow: a time to live beyond a year is a year. */
static int64_t expiry(int64_t now_us, int64_t ttl_ms) { return now_us + VCR_CLAMP(ttl_ms, 0, INT64_C(31536000000)) * 1000; }

bool cache_get(struct cache *c, const char *key, void *out, size_t size, size_t *ret_len)
{
    struct shard *s = lock_shard(c, key);
    struct entry *e = find_locked(c, s, key, clock_mono_us());
    if (e) {
        size_t n = VCR_MIN(size, e->len);
        if (n > 0)
            memcpy(out, value_of(e), n);
        if (ret_len)
            *ret_len = n;
    }
    pthread_mutex_unlock(&s->lock);
    return e != NULL;
}

void cache_set(struct cache *c, const char *key, const void *value, size_t len, int64_t ttl_ms)
{
    struct shard *s = lock_shard(c, key);
    put_locked(c, s, key, value, len, expiry(clock_mono_us(), ttl_ms));
    pthread_mutex_unlock(&s->lock);
}

void cache_drop(struct cache *c, const char *key)
{
    struct shard *s = lock_shard(c, key);
    struct entry **at = bucket_locked(c, s, key);
    if (*at)
        remove_locked(s, at);
    pthread_mutex_unlock(&s->lock);
}

/* GCRA keeps one time: when all that was allowed would have been earned at the average rate. It may lie at most burst - 1 steps ahead of now
 * before one more is allowed. Its key is apart from those of cache_set by a leading byte that no text has. */
bool cache_allow_every(struct cache *c, const char *key, int burst, int64_t every_us, int *ret_left, int64_t *ret_retry_ms)
{
    int64_t now = clock_mono_us(), due = now, step = VCR_CLAMP(every_us, 1, INT64_C(86400000000));
    int64_t ahead_max = step * (VCR_MAX(burst, 1) - 1);
    char *name = vcr_asprintf("\x01%s", key);
    struct shard *s = lock_shard(c, name);
    struct entry *e = find_locked(c, s, name, now);
    if (e && e->len == sizeof(due))
        memcpy(&due, value_of(e), sizeof(due));
    due = VCR_MAX(due, now);
    bool allowed = due - now <= ahead_max;
    if (allowed) {
        due += step;
        put_locked(c, s, name, &due, sizeof(due), due);
    }
    pthread_mutex_unlock(&s->lock);
    free(name);
    int64_t room = ahead_max + now - due; /* below 0: none at present */
    if (ret_left)
        *ret_left = room >= 0 ? (int)(room / step) + 1 : 0;
    if (ret_retry_ms)
        *ret_retry_ms = allowed ? 0 : (-room + 999) / 1000;
    return allowed;
}

enum vcr_err cache_open(struct cache **ret, const char *url, struct vcr_why *why)
{
    uint64_t bytes = default_bytes;
    if (strncmp(url, "memory:", 7) != 0 || (url[7] && (!vcr_parse_u64(url + 7, UINT64_C(1) << 40, &bytes) || bytes < SHARDS)))
        return vcr_fail(why, VCR_E_INVALID, "the cache's URL is not one of: memory: memory:BYTES");
    struct cache *c = vcr_alloc(sizeof(*c));
    c->shard_bytes = (size_t)bytes / SHARDS;
    c->seed = vcr_random_u64();
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&c->shards[i].lock, NULL);
    *ret = c;
    return VCR_OK;
}

void cache_close(struct cache **cp)
{
    struct cache *c = *cp;
    if (!c)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        for (struct entry *e = c->shards[i].newest, *older; e; e = older) {
            older = e->older;
            free(e);
        }
        pthread_mutex_destroy(&c->shards[i].lock);
    }
    free(c);
    *cp = NULL;
}
