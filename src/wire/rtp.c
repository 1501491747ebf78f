/* wire/rtp.c - see rtp.h. */
#include "wire/rtp.h"

#include <assert.h>
#include <string.h>

#include "base/util.h"

enum { NAL_AUD = 9, NAL_STAP_A = 24, NAL_FU_A = 28, SMALL_NAL_BYTES = 300, PAYLOAD_MAX = 1400 };

size_t rtp_write(uint8_t out[RTP_HEADER_MAX], const struct rtp_header *h, const uint8_t *ext, size_t ext_len)
{
    size_t padded = (ext_len + 3) & ~(size_t)3;
    assert(padded <= RTP_EXT_BYTES);
    out[0] = ext_len ? 0x90 : 0x80;
    out[1] = (uint8_t)(h->pt | (h->marker ? 0x80 : 0));
    wr16be(out + 2, h->seq);
    wr32be(out + 4, h->ts);
    wr32be(out + 8, h->ssrc);
    if (!ext_len)
        return RTP_FIXED_BYTES;
    wr16be(out + 12, 0xbede);
    wr16be(out + 14, (uint16_t)(padded / 4));
    memset(out + 16, 0, padded);
    memcpy(out + 16, ext, ext_len);
    return RTP_FIXED_BYTES + 4 + padded;
}

bool rtp_parse(const uint8_t *p, size_t len, bool is_srtp, struct rtp_view *ret)
{
    if (len < RTP_FIXED_BYTES || p[0] >> 6 != 2)
        return false;
    size_t head = RTP_FIXED_BYTES + 4 * (size_t)(p[0] & 15);
    if (p[0] & 0x10) {
        if (len < head + 4)
            return false;
        head += 4 + 4 * (size_t)rd16be(p + head + 2);
    }
    if (len < head)
        return false;
    size_t pad = 0;
    if (!is_srtp && p[0] & 0x20) {
        pad = p[len - 1];
        if (pad == 0 || pad > len - head)
            return false;
    }
    *ret = (struct rtp_view) {
        .head = { .pt = p[1] & 0x7f, .marker = p[1] >> 7, .seq = rd16be(p + 2), .ts = rd32be(p + 4), .ssrc = rd32be(p + 8) },
        .header_len = head,
        .payload_len = len - head - pad,
    };
    return true;
}

const uint8_t *rtp_extension(const uint8_t *p, const struct rtp_view *v, int id, size_t *ret_len)
{
    size_t at = RTP_FIXED_BYTES + 4 * (size_t)(p[0] & 15) + 4;
    if (!(p[0] & 0x10) || rd16be(p + at - 4) != 0xbede)
        return NULL;
    while (at < v->header_len) {
        if (p[at] == 0) { /* padding */
            at++;
            continue;
        }
        size_t n = (p[at] & 15) + (size_t)1;
        if (p[at] >> 4 == 15 || n > v->header_len - at - 1)
            return NULL;
        if (p[at] >> 4 == id) {
            *ret_len = n;
            return p + at + 1;
        }
        at += 1 + n;
    }
    return NULL;
}

/* The next NAL unit at or after *at: its bytes without start code and trailing zeros; false at the end. */
static bool next_nal(const uint8_t *p, size_t len, size_t *at, const uint8_t **ret_nal, size_t *ret_len)
{
    size_t i = *at;
    while (i + 3 <= len && !(p[i] == 0 && p[i + 1] == 0 && p[i + 2] == 1))
        i++;
    if (i + 3 > len)
        return false;
    size_t start = i += 3;
    while (i + 3 <= len && !(p[i] == 0 && p[i + 1] == 0 && p[i + 2] <= 1))
        i++;
    size_t end = i + 3 > len ? len : i;
    *at = end;
    while (end > start && p[end - 1] == 0)
        end--;
    *ret_nal = p + start;
    *ret_len = end - start;
    return true;
}

struct cutter {
    rtp_payload_fn fn;
    void *arg;
    size_t max;
    int made;
    size_t stap_len; /* 0: none open */
    const uint8_t *only; /* the one unit in the open STAP-A, so that a lone one can go out plain */
    size_t only_len;
    uint8_t stap[PAYLOAD_MAX];
};

static void emit(struct cutter *c, const uint8_t *payload, size_t len)
{
    c->fn(c->arg, payload, len);
    c->made++;
}

static void close_stap(struct cutter *c)
{
    if (!c->stap_len)
        return;
    if (c->only)
        emit(c, c->only, c->only_len);
    else
        emit(c, c->stap, c->stap_len);
    c->stap_len = 0;
}

static void add_small(struct cutter *c, const uint8_t *nal, size_t len)
{
    if (c->stap_len + 2 + len > c->max)
        close_stap(c);
    c->only = c->stap_len ? NULL : nal;
    c->only_len = len;
    if (!c->stap_len) {
        c->stap[0] = NAL_STAP_A;
        c->stap_len = 1;
    }
    if ((nal[0] & 0x60) > (c->stap[0] & 0x60)) /* NRI: the highest of those inside */
        c->stap[0] = (uint8_t)((nal[0] & 0x60) | NAL_STAP_A);
    wr16be(c->stap + c->stap_len, (uint16_t)len);
    memcpy(c->stap + c->stap_len + 2, nal, len);
    c->stap_len += 2 + len;
}

static void add_long(struct cutter *c, const uint8_t *nal, size_t len)
{
    uint8_t piece[PAYLOAD_MAX];
    size_t body = len - 1, room = c->max - 2, pieces = (body + room - 1) / room, size = (body + pieces - 1) / pieces;
    for (size_t at = 0; at < body; at += size) {
        size_t n = VCR_MIN(size, body - at);
        piece[0] = (uint8_t)((nal[0] & 0xe0) | NAL_FU_A);
        piece[1] = (uint8_t)((nal[0] & 31) | (at ? 0 : 0x80) | (at + n == body ? 0x40 : 0));
        memcpy(piece + 2, nal + 1 + at, n);
        emit(c, piece, n + 2);
    }
}

int rtp_h264_cut(const uint8_t *au, size_t len, size_t max_bytes, rtp_payload_fn fn, void *arg)
{
    assert(max_bytes >= 64 && max_bytes <= PAYLOAD_MAX);
    struct cutter c = { .fn = fn, .arg = arg, .max = max_bytes };
    const uint8_t *nal;
    size_t n;
    for (size_t at = 0; next_nal(au, len, &at, &nal, &n);) {
        if (n == 0 || (nal[0] & 31) == NAL_AUD)
            continue;
        if (n <= SMALL_NAL_BYTES && n + 3 <= max_bytes) {
            add_small(&c, nal, n);
            continue;
        }
        close_stap(&c);
        if (n <= max_bytes)
            emit(&c, nal, n);
        else
            add_long(&c, nal, n);
    }
    close_stap(&c);
    return c.made;
}
