/* tests/unit/session/fake_render.c - stands in for vcr-render: answers every change of a deck with one packet that says in words what it knows, and has the
 * faults that a real one may have. The look named in a snapshot asks for one: "garbage", "ring", "time", "silent", "crash" happen once (a file in FAKE_RENDER_DIR
 * remembers), "fail" whenever it is told. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ring.h"
#include "base/util.h"
#include "deck/snapshot.h"
#include "wire/render_msg.h"

static struct seat {
    bool open;
    char tape[32];
    long long rate;
    struct deck_snapshot snap;
} seats[RENDER_SEAT_MAX];
static struct ring *ring;

static bool first_time(const char *fault)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", getenv("FAKE_RENDER_DIR"), fault);
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    bool made = fd >= 0;
    vcr_close(&fd);
    return made;
}

static void wake(void)
{
    uint64_t one = 1;
    if (write(RENDER_FD_WAKE, &one, sizeof(one)) < 0)
        _exit(3);
}

static void send_packet_of_the_end_of_time(uint32_t seat)
{
    struct render_packet head = { .seat = seat, .len = 1, .pts_us = INT64_MAX };
    ring_write(ring, &head, sizeof(head), "x", 1, NULL);
    wake();
}

static void say(uint32_t seat, uint8_t flags)
{
    char text[128];
    struct seat *s = &seats[seat];
    int n = snprintf(text, sizeof(text), "pid=%d open=%d tape=%s mode=%s seq=%u rate=%lld;", getpid(), s->open, s->tape,
                     deck_mode_name(s->snap.mode), s->snap.seq, s->rate);
    struct render_packet head = { .seat = seat, .flags = flags, .command_seq = s->snap.seq, .len = (uint32_t)n, .tape_us = -1 };
    ring_write(ring, &head, sizeof(head), text, (size_t)n, NULL);
    wake();
}

static void send_message(const void *msg, size_t len)
{
    if (send(RENDER_FD_CONTROL, msg, len, MSG_NOSIGNAL) < 0)
        _exit(0);
}

static void scribble_over_the_ring(void)
{
    struct stat st;
    if (fstat(RENDER_FD_RING, &st) != 0)
        _exit(4);
    void *all = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, RENDER_FD_RING, 0);
    if (all == MAP_FAILED)
        _exit(5);
    memset(all, 0x5a, (size_t)st.st_size);
    wake();
}

static void misbehave(uint32_t seat, const char *fault)
{
    struct render_failed failed = { .h = { RENDER_FAILED, seat }, .text = "the reel ends early" };
    if (strcmp(fault, "fail_thrice") == 0 && (first_time("fail1") || first_time("fail2") || first_time("fail3")))
        send_message(&failed, sizeof(failed));
    else if (strcmp(fault, "garbage") == 0 && first_time(fault))
        send_message("\xff\xff\xff\xffnonsense", 12);
    else if (strcmp(fault, "ring") == 0 && first_time(fault))
        scribble_over_the_ring();
    else if (strcmp(fault, "time") == 0 && first_time(fault))
        send_packet_of_the_end_of_time(seat);
    else if (strcmp(fault, "silent") == 0 && first_time(fault))
        for (;;)
            pause();
    else if (strcmp(fault, "crash_twice") == 0 && (first_time("crash1") || first_time("crash2")))
        abort();
    else if (strcmp(fault, "crash") == 0 && first_time(fault))
        abort();
}

static void heard_tape(uint32_t seat, const struct render_tape *m, const int *fds, int count)
{
    struct seat *s = &seats[seat];
    memset(s->tape, 0, sizeof(s->tape));
    if (m->has && (count < 2 || pread(fds[0], s->tape, sizeof(s->tape) - 1, 0) <= 0))
        vcr_strcpy(s->tape, sizeof(s->tape), "unreadable");
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

static void heard(const void *msg, const int *fds, int count)
{
    const struct render_head *h = msg;
    if (h->seat >= RENDER_SEAT_MAX)
        _exit(6);
    if (h->type == RENDER_OPEN) {
        seats[h->seat].open = true;
    } else if (h->type == RENDER_CLOSE) {
        memset(&seats[h->seat], 0, sizeof(seats[0]));
    } else if (h->type == RENDER_TAPE) {
        heard_tape(h->seat, msg, fds, count);
    } else if (h->type == RENDER_RATE) {
        seats[h->seat].rate = (long long)((const struct render_value *)msg)->value;
        say(h->seat, 0);
    } else if (h->type == RENDER_KEY) {
        say(h->seat, 1);
    } else if (h->type == RENDER_DECK) {
        memcpy(&seats[h->seat].snap, ((const struct render_deck *)msg)->snapshot, sizeof(struct deck_snapshot));
        say(h->seat, 0);
        misbehave(h->seat, seats[h->seat].snap.look);
    }
}

static void receive(void)
{
    _Alignas(8) char msg[2048];
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int) * 8)];
    } ancillary;
    struct iovec iov = { msg, sizeof(msg) };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof(ancillary) };
    if (recvmsg(RENDER_FD_CONTROL, &m, 0) <= 0)
        _exit(0); /* vcrd is gone */
    int fds[8], count = 0;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c && c->cmsg_type == SCM_RIGHTS) {
        count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds, CMSG_DATA(c), (size_t)count * sizeof(int));
    }
    heard(msg, fds, count);
}

int main(void)
{
    struct render_head ready = { RENDER_READY, 0 };
    if (ring_attach(&ring, RENDER_FD_RING, NULL) != VCR_OK)
        return 2;
    send_message(&ready, sizeof(ready));
    for (;;) {
        struct pollfd p = { .fd = RENDER_FD_CONTROL, .events = POLLIN };
        if (poll(&p, 1, 100) > 0) {
            receive();
            continue;
        }
        struct render_stats stats = { .h = { RENDER_STATS, 0 }, .frames = 30 };
        send_message(&stats, sizeof(stats));
    }
}
