/* store/file/folder.h - keys as paths below the store's folder. Every path is opened segment by segment with openat and O_NOFOLLOW: a link that someone put there leads nowhere. */
#pragma once
#include <stdbool.h>

#include "base/why.h"

enum { FOLDER_KEY_MAX = 200, FOLDER_DEPTH_MAX = 16 };
extern const char folder_part_mark[]; /* no key has it: a key's last segment with it is refused */

/* By errno: FULL, NOT_FOUND, else IO. */
enum vcr_err folder_fail(struct vcr_why *why, const char *what);
/* A key, or with folder a prefix that ends in '/'. */
bool folder_key_ok(const char *key, bool folder);
/* Opens the folder of key (all before the last '/'), making what is missing when make; *ret_name is the rest of key. -1 with errno. */
int folder_open(int store_fd, const char *key, bool make, const char **ret_name);
