/* media/aac.c - see bridge.h: the sound of an Opus reel once more as AAC, on the same clock. What is damaged is silent. */
#include <libavcodec/avcodec.h>
#include <string.h>

#include "base/util.h"
#include "media/bridge.h"
#include "media/decode.h"

enum { RATE = 48000, FRAME = 1024, BIT_RATE = 160000, SLACK = 720 /* samples: smaller differences are rounding */ };

struct making {
    AVCodecContext *encoder;
    AVFrame *frame;
    AVPacket *packet;
    struct audio_decoder *decoder;
    struct reel_writer *writer;
    int filled;              /* of the frame */
    int64_t at, written;     /* samples given; packets written */
    int16_t pcm[2 * AUDIO_FRAMES_MAX];
};

static enum vcr_err open_all(struct making *m, struct io *file, struct io *index, struct vcr_why *why)
{
    AVCodecContext *c = m->encoder = avcodec_alloc_context3(avcodec_find_encoder_by_name("aac"));
    m->frame = av_frame_alloc();
    m->packet = av_packet_alloc();
    if (!c || !m->frame || !m->packet)
        return vcr_fail(why, VCR_E_NOMEM, "There was not enough memory for the sound.");
    c->sample_fmt = AV_SAMPLE_FMT_FLTP;
    c->sample_rate = RATE;
    c->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_STEREO;
    c->bit_rate = BIT_RATE;
    c->time_base = (AVRational){ 1, RATE };
    c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (avcodec_open2(c, NULL, NULL) < 0 || c->frame_size != FRAME)
        return vcr_fail(why, VCR_E_INTERNAL, "The sound encoder could not be started.");
    struct reel_format f = { .codec = REEL_AAC, .timescale = RATE, .channels = 2, .sample_rate = RATE, .priming = c->initial_padding };
    if (c->extradata_size > 0 && c->extradata_size <= (int)sizeof(f.config)) {
        memcpy(f.config, c->extradata, (size_t)c->extradata_size);
        f.config_len = (size_t)c->extradata_size;
    }
    enum vcr_err err = audio_decoder_open(&m->decoder, why);
    return err == VCR_OK ? reel_writer_open(&m->writer, &f, file, index, why) : err;
}

static enum vcr_err drain(struct making *m, struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    while (err == VCR_OK && avcodec_receive_packet(m->encoder, m->packet) >= 0) {
        int64_t us = (m->written++ * FRAME - m->encoder->initial_padding) * INT64_C(1000000);
        us = (us + (us < 0 ? -RATE / 2 : RATE / 2)) / RATE;
        err = reel_write(m->writer, m->packet->data, (size_t)m->packet->size, us, us, FRAME * INT64_C(1000000) / RATE, true, why);
        av_packet_unref(m->packet);
    }
    return err;
}

static enum vcr_err send_frame(struct making *m, struct vcr_why *why)
{
    m->frame->pts = m->at - m->filled;
    m->filled = 0;
    if (avcodec_send_frame(m->encoder, m->frame) < 0)
        return vcr_fail(why, VCR_E_INTERNAL, "The encoder refused sound.");
    return drain(m, why);
}

/* The next samples, in pairs; pcm NULL: silence. */
static enum vcr_err give(struct making *m, const int16_t *pcm, int64_t count, struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    AVFrame *f = m->frame;
    for (int64_t i = 0; err == VCR_OK && i < count; i++) {
        if (m->filled == 0) {
            av_frame_unref(f);
            f->nb_samples = FRAME;
            f->format = m->encoder->sample_fmt;
            f->sample_rate = RATE;
            f->ch_layout = m->encoder->ch_layout;
            if (av_frame_get_buffer(f, 0) < 0)
                return vcr_fail(why, VCR_E_NOMEM, "There was not enough memory for the sound.");
        }
        ((float *)(void *)f->data[0])[m->filled] = pcm ? (float)pcm[2 * i] / 32768.0F : 0;
        ((float *)(void *)f->data[1])[m->filled] = pcm ? (float)pcm[2 * i + 1] / 32768.0F : 0;
        m->at++;
        if (++m->filled == FRAME)
            err = send_frame(m, why);
    }
    return err;
}

static enum vcr_err take(struct making *m, const struct packet *p, int64_t end, struct vcr_why *why)
{
    int n = AUDIO_FRAMES_MAX;
    int64_t want = p->pts_us * RATE / 1000000;
    enum vcr_err err = want - m->at > SLACK ? give(m, NULL, VCR_MIN(want, end) - m->at, why) : VCR_OK;
    if (err == VCR_OK && audio_decode(m->decoder, p->data, p->len, m->pcm, &n, NULL) != VCR_OK)
        return VCR_OK; /* the next one finds the hole */
    return err == VCR_OK ? give(m, m->pcm, VCR_CLAMP(end - m->at, 0, n), why) : err;
}

enum vcr_err aac_make(struct reel *opus, int64_t duration_us, struct io *file, struct io *index, struct vcr_why *why)
{
    struct making *m = vcr_alloc(sizeof(*m));
    int64_t end = duration_us * (RATE / 1000) / 1000, total_us = 0;
    enum vcr_err err = reel_format(opus)->codec == REEL_OPUS ? open_all(m, file, index, why) : vcr_fail(why, VCR_E_INVALID, "This is no Opus reel.");
    for (uint32_t i = 0; err == VCR_OK && i < reel_sample_count(opus) && m->at < end; i++) {
        struct packet p;
        if (reel_read(opus, i, &p, NULL) == VCR_OK)
            err = take(m, &p, end, why);
    }
    if (err == VCR_OK)
        err = give(m, NULL, VCR_MAX(end - m->at, 0), why);
    if (err == VCR_OK && m->filled > 0)
        err = give(m, NULL, FRAME - m->filled, why);
    if (err == VCR_OK && avcodec_send_frame(m->encoder, NULL) >= 0)
        err = drain(m, why);
    if (err == VCR_OK)
        err = reel_writer_finish(m->writer, &total_us, why);
    reel_writer_close(&m->writer);
    audio_decoder_close(&m->decoder);
    avcodec_free_context(&m->encoder);
    av_frame_free(&m->frame);
    av_packet_free(&m->packet);
    free(m);
    return err;
}
