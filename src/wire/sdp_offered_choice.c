/* wire/sdp_offered_choice.c - what we take of an offer: see sdp_offered.h. */
#include <string.h>

#include "base/util.h"
#include "wire/sdp_offered_internal.h"

enum { LEVEL_3_1 = 0x1f };

static bool can(const struct offer_section *s, const char *direction)
{
    return (!s->disabled || s->bundle_only) && strcmp(s->media.proto, "UDP/TLS/RTP/SAVPF") == 0 &&
           (!s->direction[0] || strcmp(s->direction, "sendrecv") == 0 || strcmp(s->direction, direction) == 0);
}

/* Constrained baseline is what every viewer decodes and has no B-frames; in mode 0 a large picture may not fit. */
static int worth(const struct offer_format *f, int least_mode)
{
    uint32_t profile = f->profile_level_id >> 16;
    if (f->codec != CODEC_H264 || f->packetization_mode < least_mode || f->packetization_mode > 1)
        return 0;
    return 1 + 8 * f->packetization_mode + (profile == 0x42 ? 3 + (f->profile_level_id >> 14 & 1) : profile == 0x4d ? 2 : profile == 0x64 ? 1 : 0);
}

static int best_picture(const struct offer_section *s, int least_mode)
{
    int best = -1;
    for (int i = 0; i < s->formats_n; i++)
        if (worth(&s->formats[s->order[i]], least_mode) > (best < 0 ? 0 : worth(&s->formats[best], least_mode)))
            best = s->order[i];
    return best;
}

static int first_of(const struct offer_section *s, enum offer_codec codec, int apt)
{
    for (int i = 0; i < s->formats_n; i++)
        if (s->formats[s->order[i]].codec == codec && (apt < 0 || s->formats[s->order[i]].apt == apt))
            return s->order[i];
    return -1;
}

static struct sdp_feedback feedback_of(const struct offer_section *s, int pt)
{
    struct sdp_feedback f = s->formats[pt].feedback;
    f.nack |= s->any.nack;
    f.pli |= s->any.pli;
    f.fir |= s->any.fir;
    f.remb |= s->any.remb;
    f.transport_cc |= s->any.transport_cc;
    return f;
}

static int bundle_place(const struct offer *p, const struct offer_section *s)
{
    for (int i = 0; i < p->bundle_n; i++)
        if (s->media.mid[0] && strcmp(p->bundle[i], s->media.mid) == 0)
            return i;
    return -1;
}

static const struct offer_section *section_at(const struct offer *p, int i) { return i >= 0 ? &p->media[i] : NULL; }

struct wanted { bool picture, sound; }; /* sections of that kind in the right direction, whatever their formats */

/* The first section of each kind that has something for us. */
static struct wanted choose_sections(const struct offer *p, const char *direction, int least_mode, struct sdp_choice *o)
{
    struct wanted wanted = { 0 };
    o->video = o->audio = -1;
    o->media_n = p->media_n;
    for (int i = 0; i < p->media_n; i++) {
        const struct offer_section *s = &p->media[i];
        bool is_picture = strcmp(s->media.kind, "video") == 0, is_sound = strcmp(s->media.kind, "audio") == 0;
        o->media[i] = s->media;
        if (!can(s, direction))
            continue;
        wanted.picture |= is_picture;
        wanted.sound |= is_sound;
        if (is_picture && o->video < 0 && best_picture(s, least_mode) >= 0)
            o->video = i;
        else if (is_sound && o->audio < 0 && first_of(s, CODEC_OPUS, -1) >= 0)
            o->audio = i;
    }
    return wanted;
}

static void choose_picture(const struct offer_section *s, int least_mode, struct sdp_choice *o)
{
    int pt = best_picture(s, least_mode), rtx = first_of(s, CODEC_RTX, pt);
    const struct offer_format *f = &s->formats[pt];
    o->video_pt = (uint8_t)pt;
    o->rtx_pt = rtx > 0 ? (uint8_t)rtx : 0;
    o->packetization_mode = f->packetization_mode;
    o->profile_level_id = f->profile_level_id;
    o->video_feedback = feedback_of(s, pt);
    o->video_cc = o->video_feedback.transport_cc ? s->transport_cc : 0;
    o->video_send_time = s->send_time;
    o->playout_delay = s->playout_delay;
    o->rsize = s->rsize;
}

static void choose_sound(const struct offer_section *s, struct sdp_choice *o)
{
    o->audio_pt = (uint8_t)first_of(s, CODEC_OPUS, -1);
    o->audio_feedback = feedback_of(s, o->audio_pt);
    o->audio_cc = o->audio_feedback.transport_cc ? s->transport_cc : 0;
    o->audio_send_time = s->send_time;
}

/* What the chosen sections say, and that they fit together. */
static enum vcr_err choose_formats(const struct offer *p, int least_mode, struct sdp_choice *o, struct vcr_why *why)
{
    const struct offer_section *v = section_at(p, o->video), *a = section_at(p, o->audio);
    if (v)
        choose_picture(v, least_mode, o);
    if (a)
        choose_sound(a, o);
    o->bundled = bundle_place(p, v ? v : a) >= 0;
    if (!v || !a)
        return VCR_OK;
    if (!o->bundled || bundle_place(p, a) < 0)
        return vcr_fail(why, VCR_E_INVALID, "offer: picture and sound must share one transport (a=group:BUNDLE, a=mid)");
    if (o->audio_pt == o->video_pt || o->audio_pt == o->rtx_pt)
        return vcr_fail(why, VCR_E_INVALID, "offer: payload type %d is used twice", o->audio_pt);
    return VCR_OK;
}

/* The transport is described by the first bundled section that we take (RFC 8843), or by the session. */
static enum vcr_err check_transport(const struct offer *p, struct sdp_choice *o, struct vcr_why *why)
{
    const struct offer_section *v = section_at(p, o->video), *a = section_at(p, o->audio), *s = v ? v : a;
    if (v && a && bundle_place(p, a) < bundle_place(p, v))
        s = a;
    const struct offer_section *ice = s->ufrag[0] ? s : &p->session, *prints = s->fingerprints_n ? s : &p->session;
    const char *setup = s->setup[0] ? s->setup : p->session.setup;
    if (!ice->ufrag[0] || !ice->pwd[0])
        return vcr_fail(why, VCR_E_INVALID, "offer: no a=ice-ufrag and a=ice-pwd");
    if (!prints->fingerprints_n)
        return vcr_fail(why, VCR_E_INVALID, "offer: no a=fingerprint with sha-256");
    if (strcmp(setup, "actpass") != 0 && strcmp(setup, "active") != 0)
        return vcr_fail(why, VCR_E_INVALID, "offer: a=setup must be actpass or active, the server only waits for DTLS");
    if ((v && !v->rtcp_mux) || (a && !a->rtcp_mux))
        return vcr_fail(why, VCR_E_INVALID, "offer: no a=rtcp-mux");
    memcpy(o->client.ufrag, ice->ufrag, sizeof(o->client.ufrag));
    memcpy(o->pwd, ice->pwd, sizeof(o->pwd));
    memcpy(o->client.fingerprints, prints->fingerprints, sizeof(o->client.fingerprints));
    o->client.fingerprints_n = prints->fingerprints_n;
    return VCR_OK;
}

/* What a publisher sends must be at most of level 3.1, where it lets us say so, to go on unchanged. */
static void limit_level(const struct offer *p, struct sdp_choice *o)
{
    uint32_t level = o->profile_level_id & 0xff;
    if (p->media[o->video].formats[o->video_pt].asymmetric && level > LEVEL_3_1)
        o->profile_level_id = (o->profile_level_id & 0xffff00) | LEVEL_3_1;
}

static enum vcr_err choose_publish(const struct offer *p, struct sdp_choice *o, struct vcr_why *why)
{
    struct wanted wanted = choose_sections(p, "sendonly", 0, o);
    if (o->video < 0)
        return vcr_refuse(why, VCR_E_INVALID, "/no-picture", "offer: %s", wanted.picture ? "the picture is not offered as H.264" : "sends no picture");
    enum vcr_err err = choose_formats(p, 0, o, why);
    if (!err)
        limit_level(p, o);
    return err;
}

static enum vcr_err choose_play(const struct offer *p, struct sdp_choice *o, struct vcr_why *why)
{
    struct wanted wanted = choose_sections(p, "recvonly", 1, o);
    if (!wanted.picture && !wanted.sound)
        return vcr_fail(why, VCR_E_UNACCEPTABLE, "offer: receives neither a picture nor sound (m=video or m=audio with a=recvonly, UDP/TLS/RTP/SAVPF)");
    if (wanted.picture && o->video < 0)
        return vcr_fail(why, VCR_E_UNACCEPTABLE, "offer: the picture is H.264 with packetization-mode=1 here, which is not among the formats of m=video");
    if (!wanted.picture && o->audio < 0)
        return vcr_fail(why, VCR_E_UNACCEPTABLE, "offer: the sound is Opus here (opus/48000/2), which is not among the formats of m=audio");
    enum vcr_err err = choose_formats(p, 1, o, why);
    if (!o->video_cc)
        o->audio_cc = 0;
    return err;
}

static enum vcr_err parse(const char *text, size_t len, enum vcr_err (*choose)(const struct offer *p, struct sdp_choice *o, struct vcr_why *why), struct sdp_choice *ret,
                          struct vcr_why *why)
{
    struct offer *p = vcr_alloc(sizeof(*p));
    struct sdp_choice o = { 0 };
    enum vcr_err err = offer_read(p, text, len, why);
    if (!err)
        err = choose(p, &o, why);
    if (!err)
        err = check_transport(p, &o, why);
    if (!err)
        *ret = o;
    free(p);
    return err;
}

enum vcr_err sdp_parse_publish(const char *text, size_t len, struct sdp_choice *ret, struct vcr_why *why) { return parse(text, len, choose_publish, ret, why); }
enum vcr_err sdp_parse_play(const char *text, size_t len, struct sdp_choice *ret, struct vcr_why *why) { return parse(text, len, choose_play, ret, why); }
