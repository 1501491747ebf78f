/* signal/render.c - one raster: the schedule's lines through the kernels, then the damage, then bytes. */
#include <string.h>

#include "signal/internal.h"

enum { BLUE_Y = 35, BLUE_U = 212, BLUE_V = 114, GREY = 128, BLACK = 16, SIZE_LEAST = 16 }; /* the blue of the 75 % colour bars */

enum vcr_err signal_open(struct signal **ret, enum signal_standard standard, int width, int height, uint64_t seed, struct vcr_why *why)
{
    if (width < SIZE_LEAST || height < SIZE_LEAST || width > SIGNAL_WIDTH_MAX || height > SIGNAL_HEIGHT_MAX)
        return vcr_fail(why, VCR_E_INVALID, "picture size %dx%d: %dx%d to %dx%d", width, height, SIZE_LEAST, SIZE_LEAST, SIGNAL_WIDTH_MAX, SIGNAL_HEIGHT_MAX);
    struct signal *s = aligned_alloc(_Alignof(struct signal), sizeof(*s));
    if (!s)
        return vcr_fail(why, VCR_E_NOMEM, "signal: no memory for a raster");
    memset(s, 0, sizeof(*s));
    s->standard = standard;
    s->width = width;
    s->height = height;
    s->lines = (height + 1) / 2;
    s->seed = seed;
    signal_kernels_choose(&s->k, signal_isa_best());
    tables_open(s);
    memset(s->black, BLACK, sizeof(s->black));
    signal_set_profile(s, &(struct signal_profile){ .name = "none" });
    *ret = s;
    return VCR_OK;
}

enum vcr_err signal_set_isa(struct signal *s, enum signal_isa isa, struct vcr_why *why)
{
    if (!signal_isa_here(isa))
        return vcr_fail(why, VCR_E_INVALID, "this processor or this build has no %s", signal_isa_name(isa));
    signal_kernels_choose(&s->k, isa);
    return VCR_OK;
}

void signal_close(struct signal **s)
{
    free(*s);
    *s = NULL;
}

void signal_set_profile(struct signal *s, const struct signal_profile *p)
{
    s->profile = *p;
    tables_profile(s);
}

/* Which rows of the raster a call draws: every one, or those of one parity. */
struct rows {
    int first, step;
};

static int colour_rows(const struct picture *p) { return p->is_422 ? p->height : (p->height + 1) / 2; }

static void fill(struct picture *out, const struct rows *w, int y, int u, int v)
{
    const size_t half = (size_t)(out->width + 1) / 2;
    for (int r = w->first; r < out->height; r += w->step)
        memset(out->plane[0] + r * out->stride[0], y, (size_t)out->width);
    for (int r = w->first; r < colour_rows(out); r += w->step) {
        memset(out->plane[1] + r * out->stride[1], u, half);
        memset(out->plane[2] + r * out->stride[2], v, half);
    }
}

static const uint8_t *snow_at(const struct signal *s, int64_t field, int line)
{
    return s->snow + (chance(s->seed, LAYER_SNOW, (uint64_t)field, (uint64_t)line) & (SNOW_SAMPLES - 1));
}

static void render_snow(struct signal *s, const struct signal_field *f, struct picture *out, const struct rows *w)
{
    fill(out, w, BLACK, GREY, GREY);
    for (int r = w->first; r < s->height; r += w->step)
        memcpy(out->plane[0] + r * out->stride[0], snow_at(s, f->field_index, r / 2), (size_t)s->width);
}

/* What lies beyond the line's ends: a little of the ends, then blanking. */
static const int16_t *displaced(const int16_t *line, int32_t *by_q8)
{
    const int32_t most = (LINE_PAD - 4) * 256;
    *by_q8 = VCR_CLAMP(*by_q8, -most, most);
    return line + (*by_q8 >> 8);
}

/* A line that begins so late or so early that beyond the blanking its neighbour shows: as like it as lines are, and so the line itself stands for it. Into another line, by whole
 * samples; the rest is left in by_q8. Lines that are displaced by less stay where they are. */
static int16_t *turned_over(struct signal *s, int16_t *line, int n, int32_t *by_q8)
{
    const int blanking = n * (s->standard == SIGNAL_PAL ? 144 : 138) / 720, period = n + blanking;
    int by = (*by_q8 >> 8) % period;
    int16_t *to = s->scratch[CLIP_SCRATCH - 1] + LINE_PAD;
    if (*by_q8 >> 8 >= -blanking && *by_q8 >> 8 <= blanking)
        return line;
    by += by < 0 ? period : 0; /* what is at `by` comes first: the line's end, the blanking, its beginning */
    const int end = VCR_MAX(n - by, 0), begin = VCR_MIN(period - by, n);
    memcpy(to, line + VCR_MIN(by, n), (size_t)end * sizeof(*to));
    memset(to + end, 0, (size_t)(begin - end) * sizeof(*to));
    memcpy(to + begin, line, (size_t)(n - begin) * sizeof(*to));
    *by_q8 &= 255;
    return to;
}

/* From a line to bytes, displaced. Leaves copies of the ends beside the line. */
static void finish(struct signal *s, int16_t *line, uint8_t *to, int n, int32_t by_q8, int zero)
{
    if (!by_q8) {
        s->k.narrow(line, to, n, zero);
        return;
    }
    line = turned_over(s, line, n, &by_q8);
    s->k.edges(line, n);
    const int16_t *from = displaced(line, &by_q8);
    s->k.shift_narrow(from, to, n, s->cubic[by_q8 & 255], zero);
}

static const int16_t *noise_at(const int16_t *table, uint64_t key, enum signal_layer layer, int plane, int l)
{
    return table + (chance(key, layer, (uint64_t)plane, (uint64_t)l) & (NOISE_SAMPLES - 1));
}

static void swap(int16_t **a, int16_t **b)
{
    int16_t *t = *a;
    *a = *b;
    *b = t;
}

/* The response of tape and heads, and their noise (NULL: none); the line goes on in *a. */
static void respond(struct signal *s, const struct luma_filter *l, int16_t **a, int16_t **b, const int16_t *noise, int16_t gain)
{
    const int n = s->width;
    const bool at_once = noise && l->half == LUMA_HALF;
    for (int i = 0; i < l->times; i++) {
        s->k.edges(*a, n);
        if (at_once)
            s->k.fir_noise(*a, *b, n, l->taps, noise, gain);
        else
            s->k.fir(*a, *b, n, l->taps, l->half);
        swap(a, b);
    }
    if (noise && !at_once)
        s->k.noise(*a, noise, n, gain);
}

static void luma_line(struct signal *s, const struct signal_field *f, const struct line_plan *p, const uint8_t *from, uint8_t *to, uint64_t key, int l)
{
    int n = s->width;
    int16_t *a = s->line[0] + LINE_PAD, *b = s->line[1] + LINE_PAD;
    const uint8_t *snow = snow_at(s, s->moved, l);
    if (!from || p->snow_q8 >= 256) {
        memcpy(to, snow, (size_t)n);
        return;
    }
    const int16_t *noise = p->noise_gain ? noise_at(s->luma_noise, key, LAYER_NOISE, 0, l) : NULL;
    s->k.widen(from, a, n, BLACK);
    if (s->profile.emphasis) {
        int16_t *const scratch[CLIP_SCRATCH] = { s->scratch[0] + LINE_PAD, s->scratch[1] + LINE_PAD, s->scratch[2] + LINE_PAD };
        s->k.edges(a, n);
        s->k.clip(a, scratch, n, &s->emphasis);
    }
    if (s->profile.luma_mtf_khz > 0)
        respond(s, &s->luma[VCR_MIN(f->tape_speed, 2)], &a, &b, noise, p->noise_gain);
    else if (noise)
        s->k.noise(a, noise, n, p->noise_gain);
    if (s->peaking_q15) {
        s->k.edges(a, n);
        s->k.peak(a, b, n, s->peaking_q15, s->peaking_times);
        swap(&a, &b);
    }
    if (!p->snow_q8) {
        finish(s, a, to, n, p->shift_q8, BLACK);
        return;
    }
    int32_t by_q8 = p->shift_q8;
    if (by_q8) {
        int16_t *turned = turned_over(s, a, n, &by_q8);
        s->k.edges(turned, n);
        s->k.shift(displaced(turned, &by_q8), b, n, s->cubic[by_q8 & 255]);
        swap(&a, &b);
    }
    s->k.snow(a, snow, s->torn + (snow - s->snow), n, p->snow_q8);
    s->k.narrow(a, to, n, BLACK);
}

/* One line of one colour difference, up to its noise; the buffer that it ends in. */
static int16_t *chroma_played(struct signal *s, const struct line_plan *p, const uint8_t *from, uint64_t key, int l, int plane, int parity)
{
    int n = (s->width + 1) / 2;
    int16_t *a = s->chroma[plane - 1][0] + LINE_PAD, *b = s->chroma[plane - 1][1] + LINE_PAD, *above = s->above[parity][plane - 1];
    const int16_t *noise = p->chroma_noise ? noise_at(s->chroma_noise, key, LAYER_CHROMA, plane, l) : NULL;
    s->k.widen(from, a, n, GREY);
    if (s->profile.chroma_bandwidth_khz > 0) {
        s->k.edges(a, n);
        if (l && noise && s->profile.chroma_comb) {
            s->k.fir_comb_noise(a, b, above, n, s->comb_share, s->chroma_fir, noise, p->chroma_noise);
            return b;
        }
        s->k.fir(a, b, n, s->chroma_fir, CHROMA_HALF);
        a = b;
    }
    if (s->profile.chroma_comb) {
        if (l == 0)
            memcpy(above, a, (size_t)n * sizeof(*above));
        s->k.comb(a, above, n, s->comb_share);
    }
    if (noise)
        s->k.noise(a, noise, n, p->chroma_noise);
    return a;
}

/* What is left of the neighbouring track's colour after the comb: a right angle a line the one way round against the other way makes half a turn from line to line. */
static void crosstalk(struct signal *s, int16_t *const uv[2], const uint8_t *const beside[2], int n, int l)
{
    for (int i = 0; i < 2; i++) {
        s->k.widen(beside[i], s->beside[i], n, GREY);
        s->k.noise(uv[i], s->beside[i], n, (int16_t)(l & 1 ? -s->crosstalk_q16 : s->crosstalk_q16));
    }
}

enum { OLD_COLUMNS = 6, OLD_ROWS = 8, OLD_FIELDS = 150 };

/* How colourful the old picture was at a place of its own, in 1/256 of 40 codes, and of which hue, in 1/256 turn: patches without an edge, as colour of 40 lines' resolution is, from a
 * third to a little more than the whole. It was a moving picture as well: it drifts, and is cut every 2.5 seconds (3 in PAL). */
static void old_knots(const struct signal *s, int l, int ret_strength[OLD_COLUMNS + 2], int ret_hue[OLD_COLUMNS + 2])
{
    const int down = l * OLD_ROWS * 256 / s->lines, row = down / 256, part = down & 255;
    const uint64_t scene = s->over_track / OLD_FIELDS;
    for (int i = 0; i < OLD_COLUMNS + 2; i++) {
        const uint64_t a = chance(s->seed, LAYER_OVER, 1 + scene, (uint64_t)(row * 64 + i)), b = chance(s->seed, LAYER_OVER, 1 + scene, (uint64_t)((row + 1) * 64 + i));
        const int v = ((int)(a & 255) * (256 - part) + (int)(b & 255) * part) / 256;
        ret_strength[i] = 90 + v * v * 3 / 1024;
        ret_hue[i] = ((int)(a >> 8 & 127) * (256 - part) + (int)(b >> 8 & 127) * part) / 256;
    }
}

/* What is left of the colour that was there before: its carrier stands in no fixed relation to the new one, so that its hue goes round along a line, and from line to line and from
 * track to track. */
static void show_through(struct signal *s, int16_t *const uv[2], int16_t gain_q16, int n, int l)
{
    const uint32_t phase = s->over_phase + (uint32_t)l * s->over_line_turn;
    const int at = (int)((uint64_t)phase * (unsigned)s->wave_period >> 32), period = s->wave_period;
    const int column_q8 = OLD_COLUMNS * 65536 / n, drift_q16 = (int)(s->over_track % OLD_FIELDS) * (65536 / OLD_FIELDS);
    int16_t *const old[2] = { s->beside[0], s->beside[1] };
    int strength[OLD_COLUMNS + 2], hue[OLD_COLUMNS + 2];
    old_knots(s, l, strength, hue);
    for (int x = 0; x < n; x++) {
        const int place = x * column_q8 + drift_q16, k = place >> 16, part = place >> 8 & 255;
        const int by = at + x + (hue[k] * (256 - part) + hue[k + 1] * part) * period / 65536, a = strength[k] * (256 - part) + strength[k + 1] * part;
        old[0][x] = (int16_t)(s->wave[(by + period / 4) % period] * a / 65536);
        old[1][x] = (int16_t)(s->wave[by % period] * a / 65536);
    }
    for (int i = 0; i < 2; i++)
        s->k.noise(uv[i], old[i], n, gain_q16);
}

static void negate(int16_t *line, int n)
{
    for (int i = 0; i < n; i++)
        line[i] = (int16_t)-line[i];
}

/* A static phase error beyond what `turn` reaches: by right angles. */
static void turn_quarters(int16_t *uv[2], int n, int quarters)
{
    if (quarters == 1 || quarters == 2)
        negate(uv[1], n);
    if (quarters == 3 || quarters == 2)
        negate(uv[0], n);
    if (quarters % 2)
        swap(&uv[0], &uv[1]);
}

/* The rest of the static phase error, and then the carrier's own noise: streaks as long as the colour channel's band makes them. */
static void turn(struct signal *s, int16_t *const uv[2], int n, uint64_t key, int l)
{
    const int16_t *none = s->chroma_noise;
    if (s->phase_sin_q15 || s->phase_less_q15)
        s->k.turn(uv[0], uv[1], n, &(struct signal_turn) { (int16_t)s->phase_sin_q15, (int16_t)s->phase_less_q15, none, none, 0, 0 });
    if (s->streak_pm_q13 || s->streak_am_q13)
        s->k.turn(uv[0], uv[1], n, &(struct signal_turn) { 0, 0, noise_at(s->chroma_noise, key, LAYER_STREAK, 1, l), noise_at(s->chroma_noise, key, LAYER_STREAK, 2, l),
            s->streak_pm_q13, s->streak_am_q13 });
}

static void chroma_line(struct signal *s, const struct line_plan *p, const uint8_t *const from[2], const uint8_t *const beside[2], uint8_t *const to[2], uint64_t key,
    int l, int parity)
{
    int n = (s->width + 1) / 2;
    if (!from[0] || !p->colour_q8) {
        for (int i = 0; i < 2; i++) {
            memset(to[i], GREY, (size_t)n);
            memset(s->above[parity][i], 0, (size_t)n * sizeof(s->above[parity][i][0]));
        }
        return;
    }
    int16_t *played[2] = { chroma_played(s, p, from[0], key, l, 1, parity), chroma_played(s, p, from[1], key, l, 2, parity) };
    if (s->crosstalk_q16 && beside[0])
        crosstalk(s, played, beside, n, l);
    if (p->over_q16)
        show_through(s, played, p->over_q16, n, l);
    if (s->phase_quarters)
        turn_quarters(played, n, s->phase_quarters);
    turn(s, played, n, key, l);
    int32_t late_q8 = (int32_t)((int64_t)s->profile.chroma_delay_ns * 27 * s->width * 256 / 720 / 2000) / 2;
    int32_t by = p->shift_q8 / 2 - late_q8;
    for (int i = 0; i < 2; i++) {
        if (p->colour_q8 < 256)
            s->k.scale(played[i], n, p->colour_q8);
        finish(s, played[i], to[i], n, by, GREY);
    }
}

/* The line in whose middle the heads change: drawn as each of them reads it, the same lines above it for both. */
static void chroma_switched(struct signal *s, const struct line_plan *p, const uint8_t *const from[2], const uint8_t *const beside[2], uint8_t *const to[2], uint64_t key,
    int l, int parity)
{
    const size_t n = (size_t)(s->width + 1) / 2, bytes = n * sizeof(int16_t);
    uint8_t *const switched[2] = { s->switched, s->switched + n };
    int16_t *const kept[2] = { s->scratch[0], s->scratch[1] };
    for (int i = 0; i < 2; i++)
        memcpy(kept[i], s->above[parity][i], bytes);
    chroma_line(s, &s->before_switch, from, beside, switched, key, l, parity);
    for (int i = 0; i < 2; i++)
        memcpy(s->above[parity][i], kept[i], bytes);
    chroma_line(s, p, from, beside, to, key, l, parity);
    for (int i = 0; i < 2; i++)
        memcpy(to[i], switched[i], (size_t)(s->switch_x + 1) / 2);
}

/* The streak that the demodulator makes of a missing carrier: an overshoot to white, then a ragged tail. */
static void streak(const struct dropout *d, uint8_t *row, int x, int n, int done)
{
    for (int i = 0; i < n; i++) {
        int age = done + i, left = d->length - age;
        int level = age < 6 ? 60 + age * 28 : 235 - (int)(mix64(d->shape + (uint64_t)(age / 5)) & 63) - age / 3;
        int weight = VCR_CLAMP(left * 8, 0, 230);
        row[x + i] = (uint8_t)((row[x + i] * (256 - weight) + VCR_CLAMP(level, 16, 235) * weight) >> 8);
    }
}

static void damage(struct signal *s, struct picture *out, const struct rows *w)
{
    for (int i = 0; i < s->dropouts; i++) {
        const struct dropout *d = &s->dropout[i];
        int done = 0, line = d->line, x = d->x;
        while (done < d->length && line < s->lines) {
            int n = s->plan[line].band == d->band ? VCR_CLAMP(s->width - x, 0, d->length - done) : 0;
            for (int half = w->first; half < 2 && 2 * line + half < s->height && n > 0 && line > 0; half += w->step) {
                uint8_t *row = out->plane[0] + (2 * line + half) * out->stride[0];
                if (s->profile.dropout_compensator)
                    memcpy(row + x, row - 2 * out->stride[0] + x, (size_t)n);
                else
                    streak(d, row, x, n, done);
            }
            done += VCR_MAX(s->width - x, 0) + s->width * 138 / 720; /* and the blanking */
            line++;
            x = 0;
        }
    }
}

static bool is_blank_row(const struct signal *s, int row)
{
    return s->roll_rows && (row + s->roll_rows) % s->height < BLANK_ROWS;
}

/* Rolled by an even number of rows: a field stays the field that it is. Rows of 4:2:0 colour are half as many. */
static const uint8_t *source_row(const struct signal *s, const struct picture *p, int plane, int row)
{
    if (!p)
        return NULL;
    if (plane == 0 && is_blank_row(s, row))
        return s->black;
    int rows = plane ? colour_rows(p) : s->height, roll = plane && !p->is_422 ? s->roll_rows / 2 : s->roll_rows;
    return p->plane[plane] + (row + roll) % rows * p->stride[plane];
}

static void luma_rows(struct signal *s, const struct signal_field *f, const struct picture *const *sources, int n, struct picture *out, const struct rows *w, uint64_t key)
{
    for (int r = w->first; r < s->height; r += w->step) {
        const struct line_plan *p = &s->plan[r / 2];
        const struct picture *from = n > 0 ? sources[VCR_MIN(p->band, n - 1)] : NULL;
        uint8_t *row = out->plane[0] + r * out->stride[0];
        if (f->rate == 0 && r % 2 && w->step == 1) { /* a still is one field, shown for both: two heads that stand on one track read the same lines */
            memcpy(row, row - out->stride[0], (size_t)s->width);
            continue;
        }
        const uint8_t *in = source_row(s, from, 0, r);
        luma_line(s, f, p, in, row, key, r / 2);
        if (r / 2 == s->switch_line) {
            luma_line(s, f, &s->before_switch, in, s->switched, key, r / 2);
            memcpy(row, s->switched, (size_t)s->switch_x);
        }
    }
}

/* A line of 4:2:0 colour belongs to two of luma: of a whole raster to neighbours, whose plan is one; of a field to two of the field's. So of a still, which is one field
 * shown for both, every line of 4:2:0 colour is one of that field; in 4:2:2 there are two for each, as of luma. */
static void colour_lines(struct signal *s, const struct signal_field *f, const struct picture *const *sources, int n, struct picture *out, const struct rows *w, uint64_t key)
{
    for (int r = w->first; r < colour_rows(out); r += w->step) {
        int l = out->is_422 ? r / 2 : w->step == 1 ? r : VCR_MIN(r - w->first, s->lines - 1), parity = out->is_422 ? r % 2 : 0;
        const struct line_plan *p = &s->plan[l];
        const struct picture *from = n > 0 ? sources[VCR_MIN(p->band, n - 1)] : NULL, *next = f->beside ? f->beside : from;
        uint8_t *row[2] = { out->plane[1] + r * out->stride[1], out->plane[2] + r * out->stride[2] };
        if (f->rate == 0 && parity && w->step == 1) { /* as its luma */
            for (int i = 0; i < 2; i++)
                memcpy(row[i], row[i] - out->stride[1 + i], (size_t)(s->width + 1) / 2);
            continue;
        }
        const uint8_t *in[2] = { source_row(s, from, 1, r), source_row(s, from, 2, r) };
        const int near = f->beside ? r : VCR_MIN(r + (out->is_422 ? 2 : w->step), colour_rows(out) - 1);
        const uint8_t *beside[2] = { source_row(s, next, 1, near), source_row(s, next, 2, near) };
        if (is_blank_row(s, 2 * l))
            in[0] = in[1] = NULL;
        if (l == s->switch_line)
            chroma_switched(s, p, in, beside, row, key, l, parity);
        else
            chroma_line(s, p, in, beside, row, key, l, parity);
    }
}

static void render_tape(struct signal *s, const struct signal_field *f, const struct picture *const *sources, int n, struct picture *out, const struct rows *w)
{
    if (s->profile.search_lp_blank && f->tape_speed == 1 && tracks_searched(f)) {
        fill(out, w, BLACK, GREY, GREY);
        return;
    }
    schedule_field(s, f);
    s->comb_share = out->is_422 ? COMB_HALF : COMB_QUARTER;
    uint64_t key = mix64(s->seed ^ mix64((uint64_t)signal_track(s, f->tape_us)) ^ f->pass * 0x9E3779B97F4A7C15ull);
    if (f->rate != 65536 || f->lock_q16 < 65536)
        key = mix64(key + (uint64_t)f->field_index);
    luma_rows(s, f, sources, n, out, w, key);
    colour_lines(s, f, sources, n, out, w, key);
    damage(s, out, w);
}

static void render(struct signal *s, const struct signal_field *f, const struct picture *const *sources, int n, struct picture *out, struct rows w)
{
    if (f->kind == SIGNAL_BLUE)
        fill(out, &w, BLUE_Y, BLUE_U, BLUE_V);
    else if (f->kind == SIGNAL_SNOW)
        render_snow(s, f, out, &w);
    else
        render_tape(s, f, sources, n, out, &w);
}

void signal_render(struct signal *s, const struct signal_field *f, const struct picture *const *sources, int n, struct picture *out)
{
    render(s, f, sources, n, out, (struct rows) { 0, 1 });
}

void signal_render_field(struct signal *s, const struct signal_field *f, const struct picture *const *sources, int n, struct picture *out, int parity)
{
    render(s, f, sources, n, out, (struct rows) { parity & 1, 2 });
}
