/* deliver/webrtc/stream.c - one programme: packets in, the ring all its viewers share, and RTP out.
 *
 * An access unit is cut into payloads once, numbered with 64 bits. A viewer keeps only where its own SRTP indices start (`base` went out as `base_index`), so memory for
 * resending costs it nothing: a NACK is a subtraction and a look into the ring. Where a viewer leaves something out, its base moves and its sequence stays unbroken. */
#include "deliver/webrtc/internal.h"

#include <assert.h>
#include <string.h>

#include "wire/rtp.h"

static const struct slot *slot_at(const struct rtc_stream *s, uint64_t number)
{
    return s->oldest && number >= s->oldest->first && number < s->next_number ? &s->slots[number % RING_SLOTS] : NULL;
}

static void drop_oldest(struct rtc_stream *s)
{
    struct frame *f = s->oldest;
    s->oldest = f->next;
    if (!s->oldest)
        s->newest = NULL;
    s->bytes -= f->bytes;
    if (s->has_key && s->key_number == f->first)
        s->has_key = false;
    free(f);
}

void stream_free(struct rtc_stream *s)
{
    while (s->oldest)
        drop_oldest(s);
    free(s);
}

/* ---- an access unit into the ring ---- */

struct filling {
    struct rtc_stream *s;
    struct frame *f;
    size_t room;
    uint32_t ts;
};

static void add_payload(void *arg, const uint8_t *payload, size_t len)
{
    struct filling *in = arg;
    struct frame *f = in->f;
    if (f->bytes + len > in->room || f->end - f->first == RING_SLOTS / 2)
        return; /* a frame of more than two megabytes: stream_take refuses it before */
    memcpy(f->data + f->bytes, payload, len);
    in->s->slots[f->end++ % RING_SLOTS] = (struct slot) { .data = f->data + f->bytes, .ts = in->ts, .len = (uint16_t)len };
    f->bytes += len;
}

/* Keeps two seconds, and always the newest group of pictures so that a viewer can join in it, as far as slots and bytes reach. */
static void make_room(struct rtc_stream *s, size_t bytes, int64_t now_us)
{
    uint64_t slots = bytes / (PAYLOAD_MAX / 2) + 64; /* equal pieces are at least half as long as allowed */
    while (s->oldest) {
        const struct frame *f = s->oldest;
        bool is_full = s->bytes + bytes > RING_BYTES || s->next_number - f->first + slots > RING_SLOTS;
        bool is_old = now_us - f->at_us > RING_US && !(s->has_key && f->first >= s->key_number);
        if (!is_full && !is_old)
            break;
        drop_oldest(s);
    }
}

static struct frame *cut(struct rtc_stream *s, const struct packet *p)
{
    int64_t now_us = s->rtc->now_us;
    size_t room = p->len + 2 * (p->len / 500 + 64); /* FU-A and STAP-A headers */
    make_room(s, room, now_us);
    struct frame *f = malloc(sizeof(*f) + room);
    if (!f)
        return NULL;
    *f = (struct frame) { .first = s->next_number, .end = s->next_number, .at_us = now_us };
    struct filling in = { .s = s, .f = f, .room = room, .ts = s->video_ts0 + (uint32_t)(p->pts_us * 9 / 100) };
    if (rtp_h264_cut(p->data, p->len, PAYLOAD_MAX, add_payload, &in) == 0 || f->end == f->first) {
        free(f);
        return NULL;
    }
    s->slots[(f->end - 1) % RING_SLOTS].marker = true;
    s->next_number = f->end;
    s->bytes += f->bytes;
    *(s->newest ? &s->newest->next : &s->oldest) = f;
    s->newest = f;
    if (p->flags & PACKET_KEY) {
        s->has_key = true;
        s->key_number = f->first;
        s->key_at_us = now_us;
    }
    return f;
}

/* ---- RTP out ---- */

static size_t write_extensions(struct viewer *v, bool is_video, uint8_t ext[RTP_EXT_BYTES])
{
    size_t n = 0;
    int send_time = is_video ? v->format.video_send_time : v->format.audio_send_time;
    if (send_time) {
        uint32_t t = (uint32_t)(((uint64_t)v->stream->rtc->now_us << 18) / 1000000); /* 6.18 fixed-point seconds */
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
    struct udp *u = v->stream->rtc->udp;
    uint8_t head[RTP_HEADER_MAX], ext[RTP_EXT_BYTES];
    struct rtp_header h = *proto;
    h.seq = (uint16_t)s->index;
    h.ssrc = s->ssrc;
    size_t head_len = rtp_write(head, &h, ext, write_extensions(v, s != &v->audio, ext));
    size_t n = srtp_seal_rtp(v->peer.out, udp_reserve(u), head, head_len, payload, len, s->index);
    s->index++;
    s->packets++;
    s->octets += (uint32_t)len;
    v->packets_sent++;
    v->window_bytes += n;
    if (n)
        udp_commit(u, &v->peer.address, n, s == &v->video);
}

/* At most `budget` payloads; true when more is left. */
static bool send_video(struct viewer *v, int budget)
{
    struct rtc_stream *s = v->stream;
    for (; !v->waits_key && v->sent_to < s->next_number; v->sent_to++) {
        const struct slot *p = slot_at(s, v->sent_to);
        if (!p) { /* left behind by the ring */
            v->waits_key = true;
            stream_ask_key(s);
            return false;
        }
        if (budget-- <= 0)
            return true;
        send_rtp(v, &v->video, &(struct rtp_header) { .pt = v->format.video_pt, .marker = p->marker, .ts = p->ts }, p->data, p->len);
        if (p->marker && v->first_key_frame_ms < 0)
            v->first_key_frame_ms = (double)(s->rtc->now_us - v->answered_us) / 1000;
        if (p->marker && v->keys_only_until_us > s->rtc->now_us) {
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
    struct rtc *r = v->stream->rtc;
    if (send_video(v, PACE_PAYLOADS) && !r->lagging) {
        r->lagging = true;
        rtc_arm(r);
    }
}

static bool can_take(const struct viewer *v, uint8_t pt) { return pt && v->peer.ready && v->peer.bound && !v->peer.gone; }

void stream_join(struct viewer *v)
{
    struct rtc_stream *s = v->stream;
    bool can_replay = s->has_key && s->next_number - s->key_number <= JOIN_PAYLOADS;
    v->waits_key = true;
    if (!v->format.video_pt) /* it only listens */
        return;
    if (can_replay) {
        jump_to(v, s->key_number);
        send_or_pace(v);
        udp_flush(s->rtc->udp);
    }
    if (!can_replay || s->rtc->now_us - s->key_at_us > KEY_FRESH_US)
        stream_ask_key(s);
}

static void take_video(struct rtc_stream *s, const struct packet *p)
{
    bool is_key = p->flags & PACKET_KEY;
    const struct frame *f = cut(s, p);
    if (!f)
        return;
    for (struct viewer *v = s->viewers; v; v = v->next) {
        if (!can_take(v, v->format.video_pt))
            continue;
        if (is_key && (v->waits_key || s->next_number - v->sent_to > LAG_PAYLOADS))
            jump_to(v, f->first);
        send_or_pace(v);
    }
}

static void take_audio(struct rtc_stream *s, const struct packet *p)
{
    uint32_t ts = s->audio_ts0 + (uint32_t)(p->pts_us * 6 / 125); /* 48 kHz */
    if (p->len > PAYLOAD_MAX)
        return;
    for (struct viewer *v = s->viewers; v; v = v->next) {
        if (!can_take(v, v->format.audio_pt))
            continue;
        bool is_first = v->audio.packets == 0; /* marker: the start of a talk spurt (RFC 7587) */
        send_rtp(v, &v->audio, &(struct rtp_header) { .pt = v->format.audio_pt, .marker = is_first, .ts = ts }, p->data, p->len);
    }
}

void stream_take(struct rtc_stream *s, const struct packet *p)
{
    if (p->track == PACKET_VIDEO)
        take_video(s, p);
    else
        take_audio(s, p);
    udp_flush(s->rtc->udp);
}

bool stream_pace(struct rtc_stream *s)
{
    bool more = false;
    for (struct viewer *v = s->viewers; v; v = v->next)
        if (can_take(v, v->format.video_pt))
            more |= send_video(v, PACE_PAYLOADS);
    return more;
}

void stream_ask_key(struct rtc_stream *s)
{
    s->wants_key = true;
    rtc_arm(s->rtc);
    stream_tick(s);
}

/* What the viewers' lines carry, told when it changed; those far below get key frames only. */
static void weigh_lines(struct rtc_stream *s)
{
    enum { KEYS_ONLY_US = 1000000 };
    struct rate_shared shared = { 0 };
    int64_t now_us = s->rtc->now_us;
    for (struct viewer *v = s->viewers; v; v = v->next) {
        rate_line_tick(&v->line, now_us);
        if (v->peer.ready && v->format.video_pt)
            rate_first_round(&shared, &v->line);
    }
    for (struct viewer *v = s->viewers; v; v = v->next)
        if (v->peer.ready && v->format.video_pt && !rate_second_round(&shared, &v->line))
            v->keys_only_until_us = VCR_MAX(v->keys_only_until_us, now_us + KEYS_ONLY_US);
    if (!s->events.rate || !rate_is_news(s->rate_bps, shared.bps, now_us - s->rate_told_us))
        return;
    s->rate_bps = shared.bps;
    s->rate_told_us = now_us;
    s->events.rate(s->events.arg, shared.bps);
}

void stream_tick(struct rtc_stream *s)
{
    int64_t now_us = s->rtc->now_us;
    weigh_lines(s);
    if (!s->wants_key || (s->asked_us && now_us - s->asked_us < KEY_EVERY_US))
        return;
    s->wants_key = false;
    s->asked_us = now_us;
    if (s->events.want_key)
        s->events.want_key(s->events.arg);
}

static bool may_resend(struct viewer *v, size_t len)
{
    int64_t now_us = v->stream->rtc->now_us;
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
    int64_t now_us = v->stream->rtc->now_us, trip_us = v->rtt_ms < 0 ? UNKNOWN_US : VCR_CLAMP((int64_t)(v->rtt_ms * 1000), (int64_t)LEAST_US, (int64_t)MOST_US);
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
    const struct slot *p = slot_at(v->stream, v->base + (index - v->base_index));
    if (!p || is_under_way(v, seq) || !may_resend(v, p->len))
        return;
    wr16be(payload, seq);
    memcpy(payload + 2, p->data, p->len);
    send_rtp(v, &v->rtx, &(struct rtp_header) { .pt = v->format.rtx_pt, .marker = p->marker, .ts = p->ts }, payload, p->len + (size_t)2);
    v->resent++;
}
