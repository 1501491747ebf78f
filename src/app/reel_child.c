/* app/reel_child.c - see reel_child.h. The child reads and writes descriptors alone: 3 the reel, 4 its report, 5 and 6 what it makes, 7 the reel's index. */
#include "app/reel_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/child.h"
#include "base/clock.h"

enum { CHILD_FDS = 5, POLL_MS = 500 };

static enum vcr_err open_blob(const struct reel_child *c, const char *key, int *fd, struct vcr_why *why)
{
    uint64_t size;
    int low = -1;
    enum vcr_err err = blob_open_fd(c->blobs, key, &low, &size, why);
    if (err == VCR_OK && (*fd = child_fd(low)) < 0)
        err = vcr_fail(why, VCR_E_IO, "%s", strerror(errno));
    vcr_close(&low);
    return err;
}

/* Until the child closes its report, at most limit_ms. What it says is not needed: its files and its status tell. */
static bool wait_for(const struct reel_child *c, pid_t child, int report)
{
    int64_t end_us = clock_mono_us() + c->limit_ms * 1000;
    bool open = true;
    while (open && clock_mono_us() < end_us && c->keep_on(c->arg)) {
        struct pollfd f = { .fd = report, .events = POLLIN };
        char bytes[512];
        if (poll(&f, 1, POLL_MS) > 0)
            open = read(report, bytes, sizeof(bytes)) > 0;
    }
    int status = child_reap(child, open);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static enum vcr_err run(const struct reel_child *c, int fds[CHILD_FDS], int report, struct vcr_why *why)
{
    char *argv[REEL_CHILD_WORDS_MAX + 2] = { (char *)(uintptr_t)c->program };
    pid_t child;
    for (int i = 0; i < REEL_CHILD_WORDS_MAX && c->words[i]; i++)
        argv[i + 1] = (char *)(uintptr_t)c->words[i];
    enum vcr_err err = child_start(&child, argv, fds, CHILD_FDS, why);
    vcr_close(&fds[1]); /* the child's end of the report: else it would never close */
    if (err != VCR_OK)
        return err;
    return wait_for(c, child, report) ? VCR_OK : vcr_fail(why, VCR_E_IO, "it could not be made");
}

/* Both files become visible. Empty ones: nothing came of it. */
static enum vcr_err keep(struct reel_child *c, struct blob_writer *writers[2], struct vcr_why *why)
{
    uint64_t size;
    char sha[65];
    c->some = lseek(blob_writer_fd(writers[1]), 0, SEEK_END) > 0;
    if (!c->some)
        return VCR_OK;
    enum vcr_err err = blob_commit(&writers[0], sha, &c->size_bytes, why);
    return err == VCR_OK ? blob_commit(&writers[1], sha, &size, why) : err;
}

enum vcr_err reel_child_make(struct reel_child *c, struct vcr_why *why)
{
    int fds[CHILD_FDS] = { -1, -1, -1, -1, -1 }, pipe_fds[2] = { -1, -1 };
    struct blob_writer *writers[2] = { NULL, NULL };
    const char *keys[2] = { c->to_blob, c->to_index };
    enum vcr_err err = open_blob(c, c->from_blob, &fds[0], why);
    if (err == VCR_OK)
        err = open_blob(c, c->from_index, &fds[4], why);
    if (err == VCR_OK && pipe2(pipe_fds, O_CLOEXEC) != 0)
        err = vcr_fail(why, VCR_E_IO, "pipe: %s", strerror(errno));
    if (err == VCR_OK)
        fds[1] = child_fd(pipe_fds[1]);
    vcr_close(&pipe_fds[1]);
    for (int i = 0; err == VCR_OK && i < 2; i++) {
        err = blob_begin(c->blobs, keys[i], &writers[i], why);
        if (err == VCR_OK)
            fds[2 + i] = child_fd(blob_writer_fd(writers[i]));
    }
    if (err == VCR_OK)
        err = run(c, fds, pipe_fds[0], why);
    if (err == VCR_OK)
        err = keep(c, writers, why);
    for (int i = 0; i < 2; i++)
        if (writers[i])
            blob_abort(&writers[i]);
    for (int i = 0; i < CHILD_FDS; i++)
        vcr_close(&fds[i]);
    vcr_close(&pipe_fds[0]);
    return err;
}
