/* bench/bench_webrtc.c - what a WebRTC viewer costs: `bench_webrtc [VIEWERS [SECONDS [JOINS_PER_SECOND [FEEDBACK_MS [THREADS]]]]]`; by itself with 200 viewers who join at 50 a second, and with 500, once
 * with one sender thread and once with two, of which the ratio counts: a packet's cost, as a busy machine may keep the viewers from taking them all.
 *
 * The server is this process, the viewers are a child, so that the processor time told is the server's alone (getrusage; both halves of loopback's network work that run
 * in its system calls included). The stream is synthetic: 29.97 frames a second, 2.4 Mbit/s, a key frame a second, 20 ms of sound at 96 kbit/s. Prints its rows as run.py reads them. */
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "deliver/webrtc/rtc.h"
#include "packet_by_packet.h"
#include "row.h"
#include "rtc_client.h"

enum { VIEWERS_MAX = 500, TEXT_MAX = 8192, KEY_BYTES = 42000, DELTA_BYTES = 8600, SOUND_BYTES = 240, GOP = 30 };

struct message { /* between the two processes */
    char peer_id[VCR_UUID_BYTES];
    char sdp[TEXT_MAX];
};
struct result {
    double key_ms[VIEWERS_MAX];
    uint64_t packets, bytes, bad;
    int connected;
};

static bool never(void *arg) { return false; }
static int feedback_ms = 75; /* transport-wide feedback of each viewer so often, as a browser's; 0: none, nor the numbers */

/* ---- the viewers ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void watch(int fd, int viewers, int seconds)
{
    static struct rtc_client *c[VIEWERS_MAX];
    struct message m;
    int joined = 0;
    int64_t until_us = INT64_MAX, settled_us = 0;
    uint64_t packets = 0, bytes = 0;
    while (clock_mono_us() < until_us) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        while (joined < viewers && poll(&p, 1, 0) > 0 && recv(fd, &m, sizeof(m), 0) == (ssize_t)sizeof(m)) {
            c[joined] = rtc_client_open(m.sdp, &(struct rtc_client_options) { .counts_only = true, .nack = true, .feedback_ms = feedback_ms });
            char *answer = rtc_client_answer(c[joined++]);
            vcr_strcpy(m.sdp, sizeof(m.sdp), answer);
            free(answer);
            send(fd, &m, sizeof(m), 0);
        }
        rtc_clients_run(c, joined, never, NULL, 2);
        if (joined == viewers && !settled_us) { /* two seconds to settle, then the time that counts */
            settled_us = clock_mono_us() + 2000000;
            until_us = settled_us + INT64_C(1000000) * seconds;
        }
        if (settled_us && packets == 0 && clock_mono_us() >= settled_us) {
            for (int i = 0; i < viewers; i++)
                packets += c[i]->packets, bytes += c[i]->bytes;
            send(fd, "b", 1, 0); /* begin */
        }
    }
    struct result r = { 0 };
    for (int i = 0; i < viewers; i++) {
        r.packets += c[i]->packets;
        r.bytes += c[i]->bytes;
        r.bad += c[i]->bad;
        r.connected += c[i]->connected;
        r.key_ms[i] = c[i]->first_key_us ? (double)(c[i]->first_key_us - c[i]->answered_us) / 1000 : 1e9;
    }
    r.packets -= packets;
    r.bytes -= bytes;
    qsort(r.key_ms, (size_t)viewers, sizeof(double), by_value);
    send(fd, &r, sizeof(r), 0);
    for (int i = 0; i < viewers; i++)
        rtc_client_close(&c[i]);
}

/* ---- the server ---- */

static struct rtc_stream *stream;

static void send_frame(int64_t n)
{
    static uint8_t au[KEY_BYTES];
    bool key = n % GOP == 0;
    size_t len = key ? KEY_BYTES : DELTA_BYTES;
    static const uint8_t head[] = { 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x11, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x81, 0, 0, 0, 1 };
    memset(au, 0xa5, sizeof(au));
    memcpy(au, key ? head : head + sizeof(head) - 4, key ? sizeof(head) : 4);
    au[key ? sizeof(head) : 4] = key ? 0x65 : 0x61;
    rtc_stream_send(stream, &(struct packet) { .track = PACKET_VIDEO, .flags = key ? PACKET_KEY : 0, .pts_us = clock_mono_us(), .data = au, .len = len });
}

static void send_sound(void)
{
    uint8_t opus[SOUND_BYTES] = { 0xfc };
    rtc_stream_send(stream, &(struct packet) { .track = PACKET_AUDIO, .pts_us = clock_mono_us(), .data = opus, .len = sizeof(opus) });
}

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static long rss_kib(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void offer(int fd)
{
    struct message m = { 0 };
    struct vcr_why why;
    char *sdp;
    if (rtc_offer(stream, m.peer_id, &sdp, &why)) {
        fprintf(stderr, "bench_webrtc: %s\n", why.text);
        exit(1);
    }
    vcr_strcpy(m.sdp, sizeof(m.sdp), sdp);
    free(sdp);
    send(fd, &m, sizeof(m), 0);
}

struct serving {
    int fd, viewers, joins_per_s, threads;
    struct result result;
    uint64_t sent; /* packets in the time that counts, by the server's count */
    int on[RTC_THREADS_MAX];
    double sender_s[RTC_THREADS_MAX]; /* CPU time of each sender thread in that time */
    double cpu, cpu_from, seconds, kib_per_viewer;
    int64_t from_us;
    bool ended;
};

static void senders_s(double out[RTC_THREADS_MAX])
{
    char path[300], name[32];
    DIR *tasks = opendir("/proc/self/task");
    for (const struct dirent *e; tasks && (e = readdir(tasks));) {
        unsigned long long ns = 0;
        int number = 1;
        snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
        FILE *f = fopen(path, "r");
        bool is_sender = f && fgets(name, sizeof(name), f) && strncmp(name, "rtc-sender", 10) == 0;
        if (f)
            fclose(f);
        snprintf(path, sizeof(path), "/proc/self/task/%s/schedstat", e->d_name);
        f = is_sender ? fopen(path, "r") : NULL;
        if (is_sender && name[10] == '-')
            number = atoi(name + 11);
        if (f && fscanf(f, "%llu", &ns) == 1 && number >= 1 && number <= RTC_THREADS_MAX)
            out[number - 1] = (double)ns / 1e9;
        if (f)
            fclose(f);
    }
    if (tasks)
        closedir(tasks);
}

/* Where the viewers are, and what was sent to all of them. */
static uint64_t count(struct serving *s)
{
    static struct rtc_viewer_stats all[VIEWERS_MAX];
    uint64_t sent = 0;
    int n = rtc_viewers(stream, all, VIEWERS_MAX);
    memset(s->on, 0, sizeof(s->on));
    for (int i = 0; i < n; i++) {
        sent += all[i].packets_sent;
        s->on[all[i].thread]++;
    }
    return sent;
}

/* What the viewers' process says: an answer, "begin", or the result. */
static void listen_to(struct serving *s)
{
    static union { struct message m; struct result r; char c; } in;
    struct vcr_why why;
    ssize_t n = recv(s->fd, &in, sizeof(in), 0);
    if (n == (ssize_t)sizeof(struct message)) {
        if (rtc_answer(stream, in.m.peer_id, in.m.sdp, &why))
            fprintf(stderr, "bench_webrtc: %s\n", why.text);
    } else if (n == 1) {
        s->sent = count(s);
        senders_s(s->sender_s);
        s->cpu_from = cpu_s();
        s->from_us = clock_mono_us();
    } else {
        double now_s[RTC_THREADS_MAX] = { 0 };
        s->cpu = cpu_s() - s->cpu_from;
        senders_s(now_s);
        for (int i = 0; i < RTC_THREADS_MAX; i++)
            s->sender_s[i] = now_s[i] - s->sender_s[i];
        s->sent = count(s) - s->sent;
        s->seconds = (double)(clock_mono_us() - s->from_us) / 1e6;
        s->result = in.r;
        s->ended = true;
    }
}

static void serve(struct serving *s)
{
    int64_t start_us = clock_mono_us(), frames = 0, sounds = 0, offers = 0;
    while (!s->ended) {
        int64_t now_us = clock_mono_us(), frame_us = start_us + frames * 1001000 / 30, sound_us = start_us + sounds * 20000;
        int64_t offer_us = offers < s->viewers ? start_us + 1500000 + offers * 1000000 / s->joins_per_s : INT64_MAX;
        int64_t due_us = VCR_MIN(VCR_MIN(frame_us, sound_us), offer_us);
        struct pollfd p = { .fd = s->fd, .events = POLLIN };
        struct timespec wait = { .tv_nsec = VCR_MAX(due_us - now_us, 0) * 1000 };
        if (ppoll(&p, 1, &wait, NULL) > 0)
            listen_to(s);
        now_us = clock_mono_us();
        if (now_us >= frame_us)
            send_frame(frames++);
        if (now_us >= sound_us)
            sounds++, send_sound();
        if (now_us >= offer_us)
            offers++, offer(s->fd);
    }
}

static void told_spread(const struct serving *one, const struct serving *two)
{
    char note[96];
    double both_s = two->sender_s[0] + two->sender_s[1];
    snprintf(note, sizeof(note), "%d + %d viewers, %.0f + %.0f %% of the threads' time", two->on[0], two->on[1], two->sender_s[0] / both_s * 100, two->sender_s[1] / both_s * 100);
    bench_row(&(struct bench_row) { "a packet to 500 viewers of one session, on two sender threads", "us of CPU", two->cpu / (double)two->sent * 1e6, note, "on one",
                                    one->cpu / (double)one->sent * 1e6, BENCH_RATIO_BELOW, 1.1 });
}

static void told(const struct serving *s, int seconds)
{
    const struct result *x = &s->result;
    double cpu = s->cpu / s->seconds / s->viewers, mbit_s = (double)x->bytes * 8 / 1e6 / seconds, packets_s = (double)x->packets / seconds;
    double baseline = x->packets ? packet_by_packet_s(s->viewers, (size_t)(x->bytes / x->packets)) * packets_s / s->viewers : 0;
    char name[4][96], note[96];
    snprintf(name[0], sizeof(name[0]), "a WebRTC viewer, of %d of one session, %.1f Mbit/s", s->viewers, mbit_s / s->viewers);
    snprintf(note, sizeof(note), "%.3f core in all, %.0f packets/s, %llu bad", cpu * s->viewers, packets_s, (unsigned long long)x->bad);
    snprintf(name[1], sizeof(name[1]), "memory of a viewer, of %d", s->viewers);
    snprintf(name[2], sizeof(name[2]), "answer to first whole key frame, p50 of %d at %d joins a second", s->viewers, s->joins_per_s);
    snprintf(name[3], sizeof(name[3]), "the same, the worst");
    bench_row(&(struct bench_row) { name[0], "core", cpu, note, baseline > 0 ? PACKET_BY_PACKET : NULL, baseline, BENCH_BELOW, 0.004 });
    bench_row(&(struct bench_row) { name[1], "KiB", s->kib_per_viewer, NULL, NULL, 0, BENCH_BELOW, 100 });
    bench_row(&(struct bench_row) { name[2], "ms", x->key_ms[s->viewers / 2], NULL, NULL, 0, BENCH_BELOW, 80 });
    bench_row(&(struct bench_row) { name[3], "ms", x->key_ms[s->viewers - 1], NULL, NULL, 0, BENCH_BELOW, 150 });
}

static bool measure(struct serving *s, int seconds)
{
    struct rtc *r;
    struct vcr_why why;
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) != 0)
        return false;
    pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        watch(fds[1], s->viewers, seconds);
        _exit(0);
    }
    close(fds[1]);
    s->fd = fds[0];
    if (rtc_open(&r, &(struct rtc_config) { .listen = "127.0.0.1:0", .threads = s->threads, .joins_per_s = -1 }, &why) || rtc_stream_open(r, &stream, NULL, &why)) {
        fprintf(stderr, "bench_webrtc: %s\n", why.text);
        return false;
    }
    long before = rss_kib();
    serve(s);
    s->kib_per_viewer = (double)(rss_kib() - before) / s->viewers;
    rtc_stream_close(&stream);
    rtc_close(&r);
    close(s->fd);
    waitpid(child, NULL, 0);
    return s->result.connected == s->viewers;
}

/* One and two threads, twice each, in an order that a machine's slow change evens out. */
static bool measure_spread(int seconds, int joins_per_s)
{
    static const int threads[] = { 1, 2, 2, 1 };
    struct serving of[3] = { 0 };
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        struct serving s = { .viewers = VIEWERS_MAX, .joins_per_s = joins_per_s, .threads = threads[i] }, *all = &of[threads[i]];
        ok = measure(&s, seconds) && ok;
        if (i == 1)
            told(&s, seconds);
        s.cpu += all->cpu;
        s.sent += all->sent;
        for (int k = 0; k < RTC_THREADS_MAX; k++)
            s.sender_s[k] += all->sender_s[k];
        *all = s;
    }
    if (of[1].sent && of[2].sent)
        told_spread(&of[1], &of[2]);
    return ok;
}

int main(int argc, char **argv)
{
    int viewers = argc > 1 ? atoi(argv[1]) : 200, seconds = argc > 2 ? atoi(argv[2]) : 6, joins_per_s = argc > 3 ? atoi(argv[3]) : 50, threads = argc > 5 ? atoi(argv[5]) : 0;
    feedback_ms = argc > 4 ? atoi(argv[4]) : feedback_ms;
    if (viewers < 1 || viewers > VIEWERS_MAX || seconds < 1 || joins_per_s < 1 || threads < 0 || threads > RTC_THREADS_MAX) {
        fprintf(stderr, "usage: bench_webrtc [VIEWERS 1..%d [SECONDS [JOINS_PER_SECOND [FEEDBACK_MS [THREADS]]]]]\n", VIEWERS_MAX);
        return 2;
    }
    struct serving s = { .viewers = viewers, .joins_per_s = joins_per_s, .threads = threads };
    bool ok = measure(&s, seconds);
    told(&s, seconds);
    if (argc == 1)
        ok = measure_spread(seconds, joins_per_s) && ok;
    return ok ? 0 : 1;
}
