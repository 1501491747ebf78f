/* app/wishes.c - see wishes.h. */
#include "app/wishes.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/util.h"

struct wish {
    uint64_t key, asker;   /* digests; key 0: none */
    int64_t last_us;
    bool again;            /* it has been wished for twice */
};
struct wishes {
    pthread_mutex_t lock;
    struct wish of[WISHES_MAX]; /* guarded by lock */
};

struct wishes *wishes_open(void)
{
    struct wishes *w = vcr_alloc(sizeof(*w));
    pthread_mutex_init(&w->lock, NULL);
    return w;
}

void wishes_close(struct wishes **w)
{
    if (!*w)
        return;
    pthread_mutex_destroy(&(*w)->lock);
    free(*w);
    *w = NULL;
}

static uint64_t digest(const char *text)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *text; text++)
        h = (h ^ (uint8_t)*text) * UINT64_C(1099511628211);
    h ^= h >> 32; /* the last letter moves the upper bits alone */
    return h ? h : 1;
}

bool wishes_again(struct wishes *w, const char *key, uint64_t asker, int64_t now_us)
{
    uint64_t h = digest(key);
    struct wish *at = &w->of[h % WISHES_MAX];
    pthread_mutex_lock(&w->lock);
    bool known = at->key == h;
    bool again = known && (at->again || at->asker != asker || now_us - at->last_us >= WISHES_REVISIT_US);
    *at = (struct wish){ h, known ? at->asker : asker, now_us, again };
    pthread_mutex_unlock(&w->lock);
    return again;
}
