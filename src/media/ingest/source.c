/* media/ingest/source.c - demuxing through one descriptor. Only listed formats and codecs are tried, none of which opens further files. */
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "media/ingest/internal.h"

enum { AVIO_BYTES = 64 << 10, JUMP_BACK_US = 1000000, JUMP_AHEAD_US = 10000000 };

/* No playlists, no image sequences, nothing that names other files (hls, dash, concat, sdp, image2, ...). */
static const char formats[] = "mov,matroska,avi,mpeg,mpegts,mpegvideo,dv,ogg,flv,asf,mxf,yuv4mpegpipe,h264,m4v,nut,rm,wtv";
static const char codecs[] =
    "h264,hevc,mpeg1video,mpeg2video,mpeg4,msmpeg4v1,msmpeg4v2,msmpeg4,h263,flv,vp8,vp9,libdav1d,theora,dvvideo,mjpeg,ffv1,huffyuv,ffvhuff,lagarith,prores,dnxhd,"
    "v210,rawvideo,utvideo,wmv1,wmv2,wmv3,vc1,cinepak,indeo3,indeo5,rv10,rv20,rv30,rv40,svq1,svq3,"
    "aac,mp1float,mp2float,mp3float,mp1,mp2,mp3,ac3,eac3,opus,vorbis,flac,alac,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_u8,pcm_s8,pcm_f32le,pcm_dvd,"
    "pcm_bluray,pcm_mulaw,pcm_alaw,wmav1,wmav2,dca,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,amrnb,cook,qdm2";

static int read_bytes(void *opaque, uint8_t *buf, int size)
{
    struct source *s = opaque;
    ssize_t n = pread(INGEST_FD_ORIGINAL, buf, (size_t)size, s->position);
    if (n < 0)
        return AVERROR(EIO);
    s->position += n;
    return n == 0 ? AVERROR_EOF : (int)n;
}

static int64_t seek_bytes(void *opaque, int64_t offset, int whence)
{
    struct source *s = opaque;
    switch (whence & ~AVSEEK_FORCE) {
    case AVSEEK_SIZE:
        return s->size;
    case SEEK_SET:
        break;
    case SEEK_CUR:
        offset += s->position;
        break;
    case SEEK_END:
        offset += s->size;
        break;
    default:
        return AVERROR(EINVAL);
    }
    if (offset < 0)
        return AVERROR(EINVAL);
    return s->position = offset;
}

static int open_nothing(AVFormatContext *format, AVIOContext **pb, const char *url, int flags, AVDictionary **options) { return AVERROR(EPERM); }

/* The largest picture (stream 0 may be a cover or something unknown), and the sound that libav thinks best beside it. */
static void choose_streams(struct source *s)
{
    int64_t best = 0;
    s->video = -1;
    for (unsigned i = 0; i < s->format->nb_streams; i++) {
        const AVStream *st = s->format->streams[i];
        const AVCodecParameters *par = st->codecpar;
        int64_t area = (int64_t)par->width * par->height;
        if (par->codec_type == AVMEDIA_TYPE_VIDEO && !(st->disposition & AV_DISPOSITION_ATTACHED_PIC) && area > best && avcodec_find_decoder(par->codec_id)) {
            best = area;
            s->video = (int)i;
        }
    }
    int audio = av_find_best_stream(s->format, AVMEDIA_TYPE_AUDIO, -1, s->video, NULL, 0);
    s->audio = audio >= 0 && s->format->streams[audio]->codecpar->sample_rate > 0 && s->format->streams[audio]->codecpar->ch_layout.nb_channels > 0 ? audio : -1;
    for (int i = 0; i < (int)s->format->nb_streams; i++)
        if (i != s->video && i != s->audio)
            s->format->streams[i]->discard = AVDISCARD_ALL;
}

enum vcr_err source_open(struct source *s, struct vcr_why *why)
{
    *s = (struct source){ .video = -1, .audio = -1, .size = lseek(INGEST_FD_ORIGINAL, 0, SEEK_END) };
    if (s->size <= 0)
        return vcr_fail(why, VCR_E_INVALID, "The file is empty.");
    uint8_t *buffer = av_malloc(AVIO_BYTES);
    s->avio = buffer ? avio_alloc_context(buffer, AVIO_BYTES, 0, s, read_bytes, NULL, seek_bytes) : NULL;
    s->format = avformat_alloc_context();
    if (!s->avio || !s->format) {
        source_close(s);
        return vcr_fail(why, VCR_E_NOMEM, "There was not enough memory to read the file.");
    }
    s->format->pb = s->avio;
    s->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    s->format->format_whitelist = av_strdup(formats);
    s->format->codec_whitelist = av_strdup(codecs);
    s->format->protocol_whitelist = av_strdup("none");
    s->format->io_open = open_nothing;
    s->format->max_streams = 64;
    if (avformat_open_input(&s->format, NULL, NULL, NULL) < 0) {
        source_close(s);
        return vcr_fail(why, VCR_E_INVALID, "This file is not a film that can be read: its format is unknown or not supported, or its beginning is missing.");
    }
    /* Bad headers are no reason to stop: what counts is what decodes. */
    if (avformat_find_stream_info(s->format, NULL) >= 0)
        choose_streams(s);
    if (s->video < 0) {
        bool sound = av_find_best_stream(s->format, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0) >= 0;
        source_close(s);
        return vcr_fail(why, VCR_E_INVALID, sound ? "This file holds sound but no picture." : "This file holds no picture that can be decoded.");
    }
    return VCR_OK;
}

void source_close(struct source *s)
{
    avformat_close_input(&s->format);
    if (s->avio)
        av_freep(&s->avio->buffer);
    avio_context_free(&s->avio);
}

AVStream *source_stream(const struct source *s, int which) { return which < 0 ? NULL : s->format->streams[which]; }

/* DVD recorders and cameras reset their clock in the middle of a file: the time goes on from where it was. */
static void repair(struct source *s, AVPacket *p, bool video)
{
    AVRational tb = s->format->streams[p->stream_index]->time_base;
    int64_t pts = p->pts == AV_NOPTS_VALUE ? AV_NOPTS_VALUE : av_rescale_q(p->pts, tb, AV_TIME_BASE_Q);
    int64_t dts = p->dts == AV_NOPTS_VALUE ? pts : av_rescale_q(p->dts, tb, AV_TIME_BASE_Q);
    int64_t length = av_rescale_q(p->duration, tb, AV_TIME_BASE_Q), *last = &s->last_dts_us[video];
    if (dts != AV_NOPTS_VALUE) {
        int64_t ahead = dts + s->shift_us - *last;
        if (s->started[video] && (ahead < -JUMP_BACK_US || ahead > JUMP_AHEAD_US)) {
            s->shift_us = *last + VCR_MAX(length, 1) - dts;
            s->jumps++;
        }
        *last = dts + s->shift_us;
        s->started[video] = true;
    }
    p->pts = pts == AV_NOPTS_VALUE ? pts : pts + s->shift_us;
    p->dts = dts == AV_NOPTS_VALUE ? dts : dts + s->shift_us;
    p->duration = length;
}

enum vcr_err source_read(struct source *s, AVPacket *packet, bool *ret_video, struct vcr_why *why)
{
    for (;;) {
        /* Any error is the end of what the file holds. */
        if (av_read_frame(s->format, packet) < 0)
            return VCR_E_END;
        if ((packet->stream_index == s->video || packet->stream_index == s->audio) && packet->size > 0) {
            *ret_video = packet->stream_index == s->video;
            repair(s, packet, *ret_video);
            return VCR_OK;
        }
        av_packet_unref(packet);
    }
}

enum vcr_err source_decoder(struct source *s, int stream, AVCodecContext **ret, struct vcr_why *why)
{
    const AVCodecParameters *par = s->format->streams[stream]->codecpar;
    const AVCodec *codec = avcodec_find_decoder(par->codec_id);
    AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;
    if (c && avcodec_parameters_to_context(c, par) >= 0) {
        c->codec_whitelist = av_strdup(codecs);
        c->pkt_timebase = AV_TIME_BASE_Q;
        c->flags |= AV_CODEC_FLAG_UNALIGNED; /* crop exactly */
        c->thread_count = 2;
        c->thread_type = FF_THREAD_SLICE; /* threads by frames would tell of damage late */
        c->max_pixels = 8192 * 4320;
        if (avcodec_open2(c, codec, NULL) >= 0) {
            *ret = c;
            return VCR_OK;
        }
    }
    avcodec_free_context(&c);
    return vcr_fail(why, VCR_E_INVALID, "The file uses a codec that is not supported (%s).", avcodec_get_name(par->codec_id));
}
