/* wire/framed.h - datagrams on a stream of bytes: the length in two bytes before each (RFC 4571).
 *
 * Threads  none.     Owns  nothing.     Bounds  the longest datagram is the caller's. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { FRAMED_HEAD_BYTES = 2 };
enum framed { FRAMED_WHOLE, FRAMED_MORE, FRAMED_TOO_LONG };
/* What p begins with. WHOLE: a datagram of *ret_len bytes (0 is one, too) after the head. MORE: part of one. TOO_LONG: one of more than max_bytes, after which nothing can be read. */
enum framed framed_next(const uint8_t *p, size_t len, size_t max_bytes, size_t *ret_len);
