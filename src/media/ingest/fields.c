/* media/ingest/fields.c - whether the picture is made of fields, and which comes first. Three witnesses: the container's word, the flags of the frames, and the lines
 * themselves (idet), each looked at in several places of the film, as its beginning is often a title or black. */
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "media/ingest/internal.h"

const char *const field_order_names[] = { "progressive", "tff", "bff", "unknown", "mixed" };
enum { PICTURES_ONCE = 150, WINDOWS = 4, PICTURES_EACH = 24, DECIDED_MIN = 8, AGAINST_MIN = 48, FIELDS_MIN_HEIGHT = 400 };
#define WINDOWS_FROM_US INT64_C(12000000)

/* One place of the film. */
struct look {
    AVFilterGraph *graph;
    AVFilterContext *in, *out;
    int width, height, pictures;
    double tff, bff, progressive;
};

static bool look_open(struct look *l, const AVFrame *frame)
{
    char args[160];
    AVFilterContext *idet = NULL;
    l->width = frame->width, l->height = frame->height;
    l->graph = avfilter_graph_alloc();
    snprintf(args, sizeof(args), "video_size=%dx%d:pix_fmt=%d:time_base=1/1000000:pixel_aspect=1/1", frame->width, frame->height, frame->format);
    if (!l->graph)
        return false;
    l->graph->nb_threads = 1;
    return avfilter_graph_create_filter(&l->in, avfilter_get_by_name("buffer"), "in", args, NULL, l->graph) >= 0 &&
           avfilter_graph_create_filter(&idet, avfilter_get_by_name("idet"), "idet", NULL, NULL, l->graph) >= 0 &&
           avfilter_graph_create_filter(&l->out, avfilter_get_by_name("buffersink"), "out", NULL, NULL, l->graph) >= 0 &&
           avfilter_link(l->in, 0, idet, 0) >= 0 && avfilter_link(idet, 0, l->out, 0) >= 0 && avfilter_graph_config(l->graph, NULL) >= 0;
}

static double count_of(const AVFrame *frame, const char *name)
{
    const AVDictionaryEntry *e = av_dict_get(frame->metadata, name, NULL, 0);
    return e ? strtod(e->value, NULL) : 0;
}

static void look_drain(struct look *l)
{
    AVFrame *seen = av_frame_alloc();
    while (seen && l->out && av_buffersink_get_frame(l->out, seen) >= 0) {
        l->tff = count_of(seen, "lavfi.idet.multiple.tff");
        l->bff = count_of(seen, "lavfi.idet.multiple.bff");
        l->progressive = count_of(seen, "lavfi.idet.multiple.progressive");
        av_frame_unref(seen);
    }
    av_frame_free(&seen);
}

/* Takes the frame. */
static void look_at(struct look *l, struct seen *all, AVFrame *frame)
{
    if (l->pictures == 0 && !look_open(l, frame))
        l->in = l->out = NULL;
    all->pictures++;
    all->flagged += frame->interlaced_frame != 0;
    all->flagged_top += frame->interlaced_frame && frame->top_field_first;
    frame->pts = l->pictures++;
    if (l->in && frame->width == l->width && frame->height == l->height && av_buffersrc_add_frame(l->in, frame) >= 0)
        look_drain(l);
    av_frame_unref(frame);
}

/* What a place says, added to what all said. */
static void look_close(struct look *l, struct seen *all)
{
    if (l->in && av_buffersrc_add_frame(l->in, NULL) >= 0)
        look_drain(l);
    avfilter_graph_free(&l->graph);
    double seen = l->tff + l->bff + l->progressive;
    if (seen < DECIDED_MIN)
        return;
    bool tff = l->tff >= 0.9 * seen, bff = l->bff >= 0.9 * seen;
    all->places++;
    all->tff += tff;
    all->bff += bff;
    all->progressive += !tff && !bff && l->progressive >= 0.5 * seen;
    all->in_fields += tff || bff ? (int)seen : 0;
}

static void look_from_here(struct source *s, AVCodecContext *c, struct run *r, struct seen *all, int pictures)
{
    struct look l = { 0 };
    AVPacket *p = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    int sound = 0;
    bool more = p && frame;
    while (more && l.pictures < pictures) {
        more = source_read(s, p, &sound, NULL) == VCR_OK;
        if (more && sound != PICTURE) {
            av_packet_unref(p);
            continue;
        }
        avcodec_send_packet(c, more ? p : NULL);
        av_packet_unref(p);
        while (avcodec_receive_frame(c, frame) >= 0) {
            if (all->pictures == 0)
                probe_first_picture(r, frame);
            look_at(&l, all, frame);
        }
        report_progress(r, "looking", r->progress + 1e-6, 0);
    }
    look_close(&l, all);
    av_packet_free(&p);
    av_frame_free(&frame);
}

void fields_look(struct source *s, AVCodecContext *c, struct run *r, struct seen *ret)
{
    const struct facts *f = &r->facts;
    int64_t length_us = f->end_us - f->first_us;
    bool several = length_us >= WINDOWS_FROM_US;
    look_from_here(s, c, r, ret, several ? PICTURES_EACH : PICTURES_ONCE);
    for (int i = 1; several && i < WINDOWS; i++) {
        bool there = f->jumps == 0 ? source_seek(s, f->first_us + length_us * i / WINDOWS) : source_seek_part(s, (double)i / WINDOWS);
        if (!there)
            break;
        avcodec_flush_buffers(c);
        look_from_here(s, c, r, ret, PICTURES_EACH);
    }
}

static enum field_order container_order(enum AVFieldOrder said)
{
    return said == AV_FIELD_TT || said == AV_FIELD_BT ? FIELDS_TFF : said == AV_FIELD_BB || said == AV_FIELD_TB ? FIELDS_BFF
           : said == AV_FIELD_PROGRESSIVE ? FIELDS_PROGRESSIVE : FIELDS_UNKNOWN;
}

/* Titles that roll and other things that move by whole lines look like fields, too: where nothing in the file speaks of fields it takes two seconds of them in half of
 * the places, in pictures of a height that was ever interlaced. Where something does, one place where things move is enough, as the others may stand still. */
static enum field_order lines_say(const struct seen *l, bool told, int height)
{
    enum field_order parity = l->tff > 0 ? FIELDS_TFF : FIELDS_BFF;
    int n = VCR_MAX(l->tff, l->bff);
    if (l->places == 0)
        return FIELDS_UNKNOWN;
    if (l->tff > 0 && l->bff > 0)
        return FIELDS_MIXED;
    if (n > 0 && told)
        return parity;
    if (n * 2 >= l->places && l->in_fields >= AGAINST_MIN && height >= FIELDS_MIN_HEIGHT)
        return parity;
    if (n > 0 && l->in_fields >= AGAINST_MIN && height >= FIELDS_MIN_HEIGHT)
        return FIELDS_MIXED;
    return l->progressive > 0 ? FIELDS_PROGRESSIVE : n > 0 ? FIELDS_UNKNOWN : FIELDS_MIXED;
}

enum field_order fields_decide(const struct seen *l, enum AVFieldOrder said, int height, const char *wish, struct witnesses *w)
{
    bool told = l->flagged * 2 > l->pictures || said > AV_FIELD_PROGRESSIVE;
    w->container = container_order(said);
    w->flags = l->pictures == 0 ? FIELDS_UNKNOWN : l->flagged == 0 ? FIELDS_PROGRESSIVE : l->flagged < 0.9 * l->pictures ? FIELDS_MIXED
               : l->flagged_top * 2 >= l->flagged ? FIELDS_TFF : FIELDS_BFF;
    w->lines = lines_say(l, told, height);
    const struct { const char *by; enum field_order word; } order[] = { { "lines", w->lines }, { "flags", w->flags }, { "container", w->container } };
    for (enum field_order o = FIELDS_PROGRESSIVE; wish && o <= FIELDS_BFF; o++)
        if (strcmp(wish, field_order_names[o]) == 0) {
            w->decided_by = "owner";
            return o;
        }
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        /* flags that say nothing of fields (some codecs have none) do not contradict a container that does */
        if (i == 1 && order[i].word == FIELDS_PROGRESSIVE && w->lines >= FIELDS_UNKNOWN && (w->container == FIELDS_TFF || w->container == FIELDS_BFF))
            continue;
        if (order[i].word <= FIELDS_BFF) {
            w->decided_by = order[i].by;
            return order[i].word;
        }
    }
    w->decided_by = "none";
    return FIELDS_PROGRESSIVE;
}
