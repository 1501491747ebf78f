/* wire/sdp_offered.c - reads an offer: see sdp_offered.h. */
#include <string.h>
#include <strings.h>

#include "base/util.h"
#include "wire/sdp_offered_internal.h"
#include "wire/sdp_text.h"

enum { DEFAULT_PROFILE = 0x42000a };

static enum vcr_err malformed(struct vcr_why *why, const char *what) { return vcr_fail(why, VCR_E_MALFORMED, "offer: %s", what); }

static enum vcr_err take_fingerprint(struct offer_section *s, char *value, struct vcr_why *why)
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

static enum vcr_err take_bundle(struct offer *p, char *value, struct vcr_why *why)
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
static struct offer_format *format_of(struct offer_section *s, char *value, char **ret_rest)
{
    char *rest = strchr(value, ' ');
    uint64_t pt;
    if (!rest)
        return NULL;
    *rest++ = '\0';
    *ret_rest = rest;
    return vcr_parse_u64(value, 127, &pt) && s->formats[pt].listed ? &s->formats[pt] : NULL;
}

/* With the marker bit, 64 to 95 are RTCP's packet types (RFC 5761 section 4); 0 is PCMU in every profile. */
static bool is_told_from_rtcp(int pt) { return pt != 0 && (pt < 64 || pt > 95); }

static void take_rtpmap(struct offer_section *s, char *value)
{
    static const struct { const char *text; enum offer_codec codec; } maps[] = {
        { "H264/90000", CODEC_H264 }, { "rtx/90000", CODEC_RTX }, { "opus/48000/2", CODEC_OPUS },
    };
    char *text;
    struct offer_format *f = format_of(s, value, &text);
    if (!f || !is_told_from_rtcp((int)(f - s->formats)))
        return;
    for (size_t i = 0; i < ARRAY_LEN(maps); i++)
        if (strcasecmp(text, maps[i].text) == 0)
            f->codec = maps[i].codec;
}

static void take_fmtp(struct offer_section *s, char *value)
{
    char *text, *save = NULL;
    struct offer_format *f = format_of(s, value, &text);
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

static void take_feedback(struct offer_section *s, char *value)
{
    static const struct { const char *text; size_t at; } kinds[] = {
        { "nack", offsetof(struct sdp_feedback, nack) },           { "nack pli", offsetof(struct sdp_feedback, pli) },
        { "ccm fir", offsetof(struct sdp_feedback, fir) },         { "goog-remb", offsetof(struct sdp_feedback, remb) },
        { "transport-cc", offsetof(struct sdp_feedback, transport_cc) },
    };
    bool all = value[0] == '*' && value[1] == ' ';
    char *text = value + 2;
    struct offer_format *f = all ? NULL : format_of(s, value, &text);
    if (!all && !f)
        return;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcasecmp(text, kinds[i].text) == 0)
            *(bool *)((char *)(all ? &s->any : &f->feedback) + kinds[i].at) = true;
}

/* "3 URI" or "3/sendonly URI". Ids above 14 would need two-byte headers, which we do not take. */
static void take_extmap(struct offer_section *s, char *value)
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
    else if (strcmp(uri, SDP_URI_PLAYOUT_DELAY) == 0)
        s->playout_delay = (uint8_t)id;
}

static bool take_flag(struct offer_section *s, const char *name)
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

static enum vcr_err take_attribute(struct offer *p, char *line, struct vcr_why *why)
{
    static const struct { const char *name; void (*take)(struct offer_section *s, char *value); } plain[] = {
        { "rtpmap", take_rtpmap }, { "fmtp", take_fmtp }, { "rtcp-fb", take_feedback }, { "extmap", take_extmap },
    };
    struct offer_section *s = p->media_n ? &p->media[p->media_n - 1] : &p->session;
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

static enum vcr_err take_media(struct offer *p, char *line, struct vcr_why *why)
{
    char *save = NULL, *kind = strtok_r(line, " ", &save), *port = strtok_r(NULL, " ", &save), *proto = strtok_r(NULL, " ", &save), *word;
    uint64_t n;
    if (p->media_n == SDP_MEDIA_MAX)
        return malformed(why, "more than 8 media sections");
    struct offer_section *s = &p->media[p->media_n++];
    if (!kind || !port || !proto || !vcr_parse_u64(port, 65535, &n) || !vcr_strcpy(s->media.kind, SDP_WORD_BYTES, kind) ||
        !vcr_strcpy(s->media.proto, SDP_WORD_BYTES, proto))
        return malformed(why, "a media line is not KIND PORT PROTOCOL FORMATS");
    s->disabled = n == 0;
    bool is_rtp = strcmp(proto, "UDP/TLS/RTP/SAVPF") == 0;
    for (int words = 0; (word = strtok_r(NULL, " ", &save)); words++) {
        if (words == OFFER_FORMATS_MAX || (words == 0 && !vcr_strcpy(s->media.format, SDP_WORD_BYTES, word)) || (is_rtp && !vcr_parse_u64(word, 127, &n)))
            return malformed(why, "a media line has too many formats, or a bad one");
        if (!is_rtp)
            continue;
        s->order[s->formats_n++] = (uint8_t)n;
        s->formats[n] = (struct offer_format) { .listed = true, .profile_level_id = DEFAULT_PROFILE, .apt = -1 };
    }
    return s->media.format[0] ? VCR_OK : malformed(why, "a media line has no formats");
}

enum vcr_err offer_read(struct offer *p, const char *text, size_t len, struct vcr_why *why)
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
