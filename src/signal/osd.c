/* signal/osd.c - the deck's character generator: 12x16 dot cells made of a 5x7 font whose diagonals are rounded, white with a black edge. */
#include <string.h>

#include "signal/internal.h"

enum { COLUMNS = 24, ROWS = 12, CELL_W = 12, CELL_H = 16, INSET = 1, WHITE = 219 };
enum dot { DOT_NONE, DOT_EDGE, DOT_WHITE };

static bool font_dot(const uint8_t *g, int x, int y)
{
    return x >= 0 && x < 5 && y >= 0 && y < 7 && g[y] >> (4 - x) & 1;
}

/* Half dots, as teletext decoders round: an empty one is filled where two dots meet at its corner diagonally. */
static bool half_dot(const uint8_t *g, int hx, int hy)
{
    int x = hx >> 1, y = hy >> 1, dx = hx & 1 ? 1 : -1, dy = hy & 1 ? 1 : -1;
    if (font_dot(g, x, y))
        return true;
    return font_dot(g, x + dx, y) && font_dot(g, x, y + dy) && !font_dot(g, x + dx, y + dy);
}

static void draw_cell(const uint8_t *g, enum dot cell[CELL_H][CELL_W])
{
    memset(cell, 0, sizeof(cell[0]) * CELL_H);
    for (int y = 0; y < 14; y++)
        for (int x = 0; x < 10; x++)
            if (half_dot(g, x, y))
                cell[y + INSET][x + INSET] = DOT_WHITE;
    for (int y = 0; y < CELL_H; y++)
        for (int x = 0; x < CELL_W; x++)
            for (int k = 0; k < 9 && cell[y][x] == DOT_NONE; k++) {
                int nx = x + k % 3 - 1, ny = y + k / 3 - 1;
                if (nx >= 0 && nx < CELL_W && ny >= 0 && ny < CELL_H && cell[ny][nx] == DOT_WHITE)
                    cell[y][x] = DOT_EDGE;
            }
}

static void put_dot(struct picture *out, int x, int y, int w, int h, int level)
{
    for (int r = y; r < y + h; r++)
        memset(out->plane[0] + r * out->stride[0] + x, level, (size_t)w);
    for (int p = 1; p < 3; p++)
        for (int r = out->is_422 ? y : y / 2; r < (out->is_422 ? y + h : (y + h + 1) / 2); r++)
            memset(out->plane[p] + r * out->stride[p] + x / 2, 128, (size_t)((w + 1) / 2));
}

static void put_cell(struct picture *out, int x0, int y0, int dot_w, int dot_h, unsigned char c)
{
    enum dot cell[CELL_H][CELL_W];
    const uint8_t *g = font_glyph(c);
    if (!g)
        return;
    draw_cell(g, cell);
    for (int y = 0; y < CELL_H; y++)
        for (int x = 0; x < CELL_W; x++)
            if (cell[y][x] != DOT_NONE)
                put_dot(out, x0 + x * dot_w, y0 + y * dot_h, dot_w, dot_h, cell[y][x] == DOT_WHITE ? WHITE : 16);
}

void signal_osd(struct picture *out, int row, int column, const char *text)
{
    int cell_w = out->width * 8 / 10 / COLUMNS & ~1, cell_h = out->height * 8 / 10 / ROWS & ~1;
    int dot_w = cell_w / CELL_W, dot_h = cell_h / CELL_H;
    if (row < 0 || row >= ROWS || column < 0 || dot_w < 1 || dot_h < 1)
        return;
    int left = (out->width - cell_w * COLUMNS) / 2 & ~1, top = (out->height - cell_h * ROWS) / 2 & ~1;
    for (; *text && column < COLUMNS; text++, column++)
        put_cell(out, left + column * cell_w, top + row * cell_h, dot_w, dot_h, (unsigned char)*text);
}
