/* signal/render.c - one raster: the schedule's lines through the kernels, then the damage, then bytes. */
#include <string.h>

#include "signal/internal.h"

enum { BLUE_Y = 35, BLUE_U = 212, BLUE_V = 114, GREY = 128, BLACK = 16 }; /* the blue of the 75 % colour bars */

enum vcr_err signal_open(struct signal **ret, enum signal_standard standard, int width, int height, uint64_t seed, struct vcr_why *why)
{
    if (width < 64 || height < 64 || width > SIGNAL_WIDTH_MAX || height > SIGNAL_HEIGHT_MAX || width % 2 || height % 2)
        return vcr_fail(why, VCR_E_INVALID, "picture size %dx%d: even, 64x64 to %dx%d", width, height, SIGNAL_WIDTH_MAX, SIGNAL_HEIGHT_MAX);
    struct signal *s = calloc(1, sizeof(*s));
    if (!s)
        return vcr_fail(why, VCR_E_NOMEM, "signal: no memory for a raster");
    s->standard = standard;
    s->width = width;
    s->height = height;
    s->seed = seed;
    tables_open(s);
    memset(s->black, BLACK, sizeof(s->black));
    signal_set_profile(s, signal_profile_at(0));
    *ret = s;
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

static void fill(struct picture *out, int y, int u, int v)
{
    for (int r = 0; r < out->height; r++)
        memset(out->plane[0] + r * out->stride[0], y, (size_t)out->width);
    for (int r = 0; r < out->height / 2; r++) {
        memset(out->plane[1] + r * out->stride[1], u, (size_t)out->width / 2);
        memset(out->plane[2] + r * out->stride[2], v, (size_t)out->width / 2);
    }
}

static const uint8_t *snow_at(const struct signal *s, int64_t field, int line)
{
    return s->snow + (chance(s->seed, LAYER_SNOW, (uint64_t)field, (uint64_t)line) & (SNOW_SAMPLES - 1));
}

static void render_snow(struct signal *s, const struct signal_field *f, struct picture *out)
{
    fill(out, BLACK, GREY, GREY);
    for (int r = 0; r < s->height; r++)
        memcpy(out->plane[0] + r * out->stride[0], snow_at(s, f->field_index, r / 2), (size_t)s->width);
}

/* What lies beyond the line's ends: a little of the ends, then blanking. */
static void displace(struct signal *s, const int16_t *from, int16_t *to, int n, int32_t by_q8)
{
    const int32_t most = (LINE_PAD - 4) * 256;
    by_q8 = VCR_CLAMP(by_q8, -most, most);
    if (by_q8)
        line_shift(from + (by_q8 >> 8), to, n, s->cubic[by_q8 & 255]);
    else
        memcpy(to, from, (size_t)n * sizeof(*to));
}

static void luma_line(struct signal *s, const struct signal_field *f, const struct line_plan *p, const uint8_t *from, uint8_t *to, uint64_t key, int l)
{
    int n = s->width;
    int16_t *a = s->line[0] + LINE_PAD, *b = s->line[1] + LINE_PAD;
    if (from)
        line_widen(from, a, n, BLACK);
    else
        memset(a, 0, (size_t)n * sizeof(*a));
    if (s->profile.luma_mtf_khz > 0) {
        line_edges(a, n);
        line_fir(a, b, n, s->luma_fir[VCR_MIN(f->tape_speed, 2)], LUMA_HALF);
        int16_t *t = a;
        a = b, b = t;
    }
    if (p->noise_gain)
        line_noise(a, s->luma_noise + (chance(key, LAYER_NOISE, 0, (uint64_t)l) & (NOISE_SAMPLES - 1)), n, p->noise_gain);
    if (s->peaking_q15) {
        line_edges(a, n);
        line_peak(a, b, n, (int16_t)s->peaking_q15);
        int16_t *t = a;
        a = b, b = t;
    }
    if (p->shift_q8) {
        line_edges(a, n);
        displace(s, a, b, n, p->shift_q8);
        a = b;
    }
    if (p->snow_q8 || !from) {
        const uint8_t *snow = snow_at(s, f->field_index, l);
        line_snow(a, snow, s->torn + (snow - s->snow), n, from ? p->snow_q8 : 256);
    }
    line_narrow(a, to, n, BLACK);
}

/* One line of one colour difference, up to its noise; the buffer that it ends in. */
static int16_t *chroma_played(struct signal *s, const struct line_plan *p, const uint8_t *from, uint64_t key, int l, int plane)
{
    int n = s->width / 2;
    int16_t *a = s->chroma[plane - 1][0] + LINE_PAD, *b = s->chroma[plane - 1][1] + LINE_PAD, *above = s->above[plane - 1];
    line_widen(from, a, n, GREY);
    if (s->profile.chroma_bandwidth_khz > 0) {
        line_edges(a, n);
        line_fir(a, b, n, s->chroma_fir, CHROMA_HALF);
        a = b;
        if (l == 0)
            memcpy(above, a, (size_t)n * sizeof(*above));
        line_comb(a, above, n);
    }
    if (p->chroma_noise)
        line_noise(a, s->chroma_noise + (chance(key, LAYER_CHROMA, (uint64_t)plane, (uint64_t)l) & (NOISE_SAMPLES - 1)), n, p->chroma_noise);
    return a;
}

static void chroma_line(struct signal *s, const struct line_plan *p, const uint8_t *const from[2], uint8_t *const to[2], uint64_t key, int l)
{
    int n = s->width / 2;
    if (!from[0] || !p->colour_q8) {
        for (int i = 0; i < 2; i++) {
            memset(to[i], GREY, (size_t)n);
            memset(s->above[i], 0, (size_t)n * sizeof(s->above[i][0]));
        }
        return;
    }
    int16_t *played[2] = { chroma_played(s, p, from[0], key, l, 1), chroma_played(s, p, from[1], key, l, 2) };
    if (p->turn_q15 || p->grow_q15)
        line_turn(played[0], played[1], n, p->turn_q15, p->grow_q15);
    int32_t late_q8 = (int32_t)((int64_t)s->profile.chroma_delay_ns * 27 * s->width * 256 / 720 / 2000) / 2;
    int32_t by = p->shift_q8 / 2 - late_q8;
    for (int i = 0; i < 2; i++) {
        int16_t *a = played[i];
        if (p->colour_q8 < 256)
            line_scale(a, n, p->colour_q8);
        if (by) {
            int16_t *b = s->chroma[i][a == s->chroma[i][0] + LINE_PAD] + LINE_PAD;
            line_edges(a, n);
            displace(s, a, b, n, by);
            a = b;
        }
        line_narrow(a, to[i], n, GREY);
    }
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

static void damage(struct signal *s, struct picture *out)
{
    for (int i = 0; i < s->dropouts; i++) {
        const struct dropout *d = &s->dropout[i];
        int done = 0, line = d->line, x = d->x;
        while (done < d->length && line < s->height / 2) {
            int n = s->plan[line].band == d->band ? VCR_CLAMP(s->width - x, 0, d->length - done) : 0;
            for (int half = 0; half < 2 && n > 0 && line > 0; half++) {
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

static const uint8_t *source_row(const struct signal *s, const struct picture *p, int plane, int row)
{
    int rows = plane ? s->height / 2 : s->height, roll = plane ? s->roll_rows / 2 : s->roll_rows;
    if (!p)
        return NULL;
    if (plane == 0 && is_blank_row(s, row))
        return s->black;
    return p->plane[plane] + (row + roll) % rows * p->stride[plane];
}

static void render_tape(struct signal *s, const struct signal_field *f, const struct picture *const *sources, int n, struct picture *out)
{
    schedule_field(s, f);
    uint64_t key = mix64(s->seed ^ mix64((uint64_t)signal_track(s, f->tape_us)) ^ f->pass * 0x9E3779B97F4A7C15ull);
    if (f->rate != 65536 || f->lock_q16 < 65536)
        key = mix64(key + (uint64_t)f->field_index);
    for (int r = 0; r < s->height; r++) {
        const struct line_plan *p = &s->plan[r / 2];
        const struct picture *from = n > 0 ? sources[VCR_MIN(p->band, n - 1)] : NULL;
        uint8_t *row = out->plane[0] + r * out->stride[0];
        luma_line(s, f, p, source_row(s, from, 0, r), row, key, r / 2);
    }
    for (int r = 0; r < s->height / 2; r++) {
        const struct line_plan *p = &s->plan[r];
        const struct picture *from = n > 0 ? sources[VCR_MIN(p->band, n - 1)] : NULL;
        const uint8_t *in[2] = { source_row(s, from, 1, r), source_row(s, from, 2, r) };
        uint8_t *row[2] = { out->plane[1] + r * out->stride[1], out->plane[2] + r * out->stride[2] };
        chroma_line(s, p, is_blank_row(s, 2 * r) ? (const uint8_t *[2]) { NULL, NULL } : in, row, key, r);
    }
    damage(s, out);
}

void signal_render(struct signal *s, const struct signal_field *f, const struct picture *const *sources, int n, struct picture *out)
{
    if (f->kind == SIGNAL_BLUE)
        fill(out, BLUE_Y, BLUE_U, BLUE_V);
    else if (f->kind == SIGNAL_SNOW)
        render_snow(s, f, out);
    else
        render_tape(s, f, sources, n, out);
}
