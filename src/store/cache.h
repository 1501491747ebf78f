/* store/cache.h - the cache port: small values with a time to live, counters, and invalidation. Losing it costs seconds, never data.
 * The in-process form ("memory:") is bounded (64 MiB by default, least recently used goes first) and never blocks; other adapters answer
 * on the loop. Threads: any. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"

struct cache;
/* "memory:" or "memory:BYTES" for another bound. */
enum vcr_err cache_open(struct cache **ret, const char *url, struct vcr_why *why);
void cache_close(struct cache **c);
/* Copies at most size bytes; false when absent or expired. */
bool cache_get(struct cache *c, const char *key, void *out, size_t size, size_t *ret_len);
void cache_set(struct cache *c, const char *key, const void *value, size_t len, int64_t ttl_ms);
void cache_drop(struct cache *c, const char *key);
/* GCRA (generic cell rate algorithm): may `key` do one more now, with `burst` at once and one every_us on average? On refusal *ret_retry_ms says
 * when; *ret_left how many may still follow at once. */
bool cache_allow_every(struct cache *c, const char *key, int burst, int64_t every_us, int *ret_left, int64_t *ret_retry_ms);
static inline bool cache_allow(struct cache *c, const char *key, int burst, int per_minute, int *ret_left, int64_t *ret_retry_ms)
{
    return cache_allow_every(c, key, burst, 60000000 / (per_minute > 0 ? per_minute : 1), ret_left, ret_retry_ms);
}
