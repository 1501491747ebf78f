/* store/file/blob.c - the blob port on a folder of files.
 *
 * Paths are opened by folder.h. A blob is written to "<key>.part-<random>", synced, renamed, and its folder synced, so that after a power cut it is there whole or not at all. */
#include "store/blob.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/util.h"
#include "store/file/folder.h"
#include "store/file/grow.h"
#include "store/file/kept.h"

struct blob_store {
    int dir_fd; /* set by open, then read-only */
    char *address;
    struct kept *kept;
};
struct blob_writer {
    struct blob_store *store;
    char key[FOLDER_KEY_MAX + 1];
    int dir_fd, fd;
    char name[FOLDER_KEY_MAX + 1];      /* in dir_fd */
    char part[FOLDER_KEY_MAX + 32];
    EVP_MD_CTX *sha;
    uint64_t size;
    bool fd_given;
};

static enum vcr_err bad_key(struct vcr_why *why) { return vcr_fail(why, VCR_E_INVALID, "not a blob's name"); }

/* ---- writing ---- */

enum vcr_err blob_begin(struct blob_store *s, const char *key, struct blob_writer **ret, struct vcr_why *why)
{
    if (!folder_key_ok(key, false))
        return bad_key(why);
    const char *name;
    unsigned char id[8];
    char hex[17];
    enum vcr_err err;
    struct blob_writer *w = vcr_alloc(sizeof(*w));
    w->store = s;
    vcr_strcpy(w->key, sizeof(w->key), key);
    w->fd = -1;
    w->dir_fd = folder_open(s->dir_fd, key, true, &name);
    if (w->dir_fd < 0) {
        err = folder_fail(why, "folder");
        goto fail;
    }
    vcr_strcpy(w->name, sizeof(w->name), name);
    vcr_random(id, sizeof(id));
    vcr_hex(hex, id, sizeof(id));
    snprintf(w->part, sizeof(w->part), "%s%s%s", w->name, folder_part_mark, hex);
    w->fd = openat(w->dir_fd, w->part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (w->fd < 0) {
        err = folder_fail(why, "new file");
        goto fail;
    }
    w->sha = EVP_MD_CTX_new();
    if (!w->sha || EVP_DigestInit_ex(w->sha, EVP_sha256(), NULL) != 1) {
        err = vcr_fail(why, VCR_E_INTERNAL, "blob store: no SHA-256");
        goto fail;
    }
    *ret = w;
    return VCR_OK;
fail:
    blob_abort(&w);
    return err;
}

enum vcr_err blob_write(struct blob_writer *w, const void *bytes, size_t len, struct vcr_why *why)
{
    if (!vcr_write_all(w->fd, bytes, len))
        return folder_fail(why, "write");
    if (EVP_DigestUpdate(w->sha, bytes, len) != 1)
        return vcr_fail(why, VCR_E_INTERNAL, "blob store: no SHA-256");
    w->size += len;
    return VCR_OK;
}

int blob_writer_fd(struct blob_writer *w)
{
    w->fd_given = true;
    return w->fd;
}

enum vcr_err blob_commit(struct blob_writer **wp, char ret_sha256_hex[65], uint64_t *ret_size, struct vcr_why *why)
{
    struct blob_writer *w = *wp;
    struct stat st;
    unsigned char digest[EVP_MAX_MD_SIZE];
    enum vcr_err err = VCR_OK;
    if (fsync(w->fd) != 0 || fstat(w->fd, &st) != 0)
        err = folder_fail(why, "sync");
    else if (!w->fd_given && (uint64_t)st.st_size != w->size)
        err = vcr_fail(why, VCR_E_IO, "blob store: the file is not what was written");
    else if (EVP_DigestFinal_ex(w->sha, digest, NULL) != 1)
        err = vcr_fail(why, VCR_E_INTERNAL, "blob store: no SHA-256");
    else if (renameat(w->dir_fd, w->part, w->dir_fd, w->name) != 0)
        err = folder_fail(why, "rename");
    if (err != VCR_OK) {
        blob_abort(wp);
        return err;
    }
    w->part[0] = '\0'; /* nothing left to take back */
    kept_drop(w->store->kept, w->key);
    if (fsync(w->dir_fd) != 0)
        err = folder_fail(why, "sync of the folder");
    if (err == VCR_OK && ret_size)
        *ret_size = (uint64_t)st.st_size;
    if (err == VCR_OK && ret_sha256_hex) {
        ret_sha256_hex[0] = '\0';
        if (!w->fd_given)
            vcr_hex(ret_sha256_hex, digest, 32);
    }
    blob_abort(wp);
    return err;
}

void blob_abort(struct blob_writer **wp)
{
    struct blob_writer *w = *wp;
    if (!w)
        return;
    if (w->fd >= 0 && w->part[0])
        unlinkat(w->dir_fd, w->part, 0);
    vcr_close(&w->fd);
    vcr_close(&w->dir_fd);
    EVP_MD_CTX_free(w->sha);
    free(w);
    *wp = NULL;
}

/* ---- reading and deleting ---- */

enum vcr_err blob_open_fd(struct blob_store *s, const char *key, int *ret_fd, uint64_t *ret_size, struct vcr_why *why)
{
    if (!folder_key_ok(key, false))
        return bad_key(why);
    const char *name;
    struct stat st;
    int dir = folder_open(s->dir_fd, key, false, &name);
    int fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    vcr_close(&dir);
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) /* below a blob, or a link */
        errno = ENOENT;
    if (fd < 0)
        return folder_fail(why, "open");
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        vcr_close(&fd);
        return vcr_fail(why, VCR_E_NOT_FOUND, "no such blob");
    }
    *ret_fd = fd;
    if (ret_size)
        *ret_size = (uint64_t)st.st_size;
    return VCR_OK;
}

bool blob_kept_fd(struct blob_store *s, const char *key, int *ret_fd, uint64_t *ret_size) { return kept_get(s->kept, key, ret_fd, ret_size); }

void blob_tidy(struct blob_store *s, int64_t now_us) { kept_tidy(s->kept, now_us); }

enum vcr_err blob_keep_fd(struct blob_store *s, const char *key, int *ret_fd, uint64_t *ret_size, struct vcr_why *why)
{
    if (kept_get(s->kept, key, ret_fd, ret_size))
        return VCR_OK;
    uint64_t stamp = kept_stamp(s->kept);
    enum vcr_err err = blob_open_fd(s, key, ret_fd, ret_size, why);
    if (err == VCR_OK)
        kept_put(s->kept, stamp, key, *ret_fd, *ret_size);
    return err;
}

enum vcr_err blob_stat(struct blob_store *s, const char *key, uint64_t *ret_size, struct vcr_why *why)
{
    int fd;
    enum vcr_err err = blob_open_fd(s, key, &fd, ret_size, why);
    if (err == VCR_OK)
        vcr_close(&fd);
    return err;
}

enum vcr_err blob_delete(struct blob_store *s, const char *key, struct vcr_why *why)
{
    if (!folder_key_ok(key, false))
        return bad_key(why);
    const char *name;
    int dir = folder_open(s->dir_fd, key, false, &name);
    enum vcr_err err = VCR_OK;
    if (dir < 0 || (unlinkat(dir, name, 0) != 0 && errno != EISDIR) || fsync(dir) != 0)
        err = errno == ENOENT || errno == ENOTDIR ? VCR_OK : folder_fail(why, "delete");
    vcr_close(&dir);
    kept_drop(s->kept, key);
    return err;
}

/* Removes files below the folder fd (which it closes): all and the folders too, or only unfinished ones. The first error is kept, the rest still goes on. */
static enum vcr_err clear_folder(int fd, bool all, int depth, struct vcr_why *why)
{
    DIR *d = fdopendir(fd);
    if (!d) {
        enum vcr_err err = folder_fail(why, "folder");
        vcr_close(&fd);
        return err;
    }
    enum vcr_err err = VCR_OK;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        int sub = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        bool folder = sub >= 0;
        if (folder && depth >= FOLDER_DEPTH_MAX + 1)
            vcr_close(&sub);
        else if (folder && err == VCR_OK)
            err = clear_folder(sub, all, depth + 1, why);
        else if (folder)
            clear_folder(sub, all, depth + 1, NULL);
        if (!all && (folder || !strstr(e->d_name, folder_part_mark)))
            continue;
        if (unlinkat(dirfd(d), e->d_name, folder ? AT_REMOVEDIR : 0) != 0 && errno != ENOENT && err == VCR_OK)
            err = folder_fail(why, "delete");
    }
    if (fsync(dirfd(d)) != 0 && err == VCR_OK)
        err = folder_fail(why, "sync of the folder");
    closedir(d);
    return err;
}

enum vcr_err blob_delete_prefix(struct blob_store *s, const char *prefix, struct vcr_why *why)
{
    if (!folder_key_ok(prefix, true))
        return bad_key(why);
    const char *name;
    char folder[FOLDER_KEY_MAX + 1];
    int fd = folder_open(s->dir_fd, prefix, false, &name);
    if (fd < 0)
        return errno == ENOENT ? VCR_OK : folder_fail(why, "folder");
    enum vcr_err err = clear_folder(fd, true, 0, why);
    kept_drop(s->kept, prefix);
    if (err != VCR_OK)
        return err;
    vcr_strcpy(folder, sizeof(folder), prefix);
    folder[strlen(folder) - 1] = '\0';
    fd = folder_open(s->dir_fd, folder, false, &name);
    if (fd < 0 || unlinkat(fd, name, AT_REMOVEDIR) != 0 || fsync(fd) != 0) /* not empty: someone writes there anew */
        err = errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST ? VCR_OK : folder_fail(why, "delete");
    vcr_close(&fd);
    return err;
}

enum vcr_err blob_sweep(struct blob_store *s, struct vcr_why *why)
{
    int fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? folder_fail(why, "folder") : clear_folder(fd, false, 0, why);
}

enum vcr_err blob_grow(struct blob_store *s, const char *key, bool create, int *ret_fd, struct vcr_why *why)
{
    return grow_open(s->dir_fd, key, create, ret_fd, why);
}

enum vcr_err blob_seal(struct blob_store *s, const char *key, struct vcr_why *why)
{
    enum vcr_err err = grow_seal(s->dir_fd, key, why);
    kept_drop(s->kept, key);
    return err;
}

enum vcr_err blob_unfinished(struct blob_store *s, const char *name, void (*each)(void *arg, const char *key), void *arg, struct vcr_why *why)
{
    return grow_list(s->dir_fd, name, each, arg, why);
}

bool blob_free_bytes(struct blob_store *s, uint64_t *ret)
{
    struct statvfs v;
    if (fstatvfs(s->dir_fd, &v) != 0)
        return false;
    *ret = (uint64_t)v.f_bavail * v.f_frsize;
    return true;
}

void blob_address(struct blob_store *s, const char *key, char *out, size_t out_size) { snprintf(out, out_size, "%s/%s", s->address, key); }

/* ---- the store ---- */

enum vcr_err blob_open_store(struct blob_store **ret, const char *url, const char *data_dir, struct vcr_why *why)
{
    if (strncmp(url, "file:", 5) != 0 || !url[5])
        return vcr_fail(why, VCR_E_INVALID, "the blob store's URL is not one of: file:FOLDER");
    const char *name = url + 5;
    char *path = name[0] == '/' ? vcr_strdup(name) : vcr_asprintf("%s/%s", data_dir, name);
    struct blob_store *s = vcr_alloc(sizeof(*s));
    s->address = vcr_strdup(url);
    s->kept = kept_open();
    s->dir_fd = -1;
    enum vcr_err err = VCR_OK;
    if ((mkdir(data_dir, 0700) != 0 && errno != EEXIST) || (mkdir(path, 0700) != 0 && errno != EEXIST) ||
        (s->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        err = vcr_fail(why, VCR_E_IO, "blob store %s: %s", path, strerror(errno));
    free(path);
    if (err != VCR_OK)
        blob_close_store(&s);
    else
        *ret = s;
    return err;
}

void blob_close_store(struct blob_store **sp)
{
    struct blob_store *s = *sp;
    if (!s)
        return;
    vcr_close(&s->dir_fd);
    kept_close(&s->kept);
    free(s->address);
    free(s);
    *sp = NULL;
}
