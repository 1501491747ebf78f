/* fake_make.c - speaks make_msg.h in vcr-render's place; what it does with a job is in the job's look: "good", "wait" (until it is cancelled), "gate" (until a file of that
 * number is in the folder), "die" (the first time, ever), "dies" (each time), "hang", "babble", "cannot", "full" (the first time). Its segments hold the job's number
 * and their own; beside it lie files that tell what was begun, made and cancelled, and in which order. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"
#include "base/why.h"
#include "wire/make_msg.h"

static char folder[256]; /* where this program lies: also its memory over its own death */

static bool first_time(const char *what, uint32_t first)
{
    char path[400];
    snprintf(path, sizeof(path), "%s/%s-%u", folder, what, first);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool is = fd >= 0;
    vcr_close(&fd);
    return is;
}

static int receive(struct make_job *job, int flags)
{
    int fd = -1;
    _Alignas(struct cmsghdr) char room[CMSG_SPACE(MAKE_FDS * sizeof(int))];
    struct iovec iov = { job, sizeof(*job) };
    struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
    ssize_t n = recvmsg(MAKE_FD_CONTROL, &h, flags);
    if (n == 0)
        exit(0);
    if (n < 0)
        return -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
        int got[MAKE_FDS], count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(got, CMSG_DATA(c), (size_t)count * sizeof(int));
        fd = got[0];
        for (int i = 1; i < count; i++)
            close(got[i]);
    }
    return fd;
}

static void say(const void *msg, size_t len)
{
    if (send(MAKE_FD_CONTROL, msg, len, MSG_NOSIGNAL) != (ssize_t)len)
        exit(0);
}

static void nap(void) { nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL); }

/* Until somebody opens the gate; beats. False: cancelled. */
static bool pass_gate(const struct make_job *j, bool opens)
{
    char path[400];
    struct make_job m = { 0 };
    snprintf(path, sizeof(path), "%s/open-%u", folder, j->first);
    for (;;) {
        if (opens && access(path, F_OK) == 0)
            return true;
        struct make_head beat = { MAKE_BEAT, j->h.job };
        say(&beat, sizeof(beat));
        nap();
        receive(&m, MSG_DONTWAIT);
        if (m.h.type == MAKE_CANCEL && m.h.job == j->h.job)
            return false;
    }
}

static void obey(const struct make_job *j, int fd)
{
    struct make_done done = { .h = { MAKE_DONE, j->h.job } };
    first_time("begun", j->first);
    if (strcmp(j->look, "dies") == 0 || (strcmp(j->look, "die") == 0 && first_time("die", j->first)))
        raise(SIGKILL);
    if (strcmp(j->look, "hang") == 0 && first_time("hang", j->first))
        for (;;)
            nap();
    if (strcmp(j->look, "babble") == 0 && first_time("babble", j->first))
        say("what?", 5);
    if (strcmp(j->look, "cannot") == 0) {
        done.err = VCR_E_IO;
        vcr_strcpy(done.text, sizeof(done.text), "no, I cannot");
    } else if (strcmp(j->look, "full") == 0 && first_time("full", j->first)) {
        done.err = VCR_E_FULL;
    } else if ((strcmp(j->look, "wait") == 0 && !pass_gate(j, false)) || (strcmp(j->look, "gate") == 0 && !pass_gate(j, true))) {
        first_time("cancelled", j->first);
        done.err = VCR_E_STALE;
    } else {
        char text[64];
        int n = snprintf(text, sizeof(text), "%u of job %u", j->first, j->h.job);
        vcr_write_all(fd, text, (size_t)n);
        char path[400];
        snprintf(path, sizeof(path), "%s/order", folder);
        int order = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        n = snprintf(text, sizeof(text), "%u ", j->first);
        vcr_write_all(order, text, (size_t)n);
        vcr_close(&order);
        first_time("made", j->first);
    }
    say(&done, sizeof(done));
}

int main(int argc, char **argv)
{
    static const struct make_head ready = { MAKE_READY, 0 };
    vcr_strcpy(folder, sizeof(folder), argv[0]);
    *strrchr(folder, '/') = '\0';
    say(&ready, sizeof(ready));
    for (;;) {
        struct make_job job = { 0 };
        int fd = receive(&job, 0);
        if (job.h.type == MAKE_JOB)
            obey(&job, fd);
        vcr_close(&fd);
    }
}
