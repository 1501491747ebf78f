/* base/ring.c - see ring.h.
 *
 * Layout: a page of control words, then data_bytes of records. A record is a 32-bit length (native order, both sides are one machine)
 * and its bytes, rounded up to 8; SKIP means "go on at the start of the data". head and tail count bytes since the beginning and never go back. */
#include "base/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"

enum { CONTROL_BYTES = 4096, SMALLEST = 64 << 10, LARGEST = 64 << 20 };
#define SKIP UINT32_MAX

struct control {
    _Alignas(64) _Atomic(uint64_t) head; /* written by the writer */
    _Alignas(64) _Atomic(uint64_t) tail; /* written by the reader */
};

struct ring {
    /* set by open, then read-only */
    uint8_t *map;
    struct control *control;
    uint8_t *data;
    size_t size; /* of data, a power of two */
    /* the one writer's or the one reader's own */
    uint64_t own;  /* our head or tail: never read back from shared memory */
    size_t peeked; /* bytes that ring_next gives back, 0: nothing peeked */
};

static enum vcr_err map_ring(struct ring **ret, int fd, size_t data_bytes, struct vcr_why *why)
{
    struct ring *r = vcr_alloc(sizeof(*r));
    r->map = mmap(NULL, CONTROL_BYTES + data_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (r->map == MAP_FAILED) {
        free(r);
        return vcr_fail(why, VCR_E_IO, "packet ring: %s", strerror(errno));
    }
    r->control = (struct control *)(void *)r->map;
    r->data = r->map + CONTROL_BYTES;
    r->size = data_bytes;
    *ret = r;
    return VCR_OK;
}

enum vcr_err ring_create(struct ring **ret, int *ret_fd, size_t data_bytes, struct vcr_why *why)
{
    int fd = memfd_create("vcr-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)(CONTROL_BYTES + data_bytes)) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        enum vcr_err err = vcr_fail(why, VCR_E_IO, "packet ring: %s", strerror(errno));
        vcr_close(&fd);
        return err;
    }
    enum vcr_err err = map_ring(ret, fd, data_bytes, why);
    if (err != VCR_OK)
        vcr_close(&fd);
    else
        *ret_fd = fd;
    return err;
}

enum vcr_err ring_attach(struct ring **ret, int fd, struct vcr_why *why)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return vcr_fail(why, VCR_E_IO, "packet ring: %s", strerror(errno));
    size_t data = (size_t)st.st_size - CONTROL_BYTES;
    if (st.st_size < CONTROL_BYTES + SMALLEST || st.st_size > CONTROL_BYTES + LARGEST || (data & (data - 1)) != 0)
        return vcr_fail(why, VCR_E_INVALID, "packet ring: odd size");
    return map_ring(ret, fd, data, why);
}

void ring_close(struct ring **r)
{
    if (*r) {
        munmap((*r)->map, CONTROL_BYTES + (*r)->size);
        free(*r);
        *r = NULL;
    }
}

static size_t record_bytes(size_t len) { return (sizeof(uint32_t) + len + 7) & ~(size_t)7; }

static void put_len(struct ring *r, size_t at, uint32_t len) { memcpy(r->data + at, &len, sizeof(len)); }

enum vcr_err ring_write(struct ring *r, const void *head, size_t head_len, const void *body, size_t body_len, struct vcr_why *why)
{
    if (head_len > r->size / 4 || body_len > r->size / 4 - head_len)
        return vcr_fail(why, VCR_E_TOO_LARGE, "packet ring: a record of %zu bytes is too large", head_len + body_len);
    size_t need = record_bytes(head_len + body_len);
    uint64_t tail = atomic_load_explicit(&r->control->tail, memory_order_acquire);
    uint64_t used = r->own - tail;
    size_t at = (size_t)(r->own & (r->size - 1));
    size_t skip = r->size - at < need ? r->size - at : 0;
    if (used > r->size || r->size - (size_t)used < need + skip)
        return vcr_fail(why, VCR_E_BUSY, "packet ring: full");
    if (skip) {
        put_len(r, at, SKIP);
        r->own += skip;
        at = 0;
    }
    put_len(r, at, (uint32_t)(head_len + body_len));
    memcpy(r->data + at + sizeof(uint32_t), head, head_len);
    if (body_len > 0)
        memcpy(r->data + at + sizeof(uint32_t) + head_len, body, body_len);
    r->own += need;
    atomic_store_explicit(&r->control->head, r->own, memory_order_release);
    return VCR_OK;
}

enum vcr_err ring_peek(struct ring *r, const uint8_t **ret, size_t *ret_len, struct vcr_why *why)
{
    for (;;) {
        uint64_t head = atomic_load_explicit(&r->control->head, memory_order_acquire);
        uint64_t used = head - r->own;
        if (used == 0)
            return VCR_E_AGAIN;
        size_t at = (size_t)(r->own & (r->size - 1));
        if (used > r->size || (used & 7) != 0)
            return vcr_fail(why, VCR_E_IO, "packet ring: broken by its writer");
        uint32_t len;
        memcpy(&len, r->data + at, sizeof(len)); /* read once: the writer could change it meanwhile */
        if (len == SKIP) {
            if (at == 0 || used < r->size - at)
                return vcr_fail(why, VCR_E_IO, "packet ring: broken by its writer");
            r->own += r->size - at;
            atomic_store_explicit(&r->control->tail, r->own, memory_order_release);
            continue;
        }
        size_t need = record_bytes(len);
        if (len > r->size / 4 || need > used || need > r->size - at)
            return vcr_fail(why, VCR_E_IO, "packet ring: broken by its writer");
        *ret = r->data + at + sizeof(uint32_t);
        *ret_len = len;
        r->peeked = need;
        return VCR_OK;
    }
}

void ring_next(struct ring *r)
{
    r->own += r->peeked;
    r->peeked = 0;
    atomic_store_explicit(&r->control->tail, r->own, memory_order_release);
}
