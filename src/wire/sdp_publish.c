/* wire/sdp_publish.c - see sdp_publish.h. */
#include "wire/sdp_publish.h"

#include <string.h>
#include <strings.h>

#include "base/util.h"
#include "wire/sdp_text.h"

enum { FORMATS_MAX = 64, LEVEL_3_1 = 0x1f, DEFAULT_PROFILE = 0x42000a };
enum codec { CODEC_NONE, CODEC_H264, CODEC_RTX, CODEC_OPUS };

struct format { /* one payload type */
    bool listed;
    enum codec codec;
    int packetization_mode, apt;
    uint32_t profile_level_id;
    bool asymmetric;
    struct sdp_feedback feedback;
};
/* What the session part or one media section says of the transport and of itself. */
struct section {
    struct sdp_media media;
    char ufrag[SDP_ICE_MAX + 1], pwd[SDP_ICE_MAX + 1], setup[12], direction[12];
    uint8_t fingerprints[SDP_FINGERPRINTS_MAX][SDP_DIGEST_BYTES];
    int fingerprints_n;
    bool disabled, bundle_only, rtcp_mux, rsize;
    uint8_t transport_cc, send_time;
    struct sdp_feedback any; /* a=rtcp-fb:* */
    struct format formats[128];
    uint8_t order[FORMATS_MAX]; /* payload types as they are listed */
    int formats_n;
};
struct parser {
    struct section session, media[SDP_MEDIA_MAX];
    int media_n;
    char bundle[SDP_MEDIA_MAX][SDP_WORD_BYTES];
    int bundle_n;
};

/* ---- reading ---- */

static enum vcr_err malformed(struct vcr_why *why, const char *what) { return vcr_fail(why, VCR_E_MALFORMED, "offer: %s", what); }

static enum vcr_err take_fingerprint(struct section *s, char *value, struct vcr_why *why)
{
    char *digest = strchr(value, ' ');
    if (!digest)
        return malformed(why, "a=fingerprint has no digest");
    *digest++ = '\0';
    if (strcasecmp(value, "sha-256") != 0) /* another hash of the same certificate, which we do not need */
        return VCR_OK;
    if (s->fingerprints_n == SDP_FINGERPRINTS_MAX)
        return malformed(why, "too many fingerprints");
    if (!sdp_parse_digest(digest, s->fingerprints[s->fingerprints_n]))
        return malformed(why, "the sha-256 fingerprint is not 32 hexadecimal pairs with colons");
    s->fingerprints_n++;
    return VCR_OK;
}

static enum vcr_err take_bundle(struct parser *p, char *value, struct vcr_why *why)
{
    char *save = NULL, *word = strtok_r(value, " ", &save);
    if (!word || strcmp(word, "BUNDLE") != 0 || p->bundle_n)
        return VCR_OK;
    while ((word = strtok_r(NULL, " ", &save)))
        if (p->bundle_n == SDP_MEDIA_MAX || !vcr_strcpy(p->bundle[p->bundle_n++], SDP_WORD_BYTES, word))
            return malformed(why, "a=group:BUNDLE has too many or too long names");
    return VCR_OK;
}

/* "102 rest": the format and where the rest starts, or NULL for a payload type that is none or was not listed. */
static struct format *format_of(struct section *s, char *value, char **ret_rest)
{
    char *rest = strchr(value, ' ');
    uint64_t pt;
    if (!rest)
        return NULL;
    *rest++ = '\0';
    *ret_rest = rest;
    return vcr_parse_u64(value, 127, &pt) && s->formats[pt].listed ? &s->formats[pt] : NULL;
}

static void take_rtpmap(struct section *s, char *value)
{
    static const struct { const char *text; enum codec codec; } maps[] = {
        { "H264/90000", CODEC_H264 }, { "rtx/90000", CODEC_RTX }, { "opus/48000/2", CODEC_OPUS },
    };
    char *text;
    struct format *f = format_of(s, value, &text);
    for (size_t i = 0; f && i < ARRAY_LEN(maps); i++)
        if (strcasecmp(text, maps[i].text) == 0)
            f->codec = maps[i].codec;
}

static void take_fmtp(struct section *s, char *value)
{
    char *text, *save = NULL;
    struct format *f = format_of(s, value, &text);
    for (char *word = f ? strtok_r(text, "; ", &save) : NULL; word; word = strtok_r(NULL, "; ", &save)) {
        char *is = strchr(word, '=');
        uint64_t n;
        if (!is)
            continue;
        *is++ = '\0';
        if (strcasecmp(word, "packetization-mode") == 0 && vcr_parse_u64(is, 2, &n))
            f->packetization_mode = (int)n;
        else if (strcasecmp(word, "apt") == 0 && vcr_parse_u64(is, 127, &n))
            f->apt = (int)n;
        else if (strcasecmp(word, "level-asymmetry-allowed") == 0)
            f->asymmetric = strcmp(is, "1") == 0;
        else if (strcasecmp(word, "profile-level-id") == 0 && strlen(is) == 6 && strspn(is, "0123456789abcdefABCDEF") == 6)
            f->profile_level_id = (uint32_t)strtoul(is, NULL, 16);
    }
}

static void take_feedback(struct section *s, char *value)
{
    static const struct { const char *text; size_t at; } kinds[] = {
        { "nack", offsetof(struct sdp_feedback, nack) },           { "nack pli", offsetof(struct sdp_feedback, pli) },
        { "ccm fir", offsetof(struct sdp_feedback, fir) },         { "goog-remb", offsetof(struct sdp_feedback, remb) },
        { "transport-cc", offsetof(struct sdp_feedback, transport_cc) },
    };
    bool all = value[0] == '*' && value[1] == ' ';
    char *text = value + 2;
    struct format *f = all ? NULL : format_of(s, value, &text);
    if (!all && !f)
        return;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcasecmp(text, kinds[i].text) == 0)
            *(bool *)((char *)(all ? &s->any : &f->feedback) + kinds[i].at) = true;
}

/* "3 URI" or "3/sendonly URI". Ids above 14 would need two-byte headers, which we do not take. */
static void take_extmap(struct section *s, char *value)
{
    char *uri = strchr(value, ' '), *slash;
    uint64_t id;
    if (!uri)
        return;
    *uri++ = '\0';
    if ((slash = strchr(value, '/')))
        *slash = '\0';
    if (!vcr_parse_u64(value, 14, &id))
        return;
    if (strcmp(uri, SDP_URI_TRANSPORT_CC) == 0)
        s->transport_cc = (uint8_t)id;
    else if (strcmp(uri, SDP_URI_SEND_TIME) == 0)
        s->send_time = (uint8_t)id;
}

static bool take_flag(struct section *s, const char *name)
{
    static const char *const directions[] = { "sendrecv", "sendonly", "recvonly", "inactive" };
    for (size_t i = 0; i < ARRAY_LEN(directions); i++)
        if (strcmp(name, directions[i]) == 0)
            return vcr_strcpy(s->direction, sizeof(s->direction), name);
    s->rtcp_mux |= strcmp(name, "rtcp-mux") == 0 || strcmp(name, "rtcp-mux-only") == 0;
    s->rsize |= strcmp(name, "rtcp-rsize") == 0;
    s->bundle_only |= strcmp(name, "bundle-only") == 0;
    return true;
}

static enum vcr_err take_attribute(struct parser *p, char *line, struct vcr_why *why)
{
    static const struct { const char *name; void (*take)(struct section *s, char *value); } plain[] = {
        { "rtpmap", take_rtpmap }, { "fmtp", take_fmtp }, { "rtcp-fb", take_feedback }, { "extmap", take_extmap },
    };
    struct section *s = p->media_n ? &p->media[p->media_n - 1] : &p->session;
    char *value = strchr(line, ':');
    if (!value) {
        take_flag(s, line);
        return VCR_OK;
    }
    *value++ = '\0';
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (strcmp(line, plain[i].name) == 0)
            plain[i].take(s, value);
    if (strcmp(line, "ice-ufrag") == 0 && (!sdp_is_ice_text(value, SDP_UFRAG_MIN) || !vcr_strcpy(s->ufrag, sizeof(s->ufrag), value)))
        return malformed(why, "a=ice-ufrag is not 4 to 256 ICE characters");
    if (strcmp(line, "ice-pwd") == 0 && (!sdp_is_ice_text(value, SDP_PWD_MIN) || !vcr_strcpy(s->pwd, sizeof(s->pwd), value)))
        return malformed(why, "a=ice-pwd is not 22 to 256 ICE characters");
    if (strcmp(line, "setup") == 0 && !vcr_strcpy(s->setup, sizeof(s->setup), value))
        return malformed(why, "a=setup is none of its values");
    if (strcmp(line, "mid") == 0 && p->media_n && (!value[0] || strchr(value, ' ') || !vcr_strcpy(s->media.mid, sizeof(s->media.mid), value)))
        return malformed(why, "a=mid is empty or too long");
    if (strcmp(line, "fingerprint") == 0)
        return take_fingerprint(s, value, why);
    return strcmp(line, "group") == 0 && p->media_n == 0 ? take_bundle(p, value, why) : VCR_OK;
}

static enum vcr_err take_media(struct parser *p, char *line, struct vcr_why *why)
{
    char *save = NULL, *kind = strtok_r(line, " ", &save), *port = strtok_r(NULL, " ", &save), *proto = strtok_r(NULL, " ", &save), *word;
    uint64_t n;
    if (p->media_n == SDP_MEDIA_MAX)
        return malformed(why, "more than 8 media sections");
    struct section *s = &p->media[p->media_n++];
    if (!kind || !port || !proto || !vcr_parse_u64(port, 65535, &n) || !vcr_strcpy(s->media.kind, SDP_WORD_BYTES, kind) ||
        !vcr_strcpy(s->media.proto, SDP_WORD_BYTES, proto))
        return malformed(why, "a media line is not KIND PORT PROTOCOL FORMATS");
    s->disabled = n == 0;
    bool is_rtp = strcmp(proto, "UDP/TLS/RTP/SAVPF") == 0;
    for (int words = 0; (word = strtok_r(NULL, " ", &save)); words++) {
        if (words == FORMATS_MAX || (words == 0 && !vcr_strcpy(s->media.format, SDP_WORD_BYTES, word)) || (is_rtp && !vcr_parse_u64(word, 127, &n)))
            return malformed(why, "a media line has too many formats, or a bad one");
        if (!is_rtp)
            continue;
        s->order[s->formats_n++] = (uint8_t)n;
        s->formats[n] = (struct format) { .listed = true, .profile_level_id = DEFAULT_PROFILE, .apt = -1 };
    }
    return s->media.format[0] ? VCR_OK : malformed(why, "a media line has no formats");
}

static enum vcr_err take_lines(struct parser *p, const char *text, size_t len, struct vcr_why *why)
{
    char line[SDP_LINE_BYTES];
    bool ok, first = true;
    if (len > SDP_MAX_BYTES)
        return malformed(why, "over 65536 bytes");
    for (size_t at = 0; sdp_next_line(text, len, &at, line, &ok); first = false) {
        if (!ok)
            return malformed(why, "a line is not of the form x=..., or is too long");
        if (first && strcmp(line, "v=0") != 0)
            return malformed(why, "does not begin with v=0");
        enum vcr_err err = line[0] == 'm' ? take_media(p, line + 2, why) : line[0] == 'a' ? take_attribute(p, line + 2, why) : VCR_OK;
        if (err)
            return err;
    }
    return first ? malformed(why, "empty") : VCR_OK;
}

/* ---- choosing ---- */

static bool sends(const struct section *s)
{
    return (!s->disabled || s->bundle_only) && strcmp(s->media.proto, "UDP/TLS/RTP/SAVPF") == 0 &&
           (!s->direction[0] || strcmp(s->direction, "sendrecv") == 0 || strcmp(s->direction, "sendonly") == 0);
}

/* Constrained baseline is what every viewer decodes and has no B-frames; in mode 0 a large picture may not fit. */
static int worth(const struct format *f)
{
    uint32_t profile = f->profile_level_id >> 16;
    if (f->codec != CODEC_H264 || f->packetization_mode > 1)
        return 0;
    return 1 + 8 * f->packetization_mode + (profile == 0x42 ? 3 + (f->profile_level_id >> 14 & 1) : profile == 0x4d ? 2 : profile == 0x64 ? 1 : 0);
}

static int best_picture(const struct section *s)
{
    int best = -1;
    for (int i = 0; i < s->formats_n; i++)
        if (worth(&s->formats[s->order[i]]) > (best < 0 ? 0 : worth(&s->formats[best])))
            best = s->order[i];
    return best;
}

static int first_of(const struct section *s, enum codec codec, int apt)
{
    for (int i = 0; i < s->formats_n; i++)
        if (s->formats[s->order[i]].codec == codec && (apt < 0 || s->formats[s->order[i]].apt == apt))
            return s->order[i];
    return -1;
}

static struct sdp_feedback feedback_of(const struct section *s, int pt)
{
    struct sdp_feedback f = s->formats[pt].feedback;
    f.nack |= s->any.nack;
    f.pli |= s->any.pli;
    f.fir |= s->any.fir;
    f.remb |= s->any.remb;
    f.transport_cc |= s->any.transport_cc;
    return f;
}

static int bundle_place(const struct parser *p, const struct section *s)
{
    for (int i = 0; i < p->bundle_n; i++)
        if (s->media.mid[0] && strcmp(p->bundle[i], s->media.mid) == 0)
            return i;
    return -1;
}

static void choose_picture(const struct section *s, struct sdp_published *o)
{
    int pt = best_picture(s), rtx = first_of(s, CODEC_RTX, pt);
    const struct format *f = &s->formats[pt];
    uint32_t level = f->profile_level_id & 0xff;
    o->video_pt = (uint8_t)pt;
    o->rtx_pt = rtx > 0 ? (uint8_t)rtx : 0;
    o->packetization_mode = f->packetization_mode;
    o->profile_level_id = f->asymmetric && level > LEVEL_3_1 ? (f->profile_level_id & 0xffff00) | LEVEL_3_1 : f->profile_level_id;
    o->video_feedback = feedback_of(s, pt);
    o->video_cc = o->video_feedback.transport_cc ? s->transport_cc : 0;
    o->send_time = s->send_time;
}

static enum vcr_err choose(const struct parser *p, struct sdp_published *o, struct vcr_why *why)
{
    bool has_picture = false;
    o->video = o->audio = -1;
    for (int i = 0; i < p->media_n; i++) {
        const struct section *s = &p->media[i];
        o->media[i] = s->media;
        if (strcmp(s->media.kind, "video") == 0 && sends(s)) {
            has_picture = true;
            if (o->video < 0 && best_picture(s) >= 0)
                o->video = i;
        } else if (strcmp(s->media.kind, "audio") == 0 && sends(s) && o->audio < 0 && first_of(s, CODEC_OPUS, -1) >= 0) {
            o->audio = i;
        }
    }
    o->media_n = p->media_n;
    if (o->video < 0)
        return vcr_refuse(why, VCR_E_INVALID, "/no-picture", "offer: %s", has_picture ? "the picture is not offered as H.264" : "sends no picture");
    choose_picture(&p->media[o->video], o);
    const struct section *v = &p->media[o->video], *a = o->audio >= 0 ? &p->media[o->audio] : NULL;
    o->rsize = v->rsize;
    o->bundled = bundle_place(p, v) >= 0;
    if (!a)
        return VCR_OK;
    if (!o->bundled || bundle_place(p, a) < 0)
        return vcr_fail(why, VCR_E_INVALID, "offer: picture and sound must share one transport (a=group:BUNDLE, a=mid)");
    o->audio_pt = (uint8_t)first_of(a, CODEC_OPUS, -1);
    o->audio_feedback = feedback_of(a, o->audio_pt);
    o->audio_cc = o->audio_feedback.transport_cc ? a->transport_cc : 0;
    if (o->audio_pt == o->video_pt || o->audio_pt == o->rtx_pt)
        return vcr_fail(why, VCR_E_INVALID, "offer: payload type %d is used twice", o->audio_pt);
    return VCR_OK;
}

/* The transport is described by the first bundled section that we take (RFC 8843), or by the session. */
static enum vcr_err check_transport(const struct parser *p, struct sdp_published *o, struct vcr_why *why)
{
    const struct section *s = &p->media[o->video], *a = o->audio >= 0 ? &p->media[o->audio] : NULL;
    if (a && bundle_place(p, a) < bundle_place(p, s))
        s = a;
    const struct section *ice = s->ufrag[0] ? s : &p->session, *prints = s->fingerprints_n ? s : &p->session;
    const char *setup = s->setup[0] ? s->setup : p->session.setup;
    if (!ice->ufrag[0] || !ice->pwd[0])
        return vcr_fail(why, VCR_E_INVALID, "offer: no a=ice-ufrag and a=ice-pwd");
    if (!prints->fingerprints_n)
        return vcr_fail(why, VCR_E_INVALID, "offer: no a=fingerprint with sha-256");
    if (strcmp(setup, "actpass") != 0 && strcmp(setup, "active") != 0)
        return vcr_fail(why, VCR_E_INVALID, "offer: a=setup must be actpass or active, the server only waits for DTLS");
    if (!p->media[o->video].rtcp_mux || (a && !a->rtcp_mux))
        return vcr_fail(why, VCR_E_INVALID, "offer: no a=rtcp-mux");
    memcpy(o->client.ufrag, ice->ufrag, sizeof(o->client.ufrag));
    memcpy(o->pwd, ice->pwd, sizeof(o->pwd));
    memcpy(o->client.fingerprints, prints->fingerprints, sizeof(o->client.fingerprints));
    o->client.fingerprints_n = prints->fingerprints_n;
    return VCR_OK;
}

enum vcr_err sdp_parse_publish(const char *text, size_t len, struct sdp_published *ret, struct vcr_why *why)
{
    struct parser *p = vcr_alloc(sizeof(*p));
    struct sdp_published o = { 0 };
    enum vcr_err err = take_lines(p, text, len, why);
    if (!err)
        err = choose(p, &o, why);
    if (!err)
        err = check_transport(p, &o, why);
    if (!err)
        *ret = o;
    free(p);
    return err;
}
