/* media/ingest/notice.c - where something begins: proposed index marks, from a few points of a few pictures.
 *
 * Looks at the key pictures of the tape reel (four a second, so that a job that goes on sees the same ones in the reel itself), at one point in eight of each direction.
 *   black   mean luma below 28 and spread below 8        blank   spread below 3 (a recorder's blue screen)       both for a second at least
 *   snow    spread above 12, and neighbours four lines apart as well as the same place in the next picture differ by more than 0.8 of it: noise has 1.13, pictures
 *           have 0.1 to 0.5; for half a second at least
 *   cut     the histograms of the four quarters differ by more than half of all points, those before by less than a quarter, and the picture after is like the new
 *           one: a flash is no cut
 * A gap's mark is where it ends. Cuts are proposed at most a hundred a tape and ten seconds apart. */
#include <math.h>
#include <string.h>

#include "base/util.h"
#include "media/ingest/internal.h"

enum { STEP_PX = 8, LINES_APART = 4, BLACK_MEAN = 28, BLACK_SPREAD = 8, BLANK_SPREAD = 3, SNOW_SPREAD = 12, QUARTERS = 4, BINS = 16 };
enum { GAP_MIN_US = 1000000, SNOW_MIN_US = 500000, FIRST_MIN_US = 1000000, CUTS_APART_US = 10000000, CUTS_MAX = 100 };
#define NOISE 0.8
#define CUT 0.5f
#define CALM 0.25f

enum gap { GAP_NONE, GAP_BLACK, GAP_BLANK, GAP_SNOW };
static const char *const gap_titles[] = { "", "After black", "After blank tape", "After snow" };

void notice_open(struct notice *n, int64_t length_us)
{
    memset(n, 0, sizeof(*n));
    n->apart_us = VCR_MAX(CUTS_APART_US, length_us / CUTS_MAX);
    n->last_cut_us = -n->apart_us;
    n->length_us = length_us;
}

static void add_mark(struct notice *n, int64_t at_us, bool gap, const char *title)
{
    if (n->count < NOTICE_MARKS_MAX)
        n->marks[n->count++] = (struct notice_mark){ at_us, gap, title };
}

struct points {
    uint8_t luma[NOTICE_POINTS];
    float bins[QUARTERS * BINS];
    double mean, spread, lines, times;
};

static void take_points(const struct notice *n, struct points *p, const AVFrame *f)
{
    int columns = VCR_MIN(f->width / STEP_PX, NOTICE_COLUMNS), rows = VCR_MIN((f->height - LINES_APART) / STEP_PX, NOTICE_ROWS), count = VCR_MAX(columns * rows, 1);
    double sum = 0, squares = 0, lines = 0, times = 0;
    memset(p, 0, sizeof(*p));
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++) {
            const uint8_t *at = f->data[0] + (ptrdiff_t)y * STEP_PX * f->linesize[0] + x * STEP_PX;
            int v = *at, i = y * NOTICE_COLUMNS + x;
            p->luma[i] = (uint8_t)v;
            sum += v;
            squares += v * v;
            lines += abs(v - at[LINES_APART * f->linesize[0]]);
            times += abs(v - n->luma[i]);
            p->bins[((y >= rows / 2) * 2 + (x >= columns / 2)) * BINS + v * BINS / 256] += 1.0f / (float)count;
        }
    p->mean = sum / count;
    p->spread = sqrt(VCR_MAX(squares / count - p->mean * p->mean, 0));
    p->lines = lines / count;
    p->times = times / count;
}

static enum gap gap_of(const struct points *p)
{
    if (p->mean < BLACK_MEAN && p->spread < BLACK_SPREAD)
        return GAP_BLACK;
    if (p->spread < BLANK_SPREAD)
        return GAP_BLANK;
    return p->spread > SNOW_SPREAD && p->lines > NOISE * p->spread && p->times > NOISE * p->spread ? GAP_SNOW : GAP_NONE;
}

static float differ(const float *a, const float *b)
{
    float sum = 0;
    for (int i = 0; i < QUARTERS * BINS; i++)
        sum += fabsf(a[i] - b[i]);
    return sum / 2;
}

static void see_gap(struct notice *n, enum gap gap, int64_t at_us)
{
    if ((int)gap == n->gap)
        return;
    int64_t lasted = at_us - n->gap_from_us;
    bool long_enough = n->gap != GAP_NONE && lasted >= (n->gap == GAP_SNOW ? SNOW_MIN_US : GAP_MIN_US);
    if (long_enough && gap == GAP_NONE) {
        add_mark(n, at_us, true, gap_titles[n->gap]);
        n->gap_end_us = at_us;
    }
    n->gap = (int)gap;
    n->gap_from_us = at_us;
}

/* A cut is believed when the next picture is like it. */
static void see_cut(struct notice *n, const struct points *p, int64_t at_us)
{
    float step = n->seen ? differ(p->bins, n->bins) : 0;
    if (n->cut_us > 0) {
        if (step < CALM && differ(p->bins, n->before) > CUT && n->gap == GAP_NONE && n->cut_us >= FIRST_MIN_US && n->cut_us - n->last_cut_us >= n->apart_us &&
            (n->gap_end_us == 0 || n->cut_us - n->gap_end_us >= FIRST_MIN_US)) {
            add_mark(n, n->cut_us, false, "Scene");
            n->last_cut_us = n->cut_us;
        }
        n->cut_us = 0;
    } else if (step > CUT && n->calm) {
        n->cut_us = at_us;
        memcpy(n->before, n->bins, sizeof(n->before));
    }
    n->calm = step < CALM;
    memcpy(n->bins, p->bins, sizeof(n->bins));
}

void notice_look(struct notice *n, const AVFrame *f, int64_t at_us)
{
    struct points p;
    take_points(n, &p, f);
    see_gap(n, gap_of(&p), at_us);
    see_cut(n, &p, at_us);
    memcpy(n->luma, p.luma, sizeof(n->luma));
    n->seen = true;
}
