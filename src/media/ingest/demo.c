/* media/ingest/demo.c - the demo films, drawn by the program itself and written as files that people really bring: MP4, and interlaced MPEG-2. */
#include <errno.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "media/ingest/demo_draw.h"
#include "media/ingest/internal.h"

/* Of the job's progress, which never falls: the film is processed after that. */
#define DRAWING_SHARE 0.2
enum { SECONDS = 24, RATE = 48000, AVIO_BYTES = 64 << 10 };

struct demo {
    const struct demo_film *film;
    struct demo_canvas canvas[2]; /* of a frame, or of its two fields */
    AVFormatContext *out;
    AVIOContext *avio;
    AVCodecContext *video, *audio;
    AVFrame *picture, *sound;
    AVPacket *packet;
    int64_t position;
    struct run told;           /* for progress */
};

static int write_bytes(void *opaque, uint8_t *buf, int size)
{
    struct demo *d = opaque;
    for (int at = 0; at < size;) {
        ssize_t n = pwrite(INGEST_FD_ORIGINAL, buf + at, (size_t)(size - at), d->position);
        if (n <= 0)
            return AVERROR(errno);
        at += (int)n;
        d->position += n;
    }
    return size;
}
static int64_t seek_bytes(void *opaque, int64_t offset, int whence)
{
    struct demo *d = opaque;
    if (whence == AVSEEK_SIZE)
        return lseek(INGEST_FD_ORIGINAL, 0, SEEK_END);
    return whence == SEEK_SET ? (d->position = offset) : AVERROR(EINVAL);
}

static AVCodecContext *add_stream(struct demo *d, AVCodecContext *c)
{
    AVStream *st = avformat_new_stream(d->out, NULL);
    if (!c || !st)
        return NULL;
    if (d->out->oformat->flags & AVFMT_GLOBALHEADER)
        c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (avcodec_open2(c, NULL, NULL) < 0 || avcodec_parameters_from_context(st->codecpar, c) < 0)
        return NULL;
    st->time_base = c->time_base;
    st->sample_aspect_ratio = c->sample_aspect_ratio;
    return c;
}

static bool open_streams(struct demo *d)
{
    bool interlaced = d->film->interlaced;
    const char *names[2] = { interlaced ? "mpeg2video" : "libx264", interlaced ? "mp2" : "aac" };
    AVCodecContext *v = d->video = avcodec_alloc_context3(avcodec_find_encoder_by_name(names[0]));
    AVCodecContext *a = d->audio = avcodec_alloc_context3(avcodec_find_encoder_by_name(names[1]));
    if (!v || !a)
        return false;
    v->width = d->film->width;
    v->height = DEMO_HEIGHT;
    v->pix_fmt = AV_PIX_FMT_YUV420P;
    v->time_base = (AVRational){ 1001, 30000 };
    v->framerate = (AVRational){ 30000, 1001 };
    v->sample_aspect_ratio = d->film->width == 720 ? (AVRational){ 8, 9 } : (AVRational){ 1, 1 };
    v->gop_size = 15;
    v->max_b_frames = 0;
    v->thread_count = 2;
    v->colorspace = AVCOL_SPC_SMPTE170M;
    if (interlaced) {
        v->bit_rate = v->rc_max_rate = 7000000;
        v->rc_buffer_size = 1835008;
        v->flags |= AV_CODEC_FLAG_INTERLACED_DCT | AV_CODEC_FLAG_INTERLACED_ME;
        v->field_order = AV_FIELD_TT;
        v->thread_count = 1;
    } else {
        av_opt_set(v->priv_data, "crf", "14", 0);
        av_opt_set(v->priv_data, "preset", "ultrafast", 0);
    }
    a->sample_fmt = interlaced ? AV_SAMPLE_FMT_S16 : AV_SAMPLE_FMT_FLTP;
    a->sample_rate = RATE;
    a->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_STEREO;
    a->bit_rate = 192000;
    a->time_base = (AVRational){ 1, RATE };
    return add_stream(d, v) && add_stream(d, a);
}

static bool open_all(struct demo *d)
{
    uint8_t *buffer = av_malloc(AVIO_BYTES);
    d->packet = av_packet_alloc();
    d->picture = av_frame_alloc();
    d->sound = av_frame_alloc();
    d->avio = buffer ? avio_alloc_context(buffer, AVIO_BYTES, 1, d, NULL, write_bytes, seek_bytes) : NULL;
    if (!d->avio || !d->packet || !d->picture || !d->sound || avformat_alloc_output_context2(&d->out, NULL, d->film->interlaced ? "vob" : "mp4", NULL) < 0)
        return false;
    d->out->pb = d->avio;
    d->out->flags |= AVFMT_FLAG_CUSTOM_IO;
    if (!open_streams(d))
        return false;
    AVFrame *p = d->picture, *s = d->sound;
    p->width = d->video->width, p->height = DEMO_HEIGHT, p->format = d->video->pix_fmt;
    s->nb_samples = d->audio->frame_size, s->format = d->audio->sample_fmt, s->sample_rate = RATE, s->ch_layout = d->audio->ch_layout;
    return av_frame_get_buffer(p, 0) >= 0 && av_frame_get_buffer(s, 0) >= 0 && avformat_write_header(d->out, NULL) >= 0;
}

static bool encode(struct demo *d, AVCodecContext *c, int stream, AVFrame *f)
{
    if (avcodec_send_frame(c, f) < 0)
        return false;
    while (avcodec_receive_packet(c, d->packet) >= 0) {
        if (stream == 0)
            d->packet->duration = 1; /* the last one's is nowhere else */
        av_packet_rescale_ts(d->packet, c->time_base, d->out->streams[stream]->time_base);
        d->packet->stream_index = stream;
        if (av_interleaved_write_frame(d->out, d->packet) < 0)
            return false;
    }
    return true;
}

static bool add_picture(struct demo *d, int64_t n)
{
    AVFrame *f = d->picture;
    int fields = d->film->interlaced ? 2 : 1;
    double t = (double)n * 1001 / 30000;
    if (av_frame_make_writable(f) < 0)
        return false;
    for (int i = 0; i < fields; i++) {
        struct demo_canvas *c = &d->canvas[i];
        for (int k = 0; k < 3; k++) {
            c->plane[k] = f->data[k] + i * f->linesize[k];
            c->stride[k] = (ptrdiff_t)f->linesize[k] * fields;
        }
        d->film->draw(c, t + i * 1001.0 / 60000);
    }
    f->pts = n;
    f->interlaced_frame = d->film->interlaced;
    f->top_field_first = d->film->interlaced;
    return encode(d, d->video, 0, f);
}

static bool add_sound(struct demo *d, int64_t at)
{
    AVFrame *f = d->sound;
    if (av_frame_make_writable(f) < 0)
        return false;
    for (int i = 0; i < f->nb_samples; i++) {
        float v = d->film->sound((double)(at + i) / RATE);
        if (d->audio->sample_fmt == AV_SAMPLE_FMT_S16)
            ((int16_t *)f->data[0])[2 * i] = ((int16_t *)f->data[0])[2 * i + 1] = (int16_t)(v * 32767);
        else
            ((float *)f->data[0])[i] = ((float *)f->data[1])[i] = v;
    }
    f->pts = at;
    return encode(d, d->audio, 1, f);
}

static bool film(struct demo *d)
{
    int64_t at = 0, frames = SECONDS * 30000 / 1001;
    for (int64_t n = 0; n < frames; n++) {
        report_progress(&d->told, "drawing", DRAWING_SHARE * (double)n / (double)frames, n * 1001000000 / 30000);
        if (!add_picture(d, n))
            return false;
        for (; at * 30000 < (n + 1) * 1001 * RATE; at += d->sound->nb_samples)
            if (!add_sound(d, at))
                return false;
    }
    return encode(d, d->video, 0, NULL) && encode(d, d->audio, 1, NULL) && av_write_trailer(d->out) >= 0;
}

enum vcr_err ingest_demo(const char *name, struct vcr_why *why)
{
    struct demo d = { .told = { .begun_us = clock_mono_us() } };
    d.film = demo_find(name);
    if (!d.film)
        return vcr_fail(why, VCR_E_INVALID, "There is no demo film of that name.");
    for (int i = 0; i < (d.film->interlaced ? 2 : 1); i++)
        demo_canvas_open(&d.canvas[i], d.film, d.film->interlaced ? i : -1);
    bool ok = open_all(&d) && film(&d);
    if (d.avio)
        avio_flush(d.avio);
    ok = ok && d.avio->error >= 0;
    avcodec_free_context(&d.video);
    avcodec_free_context(&d.audio);
    avformat_free_context(d.out);
    if (d.avio)
        av_freep(&d.avio->buffer);
    avio_context_free(&d.avio);
    for (int i = 0; i < 2; i++)
        demo_canvas_close(&d.canvas[i]);
    av_packet_free(&d.packet);
    av_frame_free(&d.picture);
    av_frame_free(&d.sound);
    return ok ? VCR_OK : vcr_fail(why, VCR_E_INTERNAL, "The demo film could not be made.");
}
