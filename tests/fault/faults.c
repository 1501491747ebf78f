/* faults.c - a disk that fails, for programs that are tested as they are: loaded by LD_PRELOAD, it lets file calls fail, or wait, as files in the folder $VCR_FAULTS say.
 *
 * A file there is named by what is to happen: eio-read, eio-write, eio-sync, full-write, wait-read. Its text is a part of a path: calls on descriptors of such files are hit, as long as the
 * file is there. So a test breaks the disk by writing a file, and mends it by removing it. vcr-render is sealed and may open nothing: it maps the file eio-inode before that, if it is
 * there; reading the file of that number (8 bytes, little-endian, 0: none) fails. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, WAIT_NS = 2000000 };

static const volatile uint64_t *bad_inode; /* vcr-render's */

static bool is_sealed(void) { return strcmp(program_invocation_short_name, "vcr-render") == 0; }

__attribute__((constructor)) static void before_it_is_sealed(void)
{
    char name[PATH_BYTES];
    const char *dir = getenv("VCR_FAULTS");
    if (!dir || !is_sealed())
        return;
    snprintf(name, sizeof(name), "%.4000s/eio-inode", dir);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof(*bad_inode), PROT_READ, MAP_SHARED, fd, 0);
    bad_inode = map == MAP_FAILED ? NULL : map;
    syscall(SYS_close, fd);
}

static bool is_bad_inode(const char *rule, int fd)
{
    struct stat st;
    return bad_inode && *bad_inode != 0 && strcmp(rule, "eio-read") == 0 && fstat(fd, &st) == 0 && st.st_ino == *bad_inode;
}

/* By system calls: the functions of that name are those below. */
static bool hit(const char *rule, int fd)
{
    static const char *dir;
    char name[PATH_BYTES], text[256], link[64], path[PATH_BYTES];
    if (is_sealed())
        return is_bad_inode(rule, fd);
    if (!dir && !(dir = getenv("VCR_FAULTS")))
        return false;
    snprintf(name, sizeof(name), "%.4000s/%s", dir, rule);
    int rule_fd = (int)syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC);
    if (rule_fd < 0)
        return false;
    ssize_t n = syscall(SYS_read, rule_fd, text, sizeof(text) - 1);
    syscall(SYS_close, rule_fd);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof(path) - 1);
    if (n <= 0 || len <= 0)
        return false;
    text[n] = path[len] = '\0';
    return strstr(path, text) != NULL;
}

static bool fails(const char *kind, int fd)
{
    char rule[32];
    int saved = errno;
    snprintf(rule, sizeof(rule), "wait-%s", kind);
    while (hit(rule, fd))
        nanosleep(&(struct timespec){ .tv_nsec = WAIT_NS }, NULL);
    snprintf(rule, sizeof(rule), "full-%s", kind);
    bool full = hit(rule, fd);
    snprintf(rule, sizeof(rule), "eio-%s", kind);
    bool hurt = hit(rule, fd);
    errno = full ? ENOSPC : hurt ? EIO : saved;
    return full || hurt;
}

/* FAULTY(what the call returns, its name, which rules hit it, on which descriptor, its parameters, its arguments) */
#define FAULTY(type, name, kind, fd, parameters, arguments)                   \
    type name parameters;                                                    \
    type name parameters                                                     \
    {                                                                        \
        static type(*real) parameters;                                       \
        if (fails(kind, fd))                                                 \
            return -1;                                                       \
        if (!real)                                                           \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                       \
        return real arguments;                                               \
    }

FAULTY(ssize_t, read, "read", fd, (int fd, void *data, size_t len), (fd, data, len))
FAULTY(ssize_t, pread, "read", fd, (int fd, void *data, size_t len, off_t at), (fd, data, len, at))
FAULTY(ssize_t, pread64, "read", fd, (int fd, void *data, size_t len, off64_t at), (fd, data, len, at))
FAULTY(ssize_t, preadv, "read", fd, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at))
FAULTY(ssize_t, preadv64, "read", fd, (int fd, const struct iovec *v, int n, off64_t at), (fd, v, n, at))
FAULTY(ssize_t, sendfile, "read", in, (int out, int in, off_t *at, size_t len), (out, in, at, len))
FAULTY(ssize_t, sendfile64, "read", in, (int out, int in, off64_t *at, size_t len), (out, in, at, len))
FAULTY(ssize_t, write, "write", fd, (int fd, const void *data, size_t len), (fd, data, len))
FAULTY(ssize_t, pwrite, "write", fd, (int fd, const void *data, size_t len, off_t at), (fd, data, len, at))
FAULTY(ssize_t, pwrite64, "write", fd, (int fd, const void *data, size_t len, off64_t at), (fd, data, len, at))
FAULTY(ssize_t, pwritev, "write", fd, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at))
FAULTY(ssize_t, pwritev64, "write", fd, (int fd, const struct iovec *v, int n, off64_t at), (fd, v, n, at))
FAULTY(int, fsync, "sync", fd, (int fd), (fd))
FAULTY(int, fdatasync, "sync", fd, (int fd), (fd))
