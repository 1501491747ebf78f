/* store/file/outside_walk.c - looking through a folder that is not ours: bounded in depth and in names, and never through a link. See outside.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"
#include "store/outside.h"

struct walk {
    const struct outside_walk *w;
    char path[OUTSIDE_PATH_BYTES];
    size_t len;
    uint64_t entries;
    bool cut, ended;
};

static void walk_folder(struct walk *k, int fd, int depth);

static void read_facts(const struct stat *st, struct outside_facts *ret)
{
    *ret = (struct outside_facts){ .device = st->st_dev, .inode = st->st_ino, .size = (uint64_t)st->st_size,
                                   .written_us = st->st_mtim.tv_sec * INT64_C(1000000) + st->st_mtim.tv_nsec / 1000,
                                   .changed_us = st->st_ctim.tv_sec * INT64_C(1000000) + st->st_ctim.tv_nsec / 1000 };
}

/* The name is appended to the path while it is looked at. */
static void look_at(struct walk *k, int dir, const char *name, int depth)
{
    struct stat st;
    size_t len = k->len, n = strlen(name);
    if (len + n + 2 > sizeof(k->path) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    if (len)
        k->path[k->len++] = '/';
    memcpy(k->path + k->len, name, n + 1);
    k->len += n;
    if (S_ISDIR(st.st_mode) && depth < OUTSIDE_DEPTH_MAX) {
        int sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub >= 0)
            walk_folder(k, sub, depth + 1);
    } else if (S_ISDIR(st.st_mode)) {
        k->cut = true;
    } else if (S_ISREG(st.st_mode)) {
        struct outside_facts facts;
        read_facts(&st, &facts);
        k->ended = !k->w->each(k->w->arg, k->path, &facts);
    }
    k->len = len;
    k->path[len] = '\0';
}

/* Takes the descriptor. */
static void walk_folder(struct walk *k, int fd, int depth)
{
    DIR *d = fdopendir(fd);
    if (!d) {
        vcr_close(&fd);
        return;
    }
    if (k->w->folder)
        k->w->folder(k->w->arg, k->path);
    for (struct dirent *e; !k->ended && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        if (k->entries++ >= k->w->entries_max) {
            k->cut = true;
            break;
        }
        look_at(k, dirfd(d), e->d_name, depth);
    }
    closedir(d);
}

enum vcr_err outside_walk(const char *root, const struct outside_walk *w, bool *ret_cut, struct vcr_why *why)
{
    struct walk k = { .w = w };
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return vcr_fail(why, VCR_E_IO, "%.150s: %s", root, strerror(errno));
    walk_folder(&k, fd, 1);
    *ret_cut = k.cut;
    return VCR_OK;
}
