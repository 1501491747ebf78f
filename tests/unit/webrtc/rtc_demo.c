/* tests/unit/webrtc/rtc_demo.c - a tiny server for watching the WebRTC sender in a real browser: `rtc_demo picture.h264 sound.opus [LOSS_PER_MILLE [LISTEN]]`.
 *
 * Prints its address. GET / is a page that plays, GET /offer and POST /answer are the signalling, GET /stats what the sender knows. POST /publish takes a publisher's offer, whose
 * picture and sound are sent from then on instead of the files, and GET /publisher says what is known of it (and of the last packets' times).
 * With a loss the candidate names a relay in this program that drops so many of the datagrams, whatever they are, of the server or of the publisher. For tests and for the eye; it is
 * no part of the product. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "deliver/webrtc/publish.h"
#include "deliver/webrtc/rtc.h"
#include "media_file.h"

enum { RELAYED_MAX = 16, HTTP_MAX = 65536 };

static const char page[] =
    "<!doctype html><title>rtc_demo</title><body style='background:#222;color:#eee'>\n"
    "<video id=v autoplay muted playsinline width=640 height=480></video>\n"
    "<script>\n"
    "async function play() {\n"
    "  const pc = window.pc = new RTCPeerConnection(), media = new MediaStream();\n"
    "  v.srcObject = media;\n"
    "  pc.ontrack = e => media.addTrack(e.track);\n"
    "  v.requestVideoFrameCallback(() => { window.firstFrame = performance.now() - window.answered });\n"
    "  const r = await fetch('/offer'), id = r.headers.get('x-peer');\n"
    "  await pc.setRemoteDescription({ type: 'offer', sdp: await r.text() });\n"
    "  await pc.setLocalDescription(await pc.createAnswer());\n"
    "  window.answered = performance.now();\n"
    "  window.answer = pc.localDescription.sdp;\n"
    "  const a = await fetch('/answer?' + id, { method: 'POST', body: pc.localDescription.sdp });\n"
    "  if (!a.ok) console.log('refused: ' + await a.text());\n"
    "}\n"
    "async function stats() {\n"
    "  const out = { firstFrame: window.firstFrame };\n"
    "  for (const x of (await pc.getStats()).values()) {\n"
    "    if (x.type == 'inbound-rtp') out[x.kind] = x;\n"
    "    if (x.type == 'transport') out.transport = x;\n"
    "  }\n"
    "  return out;\n"
    "}\n"
    "play();\n"
    "</script>\n";

static struct {
    struct rtc *rtc;
    struct rtc_stream *stream;
    struct media_file video, audio;
    size_t frame, sound;
    _Atomic(int) wants_key;
    int http, loss_per_mille;
    int front; /* the relay's socket towards browsers, -1: none */
    struct { int fd; struct sockaddr_in peer; } relayed[RELAYED_MAX];
    int relayed_n, dropped;
    struct rtc_publisher *pub;
    _Atomic(int64_t) last_us[2], longest_gop_us, key_us; /* of the publisher: times of the last packets, between key frames */
} demo = { .front = -1 };
static volatile sig_atomic_t stopped;

static void on_signal(int s) { stopped = 1; }
static void want_key(void *arg) { demo.wants_key = 1; }
static void up(void *arg, const char *id) { fprintf(stderr, "viewer %s plays\n", id); }
static void gone(void *arg, const char *id, const char *reason) { fprintf(stderr, "viewer %s gone: %s\n", id, reason); }

/* On the sender's thread: posts and looks, nothing more. */
static void from_publisher(void *arg, const struct packet *p)
{
    demo.last_us[p->track == PACKET_AUDIO] = p->pts_us;
    if (p->track == PACKET_VIDEO && p->flags & PACKET_KEY) {
        if (demo.key_us && p->pts_us - demo.key_us > demo.longest_gop_us)
            demo.longest_gop_us = p->pts_us - demo.key_us;
        demo.key_us = p->pts_us;
    }
    rtc_stream_send(demo.stream, p);
}

static void publisher_gone(void *arg, const char *reason) { fprintf(stderr, "publisher gone: %s\n", reason); }

static int loopback_socket(int type, uint16_t *ret_port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) != 0 || getsockname(fd, (struct sockaddr *)&a, &len) != 0) {
        perror("rtc_demo: socket");
        exit(1);
    }
    *ret_port = ntohs(a.sin_port);
    return fd;
}

/* ---- the lossy relay ---- */

static void relay_in(void)
{
    uint8_t b[2048];
    struct sockaddr_in from, to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)rtc_port(demo.rtc)) };
    socklen_t len = sizeof(from);
    ssize_t n = recvfrom(demo.front, b, sizeof(b), 0, (struct sockaddr *)&from, &len);
    int i = 0;
    while (i < demo.relayed_n && demo.relayed[i].peer.sin_port != from.sin_port)
        i++;
    if (i == RELAYED_MAX || n < 0)
        return;
    if (demo.pub && b[0] >= 4 && (int)(vcr_random_u64() % 1000) < demo.loss_per_mille) {
        demo.dropped++;
        return;
    }
    if (i == demo.relayed_n) {
        uint16_t port;
        demo.relayed[i].fd = loopback_socket(SOCK_DGRAM, &port);
        demo.relayed[i].peer = from;
        demo.relayed_n++;
    }
    sendto(demo.relayed[i].fd, b, (size_t)n, 0, (struct sockaddr *)&to, sizeof(to));
}

static void relay_out(int i)
{
    uint8_t b[2048];
    ssize_t n = recv(demo.relayed[i].fd, b, sizeof(b), 0);
    if (n < 0 || (b[0] >= 4 && (int)(vcr_random_u64() % 1000) < demo.loss_per_mille)) {
        demo.dropped++;
        return;
    }
    sendto(demo.front, b, (size_t)n, 0, (struct sockaddr *)&demo.relayed[i].peer, sizeof(demo.relayed[i].peer));
}

/* ---- signalling ---- */

static void reply(int fd, const char *status, const char *type, const char *extra, const char *body)
{
    char head[400];
    int n = snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Type: %s\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n", status, type, extra,
                     strlen(body));
    vcr_write_all(fd, head, (size_t)n);
    vcr_write_all(fd, body, strlen(body));
}

/* The relay's port in place of the sender's. */
static void through_relay(char *sdp)
{
    char from[16], to[16], *at;
    struct sockaddr_in a;
    socklen_t len = sizeof(a);
    if (demo.front < 0)
        return;
    getsockname(demo.front, (struct sockaddr *)&a, &len);
    snprintf(from, sizeof(from), " %05d typ", rtc_port(demo.rtc));
    snprintf(to, sizeof(to), " %05d typ", ntohs(a.sin_port));
    while ((at = strstr(sdp, from)))
        memcpy(at, to, strlen(to));
}

static void reply_offer(int fd)
{
    char id[VCR_UUID_BYTES], extra[100], *sdp;
    struct vcr_why why;
    if (rtc_offer(demo.stream, id, &sdp, &why)) {
        reply(fd, "503 Service Unavailable", "text/plain", "", why.text);
        return;
    }
    through_relay(sdp);
    snprintf(extra, sizeof(extra), "X-Peer: %s\r\n", id);
    reply(fd, "200 OK", "application/sdp", extra, sdp);
    free(sdp);
}

static void reply_stats(int fd)
{
    struct rtc_viewer_stats v[RELAYED_MAX];
    char out[RELAYED_MAX * 300] = "[";
    int n = rtc_viewers(demo.stream, v, RELAYED_MAX);
    for (int i = 0; i < n; i++) {
        size_t at = strlen(out);
        snprintf(out + at, sizeof(out) - at, "%s{\"rtt_ms\":%.2f,\"loss\":%.3f,\"bps\":%lld,\"first_key_frame_ms\":%.1f,\"nacked\":%llu,\"resent\":%llu,\"estimate_bps\":%lld,\"transport_cc\":%d}",
                 i ? "," : "", v[i].rtt_ms, v[i].loss, (long long)v[i].bitrate_bps, v[i].first_key_frame_ms, (unsigned long long)v[i].nacked,
                 (unsigned long long)v[i].resent, (long long)v[i].estimate_bps, v[i].estimate_by == RTC_ESTIMATE_TRANSPORT_CC);
    }
    strcat(out, "]");
    reply(fd, "200 OK", "application/json", "", out);
}

static void reply_publish(int fd, const char *offer)
{
    char *answer;
    struct vcr_why why;
    rtc_publish_close(&demo.pub);
    if (rtc_publish(demo.rtc, &demo.pub, offer, strlen(offer), &(struct rtc_publish_events) { .packet = from_publisher, .gone = publisher_gone }, &answer, &why)) {
        reply(fd, "422 Unprocessable", "text/plain", "", why.text);
        return;
    }
    through_relay(answer);
    reply(fd, "201 Created", "application/sdp", "", answer);
    free(answer);
}

static void reply_publisher(int fd)
{
    struct rtc_publish_stats s = { 0 };
    char out[700];
    if (demo.pub)
        rtc_publish_stats(demo.pub, &s);
    snprintf(out, sizeof(out),
             "{\"connected\":%d,\"bps\":%lld,\"loss\":%.3f,\"jitter_ms\":%.1f,\"packets\":%llu,\"lost\":%llu,\"recovered\":%llu,\"nacked\":%llu,\"pictures\":%llu,"
             "\"key_frames\":%llu,\"dropped\":%llu,\"sounds\":%llu,\"key_requests\":%llu,\"longest_gop_ms\":%lld,\"age_ms\":[%lld,%lld]}",
             s.connected, (long long)s.bitrate_bps, s.loss, s.jitter_ms, (unsigned long long)s.packets, (unsigned long long)s.lost, (unsigned long long)s.recovered,
             (unsigned long long)s.nacked, (unsigned long long)s.pictures, (unsigned long long)s.key_frames, (unsigned long long)s.dropped, (unsigned long long)s.sounds,
             (unsigned long long)s.key_requests, (long long)demo.longest_gop_us / 1000, (long long)(clock_mono_us() - demo.last_us[0]) / 1000,
             (long long)(clock_mono_us() - demo.last_us[1]) / 1000);
    reply(fd, "200 OK", "application/json", "", out);
}

static void serve(int fd)
{
    static char b[HTTP_MAX];
    size_t n = 0;
    char *end = NULL, *length;
    for (ssize_t r; n < sizeof(b) - 1 && (r = recv(fd, b + n, sizeof(b) - 1 - n, 0)) > 0;) {
        n += (size_t)r;
        b[n] = '\0';
        end = strstr(b, "\r\n\r\n");
        length = strcasestr(b, "\ncontent-length:");
        if (end && (!length || n >= (size_t)(end + 4 - b) + strtoul(length + 16, NULL, 10)))
            break;
    }
    struct vcr_why why = { 0 };
    if (!end)
        return;
    if (strncmp(b, "GET /offer ", 11) == 0) {
        reply_offer(fd);
    } else if (strncmp(b, "POST /answer?", 13) == 0) {
        b[13 + VCR_UUID_BYTES - 1] = '\0';
        enum vcr_err err = rtc_answer(demo.stream, b + 13, end + 4, &why);
        reply(fd, err ? "422 Unprocessable" : "204 No Content", "text/plain", "", why.text);
    } else if (strncmp(b, "POST /publish ", 14) == 0) {
        reply_publish(fd, end + 4);
    } else if (strncmp(b, "GET /publisher ", 15) == 0) {
        reply_publisher(fd);
    } else if (strncmp(b, "GET /stats ", 11) == 0) {
        reply_stats(fd);
    } else {
        reply(fd, "200 OK", "text/html", "", page);
    }
}

/* ---- the programme ---- */

static void send_frame(int64_t pts_us)
{
    if (demo.pub) {
        if (demo.wants_key)
            rtc_publish_key(demo.pub);
        demo.wants_key = 0;
        return;
    }
    if (demo.wants_key) { /* stands for an encoder that makes one at once */
        demo.wants_key = 0;
        while (!demo.video.units[demo.frame].key)
            demo.frame = (demo.frame + 1) % demo.video.count;
    }
    const struct media_unit *u = &demo.video.units[demo.frame];
    demo.frame = (demo.frame + 1) % demo.video.count;
    rtc_stream_send(demo.stream,
                    &(struct packet) { .track = PACKET_VIDEO, .flags = u->key ? PACKET_KEY : 0, .pts_us = pts_us, .data = u->data, .len = u->len });
}

static void send_sound(int64_t pts_us)
{
    if (demo.pub)
        return;
    const struct media_unit *u = &demo.audio.units[demo.sound];
    demo.sound = (demo.sound + 1) % demo.audio.count;
    rtc_stream_send(demo.stream, &(struct packet) { .track = PACKET_AUDIO, .flags = PACKET_KEY, .pts_us = pts_us, .data = u->data, .len = u->len });
}

static void run(void)
{
    int64_t start = clock_mono_us(), frames = 0, sounds = 0;
    while (!stopped) {
        struct pollfd p[2 + RELAYED_MAX] = { { .fd = demo.http, .events = POLLIN }, { .fd = demo.front, .events = POLLIN } };
        int relayed = demo.relayed_n;
        for (int i = 0; i < relayed; i++)
            p[2 + i] = (struct pollfd) { .fd = demo.relayed[i].fd, .events = POLLIN };
        int64_t frame_us = start + frames * 1001000 / 30, sound_us = start + sounds * 20000, now_us = clock_mono_us();
        int64_t wait_us = VCR_MAX(VCR_MIN(frame_us, sound_us) - now_us, 0);
        struct timespec wait = { .tv_nsec = wait_us * 1000 };
        if (ppoll(p, (nfds_t)(2 + relayed), &wait, NULL) > 0) {
            if (p[0].revents) {
                int fd = accept(demo.http, NULL, NULL);
                serve(fd);
                close(fd);
            }
            if (p[1].revents)
                relay_in();
            for (int i = 0; i < relayed; i++)
                if (p[2 + i].revents)
                    relay_out(i);
        }
        now_us = clock_mono_us();
        if (now_us >= frame_us)
            frames++, send_frame(frame_us);
        if (now_us >= sound_us)
            sounds++, send_sound(sound_us);
    }
}

int main(int argc, char **argv)
{
    struct vcr_why why;
    uint16_t port;
    if (argc < 3 || !media_read_h264(&demo.video, argv[1]) || !media_read_opus(&demo.audio, argv[2])) {
        fprintf(stderr, "usage: rtc_demo picture.h264 sound.opus [LOSS_PER_MILLE [LISTEN]]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    demo.loss_per_mille = argc > 3 ? atoi(argv[3]) : 0;
    demo.http = loopback_socket(SOCK_STREAM, &port);
    listen(demo.http, 16);
    if (rtc_open(&demo.rtc, &(struct rtc_config) { .listen = argc > 4 ? argv[4] : "127.0.0.1:0" }, &why) ||
        rtc_stream_open(demo.rtc, &demo.stream, &(struct rtc_events) { .want_key = want_key, .viewer_up = up, .viewer_gone = gone }, &why)) {
        fprintf(stderr, "rtc_demo: %s\n", why.text);
        return 1;
    }
    if (demo.loss_per_mille) {
        uint16_t relay_port;
        demo.front = loopback_socket(SOCK_DGRAM, &relay_port);
    }
    printf("http://127.0.0.1:%d/\n", port);
    fflush(stdout);
    run();
    fprintf(stderr, "%d datagrams dropped\n", demo.dropped);
    rtc_publish_close(&demo.pub);
    rtc_stream_close(&demo.stream);
    rtc_close(&demo.rtc);
    media_free(&demo.video);
    media_free(&demo.audio);
    return 0;
}
