/* store/file/kept.c - see kept.h. */
#include "store/file/kept.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"

struct kept_file {
    char key[KEPT_KEY_BYTES]; /* empty: a free place */
    int fd;
    uint64_t size;
    int64_t opened_us, asked_us;
};
struct kept {
    pthread_mutex_t lock; /* guards all below */
    uint64_t stamp;
    struct kept_file files[KEPT_MAX];
};

struct kept *kept_open(void)
{
    struct kept *k = vcr_alloc(sizeof(*k));
    pthread_mutex_init(&k->lock, NULL);
    return k;
}

static void empty(struct kept_file *f)
{
    if (f->key[0])
        vcr_close(&f->fd);
    f->key[0] = '\0';
}

static bool is_old(const struct kept_file *f, int64_t now_us) { return f->key[0] && now_us - f->opened_us > KEPT_MS * INT64_C(1000); }

void kept_close(struct kept **kp)
{
    struct kept *k = *kp;
    if (!k)
        return;
    for (size_t i = 0; i < KEPT_MAX; i++)
        empty(&k->files[i]);
    pthread_mutex_destroy(&k->lock);
    free(k);
    *kp = NULL;
}

bool kept_get(struct kept *k, const char *key, int *ret_fd, uint64_t *ret_size)
{
    int64_t now_us = clock_mono_us();
    bool found = false;
    pthread_mutex_lock(&k->lock);
    for (size_t i = 0; i < KEPT_MAX && !found; i++) {
        struct kept_file *f = &k->files[i];
        if (strcmp(f->key, key) != 0 || !key[0])
            continue;
        if (is_old(f, now_us)) {
            empty(f);
            break;
        }
        int fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            break;
        f->asked_us = now_us;
        *ret_fd = fd;
        *ret_size = f->size;
        found = true;
    }
    pthread_mutex_unlock(&k->lock);
    return found;
}

uint64_t kept_stamp(struct kept *k)
{
    pthread_mutex_lock(&k->lock);
    uint64_t stamp = k->stamp;
    pthread_mutex_unlock(&k->lock);
    return stamp;
}

/* The place of this key, else a free one, else the one asked for the longest ago. */
static struct kept_file *place_for(struct kept *k, const char *key)
{
    struct kept_file *best = &k->files[0];
    for (size_t i = 0; i < KEPT_MAX; i++) {
        struct kept_file *f = &k->files[i];
        if (strcmp(f->key, key) == 0)
            return f;
        if (best->key[0] && (!f->key[0] || f->asked_us < best->asked_us))
            best = f;
    }
    return best;
}

void kept_put(struct kept *k, uint64_t stamp, const char *key, int fd, uint64_t size)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    pthread_mutex_lock(&k->lock);
    if (own >= 0 && stamp == k->stamp && key[0] && strlen(key) < KEPT_KEY_BYTES) {
        struct kept_file *f = place_for(k, key);
        empty(f);
        vcr_strcpy(f->key, sizeof(f->key), key);
        f->fd = own;
        f->size = size;
        f->opened_us = f->asked_us = clock_mono_us();
        own = -1;
    }
    pthread_mutex_unlock(&k->lock);
    vcr_close(&own);
}

void kept_tidy(struct kept *k, int64_t now_us)
{
    pthread_mutex_lock(&k->lock);
    for (size_t i = 0; i < KEPT_MAX; i++)
        if (is_old(&k->files[i], now_us))
            empty(&k->files[i]);
    pthread_mutex_unlock(&k->lock);
}

void kept_drop(struct kept *k, const char *key)
{
    size_t len = strlen(key);
    bool folder = len > 0 && key[len - 1] == '/';
    pthread_mutex_lock(&k->lock);
    k->stamp++;
    for (size_t i = 0; i < KEPT_MAX; i++)
        if (folder ? strncmp(k->files[i].key, key, len) == 0 : strcmp(k->files[i].key, key) == 0)
            empty(&k->files[i]);
    pthread_mutex_unlock(&k->lock);
}
