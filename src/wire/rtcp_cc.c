/* wire/rtcp_cc.c - see rtcp_cc.h. */
#include "wire/rtcp_cc.h"

#include "base/util.h"

enum { HEAD_BYTES = 12, ONE_BIT_SYMBOLS = 14, TWO_BIT_SYMBOLS = 7, FILLING_BYTES = 3 };
enum symbol { NOT_HERE, SMALL, LARGE, RESERVED };

/* How many symbols the chunk has: a run, or a vector of one or two bits each. */
static int chunk_symbols(uint16_t chunk)
{
    if (!(chunk & 0x8000))
        return chunk & 0x1fff;
    return chunk & 0x4000 ? TWO_BIT_SYMBOLS : ONE_BIT_SYMBOLS;
}

static enum symbol chunk_symbol(uint16_t chunk, int i)
{
    if (!(chunk & 0x8000))
        return (enum symbol)(chunk >> 13 & 3);
    if (chunk & 0x4000)
        return (enum symbol)(chunk >> (12 - 2 * i) & 3);
    return chunk >> (13 - i) & 1 ? SMALL : NOT_HERE;
}

/* The bytes of the chunk's deltas; what a vector has beyond `left` must say nothing. */
static bool check_chunk(uint16_t chunk, int left, size_t *ret_delta_bytes)
{
    int n = chunk_symbols(chunk);
    bool is_run = !(chunk & 0x8000);
    *ret_delta_bytes = 0;
    if (n == 0 || (is_run && n > left))
        return false;
    for (int i = 0; i < n; i++) {
        enum symbol s = chunk_symbol(chunk, i);
        if (s == RESERVED || (i >= left && s != NOT_HERE))
            return false;
        *ret_delta_bytes += (size_t)s; /* a small one has one byte, a large one two */
    }
    return true;
}

bool rtcp_cc_read(const struct rtcp_packet *p, struct rtcp_cc *ret)
{
    if (p->type != RTCP_RTPFB || p->count != RTCP_FB_TRANSPORT_CC || p->body_len < HEAD_BYTES + 2)
        return false;
    const uint8_t *q = p->body, *end = p->body + p->body_len, *chunk = q + HEAD_BYTES;
    struct rtcp_cc c = { .first = rd16be(q + 4), .count = rd16be(q + 6), .reference = rd24be(q + 8), .number = q[11], .chunk = chunk };
    size_t deltas = 0;
    if (c.count == 0 || c.count > RTCP_CC_PACKETS_MAX)
        return false;
    for (int left = c.count; left > 0; chunk += 2) {
        size_t bytes;
        if (end - chunk < 2 || !check_chunk(rd16be(chunk), left, &bytes))
            return false;
        left -= VCR_MIN(left, chunk_symbols(rd16be(chunk)));
        deltas += bytes;
    }
    size_t room = (size_t)(end - chunk);
    if (deltas > room || room - deltas > FILLING_BYTES)
        return false;
    c.delta = chunk;
    *ret = c;
    return true;
}

bool rtcp_cc_next(struct rtcp_cc *c, uint16_t *ret_seq, bool *ret_came, int64_t *ret_at_us)
{
    if (c->done == c->count)
        return false;
    uint16_t chunk = rd16be(c->chunk);
    enum symbol s = chunk_symbol(chunk, c->in_chunk);
    *ret_seq = (uint16_t)(c->first + c->done++);
    *ret_came = s != NOT_HERE;
    if (s == SMALL) {
        c->at_us += RTCP_CC_TICK_US * c->delta[0];
        c->delta += 1;
    } else if (s == LARGE) {
        c->at_us += RTCP_CC_TICK_US * (int16_t)rd16be(c->delta);
        c->delta += 2;
    }
    if (s != NOT_HERE)
        *ret_at_us = c->at_us;
    if (++c->in_chunk == chunk_symbols(chunk)) {
        c->in_chunk = 0;
        c->chunk += 2;
    }
    return true;
}
