/* wire/rtcp_receive.c - see rtcp_receive.h. */
#include "wire/rtcp_receive.h"

#include <assert.h>
#include <string.h>

#include "base/util.h"
#include "wire/rtcp_cc.h"

enum { RUN_MIN = 7, RUN_MAX = 0x1fff, VECTOR = 7, REORDER_MAX = 128 };
enum symbol { NOT_HERE, SMALL, LARGE };

/* ---- accounts ---- */

void rtcp_account_init(struct rtcp_account *a, uint32_t ssrc, uint32_t rate_hz) { *a = (struct rtcp_account) { .ssrc = ssrc, .rate_hz = rate_hz }; }

void rtcp_account_packet(struct rtcp_account *a, uint16_t seq, uint32_t ts, int64_t now_us)
{
    if (!a->started) {
        a->started = true;
        a->base = a->highest = UINT64_C(0x10000) + seq;
    } else {
        uint64_t n = a->highest + (uint64_t)(int64_t)(int16_t)(seq - (uint16_t)a->highest);
        a->highest = VCR_MAX(a->highest, n);
        double moved = (double)(now_us - a->last_us) * a->rate_hz / 1e6 - (double)(int32_t)(ts - a->last_ts);
        a->jitter += ((moved < 0 ? -moved : moved) - a->jitter) / 16;
    }
    a->received++;
    a->last_ts = ts;
    a->last_us = now_us;
}

struct rtcp_report rtcp_account_report(struct rtcp_account *a, int64_t now_us)
{
    uint64_t expected = a->started ? a->highest - a->base + 1 : 0, due = expected - a->expected_before, came = a->received - a->received_before;
    uint64_t part = due > came ? (due - came) * 256 / due : 0;
    int64_t lost = VCR_CLAMP((int64_t)(expected - a->received), -0x800000, 0x7fffff);
    a->expected_before = expected;
    a->received_before = a->received;
    return (struct rtcp_report) {
        .ssrc = a->ssrc,
        .fraction_lost = (uint8_t)(part > 255 ? 255 : part),
        .lost = (int32_t)lost,
        .highest_seq = (uint32_t)(a->highest - 0x10000), /* the cycles are counted from 0 */
        .jitter = (uint32_t)VCR_MIN(a->jitter, 4e9),
        .lsr = a->lsr,
        .dlsr = a->lsr ? (uint32_t)((uint64_t)(now_us - a->lsr_us) * 65536 / 1000000) : 0,
    };
}

/* ---- reading ---- */

bool rtcp_sender(const struct rtcp_packet *p, struct rtcp_sender *ret)
{
    if (p->type != RTCP_SR || p->body_len < 20)
        return false;
    *ret = (struct rtcp_sender) { .ssrc = p->ssrc, .ntp = rd64be(p->body), .ts = rd32be(p->body + 8), .packets = rd32be(p->body + 12), .octets = rd32be(p->body + 16) };
    return true;
}

bool rtcp_bye(const struct rtcp_packet *p, uint32_t ssrc)
{
    if (p->type != RTCP_BYE || p->count == 0)
        return false;
    bool found = p->ssrc == ssrc;
    for (size_t i = 1; i < p->count && 4 * i <= p->body_len; i++)
        found |= rd32be(p->body + 4 * (i - 1)) == ssrc;
    return found;
}

/* ---- writing ---- */

static size_t head(uint8_t *out, int count, int type, uint32_t from, size_t bytes)
{
    out[0] = (uint8_t)(0x80 | count);
    out[1] = (uint8_t)type;
    wr16be(out + 2, (uint16_t)(bytes / 4 - 1));
    wr32be(out + 4, from);
    return bytes;
}

size_t rtcp_write_rr(uint8_t *out, uint32_t from, const struct rtcp_report *blocks, int count)
{
    assert(count >= 0 && count <= RTCP_RR_BLOCKS_MAX);
    uint8_t *p = out + 8;
    for (int i = 0; i < count; i++, p += 24) {
        const struct rtcp_report *b = &blocks[i];
        wr32be(p, b->ssrc);
        p[4] = b->fraction_lost;
        wr24be(p + 5, (uint32_t)b->lost & 0xffffff);
        wr32be(p + 8, b->highest_seq);
        wr32be(p + 12, b->jitter);
        wr32be(p + 16, b->lsr);
        wr32be(p + 20, b->dlsr);
    }
    return head(out, count, RTCP_RR, from, (size_t)(p - out));
}

size_t rtcp_write_nack(uint8_t *out, uint32_t from, uint32_t media, const uint16_t *seqs, int count)
{
    assert(count >= 1 && count <= RTCP_NACKS_MAX);
    uint8_t *p = out + 12;
    wr32be(out + 8, media);
    for (int i = 0; i < count; p += 4) {
        uint16_t first = seqs[i++], mask = 0;
        for (; i < count && (uint16_t)(seqs[i] - first - 1) < 16; i++)
            mask |= (uint16_t)(1u << (uint16_t)(seqs[i] - first - 1));
        wr16be(p, first);
        wr16be(p + 2, mask);
    }
    return head(out, RTCP_FB_NACK, RTCP_RTPFB, from, (size_t)(p - out));
}

size_t rtcp_write_pli(uint8_t *out, uint32_t from, uint32_t media)
{
    wr32be(out + 8, media);
    return head(out, RTCP_FB_PLI, RTCP_PSFB, from, RTCP_PLI_BYTES);
}

size_t rtcp_write_fir(uint8_t *out, uint32_t from, uint32_t media, uint8_t number)
{
    wr32be(out + 8, 0); /* RFC 5104 4.3.1.2: the entry names the stream */
    wr32be(out + 12, media);
    wr32be(out + 16, (uint32_t)number << 24);
    return head(out, RTCP_FB_FIR, RTCP_PSFB, from, RTCP_FIR_BYTES);
}

size_t rtcp_write_remb(uint8_t *out, uint32_t from, uint32_t media, uint64_t bps)
{
    int shift = 0;
    while (bps >> shift > 0x3ffff)
        shift++;
    wr32be(out + 8, 0);
    memcpy(out + 12, "REMB", 4);
    out[16] = 1;
    wr24be(out + 17, (uint32_t)shift << 18 | (uint32_t)(bps >> shift));
    wr32be(out + 20, media);
    return head(out, RTCP_FB_AFB, RTCP_PSFB, from, RTCP_REMB_BYTES);
}

/* ---- arrivals ---- */

void rtcp_arrivals_take(struct rtcp_arrivals *a, uint16_t number, int64_t now_us)
{
    uint64_t n = a->end - 1 + (uint64_t)(int64_t)(int16_t)(number - (uint16_t)(a->end - 1));
    if (!a->started || n >= a->end + RTCP_ARRIVALS / 2 || n + RTCP_ARRIVALS / 2 < a->end) {
        a->started = true;
        n = UINT64_C(0x10000) + number;
        a->next = a->end = n;
        memset(a->at_us, 0, sizeof(a->at_us));
    }
    if (n < a->next) { /* late: the sender takes it for lost, until it is told again from here */
        if (a->next - n > REORDER_MAX)
            return;
        a->next = n;
    }
    for (; a->end <= n; a->end++)
        a->at_us[a->end % RTCP_ARRIVALS] = 0;
    a->next = VCR_MAX(a->next, a->end > RTCP_ARRIVALS / 2 ? a->end - RTCP_ARRIVALS / 2 : 0);
    if (!a->at_us[n % RTCP_ARRIVALS])
        a->at_us[n % RTCP_ARRIVALS] = now_us;
}

struct chunks {
    uint8_t symbols[RTCP_ARRIVALS_REPORTED];
    int16_t deltas[RTCP_ARRIVALS_REPORTED]; /* of those that are here */
    int count, here;
};

/* As many as a delta of 16 bits can span. */
static void collect(const struct rtcp_arrivals *a, int64_t reference_us, struct chunks *c)
{
    int64_t before_us = reference_us;
    for (uint64_t n = a->next; n < a->end && c->count < RTCP_ARRIVALS_REPORTED; n++) {
        int64_t at_us = a->at_us[n % RTCP_ARRIVALS], delta = (at_us - before_us) / RTCP_CC_TICK_US;
        if (at_us && (delta > INT16_MAX || delta < INT16_MIN))
            break;
        c->symbols[c->count++] = (uint8_t)(!at_us ? NOT_HERE : delta >= 0 && delta < 256 ? SMALL : LARGE);
        if (!at_us)
            continue;
        c->deltas[c->here++] = (int16_t)delta;
        before_us += delta * RTCP_CC_TICK_US; /* as the reader adds them up */
    }
}

static uint8_t *write_chunks(uint8_t *p, const struct chunks *c)
{
    for (int i = 0, run; i < c->count; p += 2) {
        for (run = 1; i + run < c->count && run < RUN_MAX && c->symbols[i + run] == c->symbols[i]; run++)
            ;
        if (run >= RUN_MIN) {
            wr16be(p, (uint16_t)(c->symbols[i] << 13 | run));
            i += run;
            continue;
        }
        uint16_t bits = 0xc000; /* two bits each */
        for (int k = 0; k < VECTOR && i < c->count; k++, i++)
            bits |= (uint16_t)(c->symbols[i] << (12 - 2 * k));
        wr16be(p, bits);
    }
    return p;
}

size_t rtcp_write_arrivals(uint8_t *out, uint32_t from, uint32_t media, struct rtcp_arrivals *a)
{
    struct chunks c = { 0 };
    while (a->next < a->end && !a->at_us[a->next % RTCP_ARRIVALS])
        a->next++; /* a report begins with one that came */
    if (!a->started || a->next == a->end)
        return 0;
    int64_t reference = a->at_us[a->next % RTCP_ARRIVALS] / RTCP_CC_REFERENCE_US;
    collect(a, reference * RTCP_CC_REFERENCE_US, &c);
    wr32be(out + 8, media);
    wr16be(out + 12, (uint16_t)a->next);
    wr16be(out + 14, (uint16_t)c.count);
    wr24be(out + 16, (uint32_t)reference & 0xffffff);
    out[19] = a->reports++;
    uint8_t *p = write_chunks(out + 20, &c);
    for (int i = 0, k = 0; i < c.count; i++) {
        if (c.symbols[i] == SMALL) {
            *p++ = (uint8_t)c.deltas[k++];
        } else if (c.symbols[i] == LARGE) {
            wr16be(p, (uint16_t)c.deltas[k++]);
            p += 2;
        }
    }
    a->next += (uint64_t)c.count;
    size_t n = (size_t)(p - out), padding = -n & 3;
    memset(p, 0, padding);
    if (padding)
        out[n + padding - 1] = (uint8_t)padding;
    head(out, RTCP_FB_TRANSPORT_CC, RTCP_RTPFB, from, n + padding);
    out[0] |= padding ? 0x20 : 0;
    return n + padding;
}
