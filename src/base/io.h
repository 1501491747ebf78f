/* base/io.h - random reading and appending behind one small table, so that media code works on files, descriptors handed into a
 * sandbox, memory in tests, and later on decrypted or remote blobs, without knowing which.
 *
 * Threads  a struct io belongs to one thread at a time.     Owns  io_close releases what stands behind it.
 * Errors   VCR_E_IO with errno's text; VCR_E_FULL when the storage is full. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/why.h"

struct io;
struct io_ops {
    /* Reads up to len bytes at offset; *ret_n = 0 at and beyond the end. */
    enum vcr_err (*pread)(struct io *io, void *buf, size_t len, uint64_t offset, size_t *ret_n, struct vcr_why *why);
    /* Adds all of len bytes at the end, or fails. NULL: read-only. */
    enum vcr_err (*append)(struct io *io, const void *buf, size_t len, struct vcr_why *why);
    /* Makes appended bytes durable. May be NULL. */
    enum vcr_err (*sync)(struct io *io, struct vcr_why *why);
    uint64_t (*size)(struct io *io);
    void (*close)(struct io *io);
};
struct io {
    const struct io_ops *ops;
};

static inline enum vcr_err io_pread(struct io *io, void *buf, size_t len, uint64_t offset, size_t *ret_n, struct vcr_why *why)
{
    return io->ops->pread(io, buf, len, offset, ret_n, why);
}
enum vcr_err io_append(struct io *io, const void *buf, size_t len, struct vcr_why *why);
enum vcr_err io_sync(struct io *io, struct vcr_why *why);
static inline uint64_t io_size(struct io *io) { return io->ops->size(io); }
/* NULL is fine; sets *io = NULL. */
void io_close(struct io **io);
/* All of len bytes at offset, else VCR_E_IO ("ends early"). */
enum vcr_err io_pread_all(struct io *io, void *buf, size_t len, uint64_t offset, struct vcr_why *why);

/* On a descriptor, which it owns from success on. Appends go to the end as it is at opening. name is for error texts (no path). */
enum vcr_err io_fd_open(struct io **ret, int fd, const char *name, struct vcr_why *why);
/* On memory: reads and appends b, which stays the caller's. */
enum vcr_err io_mem_open(struct io **ret, struct buf *b, struct vcr_why *why);
