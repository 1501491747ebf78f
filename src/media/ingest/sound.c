/* media/ingest/sound.c - sound to 48 kHz stereo on the picture's clock (gaps filled with silence, overlaps cut), then to AAC and Opus reels. */
#include <libavutil/audio_fifo.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "media/ingest/internal.h"
#include "media/ingest/resample.h"

enum { RUN_UP_PACKETS = 8, RATE = RESAMPLE_HZ, SLACK_SAMPLES = 720 /* 15 ms: smaller differences are the container's rounding */, GAP_MAX_SAMPLES = RATE * 3600, CHUNK = 4096,
       HELD_SAMPLES = RATE /* wait to be encoded, as where the picture ends is known only in the end */ };

struct sound_encoder {
    AVCodecContext *encoder;
    struct reel_writer *writer;
    AVAudioFifo *fifo;
    AVFrame *frame;
    AVPacket *packet;
    int64_t given;           /* samples */
    int64_t written;         /* packets */
    int64_t kept;            /* packets that are in the reel already */
    int64_t skip;            /* samples that this encoder does not take any more: they are in the kept ones */
};

struct sound_track {
    struct run *run;
    AVCodecContext *decoder;
    struct resample in;
    AVFrame *frame;
    float *pcm;              /* interleaved, what was just resampled */
    int pcm_cap;
    int64_t at;              /* samples given to the encoders */
    int64_t end;             /* samples that the picture lasts as far as the walk could tell, and a little more */
    bool synced;
    struct sound_encoder out[2]; /* AAC, Opus */
    int outs;                /* how many of them there are */
};

static const struct {
    const char *name;
    enum AVSampleFormat format;
    int bit_rate;
    enum reel_codec codec;
    enum ingest_output file;
} kinds[2] = {
    { "aac", AV_SAMPLE_FMT_FLTP, 160000, REEL_AAC, INGEST_AUDIO },
    { "libopus", AV_SAMPLE_FMT_FLT, 128000, REEL_OPUS, INGEST_OPUS },
};
/* The AAC of the sounds after the first. */
static int further(int number) { return INGEST_AUDIO_2 + 2 * (number - 1); }

/* dOps from the OpusHead of the encoder: the same fields, in the other byte order. */
static void fill_dops(struct reel_format *f, int pre_skip)
{
    f->config_len = 11;
    f->config[0] = 0;
    f->config[1] = 2;
    f->config[2] = (uint8_t)(pre_skip >> 8), f->config[3] = (uint8_t)pre_skip;
    f->config[4] = 0, f->config[5] = 0, f->config[6] = RATE >> 8, f->config[7] = RATE & 255;
    f->config[8] = f->config[9] = f->config[10] = 0;
}

/* An encoder that begins in the middle needs some packets until its sound is that of one that has run on: they are made and not written. */
static void go_on(struct sound_track *s, struct sound_encoder *e, int file)
{
    e->kept = s->run->has_kept[file] ? s->run->kept[file].samples : 0;
    e->written = VCR_MAX(e->kept - RUN_UP_PACKETS, 0);
    e->given = e->skip = e->written * e->encoder->frame_size;
}

static enum vcr_err open_output(struct sound_track *s, int k, int number, struct vcr_why *why)
{
    struct sound_encoder *e = &s->out[k];
    AVCodecContext *c = avcodec_alloc_context3(avcodec_find_encoder_by_name(kinds[k].name));
    if (!c)
        return vcr_fail(why, VCR_E_INTERNAL, "The sound encoder is missing.");
    e->encoder = c;
    c->sample_fmt = kinds[k].format;
    c->sample_rate = RATE;
    c->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_STEREO;
    c->bit_rate = kinds[k].bit_rate;
    c->time_base = (AVRational){ 1, RATE };
    c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (kinds[k].codec == REEL_OPUS)
        av_opt_set(c->priv_data, "frame_duration", "20", 0);
    if (avcodec_open2(c, NULL, NULL) < 0)
        return vcr_fail(why, VCR_E_INTERNAL, "The sound encoder could not be started.");
    struct reel_format f = { .codec = kinds[k].codec, .timescale = RATE, .channels = 2, .sample_rate = RATE, .priming = c->initial_padding };
    if (f.codec == REEL_OPUS) {
        fill_dops(&f, c->initial_padding);
    } else if (c->extradata_size > 0 && c->extradata_size <= (int)sizeof(f.config)) {
        memcpy(f.config, c->extradata, (size_t)c->extradata_size);
        f.config_len = (size_t)c->extradata_size;
    }
    e->fifo = av_audio_fifo_alloc(c->sample_fmt, 2, RATE);
    e->packet = av_packet_alloc();
    e->frame = av_frame_alloc();
    if (!e->fifo || !e->packet || !e->frame)
        return vcr_fail(why, VCR_E_NOMEM, "There was not enough memory for the sound.");
    int file = number > 0 ? further(number) : (int)kinds[k].file;
    go_on(s, e, file);
    return resume_writer(s->run, file, &f, &e->writer, why);
}

enum vcr_err sound_open(struct sound_track **ret, struct run *r, int number, struct vcr_why *why)
{
    struct sound_track *s = vcr_alloc(sizeof(*s));
    s->run = r;
    s->outs = number == 0 ? 2 : 1;
    s->frame = av_frame_alloc();
    s->end = av_rescale(r->facts.end_us - r->facts.first_us, RATE, 1000000) + HELD_SAMPLES;
    *ret = s;
    enum vcr_err err = source_decoder(&r->source, r->source.audio[number], &s->decoder, why);
    for (int k = 0; err == VCR_OK && k < s->outs; k++)
        err = open_output(s, k, number, why);
    s->at = s->outs == 2 ? VCR_MIN(s->out[0].skip, s->out[1].skip) : s->out[0].skip;
    for (int k = 0; k < s->outs; k++)
        s->out[k].skip -= s->at;
    return err; /* the caller closes */
}

static enum vcr_err drain(struct sound_encoder *e, struct vcr_why *why)
{
    int n = e->encoder->frame_size, priming = e->encoder->initial_padding;
    while (avcodec_receive_packet(e->encoder, e->packet) >= 0) {
        int64_t us = (e->written * n - priming) * INT64_C(1000000);
        us = (us + (us < 0 ? -RATE / 2 : RATE / 2)) / RATE;
        enum vcr_err err = VCR_OK;
        if (e->written >= e->kept)
            err = reel_write(e->writer, e->packet->data, (size_t)e->packet->size, us, us, n * INT64_C(1000000) / RATE, true, why);
        e->written++;
        av_packet_unref(e->packet);
        if (err != VCR_OK)
            return err;
    }
    return VCR_OK;
}

static enum vcr_err encode_frame(struct sound_encoder *e, int count, struct vcr_why *why)
{
    int n = e->encoder->frame_size;
    AVFrame *f = e->frame;
    av_frame_unref(f);
    f->nb_samples = n;
    f->format = e->encoder->sample_fmt;
    f->sample_rate = RATE;
    f->ch_layout = e->encoder->ch_layout;
    f->pts = e->given;
    if (av_frame_get_buffer(f, 0) < 0)
        return vcr_fail(why, VCR_E_NOMEM, "There was not enough memory for the sound.");
    av_samples_set_silence(f->extended_data, 0, n, 2, e->encoder->sample_fmt);
    av_audio_fifo_read(e->fifo, (void **)f->extended_data, count);
    e->given += n;
    if (avcodec_send_frame(e->encoder, f) < 0)
        return vcr_fail(why, VCR_E_INTERNAL, "The encoder refused sound.");
    return drain(e, why);
}

/* Encodes whole frames of what waits, but for what is held. */
static enum vcr_err encode(struct sound_encoder *e, struct vcr_why *why)
{
    int n = e->encoder->frame_size;
    enum vcr_err err = VCR_OK;
    while (err == VCR_OK && av_audio_fifo_size(e->fifo) >= n + HELD_SAMPLES)
        err = encode_frame(e, n, why);
    return err;
}

/* The rest of it up to `end` samples from the start; the last frame is filled up with silence. */
static enum vcr_err encode_rest(struct sound_encoder *e, int64_t end, struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    while (err == VCR_OK && av_audio_fifo_size(e->fifo) > 0 && e->given < end)
        err = encode_frame(e, (int)VCR_MIN(VCR_MIN(end - e->given, e->encoder->frame_size), av_audio_fifo_size(e->fifo)), why);
    return err;
}

/* Stereo pairs go to the encoders. */
static enum vcr_err give(struct sound_track *s, const float *pcm, int64_t count, struct vcr_why *why)
{
    static float left[CHUNK], right[CHUNK];
    while (count > 0) {
        int n = (int)VCR_MIN(count, CHUNK);
        for (int i = 0; i < n; i++)
            left[i] = pcm[2 * i], right[i] = pcm[2 * i + 1];
        void *packed[1] = { (void *)(uintptr_t)pcm };
        for (int k = 0; k < s->outs; k++) {
            int skip = (int)VCR_MIN(s->out[k].skip, n);
            s->out[k].skip -= skip;
            void *from[2] = { k == 0 ? (void *)(left + skip) : (void *)((float *)packed[0] + 2 * skip), right + skip };
            if (av_audio_fifo_write(s->out[k].fifo, from, n - skip) < n - skip)
                return vcr_fail(why, VCR_E_NOMEM, "There was not enough memory for the sound.");
            enum vcr_err err = encode(&s->out[k], why);
            if (err != VCR_OK)
                return err;
        }
        s->at += n;
        pcm += 2 * (size_t)n;
        count -= n;
    }
    return VCR_OK;
}

static enum vcr_err silence(struct sound_track *s, int64_t count, struct vcr_why *why)
{
    static const float zero[2 * CHUNK];
    enum vcr_err err = VCR_OK;
    for (count = VCR_MIN(count, GAP_MAX_SAMPLES); err == VCR_OK && count > 0; count -= CHUNK)
        err = give(s, zero, VCR_MIN(count, CHUNK), why);
    return err;
}

static enum vcr_err sound_frame(struct sound_track *s, struct vcr_why *why)
{
    AVFrame *f = s->frame;
    if (f->nb_samples <= 0 || f->sample_rate < 4000 || f->sample_rate > 768000)
        return VCR_OK;
    if (!resample_for(&s->in, f, AV_SAMPLE_FMT_FLT))
        return vcr_fail(why, VCR_E_INVALID, "The sound's format is not supported.");
    enum vcr_err err = VCR_OK;
    int room = swr_get_out_samples(s->in.swr, f->nb_samples);
    if (room > s->pcm_cap) {
        float *more = realloc(s->pcm, sizeof(float) * 2 * (size_t)room);
        if (!more)
            return vcr_fail(why, VCR_E_NOMEM, "There was not enough memory for the sound.");
        s->pcm = more;
        s->pcm_cap = room;
    }
    int64_t held = swr_get_delay(s->in.swr, RATE);
    uint8_t *out[1] = { (uint8_t *)s->pcm };
    int n = swr_convert(s->in.swr, out, room, (const uint8_t **)f->extended_data, f->nb_samples), skip = 0;
    if (n <= 0)
        return VCR_OK;
    if (f->best_effort_timestamp != AV_NOPTS_VALUE) {
        int64_t want = av_rescale(f->best_effort_timestamp - s->run->facts.first_us, RATE, 1000000) - held, off = want - s->at;
        if (off > (s->synced ? SLACK_SAMPLES : 0))
            err = silence(s, VCR_MIN(off, s->end - s->at), why);
        else if (off < -(s->synced ? SLACK_SAMPLES : 0))
            skip = (int)VCR_MIN(-off, n);
        s->synced = s->synced || skip < n; /* what lies before the beginning, or before what is kept, is passed over to the sample */
    }
    return err == VCR_OK ? give(s, s->pcm + 2 * (size_t)skip, VCR_MIN(n - skip, s->end - s->at), why) : err;
}

enum vcr_err sound_packet(struct sound_track *s, const AVPacket *packet, struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    if (avcodec_send_packet(s->decoder, packet) < 0 && packet)
        s->run->decode_errors++;
    while (err == VCR_OK && avcodec_receive_frame(s->decoder, s->frame) >= 0)
        err = sound_frame(s, why);
    return err;
}

enum vcr_err sound_finish(struct sound_track *s, int64_t end_us, struct vcr_why *why)
{
    int64_t end = av_rescale(end_us, RATE, 1000000);
    enum vcr_err err = silence(s, end - s->at, why);
    for (int k = 0; err == VCR_OK && k < s->outs; k++) {
        int64_t us = 0;
        struct sound_encoder *e = &s->out[k];
        err = encode_rest(e, end, why);
        if (err == VCR_OK && avcodec_send_frame(e->encoder, NULL) >= 0)
            err = drain(e, why);
        if (err == VCR_OK)
            err = reel_writer_finish(e->writer, &us, why);
    }
    return err;
}

void sound_close(struct sound_track **s)
{
    if (!*s)
        return;
    for (int k = 0; k < 2; k++) {
        struct sound_encoder *e = &(*s)->out[k];
        reel_writer_close(&e->writer);
        avcodec_free_context(&e->encoder);
        if (e->fifo)
            av_audio_fifo_free(e->fifo);
        av_packet_free(&e->packet);
        av_frame_free(&e->frame);
    }
    avcodec_free_context(&(*s)->decoder);
    resample_close(&(*s)->in);
    av_frame_free(&(*s)->frame);
    free((*s)->pcm);
    free(*s);
    *s = NULL;
}
