/* wire/cea608.c - see cea608.h. Here: what the codes do; how a screen becomes a cue is cea608_cue.c. */
#include "wire/cea608.h"

#include <string.h>

#include "base/util.h"
#include "wire/cea608_internal.h"

enum { MODE_NONE, MODE_POP, MODE_ROLL, MODE_PAINT, MODE_TEXT };
enum { BLOCK = 0x2588, NOTHING_US = 16000000, DOUBLE_US = 100000, PAUSE_US = 1000000, LATE_LINE_US = 250000 };

bool cea608_parity_ok(uint8_t byte) { return __builtin_popcount(byte) & 1; }

/* ---- characters ---- */
static const uint16_t special[16] = { 0xAE, 0xB0, 0xBD, 0xBF, 0x2122, 0xA2, 0xA3, 0x266A, 0xE0, 0, 0xE8, 0xE2, 0xEA, 0xEE, 0xF4, 0xFB };
/* The first set (12) has Spanish, marks and French, the second (13) Portuguese, German and Danish. */
static const uint16_t extended[2][32] = {
    { 0xC1, 0xC9, 0xD3, 0xDA, 0xDC, 0xFC, 0x2018, 0xA1, '*', '\'', 0x2014, 0xA9, 0x2120, 0x2022, 0x201C, 0x201D,
      0xC0, 0xC2, 0xC7, 0xC8, 0xCA, 0xCB, 0xEB, 0xCE, 0xCF, 0xEF, 0xD4, 0xD9, 0xF9, 0xDB, 0xAB, 0xBB },
    { 0xC3, 0xE3, 0xCD, 0xCC, 0xEC, 0xD2, 0xF2, 0xD5, 0xF5, '{', '}', '\\', '^', '_', '|', '~',
      0xC4, 0xE4, 0xD6, 0xF6, 0xDF, 0xA5, 0xA4, 0x2502, 0xC5, 0xE5, 0xD8, 0xF8, 0x250C, 0x2510, 0x2514, 0x2518 },
};

static uint16_t basic(uint8_t c)
{
    static const struct { uint8_t code; uint16_t letter; } others[] = { { 0x27, 0x2019 }, { 0x2A, 0xE1 }, { 0x5C, 0xE9 }, { 0x5E, 0xED }, { 0x5F, 0xF3 }, { 0x60, 0xFA },
                                                                        { 0x7B, 0xE7 },   { 0x7C, 0xF7 }, { 0x7D, 0xD1 }, { 0x7E, 0xF1 }, { 0x7F, BLOCK } };
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (others[i].code == c)
            return others[i].letter;
    return c;
}

/* ---- the screen ---- */
static void end_cue(struct cea608 *d, struct cea608_channel *c)
{
    if (c->lit)
        cea608_screen_out(d, (int)(c - d->channels), c->since_us, d->now_us);
    c->lit = false;
}

static void light(struct cea608 *d, struct cea608_channel *c)
{
    c->lit = cea608_any(&c->shown);
    c->since_us = d->now_us;
}

static void erase(struct cea608 *d, struct cea608_channel *c)
{
    end_cue(d, c);
    memset(&c->shown, 0, sizeof(c->shown));
}

/* Nobody said anything for long: it is taken away, as of then. */
static void expire(struct cea608 *d, struct cea608_channel *c)
{
    int64_t now_us = d->now_us;
    if (!c->lit || now_us - c->heard_us <= NOTHING_US)
        return;
    d->now_us = c->heard_us + NOTHING_US;
    erase(d, c);
    d->now_us = now_us;
}

/* Before something is written where it is seen. */
static void touch(struct cea608 *d, struct cea608_channel *c)
{
    bool paused = c->mode == MODE_PAINT && d->now_us - c->written_us > PAUSE_US;
    bool late = c->mode == MODE_ROLL && d->now_us - c->since_us > LATE_LINE_US && !cea608_any_in_row(&c->shown, c->row);
    if (c->lit && (paused || late))
        end_cue(d, c);
    if (!c->lit) {
        c->lit = true;
        c->since_us = d->now_us;
    }
    c->written_us = d->now_us;
}

static struct cea608_memory *memory(struct cea608_channel *c) { return c->mode == MODE_POP ? &c->hidden : &c->shown; }
static bool takes(const struct cea608_channel *c) { return c->mode == MODE_POP || c->mode == MODE_ROLL || c->mode == MODE_PAINT; }

static void put(struct cea608 *d, struct cea608_channel *c, uint16_t letter)
{
    if (!takes(c))
        return;
    if (c->mode != MODE_POP)
        touch(d, c);
    int column = VCR_MIN(c->column, CEA608_COLUMNS - 1); /* the last one is written over */
    memory(c)->at[c->row][column] = (struct cea608_cell){ letter, c->style };
    c->column = column + 1;
}

static void clear_from(struct cea608 *d, struct cea608_channel *c, int column, int count)
{
    if (!takes(c))
        return;
    if (c->mode != MODE_POP && c->lit)
        touch(d, c);
    memset(&memory(c)->at[c->row][column], 0, (size_t)count * sizeof(struct cea608_cell));
}

static void back(struct cea608 *d, struct cea608_channel *c)
{
    if (c->column == 0 || !takes(c))
        return;
    c->column--;
    clear_from(d, c, c->column, 1);
}

/* Rows of the window only: what is above or beneath it goes. */
static void keep_window(struct cea608_channel *c)
{
    for (int r = 0; r < CEA608_ROWS; r++)
        if (r > c->row || r <= c->row - c->depth)
            memset(c->shown.at[r], 0, sizeof(c->shown.at[r]));
}

static void roll(struct cea608 *d, struct cea608_channel *c)
{
    if (c->mode != MODE_ROLL)
        return;
    end_cue(d, c);
    keep_window(c);
    for (int r = VCR_MAX(c->row - c->depth + 1, 0); r < c->row; r++)
        memcpy(c->shown.at[r], c->shown.at[r + 1], sizeof(c->shown.at[r]));
    memset(c->shown.at[c->row], 0, sizeof(c->shown.at[c->row]));
    keep_window(c);
    c->column = c->style = 0;
    light(d, c);
}

static void begin_roll(struct cea608 *d, struct cea608_channel *c, int depth)
{
    if (c->mode != MODE_ROLL) {
        erase(d, c);
        memset(&c->hidden, 0, sizeof(c->hidden));
        c->row = CEA608_ROWS - 1;
        c->column = c->style = 0;
    }
    c->mode = MODE_ROLL;
    c->depth = depth;
    c->row = VCR_MAX(c->row, depth - 1);
    if (c->lit) {
        end_cue(d, c);
        keep_window(c);
        light(d, c);
    }
}

/* The window goes where its lowest row is now. */
static void move_window(struct cea608 *d, struct cea608_channel *c, int row)
{
    struct cea608_memory before = c->shown;
    int from = c->row;
    row = VCR_MAX(row, c->depth - 1);
    if (row == from)
        return;
    end_cue(d, c);
    memset(&c->shown, 0, sizeof(c->shown));
    for (int i = 0; i < c->depth && from - i >= 0 && row - i >= 0; i++)
        memcpy(c->shown.at[row - i], before.at[from - i], sizeof(before.at[0]));
    c->row = row;
    light(d, c);
}

static void pop(struct cea608 *d, struct cea608_channel *c)
{
    end_cue(d, c);
    struct cea608_memory shown = c->shown;
    c->shown = c->hidden;
    c->hidden = shown;
    c->mode = MODE_POP;
    light(d, c);
}

/* ---- codes ---- */
static void miscellaneous(struct cea608 *d, struct cea608_channel *c, uint8_t code)
{
    switch (code & 0x0F) {
    case 0x0: c->mode = MODE_POP; break;                                   /* resume caption loading */
    case 0x1: back(d, c); break;
    case 0x4: clear_from(d, c, VCR_MIN(c->column, CEA608_COLUMNS - 1), CEA608_COLUMNS - VCR_MIN(c->column, CEA608_COLUMNS - 1)); break; /* delete to end of row */
    case 0x5: case 0x6: case 0x7: begin_roll(d, c, (code & 0x0F) - 3); break;
    case 0x8: put(d, c, ' '); break;                                       /* flash on, which nobody does */
    case 0x9: c->mode = MODE_PAINT; break;                                 /* resume direct captioning */
    case 0xA: case 0xB: c->mode = MODE_TEXT; break;
    case 0xC: erase(d, c); break;                                          /* erase displayed memory */
    case 0xD: roll(d, c); break;                                           /* carriage return */
    case 0xE: memset(&c->hidden, 0, sizeof(c->hidden)); break;             /* erase non-displayed memory */
    case 0xF: pop(d, c); break;                                            /* end of caption */
    default: break;
    }
}

/* Preamble address code: row, indent or colour, underline. */
static void address(struct cea608 *d, struct cea608_channel *c, uint8_t first, uint8_t second)
{
    static const int8_t rows[8] = { 10, 0, 2, 11, 13, 4, 6, 8 };
    int row = rows[first & 7] + ((first & 7) != 0 && (second & 0x20) ? 1 : 0);
    if (((first & 7) == 0 && (second & 0x20)) || c->mode == MODE_TEXT)
        return;
    if (c->mode == MODE_ROLL)
        move_window(d, c, row);
    else
        c->row = row;
    c->column = second & 0x10 ? (second & 0x0E) * 2 : 0;
    c->style = (uint8_t)((second & 1 ? CEA608_UNDERLINED : 0) | ((second & 0x1E) == 0x0E ? CEA608_ITALIC : 0));
}

static void control(struct cea608 *d, struct cea608_channel *c, uint8_t first, uint8_t second)
{
    int group = first & 7;
    if (second >= 0x40) {
        address(d, c, first, second);
    } else if ((group == 4 || group == 5) && second < 0x30) {
        miscellaneous(d, c, second);
    } else if (group == 1 && second < 0x30) { /* mid-row: takes the room of a blank */
        put(d, c, ' ');
        c->style = (uint8_t)((second & 1 ? CEA608_UNDERLINED : 0) | ((second & 0x0E) == 0x0E ? CEA608_ITALIC : 0));
    } else if (group == 1) {
        put(d, c, special[second & 15]);
    } else if (group == 2 || group == 3) { /* stands over the letter sent for those who do not know it */
        back(d, c);
        put(d, c, extended[group - 2][second & 31]);
    } else if (group == 7 && second >= 0x21 && second <= 0x23) {
        c->column = VCR_MIN(c->column + (second & 3), CEA608_COLUMNS - 1);
    }
}

/* Each control code is sent twice, so that one of them arrives. */
static bool is_double(struct cea608 *d, struct cea608_field *f, uint8_t first, uint8_t second)
{
    bool again = f->doubles && f->last[0] == first && f->last[1] == second && d->now_us - f->last_us <= DOUBLE_US;
    f->doubles = !again;
    f->last[0] = first;
    f->last[1] = second;
    f->last_us = d->now_us;
    return again;
}

void cea608_open(struct cea608 *d, void (*cue)(void *arg, const struct cea608_cue *cue), void *arg)
{
    memset(d, 0, sizeof(*d));
    d->cue = cue;
    d->arg = arg;
    for (int i = 0; i < CEA608_CHANNELS; i++)
        d->channels[i].row = CEA608_ROWS - 1;
}

void cea608_pair(struct cea608 *d, int field, int64_t at_us, uint8_t first, uint8_t second)
{
    struct cea608_field *f = &d->fields[field & 1];
    struct cea608_channel *both = &d->channels[2 * (field & 1)];
    bool first_ok = cea608_parity_ok(first), second_ok = cea608_parity_ok(second);
    d->now_us = f->now_us = VCR_MAX(f->now_us, at_us);
    first &= 0x7F;
    second &= 0x7F;
    if ((first == 0 && second == 0) || (!first_ok && first < 0x20))
        return;
    for (int i = 0; i < 2; i++)
        expire(d, &both[i]);
    if (first >= 0x10 && first < 0x20) {
        if (!second_ok || second < 0x20)
            return;
        f->xds = false;
        f->channel = first >> 3 & 1;
        both[f->channel].heard_us = d->now_us;
        if (!is_double(d, f, first, second))
            control(d, &both[f->channel], first, second);
        return;
    }
    f->doubles = false;
    if (first > 0 && first < 0x10) {
        f->xds = (field & 1) && first != 0x0F;
        return;
    }
    if (f->xds)
        return;
    struct cea608_channel *c = &both[f->channel];
    c->heard_us = d->now_us;
    if (first >= 0x20)
        put(d, c, first_ok ? basic(first) : BLOCK);
    if (second >= 0x20)
        put(d, c, second_ok ? basic(second) : BLOCK);
}

void cea608_finish(struct cea608 *d, int64_t end_us)
{
    for (int i = 0; i < CEA608_CHANNELS; i++) {
        d->now_us = VCR_MAX(d->fields[i / 2].now_us, end_us);
        expire(d, &d->channels[i]);
        end_cue(d, &d->channels[i]);
    }
}
