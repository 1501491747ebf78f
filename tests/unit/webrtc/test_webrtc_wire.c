/* tests/unit/webrtc/test_webrtc_wire.c - STUN, SRTP, RTP, RTCP and SDP against their RFCs' vectors, libsrtp2 as an oracle, and bad input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <srtp2/srtp.h>

#include "base/util.h"
#include "wire/rtcp.h"
#include "wire/rtp.h"
#include "wire/sdp.h"
#include "wire/srtp.h"
#include "wire/stun.h"

static size_t unhex(uint8_t *out, const char *hex)
{
    size_t n = 0;
    unsigned v;
    int used;
    for (; sscanf(hex, " %2x%n", &v, &used) == 1; hex += used)
        out[n++] = (uint8_t)v;
    return n;
}

/* ---- STUN: RFC 5769 ---- */

static const char request_hex[] = "00010058 2112a442 b7e7a701bc34d686fa87dfae 80220010 5354554e207465737420636c69656e74 00240004 6e0001ff"
                                  "80290008 932ff9b151263b36 00060009 6576746a3a68367659202020 00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
                                  "80280004 e57a3bcf";
static const char v4_hex[] = "0101003c 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220 00200008 0001a147e112a643"
                             "00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004 c07d4c96";
static const char v6_hex[] = "01010048 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220"
                             "00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9 00080014 a382954e4be67bf11784c97c8292c275bfe3ed41 80280004 c8fb0b4c";
static const char password[] = "VOkJxbRl1RmTxUk/WvJxBt";

static void stun_reads_the_vectors_of_rfc_5769(void **state)
{
    uint8_t b[200];
    struct stun_msg m;
    size_t n = unhex(b, request_hex);
    assert_true(stun_parse(b, n, &m));
    assert_int_equal(m.type, STUN_BINDING_REQUEST);
    assert_int_equal(m.user_len, 9);
    assert_memory_equal(m.user, "evtj:h6vY", 9);
    assert_true(m.controlled && !m.controlling && !m.use_candidate && m.has_fingerprint);
    assert_true(stun_check(b, &m, password));
    assert_false(stun_check(b, &m, "VOkJxbRl1RmTxUk/WvJxBu"));

    static const uint8_t v4[] = { 192, 0, 2, 1 }, v6[] = { 0x20, 1, 0x0d, 0xb8, 0x12, 0x34, 0x56, 0x78, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77 };
    n = unhex(b, v4_hex);
    assert_true(stun_parse(b, n, &m) && stun_check(b, &m, password) && m.has_mapped && !m.mapped.is_v6);
    assert_memory_equal(m.mapped.bytes, v4, 4);
    assert_int_equal(m.mapped.port, 32853);
    n = unhex(b, v6_hex);
    assert_true(stun_parse(b, n, &m) && stun_check(b, &m, password) && m.has_mapped && m.mapped.is_v6);
    assert_memory_equal(m.mapped.bytes, v6, 16);
}

static void stun_refuses_every_changed_byte(void **state)
{
    uint8_t b[200];
    struct stun_msg m;
    size_t n = unhex(b, request_hex);
    for (size_t i = 0; i < n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            b[i] ^= (uint8_t)(1 << bit);
            assert_false(stun_parse(b, n, &m) && m.has_fingerprint && stun_check(b, &m, password));
            b[i] ^= (uint8_t)(1 << bit);
        }
        assert_false(stun_parse(b, i, &m));
    }
}

static void stun_composes_what_it_reads(void **state)
{
    struct stun_out o;
    struct stun_msg m;
    struct stun_addr a = { .port = 8189, .is_v6 = true };
    uint8_t txid[STUN_TXID_BYTES];
    vcr_random(txid, sizeof(txid));
    vcr_random(a.bytes, sizeof(a.bytes));
    stun_begin(&o, STUN_BINDING_OK, txid);
    stun_add_mapped(&o, &a);
    stun_end(&o, password);
    assert_true(stun_parse(o.bytes, o.len, &m) && m.has_fingerprint && stun_check(o.bytes, &m, password));
    assert_memory_equal(m.txid, txid, sizeof(txid));
    assert_memory_equal(m.mapped.bytes, a.bytes, sizeof(a.bytes));
    assert_int_equal(m.mapped.port, 8189);
    stun_begin(&o, STUN_BINDING_ERROR, txid);
    stun_add_error(&o, 487, "Role Conflict");
    stun_end(&o, password);
    assert_true(stun_parse(o.bytes, o.len, &m) && stun_check(o.bytes, &m, password));
    assert_int_equal(m.error, 487);
}

/* ---- SRTP ---- */

static size_t a_packet(uint8_t *b, uint32_t ssrc, uint64_t index, size_t payload)
{
    size_t n = rtp_write(b, &(struct rtp_header) { .pt = 102, .seq = (uint16_t)index, .ts = 1, .ssrc = ssrc }, (const uint8_t *)"\x12\1\2\3", 4);
    for (size_t i = 0; i < payload; i++)
        b[n + i] = (uint8_t)(index + i);
    return n;
}

/* RFC 3711 B.3: the session keys that this master key must give. */
static void srtp_derives_the_keys_of_rfc_3711(void **state)
{
    uint8_t key[16], salt[14], cipher[16], auth[20], session_salt[14], plain[100], sealed[200], want[200], iv[16] = { 0 }, roc[4] = { 0 };
    unhex(key, "E1F97A0D3E018BE0D64FA32C06DE4139");
    unhex(salt, "0EC675AD498AFEEBB6960B3AABE6");
    unhex(cipher, "C61E7A93744F39EE10734AFE3FF7A087");
    unhex(session_salt, "30CBBC08863D8C85D49DB34A9AE1");
    unhex(auth, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4");
    struct srtp *s;
    assert_int_equal(srtp_open(&s, SRTP_CM_SHA1_80, true, key, salt, NULL), VCR_OK);
    size_t head = a_packet(plain, 0xdeadbeef, 0x1234, 40);
    assert_int_equal(srtp_seal_rtp(s, sealed, plain, head, plain + head, 40, 0x1234), head + 40 + 10);
    memcpy(iv, session_salt, 14);
    uint8_t x[10] = { 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0, 0x12, 0x34 };
    for (int i = 0; i < 10; i++)
        iv[4 + i] ^= x[i];
    int n;
    unsigned mac_len;
    uint8_t mac[20];
    memcpy(want, plain, head);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    assert_true(EVP_EncryptInit_ex(c, EVP_aes_128_ctr(), NULL, cipher, iv) && EVP_EncryptUpdate(c, want + head, &n, plain + head, 40));
    EVP_CIPHER_CTX_free(c);
    memcpy(want + head + 40, roc, 4);
    assert_non_null(HMAC(EVP_sha1(), auth, 20, want, head + 44, mac, &mac_len));
    memcpy(want + head + 40, mac, 10);
    assert_memory_equal(sealed, want, head + 50);
    srtp_close(&s);
}

static srtp_t oracle(enum srtp_profile profile, bool is_sender, uint8_t *key_and_salt)
{
    srtp_policy_t p;
    srtp_t ret;
    memset(&p, 0, sizeof(p));
    if (profile == SRTP_GCM_128) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&p.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&p.rtcp);
    } else {
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&p.rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&p.rtcp);
    }
    p.ssrc.type = is_sender ? ssrc_any_outbound : ssrc_any_inbound;
    p.key = key_and_salt;
    p.window_size = 128;
    assert_int_equal(srtp_create(&ret, &p), srtp_err_status_ok);
    return ret;
}

static const enum srtp_profile profiles[] = { SRTP_GCM_128, SRTP_CM_SHA1_80 };

/* Past two roll-overs of the sequence number, both ways, against an implementation that is not ours. */
static void srtp_agrees_with_libsrtp_over_roll_overs(void **state)
{
    for (size_t k = 0; k < ARRAY_LEN(profiles); k++) {
        uint8_t ks[30], plain[600], ours[700], theirs[700];
        struct srtp *out, *in;
        vcr_random(ks, sizeof(ks));
        srtp_t seal = oracle(profiles[k], true, ks), open = oracle(profiles[k], false, ks);
        assert_int_equal(srtp_open(&out, profiles[k], true, ks, ks + 16, NULL), VCR_OK);
        assert_int_equal(srtp_open(&in, profiles[k], false, ks, ks + 16, NULL), VCR_OK);
        for (uint64_t index = 0x7000; index < 0x27000; index += index % 5 ? 1 : 7) {
            size_t payload = index % 500, head = a_packet(plain, 0x01020304, index, payload);
            size_t n = srtp_seal_rtp(out, ours, plain, head, plain + head, payload, index);
            memcpy(theirs, plain, head + payload);
            int m = (int)(head + payload);
            assert_int_equal(srtp_protect(seal, theirs, &m), srtp_err_status_ok);
            assert_int_equal(n, m);
            assert_memory_equal(ours, theirs, n);
            assert_int_equal(srtp_unprotect(open, ours, &m), srtp_err_status_ok);
            assert_int_equal(srtp_unseal_rtp(in, theirs, n), head + payload);
            assert_memory_equal(theirs, plain, head + payload);
        }
        srtp_dealloc(seal);
        srtp_dealloc(open);
        srtp_close(&out);
        srtp_close(&in);
    }
}

static void srtcp_agrees_with_libsrtp(void **state)
{
    for (size_t k = 0; k < ARRAY_LEN(profiles); k++) {
        uint8_t ks[30], plain[28], ours[100], theirs[100];
        struct srtp *out, *in;
        vcr_random(ks, sizeof(ks));
        srtp_t seal = oracle(profiles[k], true, ks), open = oracle(profiles[k], false, ks);
        assert_int_equal(srtp_open(&out, profiles[k], true, ks, ks + 16, NULL), VCR_OK);
        assert_int_equal(srtp_open(&in, profiles[k], false, ks, ks + 16, NULL), VCR_OK);
        for (uint32_t i = 0; i < 300; i++) {
            size_t n = rtcp_write_sr(plain, &(struct rtcp_sender) { .ssrc = 7, .ntp = i, .ts = i });
            int m = (int)n;
            memcpy(ours, plain, n);
            memcpy(theirs, plain, n);
            size_t sealed = srtp_seal_rtcp(out, ours, n);
            assert_int_equal(srtp_protect_rtcp(seal, theirs, &m), srtp_err_status_ok);
            assert_int_equal(sealed, m);
            assert_memory_equal(ours, theirs, sealed);
            assert_int_equal(srtp_unprotect_rtcp(open, ours, &m), srtp_err_status_ok);
            assert_int_equal(srtp_unseal_rtcp(in, theirs, sealed), n);
            assert_memory_equal(theirs, plain, n);
        }
        srtp_dealloc(seal);
        srtp_dealloc(open);
        srtp_close(&out);
        srtp_close(&in);
    }
}

static void srtp_refuses_replays_and_forgeries(void **state)
{
    for (size_t k = 0; k < ARRAY_LEN(profiles); k++) {
        uint8_t ks[30], plain[200], sealed[300], copy[300];
        struct srtp *out, *in;
        vcr_random(ks, sizeof(ks));
        assert_int_equal(srtp_open(&out, profiles[k], true, ks, ks + 16, NULL), VCR_OK);
        assert_int_equal(srtp_open(&in, profiles[k], false, ks, ks + 16, NULL), VCR_OK);
        size_t head = a_packet(plain, 9, 100, 50), n = srtp_seal_rtp(out, sealed, plain, head, plain + head, 50, 100);
        for (size_t i = 1; i < n; i++) { /* a changed first byte may be no RTP at all, which is refused as well */
            memcpy(copy, sealed, n);
            copy[i] ^= 1;
            assert_int_equal(srtp_unseal_rtp(in, copy, n), 0);
        }
        for (size_t i = 0; i < n; i++) {
            memcpy(copy, sealed, n);
            assert_int_equal(srtp_unseal_rtp(in, copy, i), 0);
        }
        memcpy(copy, sealed, n);
        assert_int_equal(srtp_unseal_rtp(in, copy, n), head + 50); /* the forgeries have not used the number up */
        memcpy(copy, sealed, n);
        assert_int_equal(srtp_unseal_rtp(in, copy, n), 0);
        static const struct { uint64_t index; bool comes; } late[] = { { 1124, true }, { 612, true }, { 612, false }, { 100, false }, { 101, true }, { 101, false }, { 99, false },
                                                                       { 5000, true }, { 1124, false }, { 4400, true }, { 3977, true }, { 3976, false } };
        for (size_t i = 0; i < ARRAY_LEN(late); i++) { /* what came does not come again; what is 1024 behind is too old */
            head = a_packet(plain, 9, late[i].index, 50);
            n = srtp_seal_rtp(out, copy, plain, head, plain + head, 50, late[i].index);
            assert_int_equal(srtp_unseal_rtp(in, copy, n) != 0, late[i].comes);
        }

        n = rtcp_write_sr(plain, &(struct rtcp_sender) { .ssrc = 7 });
        memcpy(sealed, plain, n);
        n = srtp_seal_rtcp(out, sealed, n);
        for (size_t i = 0; i < n; i++) {
            memcpy(copy, sealed, n);
            copy[i] ^= 0x10;
            assert_int_equal(srtp_unseal_rtcp(in, copy, n), 0);
            memcpy(copy, sealed, n);
            assert_int_equal(srtp_unseal_rtcp(in, copy, i), 0);
        }
        memcpy(copy, sealed, n);
        assert_int_equal(srtp_unseal_rtcp(in, copy, n), RTCP_SR_BYTES);
        memcpy(copy, sealed, n);
        assert_int_equal(srtp_unseal_rtcp(in, copy, n), 0);
        srtp_close(&out);
        srtp_close(&in);
    }
}

/* ---- RTP and H.264 ---- */

struct joined {
    uint8_t nals[1 << 17];
    size_t len, max, fu_len, payloads;
    bool unequal;
};

static void put_nal(struct joined *j, const uint8_t *nal, size_t len)
{
    memcpy(j->nals + j->len, "\0\0\0\1", 4);
    memcpy(j->nals + j->len + 4, nal, len);
    j->len += 4 + len;
}

/* The receiver's half of RFC 6184, written apart from the cutter. */
static void join(void *arg, const uint8_t *p, size_t len)
{
    struct joined *j = arg;
    j->payloads++;
    assert_true(len >= 1 && len <= j->max);
    switch (p[0] & 31) {
    case 24:
        for (size_t at = 1; at < len; at += 2 + rd16be(p + at))
            put_nal(j, p + at + 2, rd16be(p + at));
        break;
    case 28:
        if (p[1] & 0x80) {
            uint8_t first = (uint8_t)((p[0] & 0xe0) | (p[1] & 31));
            put_nal(j, &first, 1);
            j->fu_len = len;
        }
        j->unequal |= p[1] & 0x40 ? len > j->fu_len : len != j->fu_len;
        memcpy(j->nals + j->len, p + 2, len - 2);
        j->len += len - 2;
        break;
    default:
        put_nal(j, p, len);
    }
}

static void h264_survives_cutting_and_joining(void **state)
{
    static uint8_t au[1 << 17];
    static struct joined j;
    static const size_t lens[] = { 1, 2, 20, 300, 301, 600, 1149, 1150, 1151, 1152, 2298, 2299, 5000, 60000 };
    for (size_t count = 1; count <= ARRAY_LEN(lens); count++) {
        size_t n = 0;
        for (size_t i = 0; i < count; i++) {
            memcpy(au + n, "\0\0\0\1", 4);
            n += 4;
            for (size_t k = 0; k < lens[i]; k++)
                au[n++] = (uint8_t)(k ? 1 + (k * 7 + i) % 250 : i % 2 ? 0x65 : 0x67);
        }
        j = (struct joined) { .max = 1150 };
        int made = rtp_h264_cut(au, n, 1150, join, &j);
        assert_int_equal(made, j.payloads);
        assert_int_equal(j.len, n);
        assert_memory_equal(j.nals, au, n);
        assert_false(j.unequal);
    }
    assert_int_equal(rtp_h264_cut((const uint8_t *)"\0\0\1\x09\x10", 5, 1150, join, &j), 0); /* a delimiter alone */
    assert_int_equal(rtp_h264_cut((const uint8_t *)"\1\2\3\4\5\6", 6, 1150, join, &j), 0);
}

static void rtp_header_and_extensions(void **state)
{
    uint8_t b[64], ext[] = { 0x12, 1, 2, 3, 0x22, 4, 5, 6 };
    struct rtp_view v;
    size_t n = rtp_write(b, &(struct rtp_header) { .pt = 111, .marker = true, .seq = 0xfffe, .ts = 77, .ssrc = 88 }, ext, sizeof(ext)), len;
    memset(b + n, 9, 10);
    assert_true(rtp_parse(b, n + 10, false, &v));
    assert_true(v.head.pt == 111 && v.head.marker && v.head.seq == 0xfffe && v.head.ts == 77 && v.head.ssrc == 88);
    assert_true(v.header_len == n && v.payload_len == 10);
    const uint8_t *two = rtp_extension(b, &v, 2, &len);
    assert_true(two && len == 3 && memcmp(two, ext + 5, 3) == 0);
    assert_null(rtp_extension(b, &v, 3, &len));
    for (size_t i = 0; i < n; i++)
        assert_false(rtp_parse(b, i, false, &v));
}

/* ---- RTCP ---- */

static void rtcp_reads_a_browsers_compound(void **state)
{
    uint8_t b[200];
    size_t n = unhex(b, "81c90007 00000001 00000abc 80fffffe 00010203 00000010 11223344 00000100" /* RR: half lost, -2 in total */
                        "81cd0003 00000001 00000abc 00648001"                                     /* NACK 100, 101, 116 */
                        "81ce0002 00000001 00000abc"                                              /* PLI */
                        "84ce0004 00000001 00000000 00000abc 05000000"                            /* FIR */
                        "8fce0005 00000001 00000000 52454d42 01126ace 00000abc");                 /* REMB */
    struct rtcp_packet p;
    struct rtcp_report r;
    uint16_t seq, mask;
    uint64_t bps = 0;
    size_t at = 0;
    assert_true(rtcp_next(b, n, &at, &p) && p.type == RTCP_RR && p.ssrc == 1 && rtcp_report(&p, 0, &r) && !rtcp_report(&p, 1, &r));
    assert_true(r.ssrc == 0xabc && r.fraction_lost == 128 && r.lost == -2 && r.lsr == 0x11223344 && r.dlsr == 0x100);
    assert_true(rtcp_next(b, n, &at, &p) && rtcp_nack(&p, 0, &seq, &mask) && seq == 100 && mask == 0x8001 && !rtcp_nack(&p, 1, &seq, &mask));
    assert_int_equal(rtcp_media_ssrc(&p), 0xabc);
    assert_true(rtcp_next(b, n, &at, &p) && p.type == RTCP_PSFB && p.count == RTCP_FB_PLI && rtcp_media_ssrc(&p) == 0xabc);
    assert_true(rtcp_next(b, n, &at, &p) && rtcp_fir(&p, 0xabc) && !rtcp_fir(&p, 0xabd));
    assert_true(rtcp_next(b, n, &at, &p) && rtcp_remb(&p, &bps));
    assert_int_equal(bps, (uint64_t)0x26ace << 4);
    assert_false(rtcp_next(b, n, &at, &p));
    for (size_t cut = 0; cut < 32; cut++) {
        at = 0;
        assert_false(rtcp_next(b, cut, &at, &p));
    }
}

static void rtcp_writes_reports_and_bye(void **state)
{
    uint8_t b[200];
    struct rtcp_packet p;
    size_t at = 0, n = rtcp_write_sr(b, &(struct rtcp_sender) { .ssrc = 5, .ntp = 6, .ts = 7, .packets = 8, .octets = 9 });
    n += rtcp_write_cname(b + n, 5, "vcr");
    n += rtcp_write_bye(b + n, (uint32_t[]) { 5, 6 }, 2);
    assert_true(rtcp_next(b, n, &at, &p) && p.type == RTCP_SR && p.ssrc == 5 && rd64be(p.body) == 6 && rd32be(p.body + 16) == 9);
    assert_true(rtcp_next(b, n, &at, &p) && p.type == RTCP_SDES && memcmp(p.body, "\1\3vcr", 5) == 0);
    assert_true(rtcp_next(b, n, &at, &p) && p.type == RTCP_BYE && p.count == 2 && p.ssrc == 5 && rd32be(p.body) == 6);
    assert_int_equal(at, n);
}

/* ---- SDP ---- */

#define PRINT "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99"
static const char good_answer[] =
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=msid-semantic: WMS\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijkl\r\n"
    "a=ice-options:trickle\r\na=fingerprint:sha-256 " PRINT "\r\na=setup:active\r\na=mid:0\r\n"
    "a=extmap:1 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\na=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n"
    "a=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:102 H264/90000\r\na=rtcp-fb:102 nack\r\na=fmtp:102 packetization-mode=1\r\n"
    "a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=setup:active\r\na=mid:1\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";

/* The good answer with one text replaced. */
static char *changed(const char *from, const char *to)
{
    const char *at = strstr(good_answer, from);
    assert_non_null(at);
    return vcr_asprintf("%.*s%s%s", (int)(at - good_answer), good_answer, to, at + strlen(from));
}

static void sdp_takes_a_browsers_answer(void **state)
{
    struct sdp_answer a;
    struct vcr_why why;
    assert_int_equal(sdp_parse_answer(good_answer, strlen(good_answer), &a, &why), VCR_OK);
    assert_string_equal(a.client.ufrag, "abcd");
    assert_int_equal(a.client.fingerprints_n, 1);
    assert_int_equal(a.client.fingerprints[0][0], 0xaa);
    assert_int_equal(a.client.fingerprints[0][31], 0x99);
    assert_true(a.rtx && a.audio && a.send_time && a.playout_delay);
    char *s = changed("m=audio 9", "m=audio 0"); /* the sound refused: a picture without it */
    assert_int_equal(sdp_parse_answer(s, strlen(s), &a, &why), VCR_OK);
    assert_false(a.audio);
    free(s);
    s = changed("SAVPF 102 103", "SAVPF 102");
    assert_int_equal(sdp_parse_answer(s, strlen(s), &a, &why), VCR_OK);
    assert_false(a.rtx);
    free(s);
    s = changed("a=setup:active\r\na=mid:0", "a=setup:active\na=fingerprint:sha-1 AA\na=fingerprint:sha-256 " PRINT "\na=mid:0"); /* LF alone, more certificates */
    assert_int_equal(sdp_parse_answer(s, strlen(s), &a, &why), VCR_OK);
    assert_int_equal(a.client.fingerprints_n, 2);
    free(s);
}

/* Both the numbers and the feedback must be taken; the sound's only besides the picture's. */
static void sdp_takes_transport_wide_feedback(void **state)
{
#define NUMBERS "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
    static const struct { const char *video, *feedback, *audio; bool video_cc, audio_cc; } rows[] = {
        { "", "", "", false, false },
        { NUMBERS, "a=rtcp-fb:102 transport-cc\r\n", NUMBERS, true, true },
        { NUMBERS, "a=rtcp-fb:* transport-cc\r\n", "", true, false },
        { NUMBERS, "a=rtcp-fb:102 goog-remb\r\n", NUMBERS, false, false },
        { "", "a=rtcp-fb:102 transport-cc\r\n", NUMBERS, false, false },
        { "a=extmap:4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n", "a=rtcp-fb:102 transport-cc\r\n", "", false, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sdp_answer a;
        char *v = vcr_asprintf("a=mid:0\r\n%s%s", rows[i].video, rows[i].feedback), *s = changed("a=mid:0\r\n", v);
        char *both = vcr_asprintf("%s%s", s, rows[i].audio);
        assert_int_equal(sdp_parse_answer(both, strlen(both), &a, NULL), VCR_OK);
        assert_true(a.video_cc == rows[i].video_cc && a.audio_cc == rows[i].audio_cc);
        free(v);
        free(s);
        free(both);
    }
}

static void sdp_says_what_is_wrong(void **state)
{
    static const struct { const char *from, *to, *says; } cases[] = {
        { "v=0", "v=1", "v=0" },
        { "a=setup:active\r\na=mid:0", "a=setup:passive\r\na=mid:0", "active" },
        { "a=setup:active\r\na=mid:0", "a=setup:actpass\r\na=mid:0", "active" },
        { "a=setup:active\r\na=mid:0", "a=mid:0", "active" },
        { "a=fingerprint:sha-256 " PRINT "\r\n", "", "fingerprint" },
        { "sha-256 AA", "sha-1 AA", "fingerprint" },
        { "sha-256 AA:", "sha-256 GG:", "fingerprint" },
        { "sha-256 AA:", "sha-256 AA", "fingerprint" },
        { "a=ice-ufrag:abcd\r\n", "", "ice-ufrag" },
        { "a=ice-ufrag:abcd", "a=ice-ufrag:abc", "ice-ufrag" },
        { "a=ice-ufrag:abcd", "a=ice-ufrag:ab\"d", "ice-ufrag" },
        { "a=ice-pwd:0123456789abcdefghijkl\r\n", "", "ice-pwd" },
        { "ijkl", "", "ice-pwd" },
        { "m=video 9", "m=video 0", "picture" },
        { "SAVPF 102 103", "SAVPF 103", "picture" },
        { "102 H264/90000", "102 VP8/90000", "picture" },
        { "a=recvonly", "a=inactive", "picture" },
        { "m=video", "m=audio", "not video" },
        { "UDP/TLS/RTP/SAVPF 102", "RTP/AVP 102", "SAVPF" },
        { "m=video 9", "m=video x", "port" },
        { "SAVPF 102 103", "SAVPF 102 1030", "payload" },
        { "BUNDLE 0 1", "BUNDLE 0", "BUNDLE" },
        { "BUNDLE 0 1", "BUNDLE 0 7", "mid" },
        { "a=mid:0", "a=mid:5", "mid" },
        { "a=rtcp-mux\r\na=rtcp-rsize", "a=rtcp-rsize", "rtcp-mux" },
        { "s=-\r\n", "s=-\r\n\r\n", "line 4" },
        { "m=audio 9", "m=application 9", "audio" },
    };
    struct sdp_answer a;
    struct vcr_why why;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *s = changed(cases[i].from, cases[i].to);
        if (sdp_parse_answer(s, strlen(s), &a, &why) != VCR_E_INVALID || !strstr(why.text, cases[i].says))
            fail_msg("%s -> %s: %s", cases[i].from, cases[i].to, why.text);
        free(s);
    }
    assert_int_equal(sdp_parse_answer("", 0, &a, &why), VCR_E_INVALID);
    char *longer = vcr_alloc(SDP_MAX_BYTES + 2);
    memset(longer, 'a', SDP_MAX_BYTES + 1);
    assert_int_equal(sdp_parse_answer(longer, SDP_MAX_BYTES + 1, &a, &why), VCR_E_INVALID);
    assert_int_equal(sdp_parse_answer(longer, 4000, &a, &why), VCR_E_INVALID);
    free(longer);
}

static void sdp_offer_names_every_candidate(void **state)
{
    struct sdp_candidate c[] = { { "192.0.2.1", 8189, true }, { "2001:db8::1", 8189, false } };
    uint8_t print[SDP_DIGEST_BYTES] = { 0xab };
    struct buf b;
    buf_init(&b, 8192);
    sdp_write_offer(&b, &(struct sdp_offer) { .ufrag = "u", .pwd = "p", .cname = "c", .fingerprint = print, .candidates = c, .candidates_n = 2 });
    assert_true(buf_ok(&b));
    assert_non_null(strstr(b.data, " 192.0.2.1 8189 typ host\r\n"));
    assert_non_null(strstr(b.data, " 2001:db8::1 8189 typ host\r\n"));
    /* after all of UDP, of a lower type preference: 90, and passive is 4 of 7 directions */
    assert_non_null(strstr(b.data, "a=candidate:2 1 udp 2130706175 2001:db8::1 8189 typ host\r\na=candidate:3 1 tcp 1520435199 192.0.2.1 8189 typ host tcptype passive\r\na=end-of-candidates\r\n"));
    assert_non_null(strstr(b.data, "a=ice-lite\r\n"));
    assert_non_null(strstr(b.data, "a=fingerprint:sha-256 AB:00:"));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stun_reads_the_vectors_of_rfc_5769),
        cmocka_unit_test(stun_refuses_every_changed_byte),
        cmocka_unit_test(stun_composes_what_it_reads),
        cmocka_unit_test(srtp_derives_the_keys_of_rfc_3711),
        cmocka_unit_test(srtp_agrees_with_libsrtp_over_roll_overs),
        cmocka_unit_test(srtcp_agrees_with_libsrtp),
        cmocka_unit_test(srtp_refuses_replays_and_forgeries),
        cmocka_unit_test(h264_survives_cutting_and_joining),
        cmocka_unit_test(rtp_header_and_extensions),
        cmocka_unit_test(rtcp_reads_a_browsers_compound),
        cmocka_unit_test(rtcp_writes_reports_and_bye),
        cmocka_unit_test(sdp_takes_a_browsers_answer),
        cmocka_unit_test(sdp_takes_transport_wide_feedback), cmocka_unit_test(sdp_says_what_is_wrong),
        cmocka_unit_test(sdp_offer_names_every_candidate),
    };
    srtp_init();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    srtp_shutdown();
    return failed;
}
