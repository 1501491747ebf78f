/* media/ingest/graph.c - the picture's way: [bwdif] [upright] [studio range] 4:2:0 -> split -> clean (even size) and tape (raster, 601, field rate). What a film
 * already is has no filter: even one that changes nothing costs a copy of every picture. */
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <math.h>
#include <stdio.h>

#include "base/util.h"
#include "media/ingest/internal.h"

enum { LARGEST_PIXELS = 4096 * 2304, TEXT_MAX = 1024 };

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

static bool is_601(enum AVColorSpace m) { return m == AVCOL_SPC_SMPTE170M || m == AVCOL_SPC_BT470BG || m == AVCOL_SPC_FCC; }

/* A picture that no H.264 level or memory is made for becomes smaller, in its shape. */
static bool shrink(const struct facts *f, int *w, int *h)
{
    double by = sqrt((double)LARGEST_PIXELS / ((double)f->width * f->height));
    *w = f->turn & 1 ? f->height : f->width, *h = f->turn & 1 ? f->width : f->height;
    if (by >= 1)
        return false;
    *w = VCR_MAX((int)(*w * by / 2) * 2, 2);
    *h = VCR_MAX((int)(*h * by / 2) * 2, 2);
    return true;
}

/* What both reels have in common: pictures instead of fields, upright, 4:2:0 of studio range. */
static void describe_common(const struct facts *f, struct buf *b)
{
    static const char *const turns[4] = { "", "transpose=clock,", "hflip,vflip,", "transpose=cclock," };
    int w, h;
    bool smaller = shrink(f, &w, &h);
    if (f->fields != FIELDS_PROGRESSIVE)
        buf_addf(b, "bwdif=mode=send_field:parity=%s:deint=all,", f->fields == FIELDS_TFF ? "tff" : "bff");
    buf_addf(b, "%s", turns[f->turn & 3]);
    if (f->rgb)
        buf_addf(b, "scale=%d:%d:flags=bicubic:out_color_matrix=%s:out_range=tv,", w, h, is_601(f->matrix) ? "bt601" : "bt709");
    else if (f->full_range)
        buf_addf(b, "scale=%d:%d:flags=bicubic:in_range=pc:out_range=tv,", w, h);
    else if (smaller)
        buf_addf(b, "scale=%d:%d:flags=bicubic,", w, h);
    buf_addf(b, "format=yuv420p,");
}

/* The tape is a recorder's: 601, its raster, its field rate. What the picture already is costs nothing. */
static void describe_tape(const struct facts *f, double start_s, struct buf *b)
{
    int w, h, rw, rh, from_w, from_h;
    AVRational sar;
    graph_raster(f, &rw, &rh, &sar);
    fit(f, &w, &h);
    shrink(f, &from_w, &from_h);
    if (w != from_w || h != from_h || !is_601(f->matrix))
        buf_addf(b, "scale=%d:%d:flags=bicubic:out_color_matrix=bt601:in_range=tv:out_range=tv,", w, h);
    buf_addf(b, "setsar=%d/%d,", sar.num, sar.den);
    if (w != rw || h != rh)
        buf_addf(b, "pad=%d:%d:-1:-1,", rw, rh);
    buf_addf(b, "format=yuv420p,fps=fps=%s:start_time=%.6f:round=near", f->pal ? "50" : "60000/1001", start_s);
}

static bool describe(const struct facts *f, double start_s, struct buf *b)
{
    int w, h;
    shrink(f, &w, &h);
    buf_addf(b, "[in]");
    describe_common(f, b);
    buf_addf(b, "split=2[a][b];[a]%s[clean];[b]", w % 2 || h % 2 ? "pad=w=ceil(iw/2)*2:h=ceil(ih/2)*2" : "null");
    describe_tape(f, start_s, b);
    buf_addf(b, "[tape]");
    return buf_ok(b);
}

static AVFilterContext *sink(AVFilterGraph *g, const char *name)
{
    AVFilterContext *c = NULL;
    return avfilter_graph_create_filter(&c, avfilter_get_by_name("buffersink"), name, NULL, NULL, g) >= 0 ? c : NULL;
}

enum vcr_err graph_open(struct graph *g, const struct facts *f, const AVFrame *first, double start_s, struct vcr_why *why)
{
    char args[200];
    struct buf text;
    buf_init(&text, TEXT_MAX);
    AVFilterInOut *ends[3] = { avfilter_inout_alloc(), avfilter_inout_alloc(), avfilter_inout_alloc() };
    g->graph = avfilter_graph_alloc();
    if (!g->graph || !ends[0] || !ends[1] || !ends[2])
        return vcr_fail(why, VCR_E_NOMEM, "There was not enough memory for the picture.");
    g->graph->nb_threads = 1; /* what is beside it are the encoders, see aside.c */
    snprintf(args, sizeof(args), "video_size=%dx%d:pix_fmt=%d:time_base=1/1000000:pixel_aspect=%d/%d", first->width, first->height, first->format, f->sar.num, f->sar.den);
    bool ok = avfilter_graph_create_filter(&g->in, avfilter_get_by_name("buffer"), "in", args, NULL, g->graph) >= 0;
    g->clean = sink(g->graph, "clean");
    g->tape = sink(g->graph, "tape");
    AVFilterInOut *in = ends[0], *out = ends[1];
    in->name = av_strdup("in"), in->filter_ctx = g->in, in->pad_idx = 0, in->next = NULL;
    out->name = av_strdup("clean"), out->filter_ctx = g->clean, out->pad_idx = 0, out->next = ends[2];
    ends[2]->name = av_strdup("tape"), ends[2]->filter_ctx = g->tape, ends[2]->pad_idx = 0, ends[2]->next = NULL;
    ok = describe(f, start_s, &text) && ok && g->clean && g->tape && avfilter_graph_parse_ptr(g->graph, text.data, &out, &in, NULL) >= 0 && avfilter_graph_config(g->graph, NULL) >= 0;
    avfilter_inout_free(&in);
    avfilter_inout_free(&out);
    buf_free(&text);
    return ok ? VCR_OK : vcr_fail(why, VCR_E_INVALID, "The picture's size or colour format is not supported.");
}

void graph_close(struct graph *g) { avfilter_graph_free(&g->graph); }
