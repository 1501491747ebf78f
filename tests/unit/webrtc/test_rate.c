/* Tests of deliver/webrtc/rate.h: what a programme may have, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"
#include "deliver/webrtc/rate.h"

static int64_t now_us;

static void hear(struct rate_line *l, int64_t estimate_bps, int64_t sent_bps)
{
    now_us += 1000000;
    rate_line_heard(l, estimate_bps, sent_bps, now_us);
    rate_line_tick(l, now_us);
}

static void a_still_picture_says_nothing_of_the_line(void **state)
{
    struct rate_line l = { 0 };
    for (int i = 0; i < 60; i++)
        hear(&l, 225000, 150000);
    assert_int_equal(l.limit_bps, 0);
    hear(&l, 2100000, 2400000); /* about what is sent: seconds differ */
    hear(&l, 600000, 0);        /* nothing is known yet of what was sent */
    assert_int_equal(l.limit_bps, 0);
}

/* As Chromium 156 did it: the end of a tape, of which 30 kbit/s are left, and PLAY of another. */
static void an_estimate_that_comes_up_from_next_to_nothing_is_no_limit(void **state)
{
    struct rate_line l = { 0 };
    for (int i = 0; i < 5; i++)
        hear(&l, 3395088, 2700000);
    for (int64_t estimate = 5000; estimate < 30000; estimate += 1000)
        hear(&l, estimate, 36000);
    assert_int_equal(l.limit_bps, 0);
    for (int64_t estimate = 30000; estimate < 2700000; estimate = estimate * 108 / 100) {
        hear(&l, estimate, 2700000);
        assert_int_equal(l.limit_bps, 0);
    }
    hear(&l, INT64_MAX, 2700000);
    hear(&l, INT64_MAX, 2700000);
    hear(&l, 600000, 2700000); /* and one that falls is */
    assert_int_equal(l.limit_bps, 600000);
}

static void narrow(struct rate_line *l)
{
    for (int i = 0; i < 4; i++)
        hear(l, 600000, 2400000);
}

static void a_narrow_line_limits_and_is_lifted(void **state)
{
    struct rate_line l = { 0 };
    hear(&l, 600000, 2400000);
    hear(&l, 600000, 2400000);
    assert_int_equal(l.limit_bps, 0); /* it may be on its way up */
    hear(&l, 600000, 2400000);
    assert_int_equal(l.limit_bps, 600000);
    hear(&l, 590000, 560000); /* what is sent fits now, and that limit stays */
    assert_int_equal(l.limit_bps, 600000);
    hear(&l, 840000, 560000);
    assert_int_equal(l.limit_bps, 840000);
    hear(&l, 5000000, 800000);
    assert_int_equal(l.limit_bps, 5000000);
    hear(&l, 12000000, 2500000);
    assert_int_equal(l.limit_bps, 0);
    hear(&l, 1000, 2400000);
    assert_int_equal(l.limit_bps, 250000);
}

/* The picture was still for a while, so the estimate never rises: it is tried, and found again when it is there. */
static void a_limit_that_is_not_seen_again_goes_away(void **state)
{
    struct rate_line l = { 0 };
    narrow(&l);
    int64_t before = 0;
    for (int i = 0; i < 4; i++)
        hear(&l, 300000, 200000);
    assert_int_equal(l.limit_bps, 600000);
    for (int i = 0; i < 200 && l.limit_bps; i++) {
        assert_true(l.limit_bps >= before);
        before = l.limit_bps;
        hear(&l, 300000, 200000);
    }
    assert_int_equal(l.limit_bps, 0);
    narrow(&l);
    assert_int_equal(l.limit_bps, 600000);
}

static const struct { int64_t lines[4], bps; unsigned keys_only; } cases[] = {
    { { 600000, -1 }, 600000, 0 },                          /* alone */
    { { 0, 0, -1 }, 0, 0 },
    { { 0, 2000000, -1 }, 2000000, 0 },
    { { 0, 600000, -1 }, 0, 2 },                            /* the other one keeps its picture */
    { { 600000, 0, 1500000, -1 }, 1500000, 1 },
    { { 600000, 500000, 300000, 290000 }, 300000, 8 },      /* all are slow: by the half of the fastest */
    { { 9000000, 1400000, -1 }, 1400000, 0 },
    { { -1 }, 0, 0 },
};

static void several_share(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rate_shared s = { 0 };
        struct rate_line lines[4];
        int n = 0;
        unsigned keys_only = 0;
        for (; n < 4 && cases[i].lines[n] >= 0; n++) {
            lines[n] = (struct rate_line){ .limit_bps = cases[i].lines[n] };
            rate_first_round(&s, &lines[n]);
        }
        for (int k = 0; k < n; k++)
            keys_only |= rate_second_round(&s, &lines[k]) ? 0 : 1u << k;
        assert_int_equal(s.bps, cases[i].bps);
        assert_int_equal(keys_only, cases[i].keys_only);
    }
}

static void what_changes_little_or_rises_soon_is_no_news(void **state)
{
    static const struct { int64_t told, now, since_us; bool news; } rows[] = {
        { 0, 0, 9000000, false }, { 0, 600000, 0, true }, { 600000, 580000, 9000000, false }, { 600000, 500000, 0, true }, { 600000, 620000, 9000000, false },
        { 600000, 900000, 500000, false }, { 600000, 900000, 1000000, true }, { 9800000, 0, 1000000, true }, { 600000, 0, 999999, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(rate_is_news(rows[i].told, rows[i].now, rows[i].since_us), rows[i].news);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_still_picture_says_nothing_of_the_line), cmocka_unit_test(a_narrow_line_limits_and_is_lifted),
        cmocka_unit_test(an_estimate_that_comes_up_from_next_to_nothing_is_no_limit),
        cmocka_unit_test(a_limit_that_is_not_seen_again_goes_away), cmocka_unit_test(several_share),
        cmocka_unit_test(what_changes_little_or_rises_soon_is_no_news),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
