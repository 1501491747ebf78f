/* tests/unit/webrtc/test_receive_wire.c - what a receiver of RTP is made of, in virtual time: order and asking again, access units, clocks, RTCP, and the SDP of who publishes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "wire/rtcp_receive.h"
#include "wire/rtp_clock.h"
#include "wire/rtp_h264.h"
#include "wire/rtp_order.h"
#include "wire/sdp_offered.h"

/* ---- order ---- */

/* "p12" a packet; "h" a hole, "." nothing: what comes out after each step, in one text. */
static void take_all(struct rtp_order *o, int64_t now_us, char *out)
{
    struct order_packet p;
    enum order_next n;
    *out = '\0';
    while ((n = order_take(o, now_us, &p)) != ORDER_NOTHING)
        sprintf(out + strlen(out), n == ORDER_HOLE ? "h" : "p%d", n == ORDER_HOLE ? 0 : p.data[0]);
}

static bool put(struct rtp_order *o, uint16_t seq, int64_t now_us) { return order_put(o, seq, 0, false, &(uint8_t) { (uint8_t)seq }, 1, now_us); }

static void packets_come_in_order_and_holes_are_waited_for(void **state)
{
    static const struct { int at_ms; int seq; const char *out; } script[] = {
        { 0, 65534, "p254" }, { 1, 65535, "p255" }, { 2, 1, "" },   { 3, 2, "" },       { 4, 0, "p0p1p2" }, { 5, 0, "" },       /* disorder and a repeat, over the roll-over */
        { 6, 5, "" },         { 105, 6, "" },       { 106, -1, "hp5p6" }, { 107, 3, "" }, { 108, 7, "p7" },                      /* 3 and 4 never came in time */
        { 109, 9, "" },       { 150, 11, "" },      { 209, -1, "hp9" },   { 249, -1, "" }, { 250, 12, "hp11p12" },               /* each hole has its own time */
        { 260, 5000, "hp136" }, { 261, 5001, "p137" },                                                                           /* far ahead: anew, after a hole */
        { 262, 3000, "" },    { 263, 3001, "hp185" }, { 264, 3002, "p186" },                                                     /* far behind, twice in a row: begun anew */
    };
    static struct rtp_order o;
    char out[100];
    order_init(&o, 100000);
    for (size_t i = 0; i < ARRAY_LEN(script); i++) {
        int64_t now_us = 1000000 + 1000 * script[i].at_ms;
        if (script[i].seq >= 0)
            put(&o, (uint16_t)script[i].seq, now_us);
        take_all(&o, now_us, out);
        if (strcmp(out, script[i].out) != 0)
            fail_msg("step %zu: %s where %s was due", i, out, script[i].out);
    }
    assert_true(o.lost >= 4 && o.late >= 3);
    order_free(&o);
}

static void missing_packets_are_asked_for_and_not_for_ever(void **state)
{
    static struct rtp_order o;
    uint16_t asks[8];
    char out[100];
    int total = 0;
    order_init(&o, 2000000);
    put(&o, 100, 1000);
    put(&o, 103, 2000);
    assert_int_equal(order_asks(&o, 3000, asks, 8), 0); /* they may only be late */
    assert_int_equal(order_asks(&o, 8000, asks, 8), 2);
    assert_true(asks[0] == 101 && asks[1] == 102);
    assert_int_equal(order_asks(&o, 9000, asks, 8), 0); /* the answer cannot be here yet */
    put(&o, 101, 38000);
    assert_int_equal(o.recovered, 1);
    assert_int_equal(o.round_us, 30000);
    for (int64_t now = 40000; now < 1900000; now += 1000)
        total += order_asks(&o, now, asks, 8);
    assert_int_equal(total, ORDER_ASKS_MAX - 1);
    take_all(&o, 2003000, out);
    assert_string_equal(out, "p100p101hp103");
    put(&o, 600, 2003000);
    for (int i = 0; i < 8; i++)
        assert_int_equal(order_asks(&o, 2100000, asks, 8), 8); /* never more at once than fit */
    order_free(&o);
}

static void the_window_holds_only_so_much(void **state)
{
    static struct rtp_order o;
    uint8_t big[ORDER_PAYLOAD_MAX + 1] = { 0 };
    order_init(&o, INT64_MAX / 2);
    put(&o, 0, 1);
    assert_false(order_put(&o, 1, 0, false, big, sizeof(big), 1));
    for (int i = 2; i < 40000; i += 2) /* every second one: nothing can be taken */
        put(&o, (uint16_t)i, 1);
    int held = 0;
    for (int i = 0; i < ORDER_SLOTS; i++)
        held += o.slots[i].here;
    assert_true(held > 0 && held <= ORDER_SLOTS);
    order_free(&o);
}

/* ---- access units ---- */

struct joined {
    struct h264_join j;
    int units;
    char hex[4000]; /* of the last one */
    bool key, after_loss;
    uint32_t ts;
};

static void feed(struct joined *d, const char *hex, uint32_t ts, bool marker)
{
    uint8_t b[600];
    size_t n = strlen(hex) / 2;
    struct h264_unit u;
    bool again;
    for (size_t i = 0; i < n; i++)
        sscanf(hex + 2 * i, "%2hhx", &b[i]);
    do
        if (h264_join_put(&d->j, b, n, ts, marker, &u, &again)) {
            d->units++;
            d->key = u.key;
            d->after_loss = u.after_loss;
            d->ts = u.ts;
            vcr_hex(d->hex, u.data, VCR_MIN(u.len, sizeof(d->hex) / 2 - 1));
        }
    while (again);
}

#define SPS "6742c01f91"
#define PPS "68ce3c81"

static void access_units_are_joined_from_every_kind_of_payload(void **state)
{
    struct joined d = { 0 };
    h264_join_init(&d.j);
    feed(&d, "6101", 1, true);
    assert_int_equal(d.units, 0); /* no key frame yet */
    feed(&d, "780005" SPS "0004" PPS, 2, false);
    feed(&d, "7c85aa", 2, false);
    feed(&d, "7c05bb", 2, false);
    feed(&d, "7c45cc", 2, true);
    assert_string_equal(d.hex, "00000001" SPS "00000001" PPS "0000000165aabbcc");
    assert_true(d.units == 1 && d.key && d.ts == 2);
    feed(&d, "0930", 3, false); /* a delimiter and filler are left out */
    feed(&d, "6102", 3, false);
    feed(&d, "0cff", 3, false);
    feed(&d, "", 3, false); /* a probe of the line */
    feed(&d, "6103", 3, true);
    assert_string_equal(d.hex, "00000001610200000001" "6103");
    assert_true(d.units == 2 && !d.key && !d.after_loss);
    feed(&d, "6104", 4, false); /* no marker: the next time stamp ends it */
    assert_int_equal(d.units, 2);
    feed(&d, "6105", 5, true);
    assert_int_equal(d.units, 4);
    feed(&d, "65dd", 6, true); /* sets before a key frame without */
    assert_string_equal(d.hex, "00000001" SPS "00000001" PPS "0000000165dd");
    feed(&d, "6742c01f92", 7, true); /* another set of the same id, alone: nothing to show */
    assert_int_equal(d.units, 5);
    feed(&d, "65ee", 8, true);
    assert_string_equal(d.hex, "00000001" "6742c01f92" "00000001" PPS "0000000165ee");
    assert_int_equal(d.j.dropped, 1);
    h264_join_free(&d.j);
}

static void broken_payloads_and_holes_cost_all_to_the_next_key_frame(void **state)
{
    static const struct { const char *first, *second; bool hole; const char *what; } rows[] = {
        { "6101", "6102", true, "a hole within" },         { "7c05bb", "6102", false, "the middle of a fragment" }, { "7c81bb", "6102", false, "a fragment without end" },
        { "7c81bb", "7c41", false, "an empty end" },       { "7cc1bb", "6102", false, "start and end in one" },     { "7c81bb", "7c45cc", false, "another type's end" },
        { "7800ff61", "6102", false, "too long inside" },  { "78000061", "6102", false, "empty inside" },           { "78", "6102", false, "an empty aggregate" },
        { "e101", "6102", false, "a forbidden bit" },      { "7d0102", "6102", false, "a type of another mode" },   { "7c98aa", "7c58bb", false, "a packet in a packet" },
        { "780003", "6102", false, "a length alone" },     { "6001", "6102", false, "type 0" },                     { "7c", "6102", false, "half a header" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct joined d = { 0 };
        h264_join_init(&d.j);
        feed(&d, SPS, 1, false);
        feed(&d, PPS, 1, false);
        feed(&d, "6500", 1, true);
        assert_int_equal(d.units, 1);
        feed(&d, rows[i].first, 2, false);
        if (rows[i].hole)
            h264_join_hole(&d.j);
        feed(&d, rows[i].second, 2, true);
        feed(&d, "6103", 3, true);
        if (d.units != 1 || !d.j.needs_key || d.j.dropped != 2)
            fail_msg("%s: %d units, %d dropped", rows[i].what, d.units, (int)d.j.dropped);
        feed(&d, "6504", 4, true);
        assert_true(d.units == 2 && d.key && d.after_loss && !d.j.needs_key);
        feed(&d, "6105", 5, true);
        assert_true(d.units == 3 && !d.after_loss);
        h264_join_free(&d.j);
    }
}

/* After a hole nothing tells whether the next payload is the first of its unit, unless it begins as units do. */
static void after_a_hole_only_a_unit_with_its_beginning_counts(void **state)
{
    struct joined d = { 0 };
    h264_join_init(&d.j);
    feed(&d, "780005" SPS "0004" PPS, 1, false);
    feed(&d, "6501", 1, true);
    h264_join_hole(&d.j);
    feed(&d, "6502", 2, true); /* its first half may be what is missing */
    assert_int_equal(d.units, 1);
    h264_join_hole(&d.j);
    feed(&d, "780005" SPS "0004" PPS, 3, false);
    feed(&d, "6503", 3, true);
    assert_int_equal(d.units, 2);
    h264_join_free(&d.j);
}

static void access_units_have_a_greatest_length(void **state)
{
    struct joined d = { 0 };
    char part[1201] = "7c05", first[] = "7c85aa";
    h264_join_init(&d.j);
    memset(part + 4, 'b', 1196);
    feed(&d, "780005" SPS "0004" PPS, 1, false);
    feed(&d, first, 1, false);
    for (int i = 0; i < H264_UNIT_MAX / 500; i++)
        feed(&d, part, 1, false);
    feed(&d, "7c45aa", 1, true);
    assert_int_equal(d.units, 0);
    assert_true(d.j.cap <= H264_UNIT_MAX && d.j.dropped == 1);
    for (int i = 0; i < 40; i++) { /* nor are there more sets than places */
        char sps[20];
        sprintf(sps, "6742c01f%04x", 1 << (i % 14) | 1);
        feed(&d, sps, 2 + (uint32_t)i, true);
    }
    feed(&d, "6501", 100, true);
    assert_int_equal(d.units, 1);
    h264_join_free(&d.j);
}

/* ---- clocks ---- */

static uint64_t ntp_of(int64_t us) { return (uint64_t)(us / 1000000) << 32 | ((uint64_t)(us % 1000000) << 32) / 1000000; }

/* A minute of sound and picture of one publisher whose clock runs 100 millionths fast, over a line that delays by 30 to 60 ms, the picture by 80 ms more in its encoder. */
static void sound_and_picture_stay_together_for_a_minute(void **state)
{
    struct rtp_base base = { 0 };
    struct rtp_clock sound, picture;
    int64_t sound_pts = 0, before[2] = { 0 };
    rtp_clock_init(&sound, 48000, true);
    rtp_clock_init(&picture, 90000, false);
    for (int64_t t = 0; t < 60000; t += 20) { /* ms on the publisher's clock */
        int64_t now_us = 5000000 + t * 1000 - t / 10, line_us = 30000 + (t * 7919) % 30000;
        uint32_t ts[2] = { (uint32_t)(4294900000u + t * 48), (uint32_t)(4294000000u + (t - 80) * 90) };
        rtp_clock_arrived(&sound, &base, ts[0], now_us + line_us);
        rtp_clock_arrived(&picture, &base, ts[1], now_us + line_us);
        if (t % 1000 == 500)
            rtp_clock_report(&picture, &base, ts[1], ntp_of(9000000000 + (t - 80) * 1000));
        if (t % 5000 == 2500)
            rtp_clock_report(&sound, &base, ts[0], ntp_of(9000000000 + t * 1000));
        int64_t s = rtp_clock_pts_us(&sound, &base, ts[0], now_us + line_us), p = rtp_clock_pts_us(&picture, &base, ts[1], now_us + line_us);
        if (t >= 1000) { /* even times, a sound's more so */
            assert_in_range(s - before[0], t < 4000 ? 13000 : 19400, t < 4000 ? 27000 : 20600);
            assert_in_range(p - before[1], 13000, 27000);
        }
        before[0] = s;
        before[1] = p;
        if (t >= 5000 && t % 20 == 0) {
            int64_t apart = p + 80000 - s; /* the picture of the same moment */
            if (apart < -5000 || apart > 5000)
                fail_msg("%lld ms: %lld us apart", (long long)t, (long long)apart);
            assert_in_range(now_us + 70000 - s, 0, 70000); /* and near to when it came, although the clocks drift */
        }
        sound_pts = s;
    }
    assert_true(sound_pts > 0 && !sound.jumped && !picture.jumped);
}

static void a_clock_that_is_put_moves_nothing(void **state)
{
    struct rtp_base base = { 0 };
    struct rtp_clock c[2];
    int64_t before[2] = { 0 };
    rtp_clock_init(&c[0], 48000, true);
    rtp_clock_init(&c[1], 90000, false);
    for (int64_t t = 0; t < 20000; t += 20) {
        int64_t wall_us = 9000000000 + t * 1000 + (t >= 10000 ? 3600000000 : 0); /* an hour on */
        for (int k = 0; k < 2; k++) {
            uint32_t ts = (uint32_t)(t * (k ? 90 : 48));
            rtp_clock_arrived(&c[k], &base, ts, 1000000 + t * 1000);
            if (t % 1000 == (k ? 300 : 700))
                rtp_clock_report(&c[k], &base, ts, ntp_of(wall_us));
            int64_t pts = rtp_clock_pts_us(&c[k], &base, ts, 1000000 + t * 1000);
            if (before[k])
                assert_in_range(pts - before[k], 19900, 20100);
            before[k] = pts;
        }
        assert_in_range(before[0] - before[1] + 1000, 0, 2000);
    }
    assert_false(c[0].jumped || c[1].jumped);
}

/* ---- RTCP ---- */

static void reports_count_as_the_rfc_says(void **state)
{
    struct rtcp_account a;
    uint8_t b[RTCP_RR_BYTES];
    struct rtcp_packet p;
    struct rtcp_report r;
    size_t at = 0;
    rtcp_account_init(&a, 77, 90000);
    for (int i = 0; i < 100; i++)
        if (i % 4)
            rtcp_account_packet(&a, (uint16_t)(65500 + i), (uint32_t)(i * 3000), 1000000 + i * 33333 + (i % 2) * 8000);
    a.lsr = 0x12345678;
    a.lsr_us = 4000000;
    r = rtcp_account_report(&a, 4500000);
    size_t n = rtcp_write_rr(b, 5, &r, 1);
    assert_true(rtcp_next(b, n, &at, &p) && p.type == RTCP_RR && p.ssrc == 5 && rtcp_report(&p, 0, &r) && !rtcp_next(b, n, &at, &p));
    assert_true(r.ssrc == 77 && r.lsr == 0x12345678 && r.dlsr == 32768);
    assert_int_equal(r.lost, 24); /* of 99 from the first that came */
    assert_in_range(r.fraction_lost, 24 * 256 / 99, 24 * 256 / 99);
    assert_int_equal(r.highest_seq, 65536 + 63);
    assert_in_range(r.jitter, 300, 720); /* 8 ms are 720 ticks */
    r = rtcp_account_report(&a, 4600000);
    assert_true(r.fraction_lost == 0 && r.lost == 24); /* nothing was due since */
}

static void asking_again_packs_near_numbers(void **state)
{
    static const uint16_t seqs[] = { 65530, 65531, 65535, 10, 11, 26, 27, 500 };
    uint8_t b[RTCP_NACK_BYTES];
    struct rtcp_packet p;
    uint16_t seq, mask, got[32];
    size_t at = 0, count = 0;
    size_t n = rtcp_write_nack(b, 1, 2, seqs, ARRAY_LEN(seqs));
    assert_int_equal(n, 12 + 4 * 3);
    assert_true(rtcp_next(b, n, &at, &p) && rtcp_media_ssrc(&p) == 2);
    for (int i = 0; rtcp_nack(&p, i, &seq, &mask); i++) {
        got[count++] = seq;
        for (int k = 0; k < 16; k++)
            if (mask >> k & 1)
                got[count++] = (uint16_t)(seq + 1 + k);
    }
    assert_int_equal(count, ARRAY_LEN(seqs));
    assert_memory_equal(got, seqs, sizeof(seqs));
}

static void small_packets_are_read_as_written(void **state)
{
    uint8_t b[64];
    struct rtcp_packet p;
    struct rtcp_sender s;
    uint64_t bps = 0;
    size_t at = 0, n = rtcp_write_pli(b, 1, 2);
    assert_true(rtcp_next(b, n, &at, &p) && p.type == RTCP_PSFB && p.count == RTCP_FB_PLI && rtcp_media_ssrc(&p) == 2);
    at = 0, n = rtcp_write_fir(b, 1, 2, 9);
    assert_true(rtcp_next(b, n, &at, &p) && rtcp_fir(&p, 2) && !rtcp_fir(&p, 3));
    at = 0, n = rtcp_write_remb(b, 1, 2, 7654321);
    assert_true(rtcp_next(b, n, &at, &p) && rtcp_remb(&p, &bps));
    assert_in_range(bps, 7654321 - 32, 7654321);
    at = 0, n = rtcp_write_sr(b, &(struct rtcp_sender) { .ssrc = 4, .ntp = 5, .ts = 6, .packets = 7, .octets = 8 });
    assert_true(rtcp_next(b, n, &at, &p) && rtcp_sender(&p, &s) && s.ssrc == 4 && s.ntp == 5 && s.ts == 6 && s.packets == 7 && s.octets == 8);
    at = 0, n = rtcp_write_bye(b, (uint32_t[]) { 1, 2 }, 2);
    assert_true(rtcp_next(b, n, &at, &p) && rtcp_bye(&p, 1) && rtcp_bye(&p, 2) && !rtcp_bye(&p, 3));
}

/* Reads a transport-wide feedback as the draft tells it; -1 for what did not come, else microseconds. Returns how many it covers. */
static int read_arrivals(const uint8_t *b, size_t n, int64_t *out, uint16_t *ret_base)
{
    struct rtcp_packet p;
    size_t at = 0, chunk_at = 12;
    assert_int_equal(n % 4, 0);
    assert_true(rtcp_next(b, n, &at, &p) && p.type == RTCP_RTPFB && p.count == 15 && at == n);
    int count = rd16be(p.body + 6), symbols[RTCP_ARRIVALS_REPORTED + 8], seen = 0;
    *ret_base = rd16be(p.body + 4);
    for (; seen < count; chunk_at += 2) {
        unsigned c = rd16be(p.body + chunk_at);
        for (int k = 0; c & 0x8000 && k < 7; k++)
            symbols[seen++] = c >> (12 - 2 * k) & 3;
        for (unsigned k = 0; !(c & 0x8000) && k < (c & 0x1fff); k++)
            symbols[seen++] = (int)(c >> 13);
    }
    int64_t us = (int64_t)rd24be(p.body + 8) * 64000;
    for (int i = 0; i < count; i++) {
        out[i] = -1;
        if (symbols[i] == 0)
            continue;
        us += 250 * (symbols[i] == 1 ? p.body[chunk_at] : (int16_t)rd16be(p.body + chunk_at));
        chunk_at += (size_t)symbols[i];
        out[i] = us;
    }
    assert_int_equal(chunk_at, p.body_len); /* no byte over but the padding */
    return count;
}

static void arrivals_are_told_to_a_quarter_of_a_millisecond(void **state)
{
    struct rtcp_arrivals a = { 0 };
    int64_t at_us[2000] = { 0 }, now_us = 123456789, got[RTCP_ARRIVALS_REPORTED];
    uint8_t b[RTCP_ARRIVALS_BYTES];
    uint16_t base;
    int told = 0, came = 0;
    assert_int_equal(rtcp_write_arrivals(b, 1, 2, &a), 0);
    for (int i = 0; i < 2000; i++) {
        now_us += i % 300 == 299 ? 200000 : (i * 37) % 3000; /* gaps that need the long form */
        bool is_lost = i > 0 && (i % 11 == 3 || (i > 700 && i < 780));
        if (!is_lost) {
            rtcp_arrivals_take(&a, (uint16_t)(65000 + i), now_us);
            at_us[i] = now_us;
            came++;
        }
        if (i % 97 && i != 1999)
            continue;
        for (size_t n; (n = rtcp_write_arrivals(b, 1, 2, &a)) > 0;) {
            assert_true(n <= sizeof(b) && b[19] == (uint8_t)(a.reports - 1));
            int count = read_arrivals(b, n, got, &base);
            for (int k = 0; k < count; k++) {
                int which = (uint16_t)(base + k - 65000);
                if ((got[k] >= 0) != (at_us[which] != 0))
                    fail_msg("packet %d", which);
                if (got[k] >= 0)
                    assert_in_range(at_us[which] - got[k] + 250, 0, 500);
                told += got[k] >= 0;
            }
        }
    }
    assert_int_equal(told, came);
    rtcp_arrivals_take(&a, (uint16_t)(65000 + 1999 - 3), now_us + 500); /* a straggler: told again from there */
    assert_true(rtcp_write_arrivals(b, 1, 2, &a) > 0);
    rtcp_arrivals_take(&a, (uint16_t)(65000 + 1999 + 9000), now_us + 600); /* far off: anew */
    size_t n = rtcp_write_arrivals(b, 1, 2, &a);
    assert_int_equal(read_arrivals(b, n, got, &base), 1);
}

/* ---- SDP ---- */

#define PRINT "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99"
/* Shortened from Chromium's: several H.264 formats, other codecs before them, everything in each section. */
#define TRANSPORT "c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:x6TH\r\na=ice-pwd:aSGBEu+D7wTMVuoLCKLkCRr1\r\na=ice-options:trickle\r\na=fingerprint:sha-256 " PRINT "\r\n"
static const char chromium[] =
    "v=0\r\no=- 3402187 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS m\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9\r\n" TRANSPORT "a=setup:actpass\r\na=mid:0\r\n"
    "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\na=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
    "a=sendonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=rtpmap:9 G722/8000\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 107 108 109 114 39 40\r\n" TRANSPORT "a=setup:actpass\r\na=mid:1\r\n"
    "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\na=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
    "a=sendonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
    "a=rtpmap:103 H264/90000\r\na=rtcp-fb:103 nack\r\na=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\na=rtpmap:104 rtx/90000\r\na=fmtp:104 apt=103\r\n"
    "a=rtpmap:107 H264/90000\r\na=fmtp:107 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r\na=rtpmap:108 rtx/90000\r\na=fmtp:108 apt=107\r\n"
    "a=rtpmap:109 H264/90000\r\na=rtcp-fb:109 goog-remb\r\na=rtcp-fb:109 transport-cc\r\na=rtcp-fb:109 ccm fir\r\na=rtcp-fb:109 nack\r\na=rtcp-fb:109 nack pli\r\n"
    "a=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e034\r\na=rtpmap:114 rtx/90000\r\na=fmtp:114 apt=109\r\n"
    "a=rtpmap:39 AV1/90000\r\na=rtpmap:40 rtx/90000\r\na=fmtp:40 apt=39\r\n"
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" TRANSPORT "a=setup:actpass\r\na=mid:2\r\na=sctp-port:5000\r\n";

static enum vcr_err parse(const char *text, struct sdp_choice *o, struct vcr_why *why) { return sdp_parse_publish(text, strlen(text), o, why); }

static char *answer_to(const struct sdp_choice *o)
{
    struct sdp_candidate c[] = { { "192.0.2.1", 8189, false } };
    uint8_t print[SDP_DIGEST_BYTES] = { 0xab };
    struct buf b;
    buf_init(&b, 8192);
    sdp_write_publish_answer(&b, o, &(struct sdp_accept) { .ufrag = "uuuu", .pwd = "pppp", .fingerprint = print, .candidates = c, .candidates_n = 1 });
    assert_true(buf_ok(&b));
    char *s = vcr_strndup(b.data, b.len);
    buf_free(&b);
    return s;
}

static void a_browsers_offer_is_answered_with_one_picture_and_one_sound(void **state)
{
    struct sdp_choice o;
    struct vcr_why why;
    if (parse(chromium, &o, &why))
        fail_msg("%s", why.text);
    assert_string_equal(o.client.ufrag, "x6TH");
    assert_true(o.video == 1 && o.audio == 0 && o.media_n == 3 && o.bundled && o.rsize);
    assert_true(o.video_pt == 109 && o.rtx_pt == 114 && o.audio_pt == 111 && o.video_cc == 3 && o.audio_cc == 3 && o.packetization_mode == 1);
    assert_int_equal(o.profile_level_id, 0x42e01f); /* level 3.1 is what goes on unchanged */
    assert_true(o.video_feedback.nack && o.video_feedback.pli && o.video_feedback.fir && !o.audio_feedback.nack);
    char *a = answer_to(&o);
    static const char *const says[] = {
        "a=ice-lite\r\na=group:BUNDLE 0 1\r\n", "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", "m=video 9 UDP/TLS/RTP/SAVPF 109 114\r\n", "a=fmtp:114 apt=109\r\n",
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n", "a=setup:passive\r\n", "a=recvonly\r\n", "a=rtcp-mux\r\n", "a=mid:2\r\n", "profile-level-id=42e01f",
        "a=rtcp-fb:109 transport-cc\r\n", "a=rtcp-fb:109 nack\r\n", "a=candidate:1 1 udp 2130706431 192.0.2.1 8189 typ host\r\n", "a=rtcp-fb:111 transport-cc\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(says); i++)
        if (!strstr(a, says[i]))
            fail_msg("not in the answer: %s\n%s", says[i], a);
    assert_null(strstr(a, "goog-remb")); /* one estimate is enough */
    assert_null(strstr(a, "actpass"));
    free(a);
}

/* As libdatachannel (OBS) offers: transport in the session part, no RTX, a sound in front. */
static void an_offer_of_obs_is_taken(void **state)
{
    static const char obs[] = "v=0\r\no=rtc 3246 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=group:LS 0 1\r\na=msid-semantic:WMS *\r\na=setup:actpass\r\n"
                              "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijkl\r\na=ice-options:ice2,trickle\r\na=fingerprint:sha-256 " PRINT "\r\n"
                              "m=audio 47212 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 192.0.2.7\r\na=mid:0\r\na=sendonly\r\na=ssrc:1 cname:x\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
                              "a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1\r\na=candidate:1 1 UDP 2122 192.0.2.7 47212 typ host\r\n"
                              "m=video 47212 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 192.0.2.7\r\na=mid:1\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 H264/90000\r\na=rtcp-fb:96 nack\r\n"
                              "a=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 goog-remb\r\na=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1\r\n";
    struct sdp_choice o;
    struct vcr_why why;
    if (parse(obs, &o, &why))
        fail_msg("%s", why.text);
    assert_true(o.video == 1 && o.audio == 0 && o.rtx_pt == 0 && o.video_cc == 0 && o.video_feedback.remb && o.video_feedback.nack && !o.rsize);
    assert_string_equal(o.client.ufrag, "abcd");
    char *a = answer_to(&o);
    assert_non_null(strstr(a, "a=rtcp-fb:96 goog-remb\r\n"));
    free(a);
}

static void offers_that_cannot_work_say_why(void **state)
{
    static const struct { const char *from, *to; enum vcr_err err; const char *says; } cases[] = {
        { "v=0", "v=1", VCR_E_MALFORMED, "v=0" },
        { "s=-\r\n", "s=-\r\n\r\n", VCR_E_MALFORMED, "line" },
        { "m=audio 9", "m=audio nine", VCR_E_MALFORMED, "media line" },
        { "SAVPF 111 63 9", "SAVPF 111 63 900", VCR_E_MALFORMED, "format" },
        { "SAVPF 111 63 9", "SAVPF", VCR_E_MALFORMED, "no formats" },
        { "sha-256 AA:", "sha-256 GG:", VCR_E_MALFORMED, "fingerprint" },
        { "a=ice-ufrag:x6TH", "a=ice-ufrag:x", VCR_E_MALFORMED, "ice-ufrag" },
        { "a=ice-pwd:aSGBEu+D7wTMVuoLCKLkCRr1", "a=ice-pwd:short", VCR_E_MALFORMED, "ice-pwd" },
        { "a=ice-ufrag:x6TH\r\n", "", VCR_E_INVALID, "ice-ufrag" },
        { "a=fingerprint:sha-256 " PRINT "\r\n", "", VCR_E_INVALID, "fingerprint" },
        { "a=setup:actpass", "a=setup:passive", VCR_E_INVALID, "actpass or active" },
        { "a=sendonly\r\na=rtcp-mux\r\na=rtcp-rsize", "a=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize", VCR_E_INVALID, "no picture" },
        { "a=sendonly\r\na=rtcp-mux\r\na=rtcp-rsize", "a=sendonly\r\na=rtcp-rsize", VCR_E_INVALID, "rtcp-mux" },
        { "SAVPF 96 97 103 104 107 108 109 114 39 40", "SAVPF 96 97", VCR_E_INVALID, "H.264" },
        { "a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0", VCR_E_INVALID, "share one transport" },
        { "a=group:BUNDLE 0 1 2\r\n", "", VCR_E_INVALID, "share one transport" },
        { "m=video 9 UDP/TLS/RTP/SAVPF", "m=video 9 RTP/AVP", VCR_E_INVALID, "no picture" },
        { "SAVPF 96 97 103 104 107 108 109 114 39 40", "SAVPF 111 97", VCR_E_INVALID, "H.264" },
    };
    struct sdp_choice o;
    struct vcr_why why;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *at = strstr(chromium, cases[i].from);
        assert_non_null(at);
        char *s = vcr_asprintf("%.*s%s%s", (int)(at - chromium), chromium, cases[i].to, at + strlen(cases[i].from));
        if (parse(s, &o, &why) != cases[i].err || !strstr(why.text, cases[i].says))
            fail_msg("%s -> %s: %s", cases[i].from, cases[i].to, why.text);
        free(s);
    }
    assert_int_equal(parse("", &o, &why), VCR_E_MALFORMED);
    struct buf many;
    buf_init(&many, 4096);
    buf_adds(&many, "v=0\r\n");
    for (int i = 0; i < 9; i++)
        buf_adds(&many, "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n");
    assert_int_equal(parse(many.data, &o, &why), VCR_E_MALFORMED);
    buf_free(&many);
    char *longer = vcr_alloc(SDP_MAX_BYTES + 2);
    memset(longer, 'a', SDP_MAX_BYTES + 1);
    assert_int_equal(parse(longer, &o, &why), VCR_E_MALFORMED);
    free(longer);
}

static void fragments_of_candidates_are_read(void **state)
{
    struct sdp_fragment f;
    struct vcr_why why;
    static const char good[] = "a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=ice-ufrag:x6TH\r\na=ice-pwd:aSGBEu+D7wTMVuoLCKLkCRr1\r\n"
                               "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=candidate:2 1 udp 1 x.local 6 typ host\r\na=end-of-candidates\r\n";
    assert_int_equal(sdp_parse_fragment(good, strlen(good), &f, &why), VCR_OK);
    assert_string_equal(f.ufrag, "x6TH");
    assert_int_equal(f.candidates, 2);
    assert_int_equal(sdp_parse_fragment("a=ice-ufrag:x6TH\r\n", 18, &f, &why), VCR_E_MALFORMED);
    assert_int_equal(sdp_parse_fragment("{}", 2, &f, &why), VCR_E_MALFORMED);
    assert_int_equal(sdp_parse_fragment("", 0, &f, &why), VCR_E_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_come_in_order_and_holes_are_waited_for),
        cmocka_unit_test(missing_packets_are_asked_for_and_not_for_ever),
        cmocka_unit_test(the_window_holds_only_so_much),
        cmocka_unit_test(access_units_are_joined_from_every_kind_of_payload),
        cmocka_unit_test(broken_payloads_and_holes_cost_all_to_the_next_key_frame),
        cmocka_unit_test(after_a_hole_only_a_unit_with_its_beginning_counts),
        cmocka_unit_test(access_units_have_a_greatest_length),
        cmocka_unit_test(sound_and_picture_stay_together_for_a_minute),
        cmocka_unit_test(a_clock_that_is_put_moves_nothing),
        cmocka_unit_test(reports_count_as_the_rfc_says),
        cmocka_unit_test(asking_again_packs_near_numbers),
        cmocka_unit_test(small_packets_are_read_as_written),
        cmocka_unit_test(arrivals_are_told_to_a_quarter_of_a_millisecond),
        cmocka_unit_test(a_browsers_offer_is_answered_with_one_picture_and_one_sound),
        cmocka_unit_test(an_offer_of_obs_is_taken),
        cmocka_unit_test(offers_that_cannot_work_say_why),
        cmocka_unit_test(fragments_of_candidates_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
