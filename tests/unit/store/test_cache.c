/* test_cache.c - the contract of the cache port, for each adapter. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "store/cache.h"

/* Each adapter runs the whole suite: one more is one more row. The second is small, to see the bound. */
static const char *const urls[] = { "memory:", "memory:262144" };

static void values_live_until_dropped_or_expired(struct cache *c)
{
    char out[16];
    size_t len = 0;
    assert_false(cache_get(c, "a", out, sizeof(out), &len));
    cache_set(c, "a", "one", 3, 60000);
    cache_set(c, "b", "", 0, 60000);
    assert_true(cache_get(c, "a", out, sizeof(out), &len));
    assert_int_equal(len, 3);
    assert_memory_equal(out, "one", 3);
    assert_true(cache_get(c, "a", out, 2, &len)); /* at most what fits */
    assert_int_equal(len, 2);
    assert_true(cache_get(c, "b", out, sizeof(out), &len));
    assert_int_equal(len, 0);
    cache_set(c, "a", "other", 5, INT64_MAX);
    assert_true(cache_get(c, "a", out, sizeof(out), &len));
    assert_memory_equal(out, "other", 5);
    cache_drop(c, "a");
    cache_drop(c, "a");
    assert_false(cache_get(c, "a", out, sizeof(out), &len));
    cache_set(c, "b", "gone", 4, 0); /* lives no time at all, and takes the older value with it */
    assert_false(cache_get(c, "b", out, sizeof(out), &len));
}

static void the_whole_burst_is_allowed_then_refused(struct cache *c)
{
    for (int burst = 1; burst <= 40; burst += 13) {
        char key[16];
        int left = -1;
        int64_t retry = -1;
        snprintf(key, sizeof(key), "user%d", burst);
        cache_set(c, key, "unrelated", 9, 60000); /* a value of that name is another thing */
        for (int i = 0; i < burst; i++) {
            assert_true(cache_allow(c, key, burst, 1, &left, &retry)); /* one a minute: none comes back during this test */
            assert_int_equal(left, burst - 1 - i);
            assert_int_equal(retry, 0);
        }
        for (int i = 0; i < 3; i++) { /* refusals cost nothing */
            assert_false(cache_allow(c, key, burst, 1, &left, &retry));
            assert_int_equal(left, 0);
            assert_true(retry > 0 && retry <= 60000);
        }
        assert_true(cache_allow(c, "someone else", 100, 1, NULL, NULL));
    }
}

static void the_rate_comes_back(struct cache *c)
{
    int64_t retry = 0;
    for (int i = 0; i < 5; i++)
        cache_allow(c, "fast", 5, 60000, NULL, &retry); /* one a millisecond on average */
    while (!cache_allow(c, "fast", 5, 60000, NULL, &retry)) /* ends: waiting is rewarded */
        assert_true(retry <= 1);
}

static void what_is_too_big_is_not_kept(struct cache *c)
{
    static char big[100000000], out[16];
    cache_set(c, "k", "v", 1, 60000);
    cache_set(c, "k", big, sizeof(big), 60000); /* more than any shard holds: the older value is no longer true, so none is left */
    assert_false(cache_get(c, "k", out, sizeof(out), NULL));
    for (int i = 0; i < 3000; i++) { /* 12 MB through a quarter of one */
        char key[32];
        snprintf(key, sizeof(key), "filler/%d", i);
        cache_set(c, key, big, 4096, 60000);
    }
    cache_set(c, "last", "v", 1, 60000);
    assert_true(cache_get(c, "last", out, sizeof(out), NULL));
}

static void the_contract_holds_for_each_adapter(void **state)
{
    static void (*const cases[])(struct cache *c) = { values_live_until_dropped_or_expired, the_whole_burst_is_allowed_then_refused,
                                                      the_rate_comes_back, what_is_too_big_is_not_kept };
    for (size_t u = 0; u < ARRAY_LEN(urls); u++) {
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            struct cache *c = NULL;
            assert_int_equal(cache_open(&c, urls[u], NULL), VCR_OK);
            cases[i](c);
            cache_close(&c);
        }
    }
    struct cache *c = NULL;
    assert_int_equal(cache_open(&c, "memory:x", NULL), VCR_E_INVALID);
    assert_int_equal(cache_open(&c, "disk:", NULL), VCR_E_INVALID);
}

/* What was just used stays, what was not goes, and the whole stays within its bound. */
static void the_least_recently_used_goes_first(void **state)
{
    struct cache *c = NULL;
    static char value[1000];
    char key[32], out[4];
    int kept = 0;
    assert_int_equal(cache_open(&c, "memory:262144", NULL), VCR_OK);
    cache_set(c, "used", "x", 1, 60000);
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        cache_set(c, key, value, sizeof(value), 60000);
        assert_true(cache_get(c, "used", out, sizeof(out), NULL));
    }
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        kept += cache_get(c, key, out, sizeof(out), NULL);
    }
    assert_true(kept > 100 && kept <= 262);
    assert_false(cache_get(c, "k0", out, sizeof(out), NULL));
    cache_close(&c);
}

struct racer {
    struct cache *c;
    int allowed;
};

static void *race(void *arg)
{
    struct racer *r = arg;
    char out[8];
    for (int i = 0; i < 500; i++) {
        r->allowed += cache_allow(r->c, "shared", 600, 1, NULL, NULL);
        cache_set(r->c, "k", &i, sizeof(i), 60000);
        cache_get(r->c, "k", out, sizeof(out), NULL);
        cache_drop(r->c, "k");
    }
    return NULL;
}

static void racing_threads_get_the_burst_once(void **state)
{
    struct cache *c = NULL;
    pthread_t t[4];
    struct racer r[4];
    int allowed = 0;
    assert_int_equal(cache_open(&c, "memory:", NULL), VCR_OK);
    for (int i = 0; i < 4; i++) {
        r[i] = (struct racer){ c, 0 };
        assert_int_equal(pthread_create(&t[i], NULL, race, &r[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
        allowed += r[i].allowed;
    }
    assert_int_equal(allowed, 600);
    cache_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_contract_holds_for_each_adapter),
        cmocka_unit_test(the_least_recently_used_goes_first),
        cmocka_unit_test(racing_threads_get_the_burst_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
