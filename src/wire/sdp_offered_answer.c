/* wire/sdp_offered_answer.c - see sdp_offered.h: our answers, and fragments of trickled candidates. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "wire/sdp_offered.h"
#include "wire/sdp_text.h"

static void write_feedback(struct buf *b, int pt, const struct sdp_feedback *f, bool has_cc, bool has_remb)
{
    const struct { bool on; const char *text; } rows[] = {
        { f->nack, "nack" }, { f->pli, "nack pli" }, { f->fir, "ccm fir" }, { has_cc, "transport-cc" }, { has_remb, "goog-remb" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].on)
            buf_addf(b, "a=rtcp-fb:%d %s\r\n", pt, rows[i].text);
}

static void write_transport(struct buf *b, const struct sdp_choice *o, const struct sdp_accept *a, const char *direction)
{
    buf_addf(b, "c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 ", a->ufrag, a->pwd);
    sdp_write_digest(b, a->fingerprint);
    buf_addf(b, "\r\na=setup:passive\r\na=%s\r\na=rtcp-mux\r\n%s", direction, o->rsize ? "a=rtcp-rsize\r\n" : "");
    sdp_write_candidates(b, a->candidates, a->candidates_n);
}

static void write_extension(struct buf *b, int id, const char *uri)
{
    if (id)
        buf_addf(b, "a=extmap:%d %s\r\n", id, uri);
}

static void begin_video(struct buf *b, const struct sdp_choice *o, const struct sdp_accept *a, const char *direction)
{
    char rtx[8] = "";
    if (o->rtx_pt)
        snprintf(rtx, sizeof(rtx), " %d", o->rtx_pt);
    buf_addf(b, "m=video 9 UDP/TLS/RTP/SAVPF %d%s\r\n", o->video_pt, rtx);
    write_transport(b, o, a, direction);
    buf_addf(b, "a=rtpmap:%d H264/90000\r\na=fmtp:%d level-asymmetry-allowed=1;packetization-mode=%d;profile-level-id=%06x\r\n", o->video_pt, o->video_pt,
             o->packetization_mode, o->profile_level_id);
    if (o->rtx_pt)
        buf_addf(b, "a=rtpmap:%d rtx/90000\r\na=fmtp:%d apt=%d\r\n", o->rtx_pt, o->rtx_pt, o->video_pt);
}

static void begin_audio(struct buf *b, const struct sdp_choice *o, const struct sdp_accept *a, const char *direction)
{
    int pt = o->audio_pt;
    buf_addf(b, "m=audio 9 UDP/TLS/RTP/SAVPF %d\r\n", pt);
    write_transport(b, o, a, direction);
    buf_addf(b, "a=rtpmap:%d opus/48000/2\r\na=fmtp:%d minptime=10;stereo=1;sprop-stereo=1;useinbandfec=1\r\n", pt, pt);
}

/* ---- to a publisher ---- */

static void take_video(struct buf *b, const struct sdp_choice *o, const struct sdp_accept *a)
{
    bool has_remb = !o->video_cc && o->video_feedback.remb;
    begin_video(b, o, a, "recvonly");
    write_extension(b, o->video_cc, SDP_URI_TRANSPORT_CC);
    write_extension(b, has_remb ? o->video_send_time : 0, SDP_URI_SEND_TIME);
    write_feedback(b, o->video_pt, &o->video_feedback, o->video_cc, has_remb);
}

static void take_audio(struct buf *b, const struct sdp_choice *o, const struct sdp_accept *a)
{
    begin_audio(b, o, a, "recvonly");
    write_extension(b, o->audio_cc, SDP_URI_TRANSPORT_CC);
    write_feedback(b, o->audio_pt, &(struct sdp_feedback) { .nack = o->audio_feedback.nack }, o->audio_cc, false);
}

/* ---- to a player: its estimate comes as REMB, for which browsers need abs-send-time and no transport-wide numbers ---- */

static void give_video(struct buf *b, const struct sdp_choice *o, const struct sdp_accept *a)
{
    bool has_remb = !o->video_cc && o->video_feedback.remb;
    begin_video(b, o, a, "sendonly");
    write_extension(b, o->video_cc, SDP_URI_TRANSPORT_CC);
    write_extension(b, o->video_send_time, SDP_URI_SEND_TIME);
    write_extension(b, o->playout_delay, SDP_URI_PLAYOUT_DELAY);
    write_feedback(b, o->video_pt, &o->video_feedback, o->video_cc, has_remb);
    if (o->rtx_pt)
        buf_addf(b, "a=ssrc-group:FID %u %u\r\n", a->video_ssrc, a->rtx_ssrc);
    buf_addf(b, "a=ssrc:%u cname:%s\r\n", a->video_ssrc, a->cname);
    if (o->rtx_pt)
        buf_addf(b, "a=ssrc:%u cname:%s\r\n", a->rtx_ssrc, a->cname);
    buf_adds(b, "a=msid:vcr video\r\n");
}

static void give_audio(struct buf *b, const struct sdp_choice *o, const struct sdp_accept *a)
{
    bool has_remb = !o->audio_cc && o->audio_feedback.remb;
    begin_audio(b, o, a, "sendonly");
    write_extension(b, o->audio_cc, SDP_URI_TRANSPORT_CC);
    write_extension(b, o->audio_send_time, SDP_URI_SEND_TIME);
    write_feedback(b, o->audio_pt, &(struct sdp_feedback) { 0 }, o->audio_cc, has_remb);
    buf_addf(b, "a=ssrc:%u cname:%s\r\na=msid:vcr audio\r\n", a->audio_ssrc, a->cname);
}

/* ---- whole answers ---- */

typedef void (*write_fn)(struct buf *b, const struct sdp_choice *o, const struct sdp_accept *a);

static void write_answer(struct buf *b, const struct sdp_choice *o, const struct sdp_accept *a, write_fn video, write_fn audio)
{
    buf_addf(b, "v=0\r\no=- %llu 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\n", (unsigned long long)(a->session_id >> 2)); /* below 2^62: some read it signed */
    if (o->bundled)
        buf_adds(b, "a=group:BUNDLE");
    for (int i = 0; o->bundled && i < o->media_n; i++)
        if (i == o->video || i == o->audio)
            buf_addf(b, " %s", o->media[i].mid);
    buf_adds(b, o->bundled ? "\r\n" : "");
    for (int i = 0; i < o->media_n; i++) {
        const struct sdp_media *m = &o->media[i];
        if (i == o->video)
            video(b, o, a);
        else if (i == o->audio)
            audio(b, o, a);
        else
            buf_addf(b, "m=%s 0 %s %s\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n", m->kind, m->proto, m->format);
        if (m->mid[0])
            buf_addf(b, "a=mid:%s\r\n", m->mid);
    }
}

void sdp_write_publish_answer(struct buf *b, const struct sdp_choice *o, const struct sdp_accept *a) { write_answer(b, o, a, take_video, take_audio); }
void sdp_write_play_answer(struct buf *b, const struct sdp_choice *o, const struct sdp_accept *a) { write_answer(b, o, a, give_video, give_audio); }

enum vcr_err sdp_parse_fragment(const char *text, size_t len, struct sdp_fragment *ret, struct vcr_why *why)
{
    struct sdp_fragment f = { 0 };
    char line[SDP_LINE_BYTES];
    bool ok;
    if (len > SDP_MAX_BYTES)
        return vcr_fail(why, VCR_E_MALFORMED, "fragment: over %d bytes", SDP_MAX_BYTES);
    for (size_t at = 0; sdp_next_line(text, len, &at, line, &ok);) {
        if (!ok)
            return vcr_fail(why, VCR_E_MALFORMED, "fragment: a line is not of the form x=..., or is too long");
        bool is_ufrag = strncmp(line, "a=ice-ufrag:", 12) == 0, is_pwd = strncmp(line, "a=ice-pwd:", 10) == 0;
        if ((is_ufrag && (!sdp_is_ice_text(line + 12, SDP_UFRAG_MIN) || !vcr_strcpy(f.ufrag, sizeof(f.ufrag), line + 12))) ||
            (is_pwd && (!sdp_is_ice_text(line + 10, SDP_PWD_MIN) || !vcr_strcpy(f.pwd, sizeof(f.pwd), line + 10))))
            return vcr_fail(why, VCR_E_MALFORMED, "fragment: its ICE credentials are none");
        f.candidates += strncmp(line, "a=candidate:", 12) == 0;
    }
    if (!f.ufrag[0] || !f.pwd[0])
        return vcr_fail(why, VCR_E_MALFORMED, "fragment: no a=ice-ufrag and a=ice-pwd");
    *ret = f;
    return VCR_OK;
}
