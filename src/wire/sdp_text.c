/* wire/sdp_text.c - see sdp_text.h. */
#include "wire/sdp_text.h"

#include <string.h>

static int hex_digit(int c) { return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1; }

bool sdp_parse_digest(const char *s, uint8_t out[SDP_DIGEST_BYTES])
{
    if (strlen(s) != SDP_DIGEST_BYTES * 3 - 1)
        return false;
    for (int i = 0; i < SDP_DIGEST_BYTES; i++, s += 3) {
        int high = hex_digit(s[0]), low = hex_digit(s[1]);
        if (high < 0 || low < 0 || (i + 1 < SDP_DIGEST_BYTES && s[2] != ':'))
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool sdp_is_ice_text(const char *s, size_t min)
{
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    return s[n] == '\0' && n >= min && n <= SDP_ICE_MAX;
}

bool sdp_next_line(const char *text, size_t len, size_t *at, char line[SDP_LINE_BYTES], bool *ret_ok)
{
    if (*at >= len)
        return false;
    const char *start = text + *at, *end = memchr(start, '\n', len - *at);
    size_t n = end ? (size_t)(end - start) : len - *at;
    *at += n + 1;
    if (n && start[n - 1] == '\r')
        n--;
    *ret_ok = n >= 2 && n < SDP_LINE_BYTES && start[0] >= 'a' && start[0] <= 'z' && start[1] == '=' && !memchr(start, '\0', n);
    n = *ret_ok ? n : 0;
    memcpy(line, start, n);
    line[n] = '\0';
    return true;
}

void sdp_write_digest(struct buf *b, const uint8_t digest[SDP_DIGEST_BYTES])
{
    for (int i = 0; i < SDP_DIGEST_BYTES; i++)
        buf_addf(b, "%s%02X", i ? ":" : "", digest[i]);
}

void sdp_write_candidates(struct buf *b, const struct sdp_candidate *candidates, int n)
{
    for (int i = 0; i < n; i++) /* type preference of host candidates, then our order (RFC 8445 5.1.2) */
        buf_addf(b, "a=candidate:%d 1 udp %u %s %u typ host\r\n", i + 1, (126u << 24) + ((65535u - (unsigned)i) << 8) + 255u, candidates[i].address, candidates[i].port);
    for (int i = 0; i < n; i++) /* TCP after all of UDP: another type preference; passive is 4 of 7 directions (RFC 6544 4.2) */
        if (candidates[i].has_tcp)
            buf_addf(b, "a=candidate:%d 1 tcp %u %s %u typ host tcptype passive\r\n", n + i + 1, (90u << 24) + (((4u << 13) + 8191u - (unsigned)i) << 8) + 255u, candidates[i].address,
                     candidates[i].port);
    buf_adds(b, "a=end-of-candidates\r\n");
}
