/* media/ingest/live_picture.c - decides whether the picture can be passed through, and does so, or decodes it for encoding anew. */
#include <string.h>

#include "base/packet.h"
#include "base/util.h"
#include "media/ingest/live.h"
#include "wire/fmp4.h"

enum { NAL_SLICE = 1, NAL_IDR = 5, NAL_SPS = 7, NAL_PPS = 8, LEVEL_MOST = 31, BYTES_PER_S_MOST = 1000000, PICTURES_LEAST = 5, FLAGGED_LEAST = 4, BARREN_PASSED = 10, BARREN_DECODED = 100 };
static const int64_t gop_most_us = 1250000, gop_borne_us = 3000000, look_least_us = 300000;

enum mode { UNDECIDED, PASS, ENCODE };
struct live_picture {
    struct live_out *out;
    struct live_sound *sound;
    enum mode mode;
    AVCodecParameters *par;
    AVCodecContext *decoder;       /* NULL while passing through */
    AVFrame *frame;
    struct live_encode *encode;
    bool jumped;                   /* the next packet that goes out does not follow */
    /* what was seen since the look began */
    bool reordered, begun, looking;
    int64_t begun_us, key_us, last_us, bytes;
    int pictures, fields, wholes;
    int barren;                    /* packets in a row that gave no picture */
    const char *refused;           /* why it cannot be passed through */
    /* parameter sets as they came last, Annex B */
    uint8_t sets[LIVE_CONFIG_MAX];
    size_t sets_len;
    int64_t step_us;
};

/* ---- the bytes ---- */
struct unit { bool idr, has_slice, has_sets; uint8_t sets[LIVE_CONFIG_MAX]; size_t sets_len; };

static void look_at_unit(const AVPacket *p, struct unit *u)
{
    const uint8_t *nal;
    size_t pos = 0, n;
    *u = (struct unit){ 0 };
    while (fmp4_next_nal(p->data, (size_t)p->size, &pos, &nal, &n)) {
        int type = n > 0 ? nal[0] & 31 : 0;
        u->idr = u->idr || type == NAL_IDR;
        u->has_slice = u->has_slice || type == NAL_IDR || type == NAL_SLICE;
        if ((type != NAL_SPS && type != NAL_PPS) || n + 4 > sizeof(u->sets) - u->sets_len)
            continue;
        wr32be(u->sets + u->sets_len, 1);
        memcpy(u->sets + u->sets_len + 4, nal, n);
        u->sets_len += n + 4;
        u->has_sets = u->has_sets || type == NAL_SPS;
    }
}

/* ---- decoding ---- */
static void open_decoder(struct live_picture *p)
{
    const AVCodec *codec = avcodec_find_decoder(p->par->codec_id);
    avcodec_free_context(&p->decoder);
    p->decoder = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!p->decoder || avcodec_parameters_to_context(p->decoder, p->par) < 0) {
        avcodec_free_context(&p->decoder);
        return;
    }
    p->decoder->thread_count = 1;
    p->decoder->pkt_timebase = AV_TIME_BASE_Q;
    p->decoder->max_pixels = 4096 * 2304;
    p->decoder->err_recognition = 0;
    if (avcodec_open2(p->decoder, codec, NULL) < 0)
        avcodec_free_context(&p->decoder);
}

static void look_again(struct live_picture *p)
{
    p->reordered = p->begun = p->looking = false;
    p->bytes = 0;
    p->pictures = p->fields = p->wholes = 0;
    p->refused = NULL;
    p->mode = UNDECIDED;
    open_decoder(p);
}

static void encode_from_now(struct live_picture *p, const char *reason)
{
    live_out_note(p->out, "picture: %s", reason);
    p->mode = ENCODE;
    if (!p->decoder) {
        open_decoder(p);
        live_encode_jumped(p->encode);
    }
}

static const char *fault_of_codec(const struct live_picture *p)
{
    const AVCodecContext *c = p->decoder;
    static const int profiles[] = { FF_PROFILE_H264_BASELINE, FF_PROFILE_H264_CONSTRAINED_BASELINE, FF_PROFILE_H264_MAIN, FF_PROFILE_H264_HIGH };
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++)
        known = known || c->profile == profiles[i];
    return !known ? "its profile is not one that every viewer decodes"
           : c->level > LEVEL_MOST ? "its level is above 3.1"
           : c->pix_fmt != AV_PIX_FMT_YUV420P ? "it is not 8-bit 4:2:0"
           : c->width % 2 || c->height % 2 ? "its size is odd" : NULL;
}

/* What one decoded picture tells. */
static void look_at_frame(struct live_picture *p, const AVFrame *f)
{
    p->pictures++;
    p->barren = 0;
    if (f->interlaced_frame)
        p->fields++;
    else
        p->wholes++;
    if (!p->refused && p->par->codec_id == AV_CODEC_ID_H264)
        p->refused = f->interlaced_frame ? "it is interlaced" : f->pict_type == AV_PICTURE_TYPE_B || p->decoder->has_b_frames ? "its pictures are reordered" : fault_of_codec(p);
}

static bool is_interlaced(const struct live_picture *p) { return p->fields > p->wholes; }

static AVRational rate_of(const struct live_picture *p)
{
    AVRational r = p->decoder->framerate;
    if (r.num <= 0 || r.den <= 0 || av_q2d(r) > 121) {
        r = p->step_us > 0 ? av_d2q(1e6 / (double)p->step_us, 1001000) : (AVRational){ 0, 1 };
        static const AVRational usual[] = { { 24000, 1001 }, { 25, 1 }, { 30000, 1001 }, { 30, 1 }, { 50, 1 }, { 60000, 1001 }, { 60, 1 } };
        for (size_t i = 0; r.num > 0 && i < ARRAY_LEN(usual); i++)
            if (av_q2d(r) > av_q2d(usual[i]) * 0.995 && av_q2d(r) < av_q2d(usual[i]) * 1.005)
                return usual[i];
    }
    return r;
}

static void take_frame(struct live_picture *p)
{
    AVFrame *f = p->frame;
    f->pts = f->best_effort_timestamp;
    look_at_frame(p, f);
    if (p->mode != ENCODE || f->pts == AV_NOPTS_VALUE || p->pictures < FLAGGED_LEAST || f->flags & AV_FRAME_FLAG_CORRUPT)
        return;
    f->pict_type = AV_PICTURE_TYPE_NONE;
    int64_t pts_us = f->pts;
    if (live_encode_frame(p->encode, f, is_interlaced(p), rate_of(p)))
        live_sound_picture_at(p->sound, pts_us);
}

static void decode(struct live_picture *p, const AVPacket *packet)
{
    if (!p->decoder || avcodec_send_packet(p->decoder, packet) < 0)
        return;
    while (p->decoder && avcodec_receive_frame(p->decoder, p->frame) >= 0) {
        take_frame(p);
        av_frame_unref(p->frame);
    }
}

/* ---- passing through ---- */
static void tell_format(struct live_picture *p)
{
    AVRational sar = p->decoder->sample_aspect_ratio, rate = rate_of(p);
    bool has_sar = sar.num > 0 && sar.den > 0 && sar.num < 65536 && sar.den < 65536, has_rate = rate.num > 0 && rate.num <= 1000000 && rate.den > 0 && rate.den <= 1000000;
    struct live_format f = { .width = p->decoder->width, .height = p->decoder->height, .sar_num = has_sar ? sar.num : 1, .sar_den = has_sar ? sar.den : 1,
                             .rate_num = has_rate ? rate.num : 0, .rate_den = has_rate ? rate.den : 1, .passed_through = 1, .config_len = (uint32_t)p->sets_len };
    memcpy(f.config, p->sets, p->sets_len);
    live_out_format(p->out, LIVE_VIDEO, &f);
    live_out_note(p->out, "picture: passed through, H.264 %dx%d", f.width, f.height);
}

static void pass(struct live_picture *p, const AVPacket *packet, const struct unit *u)
{
    unsigned flags = (u->idr ? PACKET_KEY : 0u) | (p->jumped ? PACKET_DISCONT : 0u);
    if (u->idr && !u->has_sets) { /* sent once, at the beginning, as by some encoders: whoever joins now needs them, too */
        uint8_t *whole = malloc(p->sets_len + (size_t)packet->size);
        if (!whole)
            return;
        memcpy(whole, p->sets, p->sets_len);
        memcpy(whole + p->sets_len, packet->data, (size_t)packet->size);
        live_out_packet(p->out, LIVE_VIDEO, flags, packet->pts, p->step_us, whole, p->sets_len + (size_t)packet->size);
        free(whole);
    } else {
        live_out_packet(p->out, LIVE_VIDEO, flags, packet->pts, p->step_us, packet->data, (size_t)packet->size);
    }
    p->jumped = false;
    live_sound_picture_at(p->sound, packet->pts);
}

static void begin_pass(struct live_picture *p)
{
    p->mode = PASS;
    tell_format(p);
    avcodec_free_context(&p->decoder);
    p->jumped = true;
}

/* ---- one packet ---- */
static void note_times(struct live_picture *p, const AVPacket *packet, bool idr)
{
    if (!p->looking)
        p->begun_us = packet->pts;
    p->looking = true;
    if (!p->begun && idr) {
        p->begun = true;
        p->begun_us = p->key_us = packet->pts;
        p->bytes = 0;
    } else if (packet->pts <= p->last_us) {
        p->reordered = p->begun;
    } else if (packet->pts - p->last_us < gop_most_us) {
        p->step_us = packet->pts - p->last_us;
    }
    p->last_us = packet->pts;
    p->bytes += packet->size;
}

static const char *fault_of_stream(const struct live_picture *p, int64_t at_us)
{
    int64_t looked_us = at_us - p->begun_us;
    return p->reordered ? "its pictures are reordered"
           : at_us - p->key_us > gop_most_us ? "its key frames are more than a second apart"
           : looked_us > look_least_us && p->bytes > looked_us * BYTES_PER_S_MOST / 1000000 + BYTES_PER_S_MOST / 2 ? "it has more than 8 Mbit/s" : NULL;
}

static void undecided(struct live_picture *p, const AVPacket *packet, const struct unit *u)
{
    if (!p->begun) {
        if (packet->pts - p->begun_us > gop_most_us)
            p->refused = "it has no key frames";
    } else if (!p->refused) {
        p->refused = fault_of_stream(p, packet->pts);
    }
    if (!p->refused && u->idr && p->pictures >= PICTURES_LEAST && packet->pts - p->begun_us >= look_least_us && p->sets_len > 0) {
        begin_pass(p);
        pass(p, packet, u);
        return;
    }
    decode(p, packet);
    if (p->refused)
        encode_from_now(p, p->refused);
}

static void passing(struct live_picture *p, const AVPacket *packet, const struct unit *u)
{
    if (u->has_slice)
        p->barren = 0;
    int64_t second_us = packet->pts - p->begun_us;
    const char *fault = p->reordered ? "its pictures are reordered now" : packet->pts - p->key_us > gop_borne_us ? "its key frames stay away" : NULL;
    if (!fault && u->idr && second_us >= 2000000) {
        if (p->bytes > second_us * BYTES_PER_S_MOST / 1000000 * 5 / 4)
            fault = "it has more than 8 Mbit/s now";
        p->begun_us = packet->pts;
        p->bytes = 0;
    }
    if (!fault) {
        pass(p, packet, u);
        return;
    }
    encode_from_now(p, fault);
    decode(p, packet);
}

bool live_picture_is_lost(struct live_picture *p)
{
    if (p->barren < (p->mode == PASS ? BARREN_PASSED : BARREN_DECODED))
        return false;
    p->barren = 0;
    return true;
}

bool live_picture_was_seen(const struct live_picture *p) { return p->barren == 0; }

void live_picture_packet(struct live_picture *p, const AVPacket *packet, bool jumped)
{
    struct unit u = { 0 };
    p->barren++;
    if (packet->pts == AV_NOPTS_VALUE) {
        decode(p, packet); /* nothing that is passed through comes without a time */
        return;
    }
    if (jumped) {
        p->jumped = true;
        p->last_us = INT64_MIN / 2;
        p->key_us = packet->pts;
        if (p->decoder)
            avcodec_flush_buffers(p->decoder);
        live_encode_jumped(p->encode);
    }
    if (p->par->codec_id != AV_CODEC_ID_H264) {
        note_times(p, packet, packet->flags & AV_PKT_FLAG_KEY);
        decode(p, packet);
        return;
    }
    look_at_unit(packet, &u);
    if (u.has_sets && (u.sets_len != p->sets_len || memcmp(u.sets, p->sets, u.sets_len) != 0)) {
        bool other = p->sets_len > 0;
        memcpy(p->sets, u.sets, u.sets_len);
        p->sets_len = u.sets_len;
        if (other)
            look_again(p); /* another picture: it may qualify, or not any more */
    }
    note_times(p, packet, u.idr);
    if (u.idr)
        p->refused = p->mode == UNDECIDED && !p->refused ? fault_of_stream(p, packet->pts) : p->refused;
    if (p->mode == UNDECIDED)
        undecided(p, packet, &u);
    else if (p->mode == PASS)
        passing(p, packet, &u);
    else
        decode(p, packet);
    if (u.idr)
        p->key_us = packet->pts;
}

void live_picture_codec(struct live_picture *p, const AVCodecParameters *par)
{
    avcodec_parameters_copy(p->par, par);
    p->sets_len = 0;
    p->last_us = INT64_MIN / 2;
    look_again(p);
    if (par->codec_id != AV_CODEC_ID_H264) {
        const AVCodec *codec = avcodec_find_decoder(par->codec_id);
        live_out_note(p->out, "picture: %s", codec ? codec->name : "none that can be decoded");
        p->mode = ENCODE;
        live_encode_jumped(p->encode);
    }
}

struct live_picture *live_picture_open(struct live_out *out, struct live_sound *sound)
{
    struct live_picture *p = vcr_alloc(sizeof(*p));
    p->out = out;
    p->sound = sound;
    p->par = avcodec_parameters_alloc();
    p->frame = av_frame_alloc();
    p->encode = live_encode_open(out);
    p->last_us = INT64_MIN / 2;
    return p;
}

void live_picture_close(struct live_picture **pp)
{
    struct live_picture *p = *pp;
    if (!p)
        return;
    avcodec_free_context(&p->decoder);
    avcodec_parameters_free(&p->par);
    av_frame_free(&p->frame);
    live_encode_close(&p->encode);
    free(p);
    *pp = NULL;
}
