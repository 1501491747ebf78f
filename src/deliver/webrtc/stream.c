/* deliver/webrtc/stream.c - what a stream's viewers get on one sender thread: RTP out, pacing, resends; and what it asks of its owner. Where packets come from is share.c's.
 *
 * Payloads are numbered with 64 bits, for all viewers alike. A viewer keeps only where its own SRTP indices start (`base` went out as `base_index`), so memory for
 * resending costs it nothing: a NACK is a subtraction and a look into what is kept. Where a viewer leaves something out, its base moves and its sequence stays unbroken. */
#include "deliver/webrtc/internal.h"

#include <string.h>

#include "base/clock.h"
#include "wire/rtp.h"

/* ---- RTP out ---- */

/* Who has transport-wide numbers needs no send times. payload_bytes: of what goes out with them. */
static size_t write_extensions(struct viewer *v, bool is_video, size_t payload_bytes, uint8_t ext[RTP_EXT_BYTES])
{
    size_t n = 0;
    int send_time = is_video ? v->format.video_send_time : v->format.audio_send_time, cc = is_video ? v->format.video_cc : v->format.audio_cc;
    if (cc && v->cc) {
        ext[n] = (uint8_t)(cc << 4 | 1);
        wr16be(ext + n + 1, cc_sent(v->cc, payload_bytes + RTP_HEADER_MAX, v->peer.rtc->now_us));
        n += 3;
    } else if (send_time) {
        uint32_t t = (uint32_t)(((uint64_t)v->peer.rtc->now_us << 18) / 1000000); /* 6.18 fixed-point seconds */
        ext[n] = (uint8_t)(send_time << 4 | 2);
        wr24be(ext + n + 1, t & 0xffffff);
        n += 4;
    }
    if (v->format.playout_delay && is_video) { /* least and greatest delay, 12 bits each, in 10 ms */
        ext[n] = (uint8_t)(v->format.playout_delay << 4 | 2);
        wr24be(ext + n + 1, (uint32_t)(v->delay_ms / 10) << 12 | (uint32_t)(v->delay_ms + 100) / 10);
        n += 4;
    }
    return n;
}

static void send_rtp(struct viewer *v, struct sender *s, const struct rtp_header *proto, const uint8_t *payload, size_t len)
{
    struct udp *u = v->peer.rtc->udp;
    uint8_t head[RTP_HEADER_MAX], ext[RTP_EXT_BYTES];
    struct rtp_header h = *proto;
    h.seq = (uint16_t)s->index;
    h.ssrc = s->ssrc;
    size_t head_len = rtp_write(head, &h, ext, write_extensions(v, s != &v->audio, len, ext));
    size_t n = srtp_seal_rtp(v->peer.out, udp_reserve(u), head, head_len, payload, len, s->index);
    s->index++;
    s->packets++;
    s->octets += (uint32_t)len;
    v->packets_sent++;
    v->window_bytes += n;
    if (n)
        udp_commit(u, &v->peer.address, n, s == &v->video);
}

static bool is_marked(const struct unit *u, uint64_t number) { return number + 1 == unit_end(u); }

static int64_t pace_bps(const struct viewer *v)
{
    if (v->cc)
        return cc_pace_bps(v->cc);
    return v->line.limit_bps ? v->line.limit_bps / 4 * 5 : PACE_BPS;
}

/* As much as its pace allows; true when more is left. */
static bool send_video(struct viewer *v)
{
    const struct branch *b = v->branch;
    const struct rtc *r = v->peer.rtc;
    const struct unit *u = NULL;
    int64_t bps = pace_bps(v);
    for (; !v->waits_key && v->sent_to < b->next_number; v->sent_to++) {
        if (!u || v->sent_to >= unit_end(u))
            u = kept_find(&b->kept, v->sent_to);
        if (!u) { /* left behind by what is kept */
            v->waits_key = true;
            stream_ask_key(v);
            return false;
        }
        if (!pace_may(&v->pace, bps, r->now_us))
            return true;
        const struct payload *p = &u->payloads[v->sent_to - u->first];
        bool marker = is_marked(u, v->sent_to);
        pace_sent(&v->pace, bps, p->len);
        send_rtp(v, &v->video, &(struct rtp_header) { .pt = v->format.video_pt, .marker = marker, .ts = u->ts }, u->data + p->at, p->len);
        if (marker && v->first_key_frame_ms < 0)
            v->first_key_frame_ms = (double)(r->now_us - v->answered_us) / 1000;
        if (marker && v->keys_only_until_us > r->now_us) {
            v->waits_key = true; /* one whole key frame went out; the rest of its group is left out */
            v->sent_to++;
            return false;
        }
    }
    return false;
}

static void jump_to(struct viewer *v, uint64_t number)
{
    v->waits_key = false;
    v->base = v->sent_to = number;
    v->base_index = v->video.index;
}

static void send_or_pace(struct viewer *v)
{
    struct rtc *r = v->peer.rtc;
    if (send_video(v) && !r->lagging) {
        r->lagging = true;
        rtc_arm(r);
    }
}

/* Of many viewers the last ones' packets go out milliseconds after the first ones', which is a delay of the line to those who measure it. */
static void keep_time(struct rtc *r, int done)
{
    enum { EVERY = 8 };
    if (done % EVERY == EVERY - 1)
        r->now_us = clock_mono_us();
}

static bool can_take(const struct viewer *v, uint8_t pt) { return pt && v->peer.ready && v->peer.bound && !v->peer.gone; }

static bool can_replay(const struct branch *b) { return b->has_key && b->next_number - b->key_number <= JOIN_PAYLOADS; }

void stream_join(struct viewer *v)
{
    struct branch *b = v->branch;
    const struct rtc *r = v->peer.rtc;
    branch_feed(b);
    v->waits_key = true;
    if (!v->format.video_pt) /* it only listens */
        return;
    bool replays = can_replay(b);
    if (replays) {
        jump_to(v, b->key_number);
        send_or_pace(v);
        udp_flush(r->udp);
    }
    if (!replays || r->now_us - b->key_at_us > KEY_FRESH_US)
        stream_ask_key(v);
}

void stream_picture(struct branch *b, const struct unit *u)
{
    int done = 0;
    for (struct viewer *v = b->viewers; v; v = v->next) {
        if (!can_take(v, v->format.video_pt))
            continue;
        keep_time(b->rtc, done++);
        if (u->is_key && (v->waits_key || b->next_number - v->sent_to > LAG_PAYLOADS))
            jump_to(v, u->first);
        send_or_pace(v);
    }
}

void stream_sound(struct branch *b, const struct unit *u)
{
    int done = 0;
    for (struct viewer *v = b->viewers; v; v = v->next) {
        if (!can_take(v, v->format.audio_pt))
            continue;
        keep_time(b->rtc, done++);
        bool is_first = v->audio.packets == 0; /* marker: the start of a talk spurt (RFC 7587) */
        send_rtp(v, &v->audio, &(struct rtp_header) { .pt = v->format.audio_pt, .marker = is_first, .ts = u->ts }, u->data, u->bytes);
    }
}

void stream_catch_up(struct branch *b)
{
    for (struct viewer *v = b->viewers; v; v = v->next) {
        if (!can_take(v, v->format.video_pt))
            continue;
        bool is_behind = v->waits_key || b->next_number - v->sent_to > LAG_PAYLOADS || (v->sent_to < b->next_number && !kept_find(&b->kept, v->sent_to));
        if (is_behind && can_replay(b) && b->key_number >= v->sent_to) {
            jump_to(v, b->key_number);
        } else if (is_behind && !v->waits_key) {
            v->waits_key = true;
            stream_ask_key(v);
        }
        send_or_pace(v);
    }
}

bool stream_pace(struct branch *b)
{
    bool more = false;
    int done = 0;
    for (struct viewer *v = b->viewers; v; v = v->next) {
        if (!can_take(v, v->format.video_pt))
            continue;
        keep_time(b->rtc, done++);
        more |= send_video(v);
    }
    return more;
}

/* ---- what it asks of its owner ---- */

/* Any thread, so that nobody who joins waits for another one; what comes too early is left to stream_tick. */
static void try_ask_key(struct rtc_stream *s, int64_t now_us)
{
    int64_t asked_us = atomic_load(&s->asked_us);
    if (!atomic_load(&s->wants_key) || (asked_us && now_us - asked_us < KEY_EVERY_US) || !atomic_compare_exchange_strong(&s->asked_us, &asked_us, now_us))
        return;
    atomic_store(&s->wants_key, false); /* who wants one from now on is served by what is asked for here, too */
    if (s->events.want_key)
        s->events.want_key(s->events.arg);
}

void stream_ask_key(struct viewer *v)
{
    atomic_store(&v->stream->wants_key, true);
    try_ask_key(v->stream, v->peer.rtc->now_us);
}

/* Those whose line carries far less than the others' get key frames only. */
static void weigh_lines(struct branch *b)
{
    enum { KEYS_ONLY_US = 1000000 };
    struct rtc_stream *s = b->stream;
    struct rate_shared shared = { 0 };
    struct lines *here = &s->lines[b->rtc->index];
    int64_t now_us = b->rtc->now_us;
    for (struct viewer *v = b->viewers; v; v = v->next) {
        if (v->cc && v->cc->heard)
            rate_line_is(&v->line, cc_limit_bps(v->cc));
        else
            rate_line_tick(&v->line, now_us);
        if (v->peer.ready && v->format.video_pt)
            rate_first_round(&shared, &v->line);
    }
    atomic_store(&here->fastest_bps, shared.fastest_bps);
    for (int i = 0; i < b->rtc->all->threads_n; i++)
        shared.fastest_bps = VCR_MAX(shared.fastest_bps, atomic_load(&s->lines[i].fastest_bps));
    for (struct viewer *v = b->viewers; v; v = v->next)
        if (v->peer.ready && v->format.video_pt && !rate_second_round(&shared, &v->line))
            v->keys_only_until_us = VCR_MAX(v->keys_only_until_us, now_us + KEYS_ONLY_US);
    atomic_store(&here->bps, shared.bps);
}

void branch_tick(struct branch *b)
{
    weigh_lines(b);
    for (struct viewer *v = b->viewers; v; v = v->next)
        viewer_tick(v);
}

/* What the viewers' lines carry, told when it changed. */
static void tell_rate(struct rtc_stream *s)
{
    int64_t now_us = s->rtc->now_us, bps = 0;
    for (int i = 0; i < s->rtc->all->threads_n; i++) {
        int64_t there = atomic_load(&s->lines[i].bps);
        if (there && (!bps || there < bps))
            bps = there;
    }
    if (!s->events.rate || !rate_is_news(s->rate_bps, bps, now_us - s->rate_told_us))
        return;
    s->rate_bps = bps;
    s->rate_told_us = now_us;
    s->events.rate(s->events.arg, bps);
}

bool stream_tick(struct rtc_stream *s)
{
    tell_rate(s);
    try_ask_key(s, s->rtc->now_us);
    return atomic_load(&s->viewers) > 0 || atomic_load(&s->wants_key);
}

static bool may_resend(struct viewer *v, size_t len)
{
    int64_t now_us = v->peer.rtc->now_us;
    v->nack_bytes = VCR_MIN(v->nack_bytes + (now_us - v->nack_at_us) * NACK_BYTES_PER_S / 1000000, (int64_t)NACK_BURST_BYTES);
    v->nack_at_us = now_us;
    if (v->nack_bytes < (int64_t)len)
        return false;
    v->nack_bytes -= (int64_t)len;
    return true;
}

/* Sent again less than a round trip ago: the viewer cannot know yet, and asks too early. */
static bool is_under_way(struct viewer *v, uint16_t seq)
{
    enum { LEAST_US = 10000, MOST_US = 300000, UNKNOWN_US = 50000 };
    struct resent *r = &v->resends[seq % RESENDS];
    int64_t now_us = v->peer.rtc->now_us, trip_us = v->rtt_ms < 0 ? UNKNOWN_US : VCR_CLAMP((int64_t)(v->rtt_ms * 1000), (int64_t)LEAST_US, (int64_t)MOST_US);
    if (r->at_us && r->seq == seq && now_us - r->at_us < trip_us)
        return true;
    *r = (struct resent) { .at_us = now_us, .seq = seq };
    return false;
}

/* RFC 4588: the original number before the payload, under an SSRC of its own. A plain repeat with new header extensions would use a GCM nonce twice. */
void stream_resend(struct viewer *v, uint16_t seq)
{
    uint8_t payload[2 + PAYLOAD_MAX];
    uint64_t last = v->video.index - 1, index = last - (uint16_t)((uint16_t)last - seq);
    v->nacked++;
    if (!v->format.rtx_pt || index > last || index < v->base_index)
        return;
    uint64_t number = v->base + (index - v->base_index);
    const struct unit *u = kept_find(&v->branch->kept, number);
    if (!u)
        return;
    const struct payload *p = &u->payloads[number - u->first];
    if (is_under_way(v, seq) || !may_resend(v, p->len))
        return;
    wr16be(payload, seq);
    memcpy(payload + 2, u->data + p->at, p->len);
    pace_sent(&v->pace, pace_bps(v), p->len); /* at once, but the picture waits for it */
    send_rtp(v, &v->rtx, &(struct rtp_header) { .pt = v->format.rtx_pt, .marker = is_marked(u, number), .ts = u->ts }, payload, p->len + (size_t)2);
    v->resent++;
}
