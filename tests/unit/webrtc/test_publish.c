/* tests/unit/webrtc/test_publish.c - a WebRTC publisher as its owner sees it, over loopback: whole pictures in order through loss, in step with the sound, and what it is asked for. */
#include <pthread.h>
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
#include "deliver/webrtc/publish.h"
#include "rtc_source.h"

enum { KEY_BYTES = 30000, DELTA_BYTES = 5000, GOT_MAX = 2000, TIMEOUT_MS = 60000, FRAME_TICKS = 3000, SOUND_BYTES = 100, HEADS = 21 };

struct got {
    uint8_t track, flags;
    int64_t pts_us;
    int number; /* of the frame or sound, read out of it; -1: not one of ours to the byte */
};
struct stage {
    struct rtc *rtc;
    struct rtc_publisher *pub;
    struct rtc_source *source;
    int frames, sounds; /* sent */
    pthread_mutex_t lock;
    struct got got[GOT_MAX];
    int count;
    atomic_int pictures, gone;
    _Atomic(const char *) reason;
};

/* Frame n as bytes anyone can make again. */
static size_t make_frame(uint8_t *out, int n, bool key)
{
    static const uint8_t sets[HEADS + 1] = { 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x91, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x81, 0, 0, 0, 1, 0x65 }, slice[] = { 0, 0, 0, 1, 0x61 };
    size_t len = key ? KEY_BYTES : DELTA_BYTES, at = key ? sizeof(sets) : sizeof(slice);
    memcpy(out, key ? sets : slice, at);
    out[at++] = (uint8_t)(1 + n % 250);
    out[at++] = (uint8_t)(1 + n / 250);
    for (; at < len; at++)
        out[at] = (uint8_t)(1 + (at * 31 + (size_t)n * 17) % 255);
    return len;
}

static int frame_number(const uint8_t *p, size_t len, bool key)
{
    static uint8_t want[KEY_BYTES];
    size_t at = key ? HEADS + 1 : 5;
    if (len != (key ? KEY_BYTES : DELTA_BYTES))
        return -1;
    int n = p[at] - 1 + (p[at + 1] - 1) * 250;
    make_frame(want, n, key);
    return memcmp(want, p, len) == 0 ? n : -1;
}

static void on_packet(void *arg, const struct packet *p)
{
    struct stage *s = arg;
    pthread_mutex_lock(&s->lock);
    if (s->count < GOT_MAX) {
        bool is_sound = p->track == PACKET_AUDIO;
        int n = is_sound ? (p->len == SOUND_BYTES ? rd16be(p->data) : -1) : frame_number(p->data, p->len, p->flags & PACKET_KEY);
        s->got[s->count++] = (struct got) { p->track, p->flags, p->pts_us, n };
    }
    pthread_mutex_unlock(&s->lock);
    s->pictures += p->track == PACKET_VIDEO;
}

static void on_gone(void *arg, const char *reason)
{
    struct stage *s = arg;
    s->reason = reason;
    s->gone++;
}

static enum vcr_err publish(struct stage *s, const char *offer, char **answer, struct vcr_why *why)
{
    return rtc_publish(s->rtc, &s->pub, offer, strlen(offer), &(struct rtc_publish_events) { .packet = on_packet, .gone = on_gone, .arg = s }, answer, why);
}

static void stage_open(struct stage *s, struct rtc_source_options o, struct rtc_config config)
{
    char *offer, *answer;
    struct vcr_why why;
    memset(s, 0, sizeof(*s));
    pthread_mutex_init(&s->lock, NULL);
    config.listen = "127.0.0.1:0";
    config.joins_per_s = -1;
    if (rtc_open(&s->rtc, &config, &why))
        fail_msg("%s", why.text);
    s->source = rtc_source_open(&o, &offer);
    if (publish(s, offer, &answer, &why))
        fail_msg("%s", why.text);
    rtc_client_connect(s->source->c, answer);
    free(offer);
    free(answer);
}

static void stage_close(struct stage *s)
{
    rtc_publish_close(&s->pub);
    rtc_source_close(&s->source);
    rtc_close(&s->rtc);
    pthread_mutex_destroy(&s->lock);
}

static bool never(void *arg) { return false; }
static bool is_connected(void *s) { return ((struct stage *)s)->source->c->connected; }
static bool is_gone(void *s) { return ((struct stage *)s)->gone > 0; }
static bool has_pli(void *s) { return ((struct stage *)s)->source->plis + ((struct stage *)s)->source->firs > 0; }
struct goal {
    struct stage *s;
    int pictures, all;
};
static bool has_pictures(void *arg) { return ((struct goal *)arg)->s->pictures >= ((struct goal *)arg)->pictures; }
static bool has_all(void *arg)
{
    struct goal *g = arg;
    pthread_mutex_lock(&g->s->lock);
    int n = g->s->count;
    pthread_mutex_unlock(&g->s->lock);
    return n >= g->all;
}

static bool step(struct stage *s, bool (*done)(void *arg), void *arg, int timeout_ms) { return rtc_clients_run(&s->source->c, 1, done, arg, timeout_ms); }
#define run(s, done, arg) assert_true(step(s, done, arg, TIMEOUT_MS))

static void send_frame(struct stage *s, bool key)
{
    static uint8_t au[KEY_BYTES];
    rtc_source_frame(s->source, au, make_frame(au, s->frames, key), (uint32_t)s->frames * FRAME_TICKS);
    s->frames++;
}

static void send_sound(struct stage *s)
{
    uint8_t opus[SOUND_BYTES] = { 0 };
    wr16be(opus, (uint16_t)s->sounds);
    rtc_source_sound(s->source, opus, sizeof(opus), (uint32_t)s->sounds * 960);
    s->sounds++;
}

/* Every frame of first..last came once, whole, in order, its times rising. Returns how many key frames. */
static int expect_frames(struct stage *s, int first, int last)
{
    int next = first, keys = 0;
    int64_t before_us = INT64_MIN;
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < s->count; i++) {
        const struct got *g = &s->got[i];
        if (g->track != PACKET_VIDEO)
            continue;
        if (g->number != next || g->pts_us <= before_us)
            fail_msg("frame %d where %d was due, at %lld after %lld", g->number, next, (long long)g->pts_us, (long long)before_us);
        keys += g->flags & PACKET_KEY;
        before_us = g->pts_us;
        next++;
    }
    pthread_mutex_unlock(&s->lock);
    assert_int_equal(next, last + 1);
    return keys;
}

static void every_byte_comes_out_in_both_profiles(void **state)
{
    for (int cm_only = 0; cm_only < 2; cm_only++) {
        struct stage s;
        stage_open(&s, (struct rtc_source_options) { .cm_only = cm_only }, (struct rtc_config) { 0 });
        run(&s, is_connected, &s);
        assert_int_equal(s.source->c->profile, cm_only ? SRTP_CM_SHA1_80 : SRTP_GCM_128);
        for (int i = 0; i < 40; i++) {
            send_frame(&s, i % 20 == 0);
            send_sound(&s);
        }
        run(&s, has_all, &((struct goal) { .s = &s, .all = 80 }));
        assert_int_equal(expect_frames(&s, 0, 39), 2);
        int sound = 0;
        for (int i = 0; i < s.count; i++)
            if (s.got[i].track == PACKET_AUDIO)
                assert_int_equal(s.got[i].number, sound++);
        assert_int_equal(sound, 40);
        struct rtc_publish_stats st;
        rtc_publish_stats(s.pub, &st);
        assert_true(st.connected && st.pictures == 40 && st.key_frames == 2 && st.sounds == 40 && st.dropped == 0 && st.lost == 0);
        assert_true(vcr_is_uuid(rtc_publish_id(s.pub)));
        stage_close(&s);
        assert_true(s.gone == 0); /* its owner knows */
    }
}

/* Sends until the last of them came: a lost tail shows only when more comes. */
static void send_until_seen(struct stage *s, int frames)
{
    while (s->frames < frames) {
        send_frame(s, s->frames == 0);
        step(s, never, NULL, 5);
    }
    for (int i = 0; i < 500 && s->pictures < frames; i++) {
        send_frame(s, false);
        step(s, never, NULL, 20);
    }
}

static void resends_repair_loss_repeats_and_disorder(void **state)
{
    static const struct rtc_source_options rows[] = {
        { .no_sound = true },
        { .no_sound = true, .cm_only = true },
        { .no_sound = true, .no_rtx = true, .no_cc = true }, /* plain repeats */
        { .no_sound = true, .no_rtx = true, .no_cc = true, .cm_only = true },
    };
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        struct stage s;
        struct rtc_source_options o = rows[k];
        stage_open(&s, o, (struct rtc_config) { 0 });
        run(&s, is_connected, &s);
        send_frame(&s, true);
        run(&s, has_pictures, &((struct goal) { .s = &s, .pictures = 1 })); /* a first packet lost would be before the beginning */
        s.source->options.loss_per_mille = 50;
        s.source->options.reorder_per_mille = 50;
        s.source->options.repeat_per_mille = 50;
        send_until_seen(&s, 100);
        assert_true(s.pictures >= 100);
        expect_frames(&s, 0, s.pictures - 1);
        struct rtc_publish_stats st;
        rtc_publish_stats(s.pub, &st);
        assert_true(s.source->lost > 0 && s.source->reordered > 0 && s.source->repeated > 0);
        assert_true(st.recovered > 0 && st.lost == 0 && st.dropped == 0);
        stage_close(&s);
    }
}

/* Nobody resends: the frame with the hole and all that refer to it are left out, a key frame is asked for, and things go on from it. */
static void what_cannot_be_repaired_is_left_out_to_the_next_key_frame(void **state)
{
    struct stage s;
    stage_open(&s, (struct rtc_source_options) { .no_nack = true, .no_sound = true, .no_pli = true }, (struct rtc_config) { 0 });
    run(&s, is_connected, &s);
    send_frame(&s, true);
    send_frame(&s, false);
    run(&s, has_pictures, &((struct goal) { .s = &s, .pictures = 2 }));
    uint64_t asked = s.source->firs;
    s.source->options.loss_per_mille = 1000;
    rtc_source_payload(s.source, (const uint8_t *)"\x61gone", 5, (uint32_t)s.frames * FRAME_TICKS, true);
    s.source->options.loss_per_mille = 0;
    send_frame(&s, false);
    send_frame(&s, false);
    for (int i = 0; i < 1000 && s.source->firs == asked; i++) {
        step(&s, never, NULL, 10);
        if (i % 20 == 19)
            send_frame(&s, false);
    }
    assert_true(s.source->firs > asked && s.source->plis == 0);
    int resumed = s.frames;
    send_frame(&s, true);
    send_frame(&s, false);
    run(&s, has_pictures, &((struct goal) { .s = &s, .pictures = 4 }));
    pthread_mutex_lock(&s.lock);
    assert_int_equal(s.got[1].number, 1);
    assert_int_equal(s.got[2].number, resumed);
    assert_true(s.got[2].flags & PACKET_KEY);
    assert_int_equal(s.got[3].number, resumed + 1);
    pthread_mutex_unlock(&s.lock);
    struct rtc_publish_stats st;
    rtc_publish_stats(s.pub, &st);
    assert_true(st.dropped >= 2 && st.lost >= 1 && st.nacked == 0);
    stage_close(&s);
}

static void key_frames_are_asked_for(void **state)
{
    struct stage s;
    stage_open(&s, (struct rtc_source_options) { .no_sound = true }, (struct rtc_config) { 0 });
    run(&s, is_connected, &s);
    send_frame(&s, false); /* nothing can be shown of this one */
    run(&s, has_pli, &s);
    assert_int_equal(s.pictures, 0);
    send_frame(&s, true);
    run(&s, has_pictures, &((struct goal) { .s = &s, .pictures = 1 }));
    s.source->plis = 0;
    rtc_publish_key(s.pub); /* its owner wants one */
    rtc_publish_key(s.pub);
    run(&s, has_pli, &s);
    send_frame(&s, true);
    run(&s, has_pictures, &((struct goal) { .s = &s, .pictures = 2 }));
    s.source->plis = 0;
    run(&s, has_pli, &s); /* and one a second in any case */
    stage_close(&s);
}

static void key_frames_carry_their_parameter_sets(void **state)
{
    static const uint8_t sps[] = { 0x67, 0x42, 0xc0, 0x1f, 0x91 }, pps[] = { 0x68, 0xce, 0x3c, 0x81 };
    struct stage s;
    uint8_t au[KEY_BYTES];
    stage_open(&s, (struct rtc_source_options) { .no_sound = true }, (struct rtc_config) { 0 });
    run(&s, is_connected, &s);
    rtc_source_payload(s.source, sps, sizeof(sps), 0, false);
    rtc_source_payload(s.source, pps, sizeof(pps), 0, true);
    size_t len = make_frame(au, 0, true);
    memmove(au, au + 17, len - 17); /* the slice alone */
    rtc_source_frame(s.source, au, len - 17, FRAME_TICKS);
    run(&s, has_pictures, &((struct goal) { .s = &s, .pictures = 1 }));
    assert_int_equal(s.got[0].number, 0); /* with the sets before it, to the byte */
    stage_close(&s);
}

static unsigned numbered(const struct stage *s) { return (uint16_t)(s->source->cc_number - SOURCE_CC_FIRST); }
static bool has_feedback(void *arg)
{
    const struct stage *s = arg;
    return s->source->acked >= numbered(s) && s->source->reports >= 2;
}
static bool has_remb(void *arg) { return ((struct stage *)arg)->source->remb_bps > 0; }

static void the_publisher_hears_what_arrived(void **state)
{
    struct stage s;
    stage_open(&s, (struct rtc_source_options) { 0 }, (struct rtc_config) { 0 });
    run(&s, is_connected, &s);
    for (int i = 0; i < 30; i++) { /* past the numbers' roll-over */
        send_frame(&s, i == 0);
        send_sound(&s);
    }
    run(&s, has_feedback, &s);
    assert_int_equal(s.source->acked, numbered(&s));
    assert_int_equal(s.source->fraction_lost, 0);
    assert_int_equal(s.source->remb_bps, 0);
    stage_close(&s);
    stage_open(&s, (struct rtc_source_options) { .no_cc = true, .no_sound = true }, (struct rtc_config) { 0 });
    run(&s, is_connected, &s);
    send_frame(&s, true);
    run(&s, has_remb, &s);
    assert_true(s.source->remb_bps >= 2000000 && s.source->feedbacks == 0);
    stage_close(&s);
}

/* ---- time ---- */

/* The sound is captured with the picture but sent 150 ms before it, as by a publisher whose encoder takes its time; its reports say so. */
static void reports_bring_sound_and_picture_together(void **state)
{
    enum { STEPS = 120, STEP_MS = 20, DELAY_STEPS = 7 };
    struct stage s;
    static uint8_t au[KEY_BYTES];
    stage_open(&s, (struct rtc_source_options) { 0 }, (struct rtc_config) { 0 });
    run(&s, is_connected, &s);
    for (int i = 0; i < STEPS; i++) {
        send_sound(&s); /* sound n is of n * 20 ms */
        if (i >= DELAY_STEPS)
            rtc_source_frame(s.source, au, make_frame(au, i - DELAY_STEPS, i == DELAY_STEPS), (uint32_t)(i - DELAY_STEPS) * 1800); /* picture n, too */
        if (i % 25 == 10) {
            uint64_t ntp = (UINT64_C(3900000000) << 32) + ((uint64_t)i << 32) * STEP_MS / 1000;
            rtc_source_report(s.source, &s.source->audio, (uint32_t)i * 960, ntp);
            rtc_source_report(s.source, &s.source->video, (uint32_t)i * 1800, ntp);
        }
        step(&s, never, NULL, STEP_MS);
    }
    run(&s, has_all, &((struct goal) { .s = &s, .all = 2 * STEPS - DELAY_STEPS }));
    int64_t sound_us[STEPS] = { 0 }, off_us = 0;
    for (int i = 0; i < s.count; i++)
        if (s.got[i].track == PACKET_AUDIO)
            sound_us[s.got[i].number] = s.got[i].pts_us;
    for (int i = 0; i < s.count; i++)
        if (s.got[i].track == PACKET_VIDEO && s.got[i].number >= 0)
            off_us = s.got[i].pts_us - sound_us[s.got[i].number]; /* of the last one */
    if (off_us < -20000 || off_us > 20000)
        fail_msg("picture %lld us after its sound", (long long)off_us);
    stage_close(&s);
}

/* ---- the end ---- */

static void expect_gone(struct stage *s, const char *reason)
{
    run(s, is_gone, s);
    assert_string_equal(s->reason, reason);
    struct rtc_publish_stats st;
    rtc_publish_stats(s->pub, &st);
    assert_false(st.connected);
    rtc_publish_key(s->pub); /* nothing of it is left to be harmed */
    stage_close(s);
    assert_int_equal(s->gone, 1);
}

static void publishers_end_in_many_ways(void **state)
{
    struct stage s;
    stage_open(&s, (struct rtc_source_options) { .wrong_print = true }, (struct rtc_config) { 0 });
    expect_gone(&s, "the certificate is not the announced one");

    stage_open(&s, (struct rtc_source_options) { 0 }, (struct rtc_config) { .offer_ms = 300 });
    s.source->c->muted = true;
    expect_gone(&s, "no connection came about");

    stage_open(&s, (struct rtc_source_options) { 0 }, (struct rtc_config) { .consent_ms = 500 });
    run(&s, is_connected, &s);
    s.source->c->muted = true;
    expect_gone(&s, "the publisher went silent");

    stage_open(&s, (struct rtc_source_options) { 0 }, (struct rtc_config) { 0 });
    run(&s, is_connected, &s);
    SSL_shutdown(s.source->c->ssl);
    expect_gone(&s, "closed by the peer");

    stage_open(&s, (struct rtc_source_options) { .no_sound = true }, (struct rtc_config) { 0 });
    run(&s, is_connected, &s);
    send_frame(&s, true);
    run(&s, has_pictures, &((struct goal) { .s = &s, .pictures = 1 }));
    rtc_source_bye(s.source);
    expect_gone(&s, "the publisher said goodbye");
}

static bool has_bye(void *s) { return ((struct stage *)s)->source->bye && ((struct stage *)s)->source->c->closed; }

static void a_closed_publisher_is_told_so(void **state)
{
    struct stage s;
    stage_open(&s, (struct rtc_source_options) { 0 }, (struct rtc_config) { 0 });
    run(&s, is_connected, &s);
    send_frame(&s, true);
    run(&s, has_pictures, &((struct goal) { .s = &s, .pictures = 1 }));
    rtc_publish_close(&s.pub);
    run(&s, has_bye, &s);
    stage_close(&s);
}

static void another_stream_takes_over_when_one_has_ended(void **state)
{
    struct stage s;
    stage_open(&s, (struct rtc_source_options) { .no_sound = true }, (struct rtc_config) { 0 });
    run(&s, is_connected, &s);
    send_frame(&s, true);
    run(&s, has_pictures, &((struct goal) { .s = &s, .pictures = 1 }));
    struct source_stream before = s.source->video;
    s.source->video = (struct source_stream) { .ssrc = 0x77, .index = 5 };
    send_frame(&s, true); /* while the first is on, the second is nobody's */
    s.source->video = before;
    send_frame(&s, false);
    run(&s, has_pictures, &((struct goal) { .s = &s, .pictures = 2 }));
    assert_int_equal(s.got[1].number, 2);
    rtc_source_bye(s.source);
    s.source->video = (struct source_stream) { .ssrc = 0x77, .index = 5 + 100 };
    send_frame(&s, true);
    run(&s, has_pictures, &((struct goal) { .s = &s, .pictures = 3 }));
    assert_int_equal(s.got[2].number, 3);
    assert_true(s.got[2].pts_us > s.got[1].pts_us && s.got[2].flags & PACKET_DISCONT);
    stage_close(&s);
}

static void offers_beyond_the_caps_are_refused(void **state)
{
    struct stage s;
    char *offer, *answer;
    struct vcr_why why;
    stage_open(&s, (struct rtc_source_options) { 0 }, (struct rtc_config) { .publishers_max = 1 });
    struct rtc_publisher *first = s.pub;
    struct rtc_source *other = rtc_source_open(&(struct rtc_source_options) { 0 }, &offer);
    assert_int_equal(publish(&s, offer, &answer, &why), VCR_E_BUSY);
    assert_int_equal(publish(&s, "nonsense", &answer, &why), VCR_E_MALFORMED);
    rtc_publish_close(&first);
    assert_int_equal(publish(&s, offer, &answer, &why), VCR_OK);
    char *fragment = vcr_asprintf("a=ice-ufrag:%s\r\na=ice-pwd:%s\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", other->c->ufrag,
                                  other->c->pwd);
    assert_int_equal(rtc_publish_trickle(s.pub, fragment, strlen(fragment), &why), VCR_OK);
    fragment[12] ^= 1;
    assert_int_equal(rtc_publish_trickle(s.pub, fragment, strlen(fragment), &why), VCR_E_INVALID); /* a restart */
    assert_int_equal(rtc_publish_trickle(s.pub, "hello", 5, &why), VCR_E_MALFORMED);
    free(fragment);
    free(answer);
    free(offer);
    rtc_source_close(&other);
    stage_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_comes_out_in_both_profiles),
        cmocka_unit_test(resends_repair_loss_repeats_and_disorder),
        cmocka_unit_test(what_cannot_be_repaired_is_left_out_to_the_next_key_frame),
        cmocka_unit_test(key_frames_are_asked_for),
        cmocka_unit_test(key_frames_carry_their_parameter_sets),
        cmocka_unit_test(the_publisher_hears_what_arrived),
        cmocka_unit_test(reports_bring_sound_and_picture_together),
        cmocka_unit_test(publishers_end_in_many_ways),
        cmocka_unit_test(a_closed_publisher_is_told_so),
        cmocka_unit_test(another_stream_takes_over_when_one_has_ended),
        cmocka_unit_test(offers_beyond_the_caps_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
