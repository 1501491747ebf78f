/* tests/unit/media/live_kit.c - see live_kit.h. */
#include "live_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ring.h"
#include "base/util.h"
#include "kit.h"

enum { RING_BYTES = 64 << 20, BYTES_MAX = 256 << 20, FD_HIGH = 100, SILENCE_MS = 60000 };

struct feeder { int from, to; pthread_t thread; };

static void *feed(void *arg)
{
    struct feeder *f = arg;
    uint8_t bytes[16384];
    for (ssize_t n; (n = read(f->from, bytes, sizeof(bytes))) > 0;)
        if (!vcr_write_all(f->to, bytes, (size_t)n))
            break;
    vcr_close(&f->to);
    vcr_close(&f->from);
    return NULL;
}

static pid_t spawn(const char *kind, const int fds[LIVE_FDS_END - LIVE_FD_INPUT])
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    int high[LIVE_FDS_END - LIVE_FD_INPUT];
    for (size_t i = 0; i < ARRAY_LEN(high); i++)
        high[i] = fcntl(fds[i], F_DUPFD, FD_HIGH);
    for (size_t i = 0; i < ARRAY_LEN(high); i++)
        dup2(high[i], LIVE_FD_INPUT + (int)i);
    for (int fd = LIVE_FDS_END; fd < FD_HIGH + 20; fd++)
        close(fd);
    execl(VCR_INGEST, VCR_INGEST, "--live", kind, (char *)NULL);
    _exit(127);
}

static void take_packet(struct live_kit *k, const struct live_record *r, const uint8_t *body)
{
    assert_true(k->count[r->track] < LIVE_PACKETS_MAX);
    assert_true(k->len + r->len <= BYTES_MAX);
    k->packets[r->track][k->count[r->track]++] = (struct live_kit_packet){ r->flags, r->pts_us, r->duration_us, k->len, r->len };
    memcpy(k->bytes + k->len, body, r->len);
    k->len += r->len;
}

static void take(struct live_kit *k, const uint8_t *record, size_t len)
{
    struct live_record r;
    assert_true(len >= sizeof(r));
    memcpy(&r, record, sizeof(r));
    const uint8_t *body = record + sizeof(r);
    assert_int_equal(r.len, len - sizeof(r));
    assert_true(r.track < LIVE_TRACKS);
    if (r.type == LIVE_NOTE) {
        strncat(k->notes, (const char *)body, VCR_MIN(r.len, sizeof(k->notes) - strlen(k->notes) - 2));
        strcat(k->notes, "\n");
    } else if (r.type == LIVE_FORMAT) {
        struct live_format *f = &k->formats[r.track][k->format_count[r.track]];
        assert_int_equal(r.len, sizeof(*f));
        assert_true(k->format_count[r.track]++ < LIVE_FORMATS_MAX);
        memcpy(f, body, sizeof(*f));
        assert_true(live_format_ok(f, r.track));
    } else {
        assert_int_equal(r.type, LIVE_PACKET);
        assert_true(k->format_count[r.track] > 0); /* a format comes first */
        take_packet(k, &r, body);
    }
}

static void take_all(struct live_kit *k, struct ring *ring)
{
    const uint8_t *record;
    size_t len;
    enum vcr_err err;
    while ((err = ring_peek(ring, &record, &len, NULL)) == VCR_OK) {
        take(k, record, len);
        ring_next(ring);
    }
    assert_int_equal(err, VCR_E_AGAIN);
}

void live_kit_run(struct live_kit *k, const char *kind, const char *file)
{
    struct ring *ring = NULL;
    struct feeder f;
    char path[160];
    int in[2], ring_fd = -1, wake = eventfd(0, EFD_NONBLOCK), key = eventfd(0, EFD_NONBLOCK), status = 0;
    memset(k, 0, sizeof(*k));
    for (int i = 0; i < LIVE_TRACKS; i++)
        k->packets[i] = calloc(LIVE_PACKETS_MAX, sizeof(struct live_kit_packet));
    k->bytes = malloc(BYTES_MAX);
    assert_int_equal(ring_create(&ring, &ring_fd, RING_BYTES, NULL), VCR_OK);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    signal(SIGPIPE, SIG_IGN);
    k->began_us = clock_mono_us();
    pid_t pid = spawn(kind, (int[]){ in[0], ring_fd, wake, key });
    close(in[0]);
    close(ring_fd);
    snprintf(path, sizeof(path), "%s/%s", dir, file);
    f = (struct feeder){ .from = open(path, O_RDONLY), .to = in[1] };
    assert_true(f.from >= 0);
    pthread_create(&f.thread, NULL, feed, &f);
    for (bool over = false; !over;) {
        struct pollfd p = { .fd = wake, .events = POLLIN };
        uint64_t n;
        if (poll(&p, 1, 50) > 0 && read(wake, &n, sizeof(n)) < 0)
            assert_int_equal(errno, EAGAIN);
        over = waitpid(pid, &status, WNOHANG) == pid;
        take_all(k, ring);
        if (clock_mono_us() - k->began_us > SILENCE_MS * 1000)
            kill(pid, SIGKILL);
    }
    pthread_join(f.thread, NULL);
    k->status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    ring_close(&ring);
    close(wake);
    close(key);
}

void live_kit_free(struct live_kit *k)
{
    for (int i = 0; i < LIVE_TRACKS; i++)
        free(k->packets[i]);
    free(k->bytes);
}

double live_kit_seconds(const struct live_kit *k, int track)
{
    int n = k->count[track];
    return n < 2 ? 0 : (double)(k->packets[track][n - 1].pts_us - k->packets[track][0].pts_us) / 1e6;
}
