/* tests/unit/webrtc/rtc_client.c - see rtc_client.h. */
#include "rtc_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/util.h"
#include "wire/rtcp.h"
#include "wire/rtp.h"
#include "wire/sdp.h"
#include "wire/stun.h"

enum { CHECK_MS = 2500, FIRST_CHECK_MS = 50, REPORT_MS = 1000, NACK_MS = 15, PLI_MS = 300, AU_MAX = 1 << 20, DATAGRAM = 1500 };

/* Holds in benches, too, which are built without assert. */
static void must(bool ok)
{
    if (!ok)
        abort();
}

/* ---- signalling ---- */

static void line_of(const char *sdp, const char *name, char *out, size_t size)
{
    const char *p = strstr(sdp, name);
    size_t n = p ? strcspn(p + strlen(name), "\r\n") : 0;
    must(p && n < size);
    memcpy(out, p + strlen(name), n);
    out[n] = '\0';
}

/* The first of that section, 0: none. */
static uint32_t ssrc_of(const char *sdp, const char *media)
{
    const char *section = strstr(sdp, media), *end = section ? strstr(section, "\r\nm=") : NULL, *ssrc = section ? strstr(section, "a=ssrc:") : NULL;
    return ssrc && (!end || ssrc < end) ? (uint32_t)strtoul(ssrc + 7, NULL, 10) : 0;
}

/* Of a server's offer or answer; an answer to a publisher names no streams. */
static void read_server(struct rtc_client *c, const char *offer)
{
    char text[200], address[64];
    unsigned port;
    line_of(offer, "a=ice-ufrag:", c->their_ufrag, sizeof(c->their_ufrag));
    line_of(offer, "a=ice-pwd:", c->their_pwd, sizeof(c->their_pwd));
    line_of(offer, "a=candidate:1 1 udp ", text, sizeof(text));
    int n = sscanf(text, "%*u %63s %u", address, &port);
    must(n == 2);
    c->server = (struct sockaddr_in) { .sin_family = AF_INET, .sin_port = htons(c->options.via_port ? c->options.via_port : (uint16_t)port) };
    n = inet_pton(AF_INET, address, &c->server.sin_addr);
    must(n == 1);
    c->video_ssrc = ssrc_of(offer, "m=video ");
    c->audio_ssrc = ssrc_of(offer, "m=audio ");
    if (strstr(offer, "a=ssrc-group:FID ")) {
        line_of(offer, "a=ssrc-group:FID ", text, sizeof(text));
        n = sscanf(text, "%u %u", &c->video_ssrc, &c->rtx_ssrc);
        must(n == 2);
    }
}

char *rtc_client_answer(struct rtc_client *c)
{
    char print[32 * 3];
    vcr_strcpy(print, sizeof(print), c->fingerprint);
    if (c->options.wrong_print)
        print[0] = print[0] == '0' ? '1' : '0';
    c->answered_us = clock_mono_us();
    static const char cc[] = "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n";
    bool has_cc = c->options.feedback_ms > 0;
    return vcr_asprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\n"
                        "a=setup:active\r\nm=video 9 UDP/TLS/RTP/SAVPF 102 103\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:102 H264/90000\r\n"
                        "a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\na=extmap:1 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n"
                        "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n%s%s"
                        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n%s",
                        c->ufrag, c->pwd, print, has_cc ? cc : "", has_cc ? "a=rtcp-fb:102 transport-cc\r\n" : "", has_cc ? cc : "");
}

/* ---- DTLS ---- */

static void setup_certificate(struct rtc_client *c)
{
    static const char hex[] = "0123456789ABCDEF";
    uint8_t digest[32];
    unsigned len;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    c->ctx = SSL_CTX_new(DTLS_client_method());
    must(key && x && c->ctx);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, key);
    X509_sign(x, key, EVP_sha256());
    X509_digest(x, EVP_sha256(), digest, &len);
    for (size_t i = 0; i < sizeof(digest); i++) {
        c->fingerprint[3 * i] = hex[digest[i] >> 4];
        c->fingerprint[3 * i + 1] = hex[digest[i] & 15];
        c->fingerprint[3 * i + 2] = i + 1 < sizeof(digest) ? ':' : '\0';
    }
    SSL_CTX_use_certificate(c->ctx, x);
    SSL_CTX_use_PrivateKey(c->ctx, key);
    int refused = SSL_CTX_set_tlsext_use_srtp(c->ctx, c->options.cm_only ? "SRTP_AES128_CM_SHA1_80" : "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80");
    must(!refused);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void setup_connection(struct rtc_client *c)
{
    c->ssl = SSL_new(c->ctx);
    SSL_set_options(c->ssl, SSL_OP_NO_QUERY_MTU);
    SSL_set_mtu(c->ssl, 1200);
    BIO *out = BIO_new_dgram(c->fd, BIO_NOCLOSE), *in = BIO_new(BIO_s_mem()); /* one datagram at a time is put in, so no border is lost */
    BIO_ctrl(out, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &c->server);
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(c->ssl, in, out);
    SSL_set_connect_state(c->ssl);
}

static void open_srtp(struct rtc_client *c)
{
    uint8_t m[60];
    const SRTP_PROTECTION_PROFILE *p = SSL_get_selected_srtp_profile(c->ssl);
    must(p);
    c->profile = (uint16_t)p->id;
    enum srtp_profile profile = (enum srtp_profile)p->id;
    size_t salt = srtp_salt_bytes(profile);
    SSL_export_keying_material(c->ssl, m, 2 * (16 + salt), "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0);
    enum vcr_err err = srtp_open(&c->out, profile, true, m, m + 32, NULL);
    err = err ? err : srtp_open(&c->in, profile, false, m + 16, m + 32 + salt, NULL);
    must(!err);
    c->connected = true;
}

static void drive_dtls(struct rtc_client *c)
{
    uint8_t ignored[100];
    struct timeval tv;
    if (c->connected) {
        int rc = SSL_read(c->ssl, ignored, sizeof(ignored));
        c->closed |= rc <= 0 && SSL_get_error(c->ssl, rc) == SSL_ERROR_ZERO_RETURN;
        return;
    }
    int rc = SSL_do_handshake(c->ssl);
    if (rc == 1)
        open_srtp(c);
    else
        c->closed |= SSL_get_error(c->ssl, rc) == SSL_ERROR_SSL;
    c->dtls_due_us = !c->connected && DTLSv1_get_timeout(c->ssl, &tv) ? clock_mono_us() + (int64_t)tv.tv_sec * 1000000 + tv.tv_usec : 0;
}

/* ---- out ---- */

void rtc_client_send(struct rtc_client *c, const void *p, size_t len)
{
    if (!c->muted)
        send(c->fd, p, len, 0);
}

static void send_check(struct rtc_client *c)
{
    struct stun_out o;
    char user[100];
    uint8_t txid[STUN_TXID_BYTES], tie[8] = { 1 }, priority[4] = { 0x6e };
    vcr_random(txid, sizeof(txid));
    int n = snprintf(user, sizeof(user), "%s:%s", c->their_ufrag, c->ufrag);
    stun_begin(&o, STUN_BINDING_REQUEST, txid);
    stun_add(&o, STUN_USERNAME, user, (size_t)n);
    stun_add(&o, STUN_PRIORITY, priority, sizeof(priority));
    stun_add(&o, STUN_USE_CANDIDATE, NULL, 0);
    stun_add(&o, STUN_CONTROLLING, tie, sizeof(tie));
    stun_end(&o, c->their_pwd);
    rtc_client_send(c, o.bytes, o.len);
    c->check_due_us = clock_mono_us() + 1000 * (c->checked ? CHECK_MS : FIRST_CHECK_MS);
}

void rtc_client_rtcp(struct rtc_client *c, uint8_t *p, size_t len)
{
    len = srtp_seal_rtcp(c->out, p, len);
    rtc_client_send(c, p, len);
}

static size_t feedback(struct rtc_client *c, uint8_t *p, int type, int fmt, size_t words)
{
    p[0] = (uint8_t)(0x80 | fmt);
    p[1] = (uint8_t)type;
    wr16be(p + 2, (uint16_t)(2 + words));
    wr32be(p + 4, 1);
    wr32be(p + 8, c->video_ssrc);
    return 12 + 4 * words;
}

void rtc_client_pli(struct rtc_client *c)
{
    uint8_t b[100];
    rtc_client_rtcp(c, b, feedback(c, b, RTCP_PSFB, RTCP_FB_PLI, 0));
}

void rtc_client_report(struct rtc_client *c)
{
    uint8_t b[100] = { 0x81, RTCP_RR, 0, 7 };
    wr32be(b + 4, 1);
    wr32be(b + 8, c->video_ssrc);
    b[12] = c->fraction_lost;
    wr32be(b + 16, (uint32_t)c->highest);
    wr32be(b + 24, c->last_lsr);
    wr32be(b + 28, c->last_lsr ? (uint32_t)((clock_mono_us() - c->lsr_at_us) * 65536 / 1000000) : 0);
    rtc_client_rtcp(c, b, 32);
    c->report_due_us = clock_mono_us() + 1000 * REPORT_MS;
}

static void send_feedback(struct rtc_client *c)
{
    uint8_t b[RTCP_ARRIVALS_BYTES + SRTCP_TRAILER_MAX];
    for (size_t n; (n = rtcp_write_arrivals(b, 1, c->video_ssrc, &c->arrivals)) > 0; c->feedbacks++)
        rtc_client_rtcp(c, b, n);
    c->feedback_due_us = clock_mono_us() + INT64_C(1000) * c->options.feedback_ms;
}

static void send_nacks(struct rtc_client *c)
{
    uint8_t b[300];
    size_t words = 0;
    for (uint64_t i = c->next; i < c->highest && words < 50; i++)
        if (!c->slots[i % CLIENT_WINDOW].present) {
            wr16be(b + 12 + 4 * words, (uint16_t)i);
            wr16be(b + 14 + 4 * words, 0);
            words++;
        }
    if (words)
        rtc_client_rtcp(c, b, feedback(c, b, RTCP_RTPFB, RTCP_FB_NACK, words));
    c->nack_due_us = clock_mono_us() + 1000 * NACK_MS;
}

/* ---- in: order and assembly ---- */

static void add_nal(struct rtc_client *c, const uint8_t *p, size_t len)
{
    if (c->au_len + len + 4 > AU_MAX)
        return;
    memcpy(c->au + c->au_len, "\0\0\0\1", 4);
    memcpy(c->au + c->au_len + 4, p, len);
    c->au_len += 4 + len;
    c->au_key |= (p[0] & 31) == 5;
}

static void add_payload(struct rtc_client *c, const uint8_t *p, size_t len)
{
    if ((p[0] & 31) == 24) {
        for (size_t at = 1; at + 2 < len; at += 2 + (size_t)rd16be(p + at))
            add_nal(c, p + at + 2, rd16be(p + at));
    } else if ((p[0] & 31) == 28) {
        uint8_t first = (uint8_t)((p[0] & 0xe0) | (p[1] & 31));
        if (p[1] & 0x80)
            add_nal(c, &first, 1);
        if (c->au_len + len <= AU_MAX)
            memcpy(c->au + c->au_len, p + 2, len - 2), c->au_len += len - 2;
    } else {
        add_nal(c, p, len);
    }
}

static void end_frame(struct rtc_client *c, uint32_t ts)
{
    if (!c->au_broken) {
        c->frames++;
        c->key_frames += c->au_key;
        if (c->au_key && !c->first_key_us)
            c->first_key_us = clock_mono_us();
        if (c->options.frame)
            c->options.frame(c->options.arg, c->au, c->au_len, ts);
    }
    c->au_len = 0;
    c->au_broken = c->au_key = false;
}

static void take_in_order(struct rtc_client *c)
{
    while (c->next <= c->highest) {
        struct client_slot *s = &c->slots[c->next % CLIENT_WINDOW];
        bool lost = !s->present && (!c->options.nack || c->highest - c->next > CLIENT_WINDOW / 2);
        if (!s->present && !lost)
            return;
        if (lost) {
            c->au_broken = true;
        } else {
            add_payload(c, s->data, s->len);
            if (s->marker)
                end_frame(c, s->ts);
            s->present = false;
        }
        c->next++;
    }
}

static void take_video(struct rtc_client *c, const struct rtp_view *v, uint16_t seq, const uint8_t *payload, size_t len)
{
    if (!c->started) {
        c->started = true;
        c->next = c->highest = 0x10000 + seq;
    }
    uint64_t index = c->highest + (uint64_t)(int64_t)(int16_t)(seq - (uint16_t)c->highest);
    if (index < c->next || len == 0 || len > DATAGRAM)
        return;
    struct client_slot *s = &c->slots[index % CLIENT_WINDOW];
    if (!s->data)
        s->data = vcr_alloc(DATAGRAM);
    memcpy(s->data, payload, len);
    s->present = true;
    s->marker = v->head.marker;
    s->ts = v->head.ts;
    s->len = (uint16_t)len;
    c->highest = VCR_MAX(c->highest, index);
    take_in_order(c);
}

static void take_rtp(struct rtc_client *c, uint8_t *p, size_t len)
{
    struct rtp_view v;
    size_t n;
    len = srtp_unseal_rtp(c->in, p, len);
    if (!len || !rtp_parse(p, len, false, &v)) {
        c->bad++;
        return;
    }
    if (c->options.rtp)
        c->options.rtp(c->options.arg, p, &v);
    const uint8_t *payload = p + v.header_len, *delay = rtp_extension(p, &v, SDP_EXT_PLAYOUT_DELAY, &n);
    if (delay)
        c->delay_seen_ms = VCR_MAX(c->delay_seen_ms, (uint64_t)10 * (rd24be(delay) >> 12));
    if (v.head.ssrc == c->video_ssrc) {
        take_video(c, &v, v.head.seq, payload, v.payload_len);
    } else if (v.head.ssrc == c->rtx_ssrc && v.payload_len > 2) {
        c->rtx++;
        take_video(c, &v, rd16be(payload), payload + 2, v.payload_len - 2);
    } else if (v.head.ssrc == c->audio_ssrc) {
        c->sounds++;
        if (c->options.sound)
            c->options.sound(c->options.arg, payload, v.payload_len, v.head.ts);
    }
}

static void take_rtcp(struct rtc_client *c, uint8_t *p, size_t len)
{
    struct rtcp_packet q;
    len = srtp_unseal_rtcp(c->in, p, len);
    c->bad += len == 0;
    for (size_t at = 0; len && rtcp_next(p, len, &at, &q);) {
        if (c->options.rtcp)
            c->options.rtcp(c->options.arg, &q);
        c->bye |= q.type == RTCP_BYE;
        if (q.type != RTCP_SR || q.body_len < 20)
            continue;
        int which = q.ssrc == c->audio_ssrc;
        c->sr_ntp[which] = rd64be(q.body);
        c->sr_ts[which] = rd32be(q.body + 8);
        c->last_lsr = rd32be(q.body + 2);
        c->lsr_at_us = clock_mono_us();
        c->reports++;
    }
}

/* The first video packet that comes sets where the client's window begins; what was lost before it is never asked for. A browser would ask for a new key frame
 * then; here loss by chance begins after it, and loss in the handshake is chosen by number. */
static bool is_lost(struct rtc_client *c, const uint8_t *p)
{
    if (p[0] < 64)
        return ++c->dtls_datagrams == c->options.lost_dtls_datagram;
    return c->started && (int)(vcr_random_u64() % 1000) < c->options.loss_per_mille;
}

/* The header is in the clear. */
static void take_number(struct rtc_client *c, const uint8_t *p, size_t len)
{
    struct rtp_view v;
    size_t n;
    const uint8_t *number = rtp_parse(p, len, true, &v) ? rtp_extension(p, &v, SDP_EXT_TRANSPORT_CC, &n) : NULL;
    if (number && n == 2)
        rtcp_arrivals_take(&c->arrivals, rd16be(number), clock_mono_us());
}

static void take_datagram(struct rtc_client *c, uint8_t *p, size_t len)
{
    struct stun_msg m;
    if (p[0] < 4) {
        if (stun_parse(p, len, &m) && stun_check(p, &m, c->their_pwd)) {
            c->role_conflict |= m.error == 487;
            c->checked |= m.type == STUN_BINDING_OK && m.has_mapped;
        }
        return;
    }
    if (is_lost(c, p)) {
        c->dropped++;
        return;
    }
    if (p[0] < 64) {
        BIO_write(SSL_get_rbio(c->ssl), p, (int)len);
        drive_dtls(c);
        return;
    }
    c->packets++;
    c->bytes += len;
    if (!c->connected)
        return;
    bool is_rtcp = p[1] >= 192 && p[1] < 224;
    if (!is_rtcp && c->options.feedback_ms)
        take_number(c, p, len);
    if (is_rtcp)
        take_rtcp(c, p, len);
    else if (!c->options.counts_only || !c->first_key_us)
        take_rtp(c, p, len);
}

/* ---- life ---- */

static int connect_to(const struct sockaddr_in *server)
{
    int size = 1 << 21, fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    must(fd >= 0 && connect(fd, (const struct sockaddr *)server, sizeof(*server)) == 0);
    return fd;
}

void rtc_client_move(struct rtc_client *c)
{
    vcr_close(&c->fd);
    c->fd = connect_to(&c->server);
    c->check_due_us = 0;
}

struct rtc_client *rtc_client_make(const struct rtc_client_options *options)
{
    struct rtc_client *c = vcr_alloc(sizeof(*c));
    c->options = *options;
    c->fd = -1;
    vcr_strcpy(c->ufrag, sizeof(c->ufrag), "clientuf");
    vcr_strcpy(c->pwd, sizeof(c->pwd), "clientpassword0123456789");
    c->slots = vcr_calloc(CLIENT_WINDOW, sizeof(*c->slots));
    c->au = vcr_alloc(AU_MAX);
    setup_certificate(c);
    return c;
}

void rtc_client_connect(struct rtc_client *c, const char *sdp)
{
    read_server(c, sdp);
    c->fd = connect_to(&c->server);
    setup_connection(c);
}

struct rtc_client *rtc_client_open(const char *offer, const struct rtc_client_options *options)
{
    struct rtc_client *c = rtc_client_make(options);
    rtc_client_connect(c, offer);
    return c;
}

void rtc_client_close(struct rtc_client **cp)
{
    struct rtc_client *c = *cp;
    if (!c)
        return;
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    srtp_close(&c->in);
    srtp_close(&c->out);
    vcr_close(&c->fd);
    for (int i = 0; i < CLIENT_WINDOW; i++)
        free(c->slots[i].data);
    free(c->slots);
    free(c->au);
    free(c);
    *cp = NULL;
}

/* False when there is no more. */
static bool take_batch(struct rtc_client *c)
{
    enum { BATCH = 32, ROOM = 2048 };
    uint8_t b[BATCH][ROOM];
    struct mmsghdr h[BATCH];
    struct iovec v[BATCH];
    for (int i = 0; i < BATCH; i++) {
        v[i] = (struct iovec) { b[i], ROOM };
        h[i] = (struct mmsghdr) { .msg_hdr = { .msg_iov = &v[i], .msg_iovlen = 1 } };
    }
    int n = recvmmsg(c->fd, h, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++)
        if (h[i].msg_len >= 12)
            take_datagram(c, b[i], h[i].msg_len);
    return n == BATCH || (n < 0 && errno == ECONNREFUSED);
}

void rtc_client_step(struct rtc_client *c)
{
    bool was_checked = c->checked;
    while (take_batch(c))
        ;
    int64_t now_us = clock_mono_us();
    if (now_us >= c->check_due_us)
        send_check(c);
    if (c->checked && !c->connected && !c->closed && !c->muted) {
        if (!was_checked)
            drive_dtls(c);
        else if (c->dtls_due_us && now_us >= c->dtls_due_us && !c->options.no_resend) {
            DTLSv1_handle_timeout(c->ssl);
            drive_dtls(c);
        }
    }
    if (c->connected && !c->muted && !c->options.rtcp && now_us >= c->report_due_us)
        rtc_client_report(c);
    if (c->connected && !c->muted && c->options.feedback_ms && now_us >= c->feedback_due_us)
        send_feedback(c);
    bool counts = c->options.counts_only && c->first_key_us;
    if (c->connected && c->options.counts_only && !counts && now_us >= c->pli_due_us) { /* the beginning of the first one may be what was lost */
        if (c->pli_due_us)
            rtc_client_pli(c);
        c->pli_due_us = now_us + 1000 * PLI_MS;
    }
    if (c->connected && !c->muted && c->options.nack && !counts && c->next < c->highest && now_us >= c->nack_due_us)
        send_nacks(c);
}

bool rtc_clients_run(struct rtc_client **c, int count, bool (*done)(void *arg), void *arg, int timeout_ms)
{
    enum { MOST = 512, EVERY_MS = 5 };
    int64_t until_us = clock_mono_us() + INT64_C(1000) * timeout_ms, all_us = 0; /* when what is due was last looked for, of all */
    struct pollfd p[MOST];
    must(count <= MOST);
    while (!done(arg)) {
        int64_t now_us = clock_mono_us();
        if (now_us > until_us)
            return false;
        for (int i = 0; i < count; i++)
            p[i] = (struct pollfd) { .fd = c[i]->fd, .events = POLLIN };
        poll(p, (nfds_t)count, EVERY_MS);
        bool all = now_us - all_us >= 1000 * EVERY_MS;
        all_us = all ? now_us : all_us;
        for (int i = 0; i < count; i++)
            if (all || p[i].revents)
                rtc_client_step(c[i]);
    }
    return true;
}
