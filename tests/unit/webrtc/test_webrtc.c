/* tests/unit/webrtc/test_webrtc.c - the WebRTC sender as viewers, their owner and attackers see it, over loopback. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/util.h"
#include "deliver/webrtc/rtc.h"
#include "rtc_client.h"
#include "wire/rtcp.h"
#include "wire/rtcp_receive.h"
#include "wire/stun.h"

enum { FRAMES_MAX = 400, KEY_BYTES = 40000, DELTA_BYTES = 6000, TIMEOUT_MS = 60000 };

struct stage {
    struct rtc *rtc;
    struct rtc_stream *stream;
    atomic_int keys_wanted, up, gone;
    _Atomic(const char *) reason; /* of the last one gone */
    _Atomic(int64_t) rate_bps;    /* last told */
    /* what was sent */
    int frames;
    int64_t pts_us[FRAMES_MAX];
};

static void want_key(void *arg) { ((struct stage *)arg)->keys_wanted++; }
static void viewer_up(void *arg, const char *id) { ((struct stage *)arg)->up++; }
static void viewer_gone(void *arg, const char *id, const char *reason)
{
    struct stage *s = arg;
    s->reason = reason; /* literals of the sender */
    s->gone++;
}

static void rate(void *arg, int64_t bps) { ((struct stage *)arg)->rate_bps = bps; }

static void stage_open(struct stage *s, struct rtc_config config)
{
    struct vcr_why why;
    memset(s, 0, sizeof(*s));
    config.listen = "127.0.0.1:0";
    if (!config.joins_per_s)
        config.joins_per_s = -1;
    config.threads = 2;
    if (rtc_open(&s->rtc, &config, &why) ||
        rtc_stream_open(s->rtc, &s->stream,
                        &(struct rtc_events) { .want_key = want_key, .viewer_up = viewer_up, .viewer_gone = viewer_gone, .rate = rate, .arg = s }, &why))
        fail_msg("%s", why.text);
}

static void stage_close(struct stage *s)
{
    rtc_stream_close(&s->stream);
    rtc_close(&s->rtc);
}

/* Frame n as bytes anyone can make again: parameter sets and an IDR slice, or a slice. */
static size_t make_frame(uint8_t *out, int n, bool key)
{
    static const uint8_t sets[] = { 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x11, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 0, 1, 0x65 };
    static const uint8_t slice[] = { 0, 0, 0, 1, 0x61 };
    size_t len = key ? KEY_BYTES : DELTA_BYTES, at = key ? sizeof(sets) : sizeof(slice);
    memcpy(out, key ? sets : slice, at);
    if (key)
        out[16] = 0x81; /* a parameter set never ends in a zero byte */
    for (; at < len; at++)
        out[at] = (uint8_t)(1 + (at * 31 + (size_t)n * 17) % 255);
    return len;
}

static void send_frame(struct stage *s, bool key)
{
    static uint8_t au[KEY_BYTES];
    s->pts_us[s->frames] = clock_mono_us();
    size_t len = make_frame(au, s->frames, key);
    rtc_stream_send(s->stream, &(struct packet) { .track = PACKET_VIDEO, .flags = key ? PACKET_KEY : 0, .pts_us = s->pts_us[s->frames], .data = au,
                                                  .len = len });
    s->frames++;
}

static void send_sound(struct stage *s, int64_t pts_us)
{
    uint8_t opus[120];
    memset(opus, 0x5a, sizeof(opus));
    rtc_stream_send(s->stream, &(struct packet) { .track = PACKET_AUDIO, .pts_us = pts_us, .data = opus, .len = sizeof(opus) });
}

/* What one viewer saw. */
struct seen {
    int first, next; /* frame numbers */
    bool wrong;
    uint32_t frame_ts, sound_ts;
    struct rtc_client *client;
};

static void on_frame(void *arg, const uint8_t *au, size_t len, uint32_t ts)
{
    static uint8_t want[KEY_BYTES];
    struct seen *s = arg;
    int n = s->next;
    bool key = s->next == s->first;
    s->wrong |= make_frame(want, n, key) != len || memcmp(want, au, len) != 0;
    s->next++;
    s->frame_ts = ts;
}

static void on_sound(void *arg, const uint8_t *p, size_t len, uint32_t ts) { ((struct seen *)arg)->sound_ts = ts; }

/* A viewer who answered; not yet connected. */
static struct rtc_client *join(struct stage *s, struct rtc_client_options o, char *ret_id)
{
    char id[VCR_UUID_BYTES], *sdp;
    struct vcr_why why;
    if (rtc_offer(s->stream, id, &sdp, &why))
        fail_msg("%s", why.text);
    struct rtc_client *c = rtc_client_open(sdp, &o);
    char *answer = rtc_client_answer(c);
    if (rtc_answer(s->stream, id, answer, &why))
        fail_msg("%s", why.text);
    free(answer);
    free(sdp);
    if (ret_id)
        strcpy(ret_id, id);
    return c;
}

static bool is_connected(void *c) { return ((struct rtc_client *)c)->connected && ((struct rtc_client *)c)->reports > 0; }
static bool has_bye(void *c) { return ((struct rtc_client *)c)->bye; }
static bool has_key(void *c) { return ((struct rtc_client *)c)->key_frames > 0; }
static bool is_gone(void *s) { return ((struct stage *)s)->gone > 0; }

#define run(c, done, arg) assert_true(rtc_clients_run(&(c), 1, done, arg, TIMEOUT_MS))

struct goal {
    struct seen *seen;
    int count, frames;
};
static bool all_seen(void *arg)
{
    const struct goal *g = arg;
    for (int i = 0; i < g->count; i++)
        if (g->seen[i].next < g->frames)
            return false;
    return true;
}

static bool never(void *arg) { return false; }
struct wanted {
    struct stage *s;
    int before;
};
static bool is_asked(void *arg) { return ((struct wanted *)arg)->s->keys_wanted > ((struct wanted *)arg)->before; }

static void a_viewer_gets_every_byte_in_both_profiles(void **state)
{
    for (int cm_only = 0; cm_only < 2; cm_only++) {
        struct stage s;
        struct seen seen = { 0 };
        stage_open(&s, (struct rtc_config) { 0 });
        send_frame(&s, true);
        struct rtc_client *c = join(&s, (struct rtc_client_options) { .cm_only = cm_only, .frame = on_frame, .sound = on_sound, .arg = &seen }, NULL);
        run(c, is_connected, c);
        for (int i = 0; i < 20; i++) {
            send_frame(&s, false);
            send_sound(&s, s.pts_us[s.frames - 1]);
        }
        run(c, all_seen, &((struct goal) { &seen, 1, 21 }));
        assert_false(seen.wrong);
        assert_int_equal(c->profile, cm_only ? SRTP_CM_SHA1_80 : SRTP_GCM_128);
        assert_int_equal(c->bad, 0);
        assert_int_equal(c->key_frames, 1);
        assert_int_equal(s.up, 1);
        struct rtc_viewer_stats v;
        assert_int_equal(rtc_viewers(s.stream, &v, 1), 1);
        assert_true(v.connected && v.first_key_frame_ms >= 0 && v.packets_sent > 100);
        rtc_client_close(&c);
        stage_close(&s);
    }
}

static void a_late_viewer_starts_at_the_newest_key_frame(void **state)
{
    struct stage s;
    struct seen seen = { .first = 5, .next = 5 };
    stage_open(&s, (struct rtc_config) { 0 });
    for (int i = 0; i < 9; i++)
        send_frame(&s, i % 5 == 0);
    struct rtc_client *c = join(&s, (struct rtc_client_options) { .frame = on_frame, .arg = &seen }, NULL);
    run(c, all_seen, &((struct goal) { &seen, 1, 9 }));
    assert_false(seen.wrong);
    if (clock_mono_us() - s.pts_us[5] < 500000) /* it was fresh when the viewer came, unless this machine is slow */
        assert_int_equal(s.keys_wanted, 0);
    rtc_client_close(&c);
    stage_close(&s);
}

static void a_first_viewer_asks_for_a_key_frame_and_waits_for_it(void **state)
{
    struct stage s;
    struct seen seen = { .first = 1, .next = 1 };
    stage_open(&s, (struct rtc_config) { 0 });
    send_frame(&s, false);
    struct rtc_client *c = join(&s, (struct rtc_client_options) { .frame = on_frame, .arg = &seen }, NULL);
    run(c, is_asked, &((struct wanted) { &s, 0 })); /* a moment after it is connected, on the other thread */
    assert_int_equal(s.keys_wanted, 1);
    send_frame(&s, true);
    run(c, all_seen, &((struct goal) { &seen, 1, 2 }));
    assert_false(seen.wrong);
    rtc_client_close(&c);
    stage_close(&s);
}

static void a_long_group_of_pictures_is_not_replayed(void **state)
{
    struct stage s;
    struct seen seen = { .first = 200, .next = 200 };
    stage_open(&s, (struct rtc_config) { 0 });
    for (int i = 0; i < 200; i++)
        send_frame(&s, i == 0);
    struct rtc_client *c = join(&s, (struct rtc_client_options) { .frame = on_frame, .arg = &seen }, NULL);
    run(c, is_asked, &((struct wanted) { &s, 0 })); /* a moment after it is connected, on the other thread */
    assert_int_equal(s.keys_wanted, 1);
    send_frame(&s, true);
    run(c, all_seen, &((struct goal) { &seen, 1, 201 }));
    assert_false(seen.wrong);
    rtc_client_close(&c);
    stage_close(&s);
}

static void nacks_repair_what_the_network_loses(void **state)
{
    struct stage s;
    struct seen seen = { 0 };
    stage_open(&s, (struct rtc_config) { 0 });
    send_frame(&s, true);
    struct rtc_client *c = join(&s, (struct rtc_client_options) { .loss_per_mille = 50, .nack = true, .frame = on_frame, .arg = &seen }, NULL);
    run(c, is_connected, c);
    while (s.frames < 60) {
        send_frame(&s, false);
        rtc_clients_run(&c, 1, never, NULL, 10);
    }
    for (int i = 0; i < 500 && !all_seen(&((struct goal) { &seen, 1, 60 })); i++) { /* a lost tail shows only when more comes */
        send_frame(&s, false);
        rtc_clients_run(&c, 1, never, NULL, 20);
    }
    assert_true(seen.next >= 60);
    assert_false(seen.wrong);
    assert_true(c->dropped > 0 && c->rtx > 0);
    rtc_client_close(&c);
    stage_close(&s);
}

static bool all_connected(void *arg)
{
    struct rtc_client **c = arg;
    int n = 0;
    for (; *c; c++)
        n += !is_connected(*c);
    return n == 0;
}

/* Whichever datagram of the server's does not arrive, the handshake ends well; the last viewer leaves sending again to the server. */
static void a_handshake_survives_a_lost_datagram(void **state)
{
    enum { LOST_MAX = 5 };
    struct stage s;
    struct rtc_client *c[LOST_MAX + 2] = { 0 };
    stage_open(&s, (struct rtc_config) { 0 });
    for (int i = 0; i < LOST_MAX; i++)
        c[i] = join(&s, (struct rtc_client_options) { .lost_dtls_datagram = i + 1 }, NULL);
    c[LOST_MAX] = join(&s, (struct rtc_client_options) { .lost_dtls_datagram = 1, .no_resend = true }, NULL);
    assert_true(rtc_clients_run(c, LOST_MAX + 1, all_connected, c, TIMEOUT_MS));
    assert_true(c[0]->dropped == 1 && c[LOST_MAX]->dropped == 1);
    for (int i = 0; i <= LOST_MAX; i++)
        rtc_client_close(&c[i]);
    stage_close(&s);
}

static void one_bad_line_harms_no_other_viewer(void **state)
{
    struct stage s;
    struct seen seen[3] = { 0 };
    struct rtc_client *c[4];
    stage_open(&s, (struct rtc_config) { 0 });
    send_frame(&s, true);
    for (int i = 0; i < 3; i++)
        c[i] = join(&s, (struct rtc_client_options) { .frame = on_frame, .arg = &seen[i] }, NULL);
    c[3] = join(&s, (struct rtc_client_options) { .loss_per_mille = 400 }, NULL);
    assert_true(rtc_clients_run(c, 4, all_seen, &((struct goal) { seen, 3, 1 }), TIMEOUT_MS));
    for (int i = 0; i < 60; i++) {
        send_frame(&s, false);
        rtc_clients_run(c, 4, never, NULL, 5);
    }
    assert_true(rtc_clients_run(c, 4, all_seen, &((struct goal) { seen, 3, 61 }), TIMEOUT_MS));
    for (int i = 0; i < 4; i++) {
        if (i < 3)
            assert_false(seen[i].wrong);
        rtc_client_close(&c[i]);
    }
    stage_close(&s);
}

static bool has_two_frames(void *c) { return ((struct rtc_client *)c)->frames >= 2; }
static bool has_two_keys(void *c) { return ((struct rtc_client *)c)->key_frames >= 2; }

/* What a viewer sent before has been taken: its datagrams come in order, and the last of them makes itself heard. */
static void settle(struct stage *s, struct rtc_client **all, struct rtc_client *c)
{
    struct wanted w = { s, s->keys_wanted };
    rtc_client_pli(c);
    assert_true(rtc_clients_run(all, 2, is_asked, &w, TIMEOUT_MS));
}

/* Some loss: time for resends. Heavy loss, three times in a row: key frames only, for this viewer. */
static void loss_reports_change_what_that_viewer_gets(void **state)
{
    struct stage s;
    struct seen seen = { 0 };
    struct rtc_client *c[2];
    stage_open(&s, (struct rtc_config) { 0 });
    send_frame(&s, true);
    c[0] = join(&s, (struct rtc_client_options) { .frame = on_frame, .arg = &seen }, NULL);
    c[1] = join(&s, (struct rtc_client_options) { 0 }, NULL);
    assert_true(rtc_clients_run(c, 2, has_key, c[1], TIMEOUT_MS));
    assert_int_equal(c[1]->delay_seen_ms, 0);
    c[1]->fraction_lost = 8;
    rtc_client_report(c[1]);
    settle(&s, c, c[1]);
    send_frame(&s, false);
    assert_true(rtc_clients_run(c, 2, all_seen, &((struct goal) { &seen, 1, 2 }), TIMEOUT_MS));
    assert_true(rtc_clients_run(c, 2, has_two_frames, c[1], TIMEOUT_MS));
    assert_int_equal(c[1]->delay_seen_ms, 120);
    assert_int_equal(c[0]->delay_seen_ms, 0);
    c[1]->fraction_lost = 200;
    for (int i = 0; i < 3; i++)
        rtc_client_report(c[1]);
    settle(&s, c, c[1]);
    for (int i = 0; i < 10; i++)
        send_frame(&s, false);
    assert_true(rtc_clients_run(c, 2, all_seen, &((struct goal) { &seen, 1, 12 }), TIMEOUT_MS));
    send_frame(&s, true);
    assert_true(rtc_clients_run(c, 2, has_two_keys, c[1], TIMEOUT_MS));
    assert_in_range(c[1]->frames, 3, 4); /* the first two, perhaps one more, and the new key frame */
    for (int i = 0; i < 2; i++)
        rtc_client_close(&c[i]);
    stage_close(&s);
}

static void a_viewer_may_change_its_port(void **state)
{
    struct stage s;
    struct seen seen = { 0 };
    stage_open(&s, (struct rtc_config) { 0 });
    send_frame(&s, true);
    struct rtc_client *c = join(&s, (struct rtc_client_options) { .nack = true, .frame = on_frame, .arg = &seen }, NULL);
    run(c, all_seen, &((struct goal) { &seen, 1, 1 }));
    rtc_client_move(c);
    for (int i = 0; i < 40; i++) {
        send_frame(&s, false);
        rtc_clients_run(&c, 1, never, NULL, 10);
    }
    run(c, all_seen, &((struct goal) { &seen, 1, 40 }));
    assert_false(seen.wrong);
    assert_int_equal(s.gone, 0);
    rtc_client_close(&c);
    stage_close(&s);
}

static bool has_one_clock(void *c)
{
    const struct rtc_client *client = c;
    return client->sr_ntp[0] != 0 && client->sr_ntp[0] == client->sr_ntp[1];
}

static void sound_and_picture_share_one_clock(void **state)
{
    struct stage s;
    struct seen seen = { 0 };
    stage_open(&s, (struct rtc_config) { 0 });
    send_frame(&s, true);
    struct rtc_client *c = join(&s, (struct rtc_client_options) { .frame = on_frame, .sound = on_sound, .arg = &seen }, NULL);
    run(c, is_connected, c);
    send_frame(&s, false);
    send_sound(&s, s.pts_us[1]);
    run(c, all_seen, &((struct goal) { &seen, 1, 2 }));
    while (!seen.sound_ts)
        rtc_clients_run(&c, 1, never, NULL, 5);
    run(c, has_one_clock, c); /* both reports of a pair have come */
    int32_t picture_us = (int32_t)(c->sr_ts[0] - seen.frame_ts) * 100 / 9, sound_us = (int32_t)((int64_t)(int32_t)(c->sr_ts[1] - seen.sound_ts) * 125 / 6);
    assert_in_range(picture_us - sound_us + 1000, 0, 2000); /* within a millisecond */
    rtc_client_close(&c);
    stage_close(&s);
}

static void picture_loss_asks_for_few_key_frames(void **state)
{
    struct stage s;
    stage_open(&s, (struct rtc_config) { 0 });
    send_frame(&s, true);
    struct rtc_client *c = join(&s, (struct rtc_client_options) { 0 }, NULL);
    run(c, is_connected, c);
    int before = s.keys_wanted;
    int64_t start_us = clock_mono_us();
    for (int i = 0; i < 30; i++) {
        rtc_client_pli(c);
        rtc_clients_run(&c, 1, never, NULL, 10);
    }
    run(c, is_asked, &((struct wanted) { &s, before }));
    int wanted = s.keys_wanted - before;
    int64_t allowed = (clock_mono_us() - start_us) / 250000 + 2;
    assert_true(wanted <= allowed);
    rtc_client_close(&c);
    stage_close(&s);
}

static void the_viewers_own_estimate_is_told(void **state)
{
    struct stage s;
    struct rtc_viewer_stats v = { 0 };
    stage_open(&s, (struct rtc_config) { 0 });
    send_frame(&s, true);
    struct rtc_client *c = join(&s, (struct rtc_client_options) { 0 }, NULL);
    run(c, is_connected, c);
    uint8_t b[100];
    rtc_client_rtcp(c, b, rtcp_write_remb(b, 1, c->video_ssrc, 0x26ace << 4));
    struct wanted w = { &s, s.keys_wanted };
    rtc_client_pli(c);
    run(c, is_asked, &w);
    assert_int_equal(rtc_viewers(s.stream, &v, 1), 1);
    assert_int_equal(v.estimate_bps, 0x26ace << 4);
    rtc_client_close(&c);
    stage_close(&s);
}

/* Ten frames a second of 40 kB, and what the viewer says of its line each time. */
static void play_and_say(struct stage *s, struct rtc_client *c, uint64_t remb_bps)
{
    uint8_t b[100];
    send_frame(s, true);
    if (remb_bps)
        rtc_client_rtcp(c, b, rtcp_write_remb(b, 1, c->video_ssrc, remb_bps));
    rtc_clients_run(&c, 1, never, NULL, 100);
}

static void a_narrow_line_gets_less_and_a_wide_one_all(void **state)
{
    struct stage s;
    stage_open(&s, (struct rtc_config) { 0 });
    send_frame(&s, true);
    struct rtc_client *c = join(&s, (struct rtc_client_options) { 0 }, NULL);
    run(c, is_connected, c);
    for (int i = 0; i < 15; i++)
        play_and_say(&s, c, 0);
    assert_int_equal(s.rate_bps, 0);
    for (int i = 0; i < 100 && !s.rate_bps; i++)
        play_and_say(&s, c, 600000);
    assert_in_range(s.rate_bps, 590000, 600000);
    for (int i = 0; i < 100 && s.rate_bps; i++)
        play_and_say(&s, c, 20000000);
    assert_int_equal(s.rate_bps, 0);
    rtc_client_close(&c);
    stage_close(&s);
}

static bool has_resent(void *arg)
{
    struct rtc_viewer_stats v;
    return rtc_viewers(((struct stage *)arg)->stream, &v, 1) == 1 && v.nacked > 1000 && v.resent > 10;
}

static void resends_keep_to_a_budget(void **state)
{
    struct stage s;
    stage_open(&s, (struct rtc_config) { 0 });
    send_frame(&s, true);
    struct rtc_client *c = join(&s, (struct rtc_client_options) { 0 }, NULL);
    run(c, has_key, c);
    int64_t start_us = clock_mono_us();
    for (int k = 0; k < 50; k++) { /* asks for everything, again and again */
        uint8_t b[200] = { 0x81, RTCP_RTPFB, 0, 4 };
        wr32be(b + 4, 1);
        wr32be(b + 8, c->video_ssrc);
        for (int i = 0; i < 2; i++) {
            wr16be(b + 12 + 4 * i, (uint16_t)(c->highest - 17 * (unsigned)(i + 1)));
            wr16be(b + 14 + 4 * i, 0xffff);
        }
        size_t n = srtp_seal_rtcp(c->out, b, 20);
        send(c->fd, b, n, 0);
        rtc_clients_run(&c, 1, never, NULL, 5);
    }
    run(c, has_resent, &s);
    struct rtc_viewer_stats v;
    rtc_viewers(s.stream, &v, 1);
    uint64_t allowed = (125000 + (uint64_t)(clock_mono_us() - start_us) / 4) / 1000;
    assert_true(v.resent < allowed);
    rtc_client_close(&c);
    stage_close(&s);
}

static void offers_expire_and_are_answered_once(void **state)
{
    struct stage s;
    struct vcr_why why;
    char id[VCR_UUID_BYTES], *sdp;
    stage_open(&s, (struct rtc_config) { .offer_ms = 3000 }); /* the time that the first one has to connect, too */
    struct rtc_client *c = join(&s, (struct rtc_client_options) { 0 }, id);
    char *answer = rtc_client_answer(c);
    assert_int_equal(rtc_answer(s.stream, id, answer, &why), VCR_E_CONFLICT);
    assert_int_equal(rtc_answer(s.stream, "no such id", answer, &why), VCR_E_NOT_FOUND);
    run(c, is_connected, c);
    assert_int_equal(rtc_offer(s.stream, id, &sdp, &why), VCR_OK);
    free(sdp);
    run(c, is_gone, &s);
    assert_string_equal(s.reason, "the offer was not answered");
    assert_int_equal(rtc_answer(s.stream, id, answer, &why), VCR_E_NOT_FOUND);
    struct rtc_viewer_stats v[2];
    assert_int_equal(rtc_viewers(s.stream, v, 2), 1); /* the answered one stays */
    free(answer);
    rtc_client_close(&c);
    stage_close(&s);
}

static void a_bad_answer_is_refused_and_a_good_one_still_works(void **state)
{
    struct stage s;
    struct vcr_why why;
    char id[VCR_UUID_BYTES], *sdp;
    stage_open(&s, (struct rtc_config) { 0 });
    send_frame(&s, true);
    assert_int_equal(rtc_offer(s.stream, id, &sdp, &why), VCR_OK);
    assert_int_equal(rtc_answer(s.stream, id, "", &why), VCR_E_INVALID);
    assert_int_equal(rtc_answer(s.stream, id, sdp, &why), VCR_E_INVALID); /* the offer itself */
    assert_non_null(strstr(why.text, "picture"));
    struct rtc_client *c = rtc_client_open(sdp, &(struct rtc_client_options) { 0 });
    char *answer = rtc_client_answer(c);
    assert_int_equal(rtc_answer(s.stream, id, answer, &why), VCR_OK);
    run(c, has_key, c);
    free(answer);
    free(sdp);
    rtc_client_close(&c);
    stage_close(&s);
}

/* A browser may finish ICE and DTLS before its answer has come by HTTP. */
static void nothing_is_sent_before_the_answer(void **state)
{
    struct stage s;
    struct vcr_why why;
    char id[VCR_UUID_BYTES], *sdp;
    stage_open(&s, (struct rtc_config) { 0 });
    send_frame(&s, true);
    assert_int_equal(rtc_offer(s.stream, id, &sdp, &why), VCR_OK);
    struct rtc_client *c = rtc_client_open(sdp, &(struct rtc_client_options) { 0 });
    char *answer = rtc_client_answer(c);
    for (int i = 0; i < 1000 && !c->connected; i++)
        rtc_clients_run(&c, 1, never, NULL, 5);
    assert_true(c->connected);
    send_frame(&s, false);
    rtc_clients_run(&c, 1, never, NULL, 30);
    assert_int_equal(c->packets, 0);
    assert_int_equal(s.up, 0);
    assert_int_equal(rtc_answer(s.stream, id, answer, &why), VCR_OK);
    run(c, has_key, c);
    free(answer);
    free(sdp);
    rtc_client_close(&c);
    stage_close(&s);
}

static void another_certificate_gets_nothing(void **state)
{
    struct stage s;
    stage_open(&s, (struct rtc_config) { 0 });
    send_frame(&s, true);
    struct rtc_client *c = join(&s, (struct rtc_client_options) { .wrong_print = true }, NULL);
    run(c, is_gone, &s);
    assert_string_equal(s.reason, "the certificate is not the announced one");
    assert_int_equal(c->packets, 0);
    assert_int_equal(s.up, 0);
    rtc_client_close(&c);
    stage_close(&s);
}

static void a_silent_viewer_is_dropped_and_a_leaving_one_at_once(void **state)
{
    struct stage s;
    stage_open(&s, (struct rtc_config) { .consent_ms = 400 });
    struct rtc_client *c = join(&s, (struct rtc_client_options) { 0 }, NULL);
    run(c, is_connected, c);
    c->muted = true;
    c->check_due_us = INT64_MAX;
    run(c, is_gone, &s);
    assert_string_equal(s.reason, "the viewer went silent");
    assert_true(c->bye);
    rtc_client_close(&c);
    stage_close(&s);

    stage_open(&s, (struct rtc_config) { 0 });
    c = join(&s, (struct rtc_client_options) { 0 }, NULL);
    run(c, is_connected, c);
    SSL_shutdown(c->ssl);
    run(c, is_gone, &s);
    assert_string_equal(s.reason, "closed by the peer");
    rtc_client_close(&c);
    stage_close(&s);
}

static void closing_says_goodbye(void **state)
{
    struct stage s;
    char id[VCR_UUID_BYTES];
    stage_open(&s, (struct rtc_config) { 0 });
    struct rtc_client *a = join(&s, (struct rtc_client_options) { 0 }, id), *b = join(&s, (struct rtc_client_options) { 0 }, NULL);
    run(a, is_connected, a);
    run(b, is_connected, b);
    rtc_viewer_close(s.stream, id);
    run(a, has_bye, a);
    assert_int_equal(s.gone, 1);
    assert_false(b->bye);
    rtc_stream_close(&s.stream);
    run(b, has_bye, b);
    assert_int_equal(s.gone, 1); /* the owner who closes it need not be told */
    rtc_client_close(&a);
    rtc_client_close(&b);
    stage_close(&s);
}

static void caps_hold(void **state)
{
    struct stage s;
    struct vcr_why why;
    char id[VCR_UUID_BYTES], *sdp;
    static const struct rtc_config configs[] = { { .viewers_max = 2 }, { .joins_per_s = 2 } };
    for (size_t k = 0; k < ARRAY_LEN(configs); k++) {
        stage_open(&s, configs[k]);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(rtc_offer(s.stream, id, &sdp, &why), VCR_OK);
            free(sdp);
        }
        assert_int_equal(rtc_offer(s.stream, id, &sdp, &why), VCR_E_BUSY);
        stage_close(&s);
    }
}

/* A check like a browser's, with one thing changed. */
static size_t a_check(struct rtc_client *c, uint8_t *out, const char *ufrag, const char *pwd, enum stun_attr role)
{
    struct stun_out o;
    char user[100];
    uint8_t txid[STUN_TXID_BYTES] = { 7 }, tie[8] = { 0 };
    int n = snprintf(user, sizeof(user), "%s:%s", ufrag, c->ufrag);
    stun_begin(&o, STUN_BINDING_REQUEST, txid);
    stun_add(&o, STUN_USERNAME, user, (size_t)n);
    stun_add(&o, role, tie, sizeof(tie));
    stun_end(&o, pwd);
    memcpy(out, o.bytes, o.len);
    return o.len;
}

/* Whatever the server answered to what was sent before shows up before the answer to a good check. */
static void strangers_get_silence(void **state)
{
    struct stage s;
    uint8_t b[1500], in[1500];
    stage_open(&s, (struct rtc_config) { 0 });
    struct rtc_client *c = join(&s, (struct rtc_client_options) { 0 }, NULL);
    static const uint8_t hello[] = { 22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0 };
    send(c->fd, hello, sizeof(hello), 0); /* DTLS without a check */
    for (int i = 0; i < 2000; i++) {
        vcr_random(b, sizeof(b));
        if (i % 3 == 0)
            b[0] = (uint8_t)(i % 4);
        send(c->fd, b, 1 + (size_t)(vcr_random_u64() % sizeof(b)), 0);
    }
    send(c->fd, b, a_check(c, b, "nobody12", c->their_pwd, STUN_CONTROLLING), 0);
    send(c->fd, b, a_check(c, b, c->their_ufrag, "wrongwrongwrongwrongwrong", STUN_CONTROLLING), 0);
    size_t n = a_check(c, b, c->their_ufrag, c->their_pwd, STUN_CONTROLLING);
    b[n - 1] ^= 1; /* a bad FINGERPRINT */
    send(c->fd, b, n, 0);
    strcpy(c->ufrag, "somebody"); /* not the answered name */
    send(c->fd, b, a_check(c, b, c->their_ufrag, c->their_pwd, STUN_CONTROLLING), 0);
    strcpy(c->ufrag, "clientuf");
    struct pollfd p = { .fd = c->fd, .events = POLLIN };
    struct stun_msg m;
    ssize_t got = -1;
    for (int i = 0; i < 100 && got < 0; i++) { /* the kernel may have dropped some of the flood: try again */
        send(c->fd, b, a_check(c, b, c->their_ufrag, c->their_pwd, STUN_CONTROLLED), 0);
        if (poll(&p, 1, 100) > 0)
            got = recv(c->fd, in, sizeof(in), 0);
    }
    assert_true(got > 0 && stun_parse(in, (size_t)got, &m) && stun_check(in, &m, c->their_pwd));
    assert_int_equal(m.error, 487); /* the first word that comes back: the role conflict, nothing for the rest */
    run(c, is_connected, c);
    rtc_client_close(&c);
    stage_close(&s);
}

/* What an attacker on the path may do to a playing viewer: nothing. */
static void garbage_from_a_known_address_changes_nothing(void **state)
{
    struct stage s;
    struct seen seen = { 0 };
    uint8_t b[1200];
    stage_open(&s, (struct rtc_config) { 0 });
    send_frame(&s, true);
    struct rtc_client *c = join(&s, (struct rtc_client_options) { .frame = on_frame, .arg = &seen }, NULL);
    run(c, is_connected, c);
    int before = s.keys_wanted;
    for (int i = 0; i < 1000; i++) {
        vcr_random(b, sizeof(b));
        b[0] = (uint8_t)(i % 2 ? 0x81 : 22);
        b[1] = (uint8_t)(i % 2 ? RTCP_PSFB : 0xfe);
        send(c->fd, b, 20 + (size_t)(vcr_random_u64() % 1000), 0);
    }
    send_frame(&s, false);
    run(c, all_seen, &((struct goal) { &seen, 1, 2 }));
    assert_int_equal(s.keys_wanted, before);
    assert_int_equal(s.gone, 0);
    rtc_client_close(&c);
    stage_close(&s);
}

/* Viewers of every stream, on whatever thread, are found by what they send; one port serves all, and what is counted is counted over all. */
static void streams_are_spread_over_threads(void **state)
{
    enum { STREAMS = 4, THREADS = 3 };
    struct rtc *r;
    struct stage s[STREAMS];
    struct seen seen[STREAMS] = { 0 };
    struct rtc_client *c[STREAMS];
    struct vcr_why why;
    struct rtc_viewer_stats v;
    char id[VCR_UUID_BYTES], *sdp;
    memset(s, 0, sizeof(s));
    assert_int_equal(rtc_open(&r, &(struct rtc_config) { .listen = "127.0.0.1:0", .threads = THREADS, .viewers_max = STREAMS, .joins_per_s = -1 }, &why), VCR_OK);
    for (int i = 0; i < STREAMS; i++) {
        const struct rtc_events events = { .want_key = want_key, .viewer_up = viewer_up, .viewer_gone = viewer_gone, .rate = rate, .arg = &s[i] };
        s[i].rtc = r;
        assert_int_equal(rtc_stream_open(r, &s[i].stream, &events, &why), VCR_OK);
        send_frame(&s[i], true);
        c[i] = join(&s[i], (struct rtc_client_options) { .nack = true, .frame = on_frame, .arg = &seen[i] }, NULL);
    }
    assert_int_equal(rtc_offer(s[0].stream, id, &sdp, &why), VCR_E_BUSY); /* the cap is one for all threads */
    assert_true(rtc_clients_run(c, STREAMS, all_seen, &((struct goal) { seen, STREAMS, 1 }), TIMEOUT_MS));
    for (int i = 0; i < STREAMS; i++) {
        assert_int_equal(c[i]->server.sin_port, htons((uint16_t)rtc_port(r)));
        rtc_client_move(c[i]);
    }
    for (int n = 1; n < FRAMES_MAX && !all_seen(&((struct goal) { seen, STREAMS, 3 })); n++) { /* what went to the old port shows by what comes after it */
        for (int i = 0; i < STREAMS; i++)
            send_frame(&s[i], false);
        rtc_clients_run(c, STREAMS, all_seen, &((struct goal) { seen, STREAMS, 3 }), 150);
    }
    assert_true(all_seen(&((struct goal) { seen, STREAMS, 3 })));
    for (int i = 0; i < STREAMS; i++) {
        assert_false(seen[i].wrong);
        assert_int_equal(rtc_viewers(s[i].stream, &v, 1), 1);
        assert_true(v.connected && s[i].up == 1);
        rtc_stream_close(&s[i].stream);
        run(c[i], has_bye, c[i]); /* while the others still play */
        rtc_client_close(&c[i]);
    }
    rtc_close(&r);
}

static void bad_addresses_are_refused(void **state)
{
    static const char *const listens[] = { "", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "host.example:1", "[::1:5" };
    struct rtc *r;
    struct vcr_why why;
    for (size_t i = 0; i < ARRAY_LEN(listens); i++)
        assert_int_equal(rtc_open(&r, &(struct rtc_config) { .listen = listens[i] }, &why), VCR_E_INVALID);
    assert_int_equal(rtc_open(&r, &(struct rtc_config) { .listen = "127.0.0.1:0", .public_address = "vcr.example" }, &why), VCR_E_INVALID);
}

static void candidates_come_from_the_public_addresses(void **state)
{
    struct rtc *r;
    struct rtc_stream *s;
    struct vcr_why why;
    char id[VCR_UUID_BYTES], *sdp, want[100];
    assert_int_equal(rtc_open(&r, &(struct rtc_config) { .listen = "0.0.0.0:0", .public_address = "192.0.2.7, 2001:db8::7" }, &why), VCR_OK);
    assert_int_equal(rtc_stream_open(r, &s, NULL, &why), VCR_OK);
    assert_int_equal(rtc_offer(s, id, &sdp, &why), VCR_OK);
    snprintf(want, sizeof(want), " 192.0.2.7 %d typ host", rtc_port(r));
    assert_non_null(strstr(sdp, want));
    snprintf(want, sizeof(want), " 2001:db8::7 %d typ host", rtc_port(r));
    assert_non_null(strstr(sdp, want));
    free(sdp);
    rtc_stream_close(&s);
    rtc_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_viewer_gets_every_byte_in_both_profiles),
        cmocka_unit_test(a_late_viewer_starts_at_the_newest_key_frame),
        cmocka_unit_test(a_first_viewer_asks_for_a_key_frame_and_waits_for_it),
        cmocka_unit_test(a_long_group_of_pictures_is_not_replayed),
        cmocka_unit_test(nacks_repair_what_the_network_loses),
        cmocka_unit_test(a_handshake_survives_a_lost_datagram),
        cmocka_unit_test(one_bad_line_harms_no_other_viewer),
        cmocka_unit_test(loss_reports_change_what_that_viewer_gets),
        cmocka_unit_test(a_viewer_may_change_its_port),
        cmocka_unit_test(sound_and_picture_share_one_clock),
        cmocka_unit_test(picture_loss_asks_for_few_key_frames),
        cmocka_unit_test(the_viewers_own_estimate_is_told),
        cmocka_unit_test(a_narrow_line_gets_less_and_a_wide_one_all),
        cmocka_unit_test(resends_keep_to_a_budget),
        cmocka_unit_test(offers_expire_and_are_answered_once),
        cmocka_unit_test(a_bad_answer_is_refused_and_a_good_one_still_works),
        cmocka_unit_test(nothing_is_sent_before_the_answer),
        cmocka_unit_test(another_certificate_gets_nothing),
        cmocka_unit_test(a_silent_viewer_is_dropped_and_a_leaving_one_at_once),
        cmocka_unit_test(closing_says_goodbye),
        cmocka_unit_test(caps_hold),
        cmocka_unit_test(strangers_get_silence),
        cmocka_unit_test(garbage_from_a_known_address_changes_nothing),
        cmocka_unit_test(streams_are_spread_over_threads),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(candidates_come_from_the_public_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
