/* media/ingest/story.c - the storyboard: a small picture every so often, 25 on a sheet, sheets as JPEG one after another. Taken from the key pictures of the tape reel. */
#include <libswscale/swscale.h>
#include <string.h>

#include "base/util.h"
#include "media/ingest/internal.h"

enum { COLUMNS = 5, ROWS = 5, TILE_WIDTH = 160, TILES_WANTED = 300, SECOND_US = 1000000, QUALITY = 6 };

void story_open(struct story *s, const struct facts *f, struct io *out)
{
    *s = (struct story){ .out = out, .wide = f->wide };
    s->interval_us = (VCR_MAX(f->end_us - f->first_us, 1) / TILES_WANTED / SECOND_US + 1) * SECOND_US;
}

static int tile_height(const struct story *s) { return s->wide ? TILE_WIDTH * 9 / 16 : TILE_WIDTH * 3 / 4; }

static bool sheet_begin(struct story *s)
{
    AVFrame *f = s->sheet = av_frame_alloc();
    if (!f)
        return false;
    f->width = COLUMNS * TILE_WIDTH;
    f->height = ROWS * tile_height(s);
    f->format = AV_PIX_FMT_YUVJ420P;
    f->color_range = AVCOL_RANGE_JPEG;
    if (av_frame_get_buffer(f, 0) < 0)
        return false;
    memset(f->data[0], 0, (size_t)f->linesize[0] * (size_t)f->height);
    for (int i = 1; i < 3; i++)
        memset(f->data[i], 128, (size_t)f->linesize[i] * (size_t)f->height / 2);
    return true;
}

static enum vcr_err sheet_end(struct story *s, struct vcr_why *why)
{
    enum vcr_err err = VCR_OK;
    uint64_t before = io_size(s->out);
    if (s->sheet && s->sheets < STORY_SHEETS_MAX) {
        err = jpeg_append(s->sheet, QUALITY, s->out, why);
        s->bytes[s->sheets++] = (int64_t)(io_size(s->out) - before);
    }
    av_frame_free(&s->sheet);
    return err;
}

static void put_tile(struct story *s, const AVFrame *f, int n)
{
    int height = tile_height(s), x = n % COLUMNS * TILE_WIDTH, y = n / COLUMNS * height;
    s->sws = sws_getCachedContext(s->sws, f->width, f->height, AV_PIX_FMT_YUV420P, TILE_WIDTH, height, AV_PIX_FMT_YUVJ420P, SWS_AREA, NULL, NULL, NULL);
    if (!s->sws)
        return;
    AVFrame *to = s->sheet;
    uint8_t *into[4] = { to->data[0] + y * to->linesize[0] + x, to->data[1] + y / 2 * to->linesize[1] + x / 2, to->data[2] + y / 2 * to->linesize[2] + x / 2, NULL };
    sws_setColorspaceDetails(s->sws, sws_getCoefficients(SWS_CS_ITU601), 0, sws_getCoefficients(SWS_CS_ITU601), 1, 0, 1 << 16, 1 << 16);
    sws_scale(s->sws, (const uint8_t *const *)f->data, f->linesize, 0, f->height, into, to->linesize);
}

enum vcr_err story_look(struct story *s, const AVFrame *f, int64_t at_us, struct vcr_why *why)
{
    if (at_us < s->tiles * s->interval_us || s->tiles >= STORY_SHEETS_MAX * COLUMNS * ROWS)
        return VCR_OK;
    int n = (int)(s->tiles % (COLUMNS * ROWS));
    if (!s->sheet && !sheet_begin(s))
        return vcr_fail(why, VCR_E_NOMEM, "There was not enough memory for the storyboard.");
    put_tile(s, f, n);
    s->tiles++;
    return n == COLUMNS * ROWS - 1 ? sheet_end(s, why) : VCR_OK;
}

enum vcr_err story_finish(struct story *s, struct vcr_why *why) { return sheet_end(s, why); }

void story_write(const struct story *s, struct jsonw *j)
{
    if (s->sheets == 0)
        return;
    jsonw_open(j, "storyboard");
    jsonw_int(j, "interval_us", s->interval_us);
    jsonw_int(j, "tile_width", TILE_WIDTH);
    jsonw_int(j, "tile_height", tile_height(s));
    jsonw_int(j, "columns", COLUMNS);
    jsonw_int(j, "rows", ROWS);
    jsonw_int(j, "tiles", s->tiles);
    jsonw_open_array(j, "sheets");
    for (int i = 0; i < s->sheets; i++)
        jsonw_int(j, NULL, s->bytes[i]);
    jsonw_close_array(j);
    jsonw_close(j);
}

void story_close(struct story *s)
{
    av_frame_free(&s->sheet);
    sws_freeContext(s->sws);
    s->sws = NULL;
}
