/* base/io.c - see io.h: descriptors and memory. */
#include "base/io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"

enum vcr_err io_append(struct io *io, const void *buf, size_t len, struct vcr_why *why)
{
    if (!io->ops->append)
        return vcr_fail(why, VCR_E_INTERNAL, "append to something that is read-only");
    return io->ops->append(io, buf, len, why);
}

enum vcr_err io_sync(struct io *io, struct vcr_why *why) { return io->ops->sync ? io->ops->sync(io, why) : VCR_OK; }

void io_close(struct io **io)
{
    if (*io) {
        (*io)->ops->close(*io);
        *io = NULL;
    }
}

enum vcr_err io_pread_all(struct io *io, void *buf, size_t len, uint64_t offset, struct vcr_why *why)
{
    uint8_t *p = buf;
    while (len > 0) {
        size_t n = 0;
        enum vcr_err err = io_pread(io, p, len, offset, &n, why);
        if (err != VCR_OK)
            return err;
        if (n == 0)
            return vcr_fail(why, VCR_E_IO, "the data ends early at byte %llu", (unsigned long long)offset);
        p += n;
        offset += n;
        len -= n;
    }
    return VCR_OK;
}

struct io_fd {
    struct io io;
    int fd;
    _Atomic uint64_t end; /* where the next append goes; asked for by any thread */
    char name[40];
};

static enum vcr_err sys_fail(struct vcr_why *why, const struct io_fd *f, const char *what)
{
    enum vcr_err code = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? VCR_E_FULL : VCR_E_IO;
    return vcr_fail(why, code, "%s: %s: %s", f->name, what, strerror(errno));
}

static enum vcr_err fd_pread(struct io *io, void *buf, size_t len, uint64_t offset, size_t *ret_n, struct vcr_why *why)
{
    struct io_fd *f = (struct io_fd *)io;
    ssize_t n;
    do
        n = pread(f->fd, buf, len, (off_t)offset);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return sys_fail(why, f, "read");
    *ret_n = (size_t)n;
    return VCR_OK;
}

static enum vcr_err fd_append(struct io *io, const void *buf, size_t len, struct vcr_why *why)
{
    struct io_fd *f = (struct io_fd *)io;
    const uint8_t *p = buf;
    while (len > 0) {
        ssize_t n = pwrite(f->fd, p, len, (off_t)f->end);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return sys_fail(why, f, "write");
        }
        p += n;
        f->end += (uint64_t)n;
        len -= (size_t)n;
    }
    return VCR_OK;
}

static enum vcr_err fd_sync(struct io *io, struct vcr_why *why)
{
    struct io_fd *f = (struct io_fd *)io;
    return fdatasync(f->fd) == 0 ? VCR_OK : sys_fail(why, f, "sync");
}

static uint64_t fd_size(struct io *io) { return ((struct io_fd *)io)->end; }

static void fd_close(struct io *io)
{
    struct io_fd *f = (struct io_fd *)io;
    vcr_close(&f->fd);
    free(f);
}

enum vcr_err io_fd_open(struct io **ret, int fd, const char *name, struct vcr_why *why)
{
    static const struct io_ops ops = { fd_pread, fd_append, fd_sync, fd_size, fd_close };
    struct stat st;
    if (fstat(fd, &st) != 0)
        return vcr_fail(why, VCR_E_IO, "%s: %s", name, strerror(errno));
    struct io_fd *f = vcr_alloc(sizeof(*f));
    f->io.ops = &ops;
    f->fd = fd;
    f->end = (uint64_t)st.st_size;
    vcr_strcpy(f->name, sizeof(f->name), name);
    *ret = &f->io;
    return VCR_OK;
}

struct io_mem {
    struct io io;
    struct buf *b;
};

static enum vcr_err mem_pread(struct io *io, void *buf, size_t len, uint64_t offset, size_t *ret_n, struct vcr_why *why)
{
    (void)why;
    struct buf *b = ((struct io_mem *)io)->b;
    *ret_n = offset >= b->len ? 0 : VCR_MIN(len, b->len - (size_t)offset);
    if (*ret_n > 0)
        memcpy(buf, b->data + offset, *ret_n);
    return VCR_OK;
}

static enum vcr_err mem_append(struct io *io, const void *buf, size_t len, struct vcr_why *why)
{
    struct buf *b = ((struct io_mem *)io)->b;
    buf_add(b, buf, len);
    return buf_ok(b) ? VCR_OK : vcr_fail(why, VCR_E_FULL, "memory file is full");
}

static uint64_t mem_size(struct io *io) { return ((struct io_mem *)io)->b->len; }
static void mem_close(struct io *io) { free(io); }

enum vcr_err io_mem_open(struct io **ret, struct buf *b, struct vcr_why *why)
{
    (void)why;
    static const struct io_ops ops = { mem_pread, mem_append, NULL, mem_size, mem_close };
    struct io_mem *m = vcr_alloc(sizeof(*m));
    m->io.ops = &ops;
    m->b = b;
    *ret = &m->io;
    return VCR_OK;
}
