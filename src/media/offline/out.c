/* media/offline/out.c - MP4 or Matroska with H.264 and AAC. The same pictures give the same bytes: one thread, nothing that depends on the processor, no dates, no
 * random numbers. What is made of fields is encoded as fields. */
#include <errno.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "media/ingest/internal.h"
#include "media/offline/convert.h"
#include "media/offline/offline.h"

enum { AVIO_BYTES = 256 << 10, AAC_BPS = 192000 };

struct track {
    AVCodecContext *encoder;
    AVStream *stream;
    AVFrame *frame;
    int64_t given;               /* pictures, samples */
};
struct offline_out {
    /* set by open, then read-only */
    int fd;
    struct offline_facts facts;
    AVFormatContext *format;
    struct track picture, sound;
    /* the writer's own */
    AVIOContext *avio;
    AVPacket *packet;
    AVFrame *whole;              /* as the deck gives it, where the encoder takes another form */
    struct convert convert;
    int64_t position, size;
    int failed;                  /* errno of writing */
    int filled;                  /* of the sound's frame */
};

static int write_bytes(void *opaque, uint8_t *buf, int n)
{
    struct offline_out *o = opaque;
    for (int done = 0; done < n;) {
        ssize_t got = pwrite(o->fd, buf + done, (size_t)(n - done), o->position);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            o->failed = got < 0 ? errno : EIO;
            return AVERROR(o->failed);
        }
        done += (int)got;
        o->position += got;
    }
    o->size = VCR_MAX(o->size, o->position);
    return n;
}

static int64_t seek_bytes(void *opaque, int64_t offset, int whence)
{
    struct offline_out *o = opaque;
    if (whence & AVSEEK_SIZE)
        return o->size;
    if (whence == SEEK_CUR)
        offset += o->position;
    else if (whence == SEEK_END)
        offset += o->size;
    return offset < 0 ? AVERROR(EINVAL) : (o->position = offset);
}

static enum vcr_err failed(struct offline_out *o, struct vcr_why *why)
{
    bool full = o->failed == ENOSPC || o->failed == EDQUOT || o->failed == EFBIG;
    if (o->failed)
        return vcr_fail(why, full ? VCR_E_FULL : VCR_E_IO, "OUT cannot be written: %s", strerror(o->failed));
    return vcr_fail(why, VCR_E_INTERNAL, "OUT could not be encoded");
}

static bool open_picture(struct offline_out *o, const struct offline_facts *f)
{
    AVCodecContext *c = o->picture.encoder = avcodec_alloc_context3(avcodec_find_encoder_by_name("libx264"));
    if (!c)
        return false;
    c->width = f->width & ~1; /* H.264 of 4:2:0 has even sizes */
    c->height = f->height & (f->order == OFFLINE_PROGRESSIVE ? ~1 : ~3); /* and each field by itself, too */
    c->pix_fmt = AV_PIX_FMT_YUV420P; /* what everything can show */
    c->time_base = (AVRational){ f->rate_den, f->rate_num };
    c->framerate = (AVRational){ f->rate_num, f->rate_den };
    c->sample_aspect_ratio = (AVRational){ f->sar_num, VCR_MAX(f->sar_den, 1) };
    c->color_range = AVCOL_RANGE_MPEG;
    c->gop_size = 60;
    c->max_b_frames = 0;
    c->thread_count = 1;
    c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
    if (f->order != OFFLINE_PROGRESSIVE)
        c->flags |= AV_CODEC_FLAG_INTERLACED_DCT;
    c->field_order = f->order == OFFLINE_PROGRESSIVE ? AV_FIELD_PROGRESSIVE : f->order == OFFLINE_TFF ? AV_FIELD_TT : AV_FIELD_BB;
    if (av_opt_set(c->priv_data, "preset", "veryfast", 0) < 0 || av_opt_set(c->priv_data, "crf", "18", 0) < 0 || av_opt_set(c->priv_data, "x264-params", "cpu-independent=1:lookahead-threads=1", 0) < 0)
        return false;
    return avcodec_open2(c, NULL, NULL) >= 0;
}

static bool open_sound(struct offline_out *o)
{
    AVCodecContext *c = o->sound.encoder = avcodec_alloc_context3(avcodec_find_encoder_by_name("aac"));
    if (!c)
        return false;
    c->sample_fmt = AV_SAMPLE_FMT_FLTP;
    c->sample_rate = OFFLINE_HZ;
    c->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_STEREO;
    c->bit_rate = AAC_BPS;
    c->time_base = (AVRational){ 1, OFFLINE_HZ };
    c->thread_count = 1;
    c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
    return avcodec_open2(c, NULL, NULL) >= 0;
}

static bool add_stream(struct offline_out *o, struct track *t)
{
    t->stream = avformat_new_stream(o->format, NULL);
    if (!t->stream || avcodec_parameters_from_context(t->stream->codecpar, t->encoder) < 0)
        return false;
    t->stream->codecpar->field_order = t->encoder->field_order;
    t->stream->time_base = t->encoder->time_base;
    t->stream->sample_aspect_ratio = t->encoder->sample_aspect_ratio;
    t->stream->avg_frame_rate = t->encoder->framerate;
    return true;
}

static bool open_frames(struct offline_out *o)
{
    AVFrame *p = o->picture.frame = av_frame_alloc(), *w = o->whole = av_frame_alloc();
    if (!p || !w)
        return false;
    p->format = AV_PIX_FMT_YUV420P;
    p->width = o->picture.encoder->width;
    p->height = o->picture.encoder->height;
    w->format = o->facts.is_422 ? AV_PIX_FMT_YUV422P : AV_PIX_FMT_YUV420P;
    w->width = p->width;
    w->height = p->height;
    bool ok = av_frame_get_buffer(p, 0) >= 0;
    if (!o->sound.encoder)
        return ok;
    AVFrame *s = o->sound.frame = av_frame_alloc();
    if (!s)
        return false;
    s->format = AV_SAMPLE_FMT_FLTP;
    s->sample_rate = OFFLINE_HZ;
    s->nb_samples = o->sound.encoder->frame_size;
    av_channel_layout_copy(&s->ch_layout, &o->sound.encoder->ch_layout);
    return ok && av_frame_get_buffer(s, 0) >= 0;
}

static bool open_format(struct offline_out *o, bool matroska)
{
    uint8_t *buffer = av_malloc(AVIO_BYTES);
    o->avio = buffer ? avio_alloc_context(buffer, AVIO_BYTES, 1, o, NULL, write_bytes, seek_bytes) : NULL;
    if (!o->avio) {
        av_free(buffer);
        return false;
    }
    if (avformat_alloc_output_context2(&o->format, NULL, matroska ? "matroska" : "mp4", NULL) < 0)
        return false;
    o->format->pb = o->avio;
    o->format->flags |= AVFMT_FLAG_BITEXACT | AVFMT_FLAG_CUSTOM_IO;
    return true;
}

enum vcr_err offline_out_open(struct offline_out **ret, int fd, bool matroska, const struct offline_facts *facts, bool has_sound, struct vcr_why *why)
{
    struct offline_out *o = vcr_alloc(sizeof(*o));
    o->fd = fd;
    o->facts = *facts;
    o->packet = av_packet_alloc();
    bool ok = o->packet && open_format(o, matroska) && open_picture(o, facts) && (!has_sound || open_sound(o)) && add_stream(o, &o->picture) &&
              (!has_sound || add_stream(o, &o->sound)) && open_frames(o) && avformat_write_header(o->format, NULL) >= 0;
    if (!ok) {
        enum vcr_err err = failed(o, why);
        offline_out_close(&o);
        return err;
    }
    *ret = o;
    return VCR_OK;
}

void offline_out_close(struct offline_out **o)
{
    if (!*o)
        return;
    avcodec_free_context(&(*o)->picture.encoder);
    avcodec_free_context(&(*o)->sound.encoder);
    av_frame_free(&(*o)->picture.frame);
    av_frame_free(&(*o)->sound.frame);
    av_frame_free(&(*o)->whole);
    av_packet_free(&(*o)->packet);
    convert_close(&(*o)->convert);
    avformat_free_context((*o)->format);
    if ((*o)->avio)
        av_freep(&(*o)->avio->buffer);
    avio_context_free(&(*o)->avio);
    free(*o);
    *o = NULL;
}

/* NULL: no more comes. */
static enum vcr_err encode(struct offline_out *o, struct track *t, AVFrame *frame, struct vcr_why *why)
{
    if (avcodec_send_frame(t->encoder, frame) < 0)
        return failed(o, why);
    for (;;) {
        int got = avcodec_receive_packet(t->encoder, o->packet);
        if (got == AVERROR(EAGAIN) || got == AVERROR_EOF)
            return VCR_OK;
        if (got < 0)
            return failed(o, why);
        if (o->packet->duration == 0 && t == &o->picture)
            o->packet->duration = 1;
        av_packet_rescale_ts(o->packet, t->encoder->time_base, t->stream->time_base);
        o->packet->stream_index = t->stream->index;
        if (av_interleaved_write_frame(o->format, o->packet) < 0 || o->failed)
            return failed(o, why);
    }
}

enum vcr_err offline_out_picture(struct offline_out *o, const struct picture *p, struct vcr_why *why)
{
    AVFrame *f = o->picture.frame;
    if (av_frame_make_writable(f) < 0)
        return failed(o, why);
    for (int i = 0; i < 3; i++) {
        o->whole->data[i] = p->plane[i];
        o->whole->linesize[i] = (int)p->stride[i];
    }
    enum vcr_err err = convert_frame(&o->convert, o->whole, f, o->facts.order != OFFLINE_PROGRESSIVE, why);
    if (err != VCR_OK)
        return err;
    f->interlaced_frame = o->facts.order != OFFLINE_PROGRESSIVE;
    f->top_field_first = o->facts.order == OFFLINE_TFF;
    f->pts = o->picture.given++;
    return encode(o, &o->picture, f, why);
}

/* A frame of sound that is full, or the rest of it as silence. */
static enum vcr_err flush_sound(struct offline_out *o, struct vcr_why *why)
{
    AVFrame *s = o->sound.frame;
    s->nb_samples = o->filled;
    s->pts = o->sound.given;
    o->sound.given += o->filled;
    o->filled = 0;
    enum vcr_err err = encode(o, &o->sound, s, why);
    s->nb_samples = o->sound.encoder->frame_size;
    return err;
}

enum vcr_err offline_out_sound(struct offline_out *o, const int16_t *pcm, int n, struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    AVFrame *s = o->sound.frame;
    for (int i = 0; err == VCR_OK && o->sound.encoder && i < n; i++) {
        if (o->filled == 0 && av_frame_make_writable(s) < 0)
            return failed(o, why);
        for (int c = 0; c < 2; c++)
            ((float *)(void *)s->extended_data[c])[o->filled] = (float)pcm[2 * i + c] / 32768.0f;
        if (++o->filled == o->sound.encoder->frame_size)
            err = flush_sound(o, why);
    }
    return err;
}

enum vcr_err offline_out_finish(struct offline_out *o, struct vcr_why *why)
{
    enum vcr_err err = encode(o, &o->picture, NULL, why);
    if (err == VCR_OK && o->sound.encoder && o->filled > 0)
        err = flush_sound(o, why);
    if (err == VCR_OK && o->sound.encoder)
        err = encode(o, &o->sound, NULL, why);
    if (err == VCR_OK && av_write_trailer(o->format) < 0)
        err = failed(o, why);
    avio_flush(o->avio);
    return err == VCR_OK && o->failed ? failed(o, why) : err;
}
