/* media/offline/sound.c - the first sound of a film, or a file of sound alone, as 48 kHz stereo on the picture's clock. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "media/ingest/internal.h"
#include "media/ingest/resample.h"
#include "media/offline/offline.h"

enum { SLACK = 720 /* samples: smaller differences are the container's rounding */, GAP_MAX = OFFLINE_HZ * 3600, FLUSH = 4096 /* samples: more than a filter holds */ };

struct offline_sound {
    /* set by open, then read-only */
    int64_t zero_us;             /* INT64_MIN until the first sound where it begins with itself */
    /* the reader's own */
    struct source source;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    struct resample in;
    bool drained, flushed;
    int64_t at;                  /* samples given or waiting */
    int64_t silence;             /* samples of it that come before what is waiting */
    int16_t *pcm;
    int from, have, cap;         /* what is waiting: frames [from, have) */
};

static enum vcr_err no_memory(struct vcr_why *why) { return vcr_fail(why, VCR_E_NOMEM, "not enough memory for the sound"); }

enum vcr_err offline_sound_open(struct offline_sound **ret, int64_t zero_us, struct vcr_why *why)
{
    struct offline_sound *s = vcr_alloc(sizeof(*s));
    s->zero_us = zero_us;
    s->packet = av_packet_alloc();
    s->frame = av_frame_alloc();
    enum vcr_err err = s->packet && s->frame ? source_open_sound(&s->source, why) : no_memory(why);
    if (err == VCR_OK)
        err = source_decoder(&s->source, s->source.audio[0], &s->decoder, why);
    if (err != VCR_OK)
        offline_sound_close(&s);
    else
        *ret = s;
    return err;
}

void offline_sound_close(struct offline_sound **s)
{
    if (!*s)
        return;
    resample_close(&(*s)->in);
    avcodec_free_context(&(*s)->decoder);
    av_packet_free(&(*s)->packet);
    av_frame_free(&(*s)->frame);
    source_close(&(*s)->source);
    free((*s)->pcm);
    free(*s);
    *s = NULL;
}

/* The next decoded sound in s->frame; VCR_E_END: there is no more. Damaged packets are left out: their time is silent. */
static enum vcr_err decode(struct offline_sound *s, struct vcr_why *why)
{
    for (;;) {
        int got = avcodec_receive_frame(s->decoder, s->frame), what = 0;
        if (got >= 0)
            return VCR_OK;
        if (got == AVERROR_EOF || s->drained)
            return VCR_E_END;
        enum vcr_err err = source_read(&s->source, s->packet, &what, why);
        s->drained = err == VCR_E_END;
        if (err != VCR_OK && err != VCR_E_END)
            return err;
        if (s->drained || what == 0)
            avcodec_send_packet(s->decoder, s->drained ? NULL : s->packet);
        av_packet_unref(s->packet);
    }
}

static enum vcr_err room(struct offline_sound *s, int frames, struct vcr_why *why)
{
    if (frames <= s->cap)
        return VCR_OK;
    int16_t *grown = frames > OFFLINE_HZ * 60 ? NULL : realloc(s->pcm, (size_t)frames * 2 * sizeof(*grown));
    if (!grown)
        return no_memory(why);
    s->pcm = grown;
    s->cap = frames;
    return VCR_OK;
}

/* Where it belongs: silence before it, or a part of it that is late is cut. */
static void place(struct offline_sound *s)
{
    int64_t us = s->frame->best_effort_timestamp;
    if (us == AV_NOPTS_VALUE)
        return;
    if (s->zero_us == INT64_MIN)
        s->zero_us = us;
    int64_t off = av_rescale(us - s->zero_us, OFFLINE_HZ, 1000000) - s->at;
    if (off > SLACK || (s->at == 0 && off > 0))
        s->silence = VCR_MIN(off, GAP_MAX);
    else if (off < -SLACK || (s->at == 0 && off < 0))
        s->from = (int)VCR_MIN(-off, s->have);
}

/* What the resampler still holds. */
static enum vcr_err flush(struct offline_sound *s, struct vcr_why *why)
{
    enum vcr_err err = room(s, FLUSH, why);
    uint8_t *to[1] = { (uint8_t *)s->pcm };
    s->flushed = true;
    if (err == VCR_OK)
        s->have = swr_convert(s->in.swr, to, s->cap, NULL, 0);
    s->have = VCR_MAX(s->have, 0);
    s->at += s->have;
    return err;
}

static enum vcr_err next(struct offline_sound *s, struct vcr_why *why)
{
    enum vcr_err err = decode(s, why);
    s->from = s->have = 0;
    if (err == VCR_E_END && s->in.swr && !s->flushed)
        return flush(s, why);
    if (err != VCR_OK)
        return err;
    if (!resample_for(&s->in, s->frame, AV_SAMPLE_FMT_S16)) {
        av_frame_unref(s->frame);
        return VCR_OK;
    }
    int most = swr_get_out_samples(s->in.swr, s->frame->nb_samples);
    err = room(s, VCR_MAX(most, 1), why);
    if (err == VCR_OK) {
        uint8_t *to[1] = { (uint8_t *)s->pcm };
        int got = swr_convert(s->in.swr, to, s->cap, (const uint8_t **)(void *)s->frame->extended_data, s->frame->nb_samples);
        s->have = VCR_MAX(got, 0);
        place(s);
        s->at += s->silence + s->have - s->from;
    }
    av_frame_unref(s->frame);
    return err;
}

enum vcr_err offline_sound_read(struct offline_sound *s, int16_t *pcm, int n, int *ret_n, struct vcr_why *why)
{
    *ret_n = 0;
    while (s->silence == 0 && s->from == s->have) {
        enum vcr_err err = next(s, why);
        if (err != VCR_OK)
            return err == VCR_E_END ? VCR_OK : err;
    }
    if (s->silence > 0) {
        *ret_n = (int)VCR_MIN(s->silence, n);
        memset(pcm, 0, (size_t)*ret_n * 2 * sizeof(*pcm));
        s->silence -= *ret_n;
        return VCR_OK;
    }
    *ret_n = VCR_MIN(s->have - s->from, n);
    memcpy(pcm, s->pcm + 2 * s->from, (size_t)*ret_n * 2 * sizeof(*pcm));
    s->from += *ret_n;
    return VCR_OK;
}
