/* tests/unit/webrtc/test_spread.c - many viewers of one stream, who are on several sender threads: what each of them gets, and what threads and viewers can do to each other. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/util.h"
#include "deliver/webrtc/rtc.h"
#include "rtc_client.h"
#include "wire/rtcp_receive.h"

enum { MANY = 16, THREADS_MAX = 3, KEY_BYTES = 9000, DELTA_BYTES = 2500, TIMEOUT_MS = 90000, UNITS_THAT_WAIT = 256 };

/* What is answered at once is on its way before the sender thread goes on: see a_check_that_is_answered_is_known_to_the_receiving_thread. */
struct udp;
struct sockaddr_in6;
static atomic_bool goes_on_late;
void __real_udp_send(struct udp *u, const struct sockaddr_in6 *to, const void *p, size_t len);
void __wrap_udp_send(struct udp *u, const struct sockaddr_in6 *to, const void *p, size_t len);
void __wrap_udp_send(struct udp *u, const struct sockaddr_in6 *to, const void *p, size_t len)
{
    enum { LATE_US = 50000 };
    __real_udp_send(u, to, p, len);
    for (int64_t until_us = clock_mono_us() + LATE_US; goes_on_late && clock_mono_us() < until_us;)
        usleep(1000);
}

struct seen { /* what one viewer saw; pictures say their own number */
    int first, last, count; /* -1: none */
    int wrong, holes, sounds, sound_wrong;
    char id[VCR_UUID_BYTES];
    struct rtc_client *client;
};
struct stage {
    struct rtc *rtc;
    struct rtc_stream *stream;
    atomic_int keys_wanted, up, gone;
    _Atomic(int64_t) rate_bps;
    /* a thread hangs in a call-back */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool shall_hang, hangs;
    int frames, sounds;
    struct rtc_client *c[MANY];
    struct seen seen[MANY];
    int viewers;
};

static void want_key(void *arg) { ((struct stage *)arg)->keys_wanted++; }
static void viewer_up(void *arg, const char *id) { ((struct stage *)arg)->up++; }
static void rate(void *arg, int64_t bps) { ((struct stage *)arg)->rate_bps = bps; }

static void viewer_gone(void *arg, const char *id, const char *reason)
{
    struct stage *s = arg;
    s->gone++;
    pthread_mutex_lock(&s->lock);
    s->hangs = s->shall_hang;
    pthread_cond_signal(&s->changed);
    while (s->shall_hang)
        pthread_cond_wait(&s->changed, &s->lock);
    s->hangs = false;
    pthread_mutex_unlock(&s->lock);
}

static void stream_open(struct stage *s)
{
    struct vcr_why why;
    const struct rtc_events events = { .want_key = want_key, .viewer_up = viewer_up, .viewer_gone = viewer_gone, .rate = rate, .arg = s };
    assert_int_equal(rtc_stream_open(s->rtc, &s->stream, &events, &why), VCR_OK);
}

static void stage_open(struct stage *s, struct rtc_config config)
{
    struct vcr_why why;
    memset(s, 0, sizeof(*s));
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    config.listen = "127.0.0.1:0";
    config.joins_per_s = -1;
    config.threads = config.threads ? config.threads : 2;
    if (rtc_open(&s->rtc, &config, &why))
        fail_msg("%s", why.text);
    stream_open(s);
}

static void stage_close(struct stage *s)
{
    rtc_stream_close(&s->stream);
    for (int i = 0; i < s->viewers; i++)
        rtc_client_close(&s->c[i]);
    rtc_close(&s->rtc);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
}

/* Picture n as bytes anyone can make again. */
static size_t make_frame(uint8_t *out, int n, bool key)
{
    static const uint8_t sets[] = { 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x91, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x81, 0, 0, 0, 1, 0x65 }, slice[] = { 0, 0, 0, 1, 0x61 };
    size_t len = key ? KEY_BYTES : DELTA_BYTES, at = key ? sizeof(sets) : sizeof(slice);
    memcpy(out, key ? sets : slice, at);
    out[at++] = (uint8_t)(1 + n / 200);
    out[at++] = (uint8_t)(1 + n % 200);
    for (; at < len; at++)
        out[at] = (uint8_t)(1 + (at * 31 + (size_t)n * 17) % 255);
    return len;
}

static void on_frame(void *arg, const uint8_t *au, size_t len, uint32_t ts)
{
    static uint8_t want[KEY_BYTES];
    struct seen *s = arg;
    bool key = len == KEY_BYTES;
    size_t at = key ? 22 : 5;
    int n = len > at + 2 ? (au[at] - 1) * 200 + au[at + 1] - 1 : -1;
    s->wrong += n <= s->last || make_frame(want, n, key) != len || memcmp(want, au, len) != 0;
    s->holes += s->count > 0 && n != s->last + 1;
    if (s->count == 0)
        s->first = n;
    s->count++;
    s->last = n;
}

/* Numbered as pictures are. */
static void on_sound(void *arg, const uint8_t *p, size_t len, uint32_t ts)
{
    struct seen *s = arg;
    s->sound_wrong += len != 80 || p[1] != (uint8_t)(s->sounds + 1);
    s->sounds++;
}

static void send_frame(struct stage *s, bool key)
{
    uint8_t au[KEY_BYTES];
    size_t len = make_frame(au, s->frames++, key);
    rtc_stream_send(s->stream, &(struct packet) { .track = PACKET_VIDEO, .flags = key ? PACKET_KEY : 0, .pts_us = clock_mono_us(), .data = au, .len = len });
}

static void send_sound(struct stage *s)
{
    uint8_t opus[80] = { 0xfc, (uint8_t)++s->sounds };
    rtc_stream_send(s->stream, &(struct packet) { .track = PACKET_AUDIO, .pts_us = clock_mono_us(), .data = opus, .len = sizeof(opus) });
}

static void join(struct stage *s, struct rtc_client_options o)
{
    struct seen *seen = &s->seen[s->viewers];
    struct vcr_why why;
    char *sdp;
    *seen = (struct seen) { .first = -1, .last = -1 };
    o.frame = on_frame;
    o.sound = on_sound;
    o.arg = seen;
    assert_int_equal(rtc_offer(s->stream, seen->id, &sdp, &why), VCR_OK);
    struct rtc_client *c = seen->client = s->c[s->viewers++] = rtc_client_open(sdp, &o);
    char *answer = rtc_client_answer(c);
    assert_int_equal(rtc_answer(s->stream, seen->id, answer, &why), VCR_OK);
    free(answer);
    free(sdp);
}

static void join_many(struct stage *s, struct rtc_client_options o)
{
    while (s->viewers < MANY)
        join(s, o);
}

/* On which thread each viewer is, and how many are on each. */
static void threads_of(struct stage *s, int of[MANY], int on[THREADS_MAX])
{
    struct rtc_viewer_stats all[MANY];
    memset(on, 0, THREADS_MAX * sizeof(*on));
    int n = rtc_viewers(s->stream, all, MANY);
    for (int i = 0; i < s->viewers; i++)
        of[i] = -1;
    for (int k = 0; k < n; k++) {
        assert_in_range(all[k].thread, 0, THREADS_MAX - 1);
        on[all[k].thread]++;
        for (int i = 0; i < s->viewers; i++)
            if (strcmp(all[k].peer_id, s->seen[i].id) == 0)
                of[i] = all[k].thread;
    }
}

struct goal {
    struct stage *s;
    int last, sounds, but_thread, *of; /* of: who is on but_thread need not */
};
static bool reached(void *arg)
{
    const struct goal *g = arg;
    for (int i = 0; i < g->s->viewers; i++)
        if (!(g->of && g->of[i] == g->but_thread) && (g->s->seen[i].last < g->last || g->s->seen[i].sounds < g->sounds))
            return false;
    return true;
}
static bool all_connected(void *arg)
{
    const struct stage *s = arg;
    for (int i = 0; i < s->viewers; i++)
        if (!s->c[i]->connected || !s->c[i]->reports)
            return false;
    return s->up == s->viewers;
}
static bool all_have_bye(void *arg)
{
    const struct stage *s = arg;
    for (int i = 0; i < s->viewers; i++)
        if (s->c[i]->connected && !s->c[i]->bye)
            return false;
    return true;
}
static bool never(void *arg) { return false; }

#define run(s, done, arg) assert_true(rtc_clients_run((s)->c, (s)->viewers, done, arg, TIMEOUT_MS))
static void a_while(struct stage *s, int ms) { rtc_clients_run(s->c, s->viewers, never, NULL, ms); }

static void all_get_all_whatever_thread_they_are_on(void **state)
{
    for (int threads = 1; threads <= THREADS_MAX; threads++) {
        struct stage s;
        int of[MANY], on[THREADS_MAX];
        stage_open(&s, (struct rtc_config) { .threads = threads });
        send_frame(&s, true);
        join_many(&s, (struct rtc_client_options) { 0 });
        run(&s, all_connected, &s);
        threads_of(&s, of, on);
        for (int i = 0; i < threads; i++)
            assert_true(on[i] > 0);
        for (int i = 0; i < 40; i++) {
            send_frame(&s, i == 20);
            send_sound(&s);
        }
        run(&s, reached, &((struct goal) { .s = &s, .last = 40, .sounds = 40 }));
        for (int i = 0; i < MANY; i++) {
            const struct seen *v = &s.seen[i];
            assert_true(v->first == 0 && v->last == 40 && v->holes == 0 && v->wrong == 0 && v->sounds == 40 && v->sound_wrong == 0);
            assert_int_equal(s.c[i]->bad, 0);
        }
        rtc_stream_close(&s.stream);
        run(&s, all_have_bye, &s);
        assert_int_equal(s.gone, 0);
        stage_close(&s);
    }
}

static void what_is_lost_comes_again_from_every_thread(void **state)
{
    struct stage s;
    struct rtc_viewer_stats all[MANY];
    uint64_t resent[THREADS_MAX] = { 0 };
    stage_open(&s, (struct rtc_config) { .threads = 2 });
    send_frame(&s, true);
    join_many(&s, (struct rtc_client_options) { .loss_per_mille = 50, .nack = true });
    run(&s, all_connected, &s);
    while (s.frames < 60) {
        send_frame(&s, false);
        a_while(&s, 5);
    }
    for (int i = 0; i < 500 && !reached(&((struct goal) { .s = &s, .last = 59 })); i++) { /* a lost tail shows only when more comes */
        send_frame(&s, false);
        a_while(&s, 20);
    }
    for (int i = 0; i < MANY; i++)
        assert_true(s.seen[i].first == 0 && s.seen[i].last >= 59 && s.seen[i].holes == 0 && s.seen[i].wrong == 0);
    int n = rtc_viewers(s.stream, all, MANY);
    assert_int_equal(n, MANY);
    for (int i = 0; i < n; i++)
        resent[all[i].thread] += all[i].resent;
    assert_true(resent[0] > 0 && resent[1] > 0);
    stage_close(&s);
}

/* Also the first one on a thread, which had nothing of the stream before. */
static void who_comes_late_starts_at_the_key_frame_on_every_thread(void **state)
{
    struct stage s;
    int of[MANY], on[THREADS_MAX];
    stage_open(&s, (struct rtc_config) { .threads = 3 });
    for (int i = 0; i < 9; i++)
        send_frame(&s, i % 5 == 0);
    join_many(&s, (struct rtc_client_options) { 0 });
    run(&s, reached, &((struct goal) { .s = &s, .last = 8 }));
    threads_of(&s, of, on);
    assert_true(on[0] && on[1] && on[2]);
    send_frame(&s, false);
    run(&s, reached, &((struct goal) { .s = &s, .last = 9 }));
    for (int i = 0; i < MANY; i++)
        assert_true(s.seen[i].first == 5 && s.seen[i].holes == 0 && s.seen[i].wrong == 0);
    stage_close(&s);
}

/* All of its viewers go, others come: it begins anew with what is kept then. */
static void a_thread_that_had_nobody_begins_anew(void **state)
{
    struct stage s;
    int of[MANY], on[THREADS_MAX];
    stage_open(&s, (struct rtc_config) { .threads = 2 });
    send_frame(&s, true);
    join_many(&s, (struct rtc_client_options) { 0 });
    run(&s, reached, &((struct goal) { .s = &s, .last = 0 }));
    threads_of(&s, of, on);
    assert_true(on[0] && on[1]);
    for (int i = 0; i < MANY; i++)
        if (of[i] == 1)
            rtc_viewer_close(s.stream, s.seen[i].id);
    assert_int_equal(s.gone, on[1]);
    for (int i = 0; i < 30; i++)
        send_frame(&s, i == 10);
    run(&s, reached, &((struct goal) { .s = &s, .last = 30, .but_thread = 1, .of = of }));
    struct stage more = { .rtc = s.rtc, .stream = s.stream, .frames = s.frames };
    for (int i = 0; i < 3; i++)
        join(&more, (struct rtc_client_options) { 0 });
    struct rtc_client *all[3] = { more.c[0], more.c[1], more.c[2] };
    assert_true(rtc_clients_run(all, 3, reached, &((struct goal) { .s = &more, .last = 30 }), TIMEOUT_MS));
    int again[MANY], on_again[THREADS_MAX];
    threads_of(&more, again, on_again);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(again[i], 1);
        assert_true(more.seen[i].first == 11 && more.seen[i].holes == 0 && more.seen[i].wrong == 0);
    }
    for (int i = 0; i < 3; i++)
        rtc_client_close(&more.c[i]);
    stage_close(&s);
}

/* The producer is not held up, the other thread's viewers get all; the hung one's go on at the newest key frame when it comes round again. */
static void a_thread_that_hangs_harms_only_its_own_and_catches_up(void **state)
{
    enum { SENT = 2 * UNITS_THAT_WAIT, KEY_EVERY = 100, LAST_KEY = (SENT - 1) / KEY_EVERY * KEY_EVERY };
    struct stage s;
    int of[MANY], on[THREADS_MAX], victim = -1;
    stage_open(&s, (struct rtc_config) { .threads = 2 });
    send_frame(&s, true);
    join_many(&s, (struct rtc_client_options) { 0 });
    run(&s, all_connected, &s);
    run(&s, reached, &((struct goal) { .s = &s, .last = 0 }));
    threads_of(&s, of, on);
    assert_true(on[0] > 1 && on[1] > 1);
    for (int i = 0; i < MANY; i++)
        if (of[i] == 1)
            victim = i; /* its leaving is what the thread hangs in; the other thread receives */
    s.shall_hang = true;
    SSL_shutdown(s.c[victim]->ssl);
    pthread_mutex_lock(&s.lock);
    while (!s.hangs)
        pthread_cond_wait(&s.changed, &s.lock);
    pthread_mutex_unlock(&s.lock);
    while (s.frames < SENT) {
        send_frame(&s, s.frames % KEY_EVERY == 0);
        if (s.frames % 5 == 0)
            run(&s, reached, &((struct goal) { .s = &s, .last = s.frames - 1, .but_thread = 1, .of = of }));
    }
    run(&s, reached, &((struct goal) { .s = &s, .last = SENT - 1, .but_thread = 1, .of = of }));
    pthread_mutex_lock(&s.lock);
    assert_true(s.hangs);
    s.shall_hang = false;
    pthread_cond_signal(&s.changed);
    pthread_mutex_unlock(&s.lock);
    for (int i = 0; i < MANY; i++)
        of[i] = i == victim ? -2 : of[i];
    run(&s, reached, &((struct goal) { .s = &s, .last = SENT - 1, .but_thread = -2, .of = of }));
    send_frame(&s, false);
    run(&s, reached, &((struct goal) { .s = &s, .last = SENT, .but_thread = -2, .of = of }));
    for (int i = 0; i < MANY; i++) {
        const struct seen *v = &s.seen[i];
        if (i == victim)
            continue;
        assert_true(v->first == 0 && v->wrong == 0 && s.c[i]->bad == 0);
        assert_int_equal(v->holes, of[i] == 1); /* once, and then all from a key frame on */
        assert_true(of[i] != 1 || v->count >= SENT - LAST_KEY);
    }
    stage_close(&s);
}

static bool some_are_gone(void *arg) { return ((struct stage *)arg)->gone >= 4; }

/* Sockets closed without a word, a line that loses nearly half: on both threads. */
static void vanished_and_bad_viewers_harm_nobody(void **state)
{
    struct stage s;
    int of[MANY], on[THREADS_MAX], left[THREADS_MAX] = { 0 };
    stage_open(&s, (struct rtc_config) { .threads = 2, .consent_ms = 4000 });
    send_frame(&s, true);
    for (int i = 0; i < MANY; i++)
        join(&s, (struct rtc_client_options) { .loss_per_mille = i < 2 ? 400 : 0 });
    run(&s, all_connected, &s);
    threads_of(&s, of, on);
    for (int i = 2; i < MANY; i++) {
        if (left[of[i]]++ >= 2)
            continue;
        s.c[i]->muted = true;
        of[i] = -2;
    }
    of[0] = of[1] = -2; /* need not get all */
    for (int i = 0; i < 200 || !some_are_gone(&s); i++) {
        assert_true(i < 10000);
        send_frame(&s, i % 50 == 0);
        a_while(&s, 5);
        if (i % 20 == 0)
            run(&s, reached, &((struct goal) { .s = &s, .last = s.frames - 1, .but_thread = -2, .of = of }));
    }
    run(&s, reached, &((struct goal) { .s = &s, .last = s.frames - 1, .but_thread = -2, .of = of }));
    for (int i = 0; i < MANY; i++)
        if (of[i] != -2)
            assert_true(s.seen[i].first == 0 && s.seen[i].holes == 0 && s.seen[i].wrong == 0);
    stage_close(&s);
}

static void viewers_of_every_thread_may_change_their_ports(void **state)
{
    struct stage s;
    stage_open(&s, (struct rtc_config) { .threads = 2 });
    send_frame(&s, true);
    join_many(&s, (struct rtc_client_options) { .nack = true });
    run(&s, reached, &((struct goal) { .s = &s, .last = 0 }));
    for (int i = 0; i < MANY; i++)
        rtc_client_move(s.c[i]);
    for (int i = 0; i < 500 && (i < 10 || !reached(&((struct goal) { .s = &s, .last = 9 }))); i++) { /* what went to an old port shows by what comes after it */
        send_frame(&s, false);
        a_while(&s, 30);
    }
    for (int i = 0; i < MANY; i++)
        assert_true(s.seen[i].first == 0 && s.seen[i].last >= 9 && s.seen[i].holes == 0 && s.seen[i].wrong == 0);
    assert_int_equal(s.gone, 0);
    stage_close(&s);
}

static void picture_loss_on_all_threads_asks_once(void **state)
{
    struct stage s;
    stage_open(&s, (struct rtc_config) { .threads = 2 });
    send_frame(&s, true);
    join_many(&s, (struct rtc_client_options) { 0 });
    run(&s, all_connected, &s);
    int before = s.keys_wanted;
    int64_t start_us = clock_mono_us();
    for (int round = 0; round < 30; round++) {
        for (int i = 0; i < MANY; i++)
            rtc_client_pli(s.c[i]);
        a_while(&s, 10);
    }
    for (int i = 0; i < 1000 && s.keys_wanted == before; i++)
        a_while(&s, 10);
    int wanted = s.keys_wanted - before;
    int64_t allowed = (clock_mono_us() - start_us) / 250000 + 2;
    assert_true(wanted > 0 && wanted <= allowed);
    stage_close(&s);
}

static void say(struct stage *s, const int of[MANY], uint64_t narrow, uint64_t wide)
{
    for (int i = 0; i < s->viewers; i++) {
        uint8_t b[100];
        rtc_client_rtcp(s->c[i], b, rtcp_write_remb(b, 1, s->c[i]->video_ssrc, of[i] == 0 ? narrow : wide));
    }
}

/* What is told is for the viewers of all threads, and taken back when those who had less have left. */
static void the_rate_is_one_for_all_threads(void **state)
{
    struct stage s;
    int of[MANY], on[THREADS_MAX];
    stage_open(&s, (struct rtc_config) { .threads = 2 });
    send_frame(&s, true);
    join_many(&s, (struct rtc_client_options) { 0 });
    run(&s, all_connected, &s);
    threads_of(&s, of, on);
    for (int i = 0; i < 600 && !(s.rate_bps >= 1400000 && s.rate_bps <= 1500000); i++) { /* of what is sent: about 3.6 Mbit/s */
        for (int k = 0; k < 5; k++)
            send_frame(&s, true);
        say(&s, of, 1500000, 2000000);
        a_while(&s, 100);
    }
    assert_in_range(s.rate_bps, 1400000, 1500000);
    for (int i = 0; i < MANY; i++)
        if (of[i] == 0)
            rtc_viewer_close(s.stream, s.seen[i].id);
    for (int i = 0; i < 600 && !(s.rate_bps >= 1800000 && s.rate_bps <= 2000000); i++) {
        for (int k = 0; k < 5; k++)
            send_frame(&s, true);
        say(&s, of, 0, 2000000);
        a_while(&s, 100);
    }
    assert_in_range(s.rate_bps, 1800000, 2000000);
    stage_close(&s);
}

static void a_cap_is_one_for_all_threads(void **state)
{
    struct stage s;
    struct vcr_why why;
    char id[VCR_UUID_BYTES], other[VCR_UUID_BYTES], *sdp;
    stage_open(&s, (struct rtc_config) { .threads = 3, .viewers_max = 16 });
    for (int i = 0; i < 16; i++) {
        assert_int_equal(rtc_offer(s.stream, id, &sdp, &why), VCR_OK);
        free(sdp);
    }
    assert_int_equal(rtc_offer(s.stream, other, &sdp, &why), VCR_E_BUSY);
    rtc_viewer_close(s.stream, id);
    assert_int_equal(rtc_offer(s.stream, other, &sdp, &why), VCR_OK);
    free(sdp);
    for (size_t i = 0; i < 3; i++) /* nobody's, whatever its last digit */
        assert_int_equal(rtc_answer(s.stream, (const char *[]) { "", "f", "01234567-0123-7123-8123-01234567890f" }[i], "v=0", &why), VCR_E_NOT_FOUND);
    stage_close(&s);
}

struct churn {
    struct rtc_stream *stream;
    atomic_bool ends;
    atomic_int rounds;
};
static void *come_and_go(void *arg)
{
    struct churn *c = arg;
    struct rtc_viewer_stats all[4 * MANY];
    while (!c->ends) {
        char id[MANY][VCR_UUID_BYTES], *sdp;
        for (int i = 0; i < MANY; i++) {
            if (rtc_offer(c->stream, id[i], &sdp, NULL))
                abort();
            free(sdp);
        }
        rtc_viewers(c->stream, all, 4 * MANY);
        for (int i = 0; i < MANY; i++)
            rtc_viewer_close(c->stream, id[i]);
        c->rounds++;
    }
    return NULL;
}

/* Streams end in the midst of pictures that are being paced out, others begin; viewers come and go from another thread meanwhile. */
static void streams_close_and_viewers_leave_while_threads_send(void **state)
{
    enum { ROUNDS = 6 };
    struct stage s;
    stage_open(&s, (struct rtc_config) { .threads = 3 });
    for (int round = 0; round < ROUNDS; round++) {
        struct churn churn = { .stream = s.stream };
        pthread_t t;
        assert_int_equal(pthread_create(&t, NULL, come_and_go, &churn), 0);
        send_frame(&s, true);
        join_many(&s, (struct rtc_client_options) { 0 });
        if (round % 2)
            run(&s, all_connected, &s);
        for (int i = 0; i < 30 + 20 * round; i++) {
            send_frame(&s, i % 10 == 0);
            send_sound(&s);
            if (i % 10 == 5)
                rtc_viewer_close(s.stream, s.seen[i / 10 % MANY].id);
            if (i % 7 == 0)
                a_while(&s, 1);
        }
        while (churn.rounds < 2 && round == 1)
            a_while(&s, 5);
        churn.ends = true;
        pthread_join(t, NULL);
        for (int i = 0; i < 20; i++)
            send_frame(&s, i == 0);
        rtc_stream_close(&s.stream);
        a_while(&s, 10); /* what has come; a goodbye may find a full socket here */
        for (int i = 0; i < MANY; i++) {
            assert_true(s.seen[i].wrong == 0 && s.c[i]->bad == 0);
            rtc_client_close(&s.c[i]);
        }
        s.viewers = 0;
        s.up = 0;
        stream_open(&s);
    }
    stage_close(&s);
}

/* On loopback a viewer's first DTLS datagram may come while its thread has just answered the check. These viewers say nothing twice. */
static void a_check_that_is_answered_is_known_to_the_receiving_thread(void **state)
{
    struct stage s;
    stage_open(&s, (struct rtc_config) { 0 });
    goes_on_late = true;
    while (s.viewers < 4)
        join(&s, (struct rtc_client_options) { .no_resend = true });
    assert_true(rtc_clients_run(s.c, s.viewers, all_connected, &s, TIMEOUT_MS));
    goes_on_late = false;
    stage_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_check_that_is_answered_is_known_to_the_receiving_thread),
        cmocka_unit_test(all_get_all_whatever_thread_they_are_on),
        cmocka_unit_test(what_is_lost_comes_again_from_every_thread),
        cmocka_unit_test(who_comes_late_starts_at_the_key_frame_on_every_thread),
        cmocka_unit_test(a_thread_that_had_nobody_begins_anew),
        cmocka_unit_test(a_thread_that_hangs_harms_only_its_own_and_catches_up),
        cmocka_unit_test(vanished_and_bad_viewers_harm_nobody),
        cmocka_unit_test(viewers_of_every_thread_may_change_their_ports),
        cmocka_unit_test(picture_loss_on_all_threads_asks_once),
        cmocka_unit_test(the_rate_is_one_for_all_threads),
        cmocka_unit_test(a_cap_is_one_for_all_threads),
        cmocka_unit_test(streams_close_and_viewers_leave_while_threads_send),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
