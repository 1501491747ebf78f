/* Tests of wire/rtcp_cc.h: transport-wide feedback as it is written here and elsewhere, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "wire/rtcp_cc.h"
#include "wire/rtcp_receive.h"

static bool read_bytes(const uint8_t *b, size_t len, struct rtcp_cc *ret)
{
    struct rtcp_packet p;
    size_t at = 0;
    return rtcp_next(b, len, &at, &p) && rtcp_cc_read(&p, ret);
}

/* What the writer says of arrivals is read as it was, to a quarter of a millisecond, whatever is missing and however they are spread. */
static void what_is_written_is_read(void **state)
{
    uint64_t random = 7;
    for (int round = 0; round < 300; round++) {
        static struct rtcp_arrivals a;
        int64_t at_us[400], now_us = 50000000 + round * 1000003;
        uint8_t b[RTCP_ARRIVALS_BYTES];
        struct rtcp_cc c;
        uint16_t base = (uint16_t)(65400 + round), seq;
        size_t len;
        int count = 1 + round, next = 0;
        memset(&a, 0, sizeof(a));
        for (int i = 0; i < count; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            int what = (int)(random >> 60);
            now_us += what == 0 ? 700000 : what < 4 ? 90000 : (int64_t)(random >> 40 & 1023);
            at_us[i] = i > 0 && what == 5 ? 0 : now_us;
            if (at_us[i])
                rtcp_arrivals_take(&a, (uint16_t)(base + i), now_us);
        }
        while (count > 1 && !at_us[count - 1]) /* what comes last is not known to be missing */
            count--;
        while ((len = rtcp_write_arrivals(b, 1, 2, &a)) > 0) {
            bool came;
            int64_t after_us, gone = 0;
            assert_true(read_bytes(b, len, &c));
            for (; at_us[next] == 0; next++) /* a report begins with one that came */
                gone++;
            assert_int_equal(c.first, (uint16_t)(base + next));
            for (; rtcp_cc_next(&c, &seq, &came, &after_us); next++) {
                assert_int_equal(seq, (uint16_t)(base + next));
                assert_int_equal(came, at_us[next] != 0);
                int64_t off_us = came ? at_us[next] - (int64_t)c.reference * RTCP_CC_REFERENCE_US - after_us : 0;
                assert_true(off_us >= 0 && off_us < RTCP_CC_TICK_US);
            }
        }
        assert_int_equal(next, count);
    }
}

/* The draft's chunks by hand: a run, one bit and two bits a packet, a negative delta. */
static void chunks_of_all_kinds_are_read(void **state)
{
    static const uint8_t b[] = { 0x8f, 205, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xfe, 0, 20, 0xff, 0xff, 0xfe, 9, /* 20 packets from 65534, reference -2 */
                                 0x20, 3,             /* three small */
                                 0xa0, 0x01,          /* one bit each: 1 0 ... 0 1: of 14 */
                                 0xe0, 0x00,          /* two bits each: large, none, none */
                                 4, 0, 255, 8, 2, 0xff, 0xfc, 0, 0, 0 };
    static const struct { int i; int64_t at_us; } here[] = { { 0, 1000 }, { 1, 1000 }, { 2, 64750 }, { 3, 66750 }, { 16, 67250 }, { 17, 66250 } };
    struct rtcp_cc c;
    uint16_t seq;
    bool came;
    int64_t at_us;
    size_t k = 0;
    assert_true(read_bytes(b, sizeof(b), &c));
    assert_int_equal(c.reference, 0xfffffe);
    assert_int_equal(c.number, 9);
    for (int i = 0; rtcp_cc_next(&c, &seq, &came, &at_us); i++) {
        assert_int_equal(seq, (uint16_t)(65534 + i));
        assert_int_equal(came, k < ARRAY_LEN(here) && here[k].i == i);
        if (came)
            assert_int_equal(at_us, here[k++].at_us);
    }
    assert_int_equal(k, ARRAY_LEN(here));
}

static void what_is_broken_is_refused(void **state)
{
    static const struct { const char *why; uint8_t body[16]; int len; } rows[] = {
        { "one that is right", { 0, 1, 0, 2, 0, 0, 1, 0, 0x20, 2, 4, 4 }, 12 },
        { "no packets", { 0, 1, 0, 0, 0, 0, 1, 0, 0x20, 2, 4, 4 }, 12 },
        { "no chunk", { 0, 1, 0, 2, 0, 0, 1, 0 }, 8 },
        { "a run of none", { 0, 1, 0, 2, 0, 0, 1, 0, 0x20, 0, 4, 4 }, 12 },
        { "a run of more than there are", { 0, 1, 0, 2, 0, 0, 1, 0, 0, 3, 0, 0 }, 12 },
        { "fewer chunks than packets", { 0, 1, 0, 9, 0, 0, 1, 0, 0, 2 }, 10 },
        { "a vector that says something of more", { 0, 1, 0, 2, 0, 0, 1, 0, 0x98, 0, 4, 4 }, 12 },
        { "the reserved symbol in a run", { 0, 1, 0, 2, 0, 0, 1, 0, 0x60, 2, 4, 4 }, 12 },
        { "the reserved symbol in a vector", { 0, 1, 0, 2, 0, 0, 1, 0, 0xf0, 0, 4, 4 }, 12 },
        { "a delta is missing", { 0, 1, 0, 3, 0, 0, 1, 0, 0x20, 3, 4, 4 }, 12 },
        { "half a large delta is missing", { 0, 1, 0, 1, 0, 0, 1, 0, 0x40, 1, 4 }, 11 },
        { "a word behind the deltas", { 0, 1, 0, 2, 0, 0, 1, 0, 0x20, 2, 4, 4, 0, 0, 0, 0 }, 16 },
        { "more packets than anyone reports", { 0, 1, 0x1f, 0xff, 0, 0, 1, 0, 0x1f, 0xff, 0, 0 }, 12 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t body[20] = { 0 };
        memcpy(body + 4, rows[i].body, sizeof(rows[i].body));
        struct rtcp_packet p = { .type = RTCP_RTPFB, .count = RTCP_FB_TRANSPORT_CC, .body = body, .body_len = 4 + (size_t)rows[i].len };
        struct rtcp_cc c;
        if (rtcp_cc_read(&p, &c) != (i == 0))
            fail_msg("%s", rows[i].why);
    }
    struct rtcp_packet nack = { .type = RTCP_RTPFB, .count = RTCP_FB_NACK, .body = (const uint8_t[24]) { 0 }, .body_len = 24 };
    struct rtcp_cc c;
    assert_false(rtcp_cc_read(&nack, &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(chunks_of_all_kinds_are_read),
        cmocka_unit_test(what_is_broken_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
