/* Tests of deliver/webrtc/cc.h, trend.h and pace.h on simulated lines (sim_line.h), in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "sim_line.h"

static struct sim s;

/* So many seconds, of which only the last ones count. */
static void settle_then_count(double settle_s, double count_s)
{
    sim_run(&s, settle_s);
    sim_begin_count(&s);
    sim_run(&s, count_s);
}

static int64_t sent_bps(void) { return s.sent_bytes * 8 * 1000000 / (s.now_us - s.counted_us); }

static void said(const char *what)
{
    print_message("# %s: sent %lld kbit/s, limit %lld to %lld, queue %.1f ms, at most %.1f, %ld of %ld lost\n", what, (long long)sent_bps() / 1000, (long long)s.limit_least_bps / 1000,
                  (long long)s.limit_most_bps / 1000, sim_queue_ms(&s), (double)s.queue_most_us / 1000, s.lost, s.packets);
}

static void a_wide_line_limits_nothing(void **state)
{
    sim_init(&s, 50000000);
    sim_run(&s, 60);
    said("50 Mbit/s");
    assert_int_equal(s.limit_least_bps, CC_MOST_BPS); /* not even at first */
    assert_int_equal(s.lost, 0);
    assert_true(s.cc.heard && !s.cc.starting && s.cc.estimate_bps > 5000000);
}

/* The rate is below the capacity soon, the queue is gone, and most of the line is used; and all of it again when it is there. */
static void a_drop_is_followed_and_so_is_its_end(void **state)
{
    sim_init(&s, 8000000);
    settle_then_count(10, 5);
    said("8 Mbit/s");
    assert_true(s.limit_least_bps == CC_MOST_BPS);
    s.capacity_bps = 800000;
    settle_then_count(4, 20);
    said("then 0.8 Mbit/s");
    assert_true(sent_bps() < 800000 && sent_bps() > 400000);
    assert_true(s.limit_most_bps < 850000 && s.limit_least_bps > 350000);
    assert_true(sim_queue_ms(&s) < 40);
    assert_true(s.lost <= s.packets / 100);
    s.capacity_bps = 8000000;
    settle_then_count(30, 10);
    said("then 8 Mbit/s");
    assert_int_equal(s.limit_least_bps, CC_MOST_BPS);
}

static void three_megabit_become_less_than_one(void **state)
{
    sim_init(&s, 3000000);
    settle_then_count(10, 20);
    said("3 Mbit/s");
    assert_true(sent_bps() > 1600000 && sim_queue_ms(&s) < 40);
    s.capacity_bps = 800000;
    settle_then_count(4, 20);
    said("then 0.8 Mbit/s");
    assert_true(sent_bps() < 800000 && sent_bps() > 400000 && sim_queue_ms(&s) < 40);
    s.capacity_bps = 3000000;
    settle_then_count(20, 20);
    said("then 3 Mbit/s");
    assert_true(sent_bps() > 1600000 && sim_queue_ms(&s) < 40);
}

/* How wide it is shows at the first key frame: no second of everything into a line that carries a third. */
static void a_narrow_line_is_known_soon(void **state)
{
    static const int64_t lines[] = { 600000, 1000000, 2000000 };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        sim_init(&s, lines[i]);
        settle_then_count(3, 20);
        said("narrow from the start");
        assert_true(sent_bps() < lines[i] && sent_bps() > lines[i] / 2);
        assert_true(sim_queue_ms(&s) < 50 && s.lost <= s.packets / 50);
    }
}

static void loss_by_chance_does_not_wear_it_down(void **state)
{
    sim_init(&s, 20000000);
    s.loss_per_mille = 50;
    sim_run(&s, 120);
    s.is_still = true; /* few packets: a tenth of them is soon lost by chance */
    sim_run(&s, 240);
    s.is_still = false;
    sim_run(&s, 20);
    said("5 % lost");
    assert_true(s.lost > 1000);
    assert_int_equal(s.limit_least_bps, CC_MOST_BPS);
}

/* A policer drops what is too much and lets nothing wait. */
static void heavy_loss_without_a_queue_lowers_it(void **state)
{
    sim_init(&s, 1000000);
    s.queue_us = 8000;
    settle_then_count(10, 30);
    said("1 Mbit/s without a queue");
    assert_true(s.limit_most_bps < 1500000);
    assert_true(s.lost < s.packets / 5);
    assert_true(sent_bps() > 300000);
}

static void jitter_alone_does_not_wear_it_down(void **state)
{
    static const int64_t jitters[] = { 5000, 15000, 30000 };
    for (size_t i = 0; i < ARRAY_LEN(jitters); i++) {
        sim_init(&s, 20000000);
        s.jitter_us = jitters[i];
        settle_then_count(10, 60);
        said("jitter");
        assert_true(s.limit_least_bps >= 2000000);
        assert_true(sent_bps() > 2000000);
    }
}

static void reordering_does_not_wear_it_down(void **state)
{
    sim_init(&s, 20000000);
    s.late_per_mille = 100;
    settle_then_count(5, 60);
    said("a tenth overtaken");
    assert_int_equal(s.limit_least_bps, CC_MOST_BPS);
    assert_int_equal(s.cc.packets_lost < 20, 1); /* what came late is no loss */
}

static void lost_feedback_changes_little(void **state)
{
    sim_init(&s, 800000);
    s.feedback_lost_per_mille = 300;
    settle_then_count(10, 30);
    said("0.8 Mbit/s, three tenths of the feedback lost");
    assert_true(sent_bps() < 800000 && sent_bps() > 250000 && sim_queue_ms(&s) < 60);
    sim_init(&s, 50000000);
    s.feedback_lost_per_mille = 300;
    sim_run(&s, 30);
    assert_int_equal(s.limit_least_bps, CC_MOST_BPS);
}

/* Of the viewer's clock nothing is known: where it begins, that it goes round, that it is set. */
static void clocks_do_not_matter(void **state)
{
    static const int64_t steps[] = { 700000, 5000000, -700000, -5000000, INT64_C(3600) * 24 * 1000000, 100000 };
    sim_init(&s, 20000000);
    s.clock_us = INT64_C(16777216) * 64000 - 3000000 - s.now_us; /* goes round in three seconds */
    sim_run(&s, 10);
    assert_int_equal(s.limit_least_bps, CC_MOST_BPS);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        s.clock_us += steps[i];
        sim_begin_count(&s);
        sim_run(&s, 5);
        said("a clock set");
        assert_true(s.limit_least_bps >= 1500000);
        sim_run(&s, 15);
        assert_int_equal(cc_limit_bps(&s.cc), 0);
    }
}

/* While the picture is still, next to nothing is sent: that says nothing of a wide line, and a narrow one stays known by its key frames. */
static void a_still_picture_hides_no_narrow_line(void **state)
{
    sim_init(&s, 20000000);
    s.is_still = true;
    sim_run(&s, 60);
    s.is_still = false;
    sim_run(&s, 10);
    assert_int_equal(s.limit_least_bps, CC_MOST_BPS);
    sim_init(&s, 1200000);
    settle_then_count(10, 10);
    s.is_still = true;
    settle_then_count(0, 60);
    said("1.2 Mbit/s and still");
    assert_true(s.limit_least_bps > 700000 && s.limit_most_bps < 2000000);
    s.is_still = false;
    settle_then_count(0, 5);
    said("and moving");
    assert_true(s.queue_most_us < 250000 && s.lost <= s.packets / 50);
}

/* A deck in STOP: 30 kbit/s of blue and silence, while the machine stutters. What that looks like is no queue of ours. */
static void next_to_nothing_says_nothing_of_the_line(void **state)
{
    sim_init(&s, 20000000);
    s.is_blank = true;
    for (int i = 0; i < 120; i++) { /* the delay climbs for a second and falls */
        s.delay_us = 20000 + 40000 * (i % 2);
        s.jitter_us = 80000 * (i % 3);
        sim_run(&s, 0.5);
    }
    said("a blank picture on a line with hiccups");
    assert_int_equal(s.limit_least_bps, CC_MOST_BPS);
    s.is_blank = false;
    s.delay_us = 20000;
    s.jitter_us = 0;
    settle_then_count(0, 10);
    said("and PLAY");
    assert_true(s.limit_least_bps >= 1500000);
}

/* The line became wide while nothing was sent: found by trying, without a picture that asks for it. */
static void a_line_that_became_wide_is_found_so_with_a_still_picture(void **state)
{
    sim_init(&s, 800000);
    sim_run(&s, 10);
    assert_true(cc_limit_bps(&s.cc) > 0);
    s.is_still = true;
    s.capacity_bps = 20000000;
    sim_run(&s, 60);
    assert_int_equal(cc_limit_bps(&s.cc), 0);
}

/* A shaper lets a key frame through at once, whatever it carries: believed once, then less and less often. */
static void a_shaper_deceives_it_less_and_less_often(void **state)
{
    sim_init(&s, 1000000);
    s.burst_bytes = 40000;
    settle_then_count(20, 100);
    said("1 Mbit/s behind a bucket of 40 kB");
    assert_true(sent_bps() < 1000000 && sent_bps() > 600000);
    assert_true(sim_queue_ms(&s) < 60 && s.lost <= s.packets / 100);
    assert_true(s.cc.hold_us > 4000000);
}

static void who_falls_silent_has_less_and_less(void **state)
{
    sim_init(&s, 20000000);
    sim_run(&s, 10);
    int64_t before = s.cc.estimate_bps;
    s.is_silent = true;
    sim_run(&s, 1);
    assert_int_equal(s.cc.estimate_bps, before);
    sim_run(&s, 20);
    assert_true(s.cc.estimate_bps <= before / 10);
    s.is_silent = false;
    sim_run(&s, 40);
    assert_int_equal(cc_limit_bps(&s.cc), 0);
}

/* One that takes the numbers and never answers is as one that does not take them. */
static void who_never_answers_is_not_limited(void **state)
{
    sim_init(&s, 20000000);
    s.is_silent = true;
    sim_run(&s, 30);
    assert_int_equal(s.limit_least_bps, CC_MOST_BPS);
    assert_false(s.cc.heard);
}

/* ---- feedback that tells of something else ---- */

static struct rtcp_cc read_feedback(uint16_t first, uint16_t count, uint32_t reference, uint8_t delta, uint8_t bytes[600])
{
    struct rtcp_cc f;
    uint8_t *b = bytes;
    memset(b, delta, 600);
    memset(b, 0, 14);
    wr16be(b + 4, first);
    wr16be(b + 6, count);
    wr24be(b + 8, reference);
    wr16be(b + 12, (uint16_t)(0x2000 | count));
    struct rtcp_packet p = { .type = RTCP_RTPFB, .count = RTCP_FB_TRANSPORT_CC, .body = b, .body_len = (size_t)14 + count };
    if (!rtcp_cc_read(&p, &f))
        abort();
    return f;
}

static void feedback_about_nothing_is_ignored(void **state)
{
    struct cc c;
    uint8_t b[600];
    cc_init(&c, 1000000);
    cc_feedback(&c, read_feedback(0, 100, 5, 4, b), 1000000); /* nothing was sent yet */
    cc_feedback(&c, read_feedback(65500, 100, 5, 4, b), 1000000);
    assert_false(c.heard);
    assert_int_equal(c.refused, 2);
    for (int i = 0; i < 3000; i++)
        cc_sent(&c, 1200, 2000000 + i * 1000);
    cc_feedback(&c, read_feedback((uint16_t)c.next, 500, 5, 4, b), 5000000);          /* to be sent */
    cc_feedback(&c, read_feedback((uint16_t)(c.next - 1500), 400, 5, 4, b), 5000000); /* forgotten */
    assert_false(c.heard);
    assert_int_equal(c.refused, 4);
    assert_int_equal(c.estimate_bps, CC_START_BPS);
    cc_feedback(&c, read_feedback((uint16_t)(c.next - 500), 400, 5, 4, b), 5000000);
    assert_true(c.heard);
    int64_t came = 0, again = 0;
    for (int i = 0; i < CC_METER_SLOTS; i++)
        came += c.came.bytes[i];
    cc_feedback(&c, read_feedback((uint16_t)(c.next - 500), 400, 5, 4, b), 5010000); /* told twice, counted once */
    for (int i = 0; i < CC_METER_SLOTS; i++)
        again += c.came.bytes[i];
    assert_true(came > 0 && came == again);
}

/* Whatever a viewer says, its numbers stay in their bounds. */
static void lies_stay_within_bounds(void **state)
{
    struct cc c;
    uint8_t b[600];
    int64_t now_us = 1000000;
    uint64_t random = 3;
    cc_init(&c, now_us);
    for (int i = 0; i < 20000; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        for (uint64_t n = random >> 60; n > 0; n--)
            cc_sent(&c, 100 + (random >> 20 & 1023), now_us);
        now_us += (int64_t)(random >> 45 & 0xffff);
        cc_feedback(&c, read_feedback((uint16_t)(c.next - (random >> 33 & 63)), (uint16_t)(1 + (random >> 40 & 31)), (uint32_t)(random >> 10) & 0xffffff, (uint8_t)(random >> 50), b), now_us);
        cc_tick(&c, now_us);
        assert_true(c.estimate_bps >= CC_LEAST_BPS && c.estimate_bps <= CC_MOST_BPS);
        assert_true(cc_pace_bps(&c) > 0 && cc_pace_bps(&c) <= 60000000);
    }
}

/* ---- pacing ---- */

/* However much waits, no five milliseconds carry more than the pace and what could be saved up; a small frame leaves at once. */
static void pictures_are_paced(void **state)
{
    static const int64_t rates[] = { 500000, 3000000, 25000000 };
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        struct pace p = { 0 };
        int64_t now_us = 77000000, sent = 0;
        for (int tick = 0; tick < 200; tick++, now_us += 5000) {
            int64_t before = sent;
            for (; pace_may(&p, rates[i], now_us); sent += 1200)
                pace_sent(&p, rates[i], 1200);
            assert_true((sent - before) * 8 <= rates[i] * (tick ? 5000 : PACE_SAVED_US) / 1000000 + 2 * 1200 * 8);
        }
        assert_true(sent * 8 <= rates[i] * 1005 / 1000 + rates[i] * PACE_SAVED_US / 1000000 + 1200 * 8);
        assert_true(sent * 8 >= rates[i] * 99 / 100 - 1200 * 8);
        now_us += 1000000;
        assert_true(pace_may(&p, rates[i], now_us)); /* saved up, but no more than that */
        for (sent = 0; pace_may(&p, rates[i], now_us); sent += 1200)
            pace_sent(&p, rates[i], 1200);
        assert_true(sent * 8 <= rates[i] * PACE_SAVED_US / 1000000 + 1200 * 8);
    }
}

/* What resends take is waited for, though not for ever; a clock that stands still or goes back gives nothing. */
static void resends_are_paid_for(void **state)
{
    struct pace p = { 0 };
    assert_true(pace_may(&p, 1000000, 5000000));
    for (int i = 0; i < 1000; i++)
        pace_sent(&p, 1000000, 1200);
    assert_false(pace_may(&p, 1000000, 5000000));
    assert_false(pace_may(&p, 1000000, 4000000));
    assert_false(pace_may(&p, 1000000, 4005000));
    assert_true(pace_may(&p, 1000000, 4100000));
}

/* The pace follows the estimate: on a narrow line a key frame is spread, on a wide one it is not. */
static void the_pace_follows_the_line(void **state)
{
    sim_init(&s, 800000);
    settle_then_count(10, 20);
    int64_t narrow = s.burst_most_bytes;
    s.is_unpaced = true;
    settle_then_count(10, 20);
    int64_t unpaced = s.burst_most_bytes;
    sim_init(&s, 50000000);
    settle_then_count(10, 10);
    print_message("# most within 5 ms: %lld bytes at 0.8 Mbit/s, %lld there without pacing, %lld at 50 Mbit/s\n", (long long)narrow, (long long)unpaced, (long long)s.burst_most_bytes);
    assert_true(narrow < 6000);
    assert_true(unpaced > 6000);
    assert_true(s.burst_most_bytes > 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wide_line_limits_nothing), cmocka_unit_test(a_drop_is_followed_and_so_is_its_end), cmocka_unit_test(three_megabit_become_less_than_one),
        cmocka_unit_test(a_narrow_line_is_known_soon), cmocka_unit_test(loss_by_chance_does_not_wear_it_down), cmocka_unit_test(heavy_loss_without_a_queue_lowers_it),
        cmocka_unit_test(jitter_alone_does_not_wear_it_down), cmocka_unit_test(reordering_does_not_wear_it_down), cmocka_unit_test(lost_feedback_changes_little),
        cmocka_unit_test(clocks_do_not_matter), cmocka_unit_test(a_still_picture_hides_no_narrow_line), cmocka_unit_test(next_to_nothing_says_nothing_of_the_line),
        cmocka_unit_test(a_line_that_became_wide_is_found_so_with_a_still_picture), cmocka_unit_test(a_shaper_deceives_it_less_and_less_often),
        cmocka_unit_test(who_falls_silent_has_less_and_less), cmocka_unit_test(who_never_answers_is_not_limited),
        cmocka_unit_test(feedback_about_nothing_is_ignored), cmocka_unit_test(lies_stay_within_bounds),
        cmocka_unit_test(pictures_are_paced), cmocka_unit_test(resends_are_paid_for), cmocka_unit_test(the_pace_follows_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
