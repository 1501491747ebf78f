/* media/offline/film.c - pictures of a film by number. A first walk through its packets tells the times of all of them; then pictures are decoded forward from the key
 * frame before the one that is wanted, and the last ones kept, so that a film can also be played backward. */
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "media/ingest/internal.h"
#include "media/offline/convert.h"
#include "media/offline/offline.h"

enum { SAMPLES_MAX = 20000000, BACK = 40 /* pictures that a step back decodes at once: they fit the ring */, SKIP_MAX = 400, LOOKS = 8, RATE_MAX = 120 };

struct offline_film {
    /* set by open, then read-only */
    struct offline_facts facts;
    enum AVPixelFormat format;
    int64_t *times_us;           /* of all pictures, in the order they are shown */
    int64_t samples;
    bool even;                   /* picture n is sample n */
    /* the reader's own */
    struct source source;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    struct convert convert;
    bool drained;                /* the decoder has been told that no more comes */
    int64_t next;                /* the sample that the decoder is expected to give next */
    struct offline_kept {
        int64_t n;               /* -1: nothing */
        AVFrame *frame;
    } ring[OFFLINE_RING];
    int64_t turn;
    int damaged;
};

static enum vcr_err no_memory(struct vcr_why *why) { return vcr_fail(why, VCR_E_NOMEM, "not enough memory for this film"); }

/* ---- the walk ---- */
static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static enum vcr_err walk(struct offline_film *f, struct vcr_why *why)
{
    int64_t cap = 0, guess = 0;
    int what;
    enum vcr_err err;
    while ((err = source_read(&f->source, f->packet, &what, why)) == VCR_OK) {
        int64_t pts = f->packet->pts != AV_NOPTS_VALUE ? f->packet->pts : f->packet->dts != AV_NOPTS_VALUE ? f->packet->dts : guess;
        int64_t length = VCR_MAX(f->packet->duration, 0);
        bool shown = what == PICTURE && !(f->packet->flags & AV_PKT_FLAG_DISCARD);
        av_packet_unref(f->packet);
        if (!shown)
            continue;
        guess = pts + length;
        if (f->samples == cap) {
            cap = VCR_MAX(cap * 2, 1024);
            int64_t *grown = cap > SAMPLES_MAX ? NULL : realloc(f->times_us, (size_t)cap * sizeof(*grown));
            if (!grown)
                return no_memory(why);
            f->times_us = grown;
        }
        f->times_us[f->samples++] = pts;
    }
    if (err != VCR_E_END)
        return err;
    if (f->samples == 0)
        return vcr_fail(why, VCR_E_INVALID, "IN holds no picture that can be decoded");
    qsort(f->times_us, (size_t)f->samples, sizeof(*f->times_us), by_time);
    return source_again(&f->source, why);
}

/* ---- decoding ---- */
static int64_t sample_near(const struct offline_film *f, int64_t us)
{
    int64_t low = 0, high = f->samples - 1;
    while (low < high) {
        int64_t mid = low + (high - low + 1) / 2;
        if (f->times_us[mid] <= us)
            low = mid;
        else
            high = mid - 1;
    }
    return low + 1 < f->samples && f->times_us[low + 1] - us < us - f->times_us[low] ? low + 1 : low;
}

/* One decoded picture in f->frame; VCR_E_END: there are no more. */
static enum vcr_err decode(struct offline_film *f, struct vcr_why *why)
{
    for (;;) {
        int got = avcodec_receive_frame(f->decoder, f->frame), what = 0;
        if (got >= 0)
            return VCR_OK;
        if (got == AVERROR_EOF || f->drained)
            return VCR_E_END;
        if (got != AVERROR(EAGAIN))
            f->damaged++;
        enum vcr_err err = source_read(&f->source, f->packet, &what, why);
        f->drained = err == VCR_E_END;
        if (err != VCR_OK && err != VCR_E_END)
            return err;
        if (f->drained || what == PICTURE) {
            int sent = avcodec_send_packet(f->decoder, f->drained ? NULL : f->packet);
            f->damaged += sent < 0 && sent != AVERROR_EOF && sent != AVERROR(EAGAIN);
        }
        av_packet_unref(f->packet);
    }
}

static struct offline_kept *find(struct offline_film *f, int64_t n)
{
    for (int i = 0; i < OFFLINE_RING; i++)
        if (f->ring[i].n == n)
            return &f->ring[i];
    return NULL;
}

/* Keeps f->frame as sample n. */
static enum vcr_err keep(struct offline_film *f, int64_t n, struct vcr_why *why)
{
    struct offline_kept *k = find(f, n);
    k = k ? k : &f->ring[f->turn++ % OFFLINE_RING];
    k->n = -1;
    if (!k->frame) {
        k->frame = av_frame_alloc();
        if (!k->frame)
            return no_memory(why);
        k->frame->format = f->format;
        k->frame->width = f->facts.width;
        k->frame->height = f->facts.height;
        if (av_frame_get_buffer(k->frame, 0) < 0)
            return no_memory(why);
    }
    enum vcr_err err = convert_frame(&f->convert, f->frame, k->frame, f->facts.order != OFFLINE_PROGRESSIVE, why);
    av_frame_unref(f->frame);
    k->n = err == VCR_OK ? n : -1;
    return err;
}

/* So that the decoder gives sample n, or one before it, next. */
static enum vcr_err go_to(struct offline_film *f, int64_t n, struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    /* where the file's clock jumps, times of the file and ours differ */
    if (n == 0 || f->source.jumps > 0 || !source_seek(&f->source, f->times_us[n])) {
        err = source_again(&f->source, why);
        n = 0;
    }
    avcodec_flush_buffers(f->decoder);
    f->drained = false;
    f->next = n;
    return err;
}

/* Decodes until sample n is there, or one that stands for it. */
static enum vcr_err decode_to(struct offline_film *f, int64_t n, struct vcr_why *why)
{
    enum vcr_err err;
    bool again = false;
    while ((err = decode(f, why)) == VCR_OK) {
        int64_t at = f->frame->best_effort_timestamp != AV_NOPTS_VALUE ? sample_near(f, f->frame->best_effort_timestamp) : VCR_MIN(f->next, f->samples - 1);
        if (at > n && !again && at > f->next && f->next > 0) { /* the seek went too far */
            again = true;
            av_frame_unref(f->frame);
            if ((err = go_to(f, 0, why)) != VCR_OK)
                return err;
            continue;
        }
        f->next = at + 1;
        f->damaged += at > n;
        err = keep(f, at > n ? n : at, why);
        if (err != VCR_OK || at >= n)
            return err;
    }
    return err;
}

static int64_t sample_of(const struct offline_film *f, int64_t n)
{
    if (f->even)
        return VCR_MIN(n, f->samples - 1);
    int64_t us = f->times_us[0] + av_rescale(4 * n + 1, INT64_C(1000000) * f->facts.rate_den, INT64_C(4) * f->facts.rate_num), i = sample_near(f, us);
    return f->times_us[i] > us && i > 0 ? i - 1 : i;
}

/* What is shown where sample n cannot be had: the one that came last before it. */
static struct offline_kept *nearest(struct offline_film *f, int64_t n)
{
    struct offline_kept *best = NULL;
    for (int i = 0; i < OFFLINE_RING; i++)
        if (f->ring[i].n >= 0 && (!best || llabs(f->ring[i].n - n) < llabs(best->n - n)))
            best = &f->ring[i];
    return best;
}

enum vcr_err offline_film_read(struct offline_film *f, int64_t n, struct picture *into, struct vcr_why *why)
{
    int64_t sample = sample_of(f, n);
    struct offline_kept *k = find(f, sample);
    enum vcr_err err = VCR_OK;
    if (!k) {
        if (sample < f->next || sample > f->next + SKIP_MAX)
            err = go_to(f, sample < f->next ? VCR_MAX(sample - BACK, 0) : sample, why);
        if (err == VCR_OK)
            err = decode_to(f, sample, why);
        if (err == VCR_E_END)
            f->damaged++;
        else if (err != VCR_OK)
            return err;
        k = find(f, sample);
        k = k ? k : nearest(f, sample);
        if (!k)
            return vcr_fail(why, VCR_E_IO, "no picture of IN can be decoded at picture %lld", (long long)n);
    }
    for (int i = 0; i < 3; i++) {
        int w = i ? (f->facts.width + 1) / 2 : f->facts.width, h = i && !f->facts.is_422 ? (f->facts.height + 1) / 2 : f->facts.height;
        for (int y = 0; y < h; y++)
            memcpy(into->plane[i] + y * into->stride[i], k->frame->data[i] + y * k->frame->linesize[i], (size_t)w);
    }
    return VCR_OK;
}

int offline_film_damaged(const struct offline_film *f) { return f->damaged; }

/* ---- what it is ---- */
static void fit(struct offline_facts *a, const AVFrame *first)
{
    double over = VCR_MAX((double)first->width / OFFLINE_WIDTH_MAX, (double)first->height / OFFLINE_HEIGHT_MAX);
    a->width = over > 1 ? VCR_MAX((int)(first->width / over) & ~1, 16) : first->width;
    a->height = over > 1 ? VCR_MAX((int)(first->height / over) & ~3, 16) : first->height;
}

static bool has_even_times(const struct offline_film *f)
{
    double each = 1e6 * f->facts.rate_den / f->facts.rate_num;
    for (int64_t i = 0; i < f->samples; i++) {
        double off = (double)(f->times_us[i] - f->times_us[0]) - (double)i * each;
        if (off > each * 0.75 || off < -each * 0.75)
            return false;
    }
    return true;
}

static void find_rate(struct offline_film *f)
{
    AVStream *st = source_stream(&f->source, f->source.video);
    AVRational rate = av_guess_frame_rate(f->source.format, st, NULL);
    double length_us = (double)(f->times_us[f->samples - 1] - f->times_us[0]), counted = f->samples > 1 && length_us > 0 ? (double)(f->samples - 1) * 1e6 / length_us : 25;
    if (rate.num <= 0 || rate.den <= 0 || av_q2d(rate) > RATE_MAX || av_q2d(rate) < 1 || av_q2d(rate) > 1.9 * counted)
        rate = counted > 40 ? (AVRational){ 60000, 1001 } : (AVRational){ 30000, 1001 };
    f->facts.rate_num = rate.num;
    f->facts.rate_den = rate.den;
    f->even = has_even_times(f);
    f->facts.frames = f->even ? f->samples : (int64_t)(length_us * av_q2d(rate) / 1e6 + 1.5);
}

/* The first pictures say whether they are made of fields. */
static enum vcr_err look(struct offline_film *f, struct vcr_why *why)
{
    int fields = 0, top = 0, seen = 0;
    enum vcr_err err = VCR_OK;
    for (; seen < LOOKS && (err = decode(f, why)) == VCR_OK; seen++) {
        if (seen == 0) {
            const AVPixFmtDescriptor *d = av_pix_fmt_desc_get((enum AVPixelFormat)f->frame->format);
            AVRational sar = av_guess_sample_aspect_ratio(f->source.format, source_stream(&f->source, f->source.video), f->frame);
            if (!d || f->frame->width < 16 || f->frame->height < 16)
                return vcr_fail(why, VCR_E_INVALID, "a picture of %dx%d: at least 16x16", f->frame->width, f->frame->height);
            fit(&f->facts, f->frame);
            f->facts.is_422 = !(d->flags & AV_PIX_FMT_FLAG_RGB) && d->log2_chroma_h == 0 && d->log2_chroma_w > 0;
            f->facts.sar_num = sar.num > 0 ? sar.num : 0;
            f->facts.sar_den = sar.num > 0 ? sar.den : 0;
        }
        fields += f->frame->interlaced_frame != 0;
        top += f->frame->interlaced_frame && f->frame->top_field_first;
        av_frame_unref(f->frame);
    }
    if (seen == 0)
        return vcr_fail(why, VCR_E_INVALID, "IN holds no picture that can be decoded");
    f->facts.order = 2 * fields <= seen || f->facts.height % 2 ? OFFLINE_PROGRESSIVE : 2 * top > fields ? OFFLINE_TFF : OFFLINE_BFF;
    f->format = f->facts.is_422 ? AV_PIX_FMT_YUV422P : AV_PIX_FMT_YUV420P;
    return go_to(f, 0, why);
}

enum vcr_err offline_film_open(struct offline_film **ret, struct offline_facts *facts, struct vcr_why *why)
{
    struct offline_film *f = vcr_alloc(sizeof(*f));
    for (int i = 0; i < OFFLINE_RING; i++)
        f->ring[i].n = -1;
    f->packet = av_packet_alloc();
    f->frame = av_frame_alloc();
    enum vcr_err err = f->packet && f->frame ? source_open(&f->source, why) : no_memory(why);
    if (err == VCR_OK)
        err = walk(f, why);
    if (err == VCR_OK)
        err = source_decoder(&f->source, f->source.video, &f->decoder, why);
    if (err == VCR_OK) {
        f->facts.zero_us = f->times_us[0];
        find_rate(f);
        err = look(f, why);
    }
    if (err != VCR_OK) {
        offline_film_close(&f);
        return err;
    }
    complaints_take();
    *facts = f->facts;
    *ret = f;
    return VCR_OK;
}

void offline_film_close(struct offline_film **f)
{
    if (!*f)
        return;
    for (int i = 0; i < OFFLINE_RING; i++)
        av_frame_free(&(*f)->ring[i].frame);
    avcodec_free_context(&(*f)->decoder);
    av_packet_free(&(*f)->packet);
    av_frame_free(&(*f)->frame);
    convert_close(&(*f)->convert);
    source_close(&(*f)->source);
    free((*f)->times_us);
    free(*f);
    *f = NULL;
}
