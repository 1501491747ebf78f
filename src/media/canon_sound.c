/* media/canon_sound.c - see canon.h: libavcodec's own AAC encoder. */
#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "media/canon.h"

struct aac_encoder {
    AVCodecContext *av;
    AVFrame *frame;
    AVPacket *packet;
    int64_t given;           /* samples */
};

enum vcr_err aac_encoder_open(struct aac_encoder **ret, uint32_t bitrate_bps, struct vcr_why *why)
{
    struct aac_encoder *e = vcr_alloc(sizeof(*e));
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_AAC);
    AVCodecContext *c = e->av = codec ? avcodec_alloc_context3(codec) : NULL;
    e->frame = av_frame_alloc();
    e->packet = av_packet_alloc();
    if (!c || !e->frame || !e->packet)
        goto fail;
    c->sample_fmt = AV_SAMPLE_FMT_FLTP;
    c->sample_rate = AAC_RATE;
    c->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_STEREO;
    c->bit_rate = bitrate_bps;
    c->time_base = (AVRational){ 1, AAC_RATE };
    c->thread_count = 1;
    c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
    if (avcodec_open2(c, codec, NULL) < 0 || c->frame_size != AAC_FRAME)
        goto fail;
    e->frame->format = AV_SAMPLE_FMT_FLTP;
    e->frame->sample_rate = AAC_RATE;
    e->frame->nb_samples = AAC_FRAME;
    e->frame->ch_layout = c->ch_layout;
    if (av_frame_get_buffer(e->frame, 0) < 0)
        goto fail;
    *ret = e;
    return VCR_OK;
fail:
    aac_encoder_close(&e);
    return vcr_fail(why, VCR_E_INTERNAL, "no AAC encoder");
}

void aac_encoder_close(struct aac_encoder **e)
{
    if (!*e)
        return;
    avcodec_free_context(&(*e)->av);
    av_frame_free(&(*e)->frame);
    av_packet_free(&(*e)->packet);
    free(*e);
    *e = NULL;
}

enum vcr_err aac_encoder_config(const struct aac_encoder *e, uint8_t *out, size_t size, size_t *ret_len, struct vcr_why *why)
{
    size_t len = (size_t)e->av->extradata_size;
    if (len < 2 || len > size)
        return vcr_fail(why, VCR_E_INTERNAL, "the AAC encoder gave no configuration");
    memcpy(out, e->av->extradata, len);
    *ret_len = len;
    return VCR_OK;
}

enum vcr_err aac_encode(struct aac_encoder *e, const int16_t *pcm, struct packet *ret, struct vcr_why *why)
{
    *ret = (struct packet){ .track = PACKET_AUDIO, .flags = PACKET_KEY, .tape_us = -1 };
    av_packet_unref(e->packet);
    if (av_frame_make_writable(e->frame) < 0)
        return vcr_fail(why, VCR_E_NOMEM, "no memory for sound");
    float *to[2] = { (float *)(void *)e->frame->extended_data[0], (float *)(void *)e->frame->extended_data[1] };
    for (int i = 0; i < AAC_FRAME; i++)
        for (int c = 0; c < 2; c++)
            to[c][i] = (float)pcm[2 * i + c] / 32768.0f;
    e->frame->pts = e->given;
    e->given += AAC_FRAME;
    if (avcodec_send_frame(e->av, e->frame) < 0)
        return vcr_fail(why, VCR_E_INTERNAL, "the AAC encoder refused sound");
    int bad = avcodec_receive_packet(e->av, e->packet);
    if (bad < 0 && bad != AVERROR(EAGAIN))
        return vcr_fail(why, VCR_E_INTERNAL, "the AAC encoder failed");
    if (bad == 0) {
        ret->data = e->packet->data;
        ret->len = (size_t)e->packet->size;
    }
    return VCR_OK;
}
