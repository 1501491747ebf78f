/* app/secret.c - the secret file: 64 hex digits, made once, readable by the owner only; and text sealed with a key from it. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/app.h"

enum { SECRET_HEX = APP_SECRET_BYTES * 2 };

static enum vcr_err read_secret(const char *path, uint8_t ret[APP_SECRET_BYTES], struct vcr_why *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return vcr_fail(why, errno == ENOENT ? VCR_E_NOT_FOUND : VCR_E_IO, "secret file: %s", strerror(errno));
    char text[SECRET_HEX + 2] = "";
    ssize_t n = read(fd, text, sizeof(text));
    struct stat st;
    int rc = fstat(fd, &st);
    vcr_close(&fd);
    size_t len = 0;
    bool ok = n >= SECRET_HEX && (n == SECRET_HEX || text[SECRET_HEX] == '\n') &&
              sodium_hex2bin(ret, APP_SECRET_BYTES, text, SECRET_HEX, NULL, &len, NULL) == 0 && len == APP_SECRET_BYTES;
    sodium_memzero(text, sizeof(text));
    if (!ok)
        return vcr_fail(why, VCR_E_INVALID, "secret file: it must hold 64 hex digits");
    if (rc != 0 || (st.st_mode & 07) != 0)
        return vcr_fail(why, VCR_E_INVALID, "secret file: others may read it; set its mode to 0600");
    return VCR_OK;
}

/* Writes a new secret beside the path and links it there: link() fails when another starter was first, whose secret then counts. */
static enum vcr_err make_secret(const char *path, struct vcr_why *why)
{
    uint8_t secret[APP_SECRET_BYTES];
    char text[SECRET_HEX + 2];
    vcr_random(secret, sizeof(secret));
    vcr_hex(text, secret, sizeof(secret));
    vcr_strcpy(text + SECRET_HEX, 2, "\n");
    char *part = vcr_asprintf("%s.%016llx.part", path, (unsigned long long)vcr_random_u64());
    enum vcr_err err = VCR_OK;
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || !vcr_write_all(fd, text, SECRET_HEX + 1) || fsync(fd) != 0 || (link(part, path) != 0 && errno != EEXIST))
        err = vcr_fail(why, VCR_E_IO, "secret file: cannot be made: %s", strerror(errno));
    vcr_close(&fd);
    unlink(part);
    free(part);
    sodium_memzero(secret, sizeof(secret));
    sodium_memzero(text, sizeof(text));
    return err;
}

enum vcr_err app_secret_file(const char *path, uint8_t ret[APP_SECRET_BYTES], struct vcr_why *why)
{
    enum vcr_err err = read_secret(path, ret, why);
    if (err != VCR_E_NOT_FOUND)
        return err;
    err = make_secret(path, why);
    return err == VCR_OK ? read_secret(path, ret, why) : err;
}

char *app_seal(const struct app *a, const char *purpose, const char *text)
{
    size_t len = strlen(text), sealed = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + len;
    uint8_t key[32], *bytes = vcr_alloc(sealed);
    app_key(a, purpose, key);
    vcr_random(bytes, crypto_secretbox_NONCEBYTES);
    crypto_secretbox_easy(bytes + crypto_secretbox_NONCEBYTES, (const uint8_t *)text, len, bytes, key);
    sodium_memzero(key, sizeof(key));
    char *out = vcr_alloc(VCR_B64URL_BYTES(sealed));
    vcr_b64url_encode(out, bytes, sealed);
    free(bytes);
    return out;
}

char *app_unseal(const struct app *a, const char *purpose, const char *sealed)
{
    const long head = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
    size_t len = strlen(sealed);
    uint8_t key[32], *bytes = vcr_alloc(len + 1);
    long n = vcr_b64url_decode(bytes, len, sealed, len);
    char *out = n >= head ? vcr_alloc((size_t)(n - head) + 1) : NULL;
    app_key(a, purpose, key);
    if (out && crypto_secretbox_open_easy((uint8_t *)out, bytes + crypto_secretbox_NONCEBYTES, (size_t)n - crypto_secretbox_NONCEBYTES, bytes, key) != 0) {
        free(out);
        out = NULL;
    }
    sodium_memzero(key, sizeof(key));
    free(bytes);
    return out;
}
