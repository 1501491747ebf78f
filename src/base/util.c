/* base/util.c - see util.h. */
#include "base/util.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void die_nomem(void)
{
    static const char msg[] = "vcr: out of memory\n";
    ssize_t n = write(2, msg, sizeof(msg) - 1);
    (void)n;
    abort();
}

void *vcr_alloc(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);
    if (!p)
        die_nomem();
    return p;
}

void *vcr_calloc(size_t count, size_t bytes)
{
    void *p = calloc(count ? count : 1, bytes ? bytes : 1);
    if (!p)
        die_nomem();
    return p;
}

char *vcr_strndup(const char *s, size_t len)
{
    if (!s)
        return NULL;
    size_t n = strnlen(s, len);
    char *p = vcr_alloc(n + 1);
    memcpy(p, s, n);
    return p;
}

char *vcr_strdup(const char *s) { return s ? vcr_strndup(s, strlen(s)) : NULL; }

char *vcr_asprintf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = NULL;
    if (vasprintf(&s, fmt, ap) < 0)
        die_nomem();
    va_end(ap);
    return s;
}

bool vcr_strcpy(char *dst, size_t size, const char *src)
{
    size_t n = strlen(src);
    bool fits = n < size;
    if (!fits)
        n = size - 1;
    memcpy(dst, src, n);
    dst[n] = '\0';
    return fits;
}

void vcr_random(void *buf, size_t len)
{
    uint8_t *p = buf;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            abort(); /* no random source: nothing we do would be safe */
        }
        p += n;
        len -= (size_t)n;
    }
}

uint64_t vcr_random_u64(void)
{
    uint64_t v;
    vcr_random(&v, sizeof(v));
    return v;
}

void vcr_uuid7(char out[VCR_UUID_BYTES])
{
    uint8_t b[16];
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    uint64_t ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
    vcr_random(b, sizeof(b));
    wr16be(b, (uint16_t)(ms >> 32));
    wr32be(b + 2, (uint32_t)ms);
    b[6] = (uint8_t)(0x70 | (b[6] & 0x0F));
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3F));
    char hex[33];
    vcr_hex(hex, b, sizeof(b));
    snprintf(out, VCR_UUID_BYTES, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

bool vcr_is_uuid(const char *s)
{
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f');
        if (dash ? s[i] != '-' : !hex)
            return false; /* also ends at an early NUL */
    }
    return s[36] == '\0';
}

void vcr_hex(char *out, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *b = bytes;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[b[i] >> 4];
        out[2 * i + 1] = digits[b[i] & 15];
    }
    out[2 * len] = '\0';
}

static const char b64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void vcr_b64url_encode(char *out, const void *bytes, size_t len)
{
    const uint8_t *b = bytes;
    while (len >= 3) {
        uint32_t v = rd24be(b);
        *out++ = b64url[v >> 18];
        *out++ = b64url[v >> 12 & 63];
        *out++ = b64url[v >> 6 & 63];
        *out++ = b64url[v & 63];
        b += 3;
        len -= 3;
    }
    if (len > 0) {
        uint32_t v = (uint32_t)b[0] << 16 | (len == 2 ? (uint32_t)b[1] << 8 : 0);
        *out++ = b64url[v >> 18];
        *out++ = b64url[v >> 12 & 63];
        if (len == 2)
            *out++ = b64url[v >> 6 & 63];
    }
    *out = '\0';
}

static int b64url_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

long vcr_b64url_decode(void *out, size_t size, const char *text, size_t len)
{
    uint8_t *o = out;
    size_t need = len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0);
    if (len % 4 == 1 || need > size)
        return -1;
    uint32_t acc = 0;
    int bits = 0;
    for (size_t i = 0; i < len; i++) {
        int v = b64url_value(text[i]);
        if (v < 0)
            return -1;
        acc = acc << 6 | (uint32_t)v;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *o++ = (uint8_t)(acc >> bits);
        }
        acc &= (1u << bits) - 1;
    }
    return acc == 0 ? (long)need : -1;
}

bool vcr_utf8_ok(const char *s, size_t len)
{
    const uint8_t *p = (const uint8_t *)s, *end = p + len;
    while (p < end) {
        uint8_t c = *p++;
        if (c < 0x80)
            continue;
        int more = c >= 0xC2 && c < 0xE0 ? 1 : c >= 0xE0 && c < 0xF0 ? 2 : c >= 0xF0 && c < 0xF5 ? 3 : 0;
        if (more == 0 || end - p < more)
            return false;
        if ((c == 0xE0 && p[0] < 0xA0) || (c == 0xED && p[0] >= 0xA0) || (c == 0xF0 && p[0] < 0x90) || (c == 0xF4 && p[0] >= 0x90))
            return false; /* overlong, surrogate, above U+10FFFF */
        for (int i = 0; i < more; i++)
            if ((*p++ & 0xC0) != 0x80)
                return false;
    }
    return true;
}

bool vcr_parse_u64(const char *s, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;
    if (!*s)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return false;
        unsigned d = (unsigned)(*s - '0');
        if (v > (UINT64_MAX - d) / 10)
            return false;
        v = v * 10 + d;
    }
    if (v > max)
        return false;
    *ret = v;
    return true;
}

void vcr_close(int *fd)
{
    if (*fd >= 0) {
        int keep = errno;
        close(*fd);
        errno = keep;
        *fd = -1;
    }
}

bool vcr_end_with_parent(int line)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return false;
    /* A dying process closes its descriptors before its children are signalled: so either the signal comes, or this sees it. */
    struct pollfd p = { .fd = line };
    bool gone = poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR);
    if (gone)
        errno = ESRCH;
    return !gone;
}

uint64_t vcr_descriptors_max(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0)
        return 1024;
    struct rlimit raised = { l.rlim_max, l.rlim_max };
    return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : l.rlim_cur;
}

bool vcr_write_all(int fd, const void *buf, size_t len)
{
    const char *p = buf;
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return false;
        }
        p += n;
        len -= (size_t)n;
    }
    return true;
}
