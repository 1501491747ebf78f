/* media/ingest/graph.c - the picture's way: [bwdif] -> split -> clean (even size, 4:2:0) and tape (raster, field rate). */
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <stdio.h>

#include "base/util.h"
#include "media/ingest/internal.h"

void graph_raster(const struct facts *f, int *w, int *h, AVRational *sar)
{
    *w = 720;
    *h = f->pal ? 576 : 480;
    *sar = f->wide ? (f->pal ? (AVRational){ 64, 45 } : (AVRational){ 32, 27 }) : (f->pal ? (AVRational){ 16, 15 } : (AVRational){ 8, 9 });
}

double graph_shape(const struct facts *f)
{
    double shape = f->width * av_q2d(f->sar) / f->height;
    return f->turn & 1 ? 1 / shape : shape;
}

/* Shapes within 3 % of the raster's fill it, as players and televisions did; others keep theirs between bars. */
static void fit(const struct facts *f, int *w, int *h)
{
    int rw, rh;
    AVRational sar;
    graph_raster(f, &rw, &rh, &sar);
    double shape = graph_shape(f), raster = rw * av_q2d(sar) / rh;
    *w = rw, *h = rh;
    if (shape > raster * 1.03)
        *h = VCR_MAX((int)(rh * raster / shape / 2 + 0.5) * 2, 16);
    else if (shape < raster / 1.03)
        *w = VCR_MAX((int)(rw * shape / raster / 2 + 0.5) * 2, 16);
}

bool graph_fills(const struct facts *f)
{
    int w, h, rw, rh;
    AVRational sar;
    graph_raster(f, &rw, &rh, &sar);
    fit(f, &w, &h);
    return w == rw && h == rh;
}

static void describe(const struct facts *f, char *out, size_t size)
{
    static const char *const turns[4] = { "", "transpose=clock,", "hflip,vflip,", "transpose=cclock," };
    int w, h, rw, rh;
    AVRational sar;
    graph_raster(f, &rw, &rh, &sar);
    fit(f, &w, &h);
    char fields[96] = "";
    if (f->fields != FIELDS_PROGRESSIVE)
        snprintf(fields, sizeof(fields), "bwdif=mode=send_field:parity=%s:deint=all,", f->fields == FIELDS_TFF ? "tff" : "bff");
    snprintf(out, size,
             "[in]%s%ssplit=2[a][b];"
             "[a]pad=w=ceil(iw/2)*2:h=ceil(ih/2)*2,format=yuv420p[clean];"
             "[b]scale=%d:%d:flags=bicubic:out_color_matrix=bt601:out_range=tv,setsar=%d/%d,pad=%d:%d:-1:-1,format=yuv420p,fps=fps=%s:start_time=0:round=near[tape]",
             fields, turns[f->turn & 3], w, h, sar.num, sar.den, rw, rh, f->pal ? "50" : "60000/1001");
}

static AVFilterContext *sink(AVFilterGraph *g, const char *name)
{
    AVFilterContext *c = NULL;
    return avfilter_graph_create_filter(&c, avfilter_get_by_name("buffersink"), name, NULL, NULL, g) >= 0 ? c : NULL;
}

enum vcr_err graph_open(struct graph *g, const struct facts *f, const AVFrame *first, struct vcr_why *why)
{
    char text[640], args[200];
    AVFilterInOut *ends[3] = { avfilter_inout_alloc(), avfilter_inout_alloc(), avfilter_inout_alloc() };
    g->graph = avfilter_graph_alloc();
    if (!g->graph || !ends[0] || !ends[1] || !ends[2])
        return vcr_fail(why, VCR_E_NOMEM, "There was not enough memory for the picture.");
    g->graph->nb_threads = 2; /* of lines of one picture: the result is the same */
    snprintf(args, sizeof(args), "video_size=%dx%d:pix_fmt=%d:time_base=1/1000000:pixel_aspect=%d/%d", first->width, first->height, first->format, f->sar.num, f->sar.den);
    bool ok = avfilter_graph_create_filter(&g->in, avfilter_get_by_name("buffer"), "in", args, NULL, g->graph) >= 0;
    g->clean = sink(g->graph, "clean");
    g->tape = sink(g->graph, "tape");
    AVFilterInOut *in = ends[0], *out = ends[1];
    in->name = av_strdup("in"), in->filter_ctx = g->in, in->pad_idx = 0, in->next = NULL;
    out->name = av_strdup("clean"), out->filter_ctx = g->clean, out->pad_idx = 0, out->next = ends[2];
    ends[2]->name = av_strdup("tape"), ends[2]->filter_ctx = g->tape, ends[2]->pad_idx = 0, ends[2]->next = NULL;
    describe(f, text, sizeof(text));
    ok = ok && g->clean && g->tape && avfilter_graph_parse_ptr(g->graph, text, &out, &in, NULL) >= 0 && avfilter_graph_config(g->graph, NULL) >= 0;
    avfilter_inout_free(&in);
    avfilter_inout_free(&out);
    return ok ? VCR_OK : vcr_fail(why, VCR_E_INVALID, "The picture's size or colour format is not supported.");
}

void graph_close(struct graph *g) { avfilter_graph_free(&g->graph); }
