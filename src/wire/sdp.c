/* wire/sdp.c - see sdp.h. */
#include "wire/sdp.h"

#include <string.h>
#include <strings.h>

#include "base/util.h"
#include "wire/sdp_text.h"

enum { WORDS_MAX = 64, MEDIA_MAX = 2 };
enum { VIDEO, AUDIO };

static void write_transport(struct buf *b, const struct sdp_offer *o)
{
    buf_addf(b, "c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 ", o->ufrag, o->pwd);
    sdp_write_digest(b, o->fingerprint);
    buf_adds(b, "\r\na=setup:actpass\r\na=sendonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\n");
    buf_addf(b, "a=extmap:%d " SDP_URI_SEND_TIME "\r\na=extmap:%d " SDP_URI_TRANSPORT_CC "\r\n", SDP_EXT_SEND_TIME, SDP_EXT_TRANSPORT_CC);
}

void sdp_write_offer(struct buf *b, const struct sdp_offer *o)
{
    buf_addf(b, "v=0\r\no=- %llu 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE 0 1\r\na=msid-semantic: WMS vcr\r\n",
             (unsigned long long)(o->session_id >> 2)); /* below 2^62: some parsers read it signed */
    buf_addf(b, "m=video 9 UDP/TLS/RTP/SAVPF %d %d\r\n", SDP_PT_VIDEO, SDP_PT_RTX);
    write_transport(b, o);
    buf_addf(b, "a=mid:0\r\na=extmap:%d " SDP_URI_PLAYOUT_DELAY "\r\na=rtpmap:%d H264/90000\r\n", SDP_EXT_PLAYOUT_DELAY, SDP_PT_VIDEO);
    buf_addf(b, "a=fmtp:%d level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n", SDP_PT_VIDEO);
    static const char *const feedback[] = { "nack", "nack pli", "ccm fir", "goog-remb", "transport-cc" };
    for (size_t i = 0; i < ARRAY_LEN(feedback); i++)
        buf_addf(b, "a=rtcp-fb:%d %s\r\n", SDP_PT_VIDEO, feedback[i]);
    buf_addf(b, "a=rtpmap:%d rtx/90000\r\na=fmtp:%d apt=%d\r\na=ssrc-group:FID %u %u\r\n", SDP_PT_RTX, SDP_PT_RTX, SDP_PT_VIDEO, o->video_ssrc,
             o->rtx_ssrc);
    buf_addf(b, "a=ssrc:%u cname:%s\r\na=ssrc:%u cname:%s\r\na=msid:vcr video\r\n", o->video_ssrc, o->cname, o->rtx_ssrc, o->cname);
    sdp_write_candidates(b, o->candidates, o->candidates_n);
    buf_addf(b, "m=audio 9 UDP/TLS/RTP/SAVPF %d\r\n", SDP_PT_AUDIO);
    write_transport(b, o);
    buf_addf(b, "a=mid:1\r\na=rtpmap:%d opus/48000/2\r\na=fmtp:%d minptime=10;stereo=1;sprop-stereo=1;useinbandfec=1\r\na=rtcp-fb:%d goog-remb\r\na=rtcp-fb:%d transport-cc\r\n",
             SDP_PT_AUDIO, SDP_PT_AUDIO, SDP_PT_AUDIO, SDP_PT_AUDIO);
    buf_addf(b, "a=ssrc:%u cname:%s\r\na=msid:vcr audio\r\n", o->audio_ssrc, o->cname);
}

/* What the session part or one media section says of the transport and of itself. */
struct section {
    char ufrag[SDP_ICE_MAX + 1], pwd[SDP_ICE_MAX + 1], setup[12], direction[12];
    uint8_t fingerprints[SDP_FINGERPRINTS_MAX][SDP_DIGEST_BYTES];
    int fingerprints_n;
    char mid[8];
    bool rejected, rtcp_mux, send_time, playout_delay, cc_numbers, cc_feedback;
    bool has_pt[128], h264_ok, rtx_ok, opus_ok;
};
struct parser {
    struct section part[1 + MEDIA_MAX]; /* [0]: the session */
    int media; /* sections begun */
    bool bundles[MEDIA_MAX], has_bundle;
};

static enum vcr_err take_fingerprint(struct section *s, char *value, struct vcr_why *why)
{
    char *digest = strchr(value, ' ');
    if (!digest)
        return vcr_fail(why, VCR_E_INVALID, "answer: a=fingerprint has no digest");
    *digest++ = '\0';
    if (strcasecmp(value, "sha-256") != 0) /* another hash of the same certificate, which we do not need */
        return VCR_OK;
    if (s->fingerprints_n == SDP_FINGERPRINTS_MAX)
        return vcr_fail(why, VCR_E_INVALID, "answer: more than %d fingerprints", SDP_FINGERPRINTS_MAX);
    if (!sdp_parse_digest(digest, s->fingerprints[s->fingerprints_n]))
        return vcr_fail(why, VCR_E_INVALID, "answer: the sha-256 fingerprint is not 32 hexadecimal pairs with colons");
    s->fingerprints_n++;
    return VCR_OK;
}

static enum vcr_err take_ice(char out[SDP_ICE_MAX + 1], const char *name, const char *value, size_t min, struct vcr_why *why)
{
    if (!sdp_is_ice_text(value, min))
        return vcr_fail(why, VCR_E_INVALID, "answer: a=%s is not %zu to %d ICE characters", name, min, SDP_ICE_MAX);
    vcr_strcpy(out, SDP_ICE_MAX + 1, value);
    return VCR_OK;
}

static enum vcr_err take_bundle(struct parser *p, char *value, struct vcr_why *why)
{
    char *save = NULL, *word = strtok_r(value, " ", &save);
    if (!word || strcmp(word, "BUNDLE") != 0)
        return VCR_OK;
    p->has_bundle = true;
    while ((word = strtok_r(NULL, " ", &save))) {
        if ((word[0] != '0' && word[0] != '1') || word[1])
            return vcr_fail(why, VCR_E_INVALID, "answer: BUNDLE names a mid that was not offered");
        p->bundles[word[0] - '0'] = true;
    }
    return VCR_OK;
}

static void take_rtpmap(struct section *s, const char *value)
{
    static const struct { const char *text; size_t at; } maps[] = {
        { "102 H264/90000", offsetof(struct section, h264_ok) },
        { "103 rtx/90000", offsetof(struct section, rtx_ok) },
        { "111 opus/48000/2", offsetof(struct section, opus_ok) },
    };
    for (size_t i = 0; i < ARRAY_LEN(maps); i++)
        if (strcasecmp(value, maps[i].text) == 0)
            *(bool *)((char *)s + maps[i].at) = true;
}

/* "2 URI" or "2/recvonly URI"; an id other than the offered one is no use of ours. */
static void take_extmap(struct section *s, const char *value)
{
    const char *uri = strchr(value, ' ');
    if (!uri || (value[1] != ' ' && value[1] != '/'))
        return;
    if (value[0] == '0' + SDP_EXT_SEND_TIME && strcmp(uri + 1, SDP_URI_SEND_TIME) == 0)
        s->send_time = true;
    if (value[0] == '0' + SDP_EXT_PLAYOUT_DELAY && strcmp(uri + 1, SDP_URI_PLAYOUT_DELAY) == 0)
        s->playout_delay = true;
    if (value[0] == '0' + SDP_EXT_TRANSPORT_CC && strcmp(uri + 1, SDP_URI_TRANSPORT_CC) == 0)
        s->cc_numbers = true;
}

/* "102 transport-cc", or "* transport-cc" for all formats. */
static void take_feedback(struct section *s, const char *value)
{
    const char *what = strchr(value, ' ');
    s->cc_feedback |= what && strcmp(what + 1, "transport-cc") == 0;
}

static enum vcr_err take_attribute(struct parser *p, char *line, struct vcr_why *why)
{
    struct section *s = &p->part[p->media];
    char *value = strchr(line, ':'), none[] = "";
    if (value)
        *value++ = '\0';
    else
        value = none;
    if (strcmp(line, "ice-ufrag") == 0)
        return take_ice(s->ufrag, line, value, SDP_UFRAG_MIN, why);
    if (strcmp(line, "ice-pwd") == 0)
        return take_ice(s->pwd, line, value, SDP_PWD_MIN, why);
    if (strcmp(line, "fingerprint") == 0)
        return take_fingerprint(s, value, why);
    if (strcmp(line, "group") == 0 && p->media == 0)
        return take_bundle(p, value, why);
    if (strcmp(line, "setup") == 0 && !vcr_strcpy(s->setup, sizeof(s->setup), value))
        return vcr_fail(why, VCR_E_INVALID, "answer: a=setup must be active");
    if (strcmp(line, "mid") == 0 && !vcr_strcpy(s->mid, sizeof(s->mid), value))
        return vcr_fail(why, VCR_E_INVALID, "answer: a=mid was not offered");
    if (strcmp(line, "rtpmap") == 0)
        take_rtpmap(s, value);
    else if (strcmp(line, "extmap") == 0)
        take_extmap(s, value);
    else if (strcmp(line, "rtcp-fb") == 0)
        take_feedback(s, value);
    else if (strcmp(line, "rtcp-mux") == 0)
        s->rtcp_mux = true;
    else if (strcmp(line, "sendrecv") == 0 || strcmp(line, "sendonly") == 0 || strcmp(line, "recvonly") == 0 || strcmp(line, "inactive") == 0)
        vcr_strcpy(s->direction, sizeof(s->direction), line);
    return VCR_OK;
}

/* "video 9 UDP/TLS/RTP/SAVPF 102 103" */
static enum vcr_err take_media(struct parser *p, char *line, struct vcr_why *why)
{
    static const char *const kinds[MEDIA_MAX] = { "video", "audio" };
    if (p->media == MEDIA_MAX)
        return vcr_fail(why, VCR_E_INVALID, "answer: more media sections than were offered");
    struct section *s = &p->part[++p->media];
    char *save = NULL, *kind = strtok_r(line, " ", &save), *port = strtok_r(NULL, " ", &save), *proto = strtok_r(NULL, " ", &save), *word;
    uint64_t n;
    if (!kind || strcmp(kind, kinds[p->media - 1]) != 0)
        return vcr_fail(why, VCR_E_INVALID, "answer: media section %d is not %s as offered", p->media, kinds[p->media - 1]);
    if (!port || !vcr_parse_u64(port, 65535, &n) || !proto || strcmp(proto, "UDP/TLS/RTP/SAVPF") != 0)
        return vcr_fail(why, VCR_E_INVALID, "answer: m=%s has a bad port or is not UDP/TLS/RTP/SAVPF", kind);
    s->rejected = n == 0;
    for (int words = 0; (word = strtok_r(NULL, " ", &save)); words++) {
        if (words == WORDS_MAX || !vcr_parse_u64(word, 127, &n))
            return vcr_fail(why, VCR_E_INVALID, "answer: m=%s has a bad payload type", kind);
        s->has_pt[n] = true;
    }
    return VCR_OK;
}

static enum vcr_err take_line(struct parser *p, int number, char *line, struct vcr_why *why)
{
    if (line[0] < 'a' || line[0] > 'z' || line[1] != '=')
        return vcr_fail(why, VCR_E_INVALID, "answer: line %d is not of the form x=...", number);
    if (number == 1 && strcmp(line, "v=0") != 0)
        return vcr_fail(why, VCR_E_INVALID, "answer: does not begin with v=0");
    if (line[0] == 'm')
        return take_media(p, line + 2, why);
    return line[0] == 'a' ? take_attribute(p, line + 2, why) : VCR_OK;
}

static enum vcr_err take_lines(struct parser *p, const char *text, size_t len, struct vcr_why *why)
{
    char line[SDP_LINE_BYTES];
    int number = 0;
    if (len > SDP_MAX_BYTES || memchr(text, '\0', len))
        return vcr_fail(why, VCR_E_INVALID, "answer: over %d bytes, or holds a NUL", SDP_MAX_BYTES);
    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - text) - at : len - at, step = n + 1;
        if (n && text[at + n - 1] == '\r')
            n--;
        if (n >= sizeof(line))
            return vcr_fail(why, VCR_E_INVALID, "answer: line %d is longer than %d bytes", number + 1, SDP_LINE_BYTES);
        memcpy(line, text + at, n);
        line[n] = '\0';
        at += step;
        enum vcr_err err = take_line(p, ++number, line, why);
        if (err)
            return err;
    }
    return VCR_OK;
}

static bool receives(const struct section *s) { return s->direction[0] == '\0' || strcmp(s->direction, "sendrecv") == 0 || strcmp(s->direction, "recvonly") == 0; }

static enum vcr_err check_transport(const struct parser *p, struct sdp_answer *a, struct vcr_why *why)
{
    const struct section *v = &p->part[1 + VIDEO], *session = &p->part[0];
    const char *setup = v->setup[0] ? v->setup : session->setup;
    const struct section *ice = v->ufrag[0] ? v : session, *prints = v->fingerprints_n ? v : session;
    if (!ice->ufrag[0] || !ice->pwd[0])
        return vcr_fail(why, VCR_E_INVALID, "answer: no a=ice-ufrag and a=ice-pwd");
    if (!prints->fingerprints_n)
        return vcr_fail(why, VCR_E_INVALID, "answer: no a=fingerprint with sha-256");
    if (strcmp(setup, "active") != 0)
        return vcr_fail(why, VCR_E_INVALID, "answer: a=setup must be active, the server only waits for DTLS");
    if (!v->rtcp_mux)
        return vcr_fail(why, VCR_E_INVALID, "answer: no a=rtcp-mux");
    memcpy(a->client.ufrag, ice->ufrag, sizeof(a->client.ufrag));
    memcpy(a->client.fingerprints, prints->fingerprints, sizeof(a->client.fingerprints));
    a->client.fingerprints_n = prints->fingerprints_n;
    return VCR_OK;
}

enum vcr_err sdp_parse_answer(const char *text, size_t len, struct sdp_answer *ret, struct vcr_why *why)
{
    struct parser p = { 0 };
    struct sdp_answer a = { 0 };
    enum vcr_err err = take_lines(&p, text, len, why);
    if (err)
        return err;
    const struct section *v = &p.part[1 + VIDEO], *s = &p.part[1 + AUDIO];
    if (p.media != MEDIA_MAX)
        return vcr_fail(why, VCR_E_INVALID, "answer: has %d of the two offered media sections", p.media);
    if (v->rejected || !v->has_pt[SDP_PT_VIDEO] || !v->h264_ok)
        return vcr_fail(why, VCR_E_INVALID, "answer: refuses the picture (H.264)");
    if (!receives(v))
        return vcr_fail(why, VCR_E_INVALID, "answer: does not receive the picture (a=%s)", v->direction);
    if ((v->mid[0] && strcmp(v->mid, "0") != 0) || (s->mid[0] && strcmp(s->mid, "1") != 0))
        return vcr_fail(why, VCR_E_INVALID, "answer: a=mid was not offered");
    a.audio = !s->rejected && s->has_pt[SDP_PT_AUDIO] && s->opus_ok && receives(s);
    if (a.audio && !(p.has_bundle && p.bundles[VIDEO] && p.bundles[AUDIO]))
        return vcr_fail(why, VCR_E_INVALID, "answer: picture and sound must share one transport (a=group:BUNDLE 0 1)");
    a.rtx = v->has_pt[SDP_PT_RTX] && v->rtx_ok;
    a.send_time = v->send_time;
    a.playout_delay = v->playout_delay;
    a.video_cc = v->cc_numbers && v->cc_feedback;
    a.audio_cc = a.video_cc && a.audio && s->cc_numbers;
    err = check_transport(&p, &a, why);
    if (!err)
        *ret = a;
    return err;
}
