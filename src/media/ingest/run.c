/* media/ingest/run.c - the whole way of one file: probe, then one pass of decoding that feeds everything; a second one, encoding, when passing packets through
 * turns out not to do. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <libavutil/cpu.h>

#include "base/clock.h"
#include "base/util.h"
#include "media/ingest/internal.h"

static const char *const names[INGEST_OUTPUTS] = { "clean", "clean index", "sound", "sound index", "opus", "opus index", "tape", "tape index", "poster" };

void ingest_warm_up(void)
{
    av_log_set_level(AV_LOG_FATAL);
    av_cpu_count();
    AVCodecContext *c = avcodec_alloc_context3(avcodec_find_encoder_by_name("libx264"));
    if (!c)
        return;
    c->width = c->height = 64;
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->time_base = (AVRational){ 1, 25 };
    c->thread_count = 2;
    avcodec_open2(c, NULL, NULL);
    avcodec_free_context(&c);
}

static enum vcr_err open_outputs(struct run *r, struct vcr_why *why)
{
    for (int i = 0; i < INGEST_OUTPUTS; i++) {
        int fd = INGEST_FD_OUTPUTS + i;
        if (ftruncate(fd, 0) != 0)
            return vcr_fail(why, VCR_E_IO, "An output cannot be written.");
        if (r->outputs[i])
            io_close(&r->outputs[i]);
        int copy = dup(fd); /* the one handed in stays for a second attempt */
        enum vcr_err err = copy < 0 ? VCR_E_IO : io_fd_open(&r->outputs[i], copy, names[i], why);
        if (err != VCR_OK)
            return vcr_fail(why, VCR_E_IO, "An output cannot be written.");
    }
    return VCR_OK;
}

static double progress_of(const struct run *r, const AVPacket *p)
{
    int64_t length = r->facts.end_us - r->facts.first_us;
    return length > 0 && p->dts != AV_NOPTS_VALUE ? 0.05 + 0.94 * (double)(p->dts - r->facts.first_us) / (double)length : 0.05;
}

static enum vcr_err feed(struct run *r, struct picture_track *picture, struct sound_track *sound, struct vcr_why *why)
{
    AVPacket *p = av_packet_alloc();
    enum vcr_err err = p ? VCR_OK : vcr_fail(why, VCR_E_NOMEM, "There was not enough memory.");
    bool video = false;
    while (err == VCR_OK && (err = source_read(&r->source, p, &video, why)) == VCR_OK) {
        if (video)
            report_progress(r, r->facts.remux ? "copying" : "encoding", progress_of(r, p), p->dts == AV_NOPTS_VALUE ? 0 : p->dts - r->facts.first_us);
        err = video ? picture_packet(picture, p, why) : sound ? sound_packet(sound, p, why) : VCR_OK;
        av_packet_unref(p);
    }
    av_packet_free(&p);
    if (err == VCR_E_END)
        err = picture_packet(picture, NULL, why);
    if (err == VCR_OK && sound)
        err = sound_packet(sound, NULL, why);
    return err;
}

static enum vcr_err pass(struct run *r, struct vcr_why *why)
{
    struct picture_track *picture = NULL;
    struct sound_track *sound = NULL;
    int64_t duration_us = 0;
    r->frames = r->decode_errors = 0;
    enum vcr_err err = source_open(&r->source, why);
    if (err != VCR_OK)
        return err;
    err = picture_open(&picture, r, why);
    /* Sound that cannot be decoded is no reason to lose the picture. */
    if (err == VCR_OK && r->source.audio >= 0 && sound_open(&sound, r, NULL) != VCR_OK) {
        sound_close(&sound);
        r->decode_errors++;
    }
    if (err == VCR_OK)
        err = feed(r, picture, sound, why);
    if (err == VCR_OK)
        err = picture_finish(picture, &duration_us, why);
    if (err == VCR_OK && sound)
        err = sound_finish(sound, duration_us, why);
    if (err == VCR_OK)
        err = report_result(r, picture_clean_format(picture), picture_tape_format(picture), duration_us, sound != NULL);
    sound_close(&sound);
    picture_close(&picture);
    source_close(&r->source);
    return err;
}

enum vcr_err ingest_run(struct vcr_why *why)
{
    struct run r = { .begun_us = clock_mono_us() };
    report_progress(&r, "reading", 0, 0);
    enum vcr_err err = probe_run(&r, why);
    if (err == VCR_OK)
        err = open_outputs(&r, why);
    if (err == VCR_OK)
        err = pass(&r, why);
    if (err == VCR_E_STALE && r.facts.remux) { /* not as clean as it looked: encode it */
        r.facts.remux = false;
        err = open_outputs(&r, why);
        if (err == VCR_OK)
            err = pass(&r, why);
    }
    if (err != VCR_OK)
        report_error(why->text);
    return err;
}
