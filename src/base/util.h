/* base/util.h - small things everyone needs: allocation that aborts, array length, byte order, text, random, ids, hex and base64url.
 *
 * Small allocations may abort when memory is out (the process is restarted and loses nothing); anything sized by a peer or a
 * file is bounded and checked by its caller with malloc. Threads: all functions here may be called from any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define VCR_MIN(a, b) ((a) < (b) ? (a) : (b))
#define VCR_MAX(a, b) ((a) > (b) ? (a) : (b))
#define VCR_CLAMP(x, lo, hi) ((x) < (lo) ? (lo) : (x) > (hi) ? (hi) : (x))
/* The struct around a member: container_of(ptr, struct outer, member). */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

/* Zeroed memory, or abort. For small, fixed sizes only; free with free(). */
void *vcr_alloc(size_t bytes);
/* Zeroed array with overflow check, or abort. */
void *vcr_calloc(size_t count, size_t bytes);
/* A copy, or abort. NULL gives NULL. */
char *vcr_strdup(const char *s);
char *vcr_strndup(const char *s, size_t len);
/* snprintf into new memory, or abort. */
__attribute__((format(printf, 1, 2))) char *vcr_asprintf(const char *fmt, ...);
/* Copies at most size - 1 bytes and always terminates; false when it did not fit. */
bool vcr_strcpy(char *dst, size_t size, const char *src);

static inline uint16_t rd16be(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t rd24be(const uint8_t *p) { return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]; }
static inline uint32_t rd32be(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }
static inline uint64_t rd64be(const uint8_t *p) { return (uint64_t)rd32be(p) << 32 | rd32be(p + 4); }
static inline void wr16be(uint8_t *p, uint16_t v) { p[0] = (uint8_t)(v >> 8), p[1] = (uint8_t)v; }
static inline void wr24be(uint8_t *p, uint32_t v) { p[0] = (uint8_t)(v >> 16), p[1] = (uint8_t)(v >> 8), p[2] = (uint8_t)v; }
static inline void wr32be(uint8_t *p, uint32_t v) { wr16be(p, (uint16_t)(v >> 16)), wr16be(p + 2, (uint16_t)v); }
static inline void wr64be(uint8_t *p, uint64_t v) { wr32be(p, (uint32_t)(v >> 32)), wr32be(p + 4, (uint32_t)v); }

/* Bytes of the system's random source (getrandom); aborts when there is none. */
void vcr_random(void *buf, size_t len);
uint64_t vcr_random_u64(void);

/* UUID strings: 36 characters and a NUL, lower case. v7 is ordered by time (RFC 9562). */
#define VCR_UUID_BYTES 37
void vcr_uuid7(char out[VCR_UUID_BYTES]);
/* 8-4-4-4-12 lower-case hex digits, any version. */
bool vcr_is_uuid(const char *s);

/* Lower-case hex; out has 2 * len + 1 bytes. */
void vcr_hex(char *out, const void *bytes, size_t len);
/* base64url without padding (RFC 4648 section 5). encode: out has VCR_B64URL_BYTES(len) bytes. */
#define VCR_B64URL_BYTES(len) (((len) * 4 + 2) / 3 + 1)
void vcr_b64url_encode(char *out, const void *bytes, size_t len);
/* Strict: no padding, no white space, no non-canonical tail. Returns the number of bytes, or -1 when bad or longer than size. */
long vcr_b64url_decode(void *out, size_t size, const char *text, size_t len);

/* Well-formed UTF-8 (no surrogates, no overlong forms) of len bytes. NUL bytes are allowed. */
bool vcr_utf8_ok(const char *s, size_t len);
/* Decimal digits only, no sign, no space, the whole string, within 0..max. */
bool vcr_parse_u64(const char *s, uint64_t max, uint64_t *ret);

/* fd helpers. close keeps errno, ignores -1 and sets *fd = -1. */
void vcr_close(int *fd);
/* Raises this process's limit of open descriptors as far as it may, and says how many that are. */
uint64_t vcr_descriptors_max(void);
/* For a program that must not outlive the thread that started it: SIGKILL comes when that thread ends. A parent that was gone before this could be asked for
 * sends no signal; it is noticed by the other end of line (a pipe or socket from it) being closed. False: errno says why not, ESRCH when the parent is gone. */
bool vcr_end_with_parent(int line);
/* Writes all, retrying on EINTR and short writes; false with errno set on error. */
bool vcr_write_all(int fd, const void *buf, size_t len);
