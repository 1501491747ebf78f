/* store/file/kept.h - descriptors of blobs that are read again and again, kept open: a segment then costs no walk through folders and no other thread.
 *
 * Of KEPT_MAX blobs, the one not asked for the longest goes first; after KEPT_MS each is opened anew, or closed by kept_tidy. Who deletes or replaces a blob drops it
 * here afterwards; what was opened before that and comes later (kept_stamp) is not taken. Threads: any; a mutex, held for a scan of the table. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { KEPT_MAX = 64, KEPT_MS = 60000, KEPT_KEY_BYTES = 201 };

struct kept;
struct kept *kept_open(void);
void kept_close(struct kept **k);
/* A duplicate for the caller; false when it is not there. */
bool kept_get(struct kept *k, const char *key, int *ret_fd, uint64_t *ret_size);
/* Before a blob is opened to be put in. */
uint64_t kept_stamp(struct kept *k);
/* Takes a duplicate of fd, unless something was dropped since the stamp. */
void kept_put(struct kept *k, uint64_t stamp, const char *key, int fd, uint64_t size);
/* Closes what was opened more than KEPT_MS before now_us, asked for or not. */
void kept_tidy(struct kept *k, int64_t now_us);
/* A key, or a prefix that ends in '/'. */
void kept_drop(struct kept *k, const char *key);
