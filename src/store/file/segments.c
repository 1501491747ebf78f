/* store/file/segments.c - see store/segments.h: a folder of folders, and in memory a hash table over a list in order of use. */
#include "store/segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"

enum { BUCKETS = 8192, PART_MAX = 80, FOUND_MAX = 1 << 20, TOUCH_S = 60 };
static const char part_mark[] = ".part-"; /* no key has it: its parts do not begin with a dot, and names end before it */

struct kept {
    struct kept *next;           /* of its bucket */
    struct kept *newer, *older;
    uint64_t size;
    int64_t read_s;              /* as the file's own time says */
    char key[];
};
struct segments {
    /* set by open, then read-only */
    int dir_fd;
    uint64_t budget_bytes;
    /* guarded by lock */
    pthread_mutex_t lock;
    struct kept *buckets[BUCKETS];
    struct kept *newest, *oldest;
    uint64_t bytes, evicted;
    uint32_t files;
};
struct segment_writer {
    struct segments *owner;
    int fd;
    char key[SEGMENT_KEY_BYTES], part[SEGMENT_KEY_BYTES + 32];
};

static bool part_ok(const char *s, size_t len)
{
    if (len < 1 || len > PART_MAX || s[0] == '.')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '.' || s[i] == '_' || s[i] == '-'))
            return false;
    return true;
}

static bool key_ok(const char *key)
{
    const char *first = strchr(key, '/'), *second = first ? strchr(first + 1, '/') : NULL;
    return second && !strchr(second + 1, '/') && strlen(key) < SEGMENT_KEY_BYTES && part_ok(key, (size_t)(first - key)) && part_ok(first + 1, (size_t)(second - first - 1)) &&
           part_ok(second + 1, strlen(second + 1)) && !strstr(key, part_mark);
}

/* ---- the table; all with the lock held ---- */
static struct kept **bucket_locked(struct segments *s, const char *key)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (const char *p = key; *p; p++)
        h = (h ^ (uint8_t)*p) * 1099511628211u;
    return &s->buckets[h % BUCKETS];
}

static struct kept *find_locked(struct segments *s, const char *key)
{
    struct kept *k = *bucket_locked(s, key);
    while (k && strcmp(k->key, key) != 0)
        k = k->next;
    return k;
}

static void unlink_locked(struct segments *s, struct kept *k)
{
    *(k->newer ? &k->newer->older : &s->newest) = k->older;
    *(k->older ? &k->older->newer : &s->oldest) = k->newer;
    k->newer = k->older = NULL;
}

static void push_locked(struct segments *s, struct kept *k)
{
    k->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = k;
    s->newest = k;
}

static void insert_locked(struct segments *s, const char *key, uint64_t size, int64_t read_s)
{
    size_t len = strlen(key) + 1;
    struct kept *k = vcr_alloc(sizeof(*k) + len), **b = bucket_locked(s, key);
    memcpy(k->key, key, len);
    k->size = size;
    k->read_s = read_s;
    k->next = *b;
    *b = k;
    push_locked(s, k);
    s->bytes += size;
    s->files++;
}

/* Takes it out of the table and off the disk. */
static void remove_locked(struct segments *s, struct kept *k)
{
    struct kept **b = bucket_locked(s, k->key);
    char *slash;
    while (*b != k)
        b = &(*b)->next;
    *b = k->next;
    unlink_locked(s, k);
    s->bytes -= k->size;
    s->files--;
    unlinkat(s->dir_fd, k->key, 0);
    for (int i = 0; i < 2 && (slash = strrchr(k->key, '/')) != NULL; i++) { /* its folders, when they are empty now */
        *slash = '\0';
        if (unlinkat(s->dir_fd, k->key, AT_REMOVEDIR) != 0)
            break;
    }
    free(k);
}

static void fit_locked(struct segments *s, uint64_t budget)
{
    while (s->oldest && s->bytes > budget) {
        remove_locked(s, s->oldest);
        s->evicted++;
    }
}

/* ---- what an earlier process left ---- */
struct found {
    struct found_file {
        char key[SEGMENT_KEY_BYTES];
        uint64_t size;
        int64_t read_s;
    } *files;
    size_t count, room;
};

static int by_time(const void *a, const void *b)
{
    int64_t x = ((const struct found_file *)a)->read_s, y = ((const struct found_file *)b)->read_s;
    return (x > y) - (x < y);
}

static bool note(struct found *f, const char *key, const struct stat *st)
{
    if (f->count == f->room) {
        size_t room = f->room ? f->room * 2 : 1024;
        struct found_file *more = room <= FOUND_MAX ? realloc(f->files, room * sizeof(*more)) : NULL;
        if (!more)
            return false;
        f->files = more;
        f->room = room;
    }
    struct found_file *file = &f->files[f->count++];
    vcr_strcpy(file->key, sizeof(file->key), key);
    file->size = (uint64_t)st->st_size;
    file->read_s = st->st_mtime;
    return true;
}

/* Walks one folder; what is no segment of ours goes. */
static void walk(int fd, const char *path, int depth, struct found *f)
{
    DIR *d = fdopendir(fd);
    if (!d) {
        vcr_close(&fd);
        return;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        struct stat st;
        char key[SEGMENT_KEY_BYTES];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        int n = snprintf(key, sizeof(key), "%s%s%s", path, *path ? "/" : "", e->d_name);
        int sub = depth < 2 ? openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (sub >= 0 && n < (int)sizeof(key))
            walk(sub, key, depth + 1, f);
        else if (depth < 2 || n >= (int)sizeof(key) || !key_ok(key) || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0 ||
                 !note(f, key, &st))
            unlinkat(dirfd(d), e->d_name, 0);
        unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR); /* an empty folder */
    }
    closedir(d);
}

enum vcr_err segments_open(struct segments **ret, const char *dir, uint64_t budget_bytes, struct vcr_why *why)
{
    struct found f = { 0 };
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return vcr_fail(why, VCR_E_IO, "the folder of made segments: %s", strerror(errno));
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), again = fd < 0 ? -1 : openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (again < 0) {
        vcr_close(&fd);
        return vcr_fail(why, VCR_E_IO, "the folder of made segments: %s", strerror(errno));
    }
    struct segments *s = vcr_alloc(sizeof(*s));
    s->dir_fd = fd;
    s->budget_bytes = budget_bytes;
    pthread_mutex_init(&s->lock, NULL);
    walk(again, "", 0, &f);
    if (f.count > 1)
        qsort(f.files, f.count, sizeof(*f.files), by_time);
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < f.count; i++)
        insert_locked(s, f.files[i].key, f.files[i].size, f.files[i].read_s);
    fit_locked(s, budget_bytes);
    pthread_mutex_unlock(&s->lock);
    free(f.files);
    *ret = s;
    return VCR_OK;
}

void segments_close(struct segments **sp)
{
    struct segments *s = *sp;
    if (!s)
        return;
    for (struct kept *k = s->newest, *older; k; k = older) {
        older = k->older;
        free(k);
    }
    vcr_close(&s->dir_fd);
    pthread_mutex_destroy(&s->lock);
    free(s);
    *sp = NULL;
}

/* ---- reading ---- */
bool segments_has(struct segments *s, const char *key)
{
    pthread_mutex_lock(&s->lock);
    bool has = find_locked(s, key) != NULL;
    pthread_mutex_unlock(&s->lock);
    return has;
}

/* What was to be there is not: somebody else took it away, or the oldest had to go in between. */
static void forget(struct segments *s, const char *key)
{
    pthread_mutex_lock(&s->lock);
    struct kept *k = key ? find_locked(s, key) : NULL;
    if (k)
        remove_locked(s, k);
    pthread_mutex_unlock(&s->lock);
}

bool segments_get(struct segments *s, const char *key, int *ret_fd, uint64_t *ret_size)
{
    int64_t now_s = time(NULL);
    bool touch = false;
    pthread_mutex_lock(&s->lock);
    struct kept *k = find_locked(s, key);
    if (k) {
        unlink_locked(s, k);
        push_locked(s, k);
        touch = now_s - k->read_s >= TOUCH_S || now_s < k->read_s;
        k->read_s = touch ? now_s : k->read_s;
    }
    pthread_mutex_unlock(&s->lock);
    struct stat st;
    int fd = k ? openat(s->dir_fd, key, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &st) != 0) {
        vcr_close(&fd);
        forget(s, k ? key : NULL);
        return false;
    }
    if (touch)
        futimens(fd, NULL);
    *ret_fd = fd;
    *ret_size = (uint64_t)st.st_size;
    return true;
}

/* ---- writing ---- */
static enum vcr_err sys_fail(struct vcr_why *why, const char *what)
{
    int e = errno;
    return vcr_fail(why, e == ENOSPC || e == EDQUOT ? VCR_E_FULL : VCR_E_IO, "made segments: %s: %s", what, strerror(e));
}

static void make_folders(struct segments *s, const char *key)
{
    char path[SEGMENT_KEY_BYTES];
    vcr_strcpy(path, sizeof(path), key);
    for (char *p = path; (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        mkdirat(s->dir_fd, path, 0700); /* a failure is that of the file */
        *p = '/';
    }
}

enum vcr_err segments_begin(struct segments *s, const char *key, struct segment_writer **ret, struct vcr_why *why)
{
    if (!key_ok(key))
        return vcr_fail(why, VCR_E_INVALID, "not a segment's name");
    struct segment_writer *w = vcr_alloc(sizeof(*w));
    w->owner = s;
    w->fd = -1;
    vcr_strcpy(w->key, sizeof(w->key), key);
    snprintf(w->part, sizeof(w->part), "%s%s%016" PRIx64, key, part_mark, vcr_random_u64());
    for (int i = 0; i < 3 && w->fd < 0; i++) { /* somebody may remove the empty folder in between */
        make_folders(s, key);
        w->fd = openat(s->dir_fd, w->part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (w->fd < 0 && errno != ENOENT)
            break;
    }
    if (w->fd < 0) {
        enum vcr_err err = sys_fail(why, "new file");
        free(w);
        return err;
    }
    *ret = w;
    return VCR_OK;
}

int segment_writer_fd(const struct segment_writer *w) { return w->fd; }

void segments_abort(struct segment_writer **w)
{
    if (!*w)
        return;
    if ((*w)->fd >= 0)
        unlinkat((*w)->owner->dir_fd, (*w)->part, 0);
    vcr_close(&(*w)->fd);
    free(*w);
    *w = NULL;
}

enum vcr_err segments_commit(struct segment_writer **wp, int *ret_fd, uint64_t *ret_size, struct vcr_why *why)
{
    struct segment_writer *w = *wp;
    struct segments *s = w->owner;
    struct stat st;
    enum vcr_err err = VCR_OK;
    if (fdatasync(w->fd) != 0 || fstat(w->fd, &st) != 0)
        err = sys_fail(why, "sync");
    if (err == VCR_OK) {
        pthread_mutex_lock(&s->lock);
        struct kept *old = find_locked(s, w->key);
        if (renameat(s->dir_fd, w->part, s->dir_fd, w->key) != 0) {
            err = sys_fail(why, "rename");
        } else if (old) {
            s->bytes += (uint64_t)st.st_size - old->size;
            old->size = (uint64_t)st.st_size;
        } else {
            insert_locked(s, w->key, (uint64_t)st.st_size, st.st_mtime);
        }
        fit_locked(s, s->budget_bytes);
        pthread_mutex_unlock(&s->lock);
    }
    if (err != VCR_OK) {
        segments_abort(wp);
        return err;
    }
    *ret_fd = w->fd;
    *ret_size = (uint64_t)st.st_size;
    free(w);
    *wp = NULL;
    return VCR_OK;
}

void segments_shrink(struct segments *s, uint64_t bytes)
{
    pthread_mutex_lock(&s->lock);
    fit_locked(s, s->bytes - VCR_MIN(bytes, s->bytes));
    pthread_mutex_unlock(&s->lock);
}

void segments_drop_tape(struct segments *s, int64_t tape_id)
{
    char prefix[32];
    size_t len = (size_t)snprintf(prefix, sizeof(prefix), "%" PRId64 "/", tape_id);
    pthread_mutex_lock(&s->lock);
    for (struct kept *k = s->newest, *older; k; k = older) {
        older = k->older;
        if (strncmp(k->key, prefix, len) == 0)
            remove_locked(s, k);
    }
    pthread_mutex_unlock(&s->lock);
}

void segments_counts(struct segments *s, struct segments_counts *ret)
{
    pthread_mutex_lock(&s->lock);
    *ret = (struct segments_counts){ s->bytes, s->budget_bytes, s->evicted, s->files };
    pthread_mutex_unlock(&s->lock);
}
