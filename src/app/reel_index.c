/* app/reel_index.c - see reel_index.h. */
#include "app/reel_index.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/io.h"
#include "base/util.h"

enum { INDEX_MAX_BYTES = 64 << 20 };

enum vcr_err reel_index_read(int fd, uint64_t size, const char *key, struct reelidx *ret, struct vcr_why *why)
{
    struct io *io = NULL;
    uint8_t *bytes = NULL;
    enum vcr_err err = size > INDEX_MAX_BYTES ? vcr_fail(why, VCR_E_IO, "reel index %s: %" PRIu64 " bytes", key, size) : io_fd_open(&io, fd, "reel index", why);
    if (err != VCR_OK) {
        vcr_close(&fd);
        return err;
    }
    bytes = malloc(size + 1);
    err = bytes ? io_pread_all(io, bytes, size, 0, why) : vcr_fail(why, VCR_E_NOMEM, "no memory for a reel index");
    if (err == VCR_OK && reelidx_parse(ret, bytes, size, why) != VCR_OK)
        err = vcr_fail(why, VCR_E_IO, "reel index %s: damaged", key);
    free(bytes);
    io_close(&io);
    return err;
}
