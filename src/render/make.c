/* render/make.c - see make.h: the program. */
#include "render/make.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "media/canon.h"
#include "media/decode.h"
#include "media/encode.h"
#include "media/scale.h"
#include "render/control.h"
#include "render/seal.h"

enum { NICE = 5 /* a player that waits is worth something, a live picture more */, FILE_BYTES_MAX = 32 << 20, BEAT_US = 300000 };

struct line {
    int fd;
    uint32_t job;              /* at work */
    int64_t beat_us;           /* when the asker was told last */
    bool ended;                /* it closed the socket, or said something that makes no sense */
};

/* Everything that a codec sets up at its first use happens here, before sealing. */
static enum vcr_err warm_up(struct vcr_why *why)
{
    static const struct canon_config small = { .width = 64, .height = 64, .sar_num = 1, .sar_den = 1, .rate_num = 25, .rate_den = 1, .timescale = 25, .crf = 26,
                                               .max_bps = 200000, .level = 31, .colour = { 2, 2, 2, false } };
    static const int16_t silence[AAC_FRAME * 2];
    uint8_t grey[64 * 64 * 3 / 2];
    memset(grey, 128, sizeof(grey));
    struct picture picture = { 64, 64, { grey, grey + 64 * 64, grey + 64 * 64 * 5 / 4 }, { 64, 32, 32 } };
    struct canon *c = NULL;
    struct video_decoder *d = NULL;
    struct scale *s = NULL;
    struct aac_encoder *a = NULL;
    struct audio_encoder *o = NULL;
    struct packet p;
    video_decoder_silence();
    enum vcr_err err = canon_open(&c, &small, why);
    if (err == VCR_OK)
        err = canon_encode(c, &picture, 0, true, &p, why);
    if (err == VCR_OK)
        err = video_decoder_open(&d, why);
    if (err == VCR_OK)
        err = scale_open(&s, 64, 64, 32, 32, why);
    if (err == VCR_OK)
        scale_picture(s, &picture);
    if (err == VCR_OK)
        err = aac_encoder_open(&a, 128000, why);
    for (int i = 0; err == VCR_OK && i < 4; i++)
        err = aac_encode(a, silence, &p, why);
    if (err == VCR_OK)
        err = audio_encoder_open(&o, MAKE_OPUS_BPS, why);
    if (err == VCR_OK)
        err = audio_encode(o, silence, 0, &p, why);
    audio_encoder_close(&o);
    aac_encoder_close(&a);
    scale_close(&s);
    video_decoder_close(&d);
    canon_close(&c);
    return err;
}

/* Room and time that a segment never needs. */
static enum vcr_err limits(struct vcr_why *why)
{
    const struct rlimit file = { FILE_BYTES_MAX, FILE_BYTES_MAX };
    signal(SIGXFSZ, SIG_IGN);
    prctl(PR_SET_NAME, "vcr-make"); /* what ps and top call it: not one of those that send live pictures */
    if (setrlimit(RLIMIT_FSIZE, &file) != 0 || setpriority(PRIO_PROCESS, 0, NICE) != 0)
        return vcr_fail(why, VCR_E_IO, "limits: %s", strerror(errno));
    return VCR_OK;
}

struct asked {
    struct make_job job;
    int fds[MAKE_FDS_MAX];
};

static void close_fds(struct asked *a)
{
    for (int i = 0; i < MAKE_FDS_MAX; i++)
        vcr_close(&a->fds[i]);
}

/* The next message, which must have `len` bytes; 0: it is another one or nothing (when it need not wait). */
static ssize_t receive(struct line *l, struct asked *a, int flags)
{
    _Alignas(struct cmsghdr) char room[CMSG_SPACE(MAKE_FDS_MAX * sizeof(int))];
    struct iovec iov = { &a->job, sizeof(a->job) };
    struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
    memset(a, 0, sizeof(*a));
    for (int i = 0; i < MAKE_FDS_MAX; i++)
        a->fds[i] = -1;
    ssize_t n = recvmsg(l->fd, &h, flags | MSG_CMSG_CLOEXEC);
    int count = 0;
    for (struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&h) : NULL; c; c = CMSG_NXTHDR(&h, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        int got = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (int i = 0; i < got && count < MAKE_FDS_MAX; i++)
            memcpy(&a->fds[count++], CMSG_DATA(c) + (size_t)i * sizeof(int), sizeof(int));
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    l->ended |= n <= 0 || (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    return n;
}

/* Between two pictures: is it still wanted, and the asker's peace of mind. */
static bool go_on(void *arg)
{
    struct line *l = arg;
    struct asked a;
    int64_t now = clock_mono_us();
    ssize_t n = receive(l, &a, MSG_DONTWAIT);
    close_fds(&a);
    if (l->ended || (n >= (ssize_t)sizeof(a.job.h) && a.job.h.type == MAKE_CANCEL && a.job.h.job == l->job))
        return false;
    if (now - l->beat_us >= BEAT_US) {
        struct make_head beat = { MAKE_BEAT, l->job };
        l->beat_us = now;
        control_send(l->fd, &beat, sizeof(beat));
    }
    return true;
}

static int64_t cpu_us(void)
{
    struct timespec t;
    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0 ? t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000 : 0;
}

static void do_job(struct line *l, struct asked *a)
{
    struct vcr_why why = { 0 };
    const struct make_hooks hooks = { go_on, l };
    struct make_done done = { .h = { MAKE_DONE, a->job.h.job } };
    int64_t before = cpu_us();
    l->job = a->job.h.job;
    l->beat_us = clock_mono_us();
    enum vcr_err err = make_segment(&a->job, a->fds, &hooks, &done.bytes, &why);
    for (int i = 1; i < make_job_fds(&a->job); i++)
        a->fds[i] = -1;
    done.err = (uint32_t)err;
    done.cpu_us = (uint32_t)(cpu_us() - before);
    if (err != VCR_OK)
        vcr_strcpy(done.text, sizeof(done.text), why.text);
    control_send(l->fd, &done, sizeof(done));
}

enum vcr_err make_run(const struct make_config *config, struct vcr_why *why)
{
    static const struct make_head ready = { MAKE_READY, 0 };
    struct line l = { .fd = config->control_fd };
    enum vcr_err err = warm_up(why);
    if (err == VCR_OK && config->seals)
        err = limits(why);
    if (err == VCR_OK && config->seals)
        err = seal(l.fd, why);
    if (err == VCR_OK && !control_send(l.fd, &ready, sizeof(ready)))
        err = vcr_fail(why, VCR_E_IO, "the control socket takes nothing");
    while (err == VCR_OK && !l.ended) {
        struct asked a;
        ssize_t n = receive(&l, &a, 0);
        if (n == (ssize_t)sizeof(a.job) && a.job.h.type == MAKE_JOB)
            do_job(&l, &a);
        else if (n > 0 && a.job.h.type != MAKE_CANCEL) /* a cancel that came too late is nothing */
            log_warn("make", "a message that is none");
        close_fds(&a);
    }
    return err;
}
