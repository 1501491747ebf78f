/* store/file/outside.c - see outside.h. */
#include "store/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"

/* ---- roots ---- */
static bool holds(const char *folder, const char *path)
{
    size_t len = strlen(folder);
    return strncmp(folder, path, len) == 0 && (path[len] == '\0' || path[len] == '/' || len == 1);
}

static enum vcr_err add_root(struct outside_roots *r, const char *name, const char *text, const char *data_dir, const char *blob_dir, struct vcr_why *why)
{
    char real[PATH_MAX], ours[PATH_MAX];
    struct stat st;
    if (!realpath(text, real) || stat(real, &st) != 0 || !S_ISDIR(st.st_mode))
        return vcr_fail(why, VCR_E_INVALID, "%s: %.150s is not a folder", name, text);
    if (data_dir && realpath(data_dir, ours) && holds(real, ours))
        return vcr_fail(why, VCR_E_INVALID, "%s: %.150s holds the data directory", name, text);
    if (blob_dir && realpath(blob_dir, ours) && (holds(real, ours) || holds(ours, real)))
        return vcr_fail(why, VCR_E_INVALID, "%s: %.150s is where the server keeps its own files", name, text);
    if (outside_roots_overlap(r, real))
        return vcr_fail(why, VCR_E_INVALID, "%s: %.150s and another of them lie within each other", name, text);
    if (r->count == OUTSIDE_ROOTS_MAX)
        return vcr_fail(why, VCR_E_INVALID, "%s: more than %d folders", name, OUTSIDE_ROOTS_MAX);
    r->roots[r->count++] = vcr_strdup(real);
    return VCR_OK;
}

enum vcr_err outside_roots_parse(struct outside_roots *ret, const char *name, const char *list, const char *data_dir, const char *blob_dir, struct vcr_why *why)
{
    char *copy = vcr_strdup(list), *rest = copy;
    enum vcr_err err = VCR_OK;
    *ret = (struct outside_roots){ 0 };
    for (char *one; err == VCR_OK && (one = strsep(&rest, ":")) != NULL;)
        if (*one)
            err = add_root(ret, name, one, data_dir, blob_dir, why);
    free(copy);
    if (err != VCR_OK)
        outside_roots_free(ret);
    return err;
}

void outside_roots_free(struct outside_roots *r)
{
    for (int i = 0; i < r->count; i++)
        free(r->roots[i]);
    *r = (struct outside_roots){ 0 };
}

bool outside_roots_overlap(const struct outside_roots *r, const char *folder)
{
    for (int i = 0; i < r->count; i++)
        if (holds(r->roots[i], folder) || holds(folder, r->roots[i]))
            return true;
    return false;
}

bool outside_has_root(const struct outside_roots *r, const char *root)
{
    for (int i = 0; r && i < r->count; i++)
        if (strcmp(r->roots[i], root) == 0)
            return true;
    return false;
}

/* ---- one file ---- */
static enum vcr_err sys_fail(struct vcr_why *why, const char *what)
{
    bool gone = errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EXDEV;
    return gone ? vcr_fail(why, VCR_E_NOT_FOUND, "there is no such file") : vcr_fail(why, VCR_E_IO, "%s: %s", what, strerror(errno));
}

static int open_beneath(const char *root, const char *path, uint64_t flags, uint64_t mode)
{
    struct open_how how = { .flags = flags | O_CLOEXEC, .mode = mode, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
    int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = dir < 0 ? -1 : (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
    vcr_close(&dir);
    return fd;
}

static void read_facts(const struct stat *st, struct outside_facts *ret)
{
    ret->device = st->st_dev;
    ret->inode = st->st_ino;
    ret->size = (uint64_t)st->st_size;
    ret->written_us = st->st_mtim.tv_sec * INT64_C(1000000) + st->st_mtim.tv_nsec / 1000;
    ret->changed_us = st->st_ctim.tv_sec * INT64_C(1000000) + st->st_ctim.tv_nsec / 1000;
}

bool outside_same(const struct outside_facts *a, const struct outside_facts *b)
{
    return a->inode == b->inode && a->size == b->size && a->written_us == b->written_us && a->changed_us == b->changed_us;
}

enum vcr_err outside_facts_of(int fd, struct outside_facts *ret, struct vcr_why *why)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return sys_fail(why, "stat");
    if (!S_ISREG(st.st_mode))
        return vcr_fail(why, VCR_E_NOT_FOUND, "there is no such file");
    read_facts(&st, ret);
    return VCR_OK;
}

enum vcr_err outside_open(const char *root, const char *path, int *ret_fd, struct outside_facts *ret, struct vcr_why *why)
{
    int fd = open_beneath(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0); /* a pipe of that name holds nobody up */
    if (fd < 0)
        return sys_fail(why, "open");
    enum vcr_err err = outside_facts_of(fd, ret, why);
    if (err == VCR_OK)
        *ret_fd = fd;
    else
        vcr_close(&fd);
    return err;
}

/* The folder of a file, and the last part of its path. */
static int open_parent(const char *root, const char *path, const char **ret_name)
{
    char folder[OUTSIDE_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    *ret_name = slash ? slash + 1 : path;
    if (len >= sizeof(folder)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(folder, path, len);
    folder[len] = '\0';
    return open_beneath(root, len ? folder : ".", O_RDONLY | O_DIRECTORY, 0);
}

enum vcr_err outside_remove(const char *root, const char *path, const struct outside_facts *facts, struct vcr_why *why)
{
    const char *name;
    struct stat st;
    struct outside_facts now;
    enum vcr_err err = VCR_OK;
    int dir = open_parent(root, path, &name);
    if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        err = sys_fail(why, "remove");
    } else {
        read_facts(&st, &now);
        if (!S_ISREG(st.st_mode) || !outside_same(&now, facts))
            err = vcr_fail(why, VCR_E_CONFLICT, "it is another file now");
        else if (unlinkat(dir, name, 0) != 0 || fsync(dir) != 0)
            err = sys_fail(why, "remove");
    }
    vcr_close(&dir);
    return err;
}

static bool note_name(char out[NAME_MAX + 1], const char *name, const char *suffix)
{
    return snprintf(out, NAME_MAX + 1, "%s%s", name, suffix) <= NAME_MAX;
}

enum vcr_err outside_note(const char *root, const char *path, const char *suffix, const char *text, struct vcr_why *why)
{
    const char *name;
    char note[NAME_MAX + 1];
    int dir = open_parent(root, path, &name), fd = -1;
    if (dir >= 0 && !note_name(note, name, suffix)) {
        errno = ENAMETOOLONG;
        vcr_close(&dir);
    }
    if (dir >= 0) {
        unlinkat(dir, note, 0); /* never through something that somebody put there */
        fd = openat(dir, note, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    }
    bool ok = fd >= 0 && vcr_write_all(fd, text, strlen(text)) && vcr_write_all(fd, "\n", 1);
    enum vcr_err err = ok ? VCR_OK : sys_fail(why, "note");
    vcr_close(&fd);
    vcr_close(&dir);
    return err;
}

void outside_note_remove(const char *root, const char *path, const char *suffix)
{
    const char *name;
    char note[NAME_MAX + 1];
    int dir = open_parent(root, path, &name);
    if (dir >= 0 && note_name(note, name, suffix))
        unlinkat(dir, note, 0);
    vcr_close(&dir);
}
