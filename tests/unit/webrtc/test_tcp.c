/* tests/unit/webrtc/test_tcp.c - viewers whose network lets no UDP out: what reaches them over TCP, and what strangers and slow readers of it can do. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/util.h"
#include "deliver/webrtc/rtc.h"
#include "rtc_client.h"
#include "wire/stun.h"

enum { TIMEOUT_MS = 60000, KEY_BYTES = 30000, DELTA_BYTES = 5000, FRAME_MAX = 1500, PER_ADDRESS = 64, IN_ALL = 512 };

struct stage {
    struct rtc *rtc;
    struct rtc_stream *stream;
    atomic_int gone;
    int frames, port; /* port: of TCP */
};

static void viewer_gone(void *arg, const char *id, const char *reason) { ((struct stage *)arg)->gone++; }

static void stage_close(struct stage *s)
{
    rtc_stream_close(&s->stream);
    rtc_close(&s->rtc);
}

/* The first of the threads receives, a first viewer is on another one. */
static void stage_open_with(struct stage *s, int threads, int offer_ms, int consent_ms)
{
    struct vcr_why why;
    char id[VCR_UUID_BYTES], *sdp = NULL;
    memset(s, 0, sizeof(*s));
    if (rtc_open(&s->rtc, &(struct rtc_config) { .listen = "127.0.0.1:0", .threads = threads, .joins_per_s = -1, .offer_ms = offer_ms, .consent_ms = consent_ms }, &why))
        fail_msg("%s", why.text);
    if (rtc_stream_open(s->rtc, &s->stream, &(struct rtc_events) { .viewer_gone = viewer_gone, .arg = s }, &why) || rtc_offer(s->stream, id, &sdp, &why))
        fail_msg("%s", why.text);
    const char *at = strstr(sdp, " 1 tcp ");
    assert_true(at && sscanf(at, " 1 tcp %*u 127.0.0.1 %d typ host tcptype passive", &s->port) == 1);
    free(sdp);
    rtc_viewer_close(s->stream, id);
    assert_int_equal(s->port, rtc_port(s->rtc));
    s->gone = 0;
}

static void stage_open(struct stage *s, int threads, int offer_ms) { stage_open_with(s, threads, offer_ms, 0); }

static void send_frame(struct stage *s, bool key)
{
    static const uint8_t sets[] = { 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x91, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x81, 0, 0, 0, 1, 0x65 }, slice[] = { 0, 0, 0, 1, 0x61 };
    static uint8_t au[KEY_BYTES];
    size_t len = key ? KEY_BYTES : DELTA_BYTES;
    memset(au, 1 + s->frames % 250, len);
    memcpy(au, key ? sets : slice, key ? sizeof(sets) : sizeof(slice));
    rtc_stream_send(s->stream, &(struct packet) { .track = PACKET_VIDEO, .flags = key ? PACKET_KEY : 0, .pts_us = clock_mono_us(), .data = au, .len = len });
    rtc_stream_send(s->stream, &(struct packet) { .track = PACKET_AUDIO, .pts_us = clock_mono_us(), .data = slice, .len = sizeof(slice) });
    s->frames++;
}

static void connect_to(int fd, int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_true(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
}

/* From 127.0.0.host. */
static int dial_from(int host, int port)
{
    struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl((127u << 24) + (uint32_t)host) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&own, sizeof(own)) == 0);
    connect_to(fd, port);
    return fd;
}

static int dial(int port) { return dial_from(1, port); }

/* Between a client, which speaks UDP, and the server's TCP. */
struct relay {
    int udp, tcp, port;
    struct sockaddr_in client;
    bool stuck; /* reads nothing */
    bool checked; /* gives on nothing else before a check, like a browser */
    size_t in_len;
    uint8_t in[65536];
    uint64_t frames;
};

static void relay_open(struct relay *r, int server_port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(a);
    int size = 1 << 21;
    memset(r, 0, sizeof(*r));
    r->udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(r->udp, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    assert_true(bind(r->udp, (struct sockaddr *)&a, sizeof(a)) == 0 && getsockname(r->udp, (struct sockaddr *)&a, &len) == 0);
    r->port = ntohs(a.sin_port);
    r->tcp = dial(server_port);
}

static void relay_close(struct relay *r)
{
    vcr_close(&r->udp);
    vcr_close(&r->tcp);
}

static void relay_step(struct relay *r)
{
    uint8_t b[2 + 2048];
    socklen_t len = sizeof(r->client);
    for (ssize_t n; (n = recvfrom(r->udp, b + 2, sizeof(b) - 2, 0, (struct sockaddr *)&r->client, &len)) > 0;) {
        if (!r->checked && b[2] >= 4)
            continue;
        r->checked = true;
        wr16be(b, (uint16_t)n);
        send(r->tcp, b, (size_t)n + 2, MSG_NOSIGNAL);
    }
    while (!r->stuck) {
        ssize_t n = recv(r->tcp, r->in + r->in_len, sizeof(r->in) - r->in_len, MSG_DONTWAIT);
        if (n <= 0)
            return;
        r->in_len += (size_t)n;
        size_t at = 0;
        while (r->in_len - at >= 2 && r->in_len - at >= (size_t)2 + rd16be(r->in + at)) {
            size_t one = rd16be(r->in + at);
            assert_in_range(one, 12, FRAME_MAX);
            sendto(r->udp, r->in + at + 2, one, 0, (struct sockaddr *)&r->client, sizeof(r->client));
            at += 2 + one;
            r->frames++;
        }
        r->in_len -= at;
        memmove(r->in, r->in + at, r->in_len);
    }
}

/* The server's SDP as if its first candidate were the relay. */
static char *through(const struct relay *r, const char *sdp)
{
    const char *at = strstr(sdp, "a=candidate:1 1 udp "), *end = strstr(at, "\r\n");
    return vcr_asprintf("%.*sa=candidate:1 1 udp 1 127.0.0.1 %d typ host%s", (int)(at - sdp), sdp, r->port, end);
}

static struct rtc_client *join(struct stage *s, struct relay *r, struct rtc_client_options o)
{
    char id[VCR_UUID_BYTES], *sdp;
    struct vcr_why why;
    relay_open(r, s->port);
    assert_int_equal(rtc_offer(s->stream, id, &sdp, &why), VCR_OK);
    char *seen = through(r, sdp);
    struct rtc_client *c = rtc_client_open(seen, &o);
    char *answer = rtc_client_answer(c);
    assert_int_equal(rtc_answer(s->stream, id, answer, &why), VCR_OK);
    free(answer);
    free(seen);
    free(sdp);
    return c;
}

struct goal {
    struct relay *relay;
    struct rtc_client *c;
    uint64_t frames, reports, keys;
    bool bye;
};
static bool reached(void *arg)
{
    const struct goal *g = arg;
    relay_step(g->relay);
    return g->c->frames >= g->frames && g->c->reports >= g->reports && g->c->key_frames >= g->keys && (!g->bye || g->c->bye);
}

static bool never(void *arg)
{
    relay_step(((const struct goal *)arg)->relay);
    return false;
}

static void a_viewer_without_udp_gets_all(void **state)
{
    for (int cm_only = 0; cm_only < 2; cm_only++) {
        struct stage s;
        struct relay r;
        stage_open(&s, *(int *)*state, 0);
        send_frame(&s, true);
        struct rtc_client *c = join(&s, &r, (struct rtc_client_options) { .cm_only = cm_only });
        assert_true(rtc_clients_run(&c, 1, reached, &(struct goal) { .relay = &r, .c = c, .reports = 1 }, TIMEOUT_MS));
        while (s.frames < 100)
            send_frame(&s, s.frames == 50);
        assert_true(rtc_clients_run(&c, 1, reached, &(struct goal) { .relay = &r, .c = c, .frames = 100, .keys = 2 }, TIMEOUT_MS));
        assert_true(c->bad == 0 && c->sounds >= 99 && r.frames > 500);
        rtc_stream_close(&s.stream);
        assert_true(rtc_clients_run(&c, 1, reached, &(struct goal) { .relay = &r, .c = c, .bye = true }, TIMEOUT_MS));
        rtc_client_close(&c);
        relay_close(&r);
        stage_close(&s);
    }
}

/* It loses what does not fit, and nobody else loses anything; when it reads again it goes on at the next key frame. */
static void one_who_does_not_read_harms_nobody(void **state)
{
    enum { MANY = 1500 };
    struct stage s;
    struct relay r[2];
    struct rtc_client *c[2];
    stage_open(&s, *(int *)*state, 0);
    send_frame(&s, true);
    for (int i = 0; i < 2; i++) {
        c[i] = join(&s, &r[i], (struct rtc_client_options) { 0 });
        assert_true(rtc_clients_run(&c[i], 1, reached, &(struct goal) { .relay = &r[i], .c = c[i], .reports = 1, .frames = 1 }, TIMEOUT_MS));
    }
    r[0].stuck = true;
    while (s.frames < MANY) {
        send_frame(&s, false);
        if (s.frames % 20 == 0)
            assert_true(rtc_clients_run(&c[1], 1, reached, &(struct goal) { .relay = &r[1], .c = c[1], .frames = (uint64_t)s.frames }, TIMEOUT_MS));
    }
    assert_true(rtc_clients_run(&c[1], 1, reached, &(struct goal) { .relay = &r[1], .c = c[1], .frames = MANY }, TIMEOUT_MS));
    assert_int_equal(c[1]->bad, 0);
    r[0].stuck = false;
    rtc_clients_run(&c[0], 1, never, &(struct goal) { .relay = &r[0], .c = c[0] }, 100);
    for (int i = 0; i < 600 && c[0]->key_frames < 2; i++) {
        send_frame(&s, i % 20 == 0);
        rtc_clients_run(&c[0], 1, never, &(struct goal) { .relay = &r[0], .c = c[0] }, 20);
    }
    assert_true(c[0]->key_frames >= 2 && c[0]->frames < MANY && c[0]->bad == 0 && s.gone == 0);
    for (int i = 0; i < 2; i++) {
        rtc_client_close(&c[i]);
        relay_close(&r[i]);
    }
    stage_close(&s);
}

/* Whether its connection has ended, after all that had come of it. */
static bool reads_the_end(struct relay *r)
{
    struct pollfd p = { .fd = r->tcp, .events = POLLIN };
    while (poll(&p, 1, 300) > 0)
        if (recv(r->tcp, r->in, sizeof(r->in), 0) <= 0)
            return true;
    return false;
}

/* It goes on with its checks, so that the viewer stays, but takes nothing for longer than consent lasts: what waits for it is let go with its connection. */
static void one_who_takes_nothing_is_ended(void **state)
{
    enum { CONSENT_MS = 6000, STUCK_MS = 8000 };
    struct stage s;
    struct relay r;
    stage_open_with(&s, *(int *)*state, 0, CONSENT_MS);
    send_frame(&s, true);
    struct rtc_client *c = join(&s, &r, (struct rtc_client_options) { 0 });
    assert_true(rtc_clients_run(&c, 1, reached, &(struct goal) { .relay = &r, .c = c, .reports = 1, .frames = 1 }, TIMEOUT_MS));
    r.stuck = true;
    bool ended = false;
    for (int i = 0; i < 5 && !ended; i++) { /* once, unless this machine has lost seconds */
        for (int64_t until_us = clock_mono_us() + 1000 * STUCK_MS; clock_mono_us() < until_us;) {
            for (int k = 0; k < 4; k++)
                send_frame(&s, s.frames % 100 == 0);
            rtc_clients_run(&c, 1, never, &(struct goal) { .relay = &r, .c = c }, 20);
        }
        assert_int_equal(s.gone, 0);
        ended = reads_the_end(&r);
    }
    assert_true(ended);
    rtc_client_close(&c);
    relay_close(&r);
    stage_close(&s);
}

/* What came of a connection: its bytes until it is closed or the time is over; -1: still open. */
static int what_comes(int fd, uint8_t *out, size_t size, int timeout_ms)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    if (poll(&p, 1, timeout_ms) <= 0)
        return -1;
    ssize_t n = recv(fd, out, size, 0);
    return n > 0 ? (int)n : 0;
}

/* Somebody who came after all that was done before is closed: the server has seen that, too. */
static void server_has_seen(const struct stage *s)
{
    uint8_t b[16];
    int fd = dial(s->port);
    send(fd, "GET /", 5, MSG_NOSIGNAL);
    assert_int_equal(what_comes(fd, b, sizeof(b), TIMEOUT_MS), 0);
    vcr_close(&fd);
}

/* Its connection ends while pictures go out to it, it dials again, and goes on; the new connection gets nothing of the old one's before its check. */
static void one_who_hangs_up_comes_again(void **state)
{
    enum { TIMES = 3 };
    struct stage s;
    struct relay r;
    stage_open(&s, *(int *)*state, 0);
    send_frame(&s, true);
    struct rtc_client *c = join(&s, &r, (struct rtc_client_options) { 0 });
    for (int i = 0; i < TIMES; i++) {
        uint64_t had = c->key_frames;
        for (int tries = 0; tries < 3000 && c->key_frames == had; tries++) {
            send_frame(&s, true);
            rtc_clients_run(&c, 1, never, &(struct goal) { .relay = &r, .c = c }, 20);
        }
        assert_true(c->key_frames > had);
        for (int frame = 0; frame < 40; frame++) {
            send_frame(&s, false);
            if (frame == 20)
                vcr_close(&r.tcp);
        }
        server_has_seen(&s);
        r.tcp = dial(s.port);
        server_has_seen(&s);
        send_frame(&s, true);
        struct rtc_viewer_stats stats;
        assert_int_equal(rtc_viewers(s.stream, &stats, 1), 1); /* after the frame */
        assert_int_equal(recv(r.tcp, r.in, sizeof(r.in), MSG_DONTWAIT), -1);
        r.in_len = 0;
        r.checked = false;
    }
    assert_true(s.gone == 0 && c->bad == 0);
    rtc_client_close(&c);
    relay_close(&r);
    stage_close(&s);
}

static void who_watches_stays_longer_than_an_offer(void **state)
{
    struct stage s;
    struct relay r;
    uint8_t b[16];
    stage_open(&s, *(int *)*state, 5000);
    send_frame(&s, true);
    struct rtc_client *c = join(&s, &r, (struct rtc_client_options) { 0 });
    assert_true(rtc_clients_run(&c, 1, reached, &(struct goal) { .relay = &r, .c = c, .frames = 1 }, TIMEOUT_MS));
    int later = dial(s.port); /* says nothing */
    for (int i = 0; what_comes(later, b, sizeof(b), 0) == -1; i++) {
        assert_true(i < TIMEOUT_MS / 20);
        rtc_clients_run(&c, 1, never, &(struct goal) { .relay = &r, .c = c }, 20);
    }
    while (s.frames < 50)
        send_frame(&s, false);
    assert_true(rtc_clients_run(&c, 1, reached, &(struct goal) { .relay = &r, .c = c, .frames = 50 }, TIMEOUT_MS));
    assert_int_equal(s.gone, 0);
    vcr_close(&later);
    rtc_client_close(&c);
    relay_close(&r);
    stage_close(&s);
}

static size_t make_check(uint8_t *out, const char *ufrag, const char *pwd)
{
    struct stun_out o;
    char user[100];
    uint8_t txid[STUN_TXID_BYTES] = { 7 }, tie[8] = { 1 };
    int n = snprintf(user, sizeof(user), "%s:someone", ufrag);
    stun_begin(&o, STUN_BINDING_REQUEST, txid);
    stun_add(&o, STUN_USERNAME, user, (size_t)n);
    stun_add(&o, STUN_CONTROLLING, tie, sizeof(tie));
    stun_end(&o, pwd);
    wr16be(out, (uint16_t)o.len);
    memcpy(out + 2, o.bytes, o.len);
    return o.len + 2;
}

static void part_of(const char *sdp, const char *name, char out[64])
{
    const char *at = strstr(sdp, name) + strlen(name);
    snprintf(out, 64, "%.*s", (int)strcspn(at, "\r"), at);
}

static void strangers_get_nothing_and_are_closed(void **state)
{
    static const struct { const char *what; uint8_t bytes[8]; size_t len; } rows[] = {
        { "DTLS before any check", { 0, 3, 22, 254, 253 }, 5 }, { "an empty first frame", { 0, 0 }, 2 }, { "too long a frame", { 0xff, 0xff, 0 }, 3 }, { "HTTP", { 'G', 'E', 'T', ' ', '/' }, 5 },
    };
    struct stage s;
    uint8_t b[2048];
    char id[VCR_UUID_BYTES], *sdp, ufrag[64], pwd[64];
    struct vcr_why why;
    stage_open(&s, *(int *)*state, 10 * TIMEOUT_MS); /* they are closed for what they said */
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = dial(s.port);
        assert_int_equal(send(fd, rows[i].bytes, rows[i].len, MSG_NOSIGNAL), rows[i].len);
        if (what_comes(fd, b, sizeof(b), TIMEOUT_MS) != 0)
            fail_msg("%s is answered", rows[i].what);
        vcr_close(&fd);
    }
    stage_close(&s);
    stage_open(&s, *(int *)*state, 1000);
    int silent = dial(s.port); /* says nothing at all */
    assert_int_equal(what_comes(silent, b, sizeof(b), TIMEOUT_MS), 0);
    vcr_close(&silent);

    assert_int_equal(rtc_offer(s.stream, id, &sdp, &why), VCR_OK);
    part_of(sdp, "a=ice-ufrag:", ufrag);
    part_of(sdp, "a=ice-pwd:", pwd);
    int fd = dial(s.port); /* a check with a wrong password: silence, and the end */
    send(fd, b, make_check(b, ufrag, "not-the-password-of-it-all"), MSG_NOSIGNAL);
    assert_int_equal(what_comes(fd, b, sizeof(b), TIMEOUT_MS), 0);
    vcr_close(&fd);
    free(sdp);

    assert_int_equal(rtc_offer(s.stream, id, &sdp, &why), VCR_OK);
    part_of(sdp, "a=ice-ufrag:", ufrag);
    part_of(sdp, "a=ice-pwd:", pwd);
    fd = dial(s.port); /* a right one, byte by byte */
    size_t len = make_check(b, ufrag, pwd);
    for (size_t i = 0; i < len; i++)
        send(fd, b + i, 1, MSG_NOSIGNAL);
    struct stun_msg m;
    int n = what_comes(fd, b, sizeof(b), TIMEOUT_MS);
    assert_true(n > 20 && rd16be(b) == n - 2 && stun_parse(b + 2, (size_t)n - 2, &m) && m.type == STUN_BINDING_OK && m.has_mapped);
    assert_int_equal(what_comes(fd, b, sizeof(b), TIMEOUT_MS), 0); /* no answer to the offer came: its end is the connection's */
    vcr_close(&fd);
    free(sdp);
    stage_close(&s);
}

/* So many dialled and stay; the last one is closed at once, and there is room again when the first one has gone. */
static void so_many_stay(struct stage *s, int *fds, int n, int extra_host)
{
    uint8_t b[16];
    struct pollfd p[IN_ALL + 1];
    fds[n] = dial_from(extra_host, s->port);
    for (int i = 0; i <= n; i++)
        p[i] = (struct pollfd) { .fd = fds[i], .events = POLLIN };
    assert_int_equal(poll(p, (nfds_t)n + 1, TIMEOUT_MS), 1);
    assert_true(p[n].revents && recv(fds[n], b, sizeof(b), 0) <= 0);
    vcr_close(&fds[0]);
    for (int i = 0;; i++) { /* as soon as the server has seen it */
        int fd = dial_from(extra_host, s->port);
        bool stays = what_comes(fd, b, sizeof(b), 200) == -1;
        vcr_close(&fd);
        if (stays)
            break;
        assert_true(i < 300);
    }
    for (int i = 1; i <= n; i++)
        vcr_close(&fds[i]);
}

static void one_address_has_so_many(void **state)
{
    struct stage s;
    int fds[PER_ADDRESS + 1];
    stage_open(&s, *(int *)*state, 10 * TIMEOUT_MS);
    for (int i = 0; i < PER_ADDRESS; i++)
        fds[i] = dial(s.port);
    so_many_stay(&s, fds, PER_ADDRESS, 1);
    stage_close(&s);
}

static void all_have_so_many(void **state)
{
    struct stage s;
    struct rlimit had;
    int fds[IN_ALL + 1];
    getrlimit(RLIMIT_NOFILE, &had);
    if (had.rlim_max < 3 * IN_ALL) {
        skip();
        return;
    }
    setrlimit(RLIMIT_NOFILE, &(struct rlimit) { .rlim_cur = 3 * IN_ALL, .rlim_max = had.rlim_max });
    stage_open(&s, *(int *)*state, 10 * TIMEOUT_MS);
    for (int i = 0; i < IN_ALL; i++)
        fds[i] = dial_from(2 + i / PER_ADDRESS, s.port);
    so_many_stay(&s, fds, IN_ALL, 1);
    stage_close(&s);
    setrlimit(RLIMIT_NOFILE, &had);
}

/* They wait; those who are there see their pictures. */
static void connections_wait_for_descriptors(void **state)
{
    struct stage s;
    struct relay r;
    struct rlimit had;
    uint8_t b[16];
    stage_open(&s, *(int *)*state, 10 * TIMEOUT_MS);
    send_frame(&s, true);
    struct rtc_client *c = join(&s, &r, (struct rtc_client_options) { 0 });
    assert_true(rtc_clients_run(&c, 1, reached, &(struct goal) { .relay = &r, .c = c, .frames = 1 }, TIMEOUT_MS));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), next = dup(fd);
    vcr_close(&next);
    getrlimit(RLIMIT_NOFILE, &had);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit) { .rlim_cur = (rlim_t)fd + 1, .rlim_max = had.rlim_max });
    assert_int_equal(dup(fd), -1);
    connect_to(fd, s.port);
    send(fd, "GET / HTTP/1.1", 14, MSG_NOSIGNAL);
    while (s.frames < 100)
        send_frame(&s, false);
    assert_true(rtc_clients_run(&c, 1, reached, &(struct goal) { .relay = &r, .c = c, .frames = 100 }, TIMEOUT_MS));
    assert_int_equal(what_comes(fd, b, sizeof(b), 0), -1);
    setrlimit(RLIMIT_NOFILE, &had);
    assert_int_equal(what_comes(fd, b, sizeof(b), TIMEOUT_MS), 0);
    vcr_close(&fd);
    rtc_client_close(&c);
    relay_close(&r);
    stage_close(&s);
}

/* Of TCP: the server goes on with UDP, and says nothing of the other. */
static void a_taken_port_is_not_offered(void **state)
{
    struct stage s = { 0 };
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(a);
    struct vcr_why why;
    char id[VCR_UUID_BYTES], *sdp, listen_at[32];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 1) == 0 && getsockname(fd, (struct sockaddr *)&a, &len) == 0);
    snprintf(listen_at, sizeof(listen_at), "127.0.0.1:%d", ntohs(a.sin_port));
    if (rtc_open(&s.rtc, &(struct rtc_config) { .listen = listen_at, .threads = *(int *)*state, .joins_per_s = -1 }, &why))
        fail_msg("%s", why.text);
    assert_int_equal(rtc_stream_open(s.rtc, &s.stream, &(struct rtc_events) { .viewer_gone = viewer_gone, .arg = &s }, &why), VCR_OK);
    assert_int_equal(rtc_offer(s.stream, id, &sdp, &why), VCR_OK);
    assert_true(strstr(sdp, " 1 udp ") && !strstr(sdp, " 1 tcp "));
    struct rtc_client *c = rtc_client_open(sdp, &(struct rtc_client_options) { 0 });
    char *answer = rtc_client_answer(c);
    assert_int_equal(rtc_answer(s.stream, id, answer, &why), VCR_OK);
    send_frame(&s, true);
    struct relay none = { .udp = -1, .tcp = -1, .stuck = true };
    assert_true(rtc_clients_run(&c, 1, reached, &(struct goal) { .relay = &none, .c = c, .frames = 1 }, TIMEOUT_MS));
    free(answer);
    free(sdp);
    rtc_client_close(&c);
    stage_close(&s);
    vcr_close(&fd);
}

#define ON(test, threads) { #test " (threads: " #threads ")", test, NULL, NULL, &(int) { threads } }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(a_viewer_without_udp_gets_all, 1),
        ON(a_viewer_without_udp_gets_all, 3),
        ON(one_who_does_not_read_harms_nobody, 1),
        ON(one_who_does_not_read_harms_nobody, 3),
        ON(one_who_takes_nothing_is_ended, 3),
        ON(one_who_hangs_up_comes_again, 1),
        ON(one_who_hangs_up_comes_again, 3),
        ON(who_watches_stays_longer_than_an_offer, 3),
        ON(strangers_get_nothing_and_are_closed, 1),
        ON(strangers_get_nothing_and_are_closed, 3),
        ON(one_address_has_so_many, 3),
        ON(all_have_so_many, 3),
        ON(connections_wait_for_descriptors, 3),
        ON(a_taken_port_is_not_offered, 3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
