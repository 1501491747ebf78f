/* media/decode.c - see decode.h: libavcodec's own H.264 decoder and libopus. */
#include "media/decode.h"

#include <libavcodec/avcodec.h>
#include <opus/opus.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

enum { UNIT_BYTES_MAX = 4 << 20, WIDTH_MAX = 1920, HEIGHT_MAX = 1088 };

struct video_decoder {
    AVCodecContext *av;
    AVPacket *packet;
    AVFrame *frame;
    uint8_t *buf;           /* the access unit with libavcodec's padding behind it */
    size_t buf_bytes;
};

struct frame *frame_ref(struct frame *f)
{
    f->refs++;
    return f;
}

void frame_unref(struct frame **f)
{
    if (*f && --(*f)->refs == 0) {
        AVFrame *av = (*f)->av;
        av_frame_free(&av);
        free(*f);
    }
    *f = NULL;
}

enum vcr_err video_decoder_open(struct video_decoder **ret, struct vcr_why *why)
{
    struct video_decoder *d = vcr_alloc(sizeof(*d));
    const AVCodec *codec = avcodec_find_decoder(AV_CODEC_ID_H264);
    d->av = codec ? avcodec_alloc_context3(codec) : NULL;
    d->packet = av_packet_alloc();
    d->frame = av_frame_alloc();
    if (!d->av || !d->packet || !d->frame)
        goto fail;
    d->av->thread_count = 1;
    d->av->flags |= AV_CODEC_FLAG_LOW_DELAY;
    d->av->log_level_offset = 64; /* what is wrong is said by our own errors */
    d->av->err_recognition = AV_EF_EXPLODE; /* a damaged unit is an error with a place, never a silent smear */
    if (avcodec_open2(d->av, codec, NULL) < 0)
        goto fail;
    *ret = d;
    return VCR_OK;
fail:
    video_decoder_close(&d);
    return vcr_fail(why, VCR_E_INTERNAL, "no H.264 decoder");
}

void video_decoder_silence(void) { av_log_set_level(AV_LOG_QUIET); }

void video_decoder_close(struct video_decoder **d)
{
    if (!*d)
        return;
    avcodec_free_context(&(*d)->av);
    av_packet_free(&(*d)->packet);
    av_frame_free(&(*d)->frame);
    free((*d)->buf);
    free(*d);
    *d = NULL;
}

void video_decoder_flush(struct video_decoder *d) { avcodec_flush_buffers(d->av); }

static enum vcr_err pad(struct video_decoder *d, const uint8_t *data, size_t len, struct vcr_why *why)
{
    if (len == 0 || len > UNIT_BYTES_MAX)
        return vcr_fail(why, VCR_E_IO, "a picture of %zu bytes", len);
    size_t need = len + AV_INPUT_BUFFER_PADDING_SIZE;
    if (need > d->buf_bytes) {
        uint8_t *grown = realloc(d->buf, need + need / 2);
        if (!grown)
            return vcr_fail(why, VCR_E_NOMEM, "no memory for a picture of %zu bytes", len);
        d->buf = grown;
        d->buf_bytes = need + need / 2;
    }
    memcpy(d->buf, data, len);
    memset(d->buf + len, 0, AV_INPUT_BUFFER_PADDING_SIZE);
    return VCR_OK;
}

/* Takes d->frame over. */
static enum vcr_err wrap(struct video_decoder *d, struct frame **ret, struct vcr_why *why)
{
    AVFrame *av = d->frame;
    if ((av->format != AV_PIX_FMT_YUV420P && av->format != AV_PIX_FMT_YUVJ420P) || av->width > WIDTH_MAX || av->height > HEIGHT_MAX ||
        (av->width & 1) || (av->height & 1)) {
        av_frame_unref(av);
        return vcr_fail(why, VCR_E_IO, "a picture of a shape that no reel has");
    }
    struct frame *f = vcr_alloc(sizeof(*f));
    f->refs = 1;
    f->av = av_frame_alloc();
    if (!f->av) {
        free(f);
        av_frame_unref(av);
        return vcr_fail(why, VCR_E_NOMEM, "no memory for a picture");
    }
    av_frame_move_ref(f->av, av);
    av = f->av;
    f->picture.width = av->width;
    f->picture.height = av->height;
    f->primaries = (uint8_t)av->color_primaries; /* libavutil numbers them as the standard does */
    f->transfer = (uint8_t)av->color_trc;
    f->matrix = (uint8_t)av->colorspace;
    f->full_range = av->color_range == AVCOL_RANGE_JPEG || av->format == AV_PIX_FMT_YUVJ420P;
    for (int i = 0; i < 3; i++) {
        f->picture.plane[i] = av->data[i];
        f->picture.stride[i] = av->linesize[i];
    }
    *ret = f;
    return VCR_OK;
}

enum vcr_err video_decode(struct video_decoder *d, const uint8_t *data, size_t len, struct frame **ret, struct vcr_why *why)
{
    enum vcr_err err = pad(d, data, len, why);
    if (err != VCR_OK)
        return err;
    d->packet->data = d->buf;
    d->packet->size = (int)len;
    int bad = avcodec_send_packet(d->av, d->packet);
    if (bad < 0)
        return vcr_fail(why, VCR_E_IO, "a damaged picture");
    bad = avcodec_receive_frame(d->av, d->frame);
    if (bad < 0)
        return vcr_fail(why, VCR_E_IO, bad == AVERROR(EAGAIN) ? "a picture that comes out of order" : "a damaged picture");
    return wrap(d, ret, why);
}

struct audio_decoder {
    OpusDecoder *opus;
};

enum vcr_err audio_decoder_open(struct audio_decoder **ret, struct vcr_why *why)
{
    int bad = 0;
    OpusDecoder *opus = opus_decoder_create(AUDIO_RATE, AUDIO_CHANNELS, &bad);
    if (!opus)
        return vcr_fail(why, VCR_E_INTERNAL, "Opus decoder: %s", opus_strerror(bad));
    *ret = vcr_alloc(sizeof(**ret));
    (*ret)->opus = opus;
    return VCR_OK;
}

void audio_decoder_close(struct audio_decoder **d)
{
    if (!*d)
        return;
    opus_decoder_destroy((*d)->opus);
    free(*d);
    *d = NULL;
}

enum vcr_err audio_decode(struct audio_decoder *d, const uint8_t *data, size_t len, int16_t *pcm, int *ret_frames, struct vcr_why *why)
{
    if (data && (len == 0 || len > 65536))
        return vcr_fail(why, VCR_E_IO, "a sound packet of %zu bytes", len);
    int want = data ? AUDIO_FRAMES_MAX : *ret_frames;
    int n = opus_decode(d->opus, data, data ? (opus_int32)len : 0, pcm, want, 0);
    if (n < 0)
        return vcr_fail(why, VCR_E_IO, "a damaged sound packet: %s", opus_strerror(n));
    *ret_frames = n;
    return VCR_OK;
}

void audio_decoder_reset(struct audio_decoder *d) { opus_decoder_ctl(d->opus, OPUS_RESET_STATE); }
