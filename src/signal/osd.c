/* signal/osd.c - the deck's character generator: 24 by 12 cells of 12 by 18 dots, white with a black edge, as the chips in consumer decks made them.
 *
 * It counts its own dots: one is 146 ns of a line and one line of a field high (two of the raster). It is keyed into the played picture behind the tape, so it neither moves nor
 * gets noise, but it goes through the deck's output amplifier: edges rise in some 90 ns, and the colour under them gives way as slowly as a television's colour does. */
#include <string.h>

#include "signal/internal.h"

enum { COLUMNS = 24, ROWS = 12, CELL_W = 12, CELL_H = FONT_ROWS, DOTS = COLUMNS * CELL_W, AROUND = 2, WHITE = 219, BLACK_EDGE = 18, LINE_MAX = 4096, TAPS = 4 };
enum { DOT_NONE, DOT_EDGE, DOT_WHITE };

/* Where the cells lie in a raster. */
struct grid {
    int left_q8, dot_q8; /* of a sample */
    int top, cell_lines, pitch;
};

/* How much of a line's samples the generator takes, 256: all of it. Two lines, because colour lies under both. */
struct key {
    uint16_t white[LINE_MAX], all[2][LINE_MAX + 4];
    int from, to; /* samples */
    int32_t at_q8[LINE_MAX]; /* in dots, AROUND more */
};

static bool grid_of(struct grid *ret, const struct picture *out)
{
    int width = out->width, height = out->height, per_field_line = (height + 287) / 288, most = height * 9 / 10 / ROWS;
    int dot_q8 = width * 256 * 8 / 10 / DOTS, whole = (dot_q8 + 128) & ~255;
    if (whole && dot_q8 - whole < whole / 20 && whole - dot_q8 < whole / 20) /* as good as whole samples */
        dot_q8 = whole;
    *ret = (struct grid){ .dot_q8 = dot_q8, .cell_lines = VCR_MIN(CELL_H * per_field_line, most) };
    if (width > LINE_MAX || dot_q8 < 128 || ret->cell_lines < CELL_H / 2)
        return false;
    ret->pitch = VCR_MIN(ret->cell_lines * 7 / 6, most) & ~1;
    ret->pitch = VCR_MAX(ret->pitch, ret->cell_lines);
    ret->left_q8 = (width * 256 - dot_q8 * DOTS) / 2 & ~511;
    ret->top = (height - ret->pitch * (ROWS - 1) - ret->cell_lines) / 2 & ~1;
    return true;
}

/* A text's dots; AROUND more on all sides. */
static void draw_dots(uint8_t to[CELL_H][DOTS + 2 * AROUND], int column, const char *text)
{
    int from = AROUND + column * CELL_W - 1, end = VCR_MIN(AROUND + (column + (int)strnlen(text, COLUMNS)) * CELL_W + 1, DOTS + 2 * AROUND - 1);
    memset(to, DOT_NONE, sizeof(to[0]) * CELL_H);
    for (; *text && column < COLUMNS; text++, column++) {
        const uint16_t *g = font_glyph((unsigned char)*text);
        for (int y = 0; g && y < CELL_H; y++)
            for (int x = 0; x < CELL_W; x++)
                if (g[y] >> (CELL_W - 1 - x) & 1)
                    to[y][AROUND + column * CELL_W + x] = DOT_WHITE;
    }
    for (int y = 0; y < CELL_H; y++)
        for (int x = from; x < end; x++)
            for (int k = 0; k < 9 && to[y][x] == DOT_NONE; k++) {
                int ny = y + k / 3 - 1;
                if (ny >= 0 && ny < CELL_H && to[ny][x + k % 3 - 1] == DOT_WHITE)
                    to[y][x] = DOT_EDGE;
            }
}

/* One line of dots through the amplifier: a bell of 0.24 dots. */
static void key_line(struct key *key, const uint8_t *dots, int which)
{
    static const uint16_t bell[TAPS + 1] = { 64, 53, 29, 11, 3 };
    enum { STEP_Q8 = 38 };
    for (int x = key->from; x < key->to; x++) {
        int at_q8 = key->at_q8[x];
        unsigned white = 0, all = 0;
        for (int t = -TAPS; t <= TAPS; t++) {
            int dot = (at_q8 + t * STEP_Q8) >> 8, weight = bell[t < 0 ? -t : t];
            if (dot < 0 || dot >= DOTS + 2 * AROUND || dots[dot] == DOT_NONE)
                continue;
            all += weight;
            white += dots[dot] == DOT_WHITE ? weight : 0;
        }
        key->white[x] = (uint16_t)white;
        key->all[which][x + 2] = (uint16_t)all;
    }
}

static void measure(struct key *key, const struct grid *g)
{
    memset(key->all, 0, sizeof(key->all));
    for (int x = key->from; x < key->to; x++)
        key->at_q8[x] = (int32_t)(((int64_t)x * 256 + 128 - g->left_q8) * 256 / g->dot_q8) + AROUND * 256;
}

static void put_luma(uint8_t *line, const struct key *key, int which)
{
    for (int x = key->from; x < key->to; x++) {
        int all = key->all[which][x + 2], white = key->white[x];
        line[x] = (uint8_t)((line[x] * (256 - all) + WHITE * white + BLACK_EDGE * (all - white) + 128) >> 8);
    }
}

static void put_chroma(uint8_t *line, const struct key *key, int width)
{
    for (int x = VCR_MAX(key->from / 2 - 1, 0); x < VCR_MIN((key->to + 1) / 2 + 1, (width + 1) / 2); x++) {
        int all = 0;
        for (int k = 2 * x + 1; k < 2 * x + 5; k++)
            all += key->all[0][k] + key->all[1][k];
        line[x] = (uint8_t)(line[x] + (128 - line[x]) * all / 2048);
    }
}

void signal_osd(struct picture *out, int row, int column, const char *text)
{
    struct grid g;
    struct key key;
    uint8_t dots[CELL_H][DOTS + 2 * AROUND];
    int cells = (int)strnlen(text, COLUMNS);
    if (column == SIGNAL_OSD_RIGHT)
        column = COLUMNS - cells;
    if (row < 0 || row >= ROWS || column < 0 || !cells || !grid_of(&g, out))
        return;
    draw_dots(dots, column, text);
    key.from = VCR_MAX((g.left_q8 + (column * CELL_W - AROUND) * g.dot_q8) / 256, 0);
    key.to = VCR_MIN((g.left_q8 + (VCR_MIN(column + cells, COLUMNS) * CELL_W + AROUND) * g.dot_q8 + 255) / 256, out->width);
    measure(&key, &g);
    int top = g.top + row * g.pitch;
    for (int y = 0; y < g.cell_lines; y++) {
        int r = top + y, half = r & 1, dot_row = y * CELL_H / g.cell_lines;
        if (y && dot_row == (y - 1) * CELL_H / g.cell_lines)
            memcpy(key.all[half] + key.from + 2, key.all[!half] + key.from + 2, (size_t)(key.to - key.from) * sizeof(key.all[0][0]));
        else
            key_line(&key, dots[dot_row], half);
        put_luma(out->plane[0] + r * out->stride[0], &key, half);
        if (out->is_422)
            memcpy(key.all[!half], key.all[half], sizeof(key.all[0]));
        else if (!half && y + 1 < g.cell_lines)
            continue;
        for (int p = 1; p < 3; p++)
            put_chroma(out->plane[p] + (out->is_422 ? r : r / 2) * out->stride[p], &key, out->width);
    }
}

void signal_osd_tracking(struct picture *out, int tracking)
{
    enum { ENDS = 10, LENGTH = 2 * ENDS + 3 };
    char scale[LENGTH + 1] = "-";
    memset(scale + 1, SIGNAL_OSD_TICK, LENGTH - 2);
    scale[1 + ENDS] = SIGNAL_OSD_MIDDLE;
    scale[1 + ENDS + VCR_CLAMP(tracking, -ENDS, ENDS)] = SIGNAL_OSD_MARK;
    scale[LENGTH - 1] = '+';
    signal_osd(out, ROWS - 2, 0, "TRACKING");
    signal_osd(out, ROWS - 1, 0, scale);
}
