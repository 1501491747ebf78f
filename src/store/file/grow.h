/* store/file/grow.h - blobs that grow in place under "<key>.part" until they are sealed; for blob.c. */
#pragma once
#include <stdbool.h>

#include "base/why.h"

enum vcr_err grow_open(int store_fd, const char *key, bool create, int *ret_fd, struct vcr_why *why);
enum vcr_err grow_seal(int store_fd, const char *key, struct vcr_why *why);
enum vcr_err grow_list(int store_fd, const char *name, void (*each)(void *arg, const char *key), void *arg, struct vcr_why *why);
