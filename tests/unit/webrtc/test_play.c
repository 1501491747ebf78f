/* tests/unit/webrtc/test_play.c - players who make the offer (WHEP), over loopback: what reaches them, under which numbers on the wire, and how they come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/util.h"
#include "deliver/webrtc/rtc.h"
#include "rtc_client.h"

enum { TIMEOUT_MS = 60000, KEY_BYTES = 20000, DELTA_BYTES = 3000, SOUND_BYTES = 90 };

struct stage {
    struct rtc *rtc;
    struct rtc_stream *stream;
    atomic_int keys_wanted, up, gone;
    _Atomic(const char *) reason;
    int frames;
};

static void want_key(void *arg) { ((struct stage *)arg)->keys_wanted++; }
static void viewer_up(void *arg, const char *id) { ((struct stage *)arg)->up++; }
static void viewer_gone(void *arg, const char *id, const char *reason)
{
    struct stage *s = arg;
    s->reason = reason;
    s->gone++;
}

static void stage_open(struct stage *s, struct rtc_config config)
{
    struct vcr_why why;
    memset(s, 0, sizeof(*s));
    config.listen = "127.0.0.1:0";
    config.joins_per_s = config.joins_per_s ? config.joins_per_s : -1;
    if (rtc_open(&s->rtc, &config, &why) ||
        rtc_stream_open(s->rtc, &s->stream, &(struct rtc_events) { .want_key = want_key, .viewer_up = viewer_up, .viewer_gone = viewer_gone, .arg = s }, &why))
        fail_msg("%s", why.text);
}

static void stage_close(struct stage *s)
{
    rtc_stream_close(&s->stream);
    rtc_close(&s->rtc);
}

static void send_frame(struct stage *s, bool key)
{
    static const uint8_t sets[] = { 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x91, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x81, 0, 0, 0, 1, 0x65 }, slice[] = { 0, 0, 0, 1, 0x61 };
    static uint8_t au[KEY_BYTES];
    size_t len = key ? KEY_BYTES : DELTA_BYTES;
    memset(au, 1 + s->frames % 250, len);
    memcpy(au, key ? sets : slice, key ? sizeof(sets) : sizeof(slice));
    rtc_stream_send(s->stream, &(struct packet) { .track = PACKET_VIDEO, .flags = key ? PACKET_KEY : 0, .pts_us = clock_mono_us(), .data = au, .len = len });
    s->frames++;
}

static void send_sound(struct stage *s)
{
    uint8_t opus[SOUND_BYTES];
    memset(opus, 0x5a, sizeof(opus));
    rtc_stream_send(s->stream, &(struct packet) { .track = PACKET_AUDIO, .pts_us = clock_mono_us(), .data = opus, .len = sizeof(opus) });
}

/* A player's own numbers; a payload type 0: that it does not want. */
struct numbers { int video, rtx, audio, video_time, audio_time, delay; };
static const struct numbers odd = { .video = 127, .rtx = 35, .audio = 101, .video_time = 14, .audio_time = 7, .delay = 9 };

#define URI "http://www.webrtc.org/experiments/rtp-hdrext/"
static char *offer_of(const struct rtc_client *c, const struct numbers *n)
{
    struct buf b;
    buf_init(&b, 4096);
    buf_addf(&b, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE%s%s\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\na=setup:actpass\r\n", n->audio ? " a" : "",
             n->video ? " v" : "", c->ufrag, c->pwd, c->fingerprint);
    if (n->audio)
        buf_addf(&b, "m=audio 9 UDP/TLS/RTP/SAVPF %d\r\na=mid:a\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:%d opus/48000/2\r\n", n->audio, n->audio);
    if (n->audio_time)
        buf_addf(&b, "a=extmap:%d " URI "abs-send-time\r\n", n->audio_time);
    if (n->video)
        buf_addf(&b, "m=video 9 UDP/TLS/RTP/SAVPF %d %d\r\na=mid:v\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:%d H264/90000\r\na=fmtp:%d packetization-mode=1;profile-level-id=42e01f\r\na=rtcp-fb:* nack\r\n",
                 n->video, n->rtx ? n->rtx : n->video, n->video, n->video);
    if (n->rtx)
        buf_addf(&b, "a=rtpmap:%d rtx/90000\r\na=fmtp:%d apt=%d\r\n", n->rtx, n->rtx, n->video);
    if (n->video_time)
        buf_addf(&b, "a=extmap:%d " URI "abs-send-time\r\n", n->video_time);
    if (n->delay)
        buf_addf(&b, "a=extmap:%d " URI "playout-delay\r\n", n->delay);
    char *s = vcr_strndup(b.data, b.len);
    buf_free(&b);
    return s;
}

/* What came on the wire, as the player sees it. */
struct seen {
    struct rtc_client *c;
    struct numbers numbers;
    uint64_t video, rtx, audio, wrong; /* packets; wrong: under another number, or with other extensions than were agreed */
    uint32_t times; /* abs-send-time, how many rose or stayed */
    uint32_t last_time;
};

static void wrong(struct seen *s, bool is) { s->wrong += is; }

static void on_rtp(void *arg, const uint8_t *p, const struct rtp_view *v)
{
    struct seen *s = arg;
    const struct rtc_client *c = s->c;
    bool is_sound = v->head.ssrc == c->audio_ssrc, is_rtx = v->head.ssrc == c->rtx_ssrc;
    int pt = is_sound ? s->numbers.audio : is_rtx ? s->numbers.rtx : s->numbers.video, time = is_sound ? s->numbers.audio_time : s->numbers.video_time;
    *(is_sound ? &s->audio : is_rtx ? &s->rtx : &s->video) += 1;
    wrong(s, (p[1] & 0x7f) != pt || pt == 0);
    /* the extensions byte by byte: RFC 8285's profile, the words, id and length, what they say */
    size_t delay = is_sound ? 0 : (size_t)s->numbers.delay, words = (size_t)!!time + !!delay;
    wrong(s, !!(p[0] & 0x10) != (words > 0) || v->header_len != 12 + (words ? 4 + 4 * words : 0));
    if (words == 0 || s->wrong)
        return;
    const uint8_t *e = p + 16;
    wrong(s, rd16be(p + 12) != 0xbede || rd16be(p + 14) != words);
    if (time) {
        uint32_t at = rd24be(e + 1);
        wrong(s, e[0] != (time << 4 | 2));
        s->times += !s->last_time || ((at - s->last_time) & 0xffffff) < 60 << 18; /* 6.18 fixed-point seconds, modulo 64 */
        s->last_time = at;
        e += 4;
    }
    if (delay)
        wrong(s, e[0] != (delay << 4 | 2) || rd24be(e + 1) != 10); /* at least 0, at most 100 ms */
}

static struct rtc_client *join(struct stage *s, struct seen *seen, const struct numbers *n, struct rtc_client_options o, char *ret_id)
{
    char id[VCR_UUID_BYTES], *answer;
    struct vcr_why why;
    *seen = (struct seen) { .numbers = *n };
    o.rtp = on_rtp;
    o.arg = seen;
    struct rtc_client *c = seen->c = rtc_client_make(&o);
    char *offer = offer_of(c, n);
    if (rtc_view(s->stream, offer, strlen(offer), id, &answer, &why))
        fail_msg("%s\n%s", why.text, offer);
    rtc_client_connect(c, answer);
    free(offer);
    free(answer);
    if (ret_id)
        strcpy(ret_id, id);
    return c;
}

#define run(c, done, arg) assert_true(rtc_clients_run(&(c), 1, done, arg, TIMEOUT_MS))
static bool never(void *arg) { return false; }
static bool is_connected(void *c) { return ((struct rtc_client *)c)->connected; }
static bool has_reports(void *c) { return ((struct rtc_client *)c)->reports > 0; }
static bool has_frames(void *c) { return ((struct rtc_client *)c)->frames >= 20; }
static bool has_sounds(void *c) { return ((struct rtc_client *)c)->sounds >= 20; }
static bool has_bye(void *c) { return ((struct rtc_client *)c)->bye; }
static bool two_are_gone(void *s) { return ((struct stage *)s)->gone > 1; }
static bool is_gone(void *s) { return ((struct stage *)s)->gone > 0; }

static void a_player_gets_all_under_its_own_numbers(void **state)
{
    for (int cm_only = 0; cm_only < 2; cm_only++) {
        struct stage s;
        struct seen seen;
        stage_open(&s, (struct rtc_config) { 0 });
        int64_t key_us = clock_mono_us();
        send_frame(&s, true);
        struct rtc_client *c = join(&s, &seen, &odd, (struct rtc_client_options) { .cm_only = cm_only }, NULL);
        run(c, has_reports, c);
        bool was_fresh = clock_mono_us() - key_us < 500000; /* else, on a slow machine, it asked for another */
        while (s.frames < 20) {
            send_frame(&s, false);
            send_sound(&s);
        }
        send_sound(&s);
        run(c, has_frames, c);
        run(c, has_sounds, c);
        assert_true(seen.wrong == 0 && seen.video > 20 && seen.audio == 20 && seen.rtx == 0);
        assert_int_equal(seen.times, seen.video + seen.audio);
        assert_true(c->bad == 0 && c->key_frames == 1 && s.up == 1 && (s.keys_wanted == 0 || !was_fresh));
        rtc_client_close(&c);
        stage_close(&s);
    }
}

static void what_is_lost_comes_again_under_its_number(void **state)
{
    struct stage s;
    struct seen seen;
    stage_open(&s, (struct rtc_config) { 0 });
    send_frame(&s, true);
    struct rtc_client *c = join(&s, &seen, &odd, (struct rtc_client_options) { .loss_per_mille = 100, .nack = true }, NULL);
    run(c, has_reports, c);
    for (int i = 0; i < 3000 && (c->frames < 60 || seen.rtx == 0); i++) {
        send_frame(&s, false);
        rtc_clients_run(&c, 1, never, NULL, 10);
    }
    assert_true(c->frames >= 60 && c->dropped > 0 && seen.rtx > 0 && seen.wrong == 0);
    rtc_client_close(&c);
    stage_close(&s);
}

/* Without any extension, and without RTX. */
static void a_plain_player_gets_plain_packets(void **state)
{
    static const struct numbers plain = { .video = 96, .audio = 97 };
    struct stage s;
    struct seen seen;
    stage_open(&s, (struct rtc_config) { 0 });
    send_frame(&s, true);
    struct rtc_client *c = join(&s, &seen, &plain, (struct rtc_client_options) { 0 }, NULL);
    run(c, has_reports, c);
    while (s.frames < 20) {
        send_frame(&s, false);
        send_sound(&s);
    }
    run(c, has_frames, c);
    assert_true(seen.wrong == 0 && c->rtx_ssrc == 0);
    rtc_client_close(&c);
    stage_close(&s);
}

static void picture_alone(void **state)
{
    static const struct numbers mute = { .video = 127 };
    struct stage s;
    struct seen seen;
    stage_open(&s, (struct rtc_config) { 0 });
    send_frame(&s, true);
    struct rtc_client *c = join(&s, &seen, &mute, (struct rtc_client_options) { 0 }, NULL);
    run(c, has_reports, c);
    while (s.frames < 20) {
        send_sound(&s);
        send_frame(&s, false);
    }
    run(c, has_frames, c);
    assert_true(seen.audio == 0 && c->sounds == 0 && seen.wrong == 0 && c->audio_ssrc == 0 && c->bad == 0);
    assert_true(c->sr_ntp[0] != 0 && c->sr_ntp[1] == 0);
    rtc_client_close(&c);
    stage_close(&s);
}

/* Who only listens costs nobody a key frame, and gets no picture, however it asks. */
static void sound_alone(void **state)
{
    static const struct numbers deaf_to_pictures = { .audio = 102, .audio_time = 3 };
    struct stage s;
    struct seen seen;
    char id[VCR_UUID_BYTES];
    stage_open(&s, (struct rtc_config) { 0 });
    struct rtc_client *c = join(&s, &seen, &deaf_to_pictures, (struct rtc_client_options) { 0 }, id);
    run(c, has_reports, c);
    send_frame(&s, true);
    while (s.frames < 21) {
        send_sound(&s);
        send_frame(&s, false);
        rtc_client_pli(c);
    }
    run(c, has_sounds, c);
    assert_true(seen.video == 0 && seen.wrong == 0 && c->frames == 0 && c->video_ssrc == 0 && c->bad == 0);
    assert_int_equal(s.keys_wanted, 0);
    struct rtc_viewer_stats v;
    assert_true(rtc_viewers(s.stream, &v, 1) == 1 && v.connected && v.first_key_frame_ms < 0 && v.packets_sent >= 20);
    assert_int_equal(rtc_view_end(s.stream, id, NULL), VCR_OK);
    run(c, has_bye, c);
    rtc_client_close(&c);
    stage_close(&s);
}

static void a_player_ends_and_only_what_offered_can_be_ended(void **state)
{
    struct stage s;
    struct seen seen;
    struct vcr_why why;
    char id[VCR_UUID_BYTES], page[VCR_UUID_BYTES], *sdp;
    stage_open(&s, (struct rtc_config) { 0 });
    struct rtc_client *c = join(&s, &seen, &odd, (struct rtc_client_options) { 0 }, id);
    run(c, has_reports, c);
    char *fragment = vcr_asprintf("a=ice-ufrag:%s\r\na=ice-pwd:%s\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:a\r\na=candidate:1 1 udp 2 192.0.2.1 61764 typ host\r\n", c->ufrag, c->pwd);
    assert_int_equal(rtc_view_trickle(s.stream, id, fragment, strlen(fragment), &why), VCR_OK);
    assert_int_equal(rtc_view_trickle(s.stream, id, NULL, 0, &why), VCR_OK);
    assert_int_equal(rtc_view_trickle(s.stream, id, "x", 1, &why), VCR_E_MALFORMED);
    assert_int_equal(rtc_answer(s.stream, id, fragment, &why), VCR_E_CONFLICT); /* it has said all there is */
    fragment[12] = 'X';
    assert_int_equal(rtc_view_trickle(s.stream, id, fragment, strlen(fragment), &why), VCR_E_INVALID);
    assert_string_equal(why.slug, "/no-ice-restart");
    assert_int_equal(rtc_offer(s.stream, page, &sdp, &why), VCR_OK);
    assert_int_equal(rtc_view_end(s.stream, page, &why), VCR_E_NOT_FOUND); /* one whom we offered to */
    assert_int_equal(rtc_view_trickle(s.stream, page, NULL, 0, &why), VCR_E_NOT_FOUND);
    assert_int_equal(s.gone, 0);
    assert_int_equal(rtc_view_end(s.stream, id, &why), VCR_OK);
    run(c, has_bye, c);
    run(c, is_gone, &s);
    assert_string_equal(s.reason, "ended by its client");
    assert_int_equal(rtc_view_end(s.stream, id, &why), VCR_E_NOT_FOUND);
    assert_int_equal(rtc_view_trickle(s.stream, id, "x", 1, &why), VCR_E_NOT_FOUND);
    free(fragment);
    free(sdp);
    rtc_client_close(&c);
    stage_close(&s);
}

static void players_count_under_the_caps_and_go_when_they_never_come(void **state)
{
    struct stage s;
    struct seen seen;
    struct vcr_why why;
    char id[VCR_UUID_BYTES], *answer;
    stage_open(&s, (struct rtc_config) { .viewers_max = 1, .offer_ms = 1500, .consent_ms = 1500 });
    struct rtc_client *c = join(&s, &seen, &odd, (struct rtc_client_options) { 0 }, NULL);
    char *offer = offer_of(c, &odd);
    assert_int_equal(rtc_view(s.stream, offer, strlen(offer), id, &answer, &why), VCR_E_BUSY);
    assert_int_equal(rtc_view(s.stream, offer, 20, id, &answer, &why), VCR_E_UNACCEPTABLE); /* what is wrong with it is so however full it is */
    assert_int_equal(rtc_view(s.stream, "v=0\r\n\0", 6, id, &answer, &why), VCR_E_MALFORMED);
    run(c, is_connected, c);
    c->muted = true; /* its line is cut */
    run(c, is_gone, &s);
    assert_string_equal(s.reason, "the viewer went silent");
    assert_int_equal(rtc_view(s.stream, offer, strlen(offer), id, &answer, &why), VCR_OK); /* there is room again */
    free(answer);
    run(c, two_are_gone, &s); /* that one never comes */
    assert_string_equal(s.reason, "no connection came about");
    free(offer);
    rtc_client_close(&c);
    stage_close(&s);
}

static void a_wrong_certificate_gets_nothing(void **state)
{
    struct stage s;
    struct seen seen;
    stage_open(&s, (struct rtc_config) { 0 });
    send_frame(&s, true);
    struct rtc_client *other = rtc_client_make(&(struct rtc_client_options) { 0 });
    struct rtc_client_options o = { .rtp = on_rtp, .arg = &seen };
    struct rtc_client *c = seen.c = rtc_client_make(&o);
    struct vcr_why why;
    char id[VCR_UUID_BYTES], *answer, *offer = offer_of(other, &odd); /* names the other's certificate */
    assert_int_equal(rtc_view(s.stream, offer, strlen(offer), id, &answer, &why), VCR_OK);
    rtc_client_connect(c, answer);
    run(c, is_gone, &s);
    assert_true(s.up == 0 && c->packets == 0);
    assert_string_equal(s.reason, "the certificate is not the announced one");
    free(offer);
    free(answer);
    rtc_client_close(&c);
    rtc_client_close(&other);
    stage_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_player_gets_all_under_its_own_numbers),
        cmocka_unit_test(what_is_lost_comes_again_under_its_number),
        cmocka_unit_test(a_plain_player_gets_plain_packets),
        cmocka_unit_test(picture_alone),
        cmocka_unit_test(sound_alone),
        cmocka_unit_test(a_player_ends_and_only_what_offered_can_be_ended),
        cmocka_unit_test(players_count_under_the_caps_and_go_when_they_never_come),
        cmocka_unit_test(a_wrong_certificate_gets_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
