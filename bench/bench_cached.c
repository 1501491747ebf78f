/* bench/bench_cached.c - sessions that are sent from made segments: how many a core, what memory one takes, and how soon a key press shows there, in the program itself and in real time.
 *
 * Hundreds of them play a two-hour tape through settled PLAY; this bench hands out the segments as vcrd does, the same few again and again, since they are only sent. The baseline is the
 * same sessions without made segments, as many as two, in the same seconds on the same core. The program's CPU is counted; its sender's and the viewers' packets are not. */
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

enum { BITRATE = 2400000, DRAWN = 2, SEGMENTS = 3, SETTLE_US = 3500000, MEASURE_US = 1000000, PRESSES = 21,
       FROM_US = 1960000 /* a little before the second segment, so that none is drawn for long */ };

/* The tape's look at one of its two rates. */
struct kind {
    const char *name;
    bool field_rate;
    uint32_t sessions;
};

/* ---- what is made ---- */
static int made[2][SEGMENTS], inits[2];

static int make(const struct tape *t, bool field_rate, bool sound, bool init, uint32_t number)
{
    struct vcr_why why;
    uint64_t bytes;
    uint32_t each = sound ? 100 : field_rate ? 120 : 60;
    struct make_job j = { .h = { MAKE_JOB, 1 }, .kind = sound ? MAKE_TAPE_OPUS : MAKE_TAPE_VIDEO, .init = init, .field_rate = field_rate, .sound = 2, .seed = 3, .number = number, .first = number * each,
                          .count = each, .width = 720, .height = 480, .max_bps = sound ? MAKE_OPUS_BPS : 4000000, .look = "family" };
    int fds[MAKE_FDS] = { memfd_create("segment", MFD_CLOEXEC), init ? -1 : dup(t->fds[sound ? 2 : 0]), init ? -1 : dup(t->fds[sound ? 3 : 1]) };
    tape_check(make_segment(&j, fds, NULL, &bytes, &why), &why);
    return fds[0];
}

static void make_all(const struct tape *t, bool field_rate)
{
    for (int sound = 0; sound < 2; sound++) {
        vcr_close(&inits[sound]);
        inits[sound] = make(t, field_rate, sound, true, 0);
        for (uint32_t n = 0; n < SEGMENTS; n++) {
            vcr_close(&made[sound][n]);
            made[sound][n] = make(t, field_rate, sound, false, n);
        }
    }
}

/* ---- the program ---- */
struct program {
    pid_t pid;
    int control, wake;
    struct ring *ring;
    const struct tape *tape;
    bool field_rate;
    uint64_t sent, replayed;     /* pictures */
    uint32_t pressed, press_seq; /* a seat whose key was pressed: its first picture since */
    int64_t shown_us;            /* when that came, 0: not yet */
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

static void program_start(struct program *p, const struct tape *t, bool field_rate)
{
    struct vcr_why why;
    int pair[2], ring_fd;
    memset(p, 0, sizeof(*p));
    p->tape = t;
    p->field_rate = field_rate;
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
    m.has = RENDER_PIECE_HERE;
    tell(p, &m, sizeof(m), (int[2]){ made[sound][m.number % SEGMENTS], inits[sound] }, 2);
}

static void see(struct program *p, const struct render_packet *head)
{
    if (head->track != PACKET_VIDEO)
        return;
    p->sent++;
    p->replayed += (head->flags & PACKET_REPLAYED) != 0;
    if (head->seat == p->pressed && head->command_seq == p->press_seq && p->shown_us == 0)
        p->shown_us = clock_mono_us();
}

/* Until then, or until the pressed key shows. */
static void serve(struct program *p, int64_t until_us)
{
    for (int64_t now; (now = clock_mono_us()) < until_us && !(p->press_seq && p->shown_us);) {
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
                see(p, &head);
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

/* Both for a while, by turns. */
static void both(struct program *a, struct program *b, int64_t for_us)
{
    for (int64_t until_us = clock_mono_us() + for_us; clock_mono_us() < until_us;) {
        serve(a, VCR_MIN(clock_mono_us() + 5000, until_us));
        serve(b, VCR_MIN(clock_mono_us() + 5000, until_us));
    }
}

/* Tells a seat what its deck does from now on. */
static void deck(const struct program *p, uint32_t seat, uint32_t seq, uint8_t mode, int64_t pos_us)
{
    struct render_deck m = { .h = { RENDER_DECK, seat }, .len = sizeof(struct deck_snapshot) };
    int32_t rate = mode == DECK_PLAY ? 65536 : mode == DECK_CUE ? 5 * 65536 : 0;
    struct deck_snapshot snap = { .seq = seq, .mode = mode, .picture = mode == DECK_STOP ? DECK_PICTURE_BLUE : DECK_PICTURE_TAPE, .sound = mode == DECK_PLAY ? DECK_SOUND_HIFI : DECK_SOUND_MUTED,
                                  .servo = DECK_SERVO_LOCKED, .since_us = clock_mono_us(), .pos_us = pos_us, .length_us = 7200000000, .rate = rate, .rate_from = rate, .seed = 3,
                                  .tracking = INT16_MIN, .look = "family", .osd_counter_line = -1 };
    memcpy(m.snapshot, &snap, sizeof(snap));
    tell(p, &m, sizeof(m), NULL, 0);
}

/* Sessions that begin one after another, as fast as the core has room for beside those that are there: as they ask for segments, spread over time. */
static void begin(struct program *p, uint32_t sessions, bool pieces)
{
    enum { BEGIN_US = 45000, EACH_PPM = 1500 /* of a core */ };
    for (uint32_t seat = 0; seat < sessions; seat++) {
        struct render_open open = { .h = { RENDER_OPEN, seat }, .field_rate = p->field_rate, .pieces = pieces, .bitrate_bps = BITRATE };
        struct render_tape tape = { .h = { RENDER_TAPE, seat }, .in = 1, .has = RENDER_HAS_VIDEO | RENDER_HAS_AUDIO, .field_rate = p->field_rate, .tape = 1 };
        tell(p, &open, sizeof(open), NULL, 0);
        tell(p, &tape, sizeof(tape), p->tape->fds, 4);
        deck(p, seat, 1, DECK_PLAY, FROM_US);
        serve(p, clock_mono_us() + INT64_C(1000000) * BEGIN_US / (1000000 - EACH_PPM * (int64_t)seat));
    }
}

/* ---- what it takes ---- */
static double cpu_s(pid_t pid)
{
    char path[64];
    unsigned long long ran_ns;
    snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid); /* it has one thread */
    FILE *f = fopen(path, "r");
    if (!f || fscanf(f, "%llu", &ran_ns) != 1)
        exit(1);
    fclose(f);
    return (double)ran_ns / 1e9;
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

/* ---- how soon a key press shows ---- */
struct presses {
    double ms[PRESSES], worst_ms, p50_ms;
    double cpu_ms[PRESSES], worst_cpu_ms, p50_cpu_ms; /* of the whole program meanwhile */
};

/* Keys on seat after seat, each at another place of its segment: PAUSE, STOP, CUE; after it the deck PLAYs again. */
static void press(struct program *p, uint32_t sessions, struct presses *ret)
{
    static const uint8_t modes[] = { DECK_PAUSE, DECK_STOP, DECK_CUE };
    for (int i = 0; i < PRESSES; i++) {
        int64_t pos_us = FROM_US + 20000000 + INT64_C(97000) * i, pressed_us;
        p->pressed = sessions == 1 ? 0 : (uint32_t)i * 7 % sessions;
        serve(p, clock_mono_us() + 150000 + 7000 * i);
        p->press_seq = 100 + 2 * (uint32_t)i;
        p->shown_us = 0;
        double before_s = cpu_s(p->pid);
        pressed_us = clock_mono_us();
        deck(p, p->pressed, p->press_seq, modes[(size_t)i % ARRAY_LEN(modes)], pos_us);
        serve(p, pressed_us + 2000000);
        ret->cpu_ms[i] = 1e3 * (cpu_s(p->pid) - before_s);
        ret->ms[i] = (double)((p->shown_us ? p->shown_us : clock_mono_us()) - pressed_us) / 1e3;
        p->press_seq = 0;
        deck(p, p->pressed, 101 + 2 * (uint32_t)i, DECK_PLAY, pos_us);
        if (sessions == 1)
            serve(p, clock_mono_us() + 5500000); /* back in made pictures, and at rest */
    }
    qsort(ret->ms, PRESSES, sizeof(*ret->ms), bench_by_value);
    ret->worst_ms = ret->ms[PRESSES - 1];
    ret->p50_ms = ret->ms[PRESSES / 2];
    qsort(ret->cpu_ms, PRESSES, sizeof(*ret->cpu_ms), bench_by_value);
    ret->worst_cpu_ms = ret->cpu_ms[PRESSES - 1];
    ret->p50_cpu_ms = ret->cpu_ms[PRESSES / 2];
}

/* ---- all of it ---- */
/* One row a look at the kind's rate; pressed: keys, too, of the cached ones. */
static void measure(const struct tape *t, const struct kind *k, bool pressed)
{
    struct program with, without;
    double cached[BENCH_ROUNDS], drawn[BENCH_ROUNDS], mb, drawn_mb;
    char name[64], note[160];
    make_all(t, k->field_rate);
    program_start(&with, t, k->field_rate);
    program_start(&without, t, k->field_rate);
    serve(&with, clock_mono_us() + 300000);
    double empty_mb = rss_mb(with.pid), drawn_empty_mb = rss_mb(without.pid);
    begin(&with, k->sessions, true);
    begin(&without, DRAWN, false);
    both(&with, &without, SETTLE_US);
    with.sent = with.replayed = 0;
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        double with_s = cpu_s(with.pid), without_s = cpu_s(without.pid);
        int64_t from_us = clock_mono_us();
        both(&with, &without, MEASURE_US);
        double s = (double)(clock_mono_us() - from_us) / 1e6;
        cached[i] = k->sessions * s / (cpu_s(with.pid) - with_s);
        drawn[i] = DRAWN * s / (cpu_s(without.pid) - without_s);
    }
    mb = (rss_mb(with.pid) - empty_mb) / k->sessions;
    drawn_mb = (rss_mb(without.pid) - drawn_empty_mb) / DRAWN;
    program_stop(&without);
    snprintf(name, sizeof(name), "cached sessions a core, %s", k->name);
    snprintf(note, sizeof(note), "%u at once, %.1f %% of the pictures made ones", k->sessions, 100 * (double)with.replayed / (double)VCR_MAX(with.sent, (uint64_t)1));
    bench_row(&(struct bench_row){ name, "", bench_median(cached), note, "the same sessions drawn", bench_median(drawn), BENCH_AT_LEAST, 300 });
    snprintf(name, sizeof(name), "memory of vcr-render a cached session, %s", k->name);
    bench_row(&(struct bench_row){ name, "MB", mb, "2 h tape", "a drawn one", drawn_mb, BENCH_BELOW, 1 });
    if (pressed) {
        struct presses keys;
        press(&with, k->sessions, &keys);
        snprintf(name, sizeof(name), "key press to picture from the cache, %s, p50", k->name);
        snprintf(note, sizeof(note), "max %.0f, of %d in vcr-render with %u sessions, whose CPU meanwhile was %.0f ms, max %.0f", keys.worst_ms, PRESSES, k->sessions, keys.p50_cpu_ms,
                 keys.worst_cpu_ms);
        bench_row(&(struct bench_row){ name, "ms", keys.p50_ms, note, NULL, 0, BENCH_BELOW, 100 });
    }
    program_stop(&with);
}

/* Arguments: how many sessions of each kind, for a look by hand. */
int main(int argc, char **argv)
{
    struct kind kinds[] = { { "29.97", false, 300 }, { "59.94", true, 60 } };
    struct tape t;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    video_decoder_silence();
    for (int i = 0; i < 2; i++)
        inits[i] = made[i][0] = made[i][1] = made[i][2] = -1;
    tape_make(&t, true);
    for (size_t i = 0; i < ARRAY_LEN(kinds) && (argc < 2 || i + 1 < (size_t)argc); i++) {
        kinds[i].sessions = argc > 1 ? (uint32_t)atoi(argv[i + 1]) : kinds[i].sessions;
        measure(&t, &kinds[i], true);
    }
    return 0;
}
