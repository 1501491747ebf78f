/* store/file/grow.c - see grow.h and store/blob.h. */
#include "store/file/grow.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "store/file/folder.h"

static const char suffix[] = ".part"; /* not ".part-": the sweep at start leaves it */

static bool part_name(char out[FOLDER_KEY_MAX + sizeof(suffix)], const char *name) { return snprintf(out, FOLDER_KEY_MAX + sizeof(suffix), "%s%s", name, suffix) > 0; }

static int open_regular(int dir, const char *name, int flags)
{
    struct stat st;
    int fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, 0600);
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        vcr_close(&fd);
        errno = ENOENT;
    }
    return fd;
}

enum vcr_err grow_open(int store_fd, const char *key, bool create, int *ret_fd, struct vcr_why *why)
{
    char part[FOLDER_KEY_MAX + sizeof(suffix)];
    const char *name;
    if (!folder_key_ok(key, false))
        return vcr_fail(why, VCR_E_INVALID, "not a blob's name");
    int dir = folder_open(store_fd, key, create, &name);
    if (dir < 0)
        return folder_fail(why, "folder");
    part_name(part, name);
    int fd = open_regular(dir, part, create ? O_CREAT | O_EXCL : 0);
    if (fd < 0 && !create && errno == ENOENT) /* it was sealed when the last attempt ended */
        fd = open_regular(dir, name, 0);
    if (fd >= 0 && create && fsync(dir) != 0)
        vcr_close(&fd);
    enum vcr_err err = fd < 0 ? folder_fail(why, "open") : VCR_OK;
    vcr_close(&dir);
    *ret_fd = fd;
    return err;
}

enum vcr_err grow_seal(int store_fd, const char *key, struct vcr_why *why)
{
    char part[FOLDER_KEY_MAX + sizeof(suffix)];
    struct stat st;
    const char *name;
    if (!folder_key_ok(key, false))
        return vcr_fail(why, VCR_E_INVALID, "not a blob's name");
    int dir = folder_open(store_fd, key, false, &name);
    if (dir < 0)
        return folder_fail(why, "folder");
    part_name(part, name);
    bool done = renameat(dir, part, dir, name) == 0 || (errno == ENOENT && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0);
    enum vcr_err err = done && fsync(dir) == 0 ? VCR_OK : folder_fail(why, "rename");
    vcr_close(&dir);
    return err;
}

struct list {
    const char *name;            /* with the suffix */
    void (*each)(void *arg, const char *key);
    void *arg;
    char path[FOLDER_KEY_MAX + 1];
};

/* Closes fd. path[0..len) is where it is, with a '/' at its end. */
static enum vcr_err look(struct list *l, int fd, size_t len, int depth, struct vcr_why *why)
{
    DIR *d = fdopendir(fd);
    if (!d) {
        vcr_close(&fd);
        return folder_fail(why, "folder");
    }
    enum vcr_err err = VCR_OK;
    for (struct dirent *e; err == VCR_OK && (e = readdir(d)) != NULL;) {
        size_t n = strlen(e->d_name);
        if (e->d_name[0] == '.' || len + n + 2 > sizeof(l->path))
            continue;
        memcpy(l->path + len, e->d_name, n + 1);
        if (strcmp(e->d_name, l->name) == 0) {
            l->path[len + n - strlen(suffix)] = '\0';
            l->each(l->arg, l->path);
            continue;
        }
        int sub = e->d_type == DT_REG || depth >= FOLDER_DEPTH_MAX ? -1 : openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub < 0)
            continue;
        memcpy(l->path + len + n, "/", 2);
        err = look(l, sub, len + n + 1, depth + 1, why);
    }
    closedir(d);
    return err;
}

enum vcr_err grow_list(int store_fd, const char *name, void (*each)(void *arg, const char *key), void *arg, struct vcr_why *why)
{
    char part[FOLDER_KEY_MAX + sizeof(suffix)];
    part_name(part, name);
    struct list l = { .name = part, .each = each, .arg = arg };
    int fd = openat(store_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? folder_fail(why, "folder") : look(&l, fd, 0, 0, why);
}
