/* tests/unit/webrtc/test_hostile.c - what may come to the media port of a server that others can reach: floods of what is no protocol, of checks, of ClientHellos and of
 * joins, a viewer with good credentials who then sends DTLS in splinters or without end, and a publisher and a viewer with good keys who then send nonsense under them. The
 * others see their pictures, and a stranger not one byte. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/util.h"
#include "deliver/webrtc/publish.h"
#include "rtc_client.h"
#include "rtc_source.h"
#include "wire/rtp.h"
#include "wire/stun.h"

enum { FRAME_BYTES = 8000, FRAMES = 40, TIMEOUT_MS = 60000, SPLINTERS = 300 };

struct stage {
    struct rtc *rtc;
    struct rtc_stream *other, *stream;
    atomic_int gone;
};

static void want_key(void *arg) { }
static void viewer_gone(void *arg, const char *id, const char *reason) { ((struct stage *)arg)->gone++; }

/* With two threads `stream` is on the second one, and the first one, which receives, has another stream. */
static void stage_open_on(struct stage *s, int threads, int offer_ms)
{
    struct vcr_why why;
    memset(s, 0, sizeof(*s));
    if (rtc_open(&s->rtc, &(struct rtc_config) { .listen = "127.0.0.1:0", .threads = threads, .joins_per_s = -1, .offer_ms = offer_ms }, &why) ||
        (threads > 1 && rtc_stream_open(s->rtc, &s->other, NULL, &why)) ||
        rtc_stream_open(s->rtc, &s->stream, &(struct rtc_events) { .want_key = want_key, .viewer_gone = viewer_gone, .arg = s }, &why))
        fail_msg("%s", why.text);
}

static void stage_open(struct stage *s, int offer_ms) { stage_open_on(s, 1, offer_ms); }

static void stage_close(struct stage *s)
{
    rtc_stream_close(&s->other);
    rtc_stream_close(&s->stream);
    rtc_close(&s->rtc);
}

static void send_frame(struct stage *s, bool key)
{
    static uint8_t au[FRAME_BYTES] = { 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x11, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x81, 0, 0, 0, 1, 0x65 };
    memset(au + 22, 7, sizeof(au) - 22);
    au[21] = key ? 0x65 : 0x61;
    rtc_stream_send(s->stream, &(struct packet) { .track = PACKET_VIDEO, .flags = key ? PACKET_KEY : 0, .pts_us = clock_mono_us(), .data = au, .len = sizeof(au) });
}

static struct rtc_client *join(struct stage *s)
{
    char id[VCR_UUID_BYTES], *sdp;
    struct vcr_why why;
    if (rtc_offer(s->stream, id, &sdp, &why))
        fail_msg("%s", why.text);
    struct rtc_client *c = rtc_client_open(sdp, &(struct rtc_client_options) { .nack = true });
    char *answer = rtc_client_answer(c);
    if (rtc_answer(s->stream, id, answer, &why))
        fail_msg("%s", why.text);
    free(answer);
    free(sdp);
    return c;
}

static bool is_connected(void *c) { return ((struct rtc_client *)c)->connected; }
struct goal {
    const struct rtc_client *c;
    uint64_t frames;
};
static bool has_frames(void *arg) { return ((struct goal *)arg)->c->frames >= ((struct goal *)arg)->frames; }
static bool is_gone(void *s) { return ((struct stage *)s)->gone > 0; }

#define run(c, done, arg) assert_true(rtc_clients_run(&(c), 1, done, arg, TIMEOUT_MS))

/* One frame after the other, each seen before the next is sent. */
static void watch(struct stage *s, struct rtc_client *c)
{
    uint64_t before = c->frames;
    for (int i = 1; i <= FRAMES; i++) {
        send_frame(s, i == 1);
        run(c, has_frames, &((struct goal) { c, before + (uint64_t)i }));
    }
}

/* ---- floods ---- */

struct flood {
    struct sockaddr_in to;
    char ufrag[64];       /* of the viewer who watches: no secret, it stands in an offer */
    const uint8_t *hello; /* a whole ClientHello */
    size_t hello_len;
    atomic_bool stop;
    atomic_long sent, answers; /* datagrams that came back */
};

enum { STRANGERS = 32 };

/* From many addresses. */
static void strangers_open(int fd[STRANGERS])
{
    for (int i = 0; i < STRANGERS; i++)
        fd[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static void strangers_close(struct flood *f, int fd[STRANGERS])
{
    struct pollfd later[STRANGERS];
    for (int i = 0; i < STRANGERS; i++)
        later[i] = (struct pollfd) { .fd = fd[i], .events = POLLIN };
    f->answers += poll(later, STRANGERS, 200);
    for (int i = 0; i < STRANGERS; i++)
        close(fd[i]);
}

static void stranger_sends(struct flood *f, int fd, const void *p, size_t len)
{
    uint8_t back[64];
    sendto(fd, p, len, MSG_DONTWAIT, (const struct sockaddr *)&f->to, sizeof(f->to));
    f->answers += recv(fd, back, sizeof(back), MSG_DONTWAIT) >= 0;
    f->sent++;
}

/* Checks as a browser makes them, with the user name of one who watches, or nobody's, and a password that is not his. */
static void *checks_main(void *arg)
{
    enum { KINDS = 4 };
    struct flood *f = arg;
    struct stun_out o[KINDS];
    int fd[STRANGERS];
    for (unsigned i = 0; i < KINDS; i++) {
        uint8_t txid[STUN_TXID_BYTES] = { (uint8_t)i }, tie[8] = { 1 };
        char user[100];
        int n = snprintf(user, sizeof(user), "%s:%s", i % 2 ? f->ufrag : "nobodyuf", i / 2 ? "clientuf" : "stranger");
        stun_begin(&o[i], STUN_BINDING_REQUEST, txid);
        stun_add(&o[i], STUN_USERNAME, user, (size_t)n);
        stun_add(&o[i], STUN_CONTROLLING, tie, sizeof(tie));
        stun_add(&o[i], STUN_USE_CANDIDATE, NULL, 0);
        stun_end(&o[i], "notthepasswordofanybody0");
    }
    strangers_open(fd);
    for (unsigned i = 0; !f->stop; i++)
        stranger_sends(f, fd[i % STRANGERS], o[i % KINDS].bytes, o[i % KINDS].len);
    strangers_close(f, fd);
    return NULL;
}

static void *hellos_main(void *arg)
{
    struct flood *f = arg;
    int fd[STRANGERS];
    strangers_open(fd);
    for (unsigned i = 0; !f->stop; i++)
        stranger_sends(f, fd[i % STRANGERS], f->hello, f->hello_len);
    strangers_close(f, fd);
    return NULL;
}

/* What a client's DTLS says first. */
static size_t make_hello(uint8_t *out, size_t size)
{
    SSL_CTX *ctx = SSL_CTX_new(DTLS_client_method());
    SSL_CTX_set_tlsext_use_srtp(ctx, "SRTP_AEAD_AES_128_GCM");
    SSL *ssl = SSL_new(ctx);
    BIO *in = BIO_new(BIO_s_mem()), *sent = BIO_new(BIO_s_mem());
    SSL_set_options(ssl, SSL_OP_NO_QUERY_MTU);
    SSL_set_mtu(ssl, 1200);
    SSL_set_bio(ssl, in, sent);
    SSL_set_connect_state(ssl);
    SSL_do_handshake(ssl);
    int n = BIO_read(sent, out, (int)size);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    assert_true(n > 100 && out[0] == 22);
    return (size_t)n;
}

static void *junk_main(void *arg)
{
    static const uint8_t starts[][4] = { { 0, 1, 0, 8 }, { 22, 0xfe, 0xfd, 0 }, { 0x80, 102, 0, 0 }, { 0x81, 201, 0, 7 }, { 0x45, 0, 0, 0 } };
    struct flood *f = arg;
    uint8_t junk[8192], back[64];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    vcr_random(junk, sizeof(junk));
    for (unsigned i = 0; !f->stop; i++) {
        uint8_t *p = junk + i % (sizeof(junk) - 1500);
        memcpy(p, starts[i % ARRAY_LEN(starts)], 4);
        if (i % ARRAY_LEN(starts) == 0)
            wr32be(p + 4, 0x2112a442);
        sendto(fd, p, 1 + i % 1400, MSG_DONTWAIT, (const struct sockaddr *)&f->to, sizeof(f->to));
        f->answers += recv(fd, back, sizeof(back), MSG_DONTWAIT) >= 0;
        f->sent++;
    }
    struct pollfd later = { .fd = fd, .events = POLLIN };
    f->answers += poll(&later, 1, 200) > 0;
    close(fd);
    return NULL;
}

static void stops_no_viewer_on(int threads, void *(*flood_main)(void *arg))
{
    struct stage s;
    pthread_t thread;
    uint8_t hello[1500];
    stage_open_on(&s, threads, 0);
    struct rtc_client *c = join(&s), *late;
    run(c, is_connected, c);
    struct flood f = { .to = c->server, .hello = hello, .hello_len = make_hello(hello, sizeof(hello)) };
    vcr_strcpy(f.ufrag, sizeof(f.ufrag), c->their_ufrag);
    assert_int_equal(pthread_create(&thread, NULL, flood_main, &f), 0);
    while (f.sent < 1000)
        poll(NULL, 0, 1);
    watch(&s, c);
    late = join(&s); /* and one can still come in */
    run(late, is_connected, late);
    f.stop = true;
    pthread_join(thread, NULL);
    assert_int_equal(f.answers, 0);
    assert_int_equal(s.gone, 0);
    rtc_client_close(&late);
    rtc_client_close(&c);
    stage_close(&s);
}

static void stops_no_viewer(void *(*flood_main)(void *arg))
{
    for (int threads = 1; threads <= 2; threads++)
        stops_no_viewer_on(threads, flood_main);
}

static void a_flood_of_junk_stops_no_viewer(void **state)
{
    stops_no_viewer(junk_main);
}
static void a_flood_of_checks_with_the_wrong_password_stops_no_viewer(void **state)
{
    stops_no_viewer(checks_main);
}
static void a_flood_of_client_hellos_stops_no_viewer(void **state)
{
    stops_no_viewer(hellos_main);
}

struct joining {
    struct stage *s;
    atomic_bool stop;
    atomic_int refused;
};

static void *joins_main(void *arg)
{
    struct joining *j = arg;
    char id[VCR_UUID_BYTES], *sdp;
    struct vcr_why why;
    while (!j->stop) {
        enum vcr_err err = rtc_offer(j->s->stream, id, &sdp, &why);
        if (err != VCR_OK && err != VCR_E_BUSY)
            fail_msg("%s", why.text);
        if (err == VCR_OK)
            free(sdp);
        else
            j->refused++;
    }
    return NULL;
}

static void a_flood_of_joins_stops_no_viewer(void **state)
{
    enum { MOST = 100 };
    struct stage s;
    struct rtc_viewer_stats v[2 * MOST];
    struct vcr_why why;
    pthread_t thread;
    memset(&s, 0, sizeof(s));
    if (rtc_open(&s.rtc, &(struct rtc_config) { .listen = "127.0.0.1:0", .joins_per_s = -1, .viewers_max = MOST }, &why) ||
        rtc_stream_open(s.rtc, &s.stream, &(struct rtc_events) { .want_key = want_key, .viewer_gone = viewer_gone, .arg = &s }, &why))
        fail_msg("%s", why.text);
    struct rtc_client *c = join(&s);
    run(c, is_connected, c);
    struct joining j = { .s = &s };
    assert_int_equal(pthread_create(&thread, NULL, joins_main, &j), 0);
    while (j.refused < 10)
        poll(NULL, 0, 1);
    watch(&s, c);
    assert_int_equal(rtc_viewers(s.stream, v, ARRAY_LEN(v)), MOST);
    j.stop = true;
    pthread_join(thread, NULL);
    rtc_client_close(&c);
    stage_close(&s);
}

static void pass_the_check(struct rtc_client *c)
{
    struct stun_out o;
    struct stun_msg m;
    char user[100];
    uint8_t txid[STUN_TXID_BYTES] = { 9 }, tie[8] = { 0 }, in[1500];
    int n = snprintf(user, sizeof(user), "%s:%s", c->their_ufrag, c->ufrag);
    stun_begin(&o, STUN_BINDING_REQUEST, txid);
    stun_add(&o, STUN_USERNAME, user, (size_t)n);
    stun_add(&o, STUN_CONTROLLING, tie, sizeof(tie));
    stun_add(&o, STUN_USE_CANDIDATE, tie, 0);
    stun_end(&o, c->their_pwd);
    send(c->fd, o.bytes, o.len, 0);
    struct pollfd p = { .fd = c->fd, .events = POLLIN };
    assert_int_equal(poll(&p, 1, TIMEOUT_MS), 1);
    ssize_t got = recv(c->fd, in, sizeof(in), 0);
    assert_true(got > 0 && stun_parse(in, (size_t)got, &m) && m.type == STUN_BINDING_OK);
}

/* A handshake record: type, the whole message's length, where this piece lies in it and how long it says it is, and the bytes that are there. */
static void splinter(int fd, unsigned number, uint8_t type, uint32_t whole, uint32_t at, uint32_t len, size_t bytes)
{
    uint8_t b[1400] = { 22, 0xfe, 0xfd };
    wr16be(b + 9, (uint16_t)number);
    wr16be(b + 11, (uint16_t)(12 + bytes));
    b[13] = type;
    wr24be(b + 14, whole);
    wr16be(b + 17, (uint16_t)(number % 3)); /* the message's number */
    wr24be(b + 19, at);
    wr24be(b + 22, len);
    vcr_random(b + 25, bytes);
    send(fd, b, 25 + bytes, 0);
}

/* One who was let in begins to shake hands again and again, faster than anybody could answer: it waits for its turn, the others see their
 * pictures. */
static void handshakes_without_end_stop_no_viewer(void **state)
{
    enum { BAD = 8, EACH = 50 };
    struct stage s;
    struct rtc_client *bad[BAD];
    uint8_t hello[1500];
    size_t len = make_hello(hello, sizeof(hello));
    stage_open_on(&s, 2, 0);
    struct rtc_client *good = join(&s);
    run(good, is_connected, good);
    for (int i = 0; i < BAD; i++) {
        bad[i] = join(&s);
        pass_the_check(bad[i]);
    }
    for (int i = 1; i <= FRAMES; i++) {
        uint64_t before = good->frames;
        for (int k = 0; k < BAD * EACH; k++) {
            wr16be(hello + 9, (uint16_t)(i * EACH + k / BAD)); /* another record's number each time: no repeat */
            send(bad[k % BAD]->fd, hello, len, 0);
        }
        send_frame(&s, i == 1);
        run(good, has_frames, &((struct goal) { good, before + 1 }));
    }
    struct rtc_client *late = join(&s); /* and one can still come in */
    run(late, is_connected, late);
    rtc_client_close(&late);
    for (int i = 0; i < BAD; i++)
        rtc_client_close(&bad[i]);
    rtc_client_close(&good);
    stage_close(&s);
}

static void dtls_in_splinters_costs_only_its_sender(void **state)
{
    static const struct { uint32_t whole, at, len; size_t bytes; } rows[] = {
        { 200, 0, 50, 50 }, { 200, 100, 100, 100 }, { 200, 40, 80, 80 },       /* pieces that overlap and leave holes */
        { 0xffffff, 0, 100, 100 }, { 90000, 80000, 500, 500 },                 /* much announced */
        { 10, 500, 20, 20 }, { 100, 0, 0xffffff, 60 }, { 100, 60, 50, 50 },    /* beyond the end, longer than the record */
        { 0, 0, 0, 0 }, { 100, 0, 0, 0 },
    };
    struct stage s;
    stage_open(&s, 500);
    struct rtc_client *good = join(&s);
    run(good, is_connected, good);
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        int before = s.gone;
        struct rtc_client *bad = join(&s);
        pass_the_check(bad);
        for (unsigned i = 0; i < SPLINTERS; i++) {
            size_t row = (k + (i % 4 == 3 ? i : 0)) % ARRAY_LEN(rows); /* mostly of one kind */
            splinter(bad->fd, i, i % 7 ? 1 : (uint8_t)(i % 25), rows[row].whole, rows[row].at, rows[row].len, rows[row].bytes);
        }
        for (int i = 0; i < TIMEOUT_MS && s.gone == before; i++)
            poll(NULL, 0, 1);
        assert_int_equal(s.gone, before + 1); /* refused, or never came to an end */
        rtc_client_close(&bad);
    }
    watch(&s, good);
    assert_int_equal(s.gone, ARRAY_LEN(rows));
    rtc_client_close(&good);
    stage_close(&s);
}

/* Whoever reads an offer on its way can hold a place, even shake hands, as long as the offer lives and no longer: nobody answered for its certificate, so it sees nothing. */
static void a_viewer_nobody_answered_for_sees_nothing_and_is_dropped(void **state)
{
    struct stage s;
    struct vcr_why why;
    char id[VCR_UUID_BYTES], *sdp;
    stage_open(&s, 1000);
    assert_int_equal(rtc_offer(s.stream, id, &sdp, &why), VCR_OK);
    struct rtc_client *c = rtc_client_open(sdp, &(struct rtc_client_options) { 0 });
    free(sdp);
    send_frame(&s, true);
    run(c, is_gone, &s); /* its checks go on all the while */
    assert_true(c->checked);
    assert_int_equal(c->packets, 0);
    rtc_client_close(&c);
    stage_close(&s);
}

/* ---- nonsense under good keys ---- */

struct intake {
    atomic_int pictures, broken, gone;
    int64_t before_us[2];
};

static void on_packet(void *arg, const struct packet *p)
{
    struct intake *in = arg;
    in->broken += !p->len || p->pts_us <= in->before_us[p->track] || (p->track == PACKET_VIDEO && memcmp(p->data, "\0\0\0\1", 4) != 0);
    in->before_us[p->track] = p->pts_us;
    in->pictures += p->track == PACKET_VIDEO;
}

static void on_gone(void *arg, const char *reason) { ((struct intake *)arg)->gone++; }
static bool has_picture(void *arg) { return ((struct intake *)arg)->pictures > 0; }

/* Sealed with the right keys, but for what is in it: any header, any SSRC, numbers that jump, payloads of all kinds. */
static void send_nonsense(struct rtc_source *s, unsigned i)
{
    static const uint8_t pts[] = { SOURCE_VIDEO_PT, SOURCE_RTX_PT, SOURCE_AUDIO_PT, 0, 127 }, types[] = { 0x78, 0x7c, 0x65, 0x67, 0x68, 0x61, 0x7d, 0xff, 0x00, 0x18 };
    uint8_t payload[1200], head[RTP_HEADER_MAX], out[1500], ext[12];
    uint64_t r = vcr_random_u64(), index = i * 3u + (i % 7 ? 0 : r % 400);
    size_t len = r >> 20 & 1 ? r % sizeof(payload) : r % 9;
    vcr_random(payload, sizeof(payload));
    payload[0] = types[r >> 8 & 7];
    payload[1] = (uint8_t)(r >> 40);
    ext[0] = (uint8_t)(r >> 12);
    size_t n = rtp_write(head, &(struct rtp_header) { .pt = pts[i % ARRAY_LEN(pts)], .marker = r >> 30 & 1, .seq = (uint16_t)index, .ts = (uint32_t)(r >> 33), .ssrc = 0x11 + (i % 3) * 0x11 + (i % 50 == 49) * i },
                         ext, r >> 21 & 1 ? sizeof(ext) : 0);
    rtc_client_send(s->c, out, srtp_seal_rtp(s->c->out, out, head, n, payload, len, index));
    if (i % 5)
        return;
    payload[0] = (uint8_t)(0x80 | (r & 0x3f));
    payload[1] = (uint8_t)(200 + r % 8);
    wr16be(payload + 2, (uint16_t)(r >> 16 & 15));
    rtc_client_rtcp(s->c, payload, 8 + r % 200);
}

static void nonsense_under_good_keys_costs_only_its_sender(void **state)
{
    enum { NONSENSE = 6000 };
    struct stage s;
    struct intake good = { .before_us = { INT64_MIN, INT64_MIN } }, bad = { .before_us = { INT64_MIN, INT64_MIN } };
    struct rtc_publisher *pub[2];
    struct rtc_source *source[2];
    struct intake *const in[2] = { &good, &bad };
    struct vcr_why why;
    stage_open(&s, 0);
    struct rtc_client *viewer = join(&s);
    run(viewer, is_connected, viewer);
    for (int k = 0; k < 2; k++) {
        char *offer, *answer;
        source[k] = rtc_source_open(&(struct rtc_source_options) { 0 }, &offer);
        if (rtc_publish(s.rtc, &pub[k], offer, strlen(offer), &(struct rtc_publish_events) { .packet = on_packet, .gone = on_gone, .arg = in[k] }, &answer, &why))
            fail_msg("%s", why.text);
        rtc_client_connect(source[k]->c, answer);
        free(answer);
        free(offer);
        run(source[k]->c, is_connected, source[k]->c);
    }
    for (unsigned i = 0; i < NONSENSE; i++) {
        send_nonsense(source[1], i);
        if (i % 50 == 0)
            rtc_client_step(source[1]->c);
    }
    uint8_t key[] = { 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x91, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x81, 0, 0, 0, 1, 0x65, 9 };
    rtc_source_frame(source[0], key, sizeof(key), 0);
    assert_true(rtc_clients_run(&source[0]->c, 1, has_picture, &good, TIMEOUT_MS));
    watch(&s, viewer);
    assert_true(good.broken == 0 && bad.broken == 0 && good.gone == 0);
    struct rtc_publish_stats st;
    rtc_publish_stats(pub[1], &st);
    assert_true(st.packets > 1000); /* they did come in */
    for (int k = 0; k < 2; k++) {
        rtc_publish_close(&pub[k]);
        rtc_source_close(&source[k]);
    }
    rtc_client_close(&viewer);
    stage_close(&s);
}

/* ---- a viewer who has good keys ---- */

/* Its i-th packet: NACKs for everything, PLI, FIR, REMB, and reports, each now and then with other bits, lengths or ends. */
static void send_bad_rtcp(struct rtc_client *c, unsigned i)
{
    static const uint8_t kinds[][2] = { { 0x81, RTCP_RTPFB }, { 0x81, RTCP_PSFB }, { 0x84, RTCP_PSFB }, { 0x8f, RTCP_PSFB }, { 0x9f, RTCP_RR }, { 0x81, RTCP_SR }, { 0x8f, RTCP_RTPFB } };
    enum { ROOM = 1100, NACK_WORDS = 250 };
    uint8_t p[ROOM + SRTCP_TRAILER_MAX];
    vcr_random(p, sizeof(p));
    size_t words = i % 5 ? 3 + i % 40 : 3 + NACK_WORDS;
    memcpy(p, kinds[i % ARRAY_LEN(kinds)], 2);
    if (i % 10)
        wr32be(p + 4, 1); /* as its reports; of other SSRCs only SRTP_STREAMS are heard at all */
    wr16be(p + 2, (uint16_t)(i % 4 ? words - 1 : 0xffff - i % 3));
    wr32be(p + 8, c->video_ssrc);
    if (i % ARRAY_LEN(kinds) == 3)
        memcpy(p + 12, "REMB", 4);
    if (i % 3 == 0)
        for (size_t at = 12; at + 4 <= 4 * words; at += 4) {
            wr16be(p + at, (uint16_t)(c->next - at)); /* what was really sent */
            wr16be(p + at + 2, 0xffff);
        }
    rtc_client_rtcp(c, p, i % 11 ? 4 * words : 8 + i % 16);
}

static void a_viewers_bad_reports_cost_only_itself(void **state)
{
    enum { EACH = 20, PAYLOAD_LEAST = 1000, BURST_BYTES = 125000, BYTES_PER_S = 250000 };
    struct stage s;
    struct rtc_viewer_stats v[2];
    stage_open(&s, 0);
    struct rtc_client *bad = join(&s);
    run(bad, is_connected, bad);
    watch(&s, bad);
    struct rtc_client *c = join(&s);
    run(c, is_connected, c);
    int64_t start_us = clock_mono_us();
    for (int round = 0; round < FRAMES; round++) {
        for (unsigned i = 0; i < EACH; i++)
            send_bad_rtcp(bad, (unsigned)round * EACH + i);
        uint64_t before = c->frames;
        send_frame(&s, round == 0);
        run(c, has_frames, &((struct goal) { c, before + 1 }));
    }
    assert_int_equal(rtc_viewers(s.stream, v, 2), 2);
    int good = v[0].nacked >= v[1].nacked; /* the other one asked for much */
    assert_true(v[!good].nacked > 1000);
    int64_t budget_bytes = BURST_BYTES + (clock_mono_us() - start_us + 1000000) * BYTES_PER_S / 1000000;
    int64_t large = (int64_t)v[!good].resent - (int64_t)v[!good].nacked / 8; /* one payload in eight is a few bytes of parameter sets, and costs next to nothing */
    assert_true(v[!good].resent > 0 && large * PAYLOAD_LEAST <= budget_bytes); /* not by what it asks for */
    assert_int_equal(s.gone, 0);
    rtc_client_close(&c);
    rtc_client_close(&bad);
    stage_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_of_junk_stops_no_viewer),
        cmocka_unit_test(a_flood_of_checks_with_the_wrong_password_stops_no_viewer),
        cmocka_unit_test(a_flood_of_client_hellos_stops_no_viewer),
        cmocka_unit_test(a_flood_of_joins_stops_no_viewer),
        cmocka_unit_test(handshakes_without_end_stop_no_viewer),
        cmocka_unit_test(a_viewers_bad_reports_cost_only_itself),
        cmocka_unit_test(dtls_in_splinters_costs_only_its_sender),
        cmocka_unit_test(nonsense_under_good_keys_costs_only_its_sender),
        cmocka_unit_test(a_viewer_nobody_answered_for_sees_nothing_and_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
