/* media/ingest/source.c - demuxing through one descriptor. Only listed formats and codecs are tried, none of which opens further files. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "media/ingest/internal.h"

enum { AVIO_BYTES = 64 << 10, JUMP_BACK_US = 200000, REORDER_MAX_US = 1000000, JUMP_AHEAD_US = 10000000, STREAMS_MAX = 64, STREAMS_TRIED = 1000, ONE_THREAD_PIXELS = 1280 * 720 };

/* No playlists, no image sequences, nothing that names other files (hls, dash, concat, sdp, image2, ...). */
static const char sound_formats[] = "wav,w64,aiff,flac,mp3,aac,ac3,caf,";
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

static bool can_sound(const AVStream *st)
{
    const AVCodecParameters *par = st->codecpar;
    return par->codec_type == AVMEDIA_TYPE_AUDIO && par->sample_rate > 0 && par->ch_layout.nb_channels > 0 && avcodec_find_decoder(par->codec_id);
}

enum { NOT_CHOSEN = -3 };
static int number_of(const struct source *s, int stream)
{
    if (stream == s->video)
        return PICTURE;
    if (stream == s->caption)
        return CAPTION;
    for (int i = 0; i < s->sounds; i++)
        if (stream == s->audio[i])
            return i;
    return NOT_CHOSEN;
}

/* The largest picture (stream 0 may be a cover or something unknown); the sound that libav thinks best beside it, then the others as they come. */
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
    int first = av_find_best_stream(s->format, AVMEDIA_TYPE_AUDIO, -1, s->video, NULL, 0);
    if (first >= 0 && can_sound(s->format->streams[first]))
        s->audio[s->sounds++] = first;
    for (int i = 0; i < (int)s->format->nb_streams && s->sounds < SOUNDS_MAX; i++)
        if (i != first && can_sound(s->format->streams[i]))
            s->audio[s->sounds++] = i;
    for (int i = (int)s->format->nb_streams - 1; i >= 0; i--)
        if (s->format->streams[i]->codecpar->codec_id == AV_CODEC_ID_EIA_608)
            s->caption = i;
    for (int i = 0; i < (int)s->format->nb_streams; i++)
        if (number_of(s, i) == NOT_CHOSEN)
            s->format->streams[i]->discard = AVDISCARD_ALL;
}

/* Whether it begins as such files do. */
static bool is_mp4(void)
{
    static const char *const boxes[] = { "ftyp", "mdat", "moov", "wide", "skip", "free" };
    char head[8];
    if (pread(INGEST_FD_ORIGINAL, head, sizeof(head), 0) != sizeof(head))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(boxes); i++)
        if (memcmp(head + 4, boxes[i], 4) == 0)
            return true;
    return false;
}

static bool open_format(struct source *s, unsigned most_streams)
{
    char both[sizeof(sound_formats) + sizeof(formats)];
    snprintf(both, sizeof(both), "%s%s", s->sound_alone ? sound_formats : "", formats);
    s->format = avformat_alloc_context();
    if (!s->format)
        return false;
    s->format->pb = s->avio;
    s->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    s->format->format_whitelist = av_strdup(both);
    s->format->codec_whitelist = av_strdup(codecs);
    s->format->protocol_whitelist = av_strdup("none");
    s->format->io_open = open_nothing;
    s->format->max_streams = (int)most_streams;
    return avformat_open_input(&s->format, NULL, NULL, NULL) >= 0; /* frees what it cannot open */
}

/* Libraries only say that it did not go. */
static enum vcr_err cannot_open(struct source *s, struct vcr_why *why)
{
    s->avio->eof_reached = s->avio->error = 0;
    if (avio_seek(s->avio, 0, SEEK_SET) >= 0 && open_format(s, STREAMS_TRIED))
        return vcr_fail(why, VCR_E_INVALID, "This file holds more than %d streams; a film has a picture and some sounds.", STREAMS_MAX);
    return is_mp4() ? vcr_fail(why, VCR_E_INVALID, "This MP4 or QuickTime file lacks its index (moov), which mostly stands at the end: the recording or the upload was cut short.")
                    : vcr_fail(why, VCR_E_INVALID, "This file is not a film that can be read: its format is unknown or not supported, or its beginning is missing.");
}

static enum vcr_err open_source(struct source *s, bool sound_alone, struct vcr_why *why)
{
    *s = (struct source){ .sound_alone = sound_alone, .video = -1, .caption = -1, .size = lseek(INGEST_FD_ORIGINAL, 0, SEEK_END) };
    if (s->size <= 0)
        return vcr_fail(why, VCR_E_INVALID, "The file is empty.");
    uint8_t *buffer = av_malloc(AVIO_BYTES);
    s->avio = buffer ? avio_alloc_context(buffer, AVIO_BYTES, 0, s, read_bytes, NULL, seek_bytes) : NULL;
    if (!s->avio) {
        av_free(buffer);
        return vcr_fail(why, VCR_E_NOMEM, "There was not enough memory to read the file.");
    }
    if (!open_format(s, STREAMS_MAX)) {
        enum vcr_err err = cannot_open(s, why);
        source_close(s);
        return err;
    }
    /* Bad headers are no reason to stop: what counts is what decodes. */
    if (avformat_find_stream_info(s->format, NULL) >= 0)
        choose_streams(s);
    if (s->sound_alone) {
        if (s->sounds > 0)
            return VCR_OK;
        source_close(s);
        return vcr_fail(why, VCR_E_NOT_FOUND, "This file holds no sound that can be decoded.");
    }
    if (s->video < 0) {
        bool sound = av_find_best_stream(s->format, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0) >= 0;
        source_close(s);
        return vcr_fail(why, VCR_E_INVALID, sound ? "This file holds sound but no picture." : "This file holds no picture that can be decoded.");
    }
    return VCR_OK;
}

enum vcr_err source_open(struct source *s, struct vcr_why *why) { return open_source(s, false, why); }
enum vcr_err source_open_sound(struct source *s, struct vcr_why *why) { return open_source(s, true, why); }

void source_close(struct source *s)
{
    avformat_close_input(&s->format);
    if (s->avio)
        av_freep(&s->avio->buffer);
    avio_context_free(&s->avio);
}

AVStream *source_stream(const struct source *s, int which) { return which < 0 ? NULL : s->format->streams[which]; }

/* Program and transport streams carry a recorder's clock; a long time without packets in other containers is just that. */
static bool has_clock(const struct source *s) { return s->format->iformat->flags & AVFMT_TS_DISCONT; }

/* DVD recorders and cameras reset their clock in the middle of a file: the time goes on from where it was. */
static void repair(struct source *s, AVPacket *p, int track)
{
    AVRational tb = s->format->streams[p->stream_index]->time_base;
    int64_t pts = p->pts == AV_NOPTS_VALUE ? AV_NOPTS_VALUE : av_rescale_q(p->pts, tb, AV_TIME_BASE_Q);
    int64_t dts = p->dts == AV_NOPTS_VALUE ? pts : av_rescale_q(p->dts, tb, AV_TIME_BASE_Q);
    int64_t length = av_rescale_q(p->duration, tb, AV_TIME_BASE_Q), *last = &s->last_dts_us[track];
    if (dts != AV_NOPTS_VALUE) {
        int64_t ahead = dts + s->shift_us - *last;
        /* Where one of the two is a time of showing, pictures that are out of order look like a step back. */
        bool guessed = p->dts == AV_NOPTS_VALUE || s->guessed[track];
        s->guessed[track] = p->dts == AV_NOPTS_VALUE;
        if (s->started[track] && (ahead < -(guessed ? REORDER_MAX_US : JUMP_BACK_US) || (ahead > JUMP_AHEAD_US && has_clock(s)))) {
            s->shift_us = *last + VCR_MAX(length, 1) - dts;
            s->jumps++;
        }
        *last = dts + s->shift_us;
        s->started[track] = true;
    }
    p->pts = pts == AV_NOPTS_VALUE ? pts : pts + s->shift_us;
    p->dts = dts == AV_NOPTS_VALUE ? dts : dts + s->shift_us;
    p->duration = length;
}

/* Captions come now and then, and tell nothing of the clock. */
static void follow(const struct source *s, AVPacket *p)
{
    AVRational tb = s->format->streams[p->stream_index]->time_base;
    int64_t pts = p->pts == AV_NOPTS_VALUE ? p->dts : p->pts;
    p->pts = p->dts = pts == AV_NOPTS_VALUE ? pts : av_rescale_q(pts, tb, AV_TIME_BASE_Q) + s->shift_us;
}

enum vcr_err source_read(struct source *s, AVPacket *packet, int *ret_sound, struct vcr_why *why)
{
    for (;;) {
        int64_t at = s->position;
        int rc = av_read_frame(s->format, packet);
        /* Any error is the end of what the file holds, but for one that a demuxer gives up at (a hole in a stream) and that it can be asked to look behind. */
        if (rc < 0 && rc != AVERROR_EOF && has_clock(s) && s->position > at)
            continue;
        if (rc < 0)
            return VCR_E_END;
        int number = number_of(s, packet->stream_index);
        if (number != NOT_CHOSEN && packet->size > 0) {
            *ret_sound = number;
            if (number == CAPTION)
                follow(s, packet);
            else
                repair(s, packet, number + 1);
            return VCR_OK;
        }
        av_packet_unref(packet);
    }
}

static bool sought(struct source *s, int rc)
{
    memset(s->started, 0, sizeof(s->started));
    return rc >= 0;
}

enum vcr_err source_again(struct source *s, struct vcr_why *why)
{
    source_close(s);
    return source_open(s, why);
}

bool source_seek(struct source *s, int64_t at_us)
{
    int64_t at = av_rescale_q(at_us, AV_TIME_BASE_Q, s->format->streams[s->video]->time_base);
    return sought(s, avformat_seek_file(s->format, s->video, INT64_MIN, at, at, 0));
}

bool source_seek_part(struct source *s, double part)
{
    if (s->format->iformat->flags & AVFMT_NO_BYTE_SEEK)
        return false;
    return sought(s, av_seek_frame(s->format, -1, (int64_t)((double)s->size * part), AVSEEK_FLAG_BYTE));
}

double source_part(const struct source *s) { return s->size > 0 ? VCR_CLAMP((double)s->position / (double)s->size, 0.0, 1.0) : 0; }

enum vcr_err source_decoder(struct source *s, int stream, AVCodecContext **ret, struct vcr_why *why)
{
    const AVCodecParameters *par = s->format->streams[stream]->codecpar;
    const AVCodec *codec = avcodec_find_decoder(par->codec_id);
    AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;
    if (c && avcodec_parameters_to_context(c, par) >= 0) {
        c->codec_whitelist = av_strdup(codecs);
        c->pkt_timebase = AV_TIME_BASE_Q;
        c->flags |= AV_CODEC_FLAG_UNALIGNED; /* crop exactly */
        c->thread_count = (int64_t)par->width * par->height > ONE_THREAD_PIXELS ? 2 : 1; /* a smaller one keeps up with its encoders alone */
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
