/* tests/unit/wire/test_live_wire.c - SRT stream ids in every spelling, and the heads of live packets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/packet.h"
#include "base/util.h"
#include "wire/live_msg.h"
#include "wire/srtid.h"

static void stream_ids_in_every_spelling(void **state)
{
    static const struct { const char *text; enum srtid_mode mode; const char *name; } ids[] = {
        { "#!::r=device-7,m=publish", SRTID_PUBLISH, "device-7" },
        { "#!::m=publish,r=device-7,u=me,s=abc,x=y", SRTID_PUBLISH, "device-7" },
        { "#!::r=device-7", SRTID_PUBLISH, "device-7" },
        { "#!::r=device-7,m=publish,t=stream", SRTID_PUBLISH, "device-7" },
        { "#!::r=device-7,m=request", SRTID_REQUEST, "device-7" },
        { "#!::r=device-7,m=bidirectional", SRTID_OTHER, "device-7" },
        { "#!::m=publish,t=file,r=device-7", SRTID_OTHER, "device-7" },
        { "#!::t=file,m=publish,r=device-7", SRTID_OTHER, "device-7" },
        { "publish:device-7", SRTID_PUBLISH, "device-7" },
        { "publish:device-7:user:pass", SRTID_PUBLISH, "device-7" },
        { "read:device-7", SRTID_REQUEST, "device-7" },
        { "%23!::r=device-7,m=publish", SRTID_PUBLISH, "device-7" },
        { "%23%21%3A%3Ar%3ddevice-7%2Cm%3Dpublish", SRTID_PUBLISH, "device-7" },
        { "publish%3Adevice%2D7", SRTID_PUBLISH, "device-7" },
        { "device-7", SRTID_PUBLISH, "device-7" },
    };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct srtid id;
        assert_true(srtid_parse(ids[i].text, strlen(ids[i].text), &id));
        assert_int_equal(id.mode, ids[i].mode);
        assert_string_equal(id.name, ids[i].name);
    }
}

static void no_stream_ids(void **state)
{
    static const char *const bad[] = {
        "", "#!::", "#!::m=publish", "#!::r=", "#!::r=a,r=b", "#!::r=a,m=publish,m=request", "#!::r=a,", "#!::,r=a", "#!::r", "#!:{r=a}", "#!r=a", "publish:", "publish::x:y",
        "a b", "r=a", "%2", "%zz", "%00a", "caf\xc3\xa9", "#!::r=a;b", "\n",
    };
    char big[600];
    struct srtid id;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(srtid_parse(bad[i], strlen(bad[i]), &id));
    memset(big, 'a', sizeof(big));
    assert_true(srtid_parse(big, SRTID_NAME_BYTES - 1, &id));
    assert_false(srtid_parse(big, SRTID_NAME_BYTES, &id));
    assert_false(srtid_parse(big, SRTID_MAX + 1, &id));
}

static void heads_of_packets(void **state)
{
    const struct live_head h = { PACKET_AUDIO, PACKET_KEY | PACKET_DISCONT, LIVE_BODY_MAX, INT64_C(123456789012) };
    struct live_head back;
    uint8_t bytes[LIVE_HEAD_BYTES], broken[LIVE_HEAD_BYTES];
    live_head_write(bytes, &h);
    assert_true(live_head_read(bytes, &back));
    assert_int_equal(back.track, h.track);
    assert_int_equal(back.flags, h.flags);
    assert_int_equal(back.len, h.len);
    assert_int_equal(back.pts_us, h.pts_us);
    static const struct { size_t at; uint8_t value; } breaks[] = { { 0, 0 }, { 4, 2 }, { 5, 0x80 }, { 6, 1 }, { 8, 1 }, { 15, 1 }, { 16, 0x80 }, { 17, 0xff } };
    for (size_t i = 0; i < ARRAY_LEN(breaks); i++) {
        memcpy(broken, bytes, sizeof(broken));
        broken[breaks[i].at] = breaks[i].value;
        assert_false(live_head_read(broken, &back));
    }
    memset(bytes + 8, 0, 4);
    assert_false(live_head_read(bytes, &back)); /* no body */
}

static void formats_that_can_be(void **state)
{
    const struct live_format video = { .width = 720, .height = 480, .sar_num = 8, .sar_den = 9, .rate_num = 30000, .rate_den = 1001, .config_len = 40 };
    struct live_format sound = { .channels = 2, .sample_rate = 48000, .priming = 312, .config_len = 19 }, f = video;
    assert_true(live_format_ok(&video, LIVE_VIDEO));
    assert_true(live_format_ok(&sound, LIVE_OPUS));
    assert_false(live_format_ok(&video, LIVE_AAC));
    assert_false(live_format_ok(&sound, LIVE_TRACKS));
    f.config_len = LIVE_CONFIG_MAX + 1;
    assert_false(live_format_ok(&f, LIVE_VIDEO));
    f = video, f.width = -1;
    assert_false(live_format_ok(&f, LIVE_VIDEO));
    f = video, f.sar_den = 0;
    assert_false(live_format_ok(&f, LIVE_VIDEO));
    sound.sample_rate = 0;
    assert_false(live_format_ok(&sound, LIVE_OPUS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_ids_in_every_spelling), cmocka_unit_test(no_stream_ids), cmocka_unit_test(heads_of_packets), cmocka_unit_test(formats_that_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
