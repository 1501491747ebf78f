/* http/caps.c - how many connections there may be, in all and from one address; shared by the loops, so behind a lock. */
#include <pthread.h>
#include <stdlib.h>

#include "http/internal.h"

enum { BUCKETS = 4096 };
struct caps_node {
    struct caps_node *next;
    struct ip_key key;
    int count;
};
struct caps {
    /* set by open, then read-only */
    int total_max, per_ip_max;
    uint64_t seed; /* an attacker must not be able to fill one bucket */
    /* guarded by lock */
    pthread_mutex_t lock;
    int total;
    struct caps_node *bucket[BUCKETS];
};

struct caps *caps_open(int total_max, int per_ip_max)
{
    struct caps *c = vcr_alloc(sizeof(*c));
    c->total_max = total_max;
    c->per_ip_max = per_ip_max;
    c->seed = vcr_random_u64();
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void caps_close(struct caps **cp)
{
    struct caps *c = *cp;
    if (!c)
        return;
    for (int i = 0; i < BUCKETS; i++) {
        while (c->bucket[i]) {
            struct caps_node *n = c->bucket[i];
            c->bucket[i] = n->next;
            free(n);
        }
    }
    pthread_mutex_destroy(&c->lock);
    free(c);
    *cp = NULL;
}

/* The link to the node of that key, or to the NULL at its bucket's end. */
static struct caps_node **find_locked(struct caps *c, struct ip_key key)
{
    uint64_t x = (key.prefix ^ c->seed) * UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 32 ^ key.v6) * (c->seed | 1);
    struct caps_node **p = &c->bucket[x >> 52];
    while (*p && ((*p)->key.prefix != key.prefix || (*p)->key.v6 != key.v6))
        p = &(*p)->next;
    return p;
}

bool caps_take(struct caps *c, struct ip_key key)
{
    pthread_mutex_lock(&c->lock);
    struct caps_node **p = find_locked(c, key);
    bool ok = c->total < c->total_max && (c->per_ip_max < 0 || !*p || (*p)->count < c->per_ip_max);
    if (ok) {
        if (!*p) {
            *p = vcr_alloc(sizeof(**p));
            (*p)->key = key;
        }
        (*p)->count++;
        c->total++;
    }
    pthread_mutex_unlock(&c->lock);
    return ok;
}

void caps_give(struct caps *c, struct ip_key key)
{
    pthread_mutex_lock(&c->lock);
    struct caps_node **p = find_locked(c, key);
    c->total--;
    if (--(*p)->count == 0) {
        struct caps_node *n = *p;
        *p = n->next;
        free(n);
    }
    pthread_mutex_unlock(&c->lock);
}
