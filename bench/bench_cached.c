/* bench/bench_cached.c - sessions that are sent from made segments: how many a core, and what memory one takes, in the program itself and in real time.
 *
 * All of them play a two-hour tape through settled PLAY, whose segments this bench hands out as vcrd does. The baseline is the same sessions without
 * made segments, as many as two, in the same round. The program's CPU is counted, its sender's and the viewers' packets are not. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/packet.h"
#include "base/ring.h"
#include "base/util.h"
#include "deck/snapshot.h"
#include "media/decode.h"
#include "render/make.h"
#include "row.h"
#include "tape.h"
#include "wire/render_msg.h"

enum { BITRATE = 2400000, CACHED = 60, DRAWN = 2, SEGMENTS = 14, BEGIN_A_SECOND = 6, SETTLE_US = 8000000, MEASURE_US = 6000000,
       FROM_US = 1600000 /* a little before the second segment, so that none is drawn for long */ };

/* ---- what is made ---- */
static int made[2][SEGMENTS], inits[2];

static int make(const struct tape *t, bool sound, bool init, uint32_t number)
{
    struct vcr_why why;
    uint64_t bytes;
    uint32_t each = sound ? 100 : 60;
    struct make_job j = { .h = { MAKE_JOB, 1 }, .kind = sound ? MAKE_TAPE_OPUS : MAKE_TAPE_VIDEO, .init = init, .sound = 2, .seed = 3, .number = number, .first = number * each,
                          .count = each, .width = 720, .height = 480, .max_bps = sound ? MAKE_OPUS_BPS : 4000000, .look = "family" };
    int fds[MAKE_FDS] = { memfd_create("segment", MFD_CLOEXEC), init ? -1 : dup(t->fds[sound ? 2 : 0]), init ? -1 : dup(t->fds[sound ? 3 : 1]) };
    tape_check(make_segment(&j, fds, NULL, &bytes, &why), &why);
    return fds[0];
}

static void make_all(const struct tape *t)
{
    for (int sound = 0; sound < 2; sound++) {
        inits[sound] = make(t, sound, true, 0);
        for (uint32_t n = 0; n < SEGMENTS; n++)
            made[sound][n] = make(t, sound, false, n);
    }
}

/* ---- the program ---- */
struct program {
    pid_t pid;
    int control, wake;
    struct ring *ring;
    uint64_t sent, replayed;     /* pictures */
};

/* The last core is the program's alone, the others are this bench's. */
static void pin(bool last)
{
    cpu_set_t set;
    int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    CPU_ZERO(&set);
    for (int i = 0; i < cores; i++)
        if (cores == 1 || (i == cores - 1) == last)
            CPU_SET(i, &set);
    sched_setaffinity(0, sizeof(set), &set);
}

static void program_start(struct program *p)
{
    struct vcr_why why;
    int pair[2], ring_fd;
    memset(p, 0, sizeof(*p));
    p->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    tape_check(ring_create(&p->ring, &ring_fd, 16 << 20, &why), &why);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        exit(1);
    pin(false);
    p->pid = fork();
    if (p->pid == 0) {
        int from[3] = { fcntl(pair[1], F_DUPFD, 20), fcntl(ring_fd, F_DUPFD, 20), fcntl(p->wake, F_DUPFD, 20) };
        pin(true);
        for (int i = 0; i < 3; i++)
            dup2(from[i], RENDER_FD_CONTROL + i);
        close_range(RENDER_FD_WAKE + 1, ~0u, 0);
        execl(VCR_RENDER, VCR_RENDER, (char *)NULL);
        _exit(127);
    }
    vcr_close(&pair[1]);
    vcr_close(&ring_fd);
    p->control = pair[0];
}

static void program_stop(struct program *p)
{
    vcr_close(&p->control);
    waitpid(p->pid, NULL, 0);
    ring_close(&p->ring);
    vcr_close(&p->wake);
}

static void tell(const struct program *p, const void *msg, size_t len, const int *fds, int count)
{
    _Alignas(struct cmsghdr) char room[CMSG_SPACE(4 * sizeof(int))] = { 0 };
    struct iovec iov = { (void *)(uintptr_t)msg, len };
    struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
    if (count > 0) {
        h.msg_control = room;
        h.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * (size_t)count);
    }
    if (sendmsg(p->control, &h, MSG_NOSIGNAL) != (ssize_t)len)
        exit(1);
}

static void answer(const struct program *p, struct render_piece m)
{
    bool sound = m.kind == RENDER_PIECE_SOUND;
    m.h.type = RENDER_PIECE;
    m.has = m.number < SEGMENTS ? RENDER_PIECE_HERE : RENDER_PIECE_NOT_YET;
    tell(p, &m, sizeof(m), (int[2]){ m.number < SEGMENTS ? made[sound][m.number] : -1, inits[sound] }, m.has == RENDER_PIECE_HERE ? 2 : 0);
}

static void serve(struct program *p, int64_t until_us)
{
    for (int64_t now; (now = clock_mono_us()) < until_us;) {
        struct pollfd f[2] = { { .fd = p->control, .events = POLLIN }, { .fd = p->wake, .events = POLLIN } };
        union { struct render_head h; struct render_piece piece; char room[1024]; } m;
        const uint8_t *record;
        size_t len;
        uint64_t count;
        poll(f, 2, (int)((until_us - now) / 1000) + 1);
        if (read(p->wake, &count, sizeof(count)) > 0)
            for (; ring_peek(p->ring, &record, &len, NULL) == VCR_OK; ring_next(p->ring)) {
                struct render_packet head;
                memcpy(&head, record, sizeof(head));
                p->sent += head.track == PACKET_VIDEO;
                p->replayed += head.track == PACKET_VIDEO && head.flags & PACKET_REPLAYED;
            }
        for (ssize_t got; (got = recv(p->control, &m, sizeof(m), MSG_DONTWAIT)) >= 0;) {
            if (got == 0) {
                fprintf(stderr, "bench_cached: vcr-render has ended\n");
                exit(1);
            }
            if (m.h.type == RENDER_WANT_PIECE && got == (ssize_t)sizeof(m.piece))
                answer(p, m.piece);
        }
    }
}

/* Sessions that begin one after another: as they ask for segments, spread over time. */
static void begin(struct program *p, const struct tape *t, uint32_t sessions, bool pieces)
{
    for (uint32_t seat = 0; seat < sessions; seat++) {
        struct render_open open = { .h = { RENDER_OPEN, seat }, .pieces = pieces, .bitrate_bps = BITRATE };
        struct render_tape tape = { .h = { RENDER_TAPE, seat }, .in = 1, .has = RENDER_HAS_VIDEO | RENDER_HAS_AUDIO, .tape = 1 };
        struct render_deck m = { .h = { RENDER_DECK, seat }, .len = sizeof(struct deck_snapshot) };
        struct deck_snapshot snap = { .seq = 1, .mode = DECK_PLAY, .picture = DECK_PICTURE_TAPE, .sound = DECK_SOUND_HIFI, .servo = DECK_SERVO_LOCKED, .since_us = clock_mono_us(), .pos_us = FROM_US,
                                      .length_us = 7200000000, .rate = 65536, .rate_from = 65536, .seed = 3, .tracking = INT16_MIN, .look = "family", .osd_counter_line = -1 };
        memcpy(m.snapshot, &snap, sizeof(snap));
        tell(p, &open, sizeof(open), NULL, 0);
        tell(p, &tape, sizeof(tape), t->fds, 4);
        tell(p, &m, sizeof(m), NULL, 0);
        serve(p, clock_mono_us() + 1000000 / BEGIN_A_SECOND);
    }
}

/* ---- what it takes ---- */
static double cpu_s(pid_t pid)
{
    char path[64], text[1024];
    unsigned long user = 0, sys = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    text[n] = '\0';
    if (f)
        fclose(f);
    const char *after = strrchr(text, ')');
    if (!after || sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) != 2)
        exit(1);
    return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

/* What it has to itself: the ring's pages are shared by all sessions. */
static double rss_mb(pid_t pid)
{
    char path[64];
    long pages = 0, shared = 0;
    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    FILE *f = fopen(path, "r");
    if (!f || fscanf(f, "%*d %ld %ld", &pages, &shared) != 2)
        exit(1);
    fclose(f);
    return (double)(pages - shared) * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

struct result {
    double a_core, mb, replayed;
};

static struct result play(const struct tape *t, uint32_t sessions, bool pieces)
{
    struct program p;
    struct result r;
    program_start(&p);
    serve(&p, clock_mono_us() + 500000);
    double empty_mb = rss_mb(p.pid);
    begin(&p, t, sessions, pieces);
    serve(&p, clock_mono_us() + SETTLE_US);
    p.sent = p.replayed = 0;
    double before = cpu_s(p.pid);
    int64_t from_us = clock_mono_us();
    serve(&p, from_us + MEASURE_US);
    r.a_core = sessions * ((double)(clock_mono_us() - from_us) / 1e6) / (cpu_s(p.pid) - before);
    r.mb = (rss_mb(p.pid) - empty_mb) / sessions;
    r.replayed = (double)p.replayed / (double)VCR_MAX(p.sent, (uint64_t)1);
    printf("%u sessions: %.1f a core, %.2f MB each, %.0f %% of %llu pictures were made ones\n", sessions, r.a_core, r.mb, 100 * r.replayed, (unsigned long long)p.sent);
    program_stop(&p);
    return r;
}

int main(int argc, char **argv)
{
    struct tape t;
    struct rlimit files;
    char note[96];
    double cached[BENCH_ROUNDS], drawn[BENCH_ROUNDS], mb[BENCH_ROUNDS], drawn_mb[BENCH_ROUNDS], replayed = 1;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    video_decoder_silence();
    tape_make(&t, true);
    make_all(&t);
    if (argc == 2) {
        play(&t, (uint32_t)atoi(argv[1]), true);
        return 0;
    }
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        struct result with = play(&t, CACHED, true), without = play(&t, DRAWN, false);
        cached[i] = with.a_core, mb[i] = with.mb, drawn[i] = without.a_core, drawn_mb[i] = without.mb;
        replayed = VCR_MIN(replayed, with.replayed);
    }
    snprintf(note, sizeof(note), "at 29.97, %d of them, at least %.0f %% of the pictures made ones", CACHED, 100 * replayed);
    bench_row(&(struct bench_row){ "cached sessions a core", "", bench_median(cached), note, "the same sessions drawn", bench_median(drawn), BENCH_AT_LEAST, 300 });
    bench_row(&(struct bench_row){ "cached session: memory of vcr-render", "MB", bench_median(mb), "2 h tape", "a drawn one", bench_median(drawn_mb), BENCH_BELOW, 1 });
    return 0;
}
