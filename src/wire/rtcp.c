/* wire/rtcp.c - see rtcp.h. */
#include "wire/rtcp.h"

#include <assert.h>
#include <string.h>

#include "base/util.h"

enum { BLOCK = 24, SENDER_INFO = 20 };

bool rtcp_next(const uint8_t *p, size_t len, size_t *at, struct rtcp_packet *ret)
{
    if (*at > len || len - *at < 4)
        return false;
    const uint8_t *q = p + *at;
    size_t n = 4 + 4 * (size_t)rd16be(q + 2);
    if (q[0] >> 6 != 2 || n > len - *at)
        return false;
    size_t body = n;
    if (q[0] & 0x20) { /* padding: its last byte counts it; by fewer than four bytes, too, as transport-wide feedback is padded */
        size_t pad = q[n - 1];
        if (pad == 0 || pad > n - 4)
            return false;
        body -= pad;
    }
    bool has_ssrc = body >= 8;
    *ret = (struct rtcp_packet) {
        .type = q[1],
        .count = q[0] & 31,
        .ssrc = has_ssrc ? rd32be(q + 4) : 0,
        .body = q + (has_ssrc ? 8 : body),
        .body_len = has_ssrc ? body - 8 : 0,
    };
    *at += n;
    return true;
}

bool rtcp_report(const struct rtcp_packet *p, int i, struct rtcp_report *ret)
{
    if (p->type != RTCP_SR && p->type != RTCP_RR)
        return false;
    size_t at = (p->type == RTCP_SR ? SENDER_INFO : 0) + BLOCK * (size_t)i;
    if (i < 0 || i >= p->count || at + BLOCK > p->body_len)
        return false;
    const uint8_t *q = p->body + at;
    uint32_t lost = rd24be(q + 5);
    *ret = (struct rtcp_report) {
        .ssrc = rd32be(q),
        .fraction_lost = q[4],
        .lost = lost & 0x800000 ? (int32_t)lost - 0x1000000 : (int32_t)lost,
        .highest_seq = rd32be(q + 8),
        .jitter = rd32be(q + 12),
        .lsr = rd32be(q + 16),
        .dlsr = rd32be(q + 20),
    };
    return true;
}

uint32_t rtcp_media_ssrc(const struct rtcp_packet *p)
{
    return (p->type == RTCP_RTPFB || p->type == RTCP_PSFB) && p->body_len >= 4 ? rd32be(p->body) : 0;
}

bool rtcp_nack(const struct rtcp_packet *p, int i, uint16_t *ret_seq, uint16_t *ret_mask)
{
    size_t at = 4 + 4 * (size_t)i;
    if (p->type != RTCP_RTPFB || p->count != RTCP_FB_NACK || i < 0 || at + 4 > p->body_len)
        return false;
    *ret_seq = rd16be(p->body + at);
    *ret_mask = rd16be(p->body + at + 2);
    return true;
}

bool rtcp_fir(const struct rtcp_packet *p, uint32_t ssrc)
{
    if (p->type != RTCP_PSFB || p->count != RTCP_FB_FIR)
        return false;
    for (size_t at = 4; at + 8 <= p->body_len; at += 8)
        if (rd32be(p->body + at) == ssrc)
            return true;
    return false;
}

bool rtcp_remb(const struct rtcp_packet *p, uint64_t *ret_bps)
{
    if (p->type != RTCP_PSFB || p->count != RTCP_FB_AFB || p->body_len < 12 || memcmp(p->body + 4, "REMB", 4) != 0)
        return false;
    int shift = p->body[9] >> 2;
    if (shift > 40) /* 18 bits shifted further say more than any network carries */
        return false;
    *ret_bps = (uint64_t)(rd24be(p->body + 9) & 0x3ffff) << shift;
    return true;
}

size_t rtcp_write_sr(uint8_t *out, const struct rtcp_sender *s)
{
    out[0] = 0x80;
    out[1] = RTCP_SR;
    wr16be(out + 2, RTCP_SR_BYTES / 4 - 1);
    wr32be(out + 4, s->ssrc);
    wr64be(out + 8, s->ntp);
    wr32be(out + 16, s->ts);
    wr32be(out + 20, s->packets);
    wr32be(out + 24, s->octets);
    return RTCP_SR_BYTES;
}

size_t rtcp_write_cname(uint8_t *out, uint32_t ssrc, const char *cname)
{
    size_t len = strlen(cname), chunk = (4 + 2 + len + 1 + 3) & ~(size_t)3; /* SSRC, item head, text, at least one zero */
    assert(len <= RTCP_CNAME_MAX);
    memset(out, 0, 4 + chunk);
    out[0] = 0x81;
    out[1] = RTCP_SDES;
    wr16be(out + 2, (uint16_t)(chunk / 4));
    wr32be(out + 4, ssrc);
    out[8] = 1;
    out[9] = (uint8_t)len;
    memcpy(out + 10, cname, len);
    return 4 + chunk;
}

size_t rtcp_write_bye(uint8_t *out, const uint32_t *ssrcs, int count)
{
    assert(count >= 1 && count <= 4);
    out[0] = (uint8_t)(0x80 | count);
    out[1] = RTCP_BYE;
    wr16be(out + 2, (uint16_t)count);
    for (int i = 0; i < count; i++)
        wr32be(out + 4 + 4 * i, ssrcs[i]);
    return 4 + 4 * (size_t)count;
}
