/* bench/bench_render.c - what a session costs in vcr-render: CPU a session-second, in each state, beside the same decoding and encoding alone.
 *
 * Seats are driven in virtual time, as fast as they go; five rounds in which the baseline and the seats alternate, medians. Real time is the tests' business:
 * late frames of N real sessions are printed by `bench_render --live N SECONDS`. */
#include <fcntl.h>
#include <opus/opus.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <x264.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/util.h"
#include "media/decode.h"
#include "media/encode.h"
#include "media/reel.h"
#include "reel_make.h"
#include "render/seat.h"

enum { WIDTH = 720, HEIGHT = 480, PICTURES = 600, ROUNDS = 5, BITRATE = 2400000 };

struct tape {
    int fds[4];
};

static void check(enum vcr_err err, const struct vcr_why *why)
{
    if (err == VCR_OK)
        return;
    fprintf(stderr, "bench_render: %s\n", why->text);
    exit(1);
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A textured picture that pans and zooms a little, with a camera's noise: neither a slide nor an explosion. */
static void scene(struct picture *p, const uint8_t *texture, int n, uint32_t *seed)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            *seed = *seed * 1664525 + 1013904223;
            int u = (x + n * 2 + (y * n >> 10)) & 1023, v = (y + n) & 1023;
            p->plane[0][y * WIDTH + x] = (uint8_t)(texture[v << 10 | u] + (int)(*seed >> 30) - 2);
        }
    for (int i = 1; i < 3; i++)
        for (int y = 0; y < HEIGHT / 2; y++)
            for (int x = 0; x < WIDTH / 2; x++)
                p->plane[i][y * WIDTH / 2 + x] = (uint8_t)(96 + (texture[((y * 2 + n) & 1023) << 10 | ((x * 2 + n * 2) & 1023)] >> (i + 1)));
}

/* Four octaves of smooth noise, 1024 x 1024, that joins at its edges. */
static uint8_t *texture_make(void)
{
    uint8_t *t = malloc(1 << 20), grid[64 * 64];
    uint32_t seed = 5;
    memset(t, 0, 1 << 20);
    for (int octave = 0; octave < 4; octave++) {
        int cells = 8 << octave, size = 1024 / cells;
        for (int i = 0; i < cells * cells; i++)
            grid[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
        for (int y = 0; y < 1024; y++)
            for (int x = 0; x < 1024; x++) {
                int gx = x / size, gy = y / size, fx = x % size, fy = y % size, rx = (gx + 1) % cells, ry = (gy + 1) % cells;
                int top = grid[gy * cells + gx] * (size - fx) + grid[gy * cells + rx] * fx;
                int low = grid[ry * cells + gx] * (size - fx) + grid[ry * cells + rx] * fx;
                t[y << 10 | x] = (uint8_t)(t[y << 10 | x] + (((top * (size - fy) + low * fy) / (size * size)) >> (octave + 1)));
            }
    }
    return t;
}

static struct io *file(int *fd)
{
    struct io *io = NULL;
    struct vcr_why why;
    *fd = memfd_create("reel", MFD_CLOEXEC);
    check(io_fd_open(&io, dup(*fd), "bench", &why), &why);
    return io;
}

static void video_make(struct tape *t)
{
    static const struct video_encoder_config config = { .width = WIDTH, .height = HEIGHT, .sar_num = 8, .sar_den = 9, .rate_num = 60000, .rate_den = 1001,
                                                        .gop_frames = 15, .bitrate_bps = 6000000, .effort = VIDEO_EFFORT_SUPERFAST };
    struct reel_format format = { .codec = REEL_H264, .timescale = REEL_VIDEO_TIMESCALE, .width = WIDTH, .height = HEIGHT, .sar_num = 8, .sar_den = 9, .pass_through = true };
    uint8_t *m = malloc(WIDTH * HEIGHT * 3 / 2), *texture = texture_make();
    struct picture p = { WIDTH, HEIGHT, { m, m + WIDTH * HEIGHT, m + WIDTH * HEIGHT * 5 / 4 }, { WIDTH, WIDTH / 2, WIDTH / 2 } };
    struct io *reel = file(&t->fds[0]), *index = file(&t->fds[1]);
    struct video_encoder *e = NULL;
    struct reel_writer *w = NULL;
    struct vcr_why why;
    uint32_t seed = 1;
    int64_t duration;
    check(video_encoder_open(&e, &config, &why), &why);
    for (int n = 0; n < PICTURES; n++) {
        struct packet k;
        int64_t pts = (int64_t)n * 1001000 / 60;
        scene(&p, texture, n, &seed);
        check(video_encode(e, &p, pts, false, &k, &why), &why);
        if (n == 0) {
            reel_make_avcc(&format, &k);
            check(reel_writer_open(&w, &format, reel, index, &why), &why);
        }
        check(reel_write(w, k.data, k.len, pts, pts, 16683, k.flags & PACKET_KEY, &why), &why);
    }
    check(reel_writer_finish(w, &duration, &why), &why);
    reel_writer_close(&w);
    video_encoder_close(&e);
    io_close(&reel);
    io_close(&index);
    free(m);
    free(texture);
}

static void sound_make(struct tape *t)
{
    struct reel_format format = { .codec = REEL_OPUS, .timescale = 48000, .channels = 2, .sample_rate = 48000 };
    struct io *reel = file(&t->fds[2]), *index = file(&t->fds[3]);
    struct audio_encoder *e = NULL;
    struct reel_writer *w = NULL;
    struct vcr_why why;
    uint32_t seed = 1;
    int64_t duration;
    int16_t pcm[AUDIO_FRAME * 2];
    reel_make_dops(&format);
    check(audio_encoder_open(&e, 112000, &why), &why);
    check(reel_writer_open(&w, &format, reel, index, &why), &why);
    for (int64_t pts = 0; pts < INT64_C(10010000); pts += AUDIO_FRAME_US) {
        struct packet k;
        for (int i = 0; i < AUDIO_FRAME * 2; i++) /* noise through a gentle low-pass */
            pcm[i] = (int16_t)((i > 1 ? pcm[i - 2] * 7 / 8 : 0) + (int)((seed = seed * 1664525 + 1013904223) >> 21) - 1024);
        check(audio_encode(e, pcm, pts, &k, &why), &why);
        check(reel_write(w, k.data, k.len, pts, pts, AUDIO_FRAME_US, true, &why), &why);
    }
    check(reel_writer_finish(w, &duration, &why), &why);
    reel_writer_close(&w);
    audio_encoder_close(&e);
    io_close(&reel);
    io_close(&index);
}

static const struct state {
    const char *name;
    enum deck_mode mode;
    enum deck_picture picture;
    double rate;
    int64_t from_us;
    bool clean, field_rate;
} states[] = {
    { "PLAY, vhs, 29.97", DECK_PLAY, DECK_PICTURE_TAPE, 1, 0, false, false },
    { "PLAY, vhs, 59.94", DECK_PLAY, DECK_PICTURE_TAPE, 1, 0, false, true },
    { "PAUSE, vhs, 29.97", DECK_PAUSE, DECK_PICTURE_TAPE, 0, 3000000, false, false },
    { "CUE x5, vhs, 29.97", DECK_CUE, DECK_PICTURE_TAPE, 1.6, 0, false, false },
    { "REVIEW x1, vhs, 29.97", DECK_REVIEW, DECK_PICTURE_TAPE, -1, 9500000, false, false },
    { "STOP (blue), 29.97", DECK_STOP, DECK_PICTURE_BLUE, 0, 0, false, false },
    { "PLAY, clean, passed through", DECK_PLAY, DECK_PICTURE_TAPE, 1, 0, true, true },
};

static struct seat *seat_make(const struct tape *t, const struct state *state)
{
    struct vcr_why why;
    struct seat *seat = NULL;
    struct render_open open = { .h = { RENDER_OPEN, 1 }, .field_rate = state->field_rate, .bitrate_bps = BITRATE };
    struct render_tape tape = { .h = { RENDER_TAPE, 1 }, .has = RENDER_HAS_VIDEO | RENDER_HAS_AUDIO, .field_rate = state->field_rate };
    int fds[6] = { dup(t->fds[0]), dup(t->fds[1]), dup(t->fds[2]), dup(t->fds[3]), -1, -1 };
    struct deck_snapshot snap = { .seq = 1, .mode = (uint8_t)state->mode, .picture = (uint8_t)state->picture, .sound = DECK_SOUND_HIFI,
                                  .servo = DECK_SERVO_LOCKED, .pos_us = state->from_us, .length_us = 10000000, .rate = (int32_t)(state->rate * 65536),
                                  .rate_from = (int32_t)(state->rate * 65536), .seed = 3, .tracking = INT16_MIN, .clean = state->clean, .look = "family",
                                  .osd_counter_line = -1 };
    check(seat_open(&seat, &open, 0, &why), &why);
    check(seat_tape(seat, &tape, fds, &why), &why);
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
    check(ring_create(&reader, &ring_fd, 4 << 20, &why), &why);
    check(ring_attach(&out.ring, ring_fd, &why), &why);
    out.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct seat *seat = seat_make(t, state);
    double start = cpu_s();
    for (int64_t due; (due = seat_due_us(seat)) < SECONDS * INT64_C(1000000);) {
        const uint8_t *record;
        size_t len;
        check(seat_run(seat, due, &out, &counts, &why), &why);
        out_wake(&out);
        for (; ring_peek(reader, &record, &len, NULL) == VCR_OK; ring_next(reader))
            bytes += (double)len;
    }
    double cost = (cpu_s() - start) / SECONDS;
    *ret_mbit = bytes * 8 / SECONDS / 1e6;
    seat_close(&seat);
    ring_close(&out.ring);
    ring_close(&reader);
    vcr_close(&ring_fd);
    vcr_close(&out.wake_fd);
    return cost;
}

/* The same pictures decoded and encoded, nothing else: CPU seconds a second at 29.97 (every second picture shown) or 59.94. */
static double baseline(const struct tape *t, bool field_rate)
{
    struct video_encoder_config config = { .width = WIDTH, .height = HEIGHT, .sar_num = 8, .sar_den = 9, .rate_num = field_rate ? 60000 : 30000,
                                           .rate_den = 1001, .bitrate_bps = BITRATE, .effort = VIDEO_EFFORT_BRISK };
    struct vcr_why why;
    struct io *reel_io = NULL, *index_io = NULL;
    struct reel *reel = NULL;
    struct video_decoder *d = NULL;
    struct video_encoder *e = NULL;
    check(io_fd_open(&reel_io, dup(t->fds[0]), "bench", &why), &why);
    check(io_fd_open(&index_io, dup(t->fds[1]), "bench", &why), &why);
    check(reel_open(&reel, reel_io, index_io, &why), &why);
    check(video_decoder_open(&d, &why), &why);
    check(video_encoder_open(&e, &config, &why), &why);
    enum { COUNT = 480 };
    double start = cpu_s();
    for (uint32_t n = 0; n < COUNT; n++) {
        struct packet in, p;
        struct frame *f = NULL;
        check(reel_read(reel, n, &in, &why), &why);
        check(video_decode(d, in.data, in.len, &f, &why), &why);
        if (field_rate || n % 2 == 0)
            check(video_encode(e, &f->picture, n, false, &p, &why), &why);
        frame_unref(&f);
    }
    double cost = (cpu_s() - start) / (COUNT * 1.001 / 60);
    video_encoder_close(&e);
    video_decoder_close(&d);
    reel_close(&reel);
    io_close(&reel_io);
    io_close(&index_io);
    return cost;
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

/* From the start again, before the reel ends. */
static void send_deck(int control, uint32_t seat)
{
    struct render_deck m = { .h = { RENDER_DECK, seat }, .len = sizeof(struct deck_snapshot) };
    struct deck_snapshot snap = { .seq = 1, .mode = DECK_PLAY, .picture = DECK_PICTURE_TAPE, .sound = DECK_SOUND_HIFI, .servo = DECK_SERVO_LOCKED,
                                  .since_us = clock_mono_us(), .length_us = 10000000, .rate = 65536, .rate_from = 65536, .seed = 3,
                                  .tracking = INT16_MIN, .look = "family", .osd_counter_line = -1 };
    memcpy(m.snapshot, &snap, sizeof(snap));
    send(control, &m, sizeof(m), MSG_NOSIGNAL);
}

/* N sessions of PLAY, vhs, 29.97 in the real program. */
static int live(const struct tape *t, uint32_t sessions, int seconds)
{
    int pair[2], ring_fd, wake = eventfd(0, EFD_NONBLOCK);
    struct ring *ring = NULL;
    struct vcr_why why;
    check(ring_create(&ring, &ring_fd, 16 << 20, &why), &why);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
        return 1;
    if (fork() == 0) {
        int from[3] = { fcntl(pair[1], F_DUPFD, 20), fcntl(ring_fd, F_DUPFD, 20), fcntl(wake, F_DUPFD, 20) };
        for (int i = 0; i < 3; i++)
            dup2(from[i], RENDER_FD_CONTROL + i);
        close_range(RENDER_FD_WAKE + 1, ~0u, 0);
        execl(VCR_RENDER, VCR_RENDER, (char *)NULL);
        _exit(127);
    }
    close(pair[1]);
    for (uint32_t seat = 1; seat <= sessions; seat++) {
        struct render_open open = { .h = { RENDER_OPEN, seat }, .bitrate_bps = BITRATE };
        send(pair[0], &open, sizeof(open), MSG_NOSIGNAL);
        send_tape(pair[0], seat, t);
    }
    int64_t wound = 0;
    for (int n = 0; n < seconds;) {
        struct pollfd p[2] = { { .fd = pair[0], .events = POLLIN }, { .fd = wake, .events = POLLIN } };
        struct render_stats m;
        const uint8_t *record;
        size_t len;
        uint64_t count;
        for (uint32_t seat = 1; clock_mono_us() - wound > 8000000 && seat <= sessions; seat++)
            send_deck(pair[0], seat);
        wound = clock_mono_us() - wound > 8000000 ? clock_mono_us() : wound;
        poll(p, 2, 1000);
        if (read(wake, &count, sizeof(count)) > 0)
            while (ring_peek(ring, &record, &len, NULL) == VCR_OK)
                ring_next(ring);
        ssize_t got = recv(pair[0], &m, sizeof(m), MSG_DONTWAIT);
        if (got == 0)
            return 1;
        if (got != (ssize_t)sizeof(m) || m.h.type != RENDER_STATS)
            continue;
        printf("second %d: %u sessions, %u frames, %u late, %u per mille busy\n", ++n, m.sessions, m.frames, m.late_frames, m.busy_permille);
    }
    return 0;
}

static int by_value(const void *a, const void *b) { return *(const double *)a < *(const double *)b ? -1 : *(const double *)a > *(const double *)b; }

static double median(double *v)
{
    qsort(v, ROUNDS, sizeof(*v), by_value);
    return v[ROUNDS / 2];
}

int main(int argc, char **argv)
{
    struct tape t;
    video_make(&t);
    sound_make(&t);
    if (argc == 4 && strcmp(argv[1], "--live") == 0)
        return live(&t, (uint32_t)atoi(argv[2]), atoi(argv[3]));
    printf("baseline: the same reel decoded (libavcodec) and encoded (x264 build %d at the same settings, %d bit/s), nothing else; %s\n", X264_BUILD, BITRATE,
           opus_get_version_string());
    printf("%-30s %12s %12s %8s %10s %8s\n", "session", "CPU s/s", "baseline", "ratio", "a core has", "Mbit/s");
    for (size_t k = 0; k < ARRAY_LEN(states); k++) {
        double cost[ROUNDS], alone[ROUNDS], mbit = 0;
        for (int i = 0; i < ROUNDS; i++) {
            alone[i] = baseline(&t, states[k].field_rate);
            cost[i] = session(&t, &states[k], &mbit);
        }
        double c = median(cost), b = median(alone);
        printf("%-30s %12.4f %12.4f %8.2f %10.1f %8.2f\n", states[k].name, c, b, c / b, 1 / c, mbit);
    }
    return 0;
}
