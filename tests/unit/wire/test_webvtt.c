/* test_webvtt.c - captions, language tags and gzip: what is taken, what is refused and where. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <zlib.h>

#include "base/util.h"
#include "wire/gzip.h"
#include "wire/langtag.h"
#include "wire/webvtt.h"

#define CUE "00:01.000 --> 00:02.000"
static const struct { const char *text; unsigned cues; int64_t end_ms; } good[] = {
    { "WEBVTT", 0, 0 },
    { "WEBVTT\n", 0, 0 },
    { "WEBVTT a title\n\n" CUE "\nHello", 1, 2000 },
    { "\xEF\xBB\xBFWEBVTT\r\n\r\n" CUE "\r\nHello\r\nworld\r\n\r\n\r\nname\r\n01:00:00.000 --> 100:00:00.000\r\n", 2, 360000000 },
    { "WEBVTT\rKind: captions\r\r" CUE "\rHello", 1, 2000 },
    { "WEBVTT\n\nNOTE\nanything\n\nSTYLE\n::cue { color: red }\n\nREGION\nid:a\n\n" CUE " region:a size:50% line:-1,end position:33.3%,line-left vertical:rl align:start\n<v A>x</v>", 1, 2000 },
    { "WEBVTT\n\n00:05.000 --> 00:09.000\na\n\n00:05.000 --> 00:06.000\nb", 2, 9000 },
    { "WEBVTT\n\n" CUE "\nNOTE is text here\n\nNOTE " "\nbut not here", 1, 2000 },
    { "WEBVTT\n\n" CUE "\n<i>over\ntwo lines</i>\n", 1, 2000 },
};
static const struct { const char *text, *why; } bad[] = {
    { "", "line 1: " }, { "1\n" CUE "\nsubrip", "line 1: " }, { "WEBVTTX\n", "line 1: " }, { "webvtt\n", "line 1: " }, { "WEBVTT\n" CUE "\nx", "line 2: --> " },
    { "WEBVTT\n\n00:01,000 --> 00:02.000\nx", "line 3: " }, { "WEBVTT\n\n0:01.000 --> 00:02.000\nx", "line 3: " }, { "WEBVTT\n\n00:60.000 --> 01:02.000\nx", "line 3: " },
    { "WEBVTT\n\n00:61:00.000 --> 00:62:00.000\nx", "line 3: " }, { "WEBVTT\n\n00:01.0000 --> 00:02.000\nx", "line 3: " }, { "WEBVTT\n\n00:01.000 -> 00:02.000\nx", "line 4: " },
    { "WEBVTT\n\n00:02.000 --> 00:02.000\nx", "line 3: the cue ends before it begins" }, { "WEBVTT\n\n" CUE "\na\n\n00:00.999 --> 00:03.000\nb", "line 6: the cue begins before" },
    { "WEBVTT\n\n" CUE " size:101%\nx", "line 3: a cue setting has" }, { "WEBVTT\n\n" CUE " colour:red\nx", "line 3: behind the times" }, { "WEBVTT\n\n" CUE "size:1%\nx", "line 3: " },
    { "WEBVTT\n\n" CUE " size:1% size:2%\nx", "line 3: a cue setting is there twice" }, { "WEBVTT\n\n" CUE " align:\nx", "line 3: " }, { "WEBVTT\n\n" CUE " position:x\nx", "line 3: " },
    { "WEBVTT\n\n" CUE "\nHello\n00:03.000 --> 00:04.000\nx", "line 5: --> within" }, { "WEBVTT\n\n" CUE "\nfirst\nsecond <i\nthird\n", "line 5: a tag" },
    { "WEBVTT\n\njust text\n", "line 3: " }, { "WEBVTT\n\na name\nno times\n", "line 4: a cue's times are missing" }, { "WEBVTT\n\n" CUE "\nx\n\nSTYLE\nlate", "line 7: " },
    { "WEBVTT\n\n" CUE "\nbad \xFF byte", "line 4: this is not UTF-8" }, { "WEBVTT\n\n101:00:00.000 --> 101:00:01.000\nx", "line 3: " }, { "WEBVTT\n\nNOTE a --> b\n", "line 3: --> " },
};

static void captions_are_judged_line_by_line(void **state)
{
    struct webvtt v;
    struct vcr_why why;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (webvtt_read(&v, good[i].text, strlen(good[i].text), &why) != VCR_OK)
            fail_msg("good text %zu: %s", i, why.text);
        assert_int_equal(v.cues, good[i].cues);
        assert_int_equal(v.end_ms, good[i].end_ms);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(webvtt_read(&v, bad[i].text, strlen(bad[i].text), &why), VCR_E_INVALID);
        if (strncmp(why.text, bad[i].why, strlen(bad[i].why)) != 0)
            fail_msg("bad text %zu: %s, not %s", i, why.text, bad[i].why);
    }
    assert_int_equal(webvtt_read(&v, "WEBVTT\n\na\0b", 11, &why), VCR_E_INVALID);
    char *long_text = vcr_alloc(WEBVTT_BYTES_MAX + 2);
    memset(long_text, '\n', WEBVTT_BYTES_MAX + 1);
    memcpy(long_text, "WEBVTT", 6);
    assert_int_equal(webvtt_read(&v, long_text, WEBVTT_BYTES_MAX, &why), VCR_OK);
    assert_int_equal(webvtt_read(&v, long_text, WEBVTT_BYTES_MAX + 1, &why), VCR_E_INVALID);
    free(long_text);
}

static void the_form_for_players_has_one_map(void **state)
{
    static const char text[] = "\xEF\xBB\xBFWEBVTT - title\r\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000\r\nKind: captions\r\n\r\n" CUE "\r\nHello\r\n";
    static const char bare[] = "WEBVTT";
    struct buf b;
    buf_init(&b, 4096);
    webvtt_write_hls(&b, text, sizeof(text) - 1);
    assert_string_equal(b.data, "WEBVTT - title\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\nKind: captions\n\n" CUE "\r\nHello\r\n");
    buf_reset(&b);
    webvtt_write_hls(&b, bare, sizeof(bare) - 1);
    assert_string_equal(b.data, "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n\n");
    buf_free(&b);
}

static void language_tags(void **state)
{
    static const struct { const char *text, *tag; } rows[] = {
        { "en", "en" }, { "EN", "en" }, { "en-gb", "en-GB" }, { "zh-hant-tw", "zh-Hant-TW" }, { "es-419", "es-419" }, { "gsw", "gsw" }, { "zh-cmn-hans-cn", "zh-cmn-Hans-CN" },
        { "sl-rozaj-biske", "sl-rozaj-biske" }, { "de-CH-1901", "de-CH-1901" }, { "en-a-myext-b-another", "en-a-myext-b-another" }, { "de-x-fanpost", "de-x-fanpost" },
        { "", NULL }, { "e", NULL }, { "english-", NULL }, { "-en", NULL }, { "en--gb", NULL }, { "en_GB", NULL }, { "en-x", NULL }, { "en-a", NULL }, { "12", NULL },
        { "en-toolongsub", NULL }, { "en/..", NULL }, { "en gb", NULL }, { "fr\xC3\xA9", NULL }, { "en-GB-GB", NULL }, { "aa-aaaaaaaa-bbbbbbbb-cccccccc-dddddddd", NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char tag[LANGTAG_BYTES];
        bool ok = langtag_read(rows[i].text, tag);
        if (ok != (rows[i].tag != NULL))
            fail_msg("\"%s\" is %staken", rows[i].text, ok ? "" : "not ");
        if (ok)
            assert_string_equal(tag, rows[i].tag);
    }
}

static void gzip_comes_back(void **state)
{
    char text[20000], back[sizeof(text)];
    struct buf b;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + (i * i + i / 300) % 20);
    buf_init(&b, 40000);
    gzip_add(&b, text, sizeof(text));
    assert_true(buf_ok(&b) && b.len > 10 && b.len < sizeof(text));
    z_stream z = { .next_in = (unsigned char *)b.data, .avail_in = (unsigned)b.len, .next_out = (unsigned char *)back, .avail_out = sizeof(back) };
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    inflateEnd(&z);
    assert_int_equal(z.total_out, sizeof(text));
    assert_memory_equal(text, back, sizeof(text));
    buf_free(&b);
    buf_init(&b, 100);
    gzip_add(&b, text, sizeof(text));
    assert_false(buf_ok(&b));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captions_are_judged_line_by_line),
        cmocka_unit_test(the_form_for_players_has_one_map),
        cmocka_unit_test(language_tags),
        cmocka_unit_test(gzip_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
