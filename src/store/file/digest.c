/* store/file/digest.c - the SHA-256 of a file that stands there already; see blob.h. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "store/blob.h"

enum { PIECE_BYTES = 1 << 20 };

enum vcr_err blob_digest_fd(int fd, bool (*go_on)(void *arg, uint64_t done), void *arg, char ret_sha256_hex[65], uint64_t *ret_size, struct vcr_why *why)
{
    unsigned char digest[EVP_MAX_MD_SIZE], *piece = malloc(PIECE_BYTES);
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    uint64_t done = 0;
    enum vcr_err err = VCR_OK;
    if (!piece || !sha || EVP_DigestInit_ex(sha, EVP_sha256(), NULL) != 1)
        err = vcr_fail(why, VCR_E_NOMEM, "no memory for a checksum");
    /* What the disk holds is to be read, not what memory remembers of it. Best effort: others may have it mapped. */
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    while (err == VCR_OK) {
        ssize_t n = pread(fd, piece, PIECE_BYTES, (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            err = vcr_fail(why, VCR_E_IO, "reading for a checksum: %s", strerror(errno));
        if (n <= 0)
            break;
        done += (uint64_t)n;
        if (EVP_DigestUpdate(sha, piece, (size_t)n) != 1)
            err = vcr_fail(why, VCR_E_INTERNAL, "no SHA-256");
        else if (go_on && !go_on(arg, done))
            err = vcr_fail(why, VCR_E_BUSY, "the checksum is no longer wanted");
    }
    if (err == VCR_OK && EVP_DigestFinal_ex(sha, digest, NULL) != 1)
        err = vcr_fail(why, VCR_E_INTERNAL, "no SHA-256");
    if (err == VCR_OK) {
        vcr_hex(ret_sha256_hex, digest, 32);
        *ret_size = done;
    }
    EVP_MD_CTX_free(sha);
    free(piece);
    return err;
}
