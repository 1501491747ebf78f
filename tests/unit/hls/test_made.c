/* test_made.c - lists of segments that are not made yet: the lengths they promise are those that the makers keep, and they add up to the tape. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "deliver/hls/dash.h"
#include "deliver/hls/made.h"
#include "deliver/hls/playlist.h"

struct list {
    int entries, target_s;
    int64_t sum_us, longest_us, last_us;
};

static struct list read_list(const struct buf *b)
{
    struct list l = { 0 };
    assert_true(buf_ok(b));
    assert_int_equal(strncmp(b->data, "#EXTM3U\n", 8), 0);
    assert_non_null(strstr(b->data, "#EXT-X-INDEPENDENT-SEGMENTS\n"));
    assert_string_equal(b->data + b->len - strlen("#EXT-X-ENDLIST\n"), "#EXT-X-ENDLIST\n");
    l.target_s = atoi(strstr(b->data, "TARGETDURATION:") + strlen("TARGETDURATION:"));
    for (const char *p = b->data; (p = strstr(p, "#EXTINF:")) != NULL; p++) {
        int64_t s, us;
        assert_int_equal(sscanf(p, "#EXTINF:%" SCNd64 ".%6" SCNd64 ",", &s, &us), 2);
        l.last_us = s * 1000000 + us;
        l.sum_us += l.last_us;
        l.longest_us = VCR_MAX(l.longest_us, l.last_us);
        l.entries++;
    }
    return l;
}

static void lengths_add_up_to_the_tape(void **state)
{
    static const struct { uint32_t num, den; int64_t unit_us; } rates[] = { { 60000, 1001, 16683 }, { 30000, 1001, 33366 }, { 50, 1, 20000 }, { 25, 1, 40000 } };
    static const int64_t lengths[] = { 1, 40000, 1999999, 2002000, 23990633, INT64_C(7200) * 1000000, INT64_C(43200) * 1000000 };
    for (size_t i = 0; i < ARRAY_LEN(rates); i++)
        for (size_t k = 0; k < ARRAY_LEN(lengths); k++) {
            struct hls_grid g = hls_picture_grid(rates[i].num, rates[i].den, lengths[k]);
            struct buf b;
            buf_init(&b, 8 << 20);
            hls_write_grid(&b, &g, "v.mp4", "v", HLS_NO_WALL);
            struct list l = read_list(&b);
            assert_true(llabs(l.sum_us - lengths[k]) <= rates[i].unit_us / 2 + 2 || (l.sum_us <= rates[i].unit_us + 1 && lengths[k] < l.sum_us));
            assert_int_equal(l.target_s, (l.longest_us + 500000) / 1000000 > 0 ? (l.longest_us + 500000) / 1000000 : 1);
            assert_int_equal(l.entries, (g.total + g.each - 1) / g.each);
            buf_free(&b);
        }
}

static void sound_is_no_shorter_than_the_picture(void **state)
{
    for (int64_t us = 1; us < 30000000; us = us * 3 + 7) {
        struct hls_grid g = hls_sound_grid(us);
        int64_t lasts_us = (int64_t)g.total * 1024 * 1000000 / 48000;
        assert_in_range(lasts_us, us, us + 21334);
    }
}

static void each_unit_is_in_one_segment(void **state)
{
    struct hls_grid g = hls_picture_grid(60000, 1001, 7654321);
    uint32_t next = 0, first, count, n = 0;
    for (; hls_grid_segment(&g, n, &first, &count); n++) {
        assert_int_equal(first, next);
        assert_true(count > 0 && count <= 120);
        next += count;
    }
    assert_int_equal(next, g.total);
    assert_false(hls_grid_segment(&g, n, &first, &count));
    assert_false(hls_grid_segment(&g, UINT32_MAX, &first, &count));
}

/* A reel of n fragments of one second with a sample each 100 ms. */
static struct reelidx reel(struct reelidx_fragment *f, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        f[i] = (struct reelidx_fragment){ .offset = 1000 + i * 500, .size = 500, .start_us = i * INT64_C(1000000), .duration_us = 1000000, .first_sample = i * 10, .sample_count = 10 };
    return (struct reelidx){ .fragment_count = n, .sample_count = n * 10, .fragments = f, .init_size = 1000, .duration_us = n * INT64_C(1000000) };
}

/* The same segments, to the unit. */
static void a_manifest_has_every_segment_of_a_grid(void **state)
{
    struct buf b;
    const struct dash_made pictures = { hls_picture_grid(60000, 1001, 5000000), "vhs/w0-clean-1/v" };
    const struct dash_track video = { .track = { .codecs = "avc1.42c01f", .coded_width = 720, .coded_height = 480, .sar_num = 8, .sar_den = 9 }, .made = &pictures };
    const struct dash_period period = { .duration_us = 5000000 };
    buf_init(&b, 1 << 16);
    dash_write(&b, &(struct dash_manifest){ .base = "t/abc/", .video = &video, .periods = &period, .period_count = 1 });
    assert_true(buf_ok(&b));
    buf_addc(&b, '\0');
    assert_non_null(strstr(b.data, "<SegmentTemplate timescale=\"60000\" startNumber=\"0\" initialization=\"vhs/w0-clean-1/vinit.mp4\" media=\"vhs/w0-clean-1/v$Number$.m4s\">"));
    assert_non_null(strstr(b.data, "<SegmentTimeline><S t=\"0\" d=\"120120\"/><S d=\"120120\"/><S d=\"60060\"/></SegmentTimeline>"));
    assert_null(strstr(b.data, "SegmentList"));
    buf_free(&b);
}

static void smaller_pictures_have_the_reels_own_segments(void **state)
{
    struct reelidx_fragment f[12];
    struct hls_stretch s[8];
    struct reelidx x = reel(f, 12);
    assert_int_equal(hls_stretches(&x, s, 8), 3);
    assert_int_equal(hls_stretches(&x, s, 2), 3); /* no room for the last: told all the same */
    assert_int_equal(s[0].first, 0);
    assert_int_equal(s[0].count, 50);
    assert_int_equal(s[1].first, 50);
    hls_stretches(&x, s, 8);
    assert_int_equal(s[2].count, 20);
    struct buf b;
    buf_init(&b, 1 << 20);
    hls_write_stretches(&b, s, 3, "init.mp4?v=1", "?v=1", HLS_NO_WALL);
    struct list l = read_list(&b);
    assert_int_equal(l.entries, 3);
    assert_int_equal(l.sum_us, 12000000);
    assert_int_equal(l.target_s, 5);
    assert_non_null(strstr(b.data, "\n2.m4s?v=1\n"));
    assert_non_null(strstr(b.data, "#EXT-X-MAP:URI=\"init.mp4?v=1\"\n"));
    assert_null(strstr(b.data, "PROGRAM-DATE"));
    buf_free(&b);
}

/* A list without what names bytes: lengths, dates and discontinuities. */
static void outline(const struct buf *b, char *ret, size_t size)
{
    size_t at = 0;
    for (const char *p = b->data; *p; p = strchr(p, '\n') + 1)
        if (strncmp(p, "#EXTINF", 7) == 0 || strncmp(p, "#EXT-X-DISC", 11) == 0 || strncmp(p, "#EXT-X-PROGRAM", 14) == 0 || strncmp(p, "#EXT-X-TARGET", 13) == 0)
            at += (size_t)snprintf(ret + at, size - at, "%.*s", (int)(strchr(p, '\n') + 1 - p), p);
    assert_true(at < size);
}

/* Players change between variants by the number of discontinuities and by the date: both are the same in all. */
static void smaller_pictures_have_the_reels_cuts_and_dates(void **state)
{
    struct reelidx_fragment f[12];
    struct hls_stretch s[8];
    char own[1000], small[1000];
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int live = 0; live < 2; live++) {
        struct reelidx x = reel(f, 12);
        f[7].discontinuity = live;
        for (uint32_t i = 0; live && i < 12; i++)
            f[i].wall_ms = INT64_C(1700000000000) + i * 1000 + (i >= 7 ? 60000 : 0);
        struct hls_span span = hls_whole(&x, "video.mp4");
        span.wall_ms = INT64_C(691243200000);
        buf_reset(&b);
        hls_write_media(&b, &span, 1);
        outline(&b, own, sizeof(own));
        uint32_t n = hls_stretches(&x, s, 8);
        buf_reset(&b);
        hls_write_stretches(&b, s, n, "init.mp4", "", span.wall_ms);
        outline(&b, small, sizeof(small));
        assert_string_equal(small, own);
        assert_int_equal(n, live ? 4 : 3); /* 5, 2, the gap, 3, 2 */
        assert_non_null(strstr(own, live ? "DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:14:27.000Z\n" : "#EXT-X-PROGRAM-DATE-TIME:1991-11-27T12:00:00.000Z\n"));
    }
    buf_free(&b);
}

static void a_grid_begins_at_its_date(void **state)
{
    struct hls_grid g = hls_picture_grid(25, 1, 5000000);
    struct buf b;
    buf_init(&b, 1 << 16);
    hls_write_grid(&b, &g, "v.mp4", "v", INT64_C(691243200000));
    assert_non_null(strstr(b.data, "#EXT-X-MAP:URI=\"v.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:1991-11-27T12:00:00.000Z\n#EXTINF:2.000000,\nv0.m4s\n"));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_add_up_to_the_tape),
        cmocka_unit_test(sound_is_no_shorter_than_the_picture),
        cmocka_unit_test(each_unit_is_in_one_segment),
        cmocka_unit_test(a_manifest_has_every_segment_of_a_grid),
        cmocka_unit_test(smaller_pictures_have_the_reels_own_segments),
        cmocka_unit_test(smaller_pictures_have_the_reels_cuts_and_dates),
        cmocka_unit_test(a_grid_begins_at_its_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
