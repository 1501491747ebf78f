/* tests/unit/webrtc/test_play_wire.c - SDP offers of players (WHEP): what is taken of them, under whose numbers, what is answered, and what cannot work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "wire/sdp_offered.h"

#define PRINT "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99"
#define TRANSPORT "c=IN IP4 0.0.0.0\r\na=ice-ufrag:hbWk\r\na=ice-pwd:8vrXcZXzXhD55ZEtvsRMWbh5\r\na=ice-options:trickle\r\na=fingerprint:sha-256 " PRINT "\r\na=setup:actpass\r\n"
#define URI_SEND_TIME "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
#define URI_DELAY "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
#define URI_CC "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
/* Shortened from Chromium's. */
static const char chromium[] =
    "v=0\r\no=- 780471 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9\r\n" TRANSPORT "a=mid:0\r\na=extmap:2 " URI_SEND_TIME "\r\na=extmap:3 " URI_CC "\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
    "a=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=rtpmap:9 G722/8000\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104 107 108 109 116 117\r\n" TRANSPORT "a=mid:1\r\na=extmap:2 " URI_SEND_TIME "\r\na=extmap:3 " URI_CC "\r\na=extmap:5 " URI_DELAY "\r\n"
    "a=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
    "a=rtpmap:102 H264/90000\r\na=rtcp-fb:102 nack\r\na=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\na=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n"
    "a=rtpmap:104 H264/90000\r\na=fmtp:104 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r\na=rtpmap:107 rtx/90000\r\na=fmtp:107 apt=104\r\n"
    "a=rtpmap:108 H264/90000\r\na=rtcp-fb:108 goog-remb\r\na=rtcp-fb:108 transport-cc\r\na=rtcp-fb:108 ccm fir\r\na=rtcp-fb:108 nack\r\na=rtcp-fb:108 nack pli\r\n"
    "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\na=rtpmap:109 rtx/90000\r\na=fmtp:109 apt=108\r\n"
    "a=rtpmap:116 H264/90000\r\na=fmtp:116 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f\r\na=rtpmap:117 rtx/90000\r\na=fmtp:117 apt=116\r\n";

static enum vcr_err parse(const char *text, struct sdp_choice *o, struct vcr_why *why) { return sdp_parse_play(text, strlen(text), o, why); }

/* The offer with the first occurrence of one text replaced by another; free it. */
static char *changed(const char *from, const char *to)
{
    const char *at = strstr(chromium, from);
    assert_non_null(at);
    return vcr_asprintf("%.*s%s%s", (int)(at - chromium), chromium, to, at + strlen(from));
}

static char *answer_to(const struct sdp_choice *o)
{
    struct sdp_candidate c[] = { { "192.0.2.1", 8189, true } };
    uint8_t print[SDP_DIGEST_BYTES] = { 0xab };
    struct buf b;
    buf_init(&b, 8192);
    sdp_write_play_answer(&b, o, &(struct sdp_accept) { .ufrag = "uuuu", .pwd = "pppp", .fingerprint = print, .candidates = c, .candidates_n = 1, .cname = "vcr",
                                                        .video_ssrc = 1001, .rtx_ssrc = 1002, .audio_ssrc = 1003 });
    assert_true(buf_ok(&b));
    char *s = vcr_strndup(b.data, b.len);
    buf_free(&b);
    return s;
}

static void says(const char *answer, const char *const *lines, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strstr(answer, lines[i]))
            fail_msg("not in the answer: %s\n%s", lines[i], answer);
}

static void a_browsers_offer_is_answered_under_its_own_numbers(void **state)
{
    struct sdp_choice o;
    struct vcr_why why;
    if (parse(chromium, &o, &why))
        fail_msg("%s", why.text);
    assert_true(o.video == 1 && o.audio == 0 && o.media_n == 2 && o.bundled && o.rsize);
    assert_true(o.video_pt == 108 && o.rtx_pt == 109 && o.audio_pt == 111); /* constrained baseline, mode 1 */
    assert_true(o.video_send_time == 2 && o.audio_send_time == 2 && o.playout_delay == 5);
    assert_string_equal(o.client.ufrag, "hbWk");
    char *a = answer_to(&o);
    static const char *const lines[] = {
        "a=ice-lite\r\na=group:BUNDLE 0 1\r\n", "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", "m=video 9 UDP/TLS/RTP/SAVPF 108 109\r\n", "a=setup:passive\r\n", "a=sendonly\r\n", "a=rtcp-mux\r\n",
        "a=rtpmap:108 H264/90000\r\n", "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n", "a=fmtp:109 apt=108\r\n", "a=extmap:5 " URI_DELAY "\r\n",
        "a=extmap:2 " URI_SEND_TIME "\r\n", "a=rtcp-fb:108 nack\r\n", "a=rtcp-fb:108 nack pli\r\n", "a=rtcp-fb:108 ccm fir\r\n", "a=rtcp-fb:108 transport-cc\r\n",
        "a=rtcp-fb:111 transport-cc\r\n", "a=extmap:3 " URI_CC "\r\n", "a=ssrc-group:FID 1001 1002\r\n",
        "a=ssrc:1001 cname:vcr\r\n", "a=ssrc:1003 cname:vcr\r\n", "a=msid:vcr video\r\n", "a=msid:vcr audio\r\n", "a=candidate:1 1 udp 2130706431 192.0.2.1 8189 typ host\r\n",
        "a=candidate:2 1 tcp ",
    };
    says(a, lines, ARRAY_LEN(lines));
    assert_true(o.video_cc == 3 && o.audio_cc == 3);
    assert_null(strstr(a, "goog-remb")); /* a browser sends one of the two */
    assert_null(strstr(a, "recvonly"));
    free(a);
}

/* Numbers without feedback, or feedback without numbers, are no use: REMB then. Of the sound alone nothing is learnt that could be changed. */
static void without_transport_wide_feedback_there_is_remb(void **state)
{
    static const struct { const char *from, *to; } rows[] = { { "a=rtcp-fb:108 transport-cc\r\n", "" }, { "a=extmap:3 " URI_CC "\r\na=extmap:5", "a=extmap:5" } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sdp_choice o;
        char *offer = changed(rows[i].from, rows[i].to);
        assert_int_equal(parse(offer, &o, NULL), VCR_OK);
        assert_true(o.video_cc == 0 && o.audio_cc == 0);
        char *a = answer_to(&o);
        assert_non_null(strstr(a, "a=rtcp-fb:108 goog-remb\r\n"));
        assert_null(strstr(a, "transport-cc"));
        assert_null(strstr(a, URI_CC));
        free(a);
        free(offer);
    }
}

/* Numbers that no browser uses today, a direction by default, the transport in the session part, no RTX, no feedback. */
static void odd_numbers_are_taken_as_they_are(void **state)
{
    static const char odd[] =
        "v=0\no=x 1 1 IN IP6 ::1\ns=-\nt=0 0\na=group:BUNDLE sound picture\na=setup:active\na=ice-ufrag:abcd\na=ice-pwd:0123456789abcdefghijkl\na=fingerprint:sha-256 " PRINT "\n"
        "m=video 9 UDP/TLS/RTP/SAVPF 127 34\na=mid:picture\na=rtcp-mux\na=extmap:14/recvonly " URI_DELAY "\na=extmap:13 " URI_SEND_TIME "\na=rtpmap:127 h264/90000\na=fmtp:127 packetization-mode=1\n"
        "a=rtpmap:34 rtx/90000\na=fmtp:34 apt=127\na=rtcp-fb:* nack\nm=audio 9 UDP/TLS/RTP/SAVPF 1\na=mid:sound\na=sendrecv\na=rtcp-mux\na=extmap:7 " URI_SEND_TIME "\na=rtpmap:1 OPUS/48000/2\n";
    struct sdp_choice o;
    struct vcr_why why;
    if (parse(odd, &o, &why))
        fail_msg("%s", why.text);
    assert_true(o.video_pt == 127 && o.rtx_pt == 34 && o.audio_pt == 1);
    assert_true(o.playout_delay == 14 && o.video_send_time == 13 && o.audio_send_time == 7);
    char *a = answer_to(&o);
    static const char *const lines[] = {
        "a=group:BUNDLE picture sound\r\n", "m=video 9 UDP/TLS/RTP/SAVPF 127 34\r\n", "a=fmtp:34 apt=127\r\n", "a=extmap:14 " URI_DELAY "\r\n", "a=extmap:13 " URI_SEND_TIME "\r\n",
        "a=mid:picture\r\nm=audio 9 UDP/TLS/RTP/SAVPF 1\r\n", "a=extmap:7 " URI_SEND_TIME "\r\n", "a=rtcp-fb:127 nack\r\n", "a=mid:sound\r\n", "profile-level-id=42000a",
    };
    says(a, lines, ARRAY_LEN(lines));
    assert_null(strstr(a, "goog-remb"));
    assert_null(strstr(a, "rtcp-rsize"));
    free(a);
}

static void picture_alone_and_sound_alone_are_given(void **state)
{
    static const struct { const char *from, *to; int video, audio; const char *refused; } cases[] = {
        { "a=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:96", "a=inactive\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:96", -1, 0, "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n" },
        { "m=video 9 ", "m=video 0 ", -1, 0, "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n" },
        { "m=audio 9 ", "m=audio 0 ", 1, -1, "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\n" },
        { "opus/48000/2", "opus/48000/1", 1, -1, "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\n" }, /* no sound that it could have, and the picture all the same */
    };
    struct sdp_choice o;
    struct vcr_why why;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *s = changed(cases[i].from, cases[i].to);
        if (parse(s, &o, &why) || o.video != cases[i].video || o.audio != cases[i].audio)
            fail_msg("%s: %d %d", cases[i].to, o.video, o.audio);
        assert_true((o.video_pt == 0) == (o.video < 0) && (o.audio_pt == 0) == (o.audio < 0) && (o.video >= 0 || o.rtx_pt == 0));
        char *a = answer_to(&o), bundle[40];
        snprintf(bundle, sizeof(bundle), "a=group:BUNDLE %d\r\n", o.video >= 0);
        const char *const lines[] = { cases[i].refused, bundle, "a=sendonly\r\n" };
        says(a, lines, ARRAY_LEN(lines));
        free(a);
        free(s);
    }
}

static void offers_that_cannot_work_say_why(void **state)
{
    static const struct { const char *from, *to; enum vcr_err err; const char *says; } cases[] = {
        { "v=0", "v=1", VCR_E_MALFORMED, "v=0" },
        { "m=audio 9", "m=audio nine", VCR_E_MALFORMED, "media line" },
        { "sha-256 AA:", "sha-256 GG:", VCR_E_MALFORMED, "fingerprint" },
        { "a=ice-pwd:8vrXcZXzXhD55ZEtvsRMWbh5", "a=ice-pwd:short", VCR_E_MALFORMED, "ice-pwd" },
        { "a=ice-ufrag:hbWk\r\n", "", VCR_E_INVALID, "ice-ufrag" },
        { "a=fingerprint:sha-256 " PRINT "\r\n", "", VCR_E_INVALID, "fingerprint" },
        { "a=setup:actpass", "a=setup:passive", VCR_E_INVALID, "actpass or active" },
        { "a=recvonly\r\na=rtcp-mux\r\n", "a=recvonly\r\n", VCR_E_INVALID, "rtcp-mux" },
        { "a=group:BUNDLE 0 1", "a=group:BUNDLE 0", VCR_E_INVALID, "share one transport" },
        { "SAVPF 111 63 9", "SAVPF 108 63 9\r\na=rtpmap:108 opus/48000/2", VCR_E_INVALID, "twice" },
        { "SAVPF 96 97 102 103 104 107 108 109 116 117", "SAVPF 96 97", VCR_E_UNACCEPTABLE, "H.264" },
        { "SAVPF 96 97 102 103 104 107 108 109 116 117", "SAVPF 96 97 104 107", VCR_E_UNACCEPTABLE, "packetization-mode=1" },
        { "SAVPF 96 97 102 103 104 107 108 109 116 117", "SAVPF 70\r\na=rtpmap:70 H264/90000\r\na=fmtp:70 packetization-mode=1", VCR_E_UNACCEPTABLE, "H.264" }, /* RTCP's by its number */
        { "SAVPF 96 97 102 103 104 107 108 109 116 117", "SAVPF 0\r\na=rtpmap:0 H264/90000\r\na=fmtp:0 packetization-mode=1", VCR_E_UNACCEPTABLE, "H.264" },
    };
    struct sdp_choice o = { .media_n = 77 };
    struct vcr_why why;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *s = changed(cases[i].from, cases[i].to);
        if (parse(s, &o, &why) != cases[i].err || !strstr(why.text, cases[i].says))
            fail_msg("%s -> %s: %s", cases[i].from, cases[i].to, why.text);
        free(s);
    }
    static const struct { const char *media, *says; } alone[] = {
        { "m=audio 9 UDP/TLS/RTP/SAVPF 9\r\na=recvonly\r\na=rtpmap:9 G722/8000\r\n", "Opus" }, { "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendonly\r\na=rtpmap:111 opus/48000/2\r\n", "neither" },
        { "m=video 9 RTP/AVP 96\r\na=recvonly\r\na=rtpmap:96 H264/90000\r\n", "neither" },      { "", "neither" },
        { "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", "neither" },
    };
    for (size_t i = 0; i < ARRAY_LEN(alone); i++) {
        char *s = vcr_asprintf("v=0\r\n%s", alone[i].media);
        if (parse(s, &o, &why) != VCR_E_UNACCEPTABLE || !strstr(why.text, alone[i].says))
            fail_msg("%s: %s", alone[i].media, why.text);
        free(s);
    }
    assert_int_equal(parse("", &o, &why), VCR_E_MALFORMED);
    assert_int_equal(o.media_n, 77); /* nothing is written of a bad one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_browsers_offer_is_answered_under_its_own_numbers), cmocka_unit_test(without_transport_wide_feedback_there_is_remb),
        cmocka_unit_test(odd_numbers_are_taken_as_they_are),
        cmocka_unit_test(picture_alone_and_sound_alone_are_given),
        cmocka_unit_test(offers_that_cannot_work_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
