/* wire/cea608_cue.c - a screen becomes cues, and a cue WebVTT. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "wire/cea608_internal.h"

/* Captions have four fifths of the picture's width and height. */
enum { SAFE_PERCENT = 80, EDGE_PERCENT = 10, CENTRE_SLACK = 3, HOUR_MS = 3600000, HOURS_MAX = 100 };

static bool is_seen(struct cea608_cell c) { return c.letter != 0 && c.letter != ' '; }

/* The first and last letter that is seen. */
static bool extent(const struct cea608_memory *m, int row, int *first, int *last)
{
    *first = -1;
    for (int i = 0; i < CEA608_COLUMNS; i++)
        if (is_seen(m->at[row][i])) {
            *first = *first < 0 ? i : *first;
            *last = i;
        }
    return *first >= 0;
}

bool cea608_any_in_row(const struct cea608_memory *m, int row)
{
    int first, last;
    return extent(m, row, &first, &last);
}

bool cea608_any(const struct cea608_memory *m)
{
    for (int r = 0; r < CEA608_ROWS; r++)
        if (cea608_any_in_row(m, r))
            return true;
    return false;
}

/* ---- text ---- */
struct writing {
    char *at;
    size_t len;
};

static void add(struct writing *w, const char *bytes, size_t n)
{
    if (w->len + n >= CEA608_TEXT_BYTES)
        return;
    memcpy(w->at + w->len, bytes, n);
    w->len += n;
}
static void adds(struct writing *w, const char *s) { add(w, s, strlen(s)); }

static void add_letter(struct writing *w, uint16_t c)
{
    char utf8[3] = { (char)c };
    if (c == '&' || c == '<' || c == '>') {
        adds(w, c == '&' ? "&amp;" : c == '<' ? "&lt;" : "&gt;");
    } else if (c < 0x80) {
        add(w, utf8, 1);
    } else if (c < 0x800) {
        utf8[0] = (char)(0xC0 | c >> 6), utf8[1] = (char)(0x80 | (c & 0x3F));
        add(w, utf8, 2);
    } else {
        utf8[0] = (char)(0xE0 | c >> 12), utf8[1] = (char)(0x80 | (c >> 6 & 0x3F)), utf8[2] = (char)(0x80 | (c & 0x3F));
        add(w, utf8, 3);
    }
}

/* Tags nest: all are closed and those wanted are opened. */
static uint8_t change_style(struct writing *w, uint8_t from, uint8_t to)
{
    if (from == to)
        return to;
    adds(w, from & CEA608_UNDERLINED ? "</u>" : "");
    adds(w, from & CEA608_ITALIC ? "</i>" : "");
    adds(w, to & CEA608_ITALIC ? "<i>" : "");
    adds(w, to & CEA608_UNDERLINED ? "<u>" : "");
    return to;
}

static void add_row(struct writing *w, const struct cea608_cell *row, int first, int last)
{
    uint8_t style = 0;
    for (int i = first; i <= last; i++) {
        bool blank = !is_seen(row[i]);
        style = blank ? style : change_style(w, style, row[i].style);
        if (blank)
            adds(w, " ");
        else
            add_letter(w, row[i].letter);
    }
    change_style(w, style, 0);
}

void cea608_screen_out(struct cea608 *d, int channel, int64_t start_us, int64_t end_us)
{
    const struct cea608_memory *m = &d->channels[channel].shown;
    struct cea608_cue *cue = &d->out;
    int first, last;
    for (int r = 0; r < CEA608_ROWS;) {
        struct writing w = { cue->text, 0 };
        int top = r;
        cue->column = CEA608_COLUMNS;
        cue->centred = true;
        for (; r < CEA608_ROWS && extent(m, r, &first, &last); r++) {
            cue->column = VCR_MIN(cue->column, first);
            cue->centred = cue->centred && abs(first + last - (CEA608_COLUMNS - 1)) <= CENTRE_SLACK;
            if (r > top)
                adds(&w, "\n");
            add_row(&w, m->at[r], first, last);
        }
        if (r == top) {
            r++;
            continue;
        }
        cue->text[w.len] = '\0';
        cue->channel = channel;
        cue->start_us = start_us;
        cue->end_us = end_us;
        cue->row = top;
        cue->rows = r - top;
        d->cue(d->arg, cue);
    }
}

static void write_time(struct buf *out, int64_t ms)
{
    buf_addf(out, "%02" PRId64 ":%02d:%02d.%03d", ms / HOUR_MS, (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000));
}

bool cea608_write_cue(struct buf *out, const struct cea608_cue *cue)
{
    int64_t start_ms = (cue->start_us + 500) / 1000, end_ms = (cue->end_us + 500) / 1000;
    if (cue->start_us < 0 || end_ms <= start_ms || end_ms > (int64_t)HOURS_MAX * HOUR_MS)
        return false;
    write_time(out, start_ms);
    buf_adds(out, " --> ");
    write_time(out, end_ms);
    buf_addf(out, " line:%d%%", EDGE_PERCENT + cue->row * SAFE_PERCENT / CEA608_ROWS);
    if (!cue->centred)
        buf_addf(out, " position:%d%% align:start", EDGE_PERCENT + cue->column * SAFE_PERCENT / CEA608_COLUMNS);
    buf_addf(out, "\n%s\n\n", cue->text);
    return buf_ok(out);
}
