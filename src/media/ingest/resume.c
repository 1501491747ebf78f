/* media/ingest/resume.c - going on with what an attempt that was killed left: each reel up to its last whole fragment. What is encoded goes on from there, reel by reel; the
 * film is read from a second before the first place where one is missing. Marks and storyboard are taken once more, from the tape reel's own key pictures. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "media/ingest/internal.h"
#include "wire/fmp4.h"
#include "wire/reelidx.h"

static const char *const names[INGEST_OUTPUTS] = { "clean", "clean index", "sound", "sound index", "opus", "opus index", "tape", "tape index", "poster",
                                                 "storyboard", "captions", "sound 2", "sound 2 index", "sound 3", "sound 3 index", "sound 4", "sound 4 index" };

enum { RUN_UP_US = 1000000, MAX_TILE_BYTES = 8 << 20 };

static bool is_reel(int output)
{
    return output == INGEST_CLEAN || output == INGEST_TAPE || output == INGEST_AUDIO || output == INGEST_OPUS || (output >= INGEST_AUDIO_2 && (output - INGEST_AUDIO_2) % 2 == 0);
}

enum vcr_err resume_output(struct run *r, int i, uint64_t bytes, struct vcr_why *why)
{
    if (r->outputs[i])
        io_close(&r->outputs[i]);
    if (ftruncate(INGEST_FD_OUTPUTS + i, (off_t)bytes) != 0)
        return vcr_fail(why, VCR_E_IO, "An output cannot be written.");
    int copy = dup(INGEST_FD_OUTPUTS + i); /* the one handed in stays for a second attempt */
    enum vcr_err err = copy < 0 ? VCR_E_IO : io_fd_open(&r->outputs[i], copy, names[i], why);
    return err == VCR_OK ? VCR_OK : vcr_fail(why, VCR_E_IO, "An output cannot be written.");
}

static void tell(void *arg, double part) { report_progress(arg, "looking", ((struct run *)arg)->progress + 1e-7, 0); }

static void read_kept(struct run *r, int i)
{
    off_t size = lseek(INGEST_FD_OUTPUTS + i, 0, SEEK_END);
    struct io *io = NULL;
    int copy = size > 0 ? dup(INGEST_FD_OUTPUTS + i) : -1;
    r->has_kept[i] = copy >= 0 && io_fd_open(&io, copy, names[i], NULL) == VCR_OK && reel_kept_read(&r->kept[i], io, tell, r, NULL) == VCR_OK;
    io_close(&io);
}

void resume_close(struct run *r)
{
    for (int i = 0; i < INGEST_OUTPUTS; i++) {
        reel_kept_free(&r->kept[i]);
        r->has_kept[i] = false;
        io_close(&r->outputs[i]);
    }
}

static int64_t kept_us(const struct run *r, int i)
{
    struct fmp4_track t;
    const struct reel_kept *k = &r->kept[i];
    if (fmp4_parse_init(&t, k->init, k->init_size, NULL) != VCR_OK)
        return 0;
    return av_rescale((int64_t)k->end_ticks - t.priming, 1000000, t.timescale);
}

enum vcr_err resume_prepare(struct run *r, bool fresh, struct vcr_why *why)
{
    int64_t from_us = INT64_MAX;
    resume_close(r);
    for (int i = 0; !fresh && i < INGEST_OUTPUTS; i++) {
        if (!is_reel(i) || lseek(INGEST_FD_OUTPUTS + i, 0, SEEK_END) <= 0)
            continue;
        read_kept(r, i);
        from_us = VCR_MIN(from_us, r->has_kept[i] ? kept_us(r, i) : 0); /* sound comes later than its picture: one without a fragment begins anew */
    }
    bool longer = r->has_kept[INGEST_TAPE] && kept_us(r, INGEST_TAPE) > r->facts.end_us - r->facts.first_us + RUN_UP_US; /* then it is not this film's */
    r->resumed = !longer && r->has_kept[INGEST_TAPE] && (r->has_kept[INGEST_CLEAN] || r->wish.finish);
    r->resume_us = r->resumed ? VCR_MAX(from_us - RUN_UP_US, 0) : 0;
    r->resume_words_us = r->resume_us > 0 ? from_us : 0;
    int64_t captions = r->resumed ? captions_keep(INGEST_FD_OUTPUTS + INGEST_CAPTIONS, r->resume_words_us) : 0;
    if (captions < 0) { /* killed while it ended: all anew */
        r->resumed = false;
        r->resume_us = r->resume_words_us = captions = 0;
    }
    enum vcr_err err = VCR_OK;
    for (int i = 0; err == VCR_OK && i < INGEST_OUTPUTS; i++) {
        r->has_kept[i] = r->has_kept[i] && r->resumed;
        err = resume_output(r, i, r->has_kept[i] ? r->kept[i].bytes : i == INGEST_CAPTIONS ? (uint64_t)captions : 0, why);
    }
    return err;
}

uint64_t resume_ticks(const struct run *r, int output) { return r->has_kept[output] ? r->kept[output].end_ticks : 0; }

enum vcr_err resume_writer(struct run *r, int output, struct reel_format *f, struct reel_writer **ret, struct vcr_why *why)
{
    return r->has_kept[output] ? reel_writer_go_on(ret, f, &r->kept[output], r->outputs[output], r->outputs[output + 1], why)
                               : reel_writer_open(ret, f, r->outputs[output], r->outputs[output + 1], why);
}

enum vcr_err resume_revive(struct run *r, int output, struct reel_format *f, struct reel_writer **ret, struct vcr_why *why)
{
    struct fmp4_track t;
    const struct reel_kept *k = &r->kept[output];
    if (fmp4_parse_init(&t, k->init, k->init_size, NULL) != VCR_OK || t.codec != FMP4_H264 || t.config_len > sizeof(f->config))
        return vcr_fail(why, VCR_E_STALE, "what was kept is no picture");
    reel_encoder_format(f, t.width, t.height, (AVRational){ t.sar_num, t.sar_den });
    memcpy(f->config, t.config, t.config_len);
    f->config_len = t.config_len;
    f->pass_through = reel_encoder_may_pass(f, &r->facts, output == INGEST_TAPE);
    return resume_writer(r, output, f, ret, why);
}

/* ---- marks and storyboard of what is kept ---- */
static AVCodecContext *tape_decoder(const struct reel_kept *k)
{
    struct fmp4_track t;
    AVCodecContext *c = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_H264));
    bool ok = c && fmp4_parse_init(&t, k->init, k->init_size, NULL) == VCR_OK;
    if (ok)
        c->extradata = av_mallocz(t.config_len + AV_INPUT_BUFFER_PADDING_SIZE);
    if (ok && c->extradata) {
        memcpy(c->extradata, t.config, t.config_len);
        c->extradata_size = (int)t.config_len;
        c->flags |= AV_CODEC_FLAG_LOW_DELAY;
        c->thread_count = 1;
    }
    if (!ok || avcodec_open2(c, NULL, NULL) < 0)
        avcodec_free_context(&c);
    return c;
}

static enum vcr_err look_at_key(struct run *r, AVCodecContext *c, const struct reelidx_fragment *f, AVFrame *frame, AVPacket *p, struct vcr_why *why)
{
    struct fmp4_fragment boxes;
    struct fmp4_sample key;
    enum vcr_err err = VCR_OK;
    uint8_t *bytes = f->size <= MAX_TILE_BYTES ? malloc(f->size) : NULL;
    if (bytes && io_pread_all(r->outputs[INGEST_TAPE], bytes, f->size, f->offset, NULL) == VCR_OK && fmp4_parse_fragment(&boxes, bytes, f->size, NULL) == VCR_OK) {
        fmp4_fragment_sample(&boxes, 0, &key);
        if (av_new_packet(p, (int)key.size) >= 0) {
            memcpy(p->data, boxes.data, key.size);
            avcodec_send_packet(c, p);
            av_packet_unref(p);
            if (avcodec_receive_frame(c, frame) >= 0)
                err = picture_look(r, frame, f->start_us, why);
            av_frame_unref(frame);
        }
    }
    free(bytes);
    return err;
}

enum vcr_err resume_look(struct run *r, struct vcr_why *why)
{
    const struct reel_kept *k = &r->kept[INGEST_TAPE];
    if (!r->resumed)
        return VCR_OK;
    AVCodecContext *c = tape_decoder(k);
    AVFrame *frame = av_frame_alloc();
    AVPacket *p = av_packet_alloc();
    enum vcr_err err = VCR_OK;
    for (uint32_t i = 0; c && frame && p && err == VCR_OK && i < k->fragments; i++) {
        err = look_at_key(r, c, &k->records[i], frame, p, why);
        tell(r, 0);
    }
    avcodec_free_context(&c);
    av_frame_free(&frame);
    av_packet_free(&p);
    return err;
}
