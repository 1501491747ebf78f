/* media/ingest/live_sound.c - sound of any kind to 48 kHz stereo on the picture's clock, then to Opus and AAC.
 *
 * Samples are counted from an anchor on the clock. Where what comes is later than the count says, silence fills the hole; where it is earlier, it is cut; small
 * differences (the container's rounding, a sender's sound card) are stretched away. When no sound comes for a while, silence does. */
#include <libavutil/channel_layout.h>
#include <string.h>

#include "base/packet.h"
#include "base/util.h"
#include "media/encode.h"
#include "media/ingest/live.h"
#include "media/ingest/resample.h"

enum { RATE = RESAMPLE_HZ, AAC_FRAME = 1024, OPUS_BPS = 128000, AAC_BPS = 128000, PCM_MAX = RATE * 2, SLACK_SAMPLES = RATE / 25, STRETCH_SAMPLES = RATE / 200, STRETCH_PART = 200 };
static const int64_t quiet_us = 1000000, fill_max_us = 10000000, late_us = 2000000;

struct live_sound {
    struct live_out *out;
    AVCodecContext *decoder;
    struct resample in;
    AVFrame *frame, *aac_frame;
    AVPacket *packet;
    struct audio_encoder *opus;
    AVCodecContext *aac;
    bool begun;
    int64_t anchor_us, count;      /* samples since the anchor */
    int64_t cut;                   /* samples cut in a row: too many mean that the anchor is wrong */
    int64_t heard_us, picture_us;  /* pts of the last sound that came, and of the last picture */
    int16_t opus_pcm[AUDIO_FRAME * 2];
    float aac_pcm[2][AAC_FRAME];
    int opus_fill, aac_fill;
    int64_t opus_start, aac_start; /* the sample at which the frame under way begins */
    int16_t pcm[PCM_MAX * 2];
};

static int64_t time_of(const struct live_sound *s, int64_t sample) { return s->anchor_us + av_rescale(sample, 1000000, RATE); }

/* ---- out ---- */
static void tell_formats(struct live_sound *s)
{
    int delay = (int)(audio_encoder_delay_us(s->opus) * RATE / 1000000);
    struct live_format f = { .channels = 2, .sample_rate = RATE, .priming = delay, .config_len = 11 };
    f.config[1] = 2;
    wr16be(f.config + 2, (uint16_t)delay);
    wr32be(f.config + 4, RATE);
    live_out_format(s->out, LIVE_OPUS, &f);
    f = (struct live_format){ .channels = 2, .sample_rate = RATE, .priming = s->aac->initial_padding, .config_len = (uint32_t)s->aac->extradata_size };
    memcpy(f.config, s->aac->extradata, f.config_len);
    live_out_format(s->out, LIVE_AAC, &f);
}

static void out_opus(struct live_sound *s)
{
    struct packet p;
    int64_t pts_us = time_of(s, s->opus_start) - audio_encoder_delay_us(s->opus);
    if (audio_encode(s->opus, s->opus_pcm, pts_us, &p, NULL) == VCR_OK && pts_us >= 0)
        live_out_packet(s->out, LIVE_OPUS, PACKET_KEY, pts_us, AUDIO_FRAME_US, p.data, p.len);
}

static void out_aac(struct live_sound *s)
{
    AVFrame *f = s->aac_frame;
    if (av_frame_make_writable(f) < 0)
        return;
    for (int c = 0; c < 2; c++)
        memcpy(f->extended_data[c], s->aac_pcm[c], sizeof(s->aac_pcm[c]));
    f->pts = time_of(s, s->aac_start); /* the encoder subtracts its own delay */
    if (avcodec_send_frame(s->aac, f) < 0)
        return;
    while (avcodec_receive_packet(s->aac, s->packet) >= 0) {
        int64_t pts_us = s->packet->pts;
        if (pts_us >= 0)
            live_out_packet(s->out, LIVE_AAC, PACKET_KEY, pts_us, av_rescale(AAC_FRAME, 1000000, RATE), s->packet->data, (size_t)s->packet->size);
        av_packet_unref(s->packet);
    }
}

static void give(struct live_sound *s, const int16_t *pcm, int n)
{
    for (int i = 0; i < n; i++, s->count++) {
        int16_t left = pcm ? pcm[2 * i] : 0, right = pcm ? pcm[2 * i + 1] : 0;
        if (s->opus_fill == 0)
            s->opus_start = s->count;
        if (s->aac_fill == 0)
            s->aac_start = s->count;
        s->opus_pcm[2 * s->opus_fill] = left;
        s->opus_pcm[2 * s->opus_fill + 1] = right;
        s->aac_pcm[0][s->aac_fill] = (float)left / 32768;
        s->aac_pcm[1][s->aac_fill] = (float)right / 32768;
        if (++s->opus_fill == AUDIO_FRAME) {
            out_opus(s);
            s->opus_fill = 0;
        }
        if (++s->aac_fill == AAC_FRAME) {
            out_aac(s);
            s->aac_fill = 0;
        }
    }
}

static void silence(struct live_sound *s, int64_t samples)
{
    for (samples = VCR_MIN(samples, fill_max_us * RATE / 1000000); samples > 0; samples -= RATE)
        give(s, NULL, (int)VCR_MIN(samples, (int64_t)RATE));
}

/* Counting begins anew at this time; what half fills a frame is dropped. */
static void anchor(struct live_sound *s, int64_t at_us)
{
    s->anchor_us = at_us;
    s->count = s->cut = 0;
    s->opus_fill = s->aac_fill = 0;
}

/* ---- in ---- */
/* How far what comes now is from where the count is: silence, a cut, or a little stretching. Returns the samples to skip. */
static int fit(struct live_sound *s, int64_t pts_us, int n)
{
    int64_t off = av_rescale(pts_us - s->anchor_us, RATE, 1000000) - s->count;
    if (off > SLACK_SAMPLES) {
        silence(s, off);
    } else if (off < -SLACK_SAMPLES) {
        s->cut += n;
        if (s->cut > late_us * RATE / 1000000) { /* it stays late: the picture waits for it no longer */
            anchor(s, pts_us);
            return 0;
        }
        return (int)VCR_MIN(-off, n);
    } else if (off > STRETCH_SAMPLES || off < -STRETCH_SAMPLES) {
        swr_set_compensation(s->in.swr, (int)VCR_CLAMP(off, -RATE / STRETCH_PART, RATE / STRETCH_PART), RATE);
    }
    s->cut = 0;
    return 0;
}

static void take_frame(struct live_sound *s)
{
    AVFrame *f = s->frame;
    if (f->nb_samples <= 0 || f->nb_samples > RATE / 4 || f->sample_rate < 8000 || f->sample_rate > 192000 || !resample_for(&s->in, f, AV_SAMPLE_FMT_S16))
        return;
    int64_t held_us = swr_get_delay(s->in.swr, 1000000);
    uint8_t *to[1] = { (uint8_t *)s->pcm };
    int n = swr_convert(s->in.swr, to, PCM_MAX, (const uint8_t **)f->extended_data, f->nb_samples);
    if (f->pts != AV_NOPTS_VALUE)
        s->heard_us = f->pts;
    if (n <= 0 || !s->begun)
        return;
    int skip = f->pts != AV_NOPTS_VALUE ? fit(s, f->pts - held_us, n) : 0;
    give(s, s->pcm + 2 * skip, n - skip);
}

void live_sound_codec(struct live_sound *s, const AVCodecParameters *par)
{
    const AVCodec *codec = avcodec_find_decoder(par->codec_id);
    avcodec_free_context(&s->decoder);
    s->decoder = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!s->decoder || avcodec_parameters_to_context(s->decoder, par) < 0) {
        avcodec_free_context(&s->decoder);
        return;
    }
    s->decoder->thread_count = 1;
    s->decoder->pkt_timebase = AV_TIME_BASE_Q;
    if (avcodec_open2(s->decoder, codec, NULL) < 0)
        avcodec_free_context(&s->decoder);
    live_out_note(s->out, "sound: %s", codec ? codec->name : "none that can be decoded");
}

void live_sound_packet(struct live_sound *s, const AVPacket *packet, bool jumped)
{
    if (!s->decoder)
        return;
    if (jumped)
        avcodec_flush_buffers(s->decoder);
    if (avcodec_send_packet(s->decoder, packet) < 0)
        return;
    while (avcodec_receive_frame(s->decoder, s->frame) >= 0)
        take_frame(s);
}

void live_sound_picture_at(struct live_sound *s, int64_t pts_us)
{
    if (!s->begun) {
        s->begun = true;
        anchor(s, pts_us);
        s->heard_us = VCR_MAX(s->heard_us, pts_us);
        tell_formats(s);
    }
    int64_t at_us = time_of(s, s->count);
    s->picture_us = pts_us;
    if (pts_us < at_us - fill_max_us || pts_us > at_us + fill_max_us) /* the clock has jumped */
        anchor(s, pts_us);
    else if (pts_us - s->heard_us > quiet_us && pts_us - quiet_us > at_us)
        silence(s, av_rescale(pts_us - quiet_us - at_us, RATE, 1000000));
}

/* ---- opening ---- */
static enum vcr_err open_aac(struct live_sound *s, struct vcr_why *why)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_AAC);
    s->aac = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!s->aac)
        return vcr_fail(why, VCR_E_INTERNAL, "no AAC encoder");
    s->aac->sample_fmt = AV_SAMPLE_FMT_FLTP;
    s->aac->sample_rate = RATE;
    s->aac->bit_rate = AAC_BPS;
    s->aac->time_base = AV_TIME_BASE_Q;
    s->aac->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    av_channel_layout_default(&s->aac->ch_layout, 2);
    if (avcodec_open2(s->aac, codec, NULL) < 0 || s->aac->frame_size != AAC_FRAME || s->aac->extradata_size <= 0 || s->aac->extradata_size > LIVE_CONFIG_MAX)
        return vcr_fail(why, VCR_E_INTERNAL, "the AAC encoder refused its settings");
    AVFrame *f = s->aac_frame;
    f->nb_samples = AAC_FRAME;
    f->format = AV_SAMPLE_FMT_FLTP;
    f->sample_rate = RATE;
    av_channel_layout_copy(&f->ch_layout, &s->aac->ch_layout);
    return av_frame_get_buffer(f, 0) < 0 ? vcr_fail(why, VCR_E_NOMEM, "no memory for sound") : VCR_OK;
}

enum vcr_err live_sound_open(struct live_sound **ret, struct live_out *out, struct vcr_why *why)
{
    struct live_sound *s = vcr_alloc(sizeof(*s));
    *ret = s;
    s->out = out;
    s->frame = av_frame_alloc();
    s->aac_frame = av_frame_alloc();
    s->packet = av_packet_alloc();
    enum vcr_err err = s->frame && s->aac_frame && s->packet ? audio_encoder_open(&s->opus, OPUS_BPS, why) : vcr_fail(why, VCR_E_NOMEM, "no memory for sound");
    return err == VCR_OK ? open_aac(s, why) : err;
}

void live_sound_close(struct live_sound **sp)
{
    struct live_sound *s = *sp;
    if (!s)
        return;
    avcodec_free_context(&s->decoder);
    avcodec_free_context(&s->aac);
    audio_encoder_close(&s->opus);
    resample_close(&s->in);
    av_frame_free(&s->frame);
    av_frame_free(&s->aac_frame);
    av_packet_free(&s->packet);
    free(s);
    *sp = NULL;
}
