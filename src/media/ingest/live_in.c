/* media/ingest/live_in.c - packets out of the pipe: of MPEG-TS by libavformat, or whole ones by wire/live_msg.h. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/packet.h"
#include "base/util.h"
#include "media/ingest/live.h"

enum { AVIO_BYTES = 16 << 10, PROBE_BYTES = 32 << 10, STREAMS_MAX = 64, PATIENCE_BYTES = 1 << 20, PATIENCE_MOST_BYTES = 64 << 20 };
static const int64_t silent_us = 1000000; /* a chosen stream that is silent for this long may be replaced by another */
static const char codecs[] = "h264,hevc,mpeg1video,mpeg2video,mpeg4,vc1,aac,aac_latm,mp1float,mp2float,mp3float,mp1,mp2,mp3,ac3,eac3,opus,s302m,dca,pcm_bluray,pcm_dvd";

static int read_bytes(void *opaque, uint8_t *buf, int size)
{
    struct live_in *in = opaque;
    ssize_t n;
    in->lost = in->lost || (in->ts && in->bytes - in->seen_bytes > in->patience_bytes);
    if (in->lost)
        return AVERROR_EXTERNAL;
    do {
        n = read(LIVE_FD_INPUT, buf, (size_t)size);
    } while (n < 0 && errno == EINTR);
    in->bytes += n > 0 ? n : 0;
    return n > 0 ? (int)n : n == 0 ? AVERROR_EOF : AVERROR(EIO);
}

static bool read_all(struct live_in *in, uint8_t *buf, size_t len)
{
    while (len > 0) {
        int n = read_bytes(in, buf, (int)len);
        if (n <= 0)
            return false;
        buf += n;
        len -= (size_t)n;
    }
    return true;
}

static int open_nothing(AVFormatContext *format, AVIOContext **pb, const char *url, int flags, AVDictionary **options) { return AVERROR(EPERM); }

/* In junk there is no end of looking for a beginning: what opens is junk, too, and is given up by live_in_look_again. */
static enum vcr_err open_ts(struct live_in *in, struct vcr_why *why)
{
    uint8_t *buffer = av_malloc(AVIO_BYTES);
    in->avio = buffer ? avio_alloc_context(buffer, AVIO_BYTES, 0, in, read_bytes, NULL, NULL) : NULL;
    in->format = avformat_alloc_context();
    if (!in->avio || !in->format)
        return vcr_fail(why, VCR_E_NOMEM, "no memory for the demuxer");
    in->format->pb = in->avio;
    in->format->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_NOBUFFER;
    in->format->codec_whitelist = av_strdup(codecs);
    in->format->protocol_whitelist = av_strdup("none");
    in->format->io_open = open_nothing;
    in->format->max_streams = STREAMS_MAX;
    in->format->probesize = PROBE_BYTES; /* the demuxer looks so far for programmes; more are found as they come */
    if (avformat_open_input(&in->format, NULL, av_find_input_format("mpegts"), NULL) < 0)
        return vcr_fail(why, VCR_E_END, "it ended before anything came");
    return VCR_OK;
}

static enum vcr_err open_packets(struct live_in *in, struct vcr_why *why)
{
    static const enum AVCodecID ids[2] = { AV_CODEC_ID_H264, AV_CODEC_ID_OPUS };
    for (int i = 0; i < 2; i++) {
        in->par[i]->codec_type = i == LIVE_IN_VIDEO ? AVMEDIA_TYPE_VIDEO : AVMEDIA_TYPE_AUDIO;
        in->par[i]->codec_id = ids[i];
    }
    in->par[LIVE_IN_AUDIO]->sample_rate = 48000;
    av_channel_layout_default(&in->par[LIVE_IN_AUDIO]->ch_layout, 2);
    return VCR_OK;
}

/* libavformat takes no notice when a stream number is given to another codec. What comes next is looked at as if it were the beginning; the times go on. */
enum vcr_err live_in_look_again(struct live_in *in, struct vcr_why *why)
{
    if (!in->ts)
        return VCR_OK;
    avformat_close_input(&in->format);
    if (in->avio)
        av_freep(&in->avio->buffer);
    avio_context_free(&in->avio);
    in->stream[0] = in->stream[1] = -1;
    in->lost = false;
    in->seen_bytes = in->bytes;
    in->patience_bytes = VCR_MIN(2 * in->patience_bytes, (int64_t)PATIENCE_MOST_BYTES); /* perhaps it takes longer: until a key frame of many Mbit/s */
    return open_ts(in, why);
}

void live_in_saw_picture(struct live_in *in)
{
    in->seen_bytes = in->bytes;
    in->patience_bytes = PATIENCE_BYTES;
}

enum vcr_err live_in_open(struct live_in *in, bool ts, struct vcr_why *why)
{
    *in = (struct live_in){ .ts = ts, .stream = { -1, -1 }, .patience_bytes = PATIENCE_BYTES };
    for (int i = 0; i < 2; i++) {
        in->par[i] = avcodec_parameters_alloc();
        if (!in->par[i])
            return vcr_fail(why, VCR_E_NOMEM, "no memory for the demuxer");
    }
    return ts ? open_ts(in, why) : open_packets(in, why);
}

void live_in_close(struct live_in *in)
{
    avformat_close_input(&in->format);
    if (in->avio)
        av_freep(&in->avio->buffer);
    avio_context_free(&in->avio);
    for (int i = 0; i < 2; i++)
        avcodec_parameters_free(&in->par[i]);
}

/* The first stream of a kind that can be decoded is the one; another takes its place when that one has fallen silent. */
static bool choose(struct live_in *in, const AVStream *st, int kind, int64_t now_us, bool *ret_new)
{
    bool chosen = in->stream[kind] == st->index;
    if (!chosen && in->stream[kind] >= 0 && now_us - in->heard_us[kind] < silent_us)
        return false;
    *ret_new = !chosen || in->par[kind]->codec_id != st->codecpar->codec_id;
    if (*ret_new && (!avcodec_find_decoder(st->codecpar->codec_id) || avcodec_parameters_copy(in->par[kind], st->codecpar) < 0))
        return false;
    in->stream[kind] = st->index;
    return true;
}

static enum vcr_err read_ts(struct live_in *in, AVPacket *packet, int *ret_kind, bool *ret_new, struct vcr_why *why)
{
    for (;;) {
        int rc = av_read_frame(in->format, packet);
        if (in->lost) {
            av_packet_unref(packet);
            enum vcr_err err = live_in_look_again(in, why);
            if (err != VCR_OK)
                return err;
            continue;
        }
        if (rc == AVERROR_EOF || (rc < 0 && avio_feof(in->avio)))
            return vcr_fail(why, VCR_E_END, "it ended");
        if (rc < 0)
            continue; /* what cannot be read is skipped: the pipe goes on */
        const AVStream *st = in->format->streams[packet->stream_index];
        enum AVMediaType type = st->codecpar->codec_type;
        int64_t now_us = clock_mono_us();
        *ret_kind = type == AVMEDIA_TYPE_VIDEO ? LIVE_IN_VIDEO : LIVE_IN_AUDIO;
        if ((type == AVMEDIA_TYPE_VIDEO || type == AVMEDIA_TYPE_AUDIO) && packet->size > 0 && packet->size <= LIVE_BODY_MAX && choose(in, st, *ret_kind, now_us, ret_new)) {
            av_packet_rescale_ts(packet, st->time_base, AV_TIME_BASE_Q);
            in->heard_us[*ret_kind] = now_us;
            return VCR_OK;
        }
        av_packet_unref(packet);
    }
}

static enum vcr_err read_message(struct live_in *in, AVPacket *packet, int *ret_kind, bool *ret_new, struct vcr_why *why)
{
    uint8_t bytes[LIVE_HEAD_BYTES];
    struct live_head head;
    if (!read_all(in, bytes, sizeof(bytes)))
        return vcr_fail(why, VCR_E_END, "it ended");
    if (!live_head_read(bytes, &head))
        return vcr_fail(why, VCR_E_MALFORMED, "a message that makes no sense");
    if (av_new_packet(packet, (int)head.len) < 0)
        return vcr_fail(why, VCR_E_NOMEM, "no memory for a packet");
    if (!read_all(in, packet->data, head.len))
        return vcr_fail(why, VCR_E_END, "it ended");
    *ret_kind = head.track == PACKET_VIDEO ? LIVE_IN_VIDEO : LIVE_IN_AUDIO;
    *ret_new = in->stream[*ret_kind] < 0;
    in->stream[*ret_kind] = 0;
    packet->pts = packet->dts = head.pts_us;
    packet->flags = head.flags & PACKET_KEY ? AV_PKT_FLAG_KEY : 0;
    return VCR_OK;
}

enum vcr_err live_in_read(struct live_in *in, AVPacket *packet, int *ret_kind, bool *ret_new, bool *ret_jumped, struct vcr_why *why)
{
    *ret_new = *ret_jumped = false;
    for (;;) {
        enum vcr_err err = in->ts ? read_ts(in, packet, ret_kind, ret_new, why) : read_message(in, packet, ret_kind, ret_new, why);
        if (err != VCR_OK)
            return err;
        int64_t dts = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
        if (dts == AV_NOPTS_VALUE && !in->times.track[*ret_kind].begun) { /* as of a stream's first bytes */
            in->stream[*ret_kind] = -1; /* the codec is told with the first that is given */
            av_packet_unref(packet);
            continue;
        }
        if (dts == AV_NOPTS_VALUE) /* a second field, one of several frames of sound in a row: they follow */
            return VCR_OK;
        int64_t late = packet->pts != AV_NOPTS_VALUE ? VCR_CLAMP(packet->pts - dts, INT64_C(0), INT64_C(3000000)) : 0;
        packet->dts = live_times_map(&in->times, *ret_kind, dts, clock_mono_us(), ret_jumped);
        packet->pts = packet->dts + late;
        return VCR_OK;
    }
}
