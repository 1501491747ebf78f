/* deliver/webrtc/player.c - viewers who make the offer (WHEP players): see rtc.h. Once they are answered they are viewers like all others. */
#include "deliver/webrtc/internal.h"

#include <string.h>

enum { ANSWER_BYTES = 16384 };

struct viewing { /* arguments and results of the functions below */
    struct rtc_stream *stream;
    struct rtc *rtc;
    const char *peer_id;
    char *ret_peer_id;
    const struct sdp_choice *choice;
    const struct sdp_fragment *fragment;
    struct buf answer;
    enum vcr_err err;
    struct vcr_why *why;
};

static struct viewer_format format_of(const struct sdp_choice *o)
{
    return (struct viewer_format) { .video_pt = o->video_pt, .rtx_pt = o->rtx_pt, .audio_pt = o->audio_pt, .video_send_time = o->video_send_time,
                                    .audio_send_time = o->audio_send_time, .playout_delay = o->playout_delay, .video_cc = o->video_cc, .audio_cc = o->audio_cc };
}

static void do_view(void *arg)
{
    struct viewing *c = arg;
    struct rtc *r = c->rtc;
    struct viewer *v = viewer_open(c->stream, r);
    memcpy(c->ret_peer_id, v->peer_id, VCR_UUID_BYTES);
    memcpy(v->remote_pwd, c->choice->pwd, sizeof(v->remote_pwd));
    sdp_write_play_answer(&c->answer, c->choice, &(struct sdp_accept) {
                              .session_id = vcr_random_u64(), .ufrag = v->peer.ufrag, .pwd = v->peer.pwd, .cname = RTC_CNAME, .fingerprint = r->fingerprint,
                              .video_ssrc = v->video.ssrc, .rtx_ssrc = v->rtx.ssrc, .audio_ssrc = v->audio.ssrc,
                              .candidates = r->candidates, .candidates_n = r->candidates_n });
    struct viewer_format format = format_of(c->choice);
    viewer_answer(v, &c->choice->client, &format);
}

enum vcr_err rtc_view(struct rtc_stream *s, const char *offer, size_t len, char ret_peer_id[VCR_UUID_BYTES], char **ret_answer, struct vcr_why *why)
{
    struct sdp_choice choice;
    enum vcr_err err = sdp_parse_play(offer, len, &choice, why);
    if (err)
        return err;
    struct viewing c = { .stream = s, .ret_peer_id = ret_peer_id, .choice = &choice };
    err = rtc_enter_viewer(s, &c.rtc, why);
    if (err)
        return err;
    buf_init(&c.answer, ANSWER_BYTES);
    rtc_run(c.rtc, do_view, &c);
    if (!buf_ok(&c.answer)) {
        rtc_viewer_close(s, ret_peer_id);
        c.err = vcr_fail(why, VCR_E_INTERNAL, "the answer is over %d bytes", ANSWER_BYTES);
    }
    if (!c.err)
        *ret_answer = vcr_strndup(c.answer.data, c.answer.len);
    buf_free(&c.answer);
    return c.err;
}

static struct viewer *find(struct viewing *c)
{
    struct viewer *v = viewer_find(branch_here(c->stream, c->rtc), c->peer_id);
    if (v && v->remote_pwd[0])
        return v;
    c->err = vcr_fail(c->why, VCR_E_NOT_FOUND, "there is no such viewer, or it has ended");
    return NULL;
}

static void do_trickle(void *arg)
{
    struct viewing *c = arg;
    const struct viewer *v = find(c);
    if (v && c->fragment && (strcmp(c->fragment->ufrag, v->peer.remote.ufrag) != 0 || strcmp(c->fragment->pwd, v->remote_pwd) != 0))
        c->err = vcr_refuse(c->why, VCR_E_INVALID, "/no-ice-restart", "these are not the offer's ICE credentials: a restart is a new POST");
}

enum vcr_err rtc_view_trickle(struct rtc_stream *s, const char *peer_id, const char *fragment, size_t len, struct vcr_why *why)
{
    struct sdp_fragment f;
    struct vcr_why other = { 0 };
    enum vcr_err parsed = fragment ? sdp_parse_fragment(fragment, len, &f, why) : VCR_OK;
    struct viewing c = { .stream = s, .rtc = rtc_of_viewer(s, peer_id), .peer_id = peer_id, .fragment = fragment && !parsed ? &f : NULL, .why = &other };
    rtc_run(c.rtc, do_trickle, &c);
    if (c.err && why) /* an unknown viewer is that, whatever it sends */
        *why = other;
    return c.err ? c.err : parsed;
}

static void do_end(void *arg)
{
    struct viewing *c = arg;
    struct viewer *v = find(c);
    if (v)
        viewer_leave(v, "ended by its client");
}

enum vcr_err rtc_view_end(struct rtc_stream *s, const char *peer_id, struct vcr_why *why)
{
    struct viewing c = { .stream = s, .rtc = rtc_of_viewer(s, peer_id), .peer_id = peer_id, .why = why };
    rtc_run(c.rtc, do_end, &c);
    return c.err;
}
