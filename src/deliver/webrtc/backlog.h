/* deliver/webrtc/backlog.h - bytes that wait for a socket, in a ring: nothing is moved while they go out piece by piece.
 *
 * What is put in comes out in order, by at most two pieces for one sendmsg. Threads  none.     Bounds  the size given to open; all of a message goes in, or nothing. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct backlog {
    /* its own; len is anybody's to read */
    uint8_t *bytes;
    size_t size, from, len;
};
void backlog_open(struct backlog *b, size_t size);
void backlog_free(struct backlog *b);
/* Behind what waits; false: there is no room. */
bool backlog_put(struct backlog *b, const struct iovec *parts, int count);
/* What waits, oldest first; how many pieces: 0 to 2. */
int backlog_pieces(const struct backlog *b, struct iovec out[2]);
/* So many bytes of them went out. */
void backlog_took(struct backlog *b, size_t bytes);
