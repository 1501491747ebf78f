/* app/child.c - see child.h. */
#include "app/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

int child_fd(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, CHILD_FD_HIGH); }

enum vcr_err child_start(pid_t *ret, char *const arguments[], const int *fds, int count, struct vcr_why *why)
{
    char *environment[] = { (char[]){ "LC_ALL=C.UTF-8" }, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int i = 0; i < count; i++)
        posix_spawn_file_actions_adddup2(&actions, fds[i], CHILD_FD_FIRST + i);
    posix_spawn_file_actions_addclosefrom_np(&actions, CHILD_FD_FIRST + count);
    int rc = posix_spawn(ret, arguments[0], &actions, NULL, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    return rc == 0 ? VCR_OK : vcr_fail(why, VCR_E_IO, "vcr-ingest does not start: %s", strerror(rc));
}

int child_reap(pid_t child, bool kill_it)
{
    int status = 0;
    if (kill_it)
        kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}
