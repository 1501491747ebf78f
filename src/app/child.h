/* app/child.h - a vcr-ingest that works for a job: started with descriptors in place of names, and its end.
 *
 * Its first descriptor is CHILD_FD_FIRST, the others follow; it has standard error and no other. Descriptors are made by child_fd, well above those numbers, so that
 * giving the child's their places overwrites none. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/why.h"

enum { CHILD_FD_FIRST = 3, CHILD_FD_HIGH = 64 };

/* A duplicate of fd for a child; -1: there are too many. */
int child_fd(int fd);
/* arguments end with NULL, the first is the program. */
enum vcr_err child_start(pid_t *ret, char *const arguments[], const int *fds, int count, struct vcr_why *why);
/* Its status, as of waitpid; kill: it is to end now. */
int child_reap(pid_t child, bool kill_it);
