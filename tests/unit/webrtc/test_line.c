/* tests/unit/webrtc/test_line.c - viewers on bad lines (line.h): every picture comes, whole and in order, and what is sent again for that stays within a bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/util.h"
#include "deliver/webrtc/rtc.h"
#include "line.h"
#include "rtc_client.h"

enum { KEY_BYTES = 20000, DELTA_BYTES = 8000, FRAMES = 60, GOP = 30, ONE_GOP = 10000, FRAME_MS = 33, TAIL_MAX = 1000, TIMEOUT_MS = 60000 };

struct stage {
    struct rtc *rtc;
    struct rtc_stream *other; /* on the thread that receives, so that `stream` is on the second one */
    struct rtc_stream *stream;
    struct line *line;
    struct rtc_client *client;
    int gop, sent;
    _Atomic(int64_t) rate_bps; /* last told, 0: nothing limits it */
    _Atomic(int) rates;
    int next; /* picture that the viewer sees next */
    bool begun, wrong;
};

static size_t make_frame(uint8_t *out, int gop, int n)
{
    static const uint8_t sets[] = { 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x11, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x81, 0, 0, 0, 1, 0x65 };
    static const uint8_t slice[] = { 0, 0, 0, 1, 0x61 };
    bool key = n % gop == 0;
    size_t len = key ? KEY_BYTES : DELTA_BYTES, at = key ? sizeof(sets) : sizeof(slice);
    memcpy(out, key ? sets : slice, at);
    for (; at < len; at++)
        out[at] = (uint8_t)(1 + (at * 31 + (size_t)n * 17) % 255);
    return len;
}

static void send_frame(struct stage *s)
{
    uint8_t au[KEY_BYTES];
    size_t len = make_frame(au, s->gop, s->sent);
    rtc_stream_send(s->stream, &(struct packet) { .track = PACKET_VIDEO, .flags = s->sent % s->gop == 0 ? PACKET_KEY : 0, .pts_us = clock_mono_us(), .data = au, .len = len });
    s->sent++;
}

/* The beginning of the very first picture may be what was lost, and nobody knows then that it was there: what is seen begins with the first whole one. */
static void on_frame(void *arg, const uint8_t *au, size_t len, uint32_t ts)
{
    struct stage *s = arg;
    uint8_t want[KEY_BYTES];
    bool whole = false;
    for (int n = s->next; !whole && n < s->sent && (n == s->next || !s->begun); n++) {
        whole = make_frame(want, s->gop, n) == len && memcmp(want, au, len) == 0;
        s->next = whole ? n + 1 : s->next;
    }
    s->wrong |= s->begun && !whole;
    s->begun |= whole;
}

static void want_key(void *arg) { }
static void on_rate(void *arg, int64_t bps)
{
    struct stage *s = arg;
    s->rate_bps = bps;
    s->rates++;
}
static bool is_connected(void *c) { return ((struct rtc_client *)c)->connected && ((struct rtc_client *)c)->reports > 0; }
static bool never(void *arg) { return false; }
struct goal {
    const struct stage *s;
    int next;
};
static bool has_seen(void *arg) { return ((struct goal *)arg)->s->next >= ((struct goal *)arg)->next; }

static void stage_open_with(struct stage *s, int gop, struct line_config line, struct rtc_client_options options)
{
    struct vcr_why why;
    char id[VCR_UUID_BYTES], *sdp = NULL;
    memset(s, 0, sizeof(*s));
    s->gop = gop;
    if (rtc_open(&s->rtc, &(struct rtc_config) { .listen = "127.0.0.1:0", .threads = 2, .joins_per_s = -1 }, &why) || rtc_stream_open(s->rtc, &s->other, NULL, &why) ||
        rtc_stream_open(s->rtc, &s->stream, &(struct rtc_events) { .want_key = want_key, .rate = on_rate, .arg = s }, &why) || rtc_offer(s->stream, id, &sdp, &why))
        fail_msg("%s", why.text);
    line.server_port = (uint16_t)rtc_port(s->rtc);
    s->line = line_open(&line);
    options.via_port = line_port(s->line);
    options.nack = true;
    options.arg = s;
    s->client = rtc_client_open(sdp, &options);
    char *answer = rtc_client_answer(s->client);
    if (rtc_answer(s->stream, id, answer, &why))
        fail_msg("%s", why.text);
    free(answer);
    free(sdp);
    assert_true(rtc_clients_run(&s->client, 1, is_connected, s->client, TIMEOUT_MS));
}

static void stage_open(struct stage *s, int gop, struct line_config line) { stage_open_with(s, gop, line, (struct rtc_client_options) { .frame = on_frame }); }

static void stage_close(struct stage *s)
{
    rtc_client_close(&s->client);
    line_close(&s->line);
    rtc_stream_close(&s->stream);
    rtc_stream_close(&s->other);
    rtc_close(&s->rtc);
}

/* One picture after the other in real time, then more until `upto` were seen: that the last ones are missing shows by those after them. */
static void play(struct stage *s, int count)
{
    int upto = s->sent + count;
    while (s->sent < upto) {
        send_frame(s);
        rtc_clients_run(&s->client, 1, never, NULL, FRAME_MS);
    }
    for (int i = 0; i < TAIL_MAX && s->next < upto; i++) {
        send_frame(s);
        rtc_clients_run(&s->client, 1, has_seen, &((struct goal) { s, upto }), FRAME_MS);
    }
    assert_true(s->next >= upto);
    assert_false(s->wrong);
}

static struct rtc_viewer_stats stats(struct stage *s)
{
    struct rtc_viewer_stats v;
    assert_int_equal(rtc_viewers(s->stream, &v, 1), 1);
    return v;
}

static void every_picture_comes_over_a_bad_line(void **state)
{
    static const struct line_config rows[] = {
        { .delay_ms = 30 },
        { .delay_ms = 30, .loss_per_mille = 50 },
        { .delay_ms = 30, .loss_per_mille = 100 },
        { .delay_ms = 30, .loss_per_mille = 50, .late_per_mille = 100, .twice_per_mille = 50 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stage s;
        stage_open(&s, GOP, rows[i]);
        play(&s, FRAMES);
        struct line_counts n = line_counts(s.line);
        struct rtc_viewer_stats v = stats(&s);
        print_message("# delay %d ms, loss %d, late %d, twice %d per mille: %d sent, %d seen; %ld of %ld datagrams lost, %llu asked for, %llu sent again, %llu came\n", rows[i].delay_ms,
                      rows[i].loss_per_mille, rows[i].late_per_mille, rows[i].twice_per_mille, s.sent, s.next, n.lost_down, n.down + n.lost_down, (unsigned long long)v.nacked,
                      (unsigned long long)v.resent, (unsigned long long)s.client->rtx);
        /* Once for what was lost, again for resends that were lost, and some for what was only late: not for every time that it was asked for. */
        assert_true((long)v.resent <= 3 * n.lost_down + (n.down * rows[i].late_per_mille) / 1000 + 50);
        if (!rows[i].twice_per_mille) /* doubles are refused as replays */
            assert_int_equal(s.client->bad, 0);
        stage_close(&s);
    }
}

/* Whoever asks for the same packet again and again gets it once a round trip. */
static void asking_often_brings_no_more(void **state)
{
    enum { TIMES = 100, LET_THROUGH = 20 };
    struct stage s;
    stage_open(&s, ONE_GOP, (struct line_config) { .delay_ms = 30 });
    play(&s, 5);
    struct rtc_viewer_stats before = stats(&s), now;
    for (int i = 0; i < TIMES; i++) {
        uint8_t b[16 + SRTCP_TRAILER_MAX] = { 0x80 | RTCP_FB_NACK, RTCP_RTPFB, 0, 3, 0, 0, 0, 1 };
        wr32be(b + 8, s.client->video_ssrc);
        wr16be(b + 12, (uint16_t)s.client->highest);
        rtc_client_rtcp(s.client, b, 16);
    }
    do {
        rtc_clients_run(&s.client, 1, never, NULL, 10);
        now = stats(&s);
    } while (now.nacked < before.nacked + TIMES);
    assert_true(now.resent > before.resent && now.resent - before.resent <= LET_THROUGH);
    stage_close(&s);
}

/* The viewer's next check tells the server its new address; what was sent to the old one meanwhile (the newest group of
 * pictures is kept, however old it is) is asked for again. */
static void a_line_that_is_restarted_goes_on(void **state)
{
    struct stage s;
    stage_open(&s, ONE_GOP, (struct line_config) { .delay_ms = 30, .loss_per_mille = 20 });
    play(&s, 20);
    line_rebind(s.line);
    play(&s, 20);
    struct rtc_viewer_stats v;
    assert_int_equal(rtc_viewers(s.stream, &v, 1), 1);
    assert_true(v.connected);
    stage_close(&s);
}

/* ---- a narrow line ---- */

/* A picture of what it may have, by the rate told; key frames as large as four others. */
static void send_fitting(struct stage *s)
{
    static uint8_t au[65536];
    int64_t bps = s->rate_bps ? VCR_CLAMP((int64_t)s->rate_bps * 9 / 10, 200000, 2400000) : 2400000;
    bool key = s->sent % GOP == 0;
    size_t len = (size_t)(bps / 8 / 33) * (key ? 4 : 1), head = key ? 22 : 5;
    static const uint8_t sets[] = { 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x11, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x81, 0, 0, 0, 1, 0x65 };
    static const uint8_t slice[] = { 0, 0, 0, 1, 0x61 };
    memset(au, 0xa5, sizeof(au));
    memcpy(au, key ? sets : slice, head);
    rtc_stream_send(s->stream, &(struct packet) { .track = PACKET_VIDEO, .flags = key ? PACKET_KEY : 0, .pts_us = clock_mono_us(), .data = au, .len = len });
    s->sent++;
}

/* Plays until done(s), for at most a minute; whether it came true. */
static bool play_until(struct stage *s, bool (*done)(struct stage *s))
{
    for (int i = 0; i < 60000 / FRAME_MS && !done(s); i++) {
        send_fitting(s);
        rtc_clients_run(&s->client, 1, never, NULL, FRAME_MS);
    }
    return done(s);
}

static bool has_answered(struct stage *s)
{
    struct rtc_viewer_stats v = stats(s);
    return v.estimate_by == RTC_ESTIMATE_TRANSPORT_CC && s->client->frames > 60;
}
static bool is_narrow(struct stage *s) { return s->rate_bps > 0 && s->rate_bps < 1000000; }
static uint64_t frames_wanted;
static bool has_seen_more(struct stage *s) { return s->client->frames >= frames_wanted; }

/* A viewer with transport-wide feedback: what its line carries is found out, the programme told, and the picture goes on in that. */
static void a_narrow_line_gets_what_it_carries(void **state)
{
    struct stage s;
    stage_open_with(&s, GOP, (struct line_config) { .delay_ms = 20 }, (struct rtc_client_options) { .feedback_ms = 50 });
    assert_true(play_until(&s, has_answered));
    line_narrow(s.line, 800000);
    assert_true(play_until(&s, is_narrow));
    frames_wanted = s.client->frames + 150;
    assert_true(play_until(&s, has_seen_more));
    struct rtc_viewer_stats v = stats(&s);
    print_message("# 0.8 Mbit/s: told %lld, estimate %lld bit/s, %.0f ms a second, %llu of %d pictures\n", (long long)s.rate_bps, (long long)v.estimate_bps, v.delay_ms_per_s,
                  (unsigned long long)s.client->frames, s.sent);
    assert_true(v.estimate_bps < 1000000);
    assert_int_equal(s.client->bad, 0);
    stage_close(&s);
}

/* Who takes no numbers gets none, and nothing is made up about its line. */
static void a_viewer_without_feedback_is_not_limited_by_it(void **state)
{
    struct stage s;
    stage_open_with(&s, GOP, (struct line_config) { .delay_ms = 20 }, (struct rtc_client_options) { 0 });
    frames_wanted = 90;
    assert_true(play_until(&s, has_seen_more));
    struct rtc_viewer_stats v = stats(&s);
    assert_int_equal(v.estimate_by, RTC_ESTIMATE_NONE);
    assert_int_equal(v.estimate_bps, 0);
    assert_int_equal(s.rates, 0);
    assert_int_equal(s.client->arrivals.started, 0); /* it got no numbers */
    stage_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_picture_comes_over_a_bad_line),
        cmocka_unit_test(asking_often_brings_no_more),
        cmocka_unit_test(a_line_that_is_restarted_goes_on),
        cmocka_unit_test(a_narrow_line_gets_what_it_carries),
        cmocka_unit_test(a_viewer_without_feedback_is_not_limited_by_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
