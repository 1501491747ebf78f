/* media/ingest/run.c - the whole way of one file: probe, then one pass of decoding that feeds everything; a second one, encoding, when passing packets through
 * turns out not to do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libavutil/cpu.h>

#include "base/clock.h"
#include "base/util.h"
#include "media/ingest/internal.h"

void ingest_warm_up(void)
{
    complaints_open();
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

static double progress_of(const struct run *r, const AVPacket *p)
{
    int64_t length = r->facts.end_us - r->facts.first_us;
    return length > 0 && p->dts != AV_NOPTS_VALUE ? 0.05 + 0.94 * (double)(p->dts - r->facts.first_us) / (double)length : 0.05;
}

/* A few bytes can stand for pictures without end. */
#define OUTPUT_BASE_BYTES (INT64_C(4) << 30)
enum { OUTPUT_TIMES = 64 };
enum vcr_err run_within_limits(struct run *r, struct vcr_why *why)
{
    int64_t bytes = 0, limit = r->wish.output_limit_bytes ? r->wish.output_limit_bytes : OUTPUT_BASE_BYTES + OUTPUT_TIMES * r->source.size;
    for (int i = 0; i < INGEST_OUTPUTS; i++)
        bytes += (int64_t)io_size(r->outputs[i]);
    return bytes <= limit ? VCR_OK : vcr_fail(why, VCR_E_INVALID, "Processing was ended: what is made of this film became far larger than the film.");
}

/* What one pass over the file feeds. */
struct tracks {
    struct picture_track *picture;
    struct sound_track *sounds[SOUNDS_MAX];
    bool present[SOUNDS_MAX];
};

static enum vcr_err feed(struct run *r, struct tracks *t, struct vcr_why *why)
{
    AVPacket *p = av_packet_alloc();
    enum vcr_err err = p ? VCR_OK : vcr_fail(why, VCR_E_NOMEM, "There was not enough memory.");
    int sound = 0;
    while (err == VCR_OK && (err = source_read(&r->source, p, &sound, why)) == VCR_OK) {
        report_progress(r, r->facts.remux ? "copying" : "encoding", progress_of(r, p), p->dts == AV_NOPTS_VALUE ? 0 : p->dts - r->facts.first_us);
        if (sound == PICTURE)
            err = picture_packet(t->picture, p, why);
        else if (sound == CAPTION)
            err = captions_packet(r, p, why);
        else if (t->sounds[sound])
            err = sound_packet(t->sounds[sound], p, why);
        av_packet_unref(p);
    }
    av_packet_free(&p);
    if (err == VCR_E_END)
        err = picture_packet(t->picture, NULL, why);
    for (int i = 0; i < SOUNDS_MAX && err == VCR_OK; i++)
        if (t->sounds[i])
            err = sound_packet(t->sounds[i], NULL, why);
    return err;
}

/* Sound that cannot be decoded is no reason to lose the picture. */
static void open_sounds(struct run *r, struct tracks *t)
{
    for (int i = 0; i < r->source.sounds && !r->wish.finish; i++) {
        t->present[i] = sound_open(&t->sounds[i], r, i, NULL) == VCR_OK;
        if (!t->present[i]) {
            sound_close(&t->sounds[i]);
            r->decode_errors++;
        }
    }
}

static enum vcr_err pass(struct run *r, struct vcr_why *why)
{
    struct tracks t = { 0 };
    int64_t duration_us = 0;
    r->frames = r->decode_errors = 0;
    complaints_take();
    enum vcr_err err = source_open(&r->source, why);
    if (err != VCR_OK)
        return err;
    notice_open(&r->notice, r->facts.end_us - r->facts.first_us);
    captions_open(&r->captions, r->outputs[INGEST_CAPTIONS], r->resume_words_us);
    story_open(&r->story, &r->facts, r->outputs[INGEST_STORY]);
    err = resume_look(r, why);
    if (err == VCR_OK)
        err = picture_open(&t.picture, r, why);
    if (err == VCR_OK) {
        if (r->resume_us > 0 && r->facts.jumps == 0 && !source_seek(&r->source, r->facts.first_us + r->resume_us))
            err = source_again(&r->source, why); /* then all is read again */
        open_sounds(r, &t);
        err = feed(r, &t, why);
    }
    if (err == VCR_OK)
        err = picture_finish(t.picture, &duration_us, why);
    for (int i = 0; i < SOUNDS_MAX && err == VCR_OK; i++)
        if (t.sounds[i])
            err = sound_finish(t.sounds[i], duration_us, why);
    if (err == VCR_OK)
        err = captions_finish(r, duration_us, why);
    if (err == VCR_OK)
        err = report_result(r, picture_clean_format(t.picture), picture_tape_format(t.picture), duration_us, t.present);
    for (int i = 0; i < SOUNDS_MAX; i++)
        sound_close(&t.sounds[i]);
    picture_close(&t.picture);
    story_close(&r->story);
    source_close(&r->source);
    return err;
}

enum vcr_err ingest_wish_add(struct ingest_wish *w, const char *text, struct vcr_why *why)
{
    const struct { const char *name, **value, *values[4]; } wishes[] = {
        { "field_order=", &w->field_order, { "progressive", "tff", "bff", NULL } }, { "standard=", &w->standard, { "ntsc", "pal", NULL } },
        { "aspect=", &w->aspect, { "4:3", "16:9", NULL } },
    };
    for (size_t i = 0; i < ARRAY_LEN(wishes); i++) {
        size_t len = strlen(wishes[i].name);
        for (int k = 0; strncmp(text, wishes[i].name, len) == 0 && wishes[i].values[k]; k++)
            if (strcmp(text + len, wishes[i].values[k]) == 0) {
                *wishes[i].value = wishes[i].values[k];
                return VCR_OK;
            }
    }
    if (strncmp(text, "output_limit=", 13) == 0 && (w->output_limit_bytes = strtoll(text + 13, NULL, 10)) > 0)
        return VCR_OK;
    return vcr_fail(why, VCR_E_INVALID, "%s is no wish", text);
}

enum vcr_err ingest_run(const struct ingest_wish *wish, struct vcr_why *why)
{
    struct run r = { .wish = *wish, .begun_us = clock_mono_us() };
    report_progress(&r, "reading", 0, 0);
    enum vcr_err err = probe_run(&r, why);
    /* Twice not as it looked: packets that cannot be kept after all, and reels kept of another attempt that this one cannot go on with. */
    bool fresh = false;
    for (int i = 0; err == VCR_OK && i < 3; i++) {
        err = resume_prepare(&r, fresh, why);
        if (err == VCR_OK)
            err = pass(&r, why);
        if (err != VCR_E_STALE || (!r.facts.remux && !r.resumed))
            break;
        fresh = !r.facts.remux || !r.resumed;
        if (r.facts.remux)
            r.facts.because = "damage";
        r.facts.remux = false;
        err = VCR_OK;
    }
    resume_close(&r);
    if (err != VCR_OK)
        report_error(why->text);
    return err;
}
