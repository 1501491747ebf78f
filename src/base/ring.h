/* base/ring.h - a shared-memory ring of variable-sized records, one writer process, one reader process.
 *
 * vcr-render writes packets, vcrd's media loop reads them. The memory is a memfd made by the reader's side and passed over a
 * descriptor; each side maps it. The reader trusts nothing in it: every offset and length is checked against the ring before use, so a
 * broken or hostile writer can at worst deliver wrong bytes or end the ring (VCR_E_IO).
 * Bounds   a record is at most a quarter of the ring; when the reader lags and a record does not fit, ring_write says VCR_E_BUSY and the
 *          writer drops it (and then waits for a key frame).
 * Threads  one writing thread, one reading thread; wake-ups by an eventfd that the caller owns. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"

struct ring;
/* Makes a sealed memfd of data_bytes (a power of two, 64 KiB..64 MiB) and maps it; *ret_fd stays the caller's to pass on and close. */
enum vcr_err ring_create(struct ring **ret, int *ret_fd, size_t data_bytes, struct vcr_why *why);
/* Maps one that was passed in; fd stays the caller's. */
enum vcr_err ring_attach(struct ring **ret, int fd, struct vcr_why *why);
void ring_close(struct ring **r);

/* Writer. head and body become one record. */
enum vcr_err ring_write(struct ring *r, const void *head, size_t head_len, const void *body, size_t body_len, struct vcr_why *why);
/* Reader. Points *ret at the next record inside the ring (stable until ring_next), VCR_E_AGAIN when empty, VCR_E_IO when broken. */
enum vcr_err ring_peek(struct ring *r, const uint8_t **ret, size_t *ret_len, struct vcr_why *why);
void ring_next(struct ring *r);
