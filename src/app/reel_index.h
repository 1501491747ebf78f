/* app/reel_index.h - a reel's index, read from the storage. Blocks. */
#pragma once
#include "wire/reelidx.h"

/* fd is of the whole blob of that size and is closed in any case; key: for the reason of a refusal. IO: it cannot be read, or is damaged. */
enum vcr_err reel_index_read(int fd, uint64_t size, const char *key, struct reelidx *ret, struct vcr_why *why);
