/* bench/bench_render.c - what sessions cost in vcr-render.
 *
 * First in virtual time, as fast as it goes: CPU a session-second in each state beside x264 alone on the same film, and how long the start of a session keeps the one
 * thread. Then in real time: the program itself on one core, three sessions at 29.97 and then as many as go without late frames. `--live N SECONDS`: that alone; `--state N ROUNDS`: the
 * N-th of the states below alone, for a profiler. */
#include <fcntl.h>
#include <opus/opus.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x264.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/util.h"
#include "media/decode.h"
#include "media/encode.h"
#include "media/reel.h"
#include "render/seat.h"
#include "row.h"
#include "tape.h"
#include "wire/reelidx.h"

enum { WIDTH = TAPE_WIDTH, HEIGHT = TAPE_HEIGHT, PICTURES = TAPE_PICTURES, BITRATE = 2400000 };

static const struct state {
    const char *name;
    enum deck_mode mode;
    enum deck_picture picture;
    double rate;
    int64_t from_us;
    bool clean, field_rate;
    bool of_fields;   /* the film has 59.94 pictures a second, else 29.97 */
    double must_hold; /* sessions a core: architecture.md's budget; 0: none */
} states[] = {
    { "PLAY, vhs, 29.97", DECK_PLAY, DECK_PICTURE_TAPE, 1, 0, false, false, false, 10 },
    { "PLAY, vhs, 59.94", DECK_PLAY, DECK_PICTURE_TAPE, 1, 0, false, true, true, 5 },
    { "PLAY, vhs, 29.97 of 59.94 pictures", DECK_PLAY, DECK_PICTURE_TAPE, 1, 0, false, false, true, 0 },
    { "PAUSE, vhs, 29.97", DECK_PAUSE, DECK_PICTURE_TAPE, 0, 3000000, false, false, false, 0 },
    { "CUE x5, vhs, 29.97", DECK_CUE, DECK_PICTURE_TAPE, 5, 0, false, false, false, 0 },
    { "REVIEW x5, vhs, 29.97", DECK_REVIEW, DECK_PICTURE_TAPE, -5, 55000000, false, false, false, 0 },
    { "STOP (blue), 29.97", DECK_STOP, DECK_PICTURE_BLUE, 0, 0, false, false, false, 0 },
    { "PLAY, clean, passed through", DECK_PLAY, DECK_PICTURE_TAPE, 1, 0, true, true, true, 300 },
};

static struct seat *seat_make(const struct tape *t, const struct state *state)
{
    struct vcr_why why;
    struct seat *seat = NULL;
    struct render_open open = { .h = { RENDER_OPEN, 1 }, .field_rate = state->field_rate, .bitrate_bps = BITRATE };
    struct render_tape tape = { .h = { RENDER_TAPE, 1 }, .has = RENDER_HAS_VIDEO | RENDER_HAS_AUDIO, .field_rate = state->field_rate };
    int fds[6] = { dup(t->fds[0]), dup(t->fds[1]), dup(t->fds[2]), dup(t->fds[3]), -1, -1 };
    struct deck_snapshot snap = { .seq = 1, .mode = (uint8_t)state->mode, .picture = (uint8_t)state->picture, .sound = DECK_SOUND_HIFI,
                                  .servo = DECK_SERVO_LOCKED, .pos_us = state->from_us, .length_us = 7200000000, .rate = (int32_t)(state->rate * 65536),
                                  .rate_from = (int32_t)(state->rate * 65536), .seed = 3, .tracking = INT16_MIN, .clean = state->clean, .look = "family",
                                  .osd_counter_line = -1 };
    tape_check(seat_open(&seat, &open, 0, &why), &why);
    tape_check(seat_tape(seat, &tape, fds, &why), &why);
    seat_deck(seat, &snap);
    return seat;
}

/* CPU seconds a second of one session. */
static double session(const struct tape *t, const struct state *state, double *ret_mbit)
{
    enum { SECONDS = 8 };
    struct vcr_why why;
    struct out out = { 0 };
    struct ring *reader = NULL;
    struct seat_counts counts = { 0 };
    int ring_fd;
    double bytes = 0;
    tape_check(ring_create(&reader, &ring_fd, 4 << 20, &why), &why);
    tape_check(ring_attach(&out.ring, ring_fd, &why), &why);
    out.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct seat *seat = seat_make(t, state);
    double start = tape_cpu_s();
    for (int64_t due; (due = seat_due_us(seat)) < SECONDS * INT64_C(1000000);) {
        const uint8_t *record;
        size_t len;
        tape_check(seat_run(seat, due, &out, &counts, &why), &why);
        out_wake(&out);
        for (; ring_peek(reader, &record, &len, NULL) == VCR_OK; ring_next(reader))
            bytes += (double)len;
    }
    double cost = (tape_cpu_s() - start) / SECONDS;
    *ret_mbit = bytes * 8 / SECONDS / 1e6;
    seat_close(&seat);
    ring_close(&out.ring);
    ring_close(&reader);
    vcr_close(&ring_fd);
    vcr_close(&out.wake_fd);
    return cost;
}

enum { BASE_PICTURES = 240 };
struct base_film {
    struct frame *frames[BASE_PICTURES]; /* decoded once: the baseline is x264 and nothing else */
};

static void base_film_open(struct base_film *b, const struct tape *t)
{
    struct vcr_why why;
    struct io *reel_io = NULL, *index_io = NULL;
    struct reel *reel = NULL;
    struct video_decoder *d = NULL;
    tape_check(io_fd_open(&reel_io, dup(t->fds[0]), "bench", &why), &why);
    tape_check(io_fd_open(&index_io, dup(t->fds[1]), "bench", &why), &why);
    tape_check(reel_open(&reel, reel_io, index_io, &why), &why);
    tape_check(video_decoder_open(&d, &why), &why);
    for (uint32_t n = 0; n < BASE_PICTURES; n++) {
        struct packet in;
        tape_check(reel_read(reel, n, &in, &why), &why);
        tape_check(video_decode(d, in.data, in.len, &b->frames[n], &why), &why);
    }
    video_decoder_close(&d);
    reel_close(&reel);
    io_close(&reel_io);
    io_close(&index_io);
}

/* The film's pictures encoded, nothing else: CPU seconds a second at 29.97 (every second picture) or 59.94. */
static double x264_alone(const struct base_film *b, bool field_rate)
{
    struct video_encoder_config config = { .width = WIDTH, .height = HEIGHT, .sar_num = 8, .sar_den = 9, .rate_num = field_rate ? 60000 : 30000,
                                           .rate_den = 1001, .bitrate_bps = BITRATE, .effort = VIDEO_EFFORT_BRISK };
    struct vcr_why why;
    struct video_encoder *e = NULL;
    struct packet p;
    tape_check(video_encoder_open(&e, &config, &why), &why);
    double start = tape_cpu_s();
    for (int64_t n = 0; n < BASE_PICTURES; n += field_rate ? 1 : 2)
        tape_check(video_encode(e, &b->frames[n]->picture, n, false, &p, &why), &why);
    double cost = (tape_cpu_s() - start) / (BASE_PICTURES * 1.001 / 60);
    video_encoder_close(&e);
    return cost;
}

/* What a state plays of the two films. */
static const struct tape *tape_of(const struct tape films[2], const struct state *state) { return &films[state->of_fields]; }

static void costs(const struct tape films[2])
{
    static struct base_film b;
    base_film_open(&b, &films[true]);
    for (size_t k = 0; k < ARRAY_LEN(states); k++) {
        double cost[BENCH_ROUNDS], alone[BENCH_ROUNDS], mbit = 0;
        char name[64], note[32], what[32];
        for (int i = 0; i < BENCH_ROUNDS; i++) {
            alone[i] = x264_alone(&b, states[k].field_rate);
            cost[i] = session(tape_of(films, &states[k]), &states[k], &mbit);
        }
        snprintf(name, sizeof(name), "sessions a core: %s", states[k].name);
        snprintf(note, sizeof(note), "%.2f Mbit/s", mbit);
        snprintf(what, sizeof(what), "x264 %d alone", X264_BUILD);
        bench_row(&(struct bench_row) { name, "", 1 / bench_median(cost), note, what, 1 / bench_median(alone), states[k].must_hold > 0 ? BENCH_AT_LEAST : BENCH_SHOWN,
                                        states[k].must_hold });
    }
    for (int n = 0; n < BASE_PICTURES; n++)
        frame_unref(&b.frames[n]);
}

struct start {
    double tape_ms, step_ms, all_ms; /* seat and tape; the longest of what follows until two pictures are out; all of it */
};

/* In a process that has played nothing yet, as a new vcr-render is. */
static struct start cold_start(const struct tape *t)
{
    struct vcr_why why;
    struct out out = { 0 };
    struct ring *reader = NULL;
    struct seat_counts counts = { 0 };
    struct start s = { 0 };
    int ring_fd;
    tape_check(ring_create(&reader, &ring_fd, 4 << 20, &why), &why);
    tape_check(ring_attach(&out.ring, ring_fd, &why), &why);
    out.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int64_t begun = clock_mono_us();
    struct seat *seat = seat_make(t, &states[0]);
    s.tape_ms = (double)(clock_mono_us() - begun) / 1000;
    while (counts.frames < 2) {
        int64_t step = clock_mono_us();
        tape_check(seat_run(seat, seat_due_us(seat), &out, &counts, &why), &why);
        s.step_ms = VCR_MAX(s.step_ms, (double)(clock_mono_us() - step) / 1000);
    }
    s.all_ms = (double)(clock_mono_us() - begun) / 1000;
    return s; /* the process ends: nothing to close */
}

/* How long the start of a session keeps the one thread from the pictures of the others. */
static void starts(const struct tape *t)
{
    double tape_ms[BENCH_ROUNDS], step_ms[BENCH_ROUNDS], all_ms[BENCH_ROUNDS];
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        struct start s = { 0 };
        int fds[2];
        if (pipe(fds) != 0)
            exit(1);
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            s = cold_start(t);
            _exit(write(fds[1], &s, sizeof(s)) == (ssize_t)sizeof(s) ? 0 : 1);
        }
        vcr_close(&fds[1]);
        if (read(fds[0], &s, sizeof(s)) != (ssize_t)sizeof(s))
            exit(1);
        vcr_close(&fds[0]);
        waitpid(pid, NULL, 0);
        tape_ms[i] = s.tape_ms;
        step_ms[i] = s.step_ms;
        all_ms[i] = s.all_ms;
    }
    bench_row(&(struct bench_row) { "a session begins: its seat and a 2 h tape", "ms", bench_median(tape_ms), NULL, NULL, 0, BENCH_BELOW, 10 });
    bench_row(&(struct bench_row) { "a session begins: longest step to its second picture", "ms", bench_median(step_ms), NULL, NULL, 0, BENCH_BELOW, 16 });
    bench_row(&(struct bench_row) { "a session begins: all of it", "ms", bench_median(all_ms), NULL, NULL, 0, BENCH_SHOWN, 0 });
}

static void send_tape(int control, uint32_t seat, const struct tape *t)
{
    struct render_tape m = { .h = { RENDER_TAPE, seat }, .has = RENDER_HAS_VIDEO | RENDER_HAS_AUDIO };
    _Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(t->fds))] = { 0 };
    struct iovec iov = { &m, sizeof(m) };
    struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(t->fds));
    memcpy(CMSG_DATA(c), t->fds, sizeof(t->fds));
    if (sendmsg(control, &h, MSG_NOSIGNAL) != (ssize_t)sizeof(m))
        exit(1);
}

/* PLAY from the start of the tape, now. */
static void send_deck(int control, uint32_t seat)
{
    struct render_deck m = { .h = { RENDER_DECK, seat }, .len = sizeof(struct deck_snapshot) };
    struct deck_snapshot snap = { .seq = 1, .mode = DECK_PLAY, .picture = DECK_PICTURE_TAPE, .sound = DECK_SOUND_HIFI, .servo = DECK_SERVO_LOCKED,
                                  .since_us = clock_mono_us(), .length_us = 7200000000, .rate = 65536, .rate_from = 65536, .seed = 3,
                                  .tracking = INT16_MIN, .look = "family", .osd_counter_line = -1 };
    memcpy(m.snapshot, &snap, sizeof(snap));
    send(control, &m, sizeof(m), MSG_NOSIGNAL);
}

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

static pid_t program_start(int control, int ring_fd, int wake)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    pin(true);
    int from[3] = { fcntl(control, F_DUPFD, 20), fcntl(ring_fd, F_DUPFD, 20), fcntl(wake, F_DUPFD, 20) };
    for (int i = 0; i < 3; i++)
        dup2(from[i], RENDER_FD_CONTROL + i);
    close_range(RENDER_FD_WAKE + 1, ~0u, 0);
    execl(VCR_RENDER, VCR_RENDER, (char *)NULL);
    _exit(127);
}

struct live {
    uint32_t late, late_first, frames, busy_max; /* of all seconds; late_first: of the first, in which the sessions begin; busy in per mille, after the first */
};

/* N sessions of PLAY, vhs, 29.97 in the program, on one core, all begun at once. */
static struct live live(const struct tape *t, uint32_t sessions, int seconds)
{
    int pair[2], ring_fd, wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct live sum = { 0 };
    struct ring *ring = NULL;
    struct vcr_why why;
    tape_check(ring_create(&ring, &ring_fd, 16 << 20, &why), &why);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        exit(1);
    pin(false);
    pid_t pid = program_start(pair[1], ring_fd, wake);
    vcr_close(&pair[1]);
    for (uint32_t seat = 1; seat <= sessions; seat++) {
        struct render_open open = { .h = { RENDER_OPEN, seat }, .bitrate_bps = BITRATE };
        send(pair[0], &open, sizeof(open), MSG_NOSIGNAL);
        send_tape(pair[0], seat, t);
        send_deck(pair[0], seat);
    }
    for (int n = 0; n < seconds;) {
        struct pollfd p[2] = { { .fd = pair[0], .events = POLLIN }, { .fd = wake, .events = POLLIN } };
        struct render_stats m;
        const uint8_t *record;
        size_t len;
        uint64_t count;
        poll(p, 2, 1000);
        if (read(wake, &count, sizeof(count)) > 0)
            while (ring_peek(ring, &record, &len, NULL) == VCR_OK)
                ring_next(ring);
        ssize_t got = recv(pair[0], &m, sizeof(m), MSG_DONTWAIT);
        if (got == 0) {
            fprintf(stderr, "bench_render: vcr-render has ended\n");
            exit(1);
        }
        if (got != (ssize_t)sizeof(m) || m.h.type != RENDER_STATS)
            continue;
        sum.frames += m.frames;
        sum.late += m.late_frames;
        *(n == 0 ? &sum.late_first : &sum.busy_max) = n == 0 ? m.late_frames : VCR_MAX(sum.busy_max, m.busy_permille);
        printf("%u sessions, second %d: %u frames, %u late, %.1f %% busy\n", m.sessions, ++n, m.frames, m.late_frames, m.busy_permille / 10.0);
    }
    vcr_close(&pair[0]);
    waitpid(pid, NULL, 0);
    ring_close(&ring);
    vcr_close(&ring_fd);
    vcr_close(&wake);
    return sum;
}

static void lives(const struct tape *t)
{
    enum { SESSIONS = 3, FIRST = 5, LAST = 16 };
    char note[96];
    struct live three = live(t, SESSIONS, 8);
    snprintf(note, sizeof(note), "of %u frames in 8 s, %.1f %% busy, %u late in the first second", three.frames, three.busy_max / 10.0, three.late_first);
    bench_row(&(struct bench_row) { "3 live sessions at 29.97 on one core: late frames", "", three.late, note, NULL, 0, BENCH_BELOW, 1 });
    uint32_t held = SESSIONS;
    struct live last = three, next = { 0 };
    for (uint32_t n = FIRST; n <= LAST && next.late == 0; n++) {
        next = live(t, n, 5);
        if (next.late == 0)
            held = n, last = next;
    }
    snprintf(note, sizeof(note), "%.1f %% busy; one more: %u late in 5 s, %u of them in the first second", last.busy_max / 10.0, next.late, next.late_first);
    bench_row(&(struct bench_row) { "live sessions at 29.97 a core holds without a late frame", "", held, note, NULL, 0, BENCH_AT_LEAST, 10 });
}

int main(int argc, char **argv)
{
    struct tape films[2]; /* of 29.97 and of 59.94 pictures a second */
    tape_make(&films[false], false);
    tape_make(&films[true], true);
    if (argc == 4 && strcmp(argv[1], "--live") == 0) {
        live(&films[false], (uint32_t)atoi(argv[2]), atoi(argv[3]));
        return 0;
    }
    if (argc == 4 && strcmp(argv[1], "--state") == 0 && atoi(argv[2]) >= 0 && (size_t)atoi(argv[2]) < ARRAY_LEN(states)) {
        const struct state *state = &states[atoi(argv[2])];
        double mbit;
        for (int i = 0; i < atoi(argv[3]); i++)
            printf("%s: %.2f\n", state->name, 1 / session(tape_of(films, state), state, &mbit));
        return 0;
    }
    starts(&films[false]);
    costs(films);
    lives(&films[false]);
    return 0;
}
